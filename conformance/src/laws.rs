//! The laws: what every build must obey, and what only those must obey that promise it.
//!
//! A law looks at one [`Moment`]: a build that has just been done, beside what a computation from scratch
//! gives, and what an onlooker remembers of earlier builds.

use std::collections::{BTreeMap, BTreeSet};

use alacarte::{BuildError, Decision, Report};

use crate::expr::Name;
use crate::memory::{Kind, Onlooker};
use crate::oracle::Truth;

/// How well a combination avoids work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thrift {
    /// It promises nothing.
    #[default]
    None,
    /// What was changed and changed back counts as changed.
    Events,
    /// Only what is different counts as changed.
    Values,
}

/// What a combination promises beyond correctness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promises {
    /// Only the targets need be right, not what lies between them and the inputs.
    pub shallow: bool,
    /// A task runs only if something below it has changed since it was last brought up to date.
    pub minimal: Thrift,
    /// A task runs only if something that it fetches has another value than when it was last brought up to date.
    pub cutoff: Thrift,
    /// A value that was overwritten or lost is put back without running the task.
    pub restores: bool,
    /// A build after which nothing happened need not be done again.
    pub null: bool,
}

/// One build, and all that is needed to judge it.
pub struct Moment<'m> {
    /// What was to be brought up to date.
    pub targets: &'m [Name],
    /// What the build said.
    pub result: &'m Result<Report, BuildError>,
    /// The keys whose tasks ran to their end, in order.
    pub ran: &'m [Name],
    /// Every decision, in order.
    pub decisions: &'m [(Name, Decision)],
    /// What every key holds now.
    pub values: &'m BTreeMap<Name, Option<i64>>,
    /// What every input should hold.
    pub inputs: &'m BTreeMap<Name, i64>,
    /// What is right.
    pub truth: &'m mut Truth,
    /// What each key is.
    pub kinds: &'m BTreeMap<Name, Kind>,
    /// What happened before.
    pub onlooker: &'m Onlooker,
    /// Whether the order is known beforehand, so that all that is declared is visited.
    pub declares: bool,
    /// How many events the journal was given.
    pub events: usize,
    /// Whether the same build was the last thing that happened, and succeeded.
    pub again: bool,
    /// What is promised.
    pub promises: Promises,
}

impl Moment<'_> {
    /// All keys that the build may visit.
    fn reach(&mut self) -> BTreeSet<Name> {
        if self.declares { self.truth.declared_reach(self.targets) } else { self.truth.reach(self.targets) }
    }

    /// The keys that the build said are up to date.
    pub fn vouched(&self) -> BTreeSet<Name> {
        let vouched = self
            .decisions
            .iter()
            .filter(|(_, decision)| matches!(decision, Decision::Kept | Decision::Restored | Decision::Ran { .. }));
        vouched.map(|&(key, _)| key).collect()
    }
}

/// A law, with the name by which a report calls it.
#[derive(Clone, Copy)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Judges one build: what is wrong, if anything is.
    pub judge: fn(&mut Moment<'_>) -> Result<(), String>,
}

/// Every law of a single build.
pub const LAWS: [Law; 8] = [
    Law { name: "honest", says: "a build fails if and only if a target has no value by right", judge: honest },
    Law { name: "correct", says: "what was built is what a computation from scratch gives", judge: correct },
    Law { name: "inputs-untouched", says: "inputs hold what they held", judge: inputs_untouched },
    Law { name: "at-most-once", says: "no task runs twice in one build", judge: at_most_once },
    Law { name: "reached-only", says: "no task starts that the targets do not reach", judge: reached_only },
    Law { name: "minimal", says: "no task runs unless something below it has changed", judge: minimal },
    Law {
        name: "early-cutoff",
        says: "no task runs unless something that it fetches has changed",
        judge: early_cutoff,
    },
    Law { name: "null-build", says: "a build does nothing after the same build", judge: null_build },
];

/// A build fails if and only if a target has no value by right: an input that it needs is missing.
pub fn honest(moment: &mut Moment<'_>) -> Result<(), String> {
    let mut bound = moment.targets.to_vec();
    if moment.declares {
        // A task that is declared is built, even if it is not taken; an input is not.
        let reach = moment.truth.declared_reach(moment.targets);
        bound.extend(reach.into_iter().filter(|&key| moment.truth.has_task(key)));
    }
    let lacking = bound.iter().find(|&&key| moment.truth.value(key).is_none());
    match (moment.result, lacking) {
        (Ok(_), Some(key)) => Err(format!("the build succeeded, but {key} can have no value")),
        (Err(error), None) => Err(format!("the build failed, but all it needs has a value: {error}")),
        _ => Ok(()),
    }
}

/// Every key that a build vouches for has the value that a computation from scratch gives; after a build that
/// succeeded, so has every key that the targets reach. Of a combination whose correctness is shallow only the
/// targets are compared.
pub fn correct(moment: &mut Moment<'_>) -> Result<(), String> {
    let mut compared = moment.vouched();
    if moment.result.is_ok() {
        compared.extend(moment.targets);
        if !moment.promises.shallow {
            compared.extend(moment.reach());
        }
    }
    for key in compared {
        if !moment.truth.has_task(key) {
            continue;
        }
        let (is, should) = (moment.values.get(&key).copied().flatten(), moment.truth.value(key));
        if is != should {
            return Err(format!("{key} is {}, but should be {}", show(is), show(should)));
        }
    }
    Ok(())
}

/// No build writes to an input.
pub fn inputs_untouched(moment: &mut Moment<'_>) -> Result<(), String> {
    for (&key, kind) in moment.kinds {
        let (is, was) = (moment.values.get(&key).copied().flatten(), moment.inputs.get(&key).copied());
        // An input that no build has met yet is still only in the store.
        if matches!(kind, Kind::Input(_)) && is.is_some() && is != was {
            return Err(format!("the input {key} was {}, and is now {}", show(was), show(is)));
        }
    }
    Ok(())
}

/// No task runs to its end twice in one build.
pub fn at_most_once(moment: &mut Moment<'_>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match moment.ran.iter().find(|&&key| !seen.insert(key)) {
        Some(key) => Err(format!("{key} ran twice")),
        None => Ok(()),
    }
}

/// No task is started that the targets do not reach: under a topological scheduler by declaration, under the
/// others by evaluation.
pub fn reached_only(moment: &mut Moment<'_>) -> Result<(), String> {
    let reach = moment.reach();
    let started = moment.decisions.iter().filter(|(_, decision)| matches!(decision, Decision::Started(_)));
    match started.map(|&(key, _)| key).find(|key| !reach.contains(key)) {
        Some(key) => Err(format!("{key} was started, but the targets do not reach it")),
        None => Ok(()),
    }
}

/// A task runs only if an input or a definition below it has changed since it was last brought up to date, or
/// its own value was overwritten or lost.
pub fn minimal(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { minimal, restores, .. } = moment.promises;
    for key in moment.ran {
        let Some(reference) = moment.onlooker.references.get(key) else { continue };
        if moment.onlooker.tampered.contains_key(key) && !restores {
            continue;
        }
        let changed = |(below, (kind, edits)): (&Name, &(Kind, u64))| match minimal {
            Thrift::None => true,
            Thrift::Events => moment.onlooker.edits(*below) != *edits,
            Thrift::Values => moment.kinds[below] != *kind,
        };
        if minimal != Thrift::None && !reference.footprint.iter().any(changed) {
            return Err(format!("{key} ran, but nothing below it has changed since it was last up to date"));
        }
    }
    Ok(())
}

/// A task runs only if something that it fetched when it was last brought up to date has another value now, or
/// its definition was replaced, or its own value was overwritten or lost.
pub fn early_cutoff(moment: &mut Moment<'_>) -> Result<(), String> {
    let Promises { cutoff, restores, .. } = moment.promises;
    for key in moment.ran {
        let Some(reference) = moment.onlooker.references.get(key) else { continue };
        if cutoff == Thrift::None || moment.onlooker.tampered.contains_key(key) && !restores {
            continue;
        }
        let by_values = cutoff == Thrift::Values;
        let mut changed = if by_values {
            moment.kinds.get(key).copied() != reference.definition.0
        } else {
            moment.onlooker.edits(*key) != reference.definition.1
        };
        for (fetched, (value, moves)) in &reference.fetched {
            changed |= if by_values {
                moment.truth.value(*fetched) != *value
            } else {
                moment.onlooker.moves(*fetched) != *moves || moment.truth.value(*fetched) != *value
            };
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
    match (moment.ran, moment.events) {
        ([], 0) => Ok(()),
        ([], events) => Err(format!("nothing had happened, yet the journal was told of {events} events")),
        ([key, ..], _) => Err(format!("nothing had happened, yet {key} ran")),
    }
}

pub(crate) fn show(value: Option<i64>) -> String {
    value.map_or("without a value".into(), |value| value.to_string())
}
