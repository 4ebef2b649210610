//! Crashes between writes.
//!
//! A build writes to several places: files, the journal, the cache of traces, copies of values, a table of what is known of
//! each file without reading it. A system that fails keeps of each place what it had got round to, in no order between
//! them: the trace and not the record, the record and not the file, the table and not what it speaks of. So here a whole
//! disk is played, which remembers every write since all was last safe, and forgets some of them when it crashes: of what is
//! only appended to, any number of the last bytes or entries; of files, any of them.
//!
//! Beside the machine that crashes another one builds now and then what that one might, from other inputs, so that its traces are
//! learned. After each build the values of the targets, in the build and on the disk, are compared with a computation from
//! scratch; the same build once more does nothing and writes nothing; and a copy of the disk, on which a new process does
//! the same, shows whether what was written says all that the living process knows.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use alacarte::{
    Build, Event, Fetch, Fingerprint, Journal, KeyId, Keys, Rebuilder, Replay, Running, Scheduler, SharedTrace, Store,
    StoreError, Tasks, Time, TraceCache,
};
use alacarte_metadata::ConstructiveTraces;
use alacarte_stores::{Log, SharedBytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::check::{Trial, fitting, grow, smallest};
use crate::expr::Name;
use crate::generate::{Style, scenarios};
use crate::laws::Promises;
use crate::oracle::Truth;
use crate::program::{Declares, Program};
use crate::script::{Scenario, Step};
use crate::silence;
use crate::stage::{Broken, Combination};
use crate::world::World;

/// How often a story is tried to be made smaller.
const SHRINKING: u32 = 2_000;

/// What a disk does otherwise than it should, for the laws to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Careless {
    /// Nothing.
    #[default]
    Never,
    /// What the table says of a file is believed, whatever became of the file since.
    AboutTheTable,
    /// A value is said to be restored though no copy of it is left.
    AboutCopies,
}

/// How much of what was written since all was last safe is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// Bytes at the end of the journal.
    pub journal: usize,
    /// Traces at the end of the cache.
    pub traces: usize,
    /// Entries at the end of the table of files.
    pub table: usize,
    /// Which files, in the order in which they were first written: a bit each.
    pub files: u64,
    /// Which copies.
    pub copies: u64,
}

/// How much there is to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Unsafe {
    journal: usize,
    traces: usize,
    table: usize,
    files: usize,
    copies: usize,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { journal, traces, table, files, copies } = self;
        write!(
            f,
            "a crash: lost are the last {journal} bytes of the journal, {traces} traces, {table} entries of the table, the \
             files {files:b} and the copies {copies:b}"
        )
    }
}

/// What lies on a disk.
#[derive(Debug, Clone, Default)]
struct Contents {
    files: BTreeMap<Name, (i64, Time)>,
    journal: Vec<u8>,
    traces: Vec<SharedTrace<Name, i64>>,
    copies: BTreeSet<(Name, i64)>,
    /// What each file held when it had this time.
    table: BTreeMap<Name, (i64, Time)>,
}

/// One write.
#[derive(Debug, Clone)]
enum Write {
    File(Name, Option<(i64, Time)>),
    Journal(Vec<u8>),
    Trace(SharedTrace<Name, i64>),
    Copy(Name, i64),
    Table(Name, (i64, Time)),
}

impl Contents {
    fn take(&mut self, write: &Write) {
        match write {
            Write::File(key, Some(file)) => drop(self.files.insert(*key, *file)),
            Write::File(key, None) => drop(self.files.remove(key)),
            Write::Journal(bytes) => self.journal.extend(bytes),
            Write::Trace(trace) => self.traces.push(trace.clone()),
            Write::Copy(key, value) => drop(self.copies.insert((*key, *value))),
            Write::Table(key, known) => drop(self.table.insert(*key, *known)),
        }
    }
}

/// A disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
struct Disk(Rc<RefCell<Inside>>);

#[derive(Debug, Clone, Default)]
struct Inside {
    now: Contents,
    /// What no crash can take away any more,
    safe: Contents,
    /// and what was written since.
    writes: Vec<Write>,
    clock: Time,
    /// How many traces of each key were ever added.
    added: BTreeMap<Name, usize>,
    /// The times of the files that the present process knows.
    seen: BTreeMap<Name, Option<Time>>,
    careless: Careless,
}

impl Inside {
    fn write(&mut self, write: Write) {
        self.now.take(&write);
        self.writes.push(write);
    }

    /// A task, or a copy, gives a file its content.
    fn produce(&mut self, key: Name, value: i64) {
        self.clock += 1;
        let file = (value, self.clock);
        self.write(Write::File(key, Some(file)));
        self.seen.insert(key, Some(self.clock));
        self.write(Write::Table(key, file));
    }

    /// What a file holds, from the table if it is the file that the table knows.
    fn read(&mut self, key: Name) -> Option<i64> {
        let file = self.now.files.get(&key).copied();
        self.seen.insert(key, file.map(|(_, time)| time));
        let (value, time) = file?;
        match self.now.table.get(&key) {
            Some(&(known, then)) if then == time || self.careless == Careless::AboutTheTable => Some(known),
            _ => {
                self.write(Write::Table(key, (value, time)));
                Some(value)
            }
        }
    }

    /// Everything that was written to these, each once.
    fn written<T: Ord>(&self, which: impl Fn(&Write) -> Option<T>) -> Vec<T> {
        let mut known = Vec::new();
        for what in self.writes.iter().filter_map(which) {
            if !known.contains(&what) {
                known.push(what);
            }
        }
        known
    }
}

fn file(write: &Write) -> Option<Name> {
    if let Write::File(key, _) = write { Some(*key) } else { None }
}

fn copy(write: &Write) -> Option<(Name, i64)> {
    if let Write::Copy(key, value) = write { Some((*key, *value)) } else { None }
}

impl Disk {
    fn new(careless: Careless) -> Self {
        Disk(Rc::new(RefCell::new(Inside { careless, ..Inside::default() })))
    }

    /// Another disk, with the same on it.
    fn copied(&self) -> Self {
        Disk(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Somebody writes to a file, and has it safe before he goes on.
    fn edit(&self, key: Name, value: Option<i64>) {
        let inside = &mut *self.0.borrow_mut();
        inside.clock += 1;
        let write = Write::File(key, value.map(|value| (value, inside.clock)));
        // Whatever was written to it before does not matter any more.
        inside.writes.retain(|before| file(before) != Some(key));
        inside.now.take(&write);
        inside.safe.take(&write);
    }

    fn holds(&self, key: Name) -> Option<i64> {
        self.0.borrow().now.files.get(&key).map(|(value, _)| *value)
    }

    /// Whether there are more traces of some key than a process keeps, so that which it keeps depends on when it read them.
    fn is_crowded(&self) -> bool {
        self.0.borrow().added.values().any(|added| *added > ConstructiveTraces::<i64>::KEPT)
    }

    fn journal(&self) -> usize {
        self.0.borrow().now.journal.len()
    }

    /// How much a crash could take away.
    fn at_stake(&self) -> Unsafe {
        let inside = self.0.borrow();
        let count = |which: fn(&Write) -> bool| inside.writes.iter().filter(|write| which(write)).count();
        Unsafe {
            journal: inside.now.journal.len() - inside.safe.journal.len(),
            traces: count(|write| matches!(write, Write::Trace(_))),
            table: count(|write| matches!(write, Write::Table(..))),
            files: inside.written(file).len(),
            copies: inside.written(copy).len(),
        }
    }

    fn crash(&self, loss: Loss) {
        let inside = &mut *self.0.borrow_mut();
        let (files, copies) = (inside.written(file), inside.written(copy));
        let lost = |mask: u64, position: Option<usize>| position.is_some_and(|at| at < 64 && mask >> at & 1 == 1);
        let mut left = inside.safe.clone();
        for write in &inside.writes {
            let lost = match write {
                Write::File(key, _) => lost(loss.files, files.iter().position(|file| file == key)),
                Write::Copy(key, value) => lost(loss.copies, copies.iter().position(|copy| *copy == (*key, *value))),
                _ => false,
            };
            if !lost {
                left.take(write);
            }
        }
        let count = |which: fn(&Write) -> bool| inside.writes.iter().filter(|write| which(write)).count();
        let kept = |all: usize, lost: usize| all.saturating_sub(lost);
        let bytes = left.journal.len() - inside.safe.journal.len();
        left.journal.truncate(inside.safe.journal.len() + kept(bytes, loss.journal));
        let traces = count(|write| matches!(write, Write::Trace(_)));
        left.traces.truncate(inside.safe.traces.len() + kept(traces, loss.traces));
        left.table = inside.safe.table.clone();
        let entries = inside.writes.iter().filter(|write| matches!(write, Write::Table(..)));
        let table = kept(entries.clone().count(), loss.table);
        entries.take(table).for_each(|write| {
            left.table.extend(match write {
                Write::Table(key, known) => Some((*key, *known)),
                _ => None,
            })
        });
        (inside.now, inside.safe) = (left.clone(), left);
        inside.writes.clear();
        inside.seen.clear();
    }
}

impl Store<Name, i64> for Disk {
    fn open(&mut self, keys: &mut Keys<Name>) {
        let inside = &mut *self.0.borrow_mut();
        inside.seen.clear();
        for key in inside.now.files.keys() {
            keys.intern(key);
        }
    }

    fn load(&mut self, _: KeyId, key: &Name) -> Result<Option<i64>, StoreError> {
        Ok(self.0.borrow_mut().read(*key))
    }

    fn refresh(
        &mut self,
        known: &mut dyn Iterator<Item = (KeyId, &Name, Option<&i64>)>,
        changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ) -> Result<(), StoreError> {
        let inside = &mut *self.0.borrow_mut();
        for (id, key, before) in known {
            let time = inside.now.files.get(key).map(|(_, time)| *time);
            if inside.seen.get(key).is_none_or(|seen| *seen == time) {
                continue;
            }
            let value = inside.read(*key);
            // (To write what is there is no change: a new process could not know of it.)
            if value != before.copied() {
                changed(id, value, time.unwrap_or(inside.clock));
            }
        }
        Ok(())
    }

    fn modified(&mut self, key: &Name) -> Option<Time> {
        let inside = self.0.borrow();
        Some(inside.now.files.get(key).map_or(inside.clock, |(_, time)| *time))
    }

    fn archive(&mut self, key: &Name, value: &i64) -> Result<(), StoreError> {
        self.0.borrow_mut().write(Write::Copy(*key, *value));
        Ok(())
    }

    fn restore(&mut self, key: &Name, value: &i64) -> Result<bool, StoreError> {
        let inside = &mut *self.0.borrow_mut();
        let there = inside.now.copies.contains(&(*key, *value));
        if there {
            inside.produce(*key, *value);
        }
        Ok(there || inside.careless == Careless::AboutCopies)
    }
}

/// The journal on a disk: the real log, whose bytes are written when it hands them over.
#[derive(Debug)]
struct Book {
    disk: Disk,
    bytes: SharedBytes,
    log: Option<Log<Name, i64>>,
}

impl Book {
    fn open(disk: &Disk) -> Self {
        let bytes = SharedBytes::from(disk.0.borrow().now.journal.clone());
        Book { disk: disk.clone(), log: Some(Log::from_bytes(bytes.clone())), bytes }
    }

    /// What the log has written is on the disk.
    fn hand_over(&self) {
        let bytes = self.bytes.to_vec();
        let inside = &mut *self.disk.0.borrow_mut();
        match bytes.strip_prefix(&inside.now.journal[..]) {
            Some([]) => {}
            Some(more) => inside.write(Write::Journal(more.to_vec())),
            None => {
                // What was torn is cut off, before anything else is written.
                inside.writes.retain(|write| !matches!(write, Write::Journal(_)));
                (inside.now.journal, inside.safe.journal) = (bytes.clone(), bytes);
            }
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Log<Name, i64>) -> T) -> T {
        let done = act(self.log());
        self.hand_over();
        done
    }

    fn log(&mut self) -> &mut Log<Name, i64> {
        self.log.as_mut().unwrap_or_else(|| unreachable!("it is closed when it is dropped"))
    }
}

impl Journal<Name, i64> for Book {
    fn replay(&mut self, keys: &mut Keys<Name>, each: &mut Replay<'_, Name, i64>) -> Result<(), StoreError> {
        self.with(|log| log.replay(keys, each))
    }

    fn append(&mut self, keys: &Keys<Name>, event: &Event<'_>, value: Option<&i64>) -> Result<(), StoreError> {
        // (The log keeps it until it is to hand over.)
        self.log().append(keys, event, value)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.with(Journal::flush)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.log = None;
        self.hand_over();
    }
}

/// The cache, which lies on this disk; another machine has its traces safe at once.
struct Shelf {
    disk: Disk,
    afar: bool,
}

impl TraceCache<Name, i64> for Shelf {
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<Name, i64>)) -> Result<(), StoreError> {
        let traces = self.disk.0.borrow().now.traces.clone();
        traces.into_iter().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Name, i64>) -> Result<(), StoreError> {
        let inside = &mut *self.disk.0.borrow_mut();
        if inside.now.traces.contains(trace) {
            return Ok(());
        }
        *inside.added.entry(trace.key).or_default() += 1;
        if !self.afar {
            inside.write(Write::Trace(trace.clone()));
            return Ok(());
        }
        // It lies before all that is not safe yet, as a segment of its own would.
        let position = inside.safe.traces.len();
        inside.safe.traces.push(trace.clone());
        inside.now.traces.insert(position, trace.clone());
        inside.safe.copies.insert((trace.key, trace.value));
        inside.now.copies.insert((trace.key, trace.value));
        Ok(())
    }
}

/// Tasks whose values are files.
struct Produces<P> {
    program: Program<P>,
    disk: Disk,
}

impl<P: Declares> Tasks<Name, i64> for Produces<P> {
    type Power = P;

    fn has(&self, key: &Name) -> bool {
        self.program.has(key)
    }

    fn run<'t>(&'t self, key: &Name, fetch: Fetch<'t, Name, i64>) -> Running<'t, i64> {
        let key = *key;
        let produce = move |value: &i64| self.disk.0.borrow_mut().produce(key, *value);
        match self.program.run(&key, fetch) {
            Running::Waiting => Running::Waiting,
            Running::Done(outcome) => Running::Done(outcome.inspect(produce)),
            Running::Future(future) => Running::Future(Box::pin(async move { future.await.inspect(produce) })),
        }
    }

    fn declared(&self, key: &Name, each: &mut dyn FnMut(&Name)) -> bool {
        self.program.declared(key, each)
    }

    fn definition(&self, key: &Name) -> Option<Fingerprint> {
        self.program.definition(key)
    }
}

/// What happens behind a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    Nothing,
    /// A new process goes on, with this combination.
    Restart(usize),
    /// Another machine builds everything, with another value of an input.
    Neighbour(Name, i64),
    /// The disk crashes, and a new process goes on. How much of each kind is lost, of 255 parts; the bits of files and copies.
    Crash {
        to: usize,
        parts: [u8; 3],
        files: u8,
        copies: u8,
    },
}

/// A history with mishaps, one behind each build.
#[derive(Debug, Clone)]
struct Tale {
    scenario: Scenario,
    mishaps: Vec<Mishap>,
}

fn tales(style: Style) -> impl Strategy<Value = Tale> {
    let gene = any::<u8>;
    let genes = vec((gene(), gene(), (gene(), gene(), gene()), gene(), gene()), 0..style.steps);
    (scenarios(Style { combinations: 1, ..style }), genes).prop_map(move |(mut scenario, genes)| {
        scenario.manner.work = None;
        let inputs: Vec<Name> = scenario.inputs.keys().copied().collect();
        let mishap = |(kind, which, (a, b, c), files, copies): (u8, u8, (u8, u8, u8), u8, u8)| {
            let to = usize::from(which) % style.combinations;
            match kind {
                0..80 => Mishap::Nothing,
                80..110 => Mishap::Restart(to),
                110..160 if !inputs.is_empty() => {
                    Mishap::Neighbour(inputs[usize::from(which) % inputs.len()], i64::from(a % 8))
                }
                // Half of the time, one kind of thing is safe.
                _ => Mishap::Crash {
                    to,
                    parts: [a, b, c].map(|part| part.saturating_sub(128) * 2),
                    files: if files < 128 { 0 } else { files & which },
                    copies: if copies < 128 { 0 } else { copies & which },
                },
            }
        };
        let (mut steps, mut mishaps, mut genes) = (Vec::new(), Vec::new(), genes.into_iter());
        let top = Step::Build(scenario.graph.keys().next_back().into_iter().collect());
        for step in std::mem::take(&mut scenario.steps) {
            let is_build = matches!(step, Step::Build(_));
            steps.push(step);
            if !is_build {
                continue;
            }
            let mishap = genes.next().map_or(Mishap::Nothing, mishap);
            mishaps.push(mishap);
            if let Mishap::Crash { .. } = mishap {
                // What is remembered wrongly shows when an old state comes back.
                steps.extend([top.clone(), Step::Revert, top.clone()]);
                mishaps.extend([Mishap::Nothing; 2]);
            }
        }
        scenario.steps = steps;
        Tale { scenario, mishaps }
    })
}

/// The same histories for everybody: nothing fails, and what happens to files happens behind the build's back.
fn style(of: Style, combinations: usize) -> Style {
    Style { formulas: of.formulas, overwrites: true, combinations, steps: 16, ..Style::plain() }
}

fn list<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    let names: Vec<String> = names.into_iter().map(Name::to_string).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

type Living<P, S, R> = Build<Name, i64, Produces<P>, Disk, S, R, Book>;

/// A machine on which a tale is played.
struct Machine<'c, P, S, R> {
    disk: Disk,
    program: Program<P>,
    combinations: &'c [Combination<'c, S, R>],
    current: usize,
    process: Option<Living<P, S, R>>,
    /// What the present combination promises,
    promises: Promises,
    /// and whether it takes values from the cache.
    restores: bool,
    told: Vec<String>,
}

impl<'c, P, S, R> Machine<'c, P, S, R>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    fn new(scenario: &Scenario, combinations: &'c [Combination<'c, S, R>], careless: Careless) -> Self {
        let disk = Disk::new(careless);
        for (key, value) in &scenario.inputs {
            disk.edit(*key, Some(*value));
        }
        let program = Program::new(scenario.graph.clone(), scenario.manner, World::new(false));
        let (promises, told) = (combinations[0].promises, Vec::new());
        let mut machine =
            Machine { disk, program, combinations, current: 0, process: None, promises, restores: false, told };
        machine.switch(0);
        machine
    }

    /// A process on this disk, which learns from the cache on that one.
    fn begin(&self, disk: &Disk, cache: Shelf) -> Living<P, S, R> {
        let (scheduler, rebuilder) = (self.combinations[self.current].make)();
        let tasks = Produces { program: self.program.clone(), disk: disk.clone() };
        let build = Build::new(tasks, disk.clone()).scheduler(scheduler).rebuilder(rebuilder);
        build.journal(Book::open(disk)).cache(cache)
    }

    fn process(&mut self) -> Living<P, S, R> {
        let living = self.process.take();
        living.unwrap_or_else(|| self.begin(&self.disk, Shelf { disk: self.disk.clone(), afar: false }))
    }

    fn switch(&mut self, to: usize) {
        self.process = None;
        self.current = to;
        self.promises = self.combinations[to].promises;
        self.restores = (self.combinations[to].make)().1.restores();
    }

    fn truth(&self) -> Truth {
        let graph = self.program.graph();
        let inputs = graph.keys().filter(|&key| graph.task(key).is_none());
        let inputs = inputs.filter_map(|key| Some((key, self.disk.holds(key)?))).collect();
        Truth::new(graph, &inputs, 0)
    }

    fn broken(&self, law: &'static str, what: String) -> Broken {
        let story = format!("{}\n\nThe law `{law}` is broken: {what}\n", self.told.join("\n"));
        Broken { law, story, cases: 1, seed: 0 }
    }

    /// Brings these targets up to date, and judges it.
    fn build(&mut self, targets: &[Name]) -> Result<(), Broken> {
        let (mut living, aside) = (self.process(), self.disk.copied());
        let report = living.run(targets).map_err(|error| self.broken("honest", error.to_string()))?;
        let ran: BTreeSet<Name> = living.names(&report.ran).into_iter().collect();
        self.told.push(format!("       ran {}; restored {}", list(&ran), report.restored));
        let mut truth = self.truth();
        let (mut todo, mut reached) = (targets.to_vec(), BTreeSet::new());
        while let Some(key) = todo.pop() {
            if reached.insert(key) && !self.promises.shallow {
                todo.extend(truth.of(key).fetched.clone());
            }
        }
        for key in reached {
            let (value, told, held) = (truth.value(key), living.get(key), self.disk.holds(key));
            if told != value || held != value {
                let what = format!("{key} is {value:?} from scratch; the build says {told:?}, the disk {held:?}");
                return Err(self.broken(if self.promises.shallow { "shallow-correct" } else { "correct" }, what));
            }
        }
        // What the living process did is what a new one would have done in its place, from what was written by then.
        let mut other = self.begin(&aside, Shelf { disk: aside.clone(), afar: false });
        let again = other.run(targets).map_err(|error| self.broken("warm-is-cold", error.to_string()))?;
        let cold: BTreeSet<Name> = other.names(&again.ran).into_iter().collect();
        // It may have learned more.
        let learned = self.restores && (cold.is_subset(&ran) || self.disk.is_crowded());
        if cold != ran && !learned {
            return Err(self.broken("warm-is-cold", format!("a new process ran {}", list(&cold))));
        }
        if self.promises.null {
            let length = self.disk.journal();
            let null = living.run(targets).map_err(|error| self.broken("null-build", error.to_string()))?;
            if null.ran.len() as u64 + null.restored > 0 || self.disk.journal() != length {
                let ran = living.names(&null.ran);
                let what = format!("once more, it ran {}, and restored {}", list(&ran), null.restored);
                return Err(self.broken("null-build", what));
            }
        }
        self.process = Some(living);
        Ok(())
    }

    /// A new process, of the same targets, has nothing to do.
    fn null_after_restart(&mut self, targets: &[Name]) -> Result<(), Broken> {
        // (A deep trace names keys that may never have been built here, and whose traces others have pushed out.)
        if !self.promises.null || self.promises.shallow && self.disk.is_crowded() {
            return Ok(());
        }
        let mut new = self.begin(&self.disk, Shelf { disk: self.disk.clone(), afar: false });
        let null = new.run(targets).map_err(|error| self.broken("null-build", error.to_string()))?;
        if null.ran.is_empty() && null.restored == 0 {
            return Ok(());
        }
        let ran = new.names(&null.ran);
        Err(self.broken("null-build", format!("a new process ran {}, and restored {}", list(&ran), null.restored)))
    }

    fn crash(&mut self, loss: Loss) {
        self.process = None;
        self.disk.crash(loss);
        self.told.push(format!("     {loss}"));
    }

    fn mishap(&mut self, mishap: Mishap, targets: &[Name]) -> Result<(), Broken> {
        match mishap {
            Mishap::Nothing => {}
            Mishap::Restart(to) => {
                let same = to == self.current;
                self.switch(to);
                self.told.push(format!("     a new process, {}", self.combinations[to].name));
                if same {
                    self.null_after_restart(targets)?;
                }
            }
            Mishap::Neighbour(key, value) => {
                if self.program.has(&key) {
                    return Ok(());
                }
                self.told.push(format!("     another machine builds everything, where {key} is {value}"));
                let afar = Disk::default();
                for input in self.program.graph().keys().filter(|key| !self.program.has(key)) {
                    afar.edit(input, self.disk.holds(input));
                }
                afar.edit(key, Some(value));
                let everything: Vec<Name> = self.program.graph().keys().filter(|key| self.program.has(key)).collect();
                let mut other = self.begin(&afar, Shelf { disk: self.disk.clone(), afar: true });
                other.run(&everything).map_err(|error| self.broken("honest", error.to_string()))?;
            }
            Mishap::Crash { to, parts: [journal, traces, table], files, copies } => {
                self.process = None;
                let stake = self.disk.at_stake();
                let part = |of: usize, part: u8| (of * usize::from(part)).div_ceil(255);
                self.crash(Loss {
                    journal: part(stake.journal, journal),
                    traces: part(stake.traces, traces),
                    table: part(stake.table, table),
                    files: u64::from(files),
                    copies: u64::from(copies),
                });
                self.switch(to);
                self.told.push(format!("     a new process, {}", self.combinations[to].name));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, last: &mut Option<(Name, Option<i64>)>) -> Result<Option<Vec<Name>>, Broken> {
        let held = |machine: &Self, key| machine.disk.holds(key);
        match step {
            Step::Edit(key, value) if !self.program.has(key) => {
                *last = Some((*key, held(self, *key)));
                self.disk.edit(*key, Some(*value));
            }
            Step::Revert => {
                if let Some((key, value)) = last.take().filter(|(key, _)| !self.program.has(key)) {
                    self.disk.edit(key, value);
                }
            }
            Step::Overwrite(key, value) if self.program.has(key) => self.disk.edit(*key, Some(*value)),
            Step::Lose(key) if self.program.has(key) => self.disk.edit(*key, None),
            Step::Formula(key, task) if self.program.has(key) => {
                self.program.replace(*key, Some(task.clone()));
                if let Some(process) = &mut self.process {
                    process.tasks_mut().program.replace(*key, Some(task.clone()));
                }
            }
            Step::Build(targets) => {
                self.build(targets)?;
                return Ok(Some(targets.clone()));
            }
            _ => {}
        }
        Ok(None)
    }
}

fn play<P, S, R>(tale: &Tale, combinations: &[Combination<'_, S, R>], careless: Careless) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let Tale { scenario, mishaps } = tale;
    let mut machine = Machine::<P, S, R>::new(scenario, combinations, careless);
    machine.told.push(format!("{scenario}\nUnder {}:", combinations[0].name));
    let (mut last, mut mishaps) = (None, mishaps.iter().copied());
    for (number, step) in (1..).zip(&scenario.steps) {
        machine.told.push(format!("{number:>3}. {}", step.told(|to| combinations[to].name.clone())));
        if let Some(targets) = machine.step(step, &mut last)? {
            machine.mishap(mishaps.next().unwrap_or(Mishap::Nothing), &targets)?;
        }
    }
    Ok(())
}

/// Plays many tales of crashes; the first combination begins, and others may go on behind a crash.
///
/// # Errors
/// The smallest story found of a law that is broken.
pub fn judge_crashes<P, S, R>(
    trial: Trial,
    combinations: &[Combination<'_, S, R>],
    careless: Careless,
) -> Result<(), Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let tales = tales(style(fitting::<P>(trial).style, combinations.len()));
    let fails = |tale: &Tale| {
        silence::quietly(|| play::<P, S, R>(tale, combinations, careless)).unwrap_or_else(|panic| {
            let story = format!("{}\n{}\n\n{panic}\n", tale.scenario, tale.scenario.script());
            Err(Broken { law: "no-panic", story, cases: 1, seed: 0 })
        })
    };
    for case in 0..trial.cases {
        let seed = trial.seed.wrapping_add(case);
        let tree = grow(&tales, seed);
        if let Err(broken) = fails(&tree.current()) {
            // (A tale is long: what is not small by then is small enough.)
            let mut left = SHRINKING;
            let (_, broken) = smallest(tree, broken, |tale| {
                left = u32::saturating_sub(left, 1);
                if left == 0 { Ok(()) } else { fails(tale) }
            });
            return Err(Broken { cases: case + 1, seed, ..broken });
        }
    }
    Ok(())
}

/// Plays a history up to its last build but so many with every loss that a crash there can bring, and the rest behind it:
/// every number of bytes of the journal, of traces and of entries of the table, and every set of files and of copies. Answers
/// how many losses there are.
///
/// # Errors
/// The story of the first by which a law is broken.
pub fn every_loss<P, S, R>(
    scenario: &Scenario,
    behind: usize,
    combinations: &[Combination<'_, S, R>],
) -> Result<usize, Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let builds: Vec<usize> =
        (0..scenario.steps.len()).filter(|&at| matches!(scenario.steps[at], Step::Build(_))).collect();
    let crash = builds[builds.len() - 1 - behind];
    let begun = |loss: Option<Loss>| -> Result<Unsafe, Broken> {
        let mut machine = Machine::<P, S, R>::new(scenario, combinations, Careless::Never);
        let mut last = None;
        let mut stake = Unsafe::default();
        for (at, step) in scenario.steps.iter().enumerate() {
            machine.told.push(step.to_string());
            machine.step(step, &mut last)?;
            if at < crash {
                // All that was written long ago is safe.
                machine.process = None;
                machine.disk.crash(Loss::default());
            } else if at == crash {
                machine.process = None;
                stake = machine.disk.at_stake();
                machine.crash(loss.unwrap_or_default());
                machine.switch(combinations.len() - 1);
            }
        }
        Ok(stake)
    };
    let stake = begun(None)?;
    let mut losses = 0;
    for journal in 0..=stake.journal {
        for traces in 0..=stake.traces {
            for table in 0..=stake.table {
                for files in 0..1 << stake.files {
                    for copies in 0..1 << stake.copies {
                        begun(Some(Loss { journal, traces, table, files, copies }))?;
                        losses += 1;
                    }
                }
            }
        }
    }
    Ok(losses)
}
