//! A build system: tasks, a store and a journal, with a scheduler and a rebuilder, and the metadata that these read.
//!
//! ```text
//! Shake = Suspending × VerifyingTrace        Make = Topological × ModificationTime
//! ```

mod opening;
mod scope;

use std::any::{Any, type_name, type_name_of_val};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::blame::{Blame, Part};
use crate::blamed::Blamed;
use crate::collect::{Past, Retention, garbage};
use crate::engine::{Engine, Observer, Progress};
use crate::error::{Cause, Failure, StoreError, panic_message};
use crate::event::Event;
use crate::event_sink::{EventSink, News};
use crate::fingerprint::Value;
use crate::journal::{Journal, NoJournal, TraceCache};
use crate::key::{AsKey, Key, KeyId, Keys};
use crate::key_table::{CLASSIFIED, KeyTable, LOADED};
use crate::metadata::Metadata;
use crate::rebuilder::Rebuilder;
use crate::report::{BuildError, Decision, Report};
use crate::scheduler::{QueueCount, Scheduler, Schedules};
use crate::store::Store;
use crate::task::Tasks;
use scope::Scope;

/// A build system over tasks `T` and a store `St`: scheduler `S`, rebuilder `R`, journal `J`.
///
/// Made by [`Build::new`] and completed by [`Build::with_scheduler`] and [`Build::with_rebuilder`]; both may be exchanged
/// at any time between two builds. With a journal that keeps events, the new combination takes over where the
/// old one stopped.
///
/// # Threads
///
/// A build is not [`Send`]: tasks, values and strategies may hold an [`Rc`], and coordination takes no lock. Make it on the
/// thread that runs it, or on a thread of its own that is told by a channel what to build and answers with values. What is heavy
/// goes to other threads from within a task: [`Fetch::work`](crate::Fetch::work) with [`off_thread`](crate::off_thread), a
/// process, a runtime around [`Build::run_async`].
///
/// ```
/// use alacarte::prelude::*;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tasks = Rules::new()
///         .rule("area", formula(["width", "depth"], |[width, depth]| width * depth))
///         .rule("tins", formula(["area"], |[area]| area / 50 + 1))
///         .rule("price", task(async |fetch| Ok(fetch.get("tins").await? * fetch.get("tin").await?)));
///     let measured = Memory::from([("width", 10), ("depth", 9), ("tin", 30)]);
///     let mut build = Build::new(tasks, measured).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
///
///     let report = build.run(["price"])?;
///     assert_eq!(build.names(&report.ran), ["area", "tins", "price"]);
///     assert_eq!(build.get("price"), Some(60));
///
///     build.set("depth", 8)?;
///     let report = build.run(["price"])?;
///     assert_eq!(build.names(&report.ran), ["area", "tins"]); // Two tins are enough again, so `price` is kept.
///
///     let mut build = build.with_scheduler(Restarting::new()).with_rebuilder(Perpetual); // This is another build system.
///     assert_eq!(build.run(["price"])?.ran.len(), 3);
///     Ok(())
/// }
/// ```
pub struct Build<K, V, T, St, S = (), R = (), J = NoJournal> {
    table: RefCell<KeyTable<K, V>>,
    tasks: T,
    store: St,
    scheduler: Blamed<S>,
    rebuilder: Blamed<R>,
    sink: EventSink<J>,
    cache: Option<Box<dyn TraceCache<K, V>>>,
    observer: Option<Observer<K>>,
    observer_name: &'static str,
    /// The collection of tasks that it began with.
    collection: Option<u64>,
    /// How many times the tasks were replaced.
    generation: u64,
    /// The generation whose definitions have been compared with what is remembered.
    compared: Option<u64>,
    /// The moment of the collection at which they were.
    moment: Option<u64>,
    /// The journal was replayed into the metadata that are installed.
    opened: bool,
    /// The store may hold something else than it did, or be another one.
    restocked: bool,
    /// Something panicked in the middle of a change or of a build, other than a task.
    shaken: Rc<Cell<bool>>,
    /// Which strategy it was.
    blame: Blame,
    /// How it was composed wrongly: each build says so.
    misused: Option<Cause>,
    /// Something changed since the last build, or the last build left something open.
    questionable: bool,
    /// This very combination has completed a build, so that every key that is not suspect is up to date.
    proven: bool,
    /// A build has visited suspects only: keys that its targets do not reach may count as up to date that are not.
    last_build_checked_roots_only: bool,
    /// The keys that each order-only input precedes, as far as they were met since everything was looked at.
    preceding: HashMap<KeyId, HashSet<KeyId>>,
    /// A build ends after so many failures.
    stop_after: usize,
    jobs: usize,
    past: Past,
    retention: Option<Retention>,
}

impl<K: Key, V: Value, T: Tasks<K, V>, St: Store<K, V>> Build<K, V, T, St> {
    /// A build system that lacks a scheduler and a rebuilder.
    pub fn new(tasks: T, store: St) -> Self {
        let blame = Blame::default();
        Build {
            table: RefCell::new(KeyTable::new()),
            collection: tasks.collection(),
            tasks,
            store,
            scheduler: Blamed::new((), &blame),
            rebuilder: Blamed::new((), &blame),
            sink: EventSink::new(NoJournal, 0),
            cache: None,
            observer: None,
            observer_name: "",
            generation: 0,
            compared: None,
            moment: None,
            opened: false,
            restocked: false,
            shaken: Rc::default(),
            blame,
            misused: None,
            questionable: true,
            proven: false,
            last_build_checked_roots_only: false,
            preceding: HashMap::new(),
            stop_after: 1,
            jobs: 1,
            past: Past::default(),
            retention: Some(Retention::default()),
        }
    }
}

impl<K: Key, V: Value, T, St, S, R, J> Build<K, V, T, St, S, R, J> {
    /// Chooses the order in which keys are visited, and what becomes of a task that must wait.
    pub fn with_scheduler<S2>(self, scheduler: S2) -> Build<K, V, T, St, S2, R, J> {
        self.with(|_, rebuilder, journal| (scheduler, rebuilder, journal))
    }

    /// Chooses which tasks must run at all.
    pub fn with_rebuilder<R2>(self, rebuilder: R2) -> Build<K, V, T, St, S, R2, J> {
        self.with(|scheduler, _, journal| (scheduler, rebuilder, journal))
    }

    /// Chooses where events are kept. What the journal holds already is taken up by the next build. If this build knows
    /// better, because something happened before the journal was chosen, the journal is told; what was built before is
    /// not known to it, and is built again.
    pub fn with_journal<J2>(self, journal: J2) -> Build<K, V, T, St, S, R, J2> {
        self.with(|scheduler, rebuilder, _| (scheduler, rebuilder, journal))
    }

    /// Exchanges parts. Metadata are read from the journal afresh, for the new parts may read others.
    fn with<S2, R2, J2>(self, exchange: impl FnOnce(S, R, J) -> (S2, R2, J2)) -> Build<K, V, T, St, S2, R2, J2> {
        let (scheduler, rebuilder, journal) =
            exchange(self.scheduler.strategy, self.rebuilder.strategy, self.sink.journal);
        Build {
            table: self.table,
            tasks: self.tasks,
            store: self.store,
            scheduler: Blamed::new(scheduler, &self.blame),
            rebuilder: Blamed::new(rebuilder, &self.blame),
            sink: EventSink::new(journal, self.sink.clock),
            cache: self.cache,
            observer: self.observer,
            observer_name: self.observer_name,
            collection: self.collection,
            generation: self.generation,
            compared: None,
            moment: None,
            opened: false,
            restocked: self.restocked,
            shaken: self.shaken,
            blame: self.blame,
            misused: self.misused,
            questionable: true,
            proven: false,
            last_build_checked_roots_only: self.last_build_checked_roots_only,
            preceding: self.preceding,
            stop_after: self.stop_after,
            jobs: self.jobs,
            past: self.past,
            retention: self.retention,
        }
    }

    /// Shares constructive traces with other builds through this cache. Used by rebuilders that restore.
    #[must_use]
    pub fn with_cache(mut self, cache: impl TraceCache<K, V> + 'static) -> Self {
        self.cache = Some(Box::new(cache));
        self
    }

    /// How many tasks may do outside work at once; 1 unless said otherwise, and never less.
    #[must_use]
    pub fn with_jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Adds a named pool: a further bound on the outside work that names it (see
    /// [`Fetch::work_in`](crate::Fetch::work_in)). A pool that is there already, with another depth, is an error of each build
    /// ([`Cause::DuplicatePool`](crate::Cause::DuplicatePool)).
    #[must_use]
    pub fn with_pool(mut self, name: impl Into<String>, depth: usize) -> Self {
        let (name, depth) = (name.into(), depth.max(1));
        if let Err(first) = self.table.get_mut().pools.add(name.clone(), depth) {
            self.misused.get_or_insert(Cause::DuplicatePool { name, first, second: depth });
        }
        self
    }

    /// Whether the build goes on after a failure with the keys that do not depend on the one that failed.
    #[must_use]
    pub fn with_keep_going(self, keep_going: bool) -> Self {
        self.with_stop_after(if keep_going { usize::MAX } else { 1 })
    }

    /// How many keys may fail of themselves before the build stops (ninja's `-k`); 1 unless said otherwise. Until then
    /// it goes on with the keys that do not depend on them.
    #[must_use]
    pub fn with_stop_after(mut self, failures: usize) -> Self {
        self.stop_after = failures;
        self
    }

    /// How long a key is kept that nobody reaches, if builds are to forget keys of themselves (see [`Build::collect`]); for
    /// `None`, they do not. Unless said otherwise, that is [`Retention::default`].
    ///
    /// They look for such keys every so many builds, if there are twice as many keys as when they last did.
    #[must_use]
    pub fn with_retention(mut self, retention: Option<Retention>) -> Self {
        self.retention = retention;
        self
    }

    /// Has `observer` told of every decision, as it is made, with the keys known by then.
    #[must_use]
    pub fn with_observer(mut self, mut observer: impl FnMut(&Keys<K>, KeyId, &Decision) + 'static) -> Self {
        let blame = self.blame.clone();
        self.observer_name = type_name_of_val(&observer);
        self.observer = Some(Box::new(move |keys, key, decision| {
            blame.on(Part::Observer, Some(key), || observer(keys, key, decision));
        }));
        self
    }

    /// The value that a key holds now, up to date or not.
    pub fn get(&self, key: impl AsKey<K>) -> Option<V> {
        let table = self.table.borrow();
        let id = table.keys.find(&key)?;
        table.value(id).cloned()
    }

    /// All keys met so far, with their ids.
    pub fn keys(&self) -> std::cell::Ref<'_, Keys<K>> {
        std::cell::Ref::map(self.table.borrow(), |table| &table.keys)
    }

    /// The keys with these ids, such as [`Report::ran`].
    ///
    /// # Panics
    /// If one of them is the id of no key.
    pub fn names(&self, ids: &[KeyId]) -> Vec<K> {
        let table = self.table.borrow();
        ids.iter().map(|&id| table.keys.name(id).clone()).collect()
    }

    /// The id of a key, a new one if it was never met. As long as it is not [released](Build::release), the key is not
    /// forgotten.
    ///
    /// # Panics
    /// If there are [`KeyId::LIMIT`] keys already.
    pub fn intern(&mut self, key: impl AsKey<K>) -> KeyId {
        let table = self.table.get_mut();
        let id = table.intern(&key);
        table.hold_outside(id, true);
        id
    }

    /// Gives back the id of a key: nobody uses it any more. (The id of no key may be given back, too: that changes nothing.)
    pub fn release(&mut self, id: KeyId) {
        self.table.get_mut().hold_outside(id, false);
    }

    /// Makes room for so many keys at once.
    pub fn reserve(&mut self, keys: usize) {
        self.table.get_mut().reserve(keys);
    }

    /// The tasks.
    pub fn tasks(&self) -> &T {
        &self.tasks
    }

    /// The tasks, to be changed, or exchanged for others. Definitions are compared at the beginning of the next build, so
    /// that only tasks whose [`Tasks::definition`] changed, or that are new, run again; and those without a definition that
    /// belong to another [`Tasks::collection`] than before.
    pub fn tasks_mut(&mut self) -> &mut T {
        self.generation += 1;
        self.questionable = true;
        &mut self.tasks
    }

    /// The store.
    pub fn store(&self) -> &St {
        &self.store
    }

    /// The store, to be changed, or exchanged for another. The values that it then holds stand from the next build,
    /// edit or removal on, also in place of what was set through this build; and an input that it lacks is gone, unless
    /// it has given its values away ([`Store::gives_away`]).
    pub fn store_mut(&mut self) -> &mut St {
        self.questionable = true;
        self.restocked = true;
        &mut self.store
    }

    /// The journal.
    pub fn journal(&self) -> &J {
        &self.sink.journal
    }

    /// The metadata installed by the last build.
    pub fn metadata(&self) -> &Metadata {
        &self.sink.metadata
    }
}

// (What these need of scheduler and rebuilder each says for itself, so that the compiler names what is missing.)
impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    J: Journal<K, V>,
{
    /// Gives an input another value; `Ok(false)` if it holds one of the same fingerprint already: then nothing has changed for
    /// those that depend on it, and the value is held all the same. For stores in memory: a file is edited where it lies.
    ///
    /// A key with a task can be set too. That models an output that somebody else overwrote; the next build
    /// that reaches it puts it right.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn set(&mut self, key: impl AsKey<K>, value: V) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        self.change(id, Some(value), false)
    }

    /// Takes a key's value away: an input that was deleted, an output that was lost.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn remove(&mut self, key: impl AsKey<K>) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        self.change(id, None, false)
    }

    /// Has an input written again with the value that it holds: only its modification time changes.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn touch(&mut self, key: impl AsKey<K>) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        let value = self.table.get_mut().value(id).cloned();
        self.change(id, value, true)
    }

    /// Brings the targets up to date. They are named by value or by reference; text may name a key that is made of text.
    ///
    /// ```
    /// use alacarte::prelude::*;
    ///
    /// let tasks = Rules::new().rule("B".to_string(), formula(["A".to_string()], |[a]| a + 1));
    /// let inputs = Memory::from([("A".to_string(), 1)]);
    /// let mut build = Build::new(tasks, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    /// build.run(["B"])?;
    /// build.run(&["B"])?;
    /// let targets = vec!["A".to_string(), "B".to_string()];
    /// build.run(&targets)?;
    /// build.run(targets)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a key that a target needs could not be brought up to date, or a strategy panicked
    /// ([`Cause::StrategyPanic`](crate::Cause::StrategyPanic)); what was finished is kept all the same.
    pub fn run<Q: AsKey<K>>(&mut self, targets: impl IntoIterator<Item = Q>) -> Result<Report, BuildError<K>>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        pollster::block_on(self.run_async(targets))
    }

    /// The same for targets whose ids are known.
    ///
    /// # Errors
    /// As [`Build::run`].
    ///
    /// An id of no key, or of one that was forgotten, is such a failure ([`Cause::UnknownId`](crate::Cause::UnknownId)).
    pub fn run_ids(&mut self, targets: &[KeyId]) -> Result<Report, BuildError<K>>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let keys = &self.table.get_mut().keys;
        if let Some(unknown) = targets.iter().find(|target| !keys.knows(**target)) {
            return Err(refused(Cause::UnknownId { id: *unknown }));
        }
        pollster::block_on(self.drive(targets))
    }

    /// The same as a future, for tasks whose outside work needs a runtime (tokio's, say) around it. It may be
    /// dropped at any moment: what the build had finished by then is kept.
    ///
    /// # Errors
    /// As [`Build::run`].
    pub async fn run_async<Q: AsKey<K>>(
        &mut self,
        targets: impl IntoIterator<Item = Q>,
    ) -> Result<Report, BuildError<K>>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let table = self.table.get_mut();
        let targets: Vec<KeyId> = targets.into_iter().map(|key| table.intern(&key)).collect();
        self.drive(&targets).await
    }

    /// Asks the store what has changed outside the build, as [`run`](Build::run) does first: the keys that hold something else than the last build
    /// knows, of this process or, where a journal was just opened, of another. The next build takes them into account; they are told once.
    ///
    /// ```
    /// use std::fs::{copy, write};
    ///
    /// use alacarte::prelude::*;
    /// use alacarte::stores::{FileKey, FileStore, FileValue, Files};
    ///
    /// let directory = tempfile::tempdir()?;
    /// write(directory.path().join("source"), "one")?;
    /// let files = Files::shared(directory.path())?;
    /// let shared = files.clone();
    /// let copies = task(async move |fetch: Fetch<'_, FileKey, FileValue>| {
    ///     let (from, to) = (FileKey::from("source"), FileKey::from("copy"));
    ///     let value = fetch.get(&from).await?;
    ///     let mut files = shared.borrow_mut();
    ///     copy(files.path(&from), files.path(&to))?;
    ///     files.written(&to, None)?;
    ///     Ok(value)
    /// });
    /// let build = Build::new(Rules::new().rule("copy", copies), FileStore::new(&files));
    /// let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    /// build.run([FileKey::from("copy")])?;
    ///
    /// assert!(build.look_around()?.is_empty()); // There is nothing to do.
    /// write(directory.path().join("source"), "another")?;
    /// let changed = build.look_around()?;
    /// assert_eq!(build.names(&changed), [FileKey::from("source")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn look_around(&mut self) -> Result<Vec<KeyId>, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let mut changed = self.open()?;
        changed.append(&mut self.refresh()?);
        self.sink.journal.flush()?;
        Ok(changed)
    }

    /// Forgets every key that nobody needs: how many.
    ///
    /// A key is forgotten if it was not reached in the last `retention.builds` builds of this process, and
    /// - it has no value, or has one that its task would give again: what an input holds is never forgotten
    ///   ([`Build::remove`] it before);
    /// - no key that stays has it among its dependencies, by any trace that is kept, or declares it;
    /// - no task has started it without waiting, so that it is owed;
    /// - its id was not given out by [`Build::intern`], or was [released](Build::release).
    ///
    /// It is *reached* in a build that looked at it, or if it lies below a target of that build through what is recorded when
    /// keys are collected. (A build that follows suspects looks at few keys.) As long as the process has not begun so
    /// many builds, nothing is forgotten.
    ///
    /// All that is remembered of a forgotten key goes with it, here and in the journal: if it has a task and somebody
    /// reaches it again, it is built as if for the first time, or restored if a cache has a trace of it. Nothing else is done
    /// that would not have been done.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    pub fn collect(&mut self, retention: Retention) -> Result<usize, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        self.open()?;
        let aside = std::mem::take(&mut self.table.get_mut().aside);
        self.past.note(aside);
        let forgotten = self.forget_unreached(retention)?;
        self.sink.journal.flush()?;
        Ok(forgotten)
    }
}

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    fn change(&mut self, id: KeyId, value: Option<V>, touched: bool) -> Result<bool, StoreError> {
        let input = !self.tasks.has(self.table.get_mut().keys.name(id));
        // Whether an output that looks the same in a part is the one that was built, nobody can tell.
        let touched = touched || value.as_ref().is_some_and(|value| !input && !value.is_whole());
        let table = self.table.get_mut();
        let known = table.receive(id, value);
        let changed = self.sink.notice(table, id, News { known, modified: None, input, touched });
        // (What the journal could not write has happened all the same.)
        self.questionable |= !matches!(changed, Ok(false));
        changed
    }

    /// The id of a key, which the store was asked for.
    fn meet(&mut self, key: &impl AsKey<K>) -> Result<KeyId, StoreError> {
        self.open()?;
        let table = self.table.get_mut();
        let id = table.intern(key);
        if !table.has(id, LOADED) {
            let input = !self.tasks.has(table.keys.name(id));
            // (Nothing of the user's comes between: what a store has given away would be lost in a panic.)
            let value = self.store.load(id, table.keys.name(id))?;
            let known = table.receive(id, value);
            let modified = self.store.modified(table.keys.name(id));
            if !table.has(id, CLASSIFIED) {
                table.classify(id, input);
            }
            self.sink.notice(table, id, News { known, modified, input, touched: false })?;
        }
        Ok(id)
    }

    fn forget_unreached(&mut self, retention: Retention) -> Result<usize, StoreError> {
        let table = self.table.get_mut();
        let keys = garbage(table, &self.tasks, &self.sink.metadata, &self.past, retention);
        if keys.is_empty() {
            return Ok(0);
        }
        self.sink.record(&table.keys, &Event::Forgotten { keys: &keys })?;
        table.forget(&keys);
        self.past.forget(&keys);
        let gone = |key: &KeyId| keys.binary_search(key).is_ok();
        self.preceding.retain(|key, _| !gone(key));
        self.preceding.values_mut().for_each(|preceded| preceded.retain(|key| !gone(key)));
        // What a scheduler has kept of the order may name some of them.
        let compared = self.compared == Some(self.generation);
        self.generation += 1;
        self.compared = if compared { Some(self.generation) } else { self.compared };
        Ok(keys.len())
    }

    /// A build of these targets begins: notes that, and forgets what nobody reaches if it is time to look for it.
    fn look_back(&mut self, targets: &[KeyId]) -> Result<(), StoreError> {
        let table = self.table.get_mut();
        let aside = std::mem::take(&mut table.aside);
        self.past.note(aside);
        self.past.begin(targets);
        let Some(retention) = self.retention.filter(|kept| self.past.builds.is_multiple_of(kept.builds.max(1))) else {
            return Ok(());
        };
        if self.past.counted > 0 && table.keys.len() >= 2 * self.past.counted {
            self.forget_unreached(retention)?;
        } else if self.past.counted > 0 {
            return Ok(());
        }
        self.past.counted = self.table.get_mut().keys.len();
        Ok(())
    }

    /// Builds; if a strategy panics, that is the error of the build, which says whose panic it was.
    async fn drive(&mut self, targets: &[KeyId]) -> Result<Report, BuildError<K>> {
        // (What was written down of a panic outside a build went with that panic.)
        self.blame.take();
        let driven = {
            let mut driving = pin!(self.drive_on(targets));
            // Nothing that is half done is used again: what this build held was dropped as the panic unwound, and it is shaken.
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| driving.as_mut().poll(cx))) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            })
            .await
        };
        driven.unwrap_or_else(|panic| Err(self.blamed(panic)))
    }

    /// The error of a build in which a strategy panicked. Any other panic goes on.
    fn blamed(&mut self, panic: Box<dyn Any + Send>) -> BuildError<K> {
        let Some(call) = self.blame.take() else { resume_unwind(panic) };
        let keys = &self.table.get_mut().keys;
        let key = call.key.map(KeyId::subject).filter(|&key| keys.knows(key));
        let (part, name) = match call.part {
            Part::Scheduler => ("scheduler", type_name::<S>()),
            Part::Rebuilder => ("rebuilder", type_name::<R>()),
            Part::Observer => ("observer", self.observer_name),
            Part::Updater(place) => ("metadata updater", self.sink.metadata.name(place)),
        };
        let strategy = format!("the {part} `{name}`");
        let cause = Cause::StrategyPanic { strategy, message: panic_message(&*panic).into() };
        BuildError::new(vec![Failure::new(key.map(|key| keys.name(key).clone()), cause)], Report::default())
    }

    async fn drive_on(&mut self, targets: &[KeyId]) -> Result<Report, BuildError<K>> {
        let _watch = Watch(self.shaken.clone());
        if let Some(misused) = &self.misused {
            return Err(refused(misused.clone()));
        }
        let store_failed = |error: StoreError| refused(error);
        self.open().map_err(store_failed)?;
        self.refresh().map_err(store_failed)?;
        self.compare_definitions().map_err(store_failed)?;
        self.look_back(targets).map_err(store_failed)?;
        let scope = self.begin(targets);
        let mut volatile = false;
        let planned = self.plan(targets, scope);
        let mut engine = Engine {
            table: &self.table,
            tasks: &self.tasks,
            store: &mut self.store,
            scheduler: &mut self.scheduler,
            rebuilder: &self.rebuilder,
            sink: &mut self.sink,
            cache: self.cache.as_deref_mut(),
            observer: self.observer.as_mut(),
            volatile: &mut volatile,
            stop_after: self.stop_after,
            targets,
            collection: self.collection,
            preceding: &mut self.preceding,
            suspects: if let Scope::Suspects(known) = scope { Some(known) } else { None },
            state: Progress::default(),
        };
        engine.state.descends = engine.may_descend();
        engine.state.queue = QueueCount::new(targets.len() + engine.table.borrow().keys.bound());
        // Until this build has come to its end, everything is questionable again.
        self.questionable = true;
        match planned {
            Ok(refused) => {
                refused.into_iter().for_each(|error| engine.refuse(error));
                engine.begin_maybe_stale();
                poll_fn(|cx| engine.poll(cx)).await;
            }
            Err(error) => {
                engine.fail_plan(error);
            }
        }
        engine.check_targets(targets);
        let report = std::mem::take(&mut engine.state.report);
        let mut failures = std::mem::take(&mut engine.state.failures);
        let mut queue = std::mem::take(&mut engine.state.queue);
        drop(engine);
        queue.empty(&mut self.scheduler);
        let flushed = self.sink.journal.flush();
        let complete = failures.is_empty() && flushed.is_ok();
        // A volatile key has to be looked at again in any case.
        let settled = complete && !volatile;
        self.scheduler.finish(settled);
        self.questionable = !settled;
        self.proven |= settled;
        failures.extend(flushed.err().map(|error| Failure::new(None, error)));
        if failures.is_empty() {
            return Ok(report);
        }
        failures.sort_by_key(|failure| failure.cause.is_consequence());
        Err(BuildError::new(failures, report))
    }
}

/// The error of a build that does not begin.
fn refused<K>(cause: impl Into<Cause>) -> BuildError<K> {
    BuildError::new(vec![Failure::new(None, cause)], Report::default())
}

/// Notes that a panic left the call that holds it.
struct Watch(Rc<Cell<bool>>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(true);
        }
    }
}

impl<K, V, T, St, S, R, J> fmt::Debug for Build<K, V, T, St, S, R, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut build = f.debug_struct("Build");
        build.field("scheduler", &type_name::<S>()).field("rebuilder", &type_name::<R>());
        build.field("metadata", &self.sink.metadata).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}
