//! Where do values and the journal live?
//!
//! | | |
//! |---|---|
//! | [`Memory`] | values in memory |
//! | [`FileStore`] | the files of a directory; [`Files`] is what is known of them, [`Cas`] keeps copies |
//! | [`Log`] | a journal in a file |
//! | [`TraceLog`] | constructive traces that many builds share |
#![deny(missing_docs)]

mod cas;
mod digest;
mod files;
mod filestore;
mod frame;
mod log;
mod memory;
mod scratch;
mod seal;
mod table;
mod traces;
mod value;

pub use cas::Cas;
pub use digest::Digest;
pub use files::{Begun, Files, Seen, SharedFiles};
pub use filestore::{FileStore, Shape};
pub use log::{Anew, Damage, Log, SharedBytes};
pub use memory::Memory;
pub use traces::TraceLog;
pub use value::{FileKey, FileValue, Made};
