//! Constructive traces in a directory that many processes and projects share.
//!
//! Each key has a file of its own, whose name is the digest of the key and of how this program writes keys and values. So the file
//! system is the index: a cache of a million traces is opened by doing nothing, the traces of a key are found by opening a
//! file, and keys of other programs and repositories are never looked at. Those of the same name are in the same file; a build
//! tells them apart by what they were made from.
//!
//! A file is appended to, and readers skip what is damaged or half-written. A record says which key it is of in the words that give the
//! file its name, so that who knows nothing of the program can tell whether it lies in its place. Each record is [sealed](crate::seal), key and value together,
//! so that none is taken for what it is not, wherever it was moved. Equal traces are one. Two traces of a key from the same dependencies
//! with different values betray a task that is not deterministic, and are counted as [`conflicts`](TraceLog::conflicts). The newest is given:
//! the build that made it had to, because no copy of the older value was left.
//!
//! Nothing is locked. Two processes that add the same trace at the same moment write it twice, which costs its length; a file that
//! is removed, or made shorter, while somebody adds to it takes that trace along, which is built again. (Over NFS records may be written over one
//! another; what is left of them is skipped.)

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alacarte_core::{Fingerprint, Key, SharedDependency, SharedTrace, StoreError, TraceCache, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cas::used;
use crate::digest::Digest;
use crate::frame::{self, Frames, Piece};
use crate::seal::{Schema, whole};
use crate::{regular, scratch};

/// So much is read of the traces of one key, from the end: what was added last, and one whole record at least. A file that is twice as long
/// is made as short as that.
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
/// assert_eq!((report.ran.len(), report.restored.len()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TraceLog<K, V> {
    directory: PathBuf,
    schema: Schema,
    /// What was made of the same dependencies in more than one way, and one of the values.
    conflicts: HashSet<(Digest, Digest)>,
    types: PhantomData<fn() -> (K, V)>,
}

/// A record: its seal; the key behind its own seal, as it names the file; from what it was made (dependencies, deep fingerprint), and the value, each serialised.
type Parts<'a> = (u64, &'a [u8], &'a [u8], &'a [u8]);
type Made<K> = (Vec<(K, bool, bool, u64)>, Option<u64>);

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
        let parts @ (seal, key, made, value) = postcard::from_bytes::<Parts<'_>>(payload).ok()?;
        let key = self.schema.read_key(key)?;
        let (dependencies, deep) = whole::<Made<K>>(made)?;
        let dependencies = dependencies.into_iter().map(|(key, definition, grouped, fingerprint)| {
            SharedDependency::new(key, Fingerprint(fingerprint)).with_definition(definition).with_grouped(grouped)
        });
        let trace = SharedTrace::new(key, dependencies.collect(), deep.map(Fingerprint), whole(value)?);
        (self.seal(&trace)?.0 == seal).then_some((trace, parts))
    }

    /// A record, and its parts (key, what it was made from, value); `None` if one of them cannot be serialised.
    fn write(&self, trace: &SharedTrace<K, V>) -> Option<(Vec<u8>, [Vec<u8>; 3])> {
        let SharedTrace { key, dependencies, deep, value, .. } = trace;
        let fetched = |dependency: &SharedDependency<K>| {
            let SharedDependency { key, definition, grouped, fingerprint, .. } = dependency.clone();
            (key, definition, grouped, fingerprint.0)
        };
        let made: Made<K> = (dependencies.iter().map(fetched).collect(), deep.map(|deep| deep.0));
        let (made, value) = (postcard::to_stdvec(&made).ok()?, postcard::to_stdvec(value).ok()?);
        let key = self.schema.write_key(key).ok()?;
        let parts: Parts<'_> = (self.seal(trace)?.0, &key, &made, &value);
        let payload = postcard::to_stdvec(&parts).ok()?;
        let mut record = Vec::new();
        frame::push(&mut record, |out| out.extend_from_slice(&payload));
        Some((record, [key, made, value]))
    }
}

/// A file of traces, as who looks after the cache finds it, without knowing what keys and values are.
pub(crate) struct TraceFile {
    file: File,
    /// The records that are whole and lie in their place.
    whole: Vec<u8>,
    damaged: usize,
    strangers: usize,
}

impl TraceFile {
    /// Reads the file at this place in a directory of traces.
    pub(crate) fn read(directory: &Path, place: &Path) -> io::Result<Self> {
        let mut looked = TraceFile::look(directory, place)?;
        for _ in 0..LOOKS {
            if !looked.torn {
                break;
            }
            // Somebody may be adding to it.
            std::thread::sleep(Duration::from_millis(10));
            looked = TraceFile::look(directory, place)?;
        }
        Ok(looked.found)
    }

    fn look(directory: &Path, place: &Path) -> io::Result<Look> {
        let file = regular::open(place)?;
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes)?;
        let mut found = TraceFile { file, whole: Vec::new(), damaged: 0, strangers: 0 };
        let mut frames = Frames::new(&bytes, 0);
        for piece in frames.by_ref() {
            let Piece::Payload(payload) = piece else {
                found.damaged += 1;
                continue;
            };
            match postcard::from_bytes::<Parts<'_>>(payload) {
                Ok((_, key, ..)) if Digest::of_bytes(key).place_in(directory) == place => {
                    frame::push(&mut found.whole, |out| out.extend_from_slice(payload));
                }
                Ok(_) => found.strangers += 1,
                Err(_) => found.damaged += 1,
            }
        }
        let torn = frames.end() < bytes.len();
        found.damaged += usize::from(torn);
        Ok(Look { found, torn })
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn wrong(&self) -> Option<String> {
        let counted = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("a trace in it {one}")),
            count => Some(format!("{count} traces in it {more}")),
        };
        let wrong = [
            counted(self.damaged, "cannot be read", "cannot be read"),
            counted(self.strangers, "belongs to another key", "belong to other keys"),
        ];
        let wrong: Vec<String> = wrong.into_iter().flatten().collect();
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }

    /// Whether nothing in it is of use.
    pub(crate) fn is_lost(&self) -> bool {
        self.whole.is_empty()
    }

    /// Leaves in it what is whole. (What others have added meanwhile is lost, and built again.)
    pub(crate) fn mend(&self, directory: &Path, place: &Path) -> io::Result<()> {
        replace(directory, &self.file, place, &self.whole)
    }
}

struct Look {
    found: TraceFile,
    /// It ends in the middle of a record.
    torn: bool,
}

/// A file that ends in the middle of a record is looked at so often again.
const LOOKS: usize = 3;

/// Puts another content in the place of a file, as a whole.
fn replace(directory: &Path, old: &File, place: &Path, content: &[u8]) -> io::Result<()> {
    let underway = directory.join("underway");
    std::fs::create_dir_all(&underway)?;
    scratch::sweep(&underway);
    let mut new = scratch::create(&underway)?;
    new.write_all(content)?;
    new.as_file().set_permissions(old.metadata()?.permissions())?;
    new.persist(place)?;
    Ok(())
}

/// What a file ends with: its last mebibyte, or more, so that there is a whole record in it.
fn tail(mut file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let mut window = LONG;
    loop {
        file.seek(SeekFrom::Start(length.saturating_sub(window)))?;
        let mut bytes = Vec::new();
        file.take(window).read_to_end(&mut bytes)?;
        let whole = Frames::new(&bytes, 0).any(|piece| matches!(piece, Piece::Payload(_)));
        if whole || window >= length {
            return Ok(bytes);
        }
        window *= 4;
    }
}

/// Opens a file to read and to add to, and makes it, and its directory, if they are not there.
fn open(place: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    match regular::open_with(&mut options, place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(place.parent().unwrap_or(Path::new(".")))?;
            regular::open_with(&mut options, place)
        }
        Err(error) if regular::is_no_file(&error) => {
            scratch::remove(place)?;
            regular::open_with(&mut options, place)
        }
        opened => opened,
    }
}

/// What was made of the same key from the same dependencies in more than one way, and one of the values.
fn disagreement(key: &[u8], made: &[u8], value: &[u8]) -> (Digest, Digest) {
    let what = [Digest::of_bytes(key).0, Digest::of_bytes(made).0].concat();
    (Digest::of_bytes(&what), Digest::of_bytes(value))
}

/// Writes a record, with one write unless the disk is full, so that those of others do not come between.
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
        let bytes = match regular::open(&place) {
            // What is no file is replaced by the next trace.
            Err(error) if error.kind() == io::ErrorKind::NotFound || regular::is_no_file(&error) => return Ok(()),
            file => file.and_then(|file| tail(&file).inspect(|_| used(&file))),
        };
        let bytes = bytes.map_err(|error| StoreError::new("read", place.display(), error))?;
        // Of what was made in several ways the newest is told, in its place.
        let (mut told, mut newest) = (Vec::new(), HashMap::new());
        for piece in Frames::new(&bytes, 0) {
            let Piece::Payload(payload) = piece else { continue };
            let Some((trace, (_, sealed, made, value))) = self.read(payload).filter(|(trace, _)| trace.key == *key)
            else {
                continue;
            };
            if let Some((before, place)) = newest.insert(made, (value, told.len())) {
                told[place] = None;
                if before != value {
                    self.conflicts.insert(disagreement(sealed, made, value));
                }
            }
            told.push(Some(trace));
        }
        told.into_iter().flatten().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError> {
        // What cannot be written is not shared.
        let Some((record, [sealed, made, value])) = self.write(trace) else { return Ok(()) };
        let place = Digest::of_bytes(&sealed).place_in(&self.directory);
        let failed = |error| StoreError::new("write", place.display(), error);
        let file = open(&place).map_err(failed)?;
        let bytes = tail(&file).map_err(failed)?;
        let mut newest = None;
        for piece in Frames::new(&bytes, 0) {
            let Piece::Payload(payload) = piece else { continue };
            let parts = postcard::from_bytes::<Parts<'_>>(payload).ok();
            let Some((_, key, known, value)) = parts else { continue };
            if *key == sealed && *known == made && self.read(payload).is_some() {
                newest = Some(value);
            }
        }
        match newest {
            Some(known) if *known == value => return Ok(()),
            Some(_) => drop(self.conflicts.insert(disagreement(&sealed, &made, &value))),
            None => {}
        }
        let length = file.metadata().map_err(failed)?.len();
        if length + record.len() as u64 <= 2 * LONG.max(bytes.len() as u64) {
            return append(&file, &record).map_err(failed);
        }
        // What was added long ago goes.
        let mut shorter = Vec::new();
        for piece in Frames::new(&bytes, 0) {
            if let Piece::Payload(payload) = piece {
                frame::push(&mut shorter, |out| out.extend_from_slice(payload));
            }
        }
        shorter.extend(record);
        replace(&self.directory, &file, &place, &shorter).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(key: &str, input: u64, value: u64) -> SharedTrace<String, u64> {
        let fetched = |key: &str, definition, fingerprint| {
            SharedDependency::new(key.into(), Fingerprint(fingerprint)).with_definition(definition)
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
    fn the_newest_of_those_that_disagree_is_given() {
        let directory = tempfile::tempdir().expect("a directory");
        open(&directory).add(&trace("a", 1, 10)).expect("added");
        open(&directory).add(&trace("a", 2, 20)).expect("added");
        let mut cache = open(&directory);
        cache.add(&trace("a", 1, 11)).expect("no copy of the other value was left");
        assert_eq!((cache.conflicts(), read(&mut cache, "a")), (1, vec![trace("a", 2, 20), trace("a", 1, 11)]));
        cache.add(&trace("a", 1, 11)).expect("known");
        let mut cache = open(&directory);
        assert_eq!((values(&read(&mut cache, "a")), cache.conflicts()), (vec![20, 11], 1));
        // And back.
        cache.add(&trace("a", 1, 10)).expect("added");
        assert_eq!(values(&read(&mut cache, "a")), [20, 10]);
    }

    /// A command that reads tens of thousands of files has a long trace.
    #[test]
    fn a_trace_that_is_longer_than_what_is_read_at_once_is_found_all_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        let long = |value: u64| {
            let mut long = trace("a", value, value);
            let more = (0..60_000)
                .map(|input| SharedDependency::new(format!("input/{input:020}"), long.dependencies[1].fingerprint));
            long.dependencies = more.collect();
            long
        };
        for value in [1, 2] {
            cache.add(&long(value)).expect("added");
            cache.add(&long(value)).expect("known");
            assert_eq!(values(&read(&mut cache, "a")).last(), Some(&value));
        }
        let place = cache.place(&"a".to_string()).expect("it can be written");
        assert!(std::fs::metadata(&place).expect("there").len() > 3 * LONG);
        cache.add(&trace("a", 3, 3)).expect("added");
        assert_eq!(values(&read(&mut cache, "a")).last(), Some(&3));
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
        let count = 3 * LONG / 50;
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
        // Nor does its file grow for ever.
        for value in count..count + 10 {
            cache.add(&trace("a", value, value)).expect("added");
        }
        let shorter = std::fs::metadata(&place).expect("there");
        assert!(
            shorter.len() < LONG + 10_000 && shorter.permissions() == file.metadata().expect("there").permissions()
        );
        assert!(values(&read(&mut cache, "a")).ends_with(&[count + 8, count + 9]));
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

    /// A link, a pipe or a directory where a file should be is nobody's traces, and gives way to the next.
    #[test]
    fn what_is_no_file_gives_way() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut cache, precious) = (open(&directory), directory.path().join("precious"));
        std::fs::write(&precious, "precious").expect("written");
        let place = cache.place(&"a".to_string()).expect("it can be written");
        std::fs::create_dir_all(place.parent().expect("not the root")).expect("made");
        let puts: [&dyn Fn(); 4] = [
            &|| std::os::unix::fs::symlink(&precious, &place).expect("a link"),
            &|| std::os::unix::fs::symlink("/dev/zero", &place).expect("a link"),
            &|| assert!(std::process::Command::new("mkfifo").arg(&place).status().expect("it starts").success()),
            &|| std::fs::create_dir(&place).expect("made"),
        ];
        for put in puts {
            put();
            assert_eq!(read(&mut cache, "a"), []);
            cache.add(&trace("a", 1, 1)).expect("added");
            assert_eq!(read(&mut cache, "a"), [trace("a", 1, 1)]);
            std::fs::remove_file(&place).expect("removed");
        }
        assert_eq!(std::fs::read_to_string(&precious).expect("it is there"), "precious");
    }

    /// Random bytes, and marks upon marks: what is added afterwards is read all the same.
    #[test]
    fn a_hostile_file_costs_its_traces() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = open(&directory);
        for bytes in [vec![0; 100_000], [0xA1, 0xCD].repeat(100_000)] {
            let place = cache.place(&"a".to_string()).expect("it can be written");
            cache.add(&trace("a", 1, 1)).expect("added");
            std::fs::write(&place, bytes).expect("written");
            assert_eq!(read(&mut cache, "a"), []);
            cache.add(&trace("b", 1, 1)).expect("added");
            assert_eq!(read(&mut cache, "b"), [trace("b", 1, 1)]);
        }
    }
}
