//! How rebuilders go down what they remember of a key: what is looked at, and how often.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use alacarte_conformance::{Tape, Yields};
use alacarte_core::{
    Build, Fetch, Fingerprint, Rebuilder, Rules, TaskError, Value, declared, formula, steps_taken, task,
};
use alacarte_metadata::DeepConstructiveTraces;
use alacarte_rebuilders::{DeepConstructiveTrace, Tolerance, VerifyingTrace};
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, RIGHT, everywhere, everywhere_dynamic, ran, system};

/// A value whose fingerprint is its number. Those of a number and of its twin have equal halves.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Number(u64);

impl Value for Number {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0)
    }

    fn is_whole(&self) -> bool {
        true
    }
}

fn twin(number: u64) -> Number {
    Number(number ^ (9 | 9 << 32))
}

/// Halves that agree by chance had a key looked at that the task did not ask for: it needed the key that was asked about, or
/// failed, and did so in every later build.
#[test]
fn halves_that_agree_lead_to_no_key_that_is_not_asked_for() {
    everywhere_dynamic(|scheduler, rebuilder| {
        for circular in [true, false] {
            let (one, other) = (Number(1), twin(1));
            let tasks = Rules::new()
                .rule(
                    "top",
                    task(async move |fetch: Fetch<'_, Key, Number>| match fetch.get("A").await? {
                        a if a == one => fetch.get("side").await,
                        a => Ok(a),
                    }),
                )
                .rule(
                    "side",
                    task(async move |fetch: Fetch<'_, Key, Number>| match fetch.get("A").await? {
                        a if a == one => Ok(a),
                        _ if circular => fetch.get("top").await,
                        _ => Err(TaskError::new("it is not for this")),
                    }),
                );
            let mut build = Build::new(tasks, Memory::from([("A", one)]))
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
                .with_journal(Tape::default());
            for a in [one, other, other, one, other] {
                build.set("A", a).expect("set");
                build.run(["top"]).unwrap_or_else(|error| panic!("{scheduler} × {rebuilder}: {error}"));
                assert_eq!(build.get("top"), Some(a), "{scheduler} × {rebuilder}");
            }
        }
    });
}

/// Values whose fingerprints have equal halves are told apart.
#[test]
fn a_trace_does_not_hold_for_a_value_of_which_half_a_fingerprint_agrees() {
    for scheduler in alacarte_schedulers::NAMES {
        let tasks = Rules::new()
            .rule("same", formula(["A"], |[a]: [Number; 1]| a))
            .rule("none", formula(["A", "D"], |_: [Number; 2]| Number(0)));
        let mut build = Build::new(tasks, Memory::from([("A", Number(1)), ("D", Number(7))]))
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(VerifyingTrace);
        assert_eq!(twin(1).fingerprint().fold32(), Number(1).fingerprint().fold32());
        let mut run = |a: Number, expected: &[&str]| {
            build.set("A", a).expect("set");
            let report = build.run(["same", "none"]).expect("built");
            let mut names = build.names(&report.ran);
            names.sort_unstable();
            assert_eq!((names, build.get("same")), (expected.to_vec(), Some(a)), "{scheduler}: A = {a:?}");
        };
        run(Number(1), &["none", "same"]);
        run(twin(1), &["none", "same"]);
        run(Number(2), &["none", "same"]);
        // Of the key whose value is always the same, an older trace holds: the first, the second, the third of those kept.
        for a in [Number(2), twin(1), Number(1), twin(1), Number(2), Number(1)] {
            build.set("A", a).expect("set");
            let report = build.run(["none"]).expect("built");
            assert_eq!(report.ran, [], "{scheduler}: A = {a:?}");
        }
        let mut run = |a: Number, expected: usize| {
            build.set("A", a).expect("set");
            assert_eq!(build.run(["none"]).expect("built").ran.len(), expected, "{scheduler}: A = {a:?}");
        };
        // Neither of them, though it is the twin of one; and then it is known too.
        run(twin(2), 1);
        run(twin(2), 0);
        run(twin(3), 1);
        run(Number(3), 1);
    }
}

/// With several traces to choose from as with one: members of a group are brought up to date at once.
#[test]
fn a_group_is_brought_up_to_date_at_once_however_many_traces_there_are() {
    for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace", "step-trace", "modification-time"] {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.get("A").await?;
            Ok(fetch.all(["m0", "m1", "m2"]).await?.iter().sum())
        };
        let mut tasks = Rules::new().rule("top", task(top));
        for member in ["m0", "m1", "m2"] {
            let (now, most) = (now.clone(), most.clone());
            let work = async move |fetch: Fetch<'_, Key, i64>| {
                let value = fetch.get("D").await?;
                let work = async {
                    now.set(now.get() + 1);
                    most.set(most.get().max(now.get()));
                    Yields(3).await;
                    now.set(now.get() - 1);
                };
                fetch.work(work).await;
                Ok(value % 2)
            };
            tasks.set(member, task(work));
        }
        let mut build = system("suspending", rebuilder, tasks, &[("A", 1), ("D", 0)]).with_jobs(3);
        for d in [1, 2, 3, 4, 6, 8] {
            build.set("D", d).expect("set");
            most.set(0);
            build.run(["top"]).expect("built");
            assert_eq!((build.get("top"), most.get()), (Some(3 * (d % 2)), 3), "{rebuilder}: D = {d}");
        }
    }
}

/// To verify a group costs a fetch to bring its members up to date at once and one to compare each of them; what is
/// on its own costs one.
#[test]
fn what_is_verified_is_fetched_no_more_often_than_needed() {
    let top = async |fetch: Fetch<'_, Key, i64>| {
        let first = fetch.get("A").await?;
        Ok(first + fetch.all(["b", "c", "d"]).await?.iter().sum::<i64>())
    };
    for (rebuilder, expected) in [("verifying-trace", 7), ("constructive-trace", 7), ("step-trace", 8)] {
        let tasks = Rules::new().rule("top", task(top));
        let inputs = [("A", 1), ("b", 1), ("c", 1), ("d", 1), ("other", 0)];
        let mut build = system("suspending", rebuilder, tasks, &inputs);
        build.run(["top"]).expect("built");
        build.set("other", 1).expect("set");
        build.run(["other"]).expect("built");
        build.touch("A").expect("touched");
        let report = build.run(["top"]).expect("built");
        assert_eq!((report.ran.len(), report.fetches), (0, expected), "{rebuilder}");
    }
}

/// What one trace was found to disagree with is not looked at again for those that disagree with it too.
#[test]
fn however_many_traces_there_are_a_dependency_is_looked_at_once() {
    for rebuilder in ["verifying-trace", "constructive-trace"] {
        let top = async |fetch: Fetch<'_, Key, i64>| {
            fetch.get("A").await?;
            fetch.get("D").await?;
            Ok(0)
        };
        let tasks = Rules::new().rule("top", task(top));
        let mut build = system("suspending", rebuilder, tasks, &[("A", 0), ("D", 0)]);
        for a in 0..4 {
            build.set("A", a).expect("set");
            let report = build.run(["top"]).expect("built");
            // The task itself fetches two.
            let looked = report.fetches - 2;
            assert_eq!((report.ran.len(), looked), (1, u64::from(a > 0)), "{rebuilder}: A = {a}");
        }
        build.set("D", 1).expect("set");
        build.set("A", 1).expect("set");
        let report = build.run(["top"]).expect("built");
        // Of the four, one agrees about A.
        assert_eq!((report.ran.len(), report.fetches - 2), (1, 3), "{rebuilder}");
    }
}

/// A ladder of two keys a rung, each of which fetches both below it: 2⁴⁰ ways lead down to the first, which is volatile or
/// fetches the input.
fn ladder(volatile: bool, value: &Rc<Cell<i64>>) -> Rules<String, i64, alacarte_core::Dynamic> {
    let name = |rung: i64, side: i64| format!("{rung}.{side}");
    let value = value.clone();
    let tick = async move |fetch: Fetch<'_, String, i64>| {
        fetch.volatile();
        Ok(value.get())
    };
    let mut rules = Rules::new().rule("volatile", task(tick));
    rules.set(name(0, 0), formula([if volatile { "volatile" } else { "input" }], |[value]: [i64; 1]| value));
    rules.set(name(0, 1), formula([name(0, 0)], |[value]: [i64; 1]| value));
    for rung in 1..RUNGS {
        for side in 0..2 {
            let below = [name(rung - 1, 0), name(rung - 1, 1)];
            rules.set(name(rung, side), formula(below, move |[left, right]: [i64; 2]| (left + right + side) % 97));
        }
    }
    rules
}

const RUNGS: i64 = 40;

/// However many ways lead to it, each key is looked at a few times.
#[test]
fn what_many_ways_lead_to_is_looked_at_once() {
    for rebuilder in RIGHT {
        for volatile in [false, true] {
            let value = Rc::new(Cell::new(1));
            let mut build = Build::new(ladder(volatile, &value), Memory::from([("input".to_owned(), 1)]))
                .with_scheduler(Suspending::new())
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
            let (top, input) = (format!("{}.0", RUNGS - 1), "input".to_owned());
            build.run([&top]).expect("built");
            for n in [1, 1, 5, 1] {
                value.set(n);
                build.set(&input, n).expect("set");
                build.touch(&input).expect("touched");
                let fetches = build.run([&top]).expect("built").fetches;
                assert!(fetches <= 12 * 2 * RUNGS as u64, "{rebuilder}: {fetches} fetches of {} keys", 2 * RUNGS);
            }
        }
    }
}

/// That one way down leads to a volatile key says nothing about another.
#[test]
fn an_input_that_changed_beside_a_volatile_key_is_noticed() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tick = async |fetch: Fetch<'_, Key, i64>| {
            fetch.volatile();
            Ok(1)
        };
        let tasks = Rules::new()
            .rule("clock", task(tick))
            .rule("left", formula(["clock"], |[time]: [i64; 1]| time))
            .rule("right", formula(["D"], |[d]| d))
            .rule("top", formula(["left", "right"], |[left, right]| left + right));
        let mut build = system(scheduler, rebuilder, tasks, &[("D", 1)]);
        for d in [1, 2, 1, 3] {
            build.set("D", d).expect("set");
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(1 + d), "{scheduler} × {rebuilder}");
        }
    });
}

/// A group of which one member has failed has failed, whatever the others are.
#[test]
fn a_group_with_a_member_that_failed_is_not_verified() {
    everywhere(|scheduler, rebuilder| {
        for (good, bad) in [("a", "b"), ("b", "a")] {
            let fails = declared(["A"], async |fetch: Fetch<'_, Key, i64>| match fetch.get("A").await? {
                2 => Err(TaskError::new("no")),
                _ => Ok(0),
            });
            let tasks = Rules::new()
                .rule(good, formula(["A"], |_: [i64; 1]| 0))
                .rule(bad, fails)
                .rule("top", formula(["a", "b"], |[a, b]| a + b));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 1)]).with_keep_going(true);
            build.run(["top"]).expect("built");
            build.set("A", 2).expect("set");
            let error = build.run(["top"]).expect_err("a member fails");
            assert!(
                error.failures.iter().any(|failure| failure.key == Some("top")),
                "{scheduler} × {rebuilder}: {error}"
            );
            build.set("A", 3).expect("set");
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(0), "{scheduler} × {rebuilder}");
        }
    });
}

/// An older trace gave the very value that is there: no task runs and nothing is moved, but it is told, once.
#[test]
fn an_older_trace_that_holds_becomes_the_newest() {
    for rebuilder in ["verifying-trace", "constructive-trace", "deep-constructive-trace"] {
        for scheduler in DYNAMIC {
            let tape = Tape::forgetful();
            let tasks = Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a % 2));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 2)]).with_journal(tape.clone());
            // Each edit is an event, and what becomes of B another.
            for (a, ran) in [(2, 1), (4, 1), (2, 0), (4, 0), (4, 0)] {
                let before = tape.appended();
                let edited = usize::from(build.set("A", a).expect("set") || before == 0);
                let report = build.run(["B"]).expect("built");
                let told = (report.ran.len(), report.restored.len(), tape.appended() - before);
                assert_eq!(told, (ran, 0, 2 * edited), "{scheduler} × {rebuilder}: A = {a}");
            }
            // Looked at again, the newest stands: there is nothing more to tell.
            for value in [2, 4] {
                build.set("A", value).expect("set");
            }
            let before = tape.appended();
            let report = build.run(["B"]).expect("built");
            let told = (report.ran.len(), report.kept, tape.appended() - before);
            assert_eq!(told, (0, 1, 0), "{scheduler} × {rebuilder}");
        }
    }
}

/// A question that has to wait goes on where it stood: nothing that it has seen is looked at again, by it or by another.
#[test]
fn what_was_seen_before_a_question_had_to_wait_is_not_looked_at_again() {
    const KEYS: u64 = 200;
    // In one program each key of a chain has to wait for a volatile key of its own; in the other, many wait at its end.
    let tasks = |waits_everywhere: bool| {
        let tick = async |fetch: Fetch<'_, u64, i64>| {
            Yields(1).await;
            fetch.volatile();
            Ok(1)
        };
        let mut tasks = Rules::new().rule(0_u64, task(tick));
        for key in 1..=KEYS {
            let waits = waits_everywhere || key == 1;
            tasks = tasks.rule(1000 + key, task(tick));
            let link = async move |fetch: Fetch<'_, u64, i64>| {
                let below = fetch.get(key - 1).await?;
                Ok(if waits { below + fetch.get(1000 + key).await? } else { below })
            };
            tasks = tasks.rule(key, task(link)).rule(2000 + key, formula([KEYS], |[below]| below));
        }
        tasks
    };
    for (waits_everywhere, targets) in [(true, vec![KEYS]), (false, (2001..=2000 + KEYS).collect())] {
        let mut build = Build::new(tasks(waits_everywhere), Memory::new())
            .with_scheduler(Suspending::new())
            .with_rebuilder(DeepConstructiveTrace);
        build.run(&targets).expect("built");
        let before = steps_taken();
        build.run(&targets).expect("built");
        let steps = steps_taken() - before;
        assert!(steps <= 20 * KEYS, "{steps} steps, waits everywhere: {waits_everywhere}");
    }
}

/// The same of a key whose own dependencies it has to wait for, one after the other.
#[test]
fn a_question_goes_on_with_the_dependency_that_it_waited_for() {
    const KEYS: u64 = 100;
    let tasks = || {
        let tick = async |fetch: Fetch<'_, u64, i64>| {
            Yields(1).await;
            fetch.volatile();
            Ok(1)
        };
        let sum = async |fetch: Fetch<'_, u64, i64>| {
            let mut sum = fetch.get(1000_u64).await?;
            for key in 1..=KEYS {
                sum += fetch.get(key).await?;
            }
            Ok(sum)
        };
        (1..=KEYS).fold(Rules::new().rule(0_u64, task(sum)), |tasks, key| tasks.rule(key, task(tick)))
    };
    let tolerant = || -> Box<dyn Rebuilder<u64, i64>> { Box::new(Tolerance(|then: &i64, now: &i64| then != now)) };
    let named = RIGHT.into_iter().filter_map(|name| Some((name, alacarte_rebuilders::named(name)?)));
    for (name, rebuilder) in named.chain([("tolerance", tolerant())]) {
        let mut build = Build::new(tasks(), Memory::from([(1000_u64, 1)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(rebuilder);
        // (A rebuilder that keeps several traces follows one of two.)
        for input in [1, 2, 2, 2] {
            build.set(1000_u64, input).expect("set");
            let report = build.run([0_u64]).expect("built");
            assert!(report.fetches <= 6 * KEYS, "{name}: {} fetches of {KEYS} keys", report.fetches);
        }
    }
}

/// A trace that failed because of what was not known yet holds once its key has been built from the same again.
#[test]
fn what_failed_before_its_key_was_built_again_is_no_reason_to_run() {
    let late = async |fetch: Fetch<'_, Key, i64>| {
        Yields(5).await;
        fetch.volatile();
        Ok(1)
    };
    let tasks = Rules::new()
        .rule("C", formula(["A"], |[a]| a))
        .rule("B", formula(["C"], |[c]| c))
        .rule("first", formula(["B"], |[b]| b))
        .rule("late", task(late))
        .rule("second", formula(["late", "B"], |[late, b]| late + b));
    let mut build = system("suspending", "deep-constructive-trace", tasks, &[("A", 0)]);
    build.run(["first", "second"]).expect("built");
    // C remembers so many others that it does not know any more what it was built from.
    for a in 1..=DeepConstructiveTraces::<i64>::KEPT as i64 {
        build.set("A", a).expect("set");
        build.run(["C"]).expect("built");
    }
    build.set("A", 0).expect("set");
    let report = build.run(["first", "second"]).expect("built");
    assert_eq!(ran(&build, &report), ["B", "C", "first", "late"]);
}
