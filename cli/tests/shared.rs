//! One cache for many processes, checkouts and repositories at once, while builds are killed and what it holds is evicted, damaged and
//! mixed up.
//!
//! Five workers build, each now in one of three checkouts and now in a fresh one, whatever a drawn state of the inputs says. After each
//! build that ends, every output is what a computation from scratch gives, and the same build runs nothing.
//! `ALACARTE_SHARED_BUILDS` says how many builds [default: 120], or `ALACARTE_SHARED_SECONDS` for how long; `ALACARTE_SHARED_SEED` how they are drawn.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{alacarte, directory, run};

/// Chains, a command with two outputs, a program (its mode counts), a link to another output, and what is now a file, now a link and now a
/// directory, as an input says.
const MANIFEST: &str = "\
rule cat
  command = cat $in > $out && echo $out >> ran
rule two
  command = cat $in > left && cat $in $in > right && echo left >> ran
rule program
  command = (echo '#!/bin/sh'; cat $in) > $out && chmod 755 $out && echo $out >> ran
rule shape
  command = rm -rf $out && case $$(wc -c < z) in 6) cp y $out; chmod 464 $out;; 10) ln -s y $out;; 14) ln -s nowhere $out;; \
      *) mkdir -m 750 $out; cp y $out/y; chmod 440 $out/y; ln -s y $out/l; mkdir -m 555 $out/empty;; esac && echo $out >> ran
build a: cat x y
build b: cat a z
build left right: two b
build tool: program y
rule link
  command = ln -sf $in $out && echo $out >> ran
build alias: link left
build shape: shape y z
build all: cat left right tool x alias
default all b shape
";

/// The inputs, each of which holds one of so few texts that states come again.
const INPUTS: [&str; 3] = ["x", "y", "z"];
const TEXTS: u64 = 4;

/// Whether a process is at work in this directory.
fn is_at_work(place: &Path) -> bool {
    let place = place.canonicalize().expect("a place");
    let mut processes = fs::read_dir("/proc").expect("processes").flatten();
    processes.any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|directory| directory == place))
}

type State = [u64; 3];

fn text(state: &State, input: &str) -> String {
    let place = INPUTS.iter().position(|name| *name == input).expect("an input");
    format!("{input}{}\n", "abcd".repeat(state[place] as usize + 1))
}

/// What every output holds.
fn oracle(state: &State) -> BTreeMap<&'static str, String> {
    let [x, y, z] = INPUTS.map(|input| text(state, input));
    let a = format!("{x}{y}");
    let b = format!("{a}{z}");
    let (left, right, tool) = (b.clone(), format!("{b}{b}"), format!("#!/bin/sh\n{y}"));
    let (all, alias) = (format!("{left}{right}{tool}{x}{left}"), left.clone());
    BTreeMap::from([
        ("a", a),
        ("b", b),
        ("left", left),
        ("right", right),
        ("tool", tool),
        ("all", all),
        ("alias", alias),
    ])
}

/// What lies at a path: a file, a link or a directory, and all of it.
fn described(path: &Path) -> String {
    let Ok(there) = fs::symlink_metadata(path) else { return "nothing".into() };
    let mode = there.permissions().mode() & 0o7777;
    if there.is_symlink() {
        return format!("-> {}", fs::read_link(path).expect("a link").display());
    }
    if !there.is_dir() {
        return format!("{mode:o} {:?}", fs::read_to_string(path).expect("text"));
    }
    let names = fs::read_dir(path).expect("listed").map(|entry| entry.expect("an entry").file_name());
    let within: BTreeMap<_, _> = names.map(|name| (name.clone(), described(&path.join(name)))).collect();
    format!("{mode:o} {within:?}")
}

/// What `shape` is.
fn shape(state: &State) -> String {
    let y = text(state, "y");
    match state[2] {
        0 => format!("464 {y:?}"),
        1 => "-> y".into(),
        2 => "-> nowhere".into(),
        _ => format!(
            "750 {:?}",
            BTreeMap::from([("y", format!("440 {y:?}")), ("l", "-> y".into()), ("empty", "555 {}".into())])
        ),
    }
}

/// Numbers that depend on a seed only.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn state(&mut self) -> State {
        [0; 3].map(|_| self.below(TEXTS))
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn edit(place: &Path, state: &State) {
    for input in INPUTS {
        let (path, text) = (place.join(input), text(state, input));
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(path, text).expect("written");
        }
    }
}

fn ran(place: &Path) -> usize {
    fs::read_to_string(place.join("ran")).unwrap_or_default().lines().count()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let nested = entries.flatten().map(|entry| entry.path());
    nested.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

struct World<'w> {
    cache: &'w str,
    checkouts: Vec<Mutex<tempfile::TempDir>>,
    builds: AtomicUsize,
    /// Until when it is built, if not so many times.
    until: Option<Instant>,
    evicted: AtomicUsize,
    damaged: AtomicUsize,
    restored: AtomicUsize,
    killed: AtomicUsize,
}

impl World<'_> {
    fn arguments(&self, deep: bool) -> [&str; 7] {
        let rebuilder = if deep { "deep-constructive-trace" } else { "constructive-trace" };
        ["build", "-j2", "--rebuilder", rebuilder, "--cache", self.cache, "-k"]
    }

    /// Brings a place to a state and builds it, perhaps after a build that is killed.
    fn build(&self, place: &Path, state: &State, draw: &mut Draw) {
        edit(place, state);
        let deep = draw.below(3) == 0;
        let arguments = self.arguments(deep);
        if draw.below(3) == 0 {
            let quiet = std::process::Stdio::null;
            let mut child = alacarte(place, &arguments).stdout(quiet()).stderr(quiet()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(draw.below(40)));
            let _ = child.kill();
            child.wait().expect("it ends");
            // (What it has started goes on, and must not run beside what comes next.)
            while is_at_work(place) {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.killed.fetch_add(1, Ordering::Relaxed);
        }
        let (code, out, err) = run(place, &arguments);
        assert_eq!(code, 0, "{state:?}: {out}{err}");
        self.restored.fetch_add(usize::from(out.contains("restored")), Ordering::Relaxed);
        // (Of what lies between, a deep trace restores nothing.)
        for (output, text) in oracle(state).into_iter().filter(|(output, _)| !deep || ["all", "b"].contains(output)) {
            assert_eq!(fs::read_to_string(place.join(output)).expect(output), text, "{output} of {state:?}: {out}");
        }
        assert_eq!(described(&place.join("shape")), shape(state), "{state:?}: {out}");
        if !deep {
            assert_eq!(described(&place.join("alias")), "-> left", "{state:?}: {out}");
        }
        let before = ran(place);
        let (code, out, err) = run(place, &arguments);
        assert!(code == 0 && out.contains("nothing to do"), "{state:?}: {out}{err}");
        assert_eq!(ran(place), before, "a build that had nothing to do ran something");
    }

    fn work(&self, seed: u64, builds: usize) {
        let mut draw = Draw(seed);
        let goes_on = |begun: usize| self.until.map_or(begun < builds, |until| Instant::now() < until);
        while goes_on(self.builds.fetch_add(1, Ordering::Relaxed)) {
            let state = draw.state();
            let chosen = self.checkouts[draw.below(3) as usize].try_lock();
            match chosen {
                Ok(place) if draw.below(4) > 0 => self.build(place.path(), &state, &mut draw),
                _ => self.build(directory(&[("build.ninja", MANIFEST)]).path(), &state, &mut draw),
            }
        }
    }

    /// Evicts, damages and mixes up what the cache holds.
    fn disturb(&self, draw: &mut Draw) {
        let all = files(Path::new(self.cache));
        let mut any = || all.get(draw.below(all.len().max(1) as u64) as usize);
        let (Some(one), Some(other)) = (any(), any()) else { return };
        let does = draw.below(5);
        let count = if does < 2 { &self.evicted } else { &self.damaged };
        count.fetch_add(1, Ordering::Relaxed);
        match does {
            0 => drop(run(Path::new("."), &["cache", "gc", "--max-size", "2K", self.cache])),
            // (What goes meanwhile need not be disturbed.)
            1 => drop(fs::remove_file(one)),
            2 => drop(fs::write(one, "junk")),
            3 => drop(fs::rename(one, other)),
            _ => drop(fs::copy(one, other)),
        }
    }
}

#[test]
fn five_workers_build_right_whatever_happens_to_the_cache_they_share() {
    let directory_of_cache = directory(&[]);
    let (builds, seed) = (number("ALACARTE_SHARED_BUILDS", 120) as usize, number("ALACARTE_SHARED_SEED", 1));
    let seconds = Some(number("ALACARTE_SHARED_SECONDS", 0)).filter(|seconds| *seconds > 0);
    let world = World {
        cache: directory_of_cache.path().to_str().expect("a name"),
        checkouts: (0..3).map(|_| Mutex::new(directory(&[("build.ninja", MANIFEST)]))).collect(),
        builds: AtomicUsize::new(0),
        until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        evicted: AtomicUsize::new(0),
        damaged: AtomicUsize::new(0),
        restored: AtomicUsize::new(0),
        killed: AtomicUsize::new(0),
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=5)
            .map(|worker| {
                let world = &world;
                scope.spawn(move || world.work(seed * 100 + worker, builds))
            })
            .collect();
        let disturbs = scope.spawn(|| {
            let mut draw = Draw(seed * 100 + 99);
            while !done.load(Ordering::Relaxed) {
                world.disturb(&mut draw);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        disturbs.join().expect("it ends");
        ended.into_iter().for_each(|ended| ended.expect("all is right"));
    });
    // Nothing disturbs the cache any more: what one builds is there for all, also where damage lay.
    // What verification finds it says once.
    run(Path::new("."), &["cache", "verify", world.cache]);
    let (code, _, err) = run(Path::new("."), &["cache", "verify", world.cache]);
    assert_eq!((code, err.as_str()), (0, ""));
    let mut draw = Draw(seed * 100 + 98);
    for deep in [false, true, false, true, false] {
        let state = draw.state();
        let [first, second] = [0, 1].map(|_| directory(&[("build.ninja", MANIFEST)]));
        for place in [first.path(), second.path()] {
            edit(place, &state);
            assert_eq!(run(place, &world.arguments(deep)).0, 0);
            assert_eq!(described(&place.join("shape")), shape(&state));
        }
        assert_eq!(ran(second.path()), 0, "{state:?}: all of it was just added");
    }
    let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
    // (Each worker has counted one that it did not begin any more.)
    let builds = count(&world.builds) - 5;
    println!(
        "{builds} builds, {} of which restored something, {} killed before; {} evictions, {} damages",
        count(&world.restored),
        count(&world.killed),
        count(&world.evicted),
        count(&world.damaged)
    );
    assert!(count(&world.restored) > builds / 20, "the cache was of no use: {}", count(&world.restored));
}
