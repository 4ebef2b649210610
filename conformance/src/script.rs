//! What happens to a build system: a sequence of edits and builds.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::combines::Combines;
use crate::expr::Expr;
use crate::graph::Graph;
use crate::name::Name;
use crate::oracle::Truth;
use crate::setters::setters;

/// One thing that happens. A step that makes no sense where it stands (an edit of a key that is no input at
/// that moment) does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An input gets a value.
    Edit {
        /// The input.
        key: Name,
        /// What it holds then.
        value: i64,
    },
    /// An input is set to the value that it has.
    Same(Name),
    /// The last edit is undone.
    Revert,
    /// An input is written again as it is.
    Touch(Name),
    /// An input is deleted.
    Delete(Name),
    /// A key's task is replaced; an input gets one.
    Formula {
        /// The key.
        key: Name,
        /// Its task.
        task: Expr,
    },
    /// A key's task is taken away: it becomes an input that holds what it holds.
    Unformula(Name),
    /// Somebody writes over a computed value.
    Overwrite {
        /// The key.
        key: Name,
        /// What is written.
        value: i64,
    },
    /// A computed value is lost.
    Lose(Name),
    /// The targets are brought up to date.
    Build(Vec<Name>),
    /// The targets are brought up to date, and meanwhile somebody writes to an input.
    Race {
        /// What is brought up to date.
        targets: Vec<Name>,
        /// So many tasks have been started before.
        after: u32,
        /// The input.
        key: Name,
        /// What is written to it.
        value: i64,
    },
    /// A build of these targets is given up after so many polls; the same process goes on.
    Drop {
        /// What was to be brought up to date.
        targets: Vec<Name>,
        /// So many times it was polled.
        polls: u32,
    },
    /// A build of these targets is killed after so many polls; the journal has lost its last bytes, and a new process
    /// starts from what is left.
    Crash {
        /// What was to be brought up to date.
        targets: Vec<Name>,
        /// So many times it was polled.
        polls: u32,
        /// So many bytes are lost.
        lost: usize,
    },
    /// The process ends; a new one starts from the journal.
    Restart,
    /// A byte of the journal is damaged, so many parts of 256 behind its beginning; a new process starts from what is
    /// left.
    Rot(u8),
    /// A computed value is lost, and so is the copy from which it could be restored.
    Evict(Name),
    /// What tasks can see of the world without fetching changes.
    Pass,
    /// The clock is set back by so much.
    SetBack(u64),
    /// All tasks are exchanged for a new collection, in which this key has this task and the others have theirs.
    Exchange {
        /// The key.
        key: Name,
        /// Its task.
        task: Expr,
    },
    /// The journal is put aside, and another one chosen that keeps nothing.
    PutJournalAside,
    /// The journal that was put aside is chosen again.
    TakeJournalBack,
    /// The store is exchanged for one in which an input holds this value, and everything else what it holds.
    Restock {
        /// The input.
        key: Name,
        /// What it holds then.
        value: i64,
    },
    /// Keys that were not reached in so many last builds are forgotten.
    Collect(u64),
    /// Another scheduler and rebuilder take over.
    Switch {
        /// The number of their combination.
        to: usize,
        /// The scheduler goes on, with the rebuilder of that combination.
        keeps_scheduler: bool,
    },
}

impl Step {
    /// The step, where combinations have names.
    pub(crate) fn told(&self, name: impl Fn(usize) -> String) -> String {
        match self {
            Step::Switch { to, keeps_scheduler: false } => format!("{} takes over", name(*to)),
            Step::Switch { to, keeps_scheduler: true } => format!("the rebuilder of {} takes over", name(*to)),
            step => step.to_string(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Edit { key, value } => write!(f, "{key} := {value}"),
            Step::Same(key) => write!(f, "{key} := the value that it has"),
            Step::Revert => write!(f, "the last edit is reverted"),
            Step::Touch(key) => write!(f, "{key} is touched"),
            Step::Delete(key) => write!(f, "{key} is deleted"),
            Step::Formula { key, task } => write!(f, "{key} is now = {task}"),
            Step::Unformula(key) => write!(f, "{key} is now an input"),
            Step::Overwrite { key, value } => write!(f, "somebody writes {value} over {key}"),
            Step::Lose(key) => write!(f, "the value of {key} is lost"),
            Step::Build(targets) => write!(f, "build {}", list(targets)),
            Step::Race { targets, after, key, value } => {
                write!(f, "build {}; after {after} tasks were started somebody writes {key} := {value}", list(targets))
            }
            Step::Drop { targets, polls } => write!(f, "build {}, given up after {polls} polls", list(targets)),
            Step::Crash { targets, polls, lost } => write!(
                f,
                "build {}, killed after {polls} polls; a new process starts without the last {lost} bytes of the journal",
                list(targets)
            ),
            Step::Rot(place) => {
                write!(f, "a byte at {place}/256 of the journal is damaged; a new process starts from what is left")
            }
            Step::Evict(key) => write!(f, "the value of {key} is lost, and every copy of it"),
            Step::Exchange { key, task } => {
                write!(f, "all tasks are exchanged for others like them, but {key} is now = {task}")
            }
            Step::PutJournalAside => write!(f, "the journal is put aside"),
            Step::TakeJournalBack => write!(f, "the journal is chosen again"),
            Step::Restock { key, value } => write!(f, "the store is exchanged for one in which {key} is {value}"),
            Step::Pass => write!(f, "now() changes"),
            Step::SetBack(by) => write!(f, "the clock is set back by {by}"),
            Step::Collect(0) => write!(f, "all that can be had again is forgotten"),
            Step::Collect(builds) => write!(f, "what was not reached in the last {builds} builds is forgotten"),
            Step::Restart => write!(f, "a new process starts from the journal"),
            Step::Switch { .. } => f.write_str(&self.told(|number| format!("combination {number}"))),
        }
    }
}

fn list(targets: &[Name]) -> String {
    if targets.is_empty() {
        return "nothing".into();
    }
    targets.iter().map(Name::to_string).collect::<Vec<_>>().join(", ")
}

/// A graph, what its inputs hold at the beginning, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scenario {
    /// The tasks at the beginning.
    pub graph: Graph,
    /// The inputs at the beginning; a missing one is a missing input.
    pub inputs: BTreeMap<Name, i64>,
    /// What happens.
    pub steps: Vec<Step>,
    /// How it is played.
    pub manner: Manner,
}

impl Scenario {
    /// These steps, over this graph, whose inputs hold these values at the beginning; in the
    /// [default](Manner::default) manner.
    pub fn new(graph: Graph, inputs: impl IntoIterator<Item = (Name, i64)>, steps: Vec<Step>) -> Self {
        Scenario { graph, inputs: inputs.into_iter().collect(), steps, manner: Manner::default() }
    }

    /// The same, but for how it is played.
    #[must_use]
    pub fn with_manner(self, manner: Manner) -> Self {
        Scenario { manner, ..self }
    }

    /// The steps, a line each.
    pub fn script(&self) -> String {
        self.told(|number| format!("combination {number}"))
    }

    /// The steps, a line each; `name` names a combination.
    pub(crate) fn told(&self, name: impl Fn(usize) -> String) -> String {
        let steps = (1..).zip(&self.steps).map(|(number, step)| format!("{number:>3}. {}", step.told(&name)));
        steps.collect::<Vec<_>>().join("\n")
    }

    /// Every task that there is at some time, with its key.
    fn tasks(&self) -> impl Iterator<Item = (Name, &Expr)> {
        let at_first = self.graph.keys().filter_map(|key| Some((key, self.graph.task(key)?)));
        at_first.chain(self.steps.iter().filter_map(|step| match step {
            Step::Formula { key, task } | Step::Exchange { key, task } => Some((*key, task)),
            _ => None,
        }))
    }

    /// Whether keys may come to wait for each other in a circle.
    pub fn is_circular(&self) -> bool {
        let mut found = false;
        self.tasks().for_each(|(key, task)| task.mentions(&mut |mentioned| found |= mentioned >= key));
        found
    }

    /// Whether what a build of this target gives depends on more than tasks and inputs.
    pub fn is_restless(&self, target: Name) -> bool {
        let mut truth = Truth::new(&Rc::new(self.graph.clone()), &self.inputs, 0);
        self.graph.is_nondeterministic() || truth.widest_reach(&[target]).into_iter().any(|key| truth.of(key).volatile)
    }
}

/// How a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manner {
    /// Tasks have definitions from the start, as command lines are; otherwise they get one when they are first
    /// replaced, as closures do.
    pub signed: bool,
    /// Inputs are written behind the build's back and have times, as files do; otherwise they are set through it.
    pub dated: bool,
    /// Tasks do outside work, of a length and in an order that this seed decides.
    pub work: Option<u64>,
    /// How many may do so at once.
    pub jobs: usize,
    /// Whether a build goes on after a failure.
    pub keep_going: bool,
    /// How tasks wait for two things at once.
    pub combines: Combines,
}

setters! {
    Manner:
    with_signed(signed: bool);
    with_dated(dated: bool);
    with_work(work: Option<u64>);
    with_jobs(jobs: usize);
    with_keep_going(keep_going: bool);
    with_combines(combines: Combines);
}

impl Default for Manner {
    fn default() -> Self {
        Manner { signed: false, dated: false, work: None, jobs: 1, keep_going: false, combines: Combines::Join }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Manner { signed, dated, work, jobs, keep_going, combines } = self.manner;
        let mut manner = Vec::new();
        manner.extend((!signed).then(|| "without definitions until replaced".to_owned()));
        manner.extend(dated.then(|| "inputs are files".to_owned()));
        manner.extend(work.map(|seed| format!("outside work of seed {seed}, {jobs} at once")));
        manner.extend(keep_going.then(|| "going on after failures".to_owned()));
        manner.extend((combines != Combines::Join).then(|| format!("two at once by {combines}")));
        let manner = manner.join("; ");
        writeln!(f, "Tasks{}:", if manner.is_empty() { String::new() } else { format!(" ({manner})") })?;
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
