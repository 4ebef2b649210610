//! Suspending: a task that fetches a key which is not up to date waits where it stands.
//!
//! A task is a future, and a future keeps its place: nothing is done twice, and what it costs is the bytes of the
//! futures kept. The keys that can go on are a stack, so demand goes depth first: while nothing happens outside, no more
//! futures are kept than the graph is deep, or a group wide. Outside work lets further tasks begin, and more are kept.
//! Since what a task waits for is always the next, the engine may bring it up to date within the fetch ([`Scheduler::depth_first`]);
//! what lies deeper, or waits for the outside, goes by the stack.

use alacarte_core::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};

/// Depth first, from targets to dependencies; blocked futures are kept.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// use alacarte::prelude::*;
///
/// let started = Rc::new(Cell::new(0));
/// let count = started.clone();
/// let twice = task(async move |fetch: Fetch<'_, _, i64>| {
///     count.set(count.get() + 1);
///     Ok(fetch.get("B").await? * 2)
/// });
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", twice);
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// let report = build.run(["C"])?;
/// // C started once, and waited for B where it stood.
/// assert_eq!((started.get(), report.suspended, report.restarts), (1, 1, 0));
/// assert_eq!(build.get("C"), Some(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Suspending {
    stack: Vec<KeyId>,
}

impl Suspending {
    /// A scheduler for one build system; it carries nothing from build to build.
    pub fn new() -> Self {
        Suspending::default()
    }
}

impl Scheduler for Suspending {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }

    fn depth_first(&self) -> bool {
        true
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.stack.clear();
        self.stack.extend(plan.targets.iter().rev());
        Ok(())
    }

    #[inline]
    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.stack.push(key);
    }

    #[inline]
    fn pop(&mut self) -> Option<KeyId> {
        self.stack.pop()
    }
}

impl<P: Power> Schedules<P> for Suspending {}
