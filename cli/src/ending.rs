//! Ctrl-C, a closed terminal and a polite kill end a comparison early, but in order.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use alacarte_experiments::compare::Stop;
use alacarte_frontends::commands::ignored;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a program to end.
const ENDING: [SignalKind; 4] =
    [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];

/// The signal that was caught, if one was.
#[derive(Debug)]
pub struct Caught(Arc<AtomicU8>);

impl Caught {
    /// As a shell reports a process that was ended by the signal.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(128 + self.0.load(Ordering::Relaxed))
    }
}

/// From now on, raises `stop` when a signal asks the program to end. A thread of its own listens, for the others are busy;
/// further signals are heard, and change nothing any more.
pub fn raise(stop: &Stop) -> io::Result<Caught> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let inside = runtime.enter();
    // What was ignored when the program started (`nohup`) stays so.
    let ignored = ignored();
    let kinds: Vec<SignalKind> =
        ENDING.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0).collect();
    let mut signals: Vec<Signal> = kinds.iter().map(|kind| signal(*kind)).collect::<io::Result<_>>()?;
    drop(inside);
    let number = Arc::new(AtomicU8::new(0));
    let (stop, caught) = (stop.clone(), Caught(Arc::clone(&number)));
    std::thread::spawn(move || {
        runtime.block_on(std::future::poll_fn(|context| {
            for (signal, kind) in signals.iter_mut().zip(&kinds) {
                if signal.poll_recv(context).is_ready() {
                    number.store(kind.as_raw_value() as u8, Ordering::Relaxed);
                    return std::task::Poll::Ready(());
                }
            }
            std::task::Poll::Pending
        }));
        stop.raise();
        // The runtime lives on, and with it the handlers.
        loop {
            std::thread::park();
        }
    });
    Ok(caught)
}
