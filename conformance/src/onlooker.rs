//! What an onlooker remembers of each key: what it looked at when it was last brought up to date.
//!
//! The paper calls a build minimal if a task runs only when it transitively depends on an input changed "since
//! the last build"; with partial targets that is wrong, so the onlooker remembers, for every key, the moment at
//! which *that key* was last brought up to date.

use std::collections::{BTreeMap, BTreeSet};

use alacarte_core::Fingerprint;

use crate::name::Name;

/// What a key is: an input with a value, or a task with a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// An input, and what it holds.
    Input(Option<i64>),
    /// A task, and its definition.
    Task(Option<Fingerprint>),
}

/// An input or a task below a key, as it was when that key was last brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySeen {
    /// What it was.
    pub kind: KeyKind,
    /// How many times it had been edited, or its task replaced.
    pub edits: u64,
}

/// What a task was given for a key that it fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedValue {
    /// The value.
    pub value: Option<i64>,
    /// How many times the key had taken another one.
    pub moves: u64,
}

/// What a key looked at when it was last brought up to date.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Reference {
    /// Every input and every task below it, itself included.
    pub footprint: BTreeMap<Name, KeySeen>,
    /// What its own task fetched.
    pub fetched: BTreeMap<Name, FetchedValue>,
    /// Whether its own task looked at what no fetch shows.
    pub looked: bool,
    /// Whether its task, or one below it, did so.
    pub volatile: bool,
}

/// The onlooker.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Onlooker {
    /// By key, as of the last time that the key was seen to be brought up to date.
    pub references: BTreeMap<Name, Reference>,
    /// What each key's task was given when it ran, the last run last: the value of each key that it fetched. (Of combinations that
    /// promise values within something.)
    pub saw: BTreeMap<Name, Vec<BTreeMap<Name, Option<i64>>>>,
    /// How many times an input was edited or a task replaced.
    pub edits: BTreeMap<Name, u64>,
    /// How many times a key took another value, in the eyes of those that depend on it.
    pub moves: BTreeMap<Name, u64>,
    /// The value that it had last.
    pub seen: BTreeMap<Name, Option<i64>>,
    /// Keys whose computed values were overwritten or lost since, with what they hold now.
    pub tampered: BTreeMap<Name, Option<i64>>,
    /// Keys of which copies were lost.
    pub evicted: BTreeSet<Name>,
    /// Keys that tasks started without waiting for them, or may have, in builds that did not end well.
    pub owed: BTreeSet<Name>,
    /// Those that tasks started which came to their end: the next build that ends well has brought them up to date.
    pub due: BTreeSet<Name>,
    /// All that tasks ever started so, or may have.
    pub started: BTreeSet<Name>,
}

impl Onlooker {
    /// An input was edited, a task replaced.
    pub fn edit(&mut self, key: Name) {
        *self.edits.entry(key).or_default() += 1;
    }

    /// A key has this value now.
    pub fn see(&mut self, key: Name, value: Option<i64>) {
        if self.seen.insert(key, value) != Some(value) {
            *self.moves.entry(key).or_default() += 1;
        }
    }

    /// How many times it was edited.
    pub fn edits(&self, key: Name) -> u64 {
        self.edits.get(&key).copied().unwrap_or(0)
    }

    /// How many times it took another value.
    pub fn moves(&self, key: Name) -> u64 {
        self.moves.get(&key).copied().unwrap_or(0)
    }
}
