//! Text that fits: paragraphs, panels and rows of cells, broken between words at the width of the terminal.

use std::io::{self, Write};

use alacarte_frontends::commands::terminal_width;
use console::{Style, measure_text_width};

/// Where nobody says how wide a line may be.
const WIDTH: usize = 80;
/// Nothing is broken into lines shorter than this.
const NARROWEST: usize = 24;
/// How far the lines of a panel are indented.
const INDENT: usize = 11;

/// A blank at which no line is broken.
pub const UNBROKEN: char = '\u{a0}';

/// How wide a line may be: as [`columns`] says, but no wider than a person likes to read.
pub fn width() -> usize {
    columns().clamp(NARROWEST, WIDTH + 20)
}

/// How many columns the terminal has; where there is none, as many as `COLUMNS` says, or eighty.
pub fn columns() -> usize {
    let terminal = terminal_width();
    terminal.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).unwrap_or(WIDTH)
}

/// So many, in words that fit the number.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Where text is written to.
pub struct Page<'w> {
    out: &'w mut dyn Write,
    width: usize,
}

impl<'w> Page<'w> {
    pub fn new(out: &'w mut dyn Write, width: usize) -> Self {
        Page { out, width }
    }

    /// An empty line.
    pub fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A line across.
    pub fn rule(&mut self) -> io::Result<()> {
        writeln!(self.out, "\n{}\n", "─".repeat(self.width))
    }

    /// A paragraph, indented.
    pub fn text(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.words(&" ".repeat(indent), indent, 1, &words(&Style::new(), text))
    }

    /// A paragraph whose later lines are indented further.
    pub fn text_hanging(&mut self, indent: usize, hang: usize, text: &str) -> io::Result<()> {
        self.words(&" ".repeat(indent), hang, 1, &words(&Style::new(), text))
    }

    /// A counterexample, indented: its lines keep their own indentation, and are broken where they are too long.
    pub fn counterexample(&mut self, indent: usize, counterexample: &str) -> io::Result<()> {
        for line in counterexample.trim_end().lines() {
            let text = line.trim_start_matches(' ');
            let own = line.len() - text.len() + if text.is_empty() { 0 } else { indent };
            self.words(&" ".repeat(own), own + 4, 1, &words(&Style::new(), text))?;
        }
        Ok(())
    }

    /// A title, or a verdict: in a style, its later lines indented.
    pub fn heading(&mut self, style: &Style, text: &str) -> io::Result<()> {
        self.words("", 3, 1, &words(style, text))
    }

    /// A name, and what it means in a column of its own; below it where there is no room for a column.
    pub fn item(&mut self, style: &Style, name: &str, column: usize, text: &str) -> io::Result<()> {
        if self.width < column + 2 * NARROWEST {
            self.heading(style, name)?;
            return self.text(4, text);
        }
        let first = format!("{}{}", style.apply_to(name), " ".repeat(column - measure_text_width(name)));
        self.words(&first, column, 1, &words(&Style::new(), text))
    }

    /// Lines under a title at their left.
    pub fn panel(&mut self, title: &str, lines: &[String]) -> io::Result<()> {
        for (number, line) in lines.iter().enumerate() {
            let first = self.title(if number == 0 { title } else { "" });
            self.words(&first, self.indent() + 2, 1, &words(&Style::new(), line))?;
        }
        Ok(())
    }

    /// Cells in a row, or several, under a title at their left; a cell is not broken if it fits.
    pub fn flow(&mut self, title: &str, cells: &[(Style, String)]) -> io::Result<()> {
        if cells.is_empty() {
            return Ok(());
        }
        let first = self.title(title);
        self.words(&first, self.indent(), 3, cells)
    }

    fn indent(&self) -> usize {
        if self.width < 2 * INDENT + NARROWEST { 5 } else { INDENT }
    }

    /// A title, filled up to where the lines begin; on a line of its own where that is too narrow.
    fn title(&self, title: &str) -> String {
        let indent = self.indent();
        let dim = Style::new().dim();
        if indent < INDENT && !title.is_empty() {
            return format!("   {}\n{}", dim.apply_to(title), " ".repeat(indent));
        }
        if title.is_empty() {
            return " ".repeat(indent);
        }
        let fill = indent.saturating_sub(3 + measure_text_width(title));
        format!("   {}{}", dim.apply_to(title), " ".repeat(fill))
    }

    /// Words after `first`, so many blanks apart; later lines are indented by `hang`.
    fn words(&mut self, first: &str, hang: usize, apart: usize, words: &[(Style, String)]) -> io::Result<()> {
        let mut begin = first.to_owned();
        let mut used = measure_text_width(first.lines().last().unwrap_or_default());
        let mut line: Vec<&(Style, String)> = Vec::new();
        for word in words {
            let wide = measure_text_width(&word.1);
            if !line.is_empty() && used + apart + wide > self.width {
                self.line(&begin, apart, &line)?;
                line.clear();
                begin = " ".repeat(hang);
                used = hang;
            }
            used += wide + if line.is_empty() { 0 } else { apart };
            line.push(word);
        }
        self.line(&begin, apart, &line)
    }

    /// One line. Words of one style are styled together, with the blanks between them.
    fn line(&mut self, begin: &str, apart: usize, words: &[&(Style, String)]) -> io::Result<()> {
        let blanks = " ".repeat(apart);
        let runs = words.chunk_by(|(one, _), (other, _)| one == other).map(|run| {
            let text: Vec<&str> = run.iter().map(|(_, word)| word.as_str()).collect();
            run[0].0.apply_to(text.join(&blanks).replace(UNBROKEN, " ")).to_string()
        });
        let line = format!("{begin}{}", runs.collect::<Vec<_>>().join(&blanks));
        writeln!(self.out, "{}", line.trim_end())
    }
}

fn words(style: &Style, text: &str) -> Vec<(Style, String)> {
    text.split(' ').map(|word| (style.clone(), word.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: usize, write: impl Fn(&mut Page<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, width)).expect("memory can be written");
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn lines_are_broken_between_words_and_cells_stay_whole() {
        let text = page(24, |page| page.text(2, "one two three four five six seven"));
        assert_eq!(text, "  one two three four\n  five six seven\n");
        let cells = ["A = 1", "B = 22 (ffff)", "C"].map(|cell| (Style::new(), cell.to_owned()));
        let text = page(60, |page| page.flow("store", &cells));
        assert_eq!(text, "   store   A = 1   B = 22 (ffff)   C\n");
        let text = page(24, |page| page.flow("store", &cells));
        assert_eq!(text, "   store\n     A = 1\n     B = 22 (ffff)   C\n");
    }

    #[test]
    fn what_is_unbroken_moves_to_the_next_line_as_a_whole() {
        let line = format!("C waits for B [queue:{UNBROKEN}C{UNBROKEN}D]");
        let text = page(50, |page| page.panel("queue", &[line.clone(), "next".into()]));
        assert_eq!(text, "   queue   C waits for B [queue: C D]\n           next\n");
        let text = page(46, |page| page.panel("queue", std::slice::from_ref(&line)));
        assert_eq!(text, "   queue   C waits for B [queue: C D]\n");
        let text = page(30, |page| page.panel("queue", std::slice::from_ref(&line)));
        assert_eq!(text, "   queue\n     C waits for B\n       [queue: C D]\n");
    }

    #[test]
    fn a_counterexample_keeps_its_own_indentation() {
        let text = page(30, |page| page.counterexample(2, "Tasks:\n  k0 = sum(k1, k2, k3, k4, k5)\n\n  1. build k0\n"));
        assert_eq!(text, "  Tasks:\n    k0 = sum(k1, k2, k3, k4,\n        k5)\n\n    1. build k0\n");
    }

    #[test]
    fn a_word_wider_than_the_line_stands_alone() {
        assert_eq!(
            page(24, |page| page.text(0, "a incomprehensibilities-of-length b")),
            "a\nincomprehensibilities-of-length\nb\n"
        );
    }
}
