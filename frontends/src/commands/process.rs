//! Running commands: each a shell in a process group of its own, its output and its errors in one pipe, in the
//! order in which they were written.
//!
//! A command that nobody waits for any more (the build was dropped: Ctrl-C) is ended with all its children, and so are
//! all others of the build: they are asked to, all at once, given a moment to tidy up after themselves, and then made
//! to. Whoever drops the future finds them gone, and what they had begun to write.

use std::collections::{BTreeMap, HashSet, VecDeque};
#[cfg(any(feature = "ninja", test))]
use std::ffi::OsStr;
use std::io;
#[cfg(any(feature = "ninja", test))]
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::jobserver::{Jobserver, LEVEL, Token, jobs, level};
use super::screen::program;
use super::tool_cache;
#[cfg(any(feature = "ninja", test))]
use alacarte_stores::bytes_of;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it wrote; nothing if it wrote to the console itself.
    pub(crate) output: Vec<u8>,
    /// What a program wrote to standard output, where that is kept apart.
    pub(crate) said: Vec<u8>,
}

/// The commands of a build that are running. Clones are the same commands; any thread may end them.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    underway: Arc<Mutex<Underway>>,
    /// Held while commands are being ended: until then no other thread may take them for gone.
    ending: Arc<Mutex<()>>,
    /// Each waits for a token of this jobserver.
    jobserver: Option<Arc<Jobserver>>,
    /// Beside others, none starts while the machine's load is above this.
    load: Option<f64>,
    /// A command that was interrupted interrupts the build, which waits for this.
    interruption: Option<Arc<Notify>>,
}

/// How many processors there are.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[derive(Debug, Default)]
struct Underway {
    /// No command may start any more.
    closed: bool,
    running: BTreeMap<u64, Process>,
    started: u64,
    /// It was waited for processes that commands have left behind, while tokens of the jobserver were missing.
    waited: bool,
    /// Tokens that commands did not put back,
    missing: usize,
    /// and that they put back without having them.
    spare: usize,
}

/// A command that runs.
#[derive(Debug)]
struct Process {
    id: Pid,
    /// It leads a process group.
    group: bool,
    /// The files that it makes, and when each had been modified before it started.
    outputs: Vec<(PathBuf, Option<SystemTime>)>,
}

/// How a shell ends that was interrupted.
pub(super) const INTERRUPTED: u8 = 130;

/// What a command has left behind is looked at so often, ten milliseconds apart, before it is taken to stay.
const MOMENT: u32 = 100;

impl Commands {
    /// Has each command wait for a token of this jobserver, and tells it of the jobserver where this process serves it.
    #[must_use]
    pub fn with_jobserver(mut self, jobserver: &Arc<Jobserver>) -> Self {
        self.jobserver = Some(Arc::clone(jobserver));
        self
    }

    /// Has no command start beside others while the load average of the last minute is above this.
    #[must_use]
    pub fn with_load(mut self, load: Option<f64>) -> Self {
        self.load = load;
        self
    }

    /// Takes the interruption of a command for one of the build, as ninja does: of a command that SIGINT, SIGTERM or SIGHUP has ended, or that ends with
    /// the code of a shell that was interrupted.
    #[must_use]
    pub fn interruptible(mut self) -> Self {
        self.interruption = Some(Arc::default());
        self
    }

    /// Waits until a command has interrupted the build.
    pub(super) async fn interrupted(&self) {
        match &self.interruption {
            Some(interruption) => interruption.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Has each command wait for a token: of so many jobs as are asked for, which are served to the commands as well, or else of the
    /// jobserver that `MAKEFLAGS` names, or else of `otherwise` so many. How many jobs the build is to have. What cannot be is said on standard error; then there is one
    /// job, as for a make.
    ///
    /// To be called before this process opens any file: see [`Jobserver::join`].
    pub fn bounded_by(&mut self, asked: Option<usize>, otherwise: usize) -> usize {
        let (jobs, jobserver) = jobs(asked, otherwise);
        self.jobserver = jobserver;
        jobs
    }

    /// A token of the jobserver, when there is one for this process; `None` if there is no jobserver. To be taken before anything is looked at
    /// or noted that a command should find as it begins: with many jobs elsewhere it is waited for long.
    ///
    /// # Errors
    /// If the jobserver's pipe cannot be read, or there is no tokio runtime.
    pub(crate) async fn token(&self) -> io::Result<Option<Token>> {
        within_a_runtime()?;
        // A build that waits writes down what it knows. So whoever is killed while the command runs has not lost what was made for it.
        tokio::task::yield_now().await;
        while self.load.is_some_and(|limit| load() > limit) && !self.lock().running.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        let Some(jobserver) = &self.jobserver else { return Ok(None) };
        jobserver.acquire().await.map(Some)
    }

    /// Says on standard error if commands have taken tokens of the jobserver and not put them back, or put back too many: now that none
    /// runs any more, and while the build went on. What no other process has is there again from then on.
    pub fn settle(&self) {
        let Some(jobserver) = self.jobserver.as_deref() else { return };
        let mut underway = self.lock();
        if !underway.settle(jobserver) {
            eprintln!("{}: warning: what commands have left behind still has tokens of the jobserver", program());
        }
        let counted = |number: usize| if number == 1 { "1 token".into() } else { format!("{number} tokens") };
        let say = |what: &str| eprintln!("{}: warning: {what}", program());
        match std::mem::take(&mut underway.missing) {
            0 => {}
            missing => say(&format!(
                "commands did not put back {} of the jobserver (was one killed?); made anew",
                counted(missing)
            )),
        }
        match std::mem::take(&mut underway.spare) {
            0 => {}
            spare => say(&format!("commands put back {} of the jobserver too many; taken away", counted(spare))),
        }
    }

    /// A command has ended. If nothing runs any more that a command has started, nobody else has tokens of the jobserver: what is missing is
    /// made anew.
    ///
    /// What was killed takes a moment to go. That is waited for, once, if tokens are missing: when the next command runs it is too late.
    async fn ended(&self) {
        let Some(jobserver) = self.jobserver.as_deref() else { return };
        for _ in 0..MOMENT {
            if self.lock().need_not_wait(jobserver) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.lock().waited = true;
    }

    /// Ends all commands that are running, and removes what they have begun to write.
    pub fn end(&self) {
        let _ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let running = std::mem::take(&mut self.lock().running);
        end(running.into_values().collect());
    }

    /// The same; from now on no command of this build starts or is seen to end.
    pub fn close(&self) {
        self.lock().closed = true;
        self.end();
        self.unname();
    }

    /// Takes away the name under which a jobserver is served: the process is about to end.
    pub(super) fn unname(&self) {
        if let Some(jobserver) = &self.jobserver {
            jobserver.unname();
        }
    }

    /// Whether a jobserver that another process serves says how many of them run.
    pub fn have_joined(&self) -> bool {
        self.joined().is_some()
    }

    /// The jobserver that another process serves, if this one has joined it.
    pub(super) fn joined(&self) -> Option<&Arc<Jobserver>> {
        self.jobserver.as_ref().filter(|jobserver| jobserver.is_joined())
    }

    fn lock(&self) -> MutexGuard<'_, Underway> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl Underway {
    /// Puts the tokens right if nobody else can have any: no command runs, and no process that one has left behind has the pipe open. `false`
    /// if such a process has.
    fn settle(&mut self, jobserver: &Jobserver) -> bool {
        if !self.running.is_empty() || !jobserver.is_off() {
            return true;
        }
        let free = !jobserver.is_open_elsewhere();
        if let Some((found, made)) = free.then(|| jobserver.settle()).flatten() {
            self.missing += made.saturating_sub(found);
            self.spare += found.saturating_sub(made);
        }
        free
    }

    /// The same as [`settle`](Self::settle); or it was waited for what was left behind, in vain.
    fn need_not_wait(&mut self, jobserver: &Jobserver) -> bool {
        let settled = self.settle(jobserver);
        self.waited &= !settled;
        settled || self.waited
    }
}

/// So long it is waited before the machine's load is looked at again.
const PAUSE: Duration = Duration::from_millis(100);

/// The load average of the last minute; none where nobody tells.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Nothing can be waited for outside a runtime.
fn within_a_runtime() -> io::Result<()> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|_| {
        io::Error::other("commands need a tokio runtime: drive the build with `Build::run_async` inside one")
    })
}

/// How often a command that was asked to end is looked at, a millisecond apart, before it is made to. A build within another one has half as long,
/// so that it can end its own commands before it is made to end itself.
fn patience() -> u32 {
    200 >> level().min(7)
}

/// Ends these processes, all at once.
fn end(processes: Vec<Process>) {
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
/// no `/proc`, nobody can tell. One that has ended, and whose parent has not looked yet, is none.)
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
        // One that has just ended of itself cannot be signalled, and need not be.
        let _ = if self.group { kill_process_group(self.id, signal) } else { kill_process(self.id, signal) };
    }

    /// Whether it has ended. It is looked at without being reaped, so that its number stays its own until the last
    /// signal is sent.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.id), look), Ok(None))
    }

    /// Removes what it has begun to write: nobody trusts half an object file, but other programs do not know.
    fn tidy(&self) {
        for (path, before) in &self.outputs {
            if *before != modified(path) {
                // If it cannot be removed, the next build knows that it was begun.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|file| file.modified()).ok()
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
}

/// What is run.
pub(crate) enum What<'l> {
    /// A line, by the shell.
    #[cfg(any(feature = "ninja", test))]
    Shell(&'l str),
    /// A program with its arguments, and what its environment has besides that of this process; whether what it writes to
    /// standard output is kept apart.
    Program { arguments: &'l [String], environment: &'l [(String, String)], apart: bool },
}

/// Runs a command line to its end. Where there is a jobserver, the caller has a [token](Commands::token).
pub(crate) async fn run(commands: &Commands, line: Line<'_>) -> io::Result<Ended> {
    within_a_runtime()?;
    let Line { what, directory, console, outputs, keep, alone, private, tool_cache } = line;
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
            command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
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
    let outputs = outputs.into_iter().map(|path| (modified(&path), path)).map(|(time, path)| (path, time)).collect();
    let Some(mut running) = Running::start(commands, &mut command, !console, alone, outputs)? else {
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
    if let Some(interruption) = &commands.interruption
        && ended.as_ref().is_ok_and(|ended| was_interrupted(ended.status))
    {
        process.iter().for_each(Process::tidy);
        commands.close();
        interruption.notify_one();
        return std::future::pending().await;
    }
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
        group: bool,
        alone: bool,
        outputs: Vec<(PathBuf, Option<SystemTime>)>,
    ) -> io::Result<Option<Self>> {
        let mut underway = commands.lock();
        if underway.closed {
            return Ok(None);
        }
        let child = command.spawn()?;
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

/// What comes out of a pipe, to its end.
async fn read(from: Option<pipe::Receiver>, keep: usize) -> io::Result<Vec<u8>> {
    let mut output = Output { keep, ..Output::default() };
    if let Some(mut from) = from {
        let mut buffer = vec![0; 1 << 14];
        loop {
            match from.read(&mut buffer).await? {
                0 => break,
                length => output.add(&buffer[..length]),
            }
        }
    }
    Ok(output.whole())
}

/// What a command writes: all of it, or its beginning and its end.
#[derive(Default)]
struct Output {
    keep: usize,
    begin: Vec<u8>,
    end: VecDeque<u8>,
    cut: u64,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        let (begin, rest) = bytes.split_at(bytes.len().min(self.keep - self.begin.len()));
        self.begin.extend_from_slice(begin);
        self.end.extend(rest);
        let excess = self.end.len().saturating_sub(self.keep);
        self.end.drain(..excess);
        self.cut += excess as u64;
    }

    fn whole(self) -> Vec<u8> {
        let mut bytes = self.begin;
        if self.cut > 0 {
            bytes.extend_from_slice(format!("\n[… {} bytes are left out here …]\n", self.cut).as_bytes());
        }
        bytes.extend(self.end);
        bytes
    }
}

/// How a command ended, as a shell tells it.
pub(crate) fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let signalled = || status.signal().map_or(u8::MAX, |signal| 128 + signal as u8);
    status.code().map_or_else(signalled, |code| code as u8)
}

/// Whether somebody ended a command who wants the build to end.
fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let signals = [Signal::INT, Signal::TERM, Signal::HUP].map(Signal::as_raw);
    status.code() == Some(i32::from(INTERRUPTED)) || status.signal().is_some_and(|signal| signals.contains(&signal))
}

/// How a failed command ended, in words.
pub(crate) fn failure(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = NAMES.iter().find(|(number, _)| *number == signal).map_or("", |(_, name)| name);
            format!("signal {signal}{name}")
        }
        (None, None) => status.to_string(),
    }
}

const NAMES: [(i32, &str); 10] = [
    (1, ": SIGHUP"),
    (2, ": SIGINT"),
    (3, ": SIGQUIT"),
    (4, ": SIGILL"),
    (6, ": SIGABRT"),
    (8, ": SIGFPE"),
    (9, ": SIGKILL"),
    (11, ": SIGSEGV"),
    (13, ": SIGPIPE"),
    (15, ": SIGTERM"),
];

#[cfg(test)]
mod tests {
    use super::*;
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
