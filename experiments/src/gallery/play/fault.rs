//! What can be wrong after a build, and what every key holds beside what it should.
//!
//! These are not the laboratory's laws. A law names any key that is wrong, the first of the graph; a scene tells of the target, which
//! is what its reader looks at. No law asks that a task not run on what it ran on in *some* earlier build, or that nothing between a
//! target and its inputs be looked at. And of tasks that are not deterministic the laws ask that each value fit those beside it; a
//! scene asks for more, that the target be what some build from scratch gives.

use std::collections::BTreeSet;
use std::fmt;

use alacarte_conformance::{Name, Truth, World};
use alacarte_core::{Fingerprint, Value};

use super::scene_script::list;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SceneFault {
    /// A target holds what no build from scratch gives.
    Value {
        /// The target.
        key: Name,
        /// What it holds.
        held: Option<i64>,
        /// What it may hold.
        truth: Vec<i64>,
    },
    /// A task ran on what it ran on before.
    Again {
        /// The task's key.
        key: Name,
        /// What it fetched.
        on: Vec<(Name, i64)>,
    },
    /// A target's terminal inputs are those of an earlier build, and yet keys in between were looked at.
    Looked {
        /// The target.
        target: Name,
        /// The keys in between.
        between: Vec<Name>,
    },
    /// A key was started more often than its discoveries ask for.
    Restarts {
        /// The key.
        key: Name,
        /// How often it was started.
        starts: usize,
        /// How often is enough: once, and once more for each key that it can discover.
        enough: usize,
    },
    /// Keys were started that the target does not reach.
    Unasked {
        /// The target.
        target: Name,
        /// How many such keys.
        keys: usize,
    },
    /// A law of the jobserver is broken.
    Jobs {
        /// The name of the law.
        law: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The build, or what happened before it, came to no end: an error, or a panic.
    Failed(String),
}

impl SceneFault {
    /// What of this is at fault, in a word or two.
    pub fn kind(&self) -> &'static str {
        match self {
            SceneFault::Value { .. } => "wrong",
            SceneFault::Failed(_) => "failed",
            SceneFault::Jobs { law, .. } => law,
            _ => "needless work",
        }
    }
}

impl fmt::Display for SceneFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SceneFault::Value { key, held, truth } => {
                let held = held.map_or("missing".to_owned(), |held| held.to_string());
                write!(f, "{key} is {held}, the truth is {}", alternatives(truth))
            }
            SceneFault::Again { key, on } => {
                let on: Vec<String> = on.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                write!(f, "{key} ran again, though it ran on {} before", on.join(", "))
            }
            SceneFault::Looked { target, between } => {
                let are = if between.len() == 1 { "is" } else { "are" };
                let between = list(between, ", ");
                write!(f, "the inputs below {target} are those of an earlier build, and yet {between} {are} looked at")
            }
            SceneFault::Restarts { key, starts, enough } => {
                write!(f, "{key} was started {starts} times, {enough} would do")
            }
            SceneFault::Unasked { target, keys } => {
                write!(f, "{keys} keys were started that {target} does not reach")
            }
            SceneFault::Jobs { what, .. } => f.write_str(what),
            SceneFault::Failed(why) => f.write_str(why),
        }
    }
}

fn alternatives(values: &[i64]) -> String {
    values.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ")
}

/// A key, what it holds, and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// The key.
    pub key: Name,
    /// What it holds.
    pub value: Option<i64>,
    /// What builds from scratch give it.
    pub truth: Vec<i64>,
}

impl Held {
    /// The fingerprint of what it holds.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.value.as_ref().map(Value::fingerprint)
    }

    /// Whether it holds something that it should not.
    pub fn is_off(&self) -> bool {
        self.value.is_some_and(|value| !self.truth.is_empty() && !self.truth.contains(&value))
    }

    /// What it should hold, in words.
    pub fn truth(&self) -> String {
        alternatives(&self.truth)
    }
}

/// Whether a target that was just built holds what it may.
pub fn value(key: Name, held: Option<i64>, truths: &mut [Truth]) -> Option<SceneFault> {
    let truth = values(key, truths);
    let right = held.is_some_and(|held| truth.contains(&held));
    (!right).then_some(SceneFault::Value { key, held, truth })
}

fn values(key: Name, truths: &mut [Truth]) -> Vec<i64> {
    let values: BTreeSet<i64> = truths.iter_mut().filter_map(|truth| truth.value(key)).collect();
    values.into_iter().collect()
}

/// What every key holds: files first, then what these targets are built of, by name.
pub fn store(world: &World, targets: &[Name], truths: &mut [Truth], held: impl Fn(Name) -> Option<i64>) -> Vec<Held> {
    let files = world.held();
    let reached: BTreeSet<Name> = truths.iter_mut().flat_map(|truth| truth.reach(targets)).collect();
    let built = reached.into_iter().filter(|key| !files.contains_key(key));
    let keys: Vec<Name> = files.keys().copied().chain(built).collect();
    keys.into_iter().map(|key| Held { key, value: held(key), truth: values(key, truths) }).collect()
}
