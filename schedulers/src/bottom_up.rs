//! Bottom-up: a build begins at what changed, not at its targets.
//!
//! As in PIE: the tasks that a change affects are run, each that comes to another value affects the tasks that
//! fetched it, and where a value stays the same the change ends. What is not affected is not visited. So a build costs what
//! the change affects, though dependencies are known only while tasks run. The first build of some targets, a build
//! of other targets or after tasks were replaced, and every build with a rebuilder that does not know which keys may be
//! out of date of themselves, goes from the targets down, as [`Suspending`](crate::Suspending) does.
//!
//! The order is the engine's (`src/engine/maybe_stale.rs`): of the suspects, those that are *certainly* needed go
//! first. PIE takes them in an order of the graph as it was, and so runs tasks that the targets no longer reach. A task
//! that fetches a key which may be out of date waits where it stands until that was seen to; the keys that can go on
//! are a stack.

use alacarte_core::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};

/// From what changed to the targets; blocked futures are kept.
///
/// ```
/// use alacarte::prelude::*;
///
/// // A thousand keys in a row, each half of the one before.
/// let mut tasks = Rules::new();
/// for key in 1..=1000 {
///     tasks.set(key, formula([key - 1], |[before]| before / 2));
/// }
/// let mut build = Build::new(tasks, Memory::from([(0, 20)])).with_scheduler(BottomUp::new()).with_rebuilder(DirtyBit);
/// assert_eq!(build.run([1000])?.ran.len(), 1000);
///
/// build.set(0, 22)?;
/// let report = build.run([1000])?;
/// // Key 2 is 5 again, so the change ends there. The build does not look at the 998 keys above.
/// assert_eq!(build.names(&report.ran), [1, 2]);
/// assert_eq!(report.kept, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct BottomUp {
    stack: Vec<KeyId>,
    targets: Vec<KeyId>,
    generation: u64,
    /// The last build brought these targets up to date.
    completed: bool,
}

impl BottomUp {
    /// A scheduler for one build system.
    pub fn new() -> Self {
        BottomUp::default()
    }
}

impl Scheduler for BottomUp {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.stack.clear();
        // A build that is given up is never finished.
        self.completed = false;
        if plan.suspects.is_none() {
            self.stack.extend(plan.targets.iter().rev());
            self.targets = plan.targets.to_vec();
            self.generation = plan.generation;
        }
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

    fn finish(&mut self, complete: bool) {
        self.completed = complete;
    }

    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        self.completed && self.generation == generation && self.targets == targets
    }
}

impl<P: Power> Schedules<P> for BottomUp {}
