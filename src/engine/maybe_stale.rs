//! Suspects are followed, and no order is known beforehand: which of them is needed, and which goes first?
//!
//! A key above a suspect is *maybe stale*: it counts as stale until it is settled. So a key that looks up to date is up
//! to date for every task that fetches it, whether that task always did or does so for the first time; and a circle
//! that a new fetch closes is seen. Correctness rests on this alone. The rest of this file only avoids visits.
//!
//! A maybe-stale key that is no suspect need not be visited: it is up to date if what it fetched is unchanged. A target
//! is needed; of a key that is needed, the first of the maybe-stale keys that it fetched is (all before it are unchanged, so
//! its task would ask for the same again), and when that is settled without a change, the next. So from the targets down
//! one comes upon a suspect that is *certainly* needed, and only such a one is visited. If it changes, its dependents
//! become suspects, in their turn certain; if not, they are one step nearer to being settled where they lie. A suspect
//! that no target reaches any more is never come upon.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::maybe_stale_keys::{MaybeStale, MaybeStaleKeys};
use super::state::{Demand, Engine};
use crate::event::Fetched;
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{ACTIVE, Look, STALE};
use crate::rebuilder::Rebuilder;
use crate::scheduler::{Schedules, WhenBlocked};
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::Tasks;

/// What a maybe-stale key that is certainly needed leads to.
enum Next {
    /// Nothing below it has changed.
    Settled,
    /// These come first.
    Below(SmallVec<[KeyId; 4]>),
    /// It must be visited.
    Itself,
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
    /// Whether suspects are followed by a scheduler that knows no order.
    pub(super) fn follows_maybe_stale(&self) -> bool {
        self.suspects.is_some() && self.scheduler.when_blocked() != WhenBlocked::Refuse
    }

    /// A build that follows suspects begins.
    pub fn begin_maybe_stale(&mut self) {
        if self.follows_maybe_stale() {
            let known = self.rebuilder.suspects(&self.sink.metadata);
            let suspects = known.map_or(Vec::new(), |suspects| suspects.keys.to_vec());
            self.suspect(&suspects);
            self.state.maybe_stale.todo.extend(self.targets.iter().rev());
        }
    }

    /// These may be out of date of themselves; so every key above them is maybe stale.
    pub(super) fn suspect(&mut self, suspects: &[KeyId]) {
        let of = &mut self.state.maybe_stale.of;
        let mut todo = Vec::new();
        for &key in suspects {
            of.entry(key).or_insert_with(|| {
                todo.push(key);
                MaybeStale::default()
            });
            of.entry(key).and_modify(|known| known.suspect = true);
        }
        let mut table = self.table.borrow_mut();
        while let Some(key) = todo.pop() {
            count_steps(1);
            if table.state(key) == table.revision {
                table.set_state(key, STALE);
            }
            let mut raise = |dependent: KeyId, precedes: bool| {
                let known = of.entry(dependent).or_insert_with(|| {
                    todo.push(dependent);
                    MaybeStale::default()
                });
                known.below.push(key);
                known.preceded |= precedes;
            };
            self.rebuilder.dependents(key, &self.sink.metadata, &mut |dependent| raise(dependent, false));
            for &dependent in self.preceding.get(&key).into_iter().flatten() {
                raise(dependent, true);
            }
        }
    }

    /// A key has its value, or `failed`: those that waited to see it go on.
    pub(super) fn resolve(&mut self, key: KeyId, failed: bool) {
        let MaybeStaleKeys { of, todo } = &mut self.state.maybe_stale;
        let Some(known) = of.get_mut(&key) else { return };
        known.settled = true;
        let waiters = std::mem::take(&mut known.waiters);
        if failed {
            let mut tell = |above: KeyId| {
                count_steps(1);
                of.entry(above).and_modify(|known| known.failed_below = true);
            };
            self.rebuilder.dependents(key, &self.sink.metadata, &mut tell);
            self.preceding.get(&key).into_iter().flatten().copied().for_each(tell);
        }
        for waiter in waiters {
            let Some(known) = of.get_mut(&waiter) else { continue };
            known.waiting -= 1;
            if known.waiting == 0 {
                todo.push(waiter);
            }
        }
    }

    /// The maybe-stale keys that wait for this one to be settled, and were not visited.
    pub(super) fn who_waits_unvisited(&self, key: KeyId) -> SmallVec<[KeyId; 2]> {
        self.state.maybe_stale.of.get(&key).map_or(SmallVec::new(), |known| known.waiters.clone())
    }

    /// The build stops because `key` failed: those that waited for it without having been visited are named too.
    pub(super) fn fail_unvisited(&mut self, key: KeyId, above: SmallVec<[KeyId; 2]>) {
        let mut todo = vec![(key, above)];
        while let Some((key, above)) = todo.pop() {
            for waiter in above {
                if self.table.borrow().state(waiter) == STALE {
                    let higher = self.who_waits_unvisited(waiter);
                    self.mark_failed(waiter, Some(self.consequence(key)));
                    todo.push((waiter, higher));
                }
            }
        }
    }

    /// Whether keys are left that can be looked into.
    pub(super) fn has_unresolved(&self) -> bool {
        !self.state.maybe_stale.todo.is_empty() && !self.state.stopped
    }

    /// Goes down from the keys that are certainly needed to the next suspect that is, and has it visited.
    pub(super) fn advance_maybe_stale(&mut self) {
        while !self.state.stopped
            && let Some(key) = self.state.maybe_stale.todo.pop()
        {
            let Some(known) = self.state.maybe_stale.of.get(&key) else { continue };
            // A key that is underway, because a task fetched it, is settled by that fetch.
            if known.settled || known.waiting > 0 || self.table.borrow().state(key) & ACTIVE != 0 {
                continue;
            }
            match self.next(key) {
                Next::Itself => match self.demand(key) {
                    Demand::Active(_) => return,
                    Demand::Ready => self.resolve(key, false),
                    Demand::Failed => self.resolve(key, true),
                },
                Next::Settled => {
                    self.table.borrow_mut().stamp(key);
                    self.note_detached_done(key);
                    self.resolve(key, false);
                }
                Next::Below(keys) => {
                    let MaybeStaleKeys { of, todo } = &mut self.state.maybe_stale;
                    for &first in keys.iter().rev() {
                        of.entry(first).or_default().waiters.push(key);
                        todo.push(first);
                    }
                    of.entry(key).and_modify(|known| known.waiting = keys.len());
                }
            }
        }
    }

    fn next(&mut self, key: KeyId) -> Next {
        let MaybeStaleKeys { of, .. } = &mut self.state.maybe_stale;
        let unresolved =
            |of: &FxHashMap<KeyId, MaybeStale>, key: KeyId| of.get(&key).is_some_and(|known| !known.settled);
        let MaybeStale { suspect, failed_below, ref below, mut preceded, mut position, .. } = of[&key];
        count_steps(1);
        if suspect || self.table.borrow().state(key) != STALE {
            return Next::Itself;
        }
        // Whether it can do without a key that failed, only its task can tell.
        if failed_below {
            return Next::Itself;
        }
        if let &[only] = &below[..] {
            return if unresolved(of, only) { Next::Below([only].into_iter().collect()) } else { Next::Settled };
        }
        let mut first = SmallVec::new();
        if preceded {
            let table = self.table.borrow();
            let mut consider = |name: &K| {
                count_steps(1);
                first.extend(table.keys.find(name).filter(|&key| unresolved(of, key)));
            };
            self.tasks.order_only(table.keys.name(key), &mut consider);
            // All of that is waited for at once.
            preceded = false;
        }
        while first.is_empty()
            && let Some(Fetched { key: dependency, .. }) = self.rebuilder.dependency(key, position, &self.sink.metadata)
        {
            position += 1;
            first.extend(Some(dependency).filter(|&key| unresolved(of, key)));
            // What was fetched at once is needed at once.
            while let Some(Fetched { key: dependency, grouped: true }) =
                self.rebuilder.dependency(key, position, &self.sink.metadata)
            {
                position += 1;
                first.extend(Some(dependency).filter(|&key| unresolved(of, key)));
            }
        }
        let next = match first.is_empty() {
            false => Next::Below(first),
            true if below.iter().all(|&key| !unresolved(of, key)) => Next::Settled,
            // A rebuilder that does not know in which order: it is asked.
            true => Next::Itself,
        };
        of.entry(key).and_modify(|known| (known.position, known.preceded) = (position, preceded));
        next
    }

    /// Has the targets that are still stale visited; whether there are any. (A target that a circle of outdated traces
    /// kept from being looked into, say.)
    pub(super) fn demand_targets(&mut self) -> bool {
        if !self.follows_maybe_stale() || self.state.stopped {
            return false;
        }
        let mut left = false;
        for &target in self.targets {
            let look = self.table.borrow_mut().look(target);
            left |= matches!(look, Look::Missing) && matches!(self.demand(target), Demand::Active(_));
        }
        left
    }
}
