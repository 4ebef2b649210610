//! What the journal remembers of the store: a fold over all events, made when a build system is opened and given up when
//! it has been compared with what the store holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::event::{Event, Time};
use crate::fingerprint::Fingerprint;
use crate::key::KeyId;

/// The state of the store, as the journal remembers it.
pub(crate) struct Remembered<V> {
    /// The fingerprint, the value where the journal keeps it, and whether the key was an input.
    pub keys: HashMap<KeyId, (Option<Fingerprint>, Option<V>, bool)>,
    pub definitions: HashMap<KeyId, Fingerprint>,
    /// What tasks started without waiting, and nobody has brought up to date since.
    pub detached: BTreeSet<KeyId>,
    /// Keys whose last run was volatile.
    pub volatile: HashSet<KeyId>,
    /// Keys that were forgotten, and not heard of since.
    pub gone: HashSet<KeyId>,
}

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Remembered {
            keys: HashMap::new(),
            definitions: HashMap::new(),
            detached: BTreeSet::new(),
            volatile: HashSet::new(),
            gone: HashSet::new(),
        }
    }
}

impl<V: Clone> Remembered<V> {
    /// Takes an event into account; when it happened.
    pub fn take(&mut self, event: &Event<'_, V>) -> Time {
        if !self.gone.is_empty() {
            self.hear_of(event);
        }
        match event {
            Event::Changed { key, fingerprint, modified, input, .. } => {
                if !key.is_definition() {
                    let known = self.keys.remove(key).filter(|(known, ..)| known == fingerprint);
                    self.keys.insert(*key, (*fingerprint, known.and_then(|(_, value, _)| value), *input));
                    return *modified;
                }
                // It has a task; or the next event about it says that it is an input from now on.
                self.keys.entry(key.subject()).and_modify(|(.., input)| *input = false);
                match fingerprint {
                    Some(fingerprint) => self.definitions.insert(key.subject(), *fingerprint),
                    None => self.definitions.remove(&key.subject()),
                };
                *modified
            }
            Event::Built(record) | Event::Restored(record) => {
                self.keys.insert(record.key, (Some(record.fingerprint), Some(record.value.clone()), false));
                self.detached.remove(&record.key);
                if record.volatile {
                    self.volatile.insert(record.key);
                } else {
                    self.volatile.remove(&record.key);
                }
                match record.dependencies.first() {
                    Some(first) if first.key.is_definition() => {
                        self.definitions.insert(record.key, first.fingerprint);
                    }
                    _ => {
                        self.definitions.remove(&record.key);
                    }
                }
                record.modified
            }
            Event::Imported(_) => 0,
            Event::Detached { key, done } => {
                if *done {
                    self.detached.remove(key);
                } else {
                    self.detached.insert(*key);
                }
                0
            }
            Event::Forgotten { keys } => {
                for key in *keys {
                    self.keys.remove(key);
                    self.definitions.remove(key);
                    self.detached.remove(key);
                    self.volatile.remove(key);
                }
                self.gone.extend(*keys);
                0
            }
        }
    }

    /// The keys that an event names are known again.
    fn hear_of(&mut self, event: &Event<'_, V>) {
        if let Some(key) = event.key() {
            self.gone.remove(&key.subject());
        }
        if let Event::Built(record) | Event::Restored(record) | Event::Imported(record) = event {
            for dependency in record.dependencies {
                self.gone.remove(&dependency.key.subject());
            }
        }
    }
}
