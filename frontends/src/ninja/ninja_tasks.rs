//! The edges of a manifest as tasks.
//!
//! The key of an edge is its first output; what the command made is the value. Each further output has a small
//! task of its own that picks its part. A *phony* edge runs nothing: its value is what its inputs are.
//!
//! What the manifest says is known before anything runs, so these are static tasks. What a compiler finds out
//! while it runs (headers) it reports afterwards; then it is fetched, and recorded like everything else. A
//! header that was not up to date at that moment may have been read as it was before: then the command runs
//! once more. (With order-only inputs, as generators write them, this does not happen.)
//!
//! A manifest need not declare all that a command writes: CMake's, Meson's and GN's commands write many files and
//! touch a *stamp*, and what depends on the stamp reads those files. So an edge whose command ran counts as changed
//! for its dependents, as it does for ninja: the value of an output names, besides its content, the *run* that made it.
//! A run is named by what the command is and by what it read, so that two checkouts call it the same. The manifest may
//! say more: an output that a `restat` command left untouched is the one of the run before, and one that a compiler's
//! depfile names is known by its content alone (unless it is empty, or the depfile names files that the manifest does
//! not declare). Whoever knows that the manifest is complete asks for [`NinjaTasks::cut_off_by_content`].
//!
//! What is remembered must be true: if an input changed on disk while the command ran, nobody knows which
//! content it read, and the value is kept for this build only.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alacarte_core::{Fetch, Fingerprint, Result, Running, Static, TaskError, Tasks, Value};
use alacarte_stores::{FileKey, FileValue, Log, Shape, SharedFiles, text_of_path};

use super::dyndep::Dyndeps;
use super::generated::Generated;
use super::in_place::InPlace;
use super::last_run::Believed;
use super::manifest::{Edge, Manifest, still_say};
use super::missing_sources::MissingSources;
use crate::commands::tool_cache::ToolCaches;
use crate::commands::{Commands, Events, Root, canonicalise};

/// The tasks of a manifest, over the files of its directory.
pub struct NinjaTasks {
    pub(super) steps: Vec<Step>,
    /// Who makes each output.
    makers: HashMap<FileKey, Maker>,
    pools: BTreeMap<String, usize>,
    defaults: Vec<FileKey>,
    pub(super) files: SharedFiles,
    pub(super) events: Events,
    /// See [`Session::unattended`](super::Session::unattended).
    pub(super) unattended: Option<PathBuf>,
    root: Root,
    /// Counts what is like nothing before it: see [`NinjaTasks::instant`].
    ticks: Cell<u64>,
    /// Content alone tells whether an output changed.
    pub(super) by_content: bool,
    pub(super) commands: Commands,
    pub(super) treatment: Treatment,
    pub(super) keep: Keep,
    pub(super) tool_caches: ToolCaches,
    pub(super) missing: MissingSources,
    pub(super) generated: Generated,
    pub(super) in_place: RefCell<InPlace>,
    /// The file from which the manifest was read.
    manifest: FileKey,
    /// All files from which it was read, and what they said.
    texts: Vec<(PathBuf, Option<Fingerprint>)>,
    pub(super) dyndeps: Dyndeps,
    /// Held while the build is: see [`Turn`](super::Turn).
    pub(super) others: Option<Log<FileKey, FileValue>>,
    /// What commands make is kept for other builds.
    pub(super) shared: bool,
    /// The directories around outputs.
    pub(super) around: HashSet<FileKey>,
}

/// What is done when a command is to run.
#[derive(Debug, Default)]
pub(super) enum Treatment {
    /// It runs.
    #[default]
    Run,
    /// It does not: it counts as run, and as having changed what it makes (a dry run).
    Pretend,
    /// It does not: the outputs of these count as made as they are, and no others.
    Believe(Believed),
}

/// What is left of a command that has succeeded, though nobody needs it any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// Depfiles that were read.
    pub depfiles: bool,
    /// Response files.
    pub response_files: bool,
}

/// One edge.
pub(super) struct Step {
    pub(super) edge: Edge,
    pub(super) outputs: Arc<[FileKey]>,
    /// Explicit and implicit inputs, each once.
    pub(super) inputs: Arc<[FileKey]>,
    /// It is a phony that gives a file another spelling of its name.
    names_itself: bool,
    order_only: Vec<FileKey>,
    validations: Vec<FileKey>,
    /// The file that adds to what the manifest says of it.
    pub(super) dyndep: Option<FileKey>,
    /// The fingerprint of all that the edge says.
    pub(super) text: Fingerprint,
    /// It makes the manifest, or is a generator by its own word.
    pub(super) regenerates: bool,
}

#[derive(Clone, Copy)]
struct Maker {
    step: usize,
    /// Which of its outputs.
    output: usize,
}

impl NinjaTasks {
    /// The tasks of a manifest. The files are those of the directory in which its commands run.
    pub fn new(mut manifest: Manifest, files: &SharedFiles) -> Self {
        let directory = files.borrow().root().to_owned();
        let wrong = manifest.read_dyndeps(&directory);
        let root = Root::of(&directory);
        let mut names = Names { root: &root, known: HashSet::new() };
        let defaults = manifest.targets_by_default().into_iter().map(|path| names.key(path)).collect();
        let mut steps: Vec<Step> = manifest.edges.into_iter().map(|edge| Step::new(edge, &mut names)).collect();
        let file = manifest.files.first().map_or("".into(), |path| text_of_path(path));
        let file = names.key(&canonicalise(&file));
        let count = steps.iter().filter_map(|step| step.dyndep.as_ref()).collect::<HashSet<_>>().len();
        let wrong = wrong.into_iter().map(|(file, error)| (names.key(&file), error)).collect();
        let dyndeps = Dyndeps { count, wrong: RefCell::new(wrong), settled: RefCell::default() };
        for step in &mut steps {
            step.regenerates = step.edge.generator || step.outputs.contains(&file);
        }
        let mut makers = HashMap::new();
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
        let mut around = HashSet::new();
        for output in steps.iter().flat_map(|step| &*step.outputs) {
            let directories = Path::new(output.as_str()).ancestors().skip(1).filter_map(Path::to_str);
            // Those around one that is known are known.
            let _ = directories.map(FileKey::from).find(|directory| !around.insert(directory.clone()));
        }
        let (files, events) = (files.clone(), Events::default());
        let (pools, ticks) = (manifest.pools, Cell::new(0));
        NinjaTasks {
            steps,
            makers,
            pools,
            defaults,
            files,
            events,
            unattended: None,
            root,
            ticks,
            by_content: false,
            commands: Commands::default(),
            treatment: Treatment::default(),
            keep: Keep::default(),
            tool_caches: ToolCaches::new(&directory.join(".alacarte/cache"), &directory, &directory.join(".alacarte")),
            missing: MissingSources::default(),
            generated: Generated::default(),
            in_place: RefCell::default(),
            manifest: file,
            texts: manifest.texts,
            dyndeps,
            others: None,
            shared: false,
            around,
        }
    }

    /// The files of the directory.
    pub fn files(&self) -> &SharedFiles {
        &self.files
    }

    /// Counts its commands among these, so that others can end them.
    #[must_use]
    pub fn commands_among(mut self, commands: &Commands) -> Self {
        self.commands = commands.clone();
        self
    }

    /// Judges every output by its content alone: a command that makes what it made before changes nothing for its
    /// dependents. Right only for a manifest that declares all that its commands write.
    #[must_use]
    pub fn cut_off_by_content(mut self, by_content: bool) -> Self {
        self.by_content = by_content;
        self
    }

    /// A fingerprint that no other moment has.
    pub(super) fn instant(&self) -> Fingerprint {
        self.ticks.set(self.ticks.get() + 1);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Fingerprint::of_integer(now.as_nanos() as u64).combine(Fingerprint::of_integer(self.ticks.get()))
    }

    /// The key of a file, however its path is written: generators and compilers name files of the build
    /// directory by absolute paths, too.
    pub fn key_of(&self, path: &str) -> FileKey {
        FileKey::from(&*self.root.local(&canonicalise(path)))
    }

    /// The first output of the edge that makes this one.
    pub(super) fn primary(&self, key: &FileKey) -> Option<&FileKey> {
        self.step(key).and_then(|step| step.outputs.first())
    }

    /// What is built when nothing is asked for.
    pub fn default_targets(&self) -> &[FileKey] {
        &self.defaults
    }

    /// The pools to give to the build, with their depths.
    pub fn pools(&self) -> impl Iterator<Item = (&str, usize)> {
        self.pools.iter().filter(|(_, depth)| **depth > 0).map(|(name, depth)| (name.as_str(), *depth))
    }

    /// The file from which the manifest was read, if an edge makes it: then it is a target that comes before all others.
    pub fn manifest(&self) -> Option<&FileKey> {
        self.makers.get_key_value(&self.manifest).map(|(key, _)| key)
    }

    /// Whether the files from which the manifest was read still say the same.
    pub fn is_as_read(&self) -> bool {
        still_say(self.files.borrow().root(), &self.texts)
    }

    /// The files from which the manifest was read, and the dyndep files.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().map(|(path, _)| &**path)
    }

    /// What the store must know of keys that are not just the file of their name.
    pub fn shapes(&self) -> HashMap<FileKey, Shape> {
        let mut shapes = HashMap::new();
        for (number, step) in self.steps.iter().enumerate() {
            if step.is_alias() {
                let is_made = |key: &&FileKey| self.makers.get(*key).is_some_and(|maker| maker.step == number);
                let names = step.outputs.iter().filter(is_made);
                shapes.extend(names.map(|key| (key.clone(), Shape::Alias)));
            } else if step.edge.is_phony() {
                shapes.extend(step.outputs.iter().map(|key| (key.clone(), Shape::Group(step.inputs.clone()))));
            } else {
                shapes.extend(step.outputs.iter().map(|key| (key.clone(), Shape::Output)));
                if let [first, _, ..] = &*step.outputs {
                    shapes.insert(first.clone(), Shape::Outputs(step.outputs.clone()));
                }
            }
        }
        shapes
    }

    /// The keys that no trace brings back. Of a generator the command may change, and what it has made stays (ninja's rule), so its traces do not say by
    /// which command they were made: for one directory `build.ninja` is made by another command than for the next.
    pub fn unshared(&self) -> HashSet<FileKey> {
        self.steps.iter().filter(|step| step.regenerates).flat_map(|step| step.outputs.iter().cloned()).collect()
    }

    /// Whether the manifest, or a generator, makes this key: then no trace brings it back.
    pub fn regenerates(&self, key: &FileKey) -> bool {
        self.step(key).is_some_and(|step| step.regenerates)
    }

    /// These targets, and all that is to be validated with what they reach.
    pub fn with_validations(&self, targets: &[FileKey]) -> Vec<FileKey> {
        let mut all = targets.to_vec();
        let (mut keys, mut next) = (HashSet::new(), 0);
        while next < all.len() {
            let target = all[next].clone();
            next += 1;
            self.reach(target, &mut keys, |step| {
                all.extend(step.validations.iter().cloned());
            });
        }
        let mut seen = HashSet::new();
        all.retain(|key| seen.insert(key.clone()));
        all
    }

    /// How many commands these targets may need.
    pub fn commands_below(&self, targets: &[FileKey]) -> usize {
        let (mut keys, mut commands) = (HashSet::new(), 0);
        for target in targets {
            self.reach(target.clone(), &mut keys, |step| commands += usize::from(!step.edge.is_phony()));
        }
        commands
    }

    pub(super) fn reach(&self, from: FileKey, seen: &mut HashSet<usize>, mut each: impl FnMut(&Step)) {
        let mut stack = vec![from];
        while let Some(key) = stack.pop() {
            let Some(maker) = self.makers.get(&key) else { continue };
            if seen.insert(maker.step) {
                let step = &self.steps[maker.step];
                each(step);
                stack.extend(step.sources().cloned());
            }
        }
    }

    /// The edge that makes this output.
    pub fn edge(&self, key: &FileKey) -> Option<&Edge> {
        self.step(key).map(|step| &step.edge)
    }

    /// The number of the edge that makes this output.
    pub(super) fn number(&self, key: &FileKey) -> Option<usize> {
        self.makers.get(key).map(|maker| maker.step)
    }

    pub(super) fn step(&self, key: &FileKey) -> Option<&Step> {
        self.makers.get(key).map(|maker| &self.steps[maker.step])
    }

    /// Whether the task of this key is a command (and not a name for others, or a part of what another key's
    /// command made).
    pub fn is_command(&self, key: &FileKey) -> bool {
        self.makers.get(key).is_some_and(|maker| maker.output == 0 && !self.steps[maker.step].edge.is_phony())
    }

    /// What to show of a key's command: its description, or else the command.
    pub fn describe(&self, key: &FileKey) -> &str {
        self.edge(key).map_or("", Edge::shown)
    }

    /// The value of a phony edge.
    async fn group(&self, step: &Step, key: &FileKey, fetch: Fetch<'_, FileKey, FileValue>) -> Result<FileValue> {
        if !step.is_alias() {
            let values = fetch.all(step.inputs.iter()).await?;
            return Ok(FileValue::Group(values.fingerprint()));
        }
        fetch.volatile();
        // It has appeared since the manifest was loaded.
        if let Some(seen) = self.files.borrow_mut().look(key)? {
            return Ok(FileValue::File(seen.digest));
        }
        // Ninja takes it for changed in every build, and projects use that to have commands always run.
        Ok(FileValue::Group(self.instant()))
    }
}

impl Tasks<FileKey, FileValue> for NinjaTasks {
    type Power = Static;

    fn has(&self, key: &FileKey) -> bool {
        self.makers.contains_key(key)
    }

    fn run<'t>(&'t self, key: &FileKey, fetch: Fetch<'t, FileKey, FileValue>) -> Running<'t, FileValue> {
        let Some(&Maker { step, output }) = self.makers.get(key) else {
            return Running::Done(Err(TaskError::new(format!("no edge makes {key}"))));
        };
        let step = &self.steps[step];
        if step.edge.is_phony() {
            let key = key.clone();
            return Running::Future(Box::pin(async move { self.group(step, &key, fetch).await }));
        }
        if output == 0 {
            return Running::Future(Box::pin(self.command(step, fetch)));
        }
        Running::Future(Box::pin(async move {
            let made = fetch.get(&step.outputs[0]).await?;
            let part = made.outputs().get(output).map_or(FileValue::Missing, |part| FileValue::made(&[*part]));
            if made.outputs().get(output).is_none_or(|part| part.digest.is_none()) {
                fetch.volatile();
            }
            Ok(part)
        }))
    }

    fn declared(&self, key: &FileKey, each: &mut dyn FnMut(&FileKey)) -> bool {
        match self.makers.get(key) {
            Some(maker) if maker.output > 0 && !self.steps[maker.step].edge.is_phony() => {
                each(&self.steps[maker.step].outputs[0]);
            }
            Some(maker) => self.steps[maker.step].inputs.iter().for_each(each),
            None => {}
        }
        true
    }

    fn order_only(&self, key: &FileKey, each: &mut dyn FnMut(&FileKey)) {
        let Some(step) = self.step(key) else { return };
        step.order_only.iter().for_each(&mut *each);
        // What is not in order must not wait: other commands make the inputs at the same time. (A source may be written by what is made first, and
        // is not looked at before.) And to bring a name for others up to date is to bring *them* up to date, even where a deep trace of the name
        // holds and nobody would look at them.
        let made = |key: &&FileKey| step.edge.is_phony() || self.makers.contains_key(*key);
        if step.edge.is_phony() || !step.order_only.is_empty() {
            step.inputs.iter().filter(made).for_each(each);
        }
    }

    fn definition(&self, key: &FileKey) -> Option<Fingerprint> {
        let maker = self.makers.get(key)?;
        let step = &self.steps[maker.step];
        let text = if step.regenerates { self.lasting_definition(step)? } else { step.text };
        Some(text.combine(Fingerprint::of_integer(maker.output as u64)))
    }
}

impl Edge {
    /// What to show while it runs.
    pub(super) fn shown(&self) -> &str {
        self.description.as_deref().filter(|text| !text.is_empty()).unwrap_or(&self.command)
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
        let known: HashSet<&FileKey> = inputs.iter().collect();
        order_only.retain(|key| !known.contains(key));
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

/// The fingerprint of all that an edge says: one that says something else has to run again.
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
    known: HashSet<FileKey>,
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
        let mut seen = HashSet::new();
        let keys = paths.into_iter().map(|path| self.key(path));
        keys.filter(|key| seen.insert(key.clone())).collect()
    }
}

impl fmt::Debug for NinjaTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tasks = f.debug_struct("NinjaTasks");
        tasks.field("edges", &self.steps.len()).field("defaults", &self.defaults).finish_non_exhaustive()
    }
}
