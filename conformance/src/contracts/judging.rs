//! Random histories, told to a model and to an updater.

use super::event_history;
use super::happening::{Contract, Happening};
use crate::draw::Draw;
use crate::silence;
use crate::stage::Broken;
use crate::trial::{SHRINKING, Trial, for_each_seed, judge_drawn, tell};

/// Shows an updater what happens next, given what happened before: or, in a test, lies to it.
pub type Messenger<U> = fn(&mut U, &[Happening], &Happening);

/// Judges an updater by its contract: two thousand random histories, and after each event of each, whether it says what
/// the model says.
///
/// # Panics
/// If it does not; the message tells the smallest history found.
pub fn check_contract<C: Contract>() {
    tell(judge_contract::<C>(Trial::default(), |updater, _, what| what.show(updater)));
}

/// The same, with a messenger between the events and the updater. (The style of the trial has nothing to say here.)
///
/// # Errors
/// The smallest history found after which they differ.
pub fn judge_contract<C: Contract>(trial: Trial, messenger: Messenger<C::Of>) -> Result<(), Broken> {
    seek::<C>(trial, "contract", |past| {
        let (mut model, mut updater) = (C::default(), C::Of::default());
        for (n, what) in past.iter().enumerate() {
            let seen = silence::quietly(|| {
                model.see(what);
                messenger(&mut updater, &past[..n], what);
                model.check(&updater);
            });
            seen.map_err(|why| (n + 1, why))?;
        }
        Ok(())
    })
}

/// Looks for a history for which `differ` knows after how many of its events something is wrong, and what.
pub(super) fn seek<C: Contract>(
    trial: Trial,
    law: &'static str,
    differ: impl Fn(&[Happening]) -> Result<(), (usize, String)>,
) -> Result<(), Broken> {
    let fails = |past: &Vec<Happening>| {
        let Err((until, why)) = differ(past) else { return Ok(()) };
        let counterexample =
            format!("{}\nThe law `{law}` is broken: {why}\n", event_history::counterexample(&past[..until]));
        Err(Broken { law, counterexample, cases: 1, seed: 0 })
    };
    let history = |draw: &mut Draw<'_>| event_history::history(C::ORDERLY, draw);
    for_each_seed(trial, |choices| judge_drawn(choices, SHRINKING, history, fails).map_err(|(_, broken)| broken))
}
