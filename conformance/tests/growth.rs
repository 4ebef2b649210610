//! What a build costs grows as its input does: counts at one size, twice that, and four times that; nothing is timed.

use alacarte_conformance::broken::costs::{BeginsAgain, WalksAgain};
use alacarte_conformance::growth::{Family, Number, Outgrown, families, outgrown};
use alacarte_conformance::{REBUILDERS, SCHEDULERS};
use alacarte_core::Rebuilder;

fn play(family: &Family, scheduler: &str, rebuilder: &str) -> Vec<Outgrown> {
    outgrown(family, &|| {
        let rebuilder = alacarte_rebuilders::named::<Number, i64>(rebuilder).expect("a rebuilder of that name");
        (alacarte_schedulers::named(scheduler).expect("a scheduler of that name"), rebuilder)
    })
}

/// A restarting scheduler owes a task a restart for each key that it fetches and that must run first.
fn is_owed(family: &Family, scheduler: &str, rebuilder: &str) -> bool {
    scheduler == "restarting" && family.discovers.contains(&rebuilder)
}

fn nothing_outgrows_its_input(scheduler: &str) {
    let mut found = Vec::new();
    for family in families() {
        for rebuilder in REBUILDERS.into_iter().filter(|rebuilder| !is_owed(&family, scheduler, rebuilder)) {
            let outgrown = play(&family, scheduler, rebuilder);
            found.extend(outgrown.into_iter().map(|outgrown| format!("{scheduler} × {rebuilder}: {outgrown}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn in_topological_order_nothing_grows_faster_than_its_input() {
    nothing_outgrows_its_input("topological");
}

#[test]
fn with_restarts_nothing_grows_faster_than_its_input() {
    nothing_outgrows_its_input("restarting");
}

#[test]
fn with_tasks_that_wait_nothing_grows_faster_than_its_input() {
    nothing_outgrows_its_input("suspending");
}

#[test]
fn from_the_bottom_up_nothing_grows_faster_than_its_input() {
    nothing_outgrows_its_input("bottom-up");
}

#[test]
fn every_scheduler_is_tried() {
    assert_eq!(SCHEDULERS, ["topological", "restarting", "suspending", "bottom-up"]);
}

/// Nothing is left out that need not be.
#[test]
fn where_restarts_are_owed_they_are_as_many_as_the_keys_that_must_run() {
    for family in families() {
        for rebuilder in family.discovers {
            let found = play(&family, "restarting", rebuilder);
            assert!(!found.is_empty(), "restarting × {rebuilder}: {} grows as it should", family.name);
            assert!(found.iter().all(|outgrown| outgrown.count == "fetches"), "restarting × {rebuilder}: {found:?}");
        }
    }
}

/// Under which families a rebuilder that is right is seen to cost too much, and by which count.
fn seen<R: Rebuilder<Number, i64> + 'static>(broken: impl Fn() -> R) -> Vec<(&'static str, &'static str)> {
    let scheduler = || alacarte_schedulers::named("suspending").expect("a scheduler of that name");
    let found = families().into_iter().flat_map(|family| outgrown(&family, &|| (scheduler(), broken())));
    found.map(|outgrown| (outgrown.family, outgrown.count)).collect()
}

#[test]
fn a_walk_that_starts_again_is_seen() {
    let seen = seen(|| WalksAgain);
    for family in ["volatile keys", "new keys above an old root", "a chain with volatile keys beside it"] {
        assert!(seen.contains(&(family, "steps")), "{family}: {seen:?}");
    }
}

#[test]
fn a_question_that_begins_again_is_seen() {
    let seen = seen(|| BeginsAgain);
    assert!(seen.contains(&("what a task fetches one by one stays as it was", "fetches")), "{seen:?}");
    assert!(seen.iter().all(|(_, count)| *count == "fetches"), "it asks as often, and searches for nothing: {seen:?}");
}
