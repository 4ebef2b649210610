//! A scheduler that does one thing otherwise than the one that it was made of.

use alacarte_core::{Dynamic, KeyId, Plan, PlanError, Power, Scheduler, WhenBlocked};
use alacarte_metadata::CalcChain;
use alacarte_schedulers::AnyScheduler;

/// What a scheduler does otherwise. Whatever is not written down is done as it should be.
pub trait Twist {
    /// See [`Scheduler::when_blocked`].
    fn when_blocked(&self, inner: &AnyScheduler) -> WhenBlocked {
        Scheduler::<Dynamic>::when_blocked(inner)
    }
    /// A build begins; the inner scheduler has its plan already.
    fn planned(&mut self, _inner: &mut AnyScheduler, _chain: &CalcChain) {}
    /// The chain by which keys are ordered.
    fn chain<'c>(&'c self, chain: &'c CalcChain) -> &'c CalcChain {
        chain
    }
    /// The number by which a scheduler tells that tasks were replaced.
    fn generation(&self, generation: u64) -> u64 {
        generation
    }
    /// See [`Scheduler::push`].
    fn push(&mut self, inner: &mut AnyScheduler, key: KeyId, chain: &CalcChain) {
        Scheduler::<Dynamic>::push(inner, key, chain);
    }
    /// See [`Scheduler::pop`].
    fn pop(&mut self, inner: &mut AnyScheduler) -> Option<KeyId> {
        Scheduler::<Dynamic>::pop(inner)
    }
    /// See [`Scheduler::finish`].
    fn complete(&self, complete: bool) -> bool {
        complete
    }
    /// See [`Scheduler::follows_suspects`].
    fn follows_suspects(&self, follows: bool) -> bool {
        follows
    }
    /// See [`Scheduler::precedes`].
    fn precedes(&self, precedes: bool) -> bool {
        precedes
    }
    /// See [`Scheduler::may_fetch`].
    fn may_fetch(&self, may: bool) -> bool {
        may
    }
    /// See [`Scheduler::suspect`].
    fn suspect(&mut self, inner: &mut AnyScheduler, key: KeyId) {
        Scheduler::<Dynamic>::suspect(inner, key);
    }
}

/// A scheduler, and what it does otherwise.
pub struct Twisted {
    inner: AnyScheduler,
    twist: Box<dyn Twist>,
}

impl Twisted {
    /// The scheduler of this name, with a twist.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn new(scheduler: &str, twist: impl Twist + 'static) -> Self {
        let inner = AnyScheduler::named(scheduler).expect("a scheduler of that name");
        Twisted { inner, twist: Box::new(twist) }
    }
}

impl<P: Power> Scheduler<P> for Twisted {
    type Reads = CalcChain;

    fn when_blocked(&self) -> WhenBlocked {
        self.twist.when_blocked(&self.inner)
    }
    fn plan(&mut self, plan: &mut Plan<'_>, chain: &CalcChain) -> Result<(), PlanError> {
        plan.generation = self.twist.generation(plan.generation);
        Scheduler::<P>::plan(&mut self.inner, plan, self.twist.chain(chain))?;
        self.twist.planned(&mut self.inner, chain);
        Ok(())
    }
    fn push(&mut self, key: KeyId, chain: &CalcChain) {
        self.twist.push(&mut self.inner, key, chain);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.twist.pop(&mut self.inner)
    }
    fn finish(&mut self, complete: bool) {
        Scheduler::<P>::finish(&mut self.inner, self.twist.complete(complete));
    }
    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        let generation = self.twist.generation(generation);
        self.twist.follows_suspects(Scheduler::<P>::follows_suspects(&self.inner, targets, generation))
    }
    fn precedes(&self, key: KeyId) -> bool {
        self.twist.precedes(Scheduler::<P>::precedes(&self.inner, key))
    }
    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.twist.may_fetch(Scheduler::<P>::may_fetch(&self.inner, key, dependency))
    }
    fn suspect(&mut self, key: KeyId) {
        self.twist.suspect(&mut self.inner, key);
    }
}

/// Nothing is done otherwise.
#[derive(Default)]
pub struct Straight;

impl Twist for Straight {}
