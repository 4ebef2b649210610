//! Generators: random graphs and random histories.
//!
//! What is drawn is a string of numbers, *genes*, from which graph and steps are read off; any string means
//! something, and smaller numbers mean simpler things. So a counterexample is made smaller without special care
//! ([`draw`](crate::draw)): cut the string, lower a number, read again.

use std::collections::BTreeMap;

use crate::combines::Combines;
use crate::draw::Draw;
use crate::expr::Expr;
use crate::graph::Graph;
use crate::name::Name;
use crate::script::{Manner, Scenario, Step};
use crate::setters::setters;

/// What may happen in a history, beyond edits and builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Style {
    /// Tasks are replaced, taken away and added.
    pub formulas: bool,
    /// Computed values are written over. (Lost ones are noticed even by make.)
    pub overwrites: bool,
    /// Inputs are written again as they are.
    pub touches: bool,
    /// Inputs go missing.
    pub missing: bool,
    /// Tasks fail and panic.
    pub failing: bool,
    /// Tasks mention keys above them: circles in what is declared, and sometimes in what is fetched. (Dynamic tasks only.)
    pub circles: bool,
    /// Tasks look at what no fetch shows, and say so.
    pub volatile: bool,
    /// Tasks start keys without waiting for them.
    pub detached: bool,
    /// Tasks are not deterministic.
    pub nondeterministic: bool,
    /// New processes start from the journal.
    pub restarts: bool,
    /// Builds are given up and killed; what a journal or a cache holds is lost.
    pub faults: bool,
    /// Inputs are edited while a build runs.
    pub races: bool,
    /// The clock is set back.
    pub clocks: bool,
    /// Parts of the build are exchanged while it lives: all tasks, the journal, the store.
    pub exchanges: bool,
    /// Keys that nobody reached lately are forgotten.
    pub collects: bool,
    /// So many combinations take turns.
    pub combinations: usize,
    /// How many steps there are at most.
    pub steps: usize,
}

setters! {
    Style:
    with_formulas(formulas: bool);
    with_overwrites(overwrites: bool);
    with_touches(touches: bool);
    with_missing(missing: bool);
    with_failing(failing: bool);
    with_circles(circles: bool);
    with_volatile(volatile: bool);
    with_detached(detached: bool);
    with_nondeterministic(nondeterministic: bool);
    with_restarts(restarts: bool);
    with_faults(faults: bool);
    with_races(races: bool);
    with_clocks(clocks: bool);
    with_exchanges(exchanges: bool);
    with_collects(collects: bool);
    with_combinations(combinations: usize);
    with_steps(steps: usize);
}

impl Style {
    /// Edits and builds of tasks that always succeed.
    pub fn plain() -> Self {
        Style {
            formulas: false,
            overwrites: false,
            touches: false,
            missing: false,
            failing: false,
            circles: false,
            volatile: false,
            detached: false,
            nondeterministic: false,
            restarts: false,
            faults: false,
            races: false,
            clocks: false,
            exchanges: false,
            collects: false,
            combinations: 1,
            steps: 24,
        }
    }

    /// Everything that can happen to one combination, but for tasks that are not deterministic (see [`Style::without_determinism`]).
    pub fn everything() -> Self {
        Style {
            formulas: true,
            overwrites: true,
            touches: true,
            missing: true,
            failing: true,
            circles: true,
            volatile: true,
            detached: true,
            restarts: true,
            faults: true,
            races: true,
            clocks: true,
            exchanges: true,
            collects: true,
            ..Style::plain()
        }
    }

    /// The same, but tasks are not deterministic. (What is missing, or fetched in a circle, nobody could say beforehand.)
    #[must_use]
    pub fn without_determinism(self) -> Self {
        Style { nondeterministic: true, missing: false, circles: false, ..self }
    }
}

/// The shapes that graphs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphShape {
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
    /// The branches of a condition mention any keys, so that what is declared goes round in circles; what is fetched
    /// does so now and then.
    Circles,
}

const SHAPES: [GraphShape; 6] = [
    GraphShape::Random,
    GraphShape::Chain,
    GraphShape::Layered,
    GraphShape::Diamonds,
    GraphShape::FanIn,
    GraphShape::Circles,
];

impl GraphShape {
    /// What a task may mention.
    fn pool(self, key: u32, inputs: u32) -> Vec<Name> {
        let from = match self {
            GraphShape::Random | GraphShape::FanIn | GraphShape::Circles => 0,
            GraphShape::Chain => key.saturating_sub(1),
            GraphShape::Layered => (key.saturating_sub(3)) / 3 * 3,
            GraphShape::Diamonds => key.saturating_sub(3),
        };
        let mut pool: Vec<Name> = (from..key).map(Name).collect();
        if self == GraphShape::Chain && from >= inputs {
            pool.extend((0..inputs).map(Name));
        }
        pool
    }
}

/// What tasks may be made of.
#[derive(Clone, Copy)]
struct Ingredients<'i> {
    style: Style,
    /// What a task may mention.
    pool: &'i [Name],
    /// What one branch of a condition may mention.
    branch: &'i [Name],
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

    /// A whole task: what it computes, and what it does beside.
    fn task(&mut self, of: Ingredients<'_>) -> Expr {
        let value = self.expr(of, 0);
        let about = |genes: &mut Self, value| match genes.next(3) {
            0 if of.style.nondeterministic => Expr::About(Box::new(value)),
            _ => value,
        };
        // Whether a task that is not deterministic fails, nobody could say beforehand.
        match self.next(32) {
            1 | 2 if of.style.failing && !of.style.nondeterministic => Expr::Check(Box::new(value)),
            3 if of.style.failing && !of.style.nondeterministic => Expr::Trip(Box::new(value)),
            4 if of.style.volatile => Expr::Add { left: Box::new(value), right: Box::new(Expr::Now) },
            5 if of.style.detached => Expr::Start { key: self.key(of.pool), then: Box::new(value) },
            _ => about(self, value),
        }
    }

    fn expr(&mut self, of: Ingredients<'_>, depth: usize) -> Expr {
        let part = |genes: &mut Self| Box::new(genes.expr(of, depth + 1));
        match self.next(if depth < 2 { 12 } else { 2 }) {
            0 => Expr::Get(self.key(of.pool)),
            1 => Expr::Sum(self.keys(of.pool)),
            2 | 3 => Expr::Add { left: part(self), right: part(self) },
            4 | 5 => Expr::Cap(part(self)),
            6 | 7 => {
                let (condition, even) = (part(self), part(self));
                Expr::If { condition, even, odd: Box::new(self.expr(Ingredients { pool: of.branch, ..of }, depth + 1)) }
            }
            8 => Expr::Pick { index: part(self), keys: self.keys(of.pool) },
            9 => Expr::Mix { left: part(self), right: part(self) },
            10 => Expr::Join { left: part(self), right: part(self) },
            _ => Expr::Const(self.next(8) as i64),
        }
    }
}

/// How many inputs a graph has at most.
const MOST_INPUTS: usize = 4;

/// One gene string a key and a step; the rest are sizes.
#[derive(Debug, Clone)]
struct Raw {
    shape: usize,
    inputs: usize,
    manner: (u8, u8),
    values: Vec<Option<i64>>,
    tasks: Vec<Vec<u8>>,
    steps: Vec<(u8, u8, u8, Vec<u8>)>,
}

impl Raw {
    fn draw(style: Style, draw: &mut Draw<'_>) -> Self {
        let value = |draw: &mut Draw<'_>| match draw.weighted(&[19, 1]) {
            1 if style.missing => None,
            1 => Some(0),
            _ => Some(draw.below(8) as i64),
        };
        Raw {
            shape: draw.below(if style.circles { SHAPES.len() } else { SHAPES.len() - 1 }),
            inputs: 1 + draw.below(MOST_INPUTS),
            manner: (draw.byte(), draw.byte()),
            values: (0..MOST_INPUTS).map(|_| value(draw)).collect(),
            tasks: draw.list(1..10, |draw| draw.list(0..12, Draw::byte)),
            steps: draw
                .list(1..style.steps, |draw| (draw.byte(), draw.byte(), draw.byte(), draw.list(0..8, Draw::byte))),
        }
    }
}

/// A random scenario of this style.
pub(crate) fn scenario(style: Style, draw: &mut Draw<'_>) -> Scenario {
    Decoder::new(style, Raw::draw(style, draw)).scenario()
}

/// Reads a scenario off its genes.
struct Decoder {
    style: Style,
    shape: GraphShape,
    inputs: u32,
    last: u32,
    raw: Raw,
}

impl Decoder {
    fn new(style: Style, raw: Raw) -> Self {
        let inputs = raw.inputs as u32;
        Decoder { style, shape: SHAPES[raw.shape], inputs, last: inputs + raw.tasks.len() as u32 - 1, raw }
    }

    fn scenario(&self) -> Scenario {
        let Raw { inputs, manner: (kind, work), values, tasks: genes, .. } = &self.raw;
        let mut tasks = vec![None; *inputs];
        tasks.extend((self.inputs..).zip(genes).map(|(key, genes)| Some(self.task(Name(key), genes))));
        if self.shape == GraphShape::FanIn {
            tasks[self.last as usize] = Some(Expr::Sum(self.shape.pool(self.last, self.inputs)));
        }
        let values = (0..self.inputs).map(Name).zip(values);
        let values: BTreeMap<Name, i64> = values.filter_map(|(key, value)| Some((key, (*value)?))).collect();
        let steps = self.history();
        // Without work outside a build does not stop before its end.
        let stops = steps.iter().any(|step| matches!(step, Step::Drop { .. } | Step::Crash { .. }));
        let manner = Manner {
            signed: kind & 1 == 1,
            dated: (self.style.races || self.style.clocks) && kind & 2 == 2,
            work: (kind & 4 == 4 || stops).then_some(u64::from(*work)),
            jobs: 1 + usize::from(kind >> 3) % 3,
            keep_going: kind & 32 == 32,
            combines: Combines::ALL[usize::from(kind >> 6)],
        };
        Scenario { graph: Graph { tasks }, inputs: values, steps, manner }
    }

    fn task(&self, key: Name, genes: &[u8]) -> Expr {
        let pool = self.shape.pool(key.0, self.inputs);
        let everything: Vec<Name> = (0..=self.last).map(Name).collect();
        let branch = if self.shape == GraphShape::Circles { &everything } else { &pool };
        Genes(genes.iter()).task(Ingredients { style: self.style, pool: &pool, branch })
    }

    /// The steps. Where combinations take turns, another one takes over before every fourth step or so, and once at least.
    fn history(&self) -> Vec<Step> {
        let (combinations, genes) = (self.style.combinations, &self.raw.steps);
        let (mut history, mut at_work, mut turns) = (Vec::new(), 0, 0);
        for (number, genes @ &(kind, which, value, _)) in genes.iter().enumerate() {
            let late = turns == 0 && number == self.raw.steps.len() / 2;
            if combinations > 1 && (kind % 4 == 3 || late) {
                turns += 1;
                at_work = (at_work + 1 + usize::from(which) % (combinations - 1)) % combinations;
                history.push(Step::Switch { to: at_work, keeps_scheduler: value % 3 == 0 });
            }
            history.extend(self.steps(genes));
        }
        history
    }

    /// A step; before a build that is disturbed an edit, or it would have nothing to do as often as not.
    fn steps(&self, genes: &(u8, u8, u8, Vec<u8>)) -> Vec<Step> {
        let (step, &(_, which, value, _)) = (self.step(genes), genes);
        let edit = Step::Edit { key: Name(u32::from(which) % self.inputs), value: i64::from(value / 8 % 8) };
        match step {
            Step::Drop { .. } | Step::Crash { .. } | Step::Race { .. } => vec![edit, step],
            step => vec![step],
        }
    }

    fn step(&self, &(kind, which, value, ref genes): &(u8, u8, u8, Vec<u8>)) -> Step {
        let Decoder { style, inputs, last, .. } = *self;
        let input = Name(u32::from(which) % inputs);
        let any = Name(u32::from(which) % (last + 1));
        let task = Name(inputs + u32::from(which) % (last + 1 - inputs));
        let edited = i64::from(value % 8);
        let target = |gene: u8| Name(last - u32::from(gene) % (last + 1));
        let everything = || (0..=last).map(Name).collect();
        // Few: a build that has little to do is over soon.
        let after = u32::from(value % 6 / 2);
        let polls = 1 + after;
        // What is simple comes first: a counterexample is made smaller by making its numbers smaller.
        match kind {
            48..52 if style.collects => Step::Collect(u64::from(value % 4)),
            0..52 => Step::Edit { key: input, value: edited },
            52..80 => Step::Build(vec![target(0)]),
            80..135 => Step::Build(vec![target(which % 4)]),
            135..145 => Step::Build(everything()),
            145..157 => Step::Build(genes.iter().map(|&gene| target(gene)).chain([target(which)]).collect()),
            157..171 => Step::Revert,
            171..174 => Step::Same(input),
            174..178 if style.touches => Step::Touch(input),
            178..183 => Step::Lose(task),
            183..189 if style.missing => Step::Delete(input),
            189..201 if style.formulas => Step::Formula { key: task, task: self.task(task, genes) },
            201..205 if style.formulas => Step::Unformula(task),
            205..209 if style.formulas => Step::Edit { key: any, value: edited },
            209..217 if style.overwrites => Step::Overwrite { key: task, value: edited },
            217..221 if style.volatile => Step::Pass,
            221..227 if style.restarts => Step::Restart,
            227..231 if style.faults => Step::Drop { targets: everything(), polls },
            231..235 if style.faults => Step::Crash { targets: everything(), polls, lost: usize::from(value / 6) },
            235..238 if style.faults => Step::Rot(value),
            238..241 if style.faults => Step::Evict(task),
            241..246 if style.races => Step::Race { targets: everything(), after, key: input, value: edited },
            246..248 if style.clocks => Step::SetBack(u64::from(value)),
            248..250 if style.exchanges => Step::Exchange { key: task, task: self.task(task, genes) },
            250..252 if style.exchanges && value % 2 == 0 => Step::PutJournalAside,
            250..252 if style.exchanges => Step::TakeJournalBack,
            252..254 if style.exchanges => Step::Restock { key: input, value: edited },
            _ => Step::Build(vec![target(0)]),
        }
    }
}
