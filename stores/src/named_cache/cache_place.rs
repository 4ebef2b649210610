//! What a named cache is called, and where it lies.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::digest::Digest;
use crate::{regular, scratch};

/// The directory of all named caches.
pub(crate) const TOOLS: &str = "tools";
/// Parts of repositories that have said what they are called, by that name.
pub(super) const BY_NAME: &str = "by-name";
/// Parts of the others, by the digest of where they lie.
pub(super) const BY_PATH: &str = "by-path";

/// A process that holds the lock of a cache gives it back within milliseconds, or, if the cache is very large, seconds.
/// (The system gives back that of a process that was killed.)
const PATIENCE: Duration = Duration::from_secs(60);

/// What a cache is called: `NAME`, or `REPOSITORY/NAME`.
///
/// A cache has a part for each repository, because most tools name their entries by the paths of sources, and two repositories have
/// different files of one path. Where the rule does not say what its repository is called, that is the directory of the build: each
/// checkout then has a part of its own. To state a name is to say that all checkouts share one part, and so that the tool finds out by
/// itself whether an entry is of another version of the sources, as those do that keep times or hashes in them.
///
/// ```
/// use alacarte::stores::CacheName;
///
/// assert!("mypy".parse::<CacheName>().is_ok());
/// assert!("calculator/mypy".parse::<CacheName>().is_ok());
/// assert!("../mypy".parse::<CacheName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheName {
    repository: Option<String>,
    name: String,
}

/// What is no name of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheNameError(String);

impl FromStr for CacheName {
    type Err = CacheNameError;

    fn from_str(text: &str) -> Result<Self, CacheNameError> {
        let (repository, name) = match text.split_once('/') {
            Some((repository, name)) => (Some(repository), name),
            None => (None, text),
        };
        let plain = |word: &str| {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
            (1..=100).contains(&word.len()) && word.bytes().all(sound) && !word.starts_with('.')
        };
        if !plain(name) || !repository.is_none_or(plain) {
            return Err(CacheNameError(text.to_owned()));
        }
        Ok(CacheName { repository: repository.map(str::to_owned), name: name.to_owned() })
    }
}

impl fmt::Display for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repository {
            Some(repository) => write!(f, "{repository}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl fmt::Display for CacheNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no name of a tool's cache: write NAME or REPOSITORY/NAME, each of letters, digits, `-`, `_`, `+` and `.`, at most 100, \
             and no dot at the beginning",
            self.0
        )
    }
}

impl std::error::Error for CacheNameError {}

/// A directory that a tool keeps for itself, in the part of one repository.
///
/// ```
/// use std::fs;
///
/// use alacarte::stores::NamedCache;
///
/// let directory = tempfile::tempdir()?;
/// let cache = NamedCache::new(directory.path(), &"calculator/mypy".parse()?, directory.path());
/// let scratch = directory.path().join("scratch");
///
/// // Two commands begin with what is there, which is nothing.
/// let (one, two) = (cache.take(&scratch)?, cache.take(&scratch)?);
/// fs::write(one.path().join("a"), "of the first")?;
/// fs::write(two.path().join("a"), "of the second")?;
/// fs::write(two.path().join("b"), "of the second")?;
/// one.publish();
/// two.publish();
///
/// let three = cache.take(&scratch)?;
/// assert_eq!(fs::read_to_string(three.path().join("a"))?, "of the first");
/// assert_eq!(fs::read_to_string(three.path().join("b"))?, "of the second");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NamedCache {
    part: PathBuf,
    repository: String,
    /// How long the lock is waited for.
    patience: Duration,
}

impl NamedCache {
    /// The cache of this name below the cache directory of a build, for the build in the directory `checkout`.
    pub fn new(cache: &Path, name: &CacheName, checkout: &Path) -> Self {
        let all = cache.join(TOOLS).join(&name.name);
        if let Some(repository) = &name.repository {
            let (part, repository) = (all.join(BY_NAME).join(repository), repository.clone());
            return NamedCache { part, repository, patience: PATIENCE };
        }
        let real = checkout.canonicalize().or_else(|_| std::path::absolute(checkout));
        let real = real.unwrap_or_else(|_| checkout.to_owned());
        let digest = Digest::of_bytes(real.as_os_str().as_encoded_bytes());
        let (part, repository) = (all.join(BY_PATH).join(digest.to_string()), real.to_string_lossy().into_owned());
        NamedCache { part, repository, patience: PATIENCE }
    }

    /// The same, which does not wait for another process that holds its lock: that was waited for in vain.
    #[must_use]
    pub fn without_patience(mut self) -> Self {
        self.patience = Duration::ZERO;
        self
    }

    /// The part of a cache that lies in this directory.
    pub(super) fn in_part(part: PathBuf) -> io::Result<Self> {
        let repository = {
            let mut repository = Vec::new();
            regular::open(&owner(&part))?.take(1 << 16).read_to_end(&mut repository)?;
            String::from_utf8_lossy(&repository).into_owned()
        };
        Ok(NamedCache { part, repository, patience: PATIENCE })
    }

    /// What the repository is called.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    /// Its directory.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// What is wrong if it says that it is of another repository than its place says.
    pub(super) fn misplaced(&self) -> Option<String> {
        let named = |path: Option<&Path>| Some(path?.file_name()?.to_string_lossy().into_owned());
        let (place, kind) = (named(Some(&self.part))?, named(self.part.parent())?);
        if self.repository.is_empty() {
            return Some("it does not say of which repository it is".into());
        }
        // (Of a path that is no text only a likeness is written down.)
        let unknown = kind == BY_PATH && self.repository.contains(char::REPLACEMENT_CHARACTER) && self.is_text();
        let own = match &*kind {
            BY_PATH => Digest::of_bytes(self.repository.as_bytes()).to_string(),
            _ => self.repository.clone(),
        };
        (!unknown && own != place)
            .then(|| format!("it is of {}, and lies in another's place", self.repository.escape_debug()))
    }

    /// Whether what says of which repository it is was written as text.
    fn is_text(&self) -> bool {
        std::fs::read(owner(&self.part)).is_ok_and(|said| std::str::from_utf8(&said).is_ok())
    }

    /// Has it say of no repository that it is its own. The next command signs it anew.
    pub(super) fn disown(&self) -> io::Result<()> {
        scratch::remove(&owner(&self.part)).map(drop)
    }

    /// What is published.
    pub(super) fn entries(&self) -> PathBuf {
        self.part.join("entries")
    }

    /// Where private copies lie, and what is on its way to be published or removed.
    pub(super) fn underway(&self) -> PathBuf {
        self.part.join("underway")
    }

    /// When it was used last is when this file was written last.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.part.join("lock")
    }

    /// Makes its directories.
    pub(super) fn prepare(&self) -> io::Result<()> {
        for directory in [self.part.clone(), self.entries(), self.underway()] {
            std::fs::create_dir_all(&directory)?;
            if std::fs::symlink_metadata(&directory)?.is_symlink() {
                let why = format!("{} is a link, and what it leads to is none of this cache's", directory.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        }
        let owner = owner(&self.part);
        if !owner.exists() {
            scratch::replace(&owner, self.repository.as_bytes())?;
            // A user who looks after the cache may read whose part it is.
            std::fs::set_permissions(&owner, Permissions::from_mode(0o644))?;
        }
        Ok(())
    }

    /// Waits until no other process publishes, clears, or looks at all entries at once; until the file is dropped none does.
    pub(super) fn lock(&self) -> io::Result<File> {
        let mut options = File::options();
        let lock = regular::open_with(options.create(true).write(true).truncate(false), &self.lock_file())?;
        let begin = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(lock),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if begin.elapsed() < self.patience => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let why = format!("another process holds its lock (waited for {} s)", self.patience.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                Err(error) => return Err(error.into()),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }
}

/// The file that says whose part it is.
fn owner(part: &Path) -> PathBuf {
    part.join("repository")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_or_two_that_lead_nowhere() {
        for name in ["mypy", "a/b", "c++", "clang-19.modules_2", "A/b"] {
            assert_eq!(name.parse::<CacheName>().expect(name).to_string(), name);
        }
        let long = "x".repeat(101);
        for name in ["", "/", "a/", "/a", "a/b/c", "..", "a/..", ".a", "a b", "a\0", "ä", "a\n", &long] {
            let error = name.parse::<CacheName>().expect_err(name).to_string();
            assert!(error.contains("REPOSITORY/NAME"), "{error}");
        }
    }

    #[test]
    fn a_stated_name_is_shared_and_a_directory_has_a_part_of_its_own_however_it_is_called() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let [one, two, link] = ["one", "two", "link"].map(|name| root.join(name));
        std::fs::create_dir_all(&one).expect("made");
        std::fs::create_dir_all(&two).expect("made");
        std::os::unix::fs::symlink(&one, &link).expect("a link");
        let part = |name: &str, checkout: &Path| NamedCache::new(root, &name.parse().expect("a name"), checkout).part;
        assert_eq!(part("r/t", &one), part("r/t", &two));
        assert_ne!(part("r/t", &one), part("s/t", &one));
        assert_ne!(part("r/t", &one), part("r/u", &one));
        assert_ne!(part("t", &one), part("t", &two));
        assert_eq!(part("t", &one), part("t", &link));
        assert_eq!(part("t", &one), part("t", &one.join("../two/../one")));
    }
}
