//! A plan at work: a build system in a controlled world, and the laws that each build of it must obey.

use super::common::{Key, System, system};
use super::interleaving_plan::{Plan, Working};
use super::interleaving_watch::Watch;
use alacarte_conformance::{Choices, Driven, Outside, Seeded, Tape, drive};
use alacarte_core::Decision;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

type Settled = Rc<RefCell<Vec<(Key, bool)>>>;

/// A plan at work: a build system, the world outside, and who watches both.
pub struct Site {
    pub plan: Plan,
    pub outside: Outside,
    pub watch: Watch,
    pub system: System<Working>,
    pub tape: Tape<Key, i64>,
    /// The keys that the last build brought up to date, whether or not it was dropped; and whether they ran.
    settled: Settled,
    names: (String, String),
    /// What was detached by tasks that have ended, and may not be up to date yet. A new process does not know.
    owed: BTreeSet<Key>,
}

impl Site {
    pub fn new(plan: &Plan, outside: Outside, scheduler: &str, rebuilder: &str) -> Self {
        let watch = Watch::new(&outside, plan.jobs, &plan.pools);
        let (settled, tape) = (Rc::default(), Tape::default());
        let names = (scheduler.to_owned(), rebuilder.to_owned());
        let system = open(plan, &outside, &watch, &tape, &settled, &names);
        Site { plan: plan.clone(), outside, watch, system, tape, settled, names, owed: BTreeSet::new() }
    }

    /// The process ends, and another one starts from the journal.
    pub fn restart(&mut self) {
        self.system = open(&self.plan, &self.outside, &self.watch, &self.tape, &self.settled, &self.names);
    }

    /// Writes to an input; a new process will find it so.
    pub fn edit(&mut self, key: Key, value: i64) {
        self.plan.inputs.insert(key, value);
        self.system.set(key, value).expect("memory can be written");
    }

    /// Builds the target, or drops the build after so many polls; whether it succeeded.
    pub fn build(&mut self, choices: &mut dyn Choices, stop_after: Option<usize>) -> Result<Option<bool>, String> {
        self.settled.borrow_mut().clear();
        let mut needed = self.owed.clone();
        needed.insert(self.plan.target);
        let by_right = self.plan.reach(needed, true).into_iter().all(|key| self.plan.value(key).is_some());
        let abandoned = self.outside.abandoned();
        // One that stops at a failure leaves places free.
        self.watch.eager.set(by_right || self.plan.keep_going);
        let build = self.system.run_async([self.plan.target]);
        let driven = drive(build, &self.outside, &mut self.watch.over(choices), stop_after)?;
        self.watch.verdict()?;
        let ran = self.ran();
        let mut seen = BTreeSet::new();
        if let Some(key) = ran.iter().find(|key| !seen.insert(**key)) {
            return Err(format!("{key} ran twice"));
        }
        ran.iter().try_for_each(|key| self.holds(key))?;
        let detached = ran.iter().flat_map(|key| self.plan.detached(key));
        self.owed.extend(detached);
        let mut needed = self.owed.clone();
        needed.insert(self.plan.target);
        for (key, _) in &*self.settled.borrow() {
            self.owed.remove(key);
        }
        let Driven::Ended(result) = driven else { return Ok(None) };
        match result {
            // Deep traces say nothing of what lies between a key and its inputs.
            Ok(_) if self.names.1 == "deep-constructive-trace" => needed.iter().try_for_each(|key| self.holds(key))?,
            Ok(_) => self.plan.reach(needed, false).into_iter().try_for_each(|key| self.holds(key))?,
            Err(error) if by_right => return Err(format!("it failed: {error}")),
            Err(_) => return Ok(Some(false)),
        }
        self.owed.clear();
        // What restarts may be dropped at work; nothing else may.
        if self.names.0 != "restarting" && self.outside.abandoned() > abandoned {
            return Err("it succeeded, and abandoned work that was underway".into());
        }
        Ok(Some(true))
    }

    /// The keys that ran to their end in the last build, in that order.
    pub fn ran(&self) -> Vec<Key> {
        let settled = self.settled.borrow();
        settled.iter().filter(|(_, ran)| *ran).map(|&(key, _)| key).collect()
    }

    /// Whether a key holds what it should.
    fn holds(&self, key: Key) -> Result<(), String> {
        match (self.system.get(key), self.plan.value(key)) {
            (is, should) if is == should && is.is_some() => Ok(()),
            (is, should) => Err(format!("{key} is {is:?}, and should be {should:?}")),
        }
    }

    /// Edits, reverts, new processes, builds and dropped builds, of this target or that; at the end, a build of all.
    pub fn random_history(&mut self, choices: &mut Seeded) -> Result<(), String> {
        let start: Vec<(Key, i64)> = self.plan.inputs.clone().into_iter().collect();
        let tasks: Vec<Key> = self.plan.tasks.keys().copied().collect();
        let all = self.plan.target;
        for _ in 0..choices.choose(9) {
            let polls = choices.choose(6);
            match choices.choose(7) {
                0 => self.restart(),
                1 | 2 => {
                    let (key, value) = start[choices.choose(start.len())];
                    self.edit(key, value + [0, 2, 4, 1][choices.choose(4)]);
                }
                3 => self.plan.target = [all, tasks[choices.choose(tasks.len())]][choices.choose(2)],
                4 => drop(self.build(choices, None)?),
                _ => drop(self.build(choices, Some(polls))?),
            }
        }
        self.plan.target = all;
        self.build(choices, None).map(|_| ())
    }
}

fn open(
    plan: &Plan,
    outside: &Outside,
    watch: &Watch,
    tape: &Tape<Key, i64>,
    settled: &Settled,
    (scheduler, rebuilder): &(String, String),
) -> System<Working> {
    let tasks = Working { tasks: plan.tasks.clone(), outside: outside.clone(), watch: watch.clone() };
    let inputs: Vec<(Key, i64)> = plan.inputs.iter().map(|(&key, &value)| (key, value)).collect();
    let settled = settled.clone();
    let mut system = system(scheduler, rebuilder, tasks, &inputs)
        .with_journal(tape.clone())
        .with_jobs(plan.jobs)
        .with_keep_going(plan.keep_going)
        .with_observer(move |keys, key, decision| {
            if let Decision::Ran { .. } | Decision::Kept | Decision::Restored = decision {
                let ran = matches!(decision, Decision::Ran { .. });
                settled.borrow_mut().push((*keys.name(key), ran));
            }
        });
    for &(pool, depth) in &plan.pools {
        system = system.with_pool(pool, depth);
    }
    system
}
