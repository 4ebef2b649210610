//! What is right: a build from scratch, in a world of its own.
//!
//! The laboratory's oracle evaluates tasks that are data. A scene's tasks are Rust, as a user writes them, and some are dishonest
//! on purpose, so that the engine has to run them; in a build that remembers nothing there is nothing else for it to do.

use std::collections::{BTreeMap, BTreeSet};

use alacarte_conformance::{Name, World};
use alacarte_core::{Build, BuildError, Power, Rules};
use alacarte_metadata::DirtyBits;
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::Suspending;

/// What a build from scratch gives.
#[derive(Debug, Clone)]
pub struct Truth {
    /// What each key holds that was reached.
    pub values: BTreeMap<Name, i64>,
    /// What each task fetched.
    pub fetched: BTreeMap<Name, Vec<(Name, i64)>>,
}

impl Truth {
    /// Computes it.
    ///
    /// # Errors
    /// If a task fails.
    pub fn of<P: Power>(
        tasks: Rules<Name, i64, P>,
        world: World,
        targets: &BTreeSet<Name>,
    ) -> Result<Self, BuildError> {
        let mut build = Build::new(tasks, world).scheduler(Suspending::new()).rebuilder(DirtyBit);
        build.run(targets)?;
        let keys = build.keys().clone();
        let values = keys.iter().filter_map(|(_, key)| Some((*key, build.get(key)?)));
        let values: BTreeMap<Name, i64> = values.collect();
        let graph = build.metadata().read::<DirtyBits>().graph();
        let fetched = keys.iter().filter_map(|(id, key)| {
            let fetched = graph.dependencies(id)?.map(|(id, _)| *keys.name(id));
            Some((*key, fetched.filter_map(|key| Some((key, *values.get(&key)?))).collect()))
        });
        Ok(Truth { fetched: fetched.collect(), values })
    }

    /// The inputs below a key, with what they hold.
    pub fn terminal_inputs(&self, key: Name) -> BTreeSet<(Name, i64)> {
        let mut inputs = BTreeSet::new();
        let (mut todo, mut met) = (vec![key], BTreeSet::new());
        while let Some(key) = todo.pop() {
            match self.fetched.get(&key) {
                _ if !met.insert(key) => {}
                Some(fetched) => todo.extend(fetched.iter().map(|&(key, _)| key)),
                None => inputs.extend(self.values.get(&key).map(|&value| (key, value))),
            }
        }
        inputs
    }
}
