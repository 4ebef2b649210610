//! The loop that all schedulers share.
//!
//! Every key being brought up to date has a *slot*: first it waits for what must precede it, then the rebuilder
//! is asked, then, if the answer is *run*, the task's future is polled. A fetch of a key that is not up to date
//! leaves question or future pending; the slot is put on that key's list of waiters, and the key gets a slot of
//! its own. Nothing recurses, so the depth of the graph costs memory, not stack. Everything happens on one
//! thread; work outside (a process, a thread) is awaited, and the loop itself is a future that sleeps while all
//! it can do is wait.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use futures::future::LocalBoxFuture;
use smallvec::SmallVec;

use crate::board::{ACTIVE, BUILT, Board, CLASSIFIED, DEFINED, FAILED, GROUPED, INPUT, JOBS, LOADED, Look, STALE};
use crate::error::{Cause, Failure, Reasoned, Result, StoreError, TaskError};
use crate::event::{Dependency, Event, Record};
use crate::fetch::Fetch;
use crate::fingerprint::{Fingerprint, Value};
use crate::journal::{Journal, SharedTrace, TraceCache};
use crate::key::{Key, KeyId};
use crate::ledger::{Ledger, News};
use crate::metadata::Reads;
use crate::rebuilder::{Answer, Cursor, Question, Reason, Rebuilder, Restored};
use crate::report::{Decision, Report};
use crate::scheduler::{Scheduler, WhenBlocked};
use crate::store::Store;
use crate::task::{Running, Tasks};

/// Where a slot stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for keys that must precede it.
    Needs,
    /// The rebuilder is being asked.
    Ask,
    /// The task runs, for this reason.
    Task(Reason),
}

struct Slot<'b, V> {
    key: KeyId,
    phase: Phase,
    cursor: Cursor,
    /// How many keys it waits for.
    waiting: u32,
    /// The slots that wait for it.
    waiters: SmallVec<[u32; 2]>,
    future: Option<LocalBoxFuture<'b, Result<V>>>,
    /// What the task fetched so far: raw ids, see `Board::recorder`.
    dependencies: Vec<u32>,
    met_failure: Option<KeyId>,
    volatile: bool,
    parked: Parked,
    /// Its future was kept while it waits for keys.
    suspended: bool,
    /// How many places in pools its future holds.
    places: isize,
}

/// What a pending future waits for, other than keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parked {
    No,
    Outside,
    Queue,
}

/// How a key came to its value.
enum How {
    Ran { volatile: bool },
    FromTrace { deep: bool },
}

/// What demanding a key led to.
enum Demand {
    Ready,
    Failed,
    Active(u32),
}

pub(crate) type Observer<K> = Box<dyn FnMut(&K, &Decision)>;

pub(crate) struct Engine<'b, K: Key, V: Value, T, St, S, R, J> {
    pub board: &'b RefCell<Board<K, V>>,
    pub tasks: &'b T,
    pub store: &'b mut St,
    pub scheduler: &'b mut S,
    pub rebuilder: &'b R,
    pub ledger: &'b mut Ledger<J>,
    pub cache: Option<&'b mut (dyn TraceCache<K, V> + 'static)>,
    pub observer: Option<&'b mut Observer<K>>,
    /// A volatile key was met: the next build has to look at everything again.
    pub volatile: &'b mut bool,
    pub keep_going: bool,
    /// How many suspects the scheduler was told of, if it follows them.
    pub suspects: Option<usize>,
    pub state: Progress<'b, V>,
}

/// The part of the engine that changes while it runs.
pub(crate) struct Progress<'b, V> {
    slots: Vec<Slot<'b, V>>,
    free: Vec<u32>,
    live: usize,
    /// Slots whose futures wait for the outside.
    outside: Vec<u32>,
    /// Slots that wait for a place, a queue a pool.
    queues: Vec<VecDeque<u32>>,
    scratch: Vec<Dependency>,
    suspended: u64,
    pub stopped: bool,
    pub report: Report,
    pub failures: Vec<(KeyId, Failure)>,
    /// Keys marked as failed, to be unmarked before the next build.
    pub marked: Vec<KeyId>,
}

impl<V> Default for Progress<'_, V> {
    fn default() -> Self {
        Progress {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            outside: Vec::new(),
            queues: Vec::new(),
            scratch: Vec::new(),
            suspended: 0,
            stopped: false,
            report: Report::default(),
            failures: Vec::new(),
            marked: Vec::new(),
        }
    }
}

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
    /// Goes on until nothing is left to do, or all that is left waits for the outside.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for slot in std::mem::take(&mut self.state.outside) {
            self.state.slots[slot as usize].parked = Parked::No;
            self.advance(slot, cx);
        }
        loop {
            self.admit(cx);
            self.demand_detached();
            while !self.state.stopped
                && let Some(key) = self.scheduler.pop()
            {
                self.visit(key, cx);
            }
            let places = self.board.borrow();
            let freed = places.freed && !self.state.stopped;
            let detached = !places.detached.is_empty() && !self.state.stopped;
            let working = places.pools[JOBS].free < places.pools[JOBS].depth;
            drop(places);
            if freed || detached {
                continue;
            }
            if !self.state.outside.is_empty() && (working || !self.state.stopped) {
                if let Err(error) = self.ledger.journal.flush() {
                    self.fail_build(error);
                }
                return Poll::Pending;
            }
            if self.state.live == 0 || self.state.stopped {
                return Poll::Ready(());
            }
            // Keys are left, none can go on, nothing outside will wake one: they wait for each other.
            self.break_cycle();
        }
    }

    /// Gives free places to the slots that wait for them, first come, first served.
    fn admit(&mut self, cx: &mut Context<'_>) {
        if !std::mem::take(&mut self.board.borrow_mut().freed) || self.state.stopped {
            return;
        }
        for pool in 0..self.state.queues.len() {
            while !self.state.stopped
                && self.board.borrow().pools[pool].free > 0
                && let Some(slot) = self.state.queues[pool].pop_front()
            {
                self.state.slots[slot as usize].parked = Parked::No;
                self.advance(slot, cx);
            }
        }
    }

    fn demand_detached(&mut self) {
        let detached = std::mem::take(&mut self.board.borrow_mut().detached);
        for key in detached {
            self.demand(key);
        }
    }

    fn visit(&mut self, key: KeyId, cx: &mut Context<'_>) {
        let state = self.board.borrow().nodes[key.index()].state;
        let slot = if state & ACTIVE != 0 {
            state & !ACTIVE
        } else {
            match self.demand_quietly(key) {
                Demand::Active(slot) => slot,
                Demand::Ready | Demand::Failed => return,
            }
        };
        let waits = &mut self.state.slots[slot as usize];
        match waits.parked {
            // A key may be pushed again while it waits; it is its dependencies, or a free place, that wake it.
            _ if waits.waiting > 0 => return,
            Parked::Queue => return,
            Parked::Outside => {
                waits.parked = Parked::No;
                self.state.outside.retain(|&other| other != slot);
            }
            Parked::No => {}
        }
        self.advance(slot, cx);
    }

    /// Has a key brought up to date: gives it a slot and tells the scheduler, if it has none.
    fn demand(&mut self, key: KeyId) -> Demand {
        let state = self.board.borrow().nodes[key.index()].state;
        if state & ACTIVE != 0 {
            return Demand::Active(state & !ACTIVE);
        }
        let demand = self.demand_quietly(key);
        if let Demand::Active(_) = demand {
            self.scheduler.push(key, <S::Reads as Reads>::view(&self.ledger.metadata));
        }
        demand
    }

    fn demand_quietly(&mut self, key: KeyId) -> Demand {
        if let Err(error) = self.load(key) {
            self.mark_failed(key, Some(error.into()));
            return Demand::Failed;
        }
        let mut board = self.board.borrow_mut();
        match board.look(key) {
            Look::Ready(_) => return Demand::Ready,
            Look::Failed => return Demand::Failed,
            Look::Missing => {}
        }
        if board.nodes[key.index()].has(INPUT) {
            // No task and no value; whoever needs it says so.
            drop(board);
            self.mark_failed(key, None);
            return Demand::Failed;
        }
        let fresh = Slot {
            key,
            phase: Phase::Needs,
            cursor: Cursor::default(),
            waiting: 0,
            waiters: SmallVec::new(),
            future: None,
            dependencies: Vec::new(),
            met_failure: None,
            volatile: false,
            parked: Parked::No,
            suspended: false,
            places: 0,
        };
        let slot = match self.state.free.pop() {
            Some(slot) => {
                let dependencies = std::mem::take(&mut self.state.slots[slot as usize].dependencies);
                self.state.slots[slot as usize] = Slot { dependencies, ..fresh };
                slot
            }
            None => {
                self.state.slots.push(fresh);
                (self.state.slots.len() - 1) as u32
            }
        };
        self.state.live += 1;
        board.nodes[key.index()].state = ACTIVE | slot;
        Demand::Active(slot)
    }

    /// Learns of a key what tasks and store know of it, when it is first met.
    fn load(&mut self, key: KeyId) -> std::result::Result<(), StoreError> {
        let mut board = self.board.borrow_mut();
        let board = &mut *board;
        let node = &mut board.nodes[key.index()];
        let name = board.keys.name(key);
        if !node.has(CLASSIFIED) {
            node.classify(!self.tasks.has(name));
        }
        if node.has(LOADED) {
            return Ok(());
        }
        node.flags |= LOADED;
        let value = self.store.load(key, name)?;
        if node.has(INPUT) {
            let modified = self.store.modified(name);
            let news = News { value, modified, input: true, touched: false };
            self.ledger.notice(board, key, news)?;
        } else if let Some(value) = value {
            node.fingerprint = value.fingerprint();
            node.value = Some(value);
        }
        Ok(())
    }

    /// Takes a slot as far as it can go now.
    fn advance(&mut self, slot: u32, cx: &mut Context<'_>) {
        loop {
            let key = self.state.slots[slot as usize].key;
            match self.state.slots[slot as usize].phase {
                Phase::Needs => {
                    let mut needs = Vec::new();
                    let failed = self.collect_needs(key, &mut needs);
                    if let Some(dependency) = failed {
                        return self.fail(slot, self.consequence(dependency));
                    }
                    if !needs.is_empty() && self.wait_for(slot, &needs) {
                        return;
                    }
                    if needs.is_empty() {
                        self.take_definition(key);
                        self.state.slots[slot as usize].phase = Phase::Ask;
                    }
                }
                Phase::Ask => match self.ask(slot) {
                    Poll::Pending => {
                        let missing = std::mem::take(&mut self.board.borrow_mut().missing);
                        if missing.is_empty() {
                            return self.fail(slot, Cause::Stuck);
                        }
                        let waits = self.wait_for(slot, &missing);
                        self.give_back(missing);
                        if waits {
                            return;
                        }
                    }
                    Poll::Ready(Answer::Keep) => {
                        self.state.report.kept += 1;
                        self.observe(key, &Decision::Kept);
                        return self.settle(slot);
                    }
                    Poll::Ready(Answer::Restore(restored)) => match self.restore(slot, restored) {
                        Ok(true) => return self.settle(slot),
                        Ok(false) => self.state.slots[slot as usize].phase = Phase::Task(Reason::Evicted),
                        Err(error) => return self.fail(slot, error.into()),
                    },
                    Poll::Ready(Answer::Run(reason)) => self.state.slots[slot as usize].phase = Phase::Task(reason),
                },
                Phase::Task(reason) => {
                    if self.run(slot, reason, cx) {
                        return;
                    }
                }
            }
        }
    }

    /// What must be up to date before a key is considered, of that what is not; or one of them that failed.
    fn collect_needs(&mut self, key: KeyId, needs: &mut Vec<KeyId>) -> Option<KeyId> {
        let board = &mut *self.board.borrow_mut();
        // Two calls into the tasks while the keys are borrowed: ids are taken afterwards.
        let mut ordered: SmallVec<[K; 4]> = SmallVec::new();
        let name = board.keys.name(key);
        self.tasks.order_only(name, &mut |key| ordered.push(key.clone()));
        let binding = ordered.len();
        if self.scheduler.when_blocked() == WhenBlocked::Refuse {
            self.tasks.declared(name, &mut |key| ordered.push(key.clone()));
        }
        for (position, name) in ordered.iter().enumerate() {
            let id = board.intern(name);
            match board.look(id) {
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
    fn take_definition(&mut self, key: KeyId) {
        let board = &mut *self.board.borrow_mut();
        if let Some(definition) = self.tasks.definition(board.keys.name(key)) {
            board.define(key, definition);
        }
    }

    fn ask(&mut self, slot: u32) -> Poll<Answer<V>> {
        let board = &mut *self.board.borrow_mut();
        let slot = &mut self.state.slots[slot as usize];
        board.missing.clear();
        let mut question = Question { board, key: slot.key, cursor: &mut slot.cursor, volatile: &mut slot.volatile };
        let answer = self.rebuilder.ask(&mut question, <R::Reads as Reads>::view(&self.ledger.metadata));
        slot.cursor.begun = true;
        answer
    }

    /// Puts a slot on the lists of the keys it waits for, having them brought up to date; `false` if none is
    /// left to wait for.
    fn wait_for(&mut self, slot: u32, missing: &[KeyId]) -> bool {
        let mut waiting = 0;
        // Backwards, so that a stack yields them in the order in which they were asked for.
        for &key in missing.iter().rev() {
            if let Demand::Active(other) = self.demand(key) {
                self.state.slots[other as usize].waiters.push(slot);
                waiting += 1;
            }
        }
        self.state.slots[slot as usize].waiting += waiting;
        waiting > 0
    }

    fn give_back(&mut self, mut buffer: Vec<KeyId>) {
        buffer.clear();
        self.board.borrow_mut().missing = buffer;
    }

    /// Starts or resumes a task; `true` if the slot is done with for now.
    fn run(&mut self, slot: u32, reason: Reason, cx: &mut Context<'_>) -> bool {
        let index = slot as usize;
        let key = self.state.slots[index].key;
        let mut future = self.state.slots[index].future.take();
        if std::mem::take(&mut self.state.slots[index].suspended) {
            self.state.suspended -= 1;
        }
        let (name, free_before) = {
            let mut board = self.board.borrow_mut();
            board.missing.clear();
            board.met_failure = self.state.slots[index].met_failure;
            board.volatile = self.state.slots[index].volatile;
            board.wants = None;
            std::mem::swap(&mut board.recorder, &mut self.state.slots[index].dependencies);
            let name = future.is_none().then(|| board.keys.name(key).clone());
            if name.is_some() {
                board.recorder.clear();
            }
            (name, board.free_places())
        };
        if name.is_some() {
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
            board.wants.take()
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
            Ok(Poll::Pending) => self.suspend(slot, future, wants),
        }
    }

    /// A task is pending: on keys, on a place in a pool, or on the outside. `true` if the slot is done with for now.
    fn suspend(&mut self, slot: u32, future: Option<LocalBoxFuture<'b, Result<V>>>, wants: Option<usize>) -> bool {
        let index = slot as usize;
        let mut missing = std::mem::take(&mut self.board.borrow_mut().missing);
        if missing.is_empty() {
            if future.is_none() {
                self.fail(slot, Cause::Stuck);
                return true;
            }
            self.state.slots[index].future = future;
            match wants {
                Some(pool) => self.enqueue(slot, pool),
                None => self.park_outside(slot),
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
        match self.scheduler.when_blocked() {
            WhenBlocked::Refuse => {
                let dependency = self.board.borrow().keys.show(first);
                self.discard(future);
                self.fail(slot, Cause::Undeclared { dependency });
                return true;
            }
            WhenBlocked::Drop => {
                self.discard(future);
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
                // place may be the one that the missing keys wait for.
                if self.state.slots[index].places > 0 {
                    self.park_outside(slot);
                }
            }
        }
        let waits = self.wait_for(slot, &missing);
        self.give_back(missing);
        waits
    }

    fn park_outside(&mut self, slot: u32) {
        self.state.slots[slot as usize].parked = Parked::Outside;
        self.state.outside.push(slot);
    }

    fn enqueue(&mut self, slot: u32, pool: usize) {
        if self.state.queues.len() <= pool {
            self.state.queues.resize_with(pool + 1, VecDeque::new);
        }
        self.state.slots[slot as usize].parked = Parked::Queue;
        self.state.queues[pool].push_back(slot);
    }

    /// Whether a key that was just fetched is an input, whose value (or lack of one) is known from now on.
    fn resolve_input(&mut self, key: KeyId) -> bool {
        if let Err(error) = self.load(key) {
            self.mark_failed(key, Some(error.into()));
            return true;
        }
        let mut board = self.board.borrow_mut();
        if !matches!(board.look(key), Look::Missing) {
            return true;
        }
        let input = board.nodes[key.index()].has(INPUT);
        drop(board);
        if input {
            self.mark_failed(key, None);
        }
        input
    }

    /// Drops a future. It may hold places in pools, which it gives back to the board: nothing may borrow the board.
    fn discard(&mut self, future: Option<LocalBoxFuture<'b, Result<V>>>) {
        drop(future);
    }

    /// A task has ended.
    fn end(&mut self, slot: u32, outcome: Result<V>) {
        let waits = &self.state.slots[slot as usize];
        match (waits.met_failure, outcome) {
            (Some(dependency), _) => self.fail(slot, self.consequence(dependency)),
            (None, Ok(value)) => {
                if let Err(error) = self.built(slot, value) {
                    self.fail(slot, error.into());
                }
            }
            (None, Err(TaskError(Reasoned::Said(text)))) => self.fail(slot, Cause::Task(text)),
            (None, Err(error)) => self.fail(slot, Cause::Task(error.to_string().into())),
        }
    }

    /// A task gave a value: stamps the key, and tells everyone who remembers.
    fn built(&mut self, slot: u32, value: V) -> std::result::Result<(), StoreError> {
        let Slot { key, volatile, ref dependencies, .. } = self.state.slots[slot as usize];
        let fingerprint = value.fingerprint();
        let mut scratch = std::mem::take(&mut self.state.scratch);
        let changed = {
            let board = &mut *self.board.borrow_mut();
            collect_dependencies(board, key, dependencies, &mut scratch);
            let node = &mut board.nodes[key.index()];
            let changed = node.current() != Some(fingerprint);
            node.value = Some(value);
            node.fingerprint = fingerprint;
            node.flags |= LOADED | BUILT;
            changed
        };
        let told = self.tell(key, How::Ran { volatile }, &scratch);
        scratch.clear();
        self.state.scratch = scratch;
        told?;
        *self.volatile |= volatile;
        if self.rebuilder.restores() && !volatile {
            self.share(key)?;
        }
        self.state.report.ran.push(key);
        self.observe(key, &Decision::Ran { changed });
        self.settle(slot);
        Ok(())
    }

    /// Shows an event about a key that now has its value to the metadata, and keeps it.
    fn tell(&mut self, key: KeyId, how: How, dependencies: &[Dependency]) -> std::result::Result<(), StoreError> {
        let board = self.board.borrow();
        let node = &board.nodes[key.index()];
        let Some(value) = &node.value else { return Ok(()) };
        let modified = self.store.modified(board.keys.name(key)).unwrap_or_else(|| self.ledger.tick());
        let fingerprint = node.fingerprint;
        let record = Record { key, dependencies, deep: false, fingerprint, value, modified, volatile: false };
        let event = match how {
            How::Ran { volatile } => Event::Built(Record { volatile, ..record }),
            How::FromTrace { deep } => Event::Restored(Record { deep, ..record }),
        };
        self.ledger.tell(&board.keys, &event, Some(value))?;
        drop(board);
        self.point_out_suspects();
        Ok(())
    }

    /// Tells a scheduler that follows suspects of those that have just become so.
    fn point_out_suspects(&mut self) {
        let Some(seen) = self.suspects else { return };
        let Some(suspects) = self.rebuilder.suspects(<R::Reads as Reads>::view(&self.ledger.metadata)) else { return };
        // The list is compacted now and then; to be told twice of a suspect does no harm.
        let seen = if seen > suspects.len() { 0 } else { seen };
        let mut board = self.board.borrow_mut();
        for &key in &suspects[seen..] {
            let node = &mut board.nodes[key.index()];
            if node.state & ACTIVE == 0 && node.state != FAILED {
                node.state = STALE;
            }
            self.scheduler.suspect(key);
        }
        self.suspects = Some(suspects.len());
    }

    /// Archives a value that was just built, and adds its trace to the cache.
    fn share(&mut self, key: KeyId) -> std::result::Result<(), StoreError> {
        let board = self.board.borrow();
        let Some(value) = &board.nodes[key.index()].value else { return Ok(()) };
        let name = board.keys.name(key);
        self.store.archive(name, value)?;
        let Some(cache) = &mut self.cache else { return Ok(()) };
        let Some(lesson) = self.rebuilder.lesson(key, <R::Reads as Reads>::view(&self.ledger.metadata)) else {
            return Ok(());
        };
        let dependencies = lesson.dependencies.iter().map(|dependency| {
            let Dependency { key, grouped, fingerprint } = *dependency;
            (board.keys.name(key).clone(), key.is_definition(), grouped, fingerprint.0)
        });
        cache.add(&SharedTrace {
            key: name.clone(),
            dependencies: dependencies.collect(),
            deep: lesson.deep,
            value: value.clone(),
        })
    }

    /// Puts a remembered value in place; `false` if there is no copy of it any more.
    fn restore(&mut self, slot: u32, restored: Restored<V>) -> std::result::Result<bool, StoreError> {
        let key = self.state.slots[slot as usize].key;
        let Restored { dependencies, deep, value } = restored;
        let moved = value.is_some();
        if let Some(value) = value {
            let board = &mut *self.board.borrow_mut();
            if !self.store.restore(board.keys.name(key), &value)? {
                return Ok(false);
            }
            let node = &mut board.nodes[key.index()];
            node.fingerprint = value.fingerprint();
            node.value = Some(value);
            node.flags |= LOADED;
        }
        self.board.borrow_mut().nodes[key.index()].flags |= BUILT;
        self.tell(key, How::FromTrace { deep }, &dependencies)?;
        if moved {
            self.state.report.restored += 1;
            self.observe(key, &Decision::Restored);
        } else {
            self.state.report.kept += 1;
            self.observe(key, &Decision::Kept);
        }
        Ok(true)
    }

    /// The key is up to date: stamps it, wakes who waits for it, frees its slot.
    fn settle(&mut self, slot: u32) {
        let key = self.state.slots[slot as usize].key;
        {
            let mut board = self.board.borrow_mut();
            let revision = board.revision;
            board.nodes[key.index()].state = revision;
        }
        self.wake(slot);
    }

    fn wake(&mut self, slot: u32) {
        let waiters = std::mem::take(&mut self.state.slots[slot as usize].waiters);
        self.state.live -= 1;
        self.state.free.push(slot);
        for waiter in waiters {
            let waits = &mut self.state.slots[waiter as usize];
            waits.waiting -= 1;
            if waits.waiting == 0 {
                self.scheduler.push(waits.key, <S::Reads as Reads>::view(&self.ledger.metadata));
            }
        }
    }

    /// A key has no value in this build, and those that wait for it learn of it: at once if the build stops
    /// here, else when they fetch it.
    fn fail(&mut self, slot: u32, cause: Cause) {
        let mut failing = vec![(slot, cause)];
        while let Some((slot, cause)) = failing.pop() {
            let key = self.state.slots[slot as usize].key;
            if self.board.borrow().nodes[key.index()].state != ACTIVE | slot {
                continue;
            }
            let future = self.state.slots[slot as usize].future.take();
            self.discard(future);
            self.mark_failed(key, Some(cause));
            if self.state.stopped {
                for &waiter in &self.state.slots[slot as usize].waiters {
                    failing.push((waiter, self.consequence(key)));
                }
            }
            self.wake(slot);
        }
    }

    fn mark_failed(&mut self, key: KeyId, cause: Option<Cause>) {
        self.board.borrow_mut().nodes[key.index()].state = FAILED;
        self.state.marked.push(key);
        let Some(cause) = cause else { return };
        self.observe(key, &Decision::Failed(cause.clone()));
        self.state.stopped |= !self.keep_going;
        let failure = Failure { key: self.board.borrow().keys.show(key), cause };
        self.state.failures.push((key, failure));
    }

    fn fail_build(&mut self, error: StoreError) {
        self.state.stopped = true;
        let failure = Failure { key: String::new(), cause: error.into() };
        self.state.failures.push((KeyId::new(0), failure));
    }

    /// What to say of a key that needs `dependency`, which has no value.
    fn consequence(&self, dependency: KeyId) -> Cause {
        let board = self.board.borrow();
        let input = board.nodes[dependency.index()].has(INPUT);
        let dependency = board.keys.show(dependency);
        if input { Cause::MissingInput { dependency } } else { Cause::Dependency { dependency } }
    }

    /// Finds keys that wait for each other in a circle, and fails one of them.
    fn break_cycle(&mut self) {
        let mut awaits = HashMap::new();
        let mut live = Vec::new();
        for (index, slot) in self.state.slots.iter().enumerate() {
            if self.board.borrow().nodes[slot.key.index()].state == ACTIVE | index as u32 {
                live.push(index as u32);
                awaits.extend(slot.waiters.iter().map(|&waiter| (waiter, index as u32)));
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

    fn observe(&mut self, key: KeyId, decision: &Decision) {
        if let Some(observer) = &mut self.observer {
            let name = self.board.borrow().keys.name(key).clone();
            observer(&name, decision);
        }
    }
}

/// Turns what a task fetched into what a trace records: its definition first, each key once, with its fingerprint.
fn collect_dependencies<K: Key, V: Value>(
    board: &mut Board<K, V>,
    key: KeyId,
    fetched: &[u32],
    into: &mut Vec<Dependency>,
) {
    into.clear();
    if board.nodes[key.index()].has(DEFINED) {
        let definition = key.definition();
        let fingerprint = board.fingerprint(definition).unwrap_or_default();
        into.push(Dependency { key: definition, grouped: false, fingerprint });
    }
    let mut seen = HashSet::new();
    let many = fetched.len() > 16;
    for &raw in fetched {
        let id = KeyId::from_raw(raw);
        let again = if many { !seen.insert(id) } else { into.iter().any(|known| known.key == id) };
        if again {
            continue;
        }
        // A fetch that was given up while it was pending had no part in the value.
        if let Look::Ready(node) = board.look(id) {
            let fingerprint: Fingerprint = node.fingerprint;
            into.push(Dependency { key: id, grouped: raw & GROUPED != 0, fingerprint });
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

impl<K: Key, V: Value, T, St, S, R, J> Drop for Engine<'_, K, V, T, St, S, R, J> {
    /// A build may be given up at any moment: futures give back what they hold, keys that were underway are stale.
    fn drop(&mut self) {
        for slot in &mut self.state.slots {
            slot.future = None;
        }
        let mut board = self.board.borrow_mut();
        for (index, slot) in self.state.slots.iter().enumerate() {
            let node = &mut board.nodes[slot.key.index()];
            if node.state == ACTIVE | index as u32 {
                node.state = STALE;
            }
        }
        for &key in &self.state.marked {
            board.nodes[key.index()].state = STALE;
        }
    }
}
