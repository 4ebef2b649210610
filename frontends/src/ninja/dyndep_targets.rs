//! Which [dyndep files](super::dyndep) targets need, and whether these are as they were read.

use std::collections::HashSet;

use alacarte_stores::FileKey;

use super::ninja_tasks::NinjaTasks;
use super::parse_error::ParseError;

impl NinjaTasks {
    /// How many dyndep files the manifest names.
    pub fn dyndeps(&self) -> usize {
        self.dyndeps.count
    }

    /// Dyndep files that these targets need and that were not seen to be as they were read: those that are to be built next, before the targets.
    /// None when there are none left. Afterwards, [`is_as_read`](Self::is_as_read) tells whether the manifest has to be loaded again; if it has
    /// not, [`dyndeps_settled`](Self::dyndeps_settled) whether they can be used.
    pub fn next_dyndeps(&self, targets: &[FileKey]) -> Vec<FileKey> {
        if self.dyndeps.count == 0 {
            return Vec::new();
        }
        let open = self.open_dyndeps(targets);
        open.into_iter().filter(|file| self.open_dyndeps(std::slice::from_ref(file)).is_empty()).collect()
    }

    fn open_dyndeps(&self, targets: &[FileKey]) -> Vec<FileKey> {
        let (mut seen, mut open) = (HashSet::new(), Vec::new());
        let settled = self.dyndeps.settled.borrow();
        for target in targets {
            self.reach(target.clone(), &mut seen, |step| {
                open.extend(step.dyndep.iter().filter(|file| !settled.contains(*file)).cloned());
            });
        }
        let mut once = HashSet::new();
        open.retain(|file| once.insert(file.clone()));
        open
    }

    /// These dyndep files are as they were read: edges may run with what they say.
    ///
    /// # Errors
    /// If one is no dyndep file, or does not fit to the manifest.
    pub fn dyndeps_settled(&self, files: &[FileKey]) -> Result<(), ParseError> {
        for file in files {
            if let Some(error) = self.dyndeps.wrong.borrow_mut().remove(file) {
                return Err(error);
            }
            self.dyndeps.settled.borrow_mut().insert(file.clone());
        }
        Ok(())
    }
}
