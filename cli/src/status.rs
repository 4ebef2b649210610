//! What is said on standard error, and how a reader that went away is taken.

use std::error::Error;
use std::io;
use std::path::Path;

use alacarte_stores::{shown, to_stderr};
use thiserror::Error;

/// Any error that ends a command.
pub type Problem = Box<dyn Error>;

/// There is no directory of this name.
#[derive(Debug, Error)]
#[error("there is no directory {0}")]
pub struct NoDirectory(String);

/// Whether there is a directory to build in.
pub fn there(directory: &Path) -> Result<(), NoDirectory> {
    if directory.is_dir() { Ok(()) } else { Err(NoDirectory(directory.display().to_string())) }
}

/// Prints an error, with everything that caused it.
pub fn error(error: &dyn Error) {
    to_stderr(format_args!("alacarte: {}", shown(&error.to_string())));
    let mut source = error.source();
    while let Some(cause) = source {
        // Most of our errors print their cause themselves.
        if !error.to_string().contains(&cause.to_string()) {
            to_stderr(format_args!("  because: {}", shown(&cause.to_string())));
        }
        source = cause.source();
    }
}

/// Whether whoever read our output has gone away (`alacarte systems | head -1`): no error of ours.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let of_table = error.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
        csv::ErrorKind::Io(error) => Some(error),
        _ => None,
    });
    let of_output = of_table.or_else(|| error.downcast_ref::<io::Error>());
    of_output.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
