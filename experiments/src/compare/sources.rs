//! What of a manifest matters to a build of its default targets: the commands that may run, and which inputs are sources.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use alacarte_frontends::ninja::{Edge, Manifest};

use super::paths::normal;

/// How the names of sources end.
pub(super) const C: [&str; 6] = ["c", "cc", "cpp", "cxx", "c++", "C"];

/// The commands that a build of the default targets may run, in the order of the manifest.
pub(super) fn run<'m>(build: &Path, manifest: &'m Manifest) -> Vec<&'m Edge> {
    let place = |path: &str| normal(&build.join(path));
    let makers: HashMap<PathBuf, usize> = (manifest.edges.iter().enumerate())
        .flat_map(|(number, edge)| edge.outputs.iter().map(move |output| (output, number)))
        .map(|(output, number)| (place(output), number))
        .collect();
    let mut reached = BTreeSet::new();
    let mut todo: Vec<PathBuf> = manifest.targets_by_default().into_iter().map(place).collect();
    while let Some(path) = todo.pop() {
        let Some(&number) = makers.get(&path) else { continue };
        if reached.insert(number) {
            let edge = &manifest.edges[number];
            todo.extend(edge.all_inputs().chain(edge.validations.iter().map(String::as_str)).map(place));
        }
    }
    let edges = reached.into_iter().map(|number| &manifest.edges[number]);
    edges.filter(|edge| !edge.is_phony()).collect()
}

/// Whether a name ends in one of these ways.
pub(super) fn has_ending(name: &str, endings: &[&str]) -> bool {
    Path::new(name).extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
}
