//! The comparison: every combination plays the same script of edits and builds on the same project, and after
//! every step its result is checked against a build from scratch.

mod confine;
mod copy;
mod edit_script;
mod edits;
mod flags;
mod leaks;
mod outcome;
mod paths;
mod project;
mod sealed_place;
mod sheet_player;
mod sources;
mod stop;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use confine::Confinement;
pub use edit_script::{EditStep, ScriptError, ScriptLine};
pub use outcome::{Built, StepOutcome};
pub use project::Project;
pub use sheet_player::SheetWorkload;
pub use stop::Stop;

use crate::systems::MenuCell;

/// Something on which combinations are compared.
#[derive(Debug)]
#[non_exhaustive]
pub enum Workload {
    /// A project with a ninja manifest.
    Project(Project),
    /// A spreadsheet.
    Sheet(SheetWorkload),
}

/// How to play.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompareOptions {
    /// How many commands may run at once.
    pub jobs: usize,
    /// Chooses what to edit in a workload that has no script of its own.
    pub seed: u64,
    /// How many times the script is played; times are then medians. At least once.
    pub repeat: usize,
    /// The script, if a person named one.
    pub edits: Option<PathBuf>,
    /// A cache that all combinations that restore share, with what is in it already; else each begins with one of its own.
    pub cache: Option<PathBuf>,
    /// Ends the comparison early.
    pub stop: Stop,
}

impl Default for CompareOptions {
    /// One command at a time, once.
    fn default() -> Self {
        CompareOptions { jobs: 1, seed: 0, repeat: 1, edits: None, cache: None, stop: Stop::default() }
    }
}

impl CompareOptions {
    /// The same; so many commands may run at once.
    #[must_use]
    pub fn with_jobs(self, jobs: usize) -> Self {
        CompareOptions { jobs, ..self }
    }

    /// The same, but for what chooses edits.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        CompareOptions { seed, ..self }
    }

    /// The same; the script is played so many times.
    #[must_use]
    pub fn with_repeat(self, repeat: usize) -> Self {
        CompareOptions { repeat, ..self }
    }

    /// The same, by the script in this file.
    #[must_use]
    pub fn with_edits(self, edits: Option<PathBuf>) -> Self {
        CompareOptions { edits, ..self }
    }

    /// The same, with this cache.
    #[must_use]
    pub fn with_cache(self, cache: Option<PathBuf>) -> Self {
        CompareOptions { cache, ..self }
    }
}

/// A comparison that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The workload cannot be read.
    #[error("{0}")]
    Workload(String),
    /// The script does not fit it.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A scratch directory cannot be written.
    #[error("cannot {action} {place}: {source}")]
    Scratch {
        /// What was tried.
        action: &'static str,
        /// Where.
        place: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It was asked to end ([`Stop`]). Its commands have ended, and its copies are removed.
    #[error("interrupted; nothing is left behind")]
    Stopped,
    /// The build from scratch, which every combination is compared with, does not work.
    #[error("{place}: the build of {workload} from scratch fails, so there is nothing to compare with:\n{problem}")]
    Reference {
        /// The workload.
        workload: String,
        /// The step; of a script that a person wrote with its file and line.
        place: String,
        /// What went wrong.
        problem: String,
    },
}

impl CompareError {
    /// Why a step is left out that cannot be made, or after which nothing can be built; nothing if the comparison itself cannot
    /// go on.
    fn why_not_made(&self) -> Option<String> {
        match self {
            CompareError::Reference { problem, .. } => {
                let first = problem.lines().next().unwrap_or_default();
                Some(format!("the project does not build after this edit: {first}"))
            }
            CompareError::Script(problem) => Some(problem.to_string()),
            _ => None,
        }
    }
}

/// What is going on, for a progress bar.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Progress<'p> {
    /// The workload.
    pub workload: &'p str,
    /// The combination that plays, or none while the reference is built.
    pub combination: Option<MenuCell<'p>>,
    /// The step that was played.
    pub step: &'p str,
}

impl Workload {
    /// The two workloads that come with the program.
    ///
    /// # Errors
    /// If they cannot be read, which would be a defect, or there is no place for a copy.
    pub fn embedded() -> Result<Vec<Workload>, CompareError> {
        Ok(vec![Workload::Sheet(SheetWorkload::embedded()?), Workload::Project(Project::embedded()?)])
    }

    /// A sheet that a program has made, the text of a CSV file, and a script of edits in JSON.
    ///
    /// # Errors
    /// If one of them cannot be read, or they do not fit each other.
    pub fn sheet(name: &str, sheet: &str, edits: &str) -> Result<Workload, CompareError> {
        Ok(Workload::Sheet(SheetWorkload::of(name, sheet, edits)?))
    }

    /// The workload at a path: a directory with a `build.ninja`, or a `.csv` file. What counts is what it is now: edits that
    /// are made there later change nothing.
    ///
    /// # Errors
    /// If it is neither, cannot be read, or would write anywhere but to a copy.
    pub fn at(path: &Path, options: &CompareOptions) -> Result<Workload, CompareError> {
        if path.is_dir() {
            return Ok(Workload::Project(Project::at(path, options)?));
        }
        if path.extension().is_some_and(|extension| extension == "csv") {
            return Ok(Workload::Sheet(SheetWorkload::at(path, options)?));
        }
        let problem = if path.exists() { "is neither" } else { "does not exist; a workload is" };
        let what = "a directory with a build.ninja nor a .csv file";
        let what = if path.exists() { what.to_owned() } else { what.replace(" nor ", " or ") };
        Err(CompareError::Workload(format!("{} {problem} {what}", path.display())))
    }

    /// What a person calls it.
    pub fn name(&self) -> &str {
        match self {
            Workload::Project(project) => project.name(),
            Workload::Sheet(sheet) => sheet.name(),
        }
    }

    /// The steps of its script.
    pub fn steps(&self) -> &[EditStep] {
        match self {
            Workload::Project(project) => project.steps(),
            Workload::Sheet(sheet) => sheet.steps(),
        }
    }

    /// What one unit of work is: "command", "formula".
    pub fn unit(&self) -> &'static str {
        match self {
            Workload::Project(_) => "command",
            Workload::Sheet(_) => "formula",
        }
    }

    /// How far its commands were kept from writing elsewhere than to the copy. Not known before it was played; a sheet
    /// runs none.
    pub fn confinement(&self) -> Option<&Confinement> {
        match self {
            Workload::Project(project) => project.confinement(),
            Workload::Sheet(_) => None,
        }
    }

    /// Why a combination cannot play here at all: a topological scheduler over tasks that it cannot order.
    pub fn refuses(&self, combination: MenuCell<'_>) -> Option<String> {
        match self {
            Workload::Sheet(sheet) if combination.is_ordered() => sheet.unordered(),
            _ => None,
        }
    }

    /// Plays the script with each combination, told of each step when it is done.
    ///
    /// # Errors
    /// If the comparison itself cannot be made. A combination that fails or is wrong is an outcome, not an error.
    pub fn play(
        &mut self,
        combinations: &[MenuCell<'_>],
        options: &CompareOptions,
        progress: &mut (dyn FnMut(&Progress<'_>) + Send),
    ) -> Result<Vec<StepOutcome>, CompareError> {
        let mut play = || match self {
            Workload::Project(project) => project.play(combinations, options, progress),
            Workload::Sheet(sheet) => sheet.play(combinations, options, progress),
        };
        let mut outcomes = play()?;
        let others = (1..options.repeat).map(|_| play()).collect::<Result<Vec<_>, _>>()?;
        outcome::merge(&mut outcomes, &others);
        Ok(outcomes)
    }
}
