//! A key has its value: it is stamped, and everyone who remembers is told.

use super::state::{Engine, How, Slot, Told};
use crate::error::{Cause, StoreError};
use crate::event::{Dependency, Event, Record};
use crate::fingerprint::Value;
use crate::journal::{Journal, SharedDependency, SharedTrace};
use crate::key::{Key, KeyId, Keys};
use crate::key_table::{ACTIVE, BUILT, DEFINED, FAILED, KeyTable, LOADED, STALE, VOLATILE};
use crate::rebuilder::{Rebuilder, Restored};
use crate::report::Decision;
use crate::scheduler::{Schedules, WhenBlocked};
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::Tasks;
use crate::task_context::GROUPED;
use crate::waits::Arrival;
use rustc_hash::FxHashSet;
use std::task::Waker;

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
    /// A task gave a value: stamps the key, and tells everyone who remembers.
    pub(super) fn built(&mut self, slot: u32, value: V) -> std::result::Result<(), StoreError> {
        let Slot { key, volatile, ref dependencies, .. } = self.state.slots[slot as usize];
        let fingerprint = value.fingerprint();
        let mut scratch = std::mem::take(&mut self.state.scratch);
        let (changed, detached) = {
            let table = &mut *self.table.borrow_mut();
            collect_dependencies(table, key, dependencies, &mut scratch);
            let changed = table.current(key) != Some(fingerprint);
            table.hold(key, Some(value));
            table.set_fingerprint(key, fingerprint);
            table.lower(key, VOLATILE);
            table.raise(key, LOADED | BUILT | if volatile { VOLATILE } else { 0 });
            (changed, table.detached.newly_started())
        };
        if !detached.is_empty() {
            self.note_detached(&detached);
        }
        let told = self.tell(key, How::Ran { volatile }, &scratch);
        scratch.clear();
        self.state.scratch = scratch;
        told?;
        *self.volatile |= volatile;
        if self.rebuilder.restores() && !volatile {
            // Who shares gains nothing by it: what goes wrong is told of, and no more.
            if let Err(error) = self.share(key) {
                self.state.report.cache_trouble.get_or_insert_with(|| error.to_string().into());
            }
        }
        self.state.report.ran.push(key);
        self.observe(key, &Decision::Ran { changed });
        self.settle(slot);
        Ok(())
    }

    /// Shows an event about a key that now has its value to the metadata, and keeps it.
    pub(super) fn tell(
        &mut self,
        key: KeyId,
        how: How,
        dependencies: &[Dependency],
    ) -> std::result::Result<(), StoreError> {
        let table = self.table.borrow();
        let (Some(value), Some(fingerprint)) = (table.value(key), table.current(key)) else { return Ok(()) };
        let modified = self.store.modified(table.keys.name(key)).unwrap_or_else(|| self.sink.tick());
        let record = Record::new(key, dependencies, fingerprint, value, &table.keys).with_modified(modified);
        let event = match how {
            How::Ran { volatile } => Event::Built(Record { volatile, ..record }),
            How::FromTrace { deep } => Event::Restored(Record { deep, ..record }),
        };
        self.sink.record(&table.keys, &event)?;
        let (owed, stamped) = (!table.detached.in_journal.is_empty(), table.raised);
        drop(table);
        if owed || !stamped {
            let table = &mut *self.table.borrow_mut();
            table.detached.in_journal.remove(&key);
            if !stamped {
                // Some were up to date when they were fetched, with the stamp of another build.
                table.aside.extend(dependencies.iter().map(|dependency| dependency.key.subject()));
            }
        }
        self.point_out_suspects();
        Ok(())
    }

    /// Tells a scheduler that follows suspects of those that have just become so.
    pub(super) fn point_out_suspects(&mut self) {
        let Some(told) = self.suspects else { return };
        let Some(suspects) = self.rebuilder.suspects(&self.sink.metadata) else { return };
        // Of a list that was made anew, nobody knows which are new; to be told twice of a suspect does no harm.
        let seen = if told.generation == suspects.generation { told.count } else { 0 };
        let mut table = self.table.borrow_mut();
        count_steps(suspects.keys.len().saturating_sub(seen));
        // A list that is shorter than what was seen of it was made anew, whatever its generation says.
        let new = suspects.keys.get(seen..).unwrap_or(suspects.keys);
        // A volatile key is a suspect for the next build; in this one, it has run.
        let has_run = |table: &KeyTable<K, V>, key| table.state(key) == table.revision && table.has(key, VOLATILE);
        let new: Vec<KeyId> = new.iter().copied().filter(|&key| !has_run(&table, key)).collect();
        for &key in &new {
            let state = table.state(key);
            if state & ACTIVE == 0 && state != FAILED {
                table.set_state(key, STALE);
            }
            self.state.queue.told();
            self.scheduler.suspect(key);
        }
        drop(table);
        self.suspects = Some(Told { count: suspects.keys.len(), generation: suspects.generation });
        if self.scheduler.when_blocked() != WhenBlocked::Refuse {
            self.suspect(&new);
        }
    }

    /// Archives a value that was just built, and adds its trace to the cache.
    pub(super) fn share(&mut self, key: KeyId) -> std::result::Result<(), Cause> {
        let table = self.table.borrow();
        let Some(value) = table.value(key) else { return Ok(()) };
        let name = table.keys.name(key);
        self.store.archive(name, value)?;
        let Some(cache) = &mut self.cache else { return Ok(()) };
        let Some(sharable) = self.rebuilder.sharable_trace(key, &self.sink.metadata) else {
            return Ok(());
        };
        known(&table.keys, &sharable.dependencies)?;
        let dependencies = sharable.dependencies.iter().map(|dependency| {
            let Dependency { key, grouped, fingerprint } = *dependency;
            SharedDependency {
                key: table.keys.name(key).clone(),
                definition: key.is_definition(),
                grouped,
                fingerprint,
            }
        });
        let (key, dependencies) = (name.clone(), dependencies.collect());
        Ok(cache.add(&SharedTrace { key, dependencies, deep: sharable.deep, value: value.clone() })?)
    }

    /// Puts a remembered value in place; `false` if there is no copy of it any more.
    pub(super) fn restore(&mut self, slot: u32, restored: Restored<V>) -> std::result::Result<bool, Cause> {
        let key = self.state.slots[slot as usize].key;
        let Restored { dependencies, deep, value } = restored;
        known(&self.table.borrow().keys, &dependencies)?;
        let moved = value.is_some();
        if !moved && self.table.borrow().value(key).is_none() {
            return Err(Cause::KeptNothing);
        }
        if let Some(value) = value {
            let table = &mut *self.table.borrow_mut();
            match self.store.restore(table.keys.name(key), &value) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    self.state.report.cache_trouble.get_or_insert_with(|| error.to_string().into());
                    return Ok(false);
                }
            }
            table.set_fingerprint(key, value.fingerprint());
            table.hold(key, Some(value));
            table.raise(key, LOADED);
        }
        self.table.borrow_mut().lower(key, VOLATILE);
        self.table.borrow_mut().raise(key, BUILT);
        if deep {
            self.keep_parts(&dependencies)?;
        }
        self.tell(key, How::FromTrace { deep }, &dependencies)?;
        if moved {
            self.state.report.restored.push(key);
            self.observe(key, &Decision::Restored);
        } else {
            self.state.report.kept += 1;
            self.observe(key, &Decision::Kept);
        }
        Ok(true)
    }

    /// The key is up to date: stamps it, wakes who waits for it, frees its slot.
    pub(super) fn settle(&mut self, slot: u32) {
        let key = self.state.slots[slot as usize].key;
        let mut table = self.table.borrow_mut();
        table.stamp(key);
        // (Nearly always the journal knows of none that is owed, and no suspects are followed.)
        let owed = !table.detached.in_journal.is_empty();
        drop(table);
        if owed {
            self.note_detached_done(key);
        }
        self.state.too_deep = false;
        if !self.state.maybe_stale.of.is_empty() {
            self.resolve(key, false);
        }
        self.wake(slot);
    }

    /// The slot's key has a value, or has failed: those who wait for it learn of it, and the slot is free.
    pub(super) fn wake(&mut self, slot: u32) {
        let waiters = std::mem::take(&mut self.state.slots[slot as usize].waiters);
        self.state.live -= 1;
        self.leave_outside(slot);
        if let Some(ticket) = self.state.slots[slot as usize].ticket.take() {
            self.table.borrow_mut().waits.give_back(ticket);
        }
        self.table.borrow_mut().waits.end(slot);
        self.state.free.push(slot);
        for ticket in waiters {
            let arrival = self.table.borrow_mut().waits.arrived(ticket);
            let Some(Arrival { slot, waker, blocked }) = arrival else { continue };
            waker.into_iter().for_each(Waker::wake);
            if blocked {
                self.came_partly(slot);
            } else {
                self.push(self.state.slots[slot as usize].key);
            }
        }
    }
}

/// Turns what a task fetched into what a trace records: its definition first, each key once, with its fingerprint.
fn collect_dependencies<K: Key, V: Value>(
    table: &mut KeyTable<K, V>,
    key: KeyId,
    fetched: &[u32],
    into: &mut Vec<Dependency>,
) {
    into.clear();
    if table.has(key, DEFINED) {
        let definition = key.definition();
        let fingerprint = table.fingerprint(definition).unwrap_or_default();
        into.push(Dependency::new(definition, fingerprint));
    }
    if fetched.len() > 16 {
        let mut seen = FxHashSet::default();
        return collect_new(table, fetched, into, |id, _| !seen.insert(id));
    }
    // A bit for some keys each: where it is not set, none of them need be searched.
    let mut seen = 0_u64;
    collect_new(table, fetched, into, |id, collected| {
        let before = seen;
        seen |= 1 << (id.to_raw() % 64);
        before == seen && collected.iter().any(|known| known.key == id)
    });
}

/// Adds each key that the task has not fetched `again`.
fn collect_new<K: Key, V: Value>(
    table: &mut KeyTable<K, V>,
    fetched: &[u32],
    into: &mut Vec<Dependency>,
    mut again: impl FnMut(KeyId, &[Dependency]) -> bool,
) {
    // A group whose first key was fetched before begins with its second.
    let mut joined = false;
    for &raw in fetched {
        joined &= raw & GROUPED != 0;
        let id = KeyId::from_raw(raw);
        if again(id, into) {
            continue;
        }
        // A fetch that was given up while it was pending had no part in the value.
        if let Some(fingerprint) = table.settled(id) {
            into.push(Dependency::new(id, fingerprint).with_grouped(joined));
            joined = true;
        }
    }
}

/// Whether a rebuilder speaks of keys that there are.
fn known<K: Key>(keys: &Keys<K>, dependencies: &[Dependency]) -> std::result::Result<(), Cause> {
    let unknown = dependencies.iter().map(|dependency| dependency.key).find(|key| !keys.knows(key.subject()));
    unknown.map_or(Ok(()), |id| Err(Cause::UnknownDependency { id }))
}
