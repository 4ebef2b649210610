//! Dirty bit: a value stands if nothing that its task fetched has changed since.
//!
//! The bits are kept by `DirtyBits`; this rebuilder only reads them, in the order in which the task would
//! fetch: a dependency that is brought up to date to another value sets this key's bit, and then the rest of
//! them is the task's business.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Fetched, Key, KeyId, Metadata, Question, Reason, Rebuilder, Suspects, Value};
use alacarte_metadata::DirtyBits;

/// Runs a key if its bit is set.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let mut build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// build.run(["C"])?;
///
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B"]); // B is 4 again, so the bit of C stays clear.
///
/// // A bit does not say what the value was: an edit that is taken back leaves it set.
/// build.set("A", 50)?;
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DirtyBit;

impl<K: Key, V: Value> Rebuilder<K, V> for DirtyBit {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let bits = metadata.read::<DirtyBits>();
        let key = question.key();
        if !bits.graph().knows(key) {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        }
        if bits.is_dirty(key) {
            return Poll::Ready(Answer::Run(Reason::Dirty));
        }
        if !bits.is_suspect(key) {
            return Poll::Ready(Answer::Keep);
        }
        let mut position = *question.progress::<usize>();
        while let Some(Fetched { grouped, .. }) = bits.graph().dependency(key, position) {
            let valued = grouped || ready!(question.fetch_group(bits.graph().group(key, position)));
            // Its new value, or the lack of one, may have set the bit: what the task fetches from here on is not
            // known.
            if !valued || bits.is_dirty(key) {
                return Poll::Ready(Answer::Run(Reason::Dirty));
            }
            position += 1;
            *question.progress() = position;
        }
        Poll::Ready(Answer::Keep)
    }

    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        let bits = metadata.read::<DirtyBits>();
        Some(Suspects::new(bits.marked(), bits.generation()))
    }

    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        let bits = metadata.read::<DirtyBits>();
        bits.graph().dependents(key).for_each(each);
    }

    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        let bits = metadata.read::<DirtyBits>();
        bits.graph().dependency(key, position)
    }
}
