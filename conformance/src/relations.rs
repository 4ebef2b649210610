//! Laws that compare two performances of one scenario, or of two that ought to come to the same.

use std::rc::Rc;

use alacarte_core::{Build, Rebuilder, Schedules, WhenBlocked};

use crate::faults::{CacheFault, Lends, Shelf};
use crate::laws::{Promises, Thrift};
use crate::name::Name;
use crate::oracle::Truth;
use crate::program::{Declares, Program};
use crate::script::{Manner, Scenario, Step};
use crate::stage::{Broken, Combination, Played, Setup, perform, script};
use crate::world::World;

/// The name of a law of two performances, and what it says.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Relation {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
}

/// Each build by a new process, which knows what the journal knows, does what one process would do that lives on; as far as
/// the first build that stops at a failure, for there the two may part.
pub const WARM_IS_COLD: Relation =
    Relation { name: "warm-is-cold", says: "a new process does what one would do that lives on" };

/// Outside work that overlaps, in whatever order it ends, changes neither what is run nor what comes of it.
pub const PARALLEL_IS_SEQUENTIAL: Relation =
    Relation { name: "parallel-is-sequential", says: "many jobs at once do what one after the other would do" };

/// What several combinations did in turns is what the first alone would have come to: the values of the targets; and where
/// they differ in nothing but how they wait, all that was run.
pub const HANDOVER: Relation =
    Relation { name: "handover", says: "combinations that take turns come to what one alone comes to" };

/// What was built before an edit needs no task to run after the edit is taken back.
pub const SURVIVES_REVERT: Relation =
    Relation { name: "survives-revert", says: "an edit that was built and is taken back runs no task" };

/// What one machine has built another one, with the same inputs and a cache that both use, need not build.
pub const SHARED: Relation =
    Relation { name: "shared", says: "what one machine has built another takes from the cache that they share" };

/// Every law of two performances.
pub const RELATIONS: [Relation; 5] = [WARM_IS_COLD, PARALLEL_IS_SEQUENTIAL, HANDOVER, SURVIVES_REVERT, SHARED];

/// How much was done to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Scripts that were performed from beginning to end.
    pub scripts: u64,
    /// Builds in them.
    pub builds: u64,
    /// Tasks that ran to their end in these.
    pub runs: u64,
}

impl Tally {
    /// Of a performance.
    pub fn of(played: &[Played]) -> Self {
        let runs = played.iter().map(|played| played.ran.len() as u64).sum();
        Tally { scripts: 1, builds: played.len() as u64, runs }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.scripts += other.scripts;
        self.builds += other.builds;
        self.runs += other.runs;
    }
}

/// Judges one scenario by every law.
///
/// # Errors
/// If a law is broken.
pub fn judge_scenario<P, S, R>(scenario: &Scenario, combinations: &[Combination<'_, S, R>]) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    judge_by::<P, S, R>(scenario, combinations, Setup::default())
}

/// The same in another setup: of the laws, only those are asked that it names, if it names some.
pub(crate) fn judge_by<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let asked = |relation: Relation| setup.only.is_none_or(|only| only.contains(&relation.name));
    let (several, restores) = (combinations.len() > 1, combinations[0].promises.restores);
    let mut tally = Tally::of(&perform::<P, S, R>(scenario, combinations, setup)?);
    if asked(WARM_IS_COLD) {
        tally += warm_is_cold::<P, S, R>(scenario, combinations, setup)?;
    }
    if asked(PARALLEL_IS_SEQUENTIAL) {
        tally += parallel_is_sequential::<P, S, R>(scenario, combinations, setup)?;
    }
    if asked(HANDOVER) && several {
        tally += handover::<P, S, R>(scenario, combinations, setup)?;
    }
    if asked(SURVIVES_REVERT) && !several && restores {
        tally += survives_revert::<P, S, R>(scenario, &combinations[0])?;
    }
    if asked(SHARED) && !several && restores {
        tally += shared::<P, S, R>(scenario, &combinations[0])?;
    }
    Ok(tally)
}

/// See [`WARM_IS_COLD`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn warm_is_cold<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let scenario = &calm(scenario, scenario.manner);
    let cold = perform::<P, S, R>(scenario, combinations, Setup { restarting: true, ..setup })?;
    let warm = perform::<P, S, R>(scenario, combinations, setup)?;
    let tally = both(&warm, &cold);
    warm_as_cold(scenario, combinations, warm, cold)?;
    Ok(tally)
}

/// [`WARM_IS_COLD`] of a scenario in which some builds are by a new process: that scenario was `cold`, and is performed once
/// more by one process.
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub(crate) fn some_warm_some_cold<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    cold: Vec<Played>,
) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let steps = scenario.steps.iter().filter(|step| **step != Step::Restart).cloned().collect();
    let one_process = Scenario { steps, ..scenario.clone() };
    let warm = perform::<P, S, R>(&one_process, combinations, Setup::default())?;
    let tally = Tally::of(&warm);
    warm_as_cold(scenario, combinations, warm, cold)?;
    Ok(tally)
}

fn warm_as_cold<S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    warm: Vec<Played>,
    cold: Vec<Played>,
) -> Result<(), Broken> {
    // How far a build comes that fails because keys wait for each other in a circle, depends on the inputs that were met
    // before; one that stops at its first failure, on what need not be looked at again.
    let excused = scenario.is_circular();
    let parted = |(warm, cold): &(Played, Played)| {
        let (one, both) = (!warm.succeeded || !cold.succeeded, !warm.succeeded && !cold.succeeded);
        excused && one || !scenario.manner.keep_going && both
    };
    let pairs: Vec<(Played, Played)> = warm.into_iter().zip(cold).collect();
    let (warm, cold): (Vec<_>, Vec<_>) = pairs.iter().take_while(|pair| !parted(pair)).cloned().unzip();
    let (lives_on, anew) = (("by a process that lives on", &warm[..]), ("by a new process", &cold[..]));
    compare(WARM_IS_COLD, scenario, combinations, lives_on, anew)
}

/// See [`PARALLEL_IS_SEQUENTIAL`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn parallel_is_sequential<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    // A build that stops at the first failure has finished what ran beside it, and that may differ.
    let manner = Manner { work: scenario.manner.work.or(Some(11)), jobs: 1, keep_going: true, ..scenario.manner };
    let one = calm(scenario, manner);
    let many = Scenario { manner: Manner { jobs: 4, ..manner }, ..one.clone() };
    let sequential = perform::<P, S, R>(&one, combinations, setup)?;
    let parallel = perform::<P, S, R>(&many, combinations, setup)?;
    let (single, four) = (("one job at a time", &sequential[..]), ("four jobs at a time", &parallel[..]));
    compare(PARALLEL_IS_SEQUENTIAL, &many, combinations, single, four)?;
    Ok(both(&sequential, &parallel))
}

/// See [`HANDOVER`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn handover<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let manner = Manner { keep_going: true, ..scenario.manner };
    let alike = are_alike::<P, S, R>(combinations);
    let mut turns = calm(scenario, manner);
    if !alike {
        // A key that becomes an input holds what it held, and that may be old where it need not be brought up to date: what lies
        // below the targets of deep traces, or is declared and not fetched. So it is given a value; twice, for the last edit
        // may be taken back.
        let given = |step: Step| match step {
            Step::Unformula(key) => vec![step, Step::Edit { key, value: 1 }, Step::Edit { key, value: 0 }],
            step => vec![step],
        };
        turns.steps = turns.steps.into_iter().flat_map(given).collect();
    }
    let alone = turns.steps.iter().filter(|step| !matches!(step, Step::Switch { .. })).cloned().collect();
    let alone = Scenario { steps: alone, ..turns.clone() };
    let mut many = perform::<P, S, R>(&turns, combinations, setup)?;
    let mut one = perform::<P, S, R>(&alone, &combinations[..1], setup)?;
    let tally = both(&one, &many);
    if !alike {
        for (one, many) in one.iter_mut().zip(&mut many) {
            // Who has to run what is each one's own affair; and where a topological scheduler fails on what is only
            // declared, the others need not. That each fails when it should, the law `honest` has judged.
            if !(one.succeeded && many.succeeded) {
                *many = one.clone();
            }
            one.ran.clone_from(&many.ran);
        }
    }
    compare(HANDOVER, &turns, combinations, ("by the first alone", &one), ("by turns", &many))?;
    Ok(tally)
}

/// Whether it makes no difference to what is run which of these is at work: all promise the same, to run only what has
/// other values below it (as one rebuilder does under several schedulers); and all or none visit what is declared and not
/// fetched, as a scheduler does that knows the order beforehand.
fn are_alike<P, S, R>(combinations: &[Combination<'_, S, R>]) -> bool
where
    S: Schedules<P>,
    P: Declares,
{
    let declares = |one: &Combination<'_, S, R>| (one.make)().0.when_blocked() == WhenBlocked::Refuse;
    let manners = |one: &Combination<'_, S, R>| (Promises { starts_once: false, ..one.promises }, declares(one));
    let Promises { minimal, cutoff, .. } = combinations[0].promises;
    let first = manners(&combinations[0]);
    minimal == Thrift::Values && cutoff == Thrift::Values && combinations.iter().all(|one| manners(one) == first)
}

/// See [`SURVIVES_REVERT`]. Of the scenario only the tasks and the inputs are taken: a target is built, an input that it
/// reaches is edited, and edited back. Where there is no such target the law says nothing, and nothing is counted.
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn survives_revert<P, S, R>(scenario: &Scenario, combination: &Combination<'_, S, R>) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let Some((target, edit)) = revertible(scenario) else { return Ok(Tally::default()) };
    let build = Step::Build(vec![target]);
    let steps = vec![build.clone(), edit, build.clone(), Step::Revert, build];
    let scenario = Scenario { steps, ..scenario.clone() };
    let played = perform::<P, S, R>(&scenario, std::slice::from_ref(combination), Setup::default())?;
    if !played[2].ran.is_empty() {
        let what = format!("The last build {}", tell(&played[2]));
        return Err(broken(SURVIVES_REVERT, &scenario, &scenario.script(), &what));
    }
    Ok(Tally::of(&played))
}

/// The last target that reaches an input and gives the same whenever it is built, and an edit of that input to another
/// value; all that a build may visit succeeds, before the edit and after it.
fn revertible(scenario: &Scenario) -> Option<(Name, Step)> {
    let graph = Rc::new(scenario.graph.clone());
    let mut truth = Truth::new(&graph, &scenario.inputs, 0);
    let succeeds = |truth: &mut Truth, target| {
        let mut visited = truth.widest_reach(&[target]).into_iter();
        visited.all(|key| truth.value(key).is_some())
    };
    for target in graph.keys().rev().filter(|&target| !scenario.is_restless(target)) {
        if !succeeds(&mut truth, target) {
            continue;
        }
        let inputs: Vec<Name> = truth.reach(&[target]).into_iter().filter(|&key| !truth.has_task(key)).collect();
        let edits = inputs.iter().flat_map(|&input| (0..8).map(move |value| (input, value)));
        let fits = |&(input, value): &(Name, i64)| {
            let mut edited = scenario.inputs.clone();
            edited.insert(input, value) != Some(value) && succeeds(&mut Truth::new(&graph, &edited, 0), target)
        };
        if let Some((input, value)) = edits.filter(|&(input, _)| input != target).find(fits) {
            return Some((target, Step::Edit { key: input, value }));
        }
    }
    None
}

/// See [`SHARED`]. Of the scenario only the tasks and the inputs are taken. Of a target that fails, or is never kept, the law says
/// nothing, and nothing is counted.
///
/// # Errors
/// If it is broken.
pub fn shared<P, S, R>(scenario: &Scenario, combination: &Combination<'_, S, R>) -> Result<Tally, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let Some(target) = scenario.graph.keys().last() else { return Ok(Tally::default()) };
    let shelf = Shelf::default();
    let manner = Manner { signed: true, work: None, ..scenario.manner };
    let scenario = Scenario { manner, steps: vec![Step::Build(vec![target])], ..scenario.clone() };
    let machine = || {
        let world = World::new(manner.dated);
        world.furnish(scenario.inputs.clone());
        let (scheduler, rebuilder) = (combination.make)();
        let program = Program::<P>::new(scenario.graph.clone(), manner, world.clone());
        let build = Build::new(program, world).with_scheduler(scheduler).with_rebuilder(rebuilder);
        let mut build =
            build.with_cache(Lends { shelf: shelf.clone(), fault: CacheFault::None }).with_jobs(manner.jobs);
        let result = build.run([target]);
        let ran = result.as_ref().map_or_else(|error| &error.report.ran, |report| &report.ran);
        let ran = build.names(ran).into_iter().collect();
        let succeeded = result.is_ok();
        Played { ran, succeeded, values: result.map(|_| build.get(target)).into_iter().collect(), midway: false }
    };
    let (first, second) = (machine(), machine());
    if scenario.is_restless(target) || !first.succeeded {
        return Ok(Tally::default());
    }
    if !second.ran.is_empty() || first.values != second.values {
        let what = format!("The first machine {}; the second {}", tell(&first), tell(&second));
        return Err(broken(SHARED, &scenario, &scenario.script(), &what));
    }
    Ok(both(&[first], &[second]))
}

fn both(one: &[Played], other: &[Played]) -> Tally {
    let mut tally = Tally::of(one);
    tally += Tally::of(other);
    tally
}

/// The scenario without what depends on how far a build has come at some moment, on the very bytes of its journal, on how
/// many builds a process has done, or on what lives no longer than a process.
fn calm(scenario: &Scenario, manner: Manner) -> Scenario {
    let steps = scenario.steps.iter().flat_map(|step| match step {
        Step::Drop { targets, .. } => vec![Step::Build(targets.clone())],
        Step::Crash { targets, .. } => vec![Step::Build(targets.clone()), Step::Restart],
        Step::Rot(_) => vec![Step::Restart],
        Step::Collect(_) => vec![Step::Collect(0)],
        Step::Race { targets, key, value, .. } => {
            vec![Step::Build(targets.clone()), Step::Edit { key: *key, value: *value }]
        }
        // Tasks of another collection count as others, but not to another process.
        Step::Exchange { key, task } => vec![Step::Formula { key: *key, task: task.clone() }],
        Step::PutJournalAside | Step::TakeJournalBack => Vec::new(),
        Step::Restock { key, value } => vec![Step::Edit { key: *key, value: *value }],
        step => vec![step.clone()],
    });
    Scenario { manner, steps: steps.collect(), ..scenario.clone() }
}

/// Compares what two performances did, each of them with how it was performed.
fn compare<S, R>(
    law: Relation,
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    (how, one): (&str, &[Played]),
    (otherwise, other): (&str, &[Played]),
) -> Result<(), Broken> {
    let same = |one: &Played, other: &Played| {
        if scenario.graph.is_nondeterministic() { one.succeeded == other.succeeded } else { one == other }
    };
    let Some(at) = one.iter().zip(other).position(|(one, other)| !same(one, other)) else { return Ok(()) };
    let alike = one[..at].iter().enumerate().map(|(n, played)| format!("Build {} {}.\n", n + 1, tell(played)));
    let (first, second) = (tell(&one[at]), tell(&other[at]));
    let what = format!("{}Build {}, {how}, {first};\n{otherwise}, it {second}", alike.collect::<String>(), at + 1);
    Err(broken(law, scenario, &script(scenario, combinations), &what))
}

fn broken(law: Relation, scenario: &Scenario, script: &str, what: &str) -> Broken {
    let Relation { name, says } = law;
    let counterexample = format!("{scenario}\n{script}\n\nThe law `{name}` is broken: {says}.\n{what}\n");
    Broken { law: name, counterexample, cases: 1, seed: 0 }
}

fn tell(played: &Played) -> String {
    let ran: Vec<String> = played.ran.iter().map(Name::to_string).collect();
    let values: Vec<String> = played.values.iter().map(|value| crate::laws::show(*value)).collect();
    let outcome = if played.succeeded { format!("gave {}", values.join(", ")) } else { "failed".into() };
    let ran = if ran.is_empty() { "nothing".into() } else { ran.join(", ") };
    format!("ran {ran} and {outcome}")
}
