//! What do we learn? Workloads, edit scripts, comparisons, benchmarks.
#![deny(missing_docs)]

pub mod compare;
pub mod systems;
pub mod workloads;
