//! Running a formula's program: one loop in one future, which fetches a cell when a step needs it and not before.
//!
//! So the dependencies that a build sees are those of this evaluation, in this order: the branch of an `IF` that is
//! not taken is not fetched, and what `INDIRECT` names is fetched once its name is known. A range is one fetch of a
//! group, whose cells may be brought up to date in any order or at once.

use super::cell::{CellRange, CellRef};
use super::formula::Formula;
use super::formula_program::Step;
use super::functions::{Fold, ValueFunction};
use super::scalar::{CellError, Scalar};

/// Where the cells of a formula come from. A build implements it by fetching, a test by looking up.
///
/// A cell that nobody wrote is [`Scalar::Empty`]. An error *in* a cell is a value, [`Scalar::Error`]; the error of
/// this trait ends the evaluation, and is for what no formula can answer: a cycle, a lost file.
///
/// ```
/// use std::cell::RefCell;
/// use std::convert::Infallible;
///
/// use alacarte::spreadsheet::{CellRef, Cells, Formula, Scalar};
///
/// /// Every cell holds TRUE. The list has the cells that a formula read.
/// #[derive(Default)]
/// struct Asked(RefCell<Vec<String>>);
///
/// impl Cells for Asked {
///     type Error = Infallible;
///
///     async fn cell(&self, at: CellRef) -> Result<Scalar, Infallible> {
///         self.0.borrow_mut().push(at.to_string());
///         Ok(Scalar::Bool(true))
///     }
///
///     async fn cells(&self, group: &[CellRef]) -> Result<Vec<Scalar>, Infallible> {
///         self.0.borrow_mut().extend(group.iter().map(CellRef::to_string));
///         Ok(vec![Scalar::Bool(true); group.len()])
///     }
/// }
///
/// let (formula, asked) = (Formula::parse("=IF(A1, B1, C1)")?, Asked::default());
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(formula.evaluate(&asked))?, Scalar::Bool(true));
/// assert_eq!(*asked.0.borrow(), ["A1", "B1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[allow(
    async_fn_in_trait,
    reason = "a build runs on one thread, so its futures need not be Send, which is what the lint guards"
)]
pub trait Cells {
    /// Why a cell could not be had.
    type Error;

    /// The value of one cell.
    async fn cell(&self, at: CellRef) -> Result<Scalar, Self::Error>;

    /// The values of a group of cells, in the order of the group.
    async fn cells(&self, group: &[CellRef]) -> Result<Vec<Scalar>, Self::Error>;
}

impl Formula {
    /// The value of the formula over these cells.
    ///
    /// # Errors
    /// Those of the cells only; what goes wrong in the formula itself, such as a division by zero, is a value.
    pub async fn evaluate<C: Cells>(&self, cells: &C) -> Result<Scalar, C::Error> {
        let mut machine = Machine::default();
        let mut at = 0;
        while let Some(step) = self.steps().get(at) {
            at += 1;
            match step {
                Step::Fetch(cell) => machine.push(cells.cell(*cell).await?),
                Step::FetchIndirect => match Target::named_by(&machine.pop()) {
                    Ok(Target::Cell(cell)) => machine.push(cells.cell(cell).await?),
                    // Where one value is needed, many are none.
                    Ok(Target::Range(_)) => machine.push(CellError::Value.into()),
                    Err(error) => machine.push(error.into()),
                },
                Step::AddCell(cell) => machine.add_cells(&[cells.cell(*cell).await?]),
                Step::AddRange(range) => machine.add_cells(&fetch(cells, *range).await?),
                Step::AddIndirect => match Target::named_by(&machine.pop()) {
                    Ok(Target::Cell(cell)) => machine.add_cells(&[cells.cell(cell).await?]),
                    Ok(Target::Range(range)) => machine.add_cells(&fetch(cells, range).await?),
                    Err(error) => machine.add_cells(&[error.into()]),
                },
                Step::Jump(to) => at = *to,
                Step::Branch { otherwise, end } => match machine.pop().to_bool() {
                    Ok(true) => {}
                    Ok(false) => at = *otherwise,
                    Err(error) => {
                        machine.push(error.into());
                        at = *end;
                    }
                },
                pure => machine.step(pure),
            }
        }
        Ok(machine.pop())
    }
}

/// Fetches a range as one group.
async fn fetch<C: Cells>(cells: &C, range: CellRange) -> Result<Vec<Scalar>, C::Error> {
    let group: Vec<CellRef> = range.iter().collect();
    cells.cells(&group).await
}

/// What the text given to `INDIRECT` names.
enum Target {
    Cell(CellRef),
    Range(CellRange),
}

impl Target {
    fn named_by(text: &Scalar) -> Result<Target, CellError> {
        let text = text.to_text()?;
        let cell = |text: &str| text.trim().parse().map_err(|_| CellError::Reference);
        match text.split_once(':') {
            None => Ok(Target::Cell(cell(&text)?)),
            Some((first, last)) => Ok(Target::Range(CellRange::new(cell(first)?, cell(last)?)?)),
        }
    }
}

/// What a program works on, and the steps that need nothing else.
#[derive(Default)]
struct Machine {
    values: Vec<Scalar>,
    open: Vec<Fold>,
}

impl Machine {
    fn push(&mut self, value: Scalar) {
        // Wherever the value comes from, a formula gives no number that is none.
        self.values.push(match value {
            Scalar::Number(number) => Scalar::number(number),
            other => other,
        });
    }

    fn pop(&mut self) -> Scalar {
        let top = self.values.pop();
        top.expect("the parser writes every operand before the step that takes it")
    }

    fn fold(&mut self) -> &mut Fold {
        let innermost = self.open.last_mut();
        innermost.expect("the parser opens an aggregate before it adds to it")
    }

    fn add_cells(&mut self, values: &[Scalar]) {
        let fold = self.fold();
        values.iter().for_each(|value| fold.cell(value));
    }

    fn call(&mut self, function: ValueFunction) {
        let first = self.values.len() - function.arity();
        let result = function.apply(&self.values[first..]);
        self.values.truncate(first);
        self.push(result);
    }

    /// Runs a step that neither fetches nor jumps.
    fn step(&mut self, step: &Step) {
        match step {
            Step::Push(value) => self.values.push(value.clone()),
            Step::Unary(operator) => {
                let operand = self.pop();
                self.push(operator.apply(&operand));
            }
            Step::Binary(operator) => {
                let right = self.pop();
                let left = self.pop();
                self.push(operator.apply(&left, &right));
            }
            Step::Call(function) => self.call(*function),
            Step::Open(aggregate) => self.open.push(Fold::new(*aggregate)),
            Step::AddValue => {
                let value = self.pop();
                self.fold().value(&value);
            }
            Step::Close => {
                let fold = self.open.pop();
                let fold = fold.expect("the parser opens an aggregate before it closes it");
                self.push(fold.finish());
            }
            Step::Fetch(_)
            | Step::FetchIndirect
            | Step::AddCell(_)
            | Step::AddRange(_)
            | Step::AddIndirect
            | Step::Branch { .. }
            | Step::Jump(_) => unreachable!("evaluate runs the steps that fetch or jump"),
        }
    }
}

#[cfg(test)]
mod tests;
