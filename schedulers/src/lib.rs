//! The order of tasks, and whether a task that must wait is kept or started again.
//!
//! | a task fetches a key that is not up to date | |
//! |---|---|
//! | cannot happen: the order was known before | [`Topological`] |
//! | its future is dropped, and started again later | [`Restarting`] |
//! | its future is kept, and resumed later | [`Suspending`] |
//!
//! These are the paper's. [`BottomUp`] keeps futures too, but begins at what changed rather than at the targets.
//! [`named`] finds one of them at run time.
#![deny(missing_docs, missing_debug_implementations)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod bottom_up;
mod restarting;
mod scheduler_names;
mod suspending;
mod topological;

pub use bottom_up::BottomUp;
pub use restarting::Restarting;
pub use scheduler_names::{NAMES, named};
pub use suspending::Suspending;
pub use topological::Topological;
