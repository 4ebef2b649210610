//! A disk that remembers every write since all was last safe, and forgets some of them when it crashes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use alacarte_core::{KeyId, Keys, SharedTrace, Store, StoreError, Time};
use alacarte_metadata::ConstructiveTraces;

use crate::name::Name;

/// What a disk does otherwise than it should, for the laws to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Careless {
    /// Nothing.
    #[default]
    Never,
    /// What the table says of a file is believed, whatever became of the file since.
    AboutTheTable,
    /// A value is said to be restored though no copy of it is left.
    AboutCopies,
}

/// How much of what was written since all was last safe is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Loss {
    /// Bytes at the end of the journal.
    pub journal: usize,
    /// Traces at the end of the cache.
    pub traces: usize,
    /// Entries at the end of the table of files.
    pub table: usize,
    /// Which files, in the order in which they were first written: a bit each.
    pub files: u64,
    /// Which copies.
    pub copies: u64,
}

/// How much there is to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Unsafe {
    pub journal: usize,
    pub traces: usize,
    pub table: usize,
    pub files: usize,
    pub copies: usize,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { journal, traces, table, files, copies } = self;
        write!(
            f,
            "a crash: lost are the last {journal} bytes of the journal, {traces} traces, {table} entries of the table, the \
             files {files:b} and the copies {copies:b}"
        )
    }
}

/// What lies on a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub files: BTreeMap<Name, (i64, Time)>,
    pub journal: Vec<u8>,
    pub traces: Vec<SharedTrace<Name, i64>>,
    pub copies: BTreeSet<(Name, i64)>,
    /// What each file held when it had this time.
    pub table: BTreeMap<Name, (i64, Time)>,
}

/// One write.
#[derive(Debug, Clone)]
pub(super) enum Write {
    File(Name, Option<(i64, Time)>),
    Journal(Vec<u8>),
    Trace(SharedTrace<Name, i64>),
    Copy(Name, i64),
    Table(Name, (i64, Time)),
}

impl Contents {
    fn take(&mut self, write: &Write) {
        match write {
            Write::File(key, Some(file)) => drop(self.files.insert(*key, *file)),
            Write::File(key, None) => drop(self.files.remove(key)),
            Write::Journal(bytes) => self.journal.extend(bytes),
            Write::Trace(trace) => self.traces.push(trace.clone()),
            Write::Copy(key, value) => drop(self.copies.insert((*key, *value))),
            Write::Table(key, known) => drop(self.table.insert(*key, *known)),
        }
    }
}

/// A disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(pub(super) Rc<RefCell<Inside>>);

#[derive(Debug, Clone, Default)]
pub(super) struct Inside {
    pub now: Contents,
    /// What no crash can take away any more,
    pub safe: Contents,
    /// and what was written since.
    pub writes: Vec<Write>,
    clock: Time,
    /// How many traces of each key were ever added.
    pub added: BTreeMap<Name, usize>,
    /// The times of the files that the present process knows.
    seen: BTreeMap<Name, Option<Time>>,
    careless: Careless,
}

impl Inside {
    pub(super) fn write(&mut self, write: Write) {
        self.now.take(&write);
        self.writes.push(write);
    }

    /// A task, or a copy, gives a file its content.
    pub(super) fn produce(&mut self, key: Name, value: i64) {
        self.clock += 1;
        let file = (value, self.clock);
        self.write(Write::File(key, Some(file)));
        self.seen.insert(key, Some(self.clock));
        self.write(Write::Table(key, file));
    }

    /// What a file holds, from the table if it is the file that the table knows.
    fn read(&mut self, key: Name) -> Option<i64> {
        let file = self.now.files.get(&key).copied();
        self.seen.insert(key, file.map(|(_, time)| time));
        let (value, time) = file?;
        match self.now.table.get(&key) {
            Some(&(known, then)) if then == time || self.careless == Careless::AboutTheTable => Some(known),
            _ => {
                self.write(Write::Table(key, (value, time)));
                Some(value)
            }
        }
    }

    /// Everything that was written to these, each once.
    fn written<T: Ord>(&self, which: impl Fn(&Write) -> Option<T>) -> Vec<T> {
        let mut known = Vec::new();
        for what in self.writes.iter().filter_map(which) {
            if !known.contains(&what) {
                known.push(what);
            }
        }
        known
    }
}

fn file(write: &Write) -> Option<Name> {
    if let Write::File(key, _) = write { Some(*key) } else { None }
}

fn copy(write: &Write) -> Option<(Name, i64)> {
    if let Write::Copy(key, value) = write { Some((*key, *value)) } else { None }
}

impl Disk {
    pub(super) fn new(careless: Careless) -> Self {
        Disk(Rc::new(RefCell::new(Inside { careless, ..Inside::default() })))
    }

    /// Another disk, with the same on it.
    pub(super) fn copied(&self) -> Self {
        Disk(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Somebody writes to a file, and has it safe before he goes on.
    pub(super) fn edit(&self, key: Name, value: Option<i64>) {
        let inside = &mut *self.0.borrow_mut();
        inside.clock += 1;
        let write = Write::File(key, value.map(|value| (value, inside.clock)));
        // Whatever was written to it before does not matter any more.
        inside.writes.retain(|before| file(before) != Some(key));
        inside.now.take(&write);
        inside.safe.take(&write);
    }

    pub(super) fn holds(&self, key: Name) -> Option<i64> {
        self.0.borrow().now.files.get(&key).map(|(value, _)| *value)
    }

    /// Whether there are more traces of some key than a process keeps, so that which it keeps depends on when it read them.
    pub(super) fn is_crowded(&self) -> bool {
        self.0.borrow().added.values().any(|added| *added > ConstructiveTraces::<i64>::KEPT)
    }

    pub(super) fn journal(&self) -> usize {
        self.0.borrow().now.journal.len()
    }

    /// How much a crash could take away.
    pub(super) fn at_stake(&self) -> Unsafe {
        let inside = self.0.borrow();
        let count = |which: fn(&Write) -> bool| inside.writes.iter().filter(|write| which(write)).count();
        Unsafe {
            journal: inside.now.journal.len() - inside.safe.journal.len(),
            traces: count(|write| matches!(write, Write::Trace(_))),
            table: count(|write| matches!(write, Write::Table(..))),
            files: inside.written(file).len(),
            copies: inside.written(copy).len(),
        }
    }

    pub(super) fn crash(&self, loss: Loss) {
        let inside = &mut *self.0.borrow_mut();
        let (files, copies) = (inside.written(file), inside.written(copy));
        let lost = |mask: u64, position: Option<usize>| position.is_some_and(|at| at < 64 && mask >> at & 1 == 1);
        let mut left = inside.safe.clone();
        for write in &inside.writes {
            let lost = match write {
                Write::File(key, _) => lost(loss.files, files.iter().position(|file| file == key)),
                Write::Copy(key, value) => lost(loss.copies, copies.iter().position(|copy| *copy == (*key, *value))),
                _ => false,
            };
            if !lost {
                left.take(write);
            }
        }
        let count = |which: fn(&Write) -> bool| inside.writes.iter().filter(|write| which(write)).count();
        let kept = |all: usize, lost: usize| all.saturating_sub(lost);
        let bytes = left.journal.len() - inside.safe.journal.len();
        left.journal.truncate(inside.safe.journal.len() + kept(bytes, loss.journal));
        let traces = count(|write| matches!(write, Write::Trace(_)));
        left.traces.truncate(inside.safe.traces.len() + kept(traces, loss.traces));
        left.table = inside.safe.table.clone();
        let entries = inside.writes.iter().filter(|write| matches!(write, Write::Table(..)));
        let table = kept(entries.clone().count(), loss.table);
        entries.take(table).for_each(|write| {
            left.table.extend(match write {
                Write::Table(key, known) => Some((*key, *known)),
                _ => None,
            })
        });
        (inside.now, inside.safe) = (left.clone(), left);
        inside.writes.clear();
        inside.seen.clear();
    }
}

impl Store<Name, i64> for Disk {
    fn open(&mut self, keys: &mut Keys<Name>) {
        let inside = &mut *self.0.borrow_mut();
        inside.seen.clear();
        for key in inside.now.files.keys() {
            keys.intern(key);
        }
    }

    fn load(&mut self, _: KeyId, key: &Name) -> Result<Option<i64>, StoreError> {
        Ok(self.0.borrow_mut().read(*key))
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Name, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        let inside = &mut *self.0.borrow_mut();
        for (id, key, before) in known {
            let time = inside.now.files.get(key).map(|(_, time)| *time);
            if inside.seen.get(key).is_none_or(|seen| *seen == time) {
                continue;
            }
            let value = inside.read(*key);
            // (To write what is there is no change: a new process could not know of it.)
            if value != before.copied() {
                changed(id, value, time.unwrap_or(inside.clock));
            }
        }
        Ok(())
    }

    fn modified(&mut self, key: &Name) -> Option<Time> {
        let inside = self.0.borrow();
        Some(inside.now.files.get(key).map_or(inside.clock, |(_, time)| *time))
    }

    fn archive(&mut self, key: &Name, value: &i64) -> Result<(), StoreError> {
        self.0.borrow_mut().write(Write::Copy(*key, *value));
        Ok(())
    }

    fn restore(&mut self, key: &Name, value: &i64) -> Result<bool, StoreError> {
        let inside = &mut *self.0.borrow_mut();
        let there = inside.now.copies.contains(&(*key, *value));
        if there {
            inside.produce(*key, *value);
        }
        Ok(there || inside.careless == Careless::AboutCopies)
    }
}
