//! Every combination of the menu, and the yardsticks, under random histories.
//!
//! 2,000 random scenarios for each combination of scheduler, rebuilder and kind of tasks (static ones for all
//! schedulers, dynamic ones for those that need no order beforehand), each judged by every law of single builds
//! and by those that compare two performances.

use alacarte::{Dynamic, Static};
use alacarte_conformance::{
    Broken, Combination, REBUILDERS, SCHEDULERS, Setup, Style, Trial, explore, judge, menu, perform, regressions, style,
};
use alacarte_rebuilders::AnyRebuilder;
use alacarte_schedulers::AnyScheduler;

type Any = Combination<'static, AnyScheduler, AnyRebuilder<alacarte_conformance::Name, i64>>;

fn tell(stories: &[Broken]) {
    let shortest = stories.iter().min_by_key(|broken| broken.story.len());
    if let Some(Broken { story, seed, .. }) = shortest {
        panic!("{} stories of broken laws; the shortest, of seed {seed}:\n{story}", stories.len());
    }
}

fn every_law_holds(change: impl Fn(Style) -> Style, scheduler: &str, rebuilder: &str) {
    let trial = Trial { style: change(style(rebuilder)), ..Trial::default() };
    let combination = [menu(scheduler, rebuilder)];
    let mut stories: Vec<Broken> = judge::<Static, _, _>(trial, &combination).err().into_iter().collect();
    if scheduler != "topological" {
        stories.extend(judge::<Dynamic, _, _>(trial, &combination).err());
    }
    tell(&stories);
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

/// Tasks that answer by whim: every value is one that its task could give.
mod whims {
    use super::*;

    fn every_law_holds_by_whim(scheduler: &str) {
        for rebuilder in REBUILDERS {
            every_law_holds(Style::by_whim, scheduler, rebuilder);
        }
    }

    #[test]
    fn topological() {
        every_law_holds_by_whim("topological");
    }

    #[test]
    fn restarting() {
        every_law_holds_by_whim("restarting");
    }

    #[test]
    fn suspending() {
        every_law_holds_by_whim("suspending");
    }

    #[test]
    fn bottom_up() {
        every_law_holds_by_whim("bottom-up");
    }
}

/// All combinations that promise to be right whatever happens.
fn combinations(schedulers: &[&str]) -> Vec<Any> {
    let pairs = schedulers.iter().flat_map(|&scheduler| REBUILDERS.map(|rebuilder| (scheduler, rebuilder)));
    pairs.filter(|&(_, rebuilder)| rebuilder != "modification-time").map(|(one, other)| menu(one, other)).collect()
}

#[test]
fn any_combination_takes_over_from_any_other() {
    let static_ones = combinations(&SCHEDULERS);
    let dynamic_ones = combinations(&SCHEDULERS[1..]);
    let trial = |combinations: usize| {
        let trial = Trial::default();
        Trial { style: Style { combinations, steps: 32, ..trial.style }, cases: 4 * trial.cases, ..trial }
    };
    let found = judge::<Static, _, _>(trial(static_ones.len()), &static_ones).err();
    let found = found.into_iter().chain(judge::<Dynamic, _, _>(trial(dynamic_ones.len()), &dynamic_ones).err());
    tell(&found.collect::<Vec<_>>());
}

/// The same where the journal forgets: each begins with nothing but what the store holds.
#[test]
fn any_combination_takes_over_although_nothing_was_kept() {
    let combinations = combinations(&SCHEDULERS[1..]);
    let style = Style { combinations: combinations.len(), steps: 32, ..Style::everything() };
    let setup = Setup { forgetful: true, ..Setup::default() };
    let found = explore(Trial { style, ..Trial::default() }, |scenario| {
        perform::<Dynamic, _, _>(scenario, &combinations, setup).map(drop)
    });
    tell(&found.err().into_iter().collect::<Vec<_>>());
}

/// Cases that once broke a law are kept, and played for ever.
#[test]
fn what_once_broke_a_law_is_mended() {
    for case in regressions() {
        let (_, broken) = case.subject.on_trial(case.seed, 1);
        assert!(broken.is_none(), "{}, which found {}: {broken:?}", case.subject, case.found);
    }
}
