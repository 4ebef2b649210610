//! What is remembered of the last run of a command.

use std::collections::HashMap;

use alacarte_core::Fingerprint;
use alacarte_stores::{FileKey, Made};

/// The last runs of the commands whose outputs are to be believed, by the first output of each.
pub(super) type Believed = HashMap<FileKey, LastRun>;

/// The last run of a command, as it is remembered.
#[derive(Debug, Clone)]
pub(super) struct LastRun {
    /// The fingerprint of its definition.
    pub(super) definition: Option<Fingerprint>,
    /// What it read, the inputs of its edge among it.
    pub(super) read: Vec<FileKey>,
    pub(super) made: Vec<Made>,
}
