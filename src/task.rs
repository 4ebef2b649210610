//! Tasks: how keys get their values.
//!
//! A task computes one key's value from the values it fetches. *Static* tasks declare beforehand every key that
//! they may fetch (the paper's applicative tasks; and its selective ones, which may fetch less than they
//! declare). *Dynamic* tasks find out while they run (monadic). The difference is a type, [`Tasks::Power`]: a
//! topological scheduler accepts only [`Static`] tasks, and a build that would give it dynamic ones does not
//! compile.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::OnceLock;

use crate::error::Result;
use crate::fetch::Fetch;
use crate::fingerprint::Fingerprint;

/// Every task declares its dependencies before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Static;

/// Some tasks find their dependencies while they run.
#[derive(Debug, Clone, Copy)]
pub struct Dynamic;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Static {}
    impl Sealed for super::Dynamic {}
}

/// What tasks may do: [`Static`] or [`Dynamic`].
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{Power, Static};
///
/// type Of<P> = Rules<&'static str, i64, P>;
///
/// /// A formula leaves static tasks static, and dynamic ones dynamic.
/// fn with_sum<P: Power>(tasks: Of<P>) -> Of<P::With<Static>> {
///     tasks.rule("sum", formula(["A", "B"], |[a, b]| a + b))
/// }
///
/// let inputs = Memory::from([("A", 1), ("B", 2)]);
/// let tasks: Of<Static> = with_sum(Rules::new());
/// let mut build = Build::new(tasks, inputs).with_scheduler(Topological::new()).with_rebuilder(DirtyBit);
/// build.run(["sum"])?;
/// assert_eq!(build.get("sum"), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Power: sealed::Sealed + 'static {
    /// The power of a collection of tasks to which a task of power `P` is added.
    type With<P: Power>: Power;
}

impl Power for Static {
    type With<P: Power> = P;
}

impl Power for Dynamic {
    type With<P: Power> = Dynamic;
}

/// What a task does, as a future: `Box::pin(async move { … })`.
pub type TaskFuture<'t, V> = Pin<Box<dyn Future<Output = Result<V>> + 't>>;

/// A task that was started.
pub enum Running<'t, V> {
    /// It has ended.
    Done(Result<V>),
    /// It is a future; it may fetch as it goes.
    Future(TaskFuture<'t, V>),
    /// [`Fetch::poll_ids`] answered `Pending`; start it again when what it asked for is there.
    Waiting,
}

/// All tasks of a build. [`Rules`](crate::Rules) collects closures; front ends implement it over what they parsed.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{Running, Static};
///
/// /// Every number from 2 on has a task; 0 and 1 are inputs.
/// struct Fibonacci;
///
/// impl Tasks<u64, u64> for Fibonacci {
///     type Power = Static;
///
///     fn has(&self, key: &u64) -> bool {
///         *key >= 2
///     }
///
///     fn run<'t>(&'t self, &key: &u64, fetch: Fetch<'t, u64, u64>) -> Running<'t, u64> {
///         Running::Future(Box::pin(async move { Ok(fetch.all([key - 1, key - 2]).await?.iter().sum()) }))
///     }
///
///     fn declared(&self, key: &u64, each: &mut dyn FnMut(&u64)) -> bool {
///         [key - 1, key - 2].iter().for_each(each);
///         true
///     }
/// }
///
/// let inputs = Memory::from([(0, 0), (1, 1)]);
/// let mut build = Build::new(Fibonacci, inputs).with_scheduler(Topological::new()).with_rebuilder(VerifyingTrace);
/// assert_eq!(build.run([50])?.ran.len(), 49);
/// assert_eq!(build.get(50), Some(12_586_269_025));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Tasks<K, V> {
    /// Whether all tasks declare their dependencies.
    type Power: Power;

    /// Whether `key` has a task. A key without one is an input.
    fn has(&self, key: &K) -> bool;

    /// Starts the task of `key`. Called only for keys that have one.
    fn run<'t>(&'t self, key: &K, fetch: Fetch<'t, K, V>) -> Running<'t, V>;

    /// Calls `each` with every key that the task of `key` may fetch and answers `true`; or answers `false`:
    /// they are not known.
    ///
    /// With `Power = Static` it must answer `true` for every key.
    fn declared(&self, _key: &K, _each: &mut dyn FnMut(&K)) -> bool {
        false
    }

    /// Calls `each` with every key that must be up to date before the task of `key` is considered, although the
    /// task does not depend on its value (ninja's order-only inputs).
    ///
    /// A rebuilder that keeps a key without looking below it (dirty bits, deep traces) does not come by what lies there, nor by what comes before that. Where it
    /// is to be up to date all the same, make it a target.
    fn order_only(&self, _key: &K, _each: &mut dyn FnMut(&K)) {}

    /// The fingerprint of the task itself: its formula, its command line. A task whose definition changes is run again. It is
    /// asked for when a key is first met, and again when tasks have been changed ([`Build::tasks_mut`](crate::Build::tasks_mut)).
    ///
    /// What a task declares belongs to it: a task that declares other keys than before must have another definition. A
    /// task without a definition is known by its collection only ([`Tasks::collection`]).
    fn definition(&self, _key: &K) -> Option<Fingerprint> {
        None
    }

    /// A number that no other collection of this process has, where tasks have no definitions, as closures have none: those
    /// of another collection count as other tasks. `None` if definitions say all.
    fn collection(&self) -> Option<u64> {
        None
    }

    /// The moment of its last change, if the collection remembers which tasks it was given, which were replaced, and which
    /// taken away: a number that no other moment of any collection of this process has. `None` if it does not; then every
    /// key that was ever met is looked at when anything may have changed.
    fn moment(&self) -> Option<u64> {
        None
    }

    /// Calls `each` with every key whose task has changed since that [`Tasks::moment`], and answers `true`; or answers
    /// `false`: it is no moment of this collection, or one that it does not remember.
    fn changed_since(&self, _moment: u64, _each: &mut dyn FnMut(&K)) -> bool {
        false
    }
}

/// What is known of the task of a key: its definition; or, if it has none, that it belongs to another collection than the
/// one that the build began with.
pub(crate) fn identity<K, V, T: Tasks<K, V>>(tasks: &T, key: &K, first: Option<u64>) -> Option<Fingerprint> {
    tasks.definition(key).or_else(|| {
        let other = tasks.collection().filter(|&number| Some(number) != first && tasks.has(key));
        other.map(of_this_process)
    })
}

/// The fingerprint of something that no other process knows.
pub(crate) fn of_this_process(number: u64) -> Fingerprint {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    let process = *PROCESS.get_or_init(|| RandomState::new().build_hasher().finish());
    Fingerprint::of_integer(process).combine(Fingerprint::of_integer(number))
}

impl<V: fmt::Debug> fmt::Debug for Running<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Running::Done(done) => f.debug_tuple("Done").field(done).finish(),
            Running::Future(_) => f.write_str("Future"),
            Running::Waiting => f.write_str("Waiting"),
        }
    }
}
