//! Step traces: when each key was built, and when it last changed; no fingerprints of dependencies.
//!
//! Shake's implementation. A key is up to date if nothing that it fetched has changed since it was built. Every
//! event is a step of its own here. The published model records no step for inputs, and so forgets them: an
//! edited input leaves its dependents stale.

use alacarte_core::{Event, Fingerprint, KeyId, MetadataUpdater};

use crate::column::Column;
use crate::dependency_graph::DependencyGraph;

/// Contract: `changed(k)` is the number of the last event of an input, or of the last `Built` or `Restored` event of
/// another key, that gave `k` a value different from the one before (a definition that was replaced counts as a
/// change of a key of its own); `built(k)` is that of its last `Built` or `Restored` event, if that was neither
/// volatile nor deep. A key that was forgotten has neither; a key that fetched a forgotten one counts as never built.
///
/// ```
/// use alacarte::metadata::StepTraces;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(StepTrace);
/// build.run(["C"])?;
/// build.set("A", 41)?;
/// build.run(["C"])?;
///
/// let [a, b, c] = ["A", "B", "C"].map(|key| build.intern(key));
/// let steps = build.metadata().get::<StepTraces>().unwrap();
/// let built = |key| steps.built(key).unwrap().step;
/// // A changed after C was built, and B was built again. But B has not changed since C was built, so C is kept.
/// assert!(built(c) < steps.changed(a) && steps.changed(a) < built(b));
/// assert!(steps.changed(b) < built(c));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct StepTraces {
    step: u64,
    steps: Column<Steps>,
    definitions: Column<u64>,
    graph: DependencyGraph,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Steps {
    value: Option<Fingerprint>,
    changed: u64,
    built: u64,
}

/// When a key was last built, see [`StepTraces::built`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastBuilt {
    /// The step.
    pub step: u64,
    /// The fingerprint of the value that it gave.
    pub value: Option<Fingerprint>,
}

impl StepTraces {
    /// The step at which the key, or the definition, last changed; 0 if it never did.
    pub fn changed(&self, key: KeyId) -> u64 {
        if key.is_definition() {
            return self.definitions.get(key).copied().unwrap_or(0);
        }
        self.steps.get(key).map_or(0, |steps| steps.changed)
    }

    /// When the key was last built; `None` if it never was.
    pub fn built(&self, key: KeyId) -> Option<LastBuilt> {
        let steps = self.steps.get(key).filter(|steps| steps.built > 0)?;
        Some(LastBuilt { step: steps.built, value: steps.value })
    }

    /// What the key fetched when it was last built.
    pub fn graph(&self) -> &DependencyGraph {
        &self.graph
    }
}

impl MetadataUpdater for StepTraces {
    fn apply(&mut self, event: &Event<'_>) {
        // (A key is forgotten at no step: the journal need not know of it.)
        self.step += u64::from(!matches!(event, Event::Forgotten { .. }));
        let step = self.step;
        match event {
            Event::Changed { key, .. } if key.is_definition() => *self.definitions.at(*key) = step,
            Event::Changed { key, fingerprint, input: true, .. } => {
                let steps = self.steps.at(*key);
                if steps.value != *fingerprint {
                    *steps = Steps { value: *fingerprint, changed: step, built: 0 };
                }
            }
            Event::Forgotten { keys } => {
                for orphan in self.graph.forget(keys) {
                    self.steps.at(orphan).built = 0;
                }
                self.steps.forget(keys);
                self.definitions.forget(keys);
            }
            // An output that somebody overwrote: its dependents saw the value that was built.
            Event::Changed { .. } | Event::Imported(_) | Event::Detached { .. } => {}
            Event::Built(record) | Event::Restored(record) => {
                let steps = self.steps.at(record.key);
                if steps.value != Some(record.fingerprint) {
                    steps.changed = step;
                }
                steps.value = Some(record.fingerprint);
                // A volatile value is never up to date; nor is one put in place over dependencies that were not
                // looked at.
                steps.built = if record.volatile || record.deep { 0 } else { step };
                self.graph.apply(event);
            }
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.graph.mentions(key, each);
    }
}
