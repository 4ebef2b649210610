//! Commands that write more than their manifest declares, and touch a stamp to say so: what depends on the stamp must see
//! what they wrote, under every combination, in whatever way the stamp is made.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{directory, run};

const SCHEDULERS: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];
const REBUILDERS: [&str; 6] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "perpetual", "modification-time"];

/// Reads what the stamp stands for, and an input of its own.
const USE: &str = "rule use\n  command = cat gen/data $own > $out && echo $out >> ran\n";

/// Ways in which generators write stamps: the rules, and the edges down to a name on which consumers depend.
const STAMPS: [(&str, &str, &str); 14] = [
    (
        "touched",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && touch $out && echo $out >> ran\n\
         build gen.stamp: gen in\n",
    ),
    (
        "as CMake writes it",
        "gen.stamp",
        "rule CUSTOM_COMMAND\n  command = $COMMAND\n  description = $DESC\n\
         build gen.stamp: CUSTOM_COMMAND in || all_deps\n  \
         COMMAND = cd . && mkdir -p gen && cp in gen/data && : > gen.stamp && echo gen.stamp >> ran\n  \
         DESC = Generating gen.stamp\n  restat = 1\n\
         build all_deps: phony\n",
    ),
    (
        "as Meson writes it",
        "gen.stamp",
        "rule CUSTOM_COMMAND_DEP\n  command = $COMMAND\n  deps = gcc\n  depfile = $DEPFILE_UNQUOTED\n  restat = 1\n\
         build gen.stamp: CUSTOM_COMMAND_DEP | in\n  DEPFILE_UNQUOTED = gen.stamp.d\n  \
         COMMAND = mkdir -p gen && cp in gen/data && touch gen.stamp && echo 'gen.stamp: in' > gen.stamp.d && \
         echo gen.stamp >> ran\n",
    ),
    (
        "with words in it",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && echo done > $out && echo $out >> ran\n\
         build gen.stamp: gen in\n",
    ),
    (
        "the second output",
        "second.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && echo first > first && touch second.stamp && \
         echo first >> ran\n\
         build first | second.stamp: gen in\n",
    ),
    (
        "beside an output that restat leaves alone",
        "second.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && (test -e first || echo first > first) && \
         touch second.stamp && echo first >> ran\n  restat = 1\n\
         build first | second.stamp: gen in\n",
    ),
    (
        "with a depfile",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp in gen/data && touch $out && echo \"$out: in\" > $out.d && \
         echo $out >> ran\n  depfile = $out.d\n\
         build gen.stamp: gen\n",
    ),
    (
        "by an edge of a generator",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && touch $out && echo $out >> ran\n  generator = 1\n\
         build gen.stamp: gen in\n",
    ),
    (
        "behind names for it",
        "outer",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && touch $out && echo $out >> ran\n\
         build gen.stamp: gen in\nbuild inner: phony gen.stamp\nbuild outer: phony inner\n",
    ),
    (
        "the last of a chain",
        "third.stamp",
        "rule step\n  command = mkdir -p gen && $do && touch $out && echo $out >> ran\n\
         build first.stamp: step in\n  do = cp in gen/one\n\
         build second.stamp: step | first.stamp\n  do = cp gen/one gen/two\n\
         build third.stamp: step | second.stamp\n  do = cp gen/two gen/data\n",
    ),
    (
        "a directory",
        "gen",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && touch gen && echo $out >> ran\n\
         build gen: gen in\n",
    ),
    (
        "with words in it, by a restat command",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp $in gen/data && echo done > $out && echo $out >> ran\n  restat = 1\n\
         build gen.stamp: gen in\n",
    ),
    (
        "with words in it, and a depfile that names more than the manifest does",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp in gen/data && echo done > $out && echo \"$out gen/data: in\" > $out.d && \
         echo $out >> ran\n  depfile = $out.d\n\
         build gen.stamp: gen\n",
    ),
    (
        "on the console, with a response file",
        "gen.stamp",
        "rule gen\n  command = mkdir -p gen && cp $$(cat $out.rsp) gen/data && touch $out && echo $out >> ran\n  \
         pool = console\n  rspfile = $out.rsp\n  rspfile_content = $in\n\
         build gen.stamp: gen in\n",
    ),
];

fn project(stamp: &str, rules: &str) -> tempfile::TempDir {
    let manifest =
        format!("{USE}{rules}build out: use | {stamp}\nbuild both: use own | {stamp}\n  own = own\ndefault out both\n");
    directory(&[("build.ninja", &manifest), ("in", "1\n"), ("own", "a\n")])
}

fn read(place: &Path, file: &str) -> String {
    fs::read_to_string(place.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Writes a file so that nobody can mistake it for the one before.
fn write(place: &Path, file: &str, text: &str) {
    std::thread::sleep(Duration::from_millis(25));
    fs::write(place.join(file), text).expect("a file");
}

/// Builds, and compares what consumers hold with what they have to.
fn build(place: &Path, (scheduler, rebuilder): (&str, &str), what: &str, (data, own): (&str, &str)) {
    let (code, out, err) = run(place, &["build", "--scheduler", scheduler, "--rebuilder", rebuilder]);
    assert_eq!(code, 0, "{what}, {scheduler} × {rebuilder}: {out}{err}");
    let made = (read(place, "out"), read(place, "both"));
    assert_eq!(made, (data.to_owned(), format!("{data}{own}")), "{what}, {scheduler} × {rebuilder}: {out}");
}

fn ran(place: &Path) -> String {
    let ran = fs::read_to_string(place.join("ran")).unwrap_or_default();
    fs::write(place.join("ran"), "").expect("a file");
    ran
}

/// One history: an edit, nothing, back again, and an edit that makes one consumer alone run.
fn history(combination: (&str, &str), (what, stamp, rules): (&str, &str, &str)) {
    let project = project(stamp, rules);
    let place = project.path();
    build(place, combination, what, ("1\n", "a\n"));
    write(place, "in", "2\n");
    build(place, combination, &format!("{what}, edited"), ("2\n", "a\n"));
    ran(place);
    build(place, combination, &format!("{what}, again"), ("2\n", "a\n"));
    if combination.1 != "perpetual" {
        assert_eq!(ran(place), "", "{what}, {combination:?}: there was nothing to do");
    }
    write(place, "in", "1\n");
    build(place, combination, &format!("{what}, edited back"), ("1\n", "a\n"));
    write(place, "own", "b\n");
    build(place, combination, &format!("{what}, a consumer alone"), ("1\n", "b\n"));
    write(place, "in", "2\n");
    write(place, "own", "c\n");
    build(place, combination, &format!("{what}, all at once"), ("2\n", "c\n"));
    ran(place);
    build(place, combination, &format!("{what}, at the end"), ("2\n", "c\n"));
    if combination.1 != "perpetual" {
        assert_eq!(ran(place), "", "{what}, {combination:?}: there was nothing to do");
    }
}

#[test]
fn what_depends_on_a_stamp_sees_what_was_written_before_it_was_touched() {
    for stamp in STAMPS {
        for rebuilder in REBUILDERS {
            // To make's rule, a command is as old as its oldest output, and one that was left alone stays old.
            if rebuilder != "modification-time" || !stamp.0.contains("leaves alone") {
                history(("suspending", rebuilder), stamp);
            }
        }
    }
}

#[test]
fn every_scheduler_takes_what_ran_for_changed() {
    for scheduler in SCHEDULERS.into_iter().filter(|scheduler| *scheduler != "suspending") {
        for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace"] {
            for stamp in [STAMPS[1], STAMPS[9]] {
                history((scheduler, rebuilder), stamp);
            }
        }
    }
}

#[test]
fn a_stamp_that_was_removed_to_have_its_command_run_is_another_one() {
    // What the command reads besides its inputs, nobody knows; so a person removes the stamp.
    let rules = "rule gen\n  command = mkdir -p gen && cp hidden gen/data && touch $out\nbuild gen.stamp: gen in\n";
    // Deep traces look after targets alone: that something between is gone is nothing to them.
    for rebuilder in REBUILDERS.into_iter().filter(|rebuilder| *rebuilder != "deep-constructive-trace") {
        let project = project("gen.stamp", rules);
        let (place, combination) = (project.path(), ("suspending", rebuilder));
        write(place, "hidden", "1\n");
        build(place, combination, "first", ("1\n", "a\n"));
        write(place, "hidden", "2\n");
        build(place, combination, "hidden", (if rebuilder == "perpetual" { "2\n" } else { "1\n" }, "a\n"));
        fs::remove_file(place.join("gen.stamp")).expect("a stamp");
        // The first try comes to nothing, and nothing is forgotten over it.
        fs::rename(place.join("hidden"), place.join("elsewhere")).expect("a file");
        assert_eq!(run(place, &["build", "--rebuilder", rebuilder]).0, 1, "{rebuilder}");
        fs::rename(place.join("elsewhere"), place.join("hidden")).expect("a file");
        build(place, combination, "removed", ("2\n", "a\n"));
        ran(place);
        build(place, combination, "again", ("2\n", "a\n"));
        if rebuilder != "perpetual" {
            assert_eq!(ran(place), "", "{rebuilder}: there was nothing to do");
        }
    }
}

#[test]
fn a_command_that_ended_badly_after_it_had_written_is_not_believed_when_its_input_goes_back() {
    let rules = "rule gen\n  command = mkdir -p gen && cp $in gen/data && ! grep -q bad $in && touch $out\n\
                 build gen.stamp: gen in\n";
    for rebuilder in REBUILDERS {
        let project = project("gen.stamp", rules);
        let (place, combination) = (project.path(), ("suspending", rebuilder));
        build(place, combination, "first", ("1\n", "a\n"));
        write(place, "in", "bad\n");
        assert_eq!(run(place, &["build", "--rebuilder", rebuilder]).0, 1, "{rebuilder}");
        write(place, "in", "1\n");
        write(place, "own", "b\n");
        build(place, combination, "back", ("1\n", "b\n"));
    }
}

#[test]
fn restat_leaves_alone_what_its_command_left_alone() {
    let rules = "rule gen\n  command = mkdir -p gen && cp fixed gen/data && (test -e $out || touch $out)\n  restat = 1\n\
                 build gen.stamp: gen in\n";
    for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace"] {
        let project = project("gen.stamp", rules);
        let (place, combination) = (project.path(), ("suspending", rebuilder));
        write(place, "fixed", "1\n");
        build(place, combination, "first", ("1\n", "a\n"));
        ran(place);
        write(place, "in", "2\n");
        build(place, combination, "edited", ("1\n", "a\n"));
        assert_eq!(ran(place), "", "{rebuilder}: the stamp is as it was");
    }
}

#[test]
fn content_decides_where_it_is_asked_for() {
    let (_, stamp, rules) = STAMPS[0];
    for way in ["argument", "file", "neither"] {
        for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace"] {
            let project = project(stamp, rules);
            let place = project.path();
            if way == "file" {
                write(place, ".alacarte.toml", "content = true\n");
            }
            let mut arguments = vec!["build", "--rebuilder", rebuilder];
            if way == "argument" {
                arguments.extend(["-o", "content"]);
            }
            assert_eq!(run(place, &arguments).0, 0);
            ran(place);
            write(place, "in", "2\n");
            let (code, out, err) = run(place, &arguments);
            assert_eq!(code, 0, "{out}{err}");
            let expected: &[&str] = if way == "neither" { &["both", "gen.stamp", "out"] } else { &["gen.stamp"] };
            let said = ran(place);
            let mut ran: Vec<&str> = said.lines().collect();
            ran.sort_unstable();
            assert_eq!(ran, expected, "{way}, {rebuilder}: {out}");
        }
    }
    let project = project(stamp, rules);
    write(project.path(), ".alacarte.toml", "contents = true\n");
    let (code, _, err) = run(project.path(), &["build"]);
    assert_eq!(code, 1);
    assert!(err.contains(".alacarte.toml:1") && err.contains("content = true"), "{err}");
}

#[test]
fn a_compiler_whose_depfile_names_its_output_is_judged_by_it() {
    let manifest = "rule cc\n  command = grep -v '^#' $in > $out; echo \"$out: $in\" > $out.d; echo $out >> ran\n  \
                    depfile = $out.d\n  deps = gcc\nrule link\n  command = cat $in > $out && echo $out >> ran\n\
                    build o: cc c\nbuild program: link o\n";
    for rebuilder in ["dirty-bit", "verifying-trace", "constructive-trace"] {
        let project = directory(&[("build.ninja", manifest), ("c", "# one\ncode\n")]);
        let place = project.path();
        assert_eq!(run(place, &["build", "--rebuilder", rebuilder]).0, 0);
        ran(place);
        write(place, "c", "# two\ncode\n");
        assert_eq!(run(place, &["build", "--rebuilder", rebuilder]).0, 0);
        assert_eq!(ran(place), "o\n", "{rebuilder}: a comment changed");
    }
}

#[test]
fn two_checkouts_that_share_a_cache_call_a_run_the_same() {
    let (_, stamp, rules) = STAMPS[9];
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let (one, two) = (project(stamp, rules), project(stamp, rules));
        let shared = directory(&[]);
        for place in [one.path(), two.path()] {
            fs::create_dir(place.join(".cache")).expect("a directory");
            std::os::unix::fs::symlink(shared.path(), place.join(".cache/alacarte")).expect("a link");
        }
        build(one.path(), ("suspending", rebuilder), "here", ("1\n", "a\n"));
        build(two.path(), ("suspending", rebuilder), "there", ("1\n", "a\n"));
        let there = ran(two.path());
        assert!(!there.contains("out\n") && !there.contains("both\n"), "{rebuilder}: they are in the cache: {there}");
        build(two.path(), ("suspending", rebuilder), "there, again", ("1\n", "a\n"));
        assert_eq!(ran(two.path()), "", "{rebuilder}: there was nothing to do");
    }
}
