//! The GNU jobserver: the processes of a tree (make, cargo, ninja, this one) share one number of jobs.
//!
//! Tokens lie in a pipe that all of them have open. Every process owns one token from its start to its end, which it
//! has not taken out of the pipe, for its parent has given up one for it: its *implicit* one. For each further thing
//! that it does at the same time it takes a token out, and puts it back. (The protocol is GNU make's; much of the care
//! for tokens is redo's.) The laboratory has a model of it (`alacarte_conformance::jobserver`), whose laws this is to
//! keep.
//!
//! A pipe that others read as well must not be made non-blocking, for that would hold for them, too; and a byte that is seen
//! there may be gone when it is read. So this process opens the pipe once more, for itself, by its name.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alacarte_stores::to_stderr;

use super::cheats::shown_by;
use super::makeflags::{option, said, with_jobserver};
use super::screen::program;
use super::token_pipe::{DESCRIPTORS, descriptor, is_deserted, named, open};
use rustix::fs::{Mode, OFlags, fcntl_setfl};
use tempfile::TempDir;
use thiserror::Error;
use tokio::net::unix::pipe;
use tokio::sync::Notify;
use tokio::time::timeout;

/// So many commands wait for tokens at once, of a jobserver that another process serves without saying how many jobs there are.
const MANY: usize = 64;

/// So long a token is waited for before one may be made up: at first, and at most.
const BACK_OFF: Duration = Duration::from_millis(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// What a token is that this process makes.
const TOKEN: u8 = b'+';

/// The environment variable that says how many builds of ours are around a command.
pub(super) const LEVEL: &str = "ALACARTE_LEVEL";

/// How many builds of ours are around this process.
pub(super) fn level() -> u32 {
    std::env::var(LEVEL).ok().and_then(|level| level.parse().ok()).unwrap_or(0)
}

/// A jobserver that `MAKEFLAGS` names, and that cannot be joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobserverError {
    /// The descriptors that it names are closed, as make closes them for a command that it does not take for a make.
    #[error("MAKEFLAGS says {}, but make has closed that to this command: begin the line in the Makefile with +", .0.escape_debug())]
    Closed(String),
    /// It names nothing that could be a jobserver.
    #[error("MAKEFLAGS says {}, which names no jobserver: it is `R,W` for two descriptors, or `fifo:PATH`", .0.escape_debug())]
    Invalid(String),
    /// What it names is there, but it is not one pipe.
    #[error("MAKEFLAGS says {}, which is not one pipe to take tokens out of and to put them back", .0.escape_debug())]
    NotAPipe(String),
    /// It names a pipe that no process has open any more.
    #[error("MAKEFLAGS says {}, but nobody serves that any more: unset MAKEFLAGS, or remove what has left it behind", .0.escape_debug())]
    Deserted(String),
    /// A pipe without a name is opened by its number, which needs `/proc`.
    #[error(
        "MAKEFLAGS says {}, which cannot be opened without /proc: mount that, or have make use a pipe with a name (--jobserver-style=fifo)",
        .0.escape_debug()
    )]
    NoProc(String),
    /// The pipe cannot be opened.
    #[error("MAKEFLAGS says {}, which cannot be opened: {source}", option.escape_debug())]
    Unopenable {
        /// What it says.
        option: String,
        /// Why not.
        source: io::Error,
    },
}

/// A jobserver, joined or served.
#[derive(Debug)]
pub struct Jobserver {
    read: File,
    write: File,
    held: Mutex<Held>,
    /// The implicit token has come back.
    returned: Notify,
    /// Of a jobserver that this process serves.
    served: Option<Served>,
    shown: Shown,
    /// Of one that another process serves: for how many jobs, if `MAKEFLAGS` says so.
    jobs: Option<usize>,
}

/// Whether a person looks at what this process does while it does it, and who pays for the tokens that it makes up.
#[derive(Debug, Default)]
enum Shown {
    #[default]
    No,
    /// It serves the jobserver, and counts them.
    Itself,
    /// The build that has started it, which is told so.
    By(File),
}

/// The tokens that this process has. Of its jobs, each has one of these.
#[derive(Debug, Default)]
struct Held {
    implicit: Implicit,
    /// What it has taken out of the pipe, or made up.
    taken: Vec<u8>,
    /// So many tokens it made up, or has taken over as debts of its commands: of those that its jobs have no more use for so many go nowhere.
    owed: usize,
}

/// The token that this process owns from its start on.
#[derive(Debug, Default, PartialEq, Eq)]
enum Implicit {
    #[default]
    Free,
    /// It does something. So are all that were taken out of the pipe: the implicit one is taken first and is the last to be free.
    Used,
    /// It lies in the pipe, for this process waits for a lock, or it was paid for a token that a command owed.
    Given,
}

/// What a server knows of its jobserver.
#[derive(Debug)]
struct Served {
    /// So many tokens it put into the pipe.
    tokens: usize,
    /// The pipe as its children inherit it.
    read: OwnedFd,
    write: OwnedFd,
    /// The pipe has a name in this directory, which goes with it.
    named: Option<(TempDir, PathBuf)>,
}

/// The right to do one thing. It goes back when it is dropped.
#[derive(Debug)]
pub struct Token {
    of: Arc<Jobserver>,
}

/// The implicit token lies in the pipe, for others to use.
#[derive(Debug)]
pub(super) struct Given {
    of: Arc<Jobserver>,
}

impl Jobserver {
    /// Joins the jobserver that `MAKEFLAGS` names, if it names one. To be called before this process opens any file, which might get a
    /// number that `MAKEFLAGS` speaks of.
    ///
    /// # Errors
    /// If there is none where it says.
    pub fn join() -> Result<Option<Arc<Self>>, JobserverError> {
        Ok(Jobserver::joined()?.map(Arc::new))
    }

    fn joined() -> Result<Option<Self>, JobserverError> {
        let flags = std::env::var_os("MAKEFLAGS").unwrap_or_default();
        let Some(option) = option(flags.as_bytes()) else { return Ok(None) };
        let said = String::from_utf8_lossy(option).into_owned();
        let place = option.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default();
        let opened = match place.strip_prefix(b"fifo:") {
            Some(path) => {
                let path = Path::new(std::ffi::OsStr::from_bytes(path));
                let unopenable = |source| JobserverError::Unopenable { option: said.clone(), source };
                // (Only a pipe may be opened to see what it is.)
                if !std::fs::metadata(path).map_err(unopenable)?.file_type().is_fifo() {
                    return Err(JobserverError::NotAPipe(said));
                }
                if is_deserted(path) {
                    return Err(JobserverError::Deserted(said));
                }
                open(path, path).map_err(unopenable)?
            }
            None => numbered(place, &said)?,
        };
        let same = |file: &File| file.metadata().map(|file| (file.file_type().is_fifo(), file.dev(), file.ino())).ok();
        match (same(&opened.0), same(&opened.1)) {
            (Some((true, ..)), Some((true, ..))) if same(&opened.0) == same(&opened.1) => {}
            (Some((true, ..)), Some((true, ..))) => return Err(JobserverError::NotAPipe(said)),
            _ => return Err(JobserverError::Closed(said)),
        }
        Ok(Some(Jobserver::new(opened, None)))
    }

    /// Serves so many jobs to the commands that this process runs, itself among them.
    ///
    /// # Errors
    /// If there can be no pipe, or it can be opened by no name.
    pub fn serve(jobs: usize) -> io::Result<Arc<Self>> {
        Jobserver::served(jobs).map(Arc::new)
    }

    fn served(jobs: usize) -> io::Result<Self> {
        let tokens = jobs.saturating_sub(1);
        // Some know pipes with a name only (ninja), and some only those without (make before 4.4). So this one has a name, and is
        // inherited as well. Where it can have none, those do without that want one.
        let named = named();
        // Children are to inherit it, so it is not closed for them.
        let (read, write) = match &named {
            Some((_, path)) => {
                let read = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?;
                fcntl_setfl(&read, OFlags::empty())?;
                (read, rustix::fs::open(path, OFlags::WRONLY, Mode::empty())?)
            }
            None => rustix::pipe::pipe()?,
        };
        let opened = match &named {
            Some((_, path)) => open(path, path)?,
            None => open(&descriptor(read.as_raw_fd()), &descriptor(write.as_raw_fd()))?,
        };
        (&opened.1).write_all(&vec![TOKEN; tokens])?;
        Ok(Jobserver::new(opened, Some(Served { tokens, read, write, named })))
    }

    fn new((read, write): (File, File), served: Option<Served>) -> Self {
        Jobserver { read, write, held: Mutex::default(), returned: Notify::new(), served, shown: Shown::No, jobs: None }
    }

    /// What `MAKEFLAGS` is to be for the commands of this process; `None` if it is what it was.
    pub fn flags(&self) -> Option<OsString> {
        let served = self.served.as_ref()?;
        let flags = std::env::var_os("MAKEFLAGS").unwrap_or_default();
        let name = served.named.as_ref().map(|(_, path)| path.as_os_str().as_bytes());
        let (read, write) = (served.read.as_raw_fd(), served.write.as_raw_fd());
        Some(OsString::from_vec(with_jobserver(flags.as_bytes(), served.tokens + 1, (read, write), name)))
    }

    /// Whether another process serves it.
    pub(super) fn is_joined(&self) -> bool {
        self.served.is_none()
    }

    /// How many jobs another process serves, if that is said.
    pub(super) fn jobs(&self) -> Option<usize> {
        self.jobs
    }

    /// Whether it may make up tokens for a job that is shown.
    pub(super) fn is_shown(&self) -> bool {
        !matches!(self.shown, Shown::No)
    }

    /// The process is about to end: it takes the name of the pipe away, and owns a token again, as a process must that ends. Who is shown does not wait
    /// for one, and says instead that it owes it.
    pub(super) fn leave(&self) {
        if let Shown::By(build) = &self.shown {
            let mut held = self.held();
            if held.implicit == Implicit::Given && held.owed == 0 && matches!(self.read_byte(), Ok(Some(_))) {
                held.implicit = Implicit::Free;
            }
            let debts = usize::from(held.implicit == Implicit::Given) + std::mem::take(&mut held.owed);
            // (Who owes nothing is not heard. Where it cannot be written, the build that would hear it has ended.)
            let _ = (&mut &*build).write_all(&vec![TOKEN; debts]);
            held.implicit = Implicit::Free;
        }
        if let Some((_, path)) = self.served.as_ref().and_then(|served| served.named.as_ref()) {
            // What cannot be removed lies among other temporary files, and does no harm.
            let _ = std::fs::remove_file(path);
            let _ = path.parent().map(std::fs::remove_dir);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a token.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    ///
    /// # Panics
    /// Outside a tokio runtime, if it has to wait.
    pub async fn acquire(self: &Arc<Self>) -> io::Result<Token> {
        loop {
            if let Some(token) = self.try_acquire()? {
                return Ok(token);
            }
            let pipe = pipe::Receiver::from_file_unchecked(self.read.try_clone()?)?;
            tokio::select! {
                () = self.returned.notified() => {}
                ready = pipe.readable() => ready?,
            }
        }
    }

    /// Waits for a token, of which there are none for a while: for a job that this process shows, or for whichever job if it is shown itself,
    /// owns no token and has no job, it then makes one up; one at most.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub(super) async fn acquire_or_make_up(self: &Arc<Self>, shows: bool) -> io::Result<Token> {
        let mut patience = BACK_OFF;
        while self.is_shown() {
            if let Ok(token) = timeout(patience, self.acquire()).await {
                return token;
            }
            if let Some(token) = self.make_up(shows) {
                return Ok(token);
            }
            patience = (patience * 2).min(LONGEST_BACK_OFF);
        }
        self.acquire().await
    }

    fn make_up(self: &Arc<Self>, shows: bool) -> Option<Token> {
        let mut held = self.held();
        let idle = held.implicit == Implicit::Given && held.taken.is_empty();
        if held.owed > 0 || !(shows || idle) {
            return None;
        }
        held.owed = 1;
        held.taken.push(TOKEN);
        Some(Token { of: Arc::clone(self) })
    }

    /// A command that has ended owed so many tokens. Its own, which this process would make anew, is to pay for that.
    pub(super) fn owe(&self, tokens: usize) {
        self.held().owed += tokens;
    }

    /// A token, if there is one.
    fn try_acquire(self: &Arc<Self>) -> io::Result<Option<Token>> {
        let mut held = self.held();
        if held.implicit == Implicit::Free {
            held.implicit = Implicit::Used;
        } else {
            let Some(byte) = self.read_byte()? else { return Ok(None) };
            held.taken.push(byte);
        }
        drop(held);
        Ok(Some(Token { of: Arc::clone(self) }))
    }

    /// What lies in the pipe, if there is anything.
    fn read_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        match (&self.read).read(&mut byte) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the jobserver's pipe is closed")),
            Ok(_) => Ok(Some(byte[0])),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until this process owns its implicit token again.
    async fn own_again(&self) -> io::Result<()> {
        while !self.try_own_again()? {
            let pipe = pipe::Receiver::from_file_unchecked(self.read.try_clone()?)?;
            tokio::select! {
                () = self.returned.notified() => {}
                ready = pipe.readable() => ready?,
            }
        }
        Ok(())
    }

    fn try_own_again(&self) -> io::Result<bool> {
        let mut held = self.held();
        if held.implicit == Implicit::Given {
            if self.read_byte()?.is_none() {
                return Ok(false);
            }
            held.implicit = Implicit::Free;
        }
        Ok(true)
    }

    fn put_back(&self, byte: u8) {
        // Where it cannot be written, nobody is left to read it.
        let _ = (&self.write).write_all(&[byte]);
    }

    /// Gives the implicit token to others while this process waits for something else; `None` if it does something.
    pub(super) fn give_back(self: &Arc<Self>) -> Option<Given> {
        let mut held = self.held();
        (held.implicit == Implicit::Free).then(|| {
            held.implicit = Implicit::Given;
            match held.owed {
                0 => self.put_back(TOKEN),
                _ => held.owed -= 1,
            }
            Given { of: Arc::clone(self) }
        })
    }

    /// Of a jobserver that this process serves: how many tokens there are in the pipe and here, less those that are owed, and how many there should be.
    fn counts(&self, held: &Held) -> Option<(usize, usize)> {
        let made = self.served.as_ref()?.tokens;
        let pipe = rustix::io::ioctl_fionread(&self.read).ok()?;
        let owed = held.owed + usize::from(held.implicit == Implicit::Given);
        Some(((usize::try_from(pipe).ok()? + held.taken.len()).saturating_sub(owed), made))
    }

    /// Whether others have tokens of it, or have put back too many.
    pub(super) fn is_off(&self) -> bool {
        self.counts(&self.held()).is_some_and(|(found, made)| found != made)
    }

    /// Whether another process has the pipe open, and may have tokens of it. Where there is no `/proc`, nobody can tell: then it counts as so.
    pub(super) fn is_open_elsewhere(&self) -> bool {
        let Ok(ours) = self.read.metadata() else { return true };
        let Ok(processes) = std::fs::read_dir("/proc") else { return true };
        let own = std::process::id().to_string();
        let has_it = |process: std::fs::DirEntry| {
            // (What belongs to others cannot be looked at. It was not started here.)
            let files = std::fs::read_dir(process.path().join("fd")).ok()?;
            let mut files = files.flatten().filter_map(|file| std::fs::metadata(file.path()).ok());
            files.find(|file| (file.dev(), file.ino()) == (ours.dev(), ours.ino()))
        };
        let others = processes.flatten().filter(|process| {
            let name = process.file_name();
            name.as_bytes().iter().all(u8::is_ascii_digit) && name != own.as_str()
        });
        others.into_iter().any(|process| has_it(process).is_some())
    }

    /// Puts the tokens right that this process serves, when nobody else has any. Those that are missing
    /// (a command was killed that had taken some) are made anew, and those too many taken away. How many there were, and how many there
    /// should be, if that differs.
    pub fn settle(&self) -> Option<Unsettled> {
        let held = self.held();
        let (found, made) = self.counts(&held)?;
        if found < made {
            // (It does not wait: of a pipe that is full nothing is missing.)
            let _ = (&self.write).write_all(&vec![TOKEN; made - found]);
        } else {
            let _ = (&self.read).read(&mut vec![0; found - made]);
        }
        (found != made).then_some(Unsettled { found, made })
    }
}

/// Tokens that were not all there, or too many, see [`Jobserver::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsettled {
    /// So many were found.
    pub found: usize,
    /// So many were made, and there are again.
    pub made: usize,
}

/// Whether `MAKEFLAGS` names a jobserver, joinable or not.
pub fn is_jobserver_named() -> bool {
    option(std::env::var_os("MAKEFLAGS").unwrap_or_default().as_bytes()).is_some()
}

/// How many commands may run at once, and the jobserver whose tokens they wait for.
///
/// The jobserver that `MAKEFLAGS` names is joined: its tokens bound the jobs, and so does the number that is asked for. Where it names none, so many jobs as
/// are asked for are served to the commands, or `otherwise` so many. (A make with one job has no jobserver; it says `-j1`.) Says on standard error where
/// that cannot be; then there is one job, as for a make.
pub(crate) fn jobs(asked: Option<usize>, otherwise: usize) -> (usize, Option<Arc<Jobserver>>) {
    let say = |error: &dyn fmt::Display| to_stderr(format_args!("{}: warning: {error}", program()));
    let said = said(std::env::var_os("MAKEFLAGS").unwrap_or_default().as_bytes());
    let build = shown_by().unwrap_or_else(|error| {
        say(&format_args!("{error}; no token is made up"));
        None
    });
    let jobs = match (asked, Jobserver::joined()) {
        (_, Ok(Some(mut joined))) => {
            (joined.shown, joined.jobs) = (build.map_or(Shown::No, Shown::By), said);
            return (asked.or(said).unwrap_or(MANY), Some(Arc::new(joined)));
        }
        (None, Ok(None)) => said.unwrap_or(otherwise),
        (None, Err(error)) => {
            say(&format_args!("{error}; one command runs at a time"));
            1
        }
        (Some(jobs), Err(error)) => {
            say(&format_args!("{error}; -j{jobs} is taken"));
            jobs
        }
        (Some(jobs), Ok(None)) => jobs,
    };
    match Jobserver::served(jobs) {
        Ok(mut served) => {
            // (What it makes up it takes away again itself, and owes to nobody.)
            served.shown = if level() == 0 || build.is_some() { Shown::Itself } else { Shown::No };
            (jobs, Some(Arc::new(served)))
        }
        Err(error) => {
            say(&format_args!("no jobserver for what commands start: {error}"));
            (jobs, None)
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let mut held = self.of.held();
        // Tokens are alike: whichever is free first, one that was taken goes back before the implicit one, which is of use to nobody else.
        match held.taken.pop() {
            // What is owed comes first; then the one that a process is to own when it ends.
            Some(_) if held.owed > 0 => held.owed -= 1,
            Some(byte) if held.implicit != Implicit::Given => self.of.put_back(byte),
            None if held.owed > 0 => {
                held.owed -= 1;
                held.implicit = Implicit::Given;
            }
            _ => {
                held.implicit = Implicit::Free;
                self.of.returned.notify_one();
            }
        }
    }
}

impl Given {
    /// Waits for a token in the place of the one that was given. Who is shown does not: it may make one up when it needs one.
    pub(super) async fn take_again(self) -> io::Result<()> {
        match self.of.is_shown() {
            true => Ok(()),
            false => self.of.own_again().await,
        }
    }
}

impl Drop for Given {
    /// A process must own a token when it ends. Where none is to be had it ends all the same: a process that gives up
    /// does not wait. (Who is shown takes it when it needs one, see [`Jobserver::leave`].)
    fn drop(&mut self) {
        if !self.of.is_shown() {
            let _ = self.of.try_own_again();
        }
    }
}

/// Opens the descriptors that these numbers name.
fn numbered(place: &[u8], said: &str) -> Result<(File, File), JobserverError> {
    let numbers = std::str::from_utf8(place).ok().and_then(|place| place.split_once(','));
    let numbers = numbers.and_then(|(read, write)| Some((read.parse().ok()?, write.parse().ok()?)));
    let (read, write): (i32, i32) = match numbers {
        // Standard input, output and errors are no jobserver's.
        Some((read, write)) if !(0..3).contains(&read) && !(0..3).contains(&write) => (read, write),
        _ => return Err(JobserverError::Invalid(said.to_owned())),
    };
    if !Path::new(DESCRIPTORS).is_dir() {
        return Err(JobserverError::NoProc(said.to_owned()));
    }
    open(&descriptor(read), &descriptor(write)).map_err(|source| match source.kind() {
        // (Make has it so as well where there is no jobserver for a command: -2,-2.)
        ErrorKind::NotFound => JobserverError::Closed(said.to_owned()),
        _ => JobserverError::Unopenable { option: said.to_owned(), source },
    })
}

#[cfg(test)]
#[path = "jobserver_tests.rs"]
mod tests;
