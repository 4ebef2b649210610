//! Commands are kept from writing outside the copy, where the system allows.
//!
//! What a manifest declares is looked at before anything runs, but a command may write more than it declares. So the thread
//! that plays is confined, and with it everything that it starts: all files can be read, but only those below the stage can
//! be written to, and a cache that a person has named. What `alacarte` itself writes there is confined as well: a command may leave a link where it
//! writes next.
//!
//! Linux has two ways, and both are tried. Landlock is open to every user, but minds only content and names: a command can
//! still give a file outside another time or other permissions (`touch`, `chmod`). A mount namespace in which all else is
//! read-only minds everything, and needs the privileges of root.

use std::fmt;
use std::path::Path;

/// How far the thread that plays is kept from writing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confinement {
    /// Nothing outside the copy can be changed.
    Whole,
    /// Something outside can still be changed, and what.
    Partial(&'static str),
    /// Not at all, and why.
    None(String),
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Confinement::Whole => f.write_str("commands are confined to the copy"),
            Confinement::Partial(what) => {
                write!(f, "commands are confined to the copy, but not in every way: {what}")
            }
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

/// Confines this thread, and all processes and threads that it starts from now on, to writing below these directories. There is no
/// way back.
#[cfg(target_os = "linux")]
pub(super) fn confine(writable: &[&Path]) -> Confinement {
    use landlock::RulesetStatus;
    // In this order: Landlock forbids to mount anything.
    let mounted = mounts::seal(writable);
    match (mounted, landlock(writable)) {
        (Ok(()), _) => Confinement::Whole,
        (Err(_), Ok(RulesetStatus::FullyEnforced)) => {
            Confinement::Partial("one that sets the time or the permissions of a file outside is stopped only for root")
        }
        (Err(_), Ok(RulesetStatus::PartiallyEnforced)) => Confinement::Partial(
            "one that truncates or moves a file outside, or sets its time or its permissions, is not stopped \
             (the kernel's Landlock is an early one)",
        ),
        (Err(_), Ok(RulesetStatus::NotEnforced)) => Confinement::None("the kernel has no Landlock".into()),
        (Err(_), Err(error)) => Confinement::None(format!("Landlock answers: {error}")),
    }
}

#[cfg(target_os = "linux")]
fn landlock(writable: &[&Path]) -> Result<landlock::RulesetStatus, landlock::RulesetError> {
    use landlock::{ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules};
    // The first that knows of all ways to write a file.
    let writing = AccessFs::from_write(ABI::V3);
    let rules = Ruleset::default().handle_access(writing)?.create()?;
    let rules = rules.add_rules(path_beneath_rules(writable, writing))?;
    let rules = rules.add_rules(path_beneath_rules(DEVICES, AccessFs::WriteFile | AccessFs::Truncate))?;
    Ok(rules.restrict_self()?.ruleset)
}

/// A mount namespace of this thread's own, in which everything but some directories is read-only.
#[cfg(target_os = "linux")]
mod mounts {
    use std::ffi::{CStr, CString};
    use std::io;
    use std::mem::size_of;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::ptr::null;

    /// Refused to whoever may not mount.
    pub(super) fn seal(writable: &[&Path]) -> io::Result<()> {
        let names = writable.iter().map(|path| CString::new(path.as_os_str().as_bytes()));
        let writable = names.collect::<Result<Vec<CString>, _>>()?;
        // SAFETY: it takes flags only. What it separates from the other threads (the view of the file system, the working
        // directory) is what nobody shares knowingly.
        answer(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
        // What is mounted here is not to be seen elsewhere.
        mount(None, c"/", libc::MS_REC | libc::MS_PRIVATE)?;
        writable.iter().try_for_each(|path| mount(Some(path), path, libc::MS_BIND))?;
        let read_only = libc::MOUNT_ATTR_RDONLY;
        set(c"/", libc::AT_RECURSIVE, read_only, 0)?;
        writable.iter().try_for_each(|path| set(path, 0, 0, read_only))
    }

    fn mount(source: Option<&CStr>, target: &CStr, flags: libc::c_ulong) -> io::Result<()> {
        let source = source.map_or(null(), CStr::as_ptr);
        // SAFETY: both paths are alive and end in a zero; that there is neither a type nor data is allowed by the flags used.
        answer(unsafe { libc::mount(source, target.as_ptr(), null(), flags, null()) })
    }

    /// Sets some attributes of a mount, or of all below it, and clears others.
    fn set(target: &CStr, flags: libc::c_int, set: u64, clear: u64) -> io::Result<()> {
        let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
        // SAFETY: the path is alive and ends in a zero, the size is that of the structure, and the call writes to neither.
        let answered = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                target.as_ptr(),
                flags,
                &raw const attributes,
                size_of::<libc::mount_attr>(),
            )
        };
        answer(answered as libc::c_int)
    }

    fn answer(answered: libc::c_int) -> io::Result<()> {
        if answered == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Only Linux has a way for a thread to confine itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn confine(_: &[&Path]) -> Confinement {
    Confinement::None("this needs Linux".into())
}
