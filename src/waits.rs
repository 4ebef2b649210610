//! What the pending futures of tasks wait for.
//!
//! An executor owes every future that answered `Pending` a call of its waker. A fetch that is not up to date takes a
//! *ticket*, which keeps that waker and counts the keys that are still to come; so does a wait for a permit of a pool. A
//! combinator that polls only those of its futures that were woken (`FuturesUnordered`, a long `join_all`) is woken for
//! each of them. A ticket is given back when its future is dropped, so a task waits for nothing that it has given up.
//!
//! A future that is polled with the waker of the task itself needs no waker of its own: the engine polls the task.

use std::task::Waker;

/// One thing that a future waits for. It outlives what it stands for: an old ticket is known as such.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket {
    index: u32,
    generation: u32,
}

struct Wait {
    generation: u32,
    slot: u32,
    /// The task of that slot which waits; another task may have the slot later.
    task: u32,
    /// The keys, or permits, that are still to come.
    left: u32,
    /// Keys: as long as any is to come, the task is blocked.
    blocks: bool,
    /// Of a future that is polled with another waker than that of its task.
    waker: Option<Waker>,
}

/// How many tickets for keys a slot's task holds.
#[derive(Clone, Copy, Default)]
struct Held {
    task: u32,
    keys: u32,
}

/// A ticket whose last key has come.
pub(crate) struct Arrival {
    /// The slot whose task waited.
    pub slot: u32,
    /// The waker to call, once nothing is borrowed.
    pub waker: Option<Waker>,
    /// The task waits for other keys still.
    pub blocked: bool,
}

/// All tickets of a build.
#[derive(Default)]
pub(crate) struct Waits {
    waits: Vec<Wait>,
    free: Vec<u32>,
    held: Vec<Held>,
    /// The task that is being polled.
    polled: Polled,
}

/// What is to be known of the task that is being polled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Polled {
    /// Its slot.
    slot: u32,
    /// The address of its own waker.
    own_waker: usize,
    /// A future that still waited was dropped since it was entered.
    given_up: bool,
}

impl Waits {
    /// So many slots serve tasks.
    pub fn cover(&mut self, slots: usize) {
        if self.held.len() < slots {
            self.held.resize(slots, Held::default());
        }
    }

    /// How many slots served tasks at once, in this build or an earlier one.
    pub fn covered(&self) -> usize {
        self.held.len()
    }

    /// A slot has served its task: what that waited for is void.
    pub fn end(&mut self, slot: u32) {
        let held = &mut self.held[slot as usize];
        *held = Held { task: held.task.wrapping_add(1), keys: 0 };
    }

    /// The task of this slot is polled next, with a waker at this address.
    pub fn enter(&mut self, slot: u32, own_waker: &Waker) {
        self.polled = Polled { slot, own_waker: own_waker.data() as usize, given_up: false };
    }

    /// The task that is being polled, for the time when its poll goes on after that of others.
    pub fn polled(&self) -> Polled {
        self.polled
    }

    /// The poll of this task goes on.
    pub fn enter_again(&mut self, polled: Polled) {
        self.polled = polled;
    }

    /// The task that is being polled waits for so many keys.
    pub fn for_keys(&mut self, keys: u32, waker: &Waker) -> Ticket {
        let waker = self.foreign(waker);
        self.take(self.polled.slot, true, keys, waker)
    }

    /// The task of this slot as a whole waits for so many keys.
    pub fn for_task(&mut self, slot: u32, keys: u32) -> Ticket {
        self.take(slot, true, keys, None)
    }

    /// The task that is being polled waits for a permit.
    pub fn for_permit(&mut self, waker: &Waker) -> Ticket {
        let waker = self.foreign(waker);
        self.take(self.polled.slot, false, 1, waker)
    }

    fn foreign(&self, waker: &Waker) -> Option<Waker> {
        (waker.data() as usize != self.polled.own_waker).then(|| waker.clone())
    }

    fn take(&mut self, slot: u32, blocks: bool, left: u32, waker: Option<Waker>) -> Ticket {
        let held = &mut self.held[slot as usize];
        let task = held.task;
        held.keys += u32::from(blocks);
        let index = self.free.pop().unwrap_or_else(|| {
            self.waits.push(Wait { generation: 0, slot, task, left, blocks, waker: None });
            (self.waits.len() - 1) as u32
        });
        let wait = &mut self.waits[index as usize];
        *wait = Wait { generation: wait.generation.wrapping_add(1), slot, task, left, blocks, waker };
        Ticket { index, generation: wait.generation }
    }

    /// The future is polled again while it waits; whether it does still.
    pub fn again(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        let foreign = waker.data() as usize != self.polled.own_waker;
        let Some(wait) = self.waits.get_mut(ticket.index as usize).filter(|wait| wait.generation == ticket.generation)
        else {
            return false;
        };
        match &mut wait.waker {
            Some(known) if foreign => known.clone_from(waker),
            known => *known = foreign.then(|| waker.clone()),
        }
        wait.left > 0
    }

    /// The future has what it waited for, or is dropped.
    pub fn give_back(&mut self, ticket: Ticket) {
        if let Some(left) = self.left(ticket) {
            if left > 0 {
                self.polled.given_up = true;
                self.count_down(ticket.index);
            }
            let wait = &mut self.waits[ticket.index as usize];
            wait.generation = wait.generation.wrapping_add(1);
            wait.waker = None;
            self.free.push(ticket.index);
        }
    }

    fn left(&self, ticket: Ticket) -> Option<u32> {
        let wait = self.waits.get(ticket.index as usize)?;
        (wait.generation == ticket.generation).then_some(wait.left)
    }

    /// The slot whose task holds this ticket, unless it has given that back. (The caller knows of a key that is still
    /// to come.)
    pub fn waiting(&self, ticket: Ticket) -> Option<u32> {
        let wait = self.waits.get(ticket.index as usize)?;
        let live = wait.generation == ticket.generation && self.held[wait.slot as usize].task == wait.task;
        live.then_some(wait.slot)
    }

    /// One of the keys, or the permit, that this ticket waits for has come; what follows if it was the last.
    pub fn arrived(&mut self, ticket: Ticket) -> Option<Arrival> {
        let slot = self.waiting(ticket)?;
        let wait = &mut self.waits[ticket.index as usize];
        wait.left -= 1;
        if wait.left > 0 {
            return None;
        }
        let waker = wait.waker.take();
        self.count_down(ticket.index);
        Some(Arrival { slot, waker, blocked: self.is_blocked(slot) })
    }

    fn count_down(&mut self, index: u32) {
        let wait = &self.waits[index as usize];
        let held = &mut self.held[wait.slot as usize];
        if held.task == wait.task {
            held.keys -= u32::from(wait.blocks);
        }
    }

    /// Whether a future was dropped that still waited, since a task was last entered.
    pub fn any_given_up(&self) -> bool {
        self.polled.given_up
    }

    /// Whether the task of this slot waits for keys.
    pub fn is_blocked(&self, slot: u32) -> bool {
        self.held[slot as usize].keys > 0
    }
}
