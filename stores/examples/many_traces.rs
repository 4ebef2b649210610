//! A cache with many traces: how long it takes to open it and to look one up, beside a cache with a few.
//!
//! `cargo run --release -p alacarte-stores --features files --example many_traces [TRACES]` (a million takes 4 GB of disk while it runs)

use std::time::Instant;

use alacarte_core::{Fingerprint, SharedDependency, SharedTrace, TraceCache};
use alacarte_stores::{SharedCache, TraceLog};

fn trace(number: u64) -> SharedTrace<String, u64> {
    let depends = |key: String, fingerprint| SharedDependency::new(key, Fingerprint(fingerprint));
    let dependencies = (0..5).map(|header| depends(format!("include/header_{header}.h"), number)).collect();
    SharedTrace::new(format!("out/module_{number}.o"), dependencies, None, number)
}

fn main() {
    let traces = std::env::args().nth(1).map_or(100_000, |text| text.parse().expect("a number of traces"));
    let directory = tempfile::tempdir().expect("a scratch directory");
    for count in [1000, traces] {
        let cache = SharedCache::new(directory.path().join(count.to_string()));
        let begin = Instant::now();
        let mut log = cache.traces();
        (0..count).for_each(|number| log.add(&trace(number)).expect("added"));
        let added = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let mut log: TraceLog<String, u64> = cache.traces();
        let opened = begin.elapsed().as_secs_f64();
        let mut look_up = |key: &dyn Fn(u64) -> String| {
            let begin = Instant::now();
            let mut found = 0;
            for number in 0..1000 {
                log.traces(&key(number * 7919 % count), &mut |_| found += 1).expect("read");
            }
            (begin.elapsed().as_secs_f64() * 1000.0, found)
        };
        let (hits, found) = look_up(&|number| format!("out/module_{number}.o"));
        let (misses, _) = look_up(&|number| format!("lib/other_{number}.o"));
        assert_eq!(found, 1000);
        println!(
            "{count} traces: added in {:.1} µs each, opened in {:.1} µs, looked up in {hits:.1} µs, missed in {misses:.1} µs",
            added * 1e6 / count as f64,
            opened * 1e6
        );
    }
}
