//! The functions of a formula. Three kinds, by how they meet their arguments:
//!
//! - functions of a few values (`ROUND`), applied to values at hand;
//! - aggregates (`SUM`), which take any number of values, cells and ranges, and are therefore a fold that holds no
//!   argument longer than it takes to add it;
//! - `IF` and `INDIRECT`, which decide what is fetched and so are steps of the program, not functions of values.

use std::ops::RangeInclusive;

use super::scalar::{CellError, Scalar};

/// What a function name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    If,
    Indirect,
    Aggregate(Aggregate),
    Values(ValueFunction),
}

/// Every function there is, by name.
const FUNCTIONS: [(&str, Function); 14] = [
    ("ABS", Function::Values(ValueFunction::Abs)),
    ("AND", Function::Aggregate(Aggregate::And)),
    ("AVERAGE", Function::Aggregate(Aggregate::Average)),
    ("COUNT", Function::Aggregate(Aggregate::Count)),
    ("IF", Function::If),
    ("INDIRECT", Function::Indirect),
    ("LEN", Function::Values(ValueFunction::Len)),
    ("MAX", Function::Aggregate(Aggregate::Max)),
    ("MIN", Function::Aggregate(Aggregate::Min)),
    ("MOD", Function::Values(ValueFunction::Mod)),
    ("NOT", Function::Values(ValueFunction::Not)),
    ("OR", Function::Aggregate(Aggregate::Or)),
    ("ROUND", Function::Values(ValueFunction::Round)),
    ("SUM", Function::Aggregate(Aggregate::Sum)),
];

impl Function {
    /// The function of that name, in any case of letters.
    pub(super) fn named(name: &str) -> Option<Function> {
        let (_, function) = FUNCTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(*function)
    }

    /// How many arguments it takes.
    pub(super) fn arity(self) -> RangeInclusive<usize> {
        match self {
            Function::If => 2..=3,
            Function::Indirect => 1..=1,
            Function::Aggregate(_) => 1..=usize::MAX,
            Function::Values(function) => function.arity()..=function.arity(),
        }
    }

    /// The names of those functions that are chosen, for a message: `AND, OR`.
    pub(super) fn names(chosen: impl Fn(Function) -> bool) -> String {
        let names = FUNCTIONS.iter().filter(|(_, function)| chosen(*function));
        names.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// A function of a fixed number of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueFunction {
    Abs,
    Len,
    Mod,
    Not,
    Round,
}

impl ValueFunction {
    /// How many arguments it takes.
    pub(super) fn arity(self) -> usize {
        match self {
            ValueFunction::Abs | ValueFunction::Len | ValueFunction::Not => 1,
            ValueFunction::Mod | ValueFunction::Round => 2,
        }
    }

    /// The result for these arguments, as many as [`ValueFunction::arity`] says.
    pub(super) fn apply(self, arguments: &[Scalar]) -> Scalar {
        match (self, arguments) {
            (ValueFunction::Abs, [x]) => x.to_number().map(f64::abs).into(),
            (ValueFunction::Len, [x]) => x.to_text().map(|text| text.chars().count() as f64).into(),
            (ValueFunction::Not, [x]) => x.to_bool().map(|truth| !truth).into(),
            (ValueFunction::Mod, [x, y]) => two(x, y).and_then(|(x, y)| modulo(x, y)).into(),
            (ValueFunction::Round, [x, y]) => two(x, y).map(|(x, y)| round(x, y)).into(),
            _ => Scalar::Error(CellError::Value),
        }
    }
}

fn two(x: &Scalar, y: &Scalar) -> Result<(f64, f64), CellError> {
    Ok((x.to_number()?, y.to_number()?))
}

/// The remainder with the sign of the divisor.
fn modulo(x: f64, y: f64) -> Result<f64, CellError> {
    if y == 0.0 {
        return Err(CellError::DivideByZero);
    }
    let rest = x % y;
    let other_sign = rest != 0.0 && (rest < 0.0) != (y < 0.0);
    Ok(if other_sign { rest + y } else { rest })
}

/// Rounds half away from zero, to so many decimals; as many zeros before the point if negative.
fn round(x: f64, decimals: f64) -> f64 {
    let scale = 10f64.powi(decimals.trunc().clamp(-400.0, 400.0) as i32);
    let scaled = x * scale;
    // Past the precision of any f64 there is nothing to round; past its size, everything is rounded away.
    if !scaled.is_finite() || scaled.abs() >= 1e15 {
        return x;
    }
    if scale == 0.0 {
        return 0.0;
    }
    // 1.005 is stored as a little less, and people expect 1.01 of it: look at it with the 15 digits they see.
    let seen = format!("{scaled:.14e}").parse().unwrap_or(scaled);
    seen.round() / scale
}

/// A function over any number of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    And,
    Average,
    Count,
    Max,
    Min,
    Or,
    Sum,
}

/// An aggregate on its way through its arguments.
///
/// What is written in the call counts as written: `SUM("3", TRUE)` is 4 and `SUM("x")` is `#VALUE!`. What stands in
/// referenced cells counts only if it is of the kind that the aggregate is about: texts are labels, not numbers.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    aggregate: Aggregate,
    /// The sum, the extreme, or the truth as 0 or 1, of what was counted.
    result: f64,
    counted: u64,
    /// The first error met.
    error: Option<CellError>,
}

impl Fold {
    /// The fold over nothing yet.
    pub(super) fn new(aggregate: Aggregate) -> Fold {
        Fold { aggregate, result: 0.0, counted: 0, error: None }
    }

    /// Adds a computed argument.
    pub(super) fn value(&mut self, value: &Scalar) {
        let number = match (self.aggregate, value) {
            (_, Scalar::Empty) => return,
            (Aggregate::And | Aggregate::Or, value) => value.to_bool().map(f64::from),
            (_, value) => value.to_number(),
        };
        self.take(number);
    }

    /// Adds the value of a referenced cell.
    pub(super) fn cell(&mut self, value: &Scalar) {
        match (self.aggregate, value) {
            (_, Scalar::Error(error)) => self.take(Err(*error)),
            (Aggregate::And | Aggregate::Or, Scalar::Number(_) | Scalar::Bool(_)) | (_, Scalar::Number(_)) => {
                self.value(value)
            }
            (_, Scalar::Empty | Scalar::Text(_) | Scalar::Bool(_)) => {}
        }
    }

    fn take(&mut self, number: Result<f64, CellError>) {
        let number = match number {
            Ok(number) => number,
            // To count the numbers is to pass over whatever is none.
            Err(_) if self.aggregate == Aggregate::Count => return,
            Err(error) => {
                self.error.get_or_insert(error);
                return;
            }
        };
        let first = self.counted == 0;
        self.counted += 1;
        self.result = match self.aggregate {
            Aggregate::Sum | Aggregate::Average => self.result + number,
            Aggregate::Count => 0.0,
            _ if first => number,
            Aggregate::Min | Aggregate::And => self.result.min(number),
            Aggregate::Max | Aggregate::Or => self.result.max(number),
        };
    }

    /// The result: over nothing, the sum and the extremes are 0, and the average divides by zero.
    pub(super) fn finish(self) -> Scalar {
        if let Some(error) = self.error {
            return Scalar::Error(error);
        }
        match self.aggregate {
            Aggregate::Count => Scalar::number(self.counted as f64),
            Aggregate::Average if self.counted == 0 => Scalar::Error(CellError::DivideByZero),
            Aggregate::Average => Scalar::number(self.result / self.counted as f64),
            Aggregate::And | Aggregate::Or if self.counted == 0 => Scalar::Error(CellError::Value),
            Aggregate::And | Aggregate::Or => Scalar::Bool(self.result != 0.0),
            Aggregate::Max | Aggregate::Min | Aggregate::Sum => Scalar::number(self.result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_cells(aggregate: Aggregate, cells: &[Scalar]) -> Scalar {
        let mut fold = Fold::new(aggregate);
        cells.iter().for_each(|cell| fold.cell(cell));
        fold.finish()
    }

    fn over_values(aggregate: Aggregate, values: &[Scalar]) -> Scalar {
        let mut fold = Fold::new(aggregate);
        values.iter().for_each(|value| fold.value(value));
        fold.finish()
    }

    #[test]
    fn referenced_cells_count_by_kind() {
        use Aggregate::{And, Average, Count, Max, Min, Or, Sum};
        let cells = [3.0.into(), "7".into(), true.into(), Scalar::Empty, (-5.0).into()];
        let over = |aggregate| over_cells(aggregate, &cells);
        assert_eq!(over(Sum), Scalar::Number(-2.0));
        assert_eq!(over(Count), Scalar::Number(2.0));
        assert_eq!(over(Average), Scalar::Number(-1.0));
        assert_eq!(over(Min), Scalar::Number(-5.0));
        assert_eq!(over(Max), Scalar::Number(3.0));
        assert_eq!(over(And), Scalar::Bool(true));
        assert_eq!(over_cells(And, &[true.into(), 0.0.into()]), false.into());
        assert_eq!(over_cells(Or, &[false.into(), 0.0.into()]), false.into());
        assert_eq!(over_cells(Or, &[false.into(), 2.0.into()]), true.into());
        assert_eq!(over_cells(Max, &[(-3.0).into(), (-4.0).into()]), Scalar::Number(-3.0));
    }

    #[test]
    fn written_values_are_converted() {
        let values = ["3".into(), true.into()];
        assert_eq!(over_values(Aggregate::Sum, &values), Scalar::Number(4.0));
        assert_eq!(over_values(Aggregate::Sum, &["x".into()]), CellError::Value.into());
        let values = ["x".into(), "3".into(), CellError::Name.into()];
        assert_eq!(over_values(Aggregate::Count, &values), Scalar::Number(1.0));
    }

    #[test]
    fn over_nothing() {
        let over = |aggregate| over_cells(aggregate, &["label".into(), Scalar::Empty]);
        for zero in [Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::Count] {
            assert_eq!(over(zero), Scalar::Number(0.0), "{zero:?}");
        }
        assert_eq!(over(Aggregate::Average), CellError::DivideByZero.into());
        assert_eq!(over(Aggregate::And), CellError::Value.into());
    }

    #[test]
    fn the_first_error_is_the_result_except_for_count() {
        let cells = [1.0.into(), CellError::Name.into(), CellError::Value.into()];
        assert_eq!(over_cells(Aggregate::Sum, &cells), CellError::Name.into());
        assert_eq!(over_cells(Aggregate::Or, &cells), CellError::Name.into());
        assert_eq!(over_cells(Aggregate::Count, &cells), Scalar::Number(1.0));
        let huge = [f64::MAX.into(), f64::MAX.into(), (-f64::MAX).into()];
        assert_eq!(over_cells(Aggregate::Sum, &huge), CellError::Number.into());
    }

    #[test]
    fn rounding_and_remainders() {
        assert_eq!(round(1.005, 2.0), 1.01);
        assert_eq!(round(-2.5, 0.0), -3.0);
        assert_eq!(round(1234.5, -2.0), 1200.0);
        assert_eq!(round(1234.5, -400.0), 0.0);
        assert_eq!(round(0.1, 400.0), 0.1);
        assert_eq!(round(1e300, 10.0), 1e300);
        assert_eq!(modulo(-3.0, 2.0), Ok(1.0));
        assert_eq!(modulo(3.0, -2.0), Ok(-1.0));
        assert_eq!(modulo(-4.0, 2.0), Ok(0.0));
        assert_eq!(modulo(1.0, 0.0), Err(CellError::DivideByZero));
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Function::named("sum"), Some(Function::Aggregate(Aggregate::Sum)));
        assert_eq!(Function::named("SUMM"), None);
        assert!(FUNCTIONS.is_sorted_by_key(|(name, _)| *name));
    }
}
