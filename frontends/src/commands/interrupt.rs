//! Signals that end a build: Ctrl-C and Ctrl-\\, a request to end, a terminal that was closed.
//!
//! The build lies on one thread, which may be busy: it reads a large file, or a manifest. So signals are heard by a thread
//! of their own, which ends all commands at once. Then the build gives up as soon as it can; if it does not notice in
//! time, the process is ended as it stands. The files that a build keeps are only ever added to, or replaced as a
//! whole, so that it may end anywhere.

use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use alacarte_stores::to_stderr;

use super::exit_status::INTERRUPTED;
use super::screen::program;
use super::underway::Commands;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The build is looked at so often, ten milliseconds apart, to see whether it has noticed.
const NOTICE: u32 = 10;

/// So often, to see whether a build that has noticed has ended.
const LEAVE: u32 = 500;

/// The signals that end a build.
#[derive(Debug)]
struct Signals {
    signals: Vec<Signal>,
    /// The build knows, and is about to end.
    noticed: Arc<AtomicBool>,
}

impl Signals {
    fn listen(noticed: Arc<AtomicBool>) -> io::Result<Self> {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        // What was ignored when the program started (`nohup`, or `&` in a shell's script) stays so.
        let ignored = ignored();
        let others = [SignalKind::hangup(), SignalKind::quit()];
        kinds.extend(others.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0));
        Ok(Signals { signals: kinds.into_iter().map(signal).collect::<io::Result<_>>()?, noticed })
    }

    /// Waits for one of them.
    async fn noticed(&mut self) {
        self.first().await;
        self.noticed.store(true, Ordering::SeqCst);
    }

    async fn first(&mut self) {
        std::future::poll_fn(|cx| {
            let heard = self.signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if heard { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await
    }
}

/// Runs a build of these commands on a runtime of its own, to its end or to the first signal that ends it; then `say` says so.
///
/// # Errors
/// As the build; or if there can be no runtime, or signals not be heard.
pub fn attended<E: From<io::Error>>(
    commands: &Commands,
    say: fn(),
    build: impl Future<Output = Result<ExitCode, E>>,
) -> Result<ExitCode, E> {
    enough_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut signals = end_by_signals(commands.clone(), say)?;
        // Dropping a build keeps what has ended.
        tokio::select! {
            biased;
            () = signals.noticed() => Ok(interrupted(say)),
            () = commands.interrupted() => Ok(interrupted(say)),
            outcome = build => outcome,
        }
    });
    // (The thread that hears signals has the commands as long as the process lives.)
    commands.leave();
    ended
}

/// So many files a build needs besides those of its commands: two runtimes, signals, a journal, tables, directories.
const FILES: usize = 16;

/// Whether so many may be open. (The runtime panics if it cannot hear signals for want of them.)
fn enough_files() -> io::Result<()> {
    let opened: io::Result<Vec<File>> = (0..FILES).map(|_| File::open("/dev/null")).collect();
    opened.map(drop).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("too few files may be open at once ({error}): allow more with `ulimit -n`"),
        )
    })
}

/// Has these commands ended by the first signal. What is given back tells the build, which has to end then.
fn end_by_signals(commands: Commands, say: fn()) -> io::Result<Signals> {
    let noticed = Arc::new(AtomicBool::new(false));
    let (listening, listens) = mpsc::channel();
    let flag = Arc::clone(&noticed);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let heard = runtime.and_then(|runtime| {
            runtime.block_on(async {
                let mut signals = Signals::listen(Arc::clone(&flag))?;
                let _ = listening.send(Ok(()));
                signals.first().await;
                Ok(())
            })
        });
        match heard {
            Ok(()) => {
                commands.close();
                end(&flag, say)
            }
            Err(error) => {
                let _ = listening.send(Err(error));
            }
        }
    });
    listens.recv().map_err(io::Error::other)??;
    Signals::listen(noticed)
}

/// Ends the process, if it does not end of itself.
fn end(noticed: &AtomicBool, say: fn()) {
    let wait = |times: u32, enough: &dyn Fn() -> bool| {
        (0..times).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            enough()
        })
    };
    if wait(NOTICE, &|| noticed.load(Ordering::SeqCst)) {
        wait(LEAVE, &|| false);
    }
    say();
    std::process::exit(i32::from(INTERRUPTED));
}

/// The end of a build that noticed.
fn interrupted(say: fn()) -> ExitCode {
    say();
    ExitCode::from(INTERRUPTED)
}

/// Says on standard error that the build was interrupted.
pub fn tell_of_interruption() {
    to_stderr(format_args!("\n{}: interrupted; what was finished is kept", program()));
}

/// The signals that this process ignores, a bit each; none where the system does not say.
pub fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
