//! Where a build of files keeps what it remembers.

use std::path::{Path, PathBuf};

use alacarte_core::{Key, StoreError, Value};
use alacarte_stores::{FileStore, Log, SharedCache, SharedFiles};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The journal's file.
pub(crate) fn journal(state: &Path) -> PathBuf {
    state.join("journal")
}

/// The file of what is known of files.
pub(crate) fn table(state: &Path) -> PathBuf {
    state.join("files")
}

/// Where the store puts together what is not whole yet, and removes what processes have left there that were killed.
pub(crate) fn underway(state: &Path) -> PathBuf {
    state.join("underway")
}

/// What earlier builds did (see [`history`](crate::history)).
pub(crate) fn history(state: &Path) -> PathBuf {
    state.join("history")
}

/// Opens the journal. From then on no other build is at work: what is read afterwards is what it has left.
pub(crate) fn open_journal<K, V>(state: &Path) -> Result<Log<K, V>, StoreError>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    std::fs::create_dir_all(state).map_err(|source| StoreError::new("make the directory", state.display(), source))?;
    Log::open(journal(state))
}

/// The files as a store, with the copies of a cache behind it.
pub(crate) fn store(files: &SharedFiles, state: &Path, cache: &SharedCache) -> FileStore {
    bare_store(files, state).with_cas(cache.copies())
}

/// The files as a store that restores nothing.
pub(crate) fn bare_store(files: &SharedFiles, state: &Path) -> FileStore {
    FileStore::new(files).with_table(table(state))
}

/// Forgets everything but the cache, as a fresh checkout elsewhere does.
pub(crate) fn forget(state: &Path) -> Result<(), StoreError> {
    for path in [journal(state), table(state), table(state).with_extension("trees"), history(state)] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::new("remove", path.display(), error));
            }
            _ => {}
        }
    }
    Ok(())
}
