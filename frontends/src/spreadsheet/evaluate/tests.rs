//! What formulas evaluate to, and what they fetch on the way.

use super::super::sheet_oracle::{Cycle, Oracle, now};
use super::super::{CellError, Formula, References, Scalar, Sheet};

/// A1 2, B1 3, C1 text, D1 empty, E1 TRUE, F1 a name of a cell; A2 an error, B2 a cell of formulas, C2 a name of a
/// range.
const SHEET: &str = "2,3,label,,TRUE,b1\n#DIV/0!,=A1+B1,A1:B1\n";

/// The value of a formula over [`SHEET`], and what it asked for of the cells.
fn run(text: &str) -> (Scalar, String) {
    let sheet = Sheet::parse("test", SHEET).expect("valid");
    let oracle = Oracle::new(&sheet);
    let formula = Formula::parse(text).expect(text);
    let value = now(formula.evaluate(&oracle)).expect("no cycle");
    let asked = oracle.asked.take();
    if let References::Static(cells) = formula.references() {
        for cell in asked.join(" ").split([' ', '[', ']']).filter(|name| !name.is_empty()) {
            let declared = cells.iter().any(|reference| reference.to_string() == cell);
            // B2 is a formula, and asks for its own.
            assert!(declared || text.contains("B2"), "{text} fetched {cell} undeclared");
        }
    }
    (value, asked.join(" "))
}

fn value(text: &str) -> Scalar {
    run(text).0
}

fn shown(text: &str) -> String {
    value(text).to_string()
}

#[test]
fn precedence_and_associativity() {
    for (text, result) in [
        ("=1+2*3", "7"),
        ("=(1+2)*3", "9"),
        ("=10-4-3", "3"),
        ("=100/10/2", "5"),
        ("=2^3^2", "64"),
        ("=-2^2", "4"),
        ("=0-2^2", "-4"),
        ("=2^-1", "0.5"),
        ("=--3", "3"),
        ("=+-+3", "-3"),
        ("=2*3^2", "18"),
        ("=50%", "0.5"),
        ("=200*5%", "10"),
        ("=1+50%", "1.5"),
        ("=4^50%*3", "6"),
        ("=-50%%", "-0.005"),
        ("=1+1&2*2", "24"),
        ("=1&2=12", "FALSE"),
        ("=1&2=\"12\"", "TRUE"),
        ("=3>2>1", "TRUE"),
        ("=1+1=2", "TRUE"),
        ("= 1 +\n\t2 ", "3"),
    ] {
        assert_eq!(shown(text), result, "{text}");
    }
}

#[test]
fn literals() {
    assert_eq!(value("=\"say \"\"hi\"\"\""), "say \"hi\"".into());
    assert_eq!(value("=true"), true.into());
    assert_eq!(value("=FALSE"), false.into());
    assert_eq!(value("=#REF!"), CellError::Reference.into());
    assert_eq!(value("=1.5e3"), 1500.0.into());
}

#[test]
fn empty_cells_are_zero_and_no_text() {
    assert_eq!(value("=D1+1"), 1.0.into());
    assert_eq!(value("=D1&\"x\""), "x".into());
    assert_eq!(value("=AND(D1=0, D1=\"\", D1=FALSE)"), true.into());
    assert_eq!(value("=D1"), Scalar::Empty);
}

#[test]
fn if_fetches_only_the_branch_it_takes() {
    for (text, result, asked) in [
        ("=IF(E1, A1, B1)", "2", "E1 A1"),
        ("=IF(NOT(E1), A1, B1)", "3", "E1 B1"),
        ("=IF(D1, A1)", "FALSE", "D1"),
        ("=IF(E1, IF(D1, A1, B1), C1)+A1", "5", "E1 D1 B1 A1"),
        ("=IF(A2, A1, B1)", "#DIV/0!", "A2"),
        ("=IF(C1, A1, B1)", "#VALUE!", "C1"),
        ("=IF(1; SUM(A1:B1); SUM(A2:B2))", "5", "[A1 B1]"),
        ("=SUM(1, IF(A2, A1, B1), B1)", "#DIV/0!", "A2 B1"),
        ("=SUM(A1, IF(1, B1), 1)", "6", "A1 B1"),
        ("=IF(IF(D1, A1, E1), IF(E1, B1), A1)", "3", "D1 E1 E1 B1"),
    ] {
        let (value, fetched) = run(text);
        assert_eq!((value.to_string().as_str(), fetched.as_str()), (result, asked), "{text}");
    }
}

#[test]
fn ranges_are_fetched_as_one_group() {
    assert_eq!(run("=SUM(B1:A1)"), (5.0.into(), "[A1 B1]".into()));
    assert_eq!(run("=COUNT(A1:F1)"), (2.0.into(), "[A1 B1 C1 D1 E1 F1]".into()));
    assert_eq!(run("=MAX(A1:A1,10,B1)"), (10.0.into(), "[A1] B1".into()));
    assert_eq!(run("=AVERAGE((A1:B1),A1+5)"), (4.0.into(), "[A1 B1] A1".into()));
    let million = "=SUM(A1:A1048577)";
    assert_eq!(run(million), (CellError::Reference.into(), "".into()));
}

#[test]
fn aggregates_tell_cells_from_values() {
    assert_eq!(value("=SUM(A1,C1,E1)"), 2.0.into());
    assert_eq!(value("=SUM(A1,(C1))"), 2.0.into());
    assert_eq!(value("=SUM(A1,C1&\"\")"), CellError::Value.into());
    assert_eq!(value("=SUM(\"3\",TRUE,A1:B1)"), 9.0.into());
    assert_eq!(value("=MIN(IF(E1, D1), 5)"), 5.0.into());
    assert_eq!(value("=COUNT(IF(E1, D1), D1, 5)"), 1.0.into());
    assert_eq!(value("=AVERAGE(C1:D1)"), CellError::DivideByZero.into());
    assert_eq!(value("=SUM(A1:B2)"), CellError::DivideByZero.into());
    assert_eq!(value("=COUNT(A1:B2)"), 3.0.into());
    assert_eq!(value("=MIN(A1, SUM(B1, MAX(A1:B1, 7)), 4)"), 2.0.into());
    assert_eq!(value("=OR(A1>2, B1>2)"), true.into());
}

#[test]
fn indirect_fetches_the_name_then_the_cell() {
    assert_eq!(run("=INDIRECT(F1)"), (3.0.into(), "F1 B1".into()));
    assert_eq!(run("=INDIRECT(\"A\"&B1-2)*10"), (20.0.into(), "B1 A1".into()));
    assert_eq!(run("=INDIRECT(\"$A$1\")+INDIRECT(F1)"), (5.0.into(), "A1 F1 B1".into()));
    assert_eq!(run("=INDIRECT(INDIRECT(\"F1\"))"), (3.0.into(), "F1 B1".into()));
    assert_eq!(run("=SUM(INDIRECT(C2),INDIRECT(\"C1\"))"), (5.0.into(), "C2 [A1 B1] C1".into()));
    assert_eq!(run("=IF(D1, INDIRECT(F1), 1)"), (1.0.into(), "D1".into()));
    for (text, error) in [
        ("=INDIRECT(\"nowhere\")", CellError::Reference),
        ("=INDIRECT(D1)", CellError::Reference),
        ("=SUM(INDIRECT(A1))", CellError::Reference),
        ("=SUM(INDIRECT(\"A1:\"))", CellError::Reference),
        ("=SUM(INDIRECT(\"A1:XFD9999\"))", CellError::Reference),
        ("=INDIRECT(C2)", CellError::Value),
        ("=INDIRECT(A2)", CellError::DivideByZero),
        ("=SUM(INDIRECT(A2))", CellError::DivideByZero),
    ] {
        assert_eq!(value(text), error.into(), "{text}");
    }
}

#[test]
fn functions_of_values() {
    for (text, result) in [
        ("=ROUND(2.345, 2)", "2.35"),
        ("=mod(-7, B1)", "2"),
        ("=LEN(C1)+LEN(\"é☃\")", "7"),
        ("=ABS(A1-B1)", "1"),
        ("=NOT(0)", "TRUE"),
        ("=MOD(1, D1)", "#DIV/0!"),
        ("=LEN(A2)", "#DIV/0!"),
    ] {
        assert_eq!(shown(text), result, "{text}");
    }
}

#[test]
fn errors_propagate_as_values() {
    assert_eq!(value("=1+A2*2"), CellError::DivideByZero.into());
    assert_eq!(value("=-A2%"), CellError::DivideByZero.into());
    assert_eq!(value("=C1*2"), CellError::Value.into());
    assert_eq!(value("=10^308*10"), CellError::Number.into());
    assert_eq!(value("=(0-1)^0.5&\"x\""), CellError::Number.into());
    assert_eq!(value("=A2=A2"), CellError::DivideByZero.into());
}

#[test]
fn cells_that_are_no_numbers_do_not_get_through() {
    struct NaN;
    impl super::Cells for NaN {
        type Error = ();
        async fn cell(&self, _: super::CellRef) -> Result<Scalar, ()> {
            Ok(Scalar::Number(f64::NAN))
        }
        async fn cells(&self, group: &[super::CellRef]) -> Result<Vec<Scalar>, ()> {
            Ok(vec![Scalar::Number(f64::INFINITY); group.len()])
        }
    }
    for text in ["=A1", "=INDIRECT(\"A1\")", "=SUM(A1)", "=MAX(A1:A2)", "=SUM(1,A1:A2)"] {
        let formula = Formula::parse(text).expect(text);
        assert_eq!(now(formula.evaluate(&NaN)), Ok(CellError::Number.into()), "{text}");
    }
}

#[test]
fn formulas_of_formulas_and_cycles() {
    let text = "1,=A1+1,=B1+A1,=SUM(A1:C1)\n=B2,=A2\n=IF(A1=1;5;A3)\n";
    let sheet = Sheet::parse("test", text).expect("valid");
    let oracle = Oracle::new(&sheet);
    let at = |name: &str| name.parse().expect(name);
    assert_eq!(oracle.compute(at("D1")), Ok(6.0.into()));
    assert_eq!(oracle.compute(at("A2")), Err(Cycle(vec![at("A2"), at("B2")])));
    // A static cycle, but not one of evaluation.
    assert_eq!(oracle.compute(at("A3")), Ok(5.0.into()));
}

#[test]
fn long_formulas_do_not_recurse() {
    let long = format!("=0{}", "+A1".repeat(100_000));
    assert_eq!(value(&long), 200_000.0.into());
    let minuses = format!("={}A1", "-".repeat(100_001));
    assert_eq!(value(&minuses), (-2.0).into());
    let nested = format!("={}7{}", "IF(E1,".repeat(10_000), ")".repeat(10_000));
    assert_eq!(value(&nested), 7.0.into());
}

/// Random expressions, written with only the parentheses that the rules of precedence ask for, against a tree.
#[test]
fn random_expressions_agree_with_their_trees() {
    let mut random = Random(42);
    for _ in 0..2_000 {
        let (text, level, expected) = expression(&mut random, 4);
        assert!(level <= 9);
        let expected = Scalar::number(expected);
        assert_eq!(value(&format!("={text}")), expected, "{text}");
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Its text, the level of its outermost operator (9 if it needs no parentheses anywhere), and its value.
fn expression(random: &mut Random, depth: u32) -> (String, u8, f64) {
    if depth == 0 {
        let digit = random.below(9) + 1;
        return (digit.to_string(), 9, digit as f64);
    }
    let (symbol, level) = [("+", 1), ("-", 1), ("*", 2), ("/", 2), ("^", 3)][random.below(5) as usize];
    let left_depth = random.below(u64::from(depth)) as u32;
    let (left, left_level, a) = expression(random, left_depth);
    let (right, right_level, b) = expression(random, depth - 1);
    // Trees whose values leave the numbers would only compare errors.
    let result = match symbol {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" if b != 0.0 => a / b,
        "^" if a > 0.0 => a.powf(b),
        _ => return (left, left_level, a),
    };
    if !result.is_finite() {
        return (right, right_level, b);
    }
    let parenthesised = |text: String, needed| if needed { format!("({text})") } else { text };
    let left = parenthesised(left, left_level < level);
    let right = parenthesised(right, right_level <= level);
    (format!("{left}{symbol}{right}"), level, result)
}

#[test]
fn the_future_is_small() {
    // It is what a suspending scheduler keeps for each task that waits.
    let sheet = Sheet::parse("test", SHEET).expect("valid");
    let oracle = Oracle::new(&sheet);
    let formula = Formula::parse("=SUM(A1:B1)").expect("valid");
    let size = size_of_val(&formula.evaluate(&oracle));
    assert!(size <= 512, "{size} bytes");
}
