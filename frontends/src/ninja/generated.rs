//! What a generator has left, or another command that changes its sources.
//!
//! CMake and Meson rewrite some of what they read, so no trace of such a command would ever hold: what it was given is gone when it ends. So
//! its task asks once more before it runs the command: are the inputs as the last run of the command *left* them? If that is known, content
//! decides. If it is not (the directory was configured by hand, and no build has run the command yet), times do, as for ninja.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alacarte_core::Fingerprint;
use alacarte_stores::FileKey;

/// The inputs of generators as these left them, in a file with a line for each.
#[derive(Debug, Default)]
pub(super) struct Generated {
    pub(super) file: Option<PathBuf>,
    pub(super) left: RefCell<BTreeMap<FileKey, Left>>,
}

/// What a generator left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// The fingerprint of its edge, if the edge does not call itself a generator.
    pub(super) text: Fingerprint,
    /// It is no generator, and was seen only once to end with other sources than it began with: a person may have edited them.
    pub(super) once: bool,
    pub(super) inputs: BTreeMap<FileKey, Input>,
}

/// An input as a generator left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) fingerprint: Fingerprint,
    /// Only its depfile told of it.
    pub(super) reported: bool,
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
                (Some(kind @ (OUTPUT | ONCE)), Some(text), Some(key), _) => {
                    left.insert(key.clone(), Left { text, once: kind == ONCE, ..Left::default() });
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

    pub(super) fn forget(&self, key: &FileKey) {
        if self.left.borrow_mut().remove(key).is_some() {
            self.save();
        }
    }

    pub(super) fn note(&self, key: &FileKey, left: Left) {
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

/// How a line begins: of an output, of one whose command was seen only once to change its sources, of an input, of one that a depfile told of. Behind it stand a fingerprint and a path.
const OUTPUT: &str = "output";
const ONCE: &str = "once";
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
        inputs.fold(line(if self.once { ONCE } else { OUTPUT }, self.text, key), |text, input| text + &input)
    }
}
