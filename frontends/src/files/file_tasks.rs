//! The tasks of a build of files: the rule of each path, and typed rules beside them.

use std::fmt;
use std::path::Path;
use std::rc::Rc;

use alacarte_core::{
    Dynamic, Fetch, FetchRule, Fingerprint, Output, Result, RuleKey, Running, StoreError, TaskError, Tasks, TypedRules,
    Value,
};
use alacarte_stores::{FileKey, FileValue, Made, SharedFiles};

use super::file_rules::PathRule;
use super::keys::{Contents, File, Version};
use super::make::Make;
use super::running_rule::{BuildContext, RunningRule};
use crate::commands::still_hold;

/// The tasks of [`FileRules`](super::FileRules) over the files of a directory.
pub struct FileTasks {
    pub(super) rules: Vec<PathRule>,
    pub(super) version: Option<u64>,
    pub(super) context: BuildContext,
}

impl FileTasks {
    /// The files of the directory.
    pub fn files(&self) -> &SharedFiles {
        &self.context.files
    }

    /// How many commands were run to their end, well or not.
    pub fn commands_run(&self) -> u64 {
        self.context.events.finished.get()
    }

    /// Whether a rule makes this file (a phony name is no file).
    pub fn makes(&self, file: &File) -> bool {
        self.context.makers.makes(file.key())
    }

    /// The file, by its path inside the directory of the build if it lies there.
    pub(super) fn local(&self, file: File) -> File {
        self.context.root.other_name(file.key().as_str()).map_or(file, File::from)
    }

    /// All that is made along with this file; nothing for a source.
    pub(super) fn outputs_with(&self, file: &File) -> Vec<FileKey> {
        let maker = self.context.makers.of(file.key()).filter(|maker| !maker.outputs.phony);
        maker.map_or_else(Vec::new, |maker| maker.files())
    }

    /// Whether this is the name of a phony rule.
    pub fn is_phony(&self, file: &File) -> bool {
        self.context.makers.is_phony(file.key())
    }

    /// What rules make, as far as it is named without stars.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.context.makers.names()
    }

    /// The task of a path that a rule makes.
    async fn build(&self, key: &FileKey, fetch: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        if let Some(local) = self.context.root.other_name(key.as_str()) {
            return match self.context.makers.of(&local) {
                Some(maker) => self.part(&maker.files(), &local, fetch).await,
                None => fetch.rule(File::from(local)).await,
            };
        }
        let makers = &self.context.makers;
        let Some(maker) = makers.of(key) else {
            let around = makers.around(key).ok_or_else(|| TaskError::new(format!("no rule makes {key}")))?;
            return self.within(&around, key, fetch).await;
        };
        let (outputs, phony) = (maker.files(), maker.outputs.phony);
        if let Some(rivals) = outputs.iter().find_map(|output| makers.rivals(output, &maker)) {
            return Err(TaskError::new(rivals));
        }
        if outputs[0] != *key {
            return self.part(&outputs, key, fetch).await;
        }
        if !phony {
            self.prepare(&outputs)?;
        }
        let before = (!phony).then(|| self.context.files.borrow_mut().begin(&outputs));
        // (Only now, for a directory that is half gone is not what a command has left.)
        for output in outputs.iter().filter(|output| output.is_tree() && !phony) {
            self.context.files.borrow_mut().empty_tree(output)?;
        }
        let running = self.running(fetch, &outputs);
        let log = Rc::clone(&running.log);
        self.rules[maker.rule].body.run(Make::new(running, maker.parts)).await?;
        let read = log.read.take();
        let mut certain = before.is_none_or(|before| before.is_certain() || outputs.len() == 1);
        certain &= still_hold(&mut self.context.files.borrow_mut(), &read)?;
        // (Nor is a phony rule ever kept: what it needs is then brought up to date also where only targets need be right.)
        if !certain || phony {
            fetch.volatile();
        }
        if phony {
            let fingerprints = read.iter().map(|(_, value)| value.fingerprint());
            let sum = fingerprints.fold(log.values.get(), Fingerprint::combine);
            return Ok(FileValue::Group(sum));
        }
        self.made(&outputs)
    }

    fn running<'b>(&'b self, fetch: Fetch<'b, RuleKey, Output>, outputs: &[FileKey]) -> RunningRule<'b> {
        RunningRule { fetch, context: &self.context, outputs: outputs.into(), log: Rc::default() }
    }

    /// The task of a path that is made along with another.
    async fn part(&self, outputs: &[FileKey], key: &FileKey, fetch: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        let made = fetch.rule(File::from(outputs[0].clone())).await?;
        let place = outputs.iter().position(|output| output == key);
        let part = place.and_then(|place| made.outputs().get(place).copied());
        part.map(|part| FileValue::made(&[part]))
            .ok_or_else(|| TaskError::new(format!("{} was not made with it", outputs[0])))
    }

    /// The task of what lies in a directory that a rule makes.
    async fn within(&self, around: &FileKey, key: &FileKey, fetch: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        let whole = fetch.rule(File::from(around.clone())).await?;
        let mut files = self.context.files.borrow_mut();
        let seen = files.look(key)?;
        if !still_hold(&mut files, &[(around.clone(), whole)])? {
            fetch.volatile();
        }
        let digest = seen.map(|seen| seen.as_output());
        digest.map(FileValue::File).ok_or_else(|| {
            TaskError::new(format!("the rule of {around} did not make {key}: have it do so, or name what it makes"))
        })
    }

    /// Makes the directories of the outputs.
    fn prepare(&self, outputs: &[FileKey]) -> Result<()> {
        let BuildContext { makers, trees, files, .. } = &self.context;
        for output in outputs {
            let overlap = makers.overlap(output);
            let own = || trees.holds_own(output, &files.borrow()).filter(|_| output.is_tree());
            if let Some(trouble) = overlap.or_else(own) {
                return Err(TaskError::new(trouble));
            }
        }
        for output in outputs.iter().filter(|output| !output.is_tree()) {
            let path = self.context.files.borrow().path(output);
            let directory = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(directory)
                .map_err(|error| StoreError::new("make the directory", directory.display(), error))?;
        }
        Ok(())
    }

    /// What lies there of the outputs, now that the rule has run.
    fn made(&self, outputs: &[FileKey]) -> Result<FileValue> {
        let mut files = self.context.files.borrow_mut();
        let mut made = Vec::with_capacity(outputs.len());
        for key in outputs {
            let Some(seen) = files.written(key, None)? else {
                return Err(TaskError::new(format!("its rule ended well, and did not make {key}")));
            };
            made.push(Made::of(Some(seen.as_output())));
        }
        // If the table cannot be written, the next save writes this too.
        let _ = files.save();
        Ok(FileValue::made(&made))
    }

    async fn contents(&self, file: &File, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let value = fetch.rule(file.clone()).await?;
        let path = self.context.files.borrow().path(file.key());
        let bytes = std::fs::read(&path).map_err(|error| StoreError::new("read", file.key(), error))?;
        if !still_hold(&mut self.context.files.borrow_mut(), &[(file.key().clone(), value)])? {
            fetch.volatile();
        }
        String::from_utf8(bytes).map_err(|_| TaskError::new(format!("{file:?} is not text in UTF-8")))
    }

    async fn version(&self, name: &str, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let make = Make::new(self.running(fetch, &[]), Vec::new());
        let path = make.tool(name).await?;
        make.command([path, "--version".to_owned()]).capture().await
    }
}

impl Tasks<RuleKey, Output> for FileTasks {
    type Power = Dynamic;

    fn has(&self, key: &RuleKey) -> bool {
        match key.as_rule::<File>() {
            Some(file) => {
                let makers = &self.context.makers;
                let makes = |key: &FileKey| makers.of(key).is_some() || makers.around(key).is_some();
                makes(file.key())
                    || self.context.root.other_name(file.key().as_str()).is_some_and(|local| makes(&local))
            }
            None => TypedRules.has(key),
        }
    }

    fn run<'t>(&'t self, key: &RuleKey, fetch: Fetch<'t, RuleKey, Output>) -> Running<'t, Output> {
        if let Some(file) = key.as_rule::<File>() {
            let file = file.clone();
            return Running::Future(Box::pin(async move { self.build(file.key(), fetch).await.map(Output::new) }));
        }
        if let Some(contents) = key.as_rule::<Contents>() {
            let file = contents.file().clone();
            return Running::Future(Box::pin(async move { self.contents(&file, fetch).await.map(Output::new) }));
        }
        if let Some(Version(name)) = key.as_rule::<Version>() {
            let name = name.clone();
            return Running::Future(Box::pin(async move { self.version(&name, fetch).await.map(Output::new) }));
        }
        TypedRules.run(key, fetch)
    }

    fn definition(&self, key: &RuleKey) -> Option<Fingerprint> {
        let version = self.version.map(Fingerprint::of_integer);
        match (key.as_rule::<File>(), version) {
            (Some(file), version) => {
                let Some(maker) = self.context.makers.of(file.key()) else { return version.filter(|_| self.has(key)) };
                let made = maker.outputs;
                // (To become phony, or to be made with others, is to be made otherwise.)
                let kind = Fingerprint::of_integer(2 * made.patterns.len() as u64 + u64::from(made.phony));
                Some(kind.combine(version.unwrap_or_default()))
            }
            (None, Some(version)) => Some(TypedRules.definition(key)?.combine(version)),
            (None, None) => TypedRules.definition(key),
        }
    }
}

impl fmt::Debug for FileTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTasks")
            .field("makers", &self.context.makers)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
