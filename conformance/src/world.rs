//! The world in which a scenario is played: a store that others write to, a clock that may be set back, copies
//! of values that get lost, and what a task can look at without fetching it.
//!
//! It outlives the processes of a scenario. What a build computes is not here but in its journal, as with
//! `alacarte_stores::Memory`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use alacarte_core::{KeyId, Keys, Store, StoreError, Time};

use crate::combines::Combines;
use crate::faults::Flaw;
use crate::name::Name;
use crate::outside::Outside;

/// A world. Clones are the same world.
#[derive(Clone, Default)]
pub struct World(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    /// What a process finds: inputs, and computed values that somebody wrote over.
    held: BTreeMap<Name, i64>,
    times: BTreeMap<Name, Time>,
    /// Written since a build last looked.
    news: BTreeSet<Name>,
    /// Written again since then as they were.
    touched: BTreeSet<Name>,
    clock: Time,
    /// Whether what was written has a time by this clock, as files do.
    dated: bool,
    /// Copies that are lost.
    evicted: BTreeSet<(Name, i64)>,
    now: i64,
    tosses: u64,
    outside: Outside,
    combines: Combines,
    midway: Option<Midway>,
    /// What is wrong with it, if anything is.
    flaw: Option<Flaw>,
    read: Option<Name>,
    /// What was answered first, since a process began.
    answered: BTreeMap<Name, Option<i64>>,
}

/// An edit that happens while a build runs.
#[derive(Debug, Clone, Copy)]
struct Midway {
    /// After so many more tasks were started.
    after: u32,
    key: Name,
    value: i64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { held, clock, now, .. } = &*self.0.borrow();
        f.debug_struct("World").field("held", held).field("clock", clock).field("now", now).finish_non_exhaustive()
    }
}

impl World {
    /// A world whose inputs have times of its own clock if it is `dated`.
    pub fn new(dated: bool) -> Self {
        World(Rc::new(RefCell::new(Inner { clock: 1_000, dated, ..Inner::default() })))
    }

    /// A world with something wrong with it, for the laws to notice.
    pub(crate) fn flawed(dated: bool, flaw: Option<Flaw>) -> Self {
        let world = World::new(dated);
        world.0.borrow_mut().flaw = flaw;
        if world.is(Flaw::Silent) {
            world.outside().be_silent();
        }
        world
    }

    /// Whether that is what is wrong with it.
    pub(crate) fn is(&self, flaw: Flaw) -> bool {
        self.0.borrow().flaw == Some(flaw)
    }

    /// Another world in which the same lies in the store and that value is hidden; nothing is planned there.
    pub fn apart(&self, now: i64) -> Self {
        let Inner { held, times, clock, dated, .. } = &*self.0.borrow();
        let (held, times) = (held.clone(), times.clone());
        World(Rc::new(RefCell::new(Inner { held, times, clock: *clock, dated: *dated, now, ..Inner::default() })))
    }

    /// What lies in the store for a key. (A task that asks here does so behind the build's back.)
    pub fn read(&self, key: Name) -> Option<i64> {
        self.0.borrow().held.get(&key).copied()
    }

    /// What lies in the store: inputs, and computed values that somebody wrote over.
    pub fn held(&self) -> BTreeMap<Name, i64> {
        self.0.borrow().held.clone()
    }

    /// What the next process finds when it starts.
    pub fn furnish(&self, held: BTreeMap<Name, i64>) {
        let mut world = self.0.borrow_mut();
        world.held = held;
        world.news.clear();
        world.touched.clear();
    }

    /// A process begins.
    pub(crate) fn begin(&self) {
        self.0.borrow_mut().answered.clear();
    }

    /// Somebody writes to a key, or deletes it.
    pub fn write(&self, key: Name, value: Option<i64>) {
        self.0.borrow_mut().write(key, value);
    }

    /// Somebody writes a key again as it is. (An output keeps the value that lies in the build.)
    pub fn touch(&self, key: Name) {
        let world = &mut *self.0.borrow_mut();
        let now = world.tick();
        world.times.insert(key, now);
        world.touched.insert(key);
    }

    /// A key is set through the build, which therefore knows of it.
    pub fn follow(&self, key: Name, value: Option<i64>) {
        let mut world = self.0.borrow_mut();
        world.write(key, value);
        world.news.remove(&key);
        world.touched.remove(&key);
    }

    /// What a key holds for those that ask anew, without anybody having written to it.
    pub(crate) fn leave(&self, key: Name, value: Option<i64>) {
        let held = &mut self.0.borrow_mut().held;
        match value {
            Some(value) => held.insert(key, value),
            None => held.remove(&key),
        };
    }

    /// Whether somebody wrote to the key since a build last looked.
    pub fn is_news(&self, key: Name) -> bool {
        self.0.borrow().news.contains(&key)
    }

    /// The clock is set to this time.
    pub fn set_clock(&self, to: Time) {
        self.0.borrow_mut().clock = to;
    }

    /// The clock is set back.
    pub fn set_back(&self, by: Time) {
        let mut world = self.0.borrow_mut();
        world.clock = world.clock.saturating_sub(by).max(1);
    }

    /// The copy of a value that a trace remembers is lost.
    pub fn evict(&self, key: Name, value: i64) {
        self.0.borrow_mut().evicted.insert((key, value));
    }

    /// The hidden value.
    pub fn now(&self) -> i64 {
        self.0.borrow().now
    }

    /// How tasks wait for two things at once.
    pub fn combines(&self) -> Combines {
        self.0.borrow().combines
    }

    /// From now on tasks wait for two things at once in this way.
    pub fn combine(&self, by: Combines) {
        self.0.borrow_mut().combines = by;
    }

    /// Where tasks have work done.
    pub fn outside(&self) -> Outside {
        self.0.borrow().outside.clone()
    }

    /// The hidden value becomes another.
    pub fn pass(&self) {
        self.0.borrow_mut().now += 1;
    }

    /// Zero or one, without a reason.
    pub fn toss(&self) -> i64 {
        let mut world = self.0.borrow_mut();
        world.tosses += 1;
        (world.tosses.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 & 1) as i64
    }

    /// While the next build runs, after so many tasks were started, somebody writes to an input.
    pub fn plan(&self, after: u32, key: Name, value: i64) {
        self.0.borrow_mut().midway = Some(Midway { after, key, value });
    }

    /// Nothing more is planned; whether something was that has not happened.
    pub fn unplan(&self) -> bool {
        self.0.borrow_mut().midway.take().is_some()
    }

    /// A task was started. (Or it has come to a point, before its end, at which others may have written to its inputs.)
    pub fn started(&self) {
        let mut world = self.0.borrow_mut();
        match &mut world.midway {
            Some(midway) if midway.after > 0 => midway.after -= 1,
            Some(_) => {
                if let Some(Midway { key, value, .. }) = world.midway.take() {
                    world.write(key, Some(value));
                }
            }
            None => {}
        }
    }
}

impl Inner {
    fn tick(&mut self) -> Time {
        self.clock += 1;
        self.clock
    }

    fn write(&mut self, key: Name, value: Option<i64>) {
        let time = self.tick();
        match value {
            Some(value) => self.held.insert(key, value),
            None => self.held.remove(&key),
        };
        self.times.insert(key, time);
        self.news.insert(key);
    }
}

impl Store<Name, i64> for World {
    fn open(&mut self, keys: &mut Keys<Name>) {
        self.0.borrow().held.keys().for_each(|key| {
            keys.intern(key);
        });
    }

    fn relies_on_journal(&self) -> bool {
        true
    }

    fn load(&mut self, _: KeyId, key: &Name) -> Result<Option<i64>, StoreError> {
        let mut world = self.0.borrow_mut();
        world.news.remove(key);
        world.touched.remove(key);
        let value = world.held.get(key).copied();
        world.read = value.map(|_| *key).or(world.read);
        let first = *world.answered.entry(*key).or_insert(value);
        Ok(if world.flaw == Some(Flaw::Remembers) { first } else { value })
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Name, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        let mut world = self.0.borrow_mut();
        let (news, touched) = (std::mem::take(&mut world.news), std::mem::take(&mut world.touched));
        for (id, key, held) in known.filter(|(_, key, _)| news.contains(key) || touched.contains(key)) {
            let modified = world.times.get(key).copied().unwrap_or(world.clock);
            let held = if news.contains(key) { world.held.get(key) } else { held };
            changed(id, held.copied(), modified);
        }
        Ok(())
    }

    fn modified(&mut self, key: &Name) -> Option<Time> {
        let mut world = self.0.borrow_mut();
        if !world.dated {
            return None;
        }
        let written = world.held.contains_key(key).then(|| world.times.get(key).copied()).flatten();
        Some(written.unwrap_or_else(|| world.tick()))
    }

    fn archive(&mut self, key: &Name, value: &i64) -> Result<(), StoreError> {
        let world = &mut *self.0.borrow_mut();
        world.evicted.remove(&(*key, *value));
        if let Some(read) = world.read.filter(|_| world.flaw == Some(Flaw::Spills)) {
            world.held.insert(read, *value);
        }
        Ok(())
    }

    fn restore(&mut self, key: &Name, value: &i64) -> Result<bool, StoreError> {
        Ok(!self.0.borrow().evicted.contains(&(*key, *value)))
    }
}
