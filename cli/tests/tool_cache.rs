//! Caches that tools keep for themselves, shared by many builds, each a process of its own; some are killed.

mod common;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use alacarte_stores::named_caches;
use common::{alacarte, directory, run};
use skipping::skipped;

/// Rewrites its cache in place, entry by entry; says in `ran` whether it knew the source.
const TOOL: &str = r#"set -e
entry="${ALACARTE_TOOL_CACHE:-own}/$(basename "$1")"
sum=$(cksum < "$1")
if [ -f "$entry" ] && [ "$(head -n 1 "$entry")" = "$sum" ]; then how=warm; else
    how=cold
    echo "$sum" > "$entry"
    tr a-z A-Z < "$1" >> "$entry"
fi
tail -n +2 "$entry" > "$2"
echo "$how" >> ran
"#;

const FILES: usize = 10;

/// The files of a checkout.
fn checkout(place: &Path) {
    let mut manifest = "rule tool\n  command = sh tool.sh $in $out\n".to_owned();
    fs::create_dir_all(place).expect("made");
    for n in 0..FILES {
        manifest += &format!("build {n}.out: tool {n}.in\n  tool_cache = repository/tool\n");
        fs::write(place.join(format!("{n}.in")), format!("text {n}\n")).expect("written");
    }
    fs::write(place.join("build.ninja"), manifest).expect("written");
    fs::write(place.join("tool.sh"), TOOL).expect("written");
}

fn is_right(place: &Path) -> bool {
    (0..FILES)
        .all(|n| fs::read_to_string(place.join(format!("{n}.out"))).is_ok_and(|text| text == format!("TEXT {n}\n")))
}

fn ran(place: &Path, how: &str) -> usize {
    let said = fs::read_to_string(place.join("ran")).unwrap_or_default();
    said.lines().filter(|line| *line == how).count()
}

fn copies_left(root: &Path) -> usize {
    let left = Command::new("find").arg(root).args(["-name", "*.part"]).output().expect("it runs");
    left.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

#[test]
fn builds_that_are_killed_at_any_moment_lose_nothing_and_the_next_is_warm() {
    let root = directory(&[]);
    let root = root.path();
    let places: Vec<PathBuf> = (0..6).map(|n| root.join(format!("checkout{n}"))).collect();
    places.iter().for_each(|place| checkout(place));
    let build = |place: &Path| {
        let mut command = alacarte(place, &["build", "--cache", "../cache", "--jobs", "3"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let published = || named_caches(&root.join("cache")).expect("listed").first().map_or(0, |held| held.entries);
    // All at once, and each is killed as soon as a little more is published.
    let mut running: Vec<_> = places.iter().map(|place| build(place).spawn().expect("it starts")).collect();
    let mut killed = 0;
    while let Some(mut child) = running.pop() {
        let before = published();
        while published() < (before + 1).min(FILES as u64) && child.try_wait().expect("asked").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        killed += usize::from(child.try_wait().expect("asked").is_none());
        // (The process, and not what `env` started: they are one.)
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    assert!(killed > 0, "none was underway any more");
    // Then to their ends.
    let mut running: Vec<_> = places.iter().map(|place| build(place).spawn().expect("it starts")).collect();
    assert!(running.iter_mut().all(|child| child.wait().expect("it ends").success()));
    assert!(places.iter().all(|place| is_right(place)));
    assert_eq!(published(), FILES as u64);
    // A checkout that was not there before.
    let new = root.join("new");
    checkout(&new);
    let (code, _, err) = run(&new, &["build", "--cache", "../cache"]);
    assert_eq!((code, &*err), (0, ""));
    assert_eq!((ran(&new, "warm"), ran(&new, "cold")), (FILES, 0));
    assert!(is_right(&new));
    assert_eq!(copies_left(root), 0, "what killed builds left behind is swept");
    assert_eq!(
        run(&new, &["build", "--cache", "../cache"]).1.lines().last().map(|line| line.contains("nothing to do")),
        Some(true)
    );
}

#[test]
fn where_the_cache_cannot_be_used_the_commands_run_and_it_is_said_once() {
    let root = directory(&[("file", "")]);
    let root = root.path();
    // A file, and a place where nobody can make anything.
    for (n, cache) in ["../file", "/proc/self"].into_iter().enumerate() {
        let place = root.join(format!("checkout{n}"));
        checkout(&place);
        let (code, _, err) = run(&place, &["build", "--cache", cache]);
        assert_eq!(code, 0, "{err}");
        assert!(is_right(&place));
        let said: Vec<&str> = err.lines().filter(|line| line.contains("tool cache repository/tool")).collect();
        assert_eq!(said.len(), 1, "{err}");
        assert!(said[0].contains("nothing is published"), "{err}");
        assert_eq!(copies_left(root), 0);
    }
}

#[test]
fn a_command_that_finds_the_disk_of_its_cache_full_runs_again_beside_the_build() {
    let manifest = "rule tool\n  command = head -c $bytes /dev/zero > $$ALACARTE_TOOL_CACHE/$out && cp in $out && echo $out >> ran\n\
                    build a: tool in\n  tool_cache = x/y\n  bytes = 100000\n\
                    build b: tool in | a\n  tool_cache = x/y\n  bytes = 900000\n\
                    build c: tool in | b\n  tool_cache = x/y\n  bytes = 900000\n\
                    build d: tool in | c\n  tool_cache = x/y\n  bytes = 10\n";
    // In a name space of its own, so that whoever runs this may make a small disk.
    let within = |size: &str| {
        let project = directory(&[("build.ninja", manifest), ("in", ""), ("disk/not", "")]);
        let script = format!(
            "mount -t tmpfs -o size={size} none disk && \"$0\" build -j1 --cache disk/cache && du -s disk/cache >&2"
        );
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_alacarte")]);
        let ended = command.current_dir(project.path()).output().ok()?;
        let text = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        let ran = fs::read_to_string(project.path().join("ran")).unwrap_or_default();
        (!text.contains("unshare:") && !text.contains("mount:")).then_some((ended.status.success(), ran, text))
    };
    for (size, full) in [("64m", 0), ("700k", 1)] {
        let Some((success, ran, text)) = within(size) else {
            return println!("skipped: nobody may mount a small disk here");
        };
        assert!(success && ran == "a\nb\nc\nd\n", "{text}");
        assert_eq!(text.matches("is full").count(), full, "{text}");
        assert!(!text.contains("FAILED"), "{text}");
    }
}

#[test]
fn what_a_tool_leaves_that_is_no_entry_is_said_once() {
    let manifest = "rule r\n  command = cd $$ALACARTE_TOOL_CACHE && mkfifo pipe && ln -s /etc link && touch good$$$$ && touch $$OLDPWD/$out\n\
                    build a: r\n  tool_cache = t\nbuild b: r\n  tool_cache = t\n";
    let root = directory(&[("build.ninja", manifest)]);
    let (code, _, err) = run(root.path(), &["build", "--cache", "cache"]);
    assert_eq!(code, 0, "{err}");
    let said: Vec<&str> = err.lines().filter(|line| line.contains("tool cache t: not published")).collect();
    assert!(said.len() == 1 && said[0].contains("(and 1 more)"), "{err}");
    assert_eq!(named_caches(&root.path().join("cache")).expect("listed")[0].entries, 2);
}

/// While another process holds the lock of the cache, others have the token of the command that waits for it, be that before it runs or when it has run.
#[test]
fn a_command_that_waits_for_its_cache_holds_no_token() {
    use rustix::fs::{FlockOperation, OFlags, flock};
    use std::io::{Read, Write};
    use std::os::unix::fs::OpenOptionsExt;
    let manifest = "rule r\n  command = echo > begun; while [ ! -e go ]; do sleep 0.01; done; touch $$ALACARTE_TOOL_CACHE/entry $out\n\
                    build a: r\n  tool_cache = r/t\n";
    for before in [true, false] {
        let root = directory(&[("build.ninja", manifest)]);
        let root = root.path();
        let part = root.join("cache/tools/t/by-name/r");
        fs::create_dir_all(&part).expect("made");
        let lock = fs::File::create(part.join("lock")).expect("made");
        let pipe = root.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("it starts").success());
        // (Both ends are open here, and no token is in it.)
        let flags = OFlags::NONBLOCK.bits() as i32;
        let mut tokens = fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(&pipe).expect("opened");
        let mut token = move |wanted: bool| {
            let limit = std::time::Instant::now() + Duration::from_secs(60);
            while wanted && std::time::Instant::now() < limit {
                match tokens.read_exact(&mut [0]) {
                    Ok(()) => return tokens.write_all(b"+").expect("put back"),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
            assert!(!wanted && tokens.read_exact(&mut [0]).is_err(), "a token: {wanted}");
        };
        let hold = || flock(&lock, FlockOperation::LockExclusive).expect("locked");
        if before {
            hold();
            fs::write(root.join("go"), "").expect("written");
        }
        let mut command = alacarte(root, &["build", "--cache", "cache"]);
        command.env("MAKEFLAGS", format!("-j2 --jobserver-auth=fifo:{}", pipe.display()));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        if !before {
            while !root.join("begun").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            token(false);
            hold();
            fs::write(root.join("go"), "").expect("written");
        }
        token(true);
        assert_eq!(root.join("begun").exists(), !before);
        flock(&lock, FlockOperation::Unlock).expect("unlocked");
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && !said.contains("warning"), "{said}");
        token(false);
        assert!(part.join("entries/entry").exists(), "{said}");
    }
}

/// The manual of ninja says it, and a binary can be asked.
#[test]
fn ninja_itself_takes_the_binding_under_a_build_statement_and_refuses_it_in_a_rule() {
    if !Command::new("ninja").arg("--version").output().is_ok_and(|said| said.status.success()) {
        skipped(format_args!("ninja_itself_takes_the_binding_under_a_build_statement: ninja is not installed"));
        return;
    }
    let root = directory(&[]);
    checkout(root.path());
    fs::create_dir(root.path().join("own")).expect("made");
    let ninja = |place: &Path| Command::new("ninja").current_dir(place).output().expect("it runs");
    assert!(ninja(root.path()).status.success());
    assert!(is_right(root.path()));
    let rule = "rule r\n  command = touch $out\n  tool_cache = t\nbuild a: r\n";
    let root = directory(&[("build.ninja", rule)]);
    let refused = ninja(root.path());
    assert!(!refused.status.success());
    let said = [refused.stdout, refused.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("unexpected variable 'tool_cache'"));
    assert_eq!(run(root.path(), &["build"]).0, 0);
}

/// Whether a program is there; if it is not, the test that needs it is skipped, and says so.
fn has(program: &str, test: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success());
    if !there {
        skipped(format_args!("{test}: {program} is not installed"));
    }
    there
}

/// Builds in checkouts with these files, many processes at once, and then in one that comes later; where that lies.
fn many_and_then_one(root: &Path, files: &[(String, String)]) -> PathBuf {
    let places: Vec<PathBuf> = ["0", "1", "2", "3", "later"].map(|name| root.join(name)).into();
    for place in &places {
        for (name, text) in files {
            let path = place.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
    }
    let build = |place: &Path| alacarte(place, &["build", "--cache", "../cache"]).output().expect("it runs");
    let (later, first) = places.split_last().expect("some");
    std::thread::scope(|scope| {
        for place in first {
            scope.spawn(move || assert!(build(place).status.success()));
        }
    });
    assert!(build(later).status.success());
    assert_eq!(copies_left(root), 0);
    later.clone()
}

#[test]
fn ccache_knows_in_a_later_checkout_what_many_have_compiled() {
    let test = "ccache_knows_in_a_later_checkout_what_many_have_compiled";
    if !has("ccache", test) || !has("cc", test) {
        return;
    }
    let root = directory(&[]);
    // (Its statistics, a line for each result, beside the checkout.)
    let mut manifest =
        "rule cc\n  command = CCACHE_DIR=$$ALACARTE_TOOL_CACHE CCACHE_STATSLOG=$$PWD/log ccache cc -c $in -o $out\n"
            .to_owned();
    let mut files = Vec::new();
    for n in 0..8 {
        manifest += &format!("build f{n}.o: cc f{n}.c\n  tool_cache = repository/ccache\n");
        files.push((format!("f{n}.c"), format!("int f{n}(void) {{ return {n}; }}\n")));
    }
    files.push(("build.ninja".to_owned(), manifest));
    let later = many_and_then_one(root.path(), &files);
    let log = fs::read_to_string(later.join("log")).expect("it has run");
    let results = |what: &str| log.lines().filter(|line| *line == what).count();
    assert_eq!((results("direct_cache_hit"), results("cache_miss")), (8, 0), "{log}");
}

#[test]
fn mypy_knows_in_a_later_checkout_what_many_have_checked() {
    if !has("mypy", "mypy_knows_in_a_later_checkout_what_many_have_checked") {
        return;
    }
    let root = directory(&[]);
    let mut manifest =
        "rule mypy\n  command = mypy -v --no-sqlite-cache --cache-dir=$$ALACARTE_TOOL_CACHE $in lib.py > $out 2>&1\n"
            .to_owned();
    let mut files = vec![("lib.py".to_owned(), "def f(x: int) -> str:\n    return str(x)\n".to_owned())];
    for n in 0..3 {
        // Each is checked by a process of its own, and all of them need the same library. (Of a module that it found by itself, mypy keeps
        // the absolute path, which is another one in each checkout; so all are named.)
        manifest += &format!("build {n}.log: mypy m{n}.py | lib.py\n  tool_cache = repository/mypy\n");
        files.push((format!("m{n}.py"), format!("from lib import f\nprint(f({n}))\n")));
    }
    files.push(("build.ninja".to_owned(), manifest));
    let later = many_and_then_one(root.path(), &files);
    for n in 0..3 {
        let log = fs::read_to_string(later.join(format!("{n}.log"))).expect("it has run");
        assert!(log.contains(" with 0 modules, and 0 errors"), "{log}");
        assert!(!log.contains("LOG:  Writing "), "{log}");
    }
}
