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
//! not declare). A caller that knows that the manifest is complete asks for [`NinjaTasks::cut_off_by_content`].
//!
//! What is remembered must be true: if an input changed on disk while the command ran, nobody knows which
//! content it read, and the value is kept for this build only.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use alacarte_core::{Fetch, Fingerprint, Result, Running, Static, TaskError, Tasks, Value};
use alacarte_stores::{FileKey, FileValue, Log, Shape, SharedFiles};
use rustc_hash::{FxHashMap, FxHashSet};

use super::generated::Generated;
use super::in_place::InPlace;
use super::last_run::Believed;
use super::manifest::{Edge, Manifest};
use super::missing_sources::MissingSources;
use super::plan::{Maker, Plan, Step};
use super::run_first::RunFirst;
use crate::commands::tool_cache::ToolCaches;
use crate::commands::{Commands, Events, canonicalise};

/// The tasks of a manifest, over the files of its directory.
///
/// ```
/// use alacarte::Tasks;
/// use alacarte::ninja::{NinjaTasks, parse_str};
/// use alacarte::stores::Files;
///
/// let directory = tempfile::tempdir()?;
/// let manifest = parse_str("build.ninja", "rule cc\n  command = cc -c $in -o $out\nbuild a.o: cc a.c\n")?;
/// let tasks = NinjaTasks::new(manifest, &Files::shared(directory.path())?);
/// assert!(tasks.has(&tasks.key_of("a.o")) && !tasks.has(&tasks.key_of("a.c")));
/// assert_eq!(tasks.describe(&tasks.key_of("a.o")), "cc -c a.c -o a.o");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NinjaTasks {
    pub(super) plan: Rc<Plan>,
    pub(super) files: SharedFiles,
    pub(super) events: Events,
    /// See [`Session::unattended`](super::Session::unattended).
    pub(super) unattended: Option<PathBuf>,
    /// Counts what is like nothing before it: see [`NinjaTasks::instant`].
    ticks: Cell<u64>,
    /// Content alone tells whether an output changed.
    pub(super) by_content: bool,
    pub(super) commands: Commands,
    pub(super) treatment: Treatment,
    /// From now on no command runs: that one would have to is all that is to be found out.
    pub(super) only_asked: Cell<bool>,
    pub(super) keep: Keep,
    pub(super) tool_caches: ToolCaches,
    pub(super) missing: MissingSources,
    pub(super) run_first: RunFirst,
    /// See [`priority`](super::priority), once it was asked for.
    pub(super) lengths: RefCell<Option<FxHashMap<usize, u32>>>,
    pub(super) generated: Generated,
    pub(super) in_place: RefCell<InPlace>,
    /// The dyndep files that were seen to be as they were read.
    pub(super) dyndeps_settled: RefCell<FxHashSet<FileKey>>,
    /// Held while the build is: see [`Turn`](super::Turn).
    pub(super) others: Option<Log<FileKey, FileValue>>,
    /// What commands make is kept for other builds.
    pub(super) shared: bool,
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

impl NinjaTasks {
    /// The tasks of a manifest. The files are those of the directory in which its commands run.
    pub fn new(manifest: Manifest, files: &SharedFiles) -> Self {
        NinjaTasks::of(&Rc::new(Plan::new(manifest, files)), files)
    }

    /// The tasks of a manifest that was made a graph already.
    pub(super) fn of(plan: &Rc<Plan>, files: &SharedFiles) -> Self {
        let directory = files.borrow().root().to_owned();
        NinjaTasks {
            plan: Rc::clone(plan),
            files: Rc::clone(files),
            events: Events::default(),
            unattended: None,
            ticks: Cell::new(0),
            by_content: false,
            commands: Commands::default(),
            treatment: Treatment::default(),
            only_asked: Cell::new(false),
            keep: Keep::default(),
            tool_caches: ToolCaches::new(&directory.join(".alacarte/cache"), &directory, &directory.join(".alacarte")),
            missing: MissingSources::default(),
            run_first: RunFirst::default(),
            lengths: RefCell::default(),
            generated: Generated::default(),
            in_place: RefCell::default(),
            dyndeps_settled: RefCell::default(),
            others: None,
            shared: false,
        }
    }

    /// The tasks of a manifest of edges whose rule is `r`, some of them in a pool `p` with one place, over a directory of their own.
    #[cfg(test)]
    pub(super) fn of_edges(edges: &str) -> (tempfile::TempDir, Self) {
        let place = tempfile::tempdir().expect("a scratch directory");
        let files = alacarte_stores::Files::shared(place.path()).expect("it is there");
        let text = format!("rule r\n  command = touch $out\npool p\n  depth = 1\n{edges}");
        let manifest = super::parse_str("build.ninja", &text).expect("it parses");
        (place, NinjaTasks::new(manifest, &files))
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

    /// Says whether what is built next comes before the targets, and is a part of the same build.
    pub fn comes_first(&self, first: bool) {
        self.run_first.comes_first(first);
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
        FileKey::from(&*self.plan.root.local(&canonicalise(path)))
    }

    /// The first output of the edge that makes this one.
    pub(super) fn primary(&self, key: &FileKey) -> Option<&FileKey> {
        self.step(key).and_then(|step| step.outputs.first())
    }

    /// What is built when nothing is asked for.
    pub fn default_targets(&self) -> &[FileKey] {
        &self.plan.defaults
    }

    /// Whether the manifest has any edge.
    pub fn has_edges(&self) -> bool {
        !self.plan.steps.is_empty()
    }

    /// The phony edges that name themselves as an input, by their outputs: there that input counts for nothing.
    pub fn phony_cycles(&self) -> &[String] {
        &self.plan.phony_cycles
    }

    /// The pools to give to the build, with their depths.
    pub fn pools(&self) -> impl Iterator<Item = (&str, usize)> {
        self.plan.pools.iter().filter(|(_, depth)| **depth > 0).map(|(name, depth)| (name.as_str(), *depth))
    }

    /// The file from which the manifest was read, if an edge makes it: then it is a target that comes before all others.
    pub fn manifest(&self) -> Option<&FileKey> {
        self.plan.makers.get_key_value(&self.plan.manifest).map(|(key, _)| key)
    }

    /// Whether the files from which the manifest was read still say the same.
    pub fn is_as_read(&self) -> bool {
        self.plan.is_as_read(self.files.borrow().root())
    }

    /// The files from which the manifest was read, and the dyndep files.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Path> {
        self.plan.texts.iter().map(|(path, _)| &**path)
    }

    /// What the store must know of keys that are not just the file of their name.
    pub fn shapes(&self) -> FxHashMap<FileKey, Shape> {
        let mut shapes = FxHashMap::default();
        for (number, step) in self.plan.steps.iter().enumerate() {
            if step.is_alias() {
                let is_made = |key: &&FileKey| self.plan.makers.get(*key).is_some_and(|maker| maker.step == number);
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
    /// which command they were made: for one directory `build.ninja` is made by another command than for the next. And what writes a dyndep file writes more
    /// than the manifest says: CMake's collators leave lists of modules beside it, which others read.
    pub fn unshared(&self) -> FxHashSet<FileKey> {
        let dyndeps: FxHashSet<&FileKey> = self.plan.steps.iter().filter_map(|step| step.dyndep.as_ref()).collect();
        let writes_more = |step: &&Step| step.regenerates || step.outputs.iter().any(|key| dyndeps.contains(key));
        self.plan.steps.iter().filter(writes_more).flat_map(|step| step.outputs.iter().cloned()).collect()
    }

    /// Whether the manifest, or a generator, makes this key: then no trace brings it back.
    pub fn regenerates(&self, key: &FileKey) -> bool {
        self.step(key).is_some_and(|step| step.regenerates)
    }

    /// These targets, and all that is to be up to date with what they reach though nothing is made from it: what validates it, and what comes before it in
    /// order only. (A rebuilder that keeps a key without looking below it would not come by.)
    pub fn with_companions(&self, targets: &[FileKey]) -> Vec<FileKey> {
        let mut all = targets.to_vec();
        let (mut keys, mut next) = (FxHashSet::default(), 0);
        while next < all.len() {
            let target = all[next].clone();
            next += 1;
            self.reach(target, &mut keys, |step| {
                let aside = step.validations.iter().chain(&step.order_only);
                all.extend(aside.filter(|key| self.plan.makers.contains_key(*key)).cloned());
            });
        }
        let mut seen = FxHashSet::default();
        all.retain(|key| seen.insert(key.clone()));
        all
    }

    /// The commands that these targets may need, by their first outputs.
    pub fn commands_below(&self, targets: &[FileKey]) -> Vec<FileKey> {
        let (mut keys, mut commands) = (FxHashSet::default(), Vec::new());
        for target in targets {
            self.reach(target.clone(), &mut keys, |step| {
                commands.extend((!step.edge.is_phony()).then(|| step.outputs[0].clone()));
            });
        }
        commands
    }

    pub(super) fn reach(&self, from: FileKey, seen: &mut FxHashSet<usize>, mut each: impl FnMut(&Step)) {
        let mut stack = vec![from];
        while let Some(key) = stack.pop() {
            let Some(maker) = self.plan.makers.get(&key) else { continue };
            if seen.insert(maker.step) {
                let step = &self.plan.steps[maker.step];
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
        self.plan.makers.get(key).map(|maker| maker.step)
    }

    pub(super) fn step(&self, key: &FileKey) -> Option<&Step> {
        self.plan.makers.get(key).map(|maker| &self.plan.steps[maker.step])
    }

    /// Whether the task of this key is a command (and not a name for others, or a part of what another key's
    /// command made).
    pub fn is_command(&self, key: &FileKey) -> bool {
        self.plan.makers.get(key).is_some_and(|maker| maker.output == 0 && !self.plan.steps[maker.step].edge.is_phony())
    }

    /// The same question, for those who live as long as these tasks or longer.
    pub fn which_are_commands(&self) -> impl Fn(&FileKey) -> bool + 'static {
        let plan = Rc::clone(&self.plan);
        move |key| {
            let maker = plan.makers.get(key);
            maker.is_some_and(|maker| maker.output == 0 && !plan.steps[maker.step].edge.is_phony())
        }
    }

    /// What to show of all commands.
    pub fn descriptions(&self) -> Descriptions {
        Descriptions(Rc::clone(&self.plan))
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
        let value = self.run_first.gave(step, &[]).unwrap_or_else(|| FileValue::Group(self.instant()));
        self.run_first.note(&self.plan, step, &[], &value);
        Ok(value)
    }
}

/// What is shown of a command while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description<'d> {
    /// Its description; the command itself, if it has none.
    pub shown: &'d str,
    /// The command.
    pub command: &'d str,
}

/// What is shown of commands while they run, apart from their tasks.
#[derive(Debug, Clone)]
pub struct Descriptions(Rc<Plan>);

impl Descriptions {
    /// What is shown of the command that this key names, and the command itself; nothing of a name for others or of a further output.
    pub fn of(&self, key: &FileKey) -> Option<Description<'_>> {
        let maker = self.0.makers.get(key).filter(|maker| maker.output == 0)?;
        let edge = &self.0.steps[maker.step].edge;
        (!edge.is_phony()).then(|| Description { shown: edge.shown(), command: &edge.command })
    }
}

impl Tasks<FileKey, FileValue> for NinjaTasks {
    type Power = Static;

    fn has(&self, key: &FileKey) -> bool {
        self.plan.makers.contains_key(key)
    }

    fn run<'t>(&'t self, key: &FileKey, fetch: Fetch<'t, FileKey, FileValue>) -> Running<'t, FileValue> {
        let Some(&Maker { step, output }) = self.plan.makers.get(key) else {
            return Running::Done(Err(TaskError::new(format!("no edge makes {key}"))));
        };
        let step = &self.plan.steps[step];
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
        match self.plan.makers.get(key) {
            Some(maker) if maker.output > 0 && !self.plan.steps[maker.step].edge.is_phony() => {
                each(&self.plan.steps[maker.step].outputs[0]);
            }
            Some(maker) => self.plan.steps[maker.step].inputs.iter().for_each(each),
            None => {}
        }
        true
    }

    fn order_only(&self, key: &FileKey, each: &mut dyn FnMut(&FileKey)) {
        let Some(step) = self.step(key) else { return };
        // (A source that nobody makes is up to date, be it there or not.)
        step.order_only.iter().filter(|key| self.plan.makers.contains_key(*key)).for_each(&mut *each);
        // What is not in order must not wait: other commands make the inputs at the same time. (A source may be written by what is made first, and
        // is not looked at before.) And to bring a name for others up to date is to bring *them* up to date, even where a deep trace of the name
        // holds and nobody would look at them.
        let made = |key: &&FileKey| step.edge.is_phony() || self.plan.makers.contains_key(*key);
        if step.edge.is_phony() || !step.order_only.is_empty() {
            step.inputs.iter().filter(made).for_each(each);
        }
    }

    fn definition(&self, key: &FileKey) -> Option<Fingerprint> {
        let maker = self.plan.makers.get(key)?;
        let step = &self.plan.steps[maker.step];
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

impl fmt::Debug for NinjaTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NinjaTasks").field("plan", &self.plan).finish_non_exhaustive()
    }
}
