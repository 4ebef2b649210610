//! Traces packed into pages: several a key, the newest first, found by key alone.
//!
//! A trace is a run of words in a page: a link to the next older trace of its key, the length, the fingerprint
//! of the result, some extra words for whoever owns the table, the dependencies, and their fingerprints. Pages
//! are never moved, so a million traces grow without a million copies. A key keeps at most as many traces as
//! the table allows; a new one beyond that takes the place of the oldest, in the very same words if it fits.
//! What does not fit leaves a hole, and when holes are half of all words the table is packed anew.

use alacarte::{Dependency, Fingerprint, KeyId};

const PAGE: usize = 1 << 16;
const GROUPED: u32 = 1 << 31;
/// Link, length, and two words of fingerprint.
const HEADER: usize = 4;

/// Where a trace begins: the page in the upper half, the word in the lower.
type Address = u32;
const NOWHERE: Address = u32::MAX;

/// Traces of many keys, each with `EXTRA` words that mean something to the table's owner.
#[derive(Debug, Clone)]
pub struct TraceTable<const EXTRA: usize = 0> {
    heads: Vec<Address>,
    pages: Vec<Vec<u32>>,
    words: usize,
    holes: usize,
    /// How many traces a key may keep.
    bound: usize,
}

/// One trace of one key.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'t, const EXTRA: usize = 0> {
    words: &'t [u32],
}

impl<'t, const EXTRA: usize> Trace<'t, EXTRA> {
    /// How many dependencies it has.
    pub fn len(&self) -> usize {
        self.words[1] as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fingerprint of the result.
    pub fn fingerprint(&self) -> Fingerprint {
        wide(self.words[2], self.words[3])
    }

    /// The owner's words.
    pub fn extra(&self) -> [u32; EXTRA] {
        std::array::from_fn(|n| self.words[HEADER + n])
    }

    /// The dependency at this position, in the order of recording.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn dependency(&self, position: usize) -> Dependency {
        let length = self.len();
        assert!(position < length, "a trace of {length} dependencies has none at {position}");
        let keys = HEADER + EXTRA;
        let raw = self.words[keys + position];
        let fingerprint = keys + length + 2 * position;
        Dependency {
            key: KeyId::from_raw(raw),
            grouped: raw & GROUPED != 0,
            fingerprint: wide(self.words[fingerprint], self.words[fingerprint + 1]),
        }
    }

    /// All dependencies, in the order of recording.
    pub fn dependencies(self) -> impl ExactSizeIterator<Item = Dependency> + use<'t, EXTRA> {
        (0..self.len()).map(move |position| self.dependency(position))
    }

    fn matches(&self, fingerprint: Fingerprint, dependencies: &[Dependency]) -> bool {
        self.fingerprint() == fingerprint && self.dependencies().eq(dependencies.iter().copied())
    }
}

fn wide(low: u32, high: u32) -> Fingerprint {
    Fingerprint(u64::from(low) | u64::from(high) << 32)
}

fn size(extra: usize, dependencies: usize) -> usize {
    HEADER + extra + 3 * dependencies
}

impl<const EXTRA: usize> TraceTable<EXTRA> {
    /// An empty table that keeps at most `bound` traces a key.
    ///
    /// # Panics
    /// If `bound` is 0 or above 32.
    pub fn new(bound: usize) -> Self {
        assert!((1..=32).contains(&bound), "a key keeps 1 to 32 traces, not {bound}");
        TraceTable { heads: Vec::new(), pages: Vec::new(), words: 0, holes: 0, bound }
    }

    /// The traces of a key, the newest first.
    pub fn of(&self, key: KeyId) -> impl Iterator<Item = Trace<'_, EXTRA>> {
        let mut at = self.head(key);
        std::iter::from_fn(move || {
            if at == NOWHERE {
                return None;
            }
            let trace = Trace { words: self.record(at) };
            at = trace.words[0];
            Some(trace)
        })
    }

    /// The newest trace of a key.
    pub fn newest(&self, key: KeyId) -> Option<Trace<'_, EXTRA>> {
        self.of(key).next()
    }

    /// Adds a trace as the newest of its key. An equal trace that is there already is only moved to the front,
    /// and `kept`; else, if the key has as many traces as it may, the oldest makes way. Answers the extra words
    /// of a trace that is gone.
    pub fn push(
        &mut self,
        key: KeyId,
        fingerprint: Fingerprint,
        extra: [u32; EXTRA],
        dependencies: &[Dependency],
    ) -> Pushed<EXTRA> {
        // The way to the trace that goes: the equal one, or else the last.
        let (mut before, mut at, mut count) = (NOWHERE, self.head(key), 0);
        let mut equal = false;
        while at != NOWHERE {
            count += 1;
            let trace: Trace<'_, EXTRA> = Trace { words: self.record(at) };
            equal = trace.matches(fingerprint, dependencies);
            if equal || (trace.words[0] == NOWHERE && count >= self.bound) {
                break;
            }
            (before, at) = (at, trace.words[0]);
        }
        if at == NOWHERE {
            let at = self.append(fingerprint, extra, dependencies);
            self.link(key, at);
            return Pushed::New;
        }
        let next = self.record(at)[0];
        if before == NOWHERE {
            *self.head_mut(key) = next;
        } else {
            self.record_mut(before)[0] = next;
        }
        if equal {
            self.link(key, at);
            return Pushed::Known;
        }
        let old: Trace<'_, EXTRA> = Trace { words: self.record(at) };
        let (gone, length) = (old.extra(), old.len());
        let at = if length == dependencies.len() {
            write(self.record_mut(at), fingerprint, extra, dependencies);
            at
        } else {
            self.holes += size(EXTRA, length);
            self.append(fingerprint, extra, dependencies)
        };
        self.link(key, at);
        if self.holes > PAGE && self.holes * 2 > self.words {
            self.pack();
        }
        Pushed::Replaced(gone)
    }

    /// How many words of memory the traces take, holes included.
    pub fn words(&self) -> usize {
        self.words
    }

    fn head(&self, key: KeyId) -> Address {
        self.heads.get(key.index()).copied().unwrap_or(NOWHERE)
    }

    fn head_mut(&mut self, key: KeyId) -> &mut Address {
        if key.index() >= self.heads.len() {
            self.heads.resize(key.index() + 1, NOWHERE);
        }
        &mut self.heads[key.index()]
    }

    fn link(&mut self, key: KeyId, at: Address) {
        let next = std::mem::replace(self.head_mut(key), at);
        self.record_mut(at)[0] = next;
    }

    fn record(&self, at: Address) -> &[u32] {
        &self.pages[at as usize / PAGE][at as usize % PAGE..]
    }

    fn record_mut(&mut self, at: Address) -> &mut [u32] {
        &mut self.pages[at as usize / PAGE][at as usize % PAGE..]
    }

    fn append(&mut self, fingerprint: Fingerprint, extra: [u32; EXTRA], dependencies: &[Dependency]) -> Address {
        let needed = size(EXTRA, dependencies.len());
        if self.pages.last().is_none_or(|page| page.len() + needed > PAGE) {
            self.pages.push(Vec::with_capacity(needed.max(if self.pages.is_empty() { 0 } else { PAGE })));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        let word = page.len();
        page.resize(word + needed, 0);
        page[word] = NOWHERE;
        write(&mut page[word..], fingerprint, extra, dependencies);
        self.words += needed;
        (number * PAGE + word) as Address
    }

    /// Copies every trace into fresh pages, without the holes.
    fn pack(&mut self) {
        let mut packed = TraceTable::<EXTRA>::new(self.bound);
        packed.heads.resize(self.heads.len(), NOWHERE);
        for index in 0..self.heads.len() {
            let key = KeyId::new(index);
            let oldest_first: Vec<_> = self.of(key).collect();
            for trace in oldest_first.into_iter().rev() {
                let dependencies: Vec<_> = trace.dependencies().collect();
                let at = packed.append(trace.fingerprint(), trace.extra(), &dependencies);
                packed.link(key, at);
            }
        }
        *self = packed;
    }
}

/// What became of a trace that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed<const EXTRA: usize> {
    /// It is one more.
    New,
    /// It was there already; the owner's words given with it were not taken.
    Known,
    /// It took the place of another, whose words these were.
    Replaced([u32; EXTRA]),
}

/// Writes all of a trace but its link.
fn write<const EXTRA: usize>(
    words: &mut [u32],
    fingerprint: Fingerprint,
    extra: [u32; EXTRA],
    dependencies: &[Dependency],
) {
    let length = dependencies.len();
    words[1] = length as u32;
    words[2] = fingerprint.0 as u32;
    words[3] = (fingerprint.0 >> 32) as u32;
    words[HEADER..HEADER + EXTRA].copy_from_slice(&extra);
    let (keys, fingerprints) = words[HEADER + EXTRA..][..3 * length].split_at_mut(length);
    for (position, dependency) in dependencies.iter().enumerate() {
        keys[position] = dependency.key.to_raw() | if dependency.grouped { GROUPED } else { 0 };
        fingerprints[2 * position] = dependency.fingerprint.0 as u32;
        fingerprints[2 * position + 1] = (dependency.fingerprint.0 >> 32) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deps(of: &[(usize, u64)]) -> Vec<Dependency> {
        of.iter()
            .enumerate()
            .map(|(n, &(key, value))| Dependency {
                key: KeyId::new(key),
                grouped: n % 2 == 1,
                fingerprint: Fingerprint(value << 33 | value),
            })
            .collect()
    }

    #[test]
    fn newest_first_and_no_more_than_the_bound() {
        let mut table = TraceTable::<1>::new(3);
        let key = KeyId::new(4);
        for n in 0..5_u32 {
            let pushed = table.push(key, Fingerprint(n.into()), [n], &deps(&[(1, n.into()), (2, 7)]));
            assert_eq!(pushed, if n < 3 { Pushed::New } else { Pushed::Replaced([n - 3]) });
        }
        let kept: Vec<_> = table.of(key).map(|trace| trace.extra()[0]).collect();
        assert_eq!(kept, [4, 3, 2]);
        let newest = table.newest(key).map(|trace| trace.dependencies().collect::<Vec<_>>());
        assert_eq!(newest, Some(deps(&[(1, 4), (2, 7)])));
        assert!(table.newest(KeyId::new(3)).is_none() && table.newest(KeyId::new(99)).is_none());
        assert_eq!(table.words(), 3 * size(1, 2), "traces of one length reuse the words of those that go");
    }

    #[test]
    fn an_equal_trace_moves_to_the_front() {
        let mut table = TraceTable::<0>::new(4);
        let key = KeyId::new(0);
        for n in [1, 2, 3] {
            table.push(key, Fingerprint(n), [], &deps(&[(1, n)]));
        }
        assert_eq!(table.push(key, Fingerprint(1), [], &deps(&[(1, 1)])), Pushed::Known);
        assert_eq!(table.of(key).map(|trace| trace.fingerprint().0).collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!(table.push(key, Fingerprint(2), [], &deps(&[(1, 1)])), Pushed::New);
    }

    #[test]
    fn traces_of_changing_length_and_longer_than_a_page_survive_packing() {
        let mut table = TraceTable::<0>::new(2);
        let long: Vec<_> = (0..40_000).map(|n| (n, n as u64)).collect();
        table.push(KeyId::new(0), Fingerprint(5), [], &deps(&long));
        for round in 0..4_000_usize {
            for key in 1..5 {
                let length = (round + key) % 23;
                let list: Vec<_> = (0..length).map(|n| (n, round as u64)).collect();
                table.push(KeyId::new(key), Fingerprint(round as u64), [], &deps(&list));
            }
        }
        let newest = table.newest(KeyId::new(0)).map(|trace| trace.dependencies().collect::<Vec<_>>());
        assert_eq!(newest, Some(deps(&long)));
        for key in 1..5 {
            let kept: Vec<_> = table.of(KeyId::new(key)).map(|trace| (trace.fingerprint().0, trace.len())).collect();
            assert_eq!(kept, [(3999, (3999 + key) % 23), (3998, (3998 + key) % 23)]);
        }
        assert!(table.words() < 400_000, "holes are packed away, {} words are left", table.words());
    }
}
