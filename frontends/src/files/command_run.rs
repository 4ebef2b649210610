//! A command of a rule: run in one of the build's places, shown, and asked afterwards what it has read.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte_core::{Result, RuleKey, StoreError, TaskError};
use alacarte_stores::{CacheName, FileKey};

use super::executor::{Command, Ended};
use super::keys::File;
use super::running_rule::RunningRule;
use crate::commands::exit_status::{code, failure};
use crate::commands::tool_cache::{Place, Taken};
use crate::commands::{CommandEvent, Stage, Token, canonicalise, parse_depfile};

/// A command that read files which were made after it had begun is run so often before what it made is kept for one build
/// only.
const ATTEMPTS: usize = 4;

/// A command that is about to be run.
#[must_use = "a command does nothing unless it is run"]
pub struct Run<'b> {
    rule: RunningRule<'b>,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    shown: Option<String>,
    depfile: Option<String>,
    pool: Option<String>,
    tool_cache: Option<String>,
    may_read: Vec<String>,
    may_write: Vec<String>,
}

/// What stands for the path of the copy of a tool's cache.
const TOOL_CACHE: &str = "{tool_cache}";

impl<'b> Run<'b> {
    pub(super) fn new(rule: RunningRule<'b>, arguments: Vec<String>) -> Self {
        Run {
            rule,
            arguments,
            environment: BTreeMap::new(),
            shown: None,
            depfile: None,
            pool: None,
            tool_cache: None,
            may_read: Vec::new(),
            may_write: Vec::new(),
        }
    }

    /// Sets an environment variable for it.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// What is shown of it while it runs, in place of the whole command.
    pub fn shown(mut self, text: impl Into<String>) -> Self {
        self.shown = Some(text.into());
        self
    }

    /// The file into which it writes what it has read, as a compiler does with `-MMD -MF`. All of that is needed then, and the
    /// file removed.
    pub fn depfile(mut self, path: impl Into<String>) -> Self {
        self.depfile = Some(path.into());
        self
    }

    /// Runs it only when this pool has a permit for it, too.
    pub fn pool(mut self, name: impl Into<String>) -> Self {
        self.pool = Some(name.into());
        self
    }

    /// Gives it a directory that a tool keeps for itself (mypy's, ccache's), below the cache of the build. It is called `NAME`, or
    /// `REPOSITORY/NAME` where all checkouts of a repository are to share it ([`CacheName`]).
    ///
    /// Where `{tool_cache}` stands in arguments and environment, there stands the path of a private copy. What the command adds or changes
    /// there is published for others when it has succeeded ([`NamedCache`](alacarte_stores::NamedCache)). Neither the path, which is another one
    /// each time, nor what lies there decides whether anything runs: what a rule makes must be the same with an empty cache.
    ///
    /// ```
    /// use alacarte::files::FileRules;
    ///
    /// let rules = FileRules::new().rule("out/types", async |make| {
    ///     make.need(make.glob("src/**.py").await?).await?;
    ///     let arguments = ["mypy", "--cache-dir={tool_cache}", "src"];
    ///     let said = make.command(arguments).tool_cache("calculator/mypy").capture().await?;
    ///     make.write(make.target(), said)
    /// });
    /// ```
    pub fn tool_cache(mut self, name: impl Into<String>) -> Self {
        self.tool_cache = Some(name.into());
        self
    }

    /// Lets it read a file, or a directory with all that lies in it, which the rule has not needed: what a compiler
    /// includes is known when it has run, from its [`depfile`](Self::depfile). A command without one is refused this,
    /// for nobody would know what it has read.
    ///
    /// It matters to an executor that confines commands. (`Confined`, with the feature of that name. A plain one lets
    /// them read everything.)
    ///
    /// ```
    /// use alacarte::files::FileRules;
    ///
    /// let rules = FileRules::new().rule("out/*.o", async |make| {
    ///     let [source, depfile] = [format!("src/{}.c", make.part(0)), format!("{}.d", make.target())];
    ///     make.need([&source]).await?;
    ///     let arguments = ["cc", "-c", &source, "-o", make.target(), "-MMD", "-MF", &depfile];
    ///     make.command(arguments).depfile(&depfile).may_read("src").run().await
    /// });
    /// ```
    pub fn may_read(mut self, path: impl Into<String>) -> Self {
        self.may_read.push(path.into());
        self
    }

    /// Lets it write a file that is no output, or into a directory and all below it (`lib/`): for a tool that makes
    /// other files beside its output, renames one to it, or removes it. Nothing that it writes so is a value of the
    /// build. A directory is made, if its path ends in a slash.
    ///
    /// It matters to an executor that confines commands, which otherwise may write their outputs and no more.
    pub fn may_write(mut self, path: impl Into<String>) -> Self {
        self.may_write.push(path.into());
        self
    }

    /// Runs it.
    ///
    /// # Errors
    /// If it cannot be started, or fails; or what it says to have read cannot be brought up to date.
    pub async fn run(self) -> Result<()> {
        self.finish(false).await.map(|_| ())
    }

    /// Runs it; what it wrote to standard output, without white space at its end.
    ///
    /// # Errors
    /// As [`Run::run`]; or if that is not text.
    pub async fn capture(self) -> Result<String> {
        let ended = self.finish(true).await?;
        let text = String::from_utf8(ended.captured);
        let text = text.map_err(|_| TaskError::new("the output of its command is not text in UTF-8"))?;
        Ok(text.trim_end().to_owned())
    }

    async fn finish(self, captured: bool) -> Result<Ended> {
        if self.arguments.is_empty() {
            return Err(TaskError::new("a command has a program: name one before its arguments"));
        }
        if !self.may_read.is_empty() && self.depfile.is_none() {
            let path = &self.may_read[0];
            return Err(TaskError::new(format!(
                "a command may read {path} unneeded only if it says what it has read: name its depfile, \
                 or need what it reads"
            )));
        }
        let RunningRule { fetch, context, .. } = &self.rule;
        let files = &context.files;
        let cache: Option<CacheName> = match &self.tool_cache {
            Some(name) => Some(name.parse().map_err(|error| TaskError::new(format!("{error}")))?),
            None => None,
        };
        let command = self.command(captured);
        let mut attempts = 0;
        loop {
            let run = self.once(&command, cache.as_ref());
            let Ran { ended, writes, time, cache: place } = match &self.pool {
                Some(pool) => fetch.work_in(pool, run).await?,
                None => fetch.work(run).await?,
            };
            let reported = self.reported(place.as_ref())?;
            let mut too_early = false;
            for file in &reported {
                let made = context.makers.makes(file.key());
                let whole = context.makers.around(file.key()).map_or_else(|| file.clone(), File::from);
                let ready = fetch.is_ready(&RuleKey::new(whole.clone()));
                too_early |= made && (!ready || files.borrow().written_since(whole.key(), writes));
                let seen = files.borrow_mut().look(file.key())?;
                if !made && seen.is_none_or(|seen| seen.modified > time) {
                    // It was written, or taken away, while the command ran: nobody knows what was read.
                    fetch.volatile();
                }
            }
            let found = |file: &File| context.makers.makes(file.key()) || files.borrow().modified(file.key()).is_some();
            self.rule.need(reported.into_iter().filter(found).collect()).await?;
            attempts += 1;
            if !too_early {
                return Ok(ended);
            }
            if attempts == ATTEMPTS {
                fetch.volatile();
                return Ok(ended);
            }
        }
    }

    /// The command, and what its rule has asked for by now.
    fn command(&self, captured: bool) -> Command {
        let RunningRule { context, outputs, log, .. } = &self.rule;
        let path = |key: &FileKey| context.files.borrow().path(key);
        let read = log.read.borrow();
        // (A name for other files is no path.)
        let needed = read.iter().map(|(key, _)| key).filter(|key| !context.makers.is_phony(key));
        let (trees, files): (Vec<&FileKey>, Vec<&FileKey>) = needed.partition(|key| key.is_tree());
        let place = |path: &String| match path.ends_with('/') {
            true => self.rule.path(path).join(""),
            false => self.rule.path(path),
        };
        let named = |paths: &[String]| paths.iter().map(place).collect::<Vec<_>>();
        let temporary = log.temporary.borrow();
        let mut writes = named(&self.may_write);
        writes.extend(self.depfile.iter().map(|depfile| self.rule.path(depfile)).chain(temporary.iter().cloned()));
        Command {
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            tool_cache: None,
            directory: context.files.borrow().root().to_owned(),
            outputs: outputs.iter().filter(|output| !context.makers.is_phony(output)).map(path).collect(),
            inputs: files.into_iter().map(path).chain(log.found.borrow().iter().cloned()).collect(),
            trees: trees.into_iter().map(path).chain(named(&self.may_read)).collect(),
            writes,
            variables: log.variables.borrow().iter().cloned().collect(),
            scratch: context.scratch.clone(),
            captured,
        }
    }

    /// Runs it once.
    async fn once(&self, command: &Command, cache: Option<&CacheName>) -> Result<Ran> {
        let shared = self.rule.context;
        let trouble = |error| {
            StoreError::new("copy the tool cache of", self.rule.outputs.first().map_or("", FileKey::as_str), error)
        };
        let refused = |error| StoreError::new("take a token of the jobserver for", &self.arguments[0], error);
        let mut token = shared.commands.token().await.map_err(refused)?;
        let given = async |token: &mut Option<Token>| match cache {
            Some(name) => {
                let copy = shared.tool_caches.take(name, (token, false), &shared.commands).await.map_err(trouble)?;
                let mut command = command.clone();
                give(&mut command, &copy)?;
                Ok((command, Some(copy)))
            }
            None => Ok::<_, TaskError>((command.clone(), None)),
        };
        let (mut command, mut taken) = given(&mut token).await?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (writes, time) = (shared.files.borrow().writes(), since.as_nanos() as u64);
        self.tell(Stage::Started);
        let mut ended = shared.executor.execute(&command).await;
        let failed = ended.as_ref().is_ok_and(|ended| !ended.status.success());
        if failed && taken.as_ref().is_some_and(Taken::to_be_taken_again) {
            (command, taken) = given(&mut token).await?;
            ended = shared.executor.execute(&command).await;
        }
        let ended = ended.map_err(|error| StoreError::new("run", &self.arguments[0], error));
        match &ended {
            Ok(ended) => self.tell(Stage::Ended {
                success: ended.status.success(),
                code: code(ended.status),
                output: &ended.output,
            }),
            Err(_) => self.tell(Stage::Ended { success: false, code: 127, output: &[] }),
        }
        let ended = ended?;
        if !ended.status.success() {
            let (how, output) = (failure(ended.status), String::from_utf8_lossy(&ended.output));
            return Err(TaskError::new(format!("FAILED: [{how}] {}\n{output}", line(&self.arguments)).trim_end()));
        }
        let cache = match taken {
            Some(copy) => Some(copy.publish(&mut token, &shared.commands).await.map_err(trouble)?),
            None => None,
        };
        Ok(Ran { ended, writes, time, cache })
    }

    /// What it says to have read.
    fn reported(&self, cache: Option<&Place>) -> Result<Vec<File>> {
        let Some(depfile) = &self.depfile else { return Ok(Vec::new()) };
        let path = self.rule.path(depfile);
        let bytes = std::fs::read(&path).map_err(|error| StoreError::new("read", depfile, error))?;
        let entries = parse_depfile(&String::from_utf8_lossy(&bytes));
        let entries = entries.map_err(|error| TaskError::new(format!("{depfile}: {error}")))?;
        let outputs = &self.rule.outputs;
        let kept = outputs.iter().any(|output| output.as_str() == canonicalise(depfile));
        if !kept {
            // What is left of it would be nobody's.
            let _ = std::fs::remove_file(&path);
        }
        let mut files: Vec<File> = Vec::new();
        for input in entries.into_iter().flat_map(|entry| entry.inputs) {
            if cache.is_some_and(|cache| cache.held(&input)) {
                continue;
            }
            // (To have read a directory is to know which names are in it.)
            let file = self.rule.file(&canonicalise(&input));
            if !outputs.contains(file.key()) && !files.contains(&file) {
                files.push(file);
            }
        }
        Ok(files)
    }

    fn tell(&self, stage: Stage<'_>) {
        let events = &self.rule.context.events;
        let count = if matches!(stage, Stage::Started) { &events.started } else { &events.finished };
        count.set(count.get() + 1);
        let Some(observer) = &events.observer else { return };
        let command = line(&self.arguments);
        let nameless = FileKey::from("");
        observer(CommandEvent {
            key: self.rule.outputs.first().unwrap_or(&nameless),
            outputs: &self.rule.outputs,
            console: false,
            shown: self.shown.as_deref().unwrap_or(&command),
            command: &command,
            started: events.started.get(),
            finished: events.finished.get(),
            stage,
        });
    }
}

/// A command that has run.
struct Ran {
    ended: Ended,
    /// How many files the build had written before, and when that was.
    writes: u64,
    time: u64,
    /// Where its copy of a tool's cache lay.
    cache: Option<Place>,
}

/// Tells a command where its copy of a tool's cache lies.
fn give(command: &mut Command, copy: &Taken<'_>) -> Result<()> {
    let path = copy.path().to_str().ok_or_else(|| {
        TaskError::new(format!("{} is no path in UTF-8: name another directory for the cache", copy.path().display()))
    })?;
    let values = command.environment.values_mut();
    for text in command.arguments.iter_mut().chain(values) {
        *text = text.replace(TOOL_CACHE, path);
    }
    command.tool_cache = Some(copy.path().to_owned());
    Ok(())
}

/// A command as one would write it for a shell.
fn line(arguments: &[String]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=+:,@%".contains(&byte);
    let quoted = arguments.iter().map(|argument| match argument.bytes().all(plain) && !argument.is_empty() {
        true => argument.clone(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_command_is_shown_as_a_shell_would_take_it() {
        let arguments = ["cc", "-DX=1", "a b.c", "", "it's"].map(str::to_owned);
        assert_eq!(line(&arguments), r"cc -DX=1 'a b.c' '' 'it'\''s'");
    }
}
