//! Where two contents of a file differ: the content that a cache keeps, and the one that a command has made again.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use alacarte_core::StoreError;

use crate::cas::Original;
use crate::digest::Digest;
use crate::filestore::FileStore;
use crate::regular;
use crate::tree::Entry;
use crate::value::{FileKey, FileValue};

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The file.
    pub path: FileKey,
    /// How it differs.
    pub how: Differs,
}

/// How a file differs from what the cache keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Differs {
    /// At this byte, counted from 0, for the first time: it was the one and is the other; `None` behind the end.
    At {
        /// How many bytes before it are the same.
        at: u64,
        /// The byte of the one.
        then: Option<u8>,
        /// The byte of the other.
        now: Option<u8>,
    },
    /// In its permissions only.
    Mode,
    /// It is a file in one of them, and a directory or a link in the other, or a link that leads elsewhere.
    Kind,
    /// It was made, and is not there now, or the other way round.
    Existence,
    /// The cache has no copy of what it was any more.
    Unknown,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = |byte: Option<u8>| byte.map_or("the end of the file".into(), |byte| format!("0x{byte:02x}"));
        write!(f, "{}: ", self.path)?;
        match self.how {
            Differs::At { at, then, now } => write!(f, "byte {at} is {}, and {} in the cache", byte(now), byte(then)),
            Differs::Mode => f.write_str("other permissions than in the cache"),
            Differs::Kind => f.write_str("something of another kind in the cache: a file, a link, a directory"),
            Differs::Existence => f.write_str("it is there in one of them only"),
            Differs::Unknown => f.write_str("another digest; the cache has no copy of what it was any more"),
        }
    }
}

impl FileStore {
    /// How the files of a key differ between a value that the cache keeps and the one that they have now.
    ///
    /// # Errors
    /// If a file or a copy cannot be read.
    pub fn differences(&self, key: &FileKey, then: &FileValue, now: &FileValue) -> Result<Vec<Difference>, StoreError> {
        let (then, now) = (then.outputs(), now.outputs());
        let mut differences = Vec::new();
        for (number, path) in self.paths(key).iter().enumerate() {
            let [then, now] = [&then, &now].map(|outputs| outputs.get(number).and_then(|made| made.digest));
            if then == now {
                continue;
            }
            let found = match then.zip(now) {
                None => vec![(path.clone(), Differs::Existence)],
                Some((then, _)) if path.is_tree() => self.in_tree(path, &then)?,
                Some((then, _)) => {
                    let how = self.in_file(&self.files().borrow().path(path), &then);
                    vec![(path.clone(), how.map_err(|error| StoreError::new("compare", path, error))?)]
                }
            };
            differences.extend(found.into_iter().map(|(path, how)| Difference { path, how }));
        }
        Ok(differences)
    }

    /// How the file at a path differs from the copy of this digest.
    fn in_file(&self, path: &Path, then: &Digest) -> io::Result<Differs> {
        let now = match regular::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Differs::Existence),
            Err(error) if regular::is_no_file(&error) => return Ok(Differs::Kind),
            now => now?,
        };
        // (A copy that is damaged is none.)
        let copy = || {
            let place = self.cas()?.place(then);
            let content = Digest::of_content(regular::open(&place).ok()?).ok()?;
            let original = Original::over(content, then)?;
            Some((original, regular::open(&place).ok()?))
        };
        let copy = match copy() {
            Some((Original::File(_), copy)) => copy,
            Some((Original::Link, _)) => return Ok(Differs::Kind),
            None => return Ok(Differs::Unknown),
        };
        // Where the content is the same, the permissions are not.
        Ok(first_difference(BufReader::new(copy), BufReader::new(now))?.unwrap_or(Differs::Mode))
    }

    /// How what lies in a directory differs from the tree of this digest.
    fn in_tree(&self, path: &FileKey, then: &Digest) -> Result<Vec<(FileKey, Differs)>, StoreError> {
        let now = self.files().borrow_mut().read_tree(path)?;
        let Some((then, (_, now))) = self.cas().and_then(|cas| cas.tree(then)).zip(now) else {
            return Ok(vec![(path.clone(), Differs::Unknown)]);
        };
        let now = now.made();
        let all: BTreeSet<&Path> = then.entries().chain(now.entries()).map(|(path, _)| path).collect();
        let mut found = Vec::new();
        for within in all {
            let at = FileKey::from(format!("{path}{}", within.display()));
            let how = match (then.get(within), now.get(within)) {
                (then, now) if then == now => continue,
                (Some(Entry::File(then)), Some(Entry::File(_))) => {
                    let how = self.in_file(&self.files().borrow().path(path).join(within), then);
                    how.map_err(|error| StoreError::new("compare", &at, error))?
                }
                (Some(Entry::Directory(_)), Some(Entry::Directory(_))) => Differs::Mode,
                (Some(_), Some(_)) => Differs::Kind,
                _ => Differs::Existence,
            };
            found.push((at, how));
        }
        Ok(found)
    }
}

/// The first byte at which two texts differ, and what each has there.
fn first_difference(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<Option<Differs>> {
    let mut at = 0;
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let both = a.len().min(b.len());
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        if same < both || both == 0 {
            let (then, now) = (a.get(same).copied(), b.get(same).copied());
            return Ok((then != now).then_some(Differs::At { at: at + same as u64, then, now }));
        }
        one.consume(both);
        other.consume(both);
        at += both as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_found_wherever_the_buffers_end() {
        let text = b"abcdefghij";
        for ends in 1..12 {
            for at in 0..=text.len() {
                let with = |bytes: &'static [u8]| BufReader::with_capacity(ends, bytes);
                let mut other = text.to_vec();
                assert_eq!(first_difference(with(text), &other[..]).expect("read"), None);
                let then = text.get(at).copied();
                if at < text.len() {
                    other[at] ^= 1;
                    let now = Some(text[at] ^ 1);
                    assert_eq!(
                        first_difference(with(text), &other[..]).expect("read"),
                        Some(Differs::At { at: at as u64, then, now })
                    );
                    let cut = &text[..at];
                    assert_eq!(
                        first_difference(with(text), cut).expect("read"),
                        Some(Differs::At { at: at as u64, then, now: None })
                    );
                } else {
                    other.push(b'x');
                    let found = first_difference(with(text), &other[..]).expect("read");
                    assert_eq!(found, Some(Differs::At { at: at as u64, then: None, now: Some(b'x') }));
                }
            }
        }
    }
}
