//! The manifest as a graph: every file that it names has a number, and knows who makes it and who uses it.

use std::collections::HashMap;

use super::did_you_mean;
use crate::commands::canonicalise;
use crate::ninja::manifest::{Edge, Manifest};

/// The graph of a manifest.
pub(super) struct Graph<'m> {
    pub(super) manifest: &'m Manifest,
    numbers: HashMap<&'m str, usize>,
    nodes: Vec<Node<'m>>,
    links: Vec<Links>,
}

/// A file.
pub(super) struct Node<'m> {
    pub(super) path: &'m str,
    /// The edge that makes it.
    pub(super) maker: Option<usize>,
    /// The edges that use it, as often as each names it.
    pub(super) users: Vec<usize>,
    /// The edges that it validates.
    pub(super) validates: Vec<usize>,
    /// What was first recorded to have read it.
    reader: Option<usize>,
}

/// What an edge names, by number.
#[derive(Default)]
struct Links {
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl<'m> Graph<'m> {
    pub(super) fn of(manifest: &'m Manifest) -> Self {
        let links = Vec::with_capacity(manifest.edges.len());
        let mut graph = Graph { manifest, numbers: HashMap::new(), nodes: Vec::new(), links };
        for (number, edge) in manifest.edges.iter().enumerate() {
            let outputs = edge.outputs.iter().map(|path| graph.number(path)).collect();
            let inputs = edge.all_inputs().map(|path| graph.number(path)).collect();
            let links = Links { inputs, outputs };
            for &output in &links.outputs {
                graph.nodes[output].maker = Some(number);
            }
            for &input in &links.inputs {
                graph.nodes[input].users.push(number);
            }
            for path in &edge.validations {
                let validation = graph.number(path);
                graph.nodes[validation].validates.push(number);
            }
            graph.links.push(links);
        }
        graph
    }

    fn number(&mut self, path: &'m str) -> usize {
        *self.numbers.entry(path).or_insert_with(|| {
            let (users, validates) = (Vec::new(), Vec::new());
            self.nodes.push(Node { path, maker: None, users, validates, reader: None });
            self.nodes.len() - 1
        })
    }

    /// Adds a file that this output was recorded to have read.
    pub(super) fn add_recorded(&mut self, output: usize, path: &'m str) {
        let number = self.number(path);
        self.nodes[number].reader.get_or_insert(output);
    }

    pub(super) fn node(&self, number: usize) -> &Node<'m> {
        &self.nodes[number]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The number of this very path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.numbers.get(path).copied()
    }

    pub(super) fn edge(&self, number: usize) -> &'m Edge {
        &self.manifest.edges[number]
    }

    /// The edge that makes a file.
    pub(super) fn maker(&self, node: usize) -> Option<&'m Edge> {
        self.nodes[node].maker.map(|maker| self.edge(maker))
    }

    /// All inputs of an edge: the explicit, the implicit, the order-only ones.
    pub(super) fn inputs(&self, edge: usize) -> &[usize] {
        &self.links[edge].inputs
    }

    pub(super) fn outputs(&self, edge: usize) -> &[usize] {
        &self.links[edge].outputs
    }

    /// The inputs of the edge that makes a file.
    pub(super) fn inputs_of(&self, node: usize) -> &[usize] {
        self.nodes[node].maker.map_or(&[], |maker| self.inputs(maker))
    }

    /// The file that a target names; `a^` is the first output of what uses `a`. What is wrong with it, in ninja's words.
    pub(super) fn target(&self, name: &str) -> Result<usize, String> {
        if name.is_empty() {
            return Err("empty path".into());
        }
        let path = canonicalise(name);
        let (path, made_of) = path.strip_suffix('^').map_or((&*path, false), |path| (path, true));
        let Some(number) = self.find(path) else {
            let hint = match path {
                "clean" => ", did you mean 'ninja -t clean'?".into(),
                "help" => ", did you mean 'ninja -h'?".into(),
                _ => did_you_mean(path, self.nodes.iter().map(|node| node.path)),
            };
            return Err(format!("unknown target '{path}'{hint}"));
        };
        if !made_of {
            return Ok(number);
        }
        let node = &self.nodes[number];
        let first = node.users.first().and_then(|&user| self.outputs(user).first().copied()).or(node.reader);
        first.ok_or_else(|| format!("'{path}' has no out edge"))
    }

    /// The files that these targets name, or what is built when nothing is asked for.
    pub(super) fn targets(&self, names: &[String]) -> Result<Vec<usize>, String> {
        if !names.is_empty() {
            return names.iter().map(|name| self.target(name)).collect();
        }
        let defaults: Vec<usize> =
            self.manifest.targets_by_default().into_iter().filter_map(|path| self.find(path)).collect();
        if defaults.is_empty() && !self.manifest.edges.is_empty() {
            return Err("could not determine root nodes of build graph".into());
        }
        Ok(defaults)
    }

    /// The file and all below it that was not seen yet, each after what it is made from.
    pub(super) fn below(&self, node: usize, seen: &mut [bool], mut each: impl FnMut(usize)) {
        if std::mem::replace(&mut seen[node], true) {
            return;
        }
        let mut open = vec![(node, 0)];
        while let Some((node, next)) = open.last_mut() {
            match self.inputs_of(*node).get(*next) {
                Some(&input) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[input], true) {
                        open.push((input, 0));
                    }
                }
                None => {
                    each(*node);
                    open.pop();
                }
            }
        }
    }

    /// The edges that run a command to make these files, each after those that make what it needs.
    pub(super) fn commands(&self, targets: &[usize]) -> Vec<usize> {
        let mut seen = vec![false; self.len()];
        let (mut found, mut known) = (Vec::new(), vec![false; self.links.len()]);
        for &target in targets {
            self.below(target, &mut seen, |node| {
                let maker = self.nodes[node].maker.filter(|&maker| !self.edge(maker).is_phony());
                found.extend(maker.filter(|&maker| !std::mem::replace(&mut known[maker], true)));
            });
        }
        found
    }
}
