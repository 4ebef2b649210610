//! A small executor that does some works with some places, right or with a flaw: what the watch must notice.

use super::interleaving_watch::{Want, Watch};
use alacarte_conformance::{Outside, Work};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// It hands on a waker that does nothing.
    SwallowsWakeUps,
    /// It hands on the waker of its first poll for ever.
    KeepsAnOldWaker,
    /// It looks at the first work only.
    LooksAtOne,
    /// It begins everything at once.
    IgnoresTheBound,
    /// It takes a place for every work, and gives none back.
    KeepsPlaces,
    /// It begins one at a time, whatever it may.
    IsLazy,
    /// It does a work again when two end at once.
    RunsTwice,
    /// It leaves its works to others when it is dropped.
    LeavesWorkBehind,
    /// It has ended when all works have begun.
    EndsEarly,
    /// It wakes itself.
    Spins,
}

pub struct Toy {
    pub outside: Outside,
    pub flaw: Flaw,
    places: usize,
    waiting: VecDeque<(usize, Option<Want>)>,
    running: Vec<(usize, Pin<Box<Work>>)>,
    first: Option<Waker>,
    pub left: Rc<std::cell::RefCell<Vec<Pin<Box<Work>>>>>,
}

impl Toy {
    pub fn new(outside: &Outside, watch: &Watch, works: usize, places: usize, flaw: Flaw) -> Self {
        let places = if flaw == Flaw::IgnoresTheBound { works } else { places };
        let waiting = (0..works).map(|n| (n, Some(watch.want("")))).collect();
        let (running, first, left) = (Vec::new(), None, Rc::default());
        Toy { outside: outside.clone(), flaw, places, waiting, running, first, left }
    }

    fn look(&mut self, cx: &mut Context<'_>) {
        let mut ended = Vec::new();
        for (position, (_, work)) in self.running.iter_mut().enumerate() {
            if self.flaw == Flaw::LooksAtOne && position > 0 {
                break;
            }
            if work.as_mut().poll(cx).is_ready() {
                ended.push(position);
            }
        }
        if self.flaw == Flaw::RunsTwice && ended.len() == 2 {
            self.waiting.push_back((self.running[ended[0]].0, None));
        }
        for position in ended.into_iter().rev() {
            drop(self.running.remove(position));
            self.places += usize::from(self.flaw != Flaw::KeepsPlaces);
        }
    }
}

impl Future for Toy {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let latest = cx.waker().clone();
        let waker = match self.flaw {
            Flaw::SwallowsWakeUps => Waker::noop().clone(),
            Flaw::KeepsAnOldWaker => self.first.get_or_insert(latest).clone(),
            _ => latest,
        };
        let cx = &mut Context::from_waker(&waker);
        self.look(cx);
        while self.places > 0
            && (self.flaw != Flaw::IsLazy || self.running.is_empty())
            && let Some((n, want)) = self.waiting.pop_front()
        {
            drop(want);
            self.places -= 1;
            let mut work = Box::pin(self.outside.work(n.to_string()));
            assert!(work.as_mut().poll(cx).is_pending());
            self.running.push((n, work));
        }
        if self.flaw == Flaw::Spins {
            waker.wake_by_ref();
        }
        if self.waiting.is_empty() && (self.running.is_empty() || self.flaw == Flaw::EndsEarly) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        if self.flaw == Flaw::LeavesWorkBehind {
            self.left.borrow_mut().extend(self.running.drain(..).map(|(_, work)| work));
        }
    }
}
