//! The contracts, as plain as can be: one model an updater.

use alacarte::{Dependency, Fingerprint, KeyId, MetadataUpdater, Names, Time, Value};
use alacarte_metadata::{
    CalcChain, ConstructiveTraces, DeepConstructiveTraces, DependencyGraph, DirtyBits, ModificationTimes, StepTraces,
    Trace, VerifyingTraces,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::history::{AT_FIRST, INPUTS, KEYS, Kind, Seed, Step, World};

/// A contract: what it says after some events, and whether an updater says the same.
pub trait Model: Default {
    type Of: MetadataUpdater;
    const GO_ON: fn(&mut World, &Seed) = World::anything;
    fn see(&mut self, step: &Step);
    fn check(&self, of: &Self::Of) -> TestCaseResult;
}

fn all() -> impl Iterator<Item = KeyId> {
    (0..KEYS).map(KeyId::new)
}

/// What each key fetched last.
#[derive(Default)]
pub struct Graph([Option<Vec<(KeyId, bool)>>; KEYS]);

impl Model for Graph {
    type Of = DependencyGraph;
    fn see(&mut self, step: &Step) {
        if step.is_made() {
            self.0[step.key.index()] = Some(step.keys());
        }
    }
    fn check(&self, graph: &DependencyGraph) -> TestCaseResult {
        for key in all() {
            let fetched = &self.0[key.index()];
            prop_assert_eq!(&graph.dependencies(key).map(|keys| keys.collect::<Vec<_>>()), fetched);
            prop_assert_eq!(graph.knows(key), fetched.is_some());
            let mut dependents: Vec<_> = graph.dependents(key).collect();
            dependents.sort_unstable();
            let fetches = |other: &KeyId| self.0[other.index()].iter().flatten().any(|(fetched, _)| *fetched == key);
            prop_assert_eq!(dependents, all().filter(fetches).collect::<Vec<_>>());
        }
        Ok(())
    }
}

pub struct Dirty {
    pub keys: [Option<Vec<(KeyId, bool)>>; KEYS],
    values: [Option<Fingerprint>; KEYS],
    pub dirty: [bool; KEYS],
}

impl Default for Dirty {
    fn default() -> Self {
        let values = std::array::from_fn(|n| (n < INPUTS).then_some(AT_FIRST.fingerprint()));
        Dirty { keys: Default::default(), values, dirty: Default::default() }
    }
}

impl Dirty {
    fn becomes(&mut self, key: KeyId, value: Option<Fingerprint>) {
        if std::mem::replace(&mut self.values[key.index()], value) != value {
            for (keys, dirty) in self.keys.iter().zip(&mut self.dirty) {
                *dirty |= keys.iter().flatten().any(|(fetched, _)| *fetched == key);
            }
        }
    }

    fn is_suspect(&self, key: KeyId) -> bool {
        let below = self.keys[key.index()].iter().flatten();
        self.dirty[key.index()] || below.into_iter().any(|(below, _)| self.is_suspect(*below))
    }
}

impl Model for Dirty {
    type Of = DirtyBits;
    fn see(&mut self, step: &Step) {
        let n = step.key.index();
        if step.is_made() {
            self.keys[n] = Some(step.keys());
            self.dirty[n] = !step.is_plain();
            self.becomes(step.key, step.fingerprint());
        } else if step.kind == Kind::Changed && n < INPUTS {
            self.becomes(step.key, step.fingerprint());
        } else if step.kind == Kind::Changed {
            self.dirty[n] = true;
        }
    }
    fn check(&self, bits: &DirtyBits) -> TestCaseResult {
        for key in all().filter(|key| self.keys[key.index()].is_some()) {
            prop_assert_eq!(bits.is_dirty(key), self.dirty[key.index()], "{:?}", key);
            prop_assert!(!bits.is_dirty(key) || bits.marked().contains(&key), "{:?} is not marked", key);
        }
        Ok(())
    }
}

/// The same in an order in which builds happen, with what lies above the dirty keys.
#[derive(Default)]
pub struct Suspects(Dirty);

impl Model for Suspects {
    type Of = DirtyBits;
    const GO_ON: fn(&mut World, &Seed) = World::orderly;
    fn see(&mut self, step: &Step) {
        self.0.see(step);
    }
    fn check(&self, bits: &DirtyBits) -> TestCaseResult {
        for key in all().filter(|key| self.0.is_suspect(*key)) {
            prop_assert!(bits.is_suspect(key), "{:?} has a dirty key below it", key);
        }
        self.0.check(bits)
    }
}

#[derive(Default)]
pub struct Times([Option<Time>; KEYS]);

impl Model for Times {
    type Of = ModificationTimes;
    fn see(&mut self, step: &Step) {
        if step.kind != Kind::Learned && !step.key.is_definition() {
            self.0[step.key.index()] = step.value.map(|_| step.modified);
        }
    }
    fn check(&self, times: &ModificationTimes) -> TestCaseResult {
        prop_assert_eq!(all().map(|key| times.of(key)).collect::<Vec<_>>(), self.0);
        Ok(())
    }
}

/// The keys that were ever finished, the last one last.
#[derive(Default)]
pub struct Chain(Vec<KeyId>);

impl Model for Chain {
    type Of = CalcChain;
    fn see(&mut self, step: &Step) {
        if step.is_made() {
            self.0.retain(|key| *key != step.key);
            self.0.push(step.key);
        }
    }
    fn check(&self, chain: &CalcChain) -> TestCaseResult {
        let mut keys: Vec<_> = all().filter(|key| chain.position(*key).is_some()).collect();
        keys.sort_by_key(|key| chain.position(*key));
        prop_assert_eq!(&keys, &self.0);
        let positions: Vec<_> = keys.iter().map(|key| chain.position(*key)).collect();
        prop_assert!(positions.is_sorted_by(|a, b| a < b), "{:?}", positions);
        Ok(())
    }
}

/// The steps of what happened to each key, and to each definition; what is known of its value.
#[derive(Default)]
pub struct Steps {
    step: u64,
    changed: [u64; KEYS],
    defined: [u64; KEYS],
    values: [Option<Fingerprint>; KEYS],
    made: [Option<(u64, Step)>; KEYS],
}

impl Model for Steps {
    type Of = StepTraces;
    fn see(&mut self, step: &Step) {
        self.step += 1;
        let n = step.key.index();
        if step.kind == Kind::Changed && step.key.is_definition() {
            self.defined[n] = self.step;
        } else if step.is_made() || (step.kind == Kind::Changed && n < INPUTS) {
            if std::mem::replace(&mut self.values[n], step.fingerprint()) != step.fingerprint() {
                self.changed[n] = self.step;
            }
            self.made[n] = step.is_made().then(|| (self.step, step.clone()));
        }
    }
    fn check(&self, steps: &StepTraces) -> TestCaseResult {
        prop_assert_eq!(all().map(|key| steps.changed(key)).collect::<Vec<_>>(), self.changed);
        prop_assert_eq!(all().map(|key| steps.changed(key.definition())).collect::<Vec<_>>(), self.defined);
        for (key, made) in all().zip(&self.made) {
            let made = made.as_ref().filter(|(_, step)| step.is_plain());
            let expected = made.map(|(number, step)| (*number, step.fingerprint()));
            prop_assert_eq!(steps.built(key), expected, "{:?}", key);
        }
        Ok(())
    }
}

type Entry = (u64, Vec<Dependency>);

/// Traces, the newest first.
#[derive(Default)]
struct Kept([Vec<Entry>; KEYS]);

impl Kept {
    fn keep(&mut self, step: &Step, dependencies: Vec<Dependency>, bound: usize) {
        let entry = (step.value.unwrap_or_default(), dependencies);
        let traces = &mut self.0[step.key.index()];
        if step.kind != Kind::Learned || !traces.contains(&entry) {
            traces.retain(|other| *other != entry);
            traces.insert(0, entry);
            traces.truncate(bound);
        }
    }
}

/// Whether a trace is this one, as far as its fingerprints are known.
fn same<const EXTRA: usize, const WIDTH: usize>(trace: Trace<'_, EXTRA, WIDTH>, entry: &Entry) -> bool {
    let agrees = |known: Fingerprint, now: Fingerprint| Trace::<EXTRA, WIDTH>::agrees(known, Some(now));
    let (fingerprint, dependencies) = (entry.0.fingerprint(), &entry.1);
    let sum = dependencies.iter().fold(Fingerprint::default(), |sum, dependency| sum.and(dependency.fingerprint));
    agrees(trace.fingerprint(), fingerprint)
        && trace.confirms(sum, fingerprint)
        && trace.len() == dependencies.len()
        && trace.dependencies().zip(dependencies).all(|(mine, other)| {
            (mine.key, mine.grouped) == (other.key, other.grouped) && agrees(mine.fingerprint, other.fingerprint)
        })
}

macro_rules! check_traces {
    ($table:expr, $kept:expr) => {
        for key in all() {
            let expected = &$kept.0[key.index()];
            let traces: Vec<_> = $table.of(key).collect();
            let all_same = traces.iter().zip(expected).all(|(trace, entry)| same(*trace, entry));
            prop_assert!(traces.len() == expected.len() && all_same, "{:?}: {:?} are to be kept", key, expected);
            prop_assert_eq!($table.newest(key).is_some(), !expected.is_empty());
            prop_assert!($table.newest(key).is_none_or(|trace| same(trace, &expected[0])));
        }
    };
}

#[derive(Default)]
pub struct Verifying(Kept);

impl Model for Verifying {
    type Of = VerifyingTraces;
    fn see(&mut self, step: &Step) {
        if step.is_made() && step.is_plain() {
            self.0.keep(step, step.dependencies.clone(), VerifyingTraces::KEPT);
        }
    }
    fn check(&self, traces: &VerifyingTraces) -> TestCaseResult {
        check_traces!(traces.table(), self.0);
        Ok(())
    }
}

#[derive(Default)]
pub struct Constructive(Kept);

impl Model for Constructive {
    type Of = ConstructiveTraces<u64>;
    fn see(&mut self, step: &Step) {
        if step.kind != Kind::Changed && step.is_plain() {
            self.0.keep(step, step.dependencies.clone(), ConstructiveTraces::<u64>::KEPT);
        }
    }
    fn check(&self, traces: &ConstructiveTraces<u64>) -> TestCaseResult {
        check_traces!(traces.table(), self.0);
        for key in all() {
            let values: Vec<_> = traces.table().of(key).map(|trace| traces.value(trace).copied()).collect();
            prop_assert_eq!(values, self.0.0[key.index()].iter().map(|entry| Some(entry.0)).collect::<Vec<_>>());
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct Deep {
    kept: Kept,
    /// What stands for a key with a task in traces above it.
    current: [Option<Fingerprint>; KEYS],
}

fn deep_of(dependencies: &[Dependency]) -> Fingerprint {
    let none = (dependencies.len() as u64).fingerprint().and(Fingerprint(u64::from_be_bytes(*b"\0\0\0\0deep")));
    dependencies.iter().fold(none, |sum, dependency| {
        let name = ().name_of(dependency.key.subject());
        sum.and(name).and(dependency.key.is_definition().fingerprint()).and(dependency.fingerprint)
    })
}

impl Model for Deep {
    type Of = DeepConstructiveTraces<u64>;
    fn see(&mut self, step: &Step) {
        let mut dependencies = step.dependencies.clone();
        if !step.deep {
            for dependency in dependencies.iter_mut().filter(|dependency| !dependency.key.is_definition()) {
                dependency.fingerprint = self.current[dependency.key.index()].unwrap_or(dependency.fingerprint);
            }
        }
        if step.is_made() {
            self.current[step.key.index()] = (!step.volatile).then(|| deep_of(&dependencies));
        } else if step.kind == Kind::Changed && step.key.is_definition() && step.value.is_none() {
            self.current[step.key.index()] = None;
        }
        if !step.volatile && (step.is_made() || (step.kind == Kind::Learned && step.deep)) {
            self.kept.keep(step, dependencies, DeepConstructiveTraces::<u64>::KEPT);
        }
    }
    fn check(&self, traces: &DeepConstructiveTraces<u64>) -> TestCaseResult {
        check_traces!(traces.table(), self.kept);
        for (key, kept) in all().zip(&self.kept.0) {
            let values: Vec<_> = traces.table().of(key).map(|trace| traces.value(trace).copied()).collect();
            prop_assert_eq!(values, kept.iter().map(|entry| Some(entry.0)).collect::<Vec<_>>());
            for (_, dependencies) in kept {
                let newest = kept.iter().find(|other| deep_of(&other.1) == deep_of(dependencies));
                let found = traces.find(key, deep_of(dependencies));
                prop_assert!(found.zip(newest).is_some_and(|(trace, entry)| same(trace, entry)));
            }
        }
        Ok(())
    }
}
