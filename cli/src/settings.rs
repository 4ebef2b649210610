//! `.alacarte.toml`: what `alacarte build` is to do in this directory without being told each time.
//!
//! So far there is one setting, so that a line of the file is empty, a comment, or `content = true` (or `false`).

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

const FILE: &str = ".alacarte.toml";

/// What the file says; where there is none, what goes without saying.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// As `-o content`.
    pub content: bool,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}:{line}: {text:?} is no setting: write `content = true`, `content = false`, or a comment after #")]
    Unknown { path: PathBuf, line: usize, text: String },
}

impl Settings {
    /// The settings of a directory.
    pub fn of(directory: &Path) -> Result<Self, SettingsError> {
        let path = directory.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let unknown = |(line, text): (usize, &str)| SettingsError::Unknown { path, line, text: text.into() };
                Settings::parse(&text).map_err(unknown)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(source) => Err(SettingsError::Unreadable { path, source }),
        }
    }

    /// Reads the text, or finds the line that says nothing we know.
    fn parse(text: &str) -> Result<Self, (usize, &str)> {
        let mut settings = Settings::default();
        for (number, line) in text.lines().enumerate() {
            let said = line.split('#').next().unwrap_or_default().trim();
            if said.is_empty() {
                continue;
            }
            settings.content = match said.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("content", "true")) => true,
                Some(("content", "false")) => false,
                _ => return Err((number + 1, line)),
            };
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_setting_or_a_mistake_that_is_named() {
        assert_eq!(Settings::parse(""), Ok(Settings { content: false }));
        assert_eq!(Settings::parse("# so\n\n content=true # yes\n"), Ok(Settings { content: true }));
        assert_eq!(Settings::parse("content = true\ncontent = false"), Ok(Settings { content: false }));
        assert_eq!(Settings::parse("\ncontent = maybe"), Err((2, "content = maybe")));
        assert_eq!(Settings::parse("[build]"), Err((1, "[build]")));
    }
}
