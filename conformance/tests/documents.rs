//! Links of the pages lead to files that are there, and call them by their names; and components that are broken on purpose are
//! caught as the page of rules says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use alacarte_conformance::broken::all;

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

/// A text without what stands in parentheses.
fn without_asides(text: &str) -> String {
    let mut depth = 0_u32;
    let outside = text.chars().filter(|letter| {
        let before = depth;
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before == 0 && depth == 0
    });
    outside.collect()
}

/// What a page says of who is caught, a clause each: the words in it that are marked as code. It says so in items that begin with
/// `Caught`, and in the second column of its table of defects.
fn caught(page: &str) -> Vec<Vec<String>> {
    let items = page.split("\n- ").filter(|item| item.starts_with("Caught"));
    let items = items.map(|item| item.split("\n\n").next().unwrap_or_default().replace('\n', " "));
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let rows = rows.filter_map(|row| row.split('|').nth(2).map(str::to_owned));
    let clauses = items.chain(rows).flat_map(|text| {
        let text = without_asides(&text).replace(". ", ";");
        text.split(';').map(str::to_owned).collect::<Vec<_>>()
    });
    let words = |clause: String| clause.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    clauses.map(words).filter(|words| !words.is_empty()).collect()
}

/// What is wrong with what a page says of who is caught by which laws.
fn wrongly_caught(page: &str) -> Vec<String> {
    let fixtures = all();
    let mut wrong = Vec::new();
    // (What `alacarte` shows is no component.)
    for words in caught(page).into_iter().filter(|words| !words[0].starts_with("alacarte ")) {
        let (named, laws): (BTreeSet<&str>, BTreeSet<&str>) =
            words.iter().map(String::as_str).partition(|word| fixtures.iter().any(|fixture| fixture.name == *word));
        for fixture in fixtures.iter().filter(|fixture| named.contains(fixture.name)) {
            if laws != fixture.laws.iter().copied().collect() {
                wrong.push(format!("`{}` is caught by {:?}, not by {laws:?}", fixture.name, fixture.laws));
            }
        }
        if named.is_empty() {
            wrong.push(format!("{words:?}: no component has such a name"));
        }
    }
    wrong
}

#[test]
fn components_are_caught_by_the_laws_that_the_page_of_rules_names() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paper-notes/rules.md");
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(caught(&page).len() > 20, "{:?}", caught(&page));
    let wrong = wrongly_caught(&page);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_law_or_a_component_of_another_name_on_the_page_of_rules_is_seen() {
    let item = |text: &str| wrongly_caught(&format!("# Rules\n\n- Caught{text}\n\nAnd so on."));
    assert!(item(": `deep-newest` ([`a.rs`](b/a.rs)), by `shallow-correct`.\n- Test: `a_test`.").is_empty());
    assert!(item(", by `shallow-correct`: `deep-newest`; by `correct`: `bits-blind`").is_empty());
    assert_eq!(item(": `deep-newest`, by `correct`.").len(), 1);
    assert_eq!(item(": `deep-newest`. No law sees it.").len(), 1);
    assert_eq!(item(", by `shallow-correct`: `deep-oldest`.").len(), 1);
    let row =
        |law: &str| wrongly_caught(&format!("| defect | who | test |\n| a | `deep-newest`: `{law}` | `a_test` |\n"));
    assert_eq!((row("shallow-correct").len(), row("deep-correct").len()), (0, 1));
}
