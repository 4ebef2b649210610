//! Whether what a generator has made still stands, though it may have rewritten what it read (see [`generated`](super::generated)).

use std::collections::HashSet;

use alacarte_core::{Fetch, Fingerprint, Result, Value};
use alacarte_stores::{FileKey, FileValue, Made};

use super::execute::Depfile;
use super::generated::{Input, Left};
use super::ninja_tasks::NinjaTasks;
use super::plan::Step;

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
            None => self.depfile_left(step)?.read.iter().map(|path| self.key_of(path)).collect(),
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
        if made.is_none() && step.regenerates {
            self.generated.forget(&step.outputs[0]);
        }
        Ok(made)
    }

    /// What a rebuilder knows a generator by. Where times decide, its task has to be asked whenever a time has changed,
    /// even if the content has not.
    pub(super) fn lasting_definition(&self, step: &Step) -> Option<Fingerprint> {
        let text = (!step.edge.generator).then_some(step.text);
        if self.generated.left.borrow().contains_key(&step.outputs[0]) {
            return text;
        }
        let reported = self.depfile_left(step).map(|depfile| depfile.read).unwrap_or_default();
        let reported = reported.iter().map(|path| self.key_of(path));
        let time =
            |key: FileKey| Fingerprint::of_integer(self.files.borrow().modified_on_disk(&key).unwrap_or_default());
        let times = step.inputs.iter().cloned().chain(reported).map(time);
        Some(times.fold(text.unwrap_or_default(), Fingerprint::combine))
    }

    /// What the depfile says that a command has left.
    fn depfile_left(&self, step: &Step) -> Result<Depfile> {
        if let Some(depfile) = &step.edge.depfile {
            // (A glance at the directory is to have it in sight.)
            self.files.borrow_mut().look(&self.key_of(depfile))?;
        }
        self.depfile(step)
    }

    /// A generator has ended well, or what it left stands: notes what it left. If something is gone that it read, nobody knows.
    pub(super) fn left(&self, step: &Step, read: &[(FileKey, FileValue)]) -> Result<()> {
        self.leave(step, read, false)
    }

    /// The same of any command; `once`, if nobody knows yet whether it was the command that changed its sources.
    pub(super) fn leave(&self, step: &Step, read: &[(FileKey, FileValue)], once: bool) -> Result<()> {
        let declared: HashSet<&FileKey> = step.inputs.iter().collect();
        let mut left = Left { text: step.lasting_text(), once, ..Left::default() };
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

    /// Whether the inputs of a generator are as it left them. Of an input that nobody saw it read (a manifest names
    /// other inputs when it is made anew), times decide.
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
            match files.look_as_output(key)? {
                Some(seen) if !files.is_unfinished(key) => {
                    outputs.push(Made::of(Some(seen.as_output())).with_run(seen.run));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(FileValue::made(&outputs)))
    }
}
