//! The laws of merging trees, over random ones; and merges that are wrong on purpose, each of which some law refuses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use alacarte_stores::{Conflict, Digest, Entry, Merge, Tree};

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

const NAMES: [&[u8]; 4] = [b"a", b"b", b"a-", b"\xff"];

fn file(content: usize, executable: bool) -> Entry {
    let content = [content as u8];
    Entry::File(Digest::of_file(&content[..], executable).expect("bytes are read"))
}

/// What lies in a directory of a tree.
fn entries(path: &[u8], depth: usize, random: &mut Random, into: &mut Vec<(Vec<u8>, Entry)>) {
    for name in NAMES {
        let path = if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() };
        // (What is usual is usually the same, so that many trees can be merged.)
        match random.below(12) {
            0..=4 => {}
            5..=7 => into.push((path, file(0, false))),
            8 => into.push((path, file(random.below(2), random.below(2) == 0))),
            9 => into.push((path, Entry::Link([b"a", &b".."[..]][random.below(2)].into()))),
            kind => {
                let mode = if kind == 10 && random.below(4) == 0 { 0o700 } else { 0o755 };
                into.push((path.clone(), Entry::directory(mode)));
                if depth > 0 {
                    entries(&path, depth - 1, random, into);
                }
            }
        }
    }
}

/// A tree; with the empty one, and a part of another one, among them.
fn tree(before: &[Tree], random: &mut Random) -> Tree {
    match random.below(8) {
        0 => return Tree::empty(),
        1..=4 if !before.is_empty() => {
            let other = &before[random.below(before.len())];
            let mut kept: Vec<(Vec<u8>, Entry)> = Vec::new();
            for (path, entry) in other.entries() {
                let path = path.as_os_str().as_encoded_bytes().to_vec();
                let around = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                let stands = path.is_empty() || kept.iter().any(|(kept, _)| *kept == path[..around]);
                if stands && random.below(5) > 0 {
                    kept.push((path, entry.clone()));
                }
            }
            return Tree::new(kept).expect("a part that is closed");
        }
        _ => {}
    }
    let mut all = vec![(Vec::new(), Entry::directory(if random.below(8) == 0 { 0o700 } else { 0o755 }))];
    entries(b"", 2, random, &mut all);
    Tree::new(all).expect("a tree")
}

/// A way to merge trees, each with the name of who made it.
type Merging = fn(&[(&str, &Tree)]) -> Result<Tree, Conflict>;

fn ours(parts: &[(&str, &Tree)]) -> Result<Tree, Conflict> {
    let mut merge = Merge::new();
    for (producer, tree) in parts {
        merge.add(*producer, tree)?;
    }
    Ok(merge.tree())
}

/// What is wrong with a way to merge; `None` if it keeps all laws.
fn broken_law(merging: Merging, seeds: std::ops::Range<u64>) -> Option<String> {
    let (mut merged, mut refused) = (0, 0);
    for seed in seeds {
        let random = &mut Random(seed);
        let mut trees: Vec<Tree> = Vec::new();
        for _ in 0..3 {
            trees.push(tree(&trees, random));
        }
        let [a, b, c] = &trees[..] else { unreachable!("there are three") };
        let two = |a: &Tree, b: &Tree| merging(&[("left", a), ("right", b)]);
        let all = merging(&[("one", a), ("two", b), ("three", c)]);
        let wrong = |law: &str| Some(format!("{law}, seed {seed}: {trees:#?}"));

        if two(a, b).ok() != two(b, a).ok() {
            return wrong("commutative");
        }
        let left = two(a, b).ok().and_then(|ab| two(&ab, c).ok());
        let right = two(b, c).ok().and_then(|bc| two(a, &bc).ok());
        if left != right || left != all.clone().ok() {
            return wrong("associative");
        }
        if two(a, a).as_ref() != Ok(a) {
            return wrong("idempotent");
        }
        if two(a, &Tree::empty()).as_ref() != Ok(a) || two(&Tree::empty(), a).as_ref() != Ok(a) {
            return wrong("the empty tree is its unit");
        }
        if trees.iter().any(|one| trees.iter().any(|other| (one == other) != (one.digest() == other.digest()))) {
            return wrong("equal digests are those of equal trees");
        }

        // By what each tree says of each path.
        let named: Vec<_> = ["one", "two", "three"].into_iter().zip(&trees).collect();
        let paths: BTreeSet<PathBuf> = trees.iter().flat_map(Tree::entries).map(|(path, _)| path.to_owned()).collect();
        let said = |path: &PathBuf| trees.iter().filter_map(|tree| tree.get(path)).collect::<Vec<_>>();
        let disputed: Vec<&PathBuf> = paths.iter().filter(|path| said(path).windows(2).any(|w| w[0] != w[1])).collect();
        match all {
            Ok(tree) => {
                merged += 1;
                if !disputed.is_empty() {
                    return wrong("unequal duplicates are an error");
                }
                if paths.iter().any(|path| tree.get(path) != said(path).first().copied())
                    || tree.entries().len() != paths.len()
                {
                    return wrong("it holds what each of them holds, and nothing else");
                }
            }
            Err(Conflict { path, producers, entries, .. }) => {
                refused += 1;
                let theirs = producers.iter().zip(entries.iter()).all(|(producer, entry)| {
                    named.iter().any(|(name, tree)| name == producer && tree.get(&path) == Some(entry))
                });
                if !disputed.contains(&&path) || entries[0] == entries[1] || !theirs {
                    return wrong("an error names what is disputed, and by whom");
                }
            }
        }
        if let (Err(one), Err(other)) = (two(a, b), two(b, a))
            && (one.path != other.path || one.entries[0] != other.entries[1] || one.entries[1] != other.entries[0])
        {
            return wrong("an error is the same in either order");
        }
    }
    assert!(merged > 100 && refused > 100, "both happen: {merged} were merged, {refused} refused");
    None
}

#[test]
fn trees_are_merged_by_the_laws_of_a_union() {
    assert_eq!(broken_law(ours, 0..4000), None);
}

#[test]
fn a_conflict_names_the_path_both_producers_and_both_digests() {
    let directory = Entry::directory(0o755);
    let of = |name: &[u8], entry: Entry| Tree::new([(&b""[..], directory.clone()), (name, entry)]).expect("a tree");
    let kinds = [file(0, false), file(1, false), file(0, true), Entry::Link(b"x"[..].into()), directory.clone()];
    for (at, one) in kinds.iter().enumerate() {
        for (other_at, other) in kinds.iter().enumerate() {
            let (first, second) = (of(b"x", one.clone()), of(b"x", other.clone()));
            let merged = ours(&[("out/a/", &first), ("out/b/", &second)]);
            assert_eq!(merged.is_ok(), at == other_at, "{one} {other}");
            let Err(conflict) = merged else { continue };
            let said = conflict.to_string();
            for part in ["x is ", "out/a/", "out/b/", &format!("{:?}", one.digest()), &format!("{:?}", other.digest())]
            {
                assert!(said.contains(part), "{part} in {said}");
            }
        }
    }
    let closed = Tree::new([("", Entry::directory(0o700))]).expect("a tree");
    let said = ours(&[("a/", &closed), ("b/", &of(b"x", file(0, false)))]).expect_err("another mode").to_string();
    assert!(said.starts_with(". is the directory"), "{said}");
}

/// All entries, where one of two at a path is chosen.
fn choosing(parts: &[(&str, &Tree)], choose: impl Fn(&Entry, &Entry) -> bool) -> Tree {
    let mut chosen = std::collections::BTreeMap::<Vec<u8>, Entry>::new();
    for (_, tree) in parts {
        for (path, entry) in tree.entries() {
            let path = path.as_os_str().as_encoded_bytes().to_vec();
            if chosen.get(&path).is_none_or(|other| choose(other, entry)) {
                chosen.insert(path, entry.clone());
            }
        }
    }
    // What lies beneath a file is swallowed by it.
    let mut kept: Vec<(Vec<u8>, Entry)> = Vec::new();
    for (path, entry) in &chosen {
        let around = &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)];
        let stands = kept.iter().any(|(kept, entry)| kept == around && matches!(entry, Entry::Directory(_)));
        if path.is_empty() || stands {
            kept.push((path.clone(), entry.clone()));
        }
    }
    Tree::new(kept).expect("a tree")
}

#[test]
fn merges_that_are_wrong_on_purpose_are_refused() {
    let broken: [(&str, Merging, &str); 5] = [
        ("the last wins", |parts| Ok(choosing(parts, |_, _| true)), "unequal duplicates"),
        ("the first wins", |parts| Ok(choosing(parts, |_, _| false)), "unequal duplicates"),
        ("the larger digest wins", |parts| Ok(choosing(parts, |a, b| b.digest() > a.digest())), "unequal duplicates"),
        (
            "who may read or execute it is ignored",
            |parts| {
                let alike = |a: &Entry, b: &Entry| match (a, b) {
                    (Entry::Directory(_), Entry::Directory(_)) => true,
                    (Entry::File(_), Entry::File(_)) => (0..2).any(|content| {
                        let modes = [file(content, false), file(content, true)];
                        modes.contains(a) && modes.contains(b)
                    }),
                    _ => a == b,
                };
                // As ours does, if what is alike is made equal first; that with the larger digest stays.
                let mut merge = Merge::new();
                let chosen = choosing(parts, |a, b| alike(a, b) && b.digest() > a.digest());
                let alike_parts: Vec<Tree> = parts
                    .iter()
                    .map(|(_, tree)| {
                        let entries = tree.entries().map(|(path, entry)| {
                            let other = chosen.get(path).filter(|other| alike(other, entry)).unwrap_or(entry);
                            (path.as_os_str().as_encoded_bytes().to_vec(), other.clone())
                        });
                        Tree::new(entries).expect("a tree")
                    })
                    .collect();
                for ((producer, _), tree) in parts.iter().zip(&alike_parts) {
                    merge.add(*producer, tree)?;
                }
                Ok(merge.tree())
            },
            "unequal duplicates",
        ),
        (
            "a file swallows a directory",
            |parts| {
                let rank = |entry: &Entry| usize::from(!matches!(entry, Entry::Directory(_)));
                let swallowed = choosing(parts, |a, b| rank(b) > rank(a));
                match ours(parts) {
                    Err(conflict) if rank(&conflict.entries[0]) != rank(&conflict.entries[1]) => Ok(swallowed),
                    merged => merged,
                }
            },
            "associative",
        ),
    ];
    for (what, merging, law) in broken {
        let said = broken_law(merging, 0..4000).unwrap_or_else(|| panic!("{what}, and no law refuses it"));
        assert!(said.starts_with(law), "{what}: {said}");
    }
}
