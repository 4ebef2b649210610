//! Worlds in which a build cannot be what it should be: a store that writes where it may not, work that nobody hears end,
//! parts that are exchanged for others and do not show it.
//!
//! No scheduler and no rebuilder can write to an input, or forget whom to wake: the interface has no word for it. What
//! stands behind a build can.

use super::by_hand;
use super::fixture::Fixture;
use crate::faults::Flaw;

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
        Fixture::new("work-takes-no-place", "tasks that have work done outside without asking", "verifying-trace")
            .flawed(Flaw::Unbounded)
            .working()
            .caught_by(&["within-jobs"]),
        Fixture::new("tasks-anonymous", "a collection of tasks that looks like the one before", "verifying-trace")
            .flawed(Flaw::Anonymous)
            .styled(|style| style.exchanges = true)
            .values_only(),
        Fixture::new("journal-deaf", "a journal that is chosen late and not told what it missed", "dirty-bit")
            .flawed(Flaw::Deaf)
            .by_hand(by_hand::a_journal_is_chosen_late)
            .values_only(),
        Fixture::new("store-remembers", "a store in another's place that answers what that one did", "step-trace")
            .flawed(Flaw::Remembers)
            .styled(|style| style.exchanges = true)
            .values_only()
            .caught_by(&["correct", "inputs-untouched"]),
    ]
}
