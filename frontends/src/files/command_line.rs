//! The command line of a build of files.

use std::cell::RefCell;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use alacarte_core::{Decision, Fingerprint, KeyId, Output, Rebuilder, RuleKey, Scheduler};
use alacarte_rebuilders as rebuilders;
use alacarte_schedulers as schedulers;
use alacarte_stores::{SharedCache, to_stderr, to_stdout};
use clap::Parser;

#[cfg(feature = "confined")]
use super::confined::Confined;
use super::file_rules::FileRules;
use super::file_session::{FileBuild, FileSession};
use super::keys::File;
use crate::commands::{
    CommandEvent, Rechecks, Screen, attended, chance, failed, hint, hits, processors, program, tell_of_interruption,
    tell_of_no_cache, tell_of_state,
};

/// Builds files by the rules of this program.
#[derive(Debug, Parser)]
struct Arguments {
    /// Change to this directory first.
    #[arg(short = 'C', value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// How many commands may run at once [default: what the make around it allows, or the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// After a failure, go on with whatever does not depend on what failed.
    #[arg(long, short)]
    keep_going: bool,
    /// Order of tasks, and whether one that must wait is kept or restarted: suspending, restarting or bottom-up.
    #[arg(long, value_name = "S", default_value = "suspending", value_parser = scheduler)]
    scheduler: String,
    /// Which rules must run at all.
    #[arg(long, value_name = "R", default_value = "verifying-trace", value_parser = clap::builder::PossibleValuesParser::new(rebuilders::NAMES))]
    rebuilder: String,
    /// Where copies of what was built lie, for rebuilders that restore (constructive-trace, deep-constructive-trace); many builds may share
    /// it. The caches of tools (`tool_cache`) lie there, too [default: ~/.cache/alacarte]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Run so many percent of what the cache could restore all the same, and say what differs.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    recheck: Option<u8>,
    /// Let each command open only what its rule has needed, and write only its outputs (Linux with Landlock).
    #[cfg(feature = "confined")]
    #[arg(long)]
    confine: bool,
    /// Print why each rule runs.
    #[arg(long)]
    explain: bool,
    /// Print each command in full.
    #[arg(long, short)]
    verbose: bool,
    /// Remove all files that rules have made, and forget that they did; the cache stays.
    #[arg(long, conflicts_with_all = ["explain", "keep_going", "targets"])]
    clean: bool,
    /// What to build [default: what the program wants]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

fn scheduler(name: &str) -> Result<String, String> {
    match name {
        "topological" => Err("what a rule needs is found out while it runs, so there is no order beforehand: \
                              use suspending, restarting or bottom-up"
            .into()),
        _ if schedulers::NAMES.contains(&name) => Ok(name.into()),
        _ => Err("there are suspending, restarting and bottom-up".into()),
    }
}

type Problem = Box<dyn std::error::Error>;
type AnyBuild = FileBuild<Box<dyn Scheduler>, Box<dyn Rebuilder<RuleKey, Output>>>;

/// The whole of a program that builds files: does with these rules what the arguments of the process say.
///
/// `--help` lists them. The exit status is that of a command: 0 if all was built, 1 if something failed, 2 for wrong arguments,
/// 130 after Ctrl-C.
pub fn main(rules: FileRules) -> ExitCode {
    let arguments = Arguments::parse();
    match run(rules, &arguments) {
        Ok(code) => code,
        Err(error) => {
            to_stderr(format_args!("{}: {error}", program()));
            ExitCode::FAILURE
        }
    }
}

#[cfg_attr(not(feature = "confined"), allow(unused_mut, reason = "nothing else changes them"))]
fn run(mut rules: FileRules, arguments: &Arguments) -> Result<ExitCode, Problem> {
    if !arguments.directory.is_dir() {
        return Err(format!("there is no directory {}", arguments.directory.display()).into());
    }
    #[cfg(feature = "confined")]
    if arguments.confine {
        if rules.executor.is_some() {
            let text = "this program runs commands by an executor of its own: have that confine them (`Confined`), \
                        or leave out --confine";
            return Err(text.into());
        }
        Confined::available()?;
        rules = rules.with_executor(|plain| Box::new(Confined::new(plain)));
    }
    let mut session = FileSession::new(&arguments.directory);
    let jobs = session.commands.bounded_by(arguments.jobs.map(usize::from), processors());
    match SharedCache::chosen(arguments.cache.as_deref()) {
        Some(cache) => session.cache = cache.directory().to_owned(),
        // (Who restores nothing misses nothing.)
        None if rebuilders::named::<RuleKey, Output>(&arguments.rebuilder)
            .is_some_and(|rebuilder| rebuilder.restores()) =>
        {
            tell_of_no_cache();
        }
        None => {}
    }
    attended(&session.commands, tell_of_interruption, build(rules, arguments, jobs, &session))
}

async fn build(
    mut rules: FileRules,
    arguments: &Arguments,
    jobs: usize,
    session: &FileSession,
) -> Result<ExitCode, Problem> {
    let begin = Instant::now();
    let targets = match &arguments.targets[..] {
        [] => rules.wanted().to_vec(),
        targets => targets.to_vec(),
    };
    if rules.version.is_none() {
        rules.version = Some(this_program()?);
    }
    let screen = Rc::new(RefCell::new(Screen::new(arguments.verbose)));
    let told = Rc::clone(&screen);
    let (Some(scheduler), Some(rebuilder)) =
        (schedulers::named(&arguments.scheduler), rebuilders::named(&arguments.rebuilder))
    else {
        unreachable!("the names on the command line are those of schedulers and rebuilders")
    };
    let doubting = match arguments.recheck {
        Some(_) if !rebuilder.restores() => {
            let rebuilder = &arguments.rebuilder;
            let text = "nothing is restored that could be rechecked: choose `--rebuilder constructive-trace`";
            return Err(format!("under {rebuilder} {text}").into());
        }
        percent => rebuilders::Rechecked::new(rebuilder, percent.unwrap_or(0), chance()),
    };
    let sample = doubting.sample();
    let rebuilder: Box<dyn Rebuilder<RuleKey, Output>> = Box::new(doubting);
    let observer = move |event: CommandEvent<'_>| told.borrow_mut().command(&event);
    let build = session.open_with(session.turn().await?, rules, scheduler, rebuilder, observer)?;
    if arguments.clean {
        return clean(build, session);
    }
    if targets.is_empty() {
        return Err(
            "there is nothing to build: name a target, or have the program want some (`FileRules::want`)".into()
        );
    }
    let mut build = build.with_jobs(jobs).with_keep_going(arguments.keep_going);
    if arguments.explain {
        let told = Rc::clone(&screen);
        build = build.with_observer(move |keys, key, decision| {
            if let Decision::Started(reason) = decision {
                told.borrow_mut().line(&format!("{}: {}", keys.name(key), reason.explain(keys)));
            }
        });
    }
    let targets: Vec<File> = targets.iter().map(|target| build.tasks().local(File::at(target))).collect();
    for target in &targets {
        let tasks = build.tasks();
        let known = tasks.makes(target) || tasks.is_phony(target) || tasks.files().borrow().path(target.key()).exists();
        if !known {
            let hint = hint(target.key().as_str(), tasks.names());
            return Err(format!("there is no file {target:?}, and no rule makes it{hint}").into());
        }
    }
    let targets: Vec<RuleKey> = targets.into_iter().map(RuleKey::new).collect();
    let outcome = build.run_async(&targets).await;
    session.commands.settle();
    tell_of_state(build.journal(), build.tasks().files());
    screen.borrow_mut().clear()?;
    let sampled = sample.take();
    let (ids, expected): (Vec<KeyId>, Vec<Output>) =
        sampled.expected.into_iter().map(|noted| (noted.key, noted.value)).unzip();
    let ran = build.names(&ids).into_iter().zip(expected);
    let mut rechecks = Rechecks::default();
    rechecks.note(sampled.hits, ran, &outcome, |key, then| match build.get(key) {
        Some(now) => build.store().differences(key, then, &now).map(Some),
        None => Ok(None),
    })?;
    let code = match outcome {
        Ok(report) => {
            screen.borrow_mut().warn(&report);
            // (Names for others are not counted.)
            let made = |ids: &[KeyId]| {
                let keys = build.names(ids);
                keys.iter()
                    .filter(|key| !key.as_rule::<File>().is_some_and(|file| build.tasks().is_phony(file)))
                    .count()
            };
            summary(&build, made(&report.ran), made(&report.restored), begin);
            ExitCode::SUCCESS
        }
        Err(error) => failed(&screen, &error),
    };
    Ok(if arguments.recheck.is_some() { rechecks.tell(code) } else { code })
}

fn summary(build: &AnyBuild, ran: usize, restored: usize, begin: Instant) {
    let commands = build.tasks().commands_run();
    let time = format!("{:.1} s", begin.elapsed().as_secs_f64());
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let tasks = format!("ran {}, {}", counted(ran, "task"), counted(commands as usize, "command"));
    let hits = || hits(restored, ran, build.store().copied());
    let said = match (ran, restored) {
        (0, 0) if commands > 0 => format!("ran {} ({time})", counted(commands as usize, "command")),
        (0, 0) => format!("nothing to do ({time})"),
        (0, _) => format!("{} ({time})", hits()),
        (_, 0) => format!("{tasks} ({time})"),
        _ => format!("{tasks}, {} ({time})", hits()),
    };
    // A reader that went away is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{}: {said}", program());
}

/// Removes what rules have made, as far as the journal knows of it.
fn clean(mut build: AnyBuild, session: &FileSession) -> Result<ExitCode, Problem> {
    // To be told of a key, the build takes up what the journal knows; it brings nothing up to date.
    build.touch(RuleKey::new(File::at(".")))?;
    let keys: Vec<File> = build.keys().iter().filter_map(|(_, key)| key.as_rule::<File>().cloned()).collect();
    let (mut removed, mut left) = (0, Vec::new());
    for key in keys.iter().flat_map(|file| build.tasks().outputs_with(file)) {
        let mut files = build.tasks().files().borrow_mut();
        if key.is_tree() {
            removed += usize::from(files.remove_tree(&key)?);
            continue;
        }
        let path = files.path(&key);
        match std::fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            // (What else lies in a directory, nobody knows.)
            Err(_) if path.is_dir() => left.push(path),
            Err(error) => return Err(format!("cannot remove {}: {error}", path.display()).into()),
        }
    }
    drop(build);
    session.forget()?;
    left.sort_unstable();
    left.dedup();
    for path in left {
        to_stderr(format_args!("{}: {} is a directory, and is left", program(), path.display()));
    }
    to_stdout(format_args!("{}: removed {removed} file{}", program(), if removed == 1 { "" } else { "s" }))?;
    Ok(ExitCode::SUCCESS)
}

/// A number for this program, as it is: another build of it has other rules, for all that anybody knows.
fn this_program() -> Result<u64, Problem> {
    let path = std::env::current_exe()?;
    let program = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(Fingerprint::of_bytes(&program).0)
}
