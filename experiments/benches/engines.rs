//! Every engine on every workload, as `criterion` sees it: `layered/100000/clean/suspending × verifying-trace`.
//!
//! For watching one figure while an engine is changed. The table in `README.md` is `examples/measure.rs`'s,
//! which measures all engines in turns rather than one after the other, and bytes as well. A million keys are
//! left to the main combinations here.

mod peers;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alacarte_experiments::workloads::{Change, Contender, Engine, KeyGraph, chain, contenders, fan_in, layered};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

fn with_salsa() -> impl Iterator<Item = Contender> {
    contenders().into_iter().chain(peers::salsa::contenders())
}

/// Builds cleanly, in a new engine each time. Dropping the engine does not count.
fn clean(c: &mut Criterion, group: &str, graph: &Arc<KeyGraph>, contender: &Contender) {
    let mut group = c.benchmark_group(group);
    group.bench_function(BenchmarkId::from_parameter(&contender.name), |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let mut engine = contender.make(graph);
                engine.run();
                engine
            },
            BatchSize::PerIteration,
        );
    });
}

/// Builds again and again in one engine, each time after another edit. The edit counts too.
fn again(c: &mut Criterion, group: &str, graph: &Arc<KeyGraph>, contender: &Contender, scenario: Change) {
    // Built when first needed, so that a filter leaves out the clean build as well.
    let mut built: Option<Built> = None;
    let mut group = c.benchmark_group(group);
    group.bench_function(BenchmarkId::from_parameter(&contender.name), |bencher| {
        bencher.iter_custom(|times| {
            let built = built.get_or_insert_with(|| Built::new(graph, contender));
            (0..times).map(|_| built.again(scenario)).sum()
        });
    });
}

/// An engine that has built, and what its inputs are.
struct Built {
    engine: Box<dyn Engine>,
    inputs: Vec<u64>,
    round: u64,
}

impl Built {
    fn new(graph: &Arc<KeyGraph>, contender: &Contender) -> Self {
        let mut engine = contender.make(graph);
        engine.run();
        Built { engine, inputs: (0..graph.inputs()).map(|input| graph.initial(input)).collect(), round: 0 }
    }

    fn again(&mut self, scenario: Change) -> Duration {
        self.round += 1;
        let edited = scenario.edit(&mut self.inputs, self.round);
        let start = Instant::now();
        for input in edited {
            self.engine.set(input, self.inputs[input]);
        }
        self.engine.run();
        black_box(&mut self.engine);
        start.elapsed()
    }
}

fn all_scenarios(c: &mut Criterion, name: &str, graph: KeyGraph, scenarios: &[Change], chosen: &[Contender]) {
    let (size, graph) = (graph.len() / 10 * 10, Arc::new(graph));
    for &scenario in scenarios {
        let group = format!("{name}/{size}/{}", scenario.name());
        for contender in chosen {
            match scenario {
                Change::Clean => clean(c, &group, &graph, contender),
                _ => again(c, &group, &graph, contender, scenario),
            }
        }
    }
}

fn engines(c: &mut Criterion) {
    let all: Vec<_> = with_salsa().collect();
    let deep: Vec<_> = contenders();
    for size in [10_000, 100_000] {
        all_scenarios(c, "layered", layered(size), &Change::ALL, &all);
    }
    all_scenarios(c, "layered", layered(1_000_000), &[Change::Clean, Change::One], &all);
    // salsa recurses: a chain of this length overflows its stack.
    all_scenarios(c, "chain", chain(100_000), &[Change::Clean, Change::One], &deep);
    all_scenarios(c, "fan-in", fan_in(100_000), &[Change::Clean, Change::One], &all);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .without_plots();
    targets = engines
}
criterion_main!(benches);
