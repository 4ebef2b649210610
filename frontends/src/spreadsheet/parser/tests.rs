//! The steps that formulas become, and the errors of texts that are none.

use super::super::functions::Aggregate;
use super::*;

fn error(text: &str) -> (usize, String, String) {
    let error = compile(text).expect_err(text);
    (error.column, error.expected, error.found)
}

fn assert_error(text: &str, column: usize, expected: &str, found: &str) {
    let error = error(text);
    assert_eq!((error.0, error.2.as_str()), (column, found), "{text}: {error:?}");
    assert!(error.1.contains(expected), "{text}: {error:?}");
}

#[test]
fn references_are_used_as_their_place_asks() {
    let cell = CellRef::new(0, 0);
    let range = CellRange::new(cell, CellRef::new(0, 2)).expect("small");
    assert_eq!(
        compile("=SUM(A1,(A1:$A$3),A1+1)").expect("valid"),
        [
            Step::Open(Aggregate::Sum),
            Step::AddCell(cell),
            Step::AddRange(range),
            Step::Fetch(cell),
            Step::Push(Scalar::Number(1.0)),
            Step::Binary(Binary::Add),
            Step::AddValue,
            Step::Close,
        ]
    );
}

#[test]
fn errors_say_where_and_what() {
    let end = "the end of the formula";
    assert_error("A1", 1, "`=`", "`A1`");
    assert_error("", 1, "`=`", end);
    assert_error("=", 2, "a value, a cell", end);
    assert_error("=1+", 4, "a value, a cell", end);
    assert_error("=1+*2", 4, "a value, a cell", "`*`");
    assert_error("=(1", 4, "`)`", end);
    assert_error("=1)", 3, "an operator or the end", "`)`");
    assert_error("=1 2", 4, "an operator", "`2`");
    assert_error("=\"é\" foo", 6, "an operator", "`foo`");
    assert_error("=1+foo", 4, "a cell such as B7", "`foo`");
    assert_error("=A0", 2, "a cell such as B7", "`A0`");
    assert_error("=A1:7", 5, "the other corner", "`7`");
    assert_error("=A1:B2", 2, "AND, AVERAGE, COUNT, MAX, MIN, OR, SUM)", "`A1:B2`");
    assert_error("=SUM(1+A1:B2)", 8, "a single value", "`A1:B2`");
    assert_error("=ABS(A1:B2)", 6, "a single value", "`A1:B2`");
    assert_error("=1+-(A1:B2)%", 6, "a single value", "`A1:B2`");
}

#[test]
fn errors_of_calls() {
    let end = "the end of the formula";
    assert_error("=1+summ(A1)", 4, "ABS, AND, AVERAGE, COUNT, IF, INDIRECT, ", "`summ`");
    assert_error("=LOG10(A1)", 2, "one of the functions ABS", "`LOG10`");
    assert_error("=SUM", 5, "`(` after SUM", end);
    assert_error("=SUM()", 6, "a value", "`)`");
    assert_error("=SUM(A1", 8, "`,` or `)` (SUM takes 1 or more", end);
    assert_error("=SUM(A1,", 9, "a value", end);
    assert_error("=IF(A1)", 7, "IF takes 2 to 3", "`)`");
    assert_error("=IF(A1,1,2,3)", 11, "IF takes 2 to 3", "`,`");
    assert_error("=mod(1)", 7, "mod takes 2 arguments", "`)`");
    assert_error("=NOT(1;2)", 7, "NOT takes 1 argument", "`;`");
    assert_error("=INDIRECT(\"A1\",1)", 15, "INDIRECT takes 1", "`,`");
}

/// On a thread whose stack is smaller than what a recursion of so many levels would need.
#[test]
fn neither_depth_nor_length_needs_stack() {
    let formulas = [
        format!("={}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("={}1{}", "1=1&1+1*1^-IF(1,".repeat(20_000), ")".repeat(20_000)),
        format!("={}A1:A2{}", "SUM(1,(".repeat(100_000), "))".repeat(100_000)),
        format!("=1{}", "+(1)".repeat(100_000)),
        format!("={}1", "-".repeat(100_000)),
        format!("=1{}", "^1%".repeat(100_000)),
    ];
    let small = std::thread::Builder::new().stack_size(64 * 1024);
    let run = move || formulas.iter().all(|formula| compile(formula).is_ok());
    assert!(small.spawn(run).expect("a thread").join().expect("no overflow"));
    let unclosed = format!("={}1", "ABS(".repeat(10_000));
    assert_error(&unclosed, 40_003, "`)` (ABS takes 1 argument)", "the end of the formula");
}
