//! Strategies as a build calls them: what panics in one is blamed on it. What only says how it is (whether it blocks, whether it restores,
//! what it has recorded) is asked many times a key, and is not watched: a panic there goes on.

use std::task::Poll;

use crate::blame::{Blame, Part};
use crate::event::Fetched;
use crate::fingerprint::Value;
use crate::key::{Key, KeyId};
use crate::metadata::Metadata;
use crate::rebuilder::{Answer, Question, Rebuilder, SharableTrace, Suspects};
use crate::scheduler::{Plan, PlanError, Scheduler, Schedules, WhenBlocked};
use crate::task::Power;

/// A strategy, blamed for what panics in it.
pub(crate) struct Blamed<S> {
    pub strategy: S,
    blame: Blame,
}

impl<S> Blamed<S> {
    pub fn new(strategy: S, blame: &Blame) -> Self {
        Blamed { strategy, blame: blame.clone() }
    }
}

impl<S> Blamed<S> {
    #[inline(always)]
    fn look<T>(&self, part: Part, key: Option<KeyId>, call: impl FnOnce(&S) -> T) -> T {
        self.blame.on(part, key, || call(&self.strategy))
    }

    #[inline(always)]
    fn tell<T>(&mut self, part: Part, key: Option<KeyId>, call: impl FnOnce(&mut S) -> T) -> T {
        self.blame.on(part, key, || call(&mut self.strategy))
    }
}

impl<S: Scheduler> Scheduler for Blamed<S> {
    fn install(&self, metadata: &mut Metadata) {
        self.look(Part::Scheduler, None, |scheduler| scheduler.install(metadata));
    }
    #[inline(always)]
    fn when_blocked(&self) -> WhenBlocked {
        self.strategy.when_blocked()
    }
    fn depth_first(&self) -> bool {
        self.strategy.depth_first()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.tell(Part::Scheduler, None, |scheduler| scheduler.plan(plan, metadata))
    }
    #[inline(always)]
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.tell(Part::Scheduler, Some(key), |scheduler| scheduler.push(key, metadata));
    }
    #[inline(always)]
    fn pop(&mut self) -> Option<KeyId> {
        self.tell(Part::Scheduler, None, |scheduler| scheduler.pop())
    }
    fn finish(&mut self, complete: bool) {
        self.tell(Part::Scheduler, None, |scheduler| scheduler.finish(complete));
    }
    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        self.look(Part::Scheduler, None, |scheduler| scheduler.follows_suspects(targets, generation))
    }
    #[inline(always)]
    fn precedes(&self, key: KeyId) -> bool {
        self.strategy.precedes(key)
    }
    #[inline(always)]
    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.strategy.may_fetch(key, dependency)
    }
    #[inline(always)]
    fn suspect(&mut self, key: KeyId) {
        self.tell(Part::Scheduler, Some(key), |scheduler| scheduler.suspect(key));
    }
}

impl<P: Power, S: Schedules<P>> Schedules<P> for Blamed<S> {}

impl<K: Key, V: Value, R: Rebuilder<K, V>> Rebuilder<K, V> for Blamed<R> {
    fn install(&self, metadata: &mut Metadata) {
        self.look(Part::Rebuilder, None, |rebuilder| rebuilder.install(metadata));
    }
    #[inline(always)]
    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        self.look(Part::Rebuilder, Some(question.key()), |rebuilder| rebuilder.ask(question, metadata))
    }
    fn skips_unchanged_builds(&self) -> bool {
        self.strategy.skips_unchanged_builds()
    }
    fn heeds_touches(&self) -> bool {
        self.strategy.heeds_touches()
    }
    #[inline(always)]
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.strategy.suspects(metadata)
    }
    #[inline(always)]
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.look(Part::Rebuilder, Some(key), |rebuilder| rebuilder.dependents(key, metadata, each));
    }
    #[inline(always)]
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        self.strategy.dependency(key, position, metadata)
    }
    #[inline(always)]
    fn restores(&self) -> bool {
        self.strategy.restores()
    }
    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        self.look(Part::Rebuilder, Some(key), |rebuilder| rebuilder.sharable_trace(key, metadata))
    }
}
