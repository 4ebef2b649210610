//! What commands have said that they read: `deps` lists it, `missingdeps` finds files among it that commands make and for which the manifest has
//! nobody wait.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;

use alacarte_stores::{path_of, text_of};

use super::graph_tool::Graph;
use super::recorded::{Recorded, Run};
use super::{Call, ToolError};
use crate::commands::{canonicalise, parse_depfile};
use crate::ninja::manifest::{Deps, Edge};

pub(super) fn deps(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest()?;
    let recorded = Recorded::of(call.session, &manifest)?;
    let graph = recorded.graph(&manifest);
    let names = std::mem::take(&mut call.arguments);
    let found: HashMap<usize, &Run> = recorded.with_deps(&manifest, &graph).into_iter().collect();
    let nodes = if names.is_empty() {
        let edges = recorded.with_deps(&manifest, &graph).into_iter();
        edges.flat_map(|(edge, _)| graph.outputs(edge).to_vec()).collect()
    } else {
        match graph.targets(&names) {
            Ok(nodes) => nodes,
            Err(error) => return call.refuse(&error),
        }
    };
    for node in nodes {
        let path = graph.node(node).path;
        let run = graph.node(node).maker.and_then(|maker| Some((graph.edge(maker), *found.get(&maker)?)));
        let Some((edge, run)) = run else {
            call.write(&format!("{path}: deps not found\n"))?;
            continue;
        };
        let read = reported(&recorded, edge, run);
        let modified = modified(call, path);
        let state = if modified.is_none_or(|modified| modified > run.modified) { "STALE" } else { "VALID" };
        let mut text = format!("{path}: #deps {}, deps mtime {} ({state})\n", read.len(), run.modified);
        read.into_iter().for_each(|path| text.push_str(&format!("    {path}\n")));
        call.write(&format!("{text}\n"))?;
    }
    Ok(0)
}

/// What the command has said that it read. (Of inputs that the manifest declares, nobody has noted whether the command named them: a compiler's
/// depfile names its sources.)
fn reported<'r>(recorded: &Recorded, edge: &'r Edge, run: &'r Run) -> Vec<&'r str> {
    let declared: Vec<&str> = edge.inputs.iter().chain(&edge.implicit).map(String::as_str).collect();
    let sources = edge.inputs.iter().filter(|_| edge.deps == Some(Deps::Gcc)).map(String::as_str);
    let mut seen = HashSet::new();
    let all = sources.chain(recorded.discovered(run, &declared));
    all.filter(|path| seen.insert(*path)).collect()
}

/// When a file was modified, in nanoseconds; `None` if it is not there.
fn modified(call: &Call<'_>, path: &str) -> Option<u64> {
    let there = std::fs::metadata(call.session.directory.join(path_of(path))).ok()?;
    Some(there.mtime() as u64 * 1_000_000_000 + there.mtime_nsec() as u64)
}

/// The code of a tool that has found dependencies that are missing.
const MISSING: u8 = 3;

/// The manifest itself, of which all may depend: it is made before anything else.
const MANIFEST: &str = "build.ninja";

pub(super) fn missing_deps(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest()?;
    let recorded = Recorded::of(call.session, &manifest)?;
    let graph = recorded.graph(&manifest);
    let targets = match graph.targets(&std::mem::take(&mut call.arguments)) {
        Ok(targets) => targets,
        Err(error) => return call.refuse(&error),
    };
    let mut nodes = Vec::new();
    let mut seen = vec![false; graph.len()];
    for target in targets {
        graph.below(target, &mut seen, |node| nodes.extend(graph.node(node).maker.map(|maker| (node, maker))));
    }
    let mut by_key = HashMap::new();
    for number in 0..graph.len() {
        if graph.maker(number).is_some() {
            by_key.insert(recorded.local(graph.node(number).path), number);
        }
    }
    let (mut paths, mut lacking, mut generated, mut rules) = (0, 0, HashSet::new(), HashSet::new());
    let mut above = Above { seen: vec![0; manifest.edges.len()], round: 0 };
    for &(node, maker) in &nodes {
        let read = found(call, &recorded, &graph, maker);
        if read.iter().any(|path| path == MANIFEST) {
            continue;
        }
        let made: Vec<(&String, usize, usize)> = read
            .iter()
            .filter_map(|path| {
                let file = *by_key.get(&*recorded.local(path))?;
                Some((path, file, graph.node(file).maker?))
            })
            .collect();
        let unordered: BTreeSet<usize> = above.without_path(&graph, made.iter().map(|made| made.2).collect(), maker);
        if unordered.is_empty() {
            continue;
        }
        lacking += 1;
        let mut names = BTreeSet::new();
        for generator in unordered {
            let rule = graph.edge(generator).rule.as_str();
            for (path, file, _) in made.iter().filter(|made| made.2 == generator) {
                generated.insert(*file);
                names.insert(rule);
                let user = graph.node(node).path;
                call.write(&format!("Missing dep: {user} uses {path} (generated by {rule})\n"))?;
            }
        }
        paths += names.len();
        rules.extend(names);
    }
    call.write(&format!("Processed {} nodes.\n", nodes.len()))?;
    if lacking == 0 {
        call.write("No missing dependencies on generated files found.\n")?;
        return Ok(0);
    }
    let (generated, rules) = (generated.len(), rules.len());
    call.write(&format!(
        "Error: There are {paths} missing dependency paths.\n\
         {lacking} targets had depfile dependencies on {generated} distinct generated inputs (from {rules} rules)  \
         without a non-depfile dep path to the generator.\n\
         There might be build flakiness if any of the targets listed above are built alone, or not late enough, in a \
         clean output directory.\n"
    ))?;
    Ok(MISSING)
}

/// What the command of an edge has said that it read: by the journal, or by the depfile that it left.
fn found(call: &Call<'_>, recorded: &Recorded, graph: &Graph<'_>, maker: usize) -> Vec<String> {
    let edge = graph.edge(maker);
    if edge.deps.is_some() {
        let run = edge.outputs.first().and_then(|output| recorded.run(output));
        return run.map_or(Vec::new(), |run| reported(recorded, edge, run).into_iter().map(str::to_owned).collect());
    }
    let Some(depfile) = &edge.depfile else { return Vec::new() };
    let bytes = std::fs::read(call.session.directory.join(path_of(depfile))).unwrap_or_default();
    let entries = parse_depfile(&text_of(&bytes)).unwrap_or_default();
    entries.into_iter().flat_map(|entry| entry.inputs).map(|path| canonicalise(&path)).collect()
}

/// The edges from which a path leads to another, by what the manifest declares.
struct Above {
    /// In which round each edge was last seen.
    seen: Vec<usize>,
    round: usize,
}

impl Above {
    /// Those of the edges from which no path leads to `edge`.
    fn without_path(&mut self, graph: &Graph<'_>, mut edges: BTreeSet<usize>, edge: usize) -> BTreeSet<usize> {
        self.round += 1;
        let mut open = vec![edge];
        while let Some(edge) = open.pop() {
            for maker in graph.inputs(edge).iter().filter_map(|&input| graph.node(input).maker) {
                if edges.is_empty() {
                    return edges;
                }
                if std::mem::replace(&mut self.seen[maker], self.round) != self.round {
                    edges.remove(&maker);
                    open.push(maker);
                }
            }
        }
        edges
    }
}
