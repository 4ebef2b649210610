//! Modification time: make's rule. A value stands if it is newer than everything that its task fetched.
//!
//! A baseline, wrong where make is wrong: it does not see a changed command, an output that was touched or overwritten (it is
//! newer then than what it is made from), a clock set back (THEORY, rule 6). It has no early cutoff, and a touched input counts as changed.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Fetched, Key, Metadata, Question, Reason, Rebuilder, Value};
use alacarte_metadata::{DependencyGraph, ModificationTimes};

/// Runs a key if it is missing, or a dependency is newer.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Topological::new());
/// let mut build = build.with_rebuilder(ModificationTime);
/// build.run(["C"])?;
///
/// // `touch` writes A again with the value that it holds. B is older now; when B has run, C is older.
/// build.touch("A")?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B", "C"]);
///
/// // Make does not see a changed command, and this rebuilder does not see a replaced task.
/// build.tasks_mut().set("C", formula(["B"], |[b]| b + 2));
/// assert!(build.run(["C"])?.ran.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ModificationTime;

impl<K: Key, V: Value> Rebuilder<K, V> for ModificationTime {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ModificationTimes>();
        metadata.install::<DependencyGraph>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let (times, graph) = (metadata.read::<ModificationTimes>(), metadata.read::<DependencyGraph>());
        let key = question.key();
        if !graph.knows(key) {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        }
        let (Some(made), Some(_)) = (times.of(key), question.current()) else {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        };
        let mut position = *question.progress::<usize>();
        while let Some(Fetched { key: dependency, grouped, .. }) = graph.dependency(key, position) {
            if !grouped {
                let _ = ready!(question.fetch_group(graph.group(key, position)));
            }
            let now = ready!(question.fetch(dependency));
            match times.of(dependency) {
                Some(modified) if now.is_some() && modified <= made => {}
                modified => {
                    let modified = modified.unwrap_or_default();
                    return Poll::Ready(Answer::Run(Reason::Newer { key: dependency, modified, than: made }));
                }
            }
            position += 1;
            *question.progress() = position;
        }
        Poll::Ready(Answer::Keep)
    }

    fn heeds_touches(&self) -> bool {
        true
    }
}
