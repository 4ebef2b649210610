//! What builds of many processes, checkouts and repositories share, in one directory: copies of files, traces that say what they
//! were made from, and the [named caches](crate::named_cache) of tools. And the care of it: how much it holds, whether that is whole, and what goes first when it has grown too large.
//!
//! Anything may go at any moment, also under a build that is about to use it: what is not there is built. So nothing is locked. What
//! is used is marked with the time, and what was last used longest ago goes first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use alacarte_core::StoreError;

use crate::cache_damage::{CacheDamage, Verified};
use crate::cas::{Cas, Original};
use crate::digest::Digest;
use crate::named_cache::{HeldCache, TOOLS, named_caches};
use crate::regular::{self, directories_in, on_disk};
use crate::scratch;
use crate::trace_log::{TraceFile, TraceLog};

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
/// assert_eq!(cache.holdings()?.copies, 1);
/// assert_eq!(cache.shrink(0)?.removed.copies, 1);
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
    /// What all of it takes in bytes, in blocks of four kibibytes.
    pub bytes: u64,
}

/// What was found, and done, in the care of a cache.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Tended {
    /// What there was.
    pub held: Holdings,
    /// What of it was removed.
    pub removed: Holdings,
    /// What was not what it should be. Of that nothing is left.
    pub damage: Vec<CacheDamage>,
    /// What could not be read or removed, and why. All else was done.
    pub trouble: Vec<StoreError>,
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
        self.each(|entry| all.add(&entry))?;
        Ok(all)
    }

    /// Reads all of it, and removes what is not what it should be: what lies in the place of its directories (but a link, which is only told), copies that are not what they are called, traces that cannot be read or belong to another key,
    /// and in the caches of tools what is no entry, or belongs to another repository. (What an entry should hold only the tool knows.)
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn verify(&self) -> io::Result<Tended> {
        let (mut tended, entries) = self.gather()?;
        for path in self.in_the_way()? {
            if path.is_symlink() {
                // (Somebody may have put it there on purpose.)
                tended.damage.push(CacheDamage::new(path, ELSEWHERE));
                continue;
            }
            tended.damage.push(CacheDamage::new(&path, NO_DIRECTORY));
            let removed = scratch::remove(&path).map_err(|error| StoreError::new("remove", path.display(), error));
            tended.trouble.extend(removed.err());
        }
        for entry in entries {
            match entry.verify(&self.trace_directory()) {
                Ok(Verified { damage, removed, trouble }) => {
                    tended.damage.extend(damage);
                    if removed {
                        tended.removed.add(&entry);
                    }
                    tended.trouble.extend(trouble.map(|error| entry.trouble("mend", error)));
                }
                // It has gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tended.trouble.push(entry.trouble("verify", error)),
            }
        }
        Ok(tended)
    }

    /// Removes what was last used longest ago until it takes no more than so many bytes.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn shrink(&self, bytes: u64) -> io::Result<Tended> {
        self.tend(|left| left > bytes)
    }

    /// Removes all that was ever added. What else lies in the directory stays.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn clear(&self) -> io::Result<Tended> {
        self.tend(|_| true)
    }

    /// Removes entries, what was last used longest ago first, as long as `go` says so, which is told how many bytes are left.
    fn tend(&self, go: impl Fn(u64) -> bool) -> io::Result<Tended> {
        let (mut tended, entries) = self.gather()?;
        let mut left = tended.held.bytes;
        for entry in entries {
            if !go(left) {
                break;
            }
            match entry.remove() {
                Ok(true) => {
                    left -= entry.bytes;
                    tended.removed.add(&entry);
                }
                // It has gone meanwhile.
                Ok(false) => {}
                Err(error) => tended.trouble.push(entry.trouble("remove", error)),
            }
        }
        Ok(tended)
    }

    /// All that it holds, what was last used longest ago first, without what killed processes have left underway.
    fn gather(&self) -> io::Result<(Tended, Vec<Entry>)> {
        self.copies().sweep();
        scratch::sweep(&self.trace_directory().join("underway"));
        let (mut entries, mut tended) = (Vec::new(), Tended::default());
        self.each(|entry| {
            tended.held.add(&entry);
            entries.push(entry);
        })?;
        entries.sort_by_key(|entry| entry.used);
        Ok((tended, entries))
    }

    /// What lies where the cache has directories, and is none.
    fn in_the_way(&self) -> io::Result<Vec<PathBuf>> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let (copies, traces) = (self.copies().directory().to_owned(), self.trace_directory());
        let mut places = vec![copies.clone(), traces.clone(), self.directory.join(TOOLS)];
        for directory in [copies, traces].iter().filter(|directory| !directory.is_symlink() && directory.is_dir()) {
            for half in std::fs::read_dir(directory).map_err(|error| regular::of(directory, error))? {
                let half = half?.path();
                let is_half = |name: &str| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
                places.extend(name(&half).is_some_and(is_half).then(|| half.clone()));
            }
        }
        places.retain(|path| path.symlink_metadata().is_ok_and(|there| !there.is_dir()));
        Ok(places)
    }

    /// All that it holds. (What else lies in the directory is not ours to look at.)
    fn each(&self, mut each: impl FnMut(Entry)) -> io::Result<()> {
        for (traces, directory) in [(false, self.copies().directory().to_owned()), (true, self.trace_directory())] {
            for half in directories_in(&directory)? {
                let Some(first) = name(&half).filter(|name| name.len() == 2) else { continue };
                for path in std::fs::read_dir(&half).map_err(|error| regular::of(&half, error))? {
                    let path = path?.path();
                    let digest = name(&path).and_then(|rest| Digest::from_hex(&format!("{first}{rest}")));
                    let (Some(digest), Ok(file)) = (digest, path.symlink_metadata()) else { continue };
                    let used = file.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    let what = if traces { What::Traces(path) } else { What::Copy(path, digest) };
                    each(Entry { what, bytes: on_disk(&file), used });
                }
            }
        }
        for tool in self.tools()? {
            each(Entry { bytes: tool.bytes, used: tool.used, what: What::Tool(tool) });
        }
        Ok(())
    }
}

impl Entry {
    /// Reads it, and leaves nothing of it that is not what it should be.
    fn verify(&self, traces: &Path) -> io::Result<Verified> {
        let (path, looked) = match &self.what {
            What::Tool(tool) => return tool.verify(),
            What::Copy(path, digest) => {
                let content = regular::open(path).and_then(Digest::of_content);
                let wrong = |content| Original::over(content, digest).is_none().then(|| NOT_SO_CALLED.to_owned());
                (path, content.map(wrong))
            }
            What::Traces(path) => match TraceFile::read(traces, path) {
                Ok(file) => {
                    let wrong = file.wrong();
                    if let Some(wrong) = wrong.as_ref().filter(|_| !file.is_lost()) {
                        let mended = file.mend(traces, path).map(|()| false);
                        return Ok(Verified::damaged(CacheDamage::new(path, wrong), mended));
                    }
                    (path, Ok(wrong))
                }
                Err(error) => (path, Err(error)),
            },
        };
        let wrong = match looked {
            Err(error) if regular::is_no_file(&error) => Some(error.to_string()),
            looked => looked?,
        };
        Ok(match wrong {
            Some(wrong) => Verified::damaged(CacheDamage::new(path, wrong), self.remove()),
            None => Verified::default(),
        })
    }

    /// Whether it was there to be removed.
    fn remove(&self) -> io::Result<bool> {
        match &self.what {
            What::Copy(path, _) | What::Traces(path) => scratch::remove(path),
            What::Tool(tool) => tool.clear().map(|()| true),
        }
    }

    fn trouble(&self, action: &'static str, error: io::Error) -> StoreError {
        match &self.what {
            What::Copy(path, _) | What::Traces(path) => StoreError::new(action, path.display(), error),
            What::Tool(tool) => StoreError::new(action, format!("{} of {}", tool.name, tool.repository), error),
        }
    }
}

/// What is wrong with what lies in the place of a directory.
const NO_DIRECTORY: &str = "it is no directory, so that nothing can be added there";

/// What is wrong with a link there.
const ELSEWHERE: &str =
    "it leads elsewhere: what lies there is neither counted nor looked after; the link is left for you to remove";

/// What is wrong with a copy.
const NOT_SO_CALLED: &str = "its content is not what its name says";

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::TraceCache;
    use std::fs;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// The least that a file takes.
    const BLOCK: u64 = 4096;

    fn copies(copies: u64) -> Holdings {
        Holdings { copies, keys: 0, tools: 0, bytes: copies * BLOCK }
    }

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
        assert_eq!(cache.holdings().expect("read"), copies(3));
        // To be fetched is to be used.
        assert!(cache.copies().fetch(&Digest::of_bytes(b"one"), directory.path()).expect("read").is_some());
        assert_eq!(cache.shrink(3 * BLOCK).expect("nothing to do").removed, Holdings::default());
        assert_eq!(cache.shrink(2 * BLOCK).expect("removed").removed, copies(1));
        assert!(holds(&cache, "one") && !holds(&cache, "three") && holds(&cache, "eleven"));
        assert_eq!(cache.shrink(BLOCK + 1).expect("removed").removed, copies(1));
        assert!(holds(&cache, "one"));
        assert_eq!(cache.shrink(0).expect("removed").removed.copies, 1);
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
        let tended = cache.verify().expect("read");
        assert_eq!((tended.held, tended.removed), (copies(2), copies(1)));
        assert!(holds(&cache, "one") && !holds(&cache, "two"));
        assert_eq!(cache.shrink(0).expect("removed").removed.copies, 1);
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
        assert_eq!(cache.shrink(all.bytes - 1).expect("removed").removed.copies, 1);
        assert_eq!(cache.shrink(BLOCK).expect("removed").removed.keys, 1);
        assert_eq!((knows("a"), knows("b")), (true, false));
        cache
            .each(|entry| {
                let What::Traces(path) = entry.what else { panic!("the copy was removed") };
                fs::write(path, "junk").expect("written");
            })
            .expect("read");
        assert_eq!(cache.verify().expect("read").removed.keys, 1);
        add("a");
        let foreign = cache.directory().join("traces/results.csv");
        fs::write(&foreign, "not ours").expect("written");
        assert_eq!(cache.clear().expect("removed").removed.keys, 1);
        assert!(foreign.exists() && !knows("a"));
    }

    /// A copy that goes between two looks at it is not there, and no error; and never is it half there.
    #[test]
    fn copies_go_while_others_use_them() {
        let texts: Vec<String> = (0..50).map(|number| format!("text {number}")).collect();
        let (directory, cache) = cache(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let (done, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    looks.fetch_add(
                        usize::from(cache.shrink(0).expect("removed").removed.copies > 0),
                        Ordering::Relaxed,
                    );
                }
            });
            let (mut hits, file) = (0, directory.path().join("file"));
            while looks.load(Ordering::Relaxed) < 20 {
                for text in &texts {
                    let digest = Digest::of_bytes(text.as_bytes());
                    fs::write(&file, text).expect("written");
                    assert!(cache.copies().keep(&file, &digest).expect("kept"));
                    if let Some(copy) = cache.copies().fetch(&digest, directory.path()).expect("there or not") {
                        assert_eq!(&fs::read_to_string(copy.path()).expect("read"), text);
                        hits += 1;
                    }
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(hits > 0);
        });
    }

    /// A file in the place of a directory, which keeps a cache from growing, is found and goes; a link is found and stays; of a
    /// directory that is no cache nothing is taken.
    #[test]
    fn what_lies_in_the_place_of_a_directory_is_damage() {
        let one = Digest::of_bytes(b"one").to_string();
        for place in ["blobs", "traces", "tools", "blobs/ab", "traces/0f"] {
            for link in [false, true] {
                let (directory, cache) = cache(&["one"]);
                fs::create_dir_all(cache.directory().join("traces")).expect("made");
                let (path, elsewhere) = (cache.directory().join(place), directory.path().join("elsewhere"));
                fs::create_dir_all(elsewhere.join(&one[..2])).expect("made");
                fs::write(elsewhere.join(&one[..2]).join(&one[2..]), "precious").expect("written");
                let _ = fs::remove_dir_all(&path);
                if link {
                    std::os::unix::fs::symlink(&elsewhere, &path).expect("a link");
                } else {
                    fs::write(&path, "").expect("written");
                }
                let found = cache.verify().expect("read");
                assert_eq!(found.damage.iter().map(|damage| &damage.path).collect::<Vec<_>>(), [&path], "{place}");
                assert!(found.trouble.is_empty() && path.is_symlink() == link && path.exists() == link, "{place}");
                assert_eq!(cache.verify().expect("read").damage.is_empty(), !link, "{place}");
                let precious = fs::read(elsewhere.join(&one[..2]).join(&one[2..]));
                assert_eq!(precious.expect("left alone"), b"precious");
            }
        }
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("blobs"), "mine").expect("written");
        assert!(SharedCache::new(directory.path()).verify().expect("read").damage.is_empty());
        assert!(directory.path().join("blobs").exists());
    }

    /// What killed processes have left goes, and what only leads elsewhere is not followed.
    #[test]
    fn what_others_have_put_there_harms_nobody() {
        let (directory, cache) = cache(&["one", "two"]);
        let (victim, part) = (directory.path().join("victim"), "f".repeat(62));
        fs::create_dir_all(victim.join("entries")).expect("made");
        for name in [&part, "repository", "entries/precious"] {
            fs::write(victim.join(name), "precious").expect("written");
        }
        let link = |to: &Path, at: PathBuf| {
            fs::create_dir_all(at.parent().expect("not the root")).expect("made");
            std::os::unix::fs::symlink(to, at).expect("a link");
        };
        link(&victim, cache.directory().join("blobs/zz"));
        link(&victim, cache.directory().join("traces/zz"));
        link(&victim, cache.directory().join("tools/x/by-name/r"));
        link(&victim.join(&part), cache.directory().join(format!("traces/ab/{part}")));
        // A pipe in the place of a copy makes nobody wait.
        let place = cache.copies().place(&Digest::of_bytes(b"two"));
        fs::remove_file(&place).expect("removed");
        assert!(std::process::Command::new("mkfifo").arg(&place).status().expect("it starts").success());
        assert_eq!(cache.verify().expect("read").removed.copies, 1);
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        let left = format!(".alacarte-{}-abc.part", child.id());
        child.wait().expect("it ends");
        let left = [cache.copies().underway().join(&left), cache.directory().join("traces/underway").join(&left)];
        for path in &left {
            fs::create_dir_all(path.parent().expect("not the root")).expect("made");
            fs::write(path, "left").expect("written");
        }
        let tended = cache.clear().expect("removed");
        assert!(tended.trouble.is_empty(), "{:?}", tended.trouble);
        assert!(left.iter().all(|path| !path.exists()));
        for name in [&part, "repository", "entries/precious"] {
            assert_eq!(fs::read_to_string(victim.join(name)).expect("it is there"), "precious", "{name}");
        }
    }

    /// What lies behind a link in the place of a part of the cache is not the cache's.
    #[test]
    fn a_part_of_a_cache_that_only_leads_elsewhere_is_not_cared_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let (one, other) = (SharedCache::new(directory.path().join("one")), directory.path().join("other"));
        let filled = SharedCache::new(&other);
        fs::write(directory.path().join("file"), "text").expect("written");
        let digest = Digest::of_bytes(b"text");
        assert!(filled.copies().keep(&directory.path().join("file"), &digest).expect("kept"));
        filled.traces().add(&alacarte_core::SharedTrace::new("a".to_string(), Vec::new(), None, 1u64)).expect("added");
        let name = "r/tool".parse().expect("a name");
        let copy = crate::NamedCache::new(&other, &name, directory.path()).take(directory.path()).expect("taken");
        fs::write(copy.path().join("entry"), "text").expect("written");
        assert_eq!(copy.publish().added, 1);
        let held = filled.holdings().expect("read");
        assert_eq!((held.copies, held.keys, held.tools), (1, 1, 1));
        fs::create_dir(one.directory()).expect("made");
        for part in ["blobs", "traces", "tools"] {
            std::os::unix::fs::symlink(other.join(part), one.directory().join(part)).expect("a link");
        }
        assert_eq!(one.clear().expect("removed").removed, Holdings::default());
        assert_eq!(filled.holdings().expect("read"), held);
    }

    /// A file without content takes a place on the disk, too.
    #[test]
    fn no_file_is_so_small_that_it_counts_for_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = SharedCache::new(directory.path().join("cache"));
        let named = crate::NamedCache::new(cache.directory(), &"r/tool".parse().expect("a name"), directory.path());
        let copy = named.take(directory.path()).expect("taken");
        for entry in ["a", "b"] {
            fs::write(copy.path().join(entry), "").expect("written");
        }
        assert_eq!(copy.publish().added, 2);
        assert_eq!(cache.holdings().expect("read").bytes, 2 * BLOCK);
        assert_eq!(cache.shrink(2 * BLOCK - 1).expect("removed").removed.tools, 1);
    }

    /// A copy that is damaged is missed, also where it cannot be removed.
    #[test]
    fn a_damaged_copy_that_stays_is_a_miss() {
        let (directory, cache) = cache(&["one"]);
        let (digest, test) = (Digest::of_bytes(b"one"), "a_damaged_copy_that_stays_is_a_miss");
        let place = cache.copies().place(&digest);
        fs::remove_file(&place).expect("removed");
        fs::write(&place, "junk").expect("written");
        let Some(_immutable) = Immutable::make(&place, test) else { return };
        assert!(cache.copies().fetch(&digest, directory.path()).expect("no error").is_none());
        assert!(place.exists());
    }

    /// A file that not even root can change or remove, as on a disk that is read-only.
    struct Immutable<'p>(&'p Path);

    impl<'p> Immutable<'p> {
        /// `None` where no file can be made so; it is said which test is left out.
        fn make(path: &'p Path, test: &str) -> Option<Self> {
            let made = std::process::Command::new("chattr").arg("+i").arg(path).output();
            let made = made.is_ok_and(|output| output.status.success());
            if !made {
                crate::lines::to_stderr(format_args!("{test}: left out, for no file can be made immutable here"));
            }
            made.then_some(Immutable(path))
        }
    }

    impl Drop for Immutable<'_> {
        fn drop(&mut self) {
            let _ = std::process::Command::new("chattr").arg("-i").arg(self.0).output();
        }
    }

    /// One entry that resists keeps nothing else from going.
    #[test]
    fn what_cannot_be_removed_is_said_and_the_rest_goes() {
        let (_directory, cache) = cache(&["one", "two", "three"]);
        let place = cache.copies().place(&Digest::of_bytes(b"one"));
        let test = "what_cannot_be_removed_is_said_and_the_rest_goes";
        let Some(immutable) = Immutable::make(&place, test) else { return };
        let tended = cache.clear().expect("removed");
        drop(immutable);
        assert_eq!((tended.removed.copies, tended.trouble.len()), (2, 1));
        assert!(tended.trouble[0].to_string().contains(&place.display().to_string()), "{}", tended.trouble[0]);
    }
}
