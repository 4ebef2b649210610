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
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod calc_chain;
mod column;
mod constructive_traces;
mod deep_traces;
mod dependency_graph;
mod dirty_bits;
mod last_runs;
mod modification_times;
mod step_traces;
mod trace_table;
mod values;
mod verifying_traces;

pub use calc_chain::CalcChain;
pub use column::Column;
pub use constructive_traces::ConstructiveTraces;
pub use deep_traces::{DeepConstructiveTraces, Stand, Verdict};
pub use dependency_graph::DependencyGraph;
pub use dirty_bits::DirtyBits;
pub use last_runs::{LastRun, LastRuns};
pub use modification_times::ModificationTimes;
pub use step_traces::{LastBuilt, StepTraces};
pub use trace_table::{Trace, TraceTable};
pub use values::KeepsValues;
pub use verifying_traces::VerifyingTraces;
