//! Pools: each bounds how much outside work is done at once, and admits the futures that wait for a permit, those of the highest
//! priority first; of equal ones, first come, first served.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use rustc_hash::FxBuildHasher;

use crate::waits::Ticket;

/// The pool that bounds all outside work.
pub(crate) const JOBS: usize = 0;

pub(crate) struct Pool {
    pub name: String,
    pub depth: usize,
    pub free: usize,
    /// The futures that wait for a permit.
    queue: BinaryHeap<Waiting>,
    /// How many have waited.
    came: u64,
}

/// A future that waits for a permit: the greatest goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    priority: u64,
    came: Reverse<u64>,
    ticket: Ticket,
}

impl Pool {
    fn new(name: String, depth: usize) -> Self {
        Pool { name, depth, free: depth, queue: BinaryHeap::new(), came: 0 }
    }

    /// Whether some future waits for a permit, or did and has been given up.
    pub fn is_awaited(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The one of those that wait whose turn it is; it does not wait here any more.
    pub fn next(&mut self) -> Option<Ticket> {
        self.queue.pop().map(|waiting| waiting.ticket)
    }
}

pub(crate) struct Pools {
    pools: Vec<Pool>,
    /// The number of each pool that was added.
    numbers: HashMap<String, usize, FxBuildHasher>,
    /// A permit came back, or somebody waits for a free one, since this was last asked.
    pub freed: bool,
}

impl Pools {
    pub fn new() -> Self {
        Pools { pools: vec![Pool::new("jobs".into(), 1)], numbers: HashMap::default(), freed: false }
    }

    /// Adds a pool; the depth of one that was added before by this name, with another depth.
    pub fn add(&mut self, name: String, depth: usize) -> Result<(), usize> {
        match self.find(&name).map(|pool| self.pools[pool].depth) {
            Some(first) if first == depth => Ok(()),
            Some(first) => Err(first),
            None => {
                self.numbers.insert(name.clone(), self.pools.len());
                self.pools.push(Pool::new(name, depth));
                Ok(())
            }
        }
    }

    /// A build begins, with so many jobs: all permits are free.
    pub fn begin(&mut self, jobs: usize) {
        self.pools[JOBS].depth = jobs;
        for pool in &mut self.pools {
            pool.free = pool.depth;
            pool.queue.clear();
        }
        self.freed = false;
    }

    /// The number of the pool that was added by this name. (The first pool is that of all outside work, whatever others are
    /// called.)
    pub fn find(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pools.len()
    }

    /// The pool with this number.
    pub fn get(&mut self, pool: usize) -> &mut Pool {
        &mut self.pools[pool]
    }

    /// A future waits for a permit.
    pub fn wait(&mut self, pool: usize, priority: u64, ticket: Ticket) {
        let pool = &mut self.pools[pool];
        pool.came += 1;
        pool.queue.push(Waiting { priority, came: Reverse(pool.came), ticket });
        self.freed |= pool.free > 0;
    }

    /// A free permit is taken.
    pub fn take(&mut self, pool: usize) {
        self.pools[pool].free -= 1;
    }

    /// A permit comes back.
    pub fn give_back(&mut self, pool: usize) {
        self.pools[pool].free += 1;
        self.freed = true;
    }

    /// Whether any job is underway.
    pub fn is_working(&self) -> bool {
        self.pools[JOBS].free < self.pools[JOBS].depth
    }
}
