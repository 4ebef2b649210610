//! Fixed cases: those that the theory of build systems has found worth keeping, and its rules 1 to 7 but the fourth, which is
//! in `defects.rs` (see `paper-notes/rules.md`).

mod common;

use alacarte_core::{Cause, Dynamic, Fetch, Result, Rules, TaskError, declared, formula, task};
use common::{Key, everywhere, everywhere_dynamic, observed, ran, system};

/// C1 = if A1 = 0 then C2 else A2; C2 = if A1 = 0 then A3 else C1.
#[test]
fn a_sheet_may_be_cyclic_in_writing_if_no_evaluation_is() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let either = |zero: Key, other: Key| {
            task(async move |fetch: Fetch<'_, Key, i64>| {
                fetch.get(if fetch.get("A1").await? == 0 { zero } else { other }).await
            })
        };
        let tasks = Rules::new().rule("C1", either("C2", "A2")).rule("C2", either("A3", "C1"));
        let mut build = system(scheduler, rebuilder, tasks, &[("A1", 0), ("A2", 20), ("A3", 30)]);
        for (a1, expected) in [(0, 30), (1, 20), (0, 30), (2, 20)] {
            build.set("A1", a1).expect("set");
            build.run(["C1", "C2"]).expect("no cycle");
            assert_eq!(
                (build.get("C1"), build.get("C2")),
                (Some(expected), Some(expected)),
                "{scheduler} × {rebuilder}"
            );
        }
    });
}

fn two_steps() -> Rules<Key, i64> {
    Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B"], |[b]| b + 1))
}

/// With several traces a key, an edit that is reverted before anything was built runs nothing; one that was
/// built and is then reverted runs nothing where values are kept.
#[test]
fn a_reverted_edit() {
    for scheduler in alacarte_schedulers::NAMES {
        for (rebuilder, before, after) in [
            ("verifying-trace", vec![], vec!["B", "C"]),
            ("constructive-trace", vec![], vec![]),
            ("deep-constructive-trace", vec![], vec![]),
            ("dirty-bit", vec!["B"], vec!["B", "C"]),
        ] {
            let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]);
            build.run(["C"]).expect("built");
            build.set("A", 2).expect("set");
            build.set("A", 1).expect("set");
            let report = build.run(["C"]).expect("built");
            assert_eq!(ran(&build, &report), before, "{scheduler} × {rebuilder}");
            build.set("A", 2).expect("set");
            build.run(["C"]).expect("built");
            build.set("A", 1).expect("set");
            let report = build.run(["C"]).expect("built");
            assert_eq!(ran(&build, &report), after, "{scheduler} × {rebuilder}");
            assert_eq!(build.get("C"), Some(3));
        }
    }
}

/// Claim 2 of THEORY: edit, build a part, revert, build all: verifying traces skip what step traces rebuild.
#[test]
fn a_partial_build_between_edit_and_revert_tells_step_traces_from_verifying_ones() {
    for (rebuilder, expected) in [("verifying-trace", vec!["B"]), ("step-trace", vec!["B", "C"])] {
        let mut build = system("suspending", rebuilder, two_steps(), &[("A", 1)]);
        build.run(["C"]).expect("built");
        build.set("A", 2).expect("set");
        build.run(["B"]).expect("built");
        build.set("A", 1).expect("set");
        let report = build.run(["C"]).expect("built");
        assert_eq!(ran(&build, &report), expected, "{rebuilder}");
    }
}

/// THEORY, rule 5, and the paper's "since the last build": what a partial build has not looked at is still out of date.
#[test]
fn a_partial_target_and_then_the_full_one() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("left", formula(["A"], |[a]| a + 1))
            .rule("right", formula(["A"], |[a]| a + 2))
            .rule("top", formula(["left", "right"], |[l, r]| l * r));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 1), ("other", 0)]);
        build.run(["top"]).expect("built");
        build.run(["other"]).expect("built");
        build.set("A", 2).expect("set");
        for targets in [&["other"][..], &["left"], &["left"], &["top"]] {
            build.run(targets).expect("built");
        }
        assert_eq!(build.get("top"), Some(12), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn an_edge_that_flips() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("a", formula(["x"], |[x]| x)).rule("b", formula(["y"], |[y]| y)).rule(
            "top",
            declared(["switch", "a", "b"], async |fetch| {
                fetch.get(if fetch.get("switch").await? == 0 { "a" } else { "b" }).await
            }),
        );
        let mut build = system(scheduler, rebuilder, tasks, &[("switch", 0), ("x", 1), ("y", 2)]);
        for (key, value, expected) in
            [("x", 1, 1), ("switch", 1, 2), ("x", 5, 2), ("y", 3, 3), ("switch", 0, 5), ("y", 9, 5), ("x", 6, 6)]
        {
            build.set(key, value).expect("set");
            let report = build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(expected), "{scheduler} × {rebuilder}: {key} := {value}");
            // An edit of what is not taken is nothing to the top.
            let idle = matches!((key, value), ("x", 5) | ("y", 9)) && rebuilder != "perpetual";
            assert!(!idle || !ran(&build, &report).contains(&"top"), "{scheduler} × {rebuilder}");
        }
    });
}

/// THEORY, rule 7: a task is an input of its own. Closures cannot be compared: the first that is replaced, too,
/// is noticed.
#[test]
fn a_changed_formula() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]);
        for factor in 1..4 {
            build.run(["C"]).expect("built");
            build.tasks_mut().set("B", formula(["A"], move |[a]| a + factor * 10));
            let report = build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(2 + factor * 10), "{scheduler} × {rebuilder}");
            assert_eq!(ran(&build, &report), ["B", "C"]);
        }
    });
}

/// A key whose task is taken away is an input, whatever somebody wrote over it before.
#[test]
fn an_overwritten_output_that_becomes_an_input() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]);
        build.run(["C"]).expect("built");
        build.set("B", 50).expect("set");
        build.tasks_mut().remove(&"B");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(51), "{scheduler} × {rebuilder}");
    });
}

/// What was written over an output is the same: nothing has happened.
#[test]
fn an_output_that_is_overwritten_with_its_own_value() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]);
        build.run(["C"]).expect("built");
        let value = build.get("B").expect("built");
        build.set("B", value).expect("set");
        let report = build.run(["C"]).expect("built");
        assert!(rebuilder == "perpetual" || report.ran.is_empty(), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn an_undeclared_dependency_is_named_with_the_task_that_fetched_it() {
    let tasks = Rules::new()
        .rule("late", formula(["A"], |[a]| a))
        .rule("sly", declared(["A"], async |fetch| Ok(fetch.get("A").await? + fetch.get("late").await?)));
    let mut build = system("topological", "verifying-trace", tasks, &[("A", 1)]);
    let error = build.run(["sly"]).expect_err("undeclared");
    assert!(matches!(error.failures[0].cause, Cause::Undeclared { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("sly") && text.contains("late"), "{text}");
}

/// What is declared is built, fetched or not, where the order is known beforehand; elsewhere nobody looks at it.
#[test]
fn a_declared_key_that_fails_is_a_build_that_fails() {
    everywhere(|scheduler, rebuilder| {
        for keep_going in [false, true] {
            let dead = async |_: Fetch<'_, Key, i64>| Err(TaskError::new("it cannot be built"));
            let tasks = Rules::new()
                .rule("dead", declared(["A"], dead))
                .rule("top", declared(["A", "dead"], async |fetch: Fetch<'_, Key, i64>| fetch.get("A").await));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 1)]).with_keep_going(keep_going);
            let failed = build.run(["top"]).map(drop).map_err(|error| error.failures[0].key);
            let expected = if scheduler == "topological" { Err(Some("dead")) } else { Ok(()) };
            assert_eq!(failed, expected, "{scheduler} × {rebuilder}");
            let built = build.get("top").is_some();
            assert_eq!(built, keep_going || scheduler != "topological", "{scheduler} × {rebuilder}");
        }
    });
}

/// A dynamic task under a topological scheduler that was chosen at run time.
#[test]
fn dynamic_tasks_have_no_topological_order() {
    let tasks: Rules<Key, i64, Dynamic> = Rules::new().rule("B", task(async |fetch| fetch.get("A").await));
    let error = system("topological", "dirty-bit", tasks, &[("A", 1)]).run(["B"]).expect_err("dynamic");
    assert!(matches!(error.failures[0].cause, Cause::Dynamic), "{error}");
}

/// Collatz: the start names the next key, and so on. From 6 (6, 3, 10, 5, 16, 8, 4, 2, 1) to 40 (40, 20, 10, …)
/// two steps are new.
#[test]
fn collatz_stops_where_the_old_path_begins() {
    struct Collatz;
    impl alacarte_core::Tasks<u64, u64> for Collatz {
        type Power = Dynamic;
        fn has(&self, key: &u64) -> bool {
            *key > 1 || *key == 0
        }
        fn run<'t>(&'t self, key: &u64, fetch: Fetch<'t, u64, u64>) -> alacarte_core::Running<'t, u64> {
            let key = *key;
            alacarte_core::Running::Future(Box::pin(async move { steps(key, fetch).await }))
        }
    }
    /// Key 0 counts the steps from the start, which input 1 000 000 007 (it is no step of any path here) holds.
    async fn steps(key: u64, fetch: Fetch<'_, u64, u64>) -> Result<u64> {
        let next = match key {
            0 => fetch.get(START).await?,
            START => return Ok(0),
            even if even % 2 == 0 => even / 2,
            odd => 3 * odd + 1,
        };
        if next == 1 { Ok(1) } else { Ok(fetch.get(next).await? + 1) }
    }
    const START: u64 = 1;
    let mut build = alacarte_core::Build::new(Collatz, alacarte_stores::Memory::from([(START, 6)]))
        .with_scheduler(alacarte_schedulers::Suspending::new())
        .with_rebuilder(alacarte_rebuilders::VerifyingTrace);
    build.run([0]).expect("built");
    build.set(START, 40).expect("set");
    let report = build.run([0]).expect("built");
    let mut names = build.names(&report.ran);
    names.sort_unstable();
    assert_eq!(names, [0, 20, 40], "10 and all below it are as they were");
    assert_eq!(build.get(0), Some(9));
}

/// Rule 1: verification stops at the first mismatch; what the task would fetch after it is not even looked at.
#[test]
fn rule_1_nothing_is_verified_behind_the_first_mismatch() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("size", formula(["text"], |[text]| text))
            .rule("slow", formula(["text"], |[text]| text))
            .rule(
                "top",
                task(async |fetch| if fetch.get("size").await? > 9 { fetch.get("slow").await } else { Ok(0) }),
            );
        let mut build = system(scheduler, rebuilder, tasks, &[("text", 10)]);
        build.run(["top"]).expect("built");
        build.set("text", 5).expect("set");
        let report = build.run(["top"]).expect("built");
        assert!(!ran(&build, &report).contains(&"slow"), "{scheduler} × {rebuilder}");
    });
}

/// Rule 2: the traces of a key are a tree; of two remembered branches only the one that is taken now is looked at.
#[test]
fn rule_2_traces_are_walked_as_a_tree() {
    for scheduler in common::DYNAMIC {
        let tasks = Rules::new()
            .rule("a", formula(["x"], |[x]| x))
            .rule("b", formula(["y"], |[y]| y))
            .rule("top", task(async |fetch| fetch.get(if fetch.get("s").await? == 0 { "a" } else { "b" }).await));
        let (mut build, seen) =
            observed(system(scheduler, "constructive-trace", tasks, &[("s", 0), ("x", 1), ("y", 2)]));
        build.run(["top"]).expect("built");
        build.set("s", 1).expect("set");
        build.run(["top"]).expect("built");
        build.set("s", 0).expect("set");
        build.set("y", 7).expect("set");
        seen.borrow_mut().clear();
        let report = build.run(["top"]).expect("built");
        assert_eq!((report.ran.len(), build.get("top")), (0, Some(1)), "{scheduler}");
        assert!(seen.borrow().iter().all(|&(key, _)| key != "b"), "{scheduler}: {seen:?}");
    }
}

/// Rule 3: a group is brought up to date at once, by a task and by a verification; but a key that was fetched
/// before the group, on its own, is none of it, and what came after it is not looked at if it has changed.
#[test]
fn rule_3_a_group_does_not_swallow_what_was_fetched_before_it() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("size", formula(["text"], |[text]| text))
            .rule("slow", formula(["text"], |[text]| text))
            .rule(
                "top",
                task(
                    async |fetch| {
                        if fetch.get("size").await? > 9 { Ok(fetch.all(["size", "slow"]).await?[1]) } else { Ok(0) }
                    },
                ),
            );
        let mut build = system(scheduler, rebuilder, tasks, &[("text", 10)]);
        build.run(["top"]).expect("built");
        build.set("text", 5).expect("set");
        let report = build.run(["top"]).expect("built");
        assert!(!ran(&build, &report).contains(&"slow"), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn rule_3_a_group_costs_one_restart() {
    let tasks = Rules::new()
        .rule("a", formula(["x"], |[x]| x))
        .rule("b", formula(["x"], |[x]| x))
        .rule("c", formula(["x"], |[x]| x))
        .rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c"]).await?.iter().sum())));
    let mut build = system("restarting", "verifying-trace", tasks, &[("x", 1)]);
    assert_eq!(build.run(["top"]).expect("built").restarts, 1);
}

/// Rule 6: make believes the clock. Here an output is touched after its input was edited: make takes it for
/// newer, the others do not.
#[test]
fn rule_6_make_is_wrong_about_a_touched_output_and_the_others_are_not() {
    let outcome = |scheduler: &str, rebuilder: &str| {
        let mut build = system(scheduler, rebuilder, two_steps(), &[("A", 1)]);
        build.run(["C"]).expect("built");
        build.set("A", 5).expect("set");
        build.touch("B").expect("touched");
        build.run(["C"]).expect("built");
        build.get("C")
    };
    everywhere(|scheduler, rebuilder| assert_eq!(outcome(scheduler, rebuilder), Some(7), "{scheduler} × {rebuilder}"));
    for scheduler in alacarte_schedulers::NAMES {
        assert_eq!(outcome(scheduler, "modification-time"), Some(3), "{scheduler} × make is as wrong as make");
    }
}
