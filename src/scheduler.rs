//! Schedulers: in which order, and what becomes of a task that must wait?
//!
//! All of them run the same loop (`engine/`). They differ in two things: which of the
//! keys that can go on goes on next, and what happens to a task that fetched a key which is not up to date.

use crate::error::Cause;
use crate::key::KeyId;
use crate::metadata::Metadata;
use crate::task::Power;
use std::fmt;

/// What happens to the future of a task that fetched a key which is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBlocked {
    /// It cannot happen, for the order was known before; if it does, it is an error: an undeclared dependency.
    Refuse,
    /// If some task must run before the dependency is up to date, the future is dropped, and the task started again from
    /// the top when it is. What merely stands, or is restored, is no discovery: the same future goes on.
    Drop,
    /// The future is kept, the dependency brought up to date, the task resumed where it stood.
    Keep,
}

/// Chooses the order.
///
/// ```
/// use std::collections::VecDeque;
///
/// use alacarte::prelude::*;
/// use alacarte::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};
///
/// /// First come, first served.
/// #[derive(Default)]
/// struct Queue(VecDeque<KeyId>);
///
/// impl Scheduler for Queue {
///     fn when_blocked(&self) -> WhenBlocked {
///         WhenBlocked::Keep
///     }
///
///     fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
///         self.0 = plan.targets.iter().copied().collect();
///         Ok(())
///     }
///
///     fn push(&mut self, key: KeyId, _: &Metadata) {
///         self.0.push_back(key);
///     }
///
///     fn pop(&mut self) -> Option<KeyId> {
///         self.0.pop_front()
///     }
/// }
///
/// impl<P: Power> Schedules<P> for Queue {} // It orders tasks of any power.
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a + 1))
///     .rule("C", formula(["B"], |[b]| b + 1))
///     .rule("D", formula(["A"], |[a]| a + 2));
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Queue::default()).with_rebuilder(DirtyBit);
/// let report = build.run(["C", "D"])?;
/// // C waits for B, which the queue has behind D.
/// assert_eq!(build.names(&report.ran), ["D", "B", "C"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Scheduler {
    /// Installs the metadata that it reads.
    fn install(&self, _metadata: &mut Metadata) {}

    /// What becomes of a task that must wait.
    fn when_blocked(&self) -> WhenBlocked;

    /// Whether the key that a task waits for goes on before all others, so that the engine may bring it up to date while
    /// the task fetches it, and need not queue it. Only of use with [`WhenBlocked::Keep`].
    fn depth_first(&self) -> bool {
        false
    }

    /// A build begins: what is to be visited in any case, and in which order? Unless there are suspects to be followed, every
    /// target is, an input too: what is never popped has no value in this build.
    ///
    /// What the last build left on the queue, if it stopped early, the engine has taken from it.
    ///
    /// # Errors
    /// If there is no such order: a cycle, or a task whose dependencies it cannot know.
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError>;

    /// A key can go on: it was just demanded, or what it waited for has come.
    fn push(&mut self, key: KeyId, metadata: &Metadata);

    /// The key that goes on next. It is taken from the queue: a build ends when there is none.
    fn pop(&mut self) -> Option<KeyId>;

    /// The build has ended; `complete` if every key that it reached is up to date.
    fn finish(&mut self, _complete: bool) {}

    /// Whether a build for these targets may visit suspects only (see [`Plan::suspects`]): true for a scheduler
    /// that has completed a build of the same targets and tasks. A scheduler that refuses to block orders all suspects
    /// that it is told of; to any other the engine pushes suspects as it finds that they are needed.
    fn follows_suspects(&self, _targets: &[KeyId], _generation: u64) -> bool {
        false
    }

    /// Whether everything that this key declares was visited before it, so that it is up to date unless it is still underway.
    /// Asked only of a scheduler that refuses to block, or that follows suspects.
    fn precedes(&self, _key: KeyId) -> bool {
        false
    }

    /// Whether the order puts this dependency, which has a task, before the key. If not, the task was lucky to find it up to
    /// date: an undeclared dependency.
    fn may_fetch(&self, _key: KeyId, _dependency: KeyId) -> bool {
        true
    }

    /// A key became a suspect while the build ran. Only for schedulers that follow suspects in an order of their own.
    fn suspect(&mut self, _key: KeyId) {}
}

/// A scheduler that can order tasks of power `P`. A marker: `impl<P: Power> Schedules<P> for Mine {}` says that it can order
/// all, `impl Schedules<Static> for Mine {}` that it must know all dependencies beforehand.
///
/// The compiler refuses dynamic tasks for a scheduler of the latter kind. A scheduler that is chosen at run time, a
/// `Box<dyn Scheduler>`, finds them out when it plans: a dynamic task is then an error.
///
/// A scheduler for tasks of every power says so in a line ([`Scheduler`] has the whole of one):
///
/// ```
/// use alacarte::{KeyId, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};
///
/// /// The oldest first.
/// #[derive(Default)]
/// struct InTurn(std::collections::VecDeque<KeyId>);
///
/// impl Scheduler for InTurn {
///     fn when_blocked(&self) -> WhenBlocked {
///         WhenBlocked::Keep
///     }
///     fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
///         self.0 = plan.targets.iter().copied().collect();
///         Ok(())
///     }
///     fn push(&mut self, key: KeyId, _: &Metadata) {
///         self.0.push_back(key);
///     }
///     fn pop(&mut self) -> Option<KeyId> {
///         self.0.pop_front()
///     }
/// }
///
/// impl<P: Power> Schedules<P> for InTurn {}
///
/// use alacarte::prelude::*;
/// let tasks = Rules::new().rule("B", task(async |fetch: Fetch<'_, _, i64>| Ok(fetch.get("A").await? + 1)));
/// let build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(InTurn::default());
/// let mut build = build.with_rebuilder(VerifyingTrace);
/// build.run(["B"])?;
/// assert_eq!(build.get("B"), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot schedule tasks of power `{P}`",
    label = "this build has no scheduler that can order its tasks",
    note = "choose one by `.with_scheduler(…)`: a topological scheduler needs tasks that declare their dependencies (`formula`, not \
            `task`); `Restarting` and `Suspending` are for dynamic tasks too"
)]
pub trait Schedules<P: Power>: Scheduler {}

impl<S: Scheduler + ?Sized> Scheduler for Box<S> {
    fn install(&self, metadata: &mut Metadata) {
        (**self).install(metadata);
    }
    fn when_blocked(&self) -> WhenBlocked {
        (**self).when_blocked()
    }
    fn depth_first(&self) -> bool {
        (**self).depth_first()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        (**self).plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        (**self).push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        (**self).pop()
    }
    fn finish(&mut self, complete: bool) {
        (**self).finish(complete);
    }
    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        (**self).follows_suspects(targets, generation)
    }
    fn precedes(&self, key: KeyId) -> bool {
        (**self).precedes(key)
    }
    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        (**self).may_fetch(key, dependency)
    }
    fn suspect(&mut self, key: KeyId) {
        (**self).suspect(key);
    }
}

impl<P: Power> Schedules<P> for Box<dyn Scheduler + '_> {}

/// Why a plan cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlanError {
    /// The key at which it was noticed.
    pub key: KeyId,
    /// What is wrong.
    pub problem: Problem,
}

impl PlanError {
    /// This is wrong, and was noticed at this key.
    pub fn new(key: KeyId, problem: Problem) -> Self {
        PlanError { key, problem }
    }
}

/// What is wrong with the graph.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// Keys declare each other in a circle; the first stands at the end again.
    Cycle(Vec<KeyId>),
    /// The key's dependencies are known only while its task runs.
    Dynamic,
    /// The key may fetch this one, for which there is no order.
    Needs(KeyId),
    /// Anything else.
    Other(Cause),
}

/// What is known of a key's dependencies before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// It has no task.
    Input,
    /// They were added to the list.
    Static,
    /// They are not known.
    Dynamic,
}

/// What a scheduler knows when a build begins.
pub struct Plan<'p> {
    /// What is to be brought up to date.
    pub targets: &'p [KeyId],
    /// How many times the tasks themselves have been replaced: a different number means that declarations may
    /// have changed.
    pub generation: u64,
    /// The only keys that can be out of date of themselves, if the scheduler follows suspects and the rebuilder
    /// knows them (see [`Rebuilder::suspects`](crate::Rebuilder::suspects)).
    pub suspects: Option<&'p [KeyId]>,
    /// Whether the build goes on with the other targets where one cannot be ordered: see [`Plan::refuse`].
    pub keeps_going: bool,
    pub(crate) refused: Vec<PlanError>,
    pub(crate) declared: &'p mut dyn FnMut(KeyId, &mut Vec<KeyId>) -> Declared,
}

impl Plan<'_> {
    /// A key cannot be ordered, and the build goes on without it: for a scheduler that was told to
    /// [keep going](Plan::keeps_going).
    pub fn refuse(&mut self, error: PlanError) {
        self.refused.push(error);
    }

    /// Adds what the task of `key` may fetch, and what must precede it, to `into`.
    pub fn declared(&mut self, key: KeyId, into: &mut Vec<KeyId>) -> Declared {
        (self.declared)(key, into)
    }
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plan = f.debug_struct("Plan");
        plan.field("targets", &self.targets).field("generation", &self.generation).field("suspects", &self.suspects);
        plan.field("keeps_going", &self.keeps_going).finish_non_exhaustive()
    }
}

/// How many keys a scheduler may give in a build, so many times what it was told of, and how many are left of them since
/// it was last told. To give a key twice does no harm; to give keys without end, as a `pop` does that leaves on the queue
/// what it answers, would keep the build busy for ever.
#[derive(Debug, Default)]
pub(crate) struct QueueCount {
    may: isize,
    left: isize,
}

impl QueueCount {
    /// So many times it may give what it was told of once.
    const TIMES: isize = 16;
    /// And so many keys at least, however few it was told of.
    const LEAST: isize = 64;

    /// Of a build for which a plan names so many keys at most.
    pub fn new(planned: usize) -> Self {
        let may = Self::TIMES * (planned as isize + Self::LEAST);
        QueueCount { may, left: may }
    }

    /// The scheduler is told of a key that may go on, or is a suspect.
    pub fn told(&mut self) {
        self.may += Self::TIMES;
        self.left = self.may;
    }

    /// The key that goes on next.
    pub fn pop(&mut self, scheduler: &mut (impl Scheduler + ?Sized)) -> Option<KeyId> {
        let key = scheduler.pop();
        // (It may be asked in vain as often as the outside wakes a task.)
        self.left -= isize::from(key.is_some());
        key
    }

    /// Whether it has given more than it can have been told of, and nothing was pushed meanwhile.
    pub fn is_spent(&self) -> bool {
        self.left < 0
    }

    /// Takes from the queue what is left on it.
    pub fn empty(&mut self, scheduler: &mut (impl Scheduler + ?Sized)) {
        while !self.is_spent() && self.pop(scheduler).is_some() {}
    }
}
