//! Restarting: a task that fetches a key which is not up to date is dropped, and started again when the key is there.
//!
//! The calc chain (the order in which keys were last finished) is carried from build to build: of the keys that
//! can go on, the one that was finished earliest last time goes on first, so that it is there when later ones
//! fetch it. The chain only *orders* what is demanded. Excel and the published model walk the chain itself, and
//! so start keys that the target does not reach, or no longer reaches.
//!
//! A key that must wait is off the queue until the last of the keys that it waits for is up to date, and a
//! group reports all that it lacks at once: a task restarts once for each *discovery*, not for each missing
//! key. A key whose task need not run is no discovery: the engine looks at what a task fetched before it drops the task.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use alacarte_core::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};
use alacarte_metadata::CalcChain;

/// In the order of the calc chain; blocked futures are dropped.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a + 1))
///     .rule("C", task(async |fetch| Ok(fetch.get("B").await? * 2)));
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Restarting::new()).with_rebuilder(Perpetual);
///
/// // C starts, fetches B and is dropped. When B is up to date, C starts again.
/// assert_eq!(build.run(["C", "B"])?.restarts, 1);
/// // Now the calc chain has B before C.
/// let report = build.run(["C", "B"])?;
/// assert_eq!((report.ran.len(), report.restarts), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Restarting {
    queue: BinaryHeap<Reverse<(u64, KeyId)>>,
    pushed: u64,
}

impl Restarting {
    /// A scheduler for one build system.
    pub fn new() -> Self {
        Restarting::default()
    }

    fn enqueue(&mut self, key: KeyId, chain: &CalcChain) {
        self.pushed += 1;
        // What was never finished before comes after all that was, the latest demanded first.
        let place = chain.position(key).unwrap_or(u64::MAX - self.pushed);
        self.queue.push(Reverse((place, key)));
    }
}

impl Scheduler for Restarting {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<CalcChain>();
    }

    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Drop
    }

    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        let chain = metadata.read::<CalcChain>();
        self.queue.clear();
        for &target in plan.targets.iter().rev() {
            self.enqueue(target, chain);
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        let chain = metadata.read::<CalcChain>();
        self.enqueue(key, chain);
    }

    #[inline]
    fn pop(&mut self) -> Option<KeyId> {
        self.queue.pop().map(|Reverse((_, key))| key)
    }
}

impl<P: Power> Schedules<P> for Restarting {}
