//! Commands that may open only what their rules need. What a rule forgets to declare is then an error of its first
//! build, on every machine, and not a stale file of some later one.

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::domain::{ConfinedError, Domain, Grants};
use super::executor::{Command, Ended, Executor, Plain};

/// What belongs to the system. (`/lib*` are the first names; what is not there is left out.)
const SYSTEM: [&str; 10] = ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc", "/dev", "/proc"];

/// Files of no content, which commands may write to.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// Variables that say who is at work and in which language, and what programs need to be found.
const VARIABLES: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "TZ"];

/// So many files are named that a command may have wanted.
const NAMED: usize = 5;

/// So many files are looked for at most to find these: a linker may say as many words as there are symbols, and the build waits.
const LOOKS: usize = 10_000;

/// When a file was written that a command has left alone, after the beginning of time: no tool that counts in seconds leaves that behind, nor one
/// that clears times.
const UNTOUCHED: Duration = Duration::new(60 * 60 * 24 + 12_345, 678_901_234);

/// Runs each command confined, by the Landlock of the Linux kernel. It may
///
/// - read what belongs to the system (`/usr`, `/lib*`, `/bin`, `/sbin`, `/etc`, `/dev`, `/proc`), what the entries of
///   `PATH` hold (of a `bin` the directory around it), and [what else is allowed](Confined::may_read);
/// - read the files that its rule has needed by then, and where they are links what these lead to; list the
///   directories of the rule's patterns;
/// - read and write its outputs, where they lie; its depfile; all of a directory that its rule makes; its copy of a
///   tool's cache; a directory of its own for temporary files (`TMPDIR`, `XDG_CACHE_HOME`), which is gone afterwards;
///   and what [`Run::may_write`](super::Run::may_write) names;
/// - see the environment variables for which its rule has asked, those that it is given, and a few that say who is at
///   work.
///
/// An output that is not there is made, empty, before the command begins, and removed if the command leaves it so.
/// Otherwise the command had to be allowed to write all of the directory, for Landlock knows no other way to let a
/// file be made.
///
/// ```
/// use alacarte::files::{Confined, FileRules, FileSession, file};
/// use alacarte::prelude::*;
///
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("a"), "declared")?;
/// std::fs::write(directory.path().join("b"), "undeclared")?;
/// let rules = FileRules::new().with_executor(|plain| Box::new(Confined::new(plain))).rule("out/*", async |make| {
///     make.need(["a"]).await?;
///     make.command(["cp", make.part(0), make.target()]).run().await
/// });
/// # if Confined::available().is_err() { return Ok(()); }
/// let mut build = FileSession::new(directory.path()).open(rules, Suspending::new(), VerifyingTrace, |_| {})?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// runtime.block_on(build.run_async([file("out/a")]))?;
/// let error = runtime.block_on(build.run_async([file("out/b")])).expect_err("nobody has needed it");
/// assert!(error.to_string().contains("it may have wanted b: have its rule need it"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Confined {
    plain: Plain,
    more: Vec<PathBuf>,
}

impl Confined {
    /// Confines what the plain executor runs.
    pub fn new(plain: Plain) -> Self {
        Confined { plain, more: Vec::new() }
    }

    /// Lets all commands read a file, or a directory with all that lies in it: a toolchain that is neither the
    /// system's nor behind `PATH`. No rule depends on what lies there.
    #[must_use]
    pub fn may_read(mut self, path: impl Into<PathBuf>) -> Self {
        self.more.push(path.into());
        self
    }

    /// Whether this system can confine commands.
    ///
    /// # Errors
    /// If it cannot; the error says what it takes.
    pub fn available() -> Result<(), ConfinedError> {
        Domain::new(&Grants::default()).map(drop)
    }

    /// What this command may do, outputs aside.
    fn grants(&self, command: &Command, private: &Path) -> Grants {
        let (listed, files): (Vec<&PathBuf>, Vec<&PathBuf>) = command.inputs.iter().partition(|path| path.is_dir());
        let system = SYSTEM.iter().map(PathBuf::from).chain(toolchains_of_this_process(&command.directory));
        let needed = files.into_iter().chain(&command.trees).chain(&self.more).cloned();
        let jobserver = self.plain.jobserver();
        Grants {
            read: system.chain(needed).collect(),
            list: listed.into_iter().cloned().collect(),
            write: DEVICES.iter().map(PathBuf::from).chain(jobserver).collect(),
            own: [private.to_owned()].into_iter().chain(command.tool_cache.clone()).collect(),
        }
    }
}

#[async_trait(?Send)]
impl Executor for Confined {
    async fn execute(&self, command: &Command) -> io::Result<Ended> {
        outside_of_the_system(&command.directory).map_err(io::Error::other)?;
        let scratch = &command.scratch;
        let private = fs::create_dir_all(scratch).and_then(|()| tempfile::tempdir_in(std::path::absolute(scratch)?));
        let private = private.map_err(|error| of(scratch, error))?;
        let mut grants = self.grants(command, private.path());
        let mut made = Vec::new();
        for path in command.outputs.iter().chain(&command.writes) {
            if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                fs::create_dir_all(path).map_err(|error| of(path, error))?;
            }
            let as_it_lies = command.writes.contains(path);
            // (An output that is a link to a directory is none.)
            let is_directory = fs::symlink_metadata(path).is_ok_and(|there| there.is_dir());
            if is_directory || as_it_lies && path.is_dir() {
                grants.own.push(path.clone());
                continue;
            }
            // What a rule lets its command write, besides what that makes, is as it is: a link, a pipe, a device.
            if !(as_it_lies && fs::symlink_metadata(path).is_ok()) {
                made.extend(in_place(path, &command.writes).map_err(|error| of(path, error))?);
            }
            grants.write.push(path.clone());
        }
        let domain = Domain::new(&grants).map_err(io::Error::other)?;
        let spawn = |process: &mut tokio::process::Command| {
            hide_variables(process, &command.variables, self.plain.has_jobserver());
            domain.spawn(process)
        };
        let ended = self.plain.run(command, Some(private.path()), Some(Box::new(spawn))).await;
        drop(made);
        match ended {
            Ok(mut ended) if !ended.status.success() => {
                let said = String::from_utf8_lossy(&ended.output).into_owned();
                if !said.is_empty() && !said.ends_with('\n') {
                    ended.output.push(b'\n');
                }
                ended.output.extend(hint(command, &grants, &said).into_bytes());
                Ok(ended)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(io::Error::new(error.kind(), format!("{error} {}", hint(command, &grants, "").trim_end())))
            }
            ended => ended,
        }
    }
}

/// The same error, which names the file.
fn of(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Commands may read all that is the system's. Were the build a part of that, they could read all of it.
fn outside_of_the_system(directory: &Path) -> Result<(), ConfinedError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let root = real(directory);
    match SYSTEM.into_iter().find(|system| root.starts_with(real(Path::new(system)))) {
        Some(system) => Err(ConfinedError::WithinTheSystem { directory: root, system }),
        None => Ok(()),
    }
}

/// A file that was made so that a command may write it, and its time. It is removed if the command has not.
struct Made(PathBuf, SystemTime);

impl Drop for Made {
    fn drop(&mut self) {
        let left = fs::symlink_metadata(&self.0);
        if left.is_ok_and(|file| file.len() == 0 && file.modified().is_ok_and(|time| time == self.1)) {
            // (If it cannot be removed, the rule is taken to have made an empty file, which its directory's owner has
            // forbidden to remove.)
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Sees to it that a file lies here which can be written where it lies, and nothing else by it: no link, which leads
/// elsewhere, and no file of two names. Where the directory around it may be written, that is left to the command.
fn in_place(path: &Path, writes: &[PathBuf]) -> io::Result<Option<Made>> {
    if writes.iter().any(|around| path != around && path.starts_with(around) && around.is_dir()) {
        return Ok(None);
    }
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() && there.nlink() == 1 => return Ok(None),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    match fs::File::create_new(path) {
        Ok(file) => {
            file.set_modified(SystemTime::UNIX_EPOCH + UNTOUCHED)?;
            // (The file system may have no time for fractions of seconds.)
            Ok(Some(Made(path.to_owned(), file.metadata()?.modified()?)))
        }
        // Nobody can write there, so neither could the command.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the entries of our `PATH` hold.
fn toolchains_of_this_process(directory: &Path) -> Vec<PathBuf> {
    let Some(path) = std::env::var_os("PATH") else { return Vec::new() };
    toolchains(&path, std::env::var_os("HOME").as_deref().map(Path::new), directory)
}

/// What the entries of a `PATH` hold: of `prefix/bin` the prefix, unless that holds more than a toolchain. Entries in
/// the build's directory, or around it, are left out: what lies there is to be needed.
fn toolchains(path: &OsStr, home: Option<&Path>, directory: &Path) -> Vec<PathBuf> {
    let root = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let home = home.and_then(|home| home.canonicalize().ok());
    let holds = |around: &Path, inner: &Path| inner.starts_with(around);
    let entries = std::env::split_paths(path).filter(|entry| entry.is_absolute());
    let entries = entries.filter_map(|entry| entry.canonicalize().ok());
    let wanted = entries.filter_map(|entry| {
        if holds(&entry, &root) || holds(&root, &entry) {
            return None;
        }
        let prefix =
            entry.parent().filter(|_| matches!(entry.file_name(), Some(name) if name == "bin" || name == "sbin"));
        let prefix = prefix.filter(|prefix| {
            prefix.parent().is_some() && !holds(prefix, &root) && !home.as_ref().is_some_and(|home| holds(prefix, home))
        });
        Some(prefix.map_or(entry.clone(), Path::to_owned))
    });
    wanted.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Takes all variables from a command that it has not been given, and for which its rule has not asked; but not the name of the jobserver around this
/// build, if it is a part of one.
fn hide_variables(process: &mut tokio::process::Command, asked: &[String], has_jobserver: bool) {
    let given: HashSet<_> = process.as_std().get_envs().map(|(name, _)| name.to_owned()).collect();
    let hidden = |name: &OsStr| !given.contains(name) && !is_shown(name, asked, has_jobserver);
    for (name, _) in std::env::vars_os().filter(|(name, _)| hidden(name)) {
        process.env_remove(name);
    }
}

/// Whether a command may see this variable of ours.
fn is_shown(name: &OsStr, asked: &[String], has_jobserver: bool) -> bool {
    name.to_str().is_some_and(|name| {
        VARIABLES.contains(&name)
            || name.starts_with("LC_")
            || has_jobserver && name == "MAKEFLAGS"
            || asked.iter().any(|asked| asked == name)
    })
}

/// What a person is told of a command that has failed: that it was confined, and which files it may have wanted.
/// Those are files of the build's directory that it names, in its arguments or in what it said, and may not read.
fn hint(command: &Command, grants: &Grants, said: &str) -> String {
    let real = |path: &PathBuf| path.canonicalize().ok();
    let readable: Vec<PathBuf> =
        [&grants.read, &grants.write, &grants.own].into_iter().flatten().filter_map(real).collect();
    let Some(root) = real(&command.directory) else { return String::new() };
    // (A compiler names a header as the source does, which lies beside it.)
    let around: BTreeSet<&Path> = command.inputs.iter().filter_map(|input| input.parent()).collect();
    let bounds = |byte: char| byte.is_whitespace() || "'\"`:;,()<>=|&‘’“”".contains(byte);
    let words = command.arguments.iter().map(String::as_str).chain([said]).flat_map(|text| text.split(bounds));
    let (mut wanted, looks) = (BTreeSet::new(), Cell::new(0));
    for word in words.filter(|word| !word.is_empty()).collect::<BTreeSet<_>>() {
        let places = [command.directory.as_path()].into_iter().chain(around.iter().copied());
        let places = places.inspect(|_| looks.set(looks.get() + 1));
        if looks.get() >= LOOKS {
            break;
        }
        let there = places.filter_map(|place| real(&place.join(word))).next();
        let Some(file) = there.filter(|file| file.is_file()) else { continue };
        if let Ok(name) = file.strip_prefix(&root)
            && !readable.iter().any(|place| file.starts_with(place))
        {
            wanted.insert(name.display().to_string());
        }
    }
    let wanted: Vec<String> = wanted.into_iter().take(NAMED).collect();
    let wanted = match &wanted[..] {
        [] => String::new(),
        [one] => format!("; it may have wanted {one}: have its rule need it"),
        more => format!("; it may have wanted {}: have its rule need them", more.join(", ")),
    };
    format!(
        "(run confined: it may read only what its rule has needed, and write only its outputs \
         and below TMPDIR{wanted})\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{is_shown, toolchains};

    #[test]
    fn a_jobserver_is_named_to_commands_that_are_a_part_of_it() {
        let shown = |name: &str, has_jobserver| is_shown(name.as_ref(), &["CC".to_owned()], has_jobserver);
        assert!(shown("MAKEFLAGS", true) && !shown("MAKEFLAGS", false));
        assert!(shown("CC", false) && shown("LC_ALL", false) && !shown("CFLAGS", true));
    }

    #[test]
    fn of_path_toolchains_are_read_and_neither_the_home_nor_the_build() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("there");
        let place = |name: &str| {
            let place = root.join(name);
            std::fs::create_dir_all(&place).expect("made");
            place
        };
        let (home, build) = (place("home"), place("home/work/build"));
        let entries = [
            place("opt/gcc/bin"),
            place("opt/shims"),
            place("home/bin"),
            place("home/work/build/node/bin"),
            place("home/work"),
            place("home/.cargo/bin"),
            root.join("missing/bin"),
            "relative/bin".into(),
            "/bin".into(),
        ];
        let path = std::env::join_paths(&entries).expect("no colons");
        let found = toolchains(&path, Some(&home), &build);
        let bin = std::path::Path::new("/bin").canonicalize().expect("there");
        let system = bin.parent().filter(|around| around.parent().is_some()).unwrap_or(&bin).to_owned();
        let mut expected =
            vec![system, root.join("opt/gcc"), root.join("opt/shims"), root.join("home/bin"), root.join("home/.cargo")];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
