//! The operators of a formula, applied to values at hand. An operand that is an error is the result, the left one
//! first.
//!
//! Precedence is that of the spreadsheets, which is not that of mathematics: the minus sign binds tighter than the
//! power (`-2^2` is 4), and powers associate to the left (`2^3^2` is 64).

use std::cmp::Ordering;

use super::scalar::{CellError, Scalar};

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concatenate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// An operator before or after its one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Negate,
    Percent,
}

impl Binary {
    /// The operator that a symbol stands for.
    pub(super) fn from_symbol(symbol: &str) -> Option<Binary> {
        Some(match symbol {
            "=" => Binary::Equal,
            "<>" => Binary::NotEqual,
            "<" => Binary::Less,
            "<=" => Binary::LessOrEqual,
            ">" => Binary::Greater,
            ">=" => Binary::GreaterOrEqual,
            "&" => Binary::Concatenate,
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "^" => Binary::Power,
            _ => return None,
        })
    }

    /// How tightly it binds: more is tighter. All operators of one level associate to the left.
    pub(super) fn level(self) -> u8 {
        match self {
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual => 1,
            Binary::Concatenate => 2,
            Binary::Add | Binary::Subtract => 3,
            Binary::Multiply | Binary::Divide => 4,
            Binary::Power => 5,
        }
    }

    /// The result for these operands.
    pub(super) fn apply(self, left: &Scalar, right: &Scalar) -> Scalar {
        match self {
            Binary::Equal => compare(left, right, Ordering::is_eq),
            Binary::NotEqual => compare(left, right, Ordering::is_ne),
            Binary::Less => compare(left, right, Ordering::is_lt),
            Binary::LessOrEqual => compare(left, right, Ordering::is_le),
            Binary::Greater => compare(left, right, Ordering::is_gt),
            Binary::GreaterOrEqual => compare(left, right, Ordering::is_ge),
            Binary::Concatenate => concatenate(left, right).into(),
            Binary::Add => arithmetic(left, right, |a, b| Ok(a + b)),
            Binary::Subtract => arithmetic(left, right, |a, b| Ok(a - b)),
            Binary::Multiply => arithmetic(left, right, |a, b| Ok(a * b)),
            Binary::Divide => arithmetic(left, right, divide),
            Binary::Power => arithmetic(left, right, power),
        }
    }
}

impl Unary {
    /// The result for this operand.
    pub(super) fn apply(self, operand: &Scalar) -> Scalar {
        let number = operand.to_number();
        match self {
            Unary::Negate => number.map(|number| -number).into(),
            Unary::Percent => number.map(|number| number / 100.0).into(),
        }
    }
}

fn arithmetic(left: &Scalar, right: &Scalar, operation: impl FnOnce(f64, f64) -> Result<f64, CellError>) -> Scalar {
    let result = left.to_number().and_then(|left| operation(left, right.to_number()?));
    result.into()
}

fn divide(left: f64, right: f64) -> Result<f64, CellError> {
    if right == 0.0 { Err(CellError::DivideByZero) } else { Ok(left / right) }
}

fn power(base: f64, exponent: f64) -> Result<f64, CellError> {
    if base == 0.0 && exponent < 0.0 {
        Err(CellError::DivideByZero)
    } else if base == 0.0 && exponent == 0.0 {
        Err(CellError::Number)
    } else {
        Ok(base.powf(exponent))
    }
}

fn concatenate(left: &Scalar, right: &Scalar) -> Result<Scalar, CellError> {
    let left = left.to_text()?;
    let right = right.to_text()?;
    Ok(Scalar::text([&*left, &*right].concat()))
}

fn compare(left: &Scalar, right: &Scalar, holds: impl FnOnce(Ordering) -> bool) -> Scalar {
    match (left, right) {
        (Scalar::Error(error), _) | (_, Scalar::Error(error)) => Scalar::Error(*error),
        _ => Scalar::Bool(holds(order(left, right))),
    }
}

/// The order of values: numbers before texts before FALSE before TRUE, texts without regard to the case of letters.
/// An empty cell takes the kind of what it is compared with.
fn order(left: &Scalar, right: &Scalar) -> Ordering {
    use Scalar::{Bool, Empty, Number, Text};
    match (left, right) {
        (Number(a), Number(b)) => number_order(*a, *b),
        (Number(a), Empty) => number_order(*a, 0.0),
        (Empty, Number(b)) => number_order(0.0, *b),
        (Text(a), Text(b)) => text_order(a, b),
        (Text(a), Empty) => text_order(a, ""),
        (Empty, Text(b)) => text_order("", b),
        (Bool(a), Bool(b)) => a.cmp(b),
        (Bool(a), Empty) => a.cmp(&false),
        (Empty, Bool(b)) => false.cmp(b),
        _ => kind(left).cmp(&kind(right)),
    }
}

fn kind(value: &Scalar) -> u8 {
    match value {
        Scalar::Empty => 0,
        Scalar::Number(_) => 1,
        Scalar::Text(_) => 2,
        Scalar::Bool(_) => 3,
        Scalar::Error(_) => 4,
    }
}

fn number_order(a: f64, b: f64) -> Ordering {
    // Numbers in cells are finite; `total_cmp` alone would part the two zeros.
    (a + 0.0).total_cmp(&(b + 0.0))
}

fn text_order(a: &str, b: &str) -> Ordering {
    let a = a.chars().flat_map(char::to_lowercase);
    a.cmp(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(left: impl Into<Scalar>, symbol: &str, right: impl Into<Scalar>) -> Scalar {
        let operator = Binary::from_symbol(symbol).expect(symbol);
        operator.apply(&left.into(), &right.into())
    }

    #[test]
    fn numbers_that_are_none_are_errors() {
        assert_eq!(apply(1.0, "/", 0.0), CellError::DivideByZero.into());
        assert_eq!(apply(0.0, "^", -1.0), CellError::DivideByZero.into());
        assert_eq!(apply(0.0, "^", 0.0), CellError::Number.into());
        assert_eq!(apply(-8.0, "^", 0.5), CellError::Number.into());
        assert_eq!(apply(1e308, "*", 10.0), CellError::Number.into());
        assert_eq!(apply(f64::MIN_POSITIVE, "*", -1e-300), Scalar::Number(0.0));
    }

    #[test]
    fn kinds_are_converted() {
        assert_eq!(apply("12", "+", true), Scalar::Number(13.0));
        assert_eq!(apply("one", "+", 1.0), CellError::Value.into());
        assert_eq!(apply(Scalar::Empty, "-", 2.0), Scalar::Number(-2.0));
        assert_eq!(apply(1.5, "&", Scalar::Empty), "1.5".into());
        assert_eq!(apply(0.1 + 0.2, "&", true), "0.3TRUE".into());
    }

    #[test]
    fn the_left_error_wins() {
        for symbol in ["+", "&", "=", "<"] {
            let result = apply(CellError::Name, symbol, CellError::DivideByZero);
            assert_eq!(result, CellError::Name.into());
            assert_eq!(apply("x", symbol, CellError::Reference), {
                let first = if symbol == "+" { CellError::Value } else { CellError::Reference };
                first.into()
            });
        }
    }

    #[test]
    fn values_are_ordered_across_kinds() {
        let holds = |left: Scalar, symbol, right: Scalar| apply(left, symbol, right) == true.into();
        assert!(holds("abc".into(), "=", "ABC".into()));
        assert!(holds("a".into(), "<", "B".into()));
        assert!(holds(1e9.into(), "<", "0".into()));
        assert!(holds("zebra".into(), "<", false.into()));
        assert!(holds(Scalar::Empty, "=", 0.0.into()));
        assert!(holds(Scalar::Empty, "=", "".into()));
        assert!(holds(false.into(), "=", Scalar::Empty));
        assert!(holds(Scalar::Empty, "=", Scalar::Empty));
        assert!(holds(1.0.into(), "<>", "1".into()));
        assert!(holds(Scalar::Number(-0.0), ">=", Scalar::Number(0.0)));
        assert!(holds(2.0.into(), "<=", 2.0.into()));
        assert!(!holds(2.0.into(), ">", 2.0.into()));
    }
}
