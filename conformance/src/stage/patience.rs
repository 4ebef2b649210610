//! A queue that gives out keys without end, as one does that looks at its first key and leaves it there, would keep a build busy for
//! ever. A panic is a counterexample.

use std::fmt;

use alacarte_core::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};

/// So many keys no build of a scenario takes from its queue: there are a dozen, and each waits for the others at most.
const ENOUGH: u32 = 10_000;

/// A scheduler that panics in a build in which it gives out more keys than that build can need.
pub struct Patience<S> {
    scheduler: S,
    enough: u32,
    /// How many it may still give out in this build.
    left: u32,
}

impl<S> Patience<S> {
    /// Of builds as small as those of a scenario.
    pub fn with(scheduler: S) -> Self {
        Patience::up_to(ENOUGH, scheduler)
    }

    /// Of builds that take no more than so many keys from the queue.
    pub fn up_to(enough: u32, scheduler: S) -> Self {
        Patience { scheduler, enough, left: enough }
    }
}

impl<S> fmt::Debug for Patience<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<S: Scheduler> Scheduler for Patience<S> {
    fn install(&self, metadata: &mut Metadata) {
        self.scheduler.install(metadata);
    }

    fn when_blocked(&self) -> WhenBlocked {
        self.scheduler.when_blocked()
    }

    fn depth_first(&self) -> bool {
        self.scheduler.depth_first()
    }

    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.left = self.enough;
        self.scheduler.plan(plan, metadata)
    }

    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.scheduler.push(key, metadata);
    }

    fn pop(&mut self) -> Option<KeyId> {
        // After the panic, the build is taken apart, and asks once more.
        self.left = self.left.checked_sub(1)?;
        assert!(
            self.left > 0,
            "{} keys came from the queue, and still it has one: does `pop` take what it answers?",
            self.enough
        );
        self.scheduler.pop()
    }

    fn finish(&mut self, complete: bool) {
        self.scheduler.finish(complete);
    }

    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        self.scheduler.follows_suspects(targets, generation)
    }

    fn precedes(&self, key: KeyId) -> bool {
        self.scheduler.precedes(key)
    }

    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.scheduler.may_fetch(key, dependency)
    }

    fn suspect(&mut self, key: KeyId) {
        self.scheduler.suspect(key);
    }
}

impl<P: Power, S: Schedules<P>> Schedules<P> for Patience<S> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question that has an answer of its own where nobody gives one is easily overlooked by a wrapper; then no random history would
    /// reach a fetch that descends.
    #[test]
    fn what_is_patient_goes_depth_first_where_its_scheduler_does() {
        let answers =
            |scheduler: &str| alacarte_schedulers::named(scheduler).map(Patience::with).map(|it| it.depth_first());
        let expected = [("topological", false), ("restarting", false), ("suspending", true), ("bottom-up", false)];
        for (scheduler, depth_first) in expected {
            assert_eq!(answers(scheduler), Some(depth_first), "{scheduler}");
        }
    }
}
