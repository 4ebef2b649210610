//! The menu: every combination of a scheduler and a rebuilder, as an engine.

use std::sync::Arc;

use alacarte_core::{Build, Dynamic, KeyId, Rebuilder, Rules, Schedules, Tasks};
use alacarte_rebuilders::{
    ConstructiveTrace, DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, VerifyingTrace,
};
use alacarte_schedulers::{Restarting, Suspending, Topological};
use alacarte_stores::Memory;

use super::arrays::{DirtyArrays, PlainArrays};
use super::engine::{Contender, Engine};
use super::graph_tasks::{DynamicGraph, GroupedGraph, StaticGraph, closures};
use super::key_graph::KeyGraph;

/// A [`Build`] over a graph: scheduler `S`, rebuilder `R`, and the graph's tasks in the form `T`.
#[derive(Debug)]
pub struct CombinationEngine<T, S, R> {
    build: Build<u32, u64, T, Memory<u32, u64>, S, R>,
    targets: Vec<KeyId>,
}

impl<T, S, R> CombinationEngine<T, S, R>
where
    T: Tasks<u32, u64>,
    S: Schedules<T::Power>,
    R: Rebuilder<u32, u64>,
{
    /// An engine that has built nothing.
    pub fn new(graph: &KeyGraph, tasks: T, scheduler: S, rebuilder: R) -> Self {
        let mut build = Build::new(tasks, Memory::new()).with_scheduler(scheduler).with_rebuilder(rebuilder);
        build.reserve(graph.len());
        for key in 0..graph.len() {
            build.intern(key as u32);
        }
        let mut engine = CombinationEngine { build, targets: graph.targets().map(KeyId::new).collect() };
        for input in 0..graph.inputs() {
            engine.set(input, graph.initial(input));
        }
        engine
    }
}

impl<T, S, R> Engine for CombinationEngine<T, S, R>
where
    T: Tasks<u32, u64>,
    S: Schedules<T::Power>,
    R: Rebuilder<u32, u64>,
{
    fn set(&mut self, input: usize, value: u64) {
        if let Err(error) = self.build.set(input as u32, value) {
            panic!("memory can be read and written: {error}");
        }
    }

    fn run(&mut self) {
        if let Err(error) = self.build.run_ids(&self.targets) {
            panic!("no task of the graph fails: {error}");
        }
    }

    fn value(&self, key: usize) -> u64 {
        self.build.get(key as u32).unwrap_or_default()
    }
}

type Closures = Build<u32, u64, Rules<u32, u64, Dynamic>, Memory<u32, u64>, Suspending, VerifyingTrace>;

/// What a person writes first, as the README teaches it.
struct FirstProgram {
    build: Closures,
    targets: Vec<u32>,
}

impl FirstProgram {
    fn new(graph: Arc<KeyGraph>) -> Self {
        let inputs: Memory<u32, u64> = (0..graph.inputs()).map(|input| (input as u32, graph.initial(input))).collect();
        let build = Build::new(closures(&graph), inputs);
        let build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
        FirstProgram { build, targets: graph.targets().map(|target| target as u32).collect() }
    }
}

impl Engine for FirstProgram {
    fn set(&mut self, input: usize, value: u64) {
        if let Err(error) = self.build.set(input as u32, value) {
            panic!("memory can be read and written: {error}");
        }
    }

    fn run(&mut self) {
        if let Err(error) = self.build.run(self.targets.iter().copied()) {
            panic!("no task of the graph fails: {error}");
        }
    }

    fn value(&self, key: usize) -> u64 {
        self.build.get(key as u32).unwrap_or_default()
    }
}

fn contender<T, S, R>(
    scheduler: &str,
    rebuilder: &str,
    tasks: impl Fn(Arc<KeyGraph>) -> T + 'static,
    strategies: impl Fn() -> (S, R) + 'static,
) -> Contender
where
    T: Tasks<u32, u64> + 'static,
    S: Schedules<T::Power> + 'static,
    R: Rebuilder<u32, u64> + 'static,
{
    Contender::new(format!("{scheduler} × {rebuilder}"), move |graph: Arc<KeyGraph>| {
        let (scheduler, rebuilder) = strategies();
        CombinationEngine::new(&graph, tasks(Arc::clone(&graph)), scheduler, rebuilder)
    })
}

/// All engines of this workspace: the plain arrays, then every combination.
///
/// Topological runs over [`StaticGraph`], restarting and suspending over [`DynamicGraph`], and where the name
/// says *grouped* over [`GroupedGraph`]. *First program* is over [`closures`], with nothing reserved and targets by key.
pub fn contenders() -> Vec<Contender> {
    let mut menu = vec![
        Contender::new("arrays, everything", PlainArrays::new),
        Contender::new("arrays, dirty bits", DirtyArrays::new),
    ];
    macro_rules! with_each_rebuilder {
        ($tasks:expr, $name:literal, $scheduler:expr) => {
            menu.extend([
                contender($name, "dirty-bit", $tasks, || ($scheduler, DirtyBit)),
                contender($name, "verifying-trace", $tasks, || ($scheduler, VerifyingTrace)),
                contender($name, "constructive-trace", $tasks, || ($scheduler, ConstructiveTrace)),
                contender($name, "deep-constructive-trace", $tasks, || ($scheduler, DeepConstructiveTrace)),
                contender($name, "modification-time", $tasks, || ($scheduler, ModificationTime)),
                contender($name, "perpetual", $tasks, || ($scheduler, Perpetual)),
            ])
        };
    }
    with_each_rebuilder!(StaticGraph, "topological", Topological::new());
    with_each_rebuilder!(DynamicGraph, "restarting", Restarting::new());
    with_each_rebuilder!(DynamicGraph, "suspending", Suspending::new());
    menu.extend([
        contender("restarting", "verifying-trace, grouped", GroupedGraph, || (Restarting::new(), VerifyingTrace)),
        contender("suspending", "verifying-trace, grouped", GroupedGraph, || (Suspending::new(), VerifyingTrace)),
        Contender::new("first program: suspending × verifying-trace", FirstProgram::new),
    ]);
    menu
}

#[cfg(test)]
mod tests {
    use super::super::engine::Change;
    use super::super::key_graph::{chain, fan_in, layered};
    use super::*;

    #[test]
    fn all_engines_agree_in_all_scenarios() {
        for graph in [layered(500), chain(300), fan_in(300)] {
            let graph = Arc::new(graph);
            for contender in contenders() {
                let mut inputs: Vec<u64> = (0..graph.inputs()).map(|input| graph.initial(input)).collect();
                let mut engine = contender.make(&graph);
                for round in 0..3 {
                    for scenario in Change::ALL {
                        for input in scenario.edit(&mut inputs, round) {
                            engine.set(input, inputs[input]);
                        }
                        engine.run();
                        let expected = graph.expected(&inputs);
                        for key in graph.targets() {
                            assert_eq!(engine.value(key), expected[key], "{contender:?}, {scenario:?}");
                        }
                    }
                }
            }
        }
    }
}
