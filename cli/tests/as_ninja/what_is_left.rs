//! What is remembered and left behind: the cache of a directory, logs, depfiles; and by which strategies.

use super::*;

#[test]
fn a_cache_that_cannot_be_used_is_said_once() {
    let manifest = "rule cp\n  command = cp $in $out\nbuild a: cp s\nbuild b: cp a\n";
    let place = directory(&[("build.ninja", manifest), ("s", "s"), ("file", "")]);
    let (code, out, err) = ninja_in(place.path(), &["-j1"], &[("ALACARTE_CACHE", "file")]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        err.starts_with("ninja: warning: cannot ") && err.ends_with("the build goes on without the cache\n"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");
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
