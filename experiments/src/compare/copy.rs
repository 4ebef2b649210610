//! A snapshot of somebody's project, so that theirs is never written to, and what they edit meanwhile changes nothing.
//!
//! What CMake and Meson write names the source and the build directory by absolute paths. The snapshot is of the
//! smallest directory that holds the manifests and every source that they name (what the system owns left out), and
//! in the manifests that path is replaced by the one at which the copies will lie.
//!
//! No link of the project may lead an edit or an output back to it. A link to what is copied leads into the copy; a link to
//! a file elsewhere becomes that file, and a link to a directory elsewhere that directory. What the system owns, and what
//! holds the project itself, is not copied: such a link stays, and what would be written through it is refused (`leaks`).

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use alacarte_frontends::ninja::Manifest;

use super::paths::{destination, normal};
use super::stop::Stop;

/// Directories of the system: what lies there is used where it lies.
const SYSTEM: [&str; 9] = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/opt", "/etc", "/nix", "/proc"];

/// What a build of ours leaves in a build directory.
pub const STATE: &str = ".alacarte";

/// A project larger than this is not copied.
const MOST_BYTES: u64 = 4 << 30;

/// The smallest directory that holds the build directory and all sources of the manifest; or why there is no
/// sensible one.
pub fn root_of(build_directory: &Path, manifest: &Manifest) -> Result<PathBuf, String> {
    let produced: HashSet<&str> = manifest.edges.iter().flat_map(|edge| &edge.outputs).map(String::as_str).collect();
    let mut root = build_directory.to_path_buf();
    let cmake_home = home_of_cmake(build_directory);
    let sources = manifest.edges.iter().filter(|edge| !edge.generator).flat_map(|edge| edge.all_inputs());
    let sources = sources.filter(|input| !produced.contains(input)).map(|input| normal(&build_directory.join(input)));
    let manifests = manifest.files.iter().map(|file| normal(&build_directory.join(file)));
    for source in sources.chain(manifests).chain(cmake_home) {
        // A project may itself lie in such a place.
        let system = |system: &&str| source.starts_with(system) && !build_directory.starts_with(system);
        // A path outside may lead back in, by way of a link.
        let leads_in = || destination(&source).is_ok_and(|place| place.starts_with(&root));
        if !SYSTEM.iter().any(system) && source.exists() && !leads_in() {
            root = common(&root, &source);
        }
    }
    let too_wide = root.parent().is_none()
        || std::env::var_os("HOME").is_some_and(|home| root == Path::new(&home))
        || std::env::temp_dir() == root;
    if too_wide {
        return Err(format!(
            "its sources are spread so wide that {} would have to be copied; build from a project directory of its own",
            root.display()
        ));
    }
    Ok(root)
}

/// Where CMake says the sources are.
fn home_of_cmake(build_directory: &Path) -> Option<PathBuf> {
    let cache = fs::read_to_string(build_directory.join("CMakeCache.txt")).ok()?;
    let line = cache.lines().find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="))?;
    Some(PathBuf::from(line))
}

fn common(a: &Path, b: &Path) -> PathBuf {
    let shared = a.components().zip(b.components()).take_while(|(a, b)| a == b);
    shared.map(|(component, _)| component).collect()
}

/// Copies a directory as it is: files with their permissions, but writable, and links as links.
pub fn copy_tree(from: &Path, to: &Path, stop: &Stop) -> io::Result<()> {
    let mut todo = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = todo.pop() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let (kind, source, copy) = (entry.file_type()?, entry.path(), to.join(entry.file_name()));
            if stop.is_raised() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if kind.is_dir() {
                todo.push((source, copy));
            } else if kind.is_symlink() {
                symlink(fs::read_link(&source)?, &copy)?;
            } else {
                copy_file(&source, &copy)?;
            }
        }
    }
    Ok(())
}

/// Whether a relative link nowhere climbs out of a directory, not even to come back.
fn stays_below(directory: &Path, link: &Path, text: &Path) -> bool {
    let Ok(inside) = link.strip_prefix(directory) else { return false };
    let mut depth = inside.components().count().saturating_sub(1);
    text.components().all(|part| match part {
        Component::Normal(_) => {
            depth += 1;
            true
        }
        Component::ParentDir => {
            let climbs = depth == 0;
            depth = depth.saturating_sub(1);
            !climbs
        }
        Component::CurDir => true,
        Component::RootDir | Component::Prefix(_) => false,
    })
}

fn copy_file(source: &Path, copy: &Path) -> io::Result<u64> {
    let bytes = fs::copy(source, copy)?;
    let mut permissions = fs::metadata(copy)?.permissions();
    if permissions.mode() & 0o200 == 0 {
        // The owner's file is protected; ours is there to be edited.
        permissions.set_mode(permissions.mode() | 0o200);
        fs::set_permissions(copy, permissions)?;
    }
    Ok(bytes)
}

/// A snapshot being made.
#[derive(Debug)]
pub struct Snapshot<'s> {
    /// The directory that is filled.
    pub to: &'s Path,
    /// Where copies of the snapshot will lie: links lead there.
    pub work: &'s Path,
    /// Ours, never copied.
    pub scratch: &'s Path,
    /// Looked at between files.
    pub stop: &'s Stop,
}

/// What has a place in the snapshot: a file or directory by its real path, and where in the snapshot it lies.
type Places = Vec<(PathBuf, PathBuf)>;

impl Snapshot<'_> {
    /// Copies a directory, and what its links lead to: no version control, and no state of ours.
    pub fn take(&self, root: &Path) -> io::Result<()> {
        let mut places: Places = vec![(root.to_path_buf(), PathBuf::new())];
        let mut todo = places.clone();
        let mut bytes = 0;
        while let Some((from, place)) = todo.pop() {
            fs::create_dir_all(self.to.join(&place))?;
            let mut entries = fs::read_dir(&from)?.collect::<io::Result<Vec<_>>>()?;
            // The same links are met first in every run.
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                if self.stop.is_raised() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                let (kind, name, source) = (entry.file_type()?, entry.file_name(), entry.path());
                let place = place.join(&name);
                if kind.is_dir() {
                    if name != ".git" && name != ".hg" && name != STATE && source != self.scratch {
                        todo.push((source, place));
                    }
                } else if kind.is_symlink() {
                    bytes += self.link(&source, place, root, &mut places, &mut todo)?;
                } else if kind.is_file() {
                    bytes += copy_file(&source, &self.to.join(place))?;
                }
                if bytes > MOST_BYTES {
                    return Err(io::Error::other("the project is larger than 4 GiB"));
                }
            }
        }
        Ok(())
    }

    /// Copies one link: so that it leads to the same content, but never out of the copy to something that could be copied.
    fn link(
        &self,
        source: &Path,
        place: PathBuf,
        root: &Path,
        places: &mut Places,
        todo: &mut Places,
    ) -> io::Result<u64> {
        let text = fs::read_link(source)?;
        let copy = self.to.join(&place);
        // A circle of links leads nowhere, in the copy too.
        let Ok(real) = destination(source) else { return symlink(text, copy).map(|()| 0) };
        let known = places.iter().find_map(|(at, place)| match real.strip_prefix(at).ok()? {
            // (To join nothing would put a slash at the end, as after a directory.)
            rest if rest.as_os_str().is_empty() => Some(place.clone()),
            rest => Some(place.join(rest)),
        });
        if let Some(known) = known {
            // Within one directory tree, what is written relatively means the same in the copy.
            let beside = normal(&source.parent().unwrap_or(Path::new("/")).join(&text));
            let tree = places.iter().find(|(at, _)| source.starts_with(at)).map(|(at, _)| at);
            let means_the_same = tree.is_some_and(|at| stays_below(at, source, &text) && real.starts_with(at))
                && destination(&beside).is_ok_and(|beside| beside == real);
            return symlink(if means_the_same { text } else { self.work.join(known) }, copy).map(|()| 0);
        }
        let system = SYSTEM.iter().chain(&["/dev", "/sys", "/run"]).any(|system| real.starts_with(system));
        match fs::metadata(&real) {
            Ok(found) if found.is_file() => {
                places.push((real.clone(), place));
                copy_file(&real, &copy)
            }
            Ok(found) if found.is_dir() && !system && !root.starts_with(&real) => {
                places.push((real.clone(), place.clone()));
                todo.push((real, place));
                Ok(0)
            }
            _ => symlink(real, copy).map(|()| 0),
        }
    }
}

/// Other paths to the directory, which is known by its real one, by way of links: as far as it was given so, or the manifest
/// names files in it so.
pub fn aliases(root: &Path, build: &Path, given: &Path, manifest: &Manifest) -> BTreeSet<PathBuf> {
    let named = manifest.edges.iter().flat_map(|edge| edge.all_inputs().chain(edge.outputs.iter().map(String::as_str)));
    let named = named.filter(|path| path.starts_with('/')).map(Path::new).filter(|path| !path.starts_with(root));
    let inside = named.filter_map(|path| Some((path, destination(path).ok()?.strip_prefix(root).ok()?.to_owned())));
    let given = [(given, build.to_owned())];
    let above = |(path, inside): (&Path, PathBuf)| {
        let count = path.components().count().checked_sub(inside.components().count())?;
        path.ends_with(&inside).then(|| path.components().take(count).collect::<PathBuf>())
    };
    let mut aliases: BTreeSet<PathBuf> = inside.chain(given).filter_map(above).collect();
    aliases.retain(|alias| alias != root && alias.parent().is_some());
    aliases
}

/// Replaces paths by another in the manifests of a build directory, in the response and script files beside them, and in
/// the manifests that lie elsewhere.
pub fn rename_in_manifests(build: &Path, elsewhere: Vec<PathBuf>, from: &[&Path], to: &Path) -> io::Result<()> {
    let from = from.iter().map(|from| from.to_str()).collect::<Option<Vec<&str>>>();
    let (Some(from), Some(to)) = (from, to.to_str()) else {
        return Err(io::Error::other("a path of the project is not UTF-8"));
    };
    let mut files: BTreeSet<PathBuf> = elsewhere.into_iter().collect();
    let mut todo = vec![build.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                todo.push(path);
                continue;
            }
            let named = path.extension().and_then(|extension| extension.to_str());
            if !matches!(named, Some("ninja" | "cmake" | "rsp" | "txt" | "json" | "sh")) {
                continue;
            }
            files.insert(path);
        }
    }
    files.iter().try_for_each(|path| rename(path, &from, to))
}

fn rename(path: &Path, from: &[&str], to: &str) -> io::Result<()> {
    // A link is followed to a file of the snapshot or of the system: the first is met under its own name.
    if path.is_symlink() {
        return Ok(());
    }
    // What is not text holds no path that a command reads as one.
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    let renamed = from.iter().fold(text.clone(), |text, from| replace_path(&text, from, to));
    if renamed != text { fs::write(path, renamed) } else { Ok(()) }
}

/// Replaces a path where it stands as a whole, or as the beginning of a longer one.
fn replace_path(text: &str, from: &str, to: &str) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        // The copy may lie below what was copied: what is replaced is not replaced again.
        if let Some(before) = rest.find(to).filter(|before| *before <= at) {
            let (done, after) = rest.split_at(before + to.len());
            renamed.push_str(done);
            rest = after;
            continue;
        }
        let after = rest[at + from.len()..].chars().next();
        let whole = !after.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) && begins(&rest[..at]);
        renamed.push_str(&rest[..at]);
        renamed.push_str(if whole { to } else { from });
        rest = &rest[at + from.len()..];
    }
    renamed.push_str(rest);
    renamed
}

/// Whether an absolute path can begin after this text: not in the middle of another one, but straight after an
/// option such as `-I`.
fn begins(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | '"' | '\'' | ',' | ';')).next();
    let word = word.unwrap_or_default();
    !word.contains('/') && (word.is_empty() || word.starts_with('-') || word.ends_with(|c: char| !c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_replaced_only_where_it_stands_whole() {
        let text = "a = /p/x/src\nb = /p/x\nc = /p/xy/src -I/p/x/include /q/p/x/a";
        let renamed = "a = /t/src\nb = /t\nc = /p/xy/src -I/t/include /q/p/x/a";
        assert_eq!(replace_path(text, "/p/x", "/t"), renamed);
        assert_eq!(replace_path(&replace_path("/p/x -I/p", "/p", "/p/t"), "/p", "/p/t"), "/p/t/x -I/p/t");
    }

    #[test]
    fn the_common_directory_is_found_by_components() {
        assert_eq!(common(Path::new("/a/bc/d"), Path::new("/a/b/d")), Path::new("/a"));
        assert_eq!(normal(Path::new("/a/b/../c/./d")), Path::new("/a/c/d"));
    }
}
