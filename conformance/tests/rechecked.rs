//! Hits that are run again: right like the rebuilder whose hits they are, and a task that gives something else is found.

use std::cell::Cell;
use std::rc::Rc;

use alacarte_conformance::{check_numbers, promises};
use alacarte_core::{Build, Noted, Rules, formula};
use alacarte_rebuilders::{ConstructiveTrace, DeepConstructiveTrace, Rechecked};
use alacarte_schedulers::{Restarting, Suspending};
use alacarte_stores::Memory;

#[test]
fn what_is_run_again_is_right_all_the_same() {
    let shallow = promises("constructive-trace").with_restores(false).with_starts_once(false);
    check_numbers(Restarting::new(), Rechecked::new(ConstructiveTrace, 50, 7), shallow);
    let deep = promises("deep-constructive-trace").with_restores(false);
    check_numbers(Suspending::new(), Rechecked::new(DeepConstructiveTrace, 50, 7), deep);
}

/// Keys each of which looks at something that it does not fetch: so many that one in a hundred is several.
#[test]
fn a_sample_is_run_and_all_that_differs_in_it_is_found() {
    const KEYS: usize = 1000;
    let mut found = Vec::new();
    for percent in [0, 30, 100] {
        let hidden = Rc::new(Cell::new(0));
        let mut tasks: Rules<String, i64> = Rules::new();
        for key in 0..KEYS {
            let looks = hidden.clone();
            tasks = tasks.rule(format!("{key}"), formula(["x"], move |[x]: [i64; 1]| x + looks.get()));
        }
        let rechecked = Rechecked::new(ConstructiveTrace, percent, 3);
        let sample = rechecked.sample();
        let mut build = Build::new(tasks, Memory::from([("x".to_owned(), 1)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(rechecked);
        let keys: Vec<String> = (0..KEYS).map(|key| format!("{key}")).collect();
        build.run(&keys).expect("built");
        let nothing = sample.take();
        assert_eq!((nothing.hits, nothing.expected.len()), (0, 0), "nothing was known");
        build.set("x".to_owned(), 2).expect("set");
        build.run(&keys).expect("built");
        hidden.set(5);
        build.set("x".to_owned(), 1).expect("set");
        let report = build.run(&keys).expect("built");
        let found_out = sample.take();
        assert_eq!((found_out.hits, found_out.expected.len()), (KEYS, report.ran.len()), "{percent} percent");
        for Noted { key, value: then, .. } in found_out.expected {
            assert_eq!((then, build.get(&build.names(&[key])[0])), (1, Some(6)));
        }
        found.push(report.ran.len());
        // Now it is this build's own, and is kept.
        assert!(build.run(&keys).expect("built").ran.is_empty());
        assert_eq!(sample.take().hits, 0, "what was asked for once is told once");
    }
    assert!(found[0] == 0 && 0 < found[1] && found[1] < KEYS && found[2] == KEYS, "{found:?}");
}
