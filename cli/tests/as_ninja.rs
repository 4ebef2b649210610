//! `alacarte-ninja` is called as ninja is: what it prints, how it ends. (What is expected here, ninja 1.13.2 printed.)

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{alacarte, directory};

/// The program with these arguments in this directory, and variables of the environment.
fn ninja_in(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    // (Signals that whoever runs the tests ignores are not ignored here.)
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,QUIT,HUP,TERM", env!("CARGO_BIN_EXE_alacarte-ninja")]);
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    command.env_remove("CLICOLOR_FORCE").env_remove("NINJA_STATUS").env_remove("MAKEFLAGS").env_remove("NO_COLOR");
    command.env("XDG_CACHE_HOME", directory.join(".cache")).envs(variables.iter().copied());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn ninja(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ninja_in(directory, arguments, &[])
}

const MANIFEST: &str = "\
rule fail
  command = echo from $out; exit 3
rule touch
  command = echo $out > $out
  description = T $out
build a: fail
build b: touch source
build c: touch b
build d: touch a
default b c
";

#[test]
fn the_total_counts_what_will_run() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    assert_eq!(ninja(place, &[]), (0, "[1/2] T b\n[2/2] T c\n".into(), "".into()));
    assert_eq!(ninja(place, &[]), (0, "ninja: no work to do.\n".into(), "".into()));
    std::fs::remove_file(place.join("c")).expect("it was made");
    // (It comes back from the cache. For who watches, it is made.)
    assert_eq!(ninja(place, &[]), (0, "[1/1] T c\n".into(), "".into()));
    std::fs::write(place.join("source"), "another").expect("written");
    let status = [("NINJA_STATUS", "<%f %s %t %r %u %p %%> ")];
    let (code, out, _) = ninja_in(place, &["-v", "c"], &status);
    assert_eq!((code, &*out), (0, "<1 1 2 1 1  50% %> echo b > b\n<2 2 2 1 0 100% %> echo c > c\n"));
    let (code, _, err) = ninja_in(place, &[], &[("NINJA_STATUS", "%x")]);
    assert!(code == 1 && err.contains("NINJA_STATUS has %x"), "{err}");
}

/// Another checkout has built the same, with the same cache.
#[test]
fn what_a_command_prints_is_not_lost_to_the_cache() {
    let manifest = "rule silent\n  command = cp $in $out && echo $out >> ran\nrule warn\n  command = cp $in $out && echo $out >> ran; echo beware of $in\n\
                    rule told\n  command = cp $in $out; echo $out >> ran; echo $out: $in > $out.d; echo beware\n  depfile = $out.d\n  deps = gcc\n\
                    build a: silent s\nbuild b: warn a\nbuild c: silent b\nbuild d: told c\nbuild e: silent d\n";
    let cache = directory(&[]);
    let variables = [("ALACARTE_CACHE", cache.path().to_str().expect("text"))];
    let [first, second] = [(); 2].map(|()| directory(&[("build.ninja", manifest), ("s", "s")]));
    let build = |place: &tempfile::TempDir| {
        let (code, out, err) = ninja_in(place.path(), &["-j1"], &variables);
        assert_eq!((code, &*err), (0, ""), "{out}");
        let ran = std::fs::read_to_string(place.path().join("ran")).unwrap_or_default();
        let _ = std::fs::remove_file(place.path().join("ran"));
        (out, ran)
    };
    let (printed, ran) = build(&first);
    assert!(
        printed.contains("] cp a b && echo b >> ran; echo beware of a\nbeware of a\n") && printed.contains("[5/5]"),
        "{printed}"
    );
    assert_eq!(ran, "a\nb\nc\nd\ne\n");
    // By whichever program the cache was filled. (`alacarte build` itself brings everything back.)
    let by_build = |place: &tempfile::TempDir, cache: &Path| {
        let arguments = ["build", "-j1", "--rebuilder", "constructive-trace", "--cache"];
        assert!(alacarte(place.path(), &arguments).arg(cache).output().expect("it starts").status.success());
        std::fs::read_to_string(place.path().join("ran")).unwrap_or_default()
    };
    let other = directory(&[]);
    let [third, fourth, fifth] = [(); 3].map(|()| directory(&[("build.ninja", manifest), ("s", "s")]));
    assert_eq!((&*by_build(&third, other.path()), &*by_build(&fourth, other.path())), ("a\nb\nc\nd\ne\n", ""));
    let shared = [("ALACARTE_CACHE", other.path().to_str().expect("text"))];
    assert_eq!(ninja_in(fifth.path(), &["-j1"], &shared).1, printed);
    // The same is printed, though what said nothing is brought back.
    assert_eq!(build(&second), (printed.clone(), "b\nd\n".into()));
    for place in [&first, &second] {
        assert_eq!(build(place), ("ninja: no work to do.\n".into(), String::new()));
        for output in ["a", "b", "c", "d", "e"] {
            std::fs::remove_file(place.path().join(output)).expect("it was made");
        }
        // (Of what was lost, the next run of its maker is another: what is made from it runs, too, unless content alone tells.)
        assert_eq!(build(place), (printed.clone(), "b\nc\nd\n".into()));
        assert_eq!(build(place), ("ninja: no work to do.\n".into(), String::new()));
    }
}

#[test]
fn a_failure_ends_with_the_code_of_the_command() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    let failed = "[1/1] echo from a; exit 3\nFAILED: [code=3] a \necho from a; exit 3\nfrom a\n";
    let stopped = format!("{failed}ninja: build stopped: subcommand failed.\n");
    assert_eq!(ninja(place, &["a"]), (3, stopped, "".into()));
    let (code, out, err) = ninja(place, &["-k0", "-j1", "d", "c"]);
    assert_eq!((code, &*err), (3, ""), "{out}");
    assert!(out.contains("[3/4] T c\n") && !out.contains("T d"), "{out}");
    assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
    let quiet = ninja(place, &["--quiet", "a"]);
    assert!(quiet.1.starts_with("FAILED: [code=3] a \n"), "{}", quiet.1);
}

/// A compiler that fails leaves the object of the last run where it is.
#[test]
fn what_lies_there_already_is_not_shown_as_made() {
    let manifest = "rule cc\n  command = ! grep -q wrong $in && cp $in $out && echo $out: $in > $out.d\n  depfile = $out.d\n  deps = gcc\n\
                    rule cp\n  command = cp $in $out\nbuild a.o: cc a.c\nbuild lib: cp a.o\nbuild other: cp b\n";
    for dry in [false, true] {
        let place = directory(&[("build.ninja", manifest), ("a.c", "right"), ("b", "")]);
        let place = place.path();
        let write = |file: &str, text| std::fs::write(place.join(file), text).expect("written");
        assert_eq!(ninja(place, &[]).0, 0);
        write("a.c", "wrong");
        assert_eq!(ninja(place, &["lib"]).0, 1);
        write("a.c", "right");
        if dry {
            assert_eq!(ninja(place, &["-n"]), (0, "ninja: no work to do.\n".into(), "".into()));
        }
        assert_eq!(ninja(place, &["lib"]), (0, "ninja: no work to do.\n".into(), "".into()));
        // Nor beside what is made.
        write("a.c", "wrong");
        assert_eq!(ninja(place, &["lib"]).0, 1);
        write("a.c", "right");
        write("b", "edited");
        assert_eq!(ninja(place, &[]), (0, "[1/1] cp b other\n".into(), "".into()));
        assert_eq!(ninja(place, &[]), (0, "ninja: no work to do.\n".into(), "".into()));
    }
}

#[test]
fn so_many_commands_may_fail_as_k_says() {
    let edges: String = (0..6).map(|n| format!("build f{n}: fail\n")).collect();
    let manifest = format!("rule fail\n  command = echo $out >> ran; false\n{edges}");
    for (failures, ran) in [("1", 1), ("2", 2), ("5", 5), ("0", 6), ("-1", 6), ("9", 6)] {
        let place = directory(&[("build.ninja", &manifest)]);
        let (code, out, _) = ninja(place.path(), &["-j1", "-k", failures]);
        let lines = std::fs::read_to_string(place.path().join("ran")).expect("some ran").lines().count();
        assert_eq!((code, lines), (1, ran), "-k {failures}: {out}");
        let stopped = match failures {
            "1" => "subcommand failed",
            "2" | "5" => "subcommands failed",
            _ => "cannot make progress due to previous errors",
        };
        assert!(out.ends_with(&format!("ninja: build stopped: {stopped}.\n")), "-k {failures}: {out}");
    }
    // What only fails because of another does not count.
    let chain = "rule fail\n  command = false\nbuild a: fail\nbuild b: fail a\nbuild c: fail b\n";
    let place = directory(&[("build.ninja", chain)]);
    let (_, out, _) = ninja(place.path(), &["-k3"]);
    assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
}

#[test]
fn a_dry_run_shows_what_would_run_and_changes_nothing() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    for _ in 0..2 {
        assert_eq!(ninja(place, &["-n"]), (0, "[1/2] T b\n[2/2] T c\n".into(), "".into()));
        assert!(!place.join("b").exists());
    }
    assert_eq!(ninja(place, &["-n", "-v", "b"]), (0, "[1/1] echo b > b\n".into(), "".into()));
    ninja(place, &["b"]);
    assert_eq!(ninja(place, &["-n"]), (0, "[1/1] T c\n".into(), "".into()));
}

/// What a dry run has noticed, the build after it has to notice too, whatever the rebuilder goes by.
#[test]
fn what_a_dry_run_has_seen_is_news_to_the_next_build() {
    for rebuilder in ["modification-time", "dirty-bit", "verifying-trace", "constructive-trace", "step-trace"] {
        let chosen = [("ALACARTE_REBUILDER", rebuilder)];
        let place = directory(&[("build.ninja", MANIFEST), ("source", "one")]);
        let place = place.path();
        assert_eq!(ninja_in(place, &["b"], &chosen).1, "[1/1] T b\n");
        std::thread::sleep(std::time::Duration::from_millis(30));
        let text = if rebuilder == "modification-time" { "one" } else { "two" };
        std::fs::write(place.join("source"), text).expect("written");
        for arguments in [&["-n", "b"][..], &["-n", "b"], &["b"]] {
            assert_eq!(ninja_in(place, arguments, &chosen).1, "[1/1] T b\n", "{rebuilder}: {arguments:?}");
        }
        assert_eq!(ninja_in(place, &["b"], &chosen).1, "ninja: no work to do.\n", "{rebuilder}");
    }
}

#[test]
fn targets_are_named_as_for_ninja() {
    let place = directory(&[("sub/build.ninja", MANIFEST), ("sub/source", "")]);
    let at = place.path();
    let entered = "ninja: Entering directory `sub'\n";
    assert_eq!(ninja(at, &["-C", "sub", "source^"]), (0, format!("{entered}[1/1] T b\n"), "".into()));
    for (arguments, said) in [
        (&["-C", "sub", "--quiet", "cc"][..], "ninja: error: unknown target 'cc', did you mean 'c'?\n"),
        (&["-C", "sub", "--quiet", "d^"], "ninja: error: 'd' has no out edge\n"),
        (&["-C", "sub", "--quiet", "nowhere^"], "ninja: error: unknown target 'nowhere'\n"),
        (&["-C", "sub", "--quiet", "sourc^"], "ninja: error: unknown target 'sourc', did you mean 'source'?\n"),
        (&["-C", "sub", "--quiet", ""], "ninja: error: empty path\n"),
        (&["-C", "sub", "--quiet", "clean"], "ninja: error: unknown target 'clean', did you mean 'ninja -t clean'?\n"),
    ] {
        assert_eq!(ninja(at, arguments), (1, "".into(), said.into()));
    }
    let (code, _, err) = ninja(at, &["-C", "nowhere", "--quiet"]);
    assert!(code == 1 && err == "ninja: fatal: chdir to 'nowhere' - No such file or directory\n", "{err}");
    let (code, _, err) = ninja(at, &[]);
    assert_eq!((code, &*err), (1, "ninja: error: loading 'build.ninja': No such file or directory\n"));
    let (code, _, err) = ninja(at, &["-C", "sub", "-t", "targts"]);
    assert_eq!((code, &*err), (1, "ninja: fatal: unknown tool 'targts', did you mean 'targets'?\n"));
}

/// Editors ask for what includes the header at hand.
#[test]
fn what_only_a_command_has_told_of_is_a_target_too() {
    let manifest = "rule cc\n  command = cat $in head.h > $out && echo $out: $in head.h > $out.d\n  depfile = $out.d\n  deps = gcc\n\
                    build a.o: cc a.c\nbuild b.o: cc b.c\n";
    let place = directory(&[("build.ninja", manifest), ("a.c", ""), ("b.c", ""), ("head.h", "")]);
    let place = place.path();
    assert_eq!(ninja(place, &["head.h^"]), (1, "".into(), "ninja: error: unknown target 'head.h'\n".into()));
    assert_eq!(ninja(place, &["-j1"]).0, 0);
    for target in ["head.h", "head.h^", "./head.h^"] {
        assert_eq!(ninja(place, &[target]), (0, "ninja: no work to do.\n".into(), "".into()), "{target}");
    }
    std::fs::write(place.join("head.h"), "edited").expect("written");
    assert_eq!(ninja(place, &["head.h"]), (0, "ninja: no work to do.\n".into(), "".into()));
    let command = "cat a.c head.h > a.o && echo a.o: a.c head.h > a.o.d";
    assert_eq!(ninja(place, &["head.h^"]), (0, format!("[1/1] {command}\n"), "".into()));
    assert_eq!(ninja(place, &["head.h^"]), (0, "ninja: no work to do.\n".into(), "".into()));
}

/// Meson has what no target makes any more removed where it finds them.
#[test]
fn the_logs_of_ninja_are_there_for_those_who_look_for_them() {
    for (arguments, manifest) in [(&[][..], "build.ninja"), (&["-f", "other.ninja"], "other.ninja")] {
        let place = directory(&[(manifest, &format!("builddir = out\n{MANIFEST}")), ("source", "")]);
        let place = place.path();
        let log = |name: &str| std::fs::read(place.join("out").join(name)).ok();
        assert_eq!(ninja(place, &[arguments, &["-n"]].concat()).0, 0);
        assert_eq!((log(".ninja_log"), log(".ninja_deps")), (None, None));
        assert_eq!(ninja(place, arguments).0, 0);
        assert_eq!(log(".ninja_log"), Some(b"# ninja log v7\n".to_vec()));
        assert_eq!(log(".ninja_deps"), Some(b"# ninjadeps\n\x04\0\0\0".to_vec()));
        // Those that a ninja has written stay.
        std::fs::write(place.join("out/.ninja_log"), "# ninja log v7\nb\n").expect("written");
        std::fs::remove_file(place.join("b")).expect("it was made");
        assert_eq!(ninja(place, arguments).0, 0);
        assert_eq!(log(".ninja_log"), Some(b"# ninja log v7\nb\n".to_vec()));
    }
}

#[test]
fn a_missing_source_is_said_before_anything_runs() {
    let place = directory(&[("build.ninja", MANIFEST)]);
    let said = "ninja: error: 'source', needed by 'b', missing and no known rule to make it\n";
    assert_eq!(ninja(place.path(), &[]), (1, "".into(), said.into()));
    let circle = "rule r\n  command = r\nbuild a: r b\nbuild b: r a\nbuild all: phony a\n";
    let place = directory(&[("build.ninja", circle)]);
    let (code, out, err) = ninja(place.path(), &["all"]);
    assert_eq!((code, &*out), (1, ""));
    assert!(err.starts_with("ninja: error: dependency cycle: ") && err.matches(" -> ").count() == 2, "{err}");
}

#[test]
fn another_combination_is_chosen_by_the_environment_or_the_directory() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    let dirty = [("ALACARTE_SCHEDULER", "topological"), ("ALACARTE_REBUILDER", "dirty-bit")];
    assert_eq!(ninja_in(place, &[], &dirty).1, "[1/2] T b\n[2/2] T c\n");
    assert_eq!(ninja_in(place, &[], &dirty).1, "ninja: no work to do.\n");
    let (code, _, err) = ninja_in(place, &[], &[("ALACARTE_SCHEDULER", "fastest")]);
    assert!(code == 1 && err.contains("\"fastest\" is no scheduler; there are topological"), "{err}");
    std::fs::write(place.join(".alacarte.toml"), "rebuilder = \"slow\"\n").expect("written");
    let (code, _, err) = ninja(place, &[]);
    assert!(code == 1 && err.contains(".alacarte.toml: \"slow\" is no rebuilder"), "{err}");
}

#[test]
fn depfiles_and_response_files_stay_if_that_is_wanted() {
    let manifest = "rule r\n  command = echo out: in > d && cp in out\n  depfile = d\n  deps = gcc\n  rspfile = r\n  \
                    rspfile_content = x\nbuild out: r in\n";
    for (arguments, left) in [(&[][..], [false, false]), (&["-d", "keepdepfile", "-d", "keeprsp"], [true, true])] {
        let place = directory(&[("build.ninja", manifest), ("in", "")]);
        assert_eq!(ninja(place.path(), arguments).0, 0);
        assert_eq!(["d", "r"].map(|file| place.path().join(file).exists()), left);
        // (What comes back from the cache has none of them.)
        ["d", "r", "out"].into_iter().for_each(|file| drop(std::fs::remove_file(place.path().join(file))));
        let (_, out, _) = ninja(place.path(), arguments);
        assert!(out.starts_with("[1/1] "), "{out}");
        assert_eq!(["d", "r"].map(|file| place.path().join(file).exists()), left, "made again");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let manifest = "rule c\n  command = printf '\\033[31mred\\033[0m\\n'\nbuild a: c\n";
    for (variables, said) in [
        (&[][..], "red"),
        (&[("CLICOLOR_FORCE", "1")], "\x1b[31mred\x1b[0m"),
        (&[("CLICOLOR_FORCE", "0")], "red"),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], "red"),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], "\x1b[31mred\x1b[0m"),
    ] {
        let place = directory(&[("build.ninja", manifest)]);
        let (code, out, _) = ninja_in(place.path(), &["--quiet"], variables);
        assert_eq!((code, out), (0, format!("{said}\n")), "{variables:?}");
    }
}

/// A fresh directory and one that was cleaned are built as by ninja, whatever other directories have built.
#[test]
fn nothing_comes_from_elsewhere_unless_it_is_asked_for() {
    let manifest = "rule r\n  command = echo made > $out; echo $out >> ran\nbuild a: r\n";
    let home = directory(&[]);
    let variables = [("XDG_CACHE_HOME", home.path().to_str().expect("text"))];
    let ran = |place: &Path| std::fs::read_to_string(place.join("ran")).unwrap_or_default().lines().count();
    let [first, second] = [(); 2].map(|()| directory(&[("build.ninja", manifest)]));
    for place in [first.path(), second.path()] {
        ninja_in(place, &[], &variables);
        assert_eq!(ran(place), 1);
        std::fs::remove_file(place.join("a")).expect("it was made");
        ninja_in(place, &[], &variables);
        assert_eq!(ran(place), 1, "what this directory has made comes back");
        ninja_in(place, &["-t", "clean"], &variables);
        ninja_in(place, &[], &variables);
        assert_eq!(ran(place), 2, "what was cleaned is made");
    }
    assert!(!home.path().join("alacarte").exists());
}

#[test]
fn of_a_manifest_without_edges_there_is_nothing_to_do() {
    let place = directory(&[("build.ninja", "")]);
    assert_eq!(ninja(place.path(), &[]), (0, "ninja: no work to do.\n".into(), "".into()));
    assert_eq!(ninja(place.path(), &["--quiet"]), (0, "".into(), "".into()));
    let place = directory(&[("build.ninja", "rule r\n  command = r\nbuild a: r b\nbuild b: r a\n")]);
    let said = "ninja: error: could not determine root nodes of build graph\n";
    assert_eq!(ninja(place.path(), &[]), (1, "".into(), said.into()));
}

/// Why a command runs is told when its line is shown; what is spared after all is not spoken of.
#[test]
fn reasons_are_given_in_the_words_of_ninja() {
    let manifest = "build always: phony\nrule once\n  command = test -e $out || touch $out\n  restat = true\n\
                    rule copy\n  command = cp $in $out # $more\nbuild first: once always\nbuild second: copy first\n\
                    build third: copy second\nbuild group: phony third\nbuild fourth: copy source || third\n\
                    build fifth: copy source | group\n";
    let place = directory(&[("build.ninja", manifest), ("source", "")]);
    let place = place.path();
    let explained = |targets: &[&str]| {
        let (code, _, err) = ninja(place, &[&["-j1", "-d", "explain"], targets].concat());
        assert_eq!(code, 0, "{err}");
        err.lines()
            .map(|line| line.strip_prefix("ninja explain: ").expect("it explains").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(explained(&["fifth"]), ["always is dirty", "first is dirty", "second is dirty", "group is dirty"]);
    assert_eq!(explained(&["fifth"]), ["always is dirty"]);
    assert_eq!(explained(&["fourth"]), ["always is dirty", "output fourth doesn't exist"]);
    std::fs::remove_file(place.join("third")).expect("it was made");
    assert_eq!(explained(&["third"]), ["always is dirty", "second is dirty"]);
    let other = manifest.replace("|| third\n", "|| third\n  more = x\n");
    std::fs::write(place.join("build.ninja"), other).expect("written");
    assert_eq!(explained(&["fourth"]), ["always is dirty", "command line changed for fourth"]);
    std::thread::sleep(std::time::Duration::from_millis(30));
    std::fs::write(place.join("source"), "new").expect("written");
    let said = explained(&["fourth"]);
    assert!(said[1].starts_with("output fourth older than most recent input source ("), "{said:?}");
}

/// One that fills the pool `console` writes to the terminal itself; what others have written comes after it.
#[test]
fn a_command_has_the_console_to_itself() {
    let manifest = "rule c\n  command = echo begin; until test -e b; do sleep 0.01; done; echo end\n  pool = console\n\
                    rule t\n  command = echo said by $out; touch $out\nbuild a: c\nbuild b: t\n";
    let place = directory(&[("build.ninja", manifest)]);
    let (code, out, _) = ninja(place.path(), &["-j2", "a", "b"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(code, 0, "{out}");
    assert_eq!(lines[1..3], ["begin", "end"], "{out}");
    assert_eq!(lines[4], "said by b");
}

/// Who ends a command by Ctrl-C means the build. (Ctrl-C reaches those that have the console, and not this program.)
#[test]
fn a_command_that_is_interrupted_interrupts_the_build() {
    for (command, interrupts) in [
        ("kill -INT $$$$", true),
        ("kill -TERM $$$$", true),
        ("kill -HUP $$$$", true),
        ("exit 130", true),
        ("kill -KILL $$$$", false),
        ("exit 143", false),
    ] {
        let manifest = format!(
            "rule end\n  command = echo half > $out; {command}\nrule t\n  command = touch $out\n\
             rule long\n  command = echo begun > $out; sleep 60\nbuild a: end || b\nbuild b: t\nbuild c: t || a\nbuild d: long || b\n"
        );
        let place = directory(&[("build.ninja", &*manifest)]);
        let there = |name: &str| place.path().join(name).exists();
        if interrupts {
            let (code, out, _) = ninja(place.path(), &["-j2", "-k0"]);
            assert_eq!(
                (code, &*out),
                (130, "[1/4] touch b\nninja: build stopped: interrupted by user.\n"),
                "{command}"
            );
            assert!(there("b") && !there("a") && !there("c") && !there("d"), "{command}: what was begun goes");
        } else {
            let (code, out, _) = ninja(place.path(), &["-j2", "-k0", "a"]);
            assert!(code != 130 && out.contains("FAILED: [code="), "{command}: {out}");
            assert!(!out.contains("interrupted"), "{command}: {out}");
        }
    }
}

/// Where a make shares its jobs they are shared, which is said; a number that is given is meant.
#[test]
fn a_number_of_jobs_is_meant_whatever_a_make_says() {
    // Each command waits until so many have met, but not for long.
    let meeting = |most: usize| {
        format!(
            "rule meet\n  command = touch on.$out; n=0; while [ $$n -lt 40 ]; do n=$$((n+1)); \
             test $$(ls on.* 2>/dev/null | wc -l) -ge {most} && touch met; sleep 0.05; test -e met && exit 0; done; rm on.$out; exit 0\n  \
             description = M\nbuild a: meet\nbuild b: meet\nbuild c: meet\nbuild d: meet\n"
        )
    };
    for (arguments, met, said) in [
        (&["-j3"][..], true, ""),
        (&[], false, "ninja: Jobserver mode detected: --jobserver-auth=fifo:pipe\n"),
        (&["--quiet"], false, ""),
    ] {
        let place = directory(&[("build.ninja", &*meeting(3))]);
        let run = format!("mkfifo pipe; exec 9<>pipe; printf + >&9; exec \"$NINJA\" {}", arguments.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &run]).current_dir(place.path()).env("NINJA", env!("CARGO_BIN_EXE_alacarte-ninja"));
        command.env("MAKEFLAGS", "--jobserver-auth=fifo:pipe").env("XDG_CACHE_HOME", place.path().join(".cache"));
        let out = command.stdin(Stdio::null()).output().expect("it starts");
        let out = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert_eq!(place.path().join("met").exists(), met, "{arguments:?}: {out}");
        assert_eq!(out.split('[').next(), Some(said), "{arguments:?}: {out}");
    }
    // What runs nothing asks nobody.
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let (code, out, err) = ninja_in(place.path(), &["-n"], &[("MAKEFLAGS", "--jobserver-auth=fifo:/no/such/pipe")]);
    assert_eq!((code, &*out, &*err), (0, "[1/2] T b\n[2/2] T c\n", ""));
}

/// CMake 2.8 wrote such edges.
#[test]
fn a_phony_edge_that_names_itself_is_warned_of() {
    let manifest = "rule t\n  command = touch $out\nbuild a: phony a\nbuild b: t | a\n";
    let warning = "ninja: warning: phony target 'a' names itself as an input; ignoring [-w phonycycle=warn]\n";
    let place = directory(&[("build.ninja", manifest)]);
    assert_eq!(ninja(place.path(), &["b"]), (0, "[1/1] touch b\n".into(), warning.into()));
    for _ in 0..3 {
        // (However often it is seen that there is nothing to do.)
        let nothing = "ninja: no work to do.\n";
        assert_eq!(ninja(place.path(), &["a", "-w", "phonycycle=warn"]), (0, nothing.into(), warning.into()));
    }
    let error = "ninja: error: dependency cycle: a -> a [-w phonycycle=err]\n";
    assert_eq!(ninja(place.path(), &["a", "-w", "phonycycle=err"]), (1, "".into(), error.into()));
    let deprecated = "ninja: warning: deprecated warning 'dupbuild'\n";
    let (code, _, err) = ninja(place.path(), &["-w", "dupbuild=err", "b"]);
    assert_eq!((code, err), (0, deprecated.to_owned() + warning));
}

/// What comes first in order only, or validates, and is made by nobody, is missed where something that it comes before is not up to date, and nowhere else.
#[test]
fn a_file_that_nobody_makes_and_nobody_reads_is_missed_late() {
    let manifest = "\
rule touch
  command = touch $out
build name: phony || aside
build behind: touch || name
build after: touch || aside
build valid: touch |@ aside
build all: phony after || aside
build other: touch in
";
    let place = directory(&[("build.ninja", manifest), ("in", "")]);
    let at = place.path();
    let nothing = || (0, "ninja: no work to do.\n".to_owned(), String::new());
    let missing = |by: &str| {
        let error = format!("ninja: error: 'aside', needed by '{by}', missing and no known rule to make it\n");
        (1, String::new(), error)
    };
    let made = |what: &str| (0, format!("[1/1] touch {what}\n"), String::new());
    assert_eq!(ninja(at, &["name"]), nothing());
    assert_eq!(ninja(at, &["behind"]), made("behind"));
    assert_eq!(ninja(at, &["valid"]), made("valid"));
    assert_eq!(ninja(at, &["after"]), missing("after"));
    assert_eq!(ninja(at, &["-n", "all"]), missing("after"));
    std::fs::write(at.join("aside"), "").expect("written");
    assert_eq!(ninja(at, &["all"]), made("after"));
    std::fs::remove_file(at.join("aside")).expect("it was there");
    for target in ["all", "after", "behind", "valid", "name"] {
        (0..3).for_each(|_| assert_eq!(ninja(at, &[target]), nothing(), "{target}"));
    }
    assert_eq!(ninja(at, &[]), made("other"), "what needs nothing of it is built");
    std::fs::remove_file(at.join("after")).expect("it was made");
    assert_eq!(ninja(at, &["all"]), missing("after"));
}

/// Not even a directory for what is remembered; so it needs no disk that can be written, and disturbs no build that is at work.
#[test]
fn a_dry_run_writes_nothing_and_waits_for_nobody() {
    let manifest = "rule r\n  command = until test -e go; do sleep 0.01; done; cp $in $out\n  description = R $out\nbuild a: r source\nbuild b: r a\n";
    let place = directory(&[("build.ninja", manifest), ("source", "text")]);
    let at = place.path();
    let dry = (0, "[1/2] R a\n[2/2] R b\n".to_owned(), String::new());
    assert_eq!(ninja(at, &["-n"]), dry);
    let mut left: Vec<_> = at.read_dir().expect("a directory").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["build.ninja", "source"]);
    let mut other = Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"));
    other.current_dir(at).env("XDG_CACHE_HOME", at.join(".cache")).stdout(Stdio::null());
    let mut other = other.spawn().expect("it starts");
    while !at.join(".alacarte/journal").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(ninja(at, &["-n"]), dry);
    std::fs::write(at.join("go"), "").expect("written");
    assert!(other.wait().expect("it ends").success());
    assert_eq!(ninja(at, &["-n"]), (0, "ninja: no work to do.\n".into(), "".into()));
}

/// CMake's collator of modules writes a list beside the dyndep file, of which the manifest says nothing: to bring the dyndep file back would leave the list as it was.
#[test]
fn what_writes_a_dyndep_file_runs_and_is_not_brought_back() {
    let manifest = "\
rule collate
  command = cat $in > modules && echo ninja_dyndep_version = 1 > $out && echo build a: dyndep '|' $$(cat $in) >> $out
  description = D $out
rule copy
  command = cat modules > $out
  description = C $out
build dd: collate source
build a: copy in || dd
  dyndep = dd
";
    let place = directory(&[("build.ninja", manifest), ("source", "one"), ("in", ""), ("one", ""), ("two", "")]);
    let at = place.path();
    let read = |file: &str| std::fs::read_to_string(at.join(file)).expect("it is there");
    for source in ["one", "two", "one"] {
        std::fs::write(at.join("source"), source).expect("written");
        assert_eq!(ninja(at, &["-j1"]).0, 0);
        assert_eq!((read("modules"), read("a")), (source.to_owned(), source.to_owned()));
    }
}

/// What comes before a dyndep file is built before all else, and what is never up to date (it never makes its output, or it reads a name for nothing, as
/// generators write it) would run in each of these builds. It is one build all the same.
#[test]
fn what_is_never_up_to_date_runs_once_in_a_build() {
    let rest = "\
rule say
  command = echo $out >> said; $then
  description = S $out
rule collate
  command = cp $in $out
  description = D $out
rule copy
  command = cp $in $out
  description = C $out
build dd: collate source || check
build a: copy in || dd check
  dyndep = dd
build dd2: collate source2 || a
build b: copy a || dd2 check
  dyndep = dd2
";
    let never =
        ["build check: say\n  then = true\n", "build always: phony\nbuild check: say always\n  then = touch check\n"];
    let dyndep = |file: &str| format!("ninja_dyndep_version = 1\nbuild {file}: dyndep\n");
    for check in never {
        let manifest = format!("{rest}{check}");
        let files =
            [("source", dyndep("a")), ("source2", dyndep("b")), ("in", String::new()), ("build.ninja", manifest)];
        let place = directory(&files.each_ref().map(|(file, text)| (*file, &**text)));
        let at = place.path();
        let said = || std::fs::read_to_string(at.join("said")).expect("it ran").lines().count();
        let all = "[1/5] S check\n[2/5] D dd\n[3/5] C a\n[4/5] D dd2\n[5/5] C b\n";
        assert_eq!(ninja(at, &["-j1"]), (0, all.into(), "".into()), "{check}");
        assert_eq!(ninja(at, &["-j1"]), (0, "[1/1] S check\n".into(), "".into()), "{check}");
        assert_eq!(said(), 2, "{check}");
        let (code, _, err) = common::run(at, &["build"]);
        assert_eq!((code, said()), (0, 3), "{check}{err}");
    }
}

/// A generator was expected to run, because what it reads was to be made again; that came out as it was, so what the generator has made stands.
#[test]
fn what_stands_after_all_is_counted_no_more() {
    let manifest = "\
rule compile
  command = cat $in > $out; echo $out: $in > $out.d
  depfile = $out.d
  deps = gcc
  description = C $out
rule generate
  command = cat $in > $out
  description = G $out
  generator = 1
build a: compile source
build b: generate a
build c: compile source
";
    let place = directory(&[("build.ninja", manifest), ("source", "text")]);
    let at = place.path();
    assert_eq!(ninja(at, &["-j1"]), (0, "[1/3] C a\n[2/3] G b\n[3/3] C c\n".into(), "".into()));
    assert_eq!(ninja(at, &["-t", "clean"]), (0, "Cleaning... 2 files.\n".into(), "".into()));
    assert_eq!(ninja(at, &["-j1"]), (0, "[1/3] C a\n[2/2] C c\n".into(), "".into()));
}

#[test]
fn a_manifest_that_cannot_be_made_again_is_said_to_be_it() {
    let manifest = |more: &str| {
        format!(
            "rule regenerate\n  command = exit 3\n  generator = 1\nbuild build.ninja: regenerate source{more}\nrule t\n  command = touch $out\nbuild b: t\n"
        )
    };
    for (more, out, error) in [
        ("", "[1/1] exit 3\nFAILED: [code=3] build.ninja \nexit 3\n", "subcommand failed"),
        (" | nope", "", "'nope', needed by 'build.ninja', missing and no known rule to make it"),
    ] {
        let place = directory(&[("build.ninja", &*manifest(more))]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(place.path().join("source"), "newer").expect("written");
        let error = format!("ninja: error: rebuilding 'build.ninja': {error}\n");
        assert_eq!(ninja(place.path(), &[]), (1, out.into(), error), "{more}");
    }
}

/// Of a terminal that nobody has said the width of, no line is cut.
#[test]
fn a_line_is_as_long_as_the_terminal_is_wide() {
    let manifest = format!("rule t\n  command = touch $out\n  description = {}\nbuild a: t\n", "x".repeat(120));
    for (size, whole) in
        [("stty cols 40", false), ("stty rows 20 cols 40", false), ("stty cols 140", true), ("true", true)]
    {
        let place = directory(&[("build.ninja", &*manifest)]);
        // (`script` gives its command a terminal, of no size.)
        let line = format!("{size}; exec {}", env!("CARGO_BIN_EXE_alacarte-ninja"));
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).current_dir(place.path()).stdin(Stdio::null());
        script.env("TERM", "xterm").env("XDG_CACHE_HOME", place.path().join(".cache")).env_remove("MAKEFLAGS");
        let Ok(output) = script.output() else { return eprintln!("left out: there is no `script`") };
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && out.contains("[1/1] x"), "{out}");
        assert_eq!(out.contains(&"x".repeat(120)), whole, "{size}: {out}");
        assert!(whole || out.contains("\r[1/1] xxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxx\x1b[K"), "{size}: {out}");
    }
}

/// (In this order ninja ran them.)
#[test]
fn what_most_comes_after_begins_first() {
    let rule = "rule c\n  command = cat $in > $out\n";
    for (manifest, targets, order) in [
        ("build z: c s\nbuild a: c s\nbuild m: c z\n", &[][..], "z a m"),
        ("build z: c s\nbuild a: c s\nbuild m: c z\n", &["m", "a"], "z a m"),
        ("build a1: c s\nbuild a2: c a1\nbuild a3: c a2\nbuild b: c s\nbuild top: c b a3\n", &[], "a1 a2 a3 b top"),
        ("build b: c s\nbuild a1: c s\nbuild a2: c a1\nbuild top: c b a2\n", &[], "a1 b a2 top"),
        ("build a: c s\nbuild b: c s\ndefault a\ndefault b\n", &[], "a b"),
        ("build v: c s\nbuild a: c s |@ v\nbuild b: c a\n", &["b"], "a v b"),
    ] {
        let place = directory(&[("build.ninja", &*format!("{rule}{manifest}")), ("s", "")]);
        let arguments: Vec<&str> = ["-j1"].into_iter().chain(targets.iter().copied()).collect();
        let (code, out, _) = ninja(place.path(), &arguments);
        let ran: Vec<&str> = out.lines().filter_map(|line| line.split(" > ").nth(1)).collect();
        assert_eq!((code, ran.join(" ").as_str()), (0, order), "{manifest}");
    }
}

#[test]
fn of_quiet_and_verbose_the_last_counts() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    assert_eq!(ninja(place, &["--quiet", "-v", "b"]), (0, "[1/1] echo b > b\n".into(), "".into()));
    assert_eq!(ninja(place, &["-v", "--quiet", "c"]), (0, "".into(), "".into()));
    assert_eq!(ninja(place, &["-v", "--quiet"]), (0, "".into(), "".into()));
    assert_eq!(ninja(place, &["--quiet", "-v"]), (0, "ninja: no work to do.\n".into(), "".into()));
}

/// What it has read nobody knows: it is as if it had failed.
#[test]
fn a_command_whose_depfile_cannot_be_read_has_failed() {
    let manifest = "rule c\n  command = cp $in $out; echo nonsense > $out.d; echo said\n  depfile = $out.d\n  deps = gcc\n\
                    rule t\n  command = touch $out\nbuild a: c source\nbuild b: t a\nbuild c: t\n";
    let place = directory(&[("build.ninja", manifest), ("source", "")]);
    for round in 0..2 {
        let (code, out, err) = ninja(place.path(), &["-j1", "-k0"]);
        assert_eq!((code, &*err), (1, ""), "{out}");
        let command = "cp source a; echo nonsense > a.d; echo said";
        let failed = format!("[1/3] {command}\nFAILED: [code=1] a \n{command}\nsaid\na.d: line 1 of the depfile: ");
        assert!(out.starts_with(&failed), "{round}: {out}");
        assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
        assert!(place.path().join("c").exists() && !place.path().join("b").exists(), "the rest is built");
        std::fs::remove_file(place.path().join("c")).expect("it was made");
    }
}
