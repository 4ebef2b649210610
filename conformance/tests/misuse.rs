//! Nonsense is an error that names what is wrong: strategies that answer it, ids of no key, pools that contradict each other.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_conformance::quietly;
use alacarte_core::{
    Answer, Build, BuildError, Cause, Declared, Dependency, Dynamic, Event, Fetch, Fingerprint, Journal, Key as AnyKey,
    KeyId, Keys, Metadata, MetadataUpdater, Plan, PlanError, Power, Problem, Question, Rebuilder, Record, Replay,
    Report, Restored, Retention, Rules, Running, Scheduler, Schedules, SharableTrace, SharedTrace, Static, Store,
    StoreError, Suspects, TaskError, Tasks, Time, TraceCache, Value, WhenBlocked, formula, task,
};
use alacarte_rebuilders::{ConstructiveTrace, DirtyBit, VerifyingTrace};
use alacarte_schedulers::{BottomUp, Restarting, Suspending, Topological};
use alacarte_stores::Memory;
use common::Key;

/// A scheduler that gives these keys, and then those that it was told of, each so many times.
#[derive(Default)]
struct Odd {
    gives: Vec<KeyId>,
    times: usize,
    stack: Vec<KeyId>,
}

impl Scheduler for Odd {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.stack = self.gives.clone();
        plan.targets.iter().for_each(|&key| self.push(key, metadata));
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.stack.extend(std::iter::repeat_n(key, self.times));
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.stack.pop()
    }
}

impl<P: Power> Schedules<P> for Odd {}

/// A rebuilder that waits for nothing.
struct Pends;

impl<K: AnyKey, V: Value> Rebuilder<K, V> for Pends {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Pending
    }
}

fn tasks() -> Rules<Key, i64, Dynamic> {
    let after = |key| task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.get(key).await? + 1));
    Rules::new().rule("B", after("A")).rule("C", after("B"))
}

/// How a build of C fails.
fn failing<S: Schedules<Dynamic>, R: Rebuilder<Key, i64>>(scheduler: S, rebuilder: R) -> (Option<Key>, Cause) {
    let mut build = Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(scheduler).with_rebuilder(rebuilder);
    let failure = build.run(["C"]).expect_err("it is nonsense").failures.remove(0);
    (failure.key, failure.cause)
}

#[test]
fn a_scheduler_that_never_gives_a_target_is_named() {
    let (key, cause) = failing(Odd::default(), VerifyingTrace);
    assert!(key == Some("C") && matches!(cause, Cause::NeverGiven), "{key:?}: {cause}");
    assert!(cause.to_string().contains("its scheduler has never given it"), "{cause}");
}

#[test]
fn a_scheduler_that_gives_what_is_no_key_is_named() {
    for times in [0, 1] {
        let (key, cause) = failing(Odd { gives: vec![KeyId::new(777)], times, ..Odd::default() }, VerifyingTrace);
        assert!(key.is_none() && matches!(cause, Cause::UnknownId { id } if id == KeyId::new(777)), "{key:?}: {cause}");
    }
}

/// It gives its target, and loses whatever it is told of later.
#[test]
fn a_key_that_a_scheduler_loses_is_named() {
    for keep_going in [false, true] {
        let odd = Odd { gives: vec![KeyId::new(0)], ..Odd::default() };
        let build = Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(odd);
        let mut build = build.with_rebuilder(VerifyingTrace).with_keep_going(keep_going);
        let error = build.run(["C"]).expect_err("B never has its turn");
        let told = error.failures.iter().map(|failure| (failure.key, matches!(failure.cause, Cause::Stuck)));
        // (Nor has C, when B has failed.)
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        assert_eq!(told, [(Some("B"), true), (Some("C"), keep_going)], "{error}");
    }
}

/// A scheduler whose plan fails for what is no key.
struct Refuses;

impl Scheduler for Refuses {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, _: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        Err(PlanError::new(KeyId::new(777), Problem::Dynamic))
    }
    fn push(&mut self, _: KeyId, _: &Metadata) {}
    fn pop(&mut self) -> Option<KeyId> {
        None
    }
}

impl<P: Power> Schedules<P> for Refuses {}

#[test]
fn a_plan_that_fails_for_what_is_no_key_says_which() {
    let (key, cause) = failing(Refuses, VerifyingTrace);
    assert!(key.is_none() && matches!(cause, Cause::UnknownId { id } if id == KeyId::new(777)), "{key:?}: {cause}");
}

/// To give a key several times does no harm, however many keys are given.
#[test]
fn a_scheduler_that_gives_keys_twice_is_right() {
    for (times, targets) in [(2, 1), (10, 1), (2, 10_000)] {
        let odd = Odd { times, ..Odd::default() };
        let mut build =
            Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(odd).with_rebuilder(VerifyingTrace);
        let report = build.run(vec!["C"; targets]).expect("built");
        assert_eq!((report.ran.len(), build.get("C")), (2, Some(3)));
    }
}

/// All that a task asks for at once is told before any of it is given.
#[test]
fn a_scheduler_may_give_much_that_it_was_told_of_at_once() {
    let all: Vec<Key> = (0..3_000).map(|number| &*format!("k{number}").leak()).collect();
    let sum = all.clone();
    let wide = task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(sum.clone()).await?.iter().sum()));
    let one = || task(async |_: Fetch<'_, Key, i64>| Ok(1));
    let rules = all.iter().fold(Rules::new().rule("sum", wide), |rules, key| rules.rule(*key, one()));
    let odd = Odd { times: 1, ..Odd::default() };
    let mut build = Build::new(rules, Memory::<Key, i64>::new()).with_scheduler(odd).with_rebuilder(VerifyingTrace);
    build.run(["sum"]).expect("built");
    assert_eq!(build.get("sum"), Some(3_000));
}

/// It keeps its queue from build to build.
#[derive(Default)]
struct Keeping(Vec<KeyId>);

impl Scheduler for Keeping {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.0.extend(plan.targets.iter().rev());
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.0.push(key);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Keeping {}

/// A build that stops at its first failure has keys left on the queue: they are not the next build's.
#[test]
fn what_a_build_leaves_on_the_queue_is_taken_from_it() {
    let fails = task(async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no")));
    let runs = Rc::new(Cell::new(0));
    let count = runs.clone();
    let counted = task(async move |_: Fetch<'_, Key, i64>| {
        count.set(count.get() + 1);
        Ok(1)
    });
    let rules = Rules::new().rule("F", fails).rule("L", counted).rule("R", task(async |_| Ok(2)));
    let mut build =
        Build::new(rules, Memory::<Key, i64>::new()).with_scheduler(Keeping::default()).with_rebuilder(VerifyingTrace);
    build.run(["F", "L"]).expect_err("F fails");
    build.run(["R"]).expect("built");
    assert_eq!((runs.get(), build.get("R")), (0, Some(2)));
}

/// What it is told of it queues, and what it gives of that is up to `next`.
struct Gives<F> {
    queue: Vec<KeyId>,
    next: F,
}

fn giving<F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>>(next: F) -> Gives<F> {
    Gives { queue: Vec::new(), next }
}

impl<F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>> Scheduler for Gives<F> {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.queue = plan.targets.to_vec();
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.queue.push(key);
    }
    fn pop(&mut self) -> Option<KeyId> {
        (self.next)(&mut self.queue)
    }
}

impl<P: Power, F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>> Schedules<P> for Gives<F> {}

/// It looks at a key of its queue, and leaves it there.
fn endless(last: bool) -> impl Schedules<Dynamic> {
    giving(move |queue| if last { queue.last().copied() } else { queue.first().copied() })
}

#[test]
fn a_scheduler_that_gives_keys_without_end_is_named() {
    for (last, keep_going) in [(false, false), (false, true), (true, false), (true, true)] {
        let build = Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(endless(last));
        let mut build = build.with_rebuilder(VerifyingTrace).with_keep_going(keep_going);
        for _ in 0..2 {
            let error = build.run(["C"]).expect_err("it never ends");
            assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
            assert!(error.to_string().contains("its scheduler gives it without end"), "{error}");
        }
        // Nothing of it is left for a scheduler that takes what it gives.
        let mut build = build.with_scheduler(Suspending::new());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(3));
    }
}

/// What is underway outside when it is seen that keys come without end is waited for.
#[test]
fn a_scheduler_that_gives_without_end_what_works_outside_is_named() {
    let outside = Rules::new().rule(
        "B",
        task(async move |fetch: Fetch<'_, Key, i64>| {
            fetch.work(async { tokio::task::yield_now().await }).await;
            Ok(1)
        }),
    );
    let mut build =
        Build::new(outside, Memory::<Key, i64>::new()).with_scheduler(endless(true)).with_rebuilder(VerifyingTrace);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(build.run_async(["B"])).expect_err("it never ends");
    assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
}

/// It gives what it was told of, then nothing for a while, and then the last key again, so many times.
fn pausing(mut pauses: usize, mut gives: usize) -> impl Schedules<Dynamic> {
    let mut last = None;
    giving(move |queue| {
        if let Some(key) = queue.pop() {
            last = Some(key);
        } else if pauses > 0 {
            pauses -= 1;
            return None;
        } else {
            gives = gives.checked_sub(1)?;
        }
        last
    })
}

/// A task that wakes itself has the scheduler asked again and again. However often that is in vain, it may give a key
/// afterwards; but not without end.
#[test]
fn a_scheduler_that_pauses_is_told_from_one_that_gives_keys_without_end() {
    assert!(paused(2).is_ok());
    let error = paused(50_000).expect_err("it never ends");
    assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
}

fn paused(gives: usize) -> Result<Report, BuildError<Key>> {
    let waits = Rules::new().rule(
        "B",
        task(async |_: Fetch<'_, Key, i64>| {
            for _ in 0..3_000 {
                tokio::task::yield_now().await;
            }
            Ok(1)
        }),
    );
    let mut build = Build::new(waits, Memory::<Key, i64>::new())
        .with_scheduler(pausing(2_500, gives))
        .with_rebuilder(VerifyingTrace);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(build.run_async(["B"]))
}

#[test]
fn a_rebuilder_that_waits_for_nothing_is_named() {
    let (key, cause) = failing(Suspending::new(), Pends);
    assert!(key == Some("C") && cause.to_string().contains("its rebuilder answered `Pending`"), "{key:?}: {cause}");
}

/// A rebuilder that says of every key that it stands, or that it was put in its place, though no value is there.
#[derive(Clone, Copy)]
struct Contents {
    restores: bool,
}

impl<K: AnyKey, V: Value> Rebuilder<K, V> for Contents {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Ready(if self.restores { Answer::Restore(Restored::new(vec![], false, None)) } else { Answer::Keep })
    }
}

/// It was a success without a value, and what depended on it failed because of a key that had not.
#[test]
fn a_rebuilder_that_keeps_what_has_no_value_is_named() {
    for restores in [false, true] {
        let kept = [
            failing(Suspending::new(), Contents { restores }),
            failing(Restarting::new(), Contents { restores }),
            failing(BottomUp::new(), Contents { restores }),
        ];
        for (key, cause) in kept {
            assert!(key == Some("C") && matches!(cause, Cause::KeptNothing), "{key:?}: {cause}");
        }
    }
}

#[test]
fn an_id_of_no_key_is_an_error() {
    let build = Build::new(tasks(), Memory::from([("A", 1)]));
    let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    let error = build.run_ids(&[KeyId::new(99)]).expect_err("it is none").to_string();
    assert!(error.contains("key99 is the id of no key, or of one that was forgotten"), "{error}");
    build.run(["C"]).expect("another build is right");
}

#[test]
fn pools_that_contradict_each_other_are_an_error() {
    let build = Build::new(tasks(), Memory::from([("A", 1)]));
    let build = build
        .with_scheduler(Suspending::new())
        .with_rebuilder(VerifyingTrace)
        .with_pool("link", 1)
        .with_pool("link", 1);
    let mut build = build.with_pool("net", 4).with_pool("link", 2);
    let error = build.run(["C"]).expect_err("it is a contradiction").to_string();
    assert!(error.contains("the pool `link` was added twice, with depth 1 and with depth 2"), "{error}");
}

/// Numbers that no fetch may ask for: of no key, of a key that was forgotten, of a definition.
fn foreign() -> [KeyId; 4] {
    [KeyId::new(777), KeyId::new(KeyId::LIMIT - 1), KeyId::new(0).definition(), KeyId::new(777).definition()]
}

/// How a task asks for a number.
#[derive(Clone, Copy, Debug)]
enum Asks {
    One,
    Group,
    /// It goes on as if nothing had been.
    Anyway,
    /// Its value is the first of two.
    Select,
}

fn asking(how: Asks, id: KeyId) -> Rules<Key, i64, Dynamic> {
    let asks = task(async move |fetch: Fetch<'_, Key, i64>| match how {
        Asks::One => fetch.id(id).await,
        Asks::Group => Ok(fetch.ids([fetch.id_of(&"A"), id]).await?.iter().sum()),
        Asks::Anyway => Ok(fetch.id(id).await.unwrap_or(1) + fetch.get("A").await?),
        Asks::Select => match futures::future::select(fetch.id(id), fetch.get("A")).await {
            futures::future::Either::Left((value, _)) | futures::future::Either::Right((value, _)) => value,
        },
    });
    tasks().rule("D", asks)
}

fn fetches_what_is_no_key<S: Schedules<Dynamic>, R: Rebuilder<Key, i64>>(scheduler: fn() -> S, rebuilder: fn() -> R) {
    for how in [Asks::One, Asks::Group, Asks::Anyway, Asks::Select] {
        for id in foreign() {
            let build = Build::new(asking(how, id), Memory::from([("A", 1)]));
            let mut build = build.with_scheduler(scheduler()).with_rebuilder(rebuilder());
            let failures = build.run(["D"]).expect_err("it is no key").failures;
            let [failure] = &failures[..] else { panic!("{failures:?}") };
            assert!(
                matches!(failure.cause, Cause::UnknownDependency { id: named } if named == id),
                "{how:?}: {failure}"
            );
            assert_eq!(failure.key, Some("D"));
            assert!(failure.to_string().starts_with(&format!("D: it depends on {id:?}")), "{failure}");
            build.run(["C"]).expect("another build is right");
            assert_eq!(build.get("C"), Some(3));
        }
    }
}

#[test]
fn a_task_that_fetches_the_id_of_no_key_fails_by_name() {
    fetches_what_is_no_key(Suspending::new, || VerifyingTrace);
    fetches_what_is_no_key(Restarting::new, || VerifyingTrace);
    fetches_what_is_no_key(BottomUp::new, || DirtyBit);
}

#[test]
fn a_task_that_fetches_what_was_forgotten_fails_by_name() {
    let inputs = Memory::from([("A", 1), ("E", 5), ("G", 7)]);
    let asked = Rc::new(Cell::new(None));
    let asks = asked.clone();
    let late = async move |fetch: Fetch<'_, Key, i64>| match asks.get() {
        Some(id) => fetch.id(id).await,
        None => Ok(0),
    };
    let rules = tasks().rule("F", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("E").await)).rule("D", task(late));
    let mut build = Build::new(rules, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    // (D has a number of its own: it is not given that of F.)
    build.intern("D");
    build.run(["F", "C"]).expect("built");
    let forgotten = build.keys().find(&"F").expect("it was built");
    build.run(["C"]).expect("built");
    assert!(build.collect(Retention::of_builds(0)).expect("collected") > 0);
    asked.set(Some(forgotten));
    let error = build.run(["D"]).expect_err("it is forgotten");
    assert!(matches!(error.failures[0].cause, Cause::UnknownDependency { .. }), "{error}");
    // Nothing was noted of the number meanwhile: it may go to an input, though its old name is that of a task.
    build.run(["G"]).expect("it is an input");
    assert_eq!((build.keys().find(&"G"), build.get("G")), (Some(forgotten), Some(7)));
}

/// A rebuilder that asks of what is no key whatever can be asked, and then answers this.
struct AsksOf(KeyId, fn(KeyId) -> Answer<i64>);

impl Rebuilder<Key, i64> for AsksOf {
    fn ask(&self, question: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        let id = self.0;
        if !id.is_definition() {
            assert_eq!(question.fetch(id), Poll::Ready(None));
            assert_eq!(question.fetch_group([id]), Poll::Ready(false));
            assert_eq!(question.input(id), Poll::Ready(None));
            assert_eq!(question.value(id), None);
            assert!(!question.is_input(id) && question.definition_matches(id, false));
        }
        Poll::Ready(self.1(id))
    }
}

#[test]
fn a_rebuilder_may_ask_of_what_is_no_key_and_hears_that_it_has_no_value() {
    for id in foreign() {
        let asks = AsksOf(id, |_| Answer::Run(alacarte_core::Reason::Always));
        let mut build =
            Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(asks);
        build.run(["C"]).expect("built");
    }
}

#[test]
fn a_rebuilder_that_restores_from_what_is_no_key_is_named() {
    let id = KeyId::new(777);
    for value in [None, Some(1)] {
        let restores = match value {
            None => |key| Answer::Restore(Restored::new(vec![of(key)], false, None)),
            Some(_) => |key| Answer::Restore(Restored::new(vec![of(key)], false, Some(1))),
        };
        let (key, cause) = failing(Suspending::new(), AsksOf(id, restores));
        assert!(key == Some("C") && matches!(cause, Cause::UnknownDependency { .. }), "{key:?}: {cause}");
    }
}

fn of(key: KeyId) -> Dependency {
    Dependency::new(key, Fingerprint(1))
}

/// A rebuilder that says nonsense of what may be out of date, and of what it would share.
struct Suspicious(&'static [KeyId]);

impl Rebuilder<Key, i64> for Suspicious {
    fn ask(&self, _: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Run(alacarte_core::Reason::Always))
    }
    fn suspects<'m>(&self, _: &'m Metadata) -> Option<Suspects<'m>> {
        Some(Suspects::new(self.0, 0))
    }
    fn dependents(&self, _: KeyId, _: &Metadata, each: &mut dyn FnMut(KeyId)) {
        each(KeyId::new(778));
    }
    fn restores(&self) -> bool {
        true
    }
    fn sharable_trace(&self, _: KeyId, _: &Metadata) -> Option<SharableTrace> {
        Some(SharableTrace::new(vec![of(KeyId::new(779))], None))
    }
}

/// Traces that are shared, and thrown away.
struct Away;

impl TraceCache<Key, i64> for Away {
    fn traces(&mut self, _: &Key, _: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
        Ok(())
    }
    fn add(&mut self, _: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_rebuilder_that_shares_what_is_no_key_is_named() {
    let build = Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(Suspending::new());
    let mut build = build.with_rebuilder(Suspicious(&[])).with_cache(Away);
    // Nobody loses by what is not shared: the build goes on, and says so.
    let trouble = build.run(["B"]).expect("built").cache_trouble.expect("it is nonsense");
    assert!(trouble.contains("key779, which is the id of no key"), "{trouble}");
}

#[test]
fn a_rebuilder_that_suspects_what_is_no_key_is_named() {
    fn suspecting<S: Schedules<Static>>(scheduler: S) {
        let rules = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B"], |[b]| b + 1));
        let build = Build::new(rules, Memory::from([("A", 1)])).with_scheduler(scheduler);
        let suspects: &[KeyId] = Box::leak(Box::new([KeyId::new(777), KeyId::new(0).definition()]));
        let mut build = build.with_rebuilder(Suspicious(suspects));
        for value in 2..5 {
            // What it says of keys that exist is no nonsense: an error names a number, or there is none.
            if let Err(error) = build.run(["C"]) {
                let unknown =
                    |cause: &Cause| matches!(cause, Cause::UnknownId { .. } | Cause::UnknownDependency { .. });
                assert!(error.failures.iter().any(|failure| unknown(&failure.cause)), "{error}");
            }
            build.set("A", value).expect("it is set");
        }
    }
    suspecting(Topological::new());
    suspecting(Suspending::new());
    suspecting(BottomUp::new());
}

/// A scheduler that asks what is no key declares.
struct Inquires(Suspending);

impl Scheduler for Inquires {
    fn when_blocked(&self) -> WhenBlocked {
        self.0.when_blocked()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        let mut declared = Vec::new();
        for id in foreign() {
            assert_eq!(plan.declared(id, &mut declared), Declared::Input);
        }
        assert!(declared.is_empty());
        self.0.plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.0.push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Inquires {}

#[test]
fn a_scheduler_may_ask_what_the_id_of_no_key_declares() {
    let build = Build::new(tasks(), Memory::from([("A", 1)]));
    let mut build = build.with_scheduler(Inquires(Suspending::new())).with_rebuilder(VerifyingTrace);
    build.run(["C"]).expect("built");
}

/// A store that says of what is no key that it changed.
struct Gossip(Memory<Key, i64>);

impl Store<Key, i64> for Gossip {
    fn open(&mut self, keys: &mut Keys<Key>) {
        self.0.open(keys);
    }
    fn load(&mut self, id: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        self.0.load(id, key)
    }
    fn refresh(
        &mut self,
        _: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        changed(KeyId::new(777), Some(1), 1);
        Ok(())
    }
}

#[test]
fn a_store_that_speaks_of_what_is_no_key_is_named() {
    let build = Build::new(tasks(), Gossip(Memory::from([("A", 1)])));
    let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    let error = build.run(["C"]).expect_err("it is nonsense");
    assert!(error.failures[0].key.is_none(), "{error}");
    assert!(error.to_string().contains("key777, which is the id of no key"), "{error}");
}

/// A journal that speaks of keys by their ids in another process, and interns none.
struct Numbers(KeyId);

impl Journal<Key, i64> for Numbers {
    fn replay(&mut self, keys: &mut Keys<Key>, each: &mut Replay<'_, Key, i64>) -> Result<(), StoreError> {
        let own = keys.intern(&"B");
        let fetched = [Dependency::new(self.0, Fingerprint(1))];
        let (unknown, forgotten) = ([self.0], Event::Forgotten { keys: &[self.0] });
        match unknown[0].index() % 3 {
            0 => each(keys, &Event::Detached { key: self.0, done: false }),
            1 => each(keys, &Event::Built(Record::new(own, &fetched, Fingerprint(2), &2, keys))),
            _ => each(keys, &forgotten),
        }
        Ok(())
    }
    fn append(&mut self, _: &Keys<Key>, _: &Event<'_, i64>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_journal_that_replays_what_is_no_key_is_named() {
    for id in [777, 778, 779].map(KeyId::new).into_iter().flat_map(|id| [id, id.definition()]) {
        let build = Build::new(tasks(), Memory::from([("A", 1)])).with_scheduler(Suspending::new());
        let mut build = build.with_rebuilder(VerifyingTrace).with_journal(Numbers(id));
        let error = build.run(["C"]).expect_err("it is nonsense").to_string();
        assert!(error.contains("it speaks of") && error.contains("interns what it speaks of"), "{error}");
    }
}

/// `DirtyBit`, whose list of suspects is made anew each time that somebody looks.
struct Anew(DirtyBit, Cell<u64>);

impl Rebuilder<Key, i64> for Anew {
    fn install(&self, metadata: &mut Metadata) {
        Rebuilder::<Key, i64>::install(&self.0, metadata);
    }
    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        self.0.ask(question, metadata)
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.1.set(self.1.get() + 1);
        let suspects = Rebuilder::<Key, i64>::suspects(&self.0, metadata)?;
        Some(Suspects::new(suspects.keys, self.1.get()))
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        Rebuilder::<Key, i64>::dependents(&self.0, key, metadata, each);
    }
}

/// What becomes a suspect while the build runs is something that the scheduler is told of, and may give.
#[test]
fn a_scheduler_may_give_each_suspect_as_often_as_it_is_told_of_it() {
    let name = |what: &str, number: i32| -> Key { Box::leak(format!("{what}{number}").into_boxed_str()) };
    let names: Vec<(Key, Key)> = (0..400).map(|number| (name("in", number), name("out", number))).collect();
    let mut rules = Rules::<Key, i64, Static>::new();
    for &(input, output) in &names {
        rules.set(output, formula([input], |[a]: [i64; 1]| a + 1));
    }
    let build = Build::new(rules, Memory::new()).with_scheduler(Topological::new());
    let mut build = build.with_rebuilder(Anew(DirtyBit, Cell::new(0)));
    for value in [1, 2] {
        for &(input, _) in &names {
            build.set(input, value).expect("it is set");
        }
        build.run(names.iter().map(|&(_, output)| output)).expect("built");
        assert_eq!(build.get("out7"), Some(value + 1));
    }
}

/// Who of those that a build calls panics, and at what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Fails {
    #[default]
    Nobody,
    Plan,
    Push,
    Pop,
    Ask,
    Shares,
    Update,
    Observe,
}

/// A scheduler, a rebuilder and an updater that are right, or panic.
struct Frail<S>(S, Rc<Cell<Fails>>);

impl<S> Frail<S> {
    fn fails(&self, here: Fails) {
        assert!(self.1.get() != here, "out of ink");
    }
}

impl Scheduler for Frail<Suspending> {
    fn when_blocked(&self) -> WhenBlocked {
        self.0.when_blocked()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.fails(Fails::Plan);
        self.0.plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.fails(Fails::Push);
        self.0.push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.fails(Fails::Pop);
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Frail<Suspending> {}

impl Rebuilder<Key, i64> for Frail<ConstructiveTrace> {
    fn install(&self, metadata: &mut Metadata) {
        Rebuilder::<Key, i64>::install(&self.0, metadata);
        metadata.install_as(|| Builds(self.1.clone()));
    }
    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        if *question.name() == "B" {
            self.fails(Fails::Ask);
        }
        self.0.ask(question, metadata)
    }
    fn restores(&self) -> bool {
        true
    }
    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        self.fails(Fails::Shares);
        Rebuilder::<Key, i64>::sharable_trace(&self.0, key, metadata)
    }
}

#[derive(Default)]
struct Builds(Rc<Cell<Fails>>);

impl MetadataUpdater for Builds {
    fn apply(&mut self, event: &Event<'_>) {
        assert!(self.0.get() != Fails::Update || !matches!(event, Event::Built(_)), "out of ink");
    }
}

/// The build ends with an error, as it does when a task panics; and the next build is right, for it trusts nothing of what
/// was half done.
#[test]
fn whoever_panics_of_those_that_a_build_calls_is_named() {
    let (scheduler, rebuilder) = ("the scheduler", "the rebuilder");
    for (part, called, named, key) in [
        (Fails::Plan, scheduler, "Frail<alacarte_schedulers::suspending::Suspending>", None),
        (Fails::Push, scheduler, "Frail<alacarte_schedulers::suspending::Suspending>", Some("B")),
        (Fails::Pop, scheduler, "Frail<alacarte_schedulers::suspending::Suspending>", None),
        (Fails::Ask, rebuilder, "ConstructiveTrace>", Some("B")),
        (Fails::Shares, rebuilder, "ConstructiveTrace>", Some("B")),
        (Fails::Update, "the metadata updater", "Builds", Some("B")),
        (Fails::Observe, "the observer", "{{closure}}", Some("B")),
    ] {
        let fails = Rc::new(Cell::new(Fails::Nobody));
        let observing = fails.clone();
        let mut build = Build::new(tasks(), Memory::from([("A", 1)]))
            .with_scheduler(Frail(Suspending::new(), fails.clone()))
            .with_rebuilder(Frail(ConstructiveTrace, fails.clone()))
            .with_cache(Away)
            .with_observer(move |keys, key, _| {
                assert!(observing.get() != Fails::Observe || *keys.name(key) != "B", "out of ink");
            });
        build.run(["C"]).expect("built");
        build.set("A", 2).expect("it is set");
        fails.set(part);
        for _ in 0..2 {
            let outcome = quietly(|| build.run(["C"])).expect("the panic is told as an error");
            let failures = outcome.expect_err("something panics").failures;
            let [failure] = &failures[..] else { panic!("{part:?}: {failures:?}") };
            assert_eq!(failure.key, key, "{part:?}: {failure}");
            assert!(matches!(failure.cause, Cause::StrategyPanic { .. }), "{part:?}: {failure}");
            let told = failure.cause.to_string();
            assert!(told.starts_with(&format!("{called} `")) && told.contains("misuse::"), "{part:?}: {told}");
            assert!(told.ends_with(&format!("{named}` panicked: out of ink")), "{part:?}: {told}");
        }
        fails.set(Fails::Nobody);
        build.run(["C"]).expect("built");
        assert_eq!((part, build.get("C")), (part, Some(4)));
    }
}

/// A panic of somebody else's code, such as a store's, is not blamed on a strategy: it goes on.
#[test]
fn a_panic_that_is_no_strategys_goes_on() {
    struct Breaks(Memory<Key, i64>);
    impl Store<Key, i64> for Breaks {
        fn open(&mut self, keys: &mut Keys<Key>) {
            self.0.open(keys);
        }
        fn load(&mut self, id: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
            assert!(*key != "A", "the disk is gone");
            self.0.load(id, key)
        }
    }
    let build = Build::new(tasks(), Breaks(Memory::from([("A", 1)]))).with_scheduler(Suspending::new());
    let mut build = build.with_rebuilder(VerifyingTrace);
    let said = quietly(|| build.run(["C"]).is_ok()).expect_err("it panics");
    assert_eq!(said, "the disk is gone");
}

/// Tasks whose list of what they declare is gone.
struct Lists;

impl Tasks<Key, i64> for Lists {
    type Power = Static;

    fn has(&self, key: &Key) -> bool {
        *key == "C"
    }

    fn run<'t>(&'t self, _: &Key, _: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        unreachable!("no build comes so far")
    }

    fn declared(&self, _: &Key, _: &mut dyn FnMut(&Key)) -> bool {
        panic!("the list is gone")
    }
}

/// Nor is that of tasks, of which the scheduler asks what they declare.
#[test]
fn a_panic_of_what_a_scheduler_asks_goes_on() {
    let build = Build::new(Lists, Memory::from([("A", 1)])).with_scheduler(Topological::new());
    let mut build = build.with_rebuilder(VerifyingTrace);
    let said = quietly(|| build.run(["C"]).is_ok()).expect_err("it panics");
    assert_eq!(said, "the list is gone");
}
