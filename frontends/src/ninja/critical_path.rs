//! What took the time of a build: the chain of commands, each of which needs the one before it, whose durations add up to the most.
//!
//! Who needs whom is what the manifest says today, with order-only inputs. A command that did not run took no time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::ninja_tasks::NinjaTasks;
use crate::history::{CommandRecord, PastBuild};

impl NinjaTasks {
    /// The commands of a build on its critical path, the first first. A command that ran several times is on it with
    /// the last of its runs.
    pub fn critical_path<'b>(&self, build: &'b PastBuild) -> Vec<&'b CommandRecord> {
        let mut ran: HashMap<usize, &CommandRecord> = HashMap::new();
        for command in build.commands.iter().filter(|command| command.outcome.has_run()) {
            ran.extend(self.number(&command.key).map(|step| (step, command)));
        }
        // For each step that was looked at: how long it and what it needs take, and through which step.
        let mut known: HashMap<usize, (Duration, Option<usize>)> = HashMap::new();
        let mut finished = HashSet::new();
        let mut longest: Option<(Duration, usize)> = None;
        let mut roots: Vec<usize> = ran.keys().copied().collect();
        roots.sort_unstable();
        for root in roots {
            let mut open = vec![root];
            while let Some(&step) = open.last() {
                let below = || self.plan.steps[step].sources().filter_map(|source| self.number(source));
                if let Entry::Vacant(place) = known.entry(step) {
                    // It is open from now on. (A circle ends where it began.)
                    place.insert((Duration::ZERO, None));
                    open.extend(below().filter(|other| !known.contains_key(other)));
                    continue;
                }
                open.pop();
                // (It may have been found in several ways before it was open.)
                if !finished.insert(step) {
                    continue;
                }
                let before = below().map(|other| (known[&other].0, other)).max();
                let took = ran.get(&step).map_or(Duration::ZERO, |command| command.took);
                let (before, through) = before.map_or((Duration::ZERO, None), |(took, other)| (took, Some(other)));
                known.insert(step, (before + took, through));
                longest = longest.max(Some((before + took, step)));
            }
        }
        let mut path = Vec::new();
        let mut next = longest.map(|(_, step)| step);
        while let Some(step) = next
            && let Some((_, through)) = known.remove(&step)
        {
            path.extend(ran.get(&step));
            next = through;
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Outcome, Why};

    /// The critical path of a build in which commands took so long.
    fn path(manifest: &str, took: &[(&str, u64)]) -> Vec<String> {
        let (_place, tasks) = NinjaTasks::of_edges(manifest);
        let command = |&(key, took): &(&str, u64)| CommandRecord {
            took: Duration::from_secs(took),
            ..CommandRecord::new(key.into(), Outcome::Ran { changed: true }, Why::NeverBuilt)
        };
        let build = PastBuild { commands: took.iter().map(command).collect(), ..PastBuild::default() };
        tasks.critical_path(&build).into_iter().map(|command| command.key.as_str().to_owned()).collect()
    }

    #[test]
    fn it_is_the_chain_whose_durations_add_up_to_the_most() {
        let diamond = "build a: r\nbuild b: r a\nbuild c: r a\nbuild d: r b || c\nbuild e: r\n";
        assert_eq!(path(diamond, &[("a", 1), ("b", 2), ("c", 3), ("d", 1), ("e", 4)]), ["a", "c", "d"]);
        assert_eq!(path(diamond, &[("a", 1), ("b", 2), ("c", 3), ("d", 1), ("e", 6)]), ["e"]);
        // What did not run took no time, and what lies beneath it counts all the same.
        assert_eq!(path(diamond, &[("a", 1), ("d", 1)]), ["a", "d"]);
        assert_eq!(path(diamond, &[]), [""; 0]);
    }

    #[test]
    fn names_for_others_and_further_outputs_are_passed_and_circles_end() {
        let named = "build a a2: r\nbuild all: phony a2\nbuild b: r all\n";
        assert_eq!(path(named, &[("a", 1), ("b", 1)]), ["a", "b"]);
        assert!(path("build a: r b\nbuild b: r a\n", &[("a", 1), ("b", 1)]).len() <= 2);
    }

    #[test]
    fn its_depth_costs_memory_and_no_stack() {
        let chain: String = (1..50_000).map(|n| format!("build k{n}: r k{}\n", n - 1)).collect();
        assert_eq!(path(&chain, &[("k1", 1), ("k49999", 1)]), ["k1", "k49999"]);
    }
}
