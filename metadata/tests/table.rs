//! The packed table of traces, beside plain lists: after every push both say the same.

use std::collections::VecDeque;

use alacarte_core::{Dependency, Fingerprint, KeyId};
use alacarte_metadata::{Trace, TraceTable};

/// One trace, as plain as can be.
#[derive(Clone, PartialEq, Debug)]
struct Plain {
    fingerprint: Fingerprint,
    extra: [u32; 3],
    dependencies: Vec<Dependency>,
}

/// Numbers that look random, and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % n
    }

    /// Fingerprints that differ in their lower half, in their upper half, or so that the halves of both are equal.
    fn fingerprint(&mut self) -> Fingerprint {
        let (low, high) = ([0, 1, 3 << 7][self.below(3)], [0, 1, 3 << 7][self.below(3)]);
        Fingerprint(low | high << 32)
    }

    fn dependencies(&mut self, most: usize) -> Vec<Dependency> {
        let list = (0..self.below(most + 1)).map(|position| {
            let key = KeyId::new(self.below(3));
            let key = if position == 0 && self.below(2) == 0 { key.definition() } else { key };
            Dependency::new(key, self.fingerprint()).with_grouped(position > 0 && self.below(2) == 0)
        });
        list.collect()
    }
}

/// Whether a table says of a key what the list does.
fn same(table: &TraceTable<3>, key: KeyId, list: &VecDeque<Plain>) {
    let kept: Vec<Trace<'_, 3>> = table.of(key).collect();
    assert_eq!(kept.len(), list.len(), "{key:?}");
    assert_eq!(table.newest(key).map(|trace| trace.extra()), list.front().map(|plain| plain.extra));
    for (trace, plain) in kept.iter().zip(list) {
        assert_eq!((trace.fingerprint(), trace.extra()), (plain.fingerprint, plain.extra));
        assert_eq!((trace.len(), trace.is_empty()), (plain.dependencies.len(), plain.dependencies.is_empty()));
        assert_eq!(trace.dependencies().len(), trace.len());
        for (position, (told, plain)) in trace.dependencies().zip(&plain.dependencies).enumerate() {
            assert_eq!(told, *plain);
            assert_eq!((trace.key(position), trace.is_grouped(position)), (plain.key, plain.grouped));
        }
        assert!(table.find(key, plain.fingerprint, &plain.dependencies).is_some());
        for wrong in [1, 1 << 60] {
            assert!(table.find(key, Fingerprint(plain.fingerprint.0 ^ wrong << 2), &plain.dependencies).is_none());
        }
    }
}

/// Pushes many traces: of so many keys, no more than `bound` a key, with at most so many dependencies.
fn push(pushes: u32, keys: usize, bound: usize, most: usize) {
    let mut random = Random(u64::from(pushes) + bound as u64);
    let mut table = TraceTable::<3>::new(bound);
    let mut lists = vec![VecDeque::<Plain>::new(); keys];
    for number in 0..pushes {
        let extra = [number, number ^ 7, !number];
        let key = random.below(keys);
        let list = &mut lists[key];
        // Often one that is there, or nearly: in another order, shorter, of another result.
        let mut plain = Plain { fingerprint: random.fingerprint(), extra, dependencies: random.dependencies(most) };
        if let Some(known) = (!list.is_empty()).then(|| list[random.below(list.len())].clone()) {
            match random.below(6) {
                0 => plain = Plain { extra, ..known },
                1 => plain.dependencies = known.dependencies,
                2 => {
                    plain = Plain {
                        extra,
                        dependencies: known.dependencies[..known.dependencies.len() / 2].to_vec(),
                        ..known
                    }
                }
                3 if known.dependencies.len() > 1 => {
                    plain = Plain { extra, ..known };
                    let last = plain.dependencies.len() - 1;
                    plain.dependencies[last].grouped ^= true;
                }
                _ => {}
            }
        }
        let equal =
            |other: &Plain| (other.fingerprint, &other.dependencies) == (plain.fingerprint, &plain.dependencies);
        let expected = match list.iter().position(equal) {
            Some(at) => {
                let known = list.remove(at).expect("it is there");
                list.push_front(known);
                "Known".to_owned()
            }
            None => {
                list.push_front(plain.clone());
                let gone = (list.len() > bound).then(|| list.pop_back()).flatten();
                gone.map_or("New".into(), |gone| format!("Replaced({:?})", gone.extra))
            }
        };
        let id = KeyId::new(key);
        let pushed = table.push(id, plain.fingerprint, plain.extra, &plain.dependencies);
        assert_eq!(format!("{pushed:?}"), expected);
        same(&table, id, list);
        if number % 512 == 0 {
            (0..keys).for_each(|key| same(&table, KeyId::new(key), &lists[key]));
        }
    }
    (0..keys).for_each(|key| same(&table, KeyId::new(key), &lists[key]));
    assert!(table.newest(KeyId::new(keys)).is_none() && table.newest(KeyId::new(keys + 1000)).is_none());
}

#[test]
fn a_table_says_what_lists_say() {
    push(4_000, 7, 3, 4);
    push(500, 2, 1, 3);
    push(500, 1, 32, 2);
}

/// Long traces fill pages, leave holes, and are packed.
#[test]
fn a_table_of_several_pages_says_what_lists_say() {
    push(1_500, 40, 2, 600);
    push(1_500, 40, 2, 800);
}

/// One trace in a page of its own, and those after it.
#[test]
fn a_trace_may_be_longer_than_a_page() {
    let mut table = TraceTable::<0>::new(2);
    let dependencies: Vec<Dependency> =
        (0..40_000).map(|n| Dependency::new(KeyId::new(n), Fingerprint(n as u64)).with_grouped(n % 3 > 0)).collect();
    for (key, length) in [(0, 40_000), (1, 3), (2, 39_999), (3, 10), (1, 4)] {
        table.push(KeyId::new(key), Fingerprint(length as u64), [], &dependencies[..length]);
    }
    for (key, length) in [(0, 40_000), (1, 4), (2, 39_999), (3, 10)] {
        let newest = table.newest(KeyId::new(key)).expect("a trace");
        assert!(newest.dependencies().eq(dependencies[..length].iter().copied()));
    }
    assert_eq!(table.of(KeyId::new(1)).map(|trace| trace.len()).collect::<Vec<_>>(), [4, 3]);
}

/// What memory a table takes is what its traces take, and where each of them is as long as the one it replaces, no hole
/// is left.
#[test]
fn words_are_used_again() {
    let list = |round: u64, length: usize| -> Vec<Dependency> {
        let dependency = |n| Dependency::new(KeyId::new(n), Fingerprint(round));
        (0..length).map(dependency).collect()
    };
    let mut whole = TraceTable::<0>::new(2);
    for round in 0..100 {
        for key in 0..10 {
            whole.push(KeyId::new(key), Fingerprint(round), [], &list(round, 5));
        }
    }
    // Length, result, a key and a fingerprint a dependency; the first of a key has no word for a link and leaves a hole.
    assert_eq!(whole.words(), 10 * ((3 + 15) + 2 * (1 + 3 + 15)));
    let mut single = TraceTable::<0>::new(1);
    for round in 0..100 {
        single.push(KeyId::new(0), Fingerprint(round), [], &list(round, 5));
    }
    assert_eq!(single.words(), 3 + 15, "a trace that is alone needs no link");
    // Traces that do not fit leave holes, which are packed away when they are half of what there is, and not before.
    let mut changing = TraceTable::<0>::new(1);
    let mut most = 0;
    for round in 0..2_000 {
        changing.push(KeyId::new(0), Fingerprint(round), [], &list(round, 200 + round as usize % 2));
        most = most.max(changing.words());
    }
    let (trace, page) = (3 + 3 * 201, 1 << 16);
    assert!(most > page && most <= page + 3 * trace, "{most}");
}

#[test]
#[should_panic(expected = "a key keeps 1 to 32 traces, not 0")]
fn a_table_keeps_something() {
    TraceTable::<0>::new(0);
}

#[test]
#[should_panic(expected = "a key keeps 1 to 32 traces, not 33")]
fn a_table_keeps_no_more_than_a_cursor_can_tell_apart() {
    TraceTable::<0>::new(33);
}

#[test]
#[should_panic(expected = "a trace of 1 dependencies has none at 1")]
fn a_trace_has_no_more_dependencies_than_it_has() {
    let mut table = TraceTable::<0>::new(1);
    let one = Dependency::new(KeyId::new(0), Fingerprint(0));
    table.push(KeyId::new(0), Fingerprint(0), [], &[one]);
    table.newest(KeyId::new(0)).expect("a trace").dependency(1);
}
