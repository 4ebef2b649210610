//! Steps and times that are off by one, or that forget.

use std::task::{Poll, ready};

use alacarte_core::{Answer, Event, Fetched, KeyId, Metadata, MetadataUpdater, Question, Reason, Rebuilder};
use alacarte_metadata::{DependencyGraph, LastBuilt, ModificationTimes, StepTraces};
use alacarte_rebuilders::StepTrace;

use super::fixture::{Fixture, thrifty};
use super::lies::{Lie, Misled, Past, lies, retell};
use crate::laws::Thrift;
use crate::name::Name;

lies! {
    /// Does not see that a definition was replaced (THEORY, rule 7).
    Blind to StepTraces: |_, steps, event| {
        if !event.key().is_some_and(KeyId::is_definition) {
            steps.apply(event);
        }
    };

    /// Takes every build for a change, so that nothing is ever cut off.
    Restless to StepTraces: |past, steps, event| {
        if let Event::Built(record) = event && past.first.contains_key(&record.key) {
            let gone = Event::Changed { key: record.key, fingerprint: None, value: None, modified: record.modified, input: true };
            steps.apply(&gone);
        }
        steps.apply(event);
    };

    /// Hears of every event but the newest: whatever is remembered of a key is the build before.
    Slow to StepTraces: |past, steps, event| {
        let (Event::Built(record) | Event::Restored(record)) = event else { return steps.apply(event) };
        let before = past.last.get(&record.key);
        retell(steps, event, |record| {
            if let Some(before) = before {
                record.fingerprint = before.fingerprint;
            }
        });
    };
}

/// How two steps are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Off {
    /// As they should be.
    By0,
    /// The step in which a key was built is one too late (or that in which another changed, one too early).
    BuiltLate,
    /// The step in which a key was built is one too early, and `>=` stands for `>`.
    BuiltEarly,
    /// `>=` stands for `>`. It makes no difference where every event is a step of its own.
    OrEqual,
    /// The value that the store holds is not compared with what was built.
    AnyOutput,
    /// A dependency that has no value any more has not changed.
    NoValue,
    /// The first dependency is left out.
    ButFirst,
}

/// Step traces that are off by one.
#[derive(Debug)]
pub struct Stepper(pub Off);

impl Rebuilder<Name, i64> for Stepper {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<StepTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let steps = metadata.read::<StepTraces>();
        let key = question.key();
        let Some(LastBuilt { step: built, value, .. }) = steps.built(key) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        let off = self.0;
        let newer = |changed: u64| match off {
            Off::BuiltLate => changed > built + 1,
            Off::BuiltEarly => changed >= built - 1,
            Off::OrEqual => changed >= built,
            _ => changed > built,
        };
        let stands = question.current().is_some() && (off == Off::AnyOutput || question.current() == value);
        if !stands || newer(steps.changed(key.definition())) {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        }
        let skipped = usize::from(off == Off::ButFirst);
        for Fetched { key: below, .. } in steps.graph().dependencies(key).into_iter().flatten().skip(skipped) {
            let now = ready!(question.fetch(below));
            if newer(steps.changed(below)) || now.is_none() && off != Off::NoValue {
                return Poll::Ready(Answer::Run(Reason::Dirty));
            }
        }
        Poll::Ready(Answer::Keep)
    }
}

/// The times that make reads, and what each key fetched; the first may be lied to.
#[derive(Debug, Default)]
pub struct LateTimes(ModificationTimes);

impl LateTimes {
    /// When the key was last modified.
    pub fn of(&self, key: KeyId) -> Option<u64> {
        self.0.of(key)
    }
}

impl MetadataUpdater for LateTimes {
    fn apply(&mut self, event: &Event<'_>) {
        retell(&mut self.0, event, |record| record.modified += 1);
    }
}

/// Make's rule over times that are a tick late for what was built: an edit in that very tick is not seen.
#[derive(Debug)]
pub struct LateTime;

impl Rebuilder<Name, i64> for LateTime {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<LateTimes>();
        metadata.install::<DependencyGraph>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let (times, graph) = (metadata.read::<LateTimes>(), metadata.read::<DependencyGraph>());
        let key = question.key();
        let (Some(made), Some(_)) = (times.of(key), question.current()) else {
            return Poll::Ready(Answer::Run(Reason::OutputChanged));
        };
        let Some(list) = graph.dependencies(key) else { return Poll::Ready(Answer::Run(Reason::NeverBuilt)) };
        for Fetched { key: below, .. } in list {
            let now = ready!(question.fetch(below));
            // A dependency that was built has a late time too, so it is no newer than itself.
            if now.is_none() || times.of(below).is_none_or(|modified| modified > made) {
                return Poll::Ready(Answer::Run(Reason::Dirty));
            }
        }
        Poll::Ready(Answer::Keep)
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, off| {
        Fixture::new(name, wrong, "step-trace").is(move || Stepper(off)).but_for(|| Stepper(Off::By0))
    };
    let told = |name, wrong| Fixture::new(name, wrong, "step-trace");
    vec![
        new("steps-built-late", "the step of a build is one too late", Off::BuiltLate),
        new("steps-built-early", "the step of a build is one too early, and `>=` for `>`", Off::BuiltEarly)
            .promising(thrifty(Thrift::None, Thrift::Events, false))
            .caught_by(&["early-cutoff"]),
        new("steps-any-output", "an overwritten value stands", Off::AnyOutput),
        new("steps-no-value", "a dependency that is gone has not changed", Off::NoValue)
            .missing()
            .going_on()
            .caught_by(&["correct", "shallow-correct"]),
        new("steps-but-first", "the first dependency is left out", Off::ButFirst),
        told("steps-blind", "a replaced definition is no change")
            .is(|| Misled::<_, Blind>::new(StepTrace))
            .theory("rule 7")
            .caught_by(&["correct", "reached-only"])
            .values_only(),
        told("steps-restless", "every build counts as a change")
            .is(|| Misled::<_, Restless>::new(StepTrace))
            .promising(thrifty(Thrift::None, Thrift::Events, false))
            .caught_by(&["early-cutoff"]),
        told("steps-slow", "a change is noticed a build too late")
            .is(|| Misled::<_, Slow>::new(StepTrace))
            .values_only(),
        Fixture::new("times-late", "the time of a build is a tick too late", "modification-time")
            .is(|| LateTime)
            .styled(|style| (style.formulas, style.overwrites) = (false, false)),
    ]
}
