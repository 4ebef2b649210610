//! What every key computes.

use std::fmt;

use crate::expr::Expr;
use crate::name::Name;

/// What every key computes; a key without an expression is an input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Graph {
    /// The tasks, by key.
    pub tasks: Vec<Option<Expr>>,
}

impl Graph {
    /// The tasks of the keys from [`Name(0)`](Name) on; none for an input.
    pub fn new(tasks: impl IntoIterator<Item = Option<Expr>>) -> Self {
        Graph { tasks: tasks.into_iter().collect() }
    }

    /// The task of a key.
    pub fn task(&self, key: Name) -> Option<&Expr> {
        self.tasks.get(key.0 as usize)?.as_ref()
    }

    /// Whether some task is not deterministic.
    pub fn is_nondeterministic(&self) -> bool {
        self.tasks.iter().flatten().any(Expr::is_nondeterministic)
    }

    /// All keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = Name> + use<> {
        (0..self.tasks.len() as u32).map(Name)
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in self.keys() {
            match self.task(key) {
                Some(task) => writeln!(f, "  {key} = {task}")?,
                None => writeln!(f, "  {key} is an input")?,
            }
        }
        Ok(())
    }
}
