//! Caches that builds share, and that give back something else than they were given.
//!
//! In such a trial a new process is a new machine: it has no journal, only what the cache can teach it.

use super::fixture::Fixture;
use crate::faults::CacheFault;

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, fault| Fixture::new(name, wrong, "constructive-trace").sharing(fault).values_only();
    let deep = |name, wrong, fault| Fixture::new(name, wrong, "deep-constructive-trace").sharing(fault).values_only();
    vec![
        new("cache-neighbour", "a cache that returns its neighbour", CacheFault::Neighbour),
        new("cache-first-value", "a cache that returns the first value that a key had", CacheFault::FirstValue),
        new("cache-renamed", "a cache that returns a trace under its neighbour's name", CacheFault::Renamed)
            .caught_by(&["correct", "honest"]),
        new("cache-clipped", "a cache that loses the last dependency of a trace", CacheFault::Clipped),
        deep("deep-cache-neighbour", "a cache of deep traces that returns its neighbour", CacheFault::Neighbour),
        deep("deep-cache-clipped", "a cache of deep traces that loses their last dependency", CacheFault::Clipped)
            .caught_by(&["shallow-correct", "set-correct"]),
    ]
}
