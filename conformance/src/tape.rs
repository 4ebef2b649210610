//! A journal in memory: every event, with its value, behind a handle that outlives the build.

use std::cell::RefCell;
use std::rc::Rc;

use crate::faults::{JournalLie, Told};
use alacarte_core::{
    Dependency, Event, Fingerprint, Journal, Key, KeyId, Keys, Record, Replay, StoreError, Time, Value,
};

/// A journal in memory. Clones share what is kept, so that a second build can go on where a first one stopped.
#[derive(Debug)]
pub struct Tape<K, V> {
    kept: Rc<RefCell<Kept<K, V>>>,
    forgetful: bool,
    lie: Option<JournalLie>,
}

impl<K, V> Clone for Tape<K, V> {
    fn clone(&self) -> Self {
        Tape { kept: self.kept.clone(), ..*self }
    }
}

#[derive(Debug)]
struct Kept<K, V> {
    events: Vec<Owned<K, V>>,
    appended: usize,
}

/// An event that owns its parts; keys by name, for ids mean nothing to the next process.
#[derive(Debug)]
enum Owned<K, V> {
    Changed {
        key: K,
        definition: bool,
        fingerprint: Option<Fingerprint>,
        value: Option<V>,
        modified: Time,
        input: bool,
    },
    Detached {
        key: K,
        done: bool,
    },
    Forgotten {
        first: K,
        others: Vec<K>,
    },
    Made {
        key: K,
        dependencies: Vec<(K, bool, bool, Fingerprint)>,
        record: Made<V>,
    },
}

impl<K, V> Owned<K, V> {
    fn told(&self) -> Told<'_, K> {
        match self {
            Owned::Changed { key, .. } => Told { key, made: false, owed: false },
            Owned::Detached { key, .. } => Told { key, made: false, owed: true },
            Owned::Forgotten { first, .. } => Told { key: first, made: false, owed: false },
            Owned::Made { key, .. } => Told { key, made: true, owed: false },
        }
    }
}

#[derive(Debug)]
struct Made<V> {
    how: How,
    deep: bool,
    fingerprint: Fingerprint,
    value: V,
    modified: Time,
    volatile: bool,
}

/// How a record came to be told.
#[derive(Debug, Clone, Copy)]
enum How {
    Built,
    Restored,
    Imported,
}

impl<K, V> Default for Tape<K, V> {
    fn default() -> Self {
        Tape { kept: Rc::new(RefCell::new(Kept { events: Vec::new(), appended: 0 })), forgetful: false, lie: None }
    }
}

impl<K, V> Tape<K, V> {
    /// A journal that counts its events, and keeps none.
    pub fn forgetful() -> Self {
        Tape { forgetful: true, ..Tape::default() }
    }

    /// A journal that gives back something else than it was given, for the laws to notice.
    pub fn lying(lie: Option<JournalLie>) -> Self {
        Tape { lie, ..Tape::default() }
    }

    /// How many events were ever appended.
    pub fn appended(&self) -> usize {
        self.kept.borrow().appended
    }
}

impl<K: Key, V: Value> Journal<K, V> for Tape<K, V> {
    fn replay(&mut self, keys: &mut Keys<K>, each: &mut Replay<'_, K, V>) -> Result<(), StoreError> {
        let kept = self.kept.borrow();
        let told: Vec<Told<K>> = kept.events.iter().map(Owned::told).collect();
        for (position, alias) in JournalLie::order(self.lie, &told) {
            let named = told[alias].key;
            match &kept.events[position] {
                Owned::Changed { definition, fingerprint, value, modified, input, .. } => {
                    let key = id(keys, named, *definition);
                    let (fingerprint, value) = (*fingerprint, value.as_ref());
                    let (modified, input) = (*modified, *input);
                    each(keys, &Event::Changed { key, fingerprint, value, modified, input });
                }
                Owned::Detached { done, .. } => {
                    let key = keys.intern(named);
                    each(keys, &Event::Detached { key, done: *done });
                }
                Owned::Forgotten { others, .. } => {
                    let mut gone: Vec<KeyId> =
                        std::iter::once(named).chain(others).map(|key| keys.intern(key)).collect();
                    gone.sort_unstable();
                    each(keys, &Event::Forgotten { keys: &gone });
                }
                Owned::Made { dependencies, record, .. } => {
                    let key = keys.intern(named);
                    let dependencies: Vec<Dependency> = dependencies
                        .iter()
                        .map(|(name, definition, grouped, fingerprint)| {
                            Dependency::new(id(keys, name, *definition), *fingerprint).with_grouped(*grouped)
                        })
                        .collect();
                    let Made { how, deep, fingerprint, ref value, modified, volatile } = *record;
                    let record = Record::new(key, &dependencies, fingerprint, value, &*keys);
                    let record = record.with_deep(deep).with_modified(modified).with_volatile(volatile);
                    let event = match how {
                        How::Built => Event::Built(record),
                        How::Restored => Event::Restored(record),
                        How::Imported => Event::Imported(record),
                    };
                    each(keys, &event);
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, keys: &Keys<K>, event: &Event<'_, V>) -> Result<(), StoreError> {
        let mut kept = self.kept.borrow_mut();
        kept.appended += 1;
        if self.forgetful {
            return Ok(());
        }
        let owned = match event {
            Event::Changed { key, fingerprint, value, modified, input } => Owned::Changed {
                key: keys.name(*key).clone(),
                definition: key.is_definition(),
                fingerprint: *fingerprint,
                value: value.cloned(),
                modified: *modified,
                input: *input,
            },
            Event::Forgotten { keys: gone } => {
                let mut names = gone.iter().map(|key| keys.name(*key).clone());
                let Some(first) = names.next() else { return Ok(()) };
                Owned::Forgotten { first, others: names.collect() }
            }
            Event::Detached { key, done } => Owned::Detached { key: keys.name(*key).clone(), done: *done },
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => Owned::Made {
                key: keys.name(record.key).clone(),
                dependencies: record
                    .dependencies
                    .iter()
                    .map(|dependency| {
                        let definition = dependency.key.is_definition();
                        (keys.name(dependency.key).clone(), definition, dependency.grouped, dependency.fingerprint)
                    })
                    .collect(),
                record: Made {
                    how: match event {
                        Event::Restored(_) => How::Restored,
                        Event::Imported(_) => How::Imported,
                        _ => How::Built,
                    },
                    deep: record.deep,
                    fingerprint: record.fingerprint,
                    value: record.value.clone(),
                    modified: record.modified,
                    volatile: record.volatile,
                },
            },
        };
        kept.events.push(owned);
        Ok(())
    }

    fn keeps(&self) -> bool {
        !self.forgetful
    }
}

fn id<K: Key>(keys: &mut Keys<K>, name: &K, definition: bool) -> KeyId {
    let key = keys.intern(name);
    if definition { key.definition() } else { key }
}
