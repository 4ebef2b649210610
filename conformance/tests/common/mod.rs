//! What the tests of single cases share.
#![allow(dead_code, reason = "each test file uses a part")]

use alacarte_core::{Build, Decision, Rebuilder, Report, Scheduler, Tasks};
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
