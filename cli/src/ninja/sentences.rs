//! Why commands run, in ninja's sentences (`-d explain`), as far as ninja has one for the reason. They follow from what a dry run started.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;

use alacarte_core::{Keys, Reason};
use alacarte_frontends::ninja::{Edge, NinjaTasks};
use alacarte_stores::{FileKey, path_of};

/// Why a key was started.
#[derive(Debug)]
pub struct Started {
    pub key: FileKey,
    why: Why,
    /// In our own words.
    text: String,
}

/// What ninja has a sentence for.
#[derive(Debug)]
enum Why {
    NeverBuilt,
    Command,
    Input(FileKey),
    Other,
}

impl Started {
    /// A key that was started for this reason.
    pub fn new(keys: &Keys<FileKey>, key: &FileKey, reason: &Reason) -> Self {
        let why = match *reason {
            Reason::NeverBuilt => Why::NeverBuilt,
            Reason::DependencyChanged { key, .. } if key.is_definition() => Why::Command,
            Reason::DependencyChanged { key, .. } | Reason::Newer { key, .. } => Why::Input(keys.name(key).clone()),
            _ => Why::Other,
        };
        Started { key: key.clone(), why, text: reason.explain(keys) }
    }

    /// In our own words.
    pub fn in_our_words(&self) -> String {
        format!("{}: {}", self.key, self.text)
    }
}

/// The sentences for each command among these.
pub fn sentences(tasks: &NinjaTasks, started: &[Started]) -> HashMap<FileKey, Vec<String>> {
    let dirty = dirty(tasks, started);
    let mut all = HashMap::new();
    for one in started {
        let Some(edge) = tasks.edge(&one.key).filter(|edge| !edge.is_phony()) else { continue };
        let inputs = inputs(edge).filter(|input| dirty.contains(&maker(tasks, input)));
        let mut said: Vec<String> = inputs.map(|input| format!("{input} is dirty")).collect();
        if said.is_empty() {
            said.push(of_outputs(tasks, one, edge, &dirty));
        }
        all.insert(one.key.clone(), said);
    }
    all
}

/// What ninja says where no declared input is dirty.
fn of_outputs(tasks: &NinjaTasks, started: &Started, edge: &Edge, dirty: &HashSet<FileKey>) -> String {
    if let Some(output) = edge.outputs.iter().find(|output| modified(output).is_none()) {
        return format!("output {output} doesn't exist");
    }
    let key = started.key.as_str();
    match &started.why {
        Why::NeverBuilt => format!("command line not found in log for {key}"),
        Why::Command => format!("command line changed for {key}"),
        Why::Input(input) if dirty.contains(&maker(tasks, input.as_str())) => format!("{input} is dirty"),
        Why::Input(input) => match (modified(key), modified(input.as_str())) {
            (Some(output), Some(newer)) if output < newer => {
                format!("output {key} older than most recent input {input} ({output} vs {newer})")
            }
            // (Ninja goes by times, and would not run it.)
            _ => started.in_our_words(),
        },
        Why::Other => started.in_our_words(),
    }
}

/// What will be made anew: by commands, or by name only because it is made of such, or because it is no file.
fn dirty(tasks: &NinjaTasks, started: &[Started]) -> HashSet<FileKey> {
    let mut users: HashMap<FileKey, Vec<FileKey>> = HashMap::new();
    let mut reached = Vec::new();
    for Started { key, .. } in started {
        match tasks.edge(key) {
            Some(edge) if edge.is_phony() && inputs(edge).next().is_some() => {
                for input in inputs(edge) {
                    users.entry(maker(tasks, input)).or_default().push(key.clone());
                }
            }
            Some(edge) if edge.is_phony() && modified(key.as_str()).is_some() => {}
            _ => reached.push(key.clone()),
        }
    }
    let mut dirty = HashSet::new();
    while let Some(key) = reached.pop() {
        reached.extend(users.remove(&key).unwrap_or_default());
        dirty.insert(key);
    }
    dirty
}

/// The inputs whose change has the edge run.
fn inputs(edge: &Edge) -> impl Iterator<Item = &str> {
    edge.inputs.iter().chain(&edge.implicit).map(String::as_str)
}

/// The first output of the edge that makes this file; the file itself, if none does.
fn maker(tasks: &NinjaTasks, file: &str) -> FileKey {
    let key = tasks.key_of(file);
    let first = tasks.edge(&key).and_then(|edge| edge.outputs.first());
    first.map(|output| tasks.key_of(output)).unwrap_or(key)
}

/// When a file was modified, in nanoseconds; `None` if it is not there.
fn modified(file: &str) -> Option<i128> {
    let found = std::fs::metadata(path_of(file)).ok()?;
    Some(i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec()))
}
