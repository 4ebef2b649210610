//! A build that stays in memory while its files are watched: what is a change of the manifest itself, and how others can build meanwhile.

use std::cell::OnceCell;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use alacarte_core::{Fingerprint, KeyId, StoreError};
use alacarte_stores::{FileKey, text_of_path};
use rustc_hash::{FxHashMap, FxHashSet};

use super::load::load_with;
use super::ninja_tasks::NinjaTasks;
use super::parse_error::ParseError;
use super::session::{NinjaBuild, Session};
use crate::commands::{WatchError, Watcher, canonicalise, command_state};

/// What is watched for a build.
#[derive(Debug)]
#[non_exhaustive]
pub struct Watched {
    /// Who hears of changes.
    pub watcher: Watcher,
    /// So many keys of the build are watched.
    keys: usize,
    /// The manifest's texts and dyndep files, and what they said.
    texts: FxHashMap<FileKey, Option<Fingerprint>>,
    /// What these are made from.
    sources: FxHashSet<FileKey>,
    /// Phony edges that name nothing: they are tasks as long as no such file is there.
    names: FxHashSet<FileKey>,
}

/// How the state of a build lay on disk when others were allowed to build.
#[derive(Debug, PartialEq, Eq)]
pub struct Resting(Vec<Option<[u64; 5]>>);

impl Watched {
    /// Watches nothing of this directory yet.
    ///
    /// # Errors
    /// If files cannot be watched.
    pub fn nothing(directory: &Path) -> Result<Self, WatchError> {
        let (texts, sources, names) = Default::default();
        Ok(Watched { watcher: Watcher::new(directory)?, keys: 0, texts, sources, names })
    }

    /// Watches what the graph of a build was made from.
    ///
    /// # Errors
    /// If files cannot be watched.
    pub fn over<S, R>(build: &NinjaBuild<S, R>) -> Result<Self, WatchError> {
        let tasks = build.tasks();
        tasks.files().borrow_mut().note_no_looks();
        let mut watched = Watched::nothing(tasks.files().borrow().root())?;
        for (path, text) in &tasks.plan.texts {
            let key = key_of(tasks, path);
            watched.watcher.add(&key, path, false)?;
            watched.texts.insert(key, *text);
        }
        let dyndeps = tasks.plan.steps.iter().filter_map(|step| step.dyndep.clone());
        let mut seen = FxHashSet::default();
        for made in watched.texts.keys().cloned().chain(dyndeps) {
            tasks.reach(made, &mut seen, |step| watched.sources.extend(step.sources().cloned()));
        }
        let left = tasks.generated.left.borrow();
        let inputs = left.values().filter(|left| !left.once).flat_map(|left| left.inputs.keys());
        watched.sources.extend(inputs.cloned());
        let aliases = tasks.plan.steps.iter().filter(|step| step.is_alias());
        watched.names = aliases.flat_map(|step| step.outputs.iter().cloned()).collect();
        Ok(watched)
    }

    /// Watches all keys that the build has met since: whether there are any. They are looked at once more, for they may have changed before they were
    /// watched.
    ///
    /// # Errors
    /// If the system watches no more.
    pub fn follow<S, R>(&mut self, build: &NinjaBuild<S, R>) -> Result<bool, WatchError> {
        let (keys, tasks) = (build.keys(), build.tasks());
        let mut new = Vec::new();
        for id in (self.keys..keys.bound()).map(KeyId::new).filter(|&id| keys.knows(id)) {
            let key = keys.name(id);
            for path in build.store().paths(key) {
                self.watcher.add(key, &path.path(), tasks.step(key).is_none())?;
            }
            // (What names nothing is new whenever it is asked for.)
            if !self.names.contains(key) || tasks.is_there(key) {
                new.push(key.clone());
            }
        }
        let more = keys.bound() > self.keys;
        self.keys = keys.bound();
        tasks.files().borrow_mut().heed(new);
        Ok(more)
    }

    /// Watches what a manifest that could not be loaded was read from, as far as it was: whether any of it was not watched before. Then it may have
    /// changed before it was.
    ///
    /// # Errors
    /// If the system watches no more.
    pub fn follow_texts(&mut self, session: &Session, error: Option<&ParseError>) -> Result<bool, WatchError> {
        let mut texts: Vec<PathBuf> = Vec::new();
        let _ = load_with(&session.file, &mut |path| {
            texts.push(path.to_owned());
            let text = std::fs::read(session.directory.join(path))?;
            Ok(alacarte_stores::text_of(&text).into_owned())
        });
        // (An error names its file from where the program runs.)
        let from_here = |file: &Path| file.strip_prefix(&session.directory).unwrap_or(file).to_owned();
        texts.extend(error.and_then(ParseError::place).map(|place| from_here(&place.file)));
        let mut new = false;
        for path in texts {
            new |= self.watcher.add(&FileKey::from(&*canonicalise(&text_of_path(&path))), &path, false)?;
        }
        Ok(new)
    }

    /// The texts that the graph was made from.
    pub fn texts(&self) -> impl Iterator<Item = &FileKey> {
        self.texts.keys()
    }

    /// Whether this build has read the same.
    pub fn has_texts_of<S, R>(&self, build: &NinjaBuild<S, R>) -> bool {
        let tasks = build.tasks();
        tasks.plan.texts.iter().all(|(path, text)| self.texts.get(&key_of(tasks, path)) == Some(text))
    }

    /// Whether the graph is another if this key holds something else.
    pub fn is_source_of_graph(&self, key: &FileKey) -> bool {
        self.sources.contains(key)
    }

    /// Those of these keys, of which something was heard, that change the graph, though the build may not know them.
    pub fn changes_of_graph<'h, S, R>(
        &self,
        build: &NinjaBuild<S, R>,
        heard: impl Iterator<Item = &'h FileKey>,
    ) -> Vec<FileKey> {
        let (keys, tasks, as_read) = (build.keys(), build.tasks(), OnceCell::new());
        let rewritten = |key: &FileKey| self.texts.contains_key(key) && !as_read.get_or_init(|| tasks.is_as_read());
        let unknown = |key: &FileKey| self.sources.contains(key) && keys.find(key).is_none();
        let flipped =
            |key: &FileKey| self.names.contains(key) && tasks.is_there(key) == tasks.plan.makers.contains_key(key);
        heard.filter(|key| rewritten(key) || unknown(key) || flipped(key)).cloned().collect()
    }
}

fn key_of(tasks: &NinjaTasks, text: &Path) -> FileKey {
    tasks.key_of(&canonicalise(&text_of_path(text)))
}

impl NinjaTasks {
    /// Another build by these tasks begins: its commands are counted from one.
    pub fn count_anew(&self) {
        self.events.started.set(0);
        self.events.finished.set(0);
        *self.in_place.borrow_mut() = Default::default();
    }

    /// Whether one of these is a source that is gone.
    pub fn lacks_any<'k>(&self, mut keys: impl Iterator<Item = &'k FileKey>) -> bool {
        keys.any(|key| self.step(key).is_none() && !self.is_there(key))
    }

    /// Whether commands have changed in place what was made: then [`Session::settle_in_place`] has something to record.
    pub fn has_changed_in_place(&self) -> bool {
        !self.changed_in_place().is_empty()
    }
}

impl Session {
    /// Lets others build in the directory, until [`resume`](Self::resume).
    ///
    /// # Errors
    /// If what was learned cannot be written.
    pub fn rest<S, R>(&self, build: &NinjaBuild<S, R>) -> Result<Resting, StoreError> {
        build.tasks().files().borrow_mut().save()?;
        let resting = Resting::of(build.tasks());
        if let Some(others) = &build.tasks().others {
            others.release()?;
        }
        build.journal().release()?;
        Ok(resting)
    }

    /// Takes the turn again: whether no other build was at work meanwhile. If one was, this one is to be opened anew.
    ///
    /// # Errors
    /// If another is at work ([`WouldBlock`](std::io::ErrorKind::WouldBlock)), or the journal cannot be used.
    pub fn resume<S, R>(&self, build: &NinjaBuild<S, R>, resting: &Resting) -> Result<bool, StoreError> {
        let others = build.tasks().others.as_ref().map_or(Ok(true), |others| others.take_again())?;
        Ok(build.journal().take_again()? && others && Resting::of(build.tasks()) == *resting)
    }
}

impl Resting {
    fn of(tasks: &NinjaTasks) -> Self {
        let Some(generated) = tasks.generated.file.as_deref() else { return Resting(Vec::new()) };
        let state = generated.parent().unwrap_or(Path::new(""));
        let table = command_state::table(state);
        let files = [command_state::journal(state), table.with_extension("trees"), table, generated.to_owned()];
        let lies =
            |there: Metadata| [there.dev(), there.ino(), there.len(), there.mtime() as u64, there.mtime_nsec() as u64];
        Resting(files.iter().map(|file| std::fs::metadata(file).ok().map(lies)).collect())
    }
}
