//! A scheduler that does one thing otherwise than the one that it was made of.

use std::fmt;

use alacarte_core::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};

/// What a scheduler does otherwise. Whatever is not written down is done as it should be.
///
/// ```
/// use alacarte_conformance::broken::twist::{Twist, Twisted};
/// use alacarte_core::{Build, KeyId, Metadata, Rules, Scheduler, formula};
///
/// /// Loses the second key that it is given.
/// #[derive(Default)]
/// struct LosesOne(u32);
///
/// impl Twist for LosesOne {
///     fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
///         self.0 += 1;
///         if self.0 != 2 {
///             inner.push(key, metadata);
///         }
///     }
/// }
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B"], |[b]| b * 2));
/// let build = Build::new(tasks, alacarte_stores::Memory::from([("A", 1)]));
/// let build = build.with_scheduler(Twisted::new("restarting", LosesOne::default()));
/// let mut build = build.with_rebuilder(alacarte_rebuilders::VerifyingTrace);
/// let error = build.run(["C"]).expect_err("B is never given back");
/// assert!(error.to_string().contains("its scheduler has lost it"), "{error}");
/// ```
pub trait Twist {
    /// See [`Scheduler::when_blocked`].
    fn when_blocked(&self, inner: &dyn Scheduler) -> WhenBlocked {
        inner.when_blocked()
    }
    /// A build begins; the inner scheduler has its plan already.
    fn planned(&mut self, _inner: &mut dyn Scheduler, _metadata: &Metadata) {}
    /// What the inner scheduler reads when it plans.
    fn metadata<'m>(&'m self, metadata: &'m Metadata) -> &'m Metadata {
        metadata
    }
    /// The number by which a scheduler tells that tasks were replaced.
    fn generation(&self, generation: u64) -> u64 {
        generation
    }
    /// See [`Scheduler::push`].
    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
        inner.push(key, metadata);
    }
    /// See [`Scheduler::pop`].
    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        inner.pop()
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
    fn suspect(&mut self, inner: &mut dyn Scheduler, key: KeyId) {
        inner.suspect(key);
    }
}

/// A scheduler, and what it does otherwise. (It never says that it goes [depth first](Scheduler::depth_first): what is
/// twisted is the queue, which a fetch that descends passes by.)
pub struct Twisted {
    inner: Box<dyn Scheduler>,
    twist: Box<dyn Twist>,
}

impl fmt::Debug for Twisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twisted").finish_non_exhaustive()
    }
}

impl Twisted {
    /// The scheduler of this name, with a twist.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn new(scheduler: &str, twist: impl Twist + 'static) -> Self {
        Twisted::of(alacarte_schedulers::named(scheduler).expect("a scheduler of that name"), twist)
    }

    /// This scheduler, with a twist.
    pub fn of(inner: Box<dyn Scheduler>, twist: impl Twist + 'static) -> Self {
        Twisted { inner, twist: Box::new(twist) }
    }
}

impl Scheduler for Twisted {
    fn install(&self, metadata: &mut Metadata) {
        self.inner.install(metadata);
    }

    fn when_blocked(&self) -> WhenBlocked {
        self.twist.when_blocked(&*self.inner)
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        plan.generation = self.twist.generation(plan.generation);
        self.inner.plan(plan, self.twist.metadata(metadata))?;
        self.twist.planned(&mut *self.inner, metadata);
        Ok(())
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.twist.push(&mut *self.inner, key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.twist.pop(&mut *self.inner)
    }
    fn finish(&mut self, complete: bool) {
        self.inner.finish(self.twist.complete(complete));
    }
    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        let generation = self.twist.generation(generation);
        self.twist.follows_suspects(self.inner.follows_suspects(targets, generation))
    }
    fn precedes(&self, key: KeyId) -> bool {
        self.twist.precedes(self.inner.precedes(key))
    }
    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.twist.may_fetch(self.inner.may_fetch(key, dependency))
    }
    fn suspect(&mut self, key: KeyId) {
        self.twist.suspect(&mut *self.inner, key);
    }
}

impl<P: Power> Schedules<P> for Twisted {}

/// Nothing is done otherwise.
#[derive(Debug, Default)]
pub struct Straight;

impl Twist for Straight {}
