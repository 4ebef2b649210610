//! What a manifest says: `rules`, `targets`, and `query` about one file.

use std::collections::BTreeSet;

use alacarte_stores::bytes_of;

use super::graph_tool::Graph;
use super::options::Known;
use super::recorded::Recorded;
use super::{Call, ToolError, did_you_mean};

const RULES: &str = "\
usage: ninja -t rules [options]

options:
  -d     also print the description of the rule
  -h     print this message
";

pub(super) fn rules(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h'), Known::letter('d')], RULES)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    for (name, description) in call.manifest()?.rules {
        let description = description.filter(|_| given.has('d')).map(|text| format!(": {text}"));
        call.write(&format!("{name}{}\n", description.unwrap_or_default()))?;
    }
    Ok(0)
}

/// How targets are listed.
const MODES: [&str; 3] = ["rule", "depth", "all"];

pub(super) fn targets(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest()?;
    let graph = Graph::of(&manifest);
    let arguments = std::mem::take(&mut call.arguments);
    let mode = arguments.first().map_or("depth", String::as_str);
    match mode {
        "rule" => match arguments.get(1).filter(|rule| !rule.is_empty()) {
            Some(rule) => {
                let edges = manifest.edges.iter().filter(|edge| edge.rule == *rule);
                let outputs = edges.flat_map(|edge| edge.outputs.iter().map(|path| bytes_of(path)));
                for output in outputs.collect::<BTreeSet<_>>() {
                    call.out.write_all(&output)?;
                    call.write("\n")?;
                }
            }
            None => {
                let inputs = manifest.edges.iter().flat_map(|edge| edge.all_inputs());
                let sources = inputs.filter(|path| graph.find(path).is_some_and(|node| graph.maker(node).is_none()));
                for source in sources {
                    call.write(&format!("{source}\n"))?;
                }
            }
        },
        "depth" => {
            let depth = arguments.get(1).map_or(1, |depth| number(depth));
            let roots = manifest.roots();
            if roots.is_empty() && !manifest.edges.is_empty() {
                return call.refuse("could not determine root nodes of build graph");
            }
            outline(call, &graph, roots.into_iter().filter_map(|root| graph.find(root)).collect(), depth)?;
        }
        "all" => {
            for edge in &manifest.edges {
                for output in &edge.outputs {
                    call.write(&format!("{output}: {}\n", edge.rule))?;
                }
            }
        }
        unknown => {
            let hint = did_you_mean(unknown, MODES.into_iter());
            return call.refuse(&format!("unknown target tool mode '{unknown}'{hint}"));
        }
    }
    Ok(0)
}

/// The number at the beginning of a text, 0 if there is none.
fn number(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |rest| (-1, rest));
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    sign * digits[..end].parse::<i64>().unwrap_or(0)
}

/// The files with what they are made from beneath, so many levels deep; to the sources if that is no level.
fn outline(call: &mut Call<'_>, graph: &Graph<'_>, roots: Vec<usize>, depth: i64) -> Result<(), ToolError> {
    let mut open = vec![(roots.as_slice(), 0)];
    while let Some((level, next)) = open.last_mut() {
        let Some(&node) = level.get(*next) else {
            open.pop();
            continue;
        };
        *next += 1;
        let (indent, path) = (open.len() - 1, graph.node(node).path);
        let rule = graph.maker(node).map_or(String::new(), |edge| format!(": {}", edge.rule));
        call.write(&format!("{:1$}{path}{rule}\n", "", 2 * indent))?;
        if depth <= 0 || (open.len() as i64) < depth {
            open.push((graph.inputs_of(node), 0));
        }
    }
    Ok(())
}

pub(super) fn query(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest_with_dyndeps()?;
    let names = std::mem::take(&mut call.arguments);
    if names.is_empty() {
        return call.refuse("expected a target to query");
    }
    let recorded = Recorded::of(call.session, &manifest)?;
    let graph = recorded.graph(&manifest);
    for name in names {
        let node = match graph.target(&name) {
            Ok(node) => graph.node(node),
            Err(error) => return call.refuse(&error),
        };
        let mut text = format!("{}:\n", node.path);
        let mut line = |indent: usize, line: &str| text.push_str(&format!("{:1$}{line}\n", "", 2 * indent));
        if let Some(edge) = node.maker.map(|maker| graph.edge(maker)) {
            line(1, &format!("input: {}", edge.rule));
            for (kind, paths) in [("", &edge.inputs), ("| ", &edge.implicit), ("|| ", &edge.order_only)] {
                paths.iter().for_each(|path| line(2, &format!("{kind}{path}")));
            }
            if !edge.validations.is_empty() {
                line(1, "validations:");
                edge.validations.iter().for_each(|path| line(2, path));
            }
        }
        line(1, "outputs:");
        let outputs = |edges: &[usize]| edges.iter().flat_map(|&edge| &graph.edge(edge).outputs).collect::<Vec<_>>();
        outputs(&node.users).into_iter().for_each(|path| line(2, path));
        if !node.validates.is_empty() {
            line(1, "validation for:");
            outputs(&node.validates).into_iter().for_each(|path| line(2, path));
        }
        call.write(&text)?;
    }
    Ok(0)
}
