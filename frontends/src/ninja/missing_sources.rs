//! Sources that are not there, found before anything is made of the others.
//!
//! A file that no edge makes and that is missing fails every edge that needs it. To say so first, as ninja does, spares
//! a build that ends in an error after an hour. All sources are looked at when the first command is about to start: a
//! build that has nothing to run looks at none twice.
//!
//! An order-only input that no edge makes is read by nobody. So it is missed only by an edge that is not up to date,
//! itself or in what it needs (ninja's rule): its own command looks at it, and a dry run, which knows what is not up to
//! date, looks for all.

use std::cell::{OnceCell, RefCell};

use alacarte_stores::FileKey;
use rustc_hash::{FxHashMap, FxHashSet};

use super::NinjaTasks;
use super::plan::Step;
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
        found.get_or_init(|| self.first_missing(&self.missing.targets.borrow(), Some(&FxHashSet::default()))).clone()
    }

    /// What to say of a source that is missing where the command of this edge is to run.
    pub(super) fn missing_for(&self, step: &Step) -> Option<String> {
        self.missing_source().or_else(|| {
            let missing = step.order_only.iter().find(|source| self.is_missing(source));
            missing.map(|source| sentence(source, &step.outputs[0]))
        })
    }

    /// What to say of the first source that is missing below these targets, where these commands are to run.
    pub fn missing_below(&self, targets: &[FileKey], commands: &[FileKey]) -> Option<String> {
        // (Nearly always none is.)
        self.first_missing(targets, None)?;
        let mut above: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        let mut seen = FxHashSet::default();
        for target in targets {
            self.reach(target.clone(), &mut seen, |step| {
                let Some(number) = self.number(&step.outputs[0]) else { return };
                let below = step.sources().filter_map(|source| self.number(source));
                below.for_each(|below| above.entry(below).or_default().push(number));
            });
        }
        let mut open: Vec<usize> = commands.iter().filter_map(|command| self.number(command)).collect();
        let mut stale = FxHashSet::default();
        while let Some(step) = open.pop() {
            if stale.insert(step) {
                open.extend(above.remove(&step).unwrap_or_default());
            }
        }
        self.first_missing(targets, Some(&stale))
    }

    /// The first source that is missing, in the order in which ninja comes upon them. Those that come first in order only are missed by edges that are not
    /// up to date; if that is not known, by all.
    fn first_missing(&self, targets: &[FileKey], stale: Option<&FxHashSet<usize>>) -> Option<String> {
        let mut seen = FxHashSet::default();
        let mut open: Vec<(&FileKey, Option<&FileKey>)> = targets.iter().rev().map(|target| (target, None)).collect();
        while let Some((key, needed_by)) = open.pop() {
            let Some(number) = self.number(key) else {
                match needed_by.filter(|_| !self.is_there(key)) {
                    Some(user) => return Some(sentence(key, user)),
                    None => continue,
                }
            };
            if seen.insert(number) {
                let step = &self.plan.steps[number];
                let is_stale = stale.is_none_or(|stale| stale.contains(&number));
                let in_order = step.order_only.iter().filter(|&source| is_stale || self.number(source).is_some());
                open.extend(step.inputs.iter().chain(in_order).rev().map(|source| (source, Some(key))));
            }
        }
        None
    }

    fn is_missing(&self, source: &FileKey) -> bool {
        self.number(source).is_none() && !self.is_there(source)
    }

    pub(super) fn is_there(&self, key: &FileKey) -> bool {
        self.files.borrow().modified_on_disk(key).is_some()
    }
}

fn sentence(missing: &FileKey, needed_by: &FileKey) -> String {
    format!("'{missing}', needed by '{needed_by}', {NO_RULE}")
}
