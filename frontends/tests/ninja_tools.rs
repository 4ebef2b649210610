//! Ninja's tools: what they print, to the byte; and what a real ninja prints, where there is one.

mod common;
#[path = "common/skipping.rs"]
mod skipping;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use alacarte_frontends::ninja::{Session, ToolCall, ToolError};
use alacarte_rebuilders::ConstructiveTrace;
use alacarte_schedulers::Suspending;
use alacarte_stores::Log;
use common::{directory, edit, read};
use skipping::skipped;

/// What has all kinds of edges.
const MANIFEST: &str = r#"rule gen
  command = printf '"\t\\' > $out
  restat = 1
  generator = 1
rule cc
  command = cc -c $in -o $out
  description = CC $out ${in} $$ x$ y$:z $cflags.x
  depfile = $out.d
  deps = gcc
rule zlink
  command = ld @$out.rsp -o $out
  rspfile = $out.rsp
  rspfile_content = $in_newline x
build a.o: cc a.c | gen.h || order
build order: phony
build gen.h gen2.h: gen | gen.i
build b$ .o: cc b.c
build app: zlink a.o b$ .o |@ check
build check: gen app
build all: phony app check
default all
"#;

/// What commands have said that they read is recorded, or lies in a depfile.
const RECORDED: &str = r#"rule cc
  command = printf '%s: %s h1.h gen.h\n' $out $in > $out.d; cat $in h1.h > $out
  depfile = $out.d
  deps = gcc
rule df
  command = printf '%s: %s h2.h gen.h\n' $out $in > $out.d; cat $in h2.h > $out
  depfile = $out.d
rule gen
  command = touch $out
rule conf
  command = cp $in $out
  generator = 1
build a.o: cc a.c || gen.h c.o
build c.o: cc a.c
build gen.h gen2.h: gen
build b.o: df a.c
build dir/conf: conf a.c
build all: phony c.o a.o gen.h b.o dir/conf
default all
"#;

const SOURCES: [(&str, &str); 3] = [("a.c", "a"), ("h1.h", "1"), ("h2.h", "2")];

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    code: u8,
    out: String,
    said: String,
}

impl Answer {
    fn of(code: u8, out: &[u8], said: &[u8]) -> Self {
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec()).to_string_lossy().into_owned();
        Answer { code, out: text(out), said: text(said) }
    }
}

/// Calls a tool: `-n` and `-v` may stand before its name, as on ninja's command line.
fn ask<A: AsRef<std::ffi::OsStr>>(at: &Path, arguments: &[A]) -> Answer {
    let mut rest = arguments.iter().map(|argument| argument.as_ref().to_owned());
    let (mut dry, mut verbose, mut name) = (false, false, rest.next().expect("a tool"));
    while name.as_bytes().starts_with(b"-") {
        (dry, verbose) = (dry || name == "-n", verbose || name == "-v");
        name = rest.next().expect("a tool");
    }
    let (mut out, mut said) = (Vec::new(), Vec::new());
    let session = Session::new(at, "build.ninja");
    let name = name.to_str().expect("a name");
    let arguments = rest.collect::<Vec<_>>();
    let mut call = ToolCall::new(&session, name, &arguments);
    (call.dry, call.verbose) = (dry, verbose);
    let code = call.answer(&mut out, &mut said).expect("an answer");
    Answer::of(code, &out, &said)
}

/// What a tool prints that has nothing to complain of.
fn printed(at: &Path, arguments: &str) -> String {
    let answer = ask(at, &words(arguments));
    assert_eq!((answer.code, answer.said.as_str()), (0, ""), "{arguments}");
    answer.out
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// What it says instead.
fn refused(at: &Path, arguments: &str) -> String {
    let answer = ask(at, &words(arguments));
    assert_eq!((answer.code, answer.out.as_str()), (1, ""), "{arguments}");
    answer.said
}

/// Builds the default targets: what ran.
fn build(at: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let session = Session::new(at, "build.ninja");
    let mut build = session.open(Suspending::new(), ConstructiveTrace, |_| {}).expect("opened");
    let targets = build.tasks().default_targets().to_vec();
    let report = runtime.block_on(build.run_async(targets)).expect("it builds");
    let ran = build.names(&report.ran);
    ran.iter().filter(|key| build.tasks().is_command(key)).map(ToString::to_string).collect()
}

fn recorded() -> tempfile::TempDir {
    let at = directory(&SOURCES);
    fs::write(at.path().join("build.ninja"), RECORDED).expect("written");
    at
}

#[test]
fn commands_are_listed_in_the_order_in_which_they_can_run() {
    let at = directory(&[("build.ninja", MANIFEST)]);
    let app = "printf '\"\\t\\\\' > gen.h gen2.h\ncc -c a.c -o a.o\ncc -c b.c -o 'b .o'\nld @app.rsp -o app\n";
    assert_eq!(printed(at.path(), "commands app"), app);
    assert_eq!(printed(at.path(), "commands"), format!("{app}printf '\"\\t\\\\' > check\n"));
    assert_eq!(printed(at.path(), "commands -s app app"), "ld @app.rsp -o app\n");
    assert_eq!(printed(at.path(), "commands ./x/../a.c^ -s"), "cc -c a.c -o a.o\n");
    assert_eq!(refused(at.path(), "commands ap"), "ninja: error: unknown target 'ap', did you mean 'app'?\n");
    assert_eq!(
        refused(at.path(), "commands clean"),
        "ninja: error: unknown target 'clean', did you mean 'ninja -t clean'?\n"
    );
    assert_eq!(refused(at.path(), "commands all^"), "ninja: error: 'all' has no out edge\n");
}

#[test]
fn a_compilation_database_is_jsons() {
    let at = directory(&[("build.ninja", MANIFEST)]);
    let root = at.path().canonicalize().expect("a directory");
    let database = |edges: &[(&str, &str, &str)]| {
        let edges = edges.iter().map(|(command, file, output)| {
            format!(
                "\n  {{\n    \"directory\": \"{}\",\n    \"command\": \"{command}\",\n    \"file\": \"{file}\",\n    \
                 \"output\": \"{output}\"\n  }}",
                root.display()
            )
        });
        format!("[{}\n]\n", edges.collect::<Vec<_>>().join(","))
    };
    let (a, b) = (("cc -c a.c -o a.o", "a.c", "a.o"), ("cc -c b.c -o 'b .o'", "b.c", "b .o"));
    let gen_h = (r#"printf '\"\\t\\\\' > gen.h gen2.h"#, "gen.i", "gen.h");
    let app = ("ld @app.rsp -o app", "a.o", "app");
    let check = (r#"printf '\"\\t\\\\' > check"#, "app", "check");
    assert_eq!(printed(at.path(), "compdb"), database(&[a, gen_h, b, app, check, ("", "app", "all")]));
    assert_eq!(printed(at.path(), "compdb cc gen"), database(&[a, gen_h, b, check]));
    assert_eq!(printed(at.path(), "compdb nope"), database(&[]));
    let expanded = ("ld a.o 'b .o' x -o app", "a.o", "app");
    assert_eq!(printed(at.path(), "compdb -x zlink"), database(&[expanded]));
    assert_eq!(printed(at.path(), "compdb-targets app gen.h"), database(&[gen_h, a, b, app]));
    assert_eq!(printed(at.path(), "compdb-targets all -x"), database(&[gen_h, a, b, expanded, check]));
    let no_output = "ninja: fatal: 'a.c' is not a target (i.e. it is not an output of any `build` statement)\n";
    assert_eq!(refused(at.path(), "compdb-targets app a.c"), no_output);
    assert_eq!(refused(at.path(), "compdb-targets app ap"), "ninja: fatal: unknown target 'ap', did you mean 'app'?\n");
    let usage = "usage: ninja -t compdb [-hx] target [targets]\n\noptions:\n  -h     display this help message\n  -x     expand @rspfile style response file invocations\n";
    let said = "ninja: error: compdb-targets expects the name of at least one target\n".to_owned();
    assert_eq!(ask(at.path(), &["compdb-targets"]), Answer { code: 1, out: usage.into(), said });
}

#[test]
fn inputs_are_listed_for_the_shell_or_as_they_are() {
    let at = directory(&[("build.ninja", MANIFEST)]);
    assert_eq!(printed(at.path(), "inputs app"), "'b .o'\na.c\na.o\nb.c\ngen.h\ngen.i\n");
    assert_eq!(printed(at.path(), "inputs"), "'b .o'\na.c\na.o\napp\nb.c\ncheck\ngen.h\ngen.i\n");
    assert_eq!(printed(at.path(), "inputs -E app"), "a.c\na.o\nb .o\nb.c\ngen.h\ngen.i\n");
    assert_eq!(printed(at.path(), "inputs --dependency-order app"), "a.c\ngen.i\ngen.h\na.o\nb.c\n'b .o'\n");
    assert_eq!(printed(at.path(), "inputs --print0 --no-shell a.o"), "a.c\0gen.h\0gen.i\0");
    assert_eq!(printed(at.path(), "inputs a.c"), "");
    let app = "app\ta.c\napp\tgen.i\napp\tgen.h\napp\ta.o\napp\tb.c\napp\tb .o\n";
    assert_eq!(printed(at.path(), "multi-inputs app gen.h"), format!("{app}gen.h\tgen.i\n"));
    assert_eq!(printed(at.path(), "multi-inputs -0 -d, gen.h"), "gen.h,gen.i\0");
    let unknown = ask(at.path(), &["inputs", "-e"]);
    assert_eq!((unknown.code, unknown.said.as_str()), (1, "inputs: invalid option -- 'e'\n"));
    assert!(unknown.out.starts_with("usage: ninja -t inputs"), "{}", unknown.out);
}

#[test]
fn rules_targets_and_queries_are_listed() {
    let at = directory(&[("build.ninja", MANIFEST)]);
    assert_eq!(printed(at.path(), "rules"), "cc\ngen\nphony\nzlink\n");
    assert_eq!(printed(at.path(), "rules -d"), "cc: CC ${out} ${in} $ x y:z ${cflags}.x\ngen\nphony\nzlink\n");
    assert_eq!(printed(at.path(), "targets"), "gen2.h: gen\nall: phony\n");
    assert_eq!(printed(at.path(), "targets depth 2"), "gen2.h: gen\n  gen.i\nall: phony\n  app: zlink\n  check: gen\n");
    let a_and_b = |indent: &str| {
        let lines = ["a.o: cc", "  a.c", "  gen.h: gen", "    gen.i", "  order: phony", "b .o: cc", "  b.c"];
        lines.map(|line| format!("{indent}{line}\n")).concat()
    };
    let (below_app, below_check) = (a_and_b("    "), a_and_b("      "));
    assert_eq!(
        printed(at.path(), "targets depth 0"),
        format!(
            "gen2.h: gen\n  gen.i\nall: phony\n  app: zlink\n{below_app}  check: gen\n    app: zlink\n{below_check}"
        )
    );
    assert_eq!(printed(at.path(), "targets rule"), "a.c\ngen.i\nb.c\n");
    assert_eq!(printed(at.path(), "targets rule gen"), "check\ngen.h\ngen2.h\n");
    let all = "a.o: cc\norder: phony\ngen.h: gen\ngen2.h: gen\nb .o: cc\napp: zlink\ncheck: gen\nall: phony\n";
    assert_eq!(printed(at.path(), "targets all"), all);
    let said = "ninja: error: unknown target tool mode 'roole', did you mean 'rule'?\n";
    assert_eq!(refused(at.path(), "targets roole"), said);
    let a = "a.o:\n  input: cc\n    a.c\n    | gen.h\n    || order\n  outputs:\n    app\n";
    let app = "app:\n  input: zlink\n    a.o\n    b .o\n  validations:\n    check\n  outputs:\n    check\n    all\n";
    let check = "check:\n  input: gen\n    app\n  outputs:\n    all\n  validation for:\n    app\n";
    assert_eq!(printed(at.path(), "query a.o app check"), [a, app, check].concat());
    assert_eq!(refused(at.path(), "query"), "ninja: error: expected a target to query\n");
}

#[test]
fn the_graph_is_drawn_for_graphviz() {
    let at = directory(&[("build.ninja", "rule r\n  command = r\nbuild b: r a\nbuild c | d: r b | e || f\n")]);
    let head = "digraph ninja {\nrankdir=\"LR\"\nnode [fontsize=10, shape=box, height=0.25]\nedge [fontsize=10]\n";
    let drawn = printed(at.path(), "graph c");
    assert_eq!(
        drawn.strip_prefix(head),
        Some(concat!(
            "\"0x3\" [label=\"c\"]\n\"0x8\" [label=\"r\", shape=ellipse]\n\"0x8\" -> \"0x3\"\n\"0x8\" -> \"0x4\"\n",
            "\"0x1\" -> \"0x8\" [arrowhead=none]\n\"0x5\" -> \"0x8\" [arrowhead=none]\n",
            "\"0x6\" -> \"0x8\" [arrowhead=none style=dotted]\n",
            "\"0x1\" [label=\"b\"]\n\"0x2\" -> \"0x1\" [label=\" r\"]\n\"0x2\" [label=\"a\"]\n",
            "\"0x5\" [label=\"e\"]\n\"0x6\" [label=\"f\"]\n}\n",
        ))
    );
}

#[test]
fn what_was_recorded_is_told_and_what_the_manifest_lacks_is_found() {
    let at = recorded();
    assert_eq!(printed(at.path(), "deps"), "");
    build(at.path());
    let told = printed(at.path(), "deps a.o b.o");
    let (first, rest) = told.split_once('\n').expect("lines");
    assert!(first.starts_with("a.o: #deps 3, deps mtime 1") && first.ends_with(" (VALID)"), "{first}");
    assert_eq!(rest, "    a.c\n    h1.h\n    gen.h\n\nb.o: deps not found\n");
    assert_eq!(printed(at.path(), "query h1.h"), "h1.h:\n  outputs:\n");
    assert!(printed(at.path(), "query h1.h^").starts_with("c.o:\n  input: cc\n"));
    assert_eq!(printed(at.path(), "deps").lines().count(), 10);
    assert_eq!(
        printed(at.path(), "missingdeps gen.h"),
        "Processed 1 nodes.\nNo missing dependencies on generated files found.\n"
    );
    let missing = ask(at.path(), &["missingdeps"]);
    let out = "Missing dep: c.o uses gen.h (generated by gen)\nMissing dep: b.o uses gen.h (generated by gen)\n\
        Processed 6 nodes.\nError: There are 2 missing dependency paths.\n2 targets had depfile dependencies on 1 \
        distinct generated inputs (from 1 rules)  without a non-depfile dep path to the generator.\nThere might be \
        build flakiness if any of the targets listed above are built alone, or not late enough, in a clean output \
        directory.\n";
    assert_eq!(missing, Answer { code: 3, out: out.into(), said: String::new() });
    fs::write(at.path().join("a.o"), "newer").expect("written");
    assert!(printed(at.path(), "deps a.o").contains(" (STALE)\n"));
}

#[test]
fn clean_removes_what_is_built() {
    let at = recorded();
    build(at.path());
    let there = |name: &str| at.path().join(name).exists();
    let outputs = ["a.o", "c.o", "gen.h", "gen2.h", "b.o", "b.o.d"];
    let told: String = outputs.iter().map(|file| format!("Remove {file}\n")).collect();
    let told = format!("Cleaning...\n{told}6 files.\n");
    assert_eq!(printed(at.path(), "-n clean"), told);
    assert!(outputs.iter().all(|file| there(file)));
    assert_eq!(printed(at.path(), "-v clean"), told);
    assert!(!outputs.iter().any(|file| there(file)));
    assert_eq!(printed(at.path(), "clean -g"), "Cleaning... 1 files.\n");
    build(at.path());
    assert_eq!(
        printed(at.path(), "-v clean a.o"),
        "Cleaning...\nTarget a.o\nRemove a.o\nRemove gen.h\nRemove c.o\n3 files.\n"
    );
    let answer = ask(at.path(), &["-v", "clean", "-r", "df", "nope"]);
    let out = "Cleaning...\nRule df\nRemove b.o\nRemove b.o.d\n2 files.\n".into();
    assert_eq!(answer, Answer { code: 1, out, said: "ninja: error: unknown rule 'nope'\n".into() });
    assert_eq!(refused(at.path(), "clean -r"), "ninja: error: expected a rule to clean\n");
    fs::create_dir_all(at.path().join("c.o/x")).unwrap_or_else(|_| {
        fs::remove_file(at.path().join("c.o")).expect("removed");
        fs::create_dir_all(at.path().join("c.o/x")).expect("made");
    });
    let answer = ask(at.path(), &["clean", "c.o"]);
    let said = "ninja: error: remove(c.o): Directory not empty\n".into();
    assert_eq!(answer, Answer { code: 1, out: "Cleaning... 0 files.\n".into(), said });
}

#[test]
fn cleandead_removes_what_only_an_earlier_manifest_makes() {
    let at = recorded();
    build(at.path());
    assert_eq!(printed(at.path(), "cleandead"), "Cleaning... 0 files.\n");
    let manifest =
        "rule cp\n  command = cp $in $out\nbuild a.o: cp a.c\nbuild x: cp c.o\nbuild all: phony a.o x\ndefault all\n";
    fs::write(at.path().join("build.ninja"), manifest).expect("written");
    let told = printed(at.path(), "-v cleandead");
    let mut removed: Vec<&str> = told.lines().filter(|line| line.starts_with("Remove")).collect();
    removed.sort_unstable();
    // (What reads `c.o` now may need it.)
    assert_eq!(removed, ["Remove b.o", "Remove dir/conf", "Remove gen.h", "Remove gen2.h"]);
    assert!(told.starts_with("Cleaning...\n") && told.ends_with("\n4 files.\n"), "{told}");
    for stays in ["a.c", "h1.h", "h2.h", "a.o", "c.o", "build.ninja"] {
        assert!(at.path().join(stays).exists(), "{stays}");
    }
    assert_eq!(printed(at.path(), "cleandead"), "Cleaning... 0 files.\n");
}

#[test]
fn what_is_dead_stays_so_when_builds_have_seen_it() {
    let rule = "rule two\n  command = cp $in $out; echo t > $out.2\n";
    let with = |name: &str| format!("{rule}build {name} | {name}.2: two s\nbuild all: phony {name}\ndefault all\n");
    let at = directory(&[("build.ninja", &with("a")), ("s", "s")]);
    build(at.path());
    fs::write(at.path().join("build.ninja"), with("b")).expect("written");
    build(at.path());
    fs::write(at.path().join("s"), "other").expect("written");
    build(at.path());
    assert_eq!(printed(at.path(), "recompact"), "");
    assert_eq!(printed(at.path(), "-v cleandead"), "Cleaning...\nRemove a\nRemove a.2\n2 files.\n");
    assert!(at.path().join("b").exists() && at.path().join("b.2").exists());
}

#[test]
fn a_file_that_became_a_source_is_not_dead() {
    let rules = "rule cp\n  command = cp $in $out\n";
    let at = directory(&[("build.ninja", &format!("{rules}build a: cp s\nbuild b: cp a\n")), ("s", "s")]);
    build(at.path());
    // Somebody writes it by hand from now on, and then nobody needs it any more.
    fs::write(at.path().join("build.ninja"), format!("{rules}build b: cp a\n")).expect("written");
    fs::write(at.path().join("a"), "by hand").expect("written");
    build(at.path());
    fs::write(at.path().join("build.ninja"), format!("{rules}build c: cp s\n")).expect("written");
    assert_eq!(printed(at.path(), "-v cleandead"), "Cleaning...\nRemove b\n1 files.\n");
    assert_eq!(read(at.path(), "a"), "by hand");
}

/// Writes a file as it would lie there if it had been written before all others, or after them.
fn write_as_if(at: &Path, file: &str, text: &str, after: bool) {
    fs::write(at.join(file), text).expect("written");
    let hour = Duration::from_secs(3600);
    let time = if after { SystemTime::now() + hour } else { SystemTime::now() - hour };
    let opened = fs::File::options().write(true).open(at.join(file)).expect("opened");
    opened.set_modified(time).expect("it has another time");
}

#[test]
fn restat_has_the_next_build_believe_what_is_there() {
    let at = recorded();
    assert_eq!(printed(at.path(), "restat"), "");
    assert!(!at.path().join(".alacarte").exists());
    build(at.path());
    // An input, a header, an output: for the next build all is as if it had just been made.
    for (file, text) in [("a.c", "other"), ("h1.h", "other"), ("gen2.h", "by hand"), ("a.o", "by hand")] {
        write_as_if(at.path(), file, text, false);
        assert_eq!(printed(at.path(), "restat"), "");
        assert_eq!(build(at.path()), Vec::<String>::new(), "{file}");
    }
    assert_eq!(read(at.path(), "a.o"), "by hand");
    // Only what is named is believed. What is not, is built, and so is what reads it.
    write_as_if(at.path(), "a.c", "again", false);
    assert_eq!(printed(at.path(), "restat c.o ./gen2.h dir/conf nope"), "");
    let mut ran = build(at.path());
    ran.sort_unstable();
    assert_eq!(ran, ["a.o", "b.o"]);
    // What is gone cannot be believed; nor what another command would make.
    fs::remove_file(at.path().join("h1.h")).expect("removed");
    write_as_if(at.path(), "h2.h", "again", false);
    edit(at.path(), "build.ninja", "cat $in h2.h", "cat h2.h $in");
    edit(at.path(), "build.ninja", "h1.h gen.h", "h2.h gen.h");
    edit(at.path(), "build.ninja", "cat $in h1.h", "cat $in h2.h");
    assert_eq!(printed(at.path(), "restat"), "");
    let mut ran = build(at.path());
    ran.sort_unstable();
    assert_eq!(ran, ["a.o", "b.o", "c.o"]);
}

/// Generators call the tool while a person edits: what no command has seen is built.
#[test]
fn restat_loses_no_edit() {
    let at = recorded();
    build(at.path());
    // (A generator, `dir/conf`, is believed: it is itself what calls the tool.)
    let readers = [("a.c", &["a.o", "b.o", "c.o"][..]), ("h1.h", &["a.o", "c.o"]), ("h2.h", &["b.o"])];
    for (file, expected) in readers {
        write_as_if(at.path(), file, "edited", true);
        assert_eq!(printed(at.path(), "restat"), "");
        let mut ran = build(at.path());
        ran.sort_unstable();
        assert_eq!(ran, expected, "{file}");
        // What it touched without changing it is no edit.
        write_as_if(at.path(), file, "edited", true);
        assert_eq!(printed(at.path(), "restat"), "");
        assert_eq!(build(at.path()), Vec::<String>::new(), "{file}");
    }
    // An output that was written over is believed, and has not been seen by what is made from it.
    edit(
        at.path(),
        "build.ninja",
        "build all: phony c.o",
        "rule copy\n  command = cp $in $out\nbuild d: copy c.o\nbuild all: phony d c.o",
    );
    assert_eq!(build(at.path()), ["d"]);
    write_as_if(at.path(), "c.o", "by hand", true);
    assert_eq!(printed(at.path(), "restat"), "");
    assert_eq!((build(at.path()), read(at.path(), "d")), (vec!["d".to_owned()], "by hand".to_owned()));
}

#[test]
fn recompact_shortens_the_journal_and_loses_nothing() {
    let at = recorded();
    assert_eq!(printed(at.path(), "recompact"), "");
    assert!(!at.path().join(".alacarte").exists());
    for text in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        fs::write(at.path().join("a.c"), text).expect("written");
        build(at.path());
    }
    let journal = at.path().join(".alacarte/journal");
    let size = || fs::metadata(&journal).expect("a journal").len();
    let (before, told) = (size(), printed(at.path(), "deps"));
    assert_eq!(printed(at.path(), "recompact"), "");
    assert!(size() < before, "{} of {before}", size());
    assert_eq!(printed(at.path(), "deps"), told);
    assert_eq!(build(at.path()), Vec::<String>::new());
}

#[test]
fn a_build_at_work_is_looked_at_and_not_disturbed() {
    let at = recorded();
    build(at.path());
    let journal = at.path().join(".alacarte/journal");
    let at_work = Log::<String, u64>::open(&journal).expect("the journal");
    let before = fs::read(&journal).expect("read");
    assert_eq!(printed(at.path(), "deps a.o").lines().count(), 5);
    assert_eq!(ask(at.path(), &["missingdeps"]).code, 3);
    for changes in ["clean", "cleandead", "recompact", "restat"] {
        let session = Session::new(at.path(), "build.ninja");
        let error = ToolCall::new(&session, changes, &[]).answer(&mut io::sink(), &mut io::sink()).expect_err(changes);
        assert!(error.to_string().contains("another build is running"), "{changes}: {error}");
    }
    assert_eq!(fs::read(&journal).expect("read"), before);
    drop(at_work);
}

#[test]
fn names_in_any_bytes_are_printed_as_they_are() {
    let at = directory(&[]);
    fs::write(at.path().join("build.ninja"), b"rule r\n  command = r $in\nbuild o\xe9: r i\xff\n").expect("written");
    let (mut out, session) = (Vec::new(), Session::new(at.path(), "build.ninja"));
    let target = OsString::from_vec(b"o\xe9".to_vec());
    for (name, expected) in [
        ("commands", b"r 'i\xff'\n".as_slice()),
        ("inputs", b"'i\xff'\n"),
        ("query", b"o\xe9:\n  input: r\n    i\xff\n  outputs:\n"),
    ] {
        out.clear();
        let code = ToolCall::new(&session, name, std::slice::from_ref(&target)).answer(&mut out, &mut io::sink());
        assert_eq!((code.expect("an answer"), &*out), (0, expected), "{name}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    struct Gone;
    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let at = directory(&[("build.ninja", MANIFEST)]);
    let session = Session::new(at.path(), "build.ninja");
    let code = ToolCall::new(&session, "targets", &["all".into()]).answer(&mut Gone, &mut io::sink());
    assert_eq!(code.expect("an answer"), 0);
}

#[test]
fn an_unknown_tool_and_a_broken_manifest_are_errors() {
    let at = directory(&[("build.ninja", "rule\n")]);
    let session = Session::new(at.path(), "build.ninja");
    let ask = |name| ToolCall::new(&session, name, &[]).answer(&mut io::sink(), &mut io::sink());
    let error = ask("cmmands").expect_err("no tool");
    assert!(matches!(error, ToolError::Unknown { .. }));
    assert_eq!(error.to_string(), "unknown tool 'cmmands', did you mean 'commands'?");
    assert_eq!(ask("nonsense").expect_err("no tool").to_string(), "unknown tool 'nonsense'");
    assert!(matches!(ask("targets"), Err(ToolError::Session(_))));
    let (mut out, tools) = (Vec::new(), ["      clean  clean built files\n", "\nmulti-inputs  print one or more sets"]);
    assert_eq!(ToolCall::new(&session, "list", &[]).answer(&mut out, &mut io::sink()).expect("a list"), 0);
    let out = String::from_utf8(out).expect("text");
    assert!(out.starts_with("ninja subtools:\n") && tools.iter().all(|tool| out.contains(tool)), "{out}");
}

/// What one asks ninja and us, of each manifest.
const QUESTIONS: &str = "
    commands | commands app | commands -s app check | commands nope | commands a.c | commands a.c^ | commands x.c^ | commands -Z
    compdb | compdb -x | compdb cc gen | compdb nope | compdb-targets | compdb-targets all | compdb-targets -x app a.o
    compdb-targets a.c | compdb-targets nope | compdb -h | compdb-targets -h | commands -h
    inputs | inputs app | inputs -E app check | inputs -d all | inputs -0 a.o | inputs --print0 -Ed all | inputs a.c
    multi-inputs | multi-inputs a.o all | multi-inputs -0 -d , all | multi-inputs --delim=; a.o | multi-inputs nope
    targets | targets depth | targets depth 2 | targets depth 0 | targets depth -1 | targets depth 3x | targets all
    targets rule | targets rule cc | targets rule phony | targets nope | targets roole
    rules | rules -d | rules -h | rules -Z | query | query app check | query a.o all | query a.c h1.h | query h1.h^ | query nope
    graph | graph a.o | graph all a.o | graph nope | deps | deps a.o b.o gen.h | deps nope | deps h1.h
    missingdeps | missingdeps a.o | missingdeps all | restat -h | restat x | recompact
    clean -h | clean -r | clean -Z | -n clean | -n clean -g | -n -v clean a.o all | -n clean -r cc nope phony | clean nope a.o
    -v clean -r cc | cleandead | -v clean | -v clean -g | clean
";

/// A ninja of this version, if there is one.
fn ninja() -> bool {
    let version = Command::new("ninja").arg("--version").output();
    version.is_ok_and(|version| version.stdout.starts_with(b"1.13"))
}

/// What is said, without the name of a target that was perhaps meant: of two that are equally near, ninja takes either.
fn without_hint(said: &str) -> String {
    let lines = said.lines().map(|line| match line.split_once(", did you mean '") {
        Some((before, _)) if line.contains("unknown target") => format!("{before}, did you mean …?\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Numbers addresses in the order in which they come, and takes times away.
fn comparable(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut pieces = text.split("\"0x");
    let mut comparable = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (address, rest) = piece.split_once('"').unwrap_or((piece, ""));
        let number = known.iter().position(|known| known == address).unwrap_or_else(|| {
            known.push(address.to_owned());
            known.len() - 1
        });
        comparable += &format!("\"{number}\"{rest}");
    }
    let without_time = |line: &str| match line.split_once("deps mtime ") {
        Some((before, after)) => {
            format!("{before}deps mtime{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    };
    comparable.split('\n').map(without_time).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_tool_answers_as_ninja_does() {
    if !ninja() {
        skipped(format_args!("every_tool_answers_as_ninja_does (there is no ninja 1.13 in the PATH)"));
        return;
    }
    let project = include_str!("../../experiments/workloads/c-project/build.ninja");
    let odd = "rule r\n  command = r '$in' $\n    > $out\n  description =\nbuild x/../a.o a$:b | i$$: r  ./a.c //q/c a.c |@ all\n\
        build all: phony a.o | a$:b || a.o\nbuild app: r all\nsubninja sub.ninja\nbuild app2: phony app || sub\n";
    let sub = "rule cc\n  command = sub $in\n  description = SUB $out\nbuild sub: cc a.c\n  pool = console\n";
    for (number, manifest) in
        [MANIFEST, RECORDED, project, odd, "", "build a: phony b\nbuild b: phony a\n"].into_iter().enumerate()
    {
        let places = [directory(&SOURCES), directory(&SOURCES)];
        for place in &places {
            fs::write(place.path().join("build.ninja"), manifest).expect("written");
            fs::write(place.path().join("sub.ninja"), sub).expect("written");
        }
        let theirs = |arguments: &[&str]| {
            let mut command = Command::new("ninja");
            command.args(arguments).current_dir(places[0].path()).env("LC_ALL", "C").output().expect("ninja runs")
        };
        if manifest == RECORDED {
            assert!(theirs(&["-j1"]).status.success());
            build(places[1].path());
        }
        for question in QUESTIONS.split(['|', '\n']).map(words).filter(|words| !words.is_empty()) {
            let tool = question.iter().position(|word| !word.starts_with('-')).expect("a tool");
            let mut arguments = question.clone();
            arguments.insert(tool, "-t");
            let answer = theirs(&arguments);
            let expected = Answer::of(answer.status.code().expect("a code") as u8, &answer.stdout, &answer.stderr);
            let mut answer = ask(places[1].path(), &question);
            let [here, there] = places.each_ref().map(|place| place.path().canonicalize().expect("a directory"));
            answer.out = answer.out.replace(&there.display().to_string(), &here.display().to_string());
            assert_eq!(comparable(&answer.out), comparable(&expected.out), "manifest {number}: {question:?}");
            assert_eq!(
                (answer.code, without_hint(&answer.said)),
                (expected.code, without_hint(&expected.said)),
                "manifest {number}: {question:?}"
            );
        }
    }
}
