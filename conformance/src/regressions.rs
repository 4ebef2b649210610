//! Cases that once broke a law. They are played first, by the tests and by every campaign.

use crate::menu::{Subject, TaskKind};

/// The seeds, as they are kept: scheduler, rebuilder, tasks, seed, and what it found, a case a line.
const KEPT: &str = include_str!("../regressions.txt");

/// A case that once broke a law.
#[derive(Debug, Clone, Copy)]
pub struct Regression {
    /// Who broke it.
    pub subject: Subject<'static>,
    /// The seed of the scenario.
    pub seed: u64,
    /// What it found.
    pub found: &'static str,
}

/// All that are kept.
///
/// # Panics
/// If a line of the list cannot be understood.
pub fn regressions() -> Vec<Regression> {
    let subjects = Subject::all();
    let lines = KEPT.lines().map(|line| line.split_once('#').map_or((line, ""), |(line, found)| (line, found.trim())));
    let cases = lines.filter(|(line, _)| !line.trim().is_empty()).map(|(line, found)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [scheduler, rebuilder, tasks, seed] = words[..] else {
            panic!("regressions.txt: {line:?} is not «scheduler rebuilder tasks seed»");
        };
        let tasks = if tasks == "static" { TaskKind::Static } else { TaskKind::Dynamic };
        let is_named = |subject: &&Subject<'_>| {
            (subject.scheduler, subject.rebuilder, subject.tasks) == (scheduler, rebuilder, tasks)
        };
        let subject = subjects.iter().find(is_named);
        let subject = *subject.unwrap_or_else(|| panic!("regressions.txt: nobody on the menu is {line:?}"));
        let seed = seed.parse().unwrap_or_else(|error| panic!("regressions.txt: the seed of {line:?}: {error}"));
        Regression { subject, seed, found }
    });
    cases.collect()
}
