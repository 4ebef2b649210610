//! Runs the program as a user would.
#![allow(dead_code)] // Not every test file uses all of it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command that runs the program with these arguments in this directory.
pub fn alacarte(directory: &Path, arguments: &[&str]) -> Command {
    // Signals that whoever runs the tests ignores (a shell does for what it runs in the background) are not ignored here.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,QUIT,HUP,TERM", env!("CARGO_BIN_EXE_alacarte")]);
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
    command.env("XDG_CACHE_HOME", directory.join(".cache"));
    command
}

/// What it prints, and how it ends.
pub fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = alacarte(directory, arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A directory with these files.
pub fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a scratch directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
    directory
}
