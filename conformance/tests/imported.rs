//! What other builds have made is known here, and is no part of this build's own history.
//!
//! A trace that was learned may hold, and its value may lie in the store already: a crash took the journal's last records, and
//! not the trace. Then the key takes it up, for all who remember; it does not pass for what the journal says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use alacarte_core::{
    Build, Dynamic, KeyId, Report, Retention, Rules, SharedTrace, Static, Store, StoreError, TraceCache, formula,
    steps_taken, task,
};
use alacarte_stores::{Log, Memory, SharedBytes};

const RESTORING: [&str; 2] = ["constructive-trace", "deep-constructive-trace"];
const ALL: [&str; 5] = ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// A cache in memory.
#[derive(Clone, Default)]
struct Shared {
    traces: Rc<RefCell<Vec<SharedTrace<String, i64>>>>,
    /// The keys that it was asked for.
    asked: Rc<RefCell<Vec<String>>>,
}

impl TraceCache<String, i64> for Shared {
    fn traces(&mut self, key: &String, each: &mut dyn FnMut(SharedTrace<String, i64>)) -> Result<(), StoreError> {
        self.asked.borrow_mut().push(key.clone());
        self.traces.borrow().iter().filter(|trace| trace.key == *key).cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<String, i64>) -> Result<(), StoreError> {
        if !self.traces.borrow().contains(trace) {
            self.traces.borrow_mut().push(trace.clone());
        }
        Ok(())
    }
}

/// What lies on a disk: files, and a journal.
#[derive(Clone)]
struct Checkout {
    files: BTreeMap<&'static str, i64>,
    journal: SharedBytes,
    cache: Option<Shared>,
}

impl Checkout {
    fn new(cache: &Shared) -> Self {
        Checkout { files: BTreeMap::new(), journal: SharedBytes::default(), cache: Some(cache.clone()) }
    }

    /// A process brings a target up to date, and ends.
    fn build(&mut self, rebuilder: &str, target: &str) -> Report {
        // `b` looks at `y` only if `x` says so.
        let tasks: Rules<String, i64, Dynamic> =
            Rules::new().rule("a", formula(["x"], |[x]: [i64; 1]| x)).rule("b", formula(["a"], |[a]| a)).rule(
                "c",
                task(
                    async |fetch| {
                        if fetch.get("x".to_owned()).await? > 1 { fetch.get("y".to_owned()).await } else { Ok(7) }
                    },
                ),
            );
        let files: Memory<String, i64> = self.files.iter().map(|(&key, &value)| (key.to_owned(), value)).collect();
        let build = Build::new(tasks, files)
            .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
            .with_journal(Log::from_bytes(self.journal.clone()));
        let mut build = match &self.cache {
            Some(cache) => build.with_cache(cache.clone()),
            None => build,
        };
        let report = build.run([target.to_owned()]).expect("built");
        for key in ["a", "b", "c"] {
            self.files.extend(build.get(key.to_owned()).map(|value| (key, value)));
        }
        report
    }

    fn holds(&self, key: &str) -> Option<i64> {
        self.files.get(key).copied()
    }
}

/// The journal's last records are lost; the trace, which was written at once, is not.
#[test]
fn a_trace_that_outlives_its_record_is_taken_up() {
    for rebuilder in RESTORING {
        for then in ALL {
            let cache = Shared::default();
            let mut mine = Checkout::new(&cache);
            mine.files.insert("x", 1);
            mine.build(rebuilder, "b");
            let before = mine.journal.to_vec();
            mine.files.insert("x", 2);
            mine.build(rebuilder, "a");
            mine.journal = before.into();
            mine.build(rebuilder, "b");
            assert_eq!(mine.holds("b"), Some(2), "{rebuilder}");
            let length = mine.journal.to_vec().len();
            let null = mine.build(rebuilder, "b");
            assert_eq!((null.ran.len(), null.restored.len()), (0, 0), "{rebuilder}: nothing was edited");
            assert_eq!(mine.journal.to_vec().len(), length, "{rebuilder}: a build that does nothing writes nothing");
            for x in [1, 2, 1] {
                mine.files.insert("x", x);
                mine.build(then, "b");
                assert_eq!(mine.holds("b"), Some(x), "{rebuilder}, then {then}");
            }
        }
    }
}

/// What a key was made from is told anew, so that another rebuilder, without the cache, knows it.
#[test]
fn what_a_learned_trace_was_made_from_is_known_to_the_next_rebuilder() {
    for rebuilder in RESTORING {
        for then in ALL {
            let cache = Shared::default();
            let mut mine = Checkout::new(&cache);
            mine.files.extend([("x", 1), ("y", 7)]);
            mine.build(rebuilder, "c");
            let before = mine.journal.to_vec();
            mine.files.insert("x", 2);
            mine.build(rebuilder, "c");
            mine.journal = before.into();
            mine.build(rebuilder, "c");
            mine.cache = None;
            for y in [8, 7, 9] {
                mine.files.insert("y", y);
                mine.build(then, "c");
                assert_eq!(mine.holds("c"), Some(y), "{rebuilder}, then {then}");
            }
        }
    }
}

/// However many versions of a key others have built, this build knows what it has built itself.
#[test]
fn what_others_have_built_does_not_push_out_what_was_built_here() {
    for rebuilder in RESTORING {
        let cache = Shared::default();
        let (mut mine, mut theirs) = (Checkout::new(&cache), Checkout::new(&cache));
        mine.files.insert("x", 100);
        mine.build(rebuilder, "b");
        for x in 0..40 {
            theirs.files.insert("x", x);
            theirs.build(rebuilder, "b");
            let null = mine.build(rebuilder, "b");
            assert_eq!((null.ran.len(), null.restored.len()), (0, 0), "{rebuilder}, {x} other versions");
        }
        // Of those of others, the last are known.
        mine.files.insert("x", 39);
        assert!(mine.build(rebuilder, "b").ran.is_empty(), "{rebuilder}");
        assert_eq!(mine.holds("b"), Some(39));
    }
}

/// Traces that cannot hold, as files are, take no place of those that this build has made, which the cache may have lost.
#[test]
fn what_cannot_hold_is_not_taken_up() {
    // (By what deep fingerprints `a` and `b` are called is not known before they are asked about.)
    for (rebuilder, target, of) in [
        ("constructive-trace", "top", (|x| x / 10 * (x + x / 10)) as fn(i64) -> i64),
        ("deep-constructive-trace", "b", |x| x + x / 10),
    ] {
        let mut mine = opened(rebuilder, &Shared::default(), 10);
        for x in [10, 20, 30, 40] {
            mine.set("x".to_owned(), x).expect("set");
            mine.run([target.to_owned()]).expect("built");
        }
        let cache = Shared::default();
        for x in (100..130).map(|tens| tens * 10) {
            opened(rebuilder, &cache, x).run([target.to_owned()]).expect("built");
        }
        let mut mine = mine.with_cache(cache);
        for x in [50, 10, 20, 30, 40] {
            mine.set("x".to_owned(), x).expect("set");
            let report = mine.run([target.to_owned()]).expect("built");
            assert_eq!(report.ran.is_empty(), x != 50, "{rebuilder}, x = {x}");
            assert_eq!(mine.get(target.to_owned()), Some(of(x)), "{rebuilder}");
        }
    }
}

type Opened<St = Memory<String, i64>> = Build<
    String,
    i64,
    Rules<String, i64, Static>,
    St,
    Box<dyn alacarte_core::Scheduler>,
    Box<dyn alacarte_core::Rebuilder<String, i64>>,
>;

/// `top` is made of `a` and `b`, which both look at `x`.
fn opened(rebuilder: &str, cache: &Shared, x: i64) -> Opened {
    over(Memory::from([("x".to_owned(), x)]), rebuilder, cache)
}

fn over<St: Store<String, i64>>(store: St, rebuilder: &str, cache: &Shared) -> Opened<St> {
    let tasks = Rules::new()
        .rule("a", formula(["x"], |[x]: [i64; 1]| x / 10))
        .rule("b", formula(["x", "a"], |[x, a]: [i64; 2]| x + a))
        .rule("top", formula(["a", "b"], |[a, b]: [i64; 2]| a * b));
    Build::new(tasks, store)
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_cache(cache.clone())
}

/// It says what `x` is when it is asked, and not before: a trace may be the first to name it.
struct Disk;

impl Store<String, i64> for Disk {
    fn load(&mut self, _: KeyId, key: &String) -> Result<Option<i64>, StoreError> {
        Ok((key == "x").then_some(10))
    }
}

/// Keys that are kept are not looked up: a build that has nothing to do does not ask, however much the cache holds.
#[test]
fn the_cache_is_asked_for_what_would_have_to_run_and_once_for_each_key() {
    for rebuilder in RESTORING {
        let cache = Shared::default();
        let mut build = opened(rebuilder, &cache, 10);
        fn asks<St: Store<String, i64>>(build: &mut Opened<St>, cache: &Shared, expected: &[&str]) {
            cache.asked.borrow_mut().clear();
            build.run(["top".to_owned()]).expect("built");
            let mut asked = cache.asked.take();
            asked.sort();
            assert_eq!(asked, expected);
        }
        asks(&mut build, &cache, &["a", "b", "top"]);
        asks(&mut build, &cache, &[]);
        build.set("x".to_owned(), 11).expect("set");
        asks(&mut build, &cache, &["a", "b", "top"]);
        build.set("x".to_owned(), 10).expect("set");
        asks(&mut build, &cache, &[]);
        // Nor is it asked for inputs, though traces that it has name them before anybody has looked at them.
        asks(&mut opened(rebuilder, &cache, 10), &cache, &["a", "b", "top"]);
        asks(&mut over(Disk, rebuilder, &cache), &cache, &["a", "b", "top"]);
        // Nor for what is up to date, but to explain a deep trace that names it.
        let mut build = opened(rebuilder, &cache, 10);
        build.run(["a".to_owned()]).expect("built");
        let deep = rebuilder == "deep-constructive-trace";
        asks(&mut build, &cache, if deep { &["a", "b", "top"] } else { &["b", "top"] });
    }
    for rebuilder in ["dirty-bit", "verifying-trace", "step-trace"] {
        let cache = Shared::default();
        opened(rebuilder, &cache, 10).run(["top".to_owned()]).expect("built");
        assert!(cache.asked.take().is_empty(), "{rebuilder} restores nothing");
    }
}

/// Hundreds of others, in whose builds files have the same names, have added theirs since.
#[test]
fn a_trace_is_found_among_those_of_hundreds_of_others() {
    for rebuilder in RESTORING {
        let cache = Shared::default();
        opened(rebuilder, &cache, 10).run(["top".to_owned()]).expect("built");
        for x in 100..400 {
            opened(rebuilder, &cache, x).run(["top".to_owned()]).expect("built");
        }
        let mut again = opened(rebuilder, &cache, 10);
        let report = again.run(["top".to_owned()]).expect("built");
        assert_eq!((report.ran.len(), again.get("top".to_owned())), (0, Some(11)), "{rebuilder}");
    }
}

/// Nor is one missed that is not among the newest, where a trace of this build's own takes a place.
#[test]
fn a_trace_is_found_wherever_it_stands_among_others() {
    for rebuilder in RESTORING {
        for older in 0..20 {
            let cache = Shared::default();
            for x in (0..20).map(|place| if place == older { 10 } else { 100 + place }) {
                opened(rebuilder, &cache, x).run(["top".to_owned()]).expect("built");
            }
            let mut mine = opened(rebuilder, &Shared::default(), 55);
            mine.run(["top".to_owned()]).expect("built");
            mine.set("x".to_owned(), 10).expect("set");
            let report = mine.with_cache(cache).run(["top".to_owned()]).expect("built");
            assert!(report.ran.is_empty(), "{rebuilder}: the trace of place {older}");
        }
    }
}

/// A build system that has been open for long.
#[test]
fn what_others_add_while_a_build_system_is_open_is_found() {
    for rebuilder in RESTORING {
        let cache = Shared::default();
        let mut mine = opened(rebuilder, &cache, 10);
        mine.run(["top".to_owned()]).expect("built");
        opened(rebuilder, &cache, 30).run(["top".to_owned()]).expect("built");
        mine.set("x".to_owned(), 30).expect("set");
        assert!(mine.run(["top".to_owned()]).expect("built").ran.is_empty(), "{rebuilder}");
        assert_eq!(mine.get("top".to_owned()), Some(99), "{rebuilder}");
    }
}

/// The trace of `top` is remembered; what it needs to be understood, those of `b`, was pushed out here.
#[test]
fn what_a_remembered_deep_trace_needs_is_found_in_the_cache() {
    for rebuilder in RESTORING {
        let cache = Shared::default();
        let mut mine = opened(rebuilder, &cache, 10);
        mine.run(["top".to_owned()]).expect("built");
        for x in 20..40 {
            mine.set("x".to_owned(), x).expect("set");
            mine.run(["b".to_owned()]).expect("built");
        }
        mine.set("x".to_owned(), 10).expect("set");
        assert!(mine.run(["top".to_owned()]).expect("built").ran.is_empty(), "{rebuilder}");
        assert_eq!(mine.get("top".to_owned()), Some(11), "{rebuilder}");
    }
}

/// However many others have built keys of the same names, each of their traces is looked at once.
#[test]
fn what_a_look_up_costs_grows_as_the_traces_of_its_keys_do() {
    for rebuilder in RESTORING {
        // The trace that holds is the oldest; or none does.
        for x in [10, 7] {
            let steps = [100, 200, 400].map(|others| {
                let cache = Shared::default();
                opened(rebuilder, &cache, 10).run(["top".to_owned()]).expect("built");
                for x in 100..100 + others {
                    opened(rebuilder, &cache, x).run(["top".to_owned()]).expect("built");
                }
                let before = steps_taken();
                let mut build = opened(rebuilder, &cache, x);
                build.run(["top".to_owned()]).expect("built");
                assert_eq!(build.get("top".to_owned()), Some(x / 10 * (x + x / 10)), "{rebuilder}");
                steps_taken() - before
            });
            let grows = |pair: &[u64]| pair[1] as f64 / pair[0] as f64;
            assert!(steps.windows(2).all(|pair| grows(pair) < 2.5), "{rebuilder}, x = {x}: {steps:?}");
        }
    }
}

/// A process on a disk that holds the sources of many objects, and a program made of them. How much its journal grew.
fn restore_wide(
    width: usize,
    first: i64,
    rebuilder: &str,
    cache: &Shared,
    journal: &SharedBytes,
    program: &mut Option<i64>,
) -> usize {
    let name = |kind: &str, number: usize| format!("{kind}{number}");
    // (The first dynamic task makes the collection one of dynamic tasks.)
    let read = |source: String| task(async move |fetch| fetch.get(source.clone()).await);
    let mut tasks: Rules<String, i64, Dynamic> = Rules::new().rule(name("object", 0), read(name("source", 0)));
    for number in 1..width {
        tasks = tasks.rule(name("object", number), read(name("source", number)));
    }
    let objects: Vec<String> = (0..width).map(|number| name("object", number)).collect();
    let link = task(async move |fetch| Ok(fetch.all(objects.iter()).await?.iter().sum::<i64>()));
    let sources = (0..width).map(|number| (name("source", number), if number == 0 { first } else { 1 }));
    let files: Memory<String, i64> = sources.chain(program.map(|program| ("program".to_owned(), program))).collect();
    let mut build = Build::new(tasks.rule("program".to_owned(), link), files)
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(Log::from_bytes(journal.clone()))
        .with_cache(cache.clone());
    let before = journal.to_vec().len();
    build.run(["program".to_owned()]).expect("built");
    *program = build.get("program".to_owned());
    assert_eq!(*program, Some(first + width as i64 - 1), "{rebuilder}");
    drop(build);
    journal.to_vec().len() - before
}

/// What lies below a program that was restored goes into the journal once, and not with each version of the program.
#[test]
fn what_a_restored_program_adds_to_the_journal_grows_with_what_changed() {
    let most = |width: usize| {
        let cache = Shared::default();
        let (theirs, ours) = (SharedBytes::default(), SharedBytes::default());
        let mut program = None;
        for first in 2..6 {
            restore_wide(width, first, "deep-constructive-trace", &cache, &theirs, &mut program);
        }
        let mut program = None;
        let grew =
            (2..6).map(|first| restore_wide(width, first, "deep-constructive-trace", &cache, &ours, &mut program));
        let grew: Vec<usize> = grew.collect();
        // The program's own record names all objects: some bytes for each.
        (grew[0], *grew[1..].iter().max().expect("three"))
    };
    for width in [20, 200] {
        let (first, later) = most(width);
        assert!(later < 14 * width + 400 && later * 3 < first, "{width}: {later} bytes after {first}");
    }
}

/// The journal has forgotten what it was told of other builds' traces: it is told again, for the next process to know.
#[test]
fn what_was_forgotten_of_other_builds_is_told_again() {
    let (cache, journal, top) = (Shared::default(), SharedBytes::default(), ["top".to_owned()]);
    opened("deep-constructive-trace", &cache, 10).run(top.clone()).expect("built");
    let mine = opened("deep-constructive-trace", &cache, 10);
    let mut mine = mine.with_journal(Log::from_bytes(journal.clone()));
    for round in 0..3 {
        assert!(mine.run(top.clone()).expect("built").ran.is_empty(), "round {round}");
        let later = opened("deep-constructive-trace", &Shared::default(), 10);
        let mut later = later.with_journal(Log::from_bytes(journal.to_vec()));
        let report = later.run(top.clone()).expect("built");
        assert_eq!((report.ran.len(), later.get(&top[0])), (0, Some(11)), "round {round}");
        mine.run(["x".to_owned()]).expect("an input");
        assert_eq!(mine.collect(Retention::of_builds(1)).expect("collected"), 3, "round {round}");
    }
}

/// What this build has restored by the fingerprints of values is no deep trace, though it reads like one of other builds: to these,
/// `middle` was an input.
#[test]
fn a_trace_of_values_is_no_deep_trace_that_the_journal_knows() {
    let (cache, journal) = (Shared::default(), SharedBytes::default());
    let process = |made: bool, rebuilder: &str, journal: &SharedBytes, cache: &Shared| {
        let rules = Rules::new()
            .rule("low", formula(["middle"], |[middle]: [i64; 1]| middle + 1))
            .rule("top", formula(["low"], |[low]: [i64; 1]| low * 2));
        let made = made.then(|| formula(["x"], |[x]: [i64; 1]| x / 10));
        let (rules, input) = match made {
            Some(task) => (rules.rule("middle", task), ("x", 10)),
            None => (rules, ("middle", 1)),
        };
        Build::new(rules, Memory::from([(input.0.to_owned(), input.1)]))
            .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named::<String, i64>(rebuilder).expect("a rebuilder"))
            .with_journal(Log::from_bytes(journal.clone()))
            .with_cache(cache.clone())
    };
    let run = |made, rebuilder, journal: &SharedBytes, cache: &Shared| {
        let mut build = process(made, rebuilder, journal, cache);
        let report = build.run(["top".to_owned()]).expect("built");
        assert_eq!(build.get("top".to_owned()), Some(4));
        report.ran.len()
    };
    run(false, "deep-constructive-trace", &SharedBytes::default(), &cache);
    let mut mine = process(true, "constructive-trace", &journal, &Shared::default());
    for (x, restored) in [(10, 0), (20, 0), (10, 2)] {
        mine.set("x".to_owned(), x).expect("set");
        assert_eq!(mine.run(["low".to_owned()]).expect("built").restored.len(), restored);
    }
    drop(mine);
    assert_eq!(run(false, "deep-constructive-trace", &journal, &cache), 0, "others have built it");
    assert_eq!(run(false, "deep-constructive-trace", &journal, &Shared::default()), 0, "the journal knows of that");
}
