//! Which [dyndep files](super::dyndep) targets need, and whether these are as they were read.

use std::collections::{HashMap, HashSet};

use alacarte_stores::FileKey;

use super::ninja_tasks::NinjaTasks;
use super::parse_error::ParseError;

impl NinjaTasks {
    /// How many dyndep files the manifest names.
    pub fn dyndeps(&self) -> usize {
        self.plan.dyndeps.count
    }

    /// Dyndep files that these targets need and that were not seen to be as they were read: those that are to be built next, before the targets.
    /// None when there are none left. Afterwards, [`is_as_read`](Self::is_as_read) tells whether the manifest has to be loaded again; if it has
    /// not, [`dyndeps_settled`](Self::dyndeps_settled) whether they can be used.
    pub fn next_dyndeps(&self, targets: &[FileKey]) -> Vec<FileKey> {
        if self.plan.dyndeps.count == 0 {
            return Vec::new();
        }
        // Of each edge, once all below it is known: whether a dyndep file that is still to be built lies there.
        let (mut below, mut next) = (HashMap::<usize, bool>::new(), Vec::new());
        let (settled, mut chosen) = (self.dyndeps_settled.borrow(), HashSet::new());
        let number = |key: &FileKey| self.number(key);
        let open = |step: usize| self.plan.steps[step].dyndep.as_ref().filter(|file| !settled.contains(*file));
        let mut roots: Vec<usize> = targets.iter().filter_map(number).collect();
        // What is validated may need the very edge that it is validated with, and is looked at after it.
        while let Some(root) = roots.pop() {
            let mut stack = vec![(root, false)];
            while let Some((step, left)) = stack.pop() {
                let sources = || self.plan.steps[step].sources().filter_map(number);
                if !left {
                    // (In a circle, which the build will find, an edge is met while it is open.)
                    if below.contains_key(&step) {
                        continue;
                    }
                    below.insert(step, false);
                    roots.extend(self.plan.steps[step].validations().filter_map(number));
                    stack.push((step, true));
                    stack.extend(sources().map(|source| (source, false)));
                    continue;
                }
                let is_open = |step: usize| open(step).is_some() || below.get(&step) == Some(&true);
                let found = sources().any(is_open);
                let before = open(step).and_then(number).is_some_and(is_open);
                below.insert(step, found);
                if let Some(file) = open(step).filter(|file| !before && chosen.insert((*file).clone())) {
                    next.push(file.clone());
                }
            }
        }
        next
    }

    /// These dyndep files are as they were read: edges may run with what they say.
    ///
    /// # Errors
    /// If one is no dyndep file, or does not fit to the manifest.
    pub fn dyndeps_settled(&self, files: &[FileKey]) -> Result<(), ParseError> {
        for file in files {
            if let Some(error) = self.plan.dyndeps.wrong.borrow_mut().remove(file) {
                return Err(error);
            }
            self.dyndeps_settled.borrow_mut().insert(file.clone());
        }
        Ok(())
    }
}
