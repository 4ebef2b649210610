//! A build of files, put together: its rules, a directory, and what is remembered of earlier builds.

use std::path::PathBuf;
use std::rc::Rc;

use alacarte_core::{Build, Dynamic, Output, Rebuilder, RuleKey, Schedules, StoreError};
use alacarte_stores::{Files, Log, SharedCache};

use super::executor::{Executor, Plain};
use super::file_rules::FileRules;
use super::file_tasks::FileTasks;
use super::makers::Makers;
use super::rule_store::RuleStore;
use super::running_rule::BuildContext;
use super::source_trees::SourceTrees;
use crate::commands::tool_cache::ToolCaches;
use crate::commands::{CommandEvent, Commands, Events, Root};
use crate::commands::{command_state, turn};

/// Where a build of files finds and leaves things.
///
/// ```
/// use alacarte::files::{FileRules, FileSession, file};
/// use alacarte::prelude::*;
///
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("name"), "world")?;
/// let rules = FileRules::new().rule("greeting", async |make| {
///     let name = make.read("name").await?;
///     make.write(make.target(), format!("hello, {name}"))
/// });
/// let mut build = FileSession::new(directory.path()).open(rules, Suspending::new(), VerifyingTrace, |_| {})?;
/// build.run([file("greeting")])?;
/// assert_eq!(std::fs::read_to_string(directory.path().join("greeting"))?, "hello, world");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileSession {
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

impl FileSession {
    /// A session whose state and cache lie in `.alacarte` in the directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let state = directory.join(".alacarte");
        FileSession { cache: state.join("cache"), state, directory, commands: Commands::default() }
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
    ) -> Result<FileBuild<S, R>, StoreError>
    where
        S: Schedules<Dynamic>,
        R: Rebuilder<RuleKey, Output>,
    {
        self.open_with(command_state::open_journal(&self.state)?, rules, scheduler, rebuilder, observer)
    }

    /// The journal, for [`open_with`](Self::open_with). If a make has begun another build of this directory at the same time, it waits until that has
    /// ended, and gives its token of the jobserver to others meanwhile.
    ///
    /// # Errors
    /// If the journal cannot be used, or another build has it that no make has begun beside this one.
    pub async fn turn(&self) -> Result<Log<RuleKey, Output>, StoreError> {
        turn::open_journal(&self.commands, &self.state).await
    }

    /// As [`open`](Self::open), with a journal that was opened before.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with<S, R>(
        &self,
        log: Log<RuleKey, Output>,
        rules: FileRules,
        scheduler: S,
        rebuilder: R,
        observer: impl Fn(CommandEvent<'_>) + 'static,
    ) -> Result<FileBuild<S, R>, StoreError>
    where
        S: Schedules<Dynamic>,
        R: Rebuilder<RuleKey, Output>,
    {
        let files = Files::shared(&self.directory)?;
        let scratch = self.state.join("temporary");
        // (It is this build's turn: what lies there is of builds that were killed.)
        let _ = std::fs::remove_dir_all(&scratch);
        let outputs = rules.rules.iter().map(|rule| rule.outputs.clone());
        let makers = Rc::new(Makers::new(outputs.collect()));
        let trees = Rc::new(SourceTrees::new(vec![self.state.clone(), self.cache.clone()]));
        let cache = SharedCache::new(&self.cache);
        let store = command_state::store(&files, &self.state, &cache);
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
                trees: Rc::clone(&trees),
                root: Root::of(&self.directory),
                files,
                executor,
                commands: self.commands.clone(),
                events: Events { observer: Some(Box::new(observer)), ..Events::default() },
                tool_caches: ToolCaches::new(&self.cache, &self.directory, &self.state),
                scratch,
                underway: command_state::underway(&self.state),
            },
        };
        let mut build = Build::new(tasks, RuleStore::new(store, makers, trees))
            .with_scheduler(scheduler)
            .with_rebuilder(rebuilder)
            .with_journal(log)
            .with_cache(cache.traces());
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
        command_state::forget(&self.state)
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        command_state::journal(&self.state)
    }
}
