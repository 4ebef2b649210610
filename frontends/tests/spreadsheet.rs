//! Sheets as builds: what is computed, what is computed again, and what a topological scheduler refuses.

use alacarte_core::{Build, Dynamic, Power, Rebuilder, Scheduler};
use alacarte_frontends::spreadsheet::{CellRef, Scalar, Sheet, SheetStore, SheetTasks};
use alacarte_stores::{Log, SharedBytes};

type Book<P> = Build<
    CellRef,
    Scalar,
    SheetTasks<P>,
    SheetStore,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<CellRef, Scalar>>,
    Log<CellRef, Scalar>,
>;

fn cell(name: &str) -> CellRef {
    name.parse().expect("a cell")
}

fn open<P: Power>(tasks: SheetTasks<P>, scheduler: &str, rebuilder: &str, log: &SharedBytes) -> Book<P> {
    let store = SheetStore::new(tasks.sheet());
    Build::new(tasks, store)
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("known"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("known"))
        .with_journal(Log::from_bytes(log.clone()))
}

fn sheet(text: &str) -> SheetTasks<Dynamic> {
    SheetTasks::new(Sheet::parse("sheet.csv", text).expect("a sheet"))
}

fn set<P: Power>(book: &mut Book<P>, at: &str, field: &str) {
    if let Some(value) = book.tasks_mut().set(cell(at), field).expect("a cell") {
        book.set(cell(at), value).expect("set");
    }
}

/// Brings a cell up to date: what it shows, and which formulas were computed.
fn show<P: Power>(book: &mut Book<P>, at: &str) -> (String, Vec<String>) {
    let report = book.run([cell(at)]).unwrap_or_else(|error| panic!("{error}"));
    let mut ran: Vec<String> = book.names(&report.ran).iter().map(ToString::to_string).collect();
    ran.sort();
    (book.get(cell(at)).expect("a value").to_string(), ran)
}

const SUMS: &str = "1,=A1+10,=B1+B2,\n2,=IF(A1>5;A2;Z9)+1,=LEN(C1)\n";

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// The same edits under every system.
fn play<P: Power>(tasks: impl Fn() -> SheetTasks<P>, scheduler: &str) {
    for rebuilder in REBUILDERS {
        let what = format!("{scheduler} × {rebuilder}");
        let log = SharedBytes::default();
        let mut book = open(tasks(), scheduler, rebuilder, &log);
        assert_eq!(show(&mut book, "C2").0, "2", "{what}: 11 + 1, two digits");
        assert_eq!(show(&mut book, "C2").1, [""; 0], "{what}");
        set(&mut book, "A1", "2");
        let (shown, ran) = show(&mut book, "C2");
        assert_eq!(shown, "2");
        assert!(ran.contains(&"B1".to_owned()) && ran.contains(&"B2".to_owned()), "{what}: {ran:?}");
        // An empty cell is an input that may be filled.
        set(&mut book, "Z9", "100");
        assert_eq!(show(&mut book, "C1").0, "113", "{what}");
        set(&mut book, "B1", "=A1*A2");
        assert_eq!(show(&mut book, "C1").0, "105", "{what}: a new formula");
        set(&mut book, "B1", "7");
        assert_eq!(show(&mut book, "C1").0, "108", "{what}: a formula becomes a value");
        set(&mut book, "Z9", "");
        assert_eq!(show(&mut book, "C1").0, "8", "{what}: a cell is cleared");
    }
}

#[test]
fn a_static_sheet_under_every_system() {
    play(|| sheet(SUMS).into_static().expect("static"), "topological");
    play(|| sheet(SUMS).into_static().expect("static"), "suspending");
    play(|| sheet(SUMS), "restarting");
    play(|| sheet(SUMS), "suspending");
}

#[test]
fn another_process_computes_what_changed() {
    for rebuilder in REBUILDERS {
        let log = SharedBytes::default();
        drop({
            let mut book = open(sheet(SUMS), "suspending", rebuilder, &log);
            show(&mut book, "C2");
            book
        });
        let mut book = open(sheet(SUMS), "restarting", rebuilder, &log);
        assert_eq!(show(&mut book, "C2"), ("2".into(), vec![]), "{rebuilder}");
        drop(book);
        let mut book = open(sheet(&SUMS.replace("=A1+10", "=A1+98")), "suspending", rebuilder, &log);
        assert_eq!(show(&mut book, "C2"), ("3".into(), ["B1", "C1", "C2"].map(String::from).to_vec()), "{rebuilder}");
        drop(book);
        let mut book = open(sheet(&SUMS.replace("1,=A1+10", "-1,=A1+98")), "suspending", rebuilder, &log);
        assert_eq!(show(&mut book, "C1").0, "98", "{rebuilder}");
    }
}

#[test]
fn indirect_is_dynamic_and_the_sheet_that_only_looks_cyclic_is_not() {
    let error = sheet("=INDIRECT(\"B\"&A2)\n1\n").into_static().expect_err("dynamic").to_string();
    assert!(error.contains("sheet.csv") && error.contains("A1"), "{error}");
    let log = SharedBytes::default();
    let mut book = open(sheet("=INDIRECT(\"B\"&A2),5\n1,6\n"), "suspending", "verifying-trace", &log);
    assert_eq!(show(&mut book, "A1").0, "5");
    set(&mut book, "A2", "2");
    assert_eq!(show(&mut book, "A1").0, "6");

    let twisted = "0,=IF(A1=0;B2;2)\n8,=IF(A1=0;A2;B1)\n";
    for scheduler in ["restarting", "suspending"] {
        let mut book = open(sheet(twisted), scheduler, "verifying-trace", &SharedBytes::default());
        assert_eq!(show(&mut book, "B1").0, "8", "{scheduler}");
        set(&mut book, "A1", "1");
        assert_eq!(show(&mut book, "B2").0, "2", "{scheduler}");
    }
    let mut book = open(sheet(twisted).into_static().expect("static"), "topological", "verifying-trace", &log);
    let error = book.run([cell("B1")]).expect_err("it looks cyclic").to_string();
    assert!(error.contains("cycle"), "{error}");
}
