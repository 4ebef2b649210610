//! The records of a history.

use std::time::Duration;

use alacarte_core::{KeyId, Keys, Reason, Time};
use alacarte_stores::FileKey;
use serde::{Deserialize, Serialize};

/// What is written down, one after the other. Each record names its build by its number, so that two builds of a directory may take turns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Record {
    /// A build has something to tell of.
    Began { build: u64, about: About },
    /// These targets were asked for; or those that the manifest names.
    Asked { build: u64, targets: Option<Vec<FileKey>> },
    /// These files that no command makes are not as the build before found them, or are met for the first time.
    Changed { build: u64, files: Vec<FileKey> },
    /// Something became of a command. Its line is a list of words by number; some of these are new, and have numbers from `first` on.
    Command { build: u64, command: CommandRecord, first: u32, new: Vec<String>, line: Vec<u32> },
    /// A build ended.
    Ended { build: u64, took: Duration, ending: Ending },
}

impl Record {
    /// How many bytes it takes up, more or less; not fewer.
    pub(super) fn bytes(&self) -> usize {
        const FRAME: usize = 32;
        const TIMES: usize = 32;
        FRAME
            + match self {
                Record::Began { about, .. } => {
                    let names = [&about.program, &about.scheduler, &about.rebuilder].map(|name| name.len());
                    TIMES + names.iter().sum::<usize>() + about.cache.as_ref().map_or(0, String::len)
                }
                Record::Asked { targets: files, .. } => names(files.as_deref().unwrap_or_default()),
                Record::Changed { files, .. } => names(files),
                Record::Command { command, new, line, .. } => {
                    let why = match &command.why {
                        Why::Other(why) => why.len(),
                        why => why.file().map_or(0, |key| key.as_str().len()),
                    };
                    let words: usize = new.iter().map(|word| word.len() + 2).sum();
                    TIMES + TIMES + command.key.as_str().len() + why + words + 3 * line.len()
                }
                Record::Ended { .. } => TIMES,
            }
    }
}

fn names(files: &[FileKey]) -> usize {
    files.iter().map(|file| file.as_str().len() + 2).sum()
}

/// What is known of a build from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct About {
    /// When it began, in nanoseconds since 1970.
    pub at: Time,
    /// The name of the program.
    pub program: String,
    /// The scheduler's name.
    pub scheduler: String,
    /// The rebuilder's name.
    pub rebuilder: String,
    /// The directory of the cache from which the rebuilder takes what others have made; `None` if it does not.
    pub cache: Option<String>,
    /// How many commands could run at once.
    pub jobs: usize,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// All that was asked for is up to date.
    Succeeded,
    /// Something failed.
    Failed,
    /// Somebody ended it.
    Interrupted,
}

/// What a build did about a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandRecord {
    /// The command's first output.
    pub key: FileKey,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it ran.
    pub why: Why,
    /// How long after the beginning of the build it was started, or restored.
    pub start: Duration,
    /// How long it took.
    pub took: Duration,
    /// The lane in which it ran: no two commands of a lane ran at the same time.
    pub lane: u32,
    /// The command line; `None` if it is not known.
    #[serde(skip)]
    pub line: Option<String>,
}

impl CommandRecord {
    /// A command that took no time at all, in the first lane; what is known besides is set on it.
    pub fn new(key: FileKey, outcome: Outcome, why: Why) -> Self {
        CommandRecord { key, outcome, why, start: Duration::ZERO, took: Duration::ZERO, lane: 0, line: None }
    }

    /// When it ended, from the beginning of the build.
    pub fn end(&self) -> Duration {
        self.start + self.took
    }
}

/// What became of a command in a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran well.
    Ran {
        /// Whether what it made differs from what was there.
        changed: bool,
    },
    /// It failed, with this code (128 and more: by a signal).
    Failed {
        /// As a shell tells it.
        code: u8,
    },
    /// It ran well, and what it made could not be taken for its outputs, or what it read not be found.
    Refused {
        /// What was said of it.
        why: String,
    },
    /// It could not be started.
    NotRun {
        /// What was said of it.
        why: String,
    },
    /// What it makes came from a trace, and it did not run.
    Restored,
    /// It was running when the build was ended.
    Interrupted,
}

impl Outcome {
    /// Whether its outputs were brought up to date.
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Ran { .. } | Outcome::Restored)
    }

    /// Whether a process ran for it.
    pub fn has_run(&self) -> bool {
        !matches!(self, Outcome::Restored | Outcome::NotRun { .. })
    }
}

/// Why a command ran: a [`Reason`] that names files, for other processes to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Why {
    /// Nobody said.
    #[default]
    Unknown,
    /// No trace of it was known.
    NeverBuilt,
    /// Its output was gone, or another than it had made.
    OutputChanged,
    /// A file that it reads differed from what the trace recorded.
    Changed {
        /// The file.
        key: FileKey,
        /// Its fingerprint in the trace.
        from: u64,
        /// Its fingerprint in the build; `None` if it had no value that could be compared.
        to: Option<u64>,
    },
    /// The command differed, or what its edge declares.
    CommandChanged,
    /// The command of another key differed, on which a deep trace depends.
    OtherCommandChanged {
        /// That key.
        key: FileKey,
    },
    /// Something on which it depends had changed; the rebuilder does not know what.
    Dirty,
    /// A file that it reads was younger than its output.
    Newer {
        /// The file.
        key: FileKey,
        /// When it was modified.
        modified: Time,
        /// When the output was.
        than: Time,
    },
    /// It runs in every build.
    Always,
    /// What it gave last was good for that build only.
    Volatile,
    /// A trace held, and no copy of the output was left.
    Evicted,
    /// A reason of the rebuilder's own, as a half-sentence about the command.
    Other(String),
}

impl Why {
    /// The reason for which the task of `key` was started.
    pub(super) fn of(keys: &Keys<FileKey>, key: KeyId, reason: &Reason) -> Self {
        let name = |key: KeyId| keys.name(key).clone();
        match *reason {
            Reason::NeverBuilt => Why::NeverBuilt,
            Reason::OutputChanged => Why::OutputChanged,
            Reason::DependencyChanged { key: of, .. } if of == key.definition() => Why::CommandChanged,
            Reason::DependencyChanged { key: of, .. } if of.is_definition() => {
                Why::OtherCommandChanged { key: name(of) }
            }
            Reason::DependencyChanged { key, from, to } => {
                Why::Changed { key: name(key), from: from.0, to: to.map(|to| to.0) }
            }
            Reason::Dirty => Why::Dirty,
            Reason::Newer { key, modified, than } => Why::Newer { key: name(key), modified, than },
            Reason::Always => Why::Always,
            Reason::Volatile => Why::Volatile,
            Reason::Evicted => Why::Evicted,
            Reason::Other(why) => Why::Other(why.to_owned()),
            _ => Why::Unknown,
        }
    }

    /// The file that made it run, if the reason names one.
    pub fn file(&self) -> Option<&FileKey> {
        match self {
            Why::Changed { key, .. } | Why::Newer { key, .. } => Some(key),
            _ => None,
        }
    }
}
