//! What a build writes to a disk beside its files: the journal, the cache of traces; and the tasks that write the files.

use alacarte_core::{
    Event, Fetch, Fingerprint, Journal, Keys, Replay, Running, SharedTrace, StoreError, Tasks, TraceCache,
};
use alacarte_stores::{Log, SharedBytes};

use super::disk::{Disk, Write};
use crate::name::Name;
use crate::program::{Declares, Program};

/// The journal on a disk: the real log, whose bytes are written when it hands them over.
#[derive(Debug)]
pub(super) struct Book {
    disk: Disk,
    bytes: SharedBytes,
    log: Option<Log<Name, i64>>,
}

impl Book {
    pub(super) fn open(disk: &Disk) -> Self {
        let bytes = SharedBytes::from(disk.0.borrow().now.journal.clone());
        Book { disk: disk.clone(), log: Some(Log::from_bytes(bytes.clone())), bytes }
    }

    /// What the log has written is on the disk.
    fn hand_over(&self) {
        let bytes = self.bytes.to_vec();
        let inside = &mut *self.disk.0.borrow_mut();
        match bytes.strip_prefix(&inside.now.journal[..]) {
            Some([]) => {}
            Some(more) => inside.write(Write::Journal(more.to_vec())),
            None => {
                // What was torn is cut off, before anything else is written.
                inside.writes.retain(|write| !matches!(write, Write::Journal(_)));
                (inside.now.journal, inside.safe.journal) = (bytes.clone(), bytes);
            }
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Log<Name, i64>) -> T) -> T {
        let done = act(self.log());
        self.hand_over();
        done
    }

    fn log(&mut self) -> &mut Log<Name, i64> {
        self.log.as_mut().unwrap_or_else(|| unreachable!("it is closed when it is dropped"))
    }
}

impl Journal<Name, i64> for Book {
    fn replay(&mut self, keys: &mut Keys<Name>, each: &mut Replay<'_, Name, i64>) -> Result<(), StoreError> {
        self.with(|log| log.replay(keys, each))
    }

    fn append(&mut self, keys: &Keys<Name>, event: &Event<'_, i64>) -> Result<(), StoreError> {
        // (The log keeps it until it is to hand over.)
        self.log().append(keys, event)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.with(Journal::flush)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.log = None;
        self.hand_over();
    }
}

/// The cache, which lies on this disk; another machine has its traces safe at once.
pub(super) struct Shelf {
    pub disk: Disk,
    pub afar: bool,
}

impl TraceCache<Name, i64> for Shelf {
    fn traces(&mut self, key: &Name, each: &mut dyn FnMut(SharedTrace<Name, i64>)) -> Result<(), StoreError> {
        let traces = self.disk.0.borrow().now.traces.clone();
        traces.into_iter().filter(|trace| trace.key == *key).for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Name, i64>) -> Result<(), StoreError> {
        let inside = &mut *self.disk.0.borrow_mut();
        if inside.now.traces.contains(trace) {
            return Ok(());
        }
        *inside.added.entry(trace.key).or_default() += 1;
        if !self.afar {
            inside.write(Write::Trace(trace.clone()));
            return Ok(());
        }
        // It lies before all that is not safe yet, as a segment of its own would.
        let position = inside.safe.traces.len();
        inside.safe.traces.push(trace.clone());
        inside.now.traces.insert(position, trace.clone());
        inside.safe.copies.insert((trace.key, trace.value));
        inside.now.copies.insert((trace.key, trace.value));
        Ok(())
    }
}

/// Tasks whose values are files.
pub(super) struct Produces<P> {
    pub program: Program<P>,
    pub disk: Disk,
}

impl<P: Declares> Tasks<Name, i64> for Produces<P> {
    type Power = P;

    fn has(&self, key: &Name) -> bool {
        self.program.has(key)
    }

    fn run<'t>(&'t self, key: &Name, fetch: Fetch<'t, Name, i64>) -> Running<'t, i64> {
        let key = *key;
        let produce = move |value: &i64| self.disk.0.borrow_mut().produce(key, *value);
        match self.program.run(&key, fetch) {
            Running::Waiting => Running::Waiting,
            Running::Done(outcome) => Running::Done(outcome.inspect(produce)),
            Running::Future(future) => Running::Future(Box::pin(async move { future.await.inspect(produce) })),
        }
    }

    fn declared(&self, key: &Name, each: &mut dyn FnMut(&Name)) -> bool {
        self.program.declared(key, each)
    }

    fn definition(&self, key: &Name) -> Option<Fingerprint> {
        self.program.definition(key)
    }
}
