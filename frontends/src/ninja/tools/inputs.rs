//! What targets are made from, directly or not: `inputs` of all of them together, `multi-inputs` of each.

use alacarte_stores::bytes_of;

use super::graph_tool::Graph;
use super::options::Known;
use super::{Call, ToolError};
use crate::ninja::eval::quote;

const INPUTS: &str = "\
usage: ninja -t inputs [options] [targets]

Lists all that the targets are made from, quoted for the shell and in the order of the alphabet.
Names of phony edges and validations are left out.

options:
  -h, --help              show this text
  -0, --print0            end each line with a zero byte instead of a newline
  -E, --no-shell-escape   do not quote for the shell
  -d, --dependency-order  list each file after those that it is made from
";

const MULTI_INPUTS: &str = "\
usage: ninja -t multi-inputs [options] [targets]

Lists for each target all that it is made from, each file after those that it is made from:
<target> <delimiter> <input> <terminator>

options:
  -h, --help             show this text
  -d, --delimiter=DELIM  put DELIM between target and input instead of a tab
  -0, --print0           end each line with a zero byte instead of a newline
";

const HELP: Known = Known::long('h', "help");
const PRINT0: Known = Known::long('0', "print0");

pub(super) fn inputs(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let known = [HELP, PRINT0, Known::long('E', "no-shell-escape"), Known::long('d', "dependency-order")];
    call.of_targets(&known, INPUTS, |call, given, graph, targets| {
        let shown = |path: &str| {
            let mut text = String::new();
            if given.has('E') {
                text.push_str(path)
            } else {
                quote(path, &mut text)
            }
            text
        };
        let mut lines: Vec<String> = below(graph, targets).into_iter().map(shown).collect();
        if !given.has('d') {
            lines.sort_by(|a, b| bytes_of(a).cmp(&bytes_of(b)));
        }
        let end = if given.has('0') { '\0' } else { '\n' };
        for line in lines {
            call.write(&format!("{line}{end}"))?;
        }
        Ok(0)
    })
}

pub(super) fn multi_inputs(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let known = [HELP, PRINT0, Known { letter: 'd', long: Some("delimiter"), valued: true }];
    call.of_targets(&known, MULTI_INPUTS, |call, given, graph, targets| {
        let (delimiter, end) = (given.value('d').unwrap_or("\t"), if given.has('0') { '\0' } else { '\n' });
        for &target in targets {
            let path = graph.node(target).path;
            for input in below(graph, &[target]) {
                call.write(&format!("{path}{delimiter}{input}{end}"))?;
            }
        }
        Ok(0)
    })
}

/// What the targets are made from, each after what it is made from itself; but no names that phony edges give. (A target is among them if
/// another is made from it.)
fn below<'m>(graph: &Graph<'m>, targets: &[usize]) -> Vec<&'m str> {
    let mut seen = vec![false; graph.len()];
    let mut found = Vec::new();
    for &target in targets {
        for &input in graph.inputs_of(target) {
            graph.below(input, &mut seen, |node| {
                if graph.maker(node).is_none_or(|edge| !edge.is_phony()) {
                    found.push(graph.node(node).path);
                }
            });
        }
    }
    found
}
