//! Typed rules: a key is a rule and its parameters, and every rule has an output type of its own.
//!
//! A key could be a rule function and its arguments. Here a rule is a struct: its fields are
//! the parameters, its [`Rule::run`] is the task, and the key ([`RuleKey`]) is nothing but the struct.

use std::any::Any;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::error::{Result, TaskError};
use crate::fetch::Fetch;
use crate::fingerprint::{Fingerprint, Value};
use crate::task::{Dynamic, Running, TaskFuture, Tasks};

/// A rule with its parameters. Two equal rules are the same key.
///
/// With the feature `files`, `journal_rule` lets a journal on disk keep its keys and their outputs.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{FetchRule, Output, Result, Rule, RuleKey, TypedRules};
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct Text(u32);
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct Words(u32);
///
/// impl Rule for Text {
///     type Output = String;
///     const INPUT: bool = true;
///     async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<String> {
///         unreachable!("it is an input")
///     }
/// }
///
/// impl Rule for Words {
///     type Output = usize;
///     async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<usize> {
///         let text: String = fetch.rule(Text(self.0)).await?;
///         Ok(text.split_whitespace().count())
///     }
/// }
///
/// let mut build = Build::new(TypedRules, Memory::new()).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// build.set(RuleKey::new(Text(7)), Output::new("to be or not to be".to_string()))?;
/// build.run([RuleKey::new(Words(7))])?;
/// assert_eq!(build.get(RuleKey::new(Words(7))).unwrap().get::<usize>(), Some(&6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[allow(async_fn_in_trait, reason = "builds run on one thread, so the future need not be `Send`")]
pub trait Rule: Clone + Eq + Hash + Debug + 'static {
    /// What the rule's task gives.
    type Output: Value;

    /// Whether keys of this rule are inputs: they have no task, their values are given to the build.
    const INPUT: bool = false;

    /// The version of [`Rule::run`]: where a journal outlives the process, a changed version makes its keys run again.
    const VERSION: u64 = 0;

    /// Computes the value. Never called for inputs.
    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<Self::Output>;
}

/// A rule and its parameters, as a key.
#[derive(Clone)]
pub struct RuleKey(Rc<dyn AnyRule>);

impl RuleKey {
    /// The key of this rule with these parameters.
    pub fn new<R: Rule>(rule: R) -> Self {
        RuleKey(Rc::new(rule))
    }

    /// The rule, if it is one of this type.
    pub fn as_rule<R: Rule>(&self) -> Option<&R> {
        self.0.as_any().downcast_ref()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn as_any(&self) -> &dyn Any {
        self.0.as_any()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn type_name(&self) -> &'static str {
        self.0.type_name()
    }
}

impl<R: Rule> From<R> for RuleKey {
    fn from(rule: R) -> Self {
        RuleKey::new(rule)
    }
}

impl PartialEq for RuleKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0.as_any())
    }
}

impl Eq for RuleKey {}

impl Hash for RuleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_into(state);
    }
}

impl Debug for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

trait AnyRule: Debug {
    fn as_any(&self) -> &dyn Any;
    #[cfg(feature = "serde")]
    fn type_name(&self) -> &'static str;
    fn equals(&self, other: &dyn Any) -> bool;
    fn hash_into(&self, state: &mut dyn Hasher);
    fn is_input(&self) -> bool;
    fn version(&self) -> u64;
    fn start<'t>(self: Rc<Self>, fetch: Fetch<'t, RuleKey, Output>) -> TaskFuture<'t, Output>;
}

impl<R: Rule> AnyRule for R {
    fn as_any(&self) -> &dyn Any {
        self
    }

    #[cfg(feature = "serde")]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<R>()
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<R>() == Some(self)
    }

    fn hash_into(&self, mut state: &mut dyn Hasher) {
        std::any::TypeId::of::<R>().hash(&mut state);
        self.hash(&mut state);
    }

    fn is_input(&self) -> bool {
        R::INPUT
    }

    fn version(&self) -> u64 {
        R::VERSION
    }

    fn start<'t>(self: Rc<Self>, fetch: Fetch<'t, RuleKey, Output>) -> TaskFuture<'t, Output> {
        Box::pin(async move { self.run(fetch).await.map(Output::new) })
    }
}

/// The output of some rule.
#[derive(Clone)]
pub struct Output {
    value: Rc<dyn AnyValue>,
    fingerprint: Fingerprint,
    whole: bool,
}

impl Output {
    /// Wraps an output.
    pub fn new<V: Value>(value: V) -> Self {
        Output { fingerprint: value.fingerprint(), whole: value.is_whole(), value: Rc::new(value) }
    }

    /// The output, if it is of this type.
    pub fn get<V: Value>(&self) -> Option<&V> {
        self.value.as_any().downcast_ref()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn as_any(&self) -> &dyn Any {
        self.value.as_any()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn type_name(&self) -> &'static str {
        self.value.type_name()
    }
}

/// A value of some type.
trait AnyValue {
    fn as_any(&self) -> &dyn Any;
    #[cfg(feature = "serde")]
    fn type_name(&self) -> &'static str;
    fn size_in_bytes(&self) -> usize;
}

impl<V: Value> AnyValue for V {
    fn as_any(&self) -> &dyn Any {
        self
    }

    #[cfg(feature = "serde")]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<V>()
    }

    fn size_in_bytes(&self) -> usize {
        Value::size_in_bytes(self)
    }
}

impl Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({:?})", self.fingerprint)
    }
}

impl Value for Output {
    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + self.value.size_in_bytes()
    }
}

/// Fetches by rule.
///
/// ```
/// use alacarte::{Fetch, FetchRule, Output, Result, Rule, RuleKey};
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct Squared(u32);
///
/// impl Rule for Squared {
///     type Output = u64;
///     async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<u64> {
///         // The square of n is that of n - 1, and 2 n - 1 more. It comes as a `u64`, as the rule says.
///         let before = if self.0 == 0 { return Ok(0) } else { fetch.rule(Squared(self.0 - 1)).await? };
///         Ok(before + 2 * u64::from(self.0) - 1)
///     }
/// }
///
/// use alacarte::prelude::*;
/// use alacarte::TypedRules;
/// let mut build = Build::new(TypedRules, Memory::new()).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// let key = RuleKey::new(Squared(9));
/// build.run([&key])?;
/// assert_eq!(build.get(&key).and_then(|output| output.get::<u64>().copied()), Some(81));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[allow(async_fn_in_trait, reason = "builds run on one thread, so the future need not be `Send`")]
pub trait FetchRule {
    /// The output of a rule, brought up to date first.
    async fn rule<R: Rule>(self, rule: R) -> Result<R::Output>;
}

impl FetchRule for Fetch<'_, RuleKey, Output> {
    async fn rule<R: Rule>(self, rule: R) -> Result<R::Output> {
        let key = RuleKey::new(rule);
        let output = self.get(&key).await?;
        let typed = output.get::<R::Output>().cloned();
        typed.ok_or_else(|| TaskError::new(format!("{key} was given a value of another type than its rule's output")))
    }
}

/// The tasks of all typed rules: every rule carries its own, so there is nothing to collect.
///
/// ```
/// use alacarte::{Fetch, Result, Rule, RuleKey, FetchRule, Output, TypedRules, Tasks};
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct Fibonacci(u32);
///
/// impl Rule for Fibonacci {
///     type Output = u64;
///     async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<u64> {
///         match self.0 {
///             0 | 1 => Ok(u64::from(self.0)),
///             n => Ok(fetch.rule(Fibonacci(n - 1)).await? + fetch.rule(Fibonacci(n - 2)).await?),
///         }
///     }
/// }
/// assert!(TypedRules.has(&RuleKey::new(Fibonacci(10))));
/// assert_eq!(RuleKey::new(Fibonacci(10)).to_string(), "Fibonacci(10)");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TypedRules;

impl Tasks<RuleKey, Output> for TypedRules {
    type Power = Dynamic;

    fn has(&self, key: &RuleKey) -> bool {
        !key.0.is_input()
    }

    fn run<'t>(&'t self, key: &RuleKey, fetch: Fetch<'t, RuleKey, Output>) -> Running<'t, Output> {
        Running::Future(key.0.clone().start(fetch))
    }

    fn definition(&self, key: &RuleKey) -> Option<Fingerprint> {
        Some(key.0.version().fingerprint())
    }
}
