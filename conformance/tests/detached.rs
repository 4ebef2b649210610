//! Detached work: what a task starts without waiting. It is done by the end of the build, or owed by the next, of whatever
//! process, whether or not an order leads to it.

mod common;

use alacarte_conformance::Tape;
use alacarte_core::{Fetch, Retention, Rules, TaskError, declared, formula, task};
use common::{Key, System, everywhere, everywhere_dynamic, ran, system};

/// A build that finds nothing changed does not look at detached work again; the topological scheduler took it for one that
/// had, and followed suspects to where no order leads.
#[test]
fn detached_work_is_done_again_after_a_build_that_did_nothing() {
    everywhere(|scheduler, rebuilder| {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            fetch.get("a").await
        };
        let tasks = Rules::new()
            .rule("b", formula(["a"], |[a]| a))
            .rule("later", formula(["b"], |[b]| b))
            .rule("top", declared(["a"], top));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 0)]);
        build.run(["top"]).expect("built");
        build.run(["top"]).expect("built");
        build.set("a", 1).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!(build.get("later"), Some(1), "{scheduler} × {rebuilder}");
    });
}

/// `top` detaches `later`, three formulas above the input, if that is more than zero: no order of `top` leads to it.
fn above_zero(scheduler: &str, rebuilder: &str) -> System<Rules<Key, i64>> {
    let top = async |fetch: Fetch<'_, Key, i64>| {
        let a = fetch.get("a").await?;
        if a > 0 {
            fetch.detach("later");
        }
        Ok(a)
    };
    let tasks = Rules::new()
        .rule("b", formula(["a"], |[a]| a))
        .rule("c", formula(["b"], |[b]| b))
        .rule("later", formula(["c"], |[c]| c))
        .rule("top", declared(["a"], top));
    system(scheduler, rebuilder, tasks, &[("a", 0)])
}

/// What another build has brought up to date, and no order leads to now, counted as such when it was detached.
#[test]
fn detached_work_that_other_targets_reached_before_is_done_again() {
    everywhere(|scheduler, rebuilder| {
        let mut build = above_zero(scheduler, rebuilder);
        build.run(["later"]).expect("built");
        build.run(["top"]).expect("built");
        build.set("a", 1).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!(build.get("later"), Some(1), "{scheduler} × {rebuilder}");
    });
}

/// Detached work went before all that has a place in the order, and met a key there whose turn had not come.
#[test]
fn detached_work_sees_what_a_suspect_is_yet_to_change() {
    everywhere(|scheduler, rebuilder| {
        let mut build = above_zero(scheduler, rebuilder);
        build.run(["top", "c"]).expect("built");
        for value in [1, 2] {
            build.set("a", value).expect("set");
            build.run(["top", "c"]).expect("built");
            assert_eq!(build.get("later"), Some(value), "{scheduler} × {rebuilder}");
        }
    });
}

/// What a task had started without waiting, and a build left undone, was known to the process that ran it only.
#[test]
fn another_process_does_what_was_started_and_left_undone() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = |good: bool| {
            let top = async |fetch: Fetch<'_, Key, i64>| {
                fetch.detach("later");
                Ok(1)
            };
            let later = async move |fetch: Fetch<'_, Key, i64>| match good {
                true => fetch.get("a").await,
                false => Err(TaskError::new("not now")),
            };
            let tasks = Rules::new()
                .rule("top", task(top))
                .rule("later", task(later))
                .rule("other", formula([] as [Key; 0], |[]| 0));
            system(scheduler, rebuilder, tasks, &[("a", 5)]).with_journal(tape.clone())
        };
        process(false).run(["top"]).expect_err("what it started has failed");
        let mut build = process(true);
        build.run(["other"]).expect("built");
        assert_eq!(build.get("later"), Some(5), "{scheduler} × {rebuilder}");
        let mut build = process(true);
        let report = build.run(["other"]).expect("built");
        assert!(!ran(&build, &report).contains(&"later"), "{scheduler} × {rebuilder}: it is owed no more");
    });
}

/// A key that its task had both started and fetched, and that failed before anybody looked at what was started, was owed in
/// this process only.
#[test]
fn what_was_started_and_failed_at_once_is_owed_too() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = |inputs: &[(Key, i64)]| {
            let top = async |fetch: Fetch<'_, Key, i64>| {
                fetch.detach("b");
                fetch.get("b").await
            };
            let tasks = Rules::new()
                .rule("b", formula(["a"], |[a]| a))
                .rule("top", task(top))
                .rule("other", formula([] as [Key; 0], |[]| 0));
            system(scheduler, rebuilder, tasks, inputs).with_journal(tape.clone()).with_keep_going(true)
        };
        process(&[]).run(["top"]).expect_err("an input is missing");
        let mut build = process(&[("a", 3)]);
        build.run(["other"]).expect("built");
        assert_eq!(build.get("b"), Some(3), "{scheduler} × {rebuilder}");
    });
}

/// The journal hears once that a key is owed, and once that it is found to stand; of inputs, which nobody brings up to date, it
/// hears nothing.
#[test]
fn the_journal_hears_of_what_is_owed_and_that_it_is_not_any_more() {
    everywhere_dynamic(|scheduler, rebuilder| {
        if rebuilder == "perpetual" {
            return;
        }
        let tape = Tape::default();
        let process = |inputs: &[(Key, i64)]| {
            let top = async |fetch: Fetch<'_, Key, i64>| {
                let a = fetch.get("a").await?;
                fetch.detach("later");
                fetch.detach("b");
                Ok(a)
            };
            let tasks = Rules::new()
                .rule("later", formula(["b"], |[b]| b))
                .rule("top", task(top))
                .rule("other", formula([] as [Key; 0], |[]| 0));
            system(scheduler, rebuilder, tasks, inputs).with_journal(tape.clone()).with_keep_going(true)
        };
        let mut build = process(&[("a", 1), ("b", 2)]);
        build.run(["top"]).expect("built");
        // It is started again, and stands.
        build.set("a", 3).expect("set");
        build.run(["top"]).expect("built");
        drop(build);
        let events = tape.appended();
        let mut build = process(&[("a", 3), ("b", 2)]);
        let report = build.run(["top"]).expect("built");
        assert!(report.ran.is_empty() && tape.appended() == events, "{scheduler} × {rebuilder}: nothing is owed");
        build.set("b", 9).expect("set");
        let report = build.run(["other"]).expect("built");
        assert_eq!(ran(&build, &report), ["other"], "{scheduler} × {rebuilder}: it was found to stand");
    });
}

/// That a key is owed no more is told by the event of its value, if it is built, and by no other.
#[test]
fn of_what_is_owed_and_built_the_journal_hears_twice() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tape = Tape::default();
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            Ok(1)
        };
        let tasks = Rules::new().rule("later", formula([] as [Key; 0], |[]| 2)).rule("top", task(top));
        let mut build = system(scheduler, rebuilder, tasks, &[]).with_journal(tape.clone());
        build.run(["top"]).expect("built");
        assert_eq!(build.get("later"), Some(2), "{scheduler} × {rebuilder}");
        // It is owed, and both have values.
        assert_eq!(tape.appended(), 3, "{scheduler} × {rebuilder}");
    });
}

/// A build of suspects that stopped at a failure took what was detached, and not begun, for what it had been before.
#[test]
fn what_is_detached_just_before_a_failure_is_not_taken_for_up_to_date() {
    everywhere(|scheduler, rebuilder| {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            fetch.get("a").await
        };
        let bad = async |fetch: Fetch<'_, Key, i64>| match fetch.get("good").await? {
            0 => Err(TaskError::new("not now")),
            good => Ok(good),
        };
        let tasks = Rules::new()
            .rule("b", formula(["a"], |[a]| a))
            .rule("later", formula(["b"], |[b]| b))
            .rule("top", declared(["a"], top))
            .rule("bad", declared(["good"], bad));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 0), ("good", 1)]);
        build.run(["top", "bad"]).expect("built");
        build.run(["top", "bad"]).expect("built");
        build.set("good", 0).expect("set");
        build.set("a", 1).expect("set");
        build.run(["top", "bad"]).expect_err("not now");
        build.set("good", 1).expect("set");
        build.run(["top", "bad"]).expect("built");
        assert_eq!(build.get("later"), Some(1), "{scheduler} × {rebuilder}");
    });
}

/// What is owed, and has no task for the time of one build, is owed when it has one again.
#[test]
fn what_is_owed_may_lose_its_task_for_a_while() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            Ok(1)
        };
        let later = async |_: Fetch<'_, Key, i64>| Err(TaskError::new("not now"));
        let tasks = Rules::new()
            .rule("top", task(top))
            .rule("later", task(later))
            .rule("other", formula([] as [Key; 0], |[]| 0));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        build.run(["top"]).expect_err("not now");
        build.tasks_mut().remove(&"later");
        build.run(["other"]).expect("built");
        build.tasks_mut().set("later", formula([] as [Key; 0], |[]| 5));
        build.run(["other"]).expect("built");
        assert_eq!(build.get("later"), Some(5), "{scheduler} × {rebuilder}");
    });
}

/// As long as something is owed, the journal hears no more of it, and nothing of keys that never were.
#[test]
fn a_build_that_fails_again_in_the_same_way_tells_nothing() {
    everywhere_dynamic(|scheduler, rebuilder| {
        if rebuilder == "perpetual" {
            return;
        }
        let tape = Tape::default();
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            fetch.get("a").await
        };
        let later = async |_: Fetch<'_, Key, i64>| Err(TaskError::new("not now"));
        let tasks = Rules::new().rule("top", task(top)).rule("later", task(later));
        let mut build =
            system(scheduler, rebuilder, tasks, &[("a", 1)]).with_journal(tape.clone()).with_keep_going(true);
        build.run(["top"]).expect_err("not now");
        let events = tape.appended();
        build.run(["top"]).expect_err("not now");
        assert_eq!(tape.appended(), events, "{scheduler} × {rebuilder}");
    });
}

/// A journal that is chosen while something is owed hears of it, so that another process does it.
#[test]
fn a_journal_that_is_chosen_late_hears_of_what_is_owed() {
    everywhere(|scheduler, rebuilder| {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            fetch.get("a").await
        };
        let tasks = || {
            Rules::new()
                .rule("later", formula(["b"], |[b]| b))
                .rule("top", declared(["a"], top))
                .rule("other", formula(["a"], |[a]| a))
                .with_version(1)
        };
        let mut build = system(scheduler, rebuilder, tasks(), &[("a", 1)]);
        build.run(["top"]).expect_err("what later needs is missing");
        let tape = Tape::default();
        // (It need not build before it ends.)
        build.with_journal(tape.clone()).touch("a").expect("touched");
        let mut build = system(scheduler, rebuilder, tasks(), &[("a", 1), ("b", 7)]).with_journal(tape);
        build.run(["other"]).expect("built");
        assert_eq!(build.get("later"), Some(7), "{scheduler} × {rebuilder}");
    });
}

/// Nobody reaches what is owed, and no record names it; it is done in the end all the same.
#[test]
fn what_is_owed_is_not_forgotten() {
    everywhere(|scheduler, rebuilder| {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("later");
            fetch.get("a").await
        };
        let tasks = Rules::new()
            .rule("later", formula(["b"], |[b]| b))
            .rule("top", declared(["a"], top))
            .rule("other", formula(["a"], |[a]| a));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 1)]);
        build.run(["top"]).expect_err("what later needs is missing");
        build.collect(Retention::of_builds(0)).expect("collected");
        assert!(build.keys().find(&"later").is_some(), "{scheduler} × {rebuilder}");
        build.set("b", 7).expect("set");
        build.run(["other"]).expect("built");
        assert_eq!(build.get("later"), Some(7), "{scheduler} × {rebuilder}");
    });
}
