//! Detached work: keys that a task started without waiting for them. The build ends when all of them are up to date; what does
//! not come to that is *owed*, by the next build of this process, and of any other that reads the journal.

use rustc_hash::FxHashSet;

use crate::key::KeyId;

#[derive(Default)]
pub(crate) struct Detached {
    /// Keys to bring up to date that nobody waits for.
    pub started: Vec<KeyId>,
    /// So many of them have been told to the journal.
    told: usize,
    /// Keys that were begun and are not up to date: the next build begins them again.
    pub owed: Vec<KeyId>,
    /// Those of them that the journal knows of.
    pub in_journal: FxHashSet<KeyId>,
}

impl Detached {
    /// A build begins with these keys, which are owed; the others cannot be brought up to date.
    pub fn begin(&mut self, can_be_built: impl FnMut(&KeyId) -> bool) {
        (self.started, self.owed) = std::mem::take(&mut self.owed).into_iter().partition(can_be_built);
        self.told = self.started.len();
    }

    /// Those that were started since this was last asked.
    #[inline]
    pub fn newly_started(&mut self) -> Vec<KeyId> {
        // (Nearly always there are none.)
        if self.told == self.started.len() {
            return Vec::new();
        }
        let new = self.started[self.told..].to_vec();
        self.told = self.started.len();
        new
    }

    /// All that were started, to be begun now.
    pub fn take_started(&mut self) -> Vec<KeyId> {
        self.told = 0;
        std::mem::take(&mut self.started)
    }

    /// The build was given up: some that were started may not have been begun.
    pub fn give_up(&mut self) {
        self.owed.append(&mut self.started);
        self.told = 0;
    }

    /// Of what is owed, keeps this, once each.
    pub fn retain_owed(&mut self, keep: impl FnMut(&KeyId) -> bool) {
        self.owed.retain(keep);
        self.owed.sort_unstable();
        self.owed.dedup();
    }

    /// Every key that is spoken of here.
    pub fn all(&self) -> impl Iterator<Item = &KeyId> {
        self.owed.iter().chain(&self.started).chain(&self.in_journal)
    }
}
