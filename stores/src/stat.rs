//! By what a file is recognised as the one that was read, and how it is read.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte_core::Time;
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, of_source};

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stat {
    pub kind: Kind,
    pub size: u64,
    pub modified: Time,
    pub changed: Time,
    pub inode: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// With these permissions.
    File(u32),
    Directory,
    /// A link that leads to nothing. (Others are followed.)
    Link,
    Other(u64),
}

pub(crate) fn now() -> Time {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Time)
}

/// Reads a file, again if it changes meanwhile: how it looked when it was read, the digest of its content, and whether it was read too soon
/// after it was written for that to be relied on. `None` if there is none.
pub(crate) fn read(open: impl Fn() -> Result<OwnedFd, Errno>) -> io::Result<Option<(Stat, Digest, bool)>> {
    let mut attempts = 0;
    loop {
        let file = match open() {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let before = Stat::from(&fstat(&file)?);
        let content = Digest::of_content(&file)?;
        let now = now();
        let after = Stat::from(&fstat(&file)?);
        attempts += 1;
        if before == after || attempts == 3 {
            return Ok(Some((after, content, before != after || after.is_young(now))));
        }
    }
}

impl Stat {
    /// The digest of what has this content.
    pub(crate) fn digest(&self, content: Digest) -> Digest {
        if let Kind::File(mode) = self.kind { content.with_mode(of_source(mode)) } else { content }
    }

    /// The same, as what a command made.
    pub(crate) fn made(&self, content: Digest) -> Digest {
        if let Kind::File(mode) = self.kind { content.with_mode(mode) } else { content }
    }

    /// Whether it may be written once more without looking any different.
    pub(crate) fn is_young(&self, now: Time) -> bool {
        // File systems that count whole seconds (or pairs of them) betray themselves by their zeros.
        let tick = if self.modified.is_multiple_of(1_000_000_000) { 2_000_000_000 } else { 20_000_000 };
        self.modified.max(self.changed) + tick >= now
    }
}

impl From<&rustix::fs::Stat> for Stat {
    #[allow(clippy::unnecessary_cast, reason = "the types of these fields differ between platforms")]
    fn from(stat: &rustix::fs::Stat) -> Self {
        let time =
            |seconds: i64, nanos: u64| (seconds.max(0) as u64).saturating_mul(1_000_000_000).saturating_add(nanos);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File(stat.st_mode as u32 & 0o7777),
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other(stat.st_rdev as u64),
        };
        Stat {
            kind,
            size: stat.st_size as u64,
            modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
            inode: stat.st_ino as u64,
        }
    }
}
