//! Work on threads of its own, one step at a time: a thread waits at a gate until the world has its work end, and
//! the world waits until the thread has woken whom it should. So real threads take turns, and play the same twice.

use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use alacarte_core::{Result, off_thread};

use super::{End, Outside, WorkLabel};

/// How long a thread may take to wake somebody before the wake-up counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a thread waits.
#[derive(Clone)]
pub(super) struct Gate {
    open: Sender<()>,
    bell: Arc<Doorbell>,
}

impl Gate {
    /// Lets the thread pass, and waits until it has woken somebody.
    pub fn open(&self) {
        if self.open.send(()).is_ok() {
            self.bell.wait();
        }
    }
}

/// Notes that a thread has woken somebody, and passes it on.
#[derive(Default)]
struct Doorbell {
    state: Mutex<(bool, Option<Waker>)>,
    rung: Condvar,
}

impl Doorbell {
    fn expect(&self, waker: &Waker) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(waker.clone());
    }

    fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(state, PATIENCE, |(rung, _)| !*rung));
    }
}

impl Wake for Doorbell {
    fn wake(self: Arc<Self>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
        state.0 = true;
        self.rung.notify_all();
    }
}

/// Forgets a piece when it ends or is dropped.
struct Underway<'o> {
    outside: &'o Outside,
    number: u64,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.outside.forget(self.number);
    }
}

impl Outside {
    /// A piece of work on a thread ([`off_thread`]), which begins when the world has the piece end.
    ///
    /// # Errors
    /// As [`off_thread`].
    pub async fn on_thread<T: Send + 'static>(
        &self,
        label: impl Into<WorkLabel>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (open, closed): (Sender<()>, Receiver<()>) = channel();
        let bell = Arc::new(Doorbell::default());
        let number = self.begin(label.into(), End::Open(Gate { open, bell: bell.clone() }));
        let _underway = Underway { outside: self, number };
        // If nobody opens the gate, it is because nobody wants the answer.
        let work = off_thread(move || closed.recv().ok().map(|()| work()));
        let waker = Waker::from(bell.clone());
        let mut work = pin!(work);
        let answer = std::future::poll_fn(|cx| {
            bell.expect(cx.waker());
            work.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await?;
        answer.ok_or_else(|| alacarte_core::TaskError::new("the gate was never opened"))
    }
}
