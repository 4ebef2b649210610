//! How a command ended, in numbers and in words.

use std::process::ExitStatus;

use rustix::process::Signal;

/// How a shell ends that was interrupted.
pub(super) const INTERRUPTED: u8 = 130;

/// How a command ended, as a shell tells it.
pub(crate) fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signalled = || status.signal().map_or(u8::MAX, |signal| 128 + signal as u8);
    status.code().map_or_else(signalled, |code| code as u8)
}

/// Whether somebody ended a command who wants the build to end.
pub(super) fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let signals = [Signal::INT, Signal::TERM, Signal::HUP].map(Signal::as_raw);
    status.code() == Some(i32::from(INTERRUPTED)) || status.signal().is_some_and(|signal| signals.contains(&signal))
}

/// How a failed command ended, in words.
pub(crate) fn failure(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = NAMES.iter().find(|(number, _)| i32::from(*number) == signal).map_or("", |(_, name)| name);
            format!("signal {signal}{name}")
        }
        (None, None) => status.to_string(),
    }
}

/// The same of its [`code`], from which a command that a signal ended cannot be told from one that says so of another.
pub(super) fn failure_of(code: u8) -> String {
    let signal = NAMES.iter().find(|(number, _)| code == 128 + number);
    format!("exit status {code}{}", signal.map_or("", |(_, name)| name))
}

const NAMES: [(u8, &str); 10] = [
    (1, ": SIGHUP"),
    (2, ": SIGINT"),
    (3, ": SIGQUIT"),
    (4, ": SIGILL"),
    (6, ": SIGABRT"),
    (8, ": SIGFPE"),
    (9, ": SIGKILL"),
    (11, ": SIGSEGV"),
    (13, ": SIGPIPE"),
    (15, ": SIGTERM"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_signals_only_if_there_is_such_a_signal() {
        let told = [1, 137, 143, 150, 255].map(failure_of);
        let expected =
            ["1", "137: SIGKILL", "143: SIGTERM", "150", "255"].map(|status| format!("exit status {status}"));
        assert_eq!(told, expected);
    }
}
