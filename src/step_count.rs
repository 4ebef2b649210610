//! The steps of the build system's own searches, counted.
//!
//! A part of what a build costs is in no report: how far a walk up the dependents goes, how many slots are looked through
//! for a circle, how many keys for a definition that changed. Each such loop counts its steps here, so that a test can say
//! how fast they may grow (a test of time could not). A build runs on one thread, and so does the count; it only grows.

use std::cell::Cell;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Says that a search on this thread took so many steps. For metadata and strategies that search for something in another way
/// than by fetching it.
#[inline]
pub fn count_steps(steps: usize) {
    TAKEN.set(TAKEN.get() + steps as u64);
}

/// How many steps searches on this thread have taken.
pub fn steps_taken() -> u64 {
    TAKEN.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up() {
        let before = steps_taken();
        count_steps(3);
        assert_eq!(steps_taken() - before, 3);
        count_steps(4);
        assert_eq!(steps_taken() - before, 7);
    }
}
