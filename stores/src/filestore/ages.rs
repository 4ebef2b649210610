//! How young a key is: a file as young as it is itself, several outputs of one command as the oldest of them, a group as its youngest member.

use std::collections::HashSet;

use alacarte_core::Time;

use super::{FileStore, Shape};
use crate::files::Files;
use crate::value::FileKey;

impl FileStore {
    /// The youngest file in a group of groups. What is found of the groups below is remembered until the next build: when
    /// a group is asked about, they are up to date, and stay so.
    pub(super) fn youngest(&mut self, key: &FileKey) -> Option<Time> {
        self.young.remove(key);
        let mut young = std::mem::take(&mut self.young);
        let files = self.files.borrow();
        // (A group that contains itself is met while it is open, and adds nothing to itself.)
        let mut open = HashSet::from([key]);
        let mut path = vec![(key, 0, None)];
        while let Some(&mut (group, ref mut position, ref mut youngest)) = path.last_mut() {
            let members = if let Some(Shape::Group(members)) = self.shapes.get(group) { members } else { &[][..] };
            let Some(member) = members.get(*position) else {
                let found = *youngest;
                path.pop();
                open.remove(group);
                young.insert(group.clone(), found);
                if let Some((.., above)) = path.last_mut() {
                    *above = found.max(*above);
                }
                continue;
            };
            *position += 1;
            #[cfg(test)]
            self.looked_at.set(self.looked_at.get() + 1);
            match self.shapes.get(member) {
                Some(Shape::Group(_)) => match young.get(member) {
                    Some(&known) => *youngest = known.max(*youngest),
                    None if open.insert(member) => path.push((member, 0, None)),
                    None => {}
                },
                _ => *youngest = self.oldest(&files, member).max(*youngest),
            }
        }
        drop(files);
        let found = young.get(key).copied().flatten();
        self.young = young;
        found
    }

    pub(super) fn oldest(&self, files: &Files, key: &FileKey) -> Option<Time> {
        if let Some(Shape::Within(around)) = self.shapes.get(key) {
            // It was made when all of that was made.
            return files.modified(around);
        }
        let modified = |path| match self.shapes.get(key) {
            None | Some(Shape::Alias) => files.modified(path),
            _ => files.modified_as_output(path),
        };
        self.paths(key).iter().filter_map(modified).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alacarte_core::Store;

    #[test]
    fn a_chain_of_groups_is_gone_through_once_from_whichever_end() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("g0"), "").expect("written");
        let looks = |count: usize, upwards: bool| {
            let name = |number: usize| FileKey::from(format!("g{number}"));
            let shape = |number: usize| (name(number), Shape::Group([name(number - 1)].into()));
            let mut store =
                FileStore::open(directory.path()).expect("opened").with_shapes((1..=count).map(shape).collect());
            let time = store.modified(&"g0".into());
            assert!(time.is_some());
            for at in 1..=count {
                assert_eq!(store.modified(&name(if upwards { at } else { count + 1 - at })), time);
            }
            store.looked_at.get()
        };
        for upwards in [true, false] {
            for count in [100, 200, 400] {
                assert!(looks(count, upwards) <= 2 * count as u64, "{count} groups, upwards: {upwards}");
            }
        }
    }
}
