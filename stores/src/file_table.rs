//! The table of files on disk: what is known of each, one record after the other; the last one of a file counts.
//!
//! It is only added to, so that what a build has learned is there when its process is killed, and written anew when most
//! of it is out of date.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record_file::RecordFile;
use crate::regular;

/// How every table begins.
const TITLE: &[u8] = b"alacarte files 4\n";

/// So many records that no longer count are no reason to write a table anew.
const SLACK: usize = 1024;

#[derive(Debug)]
pub(crate) struct Table {
    file: RecordFile,
    /// How many records it has; `None` if there is no table that could be added to.
    records: Option<usize>,
}

impl Table {
    /// The table in this file. What is whole of it is given to `each`, in the order in which it was written.
    pub(crate) fn open<R: DeserializeOwned>(path: &Path, each: &mut dyn FnMut(R)) -> Self {
        let file = RecordFile::new(path, TITLE);
        let found = file.read(each).ok().flatten();
        Table { file, records: found.map(|found| found.records) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
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
            match self.file.append(news) {
                Ok(added) => {
                    self.records = Some(records + added);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound || regular::is_no_file(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.records = None;
        self.records = Some(self.file.replace(all)?);
        Ok(())
    }
}
