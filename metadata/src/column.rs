//! A column: one small value a key, grown when a key is first written.

use alacarte::KeyId;

#[derive(Debug, Clone, Default)]
pub(crate) struct Column<T> {
    cells: Vec<T>,
}

impl<T: Clone + Default> Column<T> {
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
}
