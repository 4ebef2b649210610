//! What would be run: `commands` for a shell; `compdb` and `compdb-targets` for tools that analyse sources, in the format of Clang's JSON
//! compilation database.

use std::collections::HashSet;
use std::fmt::Write as _;

use alacarte_stores::{bytes_of, text_of_path};

use super::graph_tool::Graph;
use super::options::Known;
use super::{Call, NINJA, ToolError};
use crate::ninja::manifest::Edge;

const COMMANDS: &str = "\
usage: ninja -t commands [options] [targets]

options:
  -s     only print the final command to build [target], not the whole chain
";

const COMPDB: &str = "\
usage: ninja -t compdb [options] [rules]

options:
  -x     expand @rspfile style response file invocations
";

const COMPDB_TARGETS: &str = "\
usage: ninja -t compdb [-hx] target [targets]

options:
  -h     display this help message
  -x     expand @rspfile style response file invocations
";

pub(super) fn commands(call: &mut Call<'_>) -> Result<u8, ToolError> {
    call.of_targets(&[Known::letter('h'), Known::letter('s')], COMMANDS, |call, given, graph, targets| {
        let edges = match given.has('s') {
            false => graph.commands(targets),
            true => {
                let makers = targets.iter().filter_map(|&target| graph.node(target).maker);
                let mut seen = HashSet::new();
                makers.filter(|&maker| !graph.edge(maker).is_phony() && seen.insert(maker)).collect()
            }
        };
        for edge in edges {
            call.write(&format!("{}\n", graph.edge(edge).command))?;
        }
        Ok(0)
    })
}

pub(super) fn compdb(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h'), Known::letter('x')], COMPDB)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let manifest = call.manifest()?;
    let rules = &given.operands;
    let edges = manifest.edges.iter().filter(|edge| rules.is_empty() || rules.contains(&edge.rule));
    database(call, edges, given.has('x'))
}

pub(super) fn compdb_targets(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h'), Known::letter('x')], COMPDB_TARGETS)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    // (Ninja reads the manifest before it looks at what a tool is given.)
    let manifest = call.manifest()?;
    if given.operands.is_empty() {
        call.error("compdb-targets expects the name of at least one target")?;
        call.write(COMPDB_TARGETS)?;
        return Ok(1);
    }
    let graph = Graph::of(&manifest);
    let mut targets = Vec::new();
    for name in &given.operands {
        let target = graph.target(name).and_then(|target| {
            let no_output = format!("'{name}' is not a target (i.e. it is not an output of any `build` statement)");
            graph.node(target).maker.map(|_| target).ok_or(no_output)
        });
        match target {
            Ok(target) => targets.push(target),
            Err(error) => {
                call.said.write_all(&bytes_of(&format!("{NINJA}: fatal: {error}\n")))?;
                return Ok(1);
            }
        }
    }
    let edges = graph.commands(&targets);
    database(call, edges.into_iter().map(|edge| graph.edge(edge)), given.has('x'))
}

/// Writes the edges as a database. (One without inputs compiles no file.)
fn database<'e>(call: &mut Call<'_>, edges: impl Iterator<Item = &'e Edge>, expand: bool) -> Result<u8, ToolError> {
    let directory = &call.session.directory;
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.clone());
    let directory = json(&text_of_path(&directory));
    call.write("[")?;
    let mut before = "\n";
    for edge in edges {
        let (Some(file), Some(output)) = (edge.all_inputs().next(), edge.outputs.first()) else { continue };
        let command = if expand { with_response(edge) } else { edge.command.clone() };
        let entry = [("directory", directory.clone()), ("command", json(&command)), ("file", json(file))];
        let mut text = format!("{before}  {{\n");
        for (name, value) in entry {
            let _ = writeln!(text, "    \"{name}\": \"{value}\",");
        }
        let _ = write!(text, "    \"output\": \"{}\"\n  }}", json(output));
        call.write(&text)?;
        before = ",\n";
    }
    call.write("\n]\n")?;
    Ok(0)
}

/// A text between the quotes of JSON. Bytes that are no UTF-8 stay as they are, as ninja has them.
fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '"' | '\\' => escaped.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(escaped, "\\u{:04x}", control as u32);
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// The command, with what the response file says in the place of its name: behind an `@`, or an option that stands at the very beginning.
fn with_response(edge: &Edge) -> String {
    let Some(response) = &edge.rspfile else { return edge.command.clone() };
    let command = &edge.command;
    let Some(at) = command.find(&response.path).filter(|&at| at > 0) else { return command.clone() };
    let before = &command[..at];
    let names = ["@", "--option-file=", "-f "];
    let Some(name) = names.into_iter().find(|name| {
        // Of an option, ninja looks at the first place only.
        before.ends_with(name) && (*name == "@" || command.find(name) == Some(at - name.len()))
    }) else {
        return command.clone();
    };
    let content = response.content.replace('\n', " ");
    format!("{}{content}{}", &before[..at - name.len()], &command[at + response.path.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ninja::parse_str;

    #[test]
    fn what_json_does_not_allow_is_escaped() {
        assert_eq!(
            json("a\"b\\c\u{8}\u{c}\n\r\t\u{1}\u{1f}é\u{7f}"),
            "a\\\"b\\\\c\\b\\f\\n\\r\\t\\u0001\\u001fé\u{7f}"
        );
    }

    #[test]
    fn a_response_file_is_put_in_the_place_of_its_name() {
        let expanded = |command: &str| {
            let rule = format!("rule r\n  command = {command}\n  rspfile = x.rsp\n  rspfile_content = $in_newline z\n");
            let manifest = parse_str("build.ninja", &format!("{rule}build o: r a b\n")).expect("it parses");
            with_response(&manifest.edges[0])
        };
        assert_eq!(expanded("ld @x.rsp -o $out"), "ld a b z -o o");
        assert_eq!(expanded("ld --option-file=x.rsp -o $out"), "ld a b z -o o");
        assert_eq!(expanded("ld -f x.rsp -o $out"), "ld a b z -o o");
        for as_it_is in ["x.rsp @x.rsp", "ld x.rsp @x.rsp", "ld -f y -f x.rsp", "ld y"] {
            assert_eq!(expanded(as_it_is), as_it_is);
        }
    }
}
