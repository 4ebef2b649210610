//! What is wrong with something that lies in a cache: where it lies, and what it is not.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Something that lies in a cache and is not what it should be.
///
/// ```
/// use alacarte::stores::{Digest, SharedCache};
///
/// let directory = tempfile::tempdir()?;
/// let (cache, file) = (SharedCache::new(directory.path().join("cache")), directory.path().join("a"));
/// std::fs::write(&file, "hello")?;
/// let digest = Digest::of_bytes(b"hello");
/// cache.copies().keep(&file, &digest)?;
/// assert!(cache.verify()?.damage.is_empty());
///
/// let name = digest.to_string();
/// let copy = cache.copies().directory().join(&name[..2]).join(&name[2..]);
/// std::fs::remove_file(&copy)?;
/// std::fs::write(&copy, "hullo")?;
/// assert_eq!(cache.verify()?.damage[0].path, copy);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheDamage {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// What was found when something was looked at, whether it was removed as a whole, and why nothing could be done about it.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) damage: Vec<CacheDamage>,
    pub(crate) removed: bool,
    pub(crate) trouble: Option<io::Error>,
}

impl Verified {
    /// Damage was found; whether it could be removed as a whole. (What has gone meanwhile need not be.)
    pub(crate) fn damaged(damage: CacheDamage, removed: io::Result<bool>) -> Self {
        let (removed, trouble) = match removed {
            Ok(removed) => (removed, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (false, None),
            Err(error) => (false, Some(error)),
        };
        Verified { damage: vec![damage], removed, trouble }
    }
}

impl CacheDamage {
    pub(crate) fn new(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        CacheDamage { path: path.into(), what: what.into() }
    }
}

impl fmt::Display for CacheDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_whether_or_not_it_can_be_removed() {
        let damaged = |removed| Verified::damaged(CacheDamage::new("blobs/ab", "it is none"), removed);
        let told = |verified: Verified| (verified.damage.len(), verified.removed, verified.trouble.is_some());
        assert_eq!(told(damaged(Ok(true))), (1, true, false));
        assert_eq!(told(damaged(Err(io::ErrorKind::NotFound.into()))), (1, false, false));
        assert_eq!(told(damaged(Err(io::ErrorKind::PermissionDenied.into()))), (1, false, true));
    }
}
