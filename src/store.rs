//! The store: where values live.
//!
//! While a build runs, the engine holds the current value of every key it has met in one dense column. A store stands
//! behind that column: it says what a key holds when the key is first met, what has changed outside the build since,
//! and puts a value back in place that a constructive trace remembers.

use crate::error::StoreError;
use crate::event::Time;
use crate::key::{KeyId, Keys};

/// What stands behind the column of values. Implemented by `alacarte-stores` (memory, files) and by users.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// use alacarte::prelude::*;
/// use alacarte::{KeyId, Store, StoreError, Time};
///
/// /// The only input is `'s'`, a sensor: its value, and the time of its last change.
/// struct Sensor(Rc<Cell<(i64, Time)>>);
///
/// impl Store<char, i64> for Sensor {
///     fn load(&mut self, _: KeyId, key: &char) -> Result<Option<i64>, StoreError> {
///         Ok((*key == 's').then(|| self.0.get().0))
///     }
///
///     fn refresh(
///         &mut self,
///         known: &mut dyn Iterator<Item = (KeyId, &char, Option<&i64>)>,
///         changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
///     ) -> Result<(), StoreError> {
///         let (value, time) = self.0.get();
///         let news = known.filter(|&(_, key, held)| *key == 's' && held != Some(&value));
///         news.for_each(|(id, ..)| changed(id, Some(value), time));
///         Ok(())
///     }
/// }
///
/// let sensor = Rc::new(Cell::new((1, 100)));
/// let tasks = Rules::new().rule('b', formula(['s'], |[s]| s + 1));
/// let mut build = Build::new(tasks, Sensor(sensor.clone())).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// build.run(['b'])?;
/// sensor.set((5, 200));
/// build.run(['b'])?;
/// assert_eq!(build.get('b'), Some(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store<K, V> {
    /// Makes the keys known that the store starts with.
    fn open(&mut self, _keys: &mut Keys<K>) {}

    /// Whether the values that the journal kept stand for the store's own: true for a store in memory, which
    /// forgets what was built when its process ends.
    fn relies_on_journal(&self) -> bool {
        false
    }

    /// The value that a key holds when it is first met; `None` if it holds none.
    ///
    /// # Errors
    /// If the place cannot be read (a key without a value is no error).
    fn load(&mut self, id: KeyId, key: &K) -> Result<Option<V>, StoreError>;

    /// Reports every key among `known` that holds another value than when it was last loaded, written or
    /// reported. Called at the start of each build. Stores that only the build itself changes have nothing to
    /// report.
    ///
    /// # Errors
    /// If the place cannot be read.
    fn refresh(
        &mut self,
        _known: &mut dyn Iterator<Item = (KeyId, &K, Option<&V>)>,
        _changed: &mut dyn FnMut(KeyId, Option<V>, Time),
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// The keys that may hold another value than when the store was last asked for news, if it knows; then [`refresh`](Store::refresh) is
    /// asked about these alone, and a build costs no look at any other. `None` if any key may. Asked at the start of each build.
    ///
    /// ```
    /// use std::{cell::RefCell, collections::HashMap, rc::Rc};
    ///
    /// use alacarte::prelude::*;
    /// use alacarte::{KeyId, Store, StoreError, Time};
    ///
    /// /// A table, and the keys that were written in it since they were last asked for.
    /// #[derive(Clone, Default)]
    /// struct Table(Rc<RefCell<(HashMap<char, i64>, Vec<char>)>>);
    ///
    /// impl Table {
    ///     fn write(&self, key: char, value: i64) {
    ///         let (values, written) = &mut *self.0.borrow_mut();
    ///         values.insert(key, value);
    ///         written.push(key);
    ///     }
    /// }
    ///
    /// impl Store<char, i64> for Table {
    ///     fn load(&mut self, _: KeyId, key: &char) -> Result<Option<i64>, StoreError> {
    ///         Ok(self.0.borrow().0.get(key).copied())
    ///     }
    ///
    ///     fn maybe_changed(&mut self) -> Option<Vec<char>> {
    ///         Some(std::mem::take(&mut self.0.borrow_mut().1))
    ///     }
    ///
    ///     fn refresh(
    ///         &mut self,
    ///         known: &mut dyn Iterator<Item = (KeyId, &char, Option<&i64>)>,
    ///         changed: &mut dyn FnMut(KeyId, Option<i64>, Time),
    ///     ) -> Result<(), StoreError> {
    ///         let values = &self.0.borrow().0;
    ///         known.for_each(|(id, key, _)| changed(id, values.get(key).copied(), 0));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let table = Table::default();
    /// ['a', 'b', 'c'].into_iter().for_each(|key| table.write(key, 1));
    /// let sum = Rules::new().rule('s', formula(['a', 'b', 'c'], |[a, b, c]| a + b + c));
    /// let mut build = Build::new(sum, table.clone()).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
    /// build.run(['s'])?;
    /// table.write('c', 4); // Of the inputs, the next build looks at this one.
    /// build.run(['s'])?;
    /// assert_eq!(build.get('s'), Some(6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn maybe_changed(&mut self) -> Option<Vec<K>> {
        None
    }

    /// Whether the store gives its values away when they are loaded, and has begun to: then the build holds what the store
    /// lacks. Asked when the store was changed or exchanged ([`Build::store_mut`](crate::Build::store_mut)): what it holds
    /// stands from then on, and, unless it says this, an input that it lacks is gone.
    fn gives_away(&self) -> bool {
        false
    }

    /// When the key's value was last modified, by the store's own clock; `None` if the store has no clock.
    fn modified(&mut self, _key: &K) -> Option<Time> {
        None
    }

    /// Keeps a copy of the value from which [`Store::restore`] can put it back. Called for rebuilders that restore.
    ///
    /// # Errors
    /// If the copy cannot be written. The report tells of it; the build goes on.
    fn archive(&mut self, _key: &K, _value: &V) -> Result<(), StoreError> {
        Ok(())
    }

    /// Puts a remembered value in place of the current one; `false` if no copy of it is left, and the key must
    /// be built.
    ///
    /// # Errors
    /// If the copy cannot be read, or not be put in place. The report tells of it, and the key is built.
    fn restore(&mut self, _key: &K, _value: &V) -> Result<bool, StoreError> {
        Ok(true)
    }
}
