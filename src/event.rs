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
#[non_exhaustive]
pub struct Dependency {
    /// The key that was fetched, or the definition of the task itself.
    pub key: KeyId,
    /// Fetched at once with the dependency before it: the two belong to one group (THEORY, rule 3).
    pub grouped: bool,
    /// The fingerprint of what the fetch gave; its *deep* fingerprint in a deep trace.
    pub fingerprint: Fingerprint,
}

impl Dependency {
    /// A key that was fetched on its own, and the fingerprint of what the fetch gave.
    #[inline]
    pub fn new(key: KeyId, fingerprint: Fingerprint) -> Self {
        Dependency { key, grouped: false, fingerprint }
    }

    /// The same, and whether it was fetched at once with the dependency before it.
    #[inline]
    pub fn with_grouped(self, grouped: bool) -> Self {
        Dependency { grouped, ..self }
    }
}

/// One fetched key, without what the fetch gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The key that was fetched.
    pub key: KeyId,
    /// Fetched at once with the one before it.
    pub grouped: bool,
}

impl Fetched {
    /// A key that was fetched on its own.
    #[inline]
    pub fn new(key: KeyId) -> Self {
        Fetched { key, grouped: false }
    }

    /// The same, and whether it was fetched at once with the one before it.
    #[inline]
    pub fn with_grouped(self, grouped: bool) -> Self {
        Fetched { grouped, ..self }
    }
}

/// How a key came to its value, which is of type `V`, or of a type that is not known here.
#[non_exhaustive]
pub struct Record<'a, V: ?Sized = dyn Any> {
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
    pub value: &'a V,
    /// When the value was made, by the store's clock.
    pub modified: Time,
    /// The value may not be kept beyond this build.
    pub volatile: bool,
    /// What the keys are called, for metadata that other processes are to understand.
    pub key_hashes: &'a dyn StableKeyHash,
}

/// One thing that a build learned, in the order in which it learned it.
///
/// A journal is told the values with their type `V`. Metadata updaters serve builds of every type of values, and are told
/// them [without it](Event::untyped): an updater that keeps values asks for its own type by `downcast_ref`.
///
/// It is exhaustive on purpose: a fold or a journal that overlooks an event is wrong, and should not compile.
pub enum Event<'a, V: ?Sized = dyn Any> {
    /// A key holds another value than was known, and no task of ours did it: an input was met for the first time, edited or
    /// touched, a formula was replaced, an output was damaged or deleted.
    Changed {
        /// The key, or the definition that was replaced.
        key: KeyId,
        /// What it holds now; `None` if it is gone.
        fingerprint: Option<Fingerprint>,
        /// The value that it holds now; `None` if it is gone, for a definition, and where a journal lost it.
        value: Option<&'a V>,
        /// When that happened, by the store's clock.
        modified: Time,
        /// Whether the key is an input (or a definition), rather than a key with a task.
        input: bool,
    },
    /// A task ran and gave this value.
    Built(Record<'a, V>),
    /// A trace held, and its value was put in place without running the task.
    Restored(Record<'a, V>),
    /// Another build, somewhere, built the key so. Nothing happened to this build's store.
    Imported(Record<'a, V>),
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

impl<V: ?Sized> Event<'_, V> {
    /// The key that this event is about; `None` if it is about many.
    pub fn key(&self) -> Option<KeyId> {
        match self {
            Event::Changed { key, .. } | Event::Detached { key, .. } => Some(*key),
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => Some(record.key),
            Event::Forgotten { .. } => None,
        }
    }

    /// All ids that this event names.
    pub(crate) fn ids(&self) -> impl Iterator<Item = KeyId> {
        let (fetched, forgotten): (&[Dependency], &[KeyId]) = match self {
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => (record.dependencies, &[]),
            Event::Forgotten { keys } => (&[], keys),
            Event::Changed { .. } | Event::Detached { .. } => (&[], &[]),
        };
        self.key().into_iter().chain(fetched.iter().map(|fetched| fetched.key)).chain(forgotten.iter().copied())
    }
}

impl<'a, V: 'static> Event<'a, V> {
    /// The same event, for a reader that does not know the type of the values.
    pub fn untyped(&self) -> Event<'a> {
        match *self {
            Event::Changed { key, fingerprint, value, modified, input } => {
                Event::Changed { key, fingerprint, value: value.map(|value| value as _), modified, input }
            }
            Event::Built(record) => Event::Built(record.untyped()),
            Event::Restored(record) => Event::Restored(record.untyped()),
            Event::Imported(record) => Event::Imported(record.untyped()),
            Event::Detached { key, done } => Event::Detached { key, done },
            Event::Forgotten { keys } => Event::Forgotten { keys },
        }
    }
}

impl<'a, V: ?Sized> Record<'a, V> {
    /// The key got this value, of this fingerprint, from these dependencies with the fingerprints of their values: at time 0, and
    /// the value may be kept.
    pub fn new(
        key: KeyId,
        dependencies: &'a [Dependency],
        fingerprint: Fingerprint,
        value: &'a V,
        key_hashes: &'a dyn StableKeyHash,
    ) -> Self {
        Record { key, dependencies, deep: false, fingerprint, value, modified: 0, volatile: false, key_hashes }
    }

    /// The same; or its dependencies carry deep fingerprints.
    #[must_use]
    pub fn with_deep(self, deep: bool) -> Self {
        Record { deep, ..self }
    }

    /// The same, made at this time.
    #[must_use]
    pub fn with_modified(self, modified: Time) -> Self {
        Record { modified, ..self }
    }

    /// The same; or its value may not be kept.
    #[must_use]
    pub fn with_volatile(self, volatile: bool) -> Self {
        Record { volatile, ..self }
    }
}

impl<'a, V: 'static> Record<'a, V> {
    /// The same record, for a reader that does not know the type of the value.
    pub fn untyped(self) -> Record<'a> {
        let Record { key, dependencies, deep, fingerprint, value, modified, volatile, key_hashes } = self;
        Record { key, dependencies, deep, fingerprint, value, modified, volatile, key_hashes }
    }
}

impl<V: ?Sized> Clone for Event<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: ?Sized> Copy for Event<'_, V> {}

impl<V: ?Sized> Clone for Record<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: ?Sized> Copy for Record<'_, V> {}

impl<V: ?Sized> fmt::Debug for Event<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Changed { key, fingerprint, modified, input, .. } => {
                let mut event = f.debug_struct("Changed");
                event.field("key", key).field("fingerprint", fingerprint).field("modified", modified);
                event.field("input", input).finish_non_exhaustive()
            }
            Event::Built(record) => f.debug_tuple("Built").field(record).finish(),
            Event::Restored(record) => f.debug_tuple("Restored").field(record).finish(),
            Event::Imported(record) => f.debug_tuple("Imported").field(record).finish(),
            Event::Detached { key, done } => f.debug_struct("Detached").field("key", key).field("done", done).finish(),
            Event::Forgotten { keys } => f.debug_struct("Forgotten").field("keys", keys).finish(),
        }
    }
}

impl<V: ?Sized> fmt::Debug for Record<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut record = f.debug_struct("Record");
        record.field("key", &self.key).field("dependencies", &self.dependencies).field("deep", &self.deep);
        record.field("fingerprint", &self.fingerprint).field("modified", &self.modified);
        record.field("volatile", &self.volatile).finish_non_exhaustive()
    }
}
