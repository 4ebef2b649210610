//! The `alacarte` command, as a function: over [a menu](Menu) to which strategies of one's own can be added.
//!
//! ```no_run
//! use alacarte_cli::{Menu, promises};
//! use alacarte_rebuilders::VerifyingTrace;
//!
//! fn main() -> std::process::ExitCode {
//!     alacarte_cli::main(Menu::ours().with_rebuilder("mine", promises("verifying-trace"), || VerifyingTrace))
//! }
//! ```
//!
//! `alacarte new rebuilder NAME` writes a crate that does so.
#![deny(missing_docs, missing_debug_implementations, clippy::print_stdout, clippy::print_stderr)]
#![deny(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod args;
mod build;
mod cache;
mod check;
mod claims;
mod compare;
mod counterexamples;
mod ending;
mod explain;
mod history;
mod new;
mod ninja;
mod one_build;
mod paragraph;
mod profile;
mod reasons;
mod settings;
mod status;
mod systems;
mod table;
mod watch;

use std::process::ExitCode;

pub use alacarte_conformance::{Promises, Thrift, promises};
pub use alacarte_experiments::compare::{CompareOptions, StepOutcome, Workload};
pub use alacarte_experiments::systems::{BASELINES, Menu};

use args::Command;

/// Does what the arguments of this process say, with what is on this menu. Whatever takes the name of a scheduler or a rebuilder takes
/// those of the menu; what compares all compares them too.
pub fn main(menu: Menu) -> ExitCode {
    main_with(menu, Vec::new())
}

/// Does what the arguments of this process say as ninja would, with what is on this menu.
pub fn main_as_ninja(menu: &Menu) -> ExitCode {
    ninja::main(menu)
}

/// The same as [`main`], where `compare` plays these workloads if none is named; the two that come with the program if there are none.
pub fn main_with(menu: Menu, workloads: Vec<Workload>) -> ExitCode {
    let outcome = match args::parse(&menu).unwrap_or_default() {
        Command::Compare(compare) => compare::compare(&menu, workloads, &compare),
        Command::Build(build) => build::build(&menu, &build),
        Command::Claims(claims) => claims::claims(&menu, &claims),
        Command::Check(check) => check::check(&menu, &check),
        Command::New(arguments) => new::new(&menu, &arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::History(arguments) => history::history(&arguments),
        Command::Cache(arguments) => cache::cache(&arguments),
        Command::Systems => systems::systems(&menu),
        Command::Counterexamples(arguments) => counterexamples::counterexamples(&menu, &arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if status::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            // Arguments that do not go together are as wrong as those that do not exist.
            Ok(usage) => usage.exit(),
            Err(error) => {
                status::error(error.as_ref());
                ExitCode::FAILURE
            }
        },
    }
}
