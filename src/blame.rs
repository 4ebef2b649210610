//! Who panicked: a build whose strategy panics ends with an error that says which, and at what key.
//!
//! The panic unwinds to the call that drives the build, and is caught there, once a poll of the whole build: what was half
//! done by then is not used again, so nothing need be caught where it happened. Which strategy is being called is noted in
//! one word, which is cleared when the call returns; after a panic it still names the call that did not. (No strategy's
//! call is within another's.)

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

impl Call {
    /// No key has this number.
    const NO_KEY: u32 = 1 << 31;

    /// As a word; nought is no call.
    #[inline(always)]
    fn to_word(self) -> u64 {
        let part = match self.part {
            Part::Scheduler => 1,
            Part::Rebuilder => 2,
            Part::Observer => 3,
            Part::Updater(place) => 4 + u64::from(place),
        };
        part << 32 | u64::from(self.key.map_or(Call::NO_KEY, KeyId::to_raw))
    }

    fn of_word(word: u64) -> Option<Self> {
        let part = match word >> 32 {
            0 => return None,
            1 => Part::Scheduler,
            2 => Part::Rebuilder,
            3 => Part::Observer,
            place => Part::Updater((place - 4) as u16),
        };
        let key = word as u32;
        Some(Call { part, key: (key != Call::NO_KEY).then(|| KeyId::from_raw(key)) })
    }
}

/// Where it is noted who is being called: one place, which a build and its parts share.
#[derive(Clone, Default)]
pub(crate) struct Blame(Rc<Cell<u64>>);

impl Blame {
    /// Calls a strategy.
    #[inline(always)]
    pub fn on<T>(&self, part: Part, key: Option<KeyId>, call: impl FnOnce() -> T) -> T {
        self.0.set(Call { part, key }.to_word());
        let answer = call();
        self.0.set(0);
        answer
    }

    /// The call that has not returned.
    pub fn take(&self) -> Option<Call> {
        Call::of_word(self.0.take())
    }
}
