//! The small C project of the experiments, built and rebuilt as every system of the menu would.

mod common;

use std::path::Path;
use std::process::Command;

use common::{edit, start};

fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../experiments/workloads/c-project/.");
    let copied = Command::new("cp").arg("-r").arg(source).arg(directory.path()).status();
    assert!(copied.expect("cp runs").success());
    directory
}

const NOTHING: [&str; 0] = [];

/// An edit that changes a value, and one that only changes what a compiler does not see.
fn edits(at: &Path, scheduler: &str, rebuilder: &str) {
    let what = format!("{scheduler} × {rebuilder}");
    let mut process = start(at, scheduler, rebuilder);
    assert_eq!(process.ran().len(), 22, "{what}");
    assert!(at.join("out/pocket").exists() && at.join("out/check.log").exists());
    assert!(!at.join("out/src/main.o.d").exists(), "deps = gcc: the depfile is read and removed");
    assert!(!at.join("out/pocket.rsp").exists());
    assert_eq!(process.ran(), NOTHING, "{what}: nothing changed");
    let bytes = std::fs::metadata(at.join(".alacarte/journal")).expect("kept").len();
    drop(process);

    let mut process = start(at, scheduler, rebuilder);
    assert_eq!(process.ran(), NOTHING, "{what}: another process finds nothing to do");
    drop(process);
    assert_eq!(std::fs::metadata(at.join(".alacarte/journal")).expect("kept").len(), bytes, "{what}");

    let mut process = start(at, scheduler, rebuilder);
    // (Make sees that the page was not written again.)
    let looks_between = rebuilder != "deep-constructive-trace";
    let linked = |ran: Vec<String>| ran.iter().any(|key| key.contains("out/pocket"));
    edit(at, "src/format.c", "large = 1e9;", "large = 1e6;");
    assert_eq!(linked(process.ran()), !looks_between, "{what}: the interface of the library is what it was");
    edit(at, "src/format.c", "large = 1e6;", "large = 1e9;");
    process.ran();
    let source = std::fs::read_to_string(at.join("src/format.c")).expect("read");
    let exported = "\nint exported(void);\nint exported(void) { return 1; }\n";
    std::fs::write(at.join("src/format.c"), format!("{source}{exported}")).expect("written");
    assert!(linked(process.ran()), "{what}: the library exports another function");
    std::fs::write(at.join("src/format.c"), source).expect("written");
    process.ran();
    edit(at, "src/lexer.c", "/* 12, 12.5,", "/* As in 12, 12.5,");
    let again = match rebuilder {
        "modification-time" => 4,
        "deep-constructive-trace" => 5,
        _ => 1,
    };
    let commented = process.ran();
    assert_eq!(commented.len(), again, "{what}: {commented:?}");
    edit(at, "include/pocket.h", "#define POCKET_DIGITS 8 ", "#define POCKET_DIGITS 10");
    let edited = process.ran();
    assert!(edited.len() > 2, "{what}: {edited:?}");
    edit(at, "include/pocket.h", "#define POCKET_DIGITS 10", "#define POCKET_DIGITS 8 ");
    let reverted = process.ran();
    let restores = rebuilder.contains("constructive");
    assert_eq!(reverted.is_empty(), restores, "{what}: {reverted:?}");
    assert_eq!(process.ran(), NOTHING, "{what}: after the header");

    std::fs::remove_file(at.join("out/src/parser.o")).expect("removed");
    let again = process.ran();
    assert_eq!(again.is_empty(), restores, "{what}: {again:?}");
    // Who looks from the targets to the terminal inputs does not see what lies between.
    let seen = (scheduler, rebuilder) != ("suspending", "deep-constructive-trace");
    assert_eq!(at.join("out/src/parser.o").exists(), seen, "{what}");
    std::fs::remove_file(at.join("out/gen/units.md")).expect("removed");
    process.ran();
    assert!(at.join("out/gen/units.md").exists(), "{what}: one of two outputs");
    drop(process);

    edit(at, "build.ninja", "-O1", "-O2");
    let mut process = start(at, scheduler, rebuilder);
    assert_eq!(process.ran().len() >= 15, rebuilder != "modification-time", "{what}: make does not see flags");
    assert_eq!(process.ran(), NOTHING, "{what}: after the flags");
}

macro_rules! systems {
    ($($name:ident = $scheduler:literal $rebuilder:literal;)*) => {$(
        #[test]
        fn $name() {
            edits(project().path(), $scheduler, $rebuilder);
        }
    )*};
}

systems! {
    make = "topological" "modification-time";
    make_with_dirty_bits = "topological" "dirty-bit";
    ninja = "topological" "verifying-trace";
    cloud_build = "topological" "constructive-trace";
    buck = "topological" "deep-constructive-trace";
    excel = "restarting" "dirty-bit";
    bazel = "restarting" "constructive-trace";
    shake = "suspending" "verifying-trace";
    step_shake = "suspending" "step-trace";
    cloud_shake = "suspending" "constructive-trace";
    nix = "suspending" "deep-constructive-trace";
}
