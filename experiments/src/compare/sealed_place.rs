//! The one directory that a comparison writes to. It is gone when the comparison is, whatever that ended with.
//!
//! ```text
//! alacarte-compare-XXXXXX/
//!   lock       held as long as the process lives
//!   snapshot/  the workload as it was at the beginning; never changed
//!   stage/     what commands may write to
//!     work/    the copy in which all combinations play, one after the other
//!     state/   journal and cache
//!     tmp/     their TMPDIR
//! ```
//!
//! Nor does a command outlive it. One that left its process group (a server in the background) is known by its `TMPDIR`.
//!
//! A process that was killed outright leaves its directory behind, and its commands. The next comparison finds that nobody
//! holds the lock, ends those, and removes it.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::CompareError;

const PREFIX: &str = "alacarte-compare-";
const LOCK: &str = "lock";

/// A command that was just ended may still be writing its last file: removing is tried again so often, so far apart.
const PATIENCE: (u32, Duration) = (50, Duration::from_millis(10));

/// The scratch directory of a comparison.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, CompareError> {
        sweep(&std::env::temp_dir());
        let made = || {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
            let path = fs::canonicalize(directory.path())?;
            // It is locked before it can be found under its name.
            let lock = File::create_new(path.join("locking"))?;
            lock.lock()?;
            fs::rename(path.join("locking"), path.join(LOCK))?;
            let scratch = Scratch { path, _lock: lock };
            // From here on it is removed by us, who can remove more than `TempDir` can.
            let _: PathBuf = TempDir::keep(directory);
            for directory in [scratch.snapshot(), scratch.work(), scratch.state(), scratch.temporary()] {
                fs::create_dir_all(directory)?;
            }
            Ok(scratch)
        };
        made().map_err(|source| failed("make a scratch directory in", &std::env::temp_dir(), source))
    }

    /// All of it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn snapshot(&self) -> PathBuf {
        self.path.join("snapshot")
    }

    pub(super) fn stage(&self) -> PathBuf {
        self.path.join("stage")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.stage().join("work")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.stage().join("state")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        temporary(&self.path)
    }
}

/// The `TMPDIR` of the commands that play in a scratch directory.
fn temporary(scratch: &Path) -> PathBuf {
    scratch.join("stage/tmp")
}

impl Drop for Scratch {
    fn drop(&mut self) {
        end_commands(&self.temporary());
        // What cannot be removed cannot be helped here.
        let _ = remove(&self.path);
    }
}

/// Ends all processes that have this `TMPDIR`: nothing else has.
fn end_commands(temporary: &Path) {
    let mark = [b"TMPDIR=", temporary.as_os_str().as_bytes()].concat();
    let (tries, pause) = PATIENCE;
    for _ in 0..tries {
        // (Without `/proc` there are none to be found.)
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        let has_mark = |id: &Pid| {
            let environment = fs::read(format!("/proc/{}/environ", id.as_raw_nonzero()));
            environment.is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark))
        };
        let found: Vec<Pid> = ids.filter(has_mark).collect();
        if found.is_empty() {
            return;
        }
        for id in found {
            // One that has just ended need not be.
            let _ = kill_process(id, Signal::KILL);
        }
        std::thread::sleep(pause);
    }
}

/// A scratch directory that cannot be used.
pub(super) fn failed(action: &'static str, place: &Path, source: io::Error) -> CompareError {
    CompareError::Scratch { action, place: place.display().to_string(), source }
}

/// Removes a directory, if it is there, with all that is in it: also what commands have made read-only, or are about to
/// write.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    let (mut tries, pause) = PATIENCE;
    loop {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.exists() => return Ok(()),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {
                unlock(directory);
                std::thread::sleep(pause);
                tries -= 1;
            }
            Ok(()) => return Ok(()),
        }
    }
}

/// Lets us write to all directories below this one.
fn unlock(directory: &Path) {
    let mut todo = vec![directory.to_path_buf()];
    while let Some(directory) = todo.pop() {
        let _ = fs::set_permissions(&directory, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        todo.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
}

/// Removes what comparisons have left that were killed.
fn sweep(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // One without a lock is being made at this moment.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            // Their `TMPDIR` is written without links.
            let path = fs::canonicalize(entry.path()).unwrap_or_else(|_| entry.path());
            end_commands(&temporary(&path));
            let _ = remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_what_somebody_holds_stays() {
        let place = tempfile::tempdir().expect("a directory");
        let (dead, alive, young) = ("alacarte-compare-dead", "alacarte-compare-alive", "alacarte-compare-young");
        for name in [dead, alive, young, "another"] {
            fs::create_dir_all(place.path().join(name).join("stage/work")).expect("a directory");
        }
        for name in [dead, alive, "another"] {
            fs::write(place.path().join(name).join(LOCK), "").expect("a file");
        }
        let held = File::open(place.path().join(alive).join(LOCK)).expect("a file");
        held.lock().expect("locked");
        sweep(place.path());
        let there = |name: &str| place.path().join(name).exists();
        assert!(!there(dead) && there(alive) && there(young) && there("another"));
    }

    #[test]
    fn a_scratch_directory_goes_with_what_is_read_only_in_it() {
        let scratch = Scratch::new().expect("it is made");
        let path = scratch.path().to_owned();
        let locked = scratch.work().join("locked");
        fs::create_dir(&locked).expect("a directory");
        fs::write(locked.join("file"), "").expect("a file");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).expect("read-only");
        drop(scratch);
        assert!(!path.exists());
    }
}
