//! An edge's rule, expanded: the command and its companions, with the edge's own names in them. This happens when all
//! files have been read, for a rule's variables mean what they mean *then*.
//!
//! A name in a rule is looked up in this order: `in`, `in_newline` and `out`, which nothing hides; the bindings under
//! the build statement; the rule itself, whose bindings may use one another; the file's scope and those around it.
//! One oddity of ninja's is kept, since commands must come out the same to the letter: where there are *no* bindings
//! under the build statement, the file's own variables take their place, *before* the rule.

use alacarte_stores::{CacheName, CacheNameError};

use super::manifest::{Deps, Edge, RspFile};
use super::show_includes::PREFIX;
use super::template::{Piece, pieces};
use super::variables::{Bindings, Rule, ScopeId, Scopes, append};

/// The names in an edge's rule.
pub(super) struct Names<'a> {
    pub(super) scopes: &'a Scopes,
    pub(super) scope: ScopeId,
    pub(super) own: &'a Bindings,
    pub(super) rule: &'a Rule,
    pub(super) edge: &'a Edge,
}

/// What a rule says of one edge.
pub(super) struct Expanded {
    pub(super) command: String,
    pub(super) description: Option<String>,
    pub(super) depfile: Option<String>,
    pub(super) deps: Option<Deps>,
    pub(super) restat: bool,
    pub(super) generator: bool,
    pub(super) rspfile: Option<RspFile>,
    pub(super) tool_cache: Option<CacheName>,
}

/// Whether the paths of `$in` and `$out` are quoted for the shell. They are not where the value is itself a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Shell,
    None,
}

impl<'a> Names<'a> {
    /// Expands all of the rule; what is wrong with it, in words, if it cannot be.
    pub(super) fn expand(&self) -> Result<Expanded, String> {
        use Quoting::Shell;
        let deps = match self.get("deps", Shell)?.as_str() {
            "" => None,
            "gcc" => Some(Deps::Gcc),
            "msvc" => {
                let prefix = self.some("msvc_deps_prefix", Shell)?;
                Some(Deps::Msvc { prefix: prefix.unwrap_or_else(|| PREFIX.to_owned()) })
            }
            other => return Err(format!("unknown deps '{other}': expected 'gcc' or 'msvc'")),
        };
        let rspfile = match self.some("rspfile", Quoting::None)? {
            Some(path) => {
                let content = self.get("rspfile_content", Shell)?;
                Some(RspFile { path, content })
            }
            None => None,
        };
        let tool_cache = match self.some("tool_cache", Quoting::None)? {
            Some(name) => Some(name.parse().map_err(|error: CacheNameError| error.to_string())?),
            None => None,
        };
        Ok(Expanded {
            command: self.get("command", Shell)?,
            description: self.some("description", Shell)?,
            depfile: self.some("depfile", Quoting::None)?,
            deps,
            restat: self.some("restat", Shell)?.is_some(),
            generator: self.some("generator", Shell)?.is_some(),
            rspfile,
            tool_cache,
        })
    }

    /// The value of a name, if it is not empty; being empty is the same as not being there.
    pub(super) fn some(&self, name: &'a str, quoting: Quoting) -> Result<Option<String>, String> {
        let value = self.get(name, quoting)?;
        Ok((!value.is_empty()).then_some(value))
    }

    fn get(&self, name: &'a str, quoting: Quoting) -> Result<String, String> {
        let mut out = String::new();
        self.write(name, quoting, &mut Vec::new(), &mut out)?;
        self.scopes.count(out.len())?;
        Ok(out)
    }

    /// Appends the value of a name. `open` are the rule's bindings being expanded, outermost first.
    fn write(&self, name: &'a str, quoting: Quoting, open: &mut Vec<&'a str>, out: &mut String) -> Result<(), String> {
        match name {
            "in" => list(&self.edge.inputs, ' ', quoting, out)?,
            "in_newline" => list(&self.edge.inputs, '\n', quoting, out)?,
            "out" => {
                let explicit = &self.edge.outputs[..self.edge.explicit_outputs];
                list(explicit, ' ', quoting, out)?;
            }
            _ => {
                if let Some(value) = self.innermost(name) {
                    append(out, value)?;
                } else if let Some(template) = self.rule.bindings.get(name) {
                    if let Some(start) = open.iter().position(|&o| o == name) {
                        let cycle = open[start..].join(" -> ");
                        let rule = &self.rule.name;
                        return Err(format!("cycle in the variables of rule '{rule}': {cycle} -> {name}"));
                    }
                    open.push(name);
                    for piece in pieces(template) {
                        match piece {
                            Piece::Text(text) => append(out, text)?,
                            Piece::Variable(name) => self.write(name, quoting, open, out)?,
                        }
                    }
                    open.pop();
                } else if let Some(value) = self.scopes.get(self.scope, name) {
                    append(out, value)?;
                }
            }
        }
        Ok(())
    }

    fn innermost(&self, name: &str) -> Option<&'a str> {
        if self.own.is_empty() { self.scopes.get_here(self.scope, name) } else { self.own.get(name) }
    }
}

fn list(paths: &[String], separator: char, quoting: Quoting, out: &mut String) -> Result<(), String> {
    for (i, path) in paths.iter().enumerate() {
        if i > 0 {
            out.push(separator);
        }
        match quoting {
            Quoting::Shell => quote(path, out),
            Quoting::None => out.push_str(path),
        }
        // (Whatever it ends with.)
        append(out, "")?;
    }
    Ok(())
}

/// Appends the path as one word of the shell: as it is when nothing in it is special, else between single quotes.
pub(super) fn quote(path: &str, out: &mut String) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'.' | b'/');
    if path.bytes().all(plain) {
        out.push_str(path);
        return;
    }
    out.push('\'');
    for (i, part) in path.split('\'').enumerate() {
        if i > 0 {
            out.push_str("'\\''");
        }
        out.push_str(part);
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ninja::{Edge, ParseError, parse_str};

    fn first(text: &str) -> Edge {
        let manifest = parse_str("build.ninja", text).unwrap_or_else(|e| panic!("{e}"));
        manifest.edges.into_iter().next().expect("an edge")
    }

    fn failure(text: &str) -> ParseError {
        parse_str("build.ninja", text).expect_err(text)
    }

    #[test]
    fn quoting_for_the_shell() {
        for (path, quoted) in [
            ("a/b-c_d+e.f", "a/b-c_d+e.f"),
            ("a b", "'a b'"),
            ("a'b''c", r"'a'\''b'\'''\''c'"),
            ("$x", "'$x'"),
            ("é", "'é'"),
            ("a:b", "'a:b'"),
        ] {
            let mut out = String::new();
            quote(path, &mut out);
            assert_eq!(out, quoted);
        }
    }

    #[test]
    fn in_and_out_are_explicit_quoted_and_not_to_be_hidden() {
        let edge =
            first("rule r\n  command = $in > $out [$in_newline]\nbuild a b$ c | d: r e f$ g | h || i\n  in = hidden\n");
        assert_eq!(edge.command, "e 'f g' > a 'b c' [e\n'f g']");
    }

    #[test]
    fn paths_of_files_are_not_quoted_but_the_rest_is() {
        let edge = first(concat!(
            "rule r\n  command = c $rspfile\n  rspfile = $out.rsp\n  rspfile_content = $in\n",
            "  depfile = $out.d\n  description = D $out\nbuild a$ b: r c$ d\n",
        ));
        assert_eq!(edge.depfile.as_deref(), Some("a b.d"));
        assert_eq!(edge.description.as_deref(), Some("D 'a b'"));
        let rspfile = RspFile { path: "a b.rsp".into(), content: "'c d'".into() };
        assert_eq!(edge.rspfile, Some(rspfile));
        // Within the command, `$rspfile` is expanded as the command is: quoted.
        assert_eq!(edge.command, "c 'a b'.rsp");
    }

    #[test]
    fn a_rule_sees_the_last_value_of_a_variable() {
        let edge = first("x = 1\nrule r\n  command = $x\nbuild a: r\nx = 2\n");
        assert_eq!(edge.command, "2");
    }

    #[test]
    fn the_edge_hides_the_rule_and_the_rule_hides_the_file() {
        let rule = "description = file\nrule r\n  command = $description\n  description = rule\n";
        let bound = first(&format!("{rule}build a: r\n  description = edge\n"));
        assert_eq!(bound.command, "edge");
        let other = first(&format!("{rule}build a: r\n  other = 1\n"));
        assert_eq!(other.command, "rule");
        // Ninja's oddity: without bindings under the build statement, the file comes before the rule.
        let none = first(&format!("{rule}build a: r\n"));
        assert_eq!(none.command, "file");
    }

    #[test]
    fn an_edges_command_may_replace_the_rules() {
        let edge = first("rule r\n  command = x\nbuild a: r b\n  command = y $in $$\n");
        // Expanded in the file's scope, where `in` means nothing.
        assert_eq!(edge.command, "y  $");
    }

    #[test]
    fn a_variable_used_twice_is_no_cycle() {
        let edge = first("rule r\n  command = $depfile $depfile\n  depfile = d\nbuild a: r\n");
        assert_eq!(edge.command, "d d");
    }

    #[test]
    fn a_cycle_is_named() {
        let error = failure(
            "rule r\n  command = $description\n  description = $depfile\n  depfile = $description\nbuild a: r\n",
        );
        let text = error.to_string();
        // The depfile is not the first to be expanded, nor does it need to be.
        assert!(text.contains("description -> depfile -> description"), "{text}");
        assert_eq!(error.place().map(|p| (p.line, p.column)), Some((5, 1)));
        assert!(failure("rule r\n  command = a $command\nbuild a: r\n").to_string().contains("command -> command"));
    }

    #[test]
    fn flags_are_true_unless_empty() {
        let rule = "rule r\n  command = c\n  restat = 1\n  generator = 0\n  deps = gcc\n";
        let edge = first(&format!("{rule}build a: r\n"));
        assert!(edge.restat && edge.generator);
        assert_eq!(edge.deps, Some(Deps::Gcc));
        let edge = first(&format!("{rule}build a: r\n  restat =\n  generator =\n  deps = msvc\n"));
        assert!(!edge.restat && !edge.generator);
        assert_eq!(edge.deps, Some(Deps::Msvc { prefix: PREFIX.into() }));
        let prefix = |manifest: &str| first(&format!("{manifest}{rule}build a: r\n  deps = msvc\n")).deps;
        assert_eq!(prefix("msvc_deps_prefix = Hinweis:\n"), Some(Deps::Msvc { prefix: "Hinweis:".into() }));
        let error = failure(&format!("{rule}build a: r\n  deps = gdc\n"));
        assert!(error.to_string().contains("unknown deps 'gdc'"));
    }
}
