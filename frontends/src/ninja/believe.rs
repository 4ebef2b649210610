//! Outputs taken for what their commands would make, as they are on disk now (ninja's `-t restat`).
//!
//! A build whose tasks run no command: each that is to be believed has what it reads brought up to date in the same way, and is recorded with that. All
//! others fail, and with them what is made from them, so that nothing is believed that is made from what is not. Nor is it believed where an input was changed
//! after the outputs were written: no command has seen that. Of what commands have changed in place, the end of a build believes the same; but not where a person
//! has edited a source since it was read, whenever that was.

use std::collections::HashMap;

use alacarte_core::{Fetch, Fingerprint, Result, TaskError, Tasks, Value};
use alacarte_stores::{FileKey, FileValue, Made};

use super::execute::name_of_run;
use super::last_run::Believed;
use super::ninja_tasks::NinjaTasks;
use super::plan::Step;

impl NinjaTasks {
    /// What a command would make, by what is on disk. Its inputs, and their values, are `read`.
    pub(super) async fn believe(
        &self,
        step: &Step,
        Believed { runs, though_edited }: &Believed,
        mut read: Vec<(FileKey, FileValue)>,
        fetch: Fetch<'_, FileKey, FileValue>,
    ) -> Result<FileValue> {
        let last = runs.get(&step.outputs[0]).ok_or_else(|| TaskError::new("its command would have to run"))?;
        // Of a generator the command may change.
        if !step.edge.generator && last.definition != self.definition(&step.outputs[0]) {
            return Err(TaskError::new("its command is another now"));
        }
        let more = last.read.iter().map(|(key, _)| key).filter(|key| !step.inputs.contains(key));
        let more: Vec<FileKey> = more.cloned().collect();
        if more.iter().any(|key| self.step(key).is_none() && !self.is_there(key)) {
            return Err(TaskError::new("something is gone that it read"));
        }
        let values = fetch.all(more.iter()).await?;
        read.extend(more.into_iter().zip(values));
        let held: HashMap<&FileKey, Fingerprint> = last.read.iter().map(|(key, held)| (key, *held)).collect();
        let changed = |(key, now): &&(FileKey, FileValue)| held.get(key) != Some(&now.fingerprint());
        if !though_edited {
            let mut sources = read.iter().filter(|(key, _)| self.step(key).is_none());
            if let Some((key, _)) = sources.find(changed) {
                return Err(TaskError::new(format!("{key} has changed since it was read")));
            }
        }
        let run = name_of_run(step, &read);
        let mut outputs = Vec::with_capacity(step.outputs.len());
        for (number, key) in step.outputs.iter().enumerate() {
            let mut files = self.files.borrow_mut();
            let seen = files.look_as_output(key)?.filter(|_| !files.is_unfinished(key));
            let seen = seen.ok_or_else(|| TaskError::new(format!("{key} is not there, or not whole")))?;
            // What the last run has left is of that run; what content alone tells is told by it further on.
            let run = match last.made.get(number) {
                Some(made) if made.run.is_none() || made.digest == Some(seen.as_output()) => made.run,
                _ => Some(run),
            };
            outputs.push((key, Made::of(Some(seen.as_output())).with_run(run)));
        }
        if step.regenerates {
            self.left(step, &read)?;
        } else if *though_edited {
            let mut changed = read.iter().filter(changed);
            if let Some((key, _)) = changed.find(|(key, _)| self.is_younger(key, step)) {
                return Err(TaskError::new(format!("{key} has changed since {} was written", step.outputs[0])));
            }
        }
        let mut files = self.files.borrow_mut();
        for (key, made) in &outputs {
            files.written(key, made.run)?;
        }
        files.save()?;
        Ok(FileValue::made(&outputs.into_iter().map(|(_, made)| made).collect::<Vec<_>>()))
    }

    /// Whether a file, or a name for files, may have been written after one of the outputs.
    fn is_younger(&self, key: &FileKey, step: &Step) -> bool {
        let files = self.files.borrow();
        let written = step.outputs.iter().filter_map(|output| files.modified(output)).min();
        files.modified(key).zip(written).is_none_or(|(changed, written)| changed >= written)
    }
}
