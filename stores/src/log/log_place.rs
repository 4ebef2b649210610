//! Where a log's bytes lie: in a file that this process alone may write, or in memory that a test can hand to
//! the next build.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use alacarte_core::StoreError;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The bytes of a log in memory; clones are the same bytes.
#[derive(Debug, Clone, Default)]
pub struct SharedBytes(Rc<RefCell<Vec<u8>>>);

impl SharedBytes {
    /// A copy of the bytes as they are now.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.borrow().clone()
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        SharedBytes(Rc::new(RefCell::new(bytes)))
    }
}

#[derive(Debug)]
pub(super) enum Place {
    Memory(SharedBytes),
    File { file: File, path: PathBuf, length: u64 },
}

/// What the name of a file ends in that was set aside.
const ASIDE: &str = ".set-aside";

/// A locked file is tried so often if others replace it at the same moment.
const ATTEMPTS: usize = 10;

/// A lock that somebody else holds is tried so often, [`PAUSE`] apart, before that is taken for a build at work. Where a build was killed, a child that
/// it had forked this very moment holds the lock until it is another program.
const PATIENCE: usize = 60;
const PAUSE: Duration = Duration::from_millis(5);

impl Place {
    pub(super) fn open(path: &Path) -> Result<Place, StoreError> {
        let failed = |action, error| StoreError::new(action, path.display(), error);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| failed("create the directory of", error))?;
        }
        // (What is no file would be waited for, or read for ever.)
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let error = io::Error::other("it is no file, but a directory or a device (move it, or name another file)");
            return Err(failed("open", error));
        }
        for _ in 0..ATTEMPTS {
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            let file = opened.map_err(|error| failed("open", error))?;
            lock(&file, path)?;
            // The process that held the lock may just have put another file in the place of this one.
            let (ours, theirs) = (file.metadata(), std::fs::metadata(path));
            if let (Ok(ours), Ok(theirs)) = (ours, theirs)
                && (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
            {
                return Ok(Place::File { length: ours.len(), file, path: path.to_owned() });
            }
        }
        Err(failed("open", io::Error::other("it is replaced again and again")))
    }

    pub(super) fn name(&self) -> String {
        match self {
            Place::Memory(_) => "a log in memory".into(),
            Place::File { path, .. } => path.display().to_string(),
        }
    }

    pub(super) fn length(&self) -> u64 {
        match self {
            Place::Memory(bytes) => bytes.0.borrow().len() as u64,
            Place::File { length, .. } => *length,
        }
    }

    pub(super) fn release(&self) -> io::Result<()> {
        match self {
            Place::Memory(_) => Ok(()),
            Place::File { file, .. } => Ok(flock(file, FlockOperation::Unlock)?),
        }
    }

    pub(super) fn take_again(&self) -> Result<bool, StoreError> {
        let Place::File { file, path, length } = self else { return Ok(true) };
        lock(file, path)?;
        let (ours, theirs) = (file.metadata(), std::fs::metadata(path));
        Ok(ours.is_ok_and(|ours| {
            ours.len() == *length && theirs.is_ok_and(|theirs| (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
        }))
    }

    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Place::Memory(bytes) => Ok(bytes.to_vec()),
            Place::File { file, length, .. } => {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(0))?;
                file.read_to_end(&mut bytes)?;
                *length = bytes.len() as u64;
                Ok(bytes)
            }
        }
    }

    /// Cuts off what follows `length`.
    pub(super) fn truncate(&mut self, to: u64) -> io::Result<()> {
        match self {
            Place::Memory(bytes) => bytes.0.borrow_mut().truncate(to as usize),
            Place::File { file, length, .. } => {
                file.set_len(to)?;
                *length = to;
            }
        }
        Ok(())
    }

    pub(super) fn append(&mut self, more: &[u8]) -> io::Result<()> {
        match self {
            Place::Memory(bytes) => bytes.0.borrow_mut().extend_from_slice(more),
            Place::File { file, length, .. } => {
                // A write that failed half-way is written over, so that it cannot hide what follows.
                file.seek(SeekFrom::Start(*length))?;
                file.write_all(more)?;
                *length += more.len() as u64;
            }
        }
        Ok(())
    }

    /// Puts an empty file in the place of this one, which gets another name: that name.
    pub(super) fn set_aside(&mut self) -> io::Result<Option<PathBuf>> {
        match self {
            Place::Memory(bytes) => {
                bytes.0.borrow_mut().clear();
                Ok(None)
            }
            Place::File { file, path, length } => {
                let mut aside = path.clone().into_os_string();
                aside.push(ASIDE);
                std::fs::rename(&*path, &aside)?;
                let fresh = OpenOptions::new().read(true).write(true).create_new(true).open(&*path)?;
                lock(&fresh, path).map_err(|error| error.source)?;
                (*file, *length) = (fresh, 0);
                Ok(Some(aside.into()))
            }
        }
    }

    /// Puts other bytes in the place of all.
    pub(super) fn replace(&mut self, with: &[u8]) -> Result<(), StoreError> {
        match self {
            Place::Memory(bytes) => *bytes.0.borrow_mut() = with.to_vec(),
            Place::File { file, path, length } => {
                let failed = |error| StoreError::new("write", path.display(), error);
                let directory = path.parent().filter(|directory| *directory != Path::new(""));
                let mut copy = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).map_err(failed)?;
                copy.write_all(with).map_err(failed)?;
                let permissions = file.metadata().and_then(|old| copy.as_file().set_permissions(old.permissions()));
                permissions.map_err(failed)?;
                lock(copy.as_file(), path)?;
                *file = copy.persist(&*path).map_err(|error| failed(error.error))?;
                *length = with.len() as u64;
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::File { file, .. } = self {
            // Closing is not enough: a child that was forked this very moment, and has not yet become another
            // program, holds the file too.
            let _ = flock(file, FlockOperation::Unlock);
        }
    }
}

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    let attempt = || flock(file, FlockOperation::NonBlockingLockExclusive);
    let mut locked = attempt();
    for _ in 0..PATIENCE {
        if locked != Err(Errno::WOULDBLOCK) {
            break;
        }
        std::thread::sleep(PAUSE);
        locked = attempt();
    }
    locked.map_err(|error| {
        let directory =
            path.parent().filter(|directory| *directory != Path::new("")).unwrap_or(Path::new(".")).display();
        let error = match error {
            Errno::WOULDBLOCK => {
                let text = format!("another build is running in {directory}: wait until it ends");
                io::Error::new(io::ErrorKind::WouldBlock, text)
            }
            // Two builds at once would write over each other.
            Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP => io::Error::other(format!(
                "the disk of {directory} has no locks ({}): have it be a link to a directory on a disk that has them",
                io::Error::from(error)
            )),
            error => error.into(),
        };
        StoreError::new("lock", path.display(), error)
    })
}
