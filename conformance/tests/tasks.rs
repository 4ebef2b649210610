//! What tasks may ask for, and what is asked of them.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use alacarte_conformance::{Tape, Yields};
use alacarte_core::{
    Answer, Build, Cause, Declared, Dynamic, Fetch, Fingerprint, KeyId, Metadata, Plan, PlanError, Problem, Question,
    Reason, Rebuilder, Schedules,
};
use alacarte_core::{
    Rules, Running, Scheduler, Static, TaskError, Tasks, WhenBlocked, declared, formula, off_thread, task,
};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::{Suspending, Topological};
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, RIGHT, everywhere, everywhere_dynamic, ran, system};

/// Tasks of which "top" must follow "before", which it does not fetch.
struct Ordered {
    rules: Rules<Key, i64>,
}

impl Tasks<Key, i64> for Ordered {
    type Power = Static;

    fn has(&self, key: &Key) -> bool {
        self.rules.has(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        self.rules.run(key, fetch)
    }

    fn declared(&self, key: &Key, each: &mut dyn FnMut(&Key)) -> bool {
        self.rules.declared(key, each)
    }

    fn order_only(&self, key: &Key, each: &mut dyn FnMut(&Key)) {
        if *key == "top" {
            each(&"before");
        }
    }
}

fn ordered(rebuilder: &str, scheduler: &str, inputs: &[(Key, i64)]) -> common::System<Ordered> {
    let rules = Rules::new()
        .rule("first", formula(["A"], |[a]| a))
        .rule("before", formula(["first"], |[a]: [i64; 1]| 10 / a))
        .rule("top", formula(["D"], |[d]| d + 1));
    system(scheduler, rebuilder, Ordered { rules }, inputs)
}

#[test]
fn what_must_precede_a_task_is_built_before_it_and_is_no_dependency() {
    everywhere(|scheduler, rebuilder| {
        let mut build = ordered(rebuilder, scheduler, &[("A", 1), ("D", 1)]);
        let report = build.run(["top"]).expect("built");
        assert_eq!(build.names(&report.ran), ["first", "before", "top"], "{scheduler} × {rebuilder}");
        build.set("A", 5).expect("set");
        let report = build.run(["top"]).expect("built");
        let all = rebuilder == "perpetual";
        assert_eq!(build.get("before"), Some(2), "{scheduler} × {rebuilder}");
        assert!(all || ran(&build, &report) == ["before", "first"], "{scheduler} × {rebuilder}");
    });
}

#[test]
fn what_must_precede_a_task_and_fails_fails_the_task_by_name() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    everywhere(|scheduler, rebuilder| {
        for keep_going in [false, true] {
            let mut build = ordered(rebuilder, scheduler, &[("A", 0), ("D", 1)]).with_keep_going(keep_going);
            let error = build.run(["top"]).expect_err("it divides by zero");
            assert!(error.failures.iter().any(|failure| failure.key == Some("before")), "{scheduler}: {error}");
            assert_eq!(build.get("top"), None, "{scheduler} × {rebuilder}");
            if keep_going {
                assert!(error.to_string().contains("top: it needs before, which failed"), "{scheduler}: {error}");
            }
            build.set("A", 1).expect("set");
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(2), "{scheduler} × {rebuilder}");
        }
    });
    std::panic::set_hook(hook);
}

/// Nothing comes before a task that misses what must precede it: whoever asked for it hears of that, and of no other key.
#[test]
fn what_fails_before_its_task_runs_fails_who_asked_for_it() {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT {
            let rules = Rules::new()
                .rule("top", formula(["D"], |[d]| d + 1))
                .rule("other", formula(["D"], |[d]| d + 2))
                .rule("higher", formula(["top", "other"], |[top, other]| top + other));
            let mut build = system(scheduler, rebuilder, Ordered { rules }, &[("D", 1)]);
            let error = build.run(["higher"]).expect_err("there is no key `before`");
            let told: Vec<_> = error.failures.iter().map(ToString::to_string).collect();
            let missing =
                "top: it needs before, which has no task and no value (define a rule for it, or give it a value)";
            assert_eq!(told, [missing, "higher: it needs top, which failed"], "{scheduler} × {rebuilder}");
        }
    }
}

/// A task that does not take what it declared does not fail with it.
#[test]
fn a_declared_dependency_that_fails_fails_only_those_that_fetch_it() {
    everywhere(|scheduler, rebuilder| {
        let refuse = declared(["A"], async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no")));
        let choose = declared(["bad", "A"], async |fetch| match fetch.get("A").await? {
            0 => fetch.get("bad").await,
            a => Ok(a),
        });
        let tasks = Rules::new().rule("bad", refuse).rule("top", choose);
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 3)]).with_keep_going(true);
        let told = build.run(["top"]).err().map(|error| error.to_string());
        assert_eq!(build.get("top"), Some(3), "{scheduler} × {rebuilder}");
        assert_eq!(told, (scheduler == "topological").then(|| "bad: no".into()), "{scheduler} × {rebuilder}");
        build.set("A", 0).expect("set");
        let error = build.run(["top"]).expect_err("it is taken").to_string();
        assert!(error.contains("top: it needs bad, which failed"), "{scheduler} × {rebuilder}: {error}");
    });
}

#[test]
fn a_task_may_ask_whether_a_key_is_up_to_date() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let ask = async |fetch: Fetch<'_, Key, i64>| {
            let before = fetch.is_ready(&"B");
            let b = fetch.get("B").await?;
            Ok(b * 100 + i64::from(before) * 10 + i64::from(fetch.is_ready(&"B")))
        };
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("top", task(ask));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 3)]);
        build.run(["top"]).expect("built");
        // One that was started again finds ready what it waited for.
        assert_eq!(build.get("top"), Some(if scheduler == "restarting" { 311 } else { 301 }));
    });
}

#[test]
fn keys_may_be_fetched_by_their_ids() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let by_id = async |fetch: Fetch<'_, Key, i64>| {
            let ids = ["A", "B", "A"].map(|key| fetch.id_of(&key));
            let all = fetch.ids(ids).await?;
            Ok(fetch.id(ids[1]).await? * 1000 + all[0] * 100 + all[1] * 10 + all[2])
        };
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("top", task(by_id));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 3)]);
        let (top, b) = (build.intern("top"), build.intern("B"));
        let report = build.run_ids(&[top]).expect("built");
        assert_eq!((build.get("top"), report.ran), (Some(4343), vec![b, top]), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn a_closure_may_run_on_a_thread_of_its_own() {
    let sum = async |fetch: Fetch<'_, Key, i64>| {
        let a = fetch.get("A").await?;
        fetch.work(off_thread(move || (0..=a).sum::<i64>())).await
    };
    let fall = async |fetch: Fetch<'_, Key, i64>| {
        let a = fetch.get("A").await?;
        fetch.work(off_thread(move || assert_eq!(a, 0, "it counts {a}"))).await.map(|()| 1)
    };
    let tasks = Rules::new().rule("sum", task(sum)).rule("fall", task(fall));
    let mut build = system("suspending", "verifying-trace", tasks, &[("A", 100)]).with_jobs(2);
    build.run(["sum"]).expect("built");
    assert_eq!(build.get("sum"), Some(5050));
    let error = build.run(["fall"]).expect_err("it panics").to_string();
    let said = "it counts 100\n  left: 100\n right: 0";
    assert_eq!(error, format!("fall: the thread that did its work panicked: assertion `left == right` failed: {said}"));
}

#[test]
fn a_pool_of_another_name_is_no_bound_and_each_pool_bounds_its_own() {
    let most = |pool: &'static str| {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut tasks =
            Rules::new().rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c"]).await?.iter().sum())));
        for key in ["a", "b", "c"] {
            let (now, most) = (now.clone(), most.clone());
            tasks.set(
                key,
                task(async move |fetch: Fetch<'_, Key, i64>| {
                    let work = async {
                        now.set(now.get() + 1);
                        most.set(most.get().max(now.get()));
                        Yields(3).await;
                        now.set(now.get() - 1);
                    };
                    fetch.work_in(pool, work).await;
                    Ok(1)
                }),
            );
        }
        let build = system("suspending", "verifying-trace", tasks, &[])
            .with_jobs(9)
            .with_pool("narrow", 1)
            .with_pool("wide", 2);
        build.with_pool("none", 0).run(["top"]).expect("built");
        most.get()
    };
    assert_eq!(["narrow", "wide", "none", "unknown"].map(most), [1, 2, 1, 3]);
}

/// Work in a pool, inside work: it needs a free place there, for it cannot wait for one.
#[test]
fn a_place_in_a_pool_cannot_be_waited_for_inside_work() {
    let inside = |pool: &'static str| {
        task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.work(fetch.work_in(pool, async { 7 })).await))
    };
    let holds = async |fetch: Fetch<'_, Key, i64>| {
        fetch.work_in("link", Yields(5)).await;
        Ok(1)
    };
    let tasks = Rules::new()
        .rule("inside", inside("link"))
        .rule("holds", task(holds))
        .rule("both", task(async |fetch| Ok(fetch.all(["holds", "inside"]).await?.iter().sum())));
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(4).with_pool("link", 1);
    build.run(["inside"]).expect("there is a free place");
    assert_eq!(build.get("inside"), Some(7));
    build.remove("inside").expect("removed");
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let error = build.run(["both"]).expect_err("there is none").to_string();
    std::panic::set_hook(hook);
    assert!(error.contains("inside: its task panicked") && error.contains("the pool link, which is full"), "{error}");
    // Whatever was held has come back.
    build.run(["both"]).expect("built");
    assert_eq!(build.get("both"), Some(8));
}

#[test]
fn a_panic_says_what_it_said() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tasks = Rules::new()
        .rule("text", task(async |_: Fetch<'_, Key, i64>| panic!("a text")))
        .rule("number", task(async |_: Fetch<'_, Key, i64>| panic!("number {}", 7 + 1)))
        .rule("thing", task(async |_: Fetch<'_, Key, i64>| std::panic::panic_any(7)));
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_keep_going(true);
    let said = ["text", "number", "thing"].map(|key| build.run([key]).expect_err("it panics").to_string());
    std::panic::set_hook(hook);
    let expected = ["text: its task panicked: a text", "number: its task panicked: number 8"];
    assert_eq!(said[..2], expected);
    assert_eq!(said[2], "thing: its task panicked: (no message)");
}

/// Where a journal outlives the process, the version of the program is what tells that closures were changed.
#[test]
fn rules_of_another_version_run_again() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let run = |version: Option<u64>, add: i64| {
            let rules = Rules::new().rule("B", formula(["A"], move |[a]| a + add)).rule("C", formula(["A"], |[a]| a));
            let rules = if let Some(version) = version { rules.with_version(version) } else { rules };
            let mut build = system(scheduler, rebuilder, rules, &[("A", 1)]).with_journal(tape.clone());
            let report = build.run(["B"]).expect("built");
            (report.ran.len(), build.get("B"))
        };
        let always = usize::from(rebuilder == "perpetual");
        assert_eq!(run(None, 1), (1, Some(2)), "{scheduler} × {rebuilder}");
        assert_eq!(run(None, 1), (always, Some(2)), "{scheduler} × {rebuilder}");
        assert_eq!(run(Some(1), 2), (1, Some(3)), "{scheduler} × {rebuilder}");
        assert_eq!(run(Some(1), 2), (always, Some(3)), "{scheduler} × {rebuilder}");
        assert_eq!(run(Some(2), 4), (1, Some(5)), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn rules_tell_what_they_hold() {
    let mut rules: Rules<Key, i64> = Rules::default().rule("B", formula(["A", "D"], |[a, d]| a + d));
    assert!(rules.has(&"B") && !rules.has(&"A"));
    assert_eq!(rules.definition(&"B"), None);
    rules.set("B", formula(["A"], |[a]| a));
    let once = rules.definition(&"B");
    rules.set("B", formula(["A"], |[a]| a));
    let twice = rules.definition(&"B");
    assert!(once.is_some() && twice.is_some() && once != twice);
    let mut declared = Vec::new();
    assert!(rules.declared(&"B", &mut |key| declared.push(*key)) && !rules.declared(&"A", &mut |_| {}));
    assert_eq!(declared, ["A"]);
    assert!(rules.remove(&"B") && !rules.remove(&"B"));
    let dynamic = rules.rule("B", task(async |_| Ok(1)));
    assert!(!dynamic.declared(&"B", &mut |_| {}));
    let (one, other) =
        (dynamic.with_version(1).definition(&"B"), Rules::new().rule("B", formula([] as [Key; 0], |[]| 1)));
    assert_ne!(one, Tasks::<Key, i64>::definition(&other.with_version(2), &"B"));
}

/// A scheduler that says why there is no order.
struct Refusing(RefCell<Option<Problem>>);

impl Scheduler for Refusing {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        let mut into = Vec::new();
        assert_ne!(plan.declared(plan.targets[0], &mut into), Declared::Input);
        match self.0.take() {
            Some(problem) => Err(PlanError::new(plan.targets[0], problem)),
            None => Ok(()),
        }
    }

    fn push(&mut self, _: KeyId, _: &Metadata) {}

    fn pop(&mut self) -> Option<KeyId> {
        None
    }
}

impl Schedules<Static> for Refusing {}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let cause = Problem::Other(Cause::Task("it is Sunday".into()));
    let tasks = Rules::new().rule("B", formula(["A"], |[a]| a));
    let mut build = Build::new(tasks, Memory::from([("A", 1)]))
        .with_scheduler(Refusing(RefCell::new(Some(cause))))
        .with_rebuilder(VerifyingTrace);
    assert_eq!(build.run(["B"]).expect_err("it has no plan").to_string(), "B: it is Sunday");
}

/// Tasks that say nothing of themselves: they have no definition, and no order that anybody could know.
#[test]
fn tasks_may_say_no_more_than_they_must() {
    struct Plain;
    impl Tasks<Key, i64> for Plain {
        type Power = Dynamic;
        fn has(&self, key: &Key) -> bool {
            *key == "B"
        }
        fn run<'t>(&'t self, _: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
            Running::Future(Box::pin(async move { Ok(fetch.get("A").await? + 1) }))
        }
    }
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, Plain, &[("A", 1)]);
        let outcome = build.run(["B"]);
        if scheduler == "topological" {
            let error = outcome.expect_err("it has no order");
            assert!(matches!(error.failures[0].cause, Cause::Dynamic), "{error}");
        } else {
            outcome.expect("built");
            assert_eq!(build.get("B"), Some(2), "{scheduler} × {rebuilder}");
        }
        let tasks = build.tasks();
        assert_eq!((tasks.definition(&"B"), tasks.collection(), tasks.moment()), (None, None, None));
        assert!(!tasks.changed_since(0, &mut |_| {}), "it remembers no moment");
    });
}

/// A scheduler that knows no order and yet refuses to let a task wait: what is declared comes first all the same.
#[test]
fn a_scheduler_may_say_no_more_than_it_must() {
    #[derive(Default)]
    struct Plain(Vec<KeyId>);
    impl Scheduler for Plain {
        fn when_blocked(&self) -> WhenBlocked {
            WhenBlocked::Refuse
        }
        fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
            self.0 = plan.targets.to_vec();
            Ok(())
        }
        fn push(&mut self, key: KeyId, _: &Metadata) {
            self.0.push(key);
        }
        fn pop(&mut self) -> Option<KeyId> {
            self.0.pop()
        }
    }

    impl Schedules<Static> for Plain {}
    for rebuilder in common::RIGHT {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B", "A"], |[b, a]| b * a));
        let mut build = Build::new(tasks, Memory::from([("A", 1)]))
            .with_scheduler(Plain::default())
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
        for (a, c) in [(1, 2), (3, 12), (3, 12)] {
            build.set("A", a).expect("set");
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(c), "{rebuilder}");
        }
    }
}

#[test]
fn a_cycle_is_told_from_the_key_that_was_met_first() {
    for scheduler in alacarte_schedulers::NAMES {
        let on = |key: Key| formula([key], |[value]: [i64; 1]| value);
        let tasks = Rules::new().rule("B", on("C")).rule("C", on("D")).rule("D", on("B")).rule("top", on("D"));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]);
        for key in ["C", "D", "B"] {
            build.intern(key);
        }
        for _ in 0..2 {
            let error = build.run(["top"]).expect_err("a cycle");
            assert!(error.to_string().starts_with("a cycle: C → D → B → C"), "{scheduler}: {error}");
        }
    }
}

/// A rebuilder that waits for nothing, and a task that does: both are told, and neither is waited for.
#[test]
fn whoever_waits_for_nothing_is_named() {
    struct Waiting;
    impl Tasks<Key, i64> for Waiting {
        type Power = Static;
        fn has(&self, key: &Key) -> bool {
            *key == "B"
        }
        fn run<'t>(&'t self, _: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
            assert!(matches!(fetch.poll_ids(&[], |_| {}), Poll::Ready(Ok(()))), "nothing is up to date at once");
            Running::Waiting
        }
        fn declared(&self, _: &Key, _: &mut dyn FnMut(&Key)) -> bool {
            true
        }
        fn definition(&self, _: &Key) -> Option<Fingerprint> {
            Some(Fingerprint(1))
        }
    }
    let mut build = Build::new(Waiting, Memory::<Key, i64>::new())
        .with_scheduler(Topological::new())
        .with_rebuilder(Box::new(VerifyingTrace));
    let error = build.run(["B"]).expect_err("it waits for ever");
    assert!(matches!(error.failures[..], [ref failure] if matches!(failure.cause, Cause::Stuck)), "{error}");
}

/// A rebuilder that keeps what is not there: it is named, and nobody who fetches it is given less than was asked for.
#[test]
fn a_key_that_is_kept_without_a_value_fails_whoever_fetches_it() {
    struct Keeps;
    impl Rebuilder<Key, i64> for Keeps {
        fn ask(&self, question: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
            Poll::Ready(if *question.name() == "B" { Answer::Keep } else { Answer::Run(Reason::Always) })
        }
    }
    let tasks = || {
        let low = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("formula", formula(["A", "B"], |[a, b]| a + b));
        low.rule("one", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("B").await))
            .rule("group", task(async |fetch| Ok(fetch.all(["A", "B"]).await?.iter().sum())))
    };
    for scheduler in ["restarting", "suspending"] {
        for key in ["one", "group", "formula"] {
            let mut build = Build::new(tasks(), Memory::from([("A", 1)]))
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(Keeps)
                .with_keep_going(true);
            let failures = build.run([key]).expect_err("B has no value").failures;
            let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
            let kept = format!("B: {}", Cause::KeptNothing);
            assert_eq!(told, [kept, format!("{key}: it needs B, which failed")], "{scheduler}");
        }
    }
}

/// A rebuilder may look at values: here one that runs a task only where more than a tenth of its input has changed.
#[test]
fn a_rebuilder_may_look_at_what_its_fetches_brought() {
    struct Coarse;
    impl Rebuilder<Key, i64> for Coarse {
        fn ask(&self, question: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
            let (a, b) = (KeyId::new(0), question.key());
            std::task::ready!(question.fetch(a));
            let near = match (question.value(a), question.value(b)) {
                (Some(now), Some(then)) => (now - then).abs() <= then / 10,
                _ => false,
            };
            Poll::Ready(if near { Answer::Keep } else { Answer::Run(Reason::Always) })
        }
    }
    let mut build = Build::new(Rules::new().rule("B", formula(["A"], |[a]| a)), Memory::from([("A", 100)]))
        .with_scheduler(Topological::new())
        .with_rebuilder(Coarse);
    build.intern("A");
    for (a, b) in [(100, 100), (105, 100), (110, 100), (111, 111), (105, 111)] {
        build.set("A", a).expect("set");
        build.run(["B"]).expect("built");
        assert_eq!(build.get("B"), Some(b), "A = {a}");
    }
}

/// Each key that a task fetches is a dependency of its own, however much their numbers have in common.
#[test]
fn keys_with_numbers_that_look_alike_are_dependencies_each() {
    const LIKE: [u64; 4] = [0, 64, 128, 256];
    let sum = task(async |fetch: Fetch<'_, u64, i64>| {
        let mut sum = 0;
        for key in LIKE {
            sum += fetch.get(key).await?;
        }
        Ok(sum)
    });
    let inputs: Memory<u64, i64> = (0..300).map(|key| (key, 1)).collect();
    let mut build = Build::new(Rules::new().rule(300_u64, sum), inputs)
        .with_scheduler(Suspending::new())
        .with_rebuilder(VerifyingTrace)
        .with_journal(Tape::default());
    for key in 0..300 {
        build.intern(key);
    }
    build.run([300]).expect("it builds");
    for (changed, key) in (1..).zip(LIKE) {
        build.set(key, 2).expect("it is set");
        build.run([300]).expect("it builds");
        assert_eq!(build.get(300), Some(4 + changed), "{key}");
    }
}
