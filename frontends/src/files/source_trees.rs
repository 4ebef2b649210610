//! Directories that are sources: what they may hold.
//!
//! A directory that no rule makes counts with all that lies in it when a build meets it. What a rule makes there may come later,
//! and what the build itself remembers changes all the time; a value with any of that in it would be true for a moment only. So
//! such a directory is an error, which says what is in its way.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;

use alacarte_core::{Result, StoreError, TaskError};
use alacarte_stores::{Digest, Entry, FileKey, Files};

use super::makers::{Makers, inside};

/// What the directories of a build may not hold.
#[derive(Debug, Default)]
pub(super) struct SourceTrees {
    /// Where the build keeps what it remembers.
    pub own: Vec<PathBuf>,
    /// What was gone through, and has nothing in it that a rule makes.
    sound: RefCell<HashSet<(FileKey, Digest)>>,
}

impl SourceTrees {
    pub fn new(own: Vec<PathBuf>) -> Self {
        SourceTrees { own, sound: RefCell::default() }
    }

    /// What stands in the way of this directory's being a value of its own, by what the rules say.
    pub fn trouble(&self, key: &FileKey, makers: &Makers, files: &Files) -> Option<String> {
        if !key.is_tree() || makers.makes(key) {
            return None;
        }
        let made = makers.beneath(key).map(|made| in_its_way(key, &format!("what the rule `{made}` makes")));
        made.or_else(|| self.holds_own(key, files))
    }

    /// Whether what the build remembers lies in this directory, or the directory in that.
    pub fn holds_own(&self, key: &FileKey, files: &Files) -> Option<String> {
        let directory = files.path(key).canonicalize().ok()?;
        let own = self.own.iter().filter_map(|own| own.canonicalize().ok());
        let own = own.into_iter().find(|own| own.starts_with(&directory) || directory.starts_with(own))?;
        Some(in_its_way(key, &format!("what the build remembers ({})", own.display())))
    }

    /// Makes sure that nothing lies in this directory, now that it has this digest, which some rule makes.
    pub fn make_sure(&self, key: &FileKey, digest: Digest, makers: &Makers, files: &mut Files) -> Result<()> {
        if makers.makes(key) || self.sound.borrow().contains(&(key.clone(), digest)) {
            return Ok(());
        }
        let tree = files.tree(key)?.unwrap_or_default();
        for (path, entry) in tree.entries() {
            // A name that is no Unicode cannot be written in a pattern, nor be a key.
            let Some(path) = path.to_str().filter(|path| !path.is_empty()) else { continue };
            let slash = if matches!(entry, Entry::Directory(_)) { "/" } else { "" };
            let path = format!("{}{path}{slash}", inside(key));
            if makers.makes(&FileKey::from(path.as_str())) {
                return Err(TaskError::new(in_its_way(key, &format!("{path}, which a rule makes"))));
            }
        }
        self.sound.borrow_mut().insert((key.clone(), digest));
        Ok(())
    }

    /// The same as [`SourceTrees::trouble`], as an error.
    pub fn check(&self, key: &FileKey, makers: &Makers, files: &Files) -> std::result::Result<(), StoreError> {
        let trouble = self.trouble(key, makers, files);
        trouble.map_or(Ok(()), |what| Err(StoreError::new("take all of", key, std::io::Error::other(what))))
    }
}

fn in_its_way(key: &FileKey, what: &str) -> String {
    format!("{key} holds {what}, so it is no source as a whole: name the files and directories in it that are wanted")
}
