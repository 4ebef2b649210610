//! What ninja and make remember of each key: its last run, and no other.

use alacarte_core::{Event, MetadataUpdater};
use alacarte_metadata::TraceTable;

/// One verifying trace a key: that of its last run.
#[derive(Debug, Clone)]
pub struct LastTraces {
    table: TraceTable,
}

impl LastTraces {
    /// The traces.
    pub fn table(&self) -> &TraceTable {
        &self.table
    }
}

impl Default for LastTraces {
    fn default() -> Self {
        LastTraces { table: TraceTable::new(1) }
    }
}

impl MetadataUpdater for LastTraces {
    fn apply(&mut self, event: &Event<'_>) {
        if let Event::Forgotten { keys } = event {
            self.table.forget(keys, |_, []| {});
        }
        if let Event::Built(record) = event
            && !record.volatile
        {
            self.table.push(record.key, record.fingerprint, [], record.dependencies);
        }
    }
}
