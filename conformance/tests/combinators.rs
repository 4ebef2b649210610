//! Whatever combines futures combines fetches: `futures`, `tokio` and `async-stream`, also those that poll only what was
//! woken. Time is virtual, and a build that sleeps with nothing left to wake it is caught, so no test waits for a clock.

mod common;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use alacarte_core::{Build, Dynamic, Fetch, Result, Rules, TaskError, off_thread, task};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;
use common::{everywhere, everywhere_dynamic};
use futures::channel::{mpsc, oneshot};
use futures::future::{
    Either, FutureExt, LocalBoxFuture, Shared, join, join_all, select, select_all, select_ok, try_join_all,
};
use futures::stream::{self, FuturesOrdered, FuturesUnordered, StreamExt, TryStreamExt};

/// What is to be woken, by the time and a number.
type Timers = BTreeMap<(u64, u64), oneshot::Sender<()>>;

/// A clock that moves when a build sleeps, and what it wakes then.
#[derive(Clone, Default)]
struct Clock {
    now: Rc<Cell<u64>>,
    timers: Rc<RefCell<Timers>>,
    set: Rc<Cell<u64>>,
}

impl Clock {
    async fn sleep(&self, time: u64) {
        let (send, receive) = oneshot::channel();
        self.set.set(self.set.get() + 1);
        self.timers.borrow_mut().insert((self.now.get() + time, self.set.get()), send);
        let _ = receive.await;
    }

    /// Polls `future` whenever it was woken; moves on when it sleeps.
    fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        struct Flag(AtomicBool);
        impl Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut future = pin!(future);
        for _ in 0..100_000 {
            if flag.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return done;
                }
                continue;
            }
            let next = self.timers.borrow_mut().pop_first();
            let ((time, _), timer) = next.expect("the build sleeps, and nothing is left to wake it");
            self.now.set(self.now.get().max(time));
            let _ = timer.send(());
        }
        panic!("it is woken for ever");
    }
}

const WIDE: u64 = 70;

type Collect = for<'f> fn(Fetch<'f, u64, u64>, Clock) -> LocalBoxFuture<'f, Result<u64>>;

/// Key 0 collects the keys 1 to [`WIDE`] in some way; each doubles the input a thousand above it, an odd one after some work.
fn collecting(scheduler: &str, rebuilder: &str, jobs: usize, collect: Collect) -> (u64, u64) {
    let clock = Clock::default();
    let mut rules: Rules<u64, u64, Dynamic> = Rules::new().rule(0_u64, {
        let clock = clock.clone();
        task(async move |fetch: Fetch<'_, u64, u64>| collect(fetch, clock.clone()).await)
    });
    for key in 1..=WIDE {
        let clock = clock.clone();
        rules.set(
            key,
            task(async move |fetch: Fetch<'_, u64, u64>| {
                let input = fetch.get(1000 + key).await?;
                if key % 2 == 1 {
                    fetch.work(clock.sleep(key % 7)).await;
                }
                Ok(input * 2)
            }),
        );
    }
    let inputs: Memory<u64, u64> = (1..=WIDE).map(|key| (1000 + key, key)).collect();
    let mut build = Build::new(rules, inputs)
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_jobs(jobs);
    clock.drive(build.run_async([0])).expect("built");
    let clean = build.get(0).expect("a value");
    build.set(1003, 103).expect("set");
    clock.drive(build.run_async([0])).expect("built");
    (clean, build.get(0).expect("a value"))
}

fn collected(name: &str, collect: Collect) {
    let sum = WIDE * (WIDE + 1);
    everywhere_dynamic(|scheduler, rebuilder| {
        for jobs in [1, 3] {
            let values = collecting(scheduler, rebuilder, jobs, collect);
            assert_eq!(values, (sum, sum + 200), "{name} under {scheduler} × {rebuilder}, {jobs} jobs");
        }
    });
}

#[test]
fn what_polls_only_what_was_woken_is_woken_for_each_fetch() {
    collected("try_join_all", |fetch, _| {
        async move { Ok(try_join_all((1..=WIDE).map(|key| fetch.get(key))).await?.iter().sum()) }.boxed_local()
    });
    collected("FuturesUnordered", |fetch, _| {
        async move {
            let all: FuturesUnordered<_> = (1..=WIDE).map(|key| fetch.get(key)).collect();
            all.try_fold(0, async |sum, value| Ok(sum + value)).await
        }
        .boxed_local()
    });
    collected("FuturesOrdered", |fetch, _| {
        async move {
            let all: FuturesOrdered<_> = (1..=WIDE).map(|key| fetch.get(key)).collect();
            all.try_fold(0, async |sum, value| Ok(sum + value)).await
        }
        .boxed_local()
    });
    collected("buffer_unordered", |fetch, _| {
        let all = stream::iter(1..=WIDE).map(move |key| fetch.get(key)).buffer_unordered(4);
        all.try_fold(0, async |sum, value| Ok(sum + value)).boxed_local()
    });
    collected("buffered", |fetch, _| {
        let all = stream::iter(1..=WIDE).map(move |key| fetch.get(key)).buffered(9);
        all.try_fold(0, async |sum, value| Ok(sum + value)).boxed_local()
    });
    collected("try_for_each_concurrent", |fetch, _| {
        async move {
            let sum = Cell::new(0);
            let keys = stream::iter((1..=WIDE).map(Ok::<u64, TaskError>));
            keys.try_for_each_concurrent(8, async |key| {
                let value = fetch.get(key).await?;
                sum.set(sum.get() + value);
                Ok(())
            })
            .await?;
            Ok(sum.get())
        }
        .boxed_local()
    });
}

#[test]
fn groups_and_combinators_nest() {
    collected("groups within FuturesUnordered", |fetch, _| {
        async move {
            let all: FuturesUnordered<_> = (1..=WIDE / 10).map(|ten| fetch.all(10 * ten - 9..=10 * ten)).collect();
            all.try_fold(0, async |sum, values: Vec<u64>| Ok(sum + values.iter().sum::<u64>())).await
        }
        .boxed_local()
    });
    collected("join_all of FuturesUnordered", |fetch, _| {
        async move {
            let halves = join_all([1, 2].map(|first| async move {
                let half: FuturesUnordered<_> = (first..=WIDE).step_by(2).map(|key| fetch.get(key)).collect();
                half.try_fold(0, async |sum, value| Ok(sum + value)).await
            }));
            halves.await.into_iter().sum()
        }
        .boxed_local()
    });
    collected("fetches and work in one", |fetch, clock| {
        async move {
            let all: FuturesUnordered<_> = (1..=WIDE)
                .map(|key| {
                    let clock = clock.clone();
                    async move {
                        let value = fetch.get(key).await?;
                        fetch.work(clock.sleep(key % 5)).await;
                        Ok::<u64, TaskError>(value)
                    }
                })
                .collect();
            all.try_fold(0, async |sum, value| Ok(sum + value)).await
        }
        .boxed_local()
    });
    collected("a stream made by async-stream", |fetch, _| {
        let values = async_stream::try_stream! {
            for key in 1..=WIDE {
                let (value, again) = join(fetch.get(key), fetch.get(key)).await;
                yield (value? + again?) / 2;
            }
        };
        values.try_fold(0, async |sum, value: u64| Ok::<u64, TaskError>(sum + value)).boxed_local()
    });
    collected("shared fetches", |fetch, _| {
        async move {
            let one = |key| async move { fetch.get(key).await.expect("a value") }.boxed_local().shared();
            let keys: Vec<Shared<_>> = (1..=WIDE).map(one).collect();
            let twice = join(join_all(keys.clone()), join_all(keys)).await;
            Ok((twice.0.iter().sum::<u64>() + twice.1.iter().sum::<u64>()) / 2)
        }
        .boxed_local()
    });
    collected("a channel between two halves", |fetch, _| {
        async move {
            let (send, receive) = mpsc::unbounded();
            let produce = async move {
                for key in 1..=WIDE {
                    let _ = send.unbounded_send(fetch.get(key).await?);
                }
                Ok::<(), TaskError>(())
            };
            let (produced, sum) = join(produce, receive.fold(0, async |sum, value| sum + value)).await;
            produced.map(|()| sum)
        }
        .boxed_local()
    });
    collected("tokio's join", |fetch, _| {
        async move {
            let mut sum = 0;
            for four in 0..WIDE / 2 {
                let (a, b) = tokio::join!(fetch.get(2 * four + 1), fetch.get(2 * four + 2));
                sum += a? + b?;
            }
            Ok(sum)
        }
        .boxed_local()
    });
    collected("tokio's yields", |fetch, _| {
        async move {
            let mut sum = 0;
            for key in 1..=WIDE {
                let mut yielded = false;
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                sum += fetch.get(key).await?;
            }
            Ok(sum)
        }
        .boxed_local()
    });
}

#[test]
fn joined_work_gets_its_permits_one_after_the_other() {
    everywhere(|scheduler, rebuilder| {
        for (jobs, pools) in [(1, 1), (1, 2), (3, 2)] {
            let clock = Clock::default();
            let (underway, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let at_work = {
                let (clock, underway, most) = (clock.clone(), underway.clone(), most.clone());
                alacarte_core::declared([0_u64; 0], async move |fetch: Fetch<'_, u64, u64>| {
                    let work = async |time: u64| {
                        underway.set(underway.get() + 1);
                        most.set(most.get().max(underway.get()));
                        clock.sleep(time).await;
                        underway.set(underway.get() - 1);
                        1
                    };
                    let plain = try_join_all(
                        (0..40).map(|n| async move { Ok::<u64, TaskError>(fetch.work(work(n % 3)).await) }),
                    );
                    let pooled = (0..40).map(|n| fetch.work_in("pool", work(n % 3))).collect::<FuturesUnordered<_>>();
                    let (plain, pooled) = join(plain, pooled.fold(0, async |sum, n| sum + n)).await;
                    Ok(plain?.iter().sum::<u64>() + pooled)
                })
            };
            let mut build = Build::new(Rules::new().rule(0_u64, at_work), Memory::default())
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
                .with_jobs(jobs)
                .with_pool("pool", pools);
            clock.drive(build.run_async([0])).expect("built");
            assert_eq!((build.get(0), most.get()), (Some(80), jobs), "{scheduler} × {rebuilder}");
        }
    });
}

/// A task that is woken for something else while it waits for a place keeps its turn.
#[test]
fn whoever_asks_for_a_place_first_has_it_first() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let clock = Clock::default();
        let (asked, had) = (Rc::<RefCell<Vec<u64>>>::default(), Rc::<RefCell<Vec<u64>>>::default());
        let mut rules =
            Rules::new().rule(0_u64, task(async |fetch: Fetch<'_, u64, u64>| Ok(fetch.all(1..=6).await?.len() as u64)));
        for key in 1..=6_u64 {
            let (clock, asked, had) = (clock.clone(), asked.clone(), had.clone());
            rules.set(
                key,
                task(async move |fetch: Fetch<'_, u64, u64>| {
                    asked.borrow_mut().push(key);
                    let place = fetch.work_in("place", async {
                        had.borrow_mut().push(key);
                        clock.sleep(10).await;
                    });
                    let restless = async {
                        for _ in 0..key % 3 {
                            clock.sleep(key).await;
                        }
                    };
                    join(place, restless).await;
                    Ok(key)
                }),
            );
        }
        let mut build = Build::new(rules, Memory::default())
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
            .with_jobs(6)
            .with_pool("place", 1);
        clock.drive(build.run_async([0])).expect("built");
        assert_eq!((had.take(), build.get(0)), (asked.take(), Some(6)), "{scheduler} × {rebuilder}");
    });
}

/// Where a task fetches a slow key (2,000), with work of its own (50) or another key (50) beside it.
fn races(scheduler: &str, rebuilder: &str, race: for<'f> fn(Fetch<'f, u64, u64>, Clock) -> LocalBoxFuture<'f, u64>) {
    let clock = Clock::default();
    let seen = Rc::new(Cell::new(0));
    let next = if scheduler == "restarting" { 5 } else { 4 };
    let working = |time| {
        let clock = clock.clone();
        task(async move |fetch: Fetch<'_, u64, u64>| {
            fetch.work(clock.sleep(time)).await;
            Ok(time)
        })
    };
    let top = {
        let (clock, seen) = (clock.clone(), seen.clone());
        task(async move |fetch: Fetch<'_, u64, u64>| {
            fetch.volatile();
            let won = race(fetch, clock.clone()).await;
            seen.set(clock.now.get());
            // What is fetched next does not wait for what was given up. (A task that is started again races again.)
            let next = fetch.get(next).await?;
            assert_eq!(clock.now.get(), 50, "what lost the race is still waited for");
            Ok(won + next)
        })
    };
    let rules = Rules::new()
        .rule(0_u64, top)
        .rule(1_u64, working(2000))
        .rule(2_u64, working(50))
        .rule(3_u64, working(2000))
        .rule(4_u64, task(async |_| Ok(1)));
    let mut build = Build::new(rules, Memory::from([(5, 1)]))
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_jobs(4);
    let built = clock.drive(build.run_async([0]));
    assert_eq!((build.get(0), seen.get()), (Some(51), 50), "{scheduler} × {rebuilder}: {built:?}");
}

#[test]
fn a_timer_beside_a_fetch_is_seen_when_it_fires() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let race = |race| races(scheduler, rebuilder, race);
        race(|fetch, clock| {
            async move {
                match select(fetch.get(1), pin!(clock.sleep(50))).await {
                    Either::Left(_) => 2000,
                    Either::Right(_) => 50,
                }
            }
            .boxed_local()
        });
        race(|fetch, clock| {
            async move {
                let fetched = fetch.all([1, 3]).map(|_| 2000).boxed_local();
                select_all([fetched, clock.sleep(50).map(|()| 50).boxed_local()]).await.0
            }
            .boxed_local()
        });
        race(|fetch, clock| {
            async move {
                let mut all = FuturesUnordered::new();
                all.push(fetch.all([1, 3]).map(|_| 2000).boxed_local());
                all.push(clock.sleep(50).map(|()| 50).boxed_local());
                all.next().await.expect("there are two")
            }
            .boxed_local()
        });
        race(|fetch, clock| {
            async move {
                let (timer, fetched) = (clock.sleep(50).fuse(), fetch.get(1).fuse());
                let (mut timer, mut fetched) = (pin!(timer), pin!(fetched));
                futures::select! { () = timer => 50, _ = fetched => 2000 }
            }
            .boxed_local()
        });
        race(|fetch, clock| {
            async move {
                let nested = async { join(fetch.get(3), fetch.get(1)).await.1 };
                let timed = async { Ok::<u64, TaskError>(clock.sleep(50).map(|()| 50).await) };
                let (won, _) = select_ok([nested.boxed_local(), timed.boxed_local()]).await.expect("neither fails");
                won
            }
            .boxed_local()
        });
        race(|fetch, clock| {
            async move {
                tokio::select! { () = clock.sleep(50) => 50, _ = fetch.get(1) => 2000 }
            }
            .boxed_local()
        });
        // The first of many timers, the others long after.
        race(|fetch, clock| {
            async move {
                let timers = [90, 50, 70].map(|time| clock.sleep(time).map(move |()| time).boxed_local());
                match select(select_all(timers), fetch.get(1)).await {
                    Either::Left(((time, ..), _)) => time,
                    Either::Right(_) => 2000,
                }
            }
            .boxed_local()
        });
    });
}

#[test]
fn of_two_fetches_the_quicker_wins_where_futures_are_kept() {
    for scheduler in ["suspending", "bottom-up"] {
        let race = |race| races(scheduler, "verifying-trace", race);
        race(|fetch, _| {
            async move { select(fetch.get(1), fetch.get(2)).await.factor_first().0.expect("a value") }.boxed_local()
        });
        race(|fetch, _| {
            async move {
                let mut all: FuturesUnordered<_> = [1, 2, 3].into_iter().map(|key| fetch.get(key)).collect();
                all.next().await.expect("there are three").expect("a value")
            }
            .boxed_local()
        });
        race(|fetch, _| {
            async move {
                let slow = fetch.all([1, 2]).map(|_| 2000).boxed_local();
                let quick = fetch.all([2]).map(|_| 50).boxed_local();
                select_all([slow, quick]).await.0
            }
            .boxed_local()
        });
    }
}

#[test]
fn a_fetch_that_is_given_up_is_waited_for_no_more() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let clock = Clock::default();
        let top = {
            let clock = clock.clone();
            task(async move |fetch: Fetch<'_, u64, u64>| {
                fetch.volatile();
                assert!(fetch.get(1).now_or_never().is_none(), "it takes its time");
                let next = fetch.get(2).await?;
                // One that is never dropped is no fetch of the task that the slot serves next.
                let mut forgotten = Box::pin(fetch.get(1));
                poll_fn(|cx| Poll::Ready(forgotten.as_mut().poll(cx).is_pending())).await;
                std::mem::forget(forgotten);
                clock.sleep(1).await;
                Ok(next)
            })
        };
        let slow = {
            let clock = clock.clone();
            task(async move |fetch: Fetch<'_, u64, u64>| {
                fetch.work(clock.sleep(2000)).await;
                Ok(7)
            })
        };
        let rules = Rules::new().rule(0_u64, top).rule(1_u64, slow).rule(2_u64, task(async |_| Ok(1)));
        let mut build = Build::new(rules, Memory::default())
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
        clock.drive(build.run_async([0])).expect("built");
        assert_eq!(build.get(0), Some(1), "{scheduler} × {rebuilder}");
    });
}

#[test]
fn a_circle_through_combinators_is_found() {
    everywhere_dynamic(|scheduler, rebuilder| {
        let around = |next: u64| {
            task(async move |fetch: Fetch<'_, u64, u64>| {
                let mut all: FuturesUnordered<_> = [next, 9].into_iter().map(|key| fetch.get(key)).collect();
                let mut sum = 0;
                while let Some(value) = all.next().await {
                    sum += value?;
                }
                Ok(sum)
            })
        };
        let rules = Rules::new().rule(0_u64, around(1)).rule(1_u64, around(2)).rule(2_u64, around(0));
        let mut build = Build::new(rules.rule(9_u64, task(async |_| Ok(1))), Memory::default())
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
        let error = Clock::default().drive(build.run_async([0])).expect_err("a circle");
        assert!(error.to_string().contains("a cycle: 0 → 1 → 2 → 0"), "{scheduler} × {rebuilder}: {error}");
    });
}

#[test]
fn a_timeout_of_tokio_is_seen_when_it_fires() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    everywhere_dynamic(|scheduler, rebuilder| {
        let slow = task(async |fetch: Fetch<'_, u64, u64>| {
            fetch.work(tokio::time::sleep(Duration::from_secs(2))).await;
            Ok(7)
        });
        let top = task(async |fetch: Fetch<'_, u64, u64>| {
            fetch.volatile();
            let begin = tokio::time::Instant::now();
            let fetched = tokio::time::timeout(Duration::from_millis(50), fetch.get(1)).await;
            assert!(fetched.is_err(), "it is not there yet");
            tokio::task::yield_now().await;
            Ok(begin.elapsed().as_millis() as u64)
        });
        let mut build = Build::new(Rules::new().rule(0_u64, top).rule(1_u64, slow), Memory::default())
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
        runtime.block_on(build.run_async([0])).expect("built");
        // Tokio's timers are exact to a millisecond.
        assert!(matches!(build.get(0), Some(50 | 51)), "{scheduler} × {rebuilder}: {:?}", build.get(0));
    });
}

#[test]
fn a_task_may_run_another_build() {
    fn tower(floors: u64) -> Result<u64> {
        let below = task(async move |fetch: Fetch<'_, u64, u64>| {
            let ground = fetch.get(100).await?;
            Ok(1 + if floors > 0 { tower(floors - 1)? } else { ground })
        });
        let mut build = Build::new(Rules::new().rule(0_u64, below), Memory::from([(100, 10)]))
            .with_scheduler(Suspending::new())
            .with_rebuilder(VerifyingTrace);
        build.run([0])?;
        Ok(build.get(0).expect("a value"))
    }
    assert_eq!(tower(5).ok(), Some(16));
    // Within an executor too.
    assert_eq!(futures::executor::block_on(async { tower(2).ok() }), Some(13));
}

#[test]
fn what_a_thread_said_when_it_panicked_is_told() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let rules = Rules::new().rule(
        0_u64,
        task(async |fetch: Fetch<'_, u64, u64>| fetch.work(off_thread(|| panic!("no ink in {}", "the printer"))).await),
    );
    let mut build =
        Build::new(rules, Memory::default()).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    let error = build.run([0]).expect_err("it panicked").to_string();
    std::panic::set_hook(hook);
    assert!(error.contains("panicked: no ink in the printer"), "{error}");
}

/// However many tasks wait outside, what ends wakes one of them: a poll for each beginning, and one for each end.
#[test]
fn what_ends_outside_has_one_task_polled() {
    everywhere_dynamic(|scheduler, rebuilder| {
        for tasks in [20_u64, 40] {
            let (clock, polls) = (Clock::default(), Rc::new(Cell::new(0)));
            let mut rules: Rules<u64, u64, Dynamic> =
                Rules::new().rule(0_u64, task(async move |fetch| Ok(fetch.all(1..=tasks).await?.iter().sum())));
            for key in 1..=tasks {
                let (clock, polls) = (clock.clone(), polls.clone());
                rules.set(
                    key,
                    task(async move |_: Fetch<'_, u64, u64>| {
                        let mut asleep = pin!(clock.sleep(key));
                        poll_fn(|cx| {
                            polls.set(polls.get() + 1);
                            asleep.as_mut().poll(cx)
                        })
                        .await;
                        Ok(1)
                    }),
                );
            }
            let mut build = Build::new(rules, Memory::default())
                .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
            clock.drive(build.run_async([0])).expect("built");
            assert_eq!((build.get(0), polls.get()), (Some(tasks), 2 * tasks), "{scheduler} × {rebuilder}");
        }
    });
}
