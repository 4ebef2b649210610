//! The keys of a build of files that are not a user's own: each is a typed rule.

use std::fmt;

use alacarte_core::{Fetch, Output, Result, Rule, RuleKey, TaskError};
use alacarte_stores::{FileKey, FileValue};
use serde::{Deserialize, Serialize};

use crate::commands::canonicalise_with_slash;

/// A file, by its path relative to the directory of the build. Its value is what the file holds, as a digest. If the path ends in a
/// slash, it is a directory with all that lies in it, whose value is the digest of a [`Tree`](alacarte_stores::Tree).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct File(FileKey);

/// What a file holds, as text. It is a value like any other, so a journal keeps the whole of it: right for what is read in Rust, and not for
/// large files.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contents(File);

/// An environment variable of the process that builds; `None` if it is not set (or is no Unicode).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Env(pub String);

/// The files whose paths match a pattern, sorted; the directories, if the pattern ends in a slash. Such files are sources: a file that a rule makes is there or not,
/// depending on what was built before.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Glob(pub String);

/// A program: where `PATH` leads to for this name, and what lies there (a digest); `None` if there is none.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tool(pub String);

/// What a program answers to `--version`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version(pub String);

/// The key of the file at this path.
pub fn file(path: impl AsRef<str>) -> RuleKey {
    RuleKey::new(File::at(path))
}

impl File {
    /// The file at this path, however it is spelled.
    pub fn at(path: impl AsRef<str>) -> Self {
        File(FileKey::from(canonicalise_with_slash(path.as_ref())))
    }

    /// Its path, as a store of files knows it.
    pub fn key(&self) -> &FileKey {
        &self.0
    }
}

impl From<FileKey> for File {
    fn from(key: FileKey) -> Self {
        File(key)
    }
}

impl Contents {
    /// Those of the file at this path.
    pub fn of(path: impl AsRef<str>) -> Self {
        Contents(File::at(path))
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// The one answer of keys whose tasks are those of a build of files ([`FileTasks`](super::FileTasks)).
fn elsewhere<T>(key: &dyn fmt::Debug) -> Result<T> {
    Err(TaskError::new(format!("{key:?} is a key of a build of files: open one with `alacarte::files::FileSession`")))
}

impl Rule for File {
    type Output = FileValue;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<FileValue> {
        elsewhere(self)
    }
}

impl Rule for Contents {
    type Output = String;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<String> {
        elsewhere(self)
    }
}

impl Rule for Version {
    type Output = String;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<String> {
        elsewhere(self)
    }
}

impl Rule for Env {
    type Output = Option<String>;
    const INPUT: bool = true;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<Option<String>> {
        elsewhere(self)
    }
}

impl Rule for Glob {
    type Output = Vec<String>;
    const INPUT: bool = true;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<Vec<String>> {
        elsewhere(self)
    }
}

impl Rule for Tool {
    type Output = Option<(String, u64)>;
    const INPUT: bool = true;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<Option<(String, u64)>> {
        elsewhere(self)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text of {:?}", self.0)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files {}", self.0)
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program {}", self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the version of {}", self.0)
    }
}
