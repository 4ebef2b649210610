//! `alacarte build`, from outside: what it builds, what it says when something is wrong, what an interrupted build keeps.

mod common;

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{alacarte, directory, run};

const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];
const REBUILDERS: [&str; 6] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "perpetual", "modification-time"];

const COPY: &str = "rule cp\n  command = cat $in > $out && echo $out >> ran\n";

fn manifest(builds: &str) -> tempfile::TempDir {
    directory(&[("build.ninja", &format!("{COPY}{builds}")), ("a", "1\n"), ("b", "2\n")])
}

#[test]
fn every_combination_builds_and_then_has_nothing_to_do() {
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = manifest("build x: cp a b\nbuild y: cp x\n");
            let arguments = ["build", "--scheduler", scheduler, "--rebuilder", rebuilder];
            let (code, out, err) = run(project.path(), &arguments);
            assert_eq!(code, 0, "{scheduler} × {rebuilder}: {out}{err}");
            assert_eq!(fs::read_to_string(project.path().join("y")).expect("y"), "1\n2\n");
            let (code, out, _) = run(project.path(), &arguments);
            assert_eq!(code, 0);
            let again = if rebuilder == "perpetual" { "ran 2 commands" } else { "nothing to do" };
            assert!(out.contains(again), "{scheduler} × {rebuilder}: {out}");
        }
    }
}

#[test]
fn any_combination_takes_over_where_another_stopped() {
    let project = manifest("build x: cp a b\nbuild y: cp x\n");
    assert_eq!(run(project.path(), &["build"]).0, 0);
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS.into_iter().filter(|rebuilder| *rebuilder != "perpetual") {
            let arguments = ["build", "--scheduler", scheduler, "--rebuilder", rebuilder];
            let (_, out, err) = run(project.path(), &arguments);
            assert!(out.contains("nothing to do"), "{scheduler} × {rebuilder}: {out}{err}");
        }
    }
}

#[test]
fn a_failing_command_fails_its_dependents_by_name_and_the_rest_goes_on_if_asked_to() {
    let project = manifest(
        "rule no\n  command = echo it cannot be; exit 3\n\
         build bad: no a\nbuild worse: cp bad\nbuild good: cp b\nbuild better: cp good\n",
    );
    let (code, out, err) = run(project.path(), &["build", "-j1", "worse", "better"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("FAILED: [exit status 3] bad\n") && out.contains("it cannot be"), "{out}");
    assert_eq!(err, "alacarte: a command failed\nalacarte: not built because of that: worse (needs bad)\n");
    assert!(!project.path().join("better").exists(), "it stops at the first failure");
    let (code, _, err) = run(project.path(), &["build", "--keep-going", "worse", "better"]);
    assert_eq!(code, 1);
    assert!(err.contains("worse (needs bad)") && project.path().join("better").exists(), "{err}");
}

#[test]
fn a_cycle_is_an_error_that_prints_its_path_from_every_scheduler() {
    for scheduler in SCHEDULERS {
        let project = manifest("build x: cp y\nbuild y: cp z\nbuild z: cp x\n");
        let (code, _, err) = run(project.path(), &["build", "--scheduler", scheduler, "x"]);
        assert_eq!(code, 1, "{scheduler}: {err}");
        assert!(err.contains("a cycle: x → y → z → x"), "{scheduler}: {err}");
    }
}

#[test]
fn a_missing_source_is_named_with_who_needs_it() {
    let project = manifest("build x: cp nowhere\n");
    for scheduler in SCHEDULERS {
        let (code, _, err) = run(project.path(), &["build", "--scheduler", scheduler]);
        assert_eq!(code, 1);
        let expected = "'nowhere', needed by 'x', missing and no known rule to make it";
        assert!(err.contains(expected), "{scheduler}: {err}");
    }
}

#[test]
fn an_unknown_target_is_an_error_with_the_nearest_name() {
    let project = manifest("build program: cp a\n");
    let (code, _, err) = run(project.path(), &["build", "progarm"]);
    assert_eq!(code, 1);
    assert!(err.contains("no target is called progarm") && err.contains("'program'"), "{err}");
}

#[test]
fn a_manifest_that_does_not_parse_names_file_line_and_column() {
    let project = directory(&[("build.ninja", "rule cc\n  command = cc\nbuild x cc a\n")]);
    let (code, _, err) = run(project.path(), &["build"]);
    assert_eq!(code, 1);
    assert!(err.contains("build.ninja:3:"), "{err}");
    let empty = directory(&[]);
    let (code, _, err) = run(empty.path(), &["build"]);
    assert_eq!(code, 1);
    assert!(err.contains("build.ninja"), "{err}");
}

#[test]
fn wrong_arguments_list_what_is_possible() {
    let empty = directory(&[]);
    let (code, _, err) = run(empty.path(), &["build", "--scheduler", "magic"]);
    assert_eq!(code, 2);
    assert!(err.contains("topological, restarting, suspending, bottom-up"), "{err}");
    let (code, _, err) = run(empty.path(), &["build", "-j0"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn changed_flags_run_a_command_again_but_not_under_modification_times() {
    for (rebuilder, again) in [("verifying-trace", true), ("dirty-bit", true), ("modification-time", false)] {
        let project = manifest("build x: cp a\n");
        run(project.path(), &["build", "--rebuilder", rebuilder]);
        fs::write(project.path().join("build.ninja"), format!("{COPY}build x: cp a b\n").replace("cat", "cat -u"))
            .expect("a manifest");
        let (_, out, _) = run(project.path(), &["build", "--rebuilder", rebuilder]);
        assert_eq!(out.contains("ran 1 command"), again, "{rebuilder}: {out}");
    }
}

#[test]
fn an_interrupted_build_keeps_what_it_finished_and_kills_what_runs() {
    let project = manifest(
        "rule slow\n  command = echo begun > begun && sleep 30 && echo done > $out\n\
         build x: cp a\nbuild y: slow x\n",
    );
    let mut child = alacarte(project.path(), &["build"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let limit = Instant::now() + Duration::from_secs(20);
    while !project.path().join("begun").exists() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
    assert!(!project.path().join("y").exists());
    let (code, out, err) = run(project.path(), &["build", "x"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("nothing to do"), "x had ended before: {out}");
}

#[test]
fn a_directory_that_cannot_be_written_is_a_clear_error() {
    let project = manifest("build x: cp a\n");
    // A file where the directory of the journal must go: an obstacle even to root.
    fs::write(project.path().join(".alacarte"), "in the way").expect("a file");
    let (code, _, err) = run(project.path(), &["build"]);
    assert_eq!(code, 1);
    assert!(err.contains(".alacarte"), "{err}");
}

#[test]
fn why_a_command_runs_is_explained() {
    let project = manifest("build x: cp a\nbuild y: cp x\n");
    run(project.path(), &["build"]);
    fs::write(project.path().join("a"), "3\n").expect("a file");
    let (_, out, _) = run(project.path(), &["build", "--explain"]);
    assert!(out.contains("x: a changed from ") && out.contains("y: x changed from "), "{out}");
}

#[test]
fn a_manifest_that_its_own_build_makes_is_made_first() {
    let project = directory(&[
        ("in", "build x: cp a\n"),
        ("a", "1\n"),
        (
            "build.ninja",
            "rule make\n  command = (sed -n 1,6p build.ninja && cat in) > next && mv next build.ninja\n  generator = 1\n\
             rule cp\n  command = cp $in $out\nbuild build.ninja: make in\nbuild x: cp a\n",
        ),
    ]);
    let (code, out, err) = run(project.path(), &["build", "x"]);
    assert_eq!(code, 0, "{out}{err}");
    fs::write(project.path().join("in"), "build x: cp a\nbuild z: cp a\n").expect("a file");
    let (code, out, err) = run(project.path(), &["build", "z"]);
    assert_eq!(code, 0, "z is known only to the manifest that is made: {out}{err}");
    assert!(project.path().join("z").exists());
}

#[test]
fn a_header_that_a_depfile_names_in_another_spelling_or_as_a_second_output_is_known() {
    for scheduler in SCHEDULERS {
        let project = directory(&[("a", "1\n"), ("in", "2\n")]);
        let absolute = project.path().canonicalize().expect("a path");
        let manifest = format!(
            "rule gen\n  command = cp in gen.h && cp in other.h\n\
             rule cc\n  command = cat a gen.h other.h > $out && echo '$out: a {0}/gen.h other.h' > $out.d\n  \
             depfile = $out.d\n  deps = gcc\n\
             build gen.h other.h | {0}/gen.h: gen in\nbuild o: cc a || gen.h\n",
            absolute.display()
        );
        fs::write(project.path().join("build.ninja"), manifest).expect("a manifest");
        let (code, out, err) = run(project.path(), &["build", "--scheduler", scheduler, "o"]);
        assert_eq!(code, 0, "{scheduler}: {out}{err}");
        assert!(out.contains("ran 2 commands"), "{scheduler}: {out}");
        let (_, out, _) = run(project.path(), &["build", "--scheduler", scheduler, "o"]);
        assert!(out.contains("nothing to do"), "{scheduler}: {out}");
        fs::write(project.path().join("in"), "3\n").expect("a file");
        let (_, out, _) = run(project.path(), &["build", "--scheduler", scheduler, "o"]);
        assert!(out.contains("ran 2 commands"), "{scheduler}: a changed header is seen: {out}");
        assert_eq!(fs::read_to_string(project.path().join("o")).expect("o"), "1\n3\n3\n");
    }
}

#[test]
fn a_command_that_makes_the_manifest_may_rewrite_what_it_reads() {
    let project = directory(&[
        (
            "build.ninja",
            "rule regen\n  command = echo x >> state; touch build.ninja\n  generator = 1\n\
             rule e\n  command = echo hi > $out\n\
             build build.ninja: regen state\nbuild state: phony\nbuild o: e\ndefault o\n",
        ),
        ("state", "s\n"),
    ]);
    for again in [false, true] {
        let (code, out, err) = run(project.path(), &["build"]);
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(out.contains("nothing to do"), again, "{out}");
    }
}

#[test]
fn a_missing_directory_is_named() {
    let place = directory(&[]);
    let (code, _, err) = run(place.path(), &["build", "-C", "nowhere"]);
    assert_eq!(code, 1);
    assert!(err.contains("no directory nowhere"), "{err}");
}

/// The place of an error can be opened from where the program was called; in ninja's place, from the directory that it says it enters.
#[test]
fn an_error_in_a_manifest_names_the_file_from_where_the_user_stands() {
    let twice = "rule t\n  command = touch $out\nbuild o: t\nbuild o: t\n";
    let project = directory(&[
        ("b/wrong.ninja", "rule\n"),
        ("b/around.ninja", "include wrong.ninja\n"),
        ("b/twice.ninja", twice),
    ]);
    let absolute = project.path().join("b").display().to_string();
    for (file, place) in [
        ("wrong.ninja", "wrong.ninja:1:5: "),
        ("around.ninja", "wrong.ninja:1:5: "),
        ("twice.ninja", "twice.ninja:4:7: "),
        ("none.ninja", "none.ninja: "),
    ] {
        for (directory, prefix) in [("b", "b/".to_owned()), (&absolute, format!("{absolute}/"))] {
            let (code, _, err) = run(project.path(), &["build", "-C", directory, "-f", file]);
            assert!(code == 1 && err.contains(&format!("{prefix}{place}")), "{err}");
        }
        let (code, _, err) = run(&project.path().join("b"), &["build", "-f", file]);
        assert!(code == 1 && err.contains(place) && !err.contains("b/"), "{err}");
    }
}

#[test]
fn a_manifest_that_is_restored_from_the_cache_is_read_again() {
    for rebuilder in ["constructive-trace", "deep-constructive-trace", "verifying-trace", "perpetual"] {
        let project = directory(&[
            ("cfg", "1\n"),
            ("i", "A\n"),
            (
                "build.ninja",
                "rule make\n  command = sed '/^build o/d' build.ninja > next && echo \"build o$$(cat cfg): cp i\" >> next && \
                 mv next build.ninja\n  generator = 1\nrule cp\n  command = cp $in $out\n\
                 build build.ninja: make cfg\nbuild o1: cp i\n",
            ),
        ]);
        let arguments = ["build", "--rebuilder", rebuilder];
        for (cfg, input, output) in [("1", "A", "o1"), ("2", "A", "o2"), ("1", "B", "o1")] {
            std::thread::sleep(Duration::from_millis(15));
            fs::write(project.path().join("cfg"), format!("{cfg}\n")).expect("a file");
            fs::write(project.path().join("i"), format!("{input}\n")).expect("a file");
            let (code, out, err) = run(project.path(), &arguments);
            assert_eq!(code, 0, "{rebuilder}: {out}{err}");
            let made = fs::read_to_string(project.path().join(output)).expect("an output");
            assert_eq!(made, format!("{input}\n"), "{rebuilder}");
        }
    }
}

#[test]
fn nothing_to_do_writes_nothing_even_after_a_revert() {
    for rebuilder in ["verifying-trace", "constructive-trace", "deep-constructive-trace", "dirty-bit"] {
        let project = manifest("build x: cp a\nbuild y: cp x\n");
        let arguments = ["build", "--rebuilder", rebuilder];
        for text in ["1\n", "2\n", "1\n"] {
            fs::write(project.path().join("a"), text).expect("a file");
            assert_eq!(run(project.path(), &arguments).0, 0);
        }
        let size = || fs::metadata(project.path().join(".alacarte/journal")).expect("a journal").len();
        run(project.path(), &arguments);
        let settled = size();
        for _ in 0..3 {
            assert!(run(project.path(), &arguments).1.contains("nothing to do"));
            assert_eq!(size(), settled, "{rebuilder}");
        }
    }
}

#[test]
fn a_build_directory_behind_a_link_and_a_way_out_and_back_in_name_the_same_files() {
    for spelling in ["$PWD/gen.h", "../$(basename $PWD)/gen.h"] {
        let place = directory(&[
            ("real/h.in", "1\n"),
            ("real/c", "c\n"),
            (
                "real/build.ninja",
                &format!(
                    "rule gen\n  command = cp $in $out\n\
                     rule cc\n  command = cat c gen.h > $out && echo \"$out: c {}\" > $out.d\n  \
                     depfile = $out.d\n  deps = gcc\n\
                     build gen.h: gen h.in\nbuild o: cc c || gen.h\n",
                    spelling.replace('$', "$$")
                ),
            ),
        ]);
        std::os::unix::fs::symlink(place.path().join("real"), place.path().join("link")).expect("a link");
        for text in ["1\n", "2\n", "3\n"] {
            fs::write(place.path().join("real/h.in"), text).expect("a file");
            let (code, out, err) = run(&place.path().join("link"), &["build"]);
            assert_eq!(code, 0, "{out}{err}");
            let object = fs::read_to_string(place.path().join("real/o")).expect("o");
            assert_eq!(object, format!("c\n{text}"), "{spelling}: {out}");
        }
    }
}

#[test]
fn sources_and_names_for_files_that_are_there_are_targets_too() {
    let project = manifest("build f: phony\nbuild x: cp a\n");
    fs::write(project.path().join("f"), "").expect("a file");
    for target in ["f", "a", "x"] {
        let (code, out, err) = run(project.path(), &["build", target]);
        assert_eq!(code, 0, "{target}: {out}{err}");
    }
}

#[test]
fn pools_response_files_restat_and_subninja_do_what_ninja_does() {
    // Two of `alone` at once would find the lock taken, and fail.
    let sub = "word = inner\nrule alone\n  command = mkdir lock && sleep 0.05 && rmdir lock && echo $word > $out\n  \
               pool = one\nbuild p1: alone\nbuild p2: alone\nbuild p3: alone\n";
    let main = "word = outer\npool one\n  depth = 1\nsubninja sub.ninja\n\
                rule list\n  command = cat $out.rsp > $out\n  rspfile = $out.rsp\n  rspfile_content = $in and $word\n\
                rule same\n  command = head -c 1 $in | cmp -s - $out || head -c 1 $in > $out\n  restat = 1\n\
                rule two\n  command = cp $in t && cp $in t2\n\
                build l: list p1 p2\nbuild s: same a\nbuild t | t2: two s\n\
                build all: phony p1 p2 p3 l s t\ndefault all\n";
    for scheduler in SCHEDULERS {
        let project = directory(&[("a", "1\n"), ("sub.ninja", sub), ("build.ninja", main)]);
        let arguments = ["build", "-j4", "--scheduler", scheduler];
        let (code, out, err) = run(project.path(), &arguments);
        assert_eq!(code, 0, "{scheduler}: {out}{err}");
        let read = |name: &str| fs::read_to_string(project.path().join(name)).expect(name);
        assert_eq!((read("p3").as_str(), read("l").as_str()), ("inner\n", "p1 p2 and outer"));
        assert!(!project.path().join("l.rsp").exists(), "a response file is gone after success");
        fs::write(project.path().join("a"), "1 more\n").expect("a file");
        let (_, out, _) = run(project.path(), &arguments);
        assert!(out.contains("ran 1 command"), "{scheduler}: s came out equal: {out}");
        fs::remove_file(project.path().join("t2")).expect("t2");
        assert_eq!(run(project.path(), &arguments).0, 0);
        assert_eq!(read("t2"), "1", "{scheduler}: a second output that was deleted is made again");
    }
}

#[test]
fn a_manifest_whose_included_file_alone_is_made_anew_is_read_again() {
    let project = directory(&[
        ("cfg", "first\n"),
        ("rules.ninja", "rule say\n  command = echo first > $out\n"),
        (
            "build.ninja",
            "rule make\n  command = printf 'rule say\\n  command = echo %s > $$out\\n' $$(cat cfg) > rules.ninja && \
             touch build.ninja\n  generator = 1\ninclude rules.ninja\nbuild build.ninja: make cfg\nbuild o: say\n",
        ),
    ]);
    for word in ["first", "second"] {
        std::thread::sleep(Duration::from_millis(15));
        fs::write(project.path().join("cfg"), format!("{word}\n")).expect("a file");
        let (code, out, err) = run(project.path(), &["build", "o"]);
        assert_eq!(code, 0, "{out}{err}");
        assert_eq!(fs::read_to_string(project.path().join("o")).expect("o"), format!("{word}\n"), "{out}");
    }
}

/// What cannot be made for want of a source is said before anything is made of the others, also where the build goes on after failures.
#[test]
fn a_missing_source_is_said_before_any_command_runs() {
    let manifest = "rule cp\n  command = cat $in > $out\nbuild a.o: cp a.c\nbuild b.o: cp b.c || late\nbuild late: cp late.c\nbuild all: phony a.o b.o\n";
    for (there, missing) in
        [(["a.c", "late.c"], "'b.c', needed by 'b.o'"), (["a.c", "b.c"], "'late.c', needed by 'late'")]
    {
        let project = directory(&[("build.ninja", manifest)]);
        let place = project.path();
        there.iter().for_each(|source| fs::write(place.join(source), "1\n").expect("written"));
        for arguments in [&["build"][..], &["build", "-k"], &["build", "-k", "-j4", "all"]] {
            let (code, out, err) = run(place, arguments);
            assert!(code == 1 && !place.join("a.o").exists(), "{out}{err}");
            let line = format!("alacarte: {missing}, missing and no known rule to make it\n");
            assert_eq!(err.matches(&line).count(), 1, "{err}");
        }
        // What is asked for needs it not.
        assert_eq!(run(place, &["build", "a.o"]).0, 0);
    }
}

/// A compiler that names the headers that it reads in what it says, in the language of its user.
#[test]
fn the_notes_of_a_compiler_are_dependencies_and_are_not_shown() {
    let manifest = "msvc_deps_prefix = Hinweis:\nrule cl\n  deps = msvc\n  \
                    command = echo in.c; echo 'Hinweis:  h.h'; echo warning; cat h.h > $out\nbuild out: cl in.c\n";
    let project = directory(&[("build.ninja", manifest), ("in.c", ""), ("h.h", "1")]);
    let (code, out, _) = run(project.path(), &["build"]);
    let rest = out.split_once('\n').map(|(_, rest)| rest);
    assert!(code == 0 && rest.is_some_and(|rest| rest.starts_with("warning\nalacarte: ran 1 command")), "{out}");
    fs::write(project.path().join("h.h"), "2").expect("written");
    assert_eq!(run(project.path(), &["build"]).0, 0);
    assert_eq!(fs::read_to_string(project.path().join("out")).expect("built"), "2");
}

#[test]
fn colours_are_for_a_terminal_and_for_who_asks_for_them() {
    let manifest = "rule red\n  command = printf '\\033[31mred\\033[0m\\n'; touch $out\nbuild out: red\n";
    let project = directory(&[("build.ninja", manifest)]);
    assert!(run(project.path(), &["build"]).1.contains("\nred\n"));
    for (forced, said) in [("1", "\n\x1b[31mred\x1b[0m\n"), ("0", "\nred\n")] {
        fs::remove_file(project.path().join("out")).expect("removed");
        let said_now = alacarte(project.path(), &["build"]).env("CLICOLOR_FORCE", forced).output().expect("it runs");
        assert!(String::from_utf8_lossy(&said_now.stdout).contains(said), "{forced}");
    }
}

/// Each command waits until so many have met, and fails if they never do.
fn meeting(count: usize) -> String {
    format!(
        "rule meet\n  command = echo > met.$out; for i in $$(seq 500); do [ $$(ls met.* | wc -l) -ge {count} ] && break; sleep 0.02; done; \
         [ $$(ls met.* | wc -l) -ge {count} ] && touch $out\nrule ar\n  command = touch $out && echo $out >> ran\nrule no\n  command = false\n"
    )
}

/// A chain of libraries, as CMake writes it: each is in order behind the one before, its object is not.
#[test]
fn objects_do_not_wait_for_what_is_in_order_before_their_library() {
    let mut text = meeting(8);
    for number in 1..=8 {
        let before = if number > 1 { format!(" || lib{}", number - 1) } else { String::new() };
        text += &format!("build o{number}: meet\nbuild lib{number}: ar o{number}{before}\n");
    }
    text += "build app: ar lib8\ndefault app\n";
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = directory(&[("build.ninja", &text)]);
            let arguments = ["build", "-j8", "--scheduler", scheduler, "--rebuilder", rebuilder];
            let (code, out, err) = run(project.path(), &arguments);
            assert_eq!(code, 0, "{scheduler} × {rebuilder}: {out}{err}");
            let order = fs::read_to_string(project.path().join("ran")).expect("it ran");
            let expected: Vec<String> = (1..=8).map(|number| format!("lib{number}")).chain(["app".into()]).collect();
            assert_eq!(order.lines().collect::<Vec<_>>(), expected, "{scheduler} × {rebuilder}");
        }
    }
}

#[test]
fn what_does_not_depend_on_a_failed_library_is_built_though_it_is_in_order_behind_it() {
    let text = format!("{}build lib1: no\nbuild o2: ar\nbuild lib2: ar o2 || lib1\n", meeting(1));
    for scheduler in SCHEDULERS {
        for arguments in [&["build", "-k", "lib2"][..], &["build", "-k", "-j1", "lib2"]] {
            let project = directory(&[("build.ninja", &text)]);
            let (code, ..) = run(project.path(), &[arguments, &["--scheduler", scheduler]].concat());
            let built = |name: &str| project.path().join(name).exists();
            assert!(code == 1 && built("o2") && !built("lib2"), "{scheduler}: {arguments:?}");
        }
    }
}

#[test]
fn two_edges_that_make_one_file_are_an_error_in_whatever_spelling() {
    let project = directory(&[("a", "1\n")]);
    let here = project.path().canonicalize().expect("a path");
    let name = here.file_name().expect("a name").to_string_lossy().into_owned();
    for spelling in [format!("{}/o", here.display()), format!("../{name}/o"), "./x/../o".into()] {
        for (first, second) in [("o", &*spelling), (&*spelling, "o"), (&*spelling, &*spelling)] {
            let text = format!("{COPY}build {first}: cp a\nbuild {second}: cp a\n");
            fs::write(project.path().join("build.ninja"), text).expect("written");
            let (code, _, err) = run(project.path(), &["build"]);
            assert!(code == 1 && err.contains("build.ninja:4:") && err.contains("is already defined at"), "{err}");
        }
        // A phony gives it another name.
        let text = format!("{COPY}build {spelling}: phony o\nbuild o: cp a\nbuild p: cp {spelling}\n");
        if !spelling.starts_with('.') || spelling.starts_with("../") {
            fs::write(project.path().join("build.ninja"), text).expect("written");
            for scheduler in SCHEDULERS {
                let _ = fs::remove_file(project.path().join("o"));
                let (code, out, err) = run(project.path(), &["build", "--scheduler", scheduler]);
                assert!(code == 0 && project.path().join("o").exists(), "{scheduler}: {out}{err}");
                let (_, out, _) = run(project.path(), &["build", "--scheduler", scheduler]);
                assert!(out.contains("nothing to do"), "{scheduler}: {out}");
            }
        }
    }
}

#[test]
fn what_depends_on_an_output_that_is_never_made_runs_after_its_command() {
    let text = "rule no\n  command = echo never >> ran\nrule t\n  command = touch $out && echo $out >> ran\n\
                rule half\n  command = touch q && echo q >> ran\n\
                build o: no\nbuild p: t o\nbuild q | r: half\nbuild s: t r\n";
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let project = directory(&[("build.ninja", text)]);
            for _ in 0..2 {
                assert_eq!(run(project.path(), &["build", "--scheduler", scheduler, "--rebuilder", rebuilder]).0, 0);
                let ran = fs::read_to_string(project.path().join("ran")).expect("it ran");
                let mut ran: Vec<&str> = ran.lines().collect();
                ran.sort_unstable();
                assert_eq!(ran, ["never", "p", "q", "s"], "{scheduler} × {rebuilder}");
                fs::remove_file(project.path().join("ran")).expect("removed");
            }
        }
    }
}

#[test]
fn a_folder_that_a_command_removes_is_made_again_for_the_next_output() {
    let text = "rule sh\n  command = $do\nbuild d/e/x: sh\n  do = touch d/e/x; rm -r d\nbuild d/e/y: sh d/e/x\n  do = touch d/e/y\n";
    let project = directory(&[("build.ninja", text)]);
    let (code, out, err) = run(project.path(), &["build"]);
    assert!(code == 0 && project.path().join("d/e/y").exists(), "{out}{err}");
}

#[test]
fn a_rule_that_reports_as_gcc_does_needs_a_depfile() {
    let text = "rule cc\n  command = touch $out\n  deps = gcc\nbuild o: cc\nbuild p: phony\n";
    let project = directory(&[("build.ninja", text)]);
    let (code, _, err) = run(project.path(), &["build", "o"]);
    assert!(code == 1 && err.contains("o: 'deps = gcc' needs a 'depfile'"), "{err}");
    assert!(!project.path().join("o").exists());
    assert_eq!(run(project.path(), &["build", "p"]).0, 0);
}

#[test]
fn validations_of_a_name_for_others_are_built_with_it() {
    let project = manifest("build x: cp a\nbuild v: cp b\nbuild all: phony x |@ v\ndefault all\n");
    for scheduler in SCHEDULERS {
        let _ = fs::remove_file(project.path().join("v"));
        assert_eq!(run(project.path(), &["build", "--scheduler", scheduler]).0, 0);
        assert!(project.path().join("v").exists(), "{scheduler}");
    }
}

#[test]
fn too_few_files_are_an_error_and_no_panic() {
    let project = manifest("build x: cp a\nbuild y: cp a\n");
    for files in 6..24 {
        let line = format!("ulimit -n {files}; exec {} build -j2", env!("CARGO_BIN_EXE_alacarte"));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).current_dir(project.path()).env("XDG_CACHE_HOME", project.path().join(".cache"));
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || output.status.code() == Some(1), "{files}: {err}");
        assert!(!err.contains("panicked") && (output.status.success() || err.contains("files")), "{files}: {err}");
    }
}
