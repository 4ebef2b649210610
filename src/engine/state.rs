//! What the loop keeps: slots, queues, and the parts of the build that it works with.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::learning::{LookedUp, Part};
use super::maybe_stale_keys::MaybeStaleKeys;
use super::waking::{SlotWaker, Woken};
use crate::error::Failure;
use crate::event::Dependency;
use crate::event_sink::EventSink;
use crate::fingerprint::{Fingerprint, Value};
use crate::journal::TraceCache;
use crate::key::{Key, KeyId, Keys};
use crate::key_table::{ACTIVE, KeyTable, STALE};
use crate::rebuilder::{Notes, Reason};
use crate::report::{Decision, Report};
use crate::scheduler::QueueCount;
use crate::task::TaskFuture;
use crate::waits::Ticket;

/// Where a slot stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It waits for keys that must precede it.
    Needs,
    /// The rebuilder is being asked.
    Ask,
    /// The task runs, for this reason.
    Task(Reason),
}

pub(crate) struct Slot<'b, V> {
    pub key: KeyId,
    pub phase: Phase,
    pub notes: Notes,
    /// Those who wait for it.
    pub waiters: SmallVec<[Ticket; 2]>,
    /// What the slot as a whole waits for: its question, or a task that is no future.
    pub ticket: Option<Ticket>,
    pub future: Option<TaskFuture<'b, V>>,
    /// What the task fetched so far: raw ids, see `KeyTable::recorder`.
    pub dependencies: Vec<u32>,
    pub met_failure: Option<KeyId>,
    pub volatile: bool,
    /// It counts among those that the outside will wake, or a permit that others hold.
    pub outside: bool,
    /// Since it was started it has waited for that.
    pub waited: bool,
    /// Some of what it waits for has come, not all of it.
    pub partly: bool,
    /// Its future was kept while it waits for keys.
    pub suspended: bool,
    /// Its task was started, and not dropped since.
    pub started: bool,
    /// How many permits of pools its future holds.
    pub permits: i32,
}

impl<V> Slot<'_, V> {
    pub fn new(key: KeyId) -> Self {
        Slot {
            key,
            phase: Phase::Needs,
            notes: Notes::default(),
            waiters: SmallVec::new(),
            ticket: None,
            future: None,
            dependencies: Vec::new(),
            met_failure: None,
            volatile: false,
            outside: false,
            waited: false,
            partly: false,
            suspended: false,
            started: false,
            permits: 0,
        }
    }

    /// The slot, which is free, serves another key, in the same memory.
    pub fn serve(&mut self, key: KeyId) {
        (self.key, self.phase) = (key, Phase::Needs);
        self.notes.renew();
        self.waiters.clear();
        (self.ticket, self.future) = (None, None);
        self.dependencies.clear();
        self.met_failure = None;
        (self.volatile, self.waited, self.started) = (false, false, false);
        (self.outside, self.partly, self.suspended) = (false, false, false);
        self.permits = 0;
    }
}

/// How a key came to its value.
pub(crate) enum How {
    Ran { volatile: bool },
    FromTrace { deep: bool },
}

/// How many suspects the scheduler was told of, and of which generation of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub count: usize,
    pub generation: u64,
}

/// What demanding a key led to.
pub(crate) enum Demand {
    Ready,
    Failed,
    Active(u32),
}

pub(crate) type Observer<K> = Box<dyn FnMut(&Keys<K>, KeyId, &Decision)>;

pub(crate) struct Engine<'b, K: Key, V: Value, T, St, S, R, J> {
    pub table: &'b RefCell<KeyTable<K, V>>,
    pub tasks: &'b T,
    pub store: &'b mut St,
    pub scheduler: &'b mut S,
    pub rebuilder: &'b R,
    pub sink: &'b mut EventSink<J>,
    pub cache: Option<&'b mut (dyn TraceCache<K, V> + 'static)>,
    pub observer: Option<&'b mut Observer<K>>,
    /// A volatile key was met: the next build has to look at everything again.
    pub volatile: &'b mut bool,
    /// The build stops after so many failures.
    pub stop_after: usize,
    pub targets: &'b [KeyId],
    /// The collection of tasks that the build began with.
    pub collection: Option<u64>,
    /// The keys that each order-only input precedes.
    pub preceding: &'b mut HashMap<KeyId, HashSet<KeyId>>,
    /// How many suspects the scheduler was told of, if it follows them.
    pub suspects: Option<Told>,
    pub state: Progress<'b, K, V>,
}

/// The part of the engine that changes while it runs.
pub(crate) struct Progress<'b, K, V> {
    pub slots: Vec<Slot<'b, V>>,
    pub free: Vec<u32>,
    pub live: usize,
    /// How many slots the outside will wake, or a permit that others hold.
    pub outside: usize,
    /// A waker a slot, once it has had a future, and the slots that were woken.
    pub wakers: Vec<Option<SlotWaker>>,
    pub woken: Arc<Woken>,
    /// Slots for which some came of what they wait for, not all.
    pub partly: Vec<u32>,
    pub scratch: Vec<Dependency>,
    pub suspended: u64,
    /// What the scheduler was told of, and what it gave.
    pub queue: QueueCount,
    /// What a task misses may be brought up to date while it fetches it.
    pub descends: bool,
    /// How many tasks are being polled, each within the poll of the one before.
    pub depth: u32,
    /// What is missed lies deeper than that, and no key was brought up to date since that was found.
    pub too_deep: bool,
    /// Where the stack was when the first of them began to be polled: an address.
    pub stack: usize,
    pub stopped: bool,
    pub report: Report,
    pub failures: Vec<Failure<K>>,
    /// How many of them are no consequences of others.
    pub failed: usize,
    /// The keys of which the cache was asked, and what it has of them.
    pub learned: HashMap<KeyId, LookedUp<K, V>>,
    /// The deep traces that were imported, by their keys and their own deep fingerprints.
    pub parts: HashMap<(KeyId, Fingerprint), Part<V>>,
    /// The keys of those failures.
    pub named: HashSet<KeyId>,
    /// Keys whose dependents have been taken for suspects, because they had to wait or failed.
    pub marked_above: HashSet<KeyId>,
    /// Who waits for whom, if nothing could go on at some time.
    pub stalled: Option<Stalled>,
    /// What has no place in the order that is followed does not count as up to date any more.
    pub unplanned_invalidated: bool,
    /// What lies above suspects that are followed in no order.
    pub maybe_stale: MaybeStaleKeys,
    /// Keys that can go on, while a task that fetched them is underway.
    pub glance: Option<Vec<KeyId>>,
    /// One of them has a task that must run.
    pub discovered: bool,
    /// Keys marked as failed, to be unmarked before the next build.
    pub marked: Vec<KeyId>,
}

/// Which keys wait for which, since nothing could go on for the first time.
#[derive(Default)]
pub(crate) struct Stalled {
    /// Keys that were seen to wait, the last to be looked at first.
    pub begin: Vec<KeyId>,
    /// What each waits for, and some that are there by now.
    pub awaits: HashMap<KeyId, SmallVec<[(KeyId, Ticket); 2]>>,
    /// A way from one of them: each waits for the next.
    pub path: Vec<KeyId>,
    on_path: HashSet<KeyId>,
}

impl Stalled {
    /// A key waits for another, with this ticket.
    pub fn note(&mut self, key: KeyId, awaited: KeyId, ticket: Ticket) {
        self.begin.push(key);
        self.awaits.entry(key).or_default().push((awaited, ticket));
    }

    /// One of the keys that this one waits for.
    pub fn awaited(&mut self, key: KeyId, is_awaited: impl Fn(KeyId, Ticket) -> bool) -> Option<KeyId> {
        let awaited = self.awaits.get_mut(&key)?;
        while awaited.last().is_some_and(|&(key, ticket)| !is_awaited(key, ticket)) {
            awaited.pop();
        }
        awaited.last().map(|&(key, _)| key)
    }

    /// The way leads on to this key; unless it was there before.
    pub fn go_to(&mut self, key: KeyId) -> bool {
        let new = self.on_path.insert(key);
        if new {
            self.path.push(key);
        }
        new
    }

    /// The way ends a key earlier.
    pub fn go_back(&mut self) {
        if let Some(key) = self.path.pop() {
            self.on_path.remove(&key);
        }
    }
}

impl<K, V> Default for Progress<'_, K, V> {
    fn default() -> Self {
        Progress {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            outside: 0,
            wakers: Vec::new(),
            woken: Arc::default(),
            partly: Vec::new(),
            scratch: Vec::new(),
            suspended: 0,
            queue: QueueCount::default(),
            descends: false,
            depth: 0,
            too_deep: false,
            stack: 0,
            stopped: false,
            report: Report::default(),
            failures: Vec::new(),
            failed: 0,
            learned: HashMap::new(),
            parts: HashMap::new(),
            named: HashSet::new(),
            marked_above: HashSet::new(),
            stalled: None,
            unplanned_invalidated: false,
            maybe_stale: MaybeStaleKeys::default(),
            glance: None,
            discovered: false,
            marked: Vec::new(),
        }
    }
}

impl<K: Key, V: Value, T, St, S, R, J> Drop for Engine<'_, K, V, T, St, S, R, J> {
    /// A build may be given up at any moment: futures give back what they hold, keys that were underway are stale.
    fn drop(&mut self) {
        for slot in &mut self.state.slots {
            slot.future = None;
        }
        let mut table = self.table.borrow_mut();
        for (index, slot) in self.state.slots.iter().enumerate() {
            if table.state(slot.key) == ACTIVE | index as u32 {
                table.set_state(slot.key, STALE);
                table.waits.end(index as u32);
                table.aside.push(slot.key);
            }
        }
        let mut detached = std::mem::take(&mut table.detached);
        detached.give_up();
        // (A key that the journal says is owed was not looked at in this build, even if it bears the stamp of one that
        // was.)
        let in_journal = std::mem::take(&mut detached.in_journal);
        detached.retain_owed(|&key| table.state(key) != table.revision || in_journal.contains(&key));
        detached.in_journal = in_journal;
        table.detached = detached;
        for &key in &self.state.marked {
            table.set_state(key, STALE);
        }
        table.aside.append(&mut self.state.marked);
    }
}
