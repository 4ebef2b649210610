//! What is remembered? One fold over the journal's events a file.
//!
//! | updater | remembers | read by |
//! |---|---|---|
//! | [`DependencyGraph`] | what each key fetched last, and the reverse | make's rule, dirty bits |
//! | [`DirtyBits`] | which keys a change has made out of date | the dirty-bit rebuilder |
//! | [`ModificationTimes`] | when each key was modified last | make's rule |
//! | [`CalcChain`] | the order in which keys were last finished | the restarting scheduler |
//! | [`VerifyingTraces`] | fingerprints of what was fetched and of the result | Ninja, Shake |
//! | [`ConstructiveTraces`] | the same, and the value | CloudBuild, Bazel |
//! | [`DeepConstructiveTraces`] | the value for given *terminal inputs* | Buck, Nix |
//! | [`StepTraces`] | when each key was built and when it last changed | Shake's implementation |
//! | [`LastRuns`] | the *values* that each task was given when it ran last | tolerance |
#![deny(missing_docs, missing_debug_implementations)]

mod chain;
mod column;
mod constructive;
mod deep;
mod dirty;
mod graph;
mod last_run;
mod step;
mod table;
mod times;
mod values;
mod verifying;

pub use chain::CalcChain;
pub use column::Column;
pub use constructive::ConstructiveTraces;
pub use deep::{DeepConstructiveTraces, Stand, Verdict};
pub use dirty::DirtyBits;
pub use graph::DependencyGraph;
pub use last_run::{LastRun, LastRuns};
pub use step::StepTraces;
pub use table::{Trace, TraceTable};
pub use times::ModificationTimes;
pub use values::KeepsValues;
pub use verifying::VerifyingTraces;
