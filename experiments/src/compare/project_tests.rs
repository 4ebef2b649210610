//! Each step of a script that was made for a project changes what it says, and nothing else; and the copy is sealed.

use std::os::unix::fs::symlink;
use std::time::SystemTime;

use tempfile::TempDir;

use super::*;
use crate::compare::Stop;
use crate::compare::copy::STATE;

/// As CMake writes them: a rule a target, and each of its lines in more than one rule; flags under the build statements.
const CMAKE: &[(&str, &str)] = &[
    (
        "build/build.ninja",
        concat!(
            "ninja_required_version = 1.5\ninclude CMakeFiles/rules.ninja\n\n",
            "build CMakeFiles/x.dir/src/x.c.o: C_COMPILER__x_unscanned_ @/src/x.c || cmake_object_order\n",
            "  DEFINES = -DFOO=1\n  DEP_FILE = CMakeFiles/x.dir/src/x.c.o.d\n  FLAGS = -O1\n  INCLUDES = -I@/include\n",
            "build CMakeFiles/y.dir/src/y.c.o: C_COMPILER__y_unscanned_ @/src/y.c || cmake_object_order\n",
            "  DEFINES = -DFOO=1\n  DEP_FILE = CMakeFiles/y.dir/src/y.c.o.d\n  FLAGS = -O1\n  INCLUDES = -I@/include\n",
            "build cmake_object_order: phony || .\n",
            "build prog: C_EXECUTABLE_LINKER CMakeFiles/x.dir/src/x.c.o CMakeFiles/y.dir/src/y.c.o\n  FLAGS = -O1\n",
            "build unused.o: C_COMPILER__x_unscanned_ @/src/unused.c\n  FLAGS = -O0\n  DEP_FILE = unused.o.d\n",
            "build all: phony prog\ndefault all\n",
            "build build.ninja: RERUN_CMAKE | @/CMakeLists.txt\n",
        ),
    ),
    (
        "build/CMakeFiles/rules.ninja",
        concat!(
            "rule C_COMPILER__x_unscanned_\n  depfile = $DEP_FILE\n  deps = gcc\n",
            "  command = ${LAUNCHER}/usr/bin/cc $DEFINES $INCLUDES $FLAGS -MD -MT $out -MF $DEP_FILE -o $out -c $in\n\n",
            "rule C_COMPILER__y_unscanned_\n  depfile = $DEP_FILE\n  deps = gcc\n",
            "  command = ${LAUNCHER}/usr/bin/cc $DEFINES $INCLUDES $FLAGS -MD -MT $out -MF $DEP_FILE -o $out -c $in\n\n",
            "rule C_EXECUTABLE_LINKER\n  command = /usr/bin/cc $FLAGS $in -o $out\n",
            "rule RERUN_CMAKE\n  command = cmake\n  generator = 1\n",
        ),
    ),
    ("build/CMakeCache.txt", "CMAKE_HOME_DIRECTORY:INTERNAL=@\n"),
    ("CMakeLists.txt", "project(x C)\n"),
    ("include/h.h", "int y(void);\n"),
    ("src/x.c", "#include <h.h>\nint main(void) { return y(); }\n"),
    ("src/y.c", "#include <h.h>\nint y(void) { return 0; }\n"),
    ("src/unused.c", "#include \"unused.h\"\n"),
    ("src/unused.h", ""),
];

/// As Meson writes them: one rule, which is nothing but its edges' `ARGS`; paths are relative.
const MESON: &[(&str, &str)] = &[
    (
        "build/build.ninja",
        concat!(
            "ninja_required_version = 1.8.2\n",
            "rule c_COMPILER\n command = $COMPILE $ARGS -MD -MQ $out -MF $DEPFILE -o $out $MODE $in\n",
            " deps = gcc\n depfile = $DEPFILE_UNQUOTED\n description = Compiling C object $out\n\n",
            "rule c_LINKER\n command = cc $ARGS -o $out $in $LINK_ARGS\n\n",
            "build x.p/src_x.c.o: c_COMPILER ../src/x.c\n DEPFILE = x.p/src_x.c.o.d\n",
            " DEPFILE_UNQUOTED = x.p/src_x.c.o.d\n COMPILE = cc\n MODE = -c\n ARGS = -Ix.p -I../include -O0 $\n  -g\n\n",
            "build x: c_LINKER x.p/src_x.c.o\n LINK_ARGS = -Wl,--as-needed\n\n",
            "build meson-test: phony all\nbuild all: phony x\ndefault all\n",
        ),
    ),
    ("meson.build", "project('x', 'c')\n"),
    ("include/h.h", "#define ZERO 0\n"),
    ("src/x.c", "  #  include \"h.h\"\nint main(void) { return ZERO; }\n"),
];

fn laid_out(files: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().canonicalize().expect("a path");
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text.replace('@', root.to_str().expect("UTF-8"))).expect("a file");
    }
    place
}

fn options() -> CompareOptions {
    CompareOptions { jobs: 1, seed: 0, repeat: 1, edits: None, cache: None, stop: Stop::default() }
}

type Tree = BTreeMap<String, (String, SystemTime)>;

/// Every file below a directory, with its text and its time.
fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).expect("it is read").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                todo.push(path);
                continue;
            }
            let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
            let time = fs::symlink_metadata(&path).and_then(|file| file.modified()).expect("a time");
            found.insert(name, (fs::read_to_string(&path).unwrap_or_default(), time));
        }
    }
    found
}

/// The names of all files that are not the same in both.
fn changed(before: &Tree, after: &Tree) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn each_step_changes_what_it_says(files: &[(&str, &str)], compiled: &[&str]) {
    let place = laid_out(files);
    let options = options();
    let project = Project::at(place.path(), &options).err();
    assert!(project.is_some(), "the manifest lies in build/");
    let project = Project::at(&place.path().join("build"), &options).expect("a project");
    let not_made: Vec<_> = project.steps.iter().filter_map(|step| step.not_made.as_ref()).collect();
    assert!(not_made.is_empty(), "{not_made:?}");
    assert_eq!(project.steps.len(), 10);

    let stage = Stage::new(&project, &options);
    stage.set(&[]).expect("it is laid out");
    let original = tree(&stage.work);
    let first = stage.manifest().expect("a manifest");
    let outputs: Vec<&String> =
        first.edges.iter().filter(|edge| !edge.generator).flat_map(|edge| &edge.outputs).collect();
    for output in
        outputs.iter().filter(|output| !["all", "meson-test", "cmake_object_order"].contains(&output.as_str()))
    {
        let path = stage.session.directory.join(output);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, "built").expect("a file");
    }
    fs::create_dir_all(&stage.session.state).expect("a directory");
    fs::write(stage.session.journal(), "remembered").expect("a file");
    for (number, step) in project.steps.iter().enumerate() {
        let before = tree(&stage.work);
        stage.edit(step, &project.steps[..number]).expect("it is edited");
        let after = tree(&stage.work);
        let changed = changed(&before, &after);
        let added = |ending: &str| {
            let [name] = &changed[..] else { panic!("{}: {changed:?}", step.name) };
            assert!(name.ends_with(ending) && !name.contains("unused"), "{}: {name}", step.name);
            after[name].0.strip_prefix(before[name].0.as_str()).expect("an addition").trim().to_owned()
        };
        match step.name.as_str() {
            "clean" | "nothing changed" => assert!(changed.is_empty(), "{changed:?}"),
            "touched, equal" => assert_eq!(added(".c"), ""),
            "comment edited" => assert_eq!(added(".c"), "/* alacarte was here */"),
            "source changed" => assert!(added(".c").contains("{ return 1; }")),
            "header changed" => assert_eq!(added(".h"), "extern int alacarte_declared;"),
            "header reverted" => assert_eq!(after[&changed[0]].0, original[&changed[0]].0),
            "output deleted" => {
                let deleted = changed[0].strip_prefix("build/").expect("in the build directory");
                assert!(
                    changed.len() == 1 && compiled.contains(&deleted) && !after.contains_key(&changed[0]),
                    "{changed:?}"
                );
            }
            "flags changed" => {
                assert!(changed.len() == 1 && changed[0].ends_with(".ninja"), "{changed:?}");
                let now = stage.manifest().expect("it parses");
                let mut differ = Vec::new();
                for (old, new) in first.edges.iter().zip(&now.edges) {
                    assert_eq!(new.command.replace(" -DALACARTE_WAS_HERE", ""), old.command);
                    assert_eq!((&new.outputs, &new.inputs, &new.depfile), (&old.outputs, &old.inputs, &old.depfile));
                    differ.extend((new.command != old.command).then_some(new.outputs[0].as_str()));
                }
                assert!(differ.iter().any(|output| compiled.contains(output)), "{differ:?}");
            }
            "fresh checkout" => {
                assert!(!stage.session.journal().exists());
                assert!(changed.iter().all(|name| !after.contains_key(name) || before[name].0 == after[name].0));
                assert!(compiled.iter().all(|output| !after.contains_key(&format!("build/{output}"))));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn each_step_changes_what_it_says_in_a_manifest_of_cmake() {
    each_step_changes_what_it_says(CMAKE, &["CMakeFiles/x.dir/src/x.c.o", "CMakeFiles/y.dir/src/y.c.o"]);
}

#[test]
fn each_step_changes_what_it_says_in_a_manifest_of_meson() {
    each_step_changes_what_it_says(MESON, &["x.p/src_x.c.o"]);
}

/// The flags of a compiler are found wherever a manifest has them, and an edit that reaches nothing, or too much, is none.
#[test]
fn flags_change_where_they_stand() {
    let cases = [
        ("rule cc\n  command = cc -c $in -o $out\nbuild a.o: cc a.c\n", Some("rule cc\n")),
        ("rule cc\n  command = $cc $\n    -O1 $cflags -c $in\nbuild a.o: cc a.c\n", Some("rule cc\n")),
        (
            "mode = -c\nrule cc\n  command = cc $FLAGS $mode $in\nbuild a.o: cc a.c\n  FLAGS = -O\n",
            Some("  FLAGS = -O"),
        ),
        ("mode = -c\ncflags = -O\nrule cc\n  command = cc $cflags $mode $in\nbuild a.o: cc a.c\n", Some("cflags = -O")),
        (
            "rule cc\n  command = cc @$out.rsp\n  rspfile = $out.rsp\n  rspfile_content = $ARGS -o $out $in\n\
             build a.o: cc a.c\n  ARGS = -O -c\n",
            Some("  ARGS = -O -c"),
        ),
        // What is given to a name is given to a file as well, and to a shell no flag is given.
        ("rule cc\n  command = cc -cx $in -o $out -c\nbuild a.o: cc a.c\n", Some("rule cc\n")),
        ("mode = -c\nrule cc\n  command = cc $FLAGS $mode $in\nbuild a.o | $FLAGS: cc a.c\n  FLAGS = x\n", None),
        ("rule cc\n  command = sh -c 'cat $in > $out'\nbuild a.o: cc a.c\n", None),
        ("rule cc\n  command = cc -c $in\nbuild a.o: cc a.c\nbuild b: phony\ndefault b\n", None),
    ];
    for (text, replaced) in cases {
        let place = laid_out(&[("build.ninja", text), ("a.c", "")]);
        let project = Project::at(place.path(), &options()).expect("a project");
        let step = project.steps.iter().find(|step| step.name == "flags changed").expect("the step");
        assert_eq!(step.not_made.is_none(), replaced.is_some(), "{text}");
        if let Some(replaced) = replaced {
            assert!(step.replace.as_ref().is_some_and(|text| text.contains(replaced)), "{text}: {step:?}");
        }
    }
}

#[test]
fn a_step_for_which_there_is_no_file_says_so() {
    let place = laid_out(&[("build.ninja", "rule cp\n  command = cp $in $out\nbuild b: cp a\n"), ("a", "")]);
    let project = Project::at(place.path(), &options()).expect("a project");
    let not_made: Vec<&str> =
        project.steps.iter().filter(|step| step.not_made.is_some()).map(|step| step.name.as_str()).collect();
    assert_eq!(not_made, ["comment edited", "source changed", "header changed", "header reverted", "flags changed"]);
}

#[test]
fn links_lead_to_what_they_led_to_but_never_out_of_the_copy() {
    let manifest = "rule cp\n  command = cp $in $out\nbuild out/b: cp a.c\n";
    let other = laid_out(&[("h.h", "elsewhere\n"), ("deep/d.h", "deep\n")]);
    let elsewhere = other.path().canonicalize().expect("a path");
    symlink(elsewhere.join("deep"), elsewhere.join("deep/itself")).expect("a link");
    let place =
        laid_out(&[("build.ninja", manifest), ("a.c", "here\n"), ("sub/s.h", "sub\n"), (".alacarte/journal", "x")]);
    let root = place.path().canonicalize().expect("a path");
    for (link, target) in [
        ("inside", root.join("a.c")),
        ("relative", "sub/s.h".into()),
        ("around", PathBuf::from("..").join(root.file_name().expect("a name")).join("a.c")),
        ("header.h", elsewhere.join("h.h")),
        ("chain.h", "header.h".into()),
        ("vendor", elsewhere.join("deep")),
        ("again", elsewhere.join("deep")),
        ("up", "..".into()),
        ("system", "/usr".into()),
        ("dangling", "sub/none".into()),
        ("circle", "circle".into()),
        ("out", elsewhere.clone()),
    ] {
        symlink(target, root.join(link)).expect("a link");
    }
    let options = options();
    let project = Project::at(&root, &options).expect("a project");
    let stage = Stage::new(&project, &options);
    stage.set(&[]).expect("it is laid out");
    let text = |name: &str| fs::read_to_string(stage.work.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (name, content) in [
        ("inside", "here\n"),
        ("relative", "sub\n"),
        ("around", "here\n"),
        ("header.h", "elsewhere\n"),
        ("chain.h", "elsewhere\n"),
        ("vendor/d.h", "deep\n"),
        ("vendor/itself/itself/d.h", "deep\n"),
        ("again/d.h", "deep\n"),
        ("out/h.h", "elsewhere\n"),
    ] {
        assert_eq!(text(name), content);
        let leads_to = destination(&stage.work.join(name)).expect(name);
        assert!(leads_to.starts_with(&stage.work), "{name} leads to {}", leads_to.display());
    }
    assert!(stage.work.join("dangling").is_symlink() && stage.work.join("circle").is_symlink());
    // These are read where they are.
    assert_eq!(destination(&stage.work.join("system")).expect("a path"), Path::new("/usr"));
    assert_eq!(destination(&stage.work.join("up")).expect("a path"), root.parent().expect("a parent"));
    assert!(!stage.work.join(STATE).exists());
    let step = EditStep { file: Some("up/x".into()), append: Some("x".into()), ..EditStep::named("out") };
    assert!(matches!(stage.apply(&step), Err(ScriptError::Outside { .. })));
}

#[test]
fn nothing_is_left_of_a_project_that_was_dropped_or_refused() {
    let place = laid_out(&[("build.ninja", "rule cp\n  command = cp $in $out\nbuild ../b: cp a\n"), ("a", "")]);
    let refused = Project::at(place.path(), &options()).expect_err("it is refused").to_string();
    assert!(refused.contains("../b") && refused.contains("build.ninja:3"), "{refused}");
    let options = options();
    options.stop.raise();
    let place = laid_out(MESON);
    let stopped = Project::at(&place.path().join("build"), &options).expect_err("it is stopped");
    assert!(matches!(stopped, CompareError::Stopped));
    let project = Project::embedded().expect("a project");
    let path = project.scratch.path().to_owned();
    drop(project);
    assert!(!path.exists());
}
