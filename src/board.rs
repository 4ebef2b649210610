//! The board: the state of every key while a build runs.
//!
//! One column of nodes, indexed by [`KeyId`], read by fetches, questions and the engine alike. A key is up to
//! date when its node is stamped with the board's *revision*: raising the revision makes every key of the last
//! build questionable again, with one assignment, without visiting any.

use crate::error::{Reasoned, TaskError};
use crate::fingerprint::Fingerprint;
use crate::key::{Key, KeyId, Keys};

/// One key's state: a revision, or one of the special values below.
pub(crate) type State = u32;

/// Never brought up to date, or no longer.
pub(crate) const STALE: State = 0;
/// Its task failed in this build.
pub(crate) const FAILED: State = 1 << 30;
/// Being brought up to date; the low bits are the number of its slot.
pub(crate) const ACTIVE: State = 1 << 31;

/// Whether the node's `input` flag is right for the tasks of today.
pub(crate) const CLASSIFIED: u8 = 1;
/// The key has no task.
pub(crate) const INPUT: u8 = 2;
/// The store was asked for the key's value, or the build made it.
pub(crate) const LOADED: u8 = 4;
/// The task's definition is in `Board::definitions`.
pub(crate) const DEFINED: u8 = 8;

/// The journal told the fingerprint; the value itself was not loaded yet.
pub(crate) const REMEMBERED: u8 = 16;

/// The key's last event is that it was built or restored here.
pub(crate) const BUILT: u8 = 32;

pub(crate) struct Node<V> {
    pub value: Option<V>,
    /// The fingerprint of `value`; means nothing without one.
    pub fingerprint: Fingerprint,
    pub state: State,
    pub flags: u8,
}

impl<V> Node<V> {
    pub fn current(&self) -> Option<Fingerprint> {
        self.value.as_ref().map(|_| self.fingerprint)
    }

    /// The same, also if only the journal knows it.
    pub fn known(&self) -> Option<Fingerprint> {
        if self.has(REMEMBERED) { Some(self.fingerprint) } else { self.current() }
    }

    pub fn classify(&mut self, input: bool) {
        self.flags = self.flags & !INPUT | CLASSIFIED | if input { INPUT } else { 0 };
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Marks a recorded dependency as fetched together with the one before it.
pub(crate) const GROUPED: u32 = 1 << 31;

pub(crate) struct Pool {
    pub name: String,
    pub depth: usize,
    pub free: usize,
}

pub(crate) struct Board<K, V> {
    pub keys: Keys<K>,
    pub nodes: Vec<Node<V>>,
    pub definitions: Vec<Fingerprint>,
    pub revision: State,
    /// What the task that is being polled has fetched: raw ids, some of them [`GROUPED`].
    pub recorder: Vec<u32>,
    /// What it fetched in this poll that is not up to date.
    pub missing: Vec<KeyId>,
    /// It fetched a key that failed.
    pub met_failure: Option<KeyId>,
    /// It said that its value may not be kept.
    pub volatile: bool,
    /// Keys to bring up to date that nobody waits for.
    pub detached: Vec<KeyId>,
    /// How deep inside outside work the task is.
    pub working: u32,
    /// It fetched this key, which is not up to date, inside outside work.
    pub fetched_at_work: Option<KeyId>,
    /// The pool of which it wants a place.
    pub wants: Option<usize>,
    /// A place in some pool came free.
    pub freed: bool,
    pub pools: Vec<Pool>,
    pub fetches: u64,
}

/// The pool that bounds all outside work.
pub(crate) const JOBS: usize = 0;

pub(crate) enum Look<T> {
    Ready(T),
    Missing,
    Failed,
}

impl<K: Key, V: Clone> Board<K, V> {
    pub fn new() -> Self {
        Board {
            keys: Keys::default(),
            nodes: Vec::new(),
            definitions: Vec::new(),
            revision: 1,
            recorder: Vec::new(),
            missing: Vec::new(),
            met_failure: None,
            volatile: false,
            detached: Vec::new(),
            working: 0,
            fetched_at_work: None,
            wants: None,
            freed: false,
            pools: vec![Pool { name: "jobs".into(), depth: 1, free: 1 }],
            fetches: 0,
        }
    }

    pub fn intern(&mut self, key: &K) -> KeyId {
        let id = self.keys.intern(key);
        self.cover();
        id
    }

    /// Makes every key of the last build questionable.
    pub fn next_revision(&mut self) {
        self.revision += 1;
        if self.revision >= FAILED {
            // After a thousand million builds the numbers are used again.
            self.nodes.iter_mut().for_each(|node| node.state = STALE);
            self.revision = 1;
        }
    }

    /// Gives every interned key a node.
    pub fn cover(&mut self) {
        while self.nodes.len() < self.keys.len() {
            self.nodes.push(Node { value: None, fingerprint: Fingerprint::default(), state: STALE, flags: 0 });
        }
    }

    /// Whether a key is up to date, and if so, its node.
    #[inline]
    pub fn look(&mut self, id: KeyId) -> Look<&Node<V>> {
        let revision = self.revision;
        let node = &mut self.nodes[id.index()];
        if node.state == revision {
            return Look::Ready(node);
        }
        if node.state == FAILED {
            return Look::Failed;
        }
        // An input needs no work: what the store reported of it is what it holds.
        if node.has(INPUT) && node.value.is_some() && node.state & ACTIVE == 0 {
            node.state = revision;
            return Look::Ready(node);
        }
        Look::Missing
    }

    /// A task's fetch of one key.
    #[inline]
    pub fn fetch(&mut self, id: KeyId, record: bool) -> Look<V> {
        if record {
            self.record(id);
        }
        match self.look(id) {
            Look::Ready(node) => match &node.value {
                Some(value) => {
                    let value = value.clone();
                    Look::Ready(value)
                }
                None => self.fail(id),
            },
            Look::Failed => self.fail(id),
            Look::Missing => {
                self.miss(id);
                Look::Missing
            }
        }
    }

    /// Notes that a fetched key is not up to date.
    pub fn miss(&mut self, id: KeyId) {
        self.missing.push(id);
        if self.working > 0 {
            self.fetched_at_work.get_or_insert(id);
        }
    }

    pub fn fail<T>(&mut self, id: KeyId) -> Look<T> {
        self.met_failure.get_or_insert(id);
        Look::Failed
    }

    #[inline]
    pub fn record(&mut self, id: KeyId) {
        self.fetches += 1;
        let raw = id.to_raw();
        // A task that asks twice in a row learns nothing new; other repetitions are dropped when it is done.
        if self.recorder.last().is_none_or(|last| last & !GROUPED != raw) {
            self.recorder.push(raw);
        }
    }

    /// Records a key of a group; every group begins with one that is not `grouped`.
    #[inline]
    pub fn record_in_group(&mut self, id: KeyId, grouped: bool) {
        self.fetches += 1;
        self.recorder.push(id.to_raw() | if grouped { GROUPED } else { 0 });
    }

    pub fn free_places(&self) -> isize {
        self.pools.iter().map(|pool| pool.free as isize).sum()
    }

    /// The fingerprint of a key's value, or of a task's definition.
    pub fn fingerprint(&self, id: KeyId) -> Option<Fingerprint> {
        let node = self.nodes.get(id.index())?;
        if !id.is_definition() {
            node.current()
        } else if node.has(DEFINED) {
            self.definitions.get(id.index()).copied()
        } else {
            None
        }
    }

    pub fn define(&mut self, id: KeyId, definition: Fingerprint) {
        let index = id.index();
        if self.definitions.len() <= index {
            self.definitions.resize(self.nodes.len().max(index + 1), Fingerprint::default());
        }
        self.definitions[index] = definition;
        self.nodes[index].flags |= DEFINED;
    }
}

pub(crate) fn fetch_failed() -> TaskError {
    TaskError(Reasoned::Fetch)
}
