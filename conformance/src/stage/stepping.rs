//! What happens between two builds.

use std::collections::BTreeSet;

use alacarte_core::{Build, Decision, Rebuilder, Retention, Schedules, Tasks, WhenBlocked};

use super::{Built, Stage};
use crate::faults::{Flaw, Lends};
use crate::laws::{Decided, Promises, Thrift};
use crate::name::Name;
use crate::program::{Declares, POOL, Program};
use crate::script::Step;
use crate::test_journal::TestJournal;

/// The bytes with which a log begins.
const TITLE: usize = 15;

impl<P, S, R> Stage<'_, P, S, R>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    pub(super) fn build(&mut self) -> &mut Built<P, S, R> {
        let Some(build) = &mut self.build else { unreachable!("the build is only ever exchanged") };
        build
    }

    /// Starts a process.
    pub(super) fn start(&mut self, program: Program<P>) {
        let mut held = self.scribbled.clone();
        held.extend(&self.inputs);
        self.world.furnish(held);
        self.world.begin();
        self.unread = true;
        let (_, rebuilder) = (self.combinations[self.current].make)();
        let (scheduler, _) = (self.combinations[self.scheduling].make)();
        self.declares = scheduler.when_blocked() == WhenBlocked::Refuse;
        let (decisions, waits) = (self.decisions.clone(), self.waits.clone());
        let manner = self.scenario.manner;
        let build = Build::new(program, self.world.clone())
            .with_scheduler(scheduler)
            .with_rebuilder(rebuilder)
            .with_journal(self.journal.clone())
            .with_jobs(manner.jobs)
            .with_pool(POOL, 1)
            .with_keep_going(manner.keep_going)
            .with_observer(move |keys, key, decision| {
                let waits_for = if let Decision::Restarted(on) = decision { Some(*keys.name(*on)) } else { None };
                decisions.borrow_mut().push(Decided { key: *keys.name(key), decision: decision.clone() });
                waits.borrow_mut().extend(waits_for);
            });
        self.build = Some(match self.setup.cache {
            Some(fault) => build.with_cache(Lends { shelf: self.shelf.clone(), fault }),
            None => build,
        });
    }

    pub(super) fn restart(&mut self) {
        if self.setup.forgetful {
            return;
        }
        if self.aside {
            // What happened meanwhile, the journal does not know.
            return self.damage(|_| {});
        }
        let program = self.build().tasks().clone().for_another_process();
        self.build = None;
        // What hangs on a lost record in the middle, each process doubts anew.
        if self.scarred || std::mem::take(&mut self.anonymous) {
            self.onlooker.references.clear();
        }
        if self.setup.cache.is_some() {
            self.journal = TestJournal::default();
            self.onlooker.references.clear();
            self.held.clear();
            self.scribbled.retain(|key, _| self.onlooker.tampered.contains_key(key));
        }
        self.journal.close();
        self.start(program);
        self.settled = None;
    }

    /// The process ends, something happens to what it has written, and a new one starts from what is left.
    fn damage(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if self.setup.forgetful {
            return;
        }
        self.aside = false;
        self.journal.damage(change);
        // That something is owed may be just what the journal has lost; or that it no longer is.
        self.onlooker.due.clear();
        self.onlooker.owed.extend(&self.onlooker.started);
        // What must be built again because a record is lost, is not for the laws of economy to say.
        self.onlooker.references.clear();
        self.restart();
        // A store in memory takes the journal's word for what it does not hold; that an input is gone may be just what the
        // journal has lost.
        let keys: Vec<Name> = self.build().tasks().graph().keys().collect();
        self.unsure = keys.iter().copied().collect();
        for key in keys {
            if self.is_input(key) && !self.inputs.contains_key(&key) {
                self.write(key, None);
            }
        }
    }

    /// The process is killed, and the last bytes did not reach the disk.
    pub(super) fn crash(&mut self, lost: usize) {
        if lost == 0 {
            return self.restart();
        }
        self.damage(|bytes| bytes.truncate(bytes.len().saturating_sub(lost)));
    }

    /// A key gets a task, or another one.
    fn note_task(&mut self, key: Name) {
        self.onlooker.edit(key);
        if self.is_input(key) {
            // What it holds is now an output that somebody wrote.
            let held = self.inputs.remove(&key);
            self.scribble(key, held);
        }
    }

    fn is_input(&mut self, key: Name) -> bool {
        !self.build().tasks().has(&key)
    }

    /// Writes to an input.
    fn edit(&mut self, key: Name, value: Option<i64>) {
        let before = self.inputs.get(&key).copied();
        self.last_edit = Some((key, before));
        if self.scenario.manner.dated {
            self.world.write(key, value);
        } else {
            self.write(key, value);
            self.world.follow(key, value);
        }
        self.note_edit(key, value);
    }

    /// An input has another value from now on.
    pub(super) fn note_edit(&mut self, key: Name, value: Option<i64>) {
        let before = self.inputs.get(&key).copied();
        match value {
            Some(value) => self.inputs.insert(key, value),
            None => self.inputs.remove(&key),
        };
        // It may have been an output before.
        self.scribbled.remove(&key);
        self.onlooker.tampered.entry(key).and_modify(|held| *held = value);
        if before != value {
            self.onlooker.edit(key);
            self.onlooker.see(key, value);
        }
    }

    /// Writes through the build.
    fn write(&mut self, key: Name, value: Option<i64>) {
        let written = match value {
            Some(value) => self.build().set(key, value),
            None => self.build().remove(key),
        };
        written.expect("memory can be written");
    }

    fn tamper(&mut self, key: Name, value: Option<i64>) {
        self.write(key, value);
        self.scribble(key, value);
    }

    /// An output holds what no task of ours gave it.
    fn scribble(&mut self, key: Name, value: Option<i64>) {
        self.onlooker.tampered.insert(key, value);
        match value {
            Some(value) => self.scribbled.insert(key, value),
            None => self.scribbled.remove(&key),
        };
    }

    /// Anything but a build.
    pub(super) fn take(&mut self, step: &Step) {
        let settled = self.settled.take();
        match step {
            Step::Collect(builds) => {
                self.collect(*builds);
                // What the last build reached is known.
                self.settled = settled.filter(|_| *builds > 0);
            }
            Step::Edit { key, value } if self.is_input(*key) => self.edit(*key, Some(*value)),
            Step::Same(key) if self.is_input(*key) && !self.scenario.manner.dated => {
                // (A build that was raced does not know yet what it has.)
                if let Some(&value) = self.inputs.get(key).filter(|_| !self.world.is_news(*key)) {
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
                if self.scenario.manner.dated {
                    self.world.touch(*key);
                } else {
                    self.build().touch(key).expect("memory can be written");
                }
            }
            Step::Delete(key) if self.is_input(*key) => self.edit(*key, None),
            Step::Formula { key, task } => {
                self.note_task(*key);
                self.build().tasks_mut().replace(*key, Some(task.clone()));
            }
            Step::Exchange { key, task } => {
                self.note_task(*key);
                let others = self.build().tasks().exchanged(*key, task.clone());
                *self.build().tasks_mut() = others;
                if !self.scenario.manner.signed {
                    // All of them count as others, now and when a process begins that has no other collection.
                    self.onlooker.references.clear();
                    self.anonymous = true;
                }
            }
            // (A machine without a journal has none to put aside; and of one that was not read yet, nobody knows what it says.)
            Step::PutJournalAside | Step::TakeJournalBack
                if self.setup.forgetful || self.setup.cache.is_some() || self.unread => {}
            Step::PutJournalAside | Step::TakeJournalBack if self.aside != (*step == Step::PutJournalAside) => {
                self.aside = !self.aside;
                let journal = if self.aside { TestJournal::forgetful() } else { self.journal.clone() };
                if self.world.is(Flaw::Deaf) && !self.aside {
                    journal.deafen();
                }
                self.build = self.build.take().map(|build| build.with_journal(journal));
                // What another journal tells, is built again.
                self.onlooker.references.clear();
            }
            Step::Restock { key, value } if self.is_input(*key) => {
                self.last_edit = Some((*key, self.inputs.get(key).copied()));
                self.note_edit(*key, Some(*value));
                self.world.follow(*key, Some(*value));
                let mut held = self.scribbled.clone();
                held.extend(&self.inputs);
                self.world.furnish(held);
                let store = self.world.clone();
                *self.build().store_mut() = store;
            }
            // (After damage nobody knows what it holds until it was built again.)
            Step::Unformula(key) if !self.is_input(*key) && !self.unsure.contains(key) => {
                self.onlooker.edit(*key);
                let built = self.held.get(key).copied().flatten();
                let held = self.onlooker.tampered.get(key).copied().unwrap_or(built);
                self.build().tasks_mut().replace(*key, None);
                self.inputs.extend(held.map(|value| (*key, value)));
                self.scribbled.remove(key);
                self.onlooker.tampered.insert(*key, held);
                self.onlooker.see(*key, held);
            }
            Step::Overwrite { key, value } if !self.is_input(*key) => self.tamper(*key, Some(*value)),
            Step::Lose(key) if !self.is_input(*key) => self.tamper(*key, None),
            Step::Restart => self.restart(),
            Step::Rot(place) => {
                self.scarred = true;
                self.damage(|bytes| {
                    // (A log whose title is damaged before anything was written is taken for another's file, and refused.)
                    let at = (bytes.len() * usize::from(*place) / 256).max(TITLE);
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
                });
            }
            Step::Evict(key) => {
                if let Some(value) = self.build().get(key)
                    && !self.is_input(*key)
                {
                    self.world.evict(*key, value);
                    self.onlooker.evicted.insert(*key);
                    self.tamper(*key, None);
                }
            }
            Step::Pass => self.world.pass(),
            Step::SetBack(by) => self.world.set_back(*by),
            Step::Switch { to, keeps_scheduler: keep_scheduler } => self.switch(*to, *keep_scheduler),
            _ => {}
        }
    }

    fn collect(&mut self, builds: u64) {
        self.build().collect(Retention::of_builds(builds)).expect("memory can be written");
        let Some(build) = &self.build else { unreachable!("the build is only ever exchanged") };
        let known: BTreeSet<Name> = build.keys().iter().map(|(_, key)| *key).collect();
        let forgotten: Vec<Name> = build.tasks().graph().keys().filter(|key| !known.contains(key)).collect();
        for key in forgotten {
            self.onlooker.references.remove(&key);
            if self.is_input(key) {
                self.world.leave(key, self.inputs.get(&key).copied());
                continue;
            }
            // What somebody wrote there lies in the store; what a build made was the build's.
            let lies = self.scribbled.get(&key).copied();
            self.world.leave(key, lies);
            if lies.is_none() {
                self.held.insert(key, None);
                self.onlooker.tampered.insert(key, None);
            }
        }
    }

    fn switch(&mut self, to: usize, keep_scheduler: bool) {
        let (scheduler, rebuilder) = (self.combinations[to].make)();
        if let Some(build) = self.build.take() {
            if !keep_scheduler {
                self.declares = scheduler.when_blocked() == WhenBlocked::Refuse;
                self.scheduling = to;
            }
            let build = build.with_rebuilder(rebuilder);
            self.build = Some(if keep_scheduler { build } else { build.with_scheduler(scheduler) });
        }
        self.current = to;
        let starts_once = self.combinations[self.scheduling].promises.starts_once;
        self.promises = Promises { starts_once, ..self.combinations[to].promises };
        if self.setup.forgetful {
            // It knows nothing of the inputs, so a touched one may look new to it.
            self.promises = Promises { minimal: Thrift::None, cutoff: Thrift::None, ..self.promises };
        }
        // What one combination has brought up to date, another need not know of.
        self.onlooker.references.clear();
    }
}
