//! Trees of make, ninja, cargo and ours, one beneath the other in every order: counted from outside, and killed at random.
//!
//! The environment variable `JOBSERVER_TREES` says how many trees are run, `JOBSERVER_KILLS` how many processes are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{counted, counting, ours};

/// Builds that start builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Make,
    Ninja,
    Cargo,
    Ours,
}

const TOOLS: [Tool; 4] = [Tool::Make, Tool::Ninja, Tool::Cargo, Tool::Ours];

/// A command at the end of a tree: it notes when it begins and when it ends.
const LEAF: &str = "#!/bin/sh\necho \"+ $$\" >> \"$1/log\"\nsleep 0.02\necho \"- $$\" >> \"$1/log\"\n";

/// So many commands and so many builds each build of a tree has.
const LEAVES: usize = 3;
const BRANCHES: usize = 2;

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Tool::Make => "make",
            Tool::Ninja => "ninja",
            Tool::Cargo => "cargo",
            Tool::Ours => ours(),
        }
    }

    /// Whether it is here; of ninja, one that joins a jobserver.
    fn version(self) -> Option<String> {
        let output = Command::new(self.program()).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = said.split('.').take(2).map(|part| part.trim().parse().unwrap_or(0)).collect::<Vec<u32>>();
        (self != Tool::Ninja || number >= vec![1, 13]).then_some(said)
    }

    /// The command that has it build what lies in a directory. It goes on when something fails.
    fn command(self, directory: &Path) -> String {
        let (program, place) = (self.program(), directory.display());
        match self {
            Tool::Make => format!("{program} -k -s -C {place}"),
            Tool::Ninja => format!("{program} -k 0 --quiet -C {place}"),
            Tool::Cargo => {
                format!("env -C {place} {program} build --keep-going --offline --quiet --target-dir target")
            }
            Tool::Ours => format!("{program} build -k -C {place}"),
        }
    }

    /// Writes what it builds: these commands, all of which may run at once.
    fn lay(self, directory: &Path, commands: &[String]) {
        let write = |name: &str, text: String| fs::write(directory.join(name), text).expect("written");
        match self {
            Tool::Make => {
                let names: Vec<String> = (0..commands.len()).map(|number| format!("j{number}")).collect();
                let rules = commands.iter().zip(&names).map(|(command, name)| format!("{name}:\n\t+@{command}\n"));
                let (all, rules) = (names.join(" "), rules.collect::<String>());
                write("Makefile", format!("all: {all}\n{rules}.PHONY: all {all}\n"));
            }
            Tool::Ninja | Tool::Ours => {
                let rule = |(number, command): (usize, &String)| {
                    format!("rule r{number}\n  command = {command} && : > $out\nbuild j{number}: r{number}\n")
                };
                write("build.ninja", commands.iter().enumerate().map(rule).collect());
            }
            Tool::Cargo => {
                // A build script is the way in which cargo runs a command. It finds the jobserver in a variable of its own.
                let script = "use std::process::Command;\nfn main() {\n    let mut command = Command::new(\"sh\");\n    \
                              command.args([\"-c\", include_str!(\"run\")]);\n    \
                              command.env(\"MAKEFLAGS\", std::env::var_os(\"CARGO_MAKEFLAGS\").unwrap_or_default());\n    \
                              assert!(command.status().unwrap().success());\n}\n";
                let members: Vec<String> = (0..commands.len()).map(|number| format!("\"j{number}\"")).collect();
                write("Cargo.toml", format!("[workspace]\nresolver = \"2\"\nmembers = [{}]\n", members.join(", ")));
                for (number, command) in commands.iter().enumerate() {
                    let member = directory.join(format!("j{number}"));
                    fs::create_dir_all(member.join("src")).expect("made");
                    let package = format!("[package]\nname = \"j{number}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
                    for (name, text) in
                        [("Cargo.toml", package.as_str()), ("src/lib.rs", ""), ("build.rs", script), ("run", command)]
                    {
                        fs::write(member.join(name), text).expect("written");
                    }
                }
            }
        }
    }
}

/// Writes a tree: these tools, one beneath the other. The command that builds it.
fn lay(root: &Path, directory: &Path, tools: &[Tool]) -> String {
    fs::create_dir_all(directory).expect("made");
    let [tool, beneath @ ..] = tools else { unreachable!("a tree has a tool") };
    let mut commands = vec![format!("{0}/leaf {0}", root.display()); LEAVES];
    if !beneath.is_empty() {
        commands.extend((0..BRANCHES).map(|branch| lay(root, &directory.join(format!("b{branch}")), beneath)));
    }
    tool.lay(directory, &commands);
    tool.command(directory)
}

/// A directory with what counts.
fn place() -> tempfile::TempDir {
    let root = counting();
    fs::write(root.path().join("leaf"), LEAF).expect("written");
    fs::set_permissions(root.path().join("leaf"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    fs::write(root.path().join("log"), "").expect("written");
    root
}

/// The most leaves that ran at once, and how many began.
fn most(root: &Path) -> (usize, usize) {
    let log = fs::read_to_string(root.join("log")).expect("a log");
    let (mut running, mut killed, mut most, mut begun) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    for line in log.lines() {
        let Some((what, number)) = line.split_once(' ') else { continue };
        if what == "+" {
            begun += 1;
            // (Whoever was killed as it wrote this did not begin.)
            running.extend(Some(number).filter(|number| !killed.contains(number)));
        } else {
            running.remove(number);
        }
        if what == "killed" {
            killed.insert(number);
        }
        most = most.max(running.len());
    }
    (most, begun)
}

fn start(root: &Path, command: &str) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]);
    for variable in ["MAKEFLAGS", "MAKELEVEL", "CARGO_MAKEFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS"] {
        shell.env_remove(variable);
    }
    let said = fs::File::create(root.join("said")).expect("created");
    shell.current_dir(root).stdin(Stdio::null()).stdout(said.try_clone().expect("a copy")).stderr(said);
    shell.spawn().expect("it starts")
}

/// What is random about a tree: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

fn asked(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |said| said.parse().unwrap_or_else(|_| panic!("{variable} is {said}")))
}

/// The tools that are here; of the others it is said that they are left out.
fn here(test: &str) -> Vec<Tool> {
    let (here, missing): (Vec<Tool>, Vec<Tool>) = TOOLS.into_iter().partition(|tool| tool.version().is_some());
    for tool in missing {
        crate::skipping::skipped(format_args!(
            "{test}: trees with {tool:?} are left out, for it is not here (or too old to join a jobserver)"
        ));
    }
    here
}

/// Ninja serves no jobserver; and joins one without a name only if it was built to.
fn is_shared(tools: &[Tool]) -> bool {
    let nameless = || Tool::Ninja.version().is_some_and(|version| version.contains("jobserver-pipe"));
    tools[0] != Tool::Ninja && (!tools.contains(&Tool::Ninja) || tools[0] == Tool::Ours || nameless())
}

#[test]
fn in_every_order_no_more_commands_run_at_once_than_there_are_jobs() {
    let here = here("in_every_order_no_more_commands_run_at_once_than_there_are_jobs");
    let mut orders: Vec<Vec<Tool>> = Vec::new();
    for &top in &here {
        let beneath = || here.iter().filter(move |tool| **tool != top);
        orders.extend(beneath().map(|&next| vec![top, next]));
        orders
            .extend(beneath().flat_map(|&next| {
                beneath().filter(move |last| **last != next).map(move |&last| vec![top, next, last])
            }));
    }
    orders.retain(|tools| is_shared(tools));
    let mut random = Random(4);
    // Every fifth tree has cargo in it, which compiles for seconds.
    let (with_cargo, without): (Vec<_>, Vec<_>) = orders.into_iter().partition(|tools| tools.contains(&Tool::Cargo));
    let mut shared = 0;
    for tree in 0..asked("JOBSERVER_TREES", 10) {
        let orders = if tree % 5 == 4 && !with_cargo.is_empty() { &with_cargo } else { &without };
        // Of these one always: cargo hands the jobserver that it has joined on to an old make; and it may have had it from a make itself.
        let handed_on = match tree {
            4 => Some(vec![Tool::Ours, Tool::Cargo, Tool::Make]),
            9 => Some(vec![Tool::Ours, Tool::Make, Tool::Cargo, Tool::Make]),
            _ => None,
        };
        let handed_on = handed_on.filter(|tools| tools.iter().all(|tool| here.contains(tool)));
        let tools = handed_on.unwrap_or_else(|| orders[random.below(orders.len())].clone());
        // (A make with one job has no jobserver, and says so to makes and to ours only.)
        let told = |tool: &Tool| matches!(tool, Tool::Make | Tool::Ours);
        let least = if tools[0] == Tool::Make && !tools.iter().all(told) { 2 } else { 1 };
        let jobs = least + random.below(9 - least);
        let root = place();
        let command = lay(root.path(), &root.path().join("tree"), &tools);
        let ended = start(root.path(), &format!("{command} -j{jobs}")).wait().expect("it ends");
        let said = fs::read_to_string(root.path().join("said")).expect("said");
        let leaves = (0..tools.len()).map(|depth| LEAVES * BRANCHES.pow(depth as u32)).sum::<usize>();
        let (most, begun) = most(root.path());
        println!("{tools:?} -j{jobs}: {begun} commands, {most} at once");
        assert!(ended.success() && begun == leaves, "{tools:?} -j{jobs}: {begun} of {leaves}: {said}");
        assert!(most <= jobs, "{tools:?} -j{jobs}: {most} at once: {said}");
        assert!(!said.contains("token"), "{tools:?} -j{jobs}: {said}");
        shared += usize::from(most > 1);
    }
    assert!(shared > 0, "something ran at once");
}

/// The parent of each process.
fn parents() -> BTreeMap<i32, i32> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        // (Its name stands in brackets, and may hold anything; behind it come state and parent. One that has ended is none.)
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = rest.next()?;
        Some((number, rest.next()?.parse().ok()?)).filter(|_| state != "Z")
    });
    numbers.collect()
}

/// All processes beneath one, the nearest first.
fn beneath(top: i32) -> Vec<i32> {
    let parents = parents();
    let mut found = vec![top];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(number, _)| *number));
        at += 1;
    }
    found.remove(0);
    found
}

fn signal(name: &str, numbers: &[i32]) {
    if !numbers.is_empty() {
        let numbers = numbers.iter().map(i32::to_string);
        let kill = Command::new("kill").arg(format!("-{name}")).args(numbers).stderr(Stdio::null()).status();
        kill.expect("it starts");
    }
}

/// Stops processes, and waits until they stand: one that forks as it is stopped has one child more. (Who waits for a child that stands
/// stands as well, in another way; so it is not waited for ever.)
fn stop(numbers: &[i32]) {
    signal("STOP", numbers);
    let stands = |number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        stat.rsplit_once(')')
            .is_none_or(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('T' | 't' | 'Z' | 'X')))
    };
    for _ in 0..200 {
        if numbers.iter().all(stands) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills a process with all that it has started. All of them are stopped first, so that none starts another meanwhile. And the parents are killed
/// last: where a stopped process loses the parent that its group had outside, the system lets it go on (with SIGHUP), and it starts more.
fn kill(root: &Path, top: i32) {
    let mut stopped = vec![top];
    stop(&stopped);
    loop {
        let new: Vec<i32> = beneath(top).into_iter().filter(|number| !stopped.contains(number)).collect();
        if new.is_empty() {
            break;
        }
        stop(&new);
        stopped.extend(new);
    }
    let mut log = OpenOptions::new().append(true).open(root.join("log")).expect("a log");
    let ends: String = stopped.iter().map(|number| format!("killed {number}\n")).collect();
    log.write_all(ends.as_bytes()).expect("written");
    stopped.reverse();
    signal("KILL", &stopped);
}

/// A build of ours runs trees in which processes are killed, at random; and then as many commands at once as there are jobs, no fewer and
/// no more.
#[test]
fn whoever_is_killed_all_tokens_are_there_afterwards() {
    let here = here("whoever_is_killed_all_tokens_are_there_afterwards");
    // Every eighth build has trees with cargo, which compiles for seconds.
    let without: Vec<Tool> = here.iter().copied().filter(|tool| *tool != Tool::Cargo).collect();
    let (wanted, mut random) = (asked("JOBSERVER_KILLS", 30), Random(5));
    let (mut killed, mut rounds, mut recovered) = (0, 0, 0);
    while killed < wanted {
        let (root, jobs) = (place(), 2 + random.below(7));
        let mut text = String::from("rule run\n  command = $run > /dev/null 2>&1; : > $out\n");
        let tools = if rounds % 8 == 7 { &here } else { &without };
        let trees: Vec<String> = (0..3).map(|tree| format!("t{tree}")).collect();
        for tree in &trees {
            let tools = [(); 2].map(|()| tools[random.below(tools.len())]);
            let run = lay(root.path(), &root.path().join(tree), &tools);
            text += &format!("build {tree}.done: run\n  run = {run}\n");
        }
        // (What was killed may be about to go yet when the last tree has ended: a command more, and it has gone.)
        let done: Vec<String> = trees.iter().map(|tree| format!("{tree}.done")).collect();
        text += &format!("build rest: run | {}\n  run = sleep 0.5\n", done.join(" "));
        text += &super::manifest(root.path(), 2 * jobs, jobs).replace(": count", ": count | rest");
        fs::write(root.path().join("build.ninja"), text).expect("written");
        let mut build = start(root.path(), &format!("{} build -j{jobs}", ours()));
        let top = build.id() as i32;
        while build.try_wait().expect("it is ours").is_none() {
            std::thread::sleep(Duration::from_millis(1 + random.below(20) as u64));
            let all = beneath(top);
            // (Not the commands that are counted in the end, nor what they start.)
            let done = trees.iter().all(|tree| root.path().join(format!("{tree}.done")).exists());
            if let Some(&one) = all.get(random.below(all.len().max(1))).filter(|_| !done) {
                kill(root.path(), one);
                killed += 1;
            }
        }
        build.wait().expect("it has ended");
        let said = fs::read_to_string(root.path().join("said")).expect("said");
        rounds += 1;
        recovered += usize::from(said.contains("did not put back"));
        // A tree whose command itself was killed has failed, and what is counted did not run.
        if root.path().join("counts").exists() {
            assert_eq!(counted(root.path()), (jobs, 2 * jobs), "-j{jobs}: {said}");
        }
        // Nor too many meanwhile.
        let (most, _) = most(root.path());
        assert!(most <= jobs, "-j{jobs}: {most} at once: {said}");
    }
    println!("{killed} killed in {rounds} builds; tokens were missing and made anew in {recovered}");
}

/// Four makes, one of which has most of the work: beneath a build with four jobs, which they share; and beneath one that runs two of them,
/// each with two jobs of its own. The times are printed, and depend on nothing but how many sleep at once.
#[test]
fn jobs_that_are_shared_are_used_where_the_work_is() {
    let work = [24, 2, 2, 2];
    let mut times = Vec::new();
    for (jobs, own) in [(4, ""), (2, " -j2")] {
        let root = place();
        fs::write(root.path().join("leaf"), LEAF.replace("0.02", "0.1")).expect("written");
        let mut commands = Vec::new();
        for (number, leaves) in work.into_iter().enumerate() {
            let directory = root.path().join(format!("m{number}"));
            fs::create_dir(&directory).expect("made");
            Tool::Make.lay(&directory, &vec![format!("{0}/leaf {0}", root.path().display()); leaves]);
            commands.push(format!("{}{own}", Tool::Make.command(&directory)));
        }
        Tool::Ours.lay(root.path(), &commands);
        let begun = std::time::Instant::now();
        let ended = start(root.path(), &format!("{} build -j{jobs}", ours())).wait().expect("it ends");
        times.push(begun.elapsed().as_secs_f64());
        let (most, begun) = most(root.path());
        assert!(ended.success() && most <= 4 && begun == work.iter().sum());
        println!("-j{jobs}, makes{own}: {begun} commands, {most} at once at most, {:.2} s", times[times.len() - 1]);
    }
    println!("fixed slots take {:.2} times as long", times[1] / times[0]);
}
