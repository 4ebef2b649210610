//! Which keys may have changed, told by the file system as it happens.
//!
//! The directories around the files of a build are watched, each by the path without links, and what is heard of a name in one is said of the keys
//! that lie there. So it costs nothing to hear of other files. The directories above are watched, too: one that comes, goes or is replaced
//! changes all below it. A link is watched where it lies and where it leads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alacarte_stores::FileKey;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rustix::io::Errno;
use thiserror::Error;
use tokio::sync::Notify;

/// So long nothing must happen before what has happened is one change.
const QUIET: Duration = Duration::from_millis(50);

/// So long it is waited for quiet.
const LIMIT: Duration = Duration::from_secs(1);

/// So many links are followed from one to the next.
const LINKS: usize = 40;

/// Files cannot be watched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The system's limit is reached.
    #[error(
        "cannot watch {}: the system watches as many files for this user as it may; allow more with \
         `sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024`, or end other programs that watch files",
        place.display()
    )]
    Limit {
        /// What was to be watched.
        place: PathBuf,
    },
    /// The system cannot watch them for another reason.
    #[error("cannot watch {}: {source}", place.display())]
    Other {
        /// What was to be watched.
        place: PathBuf,
        /// Why not.
        source: notify::Error,
    },
}

/// What was heard of the files of a build.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Heard {
    /// Keys that may have changed, each with the time of the last change that can be seen in a file of it; none if such a file is gone.
    pub keys: HashMap<FileKey, Option<SystemTime>>,
    /// Files that are no key's and have come to lie beside sources: since when.
    pub appeared: Vec<SystemTime>,
}

/// Hears of changes to the files of a build.
#[derive(Debug)]
pub struct Watcher {
    watcher: RecommendedWatcher,
    root: PathBuf,
    shared: Arc<Shared>,
    /// The real paths of the directories of keys.
    real: HashMap<PathBuf, PathBuf>,
    /// What is watched: a key, the place of its file, whether that is a source.
    added: Vec<(FileKey, PathBuf, bool)>,
}

/// What the thread that hears of events and the one that builds both know.
#[derive(Debug, Default)]
struct Shared {
    noted: Mutex<Noted>,
    wake: Notify,
}

/// Where the files of a build lie, and what was heard of them.
#[derive(Debug, Default)]
struct Noted {
    /// All directories in which something lies, and those above, without links.
    directories: BTreeMap<PathBuf, Directory>,
    changed: HashMap<FileKey, HashSet<PathBuf>>,
    appeared: HashSet<PathBuf>,
    /// Whether it is noted what appears.
    minds_new: bool,
    /// A directory has come, gone or been replaced, or something was not heard.
    lost: bool,
    last: Option<Instant>,
}

/// What a directory has for the build.
#[derive(Debug, Default)]
struct Directory {
    /// The keys that lie there, by the names of their files; those of the directory itself by no name.
    names: HashMap<OsString, HashSet<FileKey>>,
    /// One of them is a source.
    sources: bool,
    watched: bool,
}

impl Watcher {
    /// Nothing is watched yet. Keys are relative to this directory.
    ///
    /// # Errors
    /// If the system watches no files, or no more.
    pub fn new(directory: &Path) -> Result<Self, WatchError> {
        let root = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let shared = Arc::default();
        Ok(Watcher { watcher: listen(&root, &shared)?, root, shared, real: HashMap::new(), added: Vec::new() })
    }

    /// Watches what this key stands for, which is the file at `path`, and a source perhaps. Whether it was not watched before.
    ///
    /// # Errors
    /// If the system watches no more.
    pub fn add(&mut self, key: &FileKey, path: &Path, source: bool) -> Result<bool, WatchError> {
        let new = self.follow(key, path, source)?;
        if new {
            self.added.push((key.clone(), path.to_owned(), source));
        }
        Ok(new)
    }

    /// Watches anew all that is watched: directories may be others than they were.
    ///
    /// # Errors
    /// If the system watches no more.
    pub fn renew(&mut self) -> Result<(), WatchError> {
        self.shared.lock().directories.clear();
        self.real.clear();
        self.watcher = listen(&self.root, &self.shared)?;
        for (key, path, source) in &std::mem::take(&mut self.added) {
            self.add(key, path, *source)?;
        }
        Ok(())
    }

    /// Watches a file and, if it is a link, where that leads.
    fn follow(&mut self, key: &FileKey, path: &Path, source: bool) -> Result<bool, WatchError> {
        let (mut place, mut new) = (self.root.join(path), false);
        for step in 0..LINKS {
            let Some(name) = place.file_name().map(OsStr::to_owned) else { break };
            let directory = self.real_directory(place.parent().unwrap_or(Path::new("/")))?;
            let met = self.shared.lock().lies(&directory, name.clone(), key, source);
            new |= step == 0 && met;
            self.watch_upwards(&directory)?;
            let there = directory.join(name);
            match std::fs::read_link(&there) {
                Ok(target) => place = directory.join(target),
                Err(_) => {
                    // A directory as a key is what lies in it.
                    if there.is_dir() {
                        self.shared.lock().lies(&there, OsString::new(), key, false);
                        self.watch_upwards(&there)?;
                    }
                    break;
                }
            }
        }
        Ok(new)
    }

    /// The directory without links; one that is not there, as far as it is there.
    fn real_directory(&mut self, directory: &Path) -> Result<PathBuf, WatchError> {
        if let Some(real) = self.real.get(directory) {
            return Ok(real.clone());
        }
        let mut there = directory;
        let real = loop {
            match (there.canonicalize(), there.parent()) {
                (Ok(real), _) => break real.join(directory.strip_prefix(there).unwrap_or(Path::new(""))),
                (Err(_), Some(above)) => there = above,
                (Err(_), None) => break directory.to_owned(),
            }
        };
        // A link on the way may come to lead elsewhere.
        for link in directory.ancestors().filter(|path| path.is_symlink()) {
            let Some((above, name)) = link.parent().zip(link.file_name()) else { continue };
            let above = above.canonicalize().unwrap_or_else(|_| above.to_owned());
            self.shared.lock().directories.entry(above.join(name)).or_default();
            self.watch_upwards(&above)?;
        }
        self.real.insert(directory.to_owned(), real.clone());
        Ok(real)
    }

    /// Watches a directory and those above, as far as they are there. Those above come first: so it is heard if one comes that was just found not to be
    /// there.
    fn watch_upwards(&mut self, directory: &Path) -> Result<(), WatchError> {
        let is_watched = |place: &&Path| self.shared.lock().directories.get(*place).is_some_and(|known| known.watched);
        let places: Vec<&Path> = directory.ancestors().take_while(|place| !is_watched(place)).collect();
        for place in places.into_iter().rev().filter(|place| !place.as_os_str().is_empty()) {
            let watched = match self.watcher.watch(place, RecursiveMode::NonRecursive) {
                Ok(()) => true,
                // What is not there, or may not be read, is heard of from above.
                Err(error) if is_absent(&error) => false,
                Err(error) => return Err(failed(place, error)),
            };
            self.shared.lock().directories.entry(place.to_owned()).or_default().watched = watched;
        }
        Ok(())
    }

    /// Whether files are minded that come to lie beside sources and are no key's.
    pub fn mind_new(&self, minds: bool) {
        self.shared.lock().minds_new = minds;
    }

    /// Waits until something was heard and nothing more follows.
    pub async fn changed(&self) {
        let begin = loop {
            if self.shared.lock().is_news() {
                break Instant::now();
            }
            self.shared.wake.notified().await;
        };
        while begin.elapsed() < LIMIT && self.shared.lock().last.is_some_and(|last| last.elapsed() < QUIET) {
            tokio::time::sleep(QUIET / 2).await;
        }
    }

    /// What was heard since; `None` if any key may have changed, and what is watched is to be watched anew.
    ///
    /// # Errors
    /// If something has become a link, and the system watches no more.
    pub fn take(&mut self) -> Result<Option<Heard>, WatchError> {
        let mut noted = self.shared.lock();
        let (changed, appeared) = (std::mem::take(&mut noted.changed), std::mem::take(&mut noted.appeared));
        if std::mem::take(&mut noted.lost) {
            return Ok(None);
        }
        drop(noted);
        for (key, paths) in &changed {
            for path in paths {
                // (Where a new link leads was not watched.)
                self.follow(key, path, false)?;
            }
        }
        let last = |paths: HashSet<PathBuf>| {
            let times = paths.iter().map(|path| touched(path));
            times.reduce(|one, other| Some(one?.max(other?))).flatten()
        };
        let keys = changed.into_iter().map(|(key, paths)| (key, last(paths))).collect();
        Ok(Some(Heard { keys, appeared: appeared.iter().filter_map(|path| touched(path)).collect() }))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn is_news(&self) -> bool {
        self.lost || !self.changed.is_empty() || !self.appeared.is_empty()
    }

    /// A file of this key lies there. Whether that was not known.
    fn lies(&mut self, directory: &Path, name: OsString, key: &FileKey, source: bool) -> bool {
        let directory = self.directories.entry(directory.to_owned()).or_default();
        directory.sources |= source;
        directory.names.entry(name).or_default().insert(key.clone())
    }

    /// Takes note of an event: whether it is to be told.
    fn hear(&mut self, event: notify::Result<Event>) -> bool {
        match event {
            Ok(event) if event.need_rescan() => self.lost = true,
            Ok(event) => {
                let read =
                    matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write));
                if read {
                    return false;
                }
                event.paths.iter().for_each(|path| self.hear_of(path, &event.kind));
            }
            Err(_) => self.lost = true,
        }
        let news = self.is_news();
        if news {
            self.last = Some(Instant::now());
        }
        news
    }

    fn hear_of(&mut self, path: &Path, kind: &EventKind) {
        if self.directories.contains_key(path) && !matches!(kind, EventKind::Access(_)) {
            self.lost = true;
        }
        let Some((above, name)) = path.parent().zip(path.file_name()) else { return };
        let Some(directory) = self.directories.get(above) else { return };
        for key in [name, OsStr::new("")].iter().filter_map(|name| directory.names.get(*name)).flatten() {
            self.changed.entry(key.clone()).or_default().insert(path.to_owned());
        }
        let came = matches!(
            kind,
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Any))
        );
        if came && self.minds_new && directory.sources && !directory.names.contains_key(name) {
            self.appeared.insert(path.to_owned());
        }
    }
}

/// Has all events noted.
fn listen(root: &Path, shared: &Arc<Shared>) -> Result<RecommendedWatcher, WatchError> {
    let shared = Arc::clone(shared);
    let hear = move |event: notify::Result<Event>| {
        let news = shared.lock().hear(event);
        if news {
            shared.wake.notify_one();
        }
    };
    notify::recommended_watcher(hear).map_err(|error| failed(root, error))
}

/// When a file, or where it lies, was last changed; no time if it is gone.
fn touched(path: &Path) -> Option<SystemTime> {
    let there = std::fs::symlink_metadata(path).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(there.ctime().try_into().ok()?, there.ctime_nsec().try_into().ok()?))
}

fn is_absent(error: &notify::Error) -> bool {
    let absent =
        |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory);
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => absent(error.kind()),
        _ => false,
    }
}

fn failed(place: &Path, source: notify::Error) -> WatchError {
    let place = place.to_owned();
    let no_more = |error: &io::Error| {
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        matches!(errno, Some(Errno::MFILE | Errno::NOSPC))
    };
    match &source.kind {
        ErrorKind::MaxFilesWatch => WatchError::Limit { place },
        ErrorKind::Io(error) if no_more(error) => WatchError::Limit { place },
        _ => WatchError::Other { place, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, Flag};

    /// What is noted of the directory `/d`, in which the source `a` lies.
    fn noted() -> Noted {
        let mut noted = Noted { minds_new: true, ..Noted::default() };
        assert!(noted.lies(Path::new("/d"), "a".into(), &"a".into(), true));
        noted
    }

    fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn events_that_were_lost_put_everything_in_doubt() {
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        for lost in
            [Ok(overflow), Err(notify::Error::generic("gone")), event(EventKind::Create(CreateKind::Folder), "/d")]
        {
            let mut noted = noted();
            assert!(noted.hear(lost) && noted.lost);
        }
    }

    #[test]
    fn what_is_read_and_what_is_no_file_of_the_build_is_no_news() {
        let mut noted = noted();
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!noted.hear(event(EventKind::Access(AccessKind::Open(AccessMode::Read)), "/d/a")));
        assert!(!noted.hear(event(written, "/d/other")) && !noted.hear(event(written, "/elsewhere/a")));
        assert!(noted.hear(event(written, "/d/a")) && noted.changed.contains_key(&FileKey::from("a")));
        assert!(!noted.lost && noted.appeared.is_empty());
        let came = EventKind::Create(CreateKind::File);
        assert!(noted.hear(event(came, "/d/b")) && noted.appeared.contains(Path::new("/d/b")));
    }

    #[test]
    fn a_limit_of_the_system_is_told_with_what_to_raise() {
        for errno in [Errno::NOSPC, Errno::MFILE] {
            let error = notify::Error::io(io::Error::from_raw_os_error(errno.raw_os_error()));
            let error = failed(Path::new("src"), error);
            assert!(matches!(error, WatchError::Limit { .. }) && error.to_string().contains("max_user_watches"));
        }
        assert!(matches!(
            failed(Path::new("src"), notify::Error::new(ErrorKind::MaxFilesWatch)),
            WatchError::Limit { .. }
        ));
        assert!(matches!(failed(Path::new("src"), notify::Error::generic("odd")), WatchError::Other { .. }));
    }

    #[test]
    fn what_is_watched_anew_is_heard_of_and_what_is_gone_has_no_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let (root, source) = (directory.path(), directory.path().join("src"));
        std::fs::create_dir(&source).expect("a directory");
        let mut watcher = Watcher::new(root).expect("watched");
        let key = FileKey::from("src/a");
        assert!(watcher.add(&key, Path::new("src/a"), true).expect("watched"));
        assert!(!watcher.add(&key, Path::new("src/a"), true).expect("watched"));
        std::fs::remove_dir(&source).expect("removed");
        std::fs::create_dir(&source).expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(watcher.changed());
        assert!(watcher.take().expect("watched").is_none(), "the directory is another");
        watcher.renew().expect("watched");
        let before = SystemTime::now() - Duration::from_secs(1);
        std::fs::write(source.join("a"), "1").expect("written");
        runtime.block_on(watcher.changed());
        // (What the directory was replaced by may be heard of only now.)
        while watcher.take().expect("watched").is_none() {
            watcher.renew().expect("watched");
            std::fs::write(source.join("a"), "1").expect("written");
            runtime.block_on(watcher.changed());
        }
        std::fs::write(source.join("a"), "2").expect("written");
        runtime.block_on(watcher.changed());
        let heard = watcher.take().expect("watched").expect("heard");
        assert!(heard.keys[&key].expect("it is there") > before);
        std::fs::remove_file(source.join("a")).expect("removed");
        runtime.block_on(watcher.changed());
        assert_eq!(watcher.take().expect("watched").expect("heard").keys[&key], None);
    }
}
