//! The store of a build of files: the files of a directory, with a cache of copies beside it for rebuilders
//! that restore.

mod ages;
mod restoring;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use alacarte_core::{KeyId, Store, StoreError, Time, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cas::Cas;
use crate::files::{Files, SharedFiles};
use crate::scratch;
use crate::value::{FileKey, FileValue, Made};

/// What a key stands for that is not just the file of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// A file that a command makes. Of it counts which run made it, and whether that ended well.
    Output,
    /// Several files, made by one command; the key is the first of them.
    Outputs(Arc<[FileKey]>),
    /// What lies in a directory that a command makes, which is this key. It comes and goes with that.
    Within(FileKey),
    /// A name for others. It has no file: its value is what its task made of theirs, and it is as young as the
    /// youngest of them.
    Group(Arc<[FileKey]>),
    /// A name for nothing, unless a file happens to be there.
    Alias,
}

/// The files of a directory as a store.
///
/// ```
/// use std::fs;
///
/// use alacarte::prelude::*;
/// use alacarte::stores::{FileKey, FileStore, FileValue, Files};
///
/// let directory = tempfile::tempdir()?;
/// let [quiet, loud] = ["quiet", "loud"].map(|name| directory.path().join(name));
/// let files = Files::shared(directory.path())?;
/// let shared = files.clone();
/// let shout = task(async move |fetch: Fetch<'_, FileKey, FileValue>| {
///     let [quiet, loud] = ["quiet", "loud"].map(FileKey::from);
///     fetch.get(&quiet).await?;
///     let mut files = shared.borrow_mut();
///     fs::write(files.path(&loud), fs::read_to_string(files.path(&quiet))?.to_uppercase())?;
///     Ok(files.written(&loud, None)?.map_or(FileValue::Missing, |seen| FileValue::File(seen.digest)))
/// });
/// let tasks = Rules::new().rule("loud", shout);
/// let mut build = Build::new(tasks, FileStore::new(&files)).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
///
/// fs::write(&quiet, "hush")?;
/// build.run([FileKey::from("loud")])?;
/// // The store finds edited inputs and lost outputs by itself.
/// fs::write(&quiet, "hello")?;
/// build.run([FileKey::from("loud")])?;
/// assert_eq!(fs::read_to_string(&loud)?, "HELLO");
/// fs::remove_file(&loud)?;
/// assert_eq!(build.run([FileKey::from("loud")])?.ran.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileStore {
    files: SharedFiles,
    shapes: FxHashMap<FileKey, Shape>,
    /// What commands printed is wanted, too.
    heard: bool,
    /// What no trace brings back.
    unshared: FxHashSet<FileKey>,
    cas: Option<Cas>,
    /// Where copies are made before they are put in place; if nowhere in particular, then beside it.
    underway: Option<PathBuf>,
    /// The first build has begun.
    begun: bool,
    /// What is reported to this build is news to the next one, too.
    dry: bool,
    /// The youngest file in each group, as far as this build has asked.
    young: FxHashMap<FileKey, Option<Time>>,
    /// How many members of groups were looked at, and how many keys for news.
    #[cfg(test)]
    looked_at: std::cell::Cell<u64>,
}

impl FileStore {
    /// The store over a table of files, which the tasks that write files share.
    pub fn new(files: &SharedFiles) -> Self {
        FileStore {
            files: Rc::clone(files),
            shapes: FxHashMap::default(),
            unshared: FxHashSet::default(),
            heard: false,
            cas: None,
            underway: None,
            begun: false,
            dry: false,
            young: FxHashMap::default(),
            #[cfg(test)]
            looked_at: std::cell::Cell::default(),
        }
    }

    /// The store over a directory.
    ///
    /// # Errors
    /// If there is no such directory.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Ok(FileStore::new(&Files::shared(directory)?))
    }

    /// Says which keys are more, or less, than the file of their name.
    #[must_use]
    pub fn with_shapes(mut self, shapes: FxHashMap<FileKey, Shape>) -> Self {
        self.set_shapes(shapes);
        self
    }

    /// The same, for tasks that were replaced.
    pub fn set_shapes(&mut self, shapes: FxHashMap<FileKey, Shape>) {
        self.shapes = shapes;
        self.young.clear();
    }

    /// Says of these keys that no trace is to bring them back, nor a copy of them to be kept: what makes them is no part of their traces.
    #[must_use]
    pub fn with_unshared(mut self, keys: FxHashSet<FileKey>) -> Self {
        self.unshared = keys;
        self
    }

    /// Says that what commands print is wanted as much as what they make: nothing is brought back whose command [spoke](Made::spoke).
    #[must_use]
    pub fn heard(mut self, heard: bool) -> Self {
        self.heard = heard;
        self
    }

    /// Says of one key that it is more, or less, than the file of its name.
    pub fn add_shape(&mut self, key: FileKey, shape: Shape) {
        self.shapes.insert(key, shape);
    }

    /// Whether it was said of this key what it is.
    pub fn has_shape(&self, key: &FileKey) -> bool {
        self.shapes.contains_key(key)
    }

    /// For a build that is not remembered: what is reported to it (a file that was touched, say) is reported to the next one as well.
    #[must_use]
    pub fn dry(mut self) -> Self {
        self.dry = true;
        self
    }

    /// Keeps copies of what is built in this cache, so that it can be restored.
    #[must_use]
    pub fn with_cas(mut self, cas: Cas) -> Self {
        cas.sweep();
        self.cas = Some(cas);
        self
    }

    /// Remembers in this file what the files held when they were last read. Written whenever a command begins or ends,
    /// and when the store is dropped.
    #[must_use]
    pub fn with_table(mut self, table: impl Into<PathBuf>) -> Self {
        let table = table.into();
        self.files.borrow_mut().recall(&table);
        if let Some(state) = table.parent() {
            let underway = state.join("underway");
            scratch::sweep(state);
            scratch::sweep(&underway);
            self.underway = Some(underway);
        }
        self
    }

    /// The table of files.
    pub fn files(&self) -> &SharedFiles {
        &self.files
    }

    /// How many bytes were copied out of the cache so far, to be put in place or compared.
    pub fn copied(&self) -> u64 {
        self.cas.as_ref().map_or(0, Cas::copied)
    }

    /// The copies of what was built.
    pub(crate) fn cas(&self) -> Option<&Cas> {
        self.cas.as_ref()
    }

    /// The files that a key stands for.
    pub fn paths<'a>(&'a self, key: &'a FileKey) -> &'a [FileKey] {
        match self.shapes.get(key) {
            None | Some(Shape::Output | Shape::Within(_) | Shape::Alias) => std::slice::from_ref(key),
            Some(Shape::Outputs(paths)) => paths,
            Some(Shape::Group(_)) => &[],
        }
    }

    /// What a key holds on disk.
    fn value(&self, key: &FileKey) -> Result<Option<FileValue>, StoreError> {
        let mut files = self.files.borrow_mut();
        let mut made = |path| {
            let seen = files.look_at_finished(path)?;
            Ok(Made::of(seen.map(|seen| seen.as_output())).with_run(seen.and_then(|seen| seen.run)))
        };
        match self.shapes.get(key) {
            None | Some(Shape::Alias) => Ok(files.look(key)?.map(|seen| FileValue::File(seen.digest))),
            Some(Shape::Group(_)) => Ok(None),
            Some(Shape::Output) => Ok(FileValue::of_outputs(&[made(key)?])),
            Some(Shape::Within(around)) => {
                let made = made(key)?;
                Ok(FileValue::of_outputs(&[made]).filter(|_| !files.is_unfinished(around)))
            }
            // What lacks a part is not there: a rebuilder that looks at times alone must see it, too.
            Some(Shape::Outputs(paths)) => {
                Ok(FileValue::of_outputs(&paths.iter().map(made).collect::<Result<Vec<_>, StoreError>>()?))
            }
        }
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        let mut files = self.files.borrow_mut();
        if self.dry {
            files.end_pretence();
        }
        // What is lost if it fails is time: the files are read again.
        let _ = files.save();
    }
}

impl Store<FileKey, FileValue> for FileStore {
    /// A group has no file in which its value could lie. (For files this makes one that is missing look present until
    /// [`Store::refresh`] is called, which is before anybody looks.)
    fn relies_on_journal(&self) -> bool {
        true
    }

    fn load(&mut self, _: KeyId, key: &FileKey) -> Result<Option<FileValue>, StoreError> {
        let value = match self.value(key) {
            // What earlier builds knew is not asked for yet: see below.
            Err(_) if !self.begun => None,
            value => value?,
        };
        let mut files = self.files.borrow_mut();
        for path in self.paths(key) {
            // Before the first build, what an earlier process was told stands, so that a file which was touched
            // since is reported.
            if !self.dry && (self.begun || files.told(path).is_none()) {
                files.tell(path);
            }
        }
        Ok(value)
    }

    fn maybe_changed(&mut self) -> Option<Vec<FileKey>> {
        self.files.borrow_mut().take_heeded()
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &FileKey, Option<&FileValue>)>,
        changed: &mut dyn FnMut(KeyId, Option<FileValue>, Time),
    ) -> Result<(), StoreError> {
        self.begun = true;
        self.young.clear();
        let mut touched: Vec<FileKey> = Vec::new();
        for (id, key, held) in known {
            if matches!(self.shapes.get(key), Some(Shape::Group(_))) {
                continue;
            }
            #[cfg(test)]
            self.looked_at.set(self.looked_at.get() + 1);
            // What cannot be looked at (a link that leads to itself, a file that nobody may read) is not there: a task
            // that needs it fails, or makes it, and no other task does.
            let value = self.value(key).unwrap_or_default();
            let files = self.files.borrow();
            let mut news = value.as_ref().map(Value::fingerprint) != held.map(Value::fingerprint);
            let is_within = matches!(self.shapes.get(key), Some(Shape::Within(_)));
            // (Whether the files in a directory were touched is told of the directory.)
            for path in self.paths(key).iter().filter(|_| !is_within) {
                let modified = files.entry_modified(path);
                if modified != files.told(path) {
                    // A key that was told of nothing yet, such as one whose table was lost, has nothing to
                    // compare with.
                    news |= files.told(path).is_some() && modified.is_some();
                    touched.push(path.clone());
                }
            }
            if news {
                let modified = self.oldest(&files, key).unwrap_or_else(crate::files::now);
                drop(files);
                changed(id, value, modified);
            }
        }
        // Only now, for two keys may stand for one file.
        if self.dry {
            return Ok(());
        }
        let mut files = self.files.borrow_mut();
        touched.iter().for_each(|path| files.tell(path));
        Ok(())
    }

    fn modified(&mut self, key: &FileKey) -> Option<Time> {
        match self.shapes.get(key) {
            Some(Shape::Group(_)) => self.youngest(key),
            // A name for nothing is new whenever it is asked for.
            Some(Shape::Alias) => Some(self.files.borrow().modified(key).unwrap_or_else(crate::files::now)),
            _ => self.oldest(&self.files.borrow(), key),
        }
    }

    fn archive(&mut self, key: &FileKey, value: &FileValue) -> Result<(), StoreError> {
        self.keep_copies(key, value)
    }

    fn restore(&mut self, key: &FileKey, value: &FileValue) -> Result<bool, StoreError> {
        self.put_back(key, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use crate::digest::Digest;

    fn write(directory: &Path, file: &str, text: &str) {
        std::fs::write(directory.join(file), text).expect("written");
    }

    fn file(text: &str) -> FileValue {
        FileValue::File(Digest::of_bytes(text.as_bytes()))
    }

    /// What the store reports of keys that are held to be so.
    fn news(store: &mut FileStore, held: &[(&str, Option<FileValue>)]) -> Vec<(usize, Option<FileValue>)> {
        let keys: Vec<FileKey> = held.iter().map(|(key, _)| FileKey::from(*key)).collect();
        let mut known =
            keys.iter().zip(held).enumerate().map(|(at, (key, (_, value)))| (KeyId::new(at), key, value.as_ref()));
        let mut news = Vec::new();
        store.refresh(&mut known, &mut |id, value, _| news.push((id.index(), value))).expect("read");
        news
    }

    #[test]
    fn edits_touches_and_deletions_are_reported_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let (at, mut store) = (directory.path(), FileStore::open(directory.path()).expect("opened"));
        write(at, "a", "one");
        assert_eq!(store.load(KeyId::new(0), &"a".into()).expect("read"), Some(file("one")));
        assert_eq!(store.load(KeyId::new(1), &"b".into()).expect("read"), None);
        let known = |a: &str| [("a", Some(file(a))), ("b", None)];
        assert_eq!(news(&mut store, &known("one")), []);
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(at, "a", "one");
        assert_eq!(news(&mut store, &known("one")), [(0, Some(file("one")))], "touched");
        assert_eq!(news(&mut store, &known("one")), []);
        write(at, "a", "two");
        write(at, "b", "new");
        assert_eq!(news(&mut store, &known("one")), [(0, Some(file("two"))), (1, Some(file("new")))]);
        std::fs::remove_file(at.join("a")).expect("removed");
        assert_eq!(news(&mut store, &[("a", Some(file("two"))), ("b", Some(file("new")))]), [(0, None)]);
    }

    #[test]
    fn of_files_that_are_watched_those_are_looked_at_that_may_have_changed() {
        use alacarte_core::{Build, Fetch, Rules, task};
        use alacarte_rebuilders::DirtyBit;
        use alacarte_schedulers::BottomUp;

        let looks = |count: usize| {
            let directory = tempfile::tempdir().expect("a directory");
            let sum = task(async move |fetch: Fetch<'_, FileKey, FileValue>| {
                let keys: Vec<FileKey> = (0..count).map(|number| FileKey::from(format!("f{number}"))).collect();
                Ok(FileValue::Group(fetch.all(keys.iter()).await?.fingerprint()))
            });
            (0..count).for_each(|number| write(directory.path(), &format!("f{number}"), "one"));
            let store = FileStore::open(directory.path()).expect("opened");
            let store = store.with_shapes(FxHashMap::from_iter([("sum".into(), Shape::Group([].into()))]));
            let mut build = Build::new(Rules::new().rule("sum", sum), store)
                .with_scheduler(BottomUp::new())
                .with_rebuilder(DirtyBit);
            let ran = |build: &mut Build<_, _, _, FileStore, _, _>| {
                let before = build.store().looked_at.get();
                let ran = build.run([FileKey::from("sum")]).expect("built").ran.len();
                (ran, build.store().looked_at.get() - before)
            };
            assert_eq!(ran(&mut build), (1, 0));
            assert_eq!(ran(&mut build), (0, count as u64), "nobody watches");
            build.store().files().borrow_mut().heed([]);
            assert_eq!(ran(&mut build), (0, 0));
            write(directory.path(), "f1", "two");
            assert_eq!(ran(&mut build), (0, 0), "nobody said so");
            build.store().files().borrow_mut().heed(["f1".into(), "f2".into(), "unknown".into()]);
            let changed = build.look_around().expect("looked");
            assert_eq!(build.names(&changed), [FileKey::from("f1")]);
            assert!(build.look_around().expect("looked").is_empty());
            ran(&mut build)
        };
        assert_eq!([looks(10), looks(1000)], [(1, 0); 2]);
    }

    #[test]
    fn outputs_are_one_value_as_old_as_the_oldest_and_restored_together_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        let outputs: Arc<[FileKey]> = ["a".into(), "d/b".into()].into();
        let shapes = FxHashMap::from_iter([
            (FileKey::from("a"), Shape::Outputs(outputs)),
            ("all".into(), Shape::Group(["a".into(), "c".into(), "all".into()].into())),
        ]);
        let store = FileStore::open(at).expect("opened").with_shapes(shapes);
        let mut store = store.with_cas(Cas::new(at.join("cas")));
        let (id, key) = (KeyId::new(0), FileKey::from("a"));
        write(at, "a", "a");
        assert_eq!(store.load(id, &key).expect("read"), None, "a part is missing");
        std::fs::create_dir(at.join("d")).expect("created");
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(at, "d/b", "b");
        let value = store.load(id, &key).expect("read").expect("there");
        let time = |file: &str| store.files().borrow().modified(&file.into());
        let (older, younger) = (time("a"), time("d/b"));
        assert!(older < younger);
        assert_eq!((store.modified(&key), store.modified(&"all".into())), (older, older));

        store.archive(&key, &value).expect("copied");
        std::fs::remove_dir_all(at.join("d")).expect("removed");
        write(at, "a", "other");
        assert!(store.restore(&key, &value).expect("restored"));
        assert_eq!(store.load(id, &key).expect("read"), Some(value.clone()));
        let lost = FileValue::Outputs([Some(Digest::of_bytes(b"a")), Some(Digest::of_bytes(b"lost"))].into());
        write(at, "a", "other");
        assert!(!store.restore(&key, &lost).expect("tried"));
        assert_eq!(std::fs::read(at.join("a")).expect("read"), b"other");
        assert!(!store.restore(&key, &FileValue::Missing).expect("tried"));
    }
}
