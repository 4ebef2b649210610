//! The comparison on a project with a ninja manifest.
//!
//! Every combination plays at the same path, one after the other, because compilers write paths into what they
//! make. The project's own directory is never written to. Every step is played as a new process would: the
//! manifest is read, the journal replayed, and the default targets built. The reference is a build that runs
//! every command in an empty copy, once for each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alacarte::Report;
use alacarte_frontends::ninja::{Manifest, Session, journal_bytes, load};
use alacarte_rebuilders::AnyRebuilder;
use alacarte_schedulers::AnyScheduler;
use alacarte_stores::Digest;
use include_dir::{Dir, include_dir};
use tempfile::TempDir;

use super::copy::{self, STATE};
use super::script::{self, ScriptError, Step};
use super::{CompareError, Options, Outcome, Progress};
use crate::systems::{Combination, RebuilderName, SchedulerName};

static PROJECT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/workloads/c-project");
const SCRIPT: &str = include_str!("../../workloads/c-project.edits.json");

/// Longer than the steps in which a file system counts time, so that what is written later is younger.
const MOMENT: Duration = Duration::from_millis(12);

/// A project and its script.
#[derive(Debug)]
pub struct Project {
    name: String,
    source: Source,
    steps: Vec<Step>,
}

/// Where a project's files come from.
#[derive(Debug)]
enum Source {
    Embedded,
    Copy {
        /// The directory to copy.
        root: PathBuf,
        /// Where in it the manifest lies.
        build: PathBuf,
    },
}

/// The files that a build made, by name; `None` for those that are not there.
type Outputs = BTreeMap<String, Option<Digest>>;

/// What a build from scratch gave at one step.
struct Expected {
    outputs: Outputs,
    /// Those among them that a person asks for.
    targets: BTreeSet<String>,
}

impl Project {
    /// The project that comes with the program.
    pub(super) fn embedded() -> Result<Self, CompareError> {
        Ok(Project { name: "c-project".into(), source: Source::Embedded, steps: script::parse(SCRIPT)? })
    }

    /// Somebody's project: what is edited is chosen by the seed.
    pub(super) fn at(directory: &Path, options: Options) -> Result<Self, CompareError> {
        let directory = fs::canonicalize(directory).map_err(|source| scratch("read", directory, source))?;
        let manifest =
            load(&directory, Path::new("build.ninja")).map_err(|error| CompareError::Workload(error.to_string()))?;
        let root = copy::root_of(&directory, &manifest)
            .map_err(|problem| CompareError::Workload(format!("{}: {problem}", directory.display())))?;
        let build = directory.strip_prefix(&root).unwrap_or(Path::new("")).to_path_buf();
        let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy().into_owned();
        let steps = super::edits::edits(&root, &directory, &manifest, options.seed);
        Ok(Project { name, source: Source::Copy { root, build }, steps })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its script.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn play(
        &mut self,
        combinations: &[Combination],
        options: Options,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Outcome>, CompareError> {
        let stage = Stage::new(self)?;
        let expected = self.reference(&stage, options, progress)?;
        let mut outcomes = Vec::new();
        for &combination in combinations {
            stage.set(&[])?;
            stage.forget_everything()?;
            for (number, (step, expected)) in self.steps.iter().zip(&expected).enumerate() {
                stage.edit(step, &self.steps[..number])?;
                outcomes.push(self.outcome(&stage, combination, step, expected, options));
                progress(&Progress { workload: &self.name, combination: Some(combination), step: &step.name });
            }
        }
        Ok(outcomes)
    }

    /// Builds everything, from nothing, at every step.
    fn reference(
        &self,
        stage: &Stage<'_>,
        options: Options,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Expected>, CompareError> {
        let everything = Combination { scheduler: SchedulerName::Topological, rebuilder: RebuilderName::Perpetual };
        let failed = |step: &Step, problem: String| CompareError::Reference {
            workload: self.name.clone(),
            step: step.name.clone(),
            problem,
        };
        let mut unsteady: BTreeSet<String> = BTreeSet::new();
        let mut all = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let mut expected = None;
            // Twice the first time: an output that differs between two builds from scratch cannot be compared.
            for _ in 0..if number == 0 { 2 } else { 1 } {
                stage.set(&self.steps[..=number])?;
                stage.forget_everything()?;
                build(stage, everything, options).map_err(|problem| failed(step, problem))?;
                let again = stage.expected().map_err(|problem| failed(step, problem))?;
                if let Some(Expected { outputs, .. }) = &expected {
                    let differs =
                        |(name, digest): &(&String, &Option<Digest>)| again.outputs.get(*name) != Some(digest);
                    unsteady.extend(outputs.iter().filter(differs).map(|(name, _)| name.clone()));
                }
                expected = Some(again);
            }
            all.extend(expected);
            progress(&Progress { workload: &self.name, combination: None, step: &step.name });
        }
        for expected in &mut all {
            expected.outputs.retain(|name, _| !unsteady.contains(name));
        }
        Ok(all)
    }

    fn outcome(
        &self,
        stage: &Stage<'_>,
        combination: Combination,
        step: &Step,
        expected: &Expected,
        options: Options,
    ) -> Outcome {
        let begin = Instant::now();
        let built = build(stage, combination, options);
        let wall_ms = begin.elapsed().as_micros() as f64 / 1000.0;
        let (built, problem) = match built {
            Ok(built) => (built, stage.difference(expected, combination.rebuilder.is_shallow())),
            Err(problem) => (Built::default(), Some(problem)),
        };
        Outcome {
            workload: self.name.clone(),
            scheduler: combination.scheduler.as_str(),
            rebuilder: combination.rebuilder.as_str(),
            system: combination.system(),
            step: step.name.clone(),
            ran: built.commands,
            restored: built.report.restored,
            kept: built.report.kept,
            restarts: built.report.restarts,
            fetches: built.report.fetches,
            wall_ms,
            journal_bytes: built.journal_bytes,
            correct: problem.is_none(),
            problem,
        }
    }
}

/// What a build did.
#[derive(Default)]
struct Built {
    report: Report,
    commands: u64,
    journal_bytes: u64,
}

/// Builds the default targets, as a new process would.
fn build(stage: &Stage<'_>, combination: Combination, options: Options) -> Result<Built, String> {
    let names = (combination.scheduler.as_str(), combination.rebuilder.as_str());
    let (Some(scheduler), Some(rebuilder)) = (AnyScheduler::named(names.0), AnyRebuilder::named(names.1)) else {
        return Err(format!("{combination} is not on the menu"));
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let build = stage.session.open(scheduler, rebuilder, |_| {}).map_err(|error| error.to_string())?;
        let mut build = build.jobs(options.jobs);
        let targets = build.tasks().with_validations(build.tasks().default_targets());
        let report = build.run_async(&targets).await.map_err(|error| error.to_string())?;
        let commands = build.tasks().commands_run();
        Ok(Built { report, commands, journal_bytes: journal_bytes(&build) })
    })
}

/// The place at which all combinations play, one after the other.
struct Stage<'p> {
    project: &'p Project,
    /// The copy of the project.
    work: PathBuf,
    session: Session,
    _scratch: TempDir,
}

fn scratch(action: &'static str, place: &Path, source: std::io::Error) -> CompareError {
    CompareError::Scratch { action, place: place.display().to_string(), source }
}

impl<'p> Stage<'p> {
    fn new(project: &'p Project) -> Result<Self, CompareError> {
        let directory =
            tempfile::tempdir().map_err(|source| scratch("make", Path::new("a scratch directory"), source))?;
        let path = fs::canonicalize(directory.path()).map_err(|source| scratch("read", directory.path(), source))?;
        let work = path.join("work");
        let build = match &project.source {
            Source::Embedded => work.clone(),
            Source::Copy { build, .. } => work.join(build),
        };
        let session = Session { directory: build, file: "build.ninja".into(), state: path.join("state") };
        Ok(Stage { project, work, session, _scratch: directory })
    }

    /// Lays the project out afresh, with the edits of these steps.
    fn set(&self, steps: &[Step]) -> Result<(), CompareError> {
        remove(&self.work)?;
        let failed = |source| scratch("copy the project to", &self.work, source);
        fs::create_dir_all(&self.work).map_err(failed)?;
        match &self.project.source {
            Source::Embedded => PROJECT.extract(&self.work).map_err(failed)?,
            Source::Copy { root, .. } => {
                copy::copy_tree(root, &self.work).map_err(failed)?;
                copy::rename_in_manifests(&self.session.directory, root, &self.work).map_err(failed)?;
                self.remove_outputs()?;
            }
        }
        for step in steps {
            self.apply(step)?;
        }
        Ok(())
    }

    fn forget_everything(&self) -> Result<(), CompareError> {
        remove(&self.session.state)
    }

    /// Plays one step's edit after those that came before it.
    fn edit(&self, step: &Step, before: &[Step]) -> Result<(), CompareError> {
        std::thread::sleep(MOMENT);
        if step.fresh {
            self.set(before)?;
            self.session.forget().map_err(|error| CompareError::Workload(error.to_string()))?;
        }
        self.apply(step)?;
        Ok(())
    }

    fn apply(&self, step: &Step) -> Result<(), ScriptError> {
        let failed = |file: &str| {
            let (step, file) = (step.name.clone(), file.to_owned());
            move |source| ScriptError::Edit { step, file, source }
        };
        if let Some(file) = &step.touch {
            let path = self.work.join(file);
            let text = fs::read(&path).map_err(failed(file))?;
            fs::write(&path, text).map_err(failed(file))?;
        }
        if let (Some(file), Some(replace), Some(with)) = (&step.file, &step.replace, &step.with) {
            let path = self.work.join(file);
            let text = fs::read_to_string(&path).map_err(failed(file))?;
            let count = text.matches(replace.as_str()).count();
            if count != 1 {
                return Err(ScriptError::Replace { step: step.name.clone(), file: file.clone(), count });
            }
            fs::write(&path, text.replacen(replace.as_str(), with, 1)).map_err(failed(file))?;
        }
        if let (Some(file), Some(append)) = (&step.file, &step.append) {
            let path = self.work.join(file);
            let mut text = fs::read(&path).map_err(failed(file))?;
            text.extend_from_slice(append.as_bytes());
            fs::write(&path, text).map_err(failed(file))?;
        }
        if let Some(file) = &step.delete {
            match fs::remove_file(self.session.directory.join(file)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(file)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn manifest(&self) -> Result<Manifest, String> {
        load(&self.session.directory, &self.session.file).map_err(|error| error.to_string())
    }

    /// Takes away what the project's owner has built; what only a generator makes (the manifest itself) stays.
    fn remove_outputs(&self) -> Result<(), CompareError> {
        let manifest = self.manifest().map_err(CompareError::Workload)?;
        for edge in manifest.edges.iter().filter(|edge| !edge.is_phony() && !edge.generator) {
            for output in &edge.outputs {
                let path = self.session.directory.join(output);
                if path.starts_with(&self.work) && path.is_file() {
                    fs::remove_file(&path).map_err(|source| scratch("remove", &path, source))?;
                }
            }
        }
        remove(&self.session.directory.join(STATE))
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
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(scratch("remove", directory, error)),
        _ => Ok(()),
    }
}
