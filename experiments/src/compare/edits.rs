//! A script for a project that has none.
//!
//! Which files are edited is chosen by a seed, among those that a build of the default targets reads. An edit is an
//! addition at the end of a C or C++ file that is right in any such file: a comment, a function that nobody calls, a
//! declaration. A step for which the project has no file says so.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use alacarte_core::Fingerprint;
use alacarte_frontends::ninja::{Edge, Manifest};

use super::edit_script::EditStep;
use super::flags::flags;
use super::paths::normal;
use super::sources::{C, has_ending, run};

const COMMENT: &str = "\n/* alacarte was here */\n";
const FUNCTION: &str = "\nint alacarte_probe(void);\nint alacarte_probe(void) { return 1; }\n";
const DECLARATION: &str = "\nextern int alacarte_declared;\n";

/// The ten steps. `root` is the directory of the whole project, `build` that of the manifest.
pub(super) fn edits(root: &Path, build: &Path, manifest: &Manifest, seed: u64) -> Vec<EditStep> {
    let produced: HashSet<PathBuf> =
        manifest.edges.iter().flat_map(|edge| &edge.outputs).map(|output| normal(&build.join(output))).collect();
    let mut run = run(build, manifest);
    // What makes the manifest is no part of the project.
    run.retain(|edge| !edge.generator);
    let mut sources = BTreeSet::new();
    for edge in &run {
        let inputs = edge.inputs.iter().map(|input| normal(&build.join(input)));
        sources.extend(inputs.filter(|input| !produced.contains(input)).filter_map(|input| inside(root, &input)));
    }
    let sources: Vec<String> = sources.into_iter().collect();
    let c: Vec<String> = sources.iter().filter(|name| has_ending(name, &C)).cloned().collect();
    let headers = headers(root, build, &run, &produced);
    let outputs = outputs(&run);
    let pick = |from: &[String], salt: u64| {
        let random = Fingerprint::of_integer(seed.wrapping_mul(31).wrapping_add(salt)).0;
        (!from.is_empty()).then(|| from[(random % from.len() as u64) as usize].clone())
    };
    let step = |name: &str, file: Option<String>, lacks: &str, make: &dyn Fn(String, EditStep) -> EditStep| match file {
        Some(file) => make(file, EditStep::named(name)),
        None => EditStep::impossible(name, lacks),
    };
    let append =
        |text: &'static str| move |file, step| EditStep { file: Some(file), append: Some(text.to_owned()), ..step };
    let no_source = "no command that is run reads a source of the project";
    let no_c = "no command that is run reads a source of C or C++ in the project";
    let no_header = "no source of C or C++ that is read includes a header of the project";
    vec![
        EditStep::named("clean"),
        EditStep::named("nothing changed"),
        step("touched, equal", pick(&sources, 1), no_source, &|file, step| EditStep { touch: Some(file), ..step }),
        step("comment edited", pick(&c, 2), no_c, &append(COMMENT)),
        step("source changed", pick(&c, 3), no_c, &append(FUNCTION)),
        step("header changed", pick(&headers, 4), no_header, &append(DECLARATION)),
        step("header reverted", pick(&headers, 4), no_header, &|file, step| EditStep {
            file: Some(file),
            replace: Some(DECLARATION.to_owned()),
            with: Some(String::new()),
            ..step
        }),
        step("output deleted", pick(&outputs, 5), "no command is run", &|file, step| EditStep {
            delete: Some(file),
            ..step
        }),
        flags(root, build, manifest, &run),
        EditStep { fresh: true, ..EditStep::named("fresh checkout") },
    ]
}

/// What a file of the project is called, seen from the directory of the whole.
fn inside(root: &Path, path: &Path) -> Option<String> {
    let path = path.canonicalize().ok().filter(|path| path.is_file())?;
    Some(path.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// The first outputs of commands: of compilers (which report what they read), or else of any.
fn outputs(run: &[&Edge]) -> Vec<String> {
    let of = |edges: &mut dyn Iterator<Item = &&Edge>| edges.filter_map(|edge| edge.outputs.first().cloned()).collect();
    let compiled: Vec<String> = of(&mut run.iter().filter(|edge| edge.depfile.is_some() || edge.deps.is_some()));
    if compiled.is_empty() { of(&mut run.iter()) } else { compiled }
}

/// The headers of the project that its sources include by name, but for those that the build makes.
fn headers(root: &Path, build: &Path, run: &[&Edge], produced: &HashSet<PathBuf>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for edge in run {
        let searched = include_directories(build, &edge.command);
        for source in edge.inputs.iter().filter(|input| has_ending(input, &C)) {
            let source = normal(&build.join(source));
            let Ok(text) = std::fs::read(&source) else { continue };
            for name in included(&String::from_utf8_lossy(&text)) {
                let beside = source.parent().map(Path::to_path_buf);
                let mut places = beside.into_iter().chain(searched.iter().cloned()).map(|at| normal(&at.join(&name)));
                let header = places.find(|place| place.is_file() || produced.contains(place));
                found.extend(
                    header.filter(|header| !produced.contains(header)).and_then(|header| inside(root, &header)),
                );
            }
        }
    }
    found.into_iter().collect()
}

/// The names in `#include "name"` and `#include <name>`.
fn included(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.trim_start();
        let end = match rest.chars().next()? {
            '"' => '"',
            '<' => '>',
            _ => return None,
        };
        Some(rest[1..].split_once(end)?.0.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// Where a compiler's command line has it look for headers.
fn include_directories(build: &Path, command: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut words = command.split_whitespace().map(|word| word.replace(['"', '\''], ""));
    while let Some(word) = words.next() {
        let Some(rest) = ["-isystem", "-iquote", "-I"].iter().find_map(|option| word.strip_prefix(option)) else {
            continue;
        };
        let directory = if rest.is_empty() { words.next() } else { Some(rest.to_owned()) };
        found.extend(directory.map(|directory| normal(&build.join(directory))));
    }
    found
}
