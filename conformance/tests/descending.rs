//! A fetch that descends: where the scheduler goes depth first, what a task misses is brought up to date within its fetch.
//! What is told of builds does not tell it from a task that is suspended and resumed.

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use alacarte_conformance::{Tape, Yields};
use alacarte_core::{
    Answer, Build, BuildError, Cause, Decision, Dynamic, Fetch, Fingerprint, Key as AnyKey, KeyId, Metadata, Plan,
    PlanError, Power, Question, Rebuilder, Rules, Running, Scheduler, Schedules, TaskError, TaskFuture, Tasks, Value,
    WhenBlocked, formula, task,
};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;
use common::{Key, system};

/// Suspending, as it is, but that every key is queued.
struct Queued(Suspending);

impl Scheduler for Queued {
    fn when_blocked(&self) -> WhenBlocked {
        self.0.when_blocked()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.0.plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.0.push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Queued {}

/// A stream of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a key does with the values of others.
#[derive(Clone, Debug)]
struct Does {
    fetches: Vec<u64>,
    /// Fetches the last of them only if the first is odd.
    turns: bool,
    together: bool,
    /// Fails if what it has seen is a multiple of it.
    fails: i64,
    /// Goes on with the others if one has failed.
    stubborn: bool,
    remainder: i64,
}

const INPUTS: u64 = 5;

/// Keys from [`INPUTS`] on, each with what it does. Some fetch groups, if there are to be any.
fn random(numbers: &mut Numbers, groups: bool) -> Vec<Does> {
    let (size, reach) = (1 + numbers.below(60), 1 + numbers.below(8));
    (INPUTS..INPUTS + size)
        .map(|key| {
            let near = |numbers: &mut Numbers| match numbers.below(4) {
                0 => numbers.below(key),
                _ => key - 1 - numbers.below(reach.min(key)),
            };
            let others: Vec<u64> = (0..numbers.below(5)).map(|_| near(numbers)).collect();
            let fetches = (reach == 1).then_some(key - 1).into_iter().chain(others).collect();
            Does {
                fetches,
                turns: numbers.below(2) == 0,
                together: groups && numbers.below(3) == 0,
                fails: if numbers.below(8) == 0 { 7 } else { i64::MAX },
                stubborn: numbers.below(3) == 0,
                remainder: 1 + numbers.below(20) as i64,
            }
        })
        .collect()
}

async fn act(does: &Does, fetch: Fetch<'_, u64, i64>) -> alacarte_core::Result<i64> {
    let (last, first) = match does.fetches.split_last() {
        Some((last, first)) if does.turns => (Some(*last), first),
        _ => (None, &does.fetches[..]),
    };
    let mut sum = 1;
    if does.together {
        sum += fetch.all(first).await?.iter().sum::<i64>();
    } else {
        for key in first {
            match fetch.get(*key).await {
                Ok(value) => sum = 3 * sum + value,
                Err(_) if does.stubborn => {}
                Err(error) => return Err(error),
            }
        }
    }
    if let Some(last) = last.filter(|_| sum % 2 != 0) {
        sum += fetch.get(last).await?;
    }
    if sum % does.fails == 0 {
        return Err(TaskError::new("it fails"));
    }
    Ok(sum % does.remainder)
}

/// All that is told of a few builds, a line each; of which only what does not depend on the order, if that is free.
fn history<S: Schedules<Dynamic>>(scheduler: S, does: &[Does], free: bool, mut numbers: Numbers) -> Vec<Vec<String>> {
    let mut tasks = Rules::new().rule(u64::MAX, task(async |_: Fetch<'_, u64, i64>| Ok(0)));
    for (key, does) in (INPUTS..).zip(does.iter().cloned()) {
        tasks.set(key, task(async move |fetch: Fetch<'_, u64, i64>| act(&does, fetch).await));
    }
    let told = Rc::new(RefCell::new(Vec::new()));
    let tell = told.clone();
    let inputs: Memory<u64, i64> = (0..INPUTS).map(|key| (key, 1)).collect();
    let mut build = Build::new(tasks, inputs)
        .with_scheduler(scheduler)
        .with_rebuilder(VerifyingTrace)
        .with_journal(Tape::default())
        .with_keep_going(free || numbers.below(2) == 0)
        .with_observer(move |keys, key, decision: &Decision| {
            let what = format!("{decision:?}");
            let what = if free { what.split([' ', '(']).next().unwrap_or_default() } else { &what };
            tell.borrow_mut().push(format!("{} {what}", keys.name(key)));
        });
    let top = INPUTS + does.len() as u64;
    let mut builds = Vec::new();
    for _ in 0..4 {
        let targets: Vec<u64> = (0..1 + numbers.below(3)).map(|_| top - 1 - numbers.below(top.min(6))).collect();
        let (report, failures) = match build.run(targets) {
            Ok(report) => (report, Vec::new()),
            Err(BuildError { report, failures, .. }) => (report, failures),
        };
        let mut lines = std::mem::take(&mut *told.borrow_mut());
        if free {
            lines.sort_unstable();
            lines.push(format!("{} kept, {} failed", report.kept, failures.len()));
        } else {
            lines.push(format!("{report:?}"));
            lines.extend(failures.iter().map(|failure| format!("{:?}: {}", failure.key, failure.cause)));
        }
        builds.push(lines);
        build.set(numbers.below(INPUTS), numbers.below(9) as i64).expect("it is set");
    }
    builds
}

/// Graphs of up to sixty keys, some deeper than a fetch descends, with failures, and tasks that go on when one of their fetches
/// has failed: every decision is the same, in the same order. Where groups are fetched, what is queued already may go on earlier
/// or later; there the order is free.
#[test]
fn it_tells_of_every_build_what_queueing_tells() {
    let (mut deep, mut failed) = (0, 0);
    for seed in 0..800 {
        let mut numbers = Numbers(seed);
        let groups = numbers.below(2) == 0;
        let does = random(&mut numbers, groups);
        let play = numbers.below(1 << 30);
        let told = history(Suspending::new(), &does, groups, Numbers(play));
        let queued = history(Queued(Suspending::new()), &does, groups, Numbers(play));
        for (told, queued) in told.iter().zip(&queued) {
            let differ = told.iter().zip(queued).position(|(told, queued)| told != queued);
            assert_eq!(differ.map(|line| (&told[..=line], &queued[line])), None, "seed {seed}: {does:?}");
            assert_eq!(told.len(), queued.len(), "seed {seed}: {does:?}");
        }
        let lines = || told.iter().flatten();
        let suspended = |line: &String| line.split_once("suspended: ")?.1.split_once(',')?.0.parse::<u32>().ok();
        deep += usize::from(lines().filter_map(suspended).any(|suspended| suspended > 32));
        failed += usize::from(lines().any(|line| line.contains("Failed")));
    }
    assert!(deep > 5 && failed > 50, "{deep} histories were deep, {failed} had failures");
}

/// Counts what the engine queues for a scheduler that may go depth first.
struct CountsQueued {
    scheduler: Suspending,
    depth_first: bool,
    queued: Rc<Cell<u64>>,
}

impl Scheduler for CountsQueued {
    fn when_blocked(&self) -> WhenBlocked {
        self.scheduler.when_blocked()
    }
    fn depth_first(&self) -> bool {
        self.depth_first
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.scheduler.plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.queued.set(self.queued.get() + 1);
        self.scheduler.push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.scheduler.pop()
    }
}

impl<P: Power> Schedules<P> for CountsQueued {}

/// How often a key is queued in the first build of the top of a chain of so many tasks, and in one after its input was changed.
fn queued(depth_first: bool, tasks: u64) -> [u64; 2] {
    let above = |below: u64| task(async move |fetch: Fetch<'_, u64, i64>| Ok(fetch.get(below).await? + 1));
    let mut rules = Rules::new().rule(1_u64, above(0));
    for key in 2..=tasks {
        rules.set(key, above(key - 1));
    }
    let queued = Rc::new(Cell::new(0));
    let scheduler = CountsQueued { scheduler: Suspending::new(), depth_first, queued: queued.clone() };
    let scheduler: Box<dyn Scheduler> = Box::new(scheduler);
    let build = Build::new(rules, Memory::from([(0_u64, 1_i64)])).with_rebuilder(VerifyingTrace);
    let mut build = build.with_scheduler(scheduler).with_journal(Tape::default());
    [1, 5].map(|input| {
        build.set(0, input).expect("it is set");
        build.run([tasks]).expect("it builds");
        assert_eq!(build.get(tasks), Some(input + tasks as i64));
        queued.take()
    })
}

/// What a task misses, or a question, is not queued where the scheduler goes depth first, unless it lies deep. Elsewhere it is: when it is
/// asked for, and what waits for it when it has come.
#[test]
fn what_is_fetched_depth_first_is_not_queued() {
    assert_eq!(queued(true, 10), [0, 0]);
    assert_eq!(queued(false, 10), [18, 18]);
}

/// Whether a task or a question waits for it: what is deep is queued, so that however deep it is the stack is enough.
#[test]
fn the_depth_of_a_graph_costs_no_stack() {
    let deep = || {
        for depth_first in [true, false] {
            assert!(queued(depth_first, 5_000).iter().all(|queued| *queued > 0));
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(deep).expect("it starts").join().expect("it ends");
}

/// A rebuilder that is broken at one key.
struct Panics;

impl<K: AnyKey, V: Value> Rebuilder<K, V> for Panics {
    fn ask(&self, question: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        assert!(question.name().to_string() != "B", "the rebuilder has run out of ink");
        Poll::Ready(Answer::Run(alacarte_core::Reason::Always))
    }
}

/// What a strategy breaks within a fetch is not told of the task that fetched, even if that catches panics.
#[test]
fn the_panic_of_a_strategy_is_no_failure_of_a_task() {
    for catches in [false, true] {
        let above = task(async move |fetch: Fetch<'_, Key, i64>| {
            let mut get = std::pin::pin!(fetch.get("B"));
            poll_fn(|cx| {
                if !catches {
                    return get.as_mut().poll(cx);
                }
                let caught = catch_unwind(AssertUnwindSafe(|| get.as_mut().poll(cx)));
                caught.unwrap_or(Poll::Ready(Ok(0)))
            })
            .await
        });
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", above);
        let mut build =
            Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(Panics);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let said = build.run(["C"]).expect_err("the rebuilder panics").to_string();
        std::panic::set_hook(hook);
        assert!(said.starts_with("B: the rebuilder `") && said.contains("descending::Panics` panicked: "), "{said}");
        assert!(said.ends_with(if catches { "a panic that was not its own" } else { "out of ink" }), "{said}");
    }
}

/// Where a failure ends the build, a task that met it within its fetch does nothing more, whatever it makes of failures.
#[test]
fn a_task_does_not_go_on_when_the_build_has_stopped() {
    let went_on = Rc::new(Cell::new(false));
    let goes_on = went_on.clone();
    let stubborn = task(async move |fetch: Fetch<'_, Key, i64>| {
        let _ = fetch.get("bad").await;
        goes_on.set(true);
        fetch.get("other").await
    });
    let bad = task(async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no")));
    let tasks = Rules::new().rule("bad", bad).rule("other", formula([] as [Key; 0], |[]| 1)).rule("top", stubborn);
    let mut build = system("suspending", "verifying-trace", tasks, &[]);
    let error = build.run(["top"]).expect_err("it fails");
    let failed: Vec<_> = error.failures.iter().filter_map(|failure| failure.key).collect();
    assert_eq!((failed, went_on.get(), build.get("other")), (vec!["bad", "top"], false, None));
}

/// The same of a question: where one of the dependencies that it waits for fails and ends the build, its key is named, though others of
/// them were not looked at.
#[test]
fn a_key_whose_question_met_the_last_failure_is_named() {
    for scheduler in common::DYNAMIC {
        let of = |fails: bool| {
            task(async move |fetch: Fetch<'_, Key, i64>| match fetch.get("A").await? {
                2 if fails => Err(TaskError::new("no")),
                value => Ok(value),
            })
        };
        let top = task(async |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(["bad", "other"]).await?.iter().sum()));
        let tasks: Rules<Key, i64, Dynamic> =
            Rules::new().rule("bad", of(true)).rule("other", of(false)).rule("top", top);
        let mut build = system(scheduler, "verifying-trace", tasks, &[("A", 1)]);
        build.run(["top"]).expect("it builds");
        build.set("A", 2).expect("it is set");
        let error = build.run(["top"]).expect_err("it fails");
        let failed: Vec<_> = error.failures.iter().filter_map(|failure| failure.key).collect();
        assert_eq!(failed, ["bad", "top"], "{scheduler}");
    }
}

/// A permit that is taken within a fetch is held by the task that took it, not by the one that fetched: if that then waits
/// in a circle, nothing is thought to be underway.
#[test]
fn what_works_within_a_fetch_holds_its_own_permit() {
    let works = task(async |fetch: Fetch<'_, Key, i64>| {
        fetch.work(Yields(3)).await;
        Ok(1)
    });
    let round = |first: Option<Key>, next: Key| {
        task(async move |fetch: Fetch<'_, Key, i64>| {
            if let Some(first) = first {
                fetch.get(first).await?;
            }
            fetch.get(next).await
        })
    };
    let tasks: Rules<Key, i64, Dynamic> =
        Rules::new().rule("job", works).rule("top", round(Some("job"), "back")).rule("back", round(None, "top"));
    let mut build = system("suspending", "verifying-trace", tasks, &[]);
    let error = build.run(["top"]).expect_err("it is a circle");
    assert!(error.failures.iter().any(|failure| matches!(failure.cause, Cause::Cycle { .. })), "{error}");
}

/// What a task has missed before, in the same poll, is still waited for after a fetch that descended.
#[test]
fn a_fetch_that_descends_leaves_what_was_missed_before_it() {
    let slow = task(async |_: Fetch<'_, Key, i64>| {
        Yields(5).await;
        Ok(10)
    });
    let sum = task(async |fetch: Fetch<'_, Key, i64>| {
        let (slow, quick) = futures::join!(fetch.get("slow"), fetch.get("quick"));
        Ok(slow? + quick?)
    });
    let tasks = Rules::new()
        .rule("slow", slow)
        .rule("below", formula(["A"], |[a]| a + 1))
        .rule("quick", formula(["below"], |[below]| below + 1))
        .rule("sum", sum);
    let mut build = system("suspending", "verifying-trace", tasks, &[("A", 1)]);
    build.run(["sum"]).expect("it builds");
    assert_eq!(build.get("sum"), Some(13));
    build.set("A", 5).expect("it is set");
    build.run(["sum"]).expect("it builds");
    assert_eq!(build.get("sum"), Some(17), "what it fetched within the poll is recorded");
}

/// Nor does another branch of it, that fetches the very key that failed.
#[test]
fn no_branch_of_a_task_goes_on_when_the_build_has_stopped() {
    let went_on = Rc::new(Cell::new(false));
    let goes_on = went_on.clone();
    let top = task(async move |fetch: Fetch<'_, Key, i64>| {
        let beside = async {
            let _ = fetch.get("bad").await;
            goes_on.set(true);
        };
        let in_a_group = async {
            let _ = fetch.all(["bad", "mid"]).await;
            goes_on.set(true);
        };
        let _ = futures::join!(fetch.get("mid"), beside, in_a_group);
        Ok(0)
    });
    let bad = task(async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no")));
    let tasks = Rules::new().rule("bad", bad).rule("mid", formula(["bad"], |[bad]| bad)).rule("top", top);
    let mut build = system("suspending", "verifying-trace", tasks, &[]);
    let error = build.run(["top"]).expect_err("it fails");
    let failed: Vec<_> = error.failures.iter().filter_map(|failure| failure.key).collect();
    assert_eq!((failed, went_on.get()), (vec!["bad", "mid", "top"], false));
}

/// Polls a fetch when it is dropped.
struct FetchesOnDrop<'t>(Fetch<'t, Key, i64>, Key);

impl Drop for FetchesOnDrop<'_> {
    fn drop(&mut self) {
        let mut get = std::pin::pin!(self.0.get(self.1));
        let _ = get.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// `outer` fetches `inner`, whose future polls a fetch of `aside` when it is dropped.
struct Leaving;

impl Tasks<Key, i64> for Leaving {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        matches!(*key, "inner" | "outer" | "aside" | "top")
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        Running::Future(match *key {
            "aside" => Box::pin(async move { fetch.get("Z").await }),
            "inner" => {
                let leaves = FetchesOnDrop(fetch, "aside");
                Box::pin(poll_fn(move |_| {
                    let _ = &leaves;
                    Poll::Ready(Ok(1))
                }))
            }
            "outer" => Box::pin(async move { Ok(fetch.get("inner").await? + fetch.get("A").await?) }),
            _ => Box::pin(async move { Ok(fetch.get("aside").await? + fetch.get("outer").await?) }),
        })
    }
}

/// What a future fetches when it is dropped is no dependency of the task within whose poll that happens.
#[test]
fn what_is_fetched_on_the_way_out_is_nobody_s_dependency() {
    let mut build = system("suspending", "verifying-trace", Leaving, &[("A", 1), ("Z", 1)]);
    build.run(["top"]).expect("it builds");
    build.set("Z", 2).expect("it is set");
    let report = build.run(["top"]).expect("it builds");
    assert_eq!(build.names(&report.ran), ["aside", "top"]);
}

/// A value that is held in place, of four kibibytes.
#[derive(Clone)]
struct Large([u64; 512]);

impl Value for Large {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_integer(self.0[0])
    }
}

/// However large the frames of tasks and their values are, a thread's stack is enough: what would lie too deep is queued.
#[test]
fn large_frames_and_large_values_do_not_exhaust_the_stack() {
    fn tree<'t>(fetch: Fetch<'t, u64, i64>, deep: u32, key: u64) -> TaskFuture<'t, i64> {
        Box::pin(async move { if deep == 0 { fetch.get(key).await } else { tree(fetch, deep - 1, key).await } })
    }
    let recursing = || {
        let mut tasks = Rules::new().rule(0_u64, task(async |_: Fetch<'_, u64, i64>| Ok(1)));
        for key in 1..40 {
            tasks.set(key, task(async move |fetch: Fetch<'_, u64, i64>| tree(fetch, 200, key - 1).await));
        }
        let build = Build::new(tasks, Memory::from([])).with_rebuilder(VerifyingTrace);
        let mut build = build.with_scheduler(Suspending::new());
        build.run([39]).expect("it builds");
        assert_eq!(build.get(39), Some(1));
    };
    let of_large_values = || {
        let mut tasks = Rules::new().rule(0_u64, task(async |_: Fetch<'_, u64, Large>| Ok(Large([7; 512]))));
        for key in 1..100 {
            tasks.set(key, task(async move |fetch: Fetch<'_, u64, Large>| fetch.get(key - 1).await));
        }
        let build = Build::new(tasks, Memory::from([])).with_rebuilder(VerifyingTrace);
        let mut build = build.with_scheduler(Suspending::new());
        build.run([99]).expect("it builds");
        assert_eq!(build.get(99).map(|Large(numbers)| numbers[511]), Some(7));
    };
    for deep in [recursing as fn(), of_large_values] {
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(deep);
        thread.expect("it starts").join().expect("it ends");
    }
}
