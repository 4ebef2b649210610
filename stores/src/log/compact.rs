//! Making a log shorter that says the same.
//!
//! The newest records about a key are what a build starts from; older ones are history. Which of them may go?
//! Not all: say that input `x` went from 1 to 2, `y` was built, and `x` went back to 1. Without the second of
//! these records `x` never seems to have changed, and `y` would stand. So the records that a kept record was built
//! *from* are kept, too: read backwards, a record about a key stays if it is among the newest, or if a record
//! that stays names the key before the next one about it does.
//!
//! Of a key that was forgotten, or an input that is gone, nothing need stay, unless a record that stays names it. The
//! numbers of keys that are left out are given to the others, so that a log in which keys come and go is as long as
//! there are keys.

use std::collections::HashMap;

use super::entry::{self, Entry, Subject};
use super::{NONE, Next, TITLE};
use crate::frame::{self, Frames, Piece};

/// How many of a key's newest values are kept in any case: as many traces can be restored from.
const KEPT: u32 = 4;

/// Below this size, nobody minds.
pub(super) const SMALL: usize = 1 << 18;

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
    /// A newer record says that it is forgotten.
    forgotten: bool,
    /// The newest record about it says that it is an input, and gone.
    gone: bool,
}

/// A shorter log.
pub(super) struct Short {
    pub bytes: Vec<u8>,
    /// The numbers that are free in it.
    pub next: Next,
    /// The number of each key by the one that it had; `NONE` if it is not in it.
    pub numbers: Vec<u32>,
}

/// An undamaged log with the same meaning, if that is much shorter. There are `live` keys.
pub(super) fn compact(bytes: &[u8], next: Next, live: usize) -> Option<Short> {
    if bytes.len() < SMALL || next.sequence < live as u64 * FACTOR as u64 {
        return None;
    }
    shorten(bytes, next).filter(|short| short.bytes.len() * FACTOR < bytes.len())
}

/// An undamaged log with the same meaning, if every record can be read.
pub(super) fn shorten(bytes: &[u8], next: Next) -> Option<Short> {
    let payloads: Option<Vec<&[u8]>> = Frames::new(bytes, TITLE.len())
        .map(|piece| match piece {
            Piece::Payload(payload) => Some(payload),
            Piece::Damage => None,
        })
        .collect();
    let mut kept = Vec::new();
    let mut seen: HashMap<(u32, bool), Seen> = HashMap::new();
    // The numbers of which a record that stays speaks, other than to say that there is no such key any more.
    let mut used = vec![false; next.key as usize];
    for payload in payloads?.into_iter().rev() {
        let (_, entry) = entry::read(payload)?;
        let stays = match &entry {
            Entry::Key { .. } => true,
            Entry::Changed { subject, fingerprint, input, .. } => {
                let (number, definition) = (subject.number(), subject.is_definition());
                let key = seen.entry((number, false)).or_default();
                let first = key.changes == 0 && key.values == 0;
                key.gone |= first && !definition && fingerprint.is_none() && *input;
                let (over, forgotten) = (key.gone || key.forgotten, key.forgotten);
                let about = seen.entry((number, definition)).or_default();
                let stays = about.named || (about.changes == 0 && about.values == 0 && !forgotten);
                used[number as usize] |= stays && (about.named || !over);
                about.changes += u32::from(stays);
                about.named &= !stays;
                stays
            }
            Entry::Made { number, dependencies, .. } => {
                // A trace that names a forgotten key is none; but the newest record says what the key holds.
                let forgotten =
                    |subject: &Subject| seen.get(&(subject.number(), false)).is_some_and(|key| key.forgotten);
                let no_trace = dependencies.iter().any(|(subject, _)| forgotten(subject));
                let about = seen.entry((*number, false)).or_default();
                let enough = if no_trace { 1 } else { KEPT };
                let stays = about.named || (about.values < enough && !about.gone && !about.forgotten);
                about.values += u32::from(stays);
                about.named &= !stays;
                about.judged = true;
                if stays {
                    used[*number as usize] = true;
                    for (subject, _) in dependencies {
                        used[subject.number() as usize] = true;
                        seen.entry((subject.number(), subject.is_definition())).or_default().named = true;
                    }
                }
                stays
            }
            Entry::Detached { number, done } => {
                let judged = std::mem::replace(&mut seen.entry((*number, false)).or_default().judged, true);
                used[*number as usize] |= !judged && !done;
                !judged && !done
            }
            Entry::Forgotten { numbers } => {
                for &number in numbers {
                    let key = seen.entry((number, false)).or_default();
                    (key.forgotten, key.judged) = (true, true);
                }
                true
            }
        };
        if stays {
            kept.push(entry);
        }
    }
    let mut numbers = vec![NONE; used.len()];
    let mut key = 0;
    for (number, _) in numbers.iter_mut().zip(&used).filter(|(_, used)| **used) {
        *number = key;
        key += 1;
    }
    let mut bytes = TITLE.to_vec();
    let mut sequence = 0;
    for entry in kept.into_iter().rev().filter_map(|entry| renumber(entry, &numbers)) {
        let mut written = Ok(());
        frame::push(&mut bytes, |out| written = entry::write(sequence, &entry, out));
        written.ok()?;
        sequence += 1;
    }
    Some(Short { bytes, next: Next { key, sequence }, numbers })
}

/// The record with other numbers; `None` if it speaks of none that has one.
fn renumber<'e>(mut entry: Entry<'e>, numbers: &[u32]) -> Option<Entry<'e>> {
    let known = |number: u32| Some(numbers[number as usize]).filter(|&number| number != NONE);
    let other = |subject: Subject| {
        let number = known(subject.number())?;
        Some(Subject::new(number, subject.is_definition(), subject.is_grouped()))
    };
    match &mut entry {
        Entry::Key { number, .. } | Entry::Detached { number, .. } => *number = known(*number)?,
        Entry::Changed { subject, .. } => *subject = other(*subject)?,
        Entry::Made { number, dependencies, .. } => {
            *number = known(*number)?;
            for (subject, _) in dependencies {
                *subject = other(*subject)?;
            }
        }
        Entry::Forgotten { numbers } => {
            *numbers = numbers.iter().filter_map(|&number| known(number)).collect();
            if numbers.is_empty() {
                return None;
            }
        }
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::super::entry::How;
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
        Entry::Changed {
            subject: Subject::new(number, false, false),
            fingerprint,
            modified: 0,
            input: true,
            value: None,
        }
    }

    fn built(number: u32, from: (u32, u8)) -> Entry<'static> {
        let dependencies = vec![(Subject::new(from.0, false, false), [from.1; 8])];
        let (how, fingerprint, value) = (How::Built, [from.1; 8], b"".as_slice());
        Entry::Made { how, number, dependencies, fingerprint, modified: 0, deep: false, volatile: false, value }
    }

    fn shortened(entries: &[Entry<'_>]) -> Vec<u8> {
        shorten(&log(entries), Next { key: 9, sequence: entries.len() as u64 }).expect("undamaged").bytes
    }

    fn gone(number: u32) -> Entry<'static> {
        let subject = Subject::new(number, false, false);
        Entry::Changed { subject, fingerprint: None, modified: 0, input: true, value: None }
    }

    fn forgotten(numbers: &[u32]) -> Entry<'static> {
        Entry::Forgotten { numbers: numbers.to_vec() }
    }

    fn key(number: u32, name: &'static [u8]) -> Entry<'static> {
        Entry::Key { number, input: false, key: name }
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
    fn of_a_key_that_is_no_more_nothing_stays_unless_it_is_named() {
        let (x, y, z) = (0, 1, 2);
        let names = [key(x, b"x"), key(y, b"y"), key(z, b"z")];
        let with_names = |script: &[Entry<'static>]| [&names, script].concat();
        // An input that is gone, and one that was forgotten with what was built from it.
        assert_eq!(shortened(&with_names(&[changed(x, 1), gone(x), built(y, (z, 1)), forgotten(&[y, z])])), log(&[]));
        // What stays gets the numbers that are free.
        let script = with_names(&[changed(x, 1), gone(x), changed(y, 1), built(z, (y, 1))]);
        assert_eq!(shortened(&script), log(&[key(0, b"y"), key(1, b"z"), changed(0, 1), built(1, (0, 1))]));
        // That an input is gone stays as long as what was built from it, and so does all that this was built from.
        let script = with_names(&[changed(x, 1), built(y, (x, 1)), gone(x)]);
        assert_eq!(shortened(&script), log(&[key(0, b"x"), key(1, b"y"), changed(x, 1), built(y, (x, 1)), gone(x)]));
        // The newest record says what a key holds, though it names one that was forgotten; an older one is history.
        let script = with_names(&[changed(x, 1), built(y, (x, 1)), built(y, (x, 1)), forgotten(&[x, z])]);
        let expected = [key(0, b"x"), key(1, b"y"), changed(x, 1), built(y, (x, 1)), forgotten(&[x])];
        assert_eq!(shortened(&script), log(&expected));
        // A key that was an output before it was an input that is gone.
        assert_eq!(shortened(&with_names(&[changed(x, 1), built(y, (x, 1)), gone(y), gone(x)])), log(&[]));
    }

    #[test]
    fn only_long_logs_are_shortened() {
        let script: Vec<_> = (0..200).map(|n| changed(0, n)).collect();
        let next = Next { key: 1, sequence: script.len() as u64 };
        assert!(compact(&log(&script), next, 1).is_none());
        let script: Vec<_> = (0..20_000).map(|n| changed(0, n as u8)).collect();
        let next = Next { key: 1, sequence: script.len() as u64 };
        let short = compact(&log(&script), next, 1).expect("shortened");
        assert!(short.bytes.len() < 100 && short.next.sequence == 1);
    }
}
