//! Per key: a caching policy for each task, rather than one for all.
//!
//! Metadata are folded for every key alike, so the policies never disagree about what happened; each only reads
//! its own. That is what separate metadata updaters buy: the published model, whose rebuilders write their own
//! traces, cannot mix them.

use std::task::Poll;

use alacarte_core::{Answer, Key, KeyId, Metadata, Question, Rebuilder, SharableTrace, Value};
use alacarte_metadata::{ConstructiveTraces, DeepConstructiveTraces, DirtyBits, VerifyingTraces};

use crate::{ConstructiveTrace, DeepConstructiveTrace, DirtyBit, Perpetual, VerifyingTrace};

/// How one key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// See [`DirtyBit`].
    DirtyBit,
    /// See [`VerifyingTrace`].
    VerifyingTrace,
    /// See [`ConstructiveTrace`].
    ConstructiveTrace,
    /// See [`DeepConstructiveTrace`].
    DeepConstructiveTrace,
    /// Never kept: its task runs in every build that reaches it.
    Volatile,
}

/// Asks, for each key, the rebuilder of the policy that `choose` gives it.
///
/// ```
/// use std::cell::Cell;
///
/// use alacarte::prelude::*;
/// use alacarte::rebuilders::{PerKey, Policy};
///
/// let coin = Cell::new(40);
/// let tasks = Rules::new()
///     .rule("draw", task(async move |_| Ok(coin.replace(coin.get() + 1))))
///     .rule("tens", formula(["draw"], |[draw]| draw / 10))
///     .rule("shown", formula(["tens"], |[tens]| tens + 1));
/// let policies = PerKey::new(|key: &&str| match *key {
///     "draw" => Policy::Volatile,
///     _ => Policy::VerifyingTrace,
/// });
/// let mut build = Build::new(tasks, Memory::new()).with_scheduler(Suspending::new()).with_rebuilder(policies);
/// build.run(["shown"])?;
/// // `draw` runs in every build. `tens` gives 4 again, so `shown` is kept.
/// let report = build.run(["shown"])?;
/// assert_eq!(build.names(&report.ran), ["draw", "tens"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PerKey<F> {
    choose: F,
}

impl<F> PerKey<F> {
    /// The policy of a key is `choose(key)`; it must always be the same for the same key.
    pub fn new(choose: F) -> Self {
        PerKey { choose }
    }
}

impl<K: Key, V: Value, F: Fn(&K) -> Policy> Rebuilder<K, V> for PerKey<F> {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
        metadata.install::<VerifyingTraces>();
        metadata.install::<ConstructiveTraces<V>>();
        metadata.install::<DeepConstructiveTraces<V>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        match (self.choose)(question.name()) {
            Policy::DirtyBit => DirtyBit.ask(question, metadata),
            Policy::VerifyingTrace => VerifyingTrace.ask(question, metadata),
            Policy::ConstructiveTrace => ConstructiveTrace.ask(question, metadata),
            Policy::DeepConstructiveTrace => DeepConstructiveTrace.ask(question, metadata),
            Policy::Volatile => {
                question.make_volatile();
                Perpetual.ask(question, metadata)
            }
        }
    }

    fn restores(&self) -> bool {
        true
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        // Whatever a key's own policy, the shallow trace is what a constructive policy elsewhere can use. Deep traces
        // are not shared from here.
        Rebuilder::<K, V>::sharable_trace(&ConstructiveTrace, key, metadata)
    }
}
