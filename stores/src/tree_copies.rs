//! Trees in a cache: a manifest, and a copy of each file that it names.
//!
//! The manifest is a copy like others, called by the digest of the tree, and kept last. A tree comes back as a whole or not at
//! all: it is put together beside its place, every copy verified, and gets its name when it is whole. What lay there before is
//! moved away first, so nothing of it stays; a link is moved itself, and not what it leads to.

use std::ffi::OsStr;
use std::fs::{DirBuilder, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use alacarte_core::StoreError;
use rustix::io::Errno;

use crate::cas::Cas;
use crate::digest::Digest;
use crate::files::Files;
use crate::tree::{Entry, Tree};
use crate::value::FileKey;
use crate::{regular, scratch};

/// A directory that is whole, and has not got its name yet.
#[derive(Debug)]
pub(crate) struct Staged {
    within: scratch::Directory,
    /// Its permissions, if its owner may not write it. It gets them when it has its name, for the system does not move such a directory.
    closed: Option<u32>,
}

impl Cas {
    /// Keeps copies of all that lies in a directory; `false` if that is not this tree.
    ///
    /// # Errors
    /// If something cannot be read, or a copy not be written.
    pub(crate) fn keep_tree(&self, directory: &Path, tree: &Tree) -> io::Result<bool> {
        if !tree.is_plain() {
            return Ok(false);
        }
        for (path, entry) in tree.entries() {
            if let Entry::File(digest) = entry
                && !self.keep(&directory.join(path), digest)?
            {
                return Ok(false);
            }
        }
        // (Names, too, are for those who can come to them.)
        self.keep_text(&tree.manifest(), tree.mode(), &directory.join("entry"), &tree.digest())?;
        Ok(true)
    }

    /// The tree of this digest, if its manifest is kept and not damaged. (Its files may be.)
    ///
    /// # Errors
    /// If it cannot be read, or copied into `underway` to be verified.
    fn manifest(&self, digest: &Digest, underway: &Path) -> io::Result<Option<Tree>> {
        let Some(copy) = self.fetch(digest, underway)? else { return Ok(None) };
        let mut manifest = Vec::new();
        copy.reopen()?.read_to_end(&mut manifest)?;
        Ok(Tree::of_manifest(&manifest))
    }

    /// The tree of this digest, if its manifest is kept and whole.
    pub(crate) fn tree(&self, digest: &Digest) -> Option<Tree> {
        let mut manifest = Vec::new();
        regular::open(&self.place(digest)).ok()?.read_to_end(&mut manifest).ok()?;
        let tree = Tree::of_manifest(&manifest)?;
        (tree.digest() == *digest).then_some(tree)
    }

    /// The tree of this digest, put together for its place in a directory of its own within `underway`; `None` if a part of it is not kept, or
    /// damaged.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn fetch_tree(&self, digest: &Digest, underway: &Path, target: &Path) -> io::Result<Option<Staged>> {
        let Some(tree) = self.manifest(digest, underway)? else { return Ok(None) };
        Staged::fill(underway, target, &tree, |_, digest, place| {
            let Some(copy) = self.fetch(digest, place.parent().unwrap_or(underway))? else { return Ok(false) };
            copy.persist(place)?;
            Ok(true)
        })
    }
}

impl Staged {
    /// A directory with the entries of a tree, to be put at `target`, where `file` puts each file in its place and says whether it could.
    pub(crate) fn fill(
        underway: &Path,
        target: &Path,
        tree: &Tree,
        mut file: impl FnMut(&Path, &Digest, &Path) -> io::Result<bool>,
    ) -> io::Result<Option<Staged>> {
        let mut staged = Staged { within: scratch::create_directory(underway)?, closed: None };
        // That their entries belong to their group, directories have from that around them.
        let inherited = target.parent().and_then(|around| around.metadata().ok());
        let inherited = inherited.map_or(0, |around| around.permissions().mode() & 0o2000);
        let mut ours = DirBuilder::new();
        // Until all is there, nobody else may look.
        ours.mode(0o700);
        if tree.entries().len() == 0 {
            DirBuilder::new().create(staged.whole())?;
        }
        for (path, entry) in tree.entries() {
            step();
            let place = staged.place(path);
            match entry {
                Entry::Directory(_) => ours.create(place)?,
                Entry::Link(target) => std::os::unix::fs::symlink(OsStr::from_bytes(target), place)?,
                Entry::File(digest) => {
                    if !file(path, digest, &place)? {
                        return Ok(None);
                    }
                }
            }
        }
        for (path, entry) in tree.entries().collect::<Vec<_>>().into_iter().rev() {
            if let Entry::Directory(mode) = entry {
                step();
                let whole = path.as_os_str().is_empty();
                staged.closed = Some(*mode).filter(|mode| whole && mode & WRITE == 0);
                let mode = inherited | if whole { mode | WRITE } else { *mode };
                std::fs::set_permissions(staged.place(path), Permissions::from_mode(mode))?;
            }
        }
        Ok(Some(staged))
    }

    /// Where the tree is put together.
    fn whole(&self) -> PathBuf {
        self.within.path().join("new")
    }

    fn place(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.whole() } else { self.whole().join(path) }
    }

    /// Puts it in the place of what lies at a path. If that fails, all is as before: they change places at once, where
    /// the file system can.
    ///
    /// # Errors
    /// If it cannot; also if the path lies in another file system.
    pub(crate) fn put(self, target: &Path) -> io::Result<()> {
        let old = std::fs::symlink_metadata(target).ok().filter(Metadata::is_dir);
        let old = old.map(|old| old.permissions().mode()).filter(|mode| mode & WRITE == 0);
        step();
        old.map_or(Ok(()), |mode| set_mode(target, mode | WRITE))?;
        step();
        let put = self.exchange_with(target);
        step();
        if let (Err(_), Some(mode)) = (&put, old) {
            set_mode(target, mode)?;
        }
        put?;
        self.closed.map_or(Ok(()), |mode| set_mode(target, mode))?;
        step();
        Ok(())
    }

    fn exchange_with(&self, target: &Path) -> io::Result<()> {
        match exchange(&self.whole(), target) {
            // What lay there goes with the scratch directory.
            Ok(()) => return Ok(()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            Err(Errno::NOENT) => return std::fs::rename(self.whole(), target),
            Err(error) => return Err(error.into()),
        }
        let old = self.within.path().join("old");
        step();
        let was_there = match std::fs::rename(target, &old) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        step();
        let put = std::fs::rename(self.whole(), target);
        if put.is_err() && was_there {
            std::fs::rename(&old, target)?;
        }
        put
    }
}

/// Before it, a test may have the process killed.
fn step() {
    #[cfg(test)]
    tests::step();
}

/// Has two paths change places.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> rustix::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// (The system call is not at hand.)
#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// Puts a tree in its place; one that was put together in another file system is made again by `stage`, beside its place.
/// `false` if it cannot be.
pub(crate) fn put_or(
    staged: Staged,
    target: &Path,
    stage: impl FnOnce(&Path) -> io::Result<Option<Staged>>,
) -> io::Result<bool> {
    match staged.put(target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let beside = target.parent().unwrap_or(target);
            scratch::sweep(beside);
            let Some(staged) = stage(beside)? else { return Ok(false) };
            staged.put(target).map(|()| true)
        }
        put => put.map(|()| true),
    }
}

impl Files {
    /// Whether what is written to this path is written within the directory of the files, and not by way of a link that leads
    /// out of it. (What lies at the path itself may be a link: it is replaced.)
    ///
    /// # Errors
    /// If it is not: which link leads out, or that the path does.
    pub(crate) fn stays_inside(&self, key: &FileKey) -> io::Result<()> {
        let out = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let mut names = key.place().split('/').peekable();
        if key.place().starts_with('/') || names.clone().any(|name| matches!(name, "" | "." | "..")) {
            return out("it is not a directory within that of the build, and nothing is written elsewhere".to_owned());
        }
        let root = self.root().canonicalize()?;
        let mut at = self.root().to_owned();
        while let Some(name) = names.next()
            && names.peek().is_some()
        {
            at.push(name);
            let is_link = match std::fs::symlink_metadata(&at) {
                Ok(there) => there.is_symlink(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            // (A link that leads nowhere would have the directory made there.)
            if is_link && !at.canonicalize().is_ok_and(|real| real.starts_with(&root)) {
                return out(format!(
                    "{} is a link that leads out of the directory of the build, where nothing is written: make it a directory",
                    at.display()
                ));
            }
        }
        Ok(())
    }

    /// Removes what lies in the place of a directory, be it a link or a file; whether anything did.
    ///
    /// # Errors
    /// If it lies outside of the directory of the files, or something cannot be removed.
    pub fn remove_tree(&mut self, key: &FileKey) -> Result<bool, StoreError> {
        let path = self.path(key);
        let removed = self.stays_inside(key).and_then(|()| scratch::remove(&path));
        removed.map_err(|error| StoreError::new("remove", key, error))
    }

    /// Empties a directory that a task is about to fill: what lay there, be it a link or a file, is gone, and an empty directory
    /// is there.
    ///
    /// # Errors
    /// If it lies outside of the directory of the files, or something cannot be removed or made.
    pub fn empty_tree(&mut self, key: &FileKey) -> Result<(), StoreError> {
        self.remove_tree(key)?;
        std::fs::create_dir_all(self.path(key)).map_err(|error| StoreError::new("make the directory", key, error))
    }

    /// Puts a tree in place of what lies at a path, as a whole: its files are copies of those that `from` names. It is
    /// put together in `underway` first.
    ///
    /// # Errors
    /// If it lies outside of the directory of the files, or something cannot be read or written.
    pub fn put_tree(
        &mut self,
        key: &FileKey,
        tree: &Tree,
        underway: &Path,
        from: impl Fn(&Path) -> PathBuf,
    ) -> Result<(), StoreError> {
        let copy = |path: &Path, _: &Digest, place: &Path| std::fs::copy(from(path), place).map(|_| true);
        let stage = |directory: &Path| {
            std::fs::create_dir_all(directory)?;
            Staged::fill(directory, &self.path(key), tree, copy)
        };
        let put = || {
            self.stays_inside(key)?;
            let target = self.path(key);
            std::fs::create_dir_all(target.parent().unwrap_or(&target))?;
            let Some(staged) = stage(underway)? else { return Ok(false) };
            put_or(staged, &target, stage)
        };
        let put = put();
        put.map(|_| ()).map_err(|error| StoreError::new("write", key, error))
    }
}

/// Its owner may write it.
const WRITE: u32 = 0o200;

/// Sets the permissions of a directory. That its entries belong to its group is left as the directory around it has it.
fn set_mode(directory: &Path, mode: u32) -> io::Result<()> {
    let inherited = std::fs::symlink_metadata(directory)?.permissions().mode() & 0o2000;
    std::fs::set_permissions(directory, Permissions::from_mode(mode | inherited))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filestore::FileStore;
    use crate::shared_cache::SharedCache;
    use crate::value::FileValue;
    use alacarte_core::Store;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// After so many steps this process is killed.
    static STEPS: AtomicU64 = AtomicU64::new(u64::MAX);

    pub(super) fn step() {
        if STEPS.fetch_sub(1, Ordering::Relaxed) == 0 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }

    /// A directory for a build, with one that is not to be touched beside it, and a store over the first.
    struct Place {
        all: tempfile::TempDir,
        store: FileStore,
        cas: Cas,
        key: FileKey,
    }

    impl Place {
        fn cache(&self) -> SharedCache {
            SharedCache::new(self.all.path().join("cache"))
        }

        fn new() -> Self {
            let all = tempfile::tempdir().expect("a directory");
            fs::create_dir_all(all.path().join("build/out")).expect("made");
            fs::create_dir(all.path().join("outside")).expect("made");
            fs::write(all.path().join("outside/precious"), "precious").expect("written");
            let cas = SharedCache::new(all.path().join("cache")).copies();
            let store = FileStore::open(all.path().join("build")).expect("opened").with_cas(cas.clone());
            let store = store.with_table(all.path().join("state/files"));
            Place { all, store, cas, key: "out/d/".into() }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.all.path().join("build/out/d").join(path)
        }

        fn mode(&self, path: &str) -> u32 {
            fs::symlink_metadata(self.at(path)).expect("there").permissions().mode() & 0o777
        }

        /// Makes a directory with a bit of everything.
        fn make(&mut self) -> FileValue {
            fs::create_dir_all(self.at("sub/empty")).expect("made");
            fs::write(self.at("a"), "a").expect("written");
            fs::write(self.at("sub/tool"), "#!").expect("written");
            fs::set_permissions(self.at("sub/tool"), Permissions::from_mode(0o755)).expect("set");
            fs::write(self.at("sub").join(OsStr::from_bytes(b"\xff")), "bytes").expect("written");
            for (path, mode) in [("", 0o755), ("sub", 0o755), ("a", 0o644), ("sub/empty", 0o700)] {
                fs::set_permissions(self.at(path), Permissions::from_mode(mode)).expect("set");
            }
            symlink("nowhere", self.at("dangling")).expect("a link");
            symlink(self.all.path().join("outside"), self.at("out")).expect("a link");
            self.look().expect("there")
        }

        fn look(&mut self) -> Option<FileValue> {
            let seen = self.store.files().borrow_mut().look(&self.key).expect("read");
            seen.map(|seen| FileValue::File(seen.as_output()))
        }

        fn archive(&mut self) -> FileValue {
            let value = self.make();
            self.store.archive(&self.key, &value).expect("kept");
            value
        }

        fn restore(&mut self, value: &FileValue) -> bool {
            self.store.restore(&self.key, value).expect("tried")
        }

        /// Nothing was written where nothing may be, nor left behind.
        fn is_tidy(&self) -> bool {
            let count = |path: &str| fs::read_dir(self.all.path().join(path)).map_or(0, Iterator::count);
            fs::read_to_string(self.all.path().join("outside/precious")).is_ok_and(|text| text == "precious")
                && (count("outside"), count("build"), count("state/underway")) == (1, 1, 0)
        }
    }

    /// Where a process of this test restores what it is told to, to be killed meanwhile.
    const RESTORES: &str = "ALACARTE_TEST_RESTORES";

    #[test]
    fn a_process_that_is_killed_at_any_step_leaves_what_was_or_what_should_be_and_the_next_ends_right() {
        let open = |root: &Path| {
            let store = FileStore::open(root.join("build")).expect("opened");
            store.with_cas(SharedCache::new(root.join("cache")).copies()).with_table(root.join("state/files"))
        };
        let key = FileKey::from("out/d/");
        if let Ok(told) = std::env::var(RESTORES) {
            let [steps, digest, root] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
            let mut store = open(Path::new(root));
            STEPS.store(steps.parse().expect("a number"), Ordering::Relaxed);
            let value = FileValue::File(Digest::from_hex(digest).expect("a digest"));
            assert!(store.restore(&key, &value).expect("restored"));
            return;
        }
        type Before = fn(&Place);
        let befores: [Before; 5] = [
            |_| {},
            |place| fs::create_dir_all(place.at("old/nested")).expect("made"),
            |place| {
                fs::create_dir_all(place.at("old")).expect("made");
                fs::set_permissions(place.at(""), Permissions::from_mode(0o555)).expect("set");
            },
            |place| fs::write(place.all.path().join("build/out/d"), "a file").expect("written"),
            |place| symlink("../../outside", place.all.path().join("build/out/d")).expect("a link"),
        ];
        let name = "tree_copies::tests::a_process_that_is_killed_at_any_step_leaves_what_was_or_what_should_be_and_the_next_ends_right";
        for (number, before) in befores.iter().enumerate() {
            for closed in [0o755, 0o555] {
                for steps in 0.. {
                    let mut place = Place::new();
                    place.make();
                    fs::set_permissions(place.at(""), Permissions::from_mode(closed)).expect("set");
                    let value = place.look().expect("there");
                    place.store.archive(&key, &value).expect("kept");
                    scratch::remove(&place.at("")).expect("removed");
                    before(&place);
                    let was = (place.look(), fs::symlink_metadata(place.at("")).map(|there| there.file_type()).ok());
                    let FileValue::File(digest) = &value else { panic!("a directory") };
                    let told = format!("{steps} {digest} {}", place.all.path().display());
                    let mut child = Command::new(std::env::current_exe().expect("this program"));
                    let ended = child.args([name, "--exact"]).env(RESTORES, told).output().expect("it starts");
                    let killed = ended.status.signal().is_some();
                    assert!(killed || ended.status.success(), "{ended:?}");
                    // The next process sweeps, and finds what was, what should be, or what is known to be neither.
                    place.store = open(place.all.path());
                    let found = place.look();
                    let there = fs::symlink_metadata(place.at("")).map(|there| there.file_type()).ok();
                    let whole = fs::read_link(place.at("dangling")).is_ok() && place.at("sub/empty").is_dir();
                    assert!(
                        whole || (there, found.is_some()) == (was.1, was.0.is_some()),
                        "{number} {steps}: {found:?}"
                    );
                    assert!(killed || found.as_ref() == Some(&value), "{number} {steps}");
                    assert!(place.restore(&value), "{number} {steps}");
                    assert_eq!((place.look().as_ref(), place.mode("")), (Some(&value), closed), "{number} {steps}");
                    assert!(place.is_tidy(), "{number} {steps}");
                    if !killed {
                        assert!(steps > 10, "it was killed between its steps");
                        break;
                    }
                }
            }
        }
    }

    /// Neither files nor names, if the directory lies where only we can come to it.
    #[test]
    fn what_lies_in_a_closed_place_is_kept_for_nobody_else() {
        for (closed, others) in [(0o700, false), (0o755, true)] {
            let mut place = Place::new();
            fs::set_permissions(place.all.path(), Permissions::from_mode(closed)).expect("set");
            place.make();
            fs::set_permissions(place.at("sub/empty"), Permissions::from_mode(0o755)).expect("set");
            let value = place.look().expect("there");
            place.store.archive(&place.key, &value).expect("kept");
            let FileValue::File(tree) = value else { panic!("a directory") };
            let copy = place.cas.place(&Digest::of_bytes(b"a"));
            for kept in [place.cas.place(&tree), copy] {
                let mode = fs::metadata(&kept).expect("kept").permissions().mode();
                assert_eq!(mode & 0o044 != 0, others, "{closed:o}: {mode:o}");
            }
        }
    }

    #[test]
    fn a_directory_comes_back_as_it_was_and_nothing_else_with_it() {
        let mut place = Place::new();
        let value = place.archive();
        type Disturb = fn(&Place);
        let disturbances: [Disturb; 8] = [
            |place| fs::remove_dir_all(place.at("")).expect("removed"),
            |place| fs::remove_file(place.at("a")).expect("removed"),
            |place| fs::write(place.at("a"), "b").expect("written"),
            |place| fs::write(place.at("sub/more"), "more").expect("written"),
            |place| fs::set_permissions(place.at("sub/empty"), Permissions::from_mode(0o755)).expect("set"),
            |place| fs::remove_dir(place.at("sub/empty")).expect("removed"),
            // A file, and a link, in its place.
            |place| {
                fs::remove_dir_all(place.at("")).expect("removed");
                fs::write(place.all.path().join("build/out/d"), "a file").expect("written");
            },
            |place| {
                fs::remove_dir_all(place.at("")).expect("removed");
                symlink(place.all.path().join("outside"), place.all.path().join("build/out/d")).expect("a link");
            },
        ];
        for (number, disturb) in disturbances.iter().enumerate() {
            disturb(&place);
            assert_ne!(place.look().as_ref(), Some(&value), "{number} is noticed");
            assert!(place.restore(&value), "{number}");
            assert_eq!(place.look().as_ref(), Some(&value), "{number}");
            assert_eq!((place.mode("sub/tool"), place.mode("sub/empty"), place.mode("a")), (0o755, 0o700, 0o644));
            assert_eq!(fs::read_link(place.at("dangling")).expect("a link"), Path::new("nowhere"));
            assert!(place.is_tidy(), "{number}");
        }
        // Behind a link, it may hold just what it should, and is none of ours.
        fs::rename(place.at(""), place.all.path().join("build/out/e")).expect("moved");
        symlink("e", place.all.path().join("build/out/d")).expect("a link");
        assert_ne!(place.look().as_ref(), Some(&value));
        assert!(place.restore(&value) && place.mode("") == 0o755);
    }

    #[test]
    fn what_lost_a_part_in_the_cache_is_a_miss_and_all_stays_as_it_was() {
        let mut place = Place::new();
        let value = place.archive();
        let blobs: Vec<PathBuf> = fs::read_dir(place.cas.directory())
            .expect("listed")
            .flat_map(|half| fs::read_dir(half.expect("listed").path()).expect("listed"))
            .map(|blob| blob.expect("listed").path())
            .filter(|path| path.is_file())
            .collect();
        assert_eq!(blobs.len(), 4, "three files and a manifest");
        for blob in &blobs {
            for damaged in [false, true] {
                let kept = fs::read(blob).expect("read");
                fs::remove_file(blob).expect("evicted");
                if damaged {
                    fs::write(blob, [&kept[..], b"?"].concat()).expect("damaged");
                }
                fs::write(place.at("a"), "as it was").expect("written");
                assert!(!place.restore(&value), "{blob:?} {damaged}");
                assert_eq!(fs::read(place.at("a")).expect("read"), b"as it was");
                assert!(place.is_tidy() && place.at("sub/tool").exists());
                // Who makes it again puts it back.
                fs::remove_dir_all(place.at("")).expect("removed");
                assert_eq!(place.archive(), value);
                fs::remove_dir_all(place.at("")).expect("removed");
                assert!(place.restore(&value), "{blob:?} {damaged}");
            }
        }
        let tended = place.cache().verify().expect("read");
        assert_eq!((tended.held.copies, tended.removed.copies), (4, 0), "a manifest is a copy like others");
    }

    #[test]
    fn a_manifest_that_leads_out_of_its_directory_is_none() {
        let mut place = Place::new();
        place.make();
        let mut bytes = b"alacarte tree 1\n".to_vec();
        let mut entry = |path: &str, kind: &[u8]| {
            bytes.extend_from_slice(&(path.len() as u64).to_le_bytes());
            bytes.extend_from_slice(path.as_bytes());
            bytes.extend_from_slice(kind);
        };
        let file = [&b"f"[..], &Digest::of_bytes(b"a").0].concat();
        entry("", b"d\x6d\x01\0\0");
        entry("../../../outside/planted", &file);
        let planted = place.all.path().join("manifest");
        fs::write(&planted, &bytes).expect("written");
        fs::write(place.all.path().join("a"), "a").expect("written");
        let digest = Digest::of_bytes(&bytes);
        assert!(place.cas.keep(&planted, &digest).expect("kept"));
        assert!(place.cas.keep(&place.all.path().join("a"), &Digest::of_bytes(b"a")).expect("kept"));
        assert!(!place.restore(&FileValue::File(digest)) && place.is_tidy());
    }

    #[test]
    fn nothing_is_written_by_way_of_a_link_that_leads_out() {
        let mut place = Place::new();
        let value = place.archive();
        let out = place.all.path().join("build/out");
        fs::remove_dir_all(&out).expect("removed");
        for target in [place.all.path().join("outside"), place.all.path().join("new")] {
            symlink(&target, &out).expect("a link");
            assert!(!place.restore(&value));
            let error = place.store.files().borrow_mut().empty_tree(&"out/d/".into()).expect_err("it leads out");
            assert!(error.to_string().contains("leads out"), "{error}");
            let tree = Tree::new([("", Entry::directory(0o755))]).expect("a tree");
            let mut files = place.store.files().borrow_mut();
            assert!(files.put_tree(&"out/d/".into(), &tree, place.all.path(), Path::to_owned).is_err());
            drop(files);
            assert!(place.is_tidy() && !place.all.path().join("new").exists());
            fs::remove_file(&out).expect("removed");
        }
        for wrong in ["../outside/", "/", "./", "out/../../outside/"] {
            assert!(place.store.files().borrow_mut().empty_tree(&wrong.into()).is_err(), "{wrong}");
        }
        // One that stays inside is as good as a directory.
        fs::create_dir(place.all.path().join("build/there")).expect("made");
        symlink("there", &out).expect("a link");
        assert!(place.restore(&value));
        assert!(place.all.path().join("build/there/d/sub/tool").exists());
    }

    #[test]
    fn who_may_not_reach_a_file_finds_no_copy_that_can_be_read() {
        for (directory, file, left) in
            [(0o700, 0o644, 0o400), (0o700, 0o600, 0o400), (0o711, 0o644, 0o444), (0o710, 0o755, 0o550)]
        {
            let mut place = Place::new();
            fs::set_permissions(place.all.path(), Permissions::from_mode(0o755)).expect("open to all");
            fs::create_dir_all(place.at("sub")).expect("made");
            fs::write(place.at("sub/secret"), "secret").expect("written");
            fs::set_permissions(place.at("sub/secret"), Permissions::from_mode(file)).expect("set");
            fs::set_permissions(place.at("sub"), Permissions::from_mode(directory)).expect("set");
            let value = place.look().expect("there");
            place.store.archive(&place.key, &value).expect("kept");
            fs::remove_dir_all(place.at("")).expect("removed");
            let copy =
                |digest: &Digest| fs::metadata(place.cas.place(digest)).expect("there").permissions().mode() & 0o777;
            assert_eq!(copy(&Digest::of_bytes(b"secret").with_mode(file)), left, "{directory:o} {file:o}");
            let FileValue::File(tree) = &value else { panic!("it is a directory") };
            assert_eq!(copy(tree), directory & 0o444, "nor its name");
            assert!(place.restore(&value), "by who may");
            assert_eq!((place.mode("sub"), place.mode("sub/secret")), (directory, file));
        }
    }

    #[test]
    fn special_bits_come_from_the_directory_around_or_there_is_no_copy() {
        for (path, mode, kept) in [
            ("sub", 0o2755, false),
            ("", 0o2755, false),
            ("sub", 0o1777, false),
            ("a", 0o4755, false),
            ("a", 0o755, true),
        ] {
            let mut place = Place::new();
            place.make();
            fs::set_permissions(place.at(path), Permissions::from_mode(mode)).expect("set");
            let value = place.look().expect("there");
            place.store.archive(&place.key, &value).expect("kept or not");
            fs::remove_dir_all(place.at("")).expect("removed");
            assert_eq!(place.restore(&value), kept, "{path} {mode:o}");
        }
        let mut place = Place::new();
        fs::set_permissions(place.all.path().join("build/out"), Permissions::from_mode(0o2755)).expect("set");
        fs::create_dir_all(place.at("sub")).expect("made");
        let inherits = |place: &Place| {
            ["", "sub"].map(|path| fs::metadata(place.at(path)).expect("there").permissions().mode() & 0o2000 != 0)
        };
        let value = place.look().expect("there");
        assert_eq!(inherits(&place), [true; 2]);
        place.store.archive(&place.key, &value).expect("kept");
        for inherited in [true, false] {
            let around = if inherited { 0o2755 } else { 0o755 };
            fs::remove_dir_all(place.at("")).expect("removed");
            fs::set_permissions(place.all.path().join("build/out"), Permissions::from_mode(around)).expect("set");
            assert!(place.restore(&value));
            assert_eq!(inherits(&place), [inherited; 2], "it is as the directory around has it");
            assert_eq!(place.look().as_ref(), Some(&value));
        }
    }
}
