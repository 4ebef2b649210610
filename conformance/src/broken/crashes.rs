//! What goes wrong only if a crash comes between two writes.

use std::task::{Poll, ready};

use alacarte_core::{Answer, KeyId, Metadata, Question, Rebuilder, SharableTrace};
use alacarte_metadata::DeepConstructiveTraces;
use alacarte_rebuilders::DeepConstructiveTrace;

use crate::name::Name;

/// Deep constructive traces that take what another build has made for their own: a key whose value lies in the store, and which
/// a trace vouches for, is kept even if the journal knows of another value. (A build adds the trace to the cache when it has
/// made a value, and hands the record to the system later; so the trace outlives a crash that takes the record.) Then whatever
/// is built above is filed under what the journal knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct TakesLearnedForItsOwn;

impl Rebuilder<Name, i64> for TakesLearnedForItsOwn {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DeepConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<DeepConstructiveTraces<i64>>();
        let answer = ready!(DeepConstructiveTrace.ask(question, metadata));
        let key = question.key();
        let own = traces.table().of(key).find(|trace| traces.is_present(key, *trace));
        let known = own.map(|own| own.fingerprint());
        Poll::Ready(match answer {
            Answer::Restore(found) if found.value.is_none() && question.is_built() && known != question.current() => {
                Answer::Keep
            }
            answer => answer,
        })
    }

    fn restores(&self) -> bool {
        true
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        Rebuilder::<Name, i64>::sharable_trace(&DeepConstructiveTrace, key, metadata)
    }
}
