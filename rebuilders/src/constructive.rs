//! Constructive trace: if a trace holds, its value is put in place, whatever the store holds now.
//!
//! CloudBuild (topological) and Bazel (restarting). The trace may come from another build, through a cache. The
//! published restarting model with constructive traces goes stale because it looks at direct dependencies only,
//! before they are up to date; here the walk brings each up to date first.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Key, KeyId, Metadata, Question, Reason, Rebuilder, Restored, SharableTrace, Value};
use alacarte_metadata::ConstructiveTraces;

use crate::walk::{Walked, walk};

/// Restores a key if one of its traces holds.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a * 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(ConstructiveTrace);
/// build.run(["C"])?;
/// build.set("A", 2)?;
/// assert_eq!(build.run(["C"])?.ran.len(), 2);
///
/// // After the edit is taken back, traces give the older values, and no task runs.
/// build.set("A", 1)?;
/// let report = build.run(["C"])?;
/// assert_eq!((report.ran.len(), report.restored.len()), (0, 2));
/// assert_eq!(build.get("C"), Some(11));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ConstructiveTrace;

impl<K: Key, V: Value> Rebuilder<K, V> for ConstructiveTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<V>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<ConstructiveTraces<V>>();
        let (trace, newest) = match ready!(walk(question, traces.table(), Reason::OutputChanged, |_, _, _| true)) {
            Walked::Holds { trace, newest } => (trace, newest),
            Walked::Fails(reason) => return Poll::Ready(Answer::Run(reason)),
        };
        // The value of an older run, or of somebody else's, may be equal in a part only. And a trace that was learned vouches
        // for what another build made: that it holds here is news, and is told as such.
        let own = newest && question.is_built() && traces.is_present(question.key());
        let stands = question.current() == Some(trace.fingerprint()) && (own || question.is_whole());
        if stands && own {
            return Poll::Ready(Answer::Keep);
        }
        let value = if stands { None } else { traces.value(trace).cloned() };
        let dependencies = trace.dependencies().collect();
        Poll::Ready(Answer::Restore(Restored::new(dependencies, false, value)))
    }

    fn restores(&self) -> bool {
        true
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        let traces = metadata.read::<ConstructiveTraces<V>>();
        let newest = traces.table().newest(key)?;
        Some(SharableTrace::new(newest.dependencies().collect(), None))
    }
}
