//! What a compiler writes with `-MD`: rules of Make without recipes, `object: source header …`. With `-MP`
//! there follows an empty rule for each header.
//!
//! Compilers do not quite agree on how to write odd names, so this reads what gcc and clang write, as ninja
//! does: `\ ` is a space, `\#` a hash, `$$` a dollar; any other backslash is itself, as in a path of Windows; a
//! colon ends a target only before white space or the end of the text.

use thiserror::Error;

/// One rule: what is made, and what it was made from, in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DepfileEntry {
    /// The targets.
    pub outputs: Vec<String>,
    /// What they depend on.
    pub inputs: Vec<String>,
}

/// The text is not a depfile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the depfile: {explanation}")]
#[non_exhaustive]
pub struct DepfileError {
    /// The line, from 1, on which the bad rule ends.
    pub line: usize,
    /// What was expected.
    pub explanation: String,
}

/// Reads a depfile.
///
/// # Errors
/// If it is no list of rules as compilers write them: with the line.
pub fn parse_depfile(text: &str) -> Result<Vec<DepfileEntry>, DepfileError> {
    let mut reader = Reader { text, at: 0 };
    let mut entries = Vec::new();
    while reader.at < text.len() {
        let Some(entry) = reader.rule()? else {
            continue;
        };
        entries.push(entry);
    }
    Ok(entries)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    /// Reads to the end of a line which is not continued; none when there is nothing on it.
    fn rule(&mut self) -> Result<Option<DepfileEntry>, DepfileError> {
        let mut entry = DepfileEntry::default();
        let mut after_colon = false;
        self.skip_blanks();
        if self.rest().first() == Some(&b'#') {
            self.skip_line();
            return Ok(None);
        }
        while !self.end_of_line() {
            let mut word = self.word();
            let colon = word.ends_with(':');
            if colon {
                word.pop();
            }
            // A lone colon, as in `a : b`, is no file.
            if !word.is_empty() {
                let files = match after_colon {
                    true => &mut entry.inputs,
                    false => &mut entry.outputs,
                };
                files.push(word);
            }
            after_colon |= colon;
            self.skip_blanks();
        }
        let error = match (after_colon, entry.outputs.is_empty()) {
            (false, true) => {
                self.skip_line();
                return Ok(None);
            }
            (true, false) => {
                self.skip_line();
                return Ok(Some(entry));
            }
            (false, false) => "expected ':' after the targets",
            (true, true) => "expected a target before ':'",
        };
        Err(DepfileError { line: self.text[..self.at].matches('\n').count() + 1, explanation: error.to_owned() })
    }

    /// One name, unescaped. White space comes next, or the end.
    fn word(&mut self) -> String {
        let mut word = String::new();
        loop {
            let special = |b: &u8| matches!(b, b'\\' | b'$' | b' ' | b'\t' | b'\r' | b'\n');
            let rest = self.rest();
            let plain = rest.iter().position(special).unwrap_or(rest.len());
            word.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.rest() {
                [b'\\', ..] => {
                    if !self.backslashes(&mut word) {
                        return word;
                    }
                }
                [b'$', b'$', ..] => {
                    word.push('$');
                    self.at += 2;
                }
                [b'$', ..] => {
                    word.push('$');
                    self.at += 1;
                }
                _ => return word,
            }
        }
    }

    /// Reads a run of backslashes and what the last of them escapes; whether the name goes on.
    fn backslashes(&mut self, word: &mut String) -> bool {
        let run = self.rest().iter().take_while(|&&b| b == b'\\').count();
        let mut push = |count: usize, then: &str| {
            word.extend(std::iter::repeat_n('\\', count));
            word.push_str(then);
        };
        match &self.rest()[run..] {
            // Before a space an odd number of backslashes escapes it, and half of the others; an even number
            // leaves it a separator, and all of them are part of the name.
            [blank @ (b' ' | b'\t'), ..] if run % 2 == 1 => {
                push(run / 2, if *blank == b' ' { " " } else { "\t" });
                self.at += run + 1;
                true
            }
            [b' ' | b'\t', ..] => {
                push(run, "");
                self.at += run;
                false
            }
            [b'\n', ..] | [b'\r', b'\n', ..] => {
                // The last one, if it continues the line, is left to be skipped as white space.
                let own = run - run % 2;
                push(own, "");
                self.at += own;
                false
            }
            [b'#', ..] => {
                push(run - 1, "#");
                self.at += run + 1;
                true
            }
            // `\:` is a colon in a name, but in `c:\dir\: x` it is a directory's end and the target's.
            [b':', next, ..] if !next.is_ascii_whitespace() => {
                push(run - 1, ":");
                self.at += run + 1;
                true
            }
            _ => {
                push(run, "");
                self.at += run;
                true
            }
        }
    }

    /// Spaces, tabs and continued lines.
    fn skip_blanks(&mut self) {
        loop {
            self.at += match self.rest() {
                [b' ' | b'\t', ..] => 1,
                [b'\\', b'\n', ..] => 2,
                [b'\\', b'\r', b'\n', ..] => 3,
                // A carriage return alone separates, too.
                [b'\r', next, ..] if *next != b'\n' => 1,
                _ => return,
            };
        }
    }

    fn end_of_line(&self) -> bool {
        matches!(self.rest(), [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..])
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        let newline = rest.iter().position(|&b| b == b'\n');
        self.at += newline.map_or(rest.len(), |newline| newline + 1);
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only rule, as `outputs <- inputs`, names between bars.
    fn one(text: &str) -> String {
        let entries = parse_depfile(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert_eq!(entries.len(), 1, "{text:?}");
        format!("{} <- {}", entries[0].outputs.join("|"), entries[0].inputs.join("|"))
    }

    #[test]
    fn one_rule() {
        assert_eq!(one("a.o: a.c a.h\n"), "a.o <- a.c|a.h");
        assert_eq!(one("a.o: a.c"), "a.o <- a.c");
        assert_eq!(one("a.o:\n"), "a.o <- ");
        assert_eq!(one("a.o:"), "a.o <- ");
        assert_eq!(one("a.o b.o : a.c\n"), "a.o|b.o <- a.c");
    }

    #[test]
    fn continued_lines() {
        assert_eq!(one("a.o: a.c \\\n  a.h \\\r\n b.h\r\n"), "a.o <- a.c|a.h|b.h");
        assert_eq!(one("a.o: \\\n a.c\\\n b.c\n"), "a.o <- a.c|b.c");
        assert_eq!(one("a.o: a.c \\\n"), "a.o <- a.c");
        assert_eq!(one("a.o: a.c \\"), "a.o <- a.c|\\");
    }

    #[test]
    fn odd_names() {
        assert_eq!(one(r"a\ b.o: c\ d.c"), "a b.o <- c d.c");
        assert_eq!(one(r"a.o: x\\\ y z\\ w"), r"a.o <- x\ y|z\\|w");
        assert_eq!(one(r"a.o: a$$b $$$$ $c"), "a.o <- a$b|$$|$c");
        assert_eq!(one(r"a.o: a\#b \\#c"), r"a.o <- a#b|\#c");
        assert_eq!(one(r"c:\x\a.o: c:\y\a.c d:/e"), r"c:\x\a.o <- c:\y\a.c|d:/e");
        assert_eq!(one(r"c:\x\: a"), r"c:\x\ <- a");
        assert_eq!(one(r"a\:b.o: c"), "a:b.o <- c");
        assert_eq!(one("é.o: ü(1)[2]{3}+~@%=!,'\".c"), "é.o <- ü(1)[2]{3}+~@%=!,'\".c");
    }

    #[test]
    fn several_rules() {
        let entries = parse_depfile("a.o: a.c a.h\n\na.h:\n# a comment\nb.h:\r\n").expect("it parses");
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[1].outputs, ["a.h"]);
        assert!(entries[1].inputs.is_empty());
        assert_eq!(entries[2].outputs, ["b.h"]);
        assert_eq!(parse_depfile("\n \\\n\n"), Ok(vec![]));
        assert_eq!(parse_depfile(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_depfile() {
        let error = parse_depfile("a.o: a.c\nb.o c.o\n").expect_err("no colon");
        assert_eq!(error.to_string(), "line 2 of the depfile: expected ':' after the targets");
        let error = parse_depfile(": a.c\n").expect_err("no target");
        assert_eq!((error.line, error.explanation.as_str()), (1, "expected a target before ':'"));
    }
}
