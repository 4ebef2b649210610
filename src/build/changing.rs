//! A build between two runs: inputs are given other values, and keys that nobody needs are forgotten.

use super::{Build, Watch};
use crate::collect::{Retention, garbage};
use crate::error::StoreError;
use crate::event::Event;
use crate::event_sink::{News, Noticed};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{AsKey, Key, KeyId};
use crate::key_table::{CLASSIFIED, LOADED};
use crate::rebuilder::Rebuilder;
use crate::scheduler::Schedules;
use crate::store::Store;
use crate::task::Tasks;

// (What these need of scheduler and rebuilder each says for itself, so that the compiler names what is missing.)
impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    J: Journal<K, V>,
{
    /// Gives an input another value; `Ok(false)` if it holds one of the same fingerprint already: then nothing has changed for
    /// those that depend on it, and the value is held all the same. For stores in memory: a file is edited where it lies.
    ///
    /// A key with a task can be set too. That models an output that somebody else overwrote; the next build
    /// that reaches it puts it right.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn set(&mut self, key: impl AsKey<K>, value: V) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        self.change(id, Some(value), false)
    }

    /// Takes a key's value away: an input that was deleted, an output that was lost.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn remove(&mut self, key: impl AsKey<K>) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        self.change(id, None, false)
    }

    /// Has an input written again with the value that it holds: only its modification time changes.
    ///
    /// # Errors
    /// If the store or the journal cannot be read or written.
    pub fn touch(&mut self, key: impl AsKey<K>) -> Result<bool, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        let _watch = Watch(self.shaken.clone());
        let id = self.meet(&key)?;
        let value = self.table.get_mut().value(id).cloned();
        self.change(id, value, true)
    }

    /// Forgets every key that nobody needs: how many.
    ///
    /// A key is forgotten if it was not reached in the last `retention.builds` builds of this process, and
    /// - it has no value, or has one that its task would give again: what an input holds is never forgotten
    ///   ([`Build::remove`] it before);
    /// - no key that stays has it among its dependencies, by any trace that is kept, or declares it;
    /// - no task has started it without waiting, so that it is owed;
    /// - its id was not given out by [`Build::intern`], or was [released](Build::release).
    ///
    /// It is *reached* in a build that looked at it, or if it lies below a target of that build through what is recorded when
    /// keys are collected. (A build that follows suspects looks at few keys.) As long as the process has not begun so
    /// many builds, nothing is forgotten.
    ///
    /// All that is remembered of a forgotten key goes with it, here and in the journal: if it has a task and somebody
    /// reaches it again, it is built as if for the first time, or restored if a cache has a trace of it. Nothing else is done
    /// that would not have been done.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    pub fn collect(&mut self, retention: Retention) -> Result<usize, StoreError>
    where
        S: Schedules<T::Power>,
        R: Rebuilder<K, V>,
    {
        self.open()?;
        let aside = std::mem::take(&mut self.table.get_mut().aside);
        self.past.note(aside);
        let forgotten = self.forget_unreached(retention)?;
        self.sink.journal.flush()?;
        Ok(forgotten)
    }
}

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    fn change(&mut self, id: KeyId, value: Option<V>, touched: bool) -> Result<bool, StoreError> {
        let input = !self.tasks.has(self.table.get_mut().keys.name(id));
        // Whether an output that looks the same in a part is the one that was built, nobody can tell.
        let touched = touched || value.as_ref().is_some_and(|value| !input && !value.is_whole());
        let table = self.table.get_mut();
        let known = table.receive(id, value);
        let noticed = self.sink.notice(table, id, News { known, modified: None, input, touched });
        // (What the journal could not write has happened all the same.)
        self.questionable |= !matches!(noticed, Ok(Noticed::Nothing | Noticed::Touch));
        noticed.map(|noticed| noticed != Noticed::Nothing)
    }

    /// The id of a key, which the store was asked for.
    fn meet(&mut self, key: &impl AsKey<K>) -> Result<KeyId, StoreError> {
        self.open()?;
        let table = self.table.get_mut();
        let id = table.intern(key);
        if !table.has(id, LOADED) {
            let input = !self.tasks.has(table.keys.name(id));
            // (Nothing of the user's comes between: what a store has given away would be lost in a panic.)
            let value = self.store.load(id, table.keys.name(id))?;
            let known = table.receive(id, value);
            let modified = self.store.modified(table.keys.name(id));
            if !table.has(id, CLASSIFIED) {
                table.classify(id, input);
            }
            self.sink.notice(table, id, News { known, modified, input, touched: false })?;
        }
        Ok(id)
    }

    fn forget_unreached(&mut self, retention: Retention) -> Result<usize, StoreError> {
        let table = self.table.get_mut();
        let keys = garbage(table, &self.tasks, &self.sink.metadata, &self.past, retention);
        if keys.is_empty() {
            return Ok(0);
        }
        self.sink.record(&table.keys, &Event::Forgotten { keys: &keys })?;
        table.forget(&keys);
        self.past.forget(&keys);
        let gone = |key: &KeyId| keys.binary_search(key).is_ok();
        self.preceding.retain(|key, _| !gone(key));
        self.preceding.values_mut().for_each(|preceded| preceded.retain(|key| !gone(key)));
        // What a scheduler has kept of the order may name some of them.
        let compared = self.compared == Some(self.generation);
        self.generation += 1;
        self.compared = if compared { Some(self.generation) } else { self.compared };
        Ok(keys.len())
    }

    /// A build of these targets begins: notes that, and forgets what nobody reaches if it is time to look for it.
    pub(super) fn look_back(&mut self, targets: &[KeyId]) -> Result<(), StoreError> {
        let table = self.table.get_mut();
        let aside = std::mem::take(&mut table.aside);
        self.past.note(aside);
        self.past.begin(targets);
        let Some(retention) = self.retention.filter(|kept| self.past.builds.is_multiple_of(kept.builds.max(1))) else {
            return Ok(());
        };
        if self.past.counted > 0 && table.keys.len() >= 2 * self.past.counted {
            self.forget_unreached(retention)?;
        } else if self.past.counted > 0 {
            return Ok(());
        }
        self.past.counted = self.table.get_mut().keys.len();
        Ok(())
    }
}
