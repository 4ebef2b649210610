//! Smaller scenarios: every way to leave one thing out, or to make it plainer.
//!
//! The generator shrinks what a scenario is made of; there keys and steps hang together, and some stay that no reader
//! needs. Here the scenario itself is cut: a step, a key, a branch of a task, a number.

use std::collections::BTreeSet;

use crate::combines::Combines;
use crate::expr::Expr;
use crate::name::Name;
use crate::script::{Manner, Scenario, Step};

/// All scenarios that are smaller by one thing, those that leave most out first.
pub(crate) fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    all.extend(without_steps(scenario));
    all.extend(scenario.graph.keys().rev().filter_map(|key| without_key(scenario, key)));
    all.extend(plainer_manner(scenario.manner).map(|manner| Scenario { manner, ..scenario.clone() }));
    for (number, step) in scenario.steps.iter().enumerate() {
        all.extend(plainer_steps(step).into_iter().map(|step| {
            let mut steps = scenario.steps.clone();
            steps[number] = step;
            Scenario { steps, ..scenario.clone() }
        }));
    }
    for (number, task) in scenario.graph.tasks.iter().enumerate() {
        all.extend(task.iter().flat_map(plainer).map(|task| {
            let mut scenario = scenario.clone();
            scenario.graph.tasks[number] = Some(task);
            scenario
        }));
    }
    for (&key, &value) in &scenario.inputs {
        all.extend(lower(value).map(|value| {
            let mut scenario = scenario.clone();
            scenario.inputs.insert(key, value);
            scenario
        }));
    }
    all
}

fn without_steps(scenario: &Scenario) -> impl Iterator<Item = Scenario> {
    (0..scenario.steps.len()).rev().map(|number| {
        let mut steps = scenario.steps.clone();
        steps.remove(number);
        Scenario { steps, ..scenario.clone() }
    })
}

fn plainer_manner(manner: Manner) -> impl Iterator<Item = Manner> {
    let ways = [
        Manner { work: None, jobs: 1, ..manner },
        Manner { jobs: 1, ..manner },
        Manner { combines: Combines::Join, ..manner },
        Manner { dated: false, ..manner },
        Manner { keep_going: false, ..manner },
        Manner { signed: true, ..manner },
    ];
    ways.into_iter().filter(move |way| *way != manner)
}

fn lower(value: i64) -> impl Iterator<Item = i64> {
    [0, 1, 2].into_iter().take_while(move |&lower| lower < value)
}

fn plainer_steps(step: &Step) -> Vec<Step> {
    let single = |targets: &[Name]| -> Vec<Vec<Name>> {
        if targets.len() < 2 { Vec::new() } else { targets.iter().map(|&target| vec![target]).collect() }
    };
    match step {
        Step::Edit { key, value } => lower(*value).map(|value| Step::Edit { key: *key, value }).collect(),
        Step::Overwrite { key, value } => lower(*value).map(|value| Step::Overwrite { key: *key, value }).collect(),
        Step::Formula { key, task } => {
            plainer(task).into_iter().map(|task| Step::Formula { key: *key, task }).collect()
        }
        Step::Exchange { key, task } => {
            let plainer = plainer(task).into_iter().map(|task| Step::Exchange { key: *key, task });
            std::iter::once(Step::Formula { key: *key, task: task.clone() }).chain(plainer).collect()
        }
        Step::Restock { key, value } => {
            let lower = lower(*value).map(|value| Step::Restock { key: *key, value });
            std::iter::once(Step::Edit { key: *key, value: *value }).chain(lower).collect()
        }
        Step::Build(targets) => single(targets).into_iter().map(Step::Build).collect(),
        Step::Race { targets, after, key, value } => {
            let mut plainer = vec![Step::Build(targets.clone()), Step::Edit { key: *key, value: *value }];
            plainer.extend(lower(*value).map(|value| Step::Race {
                targets: targets.clone(),
                after: *after,
                key: *key,
                value,
            }));
            plainer.extend((*after > 0).then(|| Step::Race {
                targets: targets.clone(),
                after: 0,
                key: *key,
                value: *value,
            }));
            plainer
        }
        Step::Drop { targets, polls } | Step::Crash { targets, polls, lost: 0 } => {
            let mut plainer = vec![Step::Build(targets.clone())];
            plainer.extend((*polls > 1).then(|| Step::Drop { targets: targets.clone(), polls: *polls - 1 }));
            plainer
        }
        Step::Crash { targets, polls, .. } => {
            vec![
                Step::Build(targets.clone()),
                Step::Crash { targets: targets.clone(), polls: *polls, lost: 0 },
                Step::Restart,
            ]
        }
        Step::Rot(_) => vec![Step::Restart],
        Step::Revert | Step::Same(_) | Step::Touch(_) | Step::Delete(_) | Step::Unformula(_) | Step::Lose(_) => {
            Vec::new()
        }
        Step::Restart | Step::Evict(_) | Step::Pass | Step::SetBack(_) | Step::Collect(_) => Vec::new(),
        Step::Switch { .. } | Step::PutJournalAside | Step::TakeJournalBack => Vec::new(),
    }
}

/// An expression with one part left out.
fn plainer(task: &Expr) -> Vec<Expr> {
    let within = |make: &dyn Fn(Box<Expr>) -> Expr, part: &Expr| -> Vec<Expr> {
        plainer(part).into_iter().map(|part| make(Box::new(part))).collect()
    };
    let mut all = Vec::new();
    match task {
        Expr::Const(n) => return lower(*n).map(Expr::Const).collect(),
        Expr::Get(_) | Expr::Now => return vec![Expr::Const(0)],
        Expr::Sum(keys) => {
            all.extend(keys.iter().map(|&key| Expr::Get(key)));
            if keys.len() > 2 {
                all.extend((0..keys.len()).map(|number| {
                    let mut keys = keys.clone();
                    keys.remove(number);
                    Expr::Sum(keys)
                }));
            }
        }
        Expr::Add { left: a, right: b } | Expr::Mix { left: a, right: b } | Expr::Join { left: a, right: b } => {
            all.extend([(**a).clone(), (**b).clone()]);
            let pair = |a: Box<Expr>, b: Box<Expr>| match task {
                Expr::Add { .. } => Expr::Add { left: a, right: b },
                Expr::Mix { .. } => Expr::Mix { left: a, right: b },
                _ => Expr::Join { left: a, right: b },
            };
            all.extend(within(&|a| pair(a, b.clone()), a));
            all.extend(within(&|b| pair(a.clone(), b), b));
        }
        Expr::Cap(a) | Expr::Check(a) | Expr::Trip(a) | Expr::About(a) => {
            all.push((**a).clone());
            all.extend(within(
                &|a| match task {
                    Expr::Cap(_) => Expr::Cap(a),
                    Expr::Check(_) => Expr::Check(a),
                    Expr::Trip(_) => Expr::Trip(a),
                    _ => Expr::About(a),
                },
                a,
            ));
        }
        Expr::Start { key, then: a } => {
            all.push((**a).clone());
            all.extend(within(&|a| Expr::Start { key: *key, then: a }, a));
        }
        Expr::If { condition: a, even: b, odd: c } => {
            all.extend([(**a).clone(), (**b).clone(), (**c).clone()]);
            all.extend(within(&|a| Expr::If { condition: a, even: b.clone(), odd: c.clone() }, a));
            all.extend(within(&|b| Expr::If { condition: a.clone(), even: b, odd: c.clone() }, b));
            all.extend(within(&|c| Expr::If { condition: a.clone(), even: b.clone(), odd: c }, c));
        }
        Expr::Pick { index, keys } => {
            all.extend(keys.iter().map(|&key| Expr::Get(key)));
            all.extend(within(&|index| Expr::Pick { index, keys: keys.clone() }, index));
        }
    }
    all
}

/// The scenario without a key. Who mentions it mentions in its place what it mentions itself.
fn without_key(scenario: &Scenario, gone: Name) -> Option<Scenario> {
    let mut stand_in = None;
    if let Some(task) = scenario.graph.task(gone) {
        task.mentions(&mut |key| stand_in = stand_in.or(Some(key).filter(|key| *key != gone)));
    }
    let mut mentioned = BTreeSet::new();
    let mut mention = |key: Name| {
        mentioned.insert(key);
    };
    for task in scenario.graph.tasks.iter().flatten() {
        task.mentions(&mut mention);
        task.starts(&mut mention);
    }
    scenario.steps.iter().for_each(|step| names(step, &mut mention));
    if mentioned.contains(&gone) && stand_in.is_none() {
        return None;
    }
    let rename = |key: Name| {
        let key = if key == gone { stand_in.unwrap_or(key) } else { key };
        if key > gone { Name(key.0 - 1) } else { key }
    };
    let mut smaller = scenario.clone();
    smaller.graph.tasks.remove(gone.0 as usize);
    for task in smaller.graph.tasks.iter_mut().flatten() {
        *task = renamed(task, &rename);
    }
    smaller.inputs.remove(&gone);
    smaller.inputs = smaller.inputs.iter().map(|(&key, &value)| (rename(key), value)).collect();
    smaller.steps = smaller.steps.iter().map(|step| renamed_step(step, &rename)).collect();
    (!smaller.graph.tasks.is_empty()).then_some(smaller)
}

fn renamed(task: &Expr, to: &impl Fn(Name) -> Name) -> Expr {
    let part = |part: &Expr| Box::new(renamed(part, to));
    let list = |keys: &[Name]| keys.iter().map(|&key| to(key)).collect();
    match task {
        Expr::Const(n) => Expr::Const(*n),
        Expr::Now => Expr::Now,
        Expr::Get(key) => Expr::Get(to(*key)),
        Expr::Sum(keys) => Expr::Sum(list(keys)),
        Expr::Add { left: a, right: b } => Expr::Add { left: part(a), right: part(b) },
        Expr::Mix { left: a, right: b } => Expr::Mix { left: part(a), right: part(b) },
        Expr::Join { left: a, right: b } => Expr::Join { left: part(a), right: part(b) },
        Expr::Cap(a) => Expr::Cap(part(a)),
        Expr::Check(a) => Expr::Check(part(a)),
        Expr::Trip(a) => Expr::Trip(part(a)),
        Expr::About(a) => Expr::About(part(a)),
        Expr::Start { key, then: a } => Expr::Start { key: to(*key), then: part(a) },
        Expr::If { condition: a, even: b, odd: c } => Expr::If { condition: part(a), even: part(b), odd: part(c) },
        Expr::Pick { index, keys } => Expr::Pick { index: part(index), keys: list(keys) },
    }
}

/// Calls `each` with every key that a step names.
fn names(step: &Step, each: &mut impl FnMut(Name)) {
    match step {
        Step::Edit { key, .. } | Step::Same(key) | Step::Touch(key) | Step::Delete(key) | Step::Unformula(key) => {
            each(*key)
        }
        Step::Overwrite { key, .. } | Step::Lose(key) | Step::Evict(key) | Step::Restock { key, .. } => each(*key),
        Step::Formula { key, task } | Step::Exchange { key, task } => {
            each(*key);
            task.mentions(each);
            task.starts(each);
        }
        Step::Build(targets) | Step::Drop { targets, .. } | Step::Crash { targets, .. } => {
            targets.iter().for_each(|&target| each(target));
        }
        Step::Race { targets, key, .. } => {
            targets.iter().for_each(|&target| each(target));
            each(*key);
        }
        Step::Revert | Step::Restart | Step::Rot(_) | Step::Pass | Step::SetBack(_) | Step::Collect(_) => {}
        Step::Switch { .. } | Step::PutJournalAside | Step::TakeJournalBack => {}
    }
}

fn renamed_step(step: &Step, to: &impl Fn(Name) -> Name) -> Step {
    let list = |keys: &[Name]| {
        let mut keys: Vec<Name> = keys.iter().map(|&key| to(key)).collect();
        keys.dedup();
        keys
    };
    match step {
        Step::Edit { key, value } => Step::Edit { key: to(*key), value: *value },
        Step::Restock { key, value } => Step::Restock { key: to(*key), value: *value },
        Step::Exchange { key, task } => Step::Exchange { key: to(*key), task: renamed(task, to) },
        Step::Same(key) => Step::Same(to(*key)),
        Step::Touch(key) => Step::Touch(to(*key)),
        Step::Delete(key) => Step::Delete(to(*key)),
        Step::Unformula(key) => Step::Unformula(to(*key)),
        Step::Overwrite { key, value } => Step::Overwrite { key: to(*key), value: *value },
        Step::Lose(key) => Step::Lose(to(*key)),
        Step::Evict(key) => Step::Evict(to(*key)),
        Step::Formula { key, task } => Step::Formula { key: to(*key), task: renamed(task, to) },
        Step::Build(targets) => Step::Build(list(targets)),
        Step::Drop { targets, polls } => Step::Drop { targets: list(targets), polls: *polls },
        Step::Crash { targets, polls, lost } => Step::Crash { targets: list(targets), polls: *polls, lost: *lost },
        Step::Race { targets, after, key, value } => {
            Step::Race { targets: list(targets), after: *after, key: to(*key), value: *value }
        }
        step => step.clone(),
    }
}
