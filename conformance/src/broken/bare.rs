//! Rebuilders that hardly look at all.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::task::{Poll, ready};

use alacarte_core::{Answer, Dependency, KeyId, Metadata, Question, Reason, Rebuilder, SharableTrace};
use alacarte_metadata::{ConstructiveTraces, DependencyGraph, VerifyingTraces};
use alacarte_rebuilders::{ConstructiveTrace, VerifyingTrace};

use super::fixture::Fixture;
use crate::name::Name;

/// Keeps whatever was ever built.
#[derive(Debug)]
pub struct KeepsAll;

impl Rebuilder<Name, i64> for KeepsAll {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DependencyGraph>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let graph = metadata.read::<DependencyGraph>();
        let built = graph.knows(question.key()) && question.current().is_some();
        Poll::Ready(if built { Answer::Keep } else { Answer::Run(Reason::NeverBuilt) })
    }
}

/// Keeps what the store holds, whoever put it there.
#[derive(Debug)]
pub struct KeepsAnything;

impl Rebuilder<Name, i64> for KeepsAnything {
    fn ask(&self, question: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        let held = question.current().is_some();
        Poll::Ready(if held { Answer::Keep } else { Answer::Run(Reason::NeverBuilt) })
    }
}

/// Keeps everything, a key without a value too.
#[derive(Debug)]
pub struct KeepsNothing;

impl Rebuilder<Name, i64> for KeepsNothing {
    fn ask(&self, _: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Keep)
    }
}

/// Never comes to an answer, and asks for nothing.
#[derive(Debug)]
pub struct Undecided;

impl Rebuilder<Name, i64> for Undecided {
    fn ask(&self, _: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Pending
    }
}

/// Asks for the key itself: a circle of one.
#[derive(Debug)]
pub struct Circular;

impl Rebuilder<Name, i64> for Circular {
    fn ask(&self, question: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        question.fetch(question.key()).map(|_| Answer::Run(Reason::Always))
    }
}

/// Runs everything that it is asked about, and trusts silence: what a build without news does is nothing.
#[derive(Debug)]
pub struct Busy;

impl Rebuilder<Name, i64> for Busy {
    fn ask(&self, _: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Run(Reason::Always))
    }
}

/// Counts the questions of a build and answers every other one by *keep*.
#[derive(Debug, Default)]
pub struct Lazy(Cell<u64>);

impl Rebuilder<Name, i64> for Lazy {
    fn ask(&self, question: &mut Question<'_, Name, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        self.0.set(self.0.get() + 1);
        let keeps = self.0.get().is_multiple_of(2) && question.current().is_some();
        Poll::Ready(if keeps { Answer::Keep } else { Answer::Run(Reason::Always) })
    }
    fn skips_unchanged_builds(&self) -> bool {
        false
    }
}

/// Takes it for granted that what was once built has a value.
#[derive(Debug)]
pub struct Confident;

impl Rebuilder<Name, i64> for Confident {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<VerifyingTraces>();
        let built = traces.table().newest(question.key()).is_some();
        assert!(!built || question.current().is_some(), "what was built has a value");
        VerifyingTrace.ask(question, metadata)
    }
}

/// Finds the newest trace of a key, and no older one.
#[derive(Debug)]
pub struct ShortMemory;

impl Rebuilder<Name, i64> for ShortMemory {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let traces = metadata.read::<ConstructiveTraces<i64>>();
        let newest = traces.table().newest(question.key());
        let is_newest =
            |found: &[Dependency]| newest.is_some_and(|newest| newest.dependencies().eq(found.iter().copied()));
        Poll::Ready(match ready!(ConstructiveTrace.ask(question, metadata)) {
            Answer::Restore(found) if !is_newest(&found.dependencies) => Answer::Run(Reason::NeverBuilt),
            answer => answer,
        })
    }
    fn restores(&self) -> bool {
        true
    }
    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        Rebuilder::<Name, i64>::sharable_trace(&ConstructiveTrace, key, metadata)
    }
}

/// Constructive traces that teach nobody.
#[derive(Debug)]
pub struct Selfish;

impl Rebuilder<Name, i64> for Selfish {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<ConstructiveTraces<i64>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        ConstructiveTrace.ask(question, metadata)
    }
    fn restores(&self) -> bool {
        true
    }
}

/// Runs whatever it is asked about for the first time in its life.
#[derive(Debug, Default)]
pub struct Newcomer(RefCell<HashSet<Name>>);

impl Rebuilder<Name, i64> for Newcomer {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        if self.0.borrow_mut().insert(*question.name()) {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        }
        VerifyingTrace.ask(question, metadata)
    }
}

/// Keeps whatever it is asked about for the first time in its life, if that has a value.
#[derive(Debug, Default)]
pub struct Heir(RefCell<HashSet<Name>>);

impl Rebuilder<Name, i64> for Heir {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let first = self.0.borrow_mut().insert(*question.name());
        if first && question.current().is_some() {
            return Poll::Ready(Answer::Keep);
        }
        VerifyingTrace.ask(question, metadata)
    }
}

/// Counts questions, and answers every fifth by *run*.
#[derive(Debug, Default)]
pub struct Counts(Cell<u64>);

impl Rebuilder<Name, i64> for Counts {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<VerifyingTraces>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        self.0.set(self.0.get() + 1);
        if self.0.get().is_multiple_of(5) {
            return Poll::Ready(Answer::Run(Reason::Always));
        }
        VerifyingTrace.ask(question, metadata)
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    vec![
        Fixture::new("keeps-all", "keeps whatever was ever built", "verifying-trace").is(|| KeepsAll),
        Fixture::new("keeps-anything", "keeps what the store holds, whoever put it there", "verifying-trace")
            .is(|| KeepsAnything),
        Fixture::new("keeps-nothing", "keeps a key that has no value", "verifying-trace")
            .is(|| KeepsNothing)
            .caught_by(&["correct", "honest"]),
        Fixture::new("undecided", "its answer is always pending", "verifying-trace")
            .is(|| Undecided)
            .caught_by(&["honest"]),
        Fixture::new("circular", "to decide about a key it asks for that key", "verifying-trace")
            .is(|| Circular)
            .caught_by(&["honest"]),
        Fixture::new("confident", "takes it for granted that what was once built has a value", "verifying-trace")
            .is(|| Confident)
            .caught_by(&["no-panic"]),
        Fixture::new("lazy", "keeps every other key that it is asked about", "perpetual").is(Lazy::default),
    ]
}
