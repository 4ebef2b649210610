//! Trees as they lie on disk: every entry is looked at, and a file is read only if it may have changed since it was last read.
//!
//! What is known of files is known per tree, and a file that leaves its tree is forgotten. Links within a tree are not followed;
//! the directory itself may be behind one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use alacarte_core::StoreError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::file_table::Table;
use crate::stat::{self, Stat};
use crate::tree::{Entry, Tree};
use crate::value::FileKey;

/// What is known of the files in directories, so that they need not be read again.
#[derive(Debug, Default)]
pub(crate) struct TreeReader {
    known: HashMap<FileKey, HashMap<Box<[u8]>, Known>>,
    /// The files of which something was learned that the table does not say yet.
    news: HashSet<(FileKey, Box<[u8]>)>,
    table: Option<Table>,
    /// How many files were read.
    #[cfg(test)]
    pub read: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Known {
    stat: Stat,
    /// Of its content.
    content: Digest,
}

/// What is written down of a file in a directory.
type Record = (FileKey, Box<[u8]>, Option<Known>);

/// A directory that was read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// As a source.
    pub tree: Tree,
    /// As what a command made, if that differs.
    exact: Option<Tree>,
    /// What the system says of the directory, as young as the youngest of what lies in it.
    pub stat: Stat,
}

impl Reading {
    /// As what a command made: with who may write what.
    pub(crate) fn made(&self) -> &Tree {
        self.exact.as_ref().unwrap_or(&self.tree)
    }
}

impl TreeReader {
    /// What lies in this directory; `None` if there is none.
    pub(crate) fn read(&mut self, base: impl AsFd, key: &FileKey) -> Result<Option<Reading>, StoreError> {
        let failed = |path: &[u8], error: io::Error| {
            StoreError::new("read", key.path().join(OsStr::from_bytes(path)).display(), error)
        };
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = match openat(base, &*key.path(), flags, Mode::empty()) {
            Ok(root) => root,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(failed(b"", error.into())),
        };
        let of_root = fstat(&root).map_err(|error| failed(b"", error.into()))?;
        let mut reading = Reading { tree: Tree::empty(), exact: None, stat: Stat::from(&of_root) };
        let before = self.known.remove(key).unwrap_or_default();
        let mut now = HashMap::with_capacity(before.len());
        #[allow(clippy::unnecessary_cast, reason = "the type of this field differs between platforms")]
        let around = statat(&root, "..", AtFlags::empty()).map_or(0, |around| around.st_mode as u32);
        let mut entries: Vec<(Box<[u8]>, Entry)> = vec![(Box::default(), Entry::directory(of_root.st_mode as u32))];
        // Which entries are others as what a command made.
        let mut exact: HashMap<usize, Entry> = HashMap::new();
        exact.extend(exactly(of_root.st_mode as u32, around, &entries[0].1).map(|entry| (0, entry)));
        // The directories in which nothing was looked at yet.
        let mut todo: Vec<(Vec<u8>, u32)> = vec![(Vec::new(), of_root.st_mode as u32)];
        while let Some((around, mode_around)) = todo.pop() {
            let here = if around.is_empty() { b"." } else { &*around };
            let listed = openat(&root, here, flags | OFlags::NOFOLLOW, Mode::empty()).and_then(list);
            let (directory, names) = match listed {
                Ok(listed) => listed,
                // It has gone meanwhile.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(error) => return Err(failed(&around, error.into())),
            };
            for name in names {
                let path: Box<[u8]> =
                    if around.is_empty() { name.clone().into() } else { [&*around, b"/", &*name].concat().into() };
                let stat = match statat(&directory, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => stat,
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(failed(&path, error.into())),
                };
                let (kind, mode, stat) =
                    (FileType::from_raw_mode(stat.st_mode), stat.st_mode as u32, Stat::from(&stat));
                reading.stat.modified = reading.stat.modified.max(stat.modified);
                let entry = match kind {
                    FileType::Directory => {
                        todo.push((path.to_vec(), mode));
                        let entry = Entry::directory(mode);
                        exact.extend(exactly(mode, mode_around, &entry).map(|entry| (entries.len(), entry)));
                        entry
                    }
                    FileType::Symlink => match readlinkat(&directory, &*name, Vec::new()) {
                        Ok(target) => Entry::Link(target.to_bytes().into()),
                        Err(Errno::NOENT | Errno::INVAL) => continue,
                        Err(error) => return Err(failed(&path, error.into())),
                    },
                    FileType::RegularFile => {
                        let known = before.get(&path).filter(|known| known.stat == stat).copied();
                        #[cfg(test)]
                        {
                            self.read += usize::from(known.is_none());
                        }
                        let digested = match known {
                            Some(known) => Some((known, true)),
                            None => digest(&directory, &name).map_err(|error| failed(&path, error))?,
                        };
                        let Some((known, reliable)) = digested else { continue };
                        now.extend(reliable.then(|| (path.clone(), known)));
                        let [source, made] = [known.stat.digest(known.content), known.stat.made(known.content)];
                        exact.extend((source != made).then_some((entries.len(), Entry::File(made))));
                        Entry::File(source)
                    }
                    other => {
                        let what = io::Error::new(io::ErrorKind::InvalidInput, what_is_no_entry(other));
                        return Err(failed(&path, what));
                    }
                };
                entries.push((path, entry));
            }
        }
        let wrong = |error| failed(b"", io::Error::other(error));
        if !exact.is_empty() {
            let all = entries
                .iter()
                .enumerate()
                .map(|(number, (path, entry))| (path.clone(), exact.remove(&number).unwrap_or_else(|| entry.clone())));
            reading.exact = Some(Tree::new(all).map_err(wrong)?);
        }
        reading.tree = Tree::new(entries).map_err(wrong)?;
        self.learn(key, before, now);
        Ok(Some(reading))
    }

    /// Takes up what is known now of the files in a directory, and notes what that changes.
    fn learn(&mut self, key: &FileKey, before: HashMap<Box<[u8]>, Known>, now: HashMap<Box<[u8]>, Known>) {
        let gone = before.keys().filter(|path| !now.contains_key(*path));
        let new = now.iter().filter(|(path, known)| before.get(*path) != Some(known)).map(|(path, _)| path);
        self.news.extend(gone.chain(new).map(|path| (key.clone(), path.clone())));
        if !now.is_empty() {
            self.known.insert(key.clone(), now);
        }
    }

    /// There is no such directory any more.
    pub(crate) fn lose(&mut self, key: &FileKey) {
        let before = self.known.remove(key).unwrap_or_default();
        self.learn(key, before, HashMap::new());
    }

    /// Takes up what earlier processes wrote into this table, and writes down in it what is learned from now on.
    pub(crate) fn recall(&mut self, table: &Path) {
        let known = &mut self.known;
        self.table = Some(Table::open(table, &mut |(key, path, file): Record| {
            let files = known.entry(key).or_default();
            match file {
                Some(file) => files.insert(path, file),
                None => files.remove(&path),
            };
        }));
    }

    /// Adds what was learned since to the table, if there is one; where that is, if it cannot be written.
    pub(crate) fn save(&mut self) -> Result<(), (PathBuf, io::Error)> {
        let Some(table) = &mut self.table else { return Ok(()) };
        let known = &self.known;
        let news = self.news.iter().map(|(key, path)| {
            let file = known.get(key).and_then(|files| files.get(path)).copied();
            (key.clone(), path.clone(), file)
        });
        let all = known
            .iter()
            .flat_map(|(key, files)| files.iter().map(|(path, file)| (key.clone(), path.clone(), Some(*file))));
        let count = known.values().map(HashMap::len).sum();
        table.add(news, (all, count)).map_err(|error| (table.path().to_owned(), error))?;
        self.news.clear();
        Ok(())
    }
}

/// A directory of this mode as what a command made, if it is another than that as a source. That its entries belong to its group a directory has
/// from that around it; only where the two differ is it the command's doing.
fn exactly(mode: u32, around: u32, source: &Entry) -> Option<Entry> {
    let exact = Entry::Directory(mode & 0o5777 | (mode ^ around) & 0o2000);
    (exact != *source).then_some(exact)
}

/// What is known of a file, and whether it may be relied on from now on; `None` if it has gone.
fn digest(directory: &OwnedFd, name: &[u8]) -> io::Result<Option<(Known, bool)>> {
    let read = stat::read(|| match openat(directory, name, TO_READ, Mode::empty()) {
        // (A link has come into its place.)
        Err(Errno::LOOP) => Err(Errno::NOENT),
        opened => opened,
    });
    let digested = |(stat, content, racy): (Stat, Digest, bool)| (Known { stat, content }, !racy);
    Ok(read?.map(digested))
}

/// Not by way of a link, and without waiting for the other end of a pipe that has come into the place of a file.
const TO_READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

/// A directory, and the names in it.
fn list(directory: OwnedFd) -> Result<(OwnedFd, Vec<Vec<u8>>), Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    Ok((directory, names))
}

fn what_is_no_entry(kind: FileType) -> String {
    let what = match kind {
        FileType::Socket => "a socket",
        FileType::Fifo => "a named pipe",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "of a kind of its own",
    };
    format!(
        "it is {what}, and a directory that counts with all that lies in it may hold files, links and directories alone: \
         remove it, or name what else is wanted"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    struct Place {
        directory: tempfile::TempDir,
        reader: TreeReader,
    }

    impl Place {
        fn new() -> Self {
            let place = Place { directory: tempfile::tempdir().expect("a directory"), reader: TreeReader::default() };
            for path in ["d/a", "d/sub/b", "e/a", "e/sub/b"] {
                place.write(path, "text");
            }
            place
        }

        fn at(&self, path: &str) -> PathBuf {
            self.directory.path().join(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.at(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }

        fn try_read(&mut self, key: &str) -> Result<Option<Reading>, StoreError> {
            let base = fs::File::open(self.directory.path()).expect("a directory");
            self.reader.read(base, &key.into())
        }

        fn digest(&mut self, key: &str) -> Option<Digest> {
            self.try_read(key).expect("read").map(|reading| reading.tree.digest())
        }
    }

    #[test]
    fn equal_directories_are_one_value_wherever_they_lie_and_any_change_is_another() {
        let mut place = Place::new();
        let one = place.digest("d/");
        assert!(one.is_some() && one == place.digest("e/") && place.digest("none/").is_none());
        assert_eq!(place.digest("d/a/"), None, "a file is no directory");
        type Change = fn(&Place);
        let changes: [Change; 9] = [
            |place| place.write("d/a", "test"),
            |place| place.write("d/sub/c", ""),
            |place| fs::remove_file(place.at("d/sub/c")).expect("removed"),
            |place| fs::create_dir(place.at("d/empty")).expect("made"),
            |place| fs::set_permissions(place.at("d/a"), PermissionsExt::from_mode(0o755)).expect("set"),
            |place| fs::set_permissions(place.at("d/sub"), PermissionsExt::from_mode(0o750)).expect("set"),
            |place| fs::set_permissions(place.at("d"), PermissionsExt::from_mode(0o750)).expect("set"),
            |place| symlink("a", place.at("d/link")).expect("a link"),
            |place| {
                fs::remove_file(place.at("d/link")).expect("removed");
                symlink("a", place.at("d/link").with_file_name(OsStr::from_bytes(b"\xff"))).expect("a link");
            },
        ];
        let mut before = vec![one];
        for (number, change) in changes.iter().enumerate() {
            change(&place);
            let now = place.digest("d/");
            if number == 2 {
                assert_eq!(now, before[number - 1], "it is gone again");
            } else {
                assert!(!before.contains(&now), "change {number}");
            }
            before.push(now);
        }
    }

    #[test]
    fn links_are_kept_and_not_followed() {
        let mut place = Place::new();
        symlink("..", place.at("d/up")).expect("a link");
        symlink("/dev/zero", place.at("d/zero")).expect("a link");
        symlink("link", place.at("d/link")).expect("a link to itself");
        let tree = place.try_read("d/").expect("read").expect("there").tree;
        assert_eq!(tree.get("up"), Some(&Entry::Link(b".."[..].into())));
        assert_eq!(tree.entries().len(), 7);
        // The directory itself may be behind one.
        symlink("e", place.at("behind")).expect("a link");
        assert_eq!(place.digest("behind/"), place.digest("e/"));
    }

    #[test]
    fn what_is_no_file_link_or_directory_is_named() {
        let mut place = Place::new();
        let _socket = UnixListener::bind(place.at("d/sub/sock")).expect("a socket");
        let error = place.try_read("d/").expect_err("a socket").to_string();
        assert!(error.contains("d/sub/sock") && error.contains("a socket"), "{error}");
        fs::remove_file(place.at("d/sub/sock")).expect("removed");
        rustix::fs::mknodat(rustix::fs::CWD, place.at("d/pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        let error = place.try_read("d/").expect_err("a pipe").to_string();
        assert!(error.contains("d/pipe") && error.contains("a named pipe"), "{error}");
        let error = place.try_read("/dev/").expect_err("devices").to_string();
        assert!(error.contains("/dev/"), "{error}");
    }

    #[test]
    fn a_file_that_did_not_change_is_read_once_also_by_the_next_process() {
        let mut place = Place::new();
        let count = 100;
        (0..count).for_each(|number| place.write(&format!("d/many/{number}"), "many"));
        std::thread::sleep(Duration::from_millis(30));
        let table = place.at("state/table");
        place.reader.recall(&table);
        let digest = place.digest("d/");
        assert_eq!(place.reader.read, count + 2);
        for _ in 0..3 {
            assert_eq!(place.digest("d/"), digest);
        }
        assert_eq!(place.reader.read, count + 2, "nothing changed");
        place.reader.save().expect("written");

        place.reader = TreeReader::default();
        place.reader.recall(&table);
        assert_eq!(place.digest("d/"), digest);
        assert_eq!((place.reader.read, place.reader.news.len()), (0, 0));
        place.write("d/many/7", "else");
        assert_ne!(place.digest("d/"), digest);
        assert_eq!(place.reader.read, 1);
        // What is gone is forgotten, in the table, too.
        fs::remove_dir_all(place.at("d/many")).expect("removed");
        place.digest("d/");
        place.reader.save().expect("written");
        place.reader = TreeReader::default();
        place.reader.recall(&table);
        assert_eq!(place.reader.known.values().map(HashMap::len).sum::<usize>(), 2);
        place.reader.lose(&"d/".into());
        place.reader.save().expect("written");
        place.reader = TreeReader::default();
        place.reader.recall(&table);
        assert_eq!(place.reader.known.values().map(HashMap::len).sum::<usize>(), 0);
    }

    #[test]
    fn a_file_written_again_within_a_tick_is_read_again() {
        let mut place = Place::new();
        let one = place.digest("d/");
        place.write("d/a", "TEXT");
        assert_ne!(place.digest("d/"), one);
    }
}
