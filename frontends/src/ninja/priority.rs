//! Which command begins first, of those that can: that with the longest way before it, counted in commands, to one of the targets; of equal ones, that which
//! stands first in the manifest. (Ninja's order since 1.12.) So what is on the critical path does not wait for what is not.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ninja_tasks::NinjaTasks;
use super::plan::Step;

/// For each edge that the targets of a build reach, how many commands are on the longest way from it to one of them, itself included.
type Lengths = FxHashMap<usize, u32>;

impl NinjaTasks {
    /// The priority of an edge's command in the build of what is [wanted](Self::wants), or of everything.
    pub(super) fn priority(&self, step: &Step) -> u64 {
        let Some(number) = step.outputs.first().and_then(|output| self.number(output)) else { return 0 };
        let mut lengths = self.lengths.borrow_mut();
        let lengths = lengths.get_or_insert_with(|| self.lengths());
        let length = lengths.get(&number).copied().unwrap_or(0);
        u64::from(length) << 32 | u64::from(u32::MAX - (number as u32))
    }

    fn lengths(&self) -> Lengths {
        let steps = &self.plan.steps;
        let wanted = self.wanted();
        let mut roots: Vec<usize> = wanted.iter().filter_map(|target| self.number(target)).collect();
        if roots.is_empty() {
            roots.extend(0..steps.len());
        }
        let below = |step: usize| steps[step].sources().filter_map(|source| self.number(source));
        // Each edge after all that it needs.
        let (mut order, mut met) = (Vec::new(), FxHashSet::default());
        while let Some(root) = roots.pop() {
            let mut open = vec![(root, false)];
            while let Some((step, all_below)) = open.pop() {
                if all_below {
                    order.push(step);
                } else if met.insert(step) {
                    open.push((step, true));
                    open.extend(below(step).map(|other| (other, false)));
                    // (What is validated is made for its own sake.)
                    roots.extend(steps[step].validations().filter_map(|validation| self.number(validation)));
                }
            }
        }
        let takes = |step: usize| u32::from(!steps[step].edge.is_phony());
        let mut lengths: Lengths = order.iter().map(|&step| (step, takes(step))).collect();
        for &step in order.iter().rev() {
            let length = lengths[&step];
            for other in below(step) {
                let longest = lengths.entry(other).or_default();
                *longest = (*longest).max(length.saturating_add(takes(other)));
            }
        }
        lengths
    }
}

#[cfg(test)]
mod tests {
    use alacarte_stores::FileKey;

    use super::*;

    /// The commands below these targets in the order of their priorities.
    fn order(manifest: &str, targets: &[&str]) -> Vec<String> {
        let (_place, tasks) = NinjaTasks::of_edges(manifest);
        let targets: Vec<FileKey> = targets.iter().map(|target| (*target).into()).collect();
        tasks.wants(&targets);
        let mut steps: Vec<&Step> = tasks.plan.steps.iter().filter(|step| !step.edge.is_phony()).collect();
        steps.sort_by_key(|step| std::cmp::Reverse(tasks.priority(step)));
        steps.iter().map(|step| step.outputs[0].to_string()).collect()
    }

    #[test]
    fn what_most_comes_after_begins_first() {
        let manifest =
            "build b: r in\nbuild a1: r in\nbuild a2: r a1\nbuild a3: r a2\nbuild top: r b a3\nbuild alone: r in\n";
        assert_eq!(order(manifest, &["top"]), ["a1", "a2", "b", "a3", "top", "alone"]);
        assert_eq!(order(manifest, &["alone", "b"]), ["b", "alone", "a1", "a2", "a3", "top"]);
        assert_eq!(order(manifest, &[]), ["a1", "a2", "b", "a3", "top", "alone"]);
    }

    #[test]
    fn names_for_others_take_no_time_and_circles_end() {
        let manifest = "build x: r\nbuild all: phony x\nbuild more: phony all\nbuild y: r\nbuild z: r y | more\n";
        assert_eq!(order(manifest, &["z"]), ["x", "y", "z"]);
        assert_eq!(order("build a: r b\nbuild b: r a\nbuild c: r a\n", &["c"]).len(), 3);
        assert_eq!(order("build a: r || b |@ v\nbuild b: r\nbuild v: r\n", &["a"]), ["b", "a", "v"]);
    }

    /// A build that stays in memory asks for the same targets over and over: that costs no look at the graph.
    #[test]
    fn what_is_asked_for_again_is_not_counted_again() {
        let (_place, tasks) = NinjaTasks::of_edges("build a: r\nbuild b: r a\n");
        let counted = |targets: &[&str]| {
            tasks.wants(&targets.iter().map(|target| (*target).into()).collect::<Vec<_>>());
            let kept = tasks.lengths.borrow().is_some();
            (kept, tasks.priority(&tasks.plan.steps[0]) >> 32)
        };
        assert_eq!([counted(&["b"]), counted(&[]), counted(&["a"])], [(false, 2), (true, 2), (false, 1)]);
    }

    #[test]
    fn its_depth_costs_memory_and_no_stack() {
        let chain: String = (1..50_000).map(|n| format!("build k{n}: r k{}\n", n - 1)).collect();
        assert_eq!(order(&chain, &["k49999"])[..2], ["k1", "k2"]);
    }
}
