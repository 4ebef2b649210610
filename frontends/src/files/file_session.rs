//! A build of files, put together: its rules, a directory, and what is remembered of earlier builds.

use std::path::PathBuf;
use std::rc::Rc;

use alacarte_core::{Build, Dynamic, Output, Rebuilder, RuleKey, Schedules, StoreError};
use alacarte_stores::{Cas, FileStore, Files, Log, TraceLog};
use thiserror::Error;

use super::executor::{Executor, Plain};
use super::file_rules::FileRules;
use super::file_tasks::FileTasks;
use super::makers::Makers;
use super::rule_store::RuleStore;
use super::running_rule::BuildContext;
use crate::commands::{CommandEvent, Commands, Events, Root};

/// Where a build of files finds and leaves things.
#[derive(Debug, Clone)]
pub struct Session {
    /// The directory to which paths are relative, and in which commands run.
    pub directory: PathBuf,
    /// Where the journal and the table of files lie.
    pub state: PathBuf,
    /// The directory of the cache, which builds of many processes, checkouts and repositories may share.
    pub cache: PathBuf,
    /// The commands of its builds that are running.
    pub commands: Commands,
}

/// A build over [`FileRules`].
pub type FileBuild<S, R> = Build<RuleKey, Output, FileTasks, RuleStore, S, R, Log<RuleKey, Output>>;

/// A build of files that could not be put together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The journal, the cache or the directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Session {
    /// A session whose state and cache lie in `.alacarte` in the directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let state = directory.join(".alacarte");
        Session { cache: state.join("cache"), state, directory, commands: Commands::default() }
    }

    /// Puts a build together. If rules run commands, it wants to run inside a tokio runtime
    /// ([`Build::run_async`](alacarte_core::Build::run_async)).
    ///
    /// # Errors
    /// If journal, cache or directory cannot be used.
    pub fn open<S, R>(
        &self,
        rules: FileRules,
        scheduler: S,
        rebuilder: R,
        observer: impl Fn(CommandEvent<'_>) + 'static,
    ) -> Result<FileBuild<S, R>, SessionError>
    where
        S: Schedules<Dynamic>,
        R: Rebuilder<RuleKey, Output>,
    {
        let files = Files::shared(&self.directory)?;
        std::fs::create_dir_all(&self.state)
            .map_err(|source| StoreError::new("make the directory", self.state.display(), source))?;
        // From here on no other build is at work: what is read now is what it has left.
        let log = Log::open(self.journal())?;
        let outputs = rules.rules.iter().map(|rule| rule.outputs.clone());
        let makers = Rc::new(Makers::new(outputs.collect()));
        let store =
            FileStore::new(&files).with_table(self.state.join("files")).with_cas(Cas::new(self.cache.join("blobs")));
        let plain = Plain::among(&self.commands);
        let executor: Box<dyn Executor> = match rules.executor {
            Some(choose) => choose(plain),
            None => Box::new(plain),
        };
        let tasks = FileTasks {
            rules: rules.rules,
            version: rules.version,
            context: BuildContext {
                makers: Rc::clone(&makers),
                root: Root::of(&self.directory),
                files,
                executor,
                events: Events { observer: Some(Box::new(observer)), ..Events::default() },
                scratch: self.state.join("temporary"),
            },
        };
        let mut build = Build::new(tasks, RuleStore::new(store, makers))
            .with_scheduler(scheduler)
            .with_rebuilder(rebuilder)
            .with_journal(log)
            .with_cache(TraceLog::new(self.cache.join("traces")));
        for (name, depth) in rules.pools {
            build = build.with_pool(name, depth);
        }
        Ok(build)
    }

    /// Forgets everything but the cache, as a fresh checkout elsewhere does.
    ///
    /// # Errors
    /// If the journal cannot be removed.
    pub fn forget(&self) -> Result<(), StoreError> {
        for path in [self.journal(), self.state.join("files")] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::new("remove", path.display(), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.state.join("journal")
    }
}
