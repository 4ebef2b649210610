//! What a build did.

use std::fmt;

use thiserror::Error;

use crate::error::{Cause, Failure};
use crate::key::KeyId;
use crate::rebuilder::Reason;

/// What one build did.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let inputs = Memory::from([("A", 40)]);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B", "C"]);
///
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// // B gives 4 again, so C is kept.
/// assert_eq!(build.names(&report.ran), ["B"]);
/// assert_eq!((report.kept, report.restored.len(), report.restarts), (1, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The keys whose tasks ran to their end, in that order.
    pub ran: Vec<KeyId>,
    /// The keys that were put in place from a trace, in that order.
    pub restored: Vec<KeyId>,
    /// How many keys were looked at and stood.
    pub kept: u64,
    /// How many times a started task was dropped because it fetched a key that was not up to date.
    pub restarts: u64,
    /// How many fetches tasks and rebuilders made.
    pub fetches: u64,
    /// The largest number of task futures that were kept waiting for keys at one time.
    pub suspended: u64,
    /// The first trouble with copies of values or with the cache of traces. They are only a help: where one cannot be
    /// read or written, a task runs that need not have, and no build fails.
    pub cache_trouble: Option<Box<str>>,
}

/// What became of one key, told as it happens (see [`Build::with_observer`](crate::Build::with_observer)).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decision {
    /// The value stood.
    Kept,
    /// A trace gave the value.
    Restored,
    /// The task was started, for this reason.
    Started(Reason),
    /// The started task was dropped because it needs this key first.
    Restarted(KeyId),
    /// The task ended with a value, equal to the one before or not.
    Ran {
        /// Whether dependents see a difference.
        changed: bool,
    },
    /// There is no value.
    Failed(Cause),
}

/// A build that did not bring every target up to date. What it finished is kept.
#[derive(Clone, Error)]
#[non_exhaustive]
pub struct BuildError<K> {
    /// The keys that failed; first those that failed of themselves.
    pub failures: Vec<Failure<K>>,
    /// What the build did all the same.
    pub report: Report,
}

impl<K> BuildError<K> {
    /// A build that ended with these failures, and had done this by then.
    pub fn new(failures: Vec<Failure<K>>, report: Report) -> Self {
        BuildError { failures, report }
    }
}

/// So many keys are named that failed only because others did; the rest are counted.
const CONSEQUENCES: usize = 12;

impl<K: fmt::Display> fmt::Display for BuildError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut consequences = 0;
        for failure in &self.failures {
            consequences += usize::from(failure.cause.is_consequence());
            if !failure.cause.is_consequence() || consequences <= CONSEQUENCES {
                write!(f, "{separator}{failure}")?;
                separator = "\n";
            }
        }
        match consequences.saturating_sub(CONSEQUENCES) {
            0 => Ok(()),
            more => write!(f, "{separator}and {more} more that need what failed"),
        }
    }
}

impl<K: fmt::Display> fmt::Debug for BuildError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildError").field("failures", &self.failures).field("report", &self.report).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_of_itself_is_named_and_the_rest_is_counted() {
        let failure = |key: usize| match key {
            0 => Failure::new(key, Cause::MissingTarget),
            _ => Failure::new(key, Cause::Dependency { dependency: (key - 1).to_string() }),
        };
        let told =
            |failures: usize| BuildError::new((0..failures).map(failure).collect(), Report::default()).to_string();
        assert_eq!(told(13).lines().count(), 13);
        assert!(told(13).ends_with("12: it needs 11, which failed"), "{}", told(13));
        let long = told(100_000);
        assert!(
            long.starts_with("0: it has no task") && long.ends_with("and 99987 more that need what failed"),
            "{long}"
        );
        assert_eq!(long.lines().count(), 14);
    }
}
