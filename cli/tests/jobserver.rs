//! `alacarte build` among makes: one number of jobs for all of them, counted from outside.

mod common;
#[path = "jobserver/shown_jobs.rs"]
mod shown_jobs;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;
#[path = "jobserver/trees.rs"]
mod trees;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::directory;
use skipping::skipped;

/// A command that is counted: it notes how many of its kind run while it does. The first ones wait until as many have met as are to
/// run at once (and give up after ten seconds).
const COUNTED: &str = r#"#!/bin/sh
: > "$1/running/$$"
count() { ls "$1/running" | wc -l; }
tries=0
while [ ! -e "$1/met" ] && [ $(count "$1") -lt "$2" ] && [ $tries -lt 1000 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
count "$1" >> "$1/counts"
: > "$1/met"
rm "$1/running/$$"
"#;

/// A manifest of so many commands that could all run at once, of which so many meet.
fn manifest(root: &Path, commands: usize, meet: usize) -> String {
    let mut text = format!("rule count\n  command = {0}/counted {0} {meet} && touch $out\n", root.display());
    for number in 0..commands {
        text += &format!("build {number}: count\n");
    }
    text
}

/// A directory in which commands are counted.
fn counting() -> tempfile::TempDir {
    let root = directory(&[("counted", COUNTED)]);
    fs::create_dir(root.path().join("running")).expect("made");
    fs::set_permissions(root.path().join("counted"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    root
}

/// The most commands that ran at once, and how many ran.
fn counted(root: &Path) -> (usize, usize) {
    let counts = fs::read_to_string(root.join("counts")).expect("some ran");
    let counts: Vec<usize> = counts.lines().map(|line| line.trim().parse().expect("a number")).collect();
    (counts.iter().copied().max().unwrap_or_default(), counts.len())
}

fn ours() -> &'static str {
    env!("CARGO_BIN_EXE_alacarte")
}

fn run(root: &Path, program: &str, arguments: &[&str], flags: Option<&str>) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    command.envs(flags.map(|flags| ("MAKEFLAGS", flags)));
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// The option of a make that would else share its jobs by a pipe with a name (from 4.4 on) to share them by two descriptors.
fn by_descriptors() -> Option<&'static str> {
    let Output { stdout, .. } = Command::new("make").arg("--help").output().expect("it starts");
    String::from_utf8_lossy(&stdout).contains("--jobserver-style").then_some("--jobserver-style=pipe")
}

/// Two builds of ours that a make has begun.
fn beneath_make(prefix: &str, style: Option<&str>, meet: usize) -> (tempfile::TempDir, String) {
    let root = counting();
    let mut makefile = String::from("all: a b\n");
    for name in ["a", "b"] {
        fs::create_dir(root.path().join(name)).expect("made");
        fs::write(root.path().join(name).join("build.ninja"), manifest(root.path(), 6, meet)).expect("written");
        makefile += &format!("{name}:\n\t{prefix}{} build -C $@\n.PHONY: {name}\n", ours());
    }
    fs::write(root.path().join("Makefile"), makefile).expect("written");
    let arguments: Vec<&str> = ["-j3"].into_iter().chain(style).collect();
    let (success, said) = run(root.path(), "make", &arguments, None);
    assert!(success, "{said}");
    (root, said)
}

#[test]
fn builds_beneath_a_make_share_its_jobs() {
    for style in [None, by_descriptors()] {
        let (root, said) = beneath_make("+", style, 3);
        assert_eq!(counted(root.path()), (3, 12), "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
}

/// A number that is given bounds the jobs as well; it is no way out.
#[test]
fn beneath_a_make_a_number_of_jobs_is_one_bound_more() {
    for (jobs, most) in [("-j6", 2), ("-j1", 1)] {
        let root = counting();
        fs::write(root.path().join("build.ninja"), manifest(root.path(), 6, most)).expect("written");
        fs::write(root.path().join("Makefile"), format!("all:\n\t+{} build {jobs}\n", ours())).expect("written");
        let (success, said) = run(root.path(), "make", &["-j2"], None);
        assert!(success && !said.contains("warning"), "{said}");
        assert_eq!(counted(root.path()), (most, 6), "{jobs}: {said}");
    }
}

/// A make with one job has no jobserver.
#[test]
fn beneath_a_make_with_one_job_one_command_runs_at_a_time() {
    for (jobs, most) in [("-j1", 1), ("-j", 3)] {
        let root = counting();
        fs::write(root.path().join("build.ninja"), manifest(root.path(), 3, 1)).expect("written");
        fs::write(root.path().join("Makefile"), format!("all:\n\t{} build\n", ours())).expect("written");
        let (success, said) = run(root.path(), "make", &[jobs], None);
        assert!(success && !said.contains("warning"), "{said}");
        let (counted, ran) = counted(root.path());
        assert!(counted <= most && ran == 3, "{said}");
    }
}

/// Make closes its descriptors to what it does not take for a make. (A pipe with a name is open to all.)
#[test]
fn a_jobserver_that_is_closed_is_said_and_one_command_runs_at_a_time() {
    let (root, said) = beneath_make("", by_descriptors(), 1);
    let (most, ran) = counted(root.path());
    assert!(most <= 2 && ran == 12, "one for each build: {most}");
    assert!(said.contains("begin the line in the Makefile with +"), "{said}");
}

/// Several makes, and one that has the jobs for itself.
#[test]
fn makes_beneath_a_build_share_its_jobs() {
    for (makes, jobs) in [(3, 1), (3, 2), (3, 3), (1, 3)] {
        let root = counting();
        let leaves: Vec<String> = (0..5).map(|leaf| leaf.to_string()).collect();
        let makefile = format!(
            "all: {0}\n{0}:\n\t@{1}/counted {1} {jobs}\n.PHONY: {0}\n",
            leaves.join(" "),
            root.path().display()
        );
        fs::write(root.path().join("Makefile"), makefile).expect("written");
        let mut text = String::from("rule make\n  command = make all && touch $out\n");
        (0..makes).for_each(|number| text += &format!("build {number}: make\n"));
        fs::write(root.path().join("build.ninja"), text).expect("written");
        let (success, said) = run(root.path(), ours(), &["build", &format!("-j{jobs}")], None);
        assert!(success, "{said}");
        assert_eq!(counted(root.path()), (jobs, 5 * makes), "{said}");
    }
}

/// Runs a build of three commands by a line of the shell, in which `$OURS` is the program. What it said of the jobserver; one command at a
/// time was run.
fn alone(root: &Path, line: &str) -> String {
    fs::write(root.join("build.ninja"), manifest(root, 3, 1)).expect("written");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(root).env("OURS", ours()).env_remove("MAKEFLAGS");
    let output = command.stdin(std::process::Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {said}");
    assert_eq!(counted(root), (1, 3), "{line}: {said}");
    said
}

#[test]
fn what_makeflags_says_that_is_no_jobserver_is_said() {
    for (flags, says) in [
        ("--jobserver-auth=nonsense", "names no jobserver"),
        ("--jobserver-auth=", "names no jobserver"),
        ("--jobserver-auth=3", "names no jobserver"),
        ("--jobserver-auth=3,4,5", "names no jobserver"),
        ("--jobserver-auth=99999999999,4", "names no jobserver"),
        ("--jobserver-fds=0,1", "names no jobserver"),
        ("-j4 --jobserver-auth=198,199", "make has closed that"),
        ("n -j4 --jobserver-auth=-2,-2", "make has closed that"),
        ("--jobserver-auth=fifo:/no/such/pipe", "cannot be opened"),
        ("--jobserver-auth=fifo:", "cannot be opened"),
        ("--jobserver-auth=fifo:build.ninja", "not one pipe"),
        ("--jobserver-auth=fifo:/dev/null", "not one pipe"),
        ("--jobserver-auth=fifo:.", "not one pipe"),
        // (Bytes that are no text are no reason to overlook the rest.)
        ("--jobserver-auth=nonsense -- A=$(printf '\\377')", "names no jobserver"),
    ] {
        let said = alone(counting().path(), &format!("MAKEFLAGS=\"{flags}\" exec \"$OURS\" build"));
        assert!(said.contains(says) && said.contains("one command runs at a time"), "{flags}: {said}");
    }
    // What make has closed may have been opened by another.
    for (line, says) in [
        ("exec 5<build.ninja 6>>build.ninja", "make has closed that"),
        ("exec 5<. 6>/dev/null", "make has closed that"),
        ("mkfifo a b; exec 5<>a 6<>b", "not one pipe"),
    ] {
        let said = alone(counting().path(), &format!("{line}; MAKEFLAGS=--jobserver-auth=5,6 exec \"$OURS\" build"));
        assert!(said.contains(says), "{line}: {said}");
    }
}

/// A pipe that nobody else has open any more has no tokens to give, and is waited for by nobody.
#[test]
fn a_pipe_that_all_others_have_left_hangs_nothing() {
    let line = "mkfifo f; exec 5<>f; exec 6>f; MAKEFLAGS=--jobserver-auth=5,6 \"$OURS\" build";
    let said = alone(counting().path(), line);
    assert!(!said.contains("warning"), "{said}");
    let said = alone(counting().path(), "mkfifo f; MAKEFLAGS=--jobserver-auth=fifo:f exec \"$OURS\" build");
    assert!(said.contains("nobody serves that any more") && said.contains("one command runs at a time"), "{said}");
}

/// Whether this line of the shell can be run here; if not, it is said which test leaves something out.
fn can(test: &str, line: &str) -> bool {
    let tried = Command::new("sh").args(["-c", line]).output().expect("it starts");
    if !tried.status.success() {
        skipped(format_args!("{test}: left out, for this cannot be run here: {line}"));
    }
    tried.status.success()
}

#[test]
fn a_pipe_of_another_user_is_said() {
    // (To root all pipes are open.)
    let nobody = "setpriv --reuid=65534 --clear-groups --inh-caps=-all";
    if !can("a_pipe_of_another_user_is_said", &format!("[ $(id -u) -eq 0 ] && {nobody} true")) {
        return;
    }
    for (line, flag) in [("true", "fifo:f"), ("exec 5<>f 6<>f", "5,6")] {
        let root = counting();
        fs::copy(ours(), root.path().join("ours")).expect("copied");
        for path in [root.path(), &root.path().join("running")] {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("set");
        }
        let line = format!("mkfifo -m 600 f; {line}; MAKEFLAGS=--jobserver-auth={flag} exec {nobody} ./ours build");
        let said = alone(root.path(), &line);
        assert!(said.contains("cannot be opened: Permission denied"), "{said}");
    }
}

#[test]
fn without_proc_a_pipe_without_a_name_cannot_be_joined_and_one_with_a_name_can() {
    let apart = "unshare --mount sh -c";
    let hidden = "mount -t tmpfs none /proc";
    let test = "without_proc_a_pipe_without_a_name_cannot_be_joined_and_one_with_a_name_can";
    if !can(test, &format!("{apart} '{hidden}'")) {
        return;
    }
    let line = "mkfifo f; exec 5<>f 6<>f; MAKEFLAGS=--jobserver-auth=5,6 exec \"$OURS\" build";
    let said = alone(counting().path(), &format!("{apart} '{hidden}; {line}'"));
    assert!(said.contains("without /proc"), "{said}");
    let line = "mkfifo f; exec 5<>f; MAKEFLAGS=--jobserver-auth=fifo:f exec \"$OURS\" build";
    let said = alone(counting().path(), &format!("{apart} '{hidden}; {line}'"));
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_jobserver_with_a_name_is_joined_and_gets_its_tokens_back() {
    let root = counting();
    fs::write(root.path().join("build.ninja"), manifest(root.path(), 6, 3)).expect("written");
    let pipe = root.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("it starts");
    assert!(made.success());
    // (Both ends are held open here, so that nobody waits for the other.)
    let mut held = fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("opened");
    std::io::Write::write_all(&mut held, b"ab").expect("written");
    let flags = format!("-j --jobserver-auth=fifo:{}", pipe.display());
    let (success, said) = run(root.path(), ours(), &["build"], Some(&flags));
    assert!(success, "{said}");
    assert_eq!(counted(root.path()), (3, 6), "two tokens, and the one that every process owns");
    let mut tokens = [0; 2];
    std::io::Read::read_exact(&mut held, &mut tokens).expect("both are there");
    tokens.sort_unstable();
    assert_eq!(&tokens, b"ab", "each goes back as it was");
}

/// A command that takes a token, and ends without putting it back, as one that was killed does.
const TAKE: &str = "rule take\n  command = fd=$${MAKEFLAGS##*=fifo:}; head -c1 < $${fd%% *} > $out; true\n";

#[test]
fn a_token_that_died_with_a_command_is_missed_and_made_anew() {
    let root = counting();
    fs::write(root.path().join("build.ninja"), format!("{TAKE}build t: take\n")).expect("written");
    let (success, said) = run(root.path(), ours(), &["build", "-j4"], None);
    assert!(success && said.contains("did not put back 1 token of the jobserver"), "{said}");
}

/// Beneath a jobserver of others nobody here can make anything anew; but that tokens may be missing is known.
#[test]
fn what_a_killed_command_may_have_taken_from_a_jobserver_of_others_is_said() {
    for (flags, command, says) in [
        (
            "-j4 ",
            "kill -KILL $$$$",
            "2 commands were killed that had the pipe of the jobserver: what they had taken out of it (at most 3 tokens)",
        ),
        ("", "kill -SEGV $$$$", "what they had taken out of it (an unknown number of tokens)"),
        ("-j4 ", "exit 1", ""),
    ] {
        let root = counting();
        let text = format!(
            "rule r\n  command = {command}\nbuild a: r\nbuild b: r\nrule t\n  command = : > $out\nbuild c: t\n"
        );
        fs::write(root.path().join("build.ninja"), text).expect("written");
        let line = format!("mkfifo f; exec 5<>f; MAKEFLAGS='{flags}--jobserver-auth=fifo:f' exec {} build -k", ours());
        let (success, said) = run(root.path(), "sh", &["-c", &line], None);
        assert!(!success && root.path().join("c").exists(), "{said}");
        assert!(said.contains(says) && said.contains("jobserver") != says.is_empty(), "{command}: {said}");
    }
}

#[test]
fn nothing_is_left_of_a_jobserver_when_a_build_has_ended() {
    let root = counting();
    let temporary = root.path().join("temporary");
    fs::create_dir(&temporary).expect("made");
    let text = "rule look\n  command = ls temporary/*/pipe > $out\nbuild l: look\n\
                rule stop\n  command = kill -INT $$PPID; sleep 60\nbuild s: stop\n";
    fs::write(root.path().join("build.ninja"), text).expect("written");
    for (target, succeeds) in [("l", true), ("s", false)] {
        let mut command = Command::new(ours());
        command.args(["build", target]).current_dir(root.path()).env("TMPDIR", &temporary).env_remove("MAKEFLAGS");
        let output = command.output().expect("it starts");
        assert_eq!(output.status.success(), succeeds, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_dir(&temporary).expect("a directory").count(), 0, "{target}");
    }
}

/// Not only at its end: what comes after the command has all jobs again.
#[test]
fn a_token_that_died_with_a_command_is_there_again_while_the_build_goes_on() {
    let root = counting();
    let counts = manifest(root.path(), 4, 2).replace(": count", ": count | t");
    fs::write(root.path().join("build.ninja"), format!("{TAKE}build t: take\n{counts}")).expect("written");
    let (success, said) = run(root.path(), ours(), &["build", "-j2"], None);
    assert!(success && said.contains("did not put back 1 token"), "{said}");
    assert_eq!(counted(root.path()), (2, 4), "{said}");
}

/// What a command has left behind may still have its tokens: they are not made anew, and not missed when they come back.
#[test]
fn tokens_that_a_command_left_with_others_are_theirs() {
    // (In the pool `console` commands have no process group of their own.)
    for pool in ["", "  pool = console\n"] {
        let root = counting();
        // What is left behind takes a token, and puts it back when the next command has run.
        let text = format!(
            "rule leave\n  command = fd=$${{MAKEFLAGS##*=fifo:}}; fd=$${{fd%% *}}; \
             {{ t=$$(head -c1 < $$fd); : > taken; until [ -e ran ]; do sleep 0.01; done; printf %s $$t > $$fd; : > back; }} \
             > /dev/null 2>&1 & until [ -e taken ]; do sleep 0.01; done; : > $out\n{pool}\
             rule after\n  command = : > ran; until [ -e back ]; do sleep 0.01; done; : > $out\n\
             build l: leave\nbuild a: after l\n"
        );
        fs::write(root.path().join("build.ninja"), text).expect("written");
        let (success, said) = run(root.path(), ours(), &["build", "-j2"], None);
        assert!(success && !said.contains("token"), "{pool}{said}");
    }
}

/// Two commands run, one of them by the token that this process owns. Whichever ends first, others can have what it had.
#[test]
fn a_token_that_is_free_lies_in_the_pipe_while_another_command_runs() {
    for ends in ["0", "1"] {
        let root = counting();
        let command = "rule run\n  command = : > on$out; until [ -e end$out ]; do sleep 0.01; done; : > $out\n";
        fs::write(root.path().join("build.ninja"), format!("{command}build 0: run\nbuild 1: run\n")).expect("written");
        let made = Command::new("mkfifo").arg(root.path().join("pipe")).status().expect("it starts");
        assert!(made.success());
        let mut pipe = fs::OpenOptions::new();
        let mut pipe = std::os::unix::fs::OpenOptionsExt::custom_flags(pipe.read(true).write(true), 0o4000)
            .open(root.path().join("pipe"))
            .expect("opened");
        std::io::Write::write_all(&mut pipe, b"+").expect("written");
        let mut build = Command::new(ours());
        build.arg("build").current_dir(root.path()).env("MAKEFLAGS", "--jobserver-auth=fifo:pipe");
        let mut build = build.stdout(std::process::Stdio::null()).spawn().expect("it starts");
        let mut eventually = |what: &str, is_so: &mut dyn FnMut() -> bool| {
            let came = (0..1000).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                is_so()
            });
            if !came {
                let _ = build.kill();
                panic!("{ends} ends first: {what}");
            }
        };
        eventually("both run", &mut || ["on0", "on1"].iter().all(|on| root.path().join(on).exists()));
        fs::write(root.path().join(format!("end{ends}")), "").expect("written");
        eventually("the token is free", &mut || std::io::Read::read(&mut pipe, &mut [0]).is_ok_and(|count| count == 1));
        for end in ["end0", "end1"] {
            fs::write(root.path().join(end), "").expect("written");
        }
        assert!(build.wait().expect("it ends").success());
    }
}

/// Two builds of one directory, which a make begins at once: while the second waits for the first, that one has both jobs.
#[test]
fn who_waits_for_the_journal_of_another_build_gives_its_token_back() {
    for (jobs, most) in [("-j2", 2), ("-j1", 1)] {
        let root = counting();
        let place = root.path().join("place");
        fs::create_dir(&place).expect("made");
        fs::write(place.join("build.ninja"), manifest(root.path(), 6, most) + "build b: phony\n").expect("written");
        // (The second one begins when the first has begun.)
        let build = format!("{} build -C place", ours());
        let begun = "until [ -e met ] || [ -n \"$$(ls running)\" ]; do sleep 0.01; done";
        let makefile = format!("all: a b\na:\n\t+{build} 0 1 2 3 4 5\nb:\n\t+{begun}; {build} b\n.PHONY: a b\n");
        fs::write(root.path().join("Makefile"), makefile).expect("written");
        let (success, said) = run(root.path(), "make", &[jobs], None);
        assert!(success && !said.contains("INTERNAL"), "{said}");
        assert_eq!(said.contains("waiting: another build is running"), jobs == "-j2", "{said}");
        assert_eq!(counted(root.path()), (most, 6), "{said}");
    }
}

/// A process must own a token when it ends, also if it was interrupted.
#[test]
fn who_is_interrupted_while_it_waits_takes_its_token_again() {
    let root = counting();
    let text = "rule run\n  command = : > on; until [ -e end ]; do sleep 0.01; done; : > $out\nbuild r: run\n";
    fs::write(root.path().join("build.ninja"), text).expect("written");
    let made = Command::new("mkfifo").arg(root.path().join("pipe")).status().expect("it starts");
    assert!(made.success());
    let mut pipe = fs::OpenOptions::new();
    let mut pipe = std::os::unix::fs::OpenOptionsExt::custom_flags(pipe.read(true).write(true), 0o4000)
        .open(root.path().join("pipe"))
        .expect("opened");
    let build = |flags: &str| {
        let mut command = Command::new(ours());
        command.arg("build").current_dir(root.path()).env("MAKEFLAGS", flags).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null()).spawn().expect("it starts")
    };
    let eventually = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let came = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            is_so()
        });
        assert!(came, "{what}");
    };
    let mut first = build("");
    eventually("the first one runs", &mut || root.path().join("on").exists());
    let mut second = build("--jobserver-auth=fifo:pipe");
    let mut token = [0];
    eventually("the second one gives", &mut || {
        std::io::Read::read(&mut pipe, &mut token).is_ok_and(|count| count == 1)
    });
    std::io::Write::write_all(&mut pipe, &token).expect("written");
    let interrupted = Command::new("kill").arg("-INT").arg(second.id().to_string()).status().expect("it starts");
    assert!(interrupted.success());
    assert_eq!(second.wait().expect("it ends").code(), Some(130));
    assert!(std::io::Read::read(&mut pipe, &mut token).is_err(), "it ended without a token");
    fs::write(root.path().join("end"), "").expect("written");
    assert!(first.wait().expect("it ends").success());
}

/// It would wait for the build that waits for it.
#[test]
fn a_build_within_a_build_of_the_same_directory_does_not_wait() {
    let root = counting();
    let text = format!("rule again\n  command = {} build b\nbuild a: again\nbuild b: phony\n", ours());
    fs::write(root.path().join("build.ninja"), text).expect("written");
    let (success, said) = run(root.path(), ours(), &["build", "a"], None);
    assert!(!success && said.contains("another build is running"), "{said}");
}

/// Commands that wait for a token have no files open, however many there are.
#[test]
fn a_thousand_commands_wait_for_tokens_with_few_files() {
    let root = counting();
    let text = "rule touch\n  command = : > $out\n".to_owned();
    let text = (0..600).fold(text, |text, number| format!("{text}build o{number}: touch\n"));
    fs::write(root.path().join("build.ninja"), text).expect("written");
    fs::write(root.path().join("Makefile"), format!("all:\n\t+{} build\n", ours())).expect("written");
    let (success, said) = run(root.path(), "sh", &["-c", "ulimit -n 128; exec make -j2"], None);
    assert!(success && said.contains("ran 600 commands"), "{}", &said[said.len().saturating_sub(400)..]);
}

/// A command begins when it has a token: what was made before then it has read, and it need not run again.
#[test]
fn what_is_made_while_a_command_waits_for_a_token_is_not_too_late_for_it() {
    let root = counting();
    // The first one runs beside the command that makes what it reads.
    let text = "rule gen\n  command = : > $out\nbuild gen.h: gen\n\
                rule cc\n  command = until [ -e gen.h ]; do sleep 0.01; done; echo $out: gen.h > $out.d; : > $out; echo $out >> ran\n  \
                depfile = $out.d\n";
    let text = (0..12).fold(text.to_owned(), |text, number| format!("{text}build o{number}: cc\n"));
    fs::write(root.path().join("build.ninja"), text).expect("written");
    fs::write(root.path().join("Makefile"), format!("all:\n\t+{} build\n", ours())).expect("written");
    let (success, said) = run(root.path(), "make", &["-j2"], None);
    let ran = fs::read_to_string(root.path().join("ran")).expect("they ran").lines().count();
    assert!(success && (12..=15).contains(&ran), "{ran} runs of twelve commands: {said}");
}

/// A build within a build ends its commands before it is itself made to end.
#[test]
fn a_build_within_a_build_leaves_nothing_behind_when_both_are_interrupted() {
    let root = counting();
    fs::create_dir(root.path().join("in")).expect("made");
    fs::write(root.path().join("build.ninja"), format!("rule b\n  command = {} build -C in\nbuild o: b\n", ours()))
        .expect("written");
    let stubborn =
        "rule s\n  command = trap '' TERM INT; echo $$$$ > pid; until [ -e end ]; do sleep 0.02; done\nbuild s: s\n";
    fs::write(root.path().join("in/build.ninja"), stubborn).expect("written");
    let mut outer = Command::new("env");
    outer.args(["--default-signal=INT", ours(), "build"]).current_dir(root.path()).env_remove("MAKEFLAGS");
    let mut outer = outer.stdout(std::process::Stdio::null()).spawn().expect("it starts");
    let pid = root.path().join("in/pid");
    let begun = (0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    });
    assert!(begun, "the inner command runs");
    let number = fs::read_to_string(&pid).expect("its number");
    rustix::process::kill_process(rustix::process::Pid::from_child(&outer), rustix::process::Signal::INT)
        .expect("sent");
    outer.wait().expect("it ends");
    let state = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
    let lives = state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']));
    fs::write(root.path().join("in/end"), "").expect("written");
    assert!(!lives, "the inner command lives on: {state}");
}
