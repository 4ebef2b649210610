//! Ninja manifests: from the text of a `build.ninja` to a list of edges whose every variable is expanded.
//!
//! Ninja's language is small because a generator writes it: variables, rules (a command with holes), and build
//! statements which name a rule, its outputs and its inputs. What is subtle is *when* a variable is expanded:
//!
//! - a binding at the top of a file, or under a build statement, is expanded where it stands;
//! - the paths of a build statement are expanded once the bindings under it are known, and may use them;
//! - a rule's bindings are expanded last, once for each edge, when everything has been read. A variable changed after
//!   a build statement therefore changes that statement's command.
//!
//! One binding of a rule or an edge is ours and not ninja's: `tool_cache` names a directory that a tool keeps for itself, of which the command
//! is given a private copy ([`NamedCache`](alacarte_stores::NamedCache)).
//!
//! The modules follow the text on its way: `manifest_lexer` cuts it into tokens, `template` cuts a value into text and
//! variables, `variables` says what a name means, `parse` and `statement` read the statements, `eval` expands an edge's
//! rule, `load` ties them together over the files. From there, `plan` makes the edges a graph of keys, `ninja_tasks` tasks of a build, and
//! `execute` runs what they say, `show_includes` reads what some compilers say, `generated` knows what a generator has left,
//! `in_place` which commands change what they are given, `dyndep` what the build finds out about its own edges;
//! `missing_sources` looks before the first command starts, `run_first` knows what has run in this build already, `null_build` knows at a glance that none has to. `tools` answers what scripts ask (`ninja -t`).
//!
//! ```
//! use std::fs;
//!
//! use alacarte::ninja::Session;
//! use alacarte::prelude::*;
//!
//! let directory = tempfile::tempdir()?;
//! let at = |name: &str| directory.path().join(name);
//! fs::write(at("build.ninja"), "rule shout\n  command = tr a-z A-Z < $in > $out\nbuild loud: shout quiet\n")?;
//! fs::write(at("quiet"), "hello")?;
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let session = Session::new(directory.path(), "build.ninja");
//! for ran in [1, 0] {
//!     // The second build learns from the journal of the first that everything is up to date.
//!     let mut build = session.open(Topological::new(), VerifyingTrace, |_| {})?;
//!     let targets = build.tasks().default_targets().to_vec();
//!     let report = runtime.block_on(build.run_async(targets))?;
//!     assert_eq!(report.ran.len(), ran);
//! }
//! assert_eq!(fs::read_to_string(at("loud"))?, "HELLO");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod believe;
mod critical_path;
mod dry_order;
mod dyndep;
mod dyndep_targets;
mod eval;
mod execute;
mod explanation;
mod generated;
mod in_place;
mod journaled;
mod last_run;
mod load;
mod loader;
mod manifest;
mod manifest_lexer;
mod missing_sources;
mod ninja_tasks;
mod null_build;
mod parse;
mod parse_error;
mod plan;
mod priority;
mod run_first;
mod session;
mod show_includes;
mod source;
mod standing;
mod statement;
mod template;
mod tools;
mod variables;
#[cfg(feature = "watch")]
mod watching;

pub use crate::commands::{CommandEvent, Commands, DepfileEntry, DepfileError, Stage, canonicalise, parse_depfile};
pub use explanation::{
    ChangedDependency, DependencyKind, ExplainError, Explained, Explanation, Fate, NearMiss, Origin, Since, Told,
};
pub use load::{load, load_with, parse_str};
pub use manifest::{Deps, Edge, Location, Manifest, RspFile};
pub use ninja_tasks::{Description, Descriptions, Keep, NinjaTasks};
pub use null_build::NullBuild;
pub use parse_error::{ParseError, Place};
pub use session::{NinjaBuild, Session, SessionError, Turn, journal_bytes};
pub use tools::{ToolCall, ToolError};
#[cfg(feature = "watch")]
pub use watching::{Resting, Watched};
