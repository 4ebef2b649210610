//! The address of a cell, `B7`, and of a rectangle of cells, `A1:B7`.
//!
//! Cells are ordered as a page is read, row by row; ranges are iterated in that order too.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use super::scalar::CellError;

/// A sheet has at most this many columns (the last is `XFD`), as in the spreadsheets people know.
pub const MAX_COLUMNS: u32 = 16_384;
/// A sheet has at most this many rows: sixteen times those of the spreadsheets people know, because experiments
/// like a million and one.
pub const MAX_ROWS: u32 = 1 << 24;
/// A range has at most this many cells; a larger one is `#REF!`.
pub const MAX_RANGE: u64 = 1_048_576;

/// One cell, both coordinates counted from 0: `B7` is column 1, row 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CellRef {
    /// The column; `A` is 0.
    pub column: u32,
    /// The row; the first line is 0.
    pub row: u32,
}

impl CellRef {
    /// The cell in this column and row, both counted from 0.
    pub fn new(column: u32, row: u32) -> CellRef {
        CellRef { column, row }
    }
}

/// The order of reading: row by row, and within a row from left to right.
impl Ord for CellRef {
    fn cmp(&self, other: &CellRef) -> std::cmp::Ordering {
        (self.row, self.column).cmp(&(other.row, other.column))
    }
}

impl PartialOrd for CellRef {
    fn partial_cmp(&self, other: &CellRef) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Letters count 1 to 26 with no zero, so each step first takes one away. Seven of them hold any u32.
        let mut letters = [b'A'; 7];
        let mut first = letters.len();
        let mut rest = u64::from(self.column) + 1;
        while rest > 0 {
            rest -= 1;
            first -= 1;
            letters[first] += (rest % 26) as u8;
            rest /= 26;
        }
        let mut name: String = letters[first..].iter().map(|&l| char::from(l)).collect();
        name += &(u64::from(self.row) + 1).to_string();
        f.pad(&name)
    }
}

/// A text that names no cell of a sheet (or no range of cells).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a cell from A1 to XFD16777216")]
pub struct NotACell;

impl FromStr for CellRef {
    type Err = NotACell;

    /// Reads `B7`, `b7`, `$B$7`, `$B7` and `B$7`, which all name the same cell.
    fn from_str(text: &str) -> Result<CellRef, NotACell> {
        let text = text.strip_prefix('$').unwrap_or(text);
        let split = text.find(|c: char| !c.is_ascii_alphabetic()).ok_or(NotACell)?;
        let (letters, row) = text.split_at(split);
        let row = row.strip_prefix('$').unwrap_or(row);
        // `parse` alone would take a sign.
        if letters.is_empty() || !row.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotACell);
        }
        let mut column = 0;
        for letter in letters.bytes() {
            column = column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1;
            if column > MAX_COLUMNS {
                return Err(NotACell);
            }
        }
        match row.parse() {
            Ok(row @ 1..=MAX_ROWS) => Ok(CellRef::new(column - 1, row - 1)),
            _ => Err(NotACell),
        }
    }
}

/// A rectangle of cells, of one cell at least and [`MAX_RANGE`] at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellRange {
    first: CellRef,
    last: CellRef,
}

impl CellRange {
    /// The rectangle between two opposite corners, in any order.
    ///
    /// # Errors
    /// `#REF!` if it has too many cells.
    pub fn new(one: CellRef, other: CellRef) -> Result<CellRange, CellError> {
        let range = CellRange {
            first: CellRef::new(one.column.min(other.column), one.row.min(other.row)),
            last: CellRef::new(one.column.max(other.column), one.row.max(other.row)),
        };
        // Two sides of up to 2³² each: their product needs more than 64 bits.
        let cells = u128::from(range.columns()) * u128::from(range.rows());
        if cells <= u128::from(MAX_RANGE) { Ok(range) } else { Err(CellError::Reference) }
    }

    /// The cell at the top left.
    pub fn first(self) -> CellRef {
        self.first
    }

    /// The cell at the bottom right.
    pub fn last(self) -> CellRef {
        self.last
    }

    /// How many cells it has: never none.
    #[allow(clippy::len_without_is_empty, reason = "a range has one cell at least: there is nothing to ask")]
    pub fn len(self) -> usize {
        // At most MAX_RANGE, by construction.
        (self.columns() * self.rows()) as usize
    }

    /// Whether the cell lies in the rectangle.
    pub fn contains(self, cell: CellRef) -> bool {
        (self.first.column..=self.last.column).contains(&cell.column)
            && (self.first.row..=self.last.row).contains(&cell.row)
    }

    /// Its cells, row by row.
    pub fn iter(self) -> impl Iterator<Item = CellRef> {
        (self.first.row..=self.last.row)
            .flat_map(move |row| (self.first.column..=self.last.column).map(move |column| CellRef { column, row }))
    }

    fn columns(self) -> u64 {
        u64::from(self.last.column - self.first.column) + 1
    }

    fn rows(self) -> u64 {
        u64::from(self.last.row - self.first.row) + 1
    }
}

impl fmt::Display for CellRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.first, self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(name: &str) -> CellRef {
        name.parse().expect(name)
    }

    #[test]
    fn names_come_back() {
        for (name, column, row) in [
            ("A1", 0, 0),
            ("B7", 1, 6),
            ("Z1", 25, 0),
            ("AA10", 26, 9),
            ("ZZ2", 701, 1),
            ("AAA3", 702, 2),
            ("XFD16777216", 16_383, MAX_ROWS - 1),
        ] {
            assert_eq!(cell(name), CellRef { column, row });
            assert_eq!(CellRef { column, row }.to_string(), name);
        }
        for column in 0..MAX_COLUMNS {
            let at = CellRef::new(column, 0);
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        let far = CellRef::new(u32::MAX, u32::MAX);
        assert_eq!(far.to_string(), "MWLQKWV4294967296");
        assert_eq!(["$c$4", "C$4", "$C4"].map(cell), [cell("C4"); 3]);
    }

    #[test]
    fn what_names_no_cell() {
        for text in ["", "A", "1", "A0", "A-1", "A+1", "A1B", "XFE1", "A16777217", "A 1", "$$A1", "A$", "Ä1", "A1:B2"]
        {
            assert_eq!(text.parse::<CellRef>(), Err(NotACell), "{text:?}");
        }
    }

    #[test]
    fn cells_are_ordered_by_row() {
        assert!(cell("Z1") < cell("A2"));
        assert!(cell("A2") < cell("B2"));
    }

    #[test]
    fn ranges_go_row_by_row_from_any_corners() {
        for corners in [("A2", "B3"), ("B3", "A2"), ("A3", "B2"), ("B2", "A3")] {
            let range = CellRange::new(cell(corners.0), cell(corners.1)).expect("small");
            let cells: Vec<String> = range.iter().map(|cell| cell.to_string()).collect();
            assert_eq!(cells, ["A2", "B2", "A3", "B3"]);
            assert_eq!((range.len(), range.to_string().as_str()), (4, "A2:B3"));
            assert!(range.contains(cell("B2")) && !range.contains(cell("A1")));
        }
    }

    #[test]
    fn ranges_are_bounded() {
        let million = CellRange::new(cell("A1"), cell("A1048576")).expect("just fits");
        assert_eq!(million.len(), 1_048_576);
        assert_eq!(CellRange::new(cell("A1"), cell("A1048577")), Err(CellError::Reference));
        let far = CellRef::new(u32::MAX, u32::MAX);
        assert_eq!(CellRange::new(cell("A1"), far), Err(CellError::Reference));
    }
}
