//! The statements of one file, except `build`, which has a file of its own (`statement.rs`).

use std::borrow::Cow;
use std::path::Path;
use std::rc::Rc;

use alacarte_stores::path_of;

use super::loader::Loader;
use super::manifest::PHONY;
use super::manifest_lexer::{Lexer, Raw, STATEMENT, Token};
use super::parse_error::ParseError;
use super::source::Source;
use super::variables::{Bindings, Mark, Rule, ScopeId};
use crate::commands::{canonicalise, hint};

/// A manifest that requires a later ninja may use syntax which is not known here.
const VERSION: (u32, u32) = (1, 13);

/// What may be bound in a rule. (Ninja itself knows all but `tool_cache`, and refuses that.)
const RULE_BINDINGS: [&str; 12] = [
    "command",
    "depfile",
    "deps",
    "description",
    "dyndep",
    "generator",
    "msvc_deps_prefix",
    "pool",
    "restat",
    "rspfile",
    "rspfile_content",
    "tool_cache",
];

/// The reader of one file.
pub(super) struct Parser<'l, 'r, 't> {
    pub(super) loader: &'l mut Loader<'r>,
    pub(super) lexer: Lexer<'t>,
    pub(super) file: usize,
    pub(super) scope: ScopeId,
}

/// A name, and its value not expanded.
pub(super) struct Binding<'t> {
    pub(super) name: &'t str,
    /// Where the name stands.
    pub(super) offset: usize,
    pub(super) value: &'t str,
}

impl Loader<'_> {
    /// Reads a file's statements into a scope. `from` is the statement that asks for it.
    pub(super) fn file(&mut self, path: &Path, scope: ScopeId, from: Option<Mark>) -> Result<(), ParseError> {
        let file = self.source(path, from)?;
        if let Some(from) = from {
            self.check_nesting(file, from)?;
        }
        self.open.push(file);
        let source = Rc::clone(&self.sources[file]);
        Parser::new(self, &source, file, scope).statements()?;
        self.open.pop();
        Ok(())
    }
}

impl<'l, 'r, 't> Parser<'l, 'r, 't> {
    pub(super) fn new(loader: &'l mut Loader<'r>, source: &'t Source, file: usize, scope: ScopeId) -> Self {
        Parser { loader, lexer: Lexer::new(source), file, scope }
    }

    /// Reads the file to its end.
    pub(super) fn statements(&mut self) -> Result<(), ParseError> {
        loop {
            match self.lexer.next() {
                Token::Build => self.build()?,
                Token::Default => self.default()?,
                Token::Include => self.include(false)?,
                Token::Subninja => self.include(true)?,
                Token::Pool => self.pool()?,
                Token::Rule => self.rule()?,
                Token::Name => {
                    self.lexer.back();
                    self.variable()?;
                }
                Token::Newline => {}
                Token::End => return Ok(()),
                _ => return Err(self.lexer.unexpected(STATEMENT)),
            }
        }
    }

    fn variable(&mut self) -> Result<(), ParseError> {
        let binding = self.binding()?;
        let value = self.expand(binding.value, binding.offset)?;
        if binding.name == "ninja_required_version" && version(&value) > VERSION {
            let (major, minor) = VERSION;
            let explanation = format!(
                "the manifest requires ninja {value}; what is understood here is the language of ninja {major}.{minor}"
            );
            return Err(self.lexer.error(binding.offset, explanation));
        }
        self.loader.scopes.set(self.scope, binding.name, value);
        Ok(())
    }

    fn rule(&mut self) -> Result<(), ParseError> {
        let name = self.lexer.name("the rule's name")?;
        let mark = self.mark(self.lexer.offset());
        self.lexer.expect(Token::Newline, "newline after the rule's name")?;
        if name == PHONY {
            return Err(self.lexer.error(mark.offset, "the rule 'phony' is built in"));
        }
        let same = self.loader.scopes.find_rule_here(self.scope, name);
        if let Some(first) = same.and_then(|same| self.loader.scopes.rule(same).defined) {
            return Err(self.loader.duplicate(format!("rule '{name}'"), mark, first));
        }

        let mut bindings = Bindings::new();
        while self.lexer.indented()? {
            let binding = self.binding()?;
            if !RULE_BINDINGS.contains(&binding.name) {
                let hint = hint(binding.name, RULE_BINDINGS.into_iter());
                let explanation = format!("unexpected variable '{}' in a rule{hint}", binding.name);
                return Err(self.lexer.error(binding.offset, explanation));
            }
            bindings.bind(binding.name, binding.value.to_owned());
        }

        let empty = |name| bindings.get(name).is_none_or(str::is_empty);
        if empty("command") {
            let explanation = format!("expected a 'command =' line in rule '{name}'");
            return Err(self.lexer.error(mark.offset, explanation));
        }
        if empty("rspfile") != empty("rspfile_content") {
            let explanation =
                format!("rule '{name}' has only one of 'rspfile' and 'rspfile_content', and needs both or none");
            return Err(self.lexer.error(mark.offset, explanation));
        }
        let rule = Rule { name: name.to_owned(), defined: Some(mark), bindings };
        self.loader.scopes.add_rule(self.scope, rule);
        Ok(())
    }

    fn pool(&mut self) -> Result<(), ParseError> {
        let name = self.lexer.name("the pool's name")?;
        let mark = self.mark(self.lexer.offset());
        self.lexer.expect(Token::Newline, "newline after the pool's name")?;
        match self.loader.pools.get(name) {
            Some(&(_, Some(first))) => {
                return Err(self.loader.duplicate(format!("pool '{name}'"), mark, first));
            }
            Some(_) => {
                let explanation = format!("the pool '{name}' is built in");
                return Err(self.lexer.error(mark.offset, explanation));
            }
            None => {}
        }

        let mut depth = None;
        while self.lexer.indented()? {
            let binding = self.binding()?;
            if binding.name != "depth" {
                let explanation = format!("unexpected variable '{}' in a pool", binding.name);
                return Err(self.lexer.error(binding.offset, explanation));
            }
            let value = self.expand(binding.value, binding.offset)?;
            let number = value.trim().parse().map_err(|_| {
                let explanation = format!("expected a number as the pool's depth, found '{value}'");
                self.lexer.error(binding.offset, explanation)
            })?;
            depth = Some(number);
        }
        let Some(depth) = depth else {
            let explanation = format!("expected a 'depth =' line in pool '{name}'");
            return Err(self.lexer.error(mark.offset, explanation));
        };
        self.loader.pools.insert(name.to_owned(), (depth, Some(mark)));
        Ok(())
    }

    fn default(&mut self) -> Result<(), ParseError> {
        let targets = self.paths()?;
        if targets.is_empty() {
            self.lexer.next();
            return Err(self.lexer.unexpected("a target"));
        }
        for raw in targets {
            let target = self.target(raw, &Bindings::new())?;
            if !self.loader.is_target(&target) {
                let hint = hint(&target, self.loader.producers.keys().map(String::as_str));
                let explanation = format!("unknown target '{target}'{hint}");
                return Err(self.lexer.error(raw.offset, explanation));
            }
            self.loader.defaults.push(target);
        }
        self.lexer.expect(Token::Newline, "newline after the targets")
    }

    fn include(&mut self, own_scope: bool) -> Result<(), ParseError> {
        let Some(raw) = self.lexer.path()? else {
            self.lexer.next();
            return Err(self.lexer.unexpected("the path of a file"));
        };
        self.lexer.expect(Token::Newline, "newline after the file's path")?;
        let path = self.expand(raw.text, raw.offset)?;
        let scope = match own_scope {
            true => self.loader.scopes.inside(self.scope),
            false => self.scope,
        };
        let mark = self.mark(raw.offset);
        self.loader.file(&path_of(&path), scope, Some(mark))
    }

    /// `name = value`, to the end of the line.
    pub(super) fn binding(&mut self) -> Result<Binding<'t>, ParseError> {
        let name = self.lexer.name("the name of a variable")?;
        let offset = self.lexer.offset();
        self.lexer.expect(Token::Equals, &format!("'=' after '{name}'"))?;
        let value = self.lexer.value()?;
        Ok(Binding { name, offset, value })
    }

    /// All paths up to the next sign or the end of the line.
    pub(super) fn paths(&mut self) -> Result<Vec<Raw<'t>>, ParseError> {
        let mut paths = Vec::new();
        while let Some(path) = self.lexer.path()? {
            paths.push(path);
        }
        Ok(paths)
    }

    /// A path as a node of the graph: expanded with an edge's bindings, in canonical form.
    pub(super) fn target(&self, raw: Raw<'_>, own: &Bindings) -> Result<String, ParseError> {
        let path = self.loader.scopes.expand(self.scope, own, raw.text);
        let path = path.map_err(|explanation| self.lexer.error(raw.offset, explanation))?;
        if path.is_empty() {
            let explanation = "the path is empty once its variables are expanded";
            return Err(self.lexer.error(raw.offset, explanation));
        }
        Ok(canonicalise(&path))
    }

    /// The value that stands at this offset, expanded.
    pub(super) fn expand(&self, template: &str, offset: usize) -> Result<String, ParseError> {
        let value = self.loader.scopes.expand(self.scope, &Bindings::new(), template).map(Cow::into_owned);
        value.map_err(|explanation| self.lexer.error(offset, explanation))
    }

    pub(super) fn mark(&self, offset: usize) -> Mark {
        Mark { file: self.file, offset }
    }
}

/// The first two numbers of a version, such as `1.8.2` or `1.9.git`; what is not a number counts as 0.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = (text.trim().split('.')).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
