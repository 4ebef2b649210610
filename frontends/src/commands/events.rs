//! What is told of commands, and to whom.

use std::cell::Cell;

use alacarte_stores::FileKey;

/// A command started or ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CommandEvent<'a> {
    /// The first output.
    pub key: &'a FileKey,
    /// All that it makes.
    pub outputs: &'a [FileKey],
    /// It has the terminal to itself.
    pub console: bool,
    /// What to show: the description, or else the command.
    pub shown: &'a str,
    /// The command line.
    pub command: &'a str,
    /// How many commands have been started so far, with this one.
    pub started: u64,
    /// How many have ended.
    pub finished: u64,
    /// What happened.
    pub stage: Stage<'a>,
}

/// What happened to a command.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Stage<'a> {
    /// It was started.
    Started,
    /// It ended.
    Ended {
        /// Whether with success. The error of a failed one holds all that there is to show.
        success: bool,
        /// As a shell tells it: the status with which it ended, or 128 and the signal that ended it.
        code: u8,
        /// What it wrote, as a whole.
        output: &'a [u8],
    },
}

type Observer = Box<dyn Fn(CommandEvent<'_>)>;

/// Who wants to know of commands, and how many there were.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) observer: Option<Observer>,
    pub(crate) started: Cell<u64>,
    pub(crate) finished: Cell<u64>,
}
