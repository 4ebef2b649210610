//! The loop that all schedulers share.
//!
//! Every key being brought up to date has a *slot*: first it waits for what must precede it, then the rebuilder
//! is asked, then, if the answer is *run*, the task's future is polled. A fetch of a key that is not up to date
//! leaves question or future pending; the slot is put on that key's list of waiters, and the key gets a slot of
//! its own. (Where the scheduler goes depth first, it is brought up to date within the fetch, to a few levels: `descending`.)
//! So the depth of the graph costs memory, not stack. Everything happens on one
//! thread; work outside (a process, a thread) is awaited, and the loop itself is a future that sleeps while all
//! it can do is wait.

mod descending;
mod failing;
mod learning;
mod maybe_stale;
mod maybe_stale_keys;
mod running;
mod settling;
mod state;
mod waking;

use smallvec::SmallVec;
use std::task::{Context, Poll, Waker};

use crate::error::{Cause, StoreError};
use crate::event::Event;
use crate::event_sink::News;
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{ACTIVE, ASKED, CLASSIFIED, FAILED, INPUT, LOADED, Look, STALE, VOLATILE};
use crate::rebuilder::{Answer, Question, Reason, Rebuilder};
use crate::report::Decision;
use crate::scheduler::{Schedules, WhenBlocked};
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::{Tasks, identity};
use crate::task_context::Missing;
use crate::waits::Ticket;

use learning::LookedUp;
use state::{Demand, Phase, Slot};
pub(crate) use state::{Engine, Observer, Progress, Told};
use waking::SlotWaker;

/// A build reserves room for so many slots at most before it needs them: a few megabytes.
const SLOTS_AT_ONCE: usize = 1 << 15;

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
    /// Goes on until nothing is left to do, or all that is left waits for the outside.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.state.woken.enter(cx);
        for slot in self.state.woken.take() {
            self.resume_woken(slot);
        }
        loop {
            self.demand_detached();
            self.advance_maybe_stale();
            while !self.state.stopped
                && let Some(key) = self.state.queue.pop(self.scheduler)
            {
                if self.state.queue.is_spent() {
                    self.fail_given(key);
                } else {
                    self.visit(key);
                }
            }
            let table = self.table.borrow();
            let freed = table.pools.freed && !self.state.stopped;
            let detached = !table.detached.started.is_empty() && !self.state.stopped;
            let working = table.pools.is_working();
            drop(table);
            if freed {
                // (Now that all that want a permit have asked for it.)
                self.admit();
            }
            if freed || detached || self.has_unresolved() {
                continue;
            }
            if self.resume_partly() {
                continue;
            }
            // (A task that woke itself goes on when the executor that runs this build has had its turn.)
            let outside = self.state.outside > 0 || self.state.woken.any();
            if outside && (working || !self.state.stopped) {
                if let Err(error) = self.sink.journal.flush() {
                    self.fail_build(error);
                }
                return Poll::Pending;
            }
            if self.state.live == 0 && self.demand_targets() {
                continue;
            }
            if self.state.live == 0 || self.state.stopped {
                return Poll::Ready(());
            }
            // Keys are left, none can go on, nothing outside will wake one: they wait for each other.
            self.break_cycle();
        }
    }

    /// Polls a task that something outside has woken, if it has not been polled since.
    fn resume_woken(&mut self, slot: u32) {
        let woken = self.state.wakers[slot as usize].as_ref().is_some_and(SlotWaker::is_woken);
        // (A slot that has served its task has no future.)
        if woken && self.state.slots[slot as usize].future.is_some() {
            self.advance(slot);
        }
    }

    /// Nothing else can go on: polls the tasks that have some of what they wait for, in case that is enough for
    /// them. (Before, they would be polled once for each of many keys; and a race of two fetches would be one.)
    fn resume_partly(&mut self) -> bool {
        let mut any = false;
        for slot in std::mem::take(&mut self.state.partly) {
            let waits = &mut self.state.slots[slot as usize];
            let partly = std::mem::take(&mut waits.partly);
            if partly && waits.future.is_some() && !self.state.stopped {
                any = true;
                self.advance(slot);
            }
        }
        any
    }

    /// Gives free permits to the futures that wait for them.
    pub(super) fn admit(&mut self) {
        if !std::mem::take(&mut self.table.borrow_mut().pools.freed) || self.state.stopped {
            return;
        }
        let pools = self.table.borrow().pools.len();
        // (What has a permit of a named pool asks for a job then: that of jobs comes last.)
        for pool in (0..pools).rev() {
            while !self.state.stopped {
                let mut table = self.table.borrow_mut();
                if table.pools.get(pool).free == 0 {
                    break;
                }
                let Some(ticket) = table.pools.get(pool).next() else { break };
                let Some(arrival) = table.waits.arrived(ticket) else { continue };
                drop(table);
                arrival.waker.into_iter().for_each(Waker::wake);
                self.advance(arrival.slot);
            }
        }
    }

    pub(super) fn demand_detached(&mut self) {
        let started = self.table.borrow_mut().detached.take_started();
        for key in started {
            let mut table = self.table.borrow_mut();
            table.detached.owed.push(key);
            // No record names what was detached.
            table.aside.push(key);
            drop(table);
            self.invalidate_unplanned(key);
            let demand = self.demand(key);
            match demand {
                Demand::Ready => self.note_detached_done(key),
                Demand::Active(_) | Demand::Failed => self.note_detached(&[key]),
            }
            let failed = matches!(demand, Demand::Failed) && self.table.borrow().has(key, INPUT);
            if failed && !self.state.named.contains(&key) {
                // Nobody waits for it who could say so.
                self.mark_failed(key, Some(Cause::MissingTarget));
            }
        }
    }

    /// The journal hears of keys that were started without waiting, so that another process brings them up to date if this one
    /// does not. Before the task that started them has its value: a task that has one is not asked again.
    pub(super) fn note_detached(&mut self, keys: &[KeyId]) {
        for &key in keys {
            let mut table = self.table.borrow_mut();
            let given = table.value(key).is_some() && !self.tasks.has(table.keys.name(key));
            if given || table.detached.in_journal.contains(&key) {
                continue;
            }
            match self.sink.record(&table.keys, &Event::Detached { key, done: false }) {
                Ok(()) => {
                    table.detached.in_journal.insert(key);
                }
                Err(error) => {
                    drop(table);
                    self.fail_build(error);
                }
            }
        }
    }

    /// A key is up to date: if it was owed, the journal hears that it is no more.
    pub(super) fn note_detached_done(&mut self, key: KeyId) {
        let mut table = self.table.borrow_mut();
        if !table.detached.in_journal.remove(&key) {
            return;
        }
        let told = self.sink.record(&table.keys, &Event::Detached { key, done: true });
        drop(table);
        if let Err(error) = told {
            self.fail_build(error);
        }
    }

    /// A key is detached that may lie where the order of a scheduler that follows suspects does not lead: a key
    /// that has no place there counts as up to date though nobody looked, and is looked at now.
    fn invalidate_unplanned(&mut self, key: KeyId) {
        let ordered = self.suspects.is_none() || self.follows_maybe_stale() || self.scheduler.precedes(key);
        if ordered || std::mem::replace(&mut self.state.unplanned_invalidated, true) {
            return;
        }
        let mut table = self.table.borrow_mut();
        count_steps(table.keys.len());
        for id in (0..table.keys.bound()).map(KeyId::new) {
            if table.state(id) == table.revision && !self.scheduler.precedes(id) {
                table.set_state(id, STALE);
            }
        }
    }

    pub(super) fn visit(&mut self, key: KeyId) {
        let state = self.table.borrow().state(key);
        let slot = if state & ACTIVE != 0 {
            state & !ACTIVE
        } else if !self.table.borrow().keys.knows(key) {
            return self.fail_unknown(key);
        } else {
            match self.demand_quietly(key) {
                Demand::Active(slot) => slot,
                Demand::Ready | Demand::Failed => return,
            }
        };
        // A key may be pushed again while it waits for others.
        let blocked = self.table.borrow().waits.is_blocked(slot);
        if !blocked {
            self.advance(slot);
        }
    }

    /// Has a key brought up to date: gives it a slot and tells the scheduler, if it has none.
    pub(super) fn demand(&mut self, key: KeyId) -> Demand {
        let state = self.table.borrow().state(key);
        if state & ACTIVE != 0 {
            return Demand::Active(state & !ACTIVE);
        }
        let demand = self.demand_quietly(key);
        if let Demand::Active(_) = demand {
            self.push(key);
        }
        demand
    }

    /// A key can go on: in its turn, or at once while a task is underway that may need no more than a glance at it.
    pub(super) fn push(&mut self, key: KeyId) {
        match &mut self.state.glance {
            Some(keys) => keys.push(key),
            None => {
                self.state.queue.told();
                self.scheduler.push(key, &self.sink.metadata);
            }
        }
    }

    /// Brings keys up to date as far as no task has to run for it; whether that is all of them. A task that fetched them has
    /// then discovered nothing, and goes on as if they had been there.
    pub(super) fn glance_at(&mut self, keys: &[Missing]) -> bool {
        self.state.glance = Some(Vec::new());
        self.state.discovered = false;
        for missing in keys.iter().rev() {
            self.demand(missing.key);
        }
        while !self.state.discovered
            && !self.state.stopped
            && let Some(key) = self.state.glance.as_mut().and_then(Vec::pop)
        {
            self.visit(key);
        }
        for key in self.state.glance.take().into_iter().flatten() {
            self.push(key);
        }
        let mut table = self.table.borrow_mut();
        !self.state.stopped && keys.iter().all(|missing| !matches!(table.look(missing.key), Look::Missing))
    }

    pub(super) fn demand_quietly(&mut self, key: KeyId) -> Demand {
        if let Err(error) = self.load(key) {
            self.mark_failed(key, Some(error.into()));
            return Demand::Failed;
        }
        let mut table = self.table.borrow_mut();
        match table.look(key) {
            Look::Ready(_) => return Demand::Ready,
            Look::Failed => return Demand::Failed,
            Look::Missing => {}
        }
        if table.has(key, INPUT) {
            // No task and no value; the failure of each task that needs it says so.
            drop(table);
            self.mark_failed(key, None);
            return Demand::Failed;
        }
        let slot = match self.state.free.pop() {
            Some(slot) => {
                self.state.slots[slot as usize].serve(key);
                slot
            }
            None => {
                if self.state.slots.is_empty() {
                    // As many as before, perhaps: slots that move to a larger room are copied, all of them.
                    self.state.slots.reserve(table.waits.covered().min(SLOTS_AT_ONCE));
                }
                self.state.slots.push(Slot::new(key));
                table.waits.cover(self.state.slots.len());
                (self.state.slots.len() - 1) as u32
            }
        };
        self.state.live += 1;
        table.set_state(key, ACTIVE | slot);
        if !table.raised {
            table.aside.push(key);
        }
        Demand::Active(slot)
    }

    /// Learns of a key what tasks and store know of it, when it is first met.
    pub(super) fn load(&mut self, key: KeyId) -> std::result::Result<(), StoreError> {
        let mut table = self.table.borrow_mut();
        let table = &mut *table;
        if !table.has(key, CLASSIFIED) {
            table.classify(key, !self.tasks.has(table.keys.name(key)));
        }
        if table.has(key, LOADED) {
            return Ok(());
        }
        let name = table.keys.name(key);
        let value = self.store.load(key, name)?;
        let known = table.receive(key, value);
        if table.has(key, INPUT) {
            let modified = self.store.modified(table.keys.name(key));
            self.sink.notice(table, key, News { known, modified, input: true, touched: false })?;
        } else if let Some(value) = table.value(key) {
            let fingerprint = value.fingerprint();
            table.set_fingerprint(key, fingerprint);
        }
        Ok(())
    }

    /// Takes a slot as far as it can go now.
    pub(super) fn advance(&mut self, slot: u32) {
        let key = self.state.slots[slot as usize].key;
        self.go_on(slot);
        if self.suspects.is_some() && !self.follows_maybe_stale() {
            let state = self.table.borrow().state(key);
            if state == ACTIVE | slot || state == FAILED {
                self.mark_dependents(key);
            }
        }
    }

    /// A key that has to wait may yet change, and with it every key above it (a key that fails, fails them): none of
    /// these counts as up to date before it was looked at. (Only where suspects are followed in an order; elsewhere
    /// nothing that lies above a suspect does.)
    fn mark_dependents(&mut self, key: KeyId) {
        let mut todo = vec![key];
        while let Some(key) = todo.pop() {
            if !self.state.marked_above.insert(key) {
                continue;
            }
            count_steps(1);
            let above = todo.len();
            self.rebuilder.dependents(key, &self.sink.metadata, &mut |dependent| todo.push(dependent));
            let mut table = self.table.borrow_mut();
            for &dependent in &todo[above..] {
                if table.state(dependent) == table.revision {
                    table.set_state(dependent, STALE);
                    self.state.queue.told();
                    self.scheduler.suspect(dependent);
                }
            }
        }
    }

    fn go_on(&mut self, slot: u32) {
        loop {
            let key = self.state.slots[slot as usize].key;
            match self.state.slots[slot as usize].phase {
                Phase::Needs => {
                    let mut needs = Vec::new();
                    let failed = self.collect_needs(key, &mut needs);
                    if let Some(dependency) = failed {
                        return self.fail(slot, self.consequence(dependency));
                    }
                    if !needs.is_empty() && self.wait_for(slot, needs.iter().copied()) {
                        return;
                    }
                    if needs.is_empty() {
                        self.take_definition(key);
                        self.state.slots[slot as usize].phase = Phase::Ask;
                    }
                }
                Phase::Ask => match self.ask(slot) {
                    Poll::Pending => {
                        let missing = std::mem::take(&mut self.table.borrow_mut().task.missing);
                        if missing.is_empty() {
                            return self.fail(slot, Cause::PendingOnNothing);
                        }
                        let there = self.descend_to(&missing);
                        let mut keys = missing.iter().map(|missing| missing.key);
                        if self.state.stopped
                            && let Some(failed) = keys.find(|&key| self.table.borrow().state(key) == FAILED)
                        {
                            return self.fail(slot, self.consequence(failed));
                        }
                        if there {
                            self.give_back(missing);
                            continue;
                        }
                        let waits = self.wait_for(slot, missing.iter().map(|missing| missing.key));
                        self.give_back(missing);
                        if waits {
                            return;
                        }
                    }
                    Poll::Ready(Answer::Keep) if self.table.borrow().value(key).is_none() => {
                        return self.fail(slot, Cause::KeptNothing);
                    }
                    Poll::Ready(Answer::Keep) => {
                        self.state.report.kept += 1;
                        self.observe(key, &Decision::Kept);
                        return self.settle(slot);
                    }
                    Poll::Ready(Answer::Restore(restored)) => match self.restore(slot, restored) {
                        Ok(true) => {
                            if let Some(found) = self.state.learned.get_mut(&key) {
                                *found = LookedUp::default();
                            }
                            return self.settle(slot);
                        }
                        Ok(false) => self.state.slots[slot as usize].phase = Phase::Task(Reason::Evicted),
                        Err(cause) => return self.fail(slot, cause),
                    },
                    Poll::Ready(Answer::Run(_)) if self.learn(key) => {
                        self.state.slots[slot as usize].notes.renew();
                    }
                    Poll::Ready(Answer::Run(reason)) => {
                        // Of a volatile key no trace is kept, so that rebuilders do not know better.
                        let unknown = matches!(reason, Reason::NeverBuilt | Reason::Dirty);
                        let volatile = unknown && self.table.borrow().has(key, VOLATILE);
                        let reason = if volatile { Reason::Volatile } else { reason };
                        self.state.slots[slot as usize].phase = Phase::Task(reason);
                    }
                },
                Phase::Task(_) if self.state.glance.is_some() => {
                    // Another task is underway, and is not kept while this one runs.
                    self.state.discovered = true;
                    return self.push(key);
                }
                Phase::Task(reason) => {
                    if self.run(slot, reason) {
                        return;
                    }
                }
            }
        }
    }

    /// What must be up to date before a key is considered, of that what is not; or one of them that failed.
    pub(super) fn collect_needs(&mut self, key: KeyId, needs: &mut Vec<KeyId>) -> Option<KeyId> {
        let table = &mut *self.table.borrow_mut();
        // Two calls into the tasks while the keys are borrowed: ids are taken afterwards.
        let mut ordered: SmallVec<[K; 4]> = SmallVec::new();
        let name = table.keys.name(key);
        self.tasks.order_only(name, &mut |key| ordered.push(key.clone()));
        let binding = ordered.len();
        // With nothing else underway, what an order puts before this key is up to date.
        let settled = self.state.live == 1 && self.scheduler.precedes(key);
        if self.scheduler.when_blocked() == WhenBlocked::Refuse && !settled {
            self.tasks.declared(name, &mut |key| ordered.push(key.clone()));
        }
        count_steps(ordered.len());
        let records = self.scheduler.when_blocked() != WhenBlocked::Refuse;
        for (position, name) in ordered.iter().enumerate() {
            let id = table.intern(name);
            if records {
                self.preceding.entry(id).or_default().insert(key);
            }
            match table.look(id) {
                Look::Ready(_) => {}
                // A declared dependency that failed may be one that the task does not take.
                Look::Failed if position >= binding => {}
                Look::Failed => return Some(id),
                Look::Missing => needs.push(id),
            }
        }
        None
    }

    /// Looks up the definition of a task that is met for the first time. (Replaced ones were noticed before the
    /// build began.)
    pub(super) fn take_definition(&mut self, key: KeyId) {
        let table = &mut *self.table.borrow_mut();
        if table.has(key, ASKED) {
            return;
        }
        table.raise(key, ASKED);
        if let Some(definition) = identity(self.tasks, table.keys.name(key), self.collection) {
            table.define(key, definition);
        }
    }

    pub(super) fn ask(&mut self, slot: u32) -> Poll<Answer<V>> {
        let table = &mut *self.table.borrow_mut();
        let slot = &mut self.state.slots[slot as usize];
        table.task.missing.clear();
        let mut question = Question { table, key: slot.key, notes: &mut slot.notes, volatile: &mut slot.volatile };
        let answer = self.rebuilder.ask(&mut question, &self.sink.metadata);
        slot.notes.resumed = true;
        answer
    }

    /// Has keys brought up to date for which the slot waits as a whole; `false` if none is left to wait for.
    pub(super) fn wait_for(
        &mut self,
        slot: u32,
        keys: impl DoubleEndedIterator<Item = KeyId> + ExactSizeIterator,
    ) -> bool {
        let ticket = self.table.borrow_mut().waits.for_task(slot, keys.len() as u32);
        if let Some(before) = self.state.slots[slot as usize].ticket.replace(ticket) {
            self.table.borrow_mut().waits.give_back(before);
        }
        // Backwards, so that a stack yields them in the order in which they were asked for.
        for key in keys.rev() {
            if let Demand::Active(other) = self.demand(key) {
                self.wait(other, slot, key, ticket);
            } else {
                self.table.borrow_mut().waits.arrived(ticket);
            }
        }
        self.table.borrow().waits.is_blocked(slot)
    }

    /// The task of a slot waits, with this ticket, for the key of another.
    pub(super) fn wait(&mut self, other: u32, slot: u32, key: KeyId, ticket: Ticket) {
        self.state.slots[other as usize].waiters.push(ticket);
        if let Some(stalled) = &mut self.state.stalled {
            stalled.note(self.state.slots[slot as usize].key, key, ticket);
        }
    }

    pub(super) fn give_back(&mut self, mut buffer: SmallVec<[Missing; 2]>) {
        buffer.clear();
        self.table.borrow_mut().task.missing = buffer;
    }

    pub(super) fn observe(&mut self, key: KeyId, decision: &Decision) {
        if let Some(observer) = &mut self.observer {
            observer(&self.table.borrow().keys, key, decision);
        }
    }
}
