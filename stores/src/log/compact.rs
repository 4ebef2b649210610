//! Making a log shorter that says the same.
//!
//! The newest records about a key are what a build starts from; older ones are history. Which of them may go?
//! Not all: say that input `x` went from 1 to 2, `y` was built, and `x` went back to 1. Without the second of
//! these records `x` never seems to have changed, and `y` would stand. So whatever a kept record was built
//! *from* is kept, too: read backwards, a record about a key stays if it is among the newest, or if a record
//! that stays names the key before the next one about it does.

use std::collections::HashMap;

use super::entry::{self, Entry};
use super::{Next, TITLE};
use crate::frame::{self, Frames, Piece};

/// How many of a key's newest values are kept in any case: as many traces can be restored from.
const KEPT: u32 = 4;

/// Below this size, nobody minds.
const SMALL: usize = 1 << 18;

/// A log is made shorter if it is so many times as long as it need be.
const FACTOR: usize = 4;

/// What is known, reading backwards, of one key (or definition).
#[derive(Default)]
struct Seen {
    /// Newer events that were kept.
    changes: u32,
    values: u32,
    /// A kept record between here and the next kept event names it.
    named: bool,
    /// A newer record says whether it is owed.
    judged: bool,
}

/// An undamaged log with the same meaning, if that is much shorter; and the numbers that are free in it.
pub(super) fn compact(bytes: &[u8], next: Next) -> Option<(Vec<u8>, Next)> {
    if bytes.len() < SMALL || next.sequence < u64::from(next.key) * FACTOR as u64 {
        return None;
    }
    shorten(bytes, next).filter(|(kept, _)| kept.len() * FACTOR < bytes.len())
}

fn shorten(bytes: &[u8], next: Next) -> Option<(Vec<u8>, Next)> {
    let payloads: Option<Vec<&[u8]>> = Frames::new(bytes, TITLE.len())
        .map(|piece| match piece {
            Piece::Payload(payload) => Some(payload),
            Piece::Damage => None,
        })
        .collect();
    let mut kept = Vec::new();
    let mut seen: HashMap<(u32, bool), Seen> = HashMap::new();
    for payload in payloads?.into_iter().rev() {
        let (_, entry) = entry::read(payload)?;
        let stays = match &entry {
            Entry::Key { .. } => true,
            Entry::Changed { subject, .. } => {
                let seen = seen.entry((subject.number(), subject.is_definition())).or_default();
                let stays = seen.named || (seen.changes == 0 && seen.values == 0);
                seen.changes += u32::from(stays);
                seen.named &= !stays;
                stays
            }
            Entry::Made { number, dependencies, .. } => {
                let about = seen.entry((*number, false)).or_default();
                let stays = about.named || about.values < KEPT;
                about.values += u32::from(stays);
                about.named &= !stays;
                about.judged = true;
                if stays {
                    for (subject, _) in dependencies {
                        seen.entry((subject.number(), subject.is_definition())).or_default().named = true;
                    }
                }
                stays
            }
            Entry::Owed { number, paid } => {
                let judged = std::mem::replace(&mut seen.entry((*number, false)).or_default().judged, true);
                !judged && !paid
            }
        };
        if stays {
            kept.push(entry);
        }
    }
    let mut out = TITLE.to_vec();
    let mut sequence = 0;
    for entry in kept.iter().rev() {
        let mut written = Ok(());
        frame::push(&mut out, |out| written = entry::write(sequence, entry, out));
        written.ok()?;
        sequence += 1;
    }
    Some((out, Next { sequence, ..next }))
}

#[cfg(test)]
mod tests {
    use super::super::entry::{How, Subject};
    use super::*;

    fn log(entries: &[Entry<'_>]) -> Vec<u8> {
        let mut out = TITLE.to_vec();
        for (sequence, entry) in entries.iter().enumerate() {
            frame::push(&mut out, |out| entry::write(sequence as u64, entry, out).expect("written"));
        }
        out
    }

    fn changed(number: u32, to: u8) -> Entry<'static> {
        let fingerprint = Some([to; 8]);
        Entry::Changed { subject: Subject::new(number, false, false), fingerprint, modified: 0, input: true }
    }

    fn built(number: u32, from: (u32, u8)) -> Entry<'static> {
        let dependencies = vec![(Subject::new(from.0, false, false), [from.1; 8])];
        let (how, fingerprint, value) = (How::Built, [from.1; 8], b"".as_slice());
        Entry::Made { how, number, dependencies, fingerprint, modified: 0, deep: false, volatile: false, value }
    }

    fn shortened(entries: &[Entry<'_>]) -> Vec<u8> {
        shorten(&log(entries), Next { key: 9, sequence: entries.len() as u64 }).expect("undamaged").0
    }

    #[test]
    fn history_goes_and_what_was_built_from_stays() {
        let (x, y, z) = (0, 1, 2);
        // An edit between which and the next nothing was built is history.
        assert_eq!(shortened(&[changed(x, 1), changed(x, 2)]), log(&[changed(x, 2)]));
        // One from which something was built is not.
        let script = [changed(x, 1), built(y, (x, 1)), changed(x, 2), built(z, (x, 2)), changed(x, 1)];
        assert_eq!(shortened(&script), log(&script));
        // The newest values stay, and all that the oldest of them was built from.
        let mut script: Vec<_> = (0..10).flat_map(|n| [changed(x, n), built(y, (x, n))]).collect();
        assert_eq!(shortened(&script), log(&script[12..]));
        // A value that another was built from stays, old as it is.
        script.insert(2, built(z, (y, 0)));
        let expected: Vec<_> = script[..3].iter().chain(&script[13..]).cloned().collect();
        assert_eq!(shortened(&script), log(&expected));
    }

    #[test]
    fn only_long_logs_are_shortened() {
        let script: Vec<_> = (0..200).map(|n| changed(0, n)).collect();
        let next = Next { key: 1, sequence: script.len() as u64 };
        assert!(compact(&log(&script), next).is_none());
        let script: Vec<_> = (0..20_000).map(|n| changed(0, n as u8)).collect();
        let next = Next { key: 1, sequence: script.len() as u64 };
        let (short, next) = compact(&log(&script), next).expect("shortened");
        assert!(short.len() < 100 && next.sequence == 1);
    }
}
