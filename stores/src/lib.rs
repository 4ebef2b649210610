//! Where do values and the journal live?
#![deny(missing_docs)]

mod memory;

pub use memory::Memory;
