//! What a build asks of its store and of the cache that builds share.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use alacarte_conformance::Tape;
use alacarte_core::{
    Build, Cause, Decision, Dynamic, Fetch, KeyId, NoJournal, Reason, Rebuilder, Rules, Scheduler, SharedTrace, Store,
    StoreError,
};
use alacarte_core::{Time, TraceCache, formula, task};
use alacarte_rebuilders::{PerKey, Policy};
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;
use common::{Key, RIGHT, everywhere_dynamic};

/// A place outside the build, which others change too, and which has a clock.
#[derive(Clone, Default)]
struct Shelf(Rc<RefCell<Inside>>);

#[derive(Default)]
struct Inside {
    values: BTreeMap<Key, (Option<i64>, Time)>,
    /// The moments that the build knows.
    seen: BTreeMap<Key, Time>,
    clock: Time,
    archived: Vec<(Key, i64)>,
    /// Whether copies are still there.
    lost: bool,
    broken: Option<&'static str>,
}

impl Shelf {
    /// Somebody puts a value there, or takes it away.
    fn put(&self, key: Key, value: Option<i64>) {
        let mut inside = self.0.borrow_mut();
        inside.clock += 100;
        let now = inside.clock;
        inside.values.insert(key, (value, now));
    }

    fn works(&self, what: &'static str) -> Result<(), StoreError> {
        match self.0.borrow().broken {
            Some(broken) if broken == what => Err(StoreError::new(what, "the shelf", io::Error::other("locked"))),
            _ => Ok(()),
        }
    }
}

impl Store<Key, i64> for Shelf {
    fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        self.works("read")?;
        let mut inside = self.0.borrow_mut();
        let Some(&(value, time)) = inside.values.get(key) else { return Ok(None) };
        inside.seen.insert(key, time);
        Ok(value)
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        self.works("refresh")?;
        let mut inside = self.0.borrow_mut();
        for (id, key, _) in known {
            let Some(&(value, time)) = inside.values.get(key) else { continue };
            if inside.seen.insert(key, time) != Some(time) {
                changed(id, value, time);
            }
        }
        Ok(())
    }

    fn modified(&mut self, key: &Key) -> Option<Time> {
        let mut inside = self.0.borrow_mut();
        inside.clock += 1;
        let now = inside.clock;
        Some(inside.values.get(key).map_or(now, |&(_, time)| time))
    }

    fn archive(&mut self, key: &Key, value: &i64) -> Result<(), StoreError> {
        self.works("archive")?;
        self.0.borrow_mut().archived.push((key, *value));
        Ok(())
    }

    fn restore(&mut self, _: &Key, _: &i64) -> Result<bool, StoreError> {
        self.works("restore")?;
        Ok(!self.0.borrow().lost)
    }
}

fn tasks() -> Rules<Key, i64> {
    Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a.min(3))).rule("C", formula(["B"], |[b]| b + 1))
}

type System<P> =
    Build<Key, i64, Rules<Key, i64, P>, Shelf, Box<dyn Scheduler>, Box<dyn Rebuilder<Key, i64>>, NoJournal>;

fn shelved<P: alacarte_core::Power>(scheduler: &str, rebuilder: &str, tasks: Rules<Key, i64, P>) -> (System<P>, Shelf) {
    let shelf = Shelf::default();
    shelf.put("A", Some(1));
    let build = Build::new(tasks, shelf.clone())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
    (build, shelf)
}

#[test]
fn what_changes_outside_is_noticed_when_the_next_build_begins() {
    for scheduler in alacarte_schedulers::NAMES {
        for rebuilder in RIGHT.into_iter().chain(["modification-time"]) {
            let (mut build, shelf) = shelved(scheduler, rebuilder, tasks());
            build.run(["C"]).expect("built");
            for (a, expected) in [(2, 3), (1, 2), (7, 4)] {
                shelf.put("A", Some(a));
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(expected), "{scheduler} × {rebuilder}");
            }
            shelf.put("A", None);
            let error = build.run(["C"]).expect_err("it is gone");
            assert!(matches!(error.failures[0].cause, Cause::MissingInput { .. }), "{error}");
            shelf.put("A", Some(2));
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(3), "{scheduler} × {rebuilder}");
        }
    }
}

/// An output that somebody else wrote is put right, and what depends on it need not run.
#[test]
fn an_output_that_changed_outside_is_an_output_all_the_same() {
    for scheduler in alacarte_schedulers::NAMES {
        for rebuilder in RIGHT.into_iter().filter(|&name| name != "perpetual") {
            let (mut build, shelf) = shelved(scheduler, rebuilder, tasks());
            build.run(["C"]).expect("built");
            for value in [Some(50), None] {
                shelf.put("B", value);
                let report = build.run(["B"]).expect("built");
                assert_eq!(build.get("B"), Some(1), "{scheduler} × {rebuilder}");
                let (ran, restored) = (build.names(&report.ran), report.restored.len());
                let restores = rebuilder.contains("constructive");
                assert_eq!((ran, restored), if restores { (vec![], 1) } else { (vec!["B"], 0) });
                let report = build.run(["C"]).expect("built");
                assert_eq!((report.ran.len(), build.get("C")), (0, Some(2)), "{scheduler} × {rebuilder}");
            }
        }
    }
}

/// The journal knows what was built, but a store of which it is no part does not hold it.
#[test]
fn what_the_store_has_lost_between_two_processes_is_built_again() {
    for rebuilder in RIGHT {
        let tape = Tape::default();
        for _ in 0..2 {
            let (build, _) = shelved("suspending", rebuilder, tasks());
            let mut build = build.with_journal(tape.clone());
            let report = build.run(["C"]).expect("built");
            let again = report.ran.len() + report.restored.len();
            assert!(again == 2 || again == 1 && rebuilder.starts_with("deep"), "{rebuilder}: {again}");
            assert_eq!(build.get("C"), Some(2), "{rebuilder}");
        }
    }
}

/// Keys that nobody has asked for yet are not known, and need no refreshing.
#[test]
fn only_keys_that_were_met_are_refreshed() {
    let (mut build, shelf) = shelved("suspending", "verifying-trace", tasks());
    build.intern("later");
    shelf.put("later", Some(5));
    build.run(["C"]).expect("built");
    assert_eq!((build.get("later"), shelf.0.borrow().seen.contains_key("later")), (None, false));
    build.run(["later"]).expect("an input");
    assert_eq!(build.get("later"), Some(5));
}

#[test]
fn values_are_archived_for_rebuilders_that_restore_and_only_for_those() {
    let tick = async |fetch: Fetch<'_, Key, i64>| {
        fetch.volatile();
        fetch.get("C").await
    };
    for rebuilder in RIGHT {
        let (mut build, shelf) = shelved("suspending", rebuilder, tasks().rule("tick", task(tick)));
        build.run(["tick"]).expect("built");
        let archived = shelf.0.borrow().archived.clone();
        let expected: &[(Key, i64)] = if rebuilder.contains("constructive") { &[("B", 1), ("C", 2)] } else { &[] };
        assert_eq!(archived, expected, "{rebuilder}");
    }
}

#[test]
fn a_value_of_which_no_copy_is_left_is_built_again() {
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let (build, shelf) = shelved("suspending", rebuilder, tasks());
        let reasons = Rc::new(RefCell::new(Vec::new()));
        let seen = reasons.clone();
        let mut build = build.with_observer(move |keys, key, decision| {
            if let Decision::Started(reason) = decision {
                seen.borrow_mut().push((*keys.name(key), *reason));
            }
        });
        for a in [1, 2] {
            shelf.put("A", Some(a));
            build.run(["C"]).expect("built");
        }
        shelf.put("A", Some(1));
        shelf.0.borrow_mut().lost = true;
        reasons.take();
        let report = build.run(["C"]).expect("built");
        assert_eq!((report.restored.len(), build.get("C")), (0, Some(2)), "{rebuilder}");
        let evicted = reasons.take();
        assert!(evicted.iter().all(|(_, reason)| *reason == Reason::Evicted) && !evicted.is_empty(), "{evicted:?}");
    }
}

#[test]
fn a_store_that_does_not_work_fails_what_needs_it_by_name() {
    let (mut build, shelf) = shelved("suspending", "constructive-trace", tasks());
    let fails = |build: &mut System<_>, what| {
        shelf.0.borrow_mut().broken = Some(what);
        let error = build.run(["C"]).expect_err("it does not work");
        shelf.0.borrow_mut().broken = None;
        assert!(error.to_string().contains(&format!("cannot {what} the shelf: locked")), "{error}");
        error.failures[0].key
    };
    assert_eq!(fails(&mut build, "read"), Some("C"));
    // Copies are only a help: where they cannot be made or used, a task runs, and the report says why.
    let helps_not = |build: &mut System<_>, what| {
        shelf.0.borrow_mut().broken = Some(what);
        let report = build.run(["C"]).expect("built all the same");
        shelf.0.borrow_mut().broken = None;
        assert_eq!(report.cache_trouble, Some(format!("cannot {what} the shelf: locked").into()));
        (build.names(&report.ran), report.restored.len())
    };
    assert_eq!(helps_not(&mut build, "archive"), (vec!["B", "C"], 0));
    build.run(["C"]).expect("built");
    assert_eq!(fails(&mut build, "refresh"), None);
    for a in [2, 1] {
        shelf.put("A", Some(a));
        if a == 2 {
            build.run(["C"]).expect("built");
        }
    }
    assert_eq!(helps_not(&mut build, "restore"), (vec!["B", "C"], 0));
    assert_eq!(build.get("C"), Some(2));
    assert_eq!(build.run(["C"]).expect("built").cache_trouble, None);
}

/// A cache of traces that cannot be written, and perhaps not read either.
struct Unusable {
    unreadable: bool,
}

impl TraceCache<Key, i64> for Unusable {
    fn traces(&mut self, _: &Key, _: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
        match self.unreadable {
            true => Err(StoreError::new("read", "the cache", std::io::Error::other("locked"))),
            false => Ok(()),
        }
    }

    fn add(&mut self, _: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
        Err(StoreError::new("write", "the cache", std::io::Error::other("full")))
    }
}

#[test]
fn a_cache_that_does_not_work_is_as_good_as_none() {
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let (build, shelf) = shelved("suspending", rebuilder, tasks());
        let mut build = build.with_cache(Unusable { unreadable: true });
        let report = build.run(["C"]).expect("built all the same");
        assert_eq!((report.ran.len(), build.get("C")), (2, Some(2)), "{rebuilder}");
        assert_eq!(report.cache_trouble.as_deref(), Some("cannot read the cache: locked"), "{rebuilder}");
        assert_eq!(build.run(["C"]).expect("built").cache_trouble, None, "{rebuilder}: nothing was tried");
        shelf.put("A", Some(2));
        let mut build = build.with_cache(Unusable { unreadable: false });
        let report = build.run(["C"]).expect("built all the same");
        assert_eq!((report.ran.len(), build.get("C")), (2, Some(3)), "{rebuilder}");
        assert_eq!(report.cache_trouble.as_deref(), Some("cannot write the cache: full"), "{rebuilder}");
        assert_eq!(build.run(["C"]).expect("built").cache_trouble, None, "{rebuilder}: nothing was tried");
    }
}

/// An input that cannot be read fails the task that needs it, and no other.
#[test]
fn an_input_that_cannot_be_read_is_read_in_the_next_build() {
    let tasks = Rules::new()
        .rule("B", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("A").await))
        .rule("C", task(async |fetch: Fetch<'_, Key, i64>| fetch.get("B").await));
    let (mut build, shelf) = shelved("suspending", "verifying-trace", tasks);
    build.run(["other"]).expect_err("there is none");
    shelf.0.borrow_mut().broken = Some("read");
    build.run(["C"]).expect_err("it cannot be read");
    shelf.0.borrow_mut().broken = None;
    build.run(["C"]).expect("built");
    assert_eq!(build.get("C"), Some(1));
}

/// A cache in memory.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<SharedTrace<Key, i64>>>>);

impl TraceCache<Key, i64> for Shared {
    fn traces(&mut self, key: &Key, each: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
        self.0.borrow().iter().filter(|trace| trace.key == *key).cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
        self.0.borrow_mut().push(trace.clone());
        Ok(())
    }
}

type InMemory =
    Build<Key, i64, Rules<Key, i64, Dynamic>, Memory<Key, i64>, Box<dyn Scheduler>, Box<dyn Rebuilder<Key, i64>>>;

fn branching() -> Rules<Key, i64, Dynamic> {
    Rules::new()
        .rule("B", formula(["A"], |[a]: [i64; 1]| a.min(3)))
        .rule("D", formula(["E"], |[e]| e * 2))
        .rule("top", task(async |fetch| if fetch.get("B").await? > 1 { fetch.get("D").await } else { Ok(0) }))
}

fn another(scheduler: &str, rebuilder: &str, cache: &Shared, a: i64) -> InMemory {
    Build::new(branching(), Memory::from([("A", a), ("E", 5)]))
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_cache(cache.clone())
}

/// What one build has built another need not build, if both have the same inputs.
#[test]
fn builds_that_share_a_cache_restore_what_others_have_built() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let cache = Shared::default();
        let restores = rebuilder.contains("constructive");
        let mut first = another(scheduler, rebuilder, &cache, 2);
        first.intern("unrelated");
        assert_eq!(first.run(["top"]).expect("built").ran.len(), 3);
        assert_eq!(cache.0.borrow().len(), if restores { 3 } else { 0 }, "{scheduler} × {rebuilder}");
        let mut second = another(scheduler, rebuilder, &cache, 2);
        let report = second.run(["top"]).expect("built");
        assert_eq!(
            (report.ran.is_empty(), !report.restored.is_empty()),
            (restores, restores),
            "{scheduler} × {rebuilder}"
        );
        assert_eq!(second.get("top"), Some(10));
        let mut third = another(scheduler, rebuilder, &cache, 1);
        third.run(["top"]).expect("built");
        assert_eq!(third.get("top"), Some(0), "{scheduler} × {rebuilder}");
    });
}

/// What a trace of another build vouches for may be in its place already: then it is told once, and need not be built by a
/// process that has no cache.
#[test]
fn a_value_that_is_found_in_its_place_is_remembered_once() {
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let cache = Shared::default();
        another("suspending", rebuilder, &cache, 2).run(["top"]).expect("built");
        let tape = Tape::default();
        let found = || {
            Build::new(branching(), Memory::from([("A", 2), ("E", 5), ("B", 2), ("D", 10), ("top", 10)]))
                .with_scheduler(Suspending::new())
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
                .with_journal(tape.clone())
        };
        let mut first = found().with_cache(cache);
        let report = first.run(["top"]).expect("built");
        assert_eq!((report.ran.len(), report.restored.len()), (0, 0), "{rebuilder}");
        let told = tape.appended();
        for value in [6, 5] {
            first.set("E", value).expect("set");
        }
        let report = first.run(["top"]).expect("built");
        assert!(report.ran.is_empty() && report.kept > 0, "{rebuilder}");
        assert_eq!(tape.appended(), told + 2, "{rebuilder}: what is known already is no news");
        // (A deep trace names keys whose own traces only the cache has: they went into the journal with it.)
        assert!(found().run(["top"]).expect("built").ran.is_empty(), "{rebuilder}");
    }
}

/// A cache that is named when a build system has been at work already is taken up all the same.
#[test]
fn a_cache_may_be_named_late() {
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let cache = Shared::default();
        another("suspending", rebuilder, &cache, 2).run(["top"]).expect("built");
        let mut build = another("suspending", rebuilder, &Shared::default(), 2);
        build.run(["B"]).expect("built");
        let report = build.with_cache(cache).run(["top"]).expect("built");
        assert!(report.ran.is_empty(), "{rebuilder}");
    }
}

/// A shared trace says what it is a trace of: definitions, groups, and whether it is deep.
#[test]
fn a_shared_trace_can_be_read_by_whoever_knows_the_names() {
    for (rebuilder, deep) in [("constructive-trace", false), ("deep-constructive-trace", true)] {
        let cache = Shared::default();
        let tasks = Rules::new()
            .rule("B", task(async |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(["A", "E"]).await?.iter().sum())))
            .with_version(4);
        let mut build = Build::new(tasks, Memory::from([("A", 1), ("E", 5)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
            .with_cache(cache.clone());
        build.run(["B"]).expect("built");
        let told = cache.0.borrow();
        let [trace] = &told[..] else { panic!("one trace, not {}", told.len()) };
        assert_eq!((trace.key, trace.deep.is_some(), trace.value), ("B", deep, 6));
        let names: Vec<_> = trace.dependencies.iter().map(|of| (of.key, of.definition, of.grouped)).collect();
        assert_eq!(names, [("B", true, false), ("A", false, false), ("E", false, true)]);
    }
}

/// A policy of its own for each key, and one cache for all: what is shared from there is shallow.
#[test]
fn keys_with_policies_of_their_own_share_what_they_build() {
    let cache = Shared::default();
    let build = |volatile: bool| {
        let choose =
            move |key: &Key| if volatile && *key == "B" { Policy::Volatile } else { Policy::ConstructiveTrace };
        Build::new(branching(), Memory::from([("A", 2), ("E", 5)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(PerKey::new(choose))
            .with_cache(cache.clone())
    };
    build(false).run(["top"]).expect("built");
    assert_eq!(cache.0.borrow().len(), 3);
    assert!(build(false).run(["top"]).expect("built").ran.is_empty());
    // What a policy never keeps is run, whatever the cache knows, and is not shared.
    let mut second = build(true);
    for _ in 0..2 {
        let report = second.run(["top"]).expect("built");
        assert_eq!(second.names(&report.ran), ["B"]);
    }
    assert_eq!(cache.0.borrow().len(), 3);
}
