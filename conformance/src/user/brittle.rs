//! A store, a journal and a cache whose every call may panic, or fail, around ones that are right.

use alacarte_core::{Event, Journal, KeyId, Keys, Replay, SharedTrace, Store, StoreError, Time, TraceCache};
use alacarte_stores::{Log, Memory, TraceLog};

use super::fuse::{Fragile, burn, burn_or_fail, is_to_fail};
use super::types::{Label, Part, Untold, untold};

/// Something that may panic whenever it is asked.
#[derive(Debug)]
pub(super) struct Brittle<T>(pub T);

impl Store<Label, Part> for Brittle<Memory<Label, Part>> {
    fn open(&mut self, keys: &mut Keys<Label>) {
        self.0.open(keys);
    }

    fn relies_on_journal(&self) -> bool {
        self.0.relies_on_journal()
    }

    fn gives_away(&self) -> bool {
        self.0.gives_away()
    }

    fn load(&mut self, id: KeyId, key: &Label) -> Result<Option<Part>, StoreError> {
        if untold() == Untold::Losses {
            let value = self.0.load(id, key);
            burn(Fragile::Load);
            return value;
        }
        burn_or_fail(Fragile::Load)?;
        self.0.load(id, key)
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Label, Option<&Part>)>,
        changed: &mut dyn FnMut(KeyId, Option<Part>, Time),
    ) -> Result<(), StoreError> {
        burn_or_fail(Fragile::Refresh)?;
        self.0.refresh(known, changed)
    }

    fn modified(&mut self, key: &Label) -> Option<Time> {
        burn(Fragile::Modified);
        self.0.modified(key)
    }

    fn archive(&mut self, key: &Label, value: &Part) -> Result<(), StoreError> {
        burn_or_fail(Fragile::Archive)?;
        self.0.archive(key, value)
    }

    fn restore(&mut self, key: &Label, value: &Part) -> Result<bool, StoreError> {
        burn_or_fail(Fragile::Restore)?;
        self.0.restore(key, value)
    }
}

/// (Without a log, it forgets everything.)
impl Journal<Label, Part> for Brittle<Option<Log<Label, Part>>> {
    fn replay(&mut self, keys: &mut Keys<Label>, each: &mut Replay<'_, Label, Part>) -> Result<(), StoreError> {
        let Some(log) = &mut self.0 else { return Ok(()) };
        log.replay(keys, &mut |keys, event| {
            burn(Fragile::Replay);
            each(keys, event);
        })
    }

    fn append(&mut self, keys: &Keys<Label>, event: &Event<'_, Part>) -> Result<(), StoreError> {
        // It may panic before it has kept what it is told, or after. If it fails it has kept it all the same, as a log does that
        // finds its disk full.
        if !is_to_fail() {
            burn(Fragile::Append);
        }
        let kept = self.0.as_mut().map_or(Ok(()), |log| log.append(keys, event));
        burn_or_fail(Fragile::Append).and(kept)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        burn_or_fail(Fragile::Flush)?;
        self.0.as_mut().map_or(Ok(()), Journal::<Label, Part>::flush)
    }

    fn keeps(&self) -> bool {
        self.0.is_some()
    }
}

impl TraceCache<Label, Part> for Brittle<TraceLog<Label, Part>> {
    fn traces(&mut self, key: &Label, each: &mut dyn FnMut(SharedTrace<Label, Part>)) -> Result<(), StoreError> {
        burn_or_fail(Fragile::Traces)?;
        self.0.traces(key, each)
    }

    fn add(&mut self, trace: &SharedTrace<Label, Part>) -> Result<(), StoreError> {
        burn_or_fail(Fragile::Add)?;
        let kept = self.0.add(trace);
        burn_or_fail(Fragile::Add).and(kept)
    }
}
