//! Polls a future by the rules, and has the outside world go on while it sleeps.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use super::{Choices, Outside, WorkLabel};

/// How a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driven<T> {
    /// The future has ended.
    Ended(T),
    /// It was dropped before.
    Dropped,
}

impl<T> Driven<T> {
    /// What the future gave, if it has ended.
    pub fn ended(self) -> Option<T> {
        match self {
            Driven::Ended(output) => Some(output),
            Driven::Dropped => None,
        }
    }
}

/// What is wrong with a future.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stuck {
    /// It is pending, but was not woken, and nothing is underway outside that would wake it. (These have ended, but it
    /// did not look.)
    Asleep(Vec<WorkLabel>),
    /// These ended, and the waker of its last poll was not called.
    LostWakeUp(Vec<WorkLabel>),
    /// It wakes itself again and again.
    Restless,
    /// It is gone, but these are still underway.
    LeftBehind(Vec<WorkLabel>),
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Asleep(ended) if ended.is_empty() => write!(f, "it sleeps for ever: nothing is underway outside"),
            Stuck::Asleep(ended) => write!(f, "it sleeps for ever: {} ended, and it did not look", ended.join(", ")),
            Stuck::LostWakeUp(ended) => write!(f, "a lost wake-up: {} ended, and it was not woken", ended.join(", ")),
            Stuck::Restless => write!(f, "it wakes itself again and again"),
            Stuck::LeftBehind(left) => write!(f, "it is gone, and left {} underway", left.join(", ")),
        }
    }
}

impl std::error::Error for Stuck {}

impl From<Stuck> for String {
    fn from(stuck: Stuck) -> String {
        stuck.to_string()
    }
}

/// How often a future may wake itself while nothing happens outside.
const PATIENCE: usize = 100_000;

/// Rung when the future is woken. Each poll has one of its own: a future must remember the waker of its last poll.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls a future to its end, or drops it after so many polls, and has the world go on each time that it sleeps.
/// It is polled when it was woken, and otherwise only if the world has false alarms.
///
/// # Errors
/// If the future breaks a rule.
pub fn drive<F: Future>(
    future: F,
    outside: &Outside,
    choices: &mut dyn Choices,
    stop_after: Option<usize>,
) -> Result<Driven<F::Output>, Stuck> {
    let mut future = Box::pin(future);
    let mut polls = 0;
    let mut restless = 0;
    let mut alarmed = false;
    let driven = loop {
        if stop_after == Some(polls) {
            break Driven::Dropped;
        }
        polls += 1;
        let bell = Arc::new(Bell::default());
        let waker = bell.clone().into();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            break Driven::Ended(output);
        }
        if stop_after == Some(polls) {
            break Driven::Dropped;
        }
        if bell.0.load(Ordering::Acquire) {
            restless += 1;
            if restless == PATIENCE {
                return Err(Stuck::Restless);
            }
            continue;
        }
        restless = 0;
        if outside.is_idle() {
            return Err(Stuck::Asleep(outside.underway()));
        }
        alarmed = outside.has_false_alarms() && !alarmed && choices.choose(2) == 1;
        if alarmed {
            continue;
        }
        let chosen = outside.choose(choices);
        let ended = outside.end(&chosen);
        if !bell.0.load(Ordering::Acquire) {
            return Err(Stuck::LostWakeUp(ended));
        }
    };
    drop(future);
    match outside.underway() {
        left if left.is_empty() => Ok(driven),
        left => Err(Stuck::LeftBehind(left)),
    }
}
