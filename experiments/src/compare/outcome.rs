//! What a combination did at one step of a script.

use serde::Serialize;

/// One row of a comparison: one combination at one step.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
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
    /// Why the step could not be made here, if it could not: then nothing was built and nothing measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_made: Option<String>,
    /// What the build of the step did; its fields stand beside those above.
    #[serde(flatten)]
    pub built: Option<Built>,
}

/// What one build did.
#[derive(Debug, Clone, Serialize)]
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
    /// Wall time of the build, from reading the journal to its last record, in milliseconds.
    pub wall_ms: f64,
    /// The size of the journal after the build.
    pub journal_bytes: u64,
    /// Whether the result equals a build from scratch.
    pub correct: bool,
    /// Why the build failed, or where its result differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Outcome {
    /// Whether a result was wrong. A step that was not made has none.
    pub fn is_wrong(&self) -> bool {
        self.built.as_ref().is_some_and(|built| !built.correct)
    }
}
