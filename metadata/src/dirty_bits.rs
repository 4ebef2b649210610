//! Dirty bits: which keys a change has made out of date.
//!
//! A key is *dirty* if something that it fetched has changed since it was last brought up to date. A change
//! marks direct dependents only; a dirty key that is built to another value marks its own. That is early
//! cutoff, and it makes a build cost what the change affects. A scheduler that goes from dependencies to
//! dependents needs no more than the list of dirty keys. A scheduler that goes from targets to dependencies must know
//! below which keys a dirty one lies: those are *suspect*, found by one walk up the reverse edges when first
//! asked for. What becomes dirty while a build runs, or comes to fetch a suspect, takes the walk further from there; it
//! begins anew only for another build.
//!
//! A bit is cleared only for a key that was brought up to date (THEORY, rule 5).

use std::cell::RefCell;

use alacarte_core::{Event, Fingerprint, KeyId, MetadataUpdater, Record, count_steps};

use crate::column::Column;
use crate::dependency_graph::DependencyGraph;

/// Contract: a key that was built is dirty if and only if, since its last `Built` or `Restored` event, an input
/// among its dependencies was changed, another of them was built to another value, its definition was changed,
/// or it was changed itself (somebody overwrote it; its dependents saw what was built); or if that event was
/// volatile, or deep (what lies between the key and its terminal inputs is then not known). A key that was forgotten, or
/// that fetched one, counts as never built.
///
/// ```
/// use alacarte::metadata::DirtyBits;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// build.run(["C"])?;
/// build.set("A", 41)?;
///
/// let [b, c] = ["B", "C"].map(|key| build.intern(key));
/// let bits = build.metadata().get::<DirtyBits>().unwrap();
/// // B fetched A, which changed. C is out of date only if B comes to another value.
/// assert_eq!((bits.is_dirty(b), bits.is_dirty(c)), (true, false));
/// assert!(bits.is_suspect(c));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct DirtyBits {
    graph: DependencyGraph,
    bits: Column<Bits>,
    /// All dirty keys, and some that were.
    marked: Vec<KeyId>,
    dirty: usize,
    /// How often the list was gone through.
    generation: u64,
    suspects: RefCell<Suspects>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bits {
    dirty: bool,
    /// It is in the list of marked keys.
    listed: bool,
    /// The number of the walk since which it was made.
    made: u32,
    /// The value that its dependents have seen, or will see.
    seen: Option<Fingerprint>,
}

/// The keys that are dirty or have a dirty key below them, or had one when the walk began.
#[derive(Debug, Clone, Default)]
struct Suspects {
    valid: bool,
    walk: u32,
    /// The number of the walk that met the key.
    met: Column<u32>,
    /// From where the walk has to go on.
    todo: Vec<KeyId>,
}

impl Suspects {
    fn has_met(&self, key: KeyId) -> bool {
        self.met.get(key).is_some_and(|&walk| walk == self.walk)
    }

    /// The walk goes on from here.
    fn extend(&mut self, key: KeyId) {
        if self.valid && !self.has_met(key) {
            self.todo.push(key);
        }
    }
}

/// A list of marked keys that is no longer than this is short.
const SHORT: usize = 1 << 10;

impl DirtyBits {
    /// Whether the key is known to be out of date, or was never built.
    pub fn is_dirty(&self, key: KeyId) -> bool {
        !self.graph.knows(key) || self.bits.get(key).is_some_and(|bits| bits.dirty)
    }

    /// Whether the key is dirty or has a dirty key below it; if not, it is up to date.
    pub fn is_suspect(&self, key: KeyId) -> bool {
        let suspects = &mut *self.suspects.borrow_mut();
        if !suspects.valid {
            suspects.valid = true;
            if suspects.walk == u32::MAX {
                // The numbers are used again: nothing was met yet.
                (suspects.walk, suspects.met) = (0, Column::default());
            }
            suspects.walk += 1;
            suspects.todo.clear();
            suspects.todo.extend(self.marked.iter().copied().filter(|&key| self.is_dirty(key)));
            count_steps(self.marked.len());
        }
        while let Some(key) = suspects.todo.pop() {
            count_steps(1);
            if std::mem::replace(suspects.met.at(key), suspects.walk) != suspects.walk {
                suspects.todo.extend(self.graph.dependents(key));
            }
        }
        !self.graph.knows(key) || suspects.has_met(key)
    }

    /// All dirty keys that were ever built, and some that are dirty no more.
    pub fn marked(&self) -> &[KeyId] {
        &self.marked
    }

    /// How often that list was made anew.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What each key fetched when it was last built.
    pub fn graph(&self) -> &DependencyGraph {
        &self.graph
    }

    fn mark(&mut self, key: KeyId) {
        count_steps(1);
        let bits = self.bits.at(key);
        if std::mem::replace(&mut bits.dirty, true) {
            return;
        }
        bits.listed = true;
        self.dirty += 1;
        // Every mark pays for a part of the next look through the list, which is at most twice as long as it need be.
        if self.marked.len() >= SHORT.max(2 * self.dirty) {
            self.forget_cleared();
        }
        self.marked.push(key);
        self.suspects.get_mut().extend(key);
    }

    /// Marks a key that was just made, and may not be kept.
    fn mark_made(&mut self, key: KeyId) {
        let bits = self.bits.at(key);
        if bits.listed && !bits.dirty {
            // It is on the list of marked keys already.
            bits.dirty = true;
            self.dirty += 1;
            self.suspects.get_mut().extend(key);
        } else {
            self.mark(key);
        }
    }

    fn mark_dependents(&mut self, key: KeyId) {
        // Marking does not touch the graph, but the borrow checker cannot know.
        let graph = std::mem::take(&mut self.graph);
        for dependent in graph.dependents(key) {
            self.mark(dependent);
        }
        self.graph = graph;
    }

    fn made(&mut self, event: &Event<'_>, record: &Record<'_>) {
        self.graph.apply(event);
        for dependency in record.dependencies.iter().filter(|dependency| !dependency.key.is_definition()) {
            if !record.deep {
                self.bits.at(dependency.key).seen.get_or_insert(dependency.fingerprint);
            }
        }
        let suspects = self.suspects.get_mut();
        let bits = self.bits.at(record.key);
        let changed = bits.seen != Some(record.fingerprint);
        bits.seen = Some(record.fingerprint);
        if std::mem::replace(&mut bits.dirty, false) {
            self.dirty -= 1;
        }
        // No build makes a key twice: another has begun, for which much of what was met is no suspect any more.
        suspects.valid &= std::mem::replace(&mut bits.made, suspects.walk) != suspects.walk;
        if record.volatile || record.deep {
            self.mark_made(record.key);
        }
        if changed {
            self.mark_dependents(record.key);
        }
        // A key that now fetches a suspect is one too, and so is each key that fetches it.
        let suspects = self.suspects.get_mut();
        let mut fetched = record.dependencies.iter().filter(|dependency| !dependency.key.is_definition());
        if suspects.valid && !suspects.has_met(record.key) && fetched.any(|fetched| suspects.has_met(fetched.key)) {
            suspects.todo.push(record.key);
        }
    }

    fn forget(&mut self, keys: &[KeyId]) {
        // What fetched one of them counts as never built. It is marked, for what lies above it is suspect.
        for orphan in self.graph.forget(keys) {
            self.mark(orphan);
        }
        self.dirty -= keys.iter().filter(|key| self.bits.get(**key).is_some_and(|bits| bits.dirty)).count();
        self.bits.forget(keys);
        self.marked.retain(|key| keys.binary_search(key).is_err());
        self.generation += 1;
        let suspects = self.suspects.get_mut();
        suspects.valid = false;
        suspects.met.forget(keys);
    }

    /// Takes the keys that are dirty no more off the list.
    fn forget_cleared(&mut self) {
        count_steps(self.marked.len());
        for &key in &self.marked {
            self.bits.at(key).listed = false;
        }
        let bits = &mut self.bits;
        self.marked.retain(|&key| {
            let bits = bits.at(key);
            bits.dirty && !std::mem::replace(&mut bits.listed, true)
        });
        self.generation += 1;
    }
}

impl MetadataUpdater for DirtyBits {
    fn apply(&mut self, event: &Event<'_>) {
        // Most changes come between two builds: the list is gone through once, at the first of them.
        if matches!(event, Event::Changed { .. }) && self.marked.len() > self.dirty {
            self.forget_cleared();
        }
        match event {
            Event::Changed { key, .. } if key.is_definition() => {
                self.mark(key.subject());
                self.suspects.get_mut().valid = false;
            }
            Event::Changed { key, fingerprint, input: true, .. } => {
                let seen = &mut self.bits.at(*key).seen;
                if *seen != *fingerprint {
                    *seen = *fingerprint;
                    self.mark_dependents(*key);
                    self.suspects.get_mut().valid = false;
                }
            }
            // Its dependents saw the value that was built, and will see it again.
            Event::Changed { key, .. } => {
                self.mark(*key);
                self.suspects.get_mut().valid = false;
            }
            Event::Built(record) | Event::Restored(record) => self.made(event, record),
            Event::Forgotten { keys } => self.forget(keys),
            Event::Imported(_) | Event::Detached { .. } => {}
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.graph.mentions(key, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::{Dependency, Value};

    fn built(bits: &mut DirtyBits, key: usize, on: &[(usize, u64)], value: u64) {
        let dependency = |&(key, value): &(usize, u64)| Dependency::new(KeyId::new(key), value.fingerprint());
        let dependencies: Vec<_> = on.iter().map(dependency).collect();
        bits.apply(&Event::Built(Record::new(KeyId::new(key), &dependencies, value.fingerprint(), &(), &())));
    }

    fn edited(bits: &mut DirtyBits, key: usize, value: u64) {
        let (key, fingerprint) = (KeyId::new(key), Some(value.fingerprint()));
        bits.apply(&Event::Changed { key, fingerprint, value: None, modified: 0, input: true });
    }

    /// 4 above 3 above 2 above the input 0; 5 above the input 1.
    fn chains() -> DirtyBits {
        let mut bits = DirtyBits::default();
        built(&mut bits, 2, &[(0, 7)], 7);
        built(&mut bits, 3, &[(2, 7)], 7);
        built(&mut bits, 4, &[(3, 7)], 7);
        built(&mut bits, 5, &[(1, 7)], 7);
        bits
    }

    fn suspects(bits: &DirtyBits) -> Vec<usize> {
        (2..6).filter(|&key| bits.is_suspect(KeyId::new(key))).collect()
    }

    #[test]
    fn what_lies_above_a_change_is_suspect_and_nothing_else_is() {
        let mut bits = chains();
        assert_eq!(suspects(&bits), [0; 0]);
        edited(&mut bits, 1, 8);
        assert_eq!(suspects(&bits), [5]);
        edited(&mut bits, 0, 8);
        assert_eq!(suspects(&bits), [2, 3, 4, 5]);
        // While a build goes on, keys that it does not make suspect need no other walk.
        let walks = bits.suspects.borrow().walk;
        built(&mut bits, 2, &[(0, 8)], 8);
        assert!(bits.is_dirty(KeyId::new(3)) && bits.is_suspect(KeyId::new(4)));
        built(&mut bits, 3, &[(2, 8)], 7);
        built(&mut bits, 6, &[(1, 8), (7, 0)], 1);
        built(&mut bits, 8, &[(7, 0)], 1);
        assert!(!bits.is_dirty(KeyId::new(4)) && !bits.is_suspect(KeyId::new(8)));
        assert_eq!(bits.suspects.borrow().walk, walks);
        // A key that comes to fetch a suspect is one, and so is what fetched that.
        built(&mut bits, 9, &[(10, 7)], 1);
        built(&mut bits, 10, &[(5, 7)], 7);
        assert!(bits.is_suspect(KeyId::new(9)) && bits.is_suspect(KeyId::new(10)));
        assert_eq!(bits.suspects.borrow().walk, walks);
        // A key that is built again is built by another build. What it fetched may be no suspect any more.
        built(&mut bits, 5, &[(1, 8)], 7);
        built(&mut bits, 8, &[(5, 7)], 1);
        assert!(!bits.is_suspect(KeyId::new(8)) && !bits.is_suspect(KeyId::new(9)));
        assert_eq!(bits.suspects.borrow().walk, walks + 1);
    }

    /// Walks are numbered, and the numbers end: what an early walk has met is not what one of the same number meets later.
    #[test]
    fn suspects_are_right_however_many_walks_there_were() {
        let mut bits = chains();
        edited(&mut bits, 1, 8);
        assert_eq!(suspects(&bits), [5], "met by the first walk");
        built(&mut bits, 5, &[(1, 8)], 7);
        bits.suspects.get_mut().walk = u32::MAX - 1;
        for value in 10..16 {
            edited(&mut bits, 0, value);
            assert_eq!(suspects(&bits), [2, 3, 4], "value {value}");
            built(&mut bits, 2, &[(0, value)], 7);
            // A key that comes to fetch a suspect has the next question walk again.
            edited(&mut bits, 0, 100 + value);
        }
        assert!(bits.suspects.borrow().walk < 20, "the numbers were used again");
    }

    fn built_volatile(bits: &mut DirtyBits, key: usize) {
        let key = KeyId::new(key);
        let record = Record::new(key, &[], 1_u64.fingerprint(), &(), &()).with_volatile(true);
        bits.apply(&Event::Built(record).untyped());
    }

    #[test]
    fn the_list_does_not_grow_with_the_number_of_builds() {
        let mut bits = DirtyBits::default();
        for build in 0..5_000 {
            built_volatile(&mut bits, 0);
            // One key is built to another value each time, and so marks another, which is built then.
            built(&mut bits, 1, &[], build);
            built(&mut bits, 2, &[(1, build)], 7);
        }
        assert!(bits.is_dirty(KeyId::new(0)) && !bits.is_dirty(KeyId::new(2)));
        assert!(bits.marked().contains(&KeyId::new(0)) && bits.marked().len() <= SHORT, "{}", bits.marked().len());
        assert!(bits.generation() > 0);
    }

    #[test]
    fn the_list_of_dirty_keys_is_made_anew_where_some_are_no_more() {
        let list = |bits: &DirtyBits| {
            let numbers: Vec<_> = bits.marked().iter().map(|key| key.index()).collect();
            (numbers, bits.generation())
        };
        let mut bits = chains();
        edited(&mut bits, 0, 8);
        assert_eq!(list(&bits), (vec![2], 0));
        built(&mut bits, 2, &[(0, 8)], 8);
        assert_eq!(list(&bits), (vec![2, 3], 0), "while a build goes on, the list only grows");
        edited(&mut bits, 1, 8);
        assert_eq!(list(&bits), (vec![3, 5], 1));
        edited(&mut bits, 1, 9);
        edited(&mut bits, 0, 9);
        assert_eq!(list(&bits), (vec![3, 5, 2], 1), "nothing was cleared");
        built(&mut bits, 2, &[(0, 9)], 8);
        built(&mut bits, 5, &[(1, 9)], 7);
        edited(&mut bits, 0, 8);
        assert_eq!(list(&bits), (vec![3, 2], 2));
    }

    #[test]
    fn a_key_is_on_the_list_once_however_often_it_is_made() {
        let mut bits = DirtyBits::default();
        (0..3).for_each(|_| built_volatile(&mut bits, 1));
        assert_eq!(bits.marked(), [KeyId::new(1)]);
    }

    #[test]
    fn a_long_list_of_dirty_keys_is_gone_through_only_when_half_of_it_is_clean() {
        let mut bits = DirtyBits::default();
        (0..4 * SHORT).for_each(|key| built_volatile(&mut bits, key));
        assert_eq!((bits.marked().len(), bits.generation()), (4 * SHORT, 0));
        // One becomes clean, another dirty.
        for key in 0..4 * SHORT {
            built(&mut bits, key, &[], 1);
            built_volatile(&mut bits, 4 * SHORT + key);
        }
        assert!(bits.generation() < 4, "{} times", bits.generation());
        assert!(bits.marked().len() <= 8 * SHORT);
    }

    #[test]
    fn keys_that_are_forgotten_leave_the_list() {
        let mut bits = DirtyBits::default();
        let keys: Vec<_> = (0..4 * SHORT).map(KeyId::new).collect();
        (0..4 * SHORT).for_each(|key| built_volatile(&mut bits, key));
        bits.apply(&Event::Forgotten { keys: &keys });
        assert!(bits.marked().is_empty());
        assert_eq!(bits.generation(), 1, "no place in the list is what it was");
        // Nor do they make room for others that are clean.
        for key in 0..4 * SHORT {
            built_volatile(&mut bits, key);
            built(&mut bits, key, &[], 1);
        }
        assert!(bits.marked().len() <= SHORT, "{}", bits.marked().len());
    }
}
