//! A formula: its text, the program it was compiled to, and the cells it refers to.

use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use super::cell::CellRef;
use super::formula_lexer::FormulaError;
use super::formula_program::Step;
use super::parser;

/// A parsed formula. Clones share one program, so handing one to a task costs nothing.
#[derive(Clone)]
pub struct Formula {
    source: Rc<str>,
    steps: Rc<[Step]>,
}

/// The cells that a formula can fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum References {
    /// Every cell that is written in it, ranges expanded, each once, in the order of their appearance: all that
    /// evaluation can fetch, and more than it does fetch if there is an `IF`.
    Static(Vec<CellRef>),
    /// Only evaluation can tell: the formula contains `INDIRECT`.
    Dynamic,
}

impl Formula {
    /// Parses a formula with the `=` in front of it.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn parse(text: &str) -> Result<Formula, FormulaError> {
        Ok(Formula { steps: parser::compile(text)?.into(), source: text.into() })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether what it fetches is known only by evaluating it. Cheaper than [`Formula::references`], which lists.
    pub fn is_dynamic(&self) -> bool {
        let dynamic = |step: &Step| matches!(step, Step::FetchIndirect | Step::AddIndirect);
        self.steps.iter().any(dynamic)
    }

    /// The cells it can fetch. The list is made anew at each call: a formula keeps its ranges, not their cells.
    pub fn references(&self) -> References {
        if self.is_dynamic() {
            return References::Dynamic;
        }
        let mut cells = Vec::new();
        let mut seen = HashSet::new();
        let mut refer = |cell| {
            if seen.insert(cell) {
                cells.push(cell);
            }
        };
        for step in self.steps.iter() {
            match step {
                Step::Fetch(cell) | Step::AddCell(cell) => refer(*cell),
                Step::AddRange(range) => range.iter().for_each(&mut refer),
                _ => {}
            }
        }
        References::Static(cells)
    }

    /// The program that [`Formula::evaluate`] runs.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Two formulas are equal if they are written alike.
impl PartialEq for Formula {
    fn eq(&self, other: &Formula) -> bool {
        self.source == other.source
    }
}

impl Eq for Formula {}

impl fmt::Debug for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Formula").field(&self.source).finish()
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(text: &str) -> String {
        match Formula::parse(text).expect(text).references() {
            References::Static(cells) => {
                let names: Vec<String> = cells.iter().map(|cell| cell.to_string()).collect();
                names.join(" ")
            }
            References::Dynamic => "dynamic".to_owned(),
        }
    }

    #[test]
    fn references_come_once_in_order_of_appearance() {
        assert_eq!(references("=C1+A1*C1"), "C1 A1");
        assert_eq!(references("=SUM(B2:A1, A3, $B$2)-D4"), "A1 B1 A2 B2 A3 D4");
        assert_eq!(references("=IF(A1, B1, IF(C1, D1))"), "A1 B1 C1 D1");
        assert_eq!(references("=1+2"), "");
        assert_eq!(references("=SUM(A1:XFD9999)"), "");
    }

    #[test]
    fn indirect_is_dynamic_wherever_it_stands() {
        assert_eq!(references("=A1+IF(B1, C1, INDIRECT(\"D1\"))"), "dynamic");
        assert_eq!(references("=SUM(indirect(A1))"), "dynamic");
        assert_eq!(references("=LEN(\"INDIRECT(A1)\")"), "");
    }

    #[test]
    fn the_source_is_kept() {
        let formula = Formula::parse("= a1 + $B$2").expect("valid");
        assert_eq!(formula.source(), "= a1 + $B$2");
    }
}
