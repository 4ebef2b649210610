//! What other builds have made is known here, and is no part of this build's own history.
//!
//! A trace that was learned may hold, and its value may lie in the store already: a crash took the journal's last records, and
//! not the trace. Then the key takes it up, for all who remember; it does not pass for what the journal says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use alacarte_core::{Build, Dynamic, Report, Rules, SharedTrace, StoreError, TraceCache, formula, task};
use alacarte_stores::{Log, Memory, SharedBytes};

const RESTORING: [&str; 2] = ["constructive-trace", "deep-constructive-trace"];
const ALL: [&str; 5] = ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// A cache in memory.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<SharedTrace<String, i64>>>>);

impl TraceCache<String, i64> for Shared {
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<String, i64>)) -> Result<(), StoreError> {
        self.0.borrow().iter().cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<String, i64>) -> Result<(), StoreError> {
        if !self.0.borrow().contains(trace) {
            self.0.borrow_mut().push(trace.clone());
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
            assert_eq!((null.ran.len(), null.restored), (0, 0), "{rebuilder}: nothing was edited");
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
            assert_eq!((null.ran.len(), null.restored), (0, 0), "{rebuilder}, {x} other versions");
        }
        // Of those of others, the last are known.
        mine.files.insert("x", 39);
        assert!(mine.build(rebuilder, "b").ran.is_empty(), "{rebuilder}");
        assert_eq!(mine.holds("b"), Some(39));
    }
}
