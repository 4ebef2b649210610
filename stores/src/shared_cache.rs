//! What builds of many processes, checkouts and repositories share, in one directory: copies of files, traces that say what they
//! were made from, and the [named caches](crate::named_cache) of tools. And the care of it: how much it holds, whether that is whole, and what goes first when it has grown too large.
//!
//! Anything may go at any moment, also under a build that is about to use it: what is not there is built. So nothing is locked. What
//! is used is marked with the time, and what was last used longest ago goes first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cas::Cas;
use crate::digest::Digest;
use crate::frame::{Frames, Piece};
use crate::named_cache::{HeldCache, named_caches};
use crate::trace_log::TraceLog;

/// A cache that builds share.
///
/// ```
/// use alacarte::stores::SharedCache;
///
/// let directory = tempfile::tempdir()?;
/// let cache = SharedCache::new(directory.path());
/// std::fs::write(directory.path().join("a"), "hello")?;
/// let digest = alacarte::stores::Digest::of_bytes(b"hello");
/// cache.copies().keep(&directory.path().join("a"), &digest)?;
/// assert_eq!(cache.holdings()?.bytes, 5);
/// assert_eq!(cache.shrink(0)?.copies, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCache {
    directory: PathBuf,
}

/// How much a cache holds, or how much of it was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// How many copies of files.
    pub copies: u64,
    /// Of how many keys there are traces.
    pub keys: u64,
    /// How many named caches of tools, each repository's part by itself.
    pub tools: u64,
    /// The size of all of it in bytes.
    pub bytes: u64,
}

impl Holdings {
    fn add(&mut self, entry: &Entry) {
        match entry.what {
            What::Copy(..) => self.copies += 1,
            What::Traces(_) => self.keys += 1,
            What::Tool(_) => self.tools += 1,
        }
        self.bytes += entry.bytes;
    }
}

/// What goes as a whole, or stays.
enum What {
    /// A copy of a file, which is named by its content.
    Copy(PathBuf, Digest),
    /// The traces of a key.
    Traces(PathBuf),
    /// The named cache of a tool.
    Tool(HeldCache),
}

struct Entry {
    what: What,
    bytes: u64,
    used: SystemTime,
}

impl SharedCache {
    /// The cache in this directory, which is made when something is added.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        SharedCache { directory: directory.into() }
    }

    /// The user's own cache: `alacarte` in `$XDG_CACHE_HOME`, or in `~/.cache`. `None` for a user without a home.
    pub fn of_user() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(SharedCache::new(caches.join("alacarte")))
    }

    /// The cache in this directory, or else the user's own.
    pub fn chosen(directory: Option<&Path>) -> Option<Self> {
        directory.map(SharedCache::new).or_else(SharedCache::of_user)
    }

    /// Where it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The copies of files.
    pub fn copies(&self) -> Cas {
        Cas::new(self.directory.join("blobs"))
    }

    /// The traces.
    pub fn traces<K, V>(&self) -> TraceLog<K, V> {
        TraceLog::new(self.trace_directory())
    }

    fn trace_directory(&self) -> PathBuf {
        self.directory.join("traces")
    }

    /// The named caches of tools that hold anything, by name and repository.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn tools(&self) -> io::Result<Vec<HeldCache>> {
        named_caches(&self.directory)
    }

    /// Whether something was ever added to it.
    pub fn exists(&self) -> bool {
        let shared = self.copies().directory().is_dir() || self.trace_directory().is_dir();
        shared || self.tools().is_ok_and(|tools| !tools.is_empty())
    }

    /// How much it holds.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn holdings(&self) -> io::Result<Holdings> {
        let mut all = Holdings::default();
        self.entries()?.iter().for_each(|entry| all.add(entry));
        Ok(all)
    }

    /// Reads all of it, and removes copies that are not what they are called, and traces of which none can be read; how much there
    /// was, and how much was removed.
    ///
    /// # Errors
    /// If its directory cannot be read, or what is damaged not be removed.
    pub fn verify(&self) -> io::Result<(Holdings, Holdings)> {
        let (mut all, mut removed) = (Holdings::default(), Holdings::default());
        for entry in self.entries()? {
            all.add(&entry);
            match entry.is_whole() {
                // It has gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(true) => {}
                _ if entry.remove()? => removed.add(&entry),
                _ => {}
            }
        }
        Ok((all, removed))
    }

    /// Removes what was last used longest ago until it holds no more than so many bytes; how much was removed.
    ///
    /// # Errors
    /// If its directory cannot be read, or something not be removed.
    pub fn shrink(&self, bytes: u64) -> io::Result<Holdings> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.used);
        let mut left: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let mut removed = Holdings::default();
        for entry in entries {
            if left <= bytes {
                break;
            }
            left -= entry.bytes;
            if entry.remove()? {
                removed.add(&entry);
            }
        }
        Ok(removed)
    }

    /// Removes all that was ever added; how much it was. What else lies in the directory stays.
    ///
    /// # Errors
    /// If its directory cannot be read, or something not be removed.
    pub fn clear(&self) -> io::Result<Holdings> {
        let mut removed = Holdings::default();
        for entry in self.entries()? {
            if entry.remove()? {
                removed.add(&entry);
            }
        }
        Ok(removed)
    }

    /// All that it holds. (What else lies in the directory is not ours to look at.)
    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (traces, directory) in [(false, self.copies().directory().to_owned()), (true, self.trace_directory())] {
            for half in listing(&directory)? {
                let Some(first) = name(&half).filter(|name| name.len() == 2) else { continue };
                for path in listing(&half)? {
                    let digest = name(&path).and_then(|rest| Digest::from_hex(&format!("{first}{rest}")));
                    let (Some(digest), Ok(file)) = (digest, path.symlink_metadata()) else { continue };
                    let used = file.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    let what = if traces { What::Traces(path) } else { What::Copy(path, digest) };
                    entries.push(Entry { what, bytes: file.len(), used });
                }
            }
        }
        let tools = self.tools()?.into_iter();
        entries.extend(tools.map(|tool| Entry { bytes: tool.bytes, used: tool.used, what: What::Tool(tool) }));
        Ok(entries)
    }
}

impl Entry {
    fn is_whole(&self) -> io::Result<bool> {
        match &self.what {
            What::Copy(path, digest) => {
                let content = Digest::of_content(std::fs::File::open(path)?)?;
                Ok(digest.mode_over(content).is_some())
            }
            What::Traces(path) => {
                let bytes = std::fs::read(path)?;
                Ok(Frames::new(&bytes, 0).any(|piece| matches!(piece, Piece::Payload(_))))
            }
            // Only the tool knows what it should hold.
            What::Tool(_) => Ok(true),
        }
    }

    /// Whether it was there to be removed.
    fn remove(&self) -> io::Result<bool> {
        match &self.what {
            What::Copy(path, _) | What::Traces(path) => remove(path),
            What::Tool(tool) => tool.clear().map(|()| true),
        }
    }
}

/// What lies in a directory; nothing if there is none.
fn listing(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// Whether it was there to be removed.
fn remove(path: &Path) -> io::Result<bool> {
    let removed = match path.symlink_metadata() {
        Ok(file) if file.is_dir() => std::fs::remove_dir_all(path),
        _ => std::fs::remove_file(path),
    };
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::TraceCache;
    use std::fs;

    /// A cache with copies of these texts, the first of which was used longest ago.
    fn cache(texts: &[&str]) -> (tempfile::TempDir, SharedCache) {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = SharedCache::new(directory.path().join("cache"));
        let cas = cache.copies();
        for (place, text) in texts.iter().enumerate() {
            let file = directory.path().join("file");
            fs::write(&file, text).expect("written");
            assert!(cas.keep(&file, &Digest::of_bytes(text.as_bytes())).expect("kept"));
            let used = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 + place as u64);
            fs::File::open(cas.place(&Digest::of_bytes(text.as_bytes())))
                .and_then(|f| f.set_modified(used))
                .expect("set");
        }
        (directory, cache)
    }

    fn holds(cache: &SharedCache, text: &str) -> bool {
        cache.copies().has(&Digest::of_bytes(text.as_bytes()))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (directory, cache) = cache(&["one", "three", "eleven"]);
        assert_eq!(cache.holdings().expect("read"), Holdings { copies: 3, keys: 0, tools: 0, bytes: 14 });
        // To be fetched is to be used.
        assert!(cache.copies().fetch(&Digest::of_bytes(b"one"), directory.path()).expect("read").is_some());
        assert_eq!(cache.shrink(14).expect("nothing to do"), Holdings::default());
        assert_eq!(cache.shrink(9).expect("removed"), Holdings { copies: 1, keys: 0, tools: 0, bytes: 5 });
        assert!(holds(&cache, "one") && !holds(&cache, "three") && holds(&cache, "eleven"));
        assert_eq!(cache.shrink(3).expect("removed"), Holdings { copies: 1, keys: 0, tools: 0, bytes: 6 });
        assert!(holds(&cache, "one"));
        assert_eq!(cache.shrink(0).expect("removed").copies, 1);
        assert_eq!(cache.holdings().expect("read"), Holdings::default());
    }

    #[test]
    fn what_is_damaged_is_found_and_nothing_else_is_touched() {
        let (directory, cache) = cache(&["one", "two"]);
        let place = cache.copies().place(&Digest::of_bytes(b"two"));
        fs::remove_file(&place).expect("removed");
        fs::write(&place, "junk").expect("written");
        let foreign = [cache.directory().join("README"), place.with_file_name("notes")];
        for path in &foreign {
            fs::write(path, "not ours").expect("written");
        }
        let (all, removed) = cache.verify().expect("read");
        assert_eq!((all.copies, removed), (2, Holdings { copies: 1, keys: 0, tools: 0, bytes: 4 }));
        assert!(holds(&cache, "one") && !holds(&cache, "two"));
        assert_eq!(cache.shrink(0).expect("removed").copies, 1);
        assert!(foreign.iter().all(|path| path.exists()), "what is not ours stays");
        assert_eq!(SharedCache::new(directory.path().join("none")).holdings().expect("nothing"), Holdings::default());
    }

    #[test]
    fn traces_are_counted_and_removed_as_copies_are() {
        let (_directory, cache) = cache(&["one"]);
        let trace = |key: &str| alacarte_core::SharedTrace::new(key.to_string(), Vec::new(), None, 1u64);
        let add = |key| cache.traces().add(&trace(key)).expect("added");
        let knows = |key: &str| {
            let mut known = 0;
            let mut traces = cache.traces::<String, u64>();
            traces.traces(&key.to_string(), &mut |_| known += 1).expect("read");
            known == 1
        };
        add("a");
        add("b");
        let all = cache.holdings().expect("read");
        assert_eq!((all.copies, all.keys), (1, 2));
        // The copy was used longest ago; then `b`, once `a` was looked up.
        assert!(knows("a"));
        assert_eq!(cache.shrink(all.bytes - 1).expect("removed").copies, 1);
        assert_eq!(cache.shrink((all.bytes - 3) / 2).expect("removed").keys, 1);
        assert_eq!((knows("a"), knows("b")), (true, false));
        for entry in cache.entries().expect("read") {
            let What::Traces(path) = entry.what else { panic!("the copy was removed") };
            fs::write(path, "junk").expect("written");
        }
        assert_eq!(cache.verify().expect("read").1, Holdings { copies: 0, keys: 1, tools: 0, bytes: 4 });
        add("a");
        let foreign = cache.directory().join("traces/results.csv");
        fs::write(&foreign, "not ours").expect("written");
        assert_eq!(cache.clear().expect("removed").keys, 1);
        assert!(foreign.exists() && !knows("a"));
    }

    /// A copy that goes between two looks at it is not there, and no error.
    #[test]
    fn copies_go_while_others_use_them() {
        let texts: Vec<String> = (0..200).map(|number| format!("text {number}")).collect();
        let (directory, cache) = cache(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let other = cache.clone();
        let evicts = std::thread::spawn(move || while other.shrink(0).expect("removed").copies > 0 {});
        for text in texts.iter().rev() {
            cache.copies().fetch(&Digest::of_bytes(text.as_bytes()), directory.path()).expect("there or not");
            let file = directory.path().join("file");
            fs::write(&file, text).expect("written");
            cache.copies().keep(&file, &Digest::of_bytes(text.as_bytes())).expect("kept");
        }
        evicts.join().expect("it ends");
    }
}
