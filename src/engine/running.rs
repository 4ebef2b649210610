//! A task runs, and may have to wait: what then becomes of its future is the scheduler's choice.

use super::state::{Engine, Slot};
use crate::board::{INPUT, Look};
use crate::error::{Cause, Reasoned, Result, TaskError};
use crate::fetch::Fetch;
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::rebuilder::{Reason, Rebuilder};
use crate::report::Decision;
use crate::scheduler::{Scheduler, WhenBlocked};
use crate::store::Store;
use crate::task::{Running, Tasks};
use futures::future::LocalBoxFuture;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

impl<'b, K, V, T, St, S, R, J> Engine<'b, K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Scheduler<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// Starts or resumes a task; `true` if the slot is done with for now.
    pub(super) fn run(&mut self, slot: u32, reason: Reason, cx: &mut Context<'_>) -> bool {
        let index = slot as usize;
        let key = self.state.slots[index].key;
        self.leave_outside(slot);
        let mut future = self.state.slots[index].future.take();
        if std::mem::take(&mut self.state.slots[index].suspended) {
            self.state.suspended -= 1;
        }
        let (name, free_before) = {
            let mut board = self.board.borrow_mut();
            board.missing.clear();
            board.met_failure = self.state.slots[index].met_failure;
            board.volatile = self.state.slots[index].volatile;
            board.wants.clear();
            board.working = 0;
            board.fetched_at_work = None;
            std::mem::swap(&mut board.recorder, &mut self.state.slots[index].dependencies);
            let name = future.is_none().then(|| board.keys.name(key).clone());
            if name.is_some() {
                board.recorder.clear();
            }
            (name, board.free_places())
        };
        // (A formula is called again when what it asked for is there; that is no other start.)
        if !std::mem::replace(&mut self.state.slots[index].started, true) {
            self.observe(key, &Decision::Started(reason));
        }
        let fetch = Fetch { board: self.board };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(name) = &name {
                match self.tasks.run(name, fetch) {
                    Running::Done(outcome) => return Poll::Ready(outcome),
                    Running::Waiting => return Poll::Pending,
                    Running::Future(started) => future = Some(started),
                }
            }
            match &mut future {
                Some(future) => future.as_mut().poll(cx),
                None => Poll::Pending,
            }
        }));
        let wants = {
            let mut board = self.board.borrow_mut();
            std::mem::swap(&mut board.recorder, &mut self.state.slots[index].dependencies);
            self.state.slots[index].met_failure = board.met_failure;
            self.state.slots[index].volatile = board.volatile;
            self.state.slots[index].places += free_before - board.free_places();
            std::mem::take(&mut board.wants)
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
            Ok(Poll::Pending) => self.suspend(slot, future, &wants),
        }
    }

    /// A task is pending: on keys, on a place in a pool, or on the outside. `true` if the slot is done with for now.
    pub(super) fn suspend(
        &mut self,
        slot: u32,
        future: Option<LocalBoxFuture<'b, Result<V>>>,
        wants: &[usize],
    ) -> bool {
        let index = slot as usize;
        let mut missing = std::mem::take(&mut self.board.borrow_mut().missing);
        if missing.is_empty() {
            if future.is_none() {
                self.fail(slot, Cause::Stuck);
                return true;
            }
            self.state.slots[index].future = future;
            self.queue(slot, wants);
            // One that waits for a second place has work outside in the first.
            if wants.is_empty() || self.state.slots[index].places > 0 {
                self.wait_outside(slot);
            }
            return true;
        }
        // Inputs that were met for the first time need no waiting: the same future goes on at once.
        let mut index_of_pending = None;
        missing.retain(|&key| {
            let resolved = self.resolve_input(key);
            if !resolved {
                index_of_pending.get_or_insert(key);
            }
            !resolved
        });
        let Some(first) = index_of_pending else {
            self.give_back(missing);
            self.state.slots[index].future = future;
            return false;
        };
        let at_work = self.board.borrow_mut().fetched_at_work.take();
        if let Some(dependency) = at_work.filter(|key| missing.contains(key)) {
            let dependency = self.board.borrow().keys.show(dependency);
            self.discard(future);
            self.fail(slot, Cause::FetchedAtWork { dependency });
            return true;
        }
        match self.scheduler.when_blocked() {
            WhenBlocked::Refuse => {
                let dependency = self.board.borrow().keys.show(first);
                self.discard(future);
                self.fail(slot, Cause::Undeclared { dependency });
                return true;
            }
            WhenBlocked::Drop => {
                self.discard(future);
                self.queue(slot, &[]);
                self.state.slots[index].places = 0;
                self.state.slots[index].started = false;
                self.state.report.restarts += 1;
                self.state.slots[index].dependencies.clear();
                self.state.slots[index].met_failure = None;
                let key = self.state.slots[index].key;
                self.observe(key, &Decision::Restarted(first));
            }
            WhenBlocked::Keep => {
                if future.is_some() {
                    self.state.slots[index].suspended = true;
                    self.state.suspended += 1;
                    self.state.report.suspended = self.state.report.suspended.max(self.state.suspended);
                }
                self.state.slots[index].future = future;
                // A future that holds a place has work outside too, and must be polled when that has ended: the
                // place may be the one that the missing keys wait for. One that wants a place takes it as soon as
                // there is one, whether or not the keys are there.
                if self.state.slots[index].places > 0 {
                    self.wait_outside(slot);
                }
                self.queue(slot, wants);
            }
        }
        let waits = self.wait_for(slot, &missing);
        self.give_back(missing);
        waits
    }

    /// Has a slot polled when anything happens outside.
    fn wait_outside(&mut self, slot: u32) {
        if !std::mem::replace(&mut self.state.slots[slot as usize].outside, true) {
            self.state.outside.push(slot);
        }
    }

    pub(super) fn leave_outside(&mut self, slot: u32) {
        if std::mem::take(&mut self.state.slots[slot as usize].outside) {
            self.state.outside.retain(|&other| other != slot);
        }
    }

    /// Has a slot stand in the queues of these pools, and no others. Where it stands already, it keeps its place.
    pub(super) fn queue(&mut self, slot: u32, wants: &[usize]) {
        let mut queued = std::mem::take(&mut self.state.slots[slot as usize].queued);
        queued.retain(|pool| {
            let wanted = wants.contains(pool);
            if !wanted {
                self.state.queues[*pool].retain(|&other| other != slot);
            }
            wanted
        });
        for &pool in wants {
            if self.state.queues.len() <= pool {
                self.state.queues.resize_with(pool + 1, VecDeque::new);
            }
            if !queued.contains(&pool) {
                queued.push(pool);
                self.state.queues[pool].push_back(slot);
            }
        }
        self.state.slots[slot as usize].queued = queued;
    }

    /// Whether a key that was just fetched is an input, whose value (or lack of one) is known from now on.
    pub(super) fn resolve_input(&mut self, key: KeyId) -> bool {
        if let Err(error) = self.load(key) {
            self.mark_failed(key, Some(error.into()));
            return true;
        }
        let mut board = self.board.borrow_mut();
        if !matches!(board.look(key), Look::Missing) {
            return true;
        }
        let input = board.has(key, INPUT);
        drop(board);
        if input {
            self.mark_failed(key, None);
        }
        input
    }

    /// Drops a future. It may hold places in pools, which it gives back to the board: nothing may borrow the board.
    pub(super) fn discard(&mut self, future: Option<LocalBoxFuture<'b, Result<V>>>) {
        drop(future);
    }

    /// A key that the task fetched although nothing puts it before this one.
    fn undeclared(&self, slot: u32) -> Option<String> {
        let Slot { key, ref dependencies, .. } = self.state.slots[slot as usize];
        if self.scheduler.when_blocked() != WhenBlocked::Refuse {
            return None;
        }
        let board = self.board.borrow();
        let fetched = dependencies.iter().map(|&raw| KeyId::from_raw(raw));
        let mut tasks = fetched.filter(|&dependency| !board.has(dependency, INPUT));
        let lucky = tasks.find(|&dependency| !self.scheduler.may_fetch(key, dependency))?;
        Some(board.keys.show(lucky))
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

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}
