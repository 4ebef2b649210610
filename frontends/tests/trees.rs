//! Directories in builds of files: made by rules, needed as sources, merged, restored as a whole.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use alacarte_core::{Fetch, FetchRule, Output, Report, Result, Rule, RuleKey};
use alacarte_frontends::files::{File, FileRules, FileSession, file};
use alacarte_stores::FileValue;

/// Files, by path, in `build`; beside it lies `outside` with something precious.
struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Place(tempfile::tempdir().expect("a directory"));
        fs::create_dir_all(place.0.path().join("outside")).expect("made");
        fs::write(place.0.path().join("outside/precious"), "precious").expect("written");
        fs::create_dir_all(place.0.path().join("build")).expect("made");
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    fn at(&self, path: impl AsRef<Path>) -> std::path::PathBuf {
        self.0.path().join("build").join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect("it is there")
    }

    /// The names in a directory.
    fn names(&self, path: &str) -> String {
        let names = fs::read_dir(self.at(path)).expect("a directory");
        let mut names: Vec<_> = names.map(|entry| entry.expect("listed").file_name()).collect();
        names.sort();
        names.join(" ".as_ref()).into_string().expect("text")
    }

    fn is_untouched_outside(&self) -> bool {
        let outside = self.0.path().join("outside");
        fs::read_dir(&outside).expect("listed").count() == 1
            && fs::read_to_string(outside.join("precious")).is_ok_and(|text| text == "precious")
    }

    fn report(
        &self,
        rules: FileRules,
        rebuilder: &str,
        target: &str,
    ) -> std::result::Result<(Vec<String>, usize), String> {
        let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
        let rebuilder = alacarte_rebuilders::named(rebuilder).expect("a rebuilder");
        let session = FileSession::new(self.at(""));
        let build = session.open(rules.with_version(1), scheduler, rebuilder, |_| {}).expect("it opens");
        let mut build = build.with_jobs(4);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let report: Report = runtime.block_on(build.run_async([file(target)])).map_err(|error| error.to_string())?;
        assert_eq!(report.cache_trouble, None);
        Ok((build.names(&report.ran).iter().map(ToString::to_string).collect(), report.restored.len()))
    }

    /// What was run by a process of its own.
    fn build(&self, rules: FileRules, target: &str) -> std::result::Result<Vec<String>, String> {
        self.report(rules, "verifying-trace", target).map(|(ran, _)| ran)
    }

    fn wrong(&self, rules: FileRules, target: &str, says: &str) {
        let error = self.build(rules, target).expect_err(says);
        assert!(error.contains(says), "{error}");
    }
}

/// A directory with a bit of everything.
fn docs() -> FileRules {
    let line = "test -z \"$(ls -A out/docs)\" && mkdir -p out/docs/sub/empty && cp in out/docs/index && \
                cp in out/docs/sub/tool && chmod 755 out/docs/sub/tool && ln -s ../in out/docs/link";
    FileRules::new()
        .rule("out/docs/", async move |make| {
            make.need(["in"]).await?;
            make.command(["sh", "-c", line]).run().await
        })
        .rule("copy", async |make| {
            make.need(["out/docs/"]).await?;
            make.write("copy", fs::read_to_string(make.path("out/docs/index"))?)
        })
}

type Disturb = fn(&Place);

/// All that may happen to it.
const DISTURBANCES: [(&str, Disturb); 12] = [
    ("nothing", |_| {}),
    ("it is lost", |place| fs::remove_dir_all(place.at("out/docs")).expect("removed")),
    ("all is lost", |place| fs::remove_dir_all(place.at("out")).expect("removed")),
    ("a file is lost", |place| fs::remove_file(place.at("out/docs/sub/tool")).expect("removed")),
    ("a file is edited", |place| place.write("out/docs/index", "edited")),
    ("a file is added", |place| place.write("out/docs/sub/more", "added")),
    ("an empty directory is lost", |place| fs::remove_dir(place.at("out/docs/sub/empty")).expect("removed")),
    ("a file is no program any more", |place| {
        fs::set_permissions(place.at("out/docs/sub/tool"), PermissionsExt::from_mode(0o644)).expect("set");
    }),
    ("a pipe is in it", |place| {
        let made = std::process::Command::new("mkfifo").arg(place.at("out/docs/sub/pipe")).status();
        assert!(made.expect("it starts").success());
    }),
    ("a link leads elsewhere", |place| {
        fs::remove_file(place.at("out/docs/link")).expect("removed");
        symlink("../outside", place.at("out/docs/link")).expect("a link");
    }),
    ("a link is in its place", |place| {
        fs::remove_dir_all(place.at("out/docs")).expect("removed");
        symlink("../../outside", place.at("out/docs")).expect("a link");
    }),
    ("a file is in its place", |place| {
        fs::remove_dir_all(place.at("out/docs")).expect("removed");
        place.write("out/docs", "a file");
    }),
];

#[test]
fn whatever_happens_to_a_directory_that_a_rule_made_it_is_made_again_or_restored() {
    for rebuilder in ["verifying-trace", "dirty-bit", "step-trace", "constructive-trace", "deep-constructive-trace"] {
        let restores = rebuilder.contains("constructive");
        let place = Place::new(&[("in", "text")]);
        place.report(docs(), rebuilder, "copy").expect("built");
        for (what, disturb) in DISTURBANCES {
            disturb(&place);
            let (ran, restored) = place.report(docs(), rebuilder, "out/docs/").expect("built");
            let expected = match (what, restores) {
                ("nothing", _) => (vec![], 0),
                (_, true) => (vec![], 1),
                (_, false) => (vec!["out/docs/".to_owned()], 0),
            };
            assert_eq!((ran, restored), expected, "{rebuilder}: {what}");
            assert_eq!(place.names("out/docs"), "index link sub", "{rebuilder}: {what}");
            assert_eq!(place.names("out/docs/sub"), "empty tool", "{rebuilder}: {what}");
            assert_eq!(place.names("out"), "docs", "nothing is left beside it");
            assert_eq!(fs::read_link(place.at("out/docs/link")).expect("a link"), Path::new("../in"));
            let mode = fs::metadata(place.at("out/docs/sub/tool")).expect("there").permissions().mode();
            assert_eq!((place.read("out/docs/index").as_str(), mode & 0o111), ("text", 0o111), "{rebuilder}: {what}");
            assert!(fs::symlink_metadata(place.at("out/docs")).expect("there").is_dir());
            assert!(place.is_untouched_outside(), "{rebuilder}: {what}");
            let (ran, _) = place.report(docs(), rebuilder, "copy").expect("built");
            assert_eq!(ran, [""; 0], "{rebuilder}: {what}, and it is as it was");
        }
        place.write("in", "more");
        assert_eq!(place.report(docs(), rebuilder, "copy").expect("built").0, ["out/docs/", "copy"], "{rebuilder}");
        assert_eq!(place.read("copy"), "more");
        // What was there before comes from the cache, as a whole.
        place.write("in", "text");
        let (ran, restored) = place.report(docs(), rebuilder, "copy").expect("built");
        let expected = match rebuilder {
            // (It looks at what was asked for, and no more.)
            "deep-constructive-trace" => (0, 1),
            "constructive-trace" => (0, 2),
            _ => (2, 0),
        };
        assert_eq!((ran.len(), restored), expected, "{rebuilder}");
        assert_eq!((place.read("copy"), place.names("out/docs/sub")), ("text".into(), "empty tool".into()));
    }
}

#[test]
fn a_part_that_left_the_cache_is_made_again() {
    let place = Place::new(&[("in", "text")]);
    let build = || place.report(docs(), "constructive-trace", "out/docs/").expect("built");
    build();
    let cache = place.at(".alacarte/cache/blobs");
    let halves = fs::read_dir(&cache).expect("listed").map(|half| half.expect("listed").path());
    let blobs: Vec<_> = halves
        .filter(|half| half.file_name().is_some_and(|name| name.len() == 2))
        .flat_map(|half| fs::read_dir(half).expect("listed"))
        .map(|blob| blob.expect("listed").path())
        .collect();
    assert_eq!(blobs.len(), 3, "two files, for who may run them differs, and a manifest");
    for blob in &blobs {
        for damaged in [false, true] {
            let kept = fs::read(blob).expect("read");
            fs::remove_file(blob).expect("evicted");
            if damaged {
                fs::write(blob, &kept[1..]).expect("damaged");
            }
            fs::remove_dir_all(place.at("out")).expect("removed");
            assert_eq!(build(), (vec!["out/docs/".into()], 0), "{blob:?} {damaged}");
            fs::remove_dir_all(place.at("out")).expect("removed");
            assert_eq!(build(), (vec![], 1), "{blob:?} {damaged}: it is there again");
            assert_eq!(place.names("out/docs"), "index link sub");
        }
    }
}

#[test]
fn a_directory_of_sources_is_needed_with_all_that_lies_in_it() {
    let place = Place::new(&[("src/a", "a"), ("src/sub/b", "b")]);
    let rules = || {
        FileRules::new().rule("list", async |make| {
            make.need(["src/"]).await?;
            let list = make
                .command(["sh", "-c", "find src -printf '%P %m %l\\n' | sort | cat -v; cat src/a"])
                .capture()
                .await?;
            make.write("list", list)
        })
    };
    let changes: [Disturb; 8] = [
        |place| place.write("src/a", "c"),
        |place| place.write("src/sub/new", ""),
        |place| fs::remove_file(place.at("src/sub/new")).expect("removed"),
        |place| fs::set_permissions(place.at("src/a"), PermissionsExt::from_mode(0o755)).expect("set"),
        |place| fs::create_dir(place.at("src/empty")).expect("made"),
        |place| symlink("a", place.at("src/link")).expect("a link"),
        |place| {
            fs::write(place.at("src").join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff")), "")
                .expect("written")
        },
        |place| fs::remove_dir_all(place.at("src/sub")).expect("removed"),
    ];
    assert_eq!(place.build(rules(), "list").expect("built"), ["list"]);
    let mut lists = vec![fs::read(place.at("list")).expect("there")];
    for (number, change) in changes.iter().enumerate() {
        assert_eq!(place.build(rules(), "list").expect("built"), [""; 0]);
        change(&place);
        assert_eq!(place.build(rules(), "list").unwrap_or(vec!["failed".into()]), ["list"], "change {number}");
        lists.push(fs::read(place.at("list")).expect("there"));
    }
    lists.dedup();
    assert_eq!(lists.len(), 9);
    fs::remove_dir_all(place.at("src")).expect("removed");
    place.wrong(rules(), "list", "src/");
    place.write("src", "a file");
    place.wrong(rules(), "list", "src/");
}

#[test]
fn what_is_no_file_link_or_directory_is_named() {
    let place = Place::new(&[("in", ""), ("src/a", "")]);
    let line = "mkfifo out/d/pipe";
    let rules = || {
        FileRules::new().rule("out/d/", async move |make| make.command(["sh", "-c", line]).run().await).rule(
            "use",
            async |make| {
                make.need(["src/"]).await?;
                make.write("use", "")
            },
        )
    };
    place.wrong(rules(), "out/d/", "out/d/pipe: it is a named pipe");
    let _socket = std::os::unix::net::UnixListener::bind(place.at("src/sock")).expect("a socket");
    place.wrong(rules(), "use", "src/sock: it is a socket");
    fs::remove_file(place.at("src/sock")).expect("removed");
    assert_eq!(place.build(rules(), "use").expect("built"), ["use"]);
}

#[test]
fn what_lies_in_a_directory_that_a_rule_makes_is_made_with_it() {
    let place = Place::new(&[("in", "one")]);
    let rules = || {
        docs()
            .rule("use", async |make| make.write("use", make.read("out/docs/sub/tool").await?))
            .rule("all", async |make| {
                make.need(["out/docs/sub/", "out/docs"]).await?;
                make.write("all", make.read("out/docs/index").await?)
            })
            .rule("none", async |make| make.need(["out/docs/none"]).await)
    };
    for rebuilder in ["verifying-trace", "dirty-bit", "deep-constructive-trace"] {
        let build = |target: &str| place.report(rules(), rebuilder, target).expect("built").0;
        for text in ["one", "two"] {
            place.write("in", text);
            build("use");
            assert_eq!(place.read("use"), text, "{rebuilder}");
            assert_eq!(build("use"), [""; 0], "{rebuilder}");
            for (what, disturb) in DISTURBANCES {
                disturb(&place);
                build("out/docs/sub/tool");
                assert_eq!(place.read("out/docs/sub/tool"), text, "{rebuilder}: {what}");
                assert!(place.is_untouched_outside(), "{rebuilder}: {what}");
                build("use");
                assert_eq!((place.read("use"), build("use")), (text.into(), vec![]), "{rebuilder}: {what}");
            }
        }
    }
    place.build(rules(), "all").expect("built");
    place.wrong(rules(), "none", "the rule of out/docs/ did not make out/docs/none");
}

#[test]
fn two_rules_for_one_place_are_an_error_whichever_is_asked_for() {
    let place = Place::new(&[]);
    let fills = |rules: FileRules, pattern: &str| {
        rules.rule(pattern, async |make| match make.target().ends_with('/') {
            true => make.write(format!("{}x", make.target()), "whole"),
            false => make.write(make.target(), "part"),
        })
    };
    for (whole, part) in [
        ("out/d/", "out/d/x"),
        ("out/*/", "out/d/x"),
        ("out/d/", "out/d/*"),
        ("out/d/", "out/d/sub/"),
        ("out/d/", "out/d/*/"),
        ("out/", "out/d/x"),
    ] {
        let rules = || fills(fills(FileRules::new(), whole), part);
        let target = if whole == "out/" { "out/" } else { "out/d/" };
        let inner = if part.ends_with('/') { "out/d/sub/" } else { "out/d/x" };
        place.wrong(rules(), target, "makes the directory out/");
        place.wrong(rules(), inner, "makes the directory out/");
        assert!(!place.at("out").exists(), "{whole} {part}");
    }
    // A pattern that matches more is no reason to refuse the directory; what it makes in there is.
    let wide = || fills(fills(FileRules::new(), "out/d/"), "out/**.o");
    place.wrong(wide(), "out/d/a.o", "`out/d/` makes the directory out/d/, and `out/**.o` makes out/d/a.o in it");
    place.build(wide(), "out/d/").expect("built");
    place.build(wide(), "out/a.o").expect("built");
    let place = Place::new(&[]);
    let twice = || fills(fills(FileRules::new(), "*/d/"), "out/*/");
    place.wrong(twice(), "out/d/", "two rules make out/d/");
}

/// Fetches a directory without a rule of paths around it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Digests(&'static str);

impl Rule for Digests {
    type Output = String;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let value: FileValue = fetch.rule(File::at(self.0)).await?;
        Ok(format!("{value:?}"))
    }
}

/// What it holds would depend on what was built before.
#[test]
fn a_directory_of_sources_that_holds_what_rules_make_is_an_error() {
    let place = Place::new(&[("src/a", "a"), ("lib/b", "b")]);
    let rules = |needed: &'static str| {
        FileRules::new()
            .rule("src/gen/x.h", async |make| make.write(make.target(), "x"))
            .rule("lib/**.o", async |make| make.write(make.target(), "o"))
            .rule("**/made.txt", async |make| make.write(make.target(), "made"))
            .rule("use", async move |make| {
                make.need([needed]).await?;
                make.write("use", "")
            })
            .rule("typed", async move |make| make.write("typed", make.rule(Digests(needed)).await?))
    };
    for target in ["use", "typed"] {
        place.wrong(rules("src/"), target, "src/ holds what the rule `src/gen/x.h` makes");
        place.wrong(rules("lib/"), target, "lib/ holds what the rule `lib/**.o` makes");
        place.wrong(rules("./"), target, "./ holds what");
        place.wrong(rules(".alacarte/"), target, "holds what the build remembers");
        place.wrong(rules("../"), target, "holds what the build remembers");
    }
    // Where a pattern does not say so, the file does.
    place.write("doc/a", "a");
    assert_eq!(place.build(rules("doc/"), "use").expect("nothing is made there"), ["use"]);
    place.build(rules("doc/"), "doc/made.txt").expect("built");
    place.wrong(rules("doc/"), "use", "doc/ holds doc/made.txt, which a rule makes");

    // And in a process that goes on.
    let session = FileSession::new(place.at(""));
    let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
    let rebuilder = alacarte_rebuilders::named("verifying-trace").expect("a rebuilder");
    let mut build = session.open(rules("src/"), scheduler, rebuilder, |_| {}).expect("it opens");
    for _ in 0..3 {
        let error = build.run([file("use")]).expect_err("it is wrong").to_string();
        assert!(error.contains("src/ holds what the rule"), "{error}");
    }
}

#[test]
fn directories_are_merged_and_what_differs_is_named() {
    let place = Place::new(&[("a/x", "x"), ("a/sub/y", "y"), ("b/sub/z", "z"), ("b/x", "x")]);
    let rules = || {
        FileRules::new()
            .rule("made/", async |make| make.write("made/deep/er/m", make.read("a/x").await?))
            .rule("out/all/", async |make| {
                make.write("out/all/goes", "")?;
                make.merge("out/all/", ["a/", "b/", "made/"]).await
            })
            .rule("out/part/", async |make| make.merge("out/part/sub/", ["a/"]).await)
            .rule("out/none/", async |make| make.merge("out/none/", [""; 0]).await)
            .rule("out/elsewhere/", async |make| make.merge("out/all/", ["a/"]).await)
            .rule("out/file", async |make| make.merge("out/file", ["a/"]).await)
            .rule("out/files/", async |make| make.merge("out/files/", ["a"]).await)
    };
    assert_eq!(place.build(rules(), "out/all/").expect("built"), ["made/", "out/all/"]);
    assert_eq!((place.names("out/all"), place.names("out/all/sub")), ("deep sub x".into(), "y z".into()));
    assert_eq!(place.build(rules(), "out/all/").expect("built"), [""; 0]);
    for target in ["out/part/", "out/none/"] {
        place.build(rules(), target).expect("built");
    }
    assert_eq!((place.names("out/part/sub"), place.names("out/none")), ("sub x".into(), String::new()));
    place.write("b/sub/new", "new");
    assert_eq!(place.build(rules(), "out/all/").expect("built"), ["out/all/"]);
    assert_eq!(place.read("out/all/sub/new"), "new");

    let conflicts: [(Disturb, &str); 4] = [
        (|place| place.write("b/x", "other"), "x is the file"),
        (|place| fs::set_permissions(place.at("b/x"), PermissionsExt::from_mode(0o755)).expect("set"), "x is the file"),
        (|place| fs::create_dir(place.at("b/x")).expect("made"), "the directory"),
        (|place| symlink("sub", place.at("b/x")).expect("a link"), "the link"),
    ];
    for (disturb, says) in conflicts {
        let gone = |path| fs::remove_file(place.at(path)).or_else(|_| fs::remove_dir(place.at(path)));
        if says != "x is the file" {
            gone("b/x").expect("removed");
        }
        disturb(&place);
        let error = place.build(rules(), "out/all/").expect_err("they differ");
        for part in ["x is the file", says, " of a/", " of b/", "cannot be merged"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        gone("b/x").expect("removed");
        place.write("b/x", "x");
        place.build(rules(), "out/all/").expect("they are equal again");
    }
    place.wrong(rules(), "out/elsewhere/", "out/all/ is no directory that this rule makes");
    place.wrong(rules(), "out/file", "out/file is merged as a directory: write `out/file/`");
    place.wrong(rules(), "out/files/", "a is merged as a directory: write `a/`");
}

#[test]
fn a_rule_may_make_a_directory_along_with_files_and_by_pattern() {
    let place = Place::new(&[("a.in", "a"), ("b.in", "b")]);
    let rules = || {
        FileRules::new()
            .rules(["out/*.log", "out/*.d/"], async |make| {
                let text = make.read(format!("{}.in", make.part(0))).await?;
                make.write(format!("out/{}.log", make.part(0)), "log")?;
                make.write(format!("out/{}.d/sub/text", make.part(0)), text)
            })
            .rule("all", async |make| {
                make.need(["out/a.d/", "out/b.log"]).await?;
                make.write("all", make.read("out/b.d/sub/text").await?)
            })
    };
    // (A deep trace looks at inputs alone, and not at what was lost on the way.)
    for rebuilder in ["verifying-trace", "dirty-bit", "constructive-trace"] {
        let build = || place.report(rules(), rebuilder, "all").expect("built");
        build();
        assert_eq!(build().0, [""; 0], "{rebuilder}");
        for path in ["out/b.log", "out/b.d/sub/text"] {
            fs::remove_file(place.at(path)).expect("removed");
            build();
            assert_eq!((place.read("out/b.log"), place.read("out/b.d/sub/text")), ("log".into(), "b".into()));
            assert_eq!(build().0, [""; 0], "{rebuilder}: {path}");
        }
    }
}

/// A rule that fails half way leaves something behind, which is nobody's value, and gone when it runs again.
#[test]
fn what_a_rule_that_failed_has_left_is_gone() {
    let place = Place::new(&[("in", "one")]);
    let rules = || {
        FileRules::new().rule("out/d/", async |make| {
            let text = make.read("in").await?;
            make.write(format!("out/d/{text}"), "")?;
            match &*text {
                "fails" => Err(alacarte_core::TaskError::new("half way")),
                "unmade" => Ok(fs::remove_dir_all(make.path("out/d/"))?),
                _ => Ok(()),
            }
        })
    };
    for text in ["one", "two", "fails", "unmade", "one", "fails"] {
        place.write("in", text);
        let built = place.build(rules(), "out/d/");
        match text {
            "fails" => assert!(built.expect_err(text).contains("half way")),
            "unmade" => assert!(built.expect_err(text).contains("did not make out/d/")),
            text => assert_eq!((built.expect("built").len(), place.names("out/d")), (1, text.into())),
        }
    }
    place.write("in", "one");
    assert_eq!(place.build(rules(), "out/d/").expect("built"), ["out/d/"], "what lies there is half made");
}

#[test]
fn nothing_is_written_outside_of_the_directory_of_the_build() {
    let place = Place::new(&[("in", "text")]);
    symlink("../outside", place.at("out")).expect("a link");
    place.wrong(docs(), "out/docs/", "is a link that leads out of the directory of the build");
    assert!(place.is_untouched_outside());
    let outside = || FileRules::new().rule("../outside/", async |make| make.write("../outside/x", ""));
    place.wrong(outside(), "../outside/", "nothing is written elsewhere");
    let all = || FileRules::new().rule("*/", async |_| Ok(()));
    place.wrong(all(), ".alacarte/", "holds what the build remembers");
    let deep = || FileRules::new().rule("**/", async |_| Ok(()));
    place.wrong(deep(), "../outside/", "makes the directory ../, and `**/` makes ../outside/ in it");
    assert!(place.is_untouched_outside() && place.at(".alacarte/journal").exists());
    // What stays inside is fine.
    fs::remove_file(place.at("out")).expect("removed");
    fs::create_dir(place.at("real")).expect("made");
    symlink("real", place.at("out")).expect("a link");
    place.build(docs(), "out/docs/").expect("built");
    assert_eq!(place.names("real/docs"), "index link sub");
}

#[test]
fn a_directory_is_one_however_it_is_named() {
    let place = Place::new(&[("in", "text"), ("src/a", "a")]);
    let absolute = place.at("").display().to_string();
    for name in ["./out/../out//docs/", "../build/out/docs/", &format!("{absolute}out/docs/"), "out/docs/"] {
        let name = name.to_owned();
        let rules = docs().rule("use", async move |make| {
            make.need([&name, "../build/src/"]).await?;
            make.write("use", fs::read_to_string(make.path("out/docs/index"))?)
        });
        let _ = fs::remove_dir_all(place.at("out"));
        place.build(rules, "use").expect("built");
        assert_eq!(place.read("use"), "text");
    }
    // (As a target, too.)
    fs::remove_dir_all(place.at("out")).expect("removed");
    place.build(docs(), &format!("{absolute}out/docs/")).expect("built");
    assert_eq!(place.names("out/docs"), "index link sub");
}

/// A header in a directory that is made while the compiler runs was not read as it is.
#[test]
fn a_command_that_read_in_a_directory_that_was_made_later_runs_again() {
    let place = Place::new(&[("in", "old")]);
    let line = "cat gen/h/x.h > object 2>/dev/null || : > object; echo 'object: gen/h/x.h' > depfile";
    let rules = || {
        FileRules::new()
            .rule("gen/h/", async |make| make.write("gen/h/x.h", make.read("in").await?))
            .rule("object", async move |make| make.command(["sh", "-c", line]).depfile("depfile").run().await)
    };
    for text in ["old", "new"] {
        place.write("in", text);
        place.build(rules(), "object").expect("built");
        assert_eq!(place.read("object"), text);
        assert_eq!(place.build(rules(), "object").expect("built"), [""; 0]);
    }
}

#[test]
fn directories_are_listed_by_a_pattern_with_a_slash() {
    let place = Place::new(&[("parts/a/x", "1"), ("parts/b/y", "2"), ("parts/file", "")]);
    let rules = || {
        FileRules::new().rule("all/", async |make| {
            let parts = make.glob("parts/*/").await?;
            make.merge("all/", parts).await
        })
    };
    place.build(rules(), "all/").expect("built");
    assert_eq!(place.names("all"), "x y");
    place.write("parts/c/z", "3");
    place.build(rules(), "all/").expect("built");
    assert_eq!(place.names("all"), "x y z");
    fs::remove_dir_all(place.at("parts/a")).expect("removed");
    place.build(rules(), "all/").expect("built");
    assert_eq!(place.names("all"), "y z");
    assert_eq!(place.build(rules(), "all/").expect("built"), [""; 0]);
}

/// What is made again as it was is no reason to make anything of it again.
#[test]
fn a_directory_that_is_made_as_it_was_changes_nothing() {
    let place = Place::new(&[("in", "word and more"), ("src/a", "a")]);
    let rules = || {
        FileRules::new()
            .rule("out/d/", async |make| {
                let text = make.read("in").await?;
                make.write("out/d/first", text.split(' ').next().unwrap_or_default())
            })
            .rule("out/e/", async |make| make.merge("out/e/", ["out/d/", "src/"]).await)
            .rule("use", async |make| {
                make.need(["out/e/", "out/d/first"]).await?;
                make.command(["cp", "out/d/first", "use"]).run().await
            })
    };
    let place = &place;
    for rebuilder in ["verifying-trace", "dirty-bit", "constructive-trace", "modification-time"] {
        let build = || place.report(rules(), rebuilder, "use").expect("built");
        place.write("in", "word and more");
        build();
        assert_eq!(build().0, [""; 0], "{rebuilder}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        place.write("in", &format!("word for {rebuilder}"));
        let (ran, _) = build();
        if rebuilder == "modification-time" {
            assert_eq!(ran.len(), 4, "times are all that it knows: {ran:?}");
        } else {
            assert_eq!(ran, ["out/d/"], "{rebuilder}");
        }
        assert_eq!(build().0, [""; 0], "{rebuilder}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        place.write("src/a", rebuilder);
        assert_eq!(build().0, ["out/e/", "use"], "{rebuilder}");
        assert_eq!((place.read("out/e/a"), build().0), (rebuilder.into(), vec![]));
    }
}

#[test]
fn another_checkout_takes_directories_from_the_cache() {
    let cache = tempfile::tempdir().expect("a directory");
    for (checkout, expected) in [(0, (2, 0)), (1, (0, 2)), (2, (0, 2))] {
        let place = Place::new(&[("in", "text")]);
        let mut session = FileSession::new(place.at(""));
        session.cache = cache.path().to_owned();
        let scheduler = alacarte_schedulers::named("suspending").expect("a scheduler");
        let rebuilder = alacarte_rebuilders::named("constructive-trace").expect("a rebuilder");
        let mut build = session.open(docs().with_version(1), scheduler, rebuilder, |_| {}).expect("it opens");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let report = runtime.block_on(build.run_async([file("copy")])).expect("built");
        assert_eq!((report.ran.len(), report.restored.len()), expected, "checkout {checkout}");
        assert_eq!(
            (place.names("out/docs"), place.names("out/docs/sub")),
            ("index link sub".into(), "empty tool".into())
        );
    }
}

/// A process that was killed while it put a directory together has left a part of it.
#[test]
fn what_a_killed_process_left_underway_is_removed() {
    let place = Place::new(&[("in", "text")]);
    place.build(docs(), "out/docs/").expect("built");
    let mut child = std::process::Command::new("true").spawn().expect("it starts");
    let dead = child.id();
    child.wait().expect("it ends");
    let left = place.at(format!(".alacarte/underway/.alacarte-{dead}-abc.part"));
    fs::create_dir_all(left.join("new/sub")).expect("made");
    assert_eq!(place.build(docs(), "out/docs/").expect("built"), [""; 0]);
    assert!(!left.exists());
}
