//! A script for a project that has none.
//!
//! Which files are edited is chosen by a seed. An edit is an addition at the end of a C or C++ file that is
//! right in any such file: a comment, a function that nobody calls, a declaration.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use alacarte::Fingerprint;
use alacarte_frontends::ninja::Manifest;

use super::script::Step;

/// The ten steps, as far as the project has something to edit.
pub(super) fn edits(root: &Path, build: &Path, manifest: &Manifest, seed: u64) -> Vec<Step> {
    let produced: HashSet<&str> = manifest.edges.iter().flat_map(|edge| &edge.outputs).map(String::as_str).collect();
    let mut sources: Vec<String> = Vec::new();
    let inputs = manifest.edges.iter().filter(|edge| !edge.generator).flat_map(|edge| &edge.inputs);
    for input in inputs.filter(|input| !produced.contains(input.as_str())) {
        let Ok(path) = build.join(input).canonicalize() else { continue };
        if let Ok(inside) = path.strip_prefix(root)
            && path.is_file()
        {
            sources.push(inside.to_string_lossy().into_owned());
        }
    }
    sources.sort();
    sources.dedup();
    let c: Vec<String> = sources.iter().filter(|name| has_ending(name, &["c", "cc", "cpp", "cxx"])).cloned().collect();
    let made: HashSet<PathBuf> = produced.iter().filter_map(|output| build.join(output).canonicalize().ok()).collect();
    let headers = headers(root, &c, &made);
    let pick = |from: &[String], salt: u64| {
        let random = Fingerprint::of_integer(seed.wrapping_mul(31).wrapping_add(salt)).0;
        (!from.is_empty()).then(|| from[(random % from.len() as u64) as usize].clone())
    };
    let append = |name: &str, file: Option<String>, text: &str| {
        let mut step = Step::named(name);
        step.append = file.is_some().then(|| text.to_owned());
        step.file = file;
        step
    };
    let mut touched = Step::named("touched, equal");
    touched.touch = pick(&sources, 1);
    const FUNCTION: &str = "\nint alacarte_probe(void);\nint alacarte_probe(void) { return 1; }\n";
    const DECLARATION: &str = "\nextern int alacarte_declared;\n";
    let header = pick(&headers, 4);
    let mut reverted = Step::named("header reverted");
    if header.is_some() {
        reverted.replace = Some(DECLARATION.into());
        reverted.with = Some(String::new());
        reverted.file.clone_from(&header);
    }
    let made: Vec<String> = manifest
        .edges
        .iter()
        .filter(|edge| !edge.is_phony() && !edge.generator && edge.depfile.is_some())
        .flat_map(|edge| edge.outputs.first().cloned())
        .collect();
    let mut deleted = Step::named("output deleted");
    deleted.delete = pick(&made, 5);
    let flags = flags(root, build, manifest);
    let mut fresh = Step::named("fresh checkout");
    fresh.fresh = true;
    vec![
        Step::named("clean"),
        Step::named("nothing changed"),
        touched,
        append("comment edited", pick(&c, 2), "\n/* alacarte was here */\n"),
        append("source changed", pick(&c, 3), FUNCTION),
        append("header changed", header, DECLARATION),
        reverted,
        deleted,
        flags,
        fresh,
    ]
}

/// A macro more on the command line of the compiler, if a rule of the manifest looks as if it ran one.
fn flags(root: &Path, build: &Path, manifest: &Manifest) -> Step {
    let mut step = Step::named("flags changed");
    for file in &manifest.files {
        let Ok(path) = build.join(file).canonicalize() else { continue };
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(inside) = path.strip_prefix(root) else { continue };
        let compiles = |line: &&str| line.trim_start().starts_with("command =") && line.contains(" -c ");
        if let Some(line) = text.lines().filter(compiles).find(|line| text.matches(*line).count() == 1) {
            step.file = Some(inside.to_string_lossy().into_owned());
            step.with = Some(line.replacen(" -c ", " -DALACARTE_WAS_HERE -c ", 1));
            step.replace = Some(line.to_owned());
            break;
        }
    }
    step
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    Path::new(name).extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
}

/// The headers that lie beside the sources, but for those that the build makes.
fn headers(root: &Path, sources: &[String], made: &HashSet<PathBuf>) -> Vec<String> {
    let directories: HashSet<&Path> = sources.iter().filter_map(|source| Path::new(source).parent()).collect();
    let mut found = Vec::new();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(root.join(directory)) else { continue };
        for entry in entries.flatten() {
            let name = directory.join(entry.file_name()).to_string_lossy().into_owned();
            let generated = entry.path().canonicalize().is_ok_and(|path| made.contains(&path));
            if !generated && has_ending(&name, &["h", "hh", "hpp", "hxx"]) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}
