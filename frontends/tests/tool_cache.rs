//! Caches that tools keep for themselves, in builds of files and of manifests: with a tool that rewrites its cache in place, and, where
//! they are installed, with mypy and ccache.

#[path = "common/skipping.rs"]
mod skipping;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use alacarte_core::RuleKey;
use alacarte_frontends::files::{FileRules, FileSession, file};
use alacarte_frontends::ninja::{Session, parse_str};
use alacarte_rebuilders::{ConstructiveTrace, VerifyingTrace};
use alacarte_schedulers::Suspending;
use alacarte_stores::{FileKey, named_caches};
use skipping::skipped;

/// `tool CACHE SOURCE OUTPUT`: says in `ran` whether it knew the source already. It writes its cache in place, as tools do.
const TOOL: &str = r#"set -e
entry="$1/$(basename "$2")"
sum=$(cksum < "$2")
if [ -f "$entry" ] && [ "$(head -n 1 "$entry")" = "$sum" ]; then how=warm; else
    how=cold
    echo "$sum" > "$entry"
    tr a-z A-Z < "$2" >> "$entry"
fi
tail -n +2 "$entry" > "$3"
echo "$how" >> ran
grep -q fail "$2" && exit 1
exit 0
"#;

/// A checkout below a directory, whose cache is shared by all that lie there.
fn checkout(root: &Path, name: &str, sources: &[(&str, &str)]) -> PathBuf {
    let place = root.join(name);
    for (source, text) in sources.iter().chain(&[("tool.sh", TOOL)]) {
        let path = place.join(source);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    place
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Builds a file by rules, in a new process for all that it knows; how many tasks ran.
fn build(place: &Path, rules: FileRules, target: &str) -> Result<usize, String> {
    let mut session = FileSession::new(place);
    session.cache = place.with_file_name("cache");
    let mut build = session.open(rules, Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    let ran = runtime().block_on(build.run_async([file(target)]));
    ran.map(|report| report.ran.len()).map_err(|error| error.to_string())
}

/// The same of the default targets of a manifest.
fn ninja(place: &Path) -> Result<usize, String> {
    let mut session = Session::new(place, "build.ninja");
    session.cache = place.with_file_name("cache");
    let mut build = session.open(Suspending::new(), ConstructiveTrace, |_| {}).map_err(|error| error.to_string())?;
    let targets: Vec<FileKey> = build.tasks().default_targets().to_vec();
    let ran = runtime().block_on(build.run_async(&targets));
    ran.map(|report| report.ran.len()).map_err(|error| error.to_string())
}

/// What the tool has said since it was asked last.
fn ran(place: &Path) -> String {
    let said = fs::read_to_string(place.join("ran")).unwrap_or_default();
    let _ = fs::remove_file(place.join("ran"));
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The caches, and how many entries each has.
fn held(root: &Path) -> Vec<(String, u64)> {
    let held = named_caches(&root.join("cache")).expect("listed");
    held.into_iter().map(|held| (format!("{}/{}", held.repository, held.name), held.entries)).collect()
}

/// Whether no private copy is left behind.
fn is_tidy(root: &Path) -> bool {
    let left = Command::new("find").arg(root).args(["-name", "*.part"]).output().expect("it runs");
    left.stdout.is_empty()
}

fn rules(cache: &'static str) -> FileRules {
    FileRules::new().with_version(1).rule("out/*", async move |make| {
        let source = format!("src/{}", make.part(0));
        make.need([&source]).await?;
        let arguments = ["sh", "tool.sh", "{tool_cache}", &source, make.target()];
        make.command(arguments).tool_cache(cache).run().await
    })
}

#[test]
fn a_second_checkout_is_warm_and_what_the_tool_says_of_changed_sources_is_published() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let [one, two] = ["one", "two"].map(|name| checkout(root, name, &[("src/a", "first\n")]));
    let built = |place: &Path| fs::read_to_string(place.join("out/a")).expect("built");
    assert_eq!(build(&one, rules("r/tool"), "out/a"), Ok(1));
    assert_eq!(build(&two, rules("r/tool"), "out/a"), Ok(1));
    assert_eq!((ran(&one), ran(&two)), ("cold".into(), "warm".into()));
    assert_eq!((built(&one), built(&two)), ("FIRST\n".into(), "FIRST\n".into()));
    // The path was another one each time.
    assert_eq!(build(&one, rules("r/tool"), "out/a"), Ok(0));
    fs::write(one.join("src/a"), "second\n").expect("written");
    fs::remove_dir_all(two.join(".alacarte")).expect("removed");
    for (place, text, how) in [(&one, "SECOND\n", "cold"), (&two, "FIRST\n", "cold"), (&two, "FIRST\n", "warm")] {
        fs::remove_file(place.join("out/a")).expect("removed");
        assert_eq!(build(place, rules("r/tool"), "out/a"), Ok(1));
        assert_eq!((built(place), ran(place)), (text.into(), how.into()));
    }
    assert_eq!(held(root), [("r/tool".to_owned(), 1)]);
    assert!(is_tidy(root));
}

#[test]
fn without_a_stated_repository_each_checkout_has_its_part() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    for name in ["one", "two"] {
        let place = checkout(root, name, &[("src/a", "text\n")]);
        assert_eq!(build(&place, rules("tool"), "out/a"), Ok(1));
        assert_eq!(ran(&place), "cold");
    }
    assert_eq!(held(root).len(), 2);
}

#[test]
fn a_command_that_fails_publishes_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let place = checkout(root, "one", &[("src/a", "fail\n"), ("src/b", "good\n")]);
    assert!(build(&place, rules("r/tool"), "out/a").is_err());
    assert_eq!((ran(&place).as_str(), held(root), is_tidy(root)), ("cold", vec![], true));
    assert_eq!(build(&place, rules("r/tool"), "out/b"), Ok(1));
    assert_eq!(held(root), [("r/tool".to_owned(), 1)]);
    let error = build(&place, rules("../tool"), "out/a").expect_err("out of the cache");
    assert!(error.contains("REPOSITORY/NAME"), "{error}");
}

#[test]
fn a_command_that_is_killed_publishes_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let place = checkout(root, "one", &[]);
    let rules = FileRules::new().rule("out", async |make| {
        let line = "echo half > {tool_cache}/entry; touch begun; sleep 60";
        make.command(["sh", "-c", line]).tool_cache("r/tool").run().await
    });
    let mut session = FileSession::new(&place);
    session.cache = root.join("cache");
    let mut build = session.open(rules, Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    runtime().block_on(async {
        let begun = async {
            while !place.join("begun").exists() {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::select! { _ = build.run_async([file("out")]) => panic!("it goes on"), () = begun => {} }
    });
    drop(build);
    assert_eq!((held(root), is_tidy(root)), (vec![], true));
}

#[test]
fn what_a_command_read_in_its_copy_is_no_dependency() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let line =
        "touch $ALACARTE_TOOL_CACHE/module; echo out: in $ALACARTE_TOOL_CACHE/module > out.d; echo >> ran; cp in out";
    let place = checkout(root, "one", &[("in", "in\n")]);
    let rules = || {
        FileRules::new().with_version(1).rule("out", async move |make| {
            make.command(["sh", "-c", line]).tool_cache("r/tool").depfile("out.d").run().await
        })
    };
    for ran in [1, 0] {
        assert_eq!(build(&place, rules(), "out"), Ok(ran));
    }
    let line = line.replace('$', "$$");
    let manifest = format!(
        "rule r\n  command = {line}\n  depfile = out.d\n  deps = gcc\n  tool_cache = r/tool\nbuild out: r in\n"
    );
    let place = checkout(root, "two", &[("in", "in\n"), ("build.ninja", &manifest)]);
    for ran in [1, 0] {
        assert_eq!(ninja(&place), Ok(ran));
    }
    fs::write(place.join("in"), "changed\n").expect("written");
    assert_eq!(ninja(&place), Ok(1));
}

#[test]
fn a_manifest_names_a_cache_on_a_rule_or_an_edge_and_another_name_is_no_reason_to_run() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let manifest = |cache: &str| {
        format!(
            "rule tool\n  command = sh tool.sh $$ALACARTE_TOOL_CACHE $in $out\n  tool_cache = r/tool\n\
             build out/a: tool src/a\nbuild out/b: tool src/b\n  tool_cache = {cache}\n"
        )
    };
    let sources = [("src/a", "a\n"), ("src/b", "b\n"), ("build.ninja", &*manifest("r/other"))];
    let [one, two] = ["one", "two"].map(|name| checkout(root, name, &sources));
    // (Restoring would need no tool at all.)
    let own = |place: &Path| {
        let _ = fs::remove_dir_all(place.with_file_name("cache").join("blobs"));
        ninja(place)
    };
    assert_eq!((own(&one), own(&two)), (Ok(2), Ok(2)));
    assert_eq!((ran(&one), ran(&two)), ("cold cold".into(), "warm warm".into()));
    assert_eq!(held(root), [("r/other".to_owned(), 1), ("r/tool".to_owned(), 1)]);
    fs::write(one.join("build.ninja"), manifest("r/third")).expect("written");
    assert_eq!(own(&one), Ok(0));

    let error = parse_str("build.ninja", &manifest("a b")).expect_err("no name").to_string();
    assert!(error.contains("build.ninja:5:") && error.contains("REPOSITORY/NAME"), "{error}");
}

#[test]
fn many_builds_at_once_share_a_cache_and_each_is_right() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let texts: Vec<(String, String)> = (0..12).map(|n| (format!("src/{n}"), format!("text {n}\n"))).collect();
    let sources: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    let places: Vec<PathBuf> = (0..4).map(|n| checkout(root, &format!("checkout{n}"), &sources)).collect();
    let all = || rules("r/tool").phony("all", async |make| make.need((0..12).map(|n| format!("out/{n}"))).await);
    let run = || {
        std::thread::scope(|scope| {
            for place in &places {
                scope.spawn(move || assert!(build(place, all(), "all").is_ok()));
            }
        });
        for place in &places {
            for n in 0..12 {
                assert_eq!(fs::read_to_string(place.join(format!("out/{n}"))).expect("built"), format!("TEXT {n}\n"));
            }
        }
        places.iter().map(|place| ran(place)).collect::<Vec<_>>()
    };
    run();
    assert_eq!((held(root), is_tidy(root)), (vec![("r/tool".to_owned(), 12)], true));
    for place in &places {
        fs::remove_dir_all(place.join("out")).expect("removed");
    }
    let said: BTreeSet<String> = run().into_iter().collect();
    assert_eq!(said, BTreeSet::from([["warm"; 12].join(" ")]), "nothing was lost");
}

/// Whether a program is there; if it is not, the test that needs it is skipped, and says so.
fn has(program: &str, test: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success());
    if !there {
        skipped(format_args!("{test}: {program} is not installed"));
    }
    there
}

#[test]
fn mypy_finds_in_a_second_checkout_what_it_knew_in_the_first() {
    if !has("mypy", "mypy_finds_in_a_second_checkout_what_it_knew_in_the_first") {
        return;
    }
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let sources =
        [("main.py", "from lib import f\nprint(f(1))\n"), ("lib.py", "def f(x: int) -> str:\n    return str(x)\n")];
    let rules = || {
        FileRules::new().with_version(1).rule("types", async |make| {
            let sources = make.glob("*.py").await?;
            make.need(&sources).await?;
            let mut arguments =
                ["mypy", "-v", "--no-sqlite-cache", "--cache-dir={tool_cache}"].map(str::to_owned).to_vec();
            arguments.extend(sources);
            // (It says of each module whether what it knew of it holds, on standard error.)
            let line = "\"$@\" > log 2>&1 || { cat log; exit 1; }".to_owned();
            let shell = ["sh", "-c", &line, "sh"].map(str::to_owned);
            make.command([&shell[..], &arguments[..]].concat()).tool_cache("calculator/mypy").run().await?;
            make.write(make.target(), "checked")
        })
    };
    // Whether mypy has checked a module, and not believed what it knew.
    let checked = |place: &Path, module: &str| {
        let log = fs::read_to_string(place.join("log")).expect("it has run");
        let said = |what: String| log.lines().any(|line| line.starts_with(&what));
        // (Of a source with another time, and the same hash, it is the time that is updated.)
        let says = ["Metadata fresh for {}:", "Updating mtime for {}:", "Writing {} "];
        assert!(says.iter().any(|line| said(format!("LOG:  {}", line.replace("{}", module)))), "{log}");
        said(format!("LOG:  Writing {module} "))
    };
    let [one, two, three] = ["one", "two", "three"].map(|name| checkout(root, name, &sources));
    assert_eq!(build(&one, rules(), "types"), Ok(1));
    let all = ["builtins", "lib", "main"];
    assert_eq!(all.map(|module| checked(&one, module)), [true; 3]);
    // Two at once.
    std::thread::scope(|scope| {
        for place in [&two, &three] {
            scope.spawn(move || assert_eq!(build(place, rules(), "types"), Ok(1)));
        }
    });
    for place in [&two, &three] {
        assert_eq!(all.map(|module| checked(place, module)), [false; 3]);
    }
    // The same interface: mypy has a hash of it, and does not check what imports the module. Then another one.
    for (text, main) in
        [("def f(x: int) -> str:\n    return str(x + 1)\n", false), ("def f(x: int) -> int:\n    return x\n", true)]
    {
        fs::write(two.join("lib.py"), text).expect("written");
        assert_eq!(build(&two, rules(), "types"), Ok(1));
        assert_eq!(all.map(|module| checked(&two, module)), [false, true, main]);
    }
    // An error is one, whatever the cache says. (Mypy takes sources for the same if size and second of modification are.)
    fs::write(two.join("lib.py"), "def f(word: str) -> str:\n    return word\n").expect("written");
    let error = build(&two, rules(), "types").expect_err("an argument of another type");
    assert!(error.contains("incompatible type"), "{error}");
    // The first checkout has the old sources, and gets no answer that is not about them.
    fs::remove_file(one.join("types")).expect("removed");
    assert_eq!(build(&one, rules(), "types"), Ok(1));
    assert!(is_tidy(root));
}

#[test]
fn ccache_compiles_nothing_in_a_second_checkout() {
    let test = "ccache_compiles_nothing_in_a_second_checkout";
    if !has("ccache", test) || !has("cc", test) {
        return;
    }
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let names: Vec<String> = (0..6).map(|n| format!("f{n}")).collect();
    let text = |name: &String| format!("#include <stdio.h>\nint {name}(void) {{ return puts(\"{name}\"); }}\n");
    let manifest = names.iter().fold(
        // (Its own statistics, beside each checkout: a line for each result.)
        "rule cc\n  command = CCACHE_DIR=$$ALACARTE_TOOL_CACHE CCACHE_STATSLOG=$$PWD/log ccache cc -c $in -o $out\n  tool_cache = calculator/ccache\n"
            .to_owned(),
        |manifest, name| manifest + &format!("build {name}.o: cc {name}.c\n"),
    );
    let sources: Vec<(String, String)> = names.iter().map(|name| (format!("{name}.c"), text(name))).collect();
    let mut sources: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (&**name, &**text)).collect();
    sources.push(("build.ninja", &manifest));
    let places: Vec<PathBuf> = (0..3).map(|n| checkout(root, &format!("checkout{n}"), &sources)).collect();
    let results = |place: &Path, what: &str| {
        let log = fs::read_to_string(place.join("log")).unwrap_or_default();
        log.lines().filter(|line| *line == what).count()
    };
    let own = |place: &Path| {
        let _ = fs::remove_dir_all(root.join("cache/traces"));
        assert_eq!(ninja(place), Ok(6));
    };
    own(&places[0]);
    assert_eq!((results(&places[0], "cache_miss"), results(&places[0], "direct_cache_hit")), (6, 0));
    for place in &places[1..] {
        own(place);
        assert_eq!((results(place, "cache_miss"), results(place, "direct_cache_hit")), (0, 6));
        let same = |name: &String| {
            fs::read(place.join(format!("{name}.o"))).expect("there")
                == fs::read(places[0].join(format!("{name}.o"))).expect("there")
        };
        assert!(names.iter().all(same));
    }
    assert!(is_tidy(root));
}

#[test]
fn a_copy_is_in_no_key() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let place = checkout(root, "one", &[("src/a", "a\n")]);
    let mut session = FileSession::new(&place);
    session.cache = root.join("cache");
    let mut build = session.open(rules("r/tool"), Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    runtime().block_on(build.run_async([file("out/a")])).expect("built");
    let keys: Vec<RuleKey> = build.keys().iter().map(|(_, key)| key.clone()).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| !key.to_string().contains("underway")), "{keys:?}");
}
