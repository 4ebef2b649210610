//! What a report counts, to the number: where nothing happened nothing is looked at, and an edit costs what it affects.

mod common;

use alacarte_core::{
    Answer, Build, Decision, Fetch, KeyId, Metadata, Question, Rebuilder, Report, Rules, Schedules, Suspects,
};
use alacarte_core::{Static, declared, formula, task};
use alacarte_metadata::DirtyBits;
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::{BottomUp, Restarting, Suspending, Topological};
use alacarte_stores::Memory;
use common::{Key, RIGHT, observed, ran, system};
use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

/// Two chains of two: B and C above A, E and F above D.
fn chains() -> Rules<Key, i64> {
    Rules::new()
        .rule("B", formula(["A"], |[a]: [i64; 1]| a.min(9)))
        .rule("C", formula(["B"], |[b]| b + 1))
        .rule("E", formula(["D"], |[d]| d + 1))
        .rule("F", formula(["E"], |[e]| e + 1))
}

const INPUTS: [(Key, i64); 2] = [("A", 1), ("D", 2)];

/// (ran, kept, restored, fetches)
fn looks(report: &Report) -> (usize, u64, usize, u64) {
    (report.ran.len(), report.kept, report.restored.len(), report.fetches)
}

#[test]
fn a_build_that_finds_nothing_to_do_looks_at_nothing() {
    for scheduler in alacarte_schedulers::NAMES {
        for rebuilder in RIGHT.into_iter().chain(["modification-time"]).filter(|&name| name != "perpetual") {
            let mut build = system(scheduler, rebuilder, chains(), &INPUTS);
            build.run(["C", "F"]).expect("built");
            for targets in [&["C", "F"][..], &["F", "C"], &["C"]] {
                assert_eq!(looks(&build.run(targets).expect("built")), (0, 0, 0, 0), "{scheduler} × {rebuilder}");
            }
            build.set("A", 5).expect("set");
            assert_eq!(build.run(["F", "C"]).expect("built").ran.len(), 2, "{scheduler} × {rebuilder}");
            assert_eq!(looks(&build.run(["F", "C"]).expect("built")), (0, 0, 0, 0), "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn a_task_that_is_run_in_every_build_is_run_in_every_build() {
    for scheduler in alacarte_schedulers::NAMES {
        let mut build = system(scheduler, "perpetual", chains(), &INPUTS);
        for _ in 0..3 {
            let report = build.run(["C", "F"]).expect("built");
            assert_eq!((report.ran.len(), report.kept), (4, 0), "{scheduler}");
        }
    }
}

/// One link of the one chain is looked at, and found to be as it was; of the other chain nothing is.
#[test]
fn with_dirty_bits_in_topological_order_an_edit_costs_what_it_affects() {
    let mut build = system("topological", "dirty-bit", chains(), &INPUTS);
    build.run(["C", "F"]).expect("built");
    for (value, expected) in [(10, (2, 0, 0, 2)), (11, (1, 0, 0, 1)), (12, (1, 0, 0, 1)), (3, (2, 0, 0, 2))] {
        build.set("A", value).expect("set");
        assert_eq!(looks(&build.run(["C", "F"]).expect("built")), expected, "A = {value}");
    }
    // So too where an output was lost, or its task replaced.
    build.remove("E").expect("removed");
    assert_eq!(looks(&build.run(["C", "F"]).expect("built")), (1, 0, 0, 1));
    build.tasks_mut().set("E", formula(["D"], |[d]| d + 2));
    assert_eq!(build.run(["C", "F"]).expect("built").ran.len(), 2);
}

/// That nothing has happened is no reason to forget the order: the next edit is followed as before.
#[test]
fn a_topological_order_outlives_builds_that_find_nothing_to_do() {
    let mut build = system("topological", "dirty-bit", chains(), &INPUTS);
    build.run(["C", "F"]).expect("built");
    // A part of it has an order of its own, made although nothing is left to do.
    for _ in 0..2 {
        build.run(["F"]).expect("built");
    }
    build.set("D", 7).expect("set");
    assert_eq!(looks(&build.run(["F"]).expect("built")), (2, 0, 0, 2));
}

/// Suspects are followed to whatever targets the last build had, even if there was nothing to do for them.
#[test]
fn targets_that_are_up_to_date_already_are_targets_all_the_same() {
    for scheduler in ["topological", "bottom-up"] {
        let mut build = system(scheduler, "dirty-bit", chains(), &INPUTS);
        build.set("A", 10).expect("set");
        build.run(["C", "F"]).expect("built");
        assert_eq!(looks(&build.run(["C"]).expect("built")), (0, 0, 0, 0), "{scheduler}");
        build.set("A", 11).expect("set");
        assert_eq!(looks(&build.run(["C"]).expect("built")), (1, 0, 0, 1), "{scheduler}");
    }
}

#[test]
fn without_suspects_all_that_the_targets_reach_is_asked_about() {
    for (scheduler, rebuilder) in [("topological", "verifying-trace"), ("suspending", "step-trace")] {
        let mut build = system(scheduler, rebuilder, chains(), &INPUTS);
        build.run(["C", "F"]).expect("built");
        build.set("A", 10).expect("set");
        build.run(["C", "F"]).expect("built");
        build.set("A", 11).expect("set");
        let report = build.run(["C", "F"]).expect("built");
        assert_eq!((report.ran.len(), report.kept), (1, 3), "{scheduler} × {rebuilder}");
    }
}

/// A rebuilder may know its suspects; a scheduler that does not follow them goes down from the targets, to whatever is there.
#[test]
fn a_scheduler_that_does_not_follow_suspects_asks_about_what_the_targets_reach() {
    fn kept<S: Schedules<Static>>(scheduler: S) -> u64 {
        let mut build = Build::new(chains(), Memory::from(INPUTS)).with_scheduler(scheduler).with_rebuilder(DirtyBit);
        build.set("A", 10).expect("set");
        build.run(["C", "F"]).expect("built");
        build.set("A", 11).expect("set");
        let report = build.run(["C", "F"]).expect("built");
        assert_eq!(report.ran.len(), 1);
        report.kept
    }
    // C and F stand.
    assert_eq!((kept(Restarting::new()), kept(Suspending::new())), (2, 2));
    assert_eq!((kept(Topological::new()), kept(BottomUp::new())), (0, 0), "both follow the one that is affected");
}

#[test]
fn restored_and_kept_keys_are_counted() {
    for scheduler in alacarte_schedulers::NAMES {
        let mut build = system(scheduler, "constructive-trace", chains(), &INPUTS);
        build.run(["C", "F"]).expect("built");
        build.set("A", 5).expect("set");
        build.run(["C", "F"]).expect("built");
        build.set("A", 1).expect("set");
        let report = build.run(["C", "F"]).expect("built");
        assert_eq!((report.ran.len(), report.kept, report.restored.len()), (0, 2, 2), "{scheduler}");
        // An older trace that gave the very value which is there is no news.
        let mut build = system(scheduler, "verifying-trace", chains(), &INPUTS);
        for (a, expected) in [(10, (4, 0, 0)), (11, (1, 3, 0)), (10, (0, 4, 0))] {
            build.set("A", a).expect("set");
            let report = build.run(["C", "F"]).expect("built");
            assert_eq!((report.ran.len(), report.kept, report.restored.len()), expected, "{scheduler}");
        }
    }
}

/// Each key of a chain waits for the next: as many futures are kept as the chain has links above its last.
#[test]
fn futures_that_wait_for_keys_are_counted_while_they_wait() {
    let link = |below: Key| task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.get(below).await? + 1));
    let tasks = || {
        let one = Rules::new().rule("B", link("A")).rule("C", link("B")).rule("D", link("C")).rule("E", link("D"));
        one.rule("G", link("A")).rule("H", link("G")).rule("I", link("H"))
    };
    let mut build = system("suspending", "verifying-trace", tasks(), &[("A", 0)]);
    let report = build.run(["E", "I"]).expect("built");
    assert_eq!((report.suspended, report.restarts, report.fetches), (3, 0, 7));
    let mut build = system("restarting", "verifying-trace", tasks(), &[("A", 0)]);
    let report = build.run(["E", "I"]).expect("built");
    assert_eq!((report.suspended, report.restarts, report.fetches), (0, 5, 12));
    // The chain that was carried from the build before starts each key when its turn has come.
    build.set("A", 1).expect("set");
    assert_eq!(build.run(["E", "I"]).expect("built").restarts, 0);
}

/// Keys that merely stand are no discovery: the task that fetched them goes on. One that must run is.
#[test]
fn a_restart_is_owed_to_a_key_that_must_run_and_to_no_other() {
    for rebuilder in RIGHT.into_iter().filter(|&name| name != "perpetual") {
        let wide = task(async |fetch: Fetch<'_, Key, i64>| {
            let g = fetch.get("G").await?;
            Ok(g + fetch.get("C").await? + fetch.get("F").await?)
        });
        let tasks = chains().rule("wide", wide);
        let mut build = system("restarting", rebuilder, tasks, &[("A", 1), ("D", 2), ("G", 3)]);
        build.run(["C", "F"]).expect("built");
        assert_eq!(build.run(["wide"]).expect("built").restarts, 0, "{rebuilder}");
        build.set("G", 4).expect("set");
        let report = build.run(["wide"]).expect("built");
        assert_eq!((report.restarts, ran(&build, &report)), (0, vec!["wide"]), "{rebuilder}");
        build.set("G", 5).expect("set");
        build.set("D", 6).expect("set");
        let report = build.run(["wide"]).expect("built");
        assert!((1..=2).contains(&report.restarts), "{rebuilder}: {} restarts", report.restarts);
        assert_eq!((build.get("wide"), ran(&build, &report)), (Some(15), vec!["E", "F", "wide"]), "{rebuilder}");
    }
}

#[test]
fn every_fetch_is_counted_be_it_single_or_in_a_group() {
    let tasks = Rules::new()
        .rule("group", task(async |fetch| Ok(fetch.all(["A", "D", "A"]).await?.iter().sum())))
        .rule("twice", task(async |fetch| Ok(fetch.get("A").await? + fetch.get("A").await?)));
    let mut build = system("suspending", "verifying-trace", tasks, &INPUTS);
    assert_eq!(build.run(["group"]).expect("built").fetches, 3);
    assert_eq!(build.run(["twice"]).expect("built").fetches, 2);
    // The trace names each key once.
    for value in [7, 1] {
        build.set("A", value).expect("set");
    }
    assert_eq!(build.run(["twice"]).expect("built").fetches, 1);
}

/// An input that was touched and holds what it held is looked at by those who go by times, and by nobody else.
#[test]
fn a_touched_input_is_a_change_only_to_a_rebuilder_that_heeds_touches() {
    for scheduler in ["topological", "restarting", "suspending", "bottom-up"] {
        for rebuilder in RIGHT.into_iter().chain(["modification-time"]).filter(|name| *name != "perpetual") {
            let (mut build, seen) = observed(system(scheduler, rebuilder, chains(), &INPUTS));
            build.run(["C", "F"]).expect("built");
            seen.take();
            assert!(build.touch("A").expect("touched"));
            let report = build.run(["C", "F"]).expect("built");
            let heeds = rebuilder == "modification-time";
            assert_eq!(ran(&build, &report), if heeds { &["B", "C"][..] } else { &[] }, "{scheduler} × {rebuilder}");
            assert_eq!(seen.take().is_empty(), !heeds, "{scheduler} × {rebuilder}");
            // A touch hides no change: neither one that came with it nor one that comes after it.
            build.set("A", 3).expect("set");
            build.touch("A").expect("touched");
            build.run(["C", "F"]).expect("built");
            assert_eq!((build.get("C"), build.get("F")), (Some(4), Some(4)), "{scheduler} × {rebuilder}");
            build.touch("A").expect("touched");
            build.set("D", 5).expect("set");
            build.run(["C", "F"]).expect("built");
            assert_eq!((build.get("C"), build.get("F")), (Some(4), Some(7)), "{scheduler} × {rebuilder}");
            // An output that was touched is no longer known to be what was built.
            build.touch("B").expect("touched");
            seen.take();
            build.run(["C", "F"]).expect("built");
            assert!(!seen.take().is_empty() && build.get("C") == Some(4), "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn an_observer_is_told_of_every_decision_as_it_is_made() {
    let tasks = Rules::new()
        .rule("B", task(async |fetch: Fetch<'_, Key, i64>| Ok(fetch.get("A").await?.min(9))))
        .rule("C", task(async |fetch| fetch.get("B").await));
    let (mut build, seen) = observed(system("restarting", "dirty-bit", tasks, &INPUTS));
    let told = |build: &mut common::System<_>, a: i64| {
        build.set("A", a).expect("set");
        let failed = build.run(["C"]).is_err();
        let told: Vec<String> = seen.borrow_mut().drain(..).map(|(key, said)| format!("{key} {said:?}")).collect();
        (failed, told.join(", "))
    };
    let (_, first) = told(&mut build, 10);
    let b = build.intern("B");
    assert_eq!(
        first,
        format!(
            "C Started(NeverBuilt), C Restarted({b:?}), B Started(NeverBuilt), B Ran {{ changed: true }}, \
             C Started(NeverBuilt), C Ran {{ changed: true }}"
        )
    );
    assert_eq!(told(&mut build, 11).1, "B Started(Dirty), B Ran { changed: false }, C Kept");
    assert_eq!(told(&mut build, 11).1, "");
}

/// A build of other targets that fails leaves keys that were never built; the next one must not look at suspects only.
#[test]
fn a_first_build_of_new_targets_that_fails_does_not_count() {
    for rebuilder in ["dirty-bit", "verifying-trace"] {
        let mut build = system("topological", rebuilder, chains(), &[("A", 1)]);
        build.run(["C"]).expect("built");
        build.run(["F"]).expect_err("D is missing");
        build.set("D", 2).expect("set");
        build.run(["F"]).expect("built");
        assert_eq!(build.get("F"), Some(4), "{rebuilder}");
    }
}

#[test]
fn a_volatile_key_runs_in_every_build_in_topological_order_too() {
    for rebuilder in RIGHT {
        let clock = Rc::new(Cell::new(0));
        let now = clock.clone();
        let tick = async move |fetch: Fetch<'_, Key, i64>| {
            fetch.volatile();
            Ok(now.get())
        };
        let tasks = Rules::new()
            .rule("clock", declared([] as [Key; 0], tick))
            .rule("tens", formula(["clock"], |[time]| time / 10))
            .rule("C", formula(["tens", "A"], |[tens, a]| tens + a));
        let mut build = system("topological", rebuilder, tasks, &INPUTS);
        for (time, expected) in [(0, vec!["C", "clock", "tens"]), (0, vec!["clock"]), (5, vec!["clock", "tens"])] {
            clock.set(time);
            let report = build.run(["C"]).expect("built");
            let deep = rebuilder == "deep-constructive-trace" && time == 5;
            let expected = if rebuilder == "perpetual" || deep { vec!["C", "clock", "tens"] } else { expected };
            assert_eq!(ran(&build, &report), expected, "{rebuilder} at {time}");
            assert_eq!(build.get("C"), Some(1));
        }
        clock.set(30);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(4), "{rebuilder}");
    }
}

/// Dirty bits that count how often they are asked, may trust nothing, and do not tell what was fetched in which order.
#[derive(Clone)]
struct Doubting {
    asked: Rc<Cell<usize>>,
    trusts: bool,
}

impl Rebuilder<Key, i64> for Doubting {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
    }

    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        self.asked.set(self.asked.get() + 1);
        DirtyBit.ask(question, metadata)
    }

    fn skips_unchanged_builds(&self) -> bool {
        self.trusts
    }

    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        Rebuilder::<Key, i64>::suspects(&DirtyBit, metadata)
    }

    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        Rebuilder::<Key, i64>::dependents(&DirtyBit, key, metadata, each);
    }
}

#[test]
fn a_rebuilder_that_does_not_trust_silence_is_asked_about_every_key_in_every_build() {
    let asked = Rc::new(Cell::new(0));
    let mut build = Build::new(chains(), INPUTS.into_iter().collect::<Memory<_, _>>())
        .with_scheduler(Topological::new())
        .with_rebuilder(Doubting { asked: asked.clone(), trusts: false });
    for a in [1, 1, 5, 5] {
        build.set("A", a).expect("set");
        asked.set(0);
        build.run(["C", "F"]).expect("built");
        assert_eq!(asked.get(), 4);
    }
}

/// Two suspects, of which one changes: bottom-up asks about what lies above both where nobody says which goes first.
#[test]
fn a_rebuilder_that_does_not_tell_the_order_of_fetches_is_asked_about_more_keys() {
    let asked = Rc::new(Cell::new(0));
    let mut build = Build::new(chains().rule("top", formula(["C", "F"], |[c, f]| c * 100 + f)), Memory::from(INPUTS))
        .with_scheduler(BottomUp::new())
        .with_rebuilder(Doubting { asked: asked.clone(), trusts: true });
    for (a, d, expected, times) in
        [(10, 2, 1004, 5), (11, 3, 1005, 8), (12, 3, 1005, 1), (5, 3, 605, 3), (4, 1, 503, 8)]
    {
        build.set("A", a).expect("set");
        build.set("D", d).expect("set");
        asked.set(0);
        build.run(["top"]).expect("built");
        assert_eq!((build.get("top"), asked.get()), (Some(expected), times), "A = {a}, D = {d}");
    }
}

/// Bottom-up, a key stands unseen where all that it fetched comes out as it was, be it fetched at once or in turn.
#[test]
fn from_the_bottom_up_what_stands_is_not_looked_at() {
    let in_turn = task(async |fetch: Fetch<'_, Key, i64>| {
        let c = fetch.get("C").await?;
        Ok(c + fetch.get("F").await?)
    });
    let tasks = chains().rule("at once", formula(["C", "F"], |[c, f]| c + f)).rule("in turn", in_turn);
    let mut build = system("bottom-up", "dirty-bit", tasks, &INPUTS);
    build.set("A", 10).expect("set");
    for target in ["at once", "in turn"] {
        build.run([target]).expect("built");
        build.set("A", build.get("A").map_or(0, |a| a + 1)).expect("set");
        build.set("E", 99).expect("set");
        let report = build.run([target]).expect("built");
        assert_eq!((looks(&report), ran(&build, &report)), ((2, 0, 0, 2), vec!["B", "E"]), "{target}");
        assert_eq!(build.get(target), Some(14), "{target}");
    }
}

#[test]
fn a_decision_says_what_failed() {
    let tasks = Rules::new().rule("B", formula(["A"], |[a]| a));
    let (mut build, seen) = observed(system("suspending", "dirty-bit", tasks, &[]));
    build.run(["B"]).expect_err("A is missing");
    let told = seen.borrow();
    assert!(matches!(&told[..], [("B", Decision::Started(_)), ("B", Decision::Failed(_))]), "{told:?}");
}

/// Bottom-up, all that a change does not reach is known to stand: what is started without waiting is not looked at either.
#[test]
fn from_the_bottom_up_detached_work_that_stands_is_not_looked_at() {
    let top = async |fetch: Fetch<'_, Key, i64>| {
        fetch.detach("C");
        fetch.get("F").await
    };
    let mut build = system("bottom-up", "dirty-bit", chains().rule("top", task(top)), &INPUTS);
    build.run(["top"]).expect("built");
    build.set("D", 7).expect("set");
    let report = build.run(["top"]).expect("built");
    assert_eq!((ran(&build, &report), report.kept), (vec!["E", "F", "top"], 0));
}

/// What is detached makes nothing stale that the build has just looked at.
#[test]
fn detached_work_is_no_reason_to_look_again() {
    for scheduler in ["restarting", "suspending", "bottom-up"] {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            let b = fetch.get("B").await?;
            fetch.detach("C");
            Ok(b)
        };
        let mut build = system(scheduler, "dirty-bit", chains().rule("top", task(top)), &INPUTS);
        let report = build.run(["top"]).expect("built");
        assert_eq!((ran(&build, &report), report.kept), (vec!["B", "C", "top"], 0), "{scheduler}");
    }
}

/// Where no order leads to what is detached, what has no place in the order is looked at anew, and nothing else.
#[test]
fn detached_work_off_the_order_leaves_the_order_alone() {
    let top = async |fetch: Fetch<'_, Key, i64>| {
        let a = fetch.get("A").await?;
        if a > 9 {
            fetch.detach("C");
        }
        Ok(a)
    };
    let tasks = chains().rule("top", declared(["A"], top)).rule("sum", formula(["F", "A"], |[f, a]| f + a));
    let mut build = system("topological", "dirty-bit", tasks, &INPUTS);
    build.run(["top", "sum"]).expect("built");
    for (a, expected, kept) in [(10, vec!["B", "C", "sum", "top"], 0), (11, vec!["B", "sum", "top"], 1)] {
        build.set("A", a).expect("set");
        let report = build.run(["top", "sum"]).expect("built");
        assert_eq!((ran(&build, &report), report.kept), (expected, kept), "A = {a}");
    }
}
