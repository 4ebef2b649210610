//! Fuses: which call of a user's code is to panic, or to fail.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::resume_unwind;

use alacarte_core::StoreError;

/// Names each kind of code once: as a variant, and in the list of all.
macro_rules! fragile {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A kind of code that is the user's, and may panic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fragile {
            $($(#[$doc])* $name),*
        }

        impl Fragile {
            /// Every kind.
            pub const ALL: &'static [Fragile] = &[$(Fragile::$name),*];
        }
    };
}

fragile!(
    /// A value is cloned.
    CloneValue,
    /// The fingerprint of a value is asked for.
    Fingerprint,
    /// A value is written for another process.
    WriteValue,
    /// A value is read that another process has written.
    ReadValue,
    /// A key is cloned.
    CloneKey,
    /// A key is hashed.
    Hash,
    /// Two keys are compared.
    Equal,
    /// A key is printed.
    Display,
    /// A key is written for another process.
    WriteKey,
    /// A key is read that another process has written.
    ReadKey,
    /// Has a key a task?
    Has,
    /// What does a task declare?
    Declared,
    /// What is the definition of a task?
    Definition,
    /// A task is begun.
    Run,
    /// A task goes on.
    Task,
    /// The store reads a value.
    Load,
    /// The store tells what has changed.
    Refresh,
    /// The store says when a value came.
    Modified,
    /// The store keeps a copy.
    Archive,
    /// The store takes a value from its copy.
    Restore,
    /// The journal gives an event back.
    Replay,
    /// The journal takes an event.
    Append,
    /// The journal is flushed.
    Flush,
    /// The cache gives its traces.
    Traces,
    /// The cache takes a trace.
    Add,
    /// The observer hears of a decision.
    Observe,
);

/// What a call does when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It panics.
    Panics,
    /// It answers an error; a call that cannot panics.
    Fails,
}

thread_local! {
    static FUSE: Cell<Option<(Fragile, u32, How)>> = const { Cell::new(None) };
    static BURNT: RefCell<BTreeSet<Fragile>> = const { RefCell::new(BTreeSet::new()) };
}

/// Panics if it is time.
pub(super) fn burn(what: Fragile) {
    if burn_or_fail(what).is_err() {
        panic_quietly(what);
    }
}

/// Like `panic!`, but nothing is written to the terminal.
fn panic_quietly(what: Fragile) -> ! {
    resume_unwind(Box::new(format!("{what:?} panics")))
}

/// Whether what is to happen next is a failure, and no panic.
pub(super) fn is_to_fail() -> bool {
    matches!(FUSE.get(), Some((_, _, How::Fails)))
}

/// Panics, or is an error, if it is time.
pub(super) fn burn_or_fail(what: Fragile) -> Result<(), StoreError> {
    let (left, how) = match FUSE.get() {
        Some((fragile, left, how)) if fragile == what => (left, how),
        _ => return Ok(()),
    };
    if left > 0 {
        FUSE.set(Some((what, left - 1, how)));
        return Ok(());
    }
    FUSE.set(None);
    BURNT.with_borrow_mut(|burnt| burnt.insert(what));
    match how {
        How::Panics => panic_quietly(what),
        How::Fails => Err(StoreError::new("do this", format!("{what:?}"), std::io::Error::other("it is full"))),
    }
}

/// From now on, the call of this kind after so many others is to panic, or to fail.
pub(super) fn light(what: Fragile, after: u32, how: How) {
    FUSE.set(Some((what, after, how)));
}

/// Whether something is to panic, or to fail, yet.
pub(super) fn is_lit() -> bool {
    FUSE.get().is_some()
}

/// Nothing is to panic any more.
pub(super) fn put_out() {
    FUSE.set(None);
}

/// Runs this, and nothing panics meanwhile.
pub(super) fn safely<T>(act: impl FnOnce() -> T) -> T {
    let fuse = FUSE.take();
    let done = act();
    FUSE.set(fuse);
    done
}

/// Which kinds of code have panicked on this thread.
pub fn burnt() -> BTreeSet<Fragile> {
    BURNT.with_borrow(Clone::clone)
}
