//! The care of named caches: which there are, how much they hold, and how to be rid of it.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use super::cache_place::{BY_NAME, BY_PATH, NamedCache, TOOLS};
use super::cache_walk::{LeftOut, MODE, is_entry, walk};
use crate::cache_damage::{CacheDamage, Verified};
use crate::regular::{self, directories_in, on_disk};
use crate::scratch;

/// A named cache, in the part of one repository, and how much it holds.
///
/// ```
/// use alacarte::stores::{NamedCache, named_caches};
///
/// let directory = tempfile::tempdir()?;
/// let copy = NamedCache::new(directory.path(), &"calculator/mypy".parse()?, directory.path()).take(directory.path())?;
/// std::fs::write(copy.path().join("types"), "int")?;
/// copy.publish();
///
/// let held = named_caches(directory.path())?;
/// assert_eq!((&*held[0].name, &*held[0].repository, held[0].entries), ("mypy", "calculator", 1));
/// held[0].clear()?;
/// assert!(named_caches(directory.path())?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HeldCache {
    /// What rules call it.
    pub name: String,
    /// The repository: the name that its rules state, or the directory of its build.
    pub repository: String,
    /// How many files and links it holds.
    pub entries: u64,
    /// What the files take, in bytes.
    pub bytes: u64,
    /// When a command used it last.
    pub used: SystemTime,
    cache: NamedCache,
}

impl HeldCache {
    /// Removes its entries. A command that has taken a copy keeps that, and adds what it found to be new.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        self.cache.prepare()?;
        let lock = self.cache.lock()?;
        scratch::sweep(&self.cache.underway());
        let place = scratch::create_directory(&self.cache.underway())?;
        std::fs::rename(self.cache.entries(), place.path().join("entries"))?;
        drop(lock);
        drop(place);
        Ok(())
    }

    /// Reads all entries, and removes what can be none. What lies in the place of another repository goes as a whole.
    pub(crate) fn verify(&self) -> io::Result<Verified> {
        if let Some(wrong) = self.cache.misplaced() {
            let removed = self.clear().and_then(|()| self.cache.disown()).map(|()| true);
            return Ok(Verified::damaged(CacheDamage::new(self.cache.part(), wrong), removed));
        }
        let (entries, mut left_out) = (self.cache.entries(), LeftOut::default());
        let mut verified = Verified::default();
        // No command publishes meanwhile.
        let lock = self.cache.lock()?;
        walk(&entries, &mut left_out, |path, metadata, _| {
            if let Some(wrong) = wrong(&entries, path, metadata) {
                verified.damage.push(CacheDamage::new(entries.join(path), wrong));
                if let Err(error) = scratch::remove(&entries.join(path)) {
                    verified.trouble = Some(error);
                }
            }
            Ok(())
        })?;
        drop(lock);
        // (Of directories that no command is given a copy of, nothing is known.)
        let unseen = left_out.why.map(|why| CacheDamage::new(&entries, format!("it cannot be looked at: {why}")));
        verified.damage.extend(unseen);
        Ok(verified)
    }
}

/// Why something can be no entry of a cache.
fn wrong(entries: &Path, path: &Path, metadata: &Metadata) -> Option<String> {
    if metadata.is_dir() {
        return None;
    }
    if let Err(why) = is_entry(entries, path, metadata) {
        return Some(why.into());
    }
    if metadata.is_symlink() {
        return None;
    }
    if metadata.permissions().mode() & 0o7777 & !MODE != 0 {
        return Some("whoever runs it becomes another user".into());
    }
    let read = regular::open(&entries.join(path)).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
    match read {
        // (What is closed to us may be open to others.)
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => None,
        Err(error) => Some(error.to_string()),
        Ok(_) => None,
    }
}

/// The named caches below the cache directory of a build that hold anything, by name and repository.
///
/// # Errors
/// If they cannot be read.
pub fn named_caches(directory: &Path) -> io::Result<Vec<HeldCache>> {
    let mut all = Vec::new();
    for tool in directories_in(&directory.join(TOOLS))? {
        for part in [BY_NAME, BY_PATH].into_iter().map(|kind| directories_in(&tool.join(kind))) {
            for part in part? {
                let name = tool.file_name().unwrap_or_default().to_string_lossy().into_owned();
                // What nobody has signed is not ours.
                let Ok(cache) = NamedCache::in_part(part) else { continue };
                // What killed commands have left.
                scratch::sweep(&cache.underway());
                let used = std::fs::metadata(cache.lock_file()).and_then(|file| file.modified());
                let mut held = HeldCache {
                    repository: cache.repository().to_owned(),
                    entries: 0,
                    bytes: 0,
                    used: used.unwrap_or(SystemTime::UNIX_EPOCH),
                    name,
                    cache,
                };
                walk(&held.cache.entries(), &mut LeftOut::default(), |_, metadata, _| {
                    held.entries += u64::from(!metadata.is_dir());
                    held.bytes += if metadata.is_file() { on_disk(metadata) } else { 0 };
                    Ok(())
                })?;
                if held.entries > 0 {
                    all.push(held);
                }
            }
        }
    }
    all.sort_by(|a, b| (&a.name, &a.repository).cmp(&(&b.name, &b.repository)));
    Ok(all)
}
