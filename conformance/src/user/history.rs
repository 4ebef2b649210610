//! Random histories of a user's program.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::fuse::{Fragile, How};
use super::types::{INPUT, Label, TASK};

/// How long a history is at most.
const STEPS: usize = 32;

/// A history.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// Whether all processes share their traces.
    pub shares: bool,
    /// Whether journals forget everything.
    pub forgets: bool,
    pub steps: Vec<Step>,
}

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The first input, or the second, is edited.
    Edit(u8, i64),
    /// Somebody writes another body, with the interface that is right, to a key with a task.
    WriteOver(u8),
    /// What a key with a task holds is deleted.
    Lose(u8),
    /// An input is said to have changed.
    Touch(u8),
    /// Another combination goes on.
    TakeOver(usize),
    /// A new process, of this version, goes on from this journal, which it may choose only when something is to be built.
    Restart { journal: usize, version: u8, late: bool },
    /// The other journal is chosen.
    Choose,
    /// From now on this process shares its traces.
    Share,
    /// The call of this kind after so many others is to panic, or to fail.
    Light(Fragile, u32, How),
    /// A key with a task is built.
    Build(u8),
}

pub(super) fn histories(combinations: usize) -> impl Strategy<Value = History> {
    let seldom = || proptest::bool::weighted(0.2);
    (seldom(), seldom(), vec(step(combinations), 1..STEPS)).prop_map(|(shares, forgets, steps)| History {
        shares,
        forgets,
        steps,
    })
}

fn step(combinations: usize) -> impl Strategy<Value = Step> {
    let input = 0..Label::of_kind(INPUT);
    let key = || 0..Label::of_kind(TASK);
    prop_oneof![
        6 => key().prop_map(Step::Build),
        4 => select(vec![40_i64, 41, 42, 51, 57]).prop_map(|value| Step::Edit(0, value)),
        1 => (0..2_i64).prop_map(|value| Step::Edit(1, value)),
        1 => key().prop_map(Step::WriteOver),
        1 => key().prop_map(Step::Lose),
        1 => input.prop_map(Step::Touch),
        1 => (0..combinations).prop_map(Step::TakeOver),
        2 => (0..2_usize, 0..2_u8, proptest::bool::weighted(0.3))
            .prop_map(|(journal, version, late)| Step::Restart { journal, version, late }),
        1 => Just(Step::Share),
        1 => Just(Step::Choose),
        2 => (select(Fragile::ALL), prop_oneof![0..1_u32, 0..6_u32, 0..60_u32], select(vec![How::Panics, How::Fails]))
            .prop_map(|(what, after, how)| Step::Light(what, after, how)),
    ]
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = |number| Label { kind: INPUT, number }.name();
        let key = |number| Label { kind: TASK, number }.name();
        match *self {
            Step::Edit(number, value) => write!(f, "{} := {value}", input(number)),
            Step::WriteOver(number) => write!(f, "somebody writes another body to `{}`", key(number)),
            Step::Lose(number) => write!(f, "`{}` is deleted", key(number)),
            Step::Touch(number) => write!(f, "{} is touched", input(number)),
            Step::TakeOver(which) => write!(f, "combination {which} goes on"),
            Step::Restart { journal, version, late } => {
                let late = if late { ", which it chooses when it builds" } else { "" };
                write!(f, "a new process, of version {version}, goes on from journal {journal}{late}")
            }
            Step::Share => f.write_str("from now on this process shares its traces"),
            Step::Choose => f.write_str("the other journal is chosen"),
            Step::Light(what, after, how) => {
                let how = if how == How::Panics { "is to panic" } else { "is to fail" };
                match after {
                    0 => write!(f, "the next call of {what:?} {how}"),
                    _ => write!(f, "the call of {what:?} after {after} others {how}"),
                }
            }
            Step::Build(number) => write!(f, "build `{}`", key(number)),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A is 41, D is 0")?;
        if self.shares {
            f.write_str("; traces are shared")?;
        }
        if self.forgets {
            f.write_str("; journals forget everything")?;
        }
        self.steps.iter().try_for_each(|step| write!(f, "\n{step}"))
    }
}
