//! Which targets, sources and manifests there are, and how often what is never up to date runs.

use super::*;

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

#[test]
fn of_a_manifest_without_edges_there_is_nothing_to_do() {
    let place = directory(&[("build.ninja", "")]);
    assert_eq!(ninja(place.path(), &[]), (0, "ninja: no work to do.\n".into(), "".into()));
    assert_eq!(ninja(place.path(), &["--quiet"]), (0, "".into(), "".into()));
    let place = directory(&[("build.ninja", "rule r\n  command = r\nbuild a: r b\nbuild b: r a\n")]);
    let said = "ninja: error: could not determine root nodes of build graph\n";
    assert_eq!(ninja(place.path(), &[]), (1, "".into(), said.into()));
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
