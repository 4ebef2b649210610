//! A file's text, and the way from an offset in it to a line and a column. Offsets are what the parser carries; the
//! human place is computed only when an error needs it.

use std::path::PathBuf;

use super::parse_error::{ParseError, Place};

/// A manifest file: its name and its text.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// The place of a byte offset (at most the length of the text, on a character's boundary).
    pub(super) fn place(&self, offset: usize) -> Box<Place> {
        let before = &self.text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[start..].split('\n').next().unwrap_or("");
        Box::new(Place {
            file: self.path.clone(),
            line: before.bytes().filter(|&b| b == b'\n').count() + 1,
            column: self.text[start..offset].chars().count() + 1,
            source: line.trim_end_matches('\r').to_owned(),
        })
    }

    /// An error at that offset.
    pub(super) fn error(&self, offset: usize, explanation: impl Into<String>) -> ParseError {
        ParseError::Syntax { place: self.place(offset), explanation: explanation.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_lose_their_carriage_return() {
        let source = Source { path: "b".into(), text: "one\r\né = x\r\n".into() };
        let place = source.place(source.text.find('x').expect("an x"));
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(place.source, "é = x");
        let end = source.place(source.text.len());
        assert_eq!((end.line, end.column, end.source.as_str()), (3, 1, ""));
    }
}
