//! Journals that give back something else than they were given.
//!
//! A journal may lose its *last* records: what is left is the journal as it once was, and that costs rebuilds,
//! never a wrong value. To lose one in the middle and say nothing is to lie: who depended on that key is then
//! known to nobody. (The log in a file notices such gaps, and tells of them.) So it is to repeat an old record, to
//! change their order, or to tell one under another key's name: a fold over the events believes what comes last.

use super::by_hand;
use super::fixture::Fixture;

/// What is wrong with what a journal gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// The oldest record of each key that was built comes once more, after all others.
    Repeats,
    /// The last two records change places.
    Swaps,
    /// The newest record of a build is told under the name of the key that was built before.
    Misnames,
    /// Every third record is lost, and nothing tells of it.
    Loses,
    /// What is owed, because a task started it without waiting, is not told.
    Forgives,
    /// The last record is lost. No lie at all: no law may notice.
    Torn,
}

/// What a lie looks at in a record: whose it is, and whether it tells of a build, or of a debt.
pub(crate) struct Told<'t, K> {
    pub key: &'t K,
    pub made: bool,
    pub owed: bool,
}

impl Lie {
    /// The records in the order in which they are given back, each with the place of the one whose key it is
    /// said to speak of.
    pub(crate) fn order<K: PartialEq>(lie: Option<Lie>, told: &[Told<'_, K>]) -> Vec<(usize, usize)> {
        let mut order: Vec<_> = (0..told.len()).map(|position| (position, position)).collect();
        let made: Vec<usize> = (0..told.len()).filter(|&position| told[position].made).collect();
        match (lie, order.len()) {
            (Some(Lie::Repeats), _) => {
                let first = |&at: &usize| made.iter().find(|&&other| told[other].key == told[at].key) == Some(&at);
                order.extend(made.iter().copied().filter(first).map(|position| (position, position)));
            }
            (Some(Lie::Swaps), records @ 2..) => order.swap(records - 2, records - 1),
            (Some(Lie::Misnames), _) => {
                if let [.., before, last] = made[..] {
                    order[last].1 = before;
                }
            }
            (Some(Lie::Loses), _) => order.retain(|(position, _)| position % 3 != 1),
            (Some(Lie::Forgives), _) => order.retain(|&(position, _)| !told[position].owed),
            (Some(Lie::Torn), _) => drop(order.pop()),
            _ => {}
        }
        order
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, lie| {
        // With a record goes the value, which a key that loses its task would go on with.
        Fixture::new(name, wrong, "dirty-bit").lying(lie).styled(|style| style.formulas = false).values_only()
    };
    vec![
        new("journal-repeats", "an old record comes again after newer ones", Lie::Repeats),
        new("journal-loses", "a record in the middle is lost, and nothing tells of it", Lie::Loses),
        new("journal-forgives", "what tasks have started without waiting is forgotten", Lie::Forgives)
            .by_hand(by_hand::what_was_started_failed),
        new("journal-swaps", "the last two records change places", Lie::Swaps),
        new("journal-misnames", "a record is told under another key's name", Lie::Misnames),
    ]
}
