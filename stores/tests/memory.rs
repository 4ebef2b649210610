//! Keys that come and go leave nothing behind: not in memory, which the allocator counts, and not in the journal.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::{Rc, Weak};

use alacarte_core::{
    Build, Dynamic, Fetch, Fingerprint, Journal, Rebuilder, Retention, Rules, Running, Scheduler, Tasks, Value,
    formula, task,
};
use alacarte_rebuilders::{ConstructiveTrace, Within};
use alacarte_stores::{Log, Memory};

/// Counts the bytes that each thread, and so each test, has.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> isize {
    LIVE.with(Cell::get)
}

const REBUILDERS: [&str; 7] = [
    "dirty-bit",
    "verifying-trace",
    "constructive-trace",
    "deep-constructive-trace",
    "step-trace",
    "modification-time",
    "perpetual",
];
const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];

/// In each round other keys: so many inputs, a task over each, and one over all of these.
const WIDTH: u64 = 10;

fn input(round: u64, n: u64) -> u64 {
    round * 1000 + n
}

fn middle(round: u64, n: u64) -> u64 {
    round * 1000 + 500 + n
}

/// One target for all rounds, which fetches what the input 0 names.
const TOP: u64 = 999;

/// Every key of a round has a task for ever, as typed rules do.
struct Rounds;

impl Rounds {
    fn below(key: u64) -> Vec<u64> {
        match key % 1000 {
            998 => (0..WIDTH).map(|n| middle(key / 1000, n)).collect(),
            n => vec![input(key / 1000, n - 500)],
        }
    }
}

impl Tasks<u64, u64> for Rounds {
    type Power = Dynamic;

    fn has(&self, key: &u64) -> bool {
        key % 1000 >= 500
    }

    fn run<'t>(&'t self, key: &u64, fetch: Fetch<'t, u64, u64>) -> Running<'t, u64> {
        let key = *key;
        Running::Future(Box::pin(async move {
            if key == TOP {
                let round = fetch.get(0).await?;
                return fetch.get(round * 1000 + 998).await;
            }
            Ok(fetch.all(Rounds::below(key)).await?.iter().sum::<u64>() + 1)
        }))
    }

    fn declared(&self, key: &u64, each: &mut dyn FnMut(&u64)) -> bool {
        Rounds::below(*key).iter().for_each(each);
        key != &TOP
    }

    fn definition(&self, _: &u64) -> Option<Fingerprint> {
        Some(Fingerprint(3))
    }
}

type Churned<J> = Build<u64, u64, Rounds, Memory<u64, u64>, Box<dyn Scheduler>, Box<dyn Rebuilder<u64, u64>>, J>;

fn system<J: Journal<u64, u64>>(scheduler: &str, rebuilder: &str, journal: J) -> Churned<J> {
    Build::new(Rounds, Memory::new())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(journal)
        .with_retention(Some(Retention::of_builds(4)))
}

fn round<J: Journal<u64, u64>>(build: &mut Churned<J>, round: u64, top: bool) {
    for n in 0..WIDTH {
        build.set(input(round, n), n).expect("set");
    }
    let target = if top {
        build.set(0, round).expect("set");
        TOP
    } else {
        round * 1000 + 998
    };
    build.run([target]).expect("built");
    assert_eq!(build.get(target), Some((0..WIDTH).map(|n| n + 1).sum::<u64>() + 1), "round {round}");
    for n in 0..WIDTH {
        build.remove(input(round, n)).expect("removed");
    }
}

/// The most keys and bytes in some rounds.
fn most<J: Journal<u64, u64>>(build: &mut Churned<J>, rounds: std::ops::Range<u64>, top: bool) -> (usize, isize) {
    let each = rounds.map(|number| {
        round(build, number, top);
        (build.keys().len(), live())
    });
    each.fold((0, 0), |(keys, bytes), (more, most)| (keys.max(more), bytes.max(most)))
}

#[test]
fn after_a_thousand_rounds_of_other_keys_memory_is_what_it_was() {
    for rebuilder in REBUILDERS {
        for scheduler in SCHEDULERS {
            for top in [false, true] {
                if top && scheduler == "topological" {
                    continue;
                }
                let before = live();
                let mut build = system(scheduler, rebuilder, alacarte_core::NoJournal);
                let (keys, bytes) = most(&mut build, 1..40, top);
                let (later, most) = most(&mut build, 40..1000, top);
                let what = format!("{scheduler} × {rebuilder}, {top}");
                assert!(later <= keys, "{what}: {keys} keys, later {later}");
                assert!(keys < 24 * 2 * WIDTH as usize, "{what}: {keys} keys of 40 rounds");
                let (bytes, most) = (bytes - before, most - before);
                assert!(most < bytes + bytes / 10, "{what}: {bytes} bytes, later {most}");
            }
        }
    }
}

#[test]
fn when_all_is_removed_all_is_given_back() {
    for rebuilder in REBUILDERS {
        let mut build = system("suspending", rebuilder, alacarte_core::NoJournal).with_retention(None);
        round(&mut build, 1, false);
        build.collect(Retention::of_builds(0)).expect("collected");
        let before = live();
        for number in 2..200 {
            round(&mut build, number, false);
        }
        assert!(build.keys().len() > 198 * 2 * WIDTH as usize, "without retention nothing is forgotten");
        let held = live() - before;
        assert!(build.collect(Retention::of_builds(0)).expect("collected") > 0);
        assert_eq!(build.keys().len(), 0);
        let left = live() - before;
        assert!(left < held / 50, "{rebuilder}: of {held} bytes {left} are left");
    }
}

#[test]
fn what_was_reached_lately_is_kept_and_costs_nothing() {
    for rebuilder in REBUILDERS.into_iter().filter(|rebuilder| *rebuilder != "perpetual") {
        for scheduler in SCHEDULERS {
            let mut build = system(scheduler, rebuilder, alacarte_core::NoJournal).with_retention(None);
            let targets = [1998, 2998, 3998, 4998];
            for key in (1..5).flat_map(|round| (0..WIDTH).map(move |n| input(round, n))) {
                build.set(key, 1).expect("set");
            }
            for target in targets {
                build.run([target]).expect("built");
            }
            let forgotten =
                |build: &mut Churned<_>, builds| build.collect(Retention::of_builds(builds)).expect("collected");
            assert_eq!([5, 4].map(|builds| forgotten(&mut build, builds)), [0, 0]);
            // The tasks of the first round go; its inputs hold what nobody could give again.
            assert_eq!(forgotten(&mut build, 3), WIDTH as usize + 1);
            for target in [4998, 3998, 2998] {
                let report = build.run([target]).expect("built");
                assert_eq!(report.ran, [], "{scheduler} × {rebuilder}, {target}");
            }
            let report = build.run([1998]).expect("built");
            assert_eq!(report.ran.len(), WIDTH as usize + 1, "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn a_key_that_gets_the_number_of_another_is_not_taken_for_it() {
    for rebuilder in REBUILDERS {
        for scheduler in SCHEDULERS {
            let tasks = Rules::<u64, u64>::new()
                .rule(100_u64, formula([1_u64, 2], |[a, b]: [u64; 2]| a * 10 + b))
                .rule(200_u64, formula([2_u64], |[b]| b + 1));
            let mut build = Build::new(tasks, Memory::new())
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
            build.set(1, 7).expect("set");
            build.set(2, 8).expect("set");
            build.run([100]).expect("built");
            build.remove(1).expect("removed");
            build.run([200]).expect("built");
            // 100 and 1 are forgotten, and others get their numbers: among them one that holds what 1 held.
            assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 2, "{scheduler} × {rebuilder}");
            for key in [50, 51, 52] {
                build.set(key, 7).expect("set");
            }
            assert!(build.run([100]).is_err(), "{scheduler} × {rebuilder}: the input 1 is missing");
            build.set(1, 3).expect("set");
            build.run([100]).expect("built");
            build.run([100, 200]).expect("built");
            assert_eq!([100, 200].map(|key| build.get(key)), [Some(38), Some(9)], "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn a_number_that_was_given_out_is_kept_until_it_is_released() {
    let mut build = system("suspending", "verifying-trace", alacarte_core::NoJournal);
    build.set(input(1, 0), 4).expect("set");
    let id = build.intern(middle(1, 0));
    build.run_ids(&[id]).expect("built");
    let collect = |build: &mut Churned<_>| build.collect(Retention::of_builds(0)).expect("collected");
    assert_eq!(collect(&mut build), 0);
    assert_eq!(build.run_ids(&[id]).expect("built").ran, []);
    build.release(id);
    assert_eq!(collect(&mut build), 1);
    let refused = build.run_ids(&[id]).expect_err("it is the number of no key");
    assert!(matches!(refused.failures[0].cause, alacarte_core::Cause::UnknownId { .. }), "{refused}");
}

#[test]
fn a_journal_whose_keys_come_and_go_is_as_long_as_those_that_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let open = || Log::open(&path).expect("opened");
    let mut lengths = Vec::new();
    for opening in 0..3 {
        let mut build = system("suspending", "verifying-trace", open());
        for number in 1..1000 {
            round(&mut build, opening * 1000 + number, false);
        }
        let bytes = build.journal().bytes();
        assert!(bytes < 1_000_000, "{bytes} bytes while the process lives");
        build.collect(Retention::of_builds(2)).expect("collected");
        drop(build);
        let mut build = system("suspending", "verifying-trace", open());
        build.set(0, 0).expect("set");
        lengths.push((build.journal().bytes(), build.keys().len()));
    }
    // (A log of less than a quarter of a megabyte is left as it is.)
    for (bytes, keys) in lengths {
        assert!(bytes < 280_000, "{bytes} bytes");
        assert!(keys < 10 * WIDTH as usize, "{keys} keys");
    }
}

#[test]
fn inputs_that_are_gone_leave_the_journal_though_nobody_collects() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let mut lengths = Vec::new();
    for opening in 0..3_u64 {
        let rules = Rules::<u64, u64>::new().rule(7_u64, task(async |fetch: Fetch<'_, u64, u64>| fetch.get(1).await));
        let mut build = Build::new(rules, Memory::new())
            .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named("dirty-bit").expect("a rebuilder"))
            .with_journal(Log::open(&path).expect("opened"))
            .with_retention(None);
        build.set(1, opening).expect("set");
        build.run([7]).expect("built");
        lengths.push(build.journal().bytes());
        for key in (opening * 10_000..).skip(10).take(10_000) {
            build.set(key, 1).expect("set");
            build.remove(key).expect("removed");
        }
    }
    assert!(lengths.iter().all(|bytes| *bytes < 1_000), "{lengths:?}");
}

/// A value that others can see the end of.
#[derive(Clone)]
struct Seen(Rc<u64>);

impl Value for Seen {
    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    fn size_in_bytes(&self) -> usize {
        *self.0 as usize
    }
}

#[test]
fn a_value_that_was_replaced_or_removed_is_dropped() {
    let mut build = Build::new(Rules::<u64, Seen>::new(), Memory::new())
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named("perpetual").expect("a rebuilder"));
    let mut seen: Vec<Weak<u64>> = Vec::new();
    let mut give = |build: &mut Build<_, Seen, _, _, _, _, _>, key: u64, size: u64| {
        let value = Rc::new(size);
        seen.push(Rc::downgrade(&value));
        build.set(key, Seen(value)).expect("set");
        seen.iter().filter(|value| value.upgrade().is_some()).count()
    };
    assert_eq!(give(&mut build, 0, 5), 1);
    // Keys that hold nothing lie between.
    for key in 1..100 {
        build.remove(key).expect("met");
    }
    assert_eq!(give(&mut build, 100, 1000), 2);
    assert_eq!(give(&mut build, 101, 2000), 3);
    // (What stands in the places of the others is one value, the smallest that was at hand.)
    for size in 1001..1100 {
        assert_eq!(give(&mut build, 100, size), 3);
    }
    build.remove(100).expect("removed");
    assert_eq!(give(&mut build, 101, 3000), 2, "what 0 and 101 hold");
    build.remove(101).expect("removed");
    assert_eq!(give(&mut build, 0, 6), 2, "what 0 holds, and the smallest that was at hand");
}

#[test]
fn values_to_be_restored_take_no_more_bytes_than_they_may() {
    const VERSION: usize = 100_000;
    let held = |bound: usize| {
        let before = live();
        let mut build = Build::new(
            Rules::<u64, String>::new().rule(1_u64, formula([0_u64], |[of]: [String; 1]| of.repeat(VERSION))),
            Memory::new(),
        )
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(Within::new(bound, ConstructiveTrace));
        for version in ["a", "b", "c", "d", "e", "f"] {
            build.set(0, version.to_owned()).expect("set");
            build.run([1]).expect("built");
        }
        let held = live() - before;
        build.set(0, "e".to_owned()).expect("set");
        assert_eq!(build.run([1]).expect("built").restored.len(), 1, "the one before the last is there");
        build.set(0, "a".to_owned()).expect("set");
        (held as usize / VERSION, build.run([1]).expect("built").restored.len())
    };
    assert_eq!(held(usize::MAX / 2), (7, 1));
    // Two to be restored, and the one that the key holds.
    assert_eq!(held(4 * VERSION), (3, 0));
}
