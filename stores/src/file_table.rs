//! The table of files on disk: what is known of each, one record after the other; the last one of a file counts.
//!
//! It is only added to, so that what a build has learned is there when its process is killed, and written anew when most
//! of it is out of date.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::{self, Frames, Piece};
use crate::regular;
use crate::scratch::replace;

/// How every table begins.
const TITLE: &[u8] = b"alacarte files 3\n";

/// So many records that no longer count are no reason to write a table anew.
const SLACK: usize = 1024;

#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    /// How many records it has; `None` if there is no table that could be added to.
    records: Option<usize>,
}

impl Table {
    /// The table in this file. What is whole of it is given to `each`, in the order in which it was written.
    pub(crate) fn open<R: DeserializeOwned>(path: &Path, each: &mut dyn FnMut(R)) -> Self {
        let mut table = Table { path: path.to_owned(), records: None };
        let mut bytes = Vec::new();
        let Ok(_) = regular::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) else { return table };
        if bytes.starts_with(TITLE) {
            let mut records = 0;
            for piece in Frames::new(&bytes, TITLE.len()) {
                let Piece::Payload(payload) = piece else { continue };
                records += 1;
                if let Ok(record) = postcard::from_bytes(payload) {
                    each(record);
                }
            }
            table.records = Some(records);
        }
        table
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds what is new, or writes all anew.
    pub(crate) fn add<R: Serialize>(
        &mut self,
        news: impl ExactSizeIterator<Item = R>,
        (all, count): (impl Iterator<Item = R>, usize),
    ) -> io::Result<()> {
        if news.len() == 0 {
            return Ok(());
        }
        if let Some(records) = self.records
            && records + news.len() <= 2 * count + SLACK
        {
            let (bytes, added) = frames(Vec::new(), news);
            match regular::open_with(OpenOptions::new().append(true), &self.path) {
                Ok(mut file) => {
                    self.records = Some(records + added);
                    return file.write_all(&bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound || regular::is_no_file(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let (bytes, added) = frames(TITLE.to_vec(), all);
        self.records = None;
        replace(&self.path, &bytes)?;
        self.records = Some(added);
        Ok(())
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
