//! What builds showed in which a sample of hits was run again (`Rechecked`, a rebuilder).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;

use alacarte_core::{BuildError, Key, Report};
use alacarte_stores::{to_stderr, to_stdout};

use super::screen::program;

/// What was found out, of one build or of several.
#[derive(Debug, Default)]
pub struct Rechecks {
    hits: usize,
    ran: usize,
    differences: Vec<String>,
}

/// So many differences are shown.
const SHOWN: usize = 50;

impl Rechecks {
    /// Takes up what one build has found out: so many keys could have been restored, and these of them were run, with what the cache has of
    /// each. How that `differs` from what the key holds now is asked of a key that did not fail; `None` if it holds nothing.
    ///
    /// # Errors
    /// As `differs`.
    pub fn note<K: Key, V, E>(
        &mut self,
        hits: usize,
        ran: impl IntoIterator<Item = (K, V)>,
        outcome: &Result<Report, BuildError<K>>,
        mut differs: impl FnMut(&K, &V) -> Result<Option<Vec<String>>, E>,
    ) -> Result<(), E> {
        self.hits += hits;
        let failures = outcome.as_ref().err().map_or(&[][..], |error| &error.failures[..]);
        for (key, then) in ran {
            if failures.iter().any(|failure| failure.key.as_ref() == Some(&key)) {
                self.ran += 1;
                self.differences.push(format!("{key}: the cache has it, and it failed when it was run again"));
            } else if let Some(differences) = differs(&key, &then)? {
                self.ran += 1;
                self.differences.extend(differences);
            }
        }
        Ok(())
    }

    /// Says what was found out of builds that ended so: an error if anything differs.
    pub fn tell(&self, ended: ExitCode) -> ExitCode {
        let name = program();
        let counted = format!("rechecked {} of {} hit{}", self.ran, self.hits, if self.hits == 1 { "" } else { "s" });
        if self.differences.is_empty() {
            let _ = to_stdout(format_args!("{name}: {counted}: what the cache has is what the commands give"));
            return ended;
        }
        self.differences.iter().take(SHOWN).for_each(|difference| to_stderr(format_args!("{name}: {difference}")));
        if let more @ 1.. = self.differences.len().saturating_sub(SHOWN) {
            to_stderr(format_args!("{name}: and {more} more"));
        }
        to_stderr(format_args!("{name}: {counted}: commands have given something else than before."));
        to_stderr(format_args!("They look at more than they say, or at the time, or at chance."));
        ExitCode::FAILURE
    }
}

/// A number that is another each time: which hits are run again.
pub fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
