//! A task would have to run: has another build made its value?
//!
//! The cache that builds share is asked then, and only for this key: a build that has nothing to do asks for nothing, and what
//! others have left since it began is found. Of the traces of the key, those that are known not to hold are left out,
//! for other builds may have made thousands of keys of the same name; the newest of the rest are imported, and
//! the rebuilder is asked again. If these do not hold, it knows more of the dependencies than before, and the next are taken.
//!
//! A deep trace names other keys by deep fingerprints, which only their traces can explain. So those are imported with it; and when its value is put in
//! place, they go into the journal before it: what was restored stands in later processes, whatever the cache has lost by then.

use std::collections::HashMap;

use super::Engine;
use crate::error::StoreError;
use crate::event::{Dependency, Event, Record};
use crate::fingerprint::{Fingerprint, Value};
use crate::journal::{Journal, SharedDependency, SharedTrace};
use crate::key::{Key, KeyId};
use crate::key_table::{CLASSIFIED, INPUT, KeyTable, Look};
use crate::rebuilder::Rebuilder;
use crate::scheduler::Schedules;
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::Tasks;

/// So many traces are imported at once: as many as the updaters keep of a key beside its present one. More would push each other
/// out before they were asked about.
const AT_ONCE: usize = 7;

/// What the cache has of a key.
pub(crate) struct LookedUp<K, V> {
    /// The oldest first; `None` once one was looked at.
    traces: Vec<Option<SharedTrace<K, V>>>,
    /// Where the deep ones are.
    deep: HashMap<Fingerprint, usize>,
}

/// A deep trace that was imported, and that the journal does not know.
pub(crate) struct Part<V> {
    dependencies: Vec<Dependency>,
    value: V,
}

impl<K, V> Default for LookedUp<K, V> {
    fn default() -> Self {
        LookedUp { traces: Vec::new(), deep: HashMap::new() }
    }
}

impl<K, V> LookedUp<K, V> {
    fn take_up(&mut self, trace: SharedTrace<K, V>) {
        if let Some(deep) = trace.deep {
            self.deep.insert(deep, self.traces.len());
        }
        self.traces.push(Some(trace));
    }

    /// The newest that was not looked at.
    fn newest(&mut self) -> Option<SharedTrace<K, V>> {
        while let Some(last) = self.traces.pop() {
            if last.is_some() {
                return last;
            }
        }
        None
    }

    /// The one with this deep fingerprint, if it was not looked at.
    fn called(&mut self, deep: Fingerprint) -> Option<SharedTrace<K, V>> {
        let place = self.deep.remove(&deep)?;
        self.traces.get_mut(place)?.take()
    }
}

impl<'b, K, V, T, St, S, R, J> Engine<'b, K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// Imports traces that other builds have left of a key, none of which is known to fail; `false` if there are none.
    pub(super) fn learn(&mut self, key: KeyId) -> bool {
        if self.cache.is_none() || !self.rebuilder.restores() {
            return false;
        }
        let (mut newest, mut below) = (Vec::new(), Vec::new());
        while newest.len() < AT_ONCE
            && let Some(trace) = self.look_up(key).newest()
        {
            count_steps(1);
            if may_hold(&mut self.table.borrow_mut(), key, &trace) {
                newest.push(trace);
            }
        }
        // What is imported last counts as the newest.
        newest.iter().rev().for_each(|trace| self.import(key, trace, &mut below));
        while let Some((key, deep)) = below.pop() {
            if let Some(trace) = self.look_up(key).called(deep) {
                count_steps(1);
                self.import(key, &trace, &mut below);
            }
        }
        !newest.is_empty()
    }

    /// The traces that the cache has of a key, without those that this build has looked at.
    fn look_up(&mut self, key: KeyId) -> &mut LookedUp<K, V> {
        self.state.learned.entry(key).or_insert_with(|| {
            let (mut found, table) = (LookedUp::default(), self.table.borrow());
            let name = table.keys.name(key);
            let cache = self.cache.as_mut();
            let read = cache.map_or(Ok(()), |cache| {
                cache.traces(name, &mut |trace| {
                    if trace.key == *name {
                        found.take_up(trace);
                    }
                })
            });
            if let Err(error) = read {
                // What others have built need not be known.
                self.state.report.cache_trouble.get_or_insert_with(|| error.to_string().into());
            }
            found
        })
    }

    /// Has the metadata know a trace. Which traces of other keys a deep one needs is added to `below`.
    fn import(&mut self, key: KeyId, trace: &SharedTrace<K, V>, below: &mut Vec<(KeyId, Fingerprint)>) {
        let SharedTrace { dependencies, deep: called, value, .. } = trace;
        let deep = called.is_some();
        let dependencies: Vec<Dependency> = dependencies
            .iter()
            .map(|&SharedDependency { ref key, definition, grouped, fingerprint }| {
                let id = self.meet(key);
                if deep && !definition && !self.table.borrow().has(id, INPUT) {
                    below.push((id, fingerprint));
                }
                Dependency { key: if definition { id.definition() } else { id }, grouped, fingerprint }
            })
            .collect();
        self.sink.metadata.apply(&Event::Imported(Record {
            key,
            dependencies: &dependencies,
            deep,
            fingerprint: value.fingerprint(),
            value,
            modified: 0,
            volatile: false,
            key_hashes: &self.table.borrow().keys,
        }));
        if let Some(called) = *called {
            self.state.parts.insert((key, called), Part { dependencies, value: value.clone() });
        }
    }

    /// Tells the journal of the traces by which these dependencies of a deep trace are explained, and theirs, as far as it does not know them.
    pub(super) fn keep_parts(&mut self, dependencies: &[Dependency]) -> Result<(), StoreError> {
        let called = |dependency: &Dependency| (dependency.key, dependency.fingerprint);
        let mut below: Vec<(KeyId, Fingerprint)> = dependencies.iter().map(called).collect();
        while let Some(named) = below.pop() {
            let Some(Part { dependencies, value }) = self.state.parts.remove(&named) else { continue };
            count_steps(1);
            below.extend(dependencies.iter().map(called));
            let table = self.table.borrow();
            let part = Record::new(named.0, &dependencies, value.fingerprint(), &value, &table.keys).with_deep(true);
            if self.sink.told.is_new(&part) {
                self.sink.journal.append(&table.keys, &Event::Imported(part))?;
            }
        }
        Ok(())
    }

    /// A key that a trace names, perhaps for the first time: whether it is an input is known then, and its definition.
    fn meet(&mut self, key: &K) -> KeyId {
        let id = {
            let mut table = self.table.borrow_mut();
            let id = table.intern(key);
            if !table.has(id, CLASSIFIED) {
                table.classify(id, !self.tasks.has(key));
            }
            id
        };
        self.take_definition(id);
        id
    }
}

/// Whether nothing that is up to date differs from what the trace names. (The deep fingerprint of an input is that of its value; of
/// other keys those are not known here.)
fn may_hold<K: Key, V: Value>(table: &mut KeyTable<K, V>, key: KeyId, trace: &SharedTrace<K, V>) -> bool {
    let own = table.fingerprint(key.definition());
    let defined = trace.dependencies.iter().find(|dependency| dependency.definition);
    own == defined.map(|dependency| dependency.fingerprint)
        && trace.dependencies.iter().all(|dependency| {
            let known = table.keys.find(&dependency.key).filter(|_| !dependency.definition);
            let known = known.filter(|&id| trace.deep.is_none() || table.has(id, INPUT));
            known.is_none_or(|id| {
                !matches!(table.look(id), Look::Ready(())) || table.current(id) == Some(dependency.fingerprint)
            })
        })
}
