//! Random histories of a user's program.

use std::fmt;

use super::fuse::{Fragile, How};
use super::types::{INPUT, Label, TASK};
use crate::draw::Draw;

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

/// A random history, in which so many combinations may take over.
pub(super) fn history(combinations: usize, draw: &mut Draw<'_>) -> History {
    let seldom = |draw: &mut Draw<'_>| draw.weighted(&[4, 1]) == 1;
    let (shares, forgets) = (seldom(draw), seldom(draw));
    History { shares, forgets, steps: draw.list(1..STEPS, |draw| step(combinations, draw)) }
}

fn step(combinations: usize, draw: &mut Draw<'_>) -> Step {
    let key = |draw: &mut Draw<'_>| draw.below(Label::of_kind(TASK).into()) as u8;
    match draw.weighted(&[6, 4, 1, 1, 1, 1, 1, 2, 1, 1, 2]) {
        0 => Step::Build(key(draw)),
        1 => Step::Edit(0, draw.one_of(&[40, 41, 42, 51, 57])),
        2 => Step::Edit(1, draw.below(2) as i64),
        3 => Step::WriteOver(key(draw)),
        4 => Step::Lose(key(draw)),
        5 => Step::Touch(draw.below(Label::of_kind(INPUT).into()) as u8),
        6 => Step::TakeOver(draw.below(combinations)),
        7 => {
            let (journal, version) = (draw.below(2), draw.below(2) as u8);
            Step::Restart { journal, version, late: draw.weighted(&[7, 3]) == 1 }
        }
        8 => Step::Share,
        9 => Step::Choose,
        _ => {
            let (what, bound) = (draw.one_of(Fragile::ALL), draw.one_of(&[1, 6, 60]));
            Step::Light(what, draw.below(bound) as u32, draw.one_of(&[How::Panics, How::Fails]))
        }
    }
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
