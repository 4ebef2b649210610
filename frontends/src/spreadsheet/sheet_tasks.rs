//! A sheet as tasks: every cell with a formula is a key with a task, every other cell an input.
//!
//! A formula declares the references that are written in it. It may fetch fewer (`IF` takes one branch), so it
//! is *selective*, and enough for a topological scheduler. A formula with `INDIRECT` is dynamic:
//! [`SheetTasks::into_static`] refuses a sheet that has one.

use std::collections::HashMap;
use std::marker::PhantomData;

use alacarte_core::{
    Dynamic, Fetch, Fingerprint, KeyId, Power, Running, Static, Store, StoreError, TaskError, Tasks, Value,
};
use thiserror::Error;

use super::{Cell, CellError, CellRef, Cells, References, Scalar, Sheet, SheetError};

/// The tasks of a sheet. `P` is [`Static`] once it is known that no cell is dynamic.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::spreadsheet::{CellRef, Scalar, Sheet, SheetStore, SheetTasks};
///
/// let sheet = Sheet::parse("costs.csv", "2,3,=A1*B1\n")?;
/// let store = SheetStore::new(&sheet);
/// let mut build =
///     Build::new(SheetTasks::new(sheet), store).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let cell: CellRef = "C1".parse()?;
/// build.run([cell])?;
/// assert_eq!(build.get(cell), Some(Scalar::Number(6.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SheetTasks<P = Dynamic> {
    sheet: Sheet,
    power: PhantomData<P>,
}

/// A cell computes what it refers to, so its dependencies are not known beforehand.
#[derive(Debug, Error)]
#[error(
    "{sheet}: cell {cell} uses INDIRECT, so what it refers to is known only while it is computed: \
     a topological scheduler cannot order it; choose the restarting or suspending scheduler"
)]
#[non_exhaustive]
pub struct DynamicCell {
    /// The sheet's name.
    pub sheet: String,
    /// The first such cell.
    pub cell: CellRef,
}

impl SheetTasks {
    /// The tasks of any sheet.
    pub fn new(sheet: Sheet) -> Self {
        SheetTasks { sheet, power: PhantomData }
    }

    /// The same tasks, known to be static.
    ///
    /// # Errors
    /// If a cell is dynamic.
    pub fn into_static(self) -> Result<SheetTasks<Static>, DynamicCell> {
        let first = self.sheet.dynamic_cells().next();
        match first {
            Some(cell) => Err(DynamicCell { sheet: self.sheet.name().to_owned(), cell }),
            None => Ok(SheetTasks { sheet: self.sheet, power: PhantomData }),
        }
    }
}

impl<P> SheetTasks<P> {
    /// The sheet.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// Types this into a cell, as [`Sheet::set`] does. If that makes the cell an input, its value is answered,
    /// to be given to `Build::set`; a formula is all the build has to know.
    ///
    /// # Errors
    /// If the text is no cell. The sheet is as before then.
    pub fn set(&mut self, at: CellRef, field: &str) -> Result<Option<Scalar>, SheetError> {
        self.sheet.set(at, field)?;
        Ok(match self.sheet.get(at) {
            Some(Cell::Formula(_)) => None,
            Some(Cell::Value(value)) => Some(value.clone()),
            None => Some(Scalar::Empty),
        })
    }

    /// All cells with formulas.
    pub fn formulas(&self) -> impl Iterator<Item = CellRef> {
        self.sheet.cells().filter(|(_, cell)| matches!(cell, Cell::Formula(_))).map(|(at, _)| at)
    }
}

impl Value for Scalar {
    fn fingerprint(&self) -> Fingerprint {
        let kind = |kind: u64| Fingerprint::of_integer(kind);
        match self {
            Scalar::Empty => kind(0),
            Scalar::Number(number) => kind(1).combine(number.fingerprint()),
            Scalar::Text(text) => kind(2).combine(text.fingerprint()),
            Scalar::Bool(truth) => kind(3).combine(truth.fingerprint()),
            Scalar::Error(error) => kind(4).combine(Fingerprint::of_bytes(error.as_str().as_bytes())),
        }
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + if let Scalar::Text(text) = self { text.len() } else { 0 }
    }
}

/// A formula's way to other cells.
struct FetchCells<'t>(Fetch<'t, CellRef, Scalar>);

impl Cells for FetchCells<'_> {
    type Error = TaskError;

    async fn cell(&self, at: CellRef) -> Result<Scalar, TaskError> {
        self.0.get(at).await
    }

    async fn cells(&self, group: &[CellRef]) -> Result<Vec<Scalar>, TaskError> {
        self.0.all(group).await
    }
}

impl<P: Power> Tasks<CellRef, Scalar> for SheetTasks<P> {
    type Power = P;

    fn has(&self, key: &CellRef) -> bool {
        matches!(self.sheet.get(*key), Some(Cell::Formula(_)))
    }

    fn run<'t>(&'t self, key: &CellRef, fetch: Fetch<'t, CellRef, Scalar>) -> Running<'t, Scalar> {
        match self.sheet.get(*key) {
            Some(Cell::Formula(formula)) => {
                Running::Future(Box::pin(async move { formula.evaluate(&FetchCells(fetch)).await }))
            }
            // Never asked for: `has` says that there is no task.
            _ => Running::Done(Ok(Scalar::Error(CellError::Reference))),
        }
    }

    fn declared(&self, key: &CellRef, each: &mut dyn FnMut(&CellRef)) -> bool {
        let Some(Cell::Formula(formula)) = self.sheet.get(*key) else { return false };
        match formula.references() {
            References::Static(cells) => {
                cells.iter().for_each(each);
                true
            }
            References::Dynamic => false,
        }
    }

    fn definition(&self, key: &CellRef) -> Option<Fingerprint> {
        match self.sheet.get(*key) {
            Some(Cell::Formula(formula)) => Some(Fingerprint::of_bytes(formula.source().as_bytes())),
            _ => None,
        }
    }
}

/// The values that were typed into a sheet. A cell into which nothing was typed is empty, which is a value like
/// any other.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::spreadsheet::{CellRef, Scalar, Sheet, SheetStore, SheetTasks};
///
/// let sheet = Sheet::parse("costs.csv", "2,=A1+1\n")?;
/// let store = SheetStore::new(&sheet);
/// let mut build =
///     Build::new(SheetTasks::new(sheet), store).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let [typed, formula]: [CellRef; 2] = ["A1".parse()?, "B1".parse()?];
/// build.set(typed, Scalar::Number(4.0))?;
/// build.run([formula])?;
/// assert_eq!(build.get(formula), Some(Scalar::Number(5.0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SheetStore {
    /// What was typed; none for a formula.
    typed: HashMap<CellRef, Option<Scalar>>,
}

impl SheetStore {
    /// The store of a sheet.
    pub fn new(sheet: &Sheet) -> Self {
        let typed = sheet.cells().map(|(at, cell)| match cell {
            Cell::Value(value) => (at, Some(value.clone())),
            Cell::Formula(_) => (at, None),
        });
        SheetStore { typed: typed.collect() }
    }
}

impl Store<CellRef, Scalar> for SheetStore {
    fn relies_on_journal(&self) -> bool {
        true
    }

    fn load(&mut self, _: KeyId, key: &CellRef) -> Result<Option<Scalar>, StoreError> {
        Ok(self.typed.get(key).cloned().unwrap_or(Some(Scalar::Empty)))
    }
}
