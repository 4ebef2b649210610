//! Metadata, told for a person: a line a key, fingerprints in eight digits.

use std::fmt::Write;

use alacarte_conformance::Name;
use alacarte_conformance::broken::published::{ByParent, ByValue, FlatTraces, InputlessSteps, LookUp, WideBits};
use alacarte_core::{KeyId, Keys, Metadata, MetadataUpdater};
use alacarte_metadata::{
    CalcChain, ConstructiveTraces, DeepConstructiveTraces, DependencyGraph, DirtyBits, LastBuilt, ModificationTimes,
    StepTraces, Trace, TraceTable, VerifyingTraces,
};

use super::last::LastTraces;
use super::scene_script::list;

/// Some lines under one title.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panel {
    /// What it is.
    pub title: &'static str,
    /// The lines.
    pub lines: Vec<String>,
}

/// What is remembered by every updater that a scene has, in the order in which they are shown: what the rebuilder reads before what
/// the scheduler does.
pub fn panels(metadata: &Metadata, keys: &Keys<Name>) -> Vec<Panel> {
    let mut panels = Panels { metadata, all: Vec::new() };
    let fingerprint = |trace: Trace<'_, 0>| trace.fingerprint().to_string();
    let show = |value: Option<&i64>| value.map_or("–".to_owned(), i64::to_string);
    panels.of("times", |times: &ModificationTimes| {
        let times = each(keys, |id, key| Some(format!("{key} at {}", times.of(id)?)));
        if times.is_empty() { times } else { vec![times.join(", ")] }
    });
    panels.of("graph", |graph: &DependencyGraph| {
        each(keys, |id, key| Some(format!("{key} ← {}", fetched(graph, keys, id)?)))
    });
    panels.of("bits", |bits: &DirtyBits| dirty(bits.graph(), keys, |id| bits.is_dirty(id)));
    panels.of("bits", |bits: &WideBits| dirty(bits.graph(), keys, |id| bits.is_dirty(id)));
    panels.of("traces", |kept: &VerifyingTraces| traces(kept.table(), keys, fingerprint));
    panels.of("traces", |kept: &LastTraces| traces(kept.table(), keys, fingerprint));
    panels.of("traces", |kept: &ConstructiveTraces<i64>| traces(kept.table(), keys, |trace| show(kept.value(trace))));
    panels.of("deep", |kept: &DeepConstructiveTraces<i64>| traces(kept.table(), keys, |trace| show(kept.value(trace))));
    panels.of("traces", |kept: &FlatTraces<i64, ByParent>| flat(kept, keys));
    panels.of("traces", |kept: &FlatTraces<i64, ByValue>| flat(kept, keys));
    panels.of("steps", |kept: &StepTraces| steps(kept, keys));
    panels.of("steps", |kept: &InputlessSteps| steps(kept.steps(), keys));
    panels.of("chain", |chain: &CalcChain| {
        let mut finished: Vec<_> = keys.iter().filter_map(|(id, key)| Some((chain.position(id)?, *key))).collect();
        finished.sort_unstable();
        let finished: Vec<Name> = finished.into_iter().map(|(_, key)| key).collect();
        if finished.is_empty() { Vec::new() } else { vec![list(&finished, " ")] }
    });
    panels.all
}

struct Panels<'m> {
    metadata: &'m Metadata,
    all: Vec<Panel>,
}

impl Panels<'_> {
    /// What an updater of this kind remembers, if it is installed, and if that is anything.
    fn of<U: MetadataUpdater>(&mut self, title: &'static str, lines: impl Fn(&U) -> Vec<String>) {
        let lines = self.metadata.get().map(lines).filter(|lines| !lines.is_empty());
        self.all.extend(lines.map(|lines| Panel { title, lines }));
    }
}

/// All keys, by name.
fn sorted(keys: &Keys<Name>) -> Vec<(KeyId, Name)> {
    let mut all: Vec<_> = keys.iter().map(|(id, key)| (id, *key)).collect();
    all.sort_unstable_by_key(|&(_, key)| key);
    all
}

fn each(keys: &Keys<Name>, mut line: impl FnMut(KeyId, Name) -> Option<String>) -> Vec<String> {
    sorted(keys).into_iter().filter_map(|(id, key)| line(id, key)).collect()
}

/// What a key fetched, if it was built.
fn fetched(graph: &DependencyGraph, keys: &Keys<Name>, key: KeyId) -> Option<String> {
    let fetched: Vec<Name> = graph.dependencies(key)?.map(|fetched| *keys.name(fetched.key)).collect();
    Some(list(&fetched, ", "))
}

fn dirty(graph: &DependencyGraph, keys: &Keys<Name>, is_dirty: impl Fn(KeyId) -> bool) -> Vec<String> {
    each(keys, |id, key| {
        let bit = if is_dirty(id) { "dirty" } else { "clean" };
        Some(format!("{key} {bit}  ← {}", fetched(graph, keys, id)?))
    })
}

/// Traces, the newest of a key first.
fn traces<const E: usize>(
    table: &TraceTable<E>,
    keys: &Keys<Name>,
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

fn flat<L: LookUp>(kept: &FlatTraces<i64, L>, keys: &Keys<Name>) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, key) in sorted(keys) {
        for trace in kept.of(id) {
            let inputs = trace.inputs.iter().map(|input| format!(" {} {}", keys.show(input.key), input.fingerprint));
            lines.push(format!("{key} ←{} ⇒ {}", inputs.collect::<String>(), trace.value));
        }
    }
    lines
}

fn steps(kept: &StepTraces, keys: &Keys<Name>) -> Vec<String> {
    each(keys, |id, key| match (kept.built(id), kept.changed(id)) {
        (Some(LastBuilt { step: built, .. }), changed) => {
            let fetched = fetched(kept.graph(), keys, id).unwrap_or_default();
            Some(format!("{key} built {built}, changed {changed}  ← {fetched}"))
        }
        (None, 0) => Some(format!("{key} no step")),
        (None, changed) => Some(format!("{key} changed {changed}")),
    })
}
