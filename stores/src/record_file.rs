//! A file of records, one after the other: it is only added to, or written anew as a whole.
//!
//! Each record is a [frame](crate::frame), so that damage costs those that it touches and no other.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, Frames, Piece};
use crate::regular;
use crate::scratch::replace;

/// A file of records.
///
/// ```
/// use alacarte::stores::RecordFile;
///
/// let directory = tempfile::tempdir()?;
/// let file = RecordFile::new(directory.path().join("durations"), b"durations 1\n");
/// file.replace([("compile", 2.5)].iter())?;
/// file.append([("link", 0.5)].iter())?;
///
/// let mut total = 0.0;
/// let found = file.read(&mut |(_, seconds): (String, f64)| total += seconds)?;
/// assert_eq!((total, found.map(|found| found.records)), (3.0, Some(2)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
    title: &'static [u8],
}

/// How a file of records was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordsFound {
    /// So many records are whole.
    pub records: usize,
    /// How long the file is.
    pub bytes: u64,
    /// Something in it, or at its end, is no whole record.
    pub damaged: bool,
}

impl RecordFile {
    /// The file at this path, which begins with this title.
    pub fn new(path: impl Into<PathBuf>, title: &'static [u8]) -> Self {
        RecordFile { path: path.into(), title }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives what is whole of it to `each`, in the order in which it was written. `None` if it begins with another title.
    ///
    /// # Errors
    /// If it cannot be read, or is not there.
    pub fn read<R: DeserializeOwned>(&self, each: &mut dyn FnMut(R)) -> io::Result<Option<RecordsFound>> {
        let mut bytes = Vec::new();
        regular::open(&self.path)?.read_to_end(&mut bytes)?;
        if !bytes.starts_with(self.title) {
            return Ok(None);
        }
        let mut found = RecordsFound { records: 0, bytes: bytes.len() as u64, damaged: false };
        let mut frames = Frames::new(&bytes, self.title.len());
        for piece in frames.by_ref() {
            let record = match piece {
                Piece::Payload(payload) => postcard::from_bytes(payload).ok(),
                Piece::Damage => None,
            };
            match record {
                Some(record) => {
                    found.records += 1;
                    each(record);
                }
                None => found.damaged = true,
            }
        }
        found.damaged |= frames.end() < bytes.len();
        Ok(Some(found))
    }

    /// Adds records at its end; how many.
    ///
    /// # Errors
    /// If it cannot be written. (A file that is not there has to be [written anew](Self::replace).)
    pub fn append<R: Serialize>(&self, records: impl Iterator<Item = R>) -> io::Result<usize> {
        let (bytes, added) = frames(Vec::new(), records);
        regular::open_with(OpenOptions::new().append(true), &self.path)?.write_all(&bytes)?;
        Ok(added)
    }

    /// Writes it anew, of these records; how many. A reader finds the old file or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn replace<R: Serialize>(&self, records: impl Iterator<Item = R>) -> io::Result<usize> {
        let (bytes, added) = frames(self.title.to_vec(), records);
        replace(&self.path, &bytes)?;
        Ok(added)
    }
}

/// The records as frames after what is there, and how many they are.
fn frames<R: Serialize>(mut bytes: Vec<u8>, records: impl Iterator<Item = R>) -> (Vec<u8>, usize) {
    let mut count = 0;
    for record in records {
        if let Ok(record) = postcard::to_stdvec(&record) {
            frame::push(&mut bytes, |out| out.extend_from_slice(&record));
            count += 1;
        }
    }
    (bytes, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &RecordFile) -> (Vec<String>, Option<RecordsFound>) {
        let mut records = Vec::new();
        let found = file.read(&mut |record| records.push(record)).expect("it can be read");
        (records, found)
    }

    #[test]
    fn records_come_back_and_damage_costs_what_it_touches() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let file = RecordFile::new(place.path().join("records"), b"title\n");
        assert!(file.read(&mut |_: String| {}).is_err() && file.append(["a"].iter()).is_err());
        assert_eq!(file.replace(["one"].iter()).expect("it is written"), 1);
        assert_eq!(file.append(["two", "three"].iter()).expect("it is written"), 2);
        let (records, found) = read(&file);
        assert_eq!(records, ["one", "two", "three"]);
        assert!(found.is_some_and(|found| found.records == 3 && !found.damaged), "{found:?}");
        let whole = std::fs::read(file.path()).expect("it can be read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            std::fs::write(file.path(), bytes).expect("it is written");
            let (records, found) = read(&file);
            let damaged = found.map(|found| found.damaged);
            let expected = if at < 6 { (0, None) } else { (2, Some(true)) };
            assert_eq!((records.len(), damaged), expected, "byte {at}");
        }
        for length in 6..whole.len() {
            std::fs::write(file.path(), &whole[..length]).expect("it is written");
            file.append(["four"].iter()).expect("it is written");
            let (records, _) = read(&file);
            assert_eq!(records.last().map(String::as_str), Some("four"), "torn at byte {length}");
        }
    }
}
