//! How much time is left, by how long each command took when it last ran.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use alacarte_stores::FileKey;

/// An estimate of the time that is left: all that the commands which are still to run took when they last ran, shared among the jobs; but no less than the
/// longest of those that are running. A command that never ran counts as one of average length.
///
/// ```
/// use std::time::Duration;
///
/// use alacarte::history::Remaining;
///
/// let seconds = Duration::from_secs;
/// let mut remaining = Remaining::new(2);
/// remaining.know([("a.o".into(), seconds(4)), ("b.o".into(), seconds(2))].into());
/// remaining.expect(["a.o", "b.o", "c.o"].map(Into::into));
/// // Nobody knows of c.o: it counts three seconds.
/// assert_eq!(remaining.left([]), Some(Duration::from_millis(4500)));
/// remaining.spared(&"c.o".into());
/// remaining.started(&"a.o".into());
/// remaining.started(&"b.o".into());
/// // Both have run for a second.
/// let running = [("a.o".into(), seconds(1)), ("b.o".into(), seconds(1))];
/// assert_eq!(remaining.left(running.iter().map(|(key, time)| (key, *time))), Some(seconds(3)));
/// ```
#[derive(Debug, Default)]
pub struct Remaining {
    jobs: usize,
    known: HashMap<FileKey, Duration>,
    /// The sum of these.
    total: Duration,
    /// The commands that are expected to run, and were not started.
    expected: HashSet<FileKey>,
    /// What is known of these, in all; and of how many nothing is.
    sum: Duration,
    unknown: usize,
}

impl Remaining {
    /// Of a build with so many jobs.
    pub fn new(jobs: usize) -> Self {
        Remaining { jobs: jobs.max(1), ..Remaining::default() }
    }

    /// How long each command took when it last ran.
    pub fn know(&mut self, durations: HashMap<FileKey, Duration>) {
        self.total = durations.values().sum();
        self.known = durations;
        self.add_up();
    }

    /// A command that need not be expected any more took so long.
    pub(super) fn took(&mut self, key: &FileKey, took: Duration) {
        let before = self.known.insert(key.clone(), took);
        self.total = (self.total + took).saturating_sub(before.unwrap_or_default());
    }

    /// Of another build with as many jobs: what is known of commands stays, and none is expected yet.
    pub(super) fn anew(self) -> Self {
        Remaining { jobs: self.jobs, known: self.known, total: self.total, ..Remaining::default() }
    }

    /// What a command took on average; `None` if nothing is known.
    fn average(&self) -> Option<Duration> {
        let count = u32::try_from(self.known.len()).ok().filter(|count| *count > 0)?;
        Some(self.total / count)
    }

    /// These commands are expected to run, and no others.
    pub fn expect(&mut self, commands: impl IntoIterator<Item = FileKey>) {
        self.expected = commands.into_iter().collect();
        self.add_up();
    }

    fn add_up(&mut self) {
        let known = self.expected.iter().filter_map(|key| self.known.get(key));
        (self.sum, self.unknown) = (known.clone().sum(), self.expected.len() - known.count());
    }

    /// A command need not run.
    pub fn spared(&mut self, key: &FileKey) {
        if self.expected.remove(key) {
            match self.known.get(key) {
                Some(took) => self.sum = self.sum.saturating_sub(*took),
                None => self.unknown -= 1,
            }
        }
    }

    /// A command was started.
    pub fn started(&mut self, key: &FileKey) {
        self.spared(key);
    }

    /// The time that is left, while these commands have been running for so long. `None` if nothing is known.
    pub fn left<'k>(&self, running: impl IntoIterator<Item = (&'k FileKey, Duration)>) -> Option<Duration> {
        let average = self.average()?;
        let (mut work, mut longest) = (self.sum + average * self.unknown as u32, Duration::ZERO);
        let mut commands = self.expected.len();
        for (key, since) in running {
            let rest = self.known.get(key).copied().unwrap_or(average).saturating_sub(since);
            work += rest;
            longest = longest.max(rest);
            commands += 1;
        }
        Some(longest.max(work / self.jobs.min(commands).max(1) as u32))
    }
}
