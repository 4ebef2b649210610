//! What is the user's: values whose fingerprints look at a part, code that panics, types that change.
//!
//! The other histories speak of numbers, whose fingerprints are all that they are and whose code never fails. A user's types
//! and functions are not like that. So here a small program of a user is built, whose values have an *interface*, which dependents
//! see and fingerprints look at, and a *body*, which they do not; whose every line may panic, once; and which comes in two
//! versions, whose keys and values are written in other ways. A history edits, writes over, loses, restarts, exchanges journals
//! and rebuilders (a journal may be chosen late, a cache by a build that has built), and lights *fuses*: the call of a kind after so
//! many more is to panic, or, if it is the store's, the journal's or the cache's, to fail.
//!
//! After each build the target holds its own whole value, as computed from scratch. What panicked, or failed for it, is done once
//! more, and then succeeds.

mod brittle;
mod fuse;
mod types;
mod user_history;
mod user_machine;
mod user_program;

use alacarte_core::{Rebuilder, Schedules};

use crate::program::Declares;
use crate::silence;
use crate::stage::Broken;
use crate::trial::{Trial, for_each_seed, judge_drawn};
use user_history::History;

pub use fuse::{Fragile, burnt};
pub use types::{Label, Part, Untold};

/// Makes a scheduler and a rebuilder for what is the user's.
pub type Makes<'m, S, R> = &'m dyn Fn() -> (S, R);

/// How often a counterexample is tried to be made smaller.
const SHRINKING: u32 = 2_000;

/// Plays many histories of a user's own program; the first combination begins, and others may take over.
///
/// # Errors
/// The smallest counterexample found of a law that is broken.
pub fn judge_program<P, S, R>(trial: Trial, makes: &[Makes<'_, S, R>], untold: Untold) -> Result<(), Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Label, Part>,
{
    let fails = |history: &History| {
        let judged = silence::quietly(|| user_machine::play::<P, S, R>(history, makes, untold));
        fuse::put_out();
        judged.unwrap_or_else(|panic| Err(("no-panic", panic))).map_err(|(law, what)| {
            let counterexample = format!("{}\n{history}\n\nThe law `{law}` is broken: {what}\n", user_program::TEXT);
            Broken { law, counterexample, cases: 1, seed: 0 }
        })
    };
    for_each_seed(trial, |choices| {
        judge_drawn(choices, SHRINKING, |draw| user_history::history(makes.len(), draw), fails)
            .map_err(|(_, broken)| broken)
    })
}
