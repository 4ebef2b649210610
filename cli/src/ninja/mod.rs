//! `alacarte-ninja`: a ninja to those who call one. It takes ninja's command line and prints what ninja prints where programs read it; what it remembers,
//! and how it decides, is `alacarte build`'s.
//!
//! How many commands will run is found out by a dry run over a copy of the journal, which comes before each build. If it finds none, there is nothing to
//! do, and that was all.

mod arguments;
mod progress;
mod sentences;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use alacarte_core::{BuildError, Cause, Decision, Rebuilder, Scheduler};
use alacarte_experiments::systems::Menu;
use alacarte_frontends::commands::{CommandEvent, Stage, attended, is_jobserver_named, processors, tell_of_state};
use alacarte_frontends::history::{Ending, Recorder};
use alacarte_frontends::ninja::{
    Description, NinjaBuild, NullBuild, ParseError, Session, SessionError, ToolCall, ToolError, Turn,
};
use alacarte_stores::{FileKey, FileValue, bytes_of, text_of, to_stdout};
use thiserror::Error;

use crate::one_build::Readings;
use crate::settings::{Settings, Strategies};
use crate::status::Problem;
use arguments::{Arguments, Asked};
use progress::{Detail, Progress};
use sentences::Started;

type AnyBuild = NinjaBuild<Box<dyn Scheduler>, Box<dyn Rebuilder<FileKey, FileValue>>>;

#[derive(Debug, Error)]
enum Misuse {
    #[error("chdir to '{}' - {}", directory.display(), in_words(source))]
    Directory { directory: PathBuf, source: io::Error },
    #[error("{0}")]
    Target(String),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("could not determine root nodes of build graph")]
    Nothing,
    #[error("dependency cycle: {0} -> {0} [-w phonycycle=err]")]
    PhonyCycle(String),
}

/// Does what the arguments of this process say, with what is on this menu.
pub fn main(menu: &Menu) -> ExitCode {
    let arguments = match arguments::read(std::env::args_os().skip(1)) {
        Asked::Run(arguments) => *arguments,
        Asked::Tell(text) => return print(&mut io::stdout(), &text, ExitCode::SUCCESS),
        Asked::List(text) => return print(&mut io::stdout(), text, ExitCode::FAILURE),
        Asked::Explain(text) => return print(&mut io::stderr(), &text, ExitCode::FAILURE),
    };
    match run(menu, &arguments) {
        Ok(code) => code,
        Err(problem) => print(
            &mut io::stderr(),
            &format!("ninja: {}\n", as_ninja(&problem, arguments.manifest())),
            ExitCode::FAILURE,
        ),
    }
}

/// A problem as ninja says it: those are fatal that it finds before it reads a manifest.
fn as_ninja(problem: &Problem, manifest: &Path) -> String {
    let session = match problem.downcast_ref::<ToolError>() {
        Some(ToolError::Unknown { .. }) => return format!("fatal: {problem}"),
        Some(ToolError::Session(error)) => Some(error),
        _ => problem.downcast_ref::<SessionError>(),
    };
    match (session, problem.downcast_ref::<Misuse>()) {
        (Some(SessionError::Parse(ParseError::Unreadable { from: None, error, .. })), _) => {
            format!("error: loading '{}': {}", manifest.display(), in_words(error))
        }
        (_, Some(Misuse::Directory { .. })) => format!("fatal: {problem}"),
        _ => format!("error: {problem}"),
    }
}

/// What the system answered, without its number.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().map_or(text.clone(), str::to_owned)
}

/// Prints a text. (A reader that went away changes nothing.)
fn print(out: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = out.write_all(&bytes_of(text)).and_then(|()| out.flush());
    code
}

fn run(menu: &Menu, arguments: &Arguments) -> Result<ExitCode, Problem> {
    let begin = Instant::now();
    if let Some(directory) = &arguments.directory {
        // (Those who parse what compilers say go there, too. A tool's output is read by programs.)
        if arguments.tool.is_none() && arguments.detail != Detail::Quiet {
            print(
                &mut io::stdout(),
                &format!("ninja: Entering directory `{}'\n", directory.display()),
                ExitCode::SUCCESS,
            );
        }
        let entered = std::env::set_current_dir(directory);
        entered.map_err(|source| Misuse::Directory { directory: directory.clone(), source })?;
    }
    arguments.deprecated.iter().for_each(|name| warn(&format!("deprecated warning '{name}'")));
    let mut session = Session::new(std::env::current_dir()?, arguments.manifest());
    (session.heard, session.looks_once) = (true, true);
    session.keep.depfiles = arguments.keep_depfiles;
    session.keep.response_files = arguments.keep_response_files;
    // (What ninja would run in a fresh directory is run there, unless it is to come from elsewhere.)
    if let Some(cache) = std::env::var_os("ALACARTE_CACHE").filter(|cache| !cache.is_empty()) {
        session.cache = std::path::absolute(cache)?;
    }
    let settings = Settings::of(&session.directory)?;
    session.by_content = settings.content;
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let asked = [named("ALACARTE_SCHEDULER"), named("ALACARTE_REBUILDER")];
    // (Of what comes back from the cache, nothing is left that a command reads or writes on its way.)
    let keeps = arguments.keep_depfiles || arguments.keep_response_files;
    let rebuilder = if keeps { "verifying-trace" } else { "constructive-trace" };
    let strategies = Strategies::chosen(menu, asked, &settings, ["suspending", rebuilder])?;
    // (A number of jobs without an end is one that no build reaches.)
    let asked = arguments.jobs.map(|jobs| if jobs == 0 { MANY } else { jobs });
    if let Some((tool, given)) = &arguments.tool {
        return use_tool(&session, tool, given, arguments);
    }
    // (Before a jobserver is served for commands, of which there are none then. One that is there is told of.)
    let combination = [&*strategies.scheduler, &*strategies.rebuilder];
    if !is_jobserver_named() && NullBuild::of(&session, combination, &arguments.targets).is_certain() {
        let mut progress = Progress::new(arguments.detail)?;
        if arguments.detail != Detail::Quiet {
            progress.say("ninja: no work to do.");
        }
        tell_of_time(arguments, begin);
        return Ok(ExitCode::SUCCESS);
    }
    let jobs = match asked {
        _ if arguments.dry => 1,
        // (Ninja's rule: who says a number means it.)
        Some(jobs) if is_jobserver_named() => jobs,
        _ => session.commands.bounded_by(asked, by_default()),
    };
    session.commands = session.commands.with_load(arguments.load).interruptible();
    if session.commands.have_joined() && arguments.detail != Detail::Quiet {
        let flags = std::env::var_os("MAKEFLAGS").unwrap_or_default();
        let line = format!("ninja: Jobserver mode detected: {}\n", text_of(flags.as_bytes()));
        print(&mut io::stdout(), &line, ExitCode::SUCCESS);
    }
    let progress = Rc::new(RefCell::new(Progress::new(arguments.detail)?));
    let cache = strategies.make().1.restores().then_some(&*session.cache);
    let recorder = Recorder::new(&strategies.scheduler, &strategies.rebuilder, cache, jobs);
    let (recorder, warned) = (Rc::new(RefCell::new(recorder)), Cell::new(false));
    let work = Work { arguments, session, strategies, jobs, progress, recorder, warned };
    attended(&work.session.commands.clone(), tell_of_interruption, async {
        let outcome = work.everything().await;
        let ending = if matches!(outcome, Ok(ExitCode::SUCCESS)) { Ending::Succeeded } else { Ending::Failed };
        work.recorder.borrow_mut().ended(ending);
        outcome
    })
}

fn use_tool(session: &Session, tool: &OsStr, given: &[OsString], arguments: &Arguments) -> Result<ExitCode, Problem> {
    let name = tool.to_string_lossy();
    let mut call = ToolCall::new(session, &name, given);
    (call.dry, call.verbose) = (arguments.dry, arguments.detail == Detail::Verbose);
    Ok(ExitCode::from(call.answer(&mut io::stdout().lock(), &mut io::stderr().lock())?))
}

fn tell_of_time(arguments: &Arguments, begin: Instant) {
    if arguments.stats {
        // (What a build has cost is no part of its outcome.)
        let _ = to_stdout(format_args!("{:.3} s in all", begin.elapsed().as_secs_f64()));
    }
}

/// How many commands ninja runs at once where nobody says how many: enough to keep the processors busy while some wait for the disk.
fn by_default() -> usize {
    match processors() {
        few @ (1 | 2) => few + 1,
        many => many + 2,
    }
}

fn print_error(what: &str) {
    print(&mut io::stderr(), &format!("ninja: error: {what}\n"), ExitCode::FAILURE);
}

fn warn(what: &str) {
    print(&mut io::stderr(), &format!("ninja: warning: {what}\n"), ExitCode::SUCCESS);
}

fn tell_of_interruption() {
    // (On a terminal, the line of status is open.)
    let begin = if io::stdout().is_terminal() { "\n" } else { "" };
    print(&mut io::stdout(), &format!("{begin}ninja: build stopped: interrupted by user.\n"), ExitCode::SUCCESS);
}

/// So many jobs as no build has.
const MANY: usize = 1 << 16;

/// All that a call of the program is about.
struct Work<'w> {
    arguments: &'w Arguments,
    session: Session,
    strategies: Strategies<'w>,
    jobs: usize,
    progress: Rc<RefCell<Progress>>,
    recorder: Rc<RefCell<Recorder>>,
    /// It was said that the cache cannot be used.
    warned: Cell<bool>,
}

/// What a dry run has found: the commands that will run.
#[derive(Default)]
struct Found {
    for_the_manifest: HashSet<FileKey>,
    for_the_targets: HashSet<FileKey>,
}

impl Found {
    fn is_nothing(&self) -> bool {
        self.for_the_manifest.is_empty() && self.for_the_targets.is_empty()
    }
}

impl Work<'_> {
    async fn everything(&self) -> Result<ExitCode, Problem> {
        let begin = Instant::now();
        let (mut readings, mut begun) = (Readings::default(), false);
        if self.null_build().is_certain() {
            self.say_unless_quiet("ninja: no work to do.");
            return Ok(self.ended(begin));
        }
        'reading: loop {
            let turn = if self.arguments.dry { self.session.turn_to_look()? } else { self.session.turn().await? };
            let found = match self.dry_run(&turn).await? {
                Ok(found) => found,
                Err(code) => return Ok(code),
            };
            if found.is_nothing() && !begun {
                self.say_unless_quiet("ninja: no work to do.");
            }
            if found.is_nothing() || self.arguments.dry {
                return Ok(self.ended(begin));
            }
            turn.leave_logs();
            let mut build = self.open(turn)?;
            if !found.for_the_manifest.is_empty() {
                // It is a target like any other, and comes first.
                let manifest: Vec<FileKey> = build.tasks().manifest().cloned().into_iter().collect();
                self.recorder.borrow_mut().expect(found.for_the_manifest.iter().cloned());
                self.progress.borrow_mut().expect(found.for_the_manifest);
                build.tasks().comes_first(true);
                match self.build(&mut build, &manifest).await {
                    Ok(made) if made && !build.tasks().is_as_read() => {
                        readings.one_more(&manifest[0], 0)?;
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) => return Ok(self.rebuilding_failed(&manifest[0], &error)),
                }
            }
            let targets = self.targets(&build)?;
            {
                // (They stand before their companions.)
                let named = self.arguments.targets.len();
                let mut recorder = self.recorder.borrow_mut();
                recorder.asked((named > 0).then(|| &targets[..named.min(targets.len())]));
                recorder.expect(found.for_the_targets.iter().cloned());
                let mut progress = self.progress.borrow_mut();
                match std::mem::replace(&mut begun, true) {
                    false => progress.expect(found.for_the_targets),
                    true => progress.expect_more(found.for_the_targets),
                }
            }
            loop {
                let next = build.tasks().next_dyndeps(&targets);
                let Some(file) = next.first() else { break };
                build.tasks().comes_first(true);
                match self.build(&mut build, &next).await {
                    Ok(made) if made && !build.tasks().is_as_read() => {
                        readings.one_more(file, build.tasks().dyndeps())?;
                        continue 'reading;
                    }
                    Ok(_) => build.tasks().dyndeps_settled(&next)?,
                    // (What does not need these is built.)
                    Err(_) if self.arguments.failures.0 > 1 => break,
                    Err(error) => return Ok(self.failed(&error)),
                }
            }
            build.tasks().comes_first(false);
            if let Err(error) = self.build(&mut build, &targets).await {
                self.session.settle_in_place(build);
                return Ok(self.failed(&error));
            }
            self.null_build().note_after(build, &targets).await;
            if self.progress.borrow().is_idle() {
                self.say_unless_quiet("ninja: no work to do.");
            }
            return Ok(self.ended(begin));
        }
    }

    /// Finds the commands that will run, as far as they do not themselves decide what does; or says that it fails, and how that ends. With `-n` it shows
    /// the commands.
    async fn dry_run(&self, turn: &Turn) -> Result<Result<Found, ExitCode>, Problem> {
        let (scheduler, rebuilder) = self.strategies.make();
        let commands = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&commands);
        let observer = move |event: CommandEvent<'_>| {
            if let Stage::Started = event.stage {
                seen.borrow_mut().push(event.key.clone());
            }
        };
        let build = self.session.open_dry(turn, scheduler, rebuilder, observer)?;
        let started = Rc::new(RefCell::new(Vec::new()));
        let why = Rc::clone(&started);
        let mut build = self.watched(build, move |one| why.borrow_mut().push(one), None);
        build = build.with_stop_after(self.arguments.failures.0);
        let explain = |build: &AnyBuild| {
            let sentences = sentences::sentences(build.tasks(), &started.borrow());
            self.progress.borrow_mut().reasons.extend(sentences);
        };
        let mut found = Found::default();
        self.warn_of_phony_cycles(build.tasks().phony_cycles())?;
        if let Some(manifest) = build.tasks().manifest().cloned() {
            build.tasks().wants(std::slice::from_ref(&manifest));
            if let Err(error) = build.run_async([&manifest]).await {
                return Ok(Err(self.rebuilding_failed(&manifest, &error)));
            }
            let commands = commands.take();
            explain(&build);
            if self.arguments.dry && !commands.is_empty() {
                // What would be in the next manifest, nobody knows.
                self.show(&build, &commands);
                found.for_the_manifest.extend(commands);
                return Ok(Ok(found));
            }
            found.for_the_manifest.extend(commands);
        }
        let targets = match self.targets(&build) {
            // The next manifest may have them.
            Err(_) if !found.for_the_manifest.is_empty() => return Ok(Ok(found)),
            targets => targets?,
        };
        build.tasks().wants(&targets);
        let outcome = build.run_async(&targets).await;
        let commands = commands.take();
        let to_do = !commands.is_empty() || outcome.is_err();
        let missing = to_do.then(|| build.tasks().missing_below(&targets, &commands)).flatten();
        explain(&build);
        if self.arguments.dry && missing.is_none() {
            self.show(&build, &commands);
        }
        found.for_the_targets.extend(commands);
        match outcome {
            _ if found.for_the_manifest.is_empty() && missing.is_some() => {
                missing.iter().for_each(|missing| print_error(missing));
                Ok(Err(ExitCode::FAILURE))
            }
            Err(error) if found.for_the_manifest.is_empty() => Ok(Err(self.failed(&error))),
            Ok(_) if found.is_nothing() && !self.arguments.dry => {
                self.null_build().note(build);
                Ok(Ok(found))
            }
            _ => Ok(Ok(found)),
        }
    }

    fn warn_of_phony_cycles(&self, of: &[String]) -> Result<(), Misuse> {
        match of.first().filter(|_| self.arguments.phony_cycles_are_errors) {
            Some(first) => Err(Misuse::PhonyCycle(first.clone())),
            None => {
                of.iter().for_each(|output| {
                    let what = "names itself as an input; ignoring [-w phonycycle=warn]";
                    warn(&format!("phony target '{output}' {what}"));
                });
                Ok(())
            }
        }
    }

    fn null_build(&self) -> NullBuild<'_> {
        let combination = [&*self.strategies.scheduler, &*self.strategies.rebuilder];
        NullBuild::of(&self.session, combination, &self.arguments.targets)
    }

    /// Shows commands that would run.
    fn show(&self, build: &AnyBuild, commands: &[FileKey]) {
        let mut progress = self.progress.borrow_mut();
        progress.expect(commands.iter().cloned().collect());
        for key in &build.tasks().in_order(commands) {
            let command = build.tasks().edge(key).map_or("", |edge| &edge.command);
            progress.count(key, build.tasks().describe(key), command);
        }
    }

    fn open(&self, mut turn: Turn) -> Result<AnyBuild, Problem> {
        let (scheduler, rebuilder) = self.strategies.make();
        let (history, told, recorder) = (turn.history(), Rc::clone(&self.progress), Rc::clone(&self.recorder));
        let observer = move |event: CommandEvent<'_>| {
            recorder.borrow_mut().command(&event);
            let mut progress = told.borrow_mut();
            progress.left = recorder.borrow().left();
            progress.command(&event);
        };
        let hearer = Rc::clone(&self.recorder);
        turn.hear(move |keys, event| hearer.borrow_mut().event(keys, event));
        let build = self.session.open_with(turn, scheduler, rebuilder, observer)?;
        self.recorder.borrow_mut().turn(history, build.tasks().which_are_commands());
        let progress = Rc::clone(&self.progress);
        // (Of what the dry run did not see coming, the reason is known only now.)
        let late = move |one: Started| progress.borrow_mut().give_reason(&one);
        let build = self.watched(build, late, Some(Rc::clone(&self.recorder)));
        Ok(build.with_jobs(self.jobs).with_stop_after(self.arguments.failures.0))
    }

    /// Has what need not be made after all counted no more; and `explain` told why the rest is made, if that is wanted. What becomes of keys is told to the
    /// recorder, if there is one.
    fn watched(
        &self,
        build: AnyBuild,
        explain: impl Fn(Started) + 'static,
        recorder: Option<Rc<RefCell<Recorder>>>,
    ) -> AnyBuild {
        let explains = self.arguments.explain;
        let progress = Rc::clone(&self.progress);
        let descriptions = build.tasks().descriptions();
        build.with_observer(move |keys, key, decision| {
            recorder.iter().for_each(|recorder| recorder.borrow_mut().decision(keys, key, decision));
            match decision {
                // (Of what has run, the command may not have had to: see `NinjaTasks::stands`.)
                Decision::Kept | Decision::Ran { .. } => progress.borrow_mut().spared(keys.name(key)),
                // Whether it was made or brought back, it is there: those who watch see it made.
                Decision::Restored => {
                    if let Some(Description { shown, command, .. }) = descriptions.of(keys.name(key)) {
                        progress.borrow_mut().restored(keys.name(key), shown, command);
                    }
                }
                Decision::Started(reason) if explains => explain(Started::new(keys, keys.name(key), reason)),
                _ => {}
            }
        })
    }

    /// Builds these targets. Whether anything was made.
    async fn build(&self, build: &mut AnyBuild, targets: &[FileKey]) -> Result<bool, BuildError<FileKey>> {
        build.tasks().wants(targets);
        let outcome = build.run_async(targets).await;
        self.session.commands.settle();
        self.progress.borrow_mut().end();
        tell_of_state(build.journal(), build.tasks().files());
        if let Some(trouble) = outcome.as_ref().ok().and_then(|report| report.cache_trouble.as_deref())
            && !self.warned.replace(true)
        {
            warn(&format!("{trouble}; the build goes on without the cache"));
        }
        outcome.map(|report| !(report.ran.is_empty() && report.restored.is_empty()))
    }

    /// The targets that were asked for, or the manifest's own; and what is to be validated with them.
    fn targets(&self, build: &AnyBuild) -> Result<Vec<FileKey>, Misuse> {
        let tasks = build.tasks();
        let mut asked: Vec<String> =
            self.arguments.targets.iter().map(|target| text_of(target.as_bytes()).into_owned()).collect();
        if !asked.iter().all(|target| tasks.speaks_of(&tasks.key_of(target))) {
            // (`a^`, or a header that the manifest does not speak of.)
            asked = self.session.targets(&asked)?.map_err(Misuse::Target)?;
        }
        let mut targets: Vec<FileKey> = asked.iter().map(|target| tasks.key_of(target)).collect();
        if targets.is_empty() {
            targets.extend_from_slice(tasks.default_targets());
        }
        if targets.is_empty() && tasks.has_edges() {
            return Err(Misuse::Nothing);
        }
        Ok(tasks.with_companions(&targets))
    }

    fn say_unless_quiet(&self, line: &str) {
        if self.arguments.detail != Detail::Quiet {
            self.progress.borrow_mut().say(line);
        }
    }

    fn ended(&self, begin: Instant) -> ExitCode {
        self.progress.borrow_mut().end();
        tell_of_time(self.arguments, begin);
        ExitCode::SUCCESS
    }

    /// Says what failed: commands have said it themselves, and how the last of them ended is how this program ends.
    fn failed(&self, error: &BuildError<FileKey>) -> ExitCode {
        let mut progress = self.progress.borrow_mut();
        progress.end();
        if let Some(code) = progress.failure {
            let follows = |cause: &Cause| matches!(cause, Cause::Dependency { .. });
            let failed = error.failures.iter().filter(|failure| !follows(&failure.cause)).count();
            let stopped = match self.arguments.failures.0 {
                1 => "subcommand failed",
                allowed if failed >= allowed => "subcommands failed",
                _ => "cannot make progress due to previous errors",
            };
            other_failures(error).iter().for_each(|line| print_error(line));
            progress.say(&format!("ninja: build stopped: {stopped}."));
            return ExitCode::from(code);
        }
        other_failures(error).iter().for_each(|line| print_error(line));
        ExitCode::FAILURE
    }

    /// Says what failed before the manifest could be read again.
    fn rebuilding_failed(&self, manifest: &FileKey, error: &BuildError<FileKey>) -> ExitCode {
        self.progress.borrow_mut().end();
        let failures = other_failures(error);
        let failures = if failures.is_empty() { vec!["subcommand failed".into()] } else { failures };
        failures.iter().for_each(|line| print_error(&format!("rebuilding '{manifest}': {line}")));
        ExitCode::FAILURE
    }
}

/// What failed without a command of its own, each once.
fn other_failures(error: &BuildError<FileKey>) -> Vec<String> {
    let (mut told, mut seen) = (Vec::new(), HashSet::new());
    for failure in &error.failures {
        let line = match (&failure.key, &failure.cause) {
            (_, Cause::Dependency { .. }) => continue,
            (_, Cause::Task(text)) if text.starts_with("FAILED: ") => continue,
            (Some(key), Cause::MissingInput { dependency }) => {
                format!("'{dependency}', needed by '{key}', missing and no known rule to make it")
            }
            (Some(key), Cause::MissingTarget) => format!("'{key}' missing and no known rule to make it"),
            (_, Cause::Cycle { path }) => format!("dependency cycle: {}", path.join(" -> ")),
            (_, Cause::Task(text)) => text.to_string(),
            _ => failure.to_string(),
        };
        if seen.insert(line.clone()) {
            told.push(line);
        }
    }
    told
}
