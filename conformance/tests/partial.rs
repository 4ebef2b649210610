//! Fingerprints of a part: what a key holds is the whole value of its own last run, never one that is merely equal in that
//! part. (Random histories of such values are in `user.rs`.)

mod common;

use std::collections::HashMap;

use alacarte_core::{
    Build, Dynamic, Fetch, Fingerprint, KeyId, Rebuilder, Rules, Running, Scheduler, Store, StoreError, Tasks, Value,
    task,
};
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, RIGHT, Tape};

/// A source, of which everything counts, or an object, of which dependents see the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Source(i64),
    Object { interface: i64, body: i64 },
}

impl Value for Part {
    fn fingerprint(&self) -> Fingerprint {
        match self {
            Part::Source(text) => text.fingerprint(),
            Part::Object { interface, .. } => interface.fingerprint().combine(1_u64.fingerprint()),
        }
    }
}

impl Part {
    /// What a dependent can see.
    fn shown(self) -> i64 {
        match self {
            Part::Source(shown) | Part::Object { interface: shown, .. } => shown,
        }
    }
}

type Fetches<'f> = Fetch<'f, Key, Part>;

/// An object whose interface is a tenth of what its dependency shows, and whose body is all of that.
fn tenth(of: Key, volatile: bool) -> impl AsyncFn(Fetches<'_>) -> alacarte_core::Result<Part> {
    async move |fetch: Fetches<'_>| {
        let body = fetch.get(of).await?.shown();
        if volatile && body % 3 == 0 {
            fetch.volatile();
        }
        Ok(Part::Object { interface: body / 10, body })
    }
}

fn tasks() -> Rules<Key, Part, Dynamic> {
    Rules::new()
        .rule("B", task(tenth("A", false)))
        .rule("C", task(tenth("B", false)))
        .rule("now and then", task(tenth("A", true)))
        .rule(
            "chosen",
            task(async |fetch: Fetches<'_>| {
                let body = match fetch.get("D").await?.shown() % 2 {
                    0 => fetch.get("B").await?.shown(),
                    _ => 100 + fetch.get("A").await?.shown(),
                };
                Ok(Part::Object { interface: body / 10, body })
            }),
        )
}

/// What a key holds by right, from these inputs.
fn truth(key: Key, a: i64, d: i64) -> Part {
    let body = match key {
        "B" | "now and then" => a,
        "C" => a / 10,
        _ if d % 2 == 0 => a / 10,
        _ => 100 + a,
    };
    Part::Object { interface: body / 10, body }
}

type Parts = Build<
    Key,
    Part,
    Rules<Key, Part, Dynamic>,
    Memory<Key, Part>,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<Key, Part>>,
    Tape<Key, Part>,
>;

fn build(scheduler: &str, rebuilder: &str, a: i64, d: i64, tape: &Tape<Key, Part>) -> Parts {
    Build::new(tasks(), Memory::from([("A", Part::Source(a)), ("D", Part::Source(d))]))
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(tape.clone())
}

fn everywhere(mut each: impl FnMut(&str, &str)) {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT {
            each(scheduler, rebuilder);
        }
    }
}

/// What the journal remembers of a value is enough for a new process to know it again, though the fingerprint is of a part.
#[test]
fn a_new_process_knows_again_what_the_one_before_has_built() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        for process in 0..3 {
            let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
            let report = parts.run(["B", "C"]).expect("built");
            let idle = process > 0 && rebuilder != "perpetual";
            assert_eq!(report.ran.is_empty(), idle, "{scheduler} × {rebuilder}, process {process}");
            assert_eq!(parts.get("B"), Some(truth("B", 41, 0)), "{scheduler} × {rebuilder}");
        }
    });
}

/// Edited and edited back: the older trace holds, but what lies there is the value of the newer.
#[test]
fn a_trace_does_not_vouch_for_a_value_that_is_equal_in_a_part() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
        for a in [41, 42, 41, 43, 42, 55, 41, 42] {
            parts.set("A", Part::Source(a)).expect("set");
            parts.run(["B", "C"]).expect("built");
            for key in ["B", "C"] {
                assert_eq!(parts.get(key), Some(truth(key, a, 0)), "{scheduler} × {rebuilder}: {key} of {a}");
            }
        }
        for a in [42, 41, 42] {
            drop(parts);
            parts = build(scheduler, rebuilder, a, 0, &tape);
            parts.run(["B"]).expect("built");
            assert_eq!(parts.get("B"), Some(truth("B", a, 0)), "{scheduler} × {rebuilder}: {a} in a new process");
        }
    });
}

/// An output that somebody wrote is not the one that was built, if only they look alike.
#[test]
fn an_output_that_was_written_over_is_built_again_even_if_its_interface_is_the_same() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
        parts.run(["B"]).expect("built");
        for _ in 0..2 {
            parts.set("B", Part::Object { interface: 4, body: 0 }).expect("set");
            parts.run(["B"]).expect("built");
            assert_eq!(parts.get("B"), Some(truth("B", 41, 0)), "{scheduler} × {rebuilder}");
        }
    });
}

/// An interface that stays is still no reason for dependents to run.
#[test]
fn early_cutoff_goes_by_the_part() {
    everywhere(|scheduler, rebuilder| {
        let mut parts = build(scheduler, rebuilder, 41, 0, &Tape::default());
        parts.run(["C"]).expect("built");
        parts.set("A", Part::Source(42)).expect("set");
        let report = parts.run(["C"]).expect("built");
        let ran = parts.names(&report.ran);
        let cut = !matches!(rebuilder, "deep-constructive-trace" | "perpetual");
        assert!(!cut || ran == ["B"], "{scheduler} × {rebuilder}: {ran:?}");
        let idle = parts.run(["C"]).expect("built");
        assert!(rebuilder == "perpetual" || idle.ran.is_empty(), "{scheduler} × {rebuilder}");
    });
}

/// A store that is written to directly, and keeps what tasks have made.
struct Shelf(HashMap<Key, Part>);

impl Store<Key, Part> for Shelf {
    fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<Part>, StoreError> {
        Ok(self.0.get(key).copied())
    }
}

/// Somebody wrote another object with the same interface there: it is made again.
#[test]
fn an_output_that_looks_alike_in_a_store_that_was_changed_is_built_again() {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT {
            let mut build = Build::new(tasks(), Shelf(HashMap::from([("A", Part::Source(57))])))
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named::<Key, Part>(rebuilder).expect("a rebuilder"));
            build.run(["C"]).expect("built");
            build.store_mut().0.insert("B", Part::Object { interface: 5, body: 50 });
            build.run(["B", "C"]).expect("built");
            assert_eq!(build.get("B"), Some(truth("B", 57, 0)), "{scheduler} × {rebuilder}");
        }
    }
}

/// The task of B was taken away between two processes, and somebody wrote an object there, with another interface or with the same:
/// it is the user's.
#[test]
fn what_a_store_begins_with_is_not_what_the_journal_keeps_of_it() {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT {
            let process = |tape: &Tape<Key, Part>, tasks: Rules<Key, Part, Dynamic>, files: &[(Key, Part)]| {
                let mut build = Build::new(tasks, files.iter().copied().collect::<Memory<_, _>>())
                    .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                    .with_rebuilder(alacarte_rebuilders::named::<Key, Part>(rebuilder).expect("a rebuilder"))
                    .with_journal(tape.clone());
                build.run(["C"]).expect("built");
                (build.get("B"), build.get("C"))
            };
            for interface in [9, 5] {
                let (tape, theirs) = (Tape::default(), Part::Object { interface, body: 0 });
                process(&tape, tasks(), &[("A", Part::Source(57))]);
                let held = process(&tape, Rules::new().rule("C", task(tenth("B", false))), &[("B", theirs)]);
                assert_eq!(held, (Some(theirs), Some(truth("C", 10 * interface, 0))), "{scheduler} × {rebuilder}");
            }
        }
    }
}

/// Tasks of which B has one now and then.
struct Changing {
    rules: Rules<Key, Part, Dynamic>,
    without: bool,
}

impl Tasks<Key, Part> for Changing {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        self.rules.has(key) && !(self.without && *key == "B")
    }
    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, Part>) -> Running<'t, Part> {
        self.rules.run(key, fetch)
    }
    fn definition(&self, _: &Key) -> Option<Fingerprint> {
        Some(Fingerprint(1))
    }
}

/// B was an input for a while, and holds what the user wrote there: the task that it has again did not make that, though it looks alike.
#[test]
fn what_a_user_wrote_while_there_was_no_task_is_not_what_the_task_made() {
    for again in [false, true] {
        everywhere(|scheduler, rebuilder| {
            let tape = Tape::default();
            let process = |without: bool, b: Option<Part>| {
                let files = [("A", Part::Source(41))].into_iter().chain(b.map(|b| ("B", b)));
                Build::new(Changing { rules: tasks(), without }, Shelf(files.collect()))
                    .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                    .with_rebuilder(alacarte_rebuilders::named::<Key, Part>(rebuilder).expect("a rebuilder"))
                    .with_journal(tape.clone())
            };
            let theirs = Part::Object { interface: 4, body: 0 };
            let mut build = process(false, None);
            build.run(["C"]).expect("built");
            if again {
                drop(build);
                build = process(true, Some(theirs));
            } else {
                build.tasks_mut().without = true;
                build.set("B", theirs).expect("set");
            }
            build.run(["C"]).expect("built");
            assert_eq!(build.get("B"), Some(theirs), "{scheduler} × {rebuilder}");
            if again {
                drop(build);
                build = process(false, Some(theirs));
            } else {
                build.tasks_mut().without = false;
            }
            build.run(["B", "C"]).expect("built");
            assert_eq!(build.get("B"), Some(truth("B", 41, 0)), "{scheduler} × {rebuilder}, again: {again}");
        });
    }
}

/// A journal is chosen when this process holds another source than it remembers; the next process, which finds that source, has nothing to do.
#[test]
fn a_journal_is_told_of_a_source_as_the_next_process_finds_it() {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT.into_iter().filter(|rebuilder| *rebuilder != "perpetual") {
            let tape = Tape::default();
            let process = |a: i64| {
                Build::new(tasks(), Memory::from([("A", Part::Source(a))]))
                    .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                    .with_rebuilder(alacarte_rebuilders::named::<Key, Part>(rebuilder).expect("a rebuilder"))
            };
            process(57).with_journal(tape.clone()).run(["C"]).expect("built");
            let mut build = process(0);
            build.set("A", Part::Source(83)).expect("set");
            build.with_journal(tape.clone()).run(["C"]).expect("built");
            let report = process(83).with_journal(tape).run(["C"]).expect("built");
            assert!(report.ran.is_empty(), "{scheduler} × {rebuilder}: {:?}", report.ran);
        }
    }
}
