//! Which keys a build may forget: those that nobody has reached for a long time, and that hold nothing of anybody's.
//!
//! Nothing is noted when a key is fetched. A build notes its targets; what it visits bears the stamp of its revision
//! anyway. (A build that raises no revision, because it need not look at everything, notes the few keys that it visits,
//! and what these were made from.) When keys are collected, these are marked, and all keys below them, by recorded and
//! by declared dependencies.

use std::collections::VecDeque;

use crate::fingerprint::Value;
use crate::key::{Key, KeyId};
use crate::key_table::{KeyTable, State};
use crate::metadata::Metadata;
use crate::task::Tasks;

/// How long a key is kept that nobody reaches, see [`Build::collect`](crate::Build::collect).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// What was reached in so many last builds of this process is kept.
    pub builds: u64,
}

impl Retention {
    /// What was reached in so many last builds of this process is kept.
    pub fn of_builds(builds: u64) -> Self {
        Retention { builds }
    }
}

impl Default for Retention {
    /// A hundred builds.
    fn default() -> Self {
        Retention { builds: 100 }
    }
}

/// So many of the last revisions have a date.
const DATED: usize = 128;

/// What is noted of the builds of this process.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// How many builds have begun.
    pub builds: u64,
    /// The targets of the last build, and its number; most builds have the same ones as the build before.
    targets: (Vec<KeyId>, u64),
    /// By number, when a key that no stamp or record speaks for was last reached; 0 if never. (A column and no map: a build of suspects notes all that
    /// the task of a wide key was made from.)
    reached: Vec<u64>,
    /// In which builds the last revisions began.
    raised: VecDeque<u64>,
    /// How many keys there were when they were last counted.
    pub counted: usize,
}

impl Past {
    /// The last build reached these too.
    pub fn note(&mut self, aside: Vec<KeyId>) {
        for key in aside {
            self.date(key, self.builds);
        }
    }

    fn date(&mut self, key: KeyId, build: u64) {
        if self.reached.len() <= key.index() {
            self.reached.resize(key.index() + 1, 0);
        }
        self.reached[key.index()] = build;
    }

    /// A build begins.
    pub fn begin(&mut self, targets: &[KeyId]) {
        self.builds += 1;
        let (known, number) = &mut self.targets;
        if known != targets {
            let (before, number) = (std::mem::replace(known, targets.to_vec()), *number);
            before.into_iter().for_each(|key| self.date(key, number));
        }
        self.targets.1 = self.builds;
    }

    /// This build raises the revision.
    pub fn raise(&mut self) {
        self.raised.push_back(self.builds);
        if self.raised.len() > DATED {
            self.raised.pop_front();
        }
    }

    /// The least stamp that a key can bear which was visited after this build; none is as low as that of a stale key.
    fn stamp_after(&self, build: u64, revision: State) -> State {
        let after = self.raised.iter().rev().take_while(|&&raised| raised > build).count();
        // A build raises it once at most: if not all that have to be counted have a date, too many are kept.
        let after = if after == DATED { self.builds - build } else { after as u64 };
        u64::from(revision + 1).saturating_sub(after).max(1) as State
    }

    fn reached_after(&self, build: u64) -> impl Iterator<Item = KeyId> + '_ {
        let (targets, number) = &self.targets;
        let last = targets.iter().filter(move |_| *number > build);
        let dated = self.reached.iter().enumerate().filter(move |(_, reached)| **reached > build);
        last.copied().chain(dated.map(|(key, _)| KeyId::new(key)))
    }

    /// These keys, which are in ascending order, are forgotten.
    pub fn forget(&mut self, keys: &[KeyId]) {
        for key in keys {
            if let Some(reached) = self.reached.get_mut(key.index()) {
                *reached = 0;
            }
        }
        let dated = self.reached.iter().rposition(|reached| *reached > 0).map_or(0, |last| last + 1);
        self.reached.truncate(dated);
        self.reached.shrink_to_fit();
        if self.targets.0.iter().any(|key| keys.binary_search(key).is_ok()) {
            self.targets.0.clear();
        }
    }
}

/// The keys that may be forgotten, in ascending order.
pub(crate) fn garbage<K: Key, V: Value>(
    table: &KeyTable<K, V>,
    tasks: &impl Tasks<K, V>,
    metadata: &Metadata,
    past: &Past,
    Retention { builds }: Retention,
) -> Vec<KeyId> {
    // What was reached before this process began, nobody knows.
    let Some(build) = past.builds.checked_sub(builds) else { return Vec::new() };
    let stamp = past.stamp_after(build, table.revision);
    let mut live = vec![false; table.keys.bound()];
    let mut todo: Vec<KeyId> = past.reached_after(build).collect();
    todo.extend(table.detached.all());
    todo.extend(table.keys.iter().map(|(id, _)| id).filter(|&id| {
        let visited = (stamp..=table.revision).contains(&table.state(id));
        // A value that no task gives is its owner's.
        visited || table.is_held_outside(id) || (table.value(id).is_some() && !tasks.has(table.keys.name(id)))
    }));
    while let Some(key) = todo.pop() {
        if !table.keys.knows(key) || std::mem::replace(&mut live[key.index()], true) {
            continue;
        }
        metadata.mentions(key, &mut |named| todo.push(named.subject()));
        let name = table.keys.name(key);
        if tasks.has(name) {
            let mut mark = |named: &K| todo.extend(table.keys.find(named));
            tasks.order_only(name, &mut mark);
            tasks.declared(name, &mut mark);
        }
    }
    table.keys.iter().map(|(id, _)| id).filter(|id| !live[id.index()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_key_is_forgotten_the_others_stay_as_young_as_they_were() {
        let ids = |keys: &[usize]| keys.iter().map(|&key| KeyId::new(key)).collect::<Vec<_>>();
        let mut past = Past::default();
        past.begin(&[]);
        past.note(ids(&[1, 2, 4]));
        past.begin(&[]);
        past.note(ids(&[3, 5]));
        past.forget(&ids(&[2, 5]));
        let reached = |past: &Past, build| past.reached_after(build).collect::<Vec<_>>();
        assert_eq!((reached(&past, 0), reached(&past, 1)), (ids(&[1, 3, 4]), ids(&[3])));
        past.forget(&ids(&[1, 3, 4]));
        assert_eq!((reached(&past, 0), past.reached.capacity()), (ids(&[]), 0));
    }
}
