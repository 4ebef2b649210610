//! A command that has the console does not stand still because others have all tokens; and afterwards there are as many as before.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{counted, counting, ours, run};

/// A build with two jobs that is underway, and the lock of the tool's cache that its shown command waits for.
struct Scene {
    root: tempfile::TempDir,
    lock: File,
    build: Child,
}

/// Beside the command that is shown a make does two jobs, one by the token that was lent, until they are told to end. When the shown one has ended there is
/// another, which is to wait; and two when the make has ended, which are to run at once.
const BESIDE: &str = "\
rule make
  command = until [ -e go ]; do sleep 0.01; done; make -s -C long && : > $out
rule count
  command = : > running/$out; ls running | wc -l >> counts; rm running/$out; : > $out
rule meet
  command = ./counted . 2 && : > $out
build long.made: make
build k1: count | n
build k2: meet | k1 long.made
build k3: meet | k1 long.made
";

/// The jobs of the make.
const LONG: &str = "\
all: 1 2
1 2:
\t@: > ../running/long$@; : > ../on-long$@; until [ -e ../end-long ]; do sleep 0.01; done; ls ../running | wc -l >> ../counts; rm ../running/long$@
.PHONY: all 1 2
";

/// The command that is shown: it has a cache, whose lock is held by somebody else.
const LOCKED: &str =
    "rule locked\n  command = : > ../on-shown; : > $out\n  tool_cache = repository/tool\nbuild made: locked\n";

/// A command that waits for the lock itself.
const ITSELF: &str = ": > on-shown";

impl Scene {
    /// Begins a build whose command `n` has the console and is this line. `locked/` holds a build that waits for the lock.
    fn begin(line: &str) -> Self {
        let root = counting();
        let at = |path: &str| root.path().join(path);
        fs::create_dir(at("locked")).expect("made");
        fs::create_dir(at("long")).expect("made");
        fs::write(at("long/Makefile"), LONG).expect("written");
        fs::write(at("locked/build.ninja"), LOCKED).expect("written");
        fs::write(at("locked/Makefile"), format!("all:\n\t+{} build\n.PHONY: all\n", ours())).expect("written");
        // (Without a build in the directory it is the command itself that waits.)
        let cache = if line == ITSELF { "  tool_cache = repository/tool\n" } else { "" };
        let shown = format!("rule n\n  command = {line} && : > $out\nbuild n: n\n  pool = console\n{cache}");
        fs::write(at("build.ninja"), shown + BESIDE).expect("written");
        let part = at("cache/alacarte/tools/tool/by-name/repository");
        fs::create_dir_all(&part).expect("made");
        let lock = File::create(part.join("lock")).expect("made");
        flock(&lock, FlockOperation::LockExclusive).expect("locked");
        let mut build = Command::new(ours());
        build.args(["build", "-j2"]).current_dir(root.path()).env("XDG_CACHE_HOME", at("cache"));
        build.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("ALACARTE_LEVEL");
        build.stdout(Stdio::null()).stderr(File::create(at("said")).expect("made"));
        let build = build.spawn().expect("it starts");
        let mut scene = Scene { root, lock, build };
        // It has begun, with a token, and waits for the lock: then the make may have what it lends.
        scene.eventually("cache/alacarte/tools/tool/by-name/repository/repository");
        fs::write(scene.root.path().join("go"), "").expect("written");
        scene.eventually("on-long1");
        scene.eventually("on-long2");
        assert!(!scene.is_there("on-shown"), "it has the lock too early");
        scene
    }

    fn is_there(&self, file: &str) -> bool {
        self.root.path().join(file).exists()
    }

    /// Waits until a file is there.
    fn eventually(&mut self, file: &str) {
        let came = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            self.is_there(file)
        });
        if !came {
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_child(&self.build),
                rustix::process::Signal::TERM,
            );
            let _ = self.build.wait();
            panic!("{file} does not come: {}", self.said());
        }
    }

    fn unlock(&self) {
        flock(&self.lock, FlockOperation::Unlock).expect("unlocked");
    }

    fn said(&self) -> String {
        fs::read_to_string(self.root.path().join("said")).unwrap_or_default()
    }

    /// All ends; never did more than two of the commands run that are counted, in the end two at once, and no token is missing or too many.
    fn end(mut self) {
        fs::write(self.root.path().join("end-long"), "").expect("written");
        assert!(self.build.wait().expect("it ends").success(), "{}", self.said());
        assert_eq!(counted(self.root.path()), (2, 5), "{}", self.said());
        assert!(!self.said().contains("token"), "{}", self.said());
    }
}

/// What would run too early has time to do so.
fn a_while() {
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn a_command_with_the_console_that_lent_its_token_goes_on_beside_one_that_has_it() {
    let mut scene = Scene::begin(ITSELF);
    scene.unlock();
    scene.eventually("n");
    a_while();
    scene.end();
}

/// It makes a token up, and owes it when it ends; what has started it pays.
#[test]
fn a_build_that_is_shown_does_not_wait_for_tokens_and_what_it_owes_is_paid() {
    for line in ["{ours} build -C locked", "cd locked && {ours} build && cd .."] {
        let mut scene = Scene::begin(&line.replace("{ours}", ours()));
        scene.unlock();
        scene.eventually("on-shown");
        scene.eventually("n");
        a_while();
        scene.end();
    }
}

/// A make knows nothing of debts, and would make its command's token anew. So what it runs waits.
#[test]
fn beneath_a_make_that_is_shown_no_token_is_made_up() {
    let mut scene = Scene::begin("make -s -C locked");
    scene.unlock();
    a_while();
    assert!(!scene.is_there("on-shown"), "it runs without a token: {}", scene.said());
    fs::write(scene.root.path().join("end-long"), "").expect("written");
    scene.eventually("on-shown");
    scene.end();
}

#[test]
fn what_says_that_a_build_is_shown_and_is_not_so_is_said_and_changes_nothing() {
    let root = counting();
    fs::write(root.path().join("build.ninja"), "rule touch\n  command = : > $out\nbuild a: touch\n").expect("written");
    let own = std::process::id();
    for (said, is_wrong) in
        [("nonsense", true), ("", true), ("1", true), (&format!("{own},9999"), true), ("1,1", false)]
    {
        let line = format!("rm -f a; ALACARTE_CHEATS='{said}' exec {} build", ours());
        let (success, told) = run(Path::new(root.path()), "sh", &["-c", &line], None);
        assert!(success && root.path().join("a").exists(), "{said}: {told}");
        assert_eq!(told.contains("ALACARTE_CHEATS says"), is_wrong, "{said}: {told}");
    }
}
