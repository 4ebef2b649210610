//! Why a task ran: the reason that a rebuilder tells.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_conformance::Tape;
use alacarte_core::{
    Answer, Build, Decision, Fetch, Key as AnyKey, Metadata, Question, Reason, Rebuilder, Rules, Value, formula, task,
};
use alacarte_metadata::VerifyingTraces;
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;
use common::{Key, everywhere_dynamic, observed, system};

/// The reason is what made the newest trace fail, whatever an older one failed at.
#[test]
fn the_reason_is_that_of_the_newest_trace() {
    for rebuilder in ["verifying-trace", "constructive-trace"] {
        for scheduler in alacarte_schedulers::NAMES {
            let tasks = Rules::new().rule("top", formula(["x", "y"], |_: [i64; 2]| 0));
            let (mut build, seen) = observed(system(scheduler, rebuilder, tasks, &[("x", 1), ("y", 1)]));
            let reason = |build: &mut common::System<_>, x: i64, y: i64| {
                build.set("x", x).expect("set");
                build.set("y", y).expect("set");
                build.run(["top"]).expect("built");
                let started = |told: &(Key, Decision)| match told.1 {
                    Decision::Started(reason) => Some(reason),
                    _ => None,
                };
                seen.take().iter().find_map(started)
            };
            assert_eq!(reason(&mut build, 1, 1), Some(Reason::NeverBuilt));
            let (keys, print) = (["x", "y"].map(|key| build.intern(key)), |n: i64| n.fingerprint());
            let changed = |key: usize, from: i64, to: i64| {
                Some(Reason::DependencyChanged { key: keys[key], from: print(from), to: Some(print(to)) })
            };
            assert_eq!(reason(&mut build, 2, 1), changed(0, 1, 2), "{scheduler} × {rebuilder}");
            assert_eq!(reason(&mut build, 1, 1), None);
            // Newest first, (1, 1) and (2, 1) are remembered.
            assert_eq!(reason(&mut build, 3, 1), changed(0, 1, 3), "{scheduler} × {rebuilder}");
            // The newest is (3, 1); (2, 1) agrees so far, and then does not.
            assert_eq!(reason(&mut build, 2, 5), changed(0, 3, 2), "{scheduler} × {rebuilder}");
            assert_eq!(reason(&mut build, 2, 6), changed(1, 5, 6), "{scheduler} × {rebuilder}");
            build.set("top", 9).expect("set");
            let expected = if rebuilder == "verifying-trace" { Some(Reason::OutputChanged) } else { None };
            assert_eq!(reason(&mut build, 2, 6), expected, "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn each_rebuilder_tells_its_own_reason() {
    let two = || Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
    for (rebuilder, expected) in [
        ("dirty-bit", "Dirty"),
        ("step-trace", "Newer { key: key2, modified: 5, than: 3 }"),
        ("modification-time", "Newer { key: key2, modified: 5, than: 3 }"),
        ("perpetual", "Always"),
    ] {
        let (mut build, seen) = observed(system("suspending", rebuilder, two(), &[("A", 1)]));
        build.run(["C"]).expect("built");
        build.set("A", 2).expect("set");
        seen.take();
        build.run(["C"]).expect("built");
        let told = seen.take();
        let last = told.iter().rev().find_map(|told| match told {
            ("C", Decision::Started(reason)) => Some(format!("{reason:?}")),
            _ => None,
        });
        assert_eq!(last.as_deref(), Some(expected), "{rebuilder}");
    }
}

/// A trace that was followed in vain on the way down from another is not followed again.
#[test]
fn what_a_deep_trace_failed_at_is_told_by_the_key_that_was_asked_first() {
    let tasks = Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a)).rule("C", formula(["B"], |[b]| b));
    let (mut build, seen) = observed(system("suspending", "deep-constructive-trace", tasks, &[("A", 1)]));
    build.run(["C"]).expect("built");
    for a in [2, 3] {
        build.set("A", a).expect("set");
        seen.take();
        build.run(["C"]).expect("built");
        let told = seen.take();
        let started = told.iter().filter_map(|told| match told {
            (key, Decision::Started(reason)) => Some((*key, *reason)),
            _ => None,
        });
        let (from, to) = (Value::fingerprint(&(a - 1)), Some(Value::fingerprint(&a)));
        let changed = Reason::DependencyChanged { key: build.intern("A"), from, to };
        assert_eq!(started.collect::<Vec<_>>(), [("C", changed), ("B", Reason::Dirty)]);
    }
}

/// Of a volatile key no trace is kept; it is not one that was never built.
#[test]
fn a_volatile_key_runs_because_it_is_one() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = |volatile: bool| {
            let clock = async move |fetch: Fetch<'_, Key, i64>| {
                if volatile {
                    fetch.volatile();
                }
                Ok(0)
            };
            observed(
                system(scheduler, rebuilder, Rules::new().rule("clock", task(clock)), &[]).with_journal(tape.clone()),
            )
        };
        let first = |seen: &common::Seen| match seen.take().first() {
            Some(&(_, Decision::Started(reason))) => Some(reason),
            _ => None,
        };
        let perpetual = (rebuilder == "perpetual").then_some(Reason::Always);
        let (mut build, seen) = process(true);
        for expected in [Reason::NeverBuilt, Reason::Volatile] {
            build.run(["clock"]).expect("built");
            assert_eq!(first(&seen), perpetual.or(Some(expected)), "{scheduler} × {rebuilder}");
        }
        // Another process knows it from the journal; and once it is volatile no more, it stands.
        let (mut build, seen) = process(false);
        build.run(["clock"]).expect("built");
        assert_eq!(first(&seen), perpetual.or(Some(Reason::Volatile)), "{scheduler} × {rebuilder}");
        build.run(["clock"]).expect("built");
        assert_eq!(first(&seen), perpetual, "{scheduler} × {rebuilder}");
    });
}

/// Runs a key whose task is not the one of its newest trace, and no other.
#[derive(Clone)]
struct ByTask;

impl<K: AnyKey, V: Value> Rebuilder<K, V> for ByTask {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let newest = metadata.read::<VerifyingTraces>().table().newest(question.key());
        Poll::Ready(match newest {
            None => Answer::Run(Reason::NeverBuilt),
            Some(trace) if question.same_task(trace.definition()) => Answer::Keep,
            Some(_) => Answer::Run(Reason::Other("its task is another")),
        })
    }
}

/// A rebuilder of one's own knows whether a trace is of the task of today, and gives a reason in its own words.
#[test]
fn a_rebuilder_knows_the_task_of_a_trace_and_says_why_in_its_own_words() {
    let tasks = |version| {
        let rules = Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a)).rule("C", formula(["B"], |[b]| b));
        rules.with_version(version)
    };
    let told = Rc::new(RefCell::new(Vec::new()));
    let tell = told.clone();
    let mut build = Build::new(tasks(1), Memory::from([("A", 1)]))
        .with_scheduler(Suspending::new())
        .with_rebuilder(ByTask)
        .with_observer(move |keys, key, decision| {
            if let Decision::Started(reason) = decision {
                tell.borrow_mut().push((*keys.name(key), reason.explain(keys)));
            }
        });
    let mut started = |version: u64| {
        *build.tasks_mut() = tasks(version);
        build.run(["C"]).expect("built");
        std::mem::take(&mut *told.borrow_mut())
    };
    assert_eq!(started(1).len(), 2);
    assert_eq!(started(1), []);
    let another = "its task is another".to_owned();
    assert_eq!(started(2), [("C", another.clone()), ("B", another)]);
    assert_eq!(started(2), []);
}
