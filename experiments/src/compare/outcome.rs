//! What a combination did at one step of a script.

use serde::Serialize;

/// One row of a comparison: one combination at one step.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StepOutcome {
    /// The project or sheet.
    pub workload: String,
    /// The scheduler's name.
    pub scheduler: &'static str,
    /// The rebuilder's name.
    pub rebuilder: &'static str,
    /// The named system in this cell.
    pub system: Option<&'static str>,
    /// The step of the script.
    pub step: String,
    /// What was edited, as a person says it; `None` if nothing was.
    pub edit: Option<String>,
    /// Why the step could not be made here, if it could not: then nothing was built and nothing measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_made: Option<String>,
    /// What the build of the step did; its fields stand beside those above.
    #[serde(flatten)]
    pub built: Option<Built>,
}

/// What one build did.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Built {
    /// How many tasks did their work: commands that ran, formulas that were computed.
    pub ran: u64,
    /// How many keys were put in place from a trace.
    pub restored: u64,
    /// How many keys were looked at and stood.
    pub kept: u64,
    /// How many started tasks were dropped.
    pub restarts: u64,
    /// How many fetches tasks and rebuilders made.
    pub fetches: u64,
    /// Wall time of the build, from reading the journal to its last record, in milliseconds: the median, if the script was
    /// played several times.
    pub wall_ms: f64,
    /// How far the longest and the shortest of these times lie apart, in milliseconds.
    pub wall_ms_spread: f64,
    /// The size of the journal after the build.
    pub journal_bytes: u64,
    /// Whether the result equals a build from scratch.
    pub correct: bool,
    /// Why the build failed, or where its result differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl StepOutcome {
    /// Whether a result was wrong. A step that was not made has none.
    pub fn is_wrong(&self) -> bool {
        self.built.as_ref().is_some_and(|built| !built.correct)
    }
}

/// Takes the times of further performances of the same script into the outcomes of the first: medians, and spreads. A result
/// that was wrong once is wrong.
pub(super) fn merge(first: &mut [StepOutcome], others: &[Vec<StepOutcome>]) {
    for (row, outcome) in first.iter_mut().enumerate() {
        let Some(built) = &mut outcome.built else { continue };
        let again = others.iter().filter_map(|others| others.get(row)?.built.as_ref());
        let mut times: Vec<f64> = again.clone().map(|again| again.wall_ms).chain([built.wall_ms]).collect();
        times.sort_unstable_by(f64::total_cmp);
        built.wall_ms = times[times.len() / 2];
        built.wall_ms_spread = times[times.len() - 1] - times[0];
        if let Some(wrong) = again.clone().find(|again| !again.correct).filter(|_| built.correct) {
            (built.correct, built.problem) = (false, wrong.problem.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(wall_ms: f64, correct: bool) -> StepOutcome {
        let built = Built {
            ran: 1,
            restored: 0,
            kept: 0,
            restarts: 0,
            fetches: 0,
            wall_ms,
            wall_ms_spread: 0.0,
            journal_bytes: 0,
            correct,
            problem: None,
        };
        let (workload, step) = ("w".to_owned(), "s".to_owned());
        let (scheduler, rebuilder) = ("suspending", "perpetual");
        StepOutcome {
            workload,
            scheduler,
            rebuilder,
            system: None,
            step,
            edit: None,
            not_made: None,
            built: Some(built),
        }
    }

    #[test]
    fn times_are_medians_and_what_was_wrong_once_is_wrong() {
        let mut first = vec![took(9.0, true)];
        merge(&mut first, &[vec![took(1.0, true)], vec![took(2.0, false)]]);
        let built = first[0].built.as_ref().expect("built");
        assert_eq!((built.wall_ms, built.wall_ms_spread, built.correct), (2.0, 8.0, false));
    }
}
