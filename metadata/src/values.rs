//! The values that traces remember, by number, and a bound on how many bytes these are.
//!
//! Beyond the bound older traces go with their values: first those of every key that are furthest behind its newest. The
//! newest trace of a key, which tells what it holds, always stays. That is looked for when values have grown by a quarter
//! of the bound, so that it costs each value little.

use alacarte_core::{MetadataUpdater, Value};

use crate::column::give_back;
use crate::trace_table::TraceTable;

/// Traces that keep values.
///
/// ```
/// use alacarte::metadata::{ConstructiveTraces, KeepsValues};
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
/// let build = Build::new(tasks, Memory::from([("A", 1_i64)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(ConstructiveTrace);
/// build.run(["B"])?;
/// build.set("A", 2)?;
/// build.run(["B"])?;
/// // The traces keep what B was, and what it is: two values of eight bytes.
/// assert_eq!(build.metadata().get::<ConstructiveTraces<i64>>().unwrap().bytes(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait KeepsValues: MetadataUpdater {
    /// So many bytes of values are kept unless said otherwise: a thousand million.
    const BYTES: usize = 1_000_000_000;

    /// No traces yet, and older ones than the newest of each key only as long as all values take no more bytes (see
    /// [`Value::size_in_bytes`]).
    fn within(bytes: usize) -> Self;

    /// How many bytes the values take.
    fn bytes(&self) -> usize;
}

/// Values by number, numbers used again.
#[derive(Debug, Clone)]
pub(crate) struct Values<V> {
    values: Vec<Option<V>>,
    cleared: Vec<u32>,
    bytes: usize,
    bound: usize,
    /// Older traces are looked for beyond so many bytes.
    patience: usize,
}

impl<V: Value> Values<V> {
    /// No values, which are to take no more bytes.
    pub fn within(bound: usize) -> Self {
        Values { values: Vec::new(), cleared: Vec::new(), bytes: 0, bound, patience: bound }
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps a value under the number that [`Values::free`] gave.
    pub fn put(&mut self, slot: u32, value: V) {
        self.bytes += value.size_in_bytes();
        if self.cleared.last() == Some(&slot) {
            self.cleared.pop();
            self.values[slot as usize] = Some(value);
        } else {
            self.values.push(Some(value));
        }
    }

    /// Keeps another value under a number that is in use.
    pub fn replace(&mut self, slot: u32, value: V) {
        let more = value.size_in_bytes();
        let before = self.values[slot as usize].replace(value);
        self.bytes = self.bytes + more - before.map_or(0, |before| before.size_in_bytes());
    }

    /// Drops a value.
    pub fn clear(&mut self, slot: u32) {
        self.bytes -= self.values[slot as usize].take().map_or(0, |value| value.size_in_bytes());
        self.cleared.push(slot);
    }

    /// Drops older traces, if the values take too many bytes. The first of a trace's extra words is the number of its value.
    pub fn bound<const EXTRA: usize>(&mut self, table: &mut TraceTable<EXTRA>) {
        if self.bytes <= self.patience {
            return;
        }
        let mut behind = Vec::new();
        table.each(|place, extra| {
            behind.resize(behind.len().max(place + 1), 0);
            behind[place] += self.get(extra[0]).map_or(0, Value::size_in_bytes);
        });
        // Room is left, or the next value would lead here again.
        let mut room = self.bound / 4 * 3;
        let fits = behind.into_iter().take_while(|bytes| {
            let fits = *bytes <= room;
            room = room.saturating_sub(*bytes);
            fits
        });
        let newest = fits.count().max(1);
        table.cut(newest, |extra| self.clear(extra[0]));
        self.patience = self.bound.max(self.bytes + self.bound / 4);
    }
}

impl<V> Values<V> {
    /// The number that the next value gets.
    pub fn free(&self) -> u32 {
        self.cleared.last().copied().unwrap_or(self.values.len() as u32)
    }

    /// Takes no more room than for the value with the largest number, above which it answers that no number is used.
    pub fn give_back(&mut self) -> usize {
        let last = self.values.iter().rposition(Option::is_some);
        let numbers = last.map_or(0, |last| last + 1);
        self.values.truncate(numbers);
        self.cleared.retain(|&slot| (slot as usize) < numbers);
        give_back(&mut self.values);
        give_back(&mut self.cleared);
        numbers
    }

    /// The value with this number.
    pub fn get(&self, slot: u32) -> Option<&V> {
        self.values.get(slot as usize)?.as_ref()
    }

    #[cfg(test)]
    pub fn counts(&self) -> (usize, usize) {
        (self.values.iter().flatten().count(), self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::{Fingerprint, KeyId, steps_taken};

    #[test]
    fn another_value_under_a_number_takes_the_place_of_the_one_before() {
        let mut values = Values::within(1000);
        let text = |length: usize| "x".repeat(length);
        values.put(values.free(), text(10));
        values.put(values.free(), text(20));
        let before = values.bytes();
        values.replace(0, text(14));
        assert_eq!((values.get(0), values.get(1)), (Some(&text(14)), Some(&text(20))));
        assert_eq!(values.bytes() - before, text(14).size_in_bytes() - text(10).size_in_bytes());
    }

    #[test]
    fn numbers_are_used_again_and_those_above_the_last_are_given_back() {
        let mut values = Values::within(1000);
        for value in 0..10_u64 {
            values.put(values.free(), value);
        }
        [2, 9, 8].into_iter().for_each(|slot| values.clear(slot));
        assert_eq!((values.give_back(), values.counts()), (8, (7, 8)));
        for expected in [2, 8, 9] {
            let slot = values.free();
            assert_eq!(slot, expected);
            values.put(slot, slot.into());
        }
        assert!((0..10).all(|slot| values.get(slot) == Some(&slot.into())) && values.get(10).is_none());
    }

    /// What is newest stays, though it alone is too much.
    #[test]
    fn older_traces_are_looked_for_only_when_values_have_grown() {
        let (mut values, mut table) = (Values::within(100 * size_of::<u64>()), TraceTable::<1>::new(4));
        let before = steps_taken();
        for key in 0..1000 {
            let slot = values.free();
            table.push(KeyId::new(key), Fingerprint(0), [slot], &[]);
            values.put(slot, key as u64);
            values.bound(&mut table);
        }
        let looks = (1000 - 100) / 25;
        let steps = steps_taken() - before;
        assert!(steps <= (looks * table.words()) as u64, "{steps} steps for {} words", table.words());
    }
}
