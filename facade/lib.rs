//! Build systems à la carte: choose a *scheduler*, a *rebuilder* and a *store*, and have a build system that works.
//!
//! ```
//! use alacarte::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tasks = Rules::new()
//!     .rule("B1", formula(["A1", "A2"], |[a, b]| a + b)) // static: dependencies known
//!     .rule("B2", task(async |fetch| Ok(fetch.get("B1").await? * 2))); // dynamic: discovered
//!
//! let mut build = Build::new(tasks, Memory::from([("A1", 10), ("A2", 20)]))
//!     .with_scheduler(Suspending::new())
//!     .with_rebuilder(VerifyingTrace); // Shake = Suspending × VerifyingTrace
//!
//! build.run(["B2"])?;
//! assert_eq!(build.get("B2"), Some(60));
//! # Ok(())
//! # }
//! ```
//!
//! | to | read |
//! |---|---|
//! | write tasks | [`Rules`] (closures, one a key), [`TypedRules`] (structs, an output type each), [`Tasks`] (your own) |
//! | choose what is done in which order | [`schedulers`], the trait [`Scheduler`] |
//! | choose what must be done at all | [`rebuilders`], the trait [`Rebuilder`] |
//! | keep values and a journal | [`stores`], the traits [`Store`] and [`Journal`] |
//! | remember something else | [`metadata`], the trait [`MetadataUpdater`] |
//! | know what a build did | [`Report`], [`Build::with_observer`] |
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | |
//! |---|---|
//! | `files` | values as files, a journal on disk (of typed rules, too: `journal_rule`), caches that builds share (in [`stores`]); builds of files by rules for patterns of paths: `alacarte::files`; what earlier builds of commands did: `alacarte::history` |
//! | `confined` | commands that may open only what their rules need (Linux): `files::Confined`, and `--confine` of `files::main` |
//! | `ninja` | manifests of ninja and their commands: `alacarte::ninja` |
//! | `spreadsheet` | CSV files with formulas: `alacarte::spreadsheet` |
//! | `lab` | the laboratory, which judges a strategy of your own by laws: `alacarte::lab` |
#![deny(missing_docs, missing_debug_implementations)]

pub use alacarte_core::*;

#[doc(inline)]
pub use alacarte_metadata as metadata;
#[doc(inline)]
pub use alacarte_rebuilders as rebuilders;
#[doc(inline)]
pub use alacarte_schedulers as schedulers;
#[doc(inline)]
pub use alacarte_stores as stores;

#[cfg(feature = "lab")]
#[doc(inline)]
pub use alacarte_conformance as lab;
#[cfg(feature = "files")]
#[doc(inline)]
pub use alacarte_frontends::files;
#[cfg(feature = "files")]
#[doc(inline)]
pub use alacarte_frontends::history;
#[cfg(feature = "ninja")]
#[doc(inline)]
pub use alacarte_frontends::ninja;
#[cfg(feature = "spreadsheet")]
#[doc(inline)]
pub use alacarte_frontends::spreadsheet;

/// What most programs use: `use alacarte::prelude::*`.
pub mod prelude {
    pub use alacarte_core::{Build, Fetch, Report, Rules, Tasks, declared, formula, task};
    pub use alacarte_rebuilders::{
        ConstructiveTrace, DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, StepTrace, VerifyingTrace,
    };
    pub use alacarte_schedulers::{BottomUp, Restarting, Suspending, Topological};
    pub use alacarte_stores::Memory;
}

/// The pages whose programs are compiled and run by `cargo test`.
#[cfg(all(doctest, feature = "lab"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../conformance/README.md")]
    struct Laboratory;
    #[doc = include_str!("../paper-notes/rebuilders/tolerance.md")]
    struct Tolerance;
    #[doc = include_str!("../paper-notes/files.md")]
    struct Files;
    #[doc = include_str!("../paper-notes/caches.md")]
    struct Caches;
    #[doc = include_str!("../paper-notes/interface.md")]
    struct Interface;
    #[doc = include_str!("../paper-notes/write-your-own-rebuilder.md")]
    struct WriteYourOwnRebuilder;
    #[doc = include_str!("../paper-notes/write-your-own-scheduler.md")]
    struct WriteYourOwnScheduler;
}
