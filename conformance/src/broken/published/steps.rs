//! Step traces as published: keys that were built have a step, inputs have none. A dependency without a step is
//! passed over, so an edited input leaves its dependents as they are.

use std::task::Poll;

use alacarte_core::{Answer, Event, Key, MetadataUpdater, Question, Rebuilder, Value};
use alacarte_metadata::StepTraces;
use alacarte_rebuilders::StepTrace;

/// Step traces that were never told of an input.
#[derive(Debug, Clone, Default)]
pub struct InputlessSteps(StepTraces);

impl InputlessSteps {
    /// The steps of the keys that have tasks.
    pub fn steps(&self) -> &StepTraces {
        &self.0
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
    type Reads = InputlessSteps;

    fn ask(&self, question: &mut Question<'_, K, V>, steps: &InputlessSteps) -> Poll<Answer<V>> {
        StepTrace.ask(question, &steps.0)
    }
}
