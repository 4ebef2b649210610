//! What the C project does not show: hand-made manifests over a few small files.

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use alacarte_core::{Event, Journal, Keys};
use alacarte_frontends::ninja::{CommandEvent, Session, Stage};
use alacarte_stores::{FileKey, FileValue, Log, SharedBytes};
use common::{directory, edit, read, start};

const NOTHING: [&str; 0] = [];
const SHAKE: (&str, &str) = ("suspending", "verifying-trace");

/// Copies its inputs, and says so.
const COPY: &str = "rule copy\n  command = cat $in > $out; echo made $out\n";

#[test]
fn a_failing_command_says_how_and_what_it_wrote() {
    let manifest =
        format!("{COPY}rule bad\n  command = echo oh no >&2; exit 3\nbuild a: bad\nbuild b: copy a\nbuild c: copy s\n");
    let at = directory(&[("build.ninja", &manifest), ("s", "s")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    let error = process.run().expect_err("it fails");
    assert!(error.contains("FAILED: [exit status 3] a\necho oh no >&2; exit 3\noh no"), "{error}");
    edit(at.path(), "build.ninja", "exit 3", "kill -9 $$$$");
    let mut process = {
        drop(process);
        start(at.path(), SHAKE.0, SHAKE.1)
    };
    let error = process.run().expect_err("it fails");
    assert!(error.contains("[signal 9: SIGKILL] a"), "{error}");
    edit(at.path(), "build.ninja", "kill -9 $$$$", "touch a");
    let mut process = {
        drop(process);
        start(at.path(), SHAKE.0, SHAKE.1)
    };
    process.run().expect("it builds");
    assert_eq!(process.ran(), NOTHING);
}

#[test]
fn missing_sources_and_cycles_are_named() {
    let at = directory(&[("build.ninja", &format!("{COPY}build a: copy none\n"))]);
    let error = start(at.path(), SHAKE.0, SHAKE.1).run().expect_err("none is missing");
    assert!(error.contains("none"), "{error}");
    let at = directory(&[(
        "build.ninja",
        &format!("{COPY}build a: copy b\nbuild b: copy a\nbuild c: phony a\ndefault c\n"),
    )]);
    for scheduler in ["topological", "restarting", "suspending"] {
        let error = start(at.path(), scheduler, "verifying-trace").run().expect_err("a cycle");
        assert!(error.contains("a → b → a") || error.contains("b → a → b"), "{scheduler}: {error}");
    }
}

#[test]
fn phony_names_pass_changes_on_and_a_name_for_nothing_is_always_new() {
    let manifest = format!(
        "{COPY}build group: phony s t\nbuild nested: phony group\nbuild a: copy s | nested\n\
         build always: phony\nbuild b: copy s | always\nbuild file: phony\nbuild c: copy s | file\n"
    );
    for rebuilder in ["verifying-trace", "modification-time", "dirty-bit", "constructive-trace", "step-trace"] {
        let at = directory(&[("build.ninja", &manifest), ("s", "s"), ("t", "t"), ("file", "f")]);
        let mut process = start(at.path(), "topological", rebuilder);
        assert_eq!(
            BTreeSet::from_iter(process.ran()),
            BTreeSet::from(["a", "b", "c"].map(String::from)),
            "{rebuilder}"
        );
        assert_eq!(process.ran(), ["b"], "{rebuilder}");
        drop(process);
        let mut process = start(at.path(), "suspending", rebuilder);
        assert_eq!(process.ran(), ["b"], "{rebuilder}, another process");
        edit(at.path(), "t", "t", "u");
        assert_eq!(BTreeSet::from_iter(process.ran()), BTreeSet::from(["a", "b"].map(String::from)), "{rebuilder}");
        edit(at.path(), "file", "f", "g");
        assert_eq!(BTreeSet::from_iter(process.ran()), BTreeSet::from(["b", "c"].map(String::from)), "{rebuilder}");
    }
}

#[test]
fn a_header_made_too_late_is_read_again() {
    // Nobody says that `a` needs `h`: gcc would tell afterwards.
    let manifest = "rule read\n  command = (cat h || echo no h) > $out 2> err; echo \"$out: h\" > $out.d\n  \
                    depfile = $out.d\n  deps = gcc\n\
                    rule gen\n  command = cp $in $out\nbuild h: gen s\nbuild a: read\ndefault a\n";
    for scheduler in ["restarting", "suspending"] {
        let at = directory(&[("build.ninja", manifest), ("s", "one")]);
        let mut process = start(at.path(), scheduler, "verifying-trace");
        process.run().expect("it builds");
        assert_eq!(read(at.path(), "a"), "one", "{scheduler}");
        assert_eq!(process.ran(), NOTHING);
        edit(at.path(), "s", "one", "two");
        assert_eq!(process.ran(), ["h", "a"]);
        assert_eq!(read(at.path(), "a"), "two");
        assert_eq!(process.ran(), NOTHING);
    }
    // A topological scheduler has no way to build it in time, and says what to do.
    let at = directory(&[("build.ninja", manifest), ("s", "one")]);
    let error = start(at.path(), "topological", "verifying-trace").run().expect_err("not declared");
    assert!(error.contains("did not declare"), "{error}");
}

#[test]
fn an_input_edited_while_its_command_runs_is_not_believed() {
    let manifest = "rule slow\n  command = cat $in > $out; touch running; sleep 0.1; [ -e once ] || echo edited > s; touch once\n\
                    build a: slow s\n";
    let at = directory(&[("build.ninja", manifest), ("s", "first\n")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    assert_eq!(process.ran(), ["a"]);
    assert_eq!(read(at.path(), "a"), "first\n");
    assert_eq!(process.ran(), ["a"]);
    assert_eq!(read(at.path(), "a"), "edited\n");
    assert_eq!(process.ran(), NOTHING);
    // Nor if it goes back to what it was.
    std::fs::write(at.path().join("s"), "first\n").expect("written");
    assert_eq!(process.ran(), ["a"]);
    assert_eq!(read(at.path(), "a"), "first\n");
}

#[test]
fn a_deleted_header_is_no_error() {
    let manifest = "rule read\n  command = cat $in > $out; ls | grep 'h$$' | sed \"s|^|$out: |\" > $out.d || true\n  depfile = $out.d\n\
                    build a: read s\n";
    let at = directory(&[("build.ninja", manifest), ("s", "s"), ("h", "h")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    assert_eq!(process.ran(), ["a"]);
    assert!(at.path().join("a.d").exists(), "without `deps`, the depfile stays");
    edit(at.path(), "h", "h", "i");
    assert_eq!(process.ran(), ["a"]);
    std::fs::remove_file(at.path().join("h")).expect("removed");
    assert_eq!(process.ran(), ["a"]);
    assert_eq!(process.ran(), NOTHING);
}

#[test]
fn outputs_that_are_not_made_are_tried_again() {
    let manifest =
        format!("{COPY}rule half\n  command = echo $$RANDOM > one\nbuild one | two: half s\nbuild c: copy one\n");
    let at = directory(&[("build.ninja", &manifest), ("s", "s")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    assert_eq!(process.ran(), ["one", "c"]);
    assert_eq!(process.ran().first().map(String::as_str), Some("one"));
}

#[test]
fn what_a_command_writes_comes_as_a_whole_and_response_files_go() {
    let manifest = "rule copy\n  command = cat $$(cat $out.rsp) > $out; echo one; sleep 0.05; echo two; test -e fine\n  \
                    rspfile = $out.rsp\n  rspfile_content = $in\nbuild deep/er/a: copy s t\nbuild b: copy t\n";
    let at = directory(&[("build.ninja", manifest), ("s", "s"), ("t", "t")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    assert!(process.run().is_err());
    assert!(
        at.path().join("deep/er/a.rsp").exists() || at.path().join("b.rsp").exists(),
        "kept for who looks into the failure"
    );
    std::fs::write(at.path().join("fine"), "").expect("written");
    process.printed.borrow_mut().clear();
    assert_eq!(process.ran().len(), 2);
    assert_eq!(*process.printed.borrow(), "one\ntwo\none\ntwo\n");
    assert_eq!(read(at.path(), "deep/er/a"), "st");
    assert!(!at.path().join("deep/er/a.rsp").exists() && !at.path().join("b.rsp").exists());
}

#[test]
fn an_interrupted_build_leaves_no_half_output_and_no_process() {
    let manifest = "rule slow\n  command = echo half > $out; touch running; sleep 1; echo whole > $out; touch late\n\
                    rule copy\n  command = cp $in $out\nbuild q: copy s\nbuild a: slow s | q\n";
    let at = directory(&[("build.ninja", manifest), ("s", "s")]);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    process.interrupt(&at.path().join("running"));
    assert!(!at.path().join("a").exists());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(!at.path().join("late").exists());
    drop(process);
    let mut process = start(at.path(), SHAKE.0, SHAKE.1);
    assert_eq!(process.ran(), ["a"], "what was finished stays finished");
    assert_eq!(read(at.path(), "a"), "whole\n");
}

#[test]
fn a_fresh_checkout_is_restored_and_damaged_copies_are_made_again() {
    let manifest = format!(
        "{COPY}rule two\n  command = cp s one; cp s two; chmod +x two\nbuild one two: two s\nbuild a: copy one two\n"
    );
    let at = directory(&[("build.ninja", &manifest), ("s", "s")]);
    assert_eq!(start(at.path(), "suspending", "constructive-trace").ran(), ["one", "a"]);
    let clean = || {
        for output in ["one", "two", "a", ".alacarte/journal", ".alacarte/files"] {
            std::fs::remove_file(at.path().join(output)).expect("removed");
        }
    };
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        clean();
        let mut process = start(at.path(), "restarting", rebuilder);
        let ran = process.ran();
        // Deep traces are of another kind: the first build with them makes them.
        if rebuilder == "constructive-trace" {
            assert_eq!(ran, NOTHING);
        }
        assert_eq!(read(at.path(), "a"), "ss");
        use std::os::unix::fs::PermissionsExt;
        let mode = |file: &str| at.path().join(file).metadata().expect("there").permissions().mode();
        assert_eq!((mode("one") & 0o100, mode("two") & 0o100), (0, 0o100));
    }
    clean();
    std::fs::remove_dir_all(at.path().join(".alacarte/cas")).expect("removed");
    assert_eq!(start(at.path(), "suspending", "constructive-trace").ran(), ["one", "a"], "no copy is left");
}

#[test]
fn inputs_that_the_manifest_adds_are_noticed() {
    let at =
        directory(&[("build.ninja", "rule r\n  command = cat s t > $out\nbuild a: r s\n"), ("s", "s"), ("t", "t")]);
    assert_eq!(start(at.path(), SHAKE.0, SHAKE.1).ran(), ["a"]);
    edit(at.path(), "build.ninja", "a: r s", "a: r s | t");
    start(at.path(), SHAKE.0, SHAKE.1).run().expect("it builds");
    edit(at.path(), "t", "t", "u");
    assert_eq!(start(at.path(), SHAKE.0, SHAKE.1).ran(), ["a"]);
    assert_eq!(read(at.path(), "a"), "su");
}

#[test]
fn a_touched_file_is_news_to_make_alone() {
    let touch = |at: &std::path::Path| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(at.join("s"), "s").expect("written");
    };
    for (rebuilder, expected) in [("modification-time", vec!["a"]), ("verifying-trace", vec![])] {
        let at = directory(&[("build.ninja", &format!("{COPY}build a: copy s\n")), ("s", "s")]);
        let mut process = start(at.path(), "topological", rebuilder);
        assert_eq!(process.ran(), ["a"]);
        touch(at.path());
        assert_eq!(process.ran(), expected, "{rebuilder}");
        assert_eq!(process.ran(), NOTHING);
        drop(process);
        touch(at.path());
        let mut process = start(at.path(), "topological", rebuilder);
        assert_eq!(process.ran(), expected, "{rebuilder}, while no process ran");
        assert_eq!(process.ran(), NOTHING);
    }
}

/// What lies in a directory that a command makes is not seen, only the names; so it counts as changed whenever the command ran.
#[test]
fn a_command_that_makes_a_directory_changes_it_whenever_it_runs() {
    let manifest = "rule make\n  command = rm -rf $out; mkdir $out && cp $in $out/f\nrule use\n  command = cat $in/f > $out\n\
                    build out/dir: make in\nbuild used: use out/dir\ndefault used\n";
    for by_content in [false, true] {
        for rebuilder in ["verifying-trace", "dirty-bit", "constructive-trace", "deep-constructive-trace", "step-trace"]
        {
            let at = directory(&[("build.ninja", manifest), ("in", "")]);
            let mut session = Session::new(at.path(), "build.ninja");
            session.by_content = by_content;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let ran = || {
                let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
                let rebuilder = alacarte_rebuilders::named(rebuilder).expect("a rebuilder");
                let mut build = session.open(scheduler, rebuilder, |_| {}).expect("it opens");
                let targets = build.tasks().default_targets().to_vec();
                runtime.block_on(build.run_async(targets)).expect("built").ran.len()
            };
            for text in ["one", "two", "one", "three"] {
                std::fs::write(at.path().join("in"), text).expect("written");
                ran();
                assert_eq!(read(at.path(), "used"), text, "{rebuilder}, by content: {by_content}");
                assert_eq!(ran(), 0, "{rebuilder}, by content: {by_content}");
            }
            std::fs::remove_dir_all(at.path().join("out")).expect("removed");
            // (A deep trace looks at inputs alone.)
            assert_eq!(ran() > 0, !rebuilder.contains("deep"), "{rebuilder}, by content: {by_content}");
        }
    }
}

/// A process that is killed has lost nothing that was finished before its last command began.
#[test]
fn what_was_made_is_in_the_journal_when_the_next_command_begins() {
    let at = directory(&[
        ("build.ninja", &format!("{COPY}build a: copy s\nbuild b: copy a\nbuild c: copy b\n")),
        ("s", "s"),
    ]);
    let session = Session::new(at.path(), "build.ninja");
    let journal = session.journal();
    let journals = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&journals);
    let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
    let rebuilder = alacarte_rebuilders::named("verifying-trace").expect("a rebuilder");
    let observer = move |event: CommandEvent<'_>| {
        if let Stage::Started = event.stage {
            told.borrow_mut().push(std::fs::read(&journal).expect("it is there"));
        }
    };
    let mut build = session.open(scheduler, rebuilder, observer).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(build.run_async([FileKey::from("c")])).expect("built");
    // How many runs each of them knows.
    let runs = |journal: &Vec<u8>| {
        let mut log: Log<FileKey, FileValue> = Log::from_bytes(SharedBytes::from(journal.clone()));
        let mut runs = 0;
        let mut count =
            |_: &Keys<FileKey>, event: &Event<'_, FileValue>| runs += usize::from(matches!(event, Event::Built(_)));
        log.replay(&mut Keys::default(), &mut count).expect("read");
        runs
    };
    assert_eq!(journals.borrow().iter().map(runs).collect::<Vec<_>>(), [0, 1, 2]);
}
