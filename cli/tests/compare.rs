//! `alacarte compare` and `alacarte systems`, from outside.

mod common;

use std::fs;
use std::process::Stdio;

use common::{alacarte, directory, run};
use serde_json::Value;

const SHEET: &str = "1,2,=A1+B1\n3,=IF(A1>0;C1;A2),=B2*2\n";

fn json(arguments: &[&str], directory: &std::path::Path) -> (i32, Vec<Value>) {
    let (code, out, err) = run(directory, arguments);
    let parsed: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (code, parsed.as_array().expect("an array").clone())
}

#[test]
fn json_has_a_row_for_every_combination_and_step_and_the_twelve_are_right() {
    let place = directory(&[("s.csv", SHEET)]);
    let (code, rows) = json(&["compare", "s.csv", "--format", "json"], place.path());
    assert_eq!(code, 0);
    assert_eq!(rows.len(), 14 * 10);
    for row in &rows {
        for field in [
            "workload",
            "scheduler",
            "rebuilder",
            "system",
            "step",
            "ran",
            "restored",
            "kept",
            "restarts",
            "fetches",
            "wall_ms",
            "wall_ms_spread",
            "seed",
            "repeated",
            "version",
            "machine",
            "journal_bytes",
            "correct",
        ] {
            assert!(row.get(field).is_some(), "{field} is missing: {row}");
        }
        if row["rebuilder"] != "modification-time" {
            assert_eq!(row["correct"], true, "{row}");
        }
    }
    let make_and_flags = |row: &&Value| row["rebuilder"] == "modification-time" && row["step"] == "formula changed";
    assert_eq!(rows.iter().find(make_and_flags).map(|row| &row["correct"]), Some(&Value::Bool(false)));
}

#[test]
fn a_project_of_ones_own_is_compared_and_never_written_to() {
    let place = directory(&[
        (
            "build.ninja",
            "rule cc\n  command = cc -MMD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n\
             rule link\n  command = cc $in -o $out\nbuild a.o: cc a.c\nbuild b.o: cc b.c\nbuild p: link a.o b.o\n",
        ),
        ("a.c", "#include \"h.h\"\nint main(void) { return f() - F; }\n"),
        ("b.c", "#include \"h.h\"\nint f(void) { return F; }\n"),
        ("h.h", "#define F 4\nint f(void);\n"),
    ]);
    let listing = || {
        let mut names: Vec<_> = fs::read_dir(place.path()).expect("a directory").flatten().collect();
        names.sort_by_key(|entry| entry.file_name());
        names.iter().map(|entry| (entry.file_name(), fs::read(entry.path()).expect("a file"))).collect::<Vec<_>>()
    };
    let before = listing();
    let arguments = ["compare", ".", "--format", "json", "--scheduler", "suspending", "--rebuilder", "verifying-trace"];
    let (code, rows) = json(&arguments, place.path());
    assert_eq!(code, 0);
    assert_eq!(listing(), before);
    let ran: Vec<_> = rows.iter().map(|row| row["ran"].as_u64().expect("a number")).collect();
    assert_eq!(ran[0], 3, "clean");
    assert_eq!(ran[1], 0, "nothing changed");
    assert_eq!(ran[2], 0, "touched, equal");
    assert_eq!(ran[3], 1, "a comment changes no object");
    assert_eq!(ran[4], 2, "a source's object, and the program");
    assert_eq!(ran[8], 2, "changed flags reach both objects, which come out equal");
}

/// As CMake writes it: the compiler's line stands in two rules, and flags stand under the build statements.
const CMAKE: &str = concat!(
    "rule C_COMPILER__a\n  command = cc $DEFINES $FLAGS -MD -MF $DEP_FILE -o $out -c $in\n  depfile = $DEP_FILE\n  deps = gcc\n",
    "rule C_COMPILER__b\n  command = cc $DEFINES $FLAGS -MD -MF $DEP_FILE -o $out -c $in\n  depfile = $DEP_FILE\n  deps = gcc\n",
    "rule LINK\n  command = cc $in -o $out\n",
    "build a.o: C_COMPILER__a a.c\n  DEFINES = -DF=4\n  DEP_FILE = a.o.d\n  FLAGS = -O1\n",
    "build b.o: C_COMPILER__b b.c\n  DEFINES = -DF=4\n  DEP_FILE = b.o.d\n  FLAGS = -O1\n",
    "build p: LINK a.o b.o\n",
);

#[test]
fn flags_of_cmake_are_changed_too() {
    let place = directory(&[
        ("build.ninja", CMAKE),
        ("a.c", "#include \"h.h\"\nint main(void) { return f() - F; }\n"),
        ("b.c", "#include \"h.h\"\nint f(void) { return F; }\n"),
        ("h.h", "int f(void);\n"),
    ]);
    let arguments = ["compare", ".", "--format", "json", "--scheduler", "suspending", "--rebuilder", "verifying-trace"];
    let (code, rows) = json(&arguments, place.path());
    assert_eq!(code, 0);
    assert!(rows.iter().all(|row| row.get("not_made").is_none()), "{rows:?}");
    assert_eq!((rows[8]["step"].as_str(), rows[8]["ran"].as_u64()), (Some("flags changed"), Some(1)));
}

#[test]
fn a_step_that_cannot_be_made_is_shown_as_not_made_with_the_reason() {
    let place = directory(&[("build.ninja", "rule cp\n  command = cp $in $out\nbuild b: cp a\n"), ("a", "x\n")]);
    let arguments =
        |format| ["compare", ".", "--format", format, "--scheduler", "suspending", "--rebuilder", "dirty-bit"];
    let (code, rows) = json(&arguments("json"), place.path());
    assert_eq!(code, 0);
    let not_made = |row: &&Value| row.get("not_made").is_some();
    let steps: Vec<_> = rows.iter().filter(not_made).filter_map(|row| row["step"].as_str()).collect();
    assert_eq!(steps, ["comment edited", "source changed", "header changed", "header reverted", "flags changed"]);
    for row in rows.iter().filter(not_made) {
        assert!(row["not_made"].as_str().is_some_and(|reason| reason.contains("C or C++")), "{row}");
        assert!(row.get("ran").is_none() && row.get("correct").is_none(), "nothing was measured: {row}");
    }
    assert_eq!(rows[2]["ran"], 0, "touched, equal");

    let (_, table, _) = run(place.path(), &arguments("table"));
    let row = table.lines().find(|line| line.contains("dirty-bit")).expect("a row");
    assert_eq!(row.matches("not made").count(), 5, "{table}");
    assert!(table.contains("not made: «flags changed»: no command that is run compiles"), "{table}");

    let (_, csv, _) = run(place.path(), &arguments("csv"));
    let flags = csv.lines().find(|line| line.contains("flags changed")).expect("a row");
    assert!(flags.contains(",flags changed,,,,,,,,,,no command"), "{flags}");

    let place = directory(&[("s.csv", "=1+2\n")]);
    let (_, rows) = json(&["compare", "s.csv", "--format", "json"], place.path());
    assert!(
        rows.iter().filter(not_made).count() > 0 && rows.iter().filter(not_made).all(|row| row.get("ran").is_none())
    );
}

#[test]
fn an_edit_that_the_project_does_not_survive_is_a_step_that_is_not_made() {
    // A project that forbids what we add to its source, and to its header.
    let command = "if grep -q 'probe\\|declared' $in h.h; then exit 7; fi; cp $in $out # cc -c";
    let manifest = format!("rule cc\n  command = {command}\nbuild b: cc a.c | h.h\n");
    let place = directory(&[("build.ninja", &manifest), ("a.c", "#include \"h.h\"\n"), ("h.h", "\n")]);
    let arguments = ["compare", ".", "--format", "json", "--scheduler", "suspending", "--rebuilder", "verifying-trace"];
    let (code, rows) = json(&arguments, place.path());
    assert_eq!(code, 0, "{rows:?}");
    let reason = |row: &Value| row["not_made"].as_str().unwrap_or_default().to_owned();
    for row in &rows {
        match row["step"].as_str().unwrap_or_default() {
            "source changed" | "header changed" => assert!(reason(row).contains("exit status 7"), "{row}"),
            "header reverted" => assert!(reason(row).contains("h.h"), "{row}"),
            _ => assert!(row["correct"] == true && row.get("not_made").is_none(), "{row}"),
        }
    }
    assert_eq!(rows[3]["ran"], 1, "the comment is there nevertheless");
}

#[test]
fn only_rows_go_to_standard_output() {
    let place = directory(&[("s.csv", SHEET)]);
    let (code, out, _) = run(place.path(), &["compare", "s.csv", "--format", "csv", "--rebuilder", "dirty-bit"]);
    assert_eq!(code, 0);
    assert_eq!(out.lines().count(), 1 + 3 * 10);
    assert!(out.starts_with("workload,scheduler,rebuilder,system,step,ran,"));
}

#[test]
fn a_dynamic_sheet_is_refused_by_name_to_a_topological_scheduler_and_played_by_the_others() {
    let place = directory(&[("s.csv", "A2,=INDIRECT(A1)\n7\n")]);
    let (code, _, err) = run(place.path(), &["compare", "s.csv", "--scheduler", "topological"]);
    assert_eq!(code, 1);
    assert!(err.contains("B1") && err.contains("INDIRECT"), "{err}");
    let (code, out, err) = run(place.path(), &["compare", "s.csv", "--format", "json"]);
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains("\"topological\"") && out.contains("\"suspending\""));
}

#[test]
fn a_sheet_that_does_not_parse_names_file_line_and_column() {
    let place = directory(&[("s.csv", "1,2\n3,=A1+*2\n")]);
    let (code, _, err) = run(place.path(), &["compare", "s.csv"]);
    assert_eq!(code, 1);
    assert!(err.contains("s.csv:2:"), "{err}");
}

#[test]
fn a_cycle_in_a_sheet_is_an_error_with_its_path() {
    let place = directory(&[("s.csv", "=B1,=C1+1,=A1\n")]);
    let (code, _, err) = run(place.path(), &["compare", "s.csv"]);
    assert_eq!(code, 1);
    // Told once, as what it is: what fails only for it, and that some schedulers find it beforehand, adds nothing.
    assert!(err.contains("a cycle: A1 → B1 → C1 → A1"), "{err}");
    assert!(err.matches("cycle").count() == 1 && !err.contains("which failed"), "{err}");
}

#[test]
fn what_is_no_workload_is_said_plainly() {
    let place = directory(&[("s.txt", "")]);
    for (workload, said) in [("s.txt", "neither"), ("nowhere", "does not exist"), (".", "build.ninja")] {
        let (code, _, err) = run(place.path(), &["compare", workload]);
        assert_eq!(code, 1, "{workload}");
        assert!(err.contains(said), "{workload}: {err}");
    }
}

#[test]
fn the_table_names_the_systems_beside_their_cells() {
    let place = directory(&[("s.csv", SHEET)]);
    let (code, out, _) = run(place.path(), &["compare", "s.csv"]);
    assert_eq!(code, 0);
    for system in ["Make", "Ninja", "CloudBuild", "Buck", "Excel", "Bazel", "Shake", "Cloud Shake", "Nix"] {
        assert!(out.contains(system), "{system}");
    }
    assert!(!out.contains('\u{1b}'), "no colours where nobody looks");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = directory(&[]);
    let mut child = alacarte(place.path(), &["systems"]).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// A script of one's own: named, or beside the sheet; every cell of the table if asked for.
#[test]
fn edits_of_ones_own_are_played() {
    let script = "[{\"step\": \"clean\"},\n {\"step\": \"dearer\", \"cell\": \"A1\", \"to\": \"4\"}]";
    let place = directory(&[
        ("s.csv", "3,=A1*2\n,=B1+1\n"),
        ("s.edits.json", script),
        ("other.json", "[{\"step\": \"once\"}]"),
    ]);
    let steps = |rows: &[Value]| {
        let mut steps: Vec<String> = rows.iter().map(|row| row["step"].as_str().expect("a name").to_owned()).collect();
        steps.dedup();
        steps
    };
    let one = ["compare", "s.csv", "--format", "json", "--scheduler", "suspending", "--rebuilder", "verifying-trace"];
    let (code, rows) = json(&one, place.path());
    assert_eq!((code, steps(&rows)), (0, vec!["clean".to_owned(), "dearer".to_owned()]));
    assert_eq!(rows.iter().map(|row| row["ran"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(2)]);
    assert_eq!(rows.iter().map(|row| row["edit"].as_str()).collect::<Vec<_>>(), [None, Some("A1 := 4")]);
    let (code, rows) = json(&[&one[..], &["--edits", "other.json", "--repeat", "3"]].concat(), place.path());
    assert_eq!(rows.iter().map(|row| row["repeated"].as_u64()).collect::<Vec<_>>(), [Some(3)]);
    assert_eq!((code, steps(&rows)), (0, vec!["once".to_owned()]));
    let script = "[{\"step\": \"clean\"}, {\"step\": \"more\", \"file\": \"a\", \"append\": \"x\"}, {\"step\": \"lost\", \"delete\": \"b\"}]";
    let project = directory(&[
        ("build.ninja", "rule c\n  command = cp $in $out\nbuild b: c a\n"),
        ("a", "text"),
        ("edits.json", script),
    ]);
    let again =
        ["compare", ".", "--format", "json", "--edits", "edits.json", "--repeat", "2", "--scheduler", "suspending"];
    let (code, rows) = json(&[&again[..], &["--rebuilder", "dirty-bit"]].concat(), project.path());
    let ran: Vec<_> = rows.iter().map(|row| (row["ran"].as_u64(), row["correct"].as_bool())).collect();
    assert_eq!((code, ran), (0, vec![(Some(1), Some(true)); 3]));
    let (_, rows) = json(&["compare", "s.csv", "--format", "json", "--all", "--edits", "other.json"], place.path());
    let mut cells: Vec<_> =
        rows.iter().map(|row| (row["scheduler"].to_string(), row["rebuilder"].to_string())).collect();
    cells.sort_unstable();
    cells.dedup();
    assert_eq!(cells.len(), 28, "{cells:?}");
}

/// What is wrong with a script is told by file, line and step, with what is possible, before anything is played.
#[test]
fn an_edit_that_does_not_fit_is_told_with_its_line() {
    let place = directory(&[
        ("s.csv", "3,=A1*2\n"),
        ("build.ninja", "rule c\n  command = cp $in $out\nbuild b: c a\n"),
        ("a", "text"),
        ("cell.json", "[{\"step\": \"clean\"},\n {\"step\": \"x\", \"cell\": \"?\", \"to\": \"4\"}]"),
        ("lost.json", "[{\"step\": \"clean\"},\n\n {\"step\": \"x\", \"delete\": \"C9\"}]"),
        ("far.json", "[{\"step\": \"x\", \"cell\": \"Z9\", \"to\": \"4\"}]"),
        ("file.json", "[{\"step\": \"x\", \"touch\": \"a\"}]"),
        ("unknown.json", "[\n{\"step\": \"x\", \"edit\": \"a\"}]"),
        ("for_sheets.json", "[\n\n\n{\"step\": \"x\", \"cell\": \"A1\", \"to\": \"1\"}]"),
        ("no_output.json", "[{\"step\": \"x\", \"delete\": \"a\"}]"),
        ("missing.json", "[{\"step\": \"clean\"},\n{\"step\": \"x\", \"file\": \"none.c\", \"append\": \"1\"}]"),
        ("circle.json", "[{\"step\": \"clean\"},\n{\"step\": \"x\", \"cell\": \"A1\", \"to\": \"=B1\"}]"),
        (
            "broken.json",
            "[{\"step\": \"clean\"},\n{\"step\": \"x\", \"file\": \"build.ninja\", \"append\": \"build\"}]",
        ),
    ]);
    for (workload, edits, expected) in [
        ("s.csv", "cell.json", "cell.json:2: step «x»: ?"),
        ("s.csv", "lost.json", "lost.json:3: step «x»: C9 is empty: the cells of this sheet lie between A1 and B1"),
        ("s.csv", "far.json", "far.json:1: step «x»: Z9 is not of this sheet, and no formula reads it: the cells"),
        (
            "s.csv",
            "file.json",
            "file.json:1: step «x»: a sheet has cells, and no `touch`: a step says `cell` with `to`",
        ),
        ("s.csv", "unknown.json", "unknown.json:2: unknown field `edit`, expected one of"),
        ("s.csv", "none.json", "cannot read the edits in none.json"),
        (".", "for_sheets.json", "for_sheets.json:4: step «x»: a project has files, and no `cell`"),
        (".", "no_output.json", "no_output.json:1: step «x»: a is no output of the manifest"),
        (".", "missing.json", "missing.json:2: step «x»: cannot edit none.c"),
        ("s.csv", "circle.json", "circle.json:2: step «x»: the build of s.csv from scratch fails"),
        ("s.csv", "circle.json", "a cycle: A1 → B1 → A1"),
        (".", "broken.json", "broken.json:2: step «x»: the build of"),
    ] {
        let (code, out, told) = run(place.path(), &["compare", workload, "--edits", edits]);
        assert!(told.contains(expected) && code == 1 && out.is_empty(), "{edits}: {told}{out}");
    }
}

/// Where the terminal has eighty columns, or no one says how many, no line is longer: the steps are then said below the table, by
/// number, and in several tables if there are many.
#[test]
fn what_is_printed_fits_eighty_columns() {
    let steps: Vec<String> = (1..=41).map(|n| format!(r#"{{"step": "the {n}th", "cell": "A1", "to": {n}}}"#)).collect();
    let place = directory(&[("s.csv", SHEET), ("x.json", &format!("[{}]", steps.join(",\n")))]);
    let embedded = &["compare", "--rebuilder", "deep-constructive-trace", "--rebuilder", "constructive-trace"][..];
    for (arguments, says) in [
        (&["compare", "s.csv"][..], "1 clean · 2 nothing changed"),
        (embedded, "1 clean · 2 nothing changed"),
        (&["compare", "s.csv", "--repeat", "2"], "what all steps together cost"),
        (&["compare", "s.csv", "--edits", "x.json"], "of 41"),
        (&["systems"], "Excel"),
        (&["--help"], "compare"),
        (&["compare", "--help"], "--edits"),
        (&["build", "--help"], "--watch"),
    ] {
        // (What plays for long is asked once.)
        let widths = if arguments == embedded { &[Some("80")][..] } else { &[Some("80"), None] };
        for columns in widths {
            let mut command = alacarte(place.path(), arguments);
            match columns {
                Some(columns) => command.env("COLUMNS", columns),
                None => command.env_remove("COLUMNS"),
            };
            let output = command.output().expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(says), "{text}");
            let long: Vec<&str> = text.lines().filter(|line| line.trim_end().chars().count() > 80).collect();
            assert!(long.is_empty(), "{long:?}");
        }
    }
    // Every step stands in one table.
    let output = alacarte(place.path(), &["compare", "s.csv", "--edits", "x.json"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut tables: Vec<Vec<u32>> = Vec::new();
    for (line, below) in text.lines().zip(text.lines().skip(1)) {
        let numbers: Result<Vec<u32>, _> = line.split_whitespace().map(str::parse).collect();
        if below.starts_with('─')
            && let Ok(numbers) = numbers
        {
            tables.push(numbers);
        }
    }
    assert!(tables.concat() == (1..=41).collect::<Vec<u32>>(), "{tables:?}");
}

/// What does not fit beside the steps stands in a table of its own: nothing is left out; nor is the spread of times.
#[test]
fn costs_are_told_however_narrow_the_table_is() {
    let place = directory(&[("s.csv", SHEET)]);
    for (columns, repeat) in [("80", "1"), ("80", "2"), ("200", "1"), ("200", "2")] {
        let mut command = alacarte(place.path(), &["compare", "s.csv", "--rebuilder", "dirty-bit", "--repeat", repeat]);
        let output = command.env("COLUMNS", columns).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.matches("fetches").count(), 1, "{text}");
        assert_eq!(text.contains("what all steps together cost"), columns == "80", "{text}");
        assert_eq!(text.contains(" ± "), repeat == "2", "{text}");
    }
}

/// A script without steps costs nothing.
#[test]
fn no_step_takes_no_time() {
    let place = directory(&[("s.csv", "3,=A1*2\n"), ("none.json", "[]")]);
    let (code, out, err) = run(place.path(), &["compare", "s.csv", "--edits", "none.json"]);
    assert!(code == 0 && out.contains("0.0 ms") && !out.contains("-0.0"), "{out}{err}");
}

/// The project is never written to, and a cache in it would be.
#[test]
fn a_cache_within_the_project_or_around_it_is_refused() {
    let place = directory(&[("p/build.ninja", "rule t\n  command = touch $out\nbuild o: t\n")]);
    for cache in ["p", "p/new/cache", "."] {
        let (code, out, err) = run(place.path(), &["compare", "p", "--cache", cache]);
        assert!(code == 1 && err.contains("the cache is to lie apart from the project"), "{cache}: {out}{err}");
        assert!(!place.path().join("p/new").exists());
    }
    let (code, out, err) = run(place.path(), &["compare", "p", "--scheduler", "suspending", "--cache", "beside"]);
    let said = out + &err;
    assert!(
        code == 0 && (said.contains("writes into the cache that was named") || said.contains("not confined")),
        "{said}"
    );
}

/// With a cache that combinations share, the second that restores finds what the first has built; and so does the next comparison.
#[test]
fn combinations_that_share_a_cache_find_what_others_have_built() {
    let project = [
        ("build.ninja", "rule up\n  command = tr a-z A-Z < $in > $out\nbuild b: up a\nbuild c: up b\n"),
        ("a", "text\n"),
    ];
    for (workload, place) in [("s.csv", directory(&[("s.csv", SHEET)])), (".", directory(&project))] {
        let cache = directory(&[]);
        let with = ["--cache", cache.path().to_str().expect("a name")];
        let arguments = ["compare", workload, "--format", "json", "--rebuilder", "constructive-trace"];
        let first_steps = |arguments: &[&str]| {
            let (code, rows) = json(arguments, place.path());
            assert!(code == 0 && rows.iter().all(|row| row["correct"] != false), "{rows:?}");
            let step = rows[0]["step"].clone();
            rows.iter().filter(|row| row["step"] == step).map(|row| row["ran"] == 0).collect::<Vec<_>>()
        };
        assert_eq!(first_steps(&arguments), [false; 3], "{workload}: each begins with a cache of its own");
        let shared = [&arguments[..], &with].concat();
        assert_eq!(first_steps(&shared), [false, true, true], "{workload}");
        assert_eq!(first_steps(&shared), [true; 3], "{workload}");
    }
}
