//! The calc chain: the order in which keys were last finished.
//!
//! Excel keeps its cells in the order in which the last calculation could finish them; if nothing moved, that
//! order needs no restart.

use alacarte_core::{Event, KeyId, MetadataUpdater};

use crate::column::Column;

/// Contract: a key that was finished later than another, as of their last events, has the larger position. One that
/// was forgotten has none.
#[derive(Debug, Clone, Default)]
pub struct CalcChain {
    positions: Column<u64>,
    finished: u64,
}

impl CalcChain {
    /// The key's place in the chain; larger is later. `None` if it was never finished.
    pub fn position(&self, key: KeyId) -> Option<u64> {
        self.positions.get(key).copied().filter(|&position| position > 0)
    }
}

impl MetadataUpdater for CalcChain {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Built(record) | Event::Restored(record) => {
                self.finished += 1;
                *self.positions.at(record.key) = self.finished;
            }
            Event::Forgotten { keys } => self.positions.forget(keys),
            _ => {}
        }
    }
}
