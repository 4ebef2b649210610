//! Who panicked: a build whose strategy panics ends with an error that says which, and at what key.
//!
//! The panic unwinds to the call that drives the build, and is caught there, once a poll of the whole build: what was half
//! done by then is not used again, so nothing need be caught where it happened. A call of a strategy costs no more than
//! a guard that is forgotten when the call returns. It is dropped only while a panic unwinds, and writes down then who
//! was called.

use std::cell::Cell;
use std::mem::forget;
use std::rc::Rc;

use crate::key::KeyId;

/// Who panicked.
#[derive(Clone, Copy)]
pub(crate) struct Culprit {
    /// What it is to the build: "rebuilder", …
    pub part: &'static str,
    /// Its type.
    pub name: &'static str,
    /// The key for which it was called, if it was for one.
    pub key: Option<KeyId>,
}

/// Where it is written down who panicked: one place, which a build and its parts share.
#[derive(Clone, Default)]
pub(crate) struct Blame(Rc<Cell<Option<Culprit>>>);

impl Blame {
    /// Calls a strategy.
    #[inline(always)]
    pub fn on<T>(&self, part: &'static str, name: &'static str, key: Option<KeyId>, call: impl FnOnce() -> T) -> T {
        let unwinding = Unwinding { blame: self, culprit: Culprit { part, name, key } };
        let answer = call();
        forget(unwinding);
        answer
    }

    /// Of calls within calls the innermost unwinds first, and is the one that panicked.
    #[cold]
    #[inline(never)]
    fn accuse(&self, culprit: Culprit) {
        self.0.set(self.0.get().or(Some(culprit)));
    }

    /// Who panicked since this was last asked.
    pub fn take(&self) -> Option<Culprit> {
        self.0.take()
    }
}

/// Exists while a strategy is called, and is dropped only by a panic.
struct Unwinding<'b> {
    blame: &'b Blame,
    culprit: Culprit,
}

impl Drop for Unwinding<'_> {
    // (Inlined, so that a call that returns has written nothing down, not even on the stack.)
    #[inline(always)]
    fn drop(&mut self) {
        self.blame.accuse(self.culprit);
    }
}
