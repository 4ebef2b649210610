//! Traces that were recorded wrongly, under rebuilders that read them right.

use alacarte_core::{Event, MetadataUpdater};
use alacarte_metadata::{ConstructiveTraces, DeepConstructiveTraces, VerifyingTraces};

use alacarte_rebuilders::{ConstructiveTrace, DeepConstructiveTrace, VerifyingTrace};

use super::fixture::Fixture;
use super::lies::{Lie, Misled, Past, lies, retell, without};

lies! {
    /// Forgets the last dependency of every trace.
    Clipped to VerifyingTraces: |_, traces, event| {
        let last = match event {
            Event::Built(record) | Event::Restored(record) => record.dependencies.last().map(|last| last.key),
            _ => None,
        };
        without(traces, event, |told| Some(told.key) == last && !told.key.is_definition());
    };

    /// Leaves out what was fetched together with something else (THEORY, rule 3).
    Ungrouped to VerifyingTraces: |_, traces, event| without(traces, event, |told| told.grouped);

    /// Records each group as a sequence (THEORY, rule 3).
    Sequences to VerifyingTraces: |_, traces, event| {
        let told = match event {
            Event::Built(record) | Event::Restored(record) => record.dependencies,
            _ => &[],
        };
        let mut told = told.to_vec();
        told.iter_mut().for_each(|dependency| dependency.grouped = false);
        retell(traces, event, |record| record.dependencies = &told);
    };

    /// Records the fingerprint that each dependency had in the build before.
    Stale to VerifyingTraces: |past, traces, event| {
        let before = match event {
            Event::Built(record) | Event::Restored(record) => past.last.get(&record.key),
            _ => None,
        };
        let told = before.map(|before| before.dependencies.clone());
        retell(traces, event, |record| record.dependencies = told.as_deref().unwrap_or(record.dependencies));
    };

    /// Records the last dependency first (THEORY, rule 1).
    Backwards to VerifyingTraces: |_, traces, event| {
        let mut told = match event {
            Event::Built(record) | Event::Restored(record) => record.dependencies.to_vec(),
            _ => Vec::new(),
        };
        let first = usize::from(told.first().is_some_and(|first| first.key.is_definition()));
        told[first..].reverse();
        told.iter_mut().for_each(|dependency| dependency.grouped = false);
        retell(traces, event, |record| record.dependencies = &told);
    };

    /// Keeps traces of values that may not be kept.
    Volatile to VerifyingTraces: |_, traces, event| retell(traces, event, |record| record.volatile = false);

    /// Keeps each value under the trace of the key built for the last time before it, of the same key.
    LateValue to ConstructiveTraces<i64>: |past, traces, event| {
        let (Event::Built(record) | Event::Restored(record)) = event else { return traces.apply(event) };
        let before = past.last.get(&record.key).map(|before| before.dependencies.clone());
        retell(traces, event, |record| {
            if let Some(before) = &before {
                record.dependencies = before;
            }
        });
    };

    /// Takes the dependencies of this key's *previous* run for those of this one (THEORY, rule 4).
    Previous to DeepConstructiveTraces<i64>: |past, traces, event| {
        let before = match event {
            Event::Built(record) => past.last.get(&record.key).map(|before| before.dependencies.clone()),
            _ => None,
        };
        retell(traces, event, |record| record.dependencies = before.as_deref().unwrap_or(record.dependencies));
    };

    /// Takes a volatile key for one that can be restored.
    DeepVolatile to DeepConstructiveTraces<i64>: |_, traces, event| {
        retell(traces, event, |record| record.volatile = false);
    };
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let recorded = |name, wrong| Fixture::new(name, wrong, "verifying-trace");
    vec![
        recorded("traces-clipped", "a trace lacks its last dependency")
            .is(|| Misled::<_, Clipped>::new(VerifyingTrace)),
        recorded("traces-ungrouped", "of a group only the first is recorded")
            .is(|| Misled::<_, Ungrouped>::new(VerifyingTrace))
            .theory("rule 3"),
        recorded("traces-stale", "a trace records what the dependencies were before")
            .is(|| Misled::<_, Stale>::new(VerifyingTrace))
            .values_only(),
        recorded("traces-backwards", "a trace records the last dependency first")
            .is(|| Misled::<_, Backwards>::new(VerifyingTrace))
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        recorded("traces-sequences", "a group is recorded as a sequence")
            .is(|| Misled::<_, Sequences>::new(VerifyingTrace))
            .theory("rule 3")
            .unseen("a count of what is underway at once"),
        recorded("traces-volatile", "a volatile value is kept")
            .is(|| Misled::<_, Volatile>::new(VerifyingTrace))
            .styled(|style| style.volatile = true),
        Fixture::new("values-late", "a value is kept under the trace before", "constructive-trace")
            .is(|| Misled::<_, LateValue>::new(ConstructiveTrace))
            .values_only(),
        Fixture::new("deep-previous-run", "takes the dependencies of the previous run", "deep-constructive-trace")
            .is(|| Misled::<_, Previous>::new(DeepConstructiveTrace))
            .theory("rule 4")
            .values_only(),
        Fixture::new("deep-keeps-volatile", "restores a volatile value", "deep-constructive-trace")
            .is(|| Misled::<_, DeepVolatile>::new(DeepConstructiveTrace))
            .styled(|style| style.volatile = true)
            .values_only(),
    ]
}
