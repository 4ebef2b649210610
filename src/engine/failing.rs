//! A key has no value: whoever needs it fails too, by name; keys that wait for each other in a circle are found.

use super::state::Engine;
use crate::board::{ACTIVE, FAILED, INPUT};
use crate::error::{Cause, Failure, StoreError};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::rebuilder::Rebuilder;
use crate::report::Decision;
use crate::scheduler::Scheduler;
use crate::store::Store;
use crate::task::Tasks;
use std::collections::{HashMap, HashSet};

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
    /// A key has no value in this build, and those that wait for it learn of it: at once if the build stops
    /// here, else when they fetch it.
    pub(super) fn fail(&mut self, slot: u32, cause: Cause) {
        let mut failing = vec![(slot, cause)];
        while let Some((slot, cause)) = failing.pop() {
            let key = self.state.slots[slot as usize].key;
            if self.board.borrow().state(key) != ACTIVE | slot {
                continue;
            }
            let future = self.state.slots[slot as usize].future.take();
            self.discard(future);
            let above = self.who_waits_unvisited(key);
            self.mark_failed(key, Some(cause));
            if self.state.stopped {
                self.fail_unvisited(key, above);
                for &ticket in &self.state.slots[slot as usize].waiters {
                    if let Some(waiter) = self.board.borrow().waits.waiting(ticket) {
                        failing.push((waiter, self.consequence(key)));
                    }
                }
            }
            self.wake(slot);
        }
    }

    pub(crate) fn mark_failed(&mut self, key: KeyId, cause: Option<Cause>) {
        self.board.borrow_mut().set_state(key, FAILED);
        self.state.marked.push(key);
        self.dispel(key, true);
        let Some(cause) = cause else { return };
        self.observe(key, &Decision::Failed(cause.clone()));
        self.state.stopped |= !self.keep_going;
        let failure = Failure { key: self.board.borrow().keys.show(key), cause };
        self.state.failures.push((key, failure));
    }

    pub(super) fn fail_build(&mut self, error: StoreError) {
        self.state.stopped = true;
        let failure = Failure { key: String::new(), cause: error.into() };
        self.state.failures.push((KeyId::new(0), failure));
    }

    /// What to say of a key that needs `dependency`, which has no value.
    pub(super) fn consequence(&self, dependency: KeyId) -> Cause {
        let board = self.board.borrow();
        let input = board.has(dependency, INPUT);
        let dependency = board.keys.show(dependency);
        if input { Cause::MissingInput { dependency } } else { Cause::Dependency { dependency } }
    }

    /// Finds keys that wait for each other in a circle, and fails one of them.
    pub(super) fn break_cycle(&mut self) {
        let mut awaits = HashMap::new();
        let mut live = Vec::new();
        for (index, slot) in self.state.slots.iter().enumerate() {
            if self.board.borrow().state(slot.key) == ACTIVE | index as u32 {
                live.push(index as u32);
                let waits = &self.board.borrow().waits;
                let waiters = slot.waiters.iter().filter_map(|&ticket| waits.waiting(ticket));
                awaits.extend(waiters.map(|waiter| (waiter, index as u32)));
            }
        }
        let mut at = match live.iter().find(|slot| awaits.contains_key(*slot)) {
            Some(&slot) => slot,
            None => return live.first().map_or((), |&slot| self.fail(slot, Cause::Stuck)),
        };
        let mut seen = HashSet::new();
        while seen.insert(at) {
            match awaits.get(&at) {
                Some(&next) => at = next,
                None => return self.fail(at, Cause::Stuck),
            }
        }
        let mut circle = vec![at];
        while let Some(&next) = awaits.get(&circle[circle.len() - 1])
            && next != at
        {
            circle.push(next);
        }
        // Told from the key that was met first, whichever way the circle was entered.
        let first = (0..circle.len()).min_by_key(|&at| self.state.slots[circle[at] as usize].key).unwrap_or(0);
        circle.rotate_left(first);
        circle.push(circle[0]);
        let board = self.board.borrow();
        let path = circle.iter().map(|&slot| board.keys.show(self.state.slots[slot as usize].key)).collect();
        drop(board);
        self.fail(circle[0], Cause::Cycle { path });
    }
}
