//! A build system is opened: the journal is replayed into what scheduler and rebuilder read, and what it remembers is
//! compared with what the store holds and with the tasks of today.

use super::Build;
use crate::error::StoreError;
use crate::event::{Dependency, Event, Record};
use crate::event_sink::News;
use crate::fingerprint::{Value, foreign};
use crate::journal::{Journal, SharedDependency};
use crate::key::{Key, KeyId};
use crate::key_table::{BUILT, CLASSIFIED, DEFINED, HELD, INPUT, LOADED, STALE, VOLATILE};
use crate::metadata::Metadata;
use crate::rebuilder::Rebuilder;
use crate::remembered::Remembered;
use crate::scheduler::Schedules;
use crate::steps::count_steps;
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
    /// Has the metadata know all that journal and cache remember, and the key table what the store holds.
    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        if self.shaken.get() {
            // Of what was half done nothing is trusted but the values, each as it is, and the journal.
            self.board.get_mut().recover();
            while self.scheduler.pop().is_some() {}
            (self.opened, self.proven, self.questionable, self.compared) = (false, false, true, None);
            self.shaken.set(false);
        }
        // (What is met only while the journal is read is asked of the store that is there now. What was an output in the last
        // build lies in the build, even if its task was taken away since.)
        let board = self.board.get_mut();
        let met = if self.restocked { board.loaded() } else { Vec::new() };
        let met: Vec<(KeyId, bool)> = met.into_iter().map(|id| (id, !board.has(id, INPUT))).collect();
        let gives_away = self.store.gives_away();
        if !self.opened {
            self.replay()?;
            self.opened = true;
            self.learned = false;
        }
        if !self.learned {
            self.learn();
            self.learned = true;
        }
        if self.restocked {
            self.take_stock(&met, gives_away)?;
            self.restocked = false;
        }
        Ok(())
    }

    /// Asks a store that was changed or exchanged for every key that was met before, and whether each was an output then.
    pub(super) fn take_stock(&mut self, met: &[(KeyId, bool)], gives_away: bool) -> Result<(), StoreError> {
        let board = self.board.get_mut();
        self.store.open(&mut board.keys);
        board.cover();
        let keeps_outputs = !self.store.relies_on_journal();
        for &(id, output) in met {
            let key = board.keys.name(id);
            let (value, input) = (self.store.load(id, key)?, !self.tasks.has(key));
            if value.is_none() && (gives_away || output && !keeps_outputs) {
                continue;
            }
            let touched = value.as_ref().is_some_and(|value| !input && !value.is_whole());
            let known = board.receive(id, value);
            let modified = self.store.modified(board.keys.name(id));
            self.sink.notice(board, id, News { known, modified, input, touched })?;
        }
        self.questionable = true;
        Ok(())
    }

    /// Installs what scheduler and rebuilder read, replays the journal into it, and compares what the journal
    /// remembers with what this build holds, or the store.
    pub(super) fn replay(&mut self) -> Result<(), StoreError> {
        let sink = &mut self.sink;
        sink.metadata = Metadata::default();
        self.scheduler.install(&mut sink.metadata);
        self.rebuilder.install(&mut sink.metadata);
        let board = self.board.get_mut();
        self.store.open(&mut board.keys);
        board.cover();
        let mut remembered = Remembered::default();
        // What was forgotten and is not heard of again gets numbers that are given back when all is read.
        let known = board.keys.bound();
        board.keys.number_afresh(true);
        let (metadata, clock) = (&mut sink.metadata, &mut sink.clock);
        let replayed = sink.journal.replay(&mut board.keys, &mut |_, event| {
            metadata.apply(&event.untyped());
            *clock = (*clock).max(remembered.take(event));
        });
        board.keys.number_afresh(false);
        replayed?;
        let Remembered { mut keys, definitions, detached, volatile, gone } = remembered;
        let gone: Vec<KeyId> = gone.into_iter().filter(|id| id.index() >= known).collect();
        board.keys.forget(&gone);
        board.cover();
        // Whatever another journal has said of a task, this one need not know of.
        (0..board.keys.bound()).for_each(|index| board.lower(KeyId::new(index), BUILT | DEFINED | VOLATILE));
        volatile.into_iter().for_each(|id| board.raise(id, VOLATILE));
        board.detached_before.extend(&detached);
        board.detached_before.sort_unstable();
        board.detached_before.dedup();
        board.detached_in_journal = detached.into_iter().collect();
        // What a journal that is chosen late has not heard.
        for key in board.detached_before.clone() {
            if !board.detached_in_journal.contains(&key) {
                sink.record(&board.keys, &Event::Detached { key, done: false })?;
                board.detached_in_journal.insert(key);
            }
        }
        for (&id, &definition) in &definitions {
            board.define(id, definition);
        }
        // What this process holds already is what it once wrote, or newer: then the journal is told. (Of what the journal does
        // not know, only inputs matter.)
        let newer = |id: &KeyId| match keys.get(id) {
            Some((fingerprint, ..)) => board.current(*id) != *fingerprint,
            None => board.current(*id).is_some() && !self.tasks.has(board.keys.name(*id)),
        };
        let newer: Vec<KeyId> = board.loaded().into_iter().filter(newer).collect();
        for id in newer {
            let input = !self.tasks.has(board.keys.name(id));
            sink.reclassify(board, id, input)?;
            let key = board.keys.name(id);
            let modified = self.store.modified(key).unwrap_or_else(|| sink.tick());
            let part = board.value(id).filter(|value| !input && !value.is_whole()).map(Value::fingerprint);
            part.into_iter().for_each(|part| board.set_fingerprint(id, foreign(part)));
            let fingerprint = board.current(id);
            board.set_state(id, STALE);
            let value = board.value(id);
            sink.record(&board.keys, &Event::Changed { key: id, fingerprint, value, modified, input })?;
        }
        let mut ids: Vec<KeyId> = keys.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some((fingerprint, value, input)) = keys.remove(&id) else { continue };
            board.raise(id, if input { 0 } else { BUILT });
            let kept = value.filter(|_| self.store.relies_on_journal());
            let met = board.has(id, LOADED);
            if !met {
                // (Nothing of the user's comes between: what a store has given away would be lost in a panic.)
                let value = self.store.load(id, board.keys.name(id))?;
                board.receive(id, value);
            }
            // Of values that are equal in a part, the one that was built last is the key's.
            let built = |held: &V, kept: &V| !held.is_whole() && held.fingerprint() == kept.fingerprint();
            match (board.value(id), kept) {
                (Some(held), Some(kept)) if built(held, &kept) => board.hold(id, Some(kept)),
                (None, kept @ Some(_)) if !met => board.hold(id, kept),
                _ => {}
            }
            if met {
                continue;
            }
            let key = board.keys.name(id);
            let (modified, has) = (self.store.modified(key), self.tasks.has(key));
            if !board.has(id, CLASSIFIED) {
                board.classify(id, input);
            }
            sink.notice(board, id, News { known: fingerprint, modified, input: !has, touched: false })?;
        }
        Ok(())
    }

    /// Takes up the traces that other builds have left in the cache.
    pub(super) fn learn(&mut self) {
        let Some(cache) = &mut self.cache else { return };
        if !self.rebuilder.restores() {
            return;
        }
        let (board, metadata) = (self.board.get_mut(), &mut self.sink.metadata);
        let learned = cache.traces(&mut |trace| {
            let key = board.intern(&trace.key);
            let dependencies: Vec<Dependency> = trace
                .dependencies
                .iter()
                .map(|&SharedDependency { ref key, definition, grouped, fingerprint }| {
                    let id = board.intern(key);
                    Dependency { key: if definition { id.definition() } else { id }, grouped, fingerprint }
                })
                .collect();
            metadata.apply(&Event::Imported(Record {
                key,
                dependencies: &dependencies,
                deep: trace.deep,
                fingerprint: trace.value.fingerprint(),
                value: &trace.value,
                modified: 0,
                volatile: false,
                names: &board.keys,
            }));
        });
        // What others have built need not be known.
        self.cache_trouble = learned.err().map(|error| error.to_string());
    }

    /// Asks the store what changed outside the build.
    pub(super) fn refresh(&mut self) -> Result<(), StoreError> {
        let board = self.board.get_mut();
        let mut changes = Vec::new();
        {
            let met = board.keys.iter().filter(|&(id, _)| board.has(id, LOADED | HELD));
            let mut known = met.map(|(id, key)| (id, key, board.value(id)));
            self.store.refresh(&mut known, &mut |id, value, modified| changes.push((id, value, modified)))?;
        }
        // The store tells of a change once: none is left out because the journal could not write another.
        let mut noticed = Ok(());
        for (id, value, modified) in changes {
            let input = !self.tasks.has(board.keys.name(id));
            let known = board.receive(id, value);
            let news = News { known, modified: Some(modified), input, touched: true };
            noticed = noticed.and(self.sink.notice(board, id, news).map(drop));
            self.questionable = true;
        }
        noticed
    }

    /// Notices tasks that were replaced, that are new, or that are no more.
    pub(super) fn compare_definitions(&mut self) -> Result<(), StoreError> {
        if self.compared == Some(self.generation) {
            return Ok(());
        }
        let board = self.board.get_mut();
        let mut changed = Vec::new();
        let since = self.moment.filter(|_| self.compared.is_some());
        let mut find = |key: &K| changed.extend(board.keys.find(key));
        if since.is_some_and(|moment| self.tasks.changed_since(moment, &mut find)) {
            changed.sort_unstable();
            changed.dedup();
        } else {
            changed = board.keys.iter().map(|(id, _)| id).collect();
        }
        count_steps(changed.len());
        let mut told = Ok(());
        for id in changed {
            let key = board.keys.name(id);
            let (has, definition) = (self.tasks.has(key), identity(&self.tasks, key, self.collection));
            let flipped = board.has(id, CLASSIFIED) && board.has(id, INPUT) == has;
            board.classify(id, !has);
            let known = board.fingerprint(id.definition());
            // A task that was built without a definition and has one now was replaced, too (`Rules` does so).
            let replaced = (known.is_some() || board.has(id, BUILT)) && definition != known;
            if let Some(definition) = definition.filter(|_| has) {
                if known != Some(definition) {
                    board.define(id, definition);
                }
            } else {
                board.lower(id, DEFINED);
            }
            if replaced || flipped {
                board.set_state(id, STALE);
                let modified = self.sink.tick();
                let event = Event::Changed {
                    key: id.definition(),
                    fingerprint: definition,
                    value: None,
                    modified,
                    input: true,
                };
                told = told.and(self.sink.record(&board.keys, &event));
                if flipped && !has && board.has(id, LOADED) {
                    // An input from now on: what it holds need not be what its dependents saw when it was built.
                    let fingerprint = board.current(id);
                    let event = Event::Changed { key: id, fingerprint, value: board.value(id), modified, input: true };
                    told = told.and(self.sink.record(&board.keys, &event));
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
