//! What a build of files speaks of: keys are paths, values are digests.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use alacarte_core::{Fingerprint, Value};
use serde::{Deserialize, Serialize};

use crate::byte_text::{path_of, shown};
use crate::digest::Digest;

/// A path, relative to the directory of the build (or absolute). The caller brings it to canonical form first. A path
/// that ends in a slash is a directory with all that lies in it. It is kept as text, also if its bytes are not UTF-8:
/// see [`text_of`](crate::text_of).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey(Arc<str>);

impl FileKey {
    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path.
    pub fn path(&self) -> Cow<'_, Path> {
        path_of(&self.0)
    }

    /// Whether it is a directory with all that lies in it, whose digest is that of a [`Tree`](crate::Tree).
    pub fn is_tree(&self) -> bool {
        self.0.ends_with('/')
    }

    /// The directory at this path, with all that lies in it.
    pub(crate) fn as_tree(&self) -> FileKey {
        if self.is_tree() { self.clone() } else { FileKey::from(format!("{}/", self.0)) }
    }

    /// The path without the slash at its end. (The system follows a link whose path has one.)
    pub(crate) fn place(&self) -> &str {
        match self.0.trim_end_matches('/') {
            "" if self.is_tree() => "/",
            place => place,
        }
    }
}

impl From<&str> for FileKey {
    fn from(path: &str) -> Self {
        FileKey(path.into())
    }
}

impl From<String> for FileKey {
    fn from(path: String) -> Self {
        FileKey(path.into())
    }
}

impl Borrow<str> for FileKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

alacarte_core::named_by_text!(FileKey);

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown(&self.0))
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What a path stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FileValue {
    /// A file with this content; or a directory, if the key is one, with this tree.
    File(Digest),
    /// The files that one command made, in the order of its outputs; the key is the first of them. `None` for
    /// a file that is not there.
    Outputs(Arc<[Option<Digest>]>),
    /// No file: a name for others, or for nothing.
    Group(#[serde(with = "short")] Fingerprint),
    /// A command did not make this output.
    Missing,
    /// The files that one command made, where content alone does not tell one run from another: the command may have
    /// written more than it declares, so each output is told apart by its *run* as well.
    Ran(Arc<[Made]>),
}

/// One output of a command.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Made {
    /// The digest of its content; `None` if it is not there.
    pub digest: Option<Digest>,
    /// Which run of its command made it; `None` if its content says all that dependents need to know.
    #[serde(with = "run")]
    pub run: Option<Fingerprint>,
    /// If it is a directory that its command made from nothing, and may come back: the digest of its [`Tree`](crate::Tree). That is no part
    /// of what it is (its run tells that), for others may write into it, too.
    pub tree: Option<Digest>,
    /// Its command also printed something, which would be lost if the output were brought back. No part of what it is.
    pub spoke: bool,
}

impl Made {
    /// What has this content, and nothing else about it.
    pub fn of(digest: Option<Digest>) -> Self {
        Made { digest, run: None, tree: None, spoke: false }
    }

    /// The same, told from other runs of its command.
    pub fn with_run(self, run: Option<Fingerprint>) -> Self {
        Made { run, ..self }
    }

    /// The same, with the tree that it may come back as.
    pub fn with_tree(self, tree: Option<Digest>) -> Self {
        Made { tree, ..self }
    }

    /// The same, and whether its command printed something.
    pub fn with_spoke(self, spoke: bool) -> Self {
        Made { spoke, ..self }
    }
}

impl PartialEq for Made {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, self.run) == (other.digest, other.run)
    }
}

impl Eq for Made {}

impl FileValue {
    /// The value of a key whose command made these outputs; a single one that is told by its content alone is just a
    /// file. `None` if an output is not there: what lacks a part is not there.
    pub fn of_outputs(outputs: &[Made]) -> Option<FileValue> {
        let whole = outputs.iter().all(|made| made.digest.is_some());
        whole.then(|| FileValue::made(outputs))
    }

    /// The same for a command that has just ended, whether it made all its outputs or not.
    pub fn made(outputs: &[Made]) -> FileValue {
        match outputs {
            [Made { digest: None, run: None, .. }] => FileValue::Missing,
            [Made { digest: Some(digest), run: None, spoke: false, .. }] => FileValue::File(*digest),
            _ if outputs.iter().any(|made| made.run.is_some() || made.spoke) => FileValue::Ran(outputs.into()),
            _ => FileValue::Outputs(outputs.iter().map(|made| made.digest).collect()),
        }
    }

    /// The outputs of which it tells; none for a group and for what is missing.
    pub fn outputs(&self) -> Vec<Made> {
        let by_content = |digest: &Option<Digest>| Made::of(*digest);
        match self {
            FileValue::File(digest) => vec![by_content(&Some(*digest))],
            FileValue::Outputs(digests) => digests.iter().map(by_content).collect(),
            FileValue::Ran(outputs) => outputs.to_vec(),
            FileValue::Group(_) | FileValue::Missing => Vec::new(),
        }
    }
}

impl Value for FileValue {
    fn fingerprint(&self) -> Fingerprint {
        let number = Fingerprint::of_integer;
        let short = |digest: &Option<Digest>| digest.map_or(number(0), |digest| Fingerprint(digest.short()));
        match self {
            FileValue::File(digest) => Fingerprint(digest.short()),
            FileValue::Outputs(digests) => {
                let kind = number(1).combine(number(digests.len() as u64));
                digests.iter().fold(kind, |sum, digest| sum.combine(short(digest)))
            }
            FileValue::Group(fingerprint) => number(2).combine(*fingerprint),
            FileValue::Missing => number(3),
            // (What was printed is no part of it.)
            FileValue::Ran(outputs) if outputs.iter().all(|made| made.run.is_none()) => {
                FileValue::made(&outputs.iter().map(|made| Made::of(made.digest)).collect::<Vec<_>>()).fingerprint()
            }
            FileValue::Ran(outputs) => {
                let kind = number(4).combine(number(outputs.len() as u64));
                let run = |made: &Made| made.run.map_or(number(0), |run| number(1).combine(run));
                outputs.iter().fold(kind, |sum, made| sum.combine(short(&made.digest)).combine(run(made)))
            }
        }
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn size_in_bytes(&self) -> usize {
        let outputs = if let FileValue::Outputs(digests) = self { size_of_val(&**digests) } else { 0 };
        size_of_val(self) + outputs
    }
}

/// A fingerprint among serialised values.
mod short {
    use alacarte_core::Fingerprint;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(fingerprint: &Fingerprint, to: S) -> Result<S::Ok, S::Error> {
        fingerprint.0.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fingerprint, D::Error> {
        u64::deserialize(from).map(Fingerprint)
    }
}

/// The same, where there may be none.
mod run {
    use alacarte_core::Fingerprint;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(run: &Option<Fingerprint>, to: S) -> Result<S::Ok, S::Error> {
        run.map(|run| run.0).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Fingerprint>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Fingerprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(digest: Option<Digest>, run: Option<u64>) -> FileValue {
        FileValue::Ran([Made::of(digest).with_run(run.map(Fingerprint))].into())
    }

    #[test]
    fn values_come_back_and_are_told_apart() {
        let digest = Digest::of_bytes(b"a");
        let values = [
            FileValue::File(digest),
            FileValue::Outputs([Some(digest), None].into()),
            FileValue::Outputs([None, Some(digest)].into()),
            FileValue::Outputs([Some(digest)].into()),
            FileValue::Group(Fingerprint(digest.short())),
            FileValue::Missing,
            ran(Some(digest), Some(1)),
            ran(Some(digest), Some(2)),
            ran(None, Some(1)),
        ];
        for (i, a) in values.iter().enumerate() {
            let bytes = postcard::to_stdvec(a).expect("it serialises");
            assert_eq!(postcard::from_bytes::<FileValue>(&bytes).as_ref(), Ok(a));
            for b in &values[..i] {
                assert_ne!(a.fingerprint(), b.fingerprint(), "{a:?} {b:?}");
            }
        }
    }
}
