//! What has run in this build already, though no trace keeps it.
//!
//! What the manifest is made from is built before the targets, and so are dyndep files: to the engine, these are builds of their own. A command whose value
//! is not kept from build to build (it never makes its output, say) would run in each of them. For the person who asked it is one build, and it runs once.
//!
//! What the graph itself is made from is left out: whether it comes to rest is found out by making it again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use alacarte_core::{Fingerprint, Value};
use alacarte_stores::{FileKey, FileValue};
use rustc_hash::FxHashMap;

use super::plan::{Plan, Step};

/// The commands that ran before the targets are built, however often the manifest is read until then.
#[derive(Debug, Clone, Default)]
pub(super) struct RunFirst(Rc<Ran>);

#[derive(Debug, Default)]
struct Ran {
    /// What is built now comes before the targets.
    now: Cell<bool>,
    /// By its first output, what each is and what it read of what the manifest declares, and what it gave.
    gave: RefCell<FxHashMap<FileKey, (Fingerprint, FileValue)>>,
}

impl RunFirst {
    /// Whether what is built next comes before the targets, and is a part of the same build.
    pub(super) fn comes_first(&self, first: bool) {
        self.0.now.set(first);
    }

    /// What is built next is another build.
    pub(super) fn clear(&self) {
        self.0.gave.take();
    }

    /// What the command of this edge gave in this build, if it read the same.
    pub(super) fn gave(&self, step: &Step, read: &[(FileKey, FileValue)]) -> Option<FileValue> {
        let gave = self.0.gave.borrow();
        let (then, value) = gave.get(&step.outputs[0])?;
        (*then == sum(step, read)).then(|| value.clone())
    }

    /// A command ran whose value is good for this build only. (What it read is what the manifest declares; the rest, it said itself.)
    pub(super) fn note(&self, plan: &Plan, step: &Step, read: &[(FileKey, FileValue)], value: &FileValue) {
        if self.0.now.get() && !plan.shapes_the_graph(step) {
            let gave = (sum(step, read), value.clone());
            self.0.gave.borrow_mut().insert(step.outputs[0].clone(), gave);
        }
    }
}

fn sum(step: &Step, read: &[(FileKey, FileValue)]) -> Fingerprint {
    read.iter().fold(step.text, |sum, (_, value)| sum.combine(value.fingerprint()))
}
