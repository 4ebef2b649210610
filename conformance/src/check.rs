//! Many scenarios: looks for one that breaks a law, and shrinks it.

use std::cell::Cell;

use alacarte::{Dynamic, Rebuilder, Scheduler};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};

use crate::expr::Name;
use crate::generate::{Style, scenarios};
use crate::laws::Promises;
use crate::program::Declares;
use crate::script::Scenario;
use crate::stage::{Broken, Combination, Setup, perform};

/// How a combination is tried.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How many scenarios; the environment variable `PROPTEST_CASES` is stronger.
    pub cases: u32,
    /// What may happen in them.
    pub style: Style,
    /// How they are performed.
    pub setup: Setup,
}

impl Default for Trial {
    fn default() -> Self {
        Trial { cases: 256, style: Style::everything(), setup: Setup::default() }
    }
}

/// Looks for a scenario for which `fails` has something to say, and answers the smallest that it finds.
///
/// The scenarios are the same in every run, unless the environment variable `CONFORMANCE_SEED` names another
/// row of them.
///
/// # Errors
/// If there is one.
pub fn explore(trial: Trial, mut fails: impl FnMut(&Scenario) -> Result<(), Broken>) -> Result<(), Broken> {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let cases = variable("PROPTEST_CASES").map_or(trial.cases, |cases| cases as u32);
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&variable("CONFORMANCE_SEED").unwrap_or(0).to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let rng = TestRng::from_seed(config.rng_algorithm, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let fails = std::cell::RefCell::new(&mut fails);
    // Counted up to the first that fails; those after it are smaller ones of the same.
    let (tried, took) = (Cell::new(0), Cell::new(None));
    let found = runner.run(&scenarios(trial.style), |scenario| {
        tried.set(tried.get() + 1);
        let outcome = (fails.borrow_mut())(&scenario);
        outcome.map_err(|broken| {
            took.set(took.get().or(Some(tried.get())));
            TestCaseError::fail(broken.law)
        })
    });
    let cases = took.get().unwrap_or(tried.get());
    let scenario = match found {
        Ok(()) => return Ok(()),
        Err(TestError::Fail(_, scenario)) => scenario,
        Err(TestError::Abort(reason)) => panic!("no scenarios could be made: {reason}"),
    };
    let mut fails = fails.borrow_mut();
    match fails(&scenario) {
        Err(broken) => Err(Broken { cases, ..broken }),
        Ok(()) => {
            Err(Broken { law: "deterministic", story: format!("{scenario}\nIt fails only now and then."), cases })
        }
    }
}

/// Judges a combination of your own by every law: 256 random histories, with all that can happen to a build system.
///
/// # Panics
/// If it breaks a law; the message tells the smallest story found.
pub fn check<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Scheduler<Dynamic> + Clone,
    R: Rebuilder<Name, i64> + Clone,
{
    let make = move || (scheduler.clone(), rebuilder.clone());
    let combination = Combination { name: "the combination on trial".into(), make: Box::new(make), promises };
    if let Err(broken) = judge::<Dynamic, _, _>(Trial::default(), &[combination]) {
        panic!("{}", broken.story);
    }
}

/// Performs many scenarios, the combinations taking turns if there are several.
///
/// # Errors
/// The smallest story found of a law that is broken.
pub fn judge<P, S, R>(trial: Trial, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    explore(trial, |scenario| perform::<P, S, R>(scenario, combinations, trial.setup).map(|_| ()))
}
