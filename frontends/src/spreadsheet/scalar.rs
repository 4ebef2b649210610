//! What a cell can hold. An error is a value like any other: it travels through formulas until somebody looks at it,
//! so that one bad cell never fails a build.
//!
//! Conversions follow the spreadsheets: an empty cell is 0, `""` or FALSE, as asked; a text that reads as a number is
//! that number; what cannot be converted is `#VALUE!`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// The errors a cell can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CellError {
    /// `#DIV/0!`: a division by zero, or the average of nothing.
    DivideByZero,
    /// `#VALUE!`: a value of the wrong kind, such as a word where a number is needed.
    Value,
    /// `#REF!`: a reference to what is no cell, or to more cells than a range may have.
    Reference,
    /// `#NAME?`: a name that means nothing.
    Name,
    /// `#NUM!`: a number that cannot be represented.
    Number,
}

impl CellError {
    /// Every error, for a reader that must recognise one in a text.
    pub const ALL: [CellError; 5] =
        [CellError::DivideByZero, CellError::Value, CellError::Reference, CellError::Name, CellError::Number];

    /// How a spreadsheet writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            CellError::DivideByZero => "#DIV/0!",
            CellError::Value => "#VALUE!",
            CellError::Reference => "#REF!",
            CellError::Name => "#NAME?",
            CellError::Number => "#NUM!",
        }
    }

    /// The error with which `text` begins, in any case of letters.
    pub(super) fn prefix_of(text: &str) -> Option<CellError> {
        CellError::ALL.into_iter().find(|error| {
            let name = error.as_str();
            text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
        })
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of a cell.
///
/// Equality is identity of the stored value (numbers by their bits, texts by their letters): what a build needs to
/// see whether a cell changed. The formula operator `=` is more forgiving: for it, `"a"` equals `"A"`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Scalar {
    /// Nothing was written there.
    #[default]
    Empty,
    /// A finite number; see [`Scalar::number`].
    Number(f64),
    /// A text.
    Text(Rc<str>),
    /// TRUE or FALSE.
    Bool(bool),
    /// The cell could not be computed, for this reason.
    Error(CellError),
}

impl Scalar {
    /// A number fit for a cell: what is not finite is `#NUM!`, and there is one zero only, so that a change from `-0`
    /// to `0`, which nobody can see, is no change.
    pub fn number(number: f64) -> Scalar {
        if number.is_finite() { Scalar::Number(number + 0.0) } else { Scalar::Error(CellError::Number) }
    }

    /// A text.
    pub fn text(text: impl Into<Rc<str>>) -> Scalar {
        Scalar::Text(text.into())
    }

    /// The value as a number.
    ///
    /// # Errors
    /// `#VALUE!` for a text that is no number; the error that the value is.
    pub fn to_number(&self) -> Result<f64, CellError> {
        match self {
            Scalar::Empty => Ok(0.0),
            Scalar::Number(number) => Ok(*number),
            Scalar::Text(text) => parse_number(text).ok_or(CellError::Value),
            Scalar::Bool(bool) => Ok(f64::from(u8::from(*bool))),
            Scalar::Error(error) => Err(*error),
        }
    }

    /// The value as a condition: any number but zero is true.
    ///
    /// # Errors
    /// `#VALUE!` for a text that is neither TRUE nor FALSE; the error that the value is.
    pub fn to_bool(&self) -> Result<bool, CellError> {
        match self {
            Scalar::Empty => Ok(false),
            Scalar::Number(number) => Ok(*number != 0.0),
            Scalar::Text(text) => parse_bool(text).ok_or(CellError::Value),
            Scalar::Bool(bool) => Ok(*bool),
            Scalar::Error(error) => Err(*error),
        }
    }

    /// The value as a text: what the cell displays.
    ///
    /// # Errors
    /// The error that the value is.
    pub fn to_text(&self) -> Result<Rc<str>, CellError> {
        match self {
            Scalar::Text(text) => Ok(text.clone()),
            Scalar::Error(error) => Err(*error),
            other => Ok(other.to_string().into()),
        }
    }

    /// The value as a field of a CSV file, which must come back unchanged: every digit that matters, where the
    /// display rounds to what people want to see.
    pub(super) fn to_field(&self) -> String {
        match self {
            Scalar::Number(number) if (1e-9..1e21).contains(&number.abs()) || *number == 0.0 => number.to_string(),
            Scalar::Number(number) => format!("{number:e}"),
            other => other.to_string(),
        }
    }
}

/// The finite number that a text spells, blanks around it ignored. Words that Rust takes for numbers (`inf`, `nan`)
/// are words.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let spelled = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(spelled) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(number + 0.0)
}

/// TRUE or FALSE, in any case of letters.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("TRUE") {
        Some(true)
    } else if text.eq_ignore_ascii_case("FALSE") {
        Some(false)
    } else {
        None
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        match (self, other) {
            (Scalar::Empty, Scalar::Empty) => true,
            (Scalar::Number(a), Scalar::Number(b)) => a.to_bits() == b.to_bits(),
            (Scalar::Text(a), Scalar::Text(b)) => a == b,
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Error(a), Scalar::Error(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Scalar::Empty => {}
            Scalar::Number(number) => number.to_bits().hash(state),
            Scalar::Text(text) => text.hash(state),
            Scalar::Bool(bool) => bool.hash(state),
            Scalar::Error(error) => error.hash(state),
        }
    }
}

/// As a spreadsheet shows it: 15 significant digits, so that `0.1+0.2` is `0.3`, and an exponent only where the plain
/// digits would be mostly zeros.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Empty => f.pad(""),
            Scalar::Number(number) => f.pad(&display_number(*number)),
            Scalar::Text(text) => f.pad(text),
            Scalar::Bool(true) => f.pad("TRUE"),
            Scalar::Bool(false) => f.pad("FALSE"),
            Scalar::Error(error) => f.pad(error.as_str()),
        }
    }
}

fn display_number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let rounded = format!("{number:.14e}");
    match (rounded.split_once('e'), rounded.parse::<f64>()) {
        (Some((mantissa, exponent)), Ok(value)) => match exponent.parse::<i32>() {
            // A decimal of 15 digits is the shortest spelling of the f64 next to it.
            Ok(-9..=20) => value.to_string(),
            Ok(exponent) => {
                let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
                format!("{mantissa}E{exponent:+03}")
            }
            Err(_) => rounded,
        },
        // Only NaN and the infinities have no exponent.
        _ => CellError::Number.to_string(),
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Scalar {
        Scalar::number(number)
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Scalar {
        Scalar::text(text)
    }
}

impl From<bool> for Scalar {
    fn from(bool: bool) -> Scalar {
        Scalar::Bool(bool)
    }
}

impl From<CellError> for Scalar {
    fn from(error: CellError) -> Scalar {
        Scalar::Error(error)
    }
}

/// The value or, as a value too, the reason why there is none.
impl<T: Into<Scalar>> From<Result<T, CellError>> for Scalar {
    fn from(result: Result<T, CellError>) -> Scalar {
        result.map_or_else(Scalar::Error, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_display_as_in_a_spreadsheet() {
        let shown = |number: f64| Scalar::number(number).to_string();
        assert_eq!(shown(0.1 + 0.2), "0.3");
        assert_eq!(shown(-0.0), "0");
        assert_eq!(shown(42.0), "42");
        assert_eq!(shown(-1.0 / 3.0), "-0.333333333333333");
        assert_eq!(shown(1e20), "100000000000000000000");
        assert_eq!(shown(1.5e21), "1.5E+21");
        assert_eq!(shown(2e-10), "2E-10");
        assert_eq!(shown(1e300), "1E+300");
        assert_eq!(shown(999_999_999_999_999.9), "1000000000000000");
        assert_eq!(shown(f64::NAN), "#NUM!");
        assert_eq!(Scalar::Number(f64::INFINITY).to_string(), "#NUM!");
    }

    #[test]
    fn equality_is_by_bits_and_zero_is_one() {
        assert_eq!(Scalar::Number(f64::NAN), Scalar::Number(f64::NAN));
        assert_ne!(Scalar::Number(0.0), Scalar::Number(-0.0));
        assert_eq!(Scalar::number(0.0), Scalar::number(-0.0));
        assert_ne!(Scalar::from("a"), Scalar::from("A"));
        assert_ne!(Scalar::Empty, Scalar::from(""));
    }

    #[test]
    fn texts_that_spell_numbers() {
        assert_eq!(parse_number(" 1.5e3 "), Some(1500.0));
        assert_eq!(parse_number("-.5"), Some(-0.5));
        for word in ["", "-", "inf", "nan", "1e999", "1_000", "1 2", "0x10", "e5"] {
            assert_eq!(parse_number(word), None, "{word:?}");
        }
    }

    #[test]
    fn fields_keep_every_digit() {
        for number in [0.1 + 0.2, 1e-300, 1.0 / 3.0, -1e21, f64::MAX, 5e-324, 0.0] {
            let field = Scalar::Number(number).to_field();
            assert_eq!(parse_number(&field), Some(number), "{field}");
        }
    }
}
