//! What a build forgets, and what it keeps: to the build exactly, and whoever gets the numbers of what was forgotten.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use alacarte_conformance::Tape;
use alacarte_core::{
    Build, Dynamic, Fetch, Journal, NoJournal, Rebuilder, Retention, Rules, Running, Scheduler, TaskError, Tasks,
    formula, task,
};
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, everywhere, system};

type Numbers<J> =
    Build<u64, u64, Rules<u64, u64, Dynamic>, Memory<u64, u64>, Box<dyn Scheduler>, Box<dyn Rebuilder<u64, u64>>, J>;

const SWITCH: u64 = 0;
const TOP: u64 = 1;
const FIRST: u64 = 100;

/// [`TOP`] fetches the key that [`SWITCH`] names; from [`FIRST`] on each has a task.
fn switched<J: Journal<u64, u64>>(scheduler: &str, rebuilder: &str, journal: J) -> Numbers<J> {
    let switch = async |fetch: Fetch<'_, u64, u64>| {
        let of = fetch.get(SWITCH).await?;
        fetch.get(of).await
    };
    let mut tasks = Rules::new().rule(TOP, task(switch));
    for key in FIRST..FIRST + 400 {
        tasks.set(key, formula([] as [u64; 0], move |[]| key));
    }
    Build::new(tasks, Memory::new())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(journal)
        .with_retention(None)
}

fn switch<J: Journal<u64, u64>>(build: &mut Numbers<J>, to: u64) {
    build.set(SWITCH, to).expect("set");
    build.run([TOP]).expect("built");
    assert_eq!(build.get(TOP), Some(to));
}

fn collect<J: Journal<u64, u64>>(build: &mut Numbers<J>, builds: u64) -> usize {
    build.collect(Retention::of_builds(builds)).expect("collected")
}

/// Those of the keys with tasks that are known, but for the target.
fn known<J>(build: &Numbers<J>) -> Vec<u64> {
    let mut known: Vec<u64> = build.keys().iter().map(|(_, key)| *key).filter(|key| *key >= FIRST).collect();
    known.sort_unstable();
    known
}

/// However many builds it is: whoever goes back to what the last so many have reached finds it.
#[test]
fn what_the_last_builds_reached_is_kept_and_nothing_else() {
    for scheduler in DYNAMIC {
        for retention in [1, 2, 100, 127, 128, 129, 140, 299] {
            let mut build = switched(scheduler, "dirty-bit", NoJournal);
            (FIRST..FIRST + 300).for_each(|key| switch(&mut build, key));
            collect(&mut build, retention);
            let kept: Vec<u64> = (FIRST + 300 - retention..FIRST + 300).collect();
            assert_eq!(known(&build), kept, "{scheduler}, of the last {retention} builds");
        }
    }
}

/// A task that comes back to what was built before looks at it, though that need not be visited.
#[test]
fn what_was_up_to_date_when_it_was_fetched_was_reached() {
    for scheduler in DYNAMIC {
        let mut build = switched(scheduler, "dirty-bit", NoJournal);
        [0, 1, 2, 0, 3].into_iter().for_each(|of| switch(&mut build, FIRST + of));
        collect(&mut build, 2);
        assert_eq!(known(&build), [FIRST, FIRST + 3], "{scheduler}");
    }
}

/// A build of another target looks at everything that is new to it; a later one, at which it looked, no more than it must.
#[test]
fn a_build_that_finds_nothing_questionable_reaches_what_it_builds() {
    for scheduler in DYNAMIC {
        let mut build = switched(scheduler, "dirty-bit", NoJournal);
        build.set(SWITCH, FIRST).expect("set");
        build.run([FIRST + 9]).expect("built");
        build.run([FIRST + 9]).expect("built");
        build.run([TOP]).expect("built");
        switch(&mut build, FIRST + 1);
        collect(&mut build, 2);
        assert_eq!(known(&build), [FIRST, FIRST + 1], "{scheduler}");
    }
}

/// Only builds that look at something are dated: a target that has nothing to do is reached all the same.
#[test]
fn targets_are_reached_though_nothing_is_looked_at() {
    for scheduler in DYNAMIC {
        for rebuilder in ["dirty-bit", "verifying-trace"] {
            for retention in 1..7 {
                let mut build = switched(scheduler, rebuilder, NoJournal);
                // In builds 1, 3, 4, 5 and 6; the one of build 2 is not asked for again.
                for target in [FIRST, FIRST + 1, FIRST, FIRST, FIRST + 2, FIRST + 2] {
                    build.run([target]).expect("built");
                }
                collect(&mut build, retention);
                let kept: &[u64] = match retention {
                    1 | 2 => &[FIRST + 2],
                    3 | 4 => &[FIRST, FIRST + 2],
                    _ => &[FIRST, FIRST + 1, FIRST + 2],
                };
                assert_eq!(known(&build), kept, "{scheduler} × {rebuilder}, of the last {retention} builds");
            }
        }
    }
}

/// No record says that the target needs it; but it was looked at, and its trace is of use when the input is mended.
#[test]
fn a_key_that_failed_was_reached() {
    for scheduler in DYNAMIC {
        let checked = async |fetch: Fetch<'_, Key, i64>| match fetch.get("A").await? {
            0 => Err(TaskError::new("nothing to divide by")),
            a => Ok(100 / a),
        };
        let tasks = Rules::new()
            .rule("B", task(checked))
            .rule(
                "C",
                task(async |fetch: Fetch<'_, Key, i64>| match fetch.get("S").await? {
                    0 => Ok(0),
                    _ => fetch.get("B").await,
                }),
            )
            .rule("D", formula([] as [Key; 0], |[]| 0));
        let mut build = system(scheduler, "verifying-trace", tasks, &[("A", 5), ("S", 0)]);
        build.run(["B"]).expect("built");
        (0..3).for_each(|_| drop(build.run(["C"]).expect("built")));
        build.set("S", 1).expect("set");
        build.set("A", 0).expect("set");
        build.run(["C"]).expect_err("B fails");
        assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 0, "{scheduler}");
        build.set("A", 5).expect("set");
        let report = build.run(["C"]).expect("built");
        assert_eq!(build.names(&report.ran), ["C"], "{scheduler}: B is what it was");
    }
}

/// What the failed task fetched is recorded nowhere, for it gave no value; but it was built.
#[test]
fn what_a_task_had_built_before_it_failed_was_reached() {
    for scheduler in DYNAMIC {
        let tasks = Rules::new().rule("B", formula([] as [Key; 0], |[]| 1)).rule(
            "C",
            task(async |fetch: Fetch<'_, Key, i64>| {
                if fetch.get("S").await? == 0 {
                    return Ok(0);
                }
                fetch.get("B").await?;
                Err(TaskError::new("as S wants it"))
            }),
        );
        let mut build = system(scheduler, "dirty-bit", tasks, &[("S", 0)]);
        (0..3).for_each(|_| drop(build.run(["C"]).expect("built")));
        build.set("S", 1).expect("set");
        build.run(["C"]).expect_err("it fails");
        assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 0, "{scheduler}");
        assert_eq!(build.get("B"), Some(1), "{scheduler}");
    }
}

/// A key that has the number of one that was forgotten has not been reached because that one was.
#[test]
fn to_be_reached_is_not_inherited_with_a_number() {
    for targets_last in [false, true] {
        let mut build = switched("suspending", "dirty-bit", NoJournal);
        build.run([FIRST]).expect("built");
        let number = build.keys().find(&FIRST).expect("it was built");
        if !targets_last {
            build.run([FIRST + 1]).expect("built");
        }
        assert_eq!(collect(&mut build, if targets_last { 0 } else { 1 }), 1);
        let heir = build.intern(FIRST + 2);
        assert_eq!(heir, number, "the number is given again");
        build.release(heir);
        collect(&mut build, if targets_last { 1 } else { 2 });
        assert_eq!(build.keys().find(&(FIRST + 2)), None, "nobody has reached it; of the last targets: {targets_last}");
    }
}

/// Whatever becomes of those beside it, and however often its id was asked for.
#[test]
fn a_key_is_kept_as_long_as_somebody_has_its_id() {
    let mut build = switched("suspending", "dirty-bit", NoJournal);
    let mut held: Vec<_> = (FIRST..FIRST + 200).map(|key| (key, build.intern(key))).collect();
    held.iter().for_each(|&(key, id)| assert_eq!(build.intern(key), id));
    for part in [7, 3, 1] {
        let before = held.len();
        held.retain(|&(key, id)| {
            let released = key % part == 0;
            if released {
                build.release(id);
            }
            !released
        });
        assert_eq!(collect(&mut build, 0), before - held.len());
        let kept: Vec<u64> = held.iter().map(|(key, _)| *key).collect();
        assert_eq!(known(&build), kept, "each {part}th was given back");
    }
}

/// How many keys there are after each build that names another.
fn counts<J: Journal<u64, u64>>(build: Numbers<J>, retention: u64, builds: u64) -> Vec<usize> {
    let mut build = build.with_retention(Some(Retention::of_builds(retention)));
    let counted = (FIRST..FIRST + builds).map(|key| {
        switch(&mut build, key);
        known(&build).len()
    });
    counted.collect()
}

/// Every second build looks whether there are twice as many keys; with the two that are always there, that is so in builds 6, 10…
#[test]
fn builds_look_for_what_to_forget_when_keys_have_doubled() {
    let build = switched("suspending", "dirty-bit", NoJournal);
    assert_eq!(counts(build, 2, 12), [1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4]);
}

/// A process that has only just begun knows nothing of who reached a key: what another has built of it is kept until keys have doubled.
#[test]
fn the_first_look_at_keys_of_other_processes_only_counts_them() {
    let tape = Tape::default();
    let mut before = switched("suspending", "dirty-bit", tape.clone());
    for key in FIRST + 100..FIRST + 104 {
        before.run([key]).expect("built");
    }
    drop(before);
    let build = switched("suspending", "dirty-bit", tape);
    assert_eq!(counts(build, 2, 10), [5, 6, 7, 8, 9, 10, 11, 12, 13, 2]);
}

/// A task that was replaced just before is not taken for the one before.
#[test]
fn a_task_that_was_replaced_before_others_were_forgotten_runs() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a + 1))
            .rule("C", formula(["B"], |[b]| 2 * b))
            .rule("D", formula(["A"], |[a]| a));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 1)]);
        build.run(["D"]).expect("built");
        build.run(["C"]).expect("built");
        build.tasks_mut().set("B", formula(["A"], |[a]| a + 10));
        assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 1, "{scheduler} × {rebuilder}: D");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(22), "{scheduler} × {rebuilder}");
    });
}

/// All that was built is forgotten and comes again with other numbers, the target with its own perhaps.
#[test]
fn an_order_of_keys_that_were_forgotten_is_given_up() {
    everywhere(|scheduler, rebuilder| {
        for others in 0..4 {
            let tasks = Rules::new()
                .rule("B", formula(["A"], |[a]| a + 1))
                .rule("C", formula(["B"], |[b]| 2 * b))
                .rule("D", formula(["C"], |[c]| c + 1));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 1)]);
            build.run(["D"]).expect("built");
            assert_eq!(build.collect(Retention::of_builds(0)).expect("collected"), 3, "{scheduler} × {rebuilder}");
            for key in ["X", "Y", "Z"].into_iter().take(others) {
                build.set(key, 7).expect("set");
            }
            let built = build.run(["D"]).map(drop).map_err(|error| error.to_string());
            assert_eq!((built, build.get("D")), (Ok(()), Some(5)), "{scheduler} × {rebuilder}, {others} others");
        }
    });
}

/// Headers are made before what includes them; no task fetches them. Each run is written down.
struct Ordered {
    rules: Rules<Key, i64>,
    ran: Rc<RefCell<Vec<Key>>>,
}

impl Tasks<Key, i64> for Ordered {
    type Power = Dynamic;

    fn has(&self, key: &Key) -> bool {
        self.rules.has(key)
    }

    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        self.ran.borrow_mut().push(key);
        self.rules.run(key, fetch)
    }

    fn order_only(&self, key: &Key, each: &mut dyn FnMut(&Key)) {
        if *key == "object" {
            each(&"header");
        }
    }
}

/// Something else was forgotten between: what an object comes after is seen to first all the same, though nothing fetches it and
/// the object itself is unchanged.
#[test]
fn what_must_go_first_goes_first_when_others_were_forgotten() {
    for (scheduler, rebuilder) in
        [("bottom-up", "dirty-bit"), ("bottom-up", "verifying-trace"), ("suspending", "verifying-trace")]
    {
        let rules = Rules::new()
            .rule("header", formula(["spec"], |[spec]| spec + 1))
            .rule("object", formula(["source"], |[source]| 2 * source))
            .rule("program", formula(["object"], |[object]| object + 1))
            .rule("other", formula(["spec"], |[spec]| spec));
        let ran = Rc::<RefCell<Vec<Key>>>::default();
        let inputs = [("spec", 1), ("source", 1)];
        let mut build = system(scheduler, rebuilder, Ordered { rules, ran: ran.clone() }, &inputs);
        build.run(["other"]).expect("built");
        (0..2).for_each(|_| drop(build.run(["program"]).expect("built")));
        assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 1, "{scheduler} × {rebuilder}: other");
        // A build that has nothing to do, and one that follows what changed.
        build.run(["program"]).expect("built");
        ran.borrow_mut().clear();
        build.set("spec", 2).expect("set");
        build.run(["program"]).expect("built");
        assert_eq!(
            *ran.borrow(),
            ["header"],
            "{scheduler} × {rebuilder}: it is brought up to date, and the object needs no run"
        );
    }
}

/// An input that no task fetches, and a task that others come after, stay as long as what comes after them.
#[test]
fn what_must_go_first_is_kept_with_what_comes_after() {
    let rules = Rules::new()
        .rule("header", formula(["spec"], |[spec]| spec + 1))
        .rule("object", formula(["source"], |[source]| 2 * source));
    let ran = Rc::<RefCell<Vec<Key>>>::default();
    let inputs = [("spec", 1), ("source", 1)];
    let mut build = system("suspending", "verifying-trace", Ordered { rules, ran: ran.clone() }, &inputs);
    build.run(["object"]).expect("built");
    // (Builds that have nothing to do look at nothing.)
    (0..3).for_each(|_| drop(build.run(["object"]).expect("built")));
    assert_eq!(build.collect(Retention::of_builds(1)).expect("collected"), 0);
    ran.borrow_mut().clear();
    build.run(["object", "header"]).expect("built");
    assert!(ran.borrow().is_empty(), "{:?} ran", ran.borrow());
}
