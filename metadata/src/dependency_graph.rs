//! The dependency graph: what each key fetched when it was last built, and the reverse.
//!
//! Reverse edges carry the *version* of the list that they belong to. When a key's dependencies change, its
//! version moves on and its old reverse edges lapse where they lie; they are cleared away when their list next
//! has to grow, after which at least half of it is free. So an edge that flips costs what the key fetches, however many
//! others depend on the same key.

use alacarte_core::{Event, Fetched, KeyId, MetadataUpdater, count_steps};

use crate::column::{Column, give_back};

const GROUPED: u32 = 1 << 31;

fn fetched(raw: u32) -> Fetched {
    Fetched::new(KeyId::from_raw(raw)).with_grouped(raw & GROUPED != 0)
}

/// Contract: `dependencies(k)` is what the last `Built` or `Restored` event of `k` recorded, in order, without
/// definitions; `d` is among `dependents(k)` exactly once if `k` is among `dependencies(d)`, and not otherwise. Of a key
/// that was forgotten, or that fetched one, nothing is known until it is built again.
///
/// ```
/// use alacarte::Fetched;
/// use alacarte::metadata::DependencyGraph;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", task(async |fetch| if fetch.get("A").await? > 0 { fetch.get("X").await } else { Ok(0) }));
/// let inputs = Memory::from([("A", 1), ("X", 7)]);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Suspending::new()).with_rebuilder(ModificationTime);
/// let [a, b, x] = ["A", "B", "X"].map(|key| build.intern(key));
/// build.run(["B"])?;
/// let graph = build.metadata().get::<DependencyGraph>().unwrap();
/// assert_eq!(graph.dependencies(b).unwrap().collect::<Vec<_>>(), [a, x].map(Fetched::new));
/// assert_eq!(graph.dependents(x).collect::<Vec<_>>(), [b]);
///
/// build.set("A", 0)?;
/// build.run(["B"])?;
/// let graph = build.metadata().get::<DependencyGraph>().unwrap();
/// assert_eq!(graph.dependents(x).next(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct DependencyGraph {
    forward: Column<List>,
    reverse: Column<Vec<(KeyId, u32)>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct List {
    known: bool,
    version: u32,
    keys: Box<[u32]>,
}

impl DependencyGraph {
    /// What the key fetched last, in order; `None` if it was never built.
    pub fn dependencies(&self, key: KeyId) -> Option<impl ExactSizeIterator<Item = Fetched> + '_> {
        let list = self.forward.get(key).filter(|list| list.known)?;
        Some(list.keys.iter().map(|&raw| fetched(raw)))
    }

    /// Whether the key was ever built.
    pub fn knows(&self, key: KeyId) -> bool {
        self.forward.get(key).is_some_and(|list| list.known)
    }

    /// The key at this place of what the key fetched last.
    pub fn dependency(&self, key: KeyId, position: usize) -> Option<Fetched> {
        self.forward.get(key)?.keys.get(position).map(|&raw| fetched(raw))
    }

    /// The key at this place of what `key` fetched last, and those that were fetched together with it.
    pub fn group(&self, key: KeyId, position: usize) -> impl Iterator<Item = KeyId> + '_ {
        let from_here = self.forward.get(key).and_then(|list| list.keys.get(position..)).unwrap_or_default();
        let fetched = from_here.iter().map(|&raw| fetched(raw)).enumerate();
        fetched.map_while(|(place, Fetched { key, grouped, .. })| (place == 0 || grouped).then_some(key))
    }

    /// The keys that fetched this one when they were last built.
    pub fn dependents(&self, key: KeyId) -> impl Iterator<Item = KeyId> + '_ {
        let edges = self.reverse.get(key).map_or(&[] as &[_], Vec::as_slice);
        edges.iter().filter(|edge| self.is_valid(edge)).map(|&(dependent, _)| dependent)
    }

    /// Forgets these keys, and what each key fetched that fetched one of them; those that remain of the latter.
    pub(crate) fn forget(&mut self, keys: &[KeyId]) -> Vec<KeyId> {
        let mut orphans: Vec<KeyId> = keys.iter().flat_map(|&key| self.dependents(key)).collect();
        orphans.sort_unstable();
        orphans.dedup();
        orphans.retain(|orphan| keys.binary_search(orphan).is_err());
        for &orphan in &orphans {
            let list = self.forward.at(orphan);
            *list = List { known: false, version: list.version + 1, keys: Box::default() };
        }
        // The next key with such a number begins with the first version again: no edge of another one may be left.
        let forward = &self.forward;
        for edges in self.reverse.all() {
            edges.retain(|&(dependent, version)| {
                is_valid(forward, dependent, version) && keys.binary_search(&dependent).is_err()
            });
            give_back(edges);
        }
        self.forward.forget(keys);
        self.reverse.forget(keys);
        orphans
    }

    fn is_valid(&self, &(dependent, version): &(KeyId, u32)) -> bool {
        is_valid(&self.forward, dependent, version)
    }

    fn record(&mut self, key: KeyId, fetched: impl Iterator<Item = u32> + Clone) {
        let list = self.forward.at(key);
        if list.known && list.keys.iter().copied().eq(fetched.clone()) {
            return;
        }
        list.known = true;
        if list.version == u32::MAX {
            // The numbers are used again: no edge of an earlier version may be left.
            list.version = 0;
            self.reverse.all().for_each(|edges| edges.retain(|&(dependent, _)| dependent != key));
        }
        let list = self.forward.at(key);
        list.version += 1;
        list.keys = fetched.collect();
        let version = list.version;
        for position in 0..list_len(&self.forward, key) {
            let Some(Fetched { key: dependency, .. }) = self.dependency(key, position) else { continue };
            let forward = &self.forward;
            let edges = self.reverse.at(dependency);
            if edges.len() == edges.capacity() {
                count_steps(edges.len());
                edges.retain(|&(dependent, version)| is_valid(forward, dependent, version));
                // As many new ones pay for the next look; a few that have lapsed again and again need no more room.
                edges.reserve(edges.len());
            }
            edges.push((key, version));
        }
    }
}

fn list_len(forward: &Column<List>, key: KeyId) -> usize {
    forward.get(key).map_or(0, |list| list.keys.len())
}

fn is_valid(forward: &Column<List>, dependent: KeyId, version: u32) -> bool {
    forward.get(dependent).is_some_and(|list| list.version == version)
}

impl MetadataUpdater for DependencyGraph {
    fn apply(&mut self, event: &Event<'_>) {
        if let Event::Forgotten { keys } = event {
            self.forget(keys);
        }
        if let Event::Built(record) | Event::Restored(record) = event {
            let fetched = record.dependencies.iter().filter(|dependency| !dependency.key.is_definition());
            let raw = fetched.map(|dependency| dependency.key.to_raw() | if dependency.grouped { GROUPED } else { 0 });
            self.record(record.key, raw);
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.dependencies(key).into_iter().flatten().for_each(|fetched| each(fetched.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::{Dependency, Fingerprint, Record};
    use std::collections::BTreeSet;

    fn built(graph: &mut DependencyGraph, key: usize, on: &[usize]) {
        let dependencies: Vec<_> = on.iter().map(|&key| Dependency::new(KeyId::new(key), Fingerprint(0))).collect();
        let record = Record::new(KeyId::new(key), &dependencies, Fingerprint(0), &(), &());
        graph.apply(&Event::Built(record).untyped());
    }

    #[test]
    fn a_key_with_the_number_of_one_that_was_forgotten_has_none_of_its_edges() {
        let ids = |keys: &[usize]| keys.iter().map(|&key| KeyId::new(key)).collect::<Vec<_>>();
        let mut graph = DependencyGraph::default();
        built(&mut graph, 3, &[0, 1]);
        built(&mut graph, 4, &[0, 3]);
        built(&mut graph, 5, &[1]);
        assert_eq!(graph.forget(&ids(&[3])), ids(&[4]));
        let dependents = |graph: &DependencyGraph, key| graph.dependents(KeyId::new(key)).collect::<Vec<_>>();
        assert_eq!([0, 1, 3].map(|key| dependents(&graph, key)), [ids(&[]), ids(&[5]), ids(&[])]);
        built(&mut graph, 3, &[2]);
        built(&mut graph, 4, &[2]);
        assert_eq!([0, 1, 2].map(|key| dependents(&graph, key)), [ids(&[]), ids(&[5]), ids(&[3, 4])]);
    }

    #[test]
    fn reverse_edges_mirror_forward_edges_through_flips() {
        let mut graph = DependencyGraph::default();
        let mut model = vec![Vec::new(); 40];
        let mut random = 1_u64;
        for _ in 0..4_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (random >> 33) as usize % 40;
            let mut on: Vec<usize> = (0..5).map(|n| (random >> (n * 7 + 20)) as usize % 40).collect();
            on.sort_unstable();
            on.dedup();
            built(&mut graph, key, &on);
            model[key] = on;
        }
        let mut edges = 0;
        for key in 0..40 {
            let dependents: Vec<_> = graph.dependents(KeyId::new(key)).map(KeyId::index).collect();
            let expected: BTreeSet<_> = (0..40).filter(|&other| model[other].contains(&key)).collect();
            assert_eq!(dependents.len(), expected.len(), "no dependent is told twice");
            assert_eq!(dependents.into_iter().collect::<BTreeSet<_>>(), expected);
            edges += graph.reverse.get(KeyId::new(key)).map_or(0, Vec::len);
        }
        assert!(edges < 40 * 40 * 4, "lapsed edges are cleared away: {edges} are left");
    }

    /// Lists are numbered, and the numbers end.
    #[test]
    fn edges_lapse_however_often_a_list_was_changed() {
        let mut graph = DependencyGraph::default();
        built(&mut graph, 5, &[1]);
        built(&mut graph, 6, &[1]);
        graph.forward.at(KeyId::new(5)).version = u32::MAX - 2;
        for round in 0..6 {
            let (on, off) = if round % 2 == 0 { (2, 3) } else { (3, 2) };
            built(&mut graph, 5, &[on]);
            let dependents = |key| graph.dependents(KeyId::new(key)).map(KeyId::index).collect::<Vec<_>>();
            assert_eq!((dependents(on), dependents(off), dependents(1)), (vec![5], vec![], vec![6]), "round {round}");
        }
    }

    /// A flip costs what the key fetches, however many others fetch the same.
    #[test]
    fn lapsed_edges_lie_where_they_are_until_their_list_has_to_grow() {
        let mut graph = DependencyGraph::default();
        let edges = |graph: &DependencyGraph| graph.reverse.get(KeyId::new(0)).map_or(0, Vec::len);
        (2..9).for_each(|key| built(&mut graph, key, &[0]));
        let room = graph.reverse.get(KeyId::new(0)).map_or(0, Vec::capacity);
        assert!(edges(&graph) < room);
        for expected in edges(&graph) + 1..=room {
            built(&mut graph, 2, &[1]);
            built(&mut graph, 2, &[0]);
            assert_eq!((edges(&graph), graph.dependents(KeyId::new(0)).count()), (expected, 7));
        }
        built(&mut graph, 2, &[1]);
        built(&mut graph, 2, &[0]);
        assert_eq!(edges(&graph), 7, "room for one more was made where the lapsed ones lay");
    }

    #[test]
    fn among_many_that_fetch_the_same_a_flip_costs_little() {
        let mut graph = DependencyGraph::default();
        // As many as there is room for: it is the next that looks for lapsed ones.
        (2..2 + 1024).for_each(|key| built(&mut graph, key, &[0]));
        let (flips, before) = (2048, alacarte_core::steps_taken());
        for _ in 0..flips {
            built(&mut graph, 2, &[1]);
            built(&mut graph, 2, &[0]);
        }
        let steps = alacarte_core::steps_taken() - before;
        assert!(steps <= 4 * flips, "{steps} steps for {flips} flips");
        // And few take no more room than they need, however often one of them flips.
        let mut graph = DependencyGraph::default();
        for _ in 0..flips {
            built(&mut graph, 2, &[1]);
            built(&mut graph, 2, &[0]);
        }
        let room = [0, 1].map(|key| graph.reverse.get(KeyId::new(key)).map_or(0, Vec::capacity));
        assert!(room.iter().all(|&room| room <= 8), "{room:?}");
    }
}
