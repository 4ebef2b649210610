//! What a generator has left, and whether that still stands.
//!
//! CMake and Meson rewrite some of what they read, so no trace of such a command would ever hold: what it was given is gone when it ends. So
//! its task asks once more before it runs the command: are the inputs as the last run of the command *left* them? If that is known, content
//! decides. If it is not (the directory was configured by hand, and no build has run the command yet), times do, as for ninja.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use alacarte_core::{Fetch, Fingerprint, Result, Value};
use alacarte_stores::{FileKey, FileValue, Made};

use super::ninja_tasks::{NinjaTasks, Step};

/// The inputs of generators as these left them, in a file with a line for each.
#[derive(Debug, Default)]
pub(super) struct Generated {
    file: Option<PathBuf>,
    left: RefCell<BTreeMap<FileKey, Left>>,
}

/// What a generator left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Left {
    /// The fingerprint of its edge, if the edge does not call itself a generator.
    text: Fingerprint,
    inputs: BTreeMap<FileKey, Input>,
}

/// An input as a generator left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Input {
    fingerprint: Fingerprint,
    /// Only its depfile told of it.
    reported: bool,
}

impl Generated {
    /// What this file says; of lines that are damaged, nothing.
    pub(super) fn recall(file: PathBuf) -> Self {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let (mut left, mut last) = (BTreeMap::<FileKey, Left>::new(), None);
        for line in text.lines() {
            let mut words = line.split('\t');
            let kind = words.next();
            let fingerprint = words.next().and_then(|word| u64::from_str_radix(word, 16).ok()).map(Fingerprint);
            let key = words.next().map(FileKey::from);
            match (kind, fingerprint, key, &last) {
                (Some(OUTPUT), Some(text), Some(key), _) => {
                    left.insert(key.clone(), Left { text, ..Left::default() });
                    last = Some(key);
                }
                (Some(kind), Some(fingerprint), Some(key), Some(output)) => {
                    let input = Input { fingerprint, reported: kind == REPORTED };
                    left.entry(output.clone()).or_default().inputs.insert(key, input);
                }
                _ => {}
            }
        }
        Generated { file: Some(file), left: RefCell::new(left) }
    }

    /// The same, where nothing is kept of what changes.
    pub(super) fn unsaved(mut self) -> Self {
        self.file = None;
        self
    }

    fn forget(&self, key: &FileKey) {
        if self.left.borrow_mut().remove(key).is_some() {
            self.save();
        }
    }

    fn note(&self, key: &FileKey, left: Left) {
        if self.left.borrow().get(key) == Some(&left) {
            return;
        }
        self.left.borrow_mut().insert(key.clone(), left);
        self.save();
    }

    /// Where it cannot be written, times decide the next time.
    fn save(&self) {
        let Some(file) = &self.file else { return };
        let text: String = self.left.borrow().iter().map(|(key, left)| left.lines(key)).collect();
        let _ = write_whole(file, &text);
    }
}

fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let next = file.with_extension("next");
    std::fs::write(&next, text)?;
    std::fs::rename(next, file)
}

/// How a line begins: of an output, of an input, of one that a depfile told of. Behind it stand a fingerprint and a path.
const OUTPUT: &str = "output";
const INPUT: &str = "input";
const REPORTED: &str = "reported";

impl Left {
    /// Manifests and depfiles cannot name a path with an end of line in it.
    fn lines(&self, key: &FileKey) -> String {
        let line = |kind, fingerprint: Fingerprint, key: &FileKey| {
            format!("{kind}\t{:016x}\t{}\n", fingerprint.0, key.as_str())
        };
        let inputs = self.inputs.iter().map(|(key, input)| {
            let kind = if input.reported { REPORTED } else { INPUT };
            line(kind, input.fingerprint, key)
        });
        inputs.fold(line(OUTPUT, self.text, key), |text, input| text + &input)
    }
}

impl NinjaTasks {
    /// What a generator has made, if that still stands. Otherwise nothing is known of it any more, and its command has to run.
    pub(super) async fn stands(
        &self,
        step: &Step,
        inputs: &[(FileKey, FileValue)],
        fetch: Fetch<'_, FileKey, FileValue>,
    ) -> Result<Option<FileValue>> {
        let left = self.generated.left.borrow().get(&step.outputs[0]).cloned();
        let reported: Vec<FileKey> = match &left {
            Some(left) => left.inputs.iter().filter(|(_, input)| input.reported).map(|(key, _)| key.clone()).collect(),
            None => self.depfile(step)?.read.iter().map(|path| self.key_of(path)).collect(),
        };
        // What is gone cannot be fetched.
        let there = reported.iter().all(|key| self.step(key).is_some() || self.is_there(key));
        let mut made = None;
        if there {
            let values = fetch.all(reported.iter()).await?;
            let read: Vec<_> = inputs.iter().cloned().chain(reported.iter().cloned().zip(values)).collect();
            if self.is_as_left(step, left.as_ref(), &read)? {
                made = self.whole(step)?;
            }
            // (If nobody saw it run, times decide the next time, too.)
            if made.is_some() && left.is_some() {
                self.left(step, &read)?;
            }
        }
        if made.is_none() {
            self.generated.forget(&step.outputs[0]);
        }
        Ok(made)
    }

    /// What a rebuilder knows a generator by. Where times decide, its task has to be asked whenever a time has changed, whatever the content.
    pub(super) fn lasting_definition(&self, step: &Step) -> Option<Fingerprint> {
        let text = (!step.edge.generator).then_some(step.text);
        if self.generated.left.borrow().contains_key(&step.outputs[0]) {
            return text;
        }
        let reported = self.depfile(step).map(|depfile| depfile.read).unwrap_or_default();
        let reported = reported.iter().map(|path| self.key_of(path));
        let time = |key: FileKey| {
            let modified = std::fs::metadata(self.files.borrow().path(&key)).and_then(|file| file.modified()).ok();
            let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            Fingerprint::of_integer(since.map_or(0, |since| since.as_nanos() as u64))
        };
        let times = step.inputs.iter().cloned().chain(reported).map(time);
        Some(times.fold(text.unwrap_or_default(), Fingerprint::combine))
    }

    /// A generator has ended well, or what it left stands: notes what it left. If something is gone that it read, nobody knows.
    pub(super) fn left(&self, step: &Step, read: &[(FileKey, FileValue)]) -> Result<()> {
        let declared: HashSet<&FileKey> = step.inputs.iter().collect();
        let mut left = Left { text: step.lasting_text(), ..Left::default() };
        for (key, value) in read {
            let Some(fingerprint) = self.now(key, value)? else {
                self.generated.forget(&step.outputs[0]);
                return Ok(());
            };
            left.inputs.insert(key.clone(), Input { fingerprint, reported: !declared.contains(key) });
        }
        self.generated.note(&step.outputs[0], left);
        Ok(())
    }

    /// Whether the inputs of a generator are as it left them. Of one that nobody saw it read (a manifest names other inputs when it is made
    /// anew), times decide.
    fn is_as_left(&self, step: &Step, left: Option<&Left>, read: &[(FileKey, FileValue)]) -> Result<bool> {
        if left.map_or(!step.edge.generator, |left| left.text != step.lasting_text()) {
            return Ok(false);
        }
        for (key, value) in read {
            let Some(now) = self.now(key, value)? else { return Ok(false) };
            let same = match left.and_then(|left| left.inputs.get(key)) {
                Some(input) => input.fingerprint == now,
                None => self.is_older(key, step),
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An input of a generator as it is on disk; `None` if it is not there. (What other commands make, a generator does not rewrite.)
    fn now(&self, key: &FileKey, value: &FileValue) -> Result<Option<Fingerprint>> {
        if self.step(key).is_some() {
            return Ok(Some(value.fingerprint()));
        }
        Ok(self.files.borrow_mut().look(key)?.map(|seen| FileValue::File(seen.digest).fingerprint()))
    }

    /// Whether an input of a generator, with all files behind a name for others, is no younger than what it makes.
    fn is_older(&self, input: &FileKey, step: &Step) -> bool {
        let files = self.files.borrow();
        let made = step.outputs.iter().map(|key| files.modified(key)).min().flatten();
        let (mut seen, mut pending) = (HashSet::new(), vec![input]);
        while let Some(key) = pending.pop() {
            match self.step(key).filter(|step| step.edge.is_phony()) {
                // It names nothing and is not there, and counts as changed in every build.
                Some(phony) if phony.is_alias() => return false,
                Some(phony) if seen.insert(key) => pending.extend(&*phony.inputs),
                Some(_) => {}
                None if files.modified(key) > made => return false,
                None => {}
            }
        }
        true
    }

    /// The outputs of a command, if it was seen to end well and they are all there.
    fn whole(&self, step: &Step) -> Result<Option<FileValue>> {
        let mut files = self.files.borrow_mut();
        let mut outputs = Vec::with_capacity(step.outputs.len());
        for key in &*step.outputs {
            match files.look(key)? {
                Some(seen) if !files.is_unfinished(key) => {
                    outputs.push(Made { digest: Some(seen.as_output()), run: seen.run });
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(FileValue::made(&outputs)))
    }
}
