//! Within: a rebuilder that restores, whose traces keep no more than so many bytes of values.

use std::task::Poll;

use alacarte_core::{Answer, Fetched, Key, KeyId, Metadata, Question, Rebuilder, SharableTrace, Suspects, Value};
use alacarte_metadata::{ConstructiveTraces, DeepConstructiveTraces, KeepsValues};

use crate::{ConstructiveTrace, DeepConstructiveTrace};

/// A rebuilder that restores values `V` from traces that keep them.
///
/// ```
/// use alacarte::metadata::KeepsValues;
/// use alacarte::rebuilders::{ConstructiveTrace, Restores};
///
/// /// How many bytes of values the traces of this rebuilder keep, unless it is [`Within`] another bound.
/// fn bound<V, R: Restores<V>>() -> usize {
///     R::Traces::BYTES
/// }
/// # use alacarte::rebuilders::Within;
/// assert!(bound::<i64, ConstructiveTrace>() > 1 << 20);
/// ```
pub trait Restores<V> {
    /// The traces.
    type Traces: KeepsValues;
}

impl<V: Value> Restores<V> for ConstructiveTrace {
    type Traces = ConstructiveTraces<V>;
}

impl<V: Value> Restores<V> for DeepConstructiveTrace {
    type Traces = DeepConstructiveTraces<V>;
}

/// [`ConstructiveTrace`] or [`DeepConstructiveTrace`], with another bound on the bytes of the values that are kept to be
/// restored than [`KeepsValues::BYTES`].
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::rebuilders::Within;
///
/// for (bytes, restored) in [(0, 0), (1000, 1)] {
///     let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
///     let build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new());
///     let mut build = build.with_rebuilder(Within::new(bytes, ConstructiveTrace));
///     build.run(["B"])?;
///     build.set("A", 2)?;
///     build.run(["B"])?;
///     // After the edit is taken back, B is restored if there was room for its older value.
///     build.set("A", 1)?;
///     assert_eq!(build.run(["B"])?.restored.len(), restored);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Within<R> {
    rebuilder: R,
    bytes: usize,
}

impl<R> Within<R> {
    /// This rebuilder, with a bound on the bytes of values (see [`Value::size_in_bytes`]). The newest value of each key is kept in any
    /// case.
    pub fn new(bytes: usize, rebuilder: R) -> Self {
        Within { rebuilder, bytes }
    }
}

impl<K: Key, V: Value, R: Rebuilder<K, V> + Restores<V>> Rebuilder<K, V> for Within<R> {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install_as(|| R::Traces::within(self.bytes));
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        self.rebuilder.ask(question, metadata)
    }

    fn skips_unchanged_builds(&self) -> bool {
        self.rebuilder.skips_unchanged_builds()
    }

    fn heeds_touches(&self) -> bool {
        self.rebuilder.heeds_touches()
    }

    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.rebuilder.suspects(metadata)
    }

    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.rebuilder.dependents(key, metadata, each);
    }

    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        self.rebuilder.dependency(key, position, metadata)
    }

    fn restores(&self) -> bool {
        self.rebuilder.restores()
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        self.rebuilder.sharable_trace(key, metadata)
    }
}
