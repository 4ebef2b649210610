//! What the journal says of the last runs of commands: what each read, what that was when it was read, and what it was the time before.
//!
//! The journal's bytes are copied and replayed in memory, so that no build at work is disturbed.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use alacarte_core::{Event, Fingerprint, Journal, KeyId, Keys, Record, StoreError};
use alacarte_stores::{FileKey, FileValue, Log};

/// What is known of commands by the journal.
#[derive(Default)]
pub(super) struct Journaled {
    keys: Keys<FileKey>,
    /// The last record of each command, and the one before.
    runs: HashMap<KeyId, Runs>,
    /// What each key or definition last was; `None` if it is gone.
    now: HashMap<KeyId, Option<Fingerprint>>,
}

#[derive(Default)]
struct Runs {
    last: Option<Run>,
    before: Option<Run>,
    /// What runs of the command in this directory gave.
    gave: Vec<Fingerprint>,
    /// What was found in the place of its output before the last record, if it was not what it had made: `None` if nothing was.
    found: Option<Option<Fingerprint>>,
}

/// A record of a command.
#[derive(Clone)]
struct Run {
    read: Vec<(KeyId, Fingerprint)>,
    deep: bool,
    /// It was restored from a trace that no run of this directory had left.
    foreign: bool,
    found: Option<Option<Fingerprint>>,
}

/// A dependency that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differs {
    pub(super) key: FileKey,
    /// The definition of its task, and not its value.
    pub(super) definition: bool,
    pub(super) from: Option<Fingerprint>,
    pub(super) to: Option<Fingerprint>,
}

/// So many values of a command are remembered.
const GAVE: usize = 64;

impl Journaled {
    /// Of the journal in this file; nothing if there is none.
    pub(super) fn read(journal: &Path) -> Result<Self, StoreError> {
        let mut journaled = Journaled::default();
        let bytes = match std::fs::read(journal) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(journaled),
            Err(error) => return Err(StoreError::new("read", journal.display(), error)),
        };
        let Journaled { keys, runs, now } = &mut journaled;
        Log::<FileKey, FileValue>::from_bytes(bytes).replay(keys, &mut |_, event| match event {
            Event::Built(record) => {
                now.insert(record.key, Some(record.fingerprint));
                let runs = runs.entry(record.key).or_default();
                runs.gave.truncate(GAVE - 1);
                runs.gave.insert(0, record.fingerprint);
                runs.put(record, false);
            }
            Event::Restored(record) => {
                now.insert(record.key, Some(record.fingerprint));
                let runs = runs.entry(record.key).or_default();
                let foreign = !runs.gave.contains(&record.fingerprint);
                runs.put(record, foreign);
            }
            Event::Changed { key, fingerprint, .. } => {
                now.insert(*key, *fingerprint);
                if let Some(runs) = runs.get_mut(key) {
                    runs.found = Some(*fingerprint);
                }
            }
            Event::Forgotten { keys } => keys.iter().for_each(|key| {
                runs.remove(key);
                now.remove(key);
                now.remove(&key.definition());
            }),
            Event::Imported(_) | Event::Detached { .. } => {}
        })?;
        Ok(journaled)
    }

    fn runs(&self, key: &FileKey) -> Option<&Runs> {
        self.runs.get(&self.keys.find(key)?)
    }

    /// All commands, and names for others.
    pub(super) fn commands(&self) -> impl Iterator<Item = &FileKey> {
        self.runs.keys().map(|key| self.keys.name(*key))
    }

    /// Whether a command was ever built or restored.
    pub(super) fn knows(&self, key: &FileKey) -> bool {
        self.runs(key).is_some()
    }

    /// The files that a command last read.
    pub(super) fn read_by(&self, key: &FileKey) -> impl Iterator<Item = &FileKey> {
        let read = self.runs(key).and_then(|runs| runs.last.as_ref()).map_or(&[][..], |last| &last.read);
        read.iter().filter(|(key, _)| !key.is_definition()).map(|(key, _)| self.keys.name(*key))
    }

    /// What a command read when it was last built, and what that was; with definitions of tasks.
    pub(super) fn last_read(&self, key: &FileKey) -> Vec<(FileKey, bool, Fingerprint)> {
        let last = self.runs(key).and_then(|runs| runs.last.as_ref()).filter(|last| !last.deep);
        let read = last.map_or(&[][..], |last| &last.read);
        read.iter().map(|&(key, then)| (self.keys.name(key).clone(), key.is_definition(), then)).collect()
    }

    /// Whether a command was last restored from a trace that no run of this directory has left.
    pub(super) fn is_foreign(&self, key: &FileKey) -> bool {
        self.runs(key).and_then(|runs| runs.last.as_ref()).is_some_and(|last| last.foreign)
    }

    /// Whether a command's output was gone before it was last built; `None` if that is not known.
    pub(super) fn was_gone(&self, key: &FileKey) -> Option<bool> {
        Some(self.runs(key)?.last.as_ref()?.found?.is_none())
    }

    /// What was not as the command had last read it when it was built, if both are known.
    pub(super) fn changed_before_last(&self, key: &FileKey) -> Vec<Differs> {
        let runs = self.runs(key);
        let Some(Runs { last: Some(last), before: Some(before), .. }) = runs else { return Vec::new() };
        if last.deep != before.deep {
            return Vec::new();
        }
        let now: HashMap<KeyId, Fingerprint> = last.read.iter().copied().collect();
        // (What it does not read any more is no reason to run; why it does not, another dependency says.)
        let differ = before.read.iter().filter(|(key, then)| now.get(key).is_some_and(|now| now != then));
        differ.map(|(key, then)| self.differs(*key, *then, now.get(key).copied())).collect()
    }

    /// What is not as the command last read it.
    pub(super) fn changed_since(&self, key: &FileKey) -> Vec<Differs> {
        let last = self.runs(key).and_then(|runs| runs.last.as_ref()).filter(|last| !last.deep);
        let read = last.map_or(&[][..], |last| &last.read).iter();
        let now = |key: &KeyId| self.now.get(key).copied();
        let differ = read.filter(|(key, then)| now(key).is_some_and(|now| now != Some(*then)));
        differ.map(|(key, then)| self.differs(*key, *then, now(key).flatten())).collect()
    }

    fn differs(&self, key: KeyId, from: Fingerprint, to: Option<Fingerprint>) -> Differs {
        Differs { key: self.keys.name(key).clone(), definition: key.is_definition(), from: Some(from), to }
    }
}

impl Runs {
    fn put(&mut self, record: &Record<'_, FileValue>, foreign: bool) {
        let read = record.dependencies.iter().map(|dependency| (dependency.key, dependency.fingerprint)).collect();
        let found = self.found.take();
        self.before = self.last.replace(Run { read, deep: record.deep, foreign, found });
    }
}
