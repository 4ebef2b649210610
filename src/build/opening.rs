//! A build system is opened: the journal is replayed into what scheduler and rebuilder read, and what it remembers is
//! compared with what the store holds and with the tasks of today.

use std::io;

use super::Build;
use crate::error::StoreError;
use crate::event::Event;
use crate::event_sink::{News, Noticed, ToldTraces};
use crate::fingerprint::{Value, foreign};
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{BUILT, CLASSIFIED, DEFINED, HELD, INPUT, LOADED, STALE, VOLATILE};
use crate::metadata::Metadata;
use crate::rebuilder::Rebuilder;
use crate::remembered::Remembered;
use crate::scheduler::{QueueCount, Scheduler, Schedules};
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::{Tasks, identity};

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// Has the metadata know all that the journal remembers, and the key table what the store holds: the keys of which that is something else.
    pub(super) fn open(&mut self) -> Result<Vec<KeyId>, StoreError> {
        if self.shaken.get() {
            // Of what was half done nothing is trusted but the values, each as it is, and the journal.
            self.table.get_mut().recover();
            QueueCount::new(self.table.get_mut().keys.bound()).empty(&mut self.scheduler);
            (self.opened, self.proven, self.questionable, self.compared) = (false, false, true, None);
            self.shaken.set(false);
        }
        // (What is met only while the journal is read is asked of the store that is there now. What was an output in the last
        // build lies in the build, even if its task was taken away since.)
        let table = self.table.get_mut();
        let met = if self.restocked { table.loaded() } else { Vec::new() };
        let met: Vec<(KeyId, bool)> = met.into_iter().map(|id| (id, !table.has(id, INPUT))).collect();
        let gives_away = self.store.gives_away();
        let mut changed = Vec::new();
        if !self.opened {
            self.replay(&mut changed)?;
            self.opened = true;
        }
        if self.restocked {
            self.take_stock(&met, gives_away, &mut changed)?;
            self.restocked = false;
        }
        Ok(changed)
    }

    /// Asks a store that was changed or exchanged for every key that was met before, and whether each was an output then.
    fn take_stock(
        &mut self,
        met: &[(KeyId, bool)],
        gives_away: bool,
        changed: &mut Vec<KeyId>,
    ) -> Result<(), StoreError> {
        let table = self.table.get_mut();
        self.store.open(&mut table.keys);
        table.cover();
        let keeps_outputs = !self.store.relies_on_journal();
        for &(id, output) in met {
            let key = table.keys.name(id);
            let (value, input) = (self.store.load(id, key)?, !self.tasks.has(key));
            if value.is_none() && (gives_away || output && !keeps_outputs) {
                continue;
            }
            let touched = value.as_ref().is_some_and(|value| !input && !value.is_whole());
            let known = table.receive(id, value);
            let modified = self.store.modified(table.keys.name(id));
            let noticed = self.sink.notice(table, id, News { known, modified, input, touched })?;
            changed.extend((noticed != Noticed::Nothing).then_some(id));
        }
        self.questionable = true;
        Ok(())
    }

    /// Installs what scheduler and rebuilder read, replays the journal into it, and compares what the journal
    /// remembers with what this build holds, or the store.
    fn replay(&mut self, changed: &mut Vec<KeyId>) -> Result<(), StoreError> {
        let sink = &mut self.sink;
        sink.metadata = Metadata::blaming(&self.blame);
        self.scheduler.install(&mut sink.metadata);
        self.rebuilder.install(&mut sink.metadata);
        sink.heeds_touches = self.rebuilder.heeds_touches();
        let table = self.table.get_mut();
        self.store.open(&mut table.keys);
        table.cover();
        let mut remembered = Remembered::default();
        // What was forgotten and is not heard of again gets numbers that are given back when all is read.
        let known = table.keys.bound();
        table.keys.number_afresh(true);
        sink.told = ToldTraces::default();
        let (metadata, clock, told) = (&mut sink.metadata, &mut sink.clock, &mut sink.told);
        let mut unknown = None;
        let replayed = sink.journal.replay(&mut table.keys, &mut |keys, event| {
            unknown = unknown.or_else(|| event.ids().find(|id| !keys.knows(id.subject())));
            if unknown.is_none() {
                metadata.apply(&event.untyped());
                told.heed(event);
                *clock = (*clock).max(remembered.take(event));
            }
        });
        table.keys.number_afresh(false);
        replayed?;
        if let Some(id) = unknown {
            let what =
                format!("it speaks of {id:?}, which is the id of no key: `Journal::replay` interns what it speaks of");
            return Err(StoreError::new("replay", "the journal", io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        let Remembered { mut keys, definitions, detached, volatile, gone } = remembered;
        let gone: Vec<KeyId> = gone.into_iter().filter(|id| id.index() >= known).collect();
        table.keys.forget(&gone);
        table.cover();
        // Whatever another journal has said of a task, this one need not know of.
        (0..table.keys.bound()).for_each(|index| table.lower(KeyId::new(index), BUILT | DEFINED | VOLATILE));
        volatile.into_iter().for_each(|id| table.raise(id, VOLATILE));
        table.detached.owed.extend(&detached);
        table.detached.retain_owed(|_| true);
        table.detached.in_journal = detached.into_iter().collect();
        // What a journal that is chosen late has not heard.
        for key in table.detached.owed.clone() {
            if !table.detached.in_journal.contains(&key) {
                sink.record(&table.keys, &Event::Detached { key, done: false })?;
                table.detached.in_journal.insert(key);
            }
        }
        for (&id, &definition) in &definitions {
            table.define(id, definition);
        }
        // What this process holds already is what it once wrote, or newer: then the journal is told. (Of what the journal does
        // not know, only inputs matter.)
        let newer = |id: &KeyId| match keys.get(id) {
            Some((fingerprint, ..)) => table.current(*id) != *fingerprint,
            None => table.current(*id).is_some() && !self.tasks.has(table.keys.name(*id)),
        };
        let newer: Vec<KeyId> = table.loaded().into_iter().filter(newer).collect();
        for id in newer {
            let input = !self.tasks.has(table.keys.name(id));
            sink.reclassify(table, id, input)?;
            let key = table.keys.name(id);
            let modified = self.store.modified(key).unwrap_or_else(|| sink.tick());
            let part = table.value(id).filter(|value| !input && !value.is_whole()).map(Value::fingerprint);
            part.into_iter().for_each(|part| table.set_fingerprint(id, foreign(part)));
            let fingerprint = table.current(id);
            table.set_state(id, STALE);
            let value = table.value(id);
            sink.record(&table.keys, &Event::Changed { key: id, fingerprint, value, modified, input })?;
        }
        let mut ids: Vec<KeyId> = keys.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some((fingerprint, value, input)) = keys.remove(&id) else { continue };
            table.raise(id, if input { 0 } else { BUILT });
            let kept = value.filter(|_| self.store.relies_on_journal());
            let met = table.has(id, LOADED);
            if !met {
                // (Nothing of the user's comes between: what a store has given away would be lost in a panic.)
                let value = self.store.load(id, table.keys.name(id))?;
                table.receive(id, value);
            }
            // Of values that are equal in a part, the one that was built last is the key's, if it has a task.
            let has = self.tasks.has(table.keys.name(id));
            let built = |held: &V, kept: &V| has && !held.is_whole() && held.fingerprint() == kept.fingerprint();
            match (table.value(id), kept) {
                (Some(held), Some(kept)) if built(held, &kept) => table.hold(id, Some(kept)),
                (None, kept @ Some(_)) if !met => table.hold(id, kept),
                _ => {}
            }
            if met {
                continue;
            }
            let modified = self.store.modified(table.keys.name(id));
            if !table.has(id, CLASSIFIED) {
                table.classify(id, input);
            }
            let noticed = sink.notice(table, id, News { known: fingerprint, modified, input: !has, touched: false })?;
            changed.extend((noticed != Noticed::Nothing).then_some(id));
        }
        Ok(())
    }

    /// Asks the store which keys changed outside the build.
    pub(super) fn refresh(&mut self) -> Result<Vec<KeyId>, StoreError> {
        let table = self.table.get_mut();
        let mut changes = Vec::new();
        if let Some(keys) = self.store.maybe_changed() {
            let mut ids: Vec<KeyId> = keys.iter().filter_map(|key| table.keys.find(key)).collect();
            ids.sort_unstable();
            ids.dedup();
            count_steps(ids.len());
            let met = ids.into_iter().filter(|&id| table.has(id, LOADED | HELD));
            let mut known = met.map(|id| (id, table.keys.name(id), table.value(id)));
            self.store.refresh(&mut known, &mut |id, value, modified| changes.push((id, value, modified)))?;
        } else {
            let met = table.keys.iter().filter(|&(id, _)| table.has(id, LOADED | HELD));
            let mut known = met.map(|(id, key)| (id, key, table.value(id)));
            self.store.refresh(&mut known, &mut |id, value, modified| changes.push((id, value, modified)))?;
        }
        // The store tells of a change once: none is left out because the journal could not write another.
        let ids: Vec<KeyId> = changes.iter().map(|(id, ..)| *id).collect();
        let mut noticed = Ok(());
        for (id, value, modified) in changes {
            if !table.keys.knows(id) {
                let nonsense = format!("it says that {id:?}, which is the id of no key, has changed");
                noticed = noticed.and(Err(StoreError::new("ask", "the store", std::io::Error::other(nonsense))));
                continue;
            }
            let input = !self.tasks.has(table.keys.name(id));
            let known = table.receive(id, value);
            let news = News { known, modified: Some(modified), input, touched: true };
            let outcome = self.sink.notice(table, id, news);
            self.questionable |= !matches!(outcome, Ok(Noticed::Touch));
            noticed = noticed.and(outcome.map(drop));
        }
        noticed.map(|()| ids)
    }

    /// Notices tasks that were replaced, that are new, or that are no more.
    pub(super) fn compare_definitions(&mut self) -> Result<(), StoreError> {
        if self.compared == Some(self.generation) {
            return Ok(());
        }
        let table = self.table.get_mut();
        let mut changed = Vec::new();
        let since = self.moment.filter(|_| self.compared.is_some());
        let mut find = |key: &K| changed.extend(table.keys.find(key));
        if since.is_some_and(|moment| self.tasks.changed_since(moment, &mut find)) {
            changed.sort_unstable();
            changed.dedup();
        } else {
            changed = table.keys.iter().map(|(id, _)| id).collect();
        }
        count_steps(changed.len());
        let mut told = Ok(());
        for id in changed {
            let key = table.keys.name(id);
            let has = self.tasks.has(key);
            let definition = identity(&self.tasks, key, self.collection).filter(|_| has);
            let flipped = table.has(id, CLASSIFIED) && table.has(id, INPUT) == has;
            table.classify(id, !has);
            let known = table.fingerprint(id.definition());
            // A task that was built without a definition and has one now was replaced, too (`Rules` does so).
            let replaced = (known.is_some() || table.has(id, BUILT)) && definition != known;
            if let Some(definition) = definition {
                if known != Some(definition) {
                    table.define(id, definition);
                }
            } else {
                table.lower(id, DEFINED);
            }
            if replaced || flipped {
                table.set_state(id, STALE);
                let modified = self.sink.tick();
                let event = Event::Changed {
                    key: id.definition(),
                    fingerprint: definition,
                    value: None,
                    modified,
                    input: true,
                };
                told = told.and(self.sink.record(&table.keys, &event));
                // What an input held may look like what the task gives that it has now, and differ elsewhere.
                let part = table.value(id).filter(|value| flipped && has && !value.is_whole()).map(Value::fingerprint);
                part.into_iter().for_each(|part| table.set_fingerprint(id, foreign(part)));
                if flipped && (!has || part.is_some()) && table.has(id, LOADED) {
                    // An input from now on: what it holds need not be what its dependents saw when it was built.
                    let fingerprint = table.current(id);
                    let event = Event::Changed { key: id, fingerprint, value: table.value(id), modified, input: !has };
                    told = told.and(self.sink.record(&table.keys, &event));
                }
                self.questionable = true;
            }
        }
        self.compared = Some(self.generation);
        self.moment = self.tasks.moment();
        // (Each is compared once, so all are before what the journal could not write is said.)
        told
    }
}
