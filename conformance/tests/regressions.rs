//! What the random histories have found in this project's own code, each shrunk to its smallest case.

mod common;

use alacarte_conformance::{Tape, Yields};
use alacarte_core::{Build, Decision, Fetch, Rules, declared, formula, task};
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::Topological;
use alacarte_stores::Memory;
use common::{Key, everywhere, everywhere_dynamic, observed, ran, system};

/// `touch` asked for the value before the store was asked for it, and so deleted an input that no build had met.
#[test]
fn an_input_may_be_touched_before_the_first_build() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 3)]);
        build.touch("A").expect("touched");
        build.run(["B"]).expect("built");
        assert_eq!(build.get("B"), Some(3), "{scheduler} × {rebuilder}");
    });
}

/// A build that follows suspects leaves keys behind that count as up to date, but are not: a build of other
/// targets must not trust them.
#[test]
fn a_build_of_suspects_does_not_vouch_for_what_its_targets_do_not_reach() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a))
            .rule("C", formula(["B"], |[b]| b))
            .rule("D", formula(["A", "B", "C"], |[a, b, c]| a + b + c))
            .rule("other", formula([] as [&str; 0], |[]| 0));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
        for targets in [["D"], ["other"]] {
            build.run(targets).expect("built");
        }
        build.set("A", 1).expect("set");
        for targets in [["other"], ["D"]] {
            build.run(targets).expect("built");
        }
        assert_eq!(build.get("D"), Some(3), "{scheduler} × {rebuilder}");
    });
}

/// While one suspect is underway outside, what lies above it may yet change; another suspect must not take it
/// for up to date.
#[test]
fn a_suspect_waits_for_what_another_suspect_underway_may_change() {
    let link = |from: Key| {
        declared([from], async move |fetch: Fetch<'_, Key, i64>| {
            let value = fetch.get(from).await?;
            fetch.work(Yields(3)).await;
            Ok(value)
        })
    };
    for jobs in [1, 4] {
        let tasks = Rules::new()
            .rule("B", link("A"))
            .rule("C", link("B"))
            .rule("D", link("C"))
            .rule("top", formula(["D", "B"], |[d, b]| 10 * d + b));
        let mut build = system("topological", "dirty-bit", tasks, &[("A", 0)]).with_jobs(jobs);
        for value in [0, 1, 2] {
            build.set("A", value).expect("set");
            let report = build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(11 * value));
            assert_eq!(ran(&build, &report), ["B", "C", "D", "top"], "each once");
        }
    }
}

/// The scheduler knew what to visit from the rebuilder before; the one that takes over knows nothing of it.
#[test]
fn a_rebuilder_takes_over_from_another_under_the_same_scheduler() {
    let tasks = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
    let mut build = system("topological", "verifying-trace", tasks, &[("A", 0)]).with_journal(alacarte_core::NoJournal);
    build.run(["C"]).expect("built");
    let mut build = build.with_rebuilder(alacarte_rebuilders::named("dirty-bit").expect("a rebuilder"));
    build.set("A", 5).expect("set");
    build.run(["C"]).expect("built");
    assert_eq!(build.get("C"), Some(5));
}

/// Deep fingerprints took a definition for an input of the same fingerprint: the second version of B and A = 2
/// were one.
#[test]
fn a_deep_trace_tells_a_definition_from_an_input() {
    for scheduler in alacarte_schedulers::NAMES {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
        let mut build = system(scheduler, "deep-constructive-trace", tasks, &[("A", 2)]);
        build.run(["C"]).expect("built");
        build.tasks_mut().set("B", formula(["A"], |[a]| a));
        build.tasks_mut().set("B", formula([] as [&str; 0], |[]| 0));
        build.run(["B", "C"]).expect("built");
        assert_eq!(build.get("C"), Some(0), "{scheduler}");
    }
}

/// Deep traces remembered that a trace holds, though a volatile key below it has to be looked at in every build.
#[test]
fn a_deep_trace_above_a_volatile_key_is_followed_in_every_build() {
    let clock = std::rc::Rc::new(std::cell::Cell::new(0));
    let now = clock.clone();
    let tasks = Rules::new()
        .rule(
            "clock",
            task(async move |fetch: Fetch<'_, Key, i64>| {
                fetch.volatile();
                Ok(now.get())
            }),
        )
        .rule("left", formula(["clock"], |[t]| t))
        .rule("right", formula(["clock", "left"], |[t, l]| t + l))
        .rule("top", formula(["left", "right"], |[l, r]| l + r));
    let (mut build, _) = observed(system("suspending", "deep-constructive-trace", tasks, &[]));
    for time in [0, 0, 0, 1, 1, 1, 0] {
        clock.set(time);
        let report = build.run(["top"]).expect("built");
        assert_eq!(build.get("top"), Some(3 * time));
        assert!(ran(&build, &report).contains(&"clock"));
    }
}

/// Dirty bits kept a key although something that it fetches had failed, and went on to what it fetches next.
#[test]
fn a_key_is_not_kept_if_what_it_fetches_has_failed() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule("B", formula(["A"], |[a]| a))
            .rule("C", formula(["B"], |[b]| b))
            .rule("D", declared(["B", "C"], async |fetch| Ok(fetch.get("B").await? + fetch.get("C").await?)))
            .rule("E", formula(["D"], |[d]| d));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]).with_keep_going(true);
        build.run(["E"]).expect("built");
        build.remove("A").expect("removed");
        let error = build.run(["E"]).expect_err("A is missing");
        let failed: Vec<_> = error.failures.iter().filter_map(|failure| failure.key).collect();
        for key in ["B", "D", "E"] {
            assert!(failed.contains(&key), "{scheduler} × {rebuilder}: {key} is not among {failed:?}");
        }
    });
}

/// Work that is detached may be demanded before its turn: its place in the order does not mean that what
/// precedes it was visited.
#[test]
fn a_planned_key_may_be_detached_before_its_turn() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new()
            .rule(
                "first",
                declared(["A"], async |fetch| {
                    fetch.detach("late");
                    fetch.get("A").await
                }),
            )
            .rule("early", formula(["A"], |[a]| a))
            .rule("late", formula(["early"], |[e]| e + 1))
            .rule("top", formula(["late"], |[l]| l + 1));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
        for value in [0, 5] {
            build.set("A", value).expect("set");
            build.run(["first", "top"]).expect("built");
            assert_eq!(build.get("top"), Some(value + 2), "{scheduler} × {rebuilder}");
        }
    });
}

/// An input that is a target is asked for, also if a task before it declares it and does not take it.
#[test]
fn an_input_may_be_a_target_beside_a_task_that_declares_it() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("B", declared(["A"], async |_| Ok(1)));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
        build.run(["B", "A"]).expect("built");
    });
}

/// Joined fetches are recorded in the order in which they were made, which depends on what was up to date: two runs
/// of one task record W and Y in either order. Deep fingerprints did not name the keys, so those of the two runs agreed
/// though the inputs did not.
#[test]
fn deep_fingerprints_name_the_keys() {
    for scheduler in common::DYNAMIC {
        let tasks = Rules::new()
            .rule("x", formula(["X"], |[x]| x))
            .rule(
                "P",
                task(async |fetch| {
                    let left = async { if fetch.get("x").await? == 0 { fetch.get("Y").await } else { Ok(0) } };
                    let (left, right) = futures::join!(left, fetch.get("W"));
                    Ok(left? * 10 + right?)
                }),
            )
            .rule("top", task(async |fetch| fetch.get("P").await));
        let mut build = system(scheduler, "deep-constructive-trace", tasks, &[("X", 0), ("Y", 1), ("W", 2)]);
        let mut both = |y, w, targets: &[common::Key]| {
            build.set("Y", y).expect("set");
            build.set("W", w).expect("set");
            for target in targets {
                build.run([*target]).expect("built");
            }
            build.get("top")
        };
        // x is not up to date when it is fetched: x = 0, W = 2, Y = 1 are recorded.
        assert_eq!(both(1, 2, &["top"]), Some(12));
        // Now it is: x = 0, Y = 2, W = 1.
        assert_eq!(both(2, 1, &["x", "P", "top"]), Some(21), "{scheduler}");
        assert_eq!(both(1, 2, &["top"]), Some(12), "{scheduler}");
        assert_eq!(both(2, 1, &["top"]), Some(21), "{scheduler}");
    }
}

/// The list of dirty keys was made anew in the middle of a build, when a task met an input for the first time, and the
/// keys that were marked next went unnoticed.
#[test]
fn suspects_are_followed_past_an_input_that_is_met_for_the_first_time() {
    for (siblings, dependents) in [(5, 5), (5, 3), (3, 20), (40, 41)] {
        let mut rules: Rules<String, i64> = Rules::new();
        let key = str::to_owned;
        for n in 0..siblings {
            rules.set(format!("cut off {n}"), formula([key("x")], |[x]: [i64; 1]| x.min(0)));
        }
        let last = async |fetch: Fetch<'_, String, i64>| match fetch.get("x".to_owned()).await? {
            x if x > 1 => Ok(x + fetch.get("new".to_owned()).await?),
            x => Ok(x),
        };
        rules.set(key("last"), declared([key("x")], last));
        for n in 0..dependents {
            rules.set(format!("dependent {n}"), formula([key("last")], |[last]| last));
        }
        let siblings = (0..siblings).map(|n| format!("cut off {n}"));
        let all: Vec<String> = siblings.chain((0..dependents).map(|n| format!("dependent {n}"))).collect();
        let fetched = all.clone();
        let sum = async move |fetch: Fetch<'_, String, i64>| Ok(fetch.all(fetched.iter()).await?.into_iter().sum());
        rules.set(key("top"), declared(all, sum));
        let store = Memory::from([(key("x"), 1), (key("new"), 1000)]);
        let mut build = Build::new(rules, store).with_scheduler(Topological::new()).with_rebuilder(DirtyBit);
        build.run([key("top")]).expect("built");
        build.set(key("x"), 2).expect("set");
        build.run([key("top")]).expect("built");
        assert_eq!(build.get(key("top")), Some(dependents * 1002));
    }
}

/// Step traces and modification times brought the members of a group up to date one after the other.
#[test]
fn every_rebuilder_brings_a_group_up_to_date_at_once() {
    use std::cell::Cell;
    use std::rc::Rc;
    for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace", "step-trace", "modification-time"] {
        let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let members = ["m0", "m1", "m2", "m3"];
        let mut tasks = Rules::new().rule(
            "top",
            task(async move |fetch: Fetch<'_, Key, i64>| Ok(fetch.all(["m0", "m1", "m2", "m3"]).await?.iter().sum())),
        );
        for member in members {
            let (now, most) = (now.clone(), most.clone());
            tasks.set(
                member,
                task(async move |fetch: Fetch<'_, Key, i64>| {
                    let value = fetch.get("A").await?;
                    let work = async {
                        now.set(now.get() + 1);
                        most.set(most.get().max(now.get()));
                        Yields(3).await;
                        now.set(now.get() - 1);
                    };
                    fetch.work(work).await;
                    Ok(value.min(1))
                }),
            );
        }
        let mut build = system("suspending", rebuilder, tasks, &[("A", 1)]).with_jobs(4);
        build.run(["top"]).expect("built");
        most.set(0);
        build.set("A", 2).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!(most.get(), 4, "{rebuilder}");
    }
}

/// Work inside work waited for a place that only its own end would have freed.
#[test]
fn work_inside_work_goes_on_in_the_same_place() {
    let tasks =
        Rules::new().rule("t", task(async |fetch| Ok(fetch.work(async { fetch.work(async { 7 }).await }).await)));
    let mut build = system("suspending", "verifying-trace", tasks, &[]).with_jobs(1);
    build.run(["t"]).expect("built");
    assert_eq!(build.get("t"), Some(7));
}

/// All that can go on say what work they have before any of it begins; and when a place is free again, before more of it does.
#[test]
fn of_all_work_that_waits_the_most_urgent_begins_first() {
    use std::cell::RefCell;
    use std::rc::Rc;
    for (jobs, pool) in [(1, None), (2, None), (2, Some("narrow"))] {
        everywhere(|scheduler, rebuilder| {
            let begun = Rc::new(RefCell::new(Vec::new()));
            let work = |key: Key, priority: u64, below: &'static [Key]| {
                let begun = begun.clone();
                declared(below.iter().copied(), async move |fetch: Fetch<'_, Key, i64>| {
                    let sum: i64 = fetch.all(below).await?.iter().sum();
                    let work = async {
                        begun.borrow_mut().push(key);
                        Yields(3).await;
                    };
                    fetch.work_at(priority, pool, work).await;
                    Ok(sum + 1)
                })
            };
            let tasks = Rules::new()
                .rule("a", work("a", 1, &[]))
                .rule("b", work("b", 4, &[]))
                .rule("c", work("c", 2, &[]))
                .rule("d", work("d", 4, &[]))
                .rule("e", work("e", 3, &["b"]))
                .rule(
                    "top",
                    declared(["a", "b", "c", "d", "e"], async |fetch| {
                        Ok(fetch.all(["a", "b", "c", "d", "e"]).await?.iter().sum())
                    }),
                );
            let mut build = system(scheduler, rebuilder, tasks, &[]).with_jobs(jobs).with_pool("narrow", 1);
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(6), "{scheduler} × {rebuilder}");
            let begun = begun.take();
            let at = |key| begun.iter().position(|begun| *begun == key);
            assert!(at("b").max(at("d")) < Some(2), "{scheduler} × {rebuilder}, {jobs} jobs: {begun:?}");
            // (What it depends on has come by then, and it goes before what has waited longer.)
            assert!(at("e") < at("c") && at("c") < at("a"), "{scheduler} × {rebuilder}, {jobs} jobs: {begun:?}");
        });
    }
}

/// A task that comes upon a free place while another waits for it goes behind that one.
#[test]
fn of_work_without_a_priority_what_has_waited_longest_begins_first() {
    use std::cell::RefCell;
    use std::rc::Rc;
    for scheduler in common::DYNAMIC {
        let begun = Rc::new(RefCell::new(Vec::new()));
        let work = |key: Key, below: &'static [Key]| {
            let begun = begun.clone();
            task(async move |fetch: Fetch<'_, Key, i64>| {
                let sum: i64 = fetch.all(below).await?.iter().sum();
                let work = async {
                    begun.borrow_mut().push(key);
                    Yields(3).await;
                };
                fetch.work(work).await;
                Ok(sum + 1)
            })
        };
        // (When `first` has ended, its place is free, and `after` goes on before the place is given away.)
        let tasks = Rules::new()
            .rule("first", work("first", &[]))
            .rule("waits", work("waits", &[]))
            .rule("after", work("after", &["first"]));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]).with_jobs(1);
        build.run(["first", "waits", "after"]).expect("built");
        assert_eq!(*begun.borrow(), ["first", "waits", "after"], "{scheduler}");
    }
}

/// A detached key that failed was forgotten, because the task that had detached it was up to date.
#[test]
fn detached_work_that_failed_is_begun_again() {
    use std::cell::Cell;
    use std::rc::Rc;
    for scheduler in common::DYNAMIC {
        let fails = Rc::new(Cell::new(true));
        let asked = fails.clone();
        let check = async move |_: Fetch<'_, Key, i64>| match asked.get() {
            true => Err(alacarte_core::TaskError::new("not yet")),
            false => Ok(5),
        };
        let begin = async |fetch: Fetch<'_, Key, i64>| {
            fetch.detach("d");
            Ok(1)
        };
        let tasks = Rules::new().rule("d", task(check)).rule("t", task(begin));
        let mut build = system(scheduler, "verifying-trace", tasks, &[]);
        for _ in 0..2 {
            let error = build.run(["t"]).expect_err("d fails").to_string();
            assert!(error.contains("d: not yet"), "{scheduler}: {error}");
        }
        fails.set(false);
        build.run(["t"]).expect("built");
        assert_eq!(build.get("d"), Some(5), "{scheduler}");
        assert!(build.run(["t"]).expect("built").ran.is_empty(), "{scheduler}: nothing is owed any more");
    }
}

/// Suspects lead only to keys in the order, and detached keys are in none.
#[test]
fn detached_work_is_done_again_under_every_scheduler() {
    everywhere(|scheduler, rebuilder| {
        let begin = async |fetch: Fetch<'_, Key, i64>| {
            let value = fetch.get("a").await?;
            fetch.detach("d");
            Ok(value)
        };
        let tasks = Rules::new()
            .rule("t", declared(["a"], begin))
            .rule("d", formula(["m"], |[m]| m))
            .rule("m", formula(["i"], |[i]| i));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 1), ("i", 1)]);
        for value in [1, 2, 3] {
            build.set("a", value).expect("set");
            build.set("i", value).expect("set");
            build.run(["t"]).expect("built");
            assert_eq!(build.get("d"), Some(value), "{scheduler} × {rebuilder}");
        }
    });
}

/// A task that fetched what it had not declared was lucky while nothing had changed, and ran twice when something had.
#[test]
fn an_undeclared_dependency_is_an_error_whether_or_not_it_is_up_to_date() {
    for rebuilder in ["dirty-bit", "verifying-trace"] {
        let run = async |fetch: Fetch<'_, Key, i64>| match fetch.get("a").await? {
            2 => fetch.get("u").await,
            a => Ok(a),
        };
        let tasks = Rules::new()
            .rule("t", declared(["a"], run))
            .rule("u", formula(["m"], |[m]| m))
            .rule("m", formula(["i"], |[i]| i));
        let mut build = system("topological", rebuilder, tasks, &[("a", 1), ("i", 1)]);
        build.run(["t", "u"]).expect("built");
        build.set("a", 2).expect("set");
        build.set("i", 2).expect("set");
        let error = build.run(["t", "u"]).expect_err("it is not declared").to_string();
        assert!(error.contains("t: it fetched u, which it did not declare"), "{rebuilder}: {error}");
    }
}

/// A key that came to fetch a volatile one was not among the suspects of the next build.
#[test]
fn a_key_that_comes_to_fetch_a_volatile_one_is_suspect() {
    use std::cell::Cell;
    use std::rc::Rc;
    for scheduler in common::DYNAMIC {
        for rebuilder in common::RIGHT {
            let cell = Rc::new(Cell::new(0));
            let time = cell.clone();
            let clock = async move |fetch: Fetch<'_, Key, i64>| {
                fetch.volatile();
                Ok(time.get())
            };
            let top = async |fetch: Fetch<'_, Key, i64>| Ok(fetch.get("clock").await? + fetch.get("y").await?);
            let tasks = Rules::new()
                .rule("clock", task(clock))
                .rule("m", formula(["A"], |[a]: [i64; 1]| a / 10))
                .rule("y", formula(["m"], |[m]| m))
                .rule("top", task(top));
            let mut build = system(scheduler, rebuilder, tasks, &[("A", 0)]);
            build.run(["y"]).expect("built");
            build.set("A", 1).expect("set");
            build.run(["top"]).expect("built");
            cell.set(100);
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(100), "{scheduler} × {rebuilder}");
        }
    }
}

/// A key that failed while it waited for several others was still on their lists of waiters, and its slot another key's by
/// then: the others, when they ended, woke whoever had it. (Counts went below zero.)
#[test]
fn a_key_that_failed_while_it_waited_is_not_woken_again() {
    common::everywhere_dynamic(|scheduler, rebuilder| {
        let work = |below: Key, before: u64, after: u64| {
            task(async move |fetch: Fetch<'_, Key, i64>| {
                fetch.work(Yields(before)).await;
                let value = fetch.get(below).await?;
                fetch.work(Yields(after)).await;
                Ok(value)
            })
        };
        for (before, after) in [(0, 1), (1, 0), (1, 2), (2, 7), (3, 3)] {
            let tasks = Rules::new()
                .rule("top", task(async |fetch| Ok(fetch.all(["a", "b", "c"]).await?.iter().sum())))
                .rule("a", work("missing", before, 0))
                .rule("b", work("i", 0, after))
                .rule("c", work("b2", 0, after))
                .rule("b2", work("b3", before, after))
                .rule("b3", work("i", after, 0));
            let mut build = system(scheduler, rebuilder, tasks, &[("i", 1)]).with_jobs(3);
            let error = build.run(["top"]).expect_err("an input is missing").to_string();
            assert!(error.contains("missing"), "{scheduler} × {rebuilder}: {error}");
            build.set("missing", 2).expect("set");
            build.run(["top"]).expect("built");
            assert_eq!(build.get("top"), Some(4), "{scheduler} × {rebuilder}");
        }
    });
}

/// Closures cannot be compared: a task that was taken away and one that was given in its place later were taken for
/// the same, and the old one's trace for the new one's.
#[test]
fn a_task_that_is_taken_away_and_another_given_later_is_another() {
    everywhere(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("B", formula(["A"], |[a]| a)).rule("C", formula(["B"], |[b]| b));
        let mut build = system(scheduler, rebuilder, tasks, &[("A", 1)]);
        build.run(["C"]).expect("built");
        for (between, added) in [(true, 10), (false, 20)] {
            build.tasks_mut().remove(&"B");
            if between {
                build.run(["C"]).expect("built");
            }
            build.tasks_mut().set("B", formula(["A"], move |[a]| a + added));
            build.run(["C"]).expect("built");
            assert_eq!(build.get("C"), Some(1 + added), "{scheduler} × {rebuilder}");
        }
    });
}

/// A formula that met an input for the first time was called again, and said to have started twice.
#[test]
fn a_formula_that_meets_an_input_starts_once() {
    for rebuilder in common::RIGHT {
        let tasks = Rules::new().rule("B", formula(["A", "C"], |[a, c]| a + c)).rule("C", formula(["A"], |[a]| a));
        let (mut build, seen) = observed(system("suspending", rebuilder, tasks, &[("A", 1)]));
        build.run(["B"]).expect("built");
        let starts = |name| {
            let started = |(key, decision): &&(Key, Decision)| *key == name && matches!(decision, Decision::Started(_));
            seen.borrow().iter().filter(started).count()
        };
        assert_eq!((starts("B"), starts("C")), (1, 1), "{rebuilder}");
    }
}

/// Two futures joined ask for keys in an order that depends on what is up to date already, so a key may have traces in
/// different orders. The walk dropped a trace that did not name the same key next as the newest one, and ran the task.
#[test]
fn traces_of_joined_fetches_may_differ_in_order() {
    for scheduler in common::DYNAMIC {
        for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
            let join = async |fetch: Fetch<'_, Key, i64>| {
                let left = async { if fetch.get("a").await? % 2 == 0 { fetch.get("b").await } else { Ok(0) } };
                let (left, right) = futures::join!(left, fetch.get("c"));
                Ok(left? + right?)
            };
            let tasks = Rules::new().rule("b", task(async |_| Ok(0))).rule("top", task(join));
            let mut build = system(scheduler, rebuilder, tasks, &[("a", 0), ("c", 0)]);
            for value in [0, 1] {
                build.set("c", value).expect("set");
                build.run(["top"]).expect("built");
            }
            build.set("c", 0).expect("set");
            let report = build.run(["top"]).expect("built");
            assert_eq!((build.get("top"), report.ran.len()), (Some(0), 0), "{scheduler} × {rebuilder}");
        }
    }
}

/// The deep fingerprint of a task that fetches nothing was that of an input that holds a zero.
#[test]
fn a_task_that_fetches_nothing_is_no_input_that_holds_a_zero() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let tasks = Rules::new().rule("a", task(async |_| Ok(1))).rule("b", formula(["a"], |[a]| a));
        let mut build = system(scheduler, rebuilder, tasks, &[]);
        build.run(["b"]).expect("built");
        build.tasks_mut().remove(&"a");
        build.set("a", 0).expect("set");
        build.run(["b"]).expect("built");
        assert_eq!(build.get("b"), Some(0), "{scheduler} × {rebuilder}");
    });
}

/// A key that was written before any build, and then lost its task, was an input for this process, but not for its journal: the
/// next process noticed that "now".
#[test]
fn a_key_that_becomes_an_input_before_it_was_ever_built_is_one_in_the_journal_too() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let process = |tasks| system(scheduler, rebuilder, tasks, &[("a", 0)]).with_journal(tape.clone());
        let tasks = || Rules::new().rule("b", formula(["a"], |[a]| a));
        let mut build = process(tasks().rule("a", formula([] as [Key; 0], |[]| 0)));
        build.set("a", 0).expect("set");
        build.tasks_mut().remove(&"a");
        build.run(["b"]).expect("built");
        drop(build);
        let report = process(tasks()).run(["b"]).expect("built");
        assert_eq!(report.ran.is_empty(), rebuilder != "perpetual", "{scheduler} × {rebuilder}");
    });
}

/// A key became volatile while suspects were followed, and an input was met for the first time: the list of suspects was
/// gone through and told once more, and the key ran twice.
#[test]
fn a_key_that_becomes_volatile_while_suspects_are_followed_runs_once() {
    everywhere(|scheduler, rebuilder| {
        let sometimes = async |fetch: Fetch<'_, Key, i64>| {
            let a = fetch.get("a").await?;
            if a > 0 {
                fetch.volatile();
            }
            Ok(a)
        };
        let meets = async |fetch: Fetch<'_, Key, i64>| {
            let a = fetch.get("sometimes").await?;
            Ok(a + if a > 0 { fetch.get("new").await? } else { 0 })
        };
        let tasks = Rules::new()
            .rule("sometimes", declared(["a"], sometimes))
            .rule("meets", declared(["sometimes", "new"], meets))
            .rule("top", formula(["sometimes", "meets"], |[one, other]| one + other));
        let mut build = system(scheduler, rebuilder, tasks, &[("a", 0), ("new", 1)]);
        build.run(["top"]).expect("built");
        build.run(["top"]).expect("built");
        build.set("a", 1).expect("set");
        let report = build.run(["top"]).expect("built");
        assert_eq!(ran(&build, &report), ["meets", "sometimes", "top"], "{scheduler} × {rebuilder}");
    });
}

/// A key whose task was taken away, and that was edited before a build noticed, was no input to the next process: deep traces
/// went on looking below it.
#[test]
fn what_was_edited_when_its_task_was_gone_is_an_input_to_the_next_process() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let top = || Rules::new().rule("top", formula(["middle"], |[middle]| middle));
        let tasks = top().rule("middle", formula(["bottom"], |[bottom]| bottom));
        let mut build = system(scheduler, rebuilder, tasks, &[("bottom", 1)]).with_journal(tape.clone());
        build.run(["top"]).expect("built");
        build.tasks_mut().remove(&"middle");
        build.set("middle", 0).expect("set");
        drop(build);
        let mut build = system(scheduler, rebuilder, top(), &[("bottom", 1), ("middle", 0)]).with_journal(tape);
        build.run(["top"]).expect("built");
        build.set("bottom", 0).expect("set");
        let report = build.run(["top"]).expect("built");
        let always: &[Key] = if rebuilder == "perpetual" { &["top"] } else { &[] };
        assert_eq!(ran(&build, &report), always, "{scheduler} × {rebuilder}");
    });
}

/// A task started a key that was an input without a value. The key got a task, and nobody began it: what had started it was kept.
#[test]
fn what_was_started_in_vain_is_begun_again_when_it_can_be_had() {
    for (restarted, meanwhile) in [(false, false), (false, true), (true, false), (true, true)] {
        everywhere_dynamic(|scheduler, rebuilder| {
            let start = async |fetch: Fetch<'_, Key, i64>| {
                fetch.detach("below");
                Ok(0)
            };
            let rules = || Rules::new().rule("top", task(start));
            let tape = Tape::default();
            let mut build = system(scheduler, rebuilder, rules(), &[]).with_journal(tape.clone());
            let about = format!("{scheduler} × {rebuilder}, restarted: {restarted}, built meanwhile: {meanwhile}");
            build.run(["top"]).expect_err("what it has started has no value");
            if meanwhile && rebuilder != "perpetual" {
                build.run(["top"]).expect("kept");
            }
            if restarted {
                drop(build);
                build = system(scheduler, rebuilder, rules(), &[]).with_journal(tape);
            }
            build.tasks_mut().set("below", task(async |_: Fetch<'_, Key, i64>| Ok(7)));
            build.run(["top"]).expect("built");
            assert_eq!(build.get("below"), Some(7), "{about}");
        });
    }
}
