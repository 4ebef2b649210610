//! What a command takes up while it waits for its turn, counted by the allocator. (In a program of its own, for nobody else is to allocate meanwhile.)

#[path = "common/allocated.rs"]
mod allocated;
mod common;

use allocated::most_held;
use common::{directory, start};

/// The most that was held while so many commands waited for one that failed.
fn peak(commands: usize) -> usize {
    let lines: String = (0..commands).map(|number| format!("build o{number}: fail s\n")).collect();
    let at = directory(&[("build.ninja", &format!("rule fail\n  command = false\n{lines}")), ("s", "")]);
    let build = || start(at.path(), "suspending", "verifying-trace").run();
    let (ended, held) = most_held(build);
    ended.expect_err("it fails");
    held
}

#[test]
fn a_command_that_waits_for_its_turn_takes_little_room() {
    peak(100);
    let (few, many) = (peak(500), peak(2500));
    let each = (many - few) / 2000;
    // A command that runs holds ten thousand.
    assert!(each < 3000, "{each} bytes for each command that waits");
}
