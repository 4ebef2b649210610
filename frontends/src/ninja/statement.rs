//! The build statement: `build outputs | implicit: rule inputs | implicit || order-only |@ validations`, and bindings
//! under it.

use super::eval::Quoting;
use super::loader::Origin;
use super::manifest::{Edge, Location};
use super::manifest_lexer::{Raw, Token};
use super::parse::Parser;
use super::parse_error::ParseError;
use super::variables::{Bindings, RuleId};
use crate::commands::{canonicalise, hint};

/// The first line of the statement. Its paths wait for the bindings below, which they may use.
struct Head<'t> {
    outputs: Vec<Raw<'t>>,
    explicit_outputs: usize,
    rule: RuleId,
    inputs: Vec<Raw<'t>>,
    implicit: Vec<Raw<'t>>,
    order_only: Vec<Raw<'t>>,
    validations: Vec<Raw<'t>>,
}

impl<'t> Parser<'_, '_, 't> {
    /// Reads the rest of a statement whose `build` has been read.
    pub(super) fn build(&mut self) -> Result<(), ParseError> {
        let mark = self.mark(self.lexer.offset());
        let location = Location { file: self.file, line: self.lexer.line(mark.offset) };
        let head = self.head()?;
        let own = self.own_bindings()?;

        let mut edge = Edge {
            rule: self.loader.scopes.rule(head.rule).name.clone(),
            outputs: self.targets(&head.outputs, &own)?,
            explicit_outputs: head.explicit_outputs,
            inputs: self.targets(&head.inputs, &own)?,
            implicit: self.targets(&head.implicit, &own)?,
            order_only: self.targets(&head.order_only, &own)?,
            validations: self.targets(&head.validations, &own)?,
            command: String::new(),
            description: None,
            depfile: None,
            deps: None,
            restat: false,
            generator: false,
            rspfile: None,
            dyndep: None,
            pool: None,
            tool_cache: None,
            location,
        };
        if forgive_old_cmake(&mut edge) {
            self.loader.phony_cycles.push(edge.outputs[0].clone());
        }

        let index = self.loader.edges.len();
        for (output, raw) in edge.outputs.iter().zip(&head.outputs) {
            // The first edge is this very one when an output is written twice in it.
            if let Some(first) = self.loader.producers.insert(output.clone(), index) {
                let first = self.loader.origins.get(first).map_or(mark, |o| o.mark);
                let what = format!("output '{output}'");
                return Err(self.loader.duplicate(what, self.mark(raw.offset), first));
            }
        }
        self.loader.edges.push(edge);
        self.loader.origins.push(Origin { scope: self.scope, rule: head.rule, own, mark });
        self.check_pool(index)?;
        self.check_dyndep(index)
    }

    fn head(&mut self) -> Result<Head<'t>, ParseError> {
        let mut outputs = self.paths()?;
        let explicit_outputs = outputs.len();
        if self.lexer.accept(Token::Pipe) {
            outputs.append(&mut self.paths()?);
        }
        if outputs.is_empty() {
            self.lexer.next();
            return Err(self.lexer.unexpected("the path of an output"));
        }
        self.lexer.expect(Token::Colon, "':' after the outputs")?;
        let rule = self.rule_of_build()?;
        let inputs = self.paths()?;
        let implicit = self.paths_after(Token::Pipe)?;
        let order_only = self.paths_after(Token::OrderOnly)?;
        let validations = self.paths_after(Token::Validation)?;
        self.lexer.expect(Token::Newline, "newline after the inputs")?;
        Ok(Head { outputs, explicit_outputs, rule, inputs, implicit, order_only, validations })
    }

    fn rule_of_build(&mut self) -> Result<RuleId, ParseError> {
        let name = self.lexer.name("the name of a rule")?;
        let scopes = &self.loader.scopes;
        scopes.find_rule(self.scope, name).ok_or_else(|| {
            let hint = hint(name, scopes.rule_names(self.scope));
            let explanation = format!("unknown build rule '{name}'{hint}");
            self.lexer.error(self.lexer.offset(), explanation)
        })
    }

    fn paths_after(&mut self, sign: Token) -> Result<Vec<Raw<'t>>, ParseError> {
        if self.lexer.accept(sign) { self.paths() } else { Ok(Vec::new()) }
    }

    /// The bindings under the statement, expanded in the file's scope: they do not see one another.
    fn own_bindings(&mut self) -> Result<Bindings, ParseError> {
        let mut own = Bindings::new();
        while self.lexer.indented()? {
            let binding = self.binding()?;
            let value = self.expand(binding.value, binding.offset)?;
            own.bind(binding.name, value);
        }
        Ok(own)
    }

    fn targets(&self, raw: &[Raw<'_>], own: &Bindings) -> Result<Vec<String>, ParseError> {
        raw.iter().map(|&raw| self.target(raw, own)).collect()
    }

    /// Sets the pool, which must be defined before the edge, and means what its variables mean here.
    fn check_pool(&mut self, index: usize) -> Result<(), ParseError> {
        let pool = self.binding_now(index, "pool", Quoting::Shell)?;
        if let Some(name) = &pool
            && !self.loader.pools.contains_key(name)
        {
            let hint = hint(name, self.loader.pools.keys().map(String::as_str));
            return Err(self.error_at(index, format!("unknown pool '{name}'{hint}")));
        }
        self.loader.edges[index].pool = pool;
        Ok(())
    }

    /// Sets the dyndep file, which must be one of the inputs.
    fn check_dyndep(&mut self, index: usize) -> Result<(), ParseError> {
        let Some(file) = self.binding_now(index, "dyndep", Quoting::None)? else { return Ok(()) };
        let file = canonicalise(&file);
        if !self.loader.edges[index].all_inputs().any(|input| input == file) {
            return Err(self.error_at(index, format!("the dyndep file '{file}' is not an input")));
        }
        self.loader.edges[index].dyndep = Some(file);
        Ok(())
    }

    /// A binding of an edge which has just been read.
    fn binding_now(&self, index: usize, name: &'static str, quoting: Quoting) -> Result<Option<String>, ParseError> {
        let value = self.loader.names(index).some(name, quoting);
        value.map_err(|explanation| self.error_at(index, explanation))
    }

    fn error_at(&self, index: usize, explanation: impl Into<String>) -> ParseError {
        let mark = self.loader.origins[index].mark;
        self.lexer.error(mark.offset, explanation)
    }
}

/// CMake 2.8.12 and 3.0 wrote phony edges that name themselves as an input; ninja lets them pass, and so do we. Whether this
/// is one of them.
fn forgive_old_cmake(edge: &mut Edge) -> bool {
    if !edge.is_phony() || edge.outputs.len() > 1 || !edge.implicit.is_empty() {
        return false;
    }
    let named = edge.inputs.len() + edge.order_only.len();
    edge.inputs.retain(|input| *input != edge.outputs[0]);
    edge.order_only.retain(|input| *input != edge.outputs[0]);
    edge.inputs.len() + edge.order_only.len() < named
}
