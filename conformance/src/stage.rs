//! The stage: performs a scenario on a real build system, and judges every build.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use alacarte::{Build, Decision, Rebuilder, Scheduler, Tasks, WhenBlocked};
use alacarte_stores::Memory;

use crate::broken::{Fault, Lends, Lie, Shelf};
use crate::expr::Name;
use crate::laws::{LAWS, Moment, Promises, Thrift, show};
use crate::memory::{Kind, Onlooker, Reference};
use crate::oracle::Truth;
use crate::program::{Declares, Manner, Program};
use crate::script::{Scenario, Step};
use crate::tape::Tape;

/// A scheduler and a rebuilder, made anew for every build system.
pub struct Combination<'c, S, R> {
    /// What a report calls it.
    pub name: String,
    /// Makes them.
    pub make: Box<dyn Fn() -> (S, R) + 'c>,
    /// What it promises.
    pub promises: Promises,
}

/// How a scenario is performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Tasks do outside work of a length that this seed decides.
    pub work: Option<u64>,
    /// How many may do so at once.
    pub jobs: usize,
    /// Whether a build goes on after a failure.
    pub keep_going: bool,
    /// Whether the journal forgets everything.
    pub forgetful: bool,
    /// Whether every build is done by a new process.
    pub restarting: bool,
    /// What is wrong with what the journal gives back, if anything is.
    pub lie: Option<Lie>,
    /// Whether builds share traces through a cache, with which fault if any. Then a new process is a new machine,
    /// without a journal.
    pub cache: Option<Fault>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup { work: None, jobs: 1, keep_going: false, forgetful: false, restarting: false, lie: None, cache: None }
    }
}

/// What one build of a performance did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The tasks that ran.
    pub ran: BTreeSet<Name>,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// The values of the targets, if it did.
    pub values: Vec<Option<i64>>,
}

/// A law was broken: the whole story.
#[derive(Clone)]
pub struct Broken {
    /// The name of the law.
    pub law: &'static str,
    /// Graph, steps, what was expected and what came, to be read by a person.
    pub story: String,
    /// How many scenarios it took to find one that breaks it.
    pub cases: u64,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.story)
    }
}

type Built<P, S, R> = Build<Name, i64, Program<P>, Memory<Name, i64>, S, R, Tape<Name, i64>>;

/// A build system under observation.
struct Stage<'c, P, S, R> {
    /// Always there, but while its parts are exchanged.
    build: Option<Built<P, S, R>>,
    combinations: &'c [Combination<'c, S, R>],
    current: usize,
    /// What the present combination promises.
    promises: Promises,
    /// Whether the scheduler knows the order beforehand.
    declares: bool,
    setup: Setup,
    tape: Tape<Name, i64>,
    shelf: Shelf,
    inputs: BTreeMap<Name, i64>,
    /// What every key held after the last build.
    held: BTreeMap<Name, Option<i64>>,
    last_edit: Option<(Name, Option<i64>)>,
    onlooker: Onlooker,
    decisions: Rc<RefCell<Vec<(Name, Decision)>>>,
    /// What restarted tasks wait for, in the order of the restarts.
    waits: Rc<RefCell<Vec<Name>>>,
    /// The targets of the last build, if it succeeded and nothing has happened since.
    settled: Option<Vec<Name>>,
    story: Vec<String>,
}

/// Performs a scenario, the first combination beginning.
///
/// # Errors
/// If a build breaks a law.
pub fn perform<P, S, R>(
    scenario: &Scenario,
    combinations: &[Combination<'_, S, R>],
    setup: Setup,
) -> Result<Vec<Played>, Broken>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    let program = Program::<P>::new(scenario.graph.clone(), Manner { signed: scenario.signed, work: setup.work });
    let tape = if setup.forgetful { Tape::forgetful() } else { Tape::lying(setup.lie) };
    let mut stage = Stage {
        build: None,
        combinations,
        current: 0,
        promises: combinations[0].promises,
        declares: false,
        setup,
        tape,
        shelf: Shelf::default(),
        inputs: scenario.inputs.clone(),
        held: BTreeMap::new(),
        last_edit: None,
        onlooker: Onlooker::default(),
        decisions: Rc::default(),
        waits: Rc::default(),
        settled: None,
        story: vec![scenario.to_string(), format!("Under {}:", combinations[0].name)],
    };
    for key in scenario.graph.keys() {
        if scenario.graph.task(key).is_none() {
            stage.onlooker.see(key, scenario.inputs.get(&key).copied());
        }
    }
    stage.start(program);
    let mut played = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        stage.story.push(format!("{:>3}. {step}", number + 1));
        if let Step::Build(targets) = step {
            if setup.restarting {
                stage.restart();
            }
            played.push(stage.play(targets)?);
        } else {
            stage.take(step);
        }
    }
    Ok(played)
}

impl<P, S, R> Stage<'_, P, S, R>
where
    P: Declares,
    S: Scheduler<P>,
    R: Rebuilder<Name, i64>,
{
    fn build(&mut self) -> &mut Built<P, S, R> {
        let Some(build) = &mut self.build else { unreachable!("the build is only ever exchanged") };
        build
    }

    /// Starts a process.
    fn start(&mut self, program: Program<P>) {
        let mut held = self.inputs.clone();
        held.extend(self.onlooker.tampered.iter().filter_map(|(&key, &value)| Some((key, value?))));
        let (scheduler, rebuilder) = (self.combinations[self.current].make)();
        self.declares = scheduler.when_blocked() == WhenBlocked::Refuse;
        let (decisions, waits) = (self.decisions.clone(), self.waits.clone());
        let build = Build::new(program, held.into_iter().collect::<Memory<_, _>>())
            .scheduler(scheduler)
            .rebuilder(rebuilder)
            .journal(self.tape.clone())
            .jobs(self.setup.jobs)
            .keep_going(self.setup.keep_going)
            .observe(move |keys, key, decision| {
                let waits_for = if let Decision::Restarted(on) = decision { Some(*keys.name(*on)) } else { None };
                decisions.borrow_mut().push((*keys.name(key), decision.clone()));
                waits.borrow_mut().extend(waits_for);
            });
        self.build = Some(match self.setup.cache {
            Some(fault) => build.cache(Lends { shelf: self.shelf.clone(), fault }),
            None => build,
        });
    }

    fn restart(&mut self) {
        if self.setup.forgetful {
            return;
        }
        if self.setup.cache.is_some() {
            self.tape = Tape::default();
            self.onlooker.references.clear();
            self.held.clear();
        }
        let program = self.build().tasks().clone();
        self.start(program);
        self.settled = None;
    }

    fn is_input(&mut self, key: Name) -> bool {
        !self.build().tasks().has(&key)
    }

    /// Writes to an input.
    fn edit(&mut self, key: Name, value: Option<i64>) {
        let before = self.inputs.get(&key).copied();
        self.last_edit = Some((key, before));
        let written = match value {
            Some(value) => self.build().set(key, value),
            None => self.build().remove(key),
        };
        written.expect("memory can be written");
        match value {
            Some(value) => self.inputs.insert(key, value),
            None => self.inputs.remove(&key),
        };
        // It may have been an output before.
        self.onlooker.tampered.entry(key).and_modify(|held| *held = value);
        if before != value {
            self.onlooker.edit(key);
            self.onlooker.see(key, value);
        }
    }

    fn tamper(&mut self, key: Name, value: Option<i64>) {
        let written = match value {
            Some(value) => self.build().set(key, value),
            None => self.build().remove(key),
        };
        written.expect("memory can be written");
        self.onlooker.tampered.insert(key, value);
    }

    /// Anything but a build.
    fn take(&mut self, step: &Step) {
        self.settled = None;
        match step {
            Step::Edit(key, value) if self.is_input(*key) => self.edit(*key, Some(*value)),
            Step::Same(key) if self.is_input(*key) => {
                if let Some(&value) = self.inputs.get(key) {
                    let changed = self.build().set(key, value).expect("memory can be written");
                    assert!(!changed, "{key} was said to change, though it was set to what it is");
                }
            }
            Step::Revert => {
                if let Some((key, value)) = self.last_edit.take()
                    && self.is_input(key)
                {
                    self.edit(key, value);
                }
            }
            Step::Touch(key) if self.is_input(*key) && self.inputs.contains_key(key) => {
                self.build().touch(key).expect("memory can be written");
            }
            Step::Delete(key) if self.is_input(*key) => self.edit(*key, None),
            Step::Formula(key, task) => {
                self.onlooker.edit(*key);
                if self.is_input(*key) {
                    // What it holds is now an output that somebody wrote.
                    let held = self.inputs.remove(key);
                    self.onlooker.tampered.insert(*key, held);
                }
                self.build().tasks_mut().replace(*key, Some(task.clone()));
            }
            Step::Unformula(key) if !self.is_input(*key) => {
                self.onlooker.edit(*key);
                let built = self.held.get(key).copied().flatten();
                let held = self.onlooker.tampered.get(key).copied().unwrap_or(built);
                self.build().tasks_mut().replace(*key, None);
                self.inputs.extend(held.map(|value| (*key, value)));
                self.onlooker.tampered.insert(*key, held);
                self.onlooker.see(*key, held);
            }
            Step::Overwrite(key, value) if !self.is_input(*key) => self.tamper(*key, Some(*value)),
            Step::Lose(key) if !self.is_input(*key) => self.tamper(*key, None),
            Step::Restart => self.restart(),
            Step::Switch(to, keep_scheduler) => self.switch(*to, *keep_scheduler),
            _ => {}
        }
    }

    fn switch(&mut self, to: usize, keep_scheduler: bool) {
        let (scheduler, rebuilder) = (self.combinations[to].make)();
        if let Some(build) = self.build.take() {
            if !keep_scheduler {
                self.declares = scheduler.when_blocked() == WhenBlocked::Refuse;
            }
            let build = build.rebuilder(rebuilder);
            self.build = Some(if keep_scheduler { build } else { build.scheduler(scheduler) });
        }
        self.current = to;
        self.promises = self.combinations[to].promises;
        if self.setup.forgetful {
            // It knows nothing of the inputs, so a touched one may look new to it.
            self.promises = Promises { minimal: Thrift::None, cutoff: Thrift::None, ..self.promises };
        }
        // What one combination has brought up to date, another need not know of.
        self.onlooker.references.clear();
    }

    fn play(&mut self, targets: &[Name]) -> Result<Played, Broken> {
        self.decisions.borrow_mut().clear();
        self.waits.borrow_mut().clear();
        let told = self.tape.appended();
        let Some(build) = &mut self.build else { unreachable!("the build is only ever exchanged") };
        let result = build.run(targets);
        let report = match &result {
            Ok(report) => report.clone(),
            Err(error) => error.report.clone(),
        };
        let ran = build.names(&report.ran);
        let keys: Vec<Name> = build.tasks().graph().keys().collect();
        let values: BTreeMap<Name, Option<i64>> = keys.iter().map(|&key| (key, build.get(key))).collect();
        let tasks = build.tasks().clone();
        let kind = |key: &Name| match tasks.has(key) {
            true => Kind::Task(tasks.definition(key)),
            false => Kind::Input(self.inputs.get(key).copied()),
        };
        let kinds: BTreeMap<Name, Kind> = keys.iter().map(|key| (*key, kind(key))).collect();
        let line = self.tell(result.as_ref().err().map(ToString::to_string));
        self.story.push(line);
        let mut truth = Truth::new(tasks.graph(), &self.inputs);
        let decisions = self.decisions.borrow().clone();
        let mut moment = Moment {
            targets,
            result: &result,
            ran: &ran,
            decisions: &decisions,
            values: &values,
            inputs: &self.inputs,
            truth: &mut truth,
            kinds: &kinds,
            onlooker: &self.onlooker,
            declares: self.declares,
            events: self.tape.appended() - told,
            again: self.settled.as_deref() == Some(targets),
            promises: self.promises,
        };
        for law in LAWS {
            (law.judge)(&mut moment).map_err(|what| self.broken(law.name, law.says, &what))?;
        }
        let vouched = moment.vouched();
        for &key in &vouched {
            self.onlooker.tampered.remove(&key);
            self.onlooker.see(key, values[&key]);
        }
        for key in vouched {
            let reference = self.reference(key, &mut truth, &kinds);
            self.onlooker.references.insert(key, reference);
        }
        self.held = values.clone();
        self.settled = result.is_ok().then(|| targets.to_vec());
        let targets = targets.iter().map(|key| values[key]).filter(|_| result.is_ok());
        Ok(Played { succeeded: result.is_ok(), values: targets.collect(), ran: ran.into_iter().collect() })
    }

    fn reference(&self, key: Name, truth: &mut Truth, kinds: &BTreeMap<Name, Kind>) -> Reference {
        let footprint =
            truth.reach(&[key]).into_iter().map(|below| (below, (kinds[&below], self.onlooker.edits(below))));
        let fetched = truth.of(key).fetched.clone().into_iter();
        Reference {
            footprint: footprint.collect(),
            fetched: fetched.map(|key| (key, (truth.value(key), self.onlooker.moves(key)))).collect(),
            definition: (kinds.get(&key).copied(), self.onlooker.edits(key)),
        }
    }

    /// What a build did, as a line of the story.
    fn tell(&self, error: Option<String>) -> String {
        let waits = self.waits.borrow();
        let mut waits = waits.iter();
        let told = |(key, decision): &(Name, Decision)| match decision {
            Decision::Kept => Some(format!("kept {key}")),
            Decision::Restored => Some(format!("restored {key}")),
            Decision::Restarted(_) => waits.next().map(|on| format!("{key} waits for {on}")),
            Decision::Ran { .. } => Some(format!("ran {key}")),
            _ => None,
        };
        let decisions: Vec<String> = self.decisions.borrow().iter().filter_map(told).collect();
        let mut line = format!("       {}", decisions.join(", "));
        if decisions.is_empty() {
            line += "nothing to do";
        }
        match error {
            Some(error) => format!("{line}\n       failed: {}", error.replace('\n', "; ")),
            None => line,
        }
    }

    fn broken(&self, law: &'static str, says: &str, what: &str) -> Broken {
        let inputs = self.inputs.iter().map(|(key, &value)| format!("{key}: {}", show(Some(value))));
        let story = format!(
            "{}\nInputs now: {}\n\nThe law `{law}` is broken: {says}.\n{what}\n",
            self.story.join("\n"),
            inputs.collect::<Vec<_>>().join(", "),
        );
        Broken { law, story, cases: 1 }
    }
}
