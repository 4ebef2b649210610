//! The text as tokens. Ninja's lexer depends on what is being read: between statements a line is words and signs, but a
//! path runs to the next unescaped space, `:` or `|`, and a value to the end of its line. So the parser asks for a
//! token, a path or a value, and the lexer moves on; paths and values stay slices of the text, their escapes checked.

use super::parse_error::ParseError;
use super::source::Source;
use super::template::{blanks, escape, is_name, run};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Build,
    Default,
    Include,
    Pool,
    Rule,
    Subninja,
    /// A word that is no keyword: of a variable, at the beginning of a line.
    Name,
    Equals,
    Colon,
    Pipe,
    /// `||`
    OrderOnly,
    /// `|@`
    Validation,
    /// The spaces that begin a line which is not blank.
    Indent,
    Newline,
    End,
    /// A character which begins no token.
    Bad,
}

/// A path as it is written, and where.
#[derive(Clone, Copy)]
pub(super) struct Raw<'t> {
    pub(super) text: &'t str,
    pub(super) offset: usize,
}

/// What is expected at the beginning of a line.
pub(super) const STATEMENT: &str = "a statement or a variable";

pub(super) struct Lexer<'t> {
    source: &'t Source,
    at: usize,
    /// Where the last token began, and what it was.
    last: (usize, Token),
    /// An offset and its line: lines are asked for in order, so no byte is counted twice.
    counted: (usize, usize),
}

impl<'t> Lexer<'t> {
    pub(super) fn new(source: &'t Source) -> Self {
        Lexer { source, at: 0, last: (0, Token::Newline), counted: (0, 1) }
    }

    /// Where the last token or name began.
    pub(super) fn offset(&self) -> usize {
        self.last.0
    }

    /// The line of an offset, which must not be smaller than the one asked for before.
    pub(super) fn line(&mut self, offset: usize) -> usize {
        let (from, line) = self.counted;
        let new = self.bytes()[from..offset].iter().filter(|&&b| b == b'\n');
        self.counted = (offset, line + new.count());
        self.counted.1
    }

    /// Reads a token, and the spaces after it.
    pub(super) fn next(&mut self) -> Token {
        let (start, token, length) = loop {
            let start = self.at;
            let spaces = blanks(&self.bytes()[start..]);
            let first = start + spaces;
            let rest = &self.bytes()[first..];
            match rest {
                // A comment takes its newline with it, so it neither ends a statement nor its indented lines.
                [b'#', ..] => match rest.iter().position(|&b| b == b'\n') {
                    Some(newline) => self.at = first + newline + 1,
                    None => break (first, Token::Bad, 0),
                },
                [b'\n', ..] => break (first, Token::Newline, 1),
                [b'\r', b'\n', ..] => break (first, Token::Newline, 2),
                _ if spaces > 0 => break (start, Token::Indent, spaces),
                [] => break (first, Token::End, 0),
                [b'=', ..] => break (first, Token::Equals, 1),
                [b':', ..] => break (first, Token::Colon, 1),
                [b'|', b'@', ..] => break (first, Token::Validation, 2),
                [b'|', b'|', ..] => break (first, Token::OrderOnly, 2),
                [b'|', ..] => break (first, Token::Pipe, 1),
                _ => match run(rest, is_name) {
                    0 => break (first, Token::Bad, 0),
                    length => break (first, keyword(&rest[..length]), length),
                },
            }
        };
        self.at = start + length;
        self.last = (start, token);
        if !matches!(token, Token::Newline | Token::End) {
            self.skip_spaces();
        }
        token
    }

    /// Goes back to before the last token.
    pub(super) fn back(&mut self) {
        self.at = self.last.0;
    }

    /// Has [`offset`](Self::offset) tell of an earlier place again.
    pub(super) fn point_at(&mut self, offset: usize) {
        self.last.0 = offset;
    }

    /// Reads the token if it comes next, and nothing otherwise.
    pub(super) fn accept(&mut self, token: Token) -> bool {
        let before = self.at;
        let accepted = self.next() == token;
        if !accepted {
            self.at = before;
        }
        accepted
    }

    /// Reads the spaces of an indented line, if that is what comes next. An error there is told now, lest a line
    /// indented with a tab be taken for a missing one.
    pub(super) fn indented(&mut self) -> Result<bool, ParseError> {
        let indented = self.accept(Token::Indent);
        match self.last.1 {
            Token::Bad => Err(self.unexpected(STATEMENT)),
            _ => Ok(indented),
        }
    }

    /// Reads the token, or says that it was `expected`.
    pub(super) fn expect(&mut self, token: Token, expected: &str) -> Result<(), ParseError> {
        if self.next() == token {
            return Ok(());
        }
        Err(self.unexpected(expected))
    }

    /// Reads a name (of a rule, a pool or a variable; a keyword will do), or says that it was `expected`.
    pub(super) fn name(&mut self, expected: &str) -> Result<&'t str, ParseError> {
        let start = self.at;
        let length = run(&self.bytes()[start..], is_name);
        if length == 0 {
            self.next();
            return Err(self.unexpected(expected));
        }
        self.last = (start, Token::Name);
        self.at += length;
        self.skip_spaces();
        Ok(&self.text()[start..start + length])
    }

    /// Reads a path, if there is one before the next sign or the end of the line.
    pub(super) fn path(&mut self) -> Result<Option<Raw<'t>>, ParseError> {
        let offset = self.at;
        let text = self.raw(|b| matches!(b, b' ' | b':' | b'|' | b'\n'))?;
        self.skip_spaces();
        Ok((!text.is_empty()).then_some(Raw { text, offset }))
    }

    /// Reads a value and the newline after it.
    pub(super) fn value(&mut self) -> Result<&'t str, ParseError> {
        let text = self.raw(|b| b == b'\n')?;
        self.next();
        Ok(text)
    }

    /// The error that something else was expected in place of the last token.
    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let (offset, token) = self.last;
        let rest = &self.text()[offset..];
        let found = match token {
            Token::Newline => "newline".to_owned(),
            Token::End => "the end of the file".to_owned(),
            Token::Indent => "an indented line".to_owned(),
            Token::Bad if rest.starts_with('\t') => {
                return self.error(offset, "tabs are not allowed, use spaces");
            }
            Token::Bad if rest.starts_with('#') => "a comment without a newline".to_owned(),
            Token::Bad => format!("{:?}", rest.chars().next().unwrap_or_default()),
            Token::OrderOnly | Token::Validation => format!("'{}'", &rest[..2]),
            Token::Equals | Token::Colon | Token::Pipe => format!("'{}'", &rest[..1]),
            _ => format!("'{}'", &rest[..run(rest.as_bytes(), is_name)]),
        };
        self.error(offset, format!("expected {expected}, found {found}"))
    }

    pub(super) fn error(&self, offset: usize, explanation: impl Into<String>) -> ParseError {
        self.source.error(offset, explanation)
    }

    /// Text up to an unescaped byte that ends it.
    fn raw(&mut self, ends: impl Fn(u8) -> bool) -> Result<&'t str, ParseError> {
        let (text, start) = (self.text(), self.at);
        loop {
            let rest = &text.as_bytes()[self.at..];
            self.at += run(rest, |b| !ends(b) && !matches!(b, b'$' | b'\r' | b'\0'));
            let rest = &text[self.at..];
            match rest.as_bytes() {
                [b'$', ..] => match escape(rest) {
                    Some((_, length)) => self.at += length,
                    None => {
                        let explanation = "bad $-escape (a literal $ is written $$)";
                        return Err(self.error(self.at, explanation));
                    }
                },
                [b'\r', b'\n', ..] => break,
                [b'\r', ..] => {
                    let explanation = "a carriage return is only allowed before a newline";
                    return Err(self.error(self.at, explanation));
                }
                [b'\0', ..] => return Err(self.error(self.at, "a NUL character is not allowed")),
                [] => {
                    let explanation = "expected newline, found the end of the file";
                    return Err(self.error(self.at, explanation));
                }
                _ => break,
            }
        }
        Ok(&text[start..self.at])
    }

    /// Spaces and escaped newlines.
    fn skip_spaces(&mut self) {
        loop {
            self.at += match &self.bytes()[self.at..] {
                [b' ', ..] => 1,
                [b'$', b'\n', ..] => 2,
                [b'$', b'\r', b'\n', ..] => 3,
                _ => return,
            };
        }
    }

    fn text(&self) -> &'t str {
        &self.source.text
    }

    fn bytes(&self) -> &'t [u8] {
        self.source.text.as_bytes()
    }
}

fn keyword(word: &[u8]) -> Token {
    match word {
        b"build" => Token::Build,
        b"default" => Token::Default,
        b"include" => Token::Include,
        b"pool" => Token::Pool,
        b"rule" => Token::Rule,
        b"subninja" => Token::Subninja,
        _ => Token::Name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "build.ninja".into(), text: text.into() }
    }

    fn tokens(text: &str) -> Vec<Token> {
        let source = source(text);
        let mut lexer = Lexer::new(&source);
        let mut tokens = vec![lexer.next()];
        while !matches!(tokens.last(), Some(Token::End | Token::Bad)) {
            tokens.push(lexer.next());
        }
        tokens
    }

    #[test]
    fn signs_and_keywords() {
        use Token::*;
        assert_eq!(
            tokens("build builddir : | || |@ = $\n   pool\n  rule\n"),
            [Build, Name, Colon, Pipe, OrderOnly, Validation, Equals, Pool, Newline, Indent, Rule, Newline, End]
        );
    }

    #[test]
    fn comments_and_blank_lines() {
        use Token::*;
        assert_eq!(tokens("# one\n  # two\r\n  \nx"), [Newline, Name, End]);
        assert_eq!(tokens("x # no newline"), [Name, Bad]);
        assert_eq!(tokens("x\r\n"), [Name, Newline, End]);
        assert_eq!(tokens("\tx"), [Bad]);
    }

    #[test]
    fn paths_end_at_unescaped_signs() {
        let source = source("a$ b$:c$|d\n");
        let mut lexer = Lexer::new(&source);
        assert!(lexer.path().is_err(), "$| is no escape");

        let source = super::tests::source("a$ b$:c $\n  d|e:\r\n");
        let mut lexer = Lexer::new(&source);
        let mut paths = Vec::new();
        loop {
            match lexer.path().expect("no bad escape") {
                Some(raw) => paths.push(raw.text),
                None if lexer.accept(Token::Newline) => break,
                None => assert!(lexer.accept(Token::Pipe) || lexer.accept(Token::Colon)),
            }
        }
        assert_eq!(paths, ["a$ b$:c", "d", "e"]);
    }

    #[test]
    fn values_keep_what_paths_do_not() {
        let source = source("  a: b | c$\n   d  \r\nx");
        let mut lexer = Lexer::new(&source);
        assert!(lexer.accept(Token::Indent));
        assert_eq!(lexer.value().expect("a value"), "a: b | c$\n   d  ");
        assert_eq!(lexer.next(), Token::Name);
        assert_eq!(lexer.line(lexer.offset()), 3);
    }

    #[test]
    fn what_a_value_must_not_contain() {
        for (text, column, explanation) in [
            ("ab $. c\n", 4, "bad $-escape"),
            ("a\rb\n", 2, "carriage return"),
            ("a\0\n", 2, "NUL"),
            ("abc", 4, "end of the file"),
        ] {
            let source = source(text);
            let error = Lexer::new(&source).value().expect_err(text);
            assert_eq!(error.place().map(|p| p.column), Some(column), "{error}");
            assert!(error.to_string().contains(explanation), "{error}");
        }
    }
}
