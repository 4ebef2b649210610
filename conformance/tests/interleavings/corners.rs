//! Corners of the executor: tasks that do, or want, more than one thing at once, and stop in the middle.

use super::common::{DYNAMIC, Key, everywhere, system};
use alacarte_conformance::{Outside, drive, every_interleaving};
use alacarte_core::{Fetch, Rules, TaskError, declared, formula, task};

/// Two branches, of which the first to fail ends the task, although the other still waits for two keys. Its slot must
/// not be given to another key while somebody counts on it.
#[test]
fn a_task_may_end_while_it_waits_for_a_key() {
    for scheduler in DYNAMIC {
        for jobs in 1..=3 {
            let played = every_interleaving(1_000, |path| {
                let outside = Outside::new().several();
                let hasty = |outside: Outside| {
                    task(async move |fetch: Fetch<'_, Key, i64>| {
                        let fails = async {
                            fetch.work(outside.work("hasty")).await;
                            Err::<i64, _>(TaskError::new("no"))
                        };
                        futures::try_join!(fails, fetch.all(["slow", "slower"])).map(|(a, b)| a + b.iter().sum::<i64>())
                    })
                };
                let chain = |outside: Outside, below: Key, key: Key| {
                    task(async move |fetch: Fetch<'_, Key, i64>| {
                        fetch.work(outside.work(key)).await;
                        Ok(fetch.get(below).await? + 1)
                    })
                };
                let tasks = Rules::new()
                    .rule("hasty", hasty(outside.clone()))
                    .rule("slow", chain(outside.clone(), "a", "slow"))
                    .rule("slower", chain(outside.clone(), "deep", "slower"))
                    .rule("deep", chain(outside.clone(), "deeper", "deep"))
                    .rule("deeper", chain(outside.clone(), "a", "deeper"));
                let mut build =
                    system(scheduler, "verifying-trace", tasks, &[("a", 1)]).with_jobs(jobs).with_keep_going(true);
                let result = drive(build.run_async(["hasty", "slower", "slow"]), &outside, path, None)?.ended();
                let failed: Vec<_> = result.into_iter().filter_map(Result::err).flat_map(|e| e.failures).collect();
                let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
                match (build.get("slower"), build.get("slow"), &*failed) {
                    (Some(4), Some(2), [one]) if one == "hasty: no" => Ok(()),
                    others => Err(format!("{others:?}")),
                }
            });
            played.unwrap_or_else(|why| panic!("{scheduler}, {jobs} jobs: {why}"));
        }
    }
}

/// A task that is at work and waits for `wild`, which does not ask for a place, and one whose work takes no time.
fn wakes_in_every_order<F>(scheduler: &str, first: Key, make: impl Fn(Outside) -> F)
where
    F: AsyncFn(Fetch<'_, Key, i64>) -> Result<i64, TaskError> + 'static,
{
    let played = every_interleaving(1_000, |path| {
        let outside = Outside::new();
        let elsewhere = outside.clone();
        let wild = async move |_: Fetch<'_, Key, i64>| {
            elsewhere.work("wild").await;
            Ok(1)
        };
        let short = async |fetch: Fetch<'_, Key, i64>| Ok(fetch.work_in("link", async { 2 }).await);
        let tasks = Rules::new()
            .rule(first, task(make(outside.clone())))
            .rule("wild", task(wild))
            .rule("short", task(short))
            .rule(
                "top",
                task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all([first, "short"]).await?.iter().sum())),
            );
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_pool("link", 1);
        drive(build.run_async(["top"]), &outside, path, None)?;
        if build.get("top") == Some(3) { Ok(()) } else { Err("it is wrong".into()) }
    });
    played.unwrap_or_else(|why| panic!("{scheduler}: {why}"));
}

/// Work that takes no time ends its task as soon as it has a permit. Until then the task stood in two lists, for it
/// held a permit of one pool and wanted one of another: it must be off both, or the build waits for nobody.
#[test]
fn work_that_takes_no_time_leaves_nobody_asleep() {
    for scheduler in DYNAMIC {
        wakes_in_every_order(scheduler, "long", |outside| {
            async move |fetch: Fetch<'_, Key, i64>| {
                let (_, wild) = futures::join!(fetch.work(outside.work("long")), fetch.get("wild"));
                wild
            }
        });
    }
}

/// A place comes free because a key is there, not because work has ended: whoever takes it may end in the same breath, and
/// must not be waited for.
#[test]
fn a_place_that_is_given_up_for_a_key_leaves_nobody_asleep() {
    for scheduler in ["suspending", "bottom-up"] {
        wakes_in_every_order(scheduler, "either", |outside| {
            async move |fetch: Fetch<'_, Key, i64>| {
                let work = std::pin::pin!(fetch.work(outside.work("either")));
                futures::future::select(fetch.get("wild"), work).await;
                Ok(1)
            }
        });
    }
}

/// What was detached when the build stopped at a failure, and was not begun, is owed like what was.
#[test]
fn a_key_detached_just_before_a_failure_is_owed() {
    for scheduler in DYNAMIC {
        for order in [["main", "bad"], ["bad", "main"]] {
            let tasks = Rules::new()
                .rule("later", task(async |fetch| fetch.get("a").await))
                .rule(
                    "main",
                    task(async |fetch| {
                        fetch.detach("later");
                        fetch.get("a").await
                    }),
                )
                .rule(
                    "bad",
                    task(async |fetch| match fetch.get("a").await? {
                        1 => Err(TaskError::new("no")),
                        a => Ok(a),
                    }),
                );
            let mut build = system(scheduler, "verifying-trace", tasks, &[("a", 1)]);
            build.run(order).expect_err("it fails");
            let main = build.get("main");
            build.run(["a"]).expect("an input");
            assert_eq!(build.get("later"), main, "{scheduler}, {order:?}: it was detached by a task that has ended");
        }
    }
}

/// A topological order that is overtaken: a key that is owed from a build that failed is begun before its turn, and
/// what it declares comes first all the same.
#[test]
fn a_key_that_is_owed_waits_for_what_it_declares() {
    everywhere(|scheduler, rebuilder| {
        let last = async |fetch: Fetch<'_, Key, i64>| match fetch.get("between").await? {
            2 => Err(TaskError::new("no")),
            between => Ok(between + 1),
        };
        let first = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("last");
            fetch.get("a").await
        };
        let tasks = Rules::new()
            .rule("first", declared(["a"], first))
            .rule("between", formula(["a"], |[a]| a + 1))
            .rule("last", declared(["between"], last));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 1)]);
        build.run(["first", "last"]).expect_err("it fails");
        build.set("a", 5).expect("set");
        build.run(["first", "last"]).unwrap_or_else(|error| panic!("{scheduler} × {rebuilder}: {error}"));
        assert_eq!(build.get("last"), Some(7), "{scheduler} × {rebuilder}");
    });
}
