//! What the command says, and does, when its journal is not what the last build left.

mod common;

use std::fs;
use std::process::Command;

use common::{directory, run};

const MANIFEST: &str = "rule cp\n  command = cat $in > $out\nbuild x: cp a\nbuild y: cp x\n";

fn built() -> tempfile::TempDir {
    let project = directory(&[("build.ninja", MANIFEST), ("a", "1\n")]);
    let (code, out, err) = run(project.path(), &["build"]);
    assert_eq!(code, 0, "{out}{err}");
    project
}

#[test]
fn a_journal_of_zeroes_noise_or_nothing_need_not_be_deleted_by_hand() {
    let noise: Vec<u8> = (0..20_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    for (what, bytes, told) in [("zeroes", vec![0; 4096], true), ("noise", noise, true), ("nothing", vec![], false)] {
        let project = built();
        let journal = project.path().join(".alacarte/journal");
        fs::write(&journal, &bytes).expect("written");
        let (code, out, err) = run(project.path(), &["build"]);
        assert_eq!((code, err.contains("set aside")), (0, told), "{what}: {out}{err}");
        if told {
            assert_eq!(fs::read(journal.with_file_name("journal.set-aside")).expect("kept"), bytes, "{what}");
        }
        let (code, out, err) = run(project.path(), &["build"]);
        assert!(code == 0 && err.is_empty() && out.contains("nothing to do"), "{what}: {out}{err}");
        assert_eq!(fs::read_to_string(project.path().join("y")).expect("y"), "1\n");
    }
}

#[test]
fn a_journal_with_a_page_of_zeroes_says_so_and_goes_on() {
    let project = built();
    let journal = project.path().join(".alacarte/journal");
    let mut bytes = fs::read(&journal).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20].fill(0);
    fs::write(&journal, bytes).expect("written");
    let (code, out, err) = run(project.path(), &["build"]);
    assert!(code == 0 && err.contains("the journal was damaged"), "{out}{err}");
    assert_eq!(fs::read_to_string(project.path().join("y")).expect("y"), "1\n");
}

#[test]
fn a_directory_in_the_place_of_the_journal_is_named() {
    let project = built();
    let journal = project.path().join(".alacarte/journal");
    fs::remove_file(&journal).expect("removed");
    fs::create_dir(&journal).expect("made");
    let (code, out, err) = run(project.path(), &["build"]);
    assert!(code != 0 && err.contains("journal") && err.contains("it is no file, but a directory"), "{out}{err}");
}

/// Beside the journal lies what is known of files. Where it cannot be written (here a directory lies in its place), the next build runs more.
#[test]
fn what_is_known_of_files_and_cannot_be_kept_is_told_of_once() {
    let project = built();
    let table = project.path().join(".alacarte/files");
    fs::remove_file(&table).expect("removed");
    fs::create_dir_all(table.join("d")).expect("made");
    for _ in 0..2 {
        let (code, out, err) = run(project.path(), &["build"]);
        assert!(code == 0 && out.contains("ran 2 commands"), "{out}{err}");
        assert!(err.matches("warning").count() == 1 && err.contains(".alacarte/files"), "{err}");
        assert!(err.contains("may run its commands again"), "{err}");
        // As long as nothing changes at all, a glance says so; without it, what is known of files is missed.
        let (code, out, err) = run(project.path(), &["build"]);
        assert!(code == 0 && out.contains("nothing to do") && err.is_empty(), "{out}{err}");
        fs::remove_file(project.path().join(".alacarte/glance")).expect("removed");
    }
    assert_eq!(fs::read_to_string(project.path().join("y")).expect("y"), "1\n");
    // What gives way is replaced.
    fs::remove_dir_all(&table).expect("removed");
    assert!(Command::new("mkfifo").arg(&table).status().expect("it starts").success());
    assert_eq!(run(project.path(), &["build"]).0, 0);
    let (_, out, err) = run(project.path(), &["build"]);
    assert!(out.contains("nothing to do") && err.is_empty(), "{out}{err}");
}

/// As on a full disk: no file may grow beyond a few kilobytes, and a process that is told so goes on.
#[test]
fn a_journal_that_cannot_grow_is_said_once_and_costs_what_it_could_not_keep() {
    let edges: String = (0..200).map(|edge| format!("build out{edge}: cp a\n")).collect();
    let text = format!("rule cp\n  command = cat $in > $out\n{edges}");
    for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace"] {
        let project = directory(&[("build.ninja", &text), ("a", "1\n")]);
        let limited = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" build -j 4 --rebuilder {rebuilder}");
        let output = Command::new("sh")
            .args(["-c", &limited, env!("CARGO_BIN_EXE_alacarte")])
            .current_dir(project.path())
            .env("XDG_CACHE_HOME", project.path().join(".cache"))
            .output()
            .expect("a shell");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{rebuilder}: {err}");
        assert_eq!(err.matches("/journal: ").count(), 1, "{rebuilder}: {err}");
        let (code, out, err) = run(project.path(), &["build", "--rebuilder", rebuilder]);
        assert_eq!(code, 0, "{rebuilder}: {out}{err}");
        let again = out.lines().filter(|line| line.starts_with('[')).count();
        assert!(again < 200, "{rebuilder}: what was kept need not run again: {again} commands ran");
        for edge in 0..200 {
            assert_eq!(fs::read_to_string(project.path().join(format!("out{edge}"))).expect("built"), "1\n");
        }
        let (code, out, err) = run(project.path(), &["build", "--rebuilder", rebuilder]);
        assert!(code == 0 && out.contains("nothing to do"), "{rebuilder}: {out}{err}");
    }
}
