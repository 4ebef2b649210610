//! Opening what is to be a file, in a directory that others write to as well: nothing is followed, and nobody is waited for.
//!
//! A link may lead to somebody's file, a pipe waits until it is written to, a device never ends.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Opens a file to read it. Where something else lies there, [`is_no_file`] says so of the error.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The same, in another way.
pub(crate) fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "something else than a file lies there");
    match options.custom_flags(flags.bits() as i32).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        // (A pipe that nobody reads cannot be opened to be written to, nor a socket at all.)
        Ok(_) => Err(no_file()),
        Err(error) => match path.symlink_metadata() {
            Ok(there) if !there.is_file() => Err(no_file()),
            _ => Err(error),
        },
    }
}

/// The same error, which names the path.
pub(crate) fn of(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The directories that lie in this one; none if there is none. What only leads to a directory is none.
pub(crate) fn directories_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    if directory.is_symlink() {
        return Ok(Vec::new());
    }
    let entries = match std::fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.map_err(|error| of(directory, error))?,
    };
    let mut directories = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            directories.push(entry.path());
        }
    }
    Ok(directories)
}

/// Those permissions that a file can have to an effect: a class of users to whom a directory on the way to it is closed has none.
pub(crate) fn open_to(file: &Path) -> u32 {
    let directory = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    // Of what cannot be looked at nobody else has any.
    let Ok(directory) = directory.canonicalize() else { return 0o700 };
    let modes = directory.ancestors().map(|above| above.metadata().map_or(0, |above| above.permissions().mode()));
    modes.fold(0o777, passing)
}

/// Those of some permissions that are left behind a directory of this mode.
pub(crate) fn passing(permissions: u32, directory: u32) -> u32 {
    let classes = [(0o010, 0o070), (0o001, 0o007)];
    classes.into_iter().filter(|(enter, _)| directory & enter == 0).fold(permissions, |left, (_, class)| left & !class)
}

/// What a file takes on a disk of blocks of four kibibytes. (One without content takes a place in a table, and counts for a block.)
pub(crate) fn on_disk(file: &Metadata) -> u64 {
    file.len().max(1).next_multiple_of(1 << 12)
}

/// Whether a file could not be opened because there is something else.
pub(crate) fn is_no_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_no_file_is_said_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "text").expect("written");
        std::fs::create_dir(at("directory")).expect("made");
        symlink("file", at("link")).expect("a link");
        symlink("nowhere", at("dangling")).expect("a link");
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().expect("it starts").success());
        assert!(open(&at("file")).is_ok());
        assert_eq!(open(&at("none")).expect_err("there is none").kind(), io::ErrorKind::NotFound);
        for other in ["directory", "link", "dangling", "pipe"] {
            let mut append = OpenOptions::new();
            append.read(true).append(true).create(true);
            for opened in [open(&at(other)), open_with(&mut append, &at(other))] {
                assert!(opened.is_err_and(|error| is_no_file(&error)), "{other}");
            }
        }
        assert!(!at("nowhere").exists());
    }
}
