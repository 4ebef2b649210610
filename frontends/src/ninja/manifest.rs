//! A manifest once read: edges with every variable expanded, and the few things said about the whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use alacarte_core::Fingerprint;
use alacarte_stores::CacheName;

/// The name of the rule which runs nothing: its edges only give names to their inputs.
pub(super) const PHONY: &str = "phony";

/// A `build.ninja` and all that it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The build statements, in the order in which they were read.
    pub edges: Vec<Edge>,
    /// The targets of `default` statements, in canonical form; empty when there is no such statement.
    pub defaults: Vec<String>,
    /// How many edges of each pool may run at once; 0 is no limit. `console` is always there, with depth 1.
    pub pools: BTreeMap<String, usize>,
    /// Where the build keeps its own files, if `builddir` says so.
    pub builddir: Option<String>,
    /// The rules that may be used at the end of the first file, with their descriptions as they are written (each variable as `${name}`).
    pub rules: BTreeMap<String, Option<String>>,
    /// The phony edges that name themselves as an input, by their outputs: there that input is left out.
    pub phony_cycles: Vec<String>,
    /// Every file read, named as it was asked for, the first the one given to [`load`](super::load()).
    pub files: Vec<PathBuf>,
    /// The same and the dyndep files, and what each of them said, if it was there.
    pub(super) texts: Vec<(PathBuf, Option<Fingerprint>)>,
}

/// One build statement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The name of its rule.
    pub rule: String,
    /// What it makes: the explicit outputs, then the implicit ones.
    pub outputs: Vec<String>,
    /// How many of the outputs are explicit (those in `$out`).
    pub explicit_outputs: usize,
    /// The explicit inputs (those in `$in`).
    pub inputs: Vec<String>,
    /// Inputs after `|`: a change rebuilds, but the command does not name them.
    pub implicit: Vec<String>,
    /// Inputs after `||`: they are built before, but their change does not rebuild.
    pub order_only: Vec<String>,
    /// Targets after `|@`: built whenever this edge is asked for, in no order with it.
    pub validations: Vec<String>,
    /// The command for the shell, expanded; empty for a phony edge.
    pub command: String,
    /// What to show while it runs.
    pub description: Option<String>,
    /// The file to which the command writes the dependencies it discovers.
    pub depfile: Option<String>,
    /// How discovered dependencies are reported.
    pub deps: Option<Deps>,
    /// The command may leave its outputs as they were; what needs them need not be built again then.
    pub restat: bool,
    /// The command regenerates the manifest; a change of the command alone does not rebuild.
    pub generator: bool,
    /// A file to write before the command runs, for arguments too long for the command line.
    pub rspfile: Option<RspFile>,
    /// The dyndep file that adds inputs and outputs to it; one of its inputs.
    pub dyndep: Option<String>,
    /// The pool it runs in.
    pub pool: Option<String>,
    /// The cache that a tool keeps for itself, of which the command is given a private copy; it finds the path in the environment, as
    /// `ALACARTE_TOOL_CACHE`. Not ninja's own: ninja ignores it under a build statement, and refuses it in a rule.
    pub tool_cache: Option<CacheName>,
    /// Where the build statement stands.
    pub location: Location,
}

/// How a command reports the dependencies it discovers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deps {
    /// In a file, as a rule of Make (`deps = gcc`).
    Gcc,
    /// In its output, a line for each, which is not shown (`deps = msvc`).
    Msvc {
        /// How these lines begin (`msvc_deps_prefix`).
        prefix: String,
    },
}

/// A response file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RspFile {
    /// Where to write it.
    pub path: String,
    /// What to write.
    pub content: String,
}

/// A line of one of the manifest's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Location {
    /// Which of [`Manifest::files`].
    pub file: usize,
    /// The line, from 1.
    pub line: usize,
}

impl Manifest {
    /// Whether the files from which it was read still say the same.
    pub(super) fn is_as_read(&self, directory: &Path) -> bool {
        still_say(directory, &self.texts)
    }

    /// Which edge makes each output.
    pub fn producers(&self) -> HashMap<&str, usize> {
        (self.edges.iter().enumerate())
            .flat_map(|(index, edge)| outputs(edge).map(move |output| (output, index)))
            .collect()
    }

    /// The outputs that are no edge's input (being a validation does not count), in the order of the manifest.
    pub fn roots(&self) -> Vec<&str> {
        let used: HashSet<&str> = self.edges.iter().flat_map(Edge::all_inputs).collect();
        (self.edges.iter().flat_map(outputs)).filter(|output| !used.contains(output)).collect()
    }

    /// What is built when nothing is asked for: the defaults, or else the roots.
    pub fn targets_by_default(&self) -> Vec<&str> {
        if self.defaults.is_empty() {
            return self.roots();
        }
        self.defaults.iter().map(String::as_str).collect()
    }
}

impl Edge {
    /// Whether it only names its inputs, and runs no command.
    pub fn is_phony(&self) -> bool {
        self.rule == PHONY
    }

    /// What must be up to date before it may run: explicit, implicit and order-only inputs.
    pub fn all_inputs(&self) -> impl Iterator<Item = &str> {
        (self.inputs.iter()).chain(&self.implicit).chain(&self.order_only).map(String::as_str)
    }
}

/// Whether each of these files still says this. (A pipe cannot be asked twice.)
pub(super) fn still_say(directory: &Path, texts: &[(PathBuf, Option<Fingerprint>)]) -> bool {
    texts.iter().all(|(path, text)| {
        let path = directory.join(path);
        let now = || std::fs::read(&path).ok().map(|now| Fingerprint::of_bytes(&now));
        path.exists() && !path.is_file() || now() == *text
    })
}

fn outputs(edge: &Edge) -> impl Iterator<Item = &str> {
    edge.outputs.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use crate::ninja::parse_str;

    const GRAPH: &str = "rule cc\n  command = cc\nbuild b | b2: cc a\nbuild c: cc b |@ d\nbuild d: phony || b\n";

    #[test]
    fn producers_and_roots() {
        let manifest = parse_str("build.ninja", GRAPH).expect("it parses");
        let producers = manifest.producers();
        assert_eq!((producers["b"], producers["b2"], producers["d"]), (0, 0, 2));
        assert!(!producers.contains_key("a"));
        assert_eq!(manifest.roots(), ["b2", "c", "d"]);
        assert_eq!(manifest.targets_by_default(), ["b2", "c", "d"]);
        assert!(manifest.edges[2].is_phony() && !manifest.edges[0].is_phony());
    }

    #[test]
    fn defaults_take_the_place_of_roots() {
        let text = format!("{GRAPH}default b\n");
        let manifest = parse_str("build.ninja", &text).expect("it parses");
        assert_eq!(manifest.targets_by_default(), ["b"]);
    }
}
