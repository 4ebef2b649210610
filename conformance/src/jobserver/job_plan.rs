//! Trees of processes: what each is to run, all of a small scope, and random ones.

use std::fmt;
use std::ops::Range;

use super::discipline::Discipline;
use crate::draw::Draw;

/// What a process is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProcessPlan {
    /// It keeps to the other one of the two disciplines that play.
    pub other: bool,
    /// It needs the lock from its beginning to its end. (There is one lock.)
    pub locks: bool,
    /// The processes that it runs, all at once if it may; without any it is a command, which works.
    pub children: Vec<ProcessPlan>,
}

/// Which plans a server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanScope {
    /// How many processes there are beneath it.
    pub processes: usize,
    /// Some may need the lock.
    pub locks: bool,
    /// Some may keep to the other discipline.
    pub others: bool,
}

impl PlanScope {
    /// Plans of so many processes, which all keep to one discipline and need no lock.
    pub const fn new(processes: usize) -> Self {
        PlanScope { processes, locks: false, others: false }
    }

    /// The same; some may need the lock.
    #[must_use]
    pub const fn with_locks(self, locks: bool) -> Self {
        PlanScope { locks, ..self }
    }

    /// The same; some may keep to the other discipline.
    #[must_use]
    pub const fn with_others(self, others: bool) -> Self {
        PlanScope { others, ..self }
    }
}

/// A tree of processes that share some jobs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessTree {
    /// So many may work at once.
    pub jobs: u8,
    /// So many processes are killed at most.
    pub kills: u8,
    /// What a killed process has started lives on; else it is killed, too.
    pub orphans: bool,
    /// What most processes do, the server among them, and what the others do.
    pub disciplines: [Discipline; 2],
    /// What the server is to do.
    pub plan: ProcessPlan,
}

/// A process of a tree, which has a number: parents come before their children, the server first.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub parent: usize,
    pub children: Vec<usize>,
    /// It, and all beneath it.
    pub all: Range<usize>,
    pub discipline: Discipline,
    pub locks: bool,
}

impl ProcessPlan {
    /// A command.
    pub fn command() -> Self {
        ProcessPlan::default()
    }

    /// A process that runs these.
    pub fn running(children: impl IntoIterator<Item = ProcessPlan>) -> Self {
        ProcessPlan { children: children.into_iter().collect(), ..ProcessPlan::default() }
    }

    /// The same; it needs the lock.
    #[must_use]
    pub fn locking(self) -> Self {
        ProcessPlan { locks: true, ..self }
    }

    /// The same, by the other discipline.
    #[must_use]
    pub fn other(self) -> Self {
        ProcessPlan { other: true, ..self }
    }

    /// Every plan of a scope. (Nobody needs the lock beneath one that has it.)
    pub fn every(scope: PlanScope) -> Vec<ProcessPlan> {
        let PlanScope { processes, locks, others } = scope;
        forests(processes, locks, others).into_iter().map(ProcessPlan::running).collect()
    }

    pub(super) fn drawn(draw: &mut Draw<'_>, depth: usize, may_lock: bool) -> Self {
        let locks = may_lock && draw.weighted(&[3, 1]) == 1;
        let other = draw.below(2) == 1;
        let most = [5, 4, 3, 1][depth.min(3)];
        ProcessPlan {
            other,
            locks,
            children: draw.list(0..most, |draw| ProcessPlan::drawn(draw, depth + 1, may_lock && !locks)),
        }
    }

    fn add(&self, parent: usize, disciplines: [Discipline; 2], nodes: &mut Vec<Node>) -> usize {
        let number = nodes.len();
        let discipline = disciplines[usize::from(self.other)];
        nodes.push(Node { parent, children: Vec::new(), all: 0..0, discipline, locks: self.locks });
        let children = self.children.iter().map(|child| child.add(number, disciplines, nodes)).collect();
        nodes[number].children = children;
        nodes[number].all = number..nodes.len();
        number
    }
}

/// Lists of processes, so many with all that is beneath them.
fn forests(processes: usize, locks: bool, others: bool) -> Vec<Vec<ProcessPlan>> {
    if processes == 0 {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for first in 1..=processes {
        for plan in trees(first, locks, others) {
            for rest in forests(processes - first, locks, others) {
                found.push([vec![plan.clone()], rest].concat());
            }
        }
    }
    found
}

fn trees(processes: usize, may_lock: bool, others: bool) -> Vec<ProcessPlan> {
    let mut found = Vec::new();
    for locks in [false, true].into_iter().filter(|locks| may_lock || !locks) {
        // What a command does that needs no lock is the same by every discipline.
        let differs = others && (locks || processes > 1);
        for other in [false, true].into_iter().filter(|other| differs || !other) {
            let forests = forests(processes - 1, may_lock && !locks, others);
            found.extend(forests.into_iter().map(|children| ProcessPlan { other, locks, children }));
        }
    }
    found
}

impl ProcessTree {
    /// A tree in which all keep to one discipline, and nobody is killed.
    pub fn new(jobs: u8, discipline: Discipline, plan: ProcessPlan) -> Self {
        ProcessTree { jobs, kills: 0, orphans: false, disciplines: [discipline; 2], plan }
    }

    /// The same; some keep to another discipline.
    #[must_use]
    pub fn beside(mut self, other: Discipline) -> Self {
        self.disciplines[1] = other;
        self
    }

    /// The same, by these disciplines.
    #[must_use]
    pub fn with_disciplines(self, disciplines: [Discipline; 2]) -> Self {
        ProcessTree { disciplines, ..self }
    }

    /// The same; so many processes are killed at most, each with all that it has started.
    #[must_use]
    pub fn with_kills(self, kills: u8) -> Self {
        ProcessTree { kills, ..self }
    }

    /// The same; what a killed process has started lives on.
    #[must_use]
    pub fn with_orphans(self) -> Self {
        ProcessTree { orphans: true, ..self }
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.plan.add(0, self.disciplines, &mut nodes);
        nodes
    }
}

/// The name of a process: `top` is the server, the others have letters.
pub(super) fn name(process: usize) -> String {
    match process {
        0 => "top".into(),
        1..=26 => char::from(b'a' + (process - 1) as u8).to_string(),
        _ => format!("p{process}"),
    }
}

impl fmt::Display for ProcessTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = if self.jobs == 1 { "1 job".into() } else { format!("{} jobs", self.jobs) };
        write!(f, "{jobs}")?;
        for (number, node) in self.nodes().iter().enumerate() {
            let children: Vec<String> = node.children.iter().map(|&child| name(child)).collect();
            let what = if children.is_empty() { "works".into() } else { format!("runs {}", children.join(", ")) };
            let lock = if node.locks { " under the lock" } else { "" };
            let differ = self.disciplines[0] != self.disciplines[1];
            let other = if differ && node.discipline == self.disciplines[1] { " (the other discipline)" } else { "" };
            write!(f, "; {} {what}{lock}{other}", name(number))?;
        }
        Ok(())
    }
}
