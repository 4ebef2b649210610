//! A cache that builds share: right, or with a fault.

use std::cell::RefCell;
use std::rc::Rc;

use alacarte_core::{SharedTrace, StoreError, TraceCache};

use crate::name::Name;

/// What is wrong with what a cache gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheFault {
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
#[derive(Debug, Clone, Default)]
pub struct Shelf(Rc<RefCell<Vec<SharedTrace<Name, i64>>>>);

/// A build's way to a cache, with a fault.
#[derive(Debug)]
pub struct Lends {
    /// The cache.
    pub shelf: Shelf,
    /// What is wrong with it.
    pub fault: CacheFault,
}

impl TraceCache<Name, i64> for Lends {
    fn traces(&mut self, key: &Name, each: &mut dyn FnMut(SharedTrace<Name, i64>)) -> Result<(), StoreError> {
        let kept = self.shelf.0.borrow();
        for (position, trace) in kept.iter().enumerate() {
            let beside = &kept[position.saturating_sub(1)];
            let mut trace = trace.clone();
            match self.fault {
                CacheFault::None => {}
                CacheFault::Neighbour => trace.value = beside.value,
                CacheFault::FirstValue => {
                    let first = kept.iter().find(|other| other.key == trace.key);
                    trace.value = first.map_or(trace.value, |first| first.value);
                }
                CacheFault::Renamed => trace.key = beside.key,
                CacheFault::Clipped => {
                    trace.dependencies.pop();
                }
            }
            if trace.key == *key {
                each(trace);
            }
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
