//! The journal of a performance: a real log, in memory, that counts what it is told and can be damaged; or one that lies.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use alacarte_core::{Event, Journal, Keys, Replay, StoreError};
use alacarte_stores::{Log, SharedBytes};

use crate::faults::JournalLie;
use crate::name::Name;
use crate::tape::Tape;

/// A journal in memory. Clones share what is kept: only one of them may be in use at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestJournal {
    bytes: Rc<RefCell<SharedBytes>>,
    log: Rc<RefCell<Option<Log<Name, i64>>>>,
    told: Rc<Cell<usize>>,
    forgetful: bool,
    /// In place of the log.
    lying: Option<Tape<Name, i64>>,
    /// It does not hear of changes until something is built.
    deaf: Rc<Cell<bool>>,
}

impl TestJournal {
    /// A journal that counts its events, and keeps none.
    pub fn forgetful() -> Self {
        TestJournal { forgetful: true, ..TestJournal::default() }
    }

    /// A journal that gives back something else than it was given, for the laws to notice.
    pub fn lying(lie: JournalLie) -> Self {
        TestJournal { lying: Some(Tape::lying(Some(lie))), ..TestJournal::default() }
    }

    /// From now on it does not hear of changes, until something is built: for the laws to notice.
    pub fn deafen(&self) {
        self.deaf.set(true);
    }

    /// How many events were ever appended.
    pub fn told(&self) -> usize {
        self.told.get()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Log<Name, i64>) -> T) -> T {
        let mut log = self.log.borrow_mut();
        act(log.get_or_insert_with(|| Log::from_bytes(self.bytes.borrow().clone())))
    }

    /// The process ends: what is written remains.
    pub fn close(&self) {
        *self.log.borrow_mut() = None;
    }

    /// Changes what is written. No process may be at work.
    pub fn damage(&self, change: impl FnOnce(&mut Vec<u8>)) {
        self.close();
        let mut bytes = self.bytes.borrow().to_vec();
        change(&mut bytes);
        *self.bytes.borrow_mut() = bytes.into();
    }
}

impl Journal<Name, i64> for TestJournal {
    fn replay(&mut self, keys: &mut Keys<Name>, each: &mut Replay<'_, Name, i64>) -> Result<(), StoreError> {
        match &mut self.lying {
            Some(tape) => tape.replay(keys, each),
            None if self.forgetful => Ok(()),
            None => self.with(|log| log.replay(keys, each)),
        }
    }

    fn append(&mut self, keys: &Keys<Name>, event: &Event<'_, i64>) -> Result<(), StoreError> {
        self.told.set(self.told.get() + 1);
        let changed = matches!(event, Event::Changed { .. });
        if !changed {
            self.deaf.set(false);
        } else if self.deaf.get() {
            return Ok(());
        }
        match &mut self.lying {
            Some(tape) => tape.append(keys, event),
            None if self.forgetful => Ok(()),
            None => self.with(|log| log.append(keys, event)),
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.forgetful { Ok(()) } else { self.with(Journal::flush) }
    }

    fn keeps(&self) -> bool {
        !self.forgetful
    }
}
