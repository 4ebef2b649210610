//! Dyndep files: what the build finds out about its own edges, and says in a file before they run (which module a source needs, which it
//! provides).
//!
//! Such a file is a part of the manifest that the manifest's own build makes. So it is read with the manifest, if it is there, and edges have what
//! it adds to them before they become tasks: implicit outputs, implicit inputs, `restat`. Tasks stay static, and every scheduler can order them.
//! What was read may be old. Therefore the dyndep files that targets need are [built first](super::NinjaTasks::next_dyndeps), those before others that these
//! are made with; if one of them says something else then, all is read again.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use alacarte_core::Fingerprint;
use alacarte_stores::{FileKey, path_of, text_of};

use super::manifest::{Edge, Manifest};
use super::manifest_lexer::{Lexer, Raw, Token};
use super::parse_error::ParseError;
use super::source::Source;
use super::variables::{Bindings, Scopes};
use crate::commands::canonicalise;

/// What a dyndep file adds to an edge.
struct Addition {
    /// The output by which it names the edge, and where.
    output: String,
    offset: usize,
    outputs: Vec<(String, usize)>,
    inputs: Vec<String>,
    restat: bool,
}

impl Manifest {
    /// Adds to its edges what their dyndep files say that are there, and gives back what is wrong with which of them.
    pub(super) fn read_dyndeps(&mut self, directory: &Path) -> HashMap<String, ParseError> {
        let mut users: Vec<(String, Vec<usize>)> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for (edge, dyndep) in self.edges.iter().enumerate().filter_map(|(n, edge)| Some((n, edge.dyndep.clone()?))) {
            let number = *numbers.entry(dyndep.clone()).or_insert(users.len());
            if number == users.len() {
                users.push((dyndep, Vec::new()));
            }
            users[number].1.push(edge);
        }
        if users.is_empty() {
            return HashMap::new();
        }
        if self.defaults.is_empty() {
            // (Before they are read: what they add is built only if an edge needs it.)
            self.defaults = self.roots().into_iter().map(str::to_owned).collect();
        }
        let mut makers: HashMap<String, usize> =
            self.producers().into_iter().map(|(output, edge)| (output.to_owned(), edge)).collect();
        let mut wrong = HashMap::new();
        for (file, edges) in users {
            let path = path_of(&file).into_owned();
            let Ok(bytes) = std::fs::read(directory.join(&path)) else {
                self.texts.push((path, None));
                continue;
            };
            self.texts.push((path.clone(), Some(Fingerprint::of_bytes(&bytes))));
            let source = Source { path, text: text_of(&bytes).into_owned() };
            let added = parse(&source).and_then(|additions| self.add(&source, &edges, additions, &mut makers));
            if let Err(error) = added {
                wrong.insert(file, error);
            }
        }
        wrong
    }

    /// Adds to these edges what their dyndep file says.
    fn add(
        &mut self,
        source: &Source,
        users: &[usize],
        additions: Vec<Addition>,
        makers: &mut HashMap<String, usize>,
    ) -> Result<(), ParseError> {
        let mut mentioned = HashSet::new();
        for addition in &additions {
            let output = &addition.output;
            let Some(&edge) = makers.get(output) else {
                return Err(source.error(addition.offset, format!("no build statement makes '{output}'")));
            };
            if !users.contains(&edge) {
                let explanation = format!("the build statement of '{output}' does not name this dyndep file");
                return Err(source.error(addition.offset, explanation));
            }
            if !mentioned.insert(edge) {
                return Err(source.error(addition.offset, format!("'{output}' has two statements")));
            }
        }
        if let Some(left_out) = users.iter().find(|edge| !mentioned.contains(edge)) {
            let edge = &self.edges[*left_out];
            let explanation = format!("'{}' is not mentioned in its dyndep file", edge.outputs[0]);
            return Err(source.error(source.text.len(), explanation));
        }
        // First it is seen that all is well, so that half a file adds nothing.
        let mut made = HashSet::new();
        for (output, offset) in additions.iter().flat_map(|addition| &addition.outputs) {
            if let Some(other) = makers.get(output) {
                let at = self.edges[*other].location;
                let file = self.files.get(at.file).map_or_else(String::new, |file| file.display().to_string());
                let explanation = format!("output '{output}' is made by the build statement at {file}:{}", at.line);
                return Err(source.error(*offset, explanation));
            }
            if !made.insert(output) {
                return Err(source.error(*offset, format!("output '{output}' is added twice")));
            }
        }
        for addition in additions {
            let edge = makers[&addition.output];
            let outputs: Vec<String> = addition.outputs.into_iter().map(|(output, _)| output).collect();
            makers.extend(outputs.iter().map(|output| (output.clone(), edge)));
            let edge: &mut Edge = &mut self.edges[edge];
            edge.outputs.extend(outputs);
            edge.implicit.extend(addition.inputs);
            edge.restat |= addition.restat;
        }
        Ok(())
    }
}

/// The statements of a dyndep file.
fn parse(source: &Source) -> Result<Vec<Addition>, ParseError> {
    const VERSION: &str = "'ninja_dyndep_version = 1'";
    let (mut lexer, mut additions, mut versioned) = (Lexer::new(source), Vec::new(), false);
    loop {
        match lexer.next() {
            Token::Newline => {}
            Token::Name if !versioned => {
                lexer.back();
                let (name, value) = binding(&mut lexer)?;
                let offset = lexer.offset();
                if name != "ninja_dyndep_version" {
                    return Err(source.error(offset, format!("expected {VERSION} first, found '{name}'")));
                }
                if !["1", "1.0"].contains(&value.trim()) {
                    let explanation = format!("dyndep version '{}' is not known: expected {VERSION}", value.trim());
                    return Err(source.error(offset, explanation));
                }
                versioned = true;
            }
            Token::Build if versioned => additions.push(addition(source, &mut lexer)?),
            Token::End if versioned => return Ok(additions),
            _ if versioned => return Err(lexer.unexpected("a build statement")),
            _ => return Err(lexer.unexpected(VERSION)),
        }
    }
}

/// `build output | outputs: dyndep | inputs`, behind the `build`, and what is bound below.
fn addition(source: &Source, lexer: &mut Lexer<'_>) -> Result<Addition, ParseError> {
    let path = |raw: Raw<'_>| {
        let path = canonicalise(&expand(raw.text).map_err(|explanation| source.error(raw.offset, explanation))?);
        if path.is_empty() || raw.text.is_empty() {
            Err(source.error(raw.offset, "the path is empty"))
        } else {
            Ok(path)
        }
    };
    let Some(output) = lexer.path()? else {
        lexer.next();
        return Err(lexer.unexpected("the path of an output"));
    };
    if let Some(second) = lexer.path()? {
        return Err(source.error(second.offset, "a dyndep file adds no explicit outputs: write them behind '|'"));
    }
    let mut outputs = Vec::new();
    if lexer.accept(Token::Pipe) {
        while let Some(raw) = lexer.path()? {
            outputs.push((path(raw)?, raw.offset));
        }
    }
    lexer.expect(Token::Colon, "':' after the outputs")?;
    let rule = lexer.name("the rule 'dyndep'")?;
    if rule != "dyndep" {
        return Err(source.error(lexer.offset(), format!("expected the rule 'dyndep', found '{rule}'")));
    }
    if let Some(input) = lexer.path()? {
        return Err(source.error(input.offset, "a dyndep file adds no explicit inputs: write them behind '|'"));
    }
    let mut inputs = Vec::new();
    if lexer.accept(Token::Pipe) {
        while let Some(raw) = lexer.path()? {
            inputs.push(path(raw)?);
        }
    }
    if lexer.accept(Token::OrderOnly) {
        return Err(source.error(lexer.offset(), "a dyndep file adds no order-only inputs"));
    }
    lexer.expect(Token::Newline, "newline after the inputs")?;
    let mut restat = false;
    while lexer.indented()? {
        let (name, value) = binding(lexer)?;
        if name != "restat" {
            return Err(source.error(lexer.offset(), format!("a dyndep file may bind 'restat', not '{name}'")));
        }
        restat = !value.is_empty();
    }
    Ok(Addition { output: path(output)?, offset: output.offset, outputs, inputs, restat })
}

/// `name = value`; the lexer's last offset is that of the name.
fn binding<'t>(lexer: &mut Lexer<'t>) -> Result<(&'t str, String), ParseError> {
    let name = lexer.name("the name of a variable")?;
    let at = lexer.offset();
    lexer.expect(Token::Equals, &format!("'=' after '{name}'"))?;
    let value = expand(lexer.value()?).map_err(|explanation| lexer.error(at, explanation))?;
    lexer.point_at(at);
    Ok((name, value))
}

/// No variable is known in a dyndep file.
fn expand(template: &str) -> Result<String, String> {
    Scopes::new().expand(Scopes::ROOT, &Bindings::new(), template).map(Cow::into_owned)
}

/// The dyndep files of a manifest.
#[derive(Debug, Default)]
pub(super) struct Dyndeps {
    /// What is wrong with those that could be read.
    pub(super) wrong: RefCell<HashMap<FileKey, ParseError>>,
    /// How many there are.
    pub(super) count: usize,
}
