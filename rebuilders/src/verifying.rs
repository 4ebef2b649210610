//! Verifying trace: a value stands if everything that its task fetched has the fingerprint that the trace recorded.
//!
//! Ninja's rule with content in place of times (topological), Shake's (suspending). Early cutoff comes by
//! itself: a dependency that was built again to an equal value has an equal fingerprint.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Restored, Value};
use alacarte_metadata::{Trace, VerifyingTraces};

use crate::walk::{Walked, walk};

/// Keeps a key if one of its traces holds, and gave the very value that the store holds: the newest does if that was its
/// last run, an older one if fingerprints say that the whole of it is equal.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// build.run(["C"])?;
///
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B"]); // Early cutoff: B is 4 again, as in the trace of C.
///
/// // After an edit that is taken back, the traces hold.
/// build.set("A", 50)?;
/// build.set("A", 41)?;
/// assert!(build.run(["C"])?.ran.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyingTrace;

impl<K: Key, V: Value> Rebuilder<K, V> for VerifyingTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<VerifyingTraces>();
        let gave_this = |question: &Question<'_, K, V>, trace: &Trace<'_>, newest: bool| {
            question.current() == Some(trace.fingerprint())
                && (newest && traces.is_last(question.key()) || question.is_whole())
        };
        Poll::Ready(match ready!(walk(question, traces.table(), Reason::OutputChanged, gave_this)) {
            Walked::Holds { newest: true, .. } => Answer::Keep,
            Walked::Holds { trace, newest: false } => {
                Answer::Restore(Restored::new(trace.dependencies().collect(), false, None))
            }
            Walked::Fails(reason) => Answer::Run(reason),
        })
    }
}
