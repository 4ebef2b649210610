//! The menu: every scheduler with every rebuilder, and the systems of the world that stand in its cells.

use std::fmt;

/// A scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchedulerName {
    /// `Topological`.
    Topological,
    /// `Restarting`.
    Restarting,
    /// `Suspending`.
    Suspending,
    /// `BottomUp`: not in the paper's table.
    BottomUp,
}

/// A rebuilder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RebuilderName {
    /// `DirtyBit`.
    DirtyBit,
    /// `VerifyingTrace`.
    VerifyingTrace,
    /// `ConstructiveTrace`.
    ConstructiveTrace,
    /// `DeepConstructiveTrace`.
    DeepConstructiveTrace,
    /// `Perpetual`: a baseline.
    Perpetual,
    /// `ModificationTime`: a baseline.
    ModificationTime,
}

impl SchedulerName {
    /// The paper's three, in its order.
    pub const PAPER: [Self; 3] = [Self::Topological, Self::Restarting, Self::Suspending];

    /// All of them: the paper's, and one more.
    pub const ALL: [Self; 4] = [Self::Topological, Self::Restarting, Self::Suspending, Self::BottomUp];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topological => "topological",
            Self::Restarting => "restarting",
            Self::Suspending => "suspending",
            Self::BottomUp => "bottom-up",
        }
    }
}

impl RebuilderName {
    /// All of them, in the paper's order, the baselines last.
    pub const ALL: [Self; 6] = [
        Self::DirtyBit,
        Self::VerifyingTrace,
        Self::ConstructiveTrace,
        Self::DeepConstructiveTrace,
        Self::Perpetual,
        Self::ModificationTime,
    ];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirtyBit => "dirty-bit",
            Self::VerifyingTrace => "verifying-trace",
            Self::ConstructiveTrace => "constructive-trace",
            Self::DeepConstructiveTrace => "deep-constructive-trace",
            Self::Perpetual => "perpetual",
            Self::ModificationTime => "modification-time",
        }
    }

    /// Whether it is only there to compare with.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::Perpetual | Self::ModificationTime)
    }

    /// Whether intermediate keys need not be right, or there at all, once the target is (shallow correctness).
    pub fn is_shallow(self) -> bool {
        self == Self::DeepConstructiveTrace
    }
}

impl fmt::Display for SchedulerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for RebuilderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A cell of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Combination {
    /// Its scheduler.
    pub scheduler: SchedulerName,
    /// Its rebuilder.
    pub rebuilder: RebuilderName,
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.scheduler, self.rebuilder)
    }
}

impl Combination {
    /// The twelve combinations and, last, each baseline under the scheduler of the system that it stands for.
    pub fn menu() -> Vec<Combination> {
        let mut menu = Vec::new();
        for scheduler in SchedulerName::PAPER {
            for rebuilder in RebuilderName::ALL.into_iter().filter(|rebuilder| !rebuilder.is_baseline()) {
                menu.push(Combination { scheduler, rebuilder });
            }
        }
        let scheduler = SchedulerName::Topological;
        menu.push(Combination { scheduler, rebuilder: RebuilderName::ModificationTime });
        menu.push(Combination { scheduler, rebuilder: RebuilderName::Perpetual });
        menu
    }

    /// Every scheduler with every rebuilder.
    pub fn all() -> Vec<Combination> {
        let with = |scheduler| RebuilderName::ALL.map(|rebuilder| Combination { scheduler, rebuilder });
        SchedulerName::ALL.into_iter().flat_map(with).collect()
    }

    /// The part of the menu that these names choose: all of it if there are none. A baseline that is named
    /// runs under every scheduler that is. A scheduler that is not the paper's has to be named.
    pub fn chosen(schedulers: &[SchedulerName], rebuilders: &[RebuilderName]) -> Vec<Combination> {
        if schedulers.is_empty() && rebuilders.is_empty() {
            return Combination::menu();
        }
        let mut chosen = Vec::new();
        for &scheduler in if schedulers.is_empty() { &SchedulerName::PAPER[..] } else { schedulers } {
            for &rebuilder in if rebuilders.is_empty() { &RebuilderName::ALL[..] } else { rebuilders } {
                let combination = Combination { scheduler, rebuilder };
                if !chosen.contains(&combination) {
                    chosen.push(combination);
                }
            }
        }
        chosen
    }

    /// The system that stands in this cell, if one has a name.
    pub fn system(self) -> Option<&'static str> {
        SYSTEMS.iter().find(|system| system.combination == self).map(|system| system.name)
    }
}

/// A build system of the world, as the paper places it.
#[derive(Debug, Clone, Copy)]
pub struct System {
    /// Its name.
    pub name: &'static str,
    /// Its cell.
    pub combination: Combination,
    /// What it remembers between builds.
    pub remembers: &'static str,
    /// What is peculiar about it.
    pub note: &'static str,
}

macro_rules! system {
    ($name:literal, $scheduler:ident, $rebuilder:ident, $remembers:literal, $note:literal) => {
        System {
            name: $name,
            combination: Combination { scheduler: SchedulerName::$scheduler, rebuilder: RebuilderName::$rebuilder },
            remembers: $remembers,
            note: $note,
        }
    };
}

/// The named systems; a cell's first entry gives the cell its name.
pub const SYSTEMS: [System; 14] = [
    system!(
        "Make",
        Topological,
        ModificationTime,
        "modification times",
        "the times stand in for dirty bits; sees no changed command"
    ),
    system!(
        "Ninja",
        Topological,
        VerifyingTrace,
        "command hashes and times",
        "ours compares contents, so it has early cutoff without `restat`"
    ),
    system!("CloudBuild", Topological, ConstructiveTrace, "a cache shared by machines", "Microsoft's"),
    system!("Buck", Topological, DeepConstructiveTrace, "rule keys over terminal inputs", "Meta's first one"),
    system!(
        "Excel",
        Restarting,
        DirtyBit,
        "dirty cells and a calc chain",
        "Excel's own bits also cover what only may have changed"
    ),
    system!(
        "Bazel",
        Restarting,
        ConstructiveTrace,
        "a cache and the history of commands",
        "Google's; the published model of it goes stale"
    ),
    system!("Shake", Suspending, VerifyingTrace, "traces of the last build", "implemented by step traces"),
    system!("Cloud Shake", Suspending, ConstructiveTrace, "a cache shared by machines", "the paper's own proposal"),
    system!(
        "Nix",
        Suspending,
        DeepConstructiveTrace,
        "hashes of terminal inputs",
        "intermediate results need not exist"
    ),
    system!("make.py", Suspending, ConstructiveTrace, "a policy for each task", "seed 000; see the per-key rebuilder"),
    system!("samurai, n2", Topological, VerifyingTrace, "as Ninja", "Ninja's rule, written again"),
    system!(
        "redo",
        Suspending,
        VerifyingTrace,
        "stamps or checksums of what was read",
        "dependencies are found while a script runs"
    ),
    system!(
        "PIE (bottom-up)",
        BottomUp,
        DirtyBit,
        "what each task read and required",
        "while the process lives, cost follows the change, not the project size; ours never runs a task in vain"
    ),
    system!("a shell script", Topological, Perpetual, "nothing", "does everything, every time"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_has_twelve_cells_and_two_baselines() {
        let menu = Combination::menu();
        assert_eq!(menu.len(), 14);
        assert_eq!(menu.iter().filter(|cell| cell.rebuilder.is_baseline()).count(), 2);
        assert_eq!(
            menu.iter().filter(|cell| cell.system().is_none()).count(),
            4,
            "topological × dirty-bit is one, for make is a baseline here"
        );
        assert!(menu.iter().all(|cell| SchedulerName::PAPER.contains(&cell.scheduler)));
        assert_eq!(Combination::chosen(&[SchedulerName::BottomUp], &[]).len(), RebuilderName::ALL.len());
    }
}
