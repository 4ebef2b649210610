//! The world outside a build, under control: which piece of work ends next is somebody's choice.
//!
//! A task awaits [`Outside::work`], which is pending until the world has it end. [`drive`] polls a build and, while
//! it sleeps, asks [`Choices`] what happens next; so an interleaving is a list of choices. [`Seeded`] takes some,
//! [`every_interleaving`] all. Nothing here knows a build: whatever is a future can be driven, and judged by the
//! rules of futures: it must be awake whenever it was woken, and only then.

mod choices;
mod drive;
mod thread;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub use choices::{Choices, Path, Seeded, every_interleaving};
pub use drive::{Driven, Stuck, drive};
use thread::Gate;

/// What a piece of work is called.
pub type WorkLabel = Rc<str>;

/// The outside world. Clones are the same world.
#[derive(Clone, Default)]
pub struct Outside {
    world: Rc<RefCell<World>>,
}

#[derive(Default)]
struct World {
    several: bool,
    false_alarms: bool,
    /// A piece that has ended wakes nobody.
    silent: bool,
    /// What is underway, by the number under which it began.
    pieces: BTreeMap<u64, Piece>,
    begun: u64,
    abandoned: usize,
    crowds: Vec<Vec<WorkLabel>>,
}

struct Piece {
    label: WorkLabel,
    ended: bool,
    end: End,
}

/// How a piece is told that it has ended.
enum End {
    Wake(Waker),
    /// A thread waits at this gate.
    Open(Gate),
}

impl Outside {
    /// A world in which one piece ends at a time, and nobody is woken without cause.
    pub fn new() -> Self {
        Outside::default()
    }

    /// From now on several pieces may end before the build is polled again.
    #[must_use]
    pub fn several(self) -> Self {
        self.world.borrow_mut().several = true;
        self
    }

    /// From now on the build may be polled although nothing has happened (but not twice in a row).
    #[must_use]
    pub fn false_alarms(self) -> Self {
        self.world.borrow_mut().false_alarms = true;
        self
    }

    /// From now on work breaks the rule of futures: it wakes nobody when it has ended.
    pub(crate) fn be_silent(&self) {
        self.world.borrow_mut().silent = true;
    }

    /// A piece of work. It is underway from its first poll until the world has it end and it was polled again, or
    /// until it is dropped.
    pub fn work(&self, label: impl Into<WorkLabel>) -> Work {
        Work { outside: self.clone(), label: label.into(), number: None }
    }

    /// What is underway, in the order in which it began.
    pub fn underway(&self) -> Vec<WorkLabel> {
        self.world.borrow().pieces.values().map(|piece| piece.label.clone()).collect()
    }

    /// What was underway each time that a piece began, that piece last.
    pub fn crowds(&self) -> Vec<Vec<WorkLabel>> {
        self.world.borrow().crowds.clone()
    }

    /// The most that was ever underway at once, of the pieces whose labels count.
    pub fn most(&self, counts: impl Fn(&str) -> bool) -> usize {
        let sizes = |crowd: &Vec<WorkLabel>| crowd.iter().filter(|label| counts(label)).count();
        self.world.borrow().crowds.iter().map(sizes).max().unwrap_or(0)
    }

    /// Everything that ever began, in order.
    pub fn begun(&self) -> Vec<WorkLabel> {
        self.world.borrow().crowds.iter().filter_map(|crowd| crowd.last().cloned()).collect()
    }

    /// How many pieces were dropped before the world had them end.
    pub fn abandoned(&self) -> usize {
        self.world.borrow().abandoned
    }

    fn begin(&self, label: WorkLabel, end: End) -> u64 {
        let mut world = self.world.borrow_mut();
        world.begun += 1;
        let number = world.begun;
        world.pieces.insert(number, Piece { label, ended: false, end });
        let crowd = world.pieces.values().map(|piece| piece.label.clone()).collect();
        world.crowds.push(crowd);
        number
    }

    /// Whether a piece has ended; if not, whom to wake then.
    fn has_ended(&self, number: u64, waker: &Waker) -> bool {
        let mut world = self.world.borrow_mut();
        let Some(piece) = world.pieces.get_mut(&number) else { return true };
        if let End::Wake(known) = &mut piece.end {
            known.clone_from(waker);
        }
        piece.ended
    }

    fn forget(&self, number: u64) {
        let mut world = self.world.borrow_mut();
        let forgotten = world.pieces.remove(&number);
        world.abandoned += usize::from(forgotten.as_ref().is_some_and(|piece| !piece.ended));
        drop(world);
        // Its waker may be the last to hold something that asks this world.
        drop(forgotten);
    }

    /// The pieces that can end: some are chosen.
    fn choose(&self, choices: &mut dyn Choices) -> Vec<u64> {
        let world = self.world.borrow();
        let able: Vec<u64> = world.pieces.iter().filter(|(_, piece)| !piece.ended).map(|(&number, _)| number).collect();
        if able.is_empty() {
            return able;
        }
        if !world.several {
            return vec![able[choices.choose(able.len())]];
        }
        let mut chosen = Vec::new();
        for (position, &number) in able.iter().enumerate() {
            // Somebody must.
            let must = chosen.is_empty() && position + 1 == able.len();
            if choices.choose(if must { 1 } else { 2 }) == 0 {
                chosen.push(number);
            }
        }
        chosen
    }

    /// Has pieces end; their labels.
    fn end(&self, chosen: &[u64]) -> Vec<WorkLabel> {
        let mut labels = Vec::new();
        for number in chosen {
            let mut world = self.world.borrow_mut();
            let silent = world.silent;
            let Some(piece) = world.pieces.get_mut(number) else { continue };
            piece.ended = true;
            labels.push(piece.label.clone());
            match &piece.end {
                End::Wake(_) if silent => {}
                End::Wake(waker) => {
                    let waker = waker.clone();
                    drop(world);
                    waker.wake();
                }
                End::Open(gate) => {
                    let gate = gate.clone();
                    drop(world);
                    gate.open();
                }
            }
        }
        labels
    }

    /// Whether nothing is left that could end.
    fn is_idle(&self) -> bool {
        self.world.borrow().pieces.values().all(|piece| piece.ended)
    }

    fn has_false_alarms(&self) -> bool {
        self.world.borrow().false_alarms
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outside").field(&self.underway()).finish()
    }
}

/// The future of [`Outside::work`].
#[derive(Debug)]
#[must_use = "work that nobody polls does not begin"]
pub struct Work {
    outside: Outside,
    label: WorkLabel,
    number: Option<u64>,
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(number) = self.number else {
            let number = self.outside.begin(self.label.clone(), End::Wake(cx.waker().clone()));
            self.number = Some(number);
            return Poll::Pending;
        };
        if !self.outside.has_ended(number, cx.waker()) {
            return Poll::Pending;
        }
        self.outside.forget(number);
        Poll::Ready(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.outside.forget(number);
        }
    }
}
