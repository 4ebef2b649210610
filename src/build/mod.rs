//! A build system: tasks, a store and a journal, with a scheduler and a rebuilder, and the metadata that these read.
//!
//! ```text
//! Shake = Suspending × VerifyingTrace        Make = Topological × ModificationTime
//! ```

mod changing;
mod driving;
mod opening;
mod scope;

use std::any::{type_name, type_name_of_val};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;

use crate::blame::{Blame, Part};
use crate::blamed::Blamed;
use crate::collect::{Past, Retention};
use crate::engine::Observer;
use crate::error::Cause;
use crate::event_sink::EventSink;
use crate::fingerprint::Value;
use crate::journal::{NoJournal, TraceCache};
use crate::key::{AsKey, Key, KeyId, Keys};
use crate::key_table::KeyTable;
use crate::metadata::Metadata;
use crate::report::Decision;
use crate::store::Store;
use crate::task::Tasks;

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

    /// The keys with these ids, such as [`Report::ran`](crate::Report::ran).
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
