//! The suite bites: every component that is broken on purpose is caught, by a law that it breaks; and what it stands in
//! for passes the very same trial.

use std::cell::Cell;
use std::rc::Rc;

use alacarte_conformance::broken::{Fixture, Pair, all, harmless};
use alacarte_conformance::relations::RELATIONS;
use alacarte_conformance::{Broken, LAWS, Name, Yields};
use alacarte_core::{Build, Dynamic, Fetch, Rules, declared, formula, task};
use alacarte_rebuilders::Perpetual;
use alacarte_stores::Memory;

/// How many scenarios are tried before a component that is broken counts as unnoticed.
const ENOUGH: u64 = 4096;
/// How many a component has to pass that is right.
const CASES: u64 = 128;
/// What `paper-notes/rules.md` says is wrong with the published model, a row of its table each.
const DEFECTS: [&str; 7] = [
    "Bazel",
    "step traces",
    "not deep",
    "look-up by value",
    "restarting with a chain",
    "look-up scans every trace",
    "a cycle hangs",
];

#[test]
fn every_broken_component_is_caught() {
    let mut wrong = Vec::new();
    println!("{:<28} {:<22} {:>6}", "broken", "law", "cases");
    for fixture in all() {
        let Fixture { name, laws, unseen, apart, .. } = fixture;
        if let Some(what) = unseen.filter(|_| apart) {
            println!("{name:<28} is not on this stage; a test of its own sees it, by {what}");
            continue;
        }
        match (fixture.judge(if unseen.is_some() { CASES } else { ENOUGH }), unseen) {
            (Ok(()), Some(what)) => println!("{name:<28} no law sees it; a test of its own does, by {what}"),
            (Ok(()), None) => wrong.push(format!("{name}: nothing was noticed")),
            (Err(Broken { law, cases, counterexample, .. }), None) if laws.contains(&law) => {
                let by_hand = if fixture.by_hand.is_some() { " by hand" } else { "" };
                println!("{name:<28} {law:<22} {cases:>6}{by_hand}");
                // The smallest counterexample is small.
                assert!(fixture.by_hand.is_some() || counterexample.lines().count() < 40, "{name}: {counterexample}");
            }
            (Err(Broken { law, counterexample, .. }), _) => {
                wrong.push(format!("{name}: caught by `{law}`, not by {laws:?}:\n{counterexample}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn there_is_one_for_every_rule_every_defect_and_every_law() {
    let mut names: Vec<_> = all().iter().chain(&harmless()).map(|fixture| fixture.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(all().iter().filter(|fixture| fixture.unseen.is_none()).count() >= 25);
    let relations = RELATIONS.iter().map(|relation| relation.name);
    let laws = LAWS.iter().map(|law| law.name).chain(relations).chain(["awake", "no-panic"]);
    for law in laws {
        assert!(all().iter().any(|fixture| fixture.laws == [law]), "nothing breaks `{law}` alone");
    }
    for rule in (1..=8).map(|rule| format!("rule {rule}")) {
        assert!(all().iter().any(|fixture| fixture.theory == Some(&rule)), "nothing violates {rule}");
    }
    for defect in DEFECTS.map(|defect| format!("defect: {defect}")) {
        assert!(all().iter().any(|fixture| fixture.theory == Some(&defect)), "nothing is an example of the {defect}");
    }
}

#[test]
fn what_it_stands_in_for_passes_the_very_same_trial() {
    let mut tried = Vec::new();
    for fixture in all().into_iter().filter(|fixture| fixture.unseen.is_none()) {
        let trial =
            (fixture.stands_for(), fixture.promises, fixture.style, fixture.setup, fixture.compared, fixture.manner);
        if fixture.by_hand.is_none() && tried.contains(&trial) {
            continue;
        }
        if let Err(Broken { law, counterexample, .. }) = fixture.judge_sound(CASES) {
            panic!("instead of {}: {} is caught by `{law}`:\n{counterexample}", fixture.name, fixture.stands_for());
        }
        tried.push(trial);
    }
}

#[test]
fn what_only_looks_broken_is_not_caught() {
    for fixture in harmless() {
        if let Err(Broken { law, counterexample, .. }) = fixture.judge(CASES) {
            panic!("{} is caught by `{law}`:\n{counterexample}", fixture.name);
        }
    }
}

type Tasks = Rules<Name, i64, Dynamic>;

/// No tasks but one that nobody fetches.
fn none() -> Tasks {
    Rules::new().rule(Name(99), task(async |_| Ok(0)))
}

fn named(name: &str) -> Fixture {
    all().into_iter().find(|fixture| fixture.name == name).expect("a fixture of that name")
}

/// Shows what a fixture does and what is right, in this order.
fn beside<T>(name: &str, show: impl Fn(Pair) -> T) -> [T; 2] {
    let fixture = named(name);
    [show(fixture.pair()), show(fixture.sound_pair())]
}

fn add(
    tasks: Tasks,
    key: u32,
    run: impl AsyncFn(Fetch<'_, Name, i64>) -> alacarte_core::Result<i64> + 'static,
) -> Tasks {
    tasks.rule(Name(key), task(run))
}

/// The second build of all keys knows the order in which the first one could finish them.
#[test]
fn a_forgotten_chain_is_paid_for_in_restarts() {
    let restarts = beside("unchained", |(scheduler, _)| {
        let mut tasks = none();
        for key in 4..20 {
            let above = (key / 4 - 1) * 4;
            tasks = add(tasks, key, async move |fetch| {
                let first = fetch.get(Name(above + key % 4)).await?;
                Ok(first + fetch.get(Name(above + (key + 1) % 4)).await?)
            });
        }
        let inputs: Memory<Name, i64> = (0..4).map(|key| (Name(key), 1)).collect();
        // Every task runs, and none of them waits because of a question.
        let mut build = Build::new(tasks, inputs).with_scheduler(scheduler).with_rebuilder(Box::new(Perpetual));
        // Dependents first, as a user may name them.
        let targets = || (4..20).rev().map(Name);
        build.run(targets()).expect("built");
        build.run(targets()).expect("built").restarts
    });
    let [forgets, right] = restarts;
    assert_eq!(right, 0);
    assert!(forgets >= 12, "{forgets}");
}

/// What was fetched at once is verified at once; as a sequence, one after the other.
#[test]
fn a_group_recorded_as_a_sequence_is_verified_one_by_one() {
    let most = beside("traces-sequences", |(scheduler, rebuilder)| {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut tasks = add(none(), 4, async |fetch| Ok(fetch.all([1, 2, 3].map(Name)).await?.iter().sum()));
        for key in 1..4 {
            let (now, most) = (now.clone(), most.clone());
            tasks = add(tasks, key, async move |fetch| {
                // The same value after the edit, so that verification goes on.
                let value = fetch.get(Name(0)).await?.min(3);
                let work = async {
                    now.set(now.get() + 1);
                    most.set(most.get().max(now.get()));
                    Yields(3).await;
                    now.set(now.get() - 1);
                };
                fetch.work(work).await;
                Ok(value)
            });
        }
        let build = Build::new(tasks, Memory::from([(Name(0), 5)])).with_scheduler(scheduler).with_rebuilder(rebuilder);
        let mut build = build.with_jobs(3);
        build.run([Name(4)]).expect("built");
        build.set(Name(0), 6).expect("set");
        most.set(0);
        build.run([Name(4)]).expect("built");
        most.get()
    });
    assert_eq!(most, [1, 3]);
}

/// An undeclared dependency that happens to be up to date is an error all the same.
#[test]
fn luck_that_passes_for_order_is_not_told() {
    let failed = beside("permits", |(scheduler, rebuilder)| {
        let tasks = Rules::new().rule(Name(1), formula([Name(0)], |[value]| value + 1));
        let tasks = tasks.rule(Name(2), declared([Name(0)], async |fetch| fetch.get(Name(1)).await));
        let mut build =
            Build::new(tasks, Memory::from([(Name(0), 1)])).with_scheduler(scheduler).with_rebuilder(rebuilder);
        build.run([Name(1)]).expect("built");
        build.run([Name(2), Name(1)]).is_err()
    });
    assert_eq!(failed, [false, true]);
}
