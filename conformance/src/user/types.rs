//! A user's keys and values, in two versions.
//!
//! The versions are one type here, so that one rebuilder serves both; which of them a program is shows only when something
//! is written or read. In the second, the fields of keys and of values have changed places.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};

use alacarte_core::{Fingerprint, Value};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fuse::{Fragile, burn};

/// What a user's program does not tell, for the laws to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Untold {
    /// Nothing.
    #[default]
    Nothing,
    /// That a fingerprint is of a part.
    Parts,
    /// That a field is counted in another unit, under its old name.
    Units,
    /// That the store has panicked after it gave a value away, which is lost.
    Losses,
}

thread_local! {
    static VERSION: Cell<u8> = const { Cell::new(0) };
    static UNTOLD: Cell<Untold> = const { Cell::new(Untold::Nothing) };
}

/// From now on the program is of this version, zero or one, and does not tell this.
pub(super) fn speak(version: u8, untold: Untold) {
    VERSION.set(version);
    UNTOLD.set(untold);
}

/// What the program does not tell.
pub(super) fn untold() -> Untold {
    UNTOLD.get()
}

/// A user's value: a source, of which everything counts, or an object, of which dependents see the interface.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// A source.
    Source(i64),
    /// What is made of it.
    Object {
        /// What dependents see.
        interface: i64,
        /// What they do not.
        body: i64,
    },
}

impl Part {
    /// What a dependent can see.
    pub(super) fn shown(&self) -> i64 {
        match *self {
            Part::Source(shown) | Part::Object { interface: shown, .. } => shown,
        }
    }

    /// An object whose interface is a tenth of its body.
    pub(super) fn of(body: i64) -> Part {
        Part::Object { interface: body.div_euclid(10), body }
    }
}

impl Clone for Part {
    fn clone(&self) -> Self {
        burn(Fragile::CloneValue);
        match *self {
            Part::Source(text) => Part::Source(text),
            Part::Object { interface, body } => Part::Object { interface, body },
        }
    }
}

impl Value for Part {
    fn fingerprint(&self) -> Fingerprint {
        burn(Fragile::Fingerprint);
        match self {
            Part::Source(text) => text.fingerprint(),
            Part::Object { interface, .. } => interface.fingerprint().combine(1_u64.fingerprint()),
        }
    }

    fn is_whole(&self) -> bool {
        UNTOLD.get() == Untold::Parts
    }
}

/// A value as the first version writes it,
#[derive(Serialize, Deserialize)]
#[serde(rename = "Part")]
enum First {
    Source(i64),
    Object { interface: i64, body: i64 },
}

/// as the second does,
#[derive(Serialize, Deserialize)]
#[serde(rename = "Part")]
enum Second {
    Source(i64),
    Object { body: i64, interface: i64 },
}

/// and as it does if it counts bodies by halves, and does not tell.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Part")]
enum Halves {
    Source(i64),
    Object {
        interface: i64,
        #[serde(rename = "body")]
        halves: i64,
    },
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        burn(Fragile::WriteValue);
        match (VERSION.get(), UNTOLD.get(), self) {
            (0, _, &Part::Source(text)) => First::Source(text).serialize(serializer),
            (0, _, &Part::Object { interface, body }) => First::Object { interface, body }.serialize(serializer),
            (_, Untold::Units, &Part::Source(text)) => Halves::Source(text).serialize(serializer),
            (_, Untold::Units, &Part::Object { interface, body }) => {
                Halves::Object { interface, halves: 2 * body }.serialize(serializer)
            }
            (_, _, &Part::Source(text)) => Second::Source(text).serialize(serializer),
            (_, _, &Part::Object { interface, body }) => Second::Object { interface, body }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        burn(Fragile::ReadValue);
        Ok(match (VERSION.get(), UNTOLD.get()) {
            (0, _) => match First::deserialize(deserializer)? {
                First::Source(text) => Part::Source(text),
                First::Object { interface, body } => Part::Object { interface, body },
            },
            (_, Untold::Units) => match Halves::deserialize(deserializer)? {
                Halves::Source(text) => Part::Source(text),
                Halves::Object { interface, halves } => Part::Object { interface, body: halves / 2 },
            },
            _ => match Second::deserialize(deserializer)? {
                Second::Source(text) => Part::Source(text),
                Second::Object { interface, body } => Part::Object { interface, body },
            },
        })
    }
}

/// Keys that are inputs,
pub(super) const INPUT: u8 = 0;
/// and keys that have tasks.
pub(super) const TASK: u8 = 1;

/// A user's key: an input, or one with a task.
#[derive(Debug)]
pub struct Label {
    /// [`INPUT`] or [`TASK`].
    pub(super) kind: u8,
    /// Which of them.
    pub(super) number: u8,
}

/// What keys are called.
const NAMES: [&[&str]; 2] = [&["A", "D"], &["B", "C", "now and then", "chosen", "all"]];

impl Label {
    /// How many keys there are of a kind.
    pub(super) fn of_kind(kind: u8) -> u8 {
        NAMES[usize::from(kind)].len() as u8
    }

    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        NAMES[usize::from(self.kind)][usize::from(self.number)]
    }
}

impl Clone for Label {
    fn clone(&self) -> Self {
        burn(Fragile::CloneKey);
        Label { ..*self }
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        burn(Fragile::Equal);
        (self.kind, self.number) == (other.kind, other.number)
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn(Fragile::Hash);
        (self.kind, self.number).hash(state);
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        burn(Fragile::Display);
        f.write_str(self.name())
    }
}

/// A key as the first version writes it,
#[derive(Serialize, Deserialize)]
#[serde(rename = "Label")]
struct Named {
    kind: u8,
    number: u8,
}

/// and as the second does.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Label")]
struct Numbered {
    number: u8,
    kind: u8,
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        burn(Fragile::WriteKey);
        let Label { kind, number } = *self;
        match (VERSION.get(), UNTOLD.get()) {
            (0, _) | (_, Untold::Units) => Named { kind, number }.serialize(serializer),
            _ => Numbered { number, kind }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        burn(Fragile::ReadKey);
        let (kind, number) = match (VERSION.get(), UNTOLD.get()) {
            (0, _) | (_, Untold::Units) => {
                Named::deserialize(deserializer).map(|Named { kind, number }| (kind, number))
            }
            _ => Numbered::deserialize(deserializer).map(|Numbered { number, kind }| (kind, number)),
        }?;
        let known = NAMES.get(usize::from(kind)).is_some_and(|names| usize::from(number) < names.len());
        if known { Ok(Label { kind, number }) } else { Err(D::Error::custom("there is no such key")) }
    }
}
