//! The laws: what every build must obey, and what only those must obey that promise it.
//!
//! A law looks at one [`Moment`]: a build that has just ended, beside what a computation from scratch gives, and
//! what an onlooker remembers of earlier builds. The laws that compare two performances of one scenario are in
//! [`relations`](crate::relations).

#![expect(clippy::missing_errors_doc, reason = "a law answers what is wrong")]

mod bounds;
mod correctness;
mod economy;
mod nearness;

use std::collections::{BTreeMap, BTreeSet};

use alacarte_core::{BuildError, Decision};

use crate::name::Name;
use crate::onlooker::{KeyKind, Onlooker};
use crate::oracle::Truth;
use crate::setters::setters;

pub use bounds::within_jobs;
pub use correctness::{correct, honest, inputs_untouched, set_correct, shallow_correct};
pub use economy::{at_most_once, early_cutoff, minimal, null_build, reached_only, starts_once};
pub use nearness::near;

/// How well a combination avoids work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thrift {
    /// It promises nothing.
    #[default]
    None,
    /// What was changed and changed back counts as changed.
    Events,
    /// Only what is different counts as changed.
    Values,
}

/// What a combination promises beyond correctness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Promises {
    /// Only the targets need be right, not what lies between them and the inputs.
    pub shallow: bool,
    /// It is right only if tasks are deterministic.
    pub deterministic: bool,
    /// A task runs only if something below it has changed since it was last brought up to date.
    pub minimal: Thrift,
    /// A task runs only if something that it fetches has another value than when it was last brought up to date.
    pub cutoff: Thrift,
    /// A value that was computed once, here or elsewhere, is put back without running the task.
    pub restores: bool,
    /// Values are right within so much: what a task was given may have moved by no more since it ran ([`near`]).
    pub within: Option<u64>,
    /// No task is started twice in one build.
    pub starts_once: bool,
    /// A build after which nothing happened need not be done again.
    pub null: bool,
}

setters! {
    Promises:
    with_shallow(shallow: bool);
    with_deterministic(deterministic: bool);
    with_minimal(minimal: Thrift);
    with_cutoff(cutoff: Thrift);
    with_restores(restores: bool);
    with_within(within: Option<u64>);
    with_starts_once(starts_once: bool);
    with_null(null: bool);
}

impl Promises {
    /// The laws that are not asked, because nobody promises to keep them.
    pub fn not_promised(&self) -> Vec<&'static str> {
        let laws = [
            ("correct", !self.shallow && self.within.is_none()),
            ("set-correct", !self.deterministic && self.within.is_none()),
            ("minimal", self.minimal != Thrift::None),
            ("early-cutoff", self.cutoff != Thrift::None),
            ("null-build", self.null),
            ("starts-once", self.starts_once),
            ("survives-revert", self.restores),
            ("shared", self.restores),
        ];
        laws.into_iter().filter(|(_, promised)| !promised).map(|(law, _)| law).collect()
    }
}

/// How a build ended.
#[derive(Debug, Clone, Copy)]
pub enum BuildEnding<'m> {
    /// Every target was brought up to date.
    Succeeded,
    /// Something failed.
    Failed(&'m BuildError<Name>),
    /// It was given up, or killed.
    Dropped,
}

impl BuildEnding<'_> {
    /// Whether every target was brought up to date.
    pub fn is_success(self) -> bool {
        matches!(self, BuildEnding::Succeeded)
    }
}

/// How much work went on outside at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtWork {
    /// So many pieces of it, at most.
    pub most: usize,
    /// So many may.
    pub allowed: usize,
}

/// What was decided about a key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Decided {
    /// The key.
    pub key: Name,
    /// What was decided.
    pub decision: Decision,
}

/// One build, and all that is needed to judge it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Moment<'m> {
    /// What was to be brought up to date.
    pub targets: &'m [Name],
    /// How the build ended.
    pub ending: BuildEnding<'m>,
    /// The keys whose tasks ran to their end, in order.
    pub ran: &'m [Name],
    /// Every decision, in order.
    pub decisions: &'m [Decided],
    /// What every key holds now.
    pub values: &'m BTreeMap<Name, Option<i64>>,
    /// What every input held when the build read it.
    pub inputs: &'m BTreeMap<Name, i64>,
    /// What lay in the store for every key when the build began, and what others wrote there meanwhile.
    pub lay: &'m BTreeMap<Name, i64>,
    /// What lies there now.
    pub lies: &'m BTreeMap<Name, i64>,
    /// What is right.
    pub truth: &'m mut Truth,
    /// Whether some task is not deterministic, so that what is right is a set.
    pub nondeterministic: bool,
    /// What each key is.
    pub kinds: &'m BTreeMap<Name, KeyKind>,
    /// What happened before.
    pub onlooker: &'m Onlooker,
    /// Whether the order is known beforehand, so that all that is declared is visited.
    pub declares: bool,
    /// The work that went on outside: of all jobs, and in a pool.
    pub at_work: [AtWork; 2],
    /// How many events the journal was given.
    pub events: usize,
    /// Whether the same build was the last thing that happened, and succeeded.
    pub again: bool,
    /// What is promised.
    pub promises: Promises,
}

impl Moment<'_> {
    /// All keys that the targets reach.
    fn reach(&mut self) -> BTreeSet<Name> {
        if self.declares { self.truth.declared_reach(self.targets) } else { self.truth.reach(self.targets) }
    }

    /// The keys that the build said are up to date.
    pub fn vouched(&self) -> BTreeSet<Name> {
        let vouched = self
            .decisions
            .iter()
            .filter(|decided| matches!(decided.decision, Decision::Kept | Decision::Restored | Decision::Ran { .. }));
        vouched.map(|decided| decided.key).collect()
    }

    /// Every key whose task was started.
    fn started(&self) -> impl Iterator<Item = Name> + use<'_> {
        let started = self.decisions.iter().filter(|decided| matches!(decided.decision, Decision::Started(_)));
        started.map(|decided| decided.key)
    }

    /// The keys that tasks of this build, or of one before that did not end well, started without waiting for them.
    pub fn detached(&mut self) -> BTreeSet<Name> {
        let tasks: BTreeSet<Name> = self.started().collect();
        let mut detached = self.onlooker.owed.clone();
        for task in tasks {
            detached.extend(&self.truth.of(task).started);
        }
        detached
    }
}

/// A law, with the name by which a report calls it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Judges one build: what is wrong, if anything is.
    pub judge: fn(&mut Moment<'_>) -> Result<(), String>,
}

/// Every law of a single build.
pub const LAWS: [Law; 13] = [
    Law { name: "honest", says: "a build fails if and only if a target has no value by right", judge: honest },
    Law { name: "correct", says: "what the targets reach is what a computation from scratch gives", judge: correct },
    Law {
        name: "shallow-correct",
        says: "the targets, and what the build vouches for, are what a computation from scratch gives",
        judge: shallow_correct,
    },
    Law {
        name: "set-correct",
        says: "every value is one that its task could give for the values that it fetches",
        judge: set_correct,
    },
    Law {
        name: "near",
        says: "every value is what its task gives for what it was given, which has moved by no more than is promised",
        judge: near,
    },
    Law { name: "inputs-untouched", says: "inputs hold what they held", judge: inputs_untouched },
    Law { name: "at-most-once", says: "no task runs twice in one build", judge: at_most_once },
    Law { name: "starts-once", says: "no task is started twice in one build", judge: starts_once },
    Law { name: "reached-only", says: "no task starts that the targets do not reach", judge: reached_only },
    Law { name: "minimal", says: "no task runs unless something below it has changed", judge: minimal },
    Law {
        name: "early-cutoff",
        says: "no task runs unless something that it fetches has changed",
        judge: early_cutoff,
    },
    Law { name: "null-build", says: "a build does nothing after the same build", judge: null_build },
    Law {
        name: "within-jobs",
        says: "no more work goes on outside at once than the jobs and the pool allow",
        judge: within_jobs,
    },
];

pub(crate) fn show(value: Option<i64>) -> String {
    value.map_or("without a value".into(), |value| value.to_string())
}
