//! Traces packed into pages: several a key, the newest first, found by key alone.
//!
//! A trace is a run of words in a page: its length, the fingerprint of the result, a link to the next older
//! trace of its key if there is one, some extra words for the updater that owns the table, the dependencies, and their
//! fingerprints. Pages are never moved, so a million traces grow without a million copies. A key keeps at most
//! as many traces as the table allows; a new one beyond that takes the place of the oldest, in the very same
//! words if it fits. What does not fit leaves a hole, and when holes are half of all words the table is packed
//! anew.

use alacarte_core::{Dependency, Fingerprint, KeyId, count_steps};

const PAGE: usize = 1 << 16;
const GROUPED: u32 = 1 << 31;
/// In the word of the length: there is a word for a link.
const LINKED: u32 = 1 << 31;

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
    #[inline]
    pub fn len(&self) -> usize {
        (self.words[0] & !LINKED) as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fingerprint of the result.
    #[inline]
    pub fn fingerprint(&self) -> Fingerprint {
        wide(self.words[1], self.words[2])
    }

    /// The owner's words.
    pub fn extra(&self) -> [u32; EXTRA] {
        let begin = HEADER + self.link_words();
        std::array::from_fn(|n| self.words[begin + n])
    }

    /// The key of the dependency at this position.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn key(&self, position: usize) -> KeyId {
        KeyId::from_raw(self.keys()[position])
    }

    /// Whether the dependency at this position was fetched together with the one before.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn is_grouped(&self, position: usize) -> bool {
        self.keys()[position] & GROUPED != 0
    }

    /// The dependency at this position, in the order of recording.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline(always)]
    pub fn dependency(&self, position: usize) -> Dependency {
        let (length, begin) = (self.len(), self.begin());
        assert!(position < length, "a trace of {length} dependencies has none at {position}");
        let raw = self.words[begin + position];
        let at = begin + length + 2 * position;
        let fingerprint = wide(self.words[at], self.words[at + 1]);
        Dependency::new(KeyId::from_raw(raw), fingerprint).with_grouped(raw & GROUPED != 0)
    }

    /// The keys of the group that begins here.
    pub fn group(self, begin: usize) -> impl Iterator<Item = KeyId> + use<'t, EXTRA> {
        let end = (begin + 1..self.len()).find(|&next| !self.is_grouped(next)).unwrap_or(self.len());
        (begin..end).map(move |position| self.key(position))
    }

    /// The fingerprint of the definition of the task, if it had one.
    pub fn definition(&self) -> Option<Fingerprint> {
        (!self.is_empty() && self.key(0).is_definition()).then(|| self.dependency(0).fingerprint)
    }

    /// All dependencies, in the order of recording.
    pub fn dependencies(self) -> impl ExactSizeIterator<Item = Dependency> + use<'t, EXTRA> {
        (0..self.len()).map(move |position| self.dependency(position))
    }

    #[inline]
    fn link_words(&self) -> usize {
        usize::from(self.words[0] & LINKED != 0)
    }

    /// Where the keys begin.
    #[inline]
    fn begin(&self) -> usize {
        HEADER + self.link_words() + EXTRA
    }

    #[inline]
    fn keys(&self) -> &'t [u32] {
        &self.words[self.begin()..][..self.len()]
    }

    fn next(&self) -> Address {
        if self.link_words() == 1 { self.words[HEADER] } else { NOWHERE }
    }

    fn matches(&self, fingerprint: Fingerprint, dependencies: &[Dependency]) -> bool {
        self.fingerprint() == fingerprint && self.dependencies().eq(dependencies.iter().copied())
    }
}

/// The length, and the fingerprint of the result.
const HEADER: usize = 3;

#[inline]
fn wide(low: u32, high: u32) -> Fingerprint {
    Fingerprint(u64::from(low) | u64::from(high) << 32)
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
            let trace = self.trace(at);
            at = trace.next();
            Some(trace)
        })
    }

    /// The newest trace of a key.
    pub fn newest(&self, key: KeyId) -> Option<Trace<'_, EXTRA>> {
        self.of(key).next()
    }

    /// Adds a trace as the newest of its key. An equal trace that is there already is only moved to the front;
    /// else, if the key has as many traces as it may, the oldest makes way.
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
            let trace = self.trace(at);
            equal = trace.matches(fingerprint, dependencies);
            if equal || (trace.next() == NOWHERE && count >= self.bound) {
                break;
            }
            (before, at) = (at, trace.next());
        }
        if at == NOWHERE {
            self.append(key, fingerprint, extra, dependencies);
            return Pushed::New;
        }
        if equal && before == NOWHERE {
            return Pushed::Known;
        }
        let old = self.trace(at);
        let (gone, length, linked, next) = (old.extra(), old.len(), old.link_words() == 1, old.next());
        if before == NOWHERE {
            *self.head_mut(key) = next;
        } else {
            self.record_mut(before)[HEADER] = next;
        }
        let extra = if equal { gone } else { extra };
        if length == dependencies.len() && (linked || self.head(key) == NOWHERE) {
            let next = std::mem::replace(self.head_mut(key), at);
            write::<EXTRA>(self.record_mut(at), linked.then_some(next), fingerprint, extra, dependencies);
        } else {
            self.holes += size::<EXTRA>(linked, length);
            self.append(key, fingerprint, extra, dependencies);
            if self.holes > PAGE && self.holes * 2 > self.words {
                self.pack();
            }
        }
        if equal { Pushed::Known } else { Pushed::Replaced(gone) }
    }

    /// Adds a trace behind the newest of its key, which stays the newest and makes way for no other.
    ///
    /// # Panics
    /// If a key keeps one trace only, which has no second.
    pub fn push_second(
        &mut self,
        key: KeyId,
        fingerprint: Fingerprint,
        extra: [u32; EXTRA],
        dependencies: &[Dependency],
    ) -> Pushed<EXTRA> {
        assert!(self.bound > 1, "a key that keeps one trace has no second");
        let newest = self.newest(key).map(|newest| (newest.fingerprint(), newest.dependencies().collect::<Vec<_>>()));
        let pushed = self.push(key, fingerprint, extra, dependencies);
        if let Some((fingerprint, dependencies)) = newest {
            self.push(key, fingerprint, extra, &dependencies);
        }
        pushed
    }

    /// Drops every trace of these keys, which are in ascending order, and every other that names one of them; `dropped` is
    /// told of the key and the owner's words of each. Room that nothing needs any more is given back.
    pub fn forget(&mut self, keys: &[KeyId], mut dropped: impl FnMut(KeyId, [u32; EXTRA])) {
        let is_gone = |key: KeyId| keys.binary_search(&key.subject()).is_ok();
        self.copy_if(|key, _, trace| {
            let names_one = trace.keys().iter().any(|&raw| is_gone(KeyId::from_raw(raw)));
            let stays = !is_gone(key) && !names_one;
            if !stays {
                dropped(key, trace.extra());
            }
            stays
        });
    }

    /// Calls `each` with every key that a trace of this one names.
    pub fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.of(key).for_each(|trace| trace.keys().iter().for_each(|&raw| each(KeyId::from_raw(raw))));
    }

    /// The trace that is equal to this, if it is there.
    pub fn find(&self, key: KeyId, fingerprint: Fingerprint, dependencies: &[Dependency]) -> Option<Trace<'_, EXTRA>> {
        self.of(key).find(|trace| trace.matches(fingerprint, dependencies))
    }

    /// How many words of memory the traces take, holes included.
    pub fn words(&self) -> usize {
        self.words
    }

    #[inline]
    fn head(&self, key: KeyId) -> Address {
        self.heads.get(key.index()).copied().unwrap_or(NOWHERE)
    }

    fn head_mut(&mut self, key: KeyId) -> &mut Address {
        let index = key.index();
        if index >= self.heads.len() {
            // An eighth more than needed: doubling would leave up to half of them empty.
            if index >= self.heads.capacity() {
                self.heads.reserve_exact(index - self.heads.len() + 64 + index / 8);
            }
            self.heads.resize(index + 1, NOWHERE);
        }
        &mut self.heads[index]
    }

    #[inline]
    fn trace(&self, at: Address) -> Trace<'_, EXTRA> {
        Trace { words: &self.pages[at as usize / PAGE][at as usize % PAGE..] }
    }

    fn record_mut(&mut self, at: Address) -> &mut [u32] {
        &mut self.pages[at as usize / PAGE][at as usize % PAGE..]
    }

    /// Writes a trace as the newest of its key.
    fn append(&mut self, key: KeyId, fingerprint: Fingerprint, extra: [u32; EXTRA], dependencies: &[Dependency]) {
        let next = self.head(key);
        let linked = next != NOWHERE;
        let needed = size::<EXTRA>(linked, dependencies.len());
        if self.pages.last().is_none_or(|page| page.len() + needed > PAGE) {
            self.pages.push(Vec::with_capacity(needed.max(if self.pages.is_empty() { 0 } else { PAGE })));
        }
        let number = self.pages.len() - 1;
        assert!(number < NOWHERE as usize / PAGE, "traces take more than 16 gigabytes");
        let page = &mut self.pages[number];
        let word = page.len();
        page.resize(word + needed, 0);
        write::<EXTRA>(&mut page[word..], linked.then_some(next), fingerprint, extra, dependencies);
        self.words += needed;
        *self.head_mut(key) = (number * PAGE + word) as Address;
    }

    /// Copies every trace into fresh pages, without the holes.
    fn pack(&mut self) {
        self.copy_if(|_, _, _| true);
    }

    /// Keeps so many traces of each key, the newest, for now; `dropped` is told of the owner's words of the others.
    pub(crate) fn cut(&mut self, newest: usize, mut dropped: impl FnMut([u32; EXTRA])) {
        self.copy_if(|_, behind, trace| {
            if behind >= newest {
                dropped(trace.extra());
            }
            behind < newest
        });
    }

    /// Calls `each` with the owner's words of every trace, and how many of its key's are newer.
    pub(crate) fn each(&self, mut each: impl FnMut(usize, [u32; EXTRA])) {
        for key in (0..self.heads.len()).map(KeyId::new) {
            self.of(key).enumerate().for_each(|(behind, trace)| each(behind, trace.extra()));
        }
    }

    /// Copies every trace that stays into fresh pages; how many of its key's are newer is told too.
    fn copy_if(&mut self, mut stays: impl FnMut(KeyId, usize, Trace<'_, EXTRA>) -> bool) {
        count_steps(self.words);
        let mut packed = TraceTable::<EXTRA>::new(self.bound);
        for index in 0..self.heads.len() {
            let key = KeyId::new(index);
            let traces: Vec<_> = self.of(key).collect();
            for (behind, trace) in traces.into_iter().enumerate().rev() {
                if stays(key, behind, trace) {
                    packed.copy(key, trace);
                }
            }
        }
        *self = packed;
    }

    /// Writes a trace of another table as the newest of its key.
    fn copy(&mut self, key: KeyId, trace: Trace<'_, EXTRA>) {
        let dependencies: Vec<_> = trace.dependencies().collect();
        self.append(key, trace.fingerprint(), trace.extra(), &dependencies);
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

fn size<const EXTRA: usize>(linked: bool, dependencies: usize) -> usize {
    HEADER + usize::from(linked) + EXTRA + 3 * dependencies
}

/// Writes a trace, with a link if there is a word for one.
fn write<const EXTRA: usize>(
    words: &mut [u32],
    link: Option<Address>,
    fingerprint: Fingerprint,
    extra: [u32; EXTRA],
    dependencies: &[Dependency],
) {
    let length = dependencies.len();
    words[0] = length as u32 | if link.is_some() { LINKED } else { 0 };
    words[1] = fingerprint.0 as u32;
    words[2] = (fingerprint.0 >> 32) as u32;
    let mut at = HEADER;
    if let Some(link) = link {
        words[at] = link;
        at += 1;
    }
    words[at..at + EXTRA].copy_from_slice(&extra);
    let (keys, fingerprints) = words[at + EXTRA..].split_at_mut(length);
    for (key, dependency) in keys.iter_mut().zip(dependencies) {
        *key = dependency.key.to_raw() | if dependency.grouped { GROUPED } else { 0 };
    }
    for (words, dependency) in fingerprints.chunks_exact_mut(2).zip(dependencies) {
        words[0] = dependency.fingerprint.0 as u32;
        words[1] = (dependency.fingerprint.0 >> 32) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deps(of: &[(usize, u64)]) -> Vec<Dependency> {
        of.iter()
            .enumerate()
            .map(|(n, &(key, value))| {
                Dependency::new(KeyId::new(key), Fingerprint(value << 33 | value)).with_grouped(n % 2 == 1)
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
        // The first trace has no word for a link, so it leaves a hole; from then on words are used again.
        assert_eq!(table.words(), size::<1>(false, 2) + 3 * size::<1>(true, 2));
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
    fn what_is_pushed_second_never_takes_the_place_of_the_newest() {
        let mut table = TraceTable::<1>::new(3);
        let key = KeyId::new(0);
        assert_eq!(table.push_second(key, Fingerprint(0), [0], &deps(&[(1, 0)])), Pushed::New);
        assert_eq!(table.push(key, Fingerprint(1), [1], &deps(&[(1, 1)])), Pushed::New);
        for n in 2..9_u32 {
            // Of any length, so that no word of another can be used again.
            let list: Vec<_> = (0..n as usize % 3).map(|key| (key, n.into())).collect();
            let pushed = table.push_second(key, Fingerprint(n.into()), [n], &deps(&list));
            assert_eq!(
                pushed,
                match n {
                    2 => Pushed::New,
                    3 => Pushed::Replaced([0]),
                    n => Pushed::Replaced([n - 2]),
                }
            );
            let kept: Vec<_> = table.of(key).map(|trace| (trace.fingerprint().0, trace.extra()[0])).collect();
            let expected = [1, n, if n == 2 { 0 } else { n - 1 }].map(|n| (u64::from(n), n));
            assert_eq!(kept, expected);
        }
        // A trace that is there already moves, and the newest stays.
        assert_eq!(table.push_second(key, Fingerprint(7), [9], &deps(&[(0, 7)])), Pushed::Known);
        assert_eq!(table.of(key).map(|trace| trace.extra()[0]).collect::<Vec<_>>(), [1, 7, 8]);
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
