//! Workloads for engines in memory: what is built, and by whom.
//!
//! | | |
//! |---|---|
//! | [`KeyGraph`] | *what*: which keys there are and what each fetches ([`layered`], [`chain`], [`fan_in`]), and the function that every engine computes |
//! | [`StaticGraph`], [`DynamicGraph`], [`GroupedGraph`] | the same graph as tasks: dependencies declared, found while running, found and always fetched at once; and as closures, as the README teaches ([`closures`]) |
//! | [`Change`] | *which change* comes before a build |
//! | [`Engine`], [`contenders`] | *by whom*: plain arrays, and every combination of a scheduler and a rebuilder |
//!
//! The graph itself is shared by all engines and is no engine's cost; everything else that an engine needs to
//! answer is.

mod arrays;
mod combinations;
mod engine;
mod graph_tasks;
pub mod key_graph;

pub use arrays::{DirtyArrays, PlainArrays};
pub use combinations::{CombinationEngine, contenders};
pub use engine::{Change, Contender, Engine};
pub use graph_tasks::{DynamicGraph, GroupedGraph, StaticGraph, closures};
pub use key_graph::{KeyGraph, chain, fan_in, layered};
