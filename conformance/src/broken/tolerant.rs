//! Tolerance that tolerates something else than it promises.

use alacarte_core::{Event, KeyId, MetadataUpdater, Noted, Record, Value};
use alacarte_metadata::LastRuns;
use alacarte_rebuilders::Tolerance;

use super::fixture::Fixture;
use super::lies::{Lie, Misled, Past, lies};
use crate::laws::{Promises, Thrift};

/// Within this, values are promised.
const WITHIN: u64 = 1;

fn tolerating(by: u64) -> Tolerance<impl Fn(&i64, &i64) -> bool> {
    Tolerance(move |then: &i64, now: &i64| then.abs_diff(*now) > by)
}

lies! {
    /// After each small move, every run passes for one that was given the value as it is now.
    Drifts to LastRuns<i64>: |past, runs, event| {
        let told: Option<(KeyId, i64)> = match event {
            Event::Changed { key, value, .. } => value.and_then(|value| Some((*key, *value.downcast_ref()?))),
            Event::Built(record) => record.value.downcast_ref().map(|value| (record.key, *value)),
            _ => None,
        };
        let before = runs.clone();
        runs.apply(event);
        let Some((moved, now)) = told else { return };
        for (&of, made) in &past.last {
            let saw: &[Noted<i64>] = before.of(of).map_or(&[], |run| &run.saw);
            if !saw.iter().any(|saw| saw.key == moved && saw.value.abs_diff(now) <= WITHIN) {
                continue;
            }
            let mut dependencies = made.dependencies.clone();
            for dependency in &mut dependencies {
                if dependency.key == moved {
                    dependency.fingerprint = now.fingerprint();
                }
            }
            runs.apply(&Event::Built(Record::new(of, &dependencies, made.fingerprint, &(), &())));
        }
    };
}

/// Everything in this file.
pub(super) fn list() -> Vec<Fixture> {
    let near = Promises { within: Some(WITHIN), ..Promises::default() };
    let promises = Promises { cutoff: Thrift::Values, null: true, ..near };
    let tolerance = |name, wrong| {
        let mut fixture = Fixture::new(name, wrong, "verifying-trace");
        fixture.rebuilder = "tolerance";
        fixture.promising(promises).but_for(|| tolerating(WITHIN)).caught_by(&["near"])
    };
    vec![
        tolerance("tolerance-drifts", "compares with what was there in the last build: small moves add up")
            .is(|| Misled::<_, Drifts>::new(tolerating(WITHIN)))
            .promising(near),
        tolerance("tolerance-too-wide", "tolerates moves twice as far as it promises")
            .is(|| tolerating(2 * WITHIN))
            .promising(near),
        tolerance("tolerance-too-narrow", "runs though nothing has moved by more than it tolerates")
            .is(|| tolerating(0))
            .caught_by(&["early-cutoff"]),
    ]
}
