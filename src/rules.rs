//! Tasks as closures, one a key.
//!
//! [`formula`] makes a static task from a plain function, [`declared`] a static one that may fetch less than it
//! declares (*selective*: an `if` that reads one branch), [`task`] a dynamic one.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::task::Poll;

use futures::future::LocalBoxFuture;

use crate::error::Result;
use crate::fetch::Fetch;
use crate::fingerprint::{Fingerprint, Value};
use crate::key::{Key, KeyId};
use crate::task::{Dynamic, Power, Running, Static, Tasks};

/// A collection of closures, one a key. Its power grows to [`Dynamic`] with the first dynamic task.
pub struct Rules<K, V, P = Static> {
    tasks: HashMap<K, Entry<K, V>>,
    /// Keys whose task was taken away: one that they are given later counts as another.
    removed: HashSet<K>,
    /// See [`Rules::version`].
    version: Option<u64>,
    /// How many tasks were replaced in this process.
    replaced: u64,
    power: PhantomData<P>,
}

struct Entry<K, V> {
    task: Task<K, V>,
    /// It took the place of another: the number of that event, in this process and no other.
    replaced: Option<Fingerprint>,
}

/// A task made by [`formula`], [`declared`] or [`task`], its power forgotten.
pub struct Task<K, V> {
    declared: Option<Box<[K]>>,
    ids: OnceCell<Box<[KeyId]>>,
    body: Body<K, V>,
}

/// A function of the values of the declared keys, which it takes out of the list.
type Compute<V> = Box<dyn Fn(&mut Vec<V>) -> V>;

enum Body<K, V> {
    Formula(Compute<V>),
    Future(Box<dyn Start<K, V>>),
}

/// An async closure behind a pointer.
trait Start<K, V> {
    fn start<'t>(&'t self, fetch: Fetch<'t, K, V>) -> LocalBoxFuture<'t, Result<V>>;
}

impl<K: Key, V: Value, F: AsyncFn(Fetch<'_, K, V>) -> Result<V>> Start<K, V> for F {
    fn start<'t>(&'t self, fetch: Fetch<'t, K, V>) -> LocalBoxFuture<'t, Result<V>> {
        Box::pin(self(fetch))
    }
}

/// A random number, which no other process has, for definitions that no other process knows.
static PROCESS: OnceLock<u64> = OnceLock::new();

/// What can be the task of a key.
pub trait IntoTask<K, V> {
    /// Whether its dependencies are declared.
    type Power: Power;
    /// The task, its power forgotten.
    fn into_task(self) -> Task<K, V>;
}

/// A static task: a function of the values of these keys.
pub fn formula<K: Key, V: Value, const N: usize>(
    keys: [impl Into<K>; N],
    compute: impl Fn([V; N]) -> V + 'static,
) -> Declared<K, V> {
    let body = Body::Formula(Box::new(move |values: &mut Vec<V>| {
        let values: std::result::Result<[V; N], _> = std::mem::take(values).try_into();
        match values {
            Ok(values) => compute(values),
            Err(_) => unreachable!("a group of {N} keys has {N} values"),
        }
    }));
    Declared { declared: keys.into_iter().map(Into::into).collect(), body }
}

/// A static task that fetches some of these keys, and no others.
///
/// A fetch of any other key is an error under a topological scheduler, unless the key happens to be an input.
pub fn declared<K: Key, V: Value>(
    keys: impl IntoIterator<Item = impl Into<K>>,
    run: impl AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static,
) -> Declared<K, V> {
    Declared { declared: keys.into_iter().map(Into::into).collect(), body: Body::Future(Box::new(run)) }
}

/// A dynamic task: what it fetches is found out while it runs.
pub fn task<K: Key, V: Value>(run: impl AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static) -> Undeclared<K, V> {
    Undeclared { body: Body::Future(Box::new(run)) }
}

/// Made by [`formula`] and [`declared`].
pub struct Declared<K, V> {
    declared: Box<[K]>,
    body: Body<K, V>,
}

/// Made by [`task`].
pub struct Undeclared<K, V> {
    body: Body<K, V>,
}

impl<K, V> IntoTask<K, V> for Declared<K, V> {
    type Power = Static;
    fn into_task(self) -> Task<K, V> {
        Task { declared: Some(self.declared), ids: OnceCell::new(), body: self.body }
    }
}

impl<K, V> IntoTask<K, V> for Undeclared<K, V> {
    type Power = Dynamic;
    fn into_task(self) -> Task<K, V> {
        Task { declared: None, ids: OnceCell::new(), body: self.body }
    }
}

impl<K: Key, V: Value> Default for Rules<K, V> {
    fn default() -> Self {
        Rules::new()
    }
}

impl<K: Key, V: Value> Rules<K, V> {
    /// No tasks yet: all keys are inputs.
    pub fn new() -> Self {
        Rules { tasks: HashMap::new(), removed: HashSet::new(), version: None, replaced: 0, power: PhantomData }
    }
}

impl<K: Key, V: Value, P: Power> Rules<K, V, P> {
    /// Says that these closures are this version of themselves. Closures cannot be compared: where a journal outlives
    /// the process, it is the version that tells that the program was changed, and all its tasks run again.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Adds the task of a key. Adding a dynamic task makes the whole collection dynamic.
    #[must_use]
    pub fn rule<T: IntoTask<K, V>>(mut self, key: impl Into<K>, task: T) -> Rules<K, V, P::With<T::Power>> {
        self.insert(key.into(), task.into_task());
        Rules {
            tasks: self.tasks,
            removed: self.removed,
            version: self.version,
            replaced: self.replaced,
            power: PhantomData,
        }
    }

    /// Adds or replaces the task of a key; a replaced task runs again in the next build that reaches it (its
    /// definition has changed). A static collection stays static: only static tasks can be set.
    pub fn set<T: IntoTask<K, V>>(&mut self, key: impl Into<K>, task: T)
    where
        P: Power<With<T::Power> = P>,
    {
        self.insert(key.into(), task.into_task());
    }

    /// Takes away the task of a key, which becomes an input; whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let entry = self.tasks.remove_entry(key);
        entry.map(|(key, _)| self.removed.insert(key)).is_some()
    }

    fn insert(&mut self, key: K, task: Task<K, V>) {
        // Closures cannot be compared, so a task that takes the place of another counts as a different one.
        let another = self.tasks.contains_key(&key) || self.removed.remove(&key);
        let replaced = another.then(|| {
            self.replaced += 1;
            Fingerprint::of_integer(*PROCESS.get_or_init(|| RandomState::new().build_hasher().finish()))
                .and(Fingerprint::of_integer(self.replaced))
        });
        self.tasks.insert(key, Entry { task, replaced });
    }
}

impl<K: Key, V: Value, P: Power> Tasks<K, V> for Rules<K, V, P> {
    type Power = P;

    fn has(&self, key: &K) -> bool {
        self.tasks.contains_key(key)
    }

    fn run<'t>(&'t self, key: &K, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        // `has` is asked first.
        let task = &self.tasks[key].task;
        match &task.body {
            Body::Future(start) => Running::Future(start.start(fetch)),
            Body::Formula(compute) => {
                let keys = task.declared.as_deref().unwrap_or_default();
                let ids = task.ids.get_or_init(|| keys.iter().map(|key| fetch.id_of(key)).collect());
                let mut values = Vec::with_capacity(ids.len());
                match fetch.poll_ids(ids, |value| values.push(value.clone())) {
                    Poll::Pending => Running::Waiting,
                    Poll::Ready(Err(error)) => Running::Done(Err(error)),
                    Poll::Ready(Ok(())) => Running::Done(Ok(compute(&mut values))),
                }
            }
        }
    }

    fn declared(&self, key: &K, each: &mut dyn FnMut(&K)) -> bool {
        match self.tasks.get(key).and_then(|entry| entry.task.declared.as_deref()) {
            Some(keys) => {
                keys.iter().for_each(each);
                true
            }
            None => false,
        }
    }

    fn definition(&self, key: &K) -> Option<Fingerprint> {
        let replaced = self.tasks.get(key)?.replaced;
        match (self.version, replaced) {
            (None, None) => None,
            (version, replaced) => Some(version.unwrap_or(0).fingerprint().and(replaced.unwrap_or_default())),
        }
    }
}
