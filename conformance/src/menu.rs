//! The menu: schedulers and rebuilders by name, and what each promises. Ours are on it; anybody can add to it.

use std::fmt;
use std::sync::{Arc, LazyLock};

use alacarte_core::{Dynamic, Rebuilder, Scheduler, Schedules, Static};

use crate::generate::Style;
use crate::laws::{Promises, Thrift};
use crate::name::Name;
use crate::stage::Combination;
use crate::user::{Label, Part};

pub use alacarte_rebuilders::NAMES as REBUILDERS;
pub use alacarte_schedulers::NAMES as SCHEDULERS;

type Boxed = Box<dyn Rebuilder<Name, i64>>;
type OfUsers = Box<dyn Rebuilder<Label, Part>>;
type Makes<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Schedulers and rebuilders by name.
///
/// ```
/// use alacarte_conformance::{Campaign, LabMenu, promises};
/// use alacarte_rebuilders::VerifyingTrace;
///
/// let menu = LabMenu::ours().with_rebuilder("mine", promises("verifying-trace"), || VerifyingTrace);
/// let mine: Vec<_> = menu.subjects().into_iter().filter(|subject| subject.rebuilder == "mine").collect();
/// assert_eq!(mine.len(), 7); // Under each of four schedulers, and over tasks of two kinds but for one of them.
/// let found = Campaign::new(8).run(&mine[..2], &|_, _| ());
/// assert!(found.iter().all(|finding| finding.broken.is_none()));
/// ```
#[derive(Clone)]
pub struct LabMenu {
    schedulers: Vec<OneScheduler>,
    rebuilders: Vec<OneRebuilder>,
}

#[derive(Clone)]
struct OneScheduler {
    name: &'static str,
    /// It makes its order beforehand, of what tasks declare.
    ordered: bool,
    starts_once: bool,
    make: Makes<Box<dyn Scheduler>>,
}

#[derive(Clone)]
struct OneRebuilder {
    name: &'static str,
    promises: Promises,
    style: Style,
    make: Makes<Boxed>,
    make_for_users: Makes<OfUsers>,
}

static OURS: LazyLock<LabMenu> = LazyLock::new(|| LabMenu {
    schedulers: SCHEDULERS
        .map(|name| OneScheduler {
            name,
            ordered: name == "topological",
            starts_once: name != "restarting",
            make: Arc::new(move || alacarte_schedulers::named(name).expect("a scheduler of that name")),
        })
        .into(),
    rebuilders: REBUILDERS
        .map(|name| OneRebuilder {
            name,
            promises: promises(name),
            style: style(name),
            make: Arc::new(move || alacarte_rebuilders::named(name).expect("a rebuilder of that name")),
            make_for_users: Arc::new(move || alacarte_rebuilders::named(name).expect("a rebuilder of that name")),
        })
        .into(),
});

impl LabMenu {
    /// What is on it without anybody's doing: [`SCHEDULERS`] and [`REBUILDERS`].
    pub fn ours() -> Self {
        OURS.clone()
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
        self.adding_scheduler(name, false, Arc::new(move || Box::new(make())))
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
        self.adding_scheduler(name, true, Arc::new(move || Box::new(make())))
    }

    fn adding_scheduler(mut self, name: &'static str, ordered: bool, make: Makes<Box<dyn Scheduler>>) -> Self {
        assert!(self.schedulers().all(|taken| taken != name), "there is a scheduler `{name}` already");
        self.schedulers.push(OneScheduler { name, ordered, starts_once: false, make });
        self
    }

    /// The same, with a rebuilder of your own, which promises this.
    ///
    /// # Panics
    /// If the name is taken.
    #[must_use]
    pub fn with_rebuilder<R: Rebuilder<Name, i64> + Rebuilder<Label, Part> + 'static>(
        mut self,
        name: &'static str,
        promises: Promises,
        make: impl Fn() -> R + Send + Sync + 'static,
    ) -> Self {
        assert!(self.rebuilders().all(|taken| taken != name), "there is a rebuilder `{name}` already");
        let make = Arc::new(make);
        let make_for_users = make.clone();
        self.rebuilders.push(OneRebuilder {
            name,
            promises,
            style: Style::everything(),
            make: Arc::new(move || Box::new(make())),
            make_for_users: Arc::new(move || Box::new(make_for_users())),
        });
        self
    }

    /// The names of its schedulers.
    pub fn schedulers(&self) -> impl Iterator<Item = &'static str> {
        self.schedulers.iter().map(|scheduler| scheduler.name)
    }

    /// The names of its rebuilders.
    pub fn rebuilders(&self) -> impl Iterator<Item = &'static str> {
        self.rebuilders.iter().map(|rebuilder| rebuilder.name)
    }

    fn one_scheduler(&self, name: &str) -> &OneScheduler {
        let names = || self.schedulers().collect::<Vec<_>>().join(", ");
        let found = self.schedulers.iter().find(|scheduler| scheduler.name == name);
        found.unwrap_or_else(|| panic!("there is no scheduler `{name}`: choose one of {}", names()))
    }

    fn one_rebuilder(&self, name: &str) -> &OneRebuilder {
        let names = || self.rebuilders().collect::<Vec<_>>().join(", ");
        let found = self.rebuilders.iter().find(|rebuilder| rebuilder.name == name);
        found.unwrap_or_else(|| panic!("there is no rebuilder `{name}`: choose one of {}", names()))
    }

    /// A scheduler of it.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn scheduler(&self, name: &str) -> Box<dyn Scheduler> {
        (self.one_scheduler(name).make)()
    }

    /// Whether this scheduler makes its order beforehand, and so builds tasks only that declare what they fetch.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn is_ordered(&self, scheduler: &str) -> bool {
        self.one_scheduler(scheduler).ordered
    }

    /// What one of its rebuilders promises.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn promises(&self, rebuilder: &str) -> Promises {
        self.one_rebuilder(rebuilder).promises
    }

    /// What may happen in a history for this rebuilder.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn style(&self, rebuilder: &str) -> Style {
        self.one_rebuilder(rebuilder).style
    }

    /// A combination of the two of these names.
    ///
    /// # Panics
    /// If there is no such scheduler, or no such rebuilder.
    pub fn combination(&self, scheduler: &str, rebuilder: &str) -> Combination<'static> {
        let (scheduler, rebuilder) = (self.one_scheduler(scheduler), self.one_rebuilder(rebuilder));
        let promises = Promises { starts_once: scheduler.starts_once, ..rebuilder.promises };
        let name = format!("{} × {}", scheduler.name, rebuilder.name);
        let (first, second) = (scheduler.make.clone(), rebuilder.make.clone());
        Combination { name, make: Box::new(move || (first(), second())), promises }
    }

    /// The same two, for a user's own program.
    pub(crate) fn for_users(&self, scheduler: &str, rebuilder: &str) -> (Box<dyn Scheduler>, OfUsers) {
        ((self.one_scheduler(scheduler).make)(), (self.one_rebuilder(rebuilder).make_for_users)())
    }

    /// Every combination, over every kind of tasks that it can build.
    pub fn subjects(&self) -> Vec<Subject<'_>> {
        let mut all = Vec::new();
        for scheduler in &self.schedulers {
            for rebuilder in self.rebuilders() {
                let subject = Subject { menu: self, scheduler: scheduler.name, rebuilder, tasks: TaskKind::Static };
                all.push(subject);
                all.extend((!scheduler.ordered).then_some(Subject { tasks: TaskKind::Dynamic, ..subject }));
            }
        }
        all
    }
}

impl fmt::Debug for LabMenu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (schedulers, rebuilders) = (self.schedulers().collect::<Vec<_>>(), self.rebuilders().collect::<Vec<_>>());
        f.debug_struct("Menu").field("schedulers", &schedulers).field("rebuilders", &rebuilders).finish()
    }
}

/// What a rebuilder of our own promises.
///
/// # Panics
/// If there is none of that name.
pub fn promises(rebuilder: &str) -> Promises {
    let nothing = Promises::default();
    match rebuilder {
        "dirty-bit" => Promises { minimal: Thrift::Events, cutoff: Thrift::Events, null: true, ..nothing },
        "verifying-trace" => Promises { minimal: Thrift::Values, cutoff: Thrift::Values, null: true, ..nothing },
        "constructive-trace" => {
            Promises { minimal: Thrift::Values, cutoff: Thrift::Values, restores: true, null: true, ..nothing }
        }
        "deep-constructive-trace" => Promises {
            shallow: true,
            deterministic: true,
            minimal: Thrift::Values,
            restores: true,
            null: true,
            ..nothing
        },
        "step-trace" => Promises { minimal: Thrift::Events, cutoff: Thrift::Events, null: true, ..nothing },
        "modification-time" => Promises { null: true, ..nothing },
        "perpetual" => nothing,
        unknown => panic!("there is no rebuilder `{unknown}`: choose one of {}", REBUILDERS.join(", ")),
    }
}

/// What may happen in a history for this rebuilder: everything, but for what make cannot see.
pub fn style(rebuilder: &str) -> Style {
    let sees = rebuilder != "modification-time";
    Style {
        formulas: sees,
        overwrites: sees,
        races: sees,
        clocks: sees,
        volatile: sees,
        exchanges: sees,
        ..Style::everything()
    }
}

/// One of our own combinations, by name.
///
/// # Panics
/// If there is none of that name.
pub fn menu(scheduler: &str, rebuilder: &str) -> Combination<'static> {
    OURS.combination(scheduler, rebuilder)
}

/// The power of the tasks that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// They declare what they may fetch.
    Static,
    /// They find it while they run.
    Dynamic,
}

/// A combination of a menu, over tasks of one kind.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Subject<'m> {
    /// The menu.
    pub menu: &'m LabMenu,
    /// The scheduler's name.
    pub scheduler: &'static str,
    /// The rebuilder's name.
    pub rebuilder: &'static str,
    /// What it builds.
    pub tasks: TaskKind,
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TaskKind::Static => "static",
            TaskKind::Dynamic => "dynamic",
        })
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}, {} tasks", self.scheduler, self.rebuilder, self.tasks)
    }
}

/// Of the same name, over tasks of the same kind.
impl PartialEq for Subject<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.scheduler, self.rebuilder, self.tasks) == (other.scheduler, other.rebuilder, other.tasks)
    }
}

impl Eq for Subject<'_> {}

impl Subject<'static> {
    /// Every combination of our own menu, the baselines included, over every kind of tasks that it can build.
    pub fn all() -> Vec<Self> {
        OURS.subjects()
    }
}
