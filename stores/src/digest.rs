//! Digests: the names of contents.
//!
//! A fingerprint answers whether *this* key still holds *that* value, and 64 bits are enough for it. A
//! content-addressed cache asks which of all files ever seen has this content, and for that a digest is kept
//! whole.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who may read, write and execute a file.
pub(crate) const PERMISSIONS: u32 = 0o777;

/// Who may read or execute a file.
pub(crate) const READ_OR_EXECUTE: u32 = 0o555;

/// Everybody may read it, its owner write.
const PLAIN: u32 = 0o644;

/// The same, and everybody may execute it.
const EXECUTABLE: u32 = 0o755;

/// What else files are often allowed: what is looked for first.
const COMMON: [u32; 10] = [PLAIN, EXECUTABLE, 0o664, 0o775, 0o600, 0o700, 0o444, 0o555, 0o640, 0o750];

thread_local! {
    /// Where files are read to be hashed. Most are small: to clear a room for each costs more than to read and hash it.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The BLAKE3 hash of a file's content.
///
/// Who may read or execute a file is part of what it is: a copy that cannot be run is no copy of a program, and one that
/// everybody may read is no copy of a secret. A file that all may read and its owner write has the digest that `b3sum` prints; one that all
/// may execute, too, or with any other permissions, has the digest of its content's digest, under another name. So has a symbolic link.
///
/// Who may write a file is part of what a command *made*, which is restored as it was; of a *source* it is left out, for that differs from
/// checkout to checkout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file with this content, which all may read, and perhaps execute.
    ///
    /// # Errors
    /// If the content cannot be read.
    pub fn of_file(content: impl Read, executable: bool) -> io::Result<Self> {
        Ok(Digest::of_content(content)?.with_mode(if executable { EXECUTABLE } else { PLAIN }))
    }

    /// The digest of content alone, without permissions.
    pub(crate) fn of_content(mut content: impl Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        // (A reader that hashes something else meanwhile makes itself another.)
        let mut room = ROOM.take();
        room.resize(1 << 16, 0);
        let hashed = loop {
            match content.read(&mut room) {
                Ok(0) => break Ok(Digest(*hasher.finalize().as_bytes())),
                Ok(count) => {
                    hasher.update(&room[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        ROOM.set(room);
        hashed
    }

    /// The digest of a file of this content with these permissions.
    pub(crate) fn with_mode(self, mode: u32) -> Self {
        match mode {
            PLAIN => self,
            EXECUTABLE => self.tagged("executable"),
            mode => self.tagged(&format!("mode {mode:o}")),
        }
    }

    /// The permissions of a file of this content that has this digest; `None` if no such file has it. (One with which a program is run as
    /// another user is never found: there are no copies of it.)
    pub(crate) fn mode_over(&self, content: Digest) -> Option<u32> {
        COMMON.into_iter().chain(0..=PERMISSIONS).find(|&mode| content.with_mode(mode) == *self)
    }

    /// The digest of something that is more than the content of this digest.
    pub(crate) fn tagged(self, what: &str) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"alacarte ").update(what.as_bytes()).update(b"\0").update(&self.0);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Whether it is that of an empty file.
    pub(crate) fn is_of_nothing(&self) -> bool {
        self.mode_over(Digest::of_bytes(b"")).is_some()
    }

    /// The digest that is written so.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        Some(Digest(bytes))
    }

    /// Where a file lies that is named by it, among many others.
    pub(crate) fn place_in(&self, directory: &Path) -> PathBuf {
        let name = self.to_string();
        directory.join(&name[..2]).join(&name[2..])
    }

    /// Its first 64 bits.
    pub fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The permissions of which a source is told by: who may write it does not count.
pub(crate) fn of_source(mode: u32) -> u32 {
    mode & READ_OR_EXECUTE | 0o200
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
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
    fn content_of_any_length_is_hashed_also_while_other_content_is() {
        /// Reads at most so many bytes at once, and hashes something else each time.
        struct Slow<'b>(&'b [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
                Digest::of_content(&[7; 100][..])?;
                let most = room.len().min(self.1);
                self.0.read(&mut room[..most])
            }
        }
        let long: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            for at_once in [999, 70_000] {
                let digest = Digest::of_content(Slow(&long[..length], at_once)).expect("read");
                assert_eq!(digest, Digest::of_bytes(&long[..length]), "{length} bytes, {at_once} at once");
            }
        }
    }

    #[test]
    fn digests_tell_content_and_mode_apart_and_print_as_b3sum_does() {
        let plain = Digest::of_file(&b"hello"[..], false).expect("read");
        assert_eq!(plain, Digest::of_bytes(b"hello"));
        assert_ne!(plain, Digest::of_file(&b"hello"[..], true).expect("read"));
        assert_ne!(plain, Digest::of_file(&b"hellp"[..], false).expect("read"));
        assert_eq!(plain.to_string(), blake3::hash(b"hello").to_hex().to_string());
        assert!(plain.to_string().starts_with(&format!("{plain:?}")[..16]));
        assert_eq!(
            plain.with_mode(of_source(0o664)),
            plain.with_mode(of_source(0o444)),
            "who may write it is left out"
        );
        for mode in 0..=PERMISSIONS {
            assert_eq!(plain.with_mode(mode).mode_over(plain), Some(mode));
        }
        assert_eq!(plain.with_mode(0o640).mode_over(Digest::of_bytes(b"hellp")), None);
        assert_eq!(plain.with_mode(0o4755).mode_over(plain), None, "which would be run as another user");
        assert_eq!(plain.tagged("link").mode_over(plain), None);
    }
}
