//! Rebuilders: must the task run at all?
//!
//! A rebuilder is a *question asked before a task is polled*. It may bring dependencies up to date to find the
//! answer, in the very same way in which tasks do: where a fetch is pending the question is pending, and it is
//! asked again when the answer is there. So a rebuilder is a plain function, it works under every scheduler,
//! and a key that is kept costs no future.

use std::any::{Any, TypeId};
use std::fmt;
use std::task::{Poll, ready};

use smallbox::{SmallBox, smallbox, space::S4};

use crate::event::{Dependency, Fetched, Time};
use crate::fingerprint::{Fingerprint, Value};
use crate::key::{Key, KeyId, Keys};
use crate::key_table::{BUILT, FAILED, INPUT, KeyTable, LOADED, Look};
use crate::metadata::Metadata;
use crate::task_context::Missing;

/// Decides for each key whether its value stands, can be restored, or must be made by running the task.
///
/// ```
/// use std::task::Poll;
///
/// use alacarte::prelude::*;
/// use alacarte::{Answer, Metadata, Question, Reason, Rebuilder};
///
/// /// Runs `clock` in every build, and asks verifying traces about all other keys.
/// struct WithClock;
///
/// impl Rebuilder<&'static str, i64> for WithClock {
///     fn install(&self, metadata: &mut Metadata) {
///         Rebuilder::<&str, i64>::install(&VerifyingTrace, metadata);
///     }
///
///     fn ask(&self, question: &mut Question<'_, &'static str, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
///         match *question.name() {
///             "clock" => Poll::Ready(Answer::Run(Reason::Always)),
///             _ => VerifyingTrace.ask(question, metadata),
///         }
///     }
///
///     // The build must ask about `clock` even if no input changed.
///     fn skips_unchanged_builds(&self) -> bool {
///         false
///     }
/// }
///
/// let tasks = Rules::new()
///     .rule("clock", task(async |_| Ok(12)))
///     .rule("alarm", formula(["clock"], |[hour]| i64::from(hour == 7)));
/// let mut build = Build::new(tasks, Memory::new()).with_scheduler(Suspending::new()).with_rebuilder(WithClock);
/// build.run(["alarm"])?;
/// let report = build.run(["alarm"])?;
/// assert_eq!(build.names(&report.ran), ["clock"]); // The hour is the same, so `alarm` is kept.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no rebuilder for keys `{K}` and values `{V}`",
    label = "this build has no rebuilder",
    note = "choose one by `.with_rebuilder(…)`: `VerifyingTrace`, say"
)]
pub trait Rebuilder<K: Key, V: Value> {
    /// Installs the metadata that it reads.
    fn install(&self, _metadata: &mut Metadata) {}

    /// Must the task of `question.key()` run? Asked again, with the same [`Question::progress`], each time what
    /// a pending answer waited for has come.
    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>>;

    /// Whether it would decide nothing anew for a key that is up to date while nothing in the store has
    /// changed. A rebuilder that answers `false` is asked about every key in every build.
    fn skips_unchanged_builds(&self) -> bool {
        true
    }

    /// Whether an input that was touched, and holds what it held, is a change to it. A rebuilder that goes by times answers `true`; under
    /// the others, a build before which nothing but this has happened visits no key.
    fn heeds_touches(&self) -> bool {
        false
    }

    /// The keys that may be out of date *of themselves*, if the rebuilder knows them without visiting the others:
    /// a key that is not among them, and depends on none of them that changes, is up to date.
    fn suspects<'m>(&self, _metadata: &'m Metadata) -> Option<Suspects<'m>> {
        None
    }

    /// Calls `each` with every key that fetched this one when it was last brought up to date. Asked only of a
    /// rebuilder that knows its suspects: while this key is underway, none of them is known to be up to date.
    fn dependents(&self, _key: KeyId, _metadata: &Metadata, _each: &mut dyn FnMut(KeyId)) {}

    /// The key at this place of what `key` fetched when it was last brought up to date; `None` beyond the last. Asked only of
    /// a rebuilder that knows its suspects: a rebuilder that does not answer is asked about more keys.
    fn dependency(&self, _key: KeyId, _position: usize, _metadata: &Metadata) -> Option<Fetched> {
        None
    }

    /// Whether it restores values, so that the store must archive every value that is built.
    fn restores(&self) -> bool {
        false
    }

    /// The trace from which another build could restore this key, which was just built.
    fn sharable_trace(&self, _key: KeyId, _metadata: &Metadata) -> Option<SharableTrace> {
        None
    }
}

impl<K: Key, V: Value, R: Rebuilder<K, V> + ?Sized> Rebuilder<K, V> for Box<R> {
    fn install(&self, metadata: &mut Metadata) {
        (**self).install(metadata);
    }
    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        (**self).ask(question, metadata)
    }
    fn skips_unchanged_builds(&self) -> bool {
        (**self).skips_unchanged_builds()
    }
    fn heeds_touches(&self) -> bool {
        (**self).heeds_touches()
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        (**self).suspects(metadata)
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        (**self).dependents(key, metadata, each);
    }
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        (**self).dependency(key, position, metadata)
    }
    fn restores(&self) -> bool {
        (**self).restores()
    }
    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        (**self).sharable_trace(key, metadata)
    }
}

/// Keys that may be out of date, see [`Rebuilder::suspects`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Suspects<'m> {
    /// All of them, and perhaps some that no longer are. While a build runs, new ones are added at the end.
    pub keys: &'m [KeyId],
    /// How often the list was made anew, after which its end is no longer where it was.
    pub generation: u64,
}

impl<'m> Suspects<'m> {
    /// These keys, in a list that was made anew so many times.
    pub fn new(keys: &'m [KeyId], generation: u64) -> Self {
        Suspects { keys, generation }
    }
}

/// What one build can teach another about a key; the value goes with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SharableTrace {
    /// What the task fetched.
    pub dependencies: Vec<Dependency>,
    /// The deep fingerprint by which traces of other keys name this one, if the dependencies carry deep ones.
    pub deep: Option<Fingerprint>,
}

impl SharableTrace {
    /// The task fetched this; the fingerprints are those of values, or deep ones if the trace has a `deep` one itself.
    pub fn new(dependencies: Vec<Dependency>, deep: Option<Fingerprint>) -> Self {
        SharableTrace { dependencies, deep }
    }
}

/// A rebuilder's answer.
#[derive(Debug, Clone)]
pub enum Answer<V> {
    /// The value that the store holds stands.
    Keep,
    /// An older trace holds: its value is the key's value. The task need not run.
    Restore(Restored<V>),
    /// The task must run.
    Run(Reason),
}

/// The trace that holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Restored<V> {
    /// What the task fetched when it made the value.
    pub dependencies: Vec<Dependency>,
    /// Whether they carry deep fingerprints.
    pub deep: bool,
    /// The value; `None` if it is the one that the store holds already.
    pub value: Option<V>,
}

impl<V> Restored<V> {
    /// The task fetched this when it made the value; the fingerprints are `deep` ones, or those of values.
    pub fn new(dependencies: Vec<Dependency>, deep: bool, value: Option<V>) -> Self {
        Restored { dependencies, deep, value }
    }
}

/// Why a task must run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No trace of it is known.
    NeverBuilt,
    /// The store holds no value for it, or another than the one that was built.
    OutputChanged,
    /// A dependency differs from what the trace recorded.
    DependencyChanged {
        /// The dependency; a definition if the task itself changed.
        key: KeyId,
        /// What the trace recorded.
        from: Fingerprint,
        /// What it is now, if it has a value.
        to: Option<Fingerprint>,
    },
    /// Its dirty bit is set.
    Dirty,
    /// A dependency is newer than it.
    Newer {
        /// The dependency.
        key: KeyId,
        /// When the dependency was modified.
        modified: Time,
        /// When the key was.
        than: Time,
    },
    /// It is run in every build.
    Always,
    /// It said of itself, when it last ran, that it looks at what no fetch shows.
    Volatile,
    /// A trace held, but the store could not bring its value back: no copy was left, say.
    Evicted,
    /// A reason of the rebuilder's own, as a half-sentence about the key: "it was not tasted for a week".
    Other(&'static str),
}

impl Reason {
    /// The reason in words for a person.
    pub fn explain<K: Key>(&self, keys: &Keys<K>) -> String {
        match *self {
            Reason::NeverBuilt => "it was never built here".into(),
            Reason::OutputChanged => "its value is gone, or is not the one that was built".into(),
            Reason::DependencyChanged { key, from, to: Some(to) } => {
                format!("{} changed from {from} to {to}", keys.show(key))
            }
            Reason::DependencyChanged { key, from, to: None } => {
                format!("{} has no value any more, or another trace's (it was {from})", keys.show(key))
            }
            Reason::Dirty => "something that it depends on changed".into(),
            Reason::Newer { key, modified, than } => {
                format!("{} is newer: modified at {modified}, after {than}", keys.show(key))
            }
            Reason::Always => "it runs in every build".into(),
            Reason::Volatile => "what it gave last was good for that build only".into(),
            Reason::Evicted => "a trace holds, but its value cannot be brought back".into(),
            Reason::Other(why) => why.into(),
        }
    }
}

/// What a rebuilder has noted of a question, kept by the engine while the question waits, so that nothing is verified twice.
#[derive(Default)]
pub(crate) struct Notes {
    /// A progress that is a number, as nearly every question has: it need not be looked up by its type.
    count: usize,
    /// One of another type; in place, if it is small. (Where thousands of questions wait at once, a box for each costs
    /// more than they do.)
    progress: Option<SmallBox<dyn Any, S4>>,
    /// The question was asked before.
    pub resumed: bool,
}

impl Notes {
    /// For another question, in the same memory.
    pub fn renew(&mut self) {
        *self = Notes::default();
    }

    #[inline]
    fn progress<T: Default + 'static>(&mut self) -> &mut T {
        if TypeId::of::<T>() == TypeId::of::<usize>() {
            return match (&mut self.count as &mut dyn Any).downcast_mut() {
                Some(count) => count,
                None => unreachable!("it is of that type"),
            };
        }
        if !self.progress.as_ref().is_some_and(|progress| progress.is::<T>()) {
            self.progress = Some(smallbox!(T::default()));
        }
        match self.progress.as_mut().and_then(|progress| progress.downcast_mut()) {
            Some(progress) => progress,
            None => unreachable!("it was just put there"),
        }
    }
}

/// What a rebuilder has noted of a key: the value that it had for a task, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Noted<T> {
    /// The key.
    pub key: KeyId,
    /// What was noted of it.
    pub value: T,
}

impl<T> Noted<T> {
    /// This of that key.
    pub fn new(key: KeyId, value: T) -> Self {
        Noted { key, value }
    }
}

/// A question about one key, and the means to answer it.
pub struct Question<'q, K, V> {
    pub(crate) table: &'q mut KeyTable<K, V>,
    pub(crate) key: KeyId,
    pub(crate) notes: &'q mut Notes,
    pub(crate) volatile: &'q mut bool,
}

impl<K: Key, V: Value> Question<'_, K, V> {
    /// The key whose task may have to run.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The same key as the user knows it.
    pub fn name(&self) -> &K {
        self.table.keys.name(self.key)
    }

    /// The fingerprint of the value that the store holds for the key; `None` if it holds none.
    pub fn current(&self) -> Option<Fingerprint> {
        self.table.current(self.key)
    }

    /// Whether that fingerprint is of the whole value ([`Value::is_whole`]): any trace that gave a value of the same
    /// fingerprint vouches for it. If not, only the trace of the run that gave it does.
    pub fn is_whole(&self) -> bool {
        self.table.value(self.key).is_some_and(Value::is_whole)
    }

    /// The fingerprint of the definition of the task that is asked about, if it has one ([`Tasks::definition`]): closures have
    /// none until they or their whole collection are replaced, unless that has a version. For another key's definition there is
    /// [`Question::input`].
    ///
    /// [`Tasks::definition`]: crate::Tasks::definition
    pub fn definition(&self) -> Option<Fingerprint> {
        self.table.fingerprint(self.key.definition())
    }

    /// Whether the task of another key has a definition, as its trace does or does not record one.
    pub fn definition_matches(&self, key: KeyId, recorded: bool) -> bool {
        self.table.fingerprint(key.definition()).is_some() == recorded
    }

    /// Whether this build's history holds the key: built or restored here, rather than found in the store.
    pub fn is_built(&self) -> bool {
        self.table.has(self.key, BUILT)
    }

    /// Declares that the key's value may not be kept beyond this build, whatever its task says.
    pub fn make_volatile(&mut self) {
        *self.volatile = true;
    }

    /// The number of the key table's revision: what is up to date in it stays so while the number is the same. When anything
    /// has changed, the next build's is another.
    pub fn revision(&self) -> u32 {
        self.table.revision
    }

    /// How far the question had come when it last had to wait, as a type of the rebuilder's own; the default if it is asked
    /// for the first time. (Of up to four words it needs no allocation.)
    ///
    /// What a rebuilder knows before it answers [`Poll::Pending`] and needs afterwards belongs here: the same question
    /// is asked anew when what it waited for has come.
    pub fn progress<T: Default + 'static>(&mut self) -> &mut T {
        self.notes.progress()
    }

    /// Whether the question was asked before, and had to wait.
    pub fn is_resumed(&self) -> bool {
        self.notes.resumed
    }

    /// Whether the task is the one that a trace records: `recorded` is the fingerprint of its definition, if it had one.
    pub fn same_task(&self, recorded: Option<Fingerprint>) -> bool {
        self.definition() == recorded
    }

    /// Whether the task and the value that the store holds are those of a run: it had this definition, and gave a value of this
    /// fingerprint.
    pub fn stands(&self, definition: Option<Fingerprint>, fingerprint: Fingerprint) -> bool {
        self.same_task(definition) && self.current() == Some(fingerprint)
    }

    /// Whether each of these keys has a value that `holds` beside what was noted of it: brings one after the other up to date, in
    /// their order, up to the first that does not hold. Goes on from where the question last had to wait, which is its
    /// [progress](Question::progress).
    pub fn all_hold<T>(&mut self, noted: &[Noted<T>], holds: impl Fn(&T, &V) -> bool) -> Poll<bool> {
        let from = *self.progress::<usize>();
        for then in noted.get(from..).unwrap_or_default() {
            ready!(self.fetch(then.key));
            if !self.value(then.key).is_some_and(|now| holds(&then.value, now)) {
                return Poll::Ready(false);
            }
            *self.progress::<usize>() += 1;
        }
        Poll::Ready(true)
    }

    /// Brings keys up to date that the task fetched at once, all of them underway together; whether each has a value.
    pub fn fetch_group(&mut self, group: impl IntoIterator<Item = KeyId>) -> Poll<bool> {
        let (mut valued, mut pending) = (true, false);
        for key in group {
            match self.fetch(key) {
                Poll::Ready(now) => valued &= now.is_some(),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(valued) }
    }

    /// Brings a dependency up to date and answers its fingerprint; `None` if it has no value (it failed, it is gone).
    pub fn fetch(&mut self, dependency: KeyId) -> Poll<Option<Fingerprint>> {
        if dependency.is_definition() {
            return Poll::Ready(self.table.fingerprint(dependency));
        }
        self.table.task.fetches += 1;
        match self.table.look(dependency) {
            Look::Ready(()) => Poll::Ready(self.table.current(dependency)),
            Look::Failed => Poll::Ready(None),
            Look::Missing => {
                self.table.task.missing.push(Missing { key: dependency, ticket: None });
                Poll::Pending
            }
        }
    }

    /// The value of a dependency that [`Question::fetch`] has brought up to date; `None` if it failed, though the store may
    /// hold what it was before. (Of a dependency that was not fetched, what is known of it.)
    pub fn value(&self, dependency: KeyId) -> Option<&V> {
        if self.table.state(dependency) == FAILED { None } else { self.table.value(dependency) }
    }

    /// The fingerprint of an input or a definition as it is now, without bringing anything up to date; `Pending` if the
    /// store was not asked for it yet.
    pub fn input(&mut self, key: KeyId) -> Poll<Option<Fingerprint>> {
        if key.is_definition() {
            return Poll::Ready(self.table.fingerprint(key));
        }
        if self.table.has(key, INPUT) && self.table.has(key, LOADED) {
            return Poll::Ready(self.table.current(key));
        }
        self.fetch(key)
    }

    /// Whether the key has no task.
    pub fn is_input(&self, key: KeyId) -> bool {
        key.is_definition() || self.table.has(key, INPUT)
    }
}

impl<K, V> fmt::Debug for Question<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("key", &self.key).finish_non_exhaustive()
    }
}
