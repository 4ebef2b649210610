//! Where do values and the journal live?
//!
//! | | |
//! |---|---|
//! | [`Memory`] | values in memory |
//! | [`FileStore`] | the files of a directory; [`Files`] is what is known of them, [`Cas`] keeps copies |
//! | [`Tree`] | a directory as one value; [`Merge`] makes one of several |
//! | [`Glance`] | how all files lay that a build looked at |
//! | [`Log`] | a journal in a file |
//! | [`TraceLog`] | constructive traces that many builds share |
//! | [`RecordFile`] | records in a file that is only added to |
//! | [`SharedCache`] | copies and traces in one directory, and the care of it |
//! | [`NamedCache`] | directories that tools keep for themselves |
#![deny(missing_docs, missing_debug_implementations, clippy::print_stdout, clippy::print_stderr)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

#[cfg(feature = "files")]
mod byte_text;
#[cfg(feature = "files")]
mod cache_damage;
#[cfg(feature = "files")]
mod cas;
#[cfg(feature = "files")]
mod difference;
#[cfg(feature = "files")]
mod digest;
#[cfg(feature = "files")]
mod file_table;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "files")]
mod filestore;
#[cfg(feature = "files")]
mod frame;
#[cfg(feature = "files")]
mod glance;
#[cfg(feature = "files")]
mod known_file;
#[cfg(feature = "files")]
mod lines;
#[cfg(feature = "files")]
mod link;
#[cfg(feature = "files")]
mod log;
mod memory;
#[cfg(feature = "files")]
mod named_cache;
#[cfg(feature = "files")]
mod record_file;
#[cfg(feature = "files")]
mod regular;
#[cfg(feature = "files")]
mod scratch;
#[cfg(feature = "files")]
mod seal;
#[cfg(feature = "files")]
mod shared_cache;
#[cfg(feature = "files")]
mod stat;
#[cfg(feature = "files")]
mod trace_log;
#[cfg(feature = "files")]
mod tree;
#[cfg(feature = "files")]
mod tree_copies;
#[cfg(feature = "files")]
mod tree_reader;
#[cfg(feature = "files")]
mod value;

#[cfg(feature = "files")]
pub use byte_text::{bytes_of, path_of, shown, text_of, text_of_path};
#[cfg(feature = "files")]
pub use cache_damage::CacheDamage;
#[cfg(feature = "files")]
pub use cas::Cas;
#[cfg(feature = "files")]
pub use difference::{Difference, Differs};
#[cfg(feature = "files")]
pub use digest::Digest;
#[cfg(feature = "files")]
pub use files::{Files, SharedFiles};
#[cfg(feature = "files")]
pub use filestore::{FileStore, Shape};
#[cfg(feature = "files")]
pub use glance::Glance;
#[cfg(feature = "files")]
pub use known_file::{Begun, Seen};
#[cfg(feature = "files")]
pub use lines::{to_stderr, to_stdout};
#[cfg(feature = "files")]
pub use log::{Anew, Damage, Log, SharedBytes};
pub use memory::Memory;
#[cfg(feature = "files")]
pub use named_cache::{CacheName, CacheNameError, HeldCache, NamedCache, PrivateCopy, Published, named_caches};
#[cfg(feature = "files")]
pub use record_file::{RecordFile, RecordsFound};
#[cfg(feature = "files")]
pub use shared_cache::{Holdings, SharedCache, Tended};
#[cfg(feature = "files")]
pub use trace_log::TraceLog;
#[cfg(feature = "files")]
pub use tree::{Conflict, Entry, Merge, Tree, TreeError};
#[cfg(feature = "files")]
pub use value::{FileKey, FileValue, Made};
