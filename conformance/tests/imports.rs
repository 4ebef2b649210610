//! Imports run one way: what a module names never leads back to it, and what the modules of a room name never leads back to
//! the room. So each file can be read when those that it stands on have been. And a file name stands for one thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, UseTree};

type Module = Vec<String>;

/// Which modules of its crate each module names. (What lies in a module, or around it, belongs to it.)
type Names = BTreeMap<Module, BTreeSet<Module>>;

/// Collects the paths that a file names.
struct Paths {
    at: Module,
    named: BTreeSet<Module>,
}

impl Paths {
    /// A path that begins at the crate, at this module or at the one around it.
    fn meet(&mut self, path: &[String]) {
        let mut base = self.at.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => (base, rest) = (Module::new(), &path[1..]),
            Some("self") => rest = &path[1..],
            Some("super") => {
                while let [first, more @ ..] = rest
                    && first == "super"
                {
                    base.pop();
                    rest = more;
                }
            }
            _ => return,
        }
        base.extend(rest.iter().cloned());
        self.named.insert(base);
    }

    fn meet_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.meet_tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.meet_tree(before, tree)),
            UseTree::Name(name) => self.meet(&with(&name.ident)),
            UseTree::Rename(rename) => self.meet(&with(&rename.ident)),
            UseTree::Glob(_) => self.meet(before),
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(module) if is_for_tests(&module.attrs) => {}
            Item::Use(import) if is_for_tests(&import.attrs) => {}
            Item::Use(import) => self.meet_tree(&[], &import.tree),
            item => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.meet(&segments);
        visit::visit_path(self, path);
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            all.push(path);
        }
    }
    all
}

fn module(source: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(source).expect("it lies there").with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    module
}

/// What each module names: the texts of a crate, by module.
fn names(texts: &BTreeMap<Module, String>) -> Names {
    let names = |(at, text): (&Module, &String)| {
        let file: File = syn::parse_file(text).unwrap_or_else(|error| panic!("{at:?}: {error}"));
        let mut paths = Paths { at: at.clone(), named: BTreeSet::new() };
        paths.visit_file(&file);
        let module = |path: &Module| {
            (1..=path.len()).rev().find(|&n| texts.contains_key(&path[..n])).map(|n| path[..n].to_vec())
        };
        let apart = |other: &Module| !at.starts_with(other) && !other.starts_with(at);
        (at.clone(), paths.named.iter().filter_map(module).filter(apart).collect())
    };
    texts.iter().map(names).collect()
}

/// The modules, or the rooms of modules, that lead back to themselves.
fn circles(names: &Names) -> Vec<Vec<String>> {
    let all = names.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.join("::"), to.join("::"))));
    let room = |module: &Module| module.first().cloned().unwrap_or_default();
    let rooms = names.iter().flat_map(|(from, to)| to.iter().map(move |to| (room(from), room(to))));
    let graphs: [BTreeSet<(String, String)>; 2] = [all.collect(), rooms.filter(|(from, to)| from != to).collect()];
    let mut found: Vec<Vec<String>> = Vec::new();
    for edges in &graphs {
        let graph: DiGraphMap<&str, ()> = edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        let circles = tarjan_scc(&graph).into_iter().filter(|component| component.len() > 1);
        found.extend(circles.map(|mut component| {
            component.sort_unstable();
            component.into_iter().map(str::to_owned).collect()
        }));
    }
    found
}

/// Where the sources of each crate are.
fn crates() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = std::fs::read_dir(&workspace).expect("the workspace");
    let members = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.join("Cargo.toml").exists());
    let inside = |path: PathBuf| Some(path.join("src")).filter(|source| source.is_dir()).unwrap_or(path);
    let crates: Vec<PathBuf> = members.map(inside).collect();
    assert!(crates.len() > 8, "{crates:?}");
    crates
}

#[test]
fn a_file_name_stands_for_one_thing() {
    // (A file of the command has the name of what a user calls, which may be that of what it calls in turn.)
    let files = crates().into_iter().filter(|source| !source.ends_with("cli/src")).flat_map(|source| sources(&source));
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if !["mod.rs", "lib.rs", "main.rs"].contains(&name.as_str()) {
            places.entry(name).or_default().push(file);
        }
    }
    assert!(places.len() > 250, "{} names", places.len());
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "a reader who looks for one finds another: {places:#?}");
}

#[test]
fn no_imports_run_in_circles() {
    for source in crates() {
        let text = |file: &PathBuf| std::fs::read_to_string(file).expect("a source file");
        let texts = sources(&source).iter().map(|file| (module(&source, file), text(file))).collect();
        let names = names(&texts);
        assert!(names.len() > 3, "{}: {} modules", source.display(), names.len());
        assert_eq!(circles(&names), Vec::<Vec<String>>::new(), "in {}", source.display());
    }
}

#[test]
fn a_circle_of_imports_is_seen() {
    let crate_of = |files: &[(&str, &str)]| {
        let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        circles(&names(&files.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect()))
    };
    let one_way = [("", "mod a; mod b;"), ("a", "use crate::b::B; pub struct A;"), ("b", "pub struct B;")];
    assert_eq!(crate_of(&one_way), Vec::<Vec<String>>::new());
    for back in
        ["use crate::a::A;", "use super::a;", "use super::{a::A};", "fn f(_: crate::a::A) {}", "use crate::a::*;"]
    {
        let circle = [one_way[0], one_way[1], ("b", back)];
        // Two modules, which are two rooms.
        assert_eq!(crate_of(&circle).len(), 2, "{back}");
        let in_tests = format!("#[cfg(test)] mod tests {{ {back} }}");
        assert_eq!(crate_of(&[one_way[0], one_way[1], ("b", &in_tests)]), Vec::<Vec<String>>::new(), "{back}");
    }
    let rooms = [("a::x", "use crate::b::y::Y;"), ("a::z", ""), ("b::y", ""), ("b::w", "use crate::a::z::Z;")];
    assert_eq!(crate_of(&rooms), [["a", "b"]], "no module leads back to itself, but each room does");
}
