//! Tasks as data.
//!
//! A task here is an expression, so that three readers can agree on it: the build runs it as a future, the
//! oracle evaluates it from scratch, and a person reads it in a counterexample. The operators are chosen for
//! what they do to a build: groups, branches that flip, keys that a value names, functions that map many values
//! to one, so that changes stop; and for the ways in which a task can be no function of what it fetches: it
//! fails, panics, looks at the world, or is not deterministic.

use std::fmt;

use alacarte_core::{Fetch, Result, TaskError};
use futures::future::LocalBoxFuture;

use crate::name::Name;
use crate::world::World;

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
    Add {
        /// The one that is computed first.
        left: Box<Expr>,
        /// The other one.
        right: Box<Expr>,
    },
    /// The left, then the right, mixed so that hardly any change is lost.
    Mix {
        /// The one that is computed first.
        left: Box<Expr>,
        /// The other one.
        right: Box<Expr>,
    },
    /// Both at once, in the way that [`World::combines`] says, added.
    Join {
        /// One of them.
        left: Box<Expr>,
        /// The other one.
        right: Box<Expr>,
    },
    /// No more than 3: many changes are lost.
    Cap(Box<Expr>),
    /// One of the two branches: the first if the condition is even.
    If {
        /// What decides.
        condition: Box<Expr>,
        /// The branch if it is even.
        even: Box<Expr>,
        /// The branch if it is odd.
        odd: Box<Expr>,
    },
    /// The value of the key that a value names: the `n`-th of the list.
    Pick {
        /// The value.
        index: Box<Expr>,
        /// The list.
        keys: Vec<Name>,
    },
    /// The same value; fails if it is 7 modulo 8.
    Check(Box<Expr>),
    /// The same value; panics if it is 6 modulo 8.
    Trip(Box<Expr>),
    /// A hidden value of the world, which changes between builds. The task declares itself volatile.
    Now,
    /// The value, or one more: a toss decides. A task that is not deterministic.
    About(Box<Expr>),
    /// Has a key brought up to date without waiting for it, and goes on.
    Start {
        /// The key.
        key: Name,
        /// What is computed then.
        then: Box<Expr>,
    },
}

impl Expr {
    /// Calls `each` with every key that an evaluation may fetch.
    pub fn mentions(&self, each: &mut impl FnMut(Name)) {
        match self {
            Expr::Const(_) | Expr::Now => {}
            Expr::Get(key) => each(*key),
            Expr::Sum(keys) => keys.iter().copied().for_each(each),
            Expr::Add { left: a, right: b } | Expr::Mix { left: a, right: b } | Expr::Join { left: a, right: b } => {
                a.mentions(each);
                b.mentions(each);
            }
            Expr::Cap(a) | Expr::Check(a) | Expr::Trip(a) | Expr::About(a) | Expr::Start { then: a, .. } => {
                a.mentions(each)
            }
            Expr::If { condition: a, even: b, odd: c } => [a, b, c].into_iter().for_each(|part| part.mentions(each)),
            Expr::Pick { index, keys } => {
                index.mentions(each);
                keys.iter().copied().for_each(each);
            }
        }
    }

    /// Calls `each` with every key that an evaluation may start without waiting for it.
    pub fn starts(&self, each: &mut impl FnMut(Name)) {
        match self {
            Expr::Const(_) | Expr::Now | Expr::Get(_) | Expr::Sum(_) => {}
            Expr::Add { left: a, right: b } | Expr::Mix { left: a, right: b } | Expr::Join { left: a, right: b } => {
                a.starts(each);
                b.starts(each);
            }
            Expr::Cap(a) | Expr::Check(a) | Expr::Trip(a) | Expr::About(a) | Expr::Pick { index: a, .. } => {
                a.starts(each)
            }
            Expr::If { condition: a, even: b, odd: c } => [a, b, c].into_iter().for_each(|part| part.starts(each)),
            Expr::Start { key, then: a } => {
                each(*key);
                a.starts(each);
            }
        }
    }

    /// Whether it is not deterministic. (Only whole tasks are.)
    pub fn is_nondeterministic(&self) -> bool {
        matches!(self, Expr::About(_))
    }

    /// Computes the value as a task does, in this world.
    pub fn run<'t>(&'t self, fetch: Fetch<'t, Name, i64>, world: &'t World) -> LocalBoxFuture<'t, Result<i64>> {
        Box::pin(async move {
            Ok(match self {
                Expr::Const(n) => *n,
                Expr::Get(key) => fetch.get(key).await?,
                Expr::Sum(keys) => fetch.all(keys).await?.into_iter().fold(0, i64::wrapping_add),
                Expr::Add { left: a, right: b } => a.run(fetch, world).await?.wrapping_add(b.run(fetch, world).await?),
                Expr::Mix { left: a, right: b } => mix(a.run(fetch, world).await?, b.run(fetch, world).await?),
                Expr::Join { left: a, right: b } => {
                    let (a, b) = world.combines().both(a.run(fetch, world), b.run(fetch, world)).await;
                    a?.wrapping_add(b?)
                }
                Expr::Cap(a) => a.run(fetch, world).await?.min(3),
                Expr::If { condition, even, odd } => {
                    let branch = if condition.run(fetch, world).await? % 2 == 0 { even } else { odd };
                    branch.run(fetch, world).await?
                }
                Expr::Pick { index, keys } => fetch.get(pick(index.run(fetch, world).await?, keys)).await?,
                Expr::Check(a) => match a.run(fetch, world).await? {
                    value if fails(value) => return Err(TaskError::new(format!("{value} is not allowed"))),
                    value => value,
                },
                Expr::Trip(a) => match a.run(fetch, world).await? {
                    // Like `panic!`, but nothing is written to the terminal.
                    value if panics(value) => std::panic::resume_unwind(Box::new(format!("tripped over {value}"))),
                    value => value,
                },
                Expr::Now => {
                    fetch.volatile();
                    world.now()
                }
                Expr::About(a) => a.run(fetch, world).await?.wrapping_add(world.toss()),
                Expr::Start { key, then: a } => {
                    fetch.detach(key);
                    a.run(fetch, world).await?
                }
            })
        })
    }
}

/// Mixes two numbers into one below 1000, for the sake of readers.
pub(crate) fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(31).wrapping_add(b.wrapping_mul(7)).wrapping_add(1).rem_euclid(1000)
}

/// Whether a task that checks this value fails.
pub(crate) fn fails(value: i64) -> bool {
    value.rem_euclid(8) == 7
}

/// Whether a task that trips over this value panics.
pub(crate) fn panics(value: i64) -> bool {
    value.rem_euclid(8) == 6
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
            Expr::Add { left: a, right: b } => write!(f, "({a} + {b})"),
            Expr::Mix { left: a, right: b } => write!(f, "mix({a}, {b})"),
            Expr::Join { left: a, right: b } => write!(f, "join({a}, {b})"),
            Expr::Cap(a) => write!(f, "min({a}, 3)"),
            Expr::If { condition: a, even: b, odd: c } => write!(f, "if even({a}) then {b} else {c}"),
            Expr::Pick { index, keys } => write!(f, "[{}][{index}]", list(keys)),
            Expr::Check(a) => write!(f, "check({a})"),
            Expr::Trip(a) => write!(f, "trip({a})"),
            Expr::Now => write!(f, "now()"),
            Expr::About(a) => write!(f, "about({a})"),
            Expr::Start { key, then: a } => write!(f, "(start {key}; {a})"),
        }
    }
}
