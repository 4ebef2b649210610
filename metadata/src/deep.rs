//! Deep constructive traces: the value that a key has for given *terminal inputs*, whatever lies between.
//!
//! Written out, a trace lists every terminal input below its key, which costs keys × inputs. Here the lists
//! share their parts, as in a Merkle tree: the *deep fingerprint* of an input is that of its value; the deep
//! fingerprint of a key is that of its dependencies' deep fingerprints, in order. A trace names its direct
//! dependencies with their deep fingerprints, so it names, through their traces, exactly its terminal inputs.
//!
//! Deep fingerprints are taken from the run that made the value; never looked up by (key, value) (THEORY, rule
//! 4): two runs may give a key the same value from different inputs.

use std::cell::Cell;

use alacarte::{Dependency, Event, Fingerprint, KeyId, MetadataUpdater, Record, Value};

use crate::column::Column;
use crate::constructive::Values;
use crate::table::{Pushed, Trace, TraceTable};

/// Several traces a key, the newest first, each with its value.
///
/// Contract: every trace is one `Built`, `Restored` or deep `Learned` event of its key that was not volatile,
/// its dependencies with the deep fingerprints that they had at that event; the
/// [`DeepConstructiveTraces::KEPT`] newest different ones are there (to learn what is known already does
/// not make it newer).
#[derive(Debug, Clone)]
pub struct DeepConstructiveTraces<V> {
    table: TraceTable<3>,
    values: Values<V>,
    /// The deep fingerprint of each key that a task gave its present value; none for inputs, and for volatile
    /// keys, which count as such.
    current: Column<Option<Fingerprint>>,
    volatile: Column<bool>,
    /// What each key is called, once it was asked for.
    names: Column<Option<Fingerprint>>,
    /// Whether a trace holds, by the number of its value: the epoch in which that was found out, times four,
    /// plus the verdict.
    verdicts: Vec<Cell<u32>>,
    epoch: u32,
}

/// The last number of an epoch; then they are used again, and no verdict is remembered.
const LAST_EPOCH: u32 = u32::MAX >> 2;

impl<V> DeepConstructiveTraces<V> {
    /// How many traces a key keeps.
    pub const KEPT: usize = 8;

    /// The traces; the extra words are for this type's other functions.
    pub fn table(&self) -> &TraceTable<3> {
        &self.table
    }

    /// The value that a trace remembers.
    pub fn value(&self, trace: Trace<'_, 3>) -> Option<&V> {
        self.values.get(trace.extra()[0])
    }

    /// The trace of a key with this deep fingerprint.
    pub fn find(&self, key: KeyId, deep: Fingerprint) -> Option<Trace<'_, 3>> {
        self.table.of(key).find(|trace| deep_of(*trace) == deep)
    }

    /// Whether this trace of the key is that of its last `Built` or `Restored` event.
    pub fn is_last(&self, key: KeyId, trace: Trace<'_, 3>) -> bool {
        self.current.get(key).copied().flatten() == Some(deep_of(trace))
    }

    /// Whether the key counts as an input because its value is never kept.
    pub fn is_volatile(&self, key: KeyId) -> bool {
        self.volatile.get(key).copied().unwrap_or(false)
    }

    /// A number that no other trace here has.
    pub fn number(&self, trace: Trace<'_, 3>) -> u32 {
        trace.extra()[0]
    }

    /// Whether all terminal inputs of the trace are as they were, if that was found out since anything last changed.
    pub fn verdict(&self, trace: Trace<'_, 3>) -> Option<Verdict> {
        let verdict = self.verdicts.get(trace.extra()[0] as usize)?.get();
        (verdict >> 2 == self.epoch).then_some(match verdict & 3 {
            0 => Verdict::Fails,
            1 => Verdict::Holds,
            _ => Verdict::Wavers,
        })
    }

    /// Remembers that.
    pub fn judge(&self, trace: Trace<'_, 3>, found: Verdict) {
        if let Some(verdict) = self.verdicts.get(trace.extra()[0] as usize) {
            verdict.set(self.epoch << 2 | found as u32);
        }
    }
}

/// Whether a trace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some terminal input is not as it was.
    Fails = 0,
    /// All terminal inputs are as they were.
    Holds = 1,
    /// They are, but one of them is a volatile key, which the next build has to bring up to date to know.
    Wavers = 2,
}

/// Keeps deep fingerprints apart from those of values: a task that fetches nothing is no input that holds a zero.
const NO_VALUE: Fingerprint = Fingerprint(0x6465_6570);

fn deep_of(trace: Trace<'_, 3>) -> Fingerprint {
    let [_, low, high] = trace.extra();
    Fingerprint(u64::from(low) | u64::from(high) << 32)
}

impl<V> Default for DeepConstructiveTraces<V> {
    fn default() -> Self {
        DeepConstructiveTraces {
            table: TraceTable::new(Self::KEPT),
            values: Values::default(),
            current: Column::default(),
            volatile: Column::default(),
            names: Column::default(),
            verdicts: Vec::new(),
            epoch: 1,
        }
    }
}

impl<V: Value> DeepConstructiveTraces<V> {
    /// Adds a trace whose dependencies carry deep fingerprints already; its own deep fingerprint.
    fn remember(&mut self, record: &Record<'_>, dependencies: &[Dependency]) -> Option<Fingerprint> {
        // Before the table knows of it: a clone may panic.
        let value = record.value.downcast_ref::<V>()?.clone();
        // Named, because the same fingerprints may be those of other keys: tasks may fetch in another order, and a
        // definition and an input may be alike.
        let none = Fingerprint::of_integer(dependencies.len() as u64).and(NO_VALUE);
        let deep = dependencies.iter().fold(none, |sum, dependency| {
            let subject = dependency.key.subject();
            let name = *self.names.at(subject).get_or_insert_with(|| record.names.name_of(subject));
            let tag = Fingerprint::of_integer(dependency.key.is_definition().into());
            sum.and(name).and(tag).and(dependency.fingerprint)
        });
        let slot = self.values.free();
        let extra = [slot, deep.0 as u32, (deep.0 >> 32) as u32];
        let pushed = self.table.push(record.key, record.fingerprint, extra, dependencies);
        if pushed == Pushed::Known {
            // Equal in what the fingerprint looks at: the value is that of the last run.
            if let Some([slot, ..]) = self.table.newest(record.key).map(|newest| newest.extra()) {
                self.values.replace(slot, value);
            }
        } else {
            self.values.put(slot, value);
            if self.verdicts.len() <= slot as usize {
                self.verdicts.resize(slot as usize + 1, Cell::new(0));
            }
            self.verdicts[slot as usize].set(0);
        }
        if let Pushed::Replaced([gone, ..]) = pushed {
            self.values.clear(gone);
        }
        Some(deep)
    }

    fn made(&mut self, record: &Record<'_>) {
        *self.volatile.at(record.key) = record.volatile;
        if record.volatile {
            // Its value counts as an input's, which has just changed.
            *self.current.at(record.key) = None;
            self.next_epoch();
            return;
        }
        let deep = if record.deep {
            self.remember(record, record.dependencies)
        } else {
            let dependencies: Vec<Dependency> = record
                .dependencies
                .iter()
                .map(|&dependency| {
                    let deep = if dependency.key.is_definition() { None } else { self.current.get(dependency.key) };
                    let fingerprint = deep.copied().flatten().unwrap_or(dependency.fingerprint);
                    Dependency { fingerprint, ..dependency }
                })
                .collect();
            self.remember(record, &dependencies)
        };
        *self.current.at(record.key) = deep;
    }

    fn next_epoch(&mut self) {
        if self.epoch == LAST_EPOCH {
            self.verdicts.iter().for_each(|verdict| verdict.set(0));
            self.epoch = 0;
        }
        self.epoch += 1;
    }
}

impl<V: Value> MetadataUpdater for DeepConstructiveTraces<V> {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Changed { key, fingerprint, input, .. } => {
                self.next_epoch();
                // It has no task any more: its definition is gone, or it is edited as an input before anybody looked.
                if *input && (!key.is_definition() || fingerprint.is_none()) {
                    *self.current.at(*key) = None;
                }
            }
            Event::Built(record) | Event::Restored(record) => self.made(record),
            Event::Learned(record)
                if record.deep
                    && !record.volatile
                    && !self.table.knows(record.key, record.fingerprint, record.dependencies) =>
            {
                self.remember(record, record.dependencies);
            }
            Event::Learned(_) | Event::Owed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After 2³⁰ edits a verdict was forgotten as soon as it was found, and traces were followed along every path.
    #[test]
    fn verdicts_are_remembered_however_many_edits_there_were() {
        let mut traces = DeepConstructiveTraces::<u64> { epoch: LAST_EPOCH - 2, ..Default::default() };
        let (key, input) = (KeyId::new(1), KeyId::new(0));
        let one = [Dependency { key: input, grouped: false, fingerprint: 1_u64.fingerprint() }];
        traces.apply(&Event::Built(Record {
            key,
            dependencies: &one,
            deep: false,
            fingerprint: 1_u64.fingerprint(),
            value: &1_u64,
            modified: 0,
            volatile: false,
            names: &(),
        }));
        let edit = Event::Changed { key: input, fingerprint: None, modified: 0, input: true };
        for edits in 0..8 {
            let trace = traces.table().newest(key).expect("a trace");
            assert_eq!(traces.verdict(trace), None, "after {edits} edits nothing is known yet");
            traces.judge(trace, Verdict::Holds);
            assert_eq!(traces.verdict(trace), Some(Verdict::Holds), "after {edits} edits it is remembered");
            traces.apply(&edit);
        }
        assert!(traces.epoch < LAST_EPOCH - 2, "the numbers were used again");
    }
}
