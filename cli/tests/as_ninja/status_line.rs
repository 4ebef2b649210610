//! What the line of status says and counts, and in which colours and words.

use super::*;

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
        let Ok(output) = script.output() else {
            return crate::skipping::skipped(format_args!("a status line on a terminal: there is no `script`"));
        };
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && out.contains("[1/1] x"), "{out}");
        assert_eq!(out.contains(&"x".repeat(120)), whole, "{size}: {out}");
        assert!(whole || out.contains("\r[1/1] xxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxx\x1b[K"), "{size}: {out}");
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
