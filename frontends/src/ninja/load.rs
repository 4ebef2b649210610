//! From the top file to the whole manifest: which files are read, in which scope, and the last step when all of them
//! have been: expanding every edge's rule.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::ParseError;
use super::eval::Names;
use super::manifest::{Edge, Manifest};
use super::parse::Parser;
use super::scope::{Bindings, Mark, RuleId, ScopeId, Scopes};
use super::source::Source;

/// Loads the manifest `file` and what it includes. All these paths are relative to `dir`.
pub fn load(dir: &Path, file: &Path) -> Result<Manifest, ParseError> {
    load_with(file, &mut |path| std::fs::read_to_string(dir.join(path)))
}

/// Loads a manifest given as text; an `include` finds no file.
pub fn parse_str(name: &str, text: &str) -> Result<Manifest, ParseError> {
    load_with(Path::new(name), &mut |path| {
        if path == Path::new(name) {
            return Ok(text.to_owned());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
    })
}

/// Loads the manifest `file`, reading it and what it includes with `read`.
pub fn load_with(file: &Path, read: &mut dyn FnMut(&Path) -> io::Result<String>) -> Result<Manifest, ParseError> {
    let mut loader = Loader {
        read,
        sources: Vec::new(),
        by_path: HashMap::new(),
        open: Vec::new(),
        scopes: Scopes::new(),
        edges: Vec::new(),
        origins: Vec::new(),
        producers: HashMap::new(),
        inputs: (0, HashSet::new()),
        pools: BTreeMap::from([("console".to_owned(), (1, None))]),
        defaults: Vec::new(),
    };
    loader.file(file, Scopes::ROOT, None)?;
    loader.finish()
}

/// Deep enough for every generator; not for one that includes itself under ever new names.
const NESTING: usize = 200;

/// Everything known while files are read.
pub(super) struct Loader<'r> {
    read: &'r mut dyn FnMut(&Path) -> io::Result<String>,
    sources: Vec<Rc<Source>>,
    by_path: HashMap<PathBuf, usize>,
    /// The files being read, each included by the one before.
    open: Vec<usize>,
    pub(super) scopes: Scopes,
    pub(super) edges: Vec<Edge>,
    /// For each edge, what its rule must still be expanded with.
    pub(super) origins: Vec<Origin>,
    pub(super) producers: HashMap<String, usize>,
    /// The inputs of so many edges; only filled when a `default` is not an output.
    inputs: (usize, HashSet<String>),
    /// Each pool's depth, and where it is defined.
    pub(super) pools: BTreeMap<String, (usize, Option<Mark>)>,
    pub(super) defaults: Vec<String>,
}

/// Where an edge comes from.
pub(super) struct Origin {
    pub(super) scope: ScopeId,
    pub(super) rule: RuleId,
    /// The bindings under the build statement.
    pub(super) own: Bindings,
    pub(super) mark: Mark,
}

impl Loader<'_> {
    /// Reads a file's statements into a scope. `from` is the statement that asks for it.
    pub(super) fn file(&mut self, path: &Path, scope: ScopeId, from: Option<Mark>) -> Result<(), ParseError> {
        let file = self.source(path, from)?;
        if let Some(from) = from {
            self.check_nesting(file, from)?;
        }
        self.open.push(file);
        let source = Rc::clone(&self.sources[file]);
        Parser::new(self, &source, file, scope).statements()?;
        self.open.pop();
        Ok(())
    }

    /// The number of a file, which is read if it has not been.
    fn source(&mut self, path: &Path, from: Option<Mark>) -> Result<usize, ParseError> {
        if let Some(&file) = self.by_path.get(path) {
            return Ok(file);
        }
        let text = (self.read)(path).map_err(|error| ParseError::Unreadable {
            file: path.to_owned(),
            from: from.map(|mark| self.source_of(mark).place(mark.offset)),
            error,
        })?;
        let file = self.sources.len();
        self.by_path.insert(path.to_owned(), file);
        self.sources.push(Rc::new(Source { path: path.to_owned(), text }));
        Ok(file)
    }

    fn check_nesting(&self, file: usize, from: Mark) -> Result<(), ParseError> {
        if let Some(first) = self.open.iter().position(|&open| open == file) {
            let cycle = self.open[first..].iter().chain([&file]);
            return Err(ParseError::IncludeCycle {
                place: self.source_of(from).place(from.offset),
                files: cycle.map(|&f| self.sources[f].path.clone()).collect(),
            });
        }
        if self.open.len() >= NESTING {
            let explanation = format!("files include one another more than {NESTING} deep");
            return Err(self.source_of(from).error(from.offset, explanation));
        }
        Ok(())
    }

    pub(super) fn source_of(&self, mark: Mark) -> &Source {
        &self.sources[mark.file]
    }

    /// The error that what is defined at `mark` was defined before.
    pub(super) fn duplicate(&self, what: String, mark: Mark, first: Mark) -> ParseError {
        ParseError::Duplicate {
            place: self.source_of(mark).place(mark.offset),
            what,
            first: self.source_of(first).place(first.offset),
        }
    }

    /// Whether a build statement so far has the path among its outputs or inputs.
    pub(super) fn is_target(&mut self, path: &str) -> bool {
        if self.producers.contains_key(path) {
            return true;
        }
        let (counted, inputs) = &mut self.inputs;
        for edge in &self.edges[*counted..] {
            inputs.extend(edge.all_inputs().map(str::to_owned));
            inputs.extend(edge.validations.iter().cloned());
        }
        *counted = self.edges.len();
        inputs.contains(path)
    }

    /// The names in an edge's rule.
    pub(super) fn names(&self, edge: usize) -> Names<'_> {
        let origin = &self.origins[edge];
        Names {
            scopes: &self.scopes,
            scope: origin.scope,
            own: &origin.own,
            rule: self.scopes.rule(origin.rule),
            edge: &self.edges[edge],
        }
    }

    fn finish(mut self) -> Result<Manifest, ParseError> {
        for i in 0..self.edges.len() {
            if self.edges[i].is_phony() {
                continue;
            }
            let mark = self.origins[i].mark;
            let expanded =
                (self.names(i).expand()).map_err(|explanation| self.source_of(mark).error(mark.offset, explanation))?;
            let edge = &mut self.edges[i];
            edge.command = expanded.command;
            edge.description = expanded.description;
            edge.depfile = expanded.depfile;
            edge.deps = expanded.deps;
            edge.restat = expanded.restat;
            edge.generator = expanded.generator;
            edge.rspfile = expanded.rspfile;
        }
        let builddir = self.scopes.get(Scopes::ROOT, "builddir");
        Ok(Manifest {
            builddir: builddir.filter(|d| !d.is_empty()).map(str::to_owned),
            edges: self.edges,
            defaults: self.defaults,
            pools: (self.pools.into_iter()).map(|(name, (depth, _))| (name, depth)).collect(),
            files: self.sources.iter().map(|s| s.path.clone()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loads the first of some files, which may include the others.
    fn load_all(files: &[(&str, &str)]) -> Result<Manifest, ParseError> {
        load_with(Path::new(files[0].0), &mut |path| {
            (files.iter().find(|(name, _)| path == Path::new(name)))
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
        })
    }

    #[test]
    fn an_include_shares_the_scope() {
        let manifest = load_all(&[
            ("top", "x = 1\ndir = d\ninclude $dir/rules\nbuild a: r\ndefault a\n"),
            ("d/rules", "rule r\n  command = $x\nx = 2\n"),
        ])
        .expect("it loads");
        assert_eq!(manifest.edges[0].command, "2");
        assert_eq!(manifest.files, [Path::new("top"), Path::new("d/rules")]);
    }

    #[test]
    fn a_subninja_has_its_own_scope_inside() {
        let manifest = load_all(&[
            ("top", "x = 1\nrule r\n  command = $x\nsubninja sub\nbuild a: r\nbuilddir = out\n"),
            ("sub", "x = 2\nbuild b: r\nrule r\n  command = inner $x $y\nbuild c: r\nbuilddir = in\n"),
        ])
        .expect("it loads");
        let commands: Vec<_> = manifest.edges.iter().map(|e| e.command.as_str()).collect();
        assert_eq!(commands, ["2", "inner 2 ", "1"]);
        assert_eq!(manifest.edges[1].location.file, 1);
        assert_eq!(manifest.edges[2].location.line, 5);
        assert_eq!(manifest.builddir.as_deref(), Some("out"));
    }

    #[test]
    fn a_subninja_sees_the_outer_variables_as_they_end_up() {
        let manifest =
            load_all(&[("top", "rule r\n  command = $x\nx = 1\nsubninja sub\nx = 2\n"), ("sub", "build $x: r\n")])
                .expect("it loads");
        assert_eq!(manifest.edges[0].outputs, ["1"]);
        assert_eq!(manifest.edges[0].command, "2");
    }

    #[test]
    fn rules_of_a_subninja_stay_inside() {
        let error = load_all(&[("top", "subninja sub\nbuild a: r\n"), ("sub", "rule r\n  command = c\n")])
            .expect_err("r is not known in top");
        assert!(error.to_string().starts_with("top:2:10: unknown build rule 'r'"), "{error}");
    }

    #[test]
    fn a_file_included_twice_is_read_once_and_listed_once() {
        let manifest =
            load_all(&[("top", "v = 1\nsubninja sub\nv = 2\nsubninja sub\n"), ("sub", "build a$v: phony\n")])
                .expect("it loads");
        assert_eq!(manifest.roots(), ["a1", "a2"]);
        assert_eq!(manifest.files.len(), 2);
    }

    #[test]
    fn a_cycle_of_includes_is_named() {
        let error = load_all(&[("top", "include one\n"), ("one", "\nsubninja two\n"), ("two", "include one\n")])
            .expect_err("a cycle");
        assert!(matches!(error, ParseError::IncludeCycle { .. }));
        assert!(error.to_string().starts_with("two:1:9: include cycle: one -> two -> one\n"), "{error}");
        let mut read = |_: &Path| Ok("x = b/../$x\ninclude ${x}a\n".to_owned());
        let error = load_with(Path::new("a"), &mut read).expect_err("no end");
        assert!(error.to_string().contains("200 deep"), "{error}");
    }

    #[test]
    fn a_missing_file_names_who_wants_it() {
        let error = load_all(&[("top", "\ninclude $\n  none\n")]).expect_err("none");
        assert!(error.to_string().starts_with("cannot read none: no such file\nincluded at top:3:3\n"), "{error}");
        let error = load(Path::new("/nonexistent"), Path::new("build.ninja")).expect_err("none");
        assert!(error.place().is_none());
    }

    #[test]
    fn files_are_found_from_the_directory() {
        let dir = std::env::temp_dir().join(format!("alacarte-ninja-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("sub")).expect("a directory");
        std::fs::write(dir.join("build.ninja"), "subninja sub/b.ninja\n").expect("a file");
        std::fs::write(dir.join("sub/b.ninja"), "include sub/c.ninja\n").expect("a file");
        std::fs::write(dir.join("sub/c.ninja"), [0xff, b'\n']).expect("a file");
        let error = load(&dir, Path::new("build.ninja")).expect_err("not UTF-8");
        std::fs::remove_dir_all(&dir).expect("removed");
        let place = error.place().expect("who included it").to_string();
        assert_eq!(place, "sub/b.ninja:1:9");
    }

    #[test]
    fn two_producers_in_two_files() {
        let error = load_all(&[("top", "build a: phony\nsubninja sub\n"), ("sub", "\nbuild b ./a: phony\n")])
            .expect_err("a twice");
        let text = error.to_string();
        assert!(text.starts_with("sub:2:9: output 'a' is already defined at top:1:1\n"), "{text}");
    }
}
