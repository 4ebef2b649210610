//! `alacarte`: the menu, compared, and used.

mod args;
mod build;
mod check;
mod claims;
mod compare;
mod counterexamples;
mod ending;
mod interrupt;
mod paragraph;
mod settings;
mod status;
mod systems;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or_default() {
        Command::Compare(compare) => compare::compare(&compare),
        Command::Build(build) => build::build(&build),
        Command::Claims(claims) => claims::claims(&claims),
        Command::Check(check) => check::check(&check),
        Command::Systems => systems::systems(),
        Command::Counterexamples(arguments) => counterexamples::counterexamples(&arguments),
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
