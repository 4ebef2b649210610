//! Commands that fail, are interrupted, have the terminal, share jobs with a make.

use super::*;

#[test]
fn a_failure_ends_with_the_code_of_the_command() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    let failed = "[1/1] echo from a; exit 3\nFAILED: [code=3] a \necho from a; exit 3\nfrom a\n";
    let stopped = format!("{failed}ninja: build stopped: subcommand failed.\n");
    assert_eq!(ninja(place, &["a"]), (3, stopped, "".into()));
    let (code, out, err) = ninja(place, &["-k0", "-j1", "d", "c"]);
    assert_eq!((code, &*err), (3, ""), "{out}");
    assert!(out.contains("[3/4] T c\n") && !out.contains("T d"), "{out}");
    assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
    let quiet = ninja(place, &["--quiet", "a"]);
    assert!(quiet.1.starts_with("FAILED: [code=3] a \n"), "{}", quiet.1);
}

#[test]
fn so_many_commands_may_fail_as_k_says() {
    let edges: String = (0..6).map(|n| format!("build f{n}: fail\n")).collect();
    let manifest = format!("rule fail\n  command = echo $out >> ran; false\n{edges}");
    for (failures, ran) in [("1", 1), ("2", 2), ("5", 5), ("0", 6), ("-1", 6), ("9", 6)] {
        let place = directory(&[("build.ninja", &manifest)]);
        let (code, out, _) = ninja(place.path(), &["-j1", "-k", failures]);
        let lines = std::fs::read_to_string(place.path().join("ran")).expect("some ran").lines().count();
        assert_eq!((code, lines), (1, ran), "-k {failures}: {out}");
        let stopped = match failures {
            "1" => "subcommand failed",
            "2" | "5" => "subcommands failed",
            _ => "cannot make progress due to previous errors",
        };
        assert!(out.ends_with(&format!("ninja: build stopped: {stopped}.\n")), "-k {failures}: {out}");
    }
    // What only fails because of another does not count.
    let chain = "rule fail\n  command = false\nbuild a: fail\nbuild b: fail a\nbuild c: fail b\n";
    let place = directory(&[("build.ninja", chain)]);
    let (_, out, _) = ninja(place.path(), &["-k3"]);
    assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
}

/// What it has read nobody knows: it is as if it had failed.
#[test]
fn a_command_whose_depfile_cannot_be_read_has_failed() {
    let manifest = "rule c\n  command = cp $in $out; echo nonsense > $out.d; echo said\n  depfile = $out.d\n  deps = gcc\n\
                    rule t\n  command = touch $out\nbuild a: c source\nbuild b: t a\nbuild c: t\n";
    let place = directory(&[("build.ninja", manifest), ("source", "")]);
    for round in 0..2 {
        let (code, out, err) = ninja(place.path(), &["-j1", "-k0"]);
        assert_eq!((code, &*err), (1, ""), "{out}");
        let command = "cp source a; echo nonsense > a.d; echo said";
        let failed = format!("[1/3] {command}\nFAILED: [code=1] a \n{command}\nsaid\na.d: line 1 of the depfile: ");
        assert!(out.starts_with(&failed), "{round}: {out}");
        assert!(out.ends_with("ninja: build stopped: cannot make progress due to previous errors.\n"), "{out}");
        assert!(place.path().join("c").exists() && !place.path().join("b").exists(), "the rest is built");
        std::fs::remove_file(place.path().join("c")).expect("it was made");
    }
}

/// One that fills the pool `console` writes to the terminal itself; what others have written comes after it.
#[test]
fn a_command_has_the_console_to_itself() {
    let manifest = "rule c\n  command = echo begin; until test -e b; do sleep 0.01; done; echo end\n  pool = console\n\
                    rule t\n  command = echo said by $out; touch $out\nbuild a: c\nbuild b: t\n";
    let place = directory(&[("build.ninja", manifest)]);
    let (code, out, _) = ninja(place.path(), &["-j2", "a", "b"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(code, 0, "{out}");
    assert_eq!(lines[1..3], ["begin", "end"], "{out}");
    assert_eq!(lines[4], "said by b");
}

/// Who ends a command by Ctrl-C means the build. (Ctrl-C reaches those that have the console, and not this program.)
#[test]
fn a_command_that_is_interrupted_interrupts_the_build() {
    for (command, interrupts) in [
        ("kill -INT $$$$", true),
        ("kill -TERM $$$$", true),
        ("kill -HUP $$$$", true),
        ("exit 130", true),
        ("kill -KILL $$$$", false),
        ("exit 143", false),
    ] {
        let manifest = format!(
            "rule end\n  command = echo half > $out; {command}\nrule t\n  command = touch $out\n\
             rule long\n  command = echo begun > $out; sleep 60\nbuild a: end || b\nbuild b: t\nbuild c: t || a\nbuild d: long || b\n"
        );
        let place = directory(&[("build.ninja", &*manifest)]);
        let there = |name: &str| place.path().join(name).exists();
        if interrupts {
            let (code, out, _) = ninja(place.path(), &["-j2", "-k0"]);
            assert_eq!(
                (code, &*out),
                (130, "[1/4] touch b\nninja: build stopped: interrupted by user.\n"),
                "{command}"
            );
            assert!(there("b") && !there("a") && !there("c") && !there("d"), "{command}: what was begun goes");
        } else {
            let (code, out, _) = ninja(place.path(), &["-j2", "-k0", "a"]);
            assert!(code != 130 && out.contains("FAILED: [code="), "{command}: {out}");
            assert!(!out.contains("interrupted"), "{command}: {out}");
        }
    }
}

/// Where a make shares its jobs they are shared, which is said; a number that is given is meant.
#[test]
fn a_number_of_jobs_is_meant_whatever_a_make_says() {
    // Each command waits until so many have met, but not for long.
    let meeting = |most: usize| {
        format!(
            "rule meet\n  command = touch on.$out; n=0; while [ $$n -lt 40 ]; do n=$$((n+1)); \
             test $$(ls on.* 2>/dev/null | wc -l) -ge {most} && touch met; sleep 0.05; test -e met && exit 0; done; rm on.$out; exit 0\n  \
             description = M\nbuild a: meet\nbuild b: meet\nbuild c: meet\nbuild d: meet\n"
        )
    };
    for (arguments, met, said) in [
        (&["-j3"][..], true, ""),
        (&[], false, "ninja: Jobserver mode detected: --jobserver-auth=fifo:pipe\n"),
        (&["--quiet"], false, ""),
    ] {
        let place = directory(&[("build.ninja", &*meeting(3))]);
        let run = format!("mkfifo pipe; exec 9<>pipe; printf + >&9; exec \"$NINJA\" {}", arguments.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &run]).current_dir(place.path()).env("NINJA", env!("CARGO_BIN_EXE_alacarte-ninja"));
        command.env("MAKEFLAGS", "--jobserver-auth=fifo:pipe").env("XDG_CACHE_HOME", place.path().join(".cache"));
        let out = command.stdin(Stdio::null()).output().expect("it starts");
        let out = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert_eq!(place.path().join("met").exists(), met, "{arguments:?}: {out}");
        assert_eq!(out.split('[').next(), Some(said), "{arguments:?}: {out}");
    }
    // What runs nothing asks nobody.
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let (code, out, err) = ninja_in(place.path(), &["-n"], &[("MAKEFLAGS", "--jobserver-auth=fifo:/no/such/pipe")]);
    assert_eq!((code, &*out, &*err), (0, "[1/2] T b\n[2/2] T c\n", ""));
}
