//! The cache is only a help: trouble with it costs a run of a command and a warning, and it opens up nothing.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{alacarte, directory, run};

const MANIFEST: &str = "rule cp\n  command = cat $in > $out && echo $out >> ran\nbuild a: cp in\nbuild b: cp a\n";
const BUILD: [&str; 3] = ["build", "--rebuilder", "constructive-trace"];

/// All files below a directory.
fn files(below: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![below.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).expect("a directory").flatten() {
            let list = if entry.path().is_dir() { &mut todo } else { &mut found };
            list.push(entry.path());
        }
    }
    found
}

#[test]
fn trouble_with_the_cache_costs_a_run_and_one_warning() {
    let replace_blobs = |cache: &Path, with: &dyn Fn(&Path)| {
        for blob in files(&cache.join("blobs")) {
            fs::remove_file(&blob).expect("removed");
            with(&blob);
        }
    };
    let in_the_way = |place: PathBuf| {
        fs::remove_dir_all(&place).expect("removed");
        fs::write(&place, "in the way").expect("a file");
    };
    type Trouble<'t> = (&'t str, usize, Box<dyn Fn(&Path) + 't>);
    let troubles: [Trouble<'_>; 4] = [
        ("damaged copies", 0, Box::new(|cache| replace_blobs(cache, &|blob| fs::write(blob, "junk").expect("a file")))),
        (
            "directories in the place of copies",
            0,
            Box::new(|cache| replace_blobs(cache, &|blob| fs::create_dir(blob).expect("a directory"))),
        ),
        ("no room for copies", 1, Box::new(|cache| in_the_way(cache.join("blobs")))),
        ("no room for traces", 1, Box::new(|cache| in_the_way(cache.join("traces")))),
    ];
    for (what, warnings, trouble) in &troubles {
        let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
        let place = project.path();
        assert_eq!(run(place, &BUILD).0, 0);
        trouble(&place.join(".cache/alacarte"));
        for (text, removed) in [("1\n", "a"), ("2\n", "b"), ("1\n", "a")] {
            fs::remove_file(place.join(removed)).expect("removed");
            std::thread::sleep(std::time::Duration::from_millis(25));
            fs::write(place.join("in"), text).expect("a file");
            let (code, out, err) = run(place, &BUILD);
            assert_eq!(code, 0, "{what}: {out}{err}");
            let made = ["a", "b"].map(|file| fs::read_to_string(place.join(file)).expect(file));
            assert_eq!(made, [text, text], "{what}: {out}");
            let said = err.matches("warning:").count();
            assert!(said <= 1, "{what}: {err}");
            if text == "2\n" {
                assert_eq!(said, *warnings, "{what}: {err}");
            }
        }
        let (code, out, err) = run(place, &BUILD);
        assert_eq!(code, 0, "{what}: {err}");
        assert!(out.contains("nothing to do"), "{what}: {out}");
    }
}

#[test]
fn a_directory_in_the_place_of_a_copy_gives_way_and_the_command_runs() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let place = project.path();
    assert_eq!(run(place, &BUILD).0, 0);
    for blob in files(&place.join(".cache/alacarte/blobs")) {
        fs::remove_file(&blob).expect("removed");
        fs::create_dir(&blob).expect("a directory");
    }
    fs::remove_file(place.join("b")).expect("removed");
    let (code, out, err) = run(place, &BUILD);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("ran 1 command") && err.is_empty(), "{out}{err}");
    fs::remove_file(place.join("b")).expect("removed");
    assert!(run(place, &BUILD).1.contains("restored 1"), "the copy is there again");
}

#[test]
fn a_restored_file_may_be_read_by_whom_it_could_be_read_before() {
    for bits in [0o600, 0o644, 0o700, 0o755, 0o640] {
        let manifest = format!("rule cp\n  command = cp $in $out && chmod {bits:o} $out\nbuild secret: cp in\n");
        // The same content lies in the cache already, for all to read.
        let open = "rule open\n  command = cp $in $out && chmod 644 $out\nbuild open: open in\n";
        let project = directory(&[("build.ninja", &format!("{open}{manifest}")), ("in", "1\n")]);
        let place = project.path();
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("open to all");
        assert_eq!(run(place, &[&BUILD[..], &["open"]].concat()).0, 0);
        assert_eq!(run(place, &BUILD).0, 0);
        fs::remove_file(place.join("secret")).expect("removed");
        let (code, out, err) = run(place, &BUILD);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("restored 1"), "{out}");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&place.join("secret")), bits, "{bits:o}");
        let copies: Vec<u32> = files(&place.join(".cache/alacarte/blobs")).iter().map(|blob| mode(blob)).collect();
        assert!(copies.contains(&(bits & 0o555)), "{bits:o}: {copies:?}");
        assert!(copies.iter().all(|mode| [0o444, bits & 0o555].contains(mode)), "{bits:o}: {copies:?}");
    }
}

#[test]
fn what_a_killed_process_was_copying_is_removed_by_the_next_one() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let place = project.path();
    assert_eq!(run(place, &BUILD).0, 0);
    let mut child = std::process::Command::new("true").spawn().expect("it starts");
    let dead = child.id();
    child.wait().expect("it ends");
    let parts = [".alacarte", ".alacarte/underway", ".cache/alacarte/blobs/underway"]
        .map(|directory| place.join(directory).join(format!(".alacarte-{dead}-x.part")));
    for part in &parts {
        fs::create_dir_all(part.parent().expect("a parent")).expect("a directory");
        fs::write(part, "half").expect("a file");
    }
    // (A glance at what has not changed cleans up nothing.)
    fs::write(place.join("in"), "2\n").expect("written");
    assert_eq!(run(place, &BUILD).0, 0);
    for part in &parts {
        assert!(!part.exists(), "{}", part.display());
    }
}

#[test]
fn much_output_of_a_failing_command_is_shown_by_its_ends() {
    let manifest = "rule no\n  command = echo the begin; yes | head -c 50000000; echo the end; exit 1\nbuild a: no\n";
    let project = directory(&[("build.ninja", manifest)]);
    let (code, out, err) = run(project.path(), &["build"]);
    assert_eq!(code, 1);
    assert!(out.contains("the begin\ny\n") && out.contains("\ny\nthe end\n"));
    assert!(out.contains("bytes are left out here") && out.len() + err.len() < 3_000_000, "{} bytes", out.len());
}

#[test]
fn a_circle_of_thousands_is_told_in_a_line() {
    let edges: String = (0..3000).map(|edge| format!("build k{edge}: cp k{}\n", (edge + 1) % 3000)).collect();
    let project = directory(&[("build.ninja", &format!("rule cp\n  command = cp $in $out\n{edges}"))]);
    for scheduler in ["topological", "restarting", "suspending", "bottom-up"] {
        let (code, _, err) = run(project.path(), &["build", "--scheduler", scheduler, "k0"]);
        assert_eq!(code, 1, "{scheduler}");
        assert!(err.contains("a cycle: ") && err.contains(" more … → "), "{scheduler}: {err}");
        assert!(err.len() < 1500, "{scheduler}: {} bytes", err.len());
    }
}

#[test]
fn an_output_that_is_a_link_is_one_again() {
    let manifest = "rule ln\n  command = ln -sf app $out\nrule cp\n  command = cp $in $out\n\
                    build app: cp in\nbuild link: ln | app\n";
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let project = directory(&[("build.ninja", manifest), ("in", "1\n")]);
        let place = project.path();
        let arguments = ["build", "--rebuilder", rebuilder];
        let link = || fs::read_link(place.join("link")).ok();
        assert_eq!(run(place, &arguments).0, 0);
        fs::remove_file(place.join("link")).expect("removed");
        assert_eq!(run(place, &arguments).0, 0);
        assert_eq!(link(), Some("app".into()), "{rebuilder}: the same content lies in the cache");
        fs::remove_file(place.join("link")).expect("removed");
        fs::copy(place.join("app"), place.join("link")).expect("copied");
        assert_eq!(run(place, &arguments).0, 0);
        assert_eq!(link(), Some("app".into()), "{rebuilder}: a file in the place of a link");
        assert!(run(place, &arguments).1.contains("nothing to do"), "{rebuilder}");
    }
}

/// All that lies below a directory, but for what the test and the build keep there: kinds, permissions, texts, and where links lead.
fn everything(below: &Path) -> Vec<String> {
    let (mut found, mut todo) = (Vec::new(), vec![below.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).expect("a directory").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if ["ran", ".alacarte", ".cache", "build.ninja"].iter().any(|name| path.ends_with(name)) {
                continue;
            }
            let what = match () {
                () if kind.is_symlink() => format!("{:?}", fs::read_link(&path).expect("a link")),
                () if kind.is_dir() => "a directory".into(),
                () => fs::read_to_string(&path).expect("text"),
            };
            let mode = fs::symlink_metadata(&path).expect("there").permissions().mode() & 0o7777;
            found.push(format!("{}: {mode:o} {what}", path.strip_prefix(below).expect("below").display()));
            if kind.is_dir() {
                todo.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Commands that make something of every kind, in ways that fail where something lies already.
const KINDS: &[(&str, &str)] = &[
    ("group", "cp in group && chmod 664 group"),
    ("closed", "cp in closed && chmod 444 closed"),
    ("private", "umask 077 && cat in > private"),
    ("program", "cp in program && chmod 751 program"),
    ("link", "ln -s in link"),
    ("dangling", "ln -s nowhere dangling"),
    ("loop", "ln -s loop loop"),
    ("absolute", "ln -s /usr/nowhere absolute"),
    ("far", "ln -s /usr far"),
    (
        "tree",
        "mkdir -p tree/sub tree/empty && cp in tree/sub/text && ln -s sub/text tree/link && ln -s / tree/out && chmod 711 tree/empty && chmod 555 tree/sub",
    ),
    ("hidden", "mkdir -m 700 hidden && cp in hidden/text"),
    ("fixed", "mkdir fixed && cp in fixed/text && chmod 555 fixed"),
];

#[test]
fn what_is_restored_is_what_the_command_made_of_whatever_kind() {
    let edge =
        |&(name, command): &(&str, &str)| format!("build {name}: r in\n  cmd = {command} && echo {name} >> ran\n");
    let manifest = format!("rule r\n  command = $cmd\n{}", KINDS.iter().map(edge).collect::<String>())
        // Links from one to another, of one command and of several, and a directory behind one.
        + "build lib.so lib.so.1 lib.so.1.2: r in\n  \
           cmd = cp in lib.so.1.2 && ln -s lib.so.1.2 lib.so.1 && ln -s lib.so.1 lib.so && echo lib >> ran\n\
           build behind: r tree\n  cmd = ln -s tree behind && echo behind >> ran\n\
           build read: r tree link lib.so behind\n  cmd = cat link lib.so behind/sub/text tree/link > read && echo read >> ran\n";
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        for umask in ["022", "077", "002"] {
            let [one, other] = [0, 1].map(|_| directory(&[("build.ninja", &*manifest), ("in", "1\n")]));
            let (one, other) = (one.path(), other.path());
            let cache = one.join(".cache/alacarte");
            // (A deep trace restores what was asked for.)
            let all: Vec<&str> = KINDS.iter().map(|(name, _)| *name).chain(["lib.so", "behind", "read"]).collect();
            let script = format!("umask {umask} && exec \"$0\" \"$@\"");
            let build = |place: &Path| {
                let mut command = std::process::Command::new("sh");
                command.args([
                    "-c",
                    &script,
                    env!("CARGO_BIN_EXE_alacarte"),
                    "build",
                    "--rebuilder",
                    rebuilder,
                    "--cache",
                ]);
                let ended = command.arg(&cache).args(&all).current_dir(place).output().expect("it starts");
                let text = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
                assert!(ended.status.success(), "{rebuilder} {umask}: {text}");
                fs::read_to_string(place.join("ran")).unwrap_or_default()
            };
            assert_eq!(build(one).lines().count(), all.len());
            let made = everything(one);
            for place in [one, other] {
                for name in
                    KINDS.iter().map(|(name, _)| *name).chain(["lib.so", "lib.so.1", "lib.so.1.2", "behind", "read"])
                {
                    let _ = fs::remove_file(place.join(name)).or_else(|_| fs::remove_dir_all(place.join(name)));
                }
                let _ = fs::remove_file(place.join("ran"));
                assert_eq!(build(place), "", "{rebuilder} {umask}");
                assert_eq!(everything(place), made, "{rebuilder} {umask}");
                assert_eq!(build(place), "", "{rebuilder} {umask}: there is nothing to do");
            }
        }
    }
}

/// One cache for checkouts in different places: what one has built is restored in the others, and what belongs to other
/// keys, or other content, is not.
#[test]
fn checkouts_and_repositories_share_a_cache() {
    let shared = directory(&[]);
    let cache = shared.path().join("one/for all");
    let cached = || {
        let mut arguments = BUILD.map(String::from).to_vec();
        arguments.extend(["--cache".into(), cache.display().to_string()]);
        arguments
    };
    let build = |place: &Path| {
        let arguments = cached();
        let (code, out, err) = run(place, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        let ran = fs::read_to_string(place.join("ran")).unwrap_or_default().lines().count();
        (ran, fs::read_to_string(place.join("b")).expect("built"))
    };
    let checkout = |text: &str| directory(&[("build.ninja", MANIFEST), ("in", text)]);
    let [first, second, third] = ["1\n", "1\n", "2\n"].map(checkout);
    assert_eq!(build(first.path()), (2, "1\n".into()));
    assert!(!first.path().join(".cache/alacarte").exists(), "the cache is elsewhere");
    assert_eq!(build(second.path()), (0, "1\n".into()), "all is restored");
    assert_eq!(build(third.path()), (2, "2\n".into()), "its source is another");
    // Another repository has targets of the same names, which it makes otherwise.
    let other = MANIFEST.replace("cat $in > $out", "cat $in $in > $out");
    let other = directory(&[("build.ninja", &other), ("in", "1\n")]);
    assert_eq!(build(other.path()), (2, "1\n1\n1\n1\n".into()));
    assert_eq!(build(first.path()), (2, "1\n".into()), "nothing to do");
}

#[test]
fn a_cache_is_looked_after_and_what_is_gone_is_built() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let place = project.path();
    let (code, _, err) = run(place, &["cache", "stats"]);
    assert!(code == 1 && err.contains("there is no cache in "), "{err}");
    assert_eq!(run(place, &BUILD).0, 0);
    let says = |arguments: &[&str], says: &str| {
        let (code, out, err) = run(place, arguments);
        assert!(code == 0 && out.contains(says), "{arguments:?}: {out}{err}");
    };
    // Both outputs hold the same.
    says(&["cache", "stats"], "holds 1 copy");
    says(&["cache", "verify"], "removed, for they were damaged: 0 copies");
    // Each of the three files, a copy and the traces of two keys, takes a block of the disk.
    says(&["cache", "gc", "--max-size", "12K"], "removed 0 copies");
    says(&["cache", "gc", "--max-size", "1", ".cache/alacarte"], "holds 0 copies");
    assert_eq!(run(place, &["cache", "gc", "--max-size", "1.5"]).0, 2);
    let again = || {
        fs::remove_file(place.join("a")).expect("removed");
        let (code, out, err) = run(place, &BUILD);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        out
    };
    assert!(again().contains("ran 2 commands"), "the copy has gone");
    assert!(again().contains("restored 1"), "it is there again");
    // Whoever names a wrong directory loses nothing of their own.
    let own = ["blobs/ab/notes", "traces/results.csv", "README"].map(|path| place.join(".cache/alacarte").join(path));
    for path in &own {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, "not ours").expect("written");
    }
    says(&["cache", "clear"], "removed 1 copy");
    let left = files(&place.join(".cache/alacarte"));
    assert!(own.iter().all(|path| left.contains(path)), "{left:?}");
    assert!(left.iter().all(|path| own.contains(path) || !path.to_string_lossy().ends_with(".traces")), "{left:?}");
    assert!(again().contains("ran 2 commands"), "nothing is left");
}

/// Looks after a cache in which something is wrong at these places: each is said by its path, and nothing is wrong afterwards.
fn is_found(place: &Path, wrong: &[PathBuf]) {
    let (code, out, err) = run(place, &["cache", "verify"]);
    assert_eq!(code, 1, "{out}{err}");
    for path in wrong {
        assert!(err.contains(&*path.to_string_lossy()), "{}: {err}", path.display());
    }
    assert_eq!(err.lines().count(), wrong.len(), "{err}");
    let (code, out, err) = run(place, &["cache", "verify"]);
    assert!(code == 0 && err.is_empty(), "{out}{err}");
}

/// Builds what is known from the cache only. What was said.
fn from_the_cache(place: &Path) -> String {
    let gone = ["a", "b", ".alacarte/journal"].map(|file| fs::remove_file(place.join(file)));
    assert!(gone.iter().all(Result::is_ok));
    let (code, out, err) = run(place, &BUILD);
    assert_eq!(code, 0, "{out}{err}");
    out
}

#[test]
fn traces_in_each_others_places_are_found() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let place = project.path();
    assert_eq!(run(place, &BUILD).0, 0);
    let traces = files(&place.join(".cache/alacarte/traces"));
    let [a, b] = &traces[..] else { panic!("two keys: {traces:?}") };
    let [of_a, of_b] = [a, b].map(|path| fs::read(path).expect("traces"));
    fs::write(a, &of_b).expect("written");
    fs::write(b, &of_a).expect("written");
    is_found(place, &traces);
    assert!(from_the_cache(place).contains("ran 2 commands"), "both traces were lost");
    // One beside those that belong there costs itself.
    assert_eq!(files(&place.join(".cache/alacarte/traces")).len(), 2);
    fs::write(a, [of_b, fs::read(a).expect("traces")].concat()).expect("written");
    is_found(place, std::slice::from_ref(a));
    assert!(from_the_cache(place).contains("restored 2"), "what belongs there is left");
}

#[test]
fn a_damaged_trace_beside_a_whole_one_is_found_and_that_one_is_left() {
    for first in [true, false] {
        let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
        let place = project.path();
        assert_eq!(run(place, &BUILD).0, 0);
        let traces = files(&place.join(".cache/alacarte/traces"));
        let lengths: Vec<usize> = traces.iter().map(|path| fs::read(path).expect("traces").len()).collect();
        std::thread::sleep(std::time::Duration::from_millis(25));
        fs::write(place.join("in"), "2\n").expect("written");
        assert_eq!(run(place, &BUILD).0, 0);
        for (path, length) in traces.iter().zip(lengths) {
            let mut bytes = fs::read(path).expect("traces");
            assert!(bytes.len() > length, "it has two");
            bytes[if first { length - 1 } else { length + 20 }] ^= 1;
            fs::write(path, bytes).expect("written");
        }
        is_found(place, &traces);
        // What the whole one says is made of the other text.
        let text = if first { "2\n" } else { "1\n" };
        std::thread::sleep(std::time::Duration::from_millis(25));
        fs::write(place.join("in"), text).expect("written");
        assert!(from_the_cache(place).contains("restored 2"), "{first}: the whole one is left");
    }
}

#[test]
fn a_copy_that_is_not_what_it_is_called_is_found_by_its_path() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let place = project.path();
    assert_eq!(run(place, &BUILD).0, 0);
    let copies = files(&place.join(".cache/alacarte/blobs"));
    fs::remove_file(&copies[0]).expect("removed");
    fs::write(&copies[0], "1!").expect("written");
    is_found(place, &copies[..1]);
}

/// What a tool's cache should hold only the tool knows; but not what is no entry, or was put in another part's place.
#[test]
fn what_can_be_wrong_with_a_tools_cache_is_found() {
    let manifest = "rule tool\n  command = echo $in > $$ALACARTE_TOOL_CACHE/$in && echo $in > $out\nbuild a: tool in\n";
    let manifest = format!("{manifest}  tool_cache = repository/tool\nbuild b: tool in\n  tool_cache = tool\n");
    let project = directory(&[("build.ninja", &*manifest), ("in", "1\n")]);
    let place = project.path();
    assert_eq!(run(place, &BUILD).0, 0);
    let tool = place.join(".cache/alacarte/tools/tool");
    let entries = tool.join("by-name/repository/entries");
    assert_eq!(files(&entries), [entries.join("in")]);
    let (code, _, err) = run(place, &["cache", "verify"]);
    assert!(code == 0 && err.is_empty(), "{err}");
    let wrong = ["pipe", "out", "setuid"].map(|name| entries.join(name));
    assert!(std::process::Command::new("mkfifo").arg(&wrong[0]).status().expect("it starts").success());
    std::os::unix::fs::symlink("/etc/passwd", &wrong[1]).expect("a link");
    std::os::unix::fs::symlink("in", entries.join("inside")).expect("a link");
    fs::write(&wrong[2], "text").expect("written");
    fs::set_permissions(&wrong[2], fs::Permissions::from_mode(0o4755)).expect("set");
    is_found(place, &wrong);
    let mut left = files(&entries);
    left.sort();
    assert_eq!(left, ["in", "inside"].map(|name| entries.join(name)));
    // A part that says that it is another's.
    let by_path = fs::read_dir(tool.join("by-path")).expect("a directory").flatten().next().expect("a part").path();
    for part in [tool.join("by-name/repository"), by_path] {
        fs::write(part.join("repository"), "another").expect("written");
        is_found(place, std::slice::from_ref(&part));
        assert!(!part.join("entries").exists(), "{}", part.display());
    }
    assert_eq!(run(place, &BUILD).0, 0);
}

/// What a command gives that looks at more than it says is found by running it again.
#[test]
fn a_sample_of_hits_is_run_again_and_what_differs_is_said() {
    const LOOKS: &str = "rule look\n  command = cat $in hidden > $out; echo $out >> ran\nbuild out: look in\n";
    let cache = directory(&[]);
    let cache = cache.path().to_str().expect("a name");
    let recheck = ["build", "--rebuilder", "constructive-trace", "--cache", cache, "--recheck", "100"];
    for (hidden, code, says) in [
        ("same\n", 0, "rechecked 1 of 1 hit: what the cache has is what the commands give"),
        ("some\n", 1, "out: byte 4 is 0x6f, and 0x61 in the cache"),
        ("same", 1, "out: byte 7 is the end of the file, and 0x0a in the cache"),
    ] {
        let [first, second] =
            ["same\n", hidden].map(|hidden| directory(&[("build.ninja", LOOKS), ("in", "in\n"), ("hidden", hidden)]));
        assert_eq!(run(first.path(), &recheck[..5]).0, 0);
        let (is, out, err) = run(second.path(), &recheck);
        assert_eq!((is, (out.clone() + &err).contains(says)), (code, true), "{out}{err}");
        assert_eq!(fs::read_to_string(second.path().join("ran")).expect("it ran"), "out\n");
        assert_eq!(fs::read_to_string(second.path().join("out")).expect("built"), format!("in\n{hidden}"));
        // Here it is built now, and no hit.
        assert!(run(second.path(), &recheck).1.contains("rechecked 0 of 0 hits"));
        run(Path::new("."), &["cache", "clear", cache]);
    }
    let place = directory(&[("build.ninja", LOOKS), ("in", "in\n"), ("hidden", "")]);
    let (code, _, err) = run(place.path(), &["build", "--recheck", "5"]);
    assert!(code == 1 && err.contains("under verifying-trace nothing is restored"), "{err}");
    assert_eq!(run(place.path(), &["build", "--recheck", "101"]).0, 2);
}

/// What is found out is told of every build that was made, also of a manifest that makes itself, and of one that fails.
#[test]
fn what_a_recheck_has_found_is_told_however_the_build_ends() {
    let cache = directory(&[]);
    let cache = cache.path().to_str().expect("a name");
    let recheck = ["build", "-k", "--rebuilder", "constructive-trace", "--cache", cache, "--recheck", "100"];
    // The manifest is made by its own command, which looks at a file that it does not declare.
    let made = "rule make\n  command = cat in hidden > build.ninja\nbuild build.ninja: make in\n";
    let made = format!("{made}rule cp\n  command = cp in $out && test ! -e broken\nbuild o: cp\n");
    let checkout = |hidden: &str| directory(&[("build.ninja", &made), ("in", &made), ("hidden", hidden)]);
    let first = checkout("# one\n");
    let age = |place: &Path| {
        std::thread::sleep(std::time::Duration::from_millis(30));
        fs::write(place.join("in"), &made).expect("written");
    };
    age(first.path());
    let (code, out, err) = run(first.path(), &recheck[..6]);
    assert_eq!(code, 0, "{out}{err}");
    let second = checkout("# two\n");
    age(second.path());
    let (code, out, err) = run(second.path(), &recheck);
    // (What makes the manifest would not have been restored.)
    assert!(code == 0 && err.is_empty() && out.contains("rechecked 1 of 1 hit:"), "{out}{err}");
    let third = checkout("# one\n");
    fs::write(third.path().join("broken"), "").expect("written");
    age(third.path());
    let (code, out, err) = run(third.path(), &recheck);
    assert!(code == 1 && err.contains("o: the cache has it, and it failed when it was run again"), "{out}{err}");
}

/// What a generator has made stays when its command is another one, so its traces do not name the command: in the next directory it is another one.
#[test]
fn what_a_generator_makes_is_never_anothers() {
    let cache = directory(&[]);
    let cache = cache.path().to_str().expect("a name");
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let arguments = ["build", "--rebuilder", rebuilder, "--cache", cache];
        for name in ["A", "B"] {
            let manifest = format!(
                "rule gen\n  command = sed s/x/{name}/ $in > $out\n  generator = 1\nbuild config.h: gen config.in\n"
            );
            let place = directory(&[("build.ninja", &manifest), ("config.in", "x\n")]);
            for text in ["x\n", "y x\n", "x\n"] {
                fs::write(place.path().join("config.in"), text).expect("written");
                let (code, out, err) = run(place.path(), &arguments);
                assert_eq!((code, err.as_str()), (0, ""), "{out}");
                let made = fs::read_to_string(place.path().join("config.h")).expect("built");
                assert_eq!(made, text.replace('x', name), "{rebuilder}: {out}");
            }
            assert!(run(place.path(), &arguments).1.contains("nothing to do"), "{rebuilder}");
        }
    }
}

/// An output that is a link is in no cache, and that is no trouble.
#[test]
fn what_cannot_be_copied_is_no_trouble() {
    let manifest = "rule ln\n  command = ln -sf in $out\nrule mkdir\n  command = mkdir -p $out\nbuild link: ln in\nbuild d: mkdir in\n";
    let project = directory(&[("build.ninja", manifest), ("in", "1\n")]);
    for _ in 0..2 {
        let (code, out, err) = run(project.path(), &BUILD);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        fs::remove_file(project.path().join("link")).expect("a link");
    }
}

/// What was restored stands, whatever the cache has lost since; also what lies between a target and its sources, of which deep traces restore nothing.
#[test]
fn what_was_restored_stands_without_the_cache() {
    let manifest = format!("{MANIFEST}build c: cp a b\n");
    for rebuilder in ["constructive-trace", "deep-constructive-trace"] {
        let cache = directory(&[]);
        let cache = cache.path().to_str().expect("a name");
        let arguments = ["build", "--rebuilder", rebuilder, "--cache", cache, "c"];
        let [first, second] = [0, 1].map(|_| directory(&[("build.ninja", &manifest), ("in", "1\n")]));
        assert_eq!(run(first.path(), &arguments).0, 0);
        assert!(run(second.path(), &arguments).1.contains("ran 0 commands, restored"), "{rebuilder}");
        assert_eq!(run(Path::new("."), &["cache", "clear", cache]).0, 0);
        for _ in 0..2 {
            let (code, out, err) = run(second.path(), &arguments);
            assert!(code == 0 && out.contains("nothing to do"), "{rebuilder}: {out}{err}");
        }
        // A source goes back and forth: what lies between is made when it is needed.
        for text in ["2\n", "1\n"] {
            fs::write(second.path().join("in"), text).expect("written");
            let (code, out, err) = run(second.path(), &arguments);
            assert_eq!(code, 0, "{rebuilder}: {out}{err}");
            let made = fs::read_to_string(second.path().join("c")).expect("built");
            assert_eq!(made, text.repeat(2), "{rebuilder}");
        }
    }
}

/// A user without a home has no cache that others share. Who chose a rebuilder that restores counts on one, and is
/// told once.
#[test]
fn without_a_home_a_build_that_restores_says_that_its_cache_is_shared_with_nobody() {
    let project = directory(&[("build.ninja", MANIFEST), ("in", "1\n")]);
    let homeless = |arguments: &[&str]| {
        let mut command = alacarte(project.path(), arguments);
        let output = command.env_remove("XDG_CACHE_HOME").env_remove("HOME").output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let build = ["build", "--rebuilder", "constructive-trace"];
    let told = "alacarte: warning: neither XDG_CACHE_HOME nor HOME says where your cache is; what is kept for this \
                directory is shared with no other: name a cache with --cache DIR\n";
    assert_eq!(homeless(&build), told);
    assert_eq!(homeless(&[&build[..], &["--cache", "mine"]].concat()), "");
    fs::write(project.path().join("in"), "2\n").expect("written");
    // (It would make no use of one.)
    assert_eq!(homeless(&["build", "--rebuilder", "verifying-trace"]), "");
    assert_eq!(run(project.path(), &build).2, "");
}
