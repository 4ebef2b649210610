//! What of a key is kept in a cache of copies, and how it is put back: files, links and directories as their command made them, all outputs
//! of a command or none.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use alacarte_core::{Fingerprint, StoreError};
use tempfile::{NamedTempFile, PersistError};

use super::{FileStore, Shape};
use crate::cas::Kept;
use crate::digest::Digest;
use crate::link::{self, Link};
use crate::scratch;
use crate::tree_copies::{self, Staged};
use crate::value::{FileKey, FileValue, Made};

/// A link that is to be put in place, and the run that made it.
type LinkToPut<'k> = (&'k FileKey, PathBuf, Link, Option<Fingerprint>);

impl FileStore {
    /// Keeps copies of what a key stands for, if the disk has what its value says.
    pub(super) fn keep_copies(&mut self, key: &FileKey, value: &FileValue) -> Result<(), StoreError> {
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

    /// Puts what a value says in place; `false` if that cannot be, or would not be all that its command left.
    pub(super) fn put_back(&mut self, key: &FileKey, value: &FileValue) -> Result<bool, StoreError> {
        if matches!(self.shapes.get(key), Some(Shape::Alias)) {
            // A file of that name is not ours.
            return Ok(false);
        }
        if self.unshared.contains(key) {
            return Ok(false);
        }
        let Some(contents) = self.contents(key, value) else { return Ok(false) };
        if self.heard && contents.iter().any(|(_, _, made)| made.spoke) {
            return Ok(false);
        }
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
            self.files.borrow_mut().look_anew(path);
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

    /// Puts links in their places, if the same lies behind each as when it was made; one may lead to another. (A way through more than
    /// forty links leads nowhere, so this goes round no more often than that.)
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
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::rc::Rc;

    use super::*;
    use crate::cas::Cas;
    use alacarte_core::{KeyId, Store};
    use rustc_hash::FxHashMap;

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
            let shapes = FxHashMap::from_iter([("out".into(), Shape::Output)]);
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
        let value = FileValue::made(&[Made::of(Some(seen.as_output())).with_run(run).with_tree(tree)]);
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
