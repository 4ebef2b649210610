//! A machine on which a history of a user's program is played, and every build of it judged.

use std::cell::OnceCell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use alacarte_core::{Build, Rebuilder, Schedules, StoreError};
use alacarte_stores::{Log, Memory, SharedBytes, TraceLog};

use super::Makes;
use super::brittle::Brittle;
use super::fuse::{Fragile, burn, is_lit, light, put_out, safely};
use super::types::{INPUT, Label, Part, TASK, Untold, speak};
use super::user_history::{History, Step};
use super::user_program::{A, D, Program, truth};
use crate::program::Declares;

type Journal = Brittle<Option<Log<Label, Part>>>;
type Built<P, S, R> = Build<Label, Part, Program<P>, Brittle<Memory<Label, Part>>, S, R, Journal>;

/// A law, and how it is broken.
type Wrong = (&'static str, String);

struct Machine<'m, P, S, R> {
    makes: &'m [Makes<'m, S, R>],
    current: usize,
    inputs: [i64; 2],
    /// What is written in each journal, unless they forget everything,
    journals: Option<[SharedBytes; 2]>,
    /// and which is in use.
    journal: usize,
    /// It was not chosen yet.
    late: bool,
    /// Where traces are shared, and whether all processes do so.
    shared: OnceCell<tempfile::TempDir>,
    shares: bool,
    untold: Untold,
    /// Always there, but while its parts are exchanged.
    process: Option<Built<P, S, R>>,
}

/// Plays a history.
pub(super) fn play<P, S, R>(history: &History, makes: &[Makes<'_, S, R>], untold: Untold) -> Result<(), Wrong>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Label, Part>,
{
    put_out();
    speak(0, untold);
    let (shares, shared) = (history.shares, OnceCell::new());
    let (inputs, journals) = ([41, 0], (!history.forgets).then(Default::default));
    let mut machine = Machine::<P, S, R> {
        makes,
        current: 0,
        inputs,
        journals,
        journal: 0,
        late: false,
        shared,
        shares,
        untold,
        process: None,
    };
    machine.begin()?;
    history.steps.iter().try_for_each(|step| machine.step(step))
}

/// Does this, and once more if something panicked meanwhile that was to panic.
fn once_more<T>(mut act: impl FnMut() -> Result<T, String>) -> Result<T, Wrong> {
    let mut attempt = || match catch_unwind(AssertUnwindSafe(&mut act)) {
        Ok(outcome) => outcome.map_err(|error| ("honest", error)),
        Err(panic) => {
            let text = panic.downcast::<String>().map_or_else(|_| "it panicked".into(), |text| *text);
            Err(("no-panic", text))
        }
    };
    let lit = is_lit();
    let first = attempt();
    if first.is_err() && lit && !is_lit() { attempt() } else { first }
}

fn told<E: std::fmt::Display>(error: E) -> String {
    safely(|| error.to_string())
}

impl<P, S, R> Machine<'_, P, S, R>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Label, Part>,
{
    fn cache(&self) -> Brittle<TraceLog<Label, Part>> {
        let shared = self.shared.get_or_init(|| tempfile::tempdir().expect("a directory for temporary files"));
        Brittle(TraceLog::new(shared.path()))
    }

    fn log(&self) -> Journal {
        Brittle(self.journals.as_ref().map(|journals| Log::from_bytes(journals[self.journal].clone())))
    }

    /// A process begins.
    fn begin(&mut self) -> Result<(), Wrong> {
        // (The one before is no more: only one may write a journal.)
        self.process = None;
        let late = self.late;
        let process = once_more(|| {
            let (scheduler, rebuilder) = self.makes[self.current]();
            let [a, d] = self.inputs;
            let store = Brittle(Memory::from([(A, Part::Source(a)), (D, Part::Source(d))]));
            let build = Build::new(Program(PhantomData), store).with_scheduler(scheduler).with_rebuilder(rebuilder);
            let log = if late { Brittle(None) } else { self.log() };
            let build = build.with_journal(log).with_observer(|_, _, _| burn(Fragile::Observe));
            Ok(if self.shares { build.with_cache(self.cache()) } else { build })
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Exchanges a part of the build; if that panics, a new process begins.
    fn exchange(&mut self, exchange: impl FnOnce(Built<P, S, R>) -> Built<P, S, R>) -> Result<(), Wrong> {
        let process = self.process.take().expect("a process is at work");
        let lit = is_lit();
        match catch_unwind(AssertUnwindSafe(|| exchange(process))) {
            Ok(process) => self.process = Some(process),
            Err(_) if lit && !is_lit() => self.begin()?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Wrong> {
        match *step {
            Step::Light(what, after, how) => light(what, after, how),
            Step::TakeOver(which) => {
                self.current = which;
                let (scheduler, rebuilder) = self.makes[which]();
                self.exchange(|build| build.with_scheduler(scheduler).with_rebuilder(rebuilder))?;
            }
            Step::Restart { journal, version, late } => {
                self.process = None;
                (self.journal, self.late) = (journal, late);
                speak(version, self.untold);
                self.begin()?;
            }
            Step::Share => {
                let cache = self.cache();
                self.exchange(|build| build.with_cache(cache))?;
            }
            Step::Choose => {
                (self.journal, self.late) = (1 - self.journal, false);
                let log = self.log();
                self.exchange(|build| build.with_journal(log))?;
            }
            Step::Edit(number, value) => {
                self.inputs[usize::from(number)] = value;
                self.say(INPUT, number, |build, key| build.set(key, Part::Source(value)))?;
            }
            Step::Touch(number) => self.say(INPUT, number, |build, key| build.touch(key))?,
            Step::WriteOver(number) => {
                let interface = self.truth(number).shown();
                self.say(TASK, number, |build, key| build.set(key, Part::Object { interface, body: -1 }))?;
            }
            Step::Lose(number) => self.say(TASK, number, |build, key| build.remove(key))?,
            Step::Build(number) => {
                if std::mem::take(&mut self.late) {
                    let log = self.log();
                    self.exchange(|build| build.with_journal(log))?;
                }
                let (key, process) =
                    (Label { kind: TASK, number }, self.process.as_mut().expect("a process is at work"));
                once_more(|| process.run([&key]).map_err(told))?;
                let held = safely(|| process.get(&key));
                let right = self.truth(number);
                if held.as_ref() != Some(&right) {
                    let name = key.name();
                    return Err(("correct", format!("`{name}` is {held:?} after `{step}`; right is {right:?}")));
                }
            }
        }
        Ok(())
    }

    /// Tells the build something of a key.
    fn say(
        &mut self,
        kind: u8,
        number: u8,
        mut say: impl FnMut(&mut Built<P, S, R>, &Label) -> Result<bool, StoreError>,
    ) -> Result<(), Wrong> {
        let process = self.process.as_mut().expect("a process is at work");
        once_more(|| say(process, &Label { kind, number }).map_err(told)).map(|_| ())
    }

    /// What a key with a task holds by right.
    fn truth(&self, number: u8) -> Part {
        truth(number, self.inputs)
    }
}
