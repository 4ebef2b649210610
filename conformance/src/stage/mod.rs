//! The stage: performs a scenario on a real build system, and judges every build.

mod play;
mod stepping;
mod telling;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use alacarte_core::{Build, Rebuilder, Scheduler, Schedules};

use crate::faults::{CacheFault, Flaw, JournalLie, Shelf};
use crate::laws::{Decided, Promises};
use crate::name::Name;
use crate::onlooker::Onlooker;
use crate::program::{Declares, Program};
use crate::script::{Scenario, Step};
use crate::setters::setters;
use crate::test_journal::TestJournal;

use crate::world::World;

/// A scheduler and a rebuilder, made anew for every build system; of any kind, unless their types are named.
#[non_exhaustive]
pub struct Combination<'c, S = Box<dyn Scheduler>, R = Box<dyn Rebuilder<Name, i64>>> {
    /// What a report calls it.
    pub name: String,
    /// Makes them.
    pub make: Box<dyn Fn() -> (S, R) + 'c>,
    /// What it promises.
    pub promises: Promises,
}

impl<S, R> fmt::Debug for Combination<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut combination = f.debug_struct("Combination");
        combination.field("name", &self.name).field("promises", &self.promises).finish_non_exhaustive()
    }
}

impl<'c, S, R> Combination<'c, S, R> {
    /// What this makes, which promises that, under this name.
    pub fn new(name: impl Into<String>, promises: Promises, make: impl Fn() -> (S, R) + 'c) -> Self {
        Combination { name: name.into(), make: Box::new(make), promises }
    }

    /// The same, but for what it promises.
    #[must_use]
    pub fn with_promises(self, promises: Promises) -> Self {
        Combination { promises, ..self }
    }
}

/// How a performance differs from what the scenario says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup {
    /// The journal forgets everything.
    pub forgetful: bool,
    /// Every build is done by a new process.
    pub restarting: bool,
    /// Only the laws of these names are judged, and of the relations only those.
    pub only: Option<&'static [&'static str]>,
    /// What is wrong with what the journal gives back, if anything is.
    pub lie: Option<JournalLie>,
    /// Whether builds share traces through a cache, with which fault if any. Then a new process is a new machine,
    /// without a journal.
    pub cache: Option<CacheFault>,
    /// What is wrong with the world in which it is played, if anything is.
    pub flaw: Option<Flaw>,
}

setters! {
    Setup:
    with_forgetful(forgetful: bool);
    with_restarting(restarting: bool);
    with_only(only: Option<&'static [&'static str]>);
    with_lie(lie: Option<JournalLie>);
    with_cache(cache: Option<CacheFault>);
    with_flaw(flaw: Option<Flaw>);
}

/// What one build of a performance did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Played {
    /// The tasks that ran.
    pub ran: BTreeSet<Name>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// The values of the targets, if it did.
    pub values: Vec<Option<i64>>,
    /// Whether something happened in the middle of it: it was given up, or an input was edited.
    pub midway: bool,
}

/// A law was broken: the whole counterexample.
#[derive(Clone)]
#[non_exhaustive]
pub struct Broken {
    /// The name of the law.
    pub law: &'static str,
    /// Graph, steps, what was expected and what came, to be read by a person.
    pub counterexample: String,
    /// How many scenarios were played until it was found.
    pub cases: u64,
    /// The seed of the scenario in which it was found, before that was made smaller.
    pub seed: u64,
}

impl Broken {
    /// This law was broken by the first scenario that was played, as this counterexample shows.
    pub fn new(law: &'static str, counterexample: impl Into<String>) -> Self {
        Broken { law, counterexample: counterexample.into(), cases: 1, seed: 0 }
    }

    /// The same; so many scenarios were played until it was found.
    #[must_use]
    pub fn with_cases(self, cases: u64) -> Self {
        Broken { cases, ..self }
    }

    /// The same; it was found in the scenario of this seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Broken { seed, ..self }
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.counterexample)
    }
}

type Built<P, S, R> = Build<Name, i64, Program<P>, World, S, R, TestJournal>;

/// A build system under observation.
struct Stage<'c, P, S, R> {
    /// Always there, but while its parts are exchanged.
    build: Option<Built<P, S, R>>,
    combinations: &'c [Combination<'c, S, R>],
    /// The one whose rebuilder is at work,
    current: usize,
    /// and the one whose scheduler is.
    scheduling: usize,
    /// What the present combination promises.
    promises: Promises,
    /// Whether the scheduler knows the order beforehand.
    declares: bool,
    scenario: &'c Scenario,
    setup: Setup,
    world: World,
    journal: TestJournal,
    shelf: Shelf,
    inputs: BTreeMap<Name, i64>,
    /// What lay in the store when the last build began, and what somebody wrote to it since.
    lay: BTreeMap<Name, i64>,
    /// What every key held after the last build.
    held: BTreeMap<Name, Option<i64>>,
    /// Outputs that somebody wrote, and no build since: they lie in the store, whichever process looks.
    scribbled: BTreeMap<Name, i64>,
    /// Keys that no build has vouched for since the journal was damaged: a store in memory may have lost their values with it,
    /// or that they were lost.
    unsure: BTreeSet<Name>,
    /// The journal was damaged before its end.
    scarred: bool,
    /// The journal was not read since the process began.
    unread: bool,
    /// The journal was put aside.
    aside: bool,
    /// The tasks were exchanged for a collection of tasks without definitions.
    anonymous: bool,
    last_edit: Option<(Name, Option<i64>)>,
    onlooker: Onlooker,
    decisions: Rc<RefCell<Vec<Decided>>>,
    /// What restarted tasks wait for, in the order of the restarts.
    waits: Rc<RefCell<Vec<Name>>>,
    /// The targets of the last build, if it succeeded and nothing has happened since.
    settled: Option<Vec<Name>>,
    /// What happened, if it is to be told.
    counterexample: Option<RefCell<Vec<String>>>,
}

/// The steps of a scenario, with the names of the combinations that take over.
pub(crate) fn script<S, R>(scenario: &Scenario, combinations: &[Combination<'_, S, R>]) -> String {
    scenario.told(|to| combinations[to].name.clone())
}

/// Performs a scenario, the first combination beginning.
///
/// # Errors
/// If a build breaks a law.
pub fn perform<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Vec<Played>, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    // Nearly all performances obey every law; only of those that do not the counterexample is wanted, and they are played again.
    attempt::<P, S, R>(scenario, combinations, setup, false).or_else(|silent| {
        attempt::<P, S, R>(scenario, combinations, setup, true)?;
        Err(Broken {
            counterexample: format!(
                "{scenario}\n{}\n{}\nIt fails only now and then.",
                script(scenario, combinations),
                silent.counterexample
            ),
            ..silent
        })
    })
}

fn attempt<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
    told: bool,
) -> Result<Vec<Played>, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let world = World::flawed(scenario.manner.dated, setup.flaw);
    let program = Program::<P>::new(scenario.graph.clone(), scenario.manner, world.clone());
    let mut stage = Stage {
        build: None,
        combinations,
        current: 0,
        scheduling: 0,
        promises: combinations[0].promises,
        declares: false,
        scenario,
        setup,
        world,
        journal: match setup.lie {
            _ if setup.forgetful => TestJournal::forgetful(),
            Some(lie) => TestJournal::lying(lie),
            None => TestJournal::default(),
        },
        shelf: Shelf::default(),
        inputs: scenario.inputs.clone(),
        lay: BTreeMap::new(),
        held: BTreeMap::new(),
        scribbled: BTreeMap::new(),
        unsure: BTreeSet::new(),
        scarred: false,
        unread: true,
        aside: false,
        anonymous: false,
        last_edit: None,
        onlooker: Onlooker::default(),
        decisions: Rc::default(),
        waits: Rc::default(),
        settled: None,
        counterexample: told.then(|| vec![scenario.to_string(), format!("Under {}:", combinations[0].name)].into()),
    };
    for key in scenario.graph.keys() {
        if scenario.graph.task(key).is_none() {
            stage.onlooker.see(key, scenario.inputs.get(&key).copied());
        }
    }
    stage.start(program);
    let mut played = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        if let Some(counterexample) = &stage.counterexample {
            counterexample.borrow_mut().push(format!(
                "{:>3}. {}",
                number + 1,
                step.told(|to| combinations[to].name.clone())
            ));
        }
        match step {
            Step::Build(targets) => played.push(stage.play(targets, None)?),
            Step::Race { targets, after, key, value } => played.push(stage.race(targets, *after, *key, *value)?),
            Step::Drop { targets, polls } => played.push(stage.play(targets, Some(*polls))?),
            Step::Crash { targets, polls, lost } => {
                played.push(stage.play(targets, Some(*polls))?);
                stage.crash(*lost);
            }
            step => stage.take(step),
        }
    }
    Ok(played)
}
