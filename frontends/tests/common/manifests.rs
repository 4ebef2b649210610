//! Random manifests, edits of what they are about, and builds of them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;

use alacarte_core::{Rebuilder, Scheduler};
use alacarte_frontends::commands::{CommandEvent, Stage};
use alacarte_frontends::ninja::{NinjaBuild, NullBuild, Session};
use alacarte_stores::{FileKey, FileValue};

use super::random::Random;

type Build = NinjaBuild<Box<dyn Scheduler>, Box<dyn Rebuilder<FileKey, FileValue>>>;

pub const SOURCES: usize = 3;

/// Edges of every kind that decide for themselves what runs: such as leave their output alone (`restat`), name what they read afterwards (a depfile),
/// are in order only, give names to others, change in place what they read, or always run.
pub fn manifest(random: &mut Random) -> String {
    let mut text = "\
rule cat
  command = cat $in > $out
rule left
  command = cat $in | tr -d x > $out.new; if cmp -s $out.new $out; then rm $out.new; else mv $out.new $out; fi
  restat = 1
rule told
  command = cat $in s0 > $out && echo $out: s0 > $out.d
  depfile = $out.d
  deps = gcc
rule strip
  command = tr -d x < $in > $out && cat $out > $in
rule two
  command = cat $in > $out && cat $in > $out.more
build never: phony
"
    .to_owned();
    let mut names: Vec<String> = (0..SOURCES).map(|number| format!("s{number}")).collect();
    // (Of a name for others no command can read a file: it stands behind a `|`.)
    let mut aliases = vec!["never".to_owned()];
    for edge in 0..3 + random.below(5) {
        let name = format!("o{edge}");
        let alias = aliases[random.below(aliases.len())].clone();
        let mut any = || names[random.below(names.len())].clone();
        let (one, other, before) = (any(), any(), any());
        let order = if random.below(3) == 0 { format!(" || {before}") } else { String::new() };
        text += &match random.below(9) {
            0 => {
                text += &format!("build {name}: phony {one} {other}\n");
                aliases.push(name);
                continue;
            }
            1 => format!("build {name}: left {one} {other}{order}\n"),
            2 => format!("build {name}: told {one}{order}\n"),
            3 => format!("build {name} | {name}.more: two {one}{order}\n"),
            6 => format!("build {name}.raw: cat {one} {other}{order}\nbuild {name}: strip {name}.raw\n"),
            // (Nothing is made from what is in order before: only an order leads to it, and from a key below.)
            7 | 8 => format!(
                "build {name}.before: cat {one}\nbuild {name}.more: cat {other} || {name}.before\nbuild {name}: cat {name}.more\n"
            ),
            4 if alias != "never" || random.below(3) == 0 => format!("build {name}: cat {one} | {alias}\n"),
            _ => format!("build {name}: cat {one} {other}{order}\n"),
        };
        names.push(name);
    }
    text
}

/// One edit, of a directory that is like the others that are given.
pub fn edit(random: &mut Random, directories: &[&Path]) -> String {
    let (source, what) = (format!("s{}", random.below(SOURCES)), random.below(8));
    let text = ["a", "ax", "axx", "b"][random.below(4)];
    let output = format!("o{}", random.below(6));
    for directory in directories {
        match what {
            0..3 => fs::write(directory.join(&source), text).expect("written"),
            3 => {
                let same = fs::read(directory.join(&source)).expect("read");
                fs::write(directory.join(&source), same).expect("written");
            }
            4 => drop(fs::remove_file(directory.join(&output))),
            5 => {
                let mode = if text == "a" { 0o755 } else { 0o644 };
                fs::set_permissions(directory.join(&source), PermissionsExt::from_mode(mode)).expect("set");
            }
            6 => {
                let behind = format!("behind {text}");
                fs::write(directory.join(&behind), text).expect("written");
                fs::remove_file(directory.join(&source)).expect("removed");
                std::os::unix::fs::symlink(&behind, directory.join(&source)).expect("linked");
            }
            _ => {
                let manifest = fs::read_to_string(directory.join("build.ninja")).expect("read");
                let other = manifest.replace("cat $in > $out\nrule left", "cat $in $in > $out\nrule left");
                fs::write(directory.join("build.ninja"), other).expect("written");
            }
        }
    }
    format!("{what} {source} {text} {output}")
}

/// How all roots are built.
#[derive(Clone, Copy, PartialEq)]
pub enum How {
    /// Not really.
    Dry,
    Really,
    /// Really, but no root but this one: what was edited is known then, and not all that is made from it is built.
    #[allow(dead_code, reason = "not every test builds in parts")]
    Partly(usize),
    /// Not really, and then really if there is anything to do, as `alacarte-ninja` does: in one turn, in which each file is looked at once.
    Both,
}

/// Builds all roots. What a dry run foretold, what ran, and whether a glance had told that nothing would.
pub async fn build(directory: &Path, combination: [&str; 2], how: How) -> (BTreeSet<String>, BTreeSet<String>, bool) {
    let mut session = Session::new(directory, "build.ninja");
    session.cache = directory.join("cache");
    session.looks_once = how == How::Both;
    let null = NullBuild::of(&session, combination, &[]);
    let certain = null.is_certain();
    let [scheduler, rebuilder] = combination;
    let started = Rc::new(RefCell::new(BTreeSet::new()));
    let observer = || {
        let seen = Rc::clone(&started);
        move |event: CommandEvent<'_>| {
            if let Stage::Started = event.stage {
                seen.borrow_mut().insert(event.key.to_string());
            }
        }
    };
    let scheduler = || alacarte_schedulers::named(scheduler).expect("a scheduler");
    let rebuilder =
        || -> Box<dyn Rebuilder<FileKey, FileValue>> { alacarte_rebuilders::named(rebuilder).expect("a rebuilder") };
    let turn = session.turn().await.expect("nobody else builds");
    let mut foretold = BTreeSet::new();
    if matches!(how, How::Dry | How::Both) {
        let mut build: Build =
            session.open_dry(&turn, scheduler(), rebuilder(), observer()).expect("it can be built").with_jobs(2);
        let targets = build.tasks().with_companions(build.tasks().default_targets());
        build.run_async(targets).await.expect("nothing fails");
        foretold = started.take();
        assert!(!certain || foretold.is_empty(), "a glance told of nothing to do: {foretold:?}");
        if foretold.is_empty() {
            null.note(build);
        }
        if how == How::Dry || foretold.is_empty() {
            return (foretold, BTreeSet::new(), certain);
        }
    }
    let build = session.open_with(turn, scheduler(), rebuilder(), observer());
    let mut build: Build = build.expect("it can be built").with_jobs(2);
    let roots = build.tasks().default_targets();
    let roots = if let How::Partly(root) = how { &roots[root % roots.len()..][..1] } else { roots };
    let targets = build.tasks().with_companions(roots);
    let report = build.run_async(targets).await.expect("nothing fails");
    let ran = started.take();
    assert!(!certain || ran.is_empty() && report.restored.is_empty(), "a glance told of nothing to do: {ran:?}");
    if ran.is_empty() && report.restored.is_empty() && !matches!(how, How::Partly(_)) {
        null.note(build);
    } else if let How::Partly(_) = how {
        session.settle_in_place(build);
    } else {
        let targets = build.tasks().with_companions(build.tasks().default_targets());
        null.note_after(build, &targets).await;
    }
    (foretold, ran, certain)
}

/// All that was made.
pub fn outputs(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let names = (0..9).flat_map(|number| ["", ".more", ".raw", ".before"].map(|end| format!("o{number}{end}")));
    names.filter_map(|name| Some((name.clone(), fs::read(directory.join(name)).ok()?))).collect()
}

/// Asserts that a clean build makes the same. Of deep traces it is promised for what nothing is made from.
pub fn as_clean(runtime: &tokio::runtime::Runtime, built: &Path, deep: bool, told: &[String]) {
    let clean = tempfile::tempdir().expect("a directory");
    let text = fs::read_to_string(built.join("build.ninja")).expect("read");
    fs::write(clean.path().join("build.ninja"), &text).expect("written");
    for number in 0..SOURCES {
        let source = format!("s{number}");
        fs::copy(built.join(&source), clean.path().join(&source)).expect("copied");
    }
    runtime.block_on(build(clean.path(), ["suspending", "verifying-trace"], How::Really));
    let sources: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("build "))
        .flat_map(|line| line.split(": ").nth(1))
        .flat_map(str::split_whitespace)
        .collect();
    let promised = |(name, _): &(String, Vec<u8>)| !deep || !sources.contains(&**name) && !name.ends_with(".more");
    let made = |directory| outputs(directory).into_iter().filter(promised).collect::<Vec<_>>();
    assert_eq!(made(built), made(clean.path()), "not as a clean build: {told:#?}");
}
