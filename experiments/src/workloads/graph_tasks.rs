//! A graph as tasks: in the three ways in which tasks may fetch, and as a person writes it first.
//!
//! In the first three there is no closure and no look-up a key: a task is a key's number and the shared graph. Key `n` is
//! interned as id `n` ([`CombinationEngine`](super::CombinationEngine) sees to it), so the graph's edges are ids already. The last,
//! [`closures`], is what the README teaches: a collection of closures, one a key, each of which fetches keys by what they
//! are called.

use std::sync::Arc;
use std::task::Poll;

use alacarte_core::{Dynamic, DynamicTask, Fetch, Rules, Running, Static, Tasks, task};

use super::key_graph::{KeyGraph, begin, mix};

/// Every task declares what it fetches, and needs no future.
#[derive(Debug, Clone)]
pub struct StaticGraph(pub Arc<KeyGraph>);

impl Tasks<u32, u64> for StaticGraph {
    type Power = Static;

    fn has(&self, &key: &u32) -> bool {
        key as usize >= self.0.inputs()
    }

    fn run<'t>(&'t self, &key: &u32, fetch: Fetch<'t, u32, u64>) -> Running<'t, u64> {
        let key = key as usize;
        let mut sum = begin(key);
        match fetch.poll_ids(self.0.dependencies(key), |&value| sum = mix(sum, value)) {
            Poll::Ready(outcome) => Running::Done(outcome.map(|()| sum)),
            Poll::Pending => Running::Waiting,
        }
    }

    fn declared(&self, &key: &u32, each: &mut dyn FnMut(&u32)) -> bool {
        for id in self.0.dependencies(key as usize) {
            each(&(id.index() as u32));
        }
        true
    }
}

/// Every task is a future that finds its dependencies while it runs: one key after the other, or all at once if
/// the graph [is grouped](KeyGraph::is_grouped).
#[derive(Debug, Clone)]
pub struct DynamicGraph(pub Arc<KeyGraph>);

impl Tasks<u32, u64> for DynamicGraph {
    type Power = Dynamic;

    fn has(&self, &key: &u32) -> bool {
        key as usize >= self.0.inputs()
    }

    fn run<'t>(&'t self, &key: &u32, fetch: Fetch<'t, u32, u64>) -> Running<'t, u64> {
        if self.0.is_grouped() { at_once(&self.0, key, fetch) } else { one_by_one(&self.0, key, fetch) }
    }
}

/// The same, but always all at once.
#[derive(Debug, Clone)]
pub struct GroupedGraph(pub Arc<KeyGraph>);

impl Tasks<u32, u64> for GroupedGraph {
    type Power = Dynamic;

    fn has(&self, &key: &u32) -> bool {
        key as usize >= self.0.inputs()
    }

    fn run<'t>(&'t self, &key: &u32, fetch: Fetch<'t, u32, u64>) -> Running<'t, u64> {
        at_once(&self.0, key, fetch)
    }
}

/// A closure a key, as in the README, which fetches one key after the other.
pub fn closures(graph: &Arc<KeyGraph>) -> Rules<u32, u64, Dynamic> {
    let mut rules = Rules::new().rule(graph.inputs() as u32, closure(graph, graph.inputs()));
    for key in graph.inputs() + 1..graph.len() {
        rules.set(key as u32, closure(graph, key));
    }
    rules
}

fn closure(graph: &Arc<KeyGraph>, key: usize) -> DynamicTask<u32, u64> {
    let graph = Arc::clone(graph);
    task(async move |fetch: Fetch<'_, u32, u64>| {
        let mut sum = begin(key);
        for dependency in graph.dependencies(key) {
            sum = mix(sum, fetch.get(dependency.index() as u32).await?);
        }
        Ok(sum)
    })
}

fn one_by_one<'t>(graph: &'t KeyGraph, key: u32, fetch: Fetch<'t, u32, u64>) -> Running<'t, u64> {
    let key = key as usize;
    let dependencies = graph.dependencies(key);
    Running::Future(Box::pin(async move {
        let mut sum = begin(key);
        for &id in dependencies {
            sum = mix(sum, fetch.id(id).await?);
        }
        Ok(sum)
    }))
}

fn at_once<'t>(graph: &'t KeyGraph, key: u32, fetch: Fetch<'t, u32, u64>) -> Running<'t, u64> {
    let key = key as usize;
    let dependencies = graph.dependencies(key);
    Running::Future(Box::pin(async move {
        let values = fetch.ids(dependencies.iter().copied()).await?;
        Ok(values.into_iter().fold(begin(key), mix))
    }))
}
