//! How a task waits for two things at once.
//!
//! The combinators of `futures` differ in what they poll: `join!` polls everything each time that the task is polled,
//! `FuturesUnordered` only what was woken, with wakers of its own. An executor owes them all the same.

use std::fmt;
use std::future::Future;

use futures::future::{Either, LocalBoxFuture, select};
use futures::stream::{self, FuturesUnordered, StreamExt};

/// A way to wait for several futures at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Combines {
    /// `join!`: all are polled whenever the task is.
    #[default]
    Join,
    /// `FuturesUnordered`: those are polled that were woken.
    Unordered,
    /// A stream that keeps two underway.
    Buffered,
    /// `select`, then what is left: while it waits for the second, the first is gone.
    Select,
}

impl Combines {
    /// All of them.
    pub const ALL: [Combines; 4] = [Combines::Join, Combines::Unordered, Combines::Buffered, Combines::Select];

    /// Waits for both.
    pub async fn both<T>(self, a: impl Future<Output = T>, b: impl Future<Output = T>) -> (T, T) {
        match self {
            Combines::Join => futures::join!(a, b),
            Combines::Select => match select(Box::pin(a), Box::pin(b)).await {
                Either::Left((a, b)) => (a, b.await),
                Either::Right((b, a)) => (a.await, b),
            },
            Combines::Unordered | Combines::Buffered => {
                let one = async { (true, a.await) };
                let other = async { (false, b.await) };
                let both: [LocalBoxFuture<'_, (bool, T)>; 2] = [Box::pin(one), Box::pin(other)];
                let mut ended = match self {
                    Combines::Unordered => both.into_iter().collect::<FuturesUnordered<_>>().left_stream(),
                    _ => stream::iter(both).buffer_unordered(2).right_stream(),
                };
                match (ended.next().await, ended.next().await) {
                    (Some((true, a)), Some((_, b))) | (Some((_, b)), Some((true, a))) => (a, b),
                    _ => unreachable!("each of the two ends once"),
                }
            }
        }
    }
}

impl fmt::Display for Combines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Combines::Join => "join!",
            Combines::Unordered => "FuturesUnordered",
            Combines::Buffered => "buffer_unordered",
            Combines::Select => "select",
        })
    }
}
