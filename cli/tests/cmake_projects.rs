//! Real projects, which CMake has configured for this program: sources that crates bring along, an edit script, every combination. After each step all
//! objects, libraries and programs are byte for byte what ninja makes of the same sources.
//!
//! `cargo fetch --locked --manifest-path cli/tests/cmake_projects/Cargo.toml` brings the sources. Where they, CMake or ninja are missing, the tests say so and
//! hold nothing.

#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use skipping::skipped;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Sources with a `CMakeLists.txt`, and what the script edits.
struct Project {
    krate: &'static str,
    /// Where the sources lie in the crate.
    place: &'static str,
    options: &'static [&'static str],
    /// Files that the crate has left out and CMake reads.
    added: &'static [(&'static str, &'static str)],
    /// A header that some sources include.
    header: &'static str,
    source: &'static str,
    object: &'static str,
    library: &'static str,
}

const MIMALLOC: Project = Project {
    krate: "libmimalloc-sys",
    place: "c_src/mimalloc/v2",
    options: &["-DMI_BUILD_TESTS=OFF", "-DMI_BUILD_SHARED=OFF"],
    added: &[
        ("cmake/mimalloc-config-version.cmake", "set(mi_version_major 2)\nset(mi_version 2.2)\n"),
        ("cmake/mimalloc-config.cmake", ""),
        (
            "cmake/JoinPaths.cmake",
            "function(join_paths to one other)\n  set(${to} \"${one}/${other}\" PARENT_SCOPE)\nendfunction()\n",
        ),
    ],
    header: "src/bitmap.h",
    source: "src/options.c",
    object: "CMakeFiles/mimalloc-static.dir/src/options.c.o",
    library: "libmimalloc.a",
};

const ZLIB_NG: Project = Project {
    krate: "libz-ng-sys",
    place: "src/zlib-ng",
    options: &["-DBUILD_SHARED_LIBS=OFF", "-DZLIB_ENABLE_TESTS=OFF", "-DWITH_GTEST=OFF"],
    added: &[],
    header: "deflate_p.h",
    source: "compress.c",
    object: "CMakeFiles/zlib-ng.dir/compress.c.o",
    library: "libz-ng.a",
};

const LIBGIT2: Project = Project {
    krate: "libgit2-sys",
    place: "libgit2",
    options: &["-DBUILD_TESTS=OFF", "-DBUILD_CLI=OFF", "-DBUILD_SHARED_LIBS=OFF", "-DUSE_HTTPS=OFF", "-DUSE_SSH=OFF"],
    added: &[],
    header: "src/libgit2/mailmap.h",
    source: "src/libgit2/blame.c",
    object: "src/libgit2/CMakeFiles/libgit2.dir/blame.c.o",
    library: "libgit2.a",
};

/// What is done before each build.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Step {
    /// Nothing was built yet.
    Clean,
    Nothing,
    /// Adds a comment to the header: objects are made again, and come out as they were.
    Comment,
    /// Adds a function to the source.
    Function,
    /// Removes the object of the source, which nobody but us misses.
    Lose,
    /// Writes something else into the library.
    Overwrite,
    /// Adds a comment to the `CMakeLists.txt`: CMake runs, and the manifest is read again.
    Configure,
    /// Takes back all edits.
    TakeBack,
}

const SCRIPT: [Step; 8] = [
    Step::Clean,
    Step::Nothing,
    Step::Comment,
    Step::Function,
    Step::Lose,
    Step::Overwrite,
    Step::Configure,
    Step::TakeBack,
];

/// A project and the directories in which it was configured, of which one at a time has the name under which it was.
struct Place {
    project: &'static Project,
    root: tempfile::TempDir,
    originals: BTreeMap<&'static str, String>,
}

type Built = BTreeMap<PathBuf, Vec<u8>>;

impl Place {
    /// Copies the sources; `None`, which is said, where something is missing that is needed.
    fn new(project: &'static Project) -> Option<Place> {
        for tool in ["cmake", "ninja", "cc"] {
            if Command::new(tool).arg("--version").output().is_err() {
                skipped(format_args!("cmake_projects: there is no {tool}"));
                return None;
            }
        }
        let Some(sources) = crate_sources(project.krate) else {
            skipped(format_args!(
                "cmake_projects: `cargo fetch --locked --manifest-path cli/tests/cmake_projects/Cargo.toml` brings the sources"
            ));
            return None;
        };
        let root = tempfile::tempdir().expect("a directory");
        copy(&sources.join(project.place), &root.path().join("source"));
        for (file, text) in project.added {
            let file = root.path().join("source").join(file);
            fs::create_dir_all(file.parent().expect("a directory")).expect("made");
            fs::write(file, text).expect("written");
        }
        let read = |file| (file, fs::read_to_string(root.path().join("source").join(file)).expect("it is there"));
        let originals = [project.header, project.source, "CMakeLists.txt"].map(read).into();
        Some(Place { project, root, originals })
    }

    fn build(&self) -> PathBuf {
        self.root.path().join("build")
    }

    /// Configures the project, to be built by this program, and puts the directory aside under this name.
    fn configure(&self, name: &str, program: &str) {
        let mut cmake = Command::new("cmake");
        cmake.args(["-G", "Ninja", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O0"]).args(self.project.options);
        cmake.arg(format!("-DCMAKE_MAKE_PROGRAM={program}")).args(["-S", "source", "-B", "build"]);
        expect(cmake.current_dir(self.root.path()));
        self.put_aside(name);
    }

    fn put_aside(&self, name: &str) {
        fs::rename(self.build(), self.root.path().join(name)).expect("renamed");
    }

    fn bring_back(&self, name: &str) {
        fs::rename(self.root.path().join(name), self.build()).expect("renamed");
    }

    /// Does what the step says.
    fn take(&self, step: Step) {
        // (Times differ.)
        std::thread::sleep(Duration::from_millis(20));
        let source = |file: &str| self.root.path().join("source").join(file);
        let append = |file: &'static str, text: &str| {
            fs::write(source(file), format!("{}{text}", self.originals[file])).expect("written");
        };
        match step {
            Step::Clean | Step::Nothing => {}
            Step::Comment => append(self.project.header, "\n/* edited */\n"),
            Step::Function => append(self.project.source, "\nint edited_by_a_test(void) { return 42; }\n"),
            Step::Lose => fs::remove_file(self.build().join(self.project.object)).expect("it was built"),
            Step::Overwrite => fs::write(self.build().join(self.project.library), "nonsense").expect("written"),
            Step::Configure => append("CMakeLists.txt", "\n# edited\n"),
            Step::TakeBack => self.take_back(),
        }
    }

    fn take_back(&self) {
        for (file, text) in &self.originals {
            fs::write(self.root.path().join("source").join(file), text).expect("written");
        }
    }

    /// What ninja makes after each step; it is spared those that only we notice.
    fn by_ninja(&self) -> Vec<Built> {
        self.configure("ninja", "ninja");
        self.bring_back("ninja");
        let built = SCRIPT.map(|step| {
            if !matches!(step, Step::Lose | Step::Overwrite) {
                self.take(step);
            }
            expect(Command::new("ninja").current_dir(self.build()));
            built(&self.build())
        });
        self.put_aside("ninja");
        built.into()
    }

    /// Plays the script with one combination.
    fn play(&self, [scheduler, rebuilder]: [&str; 2], expected: &[Built]) {
        self.take_back();
        copy(&self.root.path().join("ours"), &self.build());
        let ours = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_alacarte-ninja"));
            command.env("ALACARTE_SCHEDULER", scheduler).env("ALACARTE_REBUILDER", rebuilder).env_remove("MAKEFLAGS");
            command.env("XDG_CACHE_HOME", self.root.path().join("cache")).current_dir(self.build());
            expect(&mut command)
        };
        let nothing = "ninja: no work to do.\n";
        for (step, expected) in SCRIPT.into_iter().zip(expected) {
            let told = format!("{} under {scheduler} × {rebuilder}, {step:?}", self.project.krate);
            // What was overwritten is younger than all from which it is made.
            if step == Step::Overwrite && rebuilder == "modification-time" {
                continue;
            }
            // (CMake takes longer than all the rest.)
            if step == Step::Configure && scheduler != "suspending" && rebuilder != "dirty-bit" {
                continue;
            }
            self.take(step);
            let out = ours();
            if step == Step::Nothing {
                assert_eq!(out, nothing, "{told}");
            }
            // Deep traces promise what nothing is made from.
            let promised = |file: &Path| rebuilder != "deep-constructive-trace" || file.ends_with(self.project.library);
            let made = built(&self.build());
            let names = |built: &Built| built.keys().filter(|file| promised(file)).cloned().collect::<Vec<_>>();
            assert_eq!(names(&made), names(expected), "{told}: {out}");
            for (file, bytes) in expected.iter().filter(|(file, _)| promised(file)) {
                assert!(made[file] == *bytes, "{told}: {} is not as ninja makes it: {out}", file.display());
            }
            assert_eq!(ours(), nothing, "{told}: once more, after {out}");
        }
        fs::remove_dir_all(self.build()).expect("removed");
    }
}

/// Where cargo keeps a crate's sources, if they were fetched.
fn crate_sources(name: &str) -> Option<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmake_projects/Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--offline", "--manifest-path"]).arg(manifest);
    let told = cargo.output().ok().filter(|output| output.status.success())?;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("cargo tells JSON");
    let package = told["packages"].as_array()?.iter().find(|package| package["name"] == name)?;
    Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_owned)
}

/// What it prints; it is to succeed. (Compilers are told what time it is.)
fn expect(command: &mut Command) -> String {
    command.env("SOURCE_DATE_EPOCH", "1");
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{out}\n{err}");
    out.into_owned()
}

/// A copy with the same times.
fn copy(from: &Path, to: &Path) {
    expect(Command::new("cp").arg("-a").args([from, to]));
}

/// All objects and libraries in a directory.
fn built(directory: &Path) -> Built {
    let (mut found, mut open) = (Built::new(), vec![directory.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).expect("a directory").flatten() {
            let path = entry.path();
            let name = path.strip_prefix(directory).expect("within").to_owned();
            if path.is_dir() && !name.starts_with(".alacarte") {
                open.push(path);
            } else if matches!(path.extension().and_then(OsStr::to_str), Some("o" | "a" | "pc" | "h")) {
                found.insert(name, fs::read(path).expect("it can be read"));
            }
        }
    }
    found
}

fn combinations(schedulers: [&'static str; 2]) -> impl Iterator<Item = [&'static str; 2]> {
    schedulers.into_iter().flat_map(|scheduler| {
        [
            "constructive-trace",
            "verifying-trace",
            "dirty-bit",
            "deep-constructive-trace",
            "step-trace",
            "modification-time",
        ]
        .map(|rebuilder| [scheduler, rebuilder])
    })
}

fn hold(project: &'static Project, combinations: impl IntoIterator<Item = [&'static str; 2]>) {
    let Some(place) = Place::new(project) else { return };
    let expected = place.by_ninja();
    assert!(expected[0].len() > 10 && expected[0] != expected[3] && expected[0] == expected[7]);
    place.configure("ours", env!("CARGO_BIN_EXE_alacarte-ninja"));
    combinations.into_iter().for_each(|combination| place.play(combination, &expected));
}

// (Every combination, in two halves that run beside each other.)
#[test]
fn mimalloc_by_every_combination_of_suspending_and_restarting() {
    hold(&MIMALLOC, combinations(["suspending", "restarting"]));
}

#[test]
fn mimalloc_by_every_combination_of_topological_and_bottom_up() {
    hold(&MIMALLOC, combinations(["topological", "bottom-up"]));
}

#[test]
fn zlib_ng() {
    hold(&ZLIB_NG, [["suspending", "constructive-trace"], ["topological", "dirty-bit"]]);
}

#[test]
fn libgit2() {
    hold(&LIBGIT2, [["suspending", "constructive-trace"]]);
}
