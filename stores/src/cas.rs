//! A content-addressed cache of files: each is named by its digest, written once, read-only, and verified when
//! it is used.
//!
//! Many processes and projects may share one: files are only ever added, each as a whole, and equal ones are
//! one. A file that turns out to be damaged is removed, so that the next build that makes its content puts it
//! back. Nobody may read a copy who may not read the original: who may is part of the digest. A link is kept as the text that says where it
//! leads.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tempfile::NamedTempFile;

use crate::digest::{Digest, READ_OR_EXECUTE};
use crate::link::Link;
use crate::{regular, scratch};

/// A directory of files, named by content.
///
/// ```
/// use alacarte::stores::{Cas, FileKey, Files};
///
/// let directory = tempfile::tempdir()?;
/// let (file, cas) = (directory.path().join("a"), Cas::new(directory.path().join("cache")));
/// std::fs::write(&file, "hello")?;
/// let digest = Files::open(directory.path())?.look(&FileKey::from("a"))?.unwrap().as_output();
///
/// // The cache refuses a file that does not have this digest.
/// std::fs::write(&file, "hullo")?;
/// assert!(!cas.keep(&file, &digest)?);
/// std::fs::write(&file, "hello")?;
/// assert!(cas.keep(&file, &digest)?);
///
/// std::fs::remove_file(&file)?;
/// let copy = cas.fetch(&digest, directory.path())?.unwrap();
/// copy.persist(&file)?;
/// assert_eq!(std::fs::read_to_string(&file)?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cas {
    directory: PathBuf,
    /// How many bytes were copied out of it.
    copied: Arc<AtomicU64>,
}

impl Cas {
    /// The cache in this directory, which is made when the first file is kept.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Cas { directory: directory.into(), copied: Arc::default() }
    }

    /// How many bytes [`Cas::fetch`] has copied so far, of this one and its clones together.
    pub fn copied(&self) -> u64 {
        self.copied.load(Ordering::Relaxed)
    }

    /// Removes what killed processes have left of copies that they did not finish.
    pub(crate) fn sweep(&self) {
        scratch::sweep(&self.underway());
    }

    /// Where it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where copies lie that are not whole yet.
    pub(crate) fn underway(&self) -> PathBuf {
        self.directory.join("underway")
    }

    /// Whether a file of this content is kept. (It may be damaged.)
    pub fn has(&self, digest: &Digest) -> bool {
        self.place(digest).symlink_metadata().is_ok_and(|there| there.is_file())
    }

    /// Keeps a copy of a file; `false` if the file is not what the digest says. Who cannot come to the file, because a directory on the way to it is
    /// closed to them, may not read the copy either.
    ///
    /// # Errors
    /// If it cannot be read, or the copy not written.
    pub fn keep(&self, file: &Path, digest: &Digest) -> io::Result<bool> {
        let place = self.place(digest);
        match regular::open(&place) {
            Ok(kept) => {
                used(&kept);
                return Ok(true);
            }
            Err(error) if regular::is_no_file(&error) => drop(scratch::remove(&place)?),
            // What cannot be opened is another user's, who may read what we may not.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(true),
            Err(_) => {}
        }
        let underway = self.underway();
        std::fs::create_dir_all(&underway)?;
        let original = match regular::open(file) {
            // A link, or a directory, is no file with this content.
            Err(error) if regular::is_no_file(&error) => return Ok(false),
            original => original?,
        };
        let Some((copy, Original::File(mode))) = copy(&original, &underway, digest)? else { return Ok(false) };
        // (Who may write it needs not be as the digest says, which may be that of a source.)
        if std::fs::metadata(file).is_ok_and(|file| (file.permissions().mode() ^ mode) & READ_OR_EXECUTE != 0) {
            return Ok(false);
        }
        self.publish(copy, mode & regular::open_to(file), digest)?;
        Ok(true)
    }

    /// Keeps something that is written down: for those who may read its original, which lies at `place`.
    pub(crate) fn keep_text(&self, text: &[u8], mode: u32, place: &Path, digest: &Digest) -> io::Result<()> {
        if let Ok(kept) = regular::open(&self.place(digest)) {
            used(&kept);
            return Ok(());
        }
        let underway = self.underway();
        std::fs::create_dir_all(&underway)?;
        let mut copy = scratch::create(&underway)?;
        copy.write_all(text)?;
        self.publish(copy, mode & regular::open_to(place), digest)
    }

    /// Gives a copy its name. Nobody may write it any more.
    fn publish(&self, copy: NamedTempFile, mode: u32, digest: &Digest) -> io::Result<()> {
        copy.as_file().set_permissions(Permissions::from_mode(mode & READ_OR_EXECUTE))?;
        let place = self.place(digest);
        std::fs::create_dir_all(place.parent().unwrap_or(&self.directory))?;
        copy.persist(place)?;
        Ok(())
    }

    /// A copy of the file of this content, made in `directory` and not yet under its name; `None` if it is not
    /// kept, or damaged.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn fetch(&self, digest: &Digest, directory: &Path) -> io::Result<Option<NamedTempFile>> {
        Ok(match self.fetch_any(digest, directory)? {
            Some(Kept::File(copy)) => Some(copy),
            Some(Kept::Link(_)) | None => None,
        })
    }

    /// The same, be it a file or a link.
    pub(crate) fn fetch_any(&self, digest: &Digest, directory: &Path) -> io::Result<Option<Kept>> {
        let place = self.place(digest);
        let kept = match regular::open(&place) {
            // (A copy that cannot be read is that of another user, who could read what we could not.)
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
                return Ok(None);
            }
            Err(error) if regular::is_no_file(&error) => return Ok(gives_way(&place)),
            kept => kept?,
        };
        let Some((copy, original)) = copy(&kept, directory, digest)? else { return Ok(gives_way(&place)) };
        used(&kept);
        self.copied.fetch_add(kept.metadata().map_or(0, |kept| kept.len()), Ordering::Relaxed);
        if let Original::File(mode) = original {
            copy.as_file().set_permissions(Permissions::from_mode(mode))?;
            return Ok(Some(Kept::File(copy)));
        }
        let mut text = Vec::new();
        copy.reopen()?.read_to_end(&mut text)?;
        Ok(Link::of_text(&text).map(Kept::Link))
    }

    pub(crate) fn place(&self, digest: &Digest) -> PathBuf {
        digest.place_in(&self.directory)
    }
}

/// What is not what it is called is removed, and missed. (Where it cannot be removed, it is missed again.)
fn gives_way<T>(place: &Path) -> Option<T> {
    let _ = scratch::remove(place);
    None
}

/// It was used now. (Of another user's file that cannot be said, and it goes the earlier.)
pub(crate) fn used(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}

/// What was kept under a digest.
pub(crate) enum Kept {
    /// A copy of a file that has not got its name yet.
    File(NamedTempFile),
    Link(Link),
}

/// What a digest says of what it names.
pub(crate) enum Original {
    /// A file with these permissions.
    File(u32),
    Link,
}

impl Original {
    /// What it is that has this digest and this content (or is written down so); `None` if nothing has.
    pub(crate) fn over(content: Digest, digest: &Digest) -> Option<Self> {
        let file = digest.mode_over(content).map(Original::File);
        file.or_else(|| (Link::digest_over(content) == *digest).then_some(Original::Link))
    }
}

/// Copies a file and makes sure that the copy is what the digest says, which also says who may do what with it. Until
/// that is set, nobody but us can read it.
fn copy(original: &File, directory: &Path, digest: &Digest) -> io::Result<Option<(NamedTempFile, Original)>> {
    let mut copy = scratch::create(directory)?;
    // Within one file system the kernel may share the blocks instead of copying them.
    io::copy(&mut &*original, copy.as_file_mut())?;
    let made = Digest::of_content(File::open(copy.path())?)?;
    Ok(Original::over(made, digest).map(|original| (copy, original)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn nobody_may_read_a_copy_who_may_not_read_the_original() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        std::fs::set_permissions(root, Permissions::from_mode(0o755)).expect("open to all");
        let cas = Cas::new(root.join("cas"));
        // The same content each time, in the order from which most is to be feared.
        for bits in [0o666, 0o644, 0o600, 0o755, 0o700, 0o640, 0o750, 0o444, 0o400, 0o775, 0o555] {
            let (file, copy) = (root.join("file"), root.join("copy"));
            std::fs::write(&file, "secret").expect("written");
            std::fs::set_permissions(&file, Permissions::from_mode(bits)).expect("a mode");
            let digest = Digest::of_bytes(b"secret").with_mode(bits);
            assert!(cas.keep(&file, &digest).expect("copied"), "{bits:o}");
            assert_eq!(mode(&cas.place(&digest)), bits & 0o555, "{bits:o}");
            cas.fetch(&digest, root).expect("copied").expect("kept").persist(&copy).expect("renamed");
            assert_eq!(mode(&copy), bits, "{bits:o}");
        }
    }

    #[test]
    fn nobody_may_read_a_copy_who_cannot_come_to_the_original() {
        for (closed, left) in [(0o700, 0o400), (0o750, 0o440), (0o705, 0o404), (0o755, 0o444), (0o770, 0o440)] {
            let directory = tempfile::tempdir().expect("a directory");
            let root = directory.path();
            let (above, file) = (root.join("a"), root.join("a/b/file"));
            std::fs::create_dir_all(root.join("a/b")).expect("made");
            std::fs::write(&file, "secret").expect("written");
            for (path, bits) in [(root, 0o755), (&above, closed), (&root.join("a/b"), 0o755), (&file, 0o644)] {
                std::fs::set_permissions(path, Permissions::from_mode(bits)).expect("a mode");
            }
            let (cas, digest) = (Cas::new(root.join("cas")), Digest::of_bytes(b"secret"));
            assert!(cas.keep(&file, &digest).expect("copied"));
            assert_eq!(mode(&cas.place(&digest)), left, "{closed:o}");
            let copy = cas.fetch(&digest, root).expect("copied").expect("kept");
            assert_eq!(mode(copy.path()), 0o644, "what is restored lies where the original lay");
        }
    }

    #[test]
    fn what_is_no_file_is_not_kept_and_no_trouble() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        std::fs::write(root.join("file"), "text").expect("written");
        std::os::unix::fs::symlink("file", root.join("link")).expect("a link");
        let (cas, digest) = (Cas::new(root.join("cas")), Digest::of_bytes(b"text"));
        for other in [root.join("link"), root.to_owned()] {
            assert!(!cas.keep(&other, &digest).expect("no trouble"));
        }
    }

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
        assert_eq!(mode(&root.join("copy")), 0o755);

        let place = cas.place(&digest);
        std::fs::set_permissions(&place, Permissions::from_mode(0o755)).expect("writable");
        std::fs::write(&place, "#?").expect("damaged");
        assert!(cas.fetch(&digest, root).expect("looked").is_none());
        assert!(!cas.has(&digest), "damaged files are removed");
        assert_eq!(std::fs::read_dir(root).expect("listed").count(), 3, "no copies are left behind");
    }
}
