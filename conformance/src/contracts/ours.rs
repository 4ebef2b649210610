//! The contracts of this workspace's updaters, as plain as can be.

use std::collections::BTreeSet;

use alacarte_core::{Dependency, Fetched, Fingerprint, KeyId, MetadataUpdater, Noted, StableKeyHash, Time, Value};
use alacarte_metadata::{
    CalcChain, ConstructiveTraces, DeepConstructiveTraces, DependencyGraph, DirtyBits, LastRuns, ModificationTimes,
    StepTraces, Trace, VerifyingTraces,
};

use super::happening::{AT_FIRST, Contract, EventKind, Happening, INPUTS, KEYS};

fn all() -> impl Iterator<Item = KeyId> {
    (0..KEYS).map(KeyId::new)
}

/// An updater mentions exactly the keys that it names where it speaks of a key: what is not mentioned may be forgotten, what is
/// mentioned in vain is kept for ever.
fn check_mentions(updater: &impl MetadataUpdater, named: impl Fn(KeyId) -> Vec<KeyId>) {
    for key in all() {
        let mut mentioned = Vec::new();
        updater.mentions(key, &mut |other| mentioned.push(other));
        let [mentioned, named] = [mentioned, named(key)].map(BTreeSet::from_iter);
        assert_eq!(mentioned, named, "which keys are mentioned with {key:?}");
    }
}

/// The keys of a list of what was fetched, if it is known.
fn keys_of(fetched: &Option<Vec<Fetched>>) -> Vec<KeyId> {
    fetched.iter().flatten().map(|fetched| fetched.key).collect()
}

/// What each key fetched last.
#[derive(Debug, Default)]
pub struct GraphModel([Option<Vec<Fetched>>; KEYS]);

impl Contract for GraphModel {
    type Of = DependencyGraph;
    fn see(&mut self, what: &Happening) {
        if what.is_made() {
            self.0[what.key.index()] = Some(what.keys());
        }
        forget_lists(&mut self.0, what);
    }
    fn check(&self, graph: &DependencyGraph) {
        for key in all() {
            let fetched = &self.0[key.index()];
            assert_eq!(&graph.dependencies(key).map(|keys| keys.collect::<Vec<_>>()), fetched, "what {key:?} fetched");
            assert_eq!(graph.knows(key), fetched.is_some(), "whether it is known what {key:?} fetched");
            let mut dependents: Vec<_> = graph.dependents(key).collect();
            dependents.sort_unstable();
            let fetches = |other: &KeyId| self.0[other.index()].iter().flatten().any(|fetched| fetched.key == key);
            assert_eq!(dependents, all().filter(fetches).collect::<Vec<_>>(), "who fetched {key:?}");
        }
        check_mentions(graph, |key| keys_of(&self.0[key.index()]));
    }
}

/// What a forgotten key fetched is not known any more, nor what those did that fetched it; the latter.
fn forget_lists(lists: &mut [Option<Vec<Fetched>>; KEYS], what: &Happening) -> Vec<KeyId> {
    if what.kind != EventKind::Forgotten {
        return Vec::new();
    }
    lists[what.key.index()] = None;
    let fetched_it = |key: &KeyId| lists[key.index()].iter().flatten().any(|fetched| what.forgets(fetched.key));
    let orphans: Vec<KeyId> = all().filter(fetched_it).collect();
    orphans.iter().for_each(|orphan| lists[orphan.index()] = None);
    orphans
}

/// Which keys a change has made out of date: those that fetched what changed, and those of which it was told.
#[derive(Debug)]
pub struct DirtyModel {
    pub(super) keys: [Option<Vec<Fetched>>; KEYS],
    values: [Option<Fingerprint>; KEYS],
    pub(super) dirty: [bool; KEYS],
    /// Keys that were forgotten, and not heard of since.
    forgotten: [bool; KEYS],
}

impl Default for DirtyModel {
    fn default() -> Self {
        let values = std::array::from_fn(|n| (n < INPUTS).then_some(AT_FIRST.fingerprint()));
        DirtyModel { keys: Default::default(), values, dirty: Default::default(), forgotten: Default::default() }
    }
}

impl DirtyModel {
    fn becomes(&mut self, key: KeyId, value: Option<Fingerprint>) {
        if std::mem::replace(&mut self.values[key.index()], value) != value {
            for (keys, dirty) in self.keys.iter().zip(&mut self.dirty) {
                *dirty |= keys.iter().flatten().any(|fetched| fetched.key == key);
            }
        }
    }

    fn is_suspect(&self, key: KeyId) -> bool {
        let below = self.keys[key.index()].iter().flatten();
        self.dirty[key.index()] || below.into_iter().any(|below| self.is_suspect(below.key))
    }
}

impl Contract for DirtyModel {
    type Of = DirtyBits;
    fn see(&mut self, what: &Happening) {
        let n = what.key.index();
        self.forgotten[n] = what.kind == EventKind::Forgotten
            || (self.forgotten[n] && matches!(what.kind, EventKind::Imported | EventKind::Detached { .. }));
        if what.is_made() {
            self.keys[n] = Some(what.keys());
            self.dirty[n] = !what.is_plain();
            self.becomes(what.key, what.fingerprint());
        } else if what.kind == EventKind::Changed && n < INPUTS {
            self.becomes(what.key, what.fingerprint());
        } else if what.kind == EventKind::Changed {
            self.dirty[n] = true;
        } else if what.kind == EventKind::Forgotten {
            for orphan in forget_lists(&mut self.keys, what) {
                self.dirty[orphan.index()] = true;
            }
            (self.values[n], self.dirty[n]) = (None, false);
        }
    }
    fn check(&self, bits: &DirtyBits) {
        for key in all().filter(|key| self.keys[key.index()].is_some()) {
            assert_eq!(bits.is_dirty(key), self.dirty[key.index()], "whether {key:?} is dirty");
            assert!(!bits.is_dirty(key) || bits.marked().contains(&key), "{key:?} is dirty, and not marked");
        }
        for key in all().filter(|key| self.forgotten[key.index()]) {
            assert!(bits.is_dirty(key), "{key:?} is forgotten, and so was never built");
            assert!(!bits.marked().contains(&key), "{key:?} is forgotten, and yet marked");
        }
        check_mentions(bits, |key| keys_of(&self.keys[key.index()]));
    }
}

/// [`DirtyModel`] in an order in which builds happen, with what lies above the dirty keys.
#[derive(Debug, Default)]
pub struct SuspectsModel(DirtyModel);

impl Contract for SuspectsModel {
    type Of = DirtyBits;
    const ORDERLY: bool = true;
    fn see(&mut self, what: &Happening) {
        self.0.see(what);
    }
    fn check(&self, bits: &DirtyBits) {
        for key in all().filter(|key| self.0.is_suspect(*key)) {
            assert!(bits.is_suspect(key), "{key:?} has a dirty key below it, and is no suspect");
        }
        self.0.check(bits)
    }
}

/// When each key was modified last.
#[derive(Debug, Default)]
pub struct TimesModel([Option<Time>; KEYS]);

impl Contract for TimesModel {
    type Of = ModificationTimes;
    fn see(&mut self, what: &Happening) {
        if (what.is_made() || what.kind == EventKind::Changed) && !what.key.is_definition() {
            self.0[what.key.index()] = what.value.map(|_| what.modified);
        }
        if what.kind == EventKind::Forgotten {
            self.0[what.key.index()] = None;
        }
    }
    fn check(&self, times: &ModificationTimes) {
        assert_eq!(all().map(|key| times.of(key)).collect::<Vec<_>>(), self.0, "when each key was modified");
    }
}

/// What a run left: its definition, what it was given, what it gave.
type Run = (Option<Fingerprint>, Vec<Noted<u64>>, Fingerprint);

/// The values that each task was given when it ran last.
#[derive(Debug, Default)]
pub struct SeenModel {
    values: [Option<u64>; KEYS],
    runs: [Option<Run>; KEYS],
}

impl SeenModel {
    fn run(&self, what: &Happening) -> Option<Run> {
        let (mut definition, mut saw) = (None, Vec::new());
        for Dependency { key, fingerprint, .. } in &what.dependencies {
            if key.is_definition() {
                definition = Some(*fingerprint);
            } else {
                let value = self.values[key.index()].filter(|value| value.fingerprint() == *fingerprint);
                saw.push(Noted::new(*key, value?));
            }
        }
        what.is_plain().then_some((definition, saw, what.fingerprint()?))
    }
}

impl Contract for SeenModel {
    type Of = LastRuns<u64>;
    fn see(&mut self, what: &Happening) {
        let n = what.key.index();
        if what.is_made() {
            self.runs[n] = self.run(what);
        }
        if (what.is_made() || what.kind == EventKind::Changed) && !what.key.is_definition() {
            self.values[n] = what.value;
        }
        if what.kind == EventKind::Forgotten {
            (self.values[n], self.runs[n]) = (None, None);
            for run in &mut self.runs {
                run.take_if(|(_, saw, _)| saw.iter().any(|saw| saw.key == what.key));
            }
        }
    }
    fn check(&self, runs: &LastRuns<u64>) {
        for key in all() {
            let is = runs.of(key).map(|run| (run.definition, run.saw.clone(), run.fingerprint));
            assert_eq!(is, self.runs[key.index()], "the last run of {key:?}");
        }
        check_mentions(runs, |key| {
            self.runs[key.index()].iter().flat_map(|(_, saw, _)| saw).map(|saw| saw.key).collect()
        });
    }
}

/// The keys that were ever finished, the last one last.
#[derive(Debug, Default)]
pub struct ChainModel(Vec<KeyId>);

impl Contract for ChainModel {
    type Of = CalcChain;
    fn see(&mut self, what: &Happening) {
        if what.is_made() || what.kind == EventKind::Forgotten {
            self.0.retain(|key| *key != what.key);
        }
        if what.is_made() {
            self.0.push(what.key);
        }
    }
    fn check(&self, chain: &CalcChain) {
        let mut keys: Vec<_> = all().filter(|key| chain.position(*key).is_some()).collect();
        keys.sort_by_key(|key| chain.position(*key));
        assert_eq!(&keys, &self.0, "the order");
        let positions: Vec<_> = keys.iter().map(|key| chain.position(*key)).collect();
        assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?} are to rise");
    }
}

/// The steps of what happened to each key, and to each definition; what is known of its value.
#[derive(Debug, Default)]
pub struct StepsModel {
    step: u64,
    changed: [u64; KEYS],
    defined: [u64; KEYS],
    values: [Option<Fingerprint>; KEYS],
    made: [Option<(u64, Happening)>; KEYS],
}

impl Contract for StepsModel {
    type Of = StepTraces;
    fn see(&mut self, what: &Happening) {
        self.step += u64::from(what.kind != EventKind::Forgotten);
        let n = what.key.index();
        if what.kind == EventKind::Changed && what.key.is_definition() {
            self.defined[n] = self.step;
        } else if what.is_made() || (what.kind == EventKind::Changed && n < INPUTS) {
            if std::mem::replace(&mut self.values[n], what.fingerprint()) != what.fingerprint() {
                self.changed[n] = self.step;
            }
            self.made[n] = what.is_made().then(|| (self.step, what.clone()));
        } else if what.kind == EventKind::Forgotten {
            (self.changed[n], self.defined[n], self.values[n], self.made[n]) = (0, 0, None, None);
            let fetched_it = |made: &(u64, Happening)| made.1.keys().iter().any(|fetched| fetched.key == what.key);
            self.made.iter_mut().filter(|made| made.as_ref().is_some_and(fetched_it)).for_each(|made| *made = None);
        }
    }
    fn check(&self, steps: &StepTraces) {
        assert_eq!(all().map(|key| steps.changed(key)).collect::<Vec<_>>(), self.changed, "when each key changed");
        assert_eq!(
            all().map(|key| steps.changed(key.definition())).collect::<Vec<_>>(),
            self.defined,
            "when each definition changed"
        );
        for (key, made) in all().zip(&self.made) {
            let made = made.as_ref().filter(|(_, what)| what.is_plain());
            let expected = made.map(|(number, what)| (*number, what.fingerprint()));
            let built = steps.built(key).map(|built| (built.step, built.value));
            assert_eq!(built, expected, "when {key:?} was built, and what it was");
        }
        let fetched = |key: KeyId| self.made[key.index()].as_ref().map(|(_, made)| made.keys());
        check_mentions(steps, |key| keys_of(&fetched(key)));
    }
}

type Entry = (u64, Vec<Dependency>);

/// Traces, the newest first; and whether the first is that of what the key was last made from, here and not elsewhere.
#[derive(Debug, Default)]
struct Kept {
    traces: [Vec<Entry>; KEYS],
    present: [bool; KEYS],
}

impl Kept {
    /// No trace of a forgotten key stays, nor one that names it.
    fn forget(&mut self, what: &Happening) {
        if what.kind == EventKind::Forgotten {
            self.traces[what.key.index()].clear();
            self.present[what.key.index()] = false;
            let names_it = |entry: &Entry| entry.1.iter().any(|dependency| what.forgets(dependency.key));
            for (traces, present) in self.traces.iter_mut().zip(&mut self.present) {
                *present &= !traces.iter().any(names_it);
                traces.retain(|entry| !names_it(entry));
            }
        }
    }

    fn keep(&mut self, what: &Happening, dependencies: Vec<Dependency>, bound: usize) {
        let entry = (what.value.unwrap_or_default(), dependencies);
        let (traces, present) = (&mut self.traces[what.key.index()], &mut self.present[what.key.index()]);
        if what.kind != EventKind::Imported {
            traces.retain(|other| *other != entry);
            traces.insert(0, entry);
            *present = true;
        } else if !traces.contains(&entry) {
            traces.insert(usize::from(*present), entry);
        }
        traces.truncate(bound);
    }
}

/// Whether a trace is this one.
fn same<const EXTRA: usize>(trace: Trace<'_, EXTRA>, (value, dependencies): &Entry) -> bool {
    trace.fingerprint() == value.fingerprint() && trace.dependencies().eq(dependencies.iter().copied())
}

macro_rules! check_traces {
    ($updater:expr, $kept:expr) => {
        let table = $updater.table();
        check_mentions($updater, |key| {
            let traces = $kept.traces[key.index()].iter();
            traces.flat_map(|(_, dependencies)| dependencies).map(|dependency| dependency.key).collect()
        });
        for key in all() {
            let expected = &$kept.traces[key.index()];
            let traces: Vec<_> = table.of(key).collect();
            let all_same = traces.iter().zip(expected).all(|(trace, entry)| same(*trace, entry));
            assert!(traces.len() == expected.len() && all_same, "{key:?}: {expected:?} are to be kept");
            assert_eq!(table.newest(key).is_some(), !expected.is_empty(), "whether {key:?} has a trace");
            assert!(table.newest(key).is_none_or(|trace| same(trace, &expected[0])), "{key:?}: the newest trace");
        }
    };
}

/// What each key's last different runs fetched and gave.
#[derive(Debug, Default)]
pub struct VerifyingModel(Kept);

impl Contract for VerifyingModel {
    type Of = VerifyingTraces;
    fn see(&mut self, what: &Happening) {
        if what.is_made() {
            self.0.present[what.key.index()] = false;
        }
        if what.is_made() && what.is_plain() {
            self.0.keep(what, what.dependencies.clone(), VerifyingTraces::KEPT);
        }
        self.0.forget(what);
    }
    fn check(&self, traces: &VerifyingTraces) {
        check_traces!(traces, self.0);
        for key in all().filter(|key| traces.table().newest(*key).is_some()) {
            assert_eq!(
                traces.is_last(key),
                self.0.present[key.index()],
                "{key:?}: whether the newest trace is the last"
            );
        }
    }
}

/// The same with values, and with what others told.
#[derive(Debug, Default)]
pub struct ConstructiveModel(Kept);

impl Contract for ConstructiveModel {
    type Of = ConstructiveTraces<u64>;
    fn see(&mut self, what: &Happening) {
        if what.is_made() {
            self.0.present[what.key.index()] = false;
        }
        if (what.is_made() || what.kind == EventKind::Imported) && what.is_plain() {
            self.0.keep(what, what.dependencies.clone(), ConstructiveTraces::<u64>::KEPT);
        }
        self.0.forget(what);
    }
    fn check(&self, traces: &ConstructiveTraces<u64>) {
        check_traces!(traces, self.0);
        for key in all() {
            let values: Vec<_> = traces.table().of(key).map(|trace| traces.value(trace).copied()).collect();
            assert_eq!(
                values,
                self.0.traces[key.index()].iter().map(|entry| Some(entry.0)).collect::<Vec<_>>(),
                "{key:?}: values"
            );
            assert_eq!(traces.present(key).is_some(), self.0.present[key.index()], "{key:?}: whether one is present");
        }
    }
}

/// The values that given terminal inputs led to, and the name of what each key's current value was made of.
#[derive(Debug, Default)]
pub struct DeepModel {
    kept: Kept,
    /// What stands for a key with a task in traces above it.
    current: [Option<Fingerprint>; KEYS],
}

fn deep_of(dependencies: &[Dependency]) -> Fingerprint {
    let none = (dependencies.len() as u64).fingerprint().combine(Fingerprint(u64::from_be_bytes(*b"\0\0\0\0deep")));
    dependencies.iter().fold(none, |sum, dependency| {
        let name = ().stable_hash(dependency.key.subject());
        sum.combine(name).combine(dependency.key.is_definition().fingerprint()).combine(dependency.fingerprint)
    })
}

impl Contract for DeepModel {
    type Of = DeepConstructiveTraces<u64>;
    fn see(&mut self, what: &Happening) {
        let mut dependencies = what.dependencies.clone();
        if !what.deep {
            for dependency in dependencies.iter_mut().filter(|dependency| !dependency.key.is_definition()) {
                dependency.fingerprint = self.current[dependency.key.index()].unwrap_or(dependency.fingerprint);
            }
        }
        if what.is_made() {
            self.current[what.key.index()] = (!what.volatile).then(|| deep_of(&dependencies));
        } else if what.kind == EventKind::Changed
            && what.is_about_an_input()
            && (!what.key.is_definition() || what.value.is_none())
        {
            self.current[what.key.index()] = None;
        }
        self.kept.present[what.key.index()] = self.current[what.key.index()].is_some();
        if !what.volatile && (what.is_made() || (what.kind == EventKind::Imported && what.deep)) {
            self.kept.keep(what, dependencies, DeepConstructiveTraces::<u64>::KEPT);
        }
        self.kept.forget(what);
        for (current, present) in self.current.iter_mut().zip(self.kept.present) {
            *current = current.filter(|_| present);
        }
    }
    fn check(&self, traces: &DeepConstructiveTraces<u64>) {
        check_traces!(traces, self.kept);
        for (key, kept) in all().zip(&self.kept.traces) {
            let present: Vec<_> = traces.table().of(key).map(|trace| traces.is_present(key, trace)).collect();
            let name = self.current[key.index()];
            let expected: Vec<_> = kept.iter().map(|entry| name == Some(deep_of(&entry.1))).collect();
            assert_eq!(present, expected, "{key:?}: which is present");
            assert!(name.is_none() || expected[0], "{key:?}: what is present comes first");
            let values: Vec<_> = traces.table().of(key).map(|trace| traces.value(trace).copied()).collect();
            assert_eq!(values, kept.iter().map(|entry| Some(entry.0)).collect::<Vec<_>>(), "{key:?}: values");
            for (_, dependencies) in kept {
                let newest = kept.iter().find(|other| deep_of(&other.1) == deep_of(dependencies));
                let found = traces.find(key, deep_of(dependencies));
                assert!(
                    found.zip(newest).is_some_and(|(trace, entry)| same(trace, entry)),
                    "{key:?}: what is found by inputs"
                );
            }
        }
    }
}
