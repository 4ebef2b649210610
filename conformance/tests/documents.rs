//! Links of the pages lead to files that are there, and call them by their names.

use std::path::{Path, PathBuf};

/// The pages in a directory and below it, but for what a build or a tool has put there.
fn pages(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().expect("its kind").is_dir() {
            if name != "target" && !name.starts_with('.') {
                pages(&path, into);
            }
        } else if name.ends_with(".md") {
            into.push(path);
        }
    }
}

/// Each link of a text to a file beside it: its label, and where it leads.
fn links(text: &str) -> Vec<(&str, &str)> {
    let link = |(middle, _): (usize, &str)| {
        let label = &text[text[..middle].rfind('[')? + 1..middle];
        let target = text[middle + 2..].split(')').next()?;
        let file = target.split('#').next()?;
        (!file.is_empty() && !target.contains("://")).then_some((label, file))
    };
    text.match_indices("](").filter_map(link).collect()
}

/// Whether a label is no name of a Rust file, or the end of the path to which it leads.
fn label_holds(label: &str, target: &Path) -> bool {
    let name = label.strip_prefix('`').and_then(|label| label.strip_suffix('`'));
    name.is_none_or(|name| !name.ends_with(".rs") || target.ends_with(name))
}

#[test]
fn links_lead_to_files_and_call_them_by_their_names() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    pages(&workspace, &mut all);
    assert!(all.len() > 30, "{} pages", all.len());
    let mut wrong = Vec::new();
    for page in all {
        let text = std::fs::read_to_string(&page).expect("a page");
        for (label, target) in links(&text) {
            let path = page.with_file_name("").join(target);
            if !path.exists() || !label_holds(label, &path) {
                wrong.push(format!("{}: [{label}]({target})", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "no such file, or one of another name:\n{}", wrong.join("\n"));
}

#[test]
fn a_label_of_another_name_is_seen() {
    let text = "See [`walk.rs`](src/walk.rs#top), [the walk](src/walk.rs), [above](#top) and [ninja](https://ninja-build.org).";
    assert_eq!(links(text), [("`walk.rs`", "src/walk.rs"), ("the walk", "src/walk.rs")]);
    let target = Path::new("page/../src/engine/walk.rs");
    for good in ["`walk.rs`", "`engine/walk.rs`", "the walk", "`Walk`"] {
        assert!(label_holds(good, target), "{good}");
    }
    for other in ["`run.rs`", "`alk.rs`", "`core/walk.rs`"] {
        assert!(!label_holds(other, target), "{other}");
    }
}
