//! A copy of a named cache for one command, and what is published of it.
//!
//! Beside the copy stands its *base*: a second name (a hard link) for each entry as it was when the copy was taken. An entry is replaced and
//! never written, so whether it was replaced since is whether it is another file than its base; and while the base stands no new file can
//! have the number of the old one. The command gets no hard links: a tool that writes in place would write into the entry.

use std::fs::{Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::statvfs;

use super::cache_place::NamedCache;
use super::cache_walk::{
    LeftOut, MODE, changed, concerns_one, copy, copy_settled, is_entry, look, make_directories, make_directory,
    open_to, same, walk,
};
use crate::scratch;

/// Less than that is little. (What a command could not write it has often removed again.)
const ROOM: u64 = 16 << 20;

/// A named cache as a command may use it: a directory of its own. It is removed when this is dropped, and nothing of it is published unless
/// that is asked for.
///
/// ```
/// use std::fs;
///
/// use alacarte::stores::NamedCache;
///
/// let directory = tempfile::tempdir()?;
/// let cache = NamedCache::new(directory.path(), &"calculator/mypy".parse()?, directory.path());
/// let scratch = directory.path().join("scratch");
/// let copy = cache.take(&scratch)?;
/// fs::write(copy.path().join("types"), "int")?; // As the command does, whose directory it is.
/// assert_eq!(copy.publish().added, 1);
///
/// let copy = cache.take(&scratch)?;
/// fs::write(copy.path().join("types"), "what a command wrote that failed")?;
/// drop(copy);
/// assert_eq!(fs::read_to_string(cache.take(&scratch)?.path().join("types"))?, "int");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PrivateCopy {
    place: scratch::Directory,
    /// Absolute.
    path: PathBuf,
    home: Result<Home, String>,
    timed_out: bool,
}

/// Where a copy was taken from, and what it goes back to.
#[derive(Debug)]
struct Home {
    cache: NamedCache,
    /// When the copy was whole, by the clock of the file system.
    begun: (i64, i64),
    left_out: LeftOut,
}

/// What was published of a private copy.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// How many entries are new.
    pub added: u64,
    /// How many have replaced what they were made from.
    pub replaced: u64,
    /// How many were not published because another command was first.
    pub superseded: u64,
    /// How many could not be entries: what is neither a file nor a link that stays inside, or cannot be read.
    pub left_out: u64,
    /// The reason for the first of those, or why nothing (more) was published.
    pub trouble: Option<String>,
    /// Another process held the lock for too long.
    pub timed_out: bool,
}

impl NamedCache {
    /// A copy for one command: of what is published now, each entry whole. If that cannot be (the cache directory is read-only, or full), it is
    /// a copy in the directory `elsewhere`, or, if even that cannot be, an empty one; then nothing of it will be published.
    ///
    /// # Errors
    /// If nothing can be written in `elsewhere` either.
    pub fn take(&self, elsewhere: &Path) -> io::Result<PrivateCopy> {
        self.take_here().or_else(|why| self.take_elsewhere(elsewhere, &why))
    }

    fn take_here(&self) -> io::Result<PrivateCopy> {
        self.prepare()?;
        let (entries, mut left_out) = (self.entries(), LeftOut::default());
        // Nobody publishes while all entries are looked at: the copy holds all that another command has published, or nothing.
        let lock = self.lock()?;
        // For the one who asks which cache was used last.
        let _ = lock.set_modified(SystemTime::now());
        scratch::sweep(&self.underway());
        let place = scratch::create_directory(&self.underway())?;
        let base = base(&place);
        std::fs::create_dir(&base)?;
        walk(&entries, &mut left_out, |path, metadata, left_out| {
            let (from, to) = (entries.join(path), base.join(path));
            if metadata.is_dir() {
                return make_directory(&from, &to).map(|_| ());
            }
            if let Err(why) = is_entry(&entries, path, metadata) {
                left_out.add(path, why);
                return Ok(());
            }
            // Some file systems have no hard links, or bound their number; a copy tells as much, and takes longer.
            let linked = std::fs::hard_link(&from, &to).or_else(|_| copy(&from, &to, metadata));
            leave_out(path, linked, left_out)
        })?;
        drop(lock);
        let path = tool(&place)?;
        std::fs::create_dir(&path)?;
        copy_tree(&base, &path, &mut left_out)?;
        let begun = std::fs::File::create(place.path().join("begun"))?.metadata()?;
        let home = Home { cache: self.clone(), begun: changed(&begun), left_out };
        Ok(PrivateCopy { place, path, home: Ok(home), timed_out: false })
    }

    /// A copy for one command in the directory `elsewhere`, of which nothing will be published, and why. If there can be no copy, it is an empty one.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub fn take_elsewhere(&self, elsewhere: &Path, why: &io::Error) -> io::Result<PrivateCopy> {
        std::fs::create_dir_all(elsewhere)?;
        scratch::sweep(elsewhere);
        let place = scratch::create_directory(elsewhere)?;
        let path = tool(&place)?;
        std::fs::create_dir(&path)?;
        let copied = copy_tree(&self.entries(), &path, &mut LeftOut::default());
        if copied.is_err() {
            std::fs::remove_dir_all(&path)?;
            std::fs::create_dir(&path)?;
        }
        let with = if copied.is_ok() { "a copy" } else { "an empty one" };
        let timed_out = why.kind() == io::ErrorKind::TimedOut;
        let why = format!(
            "{} cannot be used: {why}; commands have {with}, and nothing is published",
            self.entries().display()
        );
        Ok(PrivateCopy { place, path, home: Err(why), timed_out })
    }
}

impl PrivateCopy {
    /// The directory, by an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why nothing of it will be published, if that is known already.
    pub fn trouble(&self) -> Option<&str> {
        self.home.as_ref().err().map(String::as_str)
    }

    /// Whether that is because another process held the lock for too long.
    pub fn timed_out(&self) -> bool {
        self.timed_out
    }

    /// Whether so little is free where it lies that a command may have failed for that.
    pub fn lacks_room(&self) -> bool {
        statvfs(&self.path).is_ok_and(|there| {
            there.f_bavail.saturating_mul(there.f_frsize) < ROOM || there.f_files > 0 && there.f_favail == 0
        })
    }

    /// Publishes what was added or changed since the copy was taken: to be called when the command has succeeded. It is no failure of the
    /// command if that cannot be.
    pub fn publish(self) -> Published {
        self.publish_at_most(u64::MAX)
    }

    /// The same, by a process that is killed when it has published so many entries.
    pub(super) fn publish_at_most(self, entries: u64) -> Published {
        let home = match &self.home {
            Ok(home) => home,
            Err(trouble) => return Published { trouble: Some(trouble.clone()), ..Published::default() },
        };
        let mut published = Published::default();
        let mut left_out = home.left_out.clone();
        let done = self.stage(home, &mut left_out).and_then(|staged| match staged {
            true => self.move_in(home, entries, &mut published, &mut left_out),
            false => Ok(()),
        });
        published.left_out = left_out.count;
        published.timed_out = done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        published.trouble = match done {
            Ok(()) => left_out.why,
            Err(error) => Some(format!("{} cannot be written: {error}", home.cache.entries().display())),
        };
        published
    }

    /// Copies aside what was added or changed; whether anything was. What is published is a copy that no process of the command holds open,
    /// or knows by another name.
    fn stage(&self, home: &Home, left_out: &mut LeftOut) -> io::Result<bool> {
        let (base, staged) = (base(&self.place), self.staged());
        if !std::fs::symlink_metadata(&self.path).is_ok_and(|copy| copy.is_dir()) {
            left_out.add(&self.path, "the command has removed its copy, or put something else in its place");
            return Ok(false);
        }
        std::fs::create_dir(&staged)?;
        let mut any = false;
        walk(&self.path, left_out, |path, metadata, left_out| {
            let from = self.path.join(path);
            if metadata.is_dir() {
                return Ok(());
            }
            if let Err(why) = is_entry(&self.path, path, metadata) {
                left_out.add(path, why);
                return Ok(());
            }
            let before = look(&base.join(path))?;
            // What was written within the tick of the clock in which the copy was made has to be read.
            let read = changed(metadata) >= home.begun;
            let untouched = before.map(|before| same((&from, metadata), (&base.join(path), &before), read));
            let copied = match untouched.transpose() {
                Ok(Some(true)) => return Ok(()),
                Ok(_) => make_directories(&self.path, &staged, path)
                    .and_then(|_| copy_settled(&from, &staged.join(path), metadata))
                    .inspect(|()| any = true),
                Err(error) => Err(error),
            };
            leave_out(path, copied, left_out)
        })?;
        Ok(any)
    }

    /// Takes from an entry what those could do to it to whom a directory in the copy is closed, where those of the entries are open.
    fn close(&self, entries: &Path, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let closed = !open_to(&self.path, path).unwrap_or(0o700);
        let (mode, opened) = (metadata.mode() & MODE, open_to(entries, path)? & closed);
        if mode & opened == 0 || metadata.is_symlink() {
            return Ok(());
        }
        std::fs::set_permissions(self.staged().join(path), Permissions::from_mode(mode & !opened))
    }

    /// Gives each staged entry its name, unless another command was first.
    fn move_in(&self, home: &Home, most: u64, published: &mut Published, left_out: &mut LeftOut) -> io::Result<()> {
        let (base, staged, entries) = (base(&self.place), self.staged(), home.cache.entries());
        let _lock = home.cache.lock()?;
        // (They may have been cleared away.)
        std::fs::create_dir_all(&entries)?;
        walk(&staged, left_out, |path, metadata, _| {
            if metadata.is_dir() || published.added + published.replaced == most {
                return Ok(());
            }
            let target = entries.join(path);
            // (A directory is no entry. What is neither that nor a file nor a link is nobody's, and gives way.)
            let before = look(&base.join(path))?.filter(|before| !before.is_dir());
            let now = look(&target)?.filter(|now| now.is_file() || now.is_symlink() || now.is_dir());
            let count = match (before, now, make_directories(&staged, &entries, path)?) {
                (None, None, true) => &mut published.added,
                (Some(before), Some(now), true) if same((&base.join(path), &before), (&target, &now), true)? => {
                    &mut published.replaced
                }
                _ => {
                    published.superseded += 1;
                    return Ok(());
                }
            };
            self.close(&entries, path, metadata)?;
            std::fs::rename(staged.join(path), &target)?;
            *count += 1;
            Ok(())
        })
    }

    fn staged(&self) -> PathBuf {
        self.place.path().join("staged")
    }
}

fn base(place: &scratch::Directory) -> PathBuf {
    place.path().join("base")
}

/// The directory for the tool, which need not run where we do.
fn tool(place: &scratch::Directory) -> io::Result<PathBuf> {
    std::path::absolute(place.path().join("cache"))
}

/// Copies all entries of a tree into another directory.
fn copy_tree(from: &Path, to: &Path, left_out: &mut LeftOut) -> io::Result<()> {
    walk(from, left_out, |path, metadata, left_out| {
        let (original, place) = (from.join(path), to.join(path));
        if metadata.is_dir() {
            return make_directory(&original, &place).map(|_| ());
        }
        if is_entry(from, path, metadata).is_err() {
            return Ok(());
        }
        leave_out(path, copy(&original, &place, metadata), left_out)
    })
}

/// Goes on without an entry that alone is the trouble.
fn leave_out(path: &Path, done: io::Result<()>, left_out: &mut LeftOut) -> io::Result<()> {
    match done {
        Err(error) if concerns_one(&error) => {
            // (What has gone meanwhile was not there.)
            if error.kind() != io::ErrorKind::NotFound {
                left_out.add(path, error);
            }
            Ok(())
        }
        done => done,
    }
}
