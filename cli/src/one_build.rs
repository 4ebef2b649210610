//! One build of a ninja manifest: opened, built from what is a part of the manifest to the targets, and told of.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use alacarte_core::{BuildError, Decision, KeyId, Rebuilder, Report, Scheduler};
use alacarte_frontends::commands::{CommandEvent, Rechecks, Screen, chance, failed, hits, tell_of_state};
use alacarte_frontends::history::Recorder;
use alacarte_frontends::ninja::{NinjaBuild, Session};
use alacarte_rebuilders::{Rechecked, Sample};
use alacarte_stores::{FileKey, FileValue, text_of};
use thiserror::Error;

use crate::args::Build;
use crate::settings::Strategies;
use crate::status::Problem;
use crate::table::duration;

/// A manifest that its own build makes is read again when that changed it; so often at most.
const READINGS: usize = 10;

type AnyBuild = NinjaBuild<Box<dyn Scheduler>, Box<dyn Rebuilder<FileKey, FileValue>>>;

#[derive(Debug, Error)]
pub(crate) enum Misuse {
    #[error("no target is called {target}{hint}")]
    Unknown { target: String, hint: String },
    #[error("under {0} nothing is restored that could be rechecked: choose `--rebuilder constructive-trace`")]
    NothingRestored(String),
    #[error(
        "the manifest was read {1} times, and the command of {0} changed it each time: make that write what it wrote before if nothing changed"
    )]
    Unsettled(FileKey, usize),
    #[error("there is nothing to build: the manifest has no targets")]
    Nothing,
}

/// Who is told of what the build does.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) screen: Rc<RefCell<Screen>>,
    pub(crate) recorder: Rc<RefCell<Recorder>>,
}

impl Told {
    fn command(&self, event: &CommandEvent<'_>) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.command(event);
        let mut screen = self.screen.borrow_mut();
        screen.left = recorder.left();
        screen.command(event);
    }
}

/// A build that has come to its end.
pub(crate) struct Built {
    pub(crate) build: AnyBuild,
    /// What it was to build, if it came to that.
    pub(crate) targets: Option<Vec<FileKey>>,
    pub(crate) code: ExitCode,
    /// There was nothing to do, and nothing to say.
    pub(crate) nothing: bool,
}

/// Builds all from the beginning: the manifest, what is a part of it, the targets.
pub(crate) async fn once(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
    rechecks: &mut Rechecks,
) -> Result<Built, Problem> {
    let built = step_by_step(strategies, session, arguments, jobs, told, rechecks).await;
    // (Whether it came to the targets or not.)
    session.begin_another();
    built
}

async fn step_by_step(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
    rechecks: &mut Rechecks,
) -> Result<Built, Problem> {
    let begin = Instant::now();
    let screen = &told.screen;
    let mut readings = Readings::default();
    'reading: loop {
        let (mut build, sample) = open(strategies, session, arguments, jobs, told).await?;
        let manifest = build.tasks().manifest().cloned();
        if let Some(manifest) = &manifest {
            // It is a target like any other, and comes first.
            match first(&mut build, std::slice::from_ref(manifest), screen, rechecks, &sample).await? {
                Ok(made) if made && !build.tasks().is_as_read() => {
                    readings.one_more(manifest, 0)?;
                    continue;
                }
                Ok(_) => {}
                Err(error) => {
                    session.commands.settle();
                    let code = failed(screen, &error);
                    return Ok(Built { build, targets: None, code, nothing: false });
                }
            }
        }
        let mut targets = targets(&build, &arguments.targets)?;
        loop {
            let next = build.tasks().next_dyndeps(&targets);
            let Some(file) = next.first() else { break };
            match first(&mut build, &next, screen, rechecks, &sample).await? {
                Ok(made) if made && !build.tasks().is_as_read() => {
                    readings.one_more(file, build.tasks().dyndeps())?;
                    continue 'reading;
                }
                Ok(_) => build.tasks().dyndeps_settled(&next)?,
                // (What does not need these is built.)
                Err(_) if arguments.keep_going => break,
                Err(error) => {
                    session.commands.settle();
                    let code = failed(screen, &error);
                    return Ok(Built { build, targets: None, code, nothing: false });
                }
            }
        }
        if arguments.watch {
            // Builds that follow what changed have the same targets each time.
            targets.extend(manifest.filter(|manifest| !targets.contains(manifest)));
        }
        build.tasks().wants(&targets);
        let commands = build.tasks().commands_below(&targets);
        screen.borrow_mut().total = commands.len();
        // (They stand before their companions.)
        let asked = (!arguments.targets.is_empty()).then(|| &targets[..arguments.targets.len().min(targets.len())]);
        told.recorder.borrow_mut().asked(asked);
        told.recorder.borrow_mut().expect(commands);
        let outcome = build.run_async(&targets).await;
        session.commands.settle();
        screen.borrow_mut().clear()?;
        tell_of_state(build.journal(), build.tasks().files());
        recheck(rechecks, &build, &sample, &outcome)?;
        let idle = build.tasks().commands_run() == 0 && readings.0 == 0;
        let nothing =
            idle && outcome.as_ref().is_ok_and(|report| report.restored.is_empty() && report.cache_trouble.is_none());
        let code = end(&build, screen, outcome, begin)?;
        return Ok(Built { build, targets: Some(targets), code, nothing });
    }
}

/// A build that is opened, and builds nothing yet.
pub(crate) async fn opened(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
) -> Result<Built, Problem> {
    let (build, _) = open(strategies, session, arguments, jobs, told).await?;
    Ok(Built { build, targets: None, code: ExitCode::SUCCESS, nothing: false })
}

/// Says how a build has ended.
pub(crate) fn end(
    build: &AnyBuild,
    screen: &RefCell<Screen>,
    outcome: Result<Report, BuildError<FileKey>>,
    begin: Instant,
) -> io::Result<ExitCode> {
    match outcome {
        Ok(report) => {
            screen.borrow_mut().warn(&report);
            summary(build, &report, begin)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Ok(failed(screen, &error)),
    }
}

/// How often the manifest was read.
#[derive(Default)]
pub(crate) struct Readings(usize);

impl Readings {
    /// This file has been made anew. Of dyndep files, each may be found out about by another reading.
    pub(crate) fn one_more(&mut self, file: &FileKey, dyndeps: usize) -> Result<(), Misuse> {
        self.0 += 1;
        if self.0 >= READINGS + dyndeps {
            return Err(Misuse::Unsettled(file.clone(), self.0));
        }
        Ok(())
    }
}

/// Builds what is a part of the manifest. Whether anything was made.
async fn first(
    build: &mut AnyBuild,
    targets: &[FileKey],
    screen: &RefCell<Screen>,
    rechecks: &mut Rechecks,
    sample: &Sample<FileValue>,
) -> Result<Result<bool, BuildError<FileKey>>, Problem> {
    build.tasks().wants(targets);
    build.tasks().comes_first(true);
    let made = build.run_async(targets).await;
    build.tasks().comes_first(false);
    tell_of_state(build.journal(), build.tasks().files());
    recheck(rechecks, build, sample, &made)?;
    Ok(made.map(|report| {
        screen.borrow_mut().warn(&report);
        !(report.ran.is_empty() && report.restored.is_empty())
    }))
}

async fn open(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
) -> Result<(AnyBuild, Sample<FileValue>), Problem> {
    let (scheduler, rebuilder) = strategies.make();
    if arguments.recheck.is_some() && !rebuilder.restores() {
        return Err(Misuse::NothingRestored(strategies.rebuilder.clone()).into());
    }
    let doubting = Rechecked::new(rebuilder, arguments.recheck.unwrap_or(0), chance());
    let sample = doubting.sample();
    let rebuilder: Box<dyn Rebuilder<FileKey, FileValue>> = Box::new(doubting);
    let mut turn = session.turn().await?;
    let recorder = Rc::clone(&told.recorder);
    turn.hear(move |keys, event| recorder.borrow_mut().event(keys, event));
    let (history, of_commands, of_keys) = (turn.history(), told.clone(), told.clone());
    let build = session.open_with(turn, scheduler, rebuilder, move |event| of_commands.command(&event))?;
    told.recorder.borrow_mut().turn(history, build.tasks().which_are_commands());
    let (explains, is_command) = (arguments.explain, build.tasks().which_are_commands());
    let mut build =
        build.with_jobs(jobs).with_keep_going(arguments.keep_going).with_observer(move |keys, key, decision| {
            of_keys.recorder.borrow_mut().decision(keys, key, decision);
            if let Decision::Started(reason) = decision
                && explains
                && is_command(keys.name(key))
            {
                of_keys.screen.borrow_mut().line(&format!("{}: {}", keys.name(key), reason.explain(keys)));
            }
        });
    if arguments.watch {
        // (The keys that are watched are counted by their numbers.)
        build = build.with_retention(None);
    }
    Ok((build, sample))
}

/// Notes how what was run again differs from what the cache has.
fn recheck(
    rechecks: &mut Rechecks,
    build: &AnyBuild,
    sample: &Sample<FileValue>,
    outcome: &Result<Report, BuildError<FileKey>>,
) -> Result<(), Problem> {
    let sampled = sample.take();
    let (ids, expected): (Vec<KeyId>, Vec<FileValue>) =
        sampled.expected.into_iter().map(|noted| (noted.key, noted.value)).unzip();
    let mut ran: Vec<(FileKey, FileValue)> = build.names(&ids).into_iter().zip(expected).collect();
    // What a generator makes would not have been restored.
    let all = ran.len();
    ran.retain(|(key, _)| !build.tasks().regenerates(key));
    rechecks.note(sampled.hits - (all - ran.len()), ran, outcome, |key, then| {
        let Some(now) = build.get(key) else { return Ok(None) };
        let differences = build.store().differences(key, then, &now)?;
        Ok(Some(differences.iter().map(ToString::to_string).collect()))
    })
}

/// The targets that were asked for, or the manifest's own.
fn targets(build: &AnyBuild, asked: &[OsString]) -> Result<Vec<FileKey>, Problem> {
    let tasks = build.tasks();
    let mut targets = Vec::new();
    for target in asked {
        let target = text_of(target.as_bytes());
        let key = tasks.key_of(&target);
        if !tasks.speaks_of(&key) {
            return Err(Misuse::Unknown { hint: tasks.hint(&target), target: target.into_owned() }.into());
        }
        targets.push(key);
    }
    if asked.is_empty() {
        targets.extend_from_slice(tasks.default_targets());
    }
    if targets.is_empty() {
        return Err(Misuse::Nothing.into());
    }
    Ok(tasks.with_companions(&targets))
}

pub(crate) fn nothing(begin: Instant) -> io::Result<()> {
    writeln!(io::stdout(), "alacarte: nothing to do ({})", duration(begin.elapsed().as_secs_f64() * 1000.0))
}

fn summary(build: &AnyBuild, report: &Report, begin: Instant) -> io::Result<()> {
    let commands = build.tasks().commands_run();
    let time = duration(begin.elapsed().as_secs_f64() * 1000.0);
    let plural = if commands == 1 { "" } else { "s" };
    let mut out = io::stdout();
    // (Names for others are not counted.)
    let made = |ids: &[KeyId]| {
        let keys = build.names(ids);
        keys.iter().filter(|key| build.tasks().edge(key).is_some_and(|edge| !edge.is_phony())).count()
    };
    match (commands, made(&report.restored)) {
        (0, 0) => nothing(begin),
        (_, 0) => writeln!(out, "alacarte: ran {commands} command{plural} ({time})"),
        (_, restored) => {
            let hits = hits(restored, made(&report.ran), build.store().copied());
            writeln!(out, "alacarte: ran {commands} command{plural}, {hits} ({time})")
        }
    }
}
