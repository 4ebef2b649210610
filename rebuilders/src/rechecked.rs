//! Rechecked: a sample of the keys that a trace would restore is run all the same, to see whether the task gives that value again.
//!
//! A cache is as good as its tasks are deterministic and their dependencies complete, and nothing else tells. Which keys are
//! run is chosen by their names and a seed, so that another seed tries others. What they give is what they have: the
//! trace was only to be compared with.

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::task::{Poll, ready};

use alacarte_core::{
    Answer, Fetched, Key, KeyId, Metadata, Noted, Question, Reason, Rebuilder, SharableTrace, Suspects, Value,
};

/// Another rebuilder, a sample of whose hits is run again.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use alacarte::prelude::*;
/// use alacarte::rebuilders::Rechecked;
///
/// // B looks at something that it does not fetch.
/// let hidden = Rc::new(Cell::new(10));
/// let looks = hidden.clone();
/// let tasks = Rules::new().rule("B", formula(["A"], move |[a]| a + looks.get()));
/// let rechecked = Rechecked::new(ConstructiveTrace, 100, 0);
/// let sample = rechecked.sample();
/// let mut build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(rechecked);
/// build.run(["B"])?;
/// build.set("A", 2)?;
/// build.run(["B"])?;
/// hidden.set(20);
///
/// // A trace says that B is 11 when A is 1. It is run all the same, and gives 21.
/// build.set("A", 1)?;
/// build.run(["B"])?;
/// let expected = sample.take().expected[0];
/// assert_eq!((build.names(&[expected.key]), expected.value, build.get("B")), (vec!["B"], 11, Some(21)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rechecked<R, V> {
    rebuilder: R,
    percent: u8,
    seed: u64,
    sample: Sample<V>,
}

/// Which keys were run to see what they give. Clones are the same sample.
#[derive(Debug, Clone)]
pub struct Sample<V>(Rc<RefCell<Hits<V>>>);

#[derive(Debug)]
struct Hits<V> {
    all: HashSet<KeyId>,
    expected: BTreeMap<KeyId, V>,
}

impl<V> Default for Hits<V> {
    fn default() -> Self {
        Hits { all: HashSet::new(), expected: BTreeMap::new() }
    }
}

/// What a sample has come to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sampled<V> {
    /// How many keys could have been restored.
    pub hits: usize,
    /// Those that were run all the same, and what a trace says that they give.
    pub expected: Vec<Noted<V>>,
}

impl<V> Sample<V> {
    /// What it has come to since this was last asked. To be asked after each build: what a key gives later, from other inputs, is
    /// nothing to compare with.
    pub fn take(&self) -> Sampled<V> {
        let Hits { all, expected } = self.0.take();
        Sampled { hits: all.len(), expected: expected.into_iter().map(|(key, value)| Noted::new(key, value)).collect() }
    }
}

impl<R, V> Rechecked<R, V> {
    /// So many percent of what this rebuilder would restore is run.
    pub fn new(rebuilder: R, percent: u8, seed: u64) -> Self {
        Rechecked { rebuilder, percent, seed, sample: Sample(Rc::default()) }
    }

    /// What was run, and what will be.
    pub fn sample(&self) -> Sample<V> {
        Sample(Rc::clone(&self.sample.0))
    }

    fn chooses(&self, key: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        (self.seed, key).hash(&mut hasher);
        hasher.finish() % 100 < u64::from(self.percent)
    }
}

impl<K: Key, V: Value, R: Rebuilder<K, V>> Rebuilder<K, V> for Rechecked<R, V> {
    fn install(&self, metadata: &mut Metadata) {
        self.rebuilder.install(metadata);
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let answer = ready!(self.rebuilder.ask(question, metadata));
        let Answer::Restore(restored) = &answer else { return Poll::Ready(answer) };
        let key = question.key();
        let hits = &mut *self.sample.0.borrow_mut();
        hits.all.insert(key);
        if !self.chooses(question.name()) {
            return Poll::Ready(answer);
        }
        // (A value that lies in its place already is vouched for by the trace alone.)
        if let Some(expected) = restored.value.as_ref().or(question.value(key)) {
            hits.expected.insert(key, expected.clone());
        }
        Poll::Ready(Answer::Run(Reason::Other("it could be restored, and is run to see whether it gives the same")))
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
