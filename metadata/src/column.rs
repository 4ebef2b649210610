//! A column: one small value a key, grown when a key is first written.

use alacarte_core::KeyId;

/// One value a key. A key of which nothing was written has `T::default()`.
///
/// ```
/// use alacarte::{KeyId, metadata::Column};
///
/// let mut runs: Column<u32> = Column::default();
/// *runs.at(KeyId::new(3)) += 1;
/// assert_eq!((runs.get(KeyId::new(3)), runs.get(KeyId::new(7))), (Some(&1), None));
/// runs.forget(&[KeyId::new(3)]);
/// assert_eq!(runs.get(KeyId::new(3)), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Column<T> {
    cells: Vec<T>,
}

impl<T: Clone + Default + PartialEq> Column<T> {
    /// The value of a key, to be written. (A definition has that of its key.)
    pub fn at(&mut self, key: KeyId) -> &mut T {
        let index = key.index();
        if index >= self.cells.len() {
            self.cells.resize(index + 1, T::default());
        }
        &mut self.cells[index]
    }

    /// The value of a key; `None` beyond the last that was written.
    pub fn get(&self, key: KeyId) -> Option<&T> {
        self.cells.get(key.index())
    }

    /// The values of all keys up to the last that was written.
    pub fn all(&mut self) -> impl Iterator<Item = &mut T> {
        self.cells.iter_mut()
    }

    /// Says nothing of these keys any more, and takes no more room than for the last key of which it does: what an updater
    /// owes to [`Event::Forgotten`](alacarte_core::Event::Forgotten).
    pub fn forget(&mut self, keys: &[KeyId]) {
        for key in keys {
            if let Some(cell) = self.cells.get_mut(key.index()) {
                *cell = T::default();
            }
        }
        let nothing = T::default();
        let last = self.cells.iter().rposition(|cell| *cell != nothing);
        self.cells.truncate(last.map_or(0, |last| last + 1));
        give_back(&mut self.cells);
    }
}

/// Gives room back that is more than twice what is needed.
pub(crate) fn give_back<T>(cells: &mut Vec<T>) {
    if cells.capacity() > 2 * cells.len() {
        cells.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_nothing_needs_any_more_is_given_back() {
        let mut column = Column::<u64>::default();
        let keys: Vec<KeyId> = (0..1000).map(KeyId::new).collect();
        keys.iter().for_each(|&key| *column.at(key) = 7);
        let all = column.cells.capacity();
        column.forget(&keys[900..]);
        assert_eq!((column.cells.len(), column.cells.capacity()), (900, all), "most of it is needed");
        column.forget(&keys[10..]);
        assert!(column.cells.len() == 10 && column.cells.capacity() <= 20, "{} for 10", column.cells.capacity());
    }
}
