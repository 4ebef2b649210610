//! `alacarte counterexamples`, as a user runs it.

mod common;

use std::process::Stdio;

use common::{alacarte, directory, run};

/// Every name, and the moment at which it goes wrong.
const MOMENTS: [(&str, &str); 14] = [
    ("stale-queue", "✗  wrong from here: D is 3, the truth is 13"),
    ("forgotten-inputs", "✗  wrong from here: B is 2, the truth is 4"),
    ("shallow-deep-traces", "✗  needless work from here: the inputs below D"),
    ("look-up-by-value", "✗  wrong from here: k5 is 7, the truth is 9"),
    ("frankenbuild", "✗  wrong from here: T is 1011, the truth is 1010 or 1111"),
    ("revert-with-one-trace", "✗  needless work from here: B ran again"),
    ("wide-clearing", "✗  wrong from here: D is 2, the truth is 11"),
    ("touched-output", "✗  wrong from here: C is 11, the truth is 21"),
    ("backwards-clock", "✗  wrong from here: B is 10, the truth is 20"),
    ("edit-during-build", "✗  wrong from here: B is 10, the truth is 20"),
    ("undeclared-input", "✗  wrong from here: B is 102, the truth is 202"),
    ("quadratic-restarts", "✗  needless work from here: k99 was started 100 times"),
    ("killed-child", "✗  no-idle-token from here: top waits for a token, and of 2 jobs 1 are done"),
    ("lock-without-token", "✗  no-deadlock from here: nothing can happen any more"),
];

/// What it prints in so many columns, and how it ends.
fn in_columns(columns: &str, arguments: &[&str]) -> (i32, String, String) {
    let place = directory(&[]);
    let mut command = alacarte(place.path(), &[&["counterexamples"], arguments].concat());
    let output = command.env("COLUMNS", columns).output().expect("it runs");
    assert_eq!(std::fs::read_dir(place.path()).expect("a directory").count(), 0, "nothing is left behind");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn without_a_name_all_are_listed() {
    let (code, out, err) = in_columns("80", &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), MOMENTS.len(), "one a line: {out}");
    for ((name, _), line) in MOMENTS.iter().zip(lines) {
        assert!(line.starts_with(name) && line.len() > name.len() + 20, "{out}");
    }
}

#[test]
fn each_is_played_to_its_moment_and_then_right() {
    for (name, moment) in MOMENTS {
        let (code, out, err) = in_columns("80", &[name]);
        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        assert_eq!(out.matches("from here: ").count(), 1, "{name}: {out}");
        assert!(out.contains(moment), "{name}: {out}");
        let (before, after) = out.split_once(moment).expect("just found");
        assert!(before.contains("\n1. "), "{name}: {out}");
        assert!(after.contains("How it goes right: "), "{name}: {out}");
        assert!(after.contains("✓  right at every step"), "{name}: {out}");
        assert!(!out.contains('\u{1b}'), "{name}: no colours where nobody looks");
        let widest = out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{name}: {widest:?} columns");
    }
}

/// What is wrong for the second time is told apart from what is wrong since.
#[test]
fn later_faults_are_told_too() {
    let (_, out, _) = in_columns("80", &["edit-during-build", "quadratic-restarts"]);
    assert!(out.contains("✗  wrong again: B is 50, the truth is 40"), "{out}");
    assert!(out.contains("✗  needless work still: k999 was started 1000 times, 10 would do"), "{out}");
    assert!(out.contains("✗  needless work still: 996 keys were started that k9 does not reach"), "{out}");
}

#[test]
fn several_are_played_in_the_order_of_their_names() {
    let (code, out, _) = in_columns("80", &["wide-clearing", "stale-queue"]);
    assert_eq!(code, 0);
    let position = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text}: {out}"));
    assert!(position("D is 2, the truth is 11") < position("D is 3, the truth is 13"));
}

#[test]
fn an_unknown_name_is_an_error_that_lists_all_and_plays_none() {
    let place = directory(&[]);
    let (code, out, err) = run(place.path(), &["counterexamples", "stale-queue", "stale"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("\"stale\""), "{err}");
    for (name, _) in MOMENTS {
        assert!(err.contains(name), "{err}");
    }
}

#[test]
fn a_narrow_terminal_breaks_lines_between_words() {
    for name in MOMENTS.map(|(name, _)| name) {
        let also = ["--scheduler", "suspending", "--rebuilder", "deep-constructive-trace"];
        let (_, out, _) = in_columns("40", &[&[name], &also[..]].concat());
        for line in out.lines() {
            assert!(line.chars().count() <= 40, "{name}: {line}");
            assert_eq!(line, line.trim_end(), "{name}");
        }
        assert!(out.contains("✓  right at every step"), "{name}: {out}");
    }
}

#[test]
fn colours_are_used_where_they_are_asked_for() {
    let place = directory(&[]);
    let mut command = alacarte(place.path(), &["counterexamples", "stale-queue"]);
    let out = command.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR").output().expect("it runs");
    let out = String::from_utf8(out.stdout).expect("it prints UTF-8");
    assert!(out.contains("\u{1b}[31m\u{1b}[1m✗  wrong from here: D is 3, the truth is 13\u{1b}[0m"), "{out}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = directory(&[]);
    let mut command = alacarte(place.path(), &["counterexamples", "quadratic-restarts"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Any combination of the menu plays beside those that the scene tells of; of its why nothing is said.
#[test]
fn a_combination_that_is_named_plays_too() {
    let chosen = ["touched-output", "--scheduler", "suspending", "--rebuilder", "modification-time"];
    let (code, out, err) = in_columns("80", &chosen);
    assert_eq!((code, err.as_str()), (0, ""));
    let (told, named) = out.split_once("suspending × modification-time, step by step\n").expect("it plays");
    assert!(told.contains("How it goes wrong: ") && told.contains("How it goes right: "), "{told}");
    let row = "suspending × modification-time  ✗ wrong from step 4: C is 11, the truth is 21\n";
    assert!(told.contains(row), "{told}");
    assert!(named.contains("✗  wrong from here: C is 11, the truth is 21"), "{named}");
    assert!(named.contains("times   A at 4, B at 5, C at 3") && !named.contains("so B stands"), "{named}");

    let (_, out, _) = in_columns("80", &["touched-output", "stale-queue", "--rebuilder", "verifying-trace"]);
    for scheduler in ["topological", "restarting", "suspending"] {
        let title = format!("{scheduler} × verifying-trace, step by step\n");
        assert_eq!(out.matches(&title).count(), 2, "{out}");
    }
    assert_eq!(out.matches("✓  right at every step").count(), 2 + 6, "{out}");

    let deep = ["frankenbuild", "--scheduler", "suspending", "--rebuilder", "deep-constructive-trace"];
    let (_, out, _) = in_columns("100", &deep);
    let (_, named) = out.split_once("suspending × deep-constructive-trace, step by step\n").expect("it plays");
    assert!(named.contains("(it promises right values only where tasks are deterministic)"), "{named}");

    let mut all = MOMENTS.map(|(name, _)| name).to_vec();
    all.extend(["--scheduler", "suspending", "--rebuilder", "verifying-trace"]);
    let (_, out, _) = in_columns("80", &all);
    let widest = out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns");
    assert_eq!(out.matches("suspending × verifying-trace  ").count(), MOMENTS.len(), "{out}");
}

#[test]
fn who_cannot_play_is_left_out_with_the_reason() {
    let (code, out, err) = in_columns("80", &["undeclared-input", "--scheduler", "topological"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let named = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let says =
        "topological × verifying-trace left out: topological orders tasks beforehand, and a task here finds what it";
    assert!(named.contains(says), "{out}");
    assert!(!out.contains("topological × verifying-trace, step by step"), "{out}");
}

#[test]
fn a_combination_needs_a_scene_and_a_name_of_the_menu() {
    let (code, out, err) = in_columns("80", &["--scheduler", "suspending"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("NAME"), "{err}");
    let (code, out, err) = in_columns("80", &["stale-queue", "--rebuilder", "mine"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("verifying-trace"), "{err}");
}
