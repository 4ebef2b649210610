//! What is remembered of the last run of a command.

use std::collections::HashMap;

use alacarte_core::Fingerprint;
use alacarte_stores::{FileKey, Made};

/// The commands whose outputs are to be believed.
#[derive(Debug)]
pub(super) struct Believed {
    /// Their last runs, by the first output of each.
    pub(super) runs: HashMap<FileKey, LastRun>,
    /// Also of sources that have been edited since, but before the outputs were written.
    pub(super) though_edited: bool,
}

/// The last run of a command, as it is remembered.
#[derive(Debug, Clone)]
pub(super) struct LastRun {
    /// The fingerprint of its definition.
    pub(super) definition: Option<Fingerprint>,
    /// What it read, the inputs of its edge among it, and what each held.
    pub(super) read: Vec<(FileKey, Fingerprint)>,
    pub(super) made: Vec<Made>,
}
