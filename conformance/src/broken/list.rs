//! The list of what is broken.

use super::fixture::Fixture;
use super::{
    answers, bare, caches, costs, journals, misrecorded_traces, mistold_bits, overpromising, published, schedulers,
    slipping_deep, slipping_steps, slipping_verifiers, tolerant, worlds,
};

/// Everything in this room.
pub fn all() -> Vec<Fixture> {
    let rebuilders = [
        bare::list(),
        mistold_bits::list(),
        slipping_verifiers::list(),
        misrecorded_traces::list(),
        answers::list(),
        slipping_deep::list(),
    ];
    let others = [
        caches::list(),
        slipping_steps::list(),
        overpromising::list(),
        schedulers::list(),
        journals::list(),
        published::list(),
        tolerant::list(),
    ];
    rebuilders.into_iter().chain(others).flatten().chain(worlds::list()).chain(costs::list()).collect()
}
