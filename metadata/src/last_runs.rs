//! Last runs: of each key, the values that its task saw when it ran last.

use std::collections::HashMap;

use alacarte_core::{Event, Fingerprint, KeyId, MetadataUpdater, Noted, Record, Value};

/// What the last run of each key's task fetched, with the *values* that it was given: for rebuilders to which it matters how
/// far a value has moved. It keeps each value twice: as it is, and as others saw it.
///
/// Contract: of each key its last `Built` or `Restored` event, with the values that its dependencies had by the events before; nothing
/// if that was volatile or deep, if such a value has not the fingerprint that was recorded, or if a key is forgotten that it names.
///
/// ```
/// use alacarte::metadata::LastRuns;
/// use alacarte::{Dependency, Event, KeyId, MetadataUpdater, Noted, Record, Value};
///
/// let (a, b) = (KeyId::new(0), KeyId::new(1));
/// let mut runs = LastRuns::<i64>::default();
/// let mut change = |runs: &mut LastRuns<i64>, to: i64| {
///     let fingerprint = Some(to.fingerprint());
///     runs.apply(&Event::Changed { key: a, fingerprint, value: Some(&to), modified: 0, input: true });
/// };
/// change(&mut runs, 40);
/// let dependencies = &[Dependency::new(a, 40.fingerprint())];
/// runs.apply(&Event::Built(Record::new(b, dependencies, 4.fingerprint(), &4_i64, &())));
/// change(&mut runs, 41);
/// assert_eq!(runs.of(b).unwrap().saw, [Noted::new(a, 40)]);
/// ```
#[derive(Debug, Clone)]
pub struct LastRuns<V> {
    runs: HashMap<KeyId, LastRun<V>>,
    values: HashMap<KeyId, V>,
}

/// The last run of a key's task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LastRun<V> {
    /// The fingerprint of the task's definition, if it had one.
    pub definition: Option<Fingerprint>,
    /// What it fetched, in order, and the value that it was given.
    pub saw: Vec<Noted<V>>,
    /// The fingerprint of what it gave.
    pub fingerprint: Fingerprint,
}

impl<V: Value> LastRuns<V> {
    /// The last run of a key; `None` if it left nothing to go by.
    pub fn of(&self, key: KeyId) -> Option<&LastRun<V>> {
        self.runs.get(&key)
    }

    /// The run of which a record tells, if all that it was given is known.
    fn run(&self, record: &Record<'_>) -> Option<LastRun<V>> {
        let (definition, fetched) = match record.dependencies {
            [first, fetched @ ..] if first.key.is_definition() => (Some(first.fingerprint), fetched),
            fetched => (None, fetched),
        };
        let saw = fetched.iter().map(|fetched| {
            let value = self.values.get(&fetched.key)?;
            (value.fingerprint() == fetched.fingerprint).then(|| Noted::new(fetched.key, value.clone()))
        });
        let goes_by = !record.volatile && !record.deep;
        let saw = goes_by.then(|| saw.collect::<Option<Vec<_>>>()).flatten()?;
        Some(LastRun { definition, saw, fingerprint: record.fingerprint })
    }
}

impl<V> Default for LastRuns<V> {
    fn default() -> Self {
        LastRuns { runs: HashMap::new(), values: HashMap::new() }
    }
}

impl<V: Value> MetadataUpdater for LastRuns<V> {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            // (Definitions have no value.)
            Event::Changed { key, value, .. } => {
                match value.and_then(|value| value.downcast_ref::<V>()) {
                    Some(value) => self.values.insert(*key, value.clone()),
                    None => self.values.remove(key),
                };
            }
            Event::Built(record) | Event::Restored(record) => {
                match self.run(record) {
                    Some(run) => self.runs.insert(record.key, run),
                    None => self.runs.remove(&record.key),
                };
                if let Some(value) = record.value.downcast_ref::<V>() {
                    self.values.insert(record.key, value.clone());
                }
            }
            Event::Forgotten { keys } => {
                let gone = |key: &KeyId| keys.binary_search(key).is_ok();
                self.values.retain(|key, _| !gone(key));
                self.runs.retain(|key, run| !gone(key) && !run.saw.iter().any(|saw| gone(&saw.key)));
            }
            Event::Imported(_) | Event::Detached { .. } => {}
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.of(key).into_iter().flat_map(|run| &run.saw).for_each(|saw| each(saw.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::Dependency;

    fn built(runs: &mut LastRuns<i64>, key: usize, on: &[(usize, i64)], value: i64) {
        let dependencies: Vec<Dependency> =
            on.iter().map(|&(key, value)| Dependency::new(KeyId::new(key), value.fingerprint())).collect();
        let record = Record::new(KeyId::new(key), &dependencies, value.fingerprint(), &value, &());
        runs.apply(&Event::Built(record).untyped());
    }

    #[test]
    fn a_run_that_was_volatile_or_deep_leaves_nothing_to_go_by() {
        for (volatile, deep) in [(false, false), (true, false), (false, true), (true, true)] {
            let (mut runs, key) = (LastRuns::<i64>::default(), KeyId::new(1));
            let mut record = Record::new(key, &[], 1.fingerprint(), &1_i64, &());
            (record.volatile, record.deep) = (volatile, deep);
            runs.apply(&Event::Built(record).untyped());
            assert_eq!(runs.of(key).is_some(), !volatile && !deep);
        }
    }

    #[test]
    fn what_is_forgotten_is_in_no_run_and_has_no_value() {
        let mut runs = LastRuns::<i64>::default();
        built(&mut runs, 0, &[], 10);
        built(&mut runs, 1, &[], 20);
        built(&mut runs, 2, &[(0, 10)], 11);
        built(&mut runs, 3, &[(1, 20)], 21);
        built(&mut runs, 4, &[(0, 10), (1, 20)], 30);
        let mentions = |runs: &LastRuns<i64>, key| {
            let mut all = Vec::new();
            runs.mentions(KeyId::new(key), &mut |key| all.push(key.index()));
            all
        };
        assert_eq!([2, 3, 4, 0].map(|key| mentions(&runs, key)), [vec![0], vec![1], vec![0, 1], vec![]]);

        runs.apply(&Event::Forgotten { keys: &[KeyId::new(0)] });
        let known: Vec<usize> = (0..5).filter(|&key| runs.of(KeyId::new(key)).is_some()).collect();
        assert_eq!(known, [1, 3], "the others were forgotten, or saw what was");

        // Another key has its number; what the one that was forgotten held is no value of it.
        built(&mut runs, 2, &[(0, 10)], 11);
        assert!(runs.of(KeyId::new(2)).is_none());
        // What was not forgotten is still known.
        built(&mut runs, 4, &[(1, 20), (3, 21)], 40);
        assert_eq!(mentions(&runs, 4), [1, 3]);
    }
}
