//! Correctness, in its three readings: strong, shallow, set-valued.

use std::collections::BTreeSet;

use super::{BuildEnding, Moment, Promises, show};
use crate::name::Name;
use crate::onlooker::KeyKind;

/// A build fails if and only if a target has no value by right: an input that it needs is missing, a task that it needs
/// fails or panics, or a key needs itself.
///
/// What a task starts without waiting for it may fail the build as well. A build that was given up says nothing;
/// and what tasks that are not deterministic need, nobody could say beforehand.
pub fn honest(moment: &mut Moment<'_>) -> Result<(), String> {
    if moment.nondeterministic || moment.promises.within.is_some() {
        return Ok(());
    }
    let mut bound = moment.targets.to_vec();
    if moment.declares {
        // A task that is declared is built, even if it is not taken; an input is not.
        let reach = moment.truth.declared_reach(moment.targets);
        bound.extend(reach.into_iter().filter(|&key| moment.truth.has_task(key)));
    }
    // Before the first task runs, an order is made of what is declared, taken or not; there is none of a circle.
    let circle = moment.declares && moment.truth.declares_a_circle(moment.targets);
    let lacking = bound.iter().copied().find(|&key| moment.truth.value(key).is_none());
    match (moment.ending, lacking) {
        (BuildEnding::Succeeded, None) if circle => {
            Err("the build succeeded, but what is declared goes round in a circle".into())
        }
        (BuildEnding::Failed(_), None) if circle => Ok(()),
        (BuildEnding::Succeeded, Some(key)) => Err(format!("the build succeeded, but {key} can have no value")),
        (BuildEnding::Succeeded, None) => {
            let ran: Vec<Name> = moment.ran.to_vec();
            let started: BTreeSet<Name> = ran.iter().flat_map(|&key| moment.truth.of(key).started.clone()).collect();
            match started.into_iter().find(|&key| moment.truth.value(key).is_none()) {
                Some(key) => Err(format!("the build succeeded, but {key}, which a task started, can have no value")),
                None => Ok(()),
            }
        }
        (BuildEnding::Failed(error), None) => {
            let aside: Vec<Name> = moment.detached().into_iter().collect();
            let circle = moment.declares && moment.truth.declares_a_circle(&aside);
            let mut aside = moment.truth.widest_reach(&aside).into_iter();
            match circle || aside.any(|key| moment.truth.value(key).is_none()) {
                true => Ok(()),
                false => Err(format!("the build failed, but all it needs has a value: {error}")),
            }
        }
        _ => Ok(()),
    }
}

fn compare(moment: &mut Moment<'_>, keys: BTreeSet<Name>) -> Result<(), String> {
    for key in keys {
        let (is, should) = (moment.values.get(&key).copied().flatten(), moment.truth.value(key));
        if is != should && moment.truth.has_task(key) {
            return Err(format!("{key} is {}, but should be {}", show(is), show(should)));
        }
    }
    Ok(())
}

/// Every target of a build that succeeded, and every key that a build vouches for, has the value that a computation from
/// scratch gives. What lies between them and the inputs may be old or missing. (JFP paper, "shallow" correctness.)
pub fn shallow_correct(moment: &mut Moment<'_>) -> Result<(), String> {
    if moment.nondeterministic || moment.promises.within.is_some() {
        return Ok(());
    }
    let mut compared = moment.vouched();
    if moment.ending.is_success() {
        compared.extend(moment.targets);
    }
    compare(moment, compared)
}

/// After a build that succeeded, every key that the targets reach has the value that a computation from scratch gives,
/// and so has every key that a task of this build started without waiting, or one of a build before that did not end well. Of a combination that promises no more
/// than shallow correctness this is not asked. (JFP paper, definition of correctness.)
pub fn correct(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { shallow, within, .. } = moment.promises;
    if moment.nondeterministic || shallow || within.is_some() || !moment.ending.is_success() {
        return Ok(());
    }
    let mut compared = moment.reach();
    for key in moment.ran {
        compared.extend(&moment.truth.of(*key).started);
    }
    compared.extend(&moment.onlooker.due);
    compare(moment, compared)
}

/// Every value is one that the key's task could give if it ran now, for the values that its dependencies hold now: the
/// reading that is left where tasks are not deterministic. Asked of all that the build vouches for, and of all that the
/// targets must have looked at; where correctness is shallow, of keys only all of whose dependencies the build vouches for
/// too. (JFP paper, correctness for non-deterministic tasks.)
pub fn set_correct(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { shallow, deterministic, within, .. } = moment.promises;
    if deterministic && moment.nondeterministic || within.is_some() {
        return Ok(());
    }
    let vouched = moment.vouched();
    let mut todo: Vec<Name> = vouched.iter().copied().collect();
    if moment.ending.is_success() {
        todo.extend(moment.targets);
    }
    let mut seen = BTreeSet::new();
    while let Some(key) = todo.pop() {
        if !seen.insert(key) || !moment.truth.has_task(key) {
            continue;
        }
        let is = moment.values.get(&key).copied().flatten();
        let runs = moment.truth.possible(key, moment.values);
        let mut fetched = runs.iter().flat_map(|run| &run.fetched);
        if shallow && fetched.any(|key| moment.truth.has_task(*key) && !vouched.contains(key)) {
            continue;
        }
        let mut agreeing = runs.iter().filter(|run| run.value == is && is.is_some()).map(|run| &run.fetched);
        let Some(first) = agreeing.next() else {
            let values: BTreeSet<String> = runs.iter().map(|run| show(run.value)).collect();
            let values = values.into_iter().collect::<Vec<_>>().join(" or ");
            return Err(format!("{key} is {}, but for what it fetches now its task would be {values}", show(is)));
        };
        let surely = agreeing.fold(first.clone(), |all, fetched| all.intersection(fetched).copied().collect());
        if moment.ending.is_success() && !shallow {
            todo.extend(surely);
        }
    }
    Ok(())
}

/// No build writes to an input: neither what the build says of it nor what the store holds has changed.
pub fn inputs_untouched(moment: &mut Moment<'_>) -> Result<(), String> {
    for (&key, kind) in moment.kinds {
        let (is, was) = (moment.values.get(&key).copied().flatten(), moment.inputs.get(&key).copied());
        // An input that no build has met yet is still only in the store.
        if matches!(kind, KeyKind::Input(_)) && is.is_some() && is != was {
            return Err(format!("the input {key} was {}, and is now {}", show(was), show(is)));
        }
        let (lies, lay) = (moment.lies.get(&key).copied(), moment.lay.get(&key).copied());
        if matches!(kind, KeyKind::Input(_)) && lies != lay {
            return Err(format!("the store held {} for the input {key}, and holds {} now", show(lay), show(lies)));
        }
    }
    Ok(())
}
