//! What the journal of a directory remembers, looked at without taking it from the build that may be at work.
//!
//! The journal's bytes are copied and replayed in memory. What a build at work has not written yet is not among them, and nothing of its file is touched.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use alacarte_core::{Dependency, Event, Journal, Keys, StoreError, Time};
use alacarte_stores::{FileKey, FileValue, Files, Log, Seen};

use super::graph_tool::Graph;
use crate::commands::{Root, beneath_ours, command_state};
use crate::ninja::last_run::LastRun;
use crate::ninja::load::load;
use crate::ninja::manifest::Manifest;
use crate::ninja::session::{Session, SessionError};

/// The last runs of commands, by the first output of each.
pub(super) struct Recorded {
    root: Root,
    runs: Vec<Option<Run>>,
    places: HashMap<FileKey, usize>,
    /// Files that runs made.
    made: Vec<FileKey>,
}

/// The last run of a command.
pub(super) struct Run {
    pub(super) key: FileKey,
    pub(super) last: LastRun,
    /// It has been an input since.
    source: bool,
    /// When what it made was modified.
    pub(super) modified: Time,
}

impl Session {
    /// The files that these targets name, as ninja finds them: in the manifest, or among what commands have said that they read; `a^` is the first output of what
    /// uses `a`. Or what is wrong with the first that names none, in ninja's words. (Manifest and journal are read for it.)
    ///
    /// # Errors
    /// If the manifest does not parse, or the journal cannot be read.
    pub fn targets(&self, names: &[String]) -> Result<Result<Vec<String>, String>, SessionError> {
        let mut manifest = load(&self.directory, &self.file)?;
        manifest.read_dyndeps(&self.directory);
        let recorded = Recorded::of(self, &manifest)?;
        let graph = recorded.graph(&manifest);
        Ok(names.iter().map(|name| graph.target(name).map(|number| graph.node(number).path.to_owned())).collect())
    }
}

impl Recorded {
    /// Of this manifest in its directory.
    pub(super) fn of(session: &Session, manifest: &Manifest) -> Result<Recorded, SessionError> {
        let state = session.state_of(manifest);
        let root = Root::of(&session.directory);
        let mut recorded = Recorded { root, runs: Vec::new(), places: HashMap::new(), made: Vec::new() };
        recorded.replay(&command_state::journal(&state))?;
        recorded.add_made(&session.directory, &state)?;
        Ok(recorded)
    }

    fn replay(&mut self, journal: &Path) -> Result<(), StoreError> {
        let bytes = match std::fs::read(journal) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::new("read", journal.display(), error)),
        };
        let mut log = Log::<FileKey, FileValue>::from_bytes(bytes);
        log.replay(&mut Keys::default(), &mut |keys, event| match event {
            Event::Built(record) | Event::Restored(record) if !record.value.outputs().is_empty() => {
                let own = |dependency: &&Dependency| dependency.key.is_definition();
                let definition = record.dependencies.iter().find(own).map(|own| own.fingerprint);
                let read = record.dependencies.iter().filter(|dependency| !own(dependency));
                let read = read.map(|dependency| (keys.name(dependency.key).clone(), dependency.fingerprint)).collect();
                let last = LastRun { definition, read, made: record.value.outputs() };
                self.put(Run { key: keys.name(record.key).clone(), last, source: false, modified: record.modified });
            }
            Event::Changed { key, input: true, .. } if !key.is_definition() => {
                let place = self.places.get(keys.name(*key));
                if let Some(run) = place.and_then(|&place| self.runs[place].as_mut()) {
                    run.source = true;
                }
            }
            Event::Forgotten { keys: forgotten } => {
                forgotten.iter().for_each(|key| self.forget(keys.name(*key)));
            }
            _ => {}
        })
    }

    fn put(&mut self, run: Run) {
        match self.places.get(&run.key) {
            Some(&place) => self.runs[place] = Some(run),
            None => {
                self.places.insert(run.key.clone(), self.runs.len());
                self.runs.push(Some(run));
            }
        }
    }

    fn forget(&mut self, key: &FileKey) {
        if let Some(place) = self.places.remove(key) {
            self.runs[place] = None;
        }
    }

    /// Notes the files that commands made. An input that none makes any more may be a file that somebody has written since; then it is not what the command
    /// left. Of a command's further outputs, the journal tells only where one was asked for by its name: the table of files knows who made each.
    fn add_made(&mut self, directory: &Path, state: &Path) -> Result<(), StoreError> {
        let mut files = Files::open(directory)?;
        files.recall(&command_state::table(state));
        for run in self.runs.iter().flatten() {
            let left = run.last.made.first().and_then(|made| made.digest);
            let is_left = |seen: Seen| left.is_some_and(|left| seen.holds(left));
            if !run.source || files.look(&run.key)?.is_some_and(is_left) {
                self.made.push(run.key.clone());
            }
        }
        for key in files.made() {
            if !self.places.contains_key(&key) && files.look(&key)?.is_some_and(|seen| seen.run.is_some()) {
                self.made.push(key);
            }
        }
        Ok(())
    }

    /// All files that commands of this manifest, or of one that was there before it, have made.
    pub(super) fn made(&self) -> &[FileKey] {
        &self.made
    }

    /// The last run of the command that makes this output of an edge.
    pub(super) fn run(&self, primary: &str) -> Option<&Run> {
        let place = self.places.get(&*self.root.local(primary))?;
        self.runs[*place].as_ref()
    }

    /// The manifest's graph, with the files that were recorded beside those that it names.
    pub(super) fn graph<'m>(&'m self, manifest: &'m Manifest) -> Graph<'m> {
        let mut graph = Graph::of(manifest);
        for (edge, run) in self.with_deps(manifest, &graph) {
            for &output in &graph.outputs(edge).to_vec() {
                run.last.read.iter().for_each(|(key, _)| graph.add_recorded(output, key.as_str()));
            }
        }
        graph
    }

    /// The edges that report what they read, with their last runs, in the order in which the journal first told of them.
    pub(super) fn with_deps(&self, manifest: &Manifest, graph: &Graph<'_>) -> Vec<(usize, &Run)> {
        let local = |number: usize| self.root.local(graph.node(graph.outputs(number)[0]).path);
        let edges = manifest.edges.iter().enumerate().filter(|(_, edge)| edge.deps.is_some());
        let mut found: Vec<(usize, usize)> =
            edges.filter_map(|(number, _)| Some((*self.places.get(&*local(number))?, number))).collect();
        found.sort_unstable();
        found.into_iter().filter_map(|(place, number)| Some((number, self.runs[place].as_ref()?))).collect()
    }

    /// What the run of an edge has read and the manifest does not declare.
    pub(super) fn discovered<'r>(&self, run: &'r Run, inputs: &[&str]) -> Vec<&'r str> {
        let declared: std::collections::HashSet<_> = inputs.iter().map(|path| self.root.local(path)).collect();
        run.last.read.iter().map(|(key, _)| key.as_str()).filter(|path| !declared.contains(*path)).collect()
    }

    /// The path as keys write it.
    pub(super) fn local<'p>(&self, path: &'p str) -> std::borrow::Cow<'p, str> {
        self.root.local(path)
    }
}

/// Sees to it that no other build is at work while a tool changes what builds have left; but the build that runs this very tool may be. There is nothing
/// to see to where none has been.
pub(super) fn alone(session: &Session, manifest: &Manifest) -> Result<Option<Log<FileKey, FileValue>>, SessionError> {
    let root = session.root(manifest);
    if !command_state::journal(&root).exists() {
        return Ok(None);
    }
    match command_state::open_journal(&root) {
        Ok(log) => Ok(Some(log)),
        Err(busy) if busy.source.kind() == ErrorKind::WouldBlock && beneath_ours() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
