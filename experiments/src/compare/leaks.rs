//! Which files a build would write, and whether all of them lie in the copy.
//!
//! A path is followed as the system would follow it: through every link, every `..`, and into what does not exist yet.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use alacarte_frontends::ninja::{Edge, Manifest};

use super::edits::run;

/// As many links in one path as Linux follows.
const LINKS: u32 = 40;

/// So many paths that lead out are named.
const SHOWN: usize = 5;

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

/// Says which paths of a manifest lead out of the copy, if any do. `work` is the copy, `build` the manifest's directory in
/// it, `original` the directory that was copied: to read *there* is to read something else than what combinations edit.
pub(super) fn leaks(manifest: &Manifest, work: &Path, build: &Path, original: &Path) -> Option<String> {
    let mut found = Vec::new();
    for edge in run(build, manifest) {
        let written = edge.outputs.iter().map(|path| ("output", path));
        let written = written.chain(edge.depfile.iter().map(|path| ("depfile", path)));
        for (what, path) in written.chain(edge.rspfile.iter().map(|file| ("response file", &file.path))) {
            match destination(&build.join(path)) {
                Ok(place) if place.starts_with(work) && place != work => {}
                Ok(place) => {
                    // A path that climbs out of the copy is told as it is seen from the project.
                    let seen = original.join(build.strip_prefix(work).unwrap_or(Path::new("")));
                    let climbs = place.starts_with(work.parent().unwrap_or(work));
                    let seen = climbs.then(|| destination(&seen.join(path)).ok()).flatten();
                    let (at, place) = (at(manifest, edge), seen.unwrap_or(place));
                    found.push(format!("{at}the {what} {path} would be written to {}", place.display()));
                }
                Err(error) => found.push(format!("{}the {what} {path}: {error}", at(manifest, edge))),
            }
        }
        for path in edge.inputs.iter().chain(&edge.implicit) {
            if let Ok(place) = destination(&build.join(path))
                && place.starts_with(original)
                && !place.starts_with(work)
            {
                let at = at(manifest, edge);
                found.push(format!("{at}the input {path} would be read from {}, not from the copy", place.display()));
            }
        }
    }
    for file in &manifest.files {
        if let Ok(place) = destination(&build.join(file))
            && place.starts_with(original)
            && !place.starts_with(work)
        {
            found.push(format!("the manifest includes {} itself, not the copy of it", place.display()));
        }
    }
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    let mut text = "a comparison writes only to a copy of the project, but\n".to_owned();
    for line in found {
        let _ = writeln!(text, "  {line}");
    }
    if more > 0 {
        let _ = writeln!(text, "  (and {more} more)");
    }
    text += "Nothing was run. Let the manifest name these files by paths relative to its own directory, inside the project \
             (for a generator: a build directory there, and no install step among the default targets).";
    Some(text)
}

/// Where the edge stands.
fn at(manifest: &Manifest, edge: &Edge) -> String {
    let file = manifest.files.get(edge.location.file).map_or(Path::new(""), PathBuf::as_path);
    format!("{}:{}: ", file.display(), edge.location.line)
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
