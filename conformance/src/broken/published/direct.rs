//! Bazel's pair as published: a dependency counts as up to date if *its own direct* dependencies are what its
//! trace recorded. What lies further down is not looked at, so an edit two tasks below the target is missed.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Fingerprint, Key, KeyId, Metadata, Question, Reason, Rebuilder, Restored, Value};
use alacarte_metadata::ConstructiveTraces;

/// Constructive traces, verified against values that nobody has brought up to date.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectTraces;

impl<K: Key, V: Value> Rebuilder<K, V> for DirectTraces {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<V>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<ConstructiveTraces<V>>();
        let mut why = None;
        for trace in traces.table().of(question.key()) {
            let mut holds = true;
            for expected in trace.dependencies() {
                let now = ready!(seen(question, traces, expected.key));
                if now != Some(expected.fingerprint) {
                    holds = false;
                    let (key, from) = (expected.key, expected.fingerprint);
                    why = why.or(Some(Reason::DependencyChanged { key, from, to: now }));
                    break;
                }
            }
            if holds && question.current() == Some(trace.fingerprint()) {
                return Poll::Ready(Answer::Keep);
            }
            if holds {
                let (dependencies, value) = (trace.dependencies().collect(), traces.value(trace).cloned());
                return Poll::Ready(Answer::Restore(Restored::new(dependencies, false, value)));
            }
        }
        Poll::Ready(Answer::Run(why.unwrap_or(Reason::NeverBuilt)))
    }

    fn restores(&self) -> bool {
        true
    }
}

/// What a dependency holds. It is brought up to date only if it is seen to be dirty.
fn seen<K: Key, V: Value>(
    question: &mut Question<'_, K, V>,
    traces: &ConstructiveTraces<V>,
    key: KeyId,
) -> Poll<Option<Fingerprint>> {
    if question.is_input(key) {
        question.input(key)
    } else if is_dirty(question, traces, key) {
        question.fetch(key)
    } else {
        Poll::Ready(held(question, key))
    }
}

/// The defect: compares with what the store *holds*, whether or not that is up to date.
fn is_dirty<K: Key, V: Value>(question: &mut Question<'_, K, V>, traces: &ConstructiveTraces<V>, key: KeyId) -> bool {
    let value = held(question, key);
    !traces.table().of(key).any(|trace| {
        let mut recorded = trace.dependencies();
        Some(trace.fingerprint()) == value
            && recorded.all(|expected| held(question, expected.key) == Some(expected.fingerprint))
    })
}

fn held<K: Key, V: Value>(question: &mut Question<'_, K, V>, key: KeyId) -> Option<Fingerprint> {
    if key.is_definition() {
        return if let Poll::Ready(now) = question.input(key) { now } else { None };
    }
    question.value(key).map(Value::fingerprint)
}
