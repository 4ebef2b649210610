//! Cheat tokens: a job that is shown while it runs does not stand still because others have all tokens. It makes one up.
//!
//! What is made up is owed. It never goes into the pipe of tokens; the next token that its process would put back is kept instead, and
//! then both are gone. A process that still owes one when it ends says so to the process that started it, by a byte in a second
//! pipe, and that one does not make the token of its command anew: the debt is its own from then on. (All of this is redo's.)
//!
//! Only a process knows how to pay that keeps to this itself. So each build has a pipe of its own for a command that it shows, and says to that
//! command alone where the pipe is. A make between the two hands the variable on, too. It would make its command's token anew, and run
//! one job too many for as long as it lives. So a process that finds the variable looks whether it was started by the build that has set it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::{Pid, getppid};

use thiserror::Error;

/// The environment variable that says to a command that it is shown, and where it is to say what it owes: the number of the process that
/// has started it, and of that one's pipe.
pub(super) const CHEATS: &str = "ALACARTE_CHEATS";

/// What [`CHEATS`] says names nobody.
#[derive(Debug, Error)]
#[error("{CHEATS} says {}, which names no pipe of the build that has started this one: unset it", .0.escape_debug())]
pub(super) struct NoOwing(String);

/// What a command says that it owes.
#[derive(Debug)]
pub(super) struct Owing {
    said: PipeReader,
    /// No command inherits this; it is opened by its name.
    says: PipeWriter,
}

impl Owing {
    pub(super) fn new() -> io::Result<Self> {
        let (said, says) = io::pipe()?;
        Ok(Owing { said, says })
    }

    /// What [`CHEATS`] is for the command.
    pub(super) fn name(&self) -> String {
        format!("{},{}", std::process::id(), self.says.as_raw_fd())
    }

    /// How many tokens the command owed when it ended.
    pub(super) fn owed(self) -> usize {
        rustix::io::ioctl_fionread(&self.said).map_or(0, |bytes| bytes as usize)
    }
}

/// Where this process is to say what it owes, if another one shows it.
///
/// # Errors
/// If the variable says nothing of the kind, or what it names cannot be opened.
pub(super) fn shown_by() -> Result<Option<File>, NoOwing> {
    let Some(said) = std::env::var_os(CHEATS) else { return Ok(None) };
    let invalid = || NoOwing(said.to_string_lossy().into_owned());
    let (process, number) = numbers(&said).ok_or_else(invalid)?;
    if !was_started_by(process) {
        return Ok(None);
    }
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let place = format!("/proc/{}/fd/{number}", process.as_raw_nonzero());
    if !std::fs::metadata(&place).is_ok_and(|file| file.file_type().is_fifo()) {
        return Err(invalid());
    }
    OpenOptions::new().write(true).custom_flags(flags).open(place).map(Some).map_err(|_| invalid())
}

fn numbers(said: &OsStr) -> Option<(Pid, u32)> {
    let (process, number) = said.to_str()?.split_once(',')?;
    Some((Pid::from_raw(process.parse().ok().filter(|process| *process > 0)?)?, number.parse().ok()?))
}

/// Whether nothing but the shell of a command is between that process and this one. (Where there is no `/proc`, nobody can tell.)
fn was_started_by(process: Pid) -> bool {
    let Some(parent) = getppid() else { return false };
    let place = Path::new("/proc").join(parent.as_raw_nonzero().to_string());
    let same = |file: std::fs::Metadata| (file.dev(), file.ino());
    let is_shell = || match (std::fs::metadata(place.join("exe")), std::fs::metadata("/bin/sh")) {
        (Ok(parent), Ok(shell)) => same(parent) == same(shell),
        _ => false,
    };
    parent == process || is_shell() && parent_of(&place) == Some(process)
}

/// The parent of the process that this directory of `/proc` describes.
fn parent_of(place: &Path) -> Option<Pid> {
    let stat = std::fs::read_to_string(place.join("stat")).ok()?;
    // The name stands in brackets, and may hold anything; behind it come state and parent.
    let (_, rest) = stat.rsplit_once(')')?;
    Pid::from_raw(rest.split_ascii_whitespace().nth(1)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_process_and_no_pipe_is_neither() {
        for said in ["", ",", "1", "1,", ",1", "a,b", "0,3", "-1,3", "1,-3", "1,2,3", "99999999999,3"] {
            assert!(numbers(OsStr::new(said)).is_none(), "{said}");
        }
        let (process, number) = numbers(OsStr::new("12,3")).expect("numbers");
        assert_eq!((process.as_raw_nonzero().get(), number), (12, 3));
    }

    #[test]
    fn who_is_asked_knows_its_parent_and_no_other() {
        assert!(was_started_by(getppid().expect("a parent")));
        assert!(!was_started_by(rustix::process::getpid()));
        let own = Path::new("/proc").join(std::process::id().to_string());
        assert_eq!(parent_of(&own), getppid());
    }
}
