//! The truth: what a computation from scratch gives, and what it looks at.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Expr, Name, mix, pick};
use crate::program::Graph;

/// What a key computes from scratch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The value; `None` if the key, or something that it needs, is a missing input.
    pub value: Option<i64>,
    /// What its task fetches, in order.
    pub fetched: Vec<Name>,
}

/// The values that keys have by right, computed on demand, without any memory of earlier builds.
#[derive(Debug, Clone)]
pub struct Truth {
    graph: Graph,
    inputs: BTreeMap<Name, i64>,
    outcomes: BTreeMap<Name, Outcome>,
}

impl Truth {
    /// Of this graph with these inputs.
    pub fn new(graph: &Graph, inputs: &BTreeMap<Name, i64>) -> Self {
        Truth { graph: graph.clone(), inputs: inputs.clone(), outcomes: BTreeMap::new() }
    }

    /// What a key computes.
    pub fn of(&mut self, key: Name) -> &Outcome {
        if !self.outcomes.contains_key(&key) {
            let mut fetched = Vec::new();
            let value = match self.graph.task(key).cloned() {
                None => self.inputs.get(&key).copied(),
                Some(task) => self.evaluate(&task, &mut fetched),
            };
            self.outcomes.insert(key, Outcome { value, fetched });
        }
        &self.outcomes[&key]
    }

    /// Its value.
    pub fn value(&mut self, key: Name) -> Option<i64> {
        self.of(key).value
    }

    fn fetch(&mut self, key: Name, fetched: &mut Vec<Name>) -> Option<i64> {
        if !fetched.contains(&key) {
            fetched.push(key);
        }
        self.value(key)
    }

    fn evaluate(&mut self, task: &Expr, fetched: &mut Vec<Name>) -> Option<i64> {
        Some(match task {
            Expr::Const(n) => *n,
            Expr::Get(key) => self.fetch(*key, fetched)?,
            Expr::Sum(keys) => {
                let values: Vec<_> = keys.iter().map(|&key| self.fetch(key, fetched)).collect();
                values.into_iter().try_fold(0_i64, |sum, value| Some(sum.wrapping_add(value?)))?
            }
            Expr::Add(a, b) => self.evaluate(a, fetched)?.wrapping_add(self.evaluate(b, fetched)?),
            Expr::Mix(a, b) => mix(self.evaluate(a, fetched)?, self.evaluate(b, fetched)?),
            Expr::Join(a, b) => {
                let (a, b) = (self.evaluate(a, fetched), self.evaluate(b, fetched));
                a?.wrapping_add(b?)
            }
            Expr::Cap(a) => self.evaluate(a, fetched)?.min(3),
            Expr::If(condition, even, odd) => {
                let branch = if self.evaluate(condition, fetched)? % 2 == 0 { even } else { odd };
                self.evaluate(branch, fetched)?
            }
            Expr::Pick(index, keys) => {
                let index = self.evaluate(index, fetched)?;
                self.fetch(pick(index, keys), fetched)?
            }
        })
    }

    /// Every key that computing these looks at, themselves included.
    pub fn reach(&mut self, targets: &[Name]) -> BTreeSet<Name> {
        closure(targets, |key| self.of(key).fetched.clone())
    }

    /// Every key that their tasks declare, theirs, and so on: what a topological scheduler visits.
    pub fn declared_reach(&self, targets: &[Name]) -> BTreeSet<Name> {
        closure(targets, |key| {
            let mut declared = Vec::new();
            if let Some(task) = self.graph.task(key) {
                task.mentions(&mut |key| declared.push(key));
            }
            declared
        })
    }

    /// Whether the key has a task.
    pub fn has_task(&self, key: Name) -> bool {
        self.graph.task(key).is_some()
    }
}

fn closure(targets: &[Name], mut next: impl FnMut(Name) -> Vec<Name>) -> BTreeSet<Name> {
    let mut reached = BTreeSet::new();
    let mut todo = targets.to_vec();
    while let Some(key) = todo.pop() {
        if reached.insert(key) {
            todo.extend(next(key));
        }
    }
    reached
}
