//! Everything known while files are read: sources, scopes, and the edges so far.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::eval::Names;
use super::manifest::Edge;
use super::parse_error::ParseError;
use super::source::Source;
use super::variables::{Bindings, Mark, RuleId, ScopeId, Scopes};
use rustc_hash::{FxHashMap, FxHashSet};

/// Deep enough for every generator; not for a manifest that includes itself under ever new names.
const NESTING: usize = 200;

/// Everything known while files are read.
pub(super) struct Loader<'r> {
    read: &'r mut dyn FnMut(&Path) -> io::Result<String>,
    pub(super) sources: Vec<Rc<Source>>,
    by_path: FxHashMap<PathBuf, usize>,
    /// The files being read, each included by the one before.
    pub(super) open: Vec<usize>,
    pub(super) scopes: Scopes,
    pub(super) edges: Vec<Edge>,
    /// For each edge, what its rule must still be expanded with.
    pub(super) origins: Vec<Origin>,
    pub(super) producers: FxHashMap<String, usize>,
    /// The inputs of so many edges; only filled when a `default` is not an output.
    inputs: (usize, FxHashSet<String>),
    /// Each pool's depth, and where it is defined.
    pub(super) pools: BTreeMap<String, (usize, Option<Mark>)>,
    pub(super) defaults: Vec<String>,
    pub(super) phony_cycles: Vec<String>,
}

/// Where an edge comes from.
pub(super) struct Origin {
    pub(super) scope: ScopeId,
    pub(super) rule: RuleId,
    /// The bindings under the build statement.
    pub(super) own: Bindings,
    pub(super) mark: Mark,
}

impl<'r> Loader<'r> {
    /// Nothing is known yet.
    pub(super) fn new(read: &'r mut dyn FnMut(&Path) -> io::Result<String>) -> Self {
        Loader {
            read,
            sources: Vec::new(),
            by_path: FxHashMap::default(),
            open: Vec::new(),
            scopes: Scopes::new(),
            edges: Vec::new(),
            origins: Vec::new(),
            producers: FxHashMap::default(),
            inputs: (0, FxHashSet::default()),
            pools: BTreeMap::from([("console".to_owned(), (1, None))]),
            defaults: Vec::new(),
            phony_cycles: Vec::new(),
        }
    }

    /// The number of a file, which is read if it has not been.
    pub(super) fn source(&mut self, path: &Path, from: Option<Mark>) -> Result<usize, ParseError> {
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

    pub(super) fn check_nesting(&self, file: usize, from: Mark) -> Result<(), ParseError> {
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
}
