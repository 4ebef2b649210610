//! A trial: how many cases, what grows of each one's seed, and the smallest that still fails.
//!
//! Each scenario has a seed of its own, and the seeds of a trial follow one another. So a trial can be split among
//! threads, and a scenario that failed is played again by a trial of one case that begins at its seed.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::generate::{Style, scenarios};
use crate::program::Declares;
use crate::script::Scenario;
use crate::stage::Broken;

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
pub(crate) fn sprout(style: Style, seed: u64) -> impl ValueTree<Value = Scenario> {
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

/// Static tasks that mention each other in a circle are an error of the tasks, and most of such a history fails; only dynamic
/// ones get round it.
pub(crate) fn fitting<P: Declares>(trial: Trial) -> Trial {
    Trial { style: Style { circles: trial.style.circles && !P::DECLARES, ..trial.style }, ..trial }
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
