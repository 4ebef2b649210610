//! Fetch: how a task asks for the values it depends on.
//!
//! A fetch of a key that is up to date answers at once, without hashing its id, without allocation. A fetch of
//! any other key leaves the task's future *pending*; what then becomes of the future is the scheduler's choice
//! and nothing that a task can see.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use crate::descent::Descended;
use crate::error::{Result, TaskError, panic_message};
use crate::key::{AsKey, Key, KeyId};
use crate::key_table::{KeyTable, Look, fetch_failed};
use crate::pools::JOBS;
use crate::waits::Ticket;

/// A task's way to the values of other keys, valid while the task runs.
///
/// ```
/// use alacarte::prelude::*;
///
/// // Key 0 says how many of the others are added up.
/// let sum = task(async |fetch: Fetch<'_, u32, u32>| {
///     let count = fetch.get(0).await?;
///     Ok(fetch.all(1..=count).await?.iter().sum())
/// });
/// let inputs = Memory::from([(0, 2), (1, 10), (2, 20), (3, 30)]);
/// let tasks = Rules::new().rule(9_u32, sum);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// build.run([9])?;
/// assert_eq!(build.get(9), Some(30));
/// // The task did not fetch key 3, so it does not depend on it.
/// build.set(3, 33)?;
/// assert!(build.run([9])?.ran.is_empty());
/// build.set(0, 3)?;
/// build.run([9])?;
/// assert_eq!(build.get(9), Some(63));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fetch<'b, K, V> {
    pub(crate) table: &'b RefCell<KeyTable<K, V>>,
}

impl<K, V> Clone for Fetch<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Fetch<'_, K, V> {}

impl<'b, K: Key, V: Clone> Fetch<'b, K, V> {
    /// The value of `key`, brought up to date first.
    ///
    /// Where the scheduler goes depth first ([`Scheduler::depth_first`](crate::Scheduler::depth_first)), that happens while the
    /// future is polled: other tasks run within the poll. So a task that does outside work beside a fetch polls the work first, to
    /// have it begun; and what a task holds only while it polls (a borrowed `RefCell`, a task-local variable), those others
    /// meet.
    ///
    /// # Errors
    /// If the key has no value because its task failed, or because it is a missing input. Pass the error on with `?`: a
    /// task that met it fails in any case, and the report names the key that failed first.
    #[inline]
    pub fn get(self, key: impl AsKey<K>) -> Get<'b, K, V> {
        let id = self.id_of(&key);
        self.id(id)
    }

    /// The same for a key whose id is known: no hashing.
    ///
    /// # Errors
    /// As [`Fetch::get`].
    #[inline]
    pub fn id(self, id: KeyId) -> Get<'b, K, V> {
        Get { fetch: self, id, recorded: false, ticket: None }
    }

    /// The values of several keys, fetched at once and recorded as one group: where more than one is not up to
    /// date, all of them are brought up to date before the task goes on.
    ///
    /// # Errors
    /// As [`Fetch::get`].
    pub fn all<Q: AsKey<K>>(self, keys: impl IntoIterator<Item = Q>) -> All<'b, K, V> {
        let ids = keys.into_iter().map(|key| self.id_of(&key)).collect();
        All { fetch: self, ids, recorded: false, ticket: None }
    }

    /// The same for keys whose ids are known.
    ///
    /// # Errors
    /// As [`Fetch::get`].
    pub fn ids(self, ids: impl IntoIterator<Item = KeyId>) -> All<'b, K, V> {
        All { fetch: self, ids: ids.into_iter().collect(), recorded: false, ticket: None }
    }

    /// For tasks that are no futures: calls `each` with every value of the group, in order, if all are up to date. (Where the
    /// scheduler goes depth first, other tasks run within this call, as with [`Fetch::get`].)
    ///
    /// A task to which this answers [`Poll::Pending`] gives [`Running::Waiting`](crate::Running::Waiting) and
    /// is asked again later.
    pub fn poll_ids(self, ids: &[KeyId], mut each: impl FnMut(&V)) -> Poll<Result<()>> {
        if let Ok(outcome) = poll_group(self, ids, true, None) {
            outcome?;
            let table = self.table.borrow();
            for id in ids {
                if let Some(value) = table.value(*id) {
                    each(value);
                }
            }
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    /// Has what is missing of these keys brought up to date at once, as far as that goes.
    fn descend(self, ids: &[KeyId]) -> Descended {
        for &id in ids {
            let mut table = self.table.borrow_mut();
            let Look::Missing = table.look(id) else { continue };
            let Some(descent) = table.descent(id) else { continue };
            drop(table);
            // SAFETY: the key table had it just now: the task that polls this fetch is polled by that engine, which
            // takes the way back away before it does anything else.
            if unsafe { descent.bring(id) } == Descended::Stopped {
                return Descended::Stopped;
            }
        }
        Descended::LookAgain
    }

    /// Has `key` brought up to date without waiting for it. The build ends only when all such work has ended; if it fails or
    /// is given up before, the next build goes on with it. It is no dependency: the task does not see the value.
    pub fn detach(self, key: impl AsKey<K>) {
        let id = self.id_of(&key);
        self.table.borrow_mut().detached.started.push(id);
    }

    /// Declares that this task's value may not be kept beyond this build: it depends on something that no fetch shows.
    pub fn volatile(self) {
        self.table.borrow_mut().task.poll.volatile = true;
    }

    /// Does work outside the build (a process, a download, a thread) in one of the build's job slots, waiting
    /// for a free one first.
    ///
    /// The work itself must not fetch: what it fetches might wait for the very slot that it holds. A task that does so anyway
    /// fails if the key is not up to date. Fetch before the work, or after it.
    pub async fn work<T>(self, work: impl Future<Output = T>) -> T {
        self.work_in_turn(None, work).await
    }

    async fn work_in_turn<T>(self, priority: Option<u64>, work: impl Future<Output = T>) -> T {
        let _slot = Permit { fetch: self, pool: JOBS, priority, ticket: None }.await;
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.table.borrow_mut().task.poll.working += 1;
            let polled = work.as_mut().poll(cx);
            self.table.borrow_mut().task.poll.working -= 1;
            polled
        })
        .await
    }

    /// The same with a permit of a named pool as well; a pool that the build does not have is no bound.
    ///
    /// # Panics
    /// Inside other work, if that pool has no free permit: what holds one may need the job slot that the outer work holds. (The
    /// task then fails, with this as its reason.)
    pub async fn work_in<T>(self, pool: &str, work: impl Future<Output = T>) -> T {
        let _place = self.place_in(pool, None).await;
        self.work(work).await
    }

    /// The same work, with or without a named pool, in the order of its priority: of all work that waits for a slot, that of the highest priority begins
    /// first. None begins before every task that can go on has said what work it has. (Other work has the priority 0, and takes a slot that is free at once.)
    ///
    /// Where what comes after a task is known, the length of the longest way from it to a target is a good priority: what is on the critical path begins
    /// first (as in ninja since 1.12).
    ///
    /// # Panics
    /// As [`Fetch::work_in`].
    pub async fn work_at<T>(self, priority: u64, pool: Option<&str>, work: impl Future<Output = T>) -> T {
        let _place = match pool {
            Some(pool) => self.place_in(pool, Some(priority)).await,
            None => None,
        };
        self.work_in_turn(Some(priority), work).await
    }

    /// A permit of a named pool, if there is one of that name.
    async fn place_in(self, pool: &str, priority: Option<u64>) -> Option<Held<'b, K, V>> {
        let found = self.table.borrow().pools.find(pool);
        Permit { fetch: self, pool: found?, priority, ticket: None }.await
    }

    /// How many times keys were forgotten. Numbers that a task took under another epoch may be those of other keys by now.
    pub fn epoch(self) -> u64 {
        self.table.borrow().epoch
    }

    /// The id of a key, for [`Fetch::id`] and its like. It is good for this build, and for later ones until the
    /// [epoch](Fetch::epoch) changes.
    #[inline(never)]
    pub fn id_of(self, key: &(impl AsKey<K> + ?Sized)) -> KeyId {
        self.table.borrow_mut().intern(key)
    }

    /// Whether `key` is up to date in this build, without asking for it.
    pub fn is_ready(self, key: &(impl AsKey<K> + ?Sized)) -> bool {
        let id = self.id_of(key);
        matches!(self.table.borrow_mut().look(id), Look::Ready(_))
    }
}

/// All of a group, or what is missing of it, when that was brought up to date as far as it could be: then the ticket for the rest, if a future
/// waits.
fn poll_group<K: Key, V: Clone>(
    fetch: Fetch<'_, K, V>,
    ids: &[KeyId],
    mut record: bool,
    waker: Option<&Waker>,
) -> std::result::Result<Result<()>, Option<Ticket>> {
    let mut table = fetch.table.borrow_mut();
    if table.task.poll.stopped {
        return Err(None);
    }
    if table.task.poll.descent.is_some() {
        let before = table.task.missing.len();
        if let Ok(outcome) = look_at_group(&mut table, ids, record, None) {
            return Ok(outcome);
        }
        table.task.missing.truncate(before);
        record = false;
        drop(table);
        if fetch.descend(ids) == Descended::Stopped {
            return Err(None);
        }
        table = fetch.table.borrow_mut();
    }
    look_at_group(&mut table, ids, record, waker)
}

/// All of a group, or the ticket for what is missing of it.
fn look_at_group<K: Key, V: Clone>(
    table: &mut KeyTable<K, V>,
    ids: &[KeyId],
    record: bool,
    waker: Option<&Waker>,
) -> std::result::Result<Result<()>, Option<Ticket>> {
    let mut failed = None;
    let before = table.task.missing.len();
    for (position, &id) in ids.iter().enumerate() {
        if record {
            table.task.record(id, position > 0);
        }
        match table.look(id) {
            Look::Ready(()) => {}
            Look::Missing => table.task.miss(id, None),
            Look::Failed => failed = failed.or(Some(id)),
        }
    }
    let missing = table.task.missing.len() - before;
    if missing > 0 {
        let ticket = waker.map(|waker| table.waits.for_keys(missing as u32, waker));
        table.task.missing[before..].iter_mut().for_each(|missing| missing.ticket = ticket);
        return Err(ticket);
    }
    if let Some(id) = failed {
        table.fail::<()>(id);
        return Ok(Err(fetch_failed()));
    }
    Ok(Ok(()))
}

/// The future of [`Fetch::get`].
#[must_use = "a fetch does nothing unless it is awaited"]
pub struct Get<'b, K, V> {
    fetch: Fetch<'b, K, V>,
    id: KeyId,
    recorded: bool,
    ticket: Option<Ticket>,
}

impl<K: Key, V: Clone> Future for Get<'_, K, V> {
    type Output = Result<V>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<V>> {
        let mut table = self.fetch.table.borrow_mut();
        if !self.recorded {
            table.task.record(self.id, false);
            self.recorded = true;
        }
        if self.ticket.is_none()
            && let Some(value) = table.stamped(self.id)
        {
            return Poll::Ready(Ok(value.clone()));
        }
        drop(table);
        self.bring(cx)
    }
}

impl<K: Key, V: Clone> Get<'_, K, V> {
    /// The key is not up to date, or was not when this was polled before.
    #[inline(never)]
    fn bring(&mut self, cx: &Context<'_>) -> Poll<Result<V>> {
        let mut table = self.fetch.table.borrow_mut();
        // (What was waited for is there, or on its way.)
        if self.ticket.is_none() && table.task.poll.descent.is_some() {
            drop(table);
            if self.fetch.descend(&[self.id]) == Descended::Stopped {
                return Poll::Pending;
            }
            table = self.fetch.table.borrow_mut();
        }
        if table.task.poll.stopped {
            return Poll::Pending;
        }
        let outcome = match table.fetch(self.id) {
            Look::Ready(value) => Ok(value),
            Look::Failed => Err(fetch_failed()),
            Look::Missing => {
                if !self.ticket.is_some_and(|ticket| table.waits.again(ticket, cx.waker())) {
                    let ticket = table.waits.for_keys(1, cx.waker());
                    table.task.miss(self.id, Some(ticket));
                    drop(table);
                    self.fetch.give_back(self.ticket.replace(ticket));
                }
                return Poll::Pending;
            }
        };
        drop(table);
        self.fetch.give_back(self.ticket.take());
        Poll::Ready(outcome)
    }
}

impl<K, V> Drop for Get<'_, K, V> {
    fn drop(&mut self) {
        self.fetch.give_back(self.ticket.take());
    }
}

/// The future of [`Fetch::all`].
#[must_use = "a fetch does nothing unless it is awaited"]
pub struct All<'b, K, V> {
    fetch: Fetch<'b, K, V>,
    ids: SmallVec<[KeyId; 8]>,
    recorded: bool,
    ticket: Option<Ticket>,
}

impl<K: Key, V: Clone> Future for All<'_, K, V> {
    type Output = Result<Vec<V>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Vec<V>>> {
        let record = !std::mem::replace(&mut self.recorded, true);
        let mut table = self.fetch.table.borrow_mut();
        if self.ticket.is_some_and(|ticket| table.waits.again(ticket, cx.waker())) {
            return Poll::Pending;
        }
        drop(table);
        let group = poll_group(self.fetch, &self.ids, record, Some(cx.waker())).map(|outcome| {
            outcome.map(|()| {
                let table = self.fetch.table.borrow();
                self.ids.iter().filter_map(|&id| table.value(id).cloned()).collect()
            })
        });
        let before = std::mem::replace(&mut self.ticket, *group.as_ref().err().unwrap_or(&None));
        self.fetch.give_back(before);
        group.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<K, V> Drop for All<'_, K, V> {
    fn drop(&mut self) {
        self.fetch.give_back(self.ticket.take());
    }
}

/// A permit of a pool: a future until it is held, given back when dropped.
struct Permit<'b, K, V> {
    fetch: Fetch<'b, K, V>,
    pool: usize,
    /// Those that have one wait for others, that may have a higher one, to ask.
    priority: Option<u64>,
    ticket: Option<Ticket>,
}

impl<'b, K, V> Future for Permit<'b, K, V> {
    type Output = Option<Held<'b, K, V>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut table = self.fetch.table.borrow_mut();
        let pool = self.pool;
        let inside = table.task.poll.working > 0;
        let waits = self.ticket.is_some_and(|ticket| table.waits.again(ticket, cx.waker()));
        let admitted = self.ticket.is_some() && !waits;
        let there = table.pools.get(pool);
        let in_turn = admitted || self.priority.is_none() && !there.is_awaited();
        if !inside && (there.free == 0 || !in_turn) {
            if !waits {
                let ticket = table.waits.for_permit(cx.waker());
                table.pools.wait(pool, self.priority.unwrap_or(0), ticket);
                drop(table);
                self.fetch.give_back(self.ticket.replace(ticket));
            }
            return Poll::Pending;
        }
        // Work inside work goes on with the permit that the outer one holds.
        let held = !inside || pool != JOBS;
        if held {
            assert!(
                table.pools.get(pool).free > 0,
                "inside `Fetch::work` it asked for a permit of the pool {}, which is full: what holds that permit may \
                 need the one that this work holds; ask with `Fetch::work_in` from outside",
                table.pools.get(pool).name
            );
            table.pools.take(pool);
            table.task.poll.permits += 1;
        }
        drop(table);
        self.fetch.give_back(self.ticket.take());
        Poll::Ready(held.then(|| Held { fetch: self.fetch, pool }))
    }
}

impl<K, V> Drop for Permit<'_, K, V> {
    fn drop(&mut self) {
        self.fetch.give_back(self.ticket.take());
    }
}

struct Held<'b, K, V> {
    fetch: Fetch<'b, K, V>,
    pool: usize,
}

impl<K, V> Drop for Held<'_, K, V> {
    fn drop(&mut self) {
        let mut table = self.fetch.table.borrow_mut();
        table.pools.give_back(self.pool);
        table.task.poll.permits -= 1;
    }
}

impl<K, V> Fetch<'_, K, V> {
    fn give_back(self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.table.borrow_mut().waits.give_back(ticket);
        }
    }
}

/// Runs `work` on a thread of its own, for heavy computations inside [`Fetch::work`].
///
/// # Errors
/// If the thread panicked, with what it said, or could not be started.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (send, receive) = futures_channel::oneshot::channel();
    let spawned = std::thread::Builder::new().name("alacarte-work".into()).spawn(move || {
        // Nobody listens any more if the build was dropped; then nobody misses the answer.
        let _ = send.send(catch_unwind(AssertUnwindSafe(work)));
    });
    spawned?;
    let panicked = |said: &str| TaskError::new(format_args!("the thread that did its work panicked: {said}"));
    match receive.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(panic)) => Err(panicked(&panic_message(&*panic))),
        Err(_) => Err(panicked("(no message)")),
    }
}

impl<K, V> fmt::Debug for Fetch<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Get<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for All<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All").field("ids", &self.ids).finish_non_exhaustive()
    }
}
