//! The fixed cases of `tests/`, as one program: it is linked once (and once a mutant), and takes a few seconds.
#![allow(clippy::duplicate_mod, reason = "each of them has its own copy of what they share")]

#[path = "../tests/cases.rs"]
mod cases;
#[path = "../tests/circles.rs"]
mod circles;
#[path = "../tests/combinators.rs"]
mod combinators;
#[path = "../tests/counts.rs"]
mod counts;
#[path = "../tests/defects.rs"]
mod defects;
#[path = "../tests/descending.rs"]
mod descending;
#[path = "../tests/detached.rs"]
mod detached;
#[path = "../tests/documents.rs"]
mod documents;
#[path = "../tests/events.rs"]
mod events;
#[path = "../tests/evictions.rs"]
mod evictions;
#[path = "../tests/faults.rs"]
mod faults;
#[path = "../tests/foreign_ids.rs"]
mod foreign_ids;
#[path = "../tests/forgetting.rs"]
mod forgetting;
#[path = "../tests/imported.rs"]
mod imported;
#[path = "../tests/imports.rs"]
mod imports;
#[path = "../tests/misuse.rs"]
mod misuse;
#[path = "../tests/noticing.rs"]
mod noticing;
#[path = "../tests/order.rs"]
mod order;
#[path = "../tests/partial.rs"]
mod partial;
#[path = "../tests/public_names.rs"]
mod public_names;
#[path = "../tests/reasons.rs"]
mod reasons;
#[path = "../tests/rechecked.rs"]
mod rechecked;
#[path = "../tests/regressions.rs"]
mod regressions;
#[path = "../tests/sharing.rs"]
mod sharing;
#[path = "../tests/stopping.rs"]
mod stopping;
#[path = "../tests/strategy_panics.rs"]
mod strategy_panics;
#[path = "../tests/suspects.rs"]
mod suspects;
#[path = "../tests/tasks.rs"]
mod tasks;
#[path = "../tests/tolerance.rs"]
mod tolerance;
#[path = "../tests/typed.rs"]
mod typed;
#[path = "../tests/user.rs"]
mod user;
#[path = "../tests/values.rs"]
mod values;
#[path = "../tests/waiting.rs"]
mod waiting;
#[path = "../tests/walks.rs"]
mod walks;
#[path = "../tests/wrapped.rs"]
mod wrapped;

/// Files that belong to no program are tests that nobody runs.
#[test]
fn every_file_of_tests_is_run() {
    let (these, others) = (include_str!("fixed.rs"), include_str!("../Cargo.toml"));
    let directory = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).expect("it is there");
    for file in directory {
        let name = file.expect("it can be read").file_name().into_string().expect("a name");
        let Some(stem) = name.strip_suffix(".rs") else { continue };
        let run = these.contains(&format!("tests/{name}")) || others.contains(&format!("name = \"{stem}\""));
        assert!(run, "tests/{name} belongs to no program: add it to mutants/fixed.rs, or to Cargo.toml");
    }
}
