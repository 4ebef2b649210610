//! The history of a directory, as it is read, and how it is made shorter.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alacarte_stores::{FileKey, RecordFile};
use thiserror::Error;

use super::record::{About, CommandRecord, Ending, Outcome, Record};
use super::words::{KnownWords, Numbered, Words};

/// How every history begins.
const TITLE: &[u8] = b"alacarte history 2\n";

/// So many builds are kept, beside the last run of each command,
const BUILDS: usize = 100;

/// as long as they take up no more than so many bytes (the last build is kept in any case).
const BYTES: usize = 4 << 20;

/// Whether a history that was not long when it was read may be so, now that so many builds and bytes were added.
pub(super) fn may_be_long(builds: usize, bytes: u64) -> bool {
    builds >= BUILDS || bytes >= BYTES as u64
}

/// Of so many commands the last run is kept, though its build is not.
const LAST_RUNS: usize = 200_000;

/// What is remembered of the builds of a directory.
#[derive(Debug)]
pub struct History {
    /// The builds, oldest first. Of a dropped build, only such commands are left as have not run since.
    builds: Vec<PastBuild>,
    /// In which builds something became of a command: places in `builds` and in its list of commands, oldest first.
    places: HashMap<FileKey, Vec<(usize, usize)>>,
    state: FileState,
}

/// A build that was.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PastBuild {
    /// Its number. The first build of a directory is 1.
    pub number: u64,
    /// What was known at its beginning; `None` if it was dropped.
    pub about: Option<About>,
    /// What it was asked for; `None` if that was what the manifest names.
    pub targets: Option<Vec<FileKey>>,
    /// The files that no command makes and that were not as the build before had found them. (In the first build of a directory, none are
    /// told of.)
    pub changed: Vec<FileKey>,
    /// What became of commands, in the order in which they ended. What was kept is not among them.
    pub commands: Vec<CommandRecord>,
    /// How long it took and how it ended; `None` if it was killed, or is at work.
    pub end: Option<PastEnd>,
    /// How many bytes it takes up in the file, more or less.
    pub(crate) bytes: usize,
}

impl PastBuild {
    /// How many commands ran well, were restored, and failed.
    pub fn counts(&self) -> CommandCounts {
        let count = |is: fn(&Outcome) -> bool| self.commands.iter().filter(|command| is(&command.outcome)).count();
        let restored = count(|outcome| *outcome == Outcome::Restored);
        let ran = count(Outcome::is_success) - restored;
        let failed = |outcome: &Outcome| !outcome.is_success() && *outcome != Outcome::Interrupted;
        CommandCounts { ran, restored, failed: count(failed) }
    }
}

/// How long a build took and how it ended, see [`PastBuild::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastEnd {
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// What became of the commands of a build, see [`PastBuild::counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandCounts {
    /// So many ran well.
    pub ran: usize,
    /// The outputs of so many were restored.
    pub restored: usize,
    /// So many failed.
    pub failed: usize,
}

/// How the file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// There is none.
    Missing,
    /// It is one of another version, or its beginning is damaged.
    Foreign,
    /// So many records are whole; or some are lost.
    Read { records: usize, damaged: bool },
}

/// Nothing can be told of the builds of a directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// No build wrote a history.
    #[error("nothing was built in {directory} yet of which anything is remembered: run `alacarte build` there first")]
    NeverBuilt {
        /// The directory.
        directory: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the history of builds, {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is damaged, or of another version.
    #[error(
        "{path} is no history of builds that this program can read: the next build that runs something begins it anew"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// There is no build of this number.
    #[error("there is no build {number}: {known}")]
    NoBuild {
        /// The number.
        number: u64,
        /// Which there are, in words.
        known: String,
    },
}

impl History {
    /// The file that holds the history of a directory's builds.
    pub(super) fn file(path: &Path) -> RecordFile {
        RecordFile::new(path, TITLE)
    }

    /// Reads a history; an empty one if there is none, or none that can be read.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn read_or_begin(path: &Path) -> io::Result<History> {
        let mut builds: BTreeMap<u64, (PastBuild, KnownWords)> = BTreeMap::new();
        let found = Self::file(path).read(&mut |record: Record| {
            let number = match record {
                Record::Began { build, .. } | Record::Asked { build, .. } => build,
                Record::Changed { build, .. } | Record::Command { build, .. } | Record::Ended { build, .. } => build,
            };
            let (build, words) = builds.entry(number).or_default();
            build.number = number;
            build.bytes += record.bytes();
            match record {
                Record::Began { about, .. } => build.about = Some(about),
                Record::Asked { targets, .. } => build.targets = targets,
                Record::Changed { files, .. } => build.changed.extend(files),
                Record::Command { command, first, new, line, .. } => {
                    let line = words.line(Numbered { first, new, line });
                    build.commands.push(CommandRecord { line, ..command });
                }
                Record::Ended { took, ending, .. } => build.end = Some(PastEnd { took, ending }),
            }
        });
        let state = match found {
            Ok(Some(found)) => FileState::Read { records: found.records, damaged: found.damaged },
            Ok(None) => FileState::Foreign,
            Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Missing,
            Err(error) => return Err(error),
        };
        Ok(History::of(builds.into_values().map(|(build, _)| build).collect(), state))
    }

    fn of(builds: Vec<PastBuild>, state: FileState) -> History {
        let mut places: HashMap<FileKey, Vec<(usize, usize)>> = HashMap::new();
        for (at, build) in builds.iter().enumerate() {
            for (place, command) in build.commands.iter().enumerate() {
                places.entry(command.key.clone()).or_default().push((at, place));
            }
        }
        History { builds, places, state }
    }

    /// Reads the history in this file, of the builds of this directory.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn read(path: &Path, directory: &Path) -> Result<History, HistoryError> {
        let unreadable = |source| HistoryError::Unreadable { path: path.to_owned(), source };
        let history = Self::read_or_begin(path).map_err(unreadable)?;
        match history.state {
            FileState::Foreign => Err(HistoryError::Foreign { path: path.to_owned() }),
            _ if history.builds().next().is_none() => Err(HistoryError::NeverBuilt { directory: directory.to_owned() }),
            _ => Ok(history),
        }
    }

    pub(super) fn state(&self) -> FileState {
        self.state
    }

    /// The builds that were not dropped, oldest first.
    pub fn builds(&self) -> impl DoubleEndedIterator<Item = &PastBuild> {
        self.builds.iter().filter(|build| build.about.is_some())
    }

    /// The number of the next build.
    pub(super) fn next(&self) -> u64 {
        self.builds.last().map_or(1, |last| last.number.saturating_add(1))
    }

    /// The build of this number.
    ///
    /// # Errors
    /// If there is none, or it was dropped.
    pub fn build(&self, number: u64) -> Result<&PastBuild, HistoryError> {
        self.builds().find(|build| build.number == number).ok_or_else(|| {
            let known = match (self.builds().next(), self.builds().next_back()) {
                (Some(first), Some(last)) if first.number < last.number => {
                    format!(
                        "those from {} to {} are remembered (`alacarte history` lists them)",
                        first.number, last.number
                    )
                }
                (Some(only), _) => format!("build {} is the only one that is remembered", only.number),
                _ => "none is remembered".into(),
            };
            HistoryError::NoBuild { number, known }
        })
    }

    /// What became of a command, newest first, in builds up to this number.
    pub fn of_command(&self, key: &FileKey, up_to: u64) -> impl Iterator<Item = (&PastBuild, &CommandRecord)> {
        let places = self.places.get(key).into_iter().flatten().rev();
        let found = places.map(|&(build, place)| (&self.builds[build], &self.builds[build].commands[place]));
        found.filter(move |(build, _)| build.number <= up_to)
    }

    /// How long each command took when it last ran well.
    pub fn durations(&self) -> HashMap<FileKey, Duration> {
        let ran = |command: &&CommandRecord| matches!(command.outcome, Outcome::Ran { .. });
        let all = self.builds.iter().flat_map(|build| build.commands.iter().filter(ran));
        all.map(|command| (command.key.clone(), command.took)).collect()
    }

    /// Whether it is so long that it should be [made shorter](Self::shortened).
    pub(super) fn is_long(&self) -> bool {
        let kept = self.builds().count();
        let told: usize = self.builds().map(|build| build.bytes).sum();
        let last = self.builds.last().map_or(0, |last| last.bytes);
        kept > 2 * BUILDS || told > 2 * BYTES + last
    }

    /// The same without its oldest builds; of these, the last run of each command is left.
    pub(super) fn shortened(self) -> History {
        let (mut kept, mut told) = (0, 0);
        let stays: Vec<bool> = self
            .builds
            .iter()
            .rev()
            .map(|build| {
                kept += usize::from(build.about.is_some());
                told += build.bytes;
                build.about.is_some() && (kept <= 1 || kept <= BUILDS && told <= BYTES)
            })
            .collect();
        let first = stays.iter().take_while(|stays| **stays).count();
        let first = self.builds.len() - first;
        let mut known: HashMap<FileKey, (bool, bool)> = HashMap::new();
        let mut last_runs = 0;
        let mut builds = self.builds;
        for (at, build) in builds.iter_mut().enumerate().rev() {
            let dropped = at < first;
            let mut left = Vec::new();
            for command in std::mem::take(&mut build.commands).into_iter().rev() {
                let (made, ran) = known.entry(command.key.clone()).or_default();
                let makes =
                    command.outcome.is_success() && !std::mem::replace(made, *made || command.outcome.is_success());
                let runs = matches!(command.outcome, Outcome::Ran { .. });
                let runs = runs && !std::mem::replace(ran, true);
                if !dropped {
                    left.push(command);
                } else if (makes || runs) && last_runs < LAST_RUNS {
                    last_runs += 1;
                    left.push(command);
                }
            }
            left.reverse();
            build.commands = left;
            if dropped {
                (build.about, build.targets, build.end) = (None, None, None);
                build.changed = Vec::new();
            }
        }
        builds.retain(|build| build.about.is_some() || !build.commands.is_empty());
        History::of(builds, self.state)
    }

    /// All of it as records.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.builds.iter().flat_map(|past| {
            let build = past.number;
            let mut words = Words::default();
            let began = past.about.clone().map(|about| Record::Began { build, about });
            let asked = past.targets.clone().map(|targets| Record::Asked { build, targets: Some(targets) });
            let changed = (!past.changed.is_empty()).then(|| Record::Changed { build, files: past.changed.clone() });
            let commands = past.commands.iter().map(move |command| record_of(build, command.clone(), &mut words));
            let ended = past.end.map(|PastEnd { took, ending }| Record::Ended { build, took, ending });
            began.into_iter().chain(asked).chain(changed).chain(commands).chain(ended)
        })
    }
}

/// The record of a command.
pub(super) fn record_of(build: u64, command: CommandRecord, words: &mut Words) -> Record {
    let Numbered { first, new, line } = match &command.line {
        Some(line) => words.number(line),
        None => Numbered { first: 0, new: Vec::new(), line: Vec::new() },
    };
    Record::Command { build, command, first, new, line }
}

#[cfg(test)]
mod tests {
    use super::super::record::Why;
    use super::*;

    fn ran(key: &str, took: u64) -> CommandRecord {
        let (took, line) = (Duration::from_millis(took), Some(format!("cc -c {key}")));
        CommandRecord { took, line, ..CommandRecord::new(key.into(), Outcome::Ran { changed: true }, Why::NeverBuilt) }
    }

    /// A command takes up so much in these tests.
    const LARGE: usize = 1 << 12;

    fn build(number: u64, commands: Vec<CommandRecord>) -> PastBuild {
        let end = Some(PastEnd { took: Duration::from_secs(number), ending: Ending::Succeeded });
        let bytes = LARGE * commands.len();
        PastBuild { number, about: Some(About::default()), commands, end, bytes, ..PastBuild::default() }
    }

    fn history(builds: Vec<PastBuild>) -> History {
        History::of(builds, FileState::Missing)
    }

    #[test]
    fn old_builds_are_dropped_and_the_last_run_of_each_command_stays() {
        let mut builds = vec![build(1, vec![ran("once", 7), ran("often", 8)])];
        builds.extend((2..=2 * BUILDS as u64 + 1).map(|number| build(number, vec![ran("often", number)])));
        let long = history(builds);
        assert!(long.is_long());
        let short = long.shortened();
        assert!(!short.is_long());
        assert_eq!(short.builds().count(), BUILDS);
        assert_eq!(short.next(), 2 * BUILDS as u64 + 2);
        let took = short.durations();
        assert_eq!(took["once"], Duration::from_millis(7));
        assert_eq!(took["often"], Duration::from_millis(2 * BUILDS as u64 + 1));
        let first = &short.builds[0];
        assert_eq!((first.number, first.about.is_none(), first.commands.len()), (1, true, 1));
        assert!(short.build(1).is_err());
    }

    #[test]
    fn many_commands_are_as_long_as_many_builds_and_the_last_build_stays() {
        let many = BYTES / LARGE + 1;
        let large = |number| build(number, (0..many).map(|key| ran(&key.to_string(), number)).collect());
        let builds: Vec<PastBuild> = (1..=4).map(large).collect();
        let long = history(builds);
        assert!(long.is_long());
        let short = long.shortened();
        assert_eq!(short.builds().map(|build| build.number).collect::<Vec<_>>(), [4]);
        assert_eq!(short.builds[0].commands.len(), many);
        assert!(!short.is_long());
    }

    #[test]
    fn what_is_written_is_read() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let path = place.path().join("history");
        let mut second = build(2, vec![ran("b", 3)]);
        second.targets = Some(vec!["b".into()]);
        second.changed = vec!["b.c".into(), "b.h".into()];
        second.end = None;
        let written = history(vec![build(1, vec![ran("a", 1), ran("b", 2)]), second]);
        History::file(&path).replace(written.records()).expect("it is written");
        let read = History::read(&path, place.path()).expect("it is read");
        let shown = |history: &History| -> Vec<String> {
            let builds = history.builds.iter().cloned();
            builds.map(|build| format!("{:?}", PastBuild { bytes: 0, ..build })).collect()
        };
        assert_eq!(shown(&read), shown(&written));
        // (A file is made shorter by what its builds take up.)
        let bytes: usize = read.builds.iter().map(|build| build.bytes).sum();
        let length = std::fs::metadata(&path).expect("it is there").len() as usize;
        assert!(bytes >= length - TITLE.len() && bytes < 3 * length, "{bytes} for {length}");
        let of_b: Vec<u64> = read.of_command(&"b".into(), 2).map(|(build, _)| build.number).collect();
        assert_eq!(of_b, [2, 1]);
        std::fs::write(&path, "something else").expect("it is written");
        assert!(matches!(History::read(&path, place.path()), Err(HistoryError::Foreign { .. })));
        std::fs::remove_file(&path).expect("it is removed");
        assert!(matches!(History::read(&path, place.path()), Err(HistoryError::NeverBuilt { .. })));
    }
}
