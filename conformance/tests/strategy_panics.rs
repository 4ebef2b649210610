//! A strategy that panics is named, with the key; a panic of other code goes on.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_conformance::quietly;
use alacarte_core::{
    Answer, Build, Cause, Event, Fetch, KeyId, Keys, Metadata, MetadataUpdater, Plan, PlanError, Power, Question,
    Rebuilder, Running, Scheduler, Schedules, SharableTrace, Static, Store, StoreError, Tasks, WhenBlocked,
};
use alacarte_rebuilders::{ConstructiveTrace, VerifyingTrace};
use alacarte_schedulers::{Suspending, Topological};
use alacarte_stores::Memory;
use common::{Away, Key, two_more};

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
        let mut build = Build::new(two_more(), Memory::from([("A", 1)]))
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
            assert!(told.starts_with(&format!("{called} `")) && told.contains("strategy_panics::"), "{part:?}: {told}");
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
    let build = Build::new(two_more(), Breaks(Memory::from([("A", 1)]))).with_scheduler(Suspending::new());
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
