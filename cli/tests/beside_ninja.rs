//! Random histories of random manifests beside ninja 1.13, if there is one in the `PATH`: what `alacarte-ninja` prints, how it ends and what it leaves is
//! ninja's to the byte, in dry runs, in builds that fail, and when nothing is to be done.
//!
//! One job makes the order certain. Not drawn is what ninja decides otherwise by intent: that an output which comes out as it was has its dependents
//! built again (each command here makes what it has not made before); and pools, in which it lets the first edge of the manifest go first, and we the most
//! urgent one.

#[path = "../../frontends/tests/common/random.rs"]
mod random;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use random::Random;
use skipping::skipped;

const RULES: &str = "\
rule cat
  command = cat $in > $out
rule two
  command = cat $in > $out; cat $in > $out.x
rule say
  command = echo said $out; cat $in > $out
rule compile
  command = cat $in $header > $out; echo $out: $in $header > $out.d
  depfile = $out.d
  deps = gcc
rule scan
  command = cat $in $header > $out; echo $out: $header > $out.d
  depfile = $out.d
rule link
  command = cat $in $out.rsp > $out
  rspfile = $out.rsp
  rspfile_content = $in_newline of $out
rule fail
  command = echo beware; exit 3
";

/// Questions that change nothing. (A target follows some of them.)
const QUESTIONS: [(&[&str], bool); 8] = [
    (&["-t", "targets", "all"], false),
    (&["-t", "targets", "depth", "2"], false),
    (&["-t", "rules"], false),
    (&["-t", "missingdeps"], false),
    (&["-t", "commands"], true),
    (&["-t", "inputs"], true),
    (&["-t", "multi-inputs"], true),
    (&["-t", "query"], true),
];

/// Files that no edge makes and no command reads: they come before something else in order only. They come and go.
const ASIDE: [&str; 2] = ["n0", "n1"];

/// A manifest, and the names that it gives to targets.
fn manifest(random: &mut Random, fails: bool) -> (String, Vec<String>) {
    let (mut text, mut files, mut targets) = (RULES.to_owned(), vec!["s0".to_owned(), "s1".to_owned()], Vec::new());
    for edge in 0..3 + random.below(12) {
        let name = if random.below(4) == 0 { format!("d{}/o{edge}", random.below(2)) } else { format!("o{edge}") };
        let inputs: Vec<&str> = (0..1 + random.below(3)).map(|_| &*files[random.below(files.len())]).collect();
        let mut inputs = inputs.join(" ");
        // (A name for nothing but what comes first in order.)
        let nothing_else = random.below(20) == 0;
        if nothing_else {
            inputs.clear();
        }
        match random.below(8) {
            0 | 1 if !targets.is_empty() => inputs += &format!(" || {}", targets[random.below(targets.len())]),
            2 => inputs += &format!(" || {}", ASIDE[random.below(2)]),
            _ => {}
        }
        match random.below(20) {
            0 | 1 if !targets.is_empty() => inputs += &format!(" |@ {}", targets[random.below(targets.len())]),
            2 => inputs += &format!(" |@ {}", ASIDE[random.below(2)]),
            _ => {}
        }
        targets.push(name.clone());
        if nothing_else {
            text += &format!("build {name}: phony {inputs}\n");
            continue;
        }
        text += &match random.below(10) {
            0 => {
                text += &format!("build {name}: phony {inputs}\n");
                continue;
            }
            1 => format!("build {name} | {name}.x: two {inputs}\n"),
            2 => format!("build {name}: say {inputs}\n"),
            4 => format!("build {name}: compile {inputs}\n  header = s{}\n", random.below(2)),
            5 => format!("build {name}: scan {inputs}\n  header = s{}\n", random.below(2)),
            6 => format!("build {name}: link {inputs}\n"),
            3 if fails => format!("build {name}: fail {inputs}\n"),
            _ => format!("build {name}: cat {inputs}\n"),
        };
        files.push(name);
    }
    if random.below(3) == 0 {
        let named: Vec<&str> = (0..1 + random.below(3)).map(|_| &*targets[random.below(targets.len())]).collect();
        text += &format!("default {}\n", named.join(" "));
    }
    (text, targets)
}

/// What it prints, and how it ends.
fn run(program: &str, place: &Path, arguments: &[String]) -> String {
    let mut command = Command::new(program);
    command.current_dir(place).args(arguments).stdin(Stdio::null()).env("TERM", "dumb");
    for variable in ["MAKEFLAGS", "NINJA_STATUS", "CLICOLOR_FORCE", "ALACARTE_CACHE"] {
        command.env_remove(variable);
    }
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}{}", status.code(), text(&stdout), text(&stderr))
}

/// All files but those in which each remembers what it did.
fn files(place: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(place).expect("a directory").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files.extend(self::files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            files.insert(name, fs::read(path).expect("it can be read"));
        }
    }
    files
}

fn ninja_is_there() -> bool {
    let version = Command::new("ninja").arg("--version").output();
    let there = version.is_ok_and(|output| output.stdout.starts_with(b"1.13."));
    if !there {
        skipped(format_args!("beside_ninja: there is no ninja 1.13"));
    }
    there
}

/// So many histories; more are asked for by `BESIDE_NINJA`.
fn histories() -> u64 {
    std::env::var("BESIDE_NINJA").ok().and_then(|number| number.parse().ok()).unwrap_or(40)
}

#[test]
fn what_is_printed_is_to_the_byte_what_ninja_prints() {
    if !ninja_is_there() {
        return;
    }
    for seed in 0..histories() {
        let mut random = Random(seed);
        let fails = seed % 2 == 1;
        let (text, targets) = manifest(&mut random, fails);
        let mut arguments = vec!["-j1".to_owned(), format!("-k{}", if fails { random.below(4) } else { 1 })];
        if random.below(3) == 0 {
            arguments.push(targets[random.below(targets.len())].clone());
        }
        let dry: Vec<String> = arguments.iter().cloned().chain(["-n".to_owned()]).collect();
        let places = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        let programs = ["ninja", env!("CARGO_BIN_EXE_alacarte-ninja")];
        let mut told = vec![format!("seed {seed}, {arguments:?}\n{text}")];
        for round in 0..4 {
            // (Times differ.)
            std::thread::sleep(Duration::from_millis(20));
            let source = format!("s{}", random.below(2));
            let aside = [(); 2].map(|()| round == 0 && random.below(2) == 0 || random.below(3) > 0);
            for place in &places {
                let write = |file: &str, text: &str| fs::write(place.path().join(file), text).expect("written");
                match round {
                    0 => {
                        write("build.ninja", &text);
                        ["s0", "s1"].into_iter().for_each(|source| write(source, source));
                    }
                    // (It is another command for every edge.)
                    3 => write("build.ninja", &text.replace("cat $in >", "cat $in $in >")),
                    _ => write(&source, &format!("{source} edited in round {round}")),
                }
                for (file, there) in ASIDE.into_iter().zip(aside) {
                    if !there {
                        let _ = fs::remove_file(place.path().join(file));
                    } else if !place.path().join(file).exists() {
                        write(file, "");
                    }
                }
            }
            told.push(format!("round {round}, {source}, {ASIDE:?} are there: {aside:?}"));
            let (question, of) = QUESTIONS[random.below(QUESTIONS.len())];
            let target = of.then(|| &*targets[random.below(targets.len())]);
            let question = question.iter().copied().chain(target).map(str::to_owned).collect();
            for arguments in [&dry, &arguments, &arguments, &question] {
                let [theirs, ours] = [0, 1].map(|which| run(programs[which], places[which].path(), arguments));
                assert_eq!(ours, theirs, "{told:#?}");
                assert_eq!(files(places[1].path()), files(places[0].path()), "{told:#?}");
                told.push(ours);
            }
        }
    }
}
