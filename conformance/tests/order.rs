//! The orders in which tasks run, judged by somebody else's graph algorithms: on random graphs that may have
//! cycles, a topological build either follows petgraph's partial order or refuses exactly what petgraph calls
//! cyclic, with a path that is a cycle; and the other schedulers agree with it about which graphs have one.

mod common;

use std::collections::HashMap;

use alacarte::{Build, Cause, Fetch, Rules, Static, declared};
use alacarte_rebuilders::Perpetual;
use alacarte_schedulers::AnyScheduler;
use alacarte_stores::Memory;
use petgraph::algo::is_cyclic_directed;
use petgraph::graph::DiGraph;
use petgraph::visit::Dfs;
use proptest::prelude::*;

const KEYS: u32 = 12;

/// Edges from keys to what they fetch.
fn graphs() -> impl Strategy<Value = Vec<Vec<u32>>> {
    // Mostly downwards, so that about half of the graphs have no cycle.
    let fetched = |key: u32| {
        let down = prop::collection::btree_set(0..key.max(1), 0..4);
        let any = prop::collection::btree_set(0..KEYS, 0..2);
        (down, any, 0..10_u8).prop_map(move |(down, any, wild)| {
            let downwards = down.into_iter().filter(|&other| other < key);
            let wild = any.into_iter().filter(move |_| wild == 0);
            let mut all: Vec<u32> = downwards.chain(wild).collect();
            all.sort_unstable();
            all.dedup();
            all
        })
    };
    (0..KEYS).map(fetched).collect::<Vec<_>>()
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_order_is_one_by_petgraph_and_a_cycle_is_one_too(graph in graphs(), target in 0..KEYS) {
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
        for scheduler in AnyScheduler::NAMES {
            let scheduler = AnyScheduler::named(scheduler).expect("a scheduler");
            let name = scheduler.name();
            let mut build = Build::new(tasks(&graph), Memory::new()).scheduler(scheduler).rebuilder(Perpetual);
            match build.run([target]) {
                Ok(report) => {
                    prop_assert!(!cyclic, "{name} built what has a cycle");
                    let ran = build.names(&report.ran);
                    prop_assert_eq!(ran.len(), reach.len());
                    let place: HashMap<u32, usize> = ran.iter().enumerate().map(|(at, &key)| (key, at)).collect();
                    for &key in &ran {
                        prop_assert!(graph[key as usize].iter().all(|on| place[on] < place[&key]), "{}: {:?}", name, ran);
                    }
                }
                Err(error) => {
                    prop_assert!(cyclic, "{name} refused what has no cycle: {error}");
                    let path = error.failures.iter().find_map(|failure| match &failure.cause {
                        Cause::Cycle { path } => Some(path.clone()),
                        _ => None,
                    });
                    let path: Vec<usize> =
                        path.expect("a cycle").iter().map(|key| key.parse().expect("a key")).collect();
                    prop_assert!(path.len() > 1 && path.first() == path.last(), "{}: {:?}", name, path);
                    for step in path.windows(2) {
                        prop_assert!(graph[step[0]].contains(&(step[1] as u32)), "{}: {:?}", name, path);
                    }
                }
            }
        }
    }
}
