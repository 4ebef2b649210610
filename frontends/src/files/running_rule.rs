//! What a running rule, and each of its commands, can reach: the build's context, and a log of what the rule has asked for.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use alacarte_core::{Fetch, Fingerprint, Output, Result, RuleKey, TaskError};
use alacarte_stores::{FileKey, FileValue, SharedFiles};

use super::executor::Executor;
use super::keys::{Env, File, Glob, Tool};
use super::makers::Makers;
use super::pattern::Pattern;
use super::source_trees::SourceTrees;
use crate::commands::tool_cache::ToolCaches;
use crate::commands::{Commands, Events, Root, canonicalise_with_slash};

/// What all rules of a build use.
pub(super) struct BuildContext {
    pub files: SharedFiles,
    pub root: Root,
    pub makers: Rc<Makers>,
    pub trees: Rc<SourceTrees>,
    pub executor: Box<dyn Executor>,
    /// What runs, and how much may.
    pub commands: Commands,
    pub events: Events,
    pub tool_caches: ToolCaches,
    /// Where temporary files lie.
    pub scratch: PathBuf,
    /// Where directories lie that are not whole yet.
    pub underway: PathBuf,
}

/// What one running rule can reach.
#[derive(Clone)]
pub(super) struct RunningRule<'b> {
    pub fetch: Fetch<'b, RuleKey, Output>,
    pub context: &'b BuildContext,
    /// The files that it is to make.
    pub outputs: Rc<[FileKey]>,
    pub log: Rc<Log>,
}

/// What a rule has asked for.
#[derive(Default)]
pub(super) struct Log {
    /// The files, and what they were said to hold.
    pub read: RefCell<Vec<(FileKey, FileValue)>>,
    /// The sum of the values that are no files.
    pub values: Cell<Fingerprint>,
    /// Files that are known otherwise than as what was needed, and directories whose names are.
    pub found: RefCell<BTreeSet<PathBuf>>,
    pub variables: RefCell<BTreeSet<String>>,
    /// Temporary directories.
    pub temporary: RefCell<Vec<PathBuf>>,
}

impl RunningRule<'_> {
    /// Has these files brought up to date, all at once.
    pub async fn need(&self, files: Vec<File>) -> Result<()> {
        let values = self.fetch.all(files.iter().map(|file| RuleKey::new(file.clone()))).await?;
        for (file, value) in files.into_iter().zip(values) {
            let value = value.get::<FileValue>().cloned();
            let value = value.ok_or_else(|| TaskError::new(format!("{file:?} has a value that is no file's")))?;
            let digest = value.outputs().first().and_then(|made| made.digest).filter(|_| file.key().is_tree());
            if let Some(digest) = digest {
                let BuildContext { trees, makers, files, .. } = self.context;
                trees.make_sure(file.key(), digest, makers, &mut files.borrow_mut())?;
            }
            self.log.read.borrow_mut().push((file.key().clone(), value));
        }
        Ok(())
    }

    /// Notes what a command may read for this key, which the rule has asked for.
    pub fn note(&self, key: &dyn Any, value: &dyn Any) {
        if let Some(Env(name)) = key.downcast_ref() {
            self.log.variables.borrow_mut().insert(name.clone());
        }
        if let (Some(file), Some(value)) = (key.downcast_ref::<File>(), value.downcast_ref::<FileValue>()) {
            self.log.read.borrow_mut().push((file.key().clone(), value.clone()));
        }
        if let Some(Glob(pattern)) = key.downcast_ref() {
            // (Without a star it asks of one path.)
            let pattern = Pattern::new(pattern).ok().filter(|pattern| !pattern.is_literal());
            self.log.found.borrow_mut().extend(pattern.map(|pattern| self.path(pattern.directory())));
        }
        if let (true, Some(Some((path, _)))) = (key.is::<Tool>(), value.downcast_ref::<Option<(String, u64)>>()) {
            self.log.found.borrow_mut().insert(self.path(path));
        }
    }

    /// Where a path lies.
    pub fn path(&self, path: &str) -> PathBuf {
        self.context.files.borrow().path(File::at(path).key())
    }

    /// The file at this path, which may lead out of the directory of the build and back into it.
    pub fn file(&self, path: &str) -> File {
        File::at(self.context.root.local(&canonicalise_with_slash(path)))
    }
}
