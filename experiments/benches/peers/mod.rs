//! Engines of others, from crates.io, on the same graphs. Development dependencies only: used by the benchmarks
//! and by `examples/measure.rs`.

pub mod salsa;
