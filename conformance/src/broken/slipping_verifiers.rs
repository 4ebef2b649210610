//! Verifiers of a single trace that each make one slip.
//!
//! Without a slip this is a verifying trace like any other: the newest trace is gone through in the order of
//! recording, each dependency is brought up to date, and the first that differs ends it.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Dependency, Fingerprint, Metadata, Question, Reason, Rebuilder, Value};
use alacarte_metadata::ConstructiveTraces;

use super::fixture::Fixture;
use crate::name::Name;

/// What a verifier does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifierSlip {
    /// Nothing.
    None,
    /// All dependencies are brought up to date at once (THEORY, rule 1).
    AtOnce,
    /// The last dependency is verified first (THEORY, rule 1).
    Backwards,
    /// It goes on after a mismatch (THEORY, rule 1).
    GoesOn,
    /// A dependency may have what *any* trace recorded at its place (THEORY, rule 2).
    Mixes,
    /// Of a group only the first is looked at (THEORY, rule 3).
    GroupHead,
    /// The definition of the task is no dependency (THEORY, rule 7).
    NoDefinition,
    /// The value that the store holds is not compared with what the trace gave.
    AnyOutput,
    /// A value that was lost counts as the one that the trace gave.
    NoOutput,
    /// The first dependency is left out.
    ButFirst,
    /// The last dependency is left out.
    ButLast,
    /// Only the first dependency is looked at.
    OnlyFirst,
    /// Only the last dependency is looked at.
    OnlyLast,
    /// No more than two dependencies are looked at.
    OnlyTwo,
    /// A dependency that has no value any more agrees with whatever was recorded.
    NoValue,
    /// Cutoff by the wrong hash: a dependency is compared by its definition, not by its value.
    ByDefinition,
    /// Cutoff by the wrong hash: a dependency is compared with what the trace before recorded.
    ByPrevious,
    /// Cutoff by the wrong hash: the result is compared with that of the trace before.
    ByPreviousOutput,
    /// Direct dependencies are compared as they are *before* they are brought up to date: Bazel's defect in the
    /// published model.
    Before,
}

/// A verifier with a slip.
#[derive(Debug)]
pub struct Verifier(pub VerifierSlip);

impl Verifier {
    /// What of the newest trace is compared.
    fn compared(&self, mut list: Vec<Dependency>) -> Vec<Dependency> {
        let first = usize::from(list.first().is_some_and(|first| first.key.is_definition()));
        match self.0 {
            VerifierSlip::Backwards => list[first..].reverse(),
            VerifierSlip::GroupHead => list.retain(|dependency| !dependency.grouped),
            VerifierSlip::NoDefinition => drop(list.drain(..first)),
            VerifierSlip::ButFirst if list.len() > first => drop(list.remove(first)),
            VerifierSlip::ButLast if list.len() > first => drop(list.pop()),
            VerifierSlip::OnlyFirst => list.truncate(first + 1),
            VerifierSlip::OnlyTwo => list.truncate(first + 2),
            VerifierSlip::OnlyLast if list.len() > first => drop(list.drain(first..list.len() - 1)),
            _ => {}
        }
        list
    }
}

impl Rebuilder<Name, i64> for Verifier {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<ConstructiveTraces<i64>>();
        let (key, slip, table) = (question.key(), self.0, traces.table());
        let Some(newest) = table.newest(key) else { return Poll::Ready(Answer::Run(Reason::NeverBuilt)) };
        let older = table.of(key).nth(1).unwrap_or(newest);
        let defined = !newest.is_empty() && newest.key(0).is_definition();
        let current = question.current();
        let stands = match slip {
            VerifierSlip::AnyOutput => current.is_some(),
            VerifierSlip::NoOutput => current.is_none() || current == Some(newest.fingerprint()),
            VerifierSlip::ByPreviousOutput => {
                current == Some(older.fingerprint()) || current == Some(newest.fingerprint())
            }
            _ => current == Some(newest.fingerprint()),
        };
        let same_kind = slip == VerifierSlip::NoDefinition || defined == question.definition().is_some();
        if !stands || !same_kind {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        }
        let list = self.compared(newest.dependencies().collect());
        if slip == VerifierSlip::AtOnce {
            let pending = list.iter().fold(false, |all, told| all | question.fetch(told.key).is_pending());
            if pending {
                return Poll::Pending;
            }
        }
        let mut agree = true;
        for (position, told) in list.into_iter().enumerate() {
            let Dependency { key: below, fingerprint, .. } = told;
            let now = match slip {
                VerifierSlip::Before if !question.is_input(below) => question.value(below).map(Value::fingerprint),
                _ => ready!(question.fetch(below)),
            };
            agree &= match slip {
                VerifierSlip::NoValue => now.is_none() || now == Some(fingerprint),
                VerifierSlip::ByDefinition if !question.is_input(below) => {
                    let traced = table.newest(below).filter(|trace| !trace.is_empty()).map(|trace| trace.dependency(0));
                    let recorded = traced.filter(|first| first.key.is_definition()).map(|first| first.fingerprint);
                    recorded.is_none() || ready!(question.fetch(below.definition())) == recorded
                }
                VerifierSlip::ByPrevious if position < older.len() => {
                    now == Some(older.dependency(position).fingerprint)
                }
                VerifierSlip::Mixes => {
                    let recorded = table.of(key).filter(|trace| position < trace.len());
                    let same = |other: Dependency| other.key == below && Some(other.fingerprint) == now;
                    recorded.map(|trace| trace.dependency(position)).any(same)
                }
                _ => now == Some::<Fingerprint>(fingerprint),
            };
            if !agree && slip != VerifierSlip::GoesOn {
                break;
            }
        }
        Poll::Ready(if agree { Answer::Keep } else { Answer::Run(Reason::Dirty) })
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, slip| {
        Fixture::new(name, wrong, "verifying-trace").is(move || Verifier(slip)).but_for(|| Verifier(VerifierSlip::None))
    };
    vec![
        new("verifies-at-once", "brings all dependencies up to date at once", VerifierSlip::AtOnce)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-backwards", "verifies the last dependency first", VerifierSlip::Backwards)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-beyond", "goes on after the first mismatch", VerifierSlip::GoesOn)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-mixed", "takes one dependency from one trace, the next from another", VerifierSlip::Mixes)
            .theory("rule 2")
            .caught_by(&["correct", "reached-only"]),
        new("verifies-group-heads", "looks at the first of a group only", VerifierSlip::GroupHead).theory("rule 3"),
        new("verifies-no-definition", "a replaced definition is not seen", VerifierSlip::NoDefinition).theory("rule 7"),
        new("verifies-any-output", "an overwritten value stands", VerifierSlip::AnyOutput),
        new("verifies-no-output", "a lost value stands", VerifierSlip::NoOutput).caught_by(&["correct", "honest"]),
        new("verifies-but-first", "ignores the first dependency", VerifierSlip::ButFirst),
        new("verifies-but-last", "ignores the last dependency", VerifierSlip::ButLast),
        new("verifies-only-first", "looks at the first dependency only", VerifierSlip::OnlyFirst),
        new("verifies-only-last", "looks at the last dependency only", VerifierSlip::OnlyLast),
        new("verifies-only-two", "trusts a longer list from the third dependency on", VerifierSlip::OnlyTwo),
        new("verifies-no-value", "a dependency without a value agrees with anything", VerifierSlip::NoValue)
            .missing()
            .caught_by(&["honest"]),
        new("cutoff-by-definition", "compares a dependency's definition, not its value", VerifierSlip::ByDefinition),
        new("cutoff-by-previous", "compares with the trace before the newest", VerifierSlip::ByPrevious).values_only(),
        new("cutoff-by-previous-output", "the result of the trace before stands too", VerifierSlip::ByPreviousOutput),
        new(
            "looks-one-step-down",
            "compares dependencies as they are before they are up to date",
            VerifierSlip::Before,
        )
        .theory("defect: Bazel")
        .under("restarting"),
    ]
}
