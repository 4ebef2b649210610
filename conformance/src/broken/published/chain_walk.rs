//! The restarting scheduler as published: it *walks* the calc chain. Each key of the chain is started, whether
//! or not the target reaches it; one that lacks something goes to the end, what it lacks to the front if it was
//! not in the chain, and it is started again when its turn comes, whether or not that is there by then.
//!
//! Our engine cannot be made to do so: it puts a key that waits back only when it can go on. So the walk drives
//! the engine from outside. Each start is a build of that one key, in which whatever the walk has finished is
//! an input, and a fetch of anything else is refused. Every task is run: no rebuilder blurs the count.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;

use alacarte_core::{
    Build, BuildError, Cause, Dynamic, Fetch, Key, KeyId, Metadata, Plan, PlanError, Running, Scheduler, Schedules,
    Store, StoreError, Tasks, Value, WhenBlocked,
};
use alacarte_rebuilders::Perpetual;

/// The walk, and the chain that it carries from build to build.
#[derive(Debug, Clone)]
pub struct ChainWalk<K> {
    chain: Vec<K>,
}

/// A key that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkStart<K> {
    /// The key.
    pub key: K,
    /// The key for the sake of which it was given up, if it was.
    pub lacks: Option<K>,
}

/// What one walk did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Walk<K, V> {
    /// Every start, in order.
    pub starts: Vec<WalkStart<K>>,
    /// What the keys that it finished hold.
    pub values: HashMap<K, V>,
}

/// Why a walk did not end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stopped<K: Key> {
    /// A task failed.
    Failed(BuildError<K>),
    /// The keys that are left wait for each other; the published walk would go on for ever.
    Cycle,
}

impl<K: Key> fmt::Display for Stopped<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Failed(error) => write!(f, "{error}"),
            Stopped::Cycle => write!(f, "keys wait for each other; the published queue would go on for ever"),
        }
    }
}

impl<K: Key + fmt::Debug> std::error::Error for Stopped<K> {}

impl<K: Key> Default for ChainWalk<K> {
    fn default() -> Self {
        ChainWalk { chain: Vec::new() }
    }
}

impl<K: Key> ChainWalk<K> {
    /// Nothing was ever finished.
    pub fn new() -> Self {
        ChainWalk::default()
    }

    /// The keys, in the order in which they were last finished.
    pub fn chain(&self) -> &[K] {
        &self.chain
    }

    /// Builds the target, over these inputs.
    ///
    /// # Errors
    /// If a task fails, or keys wait for each other.
    pub fn build<V: Value, T: Tasks<K, V>>(
        &mut self,
        tasks: &T,
        inputs: &HashMap<K, V>,
        target: &K,
    ) -> Result<Walk<K, V>, Stopped<K>> {
        let values = RefCell::new(inputs.clone());
        let mut queue: VecDeque<K> = self.chain.iter().cloned().collect();
        if !queue.contains(target) {
            queue.push_back(target.clone());
        }
        let mut listed: HashSet<K> = queue.iter().cloned().collect();
        let mut walk = Walk { starts: Vec::new(), values: HashMap::new() };
        let mut finished = Vec::new();
        let mut idle = 0;
        while let Some(key) = queue.pop_front() {
            let lacks = start(tasks, &values, &key).map_err(Stopped::Failed)?;
            walk.starts.push(WalkStart { key: key.clone(), lacks: lacks.clone() });
            match lacks {
                None => {
                    idle = 0;
                    finished.push(key);
                }
                Some(lacks) => {
                    idle += 1;
                    if listed.insert(lacks.clone()) {
                        idle = 0;
                        queue.push_front(lacks);
                    }
                    queue.push_back(key);
                    if idle > queue.len() {
                        return Err(Stopped::Cycle);
                    }
                }
            }
        }
        self.chain = finished;
        walk.values = values.into_inner();
        Ok(walk)
    }
}

impl<K: Key + Ord, V> Walk<K, V> {
    /// How many times each key was started.
    pub fn counts(&self) -> BTreeMap<&K, usize> {
        let mut counts = BTreeMap::new();
        for start in &self.starts {
            *counts.entry(&start.key).or_default() += 1;
        }
        counts
    }
}

/// Starts one key. It ends, and its value is among the others; or else the key that it lacks is told.
fn start<K: Key, V: Value, T: Tasks<K, V>>(
    tasks: &T,
    values: &RefCell<HashMap<K, V>>,
    key: &K,
) -> Result<Option<K>, BuildError<K>> {
    let one = One { tasks, values };
    let mut build = Build::new(one, Finished { values }).with_scheduler(Only::default()).with_rebuilder(Perpetual);
    match build.run([key]) {
        Ok(_) => {
            let value = build.get(key);
            values.borrow_mut().extend(value.map(|value| (key.clone(), value)));
            Ok(None)
        }
        Err(error) => {
            let lacks = error.failures.iter().find_map(|failure| match &failure.cause {
                Cause::Undeclared { dependency } => Some(dependency),
                _ => None,
            });
            let keys = build.keys();
            let lacks = lacks.and_then(|lacks| keys.iter().find(|(_, key)| key.to_string() == *lacks));
            match lacks {
                Some((_, lacks)) => Ok(Some(lacks.clone())),
                None => Err(error),
            }
        }
    }
}

/// The tasks, but those that the walk has finished.
struct One<'w, K, V, T> {
    tasks: &'w T,
    values: &'w RefCell<HashMap<K, V>>,
}

impl<K: Key, V: Value, T: Tasks<K, V>> Tasks<K, V> for One<'_, K, V, T> {
    type Power = Dynamic;

    fn has(&self, key: &K) -> bool {
        self.tasks.has(key) && !self.values.borrow().contains_key(key)
    }

    fn run<'t>(&'t self, key: &K, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        self.tasks.run(key, fetch)
    }
}

/// What the walk has finished.
struct Finished<'w, K, V> {
    values: &'w RefCell<HashMap<K, V>>,
}

impl<K: Key, V: Value> Store<K, V> for Finished<'_, K, V> {
    fn load(&mut self, _: KeyId, key: &K) -> Result<Option<V>, StoreError> {
        Ok(self.values.borrow().get(key).cloned())
    }
}

/// Starts the target, and nothing else.
#[derive(Default)]
struct Only {
    targets: Vec<KeyId>,
}

impl Scheduler for Only {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Refuse
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.targets = plan.targets.to_vec();
        Ok(())
    }

    fn push(&mut self, _: KeyId, _: &Metadata) {}

    fn pop(&mut self) -> Option<KeyId> {
        self.targets.pop()
    }
}

impl Schedules<Dynamic> for Only {}
