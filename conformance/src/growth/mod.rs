//! How fast does a cost grow?
//!
//! A law may hold of every build and the builds still be of no use, because twice the keys take four times the work. So
//! here are *families* of graphs and histories, one member for each size ([`families`]), and a law: what a member costs,
//! counted and never timed, is at most [`FACTOR`] times what the member of half its size does. (Twice the work is 2; a
//! sort's logarithm adds a little; the square of the size would be 4.)
//!
//! Counted are what a build does and what its parts search through: how often a task is polled, a rebuilder asked, a key
//! fetched, a task restarted; what the journal is told; and the steps of all searches ([`alacarte_core::steps_taken`]).

mod counted_tasks;
mod counting;
mod families;

pub use counted_tasks::{FetchManner, SumTask, SumTasks};
pub use counting::{Cost, measure_play};
pub use families::families;

use std::fmt;

use alacarte_core::{Rebuilder, Schedules, Static};

/// Keys are numbers; what they mean is the family's choice.
pub type Number = u32;

/// A graph and a history for each size.
#[derive(Debug)]
#[non_exhaustive]
pub struct Family {
    /// What a report calls it.
    pub name: &'static str,
    /// The member of this size.
    pub of: fn(Number) -> Play,
    /// The rebuilders that run, one after the other, what a task fetches one by one: a restarting scheduler owes that task a
    /// restart for each, and nothing is promised of the two together.
    pub discovers: &'static [&'static str],
}

impl Family {
    /// Graphs and histories under this name.
    pub const fn new(name: &'static str, of: fn(Number) -> Play) -> Self {
        Family { name, of, discovers: &[] }
    }

    /// The same; these rebuilders run, one after the other, what a task fetches.
    #[must_use]
    pub const fn with_discovers(self, discovers: &'static [&'static str]) -> Self {
        Family { discovers, ..self }
    }
}

/// A graph and what happens to it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Play {
    /// The tasks to begin with.
    pub tasks: Vec<(Number, SumTask)>,
    /// The inputs to begin with.
    pub inputs: Vec<(Number, i64)>,
    /// What happens, in order.
    pub acts: Vec<Act>,
    /// A build stops at the first failure.
    pub stops: bool,
}

/// One thing that happens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Act {
    /// An input is edited.
    Set {
        /// The input.
        key: Number,
        /// What it holds then.
        value: i64,
    },
    /// An input is deleted.
    Remove(Number),
    /// A task is replaced, or is new; without one, the key becomes an input.
    Replace {
        /// The key.
        key: Number,
        /// Its task.
        task: Option<SumTask>,
    },
    /// A build of these targets.
    Build(Vec<Number>),
}

/// The sizes that are compared.
pub const SIZES: [Number; 3] = [64, 128, 256];

/// How many times as much twice the size may cost.
pub const FACTOR: f64 = 2.4;

/// What is not worth comparing.
const SMALL: u64 = 100;

/// A cost that grows faster than its input.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outgrown {
    /// The family.
    pub family: &'static str,
    /// What was counted.
    pub count: &'static str,
    /// Of which build: its place in the history, or `None` for all of them together, where longer histories have more builds.
    pub build: Option<usize>,
    /// How much it was at each of [`SIZES`].
    pub counted: Vec<u64>,
}

impl fmt::Display for Outgrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outgrown { family, count, build, counted } = self;
        write!(f, "{family}: {count} of ")?;
        match build {
            Some(build) => write!(f, "build {build}")?,
            None => write!(f, "all builds")?,
        }
        write!(f, " at sizes {SIZES:?} are {counted:?}")
    }
}

/// Plays a family at every size, with what `make` makes; whatever grows too fast.
pub fn outgrown<S, R>(family: &Family, make: &dyn Fn() -> (S, R)) -> Vec<Outgrown>
where
    S: Schedules<Static>,
    R: Rebuilder<Number, i64>,
{
    let costs: Vec<Vec<Cost>> = SIZES.iter().map(|&size| measure_play::<S, R>(&(family.of)(size), make())).collect();
    // Where a larger member has more builds, they are compared together.
    let apart = costs.iter().all(|builds| builds.len() == costs[0].len());
    let builds: Vec<(Option<usize>, Vec<Cost>)> = if apart {
        (0..costs[0].len()).map(|build| (Some(build), costs.iter().map(|builds| builds[build]).collect())).collect()
    } else {
        vec![(None, costs.iter().map(|builds| builds.iter().copied().sum()).collect())]
    };
    let mut found = Vec::new();
    for (build, costs) in builds {
        for (at, (count, _)) in Cost::default().counts().into_iter().enumerate() {
            let counted: Vec<u64> = costs.iter().map(|cost| cost.counts()[at].1).collect();
            if counted.windows(2).any(|pair| pair[1] as f64 > FACTOR * pair[0] as f64 + SMALL as f64) {
                found.push(Outgrown { family: family.name, count, build, counted });
            }
        }
    }
    found
}
