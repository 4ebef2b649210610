//! The examples, as a person runs them. `small_c` is a C program with a generated header, built under any combination.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use alacarte_rebuilders::NAMES as REBUILDERS;

/// An example, which `cargo test` builds beside the tests (unless it is told to run one test alone).
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let profile = test.parent().and_then(Path::parent).expect("two directories above");
    profile.join("examples").join(name)
}

/// A directory with the sources.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Project(tempfile::tempdir().expect("a directory"));
        project.write("VERSION", "1\n");
        project.write("src/greet.h", "const char *greet(void);\n");
        project.write("src/greet.c", "#include \"greet.h\"\nconst char *greet(void) { return \"hello\"; }\n");
        let main = "#include <stdio.h>\n#include \"greet.h\"\n#include \"version.h\"\n\
                    int main(void) { printf(\"%s %s\\n\", greet(), VERSION); return 0; }\n";
        project.write("src/main.c", main);
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn build_with(&self, arguments: &[&str], flags: &str) -> Output {
        let mut command = Command::new(example("small_c"));
        command.args(arguments).current_dir(self.0.path()).env("CFLAGS", flags);
        command.env("XDG_CACHE_HOME", self.0.path().join(".cache"));
        command.output().expect("it starts")
    }

    /// Builds, and says what the build said.
    fn build(&self, arguments: &[&str]) -> String {
        let output = self.build_with(arguments, "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// What the program that was built says.
    fn says(&self) -> String {
        let output = Command::new(self.0.path().join("out/program")).output().expect("it was built");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

#[test]
fn what_seed_000_does_is_done_here() {
    let output = Command::new(example("seed_000")).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn under_any_combination_the_program_is_what_its_sources_say() {
    for scheduler in ["suspending", "restarting", "bottom-up"] {
        for rebuilder in REBUILDERS {
            let project = Project::new();
            let build = || project.build(&["--scheduler", scheduler, "--rebuilder", rebuilder]);
            build();
            assert_eq!(project.says(), "hello 1", "{scheduler} × {rebuilder}");
            let again = build();
            assert!(again.contains("nothing to do") || rebuilder == "perpetual", "{scheduler} × {rebuilder}: {again}");
            project.write("VERSION", "2\n");
            project.write("src/greet.c", "#include \"extra.h\"\nconst char *greet(void) { return EXTRA; }\n");
            project.write("src/extra.h", "#define EXTRA \"hi\"\n");
            build();
            assert_eq!(project.says(), "hi 2", "{scheduler} × {rebuilder}");
            // A header that only a depfile names.
            project.write("src/extra.h", "#include \"deep.h\"\n");
            project.write("src/deep.h", "#define EXTRA other()\nextern const char *other(void);\n");
            project.write("src/other.c", "const char *other(void) { return \"other\"; }\n");
            build();
            assert_eq!(project.says(), "other 2", "{scheduler} × {rebuilder}: a source was added");
        }
    }
}

#[test]
fn only_what_is_affected_is_made_again() {
    let project = Project::new();
    assert!(project.build(&[]).contains("3 commands"));
    project.write("src/greet.h", "const char *greet(void); /* says hello */\n");
    let said = project.build(&["--explain"]);
    assert!(
        said.contains("out/main.o: src/greet.h changed") && said.contains("2 commands"),
        "a comment links nothing: {said}"
    );
    project.write("VERSION", "1");
    assert!(project.build(&[]).contains("ran 1 task, 0 commands"), "the header is what it was");
    let output = project.build_with(&["--explain"], "-O1");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("$CFLAGS changed"), "{said}");
}

#[test]
fn what_was_made_is_removed_and_comes_back_from_the_cache() {
    let project = Project::new();
    let cached = ["--rebuilder", "constructive-trace"];
    project.build(&cached);
    assert!(project.build(&["--clean"]).contains("removed 4 files"));
    assert!(!project.0.path().join("out/program").exists() && project.0.path().join("src/main.c").exists());
    let sources = project.0.path().join("src");
    assert!(sources.join("main.c").exists() && sources.join("greet.h").exists());
    let said = project.build(&cached);
    assert!(said.contains("restored 4 from the cache") && project.says() == "hello 1", "{said}");
    project.build(&["--clean"]);
    let said = project.build(&[&cached[..], &["--recheck", "100"]].concat());
    assert!(said.contains("rechecked 4 of 4 hits: what the cache has"), "{said}");
}

#[test]
fn what_is_wrong_is_said() {
    let project = Project::new();
    let wrong = |arguments: &[&str], code: i32, says: &str| {
        let output = project.build_with(arguments, "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    };
    wrong(&["out/programm"], 1, "there is no file out/programm, and no rule makes it; did you mean 'out/program'?");
    wrong(&["out/none.o"], 1, "'src/none.c', needed by 'out/none.o', missing and no known rule to make it");
    wrong(&["--scheduler", "topological"], 2, "use suspending, restarting or bottom-up");
    wrong(&["-C", "nowhere"], 1, "there is no directory nowhere");
    project.write("src/main.c", "int main(void) { return }\n");
    wrong(&[], 1, "not built because of that: out/program (needs out/main.o)");
}

/// The site, whose directories are values: merged, noticed, restored and cleaned as wholes.
#[test]
fn a_site_is_merged_of_directories() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |path: &str| directory.path().join(path);
    let write = |path: &str, text: &str| {
        fs::create_dir_all(at(path).parent().expect("a parent")).expect("made");
        fs::write(at(path), text).expect("written");
    };
    write("assets/style.css", "p {}\n");
    write("pages/about.txt", "We build.\n");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(example("site"));
        command.args(arguments).current_dir(directory.path());
        command.env("XDG_CACHE_HOME", directory.path().join(".cache"));
        let output = command.output().expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let built = |says: &str| {
        let (succeeded, said) = run(&["--rebuilder", "constructive-trace"]);
        assert!(succeeded && said.contains(says), "{said}");
    };
    built("ran 3 tasks");
    assert_eq!(fs::read_to_string(at("out/site/about.html")).expect("merged"), "<p>We build.</p>\n");
    assert_eq!(fs::read_to_string(at("out/site/assets.txt")).expect("merged"), "./style.css\n");
    built("nothing to do");
    fs::write(at("out/site/style.css"), "edited").expect("written");
    built("restored 1 from the cache");
    write("assets/about.html", "<p>We build.</p>\n");
    built("ran 2 tasks");
    // An equal duplicate is no conflict; one that differs is, by path and producers.
    write("pages/about.txt", "We merge.\n");
    let (succeeded, said) = run(&["--rebuilder", "constructive-trace"]);
    assert!(!succeeded && said.contains("about.html is the file") && said.contains("of assets/"), "{said}");
    assert!(said.contains("of out/pages/"), "{said}");
    fs::remove_file(at("assets/about.html")).expect("removed");
    built("ran ");
    let (succeeded, said) = run(&["--clean"]);
    assert!(succeeded && !at("out/site").exists() && !at("out/pages").exists(), "{said}");
    assert!(at("assets/style.css").exists());
    built("restored 3 from the cache");
    assert_eq!(fs::read_to_string(at("out/site/about.html")).expect("restored"), "<p>We merge.</p>\n");
}

#[test]
fn a_user_without_a_home_is_told_that_what_is_kept_is_shared_with_nobody() {
    let project = Project::new();
    let said = |rebuilder: &str| {
        let mut command = Command::new(example("small_c"));
        command.args(["--rebuilder", rebuilder]).current_dir(project.0.path());
        let output = command.env_remove("XDG_CACHE_HOME").env_remove("HOME").output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(said("verifying-trace"), "");
    let told = said("constructive-trace");
    assert!(told.contains("nor HOME says where your cache is; ") && told.contains("--cache DIR"), "{told}");
}

#[test]
fn confined_a_compiler_reads_what_its_rule_lets_it_and_a_rule_that_forgets_a_header_is_told() {
    if let Err(error) = alacarte_frontends::files::Confined::available() {
        let test = "confined_a_compiler_reads_what_its_rule_lets_it_and_a_rule_that_forgets_a_header_is_told";
        // (What is printed by a macro is shown of tests that fail only.)
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {error}");
        return;
    }
    let project = Project::new();
    project.build(&["--confine"]);
    assert_eq!(project.says(), "hello 1");
    project.write("lib/hi.h", "#define HI \"hi\"\n");
    project.write("src/greet.c", "#include \"../lib/hi.h\"\nconst char *greet(void) { return HI; }\n");
    let failed = project.build_with(&["--confine"], "");
    let said = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success() && said.contains("(run confined: "), "{said}");
    assert!(said.contains("it may have wanted lib/hi.h: have its rule need it"), "{said}");
    project.build(&[]);
    assert_eq!(project.says(), "hi 1");
}
