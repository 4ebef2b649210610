//! `alacarte compare` writes to nothing but its own copy, which is gone when it ends, whatever it ended with.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use common::alacarte;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

/// A world of its own: a project `p`, somebody's precious files around it, and the place for temporary files.
struct World {
    _place: tempfile::TempDir,
    root: PathBuf,
}

const VICTIM: &str = "precious\n";

impl World {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a scratch directory");
        let root = place.path().canonicalize().expect("a path");
        let world = World { _place: place, root };
        fs::create_dir_all(world.root.join("tmp")).expect("a directory");
        for name in ["p/a.c", "p/b.c"] {
            world.write(name, "int x;\n");
        }
        for name in ["v/a.o", "v/a.o.d", "v/a.o.rsp", "v/sub/a.o", "a.o"] {
            world.write(name, VICTIM);
        }
        world.write("v/conf.h", "#define X 1\n");
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file; `@` is the world's own path.
    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text.replace('@', self.root.to_str().expect("UTF-8"))).expect("a file");
    }

    /// A link, whose target may be absolute (with `@`).
    fn link(&self, name: &str, target: &str) {
        symlink(target.replace('@', self.root.to_str().expect("UTF-8")), self.at(name)).expect("a link");
    }

    /// All that could be changed: what each file is, its content, its permissions, its times.
    fn state(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.root.clone()];
        while let Some(path) = todo.pop() {
            let file = fs::symlink_metadata(&path).expect("it is there");
            let time = (file.mtime(), file.mtime_nsec());
            let mut what = format!("{:o} {} {time:?}", file.mode(), file.nlink());
            if file.is_dir() {
                todo.extend(fs::read_dir(&path).expect("it is read").flatten().map(|entry| entry.path()));
                if path == self.at("tmp") {
                    // Made and removed there is what is temporary.
                    what.clear();
                }
            } else if file.is_symlink() {
                what += &format!(" -> {}", fs::read_link(&path).expect("a link").display());
            } else {
                what += &format!(" {}", String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()));
            }
            found.insert(path, what);
        }
        found
    }

    fn compare(&self, workload: &str) -> std::process::Command {
        let arguments =
            ["compare", workload, "--format", "json", "--scheduler", "suspending", "--rebuilder", "verifying-trace"];
        let mut command = alacarte(&self.root, &arguments);
        command.env("TMPDIR", self.at("tmp"));
        command
    }

    /// Compares, and finds everything as it was.
    fn play(&self, name: &str, workload: &str) -> (i32, Vec<Value>, String) {
        let before = self.state();
        let Output { status, stdout, stderr } = self.compare(workload).output().expect("it starts");
        let after = self.state();
        let err = String::from_utf8(stderr).expect("UTF-8");
        for (path, was) in &before {
            assert_eq!(after.get(path), Some(was), "{name}: {} was written to\n{err}", path.display());
        }
        let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert!(new.is_empty(), "{name}: {new:?} is left\n{err}");
        let rows = serde_json::from_slice::<Value>(&stdout).ok();
        (status.code().unwrap_or(-1), rows.and_then(|rows| rows.as_array().cloned()).unwrap_or_default(), err)
    }
}

fn copy_rule(output: &str) -> String {
    format!("rule cp\n  command = cp $in $out\nbuild {output}: cp a.c\n")
}

const CC: &str = "rule cc\n  command = cc -MD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n";

#[test]
fn what_leads_out_of_the_project_is_refused_by_name_before_anything_runs() {
    let rsp = "rule r\n  command = cp $in $out\n  rspfile = $at/a.o.rsp\n  rspfile_content = x\n";
    let dep = "rule r\n  command = cp $in $out\n  depfile = $at/a.o.d\n";
    let own = "rule r\n  command = cp $in $out\nbuild $to/a.o: r a.c\n  to = ";
    let cases: &[(&str, String)] = &[
        ("@/v/a.o", copy_rule("@/v/a.o")),
        ("@/p/out/a.o", format!("top = @\n{}", copy_rule("${top}/p/out/a.o"))),
        ("@/v/a.o", format!("builddir = @/v\n{}", copy_rule("$builddir/a.o"))),
        ("@/v/a.o", format!("{own}@/v\n")),
        ("../v/a.o would be written to @/v/a.o", format!("{own}../v\n")),
        ("../a.o", copy_rule("../a.o")),
        ("../tmp/none/a.o", copy_rule("../tmp/none/a.o")),
        ("x/../../v/a.o", copy_rule("x/../../v/a.o")),
        ("@/v/new/a.o", copy_rule("@/v/new/a.o")),
        ("@/alias/new/a.o", format!("top = @\n{}", copy_rule("${top}/alias/new/a.o"))),
        ("up/v/a.o", copy_rule("up/v/a.o")),
        ("far/a.o", copy_rule("far/a.o")),
        ("twice/v/a.o", copy_rule("twice/v/a.o")),
        ("dangling", copy_rule("dangling")),
        ("@/v/a.o.rsp", format!("at = @/v\n{rsp}build a.o: r a.c\n")),
        ("../v/a.o.rsp", format!("{rsp}build a.o: r a.c\n  at = ../v\n")),
        ("@/v/a.o.d", format!("{dep}build a.o: r a.c\n  at = @/v\n")),
        ("@/v/a.o", "include more.ninja\nbuild $to/a.o: r a.c\n".into()),
        ("@/v/a.o", "to = @/none\nsubninja more.ninja\nsubninja deep.ninja\n".into()),
        ("second", format!("{}build good second: cp a.c\n", copy_rule("a.o")).replace("second", "../second")),
    ];
    for (named, manifest) in cases {
        let world = World::new();
        world.link("p/up", "..");
        world.link("p/twice", "up");
        world.link("p/far", "/usr/share");
        world.link("p/dangling", "@/v/none");
        world.link("alias", "v");
        world.write("p/more.ninja", "to = @/v\nrule r\n  command = cp $in $out\n");
        world.write("p/deep.ninja", "to = @/v\nrule r\n  command = cp $in $out\nbuild $to/a.o: r a.c\n");
        world.write("p/build.ninja", manifest);
        let (code, rows, err) = world.play(manifest, "p");
        assert_eq!((code, rows.len()), (1, 0), "{manifest}{err}");
        let named = named.replace('@', world.root.to_str().expect("UTF-8"));
        // What is spelled by way of `..` is named as it is after that.
        let named = named.replace("x/../", "");
        assert!(err.contains(&named) && err.contains("Nothing was run"), "{manifest}{err}");
    }
}

#[test]
fn what_links_lead_to_is_copied_and_edited_in_the_copy() {
    let compiled = format!("{CC}build a.o: cc a.c\n");
    type Prepare = fn(&World);
    let cases: &[(&str, &str, Prepare)] = &[
        ("a header that is an absolute link", "p", |world| world.link("p/conf.h", "@/v/conf.h")),
        ("a header that is a relative link", "p", |world| world.link("p/conf.h", "../v/conf.h")),
        ("a header that is a link to a link", "p", |world| {
            world.link("p/conf.h", "between.h");
            world.link("p/between.h", "@/between.h");
            world.link("between.h", "v/conf.h");
        }),
        ("a header that is a hard link", "p", |world| {
            fs::hard_link(world.at("v/conf.h"), world.at("p/conf.h")).expect("a link");
        }),
        ("an output that is a hard link", "p", |world| {
            fs::hard_link(world.at("v/a.o"), world.at("p/a.o")).expect("a link");
            world.write("p/conf.h", "");
        }),
        ("an output that is a link", "p", |world| {
            world.link("p/a.o", "@/v/a.o");
            world.write("p/conf.h", "");
        }),
        ("sources and outputs below a linked directory", "p", |world| {
            world.link("p/far", "@/v");
            world.link("p/conf.h", "far/conf.h");
            world.write("p/build.ninja", &format!("{CC}build far/a.o: cc a.c\nbuild far/sub/a.o: cc far/b.c\n"));
            world.write("v/b.c", "#include \"conf.h\"\n");
        }),
        ("outputs below a link to a link to a directory", "p", |world| {
            world.write("p/conf.h", "");
            world.link("p/out", "@/one");
            world.link("one", "v/sub");
            world.write("p/build.ninja", &format!("{CC}build out/a.o: cc a.c\n"));
        }),
        ("an absolute link into the project, and out of its own manifest", "p", |world| {
            world.write("p/include/conf.h", "");
            world.link("p/conf.h", "@/p/include/conf.h");
            world.link("p/out", "@/p/real");
            world.write("p/real/a.o", VICTIM);
            world.write("p/build.ninja", &format!("{CC}build @/p/out/a.o: cc @/p/a.c\n"));
        }),
        ("a project given by way of a link", "alias", |world| {
            world.write("p/conf.h", "");
            world.link("alias", "p");
            world.write("p/build.ninja", &format!("{CC}build @/alias/a.o: cc @/alias/a.c\n"));
        }),
        ("an output by way of a link to the project", "p", |world| {
            world.write("p/conf.h", "");
            world.write("p/out/a.o", VICTIM);
            world.link("alias", "p");
            world.write("p/build.ninja", &format!("{CC}build @/alias/out/a.o: cc a.c\n"));
        }),
        ("a manifest that is a link", "p", |world| {
            world.write("p/conf.h", "");
            fs::rename(world.at("p/build.ninja"), world.at("v/build.ninja")).expect("it moves");
            world.link("p/build.ninja", "@/v/build.ninja");
        }),
        ("files that are read-only", "p", |world| {
            world.write("p/conf.h", "");
            for name in ["p/a.c", "p/conf.h", "p/build.ninja"] {
                fs::set_permissions(world.at(name), fs::Permissions::from_mode(0o444)).expect("permissions");
            }
        }),
    ];
    for (name, workload, prepare) in cases {
        let world = World::new();
        world.write("p/a.c", "#include \"conf.h\"\n");
        world.write("p/build.ninja", &compiled);
        prepare(&world);
        let (code, rows, err) = world.play(name, workload);
        assert_eq!((code, rows.len()), (0, 10), "{name}: {err}");
        for row in &rows {
            assert!(row["correct"] == true && row.get("not_made").is_none(), "{name}: {row}");
        }
        assert!(rows[5]["ran"].as_u64() >= Some(1), "{name}: a header is edited in the copy: {}", rows[5]);
    }
}

#[test]
fn a_sheet_reached_by_a_link_stays_as_it_is() {
    let world = World::new();
    world.write("v/sheet.csv", "1,2,=A1+B1\n");
    world.link("s.csv", "@/v/sheet.csv");
    let (code, rows, err) = world.play("a sheet", "s.csv");
    assert_eq!((code, rows.len()), (0, 10), "{err}");
}

/// How far the system confines commands, by what the program itself says of a build that needs nothing of it: not at all,
/// but for times and permissions, in every way.
fn confined() -> u8 {
    let world = World::new();
    world.write("p/build.ninja", &copy_rule("a.o"));
    let (code, _, err) = world.play("is it confined", "p");
    assert_eq!(code, 0, "{err}");
    match err.contains("confined") {
        _ if err.contains("not confined") => 0,
        true => 1,
        false => 2,
    }
}

#[test]
fn a_command_that_changes_a_file_outside_in_any_way_is_stopped_where_the_system_can() {
    if confined() < 2 {
        // Then it is said, which is all that can be done.
        return;
    }
    let commands = [
        "touch @/v/a.o && cp $in $out",
        "touch -d 2001-01-01 @/v/a.o && cp $in $out",
        "touch @/v && cp $in $out",
        "chmod 600 @/v/a.o && cp $in $out",
        "ln -s @/v gen && touch gen/a.o && cp $in $out",
        "cp -p $in @/v/a.o && cp $in $out",
        "cd @/v && chmod 700 sub && cp $in $out",
    ];
    for command in commands {
        let world = World::new();
        world.write("p/build.ninja", &format!("rule r\n  command = {command}\nbuild a.o: r a.c\n"));
        let (code, rows, err) = world.play(command, "p");
        assert_eq!((code, rows.len()), (1, 0), "{command}: {err}");
    }
    // In the copy, all of this is allowed.
    let world = World::new();
    let command =
        "cp $in $out && touch $out && chmod 600 $out && ln $out other && rm -f other && mkdir -p d && rmdir d";
    world.write("p/build.ninja", &format!("rule r\n  command = {command}\nbuild a.o: r a.c\n"));
    let (code, rows, err) = world.play(command, "p");
    assert_eq!((code, rows.len()), (0, 10), "{err}");
}

#[test]
fn a_command_that_writes_out_of_the_copy_of_itself_is_stopped() {
    if confined() == 0 {
        // Then it is said, which is all that can be done.
        return;
    }
    let commands = [
        "cp $in @/v/a.o && cp $in $out",
        "cd @/v && cp a.o.d a.o && cp @/p/$in $out",
        "echo more >> @/v/a.o && cp $in $out",
        ": > @/v/new && cp $in $out",
        "cp $in ../../../../../../../../../../@/v/a.o && cp $in $out",
        "ln -sfn @/v gen && cp $in gen/a.o && cp $in $out",
        "ln -sf @/v/a.o gen.o && cp $in gen.o && cp $in $out",
        "ln @/v/a.o hard.o && echo more >> hard.o && cp $in $out",
        "ln a.c @/v/hard && cp $in $out",
        "mv @/v/a.o moved && cp $in $out",
        "mv -f b.c @/v/a.o && cp $in $out",
        "rm @/v/a.o && cp $in $out",
        "rm -r @/v/sub && cp $in $out",
        "mkdir @/v/made && cp $in $out",
        "truncate -s 0 @/v/a.o && cp $in $out",
        "(sleep 0 && cp $in @/v/a.o) & wait $$! && cp $in $out",
        "setsid cp $in @/v/a.o && cp $in $out",
    ];
    for command in commands {
        let world = World::new();
        world.write("p/build.ninja", &format!("rule r\n  command = {command}\nbuild a.o: r a.c\n"));

        let (code, rows, err) = world.play(command, "p");
        assert_eq!((code, rows.len()), (1, 0), "{command}: {err}");
        assert!(err.contains("clean") && err.contains("below the copy"), "{command}: {err}");
    }
    // What is written next goes through a link that a command has left: by a command, and by the program itself.
    let later = [
        "build gen/a.o: r a.c || gen\n",
        "build gen/sub/a.o: r a.c || gen\n",
        "build gen/new/a.o: r a.c || gen\n",
        "build other: with a.c || gen\n",
    ];
    for edge in later {
        let world = World::new();
        let manifest = format!(
            "rule ln\n  command = ln -sfn @/v $out\nrule r\n  command = cp $in $out\nrule with\n  command = cp $in $out\n  \
             rspfile = gen/a.o.rsp\n  rspfile_content = x\nbuild gen: ln\n{edge}"
        );
        world.write("p/build.ninja", &manifest);
        let (code, _, err) = world.play(edge, "p");
        assert_eq!(code, 1, "{edge}: {err}");
    }
}

#[test]
fn commands_have_a_private_place_for_temporary_files_and_the_devices() {
    let world = World::new();
    let command = "f=$$(mktemp) && cat $in > $$f && cp $$f $out && echo > /dev/null && rm $$f && echo hello";
    let manifest = format!("rule r\n  command = {command}\n  pool = console\nbuild a.o: r a.c\n");
    world.write("p/build.ninja", &manifest);
    let (code, rows, err) = world.play("temporary files", "p");
    assert_eq!((code, rows.len()), (0, 10), "only rows go to standard output: {err}");
}

/// An edit while combinations play changes nothing. Two pipes tell when: each run of the command waits for us at both.
#[test]
fn an_edit_of_the_project_meanwhile_changes_nothing_and_blames_nobody() {
    let world = World::new();
    let command = "cat @/ask > /dev/null && cat @/go > /dev/null && cp $in $out";
    world.write("p/build.ninja", &format!("rule r\n  command = {command}\nbuild a.o: r a.c\nbuild b.o: r far/b.c\n"));
    world.write("v/b.c", "int b;\n");
    world.link("p/far", "@/v");
    let (ask, go) = (world.at("ask"), world.at("go"));
    assert!(std::process::Command::new("mkfifo").args([&ask, &go]).status().expect("it starts").success());
    let mut command = world.compare("p");
    let child = command.args(["--jobs", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Each open waits for the command. When it has come to the second, it has left the first.
    let open = |pipe: &Path| fs::OpenOptions::new().write(true).open(pipe).expect("the command has come");
    // Two commands in each build from scratch, of which the first step has two; then come the combinations.
    let made = ["clean", "nothing changed", "touched, equal", "comment edited", "source changed", "output deleted"];
    for _ in 0..2 * (made.len() + 2) {
        drop(open(&ask));
        drop(open(&go));
    }
    drop(open(&ask));
    fs::write(world.at("p/a.c"), "int edited;\n").expect("it is edited");
    fs::write(world.at("v/b.c"), "int edited;\n").expect("it is edited");
    // From here on nobody has to wait.
    let last = open(&go);
    for pipe in [&ask, &go] {
        fs::write(world.at("plain"), "").expect("a file");
        fs::rename(world.at("plain"), pipe).expect("it is replaced");
    }
    drop(last);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let rows: Value = serde_json::from_slice(&stdout).expect("rows");
    let played: Vec<&Value> =
        rows.as_array().into_iter().flatten().filter(|row| row.get("not_made").is_none()).collect();
    let steps: Vec<&str> = played.iter().filter_map(|row| row["step"].as_str()).collect();
    assert_eq!(steps, [&made[..], &["fresh checkout"]].concat(), "{}", String::from_utf8_lossy(&stderr));
    for row in played {
        assert_eq!(row["correct"], true, "{row}");
    }
    assert!(status.success());
}

/// A comparison that is ended by a signal while a command with a child of its own runs.
fn ended_by(signal: Signal, whole_group: bool, command: &str) {
    // A sleep of a length that nobody else sleeps.
    let seconds = format!("{}.{}", 3000 + signal.as_raw(), std::process::id());
    let world = World::new();
    let manifest = format!("rule r\n  command = {}\nbuild a.o: r a.c\n", command.replace("SECONDS", &seconds));
    world.write("p/build.ninja", &manifest);
    let before = world.state();
    let mut command = world.compare("p");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    while sleeping(&seconds) == 0 {
        assert!(child.try_wait().expect("it is looked at").is_none(), "it ended before its command began");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = Pid::from_child(&child);
    if whole_group { kill_process_group(id, signal) } else { kill_process(id, signal) }.expect("it is sent");
    let Output { status, stdout, .. } = child.wait_with_output().expect("it ends");
    assert_eq!(status.code(), Some(128 + signal.as_raw()));
    assert!(stdout.is_empty());
    assert_eq!(sleeping(&seconds), 0, "a command goes on");
    assert_eq!(world.state(), before, "something is left");
}

/// How many processes sleep that long.
fn sleeping(seconds: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("it is read").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).eq([b"sleep", seconds.as_bytes(), b""])).count()
}

#[test]
fn a_signal_ends_commands_with_their_children_and_leaves_nothing() {
    let with_child = "(sleep SECONDS; echo late) & sleep SECONDS; cp $in $out";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        ended_by(signal, false, with_child);
    }
    // As the terminal sends it: to commands that have it to themselves as well, if there were any.
    ended_by(Signal::INT, true, &format!("{with_child}\n  pool = console"));
    // To one whose child has left its group.
    ended_by(Signal::TERM, false, "setsid sleep SECONDS & sleep SECONDS");
    // To one that does not listen, and keeps us from removing what it made.
    ended_by(Signal::TERM, false, "trap '' TERM INT HUP; mkdir d && chmod 500 d; sleep SECONDS; sleep SECONDS");
}

#[test]
fn what_a_killed_comparison_has_left_is_gone_after_the_next() {
    let seconds = format!("3998.{}", std::process::id());
    let world = World::new();
    world.write("p/build.ninja", &format!("rule r\n  command = sleep {seconds}; cp $in $out\nbuild a.o: r a.c\n"));
    let mut child = world.compare("p").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    while sleeping(&seconds) == 0 {
        assert!(child.try_wait().expect("it is looked at").is_none(), "it ended before its command began");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    assert!(fs::read_dir(world.at("tmp")).expect("it is read").next().is_some(), "nobody could tidy up");
    world.write("p/build.ninja", &copy_rule("a.o"));
    let ended = world.compare("p").output().expect("it starts");
    assert!(ended.status.success());
    assert!(fs::read_dir(world.at("tmp")).expect("it is read").next().is_none(), "something is left");
    assert_eq!(sleeping(&seconds), 0);
}

#[test]
fn a_command_in_the_background_does_not_outlive_the_comparison() {
    let world = World::new();
    let seconds = format!("3999.{}", std::process::id());
    let command = format!("(setsid sleep {seconds} > /dev/null 2>&1 &) && cp $in $out");
    world.write("p/build.ninja", &format!("rule r\n  command = {command}\nbuild a.o: r a.c\n"));
    let (code, rows, err) = world.play("a server", "p");
    assert_eq!((code, rows.len()), (0, 10), "{err}");
    assert_eq!(sleeping(&seconds), 0);
}

#[test]
fn a_signal_that_was_ignored_from_the_beginning_is_ignored() {
    let world = World::new();
    world.write("p/build.ninja", "rule r\n  command = kill -HUP $$(cat @/id) && cp $in $out\nbuild a.o: r a.c\n");
    let id = world.at("id");
    let program = env!("CARGO_BIN_EXE_alacarte");
    let line = "trap '' HUP; echo $$ > \"$1\"; exec \"$2\" compare p --scheduler suspending --rebuilder dirty-bit";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line, "sh"]).args([id.as_os_str(), program.as_ref()]).current_dir(&world.root);
    let ended = shell.env("TMPDIR", world.at("tmp")).stdin(Stdio::null()).output().expect("it starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
