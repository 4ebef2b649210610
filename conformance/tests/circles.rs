//! Keys that wait for each other, several circles in one build: each is told by its keys, once, and nothing else is taken for one.

mod common;

use std::pin::pin;
use std::time::Duration;

use alacarte_conformance::Yields;
use alacarte_core::{Cause, DynamicTask, Fetch, Rules, formula, off_thread, task};
use common::{Key, everywhere, everywhere_dynamic, system};
use futures::future::{Either, select};

fn on(key: Key) -> DynamicTask<Key, i64> {
    task(async move |fetch: Fetch<'_, Key, i64>| fetch.get(key).await)
}

/// What a build of `top` says has failed, sorted.
fn told(scheduler: &str, rebuilder: &str, rules: Rules<Key, i64, alacarte_core::Dynamic>) -> Vec<String> {
    let mut build = system(scheduler, rebuilder, rules, &[]).with_keep_going(true);
    // (A circle is told from the key that was met first.)
    for key in ["a", "b", "c", "d"] {
        build.intern(key);
    }
    let error = build.run(["top"]).expect_err("there are circles");
    let mut told: Vec<_> = error.failures.iter().map(ToString::to_string).collect();
    told.sort();
    told
}

/// Two circles, of which a scheduler with an order finds both before a task runs: the first failure ends the build all the same.
#[test]
fn a_build_that_stops_is_told_one_circle() {
    everywhere(|scheduler, rebuilder| {
        let on = |key: Key| formula([key], |[value]: [i64; 1]| value);
        for keep_going in [false, true] {
            let rules = Rules::new().rule("a", on("b")).rule("b", on("a")).rule("c", on("d")).rule("d", on("c"));
            let mut build = system(scheduler, rebuilder, rules, &[]).with_keep_going(keep_going);
            let error = build.run(["a", "c"]).expect_err("two circles");
            let circles = error.failures.iter().filter(|failure| matches!(failure.cause, Cause::Cycle { .. }));
            assert_eq!(circles.count(), if keep_going { 2 } else { 1 }, "{scheduler} × {rebuilder}: {error}");
        }
    });
}

/// What was fetched at once, and has failed by the first circle, is not waited for when the second is looked for.
#[test]
fn circles_below_one_group_are_told_one_after_the_other() {
    everywhere_dynamic(|scheduler, rebuilder| {
        for group in [["a", "c"], ["c", "a"]] {
            let top = async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(group).await?.iter().sum());
            let rules = Rules::new().rule("a", on("b")).rule("b", on("a")).rule("c", on("d")).rule("d", on("c"));
            let circles = ["a cycle: a → b → a", "a cycle: c → d → c", "b: it needs a, which failed"];
            let others =
                ["d: it needs c, which failed".to_owned(), format!("top: it needs {}, which failed", group[0])];
            let expected: Vec<_> = circles.into_iter().map(String::from).chain(others).collect();
            assert_eq!(told(scheduler, rebuilder, rules.rule("top", task(top))), expected, "{scheduler} × {rebuilder}");
        }
    });
}

/// A task goes on though what it fetched has failed, and closes another circle: who waits for whom has changed since the first.
#[test]
fn a_circle_that_is_closed_when_another_has_failed_is_told_too() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let undaunted = async |fetch: Fetch<'_, Key, i64>| {
            let _ = fetch.get("a").await;
            fetch.get("c").await
        };
        let rules = Rules::new().rule("a", on("b")).rule("b", task(undaunted)).rule("c", on("b")).rule("top", on("a"));
        let expected = [
            "a cycle: a → b → a",
            "a cycle: b → c → b",
            "c: it needs b, which failed",
            "top: it needs a, which failed",
        ];
        assert_eq!(told(scheduler, rebuilder, rules), expected, "{scheduler} × {rebuilder}");
    });
}

/// Each waits for the other, but one of them would go on without.
#[test]
fn a_circle_that_a_task_leaves_of_itself_is_none() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let impatient = async |fetch: Fetch<'_, Key, i64>| {
            fetch.volatile();
            match select(fetch.get("b"), Yields(3)).await {
                Either::Left((b, _)) => b,
                Either::Right(..) => Ok(7),
            }
        };
        let rules = Rules::new().rule("a", task(impatient)).rule("b", on("a"));
        let mut build = system(scheduler, rebuilder, rules, &[]);
        build.run(["b"]).unwrap_or_else(|error| panic!("{scheduler} × {rebuilder}: {error}"));
        assert_eq!((build.get("a"), build.get("b")), (Some(7), Some(7)), "{scheduler} × {rebuilder}");
    });
}

/// The same where it is its own work, on a thread, that lets it go on: who works is not done with waiting.
#[test]
fn a_circle_that_a_task_leaves_when_its_work_is_done_is_none() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let works = async |fetch: Fetch<'_, Key, i64>| {
            fetch.volatile();
            let work = pin!(fetch.work(off_thread(|| std::thread::sleep(Duration::from_millis(20)))));
            match select(fetch.get("b"), work).await {
                Either::Left((b, _)) => b,
                Either::Right((done, _)) => done.map(|()| 7),
            }
        };
        let rules = Rules::new().rule("a", task(works)).rule("b", on("a"));
        let mut build = system(scheduler, rebuilder, rules, &[]);
        build.run(["b"]).unwrap_or_else(|error| panic!("{scheduler} × {rebuilder}: {error}"));
        assert_eq!((build.get("a"), build.get("b")), (Some(7), Some(7)), "{scheduler} × {rebuilder}");
    });
}
