//! Faults: whatever goes wrong is told by name, the rest goes on if asked to, nothing hangs, and the next build
//! is right.

mod common;

use alacarte_conformance::Yields;
use alacarte_core::{
    Answer, Build, Cause, Fetch, Metadata, Question, Reason, Rebuilder, Rules, TaskError, Value, declared, formula,
    task,
};
use alacarte_metadata::VerifyingTraces;
use alacarte_rebuilders::{DirtyBit, PerKey, Policy, VerifyingTrace};
use alacarte_schedulers::{Restarting, Suspending};
use alacarte_stores::Memory;
use common::{Key, everywhere, everywhere_dynamic, ran, system};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

fn picky(limit: i64) -> Rules<Key, i64, alacarte_core::Dynamic> {
    let check = async move |fetch: Fetch<'_, Key, i64>| match fetch.get("A").await? {
        a if a < limit => Ok(a),
        a => Err(TaskError::new(format!("{a} is too much"))),
    };
    Rules::new()
        .rule("picky", task(check))
        .rule("above", task(async |fetch| Ok(fetch.get("picky").await? + 1)))
        .rule("beside", formula(["A"], |[a]| a * 2))
        .rule("top", formula(["above", "beside"], |[a, b]| a + b))
}

#[test]
fn a_failing_task_fails_its_dependents_by_name_and_can_be_mended() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, picky(10), &[("A", 1)]);
        build.run(["top"]).expect("built");
        build.set("A", 10).expect("set");
        for _ in 0..2 {
            let error = build.run(["top"]).expect_err("it fails");
            assert_eq!(error.failures[0].to_string(), "picky: 10 is too much", "{scheduler} × {rebuilder}");
            let named = error.failures.iter().filter(|failure| failure.cause.is_consequence());
            assert!(named.clone().any(|failure| failure.to_string().contains("picky")), "{error}");
        }
        build.set("A", 9).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!(build.get("top"), Some(28), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn keep_going_builds_whatever_does_not_need_what_failed() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, picky(10), &[("A", 11)]).with_keep_going(true);
        build.run(["top"]).expect_err("it fails");
        assert_eq!((build.get("beside"), build.get("above")), (Some(22), None), "{scheduler} × {rebuilder}");
    });
}

/// A rebuilder as somebody may write it: it looks at the values of what a trace names.
struct ByValue;

impl Rebuilder<Key, i64> for ByValue {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<VerifyingTraces>();
        let Some(trace) = traces.table().newest(question.key()) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        for dependency in trace.dependencies().filter(|dependency| !dependency.key.is_definition()) {
            ready!(question.fetch(dependency.key));
            if question.value(dependency.key).map(Value::fingerprint) != Some(dependency.fingerprint) {
                return Poll::Ready(Answer::Run(Reason::Always));
            }
        }
        Poll::Ready(Answer::Keep)
    }
}

#[test]
fn a_dependency_that_failed_shows_no_value() {
    let rules = Rules::new()
        .rule("middle", task(async |fetch| Ok(fetch.get("A").await? + 1)))
        .rule("top", task(async |fetch| Ok(fetch.get("middle").await? * 2)));
    let build = Build::new(rules, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(ByValue);
    let mut build = build.with_keep_going(true);
    build.run(["top"]).expect("built");
    build.remove("A").expect("removed");
    let error = build.run(["top"]).expect_err("what it needs cannot be made");
    let failed: Vec<&str> = error.failures.iter().filter_map(|failure| failure.key).collect();
    assert_eq!(failed, ["middle", "top"], "{error}");
    build.set("A", 2).expect("set");
    build.run(["top"]).expect("built");
    assert_eq!(build.get("top"), Some(6));
}

#[test]
fn a_panic_is_the_error_of_the_task_that_panicked() {
    everywhere(|scheduler, rebuilder| {
        let tasks =
            Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| 10 / a)).rule("C", formula(["B"], |[b]| b + 1));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let error = build.run(["C"]).expect_err("it panics");
        std::panic::set_hook(hook);
        assert!(matches!(error.failures[0].cause, Cause::Panic(_)), "{scheduler} × {rebuilder}: {error}");
        assert!(error.to_string().contains("divide by zero"), "{error}");
        build.set("A", 5).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(3), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn a_missing_input_is_named_with_the_task_that_needs_it() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        let error = build.run(["C"]).expect_err("missing");
        assert!(matches!(&error.failures[0].cause, Cause::MissingInput { dependency } if dependency == "A"), "{error}");
        assert_eq!(error.failures[0].key, Some("B"));
        build.set("A", 4).expect("set");
        build.run(["C"]).expect("built");
        build.remove("A").expect("removed");
        build.run(["C"]).expect_err("missing again");
        let error = build.run(["nobody"]).expect_err("unknown");
        assert!(matches!(error.failures[0].cause, Cause::MissingTarget), "{error}");
        build.set("A", 6).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(6), "{scheduler} × {rebuilder}");
    });
}

/// The graph of the tests of dropped builds: work in each task.
fn working() -> Rules<Key, i64, alacarte_core::Dynamic> {
    let link = |below: Key| {
        task(async move |fetch: Fetch<'_, Key, i64>| {
            fetch.work(Yields(2)).await;
            let value = fetch.get(below).await?;
            fetch.work(Yields(1)).await;
            Ok(value + 1)
        })
    };
    Rules::new()
        .rule("B", link("A"))
        .rule("C", link("B"))
        .rule("D", link("A"))
        .rule("top", task(async |fetch| Ok(fetch.all(["C", "D"]).await?.iter().sum())))
}

#[test]
fn a_build_may_be_dropped_at_any_moment() {
    everywhere_dynamic(|scheduler, rebuilder| {
        for polls in 0..20 {
            let mut build = system(scheduler, rebuilder, working(), &[("A", 0)]).with_jobs(2);
            for start in [10, 20, 10] {
                build.set("A", start).expect("set");
                let mut future: LocalBoxFuture<'_, _> = build.run_async(["top"]).boxed_local();
                let mut cx = Context::from_waker(Waker::noop());
                for _ in 0..polls {
                    if future.as_mut().poll(&mut cx).is_ready() {
                        break;
                    }
                }
                drop(future);
                build.run(["top"]).expect("built");
                assert_eq!(build.get("top"), Some(2 * start + 3), "{scheduler} × {rebuilder}, {polls} polls");
            }
        }
    });
}

/// A build of other targets that is dropped leaves keys that were never built; the next one must not take them
/// for done.
#[test]
fn a_first_build_of_new_targets_that_is_dropped_does_not_count() {
    everywhere(|scheduler, rebuilder| {
        let work = |below: Key| {
            alacarte_core::declared([below], async move |fetch: Fetch<'_, Key, i64>| {
                fetch.work(Yields(1)).await;
                fetch.get(below).await
            })
        };
        let tasks = Rules::new().rule("B", work("A")).rule("C", work("B"));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 7)]);
        build.run(["B"]).expect("built");
        let mut future = build.run_async(["C"]).boxed_local();
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(future);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(7), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn detached_work_has_finished_when_the_build_ends_and_is_no_dependency() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule(
                "later",
                task(async |fetch| {
                    fetch.work(Yields(5)).await;
                    fetch.get("A").await
                }),
            )
            .rule(
                "B",
                task(async |fetch| {
                    fetch.detach("later");
                    fetch.get("A").await
                }),
            );
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 3)]);
        build.run(["B"]).expect("built");
        assert_eq!(build.get("later"), Some(3), "{scheduler} × {rebuilder}");
        build.remove("later").expect("removed");
        let report = build.run(["B"]).expect("built");
        assert!(rebuilder == "perpetual" || report.ran.is_empty(), "{scheduler} × {rebuilder}: it is no dependency");
    });
}

#[test]
fn a_volatile_key_runs_in_every_build_and_its_dependents_only_if_it_changed() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let clock = Rc::new(Cell::new(0));
        let now = clock.clone();
        let tasks = Rules::new()
            .rule(
                "clock",
                task(async move |fetch: Fetch<'_, Key, i64>| {
                    fetch.volatile();
                    Ok(now.get())
                }),
            )
            .rule("top", task(async |fetch| Ok(fetch.get("clock").await? / 10)));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        for (time, expected) in [(0, 2), (0, 1), (5, 2), (30, 2), (30, 1)] {
            clock.set(time);
            let report = build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(time / 10), "{scheduler} × {rebuilder}");
            let expected = if rebuilder == "perpetual" { 2 } else { expected };
            assert_eq!(report.ran.len(), expected, "{scheduler} × {rebuilder} at {time}: {:?}", ran(&build, &report));
        }
    });
}

/// Outside work that knows how much of it is underway.
struct Gauge {
    now: Cell<usize>,
    most: Cell<usize>,
}

impl Gauge {
    fn new() -> Rc<Self> {
        Rc::new(Gauge { now: Cell::new(0), most: Cell::new(0) })
    }

    async fn work(&self, length: u64) {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        Yields(length).await;
        self.now.set(self.now.get() - 1);
    }
}

#[test]
fn job_slots_are_never_more_than_allowed_and_all_are_used() {
    for scheduler in common::DYNAMIC {
        for jobs in 1..5 {
            let gauge = Gauge::new();
            let mut tasks = Rules::new()
                .rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c", "d", "e", "f"]).await?.iter().sum())));
            for (key, length) in [("a", 3), ("b", 1), ("c", 4), ("d", 1), ("e", 5), ("f", 2)] {
                let gauge = gauge.clone();
                tasks = tasks.rule(
                    key,
                    task(async move |fetch: Fetch<'_, Key, i64>| {
                        fetch.work(gauge.work(length)).await;
                        Ok(1)
                    }),
                );
            }
            let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(jobs);
            build.run(["top"]).expect("built");
            assert_eq!((gauge.most.get(), build.get("top")), (jobs, Some(6)), "{scheduler}");
        }
    }
}

/// The end of work that went on in the place of other work freed a place that it had never taken.
#[test]
fn work_inside_work_leaves_as_many_slots_as_there_were() {
    for scheduler in common::DYNAMIC {
        let gauge = Gauge::new();
        let mut tasks =
            Rules::new().rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c"]).await?.iter().sum())));
        for key in ["a", "b", "c"] {
            let gauge = gauge.clone();
            tasks = tasks.rule(
                key,
                task(async move |fetch: Fetch<'_, Key, i64>| {
                    fetch.work(fetch.work(gauge.work(2))).await;
                    fetch.work(gauge.work(2)).await;
                    Ok(1)
                }),
            );
        }
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1);
        build.run(["top"]).expect("built");
        assert_eq!((gauge.most.get(), build.get("top")), (1, Some(3)), "{scheduler}");
    }
}

#[test]
fn a_pool_bounds_the_work_that_names_it() {
    let (links, all) = (Gauge::new(), Gauge::new());
    let mut tasks =
        Rules::new().rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c", "d", "e", "f"]).await?.iter().sum())));
    for (key, length) in [("a", 3), ("b", 1), ("c", 4), ("d", 1), ("e", 5), ("f", 2)] {
        let (links, all) = (links.clone(), all.clone());
        tasks = tasks.rule(
            key,
            task(async move |fetch: Fetch<'_, Key, i64>| {
                let inner = links.clone();
                let work = async { futures::join!(inner.work(length), all.work(length)) };
                fetch.work_in("link", work).await;
                Ok(1)
            }),
        );
    }
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(4).with_pool("link", 2);
    build.run(["top"]).expect("built");
    assert_eq!((links.most.get(), build.get("top")), (2, Some(6)));
}

/// All outside work has a pool of its own, and no name of a pool is taken for that.
#[test]
fn a_pool_may_have_any_name() {
    for (added, expected) in [(None, 4), (Some(2), 2)] {
        let all = Gauge::new();
        let keys = ["a", "b", "c", "d", "e", "f"];
        let mut tasks = Rules::new().rule("top", task(async move |fetch| Ok(fetch.all(keys).await?.iter().sum())));
        for key in keys {
            let all = all.clone();
            tasks = tasks.rule(
                key,
                task(async move |fetch: Fetch<'_, Key, i64>| {
                    fetch.work_in("jobs", all.work(3)).await;
                    Ok(1)
                }),
            );
        }
        let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(4);
        if let Some(depth) = added {
            build = build.with_pool("jobs", depth);
        }
        build.run(["top"]).expect("built");
        assert_eq!((all.most.get(), build.get("top")), (expected, Some(6)));
    }
}

/// Two pieces of work at once in one task, and one place for both: the second waits for the first.
#[test]
fn a_task_may_do_several_works_at_once() {
    for scheduler in common::DYNAMIC {
        for jobs in 1..4 {
            let both = async |fetch: Fetch<'_, Key, i64>| {
                let (a, b, c) = futures::join!(
                    fetch.work(async {
                        Yields(2).await;
                        1
                    }),
                    fetch.work(async {
                        Yields(3).await;
                        2
                    }),
                    fetch.work(async {
                        Yields(1).await;
                        3
                    }),
                );
                Ok(a + b + c)
            };
            let tasks = Rules::new()
                .rule("x", task(both))
                .rule("y", task(both))
                .rule("top", formula(["x", "y"], |[x, y]| x + y));
            let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(jobs);
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(12), "{scheduler}, {jobs} jobs");
        }
    }
}

/// A key that fetches in the middle of its own outside work, and what it fetches fails while other work is underway.
#[test]
fn a_task_that_has_failed_is_not_started_again() {
    let started = Rc::new(Cell::new(0));
    let count = started.clone();
    let tasks = Rules::new()
        .rule(
            "bad",
            task(async |fetch: Fetch<'_, Key, i64>| {
                fetch.work(Yields(2)).await;
                Err(TaskError::new("no"))
            }),
        )
        .rule(
            "long",
            task(async |fetch: Fetch<'_, Key, i64>| {
                fetch.work(Yields(20)).await;
                Ok(1)
            }),
        )
        .rule(
            "holds",
            task(async move |fetch: Fetch<'_, Key, i64>| {
                count.set(count.get() + 1);
                fetch.work(async { fetch.get("bad").await }).await
            }),
        )
        .rule("top", task(async |fetch| Ok(fetch.all(["holds", "long"]).await?.iter().sum())));
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(4);
    build.run(["top"]).expect_err("it fails");
    assert_eq!(started.get(), 1);
}

#[test]
fn every_key_may_have_a_policy_of_its_own() {
    let policies = [
        Policy::DirtyBit,
        Policy::VerifyingTrace,
        Policy::ConstructiveTrace,
        Policy::DeepConstructiveTrace,
        Policy::Volatile,
    ];
    for seed in 0..64_usize {
        let choose = move |key: &Key| policies[(seed * 31 + key.as_bytes()[0] as usize * (seed | 1)) % 5];
        let tasks = Rules::new()
            .rule("a", formula(["x"], |[x]: [i64; 1]| x.min(3)))
            .rule("b", formula(["a", "y"], |[a, y]| a + y))
            .rule("c", task(async |fetch| fetch.get(if fetch.get("a").await? > 1 { "b" } else { "y" }).await))
            .rule("d", formula(["b", "c"], |[b, c]| b * c));
        let mut build = Build::new(tasks, Memory::from([("x", 0), ("y", 1)]))
            .with_scheduler(Restarting::new())
            .with_rebuilder(PerKey::new(choose));
        for (x, y) in [(0, 1), (2, 1), (5, 1), (6, 1), (2, 1), (0, 4), (5, 1), (0, 1), (2, 4)] {
            build.set("x", x).expect("set");
            build.set("y", y).expect("set");
            build.run(["d"]).expect("built");
            let b = x.min(3) + y;
            assert_eq!(build.get("d"), Some(b * if x.min(3) > 1 { b } else { y }), "seed {seed}");
        }
    }
}

mod typed {
    use alacarte_core::{Build, Fetch, FetchRule, Output, Result, Rule, RuleKey, TypedRules};
    use alacarte_stores::Memory;

    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Text(u32);
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Length(u32);
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Report;

    impl Rule for Text {
        type Output = String;
        const INPUT: bool = true;
        async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<String> {
            unreachable!("an input")
        }
    }

    impl Rule for Length {
        type Output = usize;
        async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<usize> {
            Ok(fetch.rule(Text(self.0)).await?.len())
        }
    }

    impl Rule for Report {
        type Output = Vec<String>;
        async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<Vec<String>> {
            Ok(vec![fetch.rule(Length(1)).await?.to_string(), fetch.rule(Length(2)).await?.to_string()])
        }
    }

    #[test]
    fn rules_of_several_output_types_build_each_other() {
        let inputs =
            [(Text(1).into(), Output::new("one".to_string())), (Text(2).into(), Output::new("three".to_string()))];
        let mut build = Build::new(TypedRules, Memory::from(inputs))
            .with_scheduler(super::Suspending::new())
            .with_rebuilder(super::VerifyingTrace);
        let report = RuleKey::new(Report);
        build.run([&report]).expect("built");
        let lines = |build: &Option<Output>| build.as_ref().and_then(|output| output.get::<Vec<String>>().cloned());
        assert_eq!(lines(&build.get(&report)), Some(vec!["3".into(), "5".into()]));
        build.set(RuleKey::new(Text(1)), Output::new("two".to_string())).expect("set");
        let ran = build.run([&report]).expect("built").ran;
        assert_eq!(build.names(&ran), [RuleKey::new(Length(1))], "as long as before");
        build.set(RuleKey::new(Text(1)), Output::new(7_u8)).expect("set");
        let error = build.run([&report]).expect_err("of another type").to_string();
        assert!(error.contains("Text(1)"), "{error}");
    }
}

/// The static types accept what strategies that are found by their names do.
#[test]
fn named_combinations_compile() {
    let mut build =
        Build::new(picky(10), Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
    build.run(["top"]).expect("built");
    assert_eq!(build.get("top"), Some(4));
}

#[test]
fn a_fetch_inside_outside_work_is_an_error_rather_than_a_wait_for_ever() {
    let tasks = || {
        Rules::new()
            .rule(
                "below",
                task(async |fetch| {
                    fetch.work(Yields(2)).await;
                    Ok(7)
                }),
            )
            .rule("careless", task(async |fetch| fetch.work(async { fetch.get("below").await }).await))
    };
    for jobs in [1, 4] {
        for scheduler in common::DYNAMIC {
            let mut build = system(scheduler, "verifying-trace", tasks(), &[]).with_jobs(jobs);
            let error = build.run(["careless"]).expect_err("it fails").to_string();
            assert!(error.contains("careless") && error.contains("below"), "{scheduler}, {jobs} jobs: {error}");
            // A key that is up to date is no wait.
            build.run(["below"]).expect("built");
            build.run(["careless"]).expect("built");
        }
    }
}

/// Nobody waits for a detached key, so nobody noticed that it was an input without a value.
#[test]
fn a_detached_input_without_a_value_fails_the_build_by_name() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let start = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("nobody");
            fetch.detach("nobody");
            Ok(1)
        };
        let tasks = Rules::new().rule("top", task(start));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        let error = build.run(["top"]).expect_err("it is missing");
        assert_eq!(error.failures.len(), 1, "{scheduler} × {rebuilder}: {error}");
        assert!(matches!(error.failures[0].cause, Cause::MissingTarget), "{scheduler} × {rebuilder}: {error}");
        assert_eq!(error.failures[0].key, Some("nobody"));
        build.set("nobody", 3).expect("set");
        build.run(["top"]).expect("built");
    });
}

/// In a topological order a task is visited after all that it declares, taken or not; what it does not take may fail. (Only
/// while other work is underway does the engine look whether what is declared is there.)
#[test]
fn a_declared_dependency_that_fails_fails_nobody_who_does_not_take_it() {
    for rebuilder in common::RIGHT {
        let long = async |fetch: Fetch<'_, Key, i64>| {
            fetch.work(Yields(9)).await;
            Ok(0)
        };
        let bad = async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no"));
        let top = async |fetch: Fetch<'_, Key, i64>| fetch.get("good").await;
        let tasks = Rules::new()
            .rule("long", declared([] as [Key; 0], long))
            .rule("bad", declared([] as [Key; 0], bad))
            .rule("good", formula([] as [Key; 0], |[]| 1))
            .rule("top", declared(["good", "bad"], top));
        let mut build = system("topological", rebuilder, tasks, &[]).with_jobs(2).with_keep_going(true);
        build.run(["long", "top"]).expect_err("what is declared is built");
        assert_eq!(build.get("top"), Some(1), "{rebuilder}");
    }
}

/// Targets in a circle, above one, beside one; twice, for the second build makes no other order.
#[test]
fn a_circle_fails_what_needs_it_and_nothing_else_if_the_build_keeps_going() {
    everywhere(|scheduler, rebuilder| {
        let rules = Rules::new()
            .rule("a", formula(["b"], |[b]: [i64; 1]| b))
            .rule("b", formula(["c", "x"], |[c, x]| c + x))
            .rule("c", formula(["a"], |[a]: [i64; 1]| a))
            .rule("above", formula(["x", "b"], |[x, b]| x + b))
            .rule("higher", formula(["above"], |[above]: [i64; 1]| above))
            .rule("beside", formula(["x"], |[x]: [i64; 1]| x + 1));
        let mut build = system(scheduler, rebuilder, rules, &[("x", 1)]).with_keep_going(true);
        for x in [1, 2] {
            build.set("x", x).expect("set");
            let error = build.run(["higher", "beside", "c", "above"]).expect_err("a circle");
            let failures = error.failures.iter().map(|failure| (failure.key.unwrap_or_default(), failure.to_string()));
            let mut failures: Vec<_> = failures.collect();
            failures.sort();
            let keys: Vec<_> = failures.iter().map(|(key, _)| *key).collect();
            assert_eq!(keys, ["a", "above", "b", "c", "higher"], "{scheduler} × {rebuilder}: {error}");
            let circles = failures.iter().filter(|(_, text)| text.starts_with("a cycle: "));
            assert_eq!(circles.count(), 1, "{scheduler} × {rebuilder}: {error}");
            assert!(error.to_string().contains("higher: it needs above, which failed"), "{scheduler}: {error}");
            assert_eq!(build.get("beside"), Some(x + 1), "{scheduler} × {rebuilder}");
        }
    });
}
