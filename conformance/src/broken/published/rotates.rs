//! The published queue in a circle: a key that lacks something goes to its end, and is given again when its turn comes. Where
//! keys wait for each other, the queue is never empty.
//!
//! Our engine starts no key before what it waits for is there. So what is left of the defect is that the queue does not end.

use std::collections::{HashSet, VecDeque};

use alacarte_core::{KeyId, Metadata, Scheduler};

use super::super::twist::Twist;

/// Gives keys that wait once more when nothing else is left, and once more.
#[derive(Debug, Default)]
pub struct Rotates {
    given: Option<KeyId>,
    known: HashSet<KeyId>,
    waiting: VecDeque<KeyId>,
}

impl Twist for Rotates {
    fn planned(&mut self, _: &mut dyn Scheduler, _: &Metadata) {
        *self = Rotates::default();
    }

    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
        // One that is new, the key that was given last waits for; one that is not waits no more.
        if self.known.insert(key) {
            self.waiting.extend(self.given.take());
        } else {
            self.waiting.retain(|&waiting| waiting != key);
        }
        inner.push(key, metadata);
    }

    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        self.given = inner.pop();
        self.known.extend(self.given);
        if self.given.is_none() {
            self.waiting.rotate_left(usize::from(!self.waiting.is_empty()));
        }
        self.given.or(self.waiting.back().copied())
    }
}
