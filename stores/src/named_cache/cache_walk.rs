//! Trees of entries: walked without holding more than a path in memory, copied, compared.
//!
//! No link is ever followed, and nothing is opened but files: a pipe without a writer would have us wait.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::regular;

/// A directory that lies deeper is left out: each level holds a directory open.
const DEPTH: usize = 64;

/// The permissions of an entry: nobody becomes another user by it.
pub(super) const MODE: u32 = 0o777;

/// What was left out of a copy, and why.
#[derive(Debug, Default, Clone)]
pub(super) struct LeftOut {
    pub count: u64,
    /// Of the first.
    pub why: Option<String>,
}

impl LeftOut {
    pub fn add(&mut self, path: &Path, why: impl std::fmt::Display) {
        self.count += 1;
        self.why.get_or_insert_with(|| format!("{}: {why}", path.display()));
    }
}

/// Visits all that lies below a directory, by its path from there, each directory before what lies in it. What goes meanwhile was not there.
pub(super) fn walk(
    root: &Path,
    left_out: &mut LeftOut,
    mut visit: impl FnMut(&Path, &Metadata, &mut LeftOut) -> io::Result<()>,
) -> io::Result<()> {
    let mut open = match std::fs::read_dir(root) {
        Ok(listed) => vec![listed],
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut path = PathBuf::new();
    while let Some(listed) = open.last_mut() {
        let Some(entry) = listed.next() else {
            open.pop();
            path.pop();
            continue;
        };
        let entry = entry?;
        path.push(entry.file_name());
        match entry.metadata() {
            Ok(metadata) => {
                visit(&path, &metadata, left_out)?;
                if metadata.is_dir() {
                    match std::fs::read_dir(entry.path()) {
                        Ok(listed) if open.len() < DEPTH => {
                            open.push(listed);
                            continue;
                        }
                        Ok(_) => left_out.add(&path, format!("it lies more than {DEPTH} directories deep")),
                        Err(error) => left_out.add(&path, error),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => left_out.add(&path, error),
        }
        path.pop();
    }
    Ok(())
}

/// Whether what lies there can be an entry; else why not.
pub(super) fn is_entry(root: &Path, path: &Path, metadata: &Metadata) -> Result<(), &'static str> {
    if metadata.is_symlink() {
        let target = std::fs::read_link(root.join(path)).unwrap_or_default();
        let inside = stays_inside(path.components().count() - 1, &target);
        return inside.then_some(()).ok_or("it is a link that may lead out of the cache");
    }
    if metadata.is_file() { Ok(()) } else { Err("it is no file (a socket, pipe or device)") }
}

/// Whether a link that lies so many directories deep leads to something inside, whatever the directories on its way are. Those above it are
/// no links, so dots at the beginning of its target are what they seem; dots after a name need not be.
fn stays_inside(depth: usize, target: &Path) -> bool {
    let mut components = target.components().skip_while(|part| *part == Component::CurDir).peekable();
    let mut up = 0;
    while components.next_if_eq(&Component::ParentDir).is_some() {
        up += 1;
    }
    up <= depth && components.peek().is_some() && components.all(|part| matches!(part, Component::Normal(_)))
}

/// Whether an error says that one entry cannot be had, and nothing of the others.
pub(super) fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidFilename, NotFound, PermissionDenied};
    matches!(error.kind(), PermissionDenied | NotFound | InvalidData | InvalidFilename)
        // (A link where a file was a moment ago.)
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Copies a file or a link, with the time of modification and the permissions of the file. Until the copy is whole nobody else can read it.
pub(super) fn copy(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return symlink(std::fs::read_link(from)?, to);
    }
    let copied = copy_file(&regular::open(from)?, to);
    if copied.is_err() {
        // Half a copy is none.
        let _ = std::fs::remove_file(to);
    }
    copied
}

/// The same, of a file that others may be writing: that is an error, as far as it can be noticed.
pub(super) fn copy_settled(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    copy(from, to, metadata)?;
    if !metadata.is_symlink() && state(metadata) != state(&std::fs::symlink_metadata(from)?) {
        std::fs::remove_file(to)?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it was written while it was copied"));
    }
    Ok(())
}

fn copy_file(original: &File, to: &Path) -> io::Result<()> {
    let metadata = original.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file any more"));
    }
    let mut copy = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    if !share_blocks(original, &copy) {
        io::copy(&mut &*original, &mut copy)?;
    }
    copy.set_permissions(Permissions::from_mode(metadata.mode() & MODE))?;
    copy.set_modified(metadata.modified()?)
}

/// What of a file changes when it is written.
fn state(file: &Metadata) -> (u64, i64, i64, (i64, i64)) {
    (file.size(), file.mtime(), file.mtime_nsec(), changed(file))
}

/// When anything about a file was changed last. The system sets it, and no program.
pub(super) fn changed(file: &Metadata) -> (i64, i64) {
    (file.ctime(), file.ctime_nsec())
}

/// Has the file system share the blocks of a file with its copy until one of them is written, where it can.
fn share_blocks(original: &File, copy: &File) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::ioctl_ficlone(copy, original).is_ok();
    #[cfg(not(target_os = "linux"))]
    return false;
}

/// Makes the directories in which a path lies below `to`, as they are below `from`; whether they are directories there.
pub(super) fn make_directories(from: &Path, to: &Path, path: &Path) -> io::Result<bool> {
    let mut parent = PathBuf::new();
    for part in path.parent().unwrap_or(Path::new("")).components() {
        parent.push(part);
        if !make_directory(&from.join(&parent), &to.join(&parent))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes a directory that those may enter who may enter the other one; whether there is a directory then.
pub(super) fn make_directory(from: &Path, to: &Path) -> io::Result<bool> {
    let there = |to: &Path| std::fs::symlink_metadata(to).map(|there| there.is_dir());
    match there(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        known => return known,
    }
    let mode = std::fs::symlink_metadata(from)?.mode();
    match DirBuilder::new().mode(mode & MODE | 0o700).create(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => there(to),
        made => made.map(|()| true),
    }
}

/// The permissions that a file at this path below a directory can have to an effect, by that directory and those on the way.
pub(super) fn open_to(root: &Path, path: &Path) -> io::Result<u32> {
    let mut left = 0o777;
    for parent in path.ancestors().skip(1) {
        left = regular::passing(left, std::fs::symlink_metadata(root.join(parent))?.mode());
    }
    Ok(left)
}

/// What lies at a path, if anything does.
pub(super) fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        found => found.map(Some),
    }
}

/// Whether two entries are one, or cannot be told apart. If their content need not be `read`, it is taken to be the same where times and sizes are.
pub(super) fn same(a: (&Path, &Metadata), b: (&Path, &Metadata), read: bool) -> io::Result<bool> {
    let known = |file: &Metadata| (file.size(), file.mtime(), file.mtime_nsec(), file.mode() & MODE);
    if (a.1.dev(), a.1.ino()) == (b.1.dev(), b.1.ino()) {
        return Ok(true);
    }
    if a.1.is_symlink() && b.1.is_symlink() {
        return Ok(std::fs::read_link(a.0)? == std::fs::read_link(b.0)?);
    }
    if !a.1.is_file() || !b.1.is_file() || known(a.1) != known(b.1) {
        return Ok(false);
    }
    Ok(!read || same_content(regular::open(a.0)?, regular::open(b.0)?)?)
}

fn same_content(mut a: File, mut b: File) -> io::Result<bool> {
    let (mut one, mut other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let (in_a, in_b) = (fill(&mut a, &mut one)?, fill(&mut b, &mut other)?);
        if one[..in_a] != other[..in_b] {
            return Ok(false);
        }
        if in_a == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file at its end.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_inside_only_if_no_other_link_can_lead_it_out() {
        for (depth, target) in [(0, "a"), (0, "a/b"), (1, "../a"), (2, "../../a/b"), (0, "./a")] {
            assert!(stays_inside(depth, Path::new(target)), "{target}");
        }
        for (depth, target) in [(0, "/a"), (0, "../a"), (1, "../../a"), (0, "a/.."), (3, "a/../b"), (0, ""), (1, "..")]
        {
            assert!(!stays_inside(depth, Path::new(target)), "{target}");
        }
    }
}
