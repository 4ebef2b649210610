//! The graph below some targets, for Graphviz.

use std::fmt::Write as _;

use super::graph_tool::Graph;
use super::{Call, ToolError};

const HEAD: &str = "\
digraph ninja {
rankdir=\"LR\"
node [fontsize=10, shape=box, height=0.25]
edge [fontsize=10]
";

pub(super) fn graph(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest_with_dyndeps()?;
    let graph = Graph::of(&manifest);
    let targets = match graph.targets(&std::mem::take(&mut call.arguments)) {
        Ok(targets) => targets,
        Err(error) => return call.refuse(&error),
    };
    call.write(HEAD)?;
    let (mut seen, mut drawn) = (vec![false; graph.len()], vec![false; manifest.edges.len()]);
    for target in targets {
        let mut open = vec![target];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            let path = graph.node(node).path.replace('\\', "/");
            call.write(&format!("\"{}\" [label=\"{path}\"]\n", name(node)))?;
            let Some(maker) = graph.node(node).maker else { continue };
            if !std::mem::replace(&mut drawn[maker], true) {
                call.write(&edge(&graph, maker))?;
                open.extend(graph.inputs(maker).iter().rev());
            }
        }
    }
    call.write("}\n")?;
    Ok(0)
}

/// An edge: an arrow if it leads from one file to one, else an ellipse with arrows.
fn edge(graph: &Graph<'_>, number: usize) -> String {
    let (edge, mut text) = (graph.edge(number), String::new());
    let (inputs, outputs) = (graph.inputs(number), graph.outputs(number));
    if let ([input], [output]) = (inputs, outputs) {
        let (input, output) = (name(*input), name(*output));
        // (The space before the label is ninja's.)
        let _ = writeln!(text, "\"{input}\" -> \"{output}\" [label=\" {}\"]", edge.rule);
        return text;
    }
    // Numbers of edges are those of files that are not there.
    let ellipse = format!("{:#x}", graph.len() + number + 1);
    let _ = writeln!(text, "\"{ellipse}\" [label=\"{}\", shape=ellipse]", edge.rule);
    for &output in outputs {
        let _ = writeln!(text, "\"{ellipse}\" -> \"{}\"", name(output));
    }
    let ordered = inputs.len() - edge.order_only.len();
    for (place, &input) in inputs.iter().enumerate() {
        let style = if place < ordered { "" } else { " style=dotted" };
        let _ = writeln!(text, "\"{}\" -> \"{ellipse}\" [arrowhead=none{style}]", name(input));
    }
    text
}

/// What a file is called in the graph. (Ninja names it by where it lies in memory.)
fn name(node: usize) -> String {
    format!("{:#x}", node + 1)
}
