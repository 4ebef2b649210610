//! What a build remembers is damaged between two builds, some of them of a part: cut, flipped, filled with noise, its parts lost, doubled and exchanged, put back as it was earlier.
//! Then the next build ends as a clean build does all the same, or says what is the matter and the one after it does; and the one after that has nothing
//! to do.

#[path = "common/manifests.rs"]
mod manifests;
#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use manifests::{How, SOURCES, as_clean, build, edit, manifest};
use random::Random;

/// All files below a directory, and what they hold.
fn remembered(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![directory.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                found.insert(path, bytes);
            }
        }
    }
    found
}

/// Where records begin: each is a frame with this mark.
fn records(bytes: &[u8]) -> Vec<usize> {
    let begin = bytes.windows(2).enumerate().filter(|(_, mark)| *mark == [0xA1, 0xCD]).map(|(at, _)| at);
    begin.chain([bytes.len()]).collect()
}

/// Damages a file in one way. `earlier` is what it held before the last build. What was done, in words.
fn damage(random: &mut Random, bytes: &mut Vec<u8>, earlier: Option<&Vec<u8>>) -> String {
    let records = records(bytes);
    let mut record = || {
        let at = random.below(records.len().saturating_sub(1));
        (records[at], records.get(at + 1).copied().unwrap_or(records[at]))
    };
    let ((from, to), (other, end)) = (record(), record());
    let length = bytes.len();
    let what = random.below(9);
    match what {
        0 => bytes.truncate(random.below(length)),
        1 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
        2 => drop(bytes.drain(from..to)),
        3 => {
            let twice = bytes[from..to].to_vec();
            bytes.extend(twice);
        }
        4 if to <= other => {
            let exchanged = [&bytes[other..end], &bytes[to..other], &bytes[from..to]].concat();
            bytes.splice(from..end, exchanged);
        }
        5 => {
            let (begin, end) = (random.below(length), random.below(length));
            bytes[begin.min(end)..begin.max(end)].fill(0);
        }
        6 => bytes.clear(),
        7 => *bytes = earlier.cloned().unwrap_or_default(),
        _ => bytes.iter_mut().for_each(|byte| *byte = random.below(256) as u8),
    }
    format!("{what}: {from}..{to}, {other}..{end} of {length}")
}

/// So many histories; more are asked for by `FAULTS`.
fn histories() -> u64 {
    std::env::var("FAULTS").ok().and_then(|number| number.parse().ok()).unwrap_or(48)
}

#[test]
fn damage_to_what_is_remembered_is_never_a_wrong_output() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let schedulers = ["suspending", "restarting", "topological", "bottom-up"];
    let rebuilders = ["verifying-trace", "constructive-trace", "dirty-bit", "deep-constructive-trace", "step-trace"];
    let mut damaged = 0;
    for seed in 0..histories() {
        let mut random = Random(seed ^ 0xFA);
        let combination = [schedulers[seed as usize % 4], rebuilders[seed as usize / 2 % 5]];
        let deep = combination[1] == "deep-constructive-trace";
        let place = tempfile::tempdir().expect("a directory");
        let place = place.path();
        let text = manifest(&mut random);
        fs::write(place.join("build.ninja"), &text).expect("written");
        (0..SOURCES).for_each(|number| fs::write(place.join(format!("s{number}")), "a").expect("written"));
        let mut told = vec![format!("seed {seed}, {combination:?}\n{text}")];
        let mut earlier = BTreeMap::new();
        runtime.block_on(build(place, combination, How::Really));
        for _ in 0..4 {
            std::thread::sleep(std::time::Duration::from_millis(21));
            // What an edit has made questionable lasts, though the edit may be taken back.
            for _ in 0..random.below(3) {
                told.push(edit(&mut random, &[place]));
                std::thread::sleep(std::time::Duration::from_millis(12));
                let root = random.below(8);
                told.push(format!("root {root} alone"));
                runtime.block_on(build(place, combination, How::Partly(root)));
            }
            let now = [".alacarte", "cache"].map(|directory| remembered(&place.join(directory)));
            let now: BTreeMap<PathBuf, Vec<u8>> = now.into_iter().flatten().collect();
            for _ in 0..random.below(3) {
                told.push(edit(&mut random, &[place]));
                std::thread::sleep(std::time::Duration::from_millis(12));
            }
            let files: Vec<&PathBuf> = now.keys().collect();
            let (file, mut bytes) = {
                let file = files[random.below(files.len())].clone();
                let bytes = now[&file].clone();
                (file, bytes)
            };
            told.push(format!("{}: {}", file.display(), damage(&mut random, &mut bytes, earlier.get(&file))));
            // (A copy in the cache may be one of several names of a file that is read only.)
            let _ = fs::remove_file(&file);
            fs::write(&file, &bytes).expect("written");
            damaged += usize::from(bytes != now[&file]);
            earlier = now;
            let how = if random.below(2) == 0 { How::Really } else { How::Both };
            let (_, ran, _) = runtime.block_on(build(place, combination, how));
            told.push(format!("ran {ran:?}"));
            as_clean(&runtime, place, deep, &told);
            if !(text.contains("| never") || deep && text.contains(": strip ")) {
                let (_, again, _) = runtime.block_on(build(place, combination, How::Both));
                assert!(again.is_empty(), "{again:?} ran though nothing was edited: {told:#?}");
            }
        }
    }
    assert!(damaged as u64 > 3 * histories(), "only {damaged} times something was damaged");
}
