//! What a rule is given: the paths that it is to make, and the means to do so.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;

use alacarte_core::{Fetch, FetchRule, Fingerprint, Output, Result, Rule, RuleKey, StoreError, TaskError, Value};
use alacarte_stores::{FileKey, FileValue};
use tempfile::TempDir;

use crate::commands::canonicalise;

use super::keys::{Env, File, Glob, Tool, Version};
use super::run::Run;
use super::tasks::FileTasks;

/// What a rule is given. Whatever it asks for becomes a dependency of what it makes.
#[derive(Clone)]
pub struct Make<'b> {
    pub(super) fetch: Fetch<'b, RuleKey, Output>,
    pub(super) tasks: &'b FileTasks,
    outputs: Rc<[FileKey]>,
    parts: Rc<[String]>,
    log: Rc<Log>,
}

/// What a rule has asked for.
#[derive(Default)]
pub(super) struct Log {
    /// The files, and what they were said to hold.
    pub read: RefCell<Vec<(FileKey, FileValue)>>,
    /// The sum of the values that are no files.
    pub values: Cell<Fingerprint>,
}

impl<'b> Make<'b> {
    pub(super) fn new(
        fetch: Fetch<'b, RuleKey, Output>,
        tasks: &'b FileTasks,
        outputs: Rc<[FileKey]>,
        parts: Rc<[String]>,
    ) -> Self {
        Make { fetch, tasks, outputs, parts, log: Rc::default() }
    }

    pub(super) fn log(&self) -> Rc<Log> {
        Rc::clone(&self.log)
    }

    /// The path that is to be made, the first of several.
    pub fn target(&self) -> &str {
        self.outputs.first().map_or("", FileKey::as_str)
    }

    /// All paths that are to be made.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(FileKey::as_str)
    }

    /// A path that a command reports, as it is written inside the directory of the build.
    pub(super) fn local(&self, path: &str) -> String {
        self.tasks.shared.root.local(&canonicalise(path)).into_owned()
    }

    pub(super) fn outputs(&self) -> &[FileKey] {
        &self.outputs
    }

    /// What the star of this number, from 0 on, matches.
    ///
    /// # Panics
    /// If the pattern has no such star. (The task then fails, with this as its reason.)
    pub fn part(&self, star: usize) -> &str {
        let parts = &self.parts;
        parts
            .get(star)
            .unwrap_or_else(|| panic!("the pattern of {} has {} stars, and no star {star}", self.target(), parts.len()))
    }

    /// Where a path lies.
    pub fn path(&self, path: impl AsRef<str>) -> PathBuf {
        self.tasks.shared.files.borrow().path(File::at(path).key())
    }

    /// Has these files brought up to date, all at once.
    ///
    /// # Errors
    /// If one of them cannot be made, or is no file and made by no rule. Pass it on with `?`.
    pub async fn need<P: AsRef<str>>(&self, paths: impl IntoIterator<Item = P>) -> Result<()> {
        self.need_files(paths.into_iter().map(File::at).collect()).await
    }

    pub(super) async fn need_files(&self, files: Vec<File>) -> Result<()> {
        let values = self.fetch.all(files.iter().map(|file| RuleKey::new(file.clone()))).await?;
        for (file, value) in files.into_iter().zip(values) {
            let value = value.get::<FileValue>().cloned();
            let value = value.ok_or_else(|| TaskError::new(format!("{file:?} has a value that is no file's")))?;
            self.log.read.borrow_mut().push((file.key().clone(), value));
        }
        Ok(())
    }

    /// The text of a file, brought up to date first.
    ///
    /// # Errors
    /// As [`Make::need`]; or if it is not text.
    pub async fn read(&self, path: impl AsRef<str>) -> Result<String> {
        let path = path.as_ref();
        self.need([path]).await?;
        let place = self.path(path);
        std::fs::read_to_string(&place).map_err(|error| StoreError::new("read", path, error).into())
    }

    /// The value of an environment variable; `None` if it is not set.
    ///
    /// # Errors
    /// Never of itself.
    pub async fn env(&self, name: &str) -> Result<Option<String>> {
        self.rule(Env(name.to_owned())).await
    }

    /// The paths of the source files that match a pattern, sorted. (They are not needed by that.)
    ///
    /// # Errors
    /// If it is no [`Pattern`](super::Pattern), or a directory cannot be read.
    pub async fn glob(&self, pattern: &str) -> Result<Vec<String>> {
        self.rule(Glob(pattern.to_owned())).await
    }

    /// Where the program of this name lies, by `PATH`. What depends on it is made again when another program lies there.
    ///
    /// # Errors
    /// If there is no such program.
    pub async fn tool(&self, name: &str) -> Result<String> {
        let found = self.rule(Tool(name.to_owned())).await?;
        found
            .map(|(path, _)| path)
            .ok_or_else(|| TaskError::new(format!("there is no program called {name}: install it, or mend PATH")))
    }

    /// What the program of this name answers to `--version`. What depends on that alone is made again only when it
    /// answers something else.
    ///
    /// # Errors
    /// If there is no such program, or it fails.
    pub async fn version(&self, name: &str) -> Result<String> {
        self.rule(Version(name.to_owned())).await
    }

    /// The value of a typed rule.
    ///
    /// # Errors
    /// If its task fails.
    pub async fn rule<R: Rule>(&self, rule: R) -> Result<R::Output> {
        let value = self.fetch.rule(rule).await?;
        self.log.values.set(self.log.values.get().combine(value.fingerprint()));
        Ok(value)
    }

    /// Has a file brought up to date without waiting for it: the build ends when it is. It is no dependency.
    pub fn detach(&self, path: impl AsRef<str>) {
        self.fetch.detach(RuleKey::new(File::at(path)));
    }

    /// Declares that what is made may not be kept beyond this build: it depends on something that nothing here shows.
    pub fn volatile(&self) {
        self.fetch.volatile();
    }

    /// A command, to be run: a program and its arguments.
    pub fn command<A: Into<String>>(&self, arguments: impl IntoIterator<Item = A>) -> Run<'_, 'b> {
        Run::new(self, arguments.into_iter().map(Into::into).collect())
    }

    /// Writes a file, unless it holds just that.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: impl AsRef<str>, content: impl AsRef<[u8]>) -> Result<()> {
        let (place, content) = (self.path(path.as_ref()), content.as_ref());
        if std::fs::read(&place).is_ok_and(|there| there == content) {
            return Ok(());
        }
        std::fs::write(&place, content).map_err(|error| StoreError::new("write", path.as_ref(), error).into())
    }

    /// A directory for temporary files, which is removed when it is dropped.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn temporary(&self) -> Result<TempDir> {
        let place = &self.tasks.shared.scratch;
        std::fs::create_dir_all(place)
            .and_then(|()| tempfile::tempdir_in(place))
            .map_err(|error| StoreError::new("make a directory in", place.display(), error).into())
    }
}

impl fmt::Debug for Make<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Make").field("outputs", &self.outputs).field("parts", &self.parts).finish_non_exhaustive()
    }
}
