//! Schedulers that do one thing otherwise than the one that they were made of.

use alacarte::{Dynamic, KeyId, Plan, PlanError, Power, Scheduler, WhenBlocked};
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

/// Loses every other key that can go on.
#[derive(Default)]
pub struct Loses {
    pushed: usize,
}

impl Twist for Loses {
    fn push(&mut self, inner: &mut AnyScheduler, key: KeyId, chain: &CalcChain) {
        self.pushed += 1;
        if self.pushed % 2 == 1 {
            Scheduler::<Dynamic>::push(inner, key, chain);
        }
    }
}

/// Puts every key that it ever saw on the queue, as Excel and the published model walk the whole calc chain.
#[derive(Default)]
pub struct WholeChain {
    known: Vec<KeyId>,
}

impl Twist for WholeChain {
    fn planned(&mut self, inner: &mut AnyScheduler, chain: &CalcChain) {
        for &key in &self.known {
            Scheduler::<Dynamic>::push(inner, key, chain);
        }
    }
    fn push(&mut self, inner: &mut AnyScheduler, key: KeyId, chain: &CalcChain) {
        self.known.push(key);
        Scheduler::<Dynamic>::push(inner, key, chain);
    }
}

/// Forgets the chain: every key counts as new in every build.
#[derive(Default)]
pub struct Unchained {
    empty: CalcChain,
}

impl Twist for Unchained {
    fn chain<'c>(&'c self, _: &'c CalcChain) -> &'c CalcChain {
        &self.empty
    }
    fn push(&mut self, inner: &mut AnyScheduler, key: KeyId, _: &CalcChain) {
        Scheduler::<Dynamic>::push(inner, key, &self.empty);
    }
}

/// Says that an order exists where none was made: a task that has to wait is refused.
#[derive(Default)]
pub struct Refuses;

impl Twist for Refuses {
    fn when_blocked(&self, _: &AnyScheduler) -> WhenBlocked {
        WhenBlocked::Refuse
    }
}

/// Takes keys by twos, the later one first: an edge between the two is ignored.
#[derive(Default)]
pub struct IgnoresEdge {
    held: Option<KeyId>,
}

impl Twist for IgnoresEdge {
    fn pop(&mut self, inner: &mut AnyScheduler) -> Option<KeyId> {
        self.held.take().or_else(|| {
            let first = Scheduler::<Dynamic>::pop(inner)?;
            match Scheduler::<Dynamic>::pop(inner) {
                None => Some(first),
                second => {
                    self.held = Some(first);
                    second
                }
            }
        })
    }
}

/// Takes the whole order backwards, dependents first.
#[derive(Default)]
pub struct Reversed {
    taken: Vec<KeyId>,
}

impl Twist for Reversed {
    fn pop(&mut self, inner: &mut AnyScheduler) -> Option<KeyId> {
        self.taken.extend(std::iter::from_fn(|| Scheduler::<Dynamic>::pop(inner)));
        self.taken.pop()
    }
}

/// Keeps its order though tasks were replaced.
#[derive(Default)]
pub struct OldOrder;

impl Twist for OldOrder {
    fn generation(&self, _: u64) -> u64 {
        0
    }
}

/// Follows suspects, and forgets those that it is told of while the build runs.
#[derive(Default)]
pub struct Deaf;

impl Twist for Deaf {
    fn suspect(&mut self, _: &mut AnyScheduler, _: KeyId) {}
}

/// Says of every build that it was complete.
#[derive(Default)]
pub struct Optimist;

impl Twist for Optimist {
    fn complete(&self, _: bool) -> bool {
        true
    }
}

/// Always says that it follows suspects, whatever the targets and whether or not there is an order.
#[derive(Default)]
pub struct Follower;

impl Twist for Follower {
    fn follows_suspects(&self, _: bool) -> bool {
        true
    }
}

/// Says of every key that all it declares came before it.
#[derive(Default)]
pub struct Precedes;

impl Twist for Precedes {
    fn precedes(&self, _: bool) -> bool {
        true
    }
}

/// Says of nothing that it may be fetched.
#[derive(Default)]
pub struct Forbids;

impl Twist for Forbids {
    fn may_fetch(&self, _: bool) -> bool {
        false
    }
}

/// Says of everything that it may be fetched: luck passes for order.
#[derive(Default)]
pub struct Permits;

impl Twist for Permits {
    fn may_fetch(&self, _: bool) -> bool {
        true
    }
}

/// Gives every key twice. The engine minds: a key that is up to date is not visited again.
#[derive(Default)]
pub struct Stutters {
    last: Option<KeyId>,
}

impl Twist for Stutters {
    fn pop(&mut self, inner: &mut AnyScheduler) -> Option<KeyId> {
        let again = self.last.take();
        if again.is_none() {
            self.last = Scheduler::<Dynamic>::pop(inner);
            return self.last;
        }
        again
    }
}
