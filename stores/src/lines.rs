//! Lines on standard output and standard error, which may have no reader any more.
//!
//! `println!` panics where a reader has gone away (`… 2>&1 | head`). To say something is never what a program is for: a build goes
//! on, and ends as it would have.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line on standard output, if it has a reader.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line on standard error, if it has a reader.
pub fn say_aside(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
