//! Dirty bit: a value stands if nothing that its task fetched has changed since.
//!
//! The bits are kept by `DirtyBits`; this rebuilder only reads them, in the order in which the task would
//! fetch: a dependency that is brought up to date to another value sets this key's bit, and then the rest of
//! them is the task's business.

use std::task::{Poll, ready};

use alacarte::{Answer, Key, KeyId, Question, Reads, Reason, Rebuilder, Value};
use alacarte_metadata::DirtyBits;

/// Runs a key if its bit is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirtyBit;

impl<K: Key, V: Value> Rebuilder<K, V> for DirtyBit {
    type Reads = DirtyBits;

    fn ask(&self, question: &mut Question<'_, K, V>, bits: &DirtyBits) -> Poll<Answer<V>> {
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
        while let Some((dependency, grouped)) = bits.graph().dependency(key, question.cursor().position as usize) {
            if !grouped {
                ready!(fetch_group(question, bits, dependency));
            }
            // Its new value may have set the bit: whatever the task fetches from here on is not known.
            if bits.is_dirty(key) {
                return Poll::Ready(Answer::Run(Reason::Dirty));
            }
            question.cursor().position += 1;
        }
        Poll::Ready(Answer::Keep)
    }

    fn suspects<'m>(&self, bits: <DirtyBits as Reads>::View<'m>) -> Option<&'m [KeyId]> {
        Some(bits.marked())
    }
}

/// Brings the dependency at the cursor, and those fetched together with it, up to date.
fn fetch_group<K: Key, V: Value>(question: &mut Question<'_, K, V>, bits: &DirtyBits, first: KeyId) -> Poll<()> {
    let mut all = question.fetch(first).map(|_| ());
    let mut position = question.cursor().position as usize + 1;
    while let Some((member, true)) = bits.graph().dependency(question.key(), position) {
        if question.fetch(member).is_pending() {
            all = Poll::Pending;
        }
        position += 1;
    }
    all
}
