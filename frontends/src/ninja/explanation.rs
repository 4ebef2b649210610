//! Why a build did what it did on the way to a target, after the fact.
//!
//! The history says of each command what became of it and for which reason. The journal adds what the rebuilder did not say: all that had changed, and not just
//! the first; and what, where the rebuilder knew no more than that something had. The cache adds which other run came nearest. The
//! way from the target down is what the manifest declares, and what commands were recorded to have read.

use std::collections::{HashMap, HashSet};

use alacarte_core::{SharedTrace, StoreError, TraceCache};
use alacarte_stores::{FileKey, FileValue, Files, SharedCache, path_of};
use thiserror::Error;

use super::journaled::{Differs, Journaled};
use super::load::load;
use super::ninja_tasks::NinjaTasks;
use super::session::{Session, SessionError};
use crate::commands::command_state;
use crate::history::{CommandRecord, Ending, History, HistoryError, Outcome, PastBuild, Why};

/// What the last build did on the way to a target.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The target.
    pub target: FileKey,
    /// The last build of which there is anything to tell.
    pub build: PastBuild,
    /// How many commands read the target, if none makes it.
    pub source_of: Option<usize>,
    /// The commands on the way to the target, each after those whose outputs it needs.
    pub commands: Vec<Explained>,
}

/// What became of a command in the last build.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explained {
    /// The command's first output.
    pub key: FileKey,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a command in the last build, and why.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fate {
    /// It ran, was restored, or failed.
    Told(Box<Told>),
    /// Its output stood.
    Kept {
        /// When it was last made, if that is remembered.
        since: Option<Since>,
        /// The build came to its end, so that it is certain.
        certain: bool,
    },
    /// It needs what this command makes, which failed.
    Waits {
        /// The command that failed.
        needs: FileKey,
    },
    /// The build did not look at it: it was asked for other targets.
    Unasked {
        /// When it was last made, if that is remembered.
        since: Option<Since>,
    },
    /// No build has seen it.
    Unseen,
}

/// When a command was last made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Since {
    /// The number of the build.
    pub build: u64,
    /// What it did, and why.
    pub command: CommandRecord,
    /// What had changed, where the rebuilder did not know.
    pub changed: Option<ChangedDependency>,
}

/// What a build did about a command.
#[derive(Debug)]
#[non_exhaustive]
pub struct Told {
    /// What the history says. The last run, if it ran several times.
    pub command: CommandRecord,
    /// How many times it ran.
    pub runs: usize,
    /// All that had changed of what it reads, as far as it is known.
    pub changed: Vec<ChangedDependency>,
    /// The command line of the run before, if it was another.
    pub line_before: Option<String>,
    /// Whether its output was gone, or was another than it had made.
    pub output_gone: Option<bool>,
    /// What it was restored from.
    pub origin: Option<Origin>,
    /// The run of the same command in the cache that came nearest.
    pub near_miss: Option<NearMiss>,
}

/// Where the trace came from by which a command was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An earlier build of this directory.
    Here,
    /// Another build, through the cache.
    Cache,
}

/// Something that a command reads, and that had changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedDependency {
    /// The file, or the output of the command that had changed.
    pub key: FileKey,
    /// What it is.
    pub kind: DependencyKind,
    /// Its fingerprint when the command had last read it.
    pub from: Option<u64>,
    /// Its fingerprint in the build; `None` if it was gone.
    pub to: Option<u64>,
}

/// What a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencyKind {
    /// A file that no command makes.
    Source,
    /// An output of another command.
    Made,
    /// A name for several files.
    Group,
    /// The command itself: its line, or what its edge declares.
    OwnCommand,
    /// Another command.
    OtherCommand,
}

/// A run of the same command that a cache knows, and that would have done if it had read the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearMiss {
    /// How many other runs the cache knows.
    pub known: usize,
    /// So many of its dependencies were the same, before the first that was not,
    pub agreed: usize,
    /// of so many.
    pub of: usize,
    /// The first that was not: `from` what that run had read.
    pub differed: ChangedDependency,
}

/// Nothing can be explained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The manifest or the journal cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The manifest does not speak of the target.
    #[error("no target is called {target}{hint}")]
    Unknown {
        /// What was asked for.
        target: String,
        /// The name that was perhaps meant.
        hint: String,
    },
}

impl From<StoreError> for ExplainError {
    fn from(error: StoreError) -> Self {
        SessionError::from(error).into()
    }
}

impl Session {
    /// What earlier builds of this manifest did. (Of a manifest that cannot be read, what lies where it most likely would.)
    ///
    /// # Errors
    /// If nothing was built yet, or the history cannot be read.
    pub fn past(&self) -> Result<History, HistoryError> {
        let state = load(&self.directory, &self.file)
            .map_or_else(|_| self.directory.join(path_of(".")).join(&self.state), |manifest| self.state_of(&manifest));
        History::read(&command_state::history(&state), &self.directory)
    }

    /// The tasks of the manifest, to look at.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub fn look(&self) -> Result<NinjaTasks, SessionError> {
        Ok(NinjaTasks::new(load(&self.directory, &self.file)?, &Files::shared(&self.directory)?))
    }

    /// Why the last build did what it did on the way to a target.
    ///
    /// # Errors
    /// If nothing was built yet, there is no such target, or manifest, journal or history cannot be read.
    pub fn explain(&self, target: &str) -> Result<Explanation, ExplainError> {
        let manifest = load(&self.directory, &self.file).map_err(SessionError::from)?;
        let state = self.state_of(&manifest);
        let history = History::read(&command_state::history(&state), &self.directory)?;
        let journaled = Journaled::read(&command_state::journal(&state))?;
        let files = Files::shared(&self.directory)?;
        let tasks = NinjaTasks::new(manifest, &files);
        let key = tasks.key_of(target);
        let Some(build) = history.builds().next_back() else {
            return Err(HistoryError::NeverBuilt { directory: self.directory.clone() }.into());
        };
        let target_step = tasks.number(&key);
        if target_step.is_none() && !tasks.speaks_of(&key) && journaled.readers(&key) == 0 {
            return Err(ExplainError::Unknown { hint: tasks.hint(target), target: target.to_owned() });
        }
        let readers = tasks.plan.steps.iter().filter(|step| {
            step.sources().any(|source| *source == key) || journaled.read_by(&step.outputs[0]).any(|read| *read == key)
        });
        let source_of = target_step.is_none().then(|| readers.count());
        let hindsight = Hindsight { history: &history, journaled, tasks, build };
        let commands = hindsight.commands(target_step);
        Ok(Explanation { target: key, build: build.clone(), source_of, commands })
    }
}

/// All that is known afterwards.
struct Hindsight<'h> {
    history: &'h History,
    journaled: Journaled,
    tasks: NinjaTasks,
    build: &'h PastBuild,
}

impl Hindsight<'_> {
    fn commands(&self, target: Option<usize>) -> Vec<Explained> {
        let mut told: HashMap<&FileKey, Vec<&CommandRecord>> = HashMap::new();
        for command in &self.build.commands {
            told.entry(&command.key).or_default().push(command);
        }
        let asked = self.asked();
        // The command that failed beneath each step, if one did.
        let mut failed: HashMap<usize, FileKey> = HashMap::new();
        let mut explained = Vec::new();
        for step in self.below(target) {
            let made = &self.tasks.plan.steps[step];
            let key = &made.outputs[0];
            let beneath = self.needs(step).into_iter().find_map(|other| failed.get(&other).cloned());
            let records = told.get(key).map(Vec::as_slice).unwrap_or_default();
            let failing = records.last().filter(|last| !last.outcome.is_success()).map(|last| last.key.clone());
            if let Some(culprit) = failing.or_else(|| beneath.clone().filter(|_| records.is_empty())) {
                failed.insert(step, culprit);
            }
            if made.edge.is_phony() {
                continue;
            }
            let fate = match records {
                [.., last] => Fate::Told(Box::new(self.told(last, records.len()))),
                [] if !asked.contains(&step) => Fate::Unasked { since: self.since(key) },
                [] => match beneath {
                    Some(needs) => Fate::Waits { needs },
                    None if self.since(key).is_none() && !self.journaled.knows(key) => Fate::Unseen,
                    None => {
                        let certain = self.build.end.is_some_and(|end| end.ending == Ending::Succeeded);
                        Fate::Kept { since: self.since(key), certain }
                    }
                },
            };
            explained.push(Explained { key: key.clone(), fate });
        }
        explained
    }

    /// The steps that make what this one needs, or has last read.
    fn needs(&self, step: usize) -> Vec<usize> {
        let step = &self.tasks.plan.steps[step];
        let read = self.journaled.read_by(&step.outputs[0]);
        step.sources().chain(read).filter_map(|key| self.tasks.number(key)).collect()
    }

    /// A step and all below it, each after what it needs.
    fn below(&self, target: Option<usize>) -> Vec<usize> {
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
        if let Some(target) = target {
            seen.insert(target);
            open.push((target, self.needs(target)));
        }
        while let Some((step, needs)) = open.last_mut() {
            match needs.pop() {
                Some(next) if seen.insert(next) => open.push((next, self.needs(next))),
                Some(_) => {}
                None => {
                    found.push(*step);
                    open.pop();
                }
            }
        }
        found
    }

    /// The steps at which the build looked, as far as the manifest says today.
    fn asked(&self) -> HashSet<usize> {
        let targets = self.build.targets.as_deref().unwrap_or_else(|| self.tasks.default_targets());
        let targets = self.tasks.with_companions(targets);
        let mut seen = HashSet::new();
        let mut open: Vec<usize> =
            targets.iter().chain(self.tasks.manifest()).filter_map(|key| self.tasks.number(key)).collect();
        while let Some(step) = open.pop() {
            if seen.insert(step) {
                open.extend(self.needs(step));
            }
        }
        seen
    }

    fn since(&self, key: &FileKey) -> Option<Since> {
        let mut made =
            self.history.of_command(key, self.build.number).filter(|(_, command)| command.outcome.is_success());
        let (build, command) = made.next()?;
        let asked = || self.journaled.changed_before_last(key).into_iter().next();
        let changed = if command.why == Why::Dirty { asked() } else { None };
        let changed = changed.map(|differs| self.dependency(key, differs));
        Some(Since { build: build.number, command: command.clone(), changed })
    }

    fn told(&self, command: &CommandRecord, runs: usize) -> Told {
        let key = &command.key;
        let mut changed = Vec::new();
        if let Why::Changed { .. }
        | Why::CommandChanged
        | Why::OtherCommandChanged { .. }
        | Why::Dirty
        | Why::Newer { .. } = command.why
        {
            let known = match command.outcome {
                Outcome::Ran { .. } => self.journaled.changed_before_last(key),
                _ => self.journaled.changed_since(key),
            };
            changed = known.into_iter().map(|differs| self.dependency(key, differs)).collect();
            self.put_first(&mut changed, command);
        }
        let before = self.history.of_command(key, self.build.number - 1).find_map(|(_, earlier)| earlier.line.clone());
        let line_before = before.filter(|before| command.line.as_ref().is_some_and(|line| line != before));
        // (A dirty bit does not say either whether it was the output.)
        let of_output = command.why == Why::OutputChanged || command.why == Why::Dirty && changed.is_empty();
        let output_gone = self.journaled.was_gone(key).filter(|_| of_output);
        let origin = (command.outcome == Outcome::Restored)
            .then(|| if self.journaled.is_foreign(key) { Origin::Cache } else { Origin::Here });
        let near_miss = matches!(command.outcome, Outcome::Ran { .. }).then(|| self.near_miss(key)).flatten();
        Told { command: command.clone(), runs, changed, line_before, output_gone, origin, near_miss }
    }

    /// What the rebuilder named comes first, whether or not the journal knows of it.
    fn put_first(&self, changed: &mut Vec<ChangedDependency>, command: &CommandRecord) {
        let own = command.key.clone();
        let (key, kind, from, to) = match &command.why {
            Why::Changed { key, from, to } => (key.clone(), self.kind(key), Some(*from), *to),
            Why::CommandChanged => (own, DependencyKind::OwnCommand, None, None),
            Why::OtherCommandChanged { key } => (key.clone(), DependencyKind::OtherCommand, None, None),
            _ => return,
        };
        match changed.iter().position(|changed| changed.key == key && changed.kind == kind) {
            Some(place) => changed.swap(0, place),
            None => changed.insert(0, ChangedDependency { key, kind, from, to }),
        }
    }

    fn dependency(&self, of: &FileKey, differs: Differs) -> ChangedDependency {
        let Differs { key, definition, from, to } = differs;
        let kind = match definition {
            true if key == *of => DependencyKind::OwnCommand,
            true => DependencyKind::OtherCommand,
            false => self.kind(&key),
        };
        ChangedDependency { key, kind, from: from.map(|from| from.0), to: to.map(|to| to.0) }
    }

    fn kind(&self, key: &FileKey) -> DependencyKind {
        match self.tasks.edge(key) {
            Some(edge) if edge.is_phony() => DependencyKind::Group,
            Some(_) => DependencyKind::Made,
            None => DependencyKind::Source,
        }
    }

    /// The run in the cache that agrees longest with the one that was made here.
    fn near_miss(&self, key: &FileKey) -> Option<NearMiss> {
        let cache = self.build.about.as_ref()?.cache.as_deref()?;
        let own = self.journaled.last_read(key);
        let read: HashMap<(&FileKey, bool), u64> =
            own.iter().map(|(key, definition, then)| ((key, *definition), then.0)).collect();
        let (mut known, mut nearest) = (0, None::<NearMiss>);
        let mut each = |trace: SharedTrace<FileKey, FileValue>| {
            let deep = trace.deep.is_some();
            // (What a deep trace calls a key that has a task is no fingerprint of its value.)
            let comparable = |key: &FileKey, definition: bool| !deep || definition || self.tasks.number(key).is_none();
            let differs = trace.dependencies.iter().position(|dependency| {
                let here = read.get(&(&dependency.key, dependency.definition));
                comparable(&dependency.key, dependency.definition) && here != Some(&dependency.fingerprint.0)
            });
            let Some(agreed) = differs else { return };
            known += 1;
            if nearest.as_ref().is_none_or(|nearest| nearest.agreed <= agreed) {
                let first = &trace.dependencies[agreed];
                let here = read.get(&(&first.key, first.definition)).copied();
                let differs = Differs {
                    key: first.key.clone(),
                    definition: first.definition,
                    from: Some(first.fingerprint),
                    to: here.map(alacarte_core::Fingerprint),
                };
                let differed = self.dependency(key, differs);
                nearest = Some(NearMiss { known: 0, agreed, of: trace.dependencies.len(), differed });
            }
        };
        // (A cache that cannot be read explains nothing.)
        SharedCache::new(path_of(cache)).traces().traces(key, &mut each).ok()?;
        nearest.map(|nearest| NearMiss { known, ..nearest })
    }
}

impl Journaled {
    /// How many commands last read a file.
    fn readers(&self, key: &FileKey) -> usize {
        self.commands().filter(|command| self.read_by(command).any(|read| read == key)).count()
    }
}
