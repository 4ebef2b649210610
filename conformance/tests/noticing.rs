//! Whatever is exchanged is noticed: a collection of tasks, a store, a journal, and in whichever order a build is told of them.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{
    Build, Dynamic, Event, Fetch, Journal, KeyId, Keys, Replay, Rules, SharedTrace, Store, StoreError, Tasks, Time,
    TraceCache, declared, formula, task,
};
use alacarte_stores::Memory;
use common::{Key, RIGHT, Tape, everywhere, ran, system};

/// B adds this to A, C is twice B.
fn adding(added: i64) -> Rules<Key, i64> {
    Rules::new().rule("B", formula(["A"], move |[a]| a + added)).rule("C", formula(["B"], |[b]| 2 * b))
}

/// A collection that takes the place of another brought its own count of replaced tasks, and looked like the first.
#[test]
fn a_collection_that_takes_anothers_place_is_another() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1)]);
        build.run(["C"]).expect("built");
        for added in [10, 20, 20] {
            *build.tasks_mut() = adding(added);
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(2 + 2 * added), "{scheduler} × {rebuilder}");
            let report = build.run(["C"]).expect("built");
            let idle = rebuilder != "perpetual";
            assert_eq!(report.ran.is_empty(), idle, "{scheduler} × {rebuilder}: it is noticed once");
        }
    });
}

/// The second collection replaced as many tasks as the first, and looked like it.
#[test]
fn collections_with_as_many_replaced_tasks_are_not_the_same() {
    everywhere(|scheduler, rebuilder| {
        let replaced = |added: i64| {
            let mut tasks = adding(0);
            tasks.set("B", formula(["A"], move |[a]| a + added));
            tasks
        };
        let mut build = system(scheduler, rebuilder, replaced(1), &[("A", 1)]);
        for added in [1, 10, 20] {
            *build.tasks_mut() = replaced(added);
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(2 + 2 * added), "{scheduler} × {rebuilder}");
        }
    });
}

/// The rule of the new collection declares another key, or none, or fetches one that the old one did not.
#[test]
fn what_the_tasks_of_another_collection_declare_is_another_matter() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1), ("D", 5)]);
        build.run(["C"]).expect("built");
        let twice = || formula(["B"], |[b]: [i64; 1]| 2 * b);
        let steps = [
            (Rules::new().rule("B", formula(["D"], |[d]| d + 1)).rule("C", twice()), 12),
            (Rules::new().rule("B", formula(["A", "D"], |[a, d]| a + d)).rule("C", twice()), 12),
            (Rules::new().rule("B", formula([] as [Key; 0], |[]| 0)).rule("C", formula(["B", "D"], |[b, d]| b + d)), 5),
            (Rules::new().rule("C", declared(["D"], async |fetch: Fetch<'_, Key, i64>| fetch.get("D").await)), 5),
        ];
        for (tasks, expected) in steps {
            *build.tasks_mut() = tasks;
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(expected), "{scheduler} × {rebuilder}");
        }
        build.set("D", 6).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(6), "{scheduler} × {rebuilder}");
    });
}

/// A key that the new collection has no task for is an input, which holds what it holds; and a task again when it has one.
#[test]
fn a_task_that_another_collection_lacks_is_gone() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1)]);
        build.run(["C"]).expect("built");
        *build.tasks_mut() = Rules::new().rule("C", formula(["B"], |[b]| 3 * b));
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(6), "{scheduler} × {rebuilder}");
        build.set("B", 7).expect("set");
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(21), "{scheduler} × {rebuilder}");
        *build.tasks_mut() = adding(10);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(22), "{scheduler} × {rebuilder}");
    });
}

/// Its task was taken away, it was edited as an input, and the same task given back, without a build between: nobody had noticed
/// that it was an input, and what was written there stood.
#[test]
fn a_key_that_was_an_input_between_two_builds_is_built_again() {
    let without = || Rules::new().rule("C", formula(["B"], |[b]| 2 * b));
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut build = system(scheduler, rebuilder, adding(1).version(1), &[("A", 1)]).journal(tape.clone());
        for how in ["set", "set twice", "lost", "touched", "in another store", "with another journal"] {
            build.run(["C"]).expect("built");
            *build.tasks_mut() = without().version(1);
            match how {
                "set" => drop(build.set("B", 9).expect("set")),
                "set twice" => drop((build.set("B", 2).expect("set"), build.set("B", 9).expect("set"))),
                "lost" => drop(build.remove("B").expect("removed")),
                "touched" => drop(build.touch("B").expect("touched")),
                "in another store" => {
                    *build.store_mut() = Memory::from([("A", 1), ("B", 9)]);
                    build.touch("A").expect("touched");
                }
                _ => {
                    build = build.journal(Tape::default());
                    build.set("B", 9).expect("set");
                    build = build.journal(tape.clone());
                    build.touch("A").expect("touched");
                }
            }
            *build.tasks_mut() = adding(1).version(1);
            build.run(["B", "C"]).expect("built");
            assert_eq!([build.get("B"), build.get("C")], [Some(2), Some(4)], "{scheduler} × {rebuilder}: {how}");
        }
    });
}

/// Swapped, taken out and put back, moved to another build: it is the collection that counts, not the way that it came.
#[test]
fn collections_that_are_swapped_and_put_back_are_known_again() {
    everywhere(|scheduler, rebuilder| {
        let mut one = system(scheduler, rebuilder, adding(1), &[("A", 1)]);
        let mut two = system(scheduler, rebuilder, adding(10), &[("A", 1)]);
        let mut play = |swap: bool, expected: [i64; 2]| {
            if swap {
                std::mem::swap(one.tasks_mut(), two.tasks_mut());
            }
            let ran = [&mut one, &mut two].map(|build| build.run(["C"]).expect("built").ran.len());
            assert_eq!([one.get("C"), two.get("C")], expected.map(Some), "{scheduler} × {rebuilder}");
            ran
        };
        play(false, [4, 22]);
        play(true, [22, 4]);
        let back = play(true, [4, 22]);
        // Values that are kept are those of the same closures.
        assert!(!matches!(rebuilder, "constructive-trace") || back == [0, 0], "{scheduler} × {rebuilder}: {back:?}");
        let taken = std::mem::take(one.tasks_mut());
        assert!(one.run(["C"]).is_ok(), "no tasks: C is an input that holds what it held");
        *one.tasks_mut() = taken;
        one.tasks_mut().set("C", formula(["B"], |[b]| 5 * b));
        one.run(["C"]).expect("built");
        assert_eq!(one.get("C"), Some(10), "{scheduler} × {rebuilder}");
        let before = std::mem::replace(one.tasks_mut(), adding(100));
        one.run(["C"]).expect("built");
        assert_eq!(one.get("C"), Some(202), "{scheduler} × {rebuilder}");
        *one.tasks_mut() = before.rule("D", formula(["B"], |[b]| 7 * b));
        one.run(["C", "D"]).expect("built");
        assert_eq!([one.get("C"), one.get("D")], [Some(10), Some(14)], "{scheduler} × {rebuilder}");
    });
}

/// The tasks with which a process begins are those of the process before; whatever is exchanged later is not.
#[test]
fn the_tasks_that_a_process_begins_with_are_those_of_the_one_before() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = || system(scheduler, rebuilder, adding(1), &[("A", 1)]).journal(tape.clone());
        process().run(["C"]).expect("built");
        let mut build = process();
        let report = build.run(["C"]).expect("built");
        assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        *build.tasks_mut() = adding(10);
        build.run(["C"]).expect("built");
        drop(build);
        let mut build = process();
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(4), "{scheduler} × {rebuilder}");
        // Also before anything was built.
        let mut build = process();
        *build.tasks_mut() = adding(20);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(42), "{scheduler} × {rebuilder}");
    });
}

/// A key that had no task when the process began may have had one before, whose trace is still there.
#[test]
fn a_task_that_comes_later_is_not_the_one_that_an_earlier_process_had() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = |tasks| system(scheduler, rebuilder, tasks, &[("A", 1)]).journal(tape.clone());
        process(adding(1)).run(["C"]).expect("built");
        let mut build = process(Rules::new().rule("C", formula(["B"], |[b]| 2 * b)));
        build.set("B", 2).expect("set");
        build.run(["C"]).expect("built");
        build.tasks_mut().set("B", formula(["A"], |[a]| a + 10));
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(22), "{scheduler} × {rebuilder}");
    });
}

/// Two collections of the same version count as the same closures: nothing runs, unless they declare other keys.
#[test]
fn a_collection_of_the_same_version_is_the_same_but_for_what_it_declares() {
    everywhere(|scheduler, rebuilder| {
        let mut build = system(scheduler, rebuilder, adding(1).version(3), &[("A", 1), ("D", 5)]);
        build.run(["C"]).expect("built");
        *build.tasks_mut() = adding(1).version(3);
        let report = build.run(["C"]).expect("built");
        assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        *build.tasks_mut() = adding(10).version(4);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(22), "{scheduler} × {rebuilder}");
        let other = Rules::new().rule("B", formula(["D"], |[d]| d + 10)).rule("C", formula(["B"], |[b]| 2 * b));
        *build.tasks_mut() = other.version(4);
        let report = build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(30), "{scheduler} × {rebuilder}");
        assert_eq!(ran(&build, &report), ["B", "C"]);
        build.tasks_mut().set("B", formula(["D"], |[d]| d + 20));
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(50), "{scheduler} × {rebuilder}");
        // From a version to none, and back.
        *build.tasks_mut() = adding(30);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(62), "{scheduler} × {rebuilder}");
    });
}

/// What a versioned closure declares is compared across processes too.
#[test]
fn a_version_does_not_vouch_for_what_is_declared_in_another_process() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let run = |tasks: Rules<Key, i64>| {
            let inputs = [("A", 1), ("D", 5)];
            let mut build = system(scheduler, rebuilder, tasks.version(1), &inputs).journal(tape.clone());
            build.run(["C"]).expect("built");
            build.get("C")
        };
        assert_eq!(run(adding(1)), Some(4), "{scheduler} × {rebuilder}");
        let other = Rules::new().rule("B", formula(["D"], |[d]| d + 1)).rule("C", formula(["B"], |[b]| 2 * b));
        assert_eq!(run(other), Some(12), "{scheduler} × {rebuilder}");
    });
}

/// Dynamic tasks, whose dependencies nobody declares, in collections that take each other's place.
#[test]
fn collections_of_dynamic_tasks_are_exchanged_too() {
    common::everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = |key: Key| -> Rules<Key, i64, Dynamic> {
            Rules::new()
                .rule("B", task(async move |fetch: Fetch<'_, Key, i64>| fetch.get(key).await))
                .rule("C", task(async |fetch: Fetch<'_, Key, i64>| Ok(2 * fetch.get("B").await?)))
        };
        let mut build = system(scheduler, rebuilder, tasks("A"), &[("A", 1), ("D", 5)]);
        for (key, expected) in [("A", 2), ("D", 10), ("A", 2)] {
            *build.tasks_mut() = tasks(key);
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(expected), "{scheduler} × {rebuilder}");
        }
    });
}

/// A collection is told from every other, and says of a task that was given late that it is another.
#[test]
fn collections_have_numbers_and_late_tasks_have_definitions() {
    let (one, mut other) = (adding(1), adding(1));
    let number = |rules: &Rules<Key, i64>| Tasks::<Key, i64>::collection(rules);
    assert!(number(&one).is_some() && number(&one) != number(&other));
    assert_eq!(one.definition(&"B"), None);
    other.set("D", formula(["A"], |[a]| a));
    assert_eq!(other.definition(&"D"), None, "nobody had asked");
    other.set("E", formula(["A"], |[a]| a));
    assert!(other.definition(&"E").is_some());
}

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
            let mut build = build.journal(tape.clone());
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(if early { 8 } else { 4 }), "{scheduler} × {rebuilder}");
            drop(build);
            let mut build = system(scheduler, rebuilder, adding(1), &[("A", 2)]).journal(tape);
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
        system(scheduler, rebuilder, adding(1), &[("A", 1)]).journal(old.clone()).run(["C"]).expect("built");
        let mut build = system(scheduler, rebuilder, adding(1), &[("A", 0)]);
        build.set("A", 5).expect("set");
        let mut build = build.journal(old.clone());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(12), "{scheduler} × {rebuilder}");
        // Away and back: what is remembered of A is what it holds, but not what B and C were built from.
        let mut build = build.journal(other.clone());
        build.set("A", 7).expect("set");
        build.run(["C"]).expect("built");
        build.set("A", 5).expect("set");
        let mut build = build.journal(old.clone());
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(12), "{scheduler} × {rebuilder}");
        // The same with a task: B is what it was, but by another task from another A.
        let mut build = build.journal(other);
        build.tasks_mut().set("B", formula(["A"], |[a]| a));
        build.set("A", 6).expect("set");
        build.run(["C"]).expect("built");
        build.set("A", 5).expect("set");
        let mut build = build.journal(old);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(10), "{scheduler} × {rebuilder}");
    });
}

/// A cache that was chosen late had all metadata forgotten, and what they said was out of date with them.
#[test]
fn a_cache_may_be_chosen_at_any_time() {
    struct Nothing;
    impl TraceCache<Key, i64> for Nothing {
        fn traces(&mut self, _: &mut dyn FnMut(SharedTrace<Key, i64>)) -> Result<(), StoreError> {
            Ok(())
        }
        fn add(&mut self, _: &SharedTrace<Key, i64>) -> Result<(), StoreError> {
            Ok(())
        }
    }
    everywhere(|scheduler, rebuilder| {
        for tape in [Tape::forgetful(), Tape::default()] {
            let mut build = system(scheduler, rebuilder, adding(1), &[("A", 1)]).journal(tape);
            for value in [1, 2, 3] {
                build.set("A", value).expect("set");
                build = build.cache(Nothing);
                build.run(["C"]).expect("built");
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(2 + 2 * value), "{scheduler} × {rebuilder}");
                build.set("A", value + 10).expect("set");
                build = build.cache(Nothing);
                build.run(["C"]).expect("built");
                assert_eq!(build.get("C"), Some(22 + 2 * value), "{scheduler} × {rebuilder}");
            }
            build = build.cache(Nothing);
            let report = build.run(["C"]).expect("built");
            assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        }
    });
}

/// All that can be said to a build, in any order, between edits and builds: every build is right, and so is the next process.
#[test]
fn a_build_may_be_told_of_its_parts_in_any_order() {
    let mut random = 0x9e37_79b9_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..2_000 {
        let name = |of: &[&'static str], n: u64| of[n as usize % of.len()];
        let (scheduler, rebuilder) = (name(&alacarte_schedulers::NAMES, next(4)), name(&RIGHT, next(6)));
        let tapes = [Tape::default(), Tape::default(), Tape::forgetful()];
        let (mut a, mut added, mut told) = (1, 1, Vec::new());
        // What B holds while it has no task.
        let (mut input, mut unread): (Option<Option<i64>>, bool) = (None, false);
        let mut build = system(scheduler, rebuilder, adding(added), &[("A", a)]);
        for _ in 0..24 {
            let step = next(16);
            told.push(step);
            match step {
                0 | 1 => {
                    a = next(3) as i64;
                    build.set("A", a).expect("set");
                }
                2 => drop(build.touch("A").expect("touched")),
                3 => {
                    let b = next(4) as i64;
                    build.set("B", b).expect("set");
                    input = input.map(|_| Some(b));
                }
                4 => drop(build.remove("C").expect("removed")),
                5 | 6 => {
                    let n = next(3) as usize;
                    told.push(n as u64);
                    build = build.journal(tapes[n].clone());
                    if input == Some(None) {
                        // The journal may know what it holds.
                        build.touch("B").expect("touched");
                        input = Some(build.get("B"));
                    }
                }
                7 => match next(3) {
                    0 => {
                        build = build.scheduler(
                            alacarte_schedulers::named(name(&alacarte_schedulers::NAMES, next(4))).expect("one"),
                        )
                    }
                    1 => build = build.rebuilder(alacarte_rebuilders::named(name(&RIGHT, next(6))).expect("one")),
                    _ => build = build.jobs(1 + next(2) as usize).keep_going(next(2) == 0).pool("narrow", 1),
                },
                8 => {
                    added = next(3) as i64;
                    let new = added;
                    match next(3) {
                        0 => *build.tasks_mut() = adding(added),
                        // The same task as before, it may be.
                        1 => *build.tasks_mut() = adding(added).version(added.unsigned_abs()),
                        // (A task that a version did not have is one of that version.)
                        _ if input.is_some() => *build.tasks_mut() = adding(added),
                        _ => build.tasks_mut().set("B", formula(["A"], move |[a]| a + new)),
                    }
                    input = None;
                }
                14 => {
                    if unread || build.get("B").is_none() {
                        // So may the store.
                        build.touch("B").expect("touched");
                        unread = false;
                    }
                    *build.tasks_mut() =
                        Rules::new().rule("C", formula(["B"], |[b]| 2 * b)).version(added.unsigned_abs());
                    input = Some(input.unwrap_or_else(|| build.get("B")));
                }
                15 => {
                    let b = input.map(|_| next(4) as i64);
                    *build.store_mut() =
                        [("A", Some(a)), ("B", b)].into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
                    (input, unread) = (input.map(|_| b), true);
                }
                9 => {
                    // The tasks of a process are at first those of the one before; not so its inputs.
                    let n = next(2) as usize;
                    (a, added, input) = (next(3) as i64, 1, None);
                    build = system(scheduler, rebuilder, adding(added), &[("A", a)]).journal(tapes[n].clone());
                }
                _ => {
                    let target = if next(3) == 0 { "B" } else { "C" };
                    let about = format!("round {round}: {scheduler} × {rebuilder}: {told:?}");
                    let built = build.run([target]).is_ok();
                    let Some(b) = input.unwrap_or(Some(a + added)) else {
                        assert!(!built, "{about}");
                        continue;
                    };
                    let expected = if target == "B" { b } else { 2 * b };
                    assert_eq!((built, build.get(target)), (true, Some(expected)), "{about}");
                }
            }
        }
    }
}

/// A pool that is named twice has the depth that was said last.
#[test]
fn a_pool_that_is_named_again_is_the_same_pool() {
    let now = Rc::new(Cell::new((0_i32, 0)));
    let seen = now.clone();
    let work = move |key: Key| {
        let now = seen.clone();
        task(async move |fetch: Fetch<'_, Key, i64>| {
            let mut polls = 0;
            let outside = poll_fn(|cx| {
                let (inside, most) = now.get();
                if polls == 0 {
                    now.set((inside + 1, most.max(inside + 1)));
                }
                polls += 1;
                cx.waker().wake_by_ref();
                if polls < 3 {
                    return Poll::Pending;
                }
                now.set((now.get().0 - 1, now.get().1));
                Poll::Ready(())
            });
            fetch.work_in("narrow", outside).await;
            Ok(key.len() as i64)
        })
    };
    let tasks = Rules::new()
        .rule("one", work("one"))
        .rule("two", work("two"))
        .rule("both", task(async |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(["one", "two"]).await?.iter().sum())));
    let build = system("suspending", "perpetual", tasks, &[]).pool("narrow", 1).jobs(2);
    let mut build = build.pool("narrow", 2);
    build.run(["both"]).expect("built");
    assert_eq!(now.get(), (0, 2));
    let mut build = build.pool("narrow", 1);
    now.set((0, 0));
    build.run(["both"]).expect("built");
    assert_eq!(now.get(), (0, 1));
}

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
        let mut build = build.rebuilder(alacarte_rebuilders::named(rebuilder).expect("the same"));
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
#[test]
fn a_store_that_is_edited_where_it_lies_is_looked_at() {
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
    everywhere(|scheduler, rebuilder| {
        for relies in [true, false] {
            let mut build = Build::new(adding(1), Shelf { values: HashMap::from([("A", 1)]), relies })
                .scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"))
                .journal(Tape::default());
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

    fn append(&mut self, keys: &Keys<Key>, event: &Event<'_>, value: Option<&i64>) -> Result<(), StoreError> {
        self.tape.append(keys, event, value)?;
        self.call()
    }
}

/// Whatever a build was about to note when its journal failed is noted: an edit, a task or a whole collection that is replaced.
#[test]
fn a_journal_that_fails_once_costs_no_value() {
    let rules = |added: i64| adding(added).rule("D", formula(["C", "Z"], |[c, z]| c + z)).version(added.unsigned_abs());
    let mut failures = 0;
    everywhere(|scheduler, rebuilder| {
        for (calls, asked_again) in (0..40).flat_map(|calls| [(calls, false), (calls, true)]) {
            let tape = Tape::default();
            let calls_left = Rc::new(Cell::new(calls));
            let journal = Failing { tape: tape.clone(), calls_left: calls_left.clone() };
            let mut build = system(scheduler, rebuilder, rules(1), &[("A", 1), ("Z", 1)]).journal(journal);
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
            let mut build = system(scheduler, rebuilder, rules(20), &[("A", 1), ("Z", 7)]).journal(tape);
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
                .scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .rebuilder(alacarte_rebuilders::named::<Key, i64>(rebuilder).expect("a rebuilder"))
                .journal(journal);
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
