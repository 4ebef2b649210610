//! The GNU jobserver: the processes of a tree (make, cargo, ninja, this one) share one number of jobs.
//!
//! Tokens lie in a pipe that all of them have open. Every process owns one token from its start to its end, which it has not
//! taken out of the pipe, for its parent has given up one for it: its *implicit* one. For each further thing that it does at
//! the same time it takes a token out, and puts it back (seed 004).
//!
//! A pipe that others read as well must not be made non-blocking, for that would hold for them, too; and a byte that is seen
//! there may be gone when it is read. So this process opens the pipe once more, for itself, by its name under `/proc`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::screen::program;
use rustix::fs::OFlags;
use thiserror::Error;
use tokio::net::unix::pipe;
use tokio::sync::Notify;

/// So many commands wait for tokens at once, of a jobserver that another process serves.
const MANY: usize = 1 << 20;

/// What a token is that this process makes.
const TOKEN: u8 = b'+';

/// A jobserver that `MAKEFLAGS` names, and that cannot be joined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobserverError {
    /// The descriptors that it names are closed, as make closes them for a command that it does not take for a make.
    #[error("MAKEFLAGS says {0}, but make has closed that to this command: begin the line in the Makefile with +")]
    Closed(String),
    /// It names nothing that could be a jobserver.
    #[error("MAKEFLAGS says {0}, which names no jobserver: it is `R,W` for two descriptors, or `fifo:PATH`")]
    Invalid(String),
    /// The named pipe cannot be opened.
    #[error("MAKEFLAGS says {option}, which cannot be opened: {source}")]
    Fifo {
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
    /// The token that this process owns from its start on is not in use.
    implicit: AtomicBool,
    /// That token has come back.
    returned: Notify,
    /// Of one that this process serves: how many tokens it put into the pipe, and the pipe as its children inherit it.
    served: Option<(usize, OwnedFd, OwnedFd)>,
}

/// The right to do one thing. It goes back when it is dropped.
#[derive(Debug)]
pub struct Token {
    of: Arc<Jobserver>,
    /// What was taken out of the pipe; nothing for the implicit token.
    byte: Option<u8>,
}

impl Jobserver {
    /// Joins the jobserver that `MAKEFLAGS` names, if it names one. To be called before this process opens any file, which might get a
    /// number that `MAKEFLAGS` speaks of.
    ///
    /// # Errors
    /// If there is none where it says.
    pub fn join() -> Result<Option<Arc<Self>>, JobserverError> {
        let flags = std::env::var("MAKEFLAGS").unwrap_or_default();
        let Some(option) = option(&flags) else { return Ok(None) };
        let said = option.to_owned();
        let (_, place) = option.split_once('=').unwrap_or_default();
        let opened = match place.strip_prefix("fifo:") {
            Some(path) => open(path, path).map_err(|source| JobserverError::Fifo { option: said.clone(), source })?,
            None => {
                let numbers = place.split_once(',').and_then(|(read, write)| Some((number(read)?, number(write)?)));
                let (read, write) = numbers.ok_or_else(|| JobserverError::Invalid(said.clone()))?;
                open(&descriptor(read), &descriptor(write)).map_err(|_| JobserverError::Closed(said.clone()))?
            }
        };
        let pipes = [&opened.0, &opened.1];
        if !pipes.into_iter().all(|file| file.metadata().is_ok_and(|file| file.file_type().is_fifo())) {
            return Err(JobserverError::Closed(said));
        }
        Ok(Some(Arc::new(Jobserver::new(opened, None))))
    }

    /// Serves so many jobs to the commands that this process runs, itself among them.
    ///
    /// # Errors
    /// If there can be no pipe, or `/proc` does not say where it is.
    pub fn serve(jobs: usize) -> io::Result<Arc<Self>> {
        let tokens = jobs.saturating_sub(1);
        // Children are to inherit it, so it is not closed for them.
        let (read, write) = rustix::pipe::pipe()?;
        let opened = open(&descriptor(read.as_raw_fd()), &descriptor(write.as_raw_fd()))?;
        (&opened.1).write_all(&vec![TOKEN; tokens])?;
        Ok(Arc::new(Jobserver::new(opened, Some((tokens, read, write)))))
    }

    fn new((read, write): (File, File), served: Option<(usize, OwnedFd, OwnedFd)>) -> Self {
        Jobserver { read, write, implicit: AtomicBool::new(true), returned: Notify::new(), served }
    }

    /// What `MAKEFLAGS` is to be for the commands of this process; `None` if it is what it was.
    pub fn flags(&self) -> Option<String> {
        let (tokens, read, write) = self.served.as_ref()?;
        let flags = std::env::var("MAKEFLAGS").unwrap_or_default();
        // (The last of several counts. Make before 4.2 knows the second spelling only.)
        let (jobs, read, write) = (tokens + 1, read.as_raw_fd(), write.as_raw_fd());
        Some(format!("{flags} -j{jobs} --jobserver-auth={read},{write} --jobserver-fds={read},{write}"))
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

    /// A token, if there is one.
    fn try_acquire(self: &Arc<Self>) -> io::Result<Option<Token>> {
        let token = |byte| Some(Token { of: Arc::clone(self), byte });
        if self.implicit.swap(false, Ordering::AcqRel) {
            return Ok(token(None));
        }
        let mut byte = [0];
        match (&self.read).read(&mut byte) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the jobserver's pipe is closed")),
            Ok(_) => Ok(token(Some(byte[0]))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks, when none of its commands run any more, whether all tokens are there that this process made. Those that are
    /// missing (a command was killed that had taken some) are made anew, and those too many taken away; how many there were, and
    /// how many there should be, if that differs. (A grandchild that lives on may still hold some.)
    pub fn settle(&self) -> Option<(usize, usize)> {
        let (made, ..) = self.served.as_ref()?;
        let mut tokens = Vec::new();
        let mut some = [0; 256];
        while let Ok(count @ 1..) = (&self.read).read(&mut some) {
            tokens.extend_from_slice(&some[..count]);
        }
        let found = tokens.len();
        tokens.resize(*made, TOKEN);
        // A pipe that is full has all of them.
        let _ = (&self.write).write_all(&tokens);
        (found != *made).then_some((found, *made))
    }
}

/// How many commands may run at once, and the jobserver whose tokens they wait for.
///
/// So many jobs as are asked for are served to the commands; where none are asked for, the jobserver that `MAKEFLAGS` names is joined, and
/// its tokens alone bound them. Says on standard error where that cannot be; then there is one job, as for a make.
pub(crate) fn jobs(asked: Option<usize>) -> (usize, Option<Arc<Jobserver>>) {
    let say = |error: &dyn fmt::Display| eprintln!("{}: warning: {error}", program());
    let jobs = match (asked, Jobserver::join()) {
        (None, Ok(Some(joined))) => return (MANY, Some(joined)),
        (None, Ok(None)) => std::thread::available_parallelism().map_or(1, usize::from),
        (None, Err(error)) => {
            say(&format_args!("{error}; one command runs at a time"));
            1
        }
        (Some(jobs), Ok(Some(_))) => {
            say(&format_args!("-j{jobs} is given, so the jobs of the make around it are not counted"));
            jobs
        }
        (Some(jobs), _) => jobs,
    };
    match Jobserver::serve(jobs) {
        Ok(served) => (jobs, Some(served)),
        Err(error) => {
            say(&format_args!("no jobserver for what commands start: {error}"));
            (jobs, None)
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        match self.byte {
            // Where it cannot be written, nobody is left to read it.
            Some(byte) => drop((&self.of.write).write_all(&[byte])),
            None => {
                self.of.implicit.store(true, Ordering::Release);
                self.of.returned.notify_one();
            }
        }
    }
}

/// The option that names the jobserver: the last one counts.
fn option(flags: &str) -> Option<&str> {
    // (Behind ` -- ` stand the variables of make's command line.)
    let words = flags.split_whitespace().take_while(|word| *word != "--");
    let names = |word: &&str| word.starts_with("--jobserver-auth=") || word.starts_with("--jobserver-fds=");
    words.filter(names).last()
}

/// The number of a descriptor.
fn number(text: &str) -> Option<i32> {
    text.parse().ok()
}

fn descriptor(number: i32) -> String {
    format!("/proc/self/fd/{number}")
}

/// Opens both ends, the one to be read so that it never blocks.
fn open(read: &str, write: &str) -> io::Result<(File, File)> {
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let read = OpenOptions::new().read(true).custom_flags(flags).open(read)?;
    let write = OpenOptions::new().write(true).open(write)?;
    Ok((read, write))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_option_counts_in_either_spelling() {
        assert_eq!(option(""), None);
        assert_eq!(option("kw -j4 --jobserver-auth=3,4 -- CFLAGS=--jobserver-auth=5,6"), Some("--jobserver-auth=3,4"));
        assert_eq!(option("--jobserver-auth=3,4 --jobserver-fds=5,6"), Some("--jobserver-fds=5,6"));
        assert_eq!(option(" -j --jobserver-auth=fifo:/tmp/x"), Some("--jobserver-auth=fifo:/tmp/x"));
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn there_are_as_many_tokens_as_jobs_and_each_comes_back() {
        let server = Jobserver::serve(3).expect("a pipe");
        block_on(async {
            for _ in 0..100 {
                let tokens = [server.acquire().await, server.acquire().await, server.acquire().await];
                assert!(tokens.iter().all(Result::is_ok) && server.try_acquire().expect("read").is_none());
            }
        });
        assert_eq!(server.settle(), None);
    }

    /// The implicit token, and one of the pipe: whoever waits has whichever comes first.
    #[test]
    fn who_waits_has_the_token_that_comes_first() {
        let server = Jobserver::serve(2).expect("a pipe");
        block_on(async {
            for implicit in [true, false] {
                let mut held =
                    vec![server.acquire().await.expect("the implicit one"), server.acquire().await.expect("the other")];
                let given = held.remove(usize::from(!implicit));
                let (waited, ()) = tokio::join!(server.acquire(), async { drop(given) });
                assert_eq!(waited.expect("a token").byte.is_none(), implicit);
            }
        });
        assert_eq!(server.settle(), None);
    }

    #[test]
    fn what_a_killed_command_took_is_made_anew() {
        let server = Jobserver::serve(4).expect("a pipe");
        assert_eq!((&server.read).read(&mut [0; 2]).expect("read"), 2);
        assert_eq!(server.settle(), Some((1, 3)));
        assert_eq!(server.settle(), None);
        (&server.write).write_all(b"++").expect("written");
        assert_eq!(server.settle(), Some((5, 3)));
        assert_eq!(server.settle(), None);
    }
}
