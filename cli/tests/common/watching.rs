//! A build that watches.
#![allow(dead_code)] // Not every test file uses all of it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::alacarte;

/// What is said whenever it waits.
const WAITS: &str = "waiting for files to change";

/// A command that watches, whose end is the end of the test.
pub struct Watching {
    child: Child,
    /// What it prints.
    log: PathBuf,
    /// So often it was seen to wait.
    waited: Cell<usize>,
}

impl Watching {
    /// Starts, prints into a file beside the directory, and does not wait for it.
    pub fn begin(place: &Path, log: &Path, arguments: &[&str]) -> Self {
        let file = fs::File::create(log).expect("a file");
        let err = file.try_clone().expect("a file");
        let child = alacarte(place, &[&["build", "--watch"], arguments].concat())
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(err))
            .spawn()
            .expect("it starts");
        Watching { child, log: log.to_owned(), waited: Cell::new(0) }
    }

    /// The same, until it waits.
    pub fn start(place: &Path, log: &Path, arguments: &[&str]) -> Self {
        let watching = Watching::begin(place, log, arguments);
        watching.rests();
        watching
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("what it printed")
    }

    /// Until it has waited so often.
    pub fn waits(&self, times: usize) {
        self.says(WAITS, times);
    }

    /// Until it has said this so often.
    pub fn says(&self, what: &str, times: usize) {
        until(|| self.said().matches(what).count() >= times, || self.said());
    }

    /// Until it has built again since it was last seen to wait, and waits.
    pub fn rests(&self) {
        let waited = || self.said().matches(WAITS).count();
        until(|| waited() > self.waited.get(), || self.said());
        self.idles();
        self.waited.set(waited());
    }

    /// Until it does nothing, as far as it has said.
    pub fn idles(&self) {
        until(|| self.said().lines().last().is_some_and(|line| line.contains(WAITS)), || self.said());
    }

    /// Until a file holds this.
    pub fn makes(&self, path: &Path, text: &str) {
        let now = || fs::read_to_string(path).unwrap_or_default();
        until(|| now() == text, || format!("{}: {:?} and not {text:?}\n{}", path.display(), now(), self.said()));
    }

    /// Sends a signal that ends it: its exit code.
    pub fn end(mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for that.
pub fn until(reached: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < limit, "{}", otherwise());
        std::thread::sleep(Duration::from_millis(10));
    }
}
