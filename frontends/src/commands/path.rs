//! One name for one file. `a.o`, `./a.o` and `x/../a.o` are the same node of the graph, so every path is brought to one
//! form, by its text alone (the file system is not asked, so `..` after a symbolic link is not what the link means;
//! this is ninja's choice, and generators count on it).

use std::borrow::Cow;
use std::path::Path;

use alacarte_stores::{FileKey, text_of_path};

/// The canonical form of a path: no `.`, no empty component, no `..` after a name. `.` if nothing remains of a relative
/// path.
pub fn canonicalise(path: &str) -> String {
    if is_canonical(path) {
        return path.to_owned();
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            // Above the beginning, or above another `..`, there is nothing to take back.
            ".." if kept.last().is_none_or(|&last| last == "..") => kept.push(".."),
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    if kept.is_empty() && root.is_empty() {
        return ".".to_owned();
    }
    format!("{root}{}", kept.join("/"))
}

/// The canonical form of a path in which a slash at the end means something: a directory with all that lies in it.
pub(crate) fn canonicalise_with_slash(path: &str) -> String {
    let mut canonical = canonicalise(path);
    if path.ends_with('/') && !canonical.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// Most paths are written in canonical form already.
fn is_canonical(path: &str) -> bool {
    let relative = path.strip_prefix('/').unwrap_or(path);
    (relative.split('/')).all(|component| !matches!(component, "" | "." | ".."))
}

/// The absolute paths of the build directory, each with a slash at its end: the one that was given, the one without links, and the one by
/// which the shell came here, if that is another.
#[derive(Debug)]
pub(crate) struct Root(Vec<String>);

impl Root {
    pub(crate) fn of(directory: &Path) -> Self {
        let given = std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf());
        let real = directory.canonicalize().unwrap_or_else(|_| given.clone());
        // Commands inherit it, and name files by it.
        let shell = std::env::var_os("PWD").map(|here| Path::new(&here).join(directory));
        let shell = shell.filter(|shell| shell.canonicalize().is_ok_and(|shell| shell == real));
        let mut roots: Vec<String> = Vec::new();
        for path in [real, given].into_iter().chain(shell) {
            let root = canonicalise(text_of_path(&path).trim_end_matches('/')) + "/";
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        Root(roots)
    }

    /// The name inside the directory of a file that lies there and is named from outside.
    pub(crate) fn other_name(&self, path: &str) -> Option<FileKey> {
        let outside = path.starts_with('/') || path.starts_with("../");
        Some(self.local(path)).filter(|local| outside && local != path).map(|local| FileKey::from(&*local))
    }

    /// The path as it is written inside the directory, if it lies there.
    pub(crate) fn local<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let inside = |path: &str| {
            let locals = self.0.iter().filter_map(|root| path.strip_prefix(root));
            locals.filter(|local| !local.is_empty()).map(str::to_owned).next()
        };
        // A way out of the directory may lead back into it.
        let found = match path.starts_with("../") {
            true => inside(&canonicalise_with_slash(&format!("{}{path}", self.0[0]))),
            false => inside(path),
        };
        found.map_or(Cow::Borrowed(path), Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ninja_does() {
        for (path, canonical) in [
            ("a", "a"),
            ("./a", "a"),
            ("a/./b", "a/b"),
            ("a//b", "a/b"),
            ("a/../b", "b"),
            ("a/b/../../c", "c"),
            ("a/..", "."),
            (".", "."),
            ("./", "."),
            ("a/", "a"),
            ("..", ".."),
            ("../../a", "../../a"),
            ("a/../../b", "../b"),
            ("/a//b/../c", "/a/c"),
            ("//a", "/a"),
            ("/../a", "/../a"),
            (".hidden/..x/...", ".hidden/..x/..."),
        ] {
            assert_eq!(canonicalise(path), canonical, "{path}");
        }
    }
}
