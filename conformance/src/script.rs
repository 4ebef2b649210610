//! What happens to a build system: a sequence of edits and builds.

use std::collections::BTreeMap;
use std::fmt;

use crate::expr::{Expr, Name};
use crate::program::Graph;

/// One thing that happens. A step that makes no sense where it stands (an edit of a key that is no input at
/// that moment) does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An input gets a value.
    Edit(Name, i64),
    /// An input is set to the value that it has.
    Same(Name),
    /// The last edit is undone.
    Revert,
    /// An input is written again as it is.
    Touch(Name),
    /// An input is deleted.
    Delete(Name),
    /// A key's task is replaced; an input gets one.
    Formula(Name, Expr),
    /// A key's task is taken away: it becomes an input that holds what it holds.
    Unformula(Name),
    /// Somebody writes over a computed value.
    Overwrite(Name, i64),
    /// A computed value is lost.
    Lose(Name),
    /// The targets are brought up to date.
    Build(Vec<Name>),
    /// The process ends; a new one starts from the journal.
    Restart,
    /// Another scheduler and rebuilder take over; with `true`, the same scheduler goes on with another rebuilder.
    Switch(usize, bool),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Edit(key, value) => write!(f, "{key} := {value}"),
            Step::Same(key) => write!(f, "{key} := the value that it has"),
            Step::Revert => write!(f, "the last edit is reverted"),
            Step::Touch(key) => write!(f, "{key} is touched"),
            Step::Delete(key) => write!(f, "{key} is deleted"),
            Step::Formula(key, task) => write!(f, "{key} is now = {task}"),
            Step::Unformula(key) => write!(f, "{key} is now an input"),
            Step::Overwrite(key, value) => write!(f, "somebody writes {value} over {key}"),
            Step::Lose(key) => write!(f, "the value of {key} is lost"),
            Step::Build(targets) => {
                let names: Vec<_> = targets.iter().map(Name::to_string).collect();
                write!(f, "build {}", names.join(", "))
            }
            Step::Restart => write!(f, "a new process starts from the journal"),
            Step::Switch(to, false) => write!(f, "combination {to} takes over"),
            Step::Switch(to, true) => write!(f, "the rebuilder of combination {to} takes over"),
        }
    }
}

/// A graph, what its inputs hold at the beginning, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The tasks at the beginning.
    pub graph: Graph,
    /// The inputs at the beginning; a missing one is a missing input.
    pub inputs: BTreeMap<Name, i64>,
    /// What happens.
    pub steps: Vec<Step>,
    /// How the tasks are presented.
    pub signed: bool,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Tasks{}:", if self.signed { "" } else { " (without definitions until replaced)" })?;
        for key in self.graph.keys() {
            match (self.graph.task(key), self.inputs.get(&key)) {
                (Some(task), _) => writeln!(f, "  {key} = {task}")?,
                (None, Some(value)) => writeln!(f, "  {key}: {value}")?,
                (None, None) => writeln!(f, "  {key}: (a missing input)")?,
            }
        }
        Ok(())
    }
}
