//! Modification times: all that make remembers.

use alacarte_core::{Event, KeyId, MetadataUpdater, Time};

use crate::column::Column;

/// When each key was last modified, by whomever. Definitions have no file and so no time: make does not see a
/// changed command.
///
/// Contract: the time of a key is that of its last `Changed`, `Built` or `Restored` event; a key that is gone, or
/// forgotten, has none.
///
/// ```
/// use alacarte::metadata::ModificationTimes;
/// use alacarte::{Event, KeyId, MetadataUpdater, Value};
///
/// let mut times = ModificationTimes::default();
/// let key = KeyId::new(0);
/// let fingerprint = Some(5.fingerprint());
/// times.apply(&Event::Changed { key, fingerprint, value: None, modified: 100, input: true });
/// times.apply(&Event::Changed { key, fingerprint, value: None, modified: 200, input: true });
/// // The second event wrote an equal value, but only the time counts.
/// assert_eq!(times.of(key), Some(200));
/// times.apply(&Event::Changed { key, fingerprint: None, value: None, modified: 300, input: true });
/// assert_eq!(times.of(key), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ModificationTimes {
    times: Column<Time>,
}

impl ModificationTimes {
    /// When the key was last modified; `None` if it never was, or is gone.
    pub fn of(&self, key: KeyId) -> Option<Time> {
        self.times.get(key).copied().filter(|&time| time > 0)
    }
}

impl MetadataUpdater for ModificationTimes {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Changed { key, fingerprint, modified, .. } if !key.is_definition() => {
                *self.times.at(*key) = if fingerprint.is_some() { *modified } else { 0 };
            }
            Event::Built(record) | Event::Restored(record) => *self.times.at(record.key) = record.modified,
            Event::Forgotten { keys } => self.times.forget(keys),
            Event::Changed { .. } | Event::Imported(_) | Event::Detached { .. } => {}
        }
    }
}
