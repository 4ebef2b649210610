//! Every interleaving of small plans, and builds dropped at every sleep: the slowest to run, and so the last to be asked.

#[path = "../tests/interleavings.rs"]
mod interleavings;
