//! An id of no key, of a key that was forgotten, or of a definition where a key is meant: the strategy, task, store or journal that uses one is named, and the next build is right.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{
    Answer, Build, Cause, Declared, Dependency, Dynamic, Event, Fetch, Fingerprint, Journal, KeyId, Keys, Metadata,
    Plan, PlanError, Power, Question, Rebuilder, Record, Replay, Restored, Retention, Rules, Scheduler, Schedules,
    SharableTrace, Static, Store, StoreError, Suspects, Time, WhenBlocked, formula, task,
};
use alacarte_rebuilders::{DirtyBit, VerifyingTrace};
use alacarte_schedulers::{BottomUp, Restarting, Suspending, Topological};
use alacarte_stores::Memory;
use common::{Away, Key, failing, two_more};

#[test]
fn an_id_of_no_key_is_an_error() {
    let build = Build::new(two_more(), Memory::from([("A", 1)]));
    let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    let error = build.run_ids(&[KeyId::new(99)]).expect_err("it is none").to_string();
    assert!(error.contains("key99 is the id of no key, or of one that was forgotten"), "{error}");
    build.run(["C"]).expect("another build is right");
}

/// Numbers that no fetch may ask for: of no key, of a key that was forgotten, of a definition.
fn foreign() -> [KeyId; 4] {
    [KeyId::new(777), KeyId::new(KeyId::LIMIT - 1), KeyId::new(0).definition(), KeyId::new(777).definition()]
}

/// How a task asks for a number.
#[derive(Clone, Copy, Debug)]
enum Asks {
    One,
    Group,
    /// It goes on as if nothing had been.
    Anyway,
    /// Its value is the first of two.
    Select,
}

fn asking(how: Asks, id: KeyId) -> Rules<Key, i64, Dynamic> {
    let asks = task(async move |fetch: Fetch<'_, Key, i64>| match how {
        Asks::One => fetch.id(id).await,
        Asks::Group => Ok(fetch.ids([fetch.id_of(&"A"), id]).await?.iter().sum()),
        Asks::Anyway => Ok(fetch.id(id).await.unwrap_or(1) + fetch.get("A").await?),
        Asks::Select => match futures::future::select(fetch.id(id), fetch.get("A")).await {
            futures::future::Either::Left((value, _)) | futures::future::Either::Right((value, _)) => value,
        },
    });
    two_more().rule("D", asks)
}

fn fetches_what_is_no_key<S: Schedules<Dynamic>, R: Rebuilder<Key, i64>>(scheduler: fn() -> S, rebuilder: fn() -> R) {
    for how in [Asks::One, Asks::Group, Asks::Anyway, Asks::Select] {
        for id in foreign() {
            let build = Build::new(asking(how, id), Memory::from([("A", 1)]));
            let mut build = build.with_scheduler(scheduler()).with_rebuilder(rebuilder());
            let failures = build.run(["D"]).expect_err("it is no key").failures;
            let [failure] = &failures[..] else { panic!("{failures:?}") };
            assert!(
                matches!(failure.cause, Cause::UnknownDependency { id: named } if named == id),
                "{how:?}: {failure}"
            );
            assert_eq!(failure.key, Some("D"));
            assert!(failure.to_string().starts_with(&format!("D: it depends on {id:?}")), "{failure}");
            build.run(["C"]).expect("another build is right");
            assert_eq!(build.get("C"), Some(3));
        }
    }
}

#[test]
fn a_task_that_fetches_the_id_of_no_key_fails_by_name() {
    fetches_what_is_no_key(Suspending::new, || VerifyingTrace);
    fetches_what_is_no_key(Restarting::new, || VerifyingTrace);
    fetches_what_is_no_key(BottomUp::new, || DirtyBit);
}

#[test]
fn a_task_that_fetches_what_was_forgotten_fails_by_name() {
    let inputs = Memory::from([("A", 1), ("E", 5), ("G", 7)]);
    let asked = Rc::new(Cell::new(None));
    let asks = asked.clone();
    let late = async move |fetch: Fetch<'_, Key, i64>| match asks.get() {
        Some(id) => fetch.id(id).await,
        None => Ok(0),
    };
    let rules =
        two_more().rule("F", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("E").await)).rule("D", task(late));
    let mut build = Build::new(rules, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    // (D has a number of its own: it is not given that of F.)
    build.intern("D");
    build.run(["F", "C"]).expect("built");
    let forgotten = build.keys().find(&"F").expect("it was built");
    build.run(["C"]).expect("built");
    assert!(build.collect(Retention::of_builds(0)).expect("collected") > 0);
    asked.set(Some(forgotten));
    let error = build.run(["D"]).expect_err("it is forgotten");
    assert!(matches!(error.failures[0].cause, Cause::UnknownDependency { .. }), "{error}");
    // Nothing was noted of the number meanwhile: it may go to an input, though its old name is that of a task.
    build.run(["G"]).expect("it is an input");
    assert_eq!((build.keys().find(&"G"), build.get("G")), (Some(forgotten), Some(7)));
}

/// A rebuilder that asks of what is no key whatever can be asked, and then answers this.
struct AsksOf(KeyId, fn(KeyId) -> Answer<i64>);

impl Rebuilder<Key, i64> for AsksOf {
    fn ask(&self, question: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        let id = self.0;
        if !id.is_definition() {
            assert_eq!(question.fetch(id), Poll::Ready(None));
            assert_eq!(question.fetch_group([id]), Poll::Ready(false));
            assert_eq!(question.input(id), Poll::Ready(None));
            assert_eq!(question.value(id), None);
            assert!(!question.is_input(id) && question.definition_matches(id, false));
        }
        Poll::Ready(self.1(id))
    }
}

#[test]
fn a_rebuilder_may_ask_of_what_is_no_key_and_hears_that_it_has_no_value() {
    for id in foreign() {
        let asks = AsksOf(id, |_| Answer::Run(alacarte_core::Reason::Always));
        let mut build =
            Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(asks);
        build.run(["C"]).expect("built");
    }
}

#[test]
fn a_rebuilder_that_restores_from_what_is_no_key_is_named() {
    let id = KeyId::new(777);
    for value in [None, Some(1)] {
        let restores = match value {
            None => |key| Answer::Restore(Restored::new(vec![of(key)], false, None)),
            Some(_) => |key| Answer::Restore(Restored::new(vec![of(key)], false, Some(1))),
        };
        let (key, cause) = failing(Suspending::new(), AsksOf(id, restores));
        assert!(key == Some("C") && matches!(cause, Cause::UnknownDependency { .. }), "{key:?}: {cause}");
    }
}

fn of(key: KeyId) -> Dependency {
    Dependency::new(key, Fingerprint(1))
}

/// A rebuilder that says nonsense of what may be out of date, and of what it would share.
struct Suspicious(&'static [KeyId]);

impl Rebuilder<Key, i64> for Suspicious {
    fn ask(&self, _: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Run(alacarte_core::Reason::Always))
    }
    fn suspects<'m>(&self, _: &'m Metadata) -> Option<Suspects<'m>> {
        Some(Suspects::new(self.0, 0))
    }
    fn dependents(&self, _: KeyId, _: &Metadata, each: &mut dyn FnMut(KeyId)) {
        each(KeyId::new(778));
    }
    fn restores(&self) -> bool {
        true
    }
    fn sharable_trace(&self, _: KeyId, _: &Metadata) -> Option<SharableTrace> {
        Some(SharableTrace::new(vec![of(KeyId::new(779))], None))
    }
}

#[test]
fn a_rebuilder_that_shares_what_is_no_key_is_named() {
    let build = Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(Suspending::new());
    let mut build = build.with_rebuilder(Suspicious(&[])).with_cache(Away);
    // Nobody loses by what is not shared: the build goes on, and says so.
    let trouble = build.run(["B"]).expect("built").cache_trouble.expect("it is nonsense");
    assert!(trouble.contains("key779, which is the id of no key"), "{trouble}");
}

#[test]
fn a_rebuilder_that_suspects_what_is_no_key_is_named() {
    fn suspecting<S: Schedules<Static>>(scheduler: S) {
        let rules = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B"], |[b]| b + 1));
        let build = Build::new(rules, Memory::from([("A", 1)])).with_scheduler(scheduler);
        let suspects: &[KeyId] = Box::leak(Box::new([KeyId::new(777), KeyId::new(0).definition()]));
        let mut build = build.with_rebuilder(Suspicious(suspects));
        for value in 2..5 {
            // What it says of keys that exist is no nonsense: an error names a number, or there is none.
            if let Err(error) = build.run(["C"]) {
                let unknown =
                    |cause: &Cause| matches!(cause, Cause::UnknownId { .. } | Cause::UnknownDependency { .. });
                assert!(error.failures.iter().any(|failure| unknown(&failure.cause)), "{error}");
            }
            build.set("A", value).expect("it is set");
        }
    }
    suspecting(Topological::new());
    suspecting(Suspending::new());
    suspecting(BottomUp::new());
}

/// A scheduler that asks what is no key declares.
struct Inquires(Suspending);

impl Scheduler for Inquires {
    fn when_blocked(&self) -> WhenBlocked {
        self.0.when_blocked()
    }
    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        let mut declared = Vec::new();
        for id in foreign() {
            assert_eq!(plan.declared(id, &mut declared), Declared::Input);
        }
        assert!(declared.is_empty());
        self.0.plan(plan, metadata)
    }
    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.0.push(key, metadata);
    }
    fn pop(&mut self) -> Option<KeyId> {
        self.0.pop()
    }
}

impl<P: Power> Schedules<P> for Inquires {}

#[test]
fn a_scheduler_may_ask_what_the_id_of_no_key_declares() {
    let build = Build::new(two_more(), Memory::from([("A", 1)]));
    let mut build = build.with_scheduler(Inquires(Suspending::new())).with_rebuilder(VerifyingTrace);
    build.run(["C"]).expect("built");
}

/// A store that says of what is no key that it changed.
struct Gossip(Memory<Key, i64>);

impl Store<Key, i64> for Gossip {
    fn open(&mut self, keys: &mut Keys<Key>) {
        self.0.open(keys);
    }
    fn load(&mut self, id: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        self.0.load(id, key)
    }
    fn refresh(
        &mut self,
        _: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        changed(KeyId::new(777), Some(1), 1);
        Ok(())
    }
}

#[test]
fn a_store_that_speaks_of_what_is_no_key_is_named() {
    let build = Build::new(two_more(), Gossip(Memory::from([("A", 1)])));
    let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    let error = build.run(["C"]).expect_err("it is nonsense");
    assert!(error.failures[0].key.is_none(), "{error}");
    assert!(error.to_string().contains("key777, which is the id of no key"), "{error}");
}

/// A journal that speaks of keys by their ids in another process, and interns none.
struct Numbers(KeyId);

impl Journal<Key, i64> for Numbers {
    fn replay(&mut self, keys: &mut Keys<Key>, each: &mut Replay<'_, Key, i64>) -> Result<(), StoreError> {
        let own = keys.intern(&"B");
        let fetched = [Dependency::new(self.0, Fingerprint(1))];
        let (unknown, forgotten) = ([self.0], Event::Forgotten { keys: &[self.0] });
        match unknown[0].index() % 3 {
            0 => each(keys, &Event::Detached { key: self.0, done: false }),
            1 => each(keys, &Event::Built(Record::new(own, &fetched, Fingerprint(2), &2, keys))),
            _ => each(keys, &forgotten),
        }
        Ok(())
    }
    fn append(&mut self, _: &Keys<Key>, _: &Event<'_, i64>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_journal_that_replays_what_is_no_key_is_named() {
    for id in [777, 778, 779].map(KeyId::new).into_iter().flat_map(|id| [id, id.definition()]) {
        let build = Build::new(two_more(), Memory::from([("A", 1)])).with_scheduler(Suspending::new());
        let mut build = build.with_rebuilder(VerifyingTrace).with_journal(Numbers(id));
        let error = build.run(["C"]).expect_err("it is nonsense").to_string();
        assert!(error.contains("it speaks of") && error.contains("interns what it speaks of"), "{error}");
    }
}
