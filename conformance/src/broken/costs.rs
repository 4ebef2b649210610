//! Rebuilders that are right and cost too much: what they find out, they find out again each time. No law over what a build
//! does sees that; the law over how its cost grows does ([`growth`](crate::growth)).

use std::collections::HashSet;
use std::task::{Poll, ready};

use alacarte_core::{Answer, Fetched, Key, KeyId, Metadata, Question, Reason, Rebuilder, Suspects, Value, count_steps};
use alacarte_metadata::{DirtyBits, VerifyingTraces};
use alacarte_rebuilders::DirtyBit;

use super::fixture::Fixture;

/// Dirty bits that look for the keys above dirty ones anew for each question.
#[derive(Debug, Clone, Copy, Default)]
pub struct WalksAgain;

impl<K: Key, V: Value> Rebuilder<K, V> for WalksAgain {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let bits = metadata.read::<DirtyBits>();
        let (mut todo, mut met) = (bits.marked().to_vec(), HashSet::new());
        while let Some(key) = todo.pop() {
            count_steps(1);
            if met.insert(key) {
                todo.extend(bits.graph().dependents(key));
            }
        }
        let clean = bits.graph().knows(question.key()) && !met.contains(&question.key());
        if clean { Poll::Ready(Answer::Keep) } else { DirtyBit.ask(question, metadata) }
    }

    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        Rebuilder::<K, V>::suspects(&DirtyBit, metadata)
    }

    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        Rebuilder::<K, V>::dependents(&DirtyBit, key, metadata, each);
    }

    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        Rebuilder::<K, V>::dependency(&DirtyBit, key, position, metadata)
    }
}

/// Verifies the newest trace from the beginning each time that what it waited for has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct BeginsAgain;

impl<K: Key, V: Value> Rebuilder<K, V> for BeginsAgain {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let newest = metadata.read::<VerifyingTraces>().table().newest(question.key());
        let Some(trace) = newest.filter(|trace| question.current() == Some(trace.fingerprint())) else {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        };
        if !question.same_task(trace.definition()) {
            return Poll::Ready(Answer::Run(Reason::Other("its task was replaced")));
        }
        for expected in trace.dependencies() {
            let now = ready!(question.fetch(expected.key));
            if now != Some(expected.fingerprint) {
                return Poll::Ready(Answer::Run(Reason::Other("something that it fetches has changed")));
            }
        }
        Poll::Ready(Answer::Keep)
    }
}

pub(super) fn list() -> Vec<Fixture> {
    vec![
        Fixture::new("costs-walks-again", "looks for suspects anew with each question", "dirty-bit")
            .is(|| WalksAgain)
            .unseen("how its steps grow"),
        Fixture::new("costs-begins-again", "verifies a trace anew after each wait", "verifying-trace")
            .is(|| BeginsAgain)
            .unseen("how its fetches grow"),
    ]
}
