//! The list of what is broken.

use super::fixture::Fixture;
use super::{
    answers, bare, bits, caches, claims, costs, deep, journals, published, schedulers, steps, tolerant, traces,
    verifying, worlds,
};

/// Everything in this room.
pub fn all() -> Vec<Fixture> {
    let rebuilders = [bare::list(), bits::list(), verifying::list(), traces::list(), answers::list(), deep::list()];
    let others = [
        caches::list(),
        steps::list(),
        claims::list(),
        schedulers::list(),
        journals::list(),
        published::list(),
        tolerant::list(),
    ];
    rebuilders.into_iter().chain(others).flatten().chain(worlds::list()).chain(costs::list()).collect()
}
