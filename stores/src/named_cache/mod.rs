//! Named caches: directories that tools keep for themselves (a type checker's, a compiler's of modules), shared by processes that know
//! nothing of one another.
//!
//! Such a tool reads and rewrites its directory as it likes, so no two may have the same one at the same time. Each command is given a
//! private copy; what it added or changed there is published when it has succeeded: *copy, mutate, publish*.
//!
//! What lies in the cache is a set of *entries*: files, and links between them. Each appears whole, by a rename, and what has appeared is
//! never written again, only replaced by another rename. Of several commands that changed an entry at the same time the first to publish
//! wins; a command that did not touch an entry never writes it; what a command removed stays for the others.

mod cache_place;
mod cache_walk;
mod held;
mod private_copy;

pub(crate) use cache_place::TOOLS;
pub use cache_place::{CacheName, CacheNameError, NamedCache};
pub use held::{HeldCache, named_caches};
pub use private_copy::{PrivateCopy, Published};

#[cfg(test)]
mod interleavings;
