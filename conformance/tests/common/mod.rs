//! What the tests of single cases share.
#![allow(dead_code, reason = "each test file uses a part")]

use alacarte_core::{
    Build, Cause, Decision, Dynamic, Fetch, Rebuilder, Report, Rules, Scheduler, Schedules, SharedTrace, StoreError,
    Tasks, TraceCache, task,
};
use alacarte_stores::Memory;
use std::cell::RefCell;
use std::rc::Rc;

pub use alacarte_conformance::Tape;

pub type Key = &'static str;
pub type System<T> =
    Build<Key, i64, T, Memory<Key, i64>, Box<dyn Scheduler>, Box<dyn Rebuilder<Key, i64>>, Tape<Key, i64>>;

/// The rebuilders that are right whatever happens.
pub const RIGHT: [&str; 6] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace", "perpetual"];

pub const DYNAMIC: [&str; 3] = ["restarting", "suspending", "bottom-up"];

/// A build system over these tasks and inputs.
pub fn system<T: Tasks<Key, i64>>(scheduler: &str, rebuilder: &str, tasks: T, inputs: &[(Key, i64)]) -> System<T> {
    Build::new(tasks, inputs.iter().copied().collect::<Memory<_, _>>())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(Tape::default())
}

/// Calls `each` with every scheduler and every right rebuilder.
pub fn everywhere(mut each: impl FnMut(&str, &str)) {
    for scheduler in alacarte_schedulers::NAMES {
        for rebuilder in RIGHT {
            each(scheduler, rebuilder);
        }
    }
}

/// The same for dynamic tasks.
pub fn everywhere_dynamic(mut each: impl FnMut(&str, &str)) {
    everywhere(|scheduler, rebuilder| {
        if scheduler != "topological" {
            each(scheduler, rebuilder);
        }
    });
}

/// The names of the keys that ran, sorted.
pub fn ran<T>(build: &System<T>, report: &Report) -> Vec<Key> {
    let mut names = build.names(&report.ran);
    names.sort_unstable();
    names
}

/// Every decision, written down.
pub type Seen = Rc<RefCell<Vec<(Key, Decision)>>>;

/// Has every decision written down.
pub fn observed<T>(build: System<T>) -> (System<T>, Seen) {
    let seen = Seen::default();
    let write = seen.clone();
    let build =
        build.with_observer(move |keys, key, decision| write.borrow_mut().push((*keys.name(key), decision.clone())));
    (build, seen)
}

/// B is one more than A, and C one more than B.
pub fn two_more() -> Rules<Key, i64, Dynamic> {
    let after = |key| task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.get(key).await? + 1));
    Rules::new().rule("B", after("A")).rule("C", after("B"))
}

/// How a build of C fails.
pub fn failing<S: Schedules<Dynamic>, R: Rebuilder<Key, i64>>(scheduler: S, rebuilder: R) -> (Option<Key>, Cause) {
    let mut build =
        Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(scheduler).with_rebuilder(rebuilder);
    let failure = build.run(["C"]).expect_err("it is nonsense").failures.remove(0);
    (failure.key, failure.cause)
}

/// Traces that are shared, and thrown away.
pub struct Away;

impl TraceCache<Key, i64> for Away {
    fn traces(&mut self, _: &Key, _: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
        Ok(())
    }
    fn add(&mut self, _: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
        Ok(())
    }
}
