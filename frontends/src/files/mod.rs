//! Builds of files, written in Rust: rules for patterns of paths.
//!
//! A build of files is what Shake is for: the keys are paths, and a rule says how every path of a pattern is made. What a rule
//! needs it finds out while it runs, so these are dynamic tasks. Beside paths there are keys for what else a command may
//! depend on: environment variables ([`Env`]), lists of files ([`Glob`]), programs ([`Tool`]); and typed rules
//! ([`Rule`](alacarte_core::Rule)), whose values are of any type. All of them are [`RuleKey`](alacarte_core::RuleKey)s: a
//! file is the typed rule [`File`].
//!
//! ```no_run
//! use alacarte::files::FileRules;
//!
//! fn main() -> std::process::ExitCode {
//!     let rules = FileRules::new()
//!         .want(["out/shout"])
//!         .rule("out/*", async |make| {
//!             let text = make.read(format!("src/{}.txt", make.part(0))).await?;
//!             make.write(make.target(), text.to_uppercase())
//!         });
//!     alacarte::files::main(rules)
//! }
//! ```
//!
//! [`main`] is a command line: targets, jobs, scheduler and rebuilder by name, `--explain`, `--clean`, and with the
//! feature `confined` `--confine`: commands may open only what their rules have needed. [`FileSession`] puts a build
//! together in a program that drives it itself. Journal, table of files and cache lie in `.alacarte`.
//!
//! What is remembered must be true. A rule that does not make what it promised has failed; a file that changed on disk while
//! the rule that read it ran makes the value good for this build only; a header that a compiler reports, and that was made
//! after the compiler began, has the command run again.
//!
//! A path that ends in a slash is a directory with all that lies in it, a value like a file. `need(["src/"])` depends on everything in a
//! directory of sources; a rule for `out/docs/` fills that directory, which is empty when it begins; [`Make::merge`] makes one
//! directory of several.
//!
//! An output is known by its content: a rule that makes what it made before changes nothing for its dependents. So
//! a rule has to name all that it writes and others read: several files of one command have a rule for all of them
//! ([`FileRules::rules`]).

mod command_line;
mod command_run;
#[cfg(feature = "confined")]
mod confined;
#[cfg(feature = "confined")]
mod domain;
mod executor;
mod file_rules;
mod file_session;
mod file_tasks;
mod keys;
mod make;
mod makers;
mod pattern;
mod rule_store;
mod running_rule;
mod source_trees;
mod surroundings;

pub use command_line::main;
pub use command_run::Run;
#[cfg(feature = "confined")]
pub use confined::Confined;
#[cfg(feature = "confined")]
pub use domain::ConfinedError;
pub use executor::{Command, Ended, Executor, Plain};
pub use file_rules::FileRules;
pub use file_session::{FileBuild, FileSession};
pub use file_tasks::FileTasks;
pub use keys::{Contents, Env, File, Glob, Tool, Version, file};
pub use make::Make;
pub use pattern::{Pattern, PatternError};
pub use rule_store::RuleStore;
