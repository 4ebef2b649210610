//! A dry run: what would run is shown, and nothing is written.

use super::*;

#[test]
fn a_dry_run_shows_what_would_run_and_changes_nothing() {
    let place = directory(&[("build.ninja", MANIFEST), ("source", "")]);
    let place = place.path();
    for _ in 0..2 {
        assert_eq!(ninja(place, &["-n"]), (0, "[1/2] T b\n[2/2] T c\n".into(), "".into()));
        assert!(!place.join("b").exists());
    }
    assert_eq!(ninja(place, &["-n", "-v", "b"]), (0, "[1/1] echo b > b\n".into(), "".into()));
    ninja(place, &["b"]);
    assert_eq!(ninja(place, &["-n"]), (0, "[1/1] T c\n".into(), "".into()));
}

/// What a dry run has noticed, the build after it has to notice too, whatever the rebuilder goes by.
#[test]
fn what_a_dry_run_has_seen_is_news_to_the_next_build() {
    for rebuilder in ["modification-time", "dirty-bit", "verifying-trace", "constructive-trace", "step-trace"] {
        let chosen = [("ALACARTE_REBUILDER", rebuilder)];
        let place = directory(&[("build.ninja", MANIFEST), ("source", "one")]);
        let place = place.path();
        assert_eq!(ninja_in(place, &["b"], &chosen).1, "[1/1] T b\n");
        std::thread::sleep(std::time::Duration::from_millis(30));
        let text = if rebuilder == "modification-time" { "one" } else { "two" };
        std::fs::write(place.join("source"), text).expect("written");
        for arguments in [&["-n", "b"][..], &["-n", "b"], &["b"]] {
            assert_eq!(ninja_in(place, arguments, &chosen).1, "[1/1] T b\n", "{rebuilder}: {arguments:?}");
        }
        assert_eq!(ninja_in(place, &["b"], &chosen).1, "ninja: no work to do.\n", "{rebuilder}");
    }
}

/// Not even a directory for what is remembered; so it needs no disk that can be written, and disturbs no build that is at work.
#[test]
fn a_dry_run_writes_nothing_and_waits_for_nobody() {
    let manifest = "rule r\n  command = until test -e go; do sleep 0.01; done; cp $in $out\n  description = R $out\nbuild a: r source\nbuild b: r a\n";
    let place = directory(&[("build.ninja", manifest), ("source", "text")]);
    let at = place.path();
    let dry = (0, "[1/2] R a\n[2/2] R b\n".to_owned(), String::new());
    assert_eq!(ninja(at, &["-n"]), dry);
    let mut left: Vec<_> = at.read_dir().expect("a directory").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["build.ninja", "source"]);
    let mut other = Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"));
    other.current_dir(at).env("XDG_CACHE_HOME", at.join(".cache")).stdout(Stdio::null());
    let mut other = other.spawn().expect("it starts");
    while !at.join(".alacarte/journal").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(ninja(at, &["-n"]), dry);
    std::fs::write(at.join("go"), "").expect("written");
    assert!(other.wait().expect("it ends").success());
    assert_eq!(ninja(at, &["-n"]), (0, "ninja: no work to do.\n".into(), "".into()));
}
