//! Every history of a few steps.
//!
//! The histories of a program are the branches of a tree: after each step, what may follow is listed. A build system cannot
//! be copied, so a branch is played from its beginning; a history that is the beginning of another is judged with it.

use super::programs::{Model, Part, Task, name};
use crate::generate::Style;
use crate::script::Step;

/// What happens, and how things stand after it.
#[derive(Debug, Clone)]
pub(super) struct History {
    steps: Vec<Step>,
    /// The program at the beginning,
    first: Model,
    /// and now.
    model: Model,
    /// The combination at work.
    at_work: usize,
}

/// What the histories of a program are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alphabet {
    /// Tasks are replaced.
    formulas: bool,
    /// Inputs are deleted.
    missing: bool,
    /// New processes start from the journal;
    restarts: bool,
    /// without its last record.
    faults: bool,
    /// So many combinations take turns.
    combinations: usize,
}

impl Alphabet {
    /// What may happen in histories of this style.
    pub fn new(style: Style) -> Self {
        let Style { formulas, missing, restarts, faults, combinations, .. } = style;
        Alphabet { formulas, missing, restarts, faults, combinations }
    }
}

impl History {
    pub fn of(model: &Model) -> Self {
        History { steps: Vec::new(), first: model.clone(), model: model.clone(), at_work: 0 }
    }

    /// Calls `each` with every history of at most so many steps, this one's not counted, that ends in a build: of all keys; or,
    /// if it has so many, of one key. (Fewer that end in a build of one key are the beginning of others.)
    ///
    /// # Errors
    /// The first that `each` answers.
    pub fn every<E>(
        &self,
        left: usize,
        of: Alphabet,
        each: &mut impl FnMut(&[Step]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ending = |last: Step| each(&[&self.steps[..], &[last]].concat());
        ending(Step::Build(self.keys().map(name).collect()))?;
        if left == 1 {
            let mut one = self.builds().filter(|_| self.keys().len() > 1);
            return one.try_for_each(ending);
        }
        let next = if self.steps.is_empty() { self.builds().collect() } else { self.next(of) };
        next.into_iter().try_for_each(|step| self.then(step).every(left - 1, of, each))
    }

    fn keys(&self) -> impl ExactSizeIterator<Item = usize> + use<> {
        0..self.model.0.len()
    }

    /// A build of each key that has a task.
    fn builds(&self) -> impl Iterator<Item = Step> {
        self.keys().filter(|&key| self.model.task(key).is_some()).map(|key| Step::Build(vec![name(key)]))
    }

    /// What may come next, but for what would be the same as another history.
    fn next(&self, of: Alphabet) -> Vec<Step> {
        let mut steps: Vec<Step> = self.builds().collect();
        for key in self.keys() {
            match &self.model.0[key] {
                Part::Input(held) => {
                    let values =
                        [Some(false), Some(true), None].into_iter().filter(|value| of.missing || value.is_some());
                    let others = values.filter(|value| value != held);
                    steps.extend(others.map(|value| match value {
                        Some(value) => Step::Edit { key: name(key), value: i64::from(value) },
                        None => Step::Delete(name(key)),
                    }));
                }
                Part::Task(task) if of.formulas => {
                    let others = self.others(key).into_iter().filter(|other| other != task);
                    steps.extend(others.map(|other| Step::Formula { key: name(key), task: other.expr() }));
                }
                Part::Task(_) => {}
            }
        }
        steps.extend(of.restarts.then_some(Step::Restart));
        steps.extend(of.faults.then_some(Step::Crash { targets: Vec::new(), polls: 0, lost: 1 }));
        let takeover = |&other: &usize| other != self.at_work;
        steps.extend(
            (0..of.combinations).filter(takeover).map(|other| Step::Switch { to: other, keeps_scheduler: false }),
        );
        steps.retain(|step| self.steps.last().is_none_or(|last| !is_idle(last, step)));
        steps
    }

    /// What a key's task may be replaced by: an answer, a failure, a copy of another key, or what it was at the beginning; if
    /// that makes no circle, where there was none.
    fn others(&self, key: usize) -> Vec<Task> {
        let copies = self.keys().filter(|&other| other != key).map(Task::copy);
        let mut others: Vec<Task> =
            [Task::Answer(false), Task::Answer(true), Task::Fail].into_iter().chain(copies).collect();
        let leads_back = |task: &Task| self.keys().any(|next| task.mentions(next) && self.model.leads_to(next, key));
        others.retain(|task| !leads_back(task));
        if let Some(task) = self.first.task(key)
            && !others.contains(task)
            && (self.first.is_circular() || !leads_back(task))
        {
            others.push(task.clone());
        }
        others
    }

    fn then(&self, step: Step) -> History {
        let mut next = self.clone();
        match &step {
            Step::Edit { key, value } => next.model.0[key.0 as usize] = Part::Input(Some(*value != 0)),
            Step::Delete(key) => next.model.0[key.0 as usize] = Part::Input(None),
            Step::Formula { key, task: expr } => {
                let key = key.0 as usize;
                let task = self.others(key).into_iter().find(|task| task.expr() == *expr);
                next.model.0[key] = Part::Task(task.unwrap_or(Task::Fail));
            }
            Step::Switch { to, .. } => next.at_work = *to,
            _ => {}
        }
        next.steps.push(step);
        next
    }
}

/// Whether the second step makes nothing of the first that another history does not: what is changed between two builds is
/// changed in the order of the keys, and a task once; a process that has just begun is not followed by another, unless what
/// it has not written yet is lost too; nor is one takeover followed by another.
fn is_idle(first: &Step, second: &Step) -> bool {
    let changed = |step: &Step| match step {
        Step::Edit { key, .. } | Step::Delete(key) => Some((*key, false)),
        Step::Formula { key, .. } => Some((*key, true)),
        _ => None,
    };
    if let (Some((first, _)), Some((second, task))) = (changed(first), changed(second)) {
        return first > second || first == second && task;
    }
    matches!(
        (first, second),
        (Step::Restart, Step::Restart | Step::Crash { .. })
            | (Step::Crash { .. }, Step::Restart)
            | (Step::Switch { .. }, Step::Switch { .. })
    )
}
