//! Running commands: each a shell in a process group of its own, its output and its errors in one pipe, in the
//! order in which they were written.
//!
//! A command that nobody waits for any more (the build was dropped: Ctrl-C) is ended with all its children, and so are
//! all others of the build: they are asked to, all at once, given a moment to tidy up after themselves, and then made
//! to. When the future has been dropped, they are gone, and so is what they had begun to write.

use std::collections::BTreeMap;
#[cfg(any(feature = "ninja", test))]
use std::ffi::OsStr;
use std::io;
#[cfg(any(feature = "ninja", test))]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use super::captured::read;
use super::cheats::{CHEATS, Owing};
use super::exit_status::was_interrupted;
use super::jobserver::{LEVEL, level};
use super::process_group::{Process, end, modified, patience};
use super::tool_cache;
use super::underway::{Commands, within_a_runtime};
#[cfg(any(feature = "ninja", test))]
use alacarte_stores::bytes_of;
use rustix::process::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it wrote; nothing if it wrote to the console itself.
    pub(crate) output: Vec<u8>,
    /// What a program wrote to standard output, where that is kept apart.
    pub(crate) said: Vec<u8>,
}

/// A command line, and what is to be known of it.
pub(crate) struct Line<'l> {
    pub(crate) what: What<'l>,
    pub(crate) directory: &'l Path,
    /// It has the terminal to itself.
    pub(crate) console: bool,
    /// The files that it makes.
    pub(crate) outputs: Vec<PathBuf>,
    /// So much of what it writes is kept, from its beginning and from its end.
    pub(crate) keep: usize,
    /// If nobody waits for it any more, it alone is ended, and not all others of the build with it.
    pub(crate) alone: bool,
    /// Where it keeps temporary files and caches, if not where this process does.
    pub(crate) private: Option<&'l Path>,
    /// Its copy of the cache that a tool keeps for itself.
    pub(crate) tool_cache: Option<PathBuf>,
    /// How its process is started, if not as a child of this thread.
    pub(crate) spawn: Option<Spawn<'l>>,
}

/// Starts a process otherwise than by this thread.
pub(crate) type Spawn<'l> = Box<dyn FnOnce(&mut Command) -> io::Result<Child> + 'l>;

/// What is run.
pub(crate) enum What<'l> {
    /// A line, by the shell.
    #[cfg(any(feature = "ninja", test))]
    Shell(&'l str),
    /// A program with its arguments, and what its environment has besides that of this process; whether what it writes to
    /// standard output is kept apart.
    Program { arguments: &'l [String], environment: &'l BTreeMap<String, String>, apart: bool },
}

/// Runs a command line to its end. Where there is a jobserver, the caller has a [token](Commands::token).
pub(crate) async fn run(commands: &Commands, line: Line<'_>) -> io::Result<Ended> {
    within_a_runtime()?;
    let Line { what, directory, console, outputs, keep, alone, private, tool_cache, spawn } = line;
    let mut command = match what {
        #[cfg(any(feature = "ninja", test))]
        What::Shell(line) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(OsStr::from_bytes(&bytes_of(line)));
            command
        }
        What::Program { arguments, environment, .. } => {
            let Some((program, arguments)) = arguments.split_first() else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a command without a program"));
            };
            let mut command = Command::new(program);
            command.args(arguments).envs(environment);
            command
        }
    };
    command.current_dir(directory).kill_on_drop(true);
    command.envs(["TMPDIR", "XDG_CACHE_HOME"].into_iter().filter_map(|name| Some((name, private?))));
    // (That of a command around this build is not for those in it.)
    command.env_remove(tool_cache::VARIABLE).envs(tool_cache.map(|path| (tool_cache::VARIABLE, path)));
    let (mut reader, mut said) = (None, None);
    if !console {
        let (ours, theirs) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(theirs.try_clone()?).stderr(theirs).process_group(0);
        reader = Some(pipe::Receiver::from_owned_fd(ours.into())?);
        if let What::Program { apart: true, .. } = what {
            let (ours, theirs) = io::pipe()?;
            command.stdout(theirs);
            said = Some(pipe::Receiver::from_owned_fd(ours.into())?);
        }
    }
    if let Some(jobserver) = &commands.jobserver {
        command.envs(jobserver.flags().map(|flags| ("MAKEFLAGS", flags)));
    }
    command.env(LEVEL, (level() + 1).to_string());
    // To what is shown it is said so, and to nobody else. (Without a pipe it waits for a token, as others do.)
    let shows = commands.jobserver.as_ref().filter(|jobserver| console && jobserver.is_shown());
    let owing = shows.and_then(|jobserver| Some((jobserver, Owing::new().ok()?)));
    command.env_remove(CHEATS).envs(owing.as_ref().map(|(_, owing)| (CHEATS, owing.name())));
    let outputs = outputs.into_iter().map(|path| (modified(&path), path)).map(|(time, path)| (path, time)).collect();
    let Some(mut running) = Running::start(commands, &mut command, spawn, !console, alone, outputs)? else {
        return std::future::pending().await;
    };
    // The command holds our ends of the pipe, which would never end.
    drop(command);
    let ended = running.wait(reader, said, keep).await;
    if commands.is_closed() {
        // It did not end of itself.
        return std::future::pending().await;
    }
    let process = running.leave();
    if let Some((jobserver, owing)) = owing {
        jobserver.owe(owing.owed());
    }
    if let Some(interruption) = &commands.interruption
        && ended.as_ref().is_ok_and(|ended| was_interrupted(ended.status))
    {
        process.iter().for_each(Process::tidy);
        commands.close();
        interruption.notify_one();
        return std::future::pending().await;
    }
    let killed = ended.as_ref().is_ok_and(|ended| ended.status.signal().is_some());
    commands.lock().killed += usize::from(killed);
    commands.ended().await;
    if ended.is_err() {
        // It is of no use any more; the others are.
        end(process.into_iter().collect());
    }
    ended
}

/// A child that is ended, and all others with it, when it is dropped too early.
struct Running<'c> {
    commands: &'c Commands,
    number: u64,
    child: Child,
    alone: bool,
    left: bool,
}

impl<'c> Running<'c> {
    /// Starts a command, unless none may start any more.
    fn start(
        commands: &'c Commands,
        command: &mut Command,
        spawn: Option<Spawn<'_>>,
        group: bool,
        alone: bool,
        outputs: Vec<(PathBuf, Option<SystemTime>)>,
    ) -> io::Result<Option<Self>> {
        let mut underway = commands.lock();
        if underway.closed {
            return Ok(None);
        }
        let child = match spawn {
            Some(spawn) => spawn(command),
            None => command.spawn(),
        }?;
        underway.started += 1;
        let number = underway.started;
        // Without an id it was waited for already.
        if let Some(id) = child.id().and_then(|id| Pid::from_raw(id as i32)) {
            underway.running.insert(number, Process { id, group, outputs });
        }
        Ok(Some(Running { commands, number, child, alone, left: false }))
    }

    async fn wait(
        &mut self,
        reader: Option<pipe::Receiver>,
        said: Option<pipe::Receiver>,
        keep: usize,
    ) -> io::Result<Ended> {
        let (output, said) = tokio::try_join!(read(reader, keep), read(said, usize::MAX))?;
        let status = self.child.wait().await?;
        Ok(Ended { status, output, said })
    }

    /// It is not one of the running commands any more.
    fn leave(&mut self) -> Option<Process> {
        self.left = true;
        self.commands.lock().running.remove(&self.number)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.left {
            if self.alone {
                let process = self.commands.lock().running.remove(&self.number);
                end(process.into_iter().collect());
            } else {
                self.commands.end();
            }
        }
        // They have ended already, and are only to be reaped.
        for _ in 0..patience() {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::exit_status::failure;
    use std::time::Instant;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    }

    fn of<'l>(line: &'l str, directory: &'l Path) -> Line<'l> {
        Line {
            what: What::Shell(line),
            directory,
            console: false,
            outputs: Vec::new(),
            keep: 1 << 20,
            alone: false,
            private: None,
            tool_cache: None,
            spawn: None,
        }
    }

    fn run_in(directory: &Path, line: &str) -> Ended {
        block_on(run(&Commands::default(), of(line, directory))).expect("it starts")
    }

    #[test]
    fn output_and_errors_come_in_the_order_written() {
        let ended = run_in(Path::new("/"), "echo one; echo two >&2; pwd; cat; exit 3");
        assert_eq!(String::from_utf8_lossy(&ended.output), "one\ntwo\n/\n");
        assert_eq!(failure(ended.status), "exit status 3");
        let ended = run_in(Path::new("/"), "kill -SEGV $$");
        assert_eq!(failure(ended.status), "signal 11: SIGSEGV");
    }

    #[test]
    fn much_output_does_not_block() {
        let ended = run_in(Path::new("/"), "head -c 1000000 /dev/zero");
        assert!(ended.status.success() && ended.output.len() == 1_000_000);
    }

    #[test]
    fn of_too_much_output_begin_and_end_are_kept() {
        let line = Line { keep: 10, ..of("echo begin; head -c 1000000 /dev/zero; echo; echo the end", Path::new("/")) };
        let ended = block_on(run(&Commands::default(), line)).expect("it starts");
        let text = String::from_utf8_lossy(&ended.output).replace('\0', "0");
        assert_eq!(text, "begin\n0000\n[… 999995 bytes are left out here …]\n0\nthe end\n");
        let line = Line { keep: 5, ..of("printf 0123456789", Path::new("/")) };
        let ended = block_on(run(&Commands::default(), line)).expect("it starts");
        assert_eq!(String::from_utf8_lossy(&ended.output), "0123456789");
    }

    /// Waits until so many files are there whose names begin so.
    async fn there(directory: &Path, begin: &str, count: usize) {
        let names = || std::fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.file_name());
        while names().filter(|name| name.to_string_lossy().starts_with(begin)).count() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[test]
    fn all_commands_are_asked_to_end_before_any_is_made_to() {
        let directory = tempfile::tempdir().expect("a directory");
        // Each tidies up for as long as it may, and says so if it met another one that was asked to end, too.
        let line = |number: usize| {
            format!(
                "trap 'echo > asked{number}; while [ $(ls asked* | wc -l) -lt 2 ]; do sleep 0.01; done; \
                 echo > met{number}; exit' TERM; echo > on{number}; while :; do sleep 0.01; done"
            )
        };
        let lines: Vec<String> = (0..3).map(line).collect();
        let commands = Commands::default();
        let begun = |half: usize| directory.path().join(format!("half{half}"));
        std::fs::write(begun(0), "whole").expect("a file");
        block_on(async {
            let running = lines
                .iter()
                .map(|line| run(&commands, Line { outputs: vec![begun(0), begun(1)], ..of(line, directory.path()) }));
            let mut running: Vec<_> = running.map(Box::pin).collect();
            let all = std::future::poll_fn(|cx| {
                running.iter_mut().for_each(|one| assert!(one.as_mut().poll(cx).is_pending(), "it goes on"));
                std::task::Poll::<()>::Pending
            });
            tokio::select! { () = all => {}, () = there(directory.path(), "on", 3) => {} }
            std::fs::write(begun(1), "half").expect("a file");
        });
        let met = std::fs::read_dir(directory.path()).expect("a directory").flatten();
        let met = met.filter(|entry| entry.file_name().to_string_lossy().starts_with("met")).count();
        assert!(met >= 2, "only {met} of 3 met another");
        assert!(begun(0).exists() && !begun(1).exists(), "what was begun goes, what was there stays");
    }

    #[test]
    fn once_they_are_closed_no_command_starts_or_is_seen_to_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let commands = Commands::default();
        block_on(async {
            let running = run(&commands, of("echo > on; sleep 60", directory.path()));
            let other = commands.clone();
            let closed = async {
                there(directory.path(), "on", 1).await;
                std::thread::spawn(move || other.close()).join().expect("it ends them");
                tokio::time::sleep(Duration::from_millis(50)).await;
                let late = run(&commands, of("echo > late", directory.path()));
                tokio::select! { _ = late => panic!("it started"), () = tokio::time::sleep(Duration::from_millis(50)) => {} }
            };
            tokio::select! { _ = running => panic!("it ended"), () = closed => {} }
        });
        assert!(!directory.path().join("late").exists());
    }

    #[test]
    fn without_a_runtime_there_is_an_error() {
        let error = futures_now(run(&Commands::default(), of("true", Path::new("/")))).expect_err("no runtime");
        assert!(error.to_string().contains("run_async"), "{error}");
    }

    fn futures_now<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_dropped_command_is_gone_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let line = "trap 'echo tidy > tidy; exit' TERM; (sleep 1; echo late > late) & echo on > started; wait";
        let begun = Instant::now();
        block_on(async {
            let commands = Commands::default();
            let running = run(&commands, of(line, directory.path()));
            let started = async {
                while !directory.path().join("started").exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! { _ = running => panic!("it waits for its child"), () = started => {} }
        });
        assert!(begun.elapsed() < Duration::from_millis(900));
        assert!(directory.path().join("tidy").exists(), "it was asked first");
        std::thread::sleep(Duration::from_millis(1200).saturating_sub(begun.elapsed()));
        assert!(!directory.path().join("late").exists(), "the child lives on");
    }
}
