//! Perpetual: run everything, always. The yardstick against which the others save.

use std::task::Poll;

use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Value};

/// Runs every task that the targets reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct Perpetual;

impl<K: Key, V: Value> Rebuilder<K, V> for Perpetual {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Ready(Answer::Run(Reason::Always))
    }

    fn trusts_silence(&self) -> bool {
        false
    }
}
