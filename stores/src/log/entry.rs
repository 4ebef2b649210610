//! How one event is written.
//!
//! Keys are written once, under a number; events speak of numbers. The numbers are the journal's own: the same
//! key may have another [`KeyId`](alacarte_core::KeyId) in each process.

use serde::{Deserialize, Serialize};

/// What one record says. Its number in the sequence is written before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry<'a> {
    /// From here on, this number is this key.
    Key {
        number: u32,
        /// It was an input when it was first met.
        input: bool,
        key: &'a [u8],
    },
    Changed {
        subject: Subject,
        fingerprint: Option<[u8; 8]>,
        modified: u64,
        input: bool,
        value: Option<&'a [u8]>,
    },
    Made {
        how: How,
        number: u32,
        dependencies: Vec<(Subject, [u8; 8])>,
        fingerprint: [u8; 8],
        modified: u64,
        deep: bool,
        volatile: bool,
        /// Empty (no value is: each has a seal) if the record is *untold*: the value, or a dependency, cannot be written.
        value: &'a [u8],
    },
    /// A task started this key without waiting; or that is done.
    Detached {
        number: u32,
        done: bool,
    },
    /// Nothing is known of these keys any more, and no later record speaks of these numbers.
    Forgotten {
        numbers: Vec<u32>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    Built,
    Restored,
    Imported,
}

/// The number of a key, and two flags below it so that small numbers stay short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject(u64);

impl Subject {
    pub(super) fn new(number: u32, definition: bool, grouped: bool) -> Self {
        Subject(u64::from(number) << 2 | u64::from(definition) << 1 | u64::from(grouped))
    }

    pub(super) fn number(self) -> u32 {
        (self.0 >> 2) as u32
    }

    pub(super) fn is_definition(self) -> bool {
        self.0 & 2 != 0
    }

    pub(super) fn is_grouped(self) -> bool {
        self.0 & 1 != 0
    }
}

/// A payload: the number in the sequence, then what it says.
pub(super) fn write(sequence: u64, entry: &Entry<'_>, out: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::to_io(&(sequence, entry), out).map(|_| ())
}

pub(super) fn read(payload: &[u8]) -> Option<(u64, Entry<'_>)> {
    postcard::from_bytes(payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let (subject, fingerprint) = (Subject::new(7, true, false), [9; 8]);
        let entries = [
            Entry::Key { number: 7, input: true, key: b"seven" },
            Entry::Changed {
                subject,
                fingerprint: Some(fingerprint),
                modified: u64::MAX,
                input: false,
                value: Some(b"7"),
            },
            Entry::Changed { subject, fingerprint: None, modified: 0, input: true, value: None },
            Entry::Made {
                how: How::Restored,
                number: 7,
                dependencies: vec![(subject, fingerprint), (Subject::new(u32::MAX >> 2, false, true), fingerprint)],
                fingerprint,
                modified: 3,
                deep: true,
                volatile: false,
                value: b"",
            },
            Entry::Forgotten { numbers: vec![7, 0, u32::MAX] },
        ];
        for (sequence, entry) in entries.iter().enumerate() {
            let mut bytes = Vec::new();
            write(sequence as u64, entry, &mut bytes).expect("written");
            assert_eq!(read(&bytes), Some((sequence as u64, entry.clone())));
        }
        assert!(subject.is_definition() && !subject.is_grouped() && subject.number() == 7);
    }
}
