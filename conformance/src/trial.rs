//! A trial: how many cases, what grows of each one's seed, and the smallest that still fails.
//!
//! Each scenario has a seed of its own, and the seeds of a trial follow one another. So a trial can be split among
//! threads, and a scenario that failed is played again by a trial of one case that begins at its seed.

use crate::draw::{Draw, Drawn, smallest};
use crate::generate::{self, Style};
use crate::outside::{Choices, Seeded};
use crate::program::Declares;
use crate::script::Scenario;
use crate::setters::setters;
use crate::stage::Broken;

/// How often a counterexample is tried to be made smaller.
pub(crate) const SHRINKING: u32 = 20_000;

/// How a combination is tried.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Trial {
    /// How many scenarios.
    pub cases: u64,
    /// The seed of the first.
    pub seed: u64,
    /// What may happen in them.
    pub style: Style,
}

setters! {
    Trial:
    with_cases(cases: u64);
    with_seed(seed: u64);
    with_style(style: Style);
}

impl Default for Trial {
    /// [`Trial::usually`], with two thousand scenarios.
    fn default() -> Self {
        Trial::usually(2_000)
    }
}

impl Trial {
    /// So many scenarios, of the seeds from 0 up, in which everything happens.
    pub fn new(cases: u64) -> Self {
        Trial { cases, seed: 0, style: Style::everything() }
    }

    /// So many scenarios, or what the environment variable `CONFORMANCE_CASES` says, in which everything happens. They are the
    /// same in every run, unless the environment variable `CONFORMANCE_SEED` names other ones.
    ///
    /// # Panics
    /// If a variable says what cannot be: a trial that is not the one asked for would pass for it.
    pub fn usually(cases: u64) -> Self {
        let cases = variable("CONFORMANCE_CASES", 1).unwrap_or(cases);
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

/// The scenario of this style and seed: always the same.
pub fn scenario(style: Style, seed: u64) -> Scenario {
    Drawn::from(&mut Seeded(seed), |draw| generate::scenario(style, draw)).value
}

/// Judges what grows of each seed of a trial, up to the first that breaks a law.
pub(crate) fn for_each_seed(
    trial: Trial,
    mut judge: impl FnMut(&mut dyn Choices) -> Result<(), Broken>,
) -> Result<(), Broken> {
    for case in 0..trial.cases {
        let seed = trial.seed.wrapping_add(case);
        judge(&mut Seeded(seed)).map_err(|broken| Broken { cases: case + 1, seed, ..broken })?;
    }
    Ok(())
}

/// Judges what is made of these choices. If it breaks a law, answers the smallest value that it finds to break the same law; it
/// tries so often at most.
pub(crate) fn judge_drawn<T>(
    choices: &mut dyn Choices,
    tries: u32,
    generate: impl Fn(&mut Draw<'_>) -> T,
    mut fails: impl FnMut(&T) -> Result<(), Broken>,
) -> Result<(), (T, Broken)> {
    let drawn = Drawn::from(choices, &generate);
    let Err(broken) = fails(&drawn.value) else { return Ok(()) };
    let law = broken.law;
    let again = |value: &T| fails(value).err().filter(|other| other.law == law);
    Err(smallest((drawn, broken), tries, generate, again))
}

/// Static tasks that mention each other in a circle are an error of the tasks, and most of such a history fails; only dynamic
/// ones get round it.
pub(crate) fn fitting<P: Declares>(trial: Trial) -> Trial {
    Trial { style: Style { circles: trial.style.circles && !P::DECLARES, ..trial.style }, ..trial }
}

/// # Panics
/// If a law is broken, with the counterexample and the line that tells it again.
pub(crate) fn tell(judged: Result<(), Broken>) {
    if let Err(Broken { counterexample, seed, cases, .. }) = judged {
        // A test runs on a thread of its name, unless there is but one thread.
        let thread = std::thread::current();
        let test = thread.name().filter(|&name| name != "main").map_or(String::new(), |name| format!(" {name}"));
        let again = format!("CONFORMANCE_SEED={seed} CONFORMANCE_CASES=1 cargo test{test}");
        panic!("{counterexample}\nFound by seed {seed} after {cases} cases. Again: {again}");
    }
}
