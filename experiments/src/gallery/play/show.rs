//! Metadata, told for a person: a line a key, fingerprints in eight digits.

use std::fmt::Write;

use alacarte_conformance::broken::published::{FlatTraces, InputlessSteps, LookUp, WideBits};
use alacarte_core::{KeyId, Keys, Reads};
use alacarte_metadata::{
    CalcChain, ConstructiveTraces, DeepConstructiveTraces, DependencyGraph, DirtyBits, ModificationTimes, StepTraces,
    Trace, TraceTable, VerifyingTraces,
};

use super::world::Key;

/// Some lines under one title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// What it is.
    pub title: &'static str,
    /// The lines.
    pub lines: Vec<String>,
}

impl Panel {
    /// A panel, unless there is nothing to show.
    pub fn of(title: &'static str, lines: Vec<String>) -> Option<Self> {
        (!lines.is_empty()).then_some(Panel { title, lines })
    }
}

/// Metadata that a person can read.
pub trait Shown: Reads {
    /// As panels.
    fn panels(view: Self::View<'_>, keys: &Keys<Key>) -> Vec<Panel>;
}

/// All keys, by name.
fn sorted(keys: &Keys<Key>) -> Vec<(KeyId, Key)> {
    let mut all: Vec<_> = keys.iter().map(|(id, key)| (id, *key)).collect();
    all.sort_unstable_by_key(|&(_, key)| key);
    all
}

fn each(keys: &Keys<Key>, mut line: impl FnMut(KeyId, Key) -> Option<String>) -> Vec<String> {
    sorted(keys).into_iter().filter_map(|(id, key)| line(id, key)).collect()
}

fn names(ids: impl Iterator<Item = KeyId>, keys: &Keys<Key>) -> String {
    ids.map(|id| *keys.name(id)).collect::<Vec<_>>().join(", ")
}

/// Traces, the newest of a key first.
pub fn traces<const E: usize>(
    table: &TraceTable<E>,
    keys: &Keys<Key>,
    result: impl Fn(Trace<'_, E>) -> String,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, key) in sorted(keys) {
        for trace in table.of(id) {
            let mut line = format!("{key} ←");
            for dependency in trace.dependencies() {
                let _ = write!(line, " {} {}", keys.show(dependency.key), dependency.fingerprint);
            }
            let _ = write!(line, " ⇒ {}", result(trace));
            lines.push(line);
        }
    }
    lines
}

impl Shown for () {
    fn panels((): (), _: &Keys<Key>) -> Vec<Panel> {
        Vec::new()
    }
}

impl<A: Shown, B: Shown> Shown for (A, B) {
    fn panels((first, second): (A::View<'_>, B::View<'_>), keys: &Keys<Key>) -> Vec<Panel> {
        let mut panels = A::panels(first, keys);
        panels.extend(B::panels(second, keys));
        panels
    }
}

impl Shown for CalcChain {
    fn panels(chain: &CalcChain, keys: &Keys<Key>) -> Vec<Panel> {
        let mut finished: Vec<_> = keys.iter().filter_map(|(id, key)| Some((chain.position(id)?, *key))).collect();
        finished.sort_unstable();
        let finished: Vec<Key> = finished.into_iter().map(|(_, key)| key).collect();
        let line = (!finished.is_empty()).then(|| finished.join(" "));
        Panel::of("chain", line.into_iter().collect()).into_iter().collect()
    }
}

impl Shown for VerifyingTraces {
    fn panels(verifying: &VerifyingTraces, keys: &Keys<Key>) -> Vec<Panel> {
        let lines = traces(verifying.table(), keys, |trace| trace.fingerprint().to_string());
        Panel::of("traces", lines).into_iter().collect()
    }
}

impl Shown for ConstructiveTraces<i64> {
    fn panels(constructive: &Self, keys: &Keys<Key>) -> Vec<Panel> {
        let value = |trace: Trace<'_, 1>| constructive.value(trace).map_or("–".to_owned(), i64::to_string);
        Panel::of("traces", traces(constructive.table(), keys, value)).into_iter().collect()
    }
}

impl Shown for DeepConstructiveTraces<i64> {
    fn panels(deep: &Self, keys: &Keys<Key>) -> Vec<Panel> {
        let value = |trace: Trace<'_, 3>| deep.value(trace).map_or("–".to_owned(), i64::to_string);
        Panel::of("deep", traces(deep.table(), keys, value)).into_iter().collect()
    }
}

impl<L: LookUp> Shown for FlatTraces<i64, L> {
    fn panels(flat: &Self, keys: &Keys<Key>) -> Vec<Panel> {
        let mut lines = Vec::new();
        for (id, key) in sorted(keys) {
            for trace in flat.of(id) {
                let inputs = trace.inputs.iter().map(|(id, then)| format!(" {} {then}", keys.show(*id)));
                lines.push(format!("{key} ←{} ⇒ {}", inputs.collect::<String>(), trace.value));
            }
        }
        Panel::of("traces", lines).into_iter().collect()
    }
}

impl Shown for DependencyGraph {
    fn panels(graph: &DependencyGraph, keys: &Keys<Key>) -> Vec<Panel> {
        let line = |id, key| {
            let fetched = graph.dependencies(id)?.map(|(id, _)| id);
            Some(format!("{key} ← {}", names(fetched, keys)))
        };
        Panel::of("graph", each(keys, line)).into_iter().collect()
    }
}

fn bits(graph: &DependencyGraph, keys: &Keys<Key>, is_dirty: impl Fn(KeyId) -> bool) -> Vec<Panel> {
    let line = |id, key| {
        let fetched = names(graph.dependencies(id)?.map(|(id, _)| id), keys);
        Some(format!("{key} {}  ← {fetched}", if is_dirty(id) { "dirty" } else { "clean" }))
    };
    Panel::of("bits", each(keys, line)).into_iter().collect()
}

impl Shown for DirtyBits {
    fn panels(dirty: &DirtyBits, keys: &Keys<Key>) -> Vec<Panel> {
        bits(dirty.graph(), keys, |id| dirty.is_dirty(id))
    }
}

impl Shown for WideBits {
    fn panels(dirty: &WideBits, keys: &Keys<Key>) -> Vec<Panel> {
        bits(dirty.graph(), keys, |id| dirty.is_dirty(id))
    }
}

impl Shown for StepTraces {
    fn panels(steps: &StepTraces, keys: &Keys<Key>) -> Vec<Panel> {
        let line = |id, key| match steps.built(id) {
            Some((built, _)) => {
                let fetched = steps.graph().dependencies(id).into_iter().flatten().map(|(id, _)| id);
                let changed = steps.changed(id);
                Some(format!("{key} built {built}, changed {changed}  ← {}", names(fetched, keys)))
            }
            None => match steps.changed(id) {
                0 => Some(format!("{key} no step")),
                changed => Some(format!("{key} changed {changed}")),
            },
        };
        Panel::of("steps", each(keys, line)).into_iter().collect()
    }
}

impl Shown for InputlessSteps {
    fn panels(steps: &InputlessSteps, keys: &Keys<Key>) -> Vec<Panel> {
        StepTraces::panels(steps.steps(), keys)
    }
}

impl Shown for ModificationTimes {
    fn panels(times: &ModificationTimes, keys: &Keys<Key>) -> Vec<Panel> {
        let line = each(keys, |id, key| Some(format!("{key} at {}", times.of(id)?))).join(", ");
        Panel::of("times", Some(line).filter(|line| !line.is_empty()).into_iter().collect()).into_iter().collect()
    }
}
