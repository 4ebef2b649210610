//! A working copy of somebody's project, so that theirs is never written to.
//!
//! What CMake and Meson write names the source and the build directory by absolute paths. The copy is of the
//! smallest directory that holds the manifest's directory and every source that it names (what the system owns
//! left out), and in the manifests that path is replaced by the copy's.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use alacarte_frontends::ninja::Manifest;

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
    for source in sources.chain(cmake_home) {
        let system = SYSTEM.iter().any(|system| source.starts_with(system));
        if !system && source.exists() {
            root = common(&root, &source);
        }
    }
    let too_wide = root.parent().is_none() || std::env::var_os("HOME").is_some_and(|home| root == Path::new(&home));
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

/// The path without `.` and `..`, by its letters alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Copies a directory: files with their permissions, links as links, no version control and no state of ours.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let mut bytes = 0;
    let mut todo = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = todo.pop() {
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            let (source, copy) = (entry.path(), to.join(&name));
            if kind.is_dir() {
                if name != ".git" && name != ".hg" && name != STATE {
                    todo.push((source, copy));
                }
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(&source)?, &copy)?;
            } else if kind.is_file() {
                bytes += fs::copy(&source, &copy)?;
                if bytes > MOST_BYTES {
                    return Err(io::Error::other("the project is larger than 4 GiB"));
                }
            }
        }
    }
    Ok(())
}

/// Replaces one path by another in the manifests of a build directory, and in the response and script files
/// beside them.
pub fn rename_in_manifests(build_directory: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let (Some(from), Some(to)) = (from.to_str(), to.to_str()) else {
        return Err(io::Error::other("a path of the project is not UTF-8"));
    };
    let mut todo = vec![build_directory.to_path_buf()];
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
            // What is not text holds no path that a command reads as one.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let renamed = replace_path(&text, from, to);
            if renamed != text {
                fs::write(&path, renamed)?;
            }
        }
    }
    Ok(())
}

/// Replaces a path where it stands as a whole, or as the beginning of a longer one.
fn replace_path(text: &str, from: &str, to: &str) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
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
    }

    #[test]
    fn the_common_directory_is_found_by_components() {
        assert_eq!(common(Path::new("/a/bc/d"), Path::new("/a/b/d")), Path::new("/a"));
        assert_eq!(normal(Path::new("/a/b/../c/./d")), Path::new("/a/c/d"));
    }
}
