//! The menu: every scheduler with every rebuilder, and the systems of the world that stand in its cells. Strategies of
//! one's own can be added to it ([`Menu::with_scheduler`], [`Menu::with_rebuilder`]): then they have cells beside ours.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use alacarte_conformance as lab;
use alacarte_core::{Dynamic, Rebuilder, Scheduler, Schedules, Static};
use alacarte_frontends::spreadsheet::{CellRef, Scalar};
use alacarte_stores::{FileKey, FileValue};
use lab::user::{Label, Part};
use lab::{Name, Promises};

/// The paper's three schedulers, in its order.
pub const PAPER: [&str; 3] = ["topological", "restarting", "suspending"];

/// Rebuilders that are only there to compare with.
pub const BASELINES: [&str; 2] = ["perpetual", "modification-time"];

/// What the comparison plays if nothing is named, but for baselines: the paper's.
const MAIN: [&str; 4] = ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace"];

/// A rebuilder for each of the two kinds of workloads.
type OfSheets = Box<dyn Rebuilder<CellRef, Scalar>>;
type OfFiles = Box<dyn Rebuilder<FileKey, FileValue>>;

/// Makes a rebuilder of one's own for each kind of workload.
#[derive(Clone)]
struct Makes {
    of_sheets: Arc<dyn Fn() -> OfSheets + Send + Sync>,
    of_files: Arc<dyn Fn() -> OfFiles + Send + Sync>,
}

/// Schedulers and rebuilders by name: ours, and any that are added.
///
/// ```
/// use alacarte_experiments::systems::Menu;
/// use alacarte_conformance::promises;
/// use alacarte_rebuilders::VerifyingTrace;
///
/// let menu = Menu::ours().with_rebuilder("mine", promises("verifying-trace"), || VerifyingTrace);
/// let cells: Vec<String> = menu.cells().iter().map(ToString::to_string).collect();
/// assert!(cells.contains(&"suspending × mine".to_string()));
/// ```
#[derive(Clone, Debug)]
pub struct Menu {
    lab: lab::LabMenu,
    own: HashMap<&'static str, Makes>,
}

/// A rebuilder that can be on the menu: one for the keys and values of the laboratory and of every workload. Whatever is a
/// rebuilder for all keys and values is one.
///
/// ```
/// use std::task::Poll;
///
/// use alacarte_conformance::promises;
/// use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Value};
/// use alacarte_experiments::systems::Menu;
///
/// /// Runs everything, every time.
/// struct Eager;
///
/// impl<K: Key, V: Value> Rebuilder<K, V> for Eager {
///     fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
///         Poll::Ready(Answer::Run(Reason::Always))
///     }
///
///     fn skips_unchanged_builds(&self) -> bool {
///         false
///     }
/// }
///
/// // For all keys and values, so the menu takes it.
/// let menu = Menu::ours().with_rebuilder("eager", promises("perpetual"), || Eager);
/// assert!(menu.rebuilders().contains(&"eager"));
/// ```
pub trait Anywhere:
    Rebuilder<Name, i64> + Rebuilder<Label, Part> + Rebuilder<CellRef, Scalar> + Rebuilder<FileKey, FileValue> + 'static
{
}

impl<R> Anywhere for R where
    R: Rebuilder<Name, i64>
        + Rebuilder<Label, Part>
        + Rebuilder<CellRef, Scalar>
        + Rebuilder<FileKey, FileValue>
        + 'static
{
}

impl Menu {
    /// What is on it without anybody's doing.
    pub fn ours() -> Self {
        Menu { lab: lab::LabMenu::ours(), own: HashMap::new() }
    }

    /// The same, with a scheduler of your own for all tasks.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    pub fn with_scheduler<S: Schedules<Dynamic> + 'static>(
        self,
        name: &'static str,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        Menu { lab: self.lab.with_scheduler(name, make), ..self }
    }

    /// The same, with a scheduler of your own that makes an order beforehand, of what tasks declare.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    pub fn with_ordered_scheduler<S: Schedules<Static> + 'static>(
        self,
        name: &'static str,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        Menu { lab: self.lab.with_ordered_scheduler(name, make), ..self }
    }

    /// The same, with a rebuilder of your own, which promises this.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    pub fn with_rebuilder<R: Anywhere>(
        mut self,
        name: &'static str,
        promises: Promises,
        make: impl Fn() -> R + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        let (of_sheets, of_files) = (make.clone(), make.clone());
        self.lab = self.lab.with_rebuilder(name, promises, move || make());
        let makes = Makes {
            of_sheets: Arc::new(move || Box::new(of_sheets())),
            of_files: Arc::new(move || Box::new(of_files())),
        };
        self.own.insert(name, makes);
        self
    }

    /// The same menu, as the laboratory has it.
    pub fn lab(&self) -> &lab::LabMenu {
        &self.lab
    }

    /// The names of its schedulers.
    pub fn schedulers(&self) -> impl Iterator<Item = &'static str> {
        self.lab.schedulers()
    }

    /// The names of its rebuilders, those last that are only there to compare with.
    pub fn rebuilders(&self) -> Vec<&'static str> {
        let mut rebuilders: Vec<_> = self.lab.rebuilders().collect();
        rebuilders.sort_by_key(|rebuilder| BASELINES.contains(rebuilder));
        rebuilders
    }

    fn cell(&self, scheduler: &'static str, rebuilder: &'static str) -> MenuCell<'_> {
        MenuCell { menu: self, scheduler, rebuilder }
    }

    /// The twelve combinations of the paper; what was added, a scheduler with its four rebuilders, a rebuilder under its three
    /// schedulers; and, last, each baseline under the scheduler of the system that it stands for.
    pub fn cells(&self) -> Vec<MenuCell<'_>> {
        let ours = lab::SCHEDULERS;
        let schedulers = PAPER.into_iter().chain(self.schedulers().filter(|name| !ours.contains(name)));
        let own: Vec<_> = self.lab.rebuilders().filter(|name| !lab::REBUILDERS.contains(name)).collect();
        let mut cells = Vec::new();
        for scheduler in schedulers {
            let rebuilders = MAIN.into_iter().chain(own.iter().copied());
            cells.extend(rebuilders.map(|rebuilder| self.cell(scheduler, rebuilder)));
        }
        cells.push(self.cell("topological", "modification-time"));
        cells.push(self.cell("topological", "perpetual"));
        cells
    }

    /// Every scheduler with every rebuilder.
    pub fn all(&self) -> Vec<MenuCell<'_>> {
        let rebuilders = self.rebuilders();
        let with = |scheduler| rebuilders.iter().map(move |rebuilder| self.cell(scheduler, rebuilder));
        self.schedulers().flat_map(with).collect()
    }

    /// The part of the menu that these names choose: [`Menu::cells`] if there are none. A baseline that is named
    /// runs under every scheduler that is. A scheduler that is not the paper's has to be named.
    pub fn chosen(&self, schedulers: &[String], rebuilders: &[String]) -> Vec<MenuCell<'_>> {
        if schedulers.is_empty() && rebuilders.is_empty() {
            return self.cells();
        }
        let usual: Vec<_> = self.cells().iter().map(|cell| cell.rebuilder).collect();
        let named = |names: &[String], name: &str| names.iter().any(|other| other == name);
        let mut all = self.all();
        all.retain(|cell| {
            let (scheduler, rebuilder) = (cell.scheduler, cell.rebuilder);
            let first = if schedulers.is_empty() { PAPER.contains(&scheduler) } else { named(schedulers, scheduler) };
            first && if rebuilders.is_empty() { usual.contains(&rebuilder) } else { named(rebuilders, rebuilder) }
        });
        all
    }
}

impl fmt::Debug for Makes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Makes")
    }
}

/// A cell of a menu.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MenuCell<'m> {
    /// The menu.
    pub menu: &'m Menu,
    /// Its scheduler.
    pub scheduler: &'static str,
    /// Its rebuilder.
    pub rebuilder: &'static str,
}

/// Of the same names.
impl PartialEq for MenuCell<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.scheduler, self.rebuilder) == (other.scheduler, other.rebuilder)
    }
}

impl Eq for MenuCell<'_> {}

impl fmt::Display for MenuCell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.scheduler, self.rebuilder)
    }
}

impl MenuCell<'_> {
    /// Whether its rebuilder is only there to compare with.
    pub fn is_baseline(self) -> bool {
        BASELINES.contains(&self.rebuilder)
    }

    /// Whether its scheduler or its rebuilder was added to the menu.
    pub fn is_own(self) -> bool {
        !lab::SCHEDULERS.contains(&self.scheduler) || !lab::REBUILDERS.contains(&self.rebuilder)
    }

    /// Whether intermediate keys need not be right, or there at all, once the target is (shallow correctness).
    pub fn is_shallow(self) -> bool {
        self.menu.lab.promises(self.rebuilder).shallow
    }

    /// Whether its scheduler makes its order beforehand, of what tasks declare.
    pub fn is_ordered(self) -> bool {
        self.menu.lab.is_ordered(self.scheduler)
    }

    /// The system that stands in this cell, if one has a name.
    pub fn system(self) -> Option<&'static str> {
        SYSTEMS.iter().find(|system| system.stands_in(self)).map(|system| system.name)
    }

    /// Its scheduler, made anew.
    pub fn scheduler(self) -> Box<dyn Scheduler> {
        self.menu.lab.scheduler(self.scheduler)
    }

    /// Its rebuilder, for spreadsheets.
    pub fn of_sheets(self) -> OfSheets {
        let own = self.menu.own.get(self.rebuilder).map(|makes| (makes.of_sheets)());
        own.or_else(|| alacarte_rebuilders::named(self.rebuilder)).unwrap_or_else(not_on_the_menu)
    }

    /// Its rebuilder, for files.
    pub fn of_files(self) -> OfFiles {
        let own = self.menu.own.get(self.rebuilder).map(|makes| (makes.of_files)());
        own.or_else(|| alacarte_rebuilders::named(self.rebuilder)).unwrap_or_else(not_on_the_menu)
    }
}

fn not_on_the_menu<T>() -> T {
    unreachable!("what a cell names is on its menu")
}

/// A build system of the world, as the paper places it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct System {
    /// Its name.
    pub name: &'static str,
    /// The scheduler of its cell.
    pub scheduler: &'static str,
    /// The rebuilder of its cell.
    pub rebuilder: &'static str,
    /// What it remembers between builds.
    pub remembers: &'static str,
    /// What is peculiar about it.
    pub note: &'static str,
}

impl System {
    /// Whether it stands in this cell.
    pub fn stands_in(&self, cell: MenuCell<'_>) -> bool {
        (self.scheduler, self.rebuilder) == (cell.scheduler, cell.rebuilder)
    }
}

macro_rules! system {
    ($name:literal, $scheduler:literal, $rebuilder:literal, $remembers:literal, $note:literal) => {
        System { name: $name, scheduler: $scheduler, rebuilder: $rebuilder, remembers: $remembers, note: $note }
    };
}

/// The named systems; a cell's first entry gives the cell its name.
pub const SYSTEMS: [System; 14] = [
    system!(
        "Make",
        "topological",
        "modification-time",
        "modification times",
        "the times stand in for dirty bits; sees no changed command"
    ),
    system!(
        "Ninja",
        "topological",
        "verifying-trace",
        "command hashes and times",
        "ours compares contents, so it has early cutoff without `restat`"
    ),
    system!("CloudBuild", "topological", "constructive-trace", "a cache shared by machines", "Microsoft's"),
    system!("Buck", "topological", "deep-constructive-trace", "rule keys over terminal inputs", "Meta's first one"),
    system!(
        "Excel",
        "restarting",
        "dirty-bit",
        "dirty cells and a calc chain",
        "Excel's own bits also cover what only may have changed"
    ),
    system!(
        "Bazel",
        "restarting",
        "constructive-trace",
        "a cache and the history of commands",
        "Google's; the published model of it goes stale"
    ),
    system!("Shake", "suspending", "verifying-trace", "traces of the last build", "implemented by step traces"),
    system!(
        "Cloud Shake",
        "suspending",
        "constructive-trace",
        "a cache shared by machines",
        "the paper's own proposal"
    ),
    system!(
        "Nix",
        "suspending",
        "deep-constructive-trace",
        "hashes of terminal inputs",
        "intermediate results need not exist"
    ),
    system!("make.py", "suspending", "constructive-trace", "a policy for each task", "see the per-key rebuilder"),
    system!("samurai, n2", "topological", "verifying-trace", "as Ninja", "Ninja's rule, written again"),
    system!(
        "redo",
        "suspending",
        "verifying-trace",
        "stamps or checksums of what was read",
        "dependencies are found while a script runs"
    ),
    system!(
        "PIE (bottom-up)",
        "bottom-up",
        "dirty-bit",
        "what each task read and required",
        "while the process lives, cost follows the change, not the project size; ours never runs a task in vain"
    ),
    system!("a shell script", "topological", "perpetual", "nothing", "does everything, every time"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_menu_has_twelve_cells_and_two_baselines() {
        let menu = Menu::ours();
        let cells = menu.cells();
        assert_eq!(cells.len(), 14);
        assert_eq!(cells.iter().filter(|cell| cell.is_baseline()).count(), 2);
        assert_eq!(
            cells.iter().filter(|cell| cell.system().is_none()).count(),
            4,
            "topological × dirty-bit is one, for make is a baseline here"
        );
        assert!(cells.iter().all(|cell| PAPER.contains(&cell.scheduler)));
        assert_eq!(menu.all().len(), 28);
        assert_eq!(menu.chosen(&names(&["bottom-up"]), &[]).len(), MAIN.len() + BASELINES.len());
        assert_eq!(menu.chosen(&[], &names(&["step-trace", "perpetual"])).len(), 6);
        assert_eq!(menu.chosen(&names(&["bottom-up"]), &names(&["step-trace"])).len(), 1);
    }

    #[test]
    fn what_is_added_has_cells_beside_ours() {
        let menu = Menu::ours()
            .with_rebuilder("mine", Promises::default(), || alacarte_rebuilders::VerifyingTrace)
            .with_scheduler("straight", alacarte_schedulers::Suspending::new);
        let cells = menu.cells();
        assert_eq!(cells.len(), 4 * 5 + 2);
        let shown: Vec<String> = cells.iter().map(ToString::to_string).collect();
        assert!(shown.contains(&"straight × mine".into()) && shown.contains(&"straight × dirty-bit".into()));
        assert_eq!(menu.chosen(&names(&["straight"]), &[]).len(), 5 + BASELINES.len());
        assert_eq!(menu.all().len(), 5 * 8);
    }
}
