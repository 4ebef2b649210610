//! From a formula's text to its steps, in one pass, without a tree and without recursion: Dijkstra's shunting yard.
//! Operators wait on a stack until their operands are written; open parentheses and calls wait on another. So neither
//! a sum of a million terms nor a million parentheses can exhaust the stack of the thread.
//!
//! One trick, known from the compiler of Lua, does the rest of a tree's work: an operand that is a mere reference is
//! *held back*, not written, until it is known how it is used. `A1` in `A1+1` is a fetch; in `SUM(A1)` it is a cell to
//! add, whose text would count for nothing; `A1:A3` is only ever to add.

use super::cell::{CellRange, CellRef};
use super::formula_lexer::{FormulaError, Lexer, Token, Word};
use super::formula_program::Step;
use super::functions::Function;
use super::operators::{Binary, Unary};
use super::scalar::{CellError, Scalar, parse_bool};

/// The steps of the formula, which begins with `=`.
pub(super) fn compile(text: &str) -> Result<Vec<Step>, FormulaError> {
    let mut lexer = Lexer::new(text, 0);
    let first = lexer.next()?;
    if first.word != Word::Operator(Binary::Equal) {
        return Err(lexer.error(first.start, first.end, "`=` in front of the formula"));
    }
    let token = lexer.next()?;
    let steps = Vec::new();
    let waiting = Vec::new();
    let open = Vec::new();
    Parser { lexer, token, steps, waiting, open }.formula()
}

/// An operand, and how much of it is written already.
#[derive(Clone, Copy)]
enum Operand {
    /// All of it: its value is on the stack.
    Value,
    /// Nothing: it is this cell.
    Cell(CellRef),
    /// Nothing: it is this range, or has too many cells for one. Where it was read is kept for the error it may be.
    Range(Result<CellRange, CellError>, usize, usize),
    /// The text that names a cell or a range is on the stack.
    Indirect,
}

/// An operator that is read, and not written because its last operand is not.
#[derive(Clone, Copy)]
enum Waiting {
    Minus,
    Binary(Binary),
}

impl Waiting {
    /// How tightly it binds.
    fn level(self) -> u8 {
        match self {
            Waiting::Minus => SIGN,
            Waiting::Binary(operator) => operator.level(),
        }
    }
}

/// The level of signs: above that of every operator between operands.
const SIGN: u8 = u8::MAX;

/// A parenthesis that is open.
struct Open<'a> {
    /// The call whose arguments it holds, if it is one.
    call: Option<Call<'a>>,
    /// How many operators waited when it was opened: they wait for it.
    outer: usize,
}

/// A call whose arguments are being read.
#[derive(Clone, Copy)]
struct Call<'a> {
    name: &'a str,
    function: Function,
    /// How many arguments are complete.
    arguments: usize,
    /// In an `IF`, the steps written with a target that was not known then.
    branch: usize,
    jump: usize,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The word looked at.
    token: Token<'a>,
    steps: Vec<Step>,
    waiting: Vec<Waiting>,
    open: Vec<Open<'a>>,
}

impl<'a> Parser<'a> {
    /// Reads operands, and after each what says how it is used, up to the end.
    fn formula(mut self) -> Result<Vec<Step>, FormulaError> {
        loop {
            let mut operand = self.operand()?;
            loop {
                match self.token.word {
                    Word::Percent => {
                        // Only signs come before it: `2^50%` is 2^(50%).
                        operand = self.write_waiting(operand, SIGN)?;
                        self.settle(operand)?;
                        self.steps.push(Step::Unary(Unary::Percent));
                        operand = Operand::Value;
                        self.advance()?;
                    }
                    Word::Operator(operator) => {
                        // What waits is written unless this one binds tighter: equals associate to the left.
                        operand = self.write_waiting(operand, operator.level())?;
                        self.settle(operand)?;
                        self.waiting.push(Waiting::Binary(operator));
                        break self.advance()?;
                    }
                    Word::Separator => {
                        operand = self.write_waiting(operand, 0)?;
                        self.argument(operand)?;
                        break self.advance()?;
                    }
                    Word::Close => {
                        operand = self.write_waiting(operand, 0)?;
                        operand = self.close(operand)?;
                        self.advance()?;
                    }
                    Word::End if self.open.is_empty() => {
                        operand = self.write_waiting(operand, 0)?;
                        self.settle(operand)?;
                        return Ok(self.steps);
                    }
                    _ => return Err(self.unexpected(self.after_operand())),
                }
            }
        }
    }

    /// Reads an operand, with the signs, the parentheses and the names of functions before it.
    fn operand(&mut self) -> Result<Operand, FormulaError> {
        loop {
            let value = match &mut self.token.word {
                Word::Operator(Binary::Add) => {
                    self.advance()?;
                    continue;
                }
                Word::Operator(Binary::Subtract) => {
                    self.waiting.push(Waiting::Minus);
                    self.advance()?;
                    continue;
                }
                Word::Open => {
                    self.open(None)?;
                    continue;
                }
                Word::Name(name) => {
                    let name = *name;
                    match self.name(name)? {
                        Some(operand) => return Ok(operand),
                        None => continue,
                    }
                }
                Word::Number(number) => Scalar::number(*number),
                Word::Text(text) => Scalar::text(std::mem::take(text)),
                Word::Error(error) => Scalar::Error(*error),
                _ => return Err(self.unexpected("a value, a cell, a function or `(`")),
            };
            self.steps.push(Step::Push(value));
            self.advance()?;
            return Ok(Operand::Value);
        }
    }

    /// Reads what begins with a name: a cell, a range, TRUE, FALSE, or the opening of a call, which is no operand yet.
    fn name(&mut self, name: &'a str) -> Result<Option<Operand>, FormulaError> {
        let Token { start, end, .. } = self.token;
        self.advance()?;
        // Some functions of other spreadsheets look like cells (LOG10): the parenthesis tells.
        let called = self.token.word == Word::Open;
        if let Ok(cell) = name.parse::<CellRef>()
            && !called
        {
            return match self.token.word {
                Word::Colon => self.range(cell, start).map(Some),
                _ => Ok(Some(Operand::Cell(cell))),
            };
        }
        if let Some(truth) = parse_bool(name)
            && !called
        {
            self.steps.push(Step::Push(Scalar::Bool(truth)));
            return Ok(Some(Operand::Value));
        }
        match Function::named(name) {
            Some(function) if called => {
                if let Function::Aggregate(aggregate) = function {
                    self.steps.push(Step::Open(aggregate));
                }
                self.open(Some(Call { name, function, arguments: 0, branch: 0, jump: 0 }))?;
                Ok(None)
            }
            Some(_) => Err(self.unexpected(format!("`(` after {name}"))),
            None if called => {
                let names = Function::names(|_| true);
                Err(self.lexer.error(start, end, format!("one of the functions {names}")))
            }
            None => {
                let expected = "a cell such as B7, a function, TRUE or FALSE (texts go in quotation marks)";
                Err(self.lexer.error(start, end, expected))
            }
        }
    }

    /// Reads `:B2` after `A1`.
    fn range(&mut self, first: CellRef, start: usize) -> Result<Operand, FormulaError> {
        self.advance()?;
        let last = match self.token.word {
            Word::Name(name) => name.parse::<CellRef>().ok(),
            _ => None,
        };
        let last = last.ok_or_else(|| self.unexpected("a cell, the other corner of the range"))?;
        let end = self.token.end;
        self.advance()?;
        Ok(Operand::Range(CellRange::new(first, last), start, end))
    }

    /// Opens the parenthesis looked at.
    fn open(&mut self, call: Option<Call<'a>>) -> Result<(), FormulaError> {
        let outer = self.waiting.len();
        self.open.push(Open { call, outer });
        self.advance()
    }

    /// Closes the innermost parenthesis, at the `)` looked at and after this operand. The result is an operand too.
    fn close(&mut self, operand: Operand) -> Result<Operand, FormulaError> {
        match self.open.last() {
            None => return Err(self.unexpected(self.after_operand())),
            Some(Open { call: None, .. }) => {
                // Parentheses leave a reference a reference.
                self.open.pop();
                return Ok(operand);
            }
            Some(Open { call: Some(_), .. }) => self.argument(operand)?,
        }
        let Some(Open { call: Some(call), .. }) = self.open.pop() else {
            return Ok(operand);
        };
        match call.function {
            Function::If => self.end_if(call),
            Function::Aggregate(_) => self.steps.push(Step::Close),
            Function::Values(function) => self.steps.push(Step::Call(function)),
            Function::Indirect => return Ok(Operand::Indirect),
        }
        Ok(Operand::Value)
    }

    /// Writes an argument of the innermost call, which ends at the `,` or `)` looked at.
    fn argument(&mut self, operand: Operand) -> Result<(), FormulaError> {
        let Some(Open { call: Some(call), .. }) = self.open.last() else {
            return Err(self.unexpected(self.after_operand()));
        };
        let (mut call, arity) = (*call, call.function.arity());
        let fits = match self.token.word {
            Word::Separator => call.arguments + 1 < *arity.end(),
            _ => arity.contains(&(call.arguments + 1)),
        };
        if !fits {
            return Err(self.unexpected(self.after_operand()));
        }
        match call.function {
            Function::Aggregate(_) => self.add(operand),
            _ => self.settle(operand)?,
        }
        call.arguments += 1;
        if call.function == Function::If {
            self.after_argument_of_if(&mut call);
        }
        if let Some(innermost) = self.open.last_mut() {
            innermost.call = Some(call);
        }
        Ok(())
    }

    /// Only one of the two values of an `IF` is ever worked out:
    ///
    /// ```text
    ///            condition
    ///            Branch ──────────┐ false
    ///            value if true    │
    ///       ┌─── Jump             │
    ///       │    value if false ◂─┘
    ///       └──▸ (end) ◂── also from Branch, with the error of the condition
    /// ```
    fn after_argument_of_if(&mut self, call: &mut Call<'_>) {
        match call.arguments {
            1 => {
                call.branch = self.steps.len();
                self.steps.push(Step::Branch { otherwise: 0, end: 0 });
            }
            2 => {
                call.jump = self.steps.len();
                self.steps.push(Step::Jump(0));
            }
            _ => {}
        }
    }

    fn end_if(&mut self, call: Call<'_>) {
        if call.arguments == 2 {
            self.steps.push(Step::Push(Scalar::Bool(false)));
        }
        let otherwise = call.jump + 1;
        let end = self.steps.len();
        self.steps[call.branch] = Step::Branch { otherwise, end };
        self.steps[call.jump] = Step::Jump(end);
    }

    /// Writes the operators that bind at least as tightly as `level` and wait for this operand in the innermost
    /// parenthesis. If there are none, the operand is held back as before.
    fn write_waiting(&mut self, mut operand: Operand, level: u8) -> Result<Operand, FormulaError> {
        let outer = self.open.last().map_or(0, |open| open.outer);
        while let Some(&waiting) = self.waiting[outer..].last()
            && waiting.level() >= level
        {
            self.waiting.pop();
            self.settle(operand)?;
            self.steps.push(match waiting {
                Waiting::Minus => Step::Unary(Unary::Negate),
                Waiting::Binary(operator) => Step::Binary(operator),
            });
            operand = Operand::Value;
        }
        Ok(operand)
    }

    /// Writes whatever of the operand is not yet written, so that its value is on the stack.
    fn settle(&mut self, operand: Operand) -> Result<(), FormulaError> {
        match operand {
            Operand::Value => {}
            Operand::Cell(cell) => self.steps.push(Step::Fetch(cell)),
            Operand::Indirect => self.steps.push(Step::FetchIndirect),
            Operand::Range(_, start, end) => {
                let names = Function::names(|function| matches!(function, Function::Aggregate(_)));
                let expected = format!("a single value (a range stands only as an argument of {names})");
                return Err(self.lexer.error(start, end, expected));
            }
        }
        Ok(())
    }

    /// Writes whatever of the operand is not yet written, so that it is added to an aggregate.
    fn add(&mut self, operand: Operand) {
        let step = match operand {
            Operand::Value => Step::AddValue,
            Operand::Cell(cell) => Step::AddCell(cell),
            Operand::Indirect => Step::AddIndirect,
            Operand::Range(Ok(range), ..) => Step::AddRange(range),
            Operand::Range(Err(error), ..) => {
                self.steps.push(Step::Push(Scalar::Error(error)));
                Step::AddValue
            }
        };
        self.steps.push(step);
    }

    fn advance(&mut self) -> Result<(), FormulaError> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    /// What can stand after an operand, for a message.
    fn after_operand(&self) -> String {
        let call = match self.open.last() {
            None => return "an operator or the end of the formula".to_owned(),
            Some(Open { call: None, .. }) => return "an operator or `)`".to_owned(),
            Some(Open { call: Some(call), .. }) => call,
        };
        let arity = call.function.arity();
        let arguments = call.arguments + 1;
        let next = match (arguments < *arity.end(), arity.contains(&arguments)) {
            (true, true) => "an operator, `,` or `)`",
            (true, false) => "an operator or `,`",
            (false, _) => "an operator or `)`",
        };
        let name = call.name;
        let takes = match (*arity.start(), *arity.end()) {
            (1, 1) => format!("{name} takes 1 argument"),
            (least, usize::MAX) => format!("{name} takes {least} or more arguments"),
            (least, most) if least == most => format!("{name} takes {most} arguments"),
            (least, most) => format!("{name} takes {least} to {most} arguments"),
        };
        format!("{next} ({takes})")
    }

    fn unexpected(&self, expected: impl Into<String>) -> FormulaError {
        self.lexer.error(self.token.start, self.token.end, expected)
    }
}

#[cfg(test)]
mod tests;
