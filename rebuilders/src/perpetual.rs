//! Perpetual: run everything, always. The baseline against which the others save.

use std::task::Poll;

use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Value};

/// Runs every task that the targets reach.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1))
///     .rule("D", formula(["A"], |[a]| a + 2));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(Perpetual);
/// build.run(["C"])?;
/// // No input changed, and everything below the target runs. (D is not below C.)
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B", "C"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Perpetual;

impl<K: Key, V: Value> Rebuilder<K, V> for Perpetual {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Ready(Answer::Run(Reason::Always))
    }

    fn skips_unchanged_builds(&self) -> bool {
        false
    }
}
