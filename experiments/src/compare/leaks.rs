//! Which files a build would write, and whether all of them lie in the copy.
//!
//! A path is followed as the system would follow it: through every link, every `..`, and into what does not exist yet.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use alacarte_frontends::ninja::{Edge, Manifest};

use super::paths::destination;
use super::sources::run;

/// So many paths that lead out are named.
const SHOWN: usize = 5;

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
