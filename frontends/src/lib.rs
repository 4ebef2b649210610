//! Where do tasks come from?
//!
//! [`ninja`]: the manifests that generators write, their commands, and what compilers report. [`spreadsheet`]: a CSV file
//! with formulas. [`history`]: what earlier builds of commands did. A front end parses, says what each key depends on as far as that is known, and runs; when, and whether at all, is not its business.
#![deny(missing_docs, missing_debug_implementations, clippy::print_stdout, clippy::print_stderr)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

#[cfg(feature = "files")]
pub mod commands;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "files")]
pub mod history;
#[cfg(feature = "ninja")]
pub mod ninja;
#[cfg(feature = "spreadsheet")]
pub mod spreadsheet;
