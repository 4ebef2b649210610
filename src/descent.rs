//! A fetch's way back into the engine: what a running task misses is brought up to date within the fetch.
//!
//! Where the scheduler goes depth first, the key that a task waits for goes on next in any case. To suspend the task for
//! that, queue the key, wake the task and poll its future again costs more than most tasks do. So the engine lends each
//! task that it polls a way back to itself, on the stack; what cannot be had that way (it waits for the outside, or lies
//! too deep) is waited for as everywhere else.
//!
//! The loan cannot be a reference: tasks know their engine by what it fetches from, the key table, and nothing of the types
//! of its strategies; and the engine is borrowed by the very poll. So the only `unsafe` of the crate is here, in `fetch.rs`, which
//! takes the way, and in `engine/descending.rs`, where it leads. (Measured: see *A fetch descends* in `paper-notes/design-decisions.md`.)

use crate::key::KeyId;

/// What came of it that a key was to be brought up to date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descended {
    /// The key is up to date, or has failed, or has to be waited for: look again.
    LookAgain,
    /// It failed, and the build stops there: its task does not go on.
    Stopped,
}

/// A way back into the engine that polls the task.
#[derive(Clone, Copy)]
pub(crate) struct Descent {
    engine: *mut (),
    /// Knows the engine's type, and has it bring a key up to date.
    enter: unsafe fn(*mut (), KeyId) -> Descended,
}

impl Descent {
    /// A way back into this engine, by way of this function, which takes the pointer for one to an `E`.
    pub fn new<E>(engine: &mut E, enter: unsafe fn(*mut (), KeyId) -> Descended) -> Self {
        Descent { engine: std::ptr::from_mut(engine).cast(), enter }
    }

    /// Has a key brought up to date, as far as that goes on the spot. The engine borrows the key table meanwhile, so the caller may not.
    ///
    /// # Safety
    /// The key table has this way back now: the engine that lent it is polling the task that fetches, and is used by nobody else.
    pub unsafe fn bring(self, key: KeyId) -> Descended {
        // SAFETY: `enter` was given for `engine`; the rest is the caller's word.
        unsafe { (self.enter)(self.engine, key) }
    }
}
