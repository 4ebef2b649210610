//! What a person sees of a build of commands, while it runs and when it has failed.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use alacarte_core::{BuildError, Cause, Key, Report};
use alacarte_stores::{Log, SharedFiles, shown, to_stderr};

use super::colours::{colours_are_shown, without_colours};
use super::events::{CommandEvent, Stage};
use super::exit_status::failure_of;

/// What is wrong with a file that is needed, in ninja's words.
pub(crate) const NO_RULE: &str = "missing and no known rule to make it";

/// What a person sees of running commands: one line that is written over on a terminal, a line a command elsewhere.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    verbose: bool,
    /// How many commands there may be; 0 if nobody knows.
    pub total: usize,
    /// How much time is left, as far as anybody knows. (Shown on a terminal only.)
    pub left: Option<Duration>,
    /// The line is to be written over.
    open: bool,
    /// It was told that the cache is in trouble.
    warned: bool,
}

impl Screen {
    /// On standard output. A `verbose` screen shows commands in full, and all of them.
    pub fn new(verbose: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Screen {
            terminal: io::stdout().is_terminal() && !dumb,
            verbose,
            total: 0,
            left: None,
            open: false,
            warned: false,
        }
    }

    /// Shows that a command started or ended.
    pub fn command(&mut self, event: &CommandEvent<'_>) {
        let what = if self.verbose { event.command } else { event.shown };
        // Where tasks find out what they need, nobody knows how many commands there will be.
        let count = match self.total {
            0 => event.finished.to_string(),
            total => format!("{}/{}", event.finished, total.max(event.started as usize)),
        };
        // (What takes less than a second need not be waited for.)
        let left = self.left.filter(|left| self.terminal && left.as_secs() > 0);
        let count = match left {
            Some(left) => format!("[{count}, {} left]", clock(left)),
            None => format!("[{count}]"),
        };
        match event.stage {
            Stage::Started if self.terminal => self.overwrite(&format!("{count} {what}")),
            Stage::Ended { success, code, output } => {
                let line = format!("{count} {what}");
                if self.terminal && !self.verbose && output.is_empty() {
                    self.overwrite(&line);
                } else {
                    self.line(&line);
                }
                if !success {
                    self.line(&format!("FAILED: [{}] {}\n{}", failure_of(code), event.key, event.command));
                }
                let output = if colours_are_shown(self.terminal) { output.into() } else { without_colours(output) };
                self.write(&output);
            }
            // (What a screen does not show need not be known to it.)
            _ => {}
        }
    }

    /// Warns once of a cache that could not be used: what it would have saved was run.
    pub fn warn(&mut self, report: &Report) {
        if let Some(trouble) = report.cache_trouble.as_ref().filter(|_| !self.warned) {
            self.warned = true;
            to_stderr(format_args!("{}: warning: {trouble}; the build goes on without the cache", program()));
        }
    }

    fn overwrite(&mut self, line: &str) {
        // (One whose width nobody knows shows what is too long on several lines.)
        let width = terminal_width().map_or(usize::MAX, |width| width.saturating_sub(1));
        let line = shown(line);
        let line: String = line.lines().next().unwrap_or_default().chars().take(width).collect();
        self.write(format!("\r{line}\x1b[K").as_bytes());
        self.open = true;
    }

    /// Shows a line that stays.
    pub fn line(&mut self, line: &str) {
        // A reader that went away is no reason to stop a build.
        let _ = self.clear();
        self.write(format!("{}\n", shown(line)).as_bytes());
    }

    /// Takes away the line that is written over.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.open) {
            let mut out = io::stdout().lock();
            out.write_all(b"\r\x1b[K")?;
            out.flush()?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }
}

/// Why a user has no cache, unless one is named.
pub const NO_CACHE_OF_USER: &str = "neither XDG_CACHE_HOME nor HOME says where your cache is";

/// Says that what this build keeps is shared with no other build, for a user without a home who has named no cache.
pub fn tell_of_no_cache() {
    to_stderr(format_args!(
        "{}: warning: {NO_CACHE_OF_USER}; what is kept for this directory is shared with no other: \
         name a cache with --cache DIR",
        program()
    ));
}

/// How this program is called, for what it says of itself.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "build".into())
}

/// Hours, minutes and seconds; no hours if there are none.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

/// How many columns the terminal has to which standard output leads; `None` if that is none, or nobody has said how wide it is.
pub fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Prints what failed of itself in full, and what failed because of it by name.
pub fn failed<K: Key>(screen: &RefCell<Screen>, error: &BuildError<K>) -> ExitCode {
    // What cannot be written to a screen that is gone need not be.
    let _ = screen.borrow_mut().clear();
    screen.borrow_mut().warn(&error.report);
    let mut because: Vec<String> = Vec::new();
    let (mut told, mut commands) = (HashSet::new(), 0);
    for failure in &error.failures {
        let line = match (&failure.key, &failure.cause) {
            (Some(key), Cause::Dependency { dependency }) => {
                because.push(format!("{key} (needs {dependency})"));
                continue;
            }
            (Some(key), Cause::MissingInput { dependency }) => {
                format!("'{dependency}', needed by '{key}', {NO_RULE}")
            }
            // That was printed when it failed.
            (_, Cause::Task(text)) if text.starts_with("FAILED: ") => {
                commands += 1;
                continue;
            }
            (_, Cause::Task(text)) if text.ends_with(NO_RULE) => text.to_string(),
            _ => failure.to_string(),
        };
        // (A full disk is the same trouble for every command that was underway.)
        if told.insert(line.clone()) {
            to_stderr(format_args!("{}: {}", program(), shown(&line)));
        }
    }
    if commands > 0 {
        let commands = if commands == 1 { "a command".into() } else { format!("{commands} commands") };
        to_stderr(format_args!("{}: {commands} failed", program()));
    }
    const SHOWN: usize = 12;
    if !because.is_empty() {
        let more = because.len().saturating_sub(SHOWN);
        because.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        to_stderr(format_args!("{}: not built because of that: {}{more}", program(), because.join(", ")));
    }
    ExitCode::FAILURE
}

/// Says why more is built than was edited: the journal is not what the last build left, or what is known of files cannot be kept for the next.
pub fn tell_of_state<K, V>(journal: &Log<K, V>, files: &SharedFiles) {
    let damage = journal.damage();
    if let Some(anew) = journal.anew() {
        to_stderr(format_args!("{}: {anew}", program()));
    } else if damage.gaps + damage.unreadable > 0 {
        to_stderr(format_args!("{}: the journal was damaged: what it has lost is built again", program()));
    }
    if let Err(error) = files.borrow_mut().save() {
        to_stderr(format_args!("{}: warning: {error}; the next build may run its commands again", program()));
    }
}
