//! Commands are kept from writing outside the copy, where the system allows.
//!
//! What a manifest declares is looked at before anything runs, but a command may write more than it declares. So the thread
//! that plays is confined (by Landlock, in Linux), and with it everything that it starts: all files can be read, but only
//! those below the stage can be written to. What `alacarte` itself writes there is confined as well: a command may leave a
//! link where it writes next.

use std::fmt;
use std::path::Path;

/// How far the thread that plays is kept from writing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confinement {
    /// Nothing outside the copy can be written, made, renamed or removed.
    Whole,
    /// The system is too old to forbid all of that: files outside may still be cut off, or moved.
    Partial,
    /// Not at all, and why.
    None(String),
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Confinement::Whole => f.write_str("commands are confined to the copy"),
            Confinement::Partial => f.write_str(
                "commands are confined to the copy only in part (this kernel's Landlock is an early one): \
                 one that truncates or moves files outside is not stopped",
            ),
            Confinement::None(reason) => write!(
                f,
                "commands are not confined to the copy ({reason}): what the manifest declares was looked at, \
                 but a command that writes elsewhere of itself is not stopped"
            ),
        }
    }
}

/// Files of no content, which commands may write to.
#[cfg(target_os = "linux")]
const DEVICES: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Confines this thread, and all processes and threads that it starts from now on, to writing below a directory. There is no
/// way back.
#[cfg(target_os = "linux")]
pub(super) fn confine(stage: &Path) -> Confinement {
    use landlock::{
        ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
    };
    // The first that knows of all ways to write a file.
    let writing = AccessFs::from_write(ABI::V3);
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let rules = Ruleset::default().handle_access(writing)?.create()?;
        let rules = rules.add_rules(path_beneath_rules([stage], writing))?;
        let rules = rules.add_rules(path_beneath_rules(DEVICES, AccessFs::WriteFile | AccessFs::Truncate))?;
        Ok(rules.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => Confinement::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => Confinement::Partial,
        Ok(RulesetStatus::NotEnforced) => Confinement::None("this kernel has no Landlock".into()),
        Err(error) => Confinement::None(format!("Landlock answers: {error}")),
    }
}

/// Only Linux has a way for a thread to confine itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn confine(_: &Path) -> Confinement {
    Confinement::None("this needs Linux".into())
}
