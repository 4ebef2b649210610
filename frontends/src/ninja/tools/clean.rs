//! Removing what was built: `clean` what this manifest's edges make, `cleandead` what edges of an earlier manifest made and none of today's does.

use std::collections::HashSet;
use std::io::ErrorKind;

use alacarte_stores::{SharedCache, path_of};

use super::graph_tool::Graph;
use super::options::Known;
use super::recorded::{Recorded, alone};
use super::{Call, ToolError};
use crate::commands::{Root, canonicalise};
use crate::ninja::manifest::{Edge, Manifest};

const CLEAN: &str = "\
usage: ninja -t clean [options] [targets]

options:
  -g     also clean files marked as ninja generator output
  -r     interpret targets as a list of rules to clean instead
";

pub(super) fn clean(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h'), Known::letter('g'), Known::letter('r')], CLEAN)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let manifest = call.manifest_with_dyndeps()?;
    if given.has('r') && given.operands.is_empty() {
        return call.refuse("expected a rule to clean");
    }
    let _turn = alone(call.session, &manifest)?;
    let mut cleaning = Cleaning::begin(call)?;
    if given.has('r') {
        for rule in &given.operands {
            cleaning.rule(&manifest, rule)?;
        }
    } else if given.operands.is_empty() {
        let edges = manifest.edges.iter().filter(|edge| !edge.is_phony() && (given.has('g') || !edge.generator));
        for edge in edges {
            cleaning.all_of(edge)?;
        }
    } else {
        let graph = Graph::of(&manifest);
        let mut seen = vec![false; graph.len()];
        for target in &given.operands {
            cleaning.target(&graph, target, &mut seen)?;
        }
    }
    let session = cleaning.call.session;
    // What was removed is to be made again, and not brought back. (What others use stays.)
    if !cleaning.call.dry && session.cache.starts_with(session.directory.join(&session.state)) {
        let _ = SharedCache::new(&session.cache).clear();
    }
    cleaning.end()
}

pub(super) fn clean_dead(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest_with_dyndeps()?;
    let _turn = alone(call.session, &manifest)?;
    let recorded = Recorded::of(call.session, &manifest)?;
    let root = Root::of(&call.session.directory);
    let known = manifest.edges.iter().flat_map(|edge| edge.outputs.iter().map(String::as_str).chain(edge.all_inputs()));
    let known: HashSet<_> = known.map(|path| root.local(path)).collect();
    let mut cleaning = Cleaning::begin(call)?;
    for made in recorded.made() {
        if !known.contains(made.as_str()) {
            cleaning.remove(made.as_str())?;
        }
    }
    cleaning.end()
}

/// Files being removed.
struct Cleaning<'c, 'd> {
    call: &'c mut Call<'d>,
    /// What was removed, or was not there.
    seen: HashSet<String>,
    removed: usize,
    failed: bool,
}

impl<'c, 'd> Cleaning<'c, 'd> {
    fn begin(call: &'c mut Call<'d>) -> Result<Self, ToolError> {
        call.write("Cleaning...")?;
        let files = Cleaning { call, seen: HashSet::new(), removed: 0, failed: false };
        files.call.write(if files.tells() { "\n" } else { " " })?;
        Ok(files)
    }

    fn end(self) -> Result<u8, ToolError> {
        self.call.write(&format!("{} files.\n", self.removed))?;
        Ok(u8::from(self.failed))
    }

    /// Whether each file is told of.
    fn tells(&self) -> bool {
        self.call.verbose || self.call.dry
    }

    fn tell(&mut self, what: &str, name: &str) -> Result<(), ToolError> {
        if self.tells() {
            self.call.write(&format!("{what} {name}\n"))?;
        }
        Ok(())
    }

    fn fail(&mut self, why: &str) -> Result<(), ToolError> {
        self.failed = true;
        self.call.error(why)
    }

    fn remove(&mut self, file: &str) -> Result<(), ToolError> {
        if !self.seen.insert(file.to_owned()) {
            return Ok(());
        }
        let path = self.call.session.directory.join(path_of(file));
        let done = match self.call.dry {
            true => std::fs::metadata(&path).map(drop),
            false => std::fs::symlink_metadata(&path).and_then(|there| match there.is_dir() {
                true => std::fs::remove_dir(&path),
                false => std::fs::remove_file(&path),
            }),
        };
        match done {
            Ok(()) => {
                self.removed += 1;
                self.tell("Remove", file)
            }
            Err(error) if self.call.dry || error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => {
                let why = error.to_string();
                self.fail(&format!("remove({file}): {}", why.split(" (os error").next().unwrap_or_default()))
            }
        }
    }

    /// Removes what an edge leaves beside its outputs.
    fn companions_of(&mut self, edge: &Edge) -> Result<(), ToolError> {
        edge.depfile.iter().chain(edge.rspfile.as_ref().map(|file| &file.path)).try_for_each(|file| self.remove(file))
    }

    fn all_of(&mut self, edge: &Edge) -> Result<(), ToolError> {
        edge.outputs.iter().try_for_each(|file| self.remove(file))?;
        self.companions_of(edge)
    }

    /// Removes what the edges of a rule make.
    fn rule(&mut self, manifest: &Manifest, rule: &str) -> Result<(), ToolError> {
        if !manifest.rules.contains_key(rule) {
            return self.fail(&format!("unknown rule '{rule}'"));
        }
        self.tell("Rule", rule)?;
        manifest.edges.iter().filter(|edge| edge.rule == rule).try_for_each(|edge| self.all_of(edge))
    }

    /// Removes a target, and all built files that it is made from.
    fn target(&mut self, graph: &Graph<'_>, target: &str, seen: &mut [bool]) -> Result<(), ToolError> {
        if target.is_empty() {
            return self.fail("failed to canonicalize '': empty path");
        }
        let target = canonicalise(target);
        let Some(node) = graph.find(&target) else { return self.fail(&format!("unknown target '{target}'")) };
        self.tell("Target", &target)?;
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            if let Some(edge) = graph.maker(node).filter(|edge| !edge.is_phony()) {
                self.remove(graph.node(node).path)?;
                self.companions_of(edge)?;
            }
            open.extend(graph.inputs_of(node).iter().rev());
        }
        Ok(())
    }
}
