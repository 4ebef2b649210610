//! What a command was said to have read: does the disk still hold it?

use alacarte_core::StoreError;
use alacarte_stores::{FileKey, FileValue, Files};

/// Whether all files hold on disk what was fetched.
pub(crate) fn still_hold(files: &mut Files, read: &[(FileKey, FileValue)]) -> Result<bool, StoreError> {
    for (key, value) in read {
        if !still_holds(files, key, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file holds on disk what was fetched.
pub(crate) fn still_holds(files: &mut Files, key: &FileKey, value: &FileValue) -> Result<bool, StoreError> {
    if let FileValue::Group(_) = value {
        return Ok(true);
    }
    let digest = value.outputs().first().and_then(|made| made.digest);
    let seen = files.look_as_output(key)?;
    Ok(seen.map_or(digest.is_none(), |seen| digest.is_some_and(|digest| seen.holds(digest))))
}
