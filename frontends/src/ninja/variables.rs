//! What a name means where: a tree of scopes, one for the top file and one for each `subninja`. A scope sees the
//! variables and rules of those around it; what it defines itself stays inside.

use std::borrow::Cow;
use std::cell::Cell;

use super::manifest::PHONY;
use super::template::{Piece, pieces};
use rustc_hash::FxHashMap;

/// A place in one of the files: the number of the file, and the offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) file: usize,
    pub(super) offset: usize,
}

/// Which scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScopeId(usize);

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuleId(usize);

/// A rule, its values not expanded.
pub(super) struct Rule {
    pub(super) name: String,
    /// Where it is defined; none for `phony`.
    pub(super) defined: Option<Mark>,
    pub(super) bindings: Bindings,
}

impl Rule {
    /// The description as it is written, each variable as `${name}`.
    pub(super) fn description(&self) -> Option<String> {
        let mut text = String::new();
        for piece in pieces(self.bindings.get("description")?) {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Variable(name) => text.extend(["${", name, "}"]),
            }
        }
        Some(text)
    }
}

/// The bindings of a rule or of an edge; of two with one name the later counts. Mostly there is a handful of them, which needs no index.
#[derive(Default)]
pub(super) struct Bindings {
    list: Vec<(String, String)>,
    /// Where each name stands last, once there are many.
    index: Option<FxHashMap<String, usize>>,
}

/// So many are looked through.
const HANDFUL: usize = 12;

#[cfg(test)]
thread_local! {
    /// How many names of bindings were compared with one that is looked for.
    static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Bindings {
    pub(super) fn new() -> Self {
        Bindings::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn bind(&mut self, name: &str, value: String) {
        if self.list.len() == HANDFUL {
            let names = self.list.iter().enumerate().map(|(position, (name, _))| (name.clone(), position));
            self.index = Some(names.collect());
        }
        if let Some(index) = &mut self.index {
            index.insert(name.to_owned(), self.list.len());
        }
        self.list.push((name.to_owned(), value));
    }

    /// The value bound to the name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = match &self.index {
            Some(index) => self.list.get(*index.get(name)?),
            None => self.list.iter().rev().find(|(bound, _)| {
                #[cfg(test)]
                COMPARED.set(COMPARED.get() + 1);
                bound == name
            }),
        };
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Scope {
    parent: Option<ScopeId>,
    variables: FxHashMap<String, String>,
    rules: FxHashMap<String, RuleId>,
}

/// A value is so many bytes long at most, once it is expanded: a manifest of a few lines, each of which names the one before twice, could ask for more memory
/// than there is. (A list of a hundred thousand objects for a linker is a tenth of that.)
pub(super) const LONGEST: usize = 64 << 20;

/// All expanded values together.
const MOST: usize = 4 << 30;

/// All scopes and rules of a manifest.
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    rules: Vec<Rule>,
    /// The bytes of all that was expanded.
    expanded: Cell<usize>,
}

impl Scopes {
    pub(super) const ROOT: ScopeId = ScopeId(0);

    /// The scope of the top file, where only `phony` is known.
    pub(super) fn new() -> Self {
        let mut scopes = Scopes { scopes: vec![Scope::default()], rules: Vec::new(), expanded: Cell::new(0) };
        let phony = Rule { name: PHONY.to_owned(), defined: None, bindings: Bindings::new() };
        scopes.add_rule(Self::ROOT, phony);
        scopes
    }

    /// A new scope inside another.
    pub(super) fn inside(&mut self, parent: ScopeId) -> ScopeId {
        self.scopes.push(Scope { parent: Some(parent), ..Scope::default() });
        ScopeId(self.scopes.len() - 1)
    }

    pub(super) fn set(&mut self, scope: ScopeId, name: &str, value: String) {
        let variables = &mut self.scopes[scope.0].variables;
        match variables.get_mut(name) {
            Some(old) => *old = value,
            None => {
                variables.insert(name.to_owned(), value);
            }
        }
    }

    /// The variable's value in this scope or the nearest around it.
    pub(super) fn get(&self, scope: ScopeId, name: &str) -> Option<&str> {
        self.outwards(scope).find_map(|scope| scope.variables.get(name)).map(String::as_str)
    }

    /// The variable's value if this very scope has one.
    pub(super) fn get_here(&self, scope: ScopeId, name: &str) -> Option<&str> {
        self.scopes[scope.0].variables.get(name).map(String::as_str)
    }

    /// Expands a value: its names mean what the edge's bindings say, or else the scope. An unknown name is empty. What is wrong, in words, if it is too long.
    pub(super) fn expand<'t>(&self, scope: ScopeId, own: &Bindings, template: &'t str) -> Result<Cow<'t, str>, String> {
        if !template.contains('$') {
            self.count(template.len())?;
            return Ok(Cow::Borrowed(template));
        }
        let mut expanded = String::new();
        for piece in pieces(template) {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Variable(name) => own.get(name).or_else(|| self.get(scope, name)).unwrap_or(""),
            };
            append(&mut expanded, text)?;
        }
        self.count(expanded.len())?;
        Ok(Cow::Owned(expanded))
    }

    /// A value of so many bytes was expanded.
    pub(super) fn count(&self, length: usize) -> Result<(), String> {
        if length > LONGEST {
            return Err(too_long());
        }
        self.expanded.set(self.expanded.get() + length);
        if self.expanded.get() > MOST {
            return Err(format!("all values together are longer than {} GiB once they are expanded", MOST >> 30));
        }
        Ok(())
    }

    pub(super) fn add_rule(&mut self, scope: ScopeId, rule: Rule) {
        let id = RuleId(self.rules.len());
        self.scopes[scope.0].rules.insert(rule.name.clone(), id);
        self.rules.push(rule);
    }

    /// The rule of that name in this scope or the nearest around it.
    pub(super) fn find_rule(&self, scope: ScopeId, name: &str) -> Option<RuleId> {
        self.outwards(scope).find_map(|scope| scope.rules.get(name).copied())
    }

    /// The rule of that name in this very scope.
    pub(super) fn find_rule_here(&self, scope: ScopeId, name: &str) -> Option<RuleId> {
        self.scopes[scope.0].rules.get(name).copied()
    }

    pub(super) fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0]
    }

    /// The rules of this very scope.
    pub(super) fn rules_here(&self, scope: ScopeId) -> impl Iterator<Item = &Rule> {
        self.scopes[scope.0].rules.values().map(|&id| self.rule(id))
    }

    /// The names of all rules that can be used in the scope.
    pub(super) fn rule_names(&self, scope: ScopeId) -> impl Iterator<Item = &str> {
        self.outwards(scope).flat_map(|scope| scope.rules.keys()).map(String::as_str)
    }

    fn outwards(&self, scope: ScopeId) -> impl Iterator<Item = &Scope> {
        let outer = |scope: &&Scope| scope.parent.map(|parent| &self.scopes[parent.0]);
        std::iter::successors(Some(&self.scopes[scope.0]), outer)
    }
}

/// Adds to a value that is being expanded.
pub(super) fn append(value: &mut String, text: &str) -> Result<(), String> {
    if value.len() + text.len() > LONGEST {
        return Err(too_long());
    }
    value.push_str(text);
    Ok(())
}

fn too_long() -> String {
    format!("the value is longer than {} MiB once it is expanded", LONGEST >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_scope_sees_out_but_not_the_other_way() {
        let mut scopes = Scopes::new();
        scopes.set(Scopes::ROOT, "x", "outer".into());
        scopes.set(Scopes::ROOT, "y", "seen".into());
        let inner = scopes.inside(Scopes::ROOT);
        scopes.set(inner, "x", "inner".into());
        let none = Bindings::new();
        assert_eq!(scopes.expand(inner, &none, "$x $y$z.").as_deref(), Ok("inner seen."));
        assert_eq!(scopes.expand(Scopes::ROOT, &none, "$x").as_deref(), Ok("outer"));
        assert_eq!(scopes.get_here(inner, "y"), None);
        assert!(scopes.find_rule(inner, PHONY).is_some());
        assert!(scopes.find_rule_here(inner, PHONY).is_none());
    }

    #[test]
    fn an_edges_bindings_come_first_and_the_latest_counts() {
        let mut scopes = Scopes::new();
        scopes.set(Scopes::ROOT, "x", "file".into());
        let mut own = Bindings::new();
        own.bind("x", "first".into());
        own.bind("x", "last".into());
        assert_eq!(scopes.expand(Scopes::ROOT, &own, "${x}").as_deref(), Ok("last"));
        // With many of them, too, and without a look at each.
        let many = 10_000;
        (0..many).for_each(|number| own.bind(&format!("v{number}"), number.to_string()));
        own.bind("x", "very last".into());
        COMPARED.set(0);
        for number in 0..many {
            assert_eq!(own.get(&format!("v{number}")), Some(&*number.to_string()));
        }
        assert_eq!((own.get("x"), own.get("y")), (Some("very last"), None));
        assert!(COMPARED.get() <= HANDFUL * many, "{} names were compared", COMPARED.get());
    }
}
