//! What a rule is given: the paths that it is to make, and the context to do so.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use alacarte_core::{FetchRule, Result, Rule, RuleKey, StoreError, TaskError, Value};
use alacarte_stores::{FileKey, Merge};
use tempfile::TempDir;

use super::command_run::Run;
use super::keys::{Env, File, Glob, Tool, Version};
use super::running_rule::RunningRule;

/// What a rule is given. All that it asks for becomes a dependency of what it makes.
#[derive(Clone)]
pub struct Make<'b> {
    rule: RunningRule<'b>,
    parts: Rc<[String]>,
}

impl<'b> Make<'b> {
    pub(super) fn new(rule: RunningRule<'b>, parts: Vec<String>) -> Self {
        Make { rule, parts: parts.into() }
    }

    /// The path that is to be made, the first of several.
    pub fn target(&self) -> &str {
        self.rule.outputs.first().map_or("", FileKey::as_str)
    }

    /// All paths that are to be made.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.rule.outputs.iter().map(FileKey::as_str)
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
        self.rule.path(path.as_ref())
    }

    /// Has these files brought up to date, all at once; with a slash at its end, a path is a directory with all that lies in it.
    ///
    /// # Errors
    /// If one of them cannot be made, or is no file and made by no rule; if a directory of sources holds what rules make. Pass it
    /// on with `?`.
    pub async fn need<P: AsRef<str>>(&self, paths: impl IntoIterator<Item = P>) -> Result<()> {
        self.rule.need(paths.into_iter().map(|path| self.rule.file(path.as_ref())).collect()).await
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

    /// The paths of the source files that match a pattern, sorted; of directories, if it ends in a slash. (They are not needed by that.)
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
        let key = rule.clone();
        let value = self.rule.fetch.rule(rule).await?;
        self.rule.log.values.set(self.rule.log.values.get().combine(value.fingerprint()));
        self.rule.note(&key, &value);
        Ok(value)
    }

    /// Has a file brought up to date without waiting for it: the build ends when it is. It is no dependency.
    pub fn detach(&self, path: impl AsRef<str>) {
        self.rule.fetch.detach(RuleKey::new(self.rule.file(path.as_ref())));
    }

    /// Declares that what is made may not be kept beyond this build: it depends on something that nothing here shows.
    pub fn volatile(&self) {
        self.rule.fetch.volatile();
    }

    /// A command, to be run: a program and its arguments.
    pub fn command<A: Into<String>>(&self, arguments: impl IntoIterator<Item = A>) -> Run<'b> {
        Run::new(self.rule.clone(), arguments.into_iter().map(Into::into).collect())
    }

    /// Makes one directory of several, which are brought up to date first: it holds what each of them holds. What lay there before
    /// is gone. All paths end in a slash; the first is a directory that this rule makes, or lies in one.
    ///
    /// ```
    /// use std::fs;
    ///
    /// use alacarte::files::{FileRules, FileSession, file};
    /// use alacarte::prelude::*;
    ///
    /// let directory = tempfile::tempdir()?;
    /// fs::create_dir(directory.path().join("pages"))?;
    /// fs::write(directory.path().join("pages/about"), "We build.")?;
    /// let rules = FileRules::new()
    ///     .rule("out/api/", async |make| make.write("out/api/index", "Everything."))
    ///     .rule("out/site/", async |make| make.merge(make.target(), ["pages/", "out/api/"]).await);
    /// let mut build = FileSession::new(directory.path()).open(rules, Suspending::new(), VerifyingTrace, |_| {})?;
    /// build.run([file("out/site/")])?;
    /// assert_eq!(fs::read_to_string(directory.path().join("out/site/index"))?, "Everything.");
    /// assert_eq!(fs::read_to_string(directory.path().join("out/site/about"))?, "We build.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If two of them hold different things under one name (it says which, and whose), or one cannot be made or read; if the
    /// directory cannot be written.
    pub async fn merge<P: AsRef<str>>(
        &self,
        target: impl AsRef<str>,
        parts: impl IntoIterator<Item = P>,
    ) -> Result<()> {
        let target = self.rule.file(target.as_ref());
        let parts: Vec<File> = parts.into_iter().map(|part| self.rule.file(part.as_ref())).collect();
        if let Some(file) = parts.iter().chain([&target]).find(|file| !file.key().is_tree()) {
            return Err(TaskError::new(format!("{file:?} is merged as a directory: write `{file:?}/`")));
        }
        if !self.makes_within(target.key()) {
            return Err(TaskError::new(format!(
                "{target:?} is no directory that this rule makes: have it merge into one"
            )));
        }
        self.rule.need(parts.clone()).await?;
        let mut files = self.rule.context.files.borrow_mut();
        let mut trees = Vec::with_capacity(parts.len());
        for part in &parts {
            let tree = files.tree(part.key())?;
            trees.push(tree.ok_or_else(|| TaskError::new(format!("{part:?} has gone while it was to be merged")))?);
        }
        let mut merge = Merge::new();
        for (part, tree) in parts.iter().zip(&trees) {
            merge.add(part.key().as_str(), tree)?;
        }
        let places: HashMap<&Path, PathBuf> =
            merge.producers().map(|(path, part)| (path, files.path(&FileKey::from(part)).join(path))).collect();
        files.put_tree(target.key(), &merge.tree(), &self.rule.context.underway, |path| places[path].clone())?;
        Ok(())
    }

    /// Whether this path is a directory that the rule makes, or lies in one.
    fn makes_within(&self, key: &FileKey) -> bool {
        self.rule.outputs.iter().any(|output| output.is_tree() && key.as_str().starts_with(output.as_str()))
    }

    /// Writes a file, unless it is one that holds just that. What lay there before is replaced, be it a link. Within a directory that
    /// the rule makes, the directories around the file are made, too.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: impl AsRef<str>, content: impl AsRef<[u8]>) -> Result<()> {
        let (place, content) = (self.path(path.as_ref()), content.as_ref());
        let plain = std::fs::symlink_metadata(&place)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 == 0);
        if plain && std::fs::read(&place).is_ok_and(|there| there == content) {
            return Ok(());
        }
        if self.makes_within(self.rule.file(path.as_ref()).key()) {
            let around = place.parent().unwrap_or(&place);
            std::fs::create_dir_all(around)
                .map_err(|error| StoreError::new("make the directory", around.display(), error))?;
        }
        // Not into what lies there: it may be a link to something else, or a file with two names.
        let replaced = match std::fs::remove_file(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => std::fs::write(&place, content),
        };
        replaced.map_err(|error| StoreError::new("write", path.as_ref(), error).into())
    }

    /// A directory for temporary files, which is removed when it is dropped.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn temporary(&self) -> Result<TempDir> {
        let place = &self.rule.context.scratch;
        let made = std::fs::create_dir_all(place).and_then(|()| tempfile::tempdir_in(place));
        let made = made.map_err(|error| StoreError::new("make a directory in", place.display(), error))?;
        self.rule.log.temporary.borrow_mut().push(made.path().to_owned());
        Ok(made)
    }
}

impl fmt::Debug for Make<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Make").field("outputs", &self.rule.outputs).field("parts", &self.parts).finish_non_exhaustive()
    }
}
