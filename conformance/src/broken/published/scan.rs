//! Traces as published: one list of all, gone through from end to end for each look-up, whichever key is asked about. Each
//! rebuild makes it longer. What comes of it is right.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Poll, ready};

use alacarte_core::{
    Answer, Dependency, Event, Fingerprint, Key, KeyId, Metadata, MetadataUpdater, Question, Reason, Rebuilder, Value,
};

/// One trace of some key.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Whose it is.
    pub key: KeyId,
    /// What the task fetched.
    pub dependencies: Vec<Dependency>,
    /// What it gave.
    pub fingerprint: Fingerprint,
}

/// The traces of all keys in one list, the newest last.
#[derive(Debug, Clone, Default)]
pub struct ListedTraces(pub Vec<Listed>);

impl MetadataUpdater for ListedTraces {
    fn apply(&mut self, event: &Event<'_>) {
        if let Event::Built(record) | Event::Restored(record) = event
            && !record.volatile
            && !record.deep
        {
            let (key, fingerprint) = (record.key, record.fingerprint);
            self.0.push(Listed { key, dependencies: record.dependencies.to_vec(), fingerprint });
        }
    }
}

/// Verifies the newest trace of a key, which it looks for among all; and counts what it looks at.
#[derive(Debug, Clone, Default)]
pub struct ScanTrace {
    /// How many traces it has looked at.
    pub looked: Rc<Cell<u64>>,
}

impl<K: Key, V: Value> Rebuilder<K, V> for ScanTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ListedTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<ListedTraces>();
        let key = question.key();
        // The defect.
        let newest = traces.0.iter().inspect(|_| self.looked.set(self.looked.get() + 1)).filter(|one| one.key == key);
        let Some(newest) = newest.reduce(|_, newer| newer) else { return Poll::Ready(Answer::Run(Reason::NeverBuilt)) };
        let defined = newest.dependencies.first().is_some_and(|first| first.key.is_definition());
        if question.current() != Some(newest.fingerprint) || defined != question.definition().is_some() {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        }
        for &Dependency { key, fingerprint: from, .. } in &newest.dependencies {
            let to = ready!(question.fetch(key));
            if to != Some(from) {
                return Poll::Ready(Answer::Run(Reason::DependencyChanged { key, from, to }));
            }
        }
        Poll::Ready(Answer::Keep)
    }
}
