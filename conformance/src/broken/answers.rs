//! Rebuilders that know the right answer and give another one.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Dependency, KeyId, Metadata, Question, Reason, Rebuilder, Restored};
use alacarte_metadata::{ConstructiveTraces, Trace};
use alacarte_rebuilders::ConstructiveTrace;

use super::fixture::Fixture;
use crate::name::Name;

/// What is done to the answer of a constructive trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The value of another key is put in place.
    Neighbour,
    /// The value of the oldest trace is put in place, whichever of them holds.
    Oldest,
    /// The trace that holds is told, and its value is left where it lies.
    Unmoved,
    /// The trace that holds is told without its last dependency.
    Clipped,
    /// The trace that holds is told with the dependencies of the oldest.
    Crossed,
    /// What the store holds stands, if any trace holds.
    Kept,
    /// What was lost or overwritten is made again though it could be put back.
    Rerun,
    /// What is kept is told to the journal all the same.
    Talkative,
}

/// Constructive traces that answer otherwise.
#[derive(Debug)]
pub struct Answers(pub AnswerFault);

/// What some other key has that has another value.
fn neighbour(own: i64, traces: &ConstructiveTraces<i64>) -> Option<i64> {
    let newest = (0..64).filter_map(|index| traces.table().newest(KeyId::new(index)));
    newest.filter_map(|trace| traces.value(trace).copied()).filter(|other| *other != own).min()
}

impl Rebuilder<Name, i64> for Answers {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<ConstructiveTraces<i64>>();
        let answer = ready!(ConstructiveTrace.ask(question, metadata));
        let list = |trace: Trace<'_, 1>| trace.dependencies().collect::<Vec<Dependency>>();
        let key = question.key();
        let (oldest, newest) = (traces.table().of(key).last(), traces.table().newest(key));
        let said = match (self.0, answer) {
            (AnswerFault::Kept, Answer::Restore(_)) if question.current().is_some() => Answer::Keep,
            (AnswerFault::Rerun, Answer::Restore(Restored { value: Some(_), .. })) => {
                Answer::Run(Reason::OutputChanged)
            }
            (AnswerFault::Talkative, Answer::Keep) => {
                let dependencies = newest.map(list).unwrap_or_default();
                Answer::Restore(Restored::new(dependencies, false, None))
            }
            (twisted, Answer::Restore(right)) => {
                let mut wrong = right.clone();
                match twisted {
                    AnswerFault::Neighbour => {
                        wrong.value = right.value.map(|own| neighbour(own, traces).unwrap_or(own));
                    }
                    AnswerFault::Oldest if right.value.is_some() => {
                        wrong.value = oldest.and_then(|trace| traces.value(trace).copied());
                    }
                    AnswerFault::Unmoved if question.current().is_some() => wrong.value = None,
                    AnswerFault::Clipped => drop(wrong.dependencies.pop()),
                    AnswerFault::Crossed => wrong.dependencies = oldest.map(list).unwrap_or_default(),
                    _ => {}
                }
                Answer::Restore(wrong)
            }
            (_, answer) => answer,
        };
        Poll::Ready(said)
    }
    fn skips_unchanged_builds(&self) -> bool {
        // One that speaks in every build has to be asked in every build.
        self.0 != AnswerFault::Talkative
    }
    fn restores(&self) -> bool {
        true
    }
}

/// Puts back the value of any trace whose dependencies are as they were, whatever the definition of the task
/// (THEORY, rule 7).
#[derive(Debug)]
pub struct Undefined;

impl Rebuilder<Name, i64> for Undefined {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<ConstructiveTraces<i64>>();
        for trace in traces.table().of(question.key()) {
            let mut holds = true;
            for told in trace.dependencies().filter(|told| !told.key.is_definition()) {
                holds = ready!(question.fetch(told.key)) == Some(told.fingerprint);
                if !holds {
                    break;
                }
            }
            if holds {
                let dependencies = trace.dependencies().collect();
                let value = traces.value(trace).copied();
                return Poll::Ready(Answer::Restore(Restored::new(dependencies, false, value)));
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
    let new = |name, wrong, twisted| Fixture::new(name, wrong, "constructive-trace").is(move || Answers(twisted));
    vec![
        new("restores-neighbour", "restores the value of another key", AnswerFault::Neighbour),
        new("restores-oldest", "restores the value of another trace of the key", AnswerFault::Oldest),
        new("restores-nothing", "says that it restored, and does not", AnswerFault::Unmoved),
        new("restores-clipped", "forgets a dependency of what it restores", AnswerFault::Clipped),
        new("restores-crossed", "restores one value with the dependencies of another", AnswerFault::Crossed)
            .values_only(),
        new("restores-kept", "keeps what the store holds if any trace holds", AnswerFault::Kept),
        new("restores-by-running", "runs the task of what it could put back", AnswerFault::Rerun)
            .caught_by(&["minimal"]),
        new("null-but-talkative", "appends an event for what it keeps", AnswerFault::Talkative)
            .caught_by(&["null-build"]),
        Fixture::new("restores-any-definition", "restores whatever the definition", "constructive-trace")
            .is(|| Undefined)
            .theory("rule 7"),
    ]
}
