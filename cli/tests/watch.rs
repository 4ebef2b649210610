//! `alacarte build --watch`: what an edit has built again, and what has not.

mod common;
#[path = "common/watching.rs"]
mod watching;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{directory, run};
use rustix::process::Signal;
use watching::{Watching, until};

const REBUILDERS: [&str; 6] = [
    "dirty-bit",
    "verifying-trace",
    "constructive-trace",
    "deep-constructive-trace",
    "step-trace",
    "modification-time",
];

/// The sources lie beside the directory of the build.
const MANIFEST: &str = "rule cp\n  command = cat $in header > $out && echo '$out: header' > $out.d && echo $out >> ran\n  \
                        depfile = $out.d\n  deps = gcc\nbuild a: cp ../src/a\nbuild b: cp a\nbuild c: cp ../src/c\n";

fn project() -> tempfile::TempDir {
    directory(&[("build/build.ninja", MANIFEST), ("build/header", "h\n"), ("src/a", "1\n"), ("src/c", "2\n")])
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
}

/// The same at once, as many editors do.
fn replace(path: &Path, text: &str) {
    let next = tempfile::NamedTempFile::new().expect("a file");
    write(next.path(), text);
    next.persist(path).expect("renamed");
}

/// A file that is no part of any directory that is watched closely.
fn log() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::new().expect("a file")
}

/// Whatever changes is built again, under a scheduler and every rebuilder.
fn whatever_changes_is_built_again(scheduler: &str) {
    for rebuilder in REBUILDERS {
        let (project, log) = (project(), log());
        let (place, src) = (project.path().join("build"), project.path().join("src"));
        let watching = Watching::start(&place, log.path(), &["--scheduler", scheduler, "--rebuilder", rebuilder]);
        let b = place.join("b");
        watching.makes(&b, "1\nh\nh\n");
        fs::remove_file(place.join("ran")).expect("a file");
        // A source outside of the directory.
        replace(&src.join("a"), "3\n");
        watching.makes(&b, "3\nh\nh\n");
        watching.rests();
        assert_eq!(fs::read_to_string(place.join("ran")).expect("ran"), "a\nb\n", "{scheduler} × {rebuilder}");
        // An editor that replaces.
        replace(&src.join("c"), "4\n");
        watching.makes(&place.join("c"), "4\nh\n");
        watching.rests();
        // What only a depfile names.
        replace(&place.join("header"), "i\n");
        watching.makes(&b, "3\ni\ni\n");
        watching.makes(&place.join("c"), "4\ni\n");
        watching.rests();
        // An output that somebody overwrites.
        std::thread::sleep(Duration::from_millis(30));
        replace(&place.join("a"), "not so\n");
        match rebuilder {
            // It does not look at what lies between a target and the sources.
            "deep-constructive-trace" => {}
            // By make's rule it is newer than what it is made from.
            "modification-time" => {
                watching.makes(&b, "not so\ni\n");
                watching.rests();
                fs::remove_file(place.join("a")).expect("a file");
                watching.makes(&b, "3\ni\ni\n");
            }
            _ => watching.makes(&place.join("a"), "3\ni\n"),
        }
        watching.rests();
        assert_eq!(fs::read_to_string(&b).expect("made"), "3\ni\ni\n");
        // A source that goes, and comes back.
        fs::remove_file(src.join("c")).expect("a file");
        watching.says("missing and no known rule", 1);
        watching.rests();
        replace(&src.join("c"), "5\n");
        watching.makes(&place.join("c"), "5\ni\n");
        watching.rests();
        // Another manifest, in the same process.
        replace(&place.join("build.ninja"), &format!("{MANIFEST}build d: cp new/d\n"));
        watching.says("'new/d'", 1);
        watching.rests();
        // A directory that comes later.
        fs::create_dir(place.join("new")).expect("a directory");
        replace(&place.join("new/d"), "6\n");
        watching.makes(&place.join("d"), "6\ni\n");
        watching.says("cat new/d header", 1);
        watching.rests();
        assert_eq!(watching.end(Signal::INT), Some(130), "{scheduler} × {rebuilder}");
        let (code, out, err) = run(&place, &["build", "--scheduler", scheduler, "--rebuilder", rebuilder]);
        assert!(code == 0 && out.contains("nothing to do"), "{scheduler} × {rebuilder}: {out}{err}");
    }
}

#[test]
fn whatever_changes_is_built_again_by_the_suspending_scheduler() {
    whatever_changes_is_built_again("suspending");
}

#[test]
fn whatever_changes_is_built_again_by_the_topological_scheduler() {
    whatever_changes_is_built_again("topological");
}

#[test]
fn whatever_changes_is_built_again_by_the_bottom_up_scheduler() {
    whatever_changes_is_built_again("bottom-up");
}

#[test]
fn whatever_changes_is_built_again_by_the_restarting_scheduler() {
    whatever_changes_is_built_again("restarting");
}

#[test]
fn another_build_may_be_at_work_while_this_one_waits() {
    let (project, log) = (project(), log());
    let (place, src) = (project.path().join("build"), project.path().join("src"));
    let watching = Watching::start(&place, log.path(), &[]);
    let (code, out, err) = run(&place, &["build"]);
    assert!(code == 0 && out.contains("nothing to do"), "{out}{err}");
    write(&src.join("a"), "3\n");
    watching.makes(&place.join("b"), "3\nh\nh\n");
    // Whichever of them builds it.
    write(&src.join("a"), "4\n");
    let _ = run(&place, &["build"]);
    watching.makes(&place.join("b"), "4\nh\nh\n");
    write(&src.join("a"), "5\n");
    watching.makes(&place.join("b"), "5\nh\nh\n");
}

#[test]
fn two_that_watch_one_directory_come_to_rest() {
    // Each run writes what the other one watches, and fails.
    let manifest = "rule bad\n  command = echo ran >> log; cp $in $out; grep good $in\nbuild out: bad in\n";
    let project = directory(&[("build.ninja", manifest), ("in", "bad\n")]);
    let (place, logs) = (project.path(), [log(), log()]);
    let both = [0, 1].map(|one: usize| Watching::start(place, logs[one].path(), &[]));
    write(&place.join("in"), "worse\n");
    both.iter().for_each(|watching| watching.waits(2));
    let runs = || fs::read_to_string(place.join("log")).expect("log").lines().count();
    // In the end nothing more runs: an edit that mends it finds both of them waiting.
    write(&place.join("in"), "good\n");
    watching_makes(&both, &place.join("out"), "good\n");
    both.iter().for_each(Watching::rests);
    assert!(runs() < 20, "{} runs\n{}\n{}", runs(), both[0].said(), both[1].said());
}

fn watching_makes(both: &[Watching], path: &Path, text: &str) {
    both.iter().for_each(|watching| watching.makes(path, text));
}

#[test]
fn a_command_that_fails_is_told_once_and_ends_nothing() {
    let manifest = "rule good\n  command = echo ran >> log; grep good $in > $out\nbuild out: good in\n";
    let project = directory(&[("build.ninja", manifest), ("in", "bad\n")]);
    let (place, log) = (project.path(), log());
    let watching = Watching::start(place, log.path(), &[]);
    assert!(watching.said().contains("FAILED"), "{}", watching.said());
    replace(&place.join("in"), "good\n");
    watching.makes(&place.join("out"), "good\n");
    watching.waits(2);
    replace(&place.join("in"), "bad again\n");
    watching.waits(3);
    replace(&place.join("in"), "good again\n");
    watching.makes(&place.join("out"), "good again\n");
    watching.waits(4);
    assert_eq!(fs::read_to_string(place.join("log")).expect("log").lines().count(), 4, "{}", watching.said());
    assert_eq!(watching.end(Signal::INT), Some(130));
}

#[test]
fn a_header_that_a_command_could_not_find_may_come() {
    let manifest = "rule cat\n  command = cat src/in src/header > $out\nbuild out: cat src/in\n";
    let project = directory(&[("build.ninja", manifest), ("src/in", "1\n")]);
    let (place, log) = (project.path(), log());
    let watching = Watching::start(place, log.path(), &[]);
    assert!(watching.said().contains("FAILED"), "{}", watching.said());
    write(&place.join("src/header"), "h\n");
    watching.makes(&place.join("out"), "1\nh\n");
}

#[test]
fn a_manifest_with_an_error_is_waited_for_wherever_the_error_is() {
    let rule = "rule cp\n  command = cat $in > $out\n";
    let project = directory(&[("build.ninja", "nonsense\n"), ("in", "1\n")]);
    let (place, log) = (project.path(), log());
    let (manifest, rules) = (place.join("build.ninja"), place.join("rules/cp.ninja"));
    // From the beginning.
    let watching = Watching::start(place, log.path(), &[]);
    assert!(watching.said().contains("build.ninja:1:"), "{}", watching.said());
    // A file in a directory that is not there.
    replace(&manifest, "include rules/cp.ninja\nbuild out: cp in\n");
    watching.says("cannot read rules/cp.ninja", 1);
    watching.rests();
    fs::create_dir(place.join("rules")).expect("a directory");
    replace(&rules, "rule cp\n");
    watching.says("rules/cp.ninja:1:", 1);
    watching.rests();
    replace(&rules, rule);
    watching.makes(&place.join("out"), "1\n");
    watching.rests();
    // A file that is included changes, and is broken and mended.
    replace(&rules, "rule cp\n  command = cat $in $in > $out\n");
    watching.makes(&place.join("out"), "1\n1\n");
    watching.rests();
    replace(&rules, "rule cp\n  comma\n");
    watching.says("rules/cp.ninja:2:", 1);
    watching.rests();
    replace(&rules, rule);
    watching.makes(&place.join("out"), "1\n");
    watching.rests();
    // No manifest at all, and another one.
    fs::remove_file(&manifest).expect("removed");
    watching.says("cannot read build.ninja", 1);
    watching.rests();
    replace(&manifest, "include rules/cp.ninja\nbuild out: cp in\nbuild more: cp in\n");
    watching.makes(&place.join("more"), "1\n");
    watching.rests();
    assert_eq!(watching.end(Signal::TERM), Some(130));
}

#[test]
fn a_dyndep_file_that_changes_is_read_again() {
    let manifest = "rule cat\n  command = cat $in more > $out\nbuild out: cat in || edges.dd\n  dyndep = edges.dd\n";
    let dyndep = |inputs: &str| format!("ninja_dyndep_version = 1\nbuild out: dyndep{inputs}\n");
    let project = directory(&[("build.ninja", manifest), ("in", "1\n"), ("more", "m\n"), ("edges.dd", &dyndep(""))]);
    let (place, log) = (project.path(), log());
    let out = place.join("out");
    let watching = Watching::start(place, log.path(), &[]);
    watching.makes(&out, "1\nm\n");
    replace(&place.join("edges.dd"), &dyndep(" | more"));
    watching.waits(2);
    replace(&place.join("more"), "n\n");
    watching.makes(&out, "1\nn\n");
    watching.rests();
    replace(&place.join("edges.dd"), "nonsense\n");
    watching.says("edges.dd:1:", 1);
    watching.rests();
    replace(&place.join("edges.dd"), &dyndep(" | more"));
    replace(&place.join("more"), "o\n");
    watching.makes(&out, "1\no\n");
}

#[test]
fn a_manifest_is_made_anew_when_what_it_is_made_from_changes() {
    let text = "rule cp\n  command = cat $in > $out\nbuild out: cp in\nrule gen\n  command = cp $in $out\n  generator = 1\n\
                build build.ninja: gen manifest.in\n";
    let project = directory(&[("build.ninja", text), ("manifest.in", text), ("in", "1\n")]);
    let (place, log) = (project.path(), log());
    let watching = Watching::start(place, log.path(), &[]);
    watching.makes(&place.join("out"), "1\n");
    replace(&place.join("manifest.in"), &format!("{text}build more: cp in\n"));
    watching.makes(&place.join("more"), "1\n");
    watching.rests();
    replace(&place.join("in"), "2\n");
    watching.makes(&place.join("more"), "2\n");
}

#[test]
fn a_directory_that_is_removed_and_made_again_is_watched_again() {
    let (project, log) = (project(), log());
    let (place, src) = (project.path().join("build"), project.path().join("src"));
    let watching = Watching::start(&place, log.path(), &["-C", place.to_str().expect("a name")]);
    for round in ["3\n", "4\n"] {
        fs::remove_dir_all(&src).expect("removed");
        watching.says("missing and no known rule", 1);
        watching.rests();
        fs::create_dir(&src).expect("a directory");
        replace(&src.join("a"), round);
        replace(&src.join("c"), round);
        watching.makes(&place.join("b"), &format!("{round}h\nh\n"));
        watching.rests();
        replace(&src.join("a"), "again\n");
        watching.makes(&place.join("b"), "again\nh\nh\n");
        watching.rests();
    }
}

#[test]
fn where_a_link_leads_is_watched_though_it_became_one_meanwhile() {
    let (project, log) = (project(), log());
    let (place, src) = (project.path().join("build"), project.path().join("src"));
    let watching = Watching::start(&place, log.path(), &[]);
    fs::create_dir(project.path().join("behind")).expect("a directory");
    replace(&project.path().join("behind/c"), "6\n");
    std::os::unix::fs::symlink("../behind/c", src.join("next")).expect("a link");
    fs::rename(src.join("next"), src.join("c")).expect("renamed");
    watching.makes(&place.join("c"), "6\nh\n");
    watching.rests();
    replace(&project.path().join("behind/c"), "7\n");
    watching.makes(&place.join("c"), "7\nh\n");
}

#[test]
fn many_files_that_change_at_once_are_few_builds() {
    let count = 200;
    let names: Vec<String> = (0..count).map(|number| format!("f{number}")).collect();
    let manifest =
        format!("rule cat\n  command = cat $in > $out && echo ran >> log\nbuild out: cat {}\n", names.join(" "));
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "1\n")).collect();
    let project = directory(&[&files[..], &[("build.ninja", &manifest)]].concat());
    let (place, log) = (project.path(), log());
    let watching = Watching::start(place, log.path(), &[]);
    names.iter().for_each(|name| write(&place.join(name), "2\n"));
    watching.makes(&place.join("out"), &"2\n".repeat(count));
    let runs = fs::read_to_string(place.join("log")).expect("log").lines().count();
    assert!(runs < 20, "{runs} builds of {count} changes");
}

#[test]
fn a_command_that_always_runs_is_no_reason_to_build_again() {
    let manifest =
        "rule log\n  command = echo ran >> log; date +%N > $out\nbuild always: phony\nbuild out: log always in\n";
    let project = directory(&[("build.ninja", manifest), ("in", "1\n")]);
    let (place, printed) = (project.path(), log());
    let watching = Watching::start(place, printed.path(), &[]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(fs::read_to_string(place.join("log")).expect("log"), "ran\n", "{}", watching.said());
    replace(&place.join("in"), "2\n");
    watching.makes(&place.join("log"), "ran\nran\n");
}

#[test]
fn a_command_that_writes_a_source_each_time_does_not_spin() {
    // `early` has read the source before it is written.
    let manifest = "rule cp\n  command = cat $in > $out\n\
                    rule stamp\n  command = echo ran >> log; date +%s%N > version; touch $out\n\
                    build early: cp version\nbuild always: phony\nbuild stamp: stamp always || early\nbuild side: cp other\n";
    let project = directory(&[("build.ninja", manifest), ("version", "0\n"), ("other", "1\n")]);
    let (place, log) = (project.path(), log());
    let runs = || fs::read_to_string(place.join("log")).expect("log").lines().count();
    let watching = Watching::start(place, log.path(), &[]);
    watching.says("version changed again while the build ran", 1);
    watching.rests();
    assert_eq!(runs(), 4, "{}", watching.said());
    // What a person does is built, once.
    replace(&place.join("other"), "2\n");
    watching.makes(&place.join("side"), "2\n");
    watching.says("version changed again while the build ran", 2);
    watching.rests();
    assert_eq!(runs(), 5, "{}", watching.said());
    assert_eq!(watching.end(Signal::INT), Some(130));
}

#[test]
fn a_command_that_writes_a_source_of_the_manifest_each_time_does_not_spin() {
    let manifest = "rule cp\n  command = cat $in > $out\nrule gen\n  command = cp $in $out\n  generator = 1\n\
                    rule stamp\n  command = echo ran >> log; echo \"# $$(date +%s%N)\" >> manifest.in; touch $out\n\
                    build always: phony\nbuild build.ninja: gen manifest.in\nbuild stamp: stamp always\nbuild side: cp other\n";
    let project = directory(&[("build.ninja", manifest), ("manifest.in", manifest), ("other", "1\n")]);
    let (place, log) = (project.path(), log());
    let runs = || fs::read_to_string(place.join("log")).expect("log").lines().count();
    let watching = Watching::start(place, log.path(), &[]);
    watching.says("manifest.in changed again while the build ran", 1);
    replace(&place.join("other"), "2\n");
    watching.makes(&place.join("side"), "2\n");
    watching.says("manifest.in changed again while the build ran", 2);
    assert!(runs() < 20, "{} runs\n{}", runs(), watching.said());
    assert_eq!(watching.end(Signal::INT), Some(130));
}

#[test]
fn a_manifest_that_is_never_done_is_an_error_as_without_watching() {
    let manifest = "rule gen\n  command = cp manifest.in $out; echo \"# $$(date +%s%N)\" >> $out\n  generator = 1\n\
                    build always: phony\nbuild build.ninja: gen manifest.in always\n";
    for arguments in [&["build"][..], &["build", "--watch"]] {
        let project = directory(&[("build.ninja", manifest), ("manifest.in", manifest)]);
        let (code, _, err) = run(project.path(), arguments);
        assert!(code == 1 && err.contains("changed it each time"), "{err}");
    }
}

#[test]
fn a_command_that_changes_in_place_what_is_made_does_not_spin() {
    let manifest = "rule cp\n  command = cat $in > $out\n\
                    rule strip\n  command = echo ran >> log; tr -d x < $in > $out && cat $out > $in\n\
                    build always: phony\nbuild raw: cp in\nbuild out: strip raw | always\n";
    let project = directory(&[("build.ninja", manifest), ("in", "1x\n")]);
    let (place, log) = (project.path(), log());
    let watching = Watching::start(place, log.path(), &[]);
    watching.makes(&place.join("out"), "1\n");
    for edit in ["2", "3"] {
        replace(&place.join("in"), &format!("{edit}x\n"));
        watching.makes(&place.join("out"), &format!("{edit}\n"));
        watching.rests();
    }
    let runs = fs::read_to_string(place.join("log")).expect("log").lines().count();
    assert!(runs < 10, "{runs} runs\n{}", watching.said());
}

#[test]
fn a_signal_ends_it_as_it_ends_a_build() {
    // A child of a command writes a file called `late`.
    let manifest = "rule slow\n  command = grep -q quick $in || { echo half > $out; echo > begun; sleep 1; echo late > late; }; \
                    cat $in > $out\nbuild out: slow in\n";
    for signal in [Signal::INT, Signal::TERM] {
        for idle in [true, false] {
            let project = directory(&[("build.ninja", manifest), ("in", "quick\n")]);
            let (place, log) = (project.path(), log());
            let watching = Watching::start(place, log.path(), &[]);
            if !idle {
                write(&place.join("in"), "slow\n");
                until(|| place.join("begun").exists(), || watching.said());
            }
            assert_eq!(watching.end(signal), Some(130), "{signal:?}, idle: {idle}");
            std::thread::sleep(Duration::from_millis(1300));
            assert!(!place.join("late").exists(), "{signal:?}: the command went on");
            assert_eq!(place.join("out").exists(), idle, "{signal:?}: half an output is left");
            let left: Vec<_> = fs::read_dir(place.join(".alacarte/underway")).into_iter().flatten().collect();
            assert!(left.is_empty(), "{signal:?}: {left:?}");
            // Nobody holds the directory.
            write(&place.join("in"), "quick again\n");
            let (code, out, err) = run(place, &["build"]);
            assert_eq!(code, 0, "{out}{err}");
        }
    }
}
