//! The order in which a dry run shows commands: that in which they would begin if all that can began at once, by their [priorities](super::priority), and
//! ended in the order in which they began. (What the engine finds out first says nothing, for nothing takes time.)

use std::collections::BinaryHeap;

use alacarte_stores::FileKey;
use rustc_hash::{FxHashMap, FxHashSet};

use super::ninja_tasks::NinjaTasks;

/// Edges on their way from what they need to what needs them.
struct Order<'t> {
    tasks: &'t NinjaTasks,
    /// The edges whose commands are to be shown.
    commands: FxHashSet<usize>,
    /// How many of the edges that each needs are not there yet.
    left: FxHashMap<usize, usize>,
    /// What needs each.
    above: FxHashMap<usize, Vec<usize>>,
    /// The edges that have what they need, the most urgent first.
    ready: BinaryHeap<(u64, usize)>,
    pools: FxHashMap<&'t str, Places>,
}

/// The places in a pool, and the edges that wait for one.
struct Places {
    free: usize,
    waiting: BinaryHeap<(u64, usize)>,
}

impl NinjaTasks {
    /// These commands in the order in which they would begin.
    pub fn in_order(&self, commands: &[FileKey]) -> Vec<FileKey> {
        let numbers: Vec<usize> = commands.iter().filter_map(|command| self.number(command)).collect();
        let mut keys: FxHashMap<usize, &FileKey> = numbers.iter().copied().zip(commands).collect();
        let mut order = Order::of(self, &numbers).follow();
        // (None is left over, unless edges wait for each other in a circle.)
        order.extend(numbers);
        order.iter().filter_map(|step| keys.remove(step)).cloned().collect()
    }
}

impl<'t> Order<'t> {
    fn of(tasks: &'t NinjaTasks, commands: &[usize]) -> Self {
        let (mut left, mut above) = (FxHashMap::default(), FxHashMap::<usize, Vec<usize>>::default());
        let mut open = commands.to_vec();
        while let Some(step) = open.pop() {
            if left.contains_key(&step) {
                continue;
            }
            let below: FxHashSet<usize> =
                tasks.plan.steps[step].sources().filter_map(|source| tasks.number(source)).collect();
            left.insert(step, below.len());
            below.iter().for_each(|other| above.entry(*other).or_default().push(step));
            open.extend(below);
        }
        let commands = commands.iter().copied().collect();
        Order { tasks, commands, left, above, ready: BinaryHeap::new(), pools: FxHashMap::default() }
    }

    fn follow(mut self) -> Vec<usize> {
        let at_once: Vec<usize> = self.left.iter().filter(|(_, left)| **left == 0).map(|(step, _)| *step).collect();
        self.come(at_once);
        let (mut order, mut ended) = (Vec::new(), 0);
        loop {
            order.extend(std::iter::from_fn(|| self.ready.pop()).map(|(_, step)| step));
            let Some(&next) = order.get(ended) else { return order };
            ended += 1;
            self.leave(next);
            let users = self.users(next);
            self.come(users);
        }
    }

    /// What waited for nothing but this edge.
    fn users(&mut self, step: usize) -> Vec<usize> {
        let mut come = self.above.remove(&step).unwrap_or_default();
        come.retain(|user| {
            self.left.get_mut(user).is_some_and(|left| {
                *left -= 1;
                *left == 0
            })
        });
        come
    }

    /// These edges have what they need. One whose command is not to run is there at once.
    fn come(&mut self, mut steps: Vec<usize>) {
        while let Some(step) = steps.pop() {
            if !self.commands.contains(&step) {
                steps.extend(self.users(step));
                continue;
            }
            let urgent = (self.tasks.priority(&self.tasks.plan.steps[step]), step);
            match self.pool(step) {
                Some(places) => places.waiting.push(urgent),
                None => self.ready.push(urgent),
            }
        }
        for places in self.pools.values_mut() {
            while places.free > 0
                && let Some(urgent) = places.waiting.pop()
            {
                places.free -= 1;
                self.ready.push(urgent);
            }
        }
    }

    /// The command of this edge has ended.
    fn leave(&mut self, step: usize) {
        if let Some(places) = self.pool(step) {
            places.free += 1;
        }
    }

    /// The places of the pool that bounds this edge, if one does.
    fn pool(&mut self, step: usize) -> Option<&mut Places> {
        let pool = self.tasks.plan.steps[step].edge.pool.as_deref()?;
        let depth = *self.tasks.plan.pools.get(pool).filter(|depth| **depth > 0)?;
        Some(self.pools.entry(pool).or_insert_with(|| Places { free: depth, waiting: BinaryHeap::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(manifest: &str, commands: &[&str]) -> Vec<String> {
        let (_place, tasks) = NinjaTasks::of_edges(manifest);
        let commands: Vec<FileKey> = commands.iter().map(|command| (*command).into()).collect();
        tasks.in_order(&commands).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_that_can_begin_do_at_once() {
        let manifest = "build a: r\nbuild b: r a\nbuild c: r\nbuild d: r c\nbuild e: r d\n";
        assert_eq!(order(manifest, &["a", "b", "c", "d", "e"]), ["c", "a", "d", "b", "e"]);
        // What does not run lets those above it begin when those below it have ended.
        assert_eq!(order(manifest, &["e", "c", "b"]), ["c", "b", "e"]);
    }

    #[test]
    fn a_pool_lets_one_begin_when_another_has_ended() {
        let manifest = "build a: r\n  pool = p\nbuild b: r\n  pool = p\nbuild c: r b\nbuild d: r\n";
        assert_eq!(order(manifest, &["a", "b", "c", "d"]), ["b", "d", "a", "c"]);
    }

    #[test]
    fn none_is_lost_in_a_circle() {
        assert_eq!(order("build a: r b\nbuild b: r a\n", &["b", "a"]), ["b", "a"]);
    }
}
