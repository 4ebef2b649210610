//! A task that waits is polled when that may help, and otherwise left alone.

mod common;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use alacarte_conformance::Yields;
use alacarte_core::{
    Answer, Build, Dynamic, DynamicTask, Fetch, KeyId, Metadata, Noted, Question, Reason, Rebuilder, Result, Rules,
    formula, task,
};
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, system};
use futures::channel::oneshot;
use futures::future::{Either, select};

/// Polls a future, and counts how often.
async fn counted<T>(polls: &Cell<u64>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

/// How often the task of `waits` is polled: it ends when it hears of `says`, which says something after so many turns. Both are
/// targets, after `before`.
fn polls(
    scheduler: &str,
    rules: Rules<Key, i64, Dynamic>,
    before: &[Key],
    turns: u64,
    waits: impl AsyncFn(Fetch<'_, Key, i64>, oneshot::Receiver<i64>) -> Result<i64> + 'static,
) -> u64 {
    let count = Rc::new(Cell::new(0));
    let (send, receive) = oneshot::channel();
    let (send, receive, polls) = (Cell::new(Some(send)), Cell::new(Some(receive)), count.clone());
    let says = async move |_: Fetch<'_, Key, i64>| {
        Yields(turns).await;
        let _ = send.take().expect("it runs once").send(7);
        Ok(0)
    };
    let waits = async move |fetch: Fetch<'_, Key, i64>| {
        counted(&polls, waits(fetch, receive.take().expect("it is kept"))).await
    };
    let rules = rules.rule("says", task(says)).rule("waits", task(waits));
    let mut build = system(scheduler, "verifying-trace", rules, &[]).with_jobs(1);
    build.run(before.iter().copied().chain(["waits", "says"])).expect("built");
    assert_eq!(build.get("waits"), Some(7), "{scheduler}");
    count.get()
}

/// It was woken, and polled because a key came before anybody looked at that: what woke it has been seen to.
#[test]
fn what_woke_a_task_before_it_was_polled_is_forgotten() {
    for scheduler in DYNAMIC {
        let rules = Rules::new().rule("key", task(async |_: Fetch<'_, Key, i64>| Ok(1)));
        let polls = polls(scheduler, rules, &[], 9, async |fetch, says| {
            let woken = poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(())
            });
            woken.await;
            fetch.get("key").await?;
            says.await.map_err(alacarte_core::TaskError::new)
        });
        assert_eq!(polls, 3, "{scheduler}");
    }
}

/// It asks for a place, and gives that up before its turn comes.
#[test]
fn who_has_left_a_queue_is_not_called() {
    for scheduler in ["suspending", "bottom-up"] {
        let holds = async |fetch: Fetch<'_, Key, i64>| {
            fetch.work(Yields(9)).await;
            Ok(1)
        };
        let polls = polls(scheduler, Rules::new().rule("holds", task(holds)), &["holds"], 30, async |fetch, says| {
            let place = Box::pin(fetch.work(async {}));
            assert!(matches!(select(place, Yields(2)).await, Either::Right(_)), "the only place is taken");
            says.await.map_err(alacarte_core::TaskError::new)
        });
        assert_eq!(polls, 4, "{scheduler}");
    }
}

fn slow(turns: u64) -> DynamicTask<Key, i64> {
    task(async move |_: Fetch<'_, Key, i64>| {
        Yields(turns).await;
        Ok(1)
    })
}

/// An input that is met for the first time is there at once: it wins a race with what has yet to be built.
#[test]
fn a_new_input_wins_a_race() {
    for scheduler in ["suspending", "bottom-up"] {
        let race =
            async |fetch: Fetch<'_, Key, i64>| select(fetch.get("slow"), fetch.get("input")).await.factor_first().0;
        let rules = Rules::new().rule("slow", slow(5)).rule("race", task(race));
        let mut build = system(scheduler, "verifying-trace", rules, &[("input", 7)]);
        build.run(["race"]).expect("built");
        assert_eq!(build.get("race"), Some(7), "{scheduler}");
    }
}

/// A formula needs all that it asks for: with a new input, which is there at once, and without the rest it cannot go on.
#[test]
fn a_formula_is_not_asked_again_before_all_is_there() {
    for scheduler in DYNAMIC {
        let sum = formula(["input", "slow"], |[input, slow]: [i64; 2]| input + slow);
        let rules = Rules::new().rule("slow", slow(5)).rule("sum", sum);
        let mut build = system(scheduler, "verifying-trace", rules, &[("input", 7)]);
        let report = build.run(["sum"]).expect("built");
        assert_eq!((build.get("sum"), report.fetches), (Some(8), 4), "{scheduler}");
    }
}

/// Notes how often it was asked about a key, beside how many of these keys have been looked at.
#[derive(Default, Clone)]
struct Counts {
    all: Vec<Noted<()>>,
    asked: Rc<Cell<u64>>,
    looked: Rc<Cell<u64>>,
}

impl Rebuilder<Key, i64> for Counts {
    fn ask(&self, question: &mut Question<'_, Key, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        if ["last", "next"].contains(question.name()) {
            question.progress::<Vec<u64>>().push(1);
            let all = question.all_hold(&self.all, |(), _| {
                self.looked.set(self.looked.get() + 1);
                true
            });
            self.asked.set(question.progress::<Vec<u64>>().iter().sum());
            if all.is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(Answer::Run(Reason::Always))
    }
}

/// What a rebuilder notes of a question in types of its own stays beside the number that `all_hold` notes; and each question begins
/// anew.
#[test]
fn a_question_has_a_progress_of_each_type() {
    for scheduler in DYNAMIC {
        let (ids, below) = (0..4).map(KeyId::new).zip(["a", "b", "c", "d"]).unzip::<_, _, Vec<_>, Vec<_>>();
        let one = || formula([] as [Key; 0], |[]: [i64; 0]| 1);
        let rules = below
            .iter()
            .fold(Rules::new().rule("last", one()).rule("next", one()), |rules, key| rules.rule(*key, one()));
        let notes = Counts { all: ids.iter().map(|&id| Noted::new(id, ())).collect(), ..Counts::default() };
        let mut build = Build::new(rules, Memory::<Key, i64>::new())
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("on the menu"))
            .with_rebuilder(notes.clone());
        assert_eq!(below.iter().map(|key| build.intern(key)).collect::<Vec<_>>(), ids);
        // Asked first, and again when each of the four was there; of the next, all are there.
        for (target, asked) in [("last", 5), ("next", 1)] {
            build.run([target]).expect("built");
            assert_eq!((notes.asked.get(), notes.looked.replace(0)), (asked, 4), "{scheduler}, {target}");
        }
    }
}
