//! The calc chain: the order in which keys were last finished.
//!
//! Excel keeps its cells in the order in which the last calculation could finish them; if nothing moved, that
//! order needs no restart.

use alacarte_core::{Event, KeyId, MetadataUpdater};

use crate::column::Column;

/// Contract: a key that was finished later than another, as of their last events, has the larger position. A key
/// that was forgotten has none.
///
/// ```
/// use alacarte::metadata::CalcChain;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Restarting::new()).with_rebuilder(DirtyBit);
/// let [a, b, c] = ["A", "B", "C"].map(|key| build.intern(key));
/// build.run(["C"])?;
/// let chain = build.metadata().get::<CalcChain>().unwrap();
/// assert!(chain.position(b) < chain.position(c));
/// assert_eq!(chain.position(a), None); // An input is never finished.
///
/// build.set("A", 41)?;
/// build.run(["C"])?; // Only B runs, so it goes to the end of the chain.
/// let chain = build.metadata().get::<CalcChain>().unwrap();
/// assert!(chain.position(b) > chain.position(c));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
