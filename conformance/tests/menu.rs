//! Every combination of the menu, and the yardsticks, under random histories.
//!
//! A test performs 256 random scenarios for each of the 7 × 5 combinations of rebuilder, scheduler and kind of graph
//! (static ones for all three schedulers, dynamic ones for two), and judges every build in them by every law.

use alacarte::{Dynamic, Static};
use alacarte_conformance::{
    Broken, Combination, Played, REBUILDERS, Scenario, Setup, Style, Trial, explore, menu, perform, style,
};
use alacarte_rebuilders::AnyRebuilder;
use alacarte_schedulers::AnyScheduler;

type Any = Combination<'static, AnyScheduler, AnyRebuilder<alacarte_conformance::Name, i64>>;

const SCHEDULERS: [&str; 3] = ["topological", "restarting", "suspending"];

/// Performs scenarios of this style and in this setup, and compares what two performances did.
fn all(change: impl Fn(Style) -> Style, judge: impl Fn(&Perform<'_>, &Scenario) -> Result<(), Broken>) {
    let mut stories = Vec::new();
    for rebuilder in REBUILDERS {
        for scheduler in SCHEDULERS {
            let trial = Trial { style: change(style(rebuilder)), ..Trial::default() };
            let combination = [menu(scheduler, rebuilder)];
            let statically = |scenario: &Scenario, setup| perform::<Static, _, _>(scenario, &combination, setup);
            stories.extend(explore(trial, |scenario| judge(&statically, scenario)).err());
            if scheduler != "topological" {
                let dynamically = |scenario: &Scenario, setup| perform::<Dynamic, _, _>(scenario, &combination, setup);
                stories.extend(explore(trial, |scenario| judge(&dynamically, scenario)).err());
            }
        }
    }
    tell(&stories);
}

type Perform<'p> = dyn Fn(&Scenario, Setup) -> Result<Vec<Played>, Broken> + 'p;

fn tell(stories: &[Broken]) {
    let shortest = stories.iter().min_by_key(|broken| broken.story.len());
    if let Some(shortest) = shortest {
        panic!("{} stories of broken laws; the shortest:\n{}", stories.len(), shortest.story);
    }
}

fn differ(scenario: &Scenario, law: &'static str, one: &[Played], other: &[Played]) -> Result<(), Broken> {
    match one.iter().zip(other).position(|(one, other)| one != other) {
        None => Ok(()),
        Some(at) => {
            let steps: Vec<_> = scenario.steps.iter().map(ToString::to_string).collect();
            let story = format!(
                "{scenario}\n{}\nThe law `{law}` is broken: build {} was {:?} in one performance, {:?} in the other",
                steps.join("\n"),
                at + 1,
                one[at],
                other[at]
            );
            Err(Broken { law, story, cases: 1 })
        }
    }
}

#[test]
fn every_law_holds() {
    all(|style| style, |perform, scenario| perform(scenario, Setup::default()).map(|_| ()));
}

#[test]
fn every_law_holds_when_builds_go_on_after_a_failure() {
    let setup = Setup { keep_going: true, work: Some(3), jobs: 2, ..Setup::default() };
    all(|style| style, |perform, scenario| perform(scenario, setup).map(|_| ()));
}

#[test]
fn parallel_is_sequential() {
    // A build that stops at the first failure has finished what ran beside it, and that may differ.
    let sequential = Setup { work: Some(11), keep_going: true, ..Setup::default() };
    all(
        |style| style,
        |perform, scenario| {
            let parallel = Setup { jobs: 4, ..sequential };
            differ(scenario, "parallel-is-sequential", &perform(scenario, sequential)?, &perform(scenario, parallel)?)
        },
    );
}

#[test]
fn warm_is_cold() {
    all(
        |style| style,
        |perform, scenario| {
            let warm = Setup { restarting: true, ..Setup::default() };
            differ(scenario, "warm-is-cold", &perform(scenario, Setup::default())?, &perform(scenario, warm)?)
        },
    );
}

/// All combinations that promise to be right whatever happens.
fn combinations(schedulers: &[&str]) -> Vec<Any> {
    let pairs = schedulers.iter().flat_map(|&scheduler| REBUILDERS.map(|rebuilder| (scheduler, rebuilder)));
    pairs.filter(|&(_, rebuilder)| rebuilder != "modification-time").map(|(one, other)| menu(one, other)).collect()
}

fn take_over(setup: Setup) {
    for schedulers in [&SCHEDULERS[..], &SCHEDULERS[1..]] {
        let combinations = combinations(schedulers);
        let style = Style { combinations: combinations.len(), restarts: true, ..Style::everything() };
        let trial = Trial { cases: 4096, style, setup };
        let found = explore(trial, |scenario| {
            let played = match schedulers.len() {
                3 => perform::<Static, _, _>(scenario, &combinations, setup),
                _ => perform::<Dynamic, _, _>(scenario, &combinations, setup),
            };
            played.map(|_| ())
        });
        tell(&found.err().into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn any_combination_takes_over_from_any_other() {
    take_over(Setup::default());
}

#[test]
fn any_combination_takes_over_although_nothing_was_kept() {
    take_over(Setup { forgetful: true, ..Setup::default() });
}
