//! Dirty bits as published: an edit marks everything above it, and when a calculation is over, *all* bits are
//! cleared, also those of keys that the target does not reach (THEORY, rule 5).
//!
//! A fold over events does not see a build end. It takes the calculation to be over when a key was built above
//! which nothing is dirty: the target, as far as anybody can tell.

use std::collections::BTreeSet;
use std::task::Poll;

use alacarte_core::{Answer, Event, Key, KeyId, Metadata, MetadataUpdater, Question, Reason, Rebuilder, Value};
use alacarte_metadata::DependencyGraph;

/// Bits that are cleared too widely.
#[derive(Debug, Clone, Default)]
pub struct WideBits {
    graph: DependencyGraph,
    dirty: BTreeSet<KeyId>,
}

impl WideBits {
    /// Whether the key is to be computed again.
    pub fn is_dirty(&self, key: KeyId) -> bool {
        !self.graph.knows(key) || self.dirty.contains(&key)
    }

    /// What each key fetched when it was last built.
    pub fn graph(&self) -> &DependencyGraph {
        &self.graph
    }

    fn mark_above(&mut self, key: KeyId) {
        let mut todo: Vec<KeyId> = self.graph.dependents(key).collect();
        while let Some(above) = todo.pop() {
            if self.dirty.insert(above) {
                todo.extend(self.graph.dependents(above));
            }
        }
    }
}

impl MetadataUpdater for WideBits {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Changed { key, input, .. } => {
                let definition = key.is_definition();
                let key = key.subject();
                if definition || !input {
                    self.dirty.insert(key);
                }
                self.mark_above(key);
            }
            Event::Built(record) | Event::Restored(record) => {
                self.graph.apply(event);
                self.dirty.remove(&record.key);
                let over = !self.graph.dependents(record.key).any(|above| self.dirty.contains(&above));
                if over {
                    // The defect.
                    self.dirty.clear();
                }
            }
            Event::Forgotten { keys } => {
                self.graph.apply(event);
                self.dirty.retain(|key| keys.binary_search(key).is_err());
            }
            Event::Imported(_) | Event::Detached { .. } => {}
        }
    }
}

/// Runs a key if its bit is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct WideBit;

impl<K: Key, V: Value> Rebuilder<K, V> for WideBit {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<WideBits>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let bits = metadata.read::<WideBits>();
        let key = question.key();
        Poll::Ready(if !bits.graph.knows(key) {
            Answer::Run(Reason::NeverBuilt)
        } else if bits.is_dirty(key) || question.current().is_none() {
            Answer::Run(Reason::Dirty)
        } else {
            Answer::Keep
        })
    }
}
