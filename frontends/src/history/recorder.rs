//! Adds to the history what a build does, while it does it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alacarte_core::{Cause, Decision, Event, KeyId, Keys};
use alacarte_stores::{FileKey, FileValue, text_of_path, to_stderr};

use super::past::{FileState, History, PastBuild, PastEnd, may_be_long, record_of};
use super::record::{About, CommandRecord, Ending, Outcome, Record, Why};
use super::remaining::Remaining;
use super::words::Words;
use crate::commands::{CommandEvent, Stage, program};

/// Writes the history of one build. It wants to be told of every [decision](Self::decision), every [command](Self::command) and every
/// [event](Self::event) of the journal.
///
/// The file is looked at when the first command starts, is restored or fails, and not before. What goes wrong with it is said, once, and fails no build.
pub struct Recorder {
    about: About,
    begin: Instant,
    /// The file, when it is this build's turn.
    path: Option<PathBuf>,
    is_command: Option<Box<IsCommand>>,
    targets: Option<Vec<FileKey>>,
    begun: Option<Begun>,
    /// What was last found in the file, if none but this recorder has written to it since.
    found: Option<Found>,
    /// Keys that were kept before the build had begun to tell of anything.
    kept: Vec<KeyId>,
    /// Files that had changed before it had.
    changed: Vec<FileKey>,
    whys: HashMap<FileKey, Why>,
    underway: HashMap<FileKey, Underway>,
    /// Runs that have ended, of commands of which the journal does not know so yet.
    ended: HashMap<FileKey, Vec<CommandRecord>>,
    /// Whether each lane is taken.
    lanes: Vec<bool>,
    remaining: Remaining,
    /// What was told of, if somebody wants to have it in the end.
    retained: Option<Vec<CommandRecord>>,
}

/// Whether the task of a key is a command.
type IsCommand = dyn Fn(&FileKey) -> bool;

/// What is known once there is something to tell of.
struct Begun {
    number: u64,
    words: Words,
    /// It cannot be written.
    mute: bool,
}

/// What is known of a file that was read.
#[derive(Clone, Copy)]
struct Found {
    /// The number of the last build in it.
    last: u64,
    /// So many builds were added since.
    builds: usize,
    /// How long it was then, and how long this recorder has left it.
    bytes: [u64; 2],
}

/// A command that is running.
struct Underway {
    start: Instant,
    lane: u32,
    line: String,
}

impl Recorder {
    /// Of a build that begins now.
    pub fn new(scheduler: &str, rebuilder: &str, cache: Option<&Path>, jobs: usize) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let about = About {
            at: now.as_nanos() as u64,
            program: program(),
            scheduler: scheduler.to_owned(),
            rebuilder: rebuilder.to_owned(),
            cache: cache.map(|cache| text_of_path(cache).into_owned()),
            jobs,
        };
        Recorder {
            about,
            begin: Instant::now(),
            path: None,
            is_command: None,
            targets: None,
            begun: None,
            found: None,
            kept: Vec::new(),
            changed: Vec::new(),
            whys: HashMap::new(),
            underway: HashMap::new(),
            ended: HashMap::new(),
            lanes: Vec::new(),
            remaining: Remaining::new(jobs),
            retained: None,
        }
    }

    /// Retains what it tells of, for [`ended`](Self::ended).
    #[must_use]
    pub fn retaining(mut self, retain: bool) -> Self {
        self.retained = retain.then(Vec::new);
        self
    }

    /// The build has ended so. What is told from now on is of the next one, in the same directory and by the same strategies.
    pub fn begin_anew(&mut self, ending: Ending) {
        let (path, targets) = (self.path.clone(), self.targets.clone());
        self.ended(ending);
        let mut next = Recorder::new(&self.about.scheduler, &self.about.rebuilder, None, self.about.jobs);
        next.about.cache = self.about.cache.take();
        (next.path, next.is_command, next.targets) = (path, self.is_command.take(), targets);
        // (What this process knows it need not read again.)
        next.remaining = std::mem::take(&mut self.remaining).anew();
        next.found =
            self.found.filter(|found| !may_be_long(found.builds, found.bytes[1].saturating_sub(found.bytes[0])));
        *self = next;
    }

    /// The build begins now, and not when the one before had ended.
    pub fn begin_now(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (self.about.at, self.begin) = (now.as_nanos() as u64, Instant::now());
    }

    /// It is this build's turn in the directory with this history. A build may have several, if it reads its manifest again.
    pub fn turn(&mut self, history: PathBuf, is_command: impl Fn(&FileKey) -> bool + 'static) {
        self.path = Some(history);
        self.found = None;
        self.is_command = Some(Box::new(is_command));
        self.kept.clear();
        if let Some(begun) = &mut self.begun {
            begun.words = Words::default();
        }
    }

    /// The build was asked for these targets; `None` for those that the manifest names.
    pub fn asked(&mut self, targets: Option<&[FileKey]>) {
        self.targets = targets.map(<[_]>::to_vec);
        if self.begun.is_some() {
            self.write_targets();
        }
    }

    /// These commands may run, and no others.
    pub fn expect(&mut self, commands: impl IntoIterator<Item = FileKey>) {
        self.remaining.expect(commands);
    }

    /// How much time is left, as far as anybody knows.
    pub fn left(&self) -> Option<Duration> {
        self.remaining.left(self.underway.iter().map(|(key, underway)| (key, underway.start.elapsed())))
    }

    /// The number of this build, if there was anything to tell of.
    pub fn number(&self) -> Option<u64> {
        self.begun.as_ref().map(|begun| begun.number)
    }

    /// The journal was told of an event.
    pub fn event(&mut self, keys: &Keys<FileKey>, event: &Event<'_, FileValue>) {
        if let Event::Changed { key, input: true, .. } = event
            && !key.is_definition()
        {
            self.changed.push(keys.name(*key).clone());
            if self.begun.is_some() {
                self.write_changed();
            }
        }
    }

    /// Tells of the files that have changed; of the first build of a directory, they are all.
    fn write_changed(&mut self) {
        let files = std::mem::take(&mut self.changed);
        if let Some(build) = self.number().filter(|number| *number > 1 && !files.is_empty()) {
            self.append([Record::Changed { build, files }]);
        }
    }

    /// What became of a key.
    pub fn decision(&mut self, keys: &Keys<FileKey>, key: KeyId, decision: &Decision) {
        match decision {
            Decision::Kept if self.begun.is_none() => self.kept.push(key),
            Decision::Kept => self.remaining.spared(keys.name(key)),
            Decision::Started(reason) => {
                self.whys.insert(keys.name(key).clone(), Why::of(keys, key, reason));
            }
            Decision::Restored => {
                let key = keys.name(key);
                if self.is_command.as_ref().is_some_and(|is_command| is_command(key)) {
                    self.begin(Some(keys));
                    self.remaining.spared(key);
                    self.without_process(key, Outcome::Restored);
                }
            }
            Decision::Ran { changed } => {
                let key = keys.name(key);
                self.whys.remove(key);
                self.settle(key, |outcome| match outcome {
                    Outcome::Ran { .. } => Outcome::Ran { changed: *changed },
                    other => other,
                });
                self.remaining.spared(key);
            }
            Decision::Failed(cause) => self.failed(keys, key, cause),
            _ => {}
        }
        self.resolve_kept(keys);
    }

    /// Those that were kept need not be expected, now that somebody wants to know.
    fn resolve_kept(&mut self, keys: &Keys<FileKey>) {
        if self.begun.is_some() {
            for key in std::mem::take(&mut self.kept) {
                self.remaining.spared(keys.name(key));
            }
        }
    }

    fn failed(&mut self, keys: &Keys<FileKey>, key: KeyId, cause: &Cause) {
        let key = keys.name(key);
        let why = || match cause {
            Cause::MissingInput { dependency } => format!("'{dependency}' is missing and no command makes it"),
            cause => cause.to_string(),
        };
        self.remaining.spared(key);
        if self.ended.contains_key(key) {
            self.settle(key, |outcome| match outcome {
                Outcome::Ran { .. } => Outcome::Refused { why: why() },
                other => other,
            });
        } else if let Some(underway) = self.underway.remove(key) {
            let took = underway.start.elapsed();
            let command = self.ran(key, underway, took, Outcome::NotRun { why: why() });
            self.write([command]);
        } else if !cause.is_consequence() {
            self.begin(Some(keys));
            self.without_process(key, Outcome::NotRun { why: why() });
        }
        self.whys.remove(key);
    }

    /// A command started or ended.
    pub fn command(&mut self, event: &CommandEvent<'_>) {
        match event.stage {
            Stage::Started => {
                self.begin(None);
                self.remaining.started(event.key);
                let lane = self.lanes.iter().position(|taken| !taken).unwrap_or(self.lanes.len());
                match self.lanes.get_mut(lane) {
                    Some(taken) => *taken = true,
                    None => self.lanes.push(true),
                }
                let underway = Underway { start: Instant::now(), lane: lane as u32, line: event.command.to_owned() };
                self.underway.insert(event.key.clone(), underway);
            }
            Stage::Ended { success, code, .. } => {
                let Some(underway) = self.underway.remove(event.key) else { return };
                let took = underway.start.elapsed();
                let outcome = if success { Outcome::Ran { changed: true } } else { Outcome::Failed { code } };
                let command = self.ran(event.key, underway, took, outcome);
                self.ended.entry(event.key.clone()).or_default().push(command);
            }
        }
    }

    fn ran(&mut self, key: &FileKey, underway: Underway, took: Duration, outcome: Outcome) -> CommandRecord {
        let Underway { start, lane, line } = underway;
        if let Some(taken) = self.lanes.get_mut(lane as usize) {
            *taken = false;
        }
        let why = self.whys.get(key).cloned().unwrap_or_default();
        let start = start.duration_since(self.begin);
        CommandRecord { key: key.clone(), outcome, why, start, took, lane, line: Some(line) }
    }

    /// Something became of a command, and no process ran for it.
    fn without_process(&mut self, key: &FileKey, outcome: Outcome) {
        let why = self.whys.get(key).cloned().unwrap_or_default();
        self.write([CommandRecord { start: self.begin.elapsed(), ..CommandRecord::new(key.clone(), outcome, why) }]);
    }

    /// What the runs of a command came to is known.
    fn settle(&mut self, key: &FileKey, outcome: impl Fn(Outcome) -> Outcome) {
        let runs = self.ended.remove(key).unwrap_or_default();
        self.write(runs.into_iter().map(|run| CommandRecord { outcome: outcome(run.outcome.clone()), ..run }));
    }

    /// The build ended. What it did, if there is anything to tell of; with its commands, if they were [retained](Self::retaining).
    pub fn ended(&mut self, ending: Ending) -> Option<PastBuild> {
        let ended: Vec<CommandRecord> = std::mem::take(&mut self.ended).into_values().flatten().collect();
        self.write(ended);
        for (key, underway) in std::mem::take(&mut self.underway) {
            let took = underway.start.elapsed();
            let command = self.ran(&key, underway, took, Outcome::Interrupted);
            self.write([command]);
        }
        let (number, took) = (self.number()?, self.begin.elapsed());
        self.append([Record::Ended { build: number, took, ending }]);
        let left = self.path.as_deref().and_then(length);
        self.found = self.found.zip(left).map(|(found, left)| Found { bytes: [found.bytes[0], left], ..found });
        (self.begun, self.path) = (None, None);
        let commands = self.retained.take().unwrap_or_default();
        let (about, targets) = (Some(self.about.clone()), self.targets.take());
        Some(PastBuild {
            number,
            about,
            targets,
            commands,
            end: Some(PastEnd { took, ending }),
            ..PastBuild::default()
        })
    }

    fn write(&mut self, commands: impl IntoIterator<Item = CommandRecord>) {
        let Some(begun) = &mut self.begun else { return };
        let (number, words) = (begun.number, &mut begun.words);
        let retained = &mut self.retained;
        let remaining = &mut self.remaining;
        let record = |command: CommandRecord| {
            if let Outcome::Ran { .. } = command.outcome {
                remaining.took(&command.key, command.took);
            }
            retained.iter_mut().for_each(|retained| retained.push(command.clone()));
            record_of(number, command, words)
        };
        let records: Vec<Record> = commands.into_iter().map(record).collect();
        self.append(records);
    }

    fn write_targets(&mut self) {
        if let (Some(build), targets @ Some(_)) = (self.number(), self.targets.clone()) {
            self.append([Record::Asked { build, targets }]);
        }
    }

    fn append(&mut self, records: impl IntoIterator<Item = Record>) {
        let (Some(path), Some(begun)) = (&self.path, &mut self.begun) else { return };
        if !begun.mute
            && let Err(error) = History::file(path).append(records.into_iter())
        {
            begun.mute = true;
            refused(path, &error);
        }
    }

    /// There is something to tell of: the build gets its number.
    fn begin(&mut self, keys: Option<&Keys<FileKey>>) {
        if self.begun.is_some() {
            return;
        }
        let Some(path) = self.path.clone() else { return };
        let (number, told) = match self.found.take().and_then(|found| self.go_on(found, &path)) {
            Some(number) => (number, Ok(())),
            None => self.begin_in(&path),
        };
        if let Err(error) = &told {
            refused(&path, error);
        }
        self.begun = Some(Begun { number, words: Words::default(), mute: told.is_err() });
        self.write_targets();
        self.write_changed();
        if let Some(keys) = keys {
            self.resolve_kept(keys);
        }
    }

    /// Adds a build to a file of which it is known what it holds; its number, if the file is still as this recorder has left it.
    fn go_on(&mut self, found: Found, path: &Path) -> Option<u64> {
        if length(path) != Some(found.bytes[1]) {
            return None;
        }
        let number = found.last + 1;
        let began = Record::Began { build: number, about: self.about.clone() };
        History::file(path).append([began].into_iter()).ok()?;
        self.found = Some(Found { last: number, builds: found.builds + 1, ..found });
        Some(number)
    }

    /// Reads the file and adds a build to it: its number, and whether that could be told.
    fn begin_in(&mut self, path: &Path) -> (u64, io::Result<()>) {
        let history = match History::read_or_begin(path) {
            Ok(history) => history,
            Err(error) => return (1, Err(error)),
        };
        let number = history.next();
        self.remaining.know(history.durations());
        let told = self.add_to(history, path, Record::Began { build: number, about: self.about.clone() });
        let read = length(path).filter(|_| told.is_ok());
        self.found = read.map(|read| Found { last: number, builds: 0, bytes: [read; 2] });
        (number, told)
    }

    fn add_to(&self, history: History, path: &Path, began: Record) -> io::Result<()> {
        let file = History::file(path);
        match history.state() {
            FileState::Read { damaged: false, .. } if !history.is_long() => {
                return file.append([began].into_iter()).map(drop);
            }
            FileState::Read { damaged: true, .. } => {
                to_stderr(format_args!(
                    "{}: the history of builds was damaged: what is lost of it cannot be explained any more",
                    program()
                ));
            }
            FileState::Foreign => {
                to_stderr(format_args!(
                    "{}: the history of builds cannot be read (it is damaged, or of another version): it begins anew",
                    program()
                ));
            }
            FileState::Read { .. } | FileState::Missing => {}
        }
        let kept = if history.is_long() { history.shortened() } else { history };
        file.replace(kept.records().chain([began])).map(drop)
    }
}

/// How long a file is, if it is there.
fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.len())
}

fn refused(path: &Path, error: &io::Error) {
    to_stderr(format_args!(
        "{}: warning: the history of builds cannot be written ({}: {error}); nobody will be able to ask why this build ran what it ran",
        program(),
        path.display()
    ));
}

impl Drop for Recorder {
    /// A build that was dropped was ended by somebody.
    fn drop(&mut self) {
        if self.begun.is_some() {
            self.ended(Ending::Interrupted);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("about", &self.about).field("build", &self.number()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(recorder: &mut Recorder, key: &str, stage: Stage<'_>) {
        let outputs = [FileKey::from(key)];
        recorder.command(&CommandEvent {
            key: &outputs[0],
            outputs: &outputs,
            console: false,
            shown: key,
            command: "touch it",
            started: 0,
            finished: 0,
            stage,
        });
    }

    fn recorder(path: &Path) -> Recorder {
        let mut recorder = Recorder::new("suspending", "verifying-trace", None, 2).retaining(true);
        recorder.turn(path.to_owned(), |_| true);
        recorder
    }

    const ENDED: Stage<'_> = Stage::Ended { success: true, code: 0, output: b"" };

    #[test]
    fn commands_that_run_at_once_have_lanes_of_their_own() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let path = place.path().join("history");
        let mut recorder = recorder(&path);
        for (key, stage) in [
            ("a", Stage::Started),
            ("b", Stage::Started),
            ("a", ENDED),
            ("c", Stage::Started),
            ("b", ENDED),
            ("c", ENDED),
        ] {
            tell(&mut recorder, key, stage);
        }
        tell(&mut recorder, "d", Stage::Started);
        let build = recorder.ended(Ending::Interrupted).expect("it did something");
        let mut lanes: Vec<(&str, u32)> =
            build.commands.iter().map(|command| (command.key.as_str(), command.lane)).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, [("a", 0), ("b", 1), ("c", 0), ("d", 0)]);
        let read = History::read(&path, place.path()).expect("it was written");
        let build = read.build(1).expect("it is the first");
        assert_eq!(build.end.map(|end| end.ending), Some(Ending::Interrupted));
        let underway = build.commands.iter().find(|command| command.key.as_str() == "d");
        assert_eq!(underway.map(|command| &command.outcome), Some(&Outcome::Interrupted));
        assert_eq!(underway.and_then(|command| command.line.as_deref()), Some("touch it"));
    }

    #[test]
    fn a_build_that_does_nothing_writes_nothing_and_the_file_stays_bounded() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let path = place.path().join("history");
        assert!(recorder(&path).ended(Ending::Succeeded).is_none() && !path.exists());
        let (mut longest, mut builds) = (0, 0);
        for number in 1..=500 {
            let mut recorder = recorder(&path);
            tell(&mut recorder, "a", Stage::Started);
            tell(&mut recorder, "a", ENDED);
            assert_eq!(recorder.ended(Ending::Succeeded).map(|build| build.number), Some(number));
            let bytes = std::fs::metadata(&path).expect("it is there").len();
            if number <= 250 {
                longest = bytes.max(longest);
            }
            assert!(bytes <= longest + longest / 10, "{bytes} bytes after {number} builds, {longest} before");
            builds = History::read(&path, place.path()).expect("it is there").builds().count();
        }
        assert!((100..=202).contains(&builds), "{builds}");
    }

    /// A build that stays in memory adds to a history that it knows without reading it; that stays as short as if others had added to it.
    #[test]
    fn builds_that_follow_each_other_are_numbered_and_the_file_stays_bounded() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let path = place.path().join("history");
        let mut staying = recorder(&path);
        let (mut longest, mut builds) = (0, 0);
        for number in 1..=700 {
            tell(&mut staying, "a", Stage::Started);
            tell(&mut staying, "a", ENDED);
            staying.settle(&FileKey::from("a"), |outcome| outcome);
            assert_eq!(staying.number(), Some(number));
            staying.begin_anew(Ending::Succeeded);
            let bytes = std::fs::metadata(&path).expect("it is there").len();
            if number <= 350 {
                longest = bytes.max(longest);
            }
            assert!(bytes <= longest + longest / 10, "{bytes} bytes after {number} builds, {longest} before");
            if number % 50 == 0 {
                builds = History::read(&path, place.path()).expect("it is there").builds().count();
                assert!((50..=303).contains(&builds), "{builds}");
            }
        }
        // Another program builds there, whether or not this one is told that it is its turn again.
        let mut other = recorder(&path);
        tell(&mut other, "b", Stage::Started);
        assert_eq!(other.number(), Some(701));
        drop(other);
        tell(&mut staying, "a", Stage::Started);
        assert_eq!(staying.number(), Some(702));
        staying.begin_anew(Ending::Succeeded);
        let mut other = recorder(&path);
        tell(&mut other, "b", Stage::Started);
        assert_eq!(other.number(), Some(703));
        drop(other);
        staying.turn(path.clone(), |_| true);
        tell(&mut staying, "a", Stage::Started);
        assert_eq!(staying.number(), Some(704));
        // A file that somebody removes begins anew.
        staying.begin_anew(Ending::Succeeded);
        std::fs::remove_file(&path).expect("it is there");
        tell(&mut staying, "a", Stage::Started);
        assert_eq!(staying.number(), Some(1));
        drop(staying);
        assert!(History::read(&path, place.path()).is_ok() && builds > 100);
    }

    #[test]
    fn two_builds_that_take_turns_do_not_mix() {
        let place = tempfile::tempdir().expect("a scratch directory");
        let path = place.path().join("history");
        let (mut one, mut other) = (recorder(&path), recorder(&path));
        tell(&mut one, "a", Stage::Started);
        tell(&mut one, "a", ENDED);
        tell(&mut other, "b", Stage::Started);
        tell(&mut other, "b", ENDED);
        one.turn(path.clone(), |_| true);
        tell(&mut one, "c", Stage::Started);
        tell(&mut one, "c", ENDED);
        drop((one, other));
        let read = History::read(&path, place.path()).expect("it was written");
        let keys = |number| -> Vec<&str> {
            let build = read.build(number).expect("it is there");
            let mut keys: Vec<&str> = build.commands.iter().map(|command| command.key.as_str()).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!((keys(1), keys(2)), (vec!["a", "c"], vec!["b"]));
    }
}
