//! What do we learn? Workloads, edit scripts, comparisons, counterexamples, benchmarks.
#![deny(missing_docs, missing_debug_implementations, clippy::print_stdout, clippy::print_stderr)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod claims;
pub mod compare;
pub mod gallery;
pub mod histories;
pub mod systems;
pub mod workloads;
