//! The world in which a scene is played: a few files with a clock, somebody who edits them, a cache that loses
//! things, and a coin.
//!
//! The store of the build systems is a window on it, as a store of files is one on a disk. Tasks may hold the
//! world too, and look at it past their fetches: some scenes are about just that.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alacarte_core::{KeyId, Store, StoreError, Time};

/// A key of a scene.
pub type Key = &'static str;

/// Files, and what may happen to them.
#[derive(Debug, Clone, Default)]
pub struct World(RefCell<State>);

#[derive(Debug, Clone, Default)]
struct State {
    files: BTreeMap<Key, (i64, Time)>,
    clock: Time,
    /// What happened since the store was last asked.
    news: BTreeMap<Key, News>,
    evicted: BTreeSet<Key>,
    coin: i64,
    /// What somebody does when a command comes so far.
    meanwhile: Option<(Moment, Key, i64)>,
}

/// How far a command has come that reads a file and then takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It was started, and has read nothing yet.
    BeforeReading,
    /// It has read, and has not ended yet.
    AfterReading,
}

#[derive(Debug, Clone, Copy)]
enum News {
    Edited,
    Touched(Time),
    Lost,
}

impl World {
    /// A world that holds these files.
    pub fn new(files: &[(Key, i64)]) -> Rc<Self> {
        let world = World::default();
        files.iter().for_each(|&(key, value)| world.edit(key, value));
        Rc::new(world)
    }

    /// The same files in another world, in which the coin falls so, and nobody interferes.
    pub fn copy(&self, coin: i64) -> Rc<Self> {
        let State { files, clock, .. } = self.0.borrow().clone();
        Rc::new(World(RefCell::new(State { files, clock, coin, ..State::default() })))
    }

    /// What a file holds, for a task that does not fetch it.
    pub fn read(&self, key: Key) -> Option<i64> {
        self.0.borrow().files.get(key).map(|&(value, _)| value)
    }

    /// How the coin falls.
    pub fn coin(&self) -> i64 {
        self.0.borrow().coin
    }

    /// A command has come so far; what somebody does meanwhile happens now.
    pub fn reach(&self, moment: Moment) {
        let meanwhile = self.0.borrow().meanwhile;
        if let Some((when, key, value)) = meanwhile
            && when == moment
        {
            self.0.borrow_mut().meanwhile = None;
            self.edit(key, value);
        }
    }

    /// The files, by name.
    pub fn files(&self) -> Vec<(Key, i64)> {
        self.0.borrow().files.iter().map(|(&key, &(value, _))| (key, value)).collect()
    }

    /// Whether an output was lost, and no build has noticed yet.
    pub fn has_lost(&self, key: Key) -> bool {
        matches!(self.0.borrow().news.get(key), Some(News::Lost))
    }

    /// Writes a file.
    pub fn edit(&self, key: Key, value: i64) {
        let now = self.tick();
        let mut state = self.0.borrow_mut();
        state.files.insert(key, (value, now));
        state.news.insert(key, News::Edited);
    }

    /// Writes an output again as it is.
    pub fn touch(&self, key: Key) {
        let now = self.tick();
        self.0.borrow_mut().news.insert(key, News::Touched(now));
    }

    /// Loses an output.
    pub fn lose(&self, key: Key) {
        self.0.borrow_mut().news.insert(key, News::Lost);
    }

    /// Throws the copies of a key's values out of the cache.
    pub fn evict(&self, key: Key) {
        self.0.borrow_mut().evicted.insert(key);
    }

    /// Sets the clock.
    pub fn set_clock(&self, to: Time) {
        self.0.borrow_mut().clock = to;
    }

    /// Turns the coin.
    pub fn set_coin(&self, to: i64) {
        self.0.borrow_mut().coin = to;
    }

    /// Has a file edited when a command comes so far.
    pub fn edit_meanwhile(&self, moment: Moment, key: Key, value: i64) {
        self.0.borrow_mut().meanwhile = Some((moment, key, value));
    }

    fn tick(&self) -> Time {
        let mut state = self.0.borrow_mut();
        state.clock += 1;
        state.clock
    }
}

/// A store that looks at the world.
#[derive(Debug, Clone)]
pub struct Window(pub Rc<World>);

impl Store<Key, i64> for Window {
    fn load(&mut self, _: KeyId, key: &Key) -> Result<Option<i64>, StoreError> {
        self.0.0.borrow_mut().news.remove(key);
        Ok(self.0.read(key))
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Key, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        let mut state = self.0.0.borrow_mut();
        for (id, key, held) in known {
            match state.news.remove(key) {
                Some(News::Edited) => {
                    let file = state.files.get(key);
                    changed(id, file.map(|&(value, _)| value), file.map_or(0, |&(_, modified)| modified));
                }
                Some(News::Touched(modified)) => changed(id, held.copied(), modified),
                Some(News::Lost) => changed(id, None, state.clock),
                None => {}
            }
        }
        Ok(())
    }

    fn modified(&mut self, key: &Key) -> Option<Time> {
        let of_file = self.0.0.borrow().files.get(key).map(|&(_, modified)| modified);
        Some(of_file.unwrap_or_else(|| self.0.tick()))
    }

    fn archive(&mut self, key: &Key, _: &i64) -> Result<(), StoreError> {
        self.0.0.borrow_mut().evicted.remove(key);
        Ok(())
    }

    fn restore(&mut self, key: &Key, _: &i64) -> Result<bool, StoreError> {
        Ok(!self.0.0.borrow().evicted.contains(key))
    }
}
