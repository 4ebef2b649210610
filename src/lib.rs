//! The vocabulary of *Build Systems à la Carte*, and the loop that everything else composes.
//!
//! One sentence: a build scheduler is an executor of futures, a rebuilder is a question asked before a task is
//! polled, and everything a build remembers is a fold over one journal.
//!
//! | | |
//! |---|---|
//! | [`Tasks`] | how keys get their values: [`Rules`] of closures, typed [`Rule`]s, or a front end's |
//! | [`Fetch`] | how a task asks for other keys |
//! | [`Store`] | where values live |
//! | [`Journal`] | where [`Event`]s are kept between runs |
//! | [`MetadataUpdater`] | what is remembered: a fold over events |
//! | [`Scheduler`] | in which order, and what becomes of a task that must wait |
//! | [`Rebuilder`] | must the task run at all? |
//! | [`Build`] | composes them |
//!
//! The crates `alacarte-metadata`, `-schedulers`, `-rebuilders` and `-stores` hold the implementations, a
//! strategy a file.
#![deny(missing_docs, missing_debug_implementations)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod blame;
mod blamed;
mod bodies;
mod build;
mod collect;
mod descent;
mod detached;
mod engine;
mod error;
mod event;
mod event_sink;
mod fetch;
mod fingerprint;
mod journal;
mod key;
mod key_table;
mod metadata;
mod pools;
mod rebuilder;
mod remembered;
mod report;
mod rules;
mod scheduler;
mod step_count;
mod store;
mod task;
mod task_context;
mod typed;
#[cfg(feature = "serde")]
mod typed_serde;
mod waits;

pub use build::Build;
pub use collect::Retention;
pub use error::{Cause, Failure, Result, StoreError, TaskError};
pub use event::{Dependency, Event, Fetched, Record, Time};
pub use fetch::{All, Fetch, Get, off_thread};
pub use fingerprint::{Fingerprint, Value};
pub use journal::{Journal, NoJournal, Replay, SharedDependency, SharedTrace, TraceCache};
pub use key::{AsKey, Key, KeyId, Keys, StableKeyHash};
pub use metadata::{Metadata, MetadataUpdater};
pub use rebuilder::{Answer, Noted, Question, Reason, Rebuilder, Restored, SharableTrace, Suspects};
pub use report::{BuildError, Decision, Report};
pub use rules::{DynamicTask, IntoTask, Rules, StaticTask, Task, declared, formula, task};
pub use scheduler::{Declared, Plan, PlanError, Problem, Scheduler, Schedules, WhenBlocked};
pub use step_count::{count_steps, steps_taken};
pub use store::Store;
pub use task::{Dynamic, Power, Running, Static, TaskFuture, Tasks};
pub use typed::{FetchRule, Output, Rule, RuleKey, TypedRules};
#[cfg(feature = "serde")]
pub use typed_serde::journal_rule;
