//! What is right: a build from scratch, in a copy of the world, that runs every task.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{Answer, Build, BuildError, Metadata, Power, Question, Reason, Rebuilder, Rules};
use alacarte_metadata::DependencyGraph;
use alacarte_schedulers::Suspending;

use super::world::{Key, Window, World};

/// What a build from scratch gives.
#[derive(Debug, Clone)]
pub struct Truth {
    /// What each key holds that was reached.
    pub values: BTreeMap<Key, i64>,
    /// What each task fetched.
    pub fetched: BTreeMap<Key, Vec<(Key, i64)>>,
}

/// Runs every task, and remembers what each fetched.
struct FromScratch;

impl Rebuilder<Key, i64> for FromScratch {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DependencyGraph>();
    }

    fn ask(&self, _: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Run(Reason::Always))
    }
}

impl Truth {
    /// Computes it.
    ///
    /// # Errors
    /// If a task fails.
    pub fn of<P: Power>(tasks: Rules<Key, i64, P>, world: Rc<World>, targets: &[Key]) -> Result<Self, BuildError<Key>> {
        let mut build = Build::new(tasks, Window(world)).with_scheduler(Suspending::new()).with_rebuilder(FromScratch);
        build.run(targets)?;
        let keys = build.keys().clone();
        let values = keys.iter().filter_map(|(_, key)| Some((*key, build.get(key)?)));
        let values: BTreeMap<Key, i64> = values.collect();
        let graph: &DependencyGraph = build.metadata().read();
        let fetched = keys.iter().filter_map(|(id, key)| {
            let fetched = graph.dependencies(id)?.map(|fetched| *keys.name(fetched.key));
            Some((*key, fetched.filter_map(|key| Some((key, *values.get(key)?))).collect()))
        });
        Ok(Truth { fetched: fetched.collect(), values })
    }

    /// The inputs below a key, with what they hold.
    pub fn terminal_inputs(&self, key: Key) -> BTreeSet<(Key, i64)> {
        let mut inputs = BTreeSet::new();
        let (mut todo, mut met) = (vec![key], BTreeSet::new());
        while let Some(key) = todo.pop() {
            match self.fetched.get(key) {
                _ if !met.insert(key) => {}
                Some(fetched) => todo.extend(fetched.iter().map(|&(key, _)| key)),
                None => inputs.extend(self.values.get(key).map(|&value| (key, value))),
            }
        }
        inputs
    }
}
