//! The commands of a build that are running, and what they wait for before they run: a token of the jobserver, a machine that is not too busy.

use std::collections::BTreeMap;
use std::io;
#[cfg(feature = "confined")]
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alacarte_stores::to_stderr;

use super::jobserver::{Jobserver, Token, Unsettled, jobs};
#[cfg(feature = "confined")]
use super::makeflags::pipe_named;
use super::process_group::{Process, end};
use super::screen::program;
use tokio::sync::Notify;

/// The commands of a build that are running. Clones are the same commands; any thread may end them.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    underway: Arc<Mutex<Underway>>,
    /// Held while commands are being ended: until then no other thread may take them for gone.
    ending: Arc<Mutex<()>>,
    /// Each waits for a token of this jobserver.
    pub(super) jobserver: Option<Arc<Jobserver>>,
    /// Beside others, none starts while the machine's load is above this.
    load: Option<f64>,
    /// A command that was interrupted interrupts the build, which waits for this.
    pub(super) interruption: Option<Arc<Notify>>,
}

/// How many processors there are.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[derive(Debug, Default)]
pub(super) struct Underway {
    /// No command may start any more.
    pub(super) closed: bool,
    pub(super) running: BTreeMap<u64, Process>,
    pub(super) started: u64,
    /// It was waited for processes that commands have left behind, while tokens of the jobserver were missing.
    waited: bool,
    /// Tokens that commands did not put back,
    missing: usize,
    /// and that they put back without having them.
    spare: usize,
    /// So many commands a signal has ended.
    pub(super) killed: usize,
}

/// So long a command keeps its token while it waits for something else.
const LENT_AFTER: Duration = Duration::from_millis(50);

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
        self.token_for(false).await
    }

    /// The same; for a command that is shown while it runs and has lent its token, one is made up if there is none for a while.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub(super) async fn token_for(&self, shown: bool) -> io::Result<Option<Token>> {
        within_a_runtime()?;
        // A build that waits writes down what it knows. So a build that is killed while the command runs has not lost
        // what was made for it.
        tokio::task::yield_now().await;
        while self.load.is_some_and(|limit| load() > limit) && !self.lock().running.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        let Some(jobserver) = &self.jobserver else { return Ok(None) };
        jobserver.acquire_or_make_up(shown).await.map(Some)
    }

    /// Does what may wait for another process. If that takes more than a moment, the token is given to others, and is not taken again.
    ///
    /// # Errors
    /// If the token that this process owns from its start on cannot be taken again.
    pub(crate) async fn lending<T>(&self, token: &mut Option<Token>, work: impl Future<Output = T>) -> io::Result<T> {
        let mut work = pin!(work);
        if token.is_none() {
            return Ok(work.await);
        }
        if let Ok(done) = tokio::time::timeout(LENT_AFTER, work.as_mut()).await {
            return Ok(done);
        }
        *token = None;
        let given = self.joined().and_then(Jobserver::give_back);
        let done = work.await;
        if let Some(given) = given {
            given.take_again().await?;
        }
        Ok(done)
    }

    /// Says on standard error if commands have taken tokens of the jobserver and not put them back, or put back too many: now that none
    /// runs any more, and while the build went on. What no other process has is there again from then on. Of a jobserver that another process serves it
    /// says that commands were killed, which may have had tokens: nobody else counts, and whether they had any the protocol does not say.
    pub fn settle(&self) {
        let Some(jobserver) = self.jobserver.as_deref() else { return };
        let mut underway = self.lock();
        if !underway.settle(jobserver) {
            to_stderr(format_args!(
                "{}: warning: what commands have left behind still has tokens of the jobserver",
                program()
            ));
        }
        let counted = |number: usize| if number == 1 { "1 token".into() } else { format!("{number} tokens") };
        let say = |what: &str| to_stderr(format_args!("{}: warning: {what}", program()));
        let killed = std::mem::take(&mut underway.killed);
        if killed > 0 && jobserver.is_joined() {
            let (who, they) = match killed {
                1 => ("1 command was".into(), "it"),
                killed => (format!("{killed} commands were"), "they"),
            };
            let tokens = match jobserver.jobs().map(|jobs| jobs.saturating_sub(1)) {
                Some(tokens) => format!("at most {}", counted(tokens)),
                None => "an unknown number of tokens".into(),
            };
            say(&format!(
                "{who} killed that had the pipe of the jobserver: what {they} had taken out of it ({tokens}) is lost to \
                 all that share it, unless the process that serves it makes it anew"
            ));
        }
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
    pub(super) async fn ended(&self) {
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
        self.leave();
    }

    /// The process is about to end: nothing is left of a jobserver that it serves, and it owns a token of one that it has joined.
    pub(super) fn leave(&self) {
        if let Some(jobserver) = &self.jobserver {
            jobserver.leave();
        }
    }

    /// Whether a jobserver that another process serves says how many of them run.
    pub fn have_joined(&self) -> bool {
        self.joined().is_some()
    }

    /// Whether a jobserver says how many of them run, which this process serves or another.
    #[cfg(feature = "confined")]
    pub(crate) fn have_jobserver(&self) -> bool {
        self.jobserver.is_some()
    }

    /// Where the jobserver's pipe lies, if it has a name: the one that this process serves, or else the one that
    /// `MAKEFLAGS` names.
    #[cfg(feature = "confined")]
    pub(crate) fn jobserver_named(&self) -> Option<PathBuf> {
        let flags = self.jobserver.as_ref().and_then(|jobserver| jobserver.flags());
        pipe_named(&flags.or_else(|| std::env::var_os("MAKEFLAGS"))?)
    }

    /// The jobserver that another process serves, if this one has joined it.
    pub(super) fn joined(&self) -> Option<&Arc<Jobserver>> {
        self.jobserver.as_ref().filter(|jobserver| jobserver.is_joined())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Underway> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
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
        if let Some(Unsettled { found, made }) = free.then(|| jobserver.settle()).flatten() {
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
pub(super) fn within_a_runtime() -> io::Result<()> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|_| {
        io::Error::other("commands need a tokio runtime: drive the build with `Build::run_async` inside one")
    })
}
