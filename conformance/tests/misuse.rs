//! Nonsense is an error that names what is wrong: strategies that answer it, ids of no key, pools that contradict each other.

mod common;

use std::task::Poll;

use alacarte_core::{
    Answer, Build, Cause, Dynamic, Fetch, Key as AnyKey, KeyId, Metadata, Plan, PlanError, Power, Problem, Question,
    Rebuilder, Rules, Scheduler, Schedules, Value, WhenBlocked, task,
};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
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
fn failing<S: Schedules<Dynamic>, R: Rebuilder<Key, i64>>(scheduler: S, rebuilder: R) -> (String, Cause) {
    let mut build = Build::new(tasks(), Memory::from([("A", 1)])).scheduler(scheduler).rebuilder(rebuilder);
    let failure = build.run(["C"]).expect_err("it is nonsense").failures.remove(0);
    (failure.key, failure.cause)
}

#[test]
fn a_scheduler_that_never_gives_a_target_is_named() {
    let (key, cause) = failing(Odd::default(), VerifyingTrace);
    assert!(key == "C" && matches!(cause, Cause::NeverGiven), "{key}: {cause}");
    assert!(cause.to_string().contains("its scheduler has never given it"), "{cause}");
}

#[test]
fn a_scheduler_that_gives_what_is_no_key_is_named() {
    for times in [0, 1] {
        let (key, cause) = failing(Odd { gives: vec![KeyId::new(777)], times, ..Odd::default() }, VerifyingTrace);
        assert!(key == "key777" && matches!(cause, Cause::UnknownId), "{key}: {cause}");
    }
}

/// A scheduler whose plan fails for what is no key.
struct Refuses;

impl Scheduler for Refuses {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, _: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        Err(PlanError { key: KeyId::new(777), problem: Problem::Dynamic })
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
    assert!(key == "key777" && matches!(cause, Cause::Dynamic), "{key}: {cause}");
}

/// To give a key twice does no harm.
#[test]
fn a_scheduler_that_gives_keys_twice_is_right() {
    let odd = Odd { times: 2, ..Odd::default() };
    let mut build = Build::new(tasks(), Memory::from([("A", 1)])).scheduler(odd).rebuilder(VerifyingTrace);
    let report = build.run(["C"]).expect("built");
    assert_eq!((report.ran.len(), build.get("C")), (2, Some(3)));
}

#[test]
fn a_rebuilder_that_waits_for_nothing_is_named() {
    let (key, cause) = failing(Suspending::new(), Pends);
    assert!(key == "C" && cause.to_string().contains("its rebuilder answered `Pending`"), "{key}: {cause}");
}

#[test]
fn an_id_of_no_key_is_an_error() {
    let build = Build::new(tasks(), Memory::from([("A", 1)]));
    let mut build = build.scheduler(Suspending::new()).rebuilder(VerifyingTrace);
    let error = build.run_ids(&[KeyId::new(99)]).expect_err("it is none").to_string();
    assert!(error.contains("key99: it is the id of no key, or of one that was forgotten"), "{error}");
    build.run(["C"]).expect("another build is right");
}

#[test]
fn pools_that_contradict_each_other_are_an_error() {
    let build = Build::new(tasks(), Memory::from([("A", 1)]));
    let build = build.scheduler(Suspending::new()).rebuilder(VerifyingTrace).pool("link", 1).pool("link", 1);
    let mut build = build.pool("net", 4).pool("link", 2);
    let error = build.run(["C"]).expect_err("it is a contradiction").to_string();
    assert!(error.contains("the pool `link` was added twice, with depth 1 and with depth 2"), "{error}");
}
