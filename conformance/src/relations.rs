//! Laws that compare two performances of one scenario, or of two that ought to come to the same.

use alacarte::{Rebuilder, Scheduler};

use crate::expr::Name;
use crate::program::Declares;
use crate::script::{Manner, Scenario, Step};
use crate::stage::{Broken, Combination, Played, Setup, perform};

/// The name of a law of two performances, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
}

/// Each build by a new process, which knows what the journal knows, does what one process would do that lives on.
pub const WARM_IS_COLD: Relation =
    Relation { name: "warm-is-cold", says: "a new process does what one would do that lives on" };

/// Outside work that overlaps, in whatever order it ends, changes neither what is run nor what comes of it.
pub const PARALLEL_IS_SEQUENTIAL: Relation =
    Relation { name: "parallel-is-sequential", says: "many jobs at once do what one after the other would do" };

/// What several combinations did in turns is what the first alone would have come to.
pub const HANDOVER: Relation =
    Relation { name: "handover", says: "combinations that take turns come to what one alone comes to" };

/// Judges one scenario by every law.
///
/// # Errors
/// If a law is broken.
pub fn judge_scenario<P, S, R>(scenario: &Scenario, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    perform::<P, S, R>(scenario, combinations, Setup::default())?;
    warm_is_cold::<P, S, R>(scenario, combinations)?;
    parallel_is_sequential::<P, S, R>(scenario, combinations)?;
    if combinations.len() > 1 { handover::<P, S, R>(scenario, combinations) } else { Ok(()) }
}

/// See [`WARM_IS_COLD`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn warm_is_cold<P, S, R>(scenario: &Scenario, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let scenario = &calm(scenario, scenario.manner);
    let cold = perform::<P, S, R>(scenario, combinations, Setup { restarting: true, ..Setup::default() })?;
    let warm = perform::<P, S, R>(scenario, combinations, Setup::default())?;
    compare(WARM_IS_COLD, scenario, &warm, &cold)
}

/// See [`PARALLEL_IS_SEQUENTIAL`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn parallel_is_sequential<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    // A build that stops at the first failure has finished what ran beside it, and that may differ.
    let manner = Manner { work: scenario.manner.work.or(Some(11)), jobs: 1, keep_going: true, ..scenario.manner };
    let one = calm(scenario, manner);
    let many = Scenario { manner: Manner { jobs: 4, ..manner }, ..one.clone() };
    let sequential = perform::<P, S, R>(&one, combinations, Setup::default())?;
    let parallel = perform::<P, S, R>(&many, combinations, Setup::default())?;
    compare(PARALLEL_IS_SEQUENTIAL, &many, &sequential, &parallel)
}

/// See [`HANDOVER`].
///
/// # Errors
/// If it, or a law of single builds, is broken.
pub fn handover<P, S, R>(scenario: &Scenario, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let manner = Manner { keep_going: true, ..scenario.manner };
    let turns = calm(scenario, manner);
    let alone = turns.steps.iter().filter(|step| !matches!(step, Step::Switch(..))).cloned().collect();
    let alone = Scenario { steps: alone, ..turns.clone() };
    let results = |played: Vec<Played>| played.into_iter().map(|played| Played { ran: Default::default(), ..played });
    let many: Vec<Played> = results(perform::<P, S, R>(&turns, combinations, Setup::default())?).collect();
    let one: Vec<Played> = results(perform::<P, S, R>(&alone, &combinations[..1], Setup::default())?).collect();
    compare(HANDOVER, &turns, &one, &many)
}

/// The scenario without what depends on how far a build has come at some moment, or on the very bytes of its journal.
fn calm(scenario: &Scenario, manner: Manner) -> Scenario {
    let steps = scenario.steps.iter().flat_map(|step| match step {
        Step::Drop(targets, _) => vec![Step::Build(targets.clone())],
        Step::Crash(targets, ..) => vec![Step::Build(targets.clone()), Step::Restart],
        Step::Rot(_) => vec![Step::Restart],
        Step::Race(targets, _, key, value) => vec![Step::Build(targets.clone()), Step::Edit(*key, *value)],
        step => vec![step.clone()],
    });
    Scenario { manner, steps: steps.collect(), ..scenario.clone() }
}

fn compare(law: Relation, scenario: &Scenario, one: &[Played], other: &[Played]) -> Result<(), Broken> {
    let same = |one: &Played, other: &Played| {
        if scenario.graph.has_whims() { one.succeeded == other.succeeded } else { one == other }
    };
    match one.iter().zip(other).position(|(one, other)| !same(one, other)) {
        None => Ok(()),
        Some(at) => {
            let steps: Vec<_> =
                (1..).zip(&scenario.steps).map(|(number, step)| format!("{number:>3}. {step}")).collect();
            let story = format!(
                "{scenario}\n{}\n\nThe law `{}` is broken: {}.\nBuild {} was {}; in the other performance it was {}\n",
                steps.join("\n"),
                law.name,
                law.says,
                at + 1,
                tell(&one[at]),
                tell(&other[at])
            );
            Err(Broken { law: law.name, story, cases: 1, seed: 0 })
        }
    }
}

fn tell(played: &Played) -> String {
    let ran: Vec<String> = played.ran.iter().map(Name::to_string).collect();
    let values: Vec<String> = played.values.iter().map(|value| crate::laws::show(*value)).collect();
    let outcome = if played.succeeded { format!("gave {}", values.join(", ")) } else { "failed".into() };
    let ran = if ran.is_empty() { "nothing".into() } else { ran.join(", ") };
    format!("ran {ran} and {outcome}")
}
