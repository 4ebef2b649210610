//! A build system: tasks, a store and a journal, with a scheduler and a rebuilder, and the metadata that these read.
//!
//! ```text
//! Shake = Suspending × VerifyingTrace        Make = Topological × ModificationTime
//! ```

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::rc::Rc;

use crate::board::{BUILT, Board, CLASSIFIED, DEFINED, HELD, INPUT, JOBS, LOADED, Look, Pool, STALE, VOLATILE};
use crate::collect::{Past, Retention, garbage};
use crate::engine::{Engine, Observer, Progress, Told};
use crate::error::{Cause, Failure, StoreError};
use crate::event::{Dependency, Event, Record};
use crate::fingerprint::{Fingerprint, Value, foreign};
use crate::journal::{Forgetful, Journal, TraceCache};
use crate::key::{Key, KeyId, Keys};
use crate::ledger::{Ledger, News};
use crate::metadata::{Metadata, Reads};
use crate::rebuilder::Rebuilder;
use crate::remembered::Remembered;
use crate::report::{BuildError, Decision, Report};
use crate::scheduler::{Declared, Plan, PlanError, Problem, Scheduler, WhenBlocked};
use crate::steps::count_steps;
use crate::store::Store;
use crate::task::{Tasks, identity};

/// A build system over tasks `T` and a store `St`: scheduler `S`, rebuilder `R`, journal `J`.
///
/// Made by [`Build::new`] and completed by [`Build::scheduler`] and [`Build::rebuilder`]; both may be exchanged
/// at any time between two builds. With a journal that keeps events, the new combination takes over where the
/// old one stopped.
pub struct Build<K, V, T, St, S = (), R = (), J = Forgetful> {
    board: RefCell<Board<K, V>>,
    tasks: T,
    store: St,
    scheduler: S,
    rebuilder: R,
    ledger: Ledger<J>,
    cache: Option<Box<dyn TraceCache<K, V>>>,
    observer: Option<Observer<K>>,
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
    /// What other builds have left in the cache was taken up.
    learned: bool,
    /// The store may hold something else than it did, or be another one.
    restocked: bool,
    /// Something panicked in the middle of a change or of a build, other than a task.
    shaken: Rc<Cell<bool>>,
    /// Something changed since the last build, or the last build left something open.
    questionable: bool,
    /// This very combination has completed a build, so that whatever is not suspect is up to date.
    proven: bool,
    /// A build has visited suspects only: keys that its targets do not reach may count as up to date that are not.
    narrowed: bool,
    /// The keys that each order-only input precedes, as far as they were met since everything was looked at.
    preceding: HashMap<KeyId, HashSet<KeyId>>,
    keep_going: bool,
    jobs: usize,
    /// What went wrong when the cache was read, until a report tells of it.
    cache_trouble: Option<String>,
    past: Past,
    retention: Option<Retention>,
}

impl<K: Key, V: Value, T: Tasks<K, V>, St: Store<K, V>> Build<K, V, T, St> {
    /// A build system that lacks a scheduler and a rebuilder.
    pub fn new(tasks: T, store: St) -> Self {
        Build {
            board: RefCell::new(Board::new()),
            collection: tasks.collection(),
            tasks,
            store,
            scheduler: (),
            rebuilder: (),
            ledger: Ledger { metadata: Metadata::default(), journal: Forgetful, clock: 0 },
            cache: None,
            observer: None,
            generation: 0,
            compared: None,
            moment: None,
            opened: false,
            learned: false,
            restocked: false,
            shaken: Rc::default(),
            questionable: true,
            proven: false,
            narrowed: false,
            preceding: HashMap::new(),
            keep_going: false,
            jobs: 1,
            cache_trouble: None,
            past: Past::default(),
            retention: Some(Retention::default()),
        }
    }
}

impl<K: Key, V: Value, T, St, S, R, J> Build<K, V, T, St, S, R, J> {
    /// Chooses the order in which keys are visited, and what becomes of a task that must wait.
    pub fn scheduler<S2>(self, scheduler: S2) -> Build<K, V, T, St, S2, R, J> {
        self.with(|_, rebuilder, journal| (scheduler, rebuilder, journal))
    }

    /// Chooses which tasks must run at all.
    pub fn rebuilder<R2>(self, rebuilder: R2) -> Build<K, V, T, St, S, R2, J> {
        self.with(|scheduler, _, journal| (scheduler, rebuilder, journal))
    }

    /// Chooses where events are kept. What the journal holds already is taken up by the next build. If this build knows
    /// better, because something happened before the journal was chosen, the journal is told; what was built before is
    /// not known to it, and is built again.
    pub fn journal<J2>(self, journal: J2) -> Build<K, V, T, St, S, R, J2> {
        self.with(|scheduler, rebuilder, _| (scheduler, rebuilder, journal))
    }

    /// Exchanges parts. Metadata are read from the journal afresh, for the new parts may read others.
    fn with<S2, R2, J2>(self, exchange: impl FnOnce(S, R, J) -> (S2, R2, J2)) -> Build<K, V, T, St, S2, R2, J2> {
        let (scheduler, rebuilder, journal) = exchange(self.scheduler, self.rebuilder, self.ledger.journal);
        Build {
            board: self.board,
            tasks: self.tasks,
            store: self.store,
            scheduler,
            rebuilder,
            ledger: Ledger { metadata: Metadata::default(), journal, clock: self.ledger.clock },
            cache: self.cache,
            observer: self.observer,
            collection: self.collection,
            generation: self.generation,
            compared: None,
            moment: None,
            opened: false,
            learned: false,
            restocked: self.restocked,
            shaken: self.shaken,
            questionable: true,
            proven: false,
            narrowed: self.narrowed,
            preceding: self.preceding,
            keep_going: self.keep_going,
            jobs: self.jobs,
            cache_trouble: self.cache_trouble,
            past: self.past,
            retention: self.retention,
        }
    }

    /// Shares constructive traces with other builds through this cache. Used by rebuilders that restore.
    #[must_use]
    pub fn cache(mut self, cache: impl TraceCache<K, V> + 'static) -> Self {
        self.cache = Some(Box::new(cache));
        self.learned = false;
        self
    }

    /// How many tasks may do outside work at once; 1 unless said otherwise, and never less.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Adds a named pool: a further bound on the outside work that names it (see
    /// [`Fetch::work_in`](crate::Fetch::work_in)). Of a pool that is there already it changes the depth.
    #[must_use]
    pub fn pool(mut self, name: impl Into<String>, depth: usize) -> Self {
        let (name, depth) = (name.into(), depth.max(1));
        let pools = &mut self.board.get_mut().pools;
        // (The first pool is that of all outside work, which `jobs` is for, whatever others are called.)
        match pools.iter_mut().skip(JOBS + 1).find(|pool| pool.name == name) {
            Some(pool) => pool.depth = depth,
            None => pools.push(Pool::new(name, depth)),
        }
        self
    }

    /// Whether the build goes on after a failure with whatever does not depend on the key that failed.
    #[must_use]
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }

    /// How long a key is kept that nobody reaches, if builds are to forget keys of themselves (see [`Build::collect`]); for
    /// `None`, they do not. Unless said otherwise, that is [`Retention::default`].
    ///
    /// They look for such keys every so many builds, if there are twice as many keys as when they last did.
    #[must_use]
    pub fn retention(mut self, retention: Option<Retention>) -> Self {
        self.retention = retention;
        self
    }

    /// Has `observer` told of every decision, as it is made, with the keys known by then.
    #[must_use]
    pub fn observe(mut self, observer: impl FnMut(&Keys<K>, KeyId, &Decision) + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// The value that a key holds now, up to date or not.
    pub fn get(&self, key: impl Borrow<K>) -> Option<V> {
        let board = self.board.borrow();
        let id = board.keys.find(key.borrow())?;
        board.value(id).cloned()
    }

    /// All keys met so far, with their ids.
    pub fn keys(&self) -> std::cell::Ref<'_, Keys<K>> {
        std::cell::Ref::map(self.board.borrow(), |board| &board.keys)
    }

    /// The keys with these ids, such as [`Report::ran`].
    pub fn names(&self, ids: &[KeyId]) -> Vec<K> {
        let board = self.board.borrow();
        ids.iter().map(|&id| board.keys.name(id).clone()).collect()
    }

    /// The id of a key, a new one if it was never met. As long as it is not [released](Build::release), the key is not
    /// forgotten.
    pub fn intern(&mut self, key: impl Borrow<K>) -> KeyId {
        let board = self.board.get_mut();
        let id = board.intern(key.borrow());
        board.hold_outside(id, true);
        id
    }

    /// Gives back the id of a key: nobody uses it any more.
    pub fn release(&mut self, id: KeyId) {
        self.board.get_mut().hold_outside(id, false);
    }

    /// Makes room for so many keys at once.
    pub fn reserve(&mut self, keys: usize) {
        self.board.get_mut().reserve(keys);
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

    /// The store, to be changed, or exchanged for another. Whatever it then holds stands from the next build, edit or
    /// removal on, also in place of what was set through this build; and an input that it lacks is gone, unless it has given
    /// its values away ([`Store::gives_away`]).
    pub fn store_mut(&mut self) -> &mut St {
        self.questionable = true;
        self.restocked = true;
        &mut self.store
    }

    /// The journal.
    pub fn journal_ref(&self) -> &J {
        &self.ledger.journal
    }

    /// The metadata installed by the last build.
    pub fn metadata(&self) -> &Metadata {
        &self.ledger.metadata
    }
}

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Scheduler<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// Gives an input another value; `Ok(false)` if it holds an equal one already, and nothing changes. For
    /// stores in memory: a file is edited where it lies.
    ///
    /// A key with a task can be set too. That models an output that somebody else overwrote; the next build
    /// that reaches it puts it right.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn set(&mut self, key: impl Borrow<K>, value: V) -> Result<bool, StoreError> {
        self.change(key.borrow(), Some(value), false)
    }

    /// Takes a key's value away: an input that was deleted, an output that was lost.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn remove(&mut self, key: impl Borrow<K>) -> Result<bool, StoreError> {
        self.change(key.borrow(), None, false)
    }

    /// Has an input written again with the value that it holds: only its modification time changes.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn touch(&mut self, key: impl Borrow<K>) -> Result<bool, StoreError> {
        let _watch = Watch(self.shaken.clone());
        self.meet(key.borrow())?;
        let value = self.get(key.borrow());
        self.change(key.borrow(), value, true)
    }

    fn change(&mut self, key: &K, value: Option<V>, touched: bool) -> Result<bool, StoreError> {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(key)?;
        let input = !self.tasks.has(key);
        // Whether an output that looks the same in a part is the one that was built, nobody can tell.
        let touched = touched || value.as_ref().is_some_and(|value| !input && !value.is_whole());
        let board = self.board.get_mut();
        let known = board.receive(id, value);
        let changed = self.ledger.notice(board, id, News { known, modified: None, input, touched })?;
        self.questionable |= changed;
        Ok(changed)
    }

    /// The id of a key, which the store was asked for.
    fn meet(&mut self, key: &K) -> Result<KeyId, StoreError> {
        self.open()?;
        let board = self.board.get_mut();
        let id = board.intern(key);
        if !board.has(id, LOADED) {
            let (input, value) = (!self.tasks.has(key), self.store.load(id, key)?);
            let known = board.receive(id, value);
            let modified = self.store.modified(key);
            if !board.has(id, CLASSIFIED) {
                board.classify(id, input);
            }
            self.ledger.notice(board, id, News { known, modified, input, touched: false })?;
        }
        Ok(id)
    }

    /// Brings the targets up to date.
    ///
    /// # Errors
    /// If a key that a target needs could not be brought up to date; what was finished is kept all the same.
    pub fn run<Q: Borrow<K>>(&mut self, targets: impl IntoIterator<Item = Q>) -> Result<Report, BuildError> {
        pollster::block_on(self.run_async(targets))
    }

    /// The same for targets whose ids are known.
    ///
    /// # Errors
    /// As [`Build::run`].
    ///
    /// # Panics
    /// If one of them is the id of no key, or of a key that was forgotten.
    pub fn run_ids(&mut self, targets: &[KeyId]) -> Result<Report, BuildError> {
        let keys = &self.board.get_mut().keys;
        let unknown = targets.iter().find(|target| !keys.knows(**target));
        assert!(unknown.is_none(), "{unknown:?} is the id of no key, or of one that was forgotten");
        pollster::block_on(self.drive(targets))
    }

    /// The same as a future, for tasks whose outside work needs a runtime (tokio's, say) around it. It may be
    /// dropped at any moment: what the build had finished by then is kept.
    ///
    /// # Errors
    /// As [`Build::run`].
    pub async fn run_async<Q: Borrow<K>>(
        &mut self,
        targets: impl IntoIterator<Item = Q>,
    ) -> Result<Report, BuildError> {
        let board = self.board.get_mut();
        let targets: Vec<KeyId> = targets.into_iter().map(|key| board.intern(key.borrow())).collect();
        self.drive(&targets).await
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
    /// Whatever is remembered of a forgotten key goes with it, here and in the journal: if it has a task and somebody
    /// reaches it again, it is built as if for the first time. What others left of it in a cache is taken up when the cache
    /// is next opened. Nothing else is done that would not have been done.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    pub fn collect(&mut self, retention: Retention) -> Result<usize, StoreError> {
        self.open()?;
        let aside = std::mem::take(&mut self.board.get_mut().aside);
        self.past.note(aside);
        let forgotten = self.forget_unreached(retention)?;
        self.ledger.journal.flush()?;
        Ok(forgotten)
    }

    fn forget_unreached(&mut self, retention: Retention) -> Result<usize, StoreError> {
        let board = self.board.get_mut();
        let keys = garbage(board, &self.tasks, &self.ledger.metadata, &self.past, retention);
        if keys.is_empty() {
            return Ok(0);
        }
        self.ledger.tell(&board.keys, &Event::Forgotten { keys: &keys }, None)?;
        board.forget(&keys);
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
        let board = self.board.get_mut();
        let aside = std::mem::take(&mut board.aside);
        self.past.note(aside);
        self.past.begin(targets);
        let Some(retention) = self.retention.filter(|kept| self.past.builds.is_multiple_of(kept.builds.max(1))) else {
            return Ok(());
        };
        if self.past.counted > 0 && board.keys.len() >= 2 * self.past.counted {
            self.forget_unreached(retention)?;
        } else if self.past.counted > 0 {
            return Ok(());
        }
        self.past.counted = self.board.get_mut().keys.len();
        Ok(())
    }

    async fn drive(&mut self, targets: &[KeyId]) -> Result<Report, BuildError> {
        let _watch = Watch(self.shaken.clone());
        let store_failed = |error: StoreError| BuildError {
            failures: vec![Failure { key: String::new(), cause: error.into() }],
            report: Report::default(),
        };
        self.open().map_err(store_failed)?;
        self.refresh().map_err(store_failed)?;
        self.compare_definitions().map_err(store_failed)?;
        self.look_back(targets).map_err(store_failed)?;
        let scope = self.begin(targets);
        let mut volatile = false;
        let planned = self.plan(targets, scope);
        let mut engine = Engine {
            board: &self.board,
            tasks: &self.tasks,
            store: &mut self.store,
            scheduler: &mut self.scheduler,
            rebuilder: &self.rebuilder,
            ledger: &mut self.ledger,
            cache: self.cache.as_deref_mut(),
            observer: self.observer.as_mut(),
            volatile: &mut volatile,
            keep_going: self.keep_going,
            targets,
            collection: self.collection,
            preceding: &mut self.preceding,
            suspects: if let Scope::Suspects(known) = scope { Some(known) } else { None },
            state: Progress::default(),
        };
        engine.state.report.cache_trouble = self.cache_trouble.take();
        // Until this build has come to its end, everything is questionable again.
        self.questionable = true;
        match planned {
            Ok(refused) => {
                refused.into_iter().for_each(|error| engine.refuse(error));
                engine.begin_doubting();
                poll_fn(|cx| engine.poll(cx)).await;
            }
            Err(error) => {
                while engine.scheduler.pop().is_some() {}
                engine.fail_plan(error);
            }
        }
        engine.check_targets(targets);
        let report = std::mem::take(&mut engine.state.report);
        let failures = std::mem::take(&mut engine.state.failures);
        drop(engine);
        while self.scheduler.pop().is_some() {}
        let flushed = self.ledger.journal.flush();
        let complete = failures.is_empty() && flushed.is_ok();
        // A volatile key has to be looked at again in any case.
        let settled = complete && !volatile;
        self.scheduler.finish(settled);
        self.questionable = !settled;
        self.proven |= settled;
        let mut failures: Vec<Failure> = failures.into_iter().map(|(_, failure)| failure).collect();
        if let Err(error) = flushed {
            failures.push(Failure { key: String::new(), cause: error.into() });
        }
        if failures.is_empty() {
            return Ok(report);
        }
        failures.sort_by_key(|failure| failure.cause.is_consequence());
        Err(BuildError { failures, report })
    }

    /// Has the metadata know all that journal and cache remember, and the board what the store holds.
    fn open(&mut self) -> Result<(), StoreError> {
        if self.shaken.get() {
            // Of what was half done nothing is trusted but the values, each as it is, and the journal.
            self.board.get_mut().recover();
            while self.scheduler.pop().is_some() {}
            (self.opened, self.proven, self.questionable, self.compared) = (false, false, true, None);
            self.shaken.set(false);
        }
        let gives_away = self.store.gives_away();
        if !self.opened {
            self.replay()?;
            self.opened = true;
            self.learned = false;
        }
        if !self.learned {
            self.learn();
            self.learned = true;
        }
        if self.restocked {
            self.take_stock(gives_away)?;
            self.restocked = false;
        }
        Ok(())
    }

    /// Asks a store that was changed or exchanged for every key that is known.
    fn take_stock(&mut self, gives_away: bool) -> Result<(), StoreError> {
        let board = self.board.get_mut();
        self.store.open(&mut board.keys);
        board.cover();
        let keeps_outputs = !self.store.relies_on_journal();
        for id in board.keys.iter().map(|(id, _)| id).filter(|&id| board.has(id, LOADED)).collect::<Vec<_>>() {
            let key = board.keys.name(id);
            let (value, input) = (self.store.load(id, key)?, !self.tasks.has(key));
            // (What was an output in the last build lies in the build, even if its task was taken away since.)
            if value.is_none() && (gives_away || !board.has(id, INPUT) && !keeps_outputs) {
                continue;
            }
            let touched = value.as_ref().is_some_and(|value| !input && !value.is_whole());
            let known = board.receive(id, value);
            let modified = self.store.modified(board.keys.name(id));
            self.ledger.notice(board, id, News { known, modified, input, touched })?;
        }
        self.questionable = true;
        Ok(())
    }

    /// Installs what scheduler and rebuilder read, replays the journal into it, and compares what the journal
    /// remembers with what this build holds, or the store.
    fn replay(&mut self) -> Result<(), StoreError> {
        let ledger = &mut self.ledger;
        ledger.metadata = Metadata::default();
        <S::Reads as Reads>::install(&mut ledger.metadata);
        self.rebuilder.install(&mut ledger.metadata);
        let board = self.board.get_mut();
        self.store.open(&mut board.keys);
        board.cover();
        let mut remembered = Remembered::default();
        // What was forgotten and is not heard of again gets numbers that are given back when all is read.
        let known = board.keys.bound();
        board.keys.number_afresh(true);
        let (metadata, clock) = (&mut ledger.metadata, &mut ledger.clock);
        let replayed = ledger.journal.replay(&mut board.keys, &mut |_, event, value| {
            metadata.apply(event);
            *clock = (*clock).max(remembered.take(event, value));
        });
        board.keys.number_afresh(false);
        replayed?;
        let Remembered { mut keys, definitions, owed, volatile, gone } = remembered;
        let gone: Vec<KeyId> = gone.into_iter().filter(|id| id.index() >= known).collect();
        board.keys.forget(&gone);
        board.cover();
        // Whatever another journal has said of a task, this one need not know of.
        (0..board.keys.bound()).for_each(|index| board.lower(KeyId::new(index), BUILT | DEFINED | VOLATILE));
        volatile.into_iter().for_each(|id| board.raise(id, VOLATILE));
        board.owed.extend(&owed);
        board.owed.sort_unstable();
        board.owed.dedup();
        board.debts = owed.into_iter().collect();
        // What a journal that is chosen late has not heard.
        for key in board.owed.clone() {
            if !board.debts.contains(&key) && self.tasks.has(board.keys.name(key)) {
                ledger.tell(&board.keys, &Event::Owed { key, paid: false }, None)?;
                board.debts.insert(key);
            }
        }
        for (&id, &definition) in &definitions {
            board.define(id, definition);
        }
        // What this process holds already is what it once wrote, or newer: then the journal is told. (Of what the journal does
        // not know, only inputs matter.)
        let newer = |id: &KeyId| match keys.get(id) {
            Some((fingerprint, ..)) => board.current(*id) != *fingerprint,
            None => board.current(*id).is_some() && !self.tasks.has(board.keys.name(*id)),
        };
        let met = board.keys.iter().map(|(id, _)| id).filter(|&id| board.has(id, LOADED));
        let newer: Vec<KeyId> = met.filter(newer).collect();
        for id in newer {
            let key = board.keys.name(id);
            let input = !self.tasks.has(key);
            let modified = self.store.modified(key).unwrap_or_else(|| ledger.tick());
            let part = board.value(id).filter(|value| !input && !value.is_whole()).map(Value::fingerprint);
            part.into_iter().for_each(|part| board.set_fingerprint(id, foreign(part)));
            let fingerprint = board.current(id);
            board.set_state(id, STALE);
            ledger.tell(&board.keys, &Event::Changed { key: id, fingerprint, modified, input }, None)?;
        }
        let mut ids: Vec<KeyId> = keys.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some((fingerprint, value, input)) = keys.remove(&id) else { continue };
            board.raise(id, if input { 0 } else { BUILT });
            let kept = value.filter(|_| self.store.relies_on_journal());
            // Of values that are equal in a part, the one that was built last is the key's.
            let built = |held: &V, kept: &V| !held.is_whole() && held.fingerprint() == kept.fingerprint();
            if board.has(id, LOADED) {
                if let (Some(held), Some(kept)) = (board.value(id), kept)
                    && built(held, &kept)
                {
                    board.hold(id, Some(kept));
                }
                continue;
            }
            let key = board.keys.name(id);
            let loaded = self.store.load(id, key)?;
            let value = match (loaded, kept) {
                (Some(loaded), Some(kept)) if built(&loaded, &kept) => Some(kept),
                (loaded, kept) => loaded.or(kept),
            };
            board.receive(id, value);
            let key = board.keys.name(id);
            let (modified, has) = (self.store.modified(key), self.tasks.has(key));
            if !board.has(id, CLASSIFIED) {
                board.classify(id, input);
            }
            ledger.notice(board, id, News { known: fingerprint, modified, input: !has, touched: false })?;
        }
        Ok(())
    }

    /// Takes up the traces that other builds have left in the cache.
    fn learn(&mut self) {
        let Some(cache) = &mut self.cache else { return };
        if !self.rebuilder.restores() {
            return;
        }
        let (board, metadata) = (self.board.get_mut(), &mut self.ledger.metadata);
        let learned = cache.traces(&mut |trace| {
            let key = board.intern(&trace.key);
            let dependencies: Vec<Dependency> = trace
                .dependencies
                .iter()
                .map(|(key, definition, grouped, fingerprint)| {
                    let id = board.intern(key);
                    let key = if *definition { id.definition() } else { id };
                    Dependency { key, grouped: *grouped, fingerprint: Fingerprint(*fingerprint) }
                })
                .collect();
            metadata.apply(&Event::Learned(Record {
                key,
                dependencies: &dependencies,
                deep: trace.deep,
                fingerprint: trace.value.fingerprint(),
                value: &trace.value,
                modified: 0,
                volatile: false,
                names: &board.keys,
            }));
        });
        // What others have built need not be known.
        self.cache_trouble = learned.err().map(|error| error.to_string());
    }

    /// Asks the store what changed outside the build.
    fn refresh(&mut self) -> Result<(), StoreError> {
        let board = self.board.get_mut();
        let mut changes = Vec::new();
        {
            let met = board.keys.iter().filter(|&(id, _)| board.has(id, LOADED | HELD));
            let mut known = met.map(|(id, key)| (id, key, board.value(id)));
            self.store.refresh(&mut known, &mut |id, value, modified| changes.push((id, value, modified)))?;
        }
        for (id, value, modified) in changes {
            let input = !self.tasks.has(board.keys.name(id));
            let known = board.receive(id, value);
            self.ledger.notice(board, id, News { known, modified: Some(modified), input, touched: true })?;
            self.questionable = true;
        }
        Ok(())
    }

    /// Notices tasks that were replaced, that are new, or that are no more.
    fn compare_definitions(&mut self) -> Result<(), StoreError> {
        if self.compared == Some(self.generation) {
            return Ok(());
        }
        let board = self.board.get_mut();
        let mut changed = Vec::new();
        let since = self.moment.filter(|_| self.compared.is_some());
        let mut find = |key: &K| changed.extend(board.keys.find(key));
        if since.is_some_and(|moment| self.tasks.changed_since(moment, &mut find)) {
            changed.sort_unstable();
            changed.dedup();
        } else {
            changed = board.keys.iter().map(|(id, _)| id).collect();
        }
        count_steps(changed.len());
        for id in changed {
            let key = board.keys.name(id);
            let (has, definition) = (self.tasks.has(key), identity(&self.tasks, key, self.collection));
            let flipped = board.has(id, CLASSIFIED) && board.has(id, INPUT) == has;
            board.classify(id, !has);
            let known = board.fingerprint(id.definition());
            // A task that was built without a definition and has one now was replaced, too (`Rules` does so).
            let replaced = (known.is_some() || board.has(id, BUILT)) && definition != known;
            if let Some(definition) = definition.filter(|_| has) {
                if known != Some(definition) {
                    board.define(id, definition);
                }
            } else {
                board.lower(id, DEFINED);
            }
            if replaced || flipped {
                board.set_state(id, STALE);
                let modified = self.ledger.tick();
                let event = Event::Changed { key: id.definition(), fingerprint: definition, modified, input: true };
                self.ledger.tell(&board.keys, &event, None)?;
                if flipped && !has && board.has(id, LOADED) {
                    // An input from now on: what it holds need not be what its dependents saw when it was built.
                    let fingerprint = board.current(id);
                    let event = Event::Changed { key: id, fingerprint, modified, input: true };
                    self.ledger.tell(&board.keys, &event, None)?;
                }
                self.questionable = true;
            }
        }
        self.compared = Some(self.generation);
        self.moment = self.tasks.moment();
        Ok(())
    }

    /// Decides which keys of the last build are questionable.
    fn begin(&mut self, targets: &[KeyId]) -> Scope {
        let board = self.board.get_mut();
        board.pools[JOBS].depth = self.jobs;
        for pool in &mut board.pools {
            pool.free = pool.depth;
            pool.queue.clear();
        }
        board.freed = false;
        board.fetches = 0;
        // What has no task now may have one again.
        let owed = std::mem::take(&mut board.owed).into_iter();
        (board.detached, board.owed) = owed.partition(|&key| self.tasks.has(board.keys.name(key)));
        board.told = board.detached.len();
        let trusted = self.rebuilder.trusts_silence();
        let follows = trusted && self.proven && self.scheduler.follows_suspects(targets, self.generation);
        if !self.questionable && trusted && (follows || !self.narrowed) {
            // Nothing changed: whatever was brought up to date by the last build still is.
            return Scope::Nothing;
        }
        let suspects = self.rebuilder.suspects(<R::Reads as Reads>::view(&self.ledger.metadata));
        if let Some(suspects) = suspects
            && follows
        {
            count_steps(suspects.keys.len());
            for key in suspects.keys {
                board.set_state(*key, STALE);
            }
            self.narrowed = true;
            return Scope::Suspects(Told { count: suspects.keys.len(), edition: suspects.edition });
        }
        self.narrowed = false;
        self.preceding.clear();
        board.next_revision();
        self.past.raise();
        Scope::Everything
    }

    /// Has the scheduler plan; what it cannot order.
    fn plan(&mut self, targets: &[KeyId], scope: Scope) -> Result<Vec<PlanError>, PlanError> {
        let board = &self.board;
        let tasks = &self.tasks;
        let refuses = self.scheduler.when_blocked() == WhenBlocked::Refuse;
        let mut names: Vec<K> = Vec::new();
        let mut declared = |id: KeyId, into: &mut Vec<KeyId>| {
            let mut board = board.borrow_mut();
            let key = board.keys.name(id);
            if !tasks.has(key) {
                return Declared::Input;
            }
            tasks.order_only(key, &mut |key| names.push(key.clone()));
            let known = refuses && tasks.declared(key, &mut |key| names.push(key.clone()));
            into.extend(names.drain(..).map(|key| board.intern(&key)));
            if known { Declared::Static } else { Declared::Dynamic }
        };
        let metadata = &self.ledger.metadata;
        let suspects = match scope {
            Scope::Everything => None,
            Scope::Suspects(_) => {
                self.rebuilder.suspects(<R::Reads as Reads>::view(metadata)).map(|suspects| suspects.keys)
            }
            Scope::Nothing => {
                Some(&[] as &[KeyId]).filter(|_| self.scheduler.follows_suspects(targets, self.generation))
            }
        };
        let (generation, keep_going) = (self.generation, self.keep_going);
        let mut plan = Plan { targets, generation, suspects, keep_going, refused: Vec::new(), declared: &mut declared };
        let planned = self.scheduler.plan(&mut plan, <S::Reads as Reads>::view(metadata));
        let refused = plan.refused;
        planned.map(|()| refused)
    }
}

impl<'b, K, V, T, St, S, R, J> Engine<'b, K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
{
    fn fail_plan(&mut self, error: PlanError) {
        let cause = self.cause_of(error.problem);
        let failure = Failure { key: self.board.borrow().keys.show(error.key), cause };
        self.state.failures.push((error.key, failure));
    }

    fn cause_of(&self, problem: Problem) -> Cause {
        let board = self.board.borrow();
        match problem {
            Problem::Cycle(path) => Cause::Cycle { path: path.iter().map(|&key| board.keys.show(key)).collect() },
            Problem::Dynamic => Cause::Dynamic,
            Problem::Needs(key) => Cause::Dependency { dependency: board.keys.show(key) },
            Problem::Other(cause) => cause,
        }
    }

    /// Names targets that are inputs without a value, and counts what was fetched.
    fn check_targets(&mut self, targets: &[KeyId]) {
        let mut board = self.board.borrow_mut();
        self.state.report.fetches = board.fetches;
        if !self.state.failures.is_empty() {
            return;
        }
        for &target in targets {
            if let Look::Ready(_) = board.look(target) {
                continue;
            }
            if board.has(target, INPUT) {
                let failure = Failure { key: board.keys.show(target), cause: Cause::MissingTarget };
                self.state.failures.push((target, failure));
            }
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
    /// A key that has no place in the order fails, and the build goes on without it.
    fn refuse(&mut self, error: PlanError) {
        let cause = self.cause_of(error.problem);
        self.mark_failed(error.key, Some(cause));
    }
}

/// Notes that whoever holds it was left by a panic.
struct Watch(Rc<Cell<bool>>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(true);
        }
    }
}

/// Which keys a build has to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All that the targets reach.
    Everything,
    /// Those that may be out of date of themselves (so many are told), and what depends on them.
    Suspects(Told),
    /// Those that were never brought up to date.
    Nothing,
}
