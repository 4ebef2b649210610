//! Processes that commands lead, each with its children: how they are ended, all at once, and what they had begun to write is removed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::jobserver::level;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// A command that runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: Pid,
    /// It leads a process group.
    pub(super) group: bool,
    /// The files that it makes, and when each had been modified before it started.
    pub(super) outputs: Vec<(PathBuf, Option<SystemTime>)>,
}

/// How often a command that was asked to end is looked at, a millisecond apart, before it is made to. A build within another one has half as long,
/// so that it can end its own commands before it is made to end itself.
pub(super) fn patience() -> u32 {
    200 >> level().min(7)
}

/// Ends these processes, all at once.
pub(super) fn end(processes: Vec<Process>) {
    processes.iter().for_each(|process| process.send(Signal::TERM));
    let wait = || {
        for _ in 0..patience() {
            if processes.iter().all(Process::has_ended) && !any_lives(&processes) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait();
    processes.iter().for_each(|process| process.send(Signal::KILL));
    wait();
    processes.iter().for_each(Process::tidy);
}

/// Whether one of the process groups has a member that lives: a shell that is asked to end does so before what it has started. (Where there is
/// no `/proc`, nobody can tell. A process that has ended, and whose parent has not looked yet, does not live.)
fn any_lives(leaders: &[Process]) -> bool {
    let group = |entry: std::fs::DirEntry| {
        let stat = std::fs::read(entry.path().join("stat")).ok()?;
        // The name stands in brackets, and may hold anything; behind it come state, parent and group.
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let mut words = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
        let (state, _, group) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        (!matches!(state, "Z" | "X")).then_some(group)
    };
    let living = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(group);
    let living: HashSet<i32> = living.collect();
    leaders.iter().any(|leader| leader.group && living.contains(&leader.id.as_raw_nonzero().get()))
}

impl Process {
    fn send(&self, signal: Signal) {
        // A process that has just ended of itself cannot be signalled, and need not be.
        let _ = if self.group { kill_process_group(self.id, signal) } else { kill_process(self.id, signal) };
    }

    /// Whether it has ended. It is looked at without being reaped, so that its number stays its own until the last
    /// signal is sent.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.id), look), Ok(None))
    }

    /// Removes what it has begun to write: nobody trusts half an object file, but other programs do not know.
    pub(super) fn tidy(&self) {
        for (path, before) in &self.outputs {
            if *before != modified(path) {
                // If it cannot be removed, the next build knows that it was begun.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

pub(super) fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|file| file.modified()).ok()
}
