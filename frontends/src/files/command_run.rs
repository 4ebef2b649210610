//! A command of a rule: run in one of the build's places, shown, and asked afterwards what it has read.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte_core::{Result, RuleKey, StoreError, TaskError};
use alacarte_stores::FileKey;

use super::executor::{Command, Ended};
use super::keys::File;
use super::running_rule::RunningRule;
use crate::commands::process::failure;
use crate::commands::{CommandEvent, Stage, canonicalise, parse_depfile};

/// A command that read files which were made after it had begun is run so often before what it made is kept for one build
/// only.
const ATTEMPTS: usize = 4;

/// A command that is about to be run.
#[must_use = "a command does nothing unless it is run"]
pub struct Run<'b> {
    rule: RunningRule<'b>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    shown: Option<String>,
    depfile: Option<String>,
    pool: Option<String>,
}

impl<'b> Run<'b> {
    pub(super) fn new(rule: RunningRule<'b>, arguments: Vec<String>) -> Self {
        Run { rule, arguments, environment: Vec::new(), shown: None, depfile: None, pool: None }
    }

    /// Sets an environment variable for it.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
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

    /// Runs it only when this pool has a place, too.
    pub fn pool(mut self, name: impl Into<String>) -> Self {
        self.pool = Some(name.into());
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
        let RunningRule { fetch, context, .. } = &self.rule;
        let files = &context.files;
        let command = Command {
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            directory: files.borrow().root().to_owned(),
            outputs: self.rule.outputs.iter().map(|output| files.borrow().path(output)).collect(),
            captured,
        };
        let mut attempts = 0;
        loop {
            let run = self.once(&command);
            let (ended, writes, time) = match &self.pool {
                Some(pool) => fetch.work_in(pool, run).await?,
                None => fetch.work(run).await?,
            };
            let reported = self.reported()?;
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

    /// Runs it once; how many files the build had written before, and when that was.
    async fn once(&self, command: &Command) -> Result<(Ended, u64, u64)> {
        let shared = self.rule.context;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (writes, time) = (shared.files.borrow().writes(), since.as_nanos() as u64);
        self.tell(Stage::Started);
        let ended = shared.executor.execute(command).await;
        let ended = ended.map_err(|error| StoreError::new("run", &self.arguments[0], error));
        match &ended {
            Ok(ended) => self.tell(Stage::Ended { success: ended.status.success(), output: &ended.output }),
            Err(_) => self.tell(Stage::Ended { success: false, output: &[] }),
        }
        let ended = ended?;
        if !ended.status.success() {
            let (how, output) = (failure(ended.status), String::from_utf8_lossy(&ended.output));
            return Err(TaskError::new(format!("FAILED: [{how}] {}\n{output}", line(&self.arguments)).trim_end()));
        }
        Ok((ended, writes, time))
    }

    /// What it says to have read.
    fn reported(&self) -> Result<Vec<File>> {
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
            shown: self.shown.as_deref().unwrap_or(&command),
            command: &command,
            started: events.started.get(),
            finished: events.finished.get(),
            stage,
        });
    }
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
