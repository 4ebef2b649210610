//! `alacarte explain` and `alacarte history`, from outside: after a build, they say why it did what it did.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{alacarte, directory, run};
use serde_json::Value;

const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];
const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "modification-time"];

const RULES: &str = "rule cc\n  command = : $flags && cat $in common.h > $out && echo '$out: $in common.h' > $out.d\n  \
                     depfile = $out.d\n  deps = gcc\n\
                     rule ld\n  command = cat $in > $out\n\
                     rule strict\n  command = cat $in > $out; grep -q good $in\n";

const BUILDS: &str = "build stamp: ld stamp.in\nbuild a.o: cc a.c || stamp\nbuild b.o: cc b.c || stamp\n\
                      build app: ld a.o b.o\nbuild checked: strict checked.in\nbuild report: ld checked\n\
                      default stamp app report\n";

fn manifest(flags: &str) -> String {
    format!("flags = {flags}\n{RULES}{BUILDS}")
}

fn project() -> tempfile::TempDir {
    directory(&[
        ("build.ninja", &manifest("-O2 -g")),
        ("a.c", "a\n"),
        ("b.c", "b\n"),
        ("common.h", "h\n"),
        ("stamp.in", "s\n"),
        ("checked.in", "good\n"),
    ])
}

/// Edits a file so that every rebuilder notices.
fn edit(place: &Path, file: &str, text: &str) {
    std::thread::sleep(Duration::from_millis(30));
    fs::write(place.join(file), text).expect("a file");
}

fn explain(place: &Path, target: &str) -> String {
    let (code, out, err) = run(place, &["explain", target]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    // Sentences are broken where the line ends.
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is said of one command: from its name to the next command's.
fn of(said: &str, command: &str, others: &[&str]) -> String {
    let from = said.find(&format!("{command}: ")).unwrap_or_else(|| panic!("nothing of {command} in: {said}"));
    let rest = &said[from..];
    let end = others.iter().filter_map(|other| rest.find(&format!(" {other}: "))).min();
    rest[..end.unwrap_or(rest.len())].to_owned()
}

const COMMANDS: [&str; 5] = ["stamp", "a.o", "b.o", "app", "checked"];

#[test]
fn every_kind_of_reason_is_told_under_every_combination() {
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = project();
            let place = project.path();
            let by = format!("{scheduler} × {rebuilder}");
            let build = |code: i32| {
                let arguments = ["build", "-k", "--scheduler", scheduler, "--rebuilder", rebuilder];
                let (found, out, err) = run(place, &arguments);
                assert_eq!(found, code, "{by}: {out}{err}");
            };
            let told = |target: &str, command: &str| of(&explain(place, target), command, &COMMANDS);
            let times = rebuilder == "modification-time";
            let restores = rebuilder.contains("constructive");

            build(0);
            for command in ["stamp", "a.o", "app"] {
                let said = told("app", command);
                assert!(said.contains("because it had never been built here"), "{by}: {said}");
            }

            edit(place, "a.c", "a, edited\n");
            build(0);
            let said = told("app", "a.o");
            assert!(
                said.contains(if times { "a.c was newer" } else { "a.c changed (" }) || said.contains("a.c changed"),
                "{by}: {said}"
            );
            let said = told("app", "app");
            assert!(said.contains("a.o was made anew") || times && said.contains("a.o was newer"), "{by}: {said}");
            let said = told("app", "b.o");
            let kept = "kept. Nothing that it reads has changed since build 1, in which it ran because it had never been built";
            assert!(said.contains(kept), "{by}: {said}");

            // A header that no manifest declares.
            edit(place, "common.h", "another\n");
            build(0);
            let said = told("app", "b.o");
            assert!(said.contains("common.h changed") || times && said.contains("common.h was newer"), "{by}: {said}");

            let reason = |said: &str| said.contains("common.h changed") || times && said.contains("common.h was newer");

            // Order-only inputs precede a command, and are no reason for it.
            edit(place, "stamp.in", "another\n");
            build(0);
            let said = explain(place, "app");
            assert!(of(&said, "stamp", &COMMANDS).contains("ran"), "{by}: {said}");
            for command in ["a.o", "b.o", "app"] {
                assert!(of(&said, command, &COMMANDS).contains("kept."), "{by}: {said}");
            }
            for command in ["a.o", "b.o"] {
                let said = of(&said, command, &COMMANDS);
                assert!(said.contains("since build 3") && reason(&said), "{by}: {said}");
            }
            assert!(!said.contains("stamp was made anew") && !said.contains("stamp changed"), "{by}: {said}");

            if !times {
                edit(place, "build.ninja", &manifest("-O3"));
                build(0);
                let said = told("app", "a.o");
                assert!(said.contains("its command changed") && said.contains("-O2 -g became -O3"), "{by}: {said}");
                // (A deep trace of app depends on the commands of others.)
                let said = told("app", "app");
                assert!(said.contains("kept.") || restores, "{by}: {said}");
            }

            fs::remove_file(place.join("app")).expect("a file");
            build(0);
            let said = told("app", "app");
            if restores {
                assert!(said.contains("restored. An earlier build of this directory had made it"), "{by}: {said}");
            } else {
                assert!(said.contains("because its output was gone"), "{by}: {said}");
            }

            edit(place, "checked.in", "bad\n");
            build(1);
            let said = told("report", "checked");
            assert!(said.contains("failed (") && said.contains("with exit code 1"), "{by}: {said}");
            assert!(
                said.contains("checked.in changed") || times && said.contains("checked.in was newer"),
                "{by}: {said}"
            );
            let said = told("report", "report");
            assert!(said.contains("not built, because it needs checked, which failed"), "{by}: {said}");
        }
    }
}

#[test]
fn what_came_from_another_directory_is_told_and_which_run_came_nearest() {
    let (one, other) = (project(), project());
    let cache = tempfile::tempdir().expect("a scratch directory");
    let cache = cache.path().to_str().expect("UTF-8");
    let build = ["build", "--rebuilder", "constructive-trace", "--cache", cache];
    assert_eq!(run(one.path(), &build).0, 0);
    edit(other.path(), "b.c", "not the same\n");
    assert_eq!(run(other.path(), &build).0, 0);
    let said = explain(other.path(), "app");
    assert!(of(&said, "a.o", &COMMANDS).contains("restored from the cache. Another build had made it"), "{said}");
    let ran = of(&said, "b.o", &COMMANDS);
    assert!(ran.contains("The cache knows 1 other run of it. The nearest had read another b.c"), "{said}");
    let (code, list, _) = run(other.path(), &["history"]);
    assert_eq!(code, 0);
    let counts: Vec<&str> = list.lines().nth(1).expect("a build").split_whitespace().collect();
    // stamp, a.o, checked and report were restored; b.o and app ran.
    assert_eq!(counts[counts.len() - 5..counts.len() - 2], ["2", "4", "0"], "{list}");
}

#[test]
fn a_build_that_finds_nothing_to_do_and_a_dry_run_add_nothing() {
    let project = project();
    let place = project.path();
    let history = place.join(".alacarte/history");
    assert_eq!(run(place, &["build"]).0, 0);
    let then = fs::read(&history).expect("it is there");
    assert_eq!(run(place, &["build"]).0, 0);
    edit(place, "a.c", "edited\n");
    let dry = std::process::Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"))
        .args(["-n", "app"])
        .current_dir(place)
        .env("XDG_CACHE_HOME", place.join(".cache"))
        .output()
        .expect("it starts");
    assert!(dry.status.success());
    assert_eq!(fs::read(&history).expect("it is there"), then);
}

#[test]
fn in_ninjas_place_the_history_is_the_same() {
    let project = project();
    let place = project.path();
    let ninja = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"));
        command.args(arguments).current_dir(place).env("XDG_CACHE_HOME", place.join(".cache"));
        command.output().expect("it starts")
    };
    assert!(ninja(&["app"]).status.success());
    edit(place, "a.c", "edited\n");
    assert!(ninja(&["app"]).status.success());
    let said = explain(place, "app");
    assert!(of(&said, "a.o", &COMMANDS).contains("a.c changed"), "{said}");
    let (_, list, _) = run(place, &["history"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.lines().skip(1).all(|line| line.ends_with(" app")), "{list}");
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_to_do() {
    let project = project();
    let place = project.path();
    for arguments in [&["explain", "app"][..], &["history"], &["history", "diff", "1", "2"]] {
        let (code, _, err) = run(place, arguments);
        assert_eq!(code, 1);
        assert!(err.contains("nothing was built in . yet") && err.contains("run `alacarte build`"), "{err}");
    }
    assert_eq!(run(place, &["build"]).0, 0);
    let (code, _, err) = run(place, &["explain", "apq"]);
    assert_eq!((code, err.contains("no target is called apq; did you mean 'app'?")), (1, true), "{err}");
    let (code, _, err) = run(place, &["history", "diff", "1", "7"]);
    assert_eq!((code, err.contains("there is no build 7: build 1 is the only one")), (1, true), "{err}");
    let (code, _, err) = run(place, &["explain", "-C", "nowhere", "app"]);
    assert_eq!((code, err.contains("there is no directory nowhere")), (1, true), "{err}");
    let (_, out, _) = run(place, &["explain", "a.c"]);
    assert!(out.contains("a.c is a source: no command makes it. 1 command reads it."), "{out}");
    let (_, out, _) = run(place, &["explain", "common.h"]);
    assert!(out.contains("2 commands read it."), "{out}");
}

#[test]
fn what_a_build_did_not_look_at_is_told_from_what_it_kept() {
    let project = project();
    let place = project.path();
    assert_eq!(run(place, &["build"]).0, 0);
    edit(place, "checked.in", "good, again\n");
    assert_eq!(run(place, &["build", "report"]).0, 0);
    let said = explain(place, "app");
    assert!(
        said.contains("a.o: not looked at, because the build was asked for other targets. It was last made in build 1"),
        "{said}"
    );
}

#[test]
fn two_builds_are_compared() {
    let project = project();
    let place = project.path();
    assert_eq!(run(place, &["build"]).0, 0);
    edit(place, "a.c", "edited\n");
    assert_eq!(run(place, &["build", "-j3", "--scheduler", "restarting"]).0, 0);
    edit(place, "build.ninja", &manifest("-O3"));
    assert_eq!(run(place, &["build", "-j3"]).0, 0);
    let (code, out, err) = run(place, &["history", "diff", "1", "2"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(
        out.contains("then by restarting × verifying-trace")
            || out.contains("    restarting × verifying-trace, 3 jobs"),
        "{out}"
    );
    assert!(out.contains("Ran in build 1 only: 4\n  b.o (") && out.contains("Ran in both: 2\n"), "{out}");
    assert!(out.contains("Files that changed between them: 1\n  a.c\n"), "{out}");
    assert!(!out.contains("Commands that changed"), "{out}");
    let (_, out, _) = run(place, &["history", "diff", "1", "3"]);
    assert!(out.contains("Commands that changed between them: 2\n  a.o: -O2 -g became -O3\n"), "{out}");
    assert!(out.contains("Files that changed between them: 1\n  a.c\n"), "{out}");
}

#[test]
fn a_damaged_history_fails_no_build_and_keeps_what_is_whole() {
    let project = project();
    let place = project.path();
    let history = place.join(".alacarte/history");
    assert_eq!(run(place, &["build"]).0, 0);
    edit(place, "a.c", "edited\n");
    assert_eq!(run(place, &["build"]).0, 0);
    let mut bytes = fs::read(&history).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&history, &bytes).expect("a file");
    assert_eq!(run(place, &["explain", "app"]).0, 0);
    edit(place, "a.c", "edited again\n");
    let (code, _, err) = run(place, &["build"]);
    assert!(code == 0 && err.contains("the history of builds was damaged"), "{err}");
    assert!(of(&explain(place, "app"), "a.o", &COMMANDS).contains("a.c changed"));
    edit(place, "a.c", "and again\n");
    let (code, _, err) = run(place, &["build"]);
    assert!(code == 0 && err.is_empty(), "it is said once: {err}");
    let (_, list, _) = run(place, &["history"]);
    assert!(list.lines().last().expect("a build").trim_start().starts_with("4 "), "{list}");

    fs::write(&history, "no history at all").expect("a file");
    let (code, _, err) = run(place, &["explain", "app"]);
    assert!(code == 1 && err.contains("begins it anew"), "{err}");
    edit(place, "a.c", "once more\n");
    let (code, _, err) = run(place, &["build"]);
    assert!(code == 0 && err.contains("it begins anew"), "{err}");
    assert!(of(&explain(place, "app"), "a.o", &COMMANDS).contains("a.c changed"));
    // Something that is no file cannot be written.
    fs::remove_file(&history).expect("a file");
    fs::create_dir(&history).expect("a directory");
    edit(place, "a.c", "the last time\n");
    let (code, _, err) = run(place, &["build"]);
    assert!(code == 0 && err.contains("warning: the history of builds cannot be"), "{err}");
}

#[test]
fn what_a_killed_build_had_finished_is_explained() {
    let slow = "rule slow\n  command = echo > begun; sleep 60; cat $in > $out\nbuild late: slow app\n";
    for (signal, told) in [("KILL", "did not come to its end"), ("INT", "It was interrupted.")] {
        let project = project();
        let place = project.path();
        fs::write(place.join("build.ninja"), manifest("-O2") + slow).expect("a file");
        let mut child =
            alacarte(place, &["build", "late"]).stdout(std::process::Stdio::null()).spawn().expect("it starts");
        let limit = Instant::now() + Duration::from_secs(60);
        while !place.join("begun").exists() {
            assert!(Instant::now() < limit, "the command never came");
            std::thread::sleep(Duration::from_millis(5));
        }
        let name = rustix::process::Signal::KILL;
        let signal = if signal == "KILL" { name } else { rustix::process::Signal::INT };
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).expect("a signal");
        child.wait().expect("it ends");
        let said = explain(place, "late");
        assert!(said.contains(told), "{said}");
        assert!(of(&said, "a.o", &COMMANDS).contains("because it had never been built here"), "{said}");
        let (_, list, _) = run(place, &["history"]);
        let ended = if told.contains("interrupted") { "(interrupted)" } else { "(unfinished)" };
        assert!(list.contains(ended) && list.lines().all(|line| line.chars().count() <= 80), "{list}");
        // The next build has its own number.
        edit(place, "a.c", "edited\n");
        assert_eq!(run(place, &["build", "app"]).0, 0);
        assert_eq!(run(place, &["history"]).1.lines().count(), 3);
    }
}

/// The events of commands in a profile: lane, begin and end.
fn commands(profile: &Path) -> Vec<(u64, u64, u64)> {
    let text = fs::read_to_string(profile).expect("it was written");
    let profile: Value = serde_json::from_str(&text).expect("it is JSON");
    let events = profile["traceEvents"].as_array().expect("a list of events");
    for event in events {
        assert!(event["ph"].is_string() && event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string());
    }
    let commands = events.iter().filter(|event| event["ph"] == "X").map(|event| {
        assert!(event["args"]["why"].is_string() && event["args"]["command"].is_string(), "{event}");
        let number = |name: &str| event[name].as_u64().expect("a number");
        (number("tid"), number("ts"), number("ts") + number("dur"))
    });
    commands.collect()
}

#[test]
fn a_profile_has_an_event_for_each_command_and_no_two_at_once_in_a_lane() {
    let many: String = (0..12).map(|n| format!("build out{n}: nap a.c\n")).collect();
    let text = format!("rule nap\n  command = sleep 0.0$$(($$$$ % 5)); cat $in > $out\n{many}");
    let project = directory(&[("build.ninja", &text), ("a.c", "a\n")]);
    let place = project.path();
    let (code, out, err) = run(place, &["build", "-j3", "--profile", "profile.json"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("wrote build 1 (12 commands) to profile.json"), "{out}");
    assert!(out.contains("critical path: 1 command, "), "{out}");
    let mut now = commands(&place.join("profile.json"));
    assert_eq!(now.len(), 12);
    now.sort_unstable();
    for pair in now.windows(2) {
        let [(lane, _, end), (next, begin, _)] = pair else { panic!("two") };
        assert!(lane != next || end <= begin, "{now:?}");
    }
    let lanes: std::collections::BTreeSet<u64> = now.iter().map(|(lane, ..)| *lane).collect();
    assert!(lanes.iter().all(|lane| (1..=3).contains(lane)), "{lanes:?}");
    let (code, _, err) = run(place, &["history", "profile", "1", "again.json"]);
    assert_eq!(code, 0, "{err}");
    let mut again = commands(&place.join("again.json"));
    again.sort_unstable();
    assert_eq!(again, now);
    // Nothing ran: a profile of nothing.
    let (code, out, _) = run(place, &["build", "--profile", "profile.json"]);
    assert!(code == 0 && commands(&place.join("profile.json")).is_empty(), "{out}");
    let (code, _, err) = run(place, &["history", "profile", "1", "nowhere/profile.json"]);
    assert!(code == 1 && err.contains("cannot write the profile nowhere/profile.json"), "{err}");
}

#[test]
fn the_critical_path_is_printed_from_its_beginning() {
    let text = "rule make\n  command = touch $out\n\
                build first: make\nbuild name: phony first\nbuild second: make name\nbuild last: make || second\n";
    let project = directory(&[("build.ninja", text)]);
    let place = project.path();
    assert_eq!(run(place, &["build", "-j2"]).0, 0);
    let (code, out, err) = run(place, &["history", "critical-path"]);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("critical path: 3 commands, ") && lines.len() == 4, "{out}");
    let names = ["first", "second", "last"];
    assert!(lines[1..].iter().zip(names).all(|(line, name)| line.ends_with(&format!("  {name}"))), "{out}");
}
