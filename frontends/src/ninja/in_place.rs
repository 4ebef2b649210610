//! Commands that change in place what they are given: `strip`, `ranlib`, a formatter.
//!
//! A file that another command makes, and that is changed while a command reads it, was changed by that command: nobody edits what is made. What it leaves
//! is what stays, so it counts as made so by the one, and as read so by the other. The build cannot say that itself, for it has settled both values; it
//! notes the commands, and when it has ended they are recorded anew with what is on disk ([`Session::settle_in_place`](super::Session::settle_in_place)).
//!
//! A source may have been edited by a person while the command ran. So the command runs once more in the next build. If the same command finds a source
//! changed again when it ends, it changes sources itself; from then on it stands as long as all that it read is as it left it, as a generator does
//! ([`generated`](super::generated)).

use std::cell::RefCell;

use alacarte_core::Result;
use alacarte_stores::{Digest, FileKey, FileValue};
use rustc_hash::{FxHashMap, FxHashSet};

use super::NinjaTasks;
use super::plan::Step;
use crate::commands::still_holds;

/// What commands of this build have changed in place.
#[derive(Debug, Default)]
pub(super) struct InPlace {
    /// What was made and then changed: what it holds now, and how many commands had been started then.
    changed: FxHashMap<FileKey, (Digest, u64)>,
    /// The commands to record anew, by their first outputs; what makes a file stands before what changes it. And the same as a set.
    commands: Vec<FileKey>,
    known: FxHashSet<FileKey>,
}

impl InPlace {
    fn record_anew(&mut self, key: &FileKey) {
        if self.known.insert(key.clone()) {
            self.commands.push(key.clone());
        }
    }
}

impl NinjaTasks {
    /// The commands that are to be recorded anew, by their first outputs.
    pub(super) fn changed_in_place(&self) -> Vec<FileKey> {
        self.in_place.borrow().commands.clone()
    }

    /// The files that do not hold any more what a command was given. Of a file that does, it is no news to the next
    /// build that it was written anew meanwhile, by the command perhaps.
    pub(super) fn changed_meanwhile(&self, read: &[(FileKey, FileValue)]) -> Result<Vec<FileKey>> {
        let mut files = self.files.borrow_mut();
        let mut changed = Vec::new();
        for (key, value) in read {
            match still_holds(&mut files, key, value)? {
                true => files.tell(key),
                false => changed.push(key.clone()),
            }
        }
        Ok(changed)
    }

    /// A command has ended well, of which `started` is the number among all that this build has started. These files of all that it read have changed meanwhile, and nothing else is in doubt.
    pub(super) fn note_changes(
        &self,
        step: &Step,
        started: u64,
        changed: &[FileKey],
        read: &[(FileKey, FileValue)],
    ) -> Result<()> {
        let primary = &step.outputs[0];
        if changed.iter().any(|key| self.step(key).is_none()) {
            let again = self.generated.left.borrow().get(primary).is_some_and(|left| left.text == step.text);
            return self.leave(step, read, !again);
        }
        let mut in_place = RefCell::borrow_mut(&self.in_place);
        for key in changed {
            let Some(seen) = self.files.borrow_mut().look_as_output(key)? else { return Ok(()) };
            let known = in_place.changed.get(key);
            let read_so = known.is_some_and(|&(digest, begun)| seen.holds(digest) && started > begun);
            if !read_so {
                in_place.changed.insert(key.clone(), (seen.as_output(), self.commands_started()));
            }
            if let Some(maker) = self.primary(key) {
                in_place.record_anew(maker);
            }
        }
        in_place.record_anew(primary);
        Ok(())
    }

    /// Whether a command was seen to change what it reads, twice.
    pub(super) fn changes_its_sources(&self, step: &Step) -> bool {
        let left = self.generated.left.borrow();
        left.get(&step.outputs[0]).is_some_and(|left| left.text == step.text && !left.once)
    }
}
