//! Nonsense is an error that names what is wrong: strategies that answer it or pools that contradict each other.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{
    Answer, Build, BuildError, Cause, Dynamic, Fetch, Key as AnyKey, KeyId, Metadata, Plan, PlanError, Power, Problem,
    Question, Rebuilder, Report, Restored, Rules, Scheduler, Schedules, Static, Suspects, TaskError, Value,
    WhenBlocked, formula, task,
};
use alacarte_rebuilders::{DirtyBit, VerifyingTrace};
use alacarte_schedulers::{BottomUp, Restarting, Suspending, Topological};
use alacarte_stores::Memory;
use common::{Key, failing, two_more};

/// A scheduler that gives these keys, and then those that it was told of, each so many times.
#[derive(Default)]
struct Odd {
    gives: Vec<KeyId>,
    times: usize,
    stack: Vec<KeyId>,
}

impl Scheduler for Odd {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.stack = self.gives.clone();
        plan.targets.iter().for_each(|&key| self.push(key, metadata));
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.stack.extend(std::iter::repeat_n(key, self.times));
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.stack.pop()
    }
}

impl<P: Power> Schedules<P> for Odd {}

/// A rebuilder that waits for nothing.
struct Pends;

impl<K: AnyKey, V: Value> Rebuilder<K, V> for Pends {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Pending
    }
}

#[test]
fn a_scheduler_that_never_gives_a_target_is_named() {
    let (key, cause) = failing(Odd::default(), VerifyingTrace);
    assert!(key == Some("C") && matches!(cause, Cause::NeverGiven), "{key:?}: {cause}");
    assert!(cause.to_string().contains("its scheduler has never given it"), "{cause}");
}

#[test]
fn a_scheduler_that_gives_what_is_no_key_is_named() {
    for times in [0, 1] {
        let (key, cause) = failing(Odd { gives: vec![KeyId::new(777)], times, ..Odd::default() }, VerifyingTrace);
        assert!(key.is_none() && matches!(cause, Cause::UnknownId { id } if id == KeyId::new(777)), "{key:?}: {cause}");
    }
}

/// It gives its target, and loses whatever it is told of later.
#[test]
fn a_key_that_a_scheduler_loses_is_named() {
    for keep_going in [false, true] {
        let odd = Odd { gives: vec![KeyId::new(0)], ..Odd::default() };
        let build = Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(odd);
        let mut build = build.with_rebuilder(VerifyingTrace).with_keep_going(keep_going);
        let error = build.run(["C"]).expect_err("B never has its turn");
        let told = error.failures.iter().map(|failure| (failure.key, matches!(failure.cause, Cause::Stuck)));
        // (Nor has C, when B has failed.)
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        assert_eq!(told, [(Some("B"), true), (Some("C"), keep_going)], "{error}");
    }
}

/// A scheduler whose plan fails for what is no key.
struct Refuses;

impl Scheduler for Refuses {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, _: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        Err(PlanError::new(KeyId::new(777), Problem::Dynamic))
    }
    fn push(&mut self, _: KeyId, _: &Metadata) {}
    fn pop(&mut self) -> Option<KeyId> {
        None
    }
}

impl<P: Power> Schedules<P> for Refuses {}

#[test]
fn a_plan_that_fails_for_what_is_no_key_says_which() {
    let (key, cause) = failing(Refuses, VerifyingTrace);
    assert!(key.is_none() && matches!(cause, Cause::UnknownId { id } if id == KeyId::new(777)), "{key:?}: {cause}");
}

/// To give a key several times does no harm, however many keys are given.
#[test]
fn a_scheduler_that_gives_keys_twice_is_right() {
    for (times, targets) in [(2, 1), (10, 1), (2, 10_000)] {
        let odd = Odd { times, ..Odd::default() };
        let mut build =
            Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(odd).with_rebuilder(VerifyingTrace);
        let report = build.run(vec!["C"; targets]).expect("built");
        assert_eq!((report.ran.len(), build.get("C")), (2, Some(3)));
    }
}

/// All that a task asks for at once is told before any of it is given.
#[test]
fn a_scheduler_may_give_much_that_it_was_told_of_at_once() {
    let all: Vec<Key> = (0..3_000).map(|number| &*format!("k{number}").leak()).collect();
    let sum = all.clone();
    let wide = task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(sum.clone()).await?.iter().sum()));
    let one = || task(async |_: Fetch<'_, Key, i64>| Ok(1));
    let rules = all.iter().fold(Rules::new().rule("sum", wide), |rules, key| rules.rule(*key, one()));
    let odd = Odd { times: 1, ..Odd::default() };
    let mut build = Build::new(rules, Memory::<Key, i64>::new()).with_scheduler(odd).with_rebuilder(VerifyingTrace);
    build.run(["sum"]).expect("built");
    assert_eq!(build.get("sum"), Some(3_000));
}

/// It keeps its queue from build to build.
#[derive(Default)]
struct Keeping(Vec<KeyId>);

impl Scheduler for Keeping {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.0.extend(plan.targets.iter().rev());
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.0.push(key);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Keeping {}

/// A build that stops at its first failure has keys left on the queue: they are not the next build's.
#[test]
fn what_a_build_leaves_on_the_queue_is_taken_from_it() {
    let fails = task(async |_: Fetch<'_, Key, i64>| Err(TaskError::new("no")));
    let runs = Rc::new(Cell::new(0));
    let count = runs.clone();
    let counted = task(async move |_: Fetch<'_, Key, i64>| {
        count.set(count.get() + 1);
        Ok(1)
    });
    let rules = Rules::new().rule("F", fails).rule("L", counted).rule("R", task(async |_| Ok(2)));
    let mut build =
        Build::new(rules, Memory::<Key, i64>::new()).with_scheduler(Keeping::default()).with_rebuilder(VerifyingTrace);
    build.run(["F", "L"]).expect_err("F fails");
    build.run(["R"]).expect("built");
    assert_eq!((runs.get(), build.get("R")), (0, Some(2)));
}

/// What it is told of it queues, and what it gives of that is up to `next`.
struct Gives<F> {
    queue: Vec<KeyId>,
    next: F,
}

fn giving<F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>>(next: F) -> Gives<F> {
    Gives { queue: Vec::new(), next }
}

impl<F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>> Scheduler for Gives<F> {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.queue = plan.targets.to_vec();
        Ok(())
    }
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.queue.push(key);
    }
    fn pop(&mut self) -> Option<KeyId> {
        (self.next)(&mut self.queue)
    }
}

impl<P: Power, F: FnMut(&mut Vec<KeyId>) -> Option<KeyId>> Schedules<P> for Gives<F> {}

/// It looks at a key of its queue, and leaves it there.
fn endless(last: bool) -> impl Schedules<Dynamic> {
    giving(move |queue| if last { queue.last().copied() } else { queue.first().copied() })
}

#[test]
fn a_scheduler_that_gives_keys_without_end_is_named() {
    for (last, keep_going) in [(false, false), (false, true), (true, false), (true, true)] {
        let build = Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(endless(last));
        let mut build = build.with_rebuilder(VerifyingTrace).with_keep_going(keep_going);
        for _ in 0..2 {
            let error = build.run(["C"]).expect_err("it never ends");
            assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
            assert!(error.to_string().contains("its scheduler gives it without end"), "{error}");
        }
        // Nothing of it is left for a scheduler that takes what it gives.
        let mut build = build.with_scheduler(Suspending::new());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(3));
    }
}

/// What is underway outside when it is seen that keys come without end is waited for.
#[test]
fn a_scheduler_that_gives_without_end_what_works_outside_is_named() {
    let outside = Rules::new().rule(
        "B",
        task(async move |fetch: Fetch<'_, Key, i64>| {
            fetch.work(async { tokio::task::yield_now().await }).await;
            Ok(1)
        }),
    );
    let mut build =
        Build::new(outside, Memory::<Key, i64>::new()).with_scheduler(endless(true)).with_rebuilder(VerifyingTrace);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(build.run_async(["B"])).expect_err("it never ends");
    assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
}

/// It gives what it was told of, then nothing for a while, and then the last key again, so many times.
fn pausing(mut pauses: usize, mut gives: usize) -> impl Schedules<Dynamic> {
    let mut last = None;
    giving(move |queue| {
        if let Some(key) = queue.pop() {
            last = Some(key);
        } else if pauses > 0 {
            pauses -= 1;
            return None;
        } else {
            gives = gives.checked_sub(1)?;
        }
        last
    })
}

/// A task that wakes itself has the scheduler asked again and again. However often that is in vain, it may give a key
/// afterwards; but not without end.
#[test]
fn a_scheduler_that_pauses_is_told_from_one_that_gives_keys_without_end() {
    assert!(paused(2).is_ok());
    let error = paused(50_000).expect_err("it never ends");
    assert!(error.failures.iter().any(|it| matches!(it.cause, Cause::GivenWithoutEnd)), "{error}");
}

fn paused(gives: usize) -> Result<Report, BuildError<Key>> {
    let waits = Rules::new().rule(
        "B",
        task(async |_: Fetch<'_, Key, i64>| {
            for _ in 0..3_000 {
                tokio::task::yield_now().await;
            }
            Ok(1)
        }),
    );
    let mut build = Build::new(waits, Memory::<Key, i64>::new())
        .with_scheduler(pausing(2_500, gives))
        .with_rebuilder(VerifyingTrace);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(build.run_async(["B"]))
}

#[test]
fn a_rebuilder_that_waits_for_nothing_is_named() {
    let (key, cause) = failing(Suspending::new(), Pends);
    assert!(key == Some("C") && cause.to_string().contains("its rebuilder answered `Pending`"), "{key:?}: {cause}");
}

/// A rebuilder that says of every key that it stands, or that it was put in its place, though no value is there.
#[derive(Clone, Copy)]
struct Contents {
    restores: bool,
}

impl<K: AnyKey, V: Value> Rebuilder<K, V> for Contents {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Ready(if self.restores { Answer::Restore(Restored::new(vec![], false, None)) } else { Answer::Keep })
    }
}

/// It was a success without a value, and what depended on it failed because of a key that had not.
#[test]
fn a_rebuilder_that_keeps_what_has_no_value_is_named() {
    for restores in [false, true] {
        let kept = [
            failing(Suspending::new(), Contents { restores }),
            failing(Restarting::new(), Contents { restores }),
            failing(BottomUp::new(), Contents { restores }),
        ];
        for (key, cause) in kept {
            assert!(key == Some("C") && matches!(cause, Cause::KeptNothing), "{key:?}: {cause}");
        }
    }
}

#[test]
fn pools_that_contradict_each_other_are_an_error() {
    let build = Build::new(two_more(), Memory::from([("A", 1)]));
    let build = build
        .with_scheduler(Suspending::new())
        .with_rebuilder(VerifyingTrace)
        .with_pool("link", 1)
        .with_pool("link", 1);
    let mut build = build.with_pool("net", 4).with_pool("link", 2);
    let error = build.run(["C"]).expect_err("it is a contradiction").to_string();
    assert!(error.contains("the pool `link` was added twice, with depth 1 and with depth 2"), "{error}");
}

/// `DirtyBit`, whose list of suspects is made anew each time that somebody looks.
struct Anew(DirtyBit, Cell<u64>);

impl Rebuilder<Key, i64> for Anew {
    fn install(&self, metadata: &mut Metadata) {
        Rebuilder::<Key, i64>::install(&self.0, metadata);
    }
    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        self.0.ask(question, metadata)
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.1.set(self.1.get() + 1);
        let suspects = Rebuilder::<Key, i64>::suspects(&self.0, metadata)?;
        Some(Suspects::new(suspects.keys, self.1.get()))
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        Rebuilder::<Key, i64>::dependents(&self.0, key, metadata, each);
    }
}

/// What becomes a suspect while the build runs is something that the scheduler is told of, and may give.
#[test]
fn a_scheduler_may_give_each_suspect_as_often_as_it_is_told_of_it() {
    let name = |what: &str, number: i32| -> Key { Box::leak(format!("{what}{number}").into_boxed_str()) };
    let names: Vec<(Key, Key)> = (0..400).map(|number| (name("in", number), name("out", number))).collect();
    let mut rules = Rules::<Key, i64, Static>::new();
    for &(input, output) in &names {
        rules.set(output, formula([input], |[a]: [i64; 1]| a + 1));
    }
    let build = Build::new(rules, Memory::new()).with_scheduler(Topological::new());
    let mut build = build.with_rebuilder(Anew(DirtyBit, Cell::new(0)));
    for value in [1, 2] {
        for &(input, _) in &names {
            build.set(input, value).expect("it is set");
        }
        build.run(names.iter().map(|&(_, output)| output)).expect("built");
        assert_eq!(build.get("out7"), Some(value + 1));
    }
}
