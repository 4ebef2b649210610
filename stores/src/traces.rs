//! Constructive traces in a directory that many processes, projects and machines may share.
//!
//! Nothing in it is ever changed. Each process adds a file of its own, a *segment*, to which it alone appends,
//! a whole record with each write; readers read all segments, and skip what is damaged or half-written. Equal
//! traces are one. Two traces that tell the same story with different ends, the same key from the same
//! dependencies to another value, betray a task that is not deterministic: the oldest is given, so that
//! everybody builds the same, and the others are counted as [`conflicts`](TraceLog::conflicts).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use alacarte::{Key, SharedTrace, StoreError, TraceCache, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::files::now;
use crate::frame::{self, Frames, Piece};

const SUFFIX: &str = "traces";

/// A directory of traces.
#[derive(Debug)]
pub struct TraceLog<K, V> {
    directory: PathBuf,
    /// This process's segment, once it has added something.
    segment: Option<(PathBuf, File)>,
    /// The digest of each story that is known, and of its end.
    known: HashMap<Digest, Digest>,
    conflicts: usize,
    types: PhantomData<fn() -> (K, V)>,
}

/// A record: the story (key, dependencies, deep) and its end, each serialised.
type Parts<'a> = (&'a [u8], &'a [u8]);
type Story<K> = (K, Vec<(K, bool, bool, u64)>, bool);

impl<K, V> TraceLog<K, V> {
    /// The traces in this directory, which is made when the first is added.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        TraceLog { directory: directory.into(), segment: None, known: HashMap::new(), conflicts: 0, types: PhantomData }
    }

    /// How many traces disagreed with an older one.
    pub fn conflicts(&self) -> usize {
        self.conflicts
    }

    /// The segments of all processes, the oldest first: their names begin with the time.
    fn segments(&self) -> io::Result<Vec<PathBuf>> {
        let listing = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing?,
        };
        let mut segments = Vec::new();
        for entry in listing {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == SUFFIX) {
                segments.push(path);
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Whether a trace says something new.
    fn take(&mut self, (story, end): Parts<'_>) -> bool {
        let (story, end) = (Digest::of_bytes(story), Digest::of_bytes(end));
        match self.known.entry(story) {
            Entry::Vacant(vacant) => {
                vacant.insert(end);
                true
            }
            Entry::Occupied(known) => {
                self.conflicts += usize::from(*known.get() != end);
                false
            }
        }
    }

    fn segment(&mut self) -> io::Result<&mut File> {
        if self.segment.is_none() {
            std::fs::create_dir_all(&self.directory)?;
            self.segment = Some(create(&self.directory)?);
        }
        match &mut self.segment {
            Some((_, file)) => Ok(file),
            None => Err(io::Error::other("no segment")),
        }
    }
}

/// Creates a file whose name no other process has.
fn create(directory: &Path) -> io::Result<(PathBuf, File)> {
    let process = std::process::id();
    loop {
        let path = directory.join(format!("{:020}-{process}.{SUFFIX}", now()));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            // Another machine's process of the same number, in the same nanosecond.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

impl<K, V> TraceCache<K, V> for TraceLog<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<K, V>)) -> Result<(), StoreError> {
        let failed = |place: &Path, error| StoreError::new("read", place.display(), error);
        self.known.clear();
        self.conflicts = 0;
        for segment in self.segments().map_err(|error| failed(&self.directory, error))? {
            let bytes = match std::fs::read(&segment) {
                // Somebody who tidies up may have been quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                bytes => bytes.map_err(|error| failed(&segment, error))?,
            };
            for piece in Frames::new(&bytes, 0) {
                let Piece::Payload(payload) = piece else { continue };
                let Ok((story, end)) = postcard::from_bytes::<Parts<'_>>(payload) else { continue };
                // What this program cannot read was written by one that speaks of other keys or values.
                let Ok((key, dependencies, deep)) = postcard::from_bytes::<Story<K>>(story) else { continue };
                let Ok(value) = postcard::from_bytes(end) else { continue };
                if self.take((story, end)) {
                    each(SharedTrace { key, dependencies, deep, value });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError> {
        let SharedTrace { key, dependencies, deep, value } = trace;
        let story = postcard::to_stdvec(&(key, dependencies, deep));
        let (Ok(story), Ok(end)) = (story, postcard::to_stdvec(value)) else {
            // What cannot be written is not shared.
            return Ok(());
        };
        let parts: Parts<'_> = (&story, &end);
        if !self.take(parts) {
            return Ok(());
        }
        let Ok(payload) = postcard::to_stdvec(&parts) else { return Ok(()) };
        let mut record = Vec::new();
        frame::push(&mut record, |out| out.extend_from_slice(&payload));
        let written = self.segment().and_then(|file| file.write_all(&record));
        written.map_err(|error| StoreError::new("write", self.directory.display(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(key: &str, input: u64, value: u64) -> SharedTrace<String, u64> {
        let dependencies = vec![(key.into(), true, false, 9), ("in".into(), false, false, input)];
        SharedTrace { key: key.into(), dependencies, deep: false, value }
    }

    fn read(cache: &mut TraceLog<String, u64>) -> Vec<SharedTrace<String, u64>> {
        let mut traces = Vec::new();
        cache.traces(&mut |trace| traces.push(trace)).expect("read");
        traces
    }

    #[test]
    fn processes_share_what_they_add_and_equal_traces_are_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || TraceLog::<String, u64>::new(directory.path().join("traces"));
        let (mut one, mut two) = (open(), open());
        assert_eq!(read(&mut one), []);
        one.add(&trace("a", 1, 10)).expect("added");
        one.add(&trace("a", 1, 10)).expect("known");
        two.add(&trace("a", 1, 10)).expect("unknown to two");
        two.add(&trace("a", 2, 20)).expect("added");
        one.add(&trace("b", 1, 30)).expect("added");
        assert_eq!(one.segments().expect("listed").len(), 2);
        let mut all = read(&mut open());
        all.sort_by_key(|trace| trace.value);
        assert_eq!(all, [trace("a", 1, 10), trace("a", 2, 20), trace("b", 1, 30)]);
    }

    #[test]
    fn the_oldest_of_those_that_disagree_is_given() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || TraceLog::<String, u64>::new(directory.path());
        open().add(&trace("a", 1, 10)).expect("added");
        open().add(&trace("a", 1, 11)).expect("added");
        let mut cache = open();
        assert_eq!(read(&mut cache), [trace("a", 1, 10)]);
        assert_eq!(cache.conflicts(), 1);
    }

    #[test]
    fn damage_costs_one_trace() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = TraceLog::<String, u64>::new(directory.path());
        for value in 0..3 {
            cache.add(&trace("a", value, value)).expect("added");
        }
        let segment = &cache.segments().expect("listed")[0];
        let whole = std::fs::read(segment).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(segment, bytes).expect("written");
            let left = read(&mut TraceLog::new(directory.path()));
            assert_eq!(left.len(), 2, "byte {at}");
            assert!(left.iter().all(|left| *left == trace("a", left.value, left.value)));
        }
    }
}
