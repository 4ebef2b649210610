//! Is it right? Generators, oracles and laws, for our strategies and a user's own.
//!
//! A *scenario* is a random graph and a random history: edits, reverts, replaced tasks, lost outputs, partial
//! and full builds. It is *performed* on a real build system, and after each build every *law* is judged
//! against an oracle that computes from scratch.
//!
//! | | |
//! |---|---|
//! | [`Expr`], [`Graph`], [`Program`] | tasks as data |
//! | [`scenario`], [`Style`] | random graphs and histories |
//! | [`Truth`] | what is right |
//! | [`LAWS`], [`Law`], [`Promises`] | what every build must obey, and what is promised beyond |
//! | [`contracts`] | what an updater owes, and what of it a journal gives back |
//! | [`LabMenu`], [`Subject`] | strategies by name, ours and others |
//! | [`perform`], [`check`] | a scenario, many scenarios |
//! | [`judge_crashes`], [`every_loss`] | a disk that crashes between its writes |
//! | [`user`] | a user's own program: values that look alike in a part, code that panics, types that change |
//! | [`Outside`], [`drive`], [`every_interleaving`] | outside work under control: one interleaving, all of them |
//! | [`jobserver`] | processes that share a number of jobs: tokens, locks, kills at any moment |
//! | [`growth`] | how fast what a build costs may grow, and the families of graphs on which it is counted |
//! | [`broken`] | components that are broken on purpose: the laws must catch each |
//!
//! # What does not compile
//!
//! Static and dynamic tasks are told apart by their types. A topological scheduler over static tasks is a build:
//!
//! ```
//! # use alacarte_core::{Build, Rules, formula};
//! # use alacarte_rebuilders::VerifyingTrace;
//! # use alacarte_schedulers::Topological;
//! # use alacarte_stores::Memory;
//! let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
//! let build = Build::new(tasks, Memory::from([("A", 1)]));
//! build.with_scheduler(Topological::new()).with_rebuilder(VerifyingTrace).run(["B"]).unwrap();
//! ```
//!
//! Over a dynamic one, which differs in nothing else, it is not:
//!
//! ```compile_fail,E0277
//! # use alacarte_core::{Build, Rules, task};
//! # use alacarte_rebuilders::VerifyingTrace;
//! # use alacarte_schedulers::Topological;
//! # use alacarte_stores::Memory;
//! let tasks = Rules::new().rule("B", task(async |fetch| Ok(fetch.get("A").await? + 1)));
//! let build = Build::new(tasks, Memory::from([("A", 1)]));
//! build.with_scheduler(Topological::new()).with_rebuilder(VerifyingTrace).run(["B"]).unwrap();
//! ```
//!
//! That it is the scheduler which is at fault there:
//!
//! ```
//! # use alacarte_core::{Build, Rules, task};
//! # use alacarte_rebuilders::VerifyingTrace;
//! # use alacarte_schedulers::Suspending;
//! # use alacarte_stores::Memory;
//! let tasks = Rules::new().rule("B", task(async |fetch| Ok(fetch.get("A").await? + 1)));
//! let build = Build::new(tasks, Memory::from([("A", 1)]));
//! build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace).run(["B"]).unwrap();
//! ```
#![deny(missing_docs, missing_debug_implementations)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod broken;
mod campaign;
mod combines;
pub mod contracts;
mod crashes;
mod draw;
mod exhaustive;
mod expr;
mod faults;
mod generate;
mod graph;
pub mod growth;
pub mod jobserver;
mod judge;
mod laws;
mod menu;
mod name;
mod onlooker;
mod oracle;
mod outside;
mod program;
mod regressions;
pub mod relations;
mod script;
mod setters;
mod shrink;
mod silence;
mod stage;
mod tape;
mod test_journal;
mod trial;
pub mod user;
mod world;

pub use campaign::{Campaign, Finding};
pub use combines::Combines;
pub use crashes::{Careless, Loss, every_loss, judge_crashes};
pub use exhaustive::Scope;
pub use expr::Expr;
pub use generate::{GraphShape, Style};
pub use graph::Graph;
pub use judge::{check, check_numbers, check_promises, check_static, explore, judge};
pub use laws::{
    AtWork, BuildEnding, Decided, LAWS, Law, Moment, Promises, Thrift, at_most_once, correct, early_cutoff, honest,
    inputs_untouched, minimal, near, null_build, reached_only, set_correct, shallow_correct, starts_once,
};
pub use menu::{LabMenu, REBUILDERS, SCHEDULERS, Subject, TaskKind, menu, promises, style};
pub use name::Name;
pub use onlooker::{FetchedValue, KeyKind, KeySeen, Onlooker, Reference};
pub use oracle::{Computed, PossibleRun, Truth};
pub use outside::{Choices, Driven, Outside, Path, Seeded, Stuck, Work, WorkLabel, drive, every_interleaving};
pub use program::{Declares, Program, Yields};
pub use regressions::{Regression, regressions};
pub use script::{Manner, Scenario, Step};
pub use silence::quietly;
pub use stage::{Broken, Combination, Played, Setup, perform};
pub use tape::Tape;
pub use trial::{Trial, scenario};
pub use world::World;
