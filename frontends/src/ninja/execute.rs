//! What happens around a command: before it, directories and the response file; after it, the dependencies it
//! reports, and the question whether it can have read what we believe it read.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte::{Fetch, Result, StoreError, TaskError};
use alacarte_stores::{Digest, FileKey, FileValue};

use super::command::{self, Ended};
use super::depfile::parse_depfile;
use super::events::{CommandEvent, Stage};
use super::manifest::{Deps, Edge};
use super::tasks::{NinjaTasks, Step};

/// The name of the pool whose commands have the terminal to themselves.
const CONSOLE: &str = "console";

/// A command that read files which were built after it had started is run so often before its value is taken
/// with a grain of salt.
const ATTEMPTS: usize = 4;

impl NinjaTasks {
    /// Has `observer` told of every command.
    #[must_use]
    pub fn observe(mut self, observer: impl Fn(CommandEvent<'_>) + 'static) -> Self {
        self.events.observer = Some(Box::new(observer));
        self
    }

    /// How many commands were started.
    pub fn commands_started(&self) -> u64 {
        self.events.started.get()
    }

    /// How many commands ran to their end, well or not.
    pub fn commands_run(&self) -> u64 {
        self.events.finished.get()
    }

    fn tell(&self, step: &Step, stage: Stage<'_>) {
        let count = if matches!(stage, Stage::Started) { &self.events.started } else { &self.events.finished };
        count.set(count.get() + 1);
        if let Some(observer) = &self.events.observer {
            observer(CommandEvent {
                key: &step.outputs[0],
                shown: step.edge.shown(),
                command: &step.edge.command,
                started: self.events.started.get(),
                finished: self.events.finished.get(),
                stage,
            });
        }
    }

    /// The task of an edge with a command.
    pub(super) async fn command(&self, step: &Step, fetch: Fetch<'_, FileKey, FileValue>) -> Result<FileValue> {
        let values = fetch.all(step.inputs.iter()).await?;
        let mut read: Vec<(FileKey, FileValue)> = step.inputs.iter().cloned().zip(values).collect();
        let mut known: HashSet<FileKey> = step.inputs.iter().cloned().collect();
        let mut attempts = 0;
        loop {
            let run = self.execute(step);
            let (ended, started) = match step.edge.pool.as_deref() {
                Some(pool) => fetch.work_in(pool, run).await?,
                None => fetch.work(run).await?,
            };
            let mut reported = self.reported(step, &ended)?;
            reported.retain(|key| !step.outputs.contains(key));
            for key in &mut reported {
                // What made this file has run, though nobody has asked for this very output of it: it is there.
                let primary = self.primary(key).filter(|primary| *primary != key);
                if let Some(primary) = primary.filter(|primary| !fetch.is_ready(key) && fetch.is_ready(primary)) {
                    *key = primary.clone();
                }
            }
            let too_early = reported.iter().any(|key| {
                // What is no output cannot be out of date.
                let made = self.step(key).is_some_and(|step| !step.edge.is_phony());
                made && (!fetch.is_ready(key) || self.files.borrow().written_since(key, started.writes))
            });
            reported.retain(|key| known.insert(key.clone()));
            for key in &reported {
                match self.files.borrow_mut().look(key)? {
                    Some(seen) if self.step(key).is_none() && seen.modified > started.time => fetch.volatile(),
                    _ => {}
                }
            }
            reported.retain(|key| {
                let found = self.step(key).is_some() || self.files.borrow().modified(key).is_some();
                if !found {
                    // It was deleted since, or never was; in any case it is nothing to wait for.
                    fetch.volatile();
                }
                found
            });
            let values = fetch.all(reported.iter()).await?;
            read.extend(reported.into_iter().zip(values));
            attempts += 1;
            if !too_early {
                break;
            }
            if attempts == ATTEMPTS {
                fetch.volatile();
                break;
            }
        }
        if !self.still_hold(&read)? {
            fetch.volatile();
        }
        let value = self.made(step)?;
        if let FileValue::Missing = value {
            fetch.volatile();
        } else if let FileValue::Outputs(digests) = &value
            && digests.contains(&None)
        {
            fetch.volatile();
        }
        Ok(value)
    }

    /// Runs the command once.
    async fn execute(&self, step: &Step) -> Result<(Ended, Started)> {
        let edge = &step.edge;
        self.prepare(edge)?;
        let root = self.files.borrow().root().to_owned();
        self.tell(step, Stage::Started);
        let started = Started::now(self.files.borrow().writes());
        let untidy = Untidy::new(self, step);
        let unattended = self.events.unattended.as_deref();
        let console = unattended.is_none() && edge.pool.as_deref() == Some(CONSOLE);
        let ended = command::run(&edge.command, &root, console, unattended).await;
        untidy.done();
        let ended = ended.map_err(|error| StoreError::new("run the command of", &step.outputs[0], error))?;
        let success = ended.status.success();
        self.tell(step, Stage::Ended { success, output: &ended.output });
        if !success {
            return Err(failed(edge, &ended));
        }
        if let Some(file) = &edge.rspfile {
            remove(&root.join(&file.path))?;
        }
        Ok((ended, started))
    }

    /// Makes the directories that the command expects, and its response file.
    fn prepare(&self, edge: &Edge) -> Result<()> {
        let response = edge.rspfile.as_ref().map(|file| &file.path);
        for path in edge.outputs.iter().chain(&edge.depfile).chain(response) {
            let Some(directory) = Path::new(path).parent().and_then(Path::to_str) else { continue };
            let mut directories = self.events.directories.borrow_mut();
            if !directories.contains(directory) {
                let place = self.files.borrow().root().join(directory);
                std::fs::create_dir_all(&place)
                    .map_err(|error| StoreError::new("create the directory", place.display(), error))?;
                directories.insert(directory.to_owned());
            }
        }
        if let Some(file) = &edge.rspfile {
            let path = self.files.borrow().root().join(&file.path);
            std::fs::write(&path, &file.content).map_err(|error| StoreError::new("write", path.display(), error))?;
        }
        Ok(())
    }

    /// The dependencies that the command reports.
    fn reported(&self, step: &Step, ended: &Ended) -> Result<Vec<FileKey>> {
        let edge = &step.edge;
        let mut paths = Vec::new();
        if edge.deps == Some(Deps::Msvc) {
            paths.extend(included(&String::from_utf8_lossy(&ended.output)));
        } else if let Some(depfile) = &edge.depfile {
            let path = self.files.borrow().root().join(depfile);
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let entries = parse_depfile(&String::from_utf8_lossy(&bytes));
                    let entries = entries.map_err(|error| TaskError::new(format!("{depfile}: {error}")))?;
                    paths.extend(entries.into_iter().flat_map(|entry| entry.inputs));
                    if edge.deps == Some(Deps::Gcc) {
                        remove(&path)?;
                    }
                }
                // A compiler of assembly, say, has nothing to report.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::new("read", path.display(), error).into()),
            }
        }
        Ok(paths.iter().map(|path| self.key_of(path)).collect())
    }

    /// Whether all files hold on disk what was fetched.
    fn still_hold(&self, read: &[(FileKey, FileValue)]) -> Result<bool> {
        let mut files = self.files.borrow_mut();
        for (key, value) in read {
            let digest = match value {
                FileValue::File(digest) => Some(*digest),
                FileValue::Outputs(digests) => digests.first().copied().flatten(),
                FileValue::Group(_) => continue,
                FileValue::Missing => None,
            };
            if files.look(key)?.map(|seen| seen.digest) != digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the command made.
    fn made(&self, step: &Step) -> Result<FileValue> {
        let mut files = self.files.borrow_mut();
        let mut digest = |key| files.written(key).map(|seen| seen.map(|seen| seen.digest));
        if let [only] = &*step.outputs {
            return Ok(digest(only)?.map_or(FileValue::Missing, FileValue::File));
        }
        let digests: std::result::Result<Vec<Option<Digest>>, StoreError> = step.outputs.iter().map(digest).collect();
        Ok(FileValue::Outputs(digests?.into()))
    }
}

/// The moment at which a command was started.
struct Started {
    /// Files may be stamped with the time of the last tick before they were written. So a file that was written
    /// within the first tick (a few milliseconds) of a command may look older than it; that much is not
    /// noticed.
    time: u64,
    /// How many files the build had written.
    writes: u64,
}

impl Started {
    fn now(writes: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Started { time: since.as_nanos() as u64, writes }
    }
}

/// Removes what an interrupted command has begun to write: nobody trusts half an object file, but other
/// programs do not know.
struct Untidy<'a> {
    tasks: &'a NinjaTasks,
    step: &'a Step,
    before: Vec<Option<SystemTime>>,
    armed: bool,
}

impl<'a> Untidy<'a> {
    fn new(tasks: &'a NinjaTasks, step: &'a Step) -> Self {
        let mut untidy = Untidy { tasks, step, before: Vec::new(), armed: true };
        untidy.before = untidy.times();
        untidy
    }

    fn times(&self) -> Vec<Option<SystemTime>> {
        let files = self.tasks.files.borrow();
        let time = |key| std::fs::symlink_metadata(files.path(key)).and_then(|file| file.modified()).ok();
        self.step.outputs.iter().map(time).collect()
    }

    fn done(mut self) {
        self.armed = false;
    }
}

impl Drop for Untidy<'_> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        for (key, (before, after)) in self.step.outputs.iter().zip(self.before.iter().zip(self.times())) {
            if *before != after {
                // If it cannot be removed, the next build finds that it is not what was built.
                let _ = std::fs::remove_file(self.tasks.files.borrow().path(key));
            }
        }
    }
}

fn failed(edge: &Edge, ended: &Ended) -> TaskError {
    let outputs = edge.outputs.join(" ");
    let (how, output) = (command::failure(ended.status), String::from_utf8_lossy(&ended.output));
    TaskError::new(format!("FAILED: [{how}] {outputs}\n{}\n{output}", edge.command).trim_end())
}

/// The files named by lines of `/showIncludes`.
fn included(output: &str) -> impl Iterator<Item = String> {
    output.lines().filter_map(|line| line.strip_prefix("Note: including file:")).map(|path| path.trim().to_owned())
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::new("remove", path.display(), error).into())
        }
        _ => Ok(()),
    }
}
