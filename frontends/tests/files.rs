//! Builds of files by rules, beside what a computation from scratch gives: random histories of edits, each build by a new process or
//! the same, under any scheduler and rebuilder.

#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use alacarte_core::{Fetch, FetchRule, Output, Rebuilder, Report, Result, Rule, RuleKey, Scheduler};
use alacarte_frontends::files::{Contents, FileBuild, FileRules, FileSession, file};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use random::Random;
use serde::{Deserialize, Serialize};

/// How many words a file has: a typed rule beside the closures.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Words(String);

impl Rule for Words {
    type Output = usize;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<usize> {
        Ok(fetch.rule(Contents::of(&self.0)).await?.split_whitespace().count())
    }
}

/// Every text is made loud, with what it includes; its halves are two files of one rule; and a sum of all of them. The loud ones
/// are pages, too, in a directory of their own, which is merged with what lies in the assets and what is made of these.
fn rules() -> FileRules {
    FileRules::new()
        .with_version(1)
        .with_rule::<Words>()
        .rule("out/sum", async |make| {
            let mut sum = String::new();
            let sources = make.glob("src/*.txt").await?;
            let names: Vec<&str> = sources.iter().map(|path| &path["src/".len()..path.len() - ".txt".len()]).collect();
            make.need(names.iter().map(|name| format!("out/{name}.loud"))).await?;
            for name in names {
                let [loud, tail] = [format!("out/{name}.loud"), format!("out/{name}.tail")];
                let words = make.rule(Words(loud.clone())).await?;
                let _ = writeln!(sum, "{name} {words} {} {}", make.read(loud).await?, make.read(tail).await?);
            }
            make.write(make.target(), sum)
        })
        .rule("out/*.loud", async |make| {
            let mut text = make.read(format!("src/{}.txt", make.part(0))).await?;
            if let Some(included) = text.strip_prefix("include ").map(str::to_owned) {
                text = make.read(format!("gen/{}.inc", included.trim())).await?;
            }
            make.write(make.target(), text.to_uppercase())
        })
        .rules(["out/*.head", "out/*.tail"], async |make| {
            let text = make.read(format!("src/{}.txt", make.part(0))).await?;
            let (head, tail) = text.split_at(text.len() / 2);
            let [first, second] = [0, 1].map(|place| make.targets().nth(place).unwrap_or_default().to_owned());
            make.write(first, head)?;
            make.write(second, tail)
        })
        .rule("gen/*.inc", async |make| {
            let source = format!("src/{}.gen", make.part(0));
            make.need([&source]).await?;
            // A command, with its output captured.
            let text = make.command(["cat", &source]).capture().await?;
            make.write(make.target(), text.repeat(2))
        })
        .rule("out/pages/", async |make| {
            let sources = make.glob("src/*.txt").await?;
            let names: Vec<&str> = sources.iter().map(|path| &path["src/".len()..path.len() - ".txt".len()]).collect();
            make.need(names.iter().map(|name| format!("out/{name}.loud"))).await?;
            for name in &names {
                make.write(format!("out/pages/{name}.html"), make.read(format!("out/{name}.loud")).await?)?;
                let tool = format!("out/pages/sub/{name}");
                make.write(&tool, *name)?;
                fs::set_permissions(make.path(&tool), PermissionsExt::from_mode(0o755))?;
            }
            make.write("out/pages/index", names.join(" "))?;
            Ok(std::os::unix::fs::symlink("index", make.path("out/pages/latest"))?)
        })
        .rule("out/extra/", async |make| {
            make.need(["assets/"]).await?;
            make.command(["cp", "-RP", "assets", "out/extra/copy"]).run().await
        })
        .rule("out/site/", async |make| make.merge(make.target(), ["out/pages/", "out/extra/", "assets/"]).await)
        .rule("out/names", async |make| {
            // A file in a directory that is made.
            make.write("out/names", make.read("out/pages/index").await?)
        })
        .phony("everything", async |make| make.need(["out/sum", "out/site/", "out/names"]).await)
}

/// What lies in a directory, by its path; the directory itself has none.
type Things = BTreeMap<String, Thing>;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Thing {
    File { text: String, executable: bool },
    Link(String),
    Directory(u32),
}

/// What lies in a directory on disk.
fn things(directory: &Path) -> Things {
    let (mut found, mut todo) = (Things::new(), vec![String::new()]);
    while let Some(path) = todo.pop() {
        let place = if path.is_empty() { directory.to_owned() } else { directory.join(&path) };
        let Ok(there) = fs::symlink_metadata(&place) else { continue };
        let mode = there.permissions().mode();
        let thing = if there.is_dir() {
            for entry in fs::read_dir(&place).expect("listed") {
                let name = entry.expect("listed").file_name().into_string().expect("text");
                todo.push(if path.is_empty() { name } else { format!("{path}/{name}") });
            }
            Thing::Directory(mode & 0o555)
        } else if there.is_symlink() {
            Thing::Link(fs::read_link(&place).expect("a link").display().to_string())
        } else {
            Thing::File { text: fs::read_to_string(&place).expect("read"), executable: mode & 0o111 != 0 }
        };
        found.insert(path, thing);
    }
    found
}

/// What the pages are by right.
fn expected_pages(sources: &Sources, usual: u32) -> Option<Things> {
    let mut pages =
        Things::from([(String::new(), Thing::Directory(usual)), ("latest".into(), Thing::Link("index".into()))]);
    let mut names = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.ends_with(".txt")) {
        let name = &path["src/".len()..path.len() - ".txt".len()];
        names.push(name);
        pages.insert(format!("{name}.html"), Thing::File { text: expected_loud(sources, text)?, executable: false });
        pages.insert("sub".into(), Thing::Directory(usual));
        pages.insert(format!("sub/{name}"), Thing::File { text: name.into(), executable: true });
    }
    pages.insert("index".into(), Thing::File { text: names.join(" "), executable: false });
    Some(pages)
}

/// What the site is by right; `None` if something is missing, or two say different things of one path.
fn expected_site(sources: &Sources, assets: &Things, usual: u32) -> Option<Things> {
    if assets.is_empty() {
        return None;
    }
    let mut site = expected_pages(sources, usual)?;
    let copy = assets.iter().map(|(path, thing)| match path.as_str() {
        "" => ("copy".to_owned(), thing.clone()),
        path => (format!("copy/{path}"), thing.clone()),
    });
    for (path, thing) in copy.chain(assets.clone()) {
        if *site.entry(path).or_insert_with(|| thing.clone()) != thing {
            return None;
        }
    }
    Some(site)
}

/// What lies in the sources.
type Sources = BTreeMap<String, String>;

/// What is made of a text; `None` if what it includes is missing.
fn expected_loud(sources: &Sources, text: &str) -> Option<String> {
    let loud = match text.strip_prefix("include ") {
        Some(included) => sources.get(&format!("src/{}.gen", included.trim()))?.trim_end().repeat(2),
        None => text.to_owned(),
    };
    Some(loud.to_uppercase())
}

/// What the sum is by right; `None` if something is missing.
fn expected(sources: &Sources) -> Option<String> {
    let mut sum = String::new();
    for (path, text) in sources.iter().filter(|(path, _)| path.ends_with(".txt")) {
        let name = &path["src/".len()..path.len() - ".txt".len()];
        let loud = expected_loud(sources, text)?;
        let words = loud.split_whitespace().count();
        let _ = writeln!(sum, "{name} {words} {loud} {}", &text[text.len() / 2..]);
    }
    Some(sum)
}

type Built = FileBuild<Box<dyn Scheduler>, Box<dyn Rebuilder<RuleKey, Output>>>;

fn open(directory: &Path, scheduler: &str, rebuilder: &str) -> Built {
    let scheduler = alacarte_schedulers::named(scheduler).expect("a scheduler");
    let rebuilder = alacarte_rebuilders::named(rebuilder).expect("a rebuilder");
    let build = FileSession::new(directory).open(rules(), scheduler, rebuilder, |_| {}).expect("it opens");
    build.with_jobs(2)
}

fn run(build: &mut Built, target: &str) -> Option<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(build.run_async([file(target)])).ok()
}

const SCHEDULERS: [&str; 3] = ["suspending", "restarting", "bottom-up"];
const REBUILDERS: [&str; 5] =
    ["verifying-trace", "dirty-bit", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// An edit of the sources, or of what was built.
fn edit(directory: &Path, sources: &mut Sources, random: &mut Random) -> String {
    let names = ["a", "b", "c"];
    let texts = ["one two", "three", "include x", "include y", "four five six", ""];
    let name = random.of(&names.map(|name| name));
    match random.below(8) {
        0..=3 => {
            let (path, text) = (format!("src/{name}.txt"), random.of(&texts));
            fs::write(directory.join(&path), text).expect("written");
            sources.insert(path.clone(), text.to_owned());
            format!("{path} = {text:?}")
        }
        4 => {
            let path = format!("src/{}.gen", random.of(&["x", "y"]));
            let text = random.of(&["seven eight", "nine", "nine\n"]);
            fs::write(directory.join(&path), text).expect("written");
            sources.insert(path.clone(), text.to_owned());
            format!("{path} = {text:?}")
        }
        5 => {
            let path = format!("src/{name}.txt");
            let _ = fs::remove_file(directory.join(&path));
            sources.remove(&path);
            format!("{path} is removed")
        }
        kind => {
            let built = [format!("out/{name}.loud"), format!("out/{name}.tail"), "gen/x.inc".into(), "out/sum".into()];
            let path = &built[random.below(4)];
            let there = directory.join(path).exists();
            if there && kind == 6 {
                fs::remove_file(directory.join(path)).expect("removed");
            } else if there {
                fs::write(directory.join(path), "something else").expect("written");
            }
            format!("{path} is {}", if kind == 6 { "removed" } else { "overwritten" })
        }
    }
}

/// An edit of a directory: of the assets, or of one that was built.
fn edit_directory(directory: &Path, which: &str, random: &mut Random) -> String {
    let at = directory.join(which);
    let names = ["a.html", "b.html", "sub", "sub/a", "sub/new/deep", "latest", "empty"];
    let name = names[random.below(names.len())];
    let place = at.join(name);
    let gone = |place: &Path| {
        let _ = fs::remove_file(place).or_else(|_| fs::remove_dir_all(place));
    };
    // Directories all the way down to it, whatever else lay there.
    let around = |place: &Path| {
        let around = place.strip_prefix(directory).expect("within").parent().expect("a parent");
        let mut at = directory.to_owned();
        for name in around {
            at.push(name);
            if !fs::symlink_metadata(&at).is_ok_and(|there| there.is_dir()) {
                gone(&at);
                fs::create_dir(&at).expect("made");
            }
        }
    };
    match random.below(10) {
        0..=3 => {
            around(&place);
            gone(&place);
            let text = random.of(&["ONE TWO", "THREE", "a", "other"]);
            fs::write(&place, text).expect("written");
            let mode = if random.below(3) == 0 { 0o755 } else { 0o644 };
            fs::set_permissions(&place, PermissionsExt::from_mode(mode)).expect("set");
            format!("{which}/{name} = {text:?}, {mode:o}")
        }
        4 | 5 => {
            around(&place);
            gone(&place);
            format!("{which}/{name} is removed")
        }
        6 => {
            around(&place);
            gone(&place);
            fs::create_dir(&place).expect("made");
            let mode = if random.below(3) == 0 { 0o700 } else { 0o755 };
            fs::set_permissions(&place, PermissionsExt::from_mode(mode)).expect("set");
            format!("{which}/{name} is an empty directory, {mode:o}")
        }
        7 | 8 => {
            around(&place);
            gone(&place);
            let target = random.of(&["index", "nowhere", "../../outside"]);
            std::os::unix::fs::symlink(target, &place).expect("a link");
            format!("{which}/{name} leads to {target}")
        }
        _ => {
            gone(&at);
            if which == "assets" || random.below(2) == 0 {
                return format!("{which} is removed");
            }
            std::os::unix::fs::symlink("../outside", &at).expect("a link");
            format!("{which} leads outside")
        }
    }
}

#[test]
fn whatever_was_edited_a_build_gives_what_a_build_from_scratch_gives() {
    let mut sites = 0;
    for seed in 0..60 {
        let mut random = Random(seed);
        let directory = tempfile::tempdir().expect("a directory");
        let directory = directory.path();
        // (Nothing is ever written to what lies beside the directory of the build.)
        let all = directory;
        fs::create_dir_all(all.join("outside")).expect("made");
        fs::write(all.join("outside/precious"), "precious").expect("written");
        let directory = &all.join("build");
        fs::create_dir_all(directory.join("src")).expect("made");
        fs::create_dir(directory.join("assets")).expect("made");
        fs::create_dir(directory.join("out")).expect("made");
        let Some(&Thing::Directory(usual)) = things(&directory.join("src")).get("") else { unreachable!("it is one") };
        let mut sources = Sources::new();
        let mut told = vec![format!("seed {seed}")];
        let (mut process, mut combination) = (None::<Built>, (SCHEDULERS[0], REBUILDERS[0]));
        for _ in 0..12 {
            for _ in 0..1 + random.below(2) {
                told.push(match random.below(5) {
                    0 | 1 => {
                        let which = random.of(&["assets", "assets", "out/pages", "out/extra", "out/site"]);
                        edit_directory(directory, which, &mut random)
                    }
                    _ => edit(directory, &mut sources, &mut random),
                });
            }
            let target = random.of(&["everything", "out/sum", "out/sum", "out/site/", "out/site/", "out/names"]);
            if process.is_none() || random.below(2) == 0 {
                // (The journal belongs to one process at a time.)
                drop(process.take());
                let (scheduler, rebuilder) = (random.of(&SCHEDULERS), random.of(&REBUILDERS));
                told.push(format!("{scheduler} × {rebuilder}, a new process"));
                combination = (scheduler, rebuilder);
                process = Some(open(directory, scheduler, rebuilder));
            }
            let Some(build) = &mut process else { unreachable!("it was opened") };
            told.push(format!("build {target}"));
            let ended = run(build, target);
            let (sum, pages) = (expected(&sources), expected_pages(&sources, usual));
            let site = expected_site(&sources, &things(&directory.join("assets")), usual);
            let fits = |wanted: &str, there: bool| target != wanted && target != "everything" || there;
            let right = fits("out/sum", sum.is_some())
                && fits("out/site/", site.is_some())
                && fits("out/names", pages.is_some());
            assert_eq!(ended.is_some(), right, "whether it succeeds, after {told:#?}");
            assert_eq!(things(&all.join("outside")).len(), 2, "after {told:#?}");
            if right {
                if let (Some(right), "out/sum" | "everything") = (sum, target) {
                    assert_eq!(read(directory, "out/sum"), right, "after {told:#?}");
                }
                if let (Some(right), "out/names" | "everything") = (pages, target) {
                    let Some(Thing::File { text, .. }) = right.get("index") else { unreachable!("it is a file") };
                    assert_eq!(&read(directory, "out/names"), text, "after {told:#?}");
                }
                if let (Some(right), "out/site/" | "everything") = (site, target) {
                    sites += 1;
                    assert_eq!(things(&directory.join("out/site")), right, "after {told:#?}");
                }
                if random.below(2) == 0 {
                    drop(process.take());
                    process = Some(open(directory, combination.0, combination.1));
                }
                let Some(build) = &mut process else { unreachable!("it was opened") };
                let again = run(build, target).expect("nothing was edited");
                let ran: Vec<RuleKey> =
                    build.names(&again.ran).into_iter().filter(|key| *key != file("everything")).collect();
                assert_eq!(ran, [] as [RuleKey; 0], "nothing was edited, after {told:#?}");
            }
        }
    }
    assert!(sites > 60, "directories were merged: {sites}");
}

/// Files, by path.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

/// Builds a file by these rules in a process of its own; what was run, or what failed.
fn build(directory: &Path, rules: FileRules, target: &str) -> std::result::Result<(Vec<String>, u64), String> {
    let rules = rules.with_version(1);
    let session = FileSession::new(directory);
    let build = session.open(rules, Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    let mut build = build.with_jobs(4);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(build.run_async([file(target)])).map_err(|error| error.to_string())?;
    Ok((build.names(&report.ran).iter().map(ToString::to_string).collect(), build.tasks().commands_run()))
}

/// A compiler that finds a header which is made anew in this very build has read the old one.
#[test]
fn a_command_that_read_what_was_made_later_runs_again() {
    let directory = directory(&[("source", "source"), ("header.in", "old")]);
    let directory = directory.path();
    let rules = || {
        FileRules::new()
            .rule("object", async |make| {
                let line = "cat source header > object 2>/dev/null || cat source > object; echo 'object: source header' > depfile";
                make.command(["sh", "-c", line]).depfile("depfile").run().await
            })
            .rule("header", async |make| make.write("header", make.read("header.in").await?))
    };
    let object = || fs::read_to_string(directory.join("object")).expect("it was made");
    for (text, commands) in [("old", 2), ("old", 0), ("new", 1)] {
        fs::write(directory.join("header.in"), text).expect("written");
        let (_, run) = build(directory, rules(), "object").expect("built");
        assert_eq!((object(), run), (format!("source{text}"), commands));
        assert!(!directory.join("depfile").exists(), "nobody made it");
    }
}

#[test]
fn programs_and_lists_of_files_are_dependencies() {
    let directory = directory(&[("tool", "#!/bin/sh\necho one\n"), ("a.in", ""), ("b.out", "")]);
    let directory = directory.path();
    let executable = || fs::set_permissions(directory.join("tool"), PermissionsExt::from_mode(0o755)).expect("set");
    executable();
    let rules = || {
        FileRules::new().rule("made", async |make| {
            let tool = make.tool("./tool").await?;
            let text = make.command([tool]).capture().await?;
            let list = make.glob("*.in").await?.join(" ");
            make.write("made", format!("{text}: {list}"))
        })
    };
    let made = || {
        let (ran, _) = build(directory, rules(), "made").expect("built");
        (ran.len(), fs::read_to_string(directory.join("made")).expect("it was made"))
    };
    assert_eq!(made(), (1, "one: a.in".into()));
    fs::write(directory.join("b.out"), "other").expect("written");
    assert_eq!(made(), (0, "one: a.in".into()), "it is not on the list");
    fs::write(directory.join("b.in"), "").expect("written");
    assert_eq!(made(), (1, "one: a.in b.in".into()));
    fs::write(directory.join("tool"), "#!/bin/sh\necho two\n").expect("written");
    assert_eq!(made(), (1, "two: a.in b.in".into()));
}

#[test]
fn rules_that_break_their_word_are_named() {
    let directory = directory(&[("a.in", "")]);
    let wrong = |rules: FileRules, target: &str, says: &str| {
        let error = build(directory.path(), rules, target).expect_err("it is wrong");
        assert!(error.contains(says), "{error}");
    };
    wrong(FileRules::new().rule("made", async |_| Ok(())), "made", "its rule ended well, and did not make made");
    let both = || FileRules::new().rule("out/*", async |_| Ok(())).rule("*/x", async |_| Ok(()));
    wrong(both(), "out/x", "two rules make out/x, `out/*` and `*/x`");
    let named = both().rule("out/x", async |make| make.write(make.target(), "x"));
    assert!(build(directory.path(), named, "out/x").is_ok(), "what is named goes before what matches");
    let pair =
        || FileRules::new().rules(["*.one", "*.two"], async |make| make.write(format!("{}.one", make.part(0)), ""));
    wrong(pair(), "a.two", "did not make a.two");
    wrong(FileRules::new().rule("made", async |make| make.need(["a.in", "none"]).await), "made", "none");
    wrong(FileRules::new().rule("*.x", async |make| make.write(make.part(1), "")), "a.x", "has 1 stars, and no star 1");
    let fails =
        FileRules::new().rule("made", async |make| make.command(["sh", "-c", "echo why >&2; exit 3"]).run().await);
    wrong(fails, "made", "FAILED: [exit status 3] sh -c 'echo why >&2; exit 3'\nwhy");
    wrong(
        FileRules::new().rule("made", async |make| make.command(["no such program"]).run().await),
        "made",
        "no such program",
    );
    let circle = || {
        FileRules::new().rule("a", async |make| make.need(["b"]).await).rule("b", async |make| make.need(["a"]).await)
    };
    wrong(circle(), "a", "cycle");
}

#[test]
fn temporary_files_are_gone_and_a_pool_bounds_its_commands() {
    let directory = directory(&[]);
    let line = "mkdir lock && sleep 0.05 && rmdir lock && touch \"$0\"";
    let rules = FileRules::new()
        .with_pool("link", 1)
        .rule("all", async |make| {
            make.need(["1.made", "2.made", "3.made"]).await?;
            let place = make.temporary()?;
            std::fs::write(place.path().join("x"), "x")?;
            make.write("all", place.path().display().to_string())
        })
        .rule("*.made", async move |make| make.command(["sh", "-c", line, make.target()]).pool("link").run().await);
    build(directory.path(), rules, "all").expect("no two at once");
    let place = fs::read_to_string(directory.path().join("all")).expect("made");
    assert!(place.contains(".alacarte") && !Path::new(&place).exists(), "{place}");
}

/// What a rule read was not what it had asked for, for it changed on disk in between: what it made is good for this build only.
#[test]
fn what_changed_before_it_was_read_is_read_again() {
    let directory = directory(&[("source", "one")]);
    let directory = directory.path();
    let source = |text: &str| fs::write(directory.join("source"), text).expect("written");
    let rules = || {
        FileRules::new().rule("made", async |make| {
            make.need(["source"]).await?;
            if !make.path("made").exists() {
                std::fs::write(make.path("source"), "two")?;
            }
            make.write("made", std::fs::read(make.path("source"))?)
        })
    };
    let made = || {
        let (ran, _) = build(directory, rules(), "made").expect("built");
        (ran.len(), fs::read_to_string(directory.join("made")).expect("made"))
    };
    assert_eq!(made(), (1, "two".into()));
    // As it was when the rule asked for it.
    source("one");
    assert_eq!(made(), (1, "one".into()));
    assert_eq!(made(), (0, "one".into()));
}

fn read(directory: &Path, path: &str) -> String {
    fs::read_to_string(directory.join(path)).expect("it is there")
}

/// What lies in the place of an output is replaced. A link there led to a source, which was written over.
#[test]
fn a_link_in_the_place_of_an_output_is_replaced_and_what_it_leads_to_is_not() {
    let directory = directory(&[("source", "precious"), ("in", "made")]);
    let directory = directory.path();
    let rules = || FileRules::new().rule("out", async |make| make.write("out", make.read("in").await?));
    for _ in 0..2 {
        let _ = fs::remove_file(directory.join("out"));
        std::os::unix::fs::symlink("source", directory.join("out")).expect("a link");
        build(directory, rules(), "out").expect("built");
        assert_eq!((read(directory, "out"), read(directory, "source")), ("made".into(), "precious".into()));
        assert!(fs::symlink_metadata(directory.join("out")).expect("there").is_file());
    }
    fs::hard_link(directory.join("source"), directory.join("twin")).expect("a second name");
    fs::rename(directory.join("twin"), directory.join("out")).expect("renamed");
    build(directory, rules(), "out").expect("built");
    assert_eq!((read(directory, "out"), read(directory, "source")), ("made".into(), "precious".into()));
    fs::set_permissions(directory.join("out"), PermissionsExt::from_mode(0o755)).expect("set");
    build(directory, rules(), "out").expect("built");
    let mode = fs::metadata(directory.join("out")).expect("there").permissions().mode();
    assert_eq!(mode & 0o111, 0, "as a build from scratch leaves it");
}

/// A file of the directory, named from outside, was another key: a source, whatever rule makes it.
#[test]
fn a_file_is_one_however_it_is_named() {
    let directory = directory(&[("here/in", "one")]);
    let (directory, parent) = (directory.path().join("here"), directory.path());
    let absolute = directory.display().to_string();
    let names = [format!("{absolute}/made"), "../here/made".into(), "./x/../made".into(), "made".into()];
    let link = parent.join("link");
    std::os::unix::fs::symlink(&directory, &link).expect("a link");
    let rules = |used: String| {
        let rules = FileRules::new().rule("made", async |make| make.write("made", make.read("in").await?));
        rules.rule("use", async move |make| make.write("use", make.read(&used).await?))
    };
    for (round, name) in names.iter().enumerate() {
        for (place, target) in [(&directory, name.as_str()), (&link, name), (&directory, "use")] {
            let text = format!("{round} {target} {}", place.display());
            fs::write(directory.join("in"), &text).expect("written");
            build(place, rules(name.clone()), target).expect(name);
            assert_eq!(read(&directory, "made"), text, "{name} from {}", place.display());
        }
        assert_eq!(read(&directory, "use"), read(&directory, "in"));
        assert_eq!(build(&directory, rules(name.clone()), "use").expect("built").0, [""; 0], "nothing was edited");
    }
}

/// Only the file that was asked for was looked at, and not what its rule makes along with it.
#[test]
fn a_second_output_that_another_rule_makes_is_an_error() {
    let directory = directory(&[]);
    let wrong = |rules: FileRules, target: &str, says: &str| {
        let error = build(directory.path(), rules, target).expect_err("it is wrong");
        assert!(error.contains(says), "{error}");
    };
    let pair = |patterns: [&'static str; 2]| {
        FileRules::new().rules(patterns, async |make| make.targets().try_for_each(|target| make.write(target, "pair")))
    };
    let special = || pair(["*.c", "*.h"]).rule("special.h", async |make| make.write("special.h", "special"));
    wrong(special(), "special.c", "two rules make special.h, `*.c` and `special.h`");
    assert!(
        build(directory.path(), special(), "special.h").is_ok()
            && build(directory.path(), special(), "other.c").is_ok()
    );
    wrong(pair(["*.b.c", "*.c"]), "x.b.c", "two rules make");
}

/// A rule gives up one of its commands; those of other rules were ended with it.
#[test]
fn a_command_that_is_given_up_is_ended_alone() {
    let directory = directory(&[]);
    let directory = directory.path();
    let rules = FileRules::new()
        .rule("all", async |make| {
            make.need(["given-up", "other"]).await?;
            make.write("all", "")
        })
        .rule("given-up", async |make| {
            let slow = make.command(["sh", "-c", "touch begun; sleep 60"]).run();
            let begun = async {
                while !(make.path("begun").exists() && make.path("other-begun").exists()) {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
            };
            tokio::select! { _ = slow => panic!("it takes a minute"), () = begun => {} }
            make.write("given-up", "so")?;
            make.write("go", "")
        })
        .rule("other", async |make| {
            let line = "touch other-begun; while [ ! -e go ]; do sleep 0.01; done; echo done > other";
            make.command(["sh", "-c", line]).run().await
        });
    build(directory, rules, "all").expect("the other one ends well");
    assert_eq!(read(directory, "other"), "done\n");
}

/// One file that cannot be looked at failed every build, of whatever target.
#[test]
fn what_cannot_be_looked_at_fails_what_needs_it_and_nothing_else() {
    let directory = directory(&[("a.in", "a"), ("b.in", "b")]);
    let directory = directory.path();
    let rules = || {
        FileRules::new()
            .rule("*.out", async |make| make.write(make.target(), make.read(format!("{}.in", make.part(0))).await?))
    };
    for target in ["a.out", "b.out"] {
        build(directory, rules(), target).expect("built");
    }
    let knot = |path: &str| {
        fs::remove_file(directory.join(path)).expect("removed");
        std::os::unix::fs::symlink(path, directory.join(path)).expect("a link to itself");
    };
    knot("a.in");
    assert_eq!(build(directory, rules(), "b.out").expect("it does not need it").0, [""; 0]);
    assert!(build(directory, rules(), "a.out").is_err());
    knot("b.out");
    build(directory, rules(), "b.out").expect("it is made again");
    assert_eq!(read(directory, "b.out"), "b");
}

#[test]
fn a_program_is_found_by_its_path_from_anywhere() {
    let directory = directory(&[("tools/gen", "#!/bin/sh\necho hi\n")]);
    fs::set_permissions(directory.path().join("tools/gen"), PermissionsExt::from_mode(0o755)).expect("set");
    let rules = || {
        FileRules::new().rule("made", async |make| {
            let text = make.command([make.tool("tools/gen").await?]).capture().await?;
            make.write("made", text)
        })
    };
    // A relative directory, as `-C` gives it.
    let here = std::env::current_dir().expect("a directory");
    let up: String = here.components().skip(1).map(|_| "../").collect();
    let relative = up + directory.path().to_str().expect("text").trim_start_matches('/');
    build(Path::new(&relative), rules(), "made").expect("built");
    assert_eq!(read(directory.path(), "made"), "hi");
    let nothing = FileRules::new().rule("none", async |make| make.command([""; 0]).run().await);
    let error = build(directory.path(), nothing, "none").expect_err("no program");
    assert!(error.contains("a command has a program"), "{error}");
}
