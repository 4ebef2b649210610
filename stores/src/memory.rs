//! A store in memory: the values that a build starts with. What is built stays in the build itself; a journal
//! that keeps values gives it back to the next process.

use std::fmt;

use alacarte_core::{Key, KeyId, Keys, Store, StoreError, Value};
use rustc_hash::FxHashMap;

/// Values in memory, by key.
///
/// ```
/// use alacarte::prelude::*;
///
/// let squares: Memory<u64, u64> = (1..=3).map(|n| (n, n * n)).collect();
/// let tasks = Rules::new().rule(0_u64, formula([1_u64, 2, 3], |[a, b, c]| a + b + c));
/// let mut build = Build::new(tasks, squares).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// build.run([0])?;
/// assert_eq!(build.get(0), Some(14));
///
/// // From its first run on, the build holds the values, so the program edits them through the build.
/// build.set(3, 100)?;
/// build.run([0])?;
/// assert_eq!(build.get(0), Some(105));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Memory<K, V> {
    values: FxHashMap<K, V>,
    /// A build has begun to take them.
    opened: bool,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Memory { values: FxHashMap::default(), opened: false }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Memory<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("values", &self.values).finish()
    }
}

impl<K: Key, V: Value> Memory<K, V> {
    /// Nothing at all.
    pub fn new() -> Self {
        Memory::default()
    }
}

impl<K: Key, V: Value> FromIterator<(K, V)> for Memory<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        Memory { values: values.into_iter().collect(), opened: false }
    }
}

impl<K: Key, V: Value, const N: usize> From<[(K, V); N]> for Memory<K, V> {
    fn from(values: [(K, V); N]) -> Self {
        values.into_iter().collect()
    }
}

impl<K: Key, V: Value> Store<K, V> for Memory<K, V> {
    fn open(&mut self, keys: &mut Keys<K>) {
        self.opened = true;
        for key in self.values.keys() {
            keys.intern(key);
        }
    }

    fn gives_away(&self) -> bool {
        self.opened
    }

    fn relies_on_journal(&self) -> bool {
        true
    }

    fn load(&mut self, _: KeyId, key: &K) -> Result<Option<V>, StoreError> {
        // The build holds it from here on.
        Ok(self.values.remove(key))
    }
}
