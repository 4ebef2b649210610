//! A column: one small value a key, grown when a key is first written.

use alacarte_core::KeyId;

#[derive(Debug, Clone, Default)]
pub(crate) struct Column<T> {
    cells: Vec<T>,
}

impl<T: Clone + Default + PartialEq> Column<T> {
    pub fn at(&mut self, key: KeyId) -> &mut T {
        let index = key.index();
        if index >= self.cells.len() {
            self.cells.resize(index + 1, T::default());
        }
        &mut self.cells[index]
    }

    /// All cells that were written, and those before them.
    pub fn all(&mut self) -> impl Iterator<Item = &mut T> {
        self.cells.iter_mut()
    }

    pub fn get(&self, key: KeyId) -> Option<&T> {
        self.cells.get(key.index())
    }

    /// Says nothing of these keys any more, and takes no more room than for the last key of which it does.
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

    pub fn cells_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }
}

/// Gives room back that is more than twice what is needed.
pub(crate) fn give_back<T>(cells: &mut Vec<T>) {
    if cells.capacity() > 2 * cells.len() {
        cells.shrink_to_fit();
    }
}
