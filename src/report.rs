//! What a build did.

use std::fmt;

use thiserror::Error;

use crate::error::{Cause, Failure};
use crate::key::KeyId;
use crate::rebuilder::Reason;

/// What one build did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The keys whose tasks ran to their end, in that order.
    pub ran: Vec<KeyId>,
    /// How many keys were put in place from a trace.
    pub restored: u64,
    /// How many keys were looked at and stood.
    pub kept: u64,
    /// How many times a started task was dropped because it fetched a key that was not up to date.
    pub restarts: u64,
    /// How many fetches tasks and rebuilders made.
    pub fetches: u64,
    /// The largest number of task futures that were kept waiting for keys at one time.
    pub suspended: u64,
}

/// What became of one key, told as it happens (see [`Build::observe`](crate::Build::observe)).
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

/// A build that did not bring every target up to date. Whatever it finished is kept.
#[derive(Debug, Clone, Error)]
pub struct BuildError {
    /// The keys that failed; first those that failed of themselves.
    pub failures: Vec<Failure>,
    /// What the build did all the same.
    pub report: Report,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, failure) in self.failures.iter().enumerate() {
            let separator = if position > 0 { "\n" } else { "" };
            write!(f, "{separator}{failure}")?;
        }
        Ok(())
    }
}
