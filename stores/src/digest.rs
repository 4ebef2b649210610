//! Digests: the names of contents.
//!
//! A fingerprint answers whether *this* key still holds *that* value, and 64 bits are enough for it. A
//! content-addressed cache asks which of all files ever seen has this content, and for that a digest is kept
//! whole.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// The BLAKE3 hash of a file's content.
///
/// That a file may be executed is part of what it is: a copy that cannot be run is no copy of a program. So an
/// executable file has the digest of its content's digest, under another name; any other file has the digest
/// that `b3sum` prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file with this content.
    ///
    /// # Errors
    /// If the content cannot be read.
    pub fn of_file(content: impl Read, executable: bool) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(content)?;
        let plain = Digest(*hasher.finalize().as_bytes());
        Ok(if executable { plain.tagged("executable") } else { plain })
    }

    /// The digest of something that is more than the content of this digest.
    pub(crate) fn tagged(self, what: &str) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"alacarte ").update(what.as_bytes()).update(b"\0").update(&self.0);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Whether it is that of an empty file.
    pub(crate) fn is_of_nothing(&self) -> bool {
        let nothing = Digest::of_bytes(b"");
        *self == nothing || *self == nothing.tagged("executable")
    }

    /// Its first 64 bits.
    pub fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}…", self.short().swap_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_content_and_mode_apart_and_print_as_b3sum_does() {
        let plain = Digest::of_file(&b"hello"[..], false).expect("read");
        assert_eq!(plain, Digest::of_bytes(b"hello"));
        assert_ne!(plain, Digest::of_file(&b"hello"[..], true).expect("read"));
        assert_ne!(plain, Digest::of_file(&b"hellp"[..], false).expect("read"));
        assert_eq!(plain.to_string(), blake3::hash(b"hello").to_hex().to_string());
        assert!(plain.to_string().starts_with(&format!("{plain:?}")[..16]));
    }
}
