//! How a command is run is an object that is chosen at run time.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use async_trait::async_trait;

use crate::commands::Commands;
use crate::commands::process::{self, Line, Spawn, What};

/// So many bytes of what a command writes are kept of its beginning, and as many of its end.
const KEPT_OUTPUT: usize = 1 << 20;

/// A program and all that it is given.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Command {
    /// The program, by its name or path, and its arguments.
    pub arguments: Vec<String>,
    /// What its environment has besides that of the process that builds.
    pub environment: BTreeMap<String, String>,
    /// Its copy of the cache that a tool keeps for itself ([`Run::tool_cache`](super::Run::tool_cache)); what it is called is written into
    /// arguments and environment already.
    pub tool_cache: Option<PathBuf>,
    /// Where it runs.
    pub directory: PathBuf,
    /// The files that it makes: what it has begun to write of them is removed if it is stopped.
    pub outputs: Vec<PathBuf>,
    /// What its rule has needed so far: files, and directories of which it knows the names (by a pattern, or as what
    /// was needed).
    pub inputs: Vec<PathBuf>,
    /// The same with all that lies in it: directories that were needed, and what the rule lets it read unneeded
    /// ([`Run::may_read`](super::Run::may_read)).
    pub trees: Vec<PathBuf>,
    /// What it may write beside its outputs: files, and directories with all that lies in them. (A path that ends in
    /// a slash is that of a directory, which may have to be made.)
    pub writes: Vec<PathBuf>,
    /// The environment variables for which its rule has asked.
    pub variables: Vec<String>,
    /// Where an executor may make temporary directories.
    pub scratch: PathBuf,
    /// Whether its standard output is wanted apart from its errors.
    pub captured: bool,
}

/// How a command ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote, errors and all, for a person to see; without its standard output if that was captured.
    pub output: Vec<u8>,
    /// Its standard output, if that was captured.
    pub captured: Vec<u8>,
}

impl Ended {
    /// A command that ended so.
    pub fn new(status: ExitStatus, output: Vec<u8>, captured: Vec<u8>) -> Self {
        Ended { status, output, captured }
    }
}

/// Runs commands. A user's own may count them, or send them elsewhere; most end in [`Plain`]. With the feature
/// `confined`, `Confined` is another one.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// use alacarte::files::{Command, Ended, Executor, FileRules, Plain, FileSession, file};
/// use alacarte::prelude::*;
///
/// /// Counts the commands that it hands on.
/// struct Counting(Rc<Cell<u32>>, Plain);
///
/// #[async_trait::async_trait(?Send)]
/// impl Executor for Counting {
///     async fn execute(&self, command: &Command) -> std::io::Result<Ended> {
///         self.0.set(self.0.get() + 1);
///         self.1.execute(command).await
///     }
/// }
///
/// let directory = tempfile::tempdir()?;
/// let count = Rc::new(Cell::new(0));
/// let counted = count.clone();
/// let rules = FileRules::new()
///     .with_executor(move |plain| Box::new(Counting(counted.clone(), plain)))
///     .rule("hello", async |make| make.command(["touch", make.target()]).run().await);
/// let mut build = FileSession::new(directory.path()).open(rules, Suspending::new(), VerifyingTrace, |_| {})?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// runtime.block_on(build.run_async([file("hello")]))?;
/// assert_eq!(count.get(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait(?Send)]
pub trait Executor {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// If it cannot be started, or what it writes not be read. A command that fails is no error: see [`Ended::status`].
    async fn execute(&self, command: &Command) -> io::Result<Ended>;
}

/// Runs each command as a process of this machine, in a process group of its own. If the future is dropped, the process and all its
/// children are ended.
#[derive(Debug, Clone, Default)]
pub struct Plain {
    commands: Commands,
}

impl Plain {
    /// Counts the processes among these, so that others can end them.
    pub fn among(commands: &Commands) -> Self {
        Plain { commands: commands.clone() }
    }
}

#[async_trait(?Send)]
impl Executor for Plain {
    async fn execute(&self, command: &Command) -> io::Result<Ended> {
        self.run(command, None, None).await
    }
}

impl Plain {
    /// Whether commands are a part of a jobserver's: of this process, or of one around it.
    #[cfg(feature = "confined")]
    pub(super) fn has_jobserver(&self) -> bool {
        self.commands.have_jobserver()
    }

    /// Where the pipe of a jobserver lies that has a name, as commands are told of it.
    #[cfg(feature = "confined")]
    pub(super) fn jobserver(&self) -> Option<PathBuf> {
        self.commands.jobserver_named()
    }

    /// Runs it with temporary files and caches in a directory of its own, if there is one; its process may be started
    /// otherwise.
    pub(super) async fn run(
        &self,
        command: &Command,
        private: Option<&Path>,
        spawn: Option<Spawn<'_>>,
    ) -> io::Result<Ended> {
        let Command { arguments, environment, tool_cache, directory, outputs, captured, .. } = command;
        let line = Line {
            what: What::Program { arguments, environment, apart: *captured },
            directory,
            console: false,
            outputs: outputs.clone(),
            keep: KEPT_OUTPUT,
            // A rule may give up one of its commands, and go on.
            alone: true,
            private,
            tool_cache: tool_cache.clone(),
            spawn,
        };
        let process::Ended { status, output, said } = process::run(&self.commands, line).await?;
        Ok(Ended { status, output, captured: said })
    }
}
