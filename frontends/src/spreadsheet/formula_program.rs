//! The steps that a formula becomes: a small stack machine.
//!
//! A tree of expressions would be evaluated by recursion, and in async code each level of recursion is a boxed future
//! on a stack that a long formula can exhaust. A list of steps is run by one loop in one future, however deep the
//! formula; and only the steps that fetch can wait.

use super::cell::{CellRange, CellRef};
use super::functions::{Aggregate, ValueFunction};
use super::operators::{Binary, Unary};
use super::scalar::Scalar;

/// One step. There is a stack of values, and a stack of the aggregates whose arguments are being worked out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Pushes a value.
    Push(Scalar),
    /// Fetches a cell and pushes its value.
    Fetch(CellRef),
    /// Pops a text, fetches the cell it names and pushes its value.
    FetchIndirect,
    /// Replaces the top value.
    Unary(Unary),
    /// Replaces the top two values, the right operand being on top.
    Binary(Binary),
    /// Replaces as many values as the function takes, the last argument being on top.
    Call(ValueFunction),
    /// Pops a condition. True: goes on. False: goes to `otherwise`. An error: that is the value, goes to `end`.
    Branch { otherwise: usize, end: usize },
    /// Goes there.
    Jump(usize),
    /// Opens an aggregate.
    Open(Aggregate),
    /// Pops a value and adds it to the innermost open aggregate.
    AddValue,
    /// Fetches a cell and adds it to the innermost open aggregate.
    AddCell(CellRef),
    /// Fetches all cells of a range, as one group, and adds them to the innermost open aggregate.
    AddRange(CellRange),
    /// Pops a text, fetches the cell or the range it names, and adds it to the innermost open aggregate.
    AddIndirect,
    /// Closes the innermost open aggregate and pushes its result.
    Close,
}
