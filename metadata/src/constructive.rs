//! Constructive traces: verifying traces that also keep the value, so that it can be put back, here or elsewhere.

use alacarte::{Event, KeyId, MetadataUpdater, Record, Value};

use crate::column::{Column, give_back};
use crate::table::{Pushed, Trace, TraceTable};

/// Several traces a key, the newest first, each with its value.
///
/// Contract: every trace is one `Built`, `Restored` or `Learned` event of its key that was neither volatile nor
/// deep, with that event's value; the [`ConstructiveTraces::KEPT`] newest different ones are there (to learn
/// what is known already does not make it newer), but for those that name a forgotten key. The trace of the key's last
/// `Built` or `Restored` event, if that was neither, is the *present* one: it comes first, and what is learned never takes
/// its place, however much of it there is.
#[derive(Debug, Clone)]
pub struct ConstructiveTraces<V> {
    table: TraceTable<1>,
    values: Values<V>,
    /// Whether the first trace of each key is the present one.
    present: Column<bool>,
}

impl<V> ConstructiveTraces<V> {
    /// How many traces a key keeps.
    pub const KEPT: usize = 8;

    /// The traces; the extra word is for [`ConstructiveTraces::value`].
    pub fn table(&self) -> &TraceTable<1> {
        &self.table
    }

    /// The value that a trace remembers.
    pub fn value(&self, trace: Trace<'_, 1>) -> Option<&V> {
        self.values.get(trace.extra()[0])
    }

    /// The trace of what the key was last built or restored from, here and not elsewhere.
    pub fn present(&self, key: KeyId) -> Option<Trace<'_, 1>> {
        self.table.newest(key).filter(|_| self.is_present(key))
    }

    /// Whether the newest trace of the key is that of its last `Built` or `Restored` event.
    pub fn is_present(&self, key: KeyId) -> bool {
        self.present.get(key).copied().unwrap_or(false)
    }
}

impl<V> Default for ConstructiveTraces<V> {
    fn default() -> Self {
        ConstructiveTraces { table: TraceTable::new(Self::KEPT), values: Values::default(), present: Column::default() }
    }
}

impl<V: Value> ConstructiveTraces<V> {
    fn remember(&mut self, record: &Record<'_>, learned: bool) {
        if !learned {
            *self.present.at(record.key) = false;
        }
        if record.volatile || record.deep {
            return;
        }
        let Some(value) = record.value.downcast_ref::<V>() else { return };
        // Before the table knows of it: a clone may panic.
        let value = value.clone();
        let slot = self.values.free();
        let (key, fingerprint) = (record.key, record.fingerprint);
        let pushed = if learned && self.is_present(key) {
            self.table.push_second(key, fingerprint, [slot], record.dependencies)
        } else {
            self.table.push(key, fingerprint, [slot], record.dependencies)
        };
        if !learned {
            *self.present.at(key) = true;
        }
        match pushed {
            Pushed::New => self.values.put(slot, value),
            Pushed::Replaced([gone]) => {
                self.values.put(slot, value);
                self.values.clear(gone);
            }
            Pushed::Known => {
                // Equal in what the fingerprint looks at: the value is that of the last run.
                let slot = self.table.newest(record.key).map(|newest| newest.extra()[0]);
                if let Some(slot) = slot {
                    self.values.replace(slot, value);
                }
            }
        }
    }
}

impl<V: Value> MetadataUpdater for ConstructiveTraces<V> {
    fn apply(&mut self, event: &Event<'_>) {
        if let Event::Forgotten { keys } = event {
            self.table.forget(keys, |key, [gone]| {
                self.values.clear(gone);
                *self.present.at(key) = false;
            });
            self.values.give_back();
            self.present.forget(keys);
        }
        if let Event::Built(record) | Event::Restored(record) | Event::Learned(record) = event {
            // What others have learned is no news of this build: it does not become the newest if it was known.
            let learned = matches!(event, Event::Learned(_));
            if !(learned && self.table.knows(record.key, record.fingerprint, record.dependencies)) {
                self.remember(record, learned);
            }
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.table.mentions(key, each);
    }
}

/// Values by number, numbers used again.
#[derive(Debug, Clone)]
pub(crate) struct Values<V> {
    values: Vec<Option<V>>,
    cleared: Vec<u32>,
}

impl<V> Default for Values<V> {
    fn default() -> Self {
        Values { values: Vec::new(), cleared: Vec::new() }
    }
}

impl<V> Values<V> {
    /// The number that the next value gets.
    pub fn free(&self) -> u32 {
        self.cleared.last().copied().unwrap_or(self.values.len() as u32)
    }

    /// Keeps a value under the number that [`Values::free`] gave.
    pub fn put(&mut self, slot: u32, value: V) {
        if self.cleared.last() == Some(&slot) {
            self.cleared.pop();
            self.values[slot as usize] = Some(value);
        } else {
            self.values.push(Some(value));
        }
    }

    /// Keeps another value under a number that is in use.
    pub fn replace(&mut self, slot: u32, value: V) {
        self.values[slot as usize] = Some(value);
    }

    pub fn clear(&mut self, slot: u32) {
        self.values[slot as usize] = None;
        self.cleared.push(slot);
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

    pub fn get(&self, slot: u32) -> Option<&V> {
        self.values.get(slot as usize)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_no_trace_remembers_is_dropped() {
        let mut traces = ConstructiveTraces::<u64>::default();
        for value in 0..100_u64 {
            let record = Record {
                key: KeyId::new((value % 2) as usize),
                dependencies: &[],
                deep: false,
                fingerprint: value.fingerprint(),
                value: &value,
                modified: 0,
                volatile: false,
                names: &(),
            };
            traces.apply(&Event::Built(record));
        }
        let held = traces.values.values.iter().flatten().count();
        // One more while a trace takes the place of another.
        assert_eq!((held, traces.values.values.len()), (16, 17));
    }
}
