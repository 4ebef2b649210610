//! Every interleaving of a small tree, by its states; random ones of larger trees; and the smallest story in which a law is broken.

use std::collections::HashMap;
use std::fmt;

use super::job_plan::{PlanScope, ProcessPlan, ProcessTree};
use super::job_state::{Act, Machine, Move, State};
use super::law::{JobLaw, has_ended};
use crate::draw::{Draw, Drawn, smallest};
use crate::outside::Seeded;

/// More moves in a row than the protocol makes between two that come from outside.
const PATIENCE: usize = 1_000;

/// A law is broken: how it came to that.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Story {
    /// The law.
    pub law: JobLaw,
    /// The tree of processes.
    pub tree: ProcessTree,
    /// What happened, and what was there then.
    pub steps: Vec<String>,
    /// What is wrong in the end.
    pub wrong: String,
    moves: Vec<Move>,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.tree)?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>3}. {step}")?;
        }
        write!(f, "The law `{}` is broken: {}", self.law.name(), self.wrong)
    }
}

impl Story {
    fn new(tree: &ProcessTree, moves: &[Move], law: JobLaw, wrong: String) -> Self {
        let mut machine = Machine::new(tree);
        let told = |&next: &Move| {
            let does = machine.told(next);
            machine.make(next);
            format!("{does} ({machine})")
        };
        let steps = moves.iter().map(told).collect();
        Story { law, tree: tree.clone(), steps, wrong, moves: moves.to_vec() }
    }
}

/// How a state was come by: from which one, by which move.
type Come = Option<(usize, Move)>;

/// Walks through every state that a tree can come to, the nearest first, and judges each by these laws. How many states there are.
///
/// # Errors
/// The shortest story that breaks a law; of a deadlock, one that leads to where no end can be reached from.
///
/// # Panics
/// If there are more states than `bound`: what is not judged is not silently left out.
pub fn every_state(tree: &ProcessTree, laws: &[JobLaw], bound: usize) -> Result<usize, Box<Story>> {
    let mut machine = Machine::new(tree);
    let mut known: HashMap<State, usize> = HashMap::from([(machine.state.clone(), 0)]);
    let mut states = vec![machine.state.clone()];
    let mut come: Vec<Come> = vec![None];
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut ends = Vec::new();
    let mut at = 0;
    while at < states.len() {
        machine.state = states[at].clone();
        let wrong = laws.iter().find_map(|&law| Some((law, law.broken(&machine)?)));
        if let Some((law, wrong)) = wrong {
            return Err(Box::new(Story::new(tree, &moves_to(at, &come), law, wrong)));
        }
        if has_ended(&machine) {
            ends.push(at);
        }
        for next in machine.moves() {
            machine.state = states[at].clone();
            machine.make(next);
            let number = *known.entry(machine.state.clone()).or_insert(states.len());
            if number == states.len() {
                assert!(number < bound, "there are more than {bound} states: {tree}");
                states.push(machine.state.clone());
                come.push(Some((at, next)));
                before.push(Vec::new());
            }
            before[number].push(at);
            machine.state = states[at].clone();
        }
        at += 1;
    }
    // What an end can be reached from.
    let mut good = vec![false; states.len()];
    while let Some(state) = ends.pop() {
        if !std::mem::replace(&mut good[state], true) {
            ends.extend(&before[state]);
        }
    }
    match good.iter().position(|good| !good).filter(|_| laws.contains(&JobLaw::NoDeadlock)) {
        Some(lost) => {
            let wrong = "from here on not all can come to their end".into();
            Err(Box::new(Story::new(tree, &moves_to(lost, &come), JobLaw::NoDeadlock, wrong)))
        }
        None => Ok(states.len()),
    }
}

fn moves_to(mut at: usize, come: &[Come]) -> Vec<Move> {
    let mut moves = Vec::new();
    while let Some((from, by)) = come[at] {
        moves.push(by);
        at = from;
    }
    moves.reverse();
    moves
}

/// A walk by these choices; where they end, by the first of each. What breaks a law first, by which moves.
fn walk(tree: &ProcessTree, choices: &[usize], laws: &[JobLaw]) -> Result<(), Box<Story>> {
    let (mut machine, mut made) = (Machine::new(tree), Vec::new());
    loop {
        let wrong = laws.iter().find_map(|&law| Some((law, law.broken(&machine)?)));
        if let Some((law, wrong)) = wrong {
            return Err(Box::new(Story::new(tree, &made, law, wrong)));
        }
        let moves = machine.moves();
        // (Kills come by choice only.)
        let first = moves.iter().position(|next| next.act != Act::Kill).unwrap_or_default();
        let choice = choices.get(made.len()).map_or(first, |choice| choice % moves.len().max(1));
        match moves.get(choice) {
            Some(&next) if made.len() < PATIENCE => {
                machine.make(next);
                made.push(next);
            }
            _ => return Ok(()),
        }
    }
}

/// A random tree, between these two disciplines, and choices.
fn drawn(
    draw: &mut Draw<'_>,
    &RandomTrees { kills, locks, .. }: &RandomTrees,
    make: &dyn Fn(ProcessPlan) -> ProcessTree,
) -> (ProcessTree, Vec<usize>) {
    let jobs = 1 + draw.below(4) as u8;
    let kills = if kills { draw.below(4) as u8 } else { 0 };
    let plan =
        ProcessPlan { children: draw.list(1..5, |draw| ProcessPlan::drawn(draw, 0, locks)), ..ProcessPlan::default() };
    let choices = draw.list(0..200, |draw| draw.below(60));
    (ProcessTree { jobs, kills, ..make(plan) }, choices)
}

/// Random trees, one a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RandomTrees {
    /// The seeds.
    pub seeds: std::ops::Range<u64>,
    /// Some processes are killed.
    pub kills: bool,
    /// Some processes need the lock.
    pub locks: bool,
}

impl RandomTrees {
    /// Trees of these seeds, in which nobody is killed or needs the lock.
    pub fn new(seeds: std::ops::Range<u64>) -> Self {
        RandomTrees { seeds, kills: false, locks: false }
    }

    /// The same; some processes are killed.
    #[must_use]
    pub fn with_kills(self, kills: bool) -> Self {
        RandomTrees { kills, ..self }
    }

    /// The same; some processes need the lock.
    #[must_use]
    pub fn with_locks(self, locks: bool) -> Self {
        RandomTrees { locks, ..self }
    }
}

/// Plays random interleavings of random trees; `make` says who keeps to which discipline.
///
/// # Errors
/// The smallest story that is found of the first law that is broken.
pub fn judge_interleavings(
    trees: &RandomTrees,
    laws: &[JobLaw],
    make: impl Fn(ProcessPlan) -> ProcessTree,
) -> Result<(), Box<Story>> {
    let generate = |draw: &mut Draw<'_>| drawn(draw, trees, &make);
    for seed in trees.seeds.clone() {
        let drawn = Drawn::from(&mut Seeded(seed), generate);
        let (tree, choices) = &drawn.value;
        if let Err(story) = walk(tree, choices, laws) {
            let law = [story.law];
            let again = |(tree, choices): &(ProcessTree, Vec<usize>)| walk(tree, choices, &law).err();
            return Err(smallest((drawn, story), 5_000, generate, again).1);
        }
    }
    Ok(())
}

/// What a story looks like when each of its steps is something that comes from outside, and the protocol has done all that it can: the tree
/// at each such moment, in words, and what is wrong there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoryStep {
    /// What comes from outside.
    pub does: String,
    /// What the protocol does upon it.
    pub then: Vec<String>,
    /// How it stands afterwards.
    pub stands: String,
    /// The law that is broken, if one is.
    pub wrong: Option<BrokenJobLaw>,
}

/// A law of the jobserver is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenJobLaw {
    /// The law.
    pub law: JobLaw,
    /// What is wrong.
    pub what: String,
}

/// Plays what comes from outside in a story once more, in a tree of the same processes whose disciplines may be others.
pub fn replay_story(story: &Story, tree: &ProcessTree, laws: &[JobLaw]) -> Vec<StoryStep> {
    let mut machine = Machine::new(tree);
    let outside = story.moves.iter().copied().filter(|next| next.is_outside());
    let mut scenes = Vec::new();
    for next in std::iter::once(None).chain(outside.map(Some)) {
        let mut does = "the build begins".to_owned();
        if let Some(next) = next.filter(|next| machine.moves().contains(next)) {
            does = machine.told(next);
            machine.make(next);
        } else if let Some(next) = next {
            does = format!("({} has happened already, or cannot)", machine.told(next));
        }
        let mut after = machine.clone();
        let told = |next| {
            let told = machine.told(next);
            machine.make(next);
            told
        };
        let then = after.settle(PATIENCE).into_iter().map(told).collect();
        let wrong = laws.iter().find_map(|&law| Some(BrokenJobLaw { law, what: law.broken(&machine)? }));
        scenes.push(StoryStep { does, then, stands: machine.to_string(), wrong });
    }
    scenes
}

/// The smallest story, of the smallest tree with at most so many processes, in which a law is broken at a moment when the protocol has done all that it can: first the
/// fewest processes, then the fewest things that come from outside.
pub fn smallest_story(scope: PlanScope, law: JobLaw, trees: impl Fn(ProcessPlan) -> Vec<ProcessTree>) -> Option<Story> {
    for processes in 1..=scope.processes {
        for tree in ProcessPlan::every(PlanScope { processes, ..scope }).into_iter().flat_map(&trees) {
            if let Some(found) = shortest(&tree, law) {
                return Some(found);
            }
        }
    }
    None
}

/// The shortest story of a tree in which a law is broken when the protocol has done all that it can.
fn shortest(tree: &ProcessTree, law: JobLaw) -> Option<Story> {
    let mut first = Machine::new(tree);
    let begun = first.settle(PATIENCE);
    let mut todo = std::collections::VecDeque::from([(first, begun)]);
    let mut known = std::collections::HashSet::new();
    while let Some((machine, made)) = todo.pop_front() {
        if let Some(wrong) = law.broken(&machine) {
            return Some(Story::new(tree, &made, law, wrong));
        }
        for next in machine.moves().into_iter().filter(|next| next.is_outside()) {
            let (mut then, mut made) = (machine.clone(), made.clone());
            then.make(next);
            made.push(next);
            made.extend(then.settle(PATIENCE));
            if known.insert(then.state.clone()) {
                todo.push_back((then, made));
            }
        }
    }
    None
}
