//! What can be wrong after a build, and what every key holds beside what it should.

use std::collections::BTreeSet;
use std::fmt;

use alacarte_core::{Fingerprint, Value};

use super::truth::Truth;
use super::world::{Key, World};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A target holds what no build from scratch gives.
    Value {
        /// The target.
        key: Key,
        /// What it holds.
        held: Option<i64>,
        /// What it may hold.
        truth: Vec<i64>,
    },
    /// A task ran on what it ran on before.
    Again {
        /// The task's key.
        key: Key,
        /// What it fetched.
        on: Vec<(Key, i64)>,
    },
    /// A target's terminal inputs are those of an earlier build, and yet keys in between were looked at.
    Looked {
        /// The target.
        target: Key,
        /// The keys in between.
        between: Vec<Key>,
    },
    /// A key was started more often than its discoveries ask for.
    Restarts {
        /// The key.
        key: String,
        /// How often it was started.
        starts: usize,
        /// How often is enough: once, and once more for each key that it can discover.
        enough: usize,
    },
    /// Keys were started that the target does not reach.
    Unasked {
        /// The target.
        target: String,
        /// How many such keys.
        keys: usize,
    },
}

impl Fault {
    /// Whether a value is wrong, rather than work done for nothing.
    pub fn is_wrong_value(&self) -> bool {
        matches!(self, Fault::Value { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Value { key, held, truth } => {
                let held = held.map_or("missing".to_owned(), |held| held.to_string());
                write!(f, "{key} is {held}, the truth is {}", alternatives(truth))
            }
            Fault::Again { key, on } => {
                let on: Vec<String> = on.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                write!(f, "{key} ran again, though it ran on {} before", on.join(", "))
            }
            Fault::Looked { target, between } => {
                let are = if between.len() == 1 { "is" } else { "are" };
                let between = between.join(", ");
                write!(f, "the inputs below {target} are those of an earlier build, and yet {between} {are} looked at")
            }
            Fault::Restarts { key, starts, enough } => {
                write!(f, "{key} was started {starts} times, {enough} would do")
            }
            Fault::Unasked { target, keys } => {
                write!(f, "{keys} keys were started that {target} does not reach")
            }
        }
    }
}

fn alternatives(values: &[i64]) -> String {
    values.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ")
}

/// A key, what it holds, and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The key.
    pub key: Key,
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
pub fn value(key: Key, held: Option<i64>, truths: &[Truth]) -> Option<Fault> {
    let truth = values(key, truths);
    let right = held.is_some_and(|held| truth.contains(&held));
    (!right).then_some(Fault::Value { key, held, truth })
}

fn values(key: Key, truths: &[Truth]) -> Vec<i64> {
    let values: BTreeSet<i64> = truths.iter().filter_map(|truth| truth.values.get(key).copied()).collect();
    values.into_iter().collect()
}

/// What every key holds: files first, then what was built, by name.
pub fn store(world: &World, truths: &[Truth], held: impl Fn(Key) -> Option<i64>) -> Vec<Held> {
    let files: Vec<Key> = world.files().into_iter().map(|(key, _)| key).collect();
    let built: BTreeSet<Key> = truths.iter().flat_map(|truth| truth.fetched.keys().copied()).collect();
    let keys = files.into_iter().chain(built);
    keys.map(|key| Held { key, value: held(key), truth: values(key, truths) }).collect()
}
