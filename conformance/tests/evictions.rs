//! A cache that many share, under every interleaving: whatever others do to it between any two of a build's calls, the build is right,
//! and what it has added is found by the next, unless that was evicted.
//!
//! A build calls the cache and the copies again and again: it looks up traces, puts a copy back, keeps one, adds a trace. Before any one
//! of these calls, or two that are near, something happens: a copy or the traces of a key are evicted, another machine builds the same or
//! from other inputs and adds what it has made, or the build dies. All of these are played.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use alacarte_core::{
    Build, Dynamic, KeyId, Keys, Rebuilder, Report, Rules, Scheduler, SharedTrace, Store, StoreError, Time, TraceCache,
    formula, task,
};
use alacarte_stores::Memory;

type Key = &'static str;

/// What happens between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    /// The copy of what this key holds is evicted, and those of all its other values.
    CopyEvicted(Key),
    /// Its traces are.
    TracesEvicted(Key),
    /// Another machine builds from this input.
    OthersBuild(i64),
    /// The build dies: nothing that it does afterwards reaches the cache.
    Death,
}

const ALL: [Happens; 9] = [
    Happens::CopyEvicted("a"),
    Happens::CopyEvicted("b"),
    Happens::CopyEvicted("top"),
    Happens::TracesEvicted("a"),
    Happens::TracesEvicted("b"),
    Happens::TracesEvicted("top"),
    Happens::OthersBuild(1),
    Happens::OthersBuild(7),
    Happens::Death,
];

/// What all machines share.
#[derive(Default)]
struct Shelf {
    traces: Vec<SharedTrace<Key, i64>>,
    copies: BTreeSet<(Key, i64)>,
}

/// One build's way to the shelf. Clones are the same.
#[derive(Clone)]
struct Way {
    shelf: Rc<RefCell<Shelf>>,
    calls: Rc<RefCell<Calls>>,
}

#[derive(Default)]
struct Calls {
    made: usize,
    /// What happens before the call of this number.
    plan: Vec<(usize, Happens)>,
    dead: bool,
    rebuilder: &'static str,
}

impl Way {
    fn to(shelf: &Rc<RefCell<Shelf>>, rebuilder: &'static str, plan: &[(usize, Happens)]) -> Self {
        let calls = Calls { plan: plan.to_vec(), rebuilder, ..Calls::default() };
        Way { shelf: Rc::clone(shelf), calls: Rc::new(RefCell::new(calls)) }
    }

    /// A call: first what was to happen before it happens. `false` if the build is dead.
    fn call(&self) -> bool {
        let (now, rebuilder) = {
            let calls = &mut *self.calls.borrow_mut();
            calls.made += 1;
            let now = calls.plan.iter().filter(|(number, _)| *number == calls.made).map(|&(_, happens)| happens);
            (now.collect::<Vec<_>>(), calls.rebuilder)
        };
        for happens in now {
            let shelf = || self.shelf.borrow_mut();
            match happens {
                Happens::CopyEvicted(key) => shelf().copies.retain(|(of, _)| *of != key),
                Happens::TracesEvicted(key) => shelf().traces.retain(|trace| trace.key != key),
                Happens::OthersBuild(x) => drop(machine(&Way::to(&self.shelf, rebuilder, &[]), "suspending", x)),
                Happens::Death => self.calls.borrow_mut().dead = true,
            }
        }
        !self.calls.borrow().dead
    }

    fn is_dead(&self) -> bool {
        self.calls.borrow().dead
    }
}

impl TraceCache<Key, i64> for Way {
    fn traces(&mut self, key: &Key, each: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
        self.call();
        self.shelf.borrow().traces.iter().filter(|trace| trace.key == *key).cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
        if self.call() && !self.shelf.borrow().traces.contains(trace) {
            self.shelf.borrow_mut().traces.push(trace.clone());
        }
        Ok(())
    }
}

/// Values in memory, whose copies lie on the shelf.
struct Copied {
    values: Memory<Key, i64>,
    way: Way,
}

impl Store<Key, i64> for Copied {
    fn open(&mut self, keys: &mut Keys<Key>) {
        self.values.open(keys);
    }

    fn gives_away(&self) -> bool {
        self.values.gives_away()
    }

    fn relies_on_journal(&self) -> bool {
        self.values.relies_on_journal()
    }

    fn load(&mut self, id: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        self.values.load(id, key)
    }

    fn modified(&mut self, key: &Key) -> Option<Time> {
        self.values.modified(key)
    }

    fn archive(&mut self, key: &Key, value: &i64) -> Result<(), StoreError> {
        if self.way.call() {
            self.way.shelf.borrow_mut().copies.insert((key, *value));
        }
        Ok(())
    }

    fn restore(&mut self, key: &Key, value: &i64) -> Result<bool, StoreError> {
        self.way.call();
        Ok(self.way.shelf.borrow().copies.contains(&(key, *value)))
    }
}

type Machine = Build<Key, i64, Rules<Key, i64, Dynamic>, Copied, Box<dyn Scheduler>, Box<dyn Rebuilder<Key, i64>>>;

/// `top` looks at `b` only if `a` says so.
fn truth(x: i64) -> i64 {
    let a = x % 5;
    if a > 1 { a * 10 + a } else { a }
}

/// A machine without a memory of its own builds `top`.
fn machine(way: &Way, scheduler: &str, x: i64) -> (Machine, Report) {
    let tasks = Rules::new()
        .rule("a", formula(["x"], |[x]: [i64; 1]| x % 5))
        .rule("b", formula(["a"], |[a]: [i64; 1]| a * 10))
        .rule(
            "top",
            task(async |fetch| {
                let a = fetch.get("a").await?;
                if a > 1 { Ok(a + fetch.get("b").await?) } else { Ok(a) }
            }),
        );
    let store = Copied { values: Memory::from([("x", x)]), way: way.clone() };
    let mut build = Build::new(tasks, store)
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(way.calls.borrow().rebuilder).expect("a rebuilder"))
        .with_cache(way.clone());
    let report = build.run(["top"]).expect("built, whatever happened");
    assert_eq!(build.get("top"), Some(truth(x)), "{scheduler}");
    (build, report)
}

/// A build, to which this happens, of a shelf on which other machines have left this; how many calls it made.
fn play(scheduler: &str, rebuilder: &'static str, left: &[i64], plan: &[(usize, Happens)]) -> usize {
    let shelf = Rc::new(RefCell::new(Shelf::default()));
    for &x in left {
        machine(&Way::to(&shelf, rebuilder, &[]), "suspending", x);
    }
    let way = Way::to(&shelf, rebuilder, plan);
    let (mut build, _) = machine(&way, scheduler, 7);
    let calls = way.calls.borrow().made;
    assert!(build.run(["top"]).expect("built").ran.is_empty(), "there was nothing to do: {plan:?}");
    // An edit and its reversal, while nothing else happens.
    for x in [1, 7] {
        build.set("x", x).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!(build.get("top"), Some(truth(x)), "{scheduler} × {rebuilder}: {plan:?}");
    }
    // Whatever is left, it serves those who come after; and what is added now is not lost.
    let next = || machine(&Way::to(&shelf, rebuilder, &[]), scheduler, 7).1;
    next();
    let report = next();
    assert!(report.ran.is_empty(), "{scheduler} × {rebuilder}: {plan:?}: what was just added is lost");
    assert!(!way.is_dead() || plan.iter().any(|(_, happens)| *happens == Happens::Death));
    calls
}

#[test]
fn every_interleaving_of_a_build_with_others_and_with_evictions_is_right() {
    let mut played = 0;
    for scheduler in ["suspending", "restarting", "bottom-up"] {
        for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
            for left in [&[][..], &[1, 7]] {
                let calls = play(scheduler, rebuilder, left, &[]);
                assert!(calls >= 2, "{calls} calls are no scope");
                // (What happens may lead to more calls: a copy that has gone is made again.)
                let moments = calls + 3;
                for first in 1..=moments {
                    for one in ALL {
                        play(scheduler, rebuilder, left, &[(first, one)]);
                        // Two of them under one scheduler, for others change only the order of the calls.
                        let last =
                            if scheduler == "suspending" && !left.is_empty() { moments.min(first + 2) } else { 0 };
                        for second in first..=last {
                            for other in ALL {
                                play(scheduler, rebuilder, left, &[(first, one), (second, other)]);
                                played += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(played > 2_000, "{played} interleavings");
}

/// What the laws say of a cache that hands out what was evicted: the play above would notice.
#[test]
fn a_machine_that_believes_in_a_copy_that_has_gone_is_found_out() {
    let shelf = Rc::new(RefCell::new(Shelf::default()));
    machine(&Way::to(&shelf, "constructive-trace", &[]), "suspending", 7);
    // The traces speak of other values than were made: nobody can tell but by what is built from them.
    shelf.borrow_mut().traces.iter_mut().for_each(|trace| trace.value += 1);
    let copies: Vec<(Key, i64)> = shelf.borrow().copies.iter().map(|&(key, value)| (key, value + 1)).collect();
    shelf.borrow_mut().copies.extend(copies);
    let way = Way::to(&shelf, "constructive-trace", &[]);
    let wrong = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| machine(&way, "suspending", 7)));
    assert!(wrong.is_err(), "the oracle is no oracle");
}
