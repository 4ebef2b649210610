//! Files that are not whole yet, on their way to their names.
//!
//! A process that is killed leaves them behind. Each bears the number of its process and is locked as long as that lives,
//! so that a later process can tell such as nobody will finish, and removes them: those and no others.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tempfile::{Builder, NamedTempFile, TempDir};

const PREFIX: &str = ".alacarte-";
const SUFFIX: &str = ".part";

/// Held while something is made and not yet locked: by that alone another thread of this process knows that it is not left behind by a process
/// that had the same number.
static MAKING: Mutex<()> = Mutex::new(());

fn making() -> MutexGuard<'static, ()> {
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file in this directory that is removed unless it gets a name.
pub(crate) fn create(directory: &Path) -> io::Result<NamedTempFile> {
    let _making = making();
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let file = Builder::new().prefix(&prefix).suffix(SUFFIX).tempfile_in(directory)?;
    // Where there are no locks, the number of the process has to do, which other machines do not know.
    let _ = flock(file.as_file(), FlockOperation::NonBlockingLockExclusive);
    Ok(file)
}

/// A directory in another one, that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    temporary: TempDir,
    _lock: Option<File>,
}

/// A directory in this directory that is removed when it is dropped. Nobody else may look into it.
pub(crate) fn create_directory(directory: &Path) -> io::Result<Directory> {
    let _making = making();
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let private = Permissions::from_mode(0o700);
    let temporary = Builder::new().prefix(&prefix).suffix(SUFFIX).permissions(private).tempdir_in(directory)?;
    let lock = File::open(temporary.path()).ok();
    let _ = lock.as_ref().map(|lock| flock(lock, FlockOperation::NonBlockingLockExclusive));
    Ok(Directory { temporary, _lock: lock })
}

impl Directory {
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed takes up room, and no more.
        let _ = remove(self.path());
    }
}

/// Removes what lies here, if anything does: a file, a link (and not what it leads to), a directory with all that lies in it. Whether something
/// lay there.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => match std::fs::remove_dir_all(path) {
            // A directory that its owner may not write keeps what lies in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                open_up(path)?;
                std::fs::remove_dir_all(path)
            }
            removed => removed,
        },
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lets us write a directory, and those in it.
fn open_up(path: &Path) -> io::Result<()> {
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        std::fs::set_permissions(&directory, Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Writes a file as a whole: a reader finds the old content or the new, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = create(directory)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Removes from this directory the files and directories of processes that have ended.
pub(crate) fn sweep(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-'));
        let process = process.and_then(|(process, _)| process.parse().ok()).and_then(Pid::from_raw);
        let Some(process) = process.filter(|process| !lives(*process)) else { continue };
        if is_left(process, &entry.path()) {
            // What cannot be removed takes up room, and no more.
            let _ = remove(&entry.path());
        }
    }
}

/// Whether another process of this number lives. (Ours may have had the same number before; the lock tells.)
fn lives(process: Pid) -> bool {
    process.as_raw_nonzero().get() as u32 != std::process::id() && test_kill_process(process) != Err(Errno::SRCH)
}

/// Whether no process holds what one of this number has made.
fn is_left(process: Pid, path: &Path) -> bool {
    let ours = process.as_raw_nonzero().get() as u32 == std::process::id();
    let _making = ours.then(making);
    is_unlocked(path)
}

fn is_unlocked(path: &Path) -> bool {
    let look = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    File::options()
        .read(true)
        .custom_flags(look.bits() as i32)
        .open(path)
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dead_processes_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        let dead = child.id();
        child.wait().expect("it ends");
        let ours = std::process::id();
        let left = [format!(".alacarte-{dead}-abc.part"), format!(".alacarte-{ours}-abc.part")];
        let other = [format!(".alacarte-{dead}-abc"), ".alacarte-1-abc.part".into(), ".alacarte-x-abc.part".into()];
        for name in left.iter().chain(&other) {
            std::fs::write(directory.path().join(name), "").expect("written");
        }
        let tree = directory.path().join(format!(".alacarte-{dead}-tree.part"));
        std::fs::create_dir_all(tree.join("a/b")).expect("made");
        std::fs::write(tree.join("a/b/c"), "").expect("written");
        std::fs::set_permissions(tree.join("a"), Permissions::from_mode(0o555)).expect("set");
        let (underway, begun) = (create(directory.path()).expect("created"), create_directory(directory.path()));
        let begun = begun.expect("created");
        let mode = std::fs::metadata(begun.path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else may look into it");
        sweep(directory.path());
        assert!(!tree.exists() && begun.path().exists());
        let place = begun.path().to_owned();
        drop(begun);
        assert!(!place.exists());
        for name in &left {
            assert!(!directory.path().join(name).exists(), "{name}");
        }
        for name in &other {
            assert!(directory.path().join(name).exists(), "{name}");
        }
        assert!(underway.path().exists());
        underway.persist(directory.path().join("whole")).expect("named");
        sweep(directory.path());
        assert!(directory.path().join("whole").exists());
    }

    #[test]
    fn what_another_thread_is_about_to_lock_is_not_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        sweep(place);
                        let made = (create(place).expect("created"), create_directory(place).expect("created"));
                        std::fs::write(made.1.path().join("inner"), "").expect("it is there");
                        assert!(made.0.path().exists());
                    }
                });
            }
        });
    }
}
