//! What a sample of hits showed that were run again (`Rechecked`, a rebuilder).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;

use super::screen::program;

/// Says how many of how many hits were run again, and what of it differs from what the cache has; an error if anything does.
pub fn rechecked(hits: usize, ran: usize, differences: &[String]) -> ExitCode {
    let name = program();
    let plural = if hits == 1 { "" } else { "s" };
    if differences.is_empty() {
        println!("{name}: rechecked {ran} of {hits} hit{plural}: what the cache has is what the commands give");
        return ExitCode::SUCCESS;
    }
    for difference in differences {
        eprintln!("{name}: {difference}");
    }
    eprintln!(
        "{name}: rechecked {ran} of {hits} hit{plural}: commands have given something else than before; \
         they look at more than they say, or at the time, or at chance"
    );
    ExitCode::FAILURE
}

/// A number that is another each time: which hits are run again.
pub fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
