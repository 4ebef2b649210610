//! A key has no value: each key that needs it fails too, and says which it needed; keys that wait for each other in a
//! circle are found.

use super::state::{Engine, Stalled};
use crate::error::{Cause, Failure, StoreError};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{ACTIVE, FAILED, INPUT};
use crate::rebuilder::Rebuilder;
use crate::report::Decision;
use crate::scheduler::Schedules;
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::Tasks;

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
    /// A key has no value in this build, and those that wait for it learn of it: at once if the build stops
    /// here, else when they fetch it.
    pub(super) fn fail(&mut self, slot: u32, cause: Cause) {
        let mut failing = vec![(slot, cause)];
        while let Some((slot, cause)) = failing.pop() {
            let key = self.state.slots[slot as usize].key;
            if self.table.borrow().state(key) != ACTIVE | slot {
                continue;
            }
            let future = self.state.slots[slot as usize].future.take();
            self.discard(future);
            let above = self.who_waits_unvisited(key);
            self.mark_failed(key, Some(cause));
            if self.state.stopped {
                self.fail_unvisited(key, above);
                for &ticket in &self.state.slots[slot as usize].waiters {
                    if let Some(waiter) = self.table.borrow().waits.waiting(ticket) {
                        failing.push((waiter, self.consequence(key)));
                    }
                }
            }
            self.wake(slot);
        }
    }

    pub(crate) fn mark_failed(&mut self, key: KeyId, cause: Option<Cause>) {
        self.table.borrow_mut().set_state(key, FAILED);
        self.state.marked.push(key);
        self.resolve(key, true);
        let Some(cause) = cause else { return };
        self.observe(key, &Decision::Failed(cause.clone()));
        self.state.failed += usize::from(!matches!(cause, Cause::Dependency { .. }));
        self.state.stopped |= self.state.failed >= self.stop_after;
        let failure = Failure::new(self.table.borrow().keys.name(key).clone(), cause);
        self.state.named.insert(key);
        self.state.failures.push(failure);
    }

    pub(super) fn fail_build(&mut self, error: StoreError) {
        self.state.stopped = true;
        self.state.failures.push(Failure::new(None, error));
    }

    /// Ends the build, because its scheduler gave the id of no key.
    pub(crate) fn fail_unknown(&mut self, key: KeyId) {
        self.state.stopped = true;
        self.state.failures.push(Failure::new(None, Cause::UnknownId { id: key }));
    }

    /// Ends the build, because its scheduler gives keys without end.
    pub(super) fn fail_given(&mut self, key: KeyId) {
        if !self.table.borrow().keys.knows(key) {
            return self.fail_unknown(key);
        }
        self.state.stopped = true;
        let name = self.table.borrow().keys.name(key).clone();
        self.state.failures.push(Failure::new(name, Cause::GivenWithoutEnd));
    }

    /// What to say of a key that needs `dependency`, which has no value.
    pub(super) fn consequence(&self, dependency: KeyId) -> Cause {
        let table = self.table.borrow();
        if !table.keys.knows(dependency) {
            return Cause::UnknownDependency { id: dependency };
        }
        let input = table.has(dependency, INPUT);
        let dependency = table.keys.show(dependency);
        if input { Cause::MissingInput { dependency } } else { Cause::Dependency { dependency } }
    }

    /// Finds keys that wait for each other in a circle, and fails one of them.
    pub(super) fn break_cycle(&mut self) {
        let stalled = self.state.stalled.take();
        let mut stalled = stalled.unwrap_or_else(|| self.stall());
        let mut found = self.follow_waiting(&mut stalled);
        if matches!(found, Waiting::Nobody) {
            // Those that are left have come since, and wait for no key.
            stalled = self.stall();
            found = self.follow_waiting(&mut stalled);
        }
        self.state.stalled = Some(stalled);
        match found {
            Waiting::Nobody => {}
            Waiting::ForNothing(slot) => self.fail(slot, Cause::Stuck),
            Waiting::InCircle(mut circle) => {
                let table = self.table.borrow();
                let slot = table.state(circle[0]) & !ACTIVE;
                circle.push(circle[0]);
                let path = circle.iter().map(|&key| table.keys.show(key)).collect();
                drop(table);
                self.fail(slot, Cause::Cycle { path });
            }
        }
    }

    /// Who waits for whom, now that nothing can go on.
    fn stall(&self) -> Stalled {
        let (mut stalled, mut idle) = (Stalled::default(), Vec::new());
        count_steps(self.state.slots.len());
        for (index, slot) in self.state.slots.iter().enumerate() {
            if self.table.borrow().state(slot.key) == ACTIVE | index as u32 {
                let waits = &self.table.borrow().waits;
                if waits.is_blocked(index as u32) { &mut stalled.begin } else { &mut idle }.push(slot.key);
                for &ticket in &slot.waiters {
                    if let Some(waiter) = waits.waiting(ticket) {
                        let waiter = self.state.slots[waiter as usize].key;
                        stalled.awaits.entry(waiter).or_default().push((slot.key, ticket));
                    }
                }
            }
        }
        // From the last to the first; those that wait for no key are looked at when no others are left.
        stalled.begin.extend(idle);
        stalled.begin.reverse();
        stalled
    }

    /// Follows keys that wait for others until one waits for none, or they come round. Where a circle was broken, the next
    /// search goes on: many circles cost no more than the ways that lead to them.
    fn follow_waiting(&self, stalled: &mut Stalled) -> Waiting {
        let table = self.table.borrow();
        let is_active = |key: KeyId| table.state(key) & ACTIVE != 0;
        loop {
            count_steps(1);
            let Some(&last) = stalled.path.last() else {
                let Some(&key) = stalled.begin.last() else { return Waiting::Nobody };
                if is_active(key) {
                    stalled.go_to(key);
                } else {
                    stalled.begin.pop();
                }
                continue;
            };
            if !is_active(last) {
                stalled.go_back();
                continue;
            }
            let is_awaited = |key: KeyId, ticket| is_active(key) && table.waits.waiting(ticket).is_some();
            let Some(next) = stalled.awaited(last, is_awaited) else {
                return Waiting::ForNothing(table.state(last) & !ACTIVE);
            };
            if stalled.go_to(next) {
                continue;
            }
            let length = 1 + stalled.path.iter().rev().take_while(|&&key| key != next).count();
            let mut circle = stalled.path[stalled.path.len() - length..].to_vec();
            count_steps(length);
            // Told from the key that was met first, whichever way the circle was entered.
            let first = (0..length).min_by_key(|&at| circle[at]).unwrap_or(0);
            let whole = circle.iter().all(|&key| is_active(key));
            // With that key, all that waits for it comes to move.
            for _ in if whole { first..length } else { 0..stalled.path.len() } {
                stalled.go_back();
            }
            if whole {
                circle.rotate_left(first);
                return Waiting::InCircle(circle);
            }
        }
    }
}

/// Where following the keys that wait for others leads.
enum Waiting {
    /// No key is left.
    Nobody,
    /// To a slot that waits for no key.
    ForNothing(u32),
    /// Round: each waits for the next, and the last for the first.
    InCircle(Vec<KeyId>),
}
