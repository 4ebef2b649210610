//! What an engine must be able to do to be measured, and what is asked of it.

use std::fmt;
use std::sync::Arc;

use super::key_graph::{HIDDEN, KeyGraph, scramble};

/// Something that keeps a graph's demanded keys up to date.
///
/// ```
/// use std::sync::Arc;
///
/// use alacarte_experiments::workloads::{Contender, Engine, KeyGraph, layered};
///
/// /// Computes everything anew.
/// struct FromScratch {
///     graph: Arc<KeyGraph>,
///     inputs: Vec<u64>,
///     values: Vec<u64>,
/// }
///
/// impl Engine for FromScratch {
///     fn set(&mut self, input: usize, value: u64) {
///         self.inputs[input] = value;
///     }
///
///     fn run(&mut self) {
///         self.values = self.graph.expected(&self.inputs);
///     }
///
///     fn value(&self, key: usize) -> u64 {
///         self.values[key]
///     }
/// }
///
/// let contender = Contender::new("from scratch", |graph| {
///     let inputs = (0..graph.inputs()).map(|input| graph.initial(input)).collect();
///     FromScratch { graph, inputs, values: Vec::new() }
/// });
/// let mut engine = contender.make(&Arc::new(layered(100)));
/// engine.run();
/// let before = engine.value(99);
/// engine.set(0, 7);
/// engine.run();
/// assert_ne!(engine.value(99), before);
/// ```
pub trait Engine {
    /// Gives an input another value.
    fn set(&mut self, input: usize, value: u64);

    /// Brings every demanded key up to date.
    fn run(&mut self);

    /// The value that a key has after [`Engine::run`].
    fn value(&self, key: usize) -> u64;
}

/// An engine by name, to be made for any graph.
#[non_exhaustive]
pub struct Contender {
    /// Its name in tables: `suspending × verifying-trace`.
    pub name: String,
    make: Box<dyn Fn(Arc<KeyGraph>) -> Box<dyn Engine>>,
}

impl Contender {
    /// The engine that `make` makes. It starts with [`KeyGraph::initial`] for every input and has built nothing.
    pub fn new<E: Engine + 'static>(name: impl Into<String>, make: impl Fn(Arc<KeyGraph>) -> E + 'static) -> Self {
        Contender { name: name.into(), make: Box::new(move |graph| Box::new(make(graph))) }
    }

    /// Makes the engine.
    pub fn make(&self, graph: &Arc<KeyGraph>) -> Box<dyn Engine> {
        (self.make)(Arc::clone(graph))
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What changes before a build. All but [`Change::Clean`] come after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Nothing was ever built; the time to make the engine and to give it its inputs counts.
    Clean,
    /// Nothing changed.
    Null,
    /// One input changed in bits that its dependents do not see.
    Cutoff,
    /// One input changed for good; in a layered graph that reaches most keys.
    One,
    /// One of a hundred inputs changed for good.
    Percent,
}

impl Change {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Change; 5] = [Change::Clean, Change::Null, Change::Cutoff, Change::One, Change::Percent];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Change::Clean => "clean",
            Change::Null => "null",
            Change::Cutoff => "cutoff",
            Change::One => "one",
            Change::Percent => "1 %",
        }
    }

    /// Changes `inputs`, the values that the inputs have now; answers which were changed. Another `round`
    /// changes others.
    pub fn edit(self, inputs: &mut [u64], round: u64) -> Vec<usize> {
        let count = match self {
            Change::Clean | Change::Null => 0,
            Change::Cutoff | Change::One => 1,
            Change::Percent => (inputs.len() / 100).max(1),
        };
        let first = scramble(round) as usize;
        // Spread evenly over the inputs, so that none is met twice.
        let edited: Vec<usize> = (0..count).map(|n| (first + n * (inputs.len() / count)) % inputs.len()).collect();
        for &input in &edited {
            inputs[input] ^= if self == Change::Cutoff { 1 } else { 1 << HIDDEN };
        }
        edited
    }
}
