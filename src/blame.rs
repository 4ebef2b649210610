//! Who panicked: a build whose strategy panics ends with an error that says which, and at what key.
//!
//! The panic unwinds to the call that drives the build, and is caught there, once a poll of the whole build: what was half
//! done by then is not used again, so nothing need be caught where it happened. It is noted which strategy is being called,
//! in a word that is put back when the call returns; after a panic it still names the call from which nothing returned.

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
    key: u32,
}

impl Call {
    /// No key has this number.
    const NO_KEY: u32 = 1 << 31;

    /// The key for which it was called, if it was for one.
    pub fn key(self) -> Option<KeyId> {
        (self.key != Call::NO_KEY).then(|| KeyId::from_raw(self.key))
    }
}

/// Where it is noted who is being called: one place, which a build and its parts share.
#[derive(Clone, Default)]
pub(crate) struct Blame(Rc<Cell<Option<Call>>>);

impl Blame {
    /// Calls a strategy.
    #[inline(always)]
    pub fn on<T>(&self, part: Part, key: Option<KeyId>, call: impl FnOnce() -> T) -> T {
        let around = self.0.replace(Some(Call { part, key: key.map_or(Call::NO_KEY, KeyId::to_raw) }));
        let answer = call();
        self.0.set(around);
        answer
    }

    /// The call that has not returned.
    pub fn take(&self) -> Option<Call> {
        self.0.take()
    }
}
