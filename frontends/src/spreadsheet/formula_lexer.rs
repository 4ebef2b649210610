//! The words of a formula, one at a time, each with its place.

use super::operators::Binary;
use super::scalar::{CellError, parse_number};

/// What is wrong with a formula, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct FormulaError {
    /// The column within the formula's text, counted in characters from 1 (the `=` in front).
    pub column: usize,
    /// What could have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// A word of a formula.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word<'a> {
    Number(f64),
    Text(String),
    /// An error written out, such as `#DIV/0!`.
    Error(CellError),
    /// A cell, a function, TRUE or FALSE: the parser knows.
    Name(&'a str),
    /// An operator between two operands.
    Operator(Binary),
    Open,
    Close,
    /// `,` or `;` between arguments. The semicolon spares quotes in a CSV file.
    Separator,
    Colon,
    Percent,
    End,
}

/// A word and the bytes of the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) word: Word<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A formula's text, read from the left.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Reads the text from this byte on.
    pub(super) fn new(text: &'a str, at: usize) -> Lexer<'a> {
        Lexer { text, at }
    }

    /// The next word; after the last one, [`Word::End`] forever.
    pub(super) fn next(&mut self) -> Result<Token<'a>, FormulaError> {
        let text = self.text;
        let rest = text[self.at..].trim_start();
        let start = text.len() - rest.len();
        let (word, length) = match rest.chars().next() {
            None => (Word::End, 0),
            Some('"') => self.text_literal(rest, start)?,
            Some('0'..='9' | '.') => self.number(rest, start)?,
            Some('#') => match CellError::prefix_of(rest) {
                Some(error) => (Word::Error(error), error.as_str().len()),
                None => return Err(self.unknown(start)),
            },
            Some(first) if is_name(first) => {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (Word::Name(&rest[..length]), length)
            }
            Some(_) => symbol(rest).ok_or_else(|| self.unknown(start))?,
        };
        self.at = start + length;
        Ok(Token { word, start, end: self.at })
    }

    /// The error of having found the bytes from `start` to `end` where something else was expected.
    pub(super) fn error(&self, start: usize, end: usize, expected: impl Into<String>) -> FormulaError {
        let found = match self.text.get(start..end) {
            None | Some("") => "the end of the formula".to_owned(),
            Some(found) => quote(found),
        };
        FormulaError { column: self.text[..start].chars().count() + 1, expected: expected.into(), found }
    }

    fn unknown(&self, start: usize) -> FormulaError {
        let length = self.text[start..].chars().next().map_or(0, char::len_utf8);
        let expected = "an operand or an operator of a formula";
        self.error(start, start + length, expected)
    }

    /// `"…"`, in which `""` is a quotation mark.
    fn text_literal(&self, rest: &'a str, start: usize) -> Result<(Word<'a>, usize), FormulaError> {
        let mut text = String::new();
        let mut at = 1;
        while let Some(length) = rest[at..].find('"') {
            text += &rest[at..at + length];
            at += length + 1;
            if !rest[at..].starts_with('"') {
                return Ok((Word::Text(text), at));
            }
            text.push('"');
            at += 1;
        }
        let expected = "a quotation mark that closes the text begun here";
        Err(self.error(start, start + rest.len(), expected))
    }

    fn number(&self, rest: &'a str, start: usize) -> Result<(Word<'a>, usize), FormulaError> {
        let digits = |from: usize| {
            let after = rest[from..].bytes().position(|byte| !byte.is_ascii_digit());
            after.map_or(rest.len(), |length| from + length)
        };
        let mut end = digits(0);
        if rest[end..].starts_with('.') {
            end = digits(end + 1);
        }
        // An `e` belongs to the number only with the digits of an exponent after it.
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = end + 1 + sign;
            let exponent_end = digits(exponent);
            if exponent_end > exponent {
                end = exponent_end;
            }
        }
        match parse_number(&rest[..end]) {
            Some(number) => Ok((Word::Number(number), end)),
            None => Err(self.error(start, start + end, "a number of at most 1.79E+308")),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.')
}

fn symbol(rest: &str) -> Option<(Word<'static>, usize)> {
    // The longest first: `<=` is not `<`.
    if let Some(operator) = rest.get(..2).and_then(Binary::from_symbol) {
        return Some((Word::Operator(operator), 2));
    }
    let first = rest.get(..1)?;
    let word = match first {
        "(" => Word::Open,
        ")" => Word::Close,
        "," | ";" => Word::Separator,
        ":" => Word::Colon,
        "%" => Word::Percent,
        _ => Word::Operator(Binary::from_symbol(first)?),
    };
    Some((word, 1))
}

/// A piece of the formula for a message, the middle of a long one left out.
fn quote(found: &str) -> String {
    const LONGEST: usize = 40;
    if found.chars().nth(LONGEST).is_none() {
        return format!("`{found}`");
    }
    let head: String = found.chars().take(LONGEST - 1).collect();
    format!("`{head}…`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word<'_>> {
        let mut lexer = Lexer::new(text, 0);
        let mut words = Vec::new();
        loop {
            match lexer.next().expect(text).word {
                Word::End => return words,
                word => words.push(word),
            }
        }
    }

    fn error(text: &str) -> FormulaError {
        let mut lexer = Lexer::new(text, 0);
        loop {
            match lexer.next() {
                Ok(token) => assert_ne!(token.word, Word::End, "{text:?} is no error"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn numbers_end_where_they_should() {
        assert_eq!(words("1.5e3"), [Word::Number(1500.0)]);
        assert_eq!(words("2E-1"), [Word::Number(0.2)]);
        assert_eq!(words(".5"), [Word::Number(0.5)]);
        assert_eq!(words("3e"), [Word::Number(3.0), Word::Name("e")]);
        assert_eq!(words("3e+x"), [Word::Number(3.0), Word::Name("e"), Word::Operator(Binary::Add), Word::Name("x")]);
    }

    #[test]
    fn texts_double_their_quotation_marks() {
        assert_eq!(words(r#""say ""hi""""#), [Word::Text(r#"say "hi""#.into())]);
        assert_eq!(words(r#""""#), [Word::Text("".into())]);
        assert_eq!(words(r#""é,)""#), [Word::Text("é,)".into())]);
    }

    #[test]
    fn symbols_are_as_long_as_possible() {
        use Binary::{Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let operators = words("<> <= >= < >");
        let expected = [NotEqual, LessOrEqual, GreaterOrEqual, Less, Greater];
        assert_eq!(operators, expected.map(Word::Operator));
        assert_eq!(words("#div/0!%"), [Word::Error(CellError::DivideByZero), Word::Percent]);
    }

    #[test]
    fn errors_have_a_column_in_characters() {
        let unclosed = error(r#""é"&"open"#);
        assert_eq!((unclosed.column, unclosed.found.as_str()), (5, "`\"open`"));
        let strange = error("\"é\" ~ 1");
        assert_eq!((strange.column, strange.found.as_str()), (5, "`~`"));
        assert_eq!(error("1+1e999").column, 3);
        assert_eq!(error("..5").column, 1);
        assert_eq!(error("1 ☃").found, "`☃`");
    }
}
