//! A crash between any two writes: what is left of a disk is enough to be right.

use alacarte_conformance::broken::crashes::TakesLearnedForItsOwn;
use alacarte_conformance::{
    Broken, Careless, Combination, Expr, Graph, Manner, Name, SCHEDULERS, Scenario, Step, Trial, every_loss,
    judge_crashes, menu, promises,
};
use alacarte_core::{Dynamic, Rebuilder, Static};

/// All that are right whatever happens to a file.
const RIGHT: [&str; 6] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace", "perpetual"];

type LabMenu = Combination<'static>;

/// This rebuilder in the place of ours.
fn instead(of: &str, rebuilder: impl Rebuilder<Name, i64> + Clone + 'static) -> LabMenu {
    let make = move || {
        let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
        (scheduler, Box::new(rebuilder.clone()) as Box<dyn Rebuilder<Name, i64>>)
    };
    Combination::new(format!("another {of}"), promises(of), make)
}

#[test]
fn every_combination_is_right_whatever_a_crash_takes_away() {
    for scheduler in SCHEDULERS {
        for (number, rebuilder) in RIGHT.into_iter().enumerate() {
            // Behind a crash, another rebuilder may go on.
            let next = RIGHT[(number + 1) % RIGHT.len()];
            let combinations = [menu(scheduler, rebuilder), menu(scheduler, next)];
            for several in [1, 2] {
                let (trial, combinations) = (Trial::usually(200), &combinations[..several]);
                let played = if scheduler == "topological" {
                    judge_crashes::<Static, _, _>(trial, combinations, Careless::Never)
                } else {
                    judge_crashes::<Dynamic, _, _>(trial, combinations, Careless::Never)
                };
                if let Err(Broken { counterexample, seed, .. }) = played {
                    panic!("{counterexample}\nSeed {seed}.");
                }
            }
        }
    }
}

/// What is broken is found by the generator that its sound part has passed.
#[test]
fn what_goes_wrong_between_writes_is_found() {
    let sought = |name: &str, make: &dyn Fn() -> LabMenu, careless, wanted: &str| {
        let mut trial = Trial::new(20_000);
        loop {
            match judge_crashes::<Dynamic, _, _>(trial, &[make()], careless) {
                Ok(()) => panic!("{name}: `{wanted}` was not broken in 20,000 cases"),
                Err(Broken { law, seed, counterexample, .. }) => {
                    println!("{name:<28} {law:<22} {:>6}", seed + 1);
                    if law == wanted {
                        println!("{counterexample}");
                        return;
                    }
                    // Another law may be broken first.
                    trial = trial.with_seed(seed + 1).with_cases(20_000 - (seed + 1));
                }
            }
        }
    };
    let deep = || instead("deep-constructive-trace", TakesLearnedForItsOwn);
    sought("takes learned for its own", &deep, Careless::Never, "shallow-correct");
    let ours = || menu("suspending", "verifying-trace");
    sought("believes its table of files", &ours, Careless::AboutTheTable, "correct");
    let ours = || menu("suspending", "constructive-trace");
    sought("restores without a copy", &ours, Careless::AboutCopies, "correct");
}

/// `k1` is `k0`, and `k2` is `k1`; a crash comes when `k1` was built, and `k2` was not.
fn small() -> Scenario {
    let (x, a, b) = (Name(0), Name(1), Name(2));
    let steps = vec![
        Step::Edit { key: x, value: 1 },
        Step::Build(vec![b]),
        Step::Edit { key: x, value: 2 },
        Step::Build(vec![a]),
        Step::Build(vec![b]),
        Step::Edit { key: x, value: 1 },
        Step::Build(vec![b]),
    ];
    let graph = Graph::new([None, Some(Expr::Get(x)), Some(Expr::Get(a))]);
    Scenario::new(graph, [(x, 0)], steps).with_manner(Manner::default().with_signed(true))
}

#[test]
fn every_loss_of_a_small_crash_is_survived() {
    for (number, rebuilder) in RIGHT.into_iter().enumerate() {
        for next in [rebuilder, RIGHT[(number + 1) % RIGHT.len()]] {
            let combinations = [menu("suspending", rebuilder), menu("suspending", next)];
            match every_loss::<Dynamic, _, _>(&small(), 2, &combinations) {
                Ok(losses) => {
                    println!("{rebuilder}, then {next}: {losses} losses");
                    assert!(losses > 400, "{losses}");
                }
                Err(Broken { counterexample, .. }) => panic!("{counterexample}"),
            }
        }
    }
    let combinations = [instead("deep-constructive-trace", TakesLearnedForItsOwn)];
    let broken = every_loss::<Dynamic, _, _>(&small(), 2, &combinations).expect_err("it is noticed");
    assert_eq!(broken.law, "shallow-correct", "{}", broken.counterexample);
}
