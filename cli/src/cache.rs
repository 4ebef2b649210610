//! `alacarte cache`: the care of a cache.

use std::path::Path;
use std::process::ExitCode;

use alacarte_stores::{Cas, Holdings, clear_traces};
use thiserror::Error;

use crate::args::{Cache, Care};
use crate::status::Problem;
use crate::table::bytes;

#[derive(Debug, Error)]
enum Misuse {
    #[error("there is no cache in {0}: name its directory, as `--cache` does")]
    None(String),
}

pub fn cache(arguments: &Cache) -> Result<ExitCode, Problem> {
    let say = |what: &str, Holdings { copies, bytes: size, .. }: Holdings| {
        let plural = if copies == 1 { "copy" } else { "copies" };
        println!("{what} {copies} {plural} ({})", bytes(size));
    };
    match &arguments.care {
        Care::Stats { directory } => say("holds", blobs(directory)?.holdings()?),
        Care::Verify { directory } => {
            let (all, removed) = blobs(directory)?.verify()?;
            say("read", all);
            say("removed, for they were damaged:", removed);
        }
        Care::Gc { max_size, directory } => {
            let cas = blobs(directory)?;
            say("removed", cas.shrink(*max_size)?);
            say("holds", cas.holdings()?);
        }
        Care::Clear { directory } => {
            let cas = blobs(directory)?;
            say("removed", cas.shrink(0)?);
            clear_traces(&directory.join("traces"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The copies of the cache in this directory.
fn blobs(directory: &Path) -> Result<Cas, Problem> {
    let blobs = directory.join("blobs");
    if !blobs.is_dir() && !directory.join("traces").is_dir() {
        return Err(Misuse::None(directory.display().to_string()).into());
    }
    Ok(Cas::new(blobs))
}
