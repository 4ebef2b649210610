//! A task runs, and may have to wait: what then becomes of its future is the scheduler's choice.

use super::state::{Demand, Engine, Slot};
use super::waking::SlotWaker;
use crate::error::{Cause, Reasoned, Result, TaskError, panic_message};
use crate::fetch::Fetch;
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{FAILED, INPUT, Look};
use crate::rebuilder::{Reason, Rebuilder};
use crate::report::Decision;
use crate::scheduler::{Schedules, WhenBlocked};
use crate::store::Store;
use crate::task::{Running, TaskFuture, Tasks};
use crate::task_context::Missing;
use crate::waits::Ticket;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Poll, Waker};

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
    /// Starts or resumes a task; `true` if the slot is done with for now.
    pub(super) fn run(&mut self, slot: u32, reason: Reason) -> bool {
        let index = slot as usize;
        self.leave_outside(slot);
        if self.state.wakers.len() <= index {
            self.state.wakers.resize_with(self.state.slots.len(), || None);
        }
        let waker = self.state.wakers[index].take();
        let waker = waker.unwrap_or_else(|| SlotWaker::new(slot, &self.state.woken));
        let this = &mut self.state.slots[index];
        let key = this.key;
        let mut future = this.future.take();
        if std::mem::take(&mut this.suspended) {
            self.state.suspended -= 1;
        }
        this.partly = false;
        // (A formula is called again when what it asked for is there; that is no other start.)
        let starts = !std::mem::replace(&mut this.started, true);
        let name = {
            let mut table = self.table.borrow_mut();
            table.task.enter(this.met_failure, this.volatile);
            waker.seen();
            table.waits.enter(slot, &waker.waker);
            std::mem::swap(&mut table.task.recorder, &mut this.dependencies);
            let name = future.is_none().then(|| table.keys.name(key).clone());
            if name.is_some() {
                table.task.recorder.clear();
            }
            name
        };
        if starts {
            self.observe(key, &Decision::Started(reason));
        }
        let (fetch, tasks, depth) = (Fetch { table: self.table }, self.tasks, self.state.depth);
        self.lend_descent();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(name) = &name {
                match tasks.run(name, fetch) {
                    Running::Done(outcome) => return Poll::Ready(outcome),
                    Running::Waiting => return Poll::Pending,
                    Running::Future(started) => future = Some(started),
                }
            }
            let Some(future) = &mut future else { return Poll::Pending };
            future.as_mut().poll(&mut Context::from_waker(&waker.waker))
        }));
        if !self.end_descent(depth) {
            resume_unwind(polled.err().unwrap_or_else(|| Box::new("a task caught a panic that was not its own")));
        }
        self.state.wakers[index] = Some(waker);
        let stopped = {
            let mut table = self.table.borrow_mut();
            let this = &mut self.state.slots[index];
            std::mem::swap(&mut table.task.recorder, &mut this.dependencies);
            this.met_failure = table.task.poll.met_failure;
            this.volatile = table.task.poll.volatile;
            this.permits += table.task.poll.permits;
            table.task.poll.stopped
        };
        match polled {
            Err(panic) => {
                self.discard(future);
                self.fail(slot, Cause::Panic(panic_message(&*panic).into()));
                true
            }
            Ok(Poll::Ready(outcome)) => {
                self.discard(future);
                self.end(slot, outcome);
                true
            }
            Ok(Poll::Pending) if stopped => {
                self.discard(future);
                let met = self.state.slots[index].met_failure;
                self.fail(slot, met.map_or(Cause::Stuck, |dependency| self.consequence(dependency)));
                true
            }
            Ok(Poll::Pending) => self.suspend(slot, future),
        }
    }

    /// A task is pending: on keys, on a permit of a pool, or on the outside. `true` if the slot is done with for now.
    fn suspend(&mut self, slot: u32, future: Option<TaskFuture<'b, V>>) -> bool {
        let index = slot as usize;
        let mut missing = std::mem::take(&mut self.table.borrow_mut().task.missing);
        // Given up in the same poll: the other side of a `select` was ready.
        {
            let waits = &self.table.borrow().waits;
            if waits.any_given_up() {
                missing.retain(|missing| missing.ticket.is_none_or(|ticket| waits.waiting(ticket).is_some()));
            }
        }
        if missing.is_empty() && future.is_none() {
            self.give_back(missing);
            self.fail(slot, Cause::Stuck);
            return true;
        }
        let asked = missing.len();
        // Inputs that were met for the first time need no waiting: the same future goes on at once.
        let mut first = None;
        missing.retain(|missing| {
            let resolved = self.resolve_input(missing.key);
            if resolved {
                self.arrived(missing.ticket);
            } else {
                first.get_or_insert(missing.key);
            }
            !resolved
        });
        let blocked = self.table.borrow().waits.is_blocked(slot);
        let Some(first) = first else {
            self.give_back(missing);
            self.state.slots[index].future = future;
            if asked > 0 && !blocked {
                return false;
            }
            self.stand_by(slot);
            return true;
        };
        let at_work = self.table.borrow_mut().task.poll.fetched_at_work.take();
        if let Some(dependency) = at_work.filter(|&key| missing.iter().any(|missing| missing.key == key)) {
            let dependency = self.table.borrow().keys.show(dependency);
            self.discard(future);
            self.fail(slot, Cause::FetchedAtWork { dependency });
            return true;
        }
        // What was begun outside is neither thrown away nor done twice: a command that has ended, a timer that runs on.
        let kept = self.state.wakers[index].as_ref().is_some_and(SlotWaker::is_kept);
        let underway = future.is_some() && (kept || self.state.slots[index].waited);
        match self.scheduler.when_blocked() {
            WhenBlocked::Refuse => {
                let dependency = self.table.borrow().keys.show(first);
                self.discard(future);
                self.fail(slot, Cause::Undeclared { dependency });
                true
            }
            WhenBlocked::Drop if !underway && self.glance_at(&missing) => {
                missing.iter().for_each(|missing| self.arrived(missing.ticket));
                self.give_back(missing);
                self.state.slots[index].future = future;
                false
            }
            WhenBlocked::Drop if !underway => {
                self.discard(future);
                let failed = missing.iter().map(|missing| missing.key);
                let failed = failed.into_iter().find(|&key| self.table.borrow().state(key) == FAILED);
                if let Some(failed) = failed.filter(|_| self.state.stopped) {
                    self.give_back(missing);
                    self.fail(slot, self.consequence(failed));
                    return true;
                }
                self.state.slots[index].permits = 0;
                self.state.slots[index].started = false;
                self.state.slots[index].waited = false;
                self.state.report.restarts += 1;
                self.state.slots[index].dependencies.clear();
                self.state.slots[index].met_failure = None;
                let key = self.state.slots[index].key;
                self.observe(key, &Decision::Restarted(first));
                let waits = self.wait_for(slot, missing.iter().map(|missing| missing.key));
                self.give_back(missing);
                waits
            }
            WhenBlocked::Keep | WhenBlocked::Drop => {
                self.state.slots[index].future = future;
                let some = self.wait_for_each(slot, &missing) || asked > missing.len();
                self.give_back(missing);
                let waits = self.table.borrow().waits.is_blocked(slot);
                if waits {
                    self.stand_by(slot);
                    if some {
                        self.came_partly(slot);
                    }
                }
                waits
            }
        }
    }

    /// Has the keys brought up to date for which futures of the task wait; whether some are there at once.
    fn wait_for_each(&mut self, slot: u32, missing: &[Missing]) -> bool {
        let tickets = missing.iter().filter_map(|missing| missing.ticket);
        if tickets.count() < missing.len() {
            // What is asked for by polling has no ticket; the task as a whole waits for all.
            self.wait_for(slot, missing.iter().map(|missing| missing.key));
        }
        let mut some = false;
        // Backwards, so that a stack yields them in the order in which they were asked for.
        for missing in missing.iter().rev() {
            let Some(ticket) = missing.ticket else { continue };
            if let Demand::Active(other) = self.demand(missing.key) {
                self.wait(other, slot, missing.key, ticket);
            } else {
                self.arrived(Some(ticket));
                some = true;
            }
        }
        some
    }

    /// Some of what the task waits for has come.
    pub(super) fn came_partly(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.state.slots[slot as usize].partly, true) {
            self.state.partly.push(slot);
        }
    }

    /// A key has come for which a future of the task that was just polled waits.
    fn arrived(&mut self, ticket: Option<Ticket>) {
        let arrival = ticket.and_then(|ticket| self.table.borrow_mut().waits.arrived(ticket));
        arrival.and_then(|arrival| arrival.waker).into_iter().for_each(Waker::wake);
    }

    /// A pending future is kept: until keys come, until there is a permit, or until the outside wakes it.
    fn stand_by(&mut self, slot: u32) {
        let blocked = self.table.borrow().waits.is_blocked(slot);
        let waits = &mut self.state.slots[slot as usize];
        if blocked {
            waits.suspended = true;
            self.state.suspended += 1;
            self.state.report.suspended = self.state.report.suspended.max(self.state.suspended);
        }
        // A future that holds a permit has work outside too: its permit may be the one that the missing keys wait for.
        // (And a future that waits for a permit waits for such a future.)
        if (!blocked || waits.permits > 0) && !std::mem::replace(&mut waits.outside, true) {
            self.state.outside += 1;
            waits.waited = true;
        }
    }

    pub(super) fn leave_outside(&mut self, slot: u32) {
        if std::mem::take(&mut self.state.slots[slot as usize].outside) {
            self.state.outside -= 1;
        }
    }

    /// Whether a key that was just fetched is an input, whose value (or lack of one) is known from now on.
    pub(super) fn resolve_input(&mut self, key: KeyId) -> bool {
        if let Err(error) = self.load(key) {
            self.mark_failed(key, Some(error.into()));
            return true;
        }
        let mut table = self.table.borrow_mut();
        if !matches!(table.look(key), Look::Missing) {
            return true;
        }
        let input = table.has(key, INPUT);
        drop(table);
        if input {
            self.mark_failed(key, None);
        }
        input
    }

    /// Drops a future. It may hold permits of pools, which it gives back to the key table: nothing may borrow the key table.
    #[inline]
    pub(super) fn discard(&mut self, future: Option<TaskFuture<'b, V>>) {
        let Some(future) = future else { return };
        // What it fetches on its way out has no part in any value; least of all in that of a task within whose poll it is dropped.
        let fetched = self.table.borrow().task.recorder.len();
        drop(future);
        self.table.borrow_mut().task.recorder.truncate(fetched);
    }

    /// A key that the task fetched although nothing puts it before this one.
    fn undeclared(&self, slot: u32) -> Option<String> {
        let Slot { key, ref dependencies, .. } = self.state.slots[slot as usize];
        if self.scheduler.when_blocked() != WhenBlocked::Refuse {
            return None;
        }
        let table = self.table.borrow();
        let fetched = dependencies.iter().map(|&raw| KeyId::from_raw(raw));
        let mut tasks = fetched.filter(|&dependency| !table.has(dependency, INPUT));
        let lucky = tasks.find(|&dependency| !self.scheduler.may_fetch(key, dependency))?;
        Some(table.keys.show(lucky))
    }

    /// A task has ended.
    pub(super) fn end(&mut self, slot: u32, outcome: Result<V>) {
        let waits = &self.state.slots[slot as usize];
        match (waits.met_failure, outcome) {
            (Some(dependency), _) => self.fail(slot, self.consequence(dependency)),
            (None, Ok(value)) => {
                if let Some(dependency) = self.undeclared(slot) {
                    return self.fail(slot, Cause::Undeclared { dependency });
                }
                if let Err(error) = self.built(slot, value) {
                    self.fail(slot, error.into());
                }
            }
            (None, Err(TaskError(Reasoned::Said(text)))) => self.fail(slot, Cause::Task(text)),
            (None, Err(error)) => self.fail(slot, Cause::Task(error.to_string().into())),
        }
    }
}
