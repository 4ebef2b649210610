//! `alacarte build --watch`: the build stays in memory, and is asked again whenever a file changes.
//!
//! What the watched files are heard to do is all that the next build looks at ([`Files::heed`](alacarte_stores::Files::heed)). What is a part of
//! the graph (the manifest, what it is made from) has all opened anew, and so has another build of the directory, which may be
//! at work while this one waits.
//!
//! A file that changes while a build runs may have been edited, or a command has written it. So it is built again, but not for ever: see [`Circle`].

use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use alacarte_core::StoreError;
use alacarte_frontends::commands::Rechecks;
use alacarte_frontends::history::Ending;
use alacarte_frontends::ninja::{ParseError, Session, SessionError, Watched};
use alacarte_stores::{FileKey, shown, to_stderr};

use crate::args::Build;
use crate::one_build::{Built, Misuse, Told, end, once, opened};
use crate::settings::Strategies;
use crate::status::{self, Problem};

/// So long it is waited before a directory is tried again in which another build is at work.
const PAUSE: Duration = Duration::from_millis(50);

/// A clock that stamps files is behind by less than this.
const TICK: Duration = Duration::from_millis(20);

/// So often, one time after the other, it is built again for nothing but what builds have done.
const CIRCLES: usize = 3;

/// What comes after a wait.
enum Next {
    /// A file has changed; whether a source may be gone.
    Again(bool),
    /// All is opened anew, and built.
    Anew,
    /// The same, but built only if something has changed.
    Quietly,
}

/// Builds that follow from builds, and from nothing that a person did.
#[derive(Default)]
struct Circle {
    /// Of each file that changed while the last build ran: while how many builds it did, one after the other.
    changed: HashMap<FileKey, usize>,
    /// What has changed so was passed over last.
    passed: bool,
    /// How often others have built since a person changed anything.
    others: usize,
}

/// Builds, and builds again, until a signal ends it.
pub async fn watch(
    strategies: &Strategies<'_>,
    session: &Session,
    arguments: &Build,
    jobs: usize,
    told: &Told,
) -> Result<ExitCode, Problem> {
    let mut watched: Option<Watched> = None;
    let (mut circle, mut quietly, mut said) = (Circle::default(), false, None);
    loop {
        let begun = SystemTime::now();
        told.recorder.borrow_mut().begin_now();
        let built = match quietly {
            true => opened(strategies, session, arguments, jobs, told).await,
            false => once(strategies, session, arguments, jobs, told, &mut Rechecks::default()).await,
        };
        let error = match built {
            Ok(built) => {
                if quietly && !watched.as_ref().is_some_and(|watched| watched.has_texts_of(&built.build)) {
                    quietly = false;
                    continue;
                }
                said = None;
                recorded(told, built.code);
                let next;
                (watched, next) = stay(session, built, told, &mut circle).await.map(|(all, next)| (Some(all), next))?;
                quietly = matches!(next, Next::Quietly);
                continue;
            }
            Err(error) if watched.is_some() && is_busy(&*error) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => error,
        };
        // What cannot be read now may be readable after the next edit.
        quietly = false;
        let unread = unread(&*error);
        let watched = match &mut watched {
            Some(watched) => watched,
            None if unread.is_some_and(|error| error.place().is_some()) => {
                watched.insert(Watched::nothing(&session.directory)?)
            }
            None => return Err(error),
        };
        session.commands.settle();
        recorded(told, ExitCode::FAILURE);
        if watched.follow_texts(session, unread)? {
            // (It may have changed before it was watched.)
            continue;
        }
        let ended = SystemTime::now();
        // (One that is never done was changed by its own command.)
        let unsettled = matches!(error.downcast_ref(), Some(Misuse::Unsettled(..)));
        let begun = if unsettled { ended } else { begun };
        let text = error.to_string();
        if said.as_ref() != Some(&text) {
            status::error(&*error);
            waits().await?;
            said = Some(text);
        }
        if mended(watched, begun, ended, &mut circle).await? {
            said = None;
        }
    }
}

/// Waits until the manifest may be another than the one that could not be built: whether a person may have changed it.
async fn mended(
    watched: &mut Watched,
    begun: SystemTime,
    ended: SystemTime,
    circle: &mut Circle,
) -> Result<bool, Problem> {
    loop {
        watched.watcher.changed().await;
        let Some(heard) = watched.watcher.take()? else {
            watched.watcher.renew()?;
            return Ok(true);
        };
        let since = |time: SystemTime| heard.keys.iter().filter(move |(_, at)| at.is_none_or(|at| at >= time));
        let own: Vec<FileKey> = since(begun).map(|(key, _)| key.clone()).collect();
        let others = since(ended).count();
        if others + own.len() > 0 {
            if circle.goes_on(own, others > 0) {
                return Ok(others > 0);
            }
            waits().await?;
        }
    }
}

/// Follows what changes, until all is to be opened anew. What was watched goes on being watched until then.
async fn stay(
    session: &Session,
    mut built: Built,
    told: &Told,
    circle: &mut Circle,
) -> Result<(Watched, Next), Problem> {
    let mut watched = Watched::over(&built.build)?;
    // (They were read before they were watched.)
    let mut heard = watched.texts().map(|text| (text.clone(), Some(SystemTime::UNIX_EPOCH))).collect();
    loop {
        if built.build.tasks().has_changed_in_place() {
            let open = session.settle_in_place(built.build);
            let again = !open.is_empty() && circle.goes_on(open, false);
            return Ok((watched, if again { Next::Anew } else { Next::Quietly }));
        }
        watched.follow(&built.build)?;
        let gone = match next(session, &mut built, &mut watched, std::mem::take(&mut heard), circle).await? {
            Next::Again(gone) => gone,
            next => return Ok((watched, next)),
        };
        let Some(targets) = &built.targets else { return Ok((watched, Next::Anew)) };
        let (build, screen, begin) = (&mut built.build, &told.screen, Instant::now());
        told.recorder.borrow_mut().begin_now();
        build.tasks().count_anew();
        // To look whether each source is there would be to look at all of them.
        let all = gone || built.code != ExitCode::SUCCESS;
        build.tasks().wants(if all { targets } else { &[] });
        screen.borrow_mut().total = 0;
        let outcome = build.run_async(targets).await;
        session.commands.settle();
        screen.borrow_mut().clear()?;
        built.code = end(build, screen, outcome, begin)?;
        recorded(told, built.code);
    }
}

/// The history of a build is at its end, and that of the next one begins.
fn recorded(told: &Told, code: ExitCode) {
    let ending = if code == ExitCode::SUCCESS { Ending::Succeeded } else { Ending::Failed };
    told.recorder.borrow_mut().begin_anew(ending);
}

/// Waits for a change that counts, while others may build. Something was heard of these keys already.
async fn next(
    session: &Session,
    built: &mut Built,
    watched: &mut Watched,
    mut heard: HashMap<FileKey, Option<SystemTime>>,
    circle: &mut Circle,
) -> Result<Next, Problem> {
    let failed = built.code != ExitCode::SUCCESS;
    // What a command could not find may come, and nothing tells where it was looked for.
    watched.watcher.mind_new(failed);
    let (build, ended) = (&mut built.build, SystemTime::now());
    let (mut anew, mut gone, mut new, mut told) = (false, false, false, false);
    loop {
        let mut causes = watched.changes_of_graph(build, heard.keys());
        anew |= !causes.is_empty();
        let changed = build.look_around()?;
        causes.extend(build.names(&changed));
        anew |= causes.iter().any(|key| watched.is_source_of_graph(key));
        let by_others = |key: &FileKey| heard.get(key).is_some_and(|at| at.is_none_or(|at| at > ended));
        let (others, mut own): (Vec<FileKey>, Vec<FileKey>) = causes.into_iter().partition(by_others);
        // What a command that failed has left is no reason to run it again.
        own.retain(|key| !failed || build.tasks().edge(key).is_none());
        if !others.is_empty() || new || !own.is_empty() {
            told = false;
            if circle.goes_on(own, new || !others.is_empty()) {
                return Ok(if anew { Next::Anew } else { Next::Again(gone) });
            }
        }
        // (A build that was just opened knows its keys only now.)
        if watched.follow(build)? {
            heard.clear();
            continue;
        }
        if !std::mem::replace(&mut told, true) {
            waits().await?;
        }
        let resting = session.rest(build)?;
        watched.watcher.changed().await;
        let Some(now) = watched.watcher.take()? else { return Ok(Next::Anew) };
        let alone = loop {
            match session.resume(build, &resting) {
                Err(error) if error.source.kind() == ErrorKind::WouldBlock => tokio::time::sleep(PAUSE).await,
                resumed => break resumed?,
            }
        };
        if !alone {
            return Ok(circle.after_others());
        }
        heard = now.keys;
        new = failed && now.appeared.iter().any(|at| *at > ended);
        gone |= build.tasks().lacks_any(heard.keys());
        build.tasks().files().borrow_mut().heed(heard.keys().cloned());
    }
}

impl Circle {
    /// Whether to build again, when these files have changed while the last build ran, and others perhaps since. Says so if not.
    fn goes_on(&mut self, own: Vec<FileKey>, others: bool) -> bool {
        let before = std::mem::take(&mut self.changed);
        // What was passed over has changed as well while the last build ran.
        self.changed = if self.passed { before.clone() } else { HashMap::new() };
        self.changed.extend(own.iter().map(|key| (key.clone(), before.get(key).unwrap_or(&0) + 1)));
        let again = |key: &FileKey| self.changed[key] > CIRCLES;
        self.passed = !others && own.iter().all(again);
        self.others = if others { 0 } else { self.others };
        if self.passed && !own.is_empty() {
            let mut names: Vec<String> = own.iter().map(|key| shown(key.as_str()).into_owned()).collect();
            names.sort_unstable();
            to_stderr(format_args!(
                "alacarte: warning: {} changed again while the build ran, as in each of the last {CIRCLES} builds: a command seems to write \
                 what another one reads. It is built again when something changes while no build runs",
                names.join(", ")
            ));
        }
        !self.passed
    }

    /// Another build was at work. Two that watch one directory must not keep each other at work.
    fn after_others(&mut self) -> Next {
        self.others += 1;
        if self.others > CIRCLES { Next::Quietly } else { Next::Anew }
    }
}

/// Says that it waits. What happens from then on is seen to be younger than the build.
async fn waits() -> io::Result<()> {
    tokio::time::sleep(TICK).await;
    let mut out = io::stdout().lock();
    writeln!(out, "alacarte: waiting for files to change (Ctrl-C ends this)")?;
    out.flush()
}

/// Whether another build is at work in the directory.
fn is_busy(error: &(dyn std::error::Error + 'static)) -> bool {
    let store = match error.downcast_ref::<SessionError>() {
        Some(SessionError::Store(error)) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    };
    store.is_some_and(|error| error.source.kind() == ErrorKind::WouldBlock)
}

/// What is wrong with the manifest, or with a dyndep file.
fn unread<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e ParseError> {
    match error.downcast_ref::<SessionError>() {
        Some(SessionError::Parse(error)) => Some(error),
        _ => error.downcast_ref::<ParseError>(),
    }
}
