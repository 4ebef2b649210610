//! Journals and caches: chosen late, chosen again, and failing for a moment.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use alacarte_core::{
    Build, Event, Journal, KeyId, Keys, Replay, SharedTrace, Store, StoreError, Time, TraceCache, formula,
};

use super::adding;
use super::common::{Key, Tape, everywhere, system};

/// A journal that was chosen after something had happened was not told of it, and the next process believed in silence.
#[test]
fn a_journal_is_told_of_what_happened_before_it_was_chosen() {
    everywhere(|scheduler, rebuilder| {
        for early in [true, false] {
            let tape = Tape::default();
            let mut build = system(scheduler, rebuilder, adding(1), &[("A", 0)]);
            build.set("A", 1).expect("set");
            if early {
                build.run(["C"]).expect("built");
                build.set("A", 3).expect("set");
            }
            let mut build = build.with_journal(tape.clone());
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(if early { 8 } else { 4 }), "{scheduler} × {rebuilder}");
            drop(build);
            let mut build = system(scheduler, rebuilder, adding(1), &[("A", 2)]).with_journal(tape);
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(6), "{scheduler} × {rebuilder}, early: {early}");
        }
    });
}

/// A journal of earlier processes is chosen when this one knows better already: of inputs, of what was built, of a task.
#[test]
fn a_journal_that_was_not_told_for_a_while_is_corrected() {
    everywhere(|scheduler, rebuilder| {
        let (old, other) = (Tape::default(), Tape::default());
        system(scheduler, rebuilder, adding(1), &[("A", 1)]).with_journal(old.clone()).run(["C"]).expect("built");
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 0)]);
        build.set("A", 5).expect("set");
        let mut build = build.with_journal(old.clone());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(12), "{scheduler} × {rebuilder}");
        // Away and back: what is remembered of A is what it holds, but not what B and C were built from.
        let mut build = build.with_journal(other.clone());
        build.set("A", 7).expect("set");
        build.run(["C"]).expect("built");
        build.set("A", 5).expect("set");
        let mut build = build.with_journal(old.clone());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(12), "{scheduler} × {rebuilder}");
        // The same with a task: B is what it was, but by another task from another A.
        let mut build = build.with_journal(other);
        build.tasks_mut().set("B", formula(["A"], |[a]| a));
        build.set("A", 6).expect("set");
        build.run(["C"]).expect("built");
        build.set("A", 5).expect("set");
        let mut build = build.with_journal(old);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(10), "{scheduler} × {rebuilder}");
    });
}

/// The journal remembers what was built of B; in this process it was removed, and its task with it: nobody brings it back.
#[test]
fn what_was_removed_before_a_journal_was_chosen_stays_so() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        system(scheduler, rebuilder, adding(1), &[("A", 1)]).with_journal(tape.clone()).run(["C"]).expect("built");
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1)]);
        build.run(["C"]).expect("built");
        build.remove("B").expect("removed");
        build.tasks_mut().remove(&"B");
        let mut build = build.with_journal(tape);
        build.touch("A").expect("touched");
        assert_eq!(build.get("B"), None, "{scheduler} × {rebuilder}");
        assert!(build.run(["C"]).is_err(), "{scheduler} × {rebuilder}: the input B is missing");
    });
}

/// Of what was built before, a journal that is chosen late hears when it is built again, and of inputs that hold nothing, nothing.
#[test]
fn a_journal_that_is_chosen_late_hears_no_more_than_what_inputs_hold() {
    /// Writes down of which keys it hears.
    #[derive(Default)]
    struct Heard(Vec<(Key, bool)>);
    impl Journal<Key, i64> for Heard {
        fn replay(&mut self, _: &mut Keys<Key>, _: &mut Replay<'_, Key, i64>) -> Result<(), StoreError> {
            Ok(())
        }
        fn append(&mut self, keys: &Keys<Key>, event: &Event<'_, i64>) -> Result<(), StoreError> {
            let built = matches!(event, Event::Built(_));
            self.0.extend(event.key().map(|key| (*keys.name(key), built)));
            Ok(())
        }
    }
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1), ("Z", 1)]);
        build.remove("Z").expect("removed");
        build.run(["C"]).expect("built");
        let mut build = build.with_journal(Heard::default());
        build.run(["C"]).expect("built");
        assert_eq!(build.journal().0, [("A", false), ("B", true), ("C", true)], "{scheduler} × {rebuilder}");
    });
}

/// A cache that was chosen late had all metadata forgotten, and what they said was out of date with them.
#[test]
fn a_cache_may_be_chosen_at_any_time() {
    struct Nothing;
    impl TraceCache<Key, i64> for Nothing {
        fn traces(&mut self, _: &Key, _: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
            Ok(())
        }
        fn add(&mut self, _: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
            Ok(())
        }
    }
    everywhere(|scheduler, rebuilder| {
        for tape in [Tape::forgetful(), Tape::default()] {
            let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1)]).with_journal(tape);
            for value in [1, 2, 3] {
                build.set("A", value).expect("set");
                build = build.with_cache(Nothing);
                build.run(["C"]).expect("built");
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(2 + 2 * value), "{scheduler} × {rebuilder}");
                build.set("A", value + 10).expect("set");
                build = build.with_cache(Nothing);
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(22 + 2 * value), "{scheduler} × {rebuilder}");
            }
            build = build.with_cache(Nothing);
            let report = build.run(["C"]).expect("built");
            assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        }
    });
}

/// A journal that keeps what it is told and, at one of these calls, says that it could not: as on a disk that was full for a moment.
struct Failing {
    tape: Tape<Key, i64>,
    calls_left: Rc<Cell<u32>>,
}

impl Failing {
    fn call(&self) -> Result<(), StoreError> {
        let left = self.calls_left.get();
        self.calls_left.set(left.wrapping_sub(1));
        if left == 0 {
            Err(StoreError::new("write", "the journal", std::io::Error::other("it is full")))
        } else {
            Ok(())
        }
    }
}

impl Journal<Key, i64> for Failing {
    fn replay(&mut self, keys: &mut Keys<Key>, each: &mut Replay<'_, Key, i64>) -> Result<(), StoreError> {
        self.tape.replay(keys, each)
    }

    fn append(&mut self, keys: &Keys<Key>, event: &Event<'_, i64>) -> Result<(), StoreError> {
        self.tape.append(keys, event)?;
        self.call()
    }
}

/// Whatever a build was about to note when its journal failed is noted: an edit, a task or a whole collection that is replaced.
#[test]
fn a_journal_that_fails_once_costs_no_value() {
    let rules =
        |added: i64| adding(added).rule("D", formula(["C", "Z"], |[c, z]| c + z)).with_version(added.unsigned_abs());
    let mut failures = 0;
    everywhere(|scheduler, rebuilder| {
        for (calls, asked_again) in (0..40).flat_map(|calls| [(calls, false), (calls, true)]) {
            let tape = Tape::default();
            let calls_left = Rc::new(Cell::new(calls));
            let journal = Failing { tape: tape.clone(), calls_left: calls_left.clone() };
            let mut build = system(scheduler, rebuilder, rules(1), &[("A", 1), ("Z", 1)]).with_journal(journal);
            let about = format!("{scheduler} × {rebuilder}, call {calls} fails, asked again: {asked_again}");
            let (mut a, mut z, mut added) = (1, 1, 1);
            for step in 0..7 {
                match step {
                    1 => a = 5,
                    2 => added = 10,
                    3 => z = 7,
                    4 => added = 20,
                    5 => a = 1,
                    _ => {}
                }
                for _ in 0..=u32::from(asked_again) {
                    match step {
                        1 | 5 => drop(build.set("A", a)),
                        2 => build.tasks_mut().set("B", formula(["A"], move |[a]| a + 10)),
                        3 => drop(build.set("Z", z)),
                        4 => *build.tasks_mut() = rules(20),
                        // What somebody wrote there is an input's from now on.
                        6 => {
                            drop(build.set("B", 100));
                            build.tasks_mut().remove(&"B");
                        }
                        _ => {}
                    }
                }
                for attempt in 0..3 {
                    if build.run(["D"]).is_ok() {
                        break;
                    }
                    failures += 1;
                    assert!(attempt < 2, "{about}: it fails once");
                }
                let b = if step == 6 { 100 } else { a + added };
                assert_eq!(build.get("D"), Some(2 * b + z), "{about}, step {step}");
            }
            drop(build);
            let mut build = system(scheduler, rebuilder, rules(20), &[("A", 1), ("Z", 7)]).with_journal(tape);
            build.run(["D"]).expect("built");
            assert_eq!(build.get("D"), Some(49), "{about}, by a new process");
        }
    });
    assert!(failures > 100, "{failures} builds failed");
}

/// A store tells of an edit once. What it told of others is not lost because the journal could not write the first.
#[test]
fn edits_that_a_store_told_of_are_noticed_though_the_journal_fails() {
    type Files = Rc<RefCell<HashMap<Key, i64>>>;
    #[derive(Default)]
    struct Disk {
        files: Files,
        seen: HashMap<Key, Option<i64>>,
    }
    impl Store<Key, i64> for Disk {
        fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
            let held = self.files.borrow().get(key).copied();
            self.seen.insert(key, held);
            Ok(held)
        }
        fn refresh(
            &mut self,
            known: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
            changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
        ) -> Result<(), StoreError> {
            for (id, key, _) in known {
                let held = self.files.borrow().get(key).copied();
                if self.seen.get(key).is_some_and(|seen| *seen != held) {
                    self.seen.insert(key, held);
                    changed(id, held, 0);
                }
            }
            Ok(())
        }
    }
    everywhere(|scheduler, rebuilder| {
        for calls in 0..20 {
            let files = Files::default();
            files.borrow_mut().extend([("A", 1), ("Z", 1)]);
            let calls_left = Rc::new(Cell::new(calls));
            let journal = Failing { tape: Tape::default(), calls_left };
            let tasks = adding(1).rule("D", formula(["C", "Z"], |[c, z]| c + z));
            let mut build = Build::new(tasks, Disk { files: files.clone(), seen: HashMap::new() })
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"))
                .with_journal(journal);
            for (a, z) in [(1, 1), (5, 7), (2, 3)] {
                files.borrow_mut().extend([("A", a), ("Z", z)]);
                let mut built = build.run(["D"]);
                if built.is_err() {
                    built = build.run(["D"]);
                }
                built.expect("it fails once");
                let about = format!("{scheduler} × {rebuilder}, call {calls} fails, A = {a}, Z = {z}");
                assert_eq!(build.get("D"), Some(2 * (a + 1) + z), "{about}");
            }
        }
    });
}
