//! Another collection of tasks takes the place of one: what is different is noticed, what is the same is known again.

use alacarte_core::{Dynamic, Fetch, Rules, Tasks, declared, formula, task};
use alacarte_stores::Memory;

use super::adding;
use super::common::{Key, Tape, everywhere, everywhere_dynamic, ran, system};

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
        let mut build = system(scheduler, rebuilder, adding(1).with_version(1), &[("A", 1)]).with_journal(tape.clone());
        for how in ["set", "set twice", "lost", "touched", "in another store", "overwritten with another journal"] {
            build.run(["C"]).expect("built");
            if how == "overwritten with another journal" {
                build = build.with_journal(Tape::default());
                build.set("B", 9).expect("set");
            }
            *build.tasks_mut() = without().with_version(1);
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
                    build = build.with_journal(tape.clone());
                    build.touch("A").expect("touched");
                }
            }
            *build.tasks_mut() = adding(1).with_version(1);
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
        let process = || system(scheduler, rebuilder, adding(1), &[("A", 1)]).with_journal(tape.clone());
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
        let process = |tasks| system(scheduler, rebuilder, tasks, &[("A", 1)]).with_journal(tape.clone());
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
        let mut build = system(scheduler, rebuilder, adding(1).with_version(3), &[("A", 1), ("D", 5)]);
        build.run(["C"]).expect("built");
        *build.tasks_mut() = adding(1).with_version(3);
        let report = build.run(["C"]).expect("built");
        assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
        *build.tasks_mut() = adding(10).with_version(4);
        build.run(["C"]).expect("built");
        assert_eq!(build.get("C"), Some(22), "{scheduler} × {rebuilder}");
        let other = Rules::new().rule("B", formula(["D"], |[d]| d + 10)).rule("C", formula(["B"], |[b]| 2 * b));
        *build.tasks_mut() = other.with_version(4);
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
            let mut build = system(scheduler, rebuilder, tasks.with_version(1), &inputs).with_journal(tape.clone());
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
    everywhere_dynamic(|scheduler, rebuilder| {
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
