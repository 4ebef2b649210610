//! The programs in the notes for those who write a strategy of their own: compiled and run as tests of this page.

#[doc = include_str!("../../paper-notes/write-your-own-rebuilder.md")]
pub mod rebuilder {}

#[doc = include_str!("../../paper-notes/write-your-own-scheduler.md")]
pub mod scheduler {}
