//! A build is told of its parts in any order.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{Fetch, Rules, formula, task};

use super::adding;
use super::common::{Key, RIGHT, Tape, system};

/// What is said to a build.
#[derive(Debug, Clone, Copy)]
enum Say {
    Set,
    Touch,
    Overwrite,
    Lose,
    Journal,
    Strategy,
    Task,
    Process,
    NoTask,
    Store,
    Run,
}

impl Say {
    fn of(number: u64) -> Self {
        match number {
            0 | 1 => Say::Set,
            2 => Say::Touch,
            3 => Say::Overwrite,
            4 => Say::Lose,
            5 | 6 => Say::Journal,
            7 => Say::Strategy,
            8 => Say::Task,
            9 => Say::Process,
            14 => Say::NoTask,
            15 => Say::Store,
            _ => Say::Run,
        }
    }
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
            let say = Say::of(next(16));
            told.push(say);
            match say {
                Say::Set => {
                    a = next(3) as i64;
                    build.set("A", a).expect("set");
                }
                Say::Touch => drop(build.touch("A").expect("touched")),
                Say::Overwrite => {
                    let b = next(4) as i64;
                    build.set("B", b).expect("set");
                    input = input.map(|_| Some(b));
                }
                Say::Lose => drop(build.remove("C").expect("removed")),
                Say::Journal => {
                    let n = next(3) as usize;
                    build = build.with_journal(tapes[n].clone());
                    if input == Some(None) {
                        // The journal may know what it holds.
                        build.touch("B").expect("touched");
                        input = Some(build.get("B"));
                    }
                }
                Say::Strategy => match next(3) {
                    0 => {
                        build = build.with_scheduler(
                            alacarte_schedulers::named(name(&alacarte_schedulers::NAMES, next(4))).expect("one"),
                        )
                    }
                    1 => build = build.with_rebuilder(alacarte_rebuilders::named(name(&RIGHT, next(6))).expect("one")),
                    _ => {
                        build =
                            build.with_jobs(1 + next(2) as usize).with_keep_going(next(2) == 0).with_pool("narrow", 1)
                    }
                },
                Say::Task => {
                    added = next(3) as i64;
                    let new = added;
                    match next(3) {
                        0 => *build.tasks_mut() = adding(added),
                        // The same task as before, it may be.
                        1 => *build.tasks_mut() = adding(added).with_version(added.unsigned_abs()),
                        // (A task that a version did not have is one of that version.)
                        _ if input.is_some() => *build.tasks_mut() = adding(added),
                        _ => build.tasks_mut().set("B", formula(["A"], move |[a]| a + new)),
                    }
                    input = None;
                }
                Say::NoTask => {
                    if unread || build.get("B").is_none() {
                        // So may the store.
                        build.touch("B").expect("touched");
                        unread = false;
                    }
                    *build.tasks_mut() =
                        Rules::new().rule("C", formula(["B"], |[b]| 2 * b)).with_version(added.unsigned_abs());
                    input = Some(input.unwrap_or_else(|| build.get("B")));
                }
                Say::Store => {
                    let b = input.map(|_| next(4) as i64);
                    *build.store_mut() =
                        [("A", Some(a)), ("B", b)].into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
                    (input, unread) = (input.map(|_| b), true);
                }
                Say::Process => {
                    // The tasks of a process are at first those of the one before; not so its inputs.
                    let n = next(2) as usize;
                    (a, added, input) = (next(3) as i64, 1, None);
                    build = system(scheduler, rebuilder, adding(added), &[("A", a)]).with_journal(tapes[n].clone());
                }
                Say::Run => {
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
    let build = system("suspending", "perpetual", tasks, &[]).with_pool("narrow", 1).with_jobs(2);
    let mut build = build.with_pool("narrow", 1);
    build.run(["both"]).expect("built");
    assert_eq!(now.get(), (0, 1));
}
