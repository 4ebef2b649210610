//! How much may go on at once.

use super::{AtWork, Moment};

/// Work outside takes one of the build's jobs, and the permit of a pool that it names: no more goes on at once.
pub fn within_jobs(moment: &mut Moment<'_>) -> Result<(), String> {
    match moment.at_work.into_iter().find(|work| work.most > work.allowed) {
        Some(AtWork { most, allowed }) => Err(format!("{most} pieces of work went on at once where {allowed} may")),
        None => Ok(()),
    }
}
