//! Verifying traces: of each key, the fingerprints of what its task fetched, and of what it gave.

use alacarte_core::{Event, KeyId, MetadataUpdater};

use crate::column::Column;
use crate::trace_table::TraceTable;

/// Several traces a key, the newest first: after an edit and its revert the older one holds again.
///
/// Contract: every trace is the dependencies and the fingerprint of one `Built` or `Restored` event of its key
/// that was neither volatile nor deep; the newest is that of the last such event; the [`VerifyingTraces::KEPT`]
/// newest different ones are there, but for those that name a forgotten key.
///
/// ```
/// use alacarte::Value;
/// use alacarte::metadata::VerifyingTraces;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a / 10));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// build.run(["B"])?;
/// build.set("A", 41)?;
/// build.run(["B"])?;
///
/// let b = build.intern("B");
/// let traces = build.metadata().get::<VerifyingTraces>().unwrap();
/// let seen = traces.table().of(b).map(|trace| (trace.dependency(0).fingerprint, trace.fingerprint()));
/// // Each trace has what B fetched from A, and what B gave; the newest comes first.
/// let expected = [(41, 4), (40, 4)].map(|(a, b)| (a.fingerprint(), b.fingerprint()));
/// assert_eq!(seen.collect::<Vec<_>>(), expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct VerifyingTraces {
    table: TraceTable,
    /// The last run of the key left no trace.
    untraced: Column<bool>,
}

impl VerifyingTraces {
    /// How many traces a key keeps. An older trace is of use only if it gave the same value as the latest, so
    /// few are enough.
    pub const KEPT: usize = 4;

    /// The traces. (Their fingerprints are kept in full: a half that agrees by chance would have a key looked at that the
    /// task does not ask for, which may fail, or wait for the key itself; and again in every later build.)
    pub fn table(&self) -> &TraceTable {
        &self.table
    }

    /// Whether the newest trace of the key is that of its last `Built` or `Restored` event.
    pub fn is_last(&self, key: KeyId) -> bool {
        !self.untraced.get(key).is_some_and(|&untraced| untraced)
    }
}

impl Default for VerifyingTraces {
    fn default() -> Self {
        VerifyingTraces { table: TraceTable::new(Self::KEPT), untraced: Column::default() }
    }
}

impl MetadataUpdater for VerifyingTraces {
    fn apply(&mut self, event: &Event<'_>) {
        if let Event::Forgotten { keys } = event {
            self.table.forget(keys, |key, []| *self.untraced.at(key) = true);
            self.untraced.forget(keys);
        }
        if let Event::Built(record) | Event::Restored(record) = event {
            let untraced = record.volatile || record.deep;
            if !untraced {
                self.table.push(record.key, record.fingerprint, [], record.dependencies);
            }
            if untraced == self.is_last(record.key) {
                *self.untraced.at(record.key) = untraced;
            }
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.table.mentions(key, each);
    }
}
