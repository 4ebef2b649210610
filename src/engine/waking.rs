//! Who is to be polled again: every task has a waker of its own.
//!
//! What a task awaits outside the build wakes that task and no other, so a wake-up costs one poll however many tasks
//! wait. It also reaches a task that waits for keys at the same time: a timer beside a fetch is seen when it fires.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use atomic_waker::AtomicWaker;

/// The slots that were woken since this was last asked.
#[derive(Default)]
pub(crate) struct Woken {
    slots: Mutex<Vec<u32>>,
    /// The waker of the build itself.
    build: AtomicWaker,
}

impl Woken {
    /// The build is polled: it is to be woken from now on in this way.
    pub fn enter(&self, cx: &Context<'_>) {
        self.build.register(cx.waker());
    }

    /// Takes the slots that were woken.
    pub fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether any was woken since.
    pub fn any(&self) -> bool {
        !self.slots.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// The waker of the tasks that one slot serves, one after the other.
pub(crate) struct TaskWaker {
    slot: u32,
    /// It is on the list already.
    listed: AtomicBool,
    woken: Arc<Woken>,
}

/// A slot's waker, as the engine keeps it.
pub(crate) struct SlotWaker {
    task: Arc<TaskWaker>,
    /// The same, as futures are shown it.
    pub waker: Waker,
}

impl SlotWaker {
    pub fn new(slot: u32, woken: &Arc<Woken>) -> Self {
        let task = Arc::new(TaskWaker { slot, listed: AtomicBool::new(false), woken: Arc::clone(woken) });
        SlotWaker { waker: Waker::from(Arc::clone(&task)), task }
    }

    /// The task is polled now: what woke it before has been seen to.
    pub fn seen(&self) {
        self.task.listed.store(false, Ordering::Release);
    }

    /// Whether the task was woken and not polled since.
    pub fn is_woken(&self) -> bool {
        self.task.listed.load(Ordering::Acquire)
    }

    /// Whether anything keeps the waker to call it later, or has called it since the task was polled. (In this order: a
    /// thread calls it before it lets go of it.)
    pub fn is_kept(&self) -> bool {
        Arc::strong_count(&self.task) > 2 || self.is_woken()
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.woken.slots.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
            self.woken.build.wake();
        }
    }
}
