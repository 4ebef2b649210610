//! The store of a build of files: files in their directory, what the surroundings say, and the values of typed rules, which the
//! journal keeps.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use alacarte_core::{KeyId, Output, RuleKey, Store, StoreError, Time, Value};
use alacarte_stores::{FileKey, FileStore, FileValue, Shape};

use super::keys::File;
use super::makers::Makers;
use super::source_trees::SourceTrees;
use super::surroundings;

/// The store of a [`FileBuild`](super::FileBuild).
#[derive(Debug)]
pub struct RuleStore {
    files: FileStore,
    makers: Rc<Makers>,
    trees: Rc<SourceTrees>,
}

impl RuleStore {
    pub(super) fn new(files: FileStore, makers: Rc<Makers>, trees: Rc<SourceTrees>) -> Self {
        RuleStore { files, makers, trees }
    }

    /// How a value that the cache has differs from the one that was made again, in words.
    pub(super) fn differences(&self, key: &RuleKey, then: &Output, now: &Output) -> Result<Vec<String>, StoreError> {
        let values = (then.get::<FileValue>(), now.get::<FileValue>());
        if let (Some(file), (Some(then), Some(now))) = (key.as_rule::<File>(), values) {
            let differences = self.files.differences(file.key(), then, now)?;
            return Ok(differences.iter().map(ToString::to_string).collect());
        }
        let same = now.fingerprint() == then.fingerprint();
        Ok(if same { Vec::new() } else { vec![format!("{key}: another value than in the cache")] })
    }

    /// How many bytes were copied out of the cache so far.
    pub fn copied(&self) -> u64 {
        self.files.copied()
    }

    /// The store of files knows which files a key stands for.
    fn know(&mut self, key: &FileKey) {
        if self.files.has_shape(key) {
            return;
        }
        if let Some(maker) = self.makers.of(key) {
            let outputs = maker.files();
            let shape = match outputs.first() == Some(key) {
                _ if maker.outputs.phony => Shape::Group([].into()),
                true if outputs.len() > 1 => Shape::Outputs(outputs.into()),
                _ => Shape::Output,
            };
            self.files.add_shape(key.clone(), shape);
        } else if let Some(around) = self.makers.around(key) {
            self.files.add_shape(key.clone(), Shape::Within(around));
        }
    }
}

impl Store<RuleKey, Output> for RuleStore {
    fn relies_on_journal(&self) -> bool {
        true
    }

    fn load(&mut self, id: KeyId, key: &RuleKey) -> Result<Option<Output>, StoreError> {
        if let Some(file) = key.as_rule::<File>() {
            self.know(file.key());
            self.trees.check(file.key(), &self.makers, &self.files.files().borrow())?;
            return Ok(self.files.load(id, file.key())?.map(Output::new));
        }
        surroundings::look(key, &mut self.files.files().borrow_mut())
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &RuleKey, Option<&Output>)>,
        changed: &mut dyn FnMut(KeyId, Option<Output>, Time),
    ) -> Result<(), StoreError> {
        let mut news = Vec::new();
        let (mut files, mut failed) = (Vec::new(), None);
        for (id, key, held) in known {
            if let Some(file) = key.as_rule::<File>() {
                if self.trees.trouble(file.key(), &self.makers, &self.files.files().borrow()).is_none() {
                    files.push((id, file.key(), held.and_then(|held| held.get::<FileValue>())));
                }
                continue;
            }
            match surroundings::look(key, &mut self.files.files().borrow_mut()) {
                Ok(Some(now)) if held.map(Value::fingerprint) != Some(now.fingerprint()) => news.push((id, now)),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.files.refresh(&mut files.into_iter(), &mut |id, value, time| changed(id, value.map(Output::new), time))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = since.as_nanos() as Time;
        for (id, now) in news {
            changed(id, Some(now), time);
        }
        failed.map_or(Ok(()), Err)
    }

    fn modified(&mut self, key: &RuleKey) -> Option<Time> {
        let file = key.as_rule::<File>()?;
        if self.makers.is_phony(file.key()) { None } else { self.files.modified(file.key()) }
    }

    fn archive(&mut self, key: &RuleKey, value: &Output) -> Result<(), StoreError> {
        match (key.as_rule::<File>(), value.get::<FileValue>()) {
            (Some(file), Some(value)) => self.files.archive(file.key(), value),
            _ => Ok(()),
        }
    }

    fn restore(&mut self, key: &RuleKey, value: &Output) -> Result<bool, StoreError> {
        match (key.as_rule::<File>(), value.get::<FileValue>()) {
            (None, _) => Ok(true),
            (Some(_), None) => Ok(false),
            (Some(file), Some(FileValue::Group(_))) => Ok(self.makers.is_phony(file.key())),
            (Some(file), Some(value)) => self.files.restore(file.key(), value),
        }
    }
}
