//! Builds that watch, in random histories of random manifests: whatever is edited, and whenever, in the end all is as a clean build makes it.

mod common;
#[allow(dead_code, reason = "the builds of this file are other processes")]
#[path = "../../frontends/tests/common/manifests.rs"]
mod manifests;
#[path = "../../frontends/tests/common/random.rs"]
mod random;
#[path = "common/watching.rs"]
mod watching;

use std::fs;
use std::path::Path;

use common::run;
use manifests::{SOURCES, edit, manifest, outputs};
use random::Random;
use watching::{Watching, until};

/// So many times it is waited for what edits come to.
const ROUNDS: usize = 5;

const SCHEDULERS: [&str; 4] = ["suspending", "topological", "bottom-up", "restarting"];
const REBUILDERS: [&str; 3] = ["constructive-trace", "dirty-bit", "verifying-trace"];

/// What a clean build makes of these sources and this manifest.
fn clean(place: &Path) -> Vec<(String, Vec<u8>)> {
    let clean = tempfile::tempdir().expect("a directory");
    for name in (0..SOURCES).map(|number| format!("s{number}")).chain(["build.ninja".into()]) {
        fs::copy(place.join(&name), clean.path().join(&name)).expect("copied");
    }
    let (code, out, err) = run(clean.path(), &["build"]);
    assert_eq!(code, 0, "{out}{err}");
    outputs(clean.path())
}

#[test]
fn whatever_is_edited_all_is_as_a_clean_build_makes_it_in_the_end() {
    for seed in 0..12 {
        let mut random = Random(1000 + seed);
        let (scheduler, rebuilder) = (SCHEDULERS[seed as usize % 4], REBUILDERS[seed as usize % 3]);
        let project = tempfile::tempdir().expect("a directory");
        let place = project.path();
        let text = manifest(&mut random);
        fs::write(place.join("build.ninja"), &text).expect("written");
        (0..SOURCES).for_each(|number| fs::write(place.join(format!("s{number}")), "a").expect("written"));
        let mut told = vec![format!("seed {seed}, {scheduler} × {rebuilder}\n{text}")];
        let log = tempfile::NamedTempFile::new().expect("a file");
        let watching = Watching::start(place, log.path(), &["-j2", "--scheduler", scheduler, "--rebuilder", rebuilder]);
        for _ in 0..ROUNDS {
            for _ in 0..1 + random.below(3) {
                told.push(edit(&mut random, &[place]));
                // While the one before is built, or before that, or after it.
                std::thread::sleep(std::time::Duration::from_millis([0, 30, 120][random.below(3)]));
            }
            let expected = clean(place);
            let differs = || {
                let made = outputs(place);
                let other = expected.iter().filter(|output| !made.contains(output));
                let other = other.map(|(name, text)| format!("{name} is not {:?}", String::from_utf8_lossy(text)));
                format!("{:?} after {told:#?}\n{}", other.collect::<Vec<_>>(), watching.said())
            };
            until(|| outputs(place) == expected, differs);
            watching.idles();
        }
    }
}
