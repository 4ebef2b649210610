//! What a build durably learns.
//!
//! A build appends events to its journal, and everything it remembers (dirty bits, traces, the calc chain) is a
//! fold over them. There are six: something *changed* outside the build, a key was *built*, a key was
//! *restored* from a trace, a trace was *imported* from a cache that others share, a key was *detached*: a task
//! started it without waiting, keys are *forgotten* because nobody reaches them any more. A build that finds nothing
//! to do has no event.

use std::any::Any;
use std::fmt;

use crate::fingerprint::Fingerprint;
use crate::key::{KeyId, StableKeyHash};

/// A point in time: nanoseconds since 1970 where the store has a clock, a counter of events where it has none.
pub type Time = u64;

/// One fetched key, as a trace records it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dependency {
    /// The key that was fetched, or the definition of the task itself.
    pub key: KeyId,
    /// Fetched at once with the dependency before it: the two belong to one group (THEORY, rule 3).
    pub grouped: bool,
    /// The fingerprint of what the fetch gave; its *deep* fingerprint in a deep trace.
    pub fingerprint: Fingerprint,
}

/// How a key came to its value.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The key.
    pub key: KeyId,
    /// What its task fetched, in order; the first is the task's definition if it has one.
    pub dependencies: &'a [Dependency],
    /// Whether the dependencies carry deep fingerprints (see `DeepConstructiveTraces`) rather than those of
    /// their values.
    pub deep: bool,
    /// The fingerprint of the value.
    pub fingerprint: Fingerprint,
    /// The value, of the build's value type.
    pub value: &'a dyn Any,
    /// When the value was made, by the store's clock.
    pub modified: Time,
    /// The value may not be kept beyond this build.
    pub volatile: bool,
    /// What the keys are called, for metadata that other processes are to understand.
    pub names: &'a dyn StableKeyHash,
}

/// One thing that a build learned, in the order in which it learned it.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A key holds another value than was known, and no task of ours did it: an input was met for the first time, edited or
    /// touched, a formula was replaced, an output was damaged or deleted.
    Changed {
        /// The key, or the definition that was replaced.
        key: KeyId,
        /// What it holds now; `None` if it is gone.
        fingerprint: Option<Fingerprint>,
        /// When that happened, by the store's clock.
        modified: Time,
        /// Whether the key is an input (or a definition), rather than a key with a task.
        input: bool,
    },
    /// A task ran and gave this value.
    Built(Record<'a>),
    /// A trace held, and its value was put in place without running the task.
    Restored(Record<'a>),
    /// Another build, somewhere, built the key so. Nothing happened to this build's store.
    Imported(Record<'a>),
    /// A task started this key without waiting for it: the next build brings it up to date if this one does not. Or
    /// (`done`) it was found to be up to date; that it was built or restored says so as well.
    Detached {
        /// The key that was started.
        key: KeyId,
        /// Whether that is done.
        done: bool,
    },
    /// These keys are known no more: nothing is remembered of them, nor any trace that names one of them. Their numbers
    /// may be given to other keys from now on.
    Forgotten {
        /// The keys, in ascending order; no definitions.
        keys: &'a [KeyId],
    },
}

impl Event<'_> {
    /// The key that this event is about; `None` if it is about many.
    pub fn key(&self) -> Option<KeyId> {
        match self {
            Event::Changed { key, .. } | Event::Detached { key, .. } => Some(*key),
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => Some(record.key),
            Event::Forgotten { .. } => None,
        }
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut record = f.debug_struct("Record");
        record.field("key", &self.key).field("dependencies", &self.dependencies).field("deep", &self.deep);
        record.field("fingerprint", &self.fingerprint).field("modified", &self.modified);
        record.field("volatile", &self.volatile).finish_non_exhaustive()
    }
}
