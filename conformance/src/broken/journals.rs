//! Journals that give back something else than they were given.
//!
//! A journal may lose its *last* records: what is left is the journal as it once was, and that costs rebuilds,
//! never a wrong value. To lose one in the middle and say nothing is to lie: who depended on that key is then
//! known to nobody. (The log in a file notices such gaps, and tells of them.) So it is to repeat an old record, to
//! change their order, or to tell one under another key's name: a fold over the events believes what comes last.

use super::by_hand;
use super::fixture::Fixture;
use crate::faults::JournalLie;

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, lie| {
        // With a record goes the value, which a key that loses its task would go on with.
        Fixture::new(name, wrong, "dirty-bit").lying(lie).styled(|style| style.formulas = false).values_only()
    };
    vec![
        new("journal-repeats", "an old record comes again after newer ones", JournalLie::Repeats),
        new("journal-loses", "a record in the middle is lost, and nothing tells of it", JournalLie::Loses),
        new("journal-forgives", "what tasks have started without waiting is forgotten", JournalLie::Forgives)
            .by_hand(by_hand::what_was_started_failed),
        new("journal-swaps", "the last two records change places", JournalLie::Swaps),
        new("journal-misnames", "a record is told under another key's name", JournalLie::Misnames),
    ]
}
