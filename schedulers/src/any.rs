//! One of them, chosen at run time.

use alacarte_core::{Dynamic, KeyId, Plan, PlanError, Power, Reads, Scheduler, Static, WhenBlocked};
use alacarte_metadata::CalcChain;

use crate::{BottomUp, Restarting, Suspending, Topological};

/// A scheduler chosen at run time, over tasks of any power. What the compiler refuses for [`Topological`], this
/// one finds out when it plans: a dynamic task is then an error.
#[derive(Debug, Clone)]
pub enum AnyScheduler {
    /// See [`Topological`].
    Topological(Topological),
    /// See [`Restarting`].
    Restarting(Restarting),
    /// See [`Suspending`].
    Suspending(Suspending),
    /// See [`BottomUp`].
    BottomUp(BottomUp),
}

impl AnyScheduler {
    /// The names of the schedulers: the paper's three, and one more.
    pub const NAMES: [&'static str; 4] = ["topological", "restarting", "suspending", "bottom-up"];

    /// The scheduler of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "topological" => Some(AnyScheduler::Topological(Topological::new())),
            "restarting" => Some(AnyScheduler::Restarting(Restarting::new())),
            "suspending" => Some(AnyScheduler::Suspending(Suspending::new())),
            "bottom-up" => Some(AnyScheduler::BottomUp(BottomUp::new())),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            AnyScheduler::Topological(_) => "topological",
            AnyScheduler::Restarting(_) => "restarting",
            AnyScheduler::Suspending(_) => "suspending",
            AnyScheduler::BottomUp(_) => "bottom-up",
        }
    }
}

type View<'m> = <CalcChain as Reads>::View<'m>;

macro_rules! each {
    ($self:expr, $scheduler:ident => $static:expr, $dynamic:expr) => {
        match $self {
            AnyScheduler::Topological($scheduler) => $static,
            AnyScheduler::Restarting($scheduler) => $dynamic,
            AnyScheduler::Suspending($scheduler) => $static,
            AnyScheduler::BottomUp($scheduler) => $static,
        }
    };
}

impl<P: Power> Scheduler<P> for AnyScheduler {
    type Reads = CalcChain;

    fn when_blocked(&self) -> WhenBlocked {
        match self {
            AnyScheduler::Topological(_) => WhenBlocked::Refuse,
            AnyScheduler::Restarting(_) => WhenBlocked::Drop,
            AnyScheduler::Suspending(_) | AnyScheduler::BottomUp(_) => WhenBlocked::Keep,
        }
    }

    fn plan(&mut self, plan: &mut Plan<'_>, chain: View<'_>) -> Result<(), PlanError> {
        each!(self, scheduler => Scheduler::<Static>::plan(scheduler, plan, ()), Scheduler::<Dynamic>::plan(scheduler, plan, chain))
    }

    fn push(&mut self, key: KeyId, chain: View<'_>) {
        each!(self, scheduler => Scheduler::<Static>::push(scheduler, key, ()), Scheduler::<Dynamic>::push(scheduler, key, chain));
    }

    fn pop(&mut self) -> Option<KeyId> {
        each!(self, scheduler => Scheduler::<Static>::pop(scheduler), Scheduler::<Dynamic>::pop(scheduler))
    }

    fn finish(&mut self, complete: bool) {
        each!(self, scheduler => Scheduler::<Static>::finish(scheduler, complete), Scheduler::<Dynamic>::finish(scheduler, complete));
    }

    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        match self {
            AnyScheduler::Topological(scheduler) => scheduler.follows_suspects(targets, generation),
            AnyScheduler::BottomUp(scheduler) => Scheduler::<Dynamic>::follows_suspects(scheduler, targets, generation),
            AnyScheduler::Restarting(_) | AnyScheduler::Suspending(_) => false,
        }
    }

    fn precedes(&self, key: KeyId) -> bool {
        matches!(self, AnyScheduler::Topological(scheduler) if scheduler.precedes(key))
    }

    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        match self {
            AnyScheduler::Topological(scheduler) => scheduler.may_fetch(key, dependency),
            AnyScheduler::Restarting(_) | AnyScheduler::Suspending(_) | AnyScheduler::BottomUp(_) => true,
        }
    }

    fn suspect(&mut self, key: KeyId) {
        if let AnyScheduler::Topological(scheduler) = self {
            Scheduler::<Static>::suspect(scheduler, key);
        }
    }
}
