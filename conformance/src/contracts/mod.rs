//! What an updater owes: after any events, it says what a naive model says.
//!
//! A [`Contract`] is such a model, a few lines over plain vectors, and the comparison. [`check_contract`] tells random
//! histories of events to both; [`check_replay`] lets them be lived through a journal by one process after the other. [`ours`]
//! are the contracts of the updaters in this workspace.
//!
//! ```
//! use alacarte_core::{Event, MetadataUpdater};
//! use alacarte_conformance::contracts::{Contract, Happening, check_contract, check_replay};
//!
//! /// How many tasks have run.
//! #[derive(Default)]
//! struct Runs(u64);
//!
//! impl MetadataUpdater for Runs {
//!     fn apply(&mut self, event: &Event<'_>) {
//!         self.0 += u64::from(matches!(event, Event::Built(_)));
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Plainly(Vec<Happening>);
//!
//! impl Contract for Plainly {
//!     type Of = Runs;
//!     fn see(&mut self, what: &Happening) {
//!         self.0.push(what.clone());
//!     }
//!     fn check(&self, runs: &Runs) {
//!         let built = self.0.iter().filter(|what| what.is_built()).count();
//!         assert_eq!(runs.0, built as u64, "how many tasks have run");
//!     }
//! }
//!
//! check_contract::<Plainly>();
//! check_replay::<Plainly>();
//! ```

mod event_history;
mod happening;
mod judging;
mod log_replay;
pub mod ours;

pub use happening::{AT_FIRST, Contract, EventKind, Happening, INPUTS, KEYS};
pub use judging::{Messenger, check_contract, judge_contract};
pub use log_replay::{check_replay, judge_replay};
