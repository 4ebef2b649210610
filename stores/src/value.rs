//! What a build of files speaks of: keys are paths, values are digests.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use alacarte::{Fingerprint, Value};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A path, relative to the directory of the build (or absolute). Whoever makes one brings it to canonical form first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey(Arc<str>);

impl FileKey {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
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

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What a path stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileValue {
    /// A file with this content.
    File(Digest),
    /// The files that one command made, in the order of its outputs; the key is the first of them. `None` for
    /// one that is not there.
    Outputs(Arc<[Option<Digest>]>),
    /// No file: a name for others, or for nothing.
    Group(#[serde(with = "short")] Fingerprint),
    /// A command did not make this output.
    Missing,
}

impl Value for FileValue {
    fn fingerprint(&self) -> Fingerprint {
        let number = Fingerprint::of_integer;
        let short = |digest: &Option<Digest>| digest.map_or(number(0), |digest| Fingerprint(digest.short()));
        match self {
            FileValue::File(digest) => Fingerprint(digest.short()),
            FileValue::Outputs(digests) => {
                let kind = number(1).and(number(digests.len() as u64));
                digests.iter().fold(kind, |sum, digest| sum.and(short(digest)))
            }
            FileValue::Group(fingerprint) => number(2).and(*fingerprint),
            FileValue::Missing => number(3),
        }
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// A fingerprint among serialised values.
mod short {
    use alacarte::Fingerprint;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(fingerprint: &Fingerprint, to: S) -> Result<S::Ok, S::Error> {
        fingerprint.0.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fingerprint, D::Error> {
        u64::deserialize(from).map(Fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
