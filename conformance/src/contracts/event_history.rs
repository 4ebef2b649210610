//! Random histories: what a store and its tasks hold is followed along, so that every record is one that a build could
//! have made.

use alacarte_core::{Dependency, Fetched, KeyId, Time, Value};

use super::happening::{AT_FIRST, Contract, EventKind, Happening, INPUTS, KEYS};
use super::ours::DirtyModel;
use crate::draw::Draw;

/// What one event is made of, before it is known what the keys hold.
#[derive(Clone, Debug)]
struct Seed {
    choice: u32,
    key: usize,
    list: Vec<(usize, bool)>,
    value: u64,
    modified: Time,
    again: bool,
    volatile: bool,
    deep: bool,
}

impl Seed {
    fn draw(draw: &mut Draw<'_>) -> Self {
        Seed {
            choice: draw.below(100) as u32,
            key: draw.below(KEYS),
            list: draw.list(0..5, |draw| (draw.below(KEYS), draw.below(2) == 1)),
            value: draw.below(5) as u64,
            modified: 1 + draw.below(98) as Time,
            again: draw.below(2) == 1,
            volatile: draw.weighted(&[9, 1]) == 1,
            deep: draw.weighted(&[4, 1]) == 1,
        }
    }
}

/// A random history.
pub(super) fn history(orderly: bool, draw: &mut Draw<'_>) -> Vec<Happening> {
    let mut world = World::new();
    let seeds = draw.list(1..120, Seed::draw);
    seeds.iter().for_each(|seed| if orderly { world.orderly(seed) } else { world.anything(seed) });
    world.history
}

/// A history, one event a line.
pub(super) fn counterexample(history: &[Happening]) -> String {
    let lines = history.iter().enumerate().map(|(n, what)| format!("{:>3}. {what}\n", n + 1));
    format!("In the beginning the inputs, key0 to key{}, hold {AT_FIRST}.\n{}", INPUTS - 1, lines.collect::<String>())
}

/// What the keys hold while a history is made up.
struct World {
    values: [Option<u64>; KEYS],
    definitions: [Option<u64>; KEYS],
    shapes: [Vec<(usize, bool)>; KEYS],
    dirty: DirtyModel,
    history: Vec<Happening>,
}

impl World {
    fn new() -> Self {
        World {
            values: std::array::from_fn(|n| (n < INPUTS).then_some(AT_FIRST)),
            definitions: std::array::from_fn(|n| (n % 2 == 1).then_some(50)),
            shapes: Default::default(),
            dirty: DirtyModel::default(),
            history: Vec::new(),
        }
    }

    fn tell(&mut self, step: Happening) {
        self.dirty.see(&step);
        self.history.push(step);
    }

    fn changed(&mut self, key: KeyId, value: Option<u64>, modified: Time) {
        let values = if key.is_definition() { &mut self.definitions } else { &mut self.values };
        values[key.index()] = value;
        let kind = EventKind::Changed;
        self.tell(Happening { kind, key, dependencies: Vec::new(), value, modified, volatile: false, deep: false });
    }

    fn forgotten(&mut self, key: KeyId) {
        let n = key.index();
        (self.values[n], self.definitions[n], self.shapes[n]) = (None, None, Vec::new());
        let (dependencies, kind) = (Vec::new(), EventKind::Forgotten);
        self.tell(Happening { kind, key, dependencies, value: None, modified: 0, volatile: false, deep: false });
    }

    fn owed(&mut self, key: KeyId, done: bool) {
        let (dependencies, kind) = (Vec::new(), EventKind::Detached { done });
        self.tell(Happening { kind, key, dependencies, value: None, modified: 0, volatile: false, deep: false });
    }

    /// What the seed says, whether or not a build would do that now.
    fn anything(&mut self, seed: &Seed) {
        let output = KeyId::new(INPUTS + seed.key % (KEYS - INPUTS));
        let some = (seed.value > 0).then_some(seed.value);
        match seed.choice {
            0..2 => self.owed(output, seed.again),
            2..7 => self.forgotten(KeyId::new(seed.key)),
            7..15 => self.changed(KeyId::new(seed.key % INPUTS), some, seed.modified),
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
            28..38 => self.record(EventKind::Imported, output, seed),
            38..50 => self.record(EventKind::Restored, output, seed),
            _ => self.record(EventKind::Built, output, &Seed { deep: false, ..seed.clone() }),
        }
    }

    fn record(&mut self, kind: EventKind, key: KeyId, seed: &Seed) {
        let &Seed { value, modified, volatile, deep, .. } = seed;
        let foreign = deep || kind == EventKind::Imported;
        let fresh: Vec<_> = seed.list.iter().filter(|(n, _)| *n < key.index()).copied().collect();
        let mut dependencies = Vec::new();
        if let Some(definition) = self.definitions[key.index()] {
            let fingerprint = definition.fingerprint();
            dependencies.push(Dependency::new(key.definition(), fingerprint));
        }
        let mut last = None;
        for (n, grouped) in if seed.again { self.shapes[key.index()].clone() } else { fresh.clone() } {
            let told = dependencies.iter().any(|other| other.key == KeyId::new(n));
            let held = if foreign { Some((value + n as u64) % 3) } else { self.values[n] };
            if let Some(held) = held.filter(|_| !told) {
                let grouped = grouped && last.is_some();
                dependencies.push(Dependency::new(KeyId::new(n), held.fingerprint()).with_grouped(grouped));
                last = Some(n);
            }
        }
        if !seed.again {
            self.shapes[key.index()] = fresh;
        }
        if kind != EventKind::Imported {
            self.values[key.index()] = Some(value);
        }
        self.tell(Happening { kind, key, dependencies, value: Some(value), modified, volatile, deep });
    }

    /// As a build does it: a key is built if it has to be, after what it fetches.
    fn bring(&mut self, n: usize, seed: &Seed) {
        if n < INPUTS {
            return;
        }
        if let Some(keys) = self.dirty.keys[n].clone().filter(|_| !self.dirty.dirty[n]) {
            for Fetched { key: dependency, .. } in keys {
                self.bring(dependency.index(), seed);
            }
        }
        if self.dirty.keys[n].is_none() || self.dirty.dirty[n] {
            let list = if seed.again { &self.shapes[n] } else { &seed.list };
            let below: Vec<_> = list.iter().map(|(n, _)| *n).filter(|&below| below < n).collect();
            below.into_iter().for_each(|below| self.bring(below, seed));
            let value = (seed.value + n as u64 * (seed.modified % 2)) % 5;
            let kind = if seed.deep { EventKind::Restored } else { EventKind::Built };
            self.record(
                kind,
                KeyId::new(n),
                &Seed { value, volatile: (seed.modified + n as u64).is_multiple_of(5), deep: false, ..seed.clone() },
            );
        }
    }

    fn orderly(&mut self, seed: &Seed) {
        if seed.choice < 28 { self.anything(seed) } else { self.bring(INPUTS + seed.key % (KEYS - INPUTS), seed) }
    }
}
