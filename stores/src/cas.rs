//! A content-addressed cache of files: each is named by its digest, written once, read-only, and verified when
//! it is used.
//!
//! Many processes and projects may share one: files are only ever added, each as a whole, and equal ones are
//! one. A file that turns out to be damaged is removed, so that the next build that makes its content puts it
//! back.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::digest::Digest;

/// A directory of files, named by content.
#[derive(Debug, Clone)]
pub struct Cas {
    directory: PathBuf,
}

impl Cas {
    /// The cache in this directory, which is made when the first file is kept.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Cas { directory: directory.into() }
    }

    /// Whether a file of this content is kept. (It may be damaged.)
    pub fn has(&self, digest: &Digest) -> bool {
        self.place(digest).exists()
    }

    /// Keeps a copy of a file; `false` if the file is not what the digest says.
    ///
    /// # Errors
    /// If it cannot be read, or the copy not written.
    pub fn keep(&self, file: &Path, digest: &Digest) -> io::Result<bool> {
        let place = self.place(digest);
        if place.exists() {
            return Ok(true);
        }
        let directory = place.parent().unwrap_or(&self.directory);
        std::fs::create_dir_all(directory)?;
        let Some(copy) = copy(file, directory, digest)? else { return Ok(false) };
        let mode = if is_executable(copy.as_file())? { 0o555 } else { 0o444 };
        copy.as_file().set_permissions(Permissions::from_mode(mode))?;
        copy.persist(place)?;
        Ok(true)
    }

    /// A copy of the file of this content, made in `directory` and not yet under its name; `None` if it is not
    /// kept, or damaged.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn fetch(&self, digest: &Digest, directory: &Path) -> io::Result<Option<NamedTempFile>> {
        let place = self.place(digest);
        if !place.exists() {
            return Ok(None);
        }
        let copy = copy(&place, directory, digest)?;
        if copy.is_none() {
            std::fs::remove_file(&place).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        Ok(copy)
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.directory.join(&name[..2]).join(&name[2..])
    }
}

fn is_executable(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.permissions().mode() & 0o100 != 0)
}

/// Copies a file and makes sure that the copy is what the digest says.
fn copy(from: &Path, directory: &Path, digest: &Digest) -> io::Result<Option<NamedTempFile>> {
    let mut original = File::open(from)?;
    if !original.metadata()?.is_file() {
        return Ok(None);
    }
    let executable = is_executable(&original)?;
    let mut copy = NamedTempFile::new_in(directory)?;
    // Within one file system the kernel may share the blocks instead of copying them.
    io::copy(&mut original, copy.as_file_mut())?;
    let mode = if executable { 0o755 } else { 0o644 };
    copy.as_file().set_permissions(Permissions::from_mode(mode))?;
    let made = Digest::of_file(File::open(copy.path())?, executable)?;
    Ok((made == *digest).then_some(copy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_with_their_mode_unless_they_are_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        let (root, file) = (directory.path(), directory.path().join("tool"));
        let cas = Cas::new(root.join("cas"));
        std::fs::write(&file, "#!").expect("written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("executable");
        let digest = Digest::of_file(&b"#!"[..], true).expect("read");
        assert!(!cas.keep(&file, &Digest::of_bytes(b"#!")).expect("copied"), "it is executable");
        assert!(cas.keep(&file, &digest).expect("copied") && cas.has(&digest));
        assert!(cas.keep(&file, &digest).expect("there already"));

        let copy = cas.fetch(&digest, root).expect("copied").expect("kept");
        copy.persist(root.join("copy")).expect("renamed");
        assert_eq!(std::fs::read(root.join("copy")).expect("read"), b"#!");
        assert!(is_executable(&File::open(root.join("copy")).expect("opened")).expect("a mode"));

        let place = cas.place(&digest);
        std::fs::set_permissions(&place, Permissions::from_mode(0o755)).expect("writable");
        std::fs::write(&place, "#?").expect("damaged");
        assert!(cas.fetch(&digest, root).expect("looked").is_none());
        assert!(!cas.has(&digest), "damaged files are removed");
        assert_eq!(std::fs::read_dir(root).expect("listed").count(), 3, "no copies are left behind");
    }
}
