//! Bytes as text, and back: names of files and lines of manifests are bytes, which need not be UTF-8.
//!
//! Nearly all of them are. So they are kept as text, in which each byte that belongs to no character stands as a character of its own, of the
//! last that Unicode has for private use (`U+10FF80` to `U+10FFFF`, for the bytes 80 to FF). A text that has such a character itself has it as
//! four bytes. So every sequence of bytes has exactly one text, and comes back from it unchanged. (Python's `surrogateescape` does so, with
//! characters that a Rust string cannot have.)

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the characters begin that stand for a byte: this and the byte is its character.
const BASE: u32 = 0x10_FF00;

/// Whether a character stands for a byte.
fn byte_of(character: char) -> Option<u8> {
    u32::from(character).checked_sub(BASE).filter(|byte| *byte >= 0x80).and_then(|byte| u8::try_from(byte).ok())
}

/// Whether a text may have a character that stands for a byte: these alone begin so, with few others.
fn may_stand_for_bytes(text: &str) -> bool {
    text.as_bytes().contains(&0xF4)
}

/// The text of these bytes: themselves, if they are UTF-8.
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !may_stand_for_bytes(text) => return Cow::Borrowed(text),
        _ => {}
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    let push_byte = |text: &mut String, byte: u8| text.extend(char::from_u32(BASE + u32::from(byte)));
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte_of(character).is_some() {
                let mut buffer = [0; 4];
                character.encode_utf8(&mut buffer).bytes().for_each(|byte| push_byte(&mut text, byte));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_byte(&mut text, *byte));
    }
    Cow::Owned(text)
}

/// The text of the bytes of a path.
pub fn text_of_path(path: &Path) -> Cow<'_, str> {
    text_of(path.as_os_str().as_bytes())
}

/// The bytes whose text this is.
pub fn bytes_of(text: &str) -> Cow<'_, [u8]> {
    if !may_stand_for_bytes(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The path whose text this is.
pub fn path_of(text: &str) -> Cow<'_, Path> {
    match bytes_of(text) {
        Cow::Borrowed(bytes) => Cow::Borrowed(Path::new(OsStr::from_bytes(bytes))),
        Cow::Owned(bytes) => Cow::Owned(PathBuf::from(OsStr::from_bytes(&bytes))),
    }
}

/// What a person is shown of a text: a replacement character where it is no UTF-8.
pub fn shown(text: &str) -> Cow<'_, str> {
    match bytes_of(text) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_of_bytes_has_one_text_and_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let odd: [&[u8]; 7] =
            [b"", b"plain", "h\u{e9}".as_bytes(), b"h\xe9.txt", &all, "\u{10ffe9}".as_bytes(), b"\xf4\x8f\xbf"];
        let mut texts = std::collections::HashSet::new();
        for bytes in odd {
            let text = text_of(bytes);
            assert_eq!(&*bytes_of(&text), bytes, "{text:?}");
            assert!(texts.insert(text.into_owned()), "{bytes:?}");
        }
        // A character that stands for a byte is not taken for one that was there.
        assert_ne!(text_of(b"\xe9"), text_of("\u{10ffe9}".as_bytes()));
        // What is a text already stays as it is.
        assert!(matches!(text_of("größe".as_bytes()), Cow::Borrowed("größe")));
    }

    #[test]
    fn a_person_sees_what_can_be_seen() {
        assert_eq!(shown(&text_of(b"h\xe9.txt")), "h\u{fffd}.txt");
        assert_eq!(shown("größe"), "größe");
        assert_eq!(shown(&text_of("\u{10ffe9}".as_bytes())), "\u{10ffe9}");
        assert_eq!(path_of(&text_of_path(Path::new("a/b"))), Path::new("a/b"));
    }
}
