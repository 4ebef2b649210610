//! What can be wrong with a manifest, said the way a compiler says it: the place, what was expected, the line itself
//! and a caret under the offending character.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A character of a manifest, with the line it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, as it was named on the command line or in an `include`; in an error of [`load`](super::load()), from where the program runs.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The text of the line.
    pub source: String,
}

/// Why a manifest could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is not a manifest, or speaks of something that does not exist.
    #[error("{place}: {explanation}\n{}", place.excerpt())]
    Syntax {
        /// Where.
        place: Box<Place>,
        /// What was expected there, and what was found.
        explanation: String,
    },

    /// Something that must be unique is defined for the second time.
    #[error("{place}: {what} is already defined at {first}\n{}\nfirst defined here:\n{}", place.excerpt(), first.excerpt())]
    Duplicate {
        /// The second definition.
        place: Box<Place>,
        /// What is defined twice, such as `output 'a.o'`.
        what: String,
        /// The first definition.
        first: Box<Place>,
    },

    /// A file cannot be read, or is not UTF-8.
    #[error("cannot read {}: {error}{}", file.display(), included(from))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The `include` or `subninja` that asked for it; none for the file the user named.
        from: Option<Box<Place>>,
        /// What the system answered.
        #[source]
        error: io::Error,
    },

    /// A file includes itself, by way of others perhaps.
    #[error("{place}: include cycle: {}\n{}", chain(files), place.excerpt())]
    IncludeCycle {
        /// The `include` or `subninja` that closes the cycle.
        place: Box<Place>,
        /// The files of the cycle, the first repeated at the end.
        files: Vec<PathBuf>,
    },
}

impl ParseError {
    /// The same; its files, which are named from the directory, are named from where the program runs.
    pub(super) fn within(self, dir: &Path) -> Self {
        if dir == Path::new(".") || std::env::current_dir().is_ok_and(|here| here == dir) {
            return self;
        }
        let seen = |mut place: Box<Place>| {
            place.file = dir.join(&place.file);
            place
        };
        match self {
            ParseError::Syntax { place, explanation } => ParseError::Syntax { place: seen(place), explanation },
            ParseError::Duplicate { place, what, first } => {
                ParseError::Duplicate { place: seen(place), what, first: seen(first) }
            }
            ParseError::Unreadable { file, from, error } => {
                ParseError::Unreadable { file: dir.join(file), from: from.map(seen), error }
            }
            ParseError::IncludeCycle { place, files } => ParseError::IncludeCycle {
                place: seen(place),
                files: files.iter().map(|file| dir.join(file)).collect(),
            },
        }
    }

    /// Where the error is; none when the file the user named cannot be read.
    pub fn place(&self) -> Option<&Place> {
        match self {
            ParseError::Syntax { place, .. }
            | ParseError::Duplicate { place, .. }
            | ParseError::IncludeCycle { place, .. } => Some(place),
            ParseError::Unreadable { from, .. } => from.as_deref(),
        }
    }
}

/// How much of a line is shown: generated lines can be a megabyte long.
const SHOWN: usize = 100;

impl Place {
    /// The line and, below it, a caret under the column. Of a long line, the part around the column.
    pub fn excerpt(&self) -> String {
        let before = self.column - 1;
        let skipped = if before < SHOWN * 3 / 4 { 0 } else { before - SHOWN / 2 };
        let mut rest = self.source.chars().skip(skipped);
        let shown: String = rest.by_ref().take(SHOWN).collect();
        let (open, close) = (if skipped > 0 { "…" } else { "" }, if rest.next().is_some() { "…" } else { "" });
        // A tab stays a tab, so that the caret stands where the terminal puts the character.
        let indent: String = (open.chars().chain(shown.chars()))
            .chain(std::iter::repeat(' '))
            .take(before - skipped + open.chars().count())
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!("    {open}{shown}{close}\n    {indent}^")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

fn included(from: &Option<Box<Place>>) -> String {
    match from {
        Some(place) => format!("\nincluded at {place}\n{}", place.excerpt()),
        None => String::new(),
    }
}

fn chain(files: &[PathBuf]) -> String {
    let names: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(column: usize, source: &str) -> Place {
        Place { file: "build.ninja".into(), line: 12, column, source: source.into() }
    }

    #[test]
    fn an_error_shows_the_line_and_a_caret() {
        let error = ParseError::Syntax {
            place: Box::new(place(8, "build a")),
            explanation: "expected ':' after the outputs, found newline".into(),
        };
        assert_eq!(
            error.to_string(),
            "build.ninja:12:8: expected ':' after the outputs, found newline\n    build a\n           ^"
        );
    }

    #[test]
    fn tabs_before_the_caret_are_kept() {
        assert_eq!(place(3, "\tab").excerpt(), "    \tab\n    \t ^");
    }

    #[test]
    fn a_long_line_is_shown_around_the_caret() {
        let line = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let excerpt = place(1001, &line).excerpt();
        let (text, caret) = excerpt.split_once('\n').expect("two lines");
        assert!(text.chars().count() < 110 && text.ends_with('…'));
        let under = text.chars().nth(caret.chars().count() - 1);
        assert_eq!(under, Some('X'));
    }

    #[test]
    fn an_unreadable_file_names_who_included_it() {
        let error = ParseError::Unreadable {
            file: "rules.ninja".into(),
            from: Some(Box::new(place(9, "include rules.ninja"))),
            error: io::Error::new(io::ErrorKind::NotFound, "no such file"),
        };
        let text = error.to_string();
        assert!(text.starts_with("cannot read rules.ninja: no such file\nincluded at build.ninja:12:9\n"));
    }
}
