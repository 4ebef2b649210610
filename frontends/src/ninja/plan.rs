//! A manifest as a graph of keys: which edge makes which file, from what.
//!
//! It is made once of what was read, and does not change. The tasks of several builds share it: those of a dry run and of the build after it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alacarte_core::Fingerprint;
use alacarte_stores::{FileKey, SharedFiles, text_of_path};
use rustc_hash::{FxHashMap, FxHashSet};

use super::dyndep::Dyndeps;
use super::manifest::{Edge, Manifest, still_say};
use crate::commands::{Root, canonicalise};

/// The graph of a manifest.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// Who makes each output.
    pub(super) makers: FxHashMap<FileKey, Maker>,
    pub(super) pools: BTreeMap<String, usize>,
    pub(super) defaults: Vec<FileKey>,
    pub(super) phony_cycles: Vec<String>,
    pub(super) root: Root,
    /// The file from which the manifest was read.
    pub(super) manifest: FileKey,
    /// All files from which it was read, and what they said.
    pub(super) texts: Vec<(PathBuf, Option<Fingerprint>)>,
    pub(super) dyndeps: Dyndeps,
    /// The directories around outputs.
    pub(super) around: FxHashSet<FileKey>,
    /// Edges that make the manifest, a dyndep file, or what one of these is made from.
    of_the_graph: FxHashSet<usize>,
}

/// One edge.
pub(super) struct Step {
    pub(super) edge: Edge,
    pub(super) outputs: Arc<[FileKey]>,
    /// Explicit and implicit inputs, each once.
    pub(super) inputs: Arc<[FileKey]>,
    /// It is a phony that gives a file another spelling of its name.
    names_itself: bool,
    pub(super) order_only: Vec<FileKey>,
    pub(super) validations: Vec<FileKey>,
    /// The file that adds to what the manifest says of it.
    pub(super) dyndep: Option<FileKey>,
    /// The fingerprint of all that the edge says.
    pub(super) text: Fingerprint,
    /// It makes the manifest, or is a generator by its own word.
    pub(super) regenerates: bool,
}

/// What makes a file.
#[derive(Clone, Copy)]
pub(super) struct Maker {
    pub(super) step: usize,
    /// Which of its outputs.
    pub(super) output: usize,
}

impl Plan {
    /// The graph of a manifest over the files of the directory in which its commands run.
    pub(super) fn new(mut manifest: Manifest, files: &SharedFiles) -> Self {
        let directory = files.borrow().root().to_owned();
        let wrong = manifest.read_dyndeps(&directory);
        let root = Root::of(&directory);
        let mut names = Names { root: &root, known: FxHashSet::default() };
        let defaults = manifest.targets_by_default().into_iter().map(|path| names.key(path)).collect();
        let mut steps: Vec<Step> = manifest.edges.into_iter().map(|edge| Step::new(edge, &mut names)).collect();
        let file = manifest.files.first().map_or("".into(), |path| text_of_path(path));
        let file = names.key(&canonicalise(&file));
        let count = steps.iter().filter_map(|step| step.dyndep.as_ref()).collect::<FxHashSet<_>>().len();
        let wrong = wrong.into_iter().map(|(file, error)| (names.key(&file), error)).collect();
        let dyndeps = Dyndeps { count, wrong: RefCell::new(wrong) };
        for step in &mut steps {
            step.regenerates = step.edge.generator || step.outputs.contains(&file);
        }
        let mut makers = FxHashMap::default();
        for (step, made) in steps.iter().enumerate() {
            let outputs = made.outputs.iter().cloned().enumerate();
            // A phony edge that names nothing is how generators say that nobody need mind if a file is gone. If
            // it is there, it is a file like any other: an input.
            let there = |key: &FileKey| made.is_alias() && files.borrow().modified(key).is_some();
            for (output, key) in outputs.filter(|(_, key)| !there(key)) {
                let maker = Maker { step, output };
                // Another name for a file that an edge makes is no other file.
                if !made.names_itself {
                    makers.insert(key, maker);
                } else {
                    makers.entry(key).or_insert(maker);
                }
            }
        }
        let mut around = FxHashSet::default();
        for output in steps.iter().flat_map(|step| &*step.outputs) {
            let directories = Path::new(output.as_str()).ancestors().skip(1).filter_map(Path::to_str);
            // The directories around a known one are known.
            let _ = directories.map(FileKey::from).find(|directory| !around.insert(directory.clone()));
        }
        let mut open: Vec<&FileKey> = steps.iter().filter_map(|step| step.dyndep.as_ref()).chain([&file]).collect();
        let mut of_the_graph = FxHashSet::default();
        while let Some(key) = open.pop() {
            let Some(maker) = makers.get(key) else { continue };
            if of_the_graph.insert(maker.step) {
                open.extend(&*steps[maker.step].inputs);
            }
        }
        Plan {
            of_the_graph,
            steps,
            makers,
            pools: manifest.pools,
            defaults,
            phony_cycles: manifest.phony_cycles,
            root,
            manifest: file,
            texts: manifest.texts,
            dyndeps,
            around,
        }
    }

    /// Whether this edge has a part in what the graph is: it makes the manifest, a dyndep file, or what one of these is made from.
    pub(super) fn shapes_the_graph(&self, step: &Step) -> bool {
        self.makers.get(&step.outputs[0]).is_some_and(|maker| self.of_the_graph.contains(&maker.step))
    }

    /// Whether the files from which the manifest was read still say the same.
    pub(super) fn is_as_read(&self, directory: &Path) -> bool {
        still_say(directory, &self.texts)
    }
}

impl Step {
    fn new(edge: Edge, names: &mut Names) -> Self {
        let outputs: Arc<[FileKey]> = names.unique(&edge.outputs).into();
        let mut inputs = names.unique(edge.inputs.iter().chain(&edge.implicit));
        let all = inputs.len();
        if edge.is_phony() {
            inputs.retain(|input| !outputs.contains(input));
        }
        let names_itself = inputs.len() < all;
        let inputs: Arc<[FileKey]> = inputs.into();
        let mut order_only = names.unique(&edge.order_only);
        if !order_only.is_empty() {
            let known: FxHashSet<&FileKey> = inputs.iter().collect();
            order_only.retain(|key| !known.contains(key));
        }
        Step {
            outputs,
            names_itself,
            validations: names.unique(&edge.validations),
            dyndep: edge.dyndep.as_ref().map(|file| names.key(file)),
            text: text(&edge),
            regenerates: false,
            inputs,
            order_only,
            edge,
        }
    }

    pub(super) fn validations(&self) -> impl Iterator<Item = &FileKey> {
        self.validations.iter()
    }

    /// What must be up to date before it may run.
    pub(super) fn sources(&self) -> impl Iterator<Item = &FileKey> {
        self.inputs.iter().chain(&self.order_only)
    }

    /// The fingerprint of what has to stay for what it made to stay: of a generator the command may change, and what it has made stays (ninja's
    /// rule).
    pub(super) fn lasting_text(&self) -> Fingerprint {
        if self.edge.generator { Fingerprint::default() } else { self.text }
    }

    /// Whether it is a phony edge that names nothing.
    pub(super) fn is_alias(&self) -> bool {
        self.edge.is_phony() && self.inputs.is_empty() && self.order_only.is_empty()
    }
}

/// The fingerprint of all that an edge says: an edge that says something else has to run again.
///
/// Inputs belong to it, for a new one is in no trace and its changes would go unnoticed. Order-only inputs do
/// not.
fn text(edge: &Edge) -> Fingerprint {
    let mut text = Vec::new();
    let mut say = |part: &str| {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part.as_bytes());
    };
    say(&edge.command);
    say(edge.rspfile.as_ref().map_or("", |file| &file.content));
    say(edge.depfile.as_deref().unwrap_or(""));
    for list in [&edge.outputs, &edge.inputs, &edge.implicit] {
        say(&list.len().to_string());
        list.iter().for_each(|path| say(path));
    }
    Fingerprint::of_bytes(&text)
}

/// Keys that share their text.
struct Names<'r> {
    root: &'r Root,
    known: FxHashSet<FileKey>,
}

impl Names<'_> {
    fn key(&mut self, path: &str) -> FileKey {
        let path = self.root.local(path);
        if let Some(key) = self.known.get(&*path) {
            return key.clone();
        }
        let key = FileKey::from(&*path);
        self.known.insert(key.clone());
        key
    }

    /// Each file once, however often and in whatever spelling it is named.
    fn unique<'a>(&mut self, paths: impl IntoIterator<Item = &'a String>) -> Vec<FileKey> {
        let mut keys: Vec<FileKey> = paths.into_iter().map(|path| self.key(path)).collect();
        if keys.len() > 1 {
            let mut seen = FxHashSet::default();
            keys.retain(|key| seen.insert(key.clone()));
        }
        keys
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plan = f.debug_struct("Plan");
        plan.field("edges", &self.steps.len()).field("defaults", &self.defaults).finish_non_exhaustive()
    }
}
