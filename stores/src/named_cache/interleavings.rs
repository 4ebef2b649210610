//! Every interleaving of a few commands that share a cache, beside a model of it: what each finds, and what is published in the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{NamedCache, PrivateCopy, named_caches};

/// What a cache holds.
type Entries = BTreeMap<String, String>;

/// What a command does with its private copy.
type Edit = fn(&mut Entries, &str);

const EDITS: [Edit; 5] = [
    |entries, me| put(entries, "a", me),
    |entries, me| put(entries, "d/b", me),
    |entries, me| {
        put(entries, "a", me);
        put(entries, "d/b", me);
    },
    |entries, me| {
        entries.remove("a");
        put(entries, "c", me);
    },
    // A directory where others have a file, and the other way round.
    |entries, me| {
        put(entries, "a/x", me);
        put(entries, "d", me);
    },
];

fn put(entries: &mut Entries, name: &str, text: &str) {
    entries.retain(|other, _| !inside(other, name) && !inside(name, other));
    entries.insert(name.into(), text.into());
}

/// Whether a name is that of a directory in which the other one lies.
fn inside(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Publishes,
    /// It fails, or is killed, before.
    Dies,
    /// It is killed when it has published one entry.
    DiesAmid,
}

/// Where a command is named first it begins, and where it is named again it ends. `None` clears the cache.
type Schedule = Vec<Option<usize>>;

fn schedules(commands: usize, clears: bool) -> Vec<Schedule> {
    let mut all = Vec::new();
    let mut left: Vec<usize> = vec![2; commands];
    fn extend(schedule: &mut Schedule, left: &mut [usize], clears: bool, all: &mut Vec<Schedule>) {
        if left.iter().all(|left| *left == 0) && !clears {
            all.push(schedule.clone());
        }
        for command in 0..left.len() {
            if left[command] > 0 {
                left[command] -= 1;
                schedule.push(Some(command));
                extend(schedule, left, clears, all);
                schedule.pop();
                left[command] += 1;
            }
        }
        if clears {
            schedule.push(None);
            extend(schedule, left, false, all);
            schedule.pop();
        }
    }
    extend(&mut Vec::new(), &mut left, clears, &mut all);
    all
}

fn read(directory: &Path) -> Entries {
    let mut entries = Entries::new();
    let mut open = vec![directory.to_owned()];
    while let Some(listed) = open.pop() {
        for entry in fs::read_dir(listed).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
                continue;
            }
            let name = entry.path().strip_prefix(directory).expect("below").to_string_lossy().into_owned();
            entries.insert(name, fs::read_to_string(entry.path()).expect("read"));
        }
    }
    entries
}

/// Makes a directory hold these, as a tool does: what stays what it was is not written.
fn rewrite(directory: &Path, entries: &Entries) {
    let before = read(directory);
    for name in before.keys().filter(|name| !entries.contains_key(*name)) {
        fs::remove_file(directory.join(name)).expect("removed");
    }
    for (name, text) in entries.iter().filter(|(name, text)| before.get(*name) != Some(text)) {
        let path = directory.join(name);
        if path.is_dir() {
            fs::remove_dir(&path).expect("it is empty");
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
}

/// Whether an entry can be there beside the others: a name is not a file and a directory at once.
fn fits(entries: &Entries, name: &str) -> bool {
    !entries.keys().any(|other| inside(other, name) || inside(name, other))
}

/// The model: what may be published when these were, and a command that began with `base` ends with `mine`. Which of several entries a
/// process was about to publish when it was killed nobody knows. (A directory that was made stays, and so no file takes its name.)
fn outcomes(published: &Entries, directories: &[String], base: &Entries, mine: &Entries, end: End) -> Vec<Entries> {
    let wins = |name: &&String| {
        published.get(*name) == base.get(*name) && fits(published, name) && !directories.contains(name)
    };
    let changed = mine.iter().filter(|(name, text)| base.get(*name) != Some(text)).map(|(name, _)| name);
    let won: Vec<&String> = changed.filter(wins).collect();
    let with = |names: &[&String]| {
        let mut after = published.clone();
        after.extend(names.iter().map(|name| ((*name).clone(), mine[*name].clone())));
        after
    };
    match end {
        End::Dies => vec![published.clone()],
        End::Publishes => vec![with(&won)],
        End::DiesAmid if won.is_empty() => vec![published.clone()],
        End::DiesAmid => won.iter().map(|name| with(&[*name])).collect(),
    }
}

fn play(schedule: &Schedule, edits: &[usize], ends: &[End]) {
    let told = format!("{schedule:?}, edits {edits:?}, {ends:?}");
    // (In memory, where the machine has such a place: thousands are played.)
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    let root = directory.path();
    let cache = NamedCache::new(root, &"r/tool".parse().expect("a name"), root);
    let take = || {
        let copy = cache.take(&root.join("elsewhere")).expect("taken");
        assert_eq!(copy.trouble(), None, "{told}");
        copy
    };
    let first = take();
    fs::write(first.path().join("a"), "first").expect("written");
    assert_eq!(first.publish().added, 1);
    let mut published = Entries::from([("a".into(), "first".into())]);
    let mut directories: Vec<String> = Vec::new();
    let mut running: BTreeMap<usize, (PrivateCopy, Entries, Entries)> = BTreeMap::new();
    for step in schedule {
        let Some(command) = *step else {
            for held in named_caches(root).expect("listed") {
                held.clear().expect("cleared");
            }
            (published, directories) = (Entries::new(), Vec::new());
            assert_eq!(read(&cache.entries()), published, "{told}");
            continue;
        };
        let Some((copy, base, mine)) = running.remove(&command) else {
            let copy = take();
            let base = read(copy.path());
            assert_eq!(base, published, "{told}: a command has what is published");
            let mut mine = base.clone();
            EDITS[edits[command]](&mut mine, &command.to_string());
            rewrite(copy.path(), &mine);
            running.insert(command, (copy, base, mine));
            continue;
        };
        let may = outcomes(&published, &directories, &base, &mine, ends[command]);
        match ends[command] {
            End::Publishes => drop(copy.publish()),
            End::Dies => drop(copy),
            End::DiesAmid => drop(copy.publish_at_most(1)),
        }
        published = read(&cache.entries());
        assert!(may.contains(&published), "{told}: {published:?} and not one of {may:?}");
        directories.extend(published.keys().filter_map(|name| Some(name.split_once('/')?.0.to_owned())));
        // What it changed and did not publish may have made its directory all the same.
        directories.extend(
            mine.keys()
                .filter_map(|name| Some(name.split_once('/')?.0.to_owned()))
                .filter(|name| cache.entries().join(name).is_dir()),
        );
    }
    assert_eq!(fs::read_dir(cache.underway()).expect("listed").count(), 0, "{told}: something is left behind");
}

fn pairs(each: impl Fn([usize; 2])) {
    (0..EDITS.len()).for_each(|one| (0..EDITS.len()).for_each(|other| each([one, other])));
}

#[test]
fn two_commands_in_every_order_with_every_end() {
    let all = schedules(2, false);
    assert_eq!(all.len(), 6);
    let ends = [End::Publishes, End::Dies, End::DiesAmid];
    for schedule in &all {
        for ends in ends.into_iter().flat_map(|first| ends.map(|second| [first, second])) {
            pairs(|edits| play(schedule, &edits, &ends));
        }
    }
}

#[test]
fn two_commands_in_every_order_and_the_cache_cleared_at_every_moment() {
    let all = schedules(2, true);
    assert_eq!(all.len(), 6 * 5);
    for schedule in &all {
        pairs(|edits| play(schedule, &edits, &[End::Publishes; 2]));
    }
}

#[test]
fn three_commands_in_every_order() {
    let all = schedules(3, false);
    assert_eq!(all.len(), 90);
    for schedule in all {
        for edits in [[0, 1, 2], [0, 0, 0], [2, 3, 0], [1, 4, 2]] {
            play(&schedule, &edits, &[End::Publishes; 3]);
        }
    }
}
