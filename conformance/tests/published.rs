//! The published model's components: each is caught where it is wrong, and right where it is not.

use std::collections::HashMap;

use alacarte_conformance::broken::published::{
    ByParent, ByValue, ChainWalk, DirectTraces, FlatTrace, ScanTrace, Stopped,
};
use alacarte_core::{Build, Decision, Dynamic, Reason, Rebuilder, Rules, formula, task};
use alacarte_schedulers::{Restarting, Suspending};
use alacarte_stores::Memory;

/// A chain of three tasks is the smallest on which the published queue is wrong: two tasks are not enough.
#[test]
fn an_edit_right_below_the_dependency_is_seen_and_one_further_down_is_not() {
    for (target, expected) in [("C", 12), ("D", 3)] {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a + 1))
            .rule("C", formula(["B"], |[b]| b + 1))
            .rule("D", formula(["C"], |[c]| c + 1));
        let mut build =
            Build::new(tasks, Memory::from([("A", 0)])).with_scheduler(Restarting::new()).with_rebuilder(DirectTraces);
        build.run(["D"]).expect("built");
        build.set("A", 10).expect("set");
        build.run([target]).expect("built");
        assert_eq!(build.get(target), Some(expected));
    }
}

/// Looked up under the parent's value, a dependency counts as an input; under its own, its inputs are found.
#[test]
fn what_a_flat_trace_looks_at() {
    fn looked<R: Rebuilder<&'static str, i64>>(rebuilder: R) -> Vec<&'static str> {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a + 1))
            .rule("C", formula(["B"], |[b]| b + 1))
            .rule("D", formula(["C"], |[c]| c + 1));
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let write = seen.clone();
        let mut build = Build::new(tasks, Memory::from([("A", 0)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(rebuilder)
            .with_observer(move |keys, key, _| write.borrow_mut().push(*keys.name(key)));
        build.run(["D"]).expect("built");
        for lost in ["B", "C", "D"] {
            build.remove(lost).expect("removed");
        }
        seen.borrow_mut().clear();
        build.run(["D"]).expect("built");
        assert_eq!(build.get("D"), Some(3));
        seen.take()
    }
    assert_eq!(looked(FlatTrace(ByParent)), ["B", "C", "D"]);
    assert_eq!(looked(FlatTrace(ByValue)), ["D"]);
}

/// In a chain of n keys, each but the target is asked about twice, and each time all traces are gone through: n of each build
/// that ran everything. Ours looks at those of the key (`tests/scale.rs` counts).
#[test]
fn every_trace_is_looked_at_for_each_key_and_each_rebuild_makes_it_worse() {
    for (length, rebuilds) in [(10, 0), (100, 0), (10, 5)] {
        let rebuilder = ScanTrace::default();
        let looked = rebuilder.looked.clone();
        let inputs = Memory::from([(0, 7)]);
        let mut build = Build::new(chain(length), inputs).with_scheduler(Suspending::new()).with_rebuilder(rebuilder);
        build.run([length]).expect("built");
        for value in 0..rebuilds {
            build.set(0, value).expect("set");
            build.run([length]).expect("built");
        }
        looked.set(0);
        // An edit that is taken back has all of them looked at.
        let before = build.get(0).expect("an input");
        for value in [before + 100, before] {
            build.set(0, value).expect("set");
        }
        assert_eq!(build.run([length]).expect("built").ran, []);
        assert_eq!(looked.get(), u64::from(2 * length - 1) * u64::from(length) * (rebuilds as u64 + 1));
    }
}

fn chain(length: u32) -> Rules<u32, i64, Dynamic> {
    let rules = Rules::new().rule(1_u32, task(async |fetch| fetch.get(0).await));
    (2..=length).fold(rules, |rules, key| rules.rule(key, task(async move |fetch| Ok(fetch.get(key - 1).await? + 1))))
}

/// In a chain of n keys each round of the walk finishes one: n (n + 1) / 2 starts. Ours: two a key.
#[test]
fn the_walk_gives_the_right_values_and_starts_keys_over_and_over() {
    for length in [1_u32, 10, 60] {
        let mut walk = ChainWalk::new();
        let walked = walk.build(&chain(length), &HashMap::from([(0, 7)]), &length).expect("it ends");
        assert_eq!(walked.values[&length], 7 + i64::from(length) - 1);
        assert_eq!(walked.starts.len() as u32, length * (length + 1) / 2);
        assert_eq!(walk.chain(), (1..=length).collect::<Vec<_>>());

        let starts = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = starts.clone();
        let mut build = Build::new(chain(length), Memory::from([(0, 7)]))
            .with_scheduler(Restarting::new())
            .with_rebuilder(alacarte_rebuilders::Perpetual)
            .with_observer(move |_, _, decision| {
                if let Decision::Started(Reason::Always) = decision {
                    count.set(count.get() + 1);
                }
            });
        build.run([length]).expect("built");
        assert_eq!(build.get(length), walked.values.get(&length).copied());
        assert_eq!(starts.get(), 2 * length - 1);
    }
}

/// With the chain of the last build nothing is restarted, but all of it is started, whatever the target.
#[test]
fn the_walk_starts_what_nobody_asked_for() {
    let mut walk = ChainWalk::new();
    walk.build(&chain(20), &HashMap::from([(0, 7)]), &20).expect("it ends");
    let again = walk.build(&chain(20), &HashMap::from([(0, 8)]), &1).expect("it ends");
    let started: Vec<_> = again.starts.iter().map(|start| (start.key, start.lacks)).collect();
    assert_eq!(started, (1..=20).map(|key| (key, None)).collect::<Vec<_>>());
    assert_eq!(again.counts().len(), 20);
}

#[test]
fn a_walk_in_a_circle_is_noticed_and_a_missing_input_is_an_error() {
    let circle = Rules::new()
        .rule("a", task(async |fetch| fetch.get("b").await))
        .rule("b", task(async |fetch| fetch.get("c").await))
        .rule("c", task(async |fetch| fetch.get("a").await));
    assert!(matches!(ChainWalk::new().build(&circle, &HashMap::<_, i64>::new(), &"a"), Err(Stopped::Cycle)));
    let lacking = Rules::new().rule("a", task(async |fetch| fetch.get("b").await));
    assert!(matches!(ChainWalk::new().build(&lacking, &HashMap::<_, i64>::new(), &"a"), Err(Stopped::Failed(_))));
}
