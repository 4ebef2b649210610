//! Topological: every key after all keys that it may fetch.
//!
//! The order is known before the build begins, from what the tasks declare, and is kept as long as neither
//! targets nor tasks change. In a later build, a rebuilder that knows the keys which can be out of date lets
//! this scheduler visit those alone: it takes them in topological order, and every key that changes points out
//! its dependents. Then a build costs what the change affects, whatever the size of the graph.
//!
//! What is declared is built, whether or not a task fetches it in the end. So a build fails with a declared key that
//! fails, even if it lies in a branch that nobody takes: to wait whether somebody fetches it would be to go on after a
//! failure that nearly always is one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use alacarte_core::{Declared, KeyId, Metadata, Plan, PlanError, Problem, Scheduler, Schedules, Static, WhenBlocked};

/// Dependencies first; a task that blocks is an error.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("D", formula(["C", "B"], |[c, b]| c + b))
///     .rule("C", formula(["B"], |[b]| b * 2))
///     .rule("B", formula(["A"], |[a]| a + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Topological::new()).with_rebuilder(DirtyBit);
/// let report = build.run(["D"])?;
/// // Every task runs after the tasks that it may fetch, so none of them waits.
/// assert_eq!(build.names(&report.ran), ["B", "C", "D"]);
/// assert_eq!((report.restarts, report.suspended), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot order a task that does not declare what it fetches, so this does not compile:
///
/// ```compile_fail,E0277
/// # use alacarte::prelude::*;
/// let tasks = Rules::new().rule("B", task(async |fetch| fetch.get("A").await));
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Topological::new()).with_rebuilder(DirtyBit);
/// build.run(["B"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Topological {
    targets: Vec<KeyId>,
    generation: Option<u64>,
    order: Vec<KeyId>,
    /// Each key's place in `order`, and [`UNPLANNED`] for keys that have none.
    ranks: Vec<u32>,
    /// How much of `order` has been visited.
    next: usize,
    /// Keys to be visited at their rank: suspects, and those that waited.
    queue: BinaryHeap<Reverse<u32>>,
    /// Keys that no target reaches: demanded by detached work.
    unplanned: Vec<KeyId>,
    completed: bool,
}

const UNPLANNED: u32 = u32::MAX;

impl Topological {
    /// A scheduler for one build system.
    pub fn new() -> Self {
        Topological::default()
    }

    fn rank(&self, key: KeyId) -> u32 {
        self.ranks.get(key.index()).copied().unwrap_or(UNPLANNED)
    }

    fn is_ordered(&self, targets: &[KeyId], generation: u64) -> bool {
        self.generation == Some(generation) && self.targets == targets
    }

    fn order(&mut self, plan: &mut Plan<'_>) -> Result<(), PlanError> {
        self.generation = None;
        self.order.clear();
        self.ranks.clear();
        let mut sort = Sort::default();
        let mut refused = false;
        for &target in plan.targets {
            if let Err(error) = sort.visit(target, plan, &mut self.order) {
                if !plan.keeps_going {
                    return Err(error);
                }
                refused = true;
                sort.give_up(plan, error);
            }
        }
        self.ranks.resize(sort.marks.len(), UNPLANNED);
        for (rank, key) in self.order.iter().enumerate() {
            self.ranks[key.index()] = rank as u32;
        }
        self.targets = plan.targets.to_vec();
        // What was refused is refused again by the next build.
        self.generation = (!refused).then_some(plan.generation);
        Ok(())
    }
}

impl Scheduler for Topological {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Refuse
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.queue.clear();
        self.unplanned.clear();
        // A build that is given up is never finished.
        self.completed = false;
        self.next = self.order.len();
        if !self.is_ordered(plan.targets, plan.generation) {
            self.order(plan)?;
        }
        match plan.suspects {
            Some(suspects) => {
                self.next = self.order.len();
                for &key in suspects {
                    self.suspect(key);
                }
            }
            None => self.next = 0,
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, key: KeyId, _: &Metadata) {
        match self.rank(key) {
            UNPLANNED => self.unplanned.push(key),
            rank => self.queue.push(Reverse(rank)),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<KeyId> {
        if let Some(Reverse(rank)) = self.queue.pop() {
            return Some(self.order[rank as usize]);
        }
        let key = self.order.get(self.next).copied();
        self.next += 1;
        // Last, when every key that has a place is as it will be.
        key.or_else(|| self.unplanned.pop())
    }

    fn finish(&mut self, complete: bool) {
        self.completed = complete;
    }

    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        self.completed && self.is_ordered(targets, generation)
    }

    fn precedes(&self, key: KeyId) -> bool {
        // A key may be demanded before its turn, by detached work. (Suspects are all visited in their turn; a key that
        // has no place in the order comes after all that do.)
        (self.rank(key) as usize) < self.next
    }

    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.rank(key) == UNPLANNED || self.rank(dependency) < self.rank(key)
    }

    fn suspect(&mut self, key: KeyId) {
        let rank = self.rank(key);
        if rank != UNPLANNED {
            self.queue.push(Reverse(rank));
        }
    }
}

impl Schedules<Static> for Topological {}

/// A depth-first topological sort that keeps its own stack.
#[derive(Default)]
struct Sort {
    marks: Vec<Mark>,
    /// The keys on the way down from the target, each with where its dependencies lie in `pending` and how many
    /// were visited.
    path: Vec<(KeyId, usize, usize)>,
    pending: Vec<KeyId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the path from the target.
    Open,
    Done,
    /// It has no task, and no place in the order.
    Input,
    /// There is no order for it, or for a key that it may fetch.
    Refused,
}

impl Sort {
    fn mark(&mut self, key: KeyId) -> &mut Mark {
        if key.index() >= self.marks.len() {
            self.marks.resize(key.index() + 1, Mark::New);
        }
        &mut self.marks[key.index()]
    }

    fn visit(&mut self, target: KeyId, plan: &mut Plan<'_>, order: &mut Vec<KeyId>) -> Result<(), PlanError> {
        match *self.mark(target) {
            Mark::New => self.enter(target, plan)?,
            // A target below another has been told of.
            Mark::Refused => return Ok(()),
            Mark::Open | Mark::Done | Mark::Input => {}
        }
        if *self.mark(target) == Mark::Input {
            // An input as a target is visited too, so that its lack of a value is noticed.
            *self.mark(target) = Mark::Done;
            order.push(target);
        }
        while let Some(&mut (key, start, ref mut visited)) = self.path.last_mut() {
            let Some(&next) = self.pending.get(start + *visited) else {
                self.pending.truncate(start);
                self.path.pop();
                *self.mark(key) = Mark::Done;
                order.push(key);
                continue;
            };
            *visited += 1;
            match *self.mark(next) {
                Mark::Done | Mark::Input => {}
                Mark::New => self.enter(next, plan)?,
                Mark::Open => return Err(self.cycle(next)),
                Mark::Refused => return Err(PlanError::new(key, Problem::Needs(next))),
            }
        }
        Ok(())
    }

    /// There is no order for the keys on the path: each is refused, the first for this reason.
    fn give_up(&mut self, plan: &mut Plan<'_>, error: PlanError) {
        let mut below = error.key;
        *self.mark(below) = Mark::Refused;
        let circle = if let Problem::Cycle(path) = &error.problem { path.clone() } else { Vec::new() };
        plan.refuse(error);
        for around in circle.windows(2).skip(1) {
            *self.mark(around[0]) = Mark::Refused;
            plan.refuse(PlanError::new(around[0], Problem::Needs(around[1])));
        }
        while let Some((key, ..)) = self.path.pop() {
            if std::mem::replace(self.mark(key), Mark::Refused) != Mark::Refused {
                plan.refuse(PlanError::new(key, Problem::Needs(below)));
            }
            below = key;
        }
        self.pending.clear();
    }

    /// Puts a key on the path, unless it is an input, which needs no place in the order.
    fn enter(&mut self, key: KeyId, plan: &mut Plan<'_>) -> Result<(), PlanError> {
        let start = self.pending.len();
        match plan.declared(key, &mut self.pending) {
            Declared::Input => {
                *self.mark(key) = Mark::Input;
                Ok(())
            }
            Declared::Static => {
                *self.mark(key) = Mark::Open;
                self.path.push((key, start, 0));
                Ok(())
            }
            Declared::Dynamic => Err(PlanError::new(key, Problem::Dynamic)),
        }
    }

    fn cycle(&self, again: KeyId) -> PlanError {
        let on_path = self.path.iter().map(|&(key, ..)| key);
        let mut path: Vec<KeyId> = on_path.skip_while(|&key| key != again).collect();
        // Told from the key that was met first, whichever way the circle was entered.
        let first = (0..path.len()).min_by_key(|&at| path[at]).unwrap_or(0);
        path.rotate_left(first);
        path.push(path[0]);
        PlanError::new(path[0], Problem::Cycle(path))
    }
}
