//! The player: performs a script on a build system, step by step, and finds the moment at which it goes wrong.
//!
//! Nothing about the outcome is written down in a scene. After each build, what the target holds is compared
//! with a build from scratch; work is compared with what was done before.

mod fault;
mod last;
mod script;
mod show;
mod truth;
mod watch;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use alacarte_core::{Build, BuildError, Decision, Power, Rebuilder, Rules, Schedules};

pub use fault::{Fault, Held};
pub use last::LastTraces;
pub use script::{Act, Judge, Script, Step};
pub use show::Panel;
pub use truth::Truth;
pub use watch::Visit;
pub use world::{Key, Moment, World};

use watch::{Log, Note, Watched};
use world::Window;

/// Which part a build system plays in a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It goes wrong.
    Wrong,
    /// It gets it right.
    Right,
}

/// A build system's part in a scene, and what is to be said of it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Which part.
    pub role: Role,
    /// What it is made of.
    pub system: &'static str,
    /// Why it goes as it does: for the wrong one at the moment at which it goes wrong, for the right one at the end.
    pub why: &'static str,
}

/// What a build system did with a script.
#[derive(Debug, Clone)]
pub struct Performance {
    /// Its part.
    pub part: Part,
    /// Every step.
    pub steps: Vec<Played>,
}

impl Performance {
    /// The first step at which something is wrong.
    pub fn moment(&self) -> Option<usize> {
        self.steps.iter().position(|step| !step.faults.is_empty())
    }
}

/// One step, as it went.
#[derive(Debug, Clone)]
pub struct Played {
    /// What happened.
    pub does: String,
    /// What one should see.
    pub says: &'static str,
    /// Whether anything was built.
    pub built: bool,
    /// What was taken from the queue, and what became of it.
    pub visits: Vec<Visit>,
    /// Every key with what it holds afterwards.
    pub store: Vec<Held>,
    /// What the build system remembers afterwards.
    pub metadata: Vec<Panel>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

const NOTHING: [Key; 0] = [];

/// Performs a script on a build system made of these parts.
///
/// # Errors
/// If a build fails, which none of our scripts is about.
pub fn perform<P, S, R>(
    script: &Script,
    part: Part,
    tasks: fn(Rc<World>) -> Rules<Key, i64, P>,
    scheduler: S,
    rebuilder: R,
) -> Result<Performance, BuildError<Key>>
where
    P: Power,
    S: Schedules<P>,
    R: Rebuilder<Key, i64>,
{
    let world = World::new(script.inputs);
    let log = Log::default();
    let decided = log.clone();
    let mut build = Build::new(tasks(world.clone()), Window(world.clone()))
        .with_scheduler(Watched { inner: scheduler, log: log.clone() })
        .with_rebuilder(rebuilder)
        .observe(move |_, key, decision| decided.borrow_mut().push(Note::Decided(key, decision.clone())));
    let truths = |world: &World, targets: &[Key]| -> Result<Vec<Truth>, BuildError<Key>> {
        script.coin.iter().map(|&side| Truth::of(tasks(world.copy(side)), world.copy(side), targets)).collect()
    };
    let targets = script.targets();
    let mut onlooker = Onlooker::default();
    let mut steps = Vec::new();
    for step in script.steps {
        let (mut visits, mut faults) = (Vec::new(), Vec::new());
        for act in step.acts {
            let Act::Build(target) = *act else {
                act.happen(&world);
                if !build.metadata().is_empty() {
                    // A build of nothing: it only looks at what has changed.
                    build.run(NOTHING)?;
                }
                continue;
            };
            // What a build may give is what the files hold as it begins, or as it ends.
            let before = truths(&world, &[target])?;
            log.borrow_mut().clear();
            let report = build.run([target])?;
            let both = [before.clone(), truths(&world, &[target])?].concat();
            let ran = build.names(&report.ran);
            let notes = log.borrow();
            visits.extend(watch::visits(&notes, &build.keys(), |key| build.get(key)));
            let keys = build.keys();
            let looked = notes.iter().filter_map(|note| match note {
                Note::Decided(key, Decision::Kept | Decision::Restored | Decision::Ran { .. }) => {
                    Some(*keys.name(*key))
                }
                _ => None,
            });
            faults.extend(fault::value(target, build.get(target), &both));
            faults.extend(onlooker.judge(script.judge, target, &ran, &looked.collect(), &before));
        }
        let now = truths(&world, &targets)?;
        let keys = build.keys();
        let metadata = build.metadata();
        let metadata = show::panels(metadata, &keys);
        let held = |key| if world.has_lost(key) { None } else { world.read(key).or_else(|| build.get(key)) };
        let store = fault::store(&world, &now, held);
        let built = step.acts.iter().any(|act| matches!(act, Act::Build(_)));
        steps.push(Played { does: step.to_string(), says: step.says, built, visits, store, metadata, faults });
    }
    Ok(Performance { part, steps })
}

/// Whoever watches a build system for work that it need not do.
#[derive(Default)]
struct Onlooker {
    /// What each task ran on.
    ran: BTreeMap<Key, HashSet<Vec<(Key, i64)>>>,
    /// For which terminal inputs each target was brought up to date.
    built: BTreeMap<Key, HashSet<BTreeSet<(Key, i64)>>>,
}

impl Onlooker {
    fn judge(
        &mut self,
        judge: Judge,
        target: Key,
        ran: &[Key],
        looked: &BTreeSet<Key>,
        truths: &[Truth],
    ) -> Vec<Fault> {
        let Some(truth) = truths.first() else { return Vec::new() };
        let mut again = Vec::new();
        for &key in ran {
            let on = truth.fetched.get(key).cloned().unwrap_or_default();
            if !self.ran.entry(key).or_default().insert(on.clone()) {
                again.push(Fault::Again { key, on });
            }
        }
        let known = !self.built.entry(target).or_default().insert(truth.terminal_inputs(target));
        let between: Vec<Key> = looked.iter().copied().filter(|&key| key != target).collect();
        match judge {
            Judge::Work => again,
            Judge::Depth if known && !between.is_empty() => vec![Fault::Looked { target, between }],
            Judge::Depth | Judge::Values => Vec::new(),
        }
    }
}
