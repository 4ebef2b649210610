//! A build of a manifest, put together: its tasks, the files of its directory, and what is remembered of
//! earlier builds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use alacarte_core::{Build, Event, Journal, Keys, Rebuilder, Schedules, Static, StoreError};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use alacarte_stores::{FileKey, FileStore, FileValue, Files, Log, SharedCache, SharedFiles, path_of, text_of_path};
use thiserror::Error;

use super::generated::Generated;
use super::last_run::Believed;
use super::load::load;
use super::manifest::Manifest;
use super::ninja_tasks::{Keep, NinjaTasks, Treatment};
use super::parse_error::ParseError;
use super::plan::Plan;
use super::run_first::RunFirst;
use crate::commands::tool_cache::ToolCaches;
use crate::commands::{CommandEvent, Commands, canonicalise, hint};
use crate::commands::{command_state, turn};

/// Where a build finds and leaves things.
///
/// ```
/// use alacarte::ninja::Session;
/// use alacarte::prelude::*;
///
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("build.ninja"), "rule hi\n  command = echo hi > $out\nbuild a: hi\n")?;
/// let session = Session::new(directory.path(), "build.ninja");
/// let mut build = session.open(Suspending::new(), VerifyingTrace, |event| println!("{:?}", event.shown))?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// runtime.block_on(build.run_async(["a"]))?;
/// assert_eq!(std::fs::read_to_string(directory.path().join("a"))?, "hi\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Session {
    /// The directory in which commands run, and to which paths are relative.
    pub directory: PathBuf,
    /// The manifest, relative to that directory.
    pub file: PathBuf,
    /// The directory of the journal and of the table of files, if it is an absolute path; otherwise, where it lies in the manifest's `builddir`, or
    /// in the directory if there is none.
    pub state: PathBuf,
    /// The directory of the cache, which builds of many processes, checkouts and repositories may share.
    pub cache: PathBuf,
    /// If nobody attends to the commands: where they keep temporary files and caches (`TMPDIR`, `XDG_CACHE_HOME`). Then
    /// none has the terminal to itself, not even in the pool `console`.
    pub unattended: Option<PathBuf>,
    /// Content alone tells whether an output changed: see [`NinjaTasks::cut_off_by_content`].
    pub by_content: bool,
    /// The commands of its builds that are running.
    pub commands: Commands,
    /// What is left of commands that have succeeded.
    pub keep: Keep,
    /// It is for one build, and each file is looked at once before the first command starts, however many steps find out what is to be done.
    pub looks_once: bool,
    /// What has run in this build, before the targets are built.
    pub(super) run_first: RunFirst,
    /// What commands print is wanted as much as what they make: a command that printed something runs again where it
    /// would be brought back from the cache.
    pub heard: bool,
}

/// A build over a manifest.
pub type NinjaBuild<S, R> = Build<FileKey, FileValue, NinjaTasks, FileStore, S, R, Log<FileKey, FileValue>>;

/// The right to build in a directory: no other build is at work in it as long as this, or the build that is opened with it, is held.
#[derive(Debug)]
pub struct Turn {
    /// The manifest, as it was read when no other build was at work any more.
    plan: Rc<Plan>,
    files: SharedFiles,
    state: PathBuf,
    log: Log<FileKey, FileValue>,
    /// The journal of the directory, if the manifest has one of its own.
    others: Option<Log<FileKey, FileValue>>,
}

/// A build of a manifest that could not be put together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The manifest does not parse.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The journal, the cache or the directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Turn {
    /// The file with the history of the builds that this turn is one of.
    pub fn history(&self) -> PathBuf {
        command_state::history(&self.state)
    }

    /// Leaves the two logs of ninja beside what is remembered, empty, unless they are there: by them, Meson and others know a directory in which a build has
    /// been, and have dead outputs removed only there. (A ninja takes empty logs as it takes none.)
    pub fn leave_logs(&self) {
        let root = if self.others.is_some() { self.state.ancestors().nth(2) } else { Some(&*self.state) };
        let Some(directory) = root.and_then(Path::parent) else { return };
        for (name, head) in [(".ninja_log", &b"# ninja log v7\n"[..]), (".ninja_deps", b"# ninjadeps\n\x04\0\0\0")] {
            let created = std::fs::File::create_new(directory.join(name));
            // What is lost if it fails is a sign for others.
            let _ = created.and_then(|mut file| file.write_all(head));
        }
    }

    /// Has `hear` told of each event of the journal.
    pub fn hear(&mut self, hear: impl FnMut(&Keys<FileKey>, &Event<'_, FileValue>) + 'static) {
        self.log.hear(hear);
    }
}

impl Session {
    /// A session whose state lies in `.alacarte`.
    pub fn new(directory: impl Into<PathBuf>, file: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let state = PathBuf::from(".alacarte");
        let commands = Commands::default();
        Session {
            cache: directory.join(&state).join("cache"),
            state,
            directory,
            file: file.into(),
            unattended: None,
            by_content: false,
            keep: Keep::default(),
            looks_once: false,
            heard: false,
            run_first: RunFirst::default(),
            commands,
        }
    }

    /// Puts a build together. It wants to run inside a tokio runtime ([`Build::run_async`]), for its commands
    /// are processes.
    ///
    /// # Errors
    /// If the manifest does not parse, or journal, cache or directory cannot be used.
    pub fn open<S, R>(
        &self,
        scheduler: S,
        rebuilder: R,
        observer: impl Fn(CommandEvent<'_>) + 'static,
    ) -> Result<NinjaBuild<S, R>, SessionError>
    where
        S: Schedules<Static>,
        R: Rebuilder<FileKey, FileValue>,
    {
        loop {
            let manifest = load(&self.directory, &self.file)?;
            let log = command_state::open_journal(&self.root(&manifest))?;
            if let Some(turn) = self.begin(manifest, log)? {
                return self.open_with(turn, scheduler, rebuilder, observer);
            }
        }
    }

    /// The right to build in the directory, for [`open_with`](Self::open_with). If a make has begun another build of it at the same time, this waits until
    /// that has ended, and gives its token of the jobserver to others meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open); also if another build is at work that no make has begun beside this one.
    pub async fn turn(&self) -> Result<Turn, SessionError> {
        loop {
            let manifest = match load(&self.directory, &self.file) {
                Ok(manifest) => manifest,
                // Another build may be writing it.
                Err(_) if command_state::journal(&self.root_in("")).exists() => {
                    let ended = turn::open_journal(&self.commands, &self.root_in("")).await?;
                    let manifest = load(&self.directory, &self.file)?;
                    drop::<Log<FileKey, FileValue>>(ended);
                    manifest
                }
                Err(error) => return Err(error.into()),
            };
            let log = turn::open_journal(&self.commands, &self.root(&manifest)).await?;
            if let Some(turn) = self.begin(manifest, log)? {
                return Ok(turn);
            }
        }
    }

    /// What [`open_dry`](Self::open_dry) needs, and no more: other builds may be at work, and nothing is written.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn turn_to_look(&self) -> Result<Turn, SessionError> {
        let manifest = load(&self.directory, &self.file)?;
        let state = self.state_of(&manifest);
        let (plan, files) = self.plan(manifest)?;
        files.borrow_mut().save_nothing();
        Ok(Turn { plan, files, state, log: Log::from_bytes(Vec::new()), others: None })
    }

    /// Takes the turn with the directory's journal, unless another build has rewritten the manifest before it ended.
    pub(super) fn begin(&self, manifest: Manifest, log: Log<FileKey, FileValue>) -> Result<Option<Turn>, SessionError> {
        if !manifest.is_as_read(&self.directory) {
            return Ok(None);
        }
        let (root, state) = (self.root(&manifest), self.state_of(&manifest));
        if state == root {
            let (plan, files) = self.plan(manifest)?;
            return Ok(Some(Turn { plan, files, state, log, others: None }));
        }
        // What one manifest makes, another may not know of. So each remembers for itself, and both wait for each other.
        let own = command_state::open_journal(&state)?;
        let (plan, files) = self.plan(manifest)?;
        Ok(Some(Turn { plan, files, state, log: own, others: Some(log) }))
    }

    fn plan(&self, manifest: Manifest) -> Result<(Rc<Plan>, SharedFiles), StoreError> {
        let files = self.files()?;
        Ok((Rc::new(Plan::new(manifest, &files)), files))
    }

    fn files(&self) -> Result<SharedFiles, StoreError> {
        let files = Files::shared(&self.directory)?;
        if self.looks_once {
            files.borrow_mut().look_once();
        } else {
            files.borrow_mut().note_looks();
        }
        Ok(files)
    }

    /// Where what is remembered of this manifest lies.
    pub(super) fn state_of(&self, manifest: &Manifest) -> PathBuf {
        self.state_in(manifest.builddir.as_deref().unwrap_or_default())
    }

    pub(super) fn state_in(&self, builddir: &str) -> PathBuf {
        let (root, file) = (self.root_in(builddir), canonicalise(&text_of_path(&self.file)));
        if file == "build.ninja" {
            return root;
        }
        root.join("manifests").join(&*path_of(&file.replace('%', "%25").replace('/', "%2F")))
    }

    /// Where what is remembered of the directory lies.
    pub(super) fn root(&self, manifest: &Manifest) -> PathBuf {
        self.root_in(manifest.builddir.as_deref().unwrap_or_default())
    }

    fn root_in(&self, builddir: &str) -> PathBuf {
        self.directory.join(path_of(builddir)).join(&self.state)
    }

    /// As [`open`](Self::open), when it is this build's turn.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with<S, R>(
        &self,
        turn: Turn,
        scheduler: S,
        rebuilder: R,
        observer: impl Fn(CommandEvent<'_>) + 'static,
    ) -> Result<NinjaBuild<S, R>, SessionError>
    where
        S: Schedules<Static>,
        R: Rebuilder<FileKey, FileValue>,
    {
        let Turn { plan, files, state, log, others } = turn;
        let mut tasks = self.tasks(&plan, &files, observer);
        tasks.shared = rebuilder.restores();
        let tool_caches = self.unattended.as_ref().unwrap_or(&self.cache);
        tasks.tool_caches = ToolCaches::new(tool_caches, &self.directory, &state);
        tasks.generated = Generated::recall(state.join("generated"));
        tasks.others = others;
        let cache = SharedCache::new(&self.cache);
        let store = command_state::store(&files, &state, &cache).heard(self.heard);
        Ok(put_together(tasks, store, scheduler, rebuilder, log).with_cache(cache.traces()))
    }

    /// A dry run, while it is this build's turn: no command runs, each counts as run well and as having changed what it makes; nothing is restored, and
    /// nothing is remembered.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_dry<S, R>(
        &self,
        turn: &Turn,
        scheduler: S,
        rebuilder: R,
        observer: impl Fn(CommandEvent<'_>) + 'static,
    ) -> Result<NinjaBuild<S, R>, SessionError>
    where
        S: Schedules<Static>,
        R: Rebuilder<FileKey, FileValue>,
    {
        // (A session that is opened over and over sees what has changed between.)
        let files = if self.looks_once { Rc::clone(&turn.files) } else { self.files()? };
        let mut tasks = self.tasks(&turn.plan, &files, observer);
        tasks.treatment = Treatment::Pretend;
        tasks.generated = Generated::recall(turn.state.join("generated")).unsaved();
        // (Where it cannot be read, all is to be built.)
        let journal = std::fs::read(command_state::journal(&turn.state)).unwrap_or_default();
        let store = command_state::bare_store(&files, &turn.state).dry();
        Ok(put_together(tasks, store, scheduler, rebuilder, Log::from_bytes(journal)))
    }

    /// A build that runs nothing, and takes these outputs for made as they are.
    pub(super) fn open_believing(
        &self,
        turn: Turn,
        believed: Believed,
    ) -> Result<NinjaBuild<Suspending, VerifyingTrace>, SessionError> {
        let Turn { plan, files, state, log, others } = turn;
        let mut tasks = self.tasks(&plan, &files, |_| {});
        tasks.treatment = Treatment::Believe(believed);
        tasks.generated = Generated::recall(state.join("generated"));
        tasks.others = others;
        let store = command_state::bare_store(&files, &state);
        Ok(put_together(tasks, store, Suspending::new(), VerifyingTrace, log).with_keep_going(true))
    }

    fn tasks(&self, plan: &Rc<Plan>, files: &SharedFiles, observer: impl Fn(CommandEvent<'_>) + 'static) -> NinjaTasks {
        let mut tasks = NinjaTasks::of(plan, files)
            .cut_off_by_content(self.by_content)
            .commands_among(&self.commands)
            .with_observer(observer);
        tasks.unattended.clone_from(&self.unattended);
        tasks.keep = self.keep;
        tasks.run_first = self.run_first.clone();
        tasks
    }

    /// Says that what is built next is another build: what is never up to date runs again. (What comes before the targets is a part of the same build, see
    /// [`NinjaTasks::comes_first`].)
    pub fn begin_another(&self) {
        self.run_first.clear();
    }

    /// Forgets everything but the cache, as a fresh checkout elsewhere does. (Of a `build.ninja` without a `builddir`.)
    ///
    /// # Errors
    /// If the journal cannot be removed.
    pub fn forget(&self) -> Result<(), StoreError> {
        command_state::forget(&self.root_in(""))
    }

    /// The journal's file. (Of a `build.ninja` without a `builddir`.)
    pub fn journal(&self) -> PathBuf {
        command_state::journal(&self.root_in(""))
    }
}

fn put_together<S, R>(
    tasks: NinjaTasks,
    store: FileStore,
    scheduler: S,
    rebuilder: R,
    log: Log<FileKey, FileValue>,
) -> NinjaBuild<S, R>
where
    S: Schedules<Static>,
    R: Rebuilder<FileKey, FileValue>,
{
    let store = store.with_shapes(tasks.shapes()).with_unshared(tasks.unshared());
    let pools: Vec<(String, usize)> = tasks.pools().map(|(name, depth)| (name.to_owned(), depth)).collect();
    let mut build = Build::new(tasks, store).with_scheduler(scheduler).with_rebuilder(rebuilder).with_journal(log);
    for (name, depth) in pools {
        build = build.with_pool(name, depth);
    }
    build
}

impl NinjaTasks {
    /// Whether the manifest speaks of this file.
    pub fn speaks_of(&self, key: &FileKey) -> bool {
        self.edge(key).is_some()
            || self.plan.steps.iter().any(|step| {
                let inputs = step.edge.all_inputs().map(|input| self.key_of(input));
                step.outputs.contains(key) || inputs.into_iter().any(|input| input == *key)
            })
    }

    /// All keys whose tasks are commands.
    pub fn commands(&self) -> impl Iterator<Item = &FileKey> {
        self.plan.steps.iter().filter(|step| !step.edge.is_phony()).filter_map(|step| step.outputs.first())
    }

    /// What to say of a target that nobody makes: the one that was perhaps meant.
    pub fn hint(&self, target: &str) -> String {
        hint(target, self.plan.steps.iter().flat_map(|step| step.edge.outputs.iter().map(String::as_str)))
    }
}

/// The size of a build's journal in bytes.
pub fn journal_bytes<S, R>(build: &NinjaBuild<S, R>) -> u64 {
    Journal::bytes(build.journal())
}
