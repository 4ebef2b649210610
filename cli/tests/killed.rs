//! A build that ends in the middle, by whatever hand: what had finished is kept, what had not is not believed.

mod common;

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use common::{alacarte, directory, run};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "modification-time"];

/// Waits until a file is there.
fn wait_for(path: &Path) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < limit, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start(place: &Path, arguments: &[&str]) -> Child {
    alacarte(place, arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("a signal");
}

fn kill_when(place: &Path, file: &str, arguments: &[&str]) {
    let mut child = start(place, arguments);
    wait_for(&place.join(file));
    signal(&child, Signal::KILL);
    child.wait().expect("it ends");
}

#[test]
fn what_had_finished_when_a_build_was_killed_does_not_run_again() {
    let manifest = "rule cp\n  command = cat $in > $out && echo $out >> ran\n\
                    rule slow\n  command = grep -q 1 $in || { echo > begun; sleep 60; }; cat $in > $out\n\
                    build a: cp in\nbuild b: cp a\nbuild c: cp b\nbuild d: slow c\n";
    for rebuilder in REBUILDERS {
        let project = directory(&[("build.ninja", manifest), ("in", "1\n")]);
        let place = project.path();
        let arguments = ["build", "--rebuilder", rebuilder];
        assert_eq!(run(place, &arguments).0, 0);
        std::thread::sleep(Duration::from_millis(30));
        fs::write(place.join("in"), "2\n").expect("a file");
        fs::remove_file(place.join("ran")).expect("a file");
        kill_when(place, "begun", &arguments);
        assert_eq!(fs::read_to_string(place.join("ran")).expect("ran"), "a\nb\nc\n", "{rebuilder}");
        let (code, out, err) = run(place, &["build", "--rebuilder", rebuilder, "c"]);
        assert_eq!(code, 0, "{rebuilder}: {err}");
        assert!(out.contains("nothing to do"), "{rebuilder}: {out}");
    }
}

#[test]
fn what_a_killed_command_had_begun_is_made_again_even_if_its_input_goes_back() {
    // What it wrote before it was killed is no output that anybody could look at.
    let manifest = "rule gen\n  command = cp $in data; grep -q 1 $in || { echo > begun; sleep 60; }; touch $out\n\
                    rule use\n  command = cat data $own > $out\n\
                    build stamp: gen in\nbuild out: use own | stamp\n  own = own\n";
    for rebuilder in REBUILDERS {
        let project = directory(&[("build.ninja", manifest), ("in", "1\n"), ("own", "a\n")]);
        let place = project.path();
        let arguments = ["build", "--rebuilder", rebuilder];
        assert_eq!(run(place, &arguments).0, 0);
        std::thread::sleep(Duration::from_millis(30));
        fs::write(place.join("in"), "2\n").expect("a file");
        kill_when(place, "begun", &arguments);
        fs::write(place.join("in"), "1\n").expect("a file");
        fs::write(place.join("own"), "b\n").expect("a file");
        let (code, out, err) = run(place, &arguments);
        assert_eq!(code, 0, "{rebuilder}: {err}");
        assert_eq!(fs::read_to_string(place.join("out")).expect("out"), "1\nb\n", "{rebuilder}: {out}");
    }
}

#[test]
fn an_output_that_was_begun_is_none() {
    let manifest = "rule half\n  command = echo half > $out; grep -q good $in && echo rest >> $out\nbuild a: half x\n";
    for rebuilder in REBUILDERS {
        let project = directory(&[("build.ninja", manifest), ("x", "good\n")]);
        let place = project.path();
        let arguments = ["build", "--rebuilder", rebuilder];
        assert_eq!(run(place, &arguments).0, 0);
        std::thread::sleep(Duration::from_millis(30));
        fs::write(place.join("x"), "bad\n").expect("a file");
        assert_eq!(run(place, &arguments).0, 1, "{rebuilder}");
        assert_eq!(run(place, &arguments).0, 1, "{rebuilder}: it is tried again, and fails again");
        fs::write(place.join("x"), "good\n").expect("a file");
        assert_eq!(run(place, &arguments).0, 0, "{rebuilder}");
        assert_eq!(fs::read_to_string(place.join("a")).expect("a"), "half\nrest\n", "{rebuilder}");
    }
}

#[test]
fn a_manifest_whose_making_failed_is_made_again() {
    // What fails has already made the manifest younger than all that it is made from.
    let manifest = "rule make\n  command = echo made >> ran; touch build.ninja; grep -q good $in\n  generator = 1\n\
                    build build.ninja: make x\nrule cp\n  command = cp $in $out\nbuild a: cp x\n";
    let project = directory(&[("build.ninja", manifest), ("x", "good\n")]);
    let place = project.path();
    for (text, code) in [("good\n", 0), ("bad\n", 1), ("bad\n", 1), ("good\n", 0)] {
        std::thread::sleep(Duration::from_millis(30));
        if fs::read_to_string(place.join("x")).expect("x") != text {
            fs::write(place.join("x"), text).expect("a file");
        }
        assert_eq!(run(place, &["build", "a"]).0, code, "{text}");
    }
    fs::write(place.join("ran"), "").expect("a file");
    assert!(run(place, &["build", "a"]).1.contains("nothing to do"));
    assert_eq!(fs::read_to_string(place.join("ran")).expect("ran"), "");
}

/// The next build repeats no command that had finished, but those whose end nobody had written down: one for each job. More kills are asked for by `KILLS`.
#[test]
fn a_build_that_is_killed_at_any_moment_goes_on_where_it_was() {
    const JOBS: usize = 3;
    let kills: u32 = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let mut manifest =
        "rule cp\n  command = cat $in > $out && echo $out >> ran\nbuild a0: cp in\nbuild b0: cp in\n".to_owned();
    for number in 1..12 {
        manifest += &format!("build a{number}: cp a{}\nbuild b{number}: cp b{} || a{number}\n", number - 1, number - 1);
    }
    manifest += "build all: cp a11 b11\n";
    let mut random = 0xA1AC_u32;
    let mut below = |bound: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % bound
    };
    let (mut repeated, mut midway) = (0, 0);
    for (number, rebuilder) in (0..kills).zip(REBUILDERS.into_iter().cycle()) {
        let project = directory(&[("build.ninja", &*manifest), ("in", "1\n")]);
        let place = project.path();
        let arguments = ["build", "-j3", "--rebuilder", rebuilder];
        if number % 2 == 0 {
            assert_eq!(run(place, &arguments).0, 0);
            std::thread::sleep(Duration::from_millis(30));
            fs::write(place.join("in"), "2\n").expect("a file");
            fs::remove_file(place.join("ran")).expect("a file");
        }
        let mut child = start(place, &arguments);
        std::thread::sleep(Duration::from_micros(u64::from(below(150_000))));
        signal(&child, Signal::KILL);
        child.wait().expect("it ends");
        // (What it has started goes on, and ends.)
        std::thread::sleep(Duration::from_millis(100));
        let ran = || fs::read_to_string(place.join("ran")).unwrap_or_default();
        midway += u32::from((1..25).contains(&ran().lines().count()));
        let (code, out, err) = run(place, &arguments);
        assert_eq!(code, 0, "{rebuilder}: {out}{err}");
        let all = fs::read_to_string(place.join("all")).expect("it was built");
        assert_eq!(all, fs::read_to_string(place.join("in")).expect("a file").repeat(2), "{rebuilder}");
        let ran = ran();
        let mut names: Vec<&str> = ran.lines().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(all - names.len() <= JOBS, "{rebuilder}: {ran}");
        repeated += all - names.len();
        let (_, out, _) = run(place, &arguments);
        assert!(out.contains("nothing to do"), "{rebuilder}: {out}");
    }
    println!("{kills} kills, {midway} of them midway: {repeated} commands ran twice");
}

/// Starts a shell that writes a file called `late` as a child of a command would.
const SLOW: &str = "rule slow\n  command = echo half > $out; echo > begun; sleep 1; echo full > $out; echo late > late\n\
                    build out: slow\n";

#[test]
fn every_signal_that_ends_a_build_ends_its_commands() {
    for end in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let project = directory(&[("build.ninja", SLOW)]);
        let place = project.path();
        let mut child = start(place, &["build"]);
        wait_for(&place.join("begun"));
        signal(&child, end);
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{end:?}");
        std::thread::sleep(Duration::from_millis(1300));
        assert!(!place.join("late").exists(), "{end:?}: the command went on");
        assert!(!place.join("out").exists(), "{end:?}: half an output is left");
    }
}

#[test]
fn a_build_that_is_busy_hears_a_signal() {
    // A manifest that nobody writes to the end, and an input that takes minutes to read.
    let pipe = "include pipe\nbuild a: phony\n";
    let large = "rule touch\n  command = touch $out\nbuild a: touch large\n";
    for (manifest, busy) in [(pipe, "pipe"), (large, "large")] {
        let project = directory(&[("build.ninja", manifest)]);
        let place = project.path();
        if busy == "pipe" {
            let made = std::process::Command::new("mkfifo").arg(place.join("pipe")).status();
            assert!(made.expect("mkfifo").success());
        } else {
            let file = fs::File::create(place.join("large")).expect("a file");
            file.set_len(1 << 38).expect("a sparse file");
        }
        let mut child = start(place, &["build"]);
        // A pipe can be opened for writing when somebody reads it, who then waits until it is closed.
        let writer = (busy == "pipe").then(|| {
            let flags = OFlags::NONBLOCK.bits() as i32;
            loop {
                match fs::OpenOptions::new().write(true).custom_flags(flags).open(place.join("pipe")) {
                    Ok(writer) => break writer,
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        if busy == "large" {
            wait_for(&place.join(".alacarte/journal"));
        }
        std::thread::sleep(Duration::from_millis(200));
        signal(&child, Signal::TERM);
        let limit = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = child.try_wait().expect("it can be asked") {
                break status;
            }
            if Instant::now() > limit {
                child.kill().expect("it ends");
                panic!("{busy}: it did not hear");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(130), "{busy}");
        drop(writer);
    }
}

#[test]
fn what_was_ignored_when_a_build_began_stays_ignored() {
    for (ignored, name) in [(Signal::HUP, "HUP"), (Signal::QUIT, "QUIT")] {
        let project = directory(&[("build.ninja", SLOW)]);
        let place = project.path();
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("trap '' {name}; exec \"$0\" build"), env!("CARGO_BIN_EXE_alacarte")])
            .current_dir(place)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        wait_for(&place.join("begun"));
        signal(&child, ignored);
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{name}");
        assert!(place.join("late").exists(), "{name}");
    }
}
