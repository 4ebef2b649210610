//! What can go wrong, and what to do about it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::key::KeyId;

/// Why a task did not give a value. Any error converts into it with `?`.
///
/// Like `anyhow`'s, it does not implement [`std::error::Error`] itself: that is what lets every error convert.
#[derive(Clone)]
pub struct TaskError(pub(crate) Reasoned);

#[derive(Clone)]
pub(crate) enum Reasoned {
    /// A fetched key has no value because its own task failed, or because it is a missing input.
    Fetch,
    /// The task said so.
    Said(Arc<str>),
}

impl TaskError {
    /// A failure with this explanation.
    pub fn new(explanation: impl fmt::Display) -> Self {
        TaskError(Reasoned::Said(explanation.to_string().into()))
    }
}

impl<E: std::error::Error> From<E> for TaskError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            // (Some errors print what caused them themselves.)
            if !text.contains(&cause.to_string()) {
                text = format!("{text}: {cause}");
            }
            source = cause.source();
        }
        TaskError(Reasoned::Said(text.into()))
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reasoned::Fetch => write!(f, "a fetched key has no value"),
            Reasoned::Said(text) => write!(f, "{text}"),
        }
    }
}

/// What a task gives.
pub type Result<V> = std::result::Result<V, TaskError>;

/// A store, a journal or a cache could not be read or written.
#[derive(Debug, Error)]
#[error("cannot {action} {place}: {source}")]
#[non_exhaustive]
pub struct StoreError {
    /// What was tried: "read", "write", …
    pub action: &'static str,
    /// Where: a path, usually.
    pub place: String,
    /// What the system said.
    pub source: std::io::Error,
}

impl StoreError {
    /// An error met while doing `action` at `place`.
    pub fn new(action: &'static str, place: impl fmt::Display, source: std::io::Error) -> Self {
        StoreError { action, place: place.to_string(), source }
    }
}

/// Why one key was not brought up to date.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Cause {
    /// Its task failed.
    #[error("{0}")]
    Task(Arc<str>),
    /// Its task panicked.
    #[error("its task panicked: {0}")]
    Panic(Arc<str>),
    /// What the build called for this key panicked: the rebuilder, the scheduler, a metadata updater or the observer. (Of a
    /// failure without a key: what it called for the build as a whole.) The build ended there, and its report is empty; the
    /// next build is right.
    #[error("{strategy} panicked: {message}")]
    StrategyPanic {
        /// Which: what it is to the build, and its type.
        strategy: String,
        /// What the panic said.
        message: Arc<str>,
    },
    /// A key that it fetches failed.
    #[error("it needs {dependency}, which failed")]
    Dependency {
        /// The key that failed.
        dependency: String,
    },
    /// It fetched a key that has neither a task nor a value.
    #[error("it needs {dependency}, which has no task and no value (define a rule for it, or give it a value)")]
    MissingInput {
        /// The key without a value.
        dependency: String,
    },
    /// It is itself a target without a task or a value.
    #[error("it has no task and no value (define a rule for it, or give it a value)")]
    MissingTarget,
    /// Keys wait for each other in a circle.
    #[error("a cycle: {}", shown(path))]
    Cycle {
        /// The keys of the circle, the first one again at the end.
        path: Vec<String>,
    },
    /// Under a topological scheduler, a task fetched a key that it had not declared.
    #[error(
        "it fetched {dependency}, which it did not declare and which is not up to date: \
         declare the dependency, or choose the restarting or suspending scheduler"
    )]
    Undeclared {
        /// The key it fetched.
        dependency: String,
    },
    /// It fetched a key inside its own outside work.
    #[error(
        "it fetched {dependency}, which is not up to date, inside `Fetch::work`: what it waits for may need \
         the very job slot that it holds; fetch before the work, or after it"
    )]
    FetchedAtWork {
        /// The key it fetched.
        dependency: String,
    },
    /// A topological scheduler met a task whose dependencies are not known before it runs.
    #[error("its dependencies are known only while it runs: choose the restarting or suspending scheduler")]
    Dynamic,
    /// It would wait for ever: what it waits for is not underway.
    #[error(
        "it would wait for ever: its scheduler has lost it, or its task waits and has fetched nothing that is missing"
    )]
    Stuck,
    /// Its rebuilder answered `Pending`, and fetched nothing that it could wait for.
    #[error("its rebuilder answered `Pending` without fetching anything that is missing: it would wait for ever")]
    PendingOnNothing,
    /// Its scheduler gives keys without end: many times as many as it was told of.
    #[error("its scheduler gives it without end: `pop` must take what it answers from the queue")]
    GivenWithoutEnd,
    /// Its rebuilder answered `Keep`, or `Restore` without a value, and there is none.
    #[error("its rebuilder keeps it, and it has no value: before it answers so, it asks `Question::current`")]
    KeptNothing,
    /// It is a target that no scheduler has given to be looked at.
    #[error(
        "it is a target, and its scheduler has never given it: `pop` must answer every key that `plan` or `push` was told of"
    )]
    NeverGiven,
    /// A target of [`Build::run_ids`](crate::Build::run_ids), or what a scheduler gave, is the id of no key, or of one that was
    /// forgotten.
    #[error("{id:?} is the id of no key, or of one that was forgotten: it was a target, or its scheduler gave it")]
    UnknownId {
        /// The id.
        id: KeyId,
    },
    /// It depends on the id of no key, or of one that was forgotten: its task fetched it, or its rebuilder answered with it.
    #[error(
        "it depends on {id:?}, which is the id of no key, or of one that was forgotten: ids are those of one build, \
         from `Fetch::id_of` or `Build::intern`, and good while `Fetch::epoch` is the same"
    )]
    UnknownDependency {
        /// The id.
        id: KeyId,
    },
    /// A pool of this name was added twice, with different depths.
    #[error("the pool `{name}` was added twice, with depth {first} and with depth {second}: add it once")]
    DuplicatePool {
        /// Its name.
        name: String,
        /// How deep it was at first.
        first: usize,
        /// How deep it was to be then.
        second: usize,
    },
    /// The store, the journal or the cache failed.
    #[error("{0}")]
    Store(Arc<StoreError>),
}

/// So many keys of a path are shown at each end; what lies between is counted.
const ENDS: usize = 8;

/// A path as a person can read it, however long it is.
fn shown(path: &[String]) -> String {
    let hidden = path.len().saturating_sub(2 * ENDS);
    if hidden < 2 {
        return path.join(" → ");
    }
    let (begin, end) = (&path[..ENDS], &path[path.len() - ENDS..]);
    format!("{} → … {hidden} more … → {}", begin.join(" → "), end.join(" → "))
}

impl Cause {
    /// Whether the key failed only because another one did.
    pub fn is_consequence(&self) -> bool {
        matches!(self, Cause::Dependency { .. })
    }
}

impl From<StoreError> for Cause {
    fn from(error: StoreError) -> Self {
        Cause::Store(Arc::new(error))
    }
}

/// A key that was not brought up to date, and why.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new().rule(3, formula([1, 2], |[a, b]| a + b));
/// let mut build = Build::new(tasks, Memory::from([(1, 10)])).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let error = build.run([3]).unwrap_err();
/// assert_eq!(error.failures[0].key, Some(3));
/// assert!(error.to_string().starts_with("3: it needs 2, which has no task and no value"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure<K> {
    /// The key; `None` if it was the build that failed: its journal, a pool, the id of no key.
    pub key: Option<K>,
    /// Why.
    pub cause: Cause,
}

impl<K> Failure<K> {
    /// A failure of this key, or of the build.
    pub fn new(key: impl Into<Option<K>>, cause: impl Into<Cause>) -> Self {
        Failure { key: key.into(), cause: cause.into() }
    }
}

impl<K: fmt::Display> fmt::Display for Failure<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.cause) {
            // A circle is told by its path, and what a store says by the place.
            (Some(key), cause) if !matches!(cause, Cause::Cycle { .. } | Cause::Store(_)) => {
                write!(f, "{key}: {cause}")
            }
            (_, cause) => write!(f, "{cause}"),
        }
    }
}

impl<K: fmt::Display> fmt::Debug for Failure<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(ToString::to_string);
        f.debug_struct("Failure").field("key", &key).field("cause", &self.cause).finish()
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_circle_is_told_by_its_ends_and_kept_whole() {
        let circle = |keys: usize| -> Vec<String> { (0..=keys).map(|key| (key % keys).to_string()).collect() };
        let short = Cause::Cycle { path: circle(16) };
        assert_eq!(short.to_string(), format!("a cycle: {}", circle(16).join(" → ")));
        let longer = Cause::Cycle { path: circle(17) }.to_string();
        assert!(longer.contains("7 → … 2 more … → 10"), "{longer}");
        let cause = Cause::Cycle { path: circle(100_000) };
        let told = cause.to_string();
        assert!(told.starts_with("a cycle: 0 → 1 → ") && told.ends_with(" → 99999 → 0"), "{told}");
        assert!(told.contains("… 99985 more …") && told.len() < 300, "{told}");
        assert!(matches!(cause, Cause::Cycle { path } if path.len() == 100_001));
    }
}
