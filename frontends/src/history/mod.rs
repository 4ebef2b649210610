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
//!
//! ```
//! use std::{cell::RefCell, fs, rc::Rc};
//!
//! use alacarte::history::{Ending, History, Recorder};
//! use alacarte::ninja::Session;
//! use alacarte::prelude::*;
//!
//! let directory = tempfile::tempdir()?;
//! let (manifest, file) = (directory.path().join("build.ninja"), directory.path().join("history"));
//! fs::write(manifest, "rule hello\n  command = echo hello > $out\nbuild greeting: hello\n")?;
//! let recorder = Rc::new(RefCell::new(Recorder::new("suspending", "verifying-trace", None, 1)));
//! let (session, told) = (Session::new(directory.path(), "build.ninja"), recorder.clone());
//! let mut build = session.open(Suspending::new(), VerifyingTrace, move |event| told.borrow_mut().command(&event))?;
//! recorder.borrow_mut().turn(file.clone(), build.tasks().which_are_commands());
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(build.run_async(["greeting"]))?;
//! recorder.borrow_mut().ended(Ending::Succeeded);
//!
//! let history = History::read(&file, directory.path())?;
//! let first = history.build(1)?;
//! assert_eq!(first.counts().ran, 1);
//! assert_eq!(first.commands[0].line.as_deref(), Some("echo hello > greeting"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
