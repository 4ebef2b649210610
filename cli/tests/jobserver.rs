//! `alacarte build` among makes: one number of jobs for all of them, counted from outside.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::directory;

/// A command that is counted: it notes how many of its kind run while it does. The first ones wait until as many have met as are to
/// run at once (and give up after ten seconds).
const COUNTED: &str = r#"#!/bin/sh
: > "$1/running/$$"
count() { ls "$1/running" | wc -l; }
tries=0
while [ ! -e "$1/met" ] && [ $(count "$1") -lt "$2" ] && [ $tries -lt 1000 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
count "$1" >> "$1/counts"
: > "$1/met"
rm "$1/running/$$"
"#;

/// A manifest of so many commands that could all run at once, of which so many meet.
fn manifest(root: &Path, commands: usize, meet: usize) -> String {
    let mut text = format!("rule count\n  command = {0}/counted {0} {meet} && touch $out\n", root.display());
    for number in 0..commands {
        text += &format!("build {number}: count\n");
    }
    text
}

/// A directory in which commands are counted.
fn counting() -> tempfile::TempDir {
    let root = directory(&[("counted", COUNTED)]);
    fs::create_dir(root.path().join("running")).expect("made");
    fs::set_permissions(root.path().join("counted"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    root
}

/// The most commands that ran at once, and how many ran.
fn counted(root: &Path) -> (usize, usize) {
    let counts = fs::read_to_string(root.join("counts")).expect("some ran");
    let counts: Vec<usize> = counts.lines().map(|line| line.trim().parse().expect("a number")).collect();
    (counts.iter().copied().max().unwrap_or_default(), counts.len())
}

fn ours() -> &'static str {
    env!("CARGO_BIN_EXE_alacarte")
}

fn run(root: &Path, program: &str, arguments: &[&str], flags: Option<&str>) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    command.envs(flags.map(|flags| ("MAKEFLAGS", flags)));
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// Two builds of ours that a make has begun.
fn beneath_make(prefix: &str, meet: usize) -> (tempfile::TempDir, String) {
    let root = counting();
    let mut makefile = String::from("all: a b\n");
    for name in ["a", "b"] {
        fs::create_dir(root.path().join(name)).expect("made");
        fs::write(root.path().join(name).join("build.ninja"), manifest(root.path(), 6, meet)).expect("written");
        makefile += &format!("{name}:\n\t{prefix}{} build -C $@\n.PHONY: {name}\n", ours());
    }
    fs::write(root.path().join("Makefile"), makefile).expect("written");
    let (success, said) = run(root.path(), "make", &["-j3"], None);
    assert!(success, "{said}");
    (root, said)
}

#[test]
fn builds_beneath_a_make_share_its_jobs() {
    let (root, said) = beneath_make("+", 3);
    assert_eq!(counted(root.path()), (3, 12), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

/// Make closes its jobserver to what it does not take for a make.
#[test]
fn a_jobserver_that_is_closed_is_said_and_one_command_runs_at_a_time() {
    let (root, said) = beneath_make("", 1);
    let (most, ran) = counted(root.path());
    assert!(most <= 2 && ran == 12, "one for each build: {most}");
    assert!(said.contains("begin the line in the Makefile with +"), "{said}");
}

/// Several makes, and one that has the jobs for itself.
#[test]
fn makes_beneath_a_build_share_its_jobs() {
    for (makes, jobs) in [(3, 1), (3, 2), (3, 3), (1, 3)] {
        let root = counting();
        let leaves: Vec<String> = (0..5).map(|leaf| leaf.to_string()).collect();
        let makefile = format!(
            "all: {0}\n{0}:\n\t@{1}/counted {1} {jobs}\n.PHONY: {0}\n",
            leaves.join(" "),
            root.path().display()
        );
        fs::write(root.path().join("Makefile"), makefile).expect("written");
        let mut text = String::from("rule make\n  command = make all && touch $out\n");
        (0..makes).for_each(|number| text += &format!("build {number}: make\n"));
        fs::write(root.path().join("build.ninja"), text).expect("written");
        let (success, said) = run(root.path(), ours(), &["build", &format!("-j{jobs}")], None);
        assert!(success, "{said}");
        assert_eq!(counted(root.path()), (jobs, 5 * makes), "{said}");
    }
}

#[test]
fn what_makeflags_says_that_is_no_jobserver_is_said() {
    for (flags, says) in [
        ("--jobserver-auth=nonsense", "names no jobserver"),
        ("-j4 --jobserver-auth=198,199", "make has closed that"),
        ("--jobserver-auth=fifo:/no/such/pipe", "cannot be opened"),
        ("--jobserver-fds=0,1", "make has closed that"),
    ] {
        let root = counting();
        fs::write(root.path().join("build.ninja"), manifest(root.path(), 3, 1)).expect("written");
        let mut command = Command::new(ours());
        command.arg("build").current_dir(root.path()).env("MAKEFLAGS", flags).stdin(std::process::Stdio::null());
        let output = command.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(says), "{flags}: {said}");
        assert_eq!(counted(root.path()), (1, 3), "{flags}");
    }
}

#[test]
fn a_jobserver_with_a_name_is_joined_and_gets_its_tokens_back() {
    let root = counting();
    fs::write(root.path().join("build.ninja"), manifest(root.path(), 6, 3)).expect("written");
    let pipe = root.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("it starts");
    assert!(made.success());
    // (Both ends are held open here, so that nobody waits for the other.)
    let mut held = fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("opened");
    std::io::Write::write_all(&mut held, b"ab").expect("written");
    let flags = format!("-j --jobserver-auth=fifo:{}", pipe.display());
    let (success, said) = run(root.path(), ours(), &["build"], Some(&flags));
    assert!(success, "{said}");
    assert_eq!(counted(root.path()), (3, 6), "two tokens, and the one that every process owns");
    let mut tokens = [0; 2];
    std::io::Read::read_exact(&mut held, &mut tokens).expect("both are there");
    tokens.sort_unstable();
    assert_eq!(&tokens, b"ab", "each goes back as it was");
}

/// A command takes a token, and is killed before it has put it back.
#[test]
fn a_token_that_died_with_a_command_is_missed_and_made_anew() {
    let root = counting();
    let take = "rule take\n  command = fd=$${MAKEFLAGS##*auth=}; fd=$${fd%%,*}; head -c1 < /proc/self/fd/$$fd > $out; true\nbuild t: take\n";
    fs::write(root.path().join("build.ninja"), take).expect("written");
    let (success, said) = run(root.path(), ours(), &["build", "-j4"], None);
    assert!(success && said.contains("left 2 tokens of the jobserver where there were 3"), "{said}");
}
