//! A journal in a file: records are only ever added, and each can be lost without making a value wrong.
//!
//! A record is a [frame](crate::frame) that holds its number in the sequence of all records, so that a lost one
//! is noticed even if nothing of it is left. Two kinds of loss are treated apart:
//!
//! *At the end.* The last records are torn or missing: a crash. What is left is the journal as it once was, and
//! the build compares it with the store as it always does. The torn part is cut off before more is written.
//!
//! *In the middle.* Records are missing before ones that are there. We cannot know which keys they spoke of, so
//! all keys named so far may hold something else than the journal says. Replaying what is left as if nothing
//! had happened would be wrong: say that input `x` was edited, which set the dirty bit of `y`, and that this
//! record is lost; edited back, `x` looks unchanged, and `y` is never built. So at the gap the log says of
//! every key named so far that it *changed*, to nobody knows what. Each is *unknown* until a later record tells
//! what it holds. A later record that built `k` from an unknown dependency tells what `k` held at that moment;
//! but a later change of the dependency might go unnoticed, so `k` becomes unknown in its turn. And if it names
//! a dependency with another fingerprint than any record that is left, it is not given at all, for a fold that
//! looks up what it knows of the dependency (a deep trace does) would find what is not true any more.
//!
//! What that costs depends on what a rebuilder believes. To a rebuilder that compares fingerprints (a verifying trace),
//! an unknown file is read again and found to be what the trace says: only the lost key is built. To a rebuilder that
//! skips what it was told nothing of (a dirty bit), every unknown key is dirty. A store in memory loses the values of
//! the unknown keys, which are computed again.
//!
//! What was *owed* (started without waiting, and not done) is forgotten with its record, until the task that started it
//! runs again.
//!
//! A value that cannot be written or read makes its key unknown. So does a value that is read, but not as what was
//! written: keys and values are [sealed](crate::seal), for bytes of one type often read as another. A key that is not
//! what was written is lost, and so is one that cannot be written; it makes unknown every key that was built from it.
//! Of a key that becomes unknown because something could not be written, the record says so: it is *untold*. This is no
//! damage, but what follows is read as carefully as if it were, for there too a fold would look up what is older.
//!
//! If *no* key is what was written, this is the log of another program, or of this one with other types of keys and
//! values, or of another [version](Log::with_version). It is set aside, and a new one begins; so it is with a file of zeroes or
//! of noise ([`Log::anew`]). A file of text is somebody's, and is refused.
//!
//! [`Journal::flush`] hands the bytes to the operating system: they survive the end of the process, whichever
//! it is. They are not forced to the disk (`fsync`), because all that a power failure can take away is a few
//! rebuilds.

mod compact;
mod entry;
mod log_place;
mod replay;
#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use alacarte_core::{Event, Journal, Key, KeyId, Keys, Record, StoreError, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame;
use crate::seal::Schema;
use entry::{Entry, How, Subject};
use log_place::Place;
pub use log_place::SharedBytes;

/// How every log begins. (The mark of a frame is that of this version, too.)
const TITLE: &[u8] = b"alacarte log 4\n";

/// Buffered records are written when there are so many bytes of them.
const BUFFER: usize = 1 << 16;

/// A journal in a file, or in memory as a test wants it.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::stores::Log;
///
/// let directory = tempfile::tempdir()?;
/// let tasks = || Rules::new().rule("B", formula(["A"], |[a]| a + 1));
/// let inputs = || Memory::from([("A".to_string(), 1)]);
/// let journal = || Log::<String, i32>::open(directory.path().join("journal"));
///
/// let build = Build::new(tasks(), inputs()).with_journal(journal()?);
/// build.with_scheduler(Suspending::new()).with_rebuilder(DirtyBit).run(["B"])?;
/// // A later process, with another scheduler and rebuilder, reads what the first one appended.
/// let build = Build::new(tasks(), inputs()).with_journal(journal()?);
/// let mut build = build.with_scheduler(Restarting::new()).with_rebuilder(VerifyingTrace);
/// assert!(build.run(["B"])?.ran.is_empty());
/// assert_eq!(build.get("B"), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Log<K, V> {
    place: Place,
    /// Records not yet written.
    pending: Vec<u8>,
    /// Each key's number by its [`KeyId`]; `NONE` if it was not written yet.
    numbers: Vec<u32>,
    next: Next,
    /// What is there has been read, so that more may be added.
    read: bool,
    damage: Damage,
    anew: Option<Anew>,
    schema: Schema,
    /// How long it was when it was last looked at whether it can be shorter.
    looked: u64,
    hearer: Option<Hearer<K, V>>,
    types: PhantomData<fn() -> (K, V)>,
}

/// Who hears of each event that is added.
struct Hearer<K, V>(Box<Hear<K, V>>);

type Hear<K, V> = dyn FnMut(&Keys<K>, &Event<'_, V>);

impl<K, V> fmt::Debug for Hearer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hearer")
    }
}

/// The numbers that were not used yet.
#[derive(Debug, Clone, Copy, Default)]
struct Next {
    key: u32,
    sequence: u64,
}

/// What the last replay found to be lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// How often records were missing before others.
    pub gaps: u64,
    /// How many bytes at the end were no record.
    pub torn: u64,
    /// How many records were there but could not be understood.
    pub unreadable: u64,
}

impl Damage {
    /// Whether nothing was lost.
    pub fn is_none(&self) -> bool {
        *self == Damage::default()
    }
}

/// Why a log began anew, to be told to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anew {
    /// Whether what was there is a log, of other keys and values than this program's.
    pub foreign: bool,
    /// Where the file is now that was there; none if the log was in memory.
    pub aside: Option<PathBuf>,
}

impl fmt::Display for Anew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.foreign {
            true => "the journal was written by another program, or with other types of keys or values",
            false => "the journal was damaged from its beginning to its end",
        })?;
        if let Some(aside) = &self.aside {
            write!(f, ": it is set aside as {}", aside.display())?;
        }
        f.write_str(", and a new one begins")
    }
}

const NONE: u32 = u32::MAX;

impl<K, V> Log<K, V> {
    fn over(place: Place) -> Self {
        let next = Next::default();
        Log {
            place,
            pending: Vec::new(),
            numbers: Vec::new(),
            next,
            read: false,
            damage: Damage::default(),
            anew: None,
            schema: Schema::of::<K, V>(0),
            looked: 0,
            hearer: None,
            types: PhantomData,
        }
    }

    /// The log in this file, which is created if there is none. As long as it is open, no other process can open it.
    ///
    /// # Errors
    /// If the file cannot be opened, or another build uses it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Place::open(path.as_ref()).map(Log::over)
    }

    /// An empty log in memory.
    pub fn in_memory() -> Self {
        Log::from_bytes(SharedBytes::default())
    }

    /// The log in these bytes, as an earlier log left them (see [`Log::shared`]).
    pub fn from_bytes(bytes: impl Into<SharedBytes>) -> Self {
        Log::over(Place::Memory(bytes.into()))
    }

    /// The bytes of a log in memory: to be read by another one, after the build that writes this one has ended.
    pub fn shared(&self) -> Option<SharedBytes> {
        match &self.place {
            Place::Memory(bytes) => Some(bytes.clone()),
            Place::File { .. } => None,
        }
    }

    /// Tells this version of keys and values from others, which are not understood. To be raised when they mean something
    /// else than before though all their names and kinds are the same; those are told apart without it.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.schema = Schema::of::<K, V>(version);
        self
    }

    /// Has `hear` told of each event that is added, before it is.
    pub fn hear(&mut self, hear: impl FnMut(&Keys<K>, &Event<'_, V>) + 'static) {
        self.hearer = Some(Hearer(Box::new(hear)));
    }

    /// Why the log began anew when it was replayed, if it did.
    pub fn anew(&self) -> Option<&Anew> {
        self.anew.as_ref()
    }

    /// Lets other processes have the log, until it is [taken again](Self::take_again). Nothing may be told to it
    /// meanwhile. A log that could not write all that it was told is kept.
    ///
    /// # Errors
    /// If it cannot be unlocked.
    pub fn release(&self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return self.place.release().map_err(|error| self.failed("unlock", error));
        }
        Ok(())
    }

    /// Takes the log again that was [released](Self::release): whether it is the one that it was. If not, it has to be opened anew.
    ///
    /// # Errors
    /// If another build uses it ([`WouldBlock`](std::io::ErrorKind::WouldBlock)), or it cannot be locked.
    pub fn take_again(&self) -> Result<bool, StoreError> {
        self.place.take_again()
    }

    /// What the last replay found to be lost.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    fn failed(&self, action: &'static str, error: std::io::Error) -> StoreError {
        StoreError::new(action, self.place.name(), error)
    }

    fn write_pending(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        // What could not be written stays, and is written first when there is room again: a record that is missing in the
        // middle would cost all that follows from it.
        self.place.append(&self.pending).map_err(|error| self.failed("write", error))?;
        self.pending.clear();
        Ok(())
    }
}

/// Whether a file begins with text, and is no log of another version of this program.
fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(4096)];
    let plain = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let whole = match std::str::from_utf8(start) {
        Ok(_) => true,
        // A letter of several bytes may lie across the end.
        Err(error) => error.error_len().is_none() && bytes.len() > start.len(),
    };
    let ours = TITLE.len() - 3;
    whole && start.iter().all(plain) && !bytes.starts_with(&TITLE[..ours])
}

impl<K: Key + Serialize + DeserializeOwned, V: Value + Serialize + DeserializeOwned> Log<K, V> {
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        let sequence = self.next.sequence;
        let mut written = Ok(());
        frame::push(&mut self.pending, |out| written = entry::write(sequence, entry, out));
        written.map_err(|error| self.failed("write", std::io::Error::other(error)))?;
        self.next.sequence += 1;
        Ok(())
    }

    /// The number of a key, which is written down when it is new; none if the key cannot be written.
    fn number(&mut self, keys: &Keys<K>, id: KeyId, input: bool) -> Result<Option<u32>, StoreError> {
        if self.numbers.len() <= id.index() {
            self.numbers.resize(keys.bound().max(id.index() + 1), NONE);
        }
        if self.numbers[id.index()] == NONE {
            let Ok(key) = self.schema.write_key(keys.name(id)) else { return Ok(None) };
            let number = self.next.key;
            self.put(&Entry::Key { number, input, key: &key })?;
            self.next.key += 1;
            self.numbers[id.index()] = number;
        }
        Ok(Some(self.numbers[id.index()]))
    }

    /// Puts a shorter log that says the same in the place of this one, whose bytes these are, if there is one. So many of its
    /// keys are live.
    fn shorten(&mut self, bytes: &[u8], live: usize) {
        if self.damage.is_none()
            && let Some(short) = compact::compact(bytes, self.next, live)
            // If it cannot be done, the long log is as good.
            && self.place.replace(&short.bytes).is_ok()
        {
            self.next = short.next;
            for number in self.numbers.iter_mut().filter(|number| **number != NONE) {
                *number = short.numbers[*number as usize];
            }
        }
        self.looked = self.place.length();
    }

    /// Makes the log as short as it can be, and says the same. A log does so itself when that is worth while; this is for who wants it now. (A damaged
    /// log stays as it is until a build has told it again what it has lost.)
    ///
    /// # Errors
    /// If the log cannot be read or written.
    pub fn recompact(&mut self) -> Result<(), StoreError> {
        self.replay(&mut Keys::default(), &mut |_, _| {})?;
        // The numbers are those of keys that nobody knows any more: who adds to the log reads it first.
        self.read = false;
        let bytes = self.place.read().map_err(|error| self.failed("read", error))?;
        match compact::shorten(&bytes, self.next) {
            Some(short) if self.damage.is_none() && short.bytes.len() < bytes.len() => self.place.replace(&short.bytes),
            _ => Ok(()),
        }
    }

    /// Keys were forgotten: if the log has become twice as long since that was last looked at, it is made shorter.
    fn look_back(&mut self) -> Result<(), StoreError> {
        if self.place.length() + (self.pending.len() as u64) < 2 * self.looked.max(compact::SMALL as u64) {
            return Ok(());
        }
        self.write_pending()?;
        let bytes = self.place.read().map_err(|error| self.failed("read", error))?;
        let live = self.numbers.iter().filter(|number| **number != NONE).count();
        self.shorten(&bytes, live);
        Ok(())
    }

    fn made(&mut self, keys: &Keys<K>, how: How, record: &Record<'_, V>) -> Result<(), StoreError> {
        let Some(number) = self.number(keys, record.key, false)? else { return Ok(()) };
        let mut dependencies = Vec::with_capacity(record.dependencies.len());
        for dependency in record.dependencies {
            let Some(number) = self.number(keys, dependency.key.subject(), false)? else { break };
            let subject = Subject::new(number, dependency.key.is_definition(), dependency.grouped);
            dependencies.push((subject, dependency.fingerprint.0.to_le_bytes()));
        }
        let all = dependencies.len() == record.dependencies.len();
        let told = if all { self.schema.write_value(record.value).ok() } else { None };
        if told.is_none() {
            // What is not told has to be made again; a trace from elsewhere may as well be missing.
            if how == How::Imported {
                return Ok(());
            }
            dependencies.clear();
        }
        let value = &told.unwrap_or_default();
        let fingerprint = record.fingerprint.0.to_le_bytes();
        let Record { modified, deep, volatile, .. } = *record;
        self.put(&Entry::Made { how, number, dependencies, fingerprint, modified, deep, volatile, value })
    }
}

impl<K: Key + Serialize + DeserializeOwned, V: Value + Serialize + DeserializeOwned> Journal<K, V> for Log<K, V> {
    fn replay(&mut self, keys: &mut Keys<K>, each: &mut alacarte_core::Replay<'_, K, V>) -> Result<(), StoreError> {
        self.write_pending()?;
        let bytes = self.place.read().map_err(|error| self.failed("read", error))?;
        let replayed = replay::Replay::over(&bytes, self.schema, keys, each);
        // (A title that was cut short is a log in which nothing is written yet.)
        let unknown = !bytes.starts_with(TITLE) && !TITLE.starts_with(&bytes) && replayed.next.sequence == 0;
        if unknown && is_text(&bytes) {
            let error =
                std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no log (delete it, or name another file)");
            return Err(self.failed("read", error));
        }
        if unknown || replayed.foreign {
            let aside = self.place.set_aside().map_err(|error| self.failed("set aside", error))?;
            self.anew = Some(Anew { foreign: replayed.foreign, aside });
            (self.numbers, self.next, self.damage, self.read) = (Vec::new(), Next::default(), replayed.damage, true);
            return Ok(());
        }
        self.numbers = replayed.numbers;
        self.next = replayed.next;
        self.damage = replayed.damage;
        self.read = true;
        if replayed.damage.torn > 0 {
            let end = bytes.len() as u64 - replayed.damage.torn;
            self.place.truncate(end).map_err(|error| self.failed("write", error))?;
        }
        self.shorten(&bytes, replayed.live);
        Ok(())
    }

    fn append(&mut self, keys: &Keys<K>, event: &Event<'_, V>) -> Result<(), StoreError> {
        if !self.read {
            // Somebody adds to a log without having read it. The numbers must go on all the same.
            let mut keys = keys.clone();
            self.replay(&mut keys, &mut |_, _| {})?;
        }
        if self.place.length() == 0 && self.pending.is_empty() {
            self.pending.extend_from_slice(TITLE);
        }
        if let Some(Hearer(hear)) = &mut self.hearer {
            hear(keys, event);
        }
        match event {
            Event::Changed { key, fingerprint, value, modified, input } => {
                let number = self.number(keys, key.subject(), *input && !key.is_definition())?;
                let Some(number) = number else { return Ok(()) };
                let subject = Subject::new(number, key.is_definition(), false);
                let fingerprint = fingerprint.map(|fingerprint| fingerprint.0.to_le_bytes());
                let value = value.and_then(|value| self.schema.write_value(value).ok());
                let (modified, input, value) = (*modified, *input, value.as_deref());
                self.put(&Entry::Changed { subject, fingerprint, modified, input, value })?;
            }
            Event::Built(record) => self.made(keys, How::Built, record)?,
            Event::Restored(record) => self.made(keys, How::Restored, record)?,
            Event::Imported(record) => self.made(keys, How::Imported, record)?,
            Event::Detached { key, done } => {
                let Some(number) = self.number(keys, *key, false)? else { return Ok(()) };
                self.put(&Entry::Detached { number, done: *done })?;
            }
            Event::Forgotten { keys } => {
                // The next keys that are given these ids get numbers of their own.
                let mut take = |key: &KeyId| Some(std::mem::replace(self.numbers.get_mut(key.index())?, NONE));
                let numbers: Vec<u32> = keys.iter().filter_map(&mut take).filter(|&number| number != NONE).collect();
                if !numbers.is_empty() {
                    self.put(&Entry::Forgotten { numbers })?;
                    self.look_back()?;
                }
            }
        }
        if self.pending.len() >= BUFFER { self.write_pending() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.write_pending()
    }

    fn bytes(&self) -> u64 {
        self.place.length() + self.pending.len() as u64
    }
}

impl<K, V> Drop for Log<K, V> {
    fn drop(&mut self) {
        // A build that is given up at any moment keeps what it had finished.
        let _ = self.write_pending();
    }
}
