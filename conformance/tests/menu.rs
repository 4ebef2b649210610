//! Every combination of the menu, and the baselines, under random histories.
//!
//! 2,000 random scenarios for each combination of scheduler, rebuilder and kind of tasks (static ones for all
//! schedulers, dynamic ones for those that need no order beforehand), each judged by every law of single builds
//! and by those that compare two performances.

use std::collections::{BTreeMap, BTreeSet};

use alacarte_conformance::relations::{Tally, judge_scenario, shared, survives_revert};
use alacarte_conformance::{
    Broken, Combination, REBUILDERS, SCHEDULERS, Setup, Step, Style, Trial, explore, judge, menu, perform, regressions,
    scenario, style,
};
use alacarte_core::{Dynamic, Fingerprint, Static};

type Any = Combination<'static>;

fn tell(counterexamples: &[Broken]) {
    let shortest = counterexamples.iter().min_by_key(|broken| broken.counterexample.len());
    if let Some(Broken { counterexample, seed, .. }) = shortest {
        panic!(
            "{} counterexamples of broken laws; the shortest, of seed {seed}:\n{counterexample}",
            counterexamples.len()
        );
    }
}

/// So many times as many histories, where values are restored.
const AMPLE: (u64, u64) = (5, 4);

fn every_law_holds(change: impl Fn(Style) -> Style, scheduler: &str, rebuilder: &str) {
    let combination = [menu(scheduler, rebuilder)];
    let trial = Trial::default().with_style(change(style(rebuilder)));
    let cases = if combination[0].promises.restores { trial.cases * AMPLE.0 / AMPLE.1 } else { trial.cases };
    let trial = trial.with_cases(cases);
    let mut counterexamples: Vec<Broken> = judge::<Static, _, _>(trial, &combination).err().into_iter().collect();
    if scheduler != "topological" {
        counterexamples.extend(judge::<Dynamic, _, _>(trial, &combination).err());
    }
    tell(&counterexamples);
}

macro_rules! menu {
    ($($rebuilder:ident: $name:literal),* $(,)?) => {$(
        mod $rebuilder {
            use super::*;

            #[test]
            fn topological() {
                every_law_holds(|style| style, "topological", $name);
            }

            #[test]
            fn restarting() {
                every_law_holds(|style| style, "restarting", $name);
            }

            #[test]
            fn suspending() {
                every_law_holds(|style| style, "suspending", $name);
            }

            #[test]
            fn bottom_up() {
                every_law_holds(|style| style, "bottom-up", $name);
            }
        }
    )*};
}

menu! {
    dirty_bit: "dirty-bit",
    verifying_trace: "verifying-trace",
    constructive_trace: "constructive-trace",
    deep_constructive_trace: "deep-constructive-trace",
    step_trace: "step-trace",
    perpetual: "perpetual",
    modification_time: "modification-time",
}

/// Tasks that are not deterministic: every value is one that its task could give.
mod nondeterministic {
    use super::*;

    fn every_law_holds_without_determinism(scheduler: &str) {
        for rebuilder in REBUILDERS {
            every_law_holds(Style::without_determinism, scheduler, rebuilder);
        }
    }

    #[test]
    fn topological() {
        every_law_holds_without_determinism("topological");
    }

    #[test]
    fn restarting() {
        every_law_holds_without_determinism("restarting");
    }

    #[test]
    fn suspending() {
        every_law_holds_without_determinism("suspending");
    }

    #[test]
    fn bottom_up() {
        every_law_holds_without_determinism("bottom-up");
    }
}

/// Not every history has something to take back or to share; of [`AMPLE`] times 2,000, so many have.
#[test]
fn what_is_restored_is_judged_2000_times() {
    let combination = menu("suspending", "constructive-trace");
    let style = style("constructive-trace");
    let (mut reverted, mut taken) = (0, 0);
    for seed in 0..2_000 * AMPLE.0 / AMPLE.1 {
        let scenario = scenario(style, seed);
        let judged = |tally: Result<Tally, Broken>| u64::from(tally.expect("every law holds").scripts > 0);
        reverted += judged(survives_revert::<Dynamic, _, _>(&scenario, &combination));
        taken += judged(shared::<Dynamic, _, _>(&scenario, &combination));
    }
    assert!(reverted >= 2_000 && taken >= 2_000, "{reverted} and {taken}");
}

/// A scheduler and a rebuilder of the menu.
type Place = (&'static str, &'static str);

/// All combinations that promise to be right whatever happens.
fn places(schedulers: &[&'static str]) -> Vec<Place> {
    let right = REBUILDERS.into_iter().filter(|&rebuilder| rebuilder != "modification-time");
    right.flat_map(|rebuilder| schedulers.iter().map(move |&scheduler| (scheduler, rebuilder))).collect()
}

/// Histories in which three combinations take turns, each history with three of its own. One of the three is topological
/// where tasks are static: elsewhere it cannot be.
struct Turns {
    is_static: bool,
    cases: u64,
}

/// So many times as many as are usual: enough for each combination to take part in 2,000 takeovers.
const TURNS: [Turns; 2] = [Turns { is_static: true, cases: 10 }, Turns { is_static: false, cases: 3 }];

impl Turns {
    fn style(&self) -> Style {
        Style::everything().with_combinations(3).with_steps(32).with_circles(!self.is_static)
    }

    fn places(&self, seed: u64) -> Vec<Place> {
        let mixed = |place: u64| Fingerprint::of_integer(64 * seed + place);
        let some = |schedulers: &[&'static str], most: usize| {
            let mut places: Vec<(Fingerprint, Place)> = (0..).map(mixed).zip(places(schedulers)).collect();
            places.sort_unstable();
            places.truncate(most);
            places
        };
        let ordered = usize::from(self.is_static);
        let mut places = some(&SCHEDULERS[..1], ordered);
        places.extend(some(&SCHEDULERS[1..], 3 - ordered));
        // Whoever begins is asked what it would have come to alone.
        places.sort_unstable();
        places.into_iter().map(|(_, place)| place).collect()
    }

    fn play(&self, seed: u64) -> Result<(), Broken> {
        let combinations: Vec<Any> = self.places(seed).into_iter().map(|(one, other)| menu(one, other)).collect();
        let trial = Trial::new(1).with_seed(seed).with_style(self.style());
        if self.is_static {
            judge::<Static, _, _>(trial, &combinations)
        } else {
            judge::<Dynamic, _, _>(trial, &combinations)
        }
    }

    /// Those that build right before or right after another one does.
    fn who(&self, seed: u64) -> BTreeSet<Place> {
        let places = self.places(seed);
        let (mut at_work, mut before, mut who) = (places[0], None, BTreeSet::new());
        for step in scenario(self.style(), seed).steps {
            match step {
                Step::Switch { to, keeps_scheduler: keeps } => {
                    at_work = (if keeps { at_work.0 } else { places[to].0 }, places[to].1)
                }
                Step::Build(_) | Step::Race { .. } | Step::Drop { .. } | Step::Crash { .. } => {
                    who.extend(before.filter(|&before| before != at_work).into_iter().flat_map(|one| [one, at_work]));
                    before = Some(at_work);
                }
                _ => {}
            }
        }
        who
    }
}

#[test]
fn any_combination_takes_over_from_any_other() {
    let Trial { cases, seed, .. } = Trial::default();
    let found = TURNS.iter().map(|turns| (0..turns.cases * cases).try_for_each(|case| turns.play(seed + case)));
    tell(&found.filter_map(Result::err).collect::<Vec<_>>());
}

#[test]
fn every_combination_takes_over_or_is_taken_over_from_2000_times() {
    let mut count = BTreeMap::new();
    for turns in &TURNS {
        let who = (0..turns.cases * 2_000).flat_map(|seed| turns.who(seed));
        who.for_each(|place| *count.entry(place).or_insert(0) += 1);
    }
    println!("{count:?}");
    assert!(places(&SCHEDULERS).iter().all(|place| count.get(place) >= Some(&2_000)), "{count:?}");
}

/// The same rebuilder under other schedulers: then what is run is what one of them alone would run.
#[test]
fn a_scheduler_takes_over_from_another() {
    let alike = SCHEDULERS[1..].iter().map(|scheduler| menu(scheduler, "verifying-trace")).collect::<Vec<_>>();
    let style = Style::everything().with_combinations(alike.len()).with_steps(32);
    let trial = Trial::default().with_style(style);
    let found =
        judge::<Static, _, _>(trial, &alike).err().into_iter().chain(judge::<Dynamic, _, _>(trial, &alike).err());
    tell(&found.collect::<Vec<_>>());
}

/// The same where the journal forgets: each begins with nothing but what the store holds.
#[test]
fn any_combination_takes_over_although_nothing_was_kept() {
    let combinations: Vec<Any> = places(&SCHEDULERS[1..]).into_iter().map(|(one, other)| menu(one, other)).collect();
    let style = Style::everything().with_combinations(combinations.len()).with_steps(32);
    let setup = Setup::default().with_forgetful(true);
    let found = explore(Trial::default().with_style(style), |scenario| {
        perform::<Dynamic, _, _>(scenario, &combinations, setup).map(drop)
    });
    tell(&found.err().into_iter().collect::<Vec<_>>());
}

/// Static tasks that mention each other in a circle: an order that is made beforehand refuses them, taken or not.
#[test]
fn what_is_declared_in_a_circle_is_refused() {
    for rebuilder in REBUILDERS {
        let (trial, combination) = (Trial::default().with_style(style(rebuilder)), [menu("topological", rebuilder)]);
        let found = explore(trial, |scenario| judge_scenario::<Static, _, _>(scenario, &combination).map(drop));
        tell(&found.err().into_iter().collect::<Vec<_>>());
    }
}

/// Cases that once broke a law are kept, and played for ever.
#[test]
fn what_once_broke_a_law_is_mended() {
    for case in regressions() {
        let broken = case.play().broken;
        assert!(broken.is_none(), "{}, which found {}: {broken:?}", case.subject, case.found);
    }
}
