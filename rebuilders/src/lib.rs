//! Must the task run at all? One strategy a file.
//!
//! | | keeps a key if | restores |
//! |---|---|---|
//! | [`DirtyBit`] | nothing that it fetched has changed | – |
//! | [`VerifyingTrace`] | what it fetched has the fingerprints of a trace | – |
//! | [`ConstructiveTrace`] | the same | any value that a trace remembers |
//! | [`DeepConstructiveTrace`] | its *terminal inputs* are those of a trace | any value that a trace remembers |
//! | [`StepTrace`] | nothing that it fetched changed in a later step | – |
//! | [`ModificationTime`] | it is newer than what it fetched: make's rule, and wrong where make is | – |
//! | [`Tolerance`] | nothing that it fetched has moved too far since it ran | – |
//! | [`Perpetual`] | never: the baseline of doing everything | – |
//!
//! [`PerKey`] chooses one of them for each key, [`named`] finds one at run time; [`Within`] bounds what those keep
//! that restore; [`Rechecked`] runs some of what they would restore, and compares.
#![deny(missing_docs, missing_debug_implementations)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod constructive;
mod deep;
mod dirty_bit;
mod modification_time;
mod per_key;
mod perpetual;
mod rebuilder_names;
mod rechecked;
mod step;
mod tolerance;
mod verifying;
mod walk;
mod within;

pub use constructive::ConstructiveTrace;
pub use deep::DeepConstructiveTrace;
pub use dirty_bit::DirtyBit;
pub use modification_time::ModificationTime;
pub use per_key::{PerKey, Policy};
pub use perpetual::Perpetual;
pub use rebuilder_names::{NAMES, named};
pub use rechecked::{Rechecked, Sample, Sampled};
pub use step::StepTrace;
pub use tolerance::Tolerance;
pub use verifying::VerifyingTrace;
pub use walk::{Walked, walk};
pub use within::{Restores, Within};
