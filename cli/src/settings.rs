//! `.alacarte.toml`: what a build of a manifest is to do in this directory without being told each time; and by which strategies it does so.
//!
//! A line of the file is empty, a comment, `content = true` (or `false`), `scheduler = "NAME"` or `rebuilder = "NAME"`.

use std::io;
use std::path::{Path, PathBuf};

use alacarte_core::{Rebuilder, Scheduler};
use alacarte_experiments::systems::Menu;
use alacarte_stores::{FileKey, FileValue};
use thiserror::Error;

const FILE: &str = ".alacarte.toml";

/// What the file says; where there is none, what goes without saying.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// As `-o content`.
    pub content: bool,
    /// As `--scheduler`.
    pub scheduler: Option<String>,
    /// As `--rebuilder`.
    pub rebuilder: Option<String>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path}:{line}: {text:?} is no setting: write `content = true`, `content = false`, `scheduler = \"NAME\"`, \
         `rebuilder = \"NAME\"`, or a comment after #"
    )]
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
            let (name, value) = said.split_once('=').map_or((said, ""), |(name, value)| (name.trim(), value.trim()));
            let text = || value.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
            match (name, value, text()) {
                ("content", "true", _) => settings.content = true,
                ("content", "false", _) => settings.content = false,
                ("scheduler", _, Some(name)) => settings.scheduler = Some(name),
                ("rebuilder", _, Some(name)) => settings.rebuilder = Some(name),
                _ => return Err((number + 1, line)),
            }
        }
        Ok(settings)
    }
}

/// The scheduler and the rebuilder of a build of files.
#[derive(Debug)]
pub struct Strategies<'m> {
    menu: &'m Menu,
    pub scheduler: String,
    pub rebuilder: String,
}

/// A name that stands for no strategy.
#[derive(Debug, Error)]
#[error("{place}: {name:?} is no {what}; there are {}", names.join(", "))]
pub struct Unnamed {
    place: &'static str,
    what: &'static str,
    name: String,
    names: Vec<&'static str>,
}

impl<'m> Strategies<'m> {
    /// Scheduler and rebuilder that are asked for, or else the settings', or else these.
    pub fn chosen(
        menu: &'m Menu,
        [scheduler, rebuilder]: [Option<String>; 2],
        settings: &Settings,
        otherwise: [&str; 2],
    ) -> Result<Self, Unnamed> {
        let choose = |what, asked: Option<String>, set: &Option<String>, otherwise: &str, names: Vec<&'static str>| {
            let place = if asked.is_some() { "what was asked for" } else { FILE };
            let name = asked.or_else(|| set.clone()).unwrap_or_else(|| otherwise.into());
            if names.contains(&&*name) { Ok(name) } else { Err(Unnamed { place, what, name, names }) }
        };
        let schedulers = menu.schedulers().collect();
        Ok(Strategies {
            menu,
            scheduler: choose("scheduler", scheduler, &settings.scheduler, otherwise[0], schedulers)?,
            rebuilder: choose("rebuilder", rebuilder, &settings.rebuilder, otherwise[1], menu.rebuilders())?,
        })
    }

    /// Makes them.
    pub fn make(&self) -> (Box<dyn Scheduler>, Box<dyn Rebuilder<FileKey, FileValue>>) {
        let (schedulers, rebuilders) = ([self.scheduler.clone()], [self.rebuilder.clone()]);
        let Some(cell) = self.menu.chosen(&schedulers, &rebuilders).into_iter().next() else {
            unreachable!("both names were looked up on the menu")
        };
        (cell.scheduler(), cell.of_files())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_setting_or_a_mistake_that_is_named() {
        let content = |content| Ok(Settings { content, ..Settings::default() });
        assert_eq!(Settings::parse(""), content(false));
        assert_eq!(Settings::parse("# so\n\n content=true # yes\n"), content(true));
        assert_eq!(Settings::parse("content = true\ncontent = false"), content(false));
        let chosen = Settings { scheduler: Some("restarting".into()), rebuilder: Some("x".into()), content: false };
        assert_eq!(Settings::parse("rebuilder = \"x\"\nscheduler=\"restarting\""), Ok(chosen));
        for wrong in ["content = maybe", "[build]", "scheduler = restarting", "rebuilder"] {
            assert_eq!(Settings::parse(&format!("\n{wrong}")), Err((2, wrong)));
        }
    }
}
