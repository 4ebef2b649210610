//! Constructive traces: verifying traces that also keep the value, so that it can be put back, here or elsewhere.

use alacarte_core::{Event, KeyId, MetadataUpdater, Record, Value};

use crate::column::Column;
use crate::trace_table::{Pushed, Trace, TraceTable};
use crate::values::{KeepsValues, Values};

/// Several traces a key, the newest first, each with its value.
///
/// Contract: every trace is one `Built`, `Restored` or `Imported` event of its key that was neither volatile nor
/// deep, with that event's value; the [`ConstructiveTraces::KEPT`] newest different ones are there (to learn
/// what is known already does not make it newer), but for those that name a forgotten key, and those that made way because
/// values took too many bytes ([`KeepsValues`]). The trace of the key's last `Built` or `Restored` event, if that was
/// neither, is the *present* one: it comes first, and what is learned never takes its place, however much of it there is.
///
/// ```
/// use alacarte::metadata::ConstructiveTraces;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
/// let build = Build::new(tasks, Memory::from([("A", 10)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(ConstructiveTrace);
/// build.run(["B"])?;
/// build.set("A", 20)?;
/// build.run(["B"])?;
///
/// let b = build.intern("B");
/// let traces = build.metadata().get::<ConstructiveTraces<i32>>().unwrap();
/// let values: Vec<_> = traces.table().of(b).filter_map(|trace| traces.value(trace)).collect();
/// assert_eq!(values, [&21, &11]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

impl<V: Value> Default for ConstructiveTraces<V> {
    fn default() -> Self {
        Self::within(Self::BYTES)
    }
}

impl<V: Value> KeepsValues for ConstructiveTraces<V> {
    fn within(bytes: usize) -> Self {
        let table = TraceTable::new(Self::KEPT);
        ConstructiveTraces { table, values: Values::within(bytes), present: Column::default() }
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
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
        self.values.bound(&mut self.table);
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
        if let Event::Built(record) | Event::Restored(record) | Event::Imported(record) = event {
            // What others have learned is no news of this build: it does not become the newest if it was known.
            let learned = matches!(event, Event::Imported(_));
            let known = || self.table.find(record.key, record.fingerprint, record.dependencies).is_some();
            if !(learned && known()) {
                self.remember(record, learned);
            }
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.table.mentions(key, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_no_trace_remembers_is_dropped() {
        let mut traces = ConstructiveTraces::<u64>::default();
        for value in 0..100_u64 {
            let record = Record::new(KeyId::new((value % 2) as usize), &[], value.fingerprint(), &value, &());
            traces.apply(&Event::Built(record).untyped());
        }
        // One more while a trace takes the place of another.
        assert_eq!(traces.values.counts(), (16, 17));
        assert_eq!(traces.bytes(), 16 * 8);
    }

    fn built(traces: &mut impl MetadataUpdater, key: usize, text: &String) {
        let key = KeyId::new(key);
        traces.apply(&Event::Built(Record::new(key, &[], text.fingerprint(), text, &())));
    }

    /// What is kept of each key, the newest first.
    fn kept(traces: &ConstructiveTraces<String>, keys: usize) -> Vec<Vec<String>> {
        let of = |key| traces.table().of(KeyId::new(key)).filter_map(|trace| traces.value(trace).cloned()).collect();
        (0..keys).map(of).collect()
    }

    #[test]
    fn beyond_so_many_bytes_older_values_go_first_and_the_newest_never() {
        let text = |key: usize, version: usize| format!("{key:03}/{version:03}{}", "x".repeat(1_000));
        let each = text(0, 0).size_in_bytes();
        let (mut traces, mut deep) =
            (ConstructiveTraces::within(20 * each), crate::DeepConstructiveTraces::<String>::within(20 * each));
        let mut most = [0, 0];
        for version in 0..8 {
            for key in 0..5 {
                built(&mut traces, key, &text(key, version));
                built(&mut deep, key, &text(key, version));
                most = [most[0].max(traces.bytes()), most[1].max(deep.bytes())];
            }
        }
        // The one that is one too many makes room for itself.
        assert_eq!((most, deep.bytes()), ([20 * each; 2], traces.bytes()));
        for (key, kept) in kept(&traces, 5).into_iter().enumerate() {
            let newest: Vec<String> = (0..8).rev().take(kept.len()).map(|version| text(key, version)).collect();
            assert!(kept == newest && kept.len() >= 2, "{} of {key} are kept", kept.len());
        }
        // What is newest is kept, though that alone is too much.
        (5..60).for_each(|key| built(&mut traces, key, &text(key, 0)));
        assert!(kept(&traces, 60).iter().all(|kept| !kept.is_empty()));
        let newest = |key: usize| text(key, if key < 5 { 7 } else { 0 });
        assert!(kept(&traces, 60).iter().enumerate().all(|(key, kept)| kept[0] == newest(key)));
        // Values that are dropped with their keys are not counted any more.
        let keys: Vec<KeyId> = (0..60).map(KeyId::new).collect();
        traces.apply(&Event::Forgotten { keys: &keys });
        assert_eq!((traces.bytes(), traces.values.counts()), (0, (0, 0)));
    }
}
