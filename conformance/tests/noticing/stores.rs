//! Another store takes the place of one, or is edited where it lies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use alacarte_core::{Build, Fetch, KeyId, Rules, Store, StoreError, Time, declared, formula};
use alacarte_stores::Memory;

use super::adding;
use super::common::{Key, Tape, everywhere, system};

/// Another store in memory was not looked at: nobody asks a store again that only the build itself changes.
#[test]
fn a_store_that_takes_anothers_place_is_looked_at() {
    let sum = || {
        Rules::new()
            .rule("B", formula(["A", "D"], |[a, d]| a + d))
            .rule("C", formula(["B"], |[b]| 2 * b))
            .rule("E", declared(["A", "D"], async |fetch: Fetch<'_, Key, i64>| fetch.get("A").await))
    };
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, sum(), &[("A", 1), ("D", 5)]);
        build.run(["C"]).expect("built");
        *build.store_mut() = Memory::from([("A", 2), ("D", 5)]);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(14), "{scheduler} × {rebuilder}");
        build.set("D", 6).expect("set");
        let emptied = Store::<Key, i64>::gives_away(build.store_mut());
        build.run(["C"]).expect("built");
        assert_eq!((build.get("C"), emptied), (Some(16), true), "{scheduler} × {rebuilder}: it has given all away");
        let idle = build.run(["C"]).expect("built").ran.is_empty();
        assert_eq!(idle, rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        // Exchanged twice, then a part of the build is exchanged, then something is set: the last word counts.
        *build.store_mut() = Memory::from([("A", 8), ("D", 8)]);
        *build.store_mut() = Memory::from([("A", 3), ("D", 1), ("B", 50)]);
        let mut build = build.with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("the same"));
        build.set("D", 2).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(10), "{scheduler} × {rebuilder}");
        // What the new store lacks is gone.
        *build.store_mut() = Memory::from([("A", 4)]);
        let error = build.run(["C"]).expect_err("an input is missing").to_string();
        assert!(error.contains('D'), "{scheduler} × {rebuilder}: {error}");
        build.run(["E"]).expect("the key that is missing is not fetched");
        assert_eq!(build.get("E"), Some(4), "{scheduler} × {rebuilder}");
        build.set("D", 1).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(10), "{scheduler} × {rebuilder}");
    });
}

/// Two builds exchange their stores before anything was taken from them, and after.
#[test]
fn stores_that_are_swapped_bring_what_they_still_hold() {
    everywhere(|scheduler, rebuilder| {
        let mut one = system(scheduler, rebuilder, adding(1), &[("A", 1)]);
        let mut two = system(scheduler, rebuilder, adding(1), &[("A", 5)]);
        one.run(["C"]).expect("built");
        std::mem::swap(one.store_mut(), two.store_mut());
        for (build, expected) in [(&mut one, 12), (&mut two, 12)] {
            build.set("A", 5).expect("set");
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(expected), "{scheduler} × {rebuilder}");
        }
    });
}

/// A store of a user's own, which keeps what it is asked for, and is written to directly.
#[derive(Default)]
struct Shelf {
    values: HashMap<Key, i64>,
    /// It keeps no outputs, and the journal does.
    relies: bool,
}

impl Store<Key, i64> for Shelf {
    fn relies_on_journal(&self) -> bool {
        self.relies
    }
    fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        Ok(self.values.get(key).copied())
    }
}

/// A store that knows what was written to it since it was last asked, and counts what it is asked about.
#[derive(Clone, Default)]
struct Telling(Rc<RefCell<Told>>);

#[derive(Default)]
struct Told {
    values: HashMap<Key, i64>,
    written: Vec<Key>,
    asked: usize,
}

impl Telling {
    fn write(&self, key: Key, value: i64) {
        let told = &mut *self.0.borrow_mut();
        told.values.insert(key, value);
        told.written.push(key);
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut self.0.borrow_mut().asked)
    }
}

impl Store<Key, i64> for Telling {
    fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        Ok(self.0.borrow().values.get(key).copied())
    }

    fn maybe_changed(&mut self) -> Option<Vec<Key>> {
        Some(std::mem::take(&mut self.0.borrow_mut().written))
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        let told = &mut *self.0.borrow_mut();
        for (id, key, held) in known {
            told.asked += 1;
            if let Some(&value) = told.values.get(key).filter(|value| held != Some(value)) {
                changed(id, Some(value), 0);
            }
        }
        Ok(())
    }
}

/// Of a store that tells what may have changed, nothing else is asked, and the build says what it was told, once; also of what was written
/// while no build was there.
#[test]
fn what_a_store_says_may_have_changed_is_all_that_is_looked_at() {
    everywhere(|scheduler, rebuilder| {
        let (store, tape) = (Telling::default(), Tape::default());
        let open = || {
            Build::new(adding(1), store.clone())
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"))
                .with_journal(tape.clone())
        };
        let mut build = open();
        store.write("A", 1);
        build.run(["C"]).expect("built");
        store.asked();
        assert!(build.look_around().expect("looked").is_empty() && store.asked() == 0, "{scheduler} × {rebuilder}");
        store.write("A", 2);
        store.write("elsewhere", 2);
        let changed = build.look_around().expect("looked");
        assert_eq!((build.names(&changed), store.asked()), (vec!["A"], 1), "{scheduler} × {rebuilder}");
        assert!(build.look_around().expect("looked").is_empty(), "it is told once");
        build.run(["C"]).expect("built");
        assert_eq!((build.get("C"), store.asked()), (Some(6), 0), "{scheduler} × {rebuilder}");
        drop(build);
        store.write("A", 5);
        let mut build = open();
        let changed = build.look_around().expect("looked");
        assert!(build.names(&changed).contains(&"A"), "{scheduler} × {rebuilder}");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(12), "{scheduler} × {rebuilder}");
        // A store that somebody may have changed is asked for all, and what it holds now is told.
        store.write("A", 7);
        let _ = build.store_mut();
        let changed = build.look_around().expect("looked");
        assert!(build.names(&changed).contains(&"A"), "{scheduler} × {rebuilder}");
    });
}

/// What is written to a store directly is an edit.
#[test]
fn a_store_that_is_edited_where_it_lies_is_looked_at() {
    everywhere(|scheduler, rebuilder| {
        for relies in [true, false] {
            let mut build = Build::new(adding(1), Shelf { values: HashMap::from([("A", 1)]), relies })
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"))
                .with_journal(Tape::default());
            let mut run = |edit: Option<i64>, expected: i64| {
                build.store_mut().values.extend(edit.map(|value| ("A", value)));
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(expected), "{scheduler} × {rebuilder}, relies: {relies}");
            };
            run(None, 4);
            run(Some(2), 6);
            run(None, 6);
            run(Some(1), 4);
            build.store_mut().values.remove("A");
            assert!(build.run(["C"]).is_err(), "{scheduler} × {rebuilder}, relies: {relies}");
        }
    });
}

/// A store may be looked through for nothing: outputs that are what was built are not built again.
#[test]
fn a_store_that_still_holds_what_was_built_costs_no_run() {
    everywhere(|scheduler, rebuilder| {
        let values = HashMap::from([("A", 1), ("B", 2), ("C", 4)]);
        let mut build = Build::new(adding(1), Shelf { values, relies: false })
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"));
        build.run(["C"]).expect("built");
        build.store_mut();
        let ran = build.run(["C"]).expect("built").ran;
        assert_eq!(ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
    });
}
