//! A rebuilder that is right, over an updater that was lied to.
//!
//! An updater is a fold over events, so whatever it can get wrong is as if it had been told of another event.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::task::Poll;

use alacarte_core::{
    Answer, Dependency, Event, Fingerprint, KeyId, Metadata, MetadataUpdater, Question, Rebuilder, Record,
    SharableTrace, Suspects,
};

use crate::name::Name;

/// Tells an updater of an event, or lies about it.
///
/// ```
/// use alacarte_conformance::Name;
/// use alacarte_conformance::broken::lies::{Lie, Misled, Past};
/// use alacarte_core::{Build, Event, MetadataUpdater, Rules, formula};
/// use alacarte_metadata::DirtyBits;
///
/// /// Says nothing of changes.
/// #[derive(Default)]
/// struct Silent;
///
/// impl Lie for Silent {
///     type To = DirtyBits;
///     fn tell(_: &Past, to: &mut DirtyBits, event: &Event<'_>) {
///         if !matches!(event, Event::Changed { .. }) {
///             to.apply(event);
///         }
///     }
/// }
///
/// let (a, b) = (Name(0), Name(1));
/// let tasks = Rules::new().rule(b, formula([a], |[a]| a + 1));
/// let build = Build::new(tasks, alacarte_stores::Memory::from([(a, 1)]));
/// let build = build.with_scheduler(alacarte_schedulers::Restarting::new());
/// let mut build = build.with_rebuilder(Misled::<_, Silent>::new(alacarte_rebuilders::DirtyBit));
/// build.run([b])?;
/// build.set(a, 5)?;
/// build.run([b])?;
/// assert_eq!(build.get(&b), Some(2)); // Stale.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Lie: Default + 'static {
    /// The updater that is lied to.
    type To: MetadataUpdater;
    /// Tells it, knowing what was built before.
    fn tell(past: &Past, to: &mut Self::To, event: &Event<'_>);
}

/// What a lie may look back at: how each key was built for the first time, and for the last.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Past {
    /// For the first time.
    pub first: HashMap<KeyId, BuiltKey>,
    /// For the last.
    pub last: HashMap<KeyId, BuiltKey>,
}

/// What an event told of a key that was built.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BuiltKey {
    /// What it fetched.
    pub dependencies: Vec<Dependency>,
    /// The fingerprint of what it gave.
    pub fingerprint: Fingerprint,
}

/// An updater that hears lies, and what a rebuilder reads that is to see it alone.
#[derive(Debug)]
pub struct Deceived<L> {
    past: Past,
    seen: Metadata,
    lie: PhantomData<L>,
}

impl<L: Lie> Default for Deceived<L> {
    fn default() -> Self {
        let mut seen = Metadata::default();
        seen.install::<L::To>();
        Deceived { past: Past::default(), seen, lie: PhantomData }
    }
}

impl<L: Lie> MetadataUpdater for Deceived<L> {
    fn apply(&mut self, event: &Event<'_>) {
        if let Some(updater) = self.seen.get_mut() {
            L::tell(&self.past, updater, event);
        }
        if let Event::Built(record) | Event::Restored(record) = event {
            let made = BuiltKey { dependencies: record.dependencies.to_vec(), fingerprint: record.fingerprint };
            self.past.first.entry(record.key).or_insert_with(|| made.clone());
            self.past.last.insert(record.key, made);
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.seen.mentions(key, each);
    }
}

/// A rebuilder that reads an updater which was lied to.
#[derive(Debug)]
pub struct Misled<R, L>(R, PhantomData<L>);

impl<R, L> Misled<R, L> {
    /// This rebuilder.
    pub fn new(rebuilder: R) -> Self {
        Misled(rebuilder, PhantomData)
    }
}

impl<R: Rebuilder<Name, i64>, L: Lie> Rebuilder<Name, i64> for Misled<R, L> {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<Deceived<L>>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        self.0.ask(question, &metadata.read::<Deceived<L>>().seen)
    }
    fn skips_unchanged_builds(&self) -> bool {
        self.0.skips_unchanged_builds()
    }
    fn heeds_touches(&self) -> bool {
        self.0.heeds_touches()
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.0.suspects(&metadata.read::<Deceived<L>>().seen)
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.0.dependents(key, &metadata.read::<Deceived<L>>().seen, each);
    }
    fn restores(&self) -> bool {
        self.0.restores()
    }
    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        self.0.sharable_trace(key, &metadata.read::<Deceived<L>>().seen)
    }
}

/// Tells an updater of the same event with another record, if it tells of a build here.
pub(super) fn retell<'e>(to: &mut impl MetadataUpdater, event: &Event<'e>, change: impl FnOnce(&mut Record<'e>)) {
    let mut event = *event;
    if let Event::Built(record) | Event::Restored(record) = &mut event {
        change(record);
    }
    to.apply(&event);
}

/// Tells an updater of the same event without some of the dependencies.
pub(super) fn without(to: &mut impl MetadataUpdater, event: &Event<'_>, left_out: impl Fn(&Dependency) -> bool) {
    let mut event = *event;
    if let Event::Built(record) | Event::Restored(record) = event {
        let told: Vec<_> = record.dependencies.iter().filter(|told| !left_out(told)).copied().collect();
        let mut record = record;
        record.dependencies = &told;
        event = if matches!(event, Event::Built(_)) { Event::Built(record) } else { Event::Restored(record) };
        return to.apply(&event);
    }
    to.apply(&event);
}

macro_rules! lies {
    ($($(#[$doc:meta])* $name:ident to $updater:ty: $tell:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name;

        impl Lie for $name {
            type To = $updater;
            fn tell(past: &Past, to: &mut $updater, event: &Event<'_>) {
                let tell: fn(&Past, &mut $updater, &Event<'_>) = $tell;
                tell(past, to, event);
            }
        }
    )*};
}
pub(super) use lies;
