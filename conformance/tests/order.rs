//! The orders in which tasks run, judged by somebody else's graph algorithms: on random graphs that may have
//! cycles, a topological build either follows petgraph's partial order or refuses exactly what petgraph calls
//! cyclic, with a path that is a cycle; and the other schedulers agree with it about which graphs have one. Beside them,
//! what an order is made for.

mod common;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use alacarte_conformance::{Choices, Seeded};
use alacarte_core::{Build, Cause, Fetch, Rules, Running, Static, Tasks, declared, formula, task};
use alacarte_rebuilders::Perpetual;
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, RIGHT, system};
use petgraph::algo::is_cyclic_directed;
use petgraph::graph::DiGraph;
use petgraph::visit::Dfs;

const KEYS: u32 = 12;

/// Edges from keys to what they fetch: up to three downwards, and one or none to any key, so that about half of the graphs have
/// a cycle.
fn graph(choices: &mut impl Choices) -> Vec<Vec<u32>> {
    let mut some = |of: u32, most: usize| -> BTreeSet<u32> {
        let count = if of == 0 { 0 } else { choices.choose(most + 1) };
        (0..count).map(|_| choices.choose(of as usize) as u32).collect()
    };
    (0..KEYS).map(|key| (&some(key, 3) | &some(KEYS, 1)).into_iter().collect()).collect()
}

fn tasks(graph: &[Vec<u32>]) -> Rules<u32, u64, Static> {
    let mut rules = Rules::new();
    for (key, fetched) in graph.iter().enumerate() {
        let list = fetched.clone();
        let run = async move |fetch: Fetch<'_, u32, u64>| Ok(fetch.all(list.iter()).await?.iter().sum::<u64>() + 1);
        rules.set(key as u32, declared(fetched.clone(), run));
    }
    rules
}

#[test]
fn an_order_is_one_by_petgraph_and_a_cycle_is_one_too() {
    let mut cycles = 0;
    for seed in 0..512 {
        let choices = &mut Seeded(seed);
        let (graph, target) = (graph(choices), choices.choose(KEYS as usize) as u32);
        let edges = graph.iter().enumerate().flat_map(|(key, on)| on.iter().map(move |&on| (key as u32, on)));
        let mut whole = DiGraph::<(), ()>::from_edges(edges);
        while whole.node_count() < KEYS as usize {
            whole.add_node(());
        }
        let mut reach = Vec::new();
        let mut search = Dfs::new(&whole, target.into());
        while let Some(node) = search.next(&whole) {
            reach.push(node);
        }
        let below = whole.filter_map(|node, ()| reach.contains(&node).then_some(()), |_, ()| Some(()));
        let cyclic = is_cyclic_directed(&below);
        cycles += u32::from(cyclic);
        for name in alacarte_schedulers::NAMES {
            let scheduler = alacarte_schedulers::named(name).expect("a scheduler");
            let mut build =
                Build::new(tasks(&graph), Memory::new()).with_scheduler(scheduler).with_rebuilder(Perpetual);
            let told = || format!("{name}, {target} of {graph:?}");
            match build.run([target]) {
                Ok(report) => {
                    assert!(!cyclic, "{}: it built what has a cycle", told());
                    let ran = build.names(&report.ran);
                    assert_eq!(ran.len(), reach.len(), "{}", told());
                    let place: HashMap<u32, usize> = ran.iter().enumerate().map(|(at, &key)| (key, at)).collect();
                    for &key in &ran {
                        let below = &graph[key as usize];
                        assert!(below.iter().all(|on| place[on] < place[&key]), "{}: {ran:?}", told());
                    }
                }
                Err(error) => {
                    assert!(cyclic, "{}: it refused what has no cycle: {error}", told());
                    let path = error.failures.iter().find_map(|failure| match &failure.cause {
                        Cause::Cycle { path } => Some(path.clone()),
                        _ => None,
                    });
                    let path: Vec<usize> =
                        path.expect("a cycle").iter().map(|key| key.parse().expect("a key")).collect();
                    assert!(path.len() > 1 && path.first() == path.last(), "{}: {path:?}", told());
                    for step in path.windows(2) {
                        assert!(graph[step[0]].contains(&(step[1] as u32)), "{}: {path:?}", told());
                    }
                }
            }
        }
    }
    // Of either kind there are many.
    println!("{cycles} of 512 have a cycle");
    assert!((128..384).contains(&cycles), "{cycles}");
}

/// A chain of two, and how often it was asked what a link declares.
struct Asked {
    rules: Rules<Key, i64>,
    times: Rc<Cell<usize>>,
}

impl Tasks<Key, i64> for Asked {
    type Power = Static;

    fn has(&self, key: &Key) -> bool {
        self.rules.has(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        self.rules.run(key, fetch)
    }

    fn declared(&self, key: &Key, each: &mut dyn FnMut(&Key)) -> bool {
        self.times.set(self.times.get() + 1);
        self.rules.declared(key, each)
    }
}

#[test]
fn what_a_task_declares_is_asked_once_for_all_builds_of_the_same_targets() {
    for rebuilder in RIGHT {
        let times = Rc::new(Cell::new(0));
        let rules = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
        let mut build = system("topological", rebuilder, Asked { rules, times: times.clone() }, &[("A", 0)]);
        for a in [0, 1, 2] {
            build.set("A", a).expect("set");
            build.run(["C"]).expect("built");
            assert_eq!((build.get("C"), times.get()), (Some(a), 2), "{rebuilder}");
        }
    }
}

/// Depth first: so no more tasks are begun than the way down is long.
#[test]
fn of_keys_that_were_never_built_the_one_demanded_last_goes_first() {
    for scheduler in DYNAMIC {
        let get = |key: Key| task(async move |fetch: Fetch<'_, Key, i64>| fetch.get(key).await);
        let tasks = Rules::new().rule("one", get("below")).rule("two", get("A")).rule("below", get("A"));
        let mut build = system(scheduler, "verifying-trace", tasks, &[("A", 0)]);
        let report = build.run(["one", "two"]).expect("built");
        assert_eq!(build.names(&report.ran), ["below", "one", "two"], "{scheduler}");
    }
}

/// It cannot have been declared: that would have been a cycle.
#[test]
fn a_task_that_asks_for_itself_is_refused_even_if_it_does_not_wait() {
    let vain = async |fetch: Fetch<'_, Key, i64>| {
        let itself = futures::poll!(fetch.get("B"));
        Ok(i64::from(itself.is_ready()))
    };
    let tasks = Rules::new().rule("B", declared(["A"], vain));
    let mut build = system("topological", "verifying-trace", tasks, &[("A", 0)]);
    let error = build.run(["B"]).expect_err("it asked for itself").to_string();
    assert!(error.contains("B: it fetched B, which it did not declare"), "{error}");
}
