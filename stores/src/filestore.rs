//! The store of a build of files: the files of a directory, with a cache of copies beside it for rebuilders
//! that restore.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use alacarte_core::{Fingerprint, KeyId, Store, StoreError, Time, Value};
use tempfile::{NamedTempFile, PersistError};

use crate::cas::{Cas, Kept};
use crate::digest::Digest;
use crate::files::{Files, SharedFiles};
use crate::link::{self, Link};
use crate::scratch;
use crate::tree_copies::{self, Staged};
use crate::value::{FileKey, FileValue, Made};

/// What a key stands for that is not just the file of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    shapes: HashMap<FileKey, Shape>,
    /// What no trace brings back.
    unshared: HashSet<FileKey>,
    cas: Option<Cas>,
    /// Where copies are made before they are put in place; if nowhere in particular, then beside it.
    underway: Option<PathBuf>,
    /// The first build has begun.
    begun: bool,
    /// The youngest file in each group, as far as this build has asked.
    young: HashMap<FileKey, Option<Time>>,
    /// How many members of groups were looked at.
    #[cfg(test)]
    looked_at: std::cell::Cell<u64>,
}

impl FileStore {
    /// The store over a table of files, which the tasks that write files share.
    pub fn new(files: &SharedFiles) -> Self {
        FileStore {
            files: Rc::clone(files),
            shapes: HashMap::new(),
            unshared: HashSet::new(),
            cas: None,
            underway: None,
            begun: false,
            young: HashMap::new(),
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
    pub fn with_shapes(mut self, shapes: HashMap<FileKey, Shape>) -> Self {
        self.set_shapes(shapes);
        self
    }

    /// The same, for tasks that were replaced.
    pub fn set_shapes(&mut self, shapes: HashMap<FileKey, Shape>) {
        self.shapes = shapes;
        self.young.clear();
    }

    /// Says of these keys that no trace is to bring them back, nor a copy of them to be kept: what makes them is no part of their traces.
    #[must_use]
    pub fn with_unshared(mut self, keys: HashSet<FileKey>) -> Self {
        self.unshared = keys;
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
    pub(crate) fn paths<'a>(&'a self, key: &'a FileKey) -> &'a [FileKey] {
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
            Ok(Made { digest: seen.map(|seen| seen.as_output()), run: seen.and_then(|seen| seen.run), tree: None })
        };
        match self.shapes.get(key) {
            None | Some(Shape::Alias) => Ok(files.look(key)?.map(|seen| FileValue::File(seen.digest))),
            Some(Shape::Group(_)) => Ok(None),
            Some(Shape::Output) => Ok(FileValue::of_outputs(&[made(key)?])),
            Some(Shape::Within(around)) => {
                let made = made(key)?;
                Ok(FileValue::of_outputs(&[made]).filter(|_| !files.is_unfinished(around)))
            }
            // What lacks a part is not there: whoever looks at times alone must see it, too.
            Some(Shape::Outputs(paths)) => {
                Ok(FileValue::of_outputs(&paths.iter().map(made).collect::<Result<Vec<_>, StoreError>>()?))
            }
        }
    }

    /// The youngest file in a group of groups. What is found of the groups below is remembered until the next build: when
    /// a group is asked about, they are up to date, and stay so.
    fn youngest(&mut self, key: &FileKey) -> Option<Time> {
        self.young.remove(key);
        let mut young = std::mem::take(&mut self.young);
        let files = self.files.borrow();
        // (A group that contains itself is met while it is open, and adds nothing to itself.)
        let mut open = HashSet::from([key]);
        let mut path = vec![(key, 0, None)];
        while let Some(&mut (group, ref mut position, ref mut youngest)) = path.last_mut() {
            let members = if let Some(Shape::Group(members)) = self.shapes.get(group) { members } else { &[][..] };
            let Some(member) = members.get(*position) else {
                let found = *youngest;
                path.pop();
                open.remove(group);
                young.insert(group.clone(), found);
                if let Some((.., above)) = path.last_mut() {
                    *above = found.max(*above);
                }
                continue;
            };
            *position += 1;
            #[cfg(test)]
            self.looked_at.set(self.looked_at.get() + 1);
            match self.shapes.get(member) {
                Some(Shape::Group(_)) => match young.get(member) {
                    Some(&known) => *youngest = known.max(*youngest),
                    None if open.insert(member) => path.push((member, 0, None)),
                    None => {}
                },
                _ => *youngest = self.oldest(&files, member).max(*youngest),
            }
        }
        drop(files);
        let found = young.get(key).copied().flatten();
        self.young = young;
        found
    }

    fn oldest(&self, files: &Files, key: &FileKey) -> Option<Time> {
        if let Some(Shape::Within(around)) = self.shapes.get(key) {
            // It was made when all of that was made.
            return files.modified(around);
        }
        let modified = |path| match self.shapes.get(key) {
            None | Some(Shape::Alias) => files.modified(path),
            _ => files.modified_as_output(path),
        };
        self.paths(key).iter().filter_map(modified).min()
    }

    /// What a value says of each file; `None` if a file is missing.
    fn contents<'a>(&'a self, key: &'a FileKey, value: &FileValue) -> Option<Vec<(&'a FileKey, Digest, Made)>> {
        if let FileValue::Missing = value {
            return None;
        }
        let (paths, outputs) = (self.paths(key), value.outputs());
        let whole = paths.len() == outputs.len() || outputs.is_empty();
        let pairs = paths.iter().zip(outputs).map(|(path, made)| Some((path, made.digest?, made)));
        pairs.collect::<Option<Vec<_>>>().filter(|_| whole)
    }

    /// Whether the content of these files is all that their command left, as far as we know. If it is not, putting
    /// the content back would not put back what else the command wrote: it has to run.
    fn is_told_by_content(&self, contents: &[(&FileKey, Digest, Made)]) -> Result<bool, StoreError> {
        if contents.iter().all(|(.., made)| made.run.is_none()) {
            return Ok(true);
        }
        let mut files = self.files.borrow_mut();
        let (mut same_content, mut same_run) = (true, true);
        for (path, digest, made) in contents {
            let seen = files.look_at_finished(path)?;
            same_content &= seen.is_some_and(|seen| seen.as_output() == *digest);
            same_run &= seen.is_some_and(|seen| seen.as_output() == *digest && seen.run == made.run);
        }
        let unfinished = contents.iter().any(|(path, ..)| files.is_unfinished(path));
        // A stamp: somebody touched it to say that something else was done.
        let vacant = contents.iter().any(|(_, digest, made)| made.run.is_some() && digest.is_of_nothing());
        Ok(same_run || !(unfinished || vacant || same_content))
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // What is lost if it fails is time: the files are read again.
        let _ = self.files.borrow_mut().save();
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
            if self.begun || files.told(path).is_none() {
                files.tell(path);
            }
        }
        Ok(value)
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
            // What cannot be looked at (a link that leads to itself, a file that nobody may read) is not there: whoever needs it fails,
            // or makes it, and nobody else.
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
        let (Some(cas), Some(contents)) = (&self.cas, self.contents(key, value)) else { return Ok(()) };
        if matches!(self.shapes.get(key), Some(Shape::Within(_))) || self.unshared.contains(key) {
            return Ok(());
        }
        for (path, digest, made) in contents {
            let mut files = self.files.borrow_mut();
            let (file, root) = (files.path(path), files.root().to_owned());
            let kept = if let Some(digest) = made.tree.or(path.is_tree().then_some(digest)) {
                match files.read_tree(&path.as_tree())? {
                    Some((seen, read)) if seen.as_output() == digest => {
                        let bound = read.made().links().any(|target| link::is_bound_to(target, &root));
                        if bound { Ok(false) } else { cas.keep_tree(&file, read.made()) }
                    }
                    _ => Ok(false),
                }
            } else {
                match files.link(path) {
                    Some(link) if link.digest() != digest || link::is_bound_to(&link.target, &root) => Ok(false),
                    Some(link) => cas.keep_text(&link.text(), 0o444, &file, &digest).map(|()| true),
                    None => cas.keep(&file, &digest),
                }
            };
            let failed =
                |error| StoreError::new("keep a copy of", format!("{path} in {}", cas.directory().display()), error);
            kept.map_err(failed)?;
        }
        Ok(())
    }

    fn restore(&mut self, key: &FileKey, value: &FileValue) -> Result<bool, StoreError> {
        if matches!(self.shapes.get(key), Some(Shape::Alias)) {
            // A file of that name is not ours.
            return Ok(false);
        }
        if self.unshared.contains(key) {
            return Ok(false);
        }
        let Some(contents) = self.contents(key, value) else { return Ok(false) };
        if !self.is_told_by_content(&contents)? {
            return Ok(false);
        }
        let mut copies = Vec::new();
        for &(path, digest, made) in &contents {
            let seen = self.files.borrow_mut().look_as_output(path);
            // A directory that holds what cannot be read is replaced with all that is in it.
            let seen = if path.is_tree() { seen.unwrap_or_default() } else { seen? };
            if seen.is_some_and(|seen| seen.as_output() == digest) {
                continue;
            }
            // What lies in a directory is not put there by itself.
            let (Some(cas), None | Some(Shape::Output | Shape::Outputs(_))) = (&self.cas, self.shapes.get(key)) else {
                return Ok(false);
            };
            let tree = made.tree.or(path.is_tree().then_some(digest));
            if tree.is_some() && self.files.borrow().stays_inside(path).is_err() {
                return Ok(false);
            }
            let failed = |error| StoreError::new("restore", path, error);
            let target = self.files.borrow().path(path);
            let there = target.symlink_metadata();
            // What a command of a manifest has made may have been added to by others, and is not replaced; nor does a file replace a directory.
            if !path.is_tree() && (made.tree.is_some() && there.is_ok() || there.is_ok_and(|there| there.is_dir())) {
                return Ok(false);
            }
            let directory = target.parent().unwrap_or(&target);
            let underway = self.underway.as_deref().unwrap_or(directory);
            std::fs::create_dir_all(directory).and_then(|()| std::fs::create_dir_all(underway)).map_err(failed)?;
            // Copies that were made before one is found missing disappear with the list.
            let copy = match tree {
                Some(tree) => {
                    cas.fetch_tree(&tree, underway, &target).map(|staged| staged.map(|staged| Copy::Tree(staged, tree)))
                }
                None => cas.fetch_any(&digest, underway).map(|kept| kept.map(Copy::Kept)),
            };
            let Some(copy) = copy.map_err(failed)? else { return Ok(false) };
            copies.push((path, target, copy, made));
        }
        let mut links = Vec::new();
        for (path, target, copy, Made { run, .. }) in copies {
            let put = match copy {
                Copy::Kept(Kept::File(file)) => put(file, &target).map(|()| true),
                Copy::Kept(Kept::Link(link)) => {
                    links.push((path, target, link, run));
                    continue;
                }
                Copy::Tree(staged, tree) => tree_copies::put_or(staged, &target, |beside| match &self.cas {
                    Some(cas) => cas.fetch_tree(&tree, beside, &target),
                    None => Ok(None),
                }),
            };
            if !put.map_err(|error| StoreError::new("restore", path, error))? {
                return Ok(false);
            }
            self.files.borrow_mut().written(path, run)?;
        }
        if !self.put_links(links)? {
            return Ok(false);
        }
        let mut files = self.files.borrow_mut();
        contents.iter().for_each(|(path, _, made)| files.settle(path, made.run));
        Ok(true)
    }
}

/// A link that is to be put in place, and the run that made it.
type LinkToPut<'k> = (&'k FileKey, PathBuf, Link, Option<Fingerprint>);

impl FileStore {
    /// Puts links in their places, if the same lies behind each as when it was made; one may lead to another.
    fn put_links(&self, mut links: Vec<LinkToPut<'_>>) -> Result<bool, StoreError> {
        while !links.is_empty() {
            let mut later = Vec::new();
            let count = links.len();
            for (path, target, link, run) in links {
                let failed = |error| StoreError::new("restore", path, error);
                if self.files.borrow().behind(path, &link.target).map_err(failed)? != link.behind {
                    later.push((path, target, link, run));
                    continue;
                }
                put_link(&link, &target, self.underway.as_deref()).map_err(failed)?;
                self.files.borrow_mut().written(path, run)?;
            }
            if later.len() == count {
                return Ok(false);
            }
            links = later;
        }
        Ok(true)
    }
}

/// What is to be put in place.
enum Copy {
    Kept(Kept),
    /// And the digest of it.
    Tree(Staged, Digest),
}

/// Makes a link, and gives it its name: the file or link that lay there gives way to it at once.
fn put_link(link: &Link, target: &Path, underway: Option<&Path>) -> io::Result<()> {
    let make = |directory: &Path| {
        let scratch = scratch::create_directory(directory)?;
        let made = scratch.path().join("link");
        std::os::unix::fs::symlink(&link.target, &made)?;
        std::fs::rename(made, target)
    };
    let beside = target.parent().unwrap_or(target);
    match make(underway.unwrap_or(beside)) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => make(beside),
        made => made,
    }
}

/// Gives a copy its name, which may lie in another file system.
fn put(copy: NamedTempFile, target: &Path) -> io::Result<()> {
    let Err(PersistError { error, file: copy }) = copy.persist(target) else { return Ok(()) };
    if error.kind() != io::ErrorKind::CrossesDevices {
        return Err(error);
    }
    let mut beside = scratch::create(target.parent().unwrap_or(target))?;
    io::copy(&mut File::open(copy.path())?, beside.as_file_mut())?;
    beside.as_file().set_permissions(copy.as_file().metadata()?.permissions())?;
    beside.persist(target)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_chain_of_groups_is_gone_through_once_from_whichever_end() {
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path(), "g0", "");
        let looks = |count: usize, upwards: bool| {
            let name = |number: usize| FileKey::from(format!("g{number}"));
            let shape = |number: usize| (name(number), Shape::Group([name(number - 1)].into()));
            let mut store =
                FileStore::open(directory.path()).expect("opened").with_shapes((1..=count).map(shape).collect());
            let time = store.modified(&"g0".into());
            assert!(time.is_some());
            for at in 1..=count {
                assert_eq!(store.modified(&name(if upwards { at } else { count + 1 - at })), time);
            }
            store.looked_at.get()
        };
        for upwards in [true, false] {
            for count in [100, 200, 400] {
                assert!(looks(count, upwards) <= 2 * count as u64, "{count} groups, upwards: {upwards}");
            }
        }
    }

    #[test]
    fn outputs_are_one_value_as_old_as_the_oldest_and_restored_together_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        let outputs: Arc<[FileKey]> = ["a".into(), "d/b".into()].into();
        let shapes = HashMap::from([
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

    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A store over a directory in which `out` is an output, and a cache beside it.
    struct Place {
        all: tempfile::TempDir,
        store: FileStore,
    }

    impl Place {
        fn new() -> Self {
            let all = tempfile::tempdir().expect("a directory");
            std::fs::create_dir(all.path().join("build")).expect("made");
            std::fs::write(all.path().join("build/there"), "there").expect("written");
            let shapes = HashMap::from([("out".into(), Shape::Output)]);
            let store = FileStore::open(all.path().join("build")).expect("opened").with_shapes(shapes);
            let store = store.with_cas(Cas::new(all.path().join("cas")));
            Place { all, store }
        }

        fn out(&self) -> PathBuf {
            self.all.path().join("build/out")
        }

        fn look(&mut self) -> Option<FileValue> {
            self.store.load(KeyId::new(0), &"out".into()).expect("read")
        }

        /// What a command made is kept, and then gone.
        fn keep(&mut self) -> FileValue {
            let value = self.look().expect("there");
            self.store.archive(&"out".into(), &value).expect("kept, or not");
            std::fs::remove_file(self.out()).expect("removed");
            assert_eq!(self.look(), None);
            value
        }

        fn restore(&mut self, value: &FileValue) -> bool {
            self.store.restore(&"out".into(), value).expect("tried")
        }

        fn copies(&self) -> Vec<PathBuf> {
            let halves = std::fs::read_dir(self.all.path().join("cas")).into_iter().flatten();
            let halves = halves.map(|half| half.expect("listed").path()).filter(|half| !half.ends_with("underway"));
            halves
                .flat_map(|half| std::fs::read_dir(half).expect("listed"))
                .map(|copy| copy.expect("listed").path())
                .collect()
        }
    }

    #[test]
    fn a_file_comes_back_with_every_permission_and_none_else() {
        let mut place = Place::new();
        let mut values: Vec<FileValue> = Vec::new();
        // (Who may not read it cannot keep it.)
        for mode in (0..=0o777).filter(|mode| mode & 0o400 != 0) {
            std::fs::write(place.out(), "text").expect("written");
            std::fs::set_permissions(place.out(), PermissionsExt::from_mode(mode)).expect("set");
            let value = place.keep();
            assert!(!values.contains(&value), "{mode:o} is another value");
            // Whatever lies there.
            symlink("there", place.out()).expect("a link");
            assert!(place.restore(&value), "{mode:o}");
            let there = std::fs::symlink_metadata(place.out()).expect("there");
            assert!(there.is_file() && there.permissions().mode() & 0o7777 == mode, "{mode:o}");
            assert_eq!(place.look().as_ref(), Some(&value));
            std::fs::remove_file(place.out()).expect("removed");
            values.push(value);
        }
        for copy in place.copies() {
            let mode = std::fs::metadata(&copy).expect("there").permissions().mode();
            assert_eq!(mode & 0o222, 0, "nobody writes a copy");
        }
        std::fs::write(place.out(), "text").expect("written");
        std::fs::set_permissions(place.out(), PermissionsExt::from_mode(0o4755)).expect("set");
        let special = place.keep();
        assert!(!values.contains(&special) && !place.restore(&special), "who starts it is another user then");
    }

    #[test]
    fn a_link_comes_back_where_the_same_lies_behind_it_and_is_no_file_of_that_text() {
        for target in ["there", "nowhere", "out", "./there", "/", "/nowhere"] {
            let mut place = Place::new();
            symlink(target, place.out()).expect("a link");
            let value = place.keep();
            let [copy] = &place.copies()[..] else { panic!("one text is kept") };
            // (Of one that leads to itself, that file would be what lies behind it.)
            for lies in [false, target != "out"] {
                if lies {
                    std::fs::remove_file(place.out()).expect("removed");
                    std::fs::write(place.out(), std::fs::read(copy).expect("read")).expect("written");
                    assert_ne!(place.look().as_ref(), Some(&value), "{target}");
                }
                assert!(place.restore(&value), "{target}");
                assert_eq!(std::fs::read_link(place.out()).expect("a link"), Path::new(target));
                assert_eq!(place.look().as_ref(), Some(&value), "{target}");
                // As an input, it is what lies behind it.
                let seen = place.store.files().borrow_mut().look(&"out".into());
                assert_eq!(
                    seen.map(|seen| seen.is_some()).ok(),
                    (target != "out").then_some(!target.contains("nowhere"))
                );
            }
            std::fs::remove_file(place.out()).expect("removed");
            match target {
                "there" | "./there" => std::fs::write(place.all.path().join("build/there"), "else").expect("written"),
                "nowhere" => std::fs::write(place.all.path().join("build/nowhere"), "").expect("written"),
                _ => continue,
            }
            assert!(
                !place.restore(&value) && place.out().symlink_metadata().is_err(),
                "{target}: another thing lies behind it"
            );
        }
        // Where it leads into the directory of this very build, it would lead there from all others, too.
        let mut place = Place::new();
        symlink(place.all.path().join("build/there"), place.out()).expect("a link");
        let value = place.keep();
        assert!(!place.restore(&value) && place.copies().is_empty());
    }

    #[test]
    fn a_link_that_is_turned_is_another_value_also_if_it_leads_to_the_same_file() {
        let mut place = Place::new();
        let targets = ["there", "./there", "../build/there", "nowhere", "elsewhere", "out"];
        let mut values = Vec::new();
        for target in targets {
            symlink(target, place.out()).expect("a link");
            // (So that what is known of it is relied on.)
            std::thread::sleep(std::time::Duration::from_millis(30));
            values.extend(place.look());
            assert_eq!(place.look().as_ref(), values.last());
            std::fs::remove_file(place.out()).expect("removed");
        }
        assert_eq!(values.len(), targets.len());
        assert!(values.iter().enumerate().all(|(number, value)| !values[..number].contains(value)));
    }

    #[test]
    fn a_copy_of_a_link_that_is_damaged_or_another_one_is_a_miss() {
        let mut place = Place::new();
        let [one, other] = ["there", "nowhere"].map(|target| {
            symlink(target, place.out()).expect("a link");
            place.keep()
        });
        let text = |value: &FileValue| {
            let FileValue::File(digest) = value else { panic!("one output") };
            place.store.cas().expect("a cache").place(digest)
        };
        let (place_of_one, place_of_other) = (text(&one), text(&other));
        let whole = std::fs::read(&place_of_one).expect("read");
        let others = std::fs::read(&place_of_other).expect("read");
        for damaged in [&whole[..whole.len() - 1], b"", &others] {
            std::fs::remove_file(&place_of_one).expect("removed");
            std::fs::write(&place_of_one, damaged).expect("written");
            assert!(!place.restore(&one) && place.out().symlink_metadata().is_err());
            assert!(!place_of_one.exists(), "it is removed");
            std::fs::write(&place_of_one, &whole).expect("written");
            assert!(place.restore(&one));
            std::fs::remove_file(place.out()).expect("removed");
        }
    }

    #[test]
    fn a_directory_that_a_command_made_comes_back_where_nothing_lies() {
        let mut place = Place::new();
        let make = |out: PathBuf| {
            std::fs::create_dir_all(out.join("sub")).expect("made");
            std::fs::write(out.join("sub/text"), "text").expect("written");
            symlink("sub/text", out.join("link")).expect("a link");
            std::fs::set_permissions(out.join("sub"), PermissionsExt::from_mode(0o550)).expect("set");
            std::fs::set_permissions(&out, PermissionsExt::from_mode(0o555)).expect("set");
        };
        make(place.out());
        let (key, files) = (FileKey::from("out"), Rc::clone(place.store.files()));
        let run = Some(Fingerprint(7));
        let seen = files.borrow_mut().written(&key, run).expect("read").expect("there");
        let tree = files.borrow_mut().made_tree(&key);
        assert!(tree.is_some());
        let value = FileValue::made(&[Made { digest: Some(seen.as_output()), run, tree }]);
        place.store.archive(&key, &value).expect("kept");
        // What others wrote into it is not lost.
        std::fs::write(place.out().join("sub/more"), "more").expect("written");
        std::fs::write(place.out().join("other"), "other").expect("written");
        assert!(!place.restore(&value) && place.out().join("other").exists());
        scratch::remove(&place.out()).expect("removed");
        assert!(place.restore(&value));
        assert_eq!(place.look().as_ref(), Some(&value));
        let modes = ["", "sub"]
            .map(|path| std::fs::metadata(place.out().join(path)).expect("there").permissions().mode() & 0o7777);
        assert_eq!(
            (modes, std::fs::read_to_string(place.out().join("link")).expect("read")),
            ([0o555, 0o550], "text".into())
        );
        assert!(!place.out().join("sub/more").exists());
    }
}
