//! A public name stands for one thing: of the types, traits, functions and constants of the libraries that a program can name, no two
//! have the same one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::{Item, UseTree, Visibility};

type Module = Vec<String>;

/// Where an item is defined: its module, and what it is called there.
type Definition = (Module, String);

/// The items of each module of a crate.
type Crate = BTreeMap<Module, Vec<Item>>;

/// What `pub use` brings: a path, and the name under which it is public, or none for all that lies there.
type Brought = (Vec<String>, Option<String>);

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The name of an item, and who may see it.
fn named(item: &Item) -> Option<(&syn::Ident, &Visibility)> {
    match item {
        Item::Struct(item) => Some((&item.ident, &item.vis)),
        Item::Enum(item) => Some((&item.ident, &item.vis)),
        Item::Union(item) => Some((&item.ident, &item.vis)),
        Item::Trait(item) => Some((&item.ident, &item.vis)),
        Item::Type(item) => Some((&item.ident, &item.vis)),
        Item::Fn(item) => Some((&item.sig.ident, &item.vis)),
        Item::Const(item) => Some((&item.ident, &item.vis)),
        Item::Static(item) => Some((&item.ident, &item.vis)),
        _ => None,
    }
}

fn brought(before: &[String], tree: &UseTree, all: &mut Vec<Brought>) {
    let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
    match tree {
        UseTree::Path(path) => brought(&with(&path.ident), &path.tree, all),
        UseTree::Group(group) => group.items.iter().for_each(|tree| brought(before, tree, all)),
        UseTree::Name(name) => all.push((with(&name.ident), Some(name.ident.to_string()))),
        UseTree::Rename(rename) => all.push((with(&rename.ident), Some(rename.rename.to_string()))),
        UseTree::Glob(_) => all.push((before.to_vec(), None)),
    }
}

/// A path as it is written in a module of a crate, from the crate's root; of another crate there is none.
fn from_root(items: &Crate, at: &Module, path: &[String]) -> Option<Module> {
    let mut base = at.clone();
    let mut rest = path;
    match rest.first().map(String::as_str) {
        Some("crate") => (base, rest) = (Module::new(), &rest[1..]),
        Some("self") => rest = &rest[1..],
        _ => {
            while let [first, more @ ..] = rest
                && first == "super"
            {
                base.pop();
                rest = more;
            }
        }
    }
    base.extend(rest.iter().cloned());
    let known = |path: &[String]| items.contains_key(path);
    let defined = |path: &[String]| {
        let (name, module) = path.split_last()?;
        let found = items.get(module)?.iter().any(|item| match item {
            Item::Use(item) => {
                let mut all = Vec::new();
                brought(&[], &item.tree, &mut all);
                all.iter().any(|(_, known)| known.as_ref() == Some(name))
            }
            item => named(item).is_some_and(|(ident, _)| ident == name),
        });
        Some(found)
    };
    (known(&base) || defined(&base) == Some(true)).then_some(base)
}

/// What a module lets be named from outside of its crate, and where each item is defined.
fn public(items: &Crate, at: &Module, seen: &mut BTreeSet<Module>) -> BTreeSet<(String, Definition)> {
    let mut found = BTreeSet::new();
    if !seen.insert(at.clone()) {
        return found;
    }
    for item in &items[at] {
        match item {
            Item::Mod(module) if is_public(&module.vis) => {
                let inside = [at.as_slice(), &[module.ident.to_string()]].concat();
                if items.contains_key(&inside) {
                    found.extend(public(items, &inside, seen));
                }
            }
            Item::Use(import) if is_public(&import.vis) => {
                let mut all = Vec::new();
                brought(&[], &import.tree, &mut all);
                for (path, name) in all {
                    let Some(path) = from_root(items, at, &path) else { continue };
                    match name {
                        None => found.extend(public(items, &path, seen)),
                        Some(_) if items.contains_key(&path) => found.extend(public(items, &path, seen)),
                        Some(name) => found.extend(definition(items, &path).map(|definition| (name, definition))),
                    }
                }
            }
            item => found.extend(named(item).filter(|(_, visibility)| is_public(visibility)).map(|(name, _)| {
                let name = name.to_string();
                (name.clone(), (at.clone(), name))
            })),
        }
    }
    seen.remove(at);
    found
}

/// Where what lies at this path is defined, through imports; nothing if it is another crate's.
fn definition(items: &Crate, path: &[String]) -> Option<Definition> {
    let (name, module) = path.split_last()?;
    for item in items.get(module)? {
        if named(item).is_some_and(|(ident, _)| ident == name) {
            return Some((module.to_vec(), name.clone()));
        }
        let Item::Use(import) = item else { continue };
        let mut all = Vec::new();
        brought(&[], &import.tree, &mut all);
        let from = all.iter().find(|(_, known)| known.as_ref() == Some(name));
        if let Some((from, _)) = from {
            return definition(items, &from_root(items, &module.to_vec(), from)?);
        }
    }
    None
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}

/// The modules of a crate, by its texts. (Modules within a file are public in no crate here, but for tests.)
fn items(texts: impl IntoIterator<Item = (Module, String)>) -> Crate {
    let read = |(module, text): (Module, String)| {
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{module:?}: {error}"));
        (module, file.items)
    };
    texts.into_iter().map(read).collect()
}

/// Names that stand for several things of one kind, each in a module of its own: our schedulers and our rebuilders by name, the scenes of
/// the gallery, and what the `main` of a program calls.
const OF_A_KIND: [&str; 4] = ["named", "NAMES", "SCENE", "main"];

/// The names that stand for more than one thing, and where each of these is defined.
fn ambiguous(crates: &[(String, Crate)]) -> Vec<(String, BTreeSet<String>)> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, items) in crates {
        for (public, (module, defined)) in public(items, &Module::new(), &mut BTreeSet::new()) {
            let module: String = module.iter().map(|part| format!("{part}::")).collect();
            places.entry(public).or_default().insert(format!("{name}::{module}{defined}"));
        }
    }
    places.retain(|name, places| places.len() > 1 && !OF_A_KIND.contains(&name.as_str()));
    places.into_iter().collect()
}

/// The libraries of the workspace.
fn crates() -> Vec<(String, Crate)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = std::fs::read_dir(&workspace).expect("the workspace");
    let members = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.join("Cargo.toml").exists());
    let mut crates: Vec<(String, Crate)> = Vec::new();
    for member in members {
        let source = Some(member.join("src")).filter(|source| source.is_dir()).unwrap_or_else(|| member.clone());
        let module = |file: &PathBuf| {
            let inside = file.strip_prefix(&source).expect("it lies there").with_extension("");
            let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
            module
        };
        let text = |file: PathBuf| (module(&file), std::fs::read_to_string(&file).expect("a source file"));
        let name = member.file_name().expect("a name").to_string_lossy().into_owned();
        crates.push((name, items(sources(&source).into_iter().map(text))));
    }
    crates
}

#[test]
fn a_public_name_stands_for_one_thing() {
    let crates = crates();
    assert!(crates.len() > 8, "{} crates", crates.len());
    // (The command has none of its own.)
    for (name, items) in crates.iter().filter(|(name, _)| name != "cli") {
        let found = public(items, &Module::new(), &mut BTreeSet::new());
        assert!(found.len() > 3, "{name}: {found:?}");
    }
    let found = ambiguous(&crates);
    assert!(found.is_empty(), "a reader who looks for one finds another: {found:#?}");
}

#[test]
fn a_name_of_two_things_is_seen() {
    let library = |name: &str, files: &[(&str, &str)]| {
        let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        (name.to_owned(), items(files.iter().map(|(name, text)| (module(name), (*text).to_owned()))))
    };
    let one = library("one", &[("", "pub struct Plan;")]);
    let names = |files: &[(&str, &str)]| ambiguous(&[one.clone(), library("two", files)]).len();
    assert_eq!(names(&[("", "pub struct Other; struct Plan;")]), 0, "what is private is nobody's concern");
    assert_eq!(names(&[("", "mod a;"), ("a", "pub struct Plan;")]), 0, "nor what nobody can name");
    assert_eq!(names(&[("", "pub use one::Plan;")]), 0, "the same thing by two ways");
    assert_eq!(names(&[("", "mod a; pub use a::Plan as Other;"), ("a", "pub struct Plan;")]), 0, "by another name");
    for (what, files) in [
        ("a type", &[("", "pub enum Plan {}")][..]),
        ("a trait", &[("", "pub trait Plan {}")]),
        ("a function", &[("", "pub fn Plan() {}")]),
        ("a constant", &[("", "pub const Plan: u8 = 0;")]),
        ("another name of a type", &[("", "pub type Plan = u8;")]),
        ("in a module", &[("", "pub mod a;"), ("a", "pub struct Plan;")]),
        ("taken out of one", &[("", "mod a; pub use a::Plan;"), ("a", "pub struct Plan;")]),
        ("with all that is there", &[("", "mod a; pub use a::*;"), ("a", "pub struct Plan;")]),
        ("twice", &[("", "mod a; pub use a::Plan;"), ("a", "mod b; pub use b::Plan;"), ("a::b", "pub struct Plan;")]),
        ("by that name", &[("", "mod a; pub use crate::a::Other as Plan;"), ("a", "pub struct Other;")]),
    ] {
        assert_eq!(names(files), 1, "{what}");
    }
}
