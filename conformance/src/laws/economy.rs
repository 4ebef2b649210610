//! Economy: nothing is done that need not be.

use std::collections::BTreeSet;

use super::nearness::has_moved;
use super::{Moment, Promises, Thrift};
use crate::name::Name;
use crate::onlooker::{FetchedValue, KeySeen, Reference};

/// No task runs to its end twice in one build.
pub fn at_most_once(moment: &mut Moment<'_>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match moment.ran.iter().find(|&&key| !seen.insert(key)) {
        Some(key) => Err(format!("{key} ran twice")),
        None => Ok(()),
    }
}

/// No task is started twice in one build: nothing is done only to be thrown away. A restarting scheduler cannot promise it.
pub fn starts_once(moment: &mut Moment<'_>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match moment.started().find(|&key| !seen.insert(key)) {
        Some(key) if moment.promises.starts_once => Err(format!("{key} was started twice")),
        _ => Ok(()),
    }
}

/// No task is started that the targets do not reach (under a topological scheduler by declaration, under the others by
/// evaluation), nor any of those that tasks started without waiting for them.
pub fn reached_only(moment: &mut Moment<'_>) -> Result<(), String> {
    if moment.nondeterministic {
        return Ok(());
    }
    // (Within what is tolerated, conditions may be other ones than by right.)
    let tolerant = moment.promises.within.is_some();
    let mut reach = if tolerant { moment.truth.widest_reach(moment.targets) } else { moment.reach() };
    let aside: Vec<Name> = moment.detached().into_iter().collect();
    reach.extend(if moment.declares { moment.truth.declared_reach(&aside) } else { moment.truth.reach(&aside) });
    let stray = moment.started().find(|key| !reach.contains(key));
    match stray {
        Some(key) => Err(format!("{key} was started, but the targets do not reach it")),
        None => Ok(()),
    }
}

/// What was looked at when a key was last brought up to date, if the laws of economy can be asked about its run.
fn reference<'m>(moment: &'m Moment<'_>, key: Name) -> Option<&'m Reference> {
    let onlooker = moment.onlooker;
    let reference = onlooker.references.get(&key)?;
    let spoilt = onlooker.tampered.contains_key(&key) && !moment.promises.restores;
    (!spoilt && !moment.nondeterministic && !onlooker.evicted.contains(&key)).then_some(reference)
}

/// A task runs only if an input or a definition below it has changed since it was last brought up to date ("since the last
/// build" would be wrong with partial targets), or its own value was overwritten or lost, or its task is volatile.
pub fn minimal(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { minimal, .. } = moment.promises;
    for &key in moment.ran {
        let Some(reference) = reference(moment, key) else { continue };
        let changed = |(below, seen): (&Name, &KeySeen)| match minimal {
            Thrift::None => true,
            Thrift::Events => moment.onlooker.edits(*below) != seen.edits,
            Thrift::Values => moment.kinds[below] != seen.kind,
        };
        if minimal != Thrift::None && !reference.volatile && !reference.footprint.iter().any(changed) {
            return Err(format!("{key} ran, but nothing below it has changed since it was last up to date"));
        }
    }
    Ok(())
}

/// A task runs only if something that it fetched when it was last brought up to date has another value now, or its
/// definition was replaced, or its own value was overwritten or lost, or it is volatile.
pub fn early_cutoff(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { cutoff, within, .. } = moment.promises;
    for &key in moment.ran {
        let Some(reference) = reference(moment, key).cloned() else { continue };
        if cutoff == Thrift::None || moment.truth.of(key).volatile || reference.looked {
            continue;
        }
        let by_values = cutoff == Thrift::Values;
        let own = reference.footprint.get(&key);
        let mut changed = if by_values {
            moment.kinds.get(&key).copied() != own.map(|own| own.kind)
        } else {
            moment.onlooker.edits(key) != own.map_or(0, |own| own.edits)
        };
        for (fetched, FetchedValue { value, moves }) in &reference.fetched {
            changed |= match within {
                Some(within) => has_moved(*value, moment.values.get(fetched).copied().flatten(), within),
                None => moment.truth.value(*fetched) != *value,
            };
            changed |= !by_values && moment.onlooker.moves(*fetched) != *moves;
        }
        if !changed {
            return Err(format!("{key} ran, but all that it fetches is as it was when it was last up to date"));
        }
    }
    Ok(())
}

/// The same build again does nothing, and tells the journal nothing.
pub fn null_build(moment: &mut Moment<'_>) -> Result<(), String> {
    if !moment.promises.null || !moment.again {
        return Ok(());
    }
    let reach = moment.truth.widest_reach(moment.targets);
    if reach.into_iter().any(|key| moment.truth.of(key).volatile) {
        return Ok(());
    }
    match (moment.ran, moment.events) {
        ([], 0) => Ok(()),
        ([], events) => Err(format!("nothing had happened, yet the journal was told of {events} events")),
        ([key, ..], _) => Err(format!("nothing had happened, yet {key} ran")),
    }
}
