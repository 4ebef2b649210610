//! Reading a log back, and saying of each key no more than what is certain (see [the module above](super)).

use alacarte_core::{Dependency, Event, Fingerprint, Key, KeyId, Keys, Record, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry::{self, Entry, How, Subject};
use super::{Damage, NONE, Next, TITLE};
use crate::frame::{Frames, Piece};
use crate::seal::Schema;

/// What was found.
pub(super) struct Replay {
    pub(super) numbers: Vec<u32>,
    pub(super) next: Next,
    pub(super) damage: Damage,
    /// There are keys, and none of them is what was written: this is the log of another program.
    pub(super) foreign: bool,
    /// How many keys are known at the end, but for inputs that are gone.
    pub(super) live: usize,
}

/// What is known of the key behind one of the log's numbers.
#[derive(Clone, Copy)]
struct Known {
    id: KeyId,
    input: bool,
    /// What those were built from that fetch it now, by the last record about it.
    holds: Option<[u8; 8]>,
    certain: Certain,
    /// An event spoke of it.
    told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Certain {
    /// No record about it was read yet.
    Unread,
    /// What the last record said of it may not be true any more.
    No,
    Yes,
}

struct Reader<'r, K, V> {
    schema: Schema,
    keys: &'r mut Keys<K>,
    each: &'r mut alacarte_core::Replay<'r, K, V>,
    /// By the log's numbers; `None` for one whose definition is lost, or that was forgotten.
    known: Vec<Option<Known>>,
    dependencies: Vec<Dependency>,
    next: Next,
    damage: Damage,
    /// There was a record that is untold.
    untold: bool,
    /// How many keys are not what was written.
    unknown: u64,
    /// The latest time of modification that was read.
    latest: u64,
}

impl Replay {
    pub(super) fn over<K: Key + Serialize + DeserializeOwned, V: Value + Serialize + DeserializeOwned>(
        bytes: &[u8],
        schema: Schema,
        keys: &mut Keys<K>,
        each: &mut alacarte_core::Replay<'_, K, V>,
    ) -> Replay {
        let mut reader = Reader {
            schema,
            keys,
            each,
            known: Vec::new(),
            dependencies: Vec::new(),
            next: Next::default(),
            damage: Damage::default(),
            untold: false,
            unknown: 0,
            latest: 0,
        };
        let start = if bytes.starts_with(TITLE) { TITLE.len() } else { 0 };
        let mut frames = Frames::new(bytes, start);
        for piece in frames.by_ref() {
            // Damage shows in the numbers of the records around it.
            let Piece::Payload(payload) = piece else { continue };
            match entry::read(payload) {
                Some((sequence, entry)) => reader.record(sequence, entry),
                None => reader.damage.unreadable += 1,
            }
        }
        reader.damage.torn = (bytes.len() - frames.end()) as u64;
        let foreign = reader.unknown > 0 && reader.known.iter().all(Option::is_none);
        let mut numbers = vec![NONE; reader.keys.bound()];
        let gone = |known: &&Known| known.input && known.holds.is_none() && known.certain == Certain::Yes;
        let live = reader.known.iter().flatten().filter(|known| !gone(known)).count();
        for (number, known) in reader.known.iter().enumerate() {
            // The id of a key of which nothing was told may be given to another.
            if let Some(known) = known.filter(|known| known.told) {
                numbers[known.id.index()] = number as u32;
            }
        }
        Replay { numbers, next: reader.next, damage: reader.damage, foreign, live }
    }
}

impl<K: Key + Serialize + DeserializeOwned, V: Value + Serialize + DeserializeOwned> Reader<'_, K, V> {
    fn record(&mut self, sequence: u64, entry: Entry<'_>) {
        if sequence < self.next.sequence {
            // An old record that some accident copied here.
            self.damage.unreadable += 1;
            return;
        }
        if sequence > self.next.sequence {
            self.damage.gaps += 1;
            self.doubt_everything();
        }
        self.next.sequence = sequence + 1;
        match entry {
            Entry::Key { number, input, key } => self.define(number, input, key),
            Entry::Changed { subject, fingerprint, modified, input, value } => {
                self.latest = self.latest.max(modified);
                let Some(key) = self.id(subject) else { return };
                let told = fingerprint;
                self.tell_of(subject.number());
                let fingerprint = fingerprint.map(|bytes| Fingerprint(u64::from_le_bytes(bytes)));
                let value = value.and_then(|value| self.schema.read_value::<V>(value));
                let value = value.as_ref();
                (self.each)(self.keys, &Event::Changed { key, fingerprint, value, modified, input });
                if !subject.is_definition() {
                    self.set(subject.number(), |known| match input {
                        true => Known { input, holds: told, certain: Certain::Yes, ..known },
                        // What somebody wrote over an output says nothing of how the output came about.
                        false => Known { input, ..known },
                    });
                }
            }
            Entry::Detached { number, done } => {
                let Some(key) = self.id(Subject::new(number, false, false)) else { return };
                self.tell_of(number);
                (self.each)(self.keys, &Event::Detached { key, done });
            }
            Entry::Forgotten { numbers } => {
                let mut keys = Vec::with_capacity(numbers.len());
                for number in numbers {
                    self.reserve(number);
                    keys.extend(self.known[number as usize].take().map(|known| known.id));
                }
                keys.sort_unstable();
                (self.each)(self.keys, &Event::Forgotten { keys: &keys });
            }
            Entry::Made { how, number, dependencies, fingerprint, modified, deep, volatile, value } => {
                self.latest = self.latest.max(modified);
                let subject = Subject::new(number, false, false);
                let Some(key) = self.id(subject) else { return };
                if value.is_empty() {
                    self.untold = true;
                    return self.doubt(number);
                }
                let value = self.schema.read_value::<V>(value);
                let read = value.is_some();
                let (Some(value), Some(certain)) = (value, self.collect(&dependencies, deep)) else {
                    // (What was made of something untold is lost though nothing is damaged.)
                    self.damage.unreadable += u64::from(!read || !self.untold || self.is_damaged());
                    return self.doubt(number);
                };
                self.tell_of(number);
                dependencies.iter().for_each(|(subject, _)| self.tell_of(subject.number()));
                let made = Fingerprint(u64::from_le_bytes(fingerprint));
                let record = Record::new(key, &self.dependencies, made, &value, &*self.keys);
                let record = record.with_deep(deep).with_modified(modified).with_volatile(volatile);
                let event = match how {
                    How::Built => Event::Built(record),
                    How::Restored => Event::Restored(record),
                    How::Imported => return (self.each)(self.keys, &Event::Imported(record)),
                };
                (self.each)(self.keys, &event);
                let holds = Some(fingerprint);
                self.set(number, |known| Known { input: false, holds, certain: Certain::Yes, ..known });
                if !certain {
                    self.doubt(number);
                }
            }
        }
    }

    fn define(&mut self, number: u32, input: bool, key: &[u8]) {
        self.reserve(number);
        let Some(key) = self.schema.read_key::<K>(key) else {
            self.damage.unreadable += 1;
            self.unknown += 1;
            return;
        };
        let id = self.keys.intern(&key);
        self.known[number as usize] = Some(Known { id, input, holds: None, certain: Certain::Unread, told: false });
    }

    /// Makes sure that a number which was used, if only by a record that is lost, is not used again.
    fn reserve(&mut self, number: u32) {
        if self.next.key <= number {
            self.next.key = number + 1;
            self.known.resize(self.next.key as usize, None);
        }
    }

    fn id(&mut self, subject: Subject) -> Option<KeyId> {
        self.reserve(subject.number());
        let id = self.known[subject.number() as usize]?.id;
        Some(if subject.is_definition() { id.definition() } else { id })
    }

    /// An event speaks of this key.
    fn tell_of(&mut self, number: u32) {
        if let Some(known) = &mut self.known[number as usize] {
            known.told = true;
        }
    }

    fn set(&mut self, number: u32, change: impl FnOnce(Known) -> Known) {
        let known = &mut self.known[number as usize];
        *known = known.map(change);
    }

    /// Reads what a key was made from: whether all of that is certain, or nothing if a part of the story is lost.
    fn collect(&mut self, dependencies: &[(Subject, [u8; 8])], deep: bool) -> Option<bool> {
        self.dependencies.clear();
        let (mut certain, mut consistent) = (true, true);
        for &(subject, fingerprint) in dependencies {
            let key = self.id(subject)?;
            let careful = (self.untold || self.is_damaged()) && !subject.is_definition();
            if careful && let Some(known) = self.known[subject.number() as usize] {
                if known.certain == Certain::Unread {
                    self.doubt(subject.number());
                }
                certain &= known.certain == Certain::Yes;
                consistent &= known.holds == Some(fingerprint);
            }
            let fingerprint = Fingerprint(u64::from_le_bytes(fingerprint));
            self.dependencies.push(Dependency::new(key, fingerprint).with_grouped(subject.is_grouped()));
        }
        // Deep fingerprints cannot be compared with what the dependencies hold.
        (certain || (consistent && !deep)).then_some(certain)
    }

    fn is_damaged(&self) -> bool {
        self.damage.gaps > 0 || self.damage.unreadable > 0
    }

    /// Says that nobody knows what a key holds.
    fn doubt(&mut self, number: u32) {
        let Some(Known { id: key, input, .. }) = self.known[number as usize] else { return };
        let modified = self.latest;
        self.tell_of(number);
        (self.each)(self.keys, &Event::Changed { key, fingerprint: None, value: None, modified, input });
        self.set(number, |known| Known { certain: Certain::No, ..known });
    }

    fn doubt_everything(&mut self) {
        for number in 0..self.next.key {
            self.doubt(number);
        }
    }
}
