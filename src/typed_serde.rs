//! Typed keys and outputs as bytes, so that a journal on disk can keep them.
//!
//! A [`RuleKey`] holds a rule of any type and an [`Output`] a value of any type. To be read back, both are written as a pair:
//! the name of the type, then the rule or the value itself, as its own `Serialize` writes it. No bytes lie between: the
//! journal, which walks the structure to notice types that have changed, sees that of the rule. A table of the process
//! tells how each type is written, and which name is which type; [`journal_rule`] enters a rule and its output.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::typed::{Output, Rule, RuleKey};

/// Lets a journal on disk keep the keys of this rule and their outputs.
///
/// Every process calls it once for each of its rules, before the journal is read. Calling it again changes nothing.
///
/// Without it, nothing fails, and nothing is wrong: the journal keeps nothing of the rule, so in the next process its keys run
/// again, and so do the keys that fetched them. If the journal knows none of its keys, because the process has not called
/// this for any rule, the journal is set aside and begins anew (`Log::anew` in `alacarte-stores` tells of it).
///
/// Types are told apart by [`type_name`]. Keys of a rule that was renamed or moved to another module run again, as they do if
/// its fields or those of its output have changed. Where [`Rule::run`] has changed, raise [`Rule::VERSION`].
///
/// # Panics
/// If another type was entered that has the same name: it is declared in another block of the same function, or comes
/// from another version of the same crate. Give one of the two another name.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::stores::Log;
/// use alacarte::{FetchRule, Output, Result, Rule, RuleKey, TypedRules, journal_rule};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
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
///
/// journal_rule::<Fibonacci>();
/// let directory = tempfile::tempdir()?;
/// let build = || {
///     let journal = Log::open(directory.path().join("journal"))?;
///     let build = Build::new(TypedRules, Memory::new()).with_journal(journal);
///     let mut build = build.with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
///     let ran = build.run([RuleKey::new(Fibonacci(10))])?.ran.len();
///     let output = build.get(RuleKey::new(Fibonacci(10))).and_then(|output| output.get::<u64>().copied());
///     Ok::<_, Box<dyn std::error::Error>>((ran, output))
/// };
/// assert_eq!(build()?, (11, Some(55)));
/// // A later process finds everything in the journal.
/// assert_eq!(build()?, (0, Some(55)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn journal_rule<R>()
where
    R: Rule + Serialize + DeserializeOwned,
    R::Output: Serialize + DeserializeOwned,
{
    RULES.enter::<R>(|bytes| erased_serde::deserialize::<R>(bytes).map(RuleKey::new));
    OUTPUTS.enter::<R::Output>(|bytes| erased_serde::deserialize::<R::Output>(bytes).map(Output::new));
}

static RULES: Table<RuleKey> = Table::new("rule");
static OUTPUTS: Table<Output> = Table::new("output");

/// Sees what has the type that was entered as something that can be written.
type Encode = fn(&dyn Any) -> Option<&dyn erased_serde::Serialize>;

/// Reads what has the type that was entered.
type Decode<T> = fn(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<T>;

/// The types that can be held by a `T`.
struct Table<T> {
    /// What they are, for messages.
    what: &'static str,
    types: Mutex<Types<T>>,
}

struct Types<T> {
    encoders: BTreeMap<TypeId, Encode>,
    decoders: BTreeMap<&'static str, (TypeId, Decode<T>)>,
}

impl<T: 'static> Table<T> {
    const fn new(what: &'static str) -> Self {
        Table { what, types: Mutex::new(Types { encoders: BTreeMap::new(), decoders: BTreeMap::new() }) }
    }

    fn types(&self) -> MutexGuard<'_, Types<T>> {
        // (A thread that panics here does so before or after a change, never in the midst of one.)
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter<I: Serialize + 'static>(&self, decode: Decode<T>) {
        let (id, name) = (TypeId::of::<I>(), type_name::<I>());
        let mut types = self.types();
        let (entered, _) = *types.decoders.entry(name).or_insert((id, decode));
        if entered == id {
            types.encoders.insert(id, |inner| inner.downcast_ref::<I>().map(|inner| inner as _));
        }
        drop(types);
        assert!(entered == id, "two types are named `{name}`, so no journal can tell them apart: rename one of them");
    }

    fn unknown(&self, name: &str) -> String {
        let what = self.what;
        format!("no journal keeps the {what} type `{name}`: call `journal_rule` for the rule before the build begins")
    }

    fn write<S: Serializer>(&self, inner: &dyn Any, name: &str, serializer: S) -> Result<S::Ok, S::Error> {
        // (The table is not locked while the rule is written, for there may be keys among its parameters.)
        let encode = self.types().encoders.get(&inner.type_id()).copied();
        let Some(inner) = encode.and_then(|encode| encode(inner)) else {
            return Err(S::Error::custom(self.unknown(name)));
        };
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(name)?;
        pair.serialize_element(inner)?;
        pair.end()
    }
}

impl Serialize for RuleKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RULES.write(self.as_any(), self.type_name(), serializer)
    }
}

impl<'de> Deserialize<'de> for RuleKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, Pair(&RULES))
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OUTPUTS.write(self.as_any(), self.type_name(), serializer)
    }
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, Pair(&OUTPUTS))
    }
}

/// Reads the name of a type, then what has this type.
struct Pair<T: 'static>(&'static Table<T>);

impl<'de, T: 'static> Visitor<'de> for Pair<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a type and the {} that has it", self.0.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<T, A::Error> {
        let decode = pair.next_element_seed(Name(self.0))?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        pair.next_element_seed(Inner(decode))?.ok_or_else(|| A::Error::invalid_length(1, &self))
    }
}

/// Reads the name of a type: how the type is read.
struct Name<T: 'static>(&'static Table<T>);

impl<'de, T: 'static> DeserializeSeed<'de> for Name<T> {
    type Value = Decode<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Decode<T>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T: 'static> Visitor<'_> for Name<T> {
    type Value = Decode<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a type of {}", self.0.what)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Decode<T>, E> {
        let known = self.0.types().decoders.get(name).map(|&(_, decode)| decode);
        known.ok_or_else(|| E::custom(self.0.unknown(name)))
    }
}

struct Inner<T>(Decode<T>);

impl<'de, T> DeserializeSeed<'de> for Inner<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        (self.0)(&mut <dyn erased_serde::Deserializer<'_>>::erase(deserializer)).map_err(D::Error::custom)
    }
}
