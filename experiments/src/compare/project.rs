//! The comparison on a project with a ninja manifest.
//!
//! Every combination plays at the same path, one after the other, because compilers write paths into what they
//! make. The project's own directory is never written to: a snapshot of it is taken at the beginning, each copy is made of
//! that, and the thread that plays is confined to the copy. Every step is played as a new process would: the
//! manifest is read, the journal replayed, and the default targets built. The reference is a build that runs
//! every command in an empty copy, once for each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alacarte_core::{Rebuilder, Report, Scheduler};
use alacarte_frontends::ninja::{Manifest, Session, journal_bytes, load};
use alacarte_rebuilders::Perpetual;
use alacarte_schedulers::Topological;
use alacarte_stores::{Digest, FileKey, FileValue};
use include_dir::{Dir, include_dir};

use super::confine::{Confinement, confine};
use super::copy::{self, Snapshot};
use super::edit_script::{self, EditStep, ScriptError};
use super::leaks::leaks;
use super::paths::destination;
use super::sealed_place::{self, Scratch, failed};
use super::{Built, CompareError, CompareOptions, Progress, StepOutcome};
use crate::systems::MenuCell;

static PROJECT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/workloads/c-project");
const SCRIPT: &str = include_str!("../../workloads/c-project.edits.json");

const MANIFEST: &str = "build.ninja";

/// What is added to a failure, since a command may fail for this alone.
const CONFINED: &str = "\n(Commands may write only below the copy of the project and to their TMPDIR.)";

/// Longer than the steps in which a file system counts time, so that what is written later is younger.
const MOMENT: Duration = Duration::from_millis(12);

/// A project and its script.
#[derive(Debug)]
pub struct Project {
    name: String,
    /// Where in the copy the manifest lies.
    build: PathBuf,
    steps: Vec<EditStep>,
    /// Whether the script was made for this very project.
    scripted: bool,
    scratch: Scratch,
    confinement: Option<Confinement>,
}

/// The files that a build made, by name; `None` for those that are not there.
type Outputs = BTreeMap<String, Option<Digest>>;

/// What a build from scratch gave at one step.
#[derive(Default)]
struct Expected {
    outputs: Outputs,
    /// Those among them that a person asks for.
    targets: BTreeSet<String>,
}

impl Project {
    /// The project that comes with the program.
    pub(super) fn embedded() -> Result<Self, CompareError> {
        let scratch = Scratch::new()?;
        let snapshot = scratch.snapshot();
        PROJECT.extract(&snapshot).map_err(|source| failed("write to", &snapshot, source))?;
        let steps = edit_script::parse("c-project.edits.json", SCRIPT)?;
        Ok(Project {
            name: "c-project".into(),
            build: PathBuf::new(),
            steps,
            scripted: true,
            scratch,
            confinement: None,
        })
    }

    /// Somebody's project: what is edited is chosen by the seed, if there is no script.
    pub(super) fn at(asked: &Path, options: &CompareOptions) -> Result<Self, CompareError> {
        let given = std::path::absolute(asked).map_err(|source| failed("read", asked, source))?;
        let directory = fs::canonicalize(asked).map_err(|source| failed("read", asked, source))?;
        let unfit = |problem: String| CompareError::Workload(format!("{}: {problem}", directory.display()));
        // (By the path as it was given, which an error is to name.)
        let manifest = load(asked, Path::new(MANIFEST)).map_err(|error| CompareError::Workload(error.to_string()))?;
        let root = copy::root_of(&directory, &manifest).map_err(unfit)?;
        apart(options, &root)?;
        let build = directory.strip_prefix(&root).unwrap_or(Path::new("")).to_path_buf();
        let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy().into_owned();
        let scratch = Scratch::new()?;
        let mut project = Project { name, build, steps: Vec::new(), scripted: false, scratch, confinement: None };
        project.snapshot(&root, &given, &manifest, options)?;

        // One copy is made to look at, since what a path leads to is known only where it lies.
        let stage = Stage::new(&project, options);
        stage.set(&[])?;
        let manifest = stage.manifest().map_err(unfit)?;
        if let Some(problem) = leaks(&manifest, &stage.work, &stage.session.directory, &root) {
            return Err(unfit(problem));
        }
        project.remove_outputs(&stage, &manifest)?;
        stage.set(&[])?;
        let steps = match &options.edits {
            Some(file) => edit_script::read(file)?,
            None => super::edits::edits(&stage.work, &stage.session.directory, &manifest, options.seed),
        };
        (project.scripted, project.steps) = (options.edits.is_some(), steps);
        project.check_script(&manifest)?;
        Ok(project)
    }

    /// What a script of a person's says that is for sheets, or deletes that no command makes.
    fn check_script(&self, manifest: &Manifest) -> Result<(), ScriptError> {
        for step in self.steps.iter().filter(|_| self.scripted) {
            let unfit = |problem: String| Err(ScriptError::Unfit { place: step.place(), problem });
            if let Some(said) = step.says().into_iter().find(|said| ["cell", "to"].contains(said)) {
                let can = "a step says `touch`, `file` with `replace` and `with`, `file` with `append`, `delete` (an \
                           output), or `fresh`";
                return unfit(format!("a project has files, and no `{said}`: {can}"));
            }
            let mut outputs = manifest.edges.iter().flat_map(|edge| &edge.outputs);
            if let Some(output) = step.delete.as_ref().filter(|deleted| !outputs.any(|output| output == *deleted)) {
                return unfit(format!("{output} is no output of the manifest, and only outputs are deleted"));
            }
        }
        Ok(())
    }

    /// Takes the one snapshot of the project. Its manifests name the place where the copies will lie.
    fn snapshot(
        &self,
        root: &Path,
        given: &Path,
        manifest: &Manifest,
        options: &CompareOptions,
    ) -> Result<(), CompareError> {
        let (to, work) = (self.scratch.snapshot(), self.scratch.work());
        let interrupted = |source: io::Error| match source.kind() {
            io::ErrorKind::Interrupted if options.stop.is_raised() => CompareError::Stopped,
            _ => failed("copy the project from", root, source),
        };
        let snapshot = Snapshot { to: &to, work: &work, scratch: self.scratch.path(), stop: &options.stop };
        snapshot.take(root).map_err(interrupted)?;
        // The manifests that lie in the snapshot, wherever.
        let named = manifest.files.iter().filter_map(|file| destination(&root.join(&self.build).join(file)).ok());
        let manifests: Vec<PathBuf> = named
            .filter_map(|file| Some(to.join(file.strip_prefix(root).ok()?)))
            .filter(|file| file.exists())
            .collect();
        let aliases = copy::aliases(root, &self.build, given, manifest);
        let roots: Vec<&Path> = [root].into_iter().chain(aliases.iter().map(PathBuf::as_path)).collect();
        copy::rename_in_manifests(&to.join(&self.build), manifests, &roots, &work).map_err(interrupted)
    }

    /// Takes what the project's owner has built out of the snapshot; what only a generator makes (the manifest itself) stays.
    fn remove_outputs(&self, stage: &Stage<'_>, manifest: &Manifest) -> Result<(), CompareError> {
        for edge in manifest.edges.iter().filter(|edge| !edge.is_phony() && !edge.generator) {
            for output in &edge.outputs {
                // An output that is a link is one in the snapshot too, whatever it leads to.
                let path = stage.session.directory.join(output);
                let Some(parent) = path.parent().and_then(|parent| destination(parent).ok()) else { continue };
                let Some(name) = path.file_name() else { continue };
                let Ok(inside) = parent.strip_prefix(&stage.work) else { continue };
                let path = self.scratch.snapshot().join(inside).join(name);
                if path.is_file() || path.is_symlink() {
                    fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
                }
            }
        }
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its script.
    pub fn steps(&self) -> &[EditStep] {
        &self.steps
    }

    /// How far the thread that played was confined.
    pub fn confinement(&self) -> Option<&Confinement> {
        self.confinement.as_ref()
    }

    pub(super) fn play(
        &mut self,
        combinations: &[MenuCell<'_>],
        options: &CompareOptions,
        progress: &mut (dyn FnMut(&Progress<'_>) + Send),
    ) -> Result<Vec<StepOutcome>, CompareError> {
        let project = &*self;
        apart(options, &self.scratch.stage())?;
        // (Where it leads to, whatever that thread's view of the file system is.)
        let cache = options.cache.as_ref().map(|cache| {
            let made = std::fs::create_dir_all(cache).and_then(|()| cache.canonicalize());
            made.map_err(|source| failed("make the cache", cache, source))
        });
        let cache = cache.transpose()?;
        let options = &CompareOptions { cache: cache.clone(), ..options.clone() };
        // A thread of its own: it is confined for ever, and only others can remove the scratch directory.
        let (confinement, played) = std::thread::scope(|scope| {
            let player = scope.spawn(move || {
                let stage = project.scratch.stage();
                let writable: Vec<&Path> = [Some(stage.as_path()), cache.as_deref()].into_iter().flatten().collect();
                let confinement = match confine(&writable) {
                    Confinement::Whole if cache.is_some() => Confinement::Partial(
                        "one that writes into the cache that was named is not stopped (what is damaged there is a miss)",
                    ),
                    confinement => confinement,
                };
                (confinement, project.perform(combinations, options, progress))
            });
            player.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        self.confinement = Some(confinement);
        played
    }

    fn perform(
        &self,
        combinations: &[MenuCell<'_>],
        options: &CompareOptions,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<StepOutcome>, CompareError> {
        let stage = Stage::new(self, options);
        let mut steps = self.steps.clone();
        let expected = self.reference(&stage, &mut steps, options, progress)?;
        let mut outcomes = Vec::new();
        for &combination in combinations {
            stage.set(&[])?;
            stage.forget_everything()?;
            for (number, (step, expected)) in steps.iter().zip(&expected).enumerate() {
                let built = match step.not_made {
                    None => {
                        stage.edit(step, &steps[..number])?;
                        let built = self.built(&stage, combination, expected, options);
                        stage.unless_stopped()?;
                        Some(built)
                    }
                    Some(_) => None,
                };
                outcomes.push(StepOutcome {
                    workload: self.name.clone(),
                    scheduler: combination.scheduler,
                    rebuilder: combination.rebuilder,
                    system: combination.system(),
                    step: step.name.clone(),
                    edit: step.edit(),
                    not_made: step.not_made.clone(),
                    built,
                });
                progress(&Progress { workload: &self.name, combination: Some(combination), step: &step.name });
            }
        }
        Ok(outcomes)
    }

    /// Builds everything, from nothing, at every step. An edit of ours that the project does not survive is no step of its
    /// script.
    fn reference(
        &self,
        stage: &Stage<'_>,
        steps: &mut [EditStep],
        options: &CompareOptions,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Expected>, CompareError> {
        let mut unsteady: BTreeSet<String> = BTreeSet::new();
        let mut all = Vec::new();
        for number in 0..steps.len() {
            let mut expected = None;
            // Twice the first time: an output that differs between two builds from scratch cannot be compared.
            let times = match steps[number].not_made {
                None if number == 0 => 2,
                None => 1,
                Some(_) => 0,
            };
            for _ in 0..times {
                let again = self.build_from_scratch(stage, &steps[..=number], options);
                let ours = !self.scripted && steps[number].edits();
                if let Some(reason) = again.as_ref().err().filter(|_| ours).and_then(CompareError::why_not_made) {
                    steps[number].not_made = Some(reason);
                    break;
                }
                let again = again?;
                if let Some(Expected { outputs, .. }) = &expected {
                    let differs =
                        |(name, digest): &(&String, &Option<Digest>)| again.outputs.get(*name) != Some(digest);
                    unsteady.extend(outputs.iter().filter(differs).map(|(name, _)| name.clone()));
                }
                expected = Some(again);
            }
            // Nothing is expected of a step that is not made.
            all.push(expected.unwrap_or_default());
            progress(&Progress { workload: &self.name, combination: None, step: &steps[number].name });
        }
        for expected in &mut all {
            expected.outputs.retain(|name, _| !unsteady.contains(name));
        }
        Ok(all)
    }

    /// What a build from scratch gives after these steps.
    fn build_from_scratch(
        &self,
        stage: &Stage<'_>,
        steps: &[EditStep],
        options: &CompareOptions,
    ) -> Result<Expected, CompareError> {
        stage.set(steps)?;
        stage.forget_everything()?;
        let ended = build(stage, (Box::new(Topological::new()), Box::new(Perpetual)), options);
        stage.unless_stopped()?;
        ended.and_then(|_| stage.expected()).map_err(|problem| CompareError::Reference {
            workload: self.name.clone(),
            place: steps.last().map_or_else(String::new, EditStep::place),
            problem: problem + CONFINED,
        })
    }

    fn built(
        &self,
        stage: &Stage<'_>,
        combination: MenuCell<'_>,
        expected: &Expected,
        options: &CompareOptions,
    ) -> Built {
        let begin = Instant::now();
        let ended = build(stage, (combination.scheduler(), combination.of_files()), options);
        let wall_ms = begin.elapsed().as_micros() as f64 / 1000.0;
        let (ended, problem) = match ended {
            Ok(ended) => (ended, stage.difference(expected, combination.is_shallow())),
            Err(problem) => (Ended::default(), Some(problem)),
        };
        Built {
            ran: ended.commands,
            restored: ended.report.restored.len() as u64,
            kept: ended.report.kept,
            restarts: ended.report.restarts,
            fetches: ended.report.fetches,
            wall_ms,
            wall_ms_spread: 0.0,
            journal_bytes: ended.journal_bytes,
            correct: problem.is_none(),
            problem,
        }
    }
}

/// How a build ended.
#[derive(Default)]
struct Ended {
    report: Report,
    commands: u64,
    journal_bytes: u64,
}

/// The two parts of a combination.
type Parts = (Box<dyn Scheduler>, Box<dyn Rebuilder<FileKey, FileValue>>);

/// Builds the default targets, as a new process would.
fn build(stage: &Stage<'_>, (scheduler, rebuilder): Parts, options: &CompareOptions) -> Result<Ended, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let build = stage.session.open(scheduler, rebuilder, |_| {}).map_err(|error| error.to_string())?;
        let mut build = build.with_jobs(options.jobs);
        let targets = build.tasks().with_companions(build.tasks().default_targets());
        let report = tokio::select! {
            report = build.run_async(&targets) => report.map_err(|error| error.to_string())?,
            // A build that is dropped ends its commands.
            () = options.stop.raised() => return Err(CompareError::Stopped.to_string()),
        };
        let (commands, journal_bytes) = (build.tasks().commands_run(), journal_bytes(&build));
        stage.session.settle_in_place(build);
        Ok(Ended { report, commands, journal_bytes })
    })
}

/// Refuses a cache that lies in a place that is not to be written to, or around one.
fn apart(options: &CompareOptions, place: &Path) -> Result<(), CompareError> {
    let Some(cache) = &options.cache else { return Ok(()) };
    let absolute = std::path::absolute(cache).map_err(|source| failed("make the cache", cache, source))?;
    // Where it will be, if it is not there yet.
    let real = absolute.ancestors().find_map(|above| {
        let below = absolute.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(below))
    });
    let (cache, place) = (real.unwrap_or(absolute), place.canonicalize().unwrap_or_else(|_| place.to_owned()));
    if cache.starts_with(&place) || place.starts_with(&cache) {
        let problem = "the cache is to lie apart from the project and its copies: name another directory";
        return Err(CompareError::Workload(format!("{}: {problem}", cache.display())));
    }
    Ok(())
}

/// The place at which all combinations play, one after the other.
struct Stage<'p> {
    project: &'p Project,
    options: &'p CompareOptions,
    /// The copy of the project.
    work: PathBuf,
    session: Session,
}

impl<'p> Stage<'p> {
    fn new(project: &'p Project, options: &'p CompareOptions) -> Self {
        let work = project.scratch.work();
        let mut session = Session::new(work.join(&project.build), MANIFEST);
        session.cache = options.cache.clone().unwrap_or_else(|| project.scratch.state().join("cache"));
        session.state = project.scratch.state();
        session.unattended = Some(project.scratch.temporary());
        session.by_content = true;
        Stage { project, options, work, session }
    }

    fn unless_stopped(&self) -> Result<(), CompareError> {
        if self.options.stop.is_raised() { Err(CompareError::Stopped) } else { Ok(()) }
    }

    /// Lays the project out afresh, with the edits of these steps.
    fn set(&self, steps: &[EditStep]) -> Result<(), CompareError> {
        remove(&self.work)?;
        let copied = copy::copy_tree(&self.project.scratch.snapshot(), &self.work, &self.options.stop);
        self.unless_stopped()?;
        copied.map_err(|source| failed("copy the project to", &self.work, source))?;
        for step in steps.iter().filter(|step| step.not_made.is_none()) {
            self.apply(step)?;
        }
        Ok(())
    }

    fn forget_everything(&self) -> Result<(), CompareError> {
        remove(&self.session.state)
    }

    /// Plays one step's edit after those that came before it.
    fn edit(&self, step: &EditStep, before: &[EditStep]) -> Result<(), CompareError> {
        std::thread::sleep(MOMENT);
        if step.fresh {
            self.set(before)?;
            self.session.forget().map_err(|error| CompareError::Workload(error.to_string()))?;
        }
        self.apply(step)?;
        Ok(())
    }

    fn apply(&self, step: &EditStep) -> Result<(), ScriptError> {
        let failed = |file: &str| {
            let (place, file) = (step.place(), file.to_owned());
            move |source| ScriptError::Edit { place, file, source }
        };
        // A command may have put a link there.
        let inside = |base: &Path, file: &str| match destination(&base.join(file)) {
            Ok(path) if path.starts_with(&self.work) => Ok(path),
            Ok(_) => Err(ScriptError::Outside { place: step.place(), file: file.to_owned() }),
            Err(source) => Err(failed(file)(source)),
        };
        if let Some(file) = &step.touch {
            let path = inside(&self.work, file)?;
            let text = fs::read(&path).map_err(failed(file))?;
            fs::write(&path, text).map_err(failed(file))?;
        }
        if let (Some(file), Some(replace), Some(with)) = (&step.file, &step.replace, &step.with) {
            let path = inside(&self.work, file)?;
            let text = fs::read_to_string(&path).map_err(failed(file))?;
            let count = text.matches(replace.as_str()).count();
            if count != 1 {
                return Err(ScriptError::Replace { place: step.place(), file: file.clone(), count });
            }
            fs::write(&path, text.replacen(replace.as_str(), with, 1)).map_err(failed(file))?;
        }
        if let (Some(file), Some(append)) = (&step.file, &step.append) {
            let path = inside(&self.work, file)?;
            let mut text = fs::read(&path).map_err(failed(file))?;
            text.extend_from_slice(append.as_bytes());
            fs::write(&path, text).map_err(failed(file))?;
        }
        if let Some(file) = &step.delete {
            let path = self.session.directory.join(file);
            // The output itself may be a link, which is then deleted.
            inside(path.parent().unwrap_or(&self.work), ".")?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(file)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn manifest(&self) -> Result<Manifest, String> {
        load(&self.session.directory, &self.session.file).map_err(|error| error.to_string())
    }

    /// What is there after a build from scratch.
    fn expected(&self) -> Result<Expected, String> {
        let manifest = self.manifest()?;
        let producers = manifest.producers();
        let (mut outputs, mut targets) = (Outputs::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        let mut todo: Vec<(&str, bool)> = manifest.targets_by_default().into_iter().map(|name| (name, true)).collect();
        while let Some((name, asked_for)) = todo.pop() {
            let Some(&edge) = producers.get(name) else { continue };
            let edge = &manifest.edges[edge];
            if asked_for && !edge.is_phony() {
                targets.insert(name.to_owned());
            }
            if !seen.insert((name, asked_for)) {
                continue;
            }
            // A phony target stands for its inputs.
            todo.extend(edge.all_inputs().map(|input| (input, asked_for && edge.is_phony())));
            if !edge.is_phony() {
                for output in &edge.outputs {
                    outputs.insert(output.clone(), self.digest(output));
                }
            }
        }
        Ok(Expected { outputs, targets })
    }

    fn digest(&self, output: &str) -> Option<Digest> {
        fs::read(self.session.directory.join(output)).ok().map(|bytes| Digest::of_bytes(&bytes))
    }

    /// Where the files differ from those of a build from scratch. If only `shallow` correctness is promised,
    /// what lies between sources and targets does not count.
    fn difference(&self, expected: &Expected, shallow: bool) -> Option<String> {
        let counted = |name: &String| !shallow || expected.targets.contains(name);
        expected.outputs.iter().filter(|(name, _)| counted(name)).find_map(|(name, digest)| {
            let found = self.digest(name);
            let what = match (&found, digest) {
                _ if found == *digest => return None,
                (None, _) => "is missing",
                (_, None) => "should not be there",
                _ => "differs from a build from scratch",
            };
            Some(format!("{name} {what}"))
        })
    }
}

fn remove(directory: &Path) -> Result<(), CompareError> {
    sealed_place::remove(directory).map_err(|source| failed("remove", directory, source))
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
