//! Random histories for mutants: each is played by every combination of the menu before the next is made, nothing is
//! shrunk, and the first broken law is the end. (`tests/menu.rs` plays many more, and tells counterexamples of them.) Beside them,
//! the contracts of the updaters under random events.

#[path = "../tests/contracts.rs"]
mod contracts;
#[path = "../tests/propagation.rs"]
mod propagation;

use alacarte_conformance::relations::judge_scenario;
use alacarte_conformance::{Broken, Combination, Declares, REBUILDERS, Style, Trial, menu, scenario, style};
use alacarte_core::{Dynamic, Static};

/// So many histories, or what the environment variable `CONFORMANCE_CASES` says.
fn seeds() -> impl Iterator<Item = u64> {
    1_000_000..1_000_000 + Trial::usually(24).cases
}

fn play<P: Declares>(style: Style, seed: u64, combinations: &[Combination<'_>]) {
    // Static tasks that mention each other in a circle are an error of the tasks.
    let scenario = scenario(style.with_circles(style.circles && !P::DECLARES), seed);
    if let Err(Broken { counterexample, .. }) = judge_scenario::<P, _, _>(&scenario, combinations) {
        panic!("{}: {counterexample}", combinations[0].name);
    }
}

#[test]
fn every_combination_keeps_every_law() {
    for seed in seeds() {
        for rebuilder in REBUILDERS {
            for scheduler in alacarte_schedulers::NAMES {
                let combination = [menu(scheduler, rebuilder)];
                play::<Static>(style(rebuilder), seed, &combination);
                if scheduler != "topological" {
                    play::<Dynamic>(style(rebuilder), seed, &combination);
                }
            }
        }
    }
}

#[test]
fn any_combination_takes_over_from_any_other() {
    let right = REBUILDERS.into_iter().filter(|&rebuilder| rebuilder != "modification-time");
    let all = |rebuilder| alacarte_schedulers::NAMES.map(|scheduler| menu(scheduler, rebuilder));
    let combinations: Vec<_> = right.flat_map(all).collect();
    let style = Style::everything().with_combinations(combinations.len()).with_steps(32);
    for seed in seeds().flat_map(|seed| 8 * seed..8 * seed + 8) {
        play::<Static>(style, seed, &combinations);
    }
}
