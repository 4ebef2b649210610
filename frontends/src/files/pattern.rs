//! Patterns of paths: `*` is any text without a slash, `**` any text at all. A pattern that ends in a slash is one of directories, and
//! matches no file.

use std::fmt;

use thiserror::Error;

use crate::commands::canonicalise_with_slash;

/// A pattern of paths, such as `out/*.o`; of directories, if it ends in a slash.
///
/// ```
/// use alacarte::files::Pattern;
///
/// let objects = Pattern::new("out/**/*.o")?;
/// assert_eq!(objects.parts("out/lib/x/main.o"), Some(vec!["lib/x".to_string(), "main".to_string()]));
/// assert_eq!(objects.parts("out/main.c"), None);
/// assert_eq!(Pattern::new("gen/**/*.c")?.fill(&["lib/x".to_string(), "main".to_string()]), "gen/lib/x/main.c");
/// # Ok::<(), alacarte::files::PatternError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    /// A star; whether it may go over slashes.
    Star {
        deep: bool,
    },
}

/// What is no pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// There is nothing to match.
    #[error("an empty pattern matches no path: write one such as `out/*.o`")]
    Empty,
    /// Two stars stand side by side, so that nobody knows what each is to match.
    #[error(
        "in the pattern `{0}` stars stand side by side, and nobody knows what each is to match: put text between them"
    )]
    Ambiguous(String),
}

impl Pattern {
    /// The pattern that is written so.
    ///
    /// # Errors
    /// If it is empty, or has more than two stars in a row.
    pub fn new(text: impl AsRef<str>) -> Result<Self, PatternError> {
        if text.as_ref().is_empty() {
            return Err(PatternError::Empty);
        }
        let text = canonicalise_with_slash(text.as_ref());
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find('*') {
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            let stars = rest[at..].bytes().take_while(|&byte| byte == b'*').count();
            if stars > 2 {
                return Err(PatternError::Ambiguous(text));
            }
            pieces.push(Piece::Star { deep: stars == 2 });
            rest = &rest[at + stars..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Pattern { text, pieces })
    }

    /// Whether it has no star, and so is one path.
    pub fn is_literal(&self) -> bool {
        self.stars() == 0
    }

    /// Whether it is one of directories.
    pub(crate) fn is_tree(&self) -> bool {
        self.text.ends_with('/')
    }

    /// How many stars it has.
    pub fn stars(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Star { .. })).count()
    }

    /// What each star matches of this path, the first of several as little as it can; `None` if the path is none of the
    /// pattern.
    pub fn parts(&self, path: &str) -> Option<Vec<String>> {
        if path.ends_with('/') != self.is_tree() {
            return None;
        }
        // (Most paths are told by how they begin and end.)
        let begins = |piece: &Piece| !matches!(piece, Piece::Text(text) if !path.starts_with(text));
        let ends = |piece: &Piece| !matches!(piece, Piece::Text(text) if !path.ends_with(text));
        if !self.pieces.first().is_none_or(begins) || !self.pieces.last().is_none_or(ends) {
            return None;
        }
        // From the end: which positions of the path the pieces from here on match to its end.
        let length = path.len();
        let mut fits = vec![vec![false; length + 1]; self.pieces.len() + 1];
        fits[self.pieces.len()][length] = true;
        for (index, piece) in self.pieces.iter().enumerate().rev() {
            for at in (0..=length).rev() {
                fits[index][at] = match piece {
                    Piece::Text(text) => {
                        path.as_bytes()[at..].starts_with(text.as_bytes()) && fits[index + 1][at + text.len()]
                    }
                    Piece::Star { deep } => {
                        let longer = at < length && (*deep || path.as_bytes()[at] != b'/') && fits[index][at + 1];
                        longer || fits[index + 1][at]
                    }
                };
            }
        }
        if !fits[0][0] {
            return None;
        }
        let (mut parts, mut at) = (Vec::new(), 0);
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => at += text.len(),
                Piece::Star { .. } => {
                    let end = (at..=length).find(|&end| path.is_char_boundary(end) && fits[index + 1][end])?;
                    parts.push(path[at..end].to_owned());
                    at = end;
                }
            }
        }
        Some(parts)
    }

    /// Whether this path is one of the pattern.
    pub fn matches(&self, path: &str) -> bool {
        self.parts(path).is_some()
    }

    /// The path in which each star is what stands here for it; a star for which nothing stands here is empty.
    pub fn fill(&self, parts: &[String]) -> String {
        let mut parts = parts.iter();
        let text = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Star { .. } => parts.next().map_or("", String::as_str),
        });
        text.collect()
    }

    /// The directory in which all paths of the pattern lie, with a slash at its end; empty if the first star stands before any slash.
    pub(crate) fn directory(&self) -> &str {
        let before = &self.text[..self.text.find('*').unwrap_or(self.text.len())];
        &before[..before.rfind('/').map_or(0, |at| at + 1)]
    }

    /// How all its paths begin, and how they end.
    pub(crate) fn ends(&self) -> (&str, &str) {
        let text = |piece: Option<&Piece>| match piece {
            Some(Piece::Text(text)) => text.len(),
            _ => 0,
        };
        let (begin, end) = (text(self.pieces.first()), text(self.pieces.last()));
        (&self.text[..begin], &self.text[self.text.len() - end..])
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern of each part of a path, from the root on.
    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.text.split('/')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
        Pattern::new(pattern).expect("a pattern").parts(path)
    }

    fn some(parts: &[&str]) -> Option<Vec<String>> {
        Some(parts.iter().map(|&part| part.to_owned()).collect())
    }

    #[test]
    fn stars_match_as_little_as_they_can_and_no_slash() {
        assert_eq!(parts("out/*.o", "out/main.o"), some(&["main"]));
        assert_eq!(parts("out/*.o", "out/a/main.o"), None);
        assert_eq!(parts("out/**.o", "out/a/main.o"), some(&["a/main"]));
        assert_eq!(parts("*/*.o", "a/b.o"), some(&["a", "b"]));
        assert_eq!(parts("*.*", "a.b.c"), some(&["a", "b.c"]));
        assert_eq!(parts("*", ""), some(&[""]));
        assert_eq!(parts("out/*", "out/é"), some(&["é"]));
        assert_eq!(parts("./out//x", "out/x"), some(&[]));
        assert_eq!(parts("out/x", "out/y"), None);
        assert_eq!(parts("out/*/", "out/x/"), some(&["x"]));
        assert_eq!(parts("out/**/", "out/x/y/"), some(&["x/y"]));
        for (pattern, path) in [("out/**", "out/x/"), ("out/*", "out/"), ("out/*/", "out/x"), ("out/*/", "out/x/y/")] {
            assert_eq!(parts(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_are_matched_in_time_that_does_not_explode() {
        let pattern = "*a".repeat(30) + "b";
        assert_eq!(parts(&pattern, &"a".repeat(2000)), None);
    }

    #[test]
    fn to_fill_in_what_was_matched_gives_the_path() {
        for (pattern, path) in [("out/*/x/*.o", "out/a/x/b.o"), ("**/*.c", "a/b/c.c"), ("*-*", "a-b-c"), ("x", "x")] {
            let pattern = Pattern::new(pattern).expect("a pattern");
            assert_eq!(pattern.fill(&pattern.parts(path).expect("it matches")), path);
        }
    }

    #[test]
    fn the_directory_of_a_pattern_is_all_before_its_first_star() {
        for (pattern, directory) in
            [("out/*.o", "out/"), ("a/b/x*/c", "a/b/"), ("**/x", ""), ("*", ""), ("/abs/*", "/abs/"), ("a/b", "a/")]
        {
            assert_eq!(Pattern::new(pattern).expect("a pattern").directory(), directory, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        assert_eq!(Pattern::new(""), Err(PatternError::Empty));
        assert!(matches!(Pattern::new("a/***"), Err(PatternError::Ambiguous(_))));
    }
}
