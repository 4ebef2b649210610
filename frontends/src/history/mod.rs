//! What earlier builds did, and why: the *history* of a directory.
//!
//! It lies beside the journal, and no build decides anything by it. The journal says what is so; the history says how it came to be so: when a
//! build began and how it ended, which commands it ran, when, in which lane and for which [reason](Why), which it restored, and which
//! failed. What a build kept is not written down, so that a build that finds nothing to do adds nothing.
//!
//! A command is added when the journal has it, not when the build ends. So what a killed build had finished is told of, too. When the file is long,
//! old builds are dropped; the last run of each command stays, for what is kept for years is explained by it, and its duration tells how
//! long the next will take.
//!
//! `record` is what the file holds, `words` how command lines are written in it, `past` reads and shortens it, `recorder` adds to it while a build runs, and
//! `remaining` tells from it how much time is left.

mod past;
mod record;
mod recorder;
mod remaining;
mod words;

pub use past::{CommandCounts, History, HistoryError, PastBuild, PastEnd};
pub use record::{About, CommandRecord, Ending, Outcome, Why};
pub use recorder::Recorder;
pub use remaining::Remaining;
pub use words::{WordChange, word_changes};
