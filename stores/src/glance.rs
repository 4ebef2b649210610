//! A glance at files: how each that a build looked at lay on disk, so that a later build can tell without reading anything else that all is as it was.
//!
//! A build that finds nothing to do is a function of what it was asked, of what it remembers, and of the files that it looked at. If these are the same, so is
//! the answer, and neither the manifest nor the journal has to be read. So a build that found nothing to do may leave a glance behind: a question, and for each
//! path what the file system said of it. A file that was read so soon after it was written that size, times and inode do not vouch for its content is read again
//! until it is older. Where nothing short of looking at everything would do (a directory with all that lies in it) there is no glance.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use alacarte_core::Time;
use rustc_hash::FxHashMap;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::byte_text::{path_of, text_of_path};
use crate::digest::Digest;
use crate::frame::{self, Frames, Piece};
use crate::regular;
use crate::scratch::replace;
use crate::stat::{self, Stat};
use crate::value::FileKey;

/// How the file begins.
const TITLE: &[u8] = b"alacarte glance 2\n";

/// So many paths lie in one frame, and are compared by one thread.
const PART: usize = 2048;

/// How many threads compare at most: beyond that they wait for each other in the file system.
const THREADS: usize = 8;

/// What was looked at, and what it was seen to lead to.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// What each path led to; nothing of those that were written since somebody looked.
    seen: FxHashMap<FileKey, Option<Option<Stat>>>,
    /// Something changed between two looks, or was looked at in a way that no glance repeats.
    spoiled: bool,
}

/// How a path lay on disk: what it leads to, and what it is itself if it is a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) followed: Option<Stat>,
    pub(crate) link: Option<Stat>,
    /// The digest of what it leads to, if that was so young that how it lies does not tell whether it was written since.
    pub(crate) young: Option<Digest>,
}

/// One record of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Record<'a> {
    path: &'a str,
    look: Look,
}

impl Looks {
    /// Somebody has looked what this path leads to.
    pub(crate) fn note(&mut self, key: &FileKey, followed: Option<Stat>) {
        match self.seen.get_mut(key) {
            Some(Some(before)) => self.spoiled |= *before != followed,
            Some(written) => *written = Some(followed),
            None => {
                self.seen.insert(key.clone(), Some(followed));
            }
        }
    }

    /// This path is written: what it led to before tells nothing.
    pub(crate) fn forget(&mut self, key: &FileKey) {
        match self.seen.get_mut(key) {
            Some(seen) => *seen = None,
            None => {
                self.seen.insert(key.clone(), None);
            }
        }
    }

    /// What this path was seen to lead to, if somebody has looked.
    pub(crate) fn of(&self, key: &FileKey) -> Option<Option<Stat>> {
        self.seen.get(key).copied().flatten()
    }

    /// No glance can tell.
    pub(crate) fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// All of it, if each look can be repeated: what that is to see is asked for.
    pub(crate) fn glance(self, mut look: impl FnMut(&FileKey, Option<Stat>) -> Option<Look>) -> Option<Glance> {
        if self.spoiled {
            return None;
        }
        let mut looks = Vec::with_capacity(self.seen.len());
        for (key, followed) in self.seen {
            // (What was written was looked at then.)
            looks.push((key.as_str().to_owned(), look(&key, followed?)?));
        }
        // Neighbours lie beside each other on disk, too.
        looks.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Some(Glance { looks })
    }
}

/// What a build has looked at, as it lay on disk. Made by [`Files::glance`](crate::Files::glance).
///
/// ```
/// use alacarte::stores::{FileKey, Files, Glance};
///
/// let directory = tempfile::tempdir()?;
/// let left = Glance::file_in(directory.path());
/// let mut files = Files::open(directory.path())?;
/// files.note_looks();
/// assert!(files.look(&FileKey::from("config"))?.is_none()); // A build that has no config finds nothing to do.
/// files.glance().expect("nothing was written meanwhile").save(&left, b"build all")?;
///
/// assert!(Glance::still_holds(&left, directory.path(), b"build all"));
/// assert!(!Glance::still_holds(&left, directory.path(), b"build docs"));
/// std::fs::write(directory.path().join("config"), "fast = true")?;
/// assert!(!Glance::still_holds(&left, directory.path(), b"build all"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Glance {
    looks: Vec<(String, Look)>,
}

impl Glance {
    /// The same, and one more file as it is now, by its absolute path.
    #[must_use]
    pub fn and(mut self, path: &Path) -> Self {
        let followed = at(CWD, path, AtFlags::empty()).ok().flatten();
        self.looks.push((text_of_path(path).into_owned(), Look { followed, ..Look::default() }));
        self
    }

    /// Leaves it in this file, with the question to which the build found the answer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, file: &Path, question: &[u8]) -> io::Result<()> {
        let mut bytes = TITLE.to_vec();
        frame::push(&mut bytes, |out| {
            out.extend((self.looks.len() as u64).to_le_bytes());
            out.extend(question);
        });
        for part in self.looks.chunks(PART) {
            frame::push(&mut bytes, |out| {
                for (path, look) in part {
                    let record = Record { path, look: *look };
                    // (Nothing can fail that is written to memory; a record left out would be missed below.)
                    let _ = postcard::to_io(&record, &mut *out);
                }
            });
        }
        replace(file, &bytes)
    }

    /// Whether a build left a glance in this file after the same question, and all lies in the directory as it did then.
    pub fn still_holds(file: &Path, directory: &Path, question: &[u8]) -> bool {
        holds(file, directory, question).unwrap_or(false)
    }

    /// Where a glance lies beside the other things that a build remembers.
    pub fn file_in(state: &Path) -> PathBuf {
        state.join("glance")
    }
}

fn holds(file: &Path, directory: &Path, question: &[u8]) -> io::Result<bool> {
    let mut bytes = Vec::new();
    regular::open(file)?.read_to_end(&mut bytes)?;
    if !bytes.starts_with(TITLE) {
        return Ok(false);
    }
    let mut parts = Vec::new();
    for piece in Frames::new(&bytes, TITLE.len()) {
        let Piece::Payload(payload) = piece else { return Ok(false) };
        parts.push(payload);
    }
    let Some((head, parts)) = parts.split_first() else { return Ok(false) };
    let Some((count, asked)) = head.split_first_chunk() else { return Ok(false) };
    if asked != question {
        return Ok(false);
    }
    let directory = File::open(directory)?;
    let (next, seen, changed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let (begin, read) = (stat::now(), AtomicUsize::new(0));
    let compare = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            match unchanged(part, &directory, begin) {
                Some(Unchanged { records, aged }) => {
                    seen.fetch_add(records, Ordering::Relaxed);
                    read.fetch_add(aged, Ordering::Relaxed);
                }
                None => return changed.store(true, Ordering::Relaxed),
            };
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS).min(parts.len());
    std::thread::scope(|scope| {
        // (Where no thread is to be had, there is this one.)
        for _ in 1..threads {
            let _ = std::thread::Builder::new().spawn_scoped(scope, compare);
        }
        compare();
    });
    let holds = !changed.into_inner() && seen.into_inner() as u64 == u64::from_le_bytes(*count);
    if holds && read.into_inner() > 0 {
        // (What was read need not be read the next time. If that cannot be written down, it is.)
        let _ = aged(parts, begin).save(file, question);
    }
    Ok(holds)
}

/// Records, all of which lie as they lay at this time or later.
#[derive(Default)]
struct Unchanged {
    records: usize,
    /// So many of them were read, and are old enough by now not to be read again.
    aged: usize,
}

fn unchanged(mut records: &[u8], directory: &File, begin: Time) -> Option<Unchanged> {
    let mut unchanged = Unchanged::default();
    while !records.is_empty() {
        let (Record { path, look }, rest) = postcard::take_from_bytes(records).ok()?;
        let path = path_of(path);
        let same = |before, flags| at(directory, &path, flags).is_ok_and(|now| now == before);
        let is_link = look.link.is_some();
        if !same(look.followed, AtFlags::empty()) || is_link && !same(look.link, AtFlags::SYMLINK_NOFOLLOW) {
            return None;
        }
        if let Some(digest) = look.young {
            let open = || openat(directory, &*path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let (stat, content, _) = stat::read(open).ok()??;
            if Some(stat) != look.followed || stat.digest(content) != digest {
                return None;
            }
            unchanged.aged += usize::from(!stat.is_young(begin));
        }
        records = rest;
        unchanged.records += 1;
    }
    Some(unchanged)
}

/// The same records, but files that were old enough when they began to be compared need not be read any more.
fn aged(parts: &[&[u8]], begin: Time) -> Glance {
    let mut looks = Vec::new();
    for mut records in parts.iter().copied() {
        while let Ok((Record { path, mut look }, rest)) = postcard::take_from_bytes(records) {
            look.young = look.young.filter(|_| look.followed.is_some_and(|stat| stat.is_young(begin)));
            looks.push((path.to_owned(), look));
            records = rest;
        }
    }
    Glance { looks }
}

/// How a path lies in a directory; nothing where nothing is.
pub(crate) fn at(directory: impl AsFd, path: &Path, flags: AtFlags) -> Result<Option<Stat>, Errno> {
    match statat(directory, path, flags) {
        Ok(stat) => Ok(Some(Stat::from(&stat))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Files;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A directory with something of every kind in it, long enough untouched to be relied on.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for name in ["file", "behind", "other"] {
            std::fs::write(at(name), "text").expect("written");
        }
        std::fs::create_dir(at("names")).expect("made");
        symlink("behind", at("link")).expect("linked");
        symlink("nowhere", at("dangling")).expect("linked");
        std::thread::sleep(std::time::Duration::from_millis(30));
        directory
    }

    const NAMES: [&str; 7] = ["file", "link", "dangling", "names", "missing", "names/missing", "/dev/null"];

    fn look(directory: &Path) -> Option<Glance> {
        let mut files = Files::open(directory).expect("opened");
        files.note_looks();
        for name in NAMES {
            files.look_as_output(&name.into()).expect("looked at");
        }
        files.glance()
    }

    #[test]
    fn whatever_changes_is_seen_and_nothing_else() {
        let at = |directory: &tempfile::TempDir, name: &str| directory.path().join(name);
        type Change = fn(&dyn Fn(&str) -> PathBuf);
        let changes: [Change; 12] = [
            |at| std::fs::write(at("file"), "text").expect("written"),
            |at| std::fs::write(at("file"), "text").expect("written"),
            |at| std::fs::remove_file(at("file")).expect("removed"),
            |at| std::fs::set_permissions(at("file"), PermissionsExt::from_mode(0o755)).expect("set"),
            |at| std::fs::rename(at("other"), at("file")).expect("renamed"),
            |at| std::fs::write(at("behind"), "text").expect("written"),
            |at| {
                std::fs::hard_link(at("behind"), at("alias")).expect("linked");
                std::fs::remove_file(at("link")).expect("removed");
                symlink("alias", at("link")).expect("linked");
            },
            |at| std::fs::write(at("nowhere"), "").expect("written"),
            |at| {
                std::fs::remove_file(at("dangling")).expect("removed");
                symlink("elsewhere", at("dangling")).expect("linked");
            },
            |at| std::fs::write(at("names/other"), "").expect("written"),
            |at| std::fs::write(at("missing"), "").expect("written"),
            |at| std::fs::write(at("names/missing"), "").expect("written"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let directory = directory();
            let file = at(&directory, "state/glance");
            look(directory.path()).expect("all is old").save(&file, b"all").expect("saved");
            std::fs::write(at(&directory, "unrelated"), "").expect("written");
            assert!(Glance::still_holds(&file, directory.path(), b"all"), "nothing changed");
            assert!(!Glance::still_holds(&file, directory.path(), b"al"), "another question");
            change(&|name| at(&directory, name));
            assert!(!Glance::still_holds(&file, directory.path(), b"all"), "change {number} was not seen");
        }
    }

    #[test]
    fn what_cannot_be_told_at_a_glance_leaves_none() {
        let directory = directory();
        let looked = |look: &dyn Fn(&mut Files)| {
            let mut files = Files::open(directory.path()).expect("opened");
            files.note_looks();
            look(&mut files);
            files.glance().is_some()
        };
        assert!(looked(&|files| drop(files.look(&"file".into()))));
        assert!(!looked(&|files| drop(files.tree(&"names/".into()))), "what lies in a directory");
        assert!(!looked(&|files| drop(files.begin(&["file".into()]))), "a command has begun, and not ended");
        let write = |text| std::fs::write(directory.path().join("file"), text).expect("written");
        assert!(!looked(&|files| {
            let _ = files.look(&"file".into());
            write("another");
            let _ = files.look(&"file".into());
        }));
    }

    #[test]
    fn what_a_command_has_written_is_looked_at_when_it_has_ended() {
        let directory = directory();
        let (key, state) = (FileKey::from("file"), directory.path().join("state/glance"));
        let mut files = Files::open(directory.path()).expect("opened");
        files.note_looks();
        files.look_as_output(&key).expect("looked at");
        files.begin(std::slice::from_ref(&key));
        std::fs::write(directory.path().join("file"), "made").expect("written");
        files.written(&key, None).expect("looked at");
        files.glance().expect("all is known").save(&state, b"all").expect("saved");
        assert!(Glance::still_holds(&state, directory.path(), b"all"));
        std::fs::write(directory.path().join("file"), "MADE").expect("written");
        assert!(!Glance::still_holds(&state, directory.path(), b"all"));
    }

    #[test]
    fn what_was_young_is_read_until_it_is_old() {
        let directory = directory();
        let file = directory.path().join("state/glance");
        let open = || openat(CWD, directory.path().join("file"), OFlags::RDONLY, Mode::empty());
        let (stat, content, _) = stat::read(open).expect("read").expect("there");
        let save = |digest| {
            let look = Look { followed: Some(stat), young: Some(digest), ..Look::default() };
            Glance { looks: vec![("file".into(), look)] }.save(&file, b"all").expect("saved");
        };
        // As if it had been written again within a tick of the clock: only the content differs.
        save(stat.digest(Digest::of_bytes(b"TEXT")));
        assert!(!Glance::still_holds(&file, directory.path(), b"all"));
        save(stat.digest(content));
        let with_digest = std::fs::read(&file).expect("read").len();
        for _ in 0..2 {
            assert!(Glance::still_holds(&file, directory.path(), b"all"));
            assert!(std::fs::read(&file).expect("read").len() < with_digest, "it is old, and is not to be read again");
        }
    }

    #[test]
    fn a_damaged_glance_holds_for_nothing() {
        let directory = directory();
        let file = directory.path().join("state/glance");
        look(directory.path()).expect("all is old").save(&file, b"all").expect("saved");
        let whole = std::fs::read(&file).expect("read");
        let holds = |bytes: &[u8]| {
            std::fs::write(&file, bytes).expect("written");
            Glance::still_holds(&file, directory.path(), b"all")
        };
        assert!(holds(&whole));
        for cut in 0..whole.len() {
            assert!(!holds(&whole[..cut]), "cut at {cut}");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            assert!(!holds(&flipped), "flipped at {cut}");
        }
        std::fs::remove_file(&file).expect("removed");
        assert!(!Glance::still_holds(&file, directory.path(), b"all"));
    }
}
