//! The baselines: no engine at all, only arrays.

use std::sync::Arc;

use super::engine::Engine;
use super::key_graph::{KeyGraph, begin, mix};

/// Everything is computed again in every build. Nothing can be faster than this where everything changed.
#[derive(Debug)]
pub struct PlainArrays {
    graph: Arc<KeyGraph>,
    values: Vec<u64>,
}

impl PlainArrays {
    /// An engine that has built nothing.
    pub fn new(graph: Arc<KeyGraph>) -> Self {
        PlainArrays { values: initial(&graph), graph }
    }
}

impl Engine for PlainArrays {
    fn set(&mut self, input: usize, value: u64) {
        self.values[input] = value;
    }

    fn run(&mut self) {
        for key in self.graph.inputs()..self.graph.len() {
            self.values[key] = compute(&self.graph, &self.values, key);
        }
    }

    fn value(&self, key: usize) -> u64 {
        self.values[key]
    }
}

/// A bit for each key that may be out of date, pushed along the reverse edges by whatever changes: what a build
/// costs if it knows its graph beforehand and does nothing that the change does not reach.
#[derive(Debug)]
pub struct DirtyArrays {
    graph: Arc<KeyGraph>,
    values: Vec<u64>,
    /// Where each key's dependents end in `reverse`.
    ends: Vec<u32>,
    reverse: Vec<u32>,
    dirty: Vec<u64>,
}

impl DirtyArrays {
    /// An engine that has built nothing.
    pub fn new(graph: Arc<KeyGraph>) -> Self {
        // Counting sort of the edges by what they lead to.
        let mut ends = vec![0; graph.len()];
        for id in graph.edges() {
            ends[id.index()] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum - *end;
        }
        let mut reverse = vec![0; graph.edges().len()];
        for key in graph.inputs()..graph.len() {
            for id in graph.dependencies(key) {
                let end = &mut ends[id.index()];
                reverse[*end as usize] = key as u32;
                *end += 1;
            }
        }
        let mut dirty = vec![0; graph.len().div_ceil(64)];
        for key in graph.inputs()..graph.len() {
            dirty[key / 64] |= 1 << (key % 64);
        }
        DirtyArrays { values: initial(&graph), graph, ends, reverse, dirty }
    }

    fn mark_dependents(&mut self, key: usize) {
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        for &dependent in &self.reverse[start as usize..self.ends[key] as usize] {
            self.dirty[dependent as usize / 64] |= 1 << (dependent % 64);
        }
    }
}

impl Engine for DirtyArrays {
    fn set(&mut self, input: usize, value: u64) {
        if std::mem::replace(&mut self.values[input], value) != value {
            self.mark_dependents(input);
        }
    }

    fn run(&mut self) {
        for word in 0..self.dirty.len() {
            // Dependents come later, but maybe in the same word.
            while self.dirty[word] != 0 {
                let key = word * 64 + self.dirty[word].trailing_zeros() as usize;
                self.dirty[word] &= self.dirty[word] - 1;
                let value = compute(&self.graph, &self.values, key);
                if std::mem::replace(&mut self.values[key], value) != value {
                    self.mark_dependents(key);
                }
            }
        }
    }

    fn value(&self, key: usize) -> u64 {
        self.values[key]
    }
}

fn initial(graph: &KeyGraph) -> Vec<u64> {
    let mut values = vec![0; graph.len()];
    for (input, value) in values.iter_mut().enumerate().take(graph.inputs()) {
        *value = graph.initial(input);
    }
    values
}

#[inline]
fn compute(graph: &KeyGraph, values: &[u64], key: usize) -> u64 {
    graph.dependencies(key).iter().fold(begin(key), |sum, id| mix(sum, values[id.index()]))
}
