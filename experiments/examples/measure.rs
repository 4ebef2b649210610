//! Measures every engine on every workload, side by side, and prints the tables of `README.md`.
//!
//! ```text
//! cargo run --release -p alacarte-experiments --example measure -- [SIZE…] [--workload NAME] [--only TEXT]… [--rounds N]
//! ```
//!
//! All engines take turns (A B C, A B C, …), so that whatever else the machine does hits them alike; the median
//! of the rounds counts. Time is that of the wall, of the one thread that all engines run on. Before the timed
//! rounds, one more that is not timed counts bytes and allocations, for every engine in the same way: through
//! the allocator. Every build is checked against plain arrays; a wrong value is a panic.

#[path = "../benches/peers/mod.rs"]
mod peers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use alacarte_experiments::workloads::{Change, Contender, Engine, KeyGraph, chain, contenders, fan_in, layered};

/// The system's allocator, which counts while it is told to.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: isize) {
    if COUNTS.load(Relaxed) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
        if bytes > 0 {
            ALLOCATIONS.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old block and the new one may be there at the same time, but mostly are not.
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a clean build takes of memory.
#[derive(Clone, Copy)]
struct Memory {
    /// Bytes held when it is done.
    live: isize,
    /// Bytes held at most while it was under way.
    peak: isize,
    allocations: usize,
}

fn memory(graph: &Arc<KeyGraph>, contender: &Contender) -> Memory {
    for counter in [&LIVE, &PEAK] {
        counter.store(0, Relaxed);
    }
    ALLOCATIONS.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    let mut engine = contender.make(graph);
    engine.run();
    COUNTS.store(false, Relaxed);
    Memory { live: LIVE.load(Relaxed), peak: PEAK.load(Relaxed), allocations: ALLOCATIONS.load(Relaxed) }
}

/// One engine, and the times that it took, a list a scenario.
struct Row {
    contender: Contender,
    memory: Memory,
    times: [Vec<Duration>; Change::ALL.len()],
}

impl Row {
    /// All scenarios in turn, in one engine. Each comes twice, but for the clean build, and the second time
    /// counts: an engine in use is what matters, not one that meets its first edit.
    fn round(&mut self, graph: &Arc<KeyGraph>, round: u64) {
        let mut inputs: Vec<u64> = (0..graph.inputs()).map(|input| graph.initial(input)).collect();
        let mut engine: Option<Box<dyn Engine>> = None;
        for (scenario, times) in Change::ALL.into_iter().zip(&mut self.times) {
            let repeated = if scenario == Change::Clean { 1 } else { 2 };
            for time in 0..repeated {
                let edited = scenario.edit(&mut inputs, 2 * round + time);
                let start = Instant::now();
                let engine = engine.get_or_insert_with(|| self.contender.make(graph));
                for input in edited {
                    engine.set(input, inputs[input]);
                }
                engine.run();
                let elapsed = start.elapsed();
                if time + 1 == repeated {
                    times.push(elapsed);
                }
                let expected = graph.expected(&inputs);
                for key in graph.targets() {
                    let value = engine.value(key);
                    assert_eq!(value, expected[key], "key {key} of {}, {}", self.contender.name, scenario.name());
                }
            }
        }
    }

    fn median(&self, scenario: usize) -> f64 {
        let mut times = self.times[scenario].clone();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    }
}

/// The tables of one workload.
fn measure(name: &str, graph: KeyGraph, rounds: u64, contenders: Vec<Contender>) -> String {
    let (graph, keys) = (Arc::new(graph), graph_keys(name));
    let size = graph.len();
    let mut rows: Vec<Row> = contenders
        .into_iter()
        .map(|contender| Row { memory: memory(&graph, &contender), contender, times: Default::default() })
        .collect();
    for round in 0..rounds {
        for row in &mut rows {
            row.round(&graph, round);
        }
        eprintln!("{name}, {size} keys: round {} of {rounds}", round + 1);
    }
    let mut text = format!("### {name}, {} keys ({keys}), median of {rounds} rounds, ms\n\n", grouped(size));
    text += "| | clean | null | cutoff | one | 1 % | clean, ns/key | one, ns/key | bytes/key | at most | allocations/key |\n";
    text += "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
    let per_key = |total: f64| total / size as f64;
    for row in &rows {
        let _ = write!(text, "| {} |", row.contender.name);
        for scenario in 0..Change::ALL.len() {
            let _ = write!(text, " {} |", digits(row.median(scenario)));
        }
        let _ = writeln!(
            text,
            " {} | {} | {:.0} | {:.0} | {:.2} |",
            digits(per_key(row.median(0) * 1e6)),
            digits(per_key(row.median(3) * 1e6)),
            per_key(row.memory.live as f64),
            per_key(row.memory.peak as f64),
            per_key(row.memory.allocations as f64),
        );
    }
    for name in peers::salsa::NAMES {
        let Some(salsa) = rows.iter().find(|row| row.contender.name == name) else { continue };
        let _ = write!(text, "\nIn parts of what *{name}* takes (less is better):\n\n");
        text += "| | clean | null | cutoff | one | 1 % | bytes/key |\n|---|---:|---:|---:|---:|---:|---:|\n";
        for row in &rows {
            let _ = write!(text, "| {} |", row.contender.name);
            for scenario in 0..Change::ALL.len() {
                let _ = write!(text, " {} |", digits(row.median(scenario) / salsa.median(scenario)));
            }
            let _ = writeln!(text, " {} |", digits(row.memory.live as f64 / salsa.memory.live as f64));
        }
    }
    text
}

fn graph_keys(workload: &str) -> &'static str {
    match workload {
        "layered" => "ten layers, the first of them inputs",
        "chain" => "the first an input",
        _ => "half of them inputs",
    }
}

/// Three digits that mean something.
fn digits(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        0.1.. => format!("{number:.3}"),
        _ => format!("{number:.4}"),
    }
}

/// 1000000 as 1,000,000.
fn grouped(number: usize) -> String {
    let text = number.to_string();
    let groups: Vec<&str> = text.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// What the command line asks for.
struct Options {
    sizes: Vec<usize>,
    workloads: Vec<String>,
    only: Vec<String>,
    rounds: Option<u64>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { sizes: Vec::new(), workloads: Vec::new(), only: Vec::new(), rounds: None };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match &*argument {
            "--workload" => options.workloads.push(value()?),
            "--only" => options.only.push(value()?),
            "--rounds" => options.rounds = Some(value()?.parse().map_err(|_| "--rounds takes a number")?),
            size => {
                let size = size.replace([',', '_'], "").parse().map_err(|_| format!("what is {size:?}?"))?;
                options.sizes.push(size);
            }
        }
    }
    if options.sizes.is_empty() {
        options.sizes = vec![10_000, 100_000];
    }
    if options.workloads.is_empty() {
        options.workloads = ["layered", "chain", "fan-in"].map(String::from).to_vec();
    }
    Ok(options)
}

/// A stack on which nothing that recurses along a chain goes far.
const SMALL_STACK: usize = 256 << 10;

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for workload in &options.workloads {
        for &size in &options.sizes {
            let (graph, recursion): (fn(usize) -> KeyGraph, bool) = match &**workload {
                "layered" => (layered, true),
                "chain" => (chain, false),
                "fan-in" => (fan_in, true),
                _ => {
                    eprintln!("the workloads are layered, chain and fan-in, not {workload}");
                    return ExitCode::FAILURE;
                }
            };
            let rounds = options.rounds.unwrap_or(match size {
                0..30_000 => 15,
                30_000..300_000 => 7,
                _ => 3,
            });
            let (name, only) = (workload.clone(), options.only.clone());
            let run = move || {
                // salsa recurses: it would need a stack as deep as the chain is long.
                let salsa = recursion.then(peers::salsa::contenders).into_iter().flatten();
                let chosen = contenders().into_iter().chain(salsa);
                let chosen = chosen.filter(|it| only.is_empty() || only.iter().any(|part| it.name.contains(part)));
                measure(&name, graph(size), rounds, chosen.collect())
            };
            let thread = thread::Builder::new().stack_size(SMALL_STACK).spawn(run);
            match thread.map(thread::JoinHandle::join) {
                Ok(Ok(tables)) => println!("{tables}"),
                // A panic has said what it had to say.
                Ok(Err(_)) => return ExitCode::FAILURE,
                Err(error) => {
                    eprintln!("no thread: {error}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}
