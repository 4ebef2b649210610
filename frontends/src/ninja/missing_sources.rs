//! Sources that are not there, found before anything is made of the others.
//!
//! A file that no edge makes and that is missing fails whatever needs it. To say so first, as ninja does, spares a build that ends in an error after
//! an hour. All sources are looked at when the first command is about to start: a build that has nothing to run looks at none twice.

use std::cell::{OnceCell, RefCell};

use alacarte_stores::FileKey;
use rustc_hash::FxHashSet;

use super::NinjaTasks;
use crate::commands::NO_RULE;

/// What was found when the first command was about to start.
#[derive(Debug, Default)]
pub(super) struct MissingSources {
    targets: RefCell<Vec<FileKey>>,
    found: RefCell<OnceCell<Option<String>>>,
}

impl NinjaTasks {
    /// Says that these targets are built next. If a source of theirs is missing then, no command starts, and each that would have says why. With none, the
    /// same are built as before, and sources are not looked at.
    pub fn wants(&self, targets: &[FileKey]) {
        *self.missing.targets.borrow_mut() = targets.to_vec();
        *self.missing.found.borrow_mut() = OnceCell::new();
        if !targets.is_empty() {
            *self.lengths.borrow_mut() = None;
        }
    }

    /// What is built next.
    pub(super) fn wanted(&self) -> std::cell::Ref<'_, [FileKey]> {
        std::cell::Ref::map(self.missing.targets.borrow(), |targets| &**targets)
    }

    /// What to say of a source that is missing.
    pub(super) fn missing_source(&self) -> Option<String> {
        let found = self.missing.found.borrow();
        found.get_or_init(|| self.missing.targets.borrow().iter().find_map(|target| self.missing_below(target))).clone()
    }

    fn missing_below(&self, target: &FileKey) -> Option<String> {
        let (mut seen, mut found) = (FxHashSet::default(), None);
        self.reach(target.clone(), &mut seen, |step| {
            if found.is_none() {
                let missing = step.sources().find(|source| self.step(source).is_none() && !self.is_there(source));
                found = missing.map(|source| format!("'{source}', needed by '{}', {NO_RULE}", step.outputs[0]));
            }
        });
        found
    }

    pub(super) fn is_there(&self, key: &FileKey) -> bool {
        self.files.borrow().modified_on_disk(key).is_some()
    }
}
