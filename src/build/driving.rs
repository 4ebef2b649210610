//! A run of a build: what it begins with, the engine, and what is to be said when it ends.

use std::any::{Any, type_name};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use super::scope::Scope;
use super::{Build, Watch};
use crate::blame::Part;
use crate::engine::{Engine, Progress};
use crate::error::{Cause, Failure, StoreError, panic_message};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{AsKey, Key, KeyId};
use crate::rebuilder::Rebuilder;
use crate::report::{BuildError, Report};
use crate::scheduler::{QueueCount, Scheduler, Schedules};
use crate::store::Store;
use crate::task::Tasks;

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    J: Journal<K, V>,
{
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
