//! What is known of each maybe-stale key.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::key::KeyId;

/// The suspects, and what lies above them.
#[derive(Default)]
pub(crate) struct MaybeStaleKeys {
    pub of: FxHashMap<KeyId, MaybeStale>,
    /// Keys that are certainly needed, to be looked into; the last is first.
    pub todo: Vec<KeyId>,
}

#[derive(Default)]
pub(crate) struct MaybeStale {
    pub suspect: bool,
    pub settled: bool,
    /// Something that it fetched, or must be preceded by, has failed.
    pub failed_below: bool,
    /// What it fetched, or must be preceded by, that is maybe-stale too.
    pub below: SmallVec<[KeyId; 2]>,
    /// Some of that only precedes it.
    pub preceded: bool,
    /// How many of the keys that it fetched are settled, in the order of fetching.
    pub position: usize,
    /// How many keys it waits for, and the keys that wait for it.
    pub waiting: usize,
    pub waiters: SmallVec<[KeyId; 2]>,
}
