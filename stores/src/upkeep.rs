//! The care of a cache: how much it holds, whether what it holds is whole, and what goes first when it has grown too large.
//!
//! A copy may go at any moment, also under a build that is about to use it: what is not there is built. So nothing is locked. A copy
//! that is used is marked with the time, and the copies whose last use is longest ago go first.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cas::Cas;
use crate::digest::Digest;
use crate::trace_log::segments;

/// How much a cache holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holdings {
    /// How many copies.
    pub copies: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// A copy.
struct Copy {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
    used: SystemTime,
}

impl Holdings {
    fn add(&mut self, copy: &Copy) {
        self.copies += 1;
        self.bytes += copy.bytes;
    }
}

impl Cas {
    /// How much it holds.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn holdings(&self) -> io::Result<Holdings> {
        let mut all = Holdings::default();
        self.copies()?.iter().for_each(|copy| all.add(copy));
        Ok(all)
    }

    /// Reads every copy, and removes those that are not what they are called; how much there was, and how much was removed.
    ///
    /// # Errors
    /// If its directory cannot be read, or a damaged copy not be removed.
    pub fn verify(&self) -> io::Result<(Holdings, Holdings)> {
        let (mut all, mut removed) = (Holdings::default(), Holdings::default());
        for copy in self.copies()? {
            all.add(&copy);
            let whole = match std::fs::File::open(&copy.path).and_then(Digest::of_content) {
                Ok(content) => copy.digest.mode_over(content).is_some(),
                // It has gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => false,
            };
            if !whole && remove(&copy.path)? {
                removed.add(&copy);
            }
        }
        Ok((all, removed))
    }

    /// Removes copies until it holds no more than so many bytes, those first whose last use is longest ago; how much was removed.
    ///
    /// # Errors
    /// If its directory cannot be read, or a copy not be removed.
    pub fn shrink(&self, bytes: u64) -> io::Result<Holdings> {
        let mut copies = self.copies()?;
        copies.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut left: u64 = copies.iter().map(|copy| copy.bytes).sum();
        let mut removed = Holdings::default();
        for copy in copies {
            if left <= bytes {
                break;
            }
            left -= copy.bytes;
            if remove(&copy.path)? {
                removed.add(&copy);
            }
        }
        Ok(removed)
    }

    /// All copies. (What else lies in the directory is not ours to look at.)
    fn copies(&self) -> io::Result<Vec<Copy>> {
        let mut copies = Vec::new();
        for half in entries(self.directory())? {
            let Some(first) = name(&half).filter(|name| name.len() == 2) else { continue };
            for path in entries(&half)? {
                let digest = name(&path).and_then(|rest| Digest::from_hex(&format!("{first}{rest}")));
                let (Some(digest), Ok(file)) = (digest, path.symlink_metadata()) else { continue };
                let used = file.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                copies.push(Copy { path, digest, bytes: file.len(), used });
            }
        }
        Ok(copies)
    }
}

/// Removes the traces in this directory, those of all programs; how many files they were. A build that is adding some begins anew.
///
/// # Errors
/// If the directory cannot be read, or a file not be removed.
pub fn clear_traces(directory: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for segment in segments(directory, ".traces")? {
        removed += usize::from(remove(&segment)?);
    }
    Ok(removed)
}

/// What lies in a directory; nothing if there is none.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// Whether it was there to be removed.
fn remove(path: &Path) -> io::Result<bool> {
    let removed = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A cache with copies of these texts, the first of which was used longest ago.
    fn cache(texts: &[&str]) -> (tempfile::TempDir, Cas) {
        let directory = tempfile::tempdir().expect("a directory");
        let cas = Cas::new(directory.path().join("cache"));
        for (place, text) in texts.iter().enumerate() {
            let file = directory.path().join("file");
            fs::write(&file, text).expect("written");
            assert!(cas.keep(&file, &Digest::of_bytes(text.as_bytes())).expect("kept"));
            let used = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 + place as u64);
            fs::File::open(cas.place(&Digest::of_bytes(text.as_bytes())))
                .and_then(|f| f.set_modified(used))
                .expect("set");
        }
        (directory, cas)
    }

    fn holds(cas: &Cas, text: &str) -> bool {
        cas.has(&Digest::of_bytes(text.as_bytes()))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (directory, cas) = cache(&["one", "three", "eleven"]);
        assert_eq!(cas.holdings().expect("read"), Holdings { copies: 3, bytes: 14 });
        // To be fetched is to be used.
        assert!(cas.fetch(&Digest::of_bytes(b"one"), directory.path()).expect("read").is_some());
        assert_eq!(cas.shrink(14).expect("nothing to do"), Holdings::default());
        assert_eq!(cas.shrink(9).expect("removed"), Holdings { copies: 1, bytes: 5 });
        assert!(holds(&cas, "one") && !holds(&cas, "three") && holds(&cas, "eleven"));
        assert_eq!(cas.shrink(3).expect("removed"), Holdings { copies: 1, bytes: 6 });
        assert!(holds(&cas, "one"));
        assert_eq!(cas.shrink(0).expect("removed").copies, 1);
        assert_eq!(cas.holdings().expect("read"), Holdings::default());
    }

    #[test]
    fn what_is_damaged_is_found_and_nothing_else_is_touched() {
        let (directory, cas) = cache(&["one", "two"]);
        let place = cas.place(&Digest::of_bytes(b"two"));
        fs::remove_file(&place).expect("removed");
        fs::write(&place, "junk").expect("written");
        let foreign = [directory.path().join("cache/README"), place.with_file_name("notes")];
        for path in &foreign {
            fs::write(path, "not ours").expect("written");
        }
        let (all, removed) = cas.verify().expect("read");
        assert_eq!((all.copies, removed), (2, Holdings { copies: 1, bytes: 4 }));
        assert!(holds(&cas, "one") && !holds(&cas, "two"));
        assert_eq!(cas.shrink(0).expect("removed").copies, 1);
        assert!(foreign.iter().all(|path| path.exists()), "what is not ours stays");
        assert_eq!(Cas::new(directory.path().join("none")).holdings().expect("nothing"), Holdings::default());
    }

    /// A copy that goes between two looks at it is not there, and no error.
    #[test]
    fn copies_go_while_others_use_them() {
        let texts: Vec<String> = (0..200).map(|number| format!("text {number}")).collect();
        let (directory, cas) = cache(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let other = cas.clone();
        let evicts = std::thread::spawn(move || while other.shrink(0).expect("removed").copies > 0 {});
        for text in texts.iter().rev() {
            cas.fetch(&Digest::of_bytes(text.as_bytes()), directory.path()).expect("there or not");
            let file = directory.path().join("file");
            fs::write(&file, text).expect("written");
            cas.keep(&file, &Digest::of_bytes(text.as_bytes())).expect("kept");
        }
        evicts.join().expect("it ends");
    }
}
