//! What a journal may do otherwise than it should.

/// What is wrong with what a journal gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalLie {
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

impl JournalLie {
    /// The records in the order in which they are given back, each with the place of the one whose key it is
    /// said to speak of.
    pub(crate) fn order<K: PartialEq>(lie: Option<JournalLie>, told: &[Told<'_, K>]) -> Vec<(usize, usize)> {
        let mut order: Vec<_> = (0..told.len()).map(|position| (position, position)).collect();
        let made: Vec<usize> = (0..told.len()).filter(|&position| told[position].made).collect();
        match (lie, order.len()) {
            (Some(JournalLie::Repeats), _) => {
                let first = |&at: &usize| made.iter().find(|&&other| told[other].key == told[at].key) == Some(&at);
                order.extend(made.iter().copied().filter(first).map(|position| (position, position)));
            }
            (Some(JournalLie::Swaps), records @ 2..) => order.swap(records - 2, records - 1),
            (Some(JournalLie::Misnames), _) => {
                if let [.., before, last] = made[..] {
                    order[last].1 = before;
                }
            }
            (Some(JournalLie::Loses), _) => order.retain(|(position, _)| position % 3 != 1),
            (Some(JournalLie::Forgives), _) => order.retain(|&(position, _)| !told[position].owed),
            (Some(JournalLie::Torn), _) => drop(order.pop()),
            _ => {}
        }
        order
    }
}
