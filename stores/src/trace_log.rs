//! Constructive traces in a directory that many processes, projects and machines may share.
//!
//! Each process adds a file of its own, a *segment*, to which it alone appends, a whole record with each write; readers
//! read all segments, and skip what is damaged or half-written. Equal traces are one. Two traces that tell the same story
//! with different ends, the same key from the same dependencies to another value, betray a task that is not deterministic:
//! the oldest is given, so that everybody builds the same, and the others are counted as
//! [`conflicts`](TraceLog::conflicts).
//!
//! The name of a segment says of which keys and values it speaks, so that those of other programs are not read, and each
//! record is [sealed](crate::seal), so that none is taken for what it is not.
//!
//! Segments of processes that have ended are put together by the process that finds many of them. A segment is locked as
//! long as its process lives, and is left alone. The others are locked by whoever puts them together: he writes what they
//! say into a file of its own, which then takes the name of the oldest, and removes the rest. So at each moment everything
//! is there, some of it twice perhaps; a reader to whom a segment is lost that he was about to read begins again.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use alacarte_core::{Fingerprint, Key, SharedDependency, SharedTrace, StoreError, TraceCache, Value};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest::Digest;
use crate::files::now;
use crate::frame::{self, Frames, Piece};
use crate::seal::{Schema, whole};

/// So many segments are worth putting together.
const MANY: usize = 16;

/// A reader begins again so often if segments are put together, or removed, before he has read them.
const ATTEMPTS: usize = 10;

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
    /// This process's segment, once it has added something.
    segment: Option<Segment>,
    /// The digest of each story that is known, and of its end.
    known: HashMap<Digest, Digest>,
    /// The stories with other ends.
    conflicts: HashSet<(Digest, Digest)>,
    types: PhantomData<fn() -> (K, V)>,
}

/// A record: its seal; the story (key, dependencies, deep) and its end, each serialised.
type Parts<'a> = (u64, &'a [u8], &'a [u8]);
type Story<K> = (K, Vec<(K, bool, bool, u64)>, bool);

impl<K, V> TraceLog<K, V> {
    /// The traces in this directory, which is made when the first is added.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        TraceLog {
            directory: directory.into(),
            schema: Schema::of::<K, V>(0),
            segment: None,
            known: HashMap::new(),
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

    /// How many traces disagreed with an older one.
    pub fn conflicts(&self) -> usize {
        self.conflicts.len()
    }

    /// What the names of all segments end in.
    fn suffix(&self) -> String {
        format!("-{:016x}.traces", self.schema.number())
    }

    /// The segments of all processes, the oldest first: their names begin with the time.
    fn segments(&self) -> io::Result<Vec<PathBuf>> {
        segments(&self.directory, &self.suffix())
    }

    /// Whether a trace says something new.
    fn take(&mut self, story: &[u8], end: &[u8]) -> bool {
        let (story, end) = (Digest::of_bytes(story), Digest::of_bytes(end));
        match self.known.entry(story) {
            Entry::Vacant(vacant) => {
                vacant.insert(end);
                true
            }
            Entry::Occupied(known) => {
                if *known.get() != end {
                    self.conflicts.insert((story, end));
                }
                false
            }
        }
    }

    /// This process's segment, a new one if somebody has removed it, or the whole directory.
    fn segment(&mut self) -> io::Result<&mut File> {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => {
                std::fs::create_dir_all(&self.directory)?;
                Segment::create(&self.directory, &self.suffix())?
            }
        };
        Ok(&mut self.segment.insert(segment).file)
    }
}

/// The segments in a directory whose names end so, in the order of their names.
pub(crate) fn segments(directory: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let listing = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut segments = Vec::new();
    for entry in listing {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(suffix.as_bytes())) {
            segments.push(path);
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// An open file, locked by this process, that lies at this path.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    /// The device and the number of the file.
    identity: (u64, u64),
}

fn identity(of: &Metadata) -> (u64, u64) {
    (of.dev(), of.ino())
}

impl Segment {
    /// Locks a file and makes sure that it is still the one at the path; `None` if it is not, or somebody else has locked it.
    fn lock(path: PathBuf, file: File) -> io::Result<Option<Self>> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => return Ok(None),
            locked => locked?,
        }
        let identity = identity(&file.metadata()?);
        let segment = Segment { path, file, identity };
        Ok(segment.is_in_place().then_some(segment))
    }

    /// Creates a file whose name no other process has.
    fn create(directory: &Path, suffix: &str) -> io::Result<Self> {
        let process = std::process::id();
        loop {
            let path = directory.join(format!("{:020}-{process}{suffix}", now()));
            let file = match OpenOptions::new().append(true).create_new(true).open(&path) {
                // Another machine's process of the same number, in the same nanosecond.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let identity = identity(&file.metadata()?);
            match Segment::lock(path.clone(), file.try_clone()?) {
                Ok(Some(segment)) => return Ok(segment),
                // Somebody who puts segments together was quicker.
                Ok(None) => {}
                // Where nothing can be locked, nobody puts segments together.
                Err(_) => return Ok(Segment { path, file, identity }),
            }
        }
    }

    fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|there| identity(&there) == self.identity)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // Closing is not enough: a child that was forked this very moment, and has not yet become another program, holds
        // the file too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Puts segments together whose processes have ended: between two that live, all but those that are so much longer than
/// the ones after them that it is not worth while to write them once more.
fn compact(directory: &Path, suffix: &str) -> io::Result<()> {
    let mut run = Vec::new();
    for path in segments(directory, suffix)? {
        let idle = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Segment::lock(path, file)?,
            Err(_) => None,
        };
        match idle {
            Some(segment) => run.push(segment),
            None => merge(directory, suffix, std::mem::take(&mut run))?,
        }
    }
    merge(directory, suffix, run)
}

/// A segment up to this length is always worth writing once more.
const SHORT: u64 = 1 << 16;

fn merge(directory: &Path, suffix: &str, mut run: Vec<Segment>) -> io::Result<()> {
    let (mut total, mut from) = (0, run.len());
    for (number, segment) in run.iter().enumerate().rev() {
        let length = segment.file.metadata()?.len();
        if length > SHORT + 2 * total {
            break;
        }
        (total, from) = (total + length, number);
    }
    let mut run = run.split_off(from);
    let [oldest, _, ..] = &mut run[..] else { return Ok(()) };
    let oldest = oldest.path.clone();
    // Its lock says who is at it. What a process leaves in it that dies is written over by the next.
    let path = directory.join(format!("compacting{}", suffix.trim_end_matches(".traces")));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    let Some(mut merged) = Segment::lock(path, file)? else { return Ok(()) };
    merged.file.set_len(0)?;
    let (mut bytes, mut known) = (Vec::new(), HashSet::new());
    for segment in &mut run {
        let mut old = Vec::new();
        segment.file.read_to_end(&mut old)?;
        for piece in Frames::new(&old, 0) {
            if let Piece::Payload(payload) = piece
                && known.insert(Digest::of_bytes(payload))
            {
                frame::push(&mut bytes, |out| out.extend_from_slice(payload));
            }
        }
    }
    merged.file.write_all(&bytes)?;
    // Or a power failure might keep that the others were removed, and lose what was written.
    merged.file.sync_all()?;
    std::fs::rename(&merged.path, &oldest)?;
    for segment in &run[1..] {
        std::fs::remove_file(&segment.path)?;
    }
    Ok(())
}

impl<K, V> TraceLog<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
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
        let trace = SharedTrace::new(key, dependencies.collect(), deep, whole(end)?);
        (self.seal(&trace)?.0 == seal).then_some((trace, parts))
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
        self.conflicts.clear();
        for _ in 0..ATTEMPTS {
            let segments = self.segments().map_err(|error| failed(&self.directory, error))?;
            let mut all = true;
            for segment in &segments {
                let bytes = match std::fs::read(segment) {
                    // It was put together with others, or somebody tidies up.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        all = false;
                        continue;
                    }
                    bytes => bytes.map_err(|error| failed(segment, error))?,
                };
                for piece in Frames::new(&bytes, 0) {
                    let Piece::Payload(payload) = piece else { continue };
                    let Some((trace, (_, story, end))) = self.read(payload) else { continue };
                    if self.take(story, end) {
                        each(trace);
                    }
                }
            }
            if all {
                if segments.len() >= MANY {
                    // If it cannot be done, many segments are as good.
                    let _ = compact(&self.directory, &self.suffix());
                }
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError> {
        let SharedTrace { key, dependencies, deep, value, .. } = trace;
        let fetched = |dependency: &SharedDependency<K>| {
            let SharedDependency { key, definition, grouped, fingerprint } = dependency.clone();
            (key, definition, grouped, fingerprint.0)
        };
        let story: Story<K> = (key.clone(), dependencies.iter().map(fetched).collect(), *deep);
        let story = postcard::to_stdvec(&story);
        let (Ok(story), Ok(end), Some(seal)) = (story, postcard::to_stdvec(value), self.seal(trace)) else {
            // What cannot be written is not shared.
            return Ok(());
        };
        if self.segment.as_ref().is_some_and(|segment| !segment.is_in_place()) {
            // The directory was removed. Nothing is known to be in the one that takes its place.
            self.segment = None;
            self.known.clear();
        }
        if !self.take(&story, &end) {
            return Ok(());
        }
        let parts: Parts<'_> = (seal.0, &story, &end);
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
        let fetched = |key: &str, definition, fingerprint| SharedDependency {
            key: key.into(),
            definition,
            grouped: false,
            fingerprint: Fingerprint(fingerprint),
        };
        SharedTrace::new(key.into(), vec![fetched(key, true, 9), fetched("in", false, input)], false, value)
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

    /// A directory in which so many processes have added a trace each, and ended.
    fn written_by(processes: u64) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for value in 0..processes {
            let mut cache = TraceLog::<String, u64>::new(directory.path());
            cache.traces(&mut |_| {}).expect("read");
            cache.add(&trace("a", value, value)).expect("added");
        }
        directory
    }

    fn values(traces: &[SharedTrace<String, u64>]) -> Vec<u64> {
        traces.iter().map(|trace| trace.value).collect()
    }

    #[test]
    fn two_hundred_processes_leave_few_segments_and_all_that_they_added_in_order() {
        let directory = written_by(200);
        let mut cache = TraceLog::<String, u64>::new(directory.path());
        assert!(cache.segments().expect("listed").len() <= MANY);
        assert_eq!(values(&read(&mut cache)), (0..200).collect::<Vec<_>>());
        let files = std::fs::read_dir(directory.path()).expect("listed").count();
        assert!(files <= MANY + 1, "{files} files");
    }

    #[test]
    fn a_segment_in_use_is_left_alone_and_goes_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || TraceLog::<String, u64>::new(directory.path());
        let mut living = Vec::new();
        for value in 0..100 {
            let mut cache = open();
            read(&mut cache);
            cache.add(&trace("a", value, value)).expect("added");
            if value % 30 == 7 {
                living.push(cache);
            }
        }
        for (number, cache) in living.iter_mut().enumerate() {
            cache.add(&trace("b", number as u64, number as u64)).expect("added");
        }
        let mut all = read(&mut open());
        all.sort_by_key(|trace| (trace.key.clone(), trace.value));
        let of = |key: &str| all.iter().filter(|trace| trace.key == key).map(|trace| trace.value).collect::<Vec<_>>();
        assert_eq!((of("a"), of("b")), ((0..100).collect(), vec![0, 1, 2, 3]));
    }

    #[test]
    fn equal_traces_become_one_and_those_that_disagree_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        for n in 0..MANY as u64 {
            // They do not read first, as if they had begun at the same time.
            let mut cache = TraceLog::<String, u64>::new(directory.path());
            cache.add(&trace("a", 1, 10)).expect("added");
            cache.add(&trace("b", 1, n / 8)).expect("added");
        }
        let mut cache = TraceLog::<String, u64>::new(directory.path());
        let before = (read(&mut cache), cache.conflicts());
        let segments = cache.segments().expect("listed");
        assert_eq!(segments.len(), 1, "they were put together");
        assert_eq!(Frames::new(&std::fs::read(&segments[0]).expect("read"), 0).count(), 3);
        assert_eq!((read(&mut cache), cache.conflicts()), before);
        assert_eq!(before.1, 1);
    }

    /// A crash between any two steps of putting segments together leaves all that was there.
    #[test]
    fn a_crash_while_segments_are_put_together_loses_nothing() {
        let directory = written_by(MANY as u64 - 1);
        let cache = TraceLog::<String, u64>::new(directory.path());
        let old: Vec<_> = cache
            .segments()
            .expect("listed")
            .into_iter()
            .map(|path| {
                let bytes = std::fs::read(&path).expect("read");
                (path, bytes)
            })
            .collect();
        compact(directory.path(), &cache.suffix()).expect("put together");
        let new = std::fs::read(&old[0].0).expect("read");
        let half = directory.path().join(format!("compacting{}", cache.suffix().trim_end_matches(".traces")));
        // The last segment that was removed; or none, and the new one is half written, or whole.
        for (removed, written) in
            (1..old.len()).map(|removed| (removed, None)).chain([(0, Some(new.len() / 2)), (0, Some(new.len()))])
        {
            for (number, (path, bytes)) in old.iter().enumerate() {
                let _ = std::fs::remove_file(path);
                match written {
                    None if number == 0 => std::fs::write(path, &new).expect("written"),
                    None if number <= removed => {}
                    _ => std::fs::write(path, bytes).expect("written"),
                }
            }
            if let Some(written) = written {
                std::fs::write(&half, &new[..written]).expect("written");
            }
            let open = || TraceLog::<String, u64>::new(directory.path());
            assert_eq!(values(&read(&mut open())), (0..old.len() as u64).collect::<Vec<_>>());
            compact(directory.path(), &cache.suffix()).expect("put together");
            assert_eq!(open().segments().expect("listed").len(), 1);
            assert_eq!(values(&read(&mut open())), (0..old.len() as u64).collect::<Vec<_>>());
        }
    }

    /// Processes that read, add and put together at the same time, again and again.
    #[test]
    fn nothing_is_lost_to_a_reader_while_others_put_segments_together() {
        let directory = written_by(4);
        let path = directory.path();
        std::thread::scope(|scope| {
            for writer in 0..3 {
                scope.spawn(move || {
                    for n in 0..60 {
                        let mut cache = TraceLog::<String, u64>::new(path);
                        let mine = read(&mut cache).iter().filter(|trace| trace.key == format!("w{writer}")).count();
                        assert_eq!(mine, n as usize, "all that writer {writer} has added");
                        cache.add(&trace(&format!("w{writer}"), n, n)).expect("added");
                    }
                });
            }
        });
        assert_eq!(read(&mut TraceLog::new(path)).len(), 4 + 180);
    }

    #[test]
    fn a_directory_that_is_removed_is_made_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("traces");
        let mut cache = TraceLog::<String, u64>::new(&path);
        cache.add(&trace("a", 1, 1)).expect("added");
        std::fs::remove_dir_all(&path).expect("removed");
        cache.add(&trace("b", 2, 2)).expect("added");
        cache.add(&trace("a", 1, 1)).expect("added");
        let open = || TraceLog::<String, u64>::new(&path);
        assert_eq!(read(&mut open()), [trace("b", 2, 2), trace("a", 1, 1)]);
        // Or it is moved, and an empty one takes its place.
        std::fs::rename(&path, directory.path().join("elsewhere")).expect("moved");
        std::fs::create_dir(&path).expect("made");
        cache.add(&trace("c", 3, 3)).expect("added");
        assert_eq!(read(&mut open()), [trace("c", 3, 3)]);
    }

    #[test]
    fn traces_of_other_keys_or_values_are_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut cache = TraceLog::<String, u64>::new(directory.path());
        cache.add(&trace("a", 1, 1)).expect("added");
        let segment = cache.segments().expect("listed").remove(0);
        let mut others = Vec::new();
        TraceLog::<String, i64>::new(directory.path()).traces(&mut |trace| others.push(trace.value)).expect("read");
        let mut newer = TraceLog::<String, u64>::new(directory.path()).with_version(1);
        assert_eq!((others, read(&mut newer)), (vec![], vec![]));
        // Not even if the name of the file says that they are ours.
        std::fs::rename(segment, directory.path().join(format!("0{}", newer.suffix()))).expect("renamed");
        assert_eq!(read(&mut newer), []);
    }

    /// Random bytes, and marks upon marks: the traces of others are read all the same.
    #[test]
    fn a_hostile_segment_costs_itself() {
        let directory = written_by(2);
        let mut cache = TraceLog::<String, u64>::new(directory.path());
        for (number, bytes) in [vec![0; 100_000], [0xA1, 0xCC].repeat(100_000)].into_iter().enumerate() {
            std::fs::write(directory.path().join(format!("{number}{}", cache.suffix())), bytes).expect("written");
        }
        assert_eq!(values(&read(&mut cache)), [0, 1]);
    }
}
