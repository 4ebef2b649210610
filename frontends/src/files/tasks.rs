//! The tasks of a build of files: the rule of each path, and typed rules beside them.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use alacarte_core::{
    Dynamic, Fetch, FetchRule, Fingerprint, Output, Result, RuleKey, Running, StoreError, TaskError, Tasks, TypedRules,
    Value,
};
use alacarte_stores::{FileKey, FileValue, Made, SharedFiles};

use super::executor::Executor;
use super::keys::{Contents, File, Tool, Version};
use super::make::Make;
use super::rules::PathRule;
use crate::commands::{Events, Root, still_hold};

/// The tasks of [`FileRules`](super::FileRules) over the files of a directory.
pub struct FileTasks {
    pub(super) makers: Rc<Makers>,
    pub(super) version: Option<u64>,
    pub(super) shared: Shared,
}

/// What all rules of a build use.
pub(super) struct Shared {
    pub files: SharedFiles,
    pub root: Root,
    pub executor: Box<dyn Executor>,
    pub events: Events,
    /// Where temporary files lie.
    pub scratch: std::path::PathBuf,
}

/// Which rule makes which file.
#[derive(Debug)]
pub(super) struct Makers {
    /// The rules whose paths have no stars, by path.
    literal: HashMap<FileKey, Vec<Rc<PathRule>>>,
    patterns: Vec<Rc<PathRule>>,
}

impl Makers {
    pub fn new(rules: &[Rc<PathRule>]) -> Self {
        let mut makers = Makers { literal: HashMap::new(), patterns: Vec::new() };
        for rule in rules {
            if !rule.outputs[0].is_literal() {
                makers.patterns.push(Rc::clone(rule));
                continue;
            }
            for output in &rule.outputs {
                makers.literal.entry(FileKey::from(output.to_string())).or_default().push(Rc::clone(rule));
            }
        }
        makers
    }

    /// The rule that makes this file, and what its stars match. (The first of several, of which [`Makers::rival`] tells.)
    pub fn of(&self, key: &FileKey) -> Option<(Rc<PathRule>, Vec<String>)> {
        self.all(key).next()
    }

    /// Two patterns that both match this file.
    fn rival(&self, key: &FileKey) -> Option<String> {
        let rules: Vec<String> = self.all(key).map(|(rule, _)| rule.outputs[0].to_string()).collect();
        let [first, second, ..] = &rules[..] else { return None };
        Some(format!(
            "two rules make it, `{first}` and `{second}`: name it in a rule of its own, or make the patterns differ"
        ))
    }

    fn all<'m>(&'m self, key: &'m FileKey) -> impl Iterator<Item = (Rc<PathRule>, Vec<String>)> + 'm {
        let literal = self.literal.get(key).into_iter().flatten().map(|rule| (Rc::clone(rule), Vec::new()));
        let patterns = self.patterns.iter().filter(|_| !self.literal.contains_key(key)).filter_map(|rule| {
            let parts = rule.outputs.iter().find_map(|output| output.parts(key.as_str()))?;
            Some((Rc::clone(rule), parts))
        });
        literal.chain(patterns)
    }
}

impl FileTasks {
    /// The files of the directory.
    pub fn files(&self) -> &SharedFiles {
        &self.shared.files
    }

    /// How many commands were run to their end, well or not.
    pub fn commands_run(&self) -> u64 {
        self.shared.events.finished.get()
    }

    /// Whether a rule makes this file (a phony name is no file).
    pub fn makes(&self, file: &File) -> bool {
        self.makers.of(file.key()).is_some_and(|(rule, _)| !rule.phony)
    }

    /// What rules make, as far as it is named without stars.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.makers.literal.keys().map(|key| key.to_string())
    }

    /// Whether this is the name of a phony rule.
    pub fn is_phony(&self, file: &File) -> bool {
        self.makers.of(file.key()).is_some_and(|(rule, _)| rule.phony)
    }

    /// The task of a path that a rule makes.
    async fn build(&self, key: &FileKey, fetch: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        let Some((rule, parts)) = self.makers.of(key) else {
            return Err(TaskError::new(format!("no rule makes {key}")));
        };
        if let Some(rivals) = self.makers.rival(key) {
            return Err(TaskError::new(rivals));
        }
        let outputs: Vec<FileKey> = rule.outputs.iter().map(|output| FileKey::from(output.fill(&parts))).collect();
        if outputs[0] != *key {
            return self.part(&outputs, key, fetch).await;
        }
        if !rule.phony {
            self.prepare(&outputs)?;
        }
        let before = (!rule.phony).then(|| self.shared.files.borrow_mut().begin(&outputs));
        let make = Make::new(fetch, self, outputs.clone().into(), parts.into());
        let log = make.log();
        rule.body.run(make).await?;
        let read = log.read.take();
        let mut certain = before.is_none_or(|before| before.is_certain() || rule.outputs.len() == 1);
        certain &= still_hold(&mut self.shared.files.borrow_mut(), &read)?;
        // (Nor is a phony rule ever kept: what it needs is then brought up to date also where only targets need be right.)
        if !certain || rule.phony {
            fetch.volatile();
        }
        if rule.phony {
            let fingerprints = read.iter().map(|(_, value)| value.fingerprint());
            let sum = fingerprints.fold(log.values.get(), Fingerprint::combine);
            return Ok(FileValue::Group(sum));
        }
        self.made(&outputs)
    }

    /// The task of a path that is made along with another.
    async fn part(&self, outputs: &[FileKey], key: &FileKey, fetch: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        let made = fetch.rule(File::from(outputs[0].clone())).await?;
        let place = outputs.iter().position(|output| output == key);
        let part = place.and_then(|place| made.outputs().get(place).copied());
        part.map(|part| FileValue::made(&[part]))
            .ok_or_else(|| TaskError::new(format!("{} was not made with it", outputs[0])))
    }

    /// Makes the directories of the outputs.
    fn prepare(&self, outputs: &[FileKey]) -> Result<()> {
        for output in outputs {
            let path = self.shared.files.borrow().path(output);
            let directory = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(directory)
                .map_err(|error| StoreError::new("make the directory", directory.display(), error))?;
        }
        Ok(())
    }

    /// What lies there of the outputs, now that the rule has run.
    fn made(&self, outputs: &[FileKey]) -> Result<FileValue> {
        let mut files = self.shared.files.borrow_mut();
        let mut made = Vec::with_capacity(outputs.len());
        for key in outputs {
            let Some(seen) = files.written(key, None)? else {
                return Err(TaskError::new(format!("its rule ended well, and did not make {key}")));
            };
            made.push(Made { digest: Some(seen.as_output()), run: None });
        }
        // Where it cannot be written, it is told again with whatever comes next.
        let _ = files.save();
        Ok(FileValue::made(&made))
    }

    async fn contents(&self, file: &File, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let value = fetch.rule(file.clone()).await?;
        let path = self.shared.files.borrow().path(file.key());
        let bytes = std::fs::read(&path).map_err(|error| StoreError::new("read", file.key(), error))?;
        if !still_hold(&mut self.shared.files.borrow_mut(), &[(file.key().clone(), value)])? {
            fetch.volatile();
        }
        String::from_utf8(bytes).map_err(|_| TaskError::new(format!("{file:?} is not text in UTF-8")))
    }

    async fn version(&self, name: &str, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let make = Make::new(fetch, self, [].into(), [].into());
        let Some((path, _)) = fetch.rule(Tool(name.to_owned())).await? else {
            return Err(TaskError::new(format!("there is no program called {name}: install it, or mend PATH")));
        };
        make.command([path, "--version".to_owned()]).capture().await
    }
}

impl Tasks<RuleKey, Output> for FileTasks {
    type Power = Dynamic;

    fn has(&self, key: &RuleKey) -> bool {
        match key.as_rule::<File>() {
            Some(file) => self.makers.of(file.key()).is_some(),
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
                let (rule, _) = self.makers.of(file.key())?;
                // (To become phony, or to be made with others, is to be made otherwise.)
                let kind = Fingerprint::of_integer(2 * rule.outputs.len() as u64 + u64::from(rule.phony));
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
            .field("makers", &self.makers)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathRule").field("outputs", &self.outputs).field("phony", &self.phony).finish_non_exhaustive()
    }
}
