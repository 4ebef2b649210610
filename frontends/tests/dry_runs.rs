//! Dry runs beside real builds, in random histories of random manifests: two directories live through the same edits; in one of them, dry runs come before
//! each build. A dry run changes nothing, so both build the same; and it foretells: whatever runs, it has named before. One that finds nothing leaves a
//! glance; while that holds, no build finds anything. When nothing was edited, the next build runs nothing, and in the end all is as a clean build makes it.

#[path = "common/manifests.rs"]
mod manifests;
#[path = "common/random.rs"]
mod random;

use std::fs;

use manifests::{How, SOURCES, as_clean, build, edit, manifest, outputs};
use random::Random;

/// So many builds has a history.
const ROUNDS: usize = 6;

#[test]
fn a_dry_run_names_whatever_runs_and_the_build_after_it_is_as_if_it_had_not_been() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let schedulers = ["suspending", "restarting", "topological", "bottom-up"];
    let rebuilders = [
        "verifying-trace",
        "modification-time",
        "constructive-trace",
        "dirty-bit",
        "deep-constructive-trace",
        "step-trace",
    ];
    let (mut foretold, mut glances) = (0, 0);
    for seed in 0..36 {
        let mut random = Random(seed);
        let combination = [schedulers[seed as usize / 2 % 4], rebuilders[seed as usize % 6]];
        let [with, without] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        let [with, without] = [with.path(), without.path()];
        let text = manifest(&mut random);
        for directory in [with, without] {
            fs::write(directory.join("build.ninja"), &text).expect("written");
            (0..SOURCES).for_each(|number| fs::write(directory.join(format!("s{number}")), "a").expect("written"));
        }
        let mut told = vec![format!("seed {seed}, {combination:?}\n{text}")];
        for round in 1..=ROUNDS {
            // (Then what was just written is old enough to be relied on.)
            std::thread::sleep(std::time::Duration::from_millis(21));
            for _ in 0..random.below(3) {
                // (Times differ from one edit to the next.)
                std::thread::sleep(std::time::Duration::from_millis(if random.below(2) == 0 { 12 } else { 22 }));
                told.push(edit(&mut random, &[with, without]));
            }
            let before = outputs(with);
            let (dry, _, at_once) = runtime.block_on(build(with, combination, How::Dry));
            assert_eq!(outputs(with), before, "a dry run made something: {told:#?}");
            let (again, ran, then) = runtime.block_on(build(with, combination, How::Both));
            glances += [at_once, then].into_iter().filter(|certain| *certain).count();
            assert_eq!(dry, again, "another dry run foretells something else: {told:#?}");
            let (_, plainly, _) = runtime.block_on(build(without, combination, How::Really));
            assert_eq!(ran, plainly, "a dry run has changed what runs: {told:#?}");
            assert!(ran.is_subset(&dry), "{ran:?} ran, and foretold was {dry:?}: {told:#?}");
            assert_eq!(outputs(with), outputs(without), "{told:#?}");
            foretold += ran.len();
            told.push(format!("ran {ran:?}"));
            // (By times, it depends on what a command writes last. Deep traces are taken of what is made from a file that was changed in place once
            // that is recorded anew.)
            let once_more = match combination[1] {
                "modification-time" => true,
                "deep-constructive-trace" => text.contains(": strip "),
                _ => false,
            };
            if !text.contains("| never") && !once_more {
                let (_, again, _) = runtime.block_on(build(with, combination, How::Both));
                assert!(again.is_empty(), "{again:?} ran though nothing was edited: {told:#?}");
                runtime.block_on(build(without, combination, How::Really));
            }
            // (Every time where keys are kept without a look below them; of the others, the last time tells.)
            let deep = combination[1] == "deep-constructive-trace";
            if deep || combination[1] == "dirty-bit" || round == ROUNDS && combination[1] != "modification-time" {
                as_clean(&runtime, with, deep, &told);
            }
        }
    }
    assert!(foretold > 300 && glances > 15, "only {foretold} commands ran, {glances} times a glance was enough");
}
