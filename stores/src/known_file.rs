//! What is known of a file, as [`Files`](crate::Files) keeps it: how it lay on disk, what it held, which run of a command made it, and whether that is certain.

use alacarte_core::{Fingerprint, Time};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::stat::{Kind, Stat};

/// What is known of one file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) stat: Stat,
    /// Its digest as a source.
    pub(crate) digest: Digest,
    /// Its digest as what a command made.
    pub(crate) made: Digest,
    /// The digest was taken too soon after the file was written to be used again.
    pub(crate) racy: bool,
    /// The time of modification that the build was told of.
    pub(crate) told: Option<Time>,
    /// The count of writes when the build last wrote it.
    #[serde(skip)]
    pub(crate) written: u64,
    /// The run of a command that made this content, if the command said so.
    pub(crate) run: Option<u64>,
    /// It is a link, or lies behind one.
    pub(crate) link: bool,
}

/// Why an output is not known to be as a command that ended well has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doubt {
    /// A command that makes it began, and was not seen to end well.
    Begun,
    /// It was lost, or replaced by other content, after a run made it.
    Disturbed,
}

/// What is known of a file: its entry, and a doubt about it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) entry: Option<Entry>,
    pub(crate) doubt: Option<Doubt>,
}

/// The outputs of a command as they were when it began.
#[derive(Debug, Clone)]
pub struct Begun {
    pub(crate) certain: bool,
    pub(crate) before: Vec<Option<Entry>>,
    /// Whether anything was there.
    pub(crate) there: Vec<bool>,
}

impl Begun {
    /// Whether each output was as the last run had left it, or there was none and there is none to remember.
    pub fn is_certain(&self) -> bool {
        self.certain
    }

    /// Whether nothing lay in the place of this output.
    pub fn was_nothing(&self, output: usize) -> bool {
        self.there.get(output) == Some(&false)
    }
}

/// What a file holds, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The digest of its content. (Of a link that leads to nothing, what it is itself.)
    pub digest: Digest,
    /// When it was last modified.
    pub modified: Time,
    /// The run of a command that made it, if its content alone does not tell.
    pub run: Option<Fingerprint>,
    /// It has no content that could tell how it was made: an empty file, or a directory.
    pub vacant: bool,
    /// It is a directory.
    pub directory: bool,
    /// It is a link that leads to nothing.
    pub(crate) dangling: bool,
    made: Digest,
}

impl Seen {
    /// Its digest as what a command made: with who may write it, and where the link leads if it is one. (A command that makes a link does not
    /// make the file behind it.)
    pub fn as_output(&self) -> Digest {
        self.made
    }

    /// Whether it is what has this digest, as an output or as any file.
    pub fn holds(&self, digest: Digest) -> bool {
        self.digest == digest || self.as_output() == digest
    }
}

impl Entry {
    pub(crate) fn seen(&self) -> Seen {
        let vacant = match self.stat.kind {
            Kind::File(_) => self.stat.size == 0,
            Kind::Directory | Kind::Other(_) => true,
            // Where it leads tells.
            Kind::Link => false,
        };
        Seen {
            digest: self.digest,
            modified: self.stat.modified,
            run: self.run.map(Fingerprint),
            vacant,
            directory: self.stat.kind == Kind::Directory,
            dangling: self.stat.kind == Kind::Link,
            made: self.made,
        }
    }
}
