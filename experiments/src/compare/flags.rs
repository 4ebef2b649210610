//! The step «flags changed»: one macro more on a compiler's command line.
//!
//! Flags stand in many places: in a rule's command, in a variable under a build statement (`FLAGS` and `DEFINES` of
//! CMake, `ARGS` of Meson), in a variable of the whole file. Each of these places is a candidate, and a candidate is
//! judged by what it does: the manifest is read once more as it would be, and the edit counts only if it gives the macro
//! to a compiler that is run, and changes nothing else.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use alacarte_frontends::ninja::{Edge, Manifest, load_with};

use super::edit_script::EditStep;
use super::sources::{C, has_ending};

const NAME: &str = "flags changed";

/// What is added.
const MACRO: &str = " -DALACARTE_WAS_HERE";

/// The word that every compiler's command has which makes an object.
const COMPILE: &str = " -c";

/// So many rules, and build statements, are tried.
const TRIED: usize = 16;

/// A file of the manifest that may be edited.
struct Text {
    /// As the manifest names it.
    name: PathBuf,
    /// Seen from the directory of the whole project.
    inside: String,
    text: String,
}

/// An edit to be judged: in which file, what is replaced, and by what.
struct Candidate<'t> {
    text: &'t Text,
    replace: String,
    with: String,
}

/// The step, or why it cannot be made. `run` are the edges that a build of the default targets reaches.
pub(super) fn flags(root: &Path, build: &Path, manifest: &Manifest, run: &[&Edge]) -> EditStep {
    let compilers: Vec<&Edge> = run.iter().copied().filter(|edge| compiles(edge)).collect();
    if compilers.is_empty() {
        return EditStep::impossible(NAME, "no command that is run compiles a source of C or C++ (with -c)");
    }
    let texts: Vec<Text> = manifest.files.iter().filter_map(|file| text(root, build, file)).collect();
    let rules = compilers.iter().map(|edge| edge.rule.as_str()).collect::<HashSet<&str>>();
    let mut rules: Vec<&str> = rules.into_iter().collect();
    rules.sort_unstable();
    let in_rules = rules.iter().take(TRIED).flat_map(|rule| texts.iter().filter_map(|text| in_rule(text, rule)));
    let in_edges = compilers.iter().take(TRIED).flat_map(|edge| {
        let file = &manifest.files[edge.location.file];
        let text = texts.iter().find(|text| text.name == *file);
        text.into_iter().flat_map(|text| in_edge(text, edge.location.line))
    });
    let in_files = texts.iter().flat_map(in_file);
    let mut candidates = in_rules.chain(in_edges).chain(in_files);
    match candidates.find(|candidate| reaches_compilers_only(candidate, build, manifest, &compilers)) {
        Some(Candidate { text, replace, with }) => EditStep {
            file: Some(text.inside.clone()),
            replace: Some(replace),
            with: Some(with),
            ..EditStep::named(NAME)
        },
        None => EditStep::impossible(
            NAME,
            "neither the rules of its compilers nor a variable of theirs (FLAGS, DEFINES, ARGS) can be edited alone",
        ),
    }
}

/// Whether an edge runs a compiler of C or C++. `sh -c` compiles nothing.
fn compiles(edge: &Edge) -> bool {
    let response = edge.rspfile.as_ref().map_or("", |file| &file.content);
    let words = edge.command.split_whitespace().chain(response.split_whitespace());
    let shell =
        |word: &&str| ["sh", "bash", "python", "python3", "perl"].contains(&word.rsplit('/').next().unwrap_or(""));
    let mut before = words.take_while(|word| *word != "-c").peekable();
    let flagged = edge.command.split_whitespace().chain(response.split_whitespace()).any(|word| word == "-c");
    flagged
        && before.peek().is_some()
        && !before.any(|word| shell(&word))
        && edge.inputs.iter().any(|input| has_ending(input, &C))
}

fn text(root: &Path, build: &Path, file: &Path) -> Option<Text> {
    let path = build.join(file).canonicalize().ok()?;
    let inside = path.strip_prefix(root).ok()?.to_str()?.to_owned();
    Some(Text { name: file.to_owned(), inside, text: std::fs::read_to_string(&path).ok()? })
}

/// The lines of a text from a line on, each with its end: statements go on after a `$` at the end of a line.
fn lines_from(text: &str, first: usize) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').skip(first)
}

/// Whether the next line belongs to this one.
fn goes_on(line: &str) -> bool {
    let line = line.trim_end_matches(['\n', '\r']);
    (line.len() - line.trim_end_matches('$').len()) % 2 == 1
}

/// The name that a line binds.
fn bound(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim();
    (!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')))
        .then_some(name)
}

/// Whether a variable of that name holds flags of a compiler.
fn holds_flags(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let linker = name.starts_with("ld") || name.contains("link");
    !linker && ["flags", "defines", "args"].iter().any(|ending| name.ends_with(ending))
}

/// The text of a statement up to and with one binding under it, and again with `edit` made in that binding.
fn within<'t>(
    text: &'t Text,
    first: usize,
    wanted: impl Fn(&str) -> bool,
    edit: impl Fn(&str) -> Option<String>,
) -> Vec<Candidate<'t>> {
    let mut found = Vec::new();
    let (mut before, mut binding, mut head) = (String::new(), String::new(), true);
    for line in lines_from(&text.text, first) {
        let begins = binding.is_empty();
        if begins && !head && !line.starts_with([' ', '\t']) {
            break;
        }
        binding.push_str(line);
        if goes_on(line) {
            continue;
        }
        let whole = std::mem::take(&mut binding);
        if !head && bound(&whole).is_some_and(&wanted) {
            let ending = whole.len() - whole.trim_end_matches(['\n', '\r']).len();
            let (value, ending) = whole.split_at(whole.len() - ending);
            if let Some(edited) = edit(value) {
                let (replace, with) = (format!("{before}{value}{ending}"), format!("{before}{edited}{ending}"));
                if text.text.matches(&replace).count() == 1 {
                    found.push(Candidate { text, replace, with });
                }
            }
        }
        before.push_str(&whole);
        head = false;
    }
    found
}

/// In the command of a rule, before its `-c`.
fn in_rule<'t>(text: &'t Text, rule: &str) -> Option<Candidate<'t>> {
    let is_rule = |line: &str| line.strip_prefix("rule ").is_some_and(|name| name.trim() == rule);
    let first = text.text.split('\n').position(is_rule)?;
    let edit = |value: &str| {
        let ends = |at: &usize| value[at + COMPILE.len()..].chars().next().is_none_or(char::is_whitespace);
        let at = value.match_indices(COMPILE).map(|(at, _)| at).find(ends)?;
        Some(format!("{}{MACRO}{}", &value[..at], &value[at..]))
    };
    within(text, first, |name| name == "command", edit).pop()
}

/// In the variables under a build statement.
fn in_edge(text: &Text, line: usize) -> Vec<Candidate<'_>> {
    within(text, line - 1, holds_flags, |value| Some(format!("{value}{MACRO}")))
}

/// In the variables of a whole file.
fn in_file(text: &Text) -> Vec<Candidate<'_>> {
    let variables = text
        .text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with([' ', '\t', '#']) && !goes_on(line) && bound(line).is_some_and(holds_flags));
    let lines =
        variables.map(|line| line.trim_end_matches(['\n', '\r'])).filter(|line| text.text.matches(line).count() == 1);
    lines.map(|line| Candidate { text, replace: line.to_owned(), with: format!("{line}{MACRO}") }).collect()
}

/// Whether the edit gives the macro to a compiler that is run, and changes nothing but command lines, by nothing but the
/// macro.
fn reaches_compilers_only(candidate: &Candidate<'_>, build: &Path, manifest: &Manifest, compilers: &[&Edge]) -> bool {
    let top = manifest.files.first().map_or(Path::new("build.ninja"), PathBuf::as_path);
    let edited = load_with(top, &mut |path| -> io::Result<String> {
        if path == candidate.text.name {
            return Ok(candidate.text.text.replacen(&candidate.replace, &candidate.with, 1));
        }
        std::fs::read_to_string(build.join(path))
    });
    let Ok(edited) = edited else { return false };
    if edited.edges.len() != manifest.edges.len() || edited.defaults != manifest.defaults {
        return false;
    }
    let mut reached = false;
    for (old, new) in manifest.edges.iter().zip(edited.edges) {
        let changed = new.command != old.command || new.rspfile != old.rspfile;
        let mut without = new;
        without.command = without.command.replace(MACRO, "");
        if let Some(file) = &mut without.rspfile {
            file.content = file.content.replace(MACRO, "");
        }
        without.description.clone_from(&old.description);
        without.location = old.location;
        if without != *old {
            return false;
        }
        reached |= changed && compilers.iter().any(|edge| std::ptr::eq(*edge, old));
    }
    reached
}
