//! Reading, changing and writing sheets.

use super::*;

fn at(name: &str) -> CellRef {
    name.parse().expect(name)
}

fn parse(text: &str) -> Sheet {
    Sheet::parse("test.csv", text).expect(text)
}

fn value(sheet: &Sheet, name: &str) -> Scalar {
    match sheet.get(at(name)) {
        None => Scalar::Empty,
        Some(Cell::Value(value)) => value.clone(),
        Some(Cell::Formula(formula)) => panic!("{name} is {formula}"),
    }
}

#[test]
fn fields_are_read_as_typed() {
    let sheet = parse("1.50, 2 ,word, two words,true\n'12,'=A1,#div/0!,'',1e999\n\n,\" \",x\n");
    assert_eq!(value(&sheet, "A1"), 1.5.into());
    assert_eq!(value(&sheet, "B1"), 2.0.into());
    assert_eq!(value(&sheet, "C1"), "word".into());
    assert_eq!(value(&sheet, "D1"), " two words".into());
    assert_eq!(value(&sheet, "E1"), true.into());
    assert_eq!(value(&sheet, "A2"), "12".into());
    assert_eq!(value(&sheet, "B2"), "=A1".into());
    assert_eq!(value(&sheet, "C2"), CellError::DivideByZero.into());
    assert_eq!(value(&sheet, "D2"), "'".into());
    assert_eq!(value(&sheet, "E2"), "1e999".into());
    assert_eq!(sheet.get(at("A3")), None);
    assert_eq!(sheet.get(at("B4")), None);
    assert_eq!(value(&sheet, "C4"), "x".into());
    assert_eq!(sheet.dimensions(), Dimensions { columns: 5, rows: 4 });
    assert_eq!(parse("").dimensions(), Dimensions { columns: 0, rows: 0 });
}

#[test]
fn formulas_are_found_and_sorted() {
    let sheet = parse("a, =A2+1 ,\"=SUM(A1,B1)\"\n\"=INDIRECT(\"\"A1\"\")\",=IF(A1;INDIRECT(B1))\n");
    let cells: Vec<String> = sheet.cells().map(|(at, cell)| format!("{at} {}", cell.to_field())).collect();
    assert_eq!(cells, ["A1 a", "B1 =A2+1", "C1 =SUM(A1,B1)", "A2 =INDIRECT(\"A1\")", "B2 =IF(A1;INDIRECT(B1))"]);
    assert_eq!(sheet.dynamic_cells().collect::<Vec<_>>(), [at("A2"), at("B2")]);
}

#[test]
fn errors_name_the_very_character() {
    let error = |text: &str| Sheet::parse("test.csv", text).expect_err(text).to_string();
    assert_eq!(
        error("é,1\n2, =1+*3,4\n"),
        "test.csv:2:7: cell B2: expected a value, a cell, a function or `(`, found `*`"
    );
    // Quotation marks and line breaks within the field count as in the file.
    assert!(error("x,\"=\"\"a\"\"&\n \"\"b\"\" ~\"").starts_with("test.csv:2:8: cell B1: "));
    assert!(error("\u{feff}=)").starts_with("test.csv:1:2: cell A1: "));
    assert_eq!(
        error("\n\n,\"1"),
        "test.csv:3:2: cell B3: expected a quotation mark that closes the field begun here, found the end of the file"
    );
    let unquoted = error("=SUM(A1,B1)");
    assert!(unquoted.starts_with("test.csv:1:8: cell A1: "), "{unquoted}");
    assert!(unquoted.contains("the comma ends the field"), "{unquoted}");
    assert!(!error("=SUM(A1\n").contains("comma ends"));
    assert!(!error("\"=SUM(A1\",2").contains("comma ends"));
    let wide = format!("{}1", ",".repeat(MAX_COLUMNS as usize));
    assert!(error(&wide).contains("at most 16384 columns"));
}

#[test]
fn set_types_into_a_cell() {
    let mut sheet = parse("1,2\n");
    sheet.set(at("B1"), "=A1*2").expect("a formula");
    sheet.set(at("C2"), "'7").expect("a text");
    sheet.set(at("A1"), " ").expect("nothing");
    assert_eq!(sheet.to_csv(), ",=A1*2\n,,'7\n");
    let error = sheet.set(at("B1"), "=A1*").expect_err("cut short");
    assert!(error.to_string().starts_with("cell B1: column 5: expected a value"), "{error}");
    assert_eq!(sheet.to_csv(), ",=A1*2\n,,'7\n");
    let far = CellRef::new(0, u32::MAX);
    assert!(matches!(sheet.set(far, "1"), Err(SheetError::Outside { cell }) if cell == far));
}

#[test]
fn csv_round_trips() {
    let mut sheet = parse("");
    let fields = [
        "word",
        "'12",
        "'",
        "'=A1",
        "'TRUE",
        "'#REF!",
        "''x",
        "' ",
        " padded ",
        "a,b",
        "say \"hi\"",
        "two\nlines",
        "\r",
        "0.30000000000000004",
        "1e300",
        "-2.5e-200",
        "FALSE",
        "#NAME?",
        "=A1&\"x,\"",
        "=SUM(A1,\n B1)",
        "\u{feff}x",
        " \"q\"",
        "5e-324",
        "-0",
        "'-",
    ];
    for (row, field) in fields.iter().enumerate() {
        for column in [0, 2 + row as u32 % 3] {
            sheet.set(CellRef::new(column, 2 * row as u32), field).expect(field);
        }
    }
    let csv = sheet.to_csv();
    let again = parse(&csv);
    for ((here, cell), (there, other)) in sheet.cells().zip(again.cells()) {
        assert_eq!((here, cell), (there, other));
    }
    assert_eq!(sheet.cells().count(), again.cells().count());
    assert_eq!(again.to_csv(), csv);
    assert_eq!(parse("\n\n,x").to_csv(), "\n\n,x\n");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = std::env::temp_dir();
    let error = Sheet::read(&folder.join("no such sheet.csv")).expect_err("no file");
    assert!(matches!(error, SheetError::Read { .. }), "{error}");
    let path = folder.join(format!("alacarte-sheet-{}.csv", std::process::id()));
    std::fs::write(&path, b"1,2\nab\xff").expect("a writable folder");
    let error = Sheet::read(&path).expect_err("no text");
    assert!(error.to_string().ends_with(".csv:2:3: expected text in UTF-8, found other bytes"), "{error}");
    std::fs::write(&path, "1,=A1+1\n").expect("a writable folder");
    let sheet = Sheet::read(&path).expect("a sheet");
    assert_eq!((sheet.to_csv().as_str(), sheet.name()), ("1,=A1+1\n", path.to_str().unwrap_or("")));
    std::fs::remove_file(&path).expect("the file just written");
}
