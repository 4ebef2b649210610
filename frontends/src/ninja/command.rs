//! Running one command: a shell in a process group of its own, its output and its errors in one pipe, in the
//! order in which they were written.
//!
//! A command that nobody waits for any more (the build was dropped: Ctrl-C) is ended with all its children:
//! they are asked to, given a moment to tidy up after themselves, and then made to. Whoever drops the future
//! finds them gone.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// What it wrote; nothing if it wrote to the console itself.
    pub(super) output: Vec<u8>,
}

/// Runs a command line to its end. With `console` it has the terminal to itself. `private` is where it keeps temporary files
/// and caches, if not where this process does.
pub(super) async fn run(line: &str, directory: &Path, console: bool, private: Option<&Path>) -> io::Result<Ended> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other(
            "commands need a tokio runtime: drive the build with `Build::run_async` inside one",
        ));
    }
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line).current_dir(directory).kill_on_drop(true);
    command.envs(["TMPDIR", "XDG_CACHE_HOME"].into_iter().filter_map(|name| Some((name, private?))));
    if console {
        let child = command.spawn()?;
        let mut running = Running { child, group: false, ended: false };
        let status = running.child.wait().await?;
        running.ended = true;
        return Ok(Ended { status, output: Vec::new() });
    }
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let child = command.spawn()?;
    let mut running = Running { child, group: true, ended: false };
    // The command holds our ends of the pipe, which would never end.
    drop(command);
    let mut output = Vec::new();
    pipe::Receiver::from_owned_fd(reader.into())?.read_to_end(&mut output).await?;
    let status = running.child.wait().await?;
    running.ended = true;
    Ok(Ended { status, output })
}

/// A child that is ended when it is dropped too early.
struct Running {
    child: Child,
    /// It leads a process group.
    group: bool,
    ended: bool,
}

impl Running {
    fn send(&self, to: Pid, signal: Signal) {
        // One that has just ended of itself cannot be signalled, and need not be.
        let _ = if self.group { kill_process_group(to, signal) } else { kill_process(to, signal) };
    }
}

/// A child that was asked to end is looked at so often, a millisecond apart, before it is made to.
const PATIENCE: u32 = 200;

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Without an id it was waited for already.
        let Some(process) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) else { return };
        self.send(process, Signal::TERM);
        // It is looked at without being reaped, so that its number stays its own until the last signal is sent.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        for _ in 0..PATIENCE {
            if !matches!(waitid(WaitId::Pid(process), look), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.send(process, Signal::KILL);
        for _ in 0..PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How a failed command ended, in words.
pub(super) fn failure(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = NAMES.iter().find(|(number, _)| *number == signal).map_or("", |(_, name)| name);
            format!("signal {signal}{name}")
        }
        (None, None) => status.to_string(),
    }
}

const NAMES: [(i32, &str); 10] = [
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
    use std::time::Instant;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    fn run_in(directory: &Path, line: &str) -> Ended {
        block_on(run(line, directory, false, None)).expect("it starts")
    }

    #[test]
    fn output_and_errors_come_in_the_order_written() {
        let ended = run_in(Path::new("/"), "echo one; echo two >&2; pwd; cat; exit 3");
        assert_eq!(String::from_utf8_lossy(&ended.output), "one\ntwo\n/\n");
        assert_eq!(failure(ended.status), "exit status 3");
        let ended = run_in(Path::new("/"), "kill -SEGV $$");
        assert_eq!(failure(ended.status), "signal 11: SIGSEGV");
    }

    #[test]
    fn much_output_does_not_block() {
        let ended = run_in(Path::new("/"), "head -c 1000000 /dev/zero");
        assert!(ended.status.success() && ended.output.len() == 1_000_000);
    }

    #[test]
    fn without_a_runtime_there_is_an_error() {
        let error = futures_now(run("true", Path::new("/"), false, None)).expect_err("no runtime");
        assert!(error.to_string().contains("run_async"), "{error}");
    }

    fn futures_now<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_dropped_command_is_gone_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let line = "trap 'echo tidy > tidy; exit' TERM; (sleep 1; echo late > late) & echo on > started; wait";
        let begun = Instant::now();
        block_on(async {
            let running = run(line, directory.path(), false, None);
            let started = async {
                while !directory.path().join("started").exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! { _ = running => panic!("it waits for its child"), () = started => {} }
        });
        assert!(begun.elapsed() < Duration::from_millis(900));
        assert!(directory.path().join("tidy").exists(), "it was asked first");
        std::thread::sleep(Duration::from_millis(1200).saturating_sub(begun.elapsed()));
        assert!(!directory.path().join("late").exists(), "the child lives on");
    }
}
