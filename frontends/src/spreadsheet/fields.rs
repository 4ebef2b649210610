//! The fields of a CSV file, each with its place in the file.
//!
//! Why not the `csv` crate: it passes over blank lines, where a sheet has an empty row; it knows the line of a record,
//! where an error in a formula wants the very character; and it takes a quotation mark that is never closed. Where
//! none of that matters it is the oracle of the tests below. One liberty is taken, because people write tables by
//! hand: blanks around a quoted field are ignored.

use std::borrow::Cow;

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field<'a> {
    /// The row, from 0.
    pub(super) row: u32,
    /// The column in the sheet, from 0.
    pub(super) column: u32,
    /// What it says, quotation marks removed.
    pub(super) text: Cow<'a, str>,
    /// Whether it was written in quotation marks.
    pub(super) quoted: bool,
    /// The byte of the file at which what it says begins.
    start: usize,
}

/// A field that is not closed as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BadField {
    /// Its row, from 0.
    pub(super) row: u32,
    /// Its column in the sheet, from 0.
    pub(super) column: u32,
    /// The byte of the file at which it goes wrong.
    pub(super) offset: usize,
    pub(super) expected: &'static str,
    pub(super) found: String,
}

/// The fields of a file, in order.
pub(super) struct Fields<'a> {
    file: &'a str,
    at: usize,
    row: u32,
    column: u32,
    /// No field begins at `at`.
    done: bool,
}

impl<'a> Fields<'a> {
    /// The fields of this text.
    pub(super) fn new(file: &'a str) -> Fields<'a> {
        // Some editors begin a file with a mark that is no part of its first field.
        let at = if file.starts_with('\u{feff}') { 3 } else { 0 };
        Fields { file, at, row: 0, column: 0, done: at == file.len() }
    }

    /// Reads the field that begins here, up to the comma or the line break after it.
    fn field(&mut self) -> Result<Field<'a>, BadField> {
        let rest = &self.file[self.at..];
        let unblank = rest.trim_start_matches([' ', '\t']);
        if unblank.starts_with('"') {
            let quote = self.file.len() - unblank.len();
            return self.quoted(quote);
        }
        let length = rest.find([',', '\n', '\r']).unwrap_or(rest.len());
        let field = self.found(Cow::Borrowed(&rest[..length]), self.at, false);
        self.at += length;
        Ok(field)
    }

    fn quoted(&mut self, quote: usize) -> Result<Field<'a>, BadField> {
        let start = quote + 1;
        let mut text = Cow::Borrowed("");
        let mut at = start;
        loop {
            let rest = &self.file[at..];
            let Some(length) = rest.find('"') else {
                let expected = "a quotation mark that closes the field begun here";
                return Err(self.bad(quote, expected, "the end of the file".to_owned()));
            };
            text += &rest[..length];
            at += length + 1;
            if !self.file[at..].starts_with('"') {
                break;
            }
            text += "\"";
            at += 1;
        }
        let rest = self.file[at..].trim_start_matches([' ', '\t']);
        self.at = self.file.len() - rest.len();
        match rest.chars().next() {
            None | Some(',' | '\n' | '\r') => Ok(self.found(text, start, true)),
            Some(other) => {
                let expected = "a comma or the end of the line after the closing quotation mark";
                Err(self.bad(self.at, expected, format!("`{other}`")))
            }
        }
    }

    fn found(&self, text: Cow<'a, str>, start: usize, quoted: bool) -> Field<'a> {
        Field { row: self.row, column: self.column, text, quoted, start }
    }

    fn bad(&self, offset: usize, expected: &'static str, found: String) -> BadField {
        BadField { row: self.row, column: self.column, offset, expected, found }
    }

    /// Goes past the comma or the line break after a field.
    fn terminate(&mut self) {
        let rest = &self.file[self.at..];
        if rest.starts_with(',') {
            // There is a field after a comma, even at the end of the file.
            self.at += 1;
            self.column = self.column.saturating_add(1);
            return;
        }
        self.at += line_break(rest);
        self.row = self.row.saturating_add(1);
        self.column = 0;
        self.done = self.at == self.file.len();
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, BadField>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let field = self.field();
        match field {
            Ok(_) => self.terminate(),
            Err(_) => self.done = true,
        }
        Some(field)
    }
}

impl Field<'_> {
    /// The byte of the file at which the character number `characters` (from 0) of the text stands.
    pub(super) fn offset_of(&self, characters: usize) -> usize {
        let before = self.text.chars().take(characters);
        // In quotation marks, a quotation mark is two.
        let written = |c: char| c.len_utf8() + usize::from(self.quoted && c == '"');
        self.start + before.map(written).sum::<usize>()
    }
}

/// The line and the column, both from 1 and the column in characters, of a byte of the file.
pub(super) fn place(file: &str, offset: usize) -> (usize, usize) {
    let file = file.strip_prefix('\u{feff}').map_or((file, offset), |rest| (rest, offset.saturating_sub(3)));
    let (mut rest, offset) = (file.0, file.1.min(file.0.len()));
    let mut left = offset;
    let mut line = 1;
    while let Some(length) = rest.find(['\n', '\r']) {
        let next = length + line_break(&rest[length..]);
        if next > left {
            break;
        }
        left -= next;
        rest = &rest[next..];
        line += 1;
    }
    (line, rest[..left].chars().count() + 1)
}

/// How many bytes of line break the text begins with.
fn line_break(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with(['\n', '\r'])) }
}

/// Writes a field, in quotation marks if it would be read otherwise without.
pub(super) fn write_field(csv: &mut String, text: &str) {
    if text.contains(['"', ',', '\n', '\r', '\u{feff}']) {
        csv.push('"');
        csv.push_str(&text.replace('"', "\"\""));
        csv.push('"');
    } else {
        csv.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(file: &str) -> Vec<Vec<String>> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for field in Fields::new(file) {
            let field = field.expect(file);
            rows.resize(field.row as usize + 1, Vec::new());
            let row = &mut rows[field.row as usize];
            assert_eq!(row.len(), field.column as usize);
            row.push(field.text.into_owned());
        }
        rows
    }

    #[test]
    fn rows_are_lines_even_blank_ones() {
        assert_eq!(rows(""), Vec::<Vec<String>>::new());
        assert_eq!(rows("a\n"), [["a"]]);
        assert_eq!(rows("a,\n\nb"), [vec!["a", ""], vec![""], vec!["b"]]);
        assert_eq!(rows("a,"), [["a", ""]]);
        assert_eq!(rows("\n"), [[""]]);
        assert_eq!(rows("a\r\nb\rc\n"), [["a"], ["b"], ["c"]]);
        assert_eq!(rows("\u{feff}a"), [["a"]]);
    }

    #[test]
    fn quoted_fields() {
        assert_eq!(rows("\"a,\"\"b\"\"\nc\",d"), [["a,\"b\"\nc", "d"]]);
        assert_eq!(rows("1, \"a\" ,b\"c\""), [["1", "a", "b\"c\""]]);
        assert_eq!(rows("\"\",\"\"\"\""), [["", "\""]]);
    }

    #[test]
    fn fields_that_are_not_closed() {
        let bad = |file: &str| Fields::new(file).find_map(Result::err).expect(file);
        let unclosed = bad("a\nb,\"c\nd");
        assert_eq!((unclosed.row, unclosed.column, unclosed.offset), (1, 1, 4));
        let trailing = bad("\"a\"b,c");
        assert_eq!((trailing.offset, trailing.found.as_str()), (3, "`b`"));
    }

    #[test]
    fn places_are_counted_in_characters() {
        let file = "é,x\r\ny\n\"\"\"☃z\"";
        let place_of = |text: &str| place(file, file.find(text).expect(text));
        assert_eq!(place_of("é"), (1, 1));
        assert_eq!(place_of("x"), (1, 3));
        assert_eq!(place_of("y"), (2, 1));
        assert_eq!(place_of("z"), (3, 5));
        assert_eq!(place(file, file.len()), (3, 7));
        assert_eq!(place("\u{feff}ab", 4), (1, 2));
        let last = Fields::new(file).last().expect("a field").expect("valid");
        assert_eq!(last.text, "\"☃z");
        assert_eq!(place(file, last.offset_of(2)), place_of("z"));
    }

    /// All short files of a few letters, against the `csv` crate, which leaves out blank lines.
    #[test]
    fn agrees_with_the_csv_crate() {
        let letters = ["a", ",", "\n", "\"", "\r\n"];
        let mut compared = 0;
        for number in 0..5usize.pow(6) {
            let file: String = (0..6).map(|at| letters[number / 5usize.pow(at) % 5]).collect();
            let Ok(fields) = Fields::new(&file).collect::<Result<Vec<_>, _>>() else { continue };
            let rows = fields.chunk_by(|a, b| a.row == b.row);
            let ours: Vec<Vec<&str>> = rows
                .filter(|row| row.len() > 1 || row[0].quoted || !row[0].text.is_empty())
                .map(|row| row.iter().map(|field| &*field.text).collect())
                .collect();
            let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(file.as_bytes())
                .records()
                .map(|row| row.expect("UTF-8").iter().map(str::to_owned).collect())
                .collect();
            assert_eq!(ours, theirs, "{file:?}");
            compared += 1;
        }
        assert!(compared > 6_000, "{compared}");
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "a", " a ", "a,b", "\"", "a\nb", "\r", "\u{feff}", " \"a\""] {
            let mut file = String::new();
            write_field(&mut file, text);
            file += ",end";
            assert_eq!(rows(&file), [[text, "end"]]);
        }
    }
}
