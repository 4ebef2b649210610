//! What happens around a command: before it, directories and the response file; after it, the dependencies it
//! reports, and the question whether it can have read what we believe it read.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte_core::{Fetch, Fingerprint, Result, StoreError, TaskError, Value};
use alacarte_stores::{Begun, FileKey, FileValue, Made, bytes_of, path_of, shown, text_of};

use super::manifest::{Deps, Edge};
use super::ninja_tasks::{NinjaTasks, Treatment};
use super::plan::Step;
use super::show_includes::{ShowIncludes, take_notes};
use crate::commands::exit_status::{code, failure};
use crate::commands::process::{self, Line, What};
use crate::commands::tool_cache::{Place, Taken};
use crate::commands::{CommandEvent, Stage, Token, parse_depfile};

/// The name of the pool whose commands have the terminal to themselves.
const CONSOLE: &str = "console";

/// So many bytes of what a command writes are kept of its beginning, and as many of its end.
const KEPT_OUTPUT: usize = 1 << 20;

/// A command that read files which were built after it had started is run so often before its value is taken
/// with a grain of salt.
const ATTEMPTS: usize = 4;

impl NinjaTasks {
    /// Has `observer` told of every command.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(CommandEvent<'_>) + 'static) -> Self {
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
                outputs: &step.outputs,
                console: step.edge.pool.as_deref() == Some(CONSOLE),
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
        if let Treatment::Believe(believed) = &self.treatment {
            return self.believe(step, believed, read, fetch).await;
        }
        let pretends = matches!(self.treatment, Treatment::Pretend);
        let settled = |file: &&FileKey| pretends || self.dyndeps_settled.borrow().contains(*file);
        if let Some(file) = step.dyndep.as_ref().filter(|file| !settled(file)) {
            return Err(TaskError::new(format!("its dyndep file {file} could not be read")));
        }
        if step.edge.deps == Some(Deps::Gcc) && step.edge.depfile.is_none() {
            let explanation =
                format!("{}: 'deps = gcc' needs a 'depfile', which its rule does not name", step.outputs[0]);
            return Err(TaskError::new(explanation));
        }
        if (step.regenerates || self.changes_its_sources(step))
            && let Some(made) = self.stands(step, &read, fetch).await?
        {
            return Ok(made);
        }
        if self.only_asked.get() {
            return Err(TaskError::new("its command would have to run"));
        }
        if pretends {
            return self.pretend(step, fetch);
        }
        if let Some(gave) = self.run_first.gave(step, &read) {
            fetch.volatile();
            return Ok(gave);
        }
        let declared = read.len();
        let mut known: HashSet<FileKey> = step.inputs.iter().cloned().collect();
        let mut attempts = 0;
        // Once something is doubtful, the run is like no other.
        let (certain, doubted) = (Cell::new(true), Cell::new(false));
        let doubt = || {
            fetch.volatile();
            certain.set(false);
            doubted.set(true);
        };
        let mut before: Option<Begun> = None;
        let (named, started, spoke) = loop {
            // What waits for its turn takes little room: the rest is made when it comes.
            let run = async { Box::pin(self.execute(step)).await };
            let mut started = fetch.work_at(self.priority(step), step.edge.pool.as_deref(), run).await?;
            let (mut reported, named) = self.reported(step, &mut started)?;
            let before = before.get_or_insert(started.begun);
            certain.set(certain.get() && before.is_certain());
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
                    Some(seen) if self.step(key).is_none() && seen.modified > started.time => doubt(),
                    _ => {}
                }
            }
            reported.retain(|key| {
                let found = self.step(key).is_some() || self.files.borrow().modified(key).is_some();
                if !found {
                    // It was deleted since, or never was; in any case it is nothing to wait for.
                    doubt();
                }
                found
            });
            let values = fetch.all(reported.iter()).await?;
            read.extend(reported.into_iter().zip(values));
            attempts += 1;
            if !too_early {
                break (named, started.place, started.spoke);
            }
            if attempts == ATTEMPTS {
                doubt();
                break (named, started.place, started.spoke);
            }
        };
        let (changed, whole) = (self.changed_meanwhile(&read)?, self.all_made(step)?);
        // (What was lost or disturbed before makes another run of it, and no doubtful one.)
        let known = !doubted.get() && whole;
        if !changed.is_empty() || !whole {
            doubt();
        }
        let run = if certain.get() { name_of_run(step, &read) } else { self.instant() };
        if step.regenerates {
            self.left(step, &read)?;
        } else if changed.is_empty() {
            self.generated.forget(&step.outputs[0]);
        } else if known {
            self.note_changes(step, started, &changed, &read)?;
        }
        let begun_anew = before.as_ref().filter(|_| attempts == 1);
        let from_nothing = |output: usize| begun_anew.is_some_and(|begun| begun.was_nothing(output));
        let made = self.made(step, &named, before.as_ref(), from_nothing, (run, spoke))?;
        // (A command that was disturbed is to run again as soon as it can.)
        if doubted.get() && changed.is_empty() {
            self.run_first.note(&self.plan, step, &read[..declared], &made);
        }
        Ok(made)
    }

    /// Has everybody told that the command ran well, and takes all that it makes for changed.
    fn pretend(&self, step: &Step, fetch: Fetch<'_, FileKey, FileValue>) -> Result<FileValue> {
        if let Some(missing) = self.missing_source() {
            return Err(TaskError::new(missing));
        }
        self.tell(step, Stage::Started);
        self.tell(step, Stage::Ended { success: true, code: 0, output: &[] });
        fetch.volatile();
        let run = Some(self.instant());
        let mut files = self.files.borrow_mut();
        let mut made = Vec::with_capacity(step.outputs.len());
        for key in &*step.outputs {
            files.pretend_written(key);
            made.push(Made::of(files.look_as_output(key)?.map(|seen| seen.as_output())).with_run(run));
        }
        Ok(FileValue::made(&made))
    }

    /// Runs the command once.
    async fn execute(&self, step: &Step) -> Result<Started> {
        let edge = &step.edge;
        if let Some(missing) = self.missing_for(step) {
            return Err(TaskError::new(missing));
        }
        let refused = |error| StoreError::new("take a token of the jobserver for", &step.outputs[0], error);
        let unattended = self.unattended.as_deref();
        let console = unattended.is_none() && edge.pool.as_deref() == Some(CONSOLE);
        let mut token = self.commands.token().await.map_err(refused)?;
        self.prepare(edge)?;
        let trouble = |error| StoreError::new("copy the tool cache of", &step.outputs[0], error);
        let take = async |token: &mut Option<Token>| match &edge.tool_cache {
            Some(name) => {
                self.tool_caches.take(name, (token, console), &self.commands).await.map(Some).map_err(trouble)
            }
            None => Ok(None),
        };
        let mut cache = take(&mut token).await?;
        let root = self.files.borrow().root().to_owned();
        self.tell(step, Stage::Started);
        let begun = self.files.borrow_mut().begin(&step.outputs);
        let mut started = Started::now(self.files.borrow().writes(), self.commands_started(), begun);
        let line = |tool_cache: Option<PathBuf>| Line {
            what: What::Shell(&edge.command),
            directory: &root,
            console,
            outputs: step.outputs.iter().map(|key| self.files.borrow().path(key)).collect(),
            // What it includes may stand on any line.
            keep: if matches!(edge.deps, Some(Deps::Msvc { .. })) { usize::MAX } else { KEPT_OUTPUT },
            alone: false,
            private: unattended,
            tool_cache,
            spawn: None,
        };
        let place = |cache: &Option<Taken<'_>>| cache.as_ref().map(|cache| cache.path().to_owned());
        let not_run = |error| StoreError::new("run the command of", &step.outputs[0], error);
        let mut ended = process::run(&self.commands, line(place(&cache))).await.map_err(not_run)?;
        if !ended.status.success() && cache.as_ref().is_some_and(Taken::to_be_taken_again) {
            cache = take(&mut token).await?;
            ended = process::run(&self.commands, line(place(&cache))).await.map_err(not_run)?;
        }
        if let Some(Deps::Msvc { prefix }) = &edge.deps {
            let ShowIncludes { included, rest } = take_notes(&ended.output, prefix);
            (started.included, ended.output) = (included, rest);
        }
        started.spoke = !ended.output.is_empty();
        let mut how = (!ended.status.success()).then(|| failure(ended.status));
        let mut code = code(ended.status);
        if how.is_none() {
            match self.depfile(step) {
                Ok(depfile) => started.depfile = depfile,
                // What it has read nobody knows, so it has not done its work.
                Err(error) => {
                    (how, code) = (Some("depfile".into()), 1);
                    ended.output.extend(bytes_of(&format!("{error}\n")).iter());
                }
            }
        }
        self.tell(step, Stage::Ended { success: how.is_none(), code, output: &ended.output });
        if let Some(how) = how {
            return Err(failed(edge, &how, &ended.output));
        }
        if let Some(file) = edge.rspfile.as_ref().filter(|_| !self.keep.response_files) {
            remove(&root.join(path_of(&file.path)))?;
        }
        if let Some(cache) = cache {
            started.cache = Some(cache.publish(&mut token, &self.commands).await.map_err(trouble)?);
        }
        Ok(started)
    }

    /// Makes the directories that the command expects, and its response file.
    fn prepare(&self, edge: &Edge) -> Result<()> {
        let response = edge.rspfile.as_ref().map(|file| &file.path);
        for path in edge.outputs.iter().chain(&edge.depfile).chain(response) {
            let path = path_of(path);
            let Some(directory) = path.parent() else { continue };
            let place = self.files.borrow().root().join(directory);
            // (Another command may have removed it since.)
            if !place.is_dir() {
                std::fs::create_dir_all(&place)
                    .map_err(|error| StoreError::new("create the directory", place.display(), error))?;
            }
        }
        if let Some(file) = &edge.rspfile {
            let path = self.files.borrow().root().join(path_of(&file.path));
            std::fs::write(&path, bytes_of(&file.content))
                .map_err(|error| StoreError::new("write", path.display(), error))?;
        }
        Ok(())
    }

    /// The dependencies that the command reports, and the files of which it says that it made them from those.
    fn reported(&self, step: &Step, started: &mut Started) -> Result<(Vec<FileKey>, Vec<FileKey>)> {
        let Depfile { read: mut paths, made: named } = std::mem::take(&mut started.depfile);
        if let (Some(depfile), Some(Deps::Gcc), false) = (&step.edge.depfile, &step.edge.deps, self.keep.depfiles) {
            remove(&self.files.borrow().root().join(path_of(depfile)))?;
        }
        paths.extend(started.included.iter().cloned());
        paths.retain(|path| !started.cache.as_ref().is_some_and(|cache| cache.held(path)));
        let keys = |paths: &[String]| paths.iter().map(|path| self.key_of(path)).collect();
        Ok((keys(&paths), keys(&named)))
    }

    /// What the depfile of an edge says, if there is one.
    pub(super) fn depfile(&self, step: &Step) -> Result<Depfile> {
        let mut said = Depfile::default();
        let msvc = matches!(step.edge.deps, Some(Deps::Msvc { .. }));
        let Some(depfile) = step.edge.depfile.as_ref().filter(|_| !msvc) else { return Ok(said) };
        let path = self.files.borrow().root().join(path_of(depfile));
        match std::fs::read(&path) {
            Ok(bytes) => {
                let entries = parse_depfile(&text_of(&bytes));
                for entry in entries.map_err(|error| TaskError::new(format!("{depfile}: {error}")))? {
                    // (A target without inputs is no more than a header that may be gone.)
                    said.made.extend(entry.outputs.into_iter().filter(|_| !entry.inputs.is_empty()));
                    said.read.extend(entry.inputs);
                }
            }
            // A compiler of assembly, say, has nothing to report.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::new("read", path.display(), error).into()),
        }
        Ok(said)
    }

    /// Whether every output is there.
    fn all_made(&self, step: &Step) -> Result<bool> {
        let mut files = self.files.borrow_mut();
        for key in &*step.outputs {
            if !files.lies_there(key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the command made: outputs that are known by their content, and such as are known by the run, too.
    fn made(
        &self,
        step: &Step,
        named: &[FileKey],
        before: Option<&Begun>,
        from_nothing: impl Fn(usize) -> bool,
        (run, spoke): (Fingerprint, bool),
    ) -> Result<FileValue> {
        let mut files = self.files.borrow_mut();
        let mut outputs = Vec::with_capacity(step.outputs.len());
        // What a depfile names besides is something that the command wrote and the manifest does not declare.
        let by_content = !step.edge.restat && named.iter().all(|key| step.outputs.contains(key));
        for (output, key) in step.outputs.iter().enumerate() {
            // (What is young is read each time that somebody looks: once is enough.)
            let seen = files.written(key, None)?;
            let left_alone = before.filter(|_| step.edge.restat).and_then(|begun| files.left_alone(begun, output, key));
            let run = match (seen, left_alone) {
                // (Of what lies in a directory, the names are all that is known.)
                (seen, _) if self.by_content && !seen.is_some_and(|seen| seen.directory) => None,
                (_, Some(before)) => before,
                (Some(seen), None) if by_content && named.contains(key) && !seen.vacant => None,
                _ => Some(run),
            };
            // What else lies in a directory is none of this command's, or may be another one's.
            let whole = self.shared && from_nothing(output) && !self.plan.around.contains(key);
            let tree = seen.filter(|seen| whole && seen.directory).and_then(|_| files.made_tree(key));
            let run = tree.map_or(run, |tree| run.map(|run| run.combine(Fingerprint(tree.short()))));
            files.settle(key, run);
            let made = Made::of(seen.map(|seen| seen.as_output()));
            outputs.push(made.with_run(run).with_tree(tree).with_spoke(spoke));
        }
        // If the table cannot be written, the next save writes this too.
        let _ = files.save();
        Ok(FileValue::made(&outputs))
    }
}

/// What a run of a command is called: by the command, and by all that it read.
pub(super) fn name_of_run(step: &Step, read: &[(FileKey, FileValue)]) -> Fingerprint {
    read.iter().fold(step.text, |name, (key, value)| {
        name.combine(Fingerprint::of_bytes(key.as_str().as_bytes())).combine(value.fingerprint())
    })
}

/// What a depfile says: what was read, and what was made from that.
#[derive(Default)]
pub(super) struct Depfile {
    pub(super) read: Vec<String>,
    pub(super) made: Vec<String>,
}

/// The moment at which a command was started.
struct Started {
    /// Files may be stamped with the time of the last tick before they were written. So a file that was written
    /// within the first tick (a few milliseconds) of a command may look older than it; that much is not
    /// noticed.
    time: u64,
    /// How many files the build had written.
    writes: u64,
    /// Its number among the commands that the build has started.
    place: u64,
    /// Its outputs as they were.
    begun: Begun,
    /// Where its copy of a tool's cache lay.
    cache: Option<Place>,
    /// What its depfile says.
    depfile: Depfile,
    /// The headers that its output named.
    included: Vec<String>,
    /// It printed something.
    spoke: bool,
}

impl Started {
    fn now(writes: u64, place: u64, begun: Begun) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Started {
            time: since.as_nanos() as u64,
            writes,
            place,
            begun,
            cache: None,
            depfile: Depfile::default(),
            included: Vec::new(),
            spoke: false,
        }
    }
}

fn failed(edge: &Edge, how: &str, output: &[u8]) -> TaskError {
    let (outputs, command) = (edge.outputs.join(" "), shown(&edge.command));
    let output = String::from_utf8_lossy(output);
    TaskError::new(format!("FAILED: [{how}] {}\n{command}\n{output}", shown(&outputs)).trim_end())
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::new("remove", path.display(), error).into())
        }
        _ => Ok(()),
    }
}
