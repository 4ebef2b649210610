//! Journal replay = live state: an updater that was shown what a journal gives back is the one that lived through it.
//!
//! A history is lived by two processes, one after the other, which share a journal; at the end a third reads the whole. What is
//! only learned (another machine's trace, met in a cache) is not written down, and so is learned anew by each.

use alacarte_core::{Event, Journal, Keys, MetadataUpdater, Record};
use alacarte_stores::{Log, SharedBytes};

use super::happening::{Contract, EventKind, Happening, KEYS};
use super::judging::seek;
use crate::silence;
use crate::stage::Broken;
use crate::trial::{Trial, tell};

/// A process: what it remembers, and where it writes.
struct Process<U, J> {
    keys: Keys<u64>,
    updater: U,
    journal: J,
}

impl<U: MetadataUpdater + Default, J: Journal<u64, u64>> Process<U, J> {
    /// Begins with what the journal gives back.
    fn new(mut journal: J) -> Self {
        let (mut keys, mut updater) = (Keys::default(), U::default());
        for key in 0..KEYS as u64 {
            keys.intern(&key);
        }
        let replayed = journal.replay(&mut keys, &mut |_, event| {
            // Names are left out of it: the model knows keys by number.
            updater.apply(&match event.untyped() {
                Event::Built(record) => Event::Built(unnamed(record)),
                Event::Restored(record) => Event::Restored(unnamed(record)),
                Event::Imported(record) => Event::Imported(unnamed(record)),
                changed => changed,
            });
        });
        replayed.expect("what was written can be read");
        Process { keys, updater, journal }
    }

    fn live(&mut self, what: &Happening) {
        what.show(&mut self.updater);
        if !is_written(what) {
            return;
        }
        let Process { keys, journal, .. } = self;
        what.with_event(|event| journal.append(keys, event)).expect("the journal can be written");
    }

    fn end(mut self) {
        self.journal.flush().expect("the journal can be written");
    }
}

fn is_written(what: &Happening) -> bool {
    what.kind != EventKind::Imported
}

fn unnamed(mut record: Record<'_>) -> Record<'_> {
    record.key_hashes = &();
    record
}

/// Judges an updater by what it makes of what the real log gives back: two thousand random histories, lived by one process after
/// the other. What is only learned is not in a journal.
///
/// A log that was shortened has forgotten, on purpose, all but the newest traces of a key, and is not judged here. So a contract
/// about *all* that ever happened (how often did a task run?) may pass and yet not hold in long histories.
///
/// # Panics
/// If it is not what it was; the message tells the smallest history found.
pub fn check_replay<C: Contract>() {
    tell(judge_replay::<C, _, _>(Trial::default(), || {
        let bytes = SharedBytes::default();
        move || Log::from_bytes(bytes.clone())
    }));
}

/// Judges an updater and a journal: for each history `journal` makes a new one, which each process then opens.
///
/// # Errors
/// The smallest history found after which a process says something else than the model.
pub fn judge_replay<C: Contract, J: Journal<u64, u64>, O: Fn() -> J>(
    trial: Trial,
    journal: impl Fn() -> O,
) -> Result<(), Broken> {
    seek::<C>(trial, "journal replay = live state", |history| {
        let (open, middle) = (journal(), history.len() / 2);
        let mut seen = 0;
        let lived = silence::quietly(|| {
            for part in [0..middle, middle..history.len(), history.len()..history.len()] {
                let (mut model, mut process) = (C::default(), Process::<C::Of, J>::new(open()));
                history[..part.start].iter().filter(|what| is_written(what)).for_each(|what| model.see(what));
                model.check(&process.updater);
                for what in &history[part] {
                    seen += 1;
                    model.see(what);
                    process.live(what);
                    model.check(&process.updater);
                }
                process.end();
            }
        });
        lived.map_err(|why| (seen, why))
    })
}
