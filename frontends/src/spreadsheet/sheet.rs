//! A sheet: the cells of a CSV file.
//!
//! A field is read as a spreadsheet reads what is typed into a cell. Blanks around it aside, `=` begins a formula,
//! and a number, TRUE, FALSE and an error such as `#DIV/0!` are those values; any other field is text, as it stands,
//! and so is everything after a leading `'`. A blank field is no cell.

use std::collections::BTreeMap;
use std::path::Path;

use super::cell::{CellRef, MAX_COLUMNS, MAX_ROWS};
use super::fields::{BadField, Field, Fields, place, write_field};
use super::formula::Formula;
use super::formula_lexer::FormulaError;
use super::scalar::{CellError, Scalar, parse_bool, parse_number};

/// What somebody wrote into a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A value: an input.
    Value(Scalar),
    /// A formula: a task.
    Formula(Formula),
}

/// Why there is no sheet, or not the cell that was to be set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// The file could not be read.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no text.
    #[error("{file}:{line}:{column}: expected text in UTF-8, found other bytes")]
    Encoding {
        /// The file.
        file: String,
        /// The line of the first byte that is no text, from 1.
        line: usize,
        /// Its column, in characters from 1.
        column: usize,
    },
    /// A field of the file is no cell.
    #[error("{file}:{line}:{column}: cell {cell}: expected {expected}, found {found}")]
    Syntax {
        /// The file.
        file: String,
        /// The line of the file in which it goes wrong, from 1.
        line: usize,
        /// The column of that line, in characters from 1.
        column: usize,
        /// The cell.
        cell: CellRef,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The text given to [`Sheet::set`] is no cell.
    #[error("cell {cell}: {source}")]
    Formula {
        /// The cell.
        cell: CellRef,
        /// What is wrong with the formula, and where in it.
        source: FormulaError,
    },
    /// The cell given to [`Sheet::set`] lies outside of any sheet.
    #[error("cell {cell}: expected a cell from A1 to XFD16777216")]
    Outside {
        /// The cell.
        cell: CellRef,
    },
}

/// The smallest rectangle from `A1` on that holds all cells of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dimensions {
    /// Its width.
    pub columns: u32,
    /// Its height.
    pub rows: u32,
}

/// The cells that somebody wrote, in the order of reading.
#[derive(Clone, Debug)]
pub struct Sheet {
    name: String,
    cells: BTreeMap<CellRef, Cell>,
}

impl Cell {
    /// Reads what is typed into a cell; `None` if it is blank.
    ///
    /// # Errors
    /// If it is a formula that does not parse.
    pub fn parse(field: &str) -> Result<Option<Cell>, FormulaError> {
        if let Some(text) = field.strip_prefix('\'') {
            return Ok(Some(Cell::Value(Scalar::text(text))));
        }
        let trimmed = field.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        if trimmed.starts_with('=') {
            return Formula::parse(trimmed).map(|formula| Some(Cell::Formula(formula)));
        }
        let error = || CellError::prefix_of(trimmed).filter(|error| error.as_str().len() == trimmed.len());
        let value = None
            .or_else(|| parse_number(trimmed).map(Scalar::number))
            .or_else(|| parse_bool(trimmed).map(Scalar::Bool))
            .or_else(|| error().map(Scalar::Error))
            .unwrap_or_else(|| Scalar::text(field));
        Ok(Some(Cell::Value(value)))
    }

    /// What to type for this cell: [`Cell::parse`] reads it back.
    pub fn to_field(&self) -> String {
        match self {
            Cell::Formula(formula) => formula.source().to_owned(),
            Cell::Value(Scalar::Text(text)) => {
                let unmarked = Cell::parse(text);
                if unmarked.is_ok_and(|cell| cell.as_ref() == Some(self)) {
                    text.to_string()
                } else {
                    format!("'{text}")
                }
            }
            Cell::Value(value) => value.to_field(),
        }
    }
}

impl Sheet {
    /// Reads the text of a CSV file; `name` is what errors call it.
    ///
    /// # Errors
    /// If it is no CSV, reaches too far, or a formula does not parse: with the line, or the cell.
    pub fn parse(name: &str, text: &str) -> Result<Sheet, SheetError> {
        let mut cells = BTreeMap::new();
        for field in Fields::new(text) {
            let field = field.map_err(|bad| bad_field(name, text, bad))?;
            let at = CellRef::new(field.column, field.row);
            let cell = Cell::parse(&field.text).map_err(|error| bad_formula(name, text, &field, error))?;
            let Some(cell) = cell else { continue };
            if is_outside(at) {
                let (line, column) = place(text, field.offset_of(0));
                return Err(SheetError::Syntax {
                    file: name.to_owned(),
                    line,
                    column,
                    cell: at,
                    expected: format!("at most {MAX_COLUMNS} columns and {MAX_ROWS} rows"),
                    found: "a cell beyond them".to_owned(),
                });
            }
            cells.insert(at, cell);
        }
        let name = name.to_owned();
        Ok(Sheet { name, cells })
    }

    /// Reads a CSV file.
    ///
    /// # Errors
    /// As [`Sheet::parse`], and if the file cannot be read.
    pub fn read(path: &Path) -> Result<Sheet, SheetError> {
        let file = path.display().to_string();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(SheetError::Read { file, source }),
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Sheet::parse(&file, text),
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let (line, column) = place(&valid, valid.len());
                Err(SheetError::Encoding { file, line, column })
            }
        }
    }

    /// What it was called when it was read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cell written there, if any.
    pub fn get(&self, at: CellRef) -> Option<&Cell> {
        self.cells.get(&at)
    }

    /// All cells that are written, in the order of reading.
    pub fn cells(&self) -> impl Iterator<Item = (CellRef, &Cell)> {
        self.cells.iter().map(|(at, cell)| (*at, cell))
    }

    /// The cells whose formula contains `INDIRECT`: those that a static scheduler cannot build.
    pub fn dynamic_cells(&self) -> impl Iterator<Item = CellRef> {
        self.cells().filter_map(|(at, cell)| match cell {
            Cell::Formula(formula) if formula.is_dynamic() => Some(at),
            _ => None,
        })
    }

    /// Types this into a cell, as if it were a field of the file (without the quotation marks of CSV). A blank text
    /// removes the cell.
    ///
    /// # Errors
    /// If the cell lies too far out, or a formula does not parse. The sheet is as before.
    pub fn set(&mut self, at: CellRef, field: &str) -> Result<(), SheetError> {
        if is_outside(at) {
            return Err(SheetError::Outside { cell: at });
        }
        match Cell::parse(field) {
            Ok(Some(cell)) => self.cells.insert(at, cell),
            Ok(None) => self.cells.remove(&at),
            Err(source) => return Err(SheetError::Formula { cell: at, source }),
        };
        Ok(())
    }

    /// How far the cells reach. Looks at every cell.
    pub fn dimensions(&self) -> Dimensions {
        let columns = self.cells.keys().map(|at| at.column + 1).max();
        let rows = self.cells.keys().next_back().map(|at| at.row + 1);
        Dimensions { columns: columns.unwrap_or(0), rows: rows.unwrap_or(0) }
    }

    /// The sheet as a CSV file. [`Sheet::parse`] reads the same cells from it; blanks around numbers and superfluous
    /// quotation marks are not kept.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        let mut end = CellRef::new(0, 0);
        for (at, cell) in self.cells() {
            while end.row < at.row {
                csv.push('\n');
                end = CellRef::new(0, end.row + 1);
            }
            while end.column < at.column {
                csv.push(',');
                end.column += 1;
            }
            write_field(&mut csv, &cell.to_field());
        }
        if !self.cells.is_empty() {
            csv.push('\n');
        }
        csv
    }
}

fn is_outside(at: CellRef) -> bool {
    at.column >= MAX_COLUMNS || at.row >= MAX_ROWS
}

fn bad_field(name: &str, text: &str, bad: BadField) -> SheetError {
    let (line, column) = place(text, bad.offset);
    SheetError::Syntax {
        file: name.to_owned(),
        line,
        column,
        cell: CellRef::new(bad.column, bad.row),
        expected: bad.expected.to_owned(),
        found: bad.found,
    }
}

/// Where in the file a formula is wrong.
fn bad_formula(name: &str, text: &str, field: &Field<'_>, error: FormulaError) -> SheetError {
    // The formula was parsed without the blanks before it.
    let blanks = field.text.chars().take_while(|c| c.is_whitespace()).count();
    let character = blanks + error.column - 1;
    let (line, column) = place(text, field.offset_of(character));
    let mut found = error.found;
    let cut = !field.quoted && character >= field.text.trim_end().chars().count();
    if cut && text[field.offset_of(usize::MAX)..].starts_with(',') {
        // `=SUM(A1,B1)` without quotation marks is two fields: the likely reason, so say so.
        found += ", where the comma ends the field (write \"=…\" around a formula with commas, or use `;`)";
    }
    SheetError::Syntax {
        file: name.to_owned(),
        line,
        column,
        cell: CellRef::new(field.column, field.row),
        expected: error.expected,
        found,
    }
}

#[cfg(test)]
mod tests;
