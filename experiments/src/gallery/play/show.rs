//! Metadata, told for a person: a line a key, fingerprints in eight digits.

use std::fmt::Write;

use alacarte_conformance::Name;
use alacarte_conformance::broken::published::{ByParent, ByValue, FlatTraces, InputlessSteps, LookUp, WideBits};
use alacarte_core::{KeyId, Keys, Metadata, MetadataUpdater};
use alacarte_metadata::{
    CalcChain, ConstructiveTraces, DeepConstructiveTraces, DependencyGraph, DirtyBits, ModificationTimes, StepTraces,
    Trace, TraceTable, VerifyingTraces,
};

use super::last::LastTraces;
use super::script::list;

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

/// An updater that a person can read.
trait Shown: MetadataUpdater {
    /// What it remembers.
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel>;
}

fn shown<U: Shown>(metadata: &Metadata, keys: &Keys<Name>) -> Vec<Panel> {
    metadata.get::<U>().map_or(Vec::new(), |updater| updater.panels(keys))
}

/// Shows one kind of updater, if it is installed.
type Show = fn(&Metadata, &Keys<Name>) -> Vec<Panel>;

/// Every updater that a scene has, in the order in which they are shown: what the rebuilder reads before what the scheduler does.
const SHOWN: [Show; 13] = [
    shown::<ModificationTimes>,
    shown::<DependencyGraph>,
    shown::<DirtyBits>,
    shown::<WideBits>,
    shown::<VerifyingTraces>,
    shown::<LastTraces>,
    shown::<ConstructiveTraces<i64>>,
    shown::<DeepConstructiveTraces<i64>>,
    shown::<FlatTraces<i64, ByParent>>,
    shown::<FlatTraces<i64, ByValue>>,
    shown::<StepTraces>,
    shown::<InputlessSteps>,
    shown::<CalcChain>,
];

/// All metadata.
pub fn panels(metadata: &Metadata, keys: &Keys<Name>) -> Vec<Panel> {
    SHOWN.iter().flat_map(|panels| panels(metadata, keys)).collect()
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

fn names(ids: impl Iterator<Item = KeyId>, keys: &Keys<Name>) -> String {
    list(&ids.map(|id| *keys.name(id)).collect::<Vec<_>>(), ", ")
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

impl Shown for CalcChain {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let mut finished: Vec<_> = keys.iter().filter_map(|(id, key)| Some((self.position(id)?, *key))).collect();
        finished.sort_unstable();
        let finished: Vec<Name> = finished.into_iter().map(|(_, key)| key).collect();
        let line = (!finished.is_empty()).then(|| list(&finished, " "));
        Panel::of("chain", line.into_iter().collect()).into_iter().collect()
    }
}

impl Shown for VerifyingTraces {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let lines = traces(self.table(), keys, |trace| trace.fingerprint().to_string());
        Panel::of("traces", lines).into_iter().collect()
    }
}

impl Shown for ConstructiveTraces<i64> {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let value = |trace: Trace<'_, 1>| self.value(trace).map_or("–".to_owned(), i64::to_string);
        Panel::of("traces", traces(self.table(), keys, value)).into_iter().collect()
    }
}

impl Shown for DeepConstructiveTraces<i64> {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let value = |trace: Trace<'_, 3>| self.value(trace).map_or("–".to_owned(), i64::to_string);
        Panel::of("deep", traces(self.table(), keys, value)).into_iter().collect()
    }
}

impl<L: LookUp> Shown for FlatTraces<i64, L> {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let mut lines = Vec::new();
        for (id, key) in sorted(keys) {
            for trace in self.of(id) {
                let inputs = trace.inputs.iter().map(|(id, then)| format!(" {} {then}", keys.show(*id)));
                lines.push(format!("{key} ←{} ⇒ {}", inputs.collect::<String>(), trace.value));
            }
        }
        Panel::of("traces", lines).into_iter().collect()
    }
}

impl Shown for DependencyGraph {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let line = |id, key| {
            let fetched = self.dependencies(id)?.map(|(id, _)| id);
            Some(format!("{key} ← {}", names(fetched, keys)))
        };
        Panel::of("graph", each(keys, line)).into_iter().collect()
    }
}

fn bits(graph: &DependencyGraph, keys: &Keys<Name>, is_dirty: impl Fn(KeyId) -> bool) -> Vec<Panel> {
    let line = |id, key| {
        let fetched = names(graph.dependencies(id)?.map(|(id, _)| id), keys);
        Some(format!("{key} {}  ← {fetched}", if is_dirty(id) { "dirty" } else { "clean" }))
    };
    Panel::of("bits", each(keys, line)).into_iter().collect()
}

impl Shown for DirtyBits {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        bits(self.graph(), keys, |id| self.is_dirty(id))
    }
}

impl Shown for WideBits {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        bits(self.graph(), keys, |id| self.is_dirty(id))
    }
}

impl Shown for StepTraces {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let line = |id, key| match self.built(id) {
            Some((built, _)) => {
                let fetched = self.graph().dependencies(id).into_iter().flatten().map(|(id, _)| id);
                let changed = self.changed(id);
                Some(format!("{key} built {built}, changed {changed}  ← {}", names(fetched, keys)))
            }
            None => match self.changed(id) {
                0 => Some(format!("{key} no step")),
                changed => Some(format!("{key} changed {changed}")),
            },
        };
        Panel::of("steps", each(keys, line)).into_iter().collect()
    }
}

impl Shown for InputlessSteps {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        self.steps().panels(keys)
    }
}

impl Shown for ModificationTimes {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let line = each(keys, |id, key| Some(format!("{key} at {}", self.of(id)?))).join(", ");
        Panel::of("times", Some(line).filter(|line| !line.is_empty()).into_iter().collect()).into_iter().collect()
    }
}

impl Shown for LastTraces {
    fn panels(&self, keys: &Keys<Name>) -> Vec<Panel> {
        let lines = traces(self.table(), keys, |trace| trace.fingerprint().to_string());
        Panel::of("traces", lines).into_iter().collect()
    }
}
