//! The event sink shows each event to the metadata, then appends it to the journal. No other part does either.

use std::hash::{BuildHasher, Hash, Hasher};

use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::error::StoreError;
use crate::event::{Event, Record, Time};
use crate::fingerprint::{Fingerprint, Value, foreign};
use crate::journal::Journal;
use crate::key::{Key, KeyId, Keys};
use crate::key_table::{CLASSIFIED, DEFINED, INPUT, KeyTable, STALE};
use crate::metadata::Metadata;

pub(crate) struct EventSink<J> {
    pub metadata: Metadata,
    pub journal: J,
    /// The last moment of the clock that counts events, for stores without one.
    pub clock: Time,
    pub told: ToldTraces,
    /// That an input was touched is a change to the rebuilder, whatever it holds.
    pub heeds_touches: bool,
}

/// The deep traces of other builds that the journal knows, by what they say, so that each is told once. (Those that this build has made are not among
/// them: what they are called, only an updater knows.)
#[derive(Default)]
pub(crate) struct ToldTraces(FxHashSet<u64>);

impl ToldTraces {
    /// An event is in the journal.
    #[inline]
    pub fn heed<V: ?Sized>(&mut self, event: &Event<'_, V>) {
        match event {
            Event::Restored(record) | Event::Imported(record) if record.deep => drop(self.is_new(record)),
            // What the journal forgets it has to be told again.
            Event::Forgotten { .. } => self.0.clear(),
            _ => {}
        }
    }

    /// Whether the journal does not know it, which is about to be told.
    pub fn is_new<V: ?Sized>(&mut self, record: &Record<'_, V>) -> bool {
        let mut hasher = FxBuildHasher.build_hasher();
        (record.key, record.fingerprint, record.dependencies.len()).hash(&mut hasher);
        for dependency in record.dependencies {
            (dependency.key, dependency.grouped, dependency.fingerprint).hash(&mut hasher);
        }
        self.0.insert(hasher.finish())
    }
}

impl<J> EventSink<J> {
    /// Nothing is known of what the journal holds.
    pub fn new(journal: J, clock: Time) -> Self {
        EventSink { metadata: Metadata::default(), journal, clock, told: ToldTraces::default(), heeds_touches: true }
    }

    /// The next moment of a store without a clock.
    pub fn tick(&mut self) -> Time {
        // (A store's own clock may have been anywhere.)
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    #[inline]
    pub fn record<K, V: 'static>(&mut self, keys: &Keys<K>, event: &Event<'_, V>) -> Result<(), StoreError>
    where
        J: Journal<K, V>,
    {
        self.metadata.apply(&event.untyped());
        self.told.heed(event);
        self.journal.append(keys, event)
    }

    /// Takes into account that a key may hold another value than was known, or (`touched`) that an equal one was written.
    pub fn notice<K: Key, V: Value>(
        &mut self,
        table: &mut KeyTable<K, V>,
        id: KeyId,
        news: News,
    ) -> Result<Noticed, StoreError>
    where
        J: Journal<K, V>,
    {
        // (What an input holds from now on need not be what its dependents saw when it was built; and what one held need not be
        // what the task gives that it has now.)
        let flipped = table.has(id, CLASSIFIED) && table.has(id, INPUT) != news.input;
        let told = self.reclassify(table, id, news.input);
        let value = table.value(id);
        let mut fingerprint = value.map(Value::fingerprint);
        if !news.input && (news.touched || flipped || news.known != fingerprint) && !value.is_some_and(Value::is_whole)
        {
            fingerprint = fingerprint.map(foreign);
        }
        table.set_fingerprint(id, fingerprint.unwrap_or_default());
        let changed = news.known != fingerprint || news.touched;
        let new_input = flipped && news.input;
        if !changed && !new_input {
            return told.map(|()| Noticed::Nothing);
        }
        // (Who made an output that was touched, nobody can tell.)
        let counts = news.known != fingerprint || new_input || !news.input || self.heeds_touches;
        if counts {
            table.set_state(id, STALE);
        }
        let modified = news.modified.unwrap_or_else(|| self.tick());
        let event = Event::Changed { key: id, fingerprint, value: table.value(id), modified, input: news.input };
        told.and(self.record(&table.keys, &event))?;
        Ok(if !changed {
            Noticed::Nothing
        } else if counts {
            Noticed::Change
        } else {
            Noticed::Touch
        })
    }

    /// Takes into account that a key has become an input, or is none any more. Before the tasks are next compared, they may be
    /// again what they were.
    pub fn reclassify<K: Key, V: Value>(
        &mut self,
        table: &mut KeyTable<K, V>,
        id: KeyId,
        input: bool,
    ) -> Result<(), StoreError>
    where
        J: Journal<K, V>,
    {
        if !table.has(id, CLASSIFIED) || table.has(id, INPUT) == input {
            return Ok(());
        }
        table.classify(id, input);
        table.set_state(id, STALE);
        if input {
            table.lower(id, DEFINED);
        }
        let fingerprint = table.fingerprint(id.definition());
        let modified = self.tick();
        let event = Event::Changed { key: id.definition(), fingerprint, value: None, modified, input: true };
        self.record(&table.keys, &event)
    }
}

/// What news were.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// Nothing has changed.
    Nothing,
    /// A touch that the rebuilder does not heed: all that was up to date still is.
    Touch,
    /// A change.
    Change,
}

/// What was seen of a key outside the build, when it had received its value.
pub(crate) struct News {
    /// The fingerprint of what it was known to hold.
    pub known: Option<Fingerprint>,
    pub modified: Option<Time>,
    pub input: bool,
    pub touched: bool,
}
