//! Random histories: what a store and its tasks hold is followed along, so that every record is one that a build could
//! have made.

use alacarte::{Dependency, Event, Fingerprint, KeyId, MetadataUpdater, Record, Time, Value};
use proptest::prelude::*;

use super::models::{Dirty, Model};

pub const KEYS: usize = 8;
pub const INPUTS: usize = 3;
/// What every input holds before anything is told of it.
pub const AT_FIRST: u64 = 1;

/// An event that owns what it speaks of.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: Kind,
    pub key: KeyId,
    pub dependencies: Vec<Dependency>,
    /// `None` if the key is gone.
    pub value: Option<u64>,
    pub modified: Time,
    pub volatile: bool,
    pub deep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Changed,
    Built,
    Restored,
    Learned,
}

impl Step {
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.value.map(|value| value.fingerprint())
    }

    pub fn show(&self, to: &mut impl MetadataUpdater) {
        self.with_event(|event| to.apply(event));
    }

    pub fn with_event<T>(&self, told: impl FnOnce(&Event<'_>) -> T) -> T {
        let &Step { key, ref dependencies, modified, volatile, deep, .. } = self;
        let value = self.value.unwrap_or_default();
        let fingerprint = value.fingerprint();
        let record = Record { key, dependencies, deep, fingerprint, value: &value, modified, volatile, names: &() };
        let input = key.is_definition() || key.index() < INPUTS;
        told(&match self.kind {
            Kind::Changed => Event::Changed { key, fingerprint: self.fingerprint(), modified, input },
            Kind::Built => Event::Built(record),
            Kind::Restored => Event::Restored(record),
            Kind::Learned => Event::Learned(record),
        })
    }

    pub fn is_made(&self) -> bool {
        matches!(self.kind, Kind::Built | Kind::Restored)
    }

    pub fn is_plain(&self) -> bool {
        !self.volatile && !self.deep
    }

    pub fn keys(&self) -> Vec<(KeyId, bool)> {
        let keys = self.dependencies.iter().filter(|dependency| !dependency.key.is_definition());
        keys.map(|dependency| (dependency.key, dependency.grouped)).collect()
    }
}

/// What one event is made of, before it is known what the keys hold.
#[derive(Clone, Debug)]
pub struct Seed {
    choice: u32,
    pub key: usize,
    list: Vec<(usize, bool)>,
    pub value: u64,
    pub modified: Time,
    pub again: bool,
    pub volatile: bool,
    pub deep: bool,
}

/// So many histories, or what the environment variable `PROPTEST_CASES` says, if that is not too few to find anything.
pub fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    cases.unwrap_or(2_000).max(256)
}

pub fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let list = proptest::collection::vec((0..KEYS, any::<bool>()), 0..5);
    let flags = (any::<bool>(), proptest::bool::weighted(0.1), proptest::bool::weighted(0.2));
    let seed = (0..100_u32, 0..KEYS, list, 0..5_u64, 1..99_u64, flags).prop_map(
        |(choice, key, list, value, modified, (again, volatile, deep))| Seed {
            choice,
            key,
            list,
            value,
            modified,
            again,
            volatile,
            deep,
        },
    );
    proptest::collection::vec(seed, 1..120)
}

/// What the keys hold while a history is made up.
pub struct World {
    values: [Option<u64>; KEYS],
    definitions: [Option<u64>; KEYS],
    shapes: [Vec<(usize, bool)>; KEYS],
    dirty: Dirty,
    pub history: Vec<Step>,
}

impl World {
    pub fn new() -> Self {
        World {
            values: std::array::from_fn(|n| (n < INPUTS).then_some(AT_FIRST)),
            definitions: std::array::from_fn(|n| (n % 2 == 1).then_some(50)),
            shapes: Default::default(),
            dirty: Dirty::default(),
            history: Vec::new(),
        }
    }

    fn tell(&mut self, step: Step) {
        self.dirty.see(&step);
        self.history.push(step);
    }

    fn changed(&mut self, key: KeyId, value: Option<u64>, modified: Time) {
        let values = if key.is_definition() { &mut self.definitions } else { &mut self.values };
        values[key.index()] = value;
        let kind = Kind::Changed;
        self.tell(Step { kind, key, dependencies: Vec::new(), value, modified, volatile: false, deep: false });
    }

    /// Whatever the seed says, in the order of the seeds.
    pub fn anything(&mut self, seed: &Seed) {
        let output = KeyId::new(INPUTS + seed.key % (KEYS - INPUTS));
        let some = (seed.value > 0).then_some(seed.value);
        match seed.choice {
            0..15 => self.changed(KeyId::new(seed.key % INPUTS), some, seed.modified),
            15..22 if self.values[output.index()].is_none() => {}
            15..22 => {
                self.changed(output, None, seed.modified);
                if let Some(step) = self.history.last_mut().filter(|_| seed.again) {
                    step.value = Some(77);
                }
            }
            22..28 => {
                let version = 100 + self.history.len() as u64;
                self.changed(output.definition(), some.map(|_| version), seed.modified);
            }
            28..38 => self.record(Kind::Learned, output, seed),
            38..50 => self.record(Kind::Restored, output, seed),
            _ => self.record(Kind::Built, output, &Seed { deep: false, ..seed.clone() }),
        }
    }

    fn record(&mut self, kind: Kind, key: KeyId, seed: &Seed) {
        let &Seed { value, modified, volatile, deep, .. } = seed;
        let foreign = deep || kind == Kind::Learned;
        let fresh: Vec<_> = seed.list.iter().filter(|(n, _)| *n < key.index()).copied().collect();
        let mut dependencies = Vec::new();
        if let Some(definition) = self.definitions[key.index()] {
            let fingerprint = definition.fingerprint();
            dependencies.push(Dependency { key: key.definition(), grouped: false, fingerprint });
        }
        let mut last = None;
        for (n, grouped) in if seed.again { self.shapes[key.index()].clone() } else { fresh.clone() } {
            let told = dependencies.iter().any(|other| other.key == KeyId::new(n));
            let held = if foreign { Some((value + n as u64) % 3) } else { self.values[n] };
            if let Some(held) = held.filter(|_| !told) {
                let grouped = grouped && last.is_some();
                dependencies.push(Dependency { key: KeyId::new(n), grouped, fingerprint: held.fingerprint() });
                last = Some(n);
            }
        }
        if !seed.again {
            self.shapes[key.index()] = fresh;
        }
        if kind != Kind::Learned {
            self.values[key.index()] = Some(value);
        }
        self.tell(Step { kind, key, dependencies, value: Some(value), modified, volatile, deep });
    }

    /// As a build does it: a key is built if it has to be, after what it fetches.
    fn bring(&mut self, n: usize, seed: &Seed) {
        if n < INPUTS {
            return;
        }
        if let Some(keys) = self.dirty.keys[n].clone().filter(|_| !self.dirty.dirty[n]) {
            for (dependency, _) in keys {
                self.bring(dependency.index(), seed);
            }
        }
        if self.dirty.keys[n].is_none() || self.dirty.dirty[n] {
            let list = if seed.again { &self.shapes[n] } else { &seed.list };
            let below: Vec<_> = list.iter().map(|(n, _)| *n).filter(|&below| below < n).collect();
            below.into_iter().for_each(|below| self.bring(below, seed));
            let value = (seed.value + n as u64 * (seed.modified % 2)) % 5;
            let kind = if seed.deep { Kind::Restored } else { Kind::Built };
            self.record(
                kind,
                KeyId::new(n),
                &Seed { value, volatile: (seed.modified + n as u64).is_multiple_of(5), deep: false, ..seed.clone() },
            );
        }
    }

    pub fn orderly(&mut self, seed: &Seed) {
        if seed.choice < 28 { self.anything(seed) } else { self.bring(INPUTS + seed.key % (KEYS - INPUTS), seed) }
    }
}
