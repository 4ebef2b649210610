//! A disk that becomes full in the middle of a build, at every size: the build says so and ends, and goes on where it was when there is room again.

mod common;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use common::directory;
use skipping::skipped;

/// Each command of the first row fills a good part of the disk; those of the second read two of them. Others make nothing to speak of, and have long names, so
/// that the disk also becomes full where the journal is written.
const MANIFEST: &str = "\
rule fill
  command = yes $in | head -c 20000 > $out && echo $out >> $$RAN
rule join
  command = cat $in > $out && echo $out >> $$RAN
rule note
  command = : > $out && echo $out >> $$RAN
build a1: fill in
build a2: fill in
build a3: fill in
build a4: fill in
build b1: join a1 a2
build b2: join a3 a4
";

/// In a name space of its own: a disk of so many kB, a build, room, a build, and one with nothing to do.
const STEPS: &str = "\
mount -t tmpfs -o size=$1k disk disk && cd disk && cp ../build.ninja ../in . || exit 77
export RAN=../ran XDG_CACHE_HOME=$PWD/cache
$2 > ../first 2>&1; echo first $?
cp ../ran ../ran.first 2>&-
mount -o remount,size=4m . || exit 77
$2 > ../second 2>&1; echo second $?
cp ../ran ../ran.second
$2 > ../third 2>&1; echo third $?
cat a1 a2 a3 a4 b1 b2 | cksum
";

#[test]
fn a_build_on_a_disk_that_becomes_full_goes_on_when_there_is_room() {
    let programs = [
        format!("{} build --jobs 2", env!("CARGO_BIN_EXE_alacarte")),
        format!("{} build --jobs 2 --rebuilder constructive-trace", env!("CARGO_BIN_EXE_alacarte")),
        format!("{} -j2", env!("CARGO_BIN_EXE_alacarte-ninja")),
    ];
    let (mut failed, mut unsaid, mut sums) = (0, 0, BTreeMap::new());
    let named: String = (0..20).map(|note| format!("build {note}{}: note in\n", "-long".repeat(40))).collect();
    let manifest = format!("{MANIFEST}{named}");
    let mut of_the_journal = 0;
    // (What is made takes 160 kB; what is remembered, some more.)
    for (number, size) in (16..160).step_by(12).chain((160..212).step_by(2)).enumerate() {
        let program = &programs[number % programs.len()];
        let place = directory(&[("build.ninja", &*manifest), ("in", "text"), ("steps", STEPS)]);
        let at = |file: &str| fs::read_to_string(place.path().join(file)).unwrap_or_default();
        fs::create_dir(place.path().join("disk")).expect("a directory");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "steps", &size.to_string(), program]);
        let output = command.current_dir(place.path()).output();
        let Some(output) = output.ok().filter(|output| !matches!(output.status.code(), None | Some(1 | 77))) else {
            skipped(format_args!("full_disk: no disk of one's own can be mounted here"));
            return;
        };
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = format!("{size} kB, {program}: {told}\n-- first\n{}-- second\n{}", at("first"), at("second"));
        let ended: Vec<&str> = told.lines().collect();
        assert!(matches!(ended[0], "first 0" | "first 1") && ended[1..3] == ["second 0", "third 0"], "{all}");
        assert!(!all.contains("panicked"), "{all}");
        assert_eq!(at("ran"), at("ran.second"), "there was nothing to do: {all}");
        sums.insert(ended[3].to_owned(), all.clone());
        let unwritten = at("first").contains("/journal: No space left");
        of_the_journal += u32::from(unwritten);
        failed += u32::from(ended[0] == "first 1");
        // What had finished does not run again, but for what the journal had no room for (two commands that had just ended, and two that ran meanwhile); and more
        // only if it was said, because nothing could be noted of files any more.
        let (first, second) = (at("ran.first"), at("ran.second"));
        let again: Vec<&str> =
            second[first.len()..].lines().filter(|ran| first.lines().any(|before| before == *ran)).collect();
        let said = at("first").contains("the next build may run its commands again");
        assert!(said || again.len() <= if unwritten { 4 } else { 0 }, "{again:?} ran again: {all}");
        unsaid += u32::from(!said && ended[0] == "first 1");
    }
    assert_eq!(sums.len(), 1, "{sums:#?}");
    assert!(unsaid > 10, "{failed} failed, {unsaid} so that all was noted, {of_the_journal} by the journal");
}
