//! `alacarte claims` and `alacarte check`, as a user meets them.

use std::process::{Command, Output};

fn alacarte(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_alacarte")).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn rows(arguments: &[&str]) -> Vec<serde_json::Value> {
    let output = alacarte(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_cell_is_held_or_refuted_by_a_counterexample() {
    let cells = rows(&["claims", "--cases", "40", "--format", "json"]);
    for cell in &cells {
        let refuted = cell["counterexample"].is_string();
        assert_eq!(cell["verdict"], if refuted { "refuted" } else { "held" }, "{cell}");
        let cases = cell["cases"].as_u64().expect("a number");
        assert!(if refuted { (1..=40).contains(&cases) } else { cases == 40 }, "{cell}");
        assert!(cell["paper"].is_null() || cell["paper"].is_boolean(), "{cell}");
    }
    let mut properties: Vec<&str> = cells.iter().map(|cell| cell["property"].as_str().expect("a name")).collect();
    properties.sort_unstable();
    properties.dedup();
    assert_eq!(properties.len(), 10);
    let combinations = cells.iter().filter(|cell| cell["system"].is_null()).count() / properties.len();
    // The paper's twelve, two baselines, step traces, and four under the scheduler that the paper does not have.
    assert_eq!(combinations, 12 + 2 + 1 + 4);
    for system in ["Make", "Excel", "Shake", "Bazel", "Nix", "Buck", "Ninja", "CloudBuild"] {
        assert!(cells.iter().any(|cell| cell["system"] == system), "{system}");
    }
}

/// What sets the four kinds of traces apart is measured, not written down.
#[test]
fn the_matrix_says_what_is_known_of_it() {
    let cells = rows(&["claims", "--cases", "150", "--format", "json"]);
    let verdict = |scheduler: &str, rebuilder: &str, property: &str| {
        let here = |cell: &&serde_json::Value| {
            cell["system"].is_null()
                && (cell["scheduler"] == scheduler && cell["rebuilder"] == rebuilder && cell["property"] == property)
        };
        cells.iter().find(here).expect("a cell")["verdict"].as_str().expect("a verdict").to_owned()
    };
    for scheduler in ["topological", "restarting", "suspending"] {
        let held = |rebuilder, property| assert_eq!(verdict(scheduler, rebuilder, property), "held");
        let refuted = |rebuilder, property| assert_eq!(verdict(scheduler, rebuilder, property), "refuted");
        for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace"] {
            held(rebuilder, "correct");
            held(rebuilder, "early-cutoff");
        }
        held("deep-constructive-trace", "shallow-correct");
        refuted("deep-constructive-trace", "early-cutoff");
        refuted("deep-constructive-trace", "tolerates-non-determinism");
        held("constructive-trace", "cloud-shareable");
        refuted("verifying-trace", "cloud-shareable");
        held("deep-constructive-trace", "survives-revert");
        refuted("dirty-bit", "survives-revert");
    }
    assert_eq!(verdict("topological", "verifying-trace", "dynamic-dependencies"), "refuted");
    assert_eq!(verdict("restarting", "verifying-trace", "no-restarts"), "refuted");
    assert_eq!(verdict("topological", "modification-time", "correct"), "refuted");
}

#[test]
fn claims_are_the_same_for_a_seed_and_can_be_had_in_every_format() {
    let csv = || text(&alacarte(&["claims", "--cases", "5", "--seed", "3", "--format", "csv", "--jobs", "1"]).stdout);
    let first = csv();
    assert!(first.starts_with("scheduler,rebuilder,system,property,verdict,cases,counterexample,paper\n"));
    assert_eq!(first, csv());
    let table = text(&alacarte(&["claims", "--cases", "5"]).stdout);
    assert!(table.contains("named systems") && table.contains("✗"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 110), "{table}");
}

#[test]
fn histories_are_played_and_counted() {
    let rows = rows(&["check", "--cases", "20", "--rebuilder", "verifying-trace", "--format", "json"]);
    // Static tasks for all four schedulers, dynamic ones for three.
    assert_eq!(rows.len(), 7);
    for row in &rows {
        assert_eq!(row["cases"], 20, "{row}");
        assert!(row["broken"].is_null(), "{row}");
        assert!(row["task_runs"].as_u64() > Some(20) && row["scripts"].as_u64() >= Some(100), "{row}");
    }
    let one = ["check", "--cases", "1", "--scheduler", "suspending", "--rebuilder", "dirty-bit", "--tasks", "dynamic"];
    let output = alacarte(&one);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 combination × 1 history, of seed 0"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("1 history in"), "{}", text(&output.stdout));
}

#[test]
fn a_small_scope_is_played_whole() {
    let scope = ["check", "--exhaustive", "--keys", "1", "--steps", "2", "--rebuilder", "verifying-trace"];
    let rows = rows(&[&scope[..], &["--format", "json"]].concat());
    assert_eq!(rows.len(), 7);
    for row in &rows {
        assert!(row["broken"].is_null() && row["cases"].as_u64() > Some(4), "{row}");
        assert_eq!(row["cases"], rows[0]["cases"], "{row}");
    }
    let output = alacarte(&scope);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let begins = "7 combinations × every history of up to 2 steps of 12 programs of up to 1 key";
    assert!(text(&output.stderr).contains(begins), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("✓ every law it promises holds"), "{table}");
    assert_eq!(table.lines().filter(|line| line.ends_with('✓')).count(), 7, "{table}");
    let not = ["restarting does not promise: starts-once", "verifying-trace does not promise: survives-revert, shared"];
    assert_eq!(table.lines().filter(|line| line.contains("promise:")).collect::<Vec<_>>(), not, "{table}");
    assert!(table.lines().all(|line| line.trim_end().chars().count() <= 80), "{table}");
}

#[test]
fn what_makes_no_sense_is_answered_by_what_is_possible() {
    for (arguments, answer) in [
        (&["claims", "--cases", "0"][..], "a whole number from 1 to"),
        (&["check", "--cases", "none"], "a whole number from 1 to"),
        (&["claims", "--seed", "-1"], "a seed is a whole number from 0 to"),
        (&["check", "--seed", "1.5"], "a seed is a whole number from 0 to"),
        (&["check", "--scheduler", "sideways"], "topological, restarting, suspending, bottom-up"),
        (&["check", "--rebuilder", "nobody"], "step-trace"),
        (&["check", "--tasks", "some"], "static, dynamic"),
        (&["claims", "--format", "xml"], "table, json, csv"),
        (&["check", "--scheduler", "topological", "--tasks", "dynamic"], "builds static tasks only"),
        (&["check", "--exhaustive", "--cases", "5"], "cannot be used with"),
        (&["check", "--exhaustive", "--seed", "5"], "cannot be used with"),
        (&["check", "--keys", "2"], "--exhaustive"),
        (&["check", "--exhaustive", "--keys", "4"], "not in 1..=3"),
        (&["check", "--exhaustive", "--steps", "0"], "not in 1..=4"),
        (&["counterexamples", "frankenstein"], "stale-queue, forgotten-inputs"),
    ] {
        let output = alacarte(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(answer), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
