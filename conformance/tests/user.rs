//! What is the user's: values of which a part counts, code that panics, types that change.

mod common;

use alacarte_conformance::user::{Fragile, Label, Part, Untold, burnt, judge_program};
use alacarte_conformance::{Broken, Declares, Trial};
use alacarte_core::{Dynamic, Rebuilder, Scheduler, Static};
use common::RIGHT;

type Boxed = (Box<dyn Scheduler>, Box<dyn Rebuilder<Label, Part>>);

fn named(scheduler: &str, rebuilder: &str) -> Boxed {
    let rebuilder = alacarte_rebuilders::named(rebuilder).expect("a rebuilder");
    (alacarte_schedulers::named(scheduler).expect("a scheduler"), rebuilder)
}

/// Plays histories of a scheduler, whose rebuilders take turns.
fn over<P: Declares>(trial: (u64, u64), scheduler: &str, first: usize, untold: Untold) -> Result<(), Broken> {
    let (seed, cases) = trial;
    let makes: Vec<_> =
        (0..RIGHT.len()).map(|number| move || named(scheduler, RIGHT[(first + number) % RIGHT.len()])).collect();
    let makes: Vec<&dyn Fn() -> Boxed> = makes.iter().map(|make| make as _).collect();
    judge_program::<P, _, _>(Trial::new(cases).with_seed(seed), &makes, untold)
}

/// How many histories each combination plays.
const CASES: u64 = 200;

#[test]
fn whatever_is_the_users_a_key_holds_its_own_whole_value() {
    let mut seeds = (0_u64..).step_by(CASES as usize).map(|seed| (seed, CASES));
    let mut next = || seeds.next().expect("there are more");
    for scheduler in alacarte_schedulers::NAMES {
        for (first, rebuilder) in RIGHT.iter().enumerate() {
            let mut judged = over::<Static>(next(), scheduler, first, Untold::Nothing);
            if scheduler != "topological" {
                judged = judged.and(over::<Dynamic>(next(), scheduler, first, Untold::Nothing));
            }
            if let Err(broken) = judged {
                panic!("{scheduler} × {rebuilder}, seed {}: {broken:?}", broken.seed);
            }
        }
    }
    let never: Vec<_> = Fragile::ALL.iter().filter(|what| !burnt().contains(what)).collect();
    assert!(never.is_empty(), "never called where it was to panic: {never:?}");
}

/// The histories bite: what a program does not tell is found out.
#[test]
fn what_is_untold_is_found_out() {
    for (untold, law) in [(Untold::Parts, "correct"), (Untold::Units, "correct"), (Untold::Losses, "honest")] {
        let broken = over::<Dynamic>((0, 4_096), "suspending", 0, untold).expect_err("something is wrong");
        println!("{untold:?}: `{}` after {} histories{broken:?}", broken.law, broken.cases);
        assert_eq!(broken.law, law, "{untold:?}");
    }
}
