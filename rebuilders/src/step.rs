//! Step trace: a value stands if nothing that its task fetched has changed in a later step than the one in
//! which it was built.
//!
//! Shake's own rule. It differs from verifying traces under partial builds only: edit, build part, revert, build all.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Fetched, Key, Metadata, Question, Reason, Rebuilder, Value};
use alacarte_metadata::{LastBuilt, StepTraces};

/// Keeps a key that was built after the last change of everything it fetched.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(StepTrace);
/// build.run(["C"])?;
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B"]); // Early cutoff: B is 4 again.
///
/// build.set("A", 50)?;
/// build.run(["B"])?;
/// build.set("A", 40)?;
/// let report = build.run(["C"])?;
/// // B is 4 again, but it changed after C was built. (A verifying trace would keep C.)
/// assert_eq!(build.names(&report.ran), ["B", "C"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct StepTrace;

impl<K: Key, V: Value> Rebuilder<K, V> for StepTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<StepTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let steps = metadata.read::<StepTraces>();
        let key = question.key();
        let Some(LastBuilt { step: built, value, .. }) = steps.built(key) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        if question.current() != value || question.current().is_none() {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        }
        if steps.changed(key.definition()) > built {
            return Poll::Ready(Answer::Run(Reason::Dirty));
        }
        let mut position = *question.progress::<usize>();
        while let Some(Fetched { key: dependency, grouped, .. }) = steps.graph().dependency(key, position) {
            if !grouped {
                let _ = ready!(question.fetch_group(steps.graph().group(key, position)));
            }
            let now = ready!(question.fetch(dependency));
            let changed = steps.changed(dependency);
            if now.is_none() || changed > built {
                let reason = Reason::Newer { key: dependency, modified: changed, than: built };
                return Poll::Ready(Answer::Run(reason));
            }
            position += 1;
            *question.progress() = position;
        }
        Poll::Ready(Answer::Keep)
    }
}
