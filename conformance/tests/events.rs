//! What the journal is told, event by event; and what becomes of a build whose journal cannot be written.

mod common;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use alacarte_conformance::{Tape, Yields};
use alacarte_core::{
    Build, Event, Fetch, Journal, Keys, Rebuilder, Record, Replay, Rules, Scheduler, StoreError, declared, formula,
    task,
};
use alacarte_stores::Memory;
use common::{Key, everywhere, system};

/// A journal that writes down what it is told, for people.
#[derive(Clone, Default)]
struct Scribe {
    lines: Rc<RefCell<Vec<String>>>,
    /// What does not work.
    broken: Rc<Cell<Option<&'static str>>>,
}

impl Scribe {
    /// What was told since the last time.
    fn told(&self) -> Vec<String> {
        self.lines.take()
    }

    fn works(&self, what: &'static str) -> Result<(), StoreError> {
        match self.broken.get() {
            Some(broken) if broken == what => Err(StoreError::new(what, "the journal", io::Error::other("full"))),
            _ => Ok(()),
        }
    }
}

impl Journal<Key, i64> for Scribe {
    fn replay(&mut self, _: &mut Keys<Key>, _: &mut Replay<'_, Key, i64>) -> Result<(), StoreError> {
        self.works("read")
    }

    fn append(&mut self, keys: &Keys<Key>, event: &Event<'_, i64>) -> Result<(), StoreError> {
        self.works("write")?;
        let made = |how: &str, record: &Record<'_, i64>| {
            let Record { deep, modified, volatile, .. } = *record;
            let mut line = format!("{modified}: {} {how} as {}, from", keys.show(record.key), record.value);
            for dependency in record.dependencies {
                line += if dependency.grouped { " with " } else { " " };
                line += &keys.show(dependency.key);
            }
            format!("{line}{}{}", if deep { ", deep" } else { "" }, if volatile { ", volatile" } else { "" })
        };
        self.lines.borrow_mut().push(match event {
            Event::Changed { key, fingerprint, modified, input, .. } => {
                let (what, lost) = (if *input { "input" } else { "output" }, fingerprint.is_none());
                format!("{modified}: {} changed as an {what}{}", keys.show(*key), if lost { ", lost" } else { "" })
            }
            Event::Built(record) => made("built", record),
            Event::Restored(record) => made("restored", record),
            Event::Imported(_) => "an imported trace".into(),
            Event::Forgotten { keys: gone } => format!("{} are forgotten", gone.len()),
            Event::Detached { key, done } => format!("{} is {}owed", keys.show(*key), if *done { "not " } else { "" }),
        });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.works("flush")
    }
}

type System<P> =
    Build<Key, i64, Rules<Key, i64, P>, Memory<Key, i64>, Box<dyn Scheduler>, Box<dyn Rebuilder<Key, i64>>, Scribe>;

fn written<P: alacarte_core::Power>(
    rebuilder: &str,
    tasks: Rules<Key, i64, P>,
    inputs: &[(Key, i64)],
) -> (System<P>, Scribe) {
    let scribe = Scribe::default();
    let build = Build::new(tasks, inputs.iter().copied().collect::<Memory<_, _>>())
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(scribe.clone());
    (build, scribe)
}

fn two_steps() -> Rules<Key, i64> {
    Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a.min(3))).rule("C", formula(["B"], |[b]| b + 1))
}

#[test]
fn every_event_is_told_once_and_in_order() {
    let (mut build, scribe) = written("verifying-trace", two_steps(), &[("A", 1)]);
    build.run(["C"]).expect("built");
    assert_eq!(scribe.told(), ["1: A changed as an input", "2: B built as 1, from A", "3: C built as 2, from B"]);
    build.run(["C"]).expect("built");
    assert!(!build.set("A", 1).expect("set"));
    assert_eq!(scribe.told(), [""; 0], "nothing has happened");
    assert!(build.set("A", 5).expect("set"));
    assert!(build.touch("A").expect("touched"));
    assert_eq!(scribe.told(), ["4: A changed as an input", "5: A changed as an input"]);
    build.run(["C"]).expect("built");
    build.set("A", 4).expect("set");
    build.run(["C"]).expect("built");
    build.set("A", 5).expect("set");
    build.run(["C"]).expect("built");
    let expected = [
        "6: B built as 3, from A",
        "7: C built as 4, from B",
        "8: A changed as an input",
        "9: B built as 3, from A",
        "10: A changed as an input",
        "11: B restored as 3, from A",
    ];
    assert_eq!(scribe.told(), expected);
    assert!(build.set("B", 9).expect("set"));
    assert!(build.remove("C").expect("removed"));
    assert!(!build.remove("C").expect("removed"));
    build.run(["C"]).expect("built");
    let expected = [
        "12: B changed as an output",
        "13: C changed as an output, lost",
        "14: B built as 3, from A",
        "15: C built as 4, from B",
    ];
    assert_eq!(scribe.told(), expected);
}

#[test]
fn an_output_that_is_written_before_the_first_build_is_none_of_the_inputs() {
    let (mut build, scribe) = written("dirty-bit", two_steps(), &[("A", 1), ("B", 7)]);
    build.touch("B").expect("touched");
    build.set("A", 2).expect("set");
    let expected =
        ["B changed as an output", "B changed as an output", "A changed as an input", "A changed as an input"];
    let told: Vec<String> = scribe.told().iter().map(|line| line.split_once(": ").expect("a time").1.into()).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_replaced_task_is_told_as_a_changed_definition() {
    let (mut build, scribe) = written("verifying-trace", two_steps(), &[("A", 1)]);
    build.run(["C"]).expect("built");
    scribe.told();
    build.tasks_mut().set("B", formula(["A"], |[a]| a));
    build.run(["C"]).expect("built");
    assert_eq!(
        scribe.told(),
        ["4: the definition of B changed as an input", "5: B built as 1, from the definition of B A"]
    );
    // Taken away: the key is an input that holds what it held. Given back: it is none.
    build.tasks_mut().remove(&"B");
    build.run(["C"]).expect("built");
    assert_eq!(scribe.told(), ["6: the definition of B changed as an input, lost", "6: B changed as an input"]);
    build.tasks_mut().set("B", formula(["A"], |[a]| a + 10));
    build.run(["C"]).expect("built");
    let expected = [
        "7: the definition of B changed as an input",
        "8: B built as 11, from the definition of B A",
        "9: C built as 12, from B",
    ];
    assert_eq!(scribe.told(), expected);
}

#[test]
fn groups_and_volatile_values_are_told_as_such() {
    let tasks = Rules::new()
        .rule("group", task(async |fetch| Ok(fetch.all(["A", "D", "E"]).await?.iter().sum())))
        .rule(
            "two",
            task(async |fetch| {
                let first: i64 = fetch.all(["A", "D"]).await?.iter().sum();
                Ok(first + fetch.all(["A", "E", "F"]).await?.iter().sum::<i64>())
            }),
        )
        .rule(
            "clock",
            task(async |fetch: Fetch<'_, Key, i64>| {
                fetch.volatile();
                Ok(fetch.get("A").await? + fetch.get("D").await?)
            }),
        );
    let inputs = [("A", 1), ("D", 2), ("E", 3), ("F", 4)];
    let (mut build, scribe) = written("verifying-trace", tasks, &inputs);
    for (key, expected) in [
        ("group", "group built as 6, from A with D with E"),
        // A was known before the second group, which begins with its second key.
        ("two", "two built as 11, from A with D E with F"),
        ("clock", "clock built as 3, from A D, volatile"),
    ] {
        build.run([key]).expect("built");
        let last = scribe.told().pop().expect("an event");
        assert_eq!(last.split_once(": ").expect("a time").1, expected);
    }
}

/// A task that fetches much names each key once all the same.
#[test]
fn what_is_fetched_again_is_recorded_once_however_much_it_is() {
    for many in [3, 16, 17, 40_i64] {
        let names: Vec<String> = (0..many).map(|n| format!("k{n}")).collect();
        let fetched = names.clone();
        let again = async move |fetch: Fetch<'_, String, i64>| {
            for name in fetched.iter().chain(&fetched) {
                fetch.get(name).await?;
            }
            Ok(0)
        };
        let tasks = Rules::new().rule("top", task(again));
        let mut build = Build::new(tasks, names.into_iter().map(|name| (name, 1)).collect::<Memory<_, _>>())
            .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named("verifying-trace").expect("a rebuilder"));
        assert_eq!(build.run(["top".to_owned()]).expect("built").fetches, 2 * many as u64);
        // An edit that is taken back has it looked at again.
        for value in [2, 1] {
            build.set("k0".to_owned(), value).expect("set");
        }
        assert_eq!(build.run(["top".to_owned()]).expect("built").fetches, many as u64, "what is recorded is verified");
    }
}

#[test]
fn a_journal_that_cannot_be_written_fails_the_key_that_was_to_be_told() {
    let (mut build, scribe) = written("verifying-trace", two_steps(), &[("A", 1)]);
    build.run(["B"]).expect("built");
    scribe.broken.set(Some("write"));
    let error = build.run(["C"]).expect_err("it cannot be written");
    assert_eq!(error.to_string(), "cannot write the journal: full");
    assert_eq!(error.failures[0].key, Some("C"));
    assert!(build.set("A", 9).is_err());
    scribe.broken.set(None);
    build.set("A", 2).expect("set");
    build.run(["C"]).expect("built");
    assert_eq!(build.get("C"), Some(3));
}

#[test]
fn a_journal_that_cannot_be_flushed_fails_the_build_and_is_tried_again() {
    let (mut build, scribe) = written("verifying-trace", two_steps(), &[("A", 1)]);
    scribe.broken.set(Some("flush"));
    for _ in 0..2 {
        let error = build.run(["C"]).expect_err("it cannot be flushed");
        assert_eq!(error.to_string(), "cannot flush the journal: full");
        assert_eq!(error.failures.len(), 1);
    }
    scribe.broken.set(None);
    assert!(build.run(["C"]).expect("built").ran.is_empty(), "what was built stands");
}

/// While all that is left waits for the outside, what was built is safe.
#[test]
fn a_build_that_waits_for_the_outside_flushes_its_journal_first() {
    let work = async |fetch: Fetch<'_, Key, i64>| {
        fetch.work(Yields(2)).await;
        fetch.get("A").await
    };
    let started = Rc::new(Cell::new(0));
    let count = started.clone();
    let after = async move |fetch: Fetch<'_, Key, i64>| {
        count.set(count.get() + 1);
        fetch.get("B").await
    };
    let tasks = Rules::new().rule("B", task(work)).rule("C", task(after));
    let (mut build, scribe) = written("verifying-trace", tasks, &[("A", 1)]);
    scribe.broken.set(Some("flush"));
    let error = build.run(["C"]).expect_err("it cannot be flushed");
    assert!(error.to_string().contains("cannot flush the journal: full"), "{error}");
    assert!(build.get("C").is_none(), "a build that failed goes on with nothing new");
    scribe.broken.set(None);
    build.run(["C"]).expect("built");
    assert_eq!(build.get("C"), Some(1));
}

#[test]
fn a_journal_that_cannot_be_read_fails_whatever_needs_it() {
    let (mut build, scribe) = written("verifying-trace", two_steps(), &[("A", 1)]);
    scribe.broken.set(Some("read"));
    assert_eq!(build.run(["C"]).expect_err("it cannot be read").to_string(), "cannot read the journal: full");
    assert!(build.set("A", 2).is_err());
    scribe.broken.set(None);
    build.run(["C"]).expect("built");
    assert_eq!(build.get("C"), Some(2));
}

/// An event about an output that is as it was takes nothing from what the journal keeps of it.
#[test]
fn an_output_that_was_touched_survives_the_process() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]).with_journal(tape.clone());
        build.run(["C"]).expect("built");
        build.touch("B").expect("touched");
        let mut next = system(scheduler, rebuilder, two_steps(), &[("A", 1)]).with_journal(tape);
        assert!(next.touch("B").expect("touched"));
        assert_eq!(next.get("B"), Some(1), "{scheduler} × {rebuilder}");
        next.run(["C"]).expect("built");
        assert_eq!(next.get("C"), Some(2), "{scheduler} × {rebuilder}");
    });
}

/// Moments of different processes are in order: make takes what was built before a restart for older than what was
/// edited after it.
#[test]
fn the_clock_goes_on_where_the_process_before_stopped() {
    let tape = Tape::default();
    let mut build = system("suspending", "modification-time", two_steps(), &[("A", 1)]).with_journal(tape.clone());
    for a in [1, 2, 3, 2] {
        build.set("A", a).expect("set");
        build.run(["C"]).expect("built");
    }
    let mut next = system("suspending", "modification-time", two_steps(), &[("A", 2)]).with_journal(tape);
    let report = next.run(["C"]).expect("built");
    assert_eq!(common::ran(&next, &report), [""; 0]);
    next.set("A", 1).expect("set");
    next.run(["C"]).expect("built");
    assert_eq!(next.get("C"), Some(2));
}

/// What the tasks of this process say of a key is stronger than what they said in the one before.
#[test]
fn a_task_that_is_taken_away_between_two_processes_is_noticed() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]).with_journal(tape.clone());
        build.run(["C"]).expect("built");
        build.set("B", 40).expect("set");
        let tasks = Rules::new().rule("B", declared(["A"], async |_| Ok(0)));
        let mut tasks = tasks.rule("C", formula(["B"], |[b]| b + 1));
        tasks.remove(&"B");
        let mut next = system(scheduler, rebuilder, tasks, &[("A", 1), ("B", 40)]).with_journal(tape);
        next.run(["C"]).expect("built");
        assert_eq!(next.get("C"), Some(41), "{scheduler} × {rebuilder}");
    });
}

/// A key has no task for the time of one process. That it has one again, and holds what that gives, is told to the journal once.
#[test]
fn a_task_that_has_come_back_is_noticed_once() {
    everywhere(|scheduler, rebuilder| {
        if rebuilder == "perpetual" {
            return;
        }
        for version in [None, Some(1)] {
            let tape = Tape::default();
            let process = |with: bool| {
                let rules = Rules::new().rule("C", formula(["B"], |[b]: [i64; 1]| b + 1));
                let rules = if with { rules.rule("B", formula(["A"], |[a]: [i64; 1]| a)) } else { rules };
                let rules = if let Some(version) = version { rules.with_version(version) } else { rules };
                let mut build = system(scheduler, rebuilder, rules, &[("A", 1)]).with_journal(tape.clone());
                let before = tape.appended();
                let report = build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(2), "{scheduler} × {rebuilder}");
                (report.ran.len(), tape.appended() - before)
            };
            for with in [true, false, true, true] {
                process(with);
            }
            assert_eq!(process(true), (0, 0), "{scheduler} × {rebuilder}, version {version:?}");
        }
    });
}

/// What it holds then stands, by an older trace. That is told, so that another rebuilder knows it.
#[test]
fn a_value_that_stands_when_its_task_has_come_back_is_told() {
    for scheduler in alacarte_schedulers::NAMES {
        let tape = Tape::default();
        let process = |with: bool, rebuilder: &str| {
            let rules = Rules::new().rule("C", formula(["B"], |[b]: [i64; 1]| b + 1));
            let rules = if with { rules.rule("B", formula(["A"], |[a]: [i64; 1]| a)) } else { rules };
            let mut build = system(scheduler, rebuilder, rules, &[("A", 1)]).with_journal(tape.clone());
            build.run(["C"]).expect("built").ran.len()
        };
        for with in [true, false, true] {
            process(with, "constructive-trace");
        }
        assert_eq!(process(true, "dirty-bit"), 0, "{scheduler}");
    }
}
