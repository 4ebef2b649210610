//! Generators: random graphs and random histories.
//!
//! What is generated is a string of numbers, *genes*, from which graph and steps are read off; any string means
//! something, and smaller numbers mean simpler things. So a counterexample shrinks without special care: cut
//! the string, lower a number, read again.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::expr::{Expr, Name};
use crate::program::Graph;
use crate::script::{Scenario, Step};

/// What may happen in a history, beyond edits and builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Tasks are replaced, taken away and added.
    pub formulas: bool,
    /// Computed values are written over. (Lost ones are noticed even by make.)
    pub overwrites: bool,
    /// Inputs go missing.
    pub missing: bool,
    /// New processes start from the journal.
    pub restarts: bool,
    /// So many combinations take turns.
    pub combinations: usize,
    /// How many steps there are at most.
    pub steps: usize,
}

impl Style {
    /// Everything, within one process and one combination.
    pub fn everything() -> Self {
        Style { formulas: true, overwrites: true, missing: true, restarts: false, combinations: 1, steps: 24 }
    }
}

/// The shapes that graphs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A task mentions any smaller keys.
    Random,
    /// Each task mentions the one before it, and the inputs.
    Chain,
    /// Rows of three; a task mentions keys of the row before.
    Layered,
    /// Each task mentions the three before it.
    Diamonds,
    /// The last task mentions everything.
    FanIn,
}

const SHAPES: [Shape; 5] = [Shape::Random, Shape::Chain, Shape::Layered, Shape::Diamonds, Shape::FanIn];

impl Shape {
    /// What a task may mention.
    fn pool(self, key: u32, inputs: u32) -> Vec<Name> {
        let from = match self {
            Shape::Random | Shape::FanIn => 0,
            Shape::Chain => key.saturating_sub(1),
            Shape::Layered => (key.saturating_sub(3)) / 3 * 3,
            Shape::Diamonds => key.saturating_sub(3),
        };
        let mut pool: Vec<Name> = (from..key).map(Name).collect();
        if self == Shape::Chain && from >= inputs {
            pool.extend((0..inputs).map(Name));
        }
        pool
    }
}

/// Reads numbers off; when none are left, zeros.
struct Genes<'g>(std::slice::Iter<'g, u8>);

impl Genes<'_> {
    fn next(&mut self, below: usize) -> usize {
        self.0.next().map_or(0, |&gene| gene as usize % below.max(1))
    }

    fn key(&mut self, pool: &[Name]) -> Name {
        pool[pool.len() - 1 - self.next(pool.len())]
    }

    fn keys(&mut self, pool: &[Name]) -> Vec<Name> {
        let mut keys: Vec<Name> = (0..2 + self.next(3)).map(|_| self.key(pool)).collect();
        keys.dedup();
        keys
    }

    fn expr(&mut self, pool: &[Name], depth: usize) -> Expr {
        let part = |genes: &mut Self| Box::new(genes.expr(pool, depth + 1));
        match self.next(if depth < 2 { 12 } else { 2 }) {
            0 => Expr::Get(self.key(pool)),
            1 => Expr::Sum(self.keys(pool)),
            2 | 3 => Expr::Add(part(self), part(self)),
            4 | 5 => Expr::Cap(part(self)),
            6 | 7 => Expr::If(part(self), part(self), part(self)),
            8 => Expr::Pick(part(self), self.keys(pool)),
            9 => Expr::Mix(part(self), part(self)),
            10 => Expr::Join(part(self), part(self)),
            _ => Expr::Const(self.next(8) as i64),
        }
    }
}

/// One gene string a key and a step; the rest are sizes.
#[derive(Debug, Clone)]
struct Raw {
    shape: usize,
    inputs: usize,
    signed: bool,
    values: Vec<Option<i64>>,
    tasks: Vec<Vec<u8>>,
    steps: Vec<(u8, u8, u8, Vec<u8>)>,
}

/// Random scenarios of this style.
pub fn scenarios(style: Style) -> impl Strategy<Value = Scenario> {
    let value = prop_oneof![19 => (0..8_i64).prop_map(Some), 1 => Just(None)];
    let value = value.prop_map(move |value| if style.missing { value } else { value.or(Some(0)) });
    let gene = any::<u8>;
    let raw = (
        0..SHAPES.len(),
        1..5_usize,
        any::<bool>(),
        vec(value, 4),
        vec(vec(gene(), 0..12), 1..10),
        vec((0..100_u8, gene(), gene(), vec(gene(), 0..8)), 1..style.steps),
    );
    raw.prop_map(move |(shape, inputs, signed, values, tasks, steps)| {
        decode(style, &Raw { shape, inputs, signed, values, tasks, steps })
    })
}

fn decode(style: Style, raw: &Raw) -> Scenario {
    let inputs = raw.inputs as u32;
    let shape = SHAPES[raw.shape];
    let last = inputs + raw.tasks.len() as u32 - 1;
    let mut tasks = vec![None; raw.inputs];
    for (key, genes) in (inputs..).zip(&raw.tasks) {
        let pool = shape.pool(key, inputs);
        let task =
            if shape == Shape::FanIn && key == last { Expr::Sum(pool) } else { Genes(genes.iter()).expr(&pool, 0) };
        tasks.push(Some(task));
    }
    let values = (0..inputs).map(Name).zip(&raw.values);
    let values: BTreeMap<Name, i64> = values.filter_map(|(key, value)| Some((key, (*value)?))).collect();
    let steps = raw.steps.iter().map(|step| decode_step(style, shape, inputs, last, step)).collect();
    Scenario { graph: Graph { tasks }, inputs: values, steps, signed: raw.signed }
}

fn decode_step(style: Style, shape: Shape, inputs: u32, last: u32, raw: &(u8, u8, u8, Vec<u8>)) -> Step {
    let &(kind, which, value, ref genes) = raw;
    let input = Name(u32::from(which) % inputs);
    let any = Name(u32::from(which) % (last + 1));
    let task = Name(inputs + u32::from(which) % (last + 1 - inputs));
    let edited = i64::from(value % 8);
    let combination = usize::from(which) % style.combinations.max(1);
    let target = |gene: u8| Name(last - u32::from(gene) % (last + 1));
    match kind {
        0..26 => Step::Edit(input, edited),
        26..32 => Step::Revert,
        32..34 => Step::Same(input),
        34..36 => Step::Touch(input),
        36..39 if style.missing => Step::Delete(input),
        39..45 if style.formulas => Step::Formula(task, Genes(genes.iter()).expr(&shape.pool(task.0, inputs), 0)),
        45..47 if style.formulas => Step::Unformula(task),
        47..49 if style.formulas => Step::Edit(any, edited),
        49..53 if style.overwrites => Step::Overwrite(task, edited),
        53..55 => Step::Lose(task),
        55..60 if style.restarts => Step::Restart,
        55..63 if style.combinations > 1 => Step::Switch(combination, value % 3 == 0),
        63..85 => Step::Build(vec![target(which % 4)]),
        85..90 => Step::Build(genes.iter().map(|&gene| target(gene)).chain([target(which)]).collect()),
        90..94 => Step::Build((0..=last).map(Name).collect()),
        _ => Step::Build(vec![target(0)]),
    }
}
