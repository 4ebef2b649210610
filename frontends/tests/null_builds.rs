//! After a build that ran commands, is there a glance? Where nothing is left to do, there is one at once; where a command has to run in the next build, none.
//! The next build, a dry run before it, says which of the two is so.

#[path = "common/manifests.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod manifests;
#[path = "common/random.rs"]
mod random;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use manifests::{How, build};

const RULES: &str = "\
rule cat
  command = cat $in > $out
rule both
  command = cat $in > $out && cat $in > $out.more
rule told
  command = cat $in s1 > $out && echo $out: s1 > $out.d
  depfile = $out.d
  deps = gcc
rule left
  command = test -e $out || cat $in > $out
  restat = 1
rule link
  command = ln -sf $in $out
rule run
  command = $run
";

struct Place(tempfile::TempDir, tokio::runtime::Runtime);

impl Place {
    fn new(edges: &str) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        fs::write(place.path().join("build.ninja"), format!("{RULES}{edges}")).expect("written");
        for source in ["s0", "s1"] {
            fs::write(place.path().join(source), source).expect("written");
        }
        // (The sources are old enough to be relied on; what commands make is not.)
        std::thread::sleep(Duration::from_millis(25));
        Place(place, tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Builds: how many commands ran, and whether a glance had told that none would.
    fn build(&self) -> (usize, bool) {
        self.build_by(["suspending", "verifying-trace"])
    }

    /// The same by this combination. (A glance that holds though a command is to run is a failure there.)
    fn build_by(&self, combination: [&str; 2]) -> (usize, bool) {
        let (_, ran, certain) = self.1.block_on(build(self.path(), combination, How::Both));
        (ran.len(), certain)
    }
}

const STABLE: [&str; 8] = [
    "build a: cat s0\nbuild b: cat a s1\n",
    "build a | a.more: both s0\nbuild b: cat a.more\n",
    "build a: told s0\nbuild b: cat a\n",
    "build a: left s0\nbuild b: cat a\n",
    "build all: phony a b\nbuild a: cat s0 || b\nbuild b: cat s1\n",
    "build a: cat s0 |@ b\nbuild b: cat s1\n",
    "build deep/er/a: cat s0\nbuild all: phony deep/er/a\n",
    "build a: cat s0\n  pool = console\n",
];

#[test]
fn a_build_that_did_all_there_was_leaves_a_glance() {
    for edges in STABLE {
        let place = Place::new(edges);
        let (ran, certain) = place.build();
        assert!(ran > 0 && !certain, "{edges}");
        for round in 0..3 {
            assert_eq!(place.build(), (0, true), "round {round} after a build of {edges}");
            std::thread::sleep(Duration::from_millis(if round == 0 { 0 } else { 25 }));
        }
        for (number, text) in ["other", "another"].iter().enumerate() {
            fs::write(place.path().join("s0"), text).expect("written");
            let (ran, certain) = place.build();
            assert!(!certain && (ran > 0 || edges.contains(": left")), "edit {number} of {edges}");
            assert_eq!(place.build(), (0, true), "after edit {number} of {edges}");
        }
    }
}

/// What each leaves undone: something that is never up to date, is not made, was changed by another command, or may have been.
const UNSTABLE: [&str; 6] = [
    "build never: phony\nbuild a: cat s0 | never\n",
    "build a: run s0\n  run = true\n",
    "build a: run s0\n  run = cat s0 > a && echo more >> s0\n",
    "build a: cat s0\nbuild b: run || a\n  run = echo more >> s0 && touch b\n",
    "build a: cat s0\nbuild b: run || a\n  run = rm a && touch b\n",
    "build a: cat s0\nbuild b: run || a\n  run = echo more >> a && touch b\n",
];

#[test]
fn a_build_after_which_something_is_left_to_do_leaves_none() {
    for edges in UNSTABLE {
        let place = Place::new(edges);
        assert!(place.build().0 > 0, "{edges}");
        let (ran, certain) = place.build();
        assert!(ran > 0 && !certain, "{edges}");
    }
}

#[test]
fn no_combination_leaves_a_glance_where_a_command_would_run() {
    let depends = "build p: cat s0 || a\nbuild a: run s0\n  run = true\n";
    for edges in STABLE.iter().chain(&UNSTABLE).chain([&depends]) {
        for scheduler in alacarte_schedulers::NAMES {
            for rebuilder in alacarte_rebuilders::NAMES {
                let place = Place::new(edges);
                for _ in 0..3 {
                    place.build_by([scheduler, rebuilder]);
                }
            }
        }
    }
}

#[test]
fn what_was_made_a_moment_ago_and_is_written_again_in_the_same_moment_is_seen() {
    // A clock with a coarse tick would not tell; so many times that it is met, if the tick is coarse here.
    for attempt in 0..20 {
        let place = Place::new("build a: cat s0\n");
        assert_eq!(place.build().0, 1);
        fs::write(place.path().join("a"), "s9").expect("written");
        assert_eq!(place.build(), (1, false), "attempt {attempt}");
        assert_eq!(fs::read_to_string(place.path().join("a")).expect("read"), "s0");
    }
}

#[test]
fn what_a_link_leads_to_counts() {
    let place = Place::new("build a: link s0\nbuild b: cat a\n");
    assert_eq!(place.build().0, 2);
    std::thread::sleep(Duration::from_millis(25));
    place.build();
    assert_eq!(place.build(), (0, true));
    fs::remove_file(place.path().join("a")).expect("removed");
    symlink("s1", place.path().join("a")).expect("linked");
    assert!(!place.build().1);
}
