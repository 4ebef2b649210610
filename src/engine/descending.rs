//! Where the scheduler goes depth first, what a running task misses is brought up to date within its fetch.
//!
//! The key gets a slot, as any that is demanded, and is taken as far as it can go; only the task that fetched it is not
//! suspended meanwhile but stands below it on the stack. It is suspended after all if the key is not there then. Of the
//! stack no more is used than a few levels need ([`DEEPEST`], [`ENOUGH_STACK`]): what lies deeper is queued.

use super::state::{Demand, Engine};
use crate::descent::{Descended, Descent};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{ACTIVE, FAILED, Look};
use crate::rebuilder::Rebuilder;
use crate::scheduler::{Schedules, WhenBlocked};
use crate::store::Store;
use crate::task::Tasks;
use crate::task_context::Missing;

/// So many keys are brought up to date within each other at most. What lies deeper is queued, with all that it misses in
/// turn, until one of them is up to date.
const DEEPEST: u32 = 32;

/// And no other begins on a stack that has grown by so many bytes since the first. (Of the engine's own, a level takes five kibibytes where
/// nothing is optimised; but values that are held in place are moved there, and tasks have frames of their own. A thread has two mebibytes,
/// if nobody asked for more.)
const ENOUGH_STACK: usize = 256 << 10;

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
    /// A question waits for these keys: brings them up to date at once; whether none has to be waited for.
    pub(super) fn descend_to(&mut self, keys: &[Missing]) -> bool {
        if self.state.glance.is_some() || !self.can_go_deeper() {
            return false;
        }
        for missing in keys {
            let underway = self.table.borrow().state(missing.key) & ACTIVE != 0;
            if !underway && !self.state.stopped {
                self.descend(missing.key);
            }
        }
        let mut table = self.table.borrow_mut();
        keys.iter().all(|missing| !matches!(table.look(missing.key), Look::Missing))
    }

    /// Takes a key as far as it can go now, while what needs it stands below on the stack; whether it was to be looked at.
    fn descend(&mut self, key: KeyId) -> bool {
        self.state.depth += 1;
        let demand = self.demand_quietly(key);
        if let Demand::Active(slot) = demand {
            self.advance(slot);
        }
        self.state.depth -= 1;
        matches!(demand, Demand::Active(_))
    }

    /// Whether another task may be polled here, within those that are.
    fn can_go_deeper(&mut self) -> bool {
        // (Where what is missed lay too deep, what that misses lies deeper: all above would only be left waiting.)
        if !self.state.descends || self.state.too_deep {
            return false;
        }
        let local = 0_u8;
        let here = std::ptr::from_ref(&local).addr();
        if self.state.depth == 0 {
            self.state.stack = here;
        }
        self.state.too_deep = self.state.depth >= DEEPEST || self.state.stack.abs_diff(here) >= ENOUGH_STACK;
        !self.state.too_deep
    }

    /// Whether the next key is always the one that a task waits for. (Suspects are followed in an order of their own.)
    pub fn may_descend(&self) -> bool {
        self.scheduler.depth_first() && self.scheduler.when_blocked() == WhenBlocked::Keep && self.suspects.is_none()
    }

    /// A task is about to be polled: it is lent a way back. Until [`Engine::end_descent`], nothing else may use the engine.
    pub(super) fn lend_descent(&mut self) {
        if self.can_go_deeper() {
            let table = self.table;
            table.borrow_mut().task.poll.descent = Some(Descent::new(self, Self::enter));
        }
    }

    /// The task was polled, on this level: the way back is lost. Whether all that was entered within the poll has come to its end; if
    /// not, a part of the build that is no task has panicked, and that goes on, though the task may have caught it.
    pub(super) fn end_descent(&mut self, depth: u32) -> bool {
        self.table.borrow_mut().task.poll.descent = None;
        self.state.depth == depth
    }

    /// The engine is entered by the way back that it lent.
    ///
    /// # Safety
    /// The pointer is that of an engine of this type, which is used by nobody else.
    unsafe fn enter(engine: *mut (), key: KeyId) -> Descended {
        // SAFETY: as above.
        unsafe { &mut *engine.cast::<Self>() }.bring(key)
    }

    /// A running task misses this key: brings it up to date, as far as that goes on the spot.
    fn bring(&mut self, key: KeyId) -> Descended {
        if self.state.stopped {
            return Descended::LookAgain;
        }
        // (With the rest of its poll goes the way back: nothing but a task that is polled may have one.)
        let (missing, poll, polled) = {
            let mut table = self.table.borrow_mut();
            let task = &mut table.task;
            (std::mem::take(&mut task.missing), std::mem::take(&mut task.poll), table.waits.polled())
        };
        self.state.suspended += 1;
        if self.descend(key) {
            // (The task below has waited, though its future was not put anywhere.)
            self.state.report.suspended = self.state.report.suspended.max(self.state.suspended);
        }
        self.state.suspended -= 1;
        let mut table = self.table.borrow_mut();
        (table.task.missing, table.task.poll) = (missing, poll);
        table.waits.enter_again(polled);
        if self.state.stopped && table.state(key) == FAILED {
            table.task.poll.met_failure.get_or_insert(key);
            table.task.poll.stopped = true;
            return Descended::Stopped;
        }
        Descended::LookAgain
    }
}
