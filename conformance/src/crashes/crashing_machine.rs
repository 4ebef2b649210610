//! A machine on which a tale is played, and every build of it judged.

use std::collections::BTreeSet;

use alacarte_core::{Build, Rebuilder, Schedules, Tasks};

use super::disk::{Careless, Disk, Loss};
use super::places::{Book, Produces, Shelf};
use super::tale::{Mishap, Tale};
use crate::laws::Promises;
use crate::name::Name;
use crate::oracle::Truth;
use crate::program::{Declares, Program};
use crate::script::{Scenario, Step};
use crate::stage::{Broken, Combination};
use crate::world::World;

fn list<'n>(names: impl IntoIterator<Item = &'n Name>) -> String {
    let names: Vec<String> = names.into_iter().map(Name::to_string).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

type Living<P, S, R> = Build<Name, i64, Produces<P>, Disk, S, R, Book>;

/// A machine on which a tale is played.
pub(super) struct Machine<'c, P, S, R> {
    pub disk: Disk,
    program: Program<P>,
    combinations: &'c [Combination<'c, S, R>],
    current: usize,
    pub process: Option<Living<P, S, R>>,
    /// What the present combination promises,
    promises: Promises,
    /// and whether it takes values from the cache.
    restores: bool,
    pub told: Vec<String>,
}

impl<'c, P, S, R> Machine<'c, P, S, R>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    pub(super) fn new(scenario: &Scenario, combinations: &'c [Combination<'c, S, R>], careless: Careless) -> Self {
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
        let build = Build::new(tasks, disk.clone()).with_scheduler(scheduler).with_rebuilder(rebuilder);
        build.with_journal(Book::open(disk)).with_cache(cache)
    }

    fn process(&mut self) -> Living<P, S, R> {
        let living = self.process.take();
        living.unwrap_or_else(|| self.begin(&self.disk, Shelf { disk: self.disk.clone(), afar: false }))
    }

    pub(super) fn switch(&mut self, to: usize) {
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
        let counterexample = format!("{}\n\nThe law `{law}` is broken: {what}\n", self.told.join("\n"));
        Broken { law, counterexample, cases: 1, seed: 0 }
    }

    /// Brings these targets up to date, and judges it.
    fn build(&mut self, targets: &[Name]) -> Result<(), Broken> {
        let (mut living, aside) = (self.process(), self.disk.copied());
        let report = living.run(targets).map_err(|error| self.broken("honest", error.to_string()))?;
        let ran: BTreeSet<Name> = living.names(&report.ran).into_iter().collect();
        self.told.push(format!("       ran {}; restored {}", list(&ran), report.restored.len()));
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
            if null.ran.len() + null.restored.len() > 0 || self.disk.journal() != length {
                let ran = living.names(&null.ran);
                let what = format!("once more, it ran {}, and restored {}", list(&ran), null.restored.len());
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
        if null.ran.is_empty() && null.restored.is_empty() {
            return Ok(());
        }
        let ran = new.names(&null.ran);
        Err(self
            .broken("null-build", format!("a new process ran {}, and restored {}", list(&ran), null.restored.len())))
    }

    pub(super) fn crash(&mut self, loss: Loss) {
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

    pub(super) fn step(
        &mut self,
        step: &Step,
        last: &mut Option<(Name, Option<i64>)>,
    ) -> Result<Option<Vec<Name>>, Broken> {
        let held = |machine: &Self, key| machine.disk.holds(key);
        match step {
            Step::Edit { key, value } if !self.program.has(key) => {
                *last = Some((*key, held(self, *key)));
                self.disk.edit(*key, Some(*value));
            }
            Step::Revert => {
                if let Some((key, value)) = last.take().filter(|(key, _)| !self.program.has(key)) {
                    self.disk.edit(key, value);
                }
            }
            Step::Overwrite { key, value } if self.program.has(key) => self.disk.edit(*key, Some(*value)),
            Step::Lose(key) if self.program.has(key) => self.disk.edit(*key, None),
            Step::Formula { key, task } if self.program.has(key) => {
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

pub(super) fn play<P, S, R>(
    tale: &Tale,
    combinations: &[Combination<'_, S, R>],
    careless: Careless,
) -> Result<(), Broken>
where
    P: Declares,
    S: Schedules<P>,
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
