//! Where a path leads: by its letters alone, or as the system would follow it, through every link and every `..`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many links in one path as Linux follows.
const LINKS: u32 = 40;

/// The path without `.` and `..`, by its letters alone.
pub(super) fn normal(path: &Path) -> PathBuf {
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

/// The file that a path leads to in the end, whether it exists or not.
pub(super) fn destination(path: &Path) -> io::Result<PathBuf> {
    let components = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<_>>();
    let mut todo: VecDeque<OsString> = components(&std::path::absolute(path)?);
    let (mut reached, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = todo.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(name)) => {
                let next = reached.join(name);
                // What is no link, or not there, is where it is.
                let Ok(target) = fs::read_link(&next) else {
                    reached = next;
                    continue;
                };
                links += 1;
                if links > LINKS {
                    return Err(io::Error::other(format!("{} leads through a circle of links", path.display())));
                }
                for part in components(&target).into_iter().rev() {
                    todo.push_front(part);
                }
            }
            Some(Component::ParentDir) => {
                reached.pop();
            }
            Some(Component::RootDir) => reached = PathBuf::from("/"),
            _ => {}
        }
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_is_followed_to_its_end() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("a path");
        fs::create_dir_all(root.join("a/b")).expect("directories");
        symlink("b", root.join("a/link")).expect("a link");
        symlink(root.join("a/link"), root.join("again")).expect("a link");
        symlink("nowhere/x", root.join("dangling")).expect("a link");
        symlink("circle", root.join("circle")).expect("a link");
        for (path, leads_to) in [
            ("a/b/new/file", "a/b/new/file"),
            ("again/file", "a/b/file"),
            // The system's `..`, not that of letters.
            ("again/../file", "a/file"),
            ("dangling", "nowhere/x"),
            ("none/../file", "file"),
        ] {
            assert_eq!(destination(&root.join(path)).expect(path), root.join(leads_to), "{path}");
        }
        assert!(destination(&root.join("circle")).is_err());
        assert_eq!(destination(Path::new("/../..")).expect("the root"), Path::new("/"));
    }
}
