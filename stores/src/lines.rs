//! Lines on standard output and standard error, which may have no reader any more.
//!
//! `println!` panics where a reader has gone away (`… 2>&1 | head`), or where a disk is full. To say something is never all that a
//! program is for: a build goes on, and ends as it would have.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a line on standard output. That it has no reader any more is no failure.
///
/// # Errors
/// If it cannot be written for another reason: the disk is full.
pub fn to_stdout(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a line on standard error, if that can be done: there is no other place to say that it cannot.
pub fn to_stderr(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
