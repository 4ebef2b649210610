//! Poor disks: a file system without renames, locks, hard links or reflinks, one that is full, one that is read-only. A build on it is right or says
//! what is wrong; and the next one, on a sound disk, is right and leaves nothing to do.
//!
//! A library that is loaded before the program lets calls fail below one directory (`poor_disk/poor_disk.c`). A fault that is never met fails the test.

mod common;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{alacarte, directory};
use skipping::skipped;

/// A chain, and a command with a cache of its tool.
const MANIFEST: &str = "\
rule cat
  command = cat $in > $out && echo $out >> $$RAN
rule tool
  command = cat $in > $out && cat $in >> $$ALACARTE_TOOL_CACHE/seen && echo $out >> $$RAN
build a: cat in
build b: cat a
build c: cat in
build t: tool a
  tool_cache = repository/tool
";

/// The library, made by a C compiler where there is one and the system lets calls be caught.
struct Library {
    place: tempfile::TempDir,
}

/// Something that a disk cannot do.
struct Poor {
    /// Which calls fail, with which error.
    fault: &'static str,
    /// Of one that is full, after how many bytes.
    after: &'static [u32],
    /// What the system says then.
    says: &'static str,
    /// A build can do without it: where it keeps its copies and traces, what it remembers, or all of it.
    spared: [bool; 3],
}

const fn poor(fault: &'static str, says: &'static str, spared: [bool; 3]) -> Poor {
    Poor { fault, after: &[0], says, spared }
}

const FULL: &str = "No space left on device";

const POOR: [Poor; 8] = [
    poor("rename:38", "Function not implemented", [true, true, true]),
    poor("lock:37", "No locks available", [true, false, false]),
    poor("lock:38", "Function not implemented", [true, false, false]),
    poor("link:1", "", [true, true, true]),
    poor("reflink:95", "", [true, true, true]),
    poor("full:28", FULL, [true, false, false]),
    // (A command that has begun to write into its copy of a tool's cache fails, as it would without us.)
    Poor { after: &[10, 50, 100, 200, 400, 800, 1_600], ..poor("full:28", FULL, [false, false, false]) },
    poor("readonly:30", "Read-only file system", [true, false, false]),
];

const BELOW: [&str; 3] = ["cache", ".alacarte", ""];

/// Nothing of this kind is done there.
const NEVER_MET: [(&str, &str); 2] = [("link:1", ".alacarte"), ("reflink:95", ".alacarte")];

impl Library {
    fn made() -> Option<Self> {
        let place = directory(&[("poor_disk.c", include_str!("poor_disk/poor_disk.c"))]);
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o", "poor_disk.so", "poor_disk.c"]).current_dir(place.path());
        let made = cfg!(target_arch = "x86_64") && cc.output().is_ok_and(|output| output.status.success());
        let library = Library { place };
        // (Who may not ask the kernel to catch calls is told by the number with which the library ends.)
        let works = made
            && library
                .before(Command::new("true"), "lock:37", Path::new("/none"))
                .status()
                .is_ok_and(|ended| ended.success());
        works.then_some(library)
    }

    fn before(&self, mut command: Command, fault: &str, below: &Path) -> Command {
        command.env("LD_PRELOAD", self.place.path().join("poor_disk.so")).env("POOR_DISK", fault);
        command.env("POOR_DISK_BELOW", below).env("POOR_DISK_HITS", self.hits());
        command
    }

    fn hits(&self) -> PathBuf {
        self.place.path().join("hits")
    }
}

struct Project {
    place: tempfile::TempDir,
}

const BUILD: [&str; 5] = ["build", "--rebuilder", "constructive-trace", "--cache", "cache"];

impl Project {
    fn new() -> Self {
        let place = directory(&[("build.ninja", MANIFEST), ("in", "one\n")]);
        Project { place }
    }

    fn at(&self, path: &str) -> PathBuf {
        let root = self.place.path().canonicalize().expect("a path");
        // (What is below is told by the beginning of a path, which ends in no slash.)
        if path.is_empty() { root } else { root.join(path) }
    }

    fn edit(&self, text: &str) {
        std::thread::sleep(std::time::Duration::from_millis(25));
        fs::write(self.at("in"), text).expect("written");
    }

    /// A build: its code, and all that it said.
    fn build(&self, through: impl FnOnce(Command) -> Command) -> (i32, String) {
        // (What hangs is ended after a minute, with 124.)
        let sound = alacarte(self.place.path(), &BUILD);
        let mut command = Command::new("timeout");
        command.arg("60").arg(sound.get_program()).args(sound.get_args()).current_dir(self.place.path());
        command.env("XDG_CACHE_HOME", self.at("cache"));
        // (Outside of what is poor.)
        command.env("RAN", self.place.path().with_extension("ran"));
        let Output { status, stdout, stderr } = through(command).output().expect("it starts");
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (status.code().unwrap_or(-1), said)
    }

    /// How many commands have run.
    fn ran(&self) -> usize {
        fs::read_to_string(self.place.path().with_extension("ran")).unwrap_or_default().lines().count()
    }

    fn is_right(&self) -> bool {
        let text = fs::read_to_string(self.at("in")).expect("text");
        ["a", "b", "c", "t"].iter().all(|output| fs::read_to_string(self.at(output)).is_ok_and(|made| made == text))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.path().with_extension("ran"));
    }
}

#[test]
fn builds_on_poor_disks_are_right_or_say_why_and_the_next_one_is_right() {
    let Some(library) = Library::made() else {
        skipped(format_args!(
            "builds_on_poor_disks_are_right_or_say_why_and_the_next_one_is_right: left out, for it needs cc, x86-64 and seccomp"
        ));
        return;
    };
    for Poor { fault, after, says, spared } in POOR {
        for (below, spared) in BELOW.into_iter().zip(spared) {
            let mut met = 0;
            for (after, warm) in after.iter().flat_map(|after| [(after, false), (after, true)]) {
                let project = Project::new();
                if warm {
                    assert_eq!(project.build(|command| command).0, 0);
                    project.edit("two\n");
                    fs::remove_file(project.at("c")).expect("removed");
                }
                let _ = fs::remove_file(library.hits());
                let (code, said) =
                    project.build(|command| library.before(command, &format!("{fault}:{after}"), &project.at(below)));
                let hits = fs::metadata(library.hits()).map_or(0, |hits| hits.len());
                let all =
                    format!("{fault} after {after} below `{below}`, warm: {warm}, met {hits} times: {code}\n{said}");
                met += hits;
                assert!(code == 0 || code == 1 && !spared, "{all}");
                assert!(code == 1 || project.is_right(), "{all}");
                // What fails is said, in the words of the system; what does without the calls that failed says nothing.
                assert!(code == 0 || said.contains(says), "{all}");
                assert!(!said.contains("panicked") && (!says.is_empty() || !said.contains("warning")), "{all}");
                let advised = said.contains("have it be a link to a directory on a disk that has them");
                assert!(code == 0 || advised == fault.starts_with("lock"), "{all}");
                let (code, said) = project.build(|command| command);
                assert!(code == 0 && project.is_right(), "{all}\n-- on a sound disk: {code}\n{said}");
                let ran = project.ran();
                let (code, said) = project.build(|command| command);
                assert!(code == 0 && said.contains("nothing to do"), "{all}\n-- with nothing to do: {code}\n{said}");
                assert_eq!(project.ran(), ran, "{all}");
            }
            assert_eq!(met == 0, NEVER_MET.contains(&(fault, below)), "{fault} below `{below}` was met {met} times");
        }
    }
}
