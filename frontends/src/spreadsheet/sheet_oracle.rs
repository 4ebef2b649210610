//! For tests only: the plainest evaluator there is, to compare with. It computes a cell by computing, again and
//! recursively, whatever the cell asks for: no order, no memory, nothing to get wrong.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::cell::CellRef;
use super::evaluate::Cells;
use super::scalar::Scalar;
use super::sheet::{Cell, Sheet};

/// The cells of a sheet, computed whenever they are asked for; it notes what is asked.
pub(super) struct Oracle<'a> {
    sheet: &'a Sheet,
    /// What was asked for, in order: `A1`, and `[A1 A2]` for a group.
    pub(super) asked: RefCell<Vec<String>>,
    /// The cells being computed, each asked for by the one before it.
    path: RefCell<Vec<CellRef>>,
}

/// A cell that needs itself.
#[derive(Debug, PartialEq)]
pub(super) struct Cycle(pub(super) Vec<CellRef>);

impl<'a> Oracle<'a> {
    pub(super) fn new(sheet: &'a Sheet) -> Oracle<'a> {
        Oracle { sheet, asked: RefCell::default(), path: RefCell::default() }
    }

    /// The value of a cell.
    pub(super) fn compute(&self, at: CellRef) -> Result<Scalar, Cycle> {
        if self.path.borrow().contains(&at) {
            return Err(Cycle(self.path.borrow().clone()));
        }
        match self.sheet.get(at) {
            None => Ok(Scalar::Empty),
            Some(Cell::Value(value)) => Ok(value.clone()),
            Some(Cell::Formula(formula)) => {
                self.path.borrow_mut().push(at);
                let value = now(formula.evaluate(self));
                self.path.borrow_mut().pop();
                value
            }
        }
    }
}

impl Cells for Oracle<'_> {
    type Error = Cycle;

    async fn cell(&self, at: CellRef) -> Result<Scalar, Cycle> {
        self.asked.borrow_mut().push(at.to_string());
        self.compute(at)
    }

    async fn cells(&self, group: &[CellRef]) -> Result<Vec<Scalar>, Cycle> {
        let names: Vec<String> = group.iter().map(|cell| cell.to_string()).collect();
        self.asked.borrow_mut().push(format!("[{}]", names.join(" ")));
        group.iter().map(|&cell| self.compute(cell)).collect()
    }
}

/// The result of a future that never waits.
pub(super) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here ever waits"),
    }
}
