//! How much a build has to look at, what a scheduler is told of it, and what it cannot order.

use super::Build;
use crate::blame::Part;
use crate::engine::{Engine, Told};
use crate::error::{Cause, Failure};
use crate::fingerprint::Value;
use crate::journal::Journal;
use crate::key::{Key, KeyId};
use crate::key_table::{INPUT, Look, STALE};
use crate::rebuilder::Rebuilder;
use crate::scheduler::{Declared, Plan, PlanError, Problem, Scheduler, Schedules, WhenBlocked};
use crate::step_count::count_steps;
use crate::store::Store;
use crate::task::Tasks;

impl<K, V, T, St, S, R, J> Build<K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// Decides which keys of the last build are questionable.
    pub(super) fn begin(&mut self, targets: &[KeyId]) -> Scope {
        let table = self.table.get_mut();
        table.pools.begin(self.jobs);
        table.task.fetches = 0;
        table.raised = false;
        // What has neither a task nor a value may have one again. (What was given a value is up to date, and is owed no more.)
        let mut detached = std::mem::take(&mut table.detached);
        detached.begin(|&key| self.tasks.has(table.keys.name(key)) || table.value(key).is_some());
        table.detached = detached;
        let trusted = self.rebuilder.skips_unchanged_builds();
        let follows = trusted && self.proven && self.scheduler.follows_suspects(targets, self.generation);
        if !self.questionable && trusted && (follows || !self.last_build_checked_roots_only) {
            // Nothing changed: every key that the last build brought up to date still is.
            return Scope::Nothing;
        }
        let suspects = self.rebuilder.suspects(&self.sink.metadata);
        if let Some(suspects) = suspects
            && follows
        {
            count_steps(suspects.keys.len());
            for key in suspects.keys {
                table.set_state(*key, STALE);
            }
            self.last_build_checked_roots_only = true;
            return Scope::Suspects(Told { count: suspects.keys.len(), generation: suspects.generation });
        }
        self.last_build_checked_roots_only = false;
        self.preceding.clear();
        table.next_revision();
        self.past.raise();
        Scope::Everything
    }

    /// Has the scheduler plan; what it cannot order.
    pub(super) fn plan(&mut self, targets: &[KeyId], scope: Scope) -> Result<Vec<PlanError>, PlanError> {
        let table = &self.table;
        let tasks = &self.tasks;
        let refuses = self.scheduler.when_blocked() == WhenBlocked::Refuse;
        let mut names: Vec<K> = Vec::new();
        let mut look = |id: KeyId, into: &mut Vec<KeyId>| {
            let mut table = table.borrow_mut();
            if !table.keys.knows(id) {
                return Declared::Input;
            }
            let key = table.keys.name(id);
            if !tasks.has(key) {
                return Declared::Input;
            }
            tasks.order_only(key, &mut |key| names.push(key.clone()));
            let known = refuses && tasks.declared(key, &mut |key| names.push(key.clone()));
            into.extend(names.drain(..).map(|key| table.intern(&key)));
            if known { Declared::Static } else { Declared::Dynamic }
        };
        let blame = &self.blame;
        let mut declared = |id: KeyId, into: &mut Vec<KeyId>| {
            // What panics among the tasks is not the scheduler's, which asked.
            blame.clear();
            let declared = look(id, into);
            blame.note(Part::Scheduler, None);
            declared
        };
        let metadata = &self.sink.metadata;
        let suspects = match scope {
            Scope::Everything => None,
            Scope::Suspects(_) => self.rebuilder.suspects(metadata).map(|suspects| suspects.keys),
            Scope::Nothing => {
                Some(&[] as &[KeyId]).filter(|_| self.scheduler.follows_suspects(targets, self.generation))
            }
        };
        let (generation, keeps_going) = (self.generation, self.stop_after > 1);
        let mut plan =
            Plan { targets, generation, suspects, keeps_going, refused: Vec::new(), declared: &mut declared };
        let planned = self.scheduler.plan(&mut plan, metadata);
        let refused = plan.refused;
        planned.map(|()| refused)
    }
}

impl<'b, K, V, T, St, S, R, J> Engine<'b, K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
{
    pub(super) fn fail_plan(&mut self, error: PlanError) {
        let PlanError { key, problem } = error;
        if !self.table.borrow().keys.knows(key) {
            return self.state.failures.push(Failure::new(None, Cause::UnknownId { id: key }));
        }
        let cause = self.cause_of(problem);
        let failure = Failure::new(self.table.borrow().keys.name(key).clone(), cause);
        self.state.failures.push(failure);
    }

    fn cause_of(&self, problem: Problem) -> Cause {
        let table = self.table.borrow();
        match problem {
            Problem::Cycle(path) => Cause::Cycle { path: path.iter().map(|&key| table.keys.show(key)).collect() },
            Problem::Dynamic => Cause::Dynamic,
            Problem::Needs(key) => Cause::Dependency { dependency: table.keys.show(key) },
            Problem::Other(cause) => cause,
        }
    }

    /// Names targets that are inputs without a value, or were never looked at, and counts what was fetched.
    pub(super) fn check_targets(&mut self, targets: &[KeyId]) {
        let mut table = self.table.borrow_mut();
        self.state.report.fetches = table.task.fetches;
        if !self.state.failures.is_empty() {
            return;
        }
        for &target in targets {
            if let Look::Ready(_) = table.look(target) {
                continue;
            }
            let cause = if table.has(target, INPUT) { Cause::MissingTarget } else { Cause::NeverGiven };
            self.state.failures.push(Failure::new(table.keys.name(target).clone(), cause));
        }
    }
}

impl<'b, K, V, T, St, S, R, J> Engine<'b, K, V, T, St, S, R, J>
where
    K: Key,
    V: Value,
    T: Tasks<K, V>,
    St: Store<K, V>,
    S: Schedules<T::Power>,
    R: Rebuilder<K, V>,
    J: Journal<K, V>,
{
    /// A key that has no place in the order fails, and the build goes on without it.
    pub(super) fn refuse(&mut self, error: PlanError) {
        let PlanError { key, problem } = error;
        if !self.table.borrow().keys.knows(key) {
            return self.fail_unknown(key);
        }
        let cause = self.cause_of(problem);
        self.mark_failed(key, Some(cause));
    }
}

/// Which keys a build has to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All that the targets reach.
    Everything,
    /// Those that may be out of date of themselves (so many are told), and what depends on them.
    Suspects(Told),
    /// Those that were never brought up to date.
    Nothing,
}
