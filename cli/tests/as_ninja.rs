//! `alacarte-ninja` is called as ninja is: what it prints, how it ends. (What is expected here, ninja 1.13.2 printed; where ours is another, the test says why.)

mod common;
#[path = "as_ninja/how_commands_end.rs"]
mod how_commands_end;
#[path = "as_ninja/only_shown.rs"]
mod only_shown;
#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;
#[path = "as_ninja/status_line.rs"]
mod status_line;
#[path = "as_ninja/what_is_built.rs"]
mod what_is_built;
#[path = "as_ninja/what_is_left.rs"]
mod what_is_left;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{alacarte, directory};

/// The program with these arguments in this directory, and variables of the environment.
fn ninja_in(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    // (Signals that whoever runs the tests ignores are not ignored here.)
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,QUIT,HUP,TERM", env!("CARGO_BIN_EXE_alacarte-ninja")]);
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    command.env_remove("CLICOLOR_FORCE").env_remove("NINJA_STATUS").env_remove("MAKEFLAGS").env_remove("NO_COLOR");
    command.env("XDG_CACHE_HOME", directory.join(".cache")).envs(variables.iter().copied());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn ninja(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    ninja_in(directory, arguments, &[])
}

const MANIFEST: &str = "\
rule fail
  command = echo from $out; exit 3
rule touch
  command = echo $out > $out
  description = T $out
build a: fail
build b: touch source
build c: touch b
build d: touch a
default b c
";
