//! The player: performs a script on a build system, step by step, and finds the moment at which it goes wrong.
//!
//! Nothing about the outcome is written down in a scene. After each build, what the target holds is compared
//! with a build from scratch; work is compared with what was done before.
//!
//! It is played in the laboratory's [`World`], by its keys, against its [`Truth`]. What is the gallery's own: what a reader
//! sees after each step (`watch`, `show`), and what is called wrong (`fault` says why). The laboratory's own performance
//! judges tasks that are data, and ends with the first law that is broken; scenes go on, and some of their tasks lie.

mod fault;
mod last;
mod play_log;
mod scene_script;
mod show;
mod truth;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error;
use std::fmt::Display;

use alacarte_conformance::broken::twist::Twisted;
use alacarte_conformance::{Computed, Name, Truth, World, quietly};
use alacarte_core::{Build, BuildError, Decision, Power, Rebuilder, Rules, Scheduler, Schedules};

pub use fault::{Held, SceneFault};
pub use last::LastTraces;
pub use play_log::Visit;
pub use scene_script::{Judge, ReadingMoment, SceneAct, SceneStep, Script, list};
pub use show::Panel;

use play_log::{Log, Note, Watch};
use truth::from_scratch;

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
#[non_exhaustive]
pub struct ScenePart {
    /// Which part.
    pub role: Role,
    /// What it is made of.
    pub system: &'static str,
    /// Why it goes as it does: for the wrong one at the moment at which it goes wrong, for the right one at the end.
    pub why: &'static str,
}

/// What a build system did with a script.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Performance {
    /// Its part.
    pub part: ScenePart,
    /// Every step.
    pub steps: Vec<PlayedStep>,
}

impl Performance {
    /// The first step at which something is wrong.
    pub fn moment(&self) -> Option<usize> {
        moment(&self.steps)
    }
}

/// The first step at which something is wrong.
pub fn moment(steps: &[PlayedStep]) -> Option<usize> {
    steps.iter().position(|step| !step.faults.is_empty())
}

/// One step, as it went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlayedStep {
    /// What happened.
    pub does: String,
    /// What one should see.
    pub says: &'static str,
    /// Whether a build came to its end.
    pub built: bool,
    /// What was taken from the queue in such a build, and what became of it.
    pub visits: Vec<Visit>,
    /// Every key with what it holds afterwards.
    pub store: Vec<Held>,
    /// What the build system remembers afterwards.
    pub metadata: Vec<Panel>,
    /// What is wrong.
    pub faults: Vec<SceneFault>,
}

/// A scheduler and a rebuilder of any kind.
pub type Strategies = (Box<dyn Scheduler>, Box<dyn Rebuilder<Name, i64>>);

/// The tasks of a scene, in its world.
pub type SceneTasks<P> = fn(World) -> Rules<Name, i64, P>;

/// A build system under observation.
type Built<P> = Build<Name, i64, Rules<Name, i64, P>, World, Twisted, Box<dyn Rebuilder<Name, i64>>>;

const NOTHING: [Name; 0] = [];

/// Performs a script on a build system made of these parts.
///
/// # Errors
/// If a build from scratch fails, which none of our scripts is about.
pub fn perform<P: Power>(
    script: &Script,
    part: ScenePart,
    tasks: SceneTasks<P>,
    scheduler: impl Schedules<P> + 'static,
    rebuilder: impl Rebuilder<Name, i64> + 'static,
) -> Result<Performance, BuildError<Name>> {
    let steps = script.play(tasks, (Box::new(scheduler), Box::new(rebuilder)))?;
    Ok(Performance { part, steps })
}

/// Does this with somebody's strategies: that they fail, or panic, is a fault of theirs.
pub fn attempt<T, E: Display>(act: impl FnOnce() -> Result<T, E>) -> Result<T, SceneFault> {
    match quietly(act) {
        Ok(done) => done.map_err(|error| SceneFault::Failed(error.to_string().replace('\n', "; "))),
        Err(panic) => Err(SceneFault::Failed(format!("a panic: {panic}"))),
    }
}

impl Script {
    /// Every step, as it goes with these strategies. (Whether the scheduler can order these tasks is found out by the build.)
    ///
    /// # Errors
    /// If a build from scratch fails.
    pub fn play<P: Power>(
        &self,
        tasks: SceneTasks<P>,
        (scheduler, rebuilder): Strategies,
    ) -> Result<Vec<PlayedStep>, BuildError<Name>> {
        let world = World::new(true);
        world.set_clock(0);
        self.inputs.iter().for_each(|&(key, value)| world.write(key, Some(value)));
        let log = Log::default();
        let decided = log.clone();
        let mut build = Build::new(tasks(world.clone()), world.clone())
            .with_scheduler(Twisted::of(scheduler, Watch(log.clone())))
            .with_rebuilder(rebuilder)
            .with_observer(move |_, key, decision| decided.borrow_mut().push(Note::Decided(key, decision.clone())));
        let truths = |targets: &[Name]| -> Result<Vec<Truth>, BuildError<Name>> {
            let apart = self.coin.iter().map(|&side| world.apart(side));
            apart.map(|world| from_scratch(tasks(world.clone()), world, targets)).collect()
        };
        let targets = self.targets();
        let mut earlier = Earlier::default();
        let mut steps = Vec::new();
        for step in self.steps {
            let (mut built, mut visits, mut faults) = (false, Vec::new(), Vec::new());
            for act in step.acts {
                let SceneAct::Build(target) = *act else {
                    faults.extend(attempt(|| happen(act, &world, &mut build)).err());
                    continue;
                };
                // What a build may give is what the files hold as it begins, or as it ends.
                let mut before = truths(&[target])?;
                log.borrow_mut().clear();
                let report = match attempt(|| build.run([target])) {
                    Ok(report) => report,
                    Err(failed) => {
                        faults.push(failed);
                        continue;
                    }
                };
                built = true;
                let notes = log.borrow();
                visits.extend(play_log::visits(&notes, &build.keys(), |key| build.get(key)));
                let looked = notes.iter().filter_map(|note| match note {
                    Note::Decided(key, Decision::Kept | Decision::Restored | Decision::Ran { .. }) => {
                        Some(*build.keys().name(*key))
                    }
                    _ => None,
                });
                let mut may = [before.clone(), truths(&[target])?].concat();
                faults.extend(fault::value(target, build.get(target), &mut may));
                let ran = build.names(&report.ran);
                faults.extend(earlier.judge(self.judge, target, &ran, looked.collect(), &mut before[0]));
            }
            let held = |key| world.read(key).or_else(|| build.get(key));
            let store = fault::store(&world, &targets, &mut truths(&targets)?, held);
            let metadata = show::panels(build.metadata(), &build.keys());
            steps.push(PlayedStep { does: step.to_string(), says: step.says, built, visits, store, metadata, faults });
        }
        Ok(steps)
    }
}

/// Anything but a build happens, and is noticed.
fn happen<P: Power>(act: &SceneAct, world: &World, build: &mut Built<P>) -> Result<(), Box<dyn Error>> {
    match *act {
        SceneAct::Build(_) => {}
        SceneAct::Edit { key, value } => world.write(key, Some(value)),
        SceneAct::EditMeanwhile { moment, key, value } => world.plan(moment as u32, key, value),
        SceneAct::Touch(key) => world.touch(key),
        SceneAct::Lose(keys) => keys.iter().try_for_each(|key| build.remove(key).map(drop))?,
        SceneAct::Evict(keys) => {
            let values = keys.iter().filter_map(|&key| Some((key, build.get(key)?)));
            values.for_each(|(key, value)| world.evict(key, value));
        }
        SceneAct::Clock(to) => world.set_clock(to),
        SceneAct::Turn => world.pass(),
    }
    if !build.metadata().is_empty() {
        // A build of nothing only looks at what has changed.
        build.run(NOTHING)?;
    }
    Ok(())
}

/// What was done in earlier builds. (The laws remember of each key the last time; what a scene asks is whether it was *ever* done.)
#[derive(Default)]
struct Earlier {
    /// What each task ran on.
    ran: BTreeMap<Name, HashSet<Vec<(Name, i64)>>>,
    /// For which terminal inputs each target was brought up to date.
    built: BTreeMap<Name, HashSet<BTreeSet<(Name, i64)>>>,
}

impl Earlier {
    fn judge(
        &mut self,
        judge: Judge,
        target: Name,
        ran: &[Name],
        mut looked: BTreeSet<Name>,
        truth: &mut Truth,
    ) -> Vec<SceneFault> {
        let mut again = Vec::new();
        for &key in ran {
            let fetched = truth.of(key).fetched.clone();
            let on: Vec<_> = fetched.into_iter().filter_map(|key| Some((key, truth.value(key)?))).collect();
            if !self.ran.entry(key).or_default().insert(on.clone()) {
                again.push(SceneFault::Again { key, on });
            }
        }
        let below = truth.reach(&[target]).into_iter();
        let inputs = below.filter_map(|key| {
            let Computed { value, fetched, .. } = truth.of(key);
            fetched.is_empty().then_some((key, (*value)?))
        });
        let known = !self.built.entry(target).or_default().insert(inputs.collect());
        looked.remove(&target);
        match judge {
            Judge::Work => again,
            Judge::Depth if known && !looked.is_empty() => {
                vec![SceneFault::Looked { target, between: looked.into_iter().collect() }]
            }
            Judge::Depth | Judge::Values => Vec::new(),
        }
    }
}
