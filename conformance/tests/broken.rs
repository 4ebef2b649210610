//! The suite bites: strategies that are broken on purpose, each caught by the law that it breaks.

use std::task::{Poll, ready};

use alacarte::{
    Answer, Dynamic, Event, KeyId, MetadataUpdater, Plan, PlanError, Power, Question, Reason, Rebuilder, Scheduler,
    WhenBlocked,
};
use alacarte_conformance::{Broken, Combination, Name, Promises, Thrift, Trial, check_promises, judge, promises};
use alacarte_metadata::{CalcChain, ConstructiveTraces, DependencyGraph, DirtyBits};
use alacarte_rebuilders::{DirtyBit, Perpetual, VerifyingTrace};
use alacarte_schedulers::{Restarting, Suspending};

/// Tries a pair; the laws that it may be caught by are told, for a broken strategy often breaks more than one.
fn caught<S, R>(scheduler: S, rebuilder: R, promises: Promises, laws: &[&str])
where
    S: Scheduler<Dynamic> + Clone,
    R: Rebuilder<Name, i64> + Clone,
{
    let make = move || (scheduler.clone(), rebuilder.clone());
    let combination = Combination { name: "a broken pair".into(), make: Box::new(make), promises };
    let trial = Trial::default();
    match judge::<Dynamic, _, _>(trial, &[combination]) {
        Ok(()) => panic!("nothing was noticed"),
        Err(Broken { law, story, .. }) => {
            assert!(laws.contains(&law), "caught by `{law}`, not by {laws:?}:\n{story}");
            // The smallest story is small.
            assert!(story.lines().count() < 40, "{story}");
        }
    }
}

/// Keeps whatever was ever built.
#[derive(Clone)]
struct KeepsAll;

impl Rebuilder<Name, i64> for KeepsAll {
    type Reads = DependencyGraph;
    fn ask(&self, question: &mut Question<'_, Name, i64>, graph: &DependencyGraph) -> Poll<Answer<i64>> {
        let built = graph.knows(question.key()) && question.current().is_some();
        Poll::Ready(if built { Answer::Keep } else { Answer::Run(Reason::NeverBuilt) })
    }
}

#[test]
fn a_rebuilder_that_keeps_everything() {
    caught(Suspending::new(), KeepsAll, promises("dirty-bit"), &["correct", "shallow-correct"]);
}

/// Runs everything, and promises not to.
#[test]
fn a_rebuilder_that_keeps_nothing() {
    let promises = |minimal, cutoff, null| Promises { minimal, cutoff, null, ..Promises::default() };
    let (none, values) = (Thrift::None, Thrift::Values);
    caught(Suspending::new(), Perpetual, promises(values, none, false), &["minimal"]);
    caught(Suspending::new(), Perpetual, promises(none, values, false), &["early-cutoff"]);
    caught(Suspending::new(), Perpetual, promises(none, none, true), &["null-build"]);
}

/// Verifies all dependencies of the newest trace at once, whatever their order (THEORY, rule 1).
#[derive(Clone)]
struct Unordered;

impl Rebuilder<Name, i64> for Unordered {
    type Reads = ConstructiveTraces<i64>;
    fn ask(&self, question: &mut Question<'_, Name, i64>, traces: &ConstructiveTraces<i64>) -> Poll<Answer<i64>> {
        let Some(trace) = traces.table().newest(question.key()) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        let defined = !trace.is_empty() && trace.dependency(0).key.is_definition();
        let mut holds = question.current() == Some(trace.fingerprint());
        holds &= defined == question.definition().is_some();
        let mut all = Poll::Ready(());
        for dependency in trace.dependencies() {
            match question.fetch(dependency.key) {
                Poll::Pending => all = Poll::Pending,
                Poll::Ready(now) => holds &= now == Some(dependency.fingerprint),
            }
        }
        ready!(all);
        Poll::Ready(if holds { Answer::Keep } else { Answer::Run(Reason::OutputChanged) })
    }
}

#[test]
fn a_rebuilder_that_verifies_without_order() {
    caught(Suspending::new(), Unordered, promises("verifying-trace"), &["reached-only", "honest", "minimal"]);
}

/// Verifies direct dependencies only, as they are before they are brought up to date: Bazel's defect in the
/// published model.
#[derive(Clone)]
struct Shallow;

impl Rebuilder<Name, i64> for Shallow {
    type Reads = ConstructiveTraces<i64>;
    fn ask(&self, question: &mut Question<'_, Name, i64>, traces: &ConstructiveTraces<i64>) -> Poll<Answer<i64>> {
        let Some(trace) = traces.table().newest(question.key()) else {
            return Poll::Ready(Answer::Run(Reason::NeverBuilt));
        };
        let mut holds = question.current() == Some(trace.fingerprint());
        let defined = !trace.is_empty() && trace.dependency(0).key.is_definition();
        holds &= defined == question.definition().is_some();
        for dependency in trace.dependencies() {
            if question.is_input(dependency.key) {
                holds &= ready!(question.input(dependency.key)) == Some(dependency.fingerprint);
            } else {
                holds &= question.value(dependency.key).is_some();
            }
        }
        Poll::Ready(if holds { Answer::Keep } else { Answer::Run(Reason::OutputChanged) })
    }
}

#[test]
fn a_rebuilder_that_looks_one_step_down() {
    caught(Restarting::new(), Shallow, promises("verifying-trace"), &["shallow-correct", "minimal"]);
}

/// Dirty bits that are all cleared whenever anything was built (THEORY, rule 5).
#[derive(Default)]
struct WideBits {
    graph: DependencyGraph,
    changed: Vec<KeyId>,
}

impl MetadataUpdater for WideBits {
    fn apply(&mut self, event: &Event<'_>) {
        self.graph.apply(event);
        match event {
            Event::Changed { key, .. } => self.changed.push(*key),
            _ => self.changed.clear(),
        }
    }
}

#[derive(Clone)]
struct WideBit;

impl Rebuilder<Name, i64> for WideBit {
    type Reads = WideBits;
    fn ask(&self, question: &mut Question<'_, Name, i64>, bits: &WideBits) -> Poll<Answer<i64>> {
        let clean = bits.graph.knows(question.key()) && bits.changed.is_empty() && question.current().is_some();
        Poll::Ready(if clean { Answer::Keep } else { Answer::Run(Reason::Dirty) })
    }
}

#[test]
fn an_updater_that_clears_too_widely() {
    caught(Suspending::new(), WideBit, Promises::default(), &["shallow-correct", "honest", "warm-is-cold"]);
}

/// Forgets that definitions are inputs (THEORY, rule 7).
#[derive(Default)]
struct BlindBits(DirtyBits);

impl MetadataUpdater for BlindBits {
    fn apply(&mut self, event: &Event<'_>) {
        if !event.key().is_definition() {
            self.0.apply(event);
        }
    }
}

#[derive(Clone)]
struct BlindBit;

impl Rebuilder<Name, i64> for BlindBit {
    type Reads = BlindBits;
    fn ask(&self, question: &mut Question<'_, Name, i64>, bits: &BlindBits) -> Poll<Answer<i64>> {
        DirtyBit.ask(question, &bits.0)
    }
}

#[test]
fn an_updater_that_does_not_see_definitions() {
    caught(Suspending::new(), BlindBit, promises("dirty-bit"), &["shallow-correct", "honest"]);
}

/// Puts every key that it ever saw on the queue, as Excel and the published model walk the whole calc chain.
#[derive(Clone, Default)]
struct WholeChain {
    known: Vec<KeyId>,
    inner: Suspending,
}

impl<P: Power> Scheduler<P> for WholeChain {
    type Reads = ();
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }
    fn plan(&mut self, plan: &mut Plan<'_>, (): ()) -> Result<(), PlanError> {
        Scheduler::<P>::plan(&mut self.inner, plan, ())?;
        for &key in &self.known {
            Scheduler::<P>::push(&mut self.inner, key, ());
        }
        Ok(())
    }
    fn push(&mut self, key: KeyId, (): ()) {
        self.known.push(key);
        Scheduler::<P>::push(&mut self.inner, key, ());
    }
    fn pop(&mut self) -> Option<KeyId> {
        Scheduler::<P>::pop(&mut self.inner)
    }
}

#[test]
fn a_scheduler_that_starts_what_is_not_reached() {
    caught(WholeChain::default(), VerifyingTrace, promises("verifying-trace"), &["reached-only", "honest"]);
}

/// Loses every other key that can go on.
#[derive(Clone, Default)]
struct Loses {
    inner: Restarting,
    pushed: usize,
}

impl<P: Power> Scheduler<P> for Loses {
    type Reads = CalcChain;
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Drop
    }
    fn plan(&mut self, plan: &mut Plan<'_>, chain: &CalcChain) -> Result<(), PlanError> {
        Scheduler::<P>::plan(&mut self.inner, plan, chain)
    }
    fn push(&mut self, key: KeyId, chain: &CalcChain) {
        self.pushed += 1;
        if self.pushed % 2 == 1 {
            Scheduler::<P>::push(&mut self.inner, key, chain);
        }
    }
    fn pop(&mut self) -> Option<KeyId> {
        Scheduler::<P>::pop(&mut self.inner)
    }
}

#[test]
fn a_scheduler_that_loses_keys_does_not_hang() {
    caught(Loses::default(), VerifyingTrace, promises("verifying-trace"), &["honest"]);
}

/// And the very same trial finds nothing wrong with those that are right.
#[test]
fn what_is_right_is_not_caught() {
    check_promises(Suspending::new(), VerifyingTrace, promises("verifying-trace"));
    check_promises(Restarting::new(), DirtyBit, promises("dirty-bit"));
}
