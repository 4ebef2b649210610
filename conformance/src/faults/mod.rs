//! What the surroundings of a build do wrong on purpose: a world, a journal, a cache. Which of it is tried, and which law must
//! notice, is for [`broken`](crate::broken) to say.

mod lying_journal;
mod shelf;

pub use lying_journal::JournalLie;
pub(crate) use lying_journal::Told;
pub(crate) use shelf::Lends;
pub use shelf::{CacheFault, Shelf};

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The store lays the copy of a value that was built over an input. (The one that was read last: what is built
    /// of it is right.)
    Spills,
    /// Work outside ends and wakes nobody.
    Silent,
    /// Tasks have work done outside without a place for it.
    Unbounded,
    /// A collection of tasks does not say that it is another than the one before.
    Anonymous,
    /// A journal that is chosen again is not told what it has missed.
    Deaf,
    /// A store that is exchanged for another answers what the one before did.
    Remembers,
}
