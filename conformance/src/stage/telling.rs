//! A performance, told so that a person can follow it.

use alacarte_core::Decision;

use super::{Broken, Stage};
use crate::laws::{BuildEnding, Decided, show};

impl<P, S, R> Stage<'_, P, S, R> {
    /// What a build did, as lines of the counterexample.
    pub(super) fn tell(&self, ending: BuildEnding<'_>) -> String {
        let waits = self.waits.borrow();
        let mut waits = waits.iter();
        let told = |Decided { key, decision }: &Decided| match decision {
            Decision::Kept => Some(format!("kept {key}")),
            Decision::Restored => Some(format!("restored {key}")),
            Decision::Restarted(_) => waits.next().map(|on| format!("{key} waits for {on}")),
            Decision::Ran { .. } => Some(format!("ran {key}")),
            _ => None,
        };
        let decisions: Vec<String> = self.decisions.borrow().iter().filter_map(told).collect();
        let mut line = format!("       {}", decisions.join(", "));
        if decisions.is_empty() {
            line += "nothing to do";
        }
        match ending {
            BuildEnding::Succeeded => line,
            BuildEnding::Failed(error) => format!("{line}\n       failed: {}", error.to_string().replace('\n', "; ")),
            BuildEnding::Dropped => format!("{line}\n       and was given up"),
        }
    }

    pub(super) fn broken(&self, law: &'static str, says: &str, what: &str) -> Broken {
        let inputs: Vec<_> = self.inputs.iter().map(|(key, &value)| format!("{key}: {}", show(Some(value)))).collect();
        let inputs = if inputs.is_empty() { "none".into() } else { inputs.join(", ") };
        let counterexample = format!(
            "{}\nInputs now: {inputs}\n\nThe law `{law}` is broken: {says}.\n{what}\n",
            self.counterexample.as_ref().map(|counterexample| counterexample.borrow().join("\n")).unwrap_or_default(),
        );
        Broken { law, counterexample, cases: 1, seed: 0 }
    }
}
