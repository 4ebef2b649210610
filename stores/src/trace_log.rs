//! Constructive traces in a directory that many processes, projects and machines may share.
//!
//! Each key has a file of its own, whose name is the digest of the key and of how this program writes keys and values. So the file
//! system is the index: a cache of a million traces is opened by doing nothing, the traces of a key are found by opening a
//! file, and keys of other programs and repositories are never looked at. Those of the same name are in the same file; a build
//! tells them apart by what they were made from.
//!
//! A file is only appended to, a whole record with each write, and readers skip what is damaged or half-written. Each
//! record is [sealed](crate::seal), key and value together, so that none is taken for what it is not, wherever it was moved. Equal
//! traces are one. Two traces that tell the same story with different ends, the same key from the same dependencies to another
//! value, betray a task that is not deterministic: the oldest is given, so that everybody builds the same, and the others
//! are counted as [`conflicts`](TraceLog::conflicts).
//!
//! Nothing is locked. Two processes that add the same trace at the same moment write it twice, which costs its length; a file that
//! is removed while somebody adds to it takes that trace along, which is built again.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use alacarte_core::{Fingerprint, Key, SharedDependency, SharedTrace, StoreError, TraceCache, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::frame::{self, Frames, Piece};
use crate::seal::{Schema, whole};

/// So much is read of the traces of one key, from the end: what was added last.
const LONG: u64 = 1 << 20;

/// A directory of traces.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::stores::TraceLog;
///
/// let directory = tempfile::tempdir()?;
/// let build = || {
///     let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
///     let build = Build::new(tasks, Memory::from([("A".to_string(), 1)]));
///     let build = build.with_scheduler(Suspending::new()).with_rebuilder(ConstructiveTrace);
///     build.with_cache(TraceLog::new(directory.path()))
/// };
/// assert_eq!(build().run(["B"])?.ran.len(), 1);
/// // Another build that shares the directory restores B.
/// let report = build().run(["B"])?;
/// assert_eq!((report.ran.len(), report.restored), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TraceLog<K, V> {
    directory: PathBuf,
    schema: Schema,
    /// The stories with other ends than the oldest.
    conflicts: HashSet<(Digest, Digest)>,
    types: PhantomData<fn() -> (K, V)>,
}

/// A record: its seal; the story (key, dependencies, deep) and its end, each serialised.
type Parts<'a> = (u64, &'a [u8], &'a [u8]);
type Story<K> = (K, Vec<(K, bool, bool, u64)>, Option<u64>);

impl<K, V> TraceLog<K, V> {
    /// The traces in this directory, which is made when the first is added.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        TraceLog {
            directory: directory.into(),
            schema: Schema::of::<K, V>(0),
            conflicts: HashSet::new(),
            types: PhantomData,
        }
    }

    /// Tells this version of keys and values from others, whose traces are not read. To be raised when they mean something
    /// else than before though all their names and kinds are the same; those are told apart without it.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.schema = Schema::of::<K, V>(version);
        self
    }

    /// How many traces disagreed with an older one, of those that were read or added.
    pub fn conflicts(&self) -> usize {
        self.conflicts.len()
    }
}

impl<K, V> TraceLog<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    /// Where the traces of a key lie; `None` if it cannot be serialised.
    fn place(&self, key: &K) -> Option<PathBuf> {
        Some(Digest::of_bytes(&self.schema.write_key(key).ok()?).place_in(&self.directory))
    }

    /// The seal of a trace; `None` if a part of it cannot be serialised.
    fn seal(&self, SharedTrace { key, dependencies, value, .. }: &SharedTrace<K, V>) -> Option<Fingerprint> {
        let keys = std::iter::once(key).chain(dependencies.iter().map(|dependency| &dependency.key));
        let value = self.schema.of_value(value)?;
        keys.into_iter().try_fold(value, |sum, key| Some(sum.combine(self.schema.of_key(key)?)))
    }

    /// What a record says, if this program would write it so.
    fn read<'p>(&self, payload: &'p [u8]) -> Option<(SharedTrace<K, V>, Parts<'p>)> {
        let parts @ (seal, story, end) = postcard::from_bytes::<Parts<'_>>(payload).ok()?;
        let (key, dependencies, deep) = whole::<Story<K>>(story)?;
        let dependencies = dependencies.into_iter().map(|(key, definition, grouped, fingerprint)| SharedDependency {
            key,
            definition,
            grouped,
            fingerprint: Fingerprint(fingerprint),
        });
        let trace = SharedTrace::new(key, dependencies.collect(), deep.map(Fingerprint), whole(end)?);
        (self.seal(&trace)?.0 == seal).then_some((trace, parts))
    }

    /// A record, and its story; `None` if a part of it cannot be serialised.
    fn write(&self, trace: &SharedTrace<K, V>) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let SharedTrace { key, dependencies, deep, value, .. } = trace;
        let fetched = |dependency: &SharedDependency<K>| {
            let SharedDependency { key, definition, grouped, fingerprint } = dependency.clone();
            (key, definition, grouped, fingerprint.0)
        };
        let story: Story<K> = (key.clone(), dependencies.iter().map(fetched).collect(), deep.map(|deep| deep.0));
        let (story, end) = (postcard::to_stdvec(&story).ok()?, postcard::to_stdvec(value).ok()?);
        let parts: Parts<'_> = (self.seal(trace)?.0, &story, &end);
        let payload = postcard::to_stdvec(&parts).ok()?;
        let mut record = Vec::new();
        frame::push(&mut record, |out| out.extend_from_slice(&payload));
        Some((record, story, end))
    }
}

/// What a file ends with.
fn tail(mut file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > LONG {
        file.seek(SeekFrom::Start(length - LONG))?;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file to read and to add to, and makes it, and its directory, if they are not there.
fn open(place: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    match options.open(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(place.parent().unwrap_or(Path::new(".")))?;
            options.open(place)
        }
        opened => opened,
    }
}

/// Writes a record with one write, so that those of others do not come between.
fn append(mut file: &File, record: &[u8]) -> io::Result<()> {
    file.write_all(record)
}

impl<K, V> TraceCache<K, V> for TraceLog<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    fn traces(&mut self, key: &K, each: &mut dyn FnMut(SharedTrace<K, V>)) -> Result<(), StoreError> {
        let Some(place) = self.place(key) else { return Ok(()) };
        let bytes = match File::open(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // They are used now. (Of another user's file that cannot be said, and it goes the earlier.)
            file => file.and_then(|file| tail(&file).inspect(|_| drop(file.set_modified(SystemTime::now())))),
        };
        let bytes = bytes.map_err(|error| StoreError::new("read", place.display(), error))?;
        let mut ends = HashMap::new();
        for piece in Frames::new(&bytes, 0) {
            let Piece::Payload(payload) = piece else { continue };
            let Some((trace, (_, story, end))) = self.read(payload).filter(|(trace, _)| trace.key == *key) else {
                continue;
            };
            match ends.entry(story) {
                Entry::Vacant(vacant) => {
                    vacant.insert(end);
                    each(trace);
                }
                Entry::Occupied(known) if *known.get() != end => {
                    self.conflicts.insert((Digest::of_bytes(story), Digest::of_bytes(end)));
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError> {
        // What cannot be written is not shared.
        let Some((place, (record, story, end))) = self.place(&trace.key).zip(self.write(trace)) else { return Ok(()) };
        let failed = |error| StoreError::new("write", place.display(), error);
        let file = open(&place).map_err(failed)?;
        for piece in Frames::new(&tail(&file).map_err(failed)?, 0) {
            let Piece::Payload(payload) = piece else { continue };
            let Some((_, (_, known, its_end))) = self.read(payload).filter(|(_, (_, known, _))| *known == story) else {
                continue;
            };
            if its_end == end {
                return Ok(());
            }
            self.conflicts.insert((Digest::of_bytes(known), Digest::of_bytes(&end)));
            return Ok(());
        }
        append(&file, &record).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(key: &str, input: u64, value: u64) -> SharedTrace<String, u64> {
        let fetched = |key: &str, definition, fingerprint| SharedDependency {
            key: key.into(),
            definition,
            grouped: false,
            fingerprint: Fingerprint(fingerprint),
        };
        SharedTrace::new(key.into(), vec![fetched(key, true, 9), fetched("in", false, input)], None, value)
    }

    fn open(directory: &tempfile::TempDir) -> TraceLog<String, u64> {
        TraceLog::new(directory.path().join("traces"))
    }

    fn read(cache: &mut TraceLog<String, u64>, key: &str) -> Vec<SharedTrace<String, u64>> {
        let mut traces = Vec::new();
        cache.traces(&key.to_string(), &mut |trace| traces.push(trace)).expect("read");
        traces
    }

    fn values(traces: &[SharedTrace<String, u64>]) -> Vec<u64> {
        traces.iter().map(|trace| trace.value).collect()
    }

    #[test]
    fn processes_share_what_they_add_and_equal_traces_are_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut one, mut two) = (open(&directory), open(&directory));
        assert_eq!(read(&mut one, "a"), []);
        one.add(&trace("a", 1, 10)).expect("added");
        one.add(&trace("a", 1, 10)).expect("known");
        two.add(&trace("a", 1, 10)).expect("known");
        two.add(&trace("a", 2, 20)).expect("added");
        one.add(&trace("b", 1, 30)).expect("added");
        assert_eq!(read(&mut one, "a"), [trace("a", 1, 10), trace("a", 2, 20)]);
        assert_eq!(read(&mut open(&directory), "b"), [trace("b", 1, 30)]);
        let place = one.place(&"a".to_string()).expect("it can be written");
        assert_eq!(Frames::new(&std::fs::read(place).expect("read"), 0).count(), 2);
    }

    #[test]
    fn the_oldest_of_those_that_disagree_is_given() {
        let directory = tempfile::tempdir().expect("a directory");
        open(&directory).add(&trace("a", 1, 10)).expect("added");
        let mut cache = open(&directory);
        cache.add(&trace("a", 1, 11)).expect("it is told of");
        assert_eq!((cache.conflicts(), read(&mut cache, "a")), (1, vec![trace("a", 1, 10)]));
        // Two processes added them at the same moment.
        let place = cache.place(&"a".to_string()).expect("it can be written");
        let (record, ..) = cache.write(&trace("a", 1, 12)).expect("it can be written");
        append(&super::open(&place).expect("opened"), &record).expect("added");
        let mut cache = open(&directory);
        assert_eq!((read(&mut cache, "a"), cache.conflicts()), (vec![trace("a", 1, 10)], 1));
    }

    #[test]
    fn damage_costs_one_trace() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        for value in 0..3 {
            cache.add(&trace("a", value, value)).expect("added");
        }
        let place = cache.place(&"a".to_string()).expect("it can be written");
        let whole = std::fs::read(&place).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&place, bytes).expect("written");
            let left = read(&mut cache, "a");
            assert_eq!(left.len(), 2, "byte {at}");
            assert!(left.iter().all(|left| *left == trace("a", left.value, left.value)));
        }
        // A process was killed while it wrote, after any byte; the next goes on behind it.
        for length in 0..whole.len() {
            std::fs::write(&place, &whole[..length]).expect("written");
            let left = values(&read(&mut cache, "a"));
            cache.add(&trace("a", 7, 7)).expect("added");
            assert_eq!(values(&read(&mut cache, "a")), [left, vec![7]].concat(), "{length} bytes");
        }
    }

    /// The traces of one key, in the place of another's.
    #[test]
    fn a_trace_speaks_of_its_key_wherever_it_lies() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        cache.add(&trace("a", 1, 1)).expect("added");
        cache.add(&trace("b", 1, 2)).expect("added");
        let [a, b] = ["a", "b"].map(|key| cache.place(&key.to_string()).expect("it can be written"));
        std::fs::copy(&a, &b).expect("copied");
        assert_eq!((read(&mut cache, "a"), read(&mut cache, "b")), (vec![trace("a", 1, 1)], vec![]));
    }

    /// Threads as processes: each record is whole, and all of them are there.
    #[test]
    fn nothing_is_lost_and_nothing_mixed_up_where_many_add_to_one_key() {
        let directory = tempfile::tempdir().expect("a directory");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mut cache = open(&directory);
                scope.spawn(move || {
                    for n in 0..100 {
                        let value = writer * 100 + n;
                        cache.add(&trace("a", value, value)).expect("added");
                        assert!(values(&read(&mut cache, "a")).contains(&value));
                    }
                });
            }
        });
        let mut all = values(&read(&mut open(&directory), "a"));
        all.sort_unstable();
        assert_eq!(all, (0..400).collect::<Vec<_>>());
    }

    /// Of a key with very many traces those are read that were added last.
    #[test]
    fn no_key_is_read_for_longer_than_is_stated() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        let place = cache.place(&"a".to_string()).expect("it can be written");
        let file = super::open(&place).expect("opened");
        let mut all = Vec::new();
        let count = 2 * LONG / 50;
        for value in 0..count {
            all.extend(cache.write(&trace("a", value, value)).expect("it can be written").0);
        }
        append(&file, &all).expect("added");
        assert!(all.len() as u64 > LONG);
        let known = values(&read(&mut cache, "a"));
        assert!(known.len() as u64 * 20 < LONG && known.ends_with(&[count - 2, count - 1]));
        assert!(known.windows(2).all(|pair| pair[0] + 1 == pair[1]), "none is left out");
        cache.add(&trace("a", count - 1, count - 1)).expect("known");
        assert_eq!(file.metadata().expect("there").len(), all.len() as u64);
    }

    #[test]
    fn a_directory_that_is_removed_is_made_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        cache.add(&trace("a", 1, 1)).expect("added");
        std::fs::remove_dir_all(directory.path().join("traces")).expect("removed");
        assert_eq!(read(&mut cache, "a"), []);
        cache.add(&trace("b", 2, 2)).expect("added");
        cache.add(&trace("a", 1, 1)).expect("added");
        assert_eq!((read(&mut cache, "a"), read(&mut cache, "b")), (vec![trace("a", 1, 1)], vec![trace("b", 2, 2)]));
    }

    #[test]
    fn traces_of_other_keys_or_values_are_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        let key = "a".to_string();
        cache.add(&trace("a", 1, 1)).expect("added");
        let place = cache.place(&key).expect("it can be written");
        let mut others = Vec::new();
        let mut other = TraceLog::<String, i64>::new(directory.path().join("traces"));
        other.traces(&key, &mut |trace| others.push(trace.value)).expect("read");
        let mut newer = open(&directory).with_version(1);
        assert_eq!((&others, read(&mut newer, "a")), (&vec![], vec![]));
        // Not even if the name of the file says that they are ours.
        for place_of_others in [other.place(&key), newer.place(&key)] {
            let place_of_others = place_of_others.expect("it can be written");
            std::fs::create_dir_all(place_of_others.parent().expect("not the root")).expect("made");
            std::fs::copy(&place, place_of_others).expect("copied");
        }
        other.traces(&key, &mut |trace| others.push(trace.value)).expect("read");
        assert_eq!((others, read(&mut newer, "a")), (vec![], vec![]));
    }

    /// Random bytes, and marks upon marks: what is added afterwards is read all the same.
    #[test]
    fn a_hostile_file_costs_its_traces() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        for bytes in [vec![0; 100_000], [0xA1, 0xCC].repeat(100_000)] {
            let place = cache.place(&"a".to_string()).expect("it can be written");
            cache.add(&trace("a", 1, 1)).expect("added");
            std::fs::write(&place, bytes).expect("written");
            assert_eq!(read(&mut cache, "a"), []);
            cache.add(&trace("b", 1, 1)).expect("added");
            assert_eq!(read(&mut cache, "b"), [trace("b", 1, 1)]);
        }
    }
}
