//! The rules of a build of files, before there is a directory to build in.

use std::fmt;

use alacarte_core::{Result, Rule, TaskFuture, journal_rule};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::executor::{Executor, Plain};
use super::keys::{Contents, Env, File, Glob, Tool, Version};
use super::make::Make;
use super::makers::RuleOutputs;
use super::pattern::Pattern;

/// Rules for patterns of paths, and what else a build of files is made of.
///
/// A path that is named without stars belongs to that rule; else to the rule whose pattern it matches. Two rules that
/// both match it are an error. A path of no rule is a source.
///
/// A pattern that ends in a slash is one of directories: what its rule makes is all that lies there when it is done, links, modes
/// and empty directories with it. The directory is empty when the rule begins, so that nothing of what was there before stays.
/// What lies in it may be needed by name, and is made with it; another rule for such a path is an error. Nothing is ever written
/// outside of the directory of the build for it.
///
/// ```
/// use std::fs;
///
/// use alacarte::files::{FileRules, FileSession, file};
/// use alacarte::prelude::*;
///
/// let directory = tempfile::tempdir()?;
/// fs::write(directory.path().join("a.txt"), "hush")?;
/// let rules = || {
///     FileRules::new().with_version(1).rule("out/*.loud", async |make| {
///         let text = make.read(format!("{}.txt", make.part(0))).await?;
///         make.write(make.target(), text.to_uppercase())
///     })
/// };
/// let session = FileSession::new(directory.path());
/// for ran in [1, 0] {
///     // The second build learns from the journal of the first that everything is up to date.
///     let mut build = session.open(rules(), Suspending::new(), VerifyingTrace, |_| {})?;
///     assert_eq!(build.run([file("out/a.loud")])?.ran.len(), ran);
/// }
/// assert_eq!(fs::read_to_string(directory.path().join("out/a.loud"))?, "HUSH");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct FileRules {
    pub(super) rules: Vec<PathRule>,
    pub(super) wanted: Vec<String>,
    pub(super) pools: Vec<(String, usize)>,
    pub(super) version: Option<u64>,
    pub(super) executor: Option<Box<ChooseExecutor>>,
}

/// Makes the executor of a build out of the plain one.
type ChooseExecutor = dyn Fn(Plain) -> Box<dyn Executor>;

/// One rule.
pub(super) struct PathRule {
    pub(super) outputs: RuleOutputs,
    pub(super) body: Box<dyn Body>,
}

/// What a rule does.
pub(super) trait Body {
    fn run<'t>(&'t self, make: Make<'t>) -> TaskFuture<'t, ()>;
}

struct Closure<F>(F);

impl<F: AsyncFn(Make<'_>) -> Result<()>> Body for Closure<F> {
    fn run<'t>(&'t self, make: Make<'t>) -> TaskFuture<'t, ()> {
        Box::pin(self.0(make))
    }
}

impl FileRules {
    /// No rules yet: all files are sources.
    pub fn new() -> Self {
        journal_rule::<File>();
        journal_rule::<Contents>();
        journal_rule::<Env>();
        journal_rule::<Glob>();
        journal_rule::<Tool>();
        journal_rule::<Version>();
        FileRules::default()
    }

    /// Says how the files of a pattern are made.
    ///
    /// # Panics
    /// If it is no [`Pattern`].
    #[must_use]
    pub fn rule(self, pattern: &str, run: impl AsyncFn(Make<'_>) -> Result<()> + 'static) -> Self {
        self.rules([pattern], run)
    }

    /// Says how several files are made at once, by a rule that runs once for all of them. All patterns have as many stars,
    /// which match the same.
    ///
    /// # Panics
    /// If one is no [`Pattern`], if there is none, or if they differ in their stars.
    #[must_use]
    pub fn rules<'p>(
        mut self,
        patterns: impl IntoIterator<Item = &'p str>,
        run: impl AsyncFn(Make<'_>) -> Result<()> + 'static,
    ) -> Self {
        let patterns: Vec<Pattern> = patterns.into_iter().map(pattern).collect();
        let Some(first) = patterns.first() else { panic!("a rule makes something: name at least one pattern") };
        if let Some(other) = patterns.iter().find(|other| other.stars() != first.stars()) {
            panic!("`{first}` and `{other}` are made by one rule, and must have as many stars");
        }
        self.add(RuleOutputs { patterns, phony: false }, run);
        self
    }

    /// A name that is no file: to build it is to run this, in every build that reaches it (as Make and Shake do).
    ///
    /// # Panics
    /// If it is no [`Pattern`].
    #[must_use]
    pub fn phony(mut self, name: &str, run: impl AsyncFn(Make<'_>) -> Result<()> + 'static) -> Self {
        self.add(RuleOutputs { patterns: vec![pattern(name)], phony: true }, run);
        self
    }

    fn add(&mut self, outputs: RuleOutputs, run: impl AsyncFn(Make<'_>) -> Result<()> + 'static) {
        self.rules.push(PathRule { outputs, body: Box::new(Closure(run)) });
    }

    /// Lets the journal remember the keys of a typed rule, and their values. Without it they run again in each process.
    #[must_use]
    pub fn with_rule<R>(self) -> Self
    where
        R: Rule + Serialize + DeserializeOwned,
        R::Output: Serialize + DeserializeOwned,
    {
        journal_rule::<R>();
        self
    }

    /// What is built if nothing is asked for.
    #[must_use]
    pub fn want<T: Into<String>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.wanted.extend(targets.into_iter().map(Into::into));
        self
    }

    /// Bounds how many commands that name this pool run at once ([`Run::pool`](super::Run::pool)).
    #[must_use]
    pub fn with_pool(mut self, name: impl Into<String>, depth: usize) -> Self {
        self.pools.push((name.into(), depth));
        self
    }

    /// Says that these closures are this version of themselves. Closures cannot be compared; so where a process takes up what
    /// another has built, it is the version that tells that a rule was changed, and all of them run again. [`main`](super::main)
    /// takes the program itself for the version where none is given.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Has commands run by another [`Executor`] than the plain one, which it is given.
    #[must_use]
    pub fn with_executor(mut self, executor: impl Fn(Plain) -> Box<dyn Executor> + 'static) -> Self {
        self.executor = Some(Box::new(executor));
        self
    }

    /// What is built if nothing is asked for.
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap_or_else(|error| panic!("{error}"))
}

impl fmt::Debug for FileRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.rules.iter().flat_map(|rule| &rule.outputs.patterns);
        f.debug_struct("FileRules")
            .field("patterns", &patterns.collect::<Vec<_>>())
            .field("wanted", &self.wanted)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
