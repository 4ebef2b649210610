//! Worlds in which a build cannot be what it should be: a store that writes where it may not, work that nobody hears end.
//!
//! No scheduler and no rebuilder can write to an input, or forget whom to wake: the interface has no word for it. What
//! stands behind a build can.

use super::fixture::Fixture;

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The store lays the copy of a value that was built over an input. (The one that was read last: what is built
    /// of it is right.)
    Spills,
    /// Work outside ends and wakes nobody.
    Silent,
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    vec![
        Fixture::new("store-spills", "a store that lays copies of outputs over an input", "constructive-trace")
            .flawed(Flaw::Spills)
            .caught_by(&["inputs-untouched"]),
        Fixture::new("work-wakes-nobody", "work that ends and wakes nobody", "verifying-trace")
            .flawed(Flaw::Silent)
            .working()
            .caught_by(&["awake"]),
    ]
}
