//! Says which test is skipped, and why. (What is printed by a macro is shown only of tests that fail.)

use std::fmt::Arguments;
use std::io::Write;

pub fn skipped(what: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
}
