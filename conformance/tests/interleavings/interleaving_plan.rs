//! Tasks as lists of what they do, with their work in a controlled world; and what they should come to.

use super::common::Key;
use super::interleaving_watch::Watch;
use alacarte_conformance::Outside;
use alacarte_core::{Dynamic, Fetch, Result, Running, TaskError, Tasks};
use futures::future::LocalBoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// One thing that a task does.
#[derive(Debug, Clone)]
pub enum Do {
    /// Work, in one of the job slots.
    Work,
    /// Work in a named pool.
    In(&'static str),
    /// Work on a thread.
    Thread,
    /// Fetches a group.
    Fetch(Vec<Key>),
    /// Fetches a key, and fails if its value is odd.
    Mind(Key),
    /// Fetches a key, of which only the parity counts: most changes stop here.
    Parity(Key),
    /// Does both at once.
    Both(Vec<Do>, Vec<Do>),
    /// Detaches a key.
    Detach(Key),
}

pub fn fetch<const N: usize>(keys: [Key; N]) -> Do {
    Do::Fetch(keys.into())
}

/// Tasks, and what the inputs hold at the beginning. A key's value is 1 and the sum of what it fetches.
#[derive(Debug, Clone)]
pub struct Plan {
    pub tasks: Rc<BTreeMap<Key, Vec<Do>>>,
    pub inputs: BTreeMap<Key, i64>,
    pub target: Key,
    pub jobs: usize,
    pub pools: Vec<(&'static str, usize)>,
    pub keep_going: bool,
}

impl Plan {
    /// The last task is the target.
    pub fn new<const T: usize, const I: usize>(tasks: [(Key, Vec<Do>); T], inputs: [(Key, i64); I]) -> Self {
        let target = tasks[T - 1].0;
        let (tasks, inputs) = (Rc::new(tasks.into()), inputs.into());
        Plan { tasks, inputs, target, jobs: 1, pools: Vec::new(), keep_going: false }
    }

    pub fn with_jobs(&self, jobs: usize) -> Self {
        Plan { jobs, ..self.clone() }
    }

    pub fn with_pool(mut self, pool: &'static str, depth: usize) -> Self {
        self.pools.push((pool, depth));
        self
    }

    pub fn keep_going(&self) -> Self {
        Plan { keep_going: true, ..self.clone() }
    }

    /// What a key should hold; nothing if it fails.
    pub fn value(&self, key: Key) -> Option<i64> {
        match self.tasks.get(key) {
            None => self.inputs.get(key).copied(),
            Some(steps) => Some(1 + self.sum(steps)?),
        }
    }

    fn sum(&self, steps: &[Do]) -> Option<i64> {
        let values = steps.iter().map(|step| match step {
            Do::Fetch(keys) => keys.iter().map(|key| self.value(key)).sum(),
            Do::Mind(key) => self.value(key).filter(|value| value % 2 == 0),
            Do::Parity(key) => self.value(key).map(|value| value % 2),
            Do::Both(left, right) => Some(self.sum(left)? + self.sum(right)?),
            Do::Work | Do::In(_) | Do::Thread | Do::Detach(_) => Some(0),
        });
        values.sum()
    }

    /// What a task detaches.
    pub fn detached(&self, key: Key) -> BTreeSet<Key> {
        let (mut fetched, mut all) = (BTreeSet::new(), BTreeSet::new());
        mentions(&self.tasks[key], false, &mut |key| fetched.extend([key]));
        mentions(&self.tasks[key], true, &mut |key| all.extend([key]));
        all.difference(&fetched).copied().collect()
    }

    /// The tasks that these keys need; with those that are detached, if asked for.
    pub fn reach(&self, keys: impl IntoIterator<Item = Key>, detached: bool) -> BTreeSet<Key> {
        let mut reached = BTreeSet::new();
        let mut todo: Vec<Key> = keys.into_iter().collect();
        while let Some(key) = todo.pop() {
            if let Some(steps) = self.tasks.get(key)
                && reached.insert(key)
            {
                mentions(steps, detached, &mut |key| todo.push(key));
            }
        }
        reached
    }
}

fn mentions(steps: &[Do], detached: bool, each: &mut dyn FnMut(Key)) {
    for step in steps {
        match step {
            Do::Fetch(keys) => keys.iter().for_each(|key| each(key)),
            Do::Mind(key) | Do::Parity(key) => each(key),
            Do::Detach(key) if detached => each(key),
            Do::Both(left, right) => {
                mentions(left, detached, each);
                mentions(right, detached, each);
            }
            Do::Work | Do::In(_) | Do::Thread | Do::Detach(_) => {}
        }
    }
}

/// The tasks of a plan, working under watch. They declare what they mention, so that every scheduler can order them.
#[derive(Clone)]
pub struct Working {
    pub tasks: Rc<BTreeMap<Key, Vec<Do>>>,
    pub outside: Outside,
    pub watch: Watch,
}

impl Working {
    fn go<'t>(&'t self, key: Key, steps: &'t [Do], fetch: Fetch<'t, Key, i64>) -> LocalBoxFuture<'t, Result<i64>> {
        Box::pin(async move {
            let mut sum = 0;
            for step in steps {
                sum += match step {
                    Do::Work => {
                        let want = self.watch.want("");
                        let work = async move {
                            drop(want);
                            self.outside.work(key).await;
                        };
                        fetch.work(work).await;
                        0
                    }
                    Do::In(pool) => {
                        let want = self.watch.want(pool);
                        let work = async move {
                            drop(want);
                            self.outside.work(format!("{pool}/{key}")).await;
                        };
                        fetch.work_in(pool, work).await;
                        0
                    }
                    Do::Thread => {
                        let want = self.watch.want("");
                        let work = async move {
                            drop(want);
                            self.outside.on_thread(key, || 0).await
                        };
                        fetch.work(work).await?
                    }
                    Do::Fetch(keys) if keys.len() == 1 => fetch.get(keys[0]).await?,
                    Do::Fetch(keys) => fetch.all(keys).await?.into_iter().sum(),
                    Do::Mind(key) => match fetch.get(key).await? {
                        odd if odd % 2 != 0 => return Err(TaskError::new(format!("{key} is odd"))),
                        even => even,
                    },
                    Do::Parity(key) => fetch.get(key).await? % 2,
                    Do::Both(left, right) => {
                        let (left, right) = futures::join!(self.go(key, left, fetch), self.go(key, right, fetch));
                        left? + right?
                    }
                    Do::Detach(key) => {
                        fetch.detach(key);
                        0
                    }
                };
            }
            Ok(sum)
        })
    }
}

impl Tasks<Key, i64> for Working {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        self.tasks.contains_key(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        let (key, steps) = (*key, &self.tasks[key]);
        Running::Future(Box::pin(async move { Ok(1 + self.go(key, steps, fetch).await?) }))
    }

    fn declared(&self, key: &Key, each: &mut dyn FnMut(&Key)) -> bool {
        mentions(&self.tasks[key], false, &mut |key| each(&key));
        true
    }
}
