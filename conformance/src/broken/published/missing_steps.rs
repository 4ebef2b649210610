//! Step traces as published: keys that were built have a step, inputs have none. A dependency without a step is
//! passed over, so an edited input leaves its dependents as they are.

use std::task::Poll;

use alacarte_core::{Answer, Event, Key, Metadata, MetadataUpdater, Question, Rebuilder, Value};
use alacarte_metadata::StepTraces;
use alacarte_rebuilders::StepTrace;

/// Step traces that were never told of an input.
#[derive(Debug)]
pub struct InputlessSteps(Metadata);

impl Default for InputlessSteps {
    fn default() -> Self {
        let mut seen = Metadata::default();
        seen.install::<StepTraces>();
        InputlessSteps(seen)
    }
}

impl InputlessSteps {
    /// The steps of the keys that have tasks.
    pub fn steps(&self) -> &StepTraces {
        self.0.read()
    }
}

impl MetadataUpdater for InputlessSteps {
    fn apply(&mut self, event: &Event<'_>) {
        // The defect.
        let of_input = matches!(event, Event::Changed { key, input: true, .. } if !key.is_definition());
        if !of_input {
            self.0.apply(event);
        }
    }
}

/// [`StepTrace`], over [`InputlessSteps`].
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskSteps;

impl<K: Key, V: Value> Rebuilder<K, V> for TaskSteps {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<InputlessSteps>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        StepTrace.ask(question, &metadata.read::<InputlessSteps>().0)
    }
}
