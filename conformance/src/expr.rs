//! Tasks as data.
//!
//! A task here is an expression, so that three readers can agree on it: the build runs it as a future, the
//! oracle evaluates it from scratch, and a person reads it in a counterexample. The operators are chosen for
//! what they do to a build: groups, branches that flip, keys that a value names, and functions that map many
//! values to one, so that changes stop.

use std::fmt;

use alacarte::{Fetch, Result};
use futures::future::LocalBoxFuture;

/// A key: a small number, printed `k3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub u32);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// What a task computes. Keys are fetched in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A number.
    Const(i64),
    /// The value of a key.
    Get(Name),
    /// The sum of the values of several keys, fetched as one group.
    Sum(Vec<Name>),
    /// The left, then the right, added.
    Add(Box<Expr>, Box<Expr>),
    /// The left, then the right, mixed so that hardly any change is lost.
    Mix(Box<Expr>, Box<Expr>),
    /// Both at once (two futures joined), added.
    Join(Box<Expr>, Box<Expr>),
    /// No more than 3: many changes are lost.
    Cap(Box<Expr>),
    /// One of the two branches: the first if the condition is even.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// The value of the key that a value names: the `n`-th of the list.
    Pick(Box<Expr>, Vec<Name>),
}

impl Expr {
    /// Calls `each` with every key that an evaluation may fetch.
    pub fn mentions(&self, each: &mut impl FnMut(Name)) {
        match self {
            Expr::Const(_) => {}
            Expr::Get(key) => each(*key),
            Expr::Sum(keys) => keys.iter().copied().for_each(each),
            Expr::Add(a, b) | Expr::Mix(a, b) | Expr::Join(a, b) => {
                a.mentions(each);
                b.mentions(each);
            }
            Expr::Cap(a) => a.mentions(each),
            Expr::If(a, b, c) => [a, b, c].into_iter().for_each(|part| part.mentions(each)),
            Expr::Pick(index, keys) => {
                index.mentions(each);
                keys.iter().copied().for_each(each);
            }
        }
    }

    /// Computes the value as a task does.
    pub fn run<'t>(&'t self, fetch: Fetch<'t, Name, i64>) -> LocalBoxFuture<'t, Result<i64>> {
        Box::pin(async move {
            Ok(match self {
                Expr::Const(n) => *n,
                Expr::Get(key) => fetch.get(key).await?,
                Expr::Sum(keys) => fetch.all(keys).await?.into_iter().fold(0, i64::wrapping_add),
                Expr::Add(a, b) => a.run(fetch).await?.wrapping_add(b.run(fetch).await?),
                Expr::Mix(a, b) => mix(a.run(fetch).await?, b.run(fetch).await?),
                Expr::Join(a, b) => {
                    let (a, b) = futures::join!(a.run(fetch), b.run(fetch));
                    a?.wrapping_add(b?)
                }
                Expr::Cap(a) => a.run(fetch).await?.min(3),
                Expr::If(condition, even, odd) => {
                    let branch = if condition.run(fetch).await? % 2 == 0 { even } else { odd };
                    branch.run(fetch).await?
                }
                Expr::Pick(index, keys) => fetch.get(pick(index.run(fetch).await?, keys)).await?,
            })
        })
    }
}

/// Mixes two numbers into one below 1000, for the sake of readers.
pub(crate) fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(31).wrapping_add(b.wrapping_mul(7)).wrapping_add(1).rem_euclid(1000)
}

/// The key that a number names.
pub(crate) fn pick(index: i64, keys: &[Name]) -> Name {
    keys[index.rem_euclid(keys.len() as i64) as usize]
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |keys: &[Name]| keys.iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Expr::Const(n) => write!(f, "{n}"),
            Expr::Get(key) => write!(f, "{key}"),
            Expr::Sum(keys) => write!(f, "sum({})", list(keys)),
            Expr::Add(a, b) => write!(f, "({a} + {b})"),
            Expr::Mix(a, b) => write!(f, "mix({a}, {b})"),
            Expr::Join(a, b) => write!(f, "join({a}, {b})"),
            Expr::Cap(a) => write!(f, "min({a}, 3)"),
            Expr::If(a, b, c) => write!(f, "if even({a}) then {b} else {c}"),
            Expr::Pick(index, keys) => write!(f, "[{}][{index}]", list(keys)),
        }
    }
}
