//! `alacarte cache`: the care of a cache.

use std::path::PathBuf;
use std::process::ExitCode;

use alacarte_frontends::commands::{NO_CACHE_OF_USER, bytes};
use alacarte_stores::{HeldCache, Holdings, SharedCache, Tended, to_stderr, to_stdout};
use thiserror::Error;

use crate::args::{Cache, Care};
use crate::status::Problem;

#[derive(Debug, Error)]
enum Misuse {
    #[error("there is no cache in {0}: name its directory, as `--cache` does")]
    None(String),
    #[error("{NO_CACHE_OF_USER}: name its directory")]
    NoHome,
}

pub fn cache(arguments: &Cache) -> Result<ExitCode, Problem> {
    let tell = |what: &str, Holdings { copies, keys, tools, bytes: size, .. }: Holdings| {
        let copies = plural(copies, "copy", "copies");
        let keys = plural(keys, "key", "keys");
        let tools = plural(tools, "cache of a tool", "caches of tools");
        to_stdout(format_args!("{what} {copies}, the traces of {keys} and {tools} ({})", bytes(size)))
    };
    match &arguments.care {
        Care::Stats { directory } => {
            let cache = open(directory)?;
            tell("holds", cache.holdings()?)?;
            for HeldCache { name, repository, entries, bytes: size, .. } in cache.tools()? {
                to_stdout(format_args!(
                    "{name} of {}: {} ({})",
                    repository.escape_debug(),
                    plural(entries, "entry", "entries"),
                    bytes(size)
                ))?;
            }
        }
        Care::Verify { directory } => {
            let tended = open(directory)?.verify()?;
            tell("found", tended.held)?;
            tell("removed, for they were damaged:", tended.removed)?;
            tended.damage.iter().for_each(|damage| to_stderr(format_args!("alacarte: {damage}")));
            let told = told(&tended);
            return Ok(if tended.damage.is_empty() { told } else { ExitCode::FAILURE });
        }
        Care::Gc { max_size, directory } => {
            let cache = open(directory)?;
            let tended = cache.shrink(*max_size)?;
            tell("removed", tended.removed)?;
            tell("holds", cache.holdings()?)?;
            return Ok(told(&tended));
        }
        Care::Clear { directory } => {
            let tended = open(directory)?.clear()?;
            tell("removed", tended.removed)?;
            return Ok(told(&tended));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// So much trouble is shown.
const SHOWN: usize = 10;

/// Says what could not be done.
fn told(tended: &Tended) -> ExitCode {
    tended.trouble.iter().take(SHOWN).for_each(|trouble| to_stderr(format_args!("alacarte: {trouble}")));
    match tended.trouble.len() {
        0 => return ExitCode::SUCCESS,
        1..=SHOWN => {}
        more => to_stderr(format_args!("alacarte: and {} more", more - SHOWN)),
    }
    ExitCode::FAILURE
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The cache in this directory, or else the user's own.
fn open(directory: &Option<PathBuf>) -> Result<SharedCache, Problem> {
    let cache = SharedCache::chosen(directory.as_deref()).ok_or(Misuse::NoHome)?;
    if !cache.exists() {
        return Err(Misuse::None(cache.directory().display().to_string()).into());
    }
    Ok(cache)
}
