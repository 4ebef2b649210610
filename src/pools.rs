//! Pools: each bounds how much outside work is done at once, and admits the futures that wait for a permit, first come, first
//! served.

use std::collections::{HashMap, VecDeque};

use rustc_hash::FxBuildHasher;

use crate::waits::Ticket;

/// The pool that bounds all outside work.
pub(crate) const JOBS: usize = 0;

pub(crate) struct Pool {
    pub name: String,
    pub depth: usize,
    pub free: usize,
    /// The futures that wait for a permit.
    pub queue: VecDeque<Ticket>,
}

pub(crate) struct Pools {
    pools: Vec<Pool>,
    /// The number of each pool that was added.
    numbers: HashMap<String, usize, FxBuildHasher>,
    /// A permit came back since this was last asked.
    pub freed: bool,
    /// How many permits are held, of all pools.
    pub held: usize,
}

impl Pools {
    pub fn new() -> Self {
        let jobs = Pool { name: "jobs".into(), depth: 1, free: 1, queue: VecDeque::new() };
        Pools { pools: vec![jobs], numbers: HashMap::default(), freed: false, held: 0 }
    }

    /// Adds a pool; the depth of one that was added before by this name, with another depth.
    pub fn add(&mut self, name: String, depth: usize) -> Result<(), usize> {
        match self.find(&name).map(|pool| self.pools[pool].depth) {
            Some(first) if first == depth => Ok(()),
            Some(first) => Err(first),
            None => {
                self.numbers.insert(name.clone(), self.pools.len());
                self.pools.push(Pool { name, depth, free: depth, queue: VecDeque::new() });
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
        (self.freed, self.held) = (false, 0);
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

    /// A free permit is taken.
    pub fn take(&mut self, pool: usize) {
        self.pools[pool].free -= 1;
        self.held += 1;
    }

    /// A permit comes back.
    pub fn give_back(&mut self, pool: usize) {
        self.pools[pool].free += 1;
        self.held -= 1;
        self.freed = true;
    }

    /// Whether any job is underway.
    pub fn is_working(&self) -> bool {
        self.pools[JOBS].free < self.pools[JOBS].depth
    }
}
