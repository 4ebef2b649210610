//! Files as a build sees them: what they hold, and how to know without reading them again.
//!
//! A file's digest is kept together with the size, times and inode under which it was read; as long as these
//! stay as they are, so does the digest. One trap is known from git's index: a file may be written *again*
//! within one tick of the clock that stamps it, and then looks untouched. So a digest that was taken when the
//! file was younger than that is used once and never again. (The stamp must come from a clock that agrees with
//! ours to within a tick; a network file system's may lag.)
//!
//! A directory counts as the sorted list of the names in it: a task that depends on a directory sees files come and go,
//! not their content. (Ninja looks at a directory's time, which says the same less reliably.) A directory whose key ends
//! in a slash counts with all that lies in it, as a [`Tree`]. Links are followed, but within trees; a device or a pipe is
//! never read.
//!
//! What a command *made* is told more exactly than a source is: who may write it counts, and a link is a link, be there something behind it
//! or not.
//!
//! Of a file that a command made it is also known which *run* made it, as long as the content stays; and of the outputs
//! of a command that began and was not seen to end well, that nothing is known. Both are written down at once, the
//! second before the command starts, so that a process that is killed leaves nothing half made that looks whole.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use alacarte_core::{Fingerprint, StoreError, Time};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::byte_text::path_of;
use crate::digest::Digest;
use crate::file_table::Table;
use crate::glance::{Glance, Look, Looks, at};
use crate::known_file::{Begun, Doubt, Entry, Known, Seen};
use crate::link::Link;
pub(crate) use crate::stat::now;
use crate::stat::{self, Kind, Stat};
use crate::tree::Tree;
use crate::tree_reader::{Reading, TreeReader};
use crate::value::FileKey;

/// A table of files that a store and the tasks that write files both use.
pub type SharedFiles = Rc<RefCell<Files>>;

/// The files of a directory, and what is known of them.
///
/// ```
/// use alacarte::stores::{FileKey, Files};
///
/// let directory = tempfile::tempdir()?;
/// let mut files = Files::open(directory.path())?;
/// let key = FileKey::from("a");
/// assert_eq!(files.look(&key)?, None);
///
/// std::fs::write(files.path(&key), "one")?;
/// let one = files.look(&key)?.unwrap();
/// assert_eq!(files.look(&key)?, Some(one));
/// std::fs::write(files.path(&key), "another")?;
/// assert_ne!(files.look(&key)?.unwrap().digest, one.digest);
///
/// // While a command runs, its outputs count as unfinished.
/// files.begin(&[key.clone()]);
/// assert!(files.is_unfinished(&key));
/// files.written(&key, None)?;
/// assert!(!files.is_unfinished(&key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    directory: OwnedFd,
    /// (Each in a box of its own: a table that grows moves what it holds, and half of its places are empty. A clean build of 5,000 edges holds 18.1 MB at
    /// the most, and 19.8 without the boxes.)
    entries: FxHashMap<FileKey, Box<Entry>>,
    doubts: FxHashMap<FileKey, Doubt>,
    /// Counts what the build wrote.
    writes: u64,
    /// The files of which something was learned that the table does not say yet.
    news: FxHashSet<FileKey>,
    /// What is learned is not written down.
    unsaved: bool,
    /// Files that a dry run takes for written.
    pretended: FxHashSet<FileKey>,
    table: Option<Table>,
    trees: TreeReader,
    /// What was looked at.
    looks: Option<RefCell<Looks>>,
    /// What was looked at is not looked at again, until a command writes something.
    looks_once: bool,
    /// The keys that somebody who watches the files says may have changed, and has not said before; `None` if nobody watches.
    heeded: Option<FxHashSet<FileKey>>,
}

/// What is written down of a file.
type Record = (FileKey, Known);

impl Files {
    /// The files of a directory, of which nothing is known yet.
    ///
    /// # Errors
    /// If there is no such directory.
    pub fn open(root: impl Into<PathBuf>) -> Result<Files, StoreError> {
        let root = root.into();
        let directory = rustix::fs::open(&root, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| StoreError::new("open the directory", root.display(), error.into()))?;
        Ok(Files {
            root,
            directory,
            entries: FxHashMap::default(),
            doubts: FxHashMap::default(),
            writes: 0,
            news: FxHashSet::default(),
            unsaved: false,
            pretended: FxHashSet::default(),
            table: None,
            trees: TreeReader::default(),
            looks: None,
            looks_once: false,
            heeded: None,
        })
    }

    /// The same, to be shared.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn shared(root: impl Into<PathBuf>) -> Result<SharedFiles, StoreError> {
        Files::open(root).map(|files| Rc::new(RefCell::new(files)))
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a file lies.
    pub fn path(&self, key: &FileKey) -> PathBuf {
        self.root.join(path_of(key.place()))
    }

    /// What the file holds now; `None` if there is none. It is read only if it may have changed since it was last read.
    ///
    /// # Errors
    /// If it is there but cannot be read.
    pub fn look(&mut self, key: &FileKey) -> Result<Option<Seen>, StoreError> {
        let seen = self.look_as_output(key)?;
        if seen.is_some_and(|seen| seen.dangling) {
            // (Of one that leads to itself, the system has something to say.)
            self.stat(key).map_err(|error| StoreError::new("read", key, error.into()))?;
        }
        Ok(seen.filter(|seen| !seen.dangling))
    }

    /// What lies there now, as what a command made: also a link that leads to nothing, or to itself.
    ///
    /// # Errors
    /// As [`Files::look`].
    pub fn look_as_output(&mut self, key: &FileKey) -> Result<Option<Seen>, StoreError> {
        if key.is_tree() {
            return Ok(self.read_tree(key)?.map(|(seen, _)| seen));
        }
        let failed = |error: io::Error| StoreError::new("read", key, error);
        let Some(stat) = self.stat_itself(key).map_err(|error| failed(error.into()))? else {
            self.lose(key);
            return Ok(None);
        };
        if let Some(entry) = self.entries.get(key)
            && entry.stat == stat
            && !entry.racy
            && (!entry.link
                || self.link_over(key, entry.stat, entry.digest).is_some_and(|link| link.digest() == entry.made))
        {
            return Ok(Some(entry.seen()));
        }
        let Some((stat, content, racy)) = self.read(&key.path(), stat).map_err(failed)? else {
            self.lose(key);
            return Ok(None);
        };
        Ok(Some(self.learn(key, stat, (stat.digest(content), stat.made(content)), racy)))
    }

    /// Whether anything lies there that a command could have made.
    ///
    /// # Errors
    /// As [`Files::look`].
    pub fn lies_there(&mut self, key: &FileKey) -> Result<bool, StoreError> {
        if key.is_tree() {
            return Ok(self.look_as_output(key)?.is_some());
        }
        let there = self.stat_itself(key).map_err(|error| StoreError::new("read", key, error.into()))?;
        Ok(there.is_some())
    }

    /// The link that lies there, if one does, with what it was last seen to lead to.
    pub(crate) fn link(&self, key: &FileKey) -> Option<Link> {
        let entry = self.entries.get(key)?;
        self.link_over(key, entry.stat, entry.digest)
    }

    fn link_over(&self, key: &FileKey, stat: Stat, digest: Digest) -> Option<Link> {
        let target = std::fs::read_link(self.path(key)).ok()?;
        Some(Link { behind: (stat.kind != Kind::Link).then_some(digest), target })
    }

    /// What a link in the place of this key would have behind it.
    pub(crate) fn behind(&self, key: &FileKey, target: &Path) -> io::Result<Option<Digest>> {
        let place = path_of(key.place()).parent().unwrap_or(Path::new("")).join(target);
        let stat = match statat(&self.directory, &place, AtFlags::empty()) {
            Ok(stat) => Stat::from(&stat),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(self.read(&place, stat)?.map(|(stat, content, _)| stat.digest(content)))
    }

    /// What lies in this directory now; `None` if there is none. Files are read only if they may have changed since they were
    /// last read.
    ///
    /// # Errors
    /// If something in it cannot be read, or is neither file nor link nor directory.
    pub fn tree(&mut self, key: &FileKey) -> Result<Option<Tree>, StoreError> {
        Ok(self.read_tree(key)?.map(|(_, reading)| reading.tree))
    }

    /// The digest of the directory that a command has just made, with all that lies in it; `None` if there is a link in its place, or it holds what
    /// can have no copy.
    pub fn made_tree(&mut self, key: &FileKey) -> Option<Digest> {
        // (A link that was made is another thing than what lies behind it.)
        let made = self.link(key).is_none().then(|| self.read_tree(&key.as_tree()))?;
        made.ok().flatten().map(|(seen, _)| seen.as_output())
    }

    pub(crate) fn read_tree(&mut self, key: &FileKey) -> Result<Option<(Seen, Reading)>, StoreError> {
        self.spoil_looks();
        let Some(reading) = self.trees.read(&self.directory, key)? else {
            self.lose(key);
            self.trees.lose(key);
            return Ok(None);
        };
        let digests = (reading.tree.digest(), reading.made().digest());
        Ok(Some((self.learn(key, reading.stat, digests, false), reading)))
    }

    /// Takes up what was read.
    fn learn(&mut self, key: &FileKey, stat: Stat, (digest, made): (Digest, Digest), racy: bool) -> Seen {
        let link = self.link_over(key, stat, digest);
        let (made, link) = (link.as_ref().map_or(made, Link::digest), link.is_some());
        let mut entry = Entry { stat, digest, made, racy, told: None, written: 0, run: None, link };
        if let Some(old) = self.entries.get(key) {
            if (old.stat, old.digest, old.made, old.racy, old.link) == (stat, digest, made, racy, link) {
                return old.seen();
            }
            (entry.told, entry.written) = (old.told, old.written);
            if (old.digest, old.made) == (digest, made) {
                entry.run = old.run;
            } else if old.run.is_some() {
                self.doubts.entry(key.clone()).or_insert(Doubt::Disturbed);
            }
        }
        self.entries.insert(key.clone(), Box::new(entry));
        self.news.insert(key.clone());
        entry.seen()
    }

    /// There is no such file any more.
    fn lose(&mut self, key: &FileKey) {
        let Some(lost) = self.entries.remove(key) else { return };
        if lost.run.is_some() {
            self.doubts.entry(key.clone()).or_insert(Doubt::Disturbed);
        }
        self.news.insert(key.clone());
    }

    /// What a command made, unless that is one which was not seen to end well.
    ///
    /// # Errors
    /// As [`Files::look`].
    pub(crate) fn look_at_finished(&mut self, key: &FileKey) -> Result<Option<Seen>, StoreError> {
        let seen = self.look_as_output(key)?;
        Ok(seen.filter(|_| !self.is_unfinished(key)))
    }

    /// Whether a command that makes this file began and was not seen to end well.
    pub fn is_unfinished(&self, key: &FileKey) -> bool {
        self.doubts.get(key) == Some(&Doubt::Begun)
    }

    /// A command begins that makes these files. Until [`Files::written`] says otherwise, nothing is known of them, in
    /// this process or after it.
    pub fn begin(&mut self, outputs: &[FileKey]) -> Begun {
        let count = outputs.len();
        let mut begun = Begun { certain: true, before: Vec::with_capacity(count), there: Vec::with_capacity(count) };
        for key in outputs {
            let known = self.entries.get(key).map(|entry| **entry);
            let there = self.stat_itself(key).ok().flatten();
            self.look_anew(key);
            let before = known.filter(|entry| there == Some(entry.stat));
            begun.there.push(there.is_some());
            let disturbed = before.is_none() && known.is_some_and(|entry| entry.run.is_some());
            begun.certain &= !disturbed && !self.doubts.contains_key(key);
            begun.before.push(before);
            self.doubts.insert(key.clone(), Doubt::Begun);
            self.news.insert(key.clone());
        }
        // Where nothing can be written, a command comes to no good end either.
        let _ = self.save();
        begun
    }

    /// Which run made this output before the command began, if the command has left it as it was.
    pub fn left_alone(&self, begun: &Begun, output: usize, key: &FileKey) -> Option<Option<Fingerprint>> {
        let (before, now) = (begun.before.get(output)?.as_ref()?, self.entries.get(key)?);
        let same = |entry: &Entry| (entry.made, entry.stat.modified, entry.stat.size, entry.stat.inode);
        (begun.certain && same(before) == same(now)).then_some(before.run.map(Fingerprint))
    }

    /// When the file was last modified, as far as is known; the file system is asked only if nothing is known.
    pub fn modified(&self, key: &FileKey) -> Option<Time> {
        match self.entries.get(key) {
            Some(entry) => (entry.stat.kind != Kind::Link).then_some(entry.stat.modified),
            None => self.stat(key).ok()?.map(|stat| stat.modified),
        }
    }

    /// For a dry run: from now on the file counts as written just now. It is not touched, and nothing of this is saved.
    pub fn pretend_written(&mut self, key: &FileKey) {
        self.pretended.insert(key.clone());
    }

    /// The dry run is over.
    pub(crate) fn end_pretence(&mut self) {
        self.pretended.clear();
    }

    /// The same as [`modified`](Self::modified), of what a command made: of a link that leads to nothing, when that was made.
    pub(crate) fn modified_as_output(&self, key: &FileKey) -> Option<Time> {
        if self.pretended.contains(key) {
            return Some(now());
        }
        self.entry_modified(key).or_else(|| self.modified(key))
    }

    /// When the file was last modified, as it was last seen.
    pub(crate) fn entry_modified(&self, key: &FileKey) -> Option<Time> {
        self.entries.get(key).map(|entry| entry.stat.modified)
    }

    /// The time of modification of which the build was last told.
    pub(crate) fn told(&self, key: &FileKey) -> Option<Time> {
        self.entries.get(key)?.told
    }

    /// The build knows of the file as it was last seen: that it was modified is no news to the next one.
    pub fn tell(&mut self, key: &FileKey) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.told != Some(entry.stat.modified)
        {
            entry.told = Some(entry.stat.modified);
            self.news.insert(key.clone());
        }
    }

    /// What the file holds that a task of this build has just written. The run is given where the content alone does
    /// not say all that dependents need to know.
    ///
    /// # Errors
    /// As [`Files::look`].
    pub fn written(&mut self, key: &FileKey, run: Option<Fingerprint>) -> Result<Option<Seen>, StoreError> {
        self.look_anew(key);
        self.look_as_output(key)?;
        self.tell(key);
        self.writes += 1;
        self.settle(key, run);
        let writes = self.writes;
        Ok(self.entries.get_mut(key).map(|entry| {
            entry.written = writes;
            entry.seen()
        }))
    }

    /// The file is as this run left it, which is known only now that its content is.
    pub fn settle(&mut self, key: &FileKey, run: Option<Fingerprint>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.run = run.map(|run| run.0);
        }
        self.doubts.remove(key);
        self.news.insert(key.clone());
    }

    /// Somebody watches the files: these keys may have changed. From the first time on, a build over them looks at no others than it was told of
    /// since the build before, so who calls this once calls it for all that change.
    ///
    /// ```
    /// use alacarte::Store;
    /// use alacarte::stores::{FileKey, FileStore};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let mut store = FileStore::open(directory.path())?;
    /// assert_eq!(store.maybe_changed(), None); // Any file may have changed.
    /// store.files().borrow_mut().heed([FileKey::from("a")]);
    /// assert_eq!(store.maybe_changed(), Some(vec![FileKey::from("a")]));
    /// assert_eq!(store.maybe_changed(), Some(Vec::new())); // None has since.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn heed(&mut self, keys: impl IntoIterator<Item = FileKey>) {
        self.heeded.get_or_insert_default().extend(keys);
    }

    pub(crate) fn take_heeded(&mut self) -> Option<Vec<FileKey>> {
        self.heeded.as_mut().map(|heeded| heeded.drain().collect())
    }

    /// How many files the build has written. To be asked before a command is started, for [`Files::written_since`].
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Whether the build wrote the file after [`Files::writes`] was asked.
    pub fn written_since(&self, key: &FileKey, writes: u64) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.written > writes)
    }

    /// When the file was last modified, by the file system; `None` if it is not there.
    pub fn modified_on_disk(&self, key: &FileKey) -> Option<Time> {
        self.stat(key).ok()?.map(|stat| stat.modified)
    }

    fn stat(&self, key: &FileKey) -> Result<Option<Stat>, Errno> {
        let looks = self.looks.as_ref().filter(|_| self.looks_once);
        if let Some(seen) = looks.and_then(|looks| looks.borrow().of(key)) {
            return Ok(seen);
        }
        let found = match statat(&self.directory, &*key.path(), AtFlags::empty()) {
            Ok(stat) => Ok(Some(Stat::from(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error),
        };
        if let Some(looks) = &self.looks {
            match found {
                Ok(found) => looks.borrow_mut().note(key, found),
                Err(_) => looks.borrow_mut().spoil(),
            }
        }
        found
    }

    /// From now on, how everything lies that is looked at is noted down, for [`glance`](Self::glance).
    pub fn note_looks(&mut self) {
        self.looks = Some(RefCell::default());
    }

    /// From now on nothing of it is noted down: nobody will ask for a glance.
    pub fn note_no_looks(&mut self) {
        (self.looks, self.looks_once) = (None, false);
    }

    /// The same as [`note_looks`](Self::note_looks), and nothing is looked at twice: for a process that builds once, and finds out in several steps what is to be done.
    pub fn look_once(&mut self) {
        self.note_looks();
        self.looks_once = true;
    }

    /// This is about to be written, or was: how it lay before tells nothing. What else a command may write is looked at once more when it is asked for.
    pub(crate) fn look_anew(&mut self, key: &FileKey) {
        self.looks_once = false;
        if let Some(looks) = &self.looks {
            looks.borrow_mut().forget(key);
        }
    }

    fn spoil_looks(&self) {
        if let Some(looks) = &self.looks {
            looks.borrow_mut().spoil();
        }
    }

    /// All that was looked at since [`note_looks`](Self::note_looks), as it lay there; `None` if something changed between two looks that this build did
    /// not write, or a glance cannot tell whether all is as it was. (A file that was read too soon after it was written is read once more.)
    pub fn glance(&mut self) -> Option<Glance> {
        let looks = self.looks.take()?.into_inner();
        looks.glance(|key, followed| self.vouched(key, followed))
    }

    /// What a look at this file has to see, which led to this before, to vouch for what it holds; `None` if none can.
    fn vouched(&mut self, key: &FileKey, followed: Option<Stat>) -> Option<Look> {
        if let Some(entry) = self.entries.get(key)
            && entry.racy
        {
            let before = (entry.digest, entry.made);
            let now = self.look_as_output(key).ok().flatten()?;
            // (The build knows it as it was before.)
            if before != (now.digest, now.as_output()) {
                return None;
            }
        }
        let Some(entry) = self.entries.get(key) else {
            // (Then it counted only whether it is there, and since when.)
            return Some(Look { followed, ..Look::default() });
        };
        let young = match (entry.racy, entry.stat.kind) {
            (false, _) => None,
            (true, Kind::File(_)) if !entry.link => Some(entry.digest),
            (true, _) => return None,
        };
        let (as_seen, link) = match entry.stat.kind {
            Kind::Link => (followed.is_none(), true),
            _ => (followed == Some(entry.stat), entry.link),
        };
        if !as_seen {
            return None;
        }
        let link = match link {
            true => at(&self.directory, &key.path(), AtFlags::SYMLINK_NOFOLLOW).ok()?,
            false => None,
        };
        Some(Look { followed, link, young })
    }

    /// The same, of a link itself if it leads to nothing.
    fn stat_itself(&self, key: &FileKey) -> Result<Option<Stat>, Errno> {
        let error = match self.stat(key) {
            Ok(None) => Errno::NOENT,
            Err(Errno::LOOP) => Errno::LOOP,
            found => return found,
        };
        let link = statat(&self.directory, &*key.path(), AtFlags::SYMLINK_NOFOLLOW);
        let link = link.ok().map(|stat| Stat::from(&stat)).filter(|stat| stat.kind == Kind::Link);
        if link.is_none() && error == Errno::LOOP { Err(error) } else { Ok(link) }
    }

    /// Reads a file, again if it changes meanwhile: how it looked, the digest of its content, and whether it was read too soon.
    fn read(&self, path: &Path, stat: Stat) -> io::Result<Option<(Stat, Digest, bool)>> {
        match stat.kind {
            Kind::Directory => return self.read_directory(path, stat),
            Kind::Link => {
                return Ok(Some((stat, Digest::of_bytes(b"").tagged("leads to nothing"), stat.is_young(now()))));
            }
            Kind::Other(device) => {
                return Ok(Some((stat, Digest::of_bytes(&device.to_le_bytes()).tagged("device"), false)));
            }
            Kind::File(_) => {}
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        stat::read(|| openat(&self.directory, path, flags, Mode::empty()))
    }

    fn read_directory(&self, path: &Path, stat: Stat) -> io::Result<Option<(Stat, Digest, bool)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.root.join(path))? {
            names.push(entry?.file_name().into_encoded_bytes());
        }
        names.sort_unstable();
        let list: Vec<u8> = names.into_iter().flat_map(|name| name.into_iter().chain([0])).collect();
        Ok(Some((stat, Digest::of_bytes(&list).tagged("directory"), stat.is_young(now()))))
    }

    /// The files of which it is written down that a run of a command made them (not those that content alone tells). Whether one is still that
    /// file, a [look](Self::look) tells.
    pub fn made(&self) -> Vec<FileKey> {
        let made = self.entries.iter().filter(|(_, entry)| entry.run.is_some());
        let mut made: Vec<FileKey> = made.map(|(key, _)| key.clone()).collect();
        made.sort_unstable();
        made
    }

    /// From now on nothing of what is learned is written down: another process may be at work with the same table.
    pub fn save_nothing(&mut self) {
        self.unsaved = true;
    }

    /// Adds what was learned since to the table, if there is one.
    ///
    /// # Errors
    /// If the table cannot be written. What it does not say is said again the next time.
    pub fn save(&mut self) -> Result<(), StoreError> {
        if self.unsaved {
            return Ok(());
        }
        let trees = self.trees.save().map_err(|(path, error)| StoreError::new("write", path.display(), error));
        self.save_files().and(trees)
    }

    fn save_files(&mut self) -> Result<(), StoreError> {
        let Some(mut table) = self.table.take() else { return Ok(()) };
        let news = self.news.iter().map(|key| (key.clone(), self.known(key)));
        let all = self.entries.keys().chain(self.doubts.keys().filter(|key| !self.entries.contains_key(*key)));
        let all = all.map(|key| (key.clone(), self.known(key)));
        let saved = table.add(news, (all, self.entries.len() + self.doubts.len()));
        if saved.is_ok() {
            self.news.clear();
        }
        let saved = saved.map_err(|error| StoreError::new("write", table.path().display(), error));
        self.table = Some(table);
        saved
    }

    fn known(&self, key: &FileKey) -> Known {
        Known { entry: self.entries.get(key).map(|entry| **entry), doubt: self.doubts.get(key).copied() }
    }

    /// Takes up what earlier processes wrote into this table, and writes down in it what is learned from now on.
    /// Entries that are damaged or missing are read from the files again.
    pub fn recall(&mut self, table: &Path) {
        if self.table.as_ref().is_some_and(|known| known.path() == table) {
            return;
        }
        self.trees.recall(&table.with_extension("trees"));
        self.table = Some(Table::open(table, &mut |(key, Known { entry, doubt }): Record| {
            match entry {
                Some(entry) => self.entries.insert(key.clone(), Box::new(entry)),
                None => self.entries.remove(&key),
            };
            match doubt {
                Some(doubt) => self.doubts.insert(key, doubt),
                None => self.doubts.remove(&key),
            };
        }));
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
