//! Tasks as closures, one a key.
//!
//! [`formula`] makes a static task from a plain function, [`declared`] a static one that may fetch less than it
//! declares (*selective*: an `if` that reads one branch), [`task`] a dynamic one.
//!
//! Closures cannot be compared. So a closure that takes another's place counts as another, and so do all closures of a
//! collection that takes another's place: both are told by numbers that are given once in a process. The closures with
//! which a process begins have no number: they count as those of the process before, unless their version says otherwise.

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use crate::bodies::{Bodies, Body, Declared, Fetches, Formula, Place, Selects};
use crate::error::Result;
use crate::fetch::Fetch;
use crate::fingerprint::{Fingerprint, Value};
use crate::key::Key;
use crate::task::{Dynamic, Power, Running, Static, Tasks, of_this_process};

/// A collection of closures, one a key. Its power grows to [`Dynamic`] with the first dynamic task.
///
/// If a build is given another collection in place of its own, all tasks of the new one run again, even if they are
/// made alike; those of the first one are known again if it is put back. Two collections of the same
/// [`Rules::with_version`] count as the same tasks.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a + 1))
///     .rule("C", formula(["A"], |[a]| a + 2))
///     .rule("sum", formula(["B", "C"], |[b, c]| b + c));
/// let inputs = Memory::from([("A", 10)]);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Topological::new()).with_rebuilder(VerifyingTrace);
/// build.run(["sum"])?;
/// assert_eq!(build.get("sum"), Some(23));
///
/// // The replaced task runs again. It gives another value, so `sum` runs too.
/// build.tasks_mut().set("C", formula(["A"], |[a]| a * 2));
/// let report = build.run(["sum"])?;
/// assert_eq!(build.names(&report.ran), ["C", "sum"]);
/// assert_eq!(build.get("sum"), Some(31));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rules<K, V, P = Static> {
    tasks: FxHashMap<K, Place>,
    pub(crate) bodies: Bodies<K, V>,
    /// The numbers of tasks that took the place of others, or came after somebody had asked; and of those that were taken
    /// away, so that the next of the key counts as another. (Apart: in most collections no task has one.)
    numbers: FxHashMap<K, u64>,
    /// See [`Rules::with_version`].
    version: Option<u64>,
    /// See [`Tasks::collection`].
    number: u64,
    /// Somebody has asked what the tasks are, and may remember it.
    asked: Cell<bool>,
    changes: Changes<K>,
    power: PhantomData<P>,
}

/// The keys whose tasks have changed since somebody first asked for the moment, or the newest of them.
struct Changes<K> {
    /// The moment before the first of them.
    begin: Cell<Option<u64>>,
    /// Each with its moment.
    keys: Vec<(u64, K)>,
}

/// So many changes are remembered in any case.
const FEW: usize = 1 << 10;

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes { begin: Cell::new(None), keys: Vec::new() }
    }
}

impl<K: Clone> Changes<K> {
    /// A task of a collection of so many has changed. As many changes are remembered: of more, nobody has to know which.
    fn note(&mut self, key: &K, tasks: usize) {
        if self.begin.get().is_none() {
            return;
        }
        self.keys.push((next_number(), key.clone()));
        if self.keys.len() > 2 * tasks.max(FEW) {
            let (last, _) = self.keys.drain(..tasks.max(FEW)).next_back().unzip();
            self.begin.set(last);
        }
    }

    fn moment(&self) -> u64 {
        let begin = self.begin.get().unwrap_or_else(next_number);
        self.begin.set(Some(begin));
        self.keys.last().map_or(begin, |&(moment, _)| moment)
    }

    fn since(&self, moment: u64) -> Option<impl Iterator<Item = &K>> {
        let known = if self.begin.get() == Some(moment) {
            0
        } else {
            1 + self.keys.binary_search_by_key(&moment, |&(moment, _)| moment).ok()?
        };
        Some(self.keys[known..].iter().map(|(_, key)| key))
    }
}

/// Numbers of collections, and of tasks that took the place of others: each is given once.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

fn next_number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A task made by [`formula`], [`declared`] or [`task`], its power forgotten.
pub struct Task<K, V>(Box<dyn Body<K, V>>);

/// What can be the task of a key.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{IntoTask, Static, Task};
///
/// /// A task that adds up the values of these keys.
/// struct Sum(Vec<u32>);
///
/// impl IntoTask<u32, u64> for Sum {
///     type Power = Static;
///
///     fn into_task(self) -> Task<u32, u64> {
///         let keys = self.0.clone();
///         declared(self.0, async move |fetch| Ok(fetch.all(&keys).await?.iter().sum())).into_task()
///     }
/// }
///
/// let tasks = Rules::new().rule(0_u32, Sum(vec![1, 2, 3]));
/// let inputs = Memory::from([(1, 10), (2, 20), (3, 30)]);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Topological::new()).with_rebuilder(DirtyBit);
/// build.run([0])?;
/// assert_eq!(build.get(0), Some(60));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
) -> StaticTask<K, V> {
    StaticTask(Task(Box::new(Formula(Declared::new(keys), compute))))
}

/// A static task that fetches some of these keys, and no others.
///
/// A fetch of any other key is an error under a topological scheduler, unless the key happens to be an input. So is the
/// failure of one of these keys, fetched or not: that scheduler builds what is declared.
pub fn declared<K: Key, V: Value>(
    keys: impl IntoIterator<Item = impl Into<K>>,
    run: impl AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static,
) -> StaticTask<K, V> {
    StaticTask(Task(Box::new(Selects(Declared::new(keys), Fetches(run)))))
}

/// A dynamic task: what it fetches is found out while it runs.
pub fn task<K: Key, V: Value>(run: impl AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static) -> DynamicTask<K, V> {
    DynamicTask(Task(Box::new(Fetches(run))))
}

/// Made by [`formula`] and [`declared`].
pub struct StaticTask<K, V>(Task<K, V>);

/// Made by [`task`].
pub struct DynamicTask<K, V>(Task<K, V>);

impl<K, V> IntoTask<K, V> for StaticTask<K, V> {
    type Power = Static;
    fn into_task(self) -> Task<K, V> {
        self.0
    }
}

impl<K, V> IntoTask<K, V> for DynamicTask<K, V> {
    type Power = Dynamic;
    fn into_task(self) -> Task<K, V> {
        self.0
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
        Rules {
            tasks: FxHashMap::default(),
            bodies: Bodies::default(),
            numbers: FxHashMap::default(),
            version: None,
            number: next_number(),
            asked: Cell::new(false),
            changes: Changes::default(),
            power: PhantomData,
        }
    }
}

impl<K: Key, V: Value, P: Power> Rules<K, V, P> {
    /// Says that these closures are this version of themselves. Closures cannot be compared: where a journal outlives
    /// the process, it is the version that tells that the program was changed, and all its tasks run again; and where a
    /// collection is put in place of one of the same version, it tells that nothing was. A task that declares other keys,
    /// or is put in the place of another by [`Rules::set`], counts as another all the same.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        // All have changed.
        self.changes = Changes::default();
        self
    }

    /// Adds the task of a key. Adding a dynamic task makes the whole collection dynamic.
    #[must_use]
    pub fn rule<T: IntoTask<K, V>>(mut self, key: impl Into<K>, task: T) -> Rules<K, V, P::With<T::Power>> {
        self.insert(key.into(), task.into_task());
        Rules {
            tasks: self.tasks,
            bodies: self.bodies,
            numbers: self.numbers,
            version: self.version,
            number: self.number,
            asked: self.asked,
            changes: self.changes,
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
        let Some((key, place)) = self.tasks.remove_entry(key) else { return false };
        self.bodies.remove(place);
        self.changes.note(&key, self.tasks.len());
        self.numbers.insert(key, next_number());
        true
    }

    fn insert(&mut self, key: K, Task(body): Task<K, V>) {
        // A key that had no task when somebody asked may have had one in an earlier process, whose traces are still there.
        let late = self.asked.get() && self.version.is_none();
        self.changes.note(&key, self.tasks.len());
        let numbers = &mut self.numbers;
        match self.tasks.entry(key) {
            Entry::Occupied(mut known) => {
                numbers.insert(known.key().clone(), next_number());
                let before = known.insert(body.find_place(&mut self.bodies));
                self.bodies.remove(before);
            }
            Entry::Vacant(place) => {
                if late || numbers.contains_key(place.key()) {
                    numbers.insert(place.key().clone(), next_number());
                }
                place.insert(body.find_place(&mut self.bodies));
            }
        }
    }
}

impl<K: Key, V: Value, P: Power> Tasks<K, V> for Rules<K, V, P> {
    type Power = P;

    fn has(&self, key: &K) -> bool {
        self.tasks.contains_key(key)
    }

    fn run<'t>(&'t self, key: &K, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        // `has` is asked first.
        self.bodies.get(self.tasks[key]).run(fetch)
    }

    fn declared(&self, key: &K, each: &mut dyn FnMut(&K)) -> bool {
        match self.tasks.get(key).and_then(|&place| self.bodies.get(place).declared()) {
            Some(declared) => {
                declared.keys.iter().for_each(each);
                true
            }
            None => false,
        }
    }

    fn definition(&self, key: &K) -> Option<Fingerprint> {
        self.asked.set(true);
        let number = self.numbers.get(key).map(|&number| of_this_process(number));
        let Some(version) = self.version else { return number.filter(|_| self.has(key)) };
        let declared = self.bodies.get(*self.tasks.get(key)?).declared().map(Declared::fingerprint);
        Some(version.fingerprint().combine(declared.unwrap_or_default()).combine(number.unwrap_or_default()))
    }

    fn collection(&self) -> Option<u64> {
        Some(self.number)
    }

    fn moment(&self) -> Option<u64> {
        Some(self.changes.moment())
    }

    fn changed_since(&self, moment: u64, each: &mut dyn FnMut(&K)) -> bool {
        let changed = self.changes.since(moment);
        changed.is_some_and(|keys| {
            keys.for_each(each);
            true
        })
    }
}

impl<K, V, P> fmt::Debug for Rules<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = f.debug_struct("Rules");
        rules.field("tasks", &self.tasks.len()).field("version", &self.version).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for Task<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declared = self.0.declared().map(|declared| declared.keys.len());
        f.debug_struct("Task").field("declared", &declared).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for StaticTask<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticTask").field(&self.0).finish()
    }
}

impl<K, V> fmt::Debug for DynamicTask<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicTask").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(rules: &Rules<u32, i64>, since: Option<u64>) -> Option<Vec<u32>> {
        let mut keys = Vec::new();
        rules.changed_since(since?, &mut |&key| keys.push(key)).then_some(keys)
    }

    fn one() -> StaticTask<u32, i64> {
        formula([] as [u32; 0], |[]| 1)
    }

    #[test]
    fn a_collection_tells_what_changed_since_its_own_moments_and_no_others() {
        let mut rules = Rules::new().rule(1_u32, one());
        let other: Rules<u32, i64> = Rules::new();
        let (first, foreign) = (rules.moment(), Tasks::<u32, i64>::moment(&other));
        assert_eq!(changed(&rules, first), Some(vec![]));
        rules.set(2_u32, one());
        let second = rules.moment();
        assert!(rules.remove(&1) && !rules.remove(&1));
        assert_eq!(changed(&rules, first), Some(vec![2, 1]));
        assert_eq!(changed(&rules, second), Some(vec![1]));
        assert_eq!(changed(&rules, foreign), None);
        // Another version of all of them.
        rules = rules.with_version(2);
        assert_eq!(changed(&rules, second), None);
    }

    #[test]
    fn of_many_changes_the_newest_are_remembered() {
        let mut rules = Rules::new().rule(0_u32, one());
        let first = rules.moment();
        let mut moments = vec![first];
        for round in 0..10 * FEW as u32 {
            rules.set(round % 7, one());
            assert_eq!(changed(&rules, moments[round as usize]), Some(vec![round % 7]));
            moments.push(rules.moment());
            if let Some(&early) = moments.get(moments.len().saturating_sub(FEW)).filter(|_| round % 50 == 0) {
                assert!(changed(&rules, early).is_some(), "in round {round} too few are remembered");
            }
        }
        assert_eq!(changed(&rules, first), None);
        assert!(rules.changes.keys.len() <= 2 * FEW);
    }
}
