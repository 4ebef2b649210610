//! Deep constructive traces that each make one slip on the way down to the terminal inputs.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Metadata, Question, Reason, Rebuilder, Restored};
use alacarte_metadata::{DeepConstructiveTraces, Trace};
use alacarte_rebuilders::DeepConstructiveTrace;

use super::by_hand;
use super::fixture::Fixture;
use crate::laws::Promises;
use crate::name::Name;

/// What is done wrong on the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeepSlip {
    /// Nothing.
    None,
    /// The definitions of tasks are no inputs (THEORY, rule 7).
    NoDefinitions,
    /// Only the definition of the key itself is an input, not those of the tasks between it and its inputs.
    OwnDefinition,
    /// Whether a task has a definition at all is not asked.
    AnyKind,
    /// Below the first step the newest trace is followed, not the one that is named: dependencies of another
    /// run (THEORY, rule 4).
    Newest,
    /// Only the first terminal input is looked at.
    OnlyFirst,
    /// A key without a trace counts as an input that has not changed.
    NoTrace,
    /// A volatile key is no input: it stands as its trace recorded it.
    Volatile,
}

/// Deep constructive traces with a slip.
#[derive(Debug)]
pub struct Deep(pub DeepSlip);

impl Deep {
    /// Whether the terminal inputs of a trace are as they were. (It recurses: the graphs it plays on are small.)
    fn holds(
        &self,
        question: &mut Question<'_, Name, i64>,
        traces: &DeepConstructiveTraces<i64>,
        trace: Trace<'_, 3>,
        top: bool,
    ) -> Poll<bool> {
        for told in trace.dependencies() {
            let named = traces.find(told.key, told.fingerprint);
            let below = if self.0 == DeepSlip::Newest { traces.table().newest(told.key) } else { named };
            let holds = if told.key.is_definition() {
                let minds = self.0 != DeepSlip::NoDefinitions && (top || self.0 != DeepSlip::OwnDefinition);
                !minds || ready!(question.input(told.key)) == Some(told.fingerprint)
            } else if traces.is_volatile(told.key) && self.0 == DeepSlip::Volatile {
                true
            } else if question.is_input(told.key) || traces.is_volatile(told.key) {
                ready!(question.fetch(told.key)) == Some(told.fingerprint)
            } else if let Some(below) = below {
                let defined = !below.is_empty() && below.key(0).is_definition();
                let same = matches!(self.0, DeepSlip::AnyKind | DeepSlip::NoDefinitions | DeepSlip::OwnDefinition)
                    || question.definition_matches(told.key, defined);
                same && ready!(self.holds(question, traces, below, false))
            } else {
                self.0 == DeepSlip::NoTrace
            };
            if !holds || self.0 == DeepSlip::OnlyFirst && !told.key.is_definition() {
                return Poll::Ready(holds);
            }
        }
        Poll::Ready(true)
    }
}

impl Rebuilder<Name, i64> for Deep {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DeepConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<DeepConstructiveTraces<i64>>();
        for (number, trace) in traces.table().of(question.key()).enumerate() {
            let defined = !trace.is_empty() && trace.key(0).is_definition();
            let same = matches!(self.0, DeepSlip::AnyKind | DeepSlip::NoDefinitions)
                || question.definition().is_some() == defined;
            if same && ready!(self.holds(question, traces, trace, true)) {
                let stands = question.current() == Some(trace.fingerprint());
                if stands && number == 0 && question.is_built() {
                    return Poll::Ready(Answer::Keep);
                }
                let value = if stands { None } else { traces.value(trace).copied() };
                let dependencies = trace.dependencies().collect();
                return Poll::Ready(Answer::Restore(Restored::new(dependencies, true, value)));
            }
        }
        Poll::Ready(Answer::Run(Reason::NeverBuilt))
    }
    fn restores(&self) -> bool {
        true
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, slip| {
        Fixture::new(name, wrong, "deep-constructive-trace").is(move || Deep(slip)).but_for(|| Deep(DeepSlip::None))
    };
    vec![
        new("deep-no-definitions", "definitions are no terminal inputs", DeepSlip::NoDefinitions).theory("rule 7"),
        new("deep-own-definition", "definitions below the key are no terminal inputs", DeepSlip::OwnDefinition)
            .theory("rule 7"),
        new("deep-any-kind", "a definition that is new goes unseen", DeepSlip::AnyKind).theory("rule 7"),
        new("deep-newest", "follows the newest trace of a dependency, not the one that is named", DeepSlip::Newest)
            .theory("rule 4"),
        new("deep-only-first", "looks at the first terminal input only", DeepSlip::OnlyFirst),
        new("deep-no-trace", "a key without a trace counts as unchanged", DeepSlip::NoTrace)
            .by_hand(by_hand::a_trace_that_made_way),
        new("deep-volatile", "a volatile key is no terminal input", DeepSlip::Volatile)
            .styled(|style| style.volatile = true),
        Fixture::new("frankenbuild", "deep traces of tasks that are not deterministic", "verifying-trace")
            .is(|| DeepConstructiveTrace)
            .promising(Promises { shallow: true, ..Promises::default() })
            .styled(|style| {
                (style.nondeterministic, style.faults, style.formulas, style.overwrites) = (true, true, false, false);
            })
            .theory("rule 8")
            .caught_by(&["set-correct"]),
    ]
}
