//! Many scenarios: looks for one that breaks a law, and shrinks it.
//!
//! Each scenario has a seed of its own, and the seeds of a trial follow one another. So a trial can be split among
//! threads, and a scenario that failed is played again by a trial of one case that begins at its seed.

use alacarte::{Dynamic, Rebuilder, Scheduler, Static};
use alacarte_rebuilders::{AnyRebuilder, DeepConstructiveTrace, DirtyBit};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::crashes::{Careless, judge_crashes};
use crate::expr::Name;
use crate::generate::{Style, scenarios};
use crate::laws::Promises;
use crate::program::Declares;
use crate::relations::{Tally, judge_scenario};
use crate::script::Scenario;
use crate::shrink;
use crate::silence;
use crate::stage::{Broken, Combination, script};

/// How often a story is tried to be made smaller.
const SHRINKING: u32 = 20_000;

/// How a combination is tried.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How many scenarios.
    pub cases: u64,
    /// The seed of the first.
    pub seed: u64,
    /// What may happen in them.
    pub style: Style,
}

impl Default for Trial {
    /// [`Trial::usually`], with two thousand scenarios.
    fn default() -> Self {
        Trial::usually(2_000)
    }
}

impl Trial {
    /// So many scenarios, or what the environment variable `PROPTEST_CASES` says, in which everything happens. They are the
    /// same in every run, unless the environment variable `CONFORMANCE_SEED` names other ones.
    ///
    /// # Panics
    /// If a variable says what cannot be: a trial that is not the one asked for would pass for it.
    pub fn usually(cases: u64) -> Self {
        let cases = variable("PROPTEST_CASES", 1).unwrap_or(cases);
        Trial { cases, seed: variable("CONFORMANCE_SEED", 0).unwrap_or(0), style: Style::everything() }
    }
}

/// The number that an environment variable holds, if there is one of that name.
fn variable(name: &str, least: u64) -> Option<u64> {
    let said = std::env::var_os(name)?;
    let number = said.to_str().and_then(|said| said.parse().ok()).filter(|&number| number >= least);
    let number =
        number.unwrap_or_else(|| panic!("{name} is {said:?}: it must be a whole number from {least} to 2^64 - 1"));
    Some(number)
}

/// A random scenario of this style: always the same one for a seed.
fn sprout(style: Style, seed: u64) -> impl ValueTree<Value = Scenario> {
    grow(&scenarios(style), seed)
}

/// What grows of a seed: always the same.
pub(crate) fn grow<S: Strategy>(strategy: &S, seed: u64) -> S::Tree {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match strategy.new_tree(&mut runner) {
        Ok(tree) => tree,
        Err(reason) => unreachable!("nothing that it makes is refused: {reason}"),
    }
}

/// The scenario of this style and seed.
pub fn scenario(style: Style, seed: u64) -> Scenario {
    sprout(style, seed).current()
}

/// Looks for a scenario for which `fails` has something to say, and answers the smallest that it finds which breaks the
/// same law.
///
/// # Errors
/// If there is one.
pub fn explore(trial: Trial, fails: impl FnMut(&Scenario) -> Result<(), Broken>) -> Result<(), Broken> {
    seek(trial, Scenario::script, fails)
}

/// The same; `script` tells the steps of a story that ends in a panic.
fn seek(
    trial: Trial,
    script: impl Fn(&Scenario) -> String,
    mut fails: impl FnMut(&Scenario) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut fails = |scenario: &Scenario| {
        silence::quietly(|| fails(scenario)).unwrap_or_else(|panic| {
            let story = format!("{scenario}\n{}\n\nThe law `no-panic` is broken: {panic}\n", script(scenario));
            Err(Broken { law: "no-panic", story, cases: 1, seed: 0 })
        })
    };
    for case in 0..trial.cases {
        let seed = trial.seed.wrapping_add(case);
        let tree = sprout(trial.style, seed);
        let Err(broken) = fails(&tree.current()) else { continue };
        let (mut smallest, mut broken) = smallest(tree, broken, &mut fails);
        // What is left is cut where nothing hangs on it.
        while let Some(found) = shrink::smaller(&smallest).into_iter().find_map(|scenario| match fails(&scenario) {
            Err(other) if other.law == broken.law => Some((scenario, other)),
            _ => None,
        }) {
            (smallest, broken) = found;
        }
        return Err(Broken { cases: case + 1, seed, ..broken });
    }
    Ok(())
}

/// The smallest value that a tree finds to break the same law as the one that it has now.
pub(crate) fn smallest<T: ValueTree>(
    mut tree: T,
    mut broken: Broken,
    mut fails: impl FnMut(&T::Value) -> Result<(), Broken>,
) -> (T::Value, Broken) {
    let mut smallest = tree.current();
    let mut left = SHRINKING;
    let mut smaller = tree.simplify();
    while smaller && left > 0 {
        left -= 1;
        let value = tree.current();
        smaller = match fails(&value) {
            Err(other) if other.law == broken.law => {
                (smallest, broken) = (value, other);
                tree.simplify()
            }
            _ => tree.complicate(),
        };
    }
    (smallest, broken)
}

/// Performs many scenarios, the combinations taking turns if there are several, and judges them by all laws: those of a
/// single build, and those that compare two performances.
///
/// # Errors
/// The smallest story found of a law that is broken.
pub fn judge<P, S, R>(trial: Trial, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let script = |scenario: &Scenario| script(scenario, combinations);
    seek(fitting::<P>(trial), script, |scenario| judge_scenario::<P, S, R>(scenario, combinations).map(|_| ()))
}

/// Tries the first of these combinations: it plays every seed alone, and every fourth also where tasks answer by whim, by
/// turns with the others, where tasks that declare what they fetch do so in circles, and on a disk that crashes between its
/// writes. Answers how much was done, and the smallest story found of a law that is broken.
pub(crate) fn on_trial<P, S, R>(trial: Trial, combinations: &[Combination<'_, S, R>]) -> (Tally, Option<Broken>)
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let (alone, plain) = (&combinations[..1], fitting::<P>(trial).style);
    let turns = Style { combinations: combinations.len(), ..plain };
    let ways = [(plain, alone), (plain.by_whim(), alone), (turns, combinations), (trial.style, alone)];
    let ways = if plain == trial.style { &ways[..3] } else { &ways };
    let mut tally = Tally::default();
    for case in 0..trial.cases {
        let seed = trial.seed.wrapping_add(case);
        // Which seeds play how depends on nothing but themselves, so that each can be played again alone.
        for (style, combinations) in &ways[..if seed.is_multiple_of(4) { ways.len() } else { 1 }] {
            let script = |scenario: &Scenario| script(scenario, combinations);
            let outcome = seek(Trial { cases: 1, seed, style: *style }, script, |scenario| {
                tally += judge_scenario::<P, S, R>(scenario, combinations)?;
                Ok(())
            });
            if let Err(broken) = outcome {
                return (tally, Some(Broken { cases: case + 1, ..broken }));
            }
        }
        // (Who cannot see that a file is an older one again promises nothing of a crash.)
        if seed.is_multiple_of(4) && plain.overwrites {
            let crashes = Trial { cases: 1, seed, style: plain };
            if let Err(broken) = judge_crashes::<P, S, R>(crashes, combinations, Careless::Never) {
                return (tally, Some(Broken { cases: case + 1, ..broken }));
            }
        }
    }
    (tally, None)
}

/// Static tasks that mention each other in a circle are an error of the tasks, and most of such a history fails; only dynamic
/// ones get round it.
pub(crate) fn fitting<P: Declares>(trial: Trial) -> Trial {
    Trial { style: Style { circles: trial.style.circles && !P::DECLARES, ..trial.style }, ..trial }
}

/// Judges a scheduler and a rebuilder of your own, over tasks that find their dependencies while they run: two thousand
/// random histories, with all that can happen to a build system, by every law that all must obey; and five hundred more
/// each in which tasks answer by whim, in which other rebuilders take over and give back, and in which the disk crashes
/// between its writes.
///
/// # Panics
/// If they break a law; the message tells the smallest story found.
pub fn check<S, R>(scheduler: S, rebuilder: R)
where
    S: Scheduler<Dynamic> + Clone,
    R: Rebuilder<Name, i64> + Clone + 'static,
{
    check_promises(scheduler, rebuilder, Promises::default());
}

/// The same, and by the laws that only those must obey who promise it.
///
/// # Panics
/// As [`check`].
pub fn check_promises<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Scheduler<Dynamic> + Clone,
    R: Rebuilder<Name, i64> + Clone + 'static,
{
    of_your_own::<Dynamic, S, R>(scheduler, rebuilder, promises);
}

/// [`check_promises`] for a scheduler that knows all dependencies beforehand.
///
/// # Panics
/// As [`check`].
pub fn check_static<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Scheduler<Static> + Clone,
    R: Rebuilder<Name, i64> + Clone + 'static,
{
    of_your_own::<Static, S, R>(scheduler, rebuilder, promises);
}

fn of_your_own<P: Declares, S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Scheduler<P> + Clone,
    R: Rebuilder<Name, i64> + Clone + 'static,
{
    // Of the others nothing is asked here but that they are right.
    let others = Promises { starts_once: promises.starts_once, ..Promises::default() };
    let shallow = Promises { shallow: true, deterministic: true, ..others };
    let yours = || (scheduler.clone(), AnyRebuilder::new(rebuilder.clone()));
    let dirty = || (scheduler.clone(), AnyRebuilder::new(DirtyBit));
    let deep = || (scheduler.clone(), AnyRebuilder::new(DeepConstructiveTrace));
    let combinations = [
        Combination { name: "the combination on trial".into(), make: Box::new(yours), promises },
        Combination { name: "its scheduler × dirty-bit".into(), make: Box::new(dirty), promises: others },
        Combination {
            name: "its scheduler × deep-constructive-trace".into(), make: Box::new(deep), promises: shallow
        },
    ];
    tell(on_trial::<P, _, _>(Trial::default(), &combinations).1.map_or(Ok(()), Err));
}

/// # Panics
/// If a law is broken, with the story and the line that tells it again.
pub(crate) fn tell(judged: Result<(), Broken>) {
    if let Err(Broken { story, seed, cases, .. }) = judged {
        // A test runs on a thread of its name, unless there is but one thread.
        let thread = std::thread::current();
        let test = thread.name().filter(|&name| name != "main").map_or(String::new(), |name| format!(" {name}"));
        let again = format!("CONFORMANCE_SEED={seed} PROPTEST_CASES=1 cargo test{test}");
        panic!("{story}\nFound by seed {seed} after {cases} cases. Again: {again}");
    }
}
