//! Dyndep files: edges that are told by a file that the build makes what else they need and make.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{directory, run};

const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];
/// (Make's times know no `restat`.)
const REBUILDERS: [&str; 4] = ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace"];

/// Modules: a source says what it needs. A scan finds out, and writes it down for both edges.
const MODULES: &str = "rule scan\n  command = { echo ninja_dyndep_version = 1; for s in $in; do b=$${s%.src}; \
    echo \"build $$b.o | $$b.mod: dyndep$$(sed -n 's/^needs \\(.*\\)/ | \\1.mod/p' $$s)\"; echo '  restat = 1'; done; } > $out && echo $out >> ran\n\
    rule cc\n  command = n=$$(sed -n 's/^needs //p' $in); { [ -z \"$$n\" ] || cat $$n.mod; cat $in; } > $base.o && \
    sed -n '/^provides/p' $in > $base.next && { cmp -s $base.next $base.mod || mv $base.next $base.mod; } && rm -f $base.next && \
    echo \"$base.o: $in common.h\" > $out.d && echo $out >> ran\n  depfile = $out.d\n  deps = gcc\n\
    build mods.dd: scan a.src b.src\n\
    build a.o: cc a.src || mods.dd\n  base = a\n  dyndep = mods.dd\n\
    build b.o: cc b.src || mods.dd\n  base = b\n  dyndep = ./mods.dd\n";

fn write(project: &Path, name: &str, text: &str) {
    std::thread::sleep(Duration::from_millis(12));
    fs::write(project.join(name), text).expect("written");
}

fn built(project: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = run(project, arguments);
    assert_eq!(code, 0, "{arguments:?}: {out}{err}");
    let ran = fs::read_to_string(project.join("ran")).unwrap_or_default();
    let _ = fs::remove_file(project.join("ran"));
    ran.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_dyndep_file_adds_orders_and_rebuilds() {
    for scheduler in SCHEDULERS {
        for rebuilder in REBUILDERS {
            let place = directory(&[
                ("build.ninja", MODULES),
                ("a.src", "needs b\nprovides a\n"),
                ("b.src", "provides b\n"),
                ("common.h", ""),
            ]);
            let arguments = ["build", "-j4", "--scheduler", scheduler, "--rebuilder", rebuilder];
            let build = || built(place.path(), &arguments);
            assert_eq!(build(), "mods.dd b.o a.o", "{arguments:?}");
            assert_eq!(build(), "", "{arguments:?}");
            // By `restat`, a module that says the same is the same. (Deep traces have no cutoff.)
            write(place.path(), "b.src", "provides b\nbody\n");
            let ran = if rebuilder.starts_with("deep") { "mods.dd b.o a.o" } else { "mods.dd b.o" };
            assert_eq!(build(), ran, "{arguments:?}");
            assert_eq!(build(), "", "{arguments:?}");
            write(place.path(), "b.src", "provides b again\nbody\n");
            assert_eq!(build(), "mods.dd b.o a.o", "{arguments:?}");
            // Now the other way round, which with the old file would be a circle.
            write(place.path(), "a.src", "provides a\n");
            write(place.path(), "b.src", "needs a\nprovides b\n");
            assert_eq!(build(), "mods.dd a.o b.o", "{arguments:?}");
            assert_eq!(build(), "", "{arguments:?}");
            // What a depfile tells comes on top.
            write(place.path(), "common.h", "1");
            assert_eq!(build(), "a.o b.o", "{arguments:?}");
            // An output that only the dyndep file names.
            fs::remove_file(place.path().join("a.mod")).expect("removed");
            let again = build();
            assert!(again.starts_with("a.o") || rebuilder.contains("constructive"), "{arguments:?}: {again}");
            assert!(place.path().join("a.mod").exists());
            assert_eq!(build(), "", "{arguments:?}");
            // It may be asked for.
            assert_eq!(built(place.path(), &[&arguments[..], &["a.mod"]].concat()), "");
            fs::remove_file(place.path().join("mods.dd")).expect("removed");
            let again = build();
            assert!(again.starts_with("mods.dd") || rebuilder.contains("constructive"), "{arguments:?}: {again}");
            assert!(place.path().join("mods.dd").exists());
            assert_eq!(build(), "", "{arguments:?}");
        }
    }
}

#[test]
fn a_dyndep_file_may_be_made_with_what_another_one_orders() {
    let manifest = "rule cp\n  command = cp $in $out && echo $out >> ran\n\
        rule gen\n  command = cat late > $out && echo $out >> ran\n\
        build first.dd: cp first.in\nbuild late: cp in\n\
        build second.in: gen || first.dd\n  dyndep = first.dd\n\
        build second.dd: cp second.in\nbuild more: cp in\n\
        build out: cp in || second.dd\n  dyndep = second.dd\ndefault out\n";
    for scheduler in SCHEDULERS {
        let place = directory(&[
            ("build.ninja", manifest),
            ("first.in", "ninja_dyndep_version = 1\nbuild second.in: dyndep | late\n"),
            ("in", "ninja_dyndep_version = 1\nbuild out: dyndep | more\n"),
        ]);
        let arguments = ["build", "--scheduler", scheduler];
        assert_eq!(built(place.path(), &arguments), "first.dd late second.in second.dd more out", "{scheduler}");
        assert_eq!(built(place.path(), &arguments), "", "{scheduler}");
    }
}

#[test]
fn what_is_wrong_with_a_dyndep_file_is_said_with_its_place() {
    let manifest = "rule t\n  command = touch $out\nrule cp\n  command = cp $in $out\nbuild dd: cp dd.in\n\
        build out: t || dd\n  dyndep = dd\nbuild other: t\nbuild third: t || dd\n  dyndep = dd\n";
    let version = "ninja_dyndep_version = 1\n";
    for (text, said) in [
        ("", "dd:1:1: expected 'ninja_dyndep_version = 1', found the end of the file"),
        ("build out: dyndep\n", "dd:1:1: expected 'ninja_dyndep_version = 1', found 'build'"),
        ("ninja_dyndep_version = 2\n", "dd:1:1: dyndep version '2' is not known"),
        ("x = 1\n", "dd:1:1: expected 'ninja_dyndep_version = 1' first, found 'x'"),
        ("V\nbuild out other: dyndep\n", "dd:2:11: a dyndep file adds no explicit outputs"),
        ("Vbuild out: dyndep x\n", "dd:2:19: a dyndep file adds no explicit inputs"),
        ("Vbuild out: dyndep || x\n", "dd:2:19: a dyndep file adds no order-only inputs"),
        ("Vbuild out: t\n", "dd:2:12: expected the rule 'dyndep', found 't'"),
        ("Vbuild nowhere: dyndep\n", "dd:2:7: no build statement makes 'nowhere'"),
        ("Vbuild other: dyndep\n", "dd:2:7: the build statement of 'other' does not name this dyndep file"),
        ("Vbuild out: dyndep\nbuild out: dyndep\n", "dd:3:7: 'out' has two statements"),
        ("Vbuild out: dyndep\n  pool = x\n", "dd:3:3: a dyndep file may bind 'restat', not 'pool'"),
        (
            "Vbuild out | other: dyndep\nbuild third: dyndep\n",
            "dd:2:13: output 'other' is made by the build statement at build.ninja:8",
        ),
        ("Vbuild out | x: dyndep\nbuild third | x: dyndep\n", "dd:3:15: output 'x' is added twice"),
        ("Vbuild out: dyndep\n", "'third' is not mentioned in its dyndep file"),
        ("Vrule x\n", "dd:2:1: expected a build statement, found 'rule'"),
        ("Vbuild out | dyndep\n", "dd:2:19: expected ':' after the outputs, found newline"),
    ] {
        let text = text.replace("V\n", version).replace('V', version);
        let place = directory(&[("build.ninja", manifest), ("dd.in", &text)]);
        let (code, _, err) = run(place.path(), &["build"]);
        assert!(code == 1 && err.contains(said), "{text}{err}");
        assert!(!place.path().join("out").exists(), "{text}");
        // A target that does not need it is none the worse for it.
        assert_eq!(run(place.path(), &["build", "other"]).0, 0);
        // And the mend is taken up.
        write(place.path(), "dd.in", &format!("{version}build out: dyndep\nbuild third: dyndep\n"));
        let (code, _, err) = run(place.path(), &["build"]);
        assert_eq!(code, 0, "{err}");
    }
    let place = directory(&[("build.ninja", &manifest.replacen("t || dd", "t", 1))]);
    let (_, _, err) = run(place.path(), &["build"]);
    assert!(err.contains("build.ninja:6:1: the dyndep file 'dd' is not an input"), "{err}");
}

#[test]
fn a_dyndep_file_that_cannot_be_made_fails_what_needs_it_and_no_more() {
    let manifest = "rule t\n  command = touch $out\nrule no\n  command = exit 3\nbuild dd: no\n\
        build out: t || dd\n  dyndep = dd\nbuild other: t\n";
    for scheduler in SCHEDULERS {
        for (arguments, other) in [(&["build", "-j1"][..], false), (&["build", "-k"], true)] {
            let place = directory(&[("build.ninja", manifest)]);
            let (code, out, err) = run(place.path(), &[arguments, &["--scheduler", scheduler]].concat());
            assert!(code == 1 && out.contains("FAILED: [exit status 3] dd"), "{out}{err}");
            let there = |name: &str| place.path().join(name).exists();
            assert!(!there("out") && there("other") == other, "{scheduler}: {arguments:?}");
        }
    }
    // One that never comes out the same.
    let manifest = "rule t\n  command = touch $out\nrule gen\n  command = echo \"# $$(date +%N)\" >> dd; cat dd.in >> dd\nbuild dd: gen always\n\
        build always: phony\nbuild out: t || dd\n  dyndep = dd\n";
    let place = directory(&[("build.ninja", manifest), ("dd.in", "\n")]);
    let (code, _, err) = run(place.path(), &["build"]);
    assert!(code == 1 && err.contains("times, and the command of dd changed it each time"), "{err}");
}

/// A chain of edges with a dyndep file each, and a validation that needs the edge that it is validated with.
#[test]
fn many_dyndep_files_and_validations_above_them_are_found() {
    let mut manifest =
        "rule cp\n  command = cp $in $out && echo $out >> ran\nrule t\n  command = touch $out && echo $out >> ran\n"
            .to_owned();
    let mut files = vec![("in".to_owned(), "ninja_dyndep_version = 1\nbuild v: dyndep\n".to_owned())];
    for number in 0..40 {
        let after = if number > 0 { format!(" o{}", number - 1) } else { String::new() };
        manifest += &format!(
            "build d{number}: cp d{number}.in\nbuild o{number}: t{after} || d{number} |@ v\n  dyndep = d{number}\n"
        );
        files.push((format!("d{number}.in"), format!("ninja_dyndep_version = 1\nbuild o{number}: dyndep | extra\n")));
    }
    manifest += "build extra: t\nbuild v.in: cp in | o39\nbuild dv: cp v.in\nbuild v: t o39 || dv\n  dyndep = dv\ndefault o39\n";
    files.push(("build.ninja".to_owned(), manifest));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    for scheduler in SCHEDULERS {
        let place = directory(&files);
        let arguments = ["build", "-j4", "--scheduler", scheduler];
        let ran = built(place.path(), &arguments);
        assert_eq!(ran.split(' ').count(), 84, "{scheduler}: {ran}");
        assert!(ran.ends_with("o39 v.in dv v"), "{scheduler}: {ran}");
        assert_eq!(built(place.path(), &arguments), "", "{scheduler}");
    }
}
