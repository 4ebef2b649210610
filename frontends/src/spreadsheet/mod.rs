//! A spreadsheet in a CSV file. All of it but `sheet_tasks` knows cells and formulas, and nothing of builds.
//!
//! A field of the file is a cell: a number, a text, or a formula (`=A1+IF(B1, SUM(C1:C9), INDIRECT(D1))`).
//! Formulas are where static and dynamic dependencies meet in one language everybody knows: most of them write
//! down what they read, `IF` reads only the branch it takes, and `INDIRECT` computes what it reads.
//!
//! How the files build on each other, lowest first:
//!
//! | file | what it is |
//! |---|---|
//! | `scalar` | a cell's value, its errors, and how one kind of value becomes another |
//! | `cell` | `B7` and `A1:B7` |
//! | `operators`, `functions` | what a formula can do with values, without fetching any |
//! | `formula_program` | the steps of the stack machine that a formula becomes |
//! | `formula_lexer`, `parser` | from a formula's text to its program, in one pass, without a tree |
//! | `formula` | a parsed formula and the cells it refers to |
//! | `evaluate` | running the program, fetching cells as they are needed |
//! | `fields`, `sheet` | the CSV file, its fields with their positions, and the whole sheet |
//! | `sheet_tasks` | the sheet as tasks of a build |
//!
//! ```
//! use alacarte::prelude::*;
//! use alacarte::spreadsheet::{CellRef, Scalar, Sheet, SheetStore, SheetTasks};
//!
//! let sheet = Sheet::parse("costs.csv", "bread,2\nmilk,3\nsum,=SUM(B1:B2)\n")?;
//! let [milk, sum]: [CellRef; 2] = ["B2".parse()?, "B3".parse()?];
//! let store = SheetStore::new(&sheet);
//! let tasks = SheetTasks::new(sheet).into_static()?; // No cell uses INDIRECT.
//! let mut build = Build::new(tasks, store).with_scheduler(Topological::new()).with_rebuilder(VerifyingTrace);
//! build.run([sum])?;
//! assert_eq!(build.get(sum), Some(Scalar::Number(5.0)));
//!
//! // A value that is typed into a cell changes an input, and a formula replaces a task.
//! if let Some(value) = build.tasks_mut().set(milk, "4")? {
//!     build.set(milk, value)?;
//! }
//! build.tasks_mut().set(sum, "=B1*B2")?;
//! build.run([sum])?;
//! assert_eq!(build.get(sum), Some(Scalar::Number(8.0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod evaluate;
mod fields;
mod formula;
mod formula_lexer;
mod formula_program;
mod functions;
mod operators;
mod parser;
mod scalar;
mod sheet;
#[cfg(test)]
mod sheet_oracle;
mod sheet_tasks;

pub use cell::{CellRange, CellRef, MAX_COLUMNS, MAX_RANGE, MAX_ROWS, NotACell};
pub use evaluate::Cells;
pub use formula::{Formula, References};
pub use formula_lexer::FormulaError;
pub use scalar::{CellError, Scalar};
pub use sheet::{Cell, Dimensions, Sheet, SheetError};
pub use sheet_tasks::{DynamicCell, SheetStore, SheetTasks};
