//! The key table: the state of every key while a build runs.
//!
//! One column of nodes, indexed by [`KeyId`], read by fetches, questions and the engine alike. A key is up to
//! date when its node is stamped with the key table's *revision*: raising the revision makes every key of the last
//! build questionable again, with one assignment, without visiting any. What bears the stamp holds a value, so a fetch
//! looks at two places, the stamp and the value.

use crate::descent::Descent;
use crate::detached::Detached;
use crate::error::{Reasoned, TaskError};
use crate::fingerprint::{Fingerprint, Value};
use crate::key::{AsKey, Key, KeyId, Keys};
use crate::pools::Pools;
use crate::task_context::TaskContext;
use crate::waits::Waits;

/// One key's state: a revision, or one of the special values below.
pub(crate) type State = u32;

/// Never brought up to date, or no longer.
pub(crate) const STALE: State = 0;
/// Its task failed in this build.
pub(crate) const FAILED: State = 1 << 30;
/// Being brought up to date; the low bits are the number of its slot.
pub(crate) const ACTIVE: State = 1 << 31;

/// Whether the node's `input` flag is right for the tasks of today.
pub(crate) const CLASSIFIED: u8 = 1;
/// The key has no task.
pub(crate) const INPUT: u8 = 2;
/// The store was asked for the key's value, or the build made it.
pub(crate) const LOADED: u8 = 4;
/// The task's definition is in `KeyTable::definitions`.
pub(crate) const DEFINED: u8 = 8;
/// The task was asked for its definition, which is known from then on: tasks that are replaced are compared as a build begins.
pub(crate) const ASKED: u8 = 16;
/// The key's last event is that it was built or restored here.
pub(crate) const BUILT: u8 = 32;

/// The store has, or the build made, a value: the one in the column is the key's own.
pub(crate) const HELD: u8 = 64;
/// Its last run gave a value that may not be kept beyond the build.
pub(crate) const VOLATILE: u8 = 128;

/// What every look at a key needs, packed: twelve bytes rather than sixteen.
#[derive(Clone, Copy)]
struct Node {
    fingerprint: [u32; 2],
    state: State,
}

pub(crate) struct KeyTable<K, V> {
    pub keys: Keys<K>,
    nodes: Vec<Node>,
    flags: Vec<u8>,
    /// The values, of keys that are [`HELD`]; the filler in the places of the others.
    values: Vec<V>,
    /// A value on its way to its place, should that be interrupted by a panic.
    underway: Option<(KeyId, V)>,
    /// Of the values that were at hand when one was needed, one that takes few bytes.
    filler: Option<V>,
    pub definitions: Vec<Fingerprint>,
    pub revision: State,
    /// The revision was raised for this build: each key that bears its stamp was looked at in this build.
    pub raised: bool,
    pub task: TaskContext,
    /// What the pending futures of all tasks wait for.
    pub waits: Waits,
    pub pools: Pools,
    pub detached: Detached,
    /// Keys that were looked at in this build and do not bear its stamp, or that no record names.
    pub aside: Vec<KeyId>,
    /// Keys whose numbers somebody outside has, a bit each.
    held_outside: Vec<u64>,
    /// How many times keys were forgotten.
    pub epoch: u64,
}

pub(crate) enum Look<T> {
    Ready(T),
    Missing,
    Failed,
}

impl<K: Key, V: Clone> KeyTable<K, V> {
    pub fn new() -> Self {
        KeyTable {
            keys: Keys::default(),
            nodes: Vec::new(),
            flags: Vec::new(),
            values: Vec::new(),
            underway: None,
            filler: None,
            definitions: Vec::new(),
            revision: 1,
            raised: false,
            task: TaskContext::default(),
            waits: Waits::default(),
            pools: Pools::new(),
            detached: Detached::default(),
            aside: Vec::new(),
            held_outside: Vec::new(),
            epoch: 0,
        }
    }

    #[inline]
    pub fn intern(&mut self, key: &(impl AsKey<K> + ?Sized)) -> KeyId {
        self.keys.find(key).unwrap_or_else(|| self.meet(key))
    }

    /// Gives a key its number when it is first met.
    #[inline(never)]
    fn meet(&mut self, key: &(impl AsKey<K> + ?Sized)) -> KeyId {
        let id = self.keys.intern(key);
        if id.index() >= self.nodes.len() {
            self.cover();
        }
        id
    }

    /// Makes every key of the last build questionable.
    pub fn next_revision(&mut self) {
        self.revision += 1;
        self.raised = true;
        if self.revision >= FAILED {
            // After a thousand million builds the numbers are used again.
            self.nodes.iter_mut().for_each(|node| node.state = STALE);
            self.revision = 1;
        }
    }

    /// Gives every interned key a node, and nothing beyond the last one.
    pub fn cover(&mut self) {
        let keys = self.keys.bound();
        self.nodes.resize(keys, Node { fingerprint: [0; 2], state: STALE });
        self.flags.resize(keys, 0);
        self.values.truncate(keys);
        self.definitions.truncate(keys);
    }

    /// Notes that somebody outside has the key's number, or does not use it any more.
    pub fn hold_outside(&mut self, id: KeyId, held: bool) {
        let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
        if self.held_outside.len() <= word {
            // (A key beyond the list was never held, and need not be given back.)
            if !held {
                return;
            }
            self.held_outside.resize(word + 1, 0);
        }
        self.held_outside[word] = if held { self.held_outside[word] | bit } else { self.held_outside[word] & !bit };
    }

    /// Whether somebody outside has the key's number.
    pub fn is_held_outside(&self, id: KeyId) -> bool {
        self.held_outside.get(id.index() / 64).is_some_and(|word| word >> (id.index() % 64) & 1 == 1)
    }

    /// Makes room for so many keys at once.
    pub fn reserve(&mut self, keys: usize) {
        self.keys.reserve(keys);
        self.nodes.reserve_exact(keys);
        self.flags.reserve_exact(keys);
        self.values.reserve_exact(keys);
    }

    /// The state of a key; strategies also speak of ids that are of no key, which are stale.
    #[inline]
    pub fn state(&self, id: KeyId) -> State {
        self.nodes.get(id.index()).map_or(STALE, |node| node.state)
    }

    /// A key is up to date, if it holds a value.
    pub fn stamp(&mut self, id: KeyId) {
        if self.has(id, HELD) {
            self.nodes[id.index()].state = self.revision;
        }
    }

    /// Gives a key another state than that of being up to date; the id of no key keeps its own.
    #[inline]
    pub fn set_state(&mut self, id: KeyId, state: State) {
        if let Some(node) = self.nodes.get_mut(id.index()) {
            node.state = state;
        }
    }

    /// Whether a key has this flag; the id of no key has none.
    #[inline]
    pub fn has(&self, id: KeyId, flag: u8) -> bool {
        self.flags.get(id.index()).is_some_and(|flags| flags & flag != 0)
    }

    pub fn raise(&mut self, id: KeyId, flag: u8) {
        self.flags[id.index()] |= flag;
    }

    pub fn lower(&mut self, id: KeyId, flag: u8) {
        self.flags[id.index()] &= !flag;
    }

    pub fn classify(&mut self, id: KeyId, input: bool) {
        self.lower(id, INPUT);
        self.raise(id, CLASSIFIED | if input { INPUT } else { 0 });
    }

    /// All keys for which the store was asked.
    pub fn loaded(&self) -> Vec<KeyId> {
        self.keys.iter().map(|(id, _)| id).filter(|&id| self.has(id, LOADED)).collect()
    }

    /// The value that the key holds.
    #[inline]
    pub fn value(&self, id: KeyId) -> Option<&V> {
        if self.has(id, HELD) { self.values.get(id.index()) } else { None }
    }

    #[inline]
    pub fn set_fingerprint(&mut self, id: KeyId, Fingerprint(bits): Fingerprint) {
        self.nodes[id.index()].fingerprint = [bits as u32, (bits >> 32) as u32];
    }

    #[inline]
    fn stored(&self, id: KeyId) -> Fingerprint {
        let [low, high] = self.nodes[id.index()].fingerprint;
        Fingerprint(u64::from(low) | u64::from(high) << 32)
    }

    /// The fingerprint of the value that the key holds.
    #[inline]
    pub fn current(&self, id: KeyId) -> Option<Fingerprint> {
        if self.has(id, HELD) { Some(self.stored(id)) } else { None }
    }

    /// The fingerprint of a key that is up to date.
    #[inline]
    pub fn settled(&mut self, id: KeyId) -> Option<Fingerprint> {
        if let Look::Ready(()) = self.look(id) { Some(self.stored(id)) } else { None }
    }

    /// Whether a key is up to date. The id of no key failed; so did that of a definition, which has no value.
    #[inline]
    pub fn look(&mut self, id: KeyId) -> Look<()> {
        if self.is_stamped(id) { Look::Ready(()) } else { self.look_closer(id) }
    }

    /// The same for a key that does not bear the stamp.
    #[inline(never)]
    fn look_closer(&mut self, id: KeyId) -> Look<()> {
        let Some(&Node { state, .. }) = self.nodes.get(id.to_raw() as usize) else { return Look::Failed };
        if state == FAILED {
            return Look::Failed;
        }
        if state & ACTIVE != 0 {
            return Look::Missing;
        }
        let flags = self.flags[id.index()];
        // An input needs no work: what the store reported of it is what it holds.
        if flags & (INPUT | HELD) == INPUT | HELD {
            self.set_state(id, self.revision);
            return Look::Ready(());
        }
        // (What was classified is the id of a key.)
        if flags & CLASSIFIED != 0 || self.keys.knows(id) { Look::Missing } else { Look::Failed }
    }

    /// The value of a key that bears the stamp.
    #[inline]
    pub fn stamped(&self, id: KeyId) -> Option<&V> {
        // (A stamp speaks for a value.)
        if self.is_stamped(id) { self.values.get(id.index()) } else { None }
    }

    #[inline]
    fn is_stamped(&self, id: KeyId) -> bool {
        self.nodes.get(id.to_raw() as usize).is_some_and(|node| node.state == self.revision)
    }

    /// A task's fetch of one key. A missing key is to be noted by [`TaskContext::miss`].
    pub fn fetch(&mut self, id: KeyId) -> Look<V> {
        match self.look(id) {
            Look::Ready(()) => Look::Ready(self.values[id.index()].clone()),
            Look::Failed => self.fail(id),
            Look::Missing => Look::Missing,
        }
    }

    /// How a key that the task misses can be brought up to date at once. (Not inside outside work, which may not fetch; nor
    /// if that is underway.)
    #[inline]
    pub fn descent(&self, id: KeyId) -> Option<Descent> {
        self.task.poll.descent.filter(|_| self.task.poll.working == 0 && self.state(id) & ACTIVE == 0)
    }

    /// Notes that a fetched key has failed.
    pub fn fail<T>(&mut self, id: KeyId) -> Look<T> {
        self.task.meet_failure(id);
        Look::Failed
    }

    /// The fingerprint of a key's value, or of a task's definition.
    pub fn fingerprint(&self, id: KeyId) -> Option<Fingerprint> {
        if !id.is_definition() {
            self.current(id)
        } else if self.has(id, DEFINED) {
            self.definitions.get(id.index()).copied()
        } else {
            None
        }
    }

    pub fn define(&mut self, id: KeyId, definition: Fingerprint) {
        let index = id.index();
        if self.definitions.len() <= index {
            self.definitions.resize(self.nodes.len(), Fingerprint::default());
        }
        self.definitions[index] = definition;
        self.raise(id, DEFINED);
    }
}

impl<K: Key, V: Value> KeyTable<K, V> {
    /// Takes what the store or a user says that a key holds; the fingerprint of what it held. (At once, before anything else
    /// that may panic: a store may have given the value away.)
    pub fn receive(&mut self, id: KeyId, value: Option<V>) -> Option<Fingerprint> {
        let known = self.current(id);
        self.raise(id, LOADED);
        self.hold(id, value);
        known
    }

    /// Gives a key a value, or takes it away.
    pub fn hold(&mut self, id: KeyId, value: Option<V>) {
        let index = id.index();
        match value {
            None if self.has(id, HELD) => {
                self.lower(id, HELD);
                if self.state(id) == self.revision {
                    self.set_state(id, STALE);
                }
                if index + 1 == self.values.len() {
                    self.values.pop();
                } else {
                    self.values[index] = filler(&mut self.filler, &self.values, None, index);
                }
            }
            None => {}
            Some(value) => {
                if index < self.values.len() {
                    self.values[index] = value;
                } else {
                    self.underway = Some((id, value));
                    if index > self.values.len() {
                        let at_hand = self.underway.as_ref().map(|(_, value)| value);
                        let filler = filler(&mut self.filler, &self.values, at_hand, index);
                        self.values.resize(index, filler);
                    }
                    self.values.extend(self.underway.take().map(|(_, value)| value));
                }
                // Last: until then what lies in its place need not be its own.
                self.raise(id, HELD);
            }
        }
    }

    /// After a panic in the middle of anything: nothing is up to date or underway, and every fingerprint is that of the value
    /// that is held.
    pub fn recover(&mut self) {
        self.cover();
        if let Some((id, value)) = self.underway.take() {
            self.hold(id, Some(value));
        }
        self.nodes.iter_mut().for_each(|node| node.state = STALE);
        self.detached.give_up();
        for id in (0..self.keys.bound()).map(KeyId::new) {
            let fingerprint = self.value(id).map(Value::fingerprint);
            self.set_fingerprint(id, fingerprint.unwrap_or_default());
        }
    }

    /// Forgets these keys: the next that are given their numbers are new ones.
    pub fn forget(&mut self, ids: &[KeyId]) {
        self.epoch += 1;
        for &id in ids {
            self.hold(id, None);
            self.nodes[id.index()] = Node { fingerprint: [0; 2], state: STALE };
            self.flags[id.index()] = 0;
        }
        self.keys.forget(ids);
        self.cover();
        let last = self.flags.iter().rposition(|flags| flags & HELD != 0);
        self.values.truncate(last.map_or(0, |last| last + 1));
        if self.values.is_empty() {
            self.filler = None;
        }
        // (One column asks for all.)
        if self.nodes.capacity() > 2 * self.nodes.len() {
            self.nodes.shrink_to_fit();
            self.flags.shrink_to_fit();
            self.values.shrink_to_fit();
            self.definitions.shrink_to_fit();
        }
    }
}

/// What stands in the place of a key that holds nothing, such as the one with this index. All share one value, so that no
/// other lives on when it was replaced or taken away.
fn filler<V: Value>(shared: &mut Option<V>, values: &[V], at_hand: Option<&V>, index: usize) -> V {
    match (&*shared, at_hand) {
        (Some(filler), None) => return filler.clone(),
        (Some(filler), Some(value)) if filler.size_in_bytes() <= value.size_in_bytes() => return filler.clone(),
        _ => {}
    }
    // As long as there is no filler, all places but this one are those of values.
    let others = values.iter().enumerate().filter(|(place, _)| *place != index && shared.is_none());
    let smallest = others.map(|(_, value)| value).chain(at_hand).min_by_key(|value| value.size_in_bytes());
    let Some(filler) = smallest.cloned() else { unreachable!("the last place is that of a value") };
    shared.insert(filler).clone()
}

pub(crate) fn fetch_failed() -> TaskError {
    TaskError(Reasoned::Fetch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of revisions end where those of other states begin: then no key is up to date.
    #[test]
    fn revisions_are_told_apart_however_many_there_were() {
        let mut table: KeyTable<&str, u64> = KeyTable::new();
        let (early, late) = (table.intern(&"early"), table.intern(&"late"));
        table.set_state(early, table.revision);
        table.revision = FAILED - 2;
        table.next_revision();
        table.set_state(late, table.revision);
        assert!(matches!(table.look(late), Look::Ready(())) && matches!(table.look(early), Look::Missing));
        for _ in 0..3 {
            table.next_revision();
            for key in [early, late] {
                assert!(matches!(table.look(key), Look::Missing), "{key:?} in revision {}", table.revision);
            }
        }
        assert_eq!(table.revision, 3, "the numbers were used again");
    }

    #[test]
    fn what_bears_the_stamp_holds_a_value() {
        let mut table: KeyTable<&str, u64> = KeyTable::new();
        let [below, key] = ["below", "key"].map(|key| table.intern(&key));
        table.stamp(key);
        assert!(matches!(table.fetch(key), Look::Missing) && table.settled(key).is_none());
        table.hold(below, Some(6));
        table.hold(key, Some(7));
        table.stamp(key);
        assert!(matches!(table.fetch(key), Look::Ready(7)) && table.settled(key).is_some());
        table.hold(key, None);
        assert!(matches!(table.fetch(key), Look::Missing) && table.settled(key).is_none());
    }

    #[test]
    fn to_give_back_the_id_of_no_key_takes_no_room() {
        let mut table: KeyTable<&str, u64> = KeyTable::new();
        table.hold_outside(KeyId::new(KeyId::LIMIT - 1), false);
        assert_eq!(table.held_outside.len(), 0);
        let key = table.intern(&"a");
        // (It may be given out again and again.)
        (0..2).for_each(|_| table.hold_outside(key, true));
        assert!(table.is_held_outside(key));
        table.hold_outside(key, false);
        assert!(!table.is_held_outside(key));
    }

    /// A clone that panicked left a key with whatever came to lie in its place.
    #[test]
    fn a_value_that_cannot_be_cloned_is_nobody_elses() {
        #[derive(PartialEq, Debug)]
        struct Once(u64, std::rc::Rc<std::cell::Cell<bool>>);
        impl Clone for Once {
            fn clone(&self) -> Self {
                if self.1.replace(false) {
                    std::panic::resume_unwind(Box::new("a clone"));
                }
                Once(self.0, self.1.clone())
            }
        }
        impl Value for Once {
            fn fingerprint(&self) -> Fingerprint {
                self.0.fingerprint()
            }
        }
        let panics = std::rc::Rc::new(std::cell::Cell::new(true));
        let mut table: KeyTable<&str, Once> = KeyTable::new();
        let keys = ["a", "b", "c"].map(|key| table.intern(&key));
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            table.hold(keys[1], Some(Once(1, panics.clone())));
        }));
        assert!(held.is_err() && table.value(keys[1]).is_none());
        table.hold(keys[2], Some(Once(2, panics)));
        assert_eq!((table.value(keys[1]), table.value(keys[2]).map(|value| value.0)), (None, Some(2)));
    }

    /// Where keys hold nothing, the smallest value stands that was at hand; and never one that was taken away.
    #[test]
    fn a_key_that_holds_nothing_costs_little() {
        let mut table: KeyTable<usize, String> = KeyTable::new();
        let keys: Vec<KeyId> = (0..16).map(|key| table.intern(&key)).collect();
        table.cover();
        let text = |length: usize| Some("x".repeat(length));
        let filler = |table: &KeyTable<usize, String>| table.filler.as_ref().map(String::len);
        (0..3).for_each(|n| table.hold(keys[n], text([100, 10, 90][n])));
        assert_eq!(filler(&table), None, "there is no place to fill");
        table.hold(keys[1], None);
        assert_eq!(filler(&table), Some(90), "not the value that was taken away");
        for (at, length, expected) in [(5, 50, 50), (8, 70, 50), (11, 5, 5)] {
            table.hold(keys[at], text(length));
            assert_eq!(filler(&table), Some(expected));
        }
        let held: Vec<_> = keys.iter().filter_map(|&key| table.value(key)).map(String::len).collect();
        assert_eq!(held, [100, 90, 50, 70, 5]);
        // What is forgotten at the end takes no room, nor what holds nothing below it.
        table.forget(&keys[8..]);
        assert_eq!(table.values.len(), 6);
        table.hold(keys[5], None);
        table.forget(&keys[6..7]);
        assert_eq!(table.values.len(), 3);
    }
}
