//! `alacarte build`: the targets of a ninja manifest, with the scheduler and the rebuilder of one's choice.

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use alacarte_experiments::systems::Menu;
use alacarte_frontends::commands::{Rechecks, Screen, attended, processors, tell_of_interruption, tell_of_no_cache};
use alacarte_frontends::history::{Ending, Recorder};
use alacarte_frontends::ninja::{NullBuild, Session};
use alacarte_stores::SharedCache;

use crate::args::{Build, BuildOption};
use crate::one_build::{Told, nothing, once};
use crate::profile;
use crate::settings::{Settings, Strategies};
use crate::status::{Problem, there};
use crate::watch;

pub fn build(menu: &Menu, arguments: &Build) -> Result<ExitCode, Problem> {
    let mut session = Session::new(&arguments.directory, &arguments.file);
    // (One that stays looks again.)
    session.looks_once = !arguments.watch;
    let begin = Instant::now();
    let cache = SharedCache::chosen(arguments.cache.as_deref());
    if let Some(cache) = &cache {
        session.cache = cache.directory().to_owned();
    }
    there(&arguments.directory)?;
    let settings = Settings::of(&arguments.directory)?;
    session.by_content = arguments.options.contains(&BuildOption::Content) || settings.content;
    let strategies = Strategies::chosen(
        menu,
        [arguments.scheduler.clone(), arguments.rebuilder.clone()],
        &settings,
        ["suspending", "verifying-trace"],
    )?;
    let combination = [&*strategies.scheduler, &*strategies.rebuilder];
    let must_open = arguments.recheck.is_some() || arguments.profile.is_some() || arguments.watch;
    if !must_open && NullBuild::of(&session, combination, &arguments.targets).is_certain() {
        nothing(begin)?;
        return Ok(ExitCode::SUCCESS);
    }
    // (Who restores nothing misses nothing.)
    if cache.is_none() && strategies.make().1.restores() {
        tell_of_no_cache();
    }
    // (Only now, for a jobserver is served for commands.)
    let jobs = session.commands.bounded_by(arguments.jobs.map(usize::from), processors());
    let (commands, null) = (session.commands.clone(), NullBuild::of(&session, combination, &arguments.targets));
    attended(&commands, tell_of_interruption, attended_to(&strategies, &session, arguments, jobs, &null))
}

async fn attended_to(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    null: &NullBuild<'_>,
) -> Result<ExitCode, Problem> {
    let cache = strategies.make().1.restores().then_some(&*session.cache);
    let recorder = Recorder::new(&strategies.scheduler, &strategies.rebuilder, cache, jobs);
    let recorder = Rc::new(RefCell::new(recorder.retaining(arguments.profile.is_some())));
    let told = Told { screen: Rc::new(RefCell::new(Screen::new(arguments.verbose))), recorder };
    if arguments.watch {
        return watch::watch(strategies, session, arguments, jobs, &told).await;
    }
    let outcome = all(strategies, session, arguments, jobs, &told, null).await;
    let ending = if matches!(outcome, Ok(ExitCode::SUCCESS)) { Ending::Succeeded } else { Ending::Failed };
    let past = told.recorder.borrow_mut().ended(ending);
    if let Some(file) = &arguments.profile {
        profile::of_this_build(session, past.as_ref(), file)?;
    }
    outcome
}

async fn all(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
    null: &NullBuild<'_>,
) -> Result<ExitCode, Problem> {
    let mut rechecks = Rechecks::default();
    let built = once(strategies, session, arguments, jobs, told, &mut rechecks).await?;
    match built.targets {
        _ if built.nothing => null.note(built.build),
        Some(targets) if built.code == ExitCode::SUCCESS => null.note_after(built.build, &targets).await,
        _ => drop(session.settle_in_place(built.build)),
    }
    Ok(ended(arguments, &rechecks, built.code))
}

/// The end of all, after what was found out is said.
fn ended(arguments: &Build, rechecks: &Rechecks, code: ExitCode) -> ExitCode {
    if arguments.recheck.is_some() { rechecks.tell(code) } else { code }
}
