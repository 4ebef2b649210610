//! The pipe of a jobserver in the file system: by the number of a descriptor or by a name, opened so that nobody waits.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

/// What the open files of this process are called.
pub(super) const DESCRIPTORS: &str = "/proc/self/fd";

pub(super) fn descriptor(number: i32) -> PathBuf {
    Path::new(DESCRIPTORS).join(number.to_string())
}

/// What the directories of pipes begin with; the number of the process follows.
pub(super) const NAMED: &str = "alacarte-jobs-";

/// A new pipe with a name that options can hold, in a directory of its own.
pub(super) fn named() -> Option<(TempDir, PathBuf)> {
    sweep();
    let prefix = format!("{NAMED}{}-", std::process::id());
    let directory = tempfile::Builder::new().prefix(&prefix).tempdir().ok()?;
    let path = directory.path().join("pipe");
    let plain = |byte: &u8| !byte.is_ascii_whitespace() && !b"$\\#".contains(byte);
    let said = path.is_absolute() && path.as_os_str().as_bytes().iter().all(plain);
    said.then(|| make_pipe(&path))??;
    Some((directory, path))
}

/// Removes the pipes of processes that were killed.
pub(super) fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(NAMED)?.split_once('-')?.0.parse().ok());
        let dead = process.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
        if dead {
            // (What belongs to another user, or is no such directory, stays.)
            let _ = std::fs::remove_file(entry.path().join("pipe"));
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

#[cfg(not(target_vendor = "apple"))]
pub(super) fn make_pipe(path: &Path) -> Option<()> {
    use rustix::fs::{CWD, FileType, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).ok()
}

/// (The system call is not at hand.)
#[cfg(target_vendor = "apple")]
pub(super) fn make_pipe(_: &Path) -> Option<()> {
    None
}

/// Whether no process has this pipe open to read from it.
pub(super) fn is_deserted(path: &Path) -> bool {
    let opened = rustix::fs::open(path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    opened.is_err_and(|error| error == Errno::NXIO)
}

/// Opens both ends so that neither waits.
pub(super) fn open(read: &Path, write: &Path) -> io::Result<(File, File)> {
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let read = OpenOptions::new().read(true).custom_flags(flags).open(read)?;
    let write = OpenOptions::new().write(true).custom_flags(flags).open(write)?;
    Ok((read, write))
}
