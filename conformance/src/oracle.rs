//! The truth: what a computation from scratch gives, and what it looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::expr::{Expr, fails, mix, panics, pick};
use crate::graph::Graph;
use crate::name::Name;

/// What a key computes from scratch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Computed {
    /// The value; `None` if the task fails, or the key, or something that it needs, is a missing input, or needs itself.
    pub value: Option<i64>,
    /// What its task fetches, in order.
    pub fetched: Vec<Name>,
    /// What its task has brought up to date without waiting.
    pub started: Vec<Name>,
    /// Whether its task looks at what no fetch shows.
    pub volatile: bool,
}

impl Computed {
    /// A key whose task fetches these, and gives this value.
    pub fn new(value: Option<i64>, fetched: Vec<Name>) -> Self {
        Computed { value, fetched, ..Computed::default() }
    }
}

/// What one of the runs gives that a task could have. (If it is not deterministic, there are several.)
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PossibleRun {
    /// The value; `None` if it fails.
    pub value: Option<i64>,
    /// What it fetches.
    pub fetched: BTreeSet<Name>,
}

/// The values that keys have by right, computed on demand, without any memory of earlier builds.
#[derive(Debug, Clone)]
pub struct Truth {
    graph: Rc<Graph>,
    inputs: BTreeMap<Name, i64>,
    now: i64,
    outcomes: BTreeMap<Name, Computed>,
    /// Keys that are being computed: one that is met again needs itself.
    open: BTreeSet<Name>,
}

/// What a task can do while it is evaluated.
trait Surroundings {
    fn fetch(&mut self, key: Name) -> Option<i64>;
    fn start(&mut self, key: Name);
    fn now(&mut self) -> i64;
    fn toss(&mut self) -> i64;
}

fn evaluate(task: &Expr, around: &mut impl Surroundings) -> Option<i64> {
    Some(match task {
        Expr::Const(n) => *n,
        Expr::Get(key) => around.fetch(*key)?,
        Expr::Sum(keys) => {
            let values: Vec<_> = keys.iter().map(|&key| around.fetch(key)).collect();
            values.into_iter().try_fold(0_i64, |sum, value| Some(sum.wrapping_add(value?)))?
        }
        Expr::Add { left: a, right: b } => evaluate(a, around)?.wrapping_add(evaluate(b, around)?),
        Expr::Mix { left: a, right: b } => mix(evaluate(a, around)?, evaluate(b, around)?),
        Expr::Join { left: a, right: b } => {
            let (a, b) = (evaluate(a, around), evaluate(b, around));
            a?.wrapping_add(b?)
        }
        Expr::Cap(a) => evaluate(a, around)?.min(3),
        Expr::If { condition, even, odd } => {
            let branch = if evaluate(condition, around)? % 2 == 0 { even } else { odd };
            evaluate(branch, around)?
        }
        Expr::Pick { index, keys } => {
            let index = evaluate(index, around)?;
            around.fetch(pick(index, keys))?
        }
        Expr::Check(a) => evaluate(a, around).filter(|&value| !fails(value))?,
        Expr::Trip(a) => evaluate(a, around).filter(|&value| !panics(value))?,
        Expr::Now => around.now(),
        Expr::About(a) => evaluate(a, around)?.wrapping_add(around.toss()),
        Expr::Start { key, then: a } => {
            around.start(*key);
            evaluate(a, around)?
        }
    })
}

/// A computation from scratch: what is fetched is computed first. Tosses are the least.
struct Scratch<'t> {
    truth: &'t mut Truth,
    outcome: Computed,
}

impl Surroundings for Scratch<'_> {
    fn fetch(&mut self, key: Name) -> Option<i64> {
        if !self.outcome.fetched.contains(&key) {
            self.outcome.fetched.push(key);
        }
        self.truth.value(key)
    }
    fn start(&mut self, key: Name) {
        self.outcome.started.push(key);
    }
    fn now(&mut self) -> i64 {
        self.outcome.volatile = true;
        self.truth.now
    }
    fn toss(&mut self) -> i64 {
        0
    }
}

impl Truth {
    /// Of this graph with these inputs, and this hidden value.
    pub fn new(graph: &Rc<Graph>, inputs: &BTreeMap<Name, i64>, now: i64) -> Self {
        let (graph, inputs) = (graph.clone(), inputs.clone());
        Truth { graph, inputs, now, outcomes: BTreeMap::new(), open: BTreeSet::new() }
    }

    /// What a computation from scratch has shown that was done elsewhere, of tasks that are no expressions.
    pub fn recorded(outcomes: BTreeMap<Name, Computed>) -> Self {
        Truth { outcomes, ..Truth::new(&Rc::default(), &BTreeMap::new(), 0) }
    }

    /// What a key computes.
    pub fn of(&mut self, key: Name) -> &Computed {
        if !self.outcomes.contains_key(&key) {
            self.open.insert(key);
            let graph = self.graph.clone();
            let outcome = match graph.task(key) {
                None => Computed { value: self.inputs.get(&key).copied(), ..Computed::default() },
                Some(task) => {
                    let mut scratch = Scratch { truth: self, outcome: Computed::default() };
                    let value = evaluate(task, &mut scratch);
                    Computed { value, ..scratch.outcome }
                }
            };
            self.open.remove(&key);
            self.outcomes.insert(key, outcome);
        }
        &self.outcomes[&key]
    }

    /// Its value. (A key that meets itself while it is computed has none; nor has any key on that circle.)
    pub fn value(&mut self, key: Name) -> Option<i64> {
        if self.open.contains(&key) { None } else { self.of(key).value }
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

    /// Whether one of the keys that the targets may reach may reach itself.
    pub fn declares_a_circle(&self, targets: &[Name]) -> bool {
        let mentioned = |key| {
            let mut mentioned = Vec::new();
            if let Some(task) = self.graph.task(key) {
                task.mentions(&mut |key| mentioned.push(key));
            }
            mentioned
        };
        self.declared_reach(targets).into_iter().any(|key| closure(&mentioned(key), mentioned).contains(&key))
    }

    /// Every key that tasks may fetch or start, from these on: more than any build of them visits.
    pub fn widest_reach(&self, targets: &[Name]) -> BTreeSet<Name> {
        closure(targets, |key| {
            let mut mentioned = Vec::new();
            if let Some(task) = self.graph.task(key) {
                task.mentions(&mut |key| mentioned.push(key));
                task.starts(&mut |key| mentioned.push(key));
            }
            mentioned
        })
    }

    /// Whether the key has a task.
    pub fn has_task(&self, key: Name) -> bool {
        self.graph.task(key).is_some()
    }

    /// All that a run of the key's task could give, were the keys that it fetches what they are `held` to be.
    pub fn possible(&self, key: Name, held: &BTreeMap<Name, Option<i64>>) -> Vec<PossibleRun> {
        let Some(task) = self.graph.task(key) else {
            return vec![PossibleRun { value: self.inputs.get(&key).copied(), fetched: BTreeSet::new() }];
        };
        let mut runs = Vec::new();
        let mut tosses = Vec::new();
        loop {
            let mut run = Run { held, now: self.now, tosses: &mut tosses, taken: 0, fetched: BTreeSet::new() };
            let value = evaluate(task, &mut run);
            let taken = run.taken;
            runs.push(PossibleRun { value, fetched: run.fetched });
            // The next in the order of binary numbers.
            tosses.truncate(taken);
            while tosses.last() == Some(&1) {
                tosses.pop();
            }
            match tosses.last_mut() {
                Some(last) => *last = 1,
                None => return runs,
            }
        }
    }
}

/// One run of a task among keys that hold what they hold, by these tosses.
struct Run<'r> {
    held: &'r BTreeMap<Name, Option<i64>>,
    now: i64,
    tosses: &'r mut Vec<i64>,
    taken: usize,
    fetched: BTreeSet<Name>,
}

impl Surroundings for Run<'_> {
    fn fetch(&mut self, key: Name) -> Option<i64> {
        self.fetched.insert(key);
        self.held.get(&key).copied().flatten()
    }
    fn start(&mut self, _: Name) {}
    fn now(&mut self) -> i64 {
        self.now
    }
    fn toss(&mut self) -> i64 {
        if self.taken == self.tosses.len() {
            self.tosses.push(0);
        }
        self.taken += 1;
        self.tosses[self.taken - 1]
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
