//! Crashes between writes.
//!
//! A build writes to several places: files, the journal, the cache of traces, copies of values, a table of what is known of
//! each file without reading it. A system that fails keeps of each place what it had got round to, in no order between
//! them: the trace and not the record, the record and not the file, the table and not what it speaks of. So here a whole
//! disk is played, which remembers every write since all was last safe, and forgets some of them when it crashes: of what is
//! only appended to, any number of the last bytes or entries; of files, any of them.
//!
//! Beside the machine that crashes another one builds now and then what that one might, from other inputs, so that its traces are
//! learned. After each build the values of the targets, in the build and on the disk, are compared with a computation from
//! scratch; the same build once more does nothing and writes nothing; and a copy of the disk, on which a new process does
//! the same, shows whether what was written says all that the living process knows.

mod crashing_machine;
mod disk;
mod places;
mod tale;

use alacarte_core::{Rebuilder, Schedules};

use crate::name::Name;
use crate::program::Declares;
use crate::script::{Scenario, Step};
use crate::silence;
use crate::stage::{Broken, Combination};
use crate::trial::{Trial, fitting, for_each_seed, judge_drawn};
use crashing_machine::{Machine, play};
use disk::Unsafe;
use tale::{Tale, style, tale};

pub use disk::{Careless, Loss};

/// How often a counterexample is tried to be made smaller. (A tale is long: what is not small by then is small enough.)
const SHRINKING: u32 = 2_000;

/// Plays many tales of crashes; the first combination begins, and others may go on behind a crash.
///
/// # Errors
/// The smallest counterexample found of a law that is broken.
pub fn judge_crashes<P, S, R>(
    trial: Trial,
    combinations: &[Combination<'_, S, R>],
    careless: Careless,
) -> Result<(), Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let style = style(fitting::<P>(trial).style, combinations.len());
    let fails = |tale: &Tale| {
        silence::quietly(|| play::<P, S, R>(tale, combinations, careless)).unwrap_or_else(|panic| {
            let counterexample = format!("{}\n{}\n\n{panic}\n", tale.scenario, tale.scenario.script());
            Err(Broken { law: "no-panic", counterexample, cases: 1, seed: 0 })
        })
    };
    for_each_seed(trial, |choices| {
        judge_drawn(choices, SHRINKING, |draw| tale(style, draw), fails).map_err(|(_, broken)| broken)
    })
}

/// Plays a history up to its last build but so many with every loss that a crash there can bring, and the rest behind it:
/// every number of bytes of the journal, of traces and of entries of the table, and every set of files and of copies. Answers
/// how many losses there are.
///
/// # Errors
/// The counterexample of the first by which a law is broken.
pub fn every_loss<P, S, R>(
    scenario: &Scenario,
    behind: usize,
    combinations: &[Combination<'_, S, R>],
) -> Result<usize, Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let builds: Vec<usize> =
        (0..scenario.steps.len()).filter(|&at| matches!(scenario.steps[at], Step::Build(_))).collect();
    let crash = builds[builds.len() - 1 - behind];
    let begun = |loss: Option<Loss>| -> Result<Unsafe, Broken> {
        let mut machine = Machine::<P, S, R>::new(scenario, combinations, Careless::Never);
        let mut last = None;
        let mut stake = Unsafe::default();
        for (at, step) in scenario.steps.iter().enumerate() {
            machine.told.push(step.to_string());
            machine.step(step, &mut last)?;
            if at < crash {
                // All that was written long ago is safe.
                machine.process = None;
                machine.disk.crash(Loss::default());
            } else if at == crash {
                machine.process = None;
                stake = machine.disk.at_stake();
                machine.crash(loss.unwrap_or_default());
                machine.switch(combinations.len() - 1);
            }
        }
        Ok(stake)
    };
    let stake = begun(None)?;
    let mut losses = 0;
    for journal in 0..=stake.journal {
        for traces in 0..=stake.traces {
            for table in 0..=stake.table {
                for files in 0..1 << stake.files {
                    for copies in 0..1 << stake.copies {
                        begun(Some(Loss { journal, traces, table, files, copies }))?;
                        losses += 1;
                    }
                }
            }
        }
    }
    Ok(losses)
}
