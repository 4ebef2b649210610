//! Who panicked: a build whose strategy panics ends with an error that says which, and at what key.
//!
//! The panic unwinds to the call that drives the build, and is caught there, once a poll of the whole build: what was half
//! done by then is not used again, so nothing need be caught where it happened. Which strategy is being called is noted in
//! two words, which are cleared when the call returns; after a panic they still name the call that did not. (No strategy's
//! call is within another's; what a scheduler asks of the tasks is not its own.)

use std::cell::Cell;
use std::rc::Rc;

use crate::key::KeyId;

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Scheduler,
    Rebuilder,
    Observer,
    /// Which of those that are installed.
    Updater(u16),
}

/// A call of a strategy.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub part: Part,
    /// The key for which it was called, if it was for one.
    pub key: Option<KeyId>,
}

/// Where it is noted who is being called: one place, which a build and its parts share.
#[derive(Clone, Default)]
pub(crate) struct Blame(Rc<Calling>);

/// The part, or nought; and the key, or [`NO_KEY`].
#[derive(Default)]
struct Calling {
    part: Cell<u32>,
    key: Cell<u32>,
}

/// No key has this number.
const NO_KEY: u32 = 1 << 31;

impl Blame {
    /// Calls a strategy.
    #[inline(always)]
    pub fn on<T>(&self, part: Part, key: Option<KeyId>, call: impl FnOnce() -> T) -> T {
        self.note(part, key);
        let answer = call();
        self.clear();
        answer
    }

    /// What is called next.
    #[inline(always)]
    pub fn note(&self, part: Part, key: Option<KeyId>) {
        let part = match part {
            Part::Scheduler => 1,
            Part::Rebuilder => 2,
            Part::Observer => 3,
            Part::Updater(place) => 4 + u32::from(place),
        };
        self.0.part.set(part);
        self.0.key.set(key.map_or(NO_KEY, KeyId::to_raw));
    }

    /// All calls have returned.
    #[inline(always)]
    pub fn clear(&self) {
        self.0.part.set(0);
    }

    /// The call that has not returned.
    pub fn take(&self) -> Option<Call> {
        let part = match self.0.part.take() {
            0 => return None,
            1 => Part::Scheduler,
            2 => Part::Rebuilder,
            3 => Part::Observer,
            place => Part::Updater((place - 4) as u16),
        };
        let key = self.0.key.get();
        Some(Call { part, key: (key != NO_KEY).then(|| KeyId::from_raw(key)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_blamed_is_who_was_called() {
        let blame = Blame::default();
        assert!(blame.take().is_none());
        let updaters = [0, 1, 2, 5, u16::MAX].map(Part::Updater);
        let keys = [None, Some(KeyId::from_raw(0)), Some(KeyId::from_raw(1)), Some(KeyId::from_raw((1 << 31) - 1))];
        for part in [Part::Scheduler, Part::Rebuilder, Part::Observer].into_iter().chain(updaters) {
            for key in keys {
                blame.on(part, key, || {
                    let call = blame.take().expect("a call");
                    assert!(call.part == part && call.key == key);
                });
                blame.note(part, key);
                blame.clear();
                assert!(blame.take().is_none(), "all calls have returned");
            }
        }
    }
}
