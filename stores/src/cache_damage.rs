//! What is wrong with something that lies in a cache: where it lies, and what it is not.

use std::fmt;
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

/// What was found when something was looked at, and whether it was removed as a whole.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) damage: Vec<CacheDamage>,
    pub(crate) removed: bool,
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
