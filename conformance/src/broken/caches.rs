//! Caches that builds share, and that give back something else than they were given.
//!
//! In such a trial a new process is a new machine: it has no journal, only what the cache can teach it.

use std::cell::RefCell;
use std::rc::Rc;

use alacarte::{SharedTrace, StoreError, TraceCache};

use super::fixture::Fixture;
use crate::expr::Name;

/// What is wrong with what a cache gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A trace comes with the value of its neighbour, the one that was added before.
    Neighbour,
    /// A trace comes with the value of the first trace of its key.
    FirstValue,
    /// A trace comes under the name of its neighbour's key.
    Renamed,
    /// A trace lacks its last dependency.
    Clipped,
}

/// A cache in memory. Clones share what is in it.
#[derive(Clone, Default)]
pub struct Shelf(Rc<RefCell<Vec<SharedTrace<Name, i64>>>>);

/// A build's way to a cache, with a fault.
pub struct Lends {
    /// The cache.
    pub shelf: Shelf,
    /// What is wrong with it.
    pub fault: Fault,
}

impl TraceCache<Name, i64> for Lends {
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<Name, i64>)) -> Result<(), StoreError> {
        let kept = self.shelf.0.borrow();
        for (position, trace) in kept.iter().enumerate() {
            let beside = &kept[position.saturating_sub(1)];
            let mut trace = trace.clone();
            match self.fault {
                Fault::None => {}
                Fault::Neighbour => trace.value = beside.value,
                Fault::FirstValue => {
                    let first = kept.iter().find(|other| other.key == trace.key);
                    trace.value = first.map_or(trace.value, |first| first.value);
                }
                Fault::Renamed => trace.key = beside.key,
                Fault::Clipped => {
                    trace.dependencies.pop();
                }
            }
            each(trace);
        }
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Name, i64>) -> Result<(), StoreError> {
        let mut kept = self.shelf.0.borrow_mut();
        if !kept.contains(trace) {
            kept.push(trace.clone());
        }
        Ok(())
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, fault| Fixture::new(name, wrong, "constructive-trace").sharing(fault).values_only();
    let deep = |name, wrong, fault| Fixture::new(name, wrong, "deep-constructive-trace").sharing(fault).values_only();
    vec![
        new("cache-neighbour", "a cache that returns its neighbour", Fault::Neighbour),
        new("cache-first-value", "a cache that returns the first value that a key had", Fault::FirstValue),
        new("cache-renamed", "a cache that returns a trace under its neighbour's name", Fault::Renamed)
            .caught_by(&["correct", "honest"]),
        new("cache-clipped", "a cache that loses the last dependency of a trace", Fault::Clipped),
        deep("deep-cache-neighbour", "a cache of deep traces that returns its neighbour", Fault::Neighbour),
        deep("deep-cache-clipped", "a cache of deep traces that loses their last dependency", Fault::Clipped)
            .caught_by(&["shallow-correct", "set-correct"]),
    ]
}
