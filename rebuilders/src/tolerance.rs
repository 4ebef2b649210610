//! Tolerance: a key is kept until something that its task fetched has moved too far from the value that it was given.
//!
//! Right within what is tolerated: each value is what its task gave for values none of which has moved further since. It is
//! compared with what the last *run* saw, and not with the last build, for small moves add up.

use std::fmt;
use std::task::{Poll, ready};

use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Value};
use alacarte_metadata::LastRuns;

/// Runs a task only if a dependency has moved too far since its last run, as this function says of the value then and now.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::rebuilders::Tolerance;
///
/// let tasks = Rules::new().rule("mean", formula(["a", "b"], |[a, b]: [f64; 2]| (a + b) / 2.0));
/// let build = Build::new(tasks, Memory::from([("a", 20.0), ("b", 22.0)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(Tolerance(|then: &f64, now: &f64| (then - now).abs() > 0.5));
/// build.run(["mean"])?;
///
/// build.set("a", 20.4)?;
/// assert!(build.run(["mean"])?.ran.is_empty());
/// assert_eq!(build.get("mean"), Some(21.0));
/// // No step is longer than the one before. The run saw 20.
/// build.set("a", 20.8)?;
/// assert_eq!(build.run(["mean"])?.ran.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Tolerance<F>(pub F);

impl<K: Key, V: Value, F: Fn(&V, &V) -> bool> Rebuilder<K, V> for Tolerance<F> {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<LastRuns<V>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let last = metadata.read::<LastRuns<V>>().of(question.key());
        let Some(last) = last.filter(|last| question.stands(last.definition, last.fingerprint)) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        let near = ready!(question.all_hold(&last.saw, |then, now| !(self.0)(then, now)));
        Poll::Ready(if near { Answer::Keep } else { Answer::Run(Reason::Other("something has moved too far")) })
    }
}

impl<F> fmt::Debug for Tolerance<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tolerance").finish_non_exhaustive()
    }
}
