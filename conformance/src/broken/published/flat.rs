//! Deep constructive traces as published: a trace lists terminal inputs, and finds those of a dependency by
//! looking up an older trace of it. The question is under which value.
//!
//! - Under the *parent's* value ([`ByParent`]), as published: hardly ever found, so the dependency itself is
//!   listed as if it were an input. Such traces are not deep.
//! - Under the dependency's own value ([`ByValue`]), as one would mend it: found, but of whichever run gave that
//!   value last. Where a task fetches now this key, now that, the list is another run's (THEORY, rule 4).

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::task::{Poll, ready};

use alacarte_core::{
    Answer, Dependency, Event, Fingerprint, Key, KeyId, Metadata, MetadataUpdater, Question, Reason, Rebuilder, Record,
    Restored, Value,
};

/// Under which value the traces of a dependency are looked up.
///
/// ```
/// use alacarte_conformance::broken::published::{FlatTrace, LookUp};
/// use alacarte_core::{Build, Fingerprint, Rules, formula};
///
/// /// Under a value that no key has: all traces are shallow.
/// #[derive(Debug, Clone, Default)]
/// struct ByNothing;
///
/// impl LookUp for ByNothing {
///     fn under(_: Fingerprint, _: Fingerprint) -> Fingerprint {
///         Fingerprint::of_bytes(b"no key's")
///     }
/// }
///
/// let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1)).rule("C", formula(["B"], |[b]| b * 2));
/// let build = Build::new(tasks, alacarte_stores::Memory::from([("A", 1)]));
/// let build = build.with_scheduler(alacarte_schedulers::Suspending::new());
/// let mut build = build.with_rebuilder(FlatTrace(ByNothing));
/// build.run(["C"])?;
/// build.set("A", 5)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B", "C"]); // It looked at B, and not through it.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LookUp: fmt::Debug + Clone + Default + 'static {
    /// Given the parent's value and the dependency's.
    fn under(parent: Fingerprint, dependency: Fingerprint) -> Fingerprint;
}

/// Under the value of the key that fetched it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByParent;

/// Under its own value.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByValue;

impl LookUp for ByParent {
    fn under(parent: Fingerprint, _: Fingerprint) -> Fingerprint {
        parent
    }
}

impl LookUp for ByValue {
    fn under(_: Fingerprint, dependency: Fingerprint) -> Fingerprint {
        dependency
    }
}

/// What a trace takes for a terminal input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlatInput {
    /// The key.
    pub key: KeyId,
    /// The fingerprint of what it held.
    pub fingerprint: Fingerprint,
}

/// One trace: what is taken for the terminal inputs, and the value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Flat<V> {
    /// The inputs, each with what it held.
    pub inputs: Vec<FlatInput>,
    /// What the task gave.
    pub value: V,
}

/// Traces with lists written out, the newest of a key last.
#[derive(Debug, Clone)]
pub struct FlatTraces<V, L> {
    traces: HashMap<KeyId, Vec<Flat<V>>>,
    now: HashMap<KeyId, Fingerprint>,
    look_up: PhantomData<L>,
}

impl<V, L> Default for FlatTraces<V, L> {
    fn default() -> Self {
        FlatTraces { traces: HashMap::new(), now: HashMap::new(), look_up: PhantomData }
    }
}

impl<V: Value, L: LookUp> FlatTraces<V, L> {
    /// The traces of a key, the newest first.
    pub fn of(&self, key: KeyId) -> impl Iterator<Item = &Flat<V>> {
        self.traces.get(&key).into_iter().flat_map(|traces| traces.iter().rev())
    }

    fn record(&mut self, record: &Record<'_>) {
        let Some(value) = record.value.downcast_ref::<V>() else { return };
        let mut inputs: Vec<FlatInput> = Vec::new();
        for dependency in record.dependencies {
            let under = L::under(record.fingerprint, dependency.fingerprint);
            // The defect: whichever run it was that gave this value.
            let found = self.of(dependency.key).find(|trace| trace.value.fingerprint() == under);
            match found {
                Some(trace) => {
                    let now = |input: &FlatInput| *self.now.get(&input.key).unwrap_or(&input.fingerprint);
                    let listed = trace.inputs.iter().map(|input| FlatInput { fingerprint: now(input), ..*input });
                    inputs.extend(listed.collect::<Vec<_>>());
                }
                None => inputs.push(FlatInput { key: dependency.key, fingerprint: dependency.fingerprint }),
            }
        }
        self.traces.entry(record.key).or_default().push(Flat { inputs, value: value.clone() });
    }
}

impl<V: Value, L: LookUp> MetadataUpdater for FlatTraces<V, L> {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Changed { key, fingerprint: Some(fingerprint), .. } => {
                self.now.insert(*key, *fingerprint);
            }
            Event::Changed { key, fingerprint: None, .. } => {
                self.now.remove(key);
            }
            Event::Built(record) => {
                if !record.volatile {
                    self.record(record);
                }
                self.now.insert(record.key, record.fingerprint);
            }
            Event::Restored(record) => {
                self.now.insert(record.key, record.fingerprint);
            }
            Event::Forgotten { keys } => {
                for key in *keys {
                    self.now.remove(key);
                    self.traces.remove(key);
                }
            }
            Event::Imported(_) | Event::Detached { .. } => {}
        }
    }
}

/// Restores a key if everything that one of its traces lists is as it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct FlatTrace<L>(pub L);

impl<K: Key, V: Value, L: LookUp> Rebuilder<K, V> for FlatTrace<L> {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<FlatTraces<V, L>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<FlatTraces<V, L>>();
        let mut why = None;
        for trace in traces.of(question.key()) {
            let mut holds = true;
            for &FlatInput { key, fingerprint: from } in &trace.inputs {
                let now = ready!(question.fetch(key));
                if now != Some(from) {
                    holds = false;
                    why = why.or(Some(Reason::DependencyChanged { key, from, to: now }));
                    break;
                }
            }
            if holds && question.current() == Some(trace.value.fingerprint()) {
                return Poll::Ready(Answer::Keep);
            }
            if holds {
                let dependency = |input: &FlatInput| Dependency::new(input.key, input.fingerprint);
                let dependencies = trace.inputs.iter().map(dependency).collect();
                let value = Some(trace.value.clone());
                return Poll::Ready(Answer::Restore(Restored::new(dependencies, false, value)));
            }
        }
        Poll::Ready(Answer::Run(why.unwrap_or(Reason::NeverBuilt)))
    }

    fn restores(&self) -> bool {
        true
    }
}
