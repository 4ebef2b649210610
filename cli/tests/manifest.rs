//! The manifest is a target: all that its own build makes of it comes first, as CMake, Meson and GN have it made.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{alacarte, directory, run};

const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];
const REBUILDERS: [&str; 6] = [
    "dirty-bit",
    "verifying-trace",
    "constructive-trace",
    "deep-constructive-trace",
    "step-trace",
    "modification-time",
];

/// A project that is played under one combination after another.
struct Project {
    place: tempfile::TempDir,
    combination: [&'static str; 4],
}

impl Project {
    fn path(&self) -> &Path {
        self.place.path()
    }

    /// Files are written a moment after all that was written before.
    fn write(&self, name: &str, text: &str) {
        std::thread::sleep(Duration::from_millis(12));
        fs::write(self.path().join(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// Builds, and says what ran since the last time.
    fn build(&self) -> String {
        let (code, out, err) = run(self.path(), &[&["build"], &self.combination[..]].concat());
        assert_eq!(code, 0, "{:?}: {out}{err}", self.combination);
        let ran = self.read("ran");
        let _ = fs::remove_file(self.path().join("ran"));
        ran.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn every_combination(files: &[(&str, &str)], play: impl Fn(&Project)) {
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let combination = ["--scheduler", scheduler, "--rebuilder", rebuilder];
            let project = Project { place: directory(files), combination };
            // What makes the manifest keeps its head, which is what it is made with.
            project.write("head", &project.read("build.ninja"));
            project.write("build.ninja", &(project.read("build.ninja") + "build out.a: touch\n"));
            play(&project);
        }
    }
}

/// A generator that makes a manifest of a list.
const GENERATE: &str = "rule touch\n  command = touch $out && echo $out >> ran\n\
                        rule regen\n  command = { cat head; for f in $$(cat list); do echo \"build out.$$f: touch\"; done; } > next && mv next build.ninja && echo regen >> ran\n  generator = 1\n";

#[test]
fn globs_are_checked_in_every_build_and_what_they_find_is_built_in_the_same() {
    // As CMake writes it (`file(GLOB … CONFIGURE_DEPENDS)`): a phony that is never there, a stamp that is left alone if nothing changed.
    let manifest = format!(
        "{GENERATE}rule VERIFY_GLOBS\n  command = ls src > now; cmp -s now list || {{ cp now list; touch $out; }}; rm now\n  generator = 1\n\
         build verify_globs.force: phony\nbuild stamp: VERIFY_GLOBS | verify_globs.force\n  restat = 1\n\
         build build.ninja: regen stamp | CMakeLists.txt\nbuild CMakeLists.txt: phony\n"
    );
    let files = [("build.ninja", &*manifest), ("src/a", ""), ("list", "a\n"), ("CMakeLists.txt", ""), ("stamp", "")];
    every_combination(&files, |project| {
        project.build();
        assert_eq!(project.build(), "", "{:?}", project.combination);
        project.write("src/b", "");
        assert_eq!(project.build(), "regen out.b", "{:?}", project.combination);
        assert_eq!(project.build(), "", "{:?}", project.combination);
        fs::remove_file(project.path().join("src/a")).expect("removed");
        assert_eq!(project.build(), "regen", "{:?}", project.combination);
        assert_eq!(project.build(), "", "{:?}", project.combination);
    });
}

#[test]
fn what_the_manifest_is_made_from_is_made_before_it() {
    let manifest = format!(
        "{GENERATE}rule list\n  command = sort list.in > $out && echo $out >> ran\n\
         build list: list list.in\nbuild build.ninja: regen list\n"
    );
    let files = [("build.ninja", &*manifest), ("list.in", "a\n"), ("list", "a\n")];
    every_combination(&files, |project| {
        project.build();
        assert_eq!(project.build(), "", "{:?}", project.combination);
        project.write("list.in", "b\na\n");
        assert_eq!(project.build(), "list regen out.b", "{:?}", project.combination);
        // What ran counts as changed, whatever it made.
        project.write("list.in", "a\nb\n");
        assert_eq!(project.build(), "list regen", "{:?}", project.combination);
        assert_eq!(project.build(), "", "{:?}", project.combination);
    });
}

#[test]
fn an_input_of_the_generator_that_is_gone_and_an_output_that_is_gone_have_it_run() {
    let manifest = format!("{GENERATE}build build.ninja | other: regen list | gone\nbuild gone: phony\n")
        .replace("echo regen", "touch other && echo regen");
    let files = [("build.ninja", &*manifest), ("list", "a\n"), ("gone", ""), ("other", "")];
    every_combination(&files, |project| {
        project.write("other", "");
        project.build();
        assert_eq!(project.build(), "", "{:?}", project.combination);
        fs::remove_file(project.path().join("gone")).expect("removed");
        project.write("head", &project.read("head").replace("list | gone", "list"));
        assert_eq!(project.build(), "regen", "{:?}", project.combination);
        assert_eq!(project.build(), "", "{:?}", project.combination);
        fs::remove_file(project.path().join("other")).expect("removed");
        assert_eq!(project.build(), "regen", "{:?}", project.combination);
        assert!(project.path().join("other").exists());
        assert_eq!(project.build(), "", "{:?}", project.combination);
    });
}

#[test]
fn a_generator_may_rewrite_what_it_reads_and_runs_once_for_each_change() {
    // Meson's, whose `coredata.dat` comes out different each time.
    let manifest = format!(
        "{GENERATE}build build.ninja: regen list meson.build coredata.dat\n  pool = console\n\
         build meson.build coredata.dat: phony\n"
    )
    .replace("echo regen", "date +%N >> coredata.dat && echo regen");
    let files = [("build.ninja", &*manifest), ("list", "a\n"), ("meson.build", "1"), ("coredata.dat", "")];
    every_combination(&files, |project| {
        project.build();
        for text in ["2", "3"] {
            project.write("meson.build", text);
            assert_eq!(project.build(), "regen", "{:?}", project.combination);
            assert_eq!(project.build(), "", "{:?}", project.combination);
            assert_eq!(project.build(), "", "{:?}", project.combination);
        }
        // An older file takes the place of a newer one; times alone do not tell.
        if project.combination[3] != "modification-time" {
            project.write("old", "4");
            let old = fs::File::options().write(true).open(project.path().join("old")).expect("opened");
            old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000)).expect("dated");
            fs::rename(project.path().join("old"), project.path().join("meson.build")).expect("renamed");
            assert_eq!(project.build(), "regen", "{:?}", project.combination);
            assert_eq!(project.build(), "", "{:?}", project.combination);
        }
    });
}

#[test]
fn a_generator_that_tells_by_a_depfile_what_it_reads_is_run_when_that_changes() {
    // GN's: the manifest is a name for a stamp.
    let manifest = format!(
        "{GENERATE}build build.ninja.stamp: regen\n  generator = 1\n  depfile = build.ninja.d\n\
         build build.ninja: phony build.ninja.stamp\n  generator = 1\n"
    )
    .replace("echo regen", "touch $out && echo \"build.ninja.stamp: list BUILD.gn\" > build.ninja.d && echo regen");
    let files = [
        ("build.ninja", &*manifest),
        ("list", "a\n"),
        ("BUILD.gn", "1"),
        ("build.ninja.d", "build.ninja.stamp: list BUILD.gn\n"),
        ("build.ninja.stamp", ""),
    ];
    every_combination(&files, |project| {
        project.write("build.ninja.stamp", "");
        project.build();
        assert_eq!(project.build(), "", "{:?}", project.combination);
        project.write("BUILD.gn", "2");
        assert_eq!(project.build(), "regen", "{:?}", project.combination);
        project.write("list", "a\nb\n");
        assert_eq!(project.build(), "regen out.b", "{:?}", project.combination);
        assert_eq!(project.build(), "", "{:?}", project.combination);
    });
}

#[test]
fn a_manifest_that_comes_out_different_each_time_is_an_error_after_ten_readings() {
    let manifest = "rule regen\n  command = echo \"# $$(date +%N)\" >> build.ninja; echo regen >> ran\n  generator = 1\n\
                    build always: phony\nbuild build.ninja: regen | always\n";
    for scheduler in SCHEDULERS {
        let project = directory(&[("build.ninja", manifest)]);
        let (code, _, err) = run(project.path(), &["build", "--scheduler", scheduler]);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("read 10 times, and the command of build.ninja changed it"), "{err}");
        assert_eq!(fs::read_to_string(project.path().join("ran")).expect("it ran").lines().count(), 10);
    }
    // One that runs each time and writes what it wrote before is taken as it is.
    let steady = manifest.replace("echo \"# $$(date +%N)\" >> build.ninja", "touch build.ninja");
    let project = directory(&[("build.ninja", &steady)]);
    assert_eq!(run(project.path(), &["build"]).0, 0);
}

const COPY: &str = "rule cp\n  command = cp $in $out && echo $out >> ran\n";

#[test]
fn state_lies_in_the_builddir() {
    let files = [("build.ninja", &*format!("builddir = w/x\n{COPY}build w/out: cp in\n")), ("in", "1\n")];
    let project = directory(&files);
    for ran in ["w/out\n", ""] {
        let (code, out, err) = run(project.path(), &["build"]);
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(fs::read_to_string(project.path().join("ran")).unwrap_or_default(), ran);
        let _ = fs::remove_file(project.path().join("ran"));
        assert!(project.path().join("w/x/.alacarte/journal").exists() && !project.path().join(".alacarte").exists());
    }
    let above = project.path().parent().expect("a parent");
    let (_, out, err) = run(above, &["build", "-C", &project.path().display().to_string()]);
    assert!(out.contains("nothing to do"), "{out}{err}");
}

#[test]
fn two_manifests_of_one_directory_remember_each_for_itself() {
    let files = [
        ("build.ninja", &*format!("{COPY}build o: cp in\n")),
        ("sub/a.ninja", &format!("{COPY}build oa: cp in\n")),
        ("b.ninja", &format!("{COPY}build ob: cp oa\n")),
        ("in", "1\n"),
    ];
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = directory(&files);
            let all = || {
                for file in ["build.ninja", "sub/a.ninja", "b.ninja"] {
                    let arguments = ["build", "-f", file, "--scheduler", scheduler, "--rebuilder", rebuilder];
                    let (code, out, err) = run(project.path(), &arguments);
                    assert_eq!(code, 0, "{out}{err}");
                }
                let ran = fs::read_to_string(project.path().join("ran")).unwrap_or_default();
                let _ = fs::remove_file(project.path().join("ran"));
                ran
            };
            assert_eq!(all(), "o\noa\nob\n", "{scheduler} × {rebuilder}");
            assert_eq!(all(), "", "{scheduler} × {rebuilder}");
            std::thread::sleep(Duration::from_millis(12));
            fs::write(project.path().join("in"), "2\n").expect("written");
            assert_eq!(all(), "o\noa\nob\n", "{scheduler} × {rebuilder}");
            assert_eq!(fs::read_to_string(project.path().join("ob")).expect("built"), "2\n");
        }
    }
}

/// A build that is at work until the file `go` is there.
fn busy(project: &Path, arguments: &[&str]) -> Child {
    let mut command = alacarte(project, arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    while !project.join("on").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

const WAIT: &str = "rule wait\n  command = : > on; until [ -e go ]; do sleep 0.01; done; : > $out\n";

#[test]
fn builds_of_two_manifests_of_one_directory_are_not_at_work_at_once() {
    let files = [("build.ninja", &*format!("{WAIT}build w: wait\n")), ("b.ninja", &format!("{WAIT}build v: wait\n"))];
    for (first, second) in [("build.ninja", "b.ninja"), ("b.ninja", "build.ninja")] {
        let project = directory(&files);
        let mut busy = busy(project.path(), &["build", "-f", first]);
        let (code, out, err) = run(project.path(), &["build", "-f", second]);
        assert!(code == 1 && err.contains("another build is running"), "{out}{err}");
        fs::write(project.path().join("go"), "").expect("written");
        assert!(busy.wait().expect("it ends").success());
    }
}

#[test]
fn a_build_that_waited_builds_what_the_manifest_says_when_its_turn_has_come() {
    let files = [("build.ninja", &*format!("{WAIT}build w: wait\nbuild o: phony\n")), ("in", "")];
    let project = directory(&files);
    let mut first = busy(project.path(), &["build", "w"]);
    // Beneath a make, a build waits for another.
    let pipe = project.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it starts").success());
    let _held = fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("opened");
    let flags = format!("-j2 --jobserver-auth=fifo:{}", pipe.display());
    let mut second = alacarte(project.path(), &["build", "o"]);
    let mut second = second.env("MAKEFLAGS", flags).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(second.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("read");
    assert!(line.contains("waiting"), "{line}");
    fs::write(project.path().join("build.ninja"), format!("{WAIT}{COPY}build w: wait\nbuild o: cp in\n"))
        .expect("written");
    fs::write(project.path().join("go"), "").expect("written");
    assert!(first.wait().expect("it ends").success());
    assert!(second.wait().expect("it ends").success());
    assert!(project.path().join("o").exists());
}

/// A file in any bytes, as the case of a public report has it: Latin-1.
fn latin(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

#[test]
fn names_and_the_manifest_itself_are_bytes() {
    let manifest = b"# caf\xe9\nh = h\xe9\nrule cat\n  command = cat $in > $out && cat '$out.rsp' >> $out && echo \"$out: d\xe9/dep\" > $out.d && echo $out >> ran\n  \
          description = h\xe9 $out\n  depfile = $out.d\n  deps = gcc\n  rspfile = $out.rsp\n  rspfile_content = r\xe9\n\
          include inc\xe9.ninja\nbuild out: cat $h.txt\n";
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = directory(&[("in", "1")]);
            let write = |name: &[u8], bytes: &[u8]| {
                std::thread::sleep(Duration::from_millis(12));
                let path = project.path().join(latin(name));
                fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                fs::write(path, bytes).expect("written");
            };
            write(b"h\xe9.txt", b"1");
            write(b"d\xe9/dep", b"1");
            write(
                b"inc\xe9.ninja",
                b"build d\xe8/\xe9.o: cat out\nbuild all\xe9: phony d\xe8/\xe9.o\ndefault all\xe9\n",
            );
            write(b"m\xe9.ninja", manifest);
            let build = |target: Option<&[u8]>| {
                let mut command =
                    alacarte(project.path(), &["build", "--scheduler", scheduler, "--rebuilder", rebuilder, "-f"]);
                command.arg(latin(b"m\xe9.ninja")).args(target.map(OsStr::from_bytes));
                let output = command.output().expect("it starts");
                let said = String::from_utf8(output.stdout).expect("text") + &String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{said}");
                let ran = fs::read(project.path().join("ran")).unwrap_or_default();
                let _ = fs::remove_file(project.path().join("ran"));
                (ran, said)
            };
            let both: &[u8] = b"out\nd\xe8/\xe9.o\n";
            let (ran, said) = build(None);
            assert_eq!(ran, both);
            assert!(said.contains("h\u{fffd} out"), "{said}");
            assert_eq!(fs::read(project.path().join(latin(b"d\xe8/\xe9.o"))).expect("built"), b"1r\xe9r\xe9");
            assert_eq!(build(Some(b"d\xe8/\xe9.o")).0, b"", "{scheduler} × {rebuilder}");
            for edited in [&b"h\xe9.txt"[..], b"d\xe9/dep"] {
                write(edited, b"2");
                assert_eq!(build(None).0, both, "{scheduler} × {rebuilder}");
                assert_eq!(build(None).0, b"", "{scheduler} × {rebuilder}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_manifest_of_odd_bytes_is_said_with_its_place() {
    let project = directory(&[]);
    fs::write(project.path().join("build.ninja"), b"# \xe9\nbuild \xe9\xe9 x: \xe9\n").expect("written");
    let (code, _, err) = run(project.path(), &["build"]);
    assert!(code == 1 && err.contains("build.ninja:2:13: ") && err.contains("build \u{fffd}\u{fffd} x"), "{err}");
}

#[test]
fn a_command_may_change_in_place_what_another_made() {
    // `strip`: what it leaves is the whole of what there is. The library is the maker's second output, and is read again by a third command.
    let manifest = "rule make\n  command = cat s > lib; echo symbols >> lib; touch log; echo make >> ran\n\
                    rule strip\n  command = grep -v symbols lib > t; cat t > lib; rm t; touch $out; echo strip >> ran\n\
                    rule link\n  command = cat lib > $out; echo link >> ran\n\
                    rule touch\n  command = touch $out\n\
                    build log lib: make s\nbuild stripped: strip lib\nbuild program: link lib | stripped\n";
    every_combination(&[("build.ninja", manifest), ("s", "one\n")], |project| {
        let combination = project.combination;
        assert_eq!(project.build(), "make strip link", "{combination:?}");
        assert_eq!((project.build(), project.build()), (String::new(), String::new()), "{combination:?}");
        project.write("s", "two\n");
        assert_eq!(project.build(), "make strip link", "{combination:?}");
        assert_eq!((&*project.read("lib"), &*project.read("program")), ("two\n", "two\n"), "{combination:?}");
        assert_eq!(project.build(), "", "{combination:?}");
        if combination.contains(&"modification-time") {
            // What is younger than all that it is made from is made, for make.
            return;
        }
        // Others may not: it is made again, and stripped again.
        project.write("lib", "oops\n");
        project.build();
        assert_eq!(project.read("program"), "two\n", "{combination:?}");
        // (By a deep trace, it is brought back as its maker made it: what a command does to its inputs, such a trace does not know.)
        let lib = if combination.contains(&"deep-constructive-trace") { "two\nsymbols\n" } else { "two\n" };
        assert_eq!(project.read("lib"), lib, "{combination:?}");
        assert_eq!(project.build(), "", "{combination:?}");
    });
}

#[test]
fn a_source_that_is_edited_before_the_build_ends_was_not_read_so() {
    // While `strip` changes what `make` has made, a person edits what that read.
    let manifest = "rule make\n  command = cat s > lib; echo make >> ran\n\
                    rule strip\n  command = tr -d x < lib > t; cat t > lib; rm t; touch $out; test -e edited || { echo twox > s; touch edited; }; echo strip >> ran\n\
                    rule touch\n  command = touch $out\n\
                    build lib: make s\nbuild stripped: strip lib\n";
    every_combination(&[("build.ninja", manifest), ("s", "onex\n")], |project| {
        let combination = project.combination;
        assert_eq!(project.build(), "make strip", "{combination:?}");
        if combination.contains(&"modification-time") {
            // For make, the library is younger than the edit.
            return;
        }
        assert_eq!(project.build(), "make strip", "{combination:?}");
        assert_eq!((&*project.read("lib"), &*project.build()), ("two\n", ""), "{combination:?}");
    });
}

#[test]
fn a_command_that_changes_a_source_is_believed_the_second_time() {
    // It counts how often it ran, in one of its sources.
    let manifest = "rule touch\n  command = touch $out\n\
                    rule count\n  command = cat s count > $out; echo once more >> count; echo count >> ran\n\
                    build number: count s count\n";
    every_combination(&[("build.ninja", manifest), ("s", "one\n"), ("count", "")], |project| {
        let combination = project.combination;
        assert_eq!(project.build(), "count", "{combination:?}");
        if combination.contains(&"modification-time") {
            // For make, it depends on what the command writes last.
            return;
        }
        // A person may have edited it.
        assert_eq!(project.build(), "count", "{combination:?}");
        assert_eq!((project.build(), project.build()), (String::new(), String::new()), "{combination:?}");
        // From now on it is known.
        project.write("s", "two\n");
        assert_eq!((project.build(), project.build()), ("count".into(), String::new()), "{combination:?}");
        project.write("count", "none\n");
        assert_eq!((project.build(), project.build()), ("count".into(), String::new()), "{combination:?}");
        assert_eq!((&*project.read("number"), &*project.read("count")), ("two\nnone\n", "none\nonce more\n"));
    });
}

#[test]
fn what_comes_before_in_order_is_built_though_what_comes_after_is_kept() {
    // As `app: link … || assets` has it, in a library below: nothing is made from the assets, but whoever runs the program wants them.
    let manifest = "rule copy\n  command = cp $in $out; echo $out >> ran\nrule touch\n  command = touch $out\n\
                    build assets: copy pictures\nbuild group: phony assets\nbuild lib: copy s || group\nbuild app: copy lib\ndefault app\n";
    every_combination(&[("build.ninja", manifest), ("s", "one"), ("pictures", "one")], |project| {
        let combination = project.combination;
        project.build();
        assert_eq!(project.build(), "", "{combination:?}");
        project.write("pictures", "two");
        assert_eq!(project.build(), "assets", "{combination:?}");
        assert_eq!((&*project.read("assets"), project.build()), ("two", String::new()), "{combination:?}");
    });
}
