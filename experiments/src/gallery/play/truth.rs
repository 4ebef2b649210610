//! What is right: a build from scratch, in a world of its own.
//!
//! The laboratory's oracle evaluates tasks that are data. A scene's tasks are Rust, as a user writes them, and some are dishonest
//! on purpose, so that the engine has to run them; in a build that remembers nothing there is nothing else for it to do.

use alacarte_conformance::{Computed, Name, Truth, World};
use alacarte_core::{Build, BuildError, Power, Rules};
use alacarte_metadata::DirtyBits;
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::Suspending;

/// What a build from scratch gives.
///
/// # Errors
/// If a task fails.
pub fn from_scratch<P: Power>(
    tasks: Rules<Name, i64, P>,
    world: World,
    targets: &[Name],
) -> Result<Truth, BuildError<Name>> {
    let mut build = Build::new(tasks, world).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
    build.run(targets)?;
    let (keys, graph) = (build.keys(), build.metadata().read::<DirtyBits>().graph());
    let outcomes = keys.iter().map(|(id, key)| {
        let fetched = graph.dependencies(id).into_iter().flatten().map(|fetched| *keys.name(fetched.key)).collect();
        (*key, Computed::new(build.get(key), fetched))
    });
    Ok(Truth::recorded(outcomes.collect()))
}
