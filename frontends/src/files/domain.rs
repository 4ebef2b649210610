//! A domain is what a command may open and make, as the kernel's Landlock enforces it. A thread enters it for good
//! and starts the command there; the command and all its children stay in it.
//!
//! Landlock looks at what is opened, made, renamed or removed. It does not look at who asks whether a file exists,
//! what size or times it has, or where a link leads; nor at who sets times and permissions.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tokio::process::{Child, Command};

/// Why commands cannot be confined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfinedError {
    /// The system has no Landlock, or an early one, which does not keep a file from being truncated.
    #[error(
        "this system cannot confine commands: that takes Linux 6.2 or newer with Landlock switched on (`landlock` \
         among the modules of the boot option `lsm=`); build without it, or there"
    )]
    Unsupported(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The build lies in a directory of the system's, of which commands may read all.
    #[error(
        "{} lies below {system}, all of which confined commands may read: nothing there can be told from what a rule \
         needs; build it elsewhere", directory.display()
    )]
    WithinTheSystem {
        /// The directory of the build.
        directory: PathBuf,
        /// The directory of the system.
        system: &'static str,
    },
    /// The kernel has refused what a command is to be allowed.
    #[error("the kernel does not confine a command: {0}; build without it")]
    Domain(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ConfinedError {
    fn unsupported(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        ConfinedError::Unsupported(Box::new(source))
    }

    fn domain(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        ConfinedError::Domain(Box::new(source))
    }
}

/// What a command may do, each with these paths. A directory is meant with all that lies in it. What is not there is
/// left out.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// Read and execute; of a directory, list it as well.
    pub read: Vec<PathBuf>,
    /// List directories.
    pub list: Vec<PathBuf>,
    /// Read, execute and write what is there.
    pub write: Vec<PathBuf>,
    /// Everything.
    pub own: Vec<PathBuf>,
}

/// What the kernel was told.
#[derive(Debug)]
pub(super) struct Domain {
    #[cfg(target_os = "linux")]
    rules: landlock::RulesetCreated,
}

#[cfg(target_os = "linux")]
impl Domain {
    /// A domain in which this is allowed, and nothing else.
    pub fn new(grants: &Grants) -> Result<Self, ConfinedError> {
        use landlock::{
            ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
            path_beneath_rules,
        };
        // The first that knows of all ways to write a file.
        let abi = ABI::V3;
        let (read, all) = (AccessFs::from_read(abi), AccessFs::from_all(abi));
        let empty = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(all);
        let rules = empty.and_then(Ruleset::create).map_err(ConfinedError::unsupported)?;
        let fill = || {
            rules
                .add_rules(path_beneath_rules(&grants.read, read))?
                .add_rules(path_beneath_rules(&grants.list, AccessFs::ReadDir))?
                .add_rules(path_beneath_rules(&grants.write, AccessFs::from_file(abi)))?
                .add_rules(path_beneath_rules(&grants.own, all))
        };
        let rules = fill().map_err(|error: RulesetError| ConfinedError::domain(error))?;
        Ok(Domain { rules })
    }

    /// Starts a command in it.
    pub fn spawn(self, command: &mut Command) -> io::Result<Child> {
        let runtime = tokio::runtime::Handle::current();
        // There is no way back for the thread, so it has to be another one.
        std::thread::scope(|scope| {
            let confined = std::thread::Builder::new().name("confined".into()).spawn_scoped(scope, move || {
                let _within = runtime.enter();
                self.rules.restrict_self().map_err(|error| io::Error::other(ConfinedError::domain(error)))?;
                command.spawn()
            })?;
            confined.join().unwrap_or_else(|_| Err(io::Error::other("the thread that confines a command has panicked")))
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Domain {
    pub fn new(_: &Grants) -> Result<Self, ConfinedError> {
        Err(ConfinedError::unsupported(io::Error::from(io::ErrorKind::Unsupported)))
    }

    pub fn spawn(self, command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }
}
