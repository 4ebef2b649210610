//! The context of the task that is being polled, or of the question that is being asked: what it has fetched, what of that is
//! missing, what it said of itself. One task runs at a time, so there is one; between polls, the slot of each task keeps its own.

use smallvec::SmallVec;

use crate::descent::Descent;
use crate::key::KeyId;
use crate::waits::Ticket;

/// Marks a recorded dependency as fetched together with the one before it.
pub(crate) const GROUPED: u32 = 1 << 31;

/// A fetched key that is not up to date, and the ticket of the future that waits for it. (A task that is no future has
/// none, nor has a question.)
#[derive(Clone, Copy)]
pub(crate) struct Missing {
    pub key: KeyId,
    pub ticket: Option<Ticket>,
}

#[derive(Default)]
pub(crate) struct TaskContext {
    /// What the task has fetched: raw ids, some of them [`GROUPED`].
    pub recorder: Vec<u32>,
    /// What it fetched in this poll that is not up to date.
    pub missing: SmallVec<[Missing; 2]>,
    /// What else there is to say of this poll.
    pub poll: TaskPoll,
    /// How many fetches and questions there were in this build.
    pub fetches: u64,
}

/// What happens while a task is polled.
#[derive(Clone, Copy, Default)]
pub(crate) struct TaskPoll {
    /// The task fetched a key that failed.
    pub met_failure: Option<KeyId>,
    /// It said that its value may not be kept.
    pub volatile: bool,
    /// How deep inside outside work it is.
    pub working: u32,
    /// It fetched this key, which is not up to date, inside outside work.
    pub fetched_at_work: Option<KeyId>,
    /// How many permits of pools it has taken in this poll, less those that it gave back.
    pub permits: i32,
    /// How what it misses can be brought up to date at once.
    pub descent: Option<Descent>,
    /// What it missed was brought up to date at once, failed, and ended the build.
    pub stopped: bool,
}

impl TaskContext {
    /// A task is polled that has met this failure, and said this of its value.
    pub fn enter(&mut self, met_failure: Option<KeyId>, volatile: bool) {
        self.missing.clear();
        self.poll = TaskPoll { met_failure, volatile, ..TaskPoll::default() };
    }

    /// Notes a fetch, be it one of many of the same key: those are dropped when the task is done. Every group begins with
    /// a key that is not `grouped`.
    #[inline]
    pub fn record(&mut self, id: KeyId, grouped: bool) {
        self.fetches += 1;
        self.recorder.push(id.to_raw() | if grouped { GROUPED } else { 0 });
    }

    /// Notes that a fetched key is not up to date.
    pub fn miss(&mut self, id: KeyId, ticket: Option<Ticket>) {
        self.missing.push(Missing { key: id, ticket });
        if self.poll.working > 0 {
            self.poll.fetched_at_work.get_or_insert(id);
        }
    }

    /// Notes that a fetched key has failed; the first is the one that is told.
    pub fn meet_failure(&mut self, id: KeyId) {
        self.poll.met_failure.get_or_insert(id);
    }
}
