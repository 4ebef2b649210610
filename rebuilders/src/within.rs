//! Within: a rebuilder that restores, whose traces keep no more than so many bytes of values.

use std::task::Poll;

use alacarte_core::{Answer, Key, KeyId, Lesson, Metadata, Question, Reads, Rebuilder, Suspects, Value};
use alacarte_metadata::KeepsValues;

/// [`ConstructiveTrace`](crate::ConstructiveTrace) or [`DeepConstructiveTrace`](crate::DeepConstructiveTrace), with
/// another bound on the bytes of the values that are kept to be restored than [`KeepsValues::BYTES`].
#[derive(Debug, Clone, Copy)]
pub struct Within<R> {
    rebuilder: R,
    bytes: usize,
}

impl<R> Within<R> {
    /// This rebuilder, with a bound on the bytes of values (see [`Value::size_in_bytes`]). The newest value of each key is kept in any
    /// case.
    pub fn new(bytes: usize, rebuilder: R) -> Self {
        Within { rebuilder, bytes }
    }
}

impl<K: Key, V: Value, R: Rebuilder<K, V>> Rebuilder<K, V> for Within<R>
where
    R::Reads: KeepsValues,
{
    type Reads = R::Reads;

    fn ask(&self, question: &mut Question<'_, K, V>, reads: <R::Reads as Reads>::View<'_>) -> Poll<Answer<V>> {
        self.rebuilder.ask(question, reads)
    }

    fn install(&self, metadata: &mut Metadata) {
        metadata.install_as(|| R::Reads::within(self.bytes));
    }

    fn trusts_silence(&self) -> bool {
        self.rebuilder.trusts_silence()
    }

    fn suspects<'m>(&self, reads: <R::Reads as Reads>::View<'m>) -> Option<Suspects<'m>> {
        self.rebuilder.suspects(reads)
    }

    fn dependents(&self, key: KeyId, reads: <R::Reads as Reads>::View<'_>, each: &mut dyn FnMut(KeyId)) {
        self.rebuilder.dependents(key, reads, each);
    }

    fn dependency(&self, key: KeyId, position: usize, reads: <R::Reads as Reads>::View<'_>) -> Option<(KeyId, bool)> {
        self.rebuilder.dependency(key, position, reads)
    }

    fn restores(&self) -> bool {
        self.rebuilder.restores()
    }

    fn lesson(&self, key: KeyId, reads: <R::Reads as Reads>::View<'_>) -> Option<Lesson> {
        self.rebuilder.lesson(key, reads)
    }
}
