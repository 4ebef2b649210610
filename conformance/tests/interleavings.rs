//! Every interleaving: whatever ends first outside, a build comes to the same, uses its places, and may be dropped at
//! any moment.
//!
//! Small plans are played in *all* interleavings of their outside work, larger ones in some that a seed decides.

mod common;
#[path = "interleavings/corners.rs"]
mod corners;
#[path = "interleavings/dropped.rs"]
mod dropped;
#[path = "interleavings/interleaving_plan.rs"]
mod interleaving_plan;
#[path = "interleavings/interleaving_watch.rs"]
mod interleaving_watch;
#[path = "interleavings/shapes.rs"]
mod shapes;
#[path = "interleavings/site.rs"]
mod site;
#[path = "interleavings/toy.rs"]
mod toy;

use alacarte_conformance::{Outside, Seeded, drive, every_interleaving};
use common::{Key, everywhere};
use interleaving_plan::Plan;
use interleaving_watch::Watch;
use site::Site;
use std::collections::BTreeSet;
use toy::{Flaw, Toy};

/// More interleavings than any plan here has.
const BOUND: usize = 20_000;

/// How many interleavings the first build of a plan has, under the suspending scheduler.
fn count(plan: &Plan, outside: impl Fn() -> Outside) -> usize {
    let played = every_interleaving(BOUND, |path| {
        let mut site = Site::new(plan, outside(), "suspending", "verifying-trace");
        site.build(path, None).map(|_| ())
    });
    played.expect("it is right")
}

/// The explorer explores: it plays as many interleavings as there are.
#[test]
fn interleavings_are_as_many_as_combinatorics_says() {
    let fan = shapes::fan();
    assert_eq!(count(&fan.with_jobs(1), Outside::new), 1, "nothing to choose");
    assert_eq!(count(&fan.with_jobs(2), Outside::new), 2 * 2 * 2, "one of two, until one is left");
    assert_eq!(count(&fan.with_jobs(3), Outside::new), 3 * 3 * 2);
    assert_eq!(count(&fan.with_jobs(4), Outside::new), 24, "4!");
    assert_eq!(count(&fan.with_jobs(4), || Outside::new().several()), 75, "the orders of four, ties allowed");
    assert_eq!(count(&fan.with_jobs(4), || Outside::new().false_alarms()), 24 * 16, "or not, at each of four sleeps");
    assert_eq!(count(&shapes::chains().with_jobs(2), Outside::new), 6, "two of four are the first chain's");
    assert_eq!(
        count(&shapes::chains().with_jobs(2), || Outside::new().several()),
        13,
        "the Delannoy number of 2 and 2"
    );
    let error = every_interleaving(23, |path| {
        Site::new(&fan.with_jobs(4), Outside::new(), "suspending", "perpetual").build(path, None).map(|_| ())
    });
    assert_eq!(error, Err("there are more than 23 interleavings".into()));
}

/// Plays the first build of a plan, and one after an edit, in every interleaving, beside a sequential one.
fn parallel_is_sequential(what: &str, plan: &Plan, edit: (Key, i64), outside: impl Fn() -> Outside) {
    everywhere(|scheduler, rebuilder| {
        let judge = |jobs: usize, edited: bool, expected: &mut Option<BTreeSet<Key>>| {
            every_interleaving(BOUND, |path| {
                let mut site = Site::new(&plan.with_jobs(jobs), outside(), scheduler, rebuilder);
                if edited {
                    site.build(&mut Seeded(7), None)?;
                    site.edit(edit.0, edit.1);
                }
                site.build(path, None)?;
                let ran: BTreeSet<Key> = site.ran().into_iter().collect();
                let same = expected.get_or_insert_with(|| ran.clone());
                if ran == *same { Ok(()) } else { Err(format!("it ran {ran:?}, and one job runs {same:?}")) }
            })
            .unwrap_or_else(|why| panic!("{what}, {jobs} jobs, edited: {edited}, {scheduler} × {rebuilder}: {why}"));
        };
        for edited in [false, true] {
            // The first interleaving of one job is the sequential build.
            let mut expected = None;
            for jobs in 1..=3 {
                judge(jobs, edited, &mut expected);
            }
        }
    });
}

#[test]
fn parallel_is_sequential_whatever_ends_first() {
    for (what, plan) in shapes::all() {
        parallel_is_sequential(what, &plan, ("a", 20), || Outside::new().several());
    }
}

#[test]
fn to_be_woken_for_nothing_does_no_harm() {
    for (what, plan) in [("chains", shapes::chains()), ("joined", shapes::joined())] {
        parallel_is_sequential(what, &plan, ("a", 20), || Outside::new().false_alarms());
    }
}

/// With `keep_going`, what does not need the branch that fails is built, and nothing else.
#[test]
fn a_branch_that_fails_leaves_the_others_alone() {
    for (what, plan) in [("failing", shapes::failing()), ("detached", shapes::detached())] {
        parallel_is_sequential(what, &plan.keep_going(), ("switch", 1), || Outside::new().several());
    }
}

/// Without, the build begins nothing more, but waits for the work that is underway; what it had by then is right, and
/// when the branch is mended, all is.
#[test]
fn a_build_that_failed_can_be_mended() {
    for (what, plan) in [("failing", shapes::failing()), ("detached", shapes::detached())] {
        everywhere(|scheduler, rebuilder| {
            for jobs in 1..=3 {
                let played = every_interleaving(BOUND, |path| {
                    let mut plan = plan.with_jobs(jobs);
                    plan.inputs.insert("switch", 1);
                    let mut site = Site::new(&plan, Outside::new().several(), scheduler, rebuilder);
                    if site.build(path, None)? != Some(false) {
                        return Err("it did not fail".into());
                    }
                    if site.outside.abandoned() > 0 {
                        return Err("it did not wait for the work that was underway".into());
                    }
                    site.edit("switch", 2);
                    site.build(&mut Seeded(3), None).map(|_| ())
                });
                played.unwrap_or_else(|why| panic!("{what}, {jobs} jobs, {scheduler} × {rebuilder}: {why}"));
            }
        });
    }
}

/// Larger plans, and histories of several builds, some of which are dropped: a seed decides.
#[test]
fn random_plans_in_random_interleavings() {
    everywhere(|scheduler, rebuilder| {
        for seed in 0..200 {
            let play = |choices: &mut Seeded| {
                let mut site = Site::new(&shapes::random(seed), world(choices), scheduler, rebuilder);
                site.random_history(choices)
            };
            let choices = &mut Seeded(seed ^ 0xA1A_CA27E);
            play(choices).unwrap_or_else(|why| panic!("seed {seed}, {scheduler} × {rebuilder}: {why}"));
        }
    });
}

fn world(choices: &mut Seeded) -> Outside {
    use alacarte_conformance::Choices;
    let outside = if choices.choose(2) == 0 { Outside::new() } else { Outside::new().several() };
    if choices.choose(3) == 0 { outside.false_alarms() } else { outside }
}

/// What the watch says of a toy executor: the first fault found in all its interleavings.
fn verdict(flaw: Flaw, stop_after: Option<usize>) -> Result<usize, String> {
    every_interleaving(BOUND, |path| {
        let outside = Outside::new().several();
        let watch = Watch::new(&outside, 2, &[]);
        let toy = Toy::new(&outside, &watch, 4, 2, flaw);
        let left = toy.left.clone();
        let driven = drive(toy, &outside, &mut watch.over(path), stop_after);
        left.borrow_mut().clear();
        driven?;
        watch.verdict()?;
        match (outside.begun().len(), outside.abandoned()) {
            (4, 0) => Ok(()),
            _ if stop_after.is_some() => Ok(()),
            (begun, abandoned) => Err(format!("{begun} works began, {abandoned} were abandoned")),
        }
    })
}

/// The driver and the watch bite: what is wrong with an executor is noticed, each flaw by its own mark.
#[test]
fn an_executor_with_a_flaw_is_noticed() {
    assert!(verdict(Flaw::None, None).is_ok_and(|played| played > 8), "{:?}", verdict(Flaw::None, None));
    for (flaw, stop_after, mark) in [
        (Flaw::SwallowsWakeUps, None, "a lost wake-up: 0"),
        (Flaw::KeepsAnOldWaker, None, "a lost wake-up"),
        (Flaw::LooksAtOne, None, "did not look"),
        (Flaw::IgnoresTheBound, None, "and there are 2 jobs"),
        (Flaw::KeepsPlaces, None, "sleeps for ever"),
        (Flaw::IsLazy, None, "a permit is free"),
        (Flaw::RunsTwice, None, "works began, 0 were abandoned"),
        (Flaw::LeavesWorkBehind, Some(2), "left"),
        (Flaw::EndsEarly, None, "abandoned"),
        (Flaw::Spins, None, "wakes itself"),
    ] {
        let found = verdict(flaw, stop_after).expect_err("a flaw");
        assert!(found.contains(mark), "{flaw:?}: {found}");
    }
}
