//! Output that nobody reads any more (`… 2>&1 | head -1`): every command does what it would have done, and ends so. Output that has no
//! room (`/dev/full`): what a command was asked for and cannot write is an error. None panics.

mod common;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{alacarte, directory};

const MANIFEST: &str = "rule cp\n  command = cp $in $out && echo made $out\n\
                        rule fail\n  command = echo no; false\n\
                        build a: cp source\nbuild b: cp a\nbuild bad: fail source\nbuild in/$ place: cp b\ndefault b in/$ place\n";

/// A pipe whose reader has gone away.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn place() -> tempfile::TempDir {
    let place = directory(&[
        ("build.ninja", MANIFEST),
        ("broken.ninja", "build x\n"),
        ("source", "1\n"),
        ("sheet.csv", "1,=A1+1\n"),
        ("again/build.ninja", MANIFEST),
        ("again/source", "1\n"),
    ]);
    // A build has been there before, and kept copies.
    let built = alacarte(
        &place.path().join("again"),
        &["build", "--rebuilder", "constructive-trace", "--cache", "../.cache/alacarte"],
    )
    .output();
    assert!(built.expect("it starts").status.success());
    place
}

fn as_ninja(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
    command.env("XDG_CACHE_HOME", directory.join(".cache"));
    command
}

/// A disk that is full.
fn full() -> Stdio {
    File::create("/dev/full").expect("the device").into()
}

/// What comes of it in a place of its own.
fn outcome(command: fn(&Path, &[&str]) -> Command, arguments: &[&str], outputs: Option<fn() -> Stdio>) -> Output {
    let place = place();
    let mut command = command(place.path(), arguments);
    if let Some(to) = outputs {
        command.stdout(to()).stderr(to());
    }
    command.output().expect("it starts")
}

/// As it ends where all is read, and where nothing is; and it ends of itself where nothing can be written.
fn hold(command: fn(&Path, &[&str]) -> Command, arguments: &[&str]) {
    let heard = outcome(command, arguments, None);
    assert!(!String::from_utf8_lossy(&heard.stderr).contains("panicked"), "{arguments:?}");
    let code = heard.status.code();
    assert!(code.is_some_and(|code| code != 101), "{arguments:?} ends with {code:?}");
    let silent = outcome(command, arguments, Some(closed)).status.code();
    assert_eq!(silent, code, "{arguments:?}, where nobody reads what it says");
    let cut = outcome(command, arguments, Some(full)).status.code();
    assert!(cut.is_some_and(|code| code != 101), "{arguments:?} ends with {cut:?} on a full disk");
}

/// What a command was asked for cannot be written: it fails.
fn hold_to_its_answer(command: fn(&Path, &[&str]) -> Command, arguments: &[&str]) {
    assert!(outcome(command, arguments, None).status.success(), "{arguments:?}");
    let place = place();
    let cut = command(place.path(), arguments).stdout(full()).output().expect("it starts");
    let told = String::from_utf8_lossy(&cut.stderr);
    assert!(!cut.status.success(), "{arguments:?} ends well without its answer");
    assert!(told.contains("No space left"), "{arguments:?}: {told}");
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    for line in [
        "explain -C again b",
        "history -C again",
        "history -C again critical-path",
        "cache stats .cache/alacarte",
        "cache verify .cache/alacarte",
        "compare sheet.csv",
        "compare sheet.csv --format csv",
        "compare sheet.csv --format json",
        "systems",
        "claims --cases 2",
        "check --cases 2 --scheduler suspending --rebuilder dirty-bit",
        "counterexamples",
        "counterexamples stale-queue",
    ] {
        hold_to_its_answer(alacarte, &line.split(' ').collect::<Vec<_>>());
    }
    for line in [
        "-t list",
        "-t targets all",
        "-t query b",
        "-t commands",
        "-t inputs b",
        "-t graph",
        "-t compdb",
        "-t rules",
        "-t missingdeps",
    ] {
        hold_to_its_answer(as_ninja, &line.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn every_command_ends_as_where_all_is_read() {
    for line in [
        "build",
        "build --explain -v",
        "build bad",
        "build -k bad a",
        "build nothing",
        "build -f broken.ninja",
        "build -f missing.ninja",
        "build -C nowhere",
        "build --profile profile.json",
        "build --profile no/where/profile.json",
        "build -C again",
        "build -C again --recheck 100",
        "build --cache .cache/alacarte --recheck 100",
        "build --scheduler nonsense",
        "explain -C again b",
        "explain -C again nothing",
        "history -C again",
        "history -C again diff 1 1",
        "history -C again critical-path",
        "history -C again profile 1 profile.json",
        "history",
        "cache stats",
        "cache verify",
        "cache gc --max-size 1",
        "cache clear",
        "cache stats nowhere",
        "compare sheet.csv",
        "compare sheet.csv --format csv",
        "compare sheet.csv --format json",
        "compare nothing.csv",
        "systems",
        "claims --cases 2",
        "check --cases 2 --scheduler suspending --rebuilder dirty-bit",
        "check --cases 2 --scheduler suspending --rebuilder modification-time",
        "counterexamples",
        "counterexamples stale-queue",
        "counterexamples nothing",
        "new rebuilder mine",
        "new rebuilder again",
        "nonsense",
        "--help",
        "--version",
        "build --help",
    ] {
        hold(alacarte, &line.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn so_does_the_command_in_ninja_s_place() {
    for line in [
        "",
        "-v",
        "-n",
        "-d explain",
        "-d stats",
        "--quiet",
        "bad",
        "-k0 bad a",
        "nothing",
        "-f broken.ninja",
        "-f missing.ninja",
        "-C nowhere",
        "-C again",
        "-C again -d stats",
        "-w nonsense",
        "-d nonsense",
        "-j",
        "-z",
        "--help",
        "--version",
        "-t list",
        "-t nonsense",
        "-t targets all",
        "-t targets rule",
        "-t query b",
        "-t query nothing",
        "-t commands",
        "-t inputs b",
        "-t multi-inputs b",
        "-t graph",
        "-t compdb",
        "-t compdb-targets b",
        "-t rules",
        "-t deps",
        "-t missingdeps",
        "-t recompact",
        "-t restat",
        "-t clean",
        "-C again -t clean",
        "-C again -t cleandead",
    ] {
        hold(as_ninja, &line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>());
    }
}
