//! A build that stops at the first failure: what is underway in a job is finished, nothing new is begun, and nothing is
//! said of keys to which it has not come.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use alacarte_conformance::Yields;
use alacarte_core::{BuildError, Dynamic, Fetch, Rules, TaskError, formula, task};
use common::{DYNAMIC, Key, system};

/// The keys that failed, in the order in which they are told.
fn failed(error: &BuildError<Key>) -> Vec<Key> {
    error.failures.iter().filter_map(|failure| failure.key).collect()
}

/// A task that works so long in a job, and another way.
fn job(
    length: u64,
    outcome: Result<i64, &'static str>,
) -> impl AsyncFn(Fetch<'_, Key, i64>) -> alacarte_core::Result<i64> {
    async move |fetch: Fetch<'_, Key, i64>| {
        fetch.work(Yields(length)).await;
        outcome.map_err(TaskError::new)
    }
}

fn top(keys: &'static [Key]) -> impl AsyncFn(Fetch<'_, Key, i64>) -> alacarte_core::Result<i64> {
    async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(keys).await?.iter().sum())
}

#[test]
fn a_job_that_is_underway_is_finished_and_kept() {
    for scheduler in DYNAMIC {
        let tasks: Rules<Key, i64, Dynamic> = Rules::new()
            .rule("bad", task(job(1, Err("no"))))
            .rule("long", task(job(9, Ok(7))))
            .rule("top", task(top(&["bad", "long"])));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(2);
        let error = build.run(["top"]).expect_err("it fails");
        assert_eq!((failed(&error), build.get("long")), (vec!["bad", "top"], Some(7)), "{scheduler}");
        assert_eq!(build.names(&error.report.ran), ["long"]);
    }
}

#[test]
fn a_job_that_waits_for_its_turn_is_not_begun() {
    for scheduler in DYNAMIC {
        for keep_going in [false, true] {
            let tasks: Rules<Key, i64, Dynamic> = Rules::new()
                .rule("bad", task(job(1, Err("no"))))
                .rule("next", task(job(1, Ok(7))))
                .rule("last", task(job(1, Ok(7))))
                .rule("top", task(top(&["bad", "next", "last"])));
            let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1).with_keep_going(keep_going);
            let error = build.run(["top"]).expect_err("it fails");
            assert_eq!(failed(&error), ["bad", "top"], "{scheduler}");
            let built = keep_going.then_some(7);
            assert_eq!((build.get("next"), build.get("last")), (built, built), "{scheduler}, {keep_going}");
        }
    }
}

/// What waits for the outside and holds no job is not waited for: it may never end.
#[test]
fn what_holds_no_job_is_dropped() {
    for scheduler in DYNAMIC {
        let idle = async |_: Fetch<'_, Key, i64>| {
            Yields(50).await;
            Ok(7)
        };
        let tasks: Rules<Key, i64, Dynamic> = Rules::new()
            .rule("bad", task(job(1, Err("no"))))
            .rule("idle", task(idle))
            .rule("top", task(top(&["idle", "bad"])));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(2);
        let error = build.run(["top"]).expect_err("it fails");
        assert_eq!((failed(&error), build.get("idle")), (vec!["bad", "top"], None), "{scheduler}");
        // On its own it is waited for like any other.
        build.run(["idle"]).expect("built");
        assert_eq!(build.get("idle"), Some(7), "{scheduler}");
    }
}

/// All that waits for the key that failed fails too, however far above, and each is named once.
#[test]
fn those_that_wait_for_what_failed_are_named_and_no_others() {
    for scheduler in DYNAMIC {
        let tasks: Rules<Key, i64, Dynamic> = Rules::new()
            .rule("bad", task(job(3, Err("no"))))
            .rule("above", task(top(&["bad", "A"])))
            .rule("higher", task(top(&["above"])))
            .rule("beside", task(top(&["A"])))
            .rule("top", task(top(&["higher", "beside", "bad"])));
        let mut build = system(scheduler, "verifying-trace", tasks, &[("A", 1)]).with_jobs(2);
        let error = build.run(["top"]).expect_err("it fails");
        let mut names = failed(&error);
        assert_eq!(names[0], "bad", "{scheduler}: what failed of itself is told first");
        names.sort_unstable();
        assert_eq!(names, ["above", "bad", "higher", "top"], "{scheduler}");
    }
}

/// Work that is begun aside is no exception: what fails there stops the build, and what waits is not begun.
#[test]
fn detached_work_that_fails_stops_the_build() {
    for scheduler in DYNAMIC {
        for keep_going in [false, true] {
            let begin = async |fetch: Fetch<'_, Key, i64>| {
                fetch.detach("bad");
                fetch.detach("nobody");
                fetch.get("slow").await
            };
            let tasks: Rules<Key, i64, Dynamic> = Rules::new()
                .rule("bad", task(job(0, Err("no"))))
                .rule("slow", task(job(6, Ok(1))))
                .rule("begin", task(begin))
                .rule("top", formula(["begin"], |[begin]| begin + 1));
            let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(3).with_keep_going(keep_going);
            let error = build.run(["top"]).expect_err("what was begun aside fails");
            let text = error.to_string();
            assert!(text.contains("bad: no") || text.contains("nobody: it has no task and no value"), "{text}");
            if keep_going {
                let mut names = failed(&error);
                names.sort_unstable();
                assert_eq!((names, build.get("top")), (vec!["bad", "nobody"], Some(2)), "{scheduler}");
            }
        }
    }
}

/// An input that is begun aside and is there is nothing to tell of.
#[test]
fn an_input_may_be_begun_aside() {
    for scheduler in DYNAMIC {
        let begin = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("A");
            fetch.detach("begin");
            Ok(1)
        };
        let mut build = system(scheduler, "verifying-trace", Rules::new().rule("begin", task(begin)), &[("A", 1)]);
        build.run(["begin"]).expect("built");
        build.remove("A").expect("removed");
        assert!(build.run(["begin"]).expect("it is no dependency").ran.is_empty(), "{scheduler}");
    }
}

/// A place that came free goes to who has waited longest for it.
#[test]
fn places_are_given_first_come_first_served() {
    for scheduler in DYNAMIC {
        let order = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Rules::new().rule("top", task(top(&["a", "b", "c", "d"])));
        for key in ["a", "b", "c", "d"] {
            let order = order.clone();
            let work = async move |fetch: Fetch<'_, Key, i64>| {
                let begun = async {
                    order.borrow_mut().push(key);
                    Yields(2).await;
                };
                fetch.work(begun).await;
                Ok(1)
            };
            tasks.set(key, task(work));
        }
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1);
        build.run(["top"]).expect("built");
        let met = order.take();
        for key in ["a", "b", "c", "d"] {
            build.remove(key).expect("removed");
        }
        build.run(["top"]).expect("built");
        assert_eq!(met.len(), 4);
        assert_eq!(order.take().len(), 4, "{scheduler}");
        if scheduler == "suspending" {
            assert_eq!(met, ["a", "b", "c", "d"]);
        }
    }
}

/// A task that waits for a key has work outside too, in the only place there is, and the key needs that place.
#[test]
fn work_goes_on_while_its_task_waits_for_a_key() {
    for scheduler in DYNAMIC {
        let both = async |fetch: Fetch<'_, Key, i64>| {
            let ((), value) = futures::join!(fetch.work(Yields(3)), fetch.get("below"));
            value
        };
        let tasks = Rules::new().rule("below", task(job(2, Ok(7)))).rule("top", task(both));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1);
        build.run(["top"]).expect("built");
        assert_eq!(build.get("top"), Some(7), "{scheduler}");
    }
}

/// A task that has ended without the place for which it stood in a queue is not called when its turn comes.
#[test]
fn who_has_ended_stands_in_no_queue() {
    for scheduler in ["suspending", "bottom-up"] {
        let either = async |fetch: Fetch<'_, Key, i64>| {
            let work = std::pin::pin!(fetch.work(async {}));
            futures::future::select(fetch.get("wild"), work).await;
            Ok(1)
        };
        let wild = async |_: Fetch<'_, Key, i64>| {
            Yields(3).await;
            Ok(1)
        };
        let tasks = Rules::new()
            .rule("holds", task(job(9, Ok(7))))
            .rule("either", task(either))
            .rule("wild", task(wild))
            .rule("top", task(top(&["holds", "either"])));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1);
        let report = build.run(["top"]).expect("built");
        assert_eq!(build.names(&report.ran), ["wild", "either", "holds", "top"], "{scheduler}");
    }
}

/// A future is polled when what it waits for outside may have happened, and otherwise left alone.
#[test]
fn a_task_that_waits_is_not_polled_in_vain() {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let waits = async move |fetch: Fetch<'_, Key, i64>| {
        let mut get = std::pin::pin!(fetch.get("slow"));
        std::future::poll_fn(|cx| {
            count.set(count.get() + 1);
            get.as_mut().poll(cx)
        })
        .await
    };
    let tasks = Rules::new().rule("slow", task(job(20, Ok(1)))).rule("top", task(waits));
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(2);
    build.run(["top"]).expect("built");
    assert_eq!((build.get("top"), polls.get()), (Some(1), 2));
}
