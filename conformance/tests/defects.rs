//! One named test for every defect of the published model (THEORY, "Defects"), each in its smallest case.

mod common;

use alacarte_core::{Rules, declared, formula, task};
use common::{everywhere, everywhere_dynamic, observed, ran, system};

/// Bazel's pair: looks at direct dependencies only, before they are up to date.
#[test]
fn restarting_with_constructive_traces_does_not_serve_a_stale_target() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a + 1))
            .rule("C", formula(["B"], |[b]| b + 1))
            .rule("D", formula(["C"], |[c]| c + 1));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
        build.run(["D"]).expect("built");
        build.set("A", 10).expect("set");
        build.run(["D"]).expect("built");
        assert_eq!(build.get("D"), Some(13), "{scheduler} × {rebuilder}");
    });
}

/// The published step traces have none for inputs, and so ignore them.
#[test]
fn step_traces_see_inputs() {
    for scheduler in alacarte_schedulers::NAMES {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a * 2));
        let mut build = system(scheduler, "step-trace", tasks, &[("A", 1)]);
        build.run(["B"]).expect("built");
        build.set("A", 2).expect("set");
        build.run(["B"]).expect("built");
        assert_eq!(build.get("B"), Some(4), "{scheduler}");
    }
}

/// A chain of three whose first link loses the change: verifying traces cut off, deep ones do not.
#[test]
fn deep_traces_show_no_early_cutoff() {
    for (rebuilder, expected) in [("deep-constructive-trace", vec!["B", "C", "D"]), ("verifying-trace", vec!["B"])] {
        for scheduler in alacarte_schedulers::NAMES {
            let tasks = Rules::new()
                .rule("B", formula(["A"], |[a]: [i64; 1]| a.min(3)))
                .rule("C", formula(["B"], |[b]| b + 1))
                .rule("D", formula(["C"], |[c]| c + 1));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 5)]);
            build.run(["D"]).expect("built");
            build.set("A", 6).expect("set");
            let report = build.run(["D"]).expect("built");
            assert_eq!(ran(&build, &report), expected, "{scheduler} × {rebuilder}");
        }
    }
}

/// What lies between a key and its terminal inputs may be wrong or gone: a deep trace does not look at it.
#[test]
fn deep_traces_list_terminal_inputs_only() {
    for scheduler in common::DYNAMIC {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a + 1))
            .rule("C", formula(["B"], |[b]| b + 1))
            .rule("D", formula(["C"], |[c]| c + 1));
        let (mut build, seen) = observed(system(scheduler, "deep-constructive-trace", tasks, &[("A", 0)]));
        build.run(["D"]).expect("built");
        build.remove("B").expect("removed");
        build.set("C", 99).expect("set");
        build.remove("D").expect("removed");
        seen.borrow_mut().clear();
        let report = build.run(["D"]).expect("built");
        assert_eq!((report.ran.len(), report.restored.len()), (0, 1), "{scheduler}");
        assert!(seen.borrow().iter().all(|&(key, _)| key == "D"), "{scheduler}: {seen:?}");
        assert_eq!((build.get("B"), build.get("C"), build.get("D")), (None, Some(99), Some(3)));
    }
}

/// THEORY, rule 4: a look-up of deep dependencies by (key, value) answers 7 in the end, where 9 is right.
#[test]
fn deep_dependencies_are_not_looked_up_by_value() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule(
                "k4",
                declared(["k0", "k1", "k2"], async |fetch| {
                    fetch.get(if fetch.get("k0").await? % 2 == 0 { "k1" } else { "k2" }).await
                }),
            )
            .rule("k5", formula(["k4", "k3"], |[k4, k3]| k4 + k3 + 1));
        let inputs = [("k0", 0), ("k1", 5), ("k2", 5), ("k3", 0)];
        let mut build = system(scheduler, rebuilder, tasks, &inputs);
        let steps: [&[(common::Key, i64)]; 4] = [&[], &[("k0", 1)], &[("k0", 0), ("k3", 1)], &[("k1", 7)]];
        for (step, expected) in steps.iter().zip([6, 6, 7, 9]) {
            for &(key, value) in *step {
                build.set(key, value).expect("set");
            }
            build.run(["k5"]).expect("built");
            assert_eq!(build.get("k5"), Some(expected), "{scheduler} × {rebuilder} after {step:?}");
        }
    });
}

/// A cycle is an error that prints its path, from every scheduler; nothing hangs, nothing panics.
#[test]
fn a_cycle_is_an_error_with_its_path() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("1", formula(["2"], |[n]| n)).rule("2", formula(["1"], |[n]| n));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        let error = build.run(["1"]).expect_err("a cycle").to_string();
        assert!(error.contains("1 → 2 → 1"), "{scheduler} × {rebuilder}: {error}");
        // Mended, it is built.
        build.tasks_mut().set("2", formula([] as [&str; 0], |[]| 4));
        build.run(["1"]).expect("no cycle any more");
        assert_eq!(build.get("1"), Some(4), "{scheduler} × {rebuilder}");
    });
}

/// The same where the cycle is found only while tasks run, below a key that others need, and beside ones that
/// can be built.
#[test]
fn a_dynamic_cycle_is_an_error_with_its_path() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("top", task(async |fetch| Ok(fetch.get("side").await? + fetch.get("a").await?)))
            .rule("side", task(async |_| Ok(1)))
            .rule("a", task(async |fetch| fetch.get("b").await))
            .rule("b", task(async |fetch| fetch.get("c").await))
            .rule("c", task(async |fetch| Ok(fetch.get("side").await? + fetch.get("a").await?)));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        let error = build.run(["top"]).expect_err("a cycle").to_string();
        assert!(error.contains("a → b → c → a"), "{scheduler} × {rebuilder}: {error}");
        assert_eq!(build.get("side"), Some(1));
    });
}

/// A key that needs itself.
#[test]
fn a_cycle_of_one_is_an_error() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("1", formula(["1"], |[n]| n));
        let error = system(scheduler, rebuilder, tasks, &[]).run(["1"]).expect_err("a cycle").to_string();
        assert!(error.contains("1 → 1"), "{scheduler} × {rebuilder}: {error}");
    });
}
