//! Bottom-up: a build costs what the change affects, starts nothing that is not needed, and is right all the same.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use alacarte_conformance::{Broken, Combination, Declares, Setup, Style, Trial, explore, judge, menu, perform};
use alacarte_core::{Build, Decision, Dynamic, Fetch, Rules, Running, Static, Tasks, formula, task};
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::BottomUp;
use alacarte_stores::Memory;
use common::{Key, system};

/// Histories in which nothing keeps suspects from being followed where the targets stay the same.
fn steady() -> Style {
    Style::plain().with_overwrites(true).with_missing(true).with_failing(true).with_steps(40)
}

/// Twice as many cases as elsewhere: many a build goes from the targets down.
fn holds<P: Declares>(style: Style, combinations: &[Combination<'_>]) {
    let trial = Trial::default();
    let trial = trial.with_style(style).with_cases(2 * trial.cases);
    if let Err(Broken { counterexample, seed, .. }) = judge::<P, _, _>(trial, combinations) {
        panic!("seed {seed}:\n{counterexample}");
    }
}

#[test]
fn every_law_holds_where_suspects_are_followed() {
    holds::<Dynamic>(steady(), &[menu("bottom-up", "dirty-bit")]);
}

#[test]
fn every_law_holds_where_suspects_of_static_tasks_are_followed() {
    holds::<Static>(steady(), &[menu("bottom-up", "dirty-bit")]);
}

/// Both know the same dirty bits, so they have the same to do, whichever end they begin at.
#[test]
fn bottom_up_runs_what_suspending_runs() {
    let one = [menu("bottom-up", "dirty-bit")];
    let other = [menu("suspending", "dirty-bit")];
    // Of a build that fails, both leave open what they had not come to.
    let style = steady().with_missing(false).with_failing(false).with_circles(false);
    let same = explore(Trial::default().with_style(style), |scenario| {
        let mine = perform::<Dynamic, _, _>(scenario, &one, Setup::default())?;
        let theirs = perform::<Dynamic, _, _>(scenario, &other, Setup::default())?;
        assert_eq!(mine, theirs);
        Ok(())
    });
    same.expect("the same");
}

#[test]
fn bottom_up_takes_over_from_top_down_and_back() {
    let schedulers = ["bottom-up", "suspending", "restarting"];
    let rebuilders = ["dirty-bit", "constructive-trace"];
    let pairs = rebuilders.into_iter().flat_map(|rebuilder| schedulers.map(|scheduler| menu(scheduler, rebuilder)));
    let combinations: Vec<_> = pairs.collect();
    let style = Style::everything().with_detached(false).with_races(false).with_circles(false).with_steps(40);
    let style = style.with_combinations(combinations.len());
    holds::<Dynamic>(style, &combinations);
}

const WIDTH: u32 = 50;

/// Rows of 50: each key adds three of the row below, and those of the second row come out as 0 or 1.
struct Rows;

impl Tasks<u32, i64> for Rows {
    type Power = Dynamic;

    fn has(&self, key: &u32) -> bool {
        *key >= WIDTH
    }

    fn run<'t>(&'t self, key: &u32, fetch: Fetch<'t, u32, i64>) -> Running<'t, i64> {
        let (row, column) = (key / WIDTH, key % WIDTH);
        Running::Future(Box::pin(async move {
            let mut sum = 0;
            for step in [1, 7, 23] {
                sum += fetch.get((row - 1) * WIDTH + (column + step) % WIDTH).await?;
            }
            Ok(if row == 2 { sum.signum() } else { sum % 1000 })
        }))
    }
}

/// What a build of the last row did after one input had been edited: tasks run, keys decided upon, fetches.
fn one_edit(scheduler: &str, keys: u32) -> (usize, usize, u64) {
    let decisions = Rc::new(Cell::new(0));
    let count = decisions.clone();
    let mut build = Build::new(Rows, (0..WIDTH).map(|key| (key, 1)).collect::<Memory<_, _>>())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named("dirty-bit").expect("a rebuilder"))
        .with_observer(move |_, _, decision| {
            count.set(count.get() + usize::from(matches!(decision, Decision::Kept | Decision::Ran { .. })));
        });
    let targets: Vec<u32> = (keys - WIDTH..keys).collect();
    build.run(&targets).expect("built");
    build.set(3, 2).expect("set");
    decisions.set(0);
    let report = build.run(&targets).expect("built");
    (report.ran.len(), decisions.get(), report.fetches)
}

#[test]
fn a_build_costs_what_the_change_affects_and_not_the_size_of_the_project() {
    // Three keys change; the six that depend on these run, and come out as they were.
    let affected = (9, 9, 27);
    for keys in [1_000, 100_000] {
        assert_eq!(one_edit("bottom-up", keys), affected);
    }
    let (ran, decided, _) = one_edit("suspending", 10_000);
    assert_eq!(ran, affected.0);
    assert!(decided > 4_000, "from the targets down, whatever lies above the change is asked about: {decided}");
}

/// What another change made superfluous is not run, though it changed too.
#[test]
fn a_key_that_is_no_longer_needed_is_not_run() {
    for (from, to) in [(1, 0), (0, 1)] {
        let tasks = Rules::new()
            .rule("switch", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("which").await))
            .rule("one", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("A").await))
            .rule("above", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("one").await))
            .rule(
                "top",
                task(async |fetch: Fetch<'_, Key, i64>| match fetch.get("switch").await? {
                    0 => Ok(0),
                    _ => fetch.get("above").await,
                }),
            );
        let mut build = system("bottom-up", "dirty-bit", tasks, &[("which", 1), ("A", 1)]);
        build.run(["top"]).expect("built");
        build.set("which", from).expect("set");
        build.run(["top"]).expect("built");
        build.set("which", to).expect("set");
        build.remove("A").expect("removed");
        let outcome = build.run(["top"]);
        assert_eq!(outcome.is_ok(), to == 0, "`one` cannot be built, which matters only if it is needed");
        if let Ok(report) = outcome {
            assert_eq!(common::ran(&build, &report), ["switch", "top"]);
        }
    }
}

/// Tasks that must precede others although nobody fetches them.
struct Preceded;

impl Tasks<Key, i64> for Preceded {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        ["generated", "object", "program"].contains(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        let of = match *key {
            "generated" => "template",
            "object" => "source",
            _ => "object",
        };
        Running::Future(Box::pin(async move { fetch.get(of).await }))
    }

    fn order_only(&self, key: &Key, each: &mut dyn FnMut(&Key)) {
        if *key == "object" {
            each(&"generated");
        }
    }
}

#[test]
fn what_must_precede_a_key_is_brought_up_to_date_although_the_key_stands() {
    let mut build = system("bottom-up", "dirty-bit", Preceded, &[("template", 1), ("source", 1)]);
    build.run(["program"]).expect("built");
    build.set("template", 2).expect("set");
    let report = build.run(["program"]).expect("built");
    assert_eq!(common::ran(&build, &report), ["generated"]);
    build.set("template", 3).expect("set");
    build.set("source", 3).expect("set");
    let report = build.run(["program"]).expect("built");
    assert_eq!(build.names(&report.ran), ["generated", "object", "program"]);
}

/// "late" must come after "generated", and fetches no more than three of the source.
struct Late;

impl Tasks<Key, i64> for Late {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        ["generated", "capped", "late"].contains(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        let (of, most) = match *key {
            "generated" => ("template", 99),
            "capped" => ("source", 3),
            _ => ("capped", 99),
        };
        Running::Future(Box::pin(async move { Ok(fetch.get(of).await?.min(most)) }))
    }

    fn order_only(&self, key: &Key, each: &mut dyn FnMut(&Key)) {
        if *key == "late" {
            each(&"generated");
        }
    }
}

/// What precedes it has changed, what it fetches has not: nobody asks about the key itself.
#[test]
fn a_key_stands_unseen_though_what_must_precede_it_is_made_anew() {
    let mut build = system("bottom-up", "dirty-bit", Late, &[("template", 1), ("source", 4)]);
    build.run(["late"]).expect("built");
    build.set("template", 2).expect("set");
    build.set("source", 5).expect("set");
    let report = build.run(["late"]).expect("built");
    assert_eq!((common::ran(&build, &report), report.kept), (vec!["capped", "generated"], 0));
}

/// A failure elsewhere is no reason to ask about a key below which all has a value.
#[test]
fn a_key_stands_unseen_though_another_target_fails() {
    let tasks = Rules::new()
        .rule("bad", formula(["x"], |[x]: [i64; 1]| x))
        .rule("capped", formula(["y"], |[y]: [i64; 1]| y.min(3)))
        .rule("good", formula(["capped"], |[capped]| capped));
    let mut build = system("bottom-up", "dirty-bit", tasks, &[("x", 1), ("y", 4)]).with_keep_going(true);
    build.run(["bad", "good"]).expect("built");
    build.remove("x").expect("removed");
    build.set("y", 5).expect("set");
    let error = build.run(["bad", "good"]).expect_err("x is gone");
    assert_eq!((common::ran(&build, &error.report), error.report.kept), (vec!["capped"], 0));
}

/// A key counted as settled because what it had fetched was settled: as a failure.
#[test]
fn whatever_lies_above_a_failure_fails_too() {
    let get = |key: Key| task(async move |fetch: Fetch<'_, Key, i64>| fetch.get(key).await);
    let both = task(async |fetch: Fetch<'_, Key, i64>| {
        let sum = fetch.all(["low", "middle"]).await;
        let high = fetch.get("high").await?;
        Ok(sum?.into_iter().sum::<i64>() + high)
    });
    let tasks =
        Rules::new().rule("low", get("A")).rule("middle", get("low")).rule("high", get("middle")).rule("top", both);
    let mut build = system("bottom-up", "dirty-bit", tasks, &[("A", 0)]).with_keep_going(true);
    build.run(["top"]).expect("built");
    build.remove("A").expect("removed");
    let error = build.run(["top"]).expect_err("A is gone");
    let mut failed: Vec<&str> = error.failures.iter().filter_map(|failure| failure.key).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["high", "low", "middle", "top"]);
}

/// A new fetch closes a circle with a key that had been up to date.
#[test]
fn a_circle_that_a_new_fetch_closes_is_found() {
    let tasks = Rules::new()
        .rule(
            "low",
            task(async |fetch: Fetch<'_, Key, i64>| match fetch.get("A").await? {
                0 => Ok(0),
                _ => fetch.get("high").await,
            }),
        )
        .rule("middle", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("low").await))
        .rule("high", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("middle").await));
    let mut build =
        Build::new(tasks, Memory::from([("A", 0)])).with_scheduler(BottomUp::new()).with_rebuilder(DirtyBit);
    build.run(["high"]).expect("built");
    build.set("A", 1).expect("set");
    let error = build.run(["high"]).expect_err("a circle");
    assert!(error.to_string().contains("a cycle: high → middle → low → high"), "{error}");
    build.set("A", 0).expect("set");
    build.run(["high"]).expect("built");
    assert_eq!(build.get("high"), Some(0));
}
