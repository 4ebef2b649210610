//! The journal: where a build's events are kept between runs.
//!
//! Keeping the journal is all there is to persistence: replayed, it gives back every piece of metadata, for any
//! scheduler and any rebuilder. A journal may lose its *last* records (a crash): what is left is the journal as it once
//! was, and a lost record costs a rebuild, never a wrong value. A journal that may lose records in the middle (a
//! damaged disk) must notice, and say in its replay of every key that they may have spoken of that it *changed*, to
//! nobody knows what, as `alacarte_stores::Log` does: a silent gap is a lie, and can cost a wrong value.

use crate::error::StoreError;
use crate::event::Event;
use crate::fingerprint::Fingerprint;
use crate::key::Keys;

/// What a replay calls for each event, with the keys known so far.
pub type Replay<'r, K, V> = dyn FnMut(&Keys<K>, &Event<'_, V>) + 'r;

/// A place for events. Implemented by `alacarte-stores` (memory, a file); [`NoJournal`] keeps nothing.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{Event, Journal, Key, Keys, Replay, StoreError};
///
/// /// Writes every event down for a person, and cannot replay them.
/// #[derive(Default)]
/// struct Heard(Vec<String>);
///
/// impl<K: Key, V> Journal<K, V> for Heard {
///     fn replay(&mut self, _: &mut Keys<K>, _: &mut Replay<'_, K, V>) -> Result<(), StoreError> {
///         Ok(())
///     }
///
///     fn append(&mut self, keys: &Keys<K>, event: &Event<'_, V>) -> Result<(), StoreError> {
///         let what = if let Event::Built(_) = event { "was built" } else { "changed" };
///         self.0.extend(event.key().map(|key| format!("{} {what}", keys.show(key))));
///         Ok(())
///     }
///
///     fn keeps(&self) -> bool {
///         false
///     }
/// }
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
/// let build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let mut build = build.with_journal(Heard::default());
/// build.run(["B"])?;
/// build.set("A", 2)?;
/// build.run(["B"])?;
/// build.run(["B"])?; // This build finds nothing to do, so it appends no event.
/// assert_eq!(build.journal().0, ["A changed", "B was built", "A changed", "B was built"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Journal<K, V> {
    /// Gives back every event kept, oldest first, interning the keys it names. (The id of a key that was forgotten, and of which no
    /// later event speaks, goes to another key when all is read.)
    ///
    /// # Errors
    /// If the place cannot be read at all. Damage to single records is not an error: they are left out, and a gap is told of.
    fn replay(&mut self, keys: &mut Keys<K>, each: &mut Replay<'_, K, V>) -> Result<(), StoreError>;

    /// Keeps one event, with the value that it carries. A journal that knows keys by their ids forgets those that are
    /// [forgotten](Event::Forgotten): they may be given to other keys.
    ///
    /// # Errors
    /// If the place cannot be written. The event is kept all the same, and written before any later one: what is missing in the
    /// middle is a gap, which a replay must tell of.
    fn append(&mut self, keys: &Keys<K>, event: &Event<'_, V>) -> Result<(), StoreError>;

    /// Makes sure that what was appended would survive the end of this process.
    ///
    /// # Errors
    /// If the place cannot be written.
    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The size of what is kept, in bytes.
    fn bytes(&self) -> u64 {
        0
    }

    /// Whether anything appended can be replayed.
    fn keeps(&self) -> bool {
        true
    }
}

/// No journal: metadata live as long as the build that holds them. Another scheduler or rebuilder starts from nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl<K, V> Journal<K, V> for NoJournal {
    fn replay(&mut self, _: &mut Keys<K>, _: &mut Replay<'_, K, V>) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, _: &Keys<K>, _: &Event<'_, V>) -> Result<(), StoreError> {
        Ok(())
    }

    fn keeps(&self) -> bool {
        false
    }
}

/// A trace that other builds may use, as a [`TraceCache`] keeps it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SharedTrace<K, V> {
    /// The key that was built.
    pub key: K,
    /// What its task fetched, in order; the first is the task's definition if it has one.
    pub dependencies: Vec<SharedDependency<K>>,
    /// The deep fingerprint by which traces of other keys name this one, if those of its dependencies are deep ones.
    pub deep: Option<Fingerprint>,
    /// What it gave.
    pub value: V,
}

impl<K, V> SharedTrace<K, V> {
    /// The key was built to this value from these dependencies, whose fingerprints are those of their values, or deep ones if it
    /// has a `deep` one itself.
    pub fn new(key: K, dependencies: Vec<SharedDependency<K>>, deep: Option<Fingerprint>, value: V) -> Self {
        SharedTrace { key, dependencies, deep, value }
    }
}

/// One fetched key, as a [`SharedTrace`] names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedDependency<K> {
    /// The key.
    pub key: K,
    /// It is the definition of the key's task that was looked at, and not the key's value.
    pub definition: bool,
    /// Fetched at once with the dependency before it.
    pub grouped: bool,
    /// The fingerprint of what the fetch gave; its deep fingerprint in a deep trace.
    pub fingerprint: Fingerprint,
}

impl<K> SharedDependency<K> {
    /// A key that was fetched on its own, and the fingerprint of what the fetch gave.
    pub fn new(key: K, fingerprint: Fingerprint) -> Self {
        SharedDependency { key, definition: false, grouped: false, fingerprint }
    }

    /// The same, and whether it was the definition of the key's task that was looked at.
    pub fn with_definition(self, definition: bool) -> Self {
        SharedDependency { definition, ..self }
    }

    /// The same, and whether it was fetched at once with the dependency before it.
    pub fn with_grouped(self, grouped: bool) -> Self {
        SharedDependency { grouped, ..self }
    }
}

/// A place for constructive traces, shared by builds that know nothing of each other: only ever added to.
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
///
/// use alacarte::prelude::*;
/// use alacarte::{SharedTrace, StoreError, TraceCache};
///
/// type Trace = SharedTrace<&'static str, i64>;
///
/// /// Keeps traces in memory, for all builds of this program.
/// #[derive(Clone, Default)]
/// struct Shelf(Rc<RefCell<Vec<Trace>>>);
///
/// impl TraceCache<&'static str, i64> for Shelf {
///     fn traces(&mut self, key: &&'static str, each: &mut dyn FnMut(Trace)) -> Result<(), StoreError> {
///         self.0.borrow().iter().filter(|trace| trace.key == *key).cloned().for_each(each);
///         Ok(())
///     }
///
///     fn add(&mut self, trace: &Trace) -> Result<(), StoreError> {
///         self.0.borrow_mut().push(trace.clone());
///         Ok(())
///     }
/// }
///
/// let shelf = Shelf::default();
/// let build = || {
///     let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
///     let build = Build::new(tasks, Memory::from([("A", 1)])).with_cache(shelf.clone());
///     build.with_scheduler(Suspending::new()).with_rebuilder(ConstructiveTrace)
/// };
/// assert_eq!(build().run(["B"])?.ran.len(), 1);
/// // The second build restores B from the trace of the first.
/// assert_eq!(build().run(["B"])?.restored.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TraceCache<K, V> {
    /// The traces that are kept of a key, oldest first. A build asks when the key's task would have to run, at most once for
    /// each key.
    ///
    /// # Errors
    /// If the place cannot be read.
    fn traces(&mut self, key: &K, each: &mut dyn FnMut(SharedTrace<K, V>)) -> Result<(), StoreError>;

    /// Adds a trace.
    ///
    /// # Errors
    /// If the place cannot be written.
    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_dependency_is_what_it_was_made_to_be() {
        let plain = SharedDependency::new("a", Fingerprint(1));
        assert_eq!((plain.definition, plain.grouped), (false, false));
        let (definition, grouped) = (plain.clone().with_definition(true), plain.with_grouped(true));
        assert_eq!((definition.definition, definition.grouped), (true, false));
        assert_eq!((grouped.definition, grouped.grouped), (false, true));
        assert_eq!((grouped.key, grouped.fingerprint), ("a", Fingerprint(1)));
    }
}
