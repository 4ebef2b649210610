//! Orders that are none.

use alacarte_core::{KeyId, Metadata, Scheduler, WhenBlocked};
use alacarte_metadata::CalcChain;

use super::fixture::Fixture;
use super::twist::Twist;
use crate::laws::Promises;

/// Loses every other key that can go on.
#[derive(Debug, Default)]
pub struct Loses {
    pushed: usize,
}

impl Twist for Loses {
    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
        self.pushed += 1;
        if self.pushed % 2 == 1 {
            inner.push(key, metadata);
        }
    }
}

/// Puts every key that it ever saw on the queue, as Excel and the published model walk the whole calc chain.
#[derive(Debug, Default)]
pub struct WholeChain {
    known: Vec<KeyId>,
}

impl Twist for WholeChain {
    fn planned(&mut self, inner: &mut dyn Scheduler, metadata: &Metadata) {
        for &key in &self.known {
            inner.push(key, metadata);
        }
    }
    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
        self.known.push(key);
        inner.push(key, metadata);
    }
}

/// Forgets the chain: every key counts as new in every build.
#[derive(Debug)]
pub struct Unchained {
    empty: Metadata,
}

impl Default for Unchained {
    fn default() -> Self {
        let mut empty = Metadata::default();
        empty.install::<CalcChain>();
        Unchained { empty }
    }
}

impl Twist for Unchained {
    fn metadata<'m>(&'m self, _: &'m Metadata) -> &'m Metadata {
        &self.empty
    }
    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, _: &Metadata) {
        inner.push(key, &self.empty);
    }
}

/// Says that an order exists where none was made: a task that has to wait is refused.
#[derive(Debug, Default)]
pub struct Refuses;

impl Twist for Refuses {
    fn when_blocked(&self, _: &dyn Scheduler) -> WhenBlocked {
        WhenBlocked::Refuse
    }
}

/// Drops a task that has to wait, and claims to start none twice.
#[derive(Debug, Default)]
pub struct Drops;

impl Twist for Drops {
    fn when_blocked(&self, _: &dyn Scheduler) -> WhenBlocked {
        WhenBlocked::Drop
    }
}

/// Takes keys by twos, the later one first: an edge between the two is ignored.
#[derive(Debug, Default)]
pub struct IgnoresEdge {
    held: Option<KeyId>,
}

impl Twist for IgnoresEdge {
    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        self.held.take().or_else(|| {
            let first = inner.pop()?;
            match inner.pop() {
                None => Some(first),
                second => {
                    self.held = Some(first);
                    second
                }
            }
        })
    }
}

/// Takes the whole order backwards, dependents first.
#[derive(Debug, Default)]
pub struct Reversed {
    taken: Vec<KeyId>,
}

impl Twist for Reversed {
    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        self.taken.extend(std::iter::from_fn(|| inner.pop()));
        self.taken.pop()
    }
}

/// Keeps its order though tasks were replaced.
#[derive(Debug, Default)]
pub struct OldOrder;

impl Twist for OldOrder {
    fn generation(&self, _: u64) -> u64 {
        0
    }
}

/// Follows suspects, and forgets those that it is told of while the build runs.
#[derive(Debug, Default)]
pub struct Deaf;

impl Twist for Deaf {
    fn suspect(&mut self, _: &mut dyn Scheduler, _: KeyId) {}
}

/// Says of every build that it was complete.
#[derive(Debug, Default)]
pub struct Optimist;

impl Twist for Optimist {
    fn complete(&self, _: bool) -> bool {
        true
    }
}

/// Always says that it follows suspects, whatever the targets and whether or not there is an order.
#[derive(Debug, Default)]
pub struct Follower;

impl Twist for Follower {
    fn follows_suspects(&self, _: bool) -> bool {
        true
    }
}

/// Says of every key that all it declares came before it.
#[derive(Debug, Default)]
pub struct Precedes;

impl Twist for Precedes {
    fn precedes(&self, _: bool) -> bool {
        true
    }
}

/// Says of nothing that it may be fetched.
#[derive(Debug, Default)]
pub struct Forbids;

impl Twist for Forbids {
    fn may_fetch(&self, _: bool) -> bool {
        false
    }
}

/// Says of everything that it may be fetched: luck passes for order.
#[derive(Debug, Default)]
pub struct Permits;

impl Twist for Permits {
    fn may_fetch(&self, _: bool) -> bool {
        true
    }
}

/// Gives every key twice. The engine minds: a key that is up to date is not visited again.
#[derive(Debug, Default)]
pub struct Stutters {
    last: Option<KeyId>,
}

impl Twist for Stutters {
    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        let again = self.last.take();
        if again.is_none() {
            self.last = inner.pop();
            return self.last;
        }
        again
    }
}

/// Looks at its first key, and leaves it on the queue.
#[derive(Debug, Default)]
pub struct NeverTakes {
    first: Option<KeyId>,
}

impl Twist for NeverTakes {
    fn planned(&mut self, _: &mut dyn Scheduler, _: &Metadata) {
        self.first = None;
    }
    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        self.first = self.first.or_else(|| inner.pop());
        self.first
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong, scheduler| Fixture::new(name, wrong, "verifying-trace").under(scheduler);
    let bits = |name, wrong| Fixture::new(name, wrong, "dirty-bit").under("topological");
    vec![
        new("loses-keys", "every other key that can go on is lost", "restarting")
            .twisted::<Loses>()
            .caught_by(&["honest"]),
        new("whole-chain", "starts whatever it ever saw, reached or not", "suspending")
            .twisted::<WholeChain>()
            .theory("defect: restarting with a chain")
            .caught_by(&["reached-only"]),
        new("never-takes", "looks at its first key, and leaves it on the queue", "suspending")
            .twisted::<NeverTakes>()
            .caught_by(&["honest"]),
        new("refuses", "refuses a task that has to wait, without an order", "suspending")
            .twisted::<Refuses>()
            .caught_by(&["honest"]),
        new("ignores-an-edge", "takes a key before the one that it needs", "topological")
            .twisted::<IgnoresEdge>()
            .caught_by(&["honest"]),
        new("reversed", "takes dependents first", "topological").twisted::<Reversed>().caught_by(&["honest"]),
        new("starts-anew", "drops a task that has to wait, and claims to start none twice", "suspending")
            .twisted::<Drops>()
            .promising(Promises { starts_once: true, ..Promises::default() })
            .caught_by(&["starts-once"]),
        new("old-order", "keeps its order though tasks were replaced", "topological")
            .twisted::<OldOrder>()
            .caught_by(&["honest", "reached-only"]),
        new("forbids", "says of nothing that it may be fetched", "topological")
            .twisted::<Forbids>()
            .caught_by(&["honest"]),
        // (A target that it forgets is one that it never gives.)
        bits("deaf", "forgets suspects that come up during the build")
            .twisted::<Deaf>()
            .caught_by(&["correct", "honest"]),
        bits("optimist", "says of every build that it was complete")
            .twisted::<Optimist>()
            .missing()
            .caught_by(&["correct", "honest"]),
        bits("follower", "follows suspects whatever the targets")
            .twisted::<Follower>()
            .caught_by(&["correct", "honest"]),
        new("precedes", "says of every key that what it declares came before", "topological")
            .twisted::<Precedes>()
            .styled(|style| style.detached = true)
            .caught_by(&["honest"]),
        new("permits", "luck passes for order", "topological").twisted::<Permits>().unseen("undeclared dependencies"),
        new("unchained", "forgets the calc chain", "restarting").twisted::<Unchained>().unseen("a count of restarts"),
    ]
}
